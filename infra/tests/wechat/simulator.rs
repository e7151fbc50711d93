use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use futures_util::future::join_all;
use jiazai_infra::cache::Cache;
use jiazai_infra::vault::{hex, random};
use jiazai_infra::wechat::{SendError, Wechat, WechatError};
use prometheus::Registry;
use serde_json::{Value, json};
use wechat_simulator::{Options, SimClock, Template};

use super::{APPID, SECRET, cache, client, client_measured, message};

/// A WeChat of one's own.
struct Platform {
    base: String,
    control: reqwest::Client,
}

impl Platform {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let templates = vec![Template { id: "accepted".to_owned(), fields: vec!["thing1".to_owned()] }];
        let clock = SimClock::new(Arc::new(AtomicI64::new(0)));
        let options = Options { appid: APPID.to_owned(), secret: SECRET.to_owned(), templates, clock, push: None, narrate: None };
        tokio::spawn(wechat_simulator::bind(listener, options).expect("a simulator"));
        Self { base, control: reqwest::Client::new() }
    }

    fn client(&self) -> Wechat {
        client(&self.base, cache(None, ""))
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.control.post(format!("{}{path}", self.base)).json(&body);
        let response = request.send().await.expect("the simulator answers");
        assert!(response.status().is_success(), "{path} {body}: {}", response.status());
        response.json().await.expect("JSON")
    }

    async fn login_code(&self) -> (String, String) {
        let made = self.post("/_sim/login-codes", json!({})).await;
        (text(&made["code"]), text(&made["openid"]))
    }

    async fn phone_code(&self) -> String {
        text(&self.post("/_sim/phone-codes", json!({"openid": "o1", "phone": "13800138000"})).await["code"])
    }

    async fn allow_messages(&self, openid: &str, times: u32) {
        self.post("/_sim/subscriptions", json!({"openid": openid, "template_id": "accepted", "times": times})).await;
    }

    async fn fault(&self, api: &str, kind: &str, value: Option<i64>, times: u32) {
        self.post("/_sim/faults", json!({"api": api, "kind": kind, "value": value, "times": times})).await;
    }

    async fn items(&self, path: &str) -> Vec<Value> {
        let response = self.control.get(format!("{}{path}", self.base)).send().await.expect("the simulator answers");
        let body: Value = response.json().await.expect("JSON");
        body["items"].as_array().expect("items").clone()
    }

    async fn asked(&self, api: &str) -> usize {
        self.items(&format!("/_sim/requests?api={api}")).await.len()
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The number that WeChat gave as reason, after making sure that the error tells nothing else.
fn errcode(error: &WechatError) -> Option<i64> {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(SECRET) && !shown.contains("http") && !shown.contains("token="), "{shown}");
    let (WechatError::CodeInvalid(trouble) | WechatError::Throttled(trouble) | WechatError::Unavailable(trouble)) = error;
    trouble.errcode
}

#[tokio::test]
async fn a_login_code_tells_who_it_is_once() {
    let platform = Platform::start();
    let (wechat, (code, openid)) = (platform.client(), platform.login_code().await);
    let session = wechat.code2session(&code).await.expect("a session");
    assert_eq!(session.openid, openid);
    assert!(!format!("{session:?}").contains(session.session_key.expose()));
    let again = wechat.code2session(&code).await.expect_err("a used code");
    assert!(matches!(again, WechatError::CodeInvalid(_)));
    assert_eq!(errcode(&again), Some(40163));
}

#[tokio::test]
async fn what_cannot_be_a_code_is_not_sent() {
    let platform = Platform::start();
    let wechat = platform.client();
    for code in ["", "a b", "a'b", "a&secret=x", "码", "a\r\nb", &"a".repeat(129)] {
        assert!(matches!(wechat.code2session(code).await, Err(WechatError::CodeInvalid(_))), "{code}");
        assert!(matches!(wechat.phone_number(code, None).await, Err(WechatError::CodeInvalid(_))), "{code}");
    }
    assert!(platform.items("/_sim/requests").await.is_empty());
}

