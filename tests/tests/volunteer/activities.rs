//! Activities and their shifts: who makes them, and what they may say.

use jiazai_tests::{Client, Options, Server, Volunteering, actions, instant, items, json, shared, text};

use super::DAY;

#[test]
fn a_draft_is_for_leaders_and_a_published_activity_for_everybody() {
    let server = shared();
    let (leader, resident) = (server.staff("leader"), server.resident());
    let draft = leader.post("/volunteer-activities", Volunteering::draft(server)).expect(201);
    assert_eq!((text(&draft, "state"), actions(&draft)), ("draft", vec!["publish", "cancel"]));
    let path = format!("/volunteer-activities/{}", text(&draft, "id"));
    resident.get(&path).refuse(404, "not_found");
    server.staff("grid1").get(&path).refuse(404, "not_found");
    let elsewhere = server.staff("admin").hire("volunteer_leader", server.other_community());
    elsewhere.post(&format!("{path}/publish"), json!({})).refuse(404, "not_found");
    resident.post(&format!("{path}/publish"), json!({})).refuse(403, "forbidden");
    leader.post(&format!("{path}/publish"), json!({})).expect(200);
    let seen = resident.get(&path).expect(200);
    assert_eq!((text(&seen, "state"), actions(&seen)), ("published", vec![]));
    elsewhere.get(&path).refuse(404, "not_found");
    let refused = leader.post(&format!("{path}/publish"), json!({})).refuse(409, "state_conflict");
    assert_eq!((text(&refused, "state"), actions(&refused)), ("published", vec!["end", "cancel"]));
}

#[test]
fn what_was_promised_does_not_change_once_it_is_published() {
    let volunteering = Volunteering::new(shared());
    let leader = &volunteering.leader;
    let mut body = Volunteering::draft(shared());
    body.as_object_mut().unwrap().remove("community_id");
    leader.put(&volunteering.path(), body.clone()).refuse(428, "precondition_required");
    leader.put(&volunteering.path(), body.clone()).header("If-Match", "\"1\"").refuse(412, "precondition_failed");
    body["description"] = json!("改在北门集合");
    let changed = leader.put(&volunteering.path(), body.clone()).header("If-Match", "\"2\"").expect(200);
    assert_eq!((text(&changed, "description"), &changed["version"]), ("改在北门集合", &json!(3)));
    body["points_per_hour"] = json!(20);
    leader.put(&volunteering.path(), body).header("If-Match", "*").refuse(409, "state_conflict");
}

#[test]
fn all_faults_of_an_activity_and_a_shift_are_told_at_once() {
    let volunteering = Volunteering::new(shared());
    let mut bad = Volunteering::draft(shared());
    bad["points_per_hour"] = json!(-1);
    bad["max_hours"] = json!(25);
    bad["eligibility"] = json!({ "min_age": 200 });
    let problem = volunteering.leader.post("/volunteer-activities", bad).refuse(422, "validation_failed");
    let mut at: Vec<&str> = problem["errors"].as_array().unwrap().iter().map(|e| text(e, "pointer")).collect();
    at.sort_unstable();
    assert_eq!(at, ["/eligibility/min_age", "/max_hours", "/points_per_hour"]);
    let shifts = format!("{}/shifts", volunteering.path());
    for (field, value) in [
        ("ends_at", json!(instant(shared(), -60))),
        ("capacity", json!(0)),
        ("capacity", json!(-3)),
        ("waitlist_capacity", json!(100_001)),
        ("cancel_before_s", json!(8 * DAY)),
        ("starts_at", json!("tomorrow")),
    ] {
        let mut draft = volunteering.shift_draft(DAY, 5, 5);
        draft[field] = value;
        volunteering.leader.post(&shifts, draft).refuse(422, "validation_failed");
    }
}

#[test]
fn an_activity_ends_by_itself_a_week_after_its_last_shift() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    volunteering.shift(60, 1, 0);
    let refused = volunteering.leader.post(&format!("{}/end", volunteering.path()), json!({})).refuse(409, "state_conflict");
    assert_eq!(text(&refused, "state"), "published");
    server.sim().advance(60 + 7200 + 7 * 86_400 - 60);
    let list = format!("/volunteer-activities?community_id={}&state=ended", server.community());
    assert_eq!(text(&volunteering.leader.get(&volunteering.path()).expect(200), "state"), "published");
    server.sim().advance(120);
    assert_eq!(text(&volunteering.leader.get(&volunteering.path()).expect(200), "state"), "ended");
    assert!(items(&volunteering.leader.get(&list).expect(200)).iter().any(|a| a["id"] == volunteering.activity.as_str()));
    let draft = volunteering.shift_draft(DAY, 1, 0);
    volunteering.leader.post(&format!("{}/shifts", volunteering.path()), draft).refuse(409, "state_conflict");
}

#[test]
fn a_series_makes_all_its_shifts_or_none() {
    let volunteering = Volunteering::new(shared());
    let path = format!("{}/shift-series", volunteering.path());
    let (from, until) = (instant(shared(), DAY)[..10].to_owned(), instant(shared(), 14 * DAY)[..10].to_owned());
    let series = json!({ "from": from, "until": until, "weekdays": [6, 7], "starts": "09:00", "duration_s": 7200, "capacity": 3, "waitlist_capacity": 1 });
    let made = volunteering.leader.post(&path, series.clone()).expect(201);
    assert!((3..=4).contains(&items(&made).len()), "{made}");
    assert!(items(&made).iter().all(|shift| text(shift, "starts_at").contains("T01:00:00")), "nine o'clock in Shanghai: {made}");
    for (field, value) in [("starts", json!("25:00")), ("weekdays", json!([])), ("weekdays", json!([8])), ("until", json!("2020-01-01"))] {
        let mut bad = series.clone();
        bad[field] = value;
        volunteering.leader.post(&path, bad).refuse(422, "validation_failed");
    }
    let listed = volunteering.leader.get(&format!("{}/shifts?limit=100", volunteering.path())).expect(200);
    assert_eq!(items(&listed).len(), items(&made).len());
}

#[test]
fn a_page_of_shifts_leads_to_the_next() {
    let volunteering = Volunteering::new(shared());
    let all: Vec<String> = (1..=5).map(|day| volunteering.shift(day * DAY, 1, 0)).collect();
    let mut path = format!("{}/shifts?limit=2", volunteering.path());
    let mut found = Vec::new();
    loop {
        let page = shared().resident().get(&path).expect(200);
        found.extend(items(&page).iter().map(|shift| text(shift, "id").to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{}/shifts?limit=2&cursor={cursor}", volunteering.path());
    }
    assert_eq!(found, all, "soonest first");
    let other = Volunteering::new(shared());
    let foreign = path.replace(&volunteering.path(), &other.path());
    other.leader.get(&foreign).refuse(400, "cursor_invalid");
}
