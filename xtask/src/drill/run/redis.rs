//! Redis stopped, frozen, flushed, full: it is a cache and never the truth.

use std::time::{Duration, Instant};

use jiazai_tests::{Client, Options, Repair, Server, eventually, within};

use super::Form;
use super::own::Redis;
use super::sheet::Sheet;

/// Each call may run into Redis more than once before the breaker opens; 500 ms each.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn drill(form: Form, sheet: &mut Sheet) -> Result<(), String> {
    let mut redis = Redis::start()?;
    let server = Server::start(Options::default().env("REDIS_URL", &redis.url()).env("RUST_LOG", "warn"));
    let repair = Repair::new(&server);
    let gone = server.resident();
    let revoked = gone.authorization().unwrap_or_default();
    server.bearer(&revoked).call("POST", "/auth/logout").expect(204);

    let rounds = form.pick(6, 60);
    ordinary(sheet, "well", &server, &repair, &revoked, rounds);
    redis.stop();
    ordinary(sheet, "stopped", &server, &repair, &revoked, rounds);
    redis.start_again()?;
    back(sheet, "started", &server);
    redis.freeze();
    ordinary(sheet, "frozen", &server, &repair, &revoked, rounds);
    redis.thaw();
    back(sheet, "thawed", &server);
    redis.tell("FLUSHALL")?;
    ordinary(sheet, "flushed", &server, &repair, &revoked, rounds);
    redis.tell("CONFIG SET maxmemory-policy noeviction")?;
    redis.tell("CONFIG SET maxmemory 1")?;
    redis.tell("FLUSHALL")?;
    ordinary(sheet, "full", &server, &repair, &revoked, rounds);
    let kept = redis.keys()?;
    sheet.must("Redis full: keys that it took", kept == 0, kept);
    redis.tell("CONFIG SET maxmemory 0")?;
    // A full Redis answers, so that it is in use all the time; what shows that there is room is a key.
    let start = Instant::now();
    let written = within(30, || (redis.keys().ok()? > 0).then_some(()));
    let took = format!("{} ms", start.elapsed().as_millis());
    sheet.must("Redis given room: what it missed is written", written.is_some(), took);
    ordinary(sheet, "well again", &server, &repair, &revoked, rounds);
    Ok(())
}

/// A morning's work: log-ins, reports, looks; and rights that are taken away while Redis is in that state.
fn ordinary(sheet: &mut Sheet, state: &str, server: &Server, repair: &Repair<'_>, revoked: &str, rounds: usize) {
    let (mut slowest, mut calls) = (Duration::ZERO, 0);
    let mut wrong = Vec::new();
    let mut timed = |what: &str, expected: u16, act: &dyn Fn() -> u16| {
        let start = Instant::now();
        let status = act();
        (slowest, calls) = (slowest.max(start.elapsed()), calls + 1);
        if status != expected {
            wrong.push(format!("{what}: {status}"));
        }
    };
    for _ in 0..rounds {
        let resident = server.resident();
        let (code, _) = server.sim().login_code(Some(&resident.openid));
        let log_in = || server.anon().post("/auth/wechat/login", jiazai_tests::json!({ "code": code })).transmit();
        let session = std::cell::RefCell::new(None);
        timed("log-in", 200, &|| {
            let reply = log_in();
            let status = reply.status;
            session.replace(Some(reply.json));
            status
        });
        let token =
            session.take().and_then(|json| json["access_token"].as_str().map(|token| format!("Bearer {token}"))).unwrap_or_default();
        timed("report", 201, &|| server.bearer(&token).post("/repair-tickets", repair.draft()).transmit().status);
        timed("look", 200, &|| server.bearer(&token).get("/me").transmit().status);
        timed("log-out", 204, &|| server.bearer(&token).call("POST", "/auth/logout").transmit().status);
        // Whatever Redis remembers or has forgotten.
        timed("a look after the log-out", 401, &|| server.bearer(&token).get("/me").transmit().status);
        timed("a look with what was revoked before", 401, &|| server.bearer(revoked).get("/me").transmit().status);
    }
    let figure = wrong.first().map_or_else(|| format!("all {calls}"), |first| format!("{} were not: {first}", wrong.len()));
    sheet.must(format!("Redis {state}: calls answered as always, revoked is revoked"), wrong.is_empty(), figure);
    sheet.must(
        format!("Redis {state}: slowest answer, at most {} s", PATIENCE.as_secs()),
        slowest <= PATIENCE,
        format!("{} ms", slowest.as_millis()),
    );
}

/// The server finds it again by itself.
fn back(sheet: &mut Sheet, how: &str, server: &Server) {
    let start = Instant::now();
    eventually("Redis is used again", 30, || {
        let metrics = server.anon().plain("GET", "/metrics").transmit().text();
        metrics.lines().any(|line| line.trim() == "jiazai_cache_up 1").then_some(())
    });
    sheet.told(format!("Redis {how}: in use again after"), format!("{} ms", start.elapsed().as_millis()));
}
