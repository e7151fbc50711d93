use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

#[tokio::test]
async fn faults_for_one_api_strike_in_order_one_a_call_and_then_are_used_up() {
    let sim = Sim::start();
    sim.control("faults", json!({"api": "jscode2session", "kind": "errcode", "value": -1, "times": 2})).await;
    sim.control("faults", json!({"api": "jscode2session", "kind": "status", "value": 502, "times": 1})).await;
    sim.control("faults", json!({"api": "jscode2session", "kind": "garbage", "times": 1})).await;
    let code = sim.login_code().await;
    for _ in 0..2 {
        let busy = sim.login(&code).await;
        assert_eq!(busy.errcode(), -1);
        assert!(busy.errmsg().starts_with("system error"), "{}", busy.errmsg());
    }
    assert_eq!(sim.login(&code).await.status, 502);
    let garbage = sim.login(&code).await;
    assert_eq!((garbage.status, garbage.content_type.as_str()), (200, "text/html"));
    assert!(garbage.text.starts_with("<html>"));
    // None of these used the code up, and other APIs never noticed.
    sim.stable_token().await;
    sim.login(&code).await.text_of("openid");
}

#[tokio::test]
async fn a_fault_without_times_lasts_until_it_is_deleted() {
    let sim = Sim::start();
    let id = sim.control("faults", json!({"api": "stable_token", "kind": "errcode", "value": 45009})).await["id"].clone();
    assert!(id.is_string());
    for _ in 0..3 {
        assert_eq!(sim.stable(false).await.errcode(), 45009);
    }
    assert_eq!(sim.finish(sim.http.delete(format!("{}/_sim/faults", sim.base))).await.status, 204);
    sim.stable_token().await;
}

#[tokio::test]
async fn known_errcodes_come_with_the_platforms_own_words() {
    let sim = Sim::start();
    for (errcode, text) in [
        (40226, "code blocked, rid: "),
        (45011, "api minute-quota reach limit  mustslower  retry next minute, rid: "),
        (12345, "error, rid: "),
    ] {
        sim.control("faults", json!({"api": "jscode2session", "kind": "errcode", "value": errcode, "times": 1})).await;
        let answer = sim.login("x").await;
        assert_eq!(answer.errcode(), errcode);
        assert!(answer.errmsg().starts_with(text), "{}", answer.errmsg());
    }
}

#[tokio::test]
async fn a_delayed_call_has_happened_although_its_answer_is_late() {
    let sim = Sim::start();
    sim.control("faults", json!({"api": "jscode2session", "kind": "delay", "value": 300, "times": 1})).await;
    let code = sim.login_code().await;
    let asked = Instant::now();
    sim.login(&code).await.text_of("openid");
    assert!(asked.elapsed() >= Duration::from_millis(300));

    sim.control("faults", json!({"api": "jscode2session", "kind": "delay", "value": 60000, "times": 1})).await;
    let code = sim.login_code().await;
    let path = format!("{}/sns/jscode2session?appid={APPID}&secret={SECRET}&js_code={code}&grant_type=authorization_code", sim.base);
    let impatient = sim.http.get(path).timeout(Duration::from_millis(200)).send().await;
    assert!(impatient.unwrap_err().is_timeout());
    // An impatient client that tries again has spoilt its code.
    assert_eq!(sim.login(&code).await.errcode(), 40163);
}

#[tokio::test]
async fn a_dropped_call_gets_not_a_single_byte() {
    let sim = Sim::start();
    sim.control("faults", json!({"api": "token", "kind": "drop", "times": 1})).await;
    let address = sim.base.strip_prefix("http://").unwrap().to_owned();
    let received = tokio::task::spawn_blocking(move || {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(b"GET /cgi-bin/token HTTP/1.1\r\nHost: api\r\n\r\n").unwrap();
        let mut received = Vec::new();
        // A reset counts as well: either way nothing was said.
        let _ = socket.read_to_end(&mut received);
        received
    })
    .await
    .unwrap();
    assert_eq!(received, b"");
    let logged = sim.requests("token").await;
    assert_eq!((&logged[0]["status"], &logged[0]["fault"]), (&Value::Null, &json!("drop")));
}

