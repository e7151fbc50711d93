//! Repair tickets 报修: from the report to the rating, and everything that may not happen on the way.

use std::collections::BTreeSet;

use jiazai_tests::{CategoryDraft, Client, Options, Repair, Server, Value, at_once, eventually, json, shared};

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn actions(ticket: &Value) -> Vec<&str> {
    ticket["allowed_actions"]
        .as_array()
        .unwrap_or_else(|| panic!("no allowed_actions in {ticket}"))
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

fn path(ticket: &Value) -> String {
    format!("/repair-tickets/{}", text(ticket, "id"))
}

fn path_to(ticket: &Value, action: &str) -> String {
    format!("{}/{action}", path(ticket))
}

fn ids(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}")).iter().map(|ticket| text(ticket, "id")).collect()
}

fn event_types(who: &impl Client, ticket: &Value) -> Vec<String> {
    let events = who.get(&format!("{}/events?limit=100", path(ticket))).expect(200);
    events["items"].as_array().unwrap().iter().map(|event| text(event, "type").to_owned()).collect()
}

// ---- the way of a ticket ------------------------------------------------------------------------------------------

#[test]
fn from_the_report_to_the_rating() {
    let repair = Repair::new(shared());
    let ticket = repair.report();
    assert_eq!(ticket["state"], "submitted");
    let ticket = repair.do_rightly(&ticket, "assign");
    assert_eq!((text(&ticket, "state"), text(&ticket, "worker_id")), ("assigned", repair.worker_id.as_str()));
    for (action, state) in [
        ("accept", "accepted"),
        ("arrive", "on_site"),
        ("quote", "quoted"),
        ("approve-quote", "approved"),
        ("resolve", "resolved"),
        ("confirm", "closed"),
        ("rate", "closed"),
    ] {
        let before = repair.reporter.get(&path(&ticket)).expect(200);
        let after = repair.do_rightly(&ticket, action);
        assert_eq!(after["state"], state, "after {action}");
        assert!(after["version"].as_i64() > before["version"].as_i64(), "{action} makes a new version");
    }
    let end = repair.reporter.get(&path(&ticket)).expect(200);
    assert!(!actions(&end).contains(&"rate"), "rated once");
    for promise in ["accept", "arrive", "resolve"] {
        assert_eq!(end["sla"][promise]["met"], true, "{promise}: {end}");
    }
    assert_eq!(end["overdue"], false);
}

#[test]
fn history_tells_everything_oldest_first() {
    let repair = Repair::new(shared());
    let ticket = repair.ticket_in("closed");
    let types = event_types(&repair.reporter, &ticket);
    assert_eq!(types.len(), 6, "{types:?}");
    assert_eq!(types[0], "repair_ticket.submitted");
    assert!(types.iter().all(|name| name.starts_with("repair_ticket.")), "{types:?}");
    let events = repair.dispatcher.get(&format!("{}/events", path(&ticket))).expect(200);
    let times: Vec<&str> = events["items"].as_array().unwrap().iter().map(|event| text(event, "occurred_at")).collect();
    assert!(times.is_sorted(), "{times:?}");
}

