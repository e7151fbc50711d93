//! The line behind a full shift: whose turn it is, offers and their ends, and places that change hands.

use jiazai_tests::{Client, Options, Resident, Server, Value, Volunteering, actions, at_once, instant, items, json, shared, text};

use super::{DAY, HOUR, act, count, own, state};

// ---- the line ------------------------------------------------------------------------------------------------------

#[test]
fn who_leaves_makes_room_and_the_next_has_two_hours_to_say_yes() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(DAY, 1, 3);
    let people: Vec<Resident> = (0..4).map(|_| server.resident()).collect();
    let claims: Vec<Value> = people.iter().map(|who| volunteering.sign_up(who, &shift)).collect();
    assert_eq!(claims.iter().map(|c| c["position"].as_i64()).collect::<Vec<_>>(), [None, Some(1), Some(2), Some(3)]);
    act(&people[0], &claims[0], "cancel", json!({ "reason": "有事" }));
    let offered = own(&people[1], &claims[1]);
    assert_eq!((text(&offered, "state"), actions(&offered)), ("offered", vec!["accept-offer", "cancel"]));
    assert_eq!(own(&people[2], &claims[2])["position"], 1, "the line moves up");
    let late = people[2].post(&format!("/sign-ups/{}/accept-offer", text(&claims[2], "id")), json!({})).refuse(409, "state_conflict");
    assert_eq!((text(&late, "state"), actions(&late)), ("waitlisted", vec!["cancel"]));
    people[3].post(&format!("/sign-ups/{}/accept-offer", text(&claims[1], "id")), json!({})).refuse(404, "not_found");
    server.sim().advance(2 * HOUR as u64 - 30);
    assert_eq!(state(&people[1], &claims[1]), "offered");
    server.sim().advance(60);
    let gone = people[1].post(&format!("/sign-ups/{}/accept-offer", text(&claims[1], "id")), json!({})).refuse(409, "offer_expired");
    assert_eq!(text(&gone, "state"), "expired");
    // Nothing but a look passes the place on.
    assert_eq!(state(&people[2], &claims[2]), "offered");
    let accepted = act(&people[2], &claims[2], "accept-offer", json!({}));
    assert_eq!(text(&accepted, "state"), "confirmed");
    // Who declined or overslept may join again, at the end.
    let again = volunteering.sign_up(&people[1], &shift);
    assert_eq!((text(&again, "state"), &again["position"]), ("waitlisted", &json!(2)));
    let now = volunteering.look(&shift);
    assert_eq!((&now["taken"], &now["offered"], &now["waitlisted"]), (&json!(1), &json!(0), &json!(2)));
}

#[test]
fn places_pass_on_while_every_job_stands_still() {
    let server = Server::start(Options::default().env("JIAZAI_JOBS", "off"));
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(2 * DAY, 1, 4);
    let people: Vec<Resident> = (0..5).map(|_| server.resident()).collect();
    let claims: Vec<Value> = people.iter().map(|who| volunteering.sign_up(who, &shift)).collect();
    act(&people[0], &claims[0], "cancel", json!({}));
    // An offer begins when somebody looks, and each that nobody takes goes to the next.
    for n in 1..4 {
        assert_eq!(state(&people[n], &claims[n]), "offered");
        assert_eq!(own(&people[n + 1], &claims[n + 1])["position"], 1);
        server.sim().advance(2 * HOUR as u64 + 1);
    }
    assert_eq!(text(&volunteering.look(&shift), "state"), "scheduled");
    assert_eq!(text(&act(&people[4], &claims[4], "accept-offer", json!({})), "state"), "confirmed");
    let states: Vec<String> = (0..5).map(|n| state(&people[n], &claims[n])).collect();
    assert_eq!(states, ["cancelled", "expired", "expired", "expired", "confirmed"]);
}

