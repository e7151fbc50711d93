//! Webhooks: what partners are told, how it is signed, what happens when they fail, and where nothing is ever sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiazai_tests::{Bearer, Client, Letter, Manner, Options, Receiver, Repair, Server, Value, eventually, json, string, unique};
use sha2::Sha256;
use std::sync::OnceLock;

const PATIENCE_S: u64 = 30;

fn options() -> Options {
    Options::default().env("JIAZAI_WEBHOOK_ALLOW_LOOPBACK", "1")
}

/// For tests that leave the clock alone.
fn here() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| Server::start(options()))
}

#[track_caller]
fn registered(server: &Server, url: &str, events: &[&str]) -> Value {
    let body = json!({ "url": url, "events": events, "community_id": server.community(), "description": unique("伙伴") });
    server.staff("manager").post("/webhooks", body).expect(201)
}

#[track_caller]
fn at(webhook: &Value, rest: &str) -> String {
    format!("/webhooks/{}{rest}", string(webhook, "id"))
}

/// What came about this thing, once so much of it has come.
#[track_caller]
fn await_letters(receiver: &Receiver, subject: &str, count: usize) -> Vec<Letter> {
    eventually("the letters arrive", PATIENCE_S, || Some(receiver.about(subject)).filter(|letters| letters.len() >= count))
}

/// The endpoint's deliveries of this event, once they are as they should be.
#[track_caller]
fn await_delivery(server: &Server, webhook: &Value, event: &str, so: impl Fn(&Value) -> bool) -> Value {
    eventually("the delivery is as it should be", PATIENCE_S, || {
        let log = server.staff("manager").get(&at(webhook, "/deliveries?limit=100")).expect(200);
        log["items"].as_array().unwrap().iter().find(|delivery| delivery["event_id"] == event && so(delivery)).cloned()
    })
}

