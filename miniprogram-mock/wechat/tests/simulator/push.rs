//! The simulator pushes to a server of the test's own, which notes what comes and answers as it is told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde_json::json;

use super::*;

const TOKEN: &str = "AAAAA";

/// What came: the query and the body.
#[derive(Default)]
struct Inbox {
    came: Mutex<Vec<(String, String)>>,
    /// So many are answered with an error first.
    unwell: AtomicUsize,
}

async fn take(request: HttpRequest, body: Bytes, inbox: Data<Inbox>) -> HttpResponse {
    if request.path() == "/picture" {
        return HttpResponse::Ok().body("bytes");
    }
    if let Some(echo) = request.query_string().split('&').find_map(|pair| pair.strip_prefix("echostr=")) {
        return HttpResponse::Ok().body(echo.to_owned());
    }
    inbox.came.lock().unwrap().push((request.query_string().to_owned(), String::from_utf8(body.to_vec()).unwrap()));
    match inbox.unwell.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => HttpResponse::InternalServerError().finish(),
        Err(_) => HttpResponse::Ok().body("success"),
    }
}

struct Developer {
    inbox: Data<Inbox>,
    url: String,
    server: actix_web::dev::ServerHandle,
}

impl Drop for Developer {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

impl Developer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inbox = Data::new(Inbox::default());
        let shared = inbox.clone();
        let server = HttpServer::new(move || App::new().app_data(shared.clone()).default_service(web::to(take)));
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { inbox, url, server: handle }
    }

    fn came(&self) -> Vec<(String, String)> {
        self.inbox.came.lock().unwrap().clone()
    }
}

/// Waits, as long as it takes within reason, for something that happens beside the answers.
async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..3000 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not happen within 30 s")
}

async fn tries(sim: &Sim, count: usize) -> Vec<Value> {
    until("the pushes", async || {
        let items = sim.get("/_sim/pushes").await.json()["items"].as_array().unwrap().clone();
        Some(items).filter(|items| items.len() >= count)
    })
    .await
}

fn parameter(query: &str, name: &str) -> String {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap_or_else(|| panic!("no {name} in {query}"));
    value.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")
}

/// Independent of the simulator's own: hex of SHA-1 over the sorted parts.
fn sha1_of(mut parts: Vec<String>) -> String {
    use sha1::{Digest, Sha1};
    parts.sort();
    Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_event_is_pushed_signed_in_plain_mode() {
    let (sim, developer) = (Sim::start(), Developer::start());
    sim.control("push", json!({"url": developer.url, "token": TOKEN})).await;
    assert_eq!(sim.control("push/verify", json!({})).await["verified"], true);
    sim.control("events", json!({"openid": "o-1", "event": "user_authorization_revoke", "fields": {"RevokeInfo": "8"}})).await;
    tries(&sim, 1).await;
    let (query, body) = developer.came().remove(0);
    let signed = [TOKEN.to_owned(), parameter(&query, "timestamp"), parameter(&query, "nonce")];
    assert_eq!(parameter(&query, "signature"), sha1_of(signed.into()));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["Event"], &body["OpenID"], &body["RevokeInfo"]), (&json!("user_authorization_revoke"), &json!("o-1"), &json!("8")));
    assert_eq!((&body["MsgType"], &body["FromUserName"], &body["AppID"]), (&json!("event"), &json!("o-1"), &json!(APPID)));
}

#[tokio::test]
async fn in_secure_mode_nothing_is_to_be_read_and_the_signature_covers_the_body() {
    for format in ["json", "xml"] {
        let (sim, developer) = (Sim::start(), Developer::start());
        sim.control("push", json!({"url": developer.url, "token": TOKEN, "aes_key": "A".repeat(43), "format": format})).await;
        sim.control("events", json!({"openid": "o-1", "event": "user_authorization_cancellation"})).await;
        tries(&sim, 1).await;
        let (query, body) = developer.came().remove(0);
        assert!(!body.contains("user_authorization"), "{body}");
        let sealed = if format == "json" {
            serde_json::from_str::<Value>(&body).unwrap()["Encrypt"].as_str().unwrap().to_owned()
        } else {
            body.split_once("<Encrypt><![CDATA[").unwrap().1.split_once("]]>").unwrap().0.to_owned()
        };
        assert_eq!(parameter(&query, "encrypt_type"), "aes");
        let signed = [TOKEN.to_owned(), parameter(&query, "timestamp"), parameter(&query, "nonce"), sealed];
        assert_eq!(parameter(&query, "msg_signature"), sha1_of(signed.into()));
    }
}

