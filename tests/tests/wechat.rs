//! The WeChat side: what residents write and photograph is looked at before others see it, what WeChat pushes is obeyed once, and
//! what could not be told through WeChat is found in the inbox.
//!
//! Jobs and pushes work beside the requests, so the tests wait for what they bring about.

use jiazai_tests::{Client, Options, PICTURE, Repair, Resident, Server, Value, Volunteering, eventually, json, shared, unique};
use sha1::{Digest, Sha1};

const PATIENCE_S: u64 = 30;

#[track_caller]
fn id(thing: &Value) -> String {
    thing["id"].as_str().unwrap_or_else(|| panic!("no id in {thing}")).to_owned()
}

fn path(ticket: &Value) -> String {
    format!("/repair-tickets/{}", id(ticket))
}

/// A report with these words, given to the worker.
#[track_caller]
fn report(repair: &Repair, title: &str) -> Value {
    let mut draft = repair.draft();
    draft["title"] = json!(title);
    let ticket = repair.reporter.post("/repair-tickets", draft).expect(201);
    repair.do_rightly(&ticket, "assign");
    ticket
}

/// What is held of a thing, as those who review find it.
#[track_caller]
fn held(repair: &Repair, ticket: &Value) -> Vec<Value> {
    let queue = repair.dispatcher.get(&format!("/content-reviews?community_id={}&limit=100", repair.community)).expect(200);
    queue["items"].as_array().unwrap().iter().filter(|item| item["subject_id"] == ticket["id"]).cloned().collect()
}

#[track_caller]
fn inbox(who: &impl Client) -> Vec<Value> {
    who.get("/me/notices?limit=100").expect(200)["items"].as_array().unwrap().clone()
}

// ---- words ----------------------------------------------------------------------------------------------------------

#[test]
fn words_that_pass_are_there_for_everybody_at_once() {
    let repair = Repair::new(shared());
    let ticket = report(&repair, "灯不亮");
    assert_eq!(ticket["held_back"], json!([]));
    let seen = repair.worker.get(&path(&ticket)).expect(200);
    assert_eq!((&seen["title"], &seen["held_back"]), (&json!("灯不亮"), &json!([])));
    assert_eq!(held(&repair, &ticket), Vec::<Value>::new());
}