fn signature(secret: &str, letter: &Letter) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.", letter.id(), letter.must("webhook-timestamp")).as_bytes());
    mac.update(&letter.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

// ---- what arrives ---------------------------------------------------------------------------------------------------

#[test]
fn what_happens_arrives_signed_thin_and_under_the_id_that_the_feed_gives() {
    let (server, receiver) = (here(), Receiver::open(Manner::ok()));
    let webhook = registered(server, &receiver.url(), &["repair_ticket.submitted"]);
    let ticket = string(&Repair::new(server).report(), "id");
    let letter = await_letters(&receiver, &ticket, 1).remove(0);
    assert_eq!(letter.must("webhook-signature"), signature(&string(&webhook, "secret"), &letter));
    assert_eq!(letter.must("content-type"), "application/json");
    let body = letter.json();
    assert_eq!(body["type"], "repair_ticket.submitted");
    assert_eq!(body["community_id"], server.community());
    assert_eq!(body["subject"], json!({ "type": "repair_ticket", "id": ticket }));
    assert_eq!(body["timestamp"], body["occurred_at"]);
    assert_eq!(body["id"], letter.id());
    for thing in ["title", "description", "note", "actor", "灯不亮"] {
        assert!(!String::from_utf8_lossy(&letter.body).contains(thing), "{thing} in {body}");
    }
    let feed = server.staff("manager").get("/events?types=repair_ticket.submitted&limit=100").expect(200);
    let mut same = feed["items"].as_array().unwrap().iter().find(|event| event["id"] == letter.id()).expect("in the feed").clone();
    same["timestamp"] = body["timestamp"].clone();
    assert_eq!(same, body);
    let delivery = await_delivery(server, &webhook, letter.id(), |delivery| delivery["state"] == "delivered");
    assert_eq!((&delivery["attempts"], &delivery["log"][0]["status"]), (&json!(1), &json!(204)));
}

#[test]
fn an_endpoint_hears_only_what_it_asked_for_and_nothing_of_another_community() {
    let (server, receiver) = (here(), Receiver::open(Manner::ok()));
    registered(server, &receiver.url(), &["repair_ticket.accepted"]);
    let foreign = json!({ "url": receiver.url(), "events": ["*"], "community_id": server.other_community() });
    server.staff("admin").post("/webhooks", foreign).expect(201);
    let ticket = string(&Repair::new(server).ticket_in("accepted"), "id");
    await_letters(&receiver, &ticket, 1);
    let types: Vec<Value> = receiver.about(&ticket).iter().map(|letter| letter.json()["type"].clone()).collect();
    assert_eq!(types, ["repair_ticket.accepted"]);
}

#[test]
fn a_platform_s_endpoint_hears_of_all_communities() {
    let (server, receiver) = (here(), Receiver::open(Manner::ok()));
    let body = json!({ "url": receiver.url(), "events": ["repair_ticket.*"] });
    let webhook = server.staff("admin").post("/webhooks", body).expect(201);
    assert_eq!(webhook["community_id"], Value::Null);
    await_letters(&receiver, &string(&Repair::new(server).report(), "id"), 1);
    server.staff("manager").get(&at(&webhook, "")).refuse(404, "not_found");
    server.staff("admin").delete(&at(&webhook, "")).expect(204);
}

#[test]
fn a_test_says_at_once_whether_somebody_listens() {
    let (server, receiver) = (here(), Receiver::open(Manner::ok()));
    let webhook = registered(server, &receiver.url(), &["repair_ticket.*"]);
    let manager = server.staff("manager");
    let test = manager.post(&at(&webhook, "/test"), json!({})).expect(200);
    let event = string(&test, "event_id");
    await_delivery(server, &webhook, &event, |delivery| delivery["state"] == "delivered");
    let letter = receiver.letters().into_iter().find(|letter| letter.id() == event).expect("the test");
    assert_eq!(letter.json()["type"], "webhook.test");
    assert_eq!(letter.must("webhook-signature"), signature(&string(&webhook, "secret"), &letter));
    receiver.become_(Manner::Status(500, None));
    let test = manager.post(&at(&webhook, "/test"), json!({})).expect(200);
    let failed = await_delivery(server, &webhook, &string(&test, "event_id"), |delivery| delivery["state"] != "pending");
    assert_eq!((&failed["state"], &failed["log"][0]["status"]), (&json!("failed"), &json!(500)));
    assert_eq!(manager.get(&at(&webhook, "")).expect(200)["state"], "active");
}

#[test]
fn an_old_secret_signs_beside_the_new_one_until_its_day_is_over() {
    let server = Server::start(options());
    let receiver = Receiver::open(Manner::ok());
    let webhook = registered(&server, &receiver.url(), &["*"]);
    let manager = server.staff("manager");
    let rotated = manager.post(&at(&webhook, "/rotate-secret"), json!({ "keep_old_s": 3600 })).expect(200);
    let (old, new) = (string(&webhook, "secret"), string(&rotated, "secret"));
    assert_ne!(old, new);
    let repair = Repair::new(&server);
    let letter = await_letters(&receiver, &string(&repair.report(), "id"), 1).remove(0);
    let both = format!("{} {}", signature(&new, &letter), signature(&old, &letter));
    assert_eq!(letter.must("webhook-signature"), both);
    server.sim().advance(3601);
    let letter = await_letters(&receiver, &string(&repair.report(), "id"), 1).remove(0);
    assert_eq!(letter.must("webhook-signature"), signature(&new, &letter));
    for _ in 0..5 {
        manager.post(&at(&webhook, "/rotate-secret"), json!({})).expect(200);
    }
    let letter = await_letters(&receiver, &string(&repair.report(), "id"), 1).remove(0);
    assert_eq!(letter.must("webhook-signature").split(' ').count(), 3, "so many and no more");
}

// ---- what fails -----------------------------------------------------------------------------------------------------

#[test]
fn what_fails_is_tried_again_by_the_ladder_under_the_same_id_and_signed_anew() {
    let server = Server::start(options());
    let receiver = Receiver::open(Manner::Status(500, None));
    let webhook = registered(&server, &receiver.url(), &["repair_ticket.submitted"]);
    let ticket = string(&Repair::new(&server).report(), "id");
    // The first two by themselves: at once, and within ten seconds.
    let letters = await_letters(&receiver, &ticket, 2);
    let event = letters[0].id().to_owned();
    let mut seen = 2;
    for step in [360, 2160] {
        await_delivery(&server, &webhook, &event, |delivery| delivery["attempts"] == seen);
        assert_eq!(receiver.about(&ticket).len(), seen);
        server.sim().advance(step);
        seen += 1;
        await_letters(&receiver, &ticket, seen);
    }
    await_delivery(&server, &webhook, &event, |delivery| delivery["attempts"] == seen);
    receiver.become_(Manner::ok());
    server.sim().advance(8640);
    let letters = await_letters(&receiver, &ticket, seen + 1);
    let done = await_delivery(&server, &webhook, &event, |delivery| delivery["state"] == "delivered");
    assert_eq!(done["attempts"], seen + 1);
    let statuses: Vec<&Value> = done["log"].as_array().unwrap().iter().map(|attempt| &attempt["status"]).collect();
    assert_eq!(statuses, [&json!(500), &json!(500), &json!(500), &json!(500), &json!(204)]);
    let secret = string(&webhook, "secret");
    assert!(letters.iter().all(|letter| letter.id() == event && letter.must("webhook-signature") == signature(&secret, letter)));
    assert!(letters.windows(2).all(|two| two[0].must("webhook-timestamp") < two[1].must("webhook-timestamp")));
}

#[test]
fn after_three_days_of_failure_an_endpoint_is_disabled_and_its_keeper_is_told() {
    let server = Server::start(options());
    let receiver = Receiver::open(Manner::Status(503, None));
    let manager = server.staff("manager");
    let (code, openid) = server.sim().login_code(None);
    manager.post("/me/wechat", json!({ "code": code })).expect(204);
    let consents = manager.get("/me/notice-consents").expect(200);
    let kind = consents["items"].as_array().unwrap().iter().find(|kind| kind["template"] == "webhook_disabled").unwrap().clone();
    server.sim().subscribe(&openid, &string(&kind, "template_id"), 1);
    manager.post("/me/notice-consents", json!({ "accepted": ["webhook_disabled"] })).expect(200);
    let webhook = registered(&server, &receiver.url(), &["repair_ticket.submitted"]);
    let ticket = string(&Repair::new(&server).report(), "id");
    let event = await_letters(&receiver, &ticket, 1)[0].id().to_owned();
    let mut attempts = 1;
    for seconds in [10, 360, 2160, 8640, 21_600, 43_200, 60_480, 86_400, 103_680] {
        await_delivery(&server, &webhook, &event, |delivery| delivery["attempts"] == attempts);
        server.sim().advance(seconds);
        attempts += 1;
        let now = eventually("it is tried or given up", PATIENCE_S, || {
            let log = manager.get(&at(&webhook, "/deliveries")).expect(200)["items"][0].clone();
            (log["attempts"] == attempts).then_some(log)
        });
        if manager.get(&at(&webhook, "")).expect(200)["state"] == "disabled" {
            assert!(attempts >= 9, "{now}");
            break;
        }
    }
    let off = manager.get(&at(&webhook, "")).expect(200);
    assert_eq!((&off["state"], &off["disabled_because"]), (&json!("disabled"), &json!("failing")));
    eventually("the keeper is told", PATIENCE_S, || {
        server.sim().messages().into_iter().find(|message| message["touser"] == openid.as_str())
    });
    let events = manager.get("/events?types=webhook.disabled").expect(200);
    assert_eq!(events["items"][0]["subject"]["id"], webhook["id"]);
    let refused = manager.post(&at(&webhook, "/test"), json!({})).refuse(409, "state_conflict");
    assert_eq!(refused["allowed_actions"], json!(["rotate_secret", "enable"]));
    receiver.become_(Manner::ok());
    assert_eq!(manager.post(&at(&webhook, "/enable"), json!({})).expect(200)["state"], "active");
}

#[test]
fn an_endpoint_that_says_it_is_gone_is_disabled_at_once() {
    let (server, receiver) = (here(), Receiver::open(Manner::Status(410, None)));
    let webhook = registered(server, &receiver.url(), &["repair_ticket.submitted"]);
    let ticket = string(&Repair::new(server).report(), "id");
    let event = await_letters(&receiver, &ticket, 1)[0].id().to_owned();
    let failed = await_delivery(server, &webhook, &event, |delivery| delivery["state"] == "failed");
    assert_eq!(failed["attempts"], 1);
    let off = server.staff("manager").get(&at(&webhook, "")).expect(200);
    assert_eq!((&off["state"], &off["disabled_because"]), (&json!("disabled"), &json!("gone")));
}

#[test]
fn who_asks_for_patience_is_left_alone_that_long() {
    let server = Server::start(options());
    let receiver = Receiver::open(Manner::Status(429, Some(("retry-after", "3600".into()))));
    let webhook = registered(&server, &receiver.url(), &["repair_ticket.submitted"]);
    let repair = Repair::new(&server);
    let ticket = string(&repair.report(), "id");
    let event = await_letters(&receiver, &ticket, 1)[0].id().to_owned();
    await_delivery(&server, &webhook, &event, |delivery| delivery["attempts"] == 1);
    // Long after the ladder's first steps, and for what came later, too: the endpoint has spoken for all.
    let later = string(&repair.report(), "id");
    server.sim().advance(1800);
    let marker = Receiver::open(Manner::ok());
    registered(&server, &marker.url(), &["repair_ticket.submitted"]);
    let last = string(&repair.report(), "id");
    await_letters(&marker, &last, 1);
    assert_eq!((receiver.about(&ticket).len(), receiver.about(&later).len()), (1, 0));
    receiver.become_(Manner::ok());
    server.sim().advance(1900);
    await_letters(&receiver, &ticket, 2);
    await_letters(&receiver, &later, 1);
}

#[test]
fn dead_and_silent_endpoints_delay_nobody_else() {
    let server = here();
    let (dead, silent, well) = (Receiver::open(Manner::ok()), Receiver::open(Manner::Silent), Receiver::open(Manner::ok()));
    // Nobody listens there.
    let nowhere = format!("http://127.0.0.1:{}/", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    drop(dead);
    let events = ["repair_ticket.submitted"];
    let gone = registered(server, &nowhere, &events);
    let slow = registered(server, &silent.url(), &events);
    registered(server, &well.url(), &events);
    let repair = Repair::new(server);
    let tickets: Vec<String> = (0..20).map(|_| string(&repair.report(), "id")).collect();
    for ticket in &tickets {
        await_letters(&well, ticket, 1);
    }
    // All of this while the silent one holds every request that it was sent, which are few.
    let held = silent.letters().len();
    assert!((1..=8).contains(&held), "{held}");
    let log = server.staff("manager").get(&at(&gone, "/deliveries?limit=100")).expect(200);
    let refused = log["items"].as_array().unwrap().iter().flat_map(|d| d["log"].as_array().unwrap()).find(|a| !a["error"].is_null());
    assert_eq!(refused.expect("an attempt")["error"], "no_connection");
    silent.become_(Manner::ok());
    for webhook in [&gone, &slow] {
        server.staff("manager").delete(&at(webhook, "")).expect(204);
    }
}

// ---- again ----------------------------------------------------------------------------------------------------------

#[test]
fn a_delivery_is_sent_again_when_somebody_asks_under_the_same_id() {
    let (server, receiver) = (here(), Receiver::open(Manner::ok()));
    let webhook = registered(server, &receiver.url(), &["repair_ticket.submitted"]);
    let ticket = string(&Repair::new(server).report(), "id");
    let event = await_letters(&receiver, &ticket, 1)[0].id().to_owned();
    let done = await_delivery(server, &webhook, &event, |delivery| delivery["state"] == "delivered");
    let path = format!("/deliveries/{}/replay", string(&done, "id"));
    assert_eq!(server.staff("manager").post(&path, json!({})).expect(200)["state"], "pending");
    let letters = await_letters(&receiver, &ticket, 2);
    assert_eq!(letters[1].id(), event);
    let again = await_delivery(server, &webhook, &event, |delivery| delivery["log"].as_array().unwrap().len() == 2);
    assert_eq!((&again["id"], &again["attempts"]), (&done["id"], &json!(1)));
}

#[test]
fn what_happened_while_an_endpoint_was_disabled_is_replayed_by_its_time() {
    let (server, receiver) = (here(), Receiver::open(Manner::ok()));
    let manager = server.staff("manager");
    let webhook = registered(server, &receiver.url(), &["repair_ticket.submitted"]);
    manager.post(&at(&webhook, "/disable"), json!({})).expect(200);
    let repair = Repair::new(server);
    let missed: Vec<Value> = (0..3).map(|_| repair.report()).collect();
    manager.post(&at(&webhook, "/enable"), json!({})).expect(200);
    let from = string(&missed[0], "created_at");
    let answer = manager.post(&at(&webhook, "/replay"), json!({ "from": from })).expect(200);
    assert!(answer["queued"].as_i64().unwrap() >= 3 && answer["next_after"].is_null(), "{answer}");
    for ticket in &missed {
        await_letters(&receiver, &string(ticket, "id"), 1);
    }
    let backwards = json!({ "from": from, "until": "2020-01-01T00:00:00Z" });
    assert_eq!(manager.post(&at(&webhook, "/replay"), backwards).refuse(422, "validation_failed")["errors"][0]["pointer"], "/until");
}

// ---- whose they are -------------------------------------------------------------------------------------------------

fn key<'s>(server: &'s Server, scopes: &[&str]) -> Bearer<'s> {
    let body = json!({ "name": unique("伙伴"), "scopes": scopes, "community_id": server.community() });
    server.bearer(format!("Bearer {}", string(&server.staff("manager").post("/api-keys", body).expect(201), "key")))
}

