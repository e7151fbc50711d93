//! A partner's server: a little HTTP server that writes down what it is sent and answers as it is told.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// One request that came.
#[derive(Debug, Clone)]
pub struct Letter {
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Letter {
    #[track_caller]
    pub fn must(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    pub fn id(&self) -> &str {
        self.must("webhook-id")
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// How a receiver answers.
#[derive(Debug, Clone)]
pub enum Manner {
    /// A status, and perhaps a header.
    Status(u16, Option<(&'static str, String)>),
    /// The connection is taken and nothing is ever said, until the manner changes.
    Silent,
}

impl Manner {
    pub fn ok() -> Self {
        Self::Status(204, None)
    }
}

#[derive(Debug)]
struct Desk {
    letters: Mutex<Vec<Letter>>,
    manner: Mutex<Manner>,
    changed: Condvar,
}

/// Listens until the test's process ends.
#[derive(Debug, Clone)]
pub struct Receiver {
    pub port: u16,
    desk: Arc<Desk>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    pub fn open(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let desk = Arc::new(Desk { letters: Mutex::default(), manner: Mutex::new(manner), changed: Condvar::new() });
        let shared = desk.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let desk = shared.clone();
                std::thread::spawn(move || serve(&desk, stream));
            }
        });
        Self { port, desk }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// From now on, also for those who wait for an answer.
    pub fn become_(&self, manner: Manner) {
        *lock(&self.desk.manner) = manner;
        self.desk.changed.notify_all();
    }

    /// Everything that came, in its order.
    pub fn letters(&self) -> Vec<Letter> {
        lock(&self.desk.letters).clone()
    }

    /// What came about this thing.
    pub fn about(&self, subject: &str) -> Vec<Letter> {
        self.letters().into_iter().filter(|letter| letter.json()["subject"]["id"] == subject).collect()
    }
}

fn serve(desk: &Desk, mut stream: TcpStream) {
    let Some(letter) = read(&mut stream) else { return };
    lock(&desk.letters).push(letter);
    let mut manner = lock(&desk.manner);
    while matches!(*manner, Manner::Silent) {
        manner = desk.changed.wait(manner).unwrap_or_else(PoisonError::into_inner);
    }
    if let Manner::Status(status, header) = manner.clone() {
        drop(manner);
        let header = header.map(|(name, value)| format!("{name}: {value}\r\n")).unwrap_or_default();
        let _ = write!(stream, "HTTP/1.1 {status} X\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n");
    }
}

fn read(stream: &mut TcpStream) -> Option<Letter> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: BTreeMap<String, String> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    let length: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = bytes[head_end + 4..].to_vec();
    while body.len() < length {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(n) => body.extend_from_slice(&buffer[..n]),
        }
    }
    Some(Letter { path, headers, body })
}
