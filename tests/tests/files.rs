//! Files: what is taken in and as what, what does not survive the cleaning, and who may look.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageEncoder, RgbImage};
use jiazai_tests::{Call, Client, PICTURE, Repair, Reply, Value, eventually, json, shared, unique};

/// A place, as a camera notes it.
const PLACE: &str = "24.9086N 118.5896E";

/// 40 wide, 20 high, no two neighbours alike, so that a decoder has something to get wrong.
fn picture() -> DynamicImage {
    RgbImage::from_fn(40, 20, |x, y| image::Rgb([(x * 6) as u8, (y * 12) as u8, 90])).into()
}

/// Notes that say how the camera was held (turn right) and where it was.
fn exif() -> Vec<u8> {
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    // Tag, type, count, value or where it is; the text follows the two entries and the end of the list.
    tiff.extend_from_slice(b"\x01\x0f\0\x02\0\0\0");
    tiff.push(PLACE.len() as u8 + 1);
    tiff.extend_from_slice(b"\0\0\0\x26");
    tiff.extend_from_slice(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
    tiff.extend_from_slice(b"\0\0\0\0");
    tiff.extend_from_slice(PLACE.as_bytes());
    tiff.push(0);
    tiff
}

/// The picture as a camera would write it, notes included: JPEG, PNG and WebP.
fn photographs() -> [(&'static str, Vec<u8>); 3] {
    let (mut jpeg, mut png, mut webp) = (Vec::new(), Vec::new(), Vec::new());
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 90);
    encoder.set_exif_metadata(exif()).unwrap();
    picture().write_with_encoder(encoder).unwrap();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_exif_metadata(exif()).unwrap();
    picture().write_with_encoder(encoder).unwrap();
    let mut encoder = WebPEncoder::new_lossless(&mut webp);
    encoder.set_exif_metadata(exif()).unwrap();
    picture().write_with_encoder(encoder).unwrap();
    [("image/jpeg", jpeg), ("image/png", png), ("image/webp", webp)]
}

fn jpeg() -> Vec<u8> {
    let [(_, jpeg), _, _] = photographs();
    jpeg
}

fn pdf(text: &str) -> Vec<u8> {
    format!("%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Title ({text}) >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n").into_bytes()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn upload(client: &impl Client, name: &str, kind: &str, bytes: &[u8]) -> Reply {
    client.call("POST", "/files").file(name, kind, bytes).send()
}

#[track_caller]
fn id(reply: &Reply) -> String {
    reply.json["id"].as_str().unwrap_or_else(|| panic!("{}", reply.describe())).to_owned()
}

fn file(id: &str) -> String {
    format!("/files/{id}")
}

// ---- what is taken in ---------------------------------------------------------------------------------------------

#[test]
fn a_photograph_is_kept_without_the_cameras_notes_and_the_right_way_up() {
    let me = shared().resident();
    for (kind, bytes) in photographs() {
        assert!(contains(&bytes, PLACE.as_bytes()), "{kind}: this test would prove nothing");
        let taken = upload(&me, "a", kind, &bytes).expect(201);
        assert_eq!(taken.json["content_type"], kind);
        let kept = me.get(&file(&id(&taken))).send().expect(200);
        assert_eq!((kept.content_type(), kept.body.len() as u64), (kind, taken.json["size"].as_u64().unwrap()));
        for note in [PLACE.as_bytes(), b"Exif\0\0", b"eXIf", b"EXIF"] {
            assert!(!contains(&kept.body, note), "{kind} still says {}", String::from_utf8_lossy(note));
        }
        let decoded = image::load_from_memory(&kept.body).unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!((decoded.width(), decoded.height()), (20, 40), "{kind}: turned as the camera meant it");
    }
}

#[test]
fn a_pdf_is_kept_as_it_is_and_opens_outside_of_our_pages() {
    let me = shared().resident();
    let bytes = pdf("a form");
    let taken = upload(&me, "form.pdf", "application/pdf", &bytes).expect(201);
    let kept = me.get(&file(&id(&taken))).send().expect(200);
    assert_eq!((kept.content_type(), kept.body.as_slice()), ("application/pdf", bytes.as_slice()));
    assert!(kept.must("content-disposition").starts_with("attachment"));
}

#[test]
fn a_file_is_what_its_bytes_say_and_not_what_its_name_says() {
    let me = shared().resident();
    let taken = upload(&me, "../../etc/x.html", "text/html", &jpeg()).expect(201);
    assert_eq!(taken.json["content_type"], "image/jpeg");
    let kept = me.get(&file(&id(&taken))).send().expect(200);
    assert_eq!((kept.content_type(), kept.must("x-content-type-options")), ("image/jpeg", "nosniff"));
}

#[test]
fn what_is_neither_picture_nor_pdf_is_415() {
    let me = shared().resident();
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>1</script></svg>";
    for bytes in [
        &b"just words"[..],
        b"<!doctype html><p>x",
        svg,
        b"PK\x03\x04\x14\0\0\0",
        b"GIF89a\x01\0\x01\0",
        b"\0\0\0\x18ftypheic",
        b"MZ\x90\0",
    ] {
        let refused = upload(&me, "a.jpg", "image/jpeg", bytes).expect(415);
        assert_eq!(refused.json["code"], "unsupported_media_type", "{}", refused.describe());
    }
    // A picture that begins with something else is not that picture.
    upload(&me, "a.png", "image/png", &[b"<html>", PICTURE].concat()).expect(415);
}

#[test]
fn more_than_ten_megabytes_are_413() {
    let me = shared().resident();
    let mut large = jpeg();
    large.resize(10 * 1024 * 1024 + 1, 0);
    upload(&me, "a.jpg", "image/jpeg", &large).expect(413);
    // A form that promises a gigabyte is not waited for.
    let token = me.authorization().unwrap();
    let head = format!(
        "POST /api/v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: multipart/form-data; boundary=e\r\nContent-Length: 1000000000\r\n\r\n--e\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
    );
    let mut request = head.into_bytes();
    request.resize(request.len() + 10 * 1024 * 1024 + 65_536, 0);
    assert_eq!(jiazai_tests::raw(shared(), &request).status, 413);
}

/// A PNG that says it has this size and holds nothing.
fn announced(width: u32, height: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], body: &[u8]| {
        let named = [kind.as_slice(), body].concat();
        png.extend_from_slice(&(body.len() as u32).to_be_bytes());
        png.extend_from_slice(&named);
        png.extend_from_slice(&crc32(&named).to_be_bytes());
    };
    chunk(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat());
    chunk(b"IDAT", &[0x78, 0xda, 0x03, 0, 0, 0, 0, 1]);
    chunk(b"IEND", &[]);
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 }))
}

