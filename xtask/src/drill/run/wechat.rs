//! WeChat refuses, stalls, drips, lies.

use std::time::{Duration, Instant};

use jiazai_tests::{Client, Options, Server, Sim, at_once, json};

use super::Form;
use super::sheet::Sheet;
use super::wire::{Manner, Upstream};

const PATIENCE: Duration = Duration::from_secs(8);

pub(super) fn drill(form: Form, sheet: &mut Sheet) -> Result<(), String> {
    let upstream = Upstream::listen()?;
    // A server that is told where WeChat is has no stand-in beside it, so another one's serves.
    let host = Server::start(Options::default().env("RUST_LOG", "error"));
    upstream.leads_to(host.sim().base());
    let server = Server::start(Options::default().env("WECHAT_API_BASE", &upstream.base).env("RUST_LOG", "error"));
    let platform = host.sim();
    let (code, _) = platform.login_code(None);
    let session = server.anon().post("/auth/wechat/login", json!({ "code": code })).expect(200);
    let token = format!("Bearer {}", session["access_token"].as_str().unwrap_or_default());
    let callers = form.pick(8, 64);
    for (name, manner) in [("refuses", Manner::Refuses), ("stalls", Manner::Stalls), ("drips", Manner::Drips)] {
        upstream.set(manner);
        trouble(sheet, &server, platform, &token, name, callers);
        recovered(sheet, &server, platform, &upstream, name);
    }
    let lies = lies(&server.address());
    let mut answers = Vec::new();
    for (name, lie) in &lies {
        upstream.set(Manner::Lies(lie.clone()));
        answers.push((name, log_in(&server, platform)));
    }
    let believed: Vec<String> = answers
        .iter()
        .filter(|(_, (status, _))| !matches!(status, 401 | 503))
        .map(|(name, (status, _))| format!("{name}: {status}"))
        .collect();
    let slowest = answers.iter().map(|(_, (_, took))| *took).max().unwrap_or_default();
    sheet.must(
        "WeChat lies: no lie is believed, and none is a 500",
        believed.is_empty(),
        if believed.is_empty() { format!("{} lies", lies.len()) } else { believed.join(", ") },
    );
    sheet.must("WeChat lies: slowest answer, at most 8 s", slowest <= PATIENCE, format!("{} ms", slowest.as_millis()));
    recovered(sheet, &server, platform, &upstream, "lies");
    Ok(())
}

/// 200 with a session, or what else.
fn log_in(server: &Server, platform: &Sim) -> (u16, Duration) {
    let (code, _) = platform.login_code(None);
    let start = Instant::now();
    let status = server.anon().post("/auth/wechat/login", json!({ "code": code })).transmit().status;
    (status, start.elapsed())
}

fn trouble(sheet: &mut Sheet, server: &Server, platform: &Sim, token: &str, name: &str, callers: usize) {
    let report = json!({ "community_id": server.community(), "place": "3号楼大厅", "category": "plumbing", "title": "漏水", "description": "水管漏水。", "photos": [] });
    // Half of them want to log in; the others are in already and want to go on.
    let answers = at_once(callers, |n| {
        if n % 2 == 0 {
            return (true, log_in(server, platform));
        }
        let start = Instant::now();
        let reply = server.bearer(token).post("/repair-tickets", report.clone()).transmit();
        (false, (reply.status, start.elapsed()))
    });
    let of = |logging_in: bool| answers.iter().filter(move |(log_in, _)| *log_in == logging_in).map(|(_, answer)| *answer);
    let slowest = |logging_in| of(logging_in).map(|(_, took)| took).max().unwrap_or_default();
    let statuses: std::collections::BTreeSet<u16> = of(true).map(|(status, _)| status).collect();
    sheet.must(
        format!("WeChat {name}: log-ins are told 503"),
        statuses.iter().eq([&503]),
        format!("{} callers: {statuses:?}", of(true).count()),
    );
    sheet.must(
        format!("WeChat {name}: slowest of them, at most 8 s"),
        slowest(true) <= PATIENCE,
        format!("{} ms", slowest(true).as_millis()),
    );
    let went_on = of(false).all(|(status, _)| status == 201);
    sheet.must(
        format!("WeChat {name}: who is in reports as always, within 2 s"),
        went_on && slowest(false) < Duration::from_secs(2),
        format!("slowest {} ms", slowest(false).as_millis()),
    );
}

fn recovered(sheet: &mut Sheet, server: &Server, platform: &Sim, upstream: &Upstream, name: &str) {
    upstream.set(Manner::Well);
    let (status, took) = log_in(server, platform);
    sheet.must(format!("WeChat {name} no longer: the next log-in"), status == 200, format!("{status} after {} ms", took.as_millis()));
}

/// What no platform should say.
fn lies(ourselves: &str) -> Vec<(&'static str, Vec<u8>)> {
    let json = |body: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let long = "x".repeat(10 << 20);
    vec![
        ("a page of HTML", json("<html>please sign in</html>")),
        ("nothing", json("")),
        ("an empty object", json("{}")),
        ("half an answer", json("{\"openid\":\"oABC")),
        ("an openid that is a number", json("{\"openid\":17,\"session_key\":\"HyVFkGl5F5OQWJZZaNzBBg==\"}")),
        ("an openid that is empty", json("{\"openid\":\"\",\"session_key\":\"HyVFkGl5F5OQWJZZaNzBBg==\"}")),
        ("an openid with line breaks", json("{\"openid\":\"a\\r\\nSet-Cookie: b\",\"session_key\":\"HyVFkGl5F5OQWJZZaNzBBg==\"}")),
        (
            "an openid of 100,000 letters",
            json(&format!("{{\"openid\":\"{}\",\"session_key\":\"HyVFkGl5F5OQWJZZaNzBBg==\"}}", &long[..100_000])),
        ),
        ("ten megabytes", json(&format!("{{\"openid\":\"{long}\"}}"))),
        ("an error that says it is none", json("{\"errcode\":\"0\",\"errmsg\":\"ok\"}")),
        ("an unknown error", json("{\"errcode\":99999,\"errmsg\":\"?\"}")),
        ("a nest of brackets", json(&"[".repeat(100_000))),
        ("a length that is too long", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{}".to_vec()),
        ("no HTTP at all", b"220 mail.example ESMTP\r\n".to_vec()),
        (
            "a redirect to ourselves",
            format!("HTTP/1.1 302 Found\r\nLocation: http://{ourselves}/livez\r\nContent-Length: 0\r\n\r\n").into_bytes(),
        ),
        ("204", b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
    ]
}
