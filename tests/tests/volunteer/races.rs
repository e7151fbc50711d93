//! When two do something at the same moment: whoever comes first, both are told what is true, and the counters,
//! the rosters and the books agree afterwards.

use jiazai_tests::{
    Client, Options, Registry, Reply, Resident, Server, Value, Volunteering, at_once, eventually, id_number, instant, items, json, shared,
    text,
};

use super::{DAY, HOUR};

fn act(who: &impl Client, sign_up: &Value, action: &str, body: Value) -> Reply {
    who.post(&format!("/sign-ups/{}/{action}", text(sign_up, "id")), body).send()
}

fn state(who: &impl Client, sign_up: &Value) -> String {
    text(&who.get(&format!("/sign-ups/{}", text(sign_up, "id"))).expect(200), "state").to_owned()
}

/// The counters are what the roster says.
#[track_caller]
fn agrees(volunteering: &Volunteering, shift: &str) -> Value {
    let roster = volunteering.leader.get(&format!("/shifts/{shift}/sign-ups?limit=100")).expect(200);
    let count = |states: &[&str]| items(&roster).iter().filter(|one| states.contains(&text(one, "state"))).count();
    let seen = volunteering.look(shift);
    assert_eq!(seen["taken"], count(&["confirmed", "present", "done", "credited", "absent"]), "{seen} {roster}");
    assert_eq!((&seen["offered"], &seen["waitlisted"]), (&json!(count(&["offered"])), &json!(count(&["waitlisted"]))), "{seen} {roster}");
    seen
}

fn crowd(server: &Server, n: usize) -> Vec<Resident<'_>> {
    let people: Vec<Resident> = (0..n).map(|_| server.resident()).collect();
    people.iter().for_each(|who| drop(who.id()));
    people
}

#[test]
fn who_signs_up_while_the_shift_is_cancelled_has_no_place_in_it() {
    let volunteering = Volunteering::new(shared());
    let people = crowd(shared(), 6);
    for day in 2..6 {
        let shift = volunteering.shift(day * DAY, 3, 3);
        let replies = at_once(7, |n| match people.get(n) {
            Some(who) => who.post(&format!("/shifts/{shift}/sign-ups"), json!({})).send(),
            None => volunteering.leader.post(&format!("/shifts/{shift}/cancel"), json!({ "reason": "台风" })).send(),
        });
        assert_eq!(replies[6].status, 200, "{}", replies[6].describe());
        for (who, reply) in people.iter().zip(&replies) {
            match reply.status {
                201 => assert_eq!(state(who, &reply.json), "cancelled"),
                _ => assert_eq!((reply.status, text(&reply.json, "code")), (409, "not_open"), "{}", reply.describe()),
            }
        }
        let seen = agrees(&volunteering, &shift);
        assert_eq!((&seen["taken"], &seen["offered"], &seen["waitlisted"]), (&json!(0), &json!(0), &json!(0)));
    }
}

#[test]
fn who_signs_up_while_the_shift_is_moved_reads_of_the_new_time_or_is_told_of_it() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let people = crowd(&server, 6);
    for who in &people {
        for _ in 0..4 {
            let consents = who.post("/me/notice-consents", json!({ "accepted": ["volunteer_changed"] })).expect(200);
            let ours = items(&consents).iter().find(|consent| consent["template"] == "volunteer_changed").expect("a template");
            server.sim().allow(&who.openid, text(ours, "template_id"));
        }
    }
    let mut to_be_told = vec![0; people.len()];
    for day in 2..6 {
        let shift = volunteering.shift(day * DAY, 10, 0);
        let times = json!({ "starts_at": instant(&server, (day + 20) * DAY), "ends_at": instant(&server, (day + 20) * DAY + HOUR) });
        let replies = at_once(7, |n| match people.get(n) {
            Some(who) => who.post(&format!("/shifts/{shift}/sign-ups"), json!({})).send(),
            None => volunteering.leader.post(&format!("/shifts/{shift}/reschedule"), times.clone()).send(),
        });
        let moved = &replies[6];
        assert_eq!(moved.status, 200, "{}", moved.describe());
        for (n, reply) in replies.iter().take(6).enumerate() {
            assert_eq!(reply.status, 201, "{}", reply.describe());
            to_be_told[n] += usize::from(reply.json["starts_at"] != moved.json["starts_at"]);
        }
    }
    for (who, expected) in people.iter().zip(&to_be_told) {
        let told = || {
            let messages = server.sim().messages();
            messages.iter().filter(|m| m["touser"] == who.openid.as_str() && m.to_string().contains("班次改期")).count()
        };
        eventually("everybody who read of the old time is told", 30, || (told() == *expected).then_some(()));
    }
}

