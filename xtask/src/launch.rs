//! How a PostgreSQL and a Redis come to life in a folder, whoever owns them: the chores' common pair (`services`), and those that a
//! drill treats badly.
//!
//! PostgreSQL refuses to run as root, so a root caller hands its files to another user. `setpriv --pdeathsig` also makes the
//! kernel stop a server should we be killed without a chance to say good-bye; where it is missing, only an orderly end does.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Makes a new PostgreSQL's files in `home`, which exists: an empty cluster, of which `jiazai` is the owner and nobody is asked for
/// a password.
pub(crate) fn initdb(home: &Path) -> Result<(), String> {
    let program = postgres_tool("initdb").ok_or_else(|| missing("initdb"))?;
    let user = database_user()?;
    if let Some(user) = &user {
        succeed(Command::new("chown").arg(user).arg(home))?;
    }
    let mut command = as_user(user.as_deref(), &program)?;
    // --no-sync spares the first start only; the server itself runs with fsync on, as in earnest.
    command.args(["--auth=trust", "--username=jiazai", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]).arg(home.join("data"));
    let made = command.current_dir(home).output().map_err(|e| format!("initdb: {e}"))?;
    if made.status.success() { Ok(()) } else { Err(format!("initdb failed: {}", String::from_utf8_lossy(&made.stderr))) }
}

/// Starts the PostgreSQL of that home. The log lies outside, because the home belongs to another user.
pub(crate) fn postgres(home: &Path, port: u16, settings: &[String], log: &Path) -> Result<Child, String> {
    let program = postgres_tool("postgres").ok_or_else(|| missing("postgres"))?;
    let mut command = as_user(database_user()?.as_deref(), &program)?;
    command.arg("-D").arg(home.join("data")).arg("-k").arg(home).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
    command.args(settings.iter().flat_map(|setting| ["-c", setting.as_str()]));
    spawn(command.current_dir(home), log)
}

/// Starts a Redis that keeps nothing on disk.
pub(crate) fn redis(dir: &Path, port: u16) -> Result<Child, String> {
    let program = find("redis-server").ok_or_else(|| missing("redis-server"))?;
    let mut command = as_user(None, &program)?;
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
    // One logical database for each tested server; the usual sixteen are soon used up.
    command.args(["--databases", "4096", "--dir"]).arg(dir);
    spawn(&mut command, &dir.join("redis.log"))
}

pub(crate) fn missing(name: &str) -> String {
    format!("{name} is not installed (Debian packages: postgresql, redis-server)")
}

/// A certificate that nobody has signed, in a PostgreSQL's home: enough for `sslmode=require`, which encrypts without asking who
/// answers. False where there is no openssl command.
pub(crate) fn certificate(home: &Path) -> bool {
    let (key, cert) = (home.join("server.key"), home.join("server.crt"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"]).arg(&key).arg("-out").arg(&cert);
    let Ok(user) = database_user() else { return false };
    quiet(&mut openssl)
        && quiet(Command::new("chmod").arg("600").arg(&key))
        && user.is_none_or(|user| quiet(Command::new("chown").arg(user).arg(&key).arg(&cert)))
}

/// A command that runs as that user and ends when we do, as far as the machine offers it.
fn as_user(user: Option<&str>, program: &Path) -> Result<Command, String> {
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
fn database_user() -> Result<Option<String>, String> {
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

pub(crate) fn is_root() -> bool {
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

fn spawn(command: &mut Command, log: &Path) -> Result<Child, String> {
    use std::os::unix::process::CommandExt;
    let file = fs::File::create(log).map_err(told(log))?;
    let copy = file.try_clone().map_err(told(log))?;
    // A group of its own: Ctrl-C in the terminal reaches us alone, and we stop the servers when the tests have stopped.
    let child = command.stdin(Stdio::null()).stdout(file).stderr(copy).process_group(0).spawn();
    child.map_err(|e| format!("{:?}: {e}", command.get_program()))
}

pub(crate) fn quiet(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

pub(crate) fn succeed(command: &mut Command) -> Result<(), String> {
    if quiet(command) { Ok(()) } else { Err(format!("{command:?} failed")) }
}

pub(crate) fn told(path: &Path) -> impl Fn(io::Error) -> String {
    let path = path.to_owned();
    move |error| format!("{}: {error}", path.display())
}
