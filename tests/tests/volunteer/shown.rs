//! What volunteers and leaders are shown and told: QR pictures, pages, rosters, notices; and check-in at a place.

use jiazai_tests::{Client, Options, Resident, Server, Value, Volunteering, eventually, faults, instant, items, json, pairs, shared, text};

use super::{DAY, HOUR, told};

// ---- check-in ------------------------------------------------------------------------------------------------------

#[test]
fn the_check_in_picture_is_for_leaders_and_says_until_when() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(HOUR, 1, 0);
    let path = format!("/shifts/{shift}/check-in-code.svg");
    let early = volunteering.leader.get(&path).refuse(409, "state_conflict");
    assert_eq!(text(&early, "state"), "scheduled");
    server.sim().advance(31 * 60);
    server.resident().get(&path).refuse(403, "forbidden");
    let elsewhere = server.staff("admin").hire("volunteer_leader", server.other_community());
    elsewhere.get(&path).refuse(404, "not_found");
    let reply = volunteering.leader.get(&path).send().expect(200);
    assert_eq!(reply.content_type(), "image/svg+xml");
    assert!(reply.text().starts_with("<svg") && reply.must("cache-control") == "no-store", "{}", reply.describe());
    let (_, second) = reply.must("expires").rsplit_once(':').expect("an HTTP date");
    assert!(["00 GMT", "30 GMT"].contains(&second), "{}", reply.must("expires"));
}

#[test]
fn where_an_activity_has_a_spot_check_in_happens_there_and_changes_nothing_elsewhere() {
    let server = Server::start(Options::default());
    let spot = json!({ "lat": 24.909, "lng": 118.587, "radius_m": 200 });
    let volunteering = Volunteering::with(&server, json!({ "spot": spot }));
    assert_eq!(volunteering.leader.get(&volunteering.path()).expect(200)["spot"], spot);
    let resident = server.resident();
    let shift = volunteering.shift(60, 1, 0);
    let own = format!("/sign-ups/{}", text(&volunteering.sign_up(&resident, &shift), "id"));
    let come = |location: Value| {
        let mut body = json!({ "code": volunteering.code(&shift) });
        if !location.is_null() {
            body["location"] = location;
        }
        resident.post(&format!("{own}/check-in"), body)
    };
    for (location, code) in [
        (Value::Null, ("/location", "location_required")),
        (json!({ "lat": 24.95, "lng": 118.587 }), ("/location", "too_far")),
        (json!({ "lat": 91.0, "lng": 118.587 }), ("/location/lat", "out_of_range")),
    ] {
        let problem = come(location).refuse(422, "validation_failed");
        assert_eq!(faults(&problem), pairs([code]));
    }
    come(json!({ "lat": "here", "lng": 1 })).refuse(422, "validation_failed");
    assert_eq!(text(&resident.get(&own).expect(200), "state"), "confirmed");
    assert_eq!(text(&come(json!({ "lat": 24.9092, "lng": 118.5871 })).expect(200), "state"), "present");
    let mut bad = Volunteering::draft(&server);
    bad["spot"] = json!({ "lat": -91, "lng": 181, "radius_m": 100 });
    let problem = volunteering.leader.post("/volunteer-activities", bad).refuse(422, "validation_failed");
    assert_eq!(faults(&problem), pairs([("/spot/lat", "out_of_range"), ("/spot/lng", "out_of_range")]));
}

#[test]
fn who_comes_after_the_start_is_late_and_has_fewer_minutes() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(60, 2, 0);
    let (early, late) = (server.resident(), server.resident());
    let [one, two] = [&early, &late].map(|who| format!("/sign-ups/{}", text(&volunteering.sign_up(who, &shift), "id")));
    let check =
        |who: &Resident, own: &str, way: &str| who.post(&format!("{own}/{way}"), json!({ "code": volunteering.code(&shift) })).expect(200);
    assert_eq!(check(&early, &one, "check-in")["late"], false);
    server.sim().advance(60 + 30 * 60);
    assert_eq!(check(&late, &two, "check-in")["late"], true);
    server.sim().advance(7200);
    let minutes = [check(&early, &one, "check-out")["minutes"].clone(), check(&late, &two, "check-out")["minutes"].clone()];
    assert_eq!(minutes[0], 120);
    assert!((89..=90).contains(&minutes[1].as_i64().unwrap_or_default()), "{minutes:?}");
}

