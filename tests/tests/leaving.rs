//! Leaving: what is erased stays erased, also for whoever was on the way to WeChat at that moment; what is in somebody's own copy of
//! their data; and what is forgotten by itself.

use std::thread::scope;
use std::time::{Duration, Instant};

use jiazai_tests::{
    Client, Options, PASSWORD, PICTURE, Repair, Reply, Resident, Server, Value, Volunteering, eventually, items, json, shared, string, text,
};

const PATIENCE_S: u64 = 30;

/// How long the platform takes to answer, and within what of that an erasure was certainly first.
const DELAY_MS: u64 = 800;
const FIRST: Duration = Duration::from_millis(600);

/// `write` asks the platform, which answers after a while; meanwhile its author erases their account. The answer to `write`; nothing
/// where a busy machine let the two change places, or the platform's answer come too late.
fn while_erasing(server: &Server, someone: &Resident, api: &str, write: impl FnOnce() -> Reply + Send) -> Option<Reply> {
    let other = someone.on_another_device();
    other.id();
    let asked = || server.sim().requests(api).len();
    let before = asked();
    server.sim().fault(api, json!({ "kind": "delay", "value": DELAY_MS, "times": 1 }));
    scope(|threads| {
        let writing = threads.spawn(write);
        eventually("the platform is asked", PATIENCE_S, || (asked() > before).then_some(()));
        let began = Instant::now();
        other.delete("/me").expect(200);
        let was_first = began.elapsed() < FIRST;
        let reply = writing.join().expect("it is answered");
        (was_first && reply.status != 503).then_some(reply)
    })
}

/// How whoever comes to the door finds the reporter of that ticket.
fn contact(repair: &Repair, ticket: &Value) -> Value {
    repair.dispatcher.get(&format!("/repair-tickets/{}", text(ticket, "id"))).expect(200)["contact"].clone()
}

#[test]
fn an_account_that_was_erased_while_the_platform_was_asked_gets_nothing_written_into_it() {
    let server = Server::start(Options::default());
    let phone = |someone: &Resident| {
        let code = server.sim().phone_code(&someone.openid, "13812345678");
        someone.post("/auth/wechat/phone", json!({ "code": code })).send()
    };
    let nickname = |someone: &Resident| someone.put("/me", json!({ "nickname": "阿明" })).send();
    type Write<'w> = &'w (dyn Fn(&Resident) -> Reply + Sync);
    for (api, write) in [("getuserphonenumber", &phone as Write), ("msg_sec_check", &nickname as Write)] {
        let tried = (0..8).find_map(|_| {
            let repair = Repair::new(&server);
            let ticket = repair.report();
            let reply = while_erasing(&server, &repair.reporter, api, || write(&repair.reporter))?;
            Some((reply, contact(&repair, &ticket)))
        });
        let (reply, contact) = tried.unwrap_or_else(|| panic!("{api}: the erasure never came first"));
        assert_eq!((reply.status, &reply.json["code"]), (401, &json!("session_revoked")), "{api}: {}", reply.describe());
        assert_eq!((&contact["display_name"], &contact["phone_masked"]), (&json!("已注销用户"), &Value::Null), "{api}");
    }
}

#[test]
fn somebody_who_leaves_wechat_is_told_nothing_there_as_staff_either() {
    let server = shared();
    let worker = server.staff("admin").hire("repair_worker", server.community());
    let (code, openid) = server.sim().login_code(None);
    worker.post("/me/wechat", json!({ "code": code })).expect(204);
    worker.post("/me/notice-consents", json!({ "accepted": ["repair_task"] })).expect(200);
    let credits = || {
        let consents = worker.get("/me/notice-consents").expect(200);
        items(&consents).iter().find(|c| c["template"] == "repair_task").unwrap()["credits"].clone()
    };
    assert_eq!(credits(), 1);
    server.sim().tell("/_sim/events", &json!({ "openid": openid, "event": "user_authorization_cancellation", "fields": {} }));
    eventually("what was allowed there is gone", PATIENCE_S, || (credits() == 0).then_some(()));
    assert_eq!(worker.get("/me").expect(200)["kind"], "staff", "the account is not WeChat's");
}

#[test]
fn ones_own_copy_has_what_one_was_told_what_one_wrote_and_what_one_uploaded() {
    let repair = Repair::new(shared());
    let file = string(&repair.reporter.call("POST", "/files").file("a.png", "image/png", PICTURE).expect(201), "id");
    let ticket = repair.ticket_in("closed");
    repair.do_rightly(&ticket, "rate");
    repair.act(&repair.reporter, &ticket, "reopen", json!({ "reason": "还是不亮" }));
    let told = || repair.reporter.get("/me/data-export").expect(200);
    let export = eventually("the notices are there", PATIENCE_S, || {
        Some(told()).filter(|export| export["notices"].as_array().unwrap().iter().any(|notice| notice["phrase"] == "已接单"))
    });
    let own = export["repair_tickets"][0].clone();
    assert_eq!((&own["rating"]["overall"], &own["rating"]["comment"]), (&json!(5), &json!("很快")), "{own}");
    let notes: Vec<&str> = own["notes"].as_array().unwrap().iter().map(|note| text(note, "text")).collect();
    assert_eq!(notes, ["很快", "还是不亮"], "their own words and nobody else's");
    assert_eq!((&export["files"][0]["id"], &export["files"][0]["subject_id"]), (&json!(file), &Value::Null));
}

// ---- what time forgets ----------------------------------------------------------------------------------------------

#[test]
fn uploads_that_belong_to_nothing_wrong_passwords_and_old_codes_are_forgotten() {
    let server = Server::start(Options::default());
    let someone = server.resident();
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(600, 5, 5);
    let code_at = format!("/shifts/{shift}/mini-program-code");
    assert_eq!(volunteering.leader.get(&code_at).send().status, 200);
    let upload = || string(&someone.call("POST", "/files").file("a.png", "image/png", PICTURE).expect(201), "id");
    let worker = server.staff("admin").hire("dispatcher", server.community());
    let log_in = |password: &str| {
        server.anon().post("/auth/staff/login", json!({ "username": worker.username, "password": password })).send().status
    };
    // The tidying up that comes next, every thirty seconds by the wall, forgets the file, and with it whatever else is old enough.
    let tidied = |file: &str| {
        eventually("it is tidied up", 120, || (someone.get(&format!("/files/{file}")).send().status == 404).then_some(()));
    };
    let file = upload();
    // One more locks the name.
    for _ in 0..9 {
        assert_eq!(log_in("not-the-password"), 401);
    }
    server.sim().advance(31 * 86_400);
    tidied(&file);
    assert_eq!(log_in("not-the-password"), 401);
    assert_eq!(log_in(PASSWORD), 200, "nobody is locked out for what they mistyped a month ago");
    let asked = || server.sim().requests("getwxacodeunlimit").len();
    assert_eq!(asked(), 1);
    let file = upload();
    server.sim().advance(180 * 86_400);
    tidied(&file);
    assert_eq!(volunteering.leader.get(&code_at).send().status, 200);
    // Of a token that has aged meanwhile the platform is told before.
    assert!(asked() > 1, "drawn anew");
}