#[test]
fn a_program_registers_endpoints_for_what_its_key_may_read() {
    let (server, receiver) = (here(), Receiver::open(Manner::ok()));
    let program = key(server, &["webhooks:read", "webhooks:write"]);
    let made = program.post("/webhooks", json!({ "url": receiver.url(), "events": ["*"] })).expect(201);
    assert_eq!(made["community_id"], server.community(), "a key's own community");
    let refused = program
        .post("/webhooks", json!({ "url": receiver.url(), "events": ["repair_ticket.*", "person.*"] }))
        .refuse(422, "validation_failed");
    assert_eq!((&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]), (&json!("/events/1"), &json!("scope_missing")));
    // What it may not hear of is not in "everything".
    let tag = json!({ "code": unique("w"), "name": unique("签"), "legal_basis": "《某法》" });
    server.staff("manager").post(&format!("/communities/{}/tags", server.community()), tag).expect(201);
    await_letters(&receiver, &string(&Repair::new(server).report(), "id"), 1);
    assert!(receiver.letters().iter().all(|letter| !letter.json()["type"].as_str().unwrap().starts_with("tag.")));
    let reader = key(server, &["webhooks:read"]);
    reader.get(&at(&made, "")).expect(200);
    reader.post(&at(&made, "/test"), json!({})).refuse(403, "forbidden");
    key(server, &["repair:read"]).get("/webhooks").refuse(403, "forbidden");
}