// ---- micro-tasks ---------------------------------------------------------------------------------------------------

#[test]
fn a_weekly_micro_task_is_claimed_by_one_and_done_at_any_time_of_its_week() {
    let server = Server::start(Options::default());
    let task = Volunteering::with(&server, json!({ "title": "给独居老人读报", "flexible": true }));
    let monday = instant(&server, 8 * HOUR);
    let weeks = json!({
        "from": &monday[..10], "until": &instant(&server, 27 * DAY)[..10], "weekdays": [1], "starts": "00:00", "duration_s": 7 * DAY,
        "capacity": 1, "waitlist_capacity": 2,
    });
    let made = task.leader.post(&format!("{}/shift-series", task.path()), weeks).expect(201);
    let first = text(&items(&made)[0], "id").to_owned();
    assert!((3..=4).contains(&items(&made).len()), "{made}");
    let (one, two) = (server.resident(), server.resident());
    let list = one.get(&format!("/volunteer-activities?community_id={}&flexible=true", server.community())).expect(200);
    assert_eq!(items(&list).iter().map(|a| text(a, "id")).collect::<Vec<_>>(), [task.activity.as_str()]);
    let claim = task.sign_up(&one, &first);
    assert_eq!(text(&task.sign_up(&two, &first), "state"), "waitlisted");
    // Nothing of one's week is taken by it.
    let other = Volunteering::new(&server);
    let begins = text(&items(&made)[0], "starts_at")[..19].to_owned();
    let day = (0..8).find(|day| instant(&server, day * DAY)[..19] >= *begins).expect("a Monday within a week");
    other.sign_up(&one, &other.shift((day + 1) * DAY, 5, 0));
    server.sim().advance((day * DAY + HOUR) as u64);
    let own = format!("/sign-ups/{}", text(&claim, "id"));
    one.post(&format!("{own}/check-in"), json!({ "code": task.code(&first) })).expect(200);
    server.sim().advance(45 * 60);
    let done = one.post(&format!("{own}/check-out"), json!({ "code": task.code(&first) })).expect(200);
    assert_eq!((&done["late"], &done["minutes"]), (&json!(false), &json!(45)));
}

// ---- rosters and certificates --------------------------------------------------------------------------------------

#[test]
fn a_roster_leaves_as_a_table_or_as_lines_and_it_is_remembered_who_took_it() {
    let volunteering = Volunteering::new(shared());
    let shift = volunteering.shift(DAY, 1, 5);
    let people: Vec<Resident> = (0..3).map(|_| shared().resident()).collect();
    people[0].put("/me", json!({ "nickname": "@SUM(1)" })).expect(200);
    people.iter().for_each(|who| drop(volunteering.sign_up(who, &shift)));
    let reply = volunteering.leader.get(&format!("/shifts/{shift}/sign-ups.ndjson")).send().expect(200);
    assert_eq!(reply.content_type(), "application/x-ndjson");
    let lines: Vec<Value> = reply.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().map(|line| line["position"].as_str()).collect::<Vec<_>>(), [Some("2"), Some("1"), None]);
    assert_eq!((text(&lines[2], "name"), text(&lines[2], "state")), ("@SUM(1)", "已报名"));
    let waiting = volunteering.leader.get(&format!("/shifts/{shift}/sign-ups.csv?state=waitlisted")).send().expect(200);
    assert_eq!(waiting.text().lines().count(), 3);
    let history = volunteering.leader.get(&format!("/shifts/{shift}/events")).expect(200);
    let taken: Vec<&Value> = items(&history).iter().filter(|e| e["type"] == "volunteer_shift.roster_exported").collect();
    assert_eq!(taken.len(), 2);
    assert_eq!(text(taken[0], "actor_id"), volunteering.leader.id());
    for format in ["csv", "ndjson"] {
        let path = format!("/shifts/{shift}/sign-ups.{format}");
        people[0].get(&path).refuse(403, "forbidden");
        shared().staff("admin").hire("volunteer_leader", shared().other_community()).get(&path).refuse(404, "not_found");
    }
    people[0].get(&format!("/shifts/{shift}/events")).refuse(403, "forbidden");
}