#[test]
fn held_words_are_there_for_their_author_and_for_reviewers_until_somebody_approves() {
    let repair = Repair::new(shared());
    let ticket = report(&repair, "违禁示例");
    assert_eq!((&ticket["title"], &ticket["held_back"]), (&json!("违禁示例"), &json!(["words"])));
    let of = |who: &dyn Client| who.get(&path(&ticket)).expect(200);
    assert_eq!(of(&repair.dispatcher)["title"], "违禁示例", "whoever sends somebody has to read what for");
    let seen = of(&repair.worker);
    assert_eq!((&seen["title"], &seen["description"], &seen["place"]), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!((&seen["held_back"], &seen["state"]), (&json!(["words"]), &json!("assigned")), "the work itself goes on");
    let list = repair.worker.get("/repair-tickets?assignee=me&limit=100").expect(200);
    let listed = list["items"].as_array().unwrap().iter().find(|item| item["id"] == ticket["id"]).unwrap().clone();
    assert_eq!(listed["title"], Value::Null);

    let review = held(&repair, &ticket).remove(0);
    assert_eq!((&review["part"], &review["cause"], &review["label"]), (&json!("words"), &json!("risky"), &json!(20006)));
    assert_eq!(review["texts"][0], json!({ "name": "title", "text": "违禁示例" }));
    let approved = repair.dispatcher.post(&format!("/content-reviews/{}/approve", id(&review)), json!({})).expect(200);
    assert_eq!((&approved["state"], &approved["allowed_actions"]), (&json!("approved"), &json!([])));
    let seen = of(&repair.worker);
    assert_eq!((&seen["title"], &seen["held_back"]), (&json!("违禁示例"), &json!([])));
}

#[test]
fn what_was_rejected_stays_with_its_author_who_is_told() {
    let repair = Repair::new(shared());
    let ticket = report(&repair, "广告示例");
    let review = held(&repair, &ticket).remove(0);
    assert_eq!(review["cause"], "review");
    let at = format!("/content-reviews/{}", id(&review));
    repair.dispatcher.post(&format!("{at}/reject"), json!({ "reason": " " })).refuse(422, "validation_failed");
    repair.dispatcher.post(&format!("{at}/reject"), json!({ "reason": "含有广告" })).expect(200);
    assert_eq!(repair.worker.get(&path(&ticket)).expect(200)["title"], Value::Null);
    assert_eq!(repair.reporter.get(&path(&ticket)).expect(200)["title"], "广告示例");
    eventually("the author is told", PATIENCE_S, || inbox(&repair.reporter).into_iter().find(|n| n["phrase"] == "未通过审核"));
    // Why, for the author and for those who review.
    let why = json!([{ "part": "words", "file_id": null, "event_id": null, "reason": "含有广告" }]);
    for who in [&repair.reporter as &dyn Client, &repair.dispatcher] {
        let mut rejections = who.get(&path(&ticket)).expect(200)["rejections"].clone();
        assert_ne!(rejections[0].as_object_mut().unwrap().remove("decided_at"), None);
        assert_eq!(rejections, why);
    }
    assert_eq!(repair.worker.get(&path(&ticket)).expect(200).get("rejections"), None);
    assert_eq!(repair.dispatcher.get(&at).expect(200)["reason"], "含有广告");
    let listed = repair.dispatcher.get("/content-reviews?state=rejected&limit=100").expect(200);
    assert!(listed["items"].as_array().unwrap().iter().any(|item| item["id"] == review["id"] && item["reason"] == "含有广告"), "{listed}");
    let refused = repair.dispatcher.post(&format!("{at}/approve"), json!({})).refuse(409, "state_conflict");
    assert_eq!((&refused["state"], &refused["allowed_actions"]), (&json!("rejected"), &json!([])));
}

#[test]
fn held_words_are_in_no_message() {
    let repair = Repair::new(shared());
    let ticket = report(&repair, "辱骂示例");
    let told = eventually("the worker is told", PATIENCE_S, || {
        inbox(&repair.worker).into_iter().find(|n| n["page"].as_str().is_some_and(|page| page.contains(&id(&ticket))))
    });
    assert_eq!(told["title"], "测试类别");
}

#[test]
fn comments_and_reasons_are_held_like_reports() {
    let repair = Repair::new(shared());
    let ticket = repair.ticket_in("closed");
    let rating = json!({ "overall": 1, "speed": 1, "service": 1, "comment": "辱骂示例" });
    let mine = repair.act(&repair.reporter, &ticket, "rate", rating);
    assert_eq!((&mine["rating"]["comment"], &mine["held_back"]), (&json!("辱骂示例"), &json!(["comment"])));
    let seen = repair.worker.get(&path(&ticket)).expect(200);
    assert_eq!((&seen["rating"]["overall"], &seen["rating"]["comment"]), (&json!(1), &Value::Null));
    repair.act(&repair.reporter, &ticket, "reopen", json!({ "reason": "广告示例" }));
    let notes = |who: &dyn Client| -> Vec<Value> {
        let history = who.get(&format!("{}/events?limit=100", path(&ticket))).expect(200);
        history["items"].as_array().unwrap().iter().filter(|e| !e["note"].is_null()).map(|e| e["note"].clone()).collect()
    };
    assert!(notes(&repair.reporter).contains(&json!("广告示例")) && notes(&repair.reporter).contains(&json!("辱骂示例")));
    let manager = shared().staff("manager");
    assert!(notes(&manager).contains(&json!("广告示例")), "who reviews reads it");
    let auditor = shared().staff("auditor");
    assert!(!notes(&auditor).iter().any(|note| note == "广告示例" || note == "辱骂示例"), "{:?}", notes(&auditor));
}

#[test]
fn why_a_price_was_refused_stands_in_the_history_and_is_held_like_other_words() {
    let repair = Repair::new(shared());
    let note = |who: &dyn Client, ticket: &Value| {
        let history = who.get(&format!("{}/events?limit=100", path(ticket))).expect(200);
        let items = history["items"].as_array().unwrap();
        items.iter().find(|event| event["type"] == "repair_ticket.quote_refused").unwrap_or_else(|| panic!("{history}"))["note"].clone()
    };
    let ticket = repair.ticket_in("quoted");
    repair.act(&repair.reporter, &ticket, "refuse-quote", json!({ "reason": "价格过高" }));
    assert_eq!(note(&repair.worker, &ticket), "价格过高");
    let ticket = repair.ticket_in("quoted");
    repair.act(&repair.reporter, &ticket, "refuse-quote", json!({ "reason": "辱骂示例" }));
    assert_eq!((note(&repair.worker, &ticket), note(&repair.reporter, &ticket)), (Value::Null, json!("辱骂示例")));
    let ticket = repair.ticket_in("quoted");
    repair.act(&repair.reporter, &ticket, "refuse-quote", json!({}));
    assert_eq!(note(&repair.reporter, &ticket), Value::Null);
}

#[test]
fn a_repeat_with_one_key_asks_the_platform_once_and_staff_are_not_checked() {
    let repair = Repair::new(shared());
    let asked = |word: &str| {
        shared().sim().requests("msg_sec_check").iter().filter(|r| r["body"]["content"].as_str().is_some_and(|c| c.contains(word))).count()
    };
    let (word, other) = (unique("报修"), unique("代报"));
    let draft = |title: &str| {
        let mut draft = repair.draft();
        draft["title"] = json!(title);
        draft
    };
    let key = unique("key");
    for _ in 0..2 {
        repair.reporter.post("/repair-tickets", draft(&word)).header("Idempotency-Key", &key).expect(201);
    }
    assert_eq!(asked(&word), 1);
    repair.dispatcher.post("/repair-tickets", draft(&other)).expect(201);
    assert_eq!(asked(&other), 0, "who works here answers for their words");
}

#[test]
fn only_those_who_review_see_the_queue() {
    let repair = Repair::new(shared());
    let review = held(&repair, &report(&repair, "违禁示例")).remove(0);
    let at = format!("/content-reviews/{}", id(&review));
    let stranger = shared().staff("admin").hire("community_admin", shared().other_community());
    stranger.get(&at).refuse(404, "not_found");
    stranger.post(&format!("{at}/approve"), json!({})).refuse(404, "not_found");
    assert_eq!(stranger.get("/content-reviews").expect(200)["items"], json!([]));
    for who in [&repair.worker as &dyn Client, &repair.reporter, &shared().staff("grid1")] {
        who.get(&at).refuse(403, "forbidden");
        who.get("/content-reviews").refuse(403, "forbidden");
    }
    let found = repair.dispatcher.get(&at).send();
    assert_eq!(found.must("etag"), "\"1\"");
    repair.dispatcher.post(&format!("{at}/approve"), json!({})).header("If-Match", "\"7\"").refuse(412, "precondition_failed");
}

#[test]
fn a_nickname_that_does_not_pass_is_refused_and_stays_as_it_was() {
    let someone = shared().resident();
    someone.put("/me", json!({ "nickname": "阿明" })).expect(200);
    let refused = someone.put("/me", json!({ "nickname": "违禁示例" })).refuse(422, "validation_failed");
    assert_eq!((&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]), (&json!("/nickname"), &json!("content_refused")));
    assert_eq!(someone.get("/me").expect(200)["display_name"], "阿明");
}

