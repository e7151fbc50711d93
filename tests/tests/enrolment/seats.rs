//! The home's seat, allocation and draws.

use std::path::Path;
use std::process::Command;

use jiazai_tests::season::{Season, act, now, why};
use jiazai_tests::{Client, Family, Folder, Options, Server, Value, at_once, eventually, faults, json, run, shared, text, words};

use super::{DAY, sha256};

// ---- the home's seat -----------------------------------------------------------------------------------------------

/// Families of one home, each with an offer; as siblings they have one guardian.
fn of_one_home<'s>(server: &'s Server, count: usize, siblings: bool) -> (Season<'s>, Vec<(Family<'s>, Value)>) {
    let season = Season::open(server, &[20]);
    let home = season.registry.home("1栋", "101");
    let mut families: Vec<Family> = (0..count).map(|_| season.family()).collect();
    let guardian = families[0].guardian.clone();
    if siblings {
        families.iter_mut().for_each(|family| family.guardian = guardian.clone());
    }
    let confirmed = |family: Family<'s>| {
        season.bind(&family.parent, &home);
        let mut draft = season.draft(&family, "2020-05-01");
        draft["home_id"] = json!(home);
        let application = season.submit(&family, draft);
        season.confirm(&application);
        (family, application)
    };
    // Children of one day stand alike, but there are seats for all: no draw decides.
    let applications = families.into_iter().map(confirmed).collect();
    season.steps(&["close", "list", "allocate", "announce"]);
    (season, applications)
}

#[test]
fn of_eight_families_who_accept_on_one_home_at_once_one_gets_its_seat() {
    let (season, families) = of_one_home(shared(), 8, false);
    let replies = at_once(8, |n| act(&families[n].0.parent, &families[n].1, "accept", json!({})).send());
    let won: Vec<usize> = (0..8).filter(|n| replies[*n].status == 200).collect();
    assert_eq!(won.len(), 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!((reply.status, text(&reply.json, "code"), text(&reply.json, "state")), (409, "seat_locked", "offered"));
        assert!(text(&reply.json, "detail").contains("2032"), "six years from 2026 on");
    }
    // False papers give the seat back.
    let (winner, loser) = (won[0], (won[0] + 1) % 8);
    act(&season.reviewers[0], &families[winner].1, "revoke", json!({ "reason": "假" })).refuse(403, "forbidden");
    act(&season.admin, &families[winner].1, "revoke", json!({ "reason": "房产证系伪造" })).expect(200);
    act(&families[loser].0.parent, &families[loser].1, "accept", json!({})).expect(200);
}

#[test]
fn a_sibling_comes_under_its_familys_seat() {
    let (_, families) = of_one_home(shared(), 2, true);
    let statuses = at_once(2, |n| act(&families[n].0.parent, &families[n].1, "accept", json!({})).send().status);
    assert_eq!(statuses, [200, 200]);
}

// ---- allocation and draws ------------------------------------------------------------------------------------------

#[test]
fn a_released_seat_goes_to_the_next_in_order() {
    let season = Season::open(shared(), &[1]);
    let (first, a) = season.confirmed("2019-01-01");
    let (second, b) = season.confirmed("2020-01-01");
    let (third, c) = season.confirmed("2021-01-01");
    season.steps(&["close", "list", "allocate", "announce"]);
    let states = |all: &[(&Family, &Value)]| all.iter().map(|(f, a)| text(&now(&f.parent, a), "state").to_owned()).collect::<Vec<_>>();
    let everybody = [(&first, &a), (&second, &b), (&third, &c)];
    assert_eq!(states(&everybody), ["offered", "waiting", "waiting"]);
    assert!(why(&now(&second.parent, &b)).contains("后于最后录取者 2019-01-01"), "{}", now(&second.parent, &b));
    act(&first.parent, &a, "decline", json!({ "reason": "去了别的学校" })).expect(200);
    assert_eq!(states(&everybody), ["released", "offered", "waiting"]);
    act(&second.parent, &b, "withdraw", json!({})).expect(200);
    assert_eq!(states(&everybody), ["released", "withdrawn", "offered"]);
    // By hand only where a seat is left.
    act(&season.admin, &a, "coordinate", json!({ "school_id": season.schools[0], "reason": "统筹" })).refuse(409, "school_full");
    // More seats: the plan is raised and who is left is found a place.
    let plan = json!({ "seat_plans": [{ "school_id": season.schools[0], "seats": 2 }], "reason": "增班" });
    season.admin.post(&season.path("/seat-plans"), plan).expect(201);
    act(&season.reviewers[0], &a, "coordinate", json!({ "school_id": season.schools[0], "reason": "统筹" })).refuse(403, "forbidden");
    act(&season.admin, &a, "coordinate", json!({ "school_id": season.schools[0], "reason": "义务教育保障" })).expect(200);
    let found = now(&first.parent, &a);
    assert!(text(&found, "state") == "offered" && why(&found).contains("经统筹安排学位：义务教育保障"), "{found}");
    act(&first.parent, &a, "accept", json!({})).expect(200);
}

