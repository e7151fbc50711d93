//! Backup and restore: the database and the sealed files, without the keys.
//!
//! A backup is a folder: `database.sqlite` or `database.pgdump`, `files/`, and `manifest.json` with a hash of each. The
//! keys are deliberately not in it: a stolen backup opens nothing, and a backup without its keys restores nothing, so keep
//! both, apart. Files are only ever added or deleted as a whole, so copying them after the database loses none that the
//! database knows.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiazai_infra::clock::Clock;
use jiazai_infra::db::{DatabaseUrl, Db};
use jiazai_infra::vault::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::serve::Failed;

const MANIFEST: &str = "manifest.json";
const SQLITE: &str = "database.sqlite";
const PGDUMP: &str = "database.pgdump";

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    version: String,
    made_at: String,
    /// SHA-256 by path within the backup.
    files: BTreeMap<String, String>,
}

pub fn backup(config: &Config, to: &Path) -> Result<(), Failed> {
    if to.exists() {
        return Err(Failed(format!("{} exists already; a backup goes into a new folder", to.display())));
    }
    // Made beside and renamed at the end: a folder with the wanted name is a whole backup.
    let part = to.with_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    fs::create_dir_all(part.join("files"))?;
    match &config.database {
        DatabaseUrl::Sqlite(path) if !path.exists() => return Err(Failed(format!("there is no database at {}", path.display()))),
        DatabaseUrl::Sqlite(_) => Db::open(&config.database, Clock::system())?.copy_sqlite_to(&part.join(SQLITE))?,
        DatabaseUrl::Postgres(url) => {
            let (url, password) = without_password(url);
            run("pg_dump", &["--format=custom", "--no-owner", "--dbname", &url, "--file"], &part.join(PGDUMP), password)?;
        }
    }
    copy_folder(&config.data_dir.join("files"), &part.join("files"))?;
    let mut files = BTreeMap::new();
    hash_folder(&part, &part, &mut files)?;
    let manifest = Manifest { version: env!("CARGO_PKG_VERSION").to_owned(), made_at: Clock::system().now().to_string(), files };
    fs::write(part.join(MANIFEST), serde_json::to_vec_pretty(&manifest)?)?;
    fs::rename(&part, to)?;
    println!("{} files in {}", manifest.files.len(), to.display());
    if config.files_url.is_some() {
        println!("files are in an object store (JIAZAI_FILES_URL) and are not part of this backup");
    }
    Ok(())
}

pub fn restore(config: &Config, from: &Path) -> Result<(), Failed> {
    let manifest = fs::read(from.join(MANIFEST)).map_err(|e| Failed(format!("{} is no backup: {e}", from.display())))?;
    let manifest: Manifest = serde_json::from_slice(&manifest)?;
    let mut found = BTreeMap::new();
    hash_folder(from, from, &mut found)?;
    found.remove(MANIFEST);
    if found != manifest.files {
        return Err(Failed(format!("{} is damaged: its files are not those of its manifest", from.display())));
    }
    match &config.database {
        DatabaseUrl::Sqlite(path) => {
            if path.exists() {
                return Err(Failed(format!("{} exists already; restore into an empty data directory", path.display())));
            }
            if !from.join(SQLITE).exists() {
                return Err(Failed("the backup is of a PostgreSQL database; set DATABASE_URL to one".to_owned()));
            }
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::copy(from.join(SQLITE), path)?;
        }
        DatabaseUrl::Postgres(url) => {
            if !from.join(PGDUMP).exists() {
                return Err(Failed("the backup is of a SQLite database; leave DATABASE_URL out".to_owned()));
            }
            let (url, password) = without_password(url);
            let options = ["--no-owner", "--exit-on-error", "--single-transaction", "--dbname", &url];
            run("pg_restore", &options, &from.join(PGDUMP), password)?;
        }
    }
    copy_folder(&from.join("files"), &config.data_dir.join("files"))?;
    println!("restored the backup of {}", manifest.made_at);
    Ok(())
}

/// The URL without its password, and the password as it is meant. What a command line says everybody on the machine can read.
fn without_password(url: &str) -> (String, Option<String>) {
    let whole = || (url.to_owned(), None);
    let Some((scheme, rest)) = url.split_once("://") else { return whole() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let Some((user, host)) = authority.rsplit_once('@') else { return whole() };
    let Some((user, password)) = user.split_once(':') else { return whole() };
    // A plus sign means itself in this part of a URL, unlike in a form.
    let fields: Vec<(String, String)> = serde_urlencoded::from_str(&format!("is={}", password.replace('+', "%2B"))).unwrap_or_default();
    let plain = fields.into_iter().next().map(|(_, plain)| plain);
    (format!("{scheme}://{user}@{host}{path}"), plain)
}

/// Runs one of PostgreSQL's own tools, which know how to copy a database better than we do.
fn run(tool: &str, options: &[&str], file: &Path, password: Option<String>) -> Result<(), Failed> {
    let mut command = Command::new(tool);
    command.args(options).arg(file);
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    let done =
        command.output().map_err(|e| Failed(format!("{tool} could not be run ({e}); it comes with PostgreSQL's client programs")))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(Failed(format!("{tool} failed: {}", said.lines().next().unwrap_or_default())))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Failed> {
    fs::create_dir_all(to)?;
    if !from.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if let Err(error) = fs::copy(entry.path(), &target) {
            // A file may be tidied away while its folder is read; nothing refers to it then.
            if error.kind() != std::io::ErrorKind::NotFound {
                return Err(error.into());
            }
        }
    }
    Ok(())
}

fn hash_folder(root: &Path, folder: &Path, into: &mut BTreeMap<String, String>) -> Result<(), Failed> {
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        if path.is_dir() {
            hash_folder(root, &path, into)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            into.insert(name.to_string_lossy().into_owned(), hash_file(&path)?);
        }
    }
    Ok(())
}

fn hash_file(path: &Path) -> Result<String, Failed> {
    let mut file = fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = [0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_line_shows_the_password() {
        let (url, password) = without_password("postgres://keeper:s%2Fe%20c+r@db:5433/jiazai?sslmode=require");
        assert_eq!(url, "postgres://keeper@db:5433/jiazai?sslmode=require");
        assert_eq!(password.as_deref(), Some("s/e c+r"));
        assert_eq!(without_password("postgres://db/jiazai"), ("postgres://db/jiazai".to_owned(), None));
    }
}
