//! Ways beside the straight one: handing over, pausing, refusing, reopening, merging, taking back.

use jiazai_tests::{CategoryDraft, Client, Options, Repair, Server, Value, actions, eventually, json, shared, text};

use super::{event_types, ids, path, path_to};

#[test]
fn a_declined_ticket_is_back_with_the_dispatcher() {
    let repair = Repair::new(shared());
    let ticket = repair.ticket_in("assigned");
    repair.worker.post(&path_to(&ticket, "decline"), json!({})).send().expect(422);
    let back = repair.do_rightly(&ticket, "decline");
    assert_eq!((text(&back, "state"), &back["worker_id"]), ("submitted", &Value::Null));
    repair.do_rightly(&ticket, "assign");
}

#[test]
fn a_transferred_ticket_belongs_to_the_new_worker() {
    let repair = Repair::new(shared());
    for state in ["assigned", "accepted"] {
        let ticket = repair.ticket_in(state);
        let moved = repair.act(&repair.worker, &ticket, "transfer", repair.right_body("transfer"));
        assert_eq!((text(&moved, "state"), text(&moved, "worker_id")), ("assigned", shared().staff("worker2").id().as_str()));
        let refused = repair.worker.post(&path_to(&ticket, "accept"), json!({})).send();
        assert!(matches!(refused.status, 403 | 404), "{}", refused.describe());
        assert_eq!(repair.act(&shared().staff("worker2"), &ticket, "accept", json!({}))["state"], "accepted");
    }
}

#[test]
fn only_a_repair_worker_of_the_community_can_be_assigned() {
    let repair = Repair::new(shared());
    let ticket = repair.report();
    let elsewhere = shared().staff("admin").hire("repair_worker", shared().other_community()).id();
    for nobody in [shared().staff("manager").id(), repair.reporter.id(), elsewhere, "usr_01h455vb4pex5vsknk084sn02q".into()] {
        let problem = repair.dispatcher.post(&path_to(&ticket, "assign"), json!({ "worker_id": nobody })).send().expect(422).json;
        assert_eq!(problem["errors"][0]["pointer"], "/worker_id");
    }
}

#[test]
fn a_refused_quote_is_no_agreement() {
    let repair = Repair::new(shared());
    let ticket = repair.ticket_in("quoted");
    let refused = repair.do_rightly(&ticket, "refuse-quote");
    assert_eq!(refused["state"], "on_site");
    let again = repair.do_rightly(&ticket, "quote");
    assert_eq!(again["state"], "quoted");
    assert_eq!(again["quote"]["amount_fen"], 5000, "{again}");
}

#[test]
fn the_items_of_a_quote_add_up() {
    let repair = Repair::new(shared());
    let ticket = repair.ticket_in("on_site");
    for wrong in [
        json!({ "amount_fen": 5000, "items": [{ "name": "灯管", "amount_fen": 3000 }] }),
        json!({ "amount_fen": -1, "items": [] }),
        json!({ "amount_fen": 0, "items": [{ "name": "a", "amount_fen": -5 }, { "name": "b", "amount_fen": 5 }] }),
        json!({ "amount_fen": i64::MAX, "items": [{ "name": "a", "amount_fen": i64::MAX }, { "name": "b", "amount_fen": i64::MAX }] }),
        json!({ "amount_fen": 1.5, "items": [] }),
    ] {
        repair.worker.post(&path_to(&ticket, "quote"), wrong.clone()).send().expect(422);
    }
}

#[test]
fn a_pause_stops_the_clock() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    let ticket = repair.ticket_in("accepted");
    let due = |ticket: &Value| text(&ticket["sla"]["resolve"], "due_at").to_owned();
    let before = due(&repair.reporter.get(&path(&ticket)).expect(200));
    let paused = repair.do_rightly(&ticket, "pause");
    assert_eq!(paused["state"], "paused");
    // Far beyond every promise.
    server.sim().advance(10 * 86_400);
    assert_eq!(repair.reporter.get(&path(&ticket)).expect(200)["overdue"], false);
    let resumed = repair.do_rightly(&ticket, "resume");
    assert_eq!((text(&resumed, "state"), &resumed["overdue"]), ("accepted", &json!(false)));
    // RFC 3339 in UTC sorts as text.
    assert!(due(&resumed) > before, "{} after {before}", due(&resumed));
}

