//! The form of an import, read as it comes: fields in memory, the file a part at a time into the store.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use futures_util::StreamExt;
use jiazai_domain::actor::CommunityId;
use jiazai_domain::registry::import::{Format, ImportDraft, Kind};
use jiazai_infra::files::{FileError, PART};
use jiazai_infra::vault::{hex, random};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::error::{ApiError, Fault, code};

/// The largest file, in bytes.
pub const LARGEST: usize = 32 * 1024 * 1024;
/// A text field is a word or an id.
const LONGEST_FIELD: usize = 256;

/// What the fields ask for.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub place: CommunityId,
    pub draft: ImportDraft,
}

/// A file that was taken in, and what is to be done with it.
pub struct Upload {
    /// Refused only once it is known who repeats a request.
    pub asked: Result<Asked, ApiError>,
    name: String,
    parts: usize,
    hash: Sha256,
}

impl Upload {
    /// Where the parts are: their name, and how many there are.
    pub fn stored_as(&self) -> String {
        format!("{}/{}", self.name, self.parts)
    }

    pub fn fingerprint(&self) -> Vec<u8> {
        self.hash.clone().finalize().to_vec()
    }

    /// Forgets the file: nothing will be done with it.
    pub async fn discard(&self, app: &App) {
        if app.files.delete_parts(&self.name, self.parts).await.is_err() {
            tracing::warn!("the parts of an import that was not taken could not be deleted");
        }
    }
}

fn malformed() -> ApiError {
    ApiError::new(code::BAD_REQUEST).because("表单无法解析", "The form cannot be read")
}

fn unavailable(_: FileError) -> ApiError {
    ApiError::new(code::STORAGE_UNAVAILABLE)
}

fn too_large() -> ApiError {
    ApiError::new(code::PAYLOAD_TOO_LARGE).because("文件不能超过 32 MiB", "A file may have at most 32 MiB")
}

/// Refuses by its announcement what is too large, before any of it is stored.
pub fn fits(headers: &HeaderMap) -> Result<(), ApiError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|value| value.parse::<usize>().ok());
    // The form around the file takes some room of its own.
    if announced.is_some_and(|length| length > LARGEST + 64 * 1024) { Err(too_large()) } else { Ok(()) }
}

/// Reads the form. Whatever was stored of it is deleted again when it is refused.
pub async fn receive(app: &App, form: Multipart) -> Result<Upload, ApiError> {
    let mut upload = Upload { asked: Err(malformed()), name: hex(&random::<16>()), parts: 0, hash: Sha256::new() };
    match read(app, form, &mut upload).await {
        Ok(()) => Ok(upload),
        Err(error) => {
            upload.discard(app).await;
            Err(error)
        }
    }
}

async fn read(app: &App, mut form: Multipart, upload: &mut Upload) -> Result<(), ApiError> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut file = false;
    while let Some(part) = form.next().await {
        let part = part.map_err(|error| match error {
            MultipartError::ContentTypeMissing | MultipartError::ContentTypeIncompatible => {
                ApiError::new(code::UNSUPPORTED_MEDIA_TYPE).because("请使用 multipart/form-data", "Send multipart/form-data")
            }
            _ => malformed(),
        })?;
        match part.name().unwrap_or_default().to_owned().as_str() {
            "file" if file => return Err(ApiError::fault("/file", "twice", "只能上传一个文件", "must be one file")),
            "file" => {
                file = true;
                store(app, part, upload).await?;
            }
            name if fields.len() < 20 => fields.push((name.to_owned(), text(part).await?)),
            _ => return Err(malformed()),
        }
    }
    // The fields belong to what was asked, in whatever order they came.
    fields.sort();
    for (name, value) in &fields {
        upload.hash.update(format!("{}:{name}={}:{value};", name.len(), value.len()));
    }
    upload.asked = understand(&fields, file);
    Ok(())
}

async fn text(mut part: Field) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.next().await {
        let chunk = chunk.map_err(|_| malformed())?;
        if bytes.len() + chunk.len() > LONGEST_FIELD {
            return Err(malformed());
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map(|text| text.trim().to_owned()).map_err(|_| malformed())
}

async fn store(app: &App, mut part: Field, upload: &mut Upload) -> Result<(), ApiError> {
    let (mut buffer, mut size) = (Vec::with_capacity(PART), 0);
    while let Some(chunk) = part.next().await {
        let chunk = chunk.map_err(|_| malformed())?;
        size += chunk.len();
        if size > LARGEST {
            return Err(too_large());
        }
        upload.hash.update(&chunk);
        let mut rest: &[u8] = &chunk;
        while !rest.is_empty() {
            let fits = rest.len().min(PART - buffer.len());
            buffer.extend_from_slice(&rest[..fits]);
            rest = &rest[fits..];
            if buffer.len() == PART {
                let full = std::mem::replace(&mut buffer, Vec::with_capacity(PART));
                upload.parts += 1;
                app.files.put_part(&upload.name, upload.parts - 1, full).await.map_err(unavailable)?;
            }
        }
    }
    if !buffer.is_empty() || upload.parts == 0 {
        upload.parts += 1;
        app.files.put_part(&upload.name, upload.parts - 1, buffer).await.map_err(unavailable)?;
    }
    Ok(())
}

fn understand(fields: &[(String, String)], file: bool) -> Result<Asked, ApiError> {
    let mut faults = Vec::new();
    let known = ["kind", "community_id", "format", "dry_run", "atomic"];
    for (name, _) in fields.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        let pointer = format!("/{}", name.chars().take(40).collect::<String>().replace('~', "~0").replace('/', "~1"));
        faults.push(Fault::new(pointer, "unknown_field", "未知字段", "is not a known field"));
    }
    let value =
        |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty());
    let mut needed = |name: &str, said: bool| {
        if !said {
            faults.push(Fault::new(format!("/{name}"), "required", "必填", "is required"));
        }
    };
    needed("file", file);
    for name in ["kind", "community_id", "format"] {
        needed(name, value(name).is_some());
    }
    let mut read = |name: &str, good: bool, zh: &str, en: &str| {
        if value(name).is_some() && !good {
            faults.push(Fault::new(format!("/{name}"), "unknown_value", zh, en));
        }
    };
    let kind: Option<Kind> = value("kind").and_then(|text| text.parse().ok());
    read("kind", kind.is_some(), "应为 registry 或 people", "must be registry or people");
    let format: Option<Format> = value("format").and_then(|text| text.parse().ok());
    read("format", format.is_some(), "应为 csv 或 ndjson", "must be csv or ndjson");
    let place: Option<CommunityId> = value("community_id").and_then(|text| text.parse().ok());
    read("community_id", place.is_some(), "编号格式不正确", "is not such an id");
    let mut flag = |name: &str| {
        let flag = match value(name) {
            None | Some("false" | "0") => Some(false),
            Some("true" | "1") => Some(true),
            Some(_) => None,
        };
        read(name, flag.is_some(), "应为 true 或 false", "must be true or false");
        flag.unwrap_or_default()
    };
    let (dry_run, atomic) = (flag("dry_run"), flag("atomic"));
    match (kind, format, place) {
        (Some(kind), Some(format), Some(place)) if faults.is_empty() => {
            Ok(Asked { place, draft: ImportDraft { kind, format, dry_run, atomic } })
        }
        _ => Err(ApiError::invalid(faults)),
    }
}
