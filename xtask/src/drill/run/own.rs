//! A PostgreSQL and a Redis that belong to one drill, which may treat them badly.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use jiazai_tests::{Folder, eventually};

use crate::launch;

fn signal(child: &Child, name: &str) {
    let _ = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
}

pub(super) struct Redis {
    child: Child,
    port: u16,
    dir: Folder,
}

impl Redis {
    pub(super) fn start() -> Result<Self, String> {
        let (dir, port) = (Folder::new("redis"), launch::free_port()?);
        Ok(Self { child: Self::launch(dir.path(), port)?, port, dir })
    }

    fn launch(dir: &Path, port: u16) -> Result<Child, String> {
        let child = launch::redis(dir, port)?;
        eventually("Redis listens", 20, || TcpStream::connect(("127.0.0.1", port)).ok());
        Ok(child)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// One inline command's answer; a refusal is an error.
    pub(super) fn tell(&self, command: &str) -> Result<String, String> {
        let told = |e: std::io::Error| format!("Redis: {e}");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(told)?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(told)?;
        write!(stream, "{command}\r\nQUIT\r\n").map_err(told)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(told)?;
        if answer.starts_with('-') { Err(format!("{command}: {answer}")) } else { Ok(answer) }
    }

    /// How many keys it holds.
    pub(super) fn keys(&self) -> Result<u64, String> {
        let answer = self.tell("DBSIZE")?;
        let said = answer.lines().next().and_then(|line| line.trim().strip_prefix(':'));
        said.and_then(|count| count.parse().ok()).ok_or_else(|| format!("an odd DBSIZE: {answer}"))
    }

    /// Stops answering, keeps its connections.
    pub(super) fn freeze(&self) {
        signal(&self.child, "STOP");
    }

    pub(super) fn thaw(&self) {
        signal(&self.child, "CONT");
    }

    pub(super) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(super) fn start_again(&mut self) -> Result<(), String> {
        self.child = Self::launch(self.dir.path(), self.port)?;
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(super) struct Postgres {
    child: Child,
    port: u16,
    dir: Folder,
}

impl Postgres {
    pub(super) fn start() -> Result<Self, String> {
        let (dir, port) = (Folder::new("pg"), launch::free_port()?);
        launch::initdb(dir.path())?;
        let made = Self { child: Self::launch(dir.path(), port)?, port, dir };
        made.ready();
        made.sql("postgres", "CREATE DATABASE jiazai")?;
        Ok(made)
    }

    fn launch(dir: &Path, port: u16) -> Result<Child, String> {
        launch::postgres(dir, port, &[], &Self::log(port))
    }

    fn log(port: u16) -> PathBuf {
        std::env::temp_dir().join(format!("jiazai-drill-pg-{port}.log"))
    }

    fn ready(&self) {
        eventually("PostgreSQL answers", 30, || self.sql("postgres", "SELECT 1").ok());
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://jiazai@127.0.0.1:{}/{database}", self.port)
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut command = Command::new(std::env::var_os("JIAZAI_TEST_PSQL").unwrap_or_else(|| "psql".into()));
        command.args([&self.url(database), "-XqAtc", sql]);
        command
    }

    pub(super) fn sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = self.psql(database, sql).output().map_err(|e| format!("psql: {e}"))?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() { Ok(said) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// A session that goes on beside us.
    pub(super) fn beside(&self, sql: &str) -> Result<Child, String> {
        self.psql("jiazai", sql).spawn().map_err(|e| format!("psql: {e}"))
    }

    /// PostgreSQL's "immediate" end is a crash; "fast" cuts every connection and shuts down in order.
    pub(super) fn stop(&mut self, immediately: bool) {
        signal(&self.child, if immediately { "QUIT" } else { "INT" });
        let _ = self.child.wait();
    }

    pub(super) fn start_again(&mut self) -> Result<(), String> {
        self.child = Self::launch(self.dir.path(), self.port)?;
        self.ready();
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop(true);
        let _ = std::fs::remove_file(Self::log(self.port));
    }
}
