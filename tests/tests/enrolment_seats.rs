//! School enrolment: the home's seat, allocation and draws, what is published, and what is left of papers.

use std::fs;
use std::path::Path;
use std::process::Command;

use jiazai_tests::season::{Season, act, now};
use jiazai_tests::{Client, Family, Options, Server, Value, at_once, eventually, json, run, shared, unique};

const DAY: u64 = 86_400;

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}"))
}

fn pointers(problem: &Value) -> Vec<(String, String)> {
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let mut all: Vec<_> = errors.iter().map(|e| (text(e, "pointer").to_owned(), text(e, "code").to_owned())).collect();
    all.sort();
    all
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().map(|all| all.iter().filter_map(|w| w.as_str().map(str::to_owned)).collect()).unwrap_or_default()
}

/// The sentences of an application's "why", as one text.
fn why(application: &Value) -> String {
    words(&application["why"]["sentences"]).join("")
}

// ---- the home's seat ----------------------------------------------------------------------------------------------

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

// ---- allocation and draws -----------------------------------------------------------------------------------------

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
        assert_eq!(pointers(&season.admin.post(&draws, body).send().expect(422).json)[0].0, pointer);
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

fn sha256(text: &str) -> String {
    let out =
        Command::new("python3").args(["-c", "import hashlib,sys;print(hashlib.sha256(sys.argv[1].encode()).hexdigest())", text]).output();
    String::from_utf8(out.expect("python3 runs").stdout).expect("text").trim().to_owned()
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
    for (changed, code) in [(draw.clone(), 0), (other_line, 1), (other_order, 1), (lighter, 1)] {
        let said = verdict(&changed);
        assert_eq!(said["valid"], json!(code == 0), "{said}");
        assert_eq!(said["reasons"].as_array().map(Vec::is_empty), Some(code == 0));
        let file = std::env::temp_dir().join(format!("jiazai-test-{}.json", unique("draw")));
        fs::write(&file, changed.to_string()).expect("a file");
        let program = run(&["verify-draw", file.to_str().expect("a path")], &[], 60);
        assert_eq!(program.code, Some(code), "{program:?}");
        let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify_draw.py");
        let python = Command::new("python3").arg(checker).arg(&file).output().expect("python3 runs");
        assert_eq!(python.status.code(), Some(code), "{python:?}");
        let _ = fs::remove_file(file);
    }
}

