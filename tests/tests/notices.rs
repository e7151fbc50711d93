//! Notices: who is told of what through the platform, at whose expense, and what happens when the platform fails.
//!
//! Jobs send them in the background, so the tests poll. "Nothing was sent" is told by a later message that was: jobs take
//! notices in their order, so when a marker has arrived, everything before it has been decided.

use jiazai_tests::{Client, Options, Repair, Server, Sim, Value, at_once, eventually, json, shared};

const PATIENCE_S: u64 = 20;

/// Allows so many messages of a kind, on the phone and here; as the mini-program does after every tap.
#[track_caller]
fn allow(server: &Server, who: &impl Client, openid: &str, template: &str, times: u32) {
    let consents = who.get("/me/notice-consents").expect(200);
    let kind = consents["items"].as_array().unwrap().iter().find(|c| c["template"] == template).unwrap().clone();
    server.sim().subscribe(openid, kind["template_id"].as_str().unwrap(), times);
    for _ in 0..times {
        who.post("/me/notice-consents", json!({ "accepted": [template] })).expect(200);
    }
}

#[track_caller]
fn credits(who: &impl Client, template: &str) -> i64 {
    let consents = who.get("/me/notice-consents").expect(200);
    let items = consents["items"].as_array().unwrap();
    items.iter().find(|c| c["template"] == template).unwrap_or_else(|| panic!("{consents}"))["credits"].as_i64().unwrap()
}

/// Messages that reached this person, oldest first.
fn reached(sim: &Sim, openid: &str) -> Vec<Value> {
    let mut messages: Vec<Value> = sim.messages().into_iter().filter(|m| m["touser"] == openid).collect();
    messages.reverse();
    messages
}

#[track_caller]
fn await_messages(sim: &Sim, openid: &str, count: usize) -> Vec<Value> {
    eventually("the message arrives", PATIENCE_S, || Some(reached(sim, openid)).filter(|messages| messages.len() >= count))
}

fn word(message: &Value, key: &str) -> String {
    message["data"][key]["value"].as_str().unwrap_or_else(|| panic!("no {key} in {message}")).to_owned()
}

/// Something that happens to somebody else, and the message about it: a round of the jobs that began after this call.
#[track_caller]
fn a_round_of_the_jobs(server: &Server) {
    let marker = Repair::new(server);
    allow(server, &marker.reporter, &marker.reporter.openid, "repair_progress", 1);
    marker.ticket_in("accepted");
    await_messages(server.sim(), &marker.reporter.openid, 1);
}

/// How often the platform was asked to send to this person.
fn tries(sim: &Sim, openid: &str) -> usize {
    sim.requests("send").iter().filter(|request| request["body"]["touser"] == openid).count()
}

// ---- consent ------------------------------------------------------------------------------------------------------

#[test]
fn a_message_says_what_it_is_about_how_it_stands_and_where_to_look() {
    let repair = Repair::new(shared());
    let openid = &repair.reporter.openid;
    allow(shared(), &repair.reporter, openid, "repair_progress", 1);
    let ticket = repair.ticket_in("accepted");
    let message = await_messages(shared().sim(), openid, 1).remove(0);
    assert_eq!((word(&message, "thing1"), word(&message, "phrase2")), ("灯不亮".into(), "已接单".into()));
    assert!(message["page"].as_str().unwrap().contains(ticket["id"].as_str().unwrap()), "{message}");
}

#[test]
fn each_tap_pays_for_one_message_of_its_kind() {
    let repair = Repair::new(shared());
    let openid = &repair.reporter.openid;
    allow(shared(), &repair.reporter, openid, "repair_progress", 2);
    allow(shared(), &repair.reporter, openid, "repair_resolved", 1);
    assert_eq!(credits(&repair.reporter, "repair_progress"), 2);
    // Accepted and arrived are paid for; pause and resume are not; resolved is of another kind.
    let mut ticket = repair.ticket_in("on_site");
    for action in ["pause", "resume", "resolve"] {
        ticket = repair.do_rightly(&ticket, action);
    }
    let messages = await_messages(shared().sim(), openid, 3);
    let phrases: Vec<String> = messages.iter().map(|message| word(message, "phrase2")).collect();
    assert_eq!(phrases, ["已接单", "已到场", "待确认"]);
    assert_eq!((credits(&repair.reporter, "repair_progress"), credits(&repair.reporter, "repair_resolved")), (0, 0));
}

#[test]
fn nobody_is_told_who_has_not_allowed_it() {
    let repair = Repair::new(shared());
    let ticket = repair.ticket_in("on_site");
    // A consent given afterwards is for what is to come.
    a_round_of_the_jobs(shared());
    allow(shared(), &repair.reporter, &repair.reporter.openid, "repair_resolved", 1);
    repair.do_rightly(&ticket, "resolve");
    let messages = await_messages(shared().sim(), &repair.reporter.openid, 1);
    assert_eq!(messages.iter().map(|m| word(m, "phrase2")).collect::<Vec<_>>(), ["待确认"]);
    assert_eq!(tries(shared().sim(), &repair.reporter.openid), 1, "the platform is not even asked");
}

