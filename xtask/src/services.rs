//! PostgreSQL and Redis for the tests: private ports, a temporary folder, gone when we are.
//!
//! PostgreSQL refuses to run as root, so a root caller hands it to another user. `setpriv --pdeathsig` also makes the
//! kernel stop both servers should we be killed without a chance to say good-bye; where it is missing, only an orderly
//! end or Ctrl-C stops them.

use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

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

/// `cargo xtask services`: prints the two variables and waits for Ctrl-C.
pub(crate) fn run_until_interrupted() -> Result<bool, String> {
    let at = start()?;
    println!("DATABASE_URL={}", at.postgres_url);
    println!("REDIS_URL={}", at.redis_url);
    println!("JIAZAI_TEST_POSTGRES_URL={}", at.postgres_url);
    println!("JIAZAI_TEST_REDIS_URL={}", at.redis_url);
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
    let root = is_root();
    if postgres_tool("initdb").is_none() || find("redis-server").is_none() {
        install(root)?;
    }
    let missing = |name: &str| format!("{name} is not installed (Debian packages: postgresql, redis-server)");
    let initdb = postgres_tool("initdb").ok_or_else(|| missing("initdb"))?;
    let postgres = postgres_tool("postgres").ok_or_else(|| missing("postgres"))?;
    let psql = postgres_tool("psql").ok_or_else(|| missing("psql"))?;
    let redis = find("redis-server").ok_or_else(|| missing("redis-server"))?;
    let user = database_user()?;

    let dir = std::env::temp_dir().join(format!("jiazai-xtask-{}", std::process::id()));
    fs::create_dir_all(&dir).map_err(told(&dir))?;
    let outcome = start_in(&dir, &initdb, &postgres, &psql, &redis, user.as_deref());
    if outcome.is_err() {
        let _ = fs::remove_dir_all(&dir);
    }
    outcome
}