#[test]
fn a_few_bytes_that_announce_gigapixels_are_refused_unread() {
    let me = shared().resident();
    for (width, height) in [(60_000, 60_000), (12_001, 1), (1, 12_001), (8_000, 8_000), (0x7fff_ffff, 0x7fff_ffff)] {
        let refused = upload(&me, "a.png", "image/png", &announced(width, height));
        assert!(matches!(refused.status, 413 | 422), "{width} × {height}: {}", refused.describe());
    }
}

#[test]
fn a_picture_that_is_cut_off_is_422() {
    let me = shared().resident();
    for (kind, bytes) in photographs() {
        for part in [bytes.len() / 4, bytes.len() / 2] {
            upload(&me, "a", kind, &bytes[..part]).expect(422);
        }
    }
    upload(&me, "a.pdf", "application/pdf", b"%PDF-1.4\n1 0 obj").expect(422);
}

#[test]
fn a_pdf_that_could_do_something_is_422() {
    let me = shared().resident();
    for active in [
        "x) /JavaScript (app.alert(1)",
        "x) /OpenAction << /S /Launch >> /T (",
        "x) /J#61vaScript (1",
        "x) /EmbeddedFiles (1",
        "x) /Encrypt (1",
    ] {
        upload(&me, "a.pdf", "application/pdf", &pdf(active)).expect(422);
    }
}

#[test]
fn a_form_without_the_file_is_422_and_a_broken_one_400() {
    let me = shared().resident();
    let form = |body: &str| -> Call<'_> { me.call("POST", "/files").bytes("multipart/form-data; boundary=e", body.as_bytes().to_vec()) };
    for without in [
        "--e--\r\n",
        "--e\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n--e--\r\n",
        "--e\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\r\n--e--\r\n",
    ] {
        let refused = form(without).send().expect(422);
        assert_eq!(refused.json["errors"][0]["pointer"], "/file", "{without:?}: {}", refused.describe());
    }
    for broken in ["", "nonsense", "--e\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\u{ff}"] {
        let refused = form(broken).send();
        assert!(matches!(refused.status, 400 | 422), "{broken:?}: {}", refused.describe());
    }
    me.call("POST", "/files").bytes("image/png", PICTURE.to_vec()).send().expect(415);
    me.call("POST", "/files").bytes("multipart/form-data", PICTURE.to_vec()).send().expect(400);
    me.post("/files", json!({})).send().expect(415);
}

#[test]
fn an_upload_that_is_sent_again_with_its_key_is_one_file() {
    let me = shared().resident();
    let key = unique("key-");
    let send = |bytes: &[u8]| me.call("POST", "/files").file("a.png", "image/png", bytes).header("Idempotency-Key", &key).send();
    let first = send(PICTURE).expect(201);
    let again = send(PICTURE).expect(201);
    assert_eq!((again.must("idempotency-replayed"), &again.body), ("true", &first.body));
    assert_eq!(send(&jpeg()).expect(422).json["code"], "idempotency_mismatch");
    // Without a key the same picture is another file: one may be attached, the other not.
    assert_ne!(id(&upload(&me, "a.png", "image/png", PICTURE)), id(&first));
}