#[test]
fn two_leaders_settle_once() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let people = crowd(&server, 4);
    let shift = volunteering.shift(60, 4, 0);
    let claims: Vec<Value> = people.iter().map(|who| volunteering.sign_up(who, &shift)).collect();
    server.sim().advance(60 + 7200);
    for (who, claim) in people.iter().zip(&claims) {
        let minutes = [60, 90];
        let replies =
            at_once(6, |n| act(&volunteering.leader, claim, "settle", json!({ "minutes": minutes[n % 2], "reason": "忘记签到" })));
        let won: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
        assert_eq!(won.len(), 1, "{:?}", replies.iter().map(Reply::describe).collect::<Vec<_>>());
        assert!(replies.iter().all(|reply| reply.status == 200 || reply.json["code"] == "state_conflict"));
        assert_eq!(who.get("/me/volunteer-hours").expect(200)["minutes"], won[0].json["minutes"]);
        assert_eq!(who.get("/me/points").expect(200)["balance"], won[0].json["points"]);
    }
    assert_eq!(server.staff("auditor").get("/points/ledger/verify").expect(200)["balanced"], true);
}

#[test]
fn a_monthly_cap_holds_for_what_is_settled_at_once() {
    let server = Server::start(Options::default());
    let capped = json!({ "strikes": 2, "within_days": 90, "block_days": 14, "costs_points": 0, "points_per_month": 25 });
    let rules = format!("/communities/{}/volunteer-rules", server.community());
    server.staff("manager").put(&rules, capped).header("If-Match", "*").expect(200);
    let volunteering = Volunteering::with(&server, json!({ "points_per_hour": 20 }));
    let people = crowd(&server, 4);
    let (one, two) = (volunteering.shift(60, 9, 0), volunteering.shift(3 * HOUR, 9, 0));
    let claims: Vec<[Value; 2]> = people.iter().map(|who| [&one, &two].map(|shift| volunteering.sign_up(who, shift))).collect();
    server.sim().advance(6 * HOUR as u64);
    for (who, both) in people.iter().zip(&claims) {
        let settle = json!({ "minutes": 60, "reason": "忘记签到" });
        let replies = at_once(2, |n| act(&volunteering.leader, &both[n], "settle", settle.clone()));
        assert!(replies.iter().all(|reply| reply.status == 200), "{:?}", replies.iter().map(Reply::describe).collect::<Vec<_>>());
        assert_eq!(who.get("/me/points").expect(200)["balance"], 25);
        assert_eq!(who.get("/me/volunteer-hours").expect(200)["minutes"], 120, "minutes have no cap");
    }
}

#[test]
fn who_checks_in_while_they_are_marked_absent_is_one_of_the_two() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let people = crowd(&server, 8);
    let shift = volunteering.shift(60, 8, 0);
    let claims: Vec<Value> = people.iter().map(|who| volunteering.sign_up(who, &shift)).collect();
    server.sim().advance(120);
    for (who, claim) in people.iter().zip(&claims) {
        let code = volunteering.code(&shift);
        let replies = at_once(2, |n| match n {
            0 => act(who, claim, "check-in", json!({ "code": code })),
            _ => act(&volunteering.leader, claim, "mark-absent", json!({})),
        });
        let statuses = (replies[0].status, replies[1].status);
        // The code may change in the middle of it.
        assert!(matches!(statuses, (200, 409) | (409, 200) | (422, 200)), "{} {}", replies[0].describe(), replies[1].describe());
        assert_eq!(state(who, claim), if statuses.0 == 200 { "present" } else { "absent" });
    }
    agrees(&volunteering, &shift);
}

