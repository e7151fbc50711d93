//! The load: kept-alive connections over which prepared bytes are written and answers are read.
//!
//! It does next to nothing besides, because on two cores whatever the caller eats is missing to the server. It speaks to
//! this machine only.

use std::cell::Cell;
use std::io::{Error, ErrorKind, Read, Result as IoResult, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

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

/// An answer that was kept: its status and its body.
pub(super) type Kept = (u16, Vec<u8>);

/// A connection that is not waited for: what has come so far, and the number of the request that it is the answer to.
struct Line {
    conn: Conn,
    filled: usize,
    asked: usize,
}

impl Line {
    /// A request is far smaller than what a socket takes at once, so it is never written in part.
    fn ask(&mut self, number: usize, request: &[u8]) -> IoResult<()> {
        (self.filled, self.asked) = (0, number);
        self.conn.stream.write_all(request)
    }

    /// Takes what has come; the answer when that is all of it.
    fn hear(&mut self) -> IoResult<Option<Answer<'_>>> {
        let buffer = &mut self.conn.buffer;
        loop {
            if self.filled == buffer.len() {
                buffer.resize(self.filled * 2, 0);
            }
            match self.conn.stream.read(&mut buffer[self.filled..]) {
                Ok(0) => return Err(Error::new(ErrorKind::UnexpectedEof, "the server hung up")),
                Ok(n) => self.filled += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
            if let Some((status, start, length)) = head(&buffer[..self.filled])?
                && start + length <= self.filled
            {
                // Nothing more comes before the next question, so nothing more is tried.
                return Ok(Some(Answer { status, body: &self.conn.buffer[start..start + length] }));
            }
        }
    }
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
        // Each connection begins elsewhere among the requests, so that they do not march in step.
        let mut next: Vec<usize> = (0..self.connections).map(|i| i * self.requests.len() / self.connections).collect();
        let over = Instant::now() + time;
        let ask = |line: usize| {
            next[line] += 1;
            (Instant::now() < over).then_some((next[line] - 1) % self.requests.len())
        };
        self.turn(ask, |_, answer| self.check(&answer), cpu_s)
    }

    /// Every request once: how long until the last answer, and all answers in the order of the requests.
    pub(super) fn each(&self, cpu_s: impl Fn() -> Result<f64, String>) -> Result<(Slice, Vec<Kept>), String> {
        let mut requests = 0..self.requests.len();
        let mut kept = vec![(0, vec![]); self.requests.len()];
        let keep = |asked: usize, answer: Answer<'_>| {
            kept[asked] = (answer.status, answer.body.to_vec());
            Ok(())
        };
        let slice = self.turn(|_| requests.next(), keep, cpu_s)?;
        Ok((slice, kept))
    }

    /// The same, and how long each answer took in milliseconds.
    pub(super) fn each_timed(&self) -> Result<(Slice, Vec<Kept>, Vec<f64>), String> {
        let sent = vec![Cell::new(Instant::now()); self.requests.len()];
        let mut requests = 0..self.requests.len();
        let (mut kept, mut took) = (vec![(0, vec![]); self.requests.len()], vec![0.0; self.requests.len()]);
        let ask = |_| {
            let next = requests.next()?;
            sent[next].set(Instant::now());
            Some(next)
        };
        let hear = |asked: usize, answer: Answer<'_>| {
            took[asked] = sent[asked].get().elapsed().as_secs_f64() * 1000.0;
            kept[asked] = (answer.status, answer.body.to_vec());
            Ok(())
        };
        let slice = self.turn(ask, hear, || Ok(0.0))?;
        Ok((slice, kept, took))
    }

    /// One thread serves all connections: a thread for each would spend more on waking up than on asking. `ask` says which
    /// request a connection sends next, `hear` gets that number and the answer. Whoever has asked is waited for, so that no
    /// work is done that is not counted.
    fn turn(
        &self,
        mut ask: impl FnMut(usize) -> Option<usize>,
        mut hear: impl FnMut(usize, Answer<'_>) -> Result<(), String>,
        cpu_s: impl Fn() -> Result<f64, String>,
    ) -> Result<Slice, String> {
        let told = |e: Error| e.to_string();
        let mut poll = Poll::new().map_err(told)?;
        let mut events = Events::with_capacity(self.connections);
        let mut lines = (0..self.connections)
            .map(|i| {
                let conn = Conn::open(self.at)?;
                conn.stream.set_nonblocking(true)?;
                poll.registry().register(&mut SourceFd(&conn.stream.as_raw_fd()), Token(i), Interest::READABLE)?;
                Ok(Line { conn, filled: 0, asked: 0 })
            })
            .collect::<IoResult<Vec<_>>>()
            .map_err(told)?;
        let (start, before) = (Instant::now(), cpu_s()?);
        let (mut done, mut waiting) = (0u64, 0usize);
        for (i, line) in lines.iter_mut().enumerate() {
            if let Some(request) = ask(i) {
                line.ask(request, &self.requests[request]).map_err(told)?;
                waiting += 1;
            }
        }
        while waiting > 0 {
            poll.poll(&mut events, Some(PATIENCE)).map_err(told)?;
            if events.is_empty() {
                return Err(format!("no answer within {PATIENCE:?}"));
            }
            for event in &events {
                let Token(i) = event.token();
                let asked = lines[i].asked;
                let Some(answer) = lines[i].hear().map_err(told)? else { continue };
                hear(asked, answer)?;
                done += 1;
                match ask(i) {
                    Some(request) => lines[i].ask(request, &self.requests[request]).map_err(told)?,
                    None => waiting -= 1,
                }
            }
        }
        Ok(Slice { done: done as f64, wall_s: start.elapsed().as_secs_f64(), cpu_s: cpu_s()? - before })
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