#[tokio::test]
async fn every_refusal_has_its_meaning() {
    let platform = Platform::start();
    let wechat = platform.client();
    for (code, meaning) in
        [(40029, "invalid"), (40226, "invalid"), (45011, "throttles"), (-1, "available"), (40013, "available"), (41002, "available")]
    {
        platform.fault("jscode2session", "errcode", Some(code), 1).await;
        let (login, _) = platform.login_code().await;
        let error = wechat.code2session(&login).await.expect_err("a refusal");
        assert_eq!(errcode(&error), Some(code));
        assert!(error.to_string().replace("not valid", "invalid").contains(meaning), "{error}");
    }
    assert_eq!(platform.asked("jscode2session").await, 6);
}

#[tokio::test]
async fn a_code_is_sent_exactly_once_whatever_happens_to_the_answer() {
    let platform = Platform::start();
    let wechat = platform.client();
    let faults =
        [("drop", None), ("garbage", None), ("status", Some(412)), ("status", Some(500)), ("status", Some(302)), ("errcode", Some(-1))];
    for (n, (kind, value)) in faults.into_iter().enumerate() {
        platform.fault("jscode2session", kind, value, 1).await;
        platform.fault("getuserphonenumber", kind, value, 1).await;
        let (login, phone) = (platform.login_code().await.0, platform.phone_code().await);
        let error = wechat.code2session(&login).await.expect_err("no answer");
        assert!(matches!(error, WechatError::Unavailable(_)) && errcode(&error) == value.filter(|_| kind == "errcode"));
        let error = wechat.phone_number(&phone, None).await.expect_err("no answer");
        assert!(matches!(error, WechatError::Unavailable(_)) && errcode(&error) == value.filter(|_| kind == "errcode"));
        assert_eq!((platform.asked("jscode2session").await, platform.asked("getuserphonenumber").await), (n + 1, n + 1), "{kind}");
    }
}

#[tokio::test]
async fn login_works_the_moment_wechat_does() {
    let platform = Platform::start();
    let wechat = platform.client();
    platform.fault("jscode2session", "status", Some(503), 20).await;
    let (code, openid) = platform.login_code().await;
    for _ in 0..20 {
        assert!(matches!(wechat.code2session(&code).await, Err(WechatError::Unavailable(_))));
    }
    assert_eq!(wechat.code2session(&code).await.map(|session| session.openid), Ok(openid));
}

#[tokio::test]
async fn a_phone_code_tells_the_number_once_and_the_token_is_fetched_once_for_all() {
    let platform = Platform::start();
    let wechat = platform.client();
    for n in 0..3 {
        let code = platform.phone_code().await;
        let number = wechat.phone_number(&code, (n == 0).then_some("o1")).await.expect("a number");
        assert_eq!((number.number.as_str(), number.country.as_str()), ("13800138000", "86"));
        assert!(!format!("{number:?}").contains("138001"));
        let again = wechat.phone_number(&code, None).await.expect_err("a used code");
        assert!(matches!(again, WechatError::CodeInvalid(_)) && errcode(&again) == Some(40029));
    }
    assert_eq!(platform.asked("stable_token").await, 1);
}

#[tokio::test]
async fn a_country_given_as_a_number_is_read_too() {
    let platform = Platform::start();
    let made = platform.post("/_sim/phone-codes", json!({"openid": "o1", "phone": "2025550123", "country_code": 1})).await;
    let number = platform.client().phone_number(&text(&made["code"]), None).await.expect("a number");
    assert_eq!((number.number.as_str(), number.country.as_str()), ("2025550123", "1"));
}

#[tokio::test]
async fn a_refused_token_is_forgotten_and_the_call_made_once_more() {
    let platform = Platform::start();
    let wechat = platform.client();
    for (n, refusal) in [40001, 40014, 42001].into_iter().enumerate() {
        platform.fault("getuserphonenumber", "errcode", Some(refusal), 1).await;
        wechat.phone_number(&platform.phone_code().await, None).await.expect("a number at the second attempt");
        assert_eq!((platform.asked("getuserphonenumber").await, platform.asked("stable_token").await), (2 * (n + 1), n + 2));
    }
}