/// The heart of the suite: in every state, for everyone around the ticket, what the ticket says may be done can be done,
/// leads where the served machine says, and nothing else can be done or leaves a trace.
#[test]
fn what_is_allowed_works_and_what_is_not_leaves_no_trace() {
    let server = shared();
    let repair = Repair::new(server);
    let machine = machine(server);
    let all: BTreeSet<&str> = machine["transitions"].as_array().unwrap().iter().map(|edge| text(edge, "action")).collect();
    let leads_to = |action: &str, from: &str| -> Vec<&str> {
        let edges = machine["transitions"].as_array().unwrap().iter();
        edges.filter(|edge| edge["action"] == action && edge["from"] == from).map(|edge| text(edge, "to")).collect()
    };
    let mut done = BTreeSet::new();
    for state in machine["states"].as_array().unwrap().iter().filter_map(Value::as_str) {
        let people: [(&str, &dyn Client); 4] = [
            ("reporter", &repair.reporter),
            ("dispatcher", &repair.dispatcher),
            ("worker", &repair.worker),
            ("other worker", &server.staff("worker2")),
        ];
        let ticket = repair.ticket_in(state);
        for (who, person) in people {
            let seen = person.get(&path(&ticket)).send();
            let allowed: Vec<String> =
                if seen.status == 404 { vec![] } else { actions(&seen.expect(200).json).into_iter().map(str::to_owned).collect() };
            for action in &all {
                let body = repair.right_body(action);
                if allowed.iter().any(|a| a == action) {
                    let fresh = repair.ticket_in(state);
                    let after = person.post(&path_to(&fresh, action), body).expect(200);
                    assert!(
                        leads_to(action, state).contains(&text(&after, "state")),
                        "{who}: {action} led from {state} to {}",
                        after["state"]
                    );
                    done.insert((action.to_string(), state.to_owned()));
                } else {
                    let reply = person.post(&path_to(&ticket, action), body).send();
                    assert!(matches!(reply.status, 403 | 404 | 409), "{who} may not {action} in {state}, but {}", reply.describe());
                    if reply.status == 409 && reply.json["code"] == "state_conflict" {
                        assert_eq!(reply.json["state"], state);
                        assert!(reply.json["allowed_actions"].is_array(), "{}", reply.describe());
                    }
                }
            }
        }
        let after = repair.reporter.get(&path(&ticket)).expect(200);
        assert_eq!((&after["version"], &after["state"]), (&ticket["version"], &json!(state)), "refused actions leave no trace");
    }
    // Every edge of the machine was walked, but for those that need another category, another past, or time.
    for edge in machine["transitions"].as_array().unwrap() {
        let (action, from) = (text(edge, "action"), text(edge, "from"));
        let elsewhere = action == "grab"
            || (action == "resume")
            || edge["roles"].as_array().unwrap().iter().all(|r| r == "clock" || r == "system" || r == "time");
        assert!(
            elsewhere || done.contains(&(action.to_owned(), from.to_owned())),
            "{action} from {from} is in the machine, but nobody may do it"
        );
    }
}

fn machine(server: &Server) -> Value {
    let machines = server.anon().get("/meta/state-machines").expect(200);
    machines["items"].as_array().unwrap().iter().find(|m| m["name"] == "repair_ticket").expect("the repair machine").clone()
}

#[test]
fn the_machine_is_served_as_data_and_as_a_diagram() {
    let machine = machine(shared());
    for state in ["submitted", "assigned", "accepted", "on_site", "quoted", "approved", "resolved", "closed", "paused", "cancelled"] {
        assert!(machine["states"].as_array().unwrap().contains(&json!(state)), "no {state}");
    }
    let diagram = shared().anon().get("/meta/state-machines").header("Accept", "text/vnd.mermaid").send().expect(200);
    assert_eq!(diagram.content_type(), "text/vnd.mermaid");
    assert!(diagram.text().contains("stateDiagram-v2") && diagram.text().contains("submitted --> assigned"));
}

// ---- ways beside the straight one ---------------------------------------------------------------------------------

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

// ---- dispatch -----------------------------------------------------------------------------------------------------

#[test]
fn fifty_parallel_grabs_have_one_winner() {
    let repair = Repair::new(shared());
    let category = repair.category(CategoryDraft::new("grab"));
    let ticket = repair.report_in(&category);
    let (one, two) = (shared().staff("worker1"), shared().staff("worker2"));
    one.id();
    two.id();
    let replies = at_once(50, |n| if n % 2 == 0 { &one } else { &two }.post(&path_to(&ticket, "grab"), json!({})).send());
    let winners = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(winners, 1);
    assert!(
        replies.iter().all(|reply| matches!(reply.status, 200 | 403 | 404 | 409)),
        "{:?}",
        replies.iter().map(|r| r.status).collect::<Vec<_>>()
    );
    let after = repair.reporter.get(&path(&ticket)).expect(200);
    assert_eq!((text(&after, "state"), after["version"].as_i64().unwrap()), ("accepted", ticket["version"].as_i64().unwrap() + 1));
}

#[test]
fn tickets_are_grabbed_only_where_the_category_says_so() {
    let repair = Repair::new(shared());
    let ticket = repair.report();
    // It is not theirs to see, let alone to take.
    repair.worker.get(&path(&ticket)).refuse(404, "not_found");
    let reply = repair.worker.post(&path_to(&ticket, "grab"), json!({})).send();
    assert!(matches!(reply.status, 403 | 404 | 409), "{}", reply.describe());
}