#[test]
fn an_offer_is_taken_or_called_off_and_never_both() {
    let volunteering = Volunteering::new(shared());
    let people = crowd(shared(), 2);
    for day in 2..7 {
        let shift = volunteering.shift(day * DAY, 1, 2);
        let first = volunteering.sign_up(&people[0], &shift);
        let waiting = volunteering.sign_up(&people[1], &shift);
        act(&people[0], &first, "cancel", json!({})).expect(200);
        let replies = at_once(2, |n| match n {
            0 => act(&people[1], &waiting, "accept-offer", json!({})),
            _ => volunteering.leader.post(&format!("/shifts/{shift}/cancel"), json!({})).send(),
        });
        assert!(matches!(replies[0].status, 200 | 409), "{}", replies[0].describe());
        assert_eq!(replies[1].status, 200, "{}", replies[1].describe());
        assert_eq!(state(&people[1], &waiting), "cancelled");
        assert_eq!(agrees(&volunteering, &shift)["taken"], 0);
    }
}

#[test]
fn an_offer_that_ends_while_it_is_taken_is_somebodys_place_and_nobody_elses() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let people = crowd(&server, 3);
    for round in 0..4 {
        let shift = volunteering.shift((3 + round) * DAY, 1, 3);
        let claims: Vec<Value> = people.iter().map(|who| volunteering.sign_up(who, &shift)).collect();
        act(&people[0], &claims[0], "cancel", json!({})).expect(200);
        server.sim().advance(2 * HOUR as u64 - 1);
        let replies = at_once(3, |n| match n {
            0 => Some(act(&people[1], &claims[1], "accept-offer", json!({}))),
            1 => {
                server.sim().advance(2);
                None
            }
            // Whoever looks passes the place on.
            _ => Some(people[2].get(&format!("/sign-ups/{}", text(&claims[2], "id"))).send()),
        });
        let accepted = replies[0].as_ref().expect("an answer");
        let states = (state(&people[1], &claims[1]), state(&people[2], &claims[2]));
        match accepted.status {
            200 => assert_eq!(states, ("confirmed".to_owned(), "waitlisted".to_owned())),
            _ => {
                assert_eq!(text(&accepted.json, "code"), "offer_expired");
                assert_eq!(states, ("expired".to_owned(), "offered".to_owned()));
            }
        }
        agrees(&volunteering, &shift);
    }
}

#[test]
fn a_swap_that_is_agreed_to_while_a_place_is_given_up_moves_nobody_into_nothing() {
    let volunteering = Volunteering::new(shared());
    for day in (2..10).step_by(2) {
        let (one, two) = (volunteering.shift(day * DAY, 1, 0), volunteering.shift((day + 1) * DAY, 1, 0));
        let people = crowd(shared(), 2);
        let (a, b) = (volunteering.sign_up(&people[0], &one), volunteering.sign_up(&people[1], &two));
        let swap = act(&people[0], &a, "swap", json!({ "with": b["id"] })).expect(201).json;
        let replies = at_once(2, |n| match n {
            0 => people[1].post(&format!("/swaps/{}/agree", text(&swap, "id")), json!({})).send(),
            _ => act(&people[0], &a, "cancel", json!({})),
        });
        assert!(matches!(replies[0].status, 200 | 409), "{}", replies[0].describe());
        assert_eq!(replies[1].status, 200, "{}", replies[1].describe());
        // The cancelled place is the one that they had by then.
        let (kept, given) = if replies[0].status == 200 { (&one, &two) } else { (&two, &one) };
        assert_eq!((&agrees(&volunteering, kept)["taken"], &agrees(&volunteering, given)["taken"]), (&json!(1), &json!(0)));
        assert_eq!(text(&people[1].get(&format!("/sign-ups/{}", text(&b, "id"))).expect(200), "shift_id"), kept);
    }
}

#[test]
fn one_place_is_swapped_once_however_many_would_have_it() {
    let volunteering = Volunteering::new(shared());
    let shifts: Vec<String> = (2..5).map(|day| volunteering.shift(day * DAY, 1, 0)).collect();
    for _ in 0..3 {
        let people = crowd(shared(), 3);
        let claims: Vec<Value> = people.iter().zip(&shifts).map(|(who, shift)| volunteering.sign_up(who, shift)).collect();
        let swaps: Vec<Value> =
            [1, 2].iter().map(|n| act(&people[0], &claims[0], "swap", json!({ "with": claims[*n]["id"] })).expect(201).json).collect();
        let replies = at_once(2, |n| people[n + 1].post(&format!("/swaps/{}/agree", text(&swaps[n], "id")), json!({})).send());
        // The second may find a place that suits it as well: then it gets that one. What never happens is two in one place.
        assert!(replies.iter().any(|reply| reply.status == 200), "{:?}", replies.iter().map(Reply::describe).collect::<Vec<_>>());
        assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 409)));
        let at = |n: usize| text(&people[n].get(&format!("/sign-ups/{}", text(&claims[n], "id"))).expect(200), "shift_id").to_owned();
        let mut places: Vec<String> = (0..3).map(at).collect();
        places.sort();
        let mut all = shifts.clone();
        all.sort();
        assert_eq!(places, all);
        shifts.iter().for_each(|shift| assert_eq!(agrees(&volunteering, shift)["taken"], 1));
        for (who, claim) in people.iter().zip(&claims) {
            act(who, claim, "cancel", json!({})).expect(200);
        }
    }
}