#[test]
fn an_offer_that_nobody_answers_goes_on_when_its_time_is_over() {
    let server = Server::start(Options::default());
    let season = Season::open(&server, &[1]);
    let (first, a) = season.confirmed("2019-01-01");
    let (second, b) = season.confirmed("2020-01-01");
    season.steps(&["close", "list", "allocate", "announce"]);
    server.sim().advance(41 * DAY);
    let released = now(&first.parent, &a);
    assert_eq!(text(&released, "state"), "released", "whether or not a job has run");
    assert!(why(&released).contains("未在规定时间内确认"), "{released}");
    act(&first.parent, &a, "accept", json!({})).refuse(409, "state_conflict");
    eventually("the seat goes on", 20, || (text(&now(&second.parent, &b), "state") == "offered").then_some(()));
    // It came after the confirmation's end, so it waits for three days.
    act(&second.parent, &b, "accept", json!({})).expect(200);
}

#[test]
fn twins_go_together_or_not_at_all() {
    let season = Season::open(shared(), &[2]);
    let (first, a) = season.confirmed("2019-01-01");
    let family = season.family();
    let one = season.submit(&family, season.draft(&family, "2020-01-01"));
    let mut other = family.clone();
    other.child = season.family().child;
    other.girl = season_sex(&other.child);
    let mut draft = season.draft(&other, "2020-01-01");
    draft["twin_of"] = one["id"].clone();
    let two = season.submit(&other, draft.clone());
    assert_eq!(two["household"], one["receipt"]);
    for twin in [&one, &two] {
        season.confirm(twin);
    }
    let (last, d) = season.confirmed("2021-01-01");
    season.steps(&["close", "list", "allocate", "announce"]);
    let state = |family: &Family, application: &Value| text(&now(&family.parent, application), "state").to_owned();
    assert_eq!((state(&first, &a), state(&last, &d)), ("offered".to_owned(), "offered".to_owned()), "one seat is not enough for two");
    assert_eq!((state(&family, &one), state(&family, &two)), ("waiting".to_owned(), "waiting".to_owned()));
    assert!(why(&now(&family.parent, &one)).contains("需要 2 个学位"), "{}", now(&family.parent, &one));
    act(&first.parent, &a, "decline", json!({})).expect(200);
    assert_eq!(state(&family, &one), "waiting", "still only one");
    act(&last.parent, &d, "decline", json!({})).expect(200);
    assert_eq!((state(&family, &one), state(&family, &two)), ("offered".to_owned(), "offered".to_owned()));
}

/// Whether a number is a girl's.
fn season_sex(number: &str) -> bool {
    number.as_bytes()[16].is_multiple_of(2)
}

