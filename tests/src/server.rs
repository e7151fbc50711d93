//! The real binary, running for a test.
//!
//! Each server has free ports, a folder and a database of its own. A watchdog (a shell that reads from a pipe which
//! we hold open) shoots the server and clears its folder when the test process is gone, however it went: a shared server
//! lives in a static, which Rust never drops.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, Once, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;

use crate::backend;
use crate::document::Document;
use crate::http::Client;
use crate::people::{Anon, Bearer, Resident, Staff, Wallet};
use crate::proxy::Proxy;
use crate::sim::Sim;

/// What a test wants different from the usual demo server without request limits.
#[derive(Debug, Default, Clone)]
pub struct Options {
    env: Vec<(String, String)>,
    postgres_suffix: &'static str,
    limited: bool,
    proxied: bool,
    /// The environment already names a database.
    existing: bool,
    first: Vec<Vec<String>>,
}

/// The wires to a server's database and cache, on PostgreSQL and Redis.
#[derive(Debug)]
pub struct Wires {
    pub database: Proxy,
    pub cache: Proxy,
}

/// The keys of a server that was started [`keyed`](Options::keyed).
pub const TOKEN_KEY: &str = "3d1f0b7a9c5e2846d0a1b3c5e7f90214365879abcdef0123fedcba9876543210";
pub const DATA_KEY: &str = "a4c6e80f1b3d5f7092b4d6f8103254769a8bcdef0e1d2c3b4a5968778695a4b3";

impl Options {
    /// With keys that another server may hold, too: a twin, or one that is restored from a backup.
    pub fn keyed() -> Self {
        Self::default().env("JIAZAI_JWT_KEY", TOKEN_KEY).env("JIAZAI_DATA_KEY", DATA_KEY)
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves the request limits on, as they are by default.
    pub fn limited(mut self) -> Self {
        self.limited = true;
        self
    }

    /// Puts wires that can be cut before database and cache. Only on PostgreSQL and Redis: SQLite has no wire.
    pub fn proxied(mut self) -> Self {
        self.proxied = true;
        self
    }

    /// Has the binary do this before it serves, on the same storage: `migrate`, or `restore` with a backup's folder.
    pub fn first(mut self, words: &[&str]) -> Self {
        self.first.push(words.iter().map(|word| (*word).to_owned()).collect());
        self
    }

    /// Appends to the database's URL, when that is PostgreSQL's.
    pub fn postgres_suffix(mut self, suffix: &'static str) -> Self {
        self.postgres_suffix = suffix;
        self
    }
}

#[derive(Debug)]
pub struct Server {
    port: u16,
    dir: PathBuf,
    env: Vec<(String, String)>,
    process: Mutex<Process>,
    agent: Agent,
    sim: Sim,
    wires: Option<Wires>,
    staff: Mutex<HashMap<String, Arc<Wallet>>>,
    community: OnceLock<String>,
    other_community: OnceLock<String>,
    /// From the spawn to the first 200 of `/readyz`.
    pub started_in: Duration,
}

#[derive(Debug)]
struct Process {
    server: Child,
    watchdog: Child,
}

/// The server that the tests of one binary share: for tests that leave the clock and the staff alone.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| Server::start(Options::default()))
}

impl Server {
    #[track_caller]
    pub fn start(options: Options) -> Self {
        show_logs_of_failures();
        let dir = std::env::temp_dir().join(format!("jiazai-test-{}", crate::unique("")));
        fs::create_dir_all(&dir).expect("the temporary folder is writable");
        let (port, sim_port) = (free_port(), free_port());
        assert!(
            !options.proxied && options.postgres_suffix.is_empty() || backend::is_postgres(),
            "this test needs JIAZAI_TEST_BACKEND=postgres"
        );
        let mut env = if options.existing { Vec::new() } else { backend::fresh_storage() };
        let wires = options.proxied.then(|| wires_into(&mut env));
        for (name, value) in &mut env {
            if name == "DATABASE_URL" {
                value.push_str(options.postgres_suffix);
            }
        }
        env.push(("WECHAT_SIMULATOR_LISTEN".into(), format!("127.0.0.1:{sim_port}")));
        if !options.limited {
            env.push(("JIAZAI_RATE_LIMIT".into(), "off".into()));
        }
        env.extend(options.env);
        // Answers, refusals included, are answers: only the connection's own failure is an error.
        let agent = Agent::new_with_config(
            Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .max_idle_age(Duration::from_secs(2))
                .timeout_global(Some(Duration::from_secs(60)))
                .build(),
        );
        for words in &options.first {
            let data = dir.join("data").display().to_string();
            let words: Vec<&str> = words.iter().map(String::as_str).chain(["--data-dir", &data]).collect();
            let done = crate::run(&words, &env, 60);
            assert_eq!(done.code, Some(0), "{words:?}: {done:?}");
        }
        let started = Instant::now();
        let process = launch(port, &dir, &env);
        let sim = Sim::new(sim_port, agent.clone());
        let mut server = Self {
            port,
            dir,
            env,
            process: Mutex::new(process),
            agent,
            sim,
            wires,
            staff: Mutex::default(),
            community: OnceLock::new(),
            other_community: OnceLock::new(),
            started_in: Duration::ZERO,
        };
        server.wait_until_ready();
        server.started_in = started.elapsed();
        server
    }

