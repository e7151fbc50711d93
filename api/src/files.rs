//! Files 附件: photos and documents, cleaned on the way in, sealed at rest, shown to those who may see what they belong to.

use actix_multipart::Multipart;
use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use futures_util::StreamExt;
use jiazai_domain::actor::Actor;
use jiazai_domain::enrolment::application::View as ApplicationView;
use jiazai_domain::kernel::file::File;
use jiazai_domain::repair::View;
use jiazai_infra::db::Tx;
use jiazai_infra::files::{FileError, LARGEST};
use jiazai_infra::uploads::{self, Upload};
use jiazai_infra::vault::hex;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::call::{At, Begun, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::input::Ref;
use crate::input::named::FileRef;
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api, Limit};

pub fn routes(api: &mut Api) {
    api.add(op!(upload_file, Access::Anyone).limit(Limit::Upload).refuses(&[
        code::FILE_DAMAGED,
        code::STORAGE_UNAVAILABLE,
        code::TOO_MANY_FILES,
        code::BUSY,
        code::BAD_REQUEST,
    ]))
    .add(op!(get_file, Access::Anyone).sensitive().refuses(&[code::STORAGE_UNAVAILABLE]));
}

/// A file that was taken in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File)]
pub struct FileDto {
    #[schema(inline)]
    pub id: FileRef,
    #[schema(example = "image/jpeg")]
    pub content_type: String,
    /// Bytes, after cleaning.
    pub size: i64,
    pub url: String,
}

/// The form: one part, `file`.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct UploadForm {
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
}

/// Upload a file
///
/// JPEG, PNG, WebP or PDF, at most 10 MiB. What it is is told from its bytes, not from its name. Pictures are encoded
/// anew, so that neither place nor camera stays in them.
#[utoipa::path(post, path = "/files", tag = "files", operation_id = "upload_file",
    request_body(content = UploadForm, content_type = "multipart/form-data"), responses((status = 201, body = FileDto)))]
async fn upload_file(call: Call, form: Multipart) -> Outcome {
    let owner = call.actor()?.id;
    let late = |_| ApiError::new(code::REQUEST_TIMEOUT);
    let bytes = tokio::time::timeout(UPLOAD_WITHIN, read_part(form)).await.map_err(late)??;
    let clean = call.app.files.accept(bytes).await.map_err(refused)?;
    let hash = hex(clean.sha256());
    // The fingerprint is of the cleaned bytes: a phone that sends the same picture again frames its form anew.
    let (keyed, _flight) = match call.begin(hash.as_bytes()).await? {
        Begun::Replay(response) => return Ok(response),
        Begun::Go(keyed, flight) => (keyed, flight),
    };
    let app = call.app.clone();
    let _taking_in = app.files.taking_in().await;
    app.files.put(&clean).await.map_err(refused)?;
    let (content_type, size) = (clean.content_type().as_str().to_owned(), clean.bytes().len() as i64);
    call.write_keyed(keyed, move |tx, _| {
        if uploads::unattached(tx, owner)? >= MOST_UNATTACHED {
            return Err(ApiError::new(code::TOO_MANY_FILES));
        }
        let id = tx.new_id();
        let upload = Upload { id, owner, subject: None, sha256: hash.clone(), content_type: content_type.clone(), size };
        uploads::insert(tx, &upload)?;
        let url = format!("/api/v1/files/{id}");
        Reply::created(url.clone(), &FileDto { id: Ref(id), content_type: content_type.clone(), size, url })
    })
    .await
}

/// Files that belong to nothing yet, of one person. The largest form takes a tenth of that, and after two days they are forgotten.
const MOST_UNATTACHED: i64 = 200;

/// Deletes bytes that no row names any more.
pub async fn discard(app: &App, orphans: Vec<String>) {
    for hash in orphans {
        let Some(bytes) = hash_bytes(&hash) else { continue };
        let _tidying = app.files.tidying().await;
        // Somebody may have uploaded the same again since it was found to be nobody's.
        let deleted = match app.db.read(move |tx| uploads::is_named(tx, &hash)).await {
            Ok(true) => continue,
            Ok(false) => app.files.delete(&bytes).await.is_ok(),
            Err(_) => false,
        };
        if !deleted {
            tracing::warn!("a file that nobody needs could not be deleted");
        }
    }
}

/// Ten mebibytes over a bad mobile network.
const UPLOAD_WITHIN: std::time::Duration = std::time::Duration::from_secs(120);

