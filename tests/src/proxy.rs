//! A wire that can be cut: stands between the server and its database or cache.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How the wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    /// Connections are closed and new ones are hung up on.
    Cut,
    /// Connections stay open, new ones are taken, and nothing is passed on: the worst kind of away.
    Silent,
}

#[derive(Debug)]
struct Shared {
    state: State,
    open: Vec<TcpStream>,
}

/// Passes bytes on to a target until told otherwise.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

impl Proxy {
    pub(crate) fn to(target: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", crate::server::free_port())).expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        let shared = Arc::new(Mutex::new(Shared { state: State::Whole, open: Vec::new() }));
        let (target, kept) = (target.to_owned(), shared.clone());
        // Ends with the test process; there is nothing to clear up.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = lock(&kept).state;
                if state == State::Cut {
                    let _ = client.shutdown(Shutdown::Both);
                    continue;
                }
                let Ok(server) = TcpStream::connect(&target) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
                    lock(&kept).open.push(from.try_clone().expect("a handle"));
                    let shared = kept.clone();
                    std::thread::spawn(move || pass_on(from, to, &shared));
                }
            }
        });
        Self { port, shared }
    }

    /// `127.0.0.1:port`, for a URL.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn cut(&self) {
        let mut shared = lock(&self.shared);
        shared.state = State::Cut;
        for stream in shared.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn silence(&self) {
        lock(&self.shared).state = State::Silent;
    }

    /// Whole again. What was swallowed in silence is lost, so those connections are closed.
    pub fn mend(&self) {
        let mut shared = lock(&self.shared);
        if shared.state == State::Silent {
            for stream in shared.open.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        shared.state = State::Whole;
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, shared: &Mutex<Shared>) {
    let mut part = [0; 16384];
    while let Ok(read) = from.read(&mut part) {
        if read == 0 {
            break;
        }
        if lock(shared).state == State::Silent {
            continue;
        }
        if to.write_all(&part[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
