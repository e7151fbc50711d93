//! PostgreSQL and Redis for the tests: private ports, a temporary folder, gone when we are.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::launch::{self, find, free_port, is_root, missing, postgres_tool, quiet, succeed, told};

/// Where the tests find the servers.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) postgres_url: String,
    pub(crate) redis_url: String,
    /// The client that makes a database for each tested server.
    pub(crate) psql: PathBuf,
    /// Whether PostgreSQL answers to `sslmode=require`.
    pub(crate) tls: bool,
}

impl Addresses {
    /// The variables by which the tests find them.
    fn variables(&self) -> [(&'static str, String); 3] {
        [
            ("JIAZAI_TEST_POSTGRES_URL", self.postgres_url.clone()),
            ("JIAZAI_TEST_REDIS_URL", self.redis_url.clone()),
            ("JIAZAI_TEST_PSQL", self.psql.display().to_string()),
        ]
    }

    pub(crate) fn give<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.envs(self.variables())
    }
}

struct Services {
    dir: PathBuf,
    postgres: Child,
    redis: Child,
}

static RUNNING: Mutex<Option<Services>> = Mutex::new(None);

pub(crate) struct StopOnDrop;

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        stop();
    }
}

/// Stops both servers, if they run, and removes their folder. Asking twice is harmless.
pub(crate) fn stop() {
    let taken = RUNNING.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
    let Some(mut services) = taken else { return };
    // SIGINT is PostgreSQL's "fast" shutdown: it does not wait for clients. Redis takes it as an orderly end.
    for child in [&services.postgres, &services.redis] {
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    }
    let patience = Instant::now() + Duration::from_secs(10);
    for child in [&mut services.postgres, &mut services.redis] {
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    let _ = fs::remove_dir_all(&services.dir);
}

/// `cargo xtask services`: prints the variables and waits for Ctrl-C.
pub(crate) fn run_until_interrupted() -> Result<bool, String> {
    let at = start()?;
    println!("DATABASE_URL={}", at.postgres_url);
    println!("REDIS_URL={}", at.redis_url);
    for (name, value) in at.variables() {
        println!("{name}={value}");
    }
    eprintln!("TLS: {}. Ctrl-C stops both.", if at.tls { "append ?sslmode=require" } else { "off, there is no openssl command" });
    loop {
        std::thread::sleep(Duration::from_secs(1));
        crate::steps::hold_if_interrupted();
        let mut running = RUNNING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(services) = running.as_mut() else { return Ok(true) };
        for (name, child) in [("PostgreSQL", &mut services.postgres), ("Redis", &mut services.redis)] {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("{name} ended by itself: {status}"));
            }
        }
    }
}

/// Starts both, installing them first where they are absent and we may. An error says in one sentence what is missing.
pub(crate) fn start() -> Result<Addresses, String> {
    if postgres_tool("initdb").is_none() || find("redis-server").is_none() {
        install_packages(&["postgresql", "redis-server"])?;
    }
    let psql = postgres_tool("psql").ok_or_else(|| missing("psql"))?;
    let dir = std::env::temp_dir().join(format!("jiazai-xtask-{}", std::process::id()));
    fs::create_dir_all(&dir).map_err(told(&dir))?;
    let outcome = start_in(&dir, &psql);
    if outcome.is_err() {
        let _ = fs::remove_dir_all(&dir);
    }
    outcome
}

fn start_in(dir: &Path, psql: &Path) -> Result<Addresses, String> {
    let home = dir.join("postgres");
    fs::create_dir_all(&home).map_err(told(&home))?;
    launch::initdb(&home)?;
    let tls = launch::certificate(&home);
    let mut settings = ["fsync=on", "max_connections=500", "shared_buffers=128MB", "log_min_messages=warning"].map(str::to_owned).to_vec();
    if tls {
        settings.push("ssl=on".to_owned());
        for (setting, file) in [("ssl_cert_file", "server.crt"), ("ssl_key_file", "server.key")] {
            settings.push(format!("{setting}={}", home.join(file).display()));
        }
    }
    let (pg_port, redis_port) = (free_port()?, free_port()?);
    let mut postgres = launch::postgres(&home, pg_port, &settings, &dir.join("postgres.log"))?;
    let redis = launch::redis(dir, redis_port).inspect_err(|_| {
        let _ = postgres.kill();
        let _ = postgres.wait();
    })?;
    *RUNNING.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(Services { dir: dir.to_owned(), postgres, redis });

    let ready = || -> Result<(), String> {
        let server = format!("postgres://jiazai@127.0.0.1:{pg_port}/postgres");
        wait_for("PostgreSQL", &dir.join("postgres.log"), || quiet(Command::new(psql).args([&server, "-qc", "SELECT 1"])))?;
        wait_for("Redis", &dir.join("redis.log"), || TcpStream::connect(("127.0.0.1", redis_port)).is_ok())?;
        succeed(Command::new(psql).args([&server, "-qc", "CREATE DATABASE jiazai"]))
    };
    if let Err(error) = ready() {
        stop();
        return Err(error);
    }
    Ok(Addresses {
        postgres_url: format!("postgres://jiazai@127.0.0.1:{pg_port}/jiazai"),
        redis_url: format!("redis://127.0.0.1:{redis_port}/0"),
        psql: psql.to_owned(),
        tls,
    })
}

/// Installs Debian packages, if this machine and this user can.
pub(crate) fn install_packages(packages: &[&str]) -> Result<(), String> {
    let names = packages.join(" and ");
    if find("apt-get").is_none() || !is_root() {
        return Err(format!("{names} is absent and cannot be installed from here (that takes root and apt-get)"));
    }
    eprintln!("installing the Debian packages {names} ...");
    let apt = |words: &[&str]| {
        // Runlevel 1 tells the packages not to start servers of their own: we want the programs, not daemons.
        let status = Command::new("apt-get")
            .args(words)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        status.is_ok_and(|s| s.success())
    };
    let words = [&["install", "-y", "--no-install-recommends"], packages].concat();
    if apt(&words) || (apt(&["update"]) && apt(&words)) { Ok(()) } else { Err(format!("apt-get could not install {names}")) }
}

fn wait_for(name: &str, log: &Path, mut ready: impl FnMut() -> bool) -> Result<(), String> {
    let patience = Instant::now() + Duration::from_secs(30);
    while Instant::now() < patience {
        if ready() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!("{name} did not start: {}", fs::read_to_string(log).unwrap_or_default()))
}
