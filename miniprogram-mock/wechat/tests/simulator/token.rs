use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::*;

#[tokio::test]
async fn the_plain_endpoint_replaces_its_token_at_every_call_and_the_old_one_lives_five_minutes_more() {
    let sim = Sim::start();
    let first = sim.plain_token().await;
    let second = sim.plain_token().await;
    assert_ne!(first, second);
    sim.advance(290).await;
    assert_eq!((sim.verdict(&first).await, sim.verdict(&second).await), (GOOD_TOKEN, GOOD_TOKEN));
    sim.advance(10).await;
    assert_eq!((sim.verdict(&first).await, sim.verdict(&second).await), (40001, GOOD_TOKEN));
}

#[tokio::test]
async fn a_token_answer_has_no_errcode_and_is_json() {
    let sim = Sim::start();
    let answer = sim.get(&format!("/cgi-bin/token?grant_type=client_credential&appid={APPID}&secret={SECRET}")).await;
    assert_eq!(answer.json()["expires_in"], 7200);
    assert!(answer.json().get("errcode").is_none());
    assert!(answer.content_type.starts_with("application/json"));
    assert!(answer.text_of("access_token").len() <= 512);
}

#[tokio::test]
async fn the_plain_endpoint_names_what_is_missing_or_wrong() {
    let sim = Sim::start();
    for (query, errcode) in [
        (String::new(), 41002),
        ("appid=wrong".into(), 41004),
        ("appid=wrong&secret=wrong".into(), 40002),
        ("appid=wrong&secret=wrong&grant_type=client_credentials".into(), 40002),
        ("appid=wrong&secret=wrong&grant_type=client_credential".into(), 40013),
        (format!("appid={APPID}&secret=wrong&grant_type=client_credential"), 40125),
    ] {
        assert_eq!(sim.get(&format!("/cgi-bin/token?{query}")).await.errcode(), errcode, "{query}");
    }
}

#[tokio::test]
async fn the_stable_token_stays_the_same_while_its_time_runs_down() {
    let sim = Sim::start();
    let first = sim.stable(false).await;
    assert_eq!(first.json()["expires_in"], 7200);
    sim.advance(6000).await;
    let later = sim.stable(false).await;
    assert_eq!(later.text_of("access_token"), first.text_of("access_token"));
    let left = later.json()["expires_in"].as_i64().unwrap();
    assert!((1100..=1200).contains(&left), "{left}");
}

#[tokio::test]
async fn in_its_last_five_minutes_a_stable_token_gets_a_successor_and_both_are_valid() {
    let sim = Sim::start();
    let old = sim.stable_token().await;
    sim.advance(6901).await;
    let new = sim.stable(false).await;
    assert_ne!(new.text_of("access_token"), old);
    assert_eq!(new.json()["expires_in"], 7200);
    assert_eq!((sim.verdict(&old).await, sim.verdict(&new.text_of("access_token")).await), (GOOD_TOKEN, GOOD_TOKEN));
    sim.advance(300).await;
    assert_eq!((sim.verdict(&old).await, sim.verdict(&new.text_of("access_token")).await), (42001, GOOD_TOKEN));
}

#[tokio::test]
async fn force_refresh_kills_the_old_token_at_once() {
    let sim = Sim::start();
    let old = sim.stable_token().await;
    let new = sim.stable(true).await.text_of("access_token");
    assert_ne!(new, old);
    assert_eq!((sim.verdict(&old).await, sim.verdict(&new).await), (40001, GOOD_TOKEN));
    assert_eq!(sim.stable_token().await, new);
}

#[tokio::test]
async fn forced_refreshes_less_than_30_seconds_apart_change_nothing() {
    let sim = Sim::start();
    let first = sim.stable(true).await.text_of("access_token");
    sim.advance(25).await;
    assert_eq!(sim.stable(true).await.text_of("access_token"), first);
    sim.advance(5).await;
    assert_ne!(sim.stable(true).await.text_of("access_token"), first);
}

