use std::io::Cursor;
use std::path::PathBuf;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, GenericImageView, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use crate::vault::random;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const CANARY: &[u8] = b"N30.1 E120.9 13800138000";

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("jiazai-files-{}", hex(&random::<8>())));
        std::fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn files(&self) -> Files {
        Files::open(&self.0, None, Arc::new(Vault::from_hex(KEY).expect("a key"))).expect("a store")
    }

    /// Every file under it.
    fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let (mut folders, mut found) = (vec![self.0.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() { folders.push(path) } else { found.push((path.clone(), std::fs::read(path).expect("a file"))) }
            }
        }
        found
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Red on the left, blue on the right.
fn picture() -> DynamicImage {
    RgbImage::from_fn(64, 32, |x, _| if x < 32 { Rgb([250, 0, 0]) } else { Rgb([0, 0, 250]) }).into()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    match format {
        ImageFormat::Jpeg => picture.write_with_encoder(JpegEncoder::new(&mut out)).expect("a JPEG"),
        ImageFormat::WebP => picture.write_with_encoder(WebPEncoder::new_lossless(&mut out)).expect("a WebP"),
        _ => picture.write_to(&mut out, format).expect("a picture"),
    }
    out.into_inner()
}

/// A JPEG whose camera noted how it was held (EXIF orientation) and where it was.
fn photo(orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0]);
    exif.extend_from_slice(CANARY);
    let mut segment = vec![0xff, 0xe1];
    segment.extend_from_slice(&(exif.len() as u16 + 2).to_be_bytes());
    segment.extend_from_slice(&exif);
    let plain = encoded(&picture(), ImageFormat::Jpeg);
    [&plain[..2], &segment, &plain[2..]].concat()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn pdf(content: &str) -> Vec<u8> {
    format!("%PDF-1.4\n{content}\n%%EOF\n").into_bytes()
}

#[tokio::test]
async fn a_photo_is_turned_upright_and_forgets_where_it_was_taken() {
    let folder = Folder::new();
    let upload = photo(6);
    assert!(contains(&upload, CANARY));
    let file = folder.files().accept(upload).await.expect("a photo");
    assert_eq!((file.content_type(), file.width(), file.height()), (ContentType::Jpeg, Some(32), Some(64)));
    assert!(!contains(file.bytes(), CANARY) && !contains(file.bytes(), b"Exif"));
    let seen = image::load_from_memory(file.bytes()).expect("a picture");
    assert!(seen.get_pixel(16, 4)[0] > 200 && seen.get_pixel(16, 60)[2] > 200, "red is on top now");
}

#[tokio::test]
async fn every_kind_of_picture_keeps_its_kind_and_its_pixels() {
    let (folder, transparent) = (Folder::new(), DynamicImage::from(RgbaImage::from_pixel(9, 5, Rgba([1, 2, 3, 77]))));
    for (format, kind) in [(ImageFormat::Png, ContentType::Png), (ImageFormat::WebP, ContentType::Webp)] {
        let file = folder.files().accept(encoded(&transparent, format)).await.expect("a picture");
        assert_eq!((file.content_type(), file.width(), file.height()), (kind, Some(9), Some(5)));
        assert_eq!(ContentType::sniff(file.bytes()), Some(kind));
        assert_eq!(image::load_from_memory(file.bytes()).expect("a picture").into_rgba8().into_raw(), transparent.as_bytes());
    }
}

#[tokio::test]
async fn notes_in_a_png_go_too() {
    let plain = encoded(&picture(), ImageFormat::Png);
    // After the signature and the header chunk, as any writer may put it: a text chunk (readers check its sum, so it has one).
    let text = [b"tEXt".as_slice(), b"Comment\0", CANARY].concat();
    let sum = crc(&text).to_be_bytes();
    let length = (text.len() as u32 - 4).to_be_bytes();
    let upload = [&plain[..33], &length, &text, &sum, &plain[33..]].concat();
    let file = Folder::new().files().accept(upload).await.expect("a picture");
    assert!(!contains(file.bytes(), CANARY));
}

/// CRC-32 as PNG has it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 * (sum & 1))))
}

#[tokio::test]
async fn what_a_file_is_called_or_claims_does_not_matter() {
    let folder = Folder::new();
    let files = folder.files();
    for upload in [&b""[..], b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", b" %PDF-1.4", b"MZ", b"RIFF1234WAVE"] {
        assert_eq!(files.accept(upload.to_vec()).await, Err(FileError::UnsupportedType));
    }
}