#[tokio::test]
async fn what_is_not_answered_with_success_is_tried_three_times_in_all() {
    let (sim, developer) = (Sim::start(), Developer::start());
    sim.control("push", json!({"url": developer.url, "token": TOKEN})).await;
    developer.inbox.unwell.store(2, Ordering::SeqCst);
    sim.control("events", json!({"openid": "o-1", "event": "something_new"})).await;
    let outcomes: Vec<Value> = tries(&sim, 3).await.into_iter().map(|entry| entry["outcome"].clone()).collect();
    assert_eq!(outcomes, ["taken", "refused", "refused"]);
    let came = developer.came();
    assert_eq!(came.len(), 3);
    assert_eq!((&came[0].1, &came[0].1), (&came[1].1, &came[2].1), "it is the same message");
}

#[tokio::test]
async fn a_push_may_be_lost_or_come_twice() {
    let (sim, developer) = (Sim::start(), Developer::start());
    sim.control("push", json!({"url": developer.url, "token": TOKEN})).await;
    for kind in ["drop", "duplicate"] {
        sim.control("faults", json!({"api": "push", "kind": kind, "times": 1})).await;
    }
    sim.control("events", json!({"openid": "o-1", "event": "first"})).await;
    tries(&sim, 1).await;
    sim.control("events", json!({"openid": "o-1", "event": "second"})).await;
    tries(&sim, 3).await;
    let came = developer.came();
    assert_eq!(came.len(), 2);
    assert!(came.iter().all(|(_, body)| body.contains("second")));
}

#[tokio::test]
async fn the_verdict_about_a_picture_is_pushed_later() {
    let (sim, developer) = (Sim::start(), Developer::start());
    let token = sim.stable_token().await;
    sim.control("push", json!({"url": developer.url, "token": TOKEN})).await;
    sim.control("visits", json!({"openid": "o-1"})).await;
    sim.control("media-verdicts", json!({"suggest": "risky", "label": 20002})).await;
    let path = format!("/wxa/media_check_async?access_token={token}");
    let ask = |url: String| json!({"media_url": url, "media_type": 2, "version": 2, "openid": "o-1", "scene": 3});
    let found = sim.post(&path, ask(format!("{}/picture", developer.url))).await.text_of("trace_id");
    tries(&sim, 1).await;
    let gone = sim.post(&path, ask("http://127.0.0.1:9/picture".into())).await.text_of("trace_id");
    tries(&sim, 2).await;
    let came: Vec<Value> = developer.came().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
    assert_eq!((&came[0]["trace_id"], &came[0]["result"]), (&json!(found), &json!({"suggest": "risky", "label": 20002})));
    assert_eq!((&came[1]["trace_id"], &came[1]["errcode"]), (&json!(gone), &json!(-1008)));
    for (body, errcode) in [
        (json!({"media_url": "ftp://x", "media_type": 2, "openid": "o-1", "scene": 3}), 47001),
        (json!({"media_url": "http://x/", "media_type": 3, "openid": "o-1", "scene": 3}), 40004),
        (json!({"media_url": "http://x/", "media_type": 2, "openid": "o-1", "scene": 9}), 40129),
        (json!({"media_url": "http://x/", "media_type": 2, "openid": "o-2", "scene": 3}), 61010),
    ] {
        assert_eq!(sim.post(&path, body).await.errcode(), errcode);
    }
}

#[tokio::test]
async fn the_fate_of_a_message_is_pushed() {
    let (sim, developer) = (Sim::start(), Developer::start());
    sim.control("push", json!({"url": developer.url, "token": TOKEN})).await;
    let token = sim.stable_token().await;
    sim.allow("o-1", TEMPLATE, 1).await;
    let sent = sim.send(&token, message("o-1")).await.json()["msgid"].as_i64().unwrap();
    tries(&sim, 1).await;
    let body: Value = serde_json::from_str(&developer.came()[0].1).unwrap();
    assert_eq!((&body["Event"], &body["List"]["MsgID"]), (&json!("subscribe_msg_sent_event"), &json!(sent.to_string())));
}
