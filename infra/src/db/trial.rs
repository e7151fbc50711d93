//! A copy of a SQLite database in which something can be tried out while everybody goes on writing in the original.

use std::path::{Path, PathBuf};

use super::{Db, DbError};

/// The copy. Its files go when it is dropped; those of a process that was shot, when the next one is made.
pub struct Trial {
    db: Db,
    path: PathBuf,
}

impl Trial {
    pub fn db(&self) -> &Db {
        &self.db
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn beside(original: &Path, of: &str) -> PathBuf {
    let mut name = original.as_os_str().to_owned();
    name.push(format!(".trial-{of}"));
    PathBuf::from(name)
}

/// With the files that SQLite keeps beside it. What cannot be removed is tried again by the next.
fn remove(path: &Path) {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
}

/// Removes what processes left behind that are no more. Where nobody can tell whether a process lives, theirs stay.
fn tidy(original: &Path) {
    let processes = Path::new("/proc");
    let (Some(folder), Some(name)) = (original.parent(), original.file_name().and_then(|name| name.to_str())) else { return };
    let (true, Ok(entries)) = (processes.is_dir(), std::fs::read_dir(folder)) else { return };
    for entry in entries.flatten() {
        let found = entry.file_name();
        let process = found.to_str().and_then(|found| found.strip_prefix(name)?.strip_prefix(".trial-"));
        if process.is_some_and(|process| process.bytes().all(|b| b.is_ascii_digit()) && !processes.join(process).exists()) {
            remove(&entry.path());
        }
    }
}

impl Db {
    /// A copy as it is now, for one trial of this process at a time; none for PostgreSQL, where a long transaction stands in
    /// nobody's way but of those who change the same rows. Takes as much room on the disk as the database. Blocks.
    pub fn trial(&self) -> Result<Option<Trial>, DbError> {
        let Some(original) = self.sqlite_path() else { return Ok(None) };
        tidy(original);
        let path = beside(original, &std::process::id().to_string());
        remove(&path);
        self.copy_sqlite_to(&path)?;
        match Db::open(&super::DatabaseUrl::Sqlite(path.clone()), self.clock.clone()) {
            Ok(db) => Ok(Some(Trial { db, path })),
            Err(error) => {
                remove(&path);
                Err(error)
            }
        }
    }
}