#[tokio::test]
async fn what_only_begins_like_a_picture_is_damaged() {
    let folder = Folder::new();
    let files = folder.files();
    let png = encoded(&picture(), ImageFormat::Png);
    let webp = encoded(&picture(), ImageFormat::WebP);
    for upload in [
        b"\xff\xd8\xff".to_vec(),
        b"\xff\xd8\xff\xe0garbage".to_vec(),
        png[..png.len() / 2].to_vec(),
        webp[..20].to_vec(),
        b"%PDF-1.4 cut".to_vec(),
    ] {
        assert_eq!(files.accept(upload.clone()).await, Err(FileError::Damaged), "{upload:?}");
    }
}

#[tokio::test]
async fn size_is_bounded_in_bytes_and_in_pixels_before_anything_is_decoded() {
    let folder = Folder::new();
    let files = folder.files();
    assert_eq!(files.accept(vec![0xff; LARGEST + 1]).await, Err(FileError::TooLarge));
    for (width, height) in [(12_001u32, 1u32), (1, 12_001), (8000, 5001), (u32::MAX >> 1, u32::MAX >> 1)] {
        // A header that announces the size, and nothing behind it.
        let header = [b"IHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        let sum = crc(&header).to_be_bytes();
        let data = [b"\0\0\0\0IDAT".as_slice(), &crc(b"IDAT").to_be_bytes()].concat();
        let upload = [b"\x89PNG\r\n\x1a\n\0\0\0\x0d".as_slice(), &header, &sum, &data].concat();
        assert_eq!(files.accept(upload).await, Err(FileError::TooLarge), "{width} × {height}");
    }
}

#[tokio::test]
async fn a_pdf_is_kept_as_it_is_unless_it_can_act() {
    let folder = Folder::new();
    let files = folder.files();
    let file = files.accept(pdf("<</Type/Catalog>>")).await.expect("a PDF");
    assert_eq!((file.content_type(), file.bytes(), file.width()), (ContentType::Pdf, pdf("<</Type/Catalog>>").as_slice(), None));
    assert_eq!(files.accept(pdf("<</S/JavaScript>>")).await, Err(FileError::UnsafePdf("a script")));
}

#[tokio::test]
async fn a_file_is_kept_once_sealed_and_found_by_its_hash() {
    let folder = Folder::new();
    let files = folder.files();
    let file = files.accept(pdf("(Born 2019-09-01)")).await.expect("a PDF");
    files.put(&file).await.expect("kept");
    files.put(&file).await.expect("kept again");
    assert_eq!(folder.files().get(file.sha256()).await, Ok(Some(file.bytes().to_vec())));

    let kept = folder.contents();
    let hash = hex(file.sha256());
    assert_eq!(kept.len(), 1);
    assert!(kept[0].0.ends_with(format!("files/{}/{}/{hash}", &hash[..2], &hash[2..4])), "{:?}", kept[0].0);
    assert!(!contains(&kept[0].1, b"Born") && !contains(&kept[0].1, b"PDF"));
}

#[tokio::test]
async fn what_was_never_kept_or_was_deleted_is_not_there() {
    let folder = Folder::new();
    let files = folder.files();
    let file = files.accept(pdf("x")).await.expect("a PDF");
    assert_eq!(files.get(file.sha256()).await, Ok(None));
    files.put(&file).await.expect("kept");
    files.delete(file.sha256()).await.expect("deleted");
    files.delete(file.sha256()).await.expect("deleted again");
    assert_eq!(files.get(file.sha256()).await, Ok(None));
}

#[tokio::test]
async fn a_kept_file_that_was_changed_or_moved_does_not_come_back_as_something_else() {
    let folder = Folder::new();
    let files = folder.files();
    let (one, two) = (files.accept(pdf("1")).await.expect("a PDF"), files.accept(pdf("2")).await.expect("a PDF"));
    files.put(&one).await.expect("kept");
    let (path, sealed) = folder.contents().remove(0);
    files.put(&two).await.expect("kept");
    for (other, _) in folder.contents().iter().filter(|(other, _)| *other != path) {
        std::fs::write(other, &sealed).expect("written");
    }
    assert_eq!(files.get(two.sha256()).await, Err(FileError::Store));
    std::fs::write(path, &sealed[..sealed.len() - 1]).expect("written");
    assert_eq!(files.get(one.sha256()).await, Err(FileError::Store));
}

#[test]
fn a_bucket_may_have_a_prefix_and_nothing_else() {
    assert_eq!(bucket_and_prefix("s3://papers"), Some(("papers", String::new())));
    assert_eq!(bucket_and_prefix("s3://papers/town/a/"), Some(("papers", "town/a/".to_owned())));
    for bad in ["", "papers", "s3://", "s3:///a", "http://papers", "s3://papers/a?b", "s3://key:secret@papers"] {
        assert_eq!(bucket_and_prefix(bad), None, "{bad}");
    }
}