#[test]
fn the_line_ends_when_the_shift_begins_and_what_is_free_is_for_who_comes() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(6 * HOUR, 1, 2);
    let (one, two, three) = (server.resident(), server.resident(), server.resident());
    let first = volunteering.sign_up(&one, &shift);
    let second = volunteering.sign_up(&two, &shift);
    server.sim().advance(6 * HOUR as u64 + 1);
    assert_eq!(state(&two, &second), "expired");
    let late = one.post(&format!("/sign-ups/{}/cancel", text(&first, "id")), json!({})).refuse(409, "too_late_to_cancel");
    assert_eq!(text(&late, "state"), "confirmed");
    act(&volunteering.leader, &first, "cancel", json!({ "reason": "电话请假" }));
    assert_eq!(text(&volunteering.sign_up(&three, &shift), "state"), "confirmed", "somebody who stands there");
    assert_eq!(volunteering.look(&shift)["waitlisted"], 0);
}

#[test]
fn more_places_go_to_those_who_wait_and_fewer_take_nothing_from_anybody() {
    let volunteering = Volunteering::new(shared());
    let shift = volunteering.shift(2 * DAY, 1, 5);
    let people: Vec<Resident> = (0..3).map(|_| shared().resident()).collect();
    let claims: Vec<Value> = people.iter().map(|who| volunteering.sign_up(who, &shift)).collect();
    let resize = |capacity: i64, waitlist: i64| {
        volunteering.leader.post(&format!("/shifts/{shift}/resize"), json!({ "capacity": capacity, "waitlist_capacity": waitlist }))
    };
    resize(1, 1).refuse(409, "capacity_in_use");
    let larger = resize(2, 5).expect(200);
    assert_eq!((&larger["capacity"], &larger["offered"], &larger["waitlisted"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(state(&people[1], &claims[1]), "offered");
    resize(1, 5).refuse(409, "capacity_in_use");
    people[0].post(&format!("/shifts/{shift}/resize"), json!({ "capacity": 9, "waitlist_capacity": 0 })).refuse(403, "forbidden");
}

#[test]
fn a_cancelled_activity_calls_everybody_off() {
    let volunteering = Volunteering::new(shared());
    let shift = volunteering.shift(DAY, 1, 2);
    let people: Vec<Resident> = (0..3).map(|_| shared().resident()).collect();
    let claims: Vec<Value> = people.iter().map(|who| volunteering.sign_up(who, &shift)).collect();
    let cancelled = volunteering.leader.post(&format!("{}/cancel", volunteering.path()), json!({ "reason": "台风" })).expect(200);
    assert_eq!(text(&cancelled, "state"), "cancelled");
    for (who, claim) in people.iter().zip(&claims) {
        let seen = own(who, claim);
        assert_eq!((text(&seen, "state"), actions(&seen)), ("cancelled", vec![]));
    }
    let seen = volunteering.look(&shift);
    assert_eq!(
        (text(&seen, "state"), &seen["taken"], &seen["offered"], &seen["waitlisted"]),
        ("cancelled", &json!(0), &json!(0), &json!(0))
    );
    volunteering.leader.post(&format!("{}/cancel", volunteering.path()), json!({})).refuse(409, "state_conflict");
}

#[test]
fn no_shift_is_made_in_an_activity_that_is_cancelled_meanwhile() {
    for _ in 0..8 {
        let volunteering = Volunteering::new(shared());
        volunteering.leader.get("/me").expect(200);
        let draft = volunteering.shift_draft(DAY, 1, 0);
        let statuses = at_once(4, |n| match n {
            0 => volunteering.leader.post(&format!("{}/cancel", volunteering.path()), json!({})).send().status,
            _ => volunteering.leader.post(&format!("{}/shifts", volunteering.path()), draft.clone()).send().status,
        });
        assert_eq!(statuses[0], 200, "{statuses:?}");
        let made = statuses.iter().filter(|status| **status == 201).count();
        let shifts = volunteering.leader.get(&format!("{}/shifts", volunteering.path())).expect(200);
        let states: Vec<&str> = items(&shifts).iter().map(|shift| text(shift, "state")).collect();
        assert_eq!(states, vec!["cancelled"; made], "{statuses:?}");
    }
}

#[test]
fn a_rescheduled_shift_keeps_its_people() {
    let volunteering = Volunteering::new(shared());
    let shift = volunteering.shift(DAY, 2, 0);
    let resident = shared().resident();
    let claim = volunteering.sign_up(&resident, &shift);
    let path = format!("/shifts/{shift}/reschedule");
    let times = |from: i64| json!({ "starts_at": instant(shared(), from), "ends_at": instant(shared(), from + 3 * HOUR) });
    volunteering.leader.post(&path, times(-HOUR)).refuse(422, "validation_failed");
    resident.post(&path, times(3 * DAY)).refuse(403, "forbidden");
    volunteering.leader.post(&path, times(3 * DAY)).header("If-Match", "\"999\"").refuse(412, "precondition_failed");
    let moved = volunteering.leader.post(&path, times(3 * DAY)).expect(200);
    let seen = own(&resident, &claim);
    assert_eq!((text(&seen, "state"), &seen["starts_at"]), ("confirmed", &moved["starts_at"]));
}

// ---- swaps ---------------------------------------------------------------------------------------------------------

#[test]
fn a_swap_exchanges_the_places_of_two_who_agree() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let (monday, friday) = (volunteering.shift(DAY, 1, 0), volunteering.shift(3 * DAY, 1, 0));
    let (anna, bert, carl) = (server.resident(), server.resident(), server.resident());
    let (a, b) = (volunteering.sign_up(&anna, &monday), volunteering.sign_up(&bert, &friday));
    let propose = |with: &str| anna.post(&format!("/sign-ups/{}/swap", text(&a, "id")), json!({ "with": with }));
    propose("sgn_01h455vb4pex5vsknk084sn02q").refuse(422, "validation_failed");
    propose(text(&a, "id")).refuse(409, "cannot_swap");
    bert.post(&format!("/sign-ups/{}/swap", text(&a, "id")), json!({ "with": text(&b, "id") })).refuse(404, "not_found");
    let swap = propose(text(&b, "id")).expect(201);
    let path = format!("/swaps/{}", text(&swap, "id"));
    assert_eq!((text(&swap, "state"), actions(&swap)), ("proposed", vec!["withdraw"]));
    propose(text(&b, "id")).refuse(409, "duplicate");
    carl.get(&path).refuse(404, "not_found");
    anna.post(&format!("{path}/agree"), json!({})).refuse(403, "forbidden");
    assert_eq!(actions(&bert.get(&path).expect(200)), ["agree", "refuse"]);
    let agreed = bert.post(&format!("{path}/agree"), json!({})).expect(200);
    assert_eq!((text(&agreed, "state"), actions(&agreed)), ("agreed", vec![]));
    assert_eq!((text(&own(&anna, &a), "shift_id"), text(&own(&bert, &b), "shift_id")), (friday.as_str(), monday.as_str()));
    bert.post(&format!("{path}/refuse"), json!({})).refuse(409, "state_conflict");
    assert_eq!(items(&anna.get("/me/swaps").expect(200)).len(), 1);
    for shift in [&monday, &friday] {
        count(&volunteering, shift);
    }
    // What nobody answers in time is over.
    let open = anna.post(&format!("/sign-ups/{}/swap", text(&a, "id")), json!({ "with": text(&b, "id") })).expect(201);
    server.sim().advance(DAY as u64);
    let path = format!("/swaps/{}", text(&open, "id"));
    assert_eq!(text(&bert.get(&path).expect(200), "state"), "expired");
    bert.post(&format!("{path}/agree"), json!({})).refuse(409, "state_conflict");
}

#[test]
fn a_swap_is_refused_or_withdrawn() {
    let volunteering = Volunteering::new(shared());
    let (one, two) = (volunteering.shift(DAY, 1, 0), volunteering.shift(3 * DAY, 1, 0));
    let (anna, bert) = (shared().resident(), shared().resident());
    let (a, b) = (volunteering.sign_up(&anna, &one), volunteering.sign_up(&bert, &two));
    let propose = || anna.post(&format!("/sign-ups/{}/swap", text(&a, "id")), json!({ "with": text(&b, "id") })).expect(201);
    let swap = propose();
    let refused = bert.post(&format!("/swaps/{}/refuse", text(&swap, "id")), json!({})).expect(200);
    assert_eq!(text(&refused, "state"), "refused");
    let swap = propose();
    bert.post(&format!("/swaps/{}/withdraw", text(&swap, "id")), json!({})).refuse(403, "forbidden");
    assert_eq!(text(&anna.post(&format!("/swaps/{}/withdraw", text(&swap, "id")), json!({})).expect(200), "state"), "withdrawn");
    assert_eq!(text(&own(&anna, &a), "shift_id"), one);
}

// ---- offers and other places ---------------------------------------------------------------------------------------

/// Somebody who waits first in the line of a full shift, and who has the place that they wait for.
fn waits_for<'s>(volunteering: &Volunteering<'s>, shift: &str, who: &Resident) -> (Resident<'s>, Value, Value) {
    let first = volunteering.server.resident();
    let taken = volunteering.sign_up(&first, shift);
    let waiting = volunteering.sign_up(who, shift);
    assert_eq!(text(&waiting, "state"), "waitlisted");
    (first, taken, waiting)
}

#[test]
fn an_offer_bars_nobody_from_another_place_and_goes_to_the_next_when_they_take_it() {
    let (one, two) = (Volunteering::new(shared()), Volunteering::new(shared()));
    let (a, b) = (one.shift(2 * DAY, 1, 3), two.shift(2 * DAY + HOUR, 1, 3));
    let (who, next) = (shared().resident(), shared().resident());
    let (first, taken, waiting) = waits_for(&one, &a, &who);
    let (second, also_taken, also_waiting) = waits_for(&two, &b, &who);
    let behind = one.sign_up(&next, &a);
    act(&first, &taken, "cancel", json!({}));
    act(&second, &also_taken, "cancel", json!({}));
    // Two places are held for one person, at the same time: neither is in the way of the other.
    assert_eq!((state(&who, &waiting), state(&who, &also_waiting)), ("offered".to_owned(), "offered".to_owned()));
    assert_eq!(text(&act(&who, &also_waiting, "accept-offer", json!({})), "state"), "confirmed");
    assert_eq!((state(&who, &waiting), state(&next, &behind)), ("expired".to_owned(), "offered".to_owned()));
    count(&one, &a);
    // A place that is free is taken past an offer, too.
    let (third, free) = (Volunteering::new(shared()), shared().resident());
    let (c, d) = (third.shift(9 * DAY, 1, 3), third.shift(9 * DAY + HOUR, 1, 0));
    let (holder, held, offered) = waits_for(&third, &c, &free);
    act(&holder, &held, "cancel", json!({}));
    assert_eq!(state(&free, &offered), "offered");
    assert_eq!(text(&third.sign_up(&free, &d), "state"), "confirmed");
    assert_eq!(state(&free, &offered), "expired");
    assert_eq!(third.look(&c)["offered"], 0);
}

#[test]
fn nobody_is_offered_a_place_who_is_elsewhere_and_the_next_is_asked() {
    let volunteering = Volunteering::new(shared());
    let (a, b) = (volunteering.shift(2 * DAY, 1, 3), volunteering.shift(2 * DAY + HOUR, 5, 0));
    let (busy, next) = (shared().resident(), shared().resident());
    let (first, taken, waiting) = waits_for(&volunteering, &a, &busy);
    let behind = volunteering.sign_up(&next, &a);
    volunteering.sign_up(&busy, &b);
    assert_eq!(state(&busy, &waiting), "waitlisted", "a number in a line bars nothing and stays");
    act(&first, &taken, "cancel", json!({}));
    assert_eq!((state(&busy, &waiting), state(&next, &behind)), ("expired".to_owned(), "offered".to_owned()));
    let history = busy.get(&format!("/sign-ups/{}/events", text(&waiting, "id"))).expect(200);
    assert_eq!(items(&history).last().expect("an end")["data"]["because"], "time_conflict");
}

#[test]
fn who_is_blocked_in_one_community_is_welcome_in_another() {
    let server = Server::start(Options::default());
    let here = Volunteering::new(&server);
    let leader = server.staff("admin").hire("volunteer_leader", server.other_community());
    let there = Volunteering::led_by(&server, leader, server.other_community(), json!({}));
    let resident = server.resident();
    for _ in 0..2 {
        let claim = here.sign_up(&resident, &here.shift(60, 5, 0));
        server.sim().advance(61);
        act(&here.leader, &claim, "mark-absent", json!({}));
        server.sim().advance(3 * HOUR as u64);
    }
    let refused = resident.post(&format!("/shifts/{}/sign-ups", here.shift(DAY, 5, 0)), json!({})).send().expect(409);
    assert_eq!(refused.json["code"], "blocked_after_no_shows");
    there.sign_up(&resident, &there.shift(DAY, 5, 0));
}

#[test]
fn a_shifts_version_never_comes_twice() {
    let volunteering = Volunteering::new(shared());
    let shift = volunteering.shift(2 * DAY, 2, 2);
    let (one, two) = (shared().resident(), shared().resident());
    let mut seen: Vec<(i64, Value)> = Vec::new();
    let mut look = || {
        let mut shown = one.get(&format!("/shifts/{shift}")).expect(200);
        let version = shown["version"].as_i64().expect("a version");
        shown["version"] = Value::Null;
        if let Some((last, before)) = seen.last() {
            assert!(version > *last || *before == shown, "{version} after {last}: {shown}");
        }
        seen.push((version, shown));
    };
    look();
    for _ in 0..3 {
        let own = volunteering.sign_up(&one, &shift);
        look();
        act(&one, &own, "cancel", json!({}));
        look();
        let other = volunteering.sign_up(&two, &shift);
        look();
        act(&two, &other, "cancel", json!({}));
        look();
    }
    let shown: std::collections::BTreeMap<i64, &Value> = seen.iter().map(|(version, shown)| (*version, shown)).collect();
    assert_eq!(shown.len(), 13, "each change has a version of its own");
}

#[test]
fn a_swap_that_nobody_agreed_to_in_time_can_be_proposed_again_but_not_for_ever() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let (one, two) = (volunteering.shift(2 * HOUR, 1, 0), volunteering.shift(30 * HOUR, 1, 0));
    let (anna, bert) = (server.resident(), server.resident());
    let (a, b) = (volunteering.sign_up(&anna, &one), volunteering.sign_up(&bert, &two));
    let propose = || anna.post(&format!("/sign-ups/{}/swap", text(&a, "id")), json!({ "with": b["id"] }));
    let first = propose().expect(201);
    server.sim().advance(HOUR as u64 + 60);
    let times = json!({ "starts_at": instant(&server, 10 * HOUR), "ends_at": instant(&server, 12 * HOUR) });
    volunteering.leader.post(&format!("/shifts/{one}/reschedule"), times).expect(200);
    let again = propose().expect(201);
    assert_eq!(text(&bert.get(&format!("/swaps/{}", text(&first, "id"))).expect(200), "state"), "expired");
    anna.post(&format!("/swaps/{}/withdraw", text(&again, "id")), json!({})).expect(200);
    let third = propose().expect(201);
    anna.post(&format!("/swaps/{}/withdraw", text(&third, "id")), json!({})).expect(200);
    let refused = propose().refuse(409, "too_many_proposals");
    assert_eq!((text(&refused, "state"), actions(&refused)), ("confirmed", vec!["cancel", "swap"]));
}