#[test]
fn a_certificate_is_a_page_for_browsers() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let resident = server.resident();
    resident.put("/me", json!({ "nickname": "<王>小四" })).expect(200);
    volunteering.serve(&resident);
    let code = text(&resident.post("/me/certificates", json!({})).expect(201), "code").to_owned();
    let look = || server.anon().get(&format!("/certificates/{code}")).header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8").send();
    let page = look().expect(200);
    assert_eq!((page.content_type(), page.must("vary")), ("text/html", "Accept"));
    assert!(page.must("content-security-policy").starts_with("default-src 'none'"), "{}", page.describe());
    let html = page.text();
    assert!(html.contains("2 小时") && html.contains(&code) && html.contains("<svg") && html.contains("真实有效"), "{html}");
    assert!(!html.contains("<王>") && !html.contains("小四") && !html.contains("usr_") && !html.contains("<script"), "{html}");
    volunteering.leader.post(&format!("/certificates/{code}/revoke"), json!({ "reason": "登记有误" })).expect(200);
    let html = look().expect(200).text();
    assert!(html.contains("作废") && !html.contains("真实有效") && !html.contains("登记有误"), "{html}");
    let problem = server.anon().get("/certificates/AAAA-AAAA-AAAA-AAAA").header("Accept", "text/html").send().expect(404);
    assert_eq!(problem.content_type(), "application/problem+json");
}

// ---- notices -------------------------------------------------------------------------------------------------------

const TEMPLATES: [&str; 5] = ["volunteer_confirmed", "volunteer_changed", "volunteer_reminder", "volunteer_credited", "volunteer_swap"];

/// Taps "allow" once for each kind, in the client and at the platform.
fn allow(server: &Server, who: &Resident) {
    let consents = who.post("/me/notice-consents", json!({ "accepted": TEMPLATES })).expect(200);
    for consent in items(&consents).iter().filter(|consent| TEMPLATES.contains(&text(consent, "template"))) {
        server.sim().allow(&who.openid, text(consent, "template_id"));
    }
}

#[test]
fn a_volunteer_is_reminded_once_a_day_before_and_pays_with_one_consent() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let (one, late, other) = (server.resident(), server.resident(), server.resident());
    for who in [&one, &late] {
        allow(&server, who);
    }
    let (shift, soon) = (volunteering.shift(2 * DAY, 5, 0), volunteering.shift(2 * DAY + 3 * HOUR, 5, 0));
    let claim = volunteering.sign_up(&one, &shift);
    volunteering.sign_up(&other, &soon);
    assert_eq!(told(&server, &one, "服务提醒"), 0);
    server.sim().advance(DAY as u64 + 60);
    eventually("the reminder is told", 30, || (told(&server, &one, "服务提醒") == 1).then_some(()));
    // Who signs up within the last day has just been told, and is not reminded.
    volunteering.sign_up(&late, &shift);
    eventually("the place is told", 30, || (told(&server, &late, "报名成功") == 1).then_some(()));
    // Moved by two days, it reminds again; there is no consent left to pay with.
    let times = json!({ "starts_at": instant(&server, 2 * DAY), "ends_at": instant(&server, 2 * DAY + HOUR) });
    volunteering.leader.post(&format!("/shifts/{shift}/reschedule"), times).expect(200);
    eventually("the change is told", 30, || (told(&server, &one, "班次改期") == 1 && told(&server, &late, "班次改期") == 1).then_some(()));
    server.sim().advance(DAY as u64 + 60);
    let reminded = |id: &str| {
        let history = volunteering.leader.get(&format!("/sign-ups/{id}/events")).expect(200);
        items(&history).iter().filter(|event| event["type"] == "volunteer_sign_up.reminded").count()
    };
    eventually("the new time is reminded of", 30, || (reminded(text(&claim, "id")) == 2).then_some(()));
    assert_eq!(told(&server, &one, "服务提醒"), 1);
    let credits = one.get("/me/notice-consents").expect(200);
    assert!(items(&credits).iter().any(|c| c["template"] == "volunteer_reminder" && c["credits"] == 0), "{credits}");
}

