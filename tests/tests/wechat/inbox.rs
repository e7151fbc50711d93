//! The inbox, and what else a phone asks for.

use jiazai_tests::{Client, Options, Repair, Resident, Server, Value, Volunteering, eventually, items, json, shared, text, unique};

use super::{PATIENCE_S, happens, inbox, seconds};

// ---- the inbox -----------------------------------------------------------------------------------------------------

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
    assert!(notice["page"].as_str().unwrap().contains(text(&ticket, "id")));
    let unread = || repair.reporter.get("/me/notices/unread").expect(200)["unread"].as_i64().unwrap();
    let before = unread();
    let at = format!("/me/notices/{}/read", text(&notice, "id"));
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

// ---- what a phone asks for -----------------------------------------------------------------------------------------

#[test]
fn a_dispatcher_finds_the_workers_of_their_community_and_nothing_else_of_them() {
    let repair = Repair::new(shared());
    let list = repair.dispatcher.get(&format!("/staff?community_id={}&limit=100", repair.community)).expect(200);
    let worker = items(&list).iter().find(|item| item["id"] == repair.worker_id.as_str()).unwrap_or_else(|| panic!("{list}"));
    assert_eq!((&worker["username"], &worker["has_totp"]), (&json!(""), &json!(false)));
    for item in items(&list) {
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
    let homes = manager.get(&format!("/buildings/{}/homes", text(&items(&buildings)[0], "id"))).expect(200);
    let home = text(&items(&homes)[0], "id");
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