#[test]
fn an_endpoint_is_its_community_s_administrators_alone() {
    let server = here();
    let webhook = registered(server, "https://hooks.example.com/jiazai", &["repair_ticket.*"]);
    let foreigner = server.staff("admin").hire("community_admin", server.other_community());
    for path in ["", "/deliveries"] {
        foreigner.get(&at(&webhook, path)).refuse(404, "not_found");
    }
    foreigner.delete(&at(&webhook, "")).refuse(404, "not_found");
    server.staff("dispatcher").get(&at(&webhook, "")).refuse(403, "forbidden");
    let body = json!({ "url": "https://hooks.example.com/x", "events": ["*"], "community_id": server.community() });
    assert_eq!(foreigner.post("/webhooks", body).refuse(422, "validation_failed")["errors"][0]["pointer"], "/community_id");
}

#[test]
fn an_endpoint_is_changed_by_who_has_seen_it_and_never_shows_its_secret_again() {
    let server = here();
    let manager = server.staff("manager");
    let webhook = registered(server, "https://hooks.example.com/jiazai", &["repair_ticket.*"]);
    let path = at(&webhook, "");
    let seen = manager.get(&path).send().expect(200);
    assert!(seen.json.get("secret").is_none());
    let change = json!({ "url": "https://hooks.example.com/v2", "events": ["*", "*", "repair_ticket.rated"] });
    manager.put(&path, change.clone()).refuse(428, "precondition_required");
    let changed = manager.put(&path, change.clone()).header("If-Match", seen.must("etag")).expect(200);
    assert_eq!((&changed["url"], &changed["events"]), (&change["url"], &json!(["*", "repair_ticket.rated"])));
    manager.put(&path, change).header("If-Match", seen.must("etag")).refuse(412, "precondition_failed");
    manager.delete(&path).expect(204);
    manager.get(&path).refuse(404, "not_found");
    manager.get(&at(&webhook, "/deliveries")).refuse(404, "not_found");
}