#[test]
fn rotation_spreads_tickets_over_the_workers() {
    let repair = Repair::new(shared());
    let category = repair.category(CategoryDraft::new("rotate"));
    let mut workers = BTreeSet::new();
    for _ in 0..40 {
        let ticket = repair.report_in(&category);
        assert_eq!(ticket["state"], "assigned", "{ticket}");
        let seen = repair.dispatcher.get(&path(&ticket)).expect(200);
        workers.insert(text(&seen, "worker_id").to_owned());
    }
    assert!(workers.contains(&repair.worker_id) && workers.contains(&shared().staff("worker2").id()), "{workers:?}");
}

#[test]
fn two_dispatchers_at_once_do_not_overwrite_each_other() {
    let repair = Repair::new(shared());
    let ticket = repair.report();
    let version = format!("\"{}\"", ticket["version"]);
    let other = shared().staff("worker2").id();
    let workers = [&repair.worker_id, &other];
    let replies = at_once(10, |n| {
        repair.dispatcher.post(&path_to(&ticket, "assign"), json!({ "worker_id": workers[n % 2] })).header("If-Match", &version).send()
    });
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 409 | 412)));
}

#[test]
fn a_category_may_ask_for_photos() {
    let repair = Repair::new(shared());
    let category = repair.category(CategoryDraft::new("assign").with("photos_required", json!(true)));
    let ticket = repair.report_in(&category);
    let ticket = ["assign", "accept", "arrive"].iter().fold(ticket, |ticket, action| repair.do_rightly(&ticket, action));
    let problem = repair.worker.post(&path_to(&ticket, "resolve"), repair.right_body("resolve")).send().expect(422).json;
    assert_eq!(problem["errors"][0]["pointer"], "/photos");
}

#[test]
fn a_category_has_to_make_sense() {
    let repair = Repair::new(shared());
    let manager = shared().staff("manager");
    let path = |code: &str| format!("/repair-categories/{code}?community_id={}", repair.community);
    for (field, wrong) in [
        ("dispatch", json!("lottery")),
        ("accept_within_s", json!(0)),
        ("resolve_within_s", json!(-5)),
        ("calendar", json!("no-such-calendar")),
        ("name", json!("")),
    ] {
        let problem =
            manager.put(&path(&jiazai_tests::unique("c")), CategoryDraft::new("assign").with(field, wrong).0).send().expect(422).json;
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"));
    }
    shared().staff("worker1").put(&path("mine"), CategoryDraft::new("grab").0).send().expect(403);
    repair.reporter.put(&path("mine"), CategoryDraft::new("grab").0).send().expect(403);
}

// ---- promised times -----------------------------------------------------------------------------------------------

#[test]
fn overdue_is_a_matter_of_the_clock_and_not_of_a_job() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    let category = repair.category(CategoryDraft::new("assign").with("accept_within_s", json!(60)).with("arrive_within_s", json!(600)));
    let ticket = repair.report_in(&category);
    assert_eq!((&ticket["overdue"], &ticket["sla"]["accept"]["met"]), (&json!(false), &Value::Null));
    server.sim().advance(59);
    let list = |flag: &str| {
        repair.dispatcher.get(&format!("/repair-tickets?community_id={}&category={category}&overdue={flag}", repair.community)).expect(200)
    };
    assert!(ids(&list("true")).is_empty());
    server.sim().advance(2);
    // At the very next look, by whoever looks.
    let late = repair.reporter.get(&path(&ticket)).expect(200);
    assert_eq!((&late["overdue"], &late["sla"]["accept"]["met"]), (&json!(true), &json!(false)));
    assert_eq!(ids(&list("true")), [text(&ticket, "id")]);
    let ticket = ["assign", "accept"].iter().fold(ticket, |ticket, action| repair.do_rightly(&ticket, action));
    assert_eq!(ticket["sla"]["accept"]["met"], false, "late stays late");
    assert_eq!(ticket["overdue"], false, "the next promise is not yet due");
}

// ---- sight --------------------------------------------------------------------------------------------------------