#[test]
fn while_the_platform_has_no_opinion_words_are_held_and_reports_are_taken() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    for fault in [json!({ "kind": "errcode", "value": -1 }), json!({ "kind": "drop" }), json!({ "kind": "garbage" })] {
        server.sim().fault("msg_sec_check", fault.clone());
        let ticket = report(&repair, "灯不亮");
        assert_eq!(held(&repair, &ticket).remove(0)["cause"], "away", "{fault}");
        assert_eq!(repair.worker.get(&path(&ticket)).expect(200)["title"], Value::Null);
        assert_eq!(repair.dispatcher.get(&path(&ticket)).expect(200)["title"], "灯不亮", "the work is given out all the same");
        server.sim().heal();
    }
    server.sim().fault("msg_sec_check", json!({ "kind": "errcode", "value": 61010 }));
    repair.reporter.put("/me", json!({ "nickname": "阿明" })).refuse(503, "wechat_unavailable");
    server.sim().heal();
    assert_eq!(report(&repair, "灯不亮")["held_back"], json!([]));
}

#[test]
fn without_the_check_everything_is_shown() {
    let server = Server::start(Options::default().env("JIAZAI_CONTENT_CHECK", "off"));
    let repair = Repair::new(&server);
    let ticket = report(&repair, "违禁示例");
    assert_eq!((&ticket["held_back"], server.sim().requests("msg_sec_check").len()), (&json!([]), 0));
    assert_eq!(repair.worker.get(&path(&ticket)).expect(200)["title"], "违禁示例");
}

