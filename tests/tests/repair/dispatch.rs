//! Who gets a ticket, and by when it is done.

use std::collections::BTreeSet;

use jiazai_tests::{CategoryDraft, Client, Options, Repair, Server, Value, at_once, json, shared, text};

use super::{ids, path, path_to};

// ---- dispatch ------------------------------------------------------------------------------------------------------

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

// ---- promised times ------------------------------------------------------------------------------------------------

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
