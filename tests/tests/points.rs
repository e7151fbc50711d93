//! Points 积分: books that balance, whatever is granted, expires, is reversed, or is tried twice at once.

use jiazai_tests::{Client, Options, Resident, Server, Value, Volunteering, at_once, instant, items, json, shared, text, unique};

const DAY: i64 = 86_400;

fn grant(server: &Server, to: &Resident, points: i64) -> Value {
    server.staff("manager").post("/points/grants", json!({ "resident_id": to.id(), "points": points, "reason": "好人好事" })).expect(201)
}

fn balance(of: &Resident) -> i64 {
    of.get("/me/points").expect(200)["balance"].as_i64().expect("a balance")
}

fn balanced(server: &Server) -> Value {
    let verdict = server.staff("auditor").get("/points/ledger/verify").expect(200);
    assert_eq!((&verdict["balanced"], &verdict["sum"]), (&json!(true), &json!(0)), "{verdict}");
    verdict
}

#[test]
fn who_has_nothing_has_zero() {
    let resident = shared().resident();
    assert_eq!(balance(&resident), 0);
    assert!(items(&resident.get("/me/points/entries").expect(200)).is_empty());
    shared().staff("manager").get("/me/points").refuse(403, "forbidden");
}

#[test]
fn a_grant_is_two_entries_and_the_books_balance() {
    let server = Server::start(Options::default());
    let resident = server.resident();
    let before = balanced(&server)["entries"].as_i64().unwrap();
    let entry = grant(&server, &resident, 50);
    assert_eq!((&entry["amount"], text(&entry, "source")), (&json!(50), "grant"));
    assert_eq!(balance(&resident), 50);
    assert_eq!(balanced(&server)["entries"], before + 2);
    let shown = resident.get(&format!("/points/entries/{}", text(&entry, "id"))).expect(200);
    assert_eq!(shown["balance_after"], 50);
    assert_eq!(shown, items(&resident.get("/me/points/entries").expect(200))[0]);
    server.resident().get(&format!("/points/entries/{}", text(&entry, "id"))).refuse(404, "not_found");
}

