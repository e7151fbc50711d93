use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiazai_infra::wechat::{Scene, SendError, Wechat, WechatError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{cache, client, message};

/// What a socket does with a request that it has read to the end.
#[derive(Clone, Copy, Debug)]
enum Odd {
    /// Nothing, for ever.
    Stall,
    /// The head at once, then a byte a second.
    Drip,
    /// A body without end.
    Huge,
    /// A declared length of a gigabyte.
    Promises,
    Answer(&'static str),
    /// The same, just within the time of one attempt.
    Late(&'static str),
}

/// A socket that behaves one way towards the token's call and another towards all others.
struct Socket {
    base: String,
    requests: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<String>>>,
}

const TOKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n{\"access_token\":\"tok-1\",\"expires_in\":7200}";

impl Socket {
    async fn start(token: Odd, others: Odd) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let (requests, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, log) = (Arc::clone(&requests), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (count, log) = (Arc::clone(&count), Arc::clone(&log));
                tokio::spawn(async move {
                    while let Some(request) = read_request(&mut stream).await {
                        let for_token = request.contains("stable_token");
                        count.fetch_add(usize::from(!for_token), Ordering::SeqCst);
                        log.lock().expect("no panic").push(request);
                        behave(&mut stream, if for_token { token } else { others }).await;
                    }
                });
            }
        });
        Self { base, requests, seen }
    }

    fn client(&self) -> Wechat {
        client(&self.base, cache(None, ""))
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let n = stream.read(&mut part).await.ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&part[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            return Some(text);
        }
    }
}

async fn behave(stream: &mut TcpStream, odd: Odd) {
    // The connection is never closed from here: what ends the client's wait must be the client's own doing.
    let (chunk, pause) = match odd {
        Odd::Stall => return std::future::pending().await,
        Odd::Answer(text) => return write(stream, text).await,
        Odd::Late(text) => {
            tokio::time::sleep(Duration::from_millis(2700)).await;
            return write(stream, text).await;
        }
        Odd::Promises => return write(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n{}").await,
        Odd::Huge => (format!("4000\r\n{}\r\n", " ".repeat(0x4000)), Duration::ZERO),
        Odd::Drip => ("1\r\n{\r\n".to_owned(), Duration::from_secs(1)),
    };
    write(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    while stream.write_all(chunk.as_bytes()).await.is_ok() {
        tokio::time::sleep(pause).await;
    }
}

/// A client that has gone is noticed at the next read.
async fn write(stream: &mut TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes()).await;
}

const BAD_TOKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"errcode\":40001}";

/// The only promise about time, kept against everything at once: it takes as long as the longest.
#[tokio::test]
async fn the_caller_is_answered_within_eight_seconds_whatever_wechat_does() {
    let good = Odd::Answer(TOKEN);
    let ways = [
        (good, Odd::Stall),
        (good, Odd::Drip),
        (good, Odd::Huge),
        (good, Odd::Promises),
        (Odd::Stall, good),
        (Odd::Drip, good),
        (good, Odd::Answer(BAD_TOKEN)),
        (Odd::Late(TOKEN), Odd::Late(BAD_TOKEN)),
    ];
    join_all(ways.map(|(token, others)| async move {
        let socket = Socket::start(token, others).await;
        let (wechat, message) = (socket.client(), message("o1"));
        let started = Instant::now();
        let (session, number, sent) =
            tokio::join!(wechat.code2session("code"), wechat.phone_number("code", None), wechat.send_subscribe(&message));
        let took = started.elapsed();
        assert!(took < Duration::from_secs(8), "{token:?} {others:?}: {took:?}");
        assert!(matches!(session, Err(WechatError::Unavailable(_))), "{token:?} {others:?}: {session:?}");
        assert!(matches!(number, Err(WechatError::Unavailable(_))), "{token:?} {others:?}: {number:?}");
        assert!(matches!(sent, Err(SendError::Unavailable { .. })), "{token:?} {others:?}: {sent:?}");
    }))
    .await;
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_unavailable_and_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let wechat = client(&base, cache(None, ""));
    assert!(matches!(wechat.code2session("code").await, Err(WechatError::Unavailable(_))));
    assert!(matches!(wechat.send_subscribe(&message("o1")).await, Err(SendError::Unavailable { maybe_sent: false, .. })));
}

#[tokio::test]
async fn answers_that_make_no_sense_are_unavailable_and_asked_for_once() {
    let answers = [
        "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"errcode\":\"x\"}",
        "HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n{\"openid\":\"\",\"session_key\":\"key\"}",
        "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>",
        "not HTTP at all\r\n\r\n",
    ];
    for answer in answers {
        let socket = Socket::start(Odd::Answer(TOKEN), Odd::Answer(answer)).await;
        let wechat = socket.client();
        assert!(matches!(wechat.code2session("code").await, Err(WechatError::Unavailable(_))), "{answer}");
        assert!(matches!(wechat.phone_number("code", None).await, Err(WechatError::Unavailable(_))), "{answer}");
        assert!(matches!(wechat.send_subscribe(&message("o1")).await, Err(SendError::Unavailable { .. })), "{answer}");
        assert_eq!(socket.requests(), 3, "{answer}");
    }
}

#[tokio::test]
async fn an_errcode_as_text_is_understood() {
    let answer =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 43\r\n\r\n{\"errcode\":\"40029\",\"errmsg\":\"invalid code\"}";
    let socket = Socket::start(Odd::Answer(TOKEN), Odd::Answer(answer)).await;
    assert!(matches!(socket.client().code2session("code").await, Err(WechatError::CodeInvalid(trouble)) if trouble.errcode == Some(40029)));
}

#[tokio::test]
async fn a_body_goes_with_its_length_and_with_chinese_as_it_is() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{\"errcode\":0,\"msgid\":17}";
    let socket = Socket::start(Odd::Answer(TOKEN), Odd::Answer(answer)).await;
    assert_eq!(socket.client().send_subscribe(&message("o1")).await, Ok("17".to_owned()));
    let seen = socket.seen.lock().expect("no panic").clone();
    for request in &seen {
        let lower = request.to_lowercase();
        assert!(lower.contains("content-length: ") && !lower.contains("transfer-encoding"), "{request}");
    }
    assert!(seen[1].contains("水管漏水") && seen[1].contains("access_token=tok-1"), "{}", seen[1]);
}

/// The token takes longer than words may, and less than a message may. One fetch serves both: the one leaves, the other is served.
#[tokio::test]
async fn whoever_cannot_wait_for_the_token_takes_it_from_nobody() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{\"errcode\":0,\"msgid\":17}";
    let socket = Socket::start(Odd::Late(TOKEN), Odd::Answer(answer)).await;
    let (wechat, message) = (socket.client(), message("o1"));
    let (opinion, sent) = tokio::join!(wechat.check_text("o1", Scene::Comment, "灯不亮"), wechat.send_subscribe(&message));
    assert!(opinion.is_err(), "{opinion:?}");
    assert_eq!(sent, Ok("17".to_owned()));
    let tokens = socket.seen.lock().expect("no panic").iter().filter(|request| request.contains("stable_token")).count();
    assert_eq!(tokens, 1);
}