#[test]
fn ten_certificates_a_day_are_enough_and_each_says_how_it_stands() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let resident = server.resident();
    volunteering.serve(&resident);
    let codes: Vec<String> = (0..10).map(|_| text(&resident.post("/me/certificates", json!({})).expect(201), "code").to_owned()).collect();
    let refused = resident.post("/me/certificates", json!({})).send().expect(429);
    assert_eq!((text(&refused.json, "code"), refused.header("retry-after").is_some()), ("too_many_certificates", true));
    let path = format!("/certificates/{}", codes[0]);
    let seen = server.anon().get(&path).expect(200);
    assert_eq!((text(&seen, "state"), actions(&seen)), ("issued", vec![]));
    let gone = volunteering.leader.post(&format!("{path}/revoke"), json!({ "reason": "登记有误" })).expect(200);
    assert_eq!((text(&gone, "state"), actions(&gone)), ("revoked", vec![]));
    server.sim().advance(DAY as u64 + 1);
    resident.post("/me/certificates", json!({})).expect(201);
}

#[test]
fn signing_up_for_a_series_opens_as_long_before_each_shift_as_it_says() {
    let volunteering = Volunteering::new(shared());
    let (from, until) = (instant(shared(), 20 * DAY)[..10].to_owned(), instant(shared(), 34 * DAY)[..10].to_owned());
    let series = json!({
        "from": from, "until": until, "weekdays": [6], "starts": "09:00", "duration_s": 7200, "capacity": 3, "opens_before_s": 2 * DAY,
    });
    let made = volunteering.leader.post(&format!("{}/shift-series", volunteering.path()), series).expect(201);
    assert!(!items(&made).is_empty());
    for shift in items(&made) {
        assert!(text(shift, "starts_at").contains("T01:00:00") && text(shift, "sign_up_opens_at").contains("T01:00:00"), "{shift}");
        assert_ne!(text(shift, "starts_at")[..10], text(shift, "sign_up_opens_at")[..10]);
        shared().resident().post(&format!("/shifts/{}/sign-ups", text(shift, "id")), json!({})).refuse(409, "not_open");
    }
}