// ---- pictures -------------------------------------------------------------------------------------------------------

/// A report with a picture, given to the worker; the ticket and the picture's id.
#[track_caller]
fn report_with_picture(repair: &Repair) -> (Value, String) {
    let file = id(&repair.reporter.call("POST", "/files").file("a.png", "image/png", PICTURE).expect(201));
    let mut draft = repair.draft();
    draft["photos"] = json!([file]);
    let ticket = repair.reporter.post("/repair-tickets", draft).expect(201);
    repair.do_rightly(&ticket, "assign");
    (ticket, file)
}

#[track_caller]
fn waits_for(repair: &Repair, ticket: &Value, cause: &str) -> Value {
    eventually(cause, PATIENCE_S, || held(repair, ticket).into_iter().find(|review| review["cause"] == cause))
}

#[test]
fn pictures_wait_for_their_verdict_and_what_is_risky_is_held() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    let (ticket, file) = report_with_picture(&repair);
    eventually("the picture passes", PATIENCE_S, || {
        let seen = repair.worker.get(&path(&ticket)).expect(200);
        Some(seen).filter(|seen| seen["photos"] == json!([file]) && seen["held_back"] == json!([]))
    });
    assert_eq!(repair.worker.get(&format!("/files/{file}")).send().status, 200);

    server.sim().tell("/_sim/media-verdicts", &json!({ "suggest": "risky", "label": 20002 }));
    let (ticket, file) = report_with_picture(&repair);
    let review = waits_for(&repair, &ticket, "risky");
    assert_eq!((&review["part"], &review["file_id"], &review["label"]), (&json!("photo"), &json!(file), &json!(20002)));
    let seen = repair.worker.get(&path(&ticket)).expect(200);
    assert_eq!((&seen["photos"], &seen["held_back"]), (&json!([]), &json!(["photo"])));
    repair.worker.get(&format!("/files/{file}")).refuse(404, "not_found");
    for who in [&repair.reporter as &dyn Client, &repair.dispatcher] {
        assert_eq!(who.get(&format!("/files/{file}")).send().status, 200);
    }
    repair.dispatcher.post(&format!("/content-reviews/{}/approve", id(&review)), json!({})).expect(200);
    assert_eq!(repair.worker.get(&format!("/files/{file}")).send().status, 200);
}

#[test]
fn a_picture_whose_verdict_never_comes_is_held_after_half_an_hour() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    server.sim().fault("push", json!({ "kind": "drop" }));
    let (ticket, _) = report_with_picture(&repair);
    eventually("the platform is asked", PATIENCE_S, || server.sim().requests("media_check_async").into_iter().next());
    eventually("its verdict is lost", PATIENCE_S, || {
        server.sim().ask("/_sim/pushes")["items"].as_array().unwrap().iter().find(|p| p["outcome"] == "lost").cloned()
    });
    assert_eq!(repair.worker.get(&path(&ticket)).expect(200)["photos"], json!([]));
    server.sim().advance(36 * 60);
    waits_for(&repair, &ticket, "no_verdict");
}