#[test]
fn a_ticket_is_absent_for_those_whom_it_does_not_concern() {
    let repair = Repair::new(shared());
    let ticket = repair.report();
    let stranger = shared().resident();
    stranger.get(&path(&ticket)).send().expect(404);
    stranger.get(&format!("{}/events", path(&ticket))).send().expect(404);
    assert!(ids(&stranger.get("/repair-tickets").expect(200)).is_empty());
    let foreign = shared().staff("admin").hire("dispatcher", shared().other_community());
    foreign.get(&path(&ticket)).send().expect(404);
    foreign.post(&path_to(&ticket, "assign"), repair.right_body("assign")).send().expect(404);
    assert!(ids(&foreign.get("/repair-tickets").expect(200)).is_empty());
    // Absent looks the same whether it is hidden or never was.
    let hidden = stranger.get(&path(&ticket)).send();
    let never = stranger.get("/repair-tickets/tkt_01h455vb4pex5vsknk084sn02q").send();
    assert_eq!((&hidden.json["code"], &hidden.json["detail"]), (&never.json["code"], &never.json["detail"]));
}

#[test]
fn nobody_reports_into_a_community_that_is_not_there() {
    let repair = Repair::new(shared());
    let mut draft = repair.draft();
    draft["community_id"] = json!("com_01h455vb4pex5vsknk084sn02q");
    let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
    assert_eq!(problem["errors"][0]["pointer"], "/community_id");
    let mut draft = repair.draft();
    draft["category"] = json!("no-such-category");
    let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
    assert_eq!(problem["errors"][0]["pointer"], "/category");
}

#[test]
fn a_report_of_a_public_thing_needs_neither_home_nor_place() {
    let repair = Repair::new(shared());
    let mut draft = repair.draft();
    draft.as_object_mut().unwrap().remove("place");
    let ticket = repair.reporter.post("/repair-tickets", draft).expect(201);
    assert!(ticket["home_id"].is_null() && ticket["place"].is_null());
}

#[test]
fn a_home_is_spoken_for_by_those_who_are_bound_to_it() {
    let repair = Repair::new(shared());
    let mut draft = repair.draft();
    draft["home_id"] = json!("hom_01h455vb4pex5vsknk084sn02q");
    let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
    assert_eq!(problem["errors"][0]["pointer"], "/home_id");
}

#[test]
fn photos_are_ones_own_uploads() {
    let repair = Repair::new(shared());
    let mut draft = repair.draft();
    draft["photos"] = json!(["fil_01h455vb4pex5vsknk084sn02q"]);
    let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
    assert_eq!(problem["errors"][0]["pointer"], "/photos/0");
}

#[test]
fn lists_are_filtered() {
    let repair = Repair::new(shared());
    let category = repair.category(CategoryDraft::new("assign"));
    let (first, second) = (repair.report_in(&category), repair.report_in(&category));
    repair.do_rightly(&second, "assign");
    let base = format!("/repair-tickets?community_id={}&category={category}", repair.community);
    let (first, second) = (text(&first, "id"), text(&second, "id"));
    let find = |filter: &str| repair.dispatcher.get(&format!("{base}{filter}")).expect(200);
    assert_eq!(ids(&find("")), [second, first]);
    assert_eq!(ids(&find("&state=submitted")), [first]);
    assert_eq!(ids(&find("&state=assigned")), [second]);
    assert!(ids(&find("&state=closed")).is_empty());
    let mine = repair.worker.get(&format!("{base}&assignee=me")).expect(200);
    assert_eq!(ids(&mine), [second]);
    assert!(ids(&shared().staff("worker2").get(&format!("{base}&assignee=me")).expect(200)).is_empty());
}

#[test]
fn residents_see_no_other_residents_data() {
    let repair = Repair::new(shared());
    repair.reporter.log_in();
    repair.reporter.bind_phone("13900001234");
    let ticket = repair.ticket_in("accepted");
    // The worker may have to call; whatever is shown, the number is never there in full.
    for who in [&repair.reporter as &dyn Client, &repair.worker, &repair.dispatcher] {
        let body = who.get(&path(&ticket)).send().expect(200).text();
        assert!(!body.contains("13900001234") && !body.contains(&repair.reporter.openid), "{body}");
    }
}

#[test]
fn texts_have_limits() {
    let repair = Repair::new(shared());
    for (field, wrong) in
        [("title", "x".repeat(10_000)), ("description", "长".repeat(100_000 / 3)), ("title", "   ".into()), ("title", "a\u{0}b".into())]
    {
        let mut draft = repair.draft();
        draft[field] = json!(wrong);
        let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"));
    }
}