#[test]
fn a_shift_can_be_resized_while_it_says_so() {
    let volunteering = Volunteering::new(shared());
    let shift = volunteering.shift(DAY, 1, 0);
    assert_eq!(actions(&volunteering.look(&shift)), ["reschedule", "resize", "cancel"]);
    volunteering.leader.post(&format!("/shifts/{shift}/cancel"), json!({})).expect(200);
    assert_eq!(actions(&volunteering.look(&shift)), Vec::<&str>::new());
    volunteering
        .leader
        .post(&format!("/shifts/{shift}/resize"), json!({ "capacity": 2, "waitlist_capacity": 0 }))
        .refuse(409, "state_conflict");
}

#[test]
fn a_ranking_goes_by_minutes_or_by_what_they_earned() {
    let server = Server::start(Options::default());
    let (dear, cheap) =
        (Volunteering::with(&server, json!({ "points_per_hour": 50 })), Volunteering::with(&server, json!({ "points_per_hour": 1 })));
    let (rich, busy, shy) = (server.resident(), server.resident(), server.resident());
    dear.serve(&rich);
    cheap.serve(&busy);
    cheap.serve(&busy);
    dear.serve(&shy);
    for who in [&rich, &busy] {
        who.put("/me/volunteer-ranking", json!({ "agreed": true })).expect(200);
    }
    let path = format!("/volunteer-ranking?community_id={}", server.community());
    let places = |by: &str| {
        let list = rich.get(&format!("{path}{by}")).expect(200);
        items(&list).iter().map(|one| (one["me"] == true, one["minutes"].as_i64(), one["points"].as_i64())).collect::<Vec<_>>()
    };
    assert_eq!(places(""), [(false, Some(240), None), (true, Some(120), None)]);
    assert_eq!(places("&by=points"), [(true, Some(120), Some(100)), (false, Some(240), Some(4))]);
    rich.get(&format!("{path}&by=money")).refuse(400, "query_invalid");
    // What was a mistake was not earned.
    let entry = items(&rich.get("/me/points/entries").expect(200))[0]["id"].clone();
    server.staff("manager").post("/points/reversals", json!({ "entry_id": entry, "reason": "单价有误" })).expect(201);
    assert_eq!(places("&by=points"), [(false, Some(240), Some(4))]);
    // Who closes the account is named no longer.
    busy.delete("/me").expect(200);
    assert_eq!(places(""), [(true, Some(120), None)]);
}
