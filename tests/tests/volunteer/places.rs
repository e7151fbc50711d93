//! Places: one for each, never one too many, however many ask at once.

use jiazai_tests::{Client, Options, Resident, Server, Value, Volunteering, at_once, instant, items, json, shared, text};

use super::{DAY, HOUR, act, count};

// ---- places --------------------------------------------------------------------------------------------------------

#[test]
fn a_place_then_a_number_in_the_line_then_nothing() {
    let volunteering = Volunteering::new(shared());
    let shift = volunteering.shift(DAY, 1, 1);
    let people: Vec<Resident> = (0..3).map(|_| shared().resident()).collect();
    let first = volunteering.sign_up(&people[0], &shift);
    assert_eq!((text(&first, "state"), first.get("position")), ("confirmed", None));
    let second = volunteering.sign_up(&people[1], &shift);
    assert_eq!((text(&second, "state"), &second["position"]), ("waitlisted", &json!(1)));
    let refused = people[2].post(&format!("/shifts/{shift}/sign-ups"), json!({})).refuse(409, "shift_full");
    assert_eq!(text(&refused, "state"), "scheduled");
    people[0].post(&format!("/shifts/{shift}/sign-ups"), json!({})).refuse(409, "already_signed_up");
    people[1].post(&format!("/shifts/{shift}/sign-ups"), json!({})).refuse(409, "already_signed_up");
    let seen = people[1].get(&format!("/shifts/{shift}")).expect(200);
    assert_eq!((&seen["taken"], &seen["waitlisted"]), (&json!(1), &json!(1)));
    assert_eq!((text(&seen["my_sign_up"], "state"), &seen["my_sign_up"]["position"]), ("waitlisted", &json!(1)));
    assert_eq!(people[2].get(&format!("/shifts/{shift}")).expect(200)["my_sign_up"], Value::Null);
    let listed = people[0].get(&format!("{}/shifts", volunteering.path())).expect(200);
    assert_eq!(text(&items(&listed)[0]["my_sign_up"], "state"), "confirmed");
}

#[test]
fn only_residents_sign_up_and_only_for_what_is_open() {
    let volunteering = Volunteering::new(shared());
    let resident = shared().resident();
    let sign_up = |shift: &str| resident.post(&format!("/shifts/{shift}/sign-ups"), json!({}));
    let shift = volunteering.shift(DAY, 1, 1);
    volunteering.leader.post(&format!("/shifts/{shift}/sign-ups"), json!({})).refuse(403, "forbidden");
    sign_up("shf_01h455vb4pex5vsknk084sn02q").refuse(404, "not_found");
    let mut later = volunteering.shift_draft(2 * DAY, 1, 0);
    later["sign_up_opens_at"] = json!(instant(shared(), DAY));
    let later = volunteering.leader.post(&format!("{}/shifts", volunteering.path()), later).expect(201);
    sign_up(text(&later, "id")).refuse(409, "not_open");
    let cancelled = volunteering.shift(3 * DAY, 1, 0);
    volunteering.leader.post(&format!("/shifts/{cancelled}/cancel"), json!({ "reason": "台风" })).expect(200);
    sign_up(&cancelled).refuse(409, "not_open");
    let draft = volunteering.leader.post("/volunteer-activities", Volunteering::draft(shared())).expect(201);
    let hidden = volunteering.shift_draft(DAY, 1, 0);
    let hidden = volunteering.leader.post(&format!("/volunteer-activities/{}/shifts", text(&draft, "id")), hidden).expect(201);
    sign_up(text(&hidden, "id")).refuse(404, "not_found");
    assert_eq!(volunteering.look(&shift)["taken"], 0);
}