#[test]
fn a_round_that_leaves_children_alike_needs_a_draw_that_anybody_can_check() {
    let season = Season::open(shared(), &[2]);
    let families: Vec<(Family, Value)> = (0..6).map(|_| season.confirmed("2020-05-01")).collect();
    let draws = season.path("/draws");
    let seed = "夜来风雨声 2026";
    let commitment = sha256(seed);
    let sealed = json!({ "kind": "sealed_seed", "commitment": commitment });
    season.admin.post(&draws, sealed.clone()).refuse(409, "state_conflict");
    season.steps(&["close", "list"]);
    season.admin.post(&season.path("/allocate"), json!({ "early": true, "reason": "测试" })).refuse(409, "draw_needed");
    season.admin.post(&season.path("/allocation-preview"), json!({})).refuse(409, "draw_needed");
    season.reviewers[0].post(&draws, sealed.clone()).refuse(403, "forbidden");
    season.server.staff("enroladmin").post(&draws, sealed.clone()).refuse(404, "not_found");
    for (body, pointer) in [
        (json!({ "kind": "sealed_seed" }), "/commitment"),
        (json!({ "kind": "sealed_seed", "commitment": "zz" }), "/commitment"),
        (json!({ "kind": "ring", "commitment": commitment }), "/commitment"),
        (json!({ "kind": "dice" }), "/kind"),
    ] {
        assert_eq!(faults(&season.admin.post(&draws, body).send().expect(422).json)[0].0, pointer);
    }
    // Of two administrators at once one makes it.
    let statuses = at_once(2, |_| season.admin.post(&draws, sealed.clone()).send().status);
    assert!(statuses.contains(&201) && statuses.contains(&409), "{statuses:?}");
    season.admin.post(&draws, sealed).refuse(409, "draw_exists");
    let draw = season.server.anon().get(&season.path("/draw")).expect(200);
    assert_eq!((text(&draw, "state"), &draw["seed"], text(&draw, "commitment")), ("prepared", &Value::Null, commitment.as_str()));
    let mut receipts: Vec<String> = families.iter().map(|(_, a)| text(a, "receipt").to_owned()).collect();
    receipts.sort();
    assert_eq!(words(&draw["roster"]), receipts);

    let at = format!("/enrolment-draws/{}", text(&draw, "id"));
    let verify = |body: Value| season.server.anon().post(&format!("{at}/verify"), body).expect(200);
    assert_eq!(verify(json!({}))["valid"], json!(false), "nothing is revealed yet");
    let reveal = format!("{at}/reveal");
    season.server.resident().post(&reveal, json!({ "seed": seed })).refuse(403, "forbidden");
    season.admin.post(&reveal, json!({ "seed": "另一个种子" })).refuse(409, "commitment_mismatch");
    season.admin.post(&reveal, json!({ "start": 1, "interval": 2 })).send().expect(422);
    let revealed = season.admin.post(&reveal, json!({ "seed": seed, "public_numbers": "03 11 19 24 30 33" })).expect(200);
    season.admin.post(&reveal, json!({ "seed": seed })).refuse(409, "state_conflict");
    assert_eq!(words(&revealed["order"]).len(), 6);
    checked_everywhere(&season, &revealed);
    season.step("allocate");
    season.step("announce");
    let order = words(&revealed["order"]);
    for (family, application) in &families {
        let seen = now(&family.parent, application);
        let place = order.iter().position(|receipt| receipt == text(application, "receipt")).expect("drawn");
        assert_eq!(text(&seen, "state"), if place < 2 { "offered" } else { "waiting" });
        assert!(why(&seen).contains(&format!("摇号顺序 {}", place + 1)), "{seen}");
    }
}

#[test]
fn a_ring_is_drawn_by_parents_and_checked_by_anybody() {
    let season = Season::open(shared(), &[2]);
    for _ in 0..5 {
        season.confirmed("2020-05-01");
    }
    season.step("close");
    let draw = season.admin.post(&season.path("/draws"), json!({ "kind": "ring" })).expect(201);
    let reveal = format!("/enrolment-draws/{}/reveal", text(&draw, "id"));
    for body in [
        json!({ "start": 0, "interval": 3 }),
        json!({ "start": 6, "interval": 3 }),
        json!({ "start": 1, "interval": 0 }),
        json!({ "start": 1 }),
        json!({}),
        json!({ "seed": "x" }),
    ] {
        season.admin.post(&reveal, body).send().expect(422);
    }
    let revealed = season.admin.post(&reveal, json!({ "start": 4, "interval": 3 })).expect(200);
    let (roster, order) = (words(&revealed["roster"]), words(&revealed["order"]));
    assert_eq!(order[0], roster[3], "the start comes first");
    checked_everywhere(&season, &revealed);
}