#[test]
fn a_swap_and_a_sign_up_at_once_give_a_household_no_more_than_it_may_have() {
    let place = Registry::new(shared());
    let known = |number: &str, n: usize| {
        let home = place.home("1栋", number);
        let facts = json!([{ "home_id": home, "kind": "residence", "from": "2024-01-01" }]);
        let person = place.person("赵样本", &id_number("19850101", n), facts);
        let who = shared().resident();
        let binding = who.post("/home-bindings", json!({ "home_id": home, "relation": "family" })).expect(201);
        place.manager.post(&format!("/home-bindings/{}/approve", text(&binding, "id")), json!({ "person_id": person["id"] })).expect(200);
        who
    };
    let (brother, sister, neighbour) = (known("101", 770_001), known("101", 770_003), known("102", 770_005));
    let leader = place.manager.hire("volunteer_leader", &place.id);
    let activity = Volunteering::led_by(shared(), leader, &place.id, json!({ "per_household": 1 }));
    for day in (2..10).step_by(2) {
        let (one, two) = (activity.shift(day * DAY, 3, 0), activity.shift((day + 1) * DAY, 3, 0));
        let theirs = activity.sign_up(&neighbour, &one);
        let own = activity.sign_up(&brother, &two);
        let swap = act(&brother, &own, "swap", json!({ "with": theirs["id"] })).expect(201).json;
        let replies = at_once(2, |n| match n {
            0 => neighbour.post(&format!("/swaps/{}/agree", text(&swap, "id")), json!({})).send(),
            _ => sister.post(&format!("/shifts/{one}/sign-ups"), json!({})).send(),
        });
        let won: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
        assert!(matches!(won[..], [200, 409] | [409, 201]), "{:?}", replies.iter().map(Reply::describe).collect::<Vec<_>>());
        assert!(replies.iter().any(|reply| reply.json["code"] == "household_limit"));
        agrees(&activity, &one);
    }
}

#[test]
fn a_hundred_check_in_while_the_organiser_cancels() {
    let server = Server::start(Options::default());
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(600, 120, 0);
    let people: Vec<Resident> = (0..120).map(|_| server.resident()).collect();
    let claims: Vec<Value> =
        at_once(24, |n| people.iter().skip(n).step_by(24).map(|who| volunteering.sign_up(who, &shift)).collect::<Vec<_>>()).concat();
    let whose = |claim: &Value| people.iter().find(|who| who.id() == text(claim, "resident_id")).expect("one of us");
    let code = volunteering.code(&shift);
    let replies = at_once(25, |n| match n {
        24 => vec![volunteering.leader.post(&format!("/shifts/{shift}/cancel"), json!({ "reason": "雷雨" })).send()],
        _ => claims.iter().skip(n).step_by(24).map(|claim| act(whose(claim), claim, "check-in", json!({ "code": code }))).collect(),
    });
    assert_eq!(replies[24][0].status, 200, "{}", replies[24][0].describe());
    let came: usize = replies[..24].iter().flatten().filter(|reply| reply.status == 200).count();
    assert!(replies[..24].iter().flatten().all(|reply| matches!(reply.status, 200 | 409 | 422)));
    let mut states: Vec<String> = Vec::new();
    let mut path = format!("/shifts/{shift}/sign-ups?limit=100");
    loop {
        let page = volunteering.leader.get(&path).expect(200);
        states.extend(items(&page).iter().map(|one| text(one, "state").to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/shifts/{shift}/sign-ups?limit=100&cursor={cursor}");
    }
    let count = |state: &str| states.iter().filter(|one| *one == state).count();
    assert_eq!(
        (count("done"), count("cancelled"), states.len()),
        (came, 120 - came, 120),
        "who was there is sent home, the others are called off"
    );
    assert_eq!(volunteering.look(&shift)["taken"], came);
}