#[test]
fn everybody_is_told_when_the_organiser_cancels() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(2 * DAY, 1, 1);
    let people: Vec<Resident> = (0..2).map(|_| server.resident()).collect();
    for who in &people {
        allow(&server, who);
        volunteering.sign_up(who, &shift);
    }
    volunteering.leader.post(&format!("{}/cancel", volunteering.path()), json!({ "reason": "台风" })).expect(200);
    for who in &people {
        eventually("the cancellation is told", 30, || (told(&server, who, "班次取消") == 1).then_some(()));
    }
}

#[test]
fn a_swap_and_a_credit_are_told() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let (monday, friday) = (volunteering.shift(DAY, 1, 0), volunteering.shift(3 * DAY, 1, 0));
    let (anna, bert) = (server.resident(), server.resident());
    let (a, b) = (volunteering.sign_up(&anna, &monday), volunteering.sign_up(&bert, &friday));
    for who in [&anna, &bert] {
        allow(&server, who);
    }
    let swap = anna.post(&format!("/sign-ups/{}/swap", text(&a, "id")), json!({ "with": b["id"] })).expect(201);
    eventually("the wish is told", 30, || (told(&server, &bert, "换班邀请") == 1).then_some(()));
    bert.post(&format!("/swaps/{}/agree", text(&swap, "id")), json!({})).expect(200);
    eventually("the answer is told", 30, || (told(&server, &anna, "换班成功") == 1).then_some(()));
    server.sim().advance(DAY as u64 + 3 * HOUR as u64);
    // Bert has Monday now.
    let settle = json!({ "minutes": 60, "reason": "签到设备故障" });
    volunteering.leader.post(&format!("/sign-ups/{}/settle", text(&b, "id")), settle).expect(200);
    eventually("the hours are told", 30, || (told(&server, &bert, "时长入账") == 1).then_some(()));
}

#[test]
fn where_an_activity_has_a_spot_check_out_happens_there_too() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::with(&server, json!({ "spot": { "lat": 24.909, "lng": 118.587, "radius_m": 200 } }));
    let resident = server.resident();
    let shift = volunteering.shift(60, 1, 0);
    let own = format!("/sign-ups/{}", text(&volunteering.sign_up(&resident, &shift), "id"));
    let go = |way: &str, location: Value| {
        let mut body = json!({ "code": volunteering.code(&shift) });
        if !location.is_null() {
            body["location"] = location;
        }
        resident.post(&format!("{own}/{way}"), body)
    };
    let there = json!({ "lat": 24.909, "lng": 118.587 });
    go("check-in", there.clone()).expect(200);
    server.sim().advance(HOUR as u64);
    for (location, code) in [(Value::Null, "location_required"), (json!({ "lat": 24.95, "lng": 118.587 }), "too_far")] {
        let problem = go("check-out", location).refuse(422, "validation_failed");
        assert_eq!((faults(&problem), text(&problem, "state")), (pairs([("/location", code)]), "present"));
    }
    assert_eq!(text(&go("check-out", there).expect(200), "state"), "done");
}

#[test]
fn who_takes_an_offer_has_it_in_writing_and_who_is_moved_elsewhere_is_told() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(2 * DAY, 1, 1);
    let (one, two) = (server.resident(), server.resident());
    allow(&server, &two);
    let first = volunteering.sign_up(&one, &shift);
    let waiting = volunteering.sign_up(&two, &shift);
    one.post(&format!("/sign-ups/{}/cancel", text(&first, "id")), json!({})).expect(200);
    two.post(&format!("/sign-ups/{}/accept-offer", text(&waiting, "id")), json!({})).expect(200);
    eventually("the place is told", 30, || (told(&server, &two, "报名成功") == 1).then_some(()));
    let mut body = Volunteering::draft(&server);
    body.as_object_mut().expect("a draft").remove("community_id");
    body["place"] = json!("北门集合");
    volunteering.leader.put(&volunteering.path(), body).header("If-Match", "*").expect(200);
    eventually("the new place is told", 30, || (told(&server, &two, "活动变更") == 1).then_some(()));
}