fn start_in(dir: &Path, initdb: &Path, postgres: &Path, psql: &Path, redis: &Path, user: Option<&str>) -> Result<Addresses, String> {
    let home = dir.join("postgres");
    let data = home.join("data");
    fs::create_dir_all(&home).map_err(told(&home))?;
    if let Some(user) = user {
        succeed(Command::new("chown").arg(user).arg(&home))?;
    }
    // --no-sync spares the first start only; the server itself runs with fsync on, as in earnest.
    let made = as_user(user, initdb)?
        .args(["--auth=trust", "--username=jiazai", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"])
        .arg(&data)
        .current_dir(&home)
        .output();
    let made = made.map_err(|e| format!("initdb: {e}"))?;
    if !made.status.success() {
        return Err(format!("initdb failed: {}", String::from_utf8_lossy(&made.stderr)));
    }
    let tls = certificate(&home, user);

    let (pg_port, redis_port) = (free_port()?, free_port()?);
    let mut command = as_user(user, postgres)?;
    command.arg("-D").arg(&data).arg("-k").arg(&home).args(["-p", &pg_port.to_string()]);
    for setting in ["listen_addresses=127.0.0.1", "fsync=on", "max_connections=500", "shared_buffers=128MB", "log_min_messages=warning"] {
        command.args(["-c", setting]);
    }
    if tls {
        for (setting, file) in [("ssl_cert_file", "server.crt"), ("ssl_key_file", "server.key")] {
            command.args(["-c", &format!("{setting}={}", home.join(file).display())]);
        }
        command.args(["-c", "ssl=on"]);
    }
    let pg_child = spawn(command.current_dir(&home), &dir.join("postgres.log"))?;

    let mut command = as_user(None, redis)?;
    command.args(["--bind", "127.0.0.1", "--port", &redis_port.to_string(), "--save", "", "--appendonly", "no"]);
    // One logical database for each tested server; the usual sixteen are soon used up.
    command.args(["--databases", "4096", "--dir"]).arg(dir);
    let redis_child = match spawn(&mut command, &dir.join("redis.log")) {
        Ok(child) => child,
        Err(error) => {
            let mut orphan = pg_child;
            let _ = orphan.kill();
            let _ = orphan.wait();
            return Err(error);
        }
    };
    *RUNNING.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) =
        Some(Services { dir: dir.to_owned(), postgres: pg_child, redis: redis_child });

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

/// A certificate that nobody has signed: enough for `sslmode=require`, which encrypts without asking who answers.
fn certificate(home: &Path, user: Option<&str>) -> bool {
    let (key, cert) = (home.join("server.key"), home.join("server.crt"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"]).arg(&key).arg("-out").arg(&cert);
    quiet(&mut openssl)
        && quiet(Command::new("chmod").arg("600").arg(&key))
        && user.is_none_or(|user| quiet(Command::new("chown").arg(user).arg(&key).arg(&cert)))
}

fn install(root: bool) -> Result<(), String> {
    if !root || find("apt-get").is_none() {
        return Err("PostgreSQL or Redis is absent and cannot be installed from here (that takes root and apt-get)".into());
    }
    apt_install(&["postgresql", "redis-server"])
}

/// Installs Debian packages, if this machine and this user can.
pub(crate) fn install_packages(packages: &[&str]) -> Result<(), String> {
    let names = packages.join(" and ");
    if find("apt-get").is_none() || !is_root() {
        return Err(format!("{names} is absent and cannot be installed from here (that takes root and apt-get)"));
    }
    apt_install(packages)
}

fn apt_install(packages: &[&str]) -> Result<(), String> {
    let names = packages.join(" and ");
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

/// A command that runs as that user and ends when we do, as far as the machine offers it.
pub(crate) fn as_user(user: Option<&str>, program: &Path) -> Result<Command, String> {
    if find("setpriv").is_none() {
        return match user {
            None => Ok(Command::new(program)),
            Some(user) => Err(format!("PostgreSQL refuses to run as root and setpriv, which would make it run as {user}, is missing")),
        };
    }
    let mut command = Command::new("setpriv");
    if let Some(user) = user {
        command.args([format!("--reuid={user}"), format!("--regid={}", group_of(user)), "--clear-groups".into()]);
    }
    command.args(["--pdeathsig", "INT", "--"]).arg(program);
    Ok(command)
}

/// Who runs PostgreSQL, which refuses to run as root; None for ourselves.
pub(crate) fn database_user() -> Result<Option<String>, String> {
    if is_root() { unprivileged_user().map(Some) } else { Ok(None) }
}

fn unprivileged_user() -> Result<String, String> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let known = |name: &&str| passwd.lines().any(|line| line.split(':').next() == Some(name));
    ["postgres", "nobody"]
        .iter()
        .find(|name| known(name))
        .map(|name| (*name).to_owned())
        .ok_or_else(|| "no user to run PostgreSQL as".into())
}

/// The number of the user's own group: it need not have the user's name (`nobody` is in `nogroup`).
fn group_of(user: &str) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = passwd.lines().find(|line| line.split(':').next() == Some(user));
    line.and_then(|line| line.split(':').nth(3)).unwrap_or("65534").to_owned()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}

/// Debian keeps PostgreSQL's server programs out of PATH, one folder for each major version; the newest wins.
pub(crate) fn postgres_tool(name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin").join(name))))
        .filter(|(_, path)| path.is_file())
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path).or_else(|| find(name))
}

/// The program of that name on PATH (and where Debian keeps those for root, which cron and containers often forget).
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).map(|dir| dir.join(name)).find(|file| file.is_file())
}

pub(crate) fn free_port() -> Result<u16, String> {
    let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).map(|at| at.port());
    port.map_err(|e| format!("no free port: {e}"))
}

pub(crate) fn spawn(command: &mut Command, log: &Path) -> Result<Child, String> {
    use std::os::unix::process::CommandExt;
    let file = fs::File::create(log).map_err(told(log))?;
    let copy = file.try_clone().map_err(told(log))?;
    // A group of its own: Ctrl-C in the terminal reaches us alone, and we stop the servers when the tests have stopped.
    let child = command.stdin(Stdio::null()).stdout(file).stderr(copy).process_group(0).spawn();
    child.map_err(|e| format!("{:?}: {e}", command.get_program()))
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

fn quiet(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

pub(crate) fn succeed(command: &mut Command) -> Result<(), String> {
    if quiet(command) { Ok(()) } else { Err(format!("{command:?} failed")) }
}

fn told(path: &Path) -> impl Fn(io::Error) -> String {
    let path = path.to_owned();
    move |error| format!("{}: {error}", path.display())
}