/// The stored draw, the document sent back, the command line and the checker in `docs/` say the same: of the draw as it was
/// published that it is valid, of one with another line that it is not.
#[track_caller]
fn checked_everywhere(season: &Season, draw: &Value) {
    let at = format!("/enrolment-draws/{}/verify", text(draw, "id"));
    let verdict = |body: &Value| season.server.anon().post(&at, body.clone()).expect(200);
    assert_eq!(verdict(&json!({})), json!({ "valid": true, "reasons": [] }));
    assert_eq!(verdict(draw)["valid"], json!(true));
    let mut other_line = draw.clone();
    other_line["roster"][0] = json!("26-00000-00000");
    let mut other_order = draw.clone();
    let last = words(&draw["order"]).len() - 1;
    let (a, b) = (draw["order"][0].clone(), draw["order"][last].clone());
    (other_order["order"][0], other_order["order"][last]) = (b, a);
    let mut lighter = draw.clone();
    lighter["roster"].as_array_mut().unwrap().remove(0);
    let folder = Folder::new("draw");
    for (changed, code) in [(draw.clone(), 0), (other_line, 1), (other_order, 1), (lighter, 1)] {
        let said = verdict(&changed);
        assert_eq!(said["valid"], json!(code == 0), "{said}");
        assert_eq!(said["reasons"].as_array().map(Vec::is_empty), Some(code == 0));
        let file = folder.file("draw.json", changed.to_string());
        let program = run(&["verify-draw", &file], &[], 60);
        assert_eq!(program.code, Some(code), "{program:?}");
        let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify_draw.py");
        let python = Command::new("python3").arg(checker).arg(&file).output().expect("python3 runs");
        assert_eq!(python.status.code(), Some(code), "{python:?}");
    }
}

#[test]
fn a_draw_document_that_cannot_be_read_is_told_so() {
    let folder = Folder::new("draw");
    for (content, code) in
        [("", Some(1)), ("{}", Some(1)), ("[1]", Some(1)), (r#"{"method":"dice","roster_hash":"","roster":[],"order":[]}"#, Some(1))]
    {
        let said = run(&["verify-draw", &folder.file("draw.json", content)], &[], 60);
        assert!(said.code == code && !said.stderr.contains("panicked"), "{said:?}");
    }
    assert_eq!(run(&["verify-draw", "/nowhere/at/all.json"], &[], 60).code, Some(1));
    assert_eq!(run(&["verify-draw"], &[], 60).code, Some(2));
    let anon = shared().anon();
    anon.post("/enrolment-draws/drw_01h455vb4pex5vsknk084sn02q/verify", json!({})).refuse(404, "not_found");
}

#[test]
fn an_allocation_can_be_looked_at_before_and_compared_with_other_seats() {
    let season = Season::open(shared(), &[1, 1]);
    for day in ["2019-01-01", "2020-01-01", "2021-01-01"] {
        season.confirmed(day);
    }
    let preview = season.path("/allocation-preview");
    season.admin.post(&preview, json!({})).refuse(409, "state_conflict");
    season.steps(&["close", "list"]);
    let plain = season.admin.post(&preview, json!({})).expect(200);
    assert_eq!((&plain["children"], &plain["placed"], &plain["waiting"]), (&json!(3), &json!(2), &json!(1)));
    assert_eq!(plain["differences"], json!([]));
    let more = season.admin.post(&preview, json!({ "seat_plans": [{ "school_id": season.schools[1], "seats": 2 }] })).expect(200);
    assert_eq!((&more["placed"], more["differences"].as_array().map(Vec::len)), (&json!(3), Some(1)));
    assert_eq!((&more["differences"][0]["before"], &more["differences"][0]["after"]), (&json!("waiting"), &json!(season.schools[1])));
    let foreign = json!({ "seat_plans": [{ "school_id": "sch_01h455vb4pex5vsknk084sn02q", "seats": 2 }] });
    season.admin.post(&preview, foreign).send().expect(422);
    season.reviewers[0].post(&preview, json!({})).refuse(403, "forbidden");
    // What is made from the same comes to the same.
    season.step("allocate");
    let made = season.admin.get(&season.path("/allocation")).expect(200);
    assert_eq!(made["digest"], plain["digest"]);
    assert_eq!(sha256(text(&made, "canonical")), text(&made, "digest"));
}