#[test]
fn consents_are_of_known_kinds_and_within_reason() {
    let someone = shared().resident();
    for bad in [json!({ "accepted": [] }), json!({ "accepted": ["spam"] }), json!({ "accepted": "repair_progress" }), json!({})] {
        someone.post("/me/notice-consents", bad).send().expect(422);
    }
    for _ in 0..30 {
        someone.post("/me/notice-consents", json!({ "accepted": ["repair_progress"] })).expect(200);
    }
    assert_eq!(credits(&someone, "repair_progress"), 20, "nobody needs more in store");
    assert_eq!(credits(&someone, "repair_quote"), 0);
}

#[test]
fn parallel_taps_all_count() {
    let someone = shared().resident();
    someone.id();
    at_once(8, |_| someone.post("/me/notice-consents", json!({ "accepted": ["repair_quote"] })).expect(200));
    assert_eq!(credits(&someone, "repair_quote"), 8);
}

#[test]
fn staff_are_told_at_the_wechat_that_they_have_bound() {
    let server = shared();
    let repair = Repair::new(server);
    let worker = server.staff("admin").hire("repair_worker", server.community());
    let (code, openid) = server.sim().login_code(None);
    worker.post("/me/wechat", json!({ "code": code })).expect(204);
    worker.post("/me/wechat", json!({ "code": code })).refuse(401, "wechat_code_invalid");
    allow(server, &worker, &openid, "repair_task", 1);
    let ticket = repair.report();
    repair.act(&repair.dispatcher, &ticket, "assign", json!({ "worker_id": worker.id() }));
    assert_eq!(word(&await_messages(server.sim(), &openid, 1)[0], "phrase2"), "待接单");
    // That WeChat is where messages go; whoever logs in with it is a resident, not the member of staff.
    let (code, _) = server.sim().login_code(Some(&openid));
    let session = server.anon().post("/auth/wechat/login", json!({ "code": code })).expect(200);
    assert_eq!(session["principal"]["kind"], "resident");
    assert_ne!(session["principal"]["id"], worker.id());
}

#[test]
fn a_platform_that_knows_of_no_consent_is_believed() {
    let repair = Repair::new(shared());
    // Counted here, but taken back on the phone: 43101.
    for _ in 0..3 {
        repair.reporter.post("/me/notice-consents", json!({ "accepted": ["repair_progress"] })).expect(200);
    }
    let ticket = repair.ticket_in("accepted");
    eventually("the credits are forgotten", PATIENCE_S, || (credits(&repair.reporter, "repair_progress") == 0).then_some(()));
    repair.do_rightly(&ticket, "arrive");
    a_round_of_the_jobs(shared());
    assert_eq!(tries(shared().sim(), &repair.reporter.openid), 1, "not asked again");
}

// ---- once ---------------------------------------------------------------------------------------------------------

#[test]
fn an_action_that_is_repeated_with_its_key_is_told_once() {
    let repair = Repair::new(shared());
    let openid = &repair.reporter.openid;
    allow(shared(), &repair.reporter, openid, "repair_progress", 5);
    let ticket = repair.ticket_in("assigned");
    let path = format!("/repair-tickets/{}/accept", ticket["id"].as_str().unwrap());
    for _ in 0..5 {
        repair.worker.post(&path, json!({})).header("Idempotency-Key", openid).expect(200);
    }
    a_round_of_the_jobs(shared());
    assert_eq!(await_messages(shared().sim(), openid, 1).len(), 1);
    assert_eq!(credits(&repair.reporter, "repair_progress"), 4);
}

