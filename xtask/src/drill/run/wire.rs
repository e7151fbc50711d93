//! Plain sockets: a caller who keeps no connection, a WeChat that misbehaves, and a proxy before two instances.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// One request over a connection of its own.
pub(super) fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{request}\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "no HTTP answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(odd)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(odd)?;
    Ok(Answer { status, body: answer.split_off(end + 4) })
}

/// How WeChat is.
#[derive(Debug, Clone)]
pub(super) enum Manner {
    Well,
    /// Hangs up at once.
    Refuses,
    /// Takes the request and says nothing.
    Stalls,
    /// Says one byte after the other, for ever.
    Drips,
    /// Says this, whatever was asked.
    Lies(Vec<u8>),
}

/// Stands between the server and the simulator.
pub(super) struct Upstream {
    pub(super) base: String,
    manner: Arc<Mutex<Manner>>,
    target: Arc<Mutex<String>>,
}

impl Upstream {
    pub(super) fn listen() -> Result<Self, String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|e| e.to_string())?;
        let base = format!("http://{}", listener.local_addr().map_err(|e| e.to_string())?);
        let (manner, target) = (Arc::new(Mutex::new(Manner::Well)), Arc::new(Mutex::new(String::new())));
        let (kept, to) = (manner.clone(), target.clone());
        // Ends with the process.
        spawn(move || {
            for client in listener.incoming().flatten() {
                let (manner, to) = (lock(&kept).clone(), lock(&to).clone());
                spawn(move || serve(client, &manner, &to));
            }
        });
        Ok(Self { base, manner, target })
    }

    /// Where the simulator is, once it has started.
    pub(super) fn leads_to(&self, base: &str) {
        *lock(&self.target) = base.trim_start_matches("http://").to_owned();
    }

    pub(super) fn set(&self, manner: Manner) {
        *lock(&self.manner) = manner;
    }
}

fn serve(mut client: TcpStream, manner: &Manner, target: &str) {
    if matches!(manner, Manner::Refuses) {
        return;
    }
    let Some(request) = read_request(&mut client) else { return };
    match manner {
        Manner::Refuses => {}
        Manner::Well => {
            // The simulator is told to hang up after its answer, so that the next call meets the manner of its day.
            let Some(line) = request.windows(2).position(|two| two == b"\r\n") else { return };
            let Ok(mut server) = TcpStream::connect(target) else { return };
            let mut answer = Vec::new();
            let sent = server.write_all(&request[..line]).and_then(|()| server.write_all(b"\r\nConnection: close"));
            if sent.and_then(|()| server.write_all(&request[line..])).and_then(|()| server.read_to_end(&mut answer)).is_ok() {
                let _ = client.write_all(&answer);
            }
        }
        Manner::Stalls => {
            // Until the other side has had enough.
            let _ = client.read(&mut [0; 64]);
        }
        Manner::Drips => {
            let mut byte = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{\"openid\":\"".to_vec();
            while client.write_all(&byte).is_ok() {
                sleep(Duration::from_millis(200));
                byte = b"x".to_vec();
            }
        }
        Manner::Lies(answer) => {
            let _ = client.write_all(answer);
        }
    }
    let _ = client.shutdown(Shutdown::Write);
}

/// Head and declared body.
fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let read = client.read(&mut part).ok().filter(|read| *read > 0)?;
        all.extend_from_slice(&part[..read]);
        let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&all[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok()).unwrap_or(0);
        if all.len() >= end + 4 + length {
            return Some(all);
        }
    }
}

struct Instance {
    address: String,
    ready: AtomicBool,
}

/// What stands before two instances: new connections go in turn to those whose `/readyz` is 200.
pub(super) struct Balancer {
    pub(super) address: String,
}

impl Balancer {
    pub(super) fn before(addresses: &[String]) -> Result<Self, String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?.to_string();
        let instances: Vec<Arc<Instance>> =
            addresses.iter().map(|address| Arc::new(Instance { address: address.clone(), ready: AtomicBool::new(true) })).collect();
        for instance in instances.clone() {
            spawn(move || {
                loop {
                    let ready = ask(&instance.address, "GET", "/readyz", &[], "").is_ok_and(|answer| answer.status == 200);
                    instance.ready.store(ready, Ordering::SeqCst);
                    sleep(Duration::from_millis(50));
                }
            });
        }
        spawn(move || {
            let turn = AtomicUsize::new(0);
            for client in listener.incoming().flatten() {
                let start = turn.fetch_add(1, Ordering::Relaxed);
                let in_turn = (0..instances.len()).map(|n| &instances[(start + n) % instances.len()]);
                let server =
                    in_turn.filter(|instance| instance.ready.load(Ordering::SeqCst)).find_map(|i| TcpStream::connect(&i.address).ok());
                let Some(server) = server else { continue };
                for (from, to) in [(client.try_clone(), server.try_clone()), (server.try_clone(), client.try_clone())] {
                    let (Ok(mut from), Ok(mut to)) = (from, to) else { continue };
                    spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Ok(Self { address })
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
