//! Words are judged before others read them.

use jiazai_tests::{Client, Options, Repair, Server, Value, eventually, json, shared, text, unique};

use super::{PATIENCE_S, held, inbox, path};

/// A report with these words, given to the worker.
#[track_caller]
fn report(repair: &Repair, title: &str) -> Value {
    let mut draft = repair.draft();
    draft["title"] = json!(title);
    let ticket = repair.reporter.post("/repair-tickets", draft).expect(201);
    repair.do_rightly(&ticket, "assign");
    ticket
}

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
    let approved = repair.dispatcher.post(&format!("/content-reviews/{}/approve", text(&review, "id")), json!({})).expect(200);
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
    let at = format!("/content-reviews/{}", text(&review, "id"));
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
        inbox(&repair.worker).into_iter().find(|n| n["page"].as_str().is_some_and(|page| page.contains(text(&ticket, "id"))))
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
    let at = format!("/content-reviews/{}", text(&review, "id"));
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