async fn read_part(mut form: Multipart) -> Result<Vec<u8>, ApiError> {
    let malformed = || ApiError::new(code::BAD_REQUEST).because("表单无法解析", "The form cannot be read");
    let missing = || ApiError::fault("/file", "required", "必填", "is required");
    while let Some(part) = form.next().await {
        let mut part = part.map_err(|error| match error {
            actix_multipart::MultipartError::ContentTypeMissing | actix_multipart::MultipartError::ContentTypeIncompatible => {
                ApiError::new(code::UNSUPPORTED_MEDIA_TYPE).because("请使用 multipart/form-data", "Send multipart/form-data")
            }
            _ => malformed(),
        })?;
        if part.name() != Some("file") {
            // Mini-programs send fields of their own beside the file; they are let pass, unread.
            while let Some(chunk) = part.next().await {
                chunk.map_err(|_| malformed())?;
            }
            continue;
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = part.next().await {
            let chunk = chunk.map_err(|_| malformed())?;
            if bytes.len() + chunk.len() > LARGEST {
                return Err(ApiError::new(code::PAYLOAD_TOO_LARGE).because("文件不能超过 10 MiB", "A file may have at most 10 MiB"));
            }
            bytes.extend_from_slice(&chunk);
        }
        return if bytes.is_empty() { Err(missing()) } else { Ok(bytes) };
    }
    Err(missing())
}

fn refused(error: FileError) -> ApiError {
    match error {
        FileError::TooLarge => ApiError::new(code::PAYLOAD_TOO_LARGE).because("文件或图片尺寸过大", "The file or picture is too large"),
        FileError::UnsupportedType => {
            ApiError::new(code::UNSUPPORTED_MEDIA_TYPE).because("只支持 JPEG、PNG、WebP 和 PDF", "Only JPEG, PNG, WebP and PDF are taken")
        }
        FileError::UnsafePdf(_) => ApiError::new(code::FILE_DAMAGED)
            .because("PDF 含有脚本、附件或已加密，无法接收", "The PDF holds scripts or attachments, or is encrypted")
            .at("/file"),
        FileError::Damaged => ApiError::new(code::FILE_DAMAGED).at("/file"),
        FileError::Busy => ApiError::new(code::BUSY),
        FileError::Store => ApiError::new(code::STORAGE_UNAVAILABLE),
    }
}

/// Who may see a file: its owner, and whoever sees the thing that it belongs to in full.
fn visible(tx: &mut Tx, cx: &Cx, who: &Actor, upload: &Upload) -> Result<bool, ApiError> {
    if upload.owner == who.id {
        return Ok(true);
    }
    let Some(subject) = &upload.subject else { return Ok(false) };
    if let Ok(application) = subject.parse() {
        return match crate::enrolment::view_of(tx, cx, application) {
            Ok(view) => Ok(view >= ApplicationView::Papers),
            Err(error) if error.code() == code::NOT_FOUND => Ok(false),
            Err(error) => Err(error),
        };
    }
    let Ok(ticket) = subject.parse() else { return Ok(false) };
    match crate::repair::view_of(tx, who, ticket) {
        Ok(view) => Ok(view > View::Neighbour),
        Err(error) if error.code() == code::NOT_FOUND => Ok(false),
        Err(error) => Err(error),
    }
}

/// Get a file
#[utoipa::path(get, path = "/files/{id}", tag = "files", operation_id = "get_file", params(("id" = String, Path)),
    responses((status = 200, description = "The bytes", content(
        (String = "image/jpeg"), (String = "image/png"), (String = "image/webp"), (String = "application/pdf")))))]
async fn get_file(call: Call, id: At<File>) -> Outcome {
    let cx = call.cx()?;
    let upload = call
        .app
        .db
        .read_brief(move |tx| {
            let absent = || ApiError::new(code::NOT_FOUND);
            let upload = uploads::find(tx, id.0)?.ok_or_else(absent)?;
            if visible(tx, &cx, cx.actor()?, &upload)? { Ok(upload) } else { Err(absent()) }
        })
        .await?;
    let lost = || {
        tracing::error!(file = %upload.id, "the bytes of a file are missing from the store");
        ApiError::new(code::STORAGE_UNAVAILABLE)
    };
    let hash = hash_bytes(&upload.sha256).ok_or_else(lost)?;
    let bytes = call.app.files.get(&hash).await.map_err(refused)?.ok_or_else(lost)?;
    // A PDF is never opened inside our own origin.
    let disposition = if upload.content_type == "application/pdf" { "attachment" } else { "inline" };
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, upload.content_type)).insert_header((CONTENT_DISPOSITION, disposition)).body(bytes))
}

/// The bytes of a hash written in hex.
pub fn hash_bytes(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}
