//! Files: photos of leaking pipes and children's papers, taken in, cleaned, and kept.
//!
//! A file passes through two doors. [`Files::accept`] decides what the bytes really are (never what they claim to be),
//! bounds them, and makes them anew, so that nothing of the camera's notes (place, time, device) survives.
//! [`Files::put`] keeps the result under the hash of its content, sealed by the vault: whoever copies the folder or the
//! bucket has noise. Who may read a file is not known here; a file belongs to what it is attached to.
//!
//! The same content is stored once. So deleting is the caller's decision, to be taken when the last row that names the
//! hash is gone.

mod clean;
mod parts;
mod pdf;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};

pub use self::clean::{CleanFile, ContentType};
pub use self::parts::PART;
use crate::password::gate::{Busy, Gate};
use crate::vault::{Aad, Vault, hex};

/// The largest upload, in bytes.
pub const LARGEST: usize = 10 * 1024 * 1024;

/// Why a file was not taken, or not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileError {
    /// More than 10 MiB, 40 megapixels, or 12,000 pixels on a side.
    TooLarge,
    /// Neither JPEG, PNG, WebP nor PDF, by its first bytes.
    UnsupportedType,
    /// A PDF that could do something, or that nobody can look into: the word says what was found in it.
    UnsafePdf(&'static str),
    /// It begins like one of these and is none.
    Damaged,
    /// Too many files at once; again in a moment.
    Busy,
    /// The place where files are kept does not answer, or what it kept was changed. The reason is in the log.
    Store,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the file is too large"),
            Self::UnsupportedType => f.write_str("the file is neither JPEG, PNG, WebP nor PDF"),
            Self::UnsafePdf(found) => write!(f, "the PDF contains {found}"),
            Self::Damaged => f.write_str("the file is damaged"),
            Self::Busy => f.write_str("too many files at once"),
            Self::Store => f.write_str("the file store is not available"),
        }
    }
}

impl std::error::Error for FileError {}

impl From<Busy> for FileError {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

/// The place for files cannot be used.
#[derive(Debug)]
pub enum FilesConfigError {
    /// `JIAZAI_FILES_URL` is not `s3://bucket[/prefix]`.
    Url,
    /// The folder cannot be made, or the `AWS_*` variables do not fit together.
    Store(String),
}

impl fmt::Display for FilesConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => f.write_str("JIAZAI_FILES_URL is not of the form s3://bucket or s3://bucket/prefix"),
            Self::Store(reason) => write!(f, "the file store cannot be used: {reason}"),
        }
    }
}

impl std::error::Error for FilesConfigError {}

pub struct Files {
    store: Arc<dyn ObjectStore>,
    /// Empty, or ends with a slash.
    prefix: String,
    vault: Arc<Vault>,
    gate: Gate,
    /// Shared by those who take bytes in and name them in a row, exclusive for whoever deletes bytes that no row names.
    intake: tokio::sync::RwLock<()>,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Files({})", self.store)
    }
}

