//! A place in the temporary folder.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder that nobody else has, cleared away when dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let folder = Self::reserved(name);
        fs::create_dir_all(&folder.0).expect("the temporary folder is writable");
        folder
    }

    /// Only its name, for those who make the folder themselves.
    pub fn reserved(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("jiazai-test-{}", crate::unique(name))))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its path as an argument of a command.
    pub fn text(&self) -> &str {
        self.0.to_str().expect("the temporary folder's path is UTF-8")
    }

    /// Writes a file into it; gives that one's path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), content).expect("the temporary folder is writable");
        format!("{}/{name}", self.text())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