#[tokio::test]
async fn the_twenty_first_forced_refresh_of_a_day_changes_nothing() {
    let sim = Sim::start();
    // To shortly after midnight in Shanghai, so that the day does not end on the way.
    let into_day = (sim.clock.now_ms() / 1000 + 8 * 3600) % 86_400;
    sim.advance(u32::try_from(86_400 - into_day).unwrap()).await;
    let mut token = String::new();
    for round in 0..20 {
        let next = sim.stable(true).await.text_of("access_token");
        assert_ne!(next, token, "round {round}");
        token = next;
        sim.advance(30).await;
    }
    assert_eq!(sim.stable(true).await.text_of("access_token"), token);
    sim.advance(86_400 - 600).await;
    // The token has expired meanwhile, so a plain call comes between: what is new below is new by force.
    let natural = sim.stable_token().await;
    assert_ne!(sim.stable(true).await.text_of("access_token"), natural);
}

#[tokio::test]
async fn the_two_endpoints_do_not_touch_each_others_tokens() {
    let sim = Sim::start();
    let stable = sim.stable_token().await;
    let plain = sim.plain_token().await;
    sim.stable(true).await;
    let stable_now = sim.stable_token().await;
    sim.plain_token().await;
    sim.advance(301).await;
    let verdicts = [sim.verdict(&stable).await, sim.verdict(&plain).await, sim.verdict(&stable_now).await];
    assert_eq!(verdicts, [40001, 40001, GOOD_TOKEN]);
}

#[tokio::test]
async fn stable_token_wants_a_post_with_a_json_object() {
    let sim = Sim::start();
    let got = sim.get(&format!("/cgi-bin/stable_token?grant_type=client_credential&appid={APPID}&secret={SECRET}")).await;
    assert_eq!(got.errcode(), 43002);
    assert!(got.errmsg().starts_with("require POST method rid: "), "{}", got.errmsg());
    for (body, errcode) in
        [("", 44002), ("{", 47001), ("[]", 47001), ("{}", 41002), (r#"{"appid":"a"}"#, 41004), (r#"{"appid":"a","secret":"b"}"#, 40002)]
    {
        assert_eq!(sim.post_text("/cgi-bin/stable_token", body).await.errcode(), errcode, "{body}");
    }
    let ask = |appid: &str, secret: &str, force: Value| json!({"grant_type": "client_credential", "appid": appid, "secret": secret, "force_refresh": force});
    assert_eq!(sim.post("/cgi-bin/stable_token", ask("wrong", SECRET, false.into())).await.errcode(), 40013);
    assert_eq!(sim.post("/cgi-bin/stable_token", ask(APPID, "wrong", false.into())).await.errcode(), 40125);
    assert_eq!(sim.post("/cgi-bin/stable_token", ask(APPID, SECRET, "true".into())).await.errcode(), 47001);
}

#[tokio::test]
async fn an_access_token_is_missing_malformed_unknown_or_expired() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    let missing = sim.post("/wxa/business/getuserphonenumber", json!({"code": "x"})).await;
    assert_eq!(missing.errcode(), 41001);
    assert!(missing.errmsg().starts_with("access_token missing rid: "), "{}", missing.errmsg());
    assert_eq!(sim.verdict("").await, 41001);
    assert_eq!(sim.verdict("short").await, 40014);
    assert_eq!(sim.verdict(&format!("92_{}", "x".repeat(133))).await, 40001);
    sim.advance(7200).await;
    assert_eq!(sim.verdict(&token).await, 42001);
}

#[tokio::test]
async fn a_get_on_a_post_api_is_43002() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    for path in ["/wxa/business/getuserphonenumber", "/cgi-bin/message/subscribe/send"] {
        assert_eq!(sim.get(&format!("{path}?access_token={token}")).await.errcode(), 43002, "{path}");
    }
}

#[tokio::test]
async fn a_chunked_post_is_412_with_an_empty_body_on_every_post_api() {
    let sim = Sim::start();
    let address = sim.base.strip_prefix("http://").unwrap().to_owned();
    for path in ["/cgi-bin/stable_token", "/wxa/business/getuserphonenumber", "/cgi-bin/message/subscribe/send"] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: api\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        );
        let address = address.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let mut socket = TcpStream::connect(address).unwrap();
            socket.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).unwrap();
            answer
        })
        .await
        .unwrap();
        assert!(answer.starts_with("HTTP/1.1 412 "), "{path}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{path}: {answer}");
    }
    assert_eq!(sim.requests("stable_token").await[0]["status"], 412);
}