#[test]
fn every_state_that_can_be_paused_is_resumed_as_it_was() {
    let repair = Repair::new(shared());
    for state in ["accepted", "on_site", "approved"] {
        let ticket = repair.ticket_in(state);
        repair.do_rightly(&ticket, "pause");
        assert_eq!(repair.do_rightly(&ticket, "resume")["state"], state);
    }
}

#[test]
fn urging_is_for_the_reporter_and_every_half_hour() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    let ticket = repair.report();
    let urged = repair.do_rightly(&ticket, "urge");
    assert_eq!(urged["state"], "submitted");
    assert!(!actions(&urged).contains(&"urge"), "not again so soon");
    let refused = repair.reporter.post(&path_to(&ticket, "urge"), json!({})).send().expect(429);
    assert_eq!(refused.json["code"], "urged_recently");
    let wait: u64 = refused.must("retry-after").parse().unwrap();
    assert!((1700..=1800).contains(&wait), "{wait}");
    server.sim().advance(wait + 1);
    assert!(actions(&repair.reporter.get(&path(&ticket)).expect(200)).contains(&"urge"));
    repair.do_rightly(&ticket, "urge");
    assert_eq!(event_types(&repair.reporter, &ticket), ["repair_ticket.submitted", "repair_ticket.urged", "repair_ticket.urged"]);
}

#[test]
fn a_ticket_is_reopened_once() {
    let repair = Repair::new(shared());
    for state in ["resolved", "closed"] {
        let ticket = repair.ticket_in(state);
        let again = repair.do_rightly(&ticket, "reopen");
        assert_eq!(again["state"], "submitted");
        let ticket = ["assign", "accept", "arrive", "resolve"].iter().fold(again, |ticket, action| repair.do_rightly(&ticket, action));
        assert!(!actions(&repair.reporter.get(&path(&ticket)).expect(200)).contains(&"reopen"));
        repair.reporter.post(&path_to(&ticket, "reopen"), repair.right_body("reopen")).send().expect(409);
    }
}

#[test]
fn a_ticket_is_reopened_within_seven_days() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    let ticket = repair.ticket_in("closed");
    server.sim().advance(7 * 86_400 - 60);
    assert!(actions(&repair.reporter.get(&path(&ticket)).expect(200)).contains(&"reopen"));
    server.sim().advance(120);
    assert!(!actions(&repair.reporter.get(&path(&ticket)).expect(200)).contains(&"reopen"));
    repair.reporter.post(&path_to(&ticket, "reopen"), repair.right_body("reopen")).send().expect(409);
}

#[test]
fn silence_for_72_hours_confirms() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    let ticket = repair.ticket_in("resolved");
    server.sim().advance(72 * 3600 - 60);
    assert_eq!(repair.reporter.get(&path(&ticket)).expect(200)["state"], "resolved");
    server.sim().advance(120);
    eventually("the ticket closes by itself", 15, || (repair.reporter.get(&path(&ticket)).expect(200)["state"] == "closed").then_some(()));
    // It is rated like any other.
    repair.do_rightly(&ticket, "rate");
}

#[test]
fn a_rating_is_three_marks_from_one_to_five_and_given_once() {
    let repair = Repair::new(shared());
    let ticket = repair.ticket_in("closed");
    for field in ["overall", "speed", "service"] {
        for mark in [json!(0), json!(6), json!(-1), json!(2.5), json!("5"), json!(null)] {
            let mut rating = repair.right_body("rate");
            rating[field] = mark;
            let problem = repair.reporter.post(&path_to(&ticket, "rate"), rating).send().expect(422).json;
            assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"));
        }
    }
    let rated = repair.do_rightly(&ticket, "rate");
    assert_eq!(rated["rating"]["speed"], 4, "{rated}");
    repair.reporter.post(&path_to(&ticket, "rate"), repair.right_body("rate")).send().expect(409);
}

#[test]
fn a_reporter_cancels_before_somebody_has_accepted_and_a_dispatcher_later() {
    let repair = Repair::new(shared());
    for state in ["submitted", "assigned"] {
        assert_eq!(repair.do_rightly(&repair.ticket_in(state), "cancel")["state"], "cancelled");
    }
    for state in ["accepted", "on_site"] {
        let ticket = repair.ticket_in(state);
        repair.reporter.post(&path_to(&ticket, "cancel"), repair.right_body("cancel")).send().expect(409);
        assert_eq!(repair.act(&repair.dispatcher, &ticket, "cancel", repair.right_body("cancel"))["state"], "cancelled");
    }
    let ticket = repair.report();
    repair.reporter.post(&path_to(&ticket, "cancel"), json!({})).send().expect(422);
}

