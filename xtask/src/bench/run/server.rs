//! The release binary under measurement: a process with a folder of its own, in the demo profile without request limits.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::load::{Conn, request};
use crate::launch;

pub(super) struct Server {
    child: Child,
    pub(super) at: SocketAddr,
    simulator: SocketAddr,
    pub(super) folder: PathBuf,
    /// From the start of the process to its first 200 that needed the database.
    pub(super) took: Duration,
}

impl Server {
    pub(super) fn start(binary: &Path, folder: &Path, env: &[(&str, &str)]) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let (at, simulator) = (free_address()?, free_address()?);
        let log = fs::File::create(folder.join("log")).map_err(|e| e.to_string())?;
        // Should we be killed, the server ends with us, as far as the machine offers that.
        let mut command = match launch::find("setpriv") {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "TERM", "--"]).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        for (name, _) in std::env::vars().filter(|(name, _)| is_ours(name)) {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", &at.to_string()]).env("JIAZAI_DATA_DIR", folder);
        command.env("WECHAT_SIMULATOR_LISTEN", simulator.to_string()).env("JIAZAI_RATE_LIMIT", "off").env("RUST_LOG", "warn");
        // What the stand-in for WeChat thinks of words is not what is measured.
        command.env("JIAZAI_CONTENT_CHECK", "off");
        command.envs(env.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let started = Instant::now();
        let child = command.spawn().map_err(|e| format!("{}: {e}", binary.display()))?;
        let mut server = Self { child, at, simulator, folder: folder.to_owned(), took: Duration::ZERO };
        let probe = request("GET", "/readyz", None, None);
        loop {
            let answered = Conn::open(at).and_then(|mut conn| Ok(conn.exchange(&probe)?.status == 200));
            if matches!(answered, Ok(true)) {
                server.took = started.elapsed();
                return Ok(server);
            }
            if started.elapsed() > Duration::from_secs(30) || matches!(server.child.try_wait(), Ok(Some(_))) {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                return Err(format!("the server did not start: {log}"));
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// User and system time that the process has used so far, in seconds.
    pub(super) fn cpu_s(&self) -> Result<f64, String> {
        super::machine::cpu_s(self.child.id())
    }

    /// Its share of the memory, in MiB.
    pub(super) fn pss_mib(&self) -> Result<f64, String> {
        crate::tools::pss_mib(self.child.id())
    }

    /// One request that is not measured; the answer's JSON.
    pub(super) fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Result<Value, String> {
        let body = body.map(Value::to_string);
        exchange(self.at, &request(method, &format!("/api/v1{path}"), token, body.as_deref()))
    }

    /// The status alone, of a GET.
    pub(super) fn status(&self, path: &str, token: &str) -> Result<u16, String> {
        let mut conn = Conn::open(self.at).map_err(|e| e.to_string())?;
        Ok(conn.exchange(&request("GET", path, Some(token), None)).map_err(|e| e.to_string())?.status)
    }

    /// A member of the demo's staff.
    pub(super) fn staff(&self, username: &str) -> Result<String, String> {
        let session = self.call("POST", "/auth/staff/login", None, Some(&json!({ "username": username, "password": "jiazai-demo" })))?;
        text(&session, "/access_token")
    }

    /// The resident with this openid, or a new one: access token, openid, id.
    pub(super) fn resident(&self, openid: Option<&str>) -> Result<(String, String, String), String> {
        let body = openid.map_or_else(|| json!({}), |openid| json!({ "openid": openid }));
        let given = exchange(self.simulator, &request("POST", "/_sim/login-codes", None, Some(&body.to_string())))?;
        let session = self.call("POST", "/auth/wechat/login", None, Some(&json!({ "code": text(&given, "/code")? })))?;
        Ok((text(&session, "/access_token")?, text(&given, "/openid")?, text(&session, "/principal/id")?))
    }

    pub(super) fn community(&self) -> Result<String, String> {
        let list = self.call("GET", "/communities", None, None)?;
        text(&list, "/items/0/id")
    }

    pub(super) fn database(&self) -> PathBuf {
        self.folder.join("jiazai.sqlite")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let patience = Instant::now() + Duration::from_secs(15);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn exchange(at: SocketAddr, request: &[u8]) -> Result<Value, String> {
    let mut conn = Conn::open(at).map_err(|e| e.to_string())?;
    let answer = conn.exchange(request).map_err(|e| e.to_string())?;
    let body = String::from_utf8_lossy(answer.body);
    if !(200..300).contains(&answer.status) {
        return Err(format!("{}: {body}", answer.status));
    }
    serde_json::from_str(&body).map_err(|e| format!("{e}: {body}"))
}

pub(super) fn text(value: &Value, pointer: &str) -> Result<String, String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("no {pointer} in {value}"))
}

/// A variable that would change what is measured.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with("JIAZAI_") || name.starts_with("WECHAT_") || matches!(name, "DATABASE_URL" | "REDIS_URL" | "RUST_LOG")
}

pub(super) fn free_address() -> Result<SocketAddr, String> {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).map_err(|e| format!("no free port: {e}"))
}
