//! A PostgreSQL and a Redis that belong to one drill, which may treat them badly.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use jiazai_tests::{eventually, unique};

use crate::services;

fn folder(name: &str) -> Result<PathBuf, String> {
    let dir = std::env::temp_dir().join(format!("jiazai-drill-{}", unique(name)));
    std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    Ok(dir)
}

fn signal(child: &Child, name: &str) {
    let _ = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
}

fn free_port() -> Result<u16, String> {
    services::free_port()
}

pub(super) struct Redis {
    child: Child,
    port: u16,
    dir: PathBuf,
}

impl Redis {
    pub(super) fn start() -> Result<Self, String> {
        let (dir, port) = (folder("redis")?, free_port()?);
        Ok(Self { child: Self::launch(&dir, port)?, port, dir })
    }

    fn launch(dir: &PathBuf, port: u16) -> Result<Child, String> {
        let program = services::find("redis-server").ok_or("redis-server is not installed")?;
        let mut command = services::as_user(None, &program)?;
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no", "--dir"]).arg(dir);
        let child = services::spawn(&mut command, &dir.join("log"))?;
        eventually("Redis listens", 20, || TcpStream::connect(("127.0.0.1", port)).ok());
        Ok(child)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// One inline command's answer.
    pub(super) fn tell(&self, command: &str) -> Result<String, String> {
        let told = |e: std::io::Error| format!("Redis: {e}");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(told)?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(told)?;
        write!(stream, "{command}\r\nQUIT\r\n").map_err(told)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(told)?;
        Ok(answer)
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
        self.child = Self::launch(&self.dir, self.port)?;
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

pub(super) struct Postgres {
    child: Child,
    port: u16,
    dir: PathBuf,
    user: Option<String>,
}

impl Postgres {
    pub(super) fn start() -> Result<Self, String> {
        let (dir, port) = (folder("pg")?, free_port()?);
        let user = services::database_user()?;
        if let Some(user) = &user {
            services::succeed(Command::new("chown").arg(user).arg(&dir))?;
        }
        let initdb = services::postgres_tool("initdb").ok_or("initdb is not installed")?;
        let mut make = services::as_user(user.as_deref(), &initdb)?;
        make.args(["--auth=trust", "--username=jiazai", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]).arg(dir.join("data"));
        services::succeed(make.current_dir(&dir))?;
        let child = Self::launch(&dir, port, user.as_deref())?;
        let made = Self { child, port, dir, user };
        made.ready();
        made.sql("postgres", "CREATE DATABASE jiazai")?;
        Ok(made)
    }

    fn launch(dir: &std::path::Path, port: u16, user: Option<&str>) -> Result<Child, String> {
        let program = services::postgres_tool("postgres").ok_or("postgres is not installed")?;
        let mut command = services::as_user(user, &program)?;
        command.arg("-D").arg(dir.join("data")).arg("-k").arg(dir).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        services::spawn(command.current_dir(dir), &std::env::temp_dir().join(format!("jiazai-drill-pg-{port}.log")))
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
        self.child = Self::launch(&self.dir, self.port, self.user.as_deref())?;
        self.ready();
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop(true);
        let _ = std::fs::remove_dir_all(&self.dir);
        let _ = std::fs::remove_file(std::env::temp_dir().join(format!("jiazai-drill-pg-{}.log", self.port)));
    }
}
