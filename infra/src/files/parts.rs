//! Files that are too large to be sealed at once, kept in parts for as long as somebody works on them.
//!
//! An import of 32 MiB is sealed a part at a time while it comes in, so that memory does not grow with the upload. Parts are
//! named, not found by their content: nobody stores the same spreadsheet twice, and it is gone when its rows are in.

use object_store::ObjectStoreExt;
use object_store::path::Path as ObjectPath;

use super::{FileError, Files, off_thread, trouble};
use crate::vault::Aad;

/// The bytes of one part.
pub const PART: usize = 1024 * 1024;

fn cell(name: &str) -> Aad<'_> {
    Aad { table: "parts", column: "content", row: name }
}

impl Files {
    fn part(&self, name: &str, number: usize) -> (String, ObjectPath) {
        let name = format!("parts/{name}/{number:06}");
        let path = ObjectPath::from(format!("{}{name}", self.prefix));
        (name, path)
    }

    /// Keeps one part.
    pub async fn put_part(&self, name: &str, number: usize, bytes: Vec<u8>) -> Result<(), FileError> {
        let (name, path) = self.part(name, number);
        let vault = std::sync::Arc::clone(&self.vault);
        let sealed = off_thread(move || vault.seal(cell(&name), &bytes)).await?;
        self.store.put(&path, sealed.into()).await.map(|_| ()).map_err(|error| trouble(&error))
    }

    /// One part; none when it is not there.
    pub async fn get_part(&self, name: &str, number: usize) -> Result<Option<Vec<u8>>, FileError> {
        let (name, path) = self.part(name, number);
        let sealed = match self.store.get(&path).await {
            Ok(found) => found.bytes().await.map_err(|error| trouble(&error))?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(trouble(&error)),
        };
        let vault = std::sync::Arc::clone(&self.vault);
        let opened = off_thread(move || vault.open(cell(&name), &sealed).map(|mut plain| std::mem::take(&mut *plain))).await?;
        opened.map(Some).map_err(|error| {
            tracing::error!(%error, "a stored part does not open");
            FileError::Store
        })
    }

    /// Removes so many parts, first to last. What is not there is removed.
    pub async fn delete_parts(&self, name: &str, count: usize) -> Result<(), FileError> {
        for number in 0..count {
            match self.store.delete(&self.part(name, number).1).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(trouble(&error)),
            }
        }
        Ok(())
    }
}