#[tokio::test]
async fn a_token_refused_twice_is_an_error_and_not_a_loop() {
    let platform = Platform::start();
    platform.fault("getuserphonenumber", "errcode", Some(40001), 100).await;
    let error = platform.client().phone_number(&platform.phone_code().await, None).await.expect_err("refused");
    assert!(matches!(error, WechatError::Unavailable(_)) && errcode(&error) == Some(40001));
    assert_eq!(platform.asked("getuserphonenumber").await, 2);
}

/// Somebody else makes WeChat issue a new token, as a colleague with the console does.
async fn replace_token(platform: &Platform) {
    let body = json!({"grant_type": "client_credential", "appid": APPID, "secret": SECRET, "force_refresh": true});
    platform.post("/cgi-bin/stable_token", body).await;
}

async fn ten_refused_calls_fetch_one_new_token(platform: &Platform, caches: [Arc<Cache>; 2]) {
    let clients = caches.map(|cache| client(&platform.base, cache));
    let codes = join_all((0..11).map(|_| platform.phone_code())).await;
    clients[0].phone_number(&codes[0], None).await.expect("a number");
    replace_token(platform).await;
    let before = platform.asked("stable_token").await;
    let calls = codes[1..].iter().enumerate().map(|(n, code)| clients[n % 2].phone_number(code, None));
    for result in join_all(calls).await {
        result.expect("a number");
    }
    assert_eq!(platform.asked("stable_token").await - before, 1);
}

#[tokio::test]
async fn in_process_ten_refused_calls_fetch_one_new_token() {
    let cache = cache(None, "");
    ten_refused_calls_fetch_one_new_token(&Platform::start(), [Arc::clone(&cache), cache]).await;
}

#[tokio::test]
async fn over_redis_two_instances_share_the_token_and_its_replacement() {
    let Ok(url) = std::env::var("JIAZAI_TEST_REDIS_URL") else {
        // Not `eprintln!`, which the harness swallows when a test passes.
        let _ = writeln!(std::io::stderr(), "NOT RUN: JIAZAI_TEST_REDIS_URL is not set, so no two instances shared a token");
        return;
    };
    let (platform, prefix) = (Platform::start(), format!("test-{}:", hex(&random::<8>())));
    let [a, b] = [cache(Some(url.clone()), &prefix), cache(Some(url), &prefix)];
    let (first, second) = (client(&platform.base, Arc::clone(&a)), client(&platform.base, Arc::clone(&b)));
    let codes = [platform.phone_code().await, platform.phone_code().await];
    let (one, two) = tokio::join!(first.phone_number(&codes[0], None), second.phone_number(&codes[1], None));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(platform.asked("stable_token").await, 1);
    ten_refused_calls_fetch_one_new_token(&platform, [a, b]).await;
}

#[tokio::test]
async fn without_a_token_nothing_else_is_asked() {
    let platform = Platform::start();
    for (kind, value) in [("errcode", Some(40164)), ("status", Some(412)), ("drop", None)] {
        platform.fault("stable_token", kind, value, 1).await;
        let error = platform.client().phone_number(&platform.phone_code().await, None).await.expect_err("no token");
        assert!(matches!(error, WechatError::Unavailable(trouble) if trouble.api == "stable_token"), "{error}");
        assert_eq!(errcode(&error), value.filter(|_| kind == "errcode"));
        platform.fault("stable_token", kind, value, 1).await;
        let error = platform.client().send_subscribe(&message("o1")).await.expect_err("no token");
        assert!(matches!(error, SendError::Unavailable { maybe_sent: false, .. }), "{error}");
    }
    assert_eq!((platform.asked("getuserphonenumber").await, platform.asked("send").await), (0, 0));
}