impl Files {
    /// Files in `<data_dir>/files`, or, with a `url` of `s3://bucket/prefix`, in anything that speaks S3. Key, region
    /// and address then come from the usual variables (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`,
    /// `AWS_ENDPOINT`, and `AWS_ALLOW_HTTP=true` for an address without TLS).
    pub fn open(data_dir: &Path, url: Option<&str>, vault: Arc<Vault>) -> Result<Self, FilesConfigError> {
        let unusable = |error: &dyn fmt::Display| FilesConfigError::Store(error.to_string());
        let (store, prefix): (Arc<dyn ObjectStore>, String) = match url {
            None => {
                let folder = data_dir.join("files");
                std::fs::create_dir_all(&folder).map_err(|error| unusable(&error))?;
                let local = LocalFileSystem::new_with_prefix(&folder).map_err(|error| unusable(&error))?;
                // A row that names a file must not outlive it in a power cut.
                (Arc::new(local.with_fsync(true)), String::new())
            }
            Some(url) => {
                let (bucket, prefix) = bucket_and_prefix(url).ok_or(FilesConfigError::Url)?;
                let patience = ClientOptions::new().with_connect_timeout(Duration::from_secs(2)).with_timeout(Duration::from_secs(15));
                let retry = RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(20), ..RetryConfig::default() };
                let mut s3 = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
                if std::env::var("AWS_ALLOW_HTTP").is_ok_and(|allowed| allowed == "true") {
                    s3 = s3.with_client_options(patience.with_allow_http(true));
                } else {
                    s3 = s3.with_client_options(patience);
                }
                (Arc::new(s3.build().map_err(|error| unusable(&error))?), prefix)
            }
        };
        // A photo of 40 megapixels takes some 250 MB while it is turned: as many at once as every second core.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { store, prefix, vault, gate: Gate::new(cores / 2, 32), intake: Default::default() })
    }

    /// Finds out what was uploaded, and makes it anew:
    /// - JPEG: turned as its camera meant it, encoded at quality 85;
    /// - PNG: encoded again with 8 bits a channel;
    /// - WebP: encoded without loss; as JPEG where that would be larger than an upload may be;
    /// - PDF: kept as it is when it shows no script, no attachment and no encryption.
    ///
    /// Of an animation the first picture remains. Colour profiles go with the rest of the notes.
    pub async fn accept(&self, upload: Vec<u8>) -> Result<CleanFile, FileError> {
        if upload.len() > LARGEST {
            return Err(FileError::TooLarge);
        }
        self.gate.run(move || clean::clean(upload)).await?
    }

    /// To be held from [`Files::put`] until the row that names the file is committed: nobody tidies it away in between.
    pub async fn taking_in(&self) -> tokio::sync::RwLockReadGuard<'_, ()> {
        self.intake.read().await
    }

    /// To be held from the look whether a row names some bytes until they are deleted. This keeps apart those of one process; of
    /// several, the moment between look and deletion remains, for content that was uploaded days ago and again just now.
    pub async fn tidying(&self) -> tokio::sync::RwLockWriteGuard<'_, ()> {
        self.intake.write().await
    }

    /// Keeps a file. Again is the same as once.
    pub async fn put(&self, file: &CleanFile) -> Result<(), FileError> {
        let (name, path) = self.locate(&file.sha256);
        match self.store.head(&path).await {
            Ok(_) => return Ok(()),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(trouble(&error)),
        }
        let (vault, bytes) = (Arc::clone(&self.vault), Arc::clone(&file.bytes));
        let sealed = off_thread(move || vault.seal(cell(&name), &bytes)).await?;
        self.store.put(&path, sealed.into()).await.map(|_| ()).map_err(|error| trouble(&error))
    }

    /// The content with this hash, if it is there.
    pub async fn get(&self, sha256: &[u8; 32]) -> Result<Option<Vec<u8>>, FileError> {
        let (name, path) = self.locate(sha256);
        let sealed = match self.store.get(&path).await {
            Ok(found) => found.bytes().await.map_err(|error| trouble(&error))?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(trouble(&error)),
        };
        let vault = Arc::clone(&self.vault);
        let opened = off_thread(move || vault.open(cell(&name), &sealed).map(|mut plain| std::mem::take(&mut *plain))).await?;
        opened.map(Some).map_err(|error| {
            tracing::error!(%error, "a stored file does not open");
            FileError::Store
        })
    }

    /// Removes the content with this hash. What is not there is removed.
    pub async fn delete(&self, sha256: &[u8; 32]) -> Result<(), FileError> {
        match self.store.delete(&self.locate(sha256).1).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(trouble(&error)),
        }
    }

    /// `aa/bb/<hash>`, and where that is: folders of a few hundred entries even with millions of files.
    fn locate(&self, sha256: &[u8; 32]) -> (String, ObjectPath) {
        let hash = hex(sha256);
        let name = format!("{}/{}/{hash}", &hash[..2], &hash[2..4]);
        let path = ObjectPath::from(format!("{}{name}", self.prefix));
        (name, path)
    }
}

/// The cell leaves out the prefix, so that a bucket can be moved.
fn cell(name: &str) -> Aad<'_> {
    Aad { table: "files", column: "content", row: name }
}

fn bucket_and_prefix(url: &str) -> Option<(&str, String)> {
    let (bucket, prefix) = url.strip_prefix("s3://").map(|rest| rest.split_once('/').unwrap_or((rest, "")))?;
    let prefix = prefix.trim_matches('/');
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte));
    if bucket.is_empty() || !plain(bucket) || !plain(prefix) {
        return None;
    }
    Some((bucket, if prefix.is_empty() { String::new() } else { format!("{prefix}/") }))
}

/// Sealing ten megabytes takes too long for an async thread.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, FileError> {
    // It ends early only when the runtime does.
    tokio::task::spawn_blocking(work).await.map_err(|_| FileError::Store)
}

fn trouble(error: &object_store::Error) -> FileError {
    tracing::warn!(%error, "the file store failed");
    FileError::Store
}

#[cfg(test)]
mod tests;
