//! Attendance: checking in and out, minutes, and who was not there.

use jiazai_tests::{Client, Options, Resident, Server, Value, Volunteering, actions, at_once, items, json, text};

use super::{DAY, HOUR, act};

#[test]
fn from_the_sign_up_to_the_credited_hours() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let (resident, other) = (server.resident(), server.resident());
    let shift = volunteering.shift(HOUR, 5, 0);
    let elsewhere = Volunteering::new(&server).shift(HOUR, 5, 0);
    let claim = volunteering.sign_up(&resident, &shift);
    let check = |action: &str, code: &str| resident.post(&format!("/sign-ups/{}/{action}", text(&claim, "id")), json!({ "code": code }));
    // Too early for a code, and for using one.
    volunteering.leader.post(&format!("/shifts/{shift}/check-in-code"), json!({})).refuse(409, "state_conflict");
    let early = check("check-in", "00000000").refuse(409, "state_conflict");
    assert_eq!((text(&early, "state"), actions(&early)), ("confirmed", vec![]), "an hour before, it is too late to cancel and to swap");
    server.sim().advance(31 * 60);
    resident.post(&format!("/shifts/{shift}/check-in-code"), json!({})).refuse(403, "forbidden");
    check("check-out", &volunteering.code(&shift)).refuse(409, "state_conflict");
    let old = volunteering.code(&shift);
    server.sim().advance(40);
    for wrong in [old.as_str(), &volunteering.code(&elsewhere), "AAAAAAAA", "?"] {
        check("check-in", wrong).refuse(422, "validation_failed");
    }
    other
        .post(&format!("/sign-ups/{}/check-in", text(&claim, "id")), json!({ "code": volunteering.code(&shift) }))
        .refuse(404, "not_found");
    let present = check("check-in", &volunteering.code(&shift).to_lowercase()).expect(200);
    assert_eq!((text(&present, "state"), actions(&present)), ("present", vec!["check-out"]));
    check("check-in", &volunteering.code(&shift)).refuse(409, "state_conflict");
    server.sim().advance(90 * 60);
    let done = check("check-out", &volunteering.code(&shift)).expect(200);
    // What was before the start does not count.
    let minutes = done["minutes"].as_i64().unwrap();
    assert!((60..=62).contains(&minutes), "{done}");
    check("check-out", &volunteering.code(&shift)).refuse(409, "state_conflict");
    resident.post(&format!("/sign-ups/{}/settle", text(&claim, "id")), json!({})).refuse(403, "forbidden");
    let credited = act(&volunteering.leader, &claim, "settle", json!({}));
    assert_eq!((text(&credited, "state"), &credited["points"]), ("credited", &json!(minutes * 10 / 60)));
    volunteering.leader.post(&format!("/sign-ups/{}/settle", text(&claim, "id")), json!({})).refuse(409, "state_conflict");
    assert_eq!(resident.get("/me/volunteer-hours").expect(200)["minutes"], minutes);
    assert_eq!(resident.get("/me/points").expect(200)["balance"], minutes * 10 / 60);
    let entry = items(&resident.get("/me/points/entries").expect(200))[0].clone();
    assert_eq!((text(&entry, "source"), &entry["amount"]), ("sign_up", &json!(minutes * 10 / 60)));
}

#[test]
fn one_code_serves_everybody_who_is_there() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(60, 12, 0);
    let claims: Vec<(Resident, Value)> = (0..12)
        .map(|_| {
            let who = server.resident();
            let claim = volunteering.sign_up(&who, &shift);
            (who, claim)
        })
        .collect();
    let code = volunteering.code(&shift);
    let replies = at_once(12, |n| {
        let (who, claim) = &claims[n];
        who.post(&format!("/sign-ups/{}/check-in", text(claim, "id")), json!({ "code": code })).send()
    });
    // A code may change in the middle; whoever was too late by that takes the next.
    let late = replies.iter().filter(|reply| reply.status != 200).count();
    assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 422)), "{:?}", replies[0].describe());
    assert!(late < 12);
}

#[test]
fn what_the_code_does_not_show_the_leader_finds_with_a_reason() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(60, 5, 0);
    let resident = server.resident();
    let claim = volunteering.sign_up(&resident, &shift);
    let settle = |body: Value| volunteering.leader.post(&format!("/sign-ups/{}/settle", text(&claim, "id")), body);
    settle(json!({ "minutes": 60, "reason": "忘记签到" })).refuse(409, "state_conflict");
    server.sim().advance(60 + 7200);
    settle(json!({})).refuse(422, "validation_failed");
    settle(json!({ "minutes": 60 })).refuse(422, "validation_failed");
    settle(json!({ "minutes": 5 * 60, "reason": "忘记签到" })).refuse(422, "validation_failed");
    settle(json!({ "minutes": -1, "reason": "忘记签到" })).refuse(422, "validation_failed");
    let credited = settle(json!({ "minutes": 90, "reason": "忘记签到" })).expect(200);
    assert_eq!((&credited["minutes"], &credited["points"]), (&json!(90), &json!(15)));
}

#[test]
fn two_absences_block_and_cost_and_a_wrong_one_is_made_good() {
    let server = Server::start(Options::default());
    let rules = format!("/communities/{}/volunteer-rules", server.community());
    let manager = server.staff("manager");
    assert_eq!(manager.get(&rules).expect(200)["version"], 0);
    let strict = json!({ "strikes": 2, "within_days": 90, "block_days": 14, "costs_points": 8 });
    manager.put(&rules, strict.clone()).refuse(428, "precondition_required");
    server.staff("leader").put(&rules, strict.clone()).header("If-Match", "*").refuse(403, "forbidden");
    manager.put(&rules, strict).header("If-Match", "\"0\"").expect(200);
    let volunteering = Volunteering::new(&server);
    let resident = server.resident();
    manager.post("/points/grants", json!({ "resident_id": resident.id(), "points": 10, "reason": "好人好事" })).expect(201);
    let mut claims = Vec::new();
    for _ in 0..2 {
        let shift = volunteering.shift(60, 5, 0);
        let claim = volunteering.sign_up(&resident, &shift);
        volunteering.leader.post(&format!("/sign-ups/{}/mark-absent", text(&claim, "id")), json!({})).refuse(409, "state_conflict");
        server.sim().advance(61);
        assert_eq!(text(&act(&volunteering.leader, &claim, "mark-absent", json!({})), "state"), "absent");
        claims.push(claim);
        server.sim().advance(3 * HOUR as u64);
    }
    // Eight, then the two that were left: no debts.
    assert_eq!(resident.get("/me/points").expect(200)["balance"], 0);
    let shift = volunteering.shift(DAY, 5, 0);
    let refused = resident.post(&format!("/shifts/{shift}/sign-ups"), json!({})).send().expect(409);
    assert_eq!(refused.json["code"], "blocked_after_no_shows");
    act(&volunteering.leader, &claims[0], "settle", json!({ "minutes": 60, "reason": "签到设备故障" }));
    assert_eq!(resident.get("/me/points").expect(200)["balance"], 8 + 10);
    volunteering.sign_up(&resident, &shift);
    assert_eq!(server.staff("auditor").get("/points/ledger/verify").expect(200)["balanced"], true);
}