#[tokio::test]
async fn a_message_is_accepted_once_for_each_permission() {
    let platform = Platform::start();
    let wechat = platform.client();
    platform.allow_messages("o1", 1).await;
    let msgid = wechat.send_subscribe(&message("o1")).await.expect("accepted");
    assert!(msgid.parse::<u64>().expect("a number") > 1 << 53);
    let kept = platform.items("/_sim/messages").await;
    assert_eq!(kept[0]["data"]["thing1"]["value"], "水管漏水");
    assert_eq!(wechat.send_subscribe(&message("o1")).await, Err(SendError::Refused));
}

#[tokio::test]
async fn every_refusal_of_a_message_says_whether_to_repeat_it() {
    let platform = Platform::start();
    let wechat = platform.client();
    let kind_of = |error: SendError| match error {
        SendError::Refused => "refused",
        SendError::BadRecipient(_) => "recipient",
        SendError::Overlap => "overlap",
        SendError::BadContent(_) => "content",
        SendError::BadTemplate(_) => "template",
        SendError::Throttled(_) => "throttled",
        SendError::Unavailable { maybe_sent: false, .. } => "not sent",
        SendError::Unavailable { maybe_sent: true, .. } => "perhaps sent",
    };
    let errcodes = [
        (43101, "refused"),
        (40003, "recipient"),
        (43108, "overlap"),
        (47003, "content"),
        (45168, "content"),
        (40037, "template"),
        (43107, "template"),
        (45009, "throttled"),
        (45011, "throttled"),
        (-1, "not sent"),
        (48001, "not sent"),
    ];
    let faults = errcodes.map(|(code, kind)| ("errcode", Some(code), kind));
    let faults = faults.into_iter().chain([
        ("status", Some(412), "not sent"),
        ("status", Some(502), "perhaps sent"),
        ("drop", None, "perhaps sent"),
        ("garbage", None, "perhaps sent"),
    ]);
    for (n, (fault, value, kind)) in faults.enumerate() {
        platform.fault("send", fault, value, 1).await;
        assert_eq!(kind_of(wechat.send_subscribe(&message("o1")).await.expect_err("a refusal")), kind, "{fault} {value:?}");
        assert_eq!(platform.asked("send").await, n + 1, "sent once");
    }
}

#[tokio::test]
async fn a_message_refused_for_its_token_goes_out_once_with_the_next() {
    let platform = Platform::start();
    platform.allow_messages("o1", 5).await;
    platform.fault("send", "errcode", Some(42001), 1).await;
    platform.client().send_subscribe(&message("o1")).await.expect("accepted");
    assert_eq!(platform.items("/_sim/messages").await.len(), 1);
}

#[tokio::test]
async fn a_message_whose_answer_is_late_is_not_sent_again() {
    let platform = Platform::start();
    platform.allow_messages("o1", 5).await;
    platform.fault("send", "delay", Some(20_000), 1).await;
    let error = platform.client().send_subscribe(&message("o1")).await.expect_err("late");
    assert!(matches!(error, SendError::Unavailable { maybe_sent: true, .. }));
    assert_eq!(platform.items("/_sim/messages").await.len(), 1, "the person has it all the same");
}

#[tokio::test]
async fn metrics_count_outcomes_and_hold_no_secrets() {
    let (platform, metrics) = (Platform::start(), Registry::new());
    let wechat = client_measured(&platform.base, cache(None, ""), &metrics);
    let code = platform.login_code().await.0;
    wechat.code2session(&code).await.expect("a session");
    wechat.code2session(&code).await.expect_err("a used code");
    wechat.phone_number(&platform.phone_code().await, None).await.expect("a number");
    let shown = prometheus::TextEncoder::new().encode_to_string(&metrics.gather()).expect("text");
    for line in [
        r#"jiazai_upstream_requests_total{api="jscode2session",outcome="ok"} 1"#,
        r#"jiazai_upstream_requests_total{api="jscode2session",outcome="refused"} 1"#,
        r#"jiazai_upstream_requests_total{api="stable_token",outcome="ok"} 1"#,
        r#"jiazai_upstream_request_seconds_count{api="getuserphonenumber"} 1"#,
    ] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    assert!(!shown.contains(SECRET) && !shown.contains(&code) && !shown.contains(APPID));
}