#[test]
fn a_community_has_only_so_many_endpoints() {
    let server = here();
    let admin = server.staff("admin");
    let place = string(&admin.post("/communities", json!({ "code": unique("w-"), "name": "回调社区" })).expect(201), "id");
    let body = || json!({ "url": "https://hooks.example.com/", "events": ["*"], "community_id": place });
    let statuses = jiazai_tests::at_once(24, |_| admin.post("/webhooks", body()).send().status);
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 20, "{statuses:?}");
    admin.post("/webhooks", body()).refuse(409, "too_many_webhooks");
}

#[test]
fn a_repeat_with_the_same_key_registers_nothing_more_and_shows_the_same_secret() {
    let server = here();
    let body = json!({ "url": "https://hooks.example.com/once", "events": ["*"], "community_id": server.community() });
    let ask = || server.staff("manager").post("/webhooks", body.clone()).header("Idempotency-Key", "hook-once").expect(201);
    let first = ask();
    assert_eq!(ask(), first);
}

// ---- where nothing is ever sent -------------------------------------------------------------------------------------

#[test]
fn no_disguise_of_an_inner_address_is_registered() {
    // Without leave for loopback, as in production.
    let server = jiazai_tests::shared();
    let manager = server.staff("manager");
    for (url, rule) in [
        ("https://127.0.0.1/", "url_not_public"),
        ("https://2130706433/", "url_not_public"),
        ("https://0x7f000001/", "url_not_public"),
        ("https://0177.0.0.1/", "url_not_public"),
        ("https://127.1/", "url_not_public"),
        ("https://0/", "url_not_public"),
        ("https://127.0.0.1./", "url_not_public"),
        ("https://[::1]/", "url_not_public"),
        ("https://[::ffff:127.0.0.1]/", "url_not_public"),
        ("https://[64:ff9b::7f00:1]/", "url_not_public"),
        ("https://[fd00::1]/", "url_not_public"),
        ("https://①②⑦.⓪.⓪.①/", "url_not_public"),
        ("https://169.254.169.254/latest/meta-data/", "url_not_public"),
        ("https://10.1.2.3/", "url_not_public"),
        ("https://100.64.0.1/", "url_not_public"),
        ("https://198.18.0.1/", "url_not_public"),
        ("https://localhost/", "url_not_public"),
        ("https://redis/", "url_not_public"),
        ("https://metadata.google.internal/", "url_not_public"),
        ("https://hooks.example.com@127.0.0.1/", "url_has_user"),
        ("https://hooks.example.com/#@127.0.0.1/", "url_has_fragment"),
        ("http://hooks.example.com/", "url_not_https"),
        ("http://127.0.0.1:8080/", "url_not_https"),
        ("ftp://hooks.example.com/", "url_not_https"),
        ("https://hooks.example.com:6379/", "url_port"),
        ("https://hooks.example.com/\r\nX-Evil: 1", "control_character"),
        ("https://hooks.example.com\\@127.0.0.1/", "url_malformed"),
        ("javascript:alert(1)", "url_malformed"),
        ("", "blank"),
    ] {
        let body = json!({ "url": url, "events": ["*"], "community_id": server.community() });
        let refused = manager.post("/webhooks", body).refuse(422, "validation_failed");
        let fault = &refused["errors"][0];
        let acceptable = [rule, "url_malformed"];
        assert_eq!(fault["pointer"], "/url", "{url}: {refused}");
        assert!(acceptable.contains(&fault["code"].as_str().unwrap()), "{url}: {fault}");
        assert!(!refused.to_string().contains("127.0.0.1"), "{url} is not repeated: {refused}");
    }
}