// ---- what they belong to, and who may look --------------------------------------------------------------------------

fn report_with(repair: &Repair<'_>, photos: Value) -> Reply {
    let mut draft = repair.draft();
    draft["photos"] = photos;
    repair.reporter.post("/repair-tickets", draft).send()
}

#[test]
fn a_photo_belongs_to_one_ticket_and_to_its_owner() {
    let repair = Repair::new(shared());
    let mine = id(&upload(&repair.reporter, "a.png", "image/png", PICTURE).expect(201));
    let others = id(&upload(&shared().resident(), "a.png", "image/png", PICTURE).expect(201));
    for photos in [json!([others]), json!(["fil_01h455vb4pex5vsknk084sn02q"]), json!(["x"])] {
        let refused = report_with(&repair, photos.clone()).expect(422);
        assert_eq!(refused.json["errors"][0]["pointer"], "/photos/0", "{photos}: {}", refused.describe());
    }
    let ticket = report_with(&repair, json!([mine])).expect(201).json;
    assert_eq!(ticket["photos"], json!([mine]));
    let refused = report_with(&repair, json!([mine])).expect(422);
    assert_eq!(refused.json["errors"][0]["pointer"], "/photos/0");
    assert_eq!(repair.reporter.get("/repair-tickets").expect(200)["items"].as_array().unwrap().len(), 1, "a refusal leaves no trace");
}

#[test]
fn a_file_is_seen_by_its_owner_and_by_those_who_see_its_ticket() {
    let repair = Repair::new(shared());
    let photo = id(&upload(&repair.reporter, "a.jpg", "image/jpeg", &jpeg()).expect(201));
    let path = file(&photo);
    repair.reporter.get(&path).send().expect(200);
    // Until it belongs to something it is its owner's alone.
    repair.dispatcher.get(&path).send().expect(404);
    let ticket = report_with(&repair, json!([photo])).expect(201).json;
    let worker = shared().staff("worker1");
    worker.get(&path).send().expect(404);
    // Those who review see it at once, all others when the content check has let it pass.
    for name in ["dispatcher", "manager"] {
        shared().staff(name).get(&path).send().expect(200);
    }
    eventually("the picture passes", 30, || (shared().staff("auditor").get(&path).send().status == 200).then_some(()));
    repair.do_rightly(&ticket, "assign");
    worker.get(&path).send().expect(200);
    for name in ["worker2", "leader", "reviewer1"] {
        shared().staff(name).get(&path).send().expect(404);
    }
    shared().resident().get(&path).send().expect(404);
    let elsewhere = shared().staff("admin").hire("dispatcher", shared().other_community());
    elsewhere.get(&path).send().expect(404);
    shared().anon().get(&path).send().expect(401);
}

#[test]
fn a_workers_photo_of_the_work_is_seen_by_the_reporter() {
    let repair = Repair::new(shared());
    let ticket = repair.ticket_in("on_site");
    let photo = id(&upload(&repair.worker, "a.png", "image/png", PICTURE).expect(201));
    repair.reporter.get(&file(&photo)).send().expect(404);
    // The reporter's own photo is not the worker's to use.
    let foreign = id(&upload(&repair.reporter, "a.png", "image/png", PICTURE).expect(201));
    let path = format!("/repair-tickets/{}/resolve", ticket["id"].as_str().unwrap());
    repair.worker.post(&path, json!({ "note": "好了", "photos": [foreign] })).send().expect(422);
    repair.worker.post(&path, json!({ "note": "好了", "photos": [photo] })).expect(200);
    repair.reporter.get(&file(&photo)).send().expect(200);
}

#[test]
fn files_are_personal_and_no_cache_keeps_them() {
    let me = shared().resident();
    let photo = id(&upload(&me, "a.png", "image/png", PICTURE).expect(201));
    assert!(me.get(&file(&photo)).send().expect(200).must("cache-control").contains("no-store"));
}

// ---- at rest ------------------------------------------------------------------------------------------------------

#[test]
fn whoever_copies_the_data_folder_has_no_photo() {
    let me = shared().resident();
    let canary = unique("canary-in-a-form-");
    let form = pdf(&canary);
    upload(&me, "a.pdf", "application/pdf", &form).expect(201);
    let (mut files, mut largest) = (0, 0);
    for path in shared().files("") {
        // Another test's upload may be gone between the look and the reading.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        files += 1;
        assert!(!contains(&bytes, canary.as_bytes()), "{} holds the form in clear", path.display());
        if path.components().any(|part| part.as_os_str() == "files") {
            largest = largest.max(bytes.len());
        }
    }
    assert!(files > 0 && largest >= form.len(), "the sealed form should have been among what was looked at");
}