#[test]
fn a_duplicate_is_merged_into_the_first_report() {
    let repair = Repair::new(shared());
    let (first, second) = (repair.report(), repair.report());
    let merged = repair.act(&repair.dispatcher, &second, "merge", json!({ "into": first["id"] }));
    assert_eq!((text(&merged, "state"), &merged["duplicate_of"]), ("cancelled", &first["id"]));
    let third = repair.report();
    let refuse = |into: Value| repair.dispatcher.post(&path_to(&third, "merge"), json!({ "into": into })).send();
    for wrong in [third["id"].clone(), second["id"].clone(), json!("tkt_01h455vb4pex5vsknk084sn02q")] {
        let reply = refuse(wrong);
        assert!(matches!(reply.status, 409 | 422), "into itself, into a merged one, into nothing: {}", reply.describe());
    }
}

#[test]
fn who_reported_what_was_merged_goes_on_seeing_and_being_told() {
    let (one, two) = (Repair::new(shared()), Repair::new(shared()));
    let (first, second) = (one.report(), two.report());
    two.reporter.get(&path(&first)).refuse(404, "not_found");
    one.act(&one.dispatcher, &second, "merge", json!({ "into": first["id"] }));
    let seen = two.reporter.get(&path(&first)).expect(200);
    assert!(seen["contact"].is_null() && seen["allowed_actions"] == json!([]), "{seen}");
    let list = two.reporter.get("/repair-tickets").expect(200);
    assert!(ids(&list).contains(&text(&first, "id")), "{list}");
    // Whoever has taken others in is no duplicate any more.
    let third = one.report();
    one.dispatcher.post(&path_to(&first, "merge"), json!({ "into": third["id"] })).refuse(409, "state_conflict");
}

#[test]
fn a_promise_warns_before_it_is_broken_and_escalates_once_when_it_is() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    // Accept within an hour: a quarter of that ahead.
    let ticket = repair.report();
    let kinds = |ticket: &Value| -> Vec<String> {
        event_types(&repair.dispatcher, ticket).into_iter().filter(|kind| kind.contains("due")).collect()
    };
    server.sim().advance(44 * 60);
    assert_eq!(kinds(&ticket), [""; 0]);
    server.sim().advance(2 * 60);
    eventually("the warning", 15, || (kinds(&ticket) == ["repair_ticket.due_soon"]).then_some(()));
    server.sim().advance(15 * 60);
    eventually("the escalation", 15, || (kinds(&ticket) == ["repair_ticket.due_soon", "repair_ticket.overdue"]).then_some(()));
    // It says nothing new about the ticket: whoever has it open may go on.
    assert_eq!(repair.dispatcher.get(&path(&ticket)).expect(200)["version"], ticket["version"]);
    // The next promise has alarms of its own; one that was kept has none any more.
    let ticket = ["assign", "accept"].iter().fold(ticket, |ticket, action| repair.do_rightly(&ticket, action));
    server.sim().advance(24 * 3600);
    eventually("late on site as well", 15, || (kinds(&ticket).iter().filter(|kind| kind.ends_with("overdue")).count() == 2).then_some(()));
}

#[test]
fn lists_know_what_time_has_confirmed() {
    let server = Server::start(Options::default().env("JIAZAI_JOBS", "off"));
    let repair = Repair::new(&server);
    let ticket = repair.ticket_in("resolved");
    let listed = |state: &str| {
        let list = repair.dispatcher.get(&format!("/repair-tickets?community_id={}&state={state}", repair.community)).expect(200);
        ids(&list).contains(&text(&ticket, "id"))
    };
    assert!(listed("resolved") && !listed("closed"));
    server.sim().advance(72 * 3600 + 1);
    assert!(listed("closed") && !listed("resolved"));
}

#[test]
fn a_worker_lists_what_is_there_to_grab_and_no_more() {
    let repair = Repair::new(shared());
    let grab = repair.category(CategoryDraft::new("grab"));
    let (open, given) = (repair.report_in(&grab), repair.report());
    let listed = |ticket: &Value| ids(&repair.worker.get("/repair-tickets?limit=100").expect(200)).contains(&text(ticket, "id"));
    assert!(listed(&open) && !listed(&given));
    shared().staff("worker2").post(&path_to(&open, "grab"), json!({})).expect(200);
    assert!(!listed(&open), "it is another's now");
}
