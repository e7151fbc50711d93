//! The load: a few threads, each with one kept-alive connection, that write prepared bytes and read the answers.
//!
//! It does next to nothing besides, because on two cores whatever the caller eats is missing to the server. It speaks to
//! this machine only.

use std::io::{Error, ErrorKind, Read, Result as IoResult, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::stats::Slice;

/// No answer takes longer than this, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Conn {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer: its status, and its body until the next exchange.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
}

impl Conn {
    pub(super) fn open(at: SocketAddr) -> IoResult<Self> {
        assert!(at.ip().is_loopback(), "load goes to this machine only");
        let stream = TcpStream::connect_timeout(&at, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; 1 << 16] })
    }

    /// Sends a request and reads an answer that says its length.
    pub(super) fn exchange(&mut self, request: &[u8]) -> IoResult<Answer<'_>> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let (status, start, end) = loop {
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            match self.stream.read(&mut self.buffer[filled..])? {
                0 => return Err(Error::new(ErrorKind::UnexpectedEof, "the server hung up")),
                n => filled += n,
            }
            if let Some((status, start, length)) = head(&self.buffer[..filled])? {
                break (status, start, start + length);
            }
        };
        if end > self.buffer.len() {
            self.buffer.resize(end, 0);
        }
        if end > filled {
            self.stream.read_exact(&mut self.buffer[filled..end])?;
        }
        Ok(Answer { status, body: &self.buffer[start..end] })
    }
}

/// Status, where the body begins and how long it is; none while the head is incomplete.
fn head(bytes: &[u8]) -> IoResult<Option<(u16, usize, usize)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let odd = || Error::new(ErrorKind::InvalidData, "not an answer with a length");
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| odd())?;
    let status: u16 = text.get(9..12).and_then(|s| s.parse().ok()).ok_or_else(odd)?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    match length {
        Some(length) => Ok(Some((status, end + 4, length))),
        None if status == 204 || status == 304 => Ok(Some((status, end + 4, 0))),
        None => Err(odd()),
    }
}

/// A request, ready to be sent again and again.
pub(super) fn request(method: &str, path: &str, token: Option<&str>, body: Option<&str>) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
    if let Some(token) = token {
        text += &format!("Authorization: Bearer {token}\r\n");
    }
    if let Some(body) = body {
        text += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    text += "\r\n";
    text += body.unwrap_or_default();
    text.into_bytes()
}

/// What to send, over how many connections, and the status that every answer must have.
pub(super) struct Load<'a> {
    pub(super) at: SocketAddr,
    pub(super) connections: usize,
    pub(super) requests: &'a [Vec<u8>],
    pub(super) expect: u16,
}

impl Load<'_> {
    /// As fast as the answers come, for that long. `cpu_s` is read before and after.
    pub(super) fn drive(&self, time: Duration, cpu_s: impl Fn() -> Result<f64, String>) -> Result<Slice, String> {
        let (stop, ready) = (AtomicBool::new(false), Barrier::new(self.connections + 1));
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections)
                .map(|i| {
                    scope.spawn({
                        let (stop, ready) = (&stop, &ready);
                        move || self.send(i, ready, stop)
                    })
                })
                .collect();
            ready.wait();
            let (start, before) = (Instant::now(), cpu_s());
            std::thread::sleep(time);
            stop.store(true, Ordering::Relaxed);
            let mut done = 0;
            let mut failed = None;
            for thread in threads {
                match thread.join() {
                    Ok(Ok(n)) => done += n,
                    Ok(Err(error)) => failed = Some(error),
                    Err(_) => failed = Some("a load thread panicked".to_owned()),
                }
            }
            let (wall_s, after) = (start.elapsed().as_secs_f64(), cpu_s());
            match failed {
                Some(error) => Err(error),
                None => Ok(Slice { done: done as f64, wall_s, cpu_s: after? - before? }),
            }
        })
    }

    fn send(&self, thread: usize, ready: &Barrier, stop: &AtomicBool) -> Result<u64, String> {
        let conn = Conn::open(self.at);
        // Everybody waits for everybody, also for those who could not connect.
        ready.wait();
        let mut conn = conn.map_err(|e| e.to_string())?;
        let mut done = 0;
        // Each thread begins elsewhere, so that they do not march in step.
        let mut next = thread * self.requests.len() / self.connections;
        while !stop.load(Ordering::Relaxed) {
            self.check(&conn.exchange(&self.requests[next % self.requests.len()]).map_err(|e| e.to_string())?)?;
            next += 1;
            done += 1;
        }
        Ok(done)
    }

    fn check(&self, answer: &Answer<'_>) -> Result<(), String> {
        if answer.status == self.expect {
            return Ok(());
        }
        let body = String::from_utf8_lossy(answer.body);
        Err(format!("{} instead of {}: {}", answer.status, self.expect, body.chars().take(300).collect::<String>()))
    }

    /// At a fixed rate, each request at its appointed time whether or not the others have been answered. Returns the
    /// latencies in milliseconds, sorted, counted from the appointed time: waiting behind a slow answer counts too.
    pub(super) fn pace(&self, per_second: f64, time: Duration) -> Result<Vec<f64>, String> {
        let start = Instant::now() + Duration::from_millis(50);
        let all = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections).map(|i| scope.spawn(move || self.keep_pace(i, per_second, start, time))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err("a load thread panicked".to_owned())))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let mut all = all.concat();
        all.sort_by(f64::total_cmp);
        Ok(all)
    }

    fn keep_pace(&self, thread: usize, per_second: f64, start: Instant, time: Duration) -> Result<Vec<f64>, String> {
        let mut conn = Conn::open(self.at).map_err(|e| e.to_string())?;
        let mut latencies = Vec::new();
        let mut number = thread;
        loop {
            let appointed = start + Duration::from_secs_f64(number as f64 / per_second);
            if appointed > start + time {
                return Ok(latencies);
            }
            std::thread::sleep(appointed.saturating_duration_since(Instant::now()));
            self.check(&conn.exchange(&self.requests[number % self.requests.len()]).map_err(|e| e.to_string())?)?;
            latencies.push(appointed.elapsed().as_secs_f64() * 1000.0);
            number += self.connections;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_when_its_head_says_how_long_it_is() {
        assert!(matches!(head(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"), Ok(None)));
        assert!(matches!(head(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Ok(Some((200, 38, 2)))));
        assert!(matches!(head(b"HTTP/1.1 304 Not Modified\r\n\r\n"), Ok(Some((304, _, 0)))));
        assert!(head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