#[tokio::test]
async fn the_request_log_is_newest_first_by_api_and_without_secrets() {
    let sim = Sim::start();
    let issued = sim.control("login-codes", json!({"openid": "o-1"})).await;
    let code = issued["code"].as_str().unwrap();
    let session_key = sim.login(code).await.text_of("session_key");
    sim.login("unknown").await;
    let token = sim.stable_token().await;
    sim.allow("o-1", TEMPLATE, 1).await;
    sim.send(&token, message("o-1")).await;
    sim.post_text("/cgi-bin/stable_token", &format!("{{\"secret\":\"{SECRET}\"")).await;

    let logins = sim.requests("jscode2session").await;
    assert_eq!(logins.len(), 2);
    assert_eq!((&logins[0]["errcode"], logins[1].get("errcode")), (&json!(40029), None));
    assert_eq!(
        (&logins[1]["method"], &logins[1]["path"], &logins[1]["status"]),
        (&json!("GET"), &json!("/sns/jscode2session"), &json!(200))
    );
    assert_eq!(
        logins[1]["query"],
        json!({"appid": APPID, "secret": "***", "js_code": format!("{}***", &code[..4]), "grant_type": "authorization_code"})
    );
    assert_eq!(sim.requests("send").await[0]["body"]["touser"], "o-1");
    assert_eq!(sim.requests("stable_token").await.len(), 2);

    let everything = sim.get("/_sim/requests").await;
    assert_eq!(everything.json()["items"].as_array().unwrap().len(), 5);
    for secret in [SECRET, code, &session_key, &token] {
        assert!(!everything.text.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn the_clock_is_shared_with_the_holder_of_the_handle_and_never_runs_back() {
    let sim = Sim::start();
    let before = sim.clock.now_ms();
    let moved = sim.control("clock", json!({"advance_s": 7200})).await;
    assert_eq!(moved["offset_ms"], 7_200_000);
    assert!(moved["now"].as_str().unwrap().ends_with('Z'));
    assert!(sim.clock.now_ms() >= before + 7_200_000);
    for nonsense in [json!({"advance_s": -1}), json!({"advance_s": 4_000_000_000_u64}), json!({})] {
        assert_eq!(sim.post("/_sim/clock", nonsense).await.status, 400);
    }
    for _ in 0..20 {
        sim.post("/_sim/clock", json!({"advance_s": 316_000_000})).await;
    }
    assert!(sim.post("/_sim/clock", json!({"advance_s": 316_000_000})).await.text.contains("century"));
    assert!(sim.clock.advance(u32::MAX).is_none());
}

#[tokio::test]
async fn a_control_call_that_makes_no_sense_is_400_with_a_sentence() {
    let sim = Sim::start();
    for (path, body, word) in [
        ("login-codes", json!({"openid": "不行"}), "openid"),
        ("login-codes", json!({"openid": "x".repeat(65)}), "openid"),
        ("login-codes", json!({"open_id": "x"}), "unknown field"),
        ("phone-codes", json!({"openid": "o-1"}), "phone"),
        ("phone-codes", json!({"openid": "o-1", "phone": "+8613800138000"}), "digits"),
        ("phone-codes", json!({"openid": "o-1", "phone": "13800138000", "country_code": true}), "country_code"),
        ("subscriptions", json!({"openid": "o-1", "template_id": "unknown"}), "template"),
        ("subscriptions", json!({"openid": "o-1", "template_id": TEMPLATE, "times": 0}), "times"),
        ("faults", json!({"api": "jscode2sesion", "kind": "drop"}), "jscode2session"),
        ("faults", json!({"api": "send", "kind": "explode"}), "errcode"),
        ("faults", json!({"api": "send", "kind": "errcode"}), "value"),
        ("faults", json!({"api": "send", "kind": "status", "value": 99}), "200"),
        ("faults", json!({"api": "send", "kind": "delay", "value": -1}), "milliseconds"),
        ("faults", json!({"api": "send", "kind": "drop", "times": 0}), "times"),
        ("faults", json!({"api": "send", "kind": "duplicate"}), "push"),
        ("faults", json!({"api": "push", "kind": "status", "value": 500}), "no status"),
        ("keywords", json!({"keyword": "", "suggest": "risky"}), "keyword"),
        ("keywords", json!({"keyword": "x", "suggest": "bad"}), "suggest"),
        ("media-verdicts", json!({"suggest": "risky", "label": 1}), "label"),
        ("push", json!({"url": "ftp://x", "token": "AAAAA"}), "http"),
        ("push", json!({"url": "http://x", "token": "A"}), "token"),
        ("push", json!({"url": "http://x", "token": "AAAAA", "aes_key": "short"}), "aes_key"),
        ("events", json!({"openid": "o-1", "event": "x"}), "push"),
    ] {
        let answer = sim.post(&format!("/_sim/{path}"), body.clone()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.text_of("error").contains(word), "{}", answer.text);
    }
    assert_eq!(sim.get("/_sim/requests?app=send").await.status, 400);
    assert_eq!(sim.post_text("/_sim/login-codes", "not json").await.status, 400);
    assert_eq!(sim.post_text("/_sim/login-codes", "").await.status, 200, "nothing asked for is nothing wrong");
}

#[tokio::test]
async fn wrong_paths_and_methods_under_sim_are_explained() {
    let sim = Sim::start();
    assert_eq!(sim.get("/_sim/nothing").await.status, 404);
    let wrong = sim.http.get(format!("{}/_sim/faults", sim.base)).send().await.unwrap();
    assert_eq!((wrong.status().as_u16(), wrong.headers()["allow"].to_str().unwrap()), (405, "POST, DELETE"));
    let help = sim.get("/_sim/").await;
    assert_eq!((help.status, help.content_type.as_str()), (200, "text/plain; charset=utf-8"));
    for path in ["login-codes", "phone-codes", "subscriptions", "faults", "messages", "requests", "clock", "push", "events", "story"] {
        assert!(help.text.contains(path), "the help does not mention {path}");
    }
}

#[test]
fn options_that_cannot_work_are_refused_at_the_start() {
    let start = |appid: &str, field: &str| {
        let options = Options {
            appid: appid.into(),
            secret: SECRET.into(),
            templates: vec![Template { id: "t".into(), fields: vec![field.into()] }],
            clock: SimClock::new(Arc::new(AtomicI64::new(0))),
            push: None,
            narrate: None,
        };
        wechat_simulator::bind(TcpListener::bind("127.0.0.1:0").unwrap(), options).map(drop).map_err(|fault| fault.to_string())
    };
    assert!(start("", "thing1").unwrap_err().contains("appid"));
    assert!(start(APPID, "thingy").unwrap_err().contains("thingy"));
}