    #[track_caller]
    fn wait_until_ready(&self) {
        let patience = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(Some(status)) = self.lock().server.try_wait() {
                panic!("the server ended at start ({status}):\n{}", self.log_tail(40));
            }
            if self.anon().plain("GET", "/readyz").try_transmit().is_ok_and(|reply| reply.status == 200) {
                return;
            }
            assert!(Instant::now() < patience, "the server is not ready within 60 s:\n{}", self.log_tail(40));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Another instance on the same database and cache, with the same keys and platform.
    ///
    /// Its clock is its own: [`Sim::advance`] moves the first instance's.
    #[track_caller]
    pub fn twin(&self) -> Self {
        assert!(backend::is_postgres(), "two instances need JIAZAI_TEST_BACKEND=postgres");
        let mut options = Options::default().env("WECHAT_API_BASE", self.sim.base());
        options.env.extend(self.env.iter().filter(|(name, _)| name != "WECHAT_SIMULATOR_LISTEN").cloned());
        options.existing = true;
        // Whether limits are off stands in the first one's variables.
        options.limited = true;
        Self::start(options)
    }

    /// The wires of a server that was started [`proxied`](Options::proxied).
    #[track_caller]
    pub fn wires(&self) -> &Wires {
        self.wires.as_ref().expect("started with Options::proxied on PostgreSQL and Redis")
    }

    pub fn anon(&self) -> Anon<'_> {
        Anon(self)
    }