#[test]
fn a_picture_that_the_platform_will_not_take_is_tried_again_and_then_held() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    server.sim().fault("media_check_async", json!({ "kind": "errcode", "value": -1 }));
    let (ticket, _) = report_with_picture(&repair);
    for tries in 1..=5 {
        eventually("another try", PATIENCE_S, || Some(server.sim().requests("media_check_async").len()).filter(|asked| *asked >= tries));
        server.sim().advance(400);
    }
    waits_for(&repair, &ticket, "away");
}

#[test]
fn a_link_to_a_picture_cannot_be_made_up() {
    for token in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "%00"] {
        shared().anon().get(&format!("/wechat/pictures/{token}")).refuse(404, "not_found");
    }
}

// ---- push -----------------------------------------------------------------------------------------------------------

/// Has something happen in WeChat, and waits until the server has taken it.
#[track_caller]
fn happens(server: &Server, openid: &str, event: &str, fields: Value) {
    server.sim().tell("/_sim/events", &json!({ "openid": openid, "event": event, "fields": fields }));
    eventually("the push is taken", PATIENCE_S, || {
        let pushes = server.sim().ask("/_sim/pushes");
        let pushes = pushes["items"].as_array().unwrap().clone();
        pushes.into_iter().find(|p| p["event"] == event && p["openid"] == openid && p["outcome"] == "taken")
    });
}

#[test]
fn the_address_check_of_the_console_is_answered() {
    assert_eq!(shared().sim().tell("/_sim/push/verify", &json!({}))["verified"], true);
}

#[test]
fn what_somebody_takes_back_is_gone() {
    let someone = shared().resident();
    someone.bind_phone("13812345678");
    someone.put("/me", json!({ "nickname": "阿明" })).expect(200);
    happens(shared(), &someone.openid, "user_authorization_revoke", json!({ "RevokeInfo": "8" }));
    let me = someone.get("/me").expect(200);
    assert_eq!((&me["phone_masked"], &me["display_name"]), (&Value::Null, &json!("阿明")));
    let other = shared().resident();
    other.put("/me", json!({ "nickname": "阿强" })).expect(200);
    happens(shared(), &other.openid, "user_authorization_revoke", json!({ "RevokeInfo": "6,14" }));
    assert_eq!(other.get("/me").expect(200)["display_name"], "微信用户");
}

#[test]
fn whoever_leaves_wechat_is_erased_here() {
    let someone = shared().resident();
    let device = someone.on_another_device();
    let before = someone.id();
    happens(shared(), &someone.openid, "user_authorization_cancellation", json!({}));
    device.get("/me").expect(200);
    assert_ne!(device.id(), before, "the same openid comes back as somebody new");
}

#[test]
fn strangers_and_what_is_unknown_change_nothing() {
    happens(shared(), "o-nobody-here", "user_authorization_cancellation", json!({}));
    happens(shared(), "o-nobody-here", "something_new", json!({ "Deep": { "er": ["x", 1] } }));
}

/// The query that goes with an unsealed push at this moment.
fn signed(server: &Server) -> String {
    let now = server.anon().get("/meta/time").expect(200)["now"].as_str().unwrap().to_owned();
    signed_at(&seconds(&now).to_string())
}

fn signed_at(timestamp: &str) -> String {
    let nonce = unique("n").replace(['-', '_'], "");
    let mut parts = ["AAAAA", timestamp, nonce.as_str()];
    parts.sort_unstable();
    let signature: String = Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("signature={signature}&timestamp={timestamp}&nonce={nonce}")
}