#[test]
fn what_is_wrong_with_an_endpoint_is_said_at_once() {
    let body = json!({ "url": "", "events": ["repair_ticket.submited", "*"], "extra": 1 });
    let refused = here().staff("manager").post("/webhooks", body).send().expect(422).json;
    let found: Vec<(&str, &str)> =
        refused["errors"].as_array().unwrap().iter().map(|e| (e["pointer"].as_str().unwrap(), e["code"].as_str().unwrap())).collect();
    for fault in [("/url", "blank"), ("/events/0", "unknown_event_type"), ("/extra", "unknown_field")] {
        assert!(found.contains(&fault), "{fault:?} in {found:?}");
    }
}

#[test]
fn a_redirect_is_a_failure_and_is_not_followed() {
    let server = here();
    let inside = Receiver::open(Manner::ok());
    let receiver = Receiver::open(Manner::Status(302, Some(("location", inside.url()))));
    let webhook = registered(server, &receiver.url(), &["repair_ticket.submitted"]);
    let ticket = string(&Repair::new(server).report(), "id");
    let event = await_letters(&receiver, &ticket, 1)[0].id().to_owned();
    let tried = await_delivery(server, &webhook, &event, |delivery| delivery["attempts"] == 1);
    assert_eq!((&tried["state"], &tried["log"][0]["status"]), (&json!("pending"), &json!(302)));
    assert!(inside.letters().is_empty());
    server.staff("manager").delete(&at(&webhook, "")).expect(204);
}