#[test]
fn a_draw_document_that_cannot_be_read_is_told_so() {
    for (content, code) in
        [("", Some(1)), ("{}", Some(1)), ("[1]", Some(1)), (r#"{"method":"dice","roster_hash":"","roster":[],"order":[]}"#, Some(1))]
    {
        let file = std::env::temp_dir().join(format!("jiazai-test-{}.json", unique("draw")));
        fs::write(&file, content).expect("a file");
        let said = run(&["verify-draw", file.to_str().expect("a path")], &[], 60);
        assert!(said.code == code && !said.stderr.contains("panicked"), "{said:?}");
        let _ = fs::remove_file(file);
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

// ---- what is published --------------------------------------------------------------------------------------------

#[test]
fn the_public_list_is_masked_and_the_full_one_is_for_those_who_run_the_round() {
    let season = Season::open(shared(), &[1]);
    let (_, a) = season.confirmed("2019-01-01");
    let (_, b) = season.confirmed("2020-01-01");
    let at = season.path("/placements");
    let public = || items(&season.server.anon().get(&at).expect(200)).clone();
    assert!(public().is_empty(), "nothing is listed yet");
    season.steps(&["close", "list"]);
    let listed = public();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|line| line["school_id"].is_null() && line["batch"] == 1 && line["name"] == "张*雨"), "{listed:?}");
    season.step("allocate");
    assert!(public().iter().all(|line| line["school_id"].is_null()), "not before it is announced");
    let full = season.admin.get(&at).expect(200);
    let placed = items(&full).iter().find(|line| line["receipt"] == a["receipt"]).expect("in the list");
    assert_eq!((text(placed, "name"), text(placed, "tier"), text(placed, "school_name")), ("张小雨", "local", "样例第1小学"));
    season.step("announce");
    let announced = public();
    let line = |of: &Value| announced.iter().find(|line| line["receipt"] == of["receipt"]).expect("in the list").clone();
    assert_eq!((text(&line(&a), "school_id"), text(&line(&b), "state")), (season.schools[0].as_str(), "waiting"));
    assert!(line(&a).get("tier").is_none() && line(&a).get("application_id").is_none(), "{}", line(&a));
    // Another community's administrator is everybody to this round.
    let elsewhere = season.server.staff("enroladmin").get(&at).expect(200);
    assert_eq!(text(&items(&elsewhere)[0], "name"), "张*雨");
    season.server.bearer("Bearer nonsense").get(&at).refuse(401, "token_invalid");
    let first = season.server.anon().get(&format!("{at}?limit=1")).expect(200);
    let rest = season.server.anon().get(&format!("{at}?limit=1&cursor={}", text(&first, "next_cursor"))).expect(200);
    assert_eq!(items(&rest).len(), 1);
}

#[test]
fn the_education_bureau_gets_a_file_and_it_is_remembered_who_took_it() {
    let season = Season::open(shared(), &[2]);
    let family = season.family();
    let mut draft = season.draft(&family, "2020-05-01");
    draft["address"] = json!("=1+2");
    let application = season.submit(&family, draft);
    season.confirm(&application);
    season.steps(&["close", "list", "allocate", "announce"]);
    let csv = season.admin.get(&season.path("/placements.csv")).send().expect(200);
    assert_eq!(csv.content_type(), "text/csv");
    let lines: Vec<String> = csv.text().lines().map(str::to_owned).collect();
    assert!(lines.len() == 2 && lines[0].starts_with("receipt,name,sex,"), "{lines:?}");
    assert!(lines[1].contains("张小雨") && lines[1].contains("'=1+2") && !lines[1].contains(&family.child), "{lines:?}");
    let ndjson = season.admin.get(&season.path("/placements.ndjson")).send().expect(200).text();
    let object: Value = serde_json_line(&ndjson);
    assert_eq!((text(&object, "school"), text(&object, "guardian")), ("样例第1小学", "李梅"));
    season.reviewers[0].get(&season.path("/placements.csv")).refuse(403, "forbidden");
    season.server.staff("enroladmin").get(&season.path("/placements.csv")).refuse(404, "not_found");
    let numbers = season.reviewers[0].get(&season.path("/statistics")).expect(200);
    assert_eq!(
        (&numbers["applications"], &numbers["schools"][0]["taken"], &numbers["schools"][0]["first_choices"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!((text(&numbers["tiers"][0], "tier"), &numbers["tiers"][0]["by_state"]["offered"]), ("local", &json!(1)));
}

fn serde_json_line(text: &str) -> Value {
    text.lines().next().expect("a line").parse().expect("JSON")
}

#[test]
fn families_are_told_what_becomes_of_their_child_and_no_message_names_it() {
    let server = Server::start(Options::default());
    let season = Season::open(&server, &[1]);
    let family = season.family();
    let application = season.submit(&family, season.draft(&family, "2020-05-01"));
    let allow = |template: &str, times: u32| {
        let consents = family.parent.get("/me/notice-consents").expect(200);
        let kind = items(&consents).iter().find(|c| c["template"] == template).unwrap_or_else(|| panic!("{consents}")).clone();
        server.sim().subscribe(&family.parent.openid, text(&kind, "template_id"), times);
        for _ in 0..times {
            family.parent.post("/me/notice-consents", json!({ "accepted": [template] })).expect(200);
        }
    };
    allow("enrolment_returned", 1);
    allow("enrolment_progress", 2);
    allow("enrolment_result", 2);
    act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
    act(&season.reviewers[0], &application, "return", json!({ "codes": ["document_missing"] })).expect(200);
    act(&family.parent, &application, "submit", json!({})).expect(200);
    season.confirm(&application);
    season.steps(&["close", "list", "allocate", "announce"]);
    let messages = eventually("four messages arrive", 30, || {
        let mut mine: Vec<Value> = server.sim().messages().into_iter().filter(|m| m["touser"] == family.parent.openid.as_str()).collect();
        mine.reverse();
        (mine.len() >= 4).then_some(mine)
    });
    let phrases: Vec<&str> = messages.iter().map(|m| m["data"]["phrase2"]["value"].as_str().expect("a phrase")).collect();
    assert_eq!(phrases, ["请补正", "审核通过", "公示中", "待确认学位"]);
    assert!(messages.iter().all(|m| !m.to_string().contains("小雨")), "a message lies open on a lock screen");
}

#[test]
fn papers_are_purged_after_the_round_and_what_was_published_stays_checkable() {
    let server = Server::start(Options::default());
    let season = Season::open(&server, &[1]);
    let (family, home) = (season.family(), season.registry.home("1栋", "101"));
    season.bind(&family.parent, &home);
    let mut draft = season.draft(&family, "2019-01-01");
    draft["home_id"] = json!(home);
    let application = season.submit(&family, draft);
    act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
    act(&season.reviewers[0], &application, "return", json!({ "reason": "祖母患病证明缺页" })).expect(200);
    act(&family.parent, &application, "submit", json!({})).expect(200);
    season.confirm(&application);
    season.confirmed("2020-01-01");
    let permits = season.path("/late-permits");
    let permit = json!({ "applicant_id": server.resident().id(), "until": "2100-01-01T00:00:00Z", "reason": "孩子住院" });
    season.admin.post(&permits, permit).expect(201);
    season.steps(&["close", "list", "allocate", "announce"]);
    act(&family.parent, &application, "accept", json!({})).expect(200);
    let exported = || season.admin.get(&season.path("/placements.csv")).send().expect(200).text();
    assert!(exported().contains(&home));
    let before =
        (season.server.anon().get(&season.path("/placements")).expect(200), season.admin.get(&season.path("/allocation")).expect(200));
    let paper = text(&now(&family.parent, &application)["documents"][0], "file_id").to_owned();
    let retention = || season.server.anon().get(&season.path("/retention")).expect(200);
    assert!(retention()["purge_after"].is_null());
    season.step("finish");
    assert!(retention()["purge_after"].is_string() && retention()["purged_at"].is_null());
    server.sim().advance(181 * DAY);
    let proof = eventually("the papers are purged", 90, || Some(retention()).filter(|proof| proof["purged_at"].is_string()));
    assert_eq!((&proof["applications"], &proof["papers"]), (&json!(2), &json!(2)));
    assert_eq!(sha256(text(&proof, "manifest")), text(&proof, "manifest_hash"));
    assert!(text(&proof, "manifest").contains(text(&application, "receipt")));
    family.parent.get(&format!("/files/{paper}")).refuse(404, "not_found");
    let left = now(&family.parent, &application);
    assert_eq!(
        (&left["purged"], text(&left["child"], "name"), &left["guardians"], &left["facts"]),
        (&json!(true), "张*雨", &Value::Null, &Value::Null)
    );
    assert_eq!((text(&left, "state"), text(&left, "tier")), ("accepted", "local"));
    assert!(!exported().contains(&home) && left["home_id"].is_null(), "where a child lives is nobody's any more");
    assert_eq!(season.admin.get(&permits).expect(200)["items"], json!([]));
    let history = season.admin.get(&format!("{}?limit=100", season.path("/events"))).expect(200);
    assert!(!history.to_string().contains("住院"), "nor why somebody was late");
    let own = season.admin.get(&format!("/enrolment-applications/{}/events?limit=100", text(&application, "id"))).expect(200);
    assert!(!own.to_string().contains("患病") && !why(&left).contains("患病"), "nor what anybody wrote: {own}");
    assert!(why(&left).contains("第 1 志愿录取"), "the reasons stay: {left}");
    let after =
        (season.server.anon().get(&season.path("/placements")).expect(200), season.admin.get(&season.path("/allocation")).expect(200));
    assert_eq!(before, after);
    // Even then false papers are found out.
    act(&season.admin, &application, "revoke", json!({ "reason": "房产证系伪造" })).expect(200);
}