    /// A resident who has never been here.
    pub fn resident(&self) -> Resident<'_> {
        Resident::new(self)
    }

    /// A member of the demo staff.
    pub fn staff(&self, username: &str) -> Staff<'_> {
        let wallet = self.staff.lock().unwrap_or_else(|p| p.into_inner()).entry(username.to_owned()).or_default().clone();
        Staff::new(self, username, wallet)
    }

    /// Whoever sends this value as `Authorization`.
    pub fn bearer(&self, value: impl Into<String>) -> Bearer<'_> {
        Bearer { server: self, value: value.into() }
    }

    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// The demo community: where the demo dispatcher works.
    #[track_caller]
    pub fn community(&self) -> &str {
        self.community.get_or_init(|| {
            let me = self.staff("dispatcher").get("/me").expect(200);
            me["roles"][0]["community_id"].as_str().unwrap_or_else(|| panic!("the dispatcher has no community: {me}")).to_owned()
        })
    }

    /// A community in which nobody of the demo staff but the administrator has a say.
    #[track_caller]
    pub fn other_community(&self) -> &str {
        self.other_community.get_or_init(|| {
            let made = self.staff("admin").post("/communities", json!({ "code": crate::unique("other-"), "name": "邻近社区" })).expect(201);
            made["id"].as_str().unwrap_or_else(|| panic!("no id in {made}")).to_owned()
        })
    }

    /// The served OpenAPI document; read once for the whole test binary, since one binary serves one document.
    #[track_caller]
    pub fn document(&self) -> &'static Document {
        static DOCUMENT: OnceLock<Document> = OnceLock::new();
        DOCUMENT.get_or_init(|| {
            let reply = self.anon().plain("GET", "/openapi.json").transmit();
            assert!(reply.status == 200, "{}", reply.describe());
            Document::new(reply.json)
        })
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address())
    }

    pub(crate) fn agent(&self) -> &Agent {
        &self.agent
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Every file below a folder of its data, or all of them below none (`""`).
    pub fn files(&self, below: &str) -> Vec<PathBuf> {
        fn walk(folder: &Path) -> Vec<PathBuf> {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
        }
        walk(&self.data_dir().join(below))
    }

    /// The variables that this server runs with, for commands beside it.
    pub fn env(&self) -> &[(String, String)] {
        &self.env
    }

    /// Runs the binary beside this server, on its storage.
    #[track_caller]
    pub fn command(&self, words: &[&str]) -> crate::Outcome {
        let data = self.data_dir().display().to_string();
        crate::run(&words.iter().copied().chain(["--data-dir", &data]).collect::<Vec<_>>(), &self.env, 60)
    }

    /// Everything that the server has written to stdout and stderr.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    fn log_tail(&self, lines: usize) -> String {
        tail(&self.dir, lines)
    }

    /// Remembers which server this thread used last: its log is shown when a test fails.
    pub(crate) fn note_use(&self) {
        LAST_USED.with(|last| last.replace(Some(self.dir.clone())));
    }

    pub fn pid(&self) -> u32 {
        self.lock().server.id()
    }

    /// Sends a signal by its short name, `TERM` or `INT`.
    pub fn signal(&self, name: &str) {
        let pid = self.lock().server.id().to_string();
        assert!(Command::new("kill").args([format!("-{name}"), pid]).status().is_ok_and(|s| s.success()));
    }

    /// The processor time that the server has used, in clock ticks (a hundred a second): unlike the time on the wall it does not
    /// depend on what else the machine does.
    #[track_caller]
    pub fn cpu_ticks(&self) -> u64 {
        let pid = self.lock().server.id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the server runs");
        // After the name in parentheses, user and system time are the 12th and 13th field.
        let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
    }

    /// Waits for the server's end.
    #[track_caller]
    pub fn wait(&self, seconds: u64) -> ExitStatus {
        crate::eventually("the server ends", seconds, || self.lock().server.try_wait().expect("the child can be asked"))
    }

    /// `kill -9`.
    pub fn kill(&self) {
        let mut process = self.lock();
        let _ = process.server.kill();
        let _ = process.server.wait();
    }

    /// Starts again on the same folder, database and ports, after the end of the first.
    #[track_caller]
    pub fn start_again(&self) -> Duration {
        let started = Instant::now();
        {
            let mut process = self.lock();
            assert!(matches!(process.server.try_wait(), Ok(Some(_))), "the server still runs");
            let _ = process.watchdog.kill();
            let _ = process.watchdog.wait();
            *process = launch(self.port, &self.dir, &self.env);
        }
        self.wait_until_ready();
        started.elapsed()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut process = self.lock();
        let Process { server, watchdog } = &mut *process;
        let _ = watchdog.kill();
        let _ = watchdog.wait();
        let _ = server.kill();
        let _ = server.wait();
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// Makes the two URLs lead through proxies.
fn wires_into(env: &mut [(String, String)]) -> Wires {
    let mut reroute = |name: &str| {
        let (_, url) = env.iter_mut().find(|(other, _)| other == name).expect("PostgreSQL and Redis");
        let after_scheme = url.find("://").map_or(0, |at| at + 3);
        let end = url[after_scheme..].find('/').map_or(url.len(), |at| after_scheme + at);
        let start = url[after_scheme..end].rfind('@').map_or(after_scheme, |at| after_scheme + at + 1);
        let proxy = Proxy::to(&url[start..end]);
        url.replace_range(start..end, &proxy.address());
        proxy
    };
    Wires { database: reroute("DATABASE_URL"), cache: reroute("REDIS_URL") }
}

fn launch(port: u16, dir: &Path, env: &[(String, String)]) -> Process {
    let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).expect("the log can be written");
    let mut command = bare(env);
    command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"]).arg(dir.join("data"));
    let copy = log.try_clone().expect("a file handle can be copied");
    let server = command
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(copy)
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}", binary().display()));
    let script = format!("read -r _; kill -9 {}; [ -e '{d}/keep' ] || rm -rf '{d}'", server.id(), d = dir.display());
    let watchdog = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh runs");
    Process { server, watchdog }
}

/// The binary with nothing in its environment but what the test says.
pub(crate) fn bare(env: &[(String, String)]) -> Command {
    let mut command = Command::new(binary());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("RUST_BACKTRACE", "1").env("RUST_LOG", "info");
    command.envs(env.iter().map(|(name, value)| (name, value)));
    command
}

/// The program under test.
pub fn binary() -> PathBuf {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/jiazai");
    std::env::var_os("JIAZAI_BIN").map_or_else(built, PathBuf::from).canonicalize().expect("the server is built")
}

/// A port that is free now. They are counted up from a place below the range from which the kernel serves connections,
/// so that no other socket takes the port between our look and the server's start.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 97) as u16 * 100;
    for _ in 0..10_000 {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

thread_local! {
    static LAST_USED: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

/// When a test panics, the end of its server's log follows, and the folder stays for a closer look.
fn show_logs_of_failures() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            before(info);
            if let Some(dir) = LAST_USED.with(|last| last.borrow().clone()) {
                let _ = fs::write(dir.join("keep"), "");
                eprintln!("--- end of the server's log, the rest is in {}/log\n{}---", dir.display(), tail(&dir, 15));
            }
        }));
    });
}

fn tail(dir: &Path, lines: usize) -> String {
    let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
    let all: Vec<&str> = log.lines().collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| format!("{line}\n")).collect()
}

impl Server {
    /// The roles of a principal document, as (role, community).
    pub fn roles_of(principal: &Value) -> Vec<(String, Option<String>)> {
        let roles = principal["roles"].as_array().cloned().unwrap_or_default();
        roles.iter().map(|r| (r["role"].as_str().unwrap_or_default().to_owned(), r["community_id"].as_str().map(str::to_owned))).collect()
    }
}