#[test]
fn bad_grants_are_refused_and_leave_nothing() {
    let resident = shared().resident();
    let manager = shared().staff("manager");
    let good = json!({ "resident_id": resident.id(), "points": 5, "reason": "好人好事" });
    for (field, value) in [
        ("points", json!(0)),
        ("points", json!(-5)),
        ("points", json!(1_000_001)),
        ("points", json!(i64::MAX)),
        ("points", json!(1.5)),
        ("reason", json!(" ")),
        ("resident_id", json!("usr_01h455vb4pex5vsknk084sn02q")),
        ("resident_id", json!(manager.id())),
        ("resident_id", json!("tkt_01h455vb4pex5vsknk084sn02q")),
        ("expires_at", json!(instant(shared(), -60))),
        ("community_id", json!("com_01h455vb4pex5vsknk084sn02q")),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let problem = manager.post("/points/grants", bad).refuse(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"));
    }
    let mut foreign = good.clone();
    foreign["community_id"] = json!(shared().other_community());
    manager.post("/points/grants", foreign).refuse(403, "forbidden");
    shared().staff("leader").post("/points/grants", good.clone()).refuse(403, "forbidden");
    resident.post("/points/grants", good).refuse(403, "forbidden");
    assert_eq!(balance(&resident), 0);
}

#[test]
fn a_reference_posts_once_even_at_once() {
    let resident = shared().resident();
    let manager = shared().staff("manager");
    let body = json!({ "resident_id": resident.id(), "points": 7, "reason": "比赛奖励", "reference": unique("ref-") });
    let replies = at_once(12, |_| manager.post("/points/grants", body.clone()).send());
    assert_eq!(replies.iter().filter(|r| r.status == 201).count(), 1);
    assert!(
        replies.iter().all(|r| r.status == 201 || r.json["code"] == "duplicate"),
        "{:?}",
        replies.iter().map(|r| r.describe()).collect::<Vec<_>>()
    );
    assert_eq!(balance(&resident), 7);
    balanced(shared());
}

#[test]
fn a_reversal_takes_back_once() {
    let resident = shared().resident();
    let manager = shared().staff("manager");
    let entry = grant(shared(), &resident, 30);
    let body = json!({ "entry_id": text(&entry, "id"), "reason": "重复发放" });
    let elsewhere = shared().staff("admin").hire("community_admin", shared().other_community());
    elsewhere.post("/points/reversals", body.clone()).refuse(422, "validation_failed");
    manager
        .post("/points/reversals", json!({ "entry_id": "ent_01h455vb4pex5vsknk084sn02q", "reason": "?" }))
        .refuse(422, "validation_failed");
    let replies = at_once(8, |_| manager.post("/points/reversals", body.clone()).send());
    assert_eq!(replies.iter().filter(|r| r.status == 201).count(), 1, "{:?}", replies.iter().map(|r| r.describe()).collect::<Vec<_>>());
    let again = manager.post("/points/reversals", body).refuse(409, "already_reversed");
    assert_eq!((text(&again, "state"), again["allowed_actions"].as_array().map(Vec::len)), ("reversed", Some(0)));
    assert_eq!(balance(&resident), 0);
    let lines = resident.get("/me/points/entries").expect(200);
    let amounts: Vec<i64> = items(&lines).iter().filter_map(|line| line["amount"].as_i64()).collect();
    assert_eq!(amounts, [-30, 30], "nothing is deleted");
    let reversal = json!({ "entry_id": text(&items(&lines)[0], "id"), "reason": "再来" });
    manager.post("/points/reversals", reversal).refuse(409, "not_reversible");
    balanced(shared());
}

#[test]
fn what_was_spent_is_owed_or_forgiven() {
    let server = Server::start(Options::default());
    let manager = server.staff("manager");
    let strict = json!({ "strikes": 0, "within_days": 90, "block_days": 0, "costs_points": 20 });
    manager.put(&format!("/communities/{}/volunteer-rules", server.community()), strict).header("If-Match", "*").expect(200);
    let volunteering = Volunteering::new(&server);
    let resident = server.resident();
    let entry = grant(&server, &resident, 30);
    let shift = volunteering.shift(60, 1, 0);
    let claim = volunteering.sign_up(&resident, &shift);
    server.sim().advance(61);
    volunteering.leader.post(&format!("/sign-ups/{}/mark-absent", text(&claim, "id")), json!({})).expect(200);
    assert_eq!(balance(&resident), 10);
    let body = json!({ "entry_id": text(&entry, "id"), "reason": "误发" });
    manager.post("/points/reversals", body.clone()).refuse(409, "already_spent");
    assert_eq!(balance(&resident), 10);
    let mut forgiving = body;
    forgiving["shortfall"] = json!("forgive");
    assert_eq!(manager.post("/points/reversals", forgiving).expect(201)["amount"], -10);
    assert_eq!(balance(&resident), 0);
    balanced(&server);
}

#[test]
fn points_expire_when_somebody_looks_and_no_job_is_needed() {
    let server = Server::start(Options::default());
    let resident = server.resident();
    let manager = server.staff("manager");
    let soon = json!({ "resident_id": resident.id(), "points": 20, "reason": "限时", "expires_at": instant(&server, DAY) });
    let entry = manager.post("/points/grants", soon).expect(201);
    grant(&server, &resident, 5);
    assert_eq!(balance(&resident), 25);
    server.sim().advance(DAY as u64 + 1);
    assert_eq!(balance(&resident), 5);
    let lines = resident.get("/me/points/entries").expect(200);
    assert_eq!((text(&items(&lines)[0], "source"), &items(&lines)[0]["amount"]), ("expiry", &json!(-20)));
    assert_eq!(items(&lines).len(), 3, "once, however often somebody looks");
    manager.post("/points/reversals", json!({ "entry_id": text(&entry, "id"), "reason": "误发" })).refuse(409, "not_reversible");
    balanced(&server);
}

#[test]
fn hours_stay_when_points_go() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let resident = server.resident();
    volunteering.serve(&resident);
    assert_eq!(balance(&resident), 20);
    let entry = items(&resident.get("/me/points/entries").expect(200))[0].clone();
    let body = json!({ "entry_id": text(&entry, "id"), "reason": "单价登记有误" });
    server.staff("manager").post("/points/reversals", body).expect(201);
    assert_eq!(balance(&resident), 0);
    assert_eq!(resident.get("/me/volunteer-hours").expect(200)["minutes"], 120);
}

#[test]
fn a_cap_cuts_points_and_not_minutes() {
    let server = Server::start(Options::default());
    let capped = json!({ "strikes": 2, "within_days": 90, "block_days": 14, "costs_points": 0, "points_per_month": 25 });
    let rules = format!("/communities/{}/volunteer-rules", server.community());
    server.staff("manager").put(&rules, capped).header("If-Match", "*").expect(200);
    let volunteering = Volunteering::with(&server, json!({ "points_per_hour": 20 }));
    let resident = server.resident();
    assert_eq!(volunteering.serve(&resident)["points"], 25);
    assert_eq!(resident.get("/me/volunteer-hours").expect(200)["minutes"], 120);
}