/// Seconds since 1970 of an instant that the server wrote.
fn seconds(instant: &str) -> i64 {
    let number = |from: usize, to: usize| instant[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // Days since 1970-01-01 by the civil calendar.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    days * 86_400 + number(11, 13) * 3600 + number(14, 16) * 60 + number(17, 19)
}

#[test]
fn only_what_is_signed_fresh_and_readable_is_taken_and_a_repetition_is_obeyed_once() {
    let server = Server::start(Options::default().env("WECHAT_PUSH_TOKEN", "AAAAA"));
    let someone = server.resident();
    someone.put("/me", json!({ "nickname": "阿明" })).expect(200);
    let push = |query: &str, kind: &str, body: &str| {
        server.anon().call("POST", &format!("/wechat/push?{query}")).bytes(kind, body.as_bytes().to_vec()).send()
    };
    let revoke = format!(
        r#"{{"ToUserName":"gh_1","FromUserName":"{0}","CreateTime":5,"MsgType":"event","Event":"user_authorization_revoke","OpenID":"{0}","RevokeInfo":"6"}}"#,
        someone.openid
    );
    for query in ["", "signature=x&timestamp=1&nonce=2", &signed_at("1714037059"), &signed_at("never")] {
        assert_eq!(push(query, "application/json", &revoke).status, 403, "{query}");
    }
    for body in ["", "text", "[]", "<xml>", "<!DOCTYPE x [<!ENTITY a \"b\">]><xml><a>&a;</a></xml>"] {
        assert_eq!(push(&signed(&server), "text/xml", body).status, 400, "{body}");
    }
    assert_eq!(push(&signed(&server), "text/xml", &format!("<xml><a>{}</a></xml>", "x".repeat(70_000))).status, 413);
    assert_eq!(someone.get("/me").expect(200)["display_name"], "阿明", "nothing of that was obeyed");

    let taken = push(&signed(&server), "application/json", &revoke);
    assert_eq!((taken.status, taken.text()), (200, "success".to_owned()));
    assert_eq!(someone.get("/me").expect(200)["display_name"], "微信用户");
    someone.put("/me", json!({ "nickname": "阿强" })).expect(200);
    assert_eq!(push(&signed(&server), "application/json", &revoke).status, 200, "the platform repeats itself");
    assert_eq!(someone.get("/me").expect(200)["display_name"], "阿强", "and is obeyed once");
    let xml = format!(
        "<xml><FromUserName><![CDATA[{0}]]></FromUserName><CreateTime>6</CreateTime><MsgType><![CDATA[event]]></MsgType>\
         <Event><![CDATA[user_authorization_revoke]]></Event><OpenID><![CDATA[{0}]]></OpenID><RevokeInfo><![CDATA[6]]></RevokeInfo></xml>",
        someone.openid
    );
    assert_eq!(push(&signed(&server), "text/xml", &xml).text(), "success");
    assert_eq!(someone.get("/me").expect(200)["display_name"], "微信用户");
}

#[test]
fn where_a_key_is_set_nothing_unsealed_is_taken_and_without_a_token_nothing_at_all() {
    let at = format!("/wechat/push?{}", signed(shared()));
    shared().anon().call("POST", &at).bytes("application/json", b"{}".to_vec()).refuse(403, "forbidden");
    let silent = Server::start(Options::default().env("WECHAT_API_BASE", shared().sim().base()));
    silent.anon().get("/wechat/push?signature=x&timestamp=1&nonce=2&echostr=3").refuse(404, "not_found");
}

// ---- the inbox ------------------------------------------------------------------------------------------------------

#[track_caller]
fn told(who: &Resident, phrase: &str) -> Value {
    eventually("the inbox has it", PATIENCE_S, || inbox(who).into_iter().find(|notice| notice["phrase"] == phrase))
}

#[test]
fn what_nobody_allowed_wechat_to_carry_is_in_the_inbox() {
    let repair = Repair::new(shared());
    let ticket = repair.ticket_in("accepted");
    let notice = eventually("the notice is given up", PATIENCE_S, || {
        inbox(&repair.reporter).into_iter().find(|n| n["phrase"] == "已接单" && n["delivery"] == "inbox_only")
    });
    assert_eq!((&notice["title"], &notice["template"], &notice["read_at"]), (&json!("灯不亮"), &json!("repair_progress"), &Value::Null));
    assert!(notice["page"].as_str().unwrap().contains(&id(&ticket)));
    let unread = || repair.reporter.get("/me/notices/unread").expect(200)["unread"].as_i64().unwrap();
    let before = unread();
    let at = format!("/me/notices/{}/read", id(&notice));
    shared().resident().post(&at, json!({})).refuse(404, "not_found");
    let read = repair.reporter.post(&at, json!({})).expect(200);
    assert_ne!(read["read_at"], Value::Null);
    assert_eq!(repair.reporter.post(&at, json!({})).expect(200)["read_at"], read["read_at"], "once read is read");
    assert_eq!(unread(), before - 1);
    let shown = repair.reporter.get("/me/notices?unread=false").expect(200);
    assert_eq!(shown["items"].as_array().unwrap().len(), 1);
    repair.reporter.post("/me/notices/read-all", json!({})).expect(200);
    assert_eq!(unread(), 0);
    shared().anon().get("/me/notices").refuse(401, "unauthenticated");
}

#[test]
fn a_message_that_wechat_took_and_lost_is_in_the_inbox_as_not_carried() {
    let repair = Repair::new(shared());
    let openid = &repair.reporter.openid;
    let consents = repair.reporter.get("/me/notice-consents").expect(200);
    let kind = consents["items"].as_array().unwrap().iter().find(|c| c["template"] == "repair_progress").unwrap().clone();
    shared().sim().subscribe(openid, kind["template_id"].as_str().unwrap(), 1);
    repair.reporter.post("/me/notice-consents", json!({ "accepted": ["repair_progress"] })).expect(200);
    repair.ticket_in("accepted");
    let message = eventually("the message is sent", PATIENCE_S, || {
        shared().sim().messages().into_iter().find(|message| message["touser"] == openid.as_str())
    });
    eventually("it is written down", PATIENCE_S, || Some(told(&repair.reporter, "已接单")).filter(|n| n["delivery"] == "wechat"));
    let lost = json!({ "List": { "TemplateId": "t", "MsgID": message["msgid"], "ErrorCode": "1", "ErrorStatus": "failed" } });
    shared().sim().tell("/_sim/events", &json!({ "openid": openid, "event": "subscribe_msg_sent_event", "fields": lost }));
    eventually("its fate is known", PATIENCE_S, || Some(told(&repair.reporter, "已接单")).filter(|n| n["delivery"] == "inbox_only"));
}

#[test]
fn a_failure_of_a_message_that_is_not_known_yet_is_asked_for_again() {
    let someone = shared().resident();
    let lost = json!({ "List": { "TemplateId": "t", "MsgID": unique("msg"), "ErrorCode": "1", "ErrorStatus": "failed" } });
    shared().sim().tell("/_sim/events", &json!({ "openid": someone.openid, "event": "subscribe_msg_sent_event", "fields": lost }));
    eventually("the platform has given up", PATIENCE_S, || {
        let pushes = shared().sim().ask("/_sim/pushes");
        let of_it = |push: &&Value| push["openid"] == someone.openid.as_str() && push["status"] == 503;
        (pushes["items"].as_array().unwrap().iter().filter(of_it).count() == 3).then_some(())
    });
}

#[test]
fn whoever_refuses_messages_in_wechat_has_no_consents_left_here() {
    let someone = shared().resident();
    someone.post("/me/notice-consents", json!({ "accepted": ["repair_quote"] })).expect(200);
    let quote = || {
        let consents = someone.get("/me/notice-consents").expect(200);
        consents["items"].as_array().unwrap().iter().find(|c| c["template"] == "repair_quote").unwrap().clone()
    };
    let list = json!({ "List": [{ "TemplateId": quote()["template_id"], "SubscribeStatusString": "reject" }] });
    happens(shared(), &someone.openid, "subscribe_msg_change_event", list);
    assert_eq!(quote()["credits"], 0);
}

// ---- what a phone asks for --------------------------------------------------------------------------------------------

#[test]
fn a_dispatcher_finds_the_workers_of_their_community_and_nothing_else_of_them() {
    let repair = Repair::new(shared());
    let list = repair.dispatcher.get(&format!("/staff?community_id={}&limit=100", repair.community)).expect(200);
    let items = list["items"].as_array().unwrap();
    let worker = items.iter().find(|item| item["id"] == repair.worker_id.as_str()).unwrap_or_else(|| panic!("{list}"));
    assert_eq!((&worker["username"], &worker["has_totp"]), (&json!(""), &json!(false)));
    for item in items {
        let roles = item["roles"].as_array().unwrap();
        assert!(!roles.is_empty() && roles.iter().all(|role| role["role"] == "repair_worker"), "{item}");
    }
    let gone = shared().staff("admin").hire("repair_worker", &repair.community).id();
    shared().staff("admin").post(&format!("/staff/{gone}/disable"), json!({})).expect(200);
    let without =
        |who: &str| !repair.dispatcher.get("/staff?limit=100").expect(200)["items"].as_array().unwrap().iter().any(|i| i["id"] == who);
    assert!(without(&gone), "nobody is sent who may not act");
    let elsewhere = repair.dispatcher.get(&format!("/staff?community_id={}", shared().other_community())).expect(200);
    assert_eq!(elsewhere["items"], json!([]));
    repair.dispatcher.get(&format!("/staff/{}", repair.worker_id)).refuse(403, "forbidden");
    let manager = shared().staff("manager").get(&format!("/staff?community_id={}&limit=100", repair.community)).expect(200);
    assert!(manager["items"].as_array().unwrap().iter().any(|item| item["username"] == "worker1"), "who administers sees whom");
}

#[test]
fn a_ticket_names_its_home_and_its_worker() {
    let repair = Repair::new(shared());
    let manager = shared().staff("manager");
    let buildings = manager.get(&format!("/communities/{}/buildings", repair.community)).expect(200);
    let homes = manager.get(&format!("/buildings/{}/homes", id(&buildings["items"][0]))).expect(200);
    let home = id(&homes["items"][0]);
    let label = manager.get(&format!("/homes/{home}")).expect(200)["label"].clone();
    let mut draft = repair.draft();
    draft["home_id"] = json!(home);
    let ticket = repair.dispatcher.post("/repair-tickets", draft).expect(201);
    assert_eq!((&ticket["home_label"], &ticket["worker_name"]), (&label, &Value::Null));
    let ticket = repair.do_rightly(&ticket, "assign");
    let name = repair.worker.get("/me").expect(200)["display_name"].clone();
    assert_eq!(ticket["worker_name"], name);
    let list = repair.dispatcher.get(&format!("/repair-tickets?community_id={}&limit=1", repair.community)).expect(200);
    assert!(list["items"][0].get("home_label").is_some() && list["items"][0].get("worker_name").is_some());
}

#[test]
fn the_servers_time_is_to_be_read_and_moves_with_its_clock() {
    let server = Server::start(Options::default());
    let now = || seconds(server.anon().get("/meta/time").expect(200)["now"].as_str().unwrap());
    let before = now();
    server.sim().advance(7200);
    assert!(now() >= before + 7200);
}

#[test]
fn a_shift_has_a_code_to_scan_that_the_platform_draws_once() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(600, 5, 5);
    let at = format!("/shifts/{shift}/mini-program-code");
    server.sim().fault("getwxacodeunlimit", json!({ "kind": "errcode", "value": -1, "times": 1 }));
    volunteering.leader.get(&at).refuse(503, "wechat_unavailable");
    for _ in 0..2 {
        let reply = volunteering.leader.get(&at).send();
        assert_eq!((reply.status, reply.content_type()), (200, "image/png"));
    }
    let asked = server.sim().requests("getwxacodeunlimit");
    assert_eq!(asked.len(), 2, "once in vain, once for good");
    assert_eq!((&asked[0]["body"]["scene"], &asked[0]["body"]["page"]), (&json!(shift), &json!("volunteer/shift")));
    server.resident().get(&at).refuse(403, "forbidden");
}