#[test]
fn what_was_told_before_a_crash_is_not_told_after_it() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    let openid = &repair.reporter.openid;
    allow(&server, &repair.reporter, openid, "repair_progress", 5);
    let ticket = repair.ticket_in("accepted");
    await_messages(server.sim(), openid, 1);
    server.kill();
    server.start_again();
    // The simulator begins anew with the server: no messages, and no consents of this person.
    allow(&server, &repair.reporter, openid, "repair_progress", 1);
    // Leases of the dead are waited out by the clock.
    server.sim().advance(60);
    repair.do_rightly(&ticket, "arrive");
    let messages = await_messages(server.sim(), openid, 1);
    assert_eq!(messages.iter().map(|m| word(m, "phrase2")).collect::<Vec<_>>(), ["已到场"]);
}

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn two_instances_tell_everybody_once() {
    let one = Server::start(Options::keyed());
    let two = one.twin();
    let worker = one.staff("worker1").authorization().unwrap();
    let tickets: Vec<(Repair<'_>, Value)> = (0..12)
        .map(|_| {
            let repair = Repair::new(&one);
            allow(&one, &repair.reporter, &repair.reporter.openid, "repair_progress", 3);
            let ticket = repair.ticket_in("assigned");
            (repair, ticket)
        })
        .collect();
    at_once(tickets.len(), |n| {
        let instance = if n % 2 == 0 { &one } else { &two };
        let path = format!("/repair-tickets/{}/accept", tickets[n].1["id"].as_str().unwrap());
        instance.bearer(&worker).post(&path, json!({})).expect(200);
    });
    for (repair, _) in &tickets {
        await_messages(one.sim(), &repair.reporter.openid, 1);
    }
    a_round_of_the_jobs(&one);
    for (repair, _) in &tickets {
        assert_eq!(tries(one.sim(), &repair.reporter.openid), 1);
        assert_eq!(credits(&repair.reporter, "repair_progress"), 2);
    }
}

// ---- a platform that fails ----------------------------------------------------------------------------------------

#[track_caller]
fn await_tries(server: &Server, openid: &str, count: usize) {
    eventually(&format!("try number {count}"), PATIENCE_S, || (tries(server.sim(), openid) >= count).then_some(()));
}

/// A first message that the platform does not take, because of this fault; the person has one credit left after it.
fn failing(server: &Server, fault: Value) -> Repair<'_> {
    let repair = Repair::new(server);
    allow(server, &repair.reporter, &repair.reporter.openid, "repair_progress", 2);
    server.sim().fault("send", fault);
    repair.ticket_in("accepted");
    await_tries(server, &repair.reporter.openid, 1);
    repair
}

#[test]
fn a_busy_platform_is_asked_again_after_growing_pauses() {
    for errcode in [-1, 45009] {
        let server = Server::start(Options::default());
        let fault = json!({ "kind": "errcode", "value": errcode, "times": 1 });
        let repair = failing(&server, fault.clone());
        let openid = &repair.reporter.openid;
        a_round_of_the_jobs(&server);
        assert_eq!(tries(server.sim(), openid), 1, "{errcode}: not at once");
        // Half a minute after the first try, a whole one after the second.
        server.sim().fault("send", fault);
        server.sim().advance(31);
        await_tries(&server, openid, 2);
        a_round_of_the_jobs(&server);
        server.sim().advance(31);
        a_round_of_the_jobs(&server);
        assert_eq!(tries(server.sim(), openid), 2, "{errcode}: the pause grows");
        server.sim().advance(31);
        await_messages(server.sim(), openid, 1);
        assert_eq!((tries(server.sim(), openid), credits(&repair.reporter, "repair_progress")), (3, 1), "{errcode}");
    }
}

#[test]
fn a_message_that_nobody_takes_is_given_up_after_eight_tries() {
    let server = Server::start(Options::default());
    let repair = failing(&server, json!({ "kind": "errcode", "value": -1 }));
    let openid = &repair.reporter.openid;
    for done in 1..8 {
        // The try is over, with its next one in the book, before the clock moves on.
        eventually("the try is over", PATIENCE_S, || metric(&server, "retried").checked_sub(done));
        server.sim().advance((30 << (done - 1)) + 1);
        await_tries(&server, openid, done as usize + 1);
    }
    eventually("it is given up", PATIENCE_S, || metric(&server, "failed").checked_sub(1));
    server.sim().heal();
    server.sim().advance(86_400);
    a_round_of_the_jobs(&server);
    assert_eq!((tries(server.sim(), openid), reached(server.sim(), openid)), (8, vec![]));
}

/// How many notices have ended in this way.
fn metric(server: &Server, outcome: &str) -> u64 {
    let text = server.anon().plain("GET", "/metrics").send().expect(200).text();
    let labels = ["job=\"notices\"".to_owned(), format!("outcome=\"{outcome}\"")];
    let line = text.lines().find(|line| !line.starts_with('#') && labels.iter().all(|label| line.contains(label.as_str())));
    line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse().ok()).unwrap_or(0)
}

#[test]
fn a_message_whose_answer_was_lost_is_never_sent_again() {
    for fault in [
        json!({ "kind": "drop", "times": 1 }),
        json!({ "kind": "status", "value": 502, "times": 1 }),
        json!({ "kind": "garbage", "times": 1 }),
    ] {
        let server = Server::start(Options::default());
        let repair = failing(&server, fault.clone());
        let openid = &repair.reporter.openid;
        server.sim().advance(86_400);
        a_round_of_the_jobs(&server);
        assert_eq!(tries(server.sim(), openid), 1, "{fault}");
        // It may have arrived, so its credit is gone; the other one is good.
        assert_eq!(credits(&repair.reporter, "repair_progress"), 1, "{fault}");
        repair.ticket_in("accepted");
        assert_eq!(await_messages(server.sim(), openid, 1).len(), 1, "{fault}");
    }
}