#[test]
fn a_cap_counts_what_was_earned_in_its_own_community() {
    let server = Server::start(Options::default());
    let admin = server.staff("admin");
    let elsewhere = server.other_community().to_owned();
    let capped = json!({ "strikes": 2, "within_days": 90, "block_days": 14, "costs_points": 0, "points_per_month": 25 });
    let rules = format!("/communities/{}/volunteer-rules", server.community());
    server.staff("manager").put(&rules, capped).header("If-Match", "*").expect(200);
    let leader = admin.hire("volunteer_leader", &elsewhere);
    let there = Volunteering::led_by(&server, leader, &elsewhere, json!({ "points_per_hour": 20 }));
    let here = Volunteering::new(&server);
    let resident = server.resident();
    assert_eq!(there.serve(&resident)["points"], 40, "another community has no cap");
    assert_eq!(here.serve(&resident)["points"], 20, "and what it gave counts towards nobody else's");
    assert_eq!(here.serve(&resident)["points"], 5);
    assert_eq!(balance(&resident), 65);
}

#[test]
fn grants_at_once_all_count() {
    let resident = shared().resident();
    let manager = shared().staff("manager");
    manager.get("/me").expect(200);
    let id = resident.id();
    let replies =
        at_once(32, |n| manager.post("/points/grants", json!({ "resident_id": id, "points": n + 1, "reason": "同时发放" })).send().status);
    assert!(replies.iter().all(|status| *status == 201), "{replies:?}");
    assert_eq!(balance(&resident), (1..=32).sum::<i64>());
    // Each entry knows what the account held after it: no two of them the same.
    let lines = resident.get("/me/points/entries?limit=100").expect(200);
    let mut after: Vec<i64> = items(&lines).iter().filter_map(|line| line["balance_after"].as_i64()).collect();
    after.sort_unstable();
    after.dedup();
    assert_eq!(after.len(), 32);
    balanced(shared());
}

#[test]
fn a_statement_adds_up() {
    let resident = shared().resident();
    for points in [10, 20] {
        grant(shared(), &resident, points);
    }
    let month = &instant(shared(), 8 * 3600)[..7];
    let statement = resident.get(&format!("/me/points/statement?month={month}")).expect(200);
    assert_eq!((&statement["opening"], &statement["gained"], &statement["closing"]), (&json!(0), &json!(30), &json!(30)));
    assert_eq!(statement["lines"].as_array().unwrap().len(), 2);
    let later = resident.get("/me/points/statement?month=2199-01").expect(200);
    assert_eq!((&later["opening"], &later["closing"]), (&json!(30), &json!(30)));
    for bad in ["", "2026", "2026-13", "26-01", "2026-1"] {
        resident.get(&format!("/me/points/statement?month={bad}")).refuse(400, "query_invalid");
    }
}

#[test]
fn an_administrator_sees_the_entries_of_their_community() {
    let resident = shared().resident();
    let entry = grant(shared(), &resident, 9);
    let path = format!("/points/entries?resident_id={}", resident.id());
    assert_eq!(items(&shared().staff("manager").get(&path).expect(200))[0], entry);
    let elsewhere = shared().staff("admin").hire("community_admin", shared().other_community());
    assert!(items(&elsewhere.get(&path).expect(200)).is_empty());
    shared().staff("manager").get("/points/entries").refuse(400, "query_invalid");
    shared().staff("manager").get("/points/ledger/verify").refuse(403, "forbidden");
}

#[test]
fn what_somebody_has_in_all_communities_is_for_them_alone() {
    let resident = shared().resident();
    let elsewhere = shared().staff("admin").hire("community_admin", shared().other_community());
    let there = elsewhere.post("/points/grants", json!({ "resident_id": resident.id(), "points": 40, "reason": "好人好事" })).expect(201);
    let here = grant(shared(), &resident, 2);
    let manager = shared().staff("manager");
    let listed = manager.get(&format!("/points/entries?resident_id={}", resident.id())).expect(200);
    let one = manager.get(&format!("/points/entries/{}", text(&here, "id"))).expect(200);
    let reversal = manager.post("/points/reversals", json!({ "entry_id": here["id"], "reason": "误发" })).expect(201);
    for shown in [&there, &here, &items(&listed)[0], &one, &reversal] {
        assert_eq!(shown["balance_after"], Value::Null, "{shown}");
    }
    let own: Vec<i64> =
        items(&resident.get("/me/points/entries").expect(200)).iter().filter_map(|line| line["balance_after"].as_i64()).collect();
    assert_eq!(own, [40, 42, 40]);
}

#[test]
fn a_page_of_entries_leads_to_the_next() {
    let resident = shared().resident();
    (1..=5).for_each(|points| drop(grant(shared(), &resident, points)));
    let (mut path, mut found) = ("/me/points/entries?limit=2".to_owned(), Vec::new());
    loop {
        let page = resident.get(&path).expect(200);
        found.extend(items(&page).iter().filter_map(|line| line["amount"].as_i64()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/me/points/entries?limit=2&cursor={cursor}");
    }
    assert_eq!(found, [5, 4, 3, 2, 1]);
}