#[test]
fn who_is_there_when_the_organiser_cancels_is_told_and_credited() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(60, 2, 0);
    let resident = server.resident();
    allow(&server, &resident);
    let own = format!("/sign-ups/{}", text(&volunteering.sign_up(&resident, &shift), "id"));
    resident.post(&format!("{own}/check-in"), json!({ "code": volunteering.code(&shift) })).expect(200);
    server.sim().advance(60 + 45 * 60);
    volunteering.leader.post(&format!("/shifts/{shift}/cancel"), json!({ "reason": "雷雨" })).expect(200);
    let home = resident.get(&own).expect(200);
    assert_eq!((text(&home, "state"), &home["minutes"]), ("done", &json!(45)));
    eventually("the cancellation is told", 30, || (told(&server, &resident, "班次取消") == 1).then_some(()));
    assert_eq!(volunteering.leader.post(&format!("{own}/settle"), json!({})).expect(200)["minutes"], 45);
}

#[test]
fn what_a_delegate_does_is_told_to_whose_place_it_is() {
    let server = Server::start(Options::default());
    let activity = Volunteering::new(&server);
    let shift = activity.shift(2 * DAY, 1, 2);
    let (elder, child) = (server.resident(), server.resident());
    allow(&server, &elder);
    let body = json!({
        "community_id": server.community(), "delegate_id": child.id(), "scopes": ["volunteer"], "expires_at": instant(&server, DAY),
    });
    let given = elder.post("/delegations", body).expect(201);
    let claim = child.post(&format!("/shifts/{shift}/sign-ups"), json!({ "delegation_id": given["id"] })).expect(201);
    eventually("the place is told", 30, || (told(&server, &elder, "报名成功") == 1).then_some(()));
    child.post(&format!("/sign-ups/{}/cancel", text(&claim, "id")), json!({})).expect(200);
    eventually("the cancellation is told", 30, || (told(&server, &elder, "报名取消") == 1).then_some(()));
}

#[test]
fn a_micro_task_is_missed_cancelled_and_waited_for_by_its_end() {
    let server = Server::start(Options::default());
    let task = Volunteering::with(&server, json!({ "title": "给独居老人读报", "flexible": true }));
    let mut draft = task.shift_draft(HOUR, 1, 2);
    draft["ends_at"] = json!(instant(&server, 4 * DAY));
    let shift = text(&task.leader.post(&format!("{}/shifts", task.path()), draft).expect(201), "id").to_owned();
    let people: Vec<Resident> = (0..3).map(|_| server.resident()).collect();
    let claims: Vec<Value> = people.iter().map(|who| task.sign_up(who, &shift)).collect();
    let path = |n: usize| format!("/sign-ups/{}", text(&claims[n], "id"));
    server.sim().advance(DAY as u64);
    assert_eq!(text(&people[1].get(&path(1)).expect(200), "state"), "waitlisted", "it has begun and the line goes on");
    task.leader.post(&format!("{}/mark-absent", path(0)), json!({})).refuse(409, "state_conflict");
    people[0].post(&format!("{}/cancel", path(0)), json!({})).expect(200);
    people[1].post(&format!("{}/accept-offer", path(1)), json!({})).expect(200);
    server.sim().advance(4 * DAY as u64);
    assert_eq!(text(&people[2].get(&path(2)).expect(200), "state"), "expired");
    assert_eq!(text(&task.leader.post(&format!("{}/mark-absent", path(1)), json!({})).expect(200), "state"), "absent");
}

#[test]
fn a_key_that_reads_does_not_take_the_roster_along() {
    let volunteering = Volunteering::new(shared());
    let shift = volunteering.shift(DAY, 1, 0);
    let key = |scopes: Value| {
        let body = json!({ "name": jiazai_tests::unique("屏"), "scopes": scopes, "community_id": shared().community() });
        let made = shared().staff("manager").post("/api-keys", body).expect(201);
        shared().bearer(format!("Bearer {}", text(&made, "key")))
    };
    let (reads, exports) = (key(json!(["volunteer:read"])), key(json!(["volunteer:read", "volunteer:export"])));
    for format in ["csv", "ndjson", "xlsx"] {
        let path = format!("/shifts/{shift}/sign-ups.{format}");
        let refused = reads.get(&path).refuse(403, "forbidden");
        assert!(text(&refused, "detail").contains("volunteer:export"), "{refused}");
        exports.get(&path).send().expect(200);
    }
}