#[test]
fn nobody_is_in_two_places_at_once_unless_one_of_them_waits_for_no_hour() {
    let volunteering = Volunteering::new(shared());
    let other = Volunteering::new(shared());
    let flexible = Volunteering::with(shared(), json!({ "flexible": true }));
    let resident = shared().resident();
    let (one, clash, next) = (volunteering.shift(DAY, 5, 0), other.shift(DAY + HOUR, 5, 0), other.shift(DAY + 2 * HOUR + 5, 5, 0));
    let first = volunteering.sign_up(&resident, &one);
    resident.post(&format!("/shifts/{clash}/sign-ups"), json!({})).refuse(409, "time_conflict");
    volunteering.sign_up(&resident, &next);
    volunteering.sign_up(&resident, &flexible.shift(DAY, 5, 0));
    act(&resident, &first, "cancel", json!({}));
    resident.post(&format!("/shifts/{clash}/sign-ups"), json!({})).refuse(409, "time_conflict");
    assert_eq!(volunteering.look(&one)["taken"], 0);
}

#[test]
fn two_clashing_shifts_asked_for_at_once_give_one_place() {
    let volunteering = Volunteering::new(shared());
    let other = Volunteering::new(shared());
    let (one, two) = (volunteering.shift(DAY, 50, 0), other.shift(DAY + HOUR, 50, 0));
    for _ in 0..5 {
        let resident = shared().resident();
        resident.get("/me").expect(200);
        let replies =
            at_once(8, |n| resident.post(&format!("/shifts/{}/sign-ups", if n % 2 == 0 { &one } else { &two }), json!({})).send());
        let won = replies.iter().filter(|reply| reply.status == 201).count();
        assert_eq!(won, 1, "{:?}", replies.iter().map(|r| r.describe()).collect::<Vec<_>>());
        let refused = replies.iter().filter(|r| r.status != 201).map(|r| text(&r.json, "code"));
        assert!(refused.into_iter().all(|code| matches!(code, "time_conflict" | "already_signed_up")));
    }
}

#[test]
fn what_is_asked_for_and_not_known_keeps_people_out() {
    let adults = Volunteering::with(shared(), json!({ "eligibility": { "min_age": 18 } }));
    let shift = adults.shift(DAY, 5, 0);
    let refused = shared().resident().post(&format!("/shifts/{shift}/sign-ups"), json!({})).refuse(403, "not_eligible");
    assert_eq!(text(&refused, "detail"), "尚未登记出生日期");
    let everybody = Volunteering::with(shared(), json!({ "eligibility": {} }));
    everybody.sign_up(&shared().resident(), &everybody.shift(DAY, 5, 0));
}

#[test]
fn a_post_is_named_where_there_are_several() {
    let volunteering = Volunteering::new(shared());
    let mut draft = volunteering.shift_draft(DAY, 3, 1);
    draft["posts"] =
        json!([{ "name": "引导员", "capacity": 1, "waitlist_capacity": 0 }, { "name": "搬运", "capacity": 2, "waitlist_capacity": 1 }]);
    let shift = volunteering.leader.post(&format!("{}/shifts", volunteering.path()), draft.clone()).expect(201);
    let path = format!("/shifts/{}/sign-ups", text(&shift, "id"));
    let (one, two) = (shared().resident(), shared().resident());
    one.post(&path, json!({})).refuse(422, "validation_failed");
    one.post(&path, json!({ "post": "厨师" })).refuse(422, "validation_failed");
    assert_eq!(text(&one.post(&path, json!({ "post": "引导员" })).expect(201), "post"), "引导员");
    two.post(&path, json!({ "post": "引导员" })).refuse(409, "shift_full");
    two.post(&path, json!({ "post": "搬运" })).expect(201);
    // One shift, one claim, whatever the post.
    one.post(&path, json!({ "post": "搬运" })).refuse(409, "already_signed_up");
    draft["capacity"] = json!(7);
    volunteering.leader.post(&format!("{}/shifts", volunteering.path()), draft).refuse(422, "validation_failed");
}

// ---- the rush ------------------------------------------------------------------------------------------------------

