//! A disk that is full: a small one of our own where we may mount it, else a limit on the size of the server's files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiazai_tests::{Client, Options, Repair, Server, unique, within};

use super::Form;
use super::sheet::Sheet;
use super::store::Store;
use super::writers::{self, Told};

/// What is filled up and emptied again.
enum Disk {
    Small(PathBuf),
    /// `prlimit`; the chore has told the server's ancestors to ignore the signal that comes with it.
    Limit,
}

impl Disk {
    fn new() -> Result<Self, String> {
        let at = std::env::temp_dir().join(format!("jiazai-drill-{}", unique("disk")));
        std::fs::create_dir_all(&at).map_err(|e| format!("{}: {e}", at.display()))?;
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"]).arg(&at).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Ok(Self::Small(at));
        }
        let _ = std::fs::remove_dir(&at);
        Ok(Self::Limit)
    }

    fn database(&self, server_folder: Option<&Server>) -> PathBuf {
        match (self, server_folder) {
            (Self::Small(at), _) => at.join("jiazai.sqlite"),
            (Self::Limit, Some(server)) => server.data_dir().join("jiazai.sqlite"),
            (Self::Limit, None) => PathBuf::new(),
        }
    }

    fn fill(&self, server: &Server) -> Result<(), String> {
        match self {
            Self::Small(at) => {
                // Until nothing more goes in: that this ends in an error is the point.
                let mut ballast =
                    std::fs::OpenOptions::new().create(true).append(true).open(at.join("ballast")).map_err(|e| e.to_string())?;
                for size in [1 << 20, 1 << 12, 64, 1] {
                    let part = vec![0; size];
                    while std::io::Write::write_all(&mut ballast, &part).is_ok() {}
                }
                Ok(())
            }
            Self::Limit => limit(server, &size_of(&self.database(Some(server))).to_string()),
        }
    }

    fn empty(&self, server: &Server) -> Result<(), String> {
        match self {
            Self::Small(at) => std::fs::remove_file(at.join("ballast")).map_err(|e| e.to_string()),
            Self::Limit => limit(server, "unlimited"),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Small(at) = self {
            let _ = Command::new("umount").arg("-l").arg(&at).status();
            let _ = std::fs::remove_dir(at);
        }
    }
}

fn size_of(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |data| data.len())
}

fn limit(server: &Server, bytes: &str) -> Result<(), String> {
    let done = Command::new("prlimit").args(["--pid", &server.pid().to_string(), &format!("--fsize={bytes}:unlimited")]).status();
    if done.is_ok_and(|status| status.success()) { Ok(()) } else { Err("prlimit failed".into()) }
}

pub(super) fn drill(form: Form, sheet: &mut Sheet) -> Result<(), String> {
    let disk = Disk::new()?;
    let mut options = Options::default().env("RUST_LOG", "error");
    if let Disk::Small(_) = disk {
        options = options.env("DATABASE_URL", &format!("sqlite://{}", disk.database(None).display()));
    }
    let server = Server::start(options);
    let repair = Repair::new(&server);
    let store = Store::Sqlite(disk.database(Some(&server)));
    let first = repair.report();
    sheet.told("how", if matches!(disk, Disk::Small(_)) { "a tmpfs of 48 MiB" } else { "a limit on the size of files" });
    let mut all = Told::default();
    for _ in 0..form.pick(2, 20) {
        let token = repair.reporter.authorization().unwrap_or_default();
        let stop = AtomicBool::new(false);
        let (read, mut told) = std::thread::scope(|scope| -> Result<_, String> {
            let writing = scope.spawn(|| writers::write(&repair, &token, 4, &stop));
            std::thread::sleep(Duration::from_millis(200));
            let filled = disk.fill(&server);
            // Some writes still fit into what SQLite has already; then none does.
            let refused = within(20, || {
                let reply = server.bearer(&token).post("/repair-tickets", repair.draft()).transmit();
                (reply.status == 503).then_some(())
            });
            let path = format!("/repair-tickets/{}", first["id"].as_str().unwrap_or_default());
            let read = server.bearer(&token).get(&path).transmit().status;
            std::thread::sleep(Duration::from_millis(200));
            stop.store(true, Ordering::Relaxed);
            let told = writing.join().unwrap_or_default();
            filled?;
            refused.ok_or("no change was refused although the disk is full")?;
            Ok((read, told))
        })?;
        sheet.must("disk full: reading", read == 200, read);
        disk.empty(&server)?;
        writers::settle(&repair, &token, &mut told, 5);
        all.add(told);
    }
    sheet.must("disk full: changes refused with 503 and Retry-After", all.refused_503 > 0, all.refused_503);
    sheet.must("disk full: connections without an answer", all.no_answer == 0, all.no_answer);
    let next = repair.reporter.post("/repair-tickets", repair.draft()).transmit().status;
    sheet.must("room again: the next report, without a restart", next == 201, next);
    writers::judge(sheet, &store, &all)?;
    drop(server);
    Ok(())
}
