//! The way of a ticket, from the report to the rating.

use std::collections::BTreeSet;

use jiazai_tests::{Client, Repair, Server, Value, actions, json, shared, text};

use super::{event_types, path, path_to};

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