#[test]
fn three_hundred_at_once_for_twenty_places_and_ten_numbers() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(DAY, 20, 10);
    let people: Vec<Resident> = (0..300).map(|_| server.resident()).collect();
    people.iter().for_each(|who| drop(who.id()));
    let replies: Vec<_> = at_once(32, |n| {
        let own = people.iter().skip(n).step_by(32);
        own.map(|who| who.post(&format!("/shifts/{shift}/sign-ups"), json!({})).send()).collect::<Vec<_>>()
    })
    .into_iter()
    .flatten()
    .collect();
    let of = |state: &str| replies.iter().filter(|r| r.status == 201 && r.json["state"] == state).count();
    let refused: Vec<_> = replies.iter().filter(|r| r.status != 201).collect();
    assert!(refused.iter().all(|r| r.status == 409 && r.json["code"] == "shift_full"), "{:?}", refused.first().map(|r| r.describe()));
    assert_eq!((of("confirmed"), of("waitlisted"), refused.len()), (20, 10, 270));
    let mut positions: Vec<i64> =
        replies.iter().filter(|r| r.json["state"] == "waitlisted").filter_map(|r| r.json["position"].as_i64()).collect();
    positions.sort_unstable();
    assert!(positions.iter().all(|p| (1..=10).contains(p)), "{positions:?}");
    let by_state = count(&volunteering, &shift);
    assert_eq!((by_state["confirmed"], by_state["waitlisted"]), (20, 10));

    // And then a storm: everybody with a place gives it up at once, while others still try to get in.
    let claims: Vec<(&Resident, Value)> =
        people.iter().filter_map(|who| items(&who.get("/me/sign-ups").expect(200)).first().map(|claim| (who, claim.clone()))).collect();
    assert_eq!(claims.len(), 30);
    let storm = at_once(32, |n| match claims.get(n) {
        Some((who, claim)) if claim["state"] == "confirmed" => {
            who.post(&format!("/sign-ups/{}/cancel", text(claim, "id")), json!({})).send().status
        }
        _ => people[299 - n].post(&format!("/shifts/{shift}/sign-ups"), json!({})).send().status,
    });
    assert!(storm.iter().all(|status| matches!(status, 200 | 201 | 409)), "{storm:?}");
    let by_state = count(&volunteering, &shift);
    let seen = volunteering.look(&shift);
    let held = seen["taken"].as_i64().unwrap() + seen["offered"].as_i64().unwrap();
    assert!(held <= 20, "{seen}");
    assert!(seen["waitlisted"] == 0 || held == 20, "nobody waits while there is a place: {seen}");
    assert_eq!(by_state["cancelled"], 20, "{by_state:?}");
    // All offers lapse; whoever looks passes the places on until nobody waits, and the counters agree all the way.
    for _ in 0..3 {
        server.sim().advance(2 * HOUR as u64 + 1);
        count(&volunteering, &shift);
    }
}

#[test]
fn two_devices_of_one_person_get_one_place() {
    let volunteering = Volunteering::new(shared());
    let shift = volunteering.shift(DAY, 10, 10);
    let resident = shared().resident();
    resident.get("/me").expect(200);
    let replies = at_once(10, |_| resident.post(&format!("/shifts/{shift}/sign-ups"), json!({})).send());
    assert_eq!(replies.iter().filter(|r| r.status == 201).count(), 1);
    assert!(
        replies.iter().all(|r| r.status == 201 || r.json["code"] == "already_signed_up"),
        "{:?}",
        replies.iter().map(|r| r.describe()).collect::<Vec<_>>()
    );
    assert_eq!(volunteering.look(&shift)["taken"], 1);
}

#[test]
fn a_repeat_with_a_key_is_answered_with_the_first_answer() {
    let volunteering = Volunteering::new(shared());
    let shift = volunteering.shift(DAY, 1, 0);
    let resident = shared().resident();
    let send = || resident.post(&format!("/shifts/{shift}/sign-ups"), json!({})).header("Idempotency-Key", "once").send().expect(201);
    let (first, again) = (send(), send());
    assert_eq!((first.json, again.header("idempotency-replayed")), (again.json.clone(), Some("true")));
}
