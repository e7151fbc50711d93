//! Where fairness is at stake: whom a rule or a draw might pass over, and who holds a child's place.

use jiazai_tests::season::{Season, act, now, plain_rules, why};
use jiazai_tests::{Client, Family, Options, Server, Value, faults, items, json, shared, text, words};

use super::{DAY, migrant, rejected, state};

fn early() -> Value {
    json!({ "early": true, "reason": "测试提前进行" })
}

// ---- the child's place ---------------------------------------------------------------------------------------------

#[test]
fn a_strangers_draft_keeps_nobody_out_for_long_and_what_is_handed_in_holds_the_child() {
    let server = Server::start(Options::default());
    let season = Season::open(&server, &[3]);
    let (stranger, parent) = (season.family(), season.family());
    let of_parents_child = |who: &Family| {
        let mut draft = season.bare_draft(who);
        draft["child"] = season.bare_draft(&parent)["child"].clone();
        draft
    };
    let begin = |who: &Family| who.parent.post("/enrolment-applications", of_parents_child(who)).expect(201);
    let refused = |who: &Family| {
        who.parent.post("/enrolment-applications", of_parents_child(who)).refuse(409, "child_already_registered");
    };
    let squatting = begin(&stranger);
    refused(&parent);
    server.sim().advance(1801);
    // Beginning again and again keeps nobody out again and again.
    act(&stranger.parent, &squatting, "withdraw", json!({})).expect(200);
    let again = begin(&stranger);
    let own = begin(&parent);
    act(&parent.parent, &own, "submit", json!({})).expect(200);
    act(&stranger.parent, &again, "submit", json!({})).refuse(409, "child_already_registered");
    assert_eq!(state(&stranger, &again), "draft");
    refused(&season.family());
    // Struck out, it holds nothing.
    act(&season.admin, &own, "revoke", json!({ "reason": "冒名登记" })).expect(200);
    act(&stranger.parent, &again, "submit", json!({})).expect(200);
    act(&season.admin, &again, "revoke", json!({ "reason": "冒名登记" })).expect(200);
    let anew = begin(&season.family());
    assert_eq!(text(&anew, "state"), "draft");
}

#[test]
fn who_writes_a_childs_number_into_a_draft_again_and_again_keeps_nobody_out_again_and_again() {
    let server = Server::start(Options::default());
    let season = Season::open(&server, &[3]);
    let (stranger, parent) = (season.family(), season.family());
    let mut about = season.bare_draft(&stranger);
    about["child"] = season.bare_draft(&parent)["child"].clone();
    let squatting = season.apply(&stranger, about.clone());
    let write = |body: &Value| {
        let path = format!("/enrolment-applications/{}", text(&squatting, "id"));
        stranger.parent.put(&path, body.clone()).header("If-Match", "*").expect(200);
    };
    server.sim().advance(1_740);
    write(&season.bare_draft(&stranger));
    write(&about);
    server.sim().advance(120);
    season.apply(&parent, season.bare_draft(&parent));
}

#[test]
fn nobody_begins_without_end_what_they_withdraw_again() {
    let season = Season::open(shared(), &[3]);
    let family = season.family();
    for n in 1..=300 {
        let begun = season.apply(&family, season.bare_draft(&family));
        act(&family.parent, &begun, "withdraw", json!({})).expect(200);
        if n % 100 == 1 {
            let page = family.parent.get("/enrolment-applications?state=withdrawn&limit=1").expect(200);
            assert_eq!(text(&items(&page)[0], "id"), text(&begun, "id"));
        }
    }
    family.parent.post("/enrolment-applications", season.bare_draft(&family)).refuse(409, "too_many_applications");
}

#[test]
fn a_family_filters_its_own_by_what_it_may_know() {
    let season = Season::open(shared(), &[1]);
    let (family, application) = season.confirmed("2020-05-01");
    let own = |state: &str| items(&family.parent.get(&format!("/enrolment-applications?state={state}")).expect(200)).len();
    season.steps(&["close", "list", "allocate"]);
    assert_eq!((own("listed"), own("offered"), own("waiting")), (1, 0, 0), "what was allocated is not announced");
    assert_eq!(state(&family, &application), "listed");
    season.step("announce");
    assert_eq!((own("listed"), own("offered"), own("waiting")), (0, 1, 0));
}

#[test]
fn a_family_whose_application_was_rejected_objects_or_registers_anew_but_not_both() {
    let season = Season::open(shared(), &[3]);
    let (family, application) = rejected(&season, "2020-05-01");
    let again = season.submit(&family, season.draft(&family, "2020-05-01"));
    act(&family.parent, &application, "object", json!({ "reason": "已换新" })).refuse(409, "child_already_registered");
    act(&family.parent, &again, "withdraw", json!({})).expect(200);
    act(&family.parent, &application, "object", json!({ "reason": "已换新" })).expect(200);
    // Who rejected it does not do so again, alone.
    act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
    act(&season.reviewers[0], &application, "reject", json!({ "reason": "仍看不清" })).refuse(403, "same_reviewer");
    act(&season.reviewers[0], &application, "verify", json!({})).expect(200);
    act(&season.reviewers[1], &application, "recheck", json!({})).expect(200);
}

// ---- what the rules know -------------------------------------------------------------------------------------------

#[test]
fn honest_families_are_verified_by_rules_that_ask_whose_the_homes_seat_is() {
    let samples = shared().anon().get("/meta/enrolment-rule-sets").expect(200);
    let yongan = items(&samples).iter().find(|sample| sample["code"] == "yongan").expect("the sample").clone();
    let season = Season::open_with(shared(), &[3], yongan["rules"].clone());
    let family = season.family();
    let home = season.registry.home("1栋", "101");
    season.bind(&family.parent, &home);
    let facts =
        json!({ "same_address": true, "house_in_zone": true, "house_zoned": true, "house_on": "2020-01-01", "house_owner": "parent" });
    let asked = season.path("/precheck");
    let told = family.parent.post(&asked, json!({ "home_id": home, "facts": facts })).expect(200);
    let mut draft = season.bare_draft(&family);
    draft["home_id"] = json!(home);
    draft["facts"] = facts;
    let file = || jiazai_tests::season::paper(&family.parent);
    draft["documents"] = json!([{ "kind": "hukou_book", "file_id": file() }, { "kind": "vaccination", "file_id": file() }, { "kind": "deed", "file_id": file() }]);
    let application = season.submit(&family, draft);
    assert_eq!((text(&application, "tier"), &told["tier"]), ("zone", &application["tier"]), "{application}");
    let confirmed = season.confirm(&application);
    assert_eq!((text(&confirmed, "tier"), text(&confirmed, "filed_tier")), ("zone", "zone"));
}

#[test]
fn a_corrected_date_needs_a_reason_and_the_family_reads_it() {
    let season = Season::open(shared(), &[3]);
    let family = season.family();
    let application = season.submit(&family, season.draft(&family, "2020-05-01"));
    let reviewer = &season.reviewers[0];
    act(reviewer, &application, "claim", json!({})).expect(200);
    let corrected = json!({ "facts": { "hukou_on": "2021-05-01" } });
    let problem = act(reviewer, &application, "verify", corrected.clone()).refuse(422, "difference_unexplained");
    assert_eq!(faults(&problem)[0].0, "/reason");
    act(reviewer, &application, "verify", json!({ "facts": corrected["facts"], "reason": "按户口簿第 3 页" })).expect(200);
    let told = why(&now(&family.parent, &application));
    assert!(told.contains("审核更正了户口迁入日期") && told.contains("按户口簿第 3 页"), "{told}");
}

#[test]
fn what_orders_a_batch_is_asked_for_before_it_is_verified() {
    let mut rules = plain_rules();
    rules["tie_break"] = json!(["earlier:permit_on", "draw"]);
    let season = Season::open_with(shared(), &[3], rules);
    let family = season.family();
    let asked = family.parent.post(&season.path("/precheck"), json!({ "facts": { "hukou_on": "2020-05-01" } })).expect(200);
    let missing = |told: &Value| told["missing_facts"].as_array().expect("a list").iter().any(|one| one["fact"] == "permit_on");
    assert!(text(&asked, "tier") == "local" && missing(&asked), "{asked}");
    let none = json!({ "facts": { "hukou_on": "2020-05-01", "permit_on": null } });
    assert!(!missing(&family.parent.post(&season.path("/precheck"), none).expect(200)));
    let application = season.submit(&family, season.draft(&family, "2020-05-01"));
    let reviewer = &season.reviewers[0];
    act(reviewer, &application, "claim", json!({})).expect(200);
    let problem = act(reviewer, &application, "verify", json!({})).refuse(409, "undecided");
    assert!(text(&problem, "detail").contains("居住证签发日期"), "{problem}");
    act(reviewer, &application, "verify", json!({ "facts": { "permit_on": null }, "reason": "没有居住证" })).expect(200);
}

#[test]
fn the_nearer_child_gets_the_seat_and_both_read_how_far_it_is() {
    let mut rules = plain_rules();
    rules["tie_break"] = json!(["distance"]);
    let season = Season::open_with(shared(), &[1], rules);
    let [reviewer, second] = &season.reviewers;
    let claimed = || {
        let family = season.family();
        let application = season.submit(&family, season.draft(&family, "2020-05-01"));
        act(reviewer, &application, "claim", json!({})).expect(200);
        (family, application)
    };
    let [(near, a), (far, b), (nowhere, c)] = [claimed(), claimed(), claimed()];
    let problem = act(reviewer, &a, "verify", json!({})).refuse(409, "undecided");
    assert!(text(&problem, "detail").contains(&season.schools[0]), "{problem}");
    let way = |metres: i64| json!({ "distances": [{ "school_id": season.schools[0], "metres": metres }] });
    let elsewhere = json!({ "distances": [{ "school_id": "sch_01h455vb4pex5vsknk084sn02q", "metres": 5 }] });
    assert_eq!(faults(&act(reviewer, &a, "verify", elsewhere).send().expect(422).json)[0].0, "/distances/0/school_id");
    let mut twice = way(5);
    twice["distances"].as_array_mut().expect("a list").push(way(6)["distances"][0].clone());
    assert_eq!(faults(&act(reviewer, &a, "verify", twice).send().expect(422).json)[0].0, "/distances/1/school_id");
    for (application, body) in [(&a, way(650)), (&b, way(800)), (&c, json!({ "reason": "地址为新建小区，暂无法测距" }))] {
        act(reviewer, application, "verify", body).expect(200);
        act(second, application, "recheck", json!({})).expect(200);
    }
    assert_eq!(now(&near.parent, &a)["distances"], way(650)["distances"]);
    season.steps(&["close", "list", "allocate", "announce"]);
    assert_eq!([state(&near, &a), state(&far, &b), state(&nowhere, &c)], ["offered", "waiting", "waiting"]);
    let told = why(&now(&far.parent, &b));
    assert!(told.contains("距离（米） 800，后于最后录取者 650"), "{told}");
    assert!(why(&now(&nowhere.parent, &c)).contains("距离（米） 未知，后于最后录取者 650"));
    // The seat goes to the next nearest.
    act(&near.parent, &a, "decline", json!({})).expect(200);
    assert_eq!([state(&far, &b), state(&nowhere, &c)], ["offered", "waiting"]);
}

#[test]
fn everything_wrong_with_an_application_is_told_at_once_also_what_a_passport_does_not_say() {
    let season = Season::open(shared(), &[3]);
    let family = season.family();
    let mut draft = season.bare_draft(&family);
    draft["child"] = json!({ "name": "张小雨", "id_type": "passport", "id_number": "P1234567" });
    draft["guardians"][0]["phone"] = json!("12345");
    draft["facts"]["hukou"] = json!(true);
    let problem = family.parent.post("/enrolment-applications", draft).send().expect(422).json;
    let expected = [
        ("/child/born_on", "required"),
        ("/child/sex", "required"),
        ("/facts/hukou", "unknown_fact"),
        ("/guardians/0/phone", "phone_format"),
    ];
    assert_eq!(faults(&problem), expected.map(|(at, code)| (at.to_owned(), code.to_owned())));
}

#[test]
fn a_guardian_agrees_to_the_text_that_the_round_publishes() {
    let server = shared();
    let season = Season::drafted(server, &[3], plain_rules());
    let mut body = season.round_draft(&[3], plain_rules());
    body["consent"] = json!({ "version": "2026-2", "text": "本人系儿童的监护人，同意……" });
    let round = season.admin.put(&season.path(""), body).header("If-Match", "*").expect(200);
    assert_eq!(text(&round["consent"], "version"), "2026-2");
    season.steps(&["publish", "open"]);
    let family = season.family();
    let problem = family.parent.post("/enrolment-applications", season.bare_draft(&family)).send().expect(422).json;
    assert_eq!(faults(&problem), [("/consent/version".to_owned(), "other_consent".to_owned())]);
    let mut draft = season.bare_draft(&family);
    draft["consent"]["version"] = json!("2026-2");
    assert_eq!(text(&season.apply(&family, draft)["consent"], "version"), "2026-2");
}

// ---- zones ---------------------------------------------------------------------------------------------------------

#[test]
fn zones_by_buildings_and_by_doors_say_which_schools_may_be_chosen_and_are_wished_for() {
    let mut rules = plain_rules();
    rules["choices_in_zone_only"] = json!(true);
    let season = Season::drafted(shared(), &[3, 3], rules.clone());
    let map = season.registry.manager.get(&season.registry.at("map")).expect(200);
    let building = map["buildings"].as_array().expect("buildings").iter().find(|b| b["name"] == "1栋").expect("1栋")["id"].clone();
    let mut body = season.round_draft(&[3, 3], rules);
    body["zones"] = json!([
        { "school_id": season.schools[0], "building_id": building },
        { "school_id": season.schools[1], "street": "东涂街", "door_from": 1, "door_to": 99, "parity": "odd" }]);
    season.admin.put(&season.path(""), body).header("If-Match", "*").expect(200);
    season.steps(&["publish", "open"]);
    let home = season.registry.home("1栋", "101");
    let (inside, street) = (season.family(), season.family());
    season.bind(&inside.parent, &home);
    let draft = |family: &Family, at: Value, choices: &[usize]| {
        let mut draft = season.draft(family, "2020-05-01");
        for (field, value) in at.as_object().expect("an object") {
            draft[field] = value.clone();
        }
        draft["choices"] = json!(choices.iter().map(|n| season.schools[*n].clone()).collect::<Vec<_>>());
        draft
    };
    let outside = [("/choices/0".to_owned(), "choice_outside_zone".to_owned())];
    let refused = |family: &Family, body: Value| {
        assert_eq!(faults(&family.parent.post("/enrolment-applications", body).send().expect(422).json), outside);
    };
    refused(&inside, draft(&inside, json!({ "home_id": home }), &[1]));
    let asked = json!({ "home_id": home, "choices": [season.schools[1]], "facts": { "lease_until": "2020-01-01" } });
    let problem = inside.parent.post(&season.path("/precheck"), asked).send().expect(422).json;
    let both = [("/choices/0", "choice_outside_zone"), ("/facts/lease_until", "lease_expired")];
    assert_eq!(faults(&problem), both.map(|(at, code)| (at.to_owned(), code.to_owned())), "the precheck says what the hand-in would");
    refused(&street, draft(&street, json!({ "address": "东涂街 8 号 301" }), &[1]));
    refused(&street, draft(&street, json!({ "address": "东涂街 7 号 301" }), &[0]));
    // Who chooses nothing is placed at the school of the zone, and counted where the seats are scarce.
    let pressure = || inside.parent.post(&season.path("/precheck"), json!({ "home_id": home })).expect(200)["registered"].clone();
    assert_eq!(pressure(), json!(0));
    let silent = season.submit(&inside, draft(&inside, json!({ "home_id": home }), &[]));
    assert_eq!(pressure(), json!(1));
    let walker = season.submit(&street, draft(&street, json!({ "address": "东涂街 7 号 301" }), &[]));
    season.confirm(&silent);
    season.confirm(&walker);
    season.steps(&["close", "list", "allocate", "announce"]);
    let school = |family: &Family, application: &Value| text(&now(&family.parent, application), "school_id").to_owned();
    assert_eq!((school(&inside, &silent), school(&street, &walker)), (season.schools[0].clone(), season.schools[1].clone()));
}

// ---- nobody is passed over in silence ------------------------------------------------------------------------------

#[test]
fn a_round_goes_on_over_somebody_who_is_not_decided_about_only_with_a_reason() {
    let server = Server::start(Options::default());
    let season = Season::open(&server, &[3]);
    let family = season.family();
    let application = season.submit(&family, season.bare_draft(&family));
    season.step("close");
    server.sim().advance(21 * DAY);
    let refused = |step: &str| {
        let problem = season.admin.post(&season.path(step), json!({})).refuse(409, "undecided");
        assert!(text(&problem, "detail").contains("1 份") && problem["state"].is_string(), "{problem}");
    };
    refused("/list");
    season.admin.post(&season.path("/draws"), json!({ "kind": "ring" })).refuse(409, "undecided");
    season.admin.post(&season.path("/list"), early()).expect(200);
    server.sim().advance(10 * DAY);
    refused("/allocate");
    season.admin.post(&season.path("/allocate"), early()).expect(200);
    season.step("announce");
    server.sim().advance(20 * DAY);
    refused("/finish");
    season.confirm(&application);
    // Now there is a seat for it, and its three days to answer; only then the round is over.
    assert_eq!(state(&family, &application), "offered");
    season.admin.post(&season.path("/finish"), json!({})).refuse(409, "too_early");
    act(&family.parent, &application, "accept", json!({})).expect(200);
    season.admin.post(&season.path("/finish"), json!({})).expect(200);
}

#[test]
fn who_comes_after_the_draw_is_drawn_too_and_never_ordered_by_a_receipt() {
    let season = Season::open(shared(), &[2]);
    let families: Vec<(Family, Value)> = (0..3).map(|_| season.confirmed("2020-05-01")).collect();
    let (late, objecting) = rejected(&season, "2020-05-01");
    season.steps(&["close", "list"]);
    let draws = season.path("/draws");
    let ring = |number: i64| {
        let draw = season.admin.post(&draws, json!({ "kind": "ring" })).expect(201);
        assert_eq!(draw["number"], json!(number));
        let reveal = format!("/enrolment-draws/{}/reveal", text(&draw, "id"));
        season.admin.post(&draws, json!({ "kind": "ring" })).refuse(409, "draw_exists");
        season.admin.post(&reveal, json!({ "start": 1, "interval": 1 })).expect(200)
    };
    let first = ring(1);
    season.admin.post(&draws, json!({ "kind": "ring" })).refuse(409, "draw_exists");
    // With the order known, nobody takes a seat away from whom it hits.
    let plan = |seats: i64| json!({ "seat_plans": [{ "school_id": season.schools[0], "seats": seats }], "reason": "调整" });
    season.admin.post(&season.path("/seat-plans"), plan(1)).refuse(409, "seats_lowered");
    act(&late.parent, &objecting, "object", json!({ "reason": "已换新" })).expect(200);
    season.admin.post(&draws, json!({ "kind": "ring" })).refuse(409, "draw_exists");
    season.confirm(&objecting);
    season.admin.post(&season.path("/allocate"), early()).refuse(409, "draw_needed");
    let second = ring(2);
    assert_eq!((words(&first["roster"]).len(), words(&second["order"])), (3, vec![text(&objecting, "receipt").to_owned()]));
    let served = season.server.anon().get(&season.path("/draw?number=2")).expect(200);
    assert_eq!(served["id"], second["id"]);
    let verdict = season.server.anon().post(&format!("/enrolment-draws/{}/verify", text(&second, "id")), json!({})).expect(200);
    assert_eq!(verdict["valid"], json!(true));
    season.steps(&["allocate", "announce"]);
    let last = now(&late.parent, &objecting);
    assert!(text(&last, "state") == "waiting" && why(&last).contains("摇号顺序 4，后于最后录取者 2"), "{last}");
    let offered = families.iter().filter(|(family, application)| state(family, application) == "offered").count();
    assert_eq!(offered, 2);
}

#[test]
fn who_is_upheld_late_waits_in_the_place_of_their_batch() {
    let season = Season::open(shared(), &[1]);
    let (first, a) = season.confirmed("2019-05-01");
    let (second, b) = migrant(&season);
    let (late, objecting) = rejected(&season, "2020-05-01");
    season.steps(&["close", "list"]);
    act(&late.parent, &objecting, "object", json!({ "reason": "已换新" })).expect(200);
    season.steps(&["allocate", "announce"]);
    season.confirm(&objecting);
    assert_eq!((state(&second, &b), state(&late, &objecting)), ("waiting".to_owned(), "waiting".to_owned()));
    act(&first.parent, &a, "decline", json!({})).expect(200);
    assert_eq!((state(&second, &b), state(&late, &objecting)), ("waiting".to_owned(), "offered".to_owned()), "the first batch first");
}

#[test]
fn seats_that_come_free_are_given_by_wishes_and_wait_for_a_draw_where_one_decides() {
    let season = Season::open(shared(), &[1, 1]);
    let choose = |day: &str, choices: &[usize]| {
        let family = season.family();
        let mut draft = season.draft(&family, day);
        draft["choices"] = json!(choices.iter().map(|n| season.schools[*n].clone()).collect::<Vec<_>>());
        let application = season.submit(&family, draft);
        season.confirm(&application);
        (family, application)
    };
    let holders = [choose("2019-01-01", &[0]), choose("2019-01-02", &[1])];
    let both = choose("2020-01-01", &[1, 0]);
    let alike = [choose("2020-05-01", &[0]), choose("2020-05-01", &[0])];
    season.steps(&["close", "list", "allocate", "announce"]);
    act(&holders[0].0.parent, &holders[0].1, "decline", json!({})).expect(200);
    let seen = now(&both.0.parent, &both.1);
    assert_eq!(text(&seen, "school_id"), season.schools[0], "the better date, at the school that is free");
    act(&both.0.parent, &both.1, "decline", json!({})).expect(200);
    let waiting = || alike.iter().map(|(family, application)| state(family, application)).collect::<Vec<_>>();
    assert_eq!(waiting(), ["waiting", "waiting"], "neither is told apart from the other by anything but a receipt");
    let draw = season.admin.post(&season.path("/draws"), json!({ "kind": "ring" })).expect(201);
    assert_eq!(words(&draw["roster"]).len(), 2);
    let reveal = format!("/enrolment-draws/{}/reveal", text(&draw, "id"));
    let revealed = season.admin.post(&reveal, json!({ "start": 2, "interval": 1 })).expect(200);
    let lucky = &words(&revealed["order"])[0];
    for (family, application) in &alike {
        let expected = if text(application, "receipt") == lucky { "offered" } else { "waiting" };
        assert_eq!(state(family, application), expected);
    }
}

#[test]
fn a_listed_family_objects_to_its_batch_before_seats_are_given_by_it() {
    let season = Season::open(shared(), &[1]);
    let (family, application) = season.confirmed("2020-05-01");
    season.steps(&["close", "list"]);
    assert!(words(&now(&family.parent, &application)["allowed_actions"]).contains(&"object".to_owned()));
    act(&family.parent, &application, "object", json!({ "reason": "应为第一批" })).expect(200);
    assert_eq!(state(&family, &application), "objection");
    season.confirm(&application);
    assert_eq!(state(&family, &application), "listed");
    season.steps(&["allocate", "announce"]);
    act(&family.parent, &application, "object", json!({ "reason": "再次" })).refuse(409, "state_conflict");
}

#[test]
fn public_numbers_come_from_the_source_that_was_published_with_the_roster() {
    let season = Season::open(shared(), &[1]);
    for _ in 0..3 {
        season.confirmed("2020-05-01");
    }
    season.step("close");
    let seed_hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"; // of "secret"
    let body = |extra: Value| {
        let mut body = json!({ "kind": "sealed_seed", "commitment": seed_hash });
        extra.as_object().expect("fields").iter().for_each(|(k, v)| body[k] = v.clone());
        body
    };
    let draws = season.path("/draws");
    for half in [json!({ "public_digits": 4 }), json!({ "public_source": "福建体彩 7 月 20 日" })] {
        let problem = season.admin.post(&draws, body(half)).send().expect(422).json;
        assert_eq!(faults(&problem)[0].0, "/public_source");
    }
    let source = json!({ "public_source": "福建体彩 7 月 20 日", "public_digits": 4 });
    let draw = season.admin.post(&draws, body(source)).expect(201);
    assert_eq!((text(&draw, "public_source"), &draw["public_digits"]), ("福建体彩 7 月 20 日", &json!(4)));
    let reveal = format!("/enrolment-draws/{}/reveal", text(&draw, "id"));
    for numbers in [json!({}), json!({ "public_numbers": "071" })] {
        let mut body = json!({ "seed": "secret" });
        numbers.as_object().expect("fields").iter().for_each(|(k, v)| body[k] = v.clone());
        assert_eq!(faults(&season.admin.post(&reveal, body).send().expect(422).json)[0].0, "/public_numbers");
    }
    let revealed = season.admin.post(&reveal, json!({ "seed": "secret", "public_numbers": "07 11" })).expect(200);
    assert_eq!(text(&revealed, "public_numbers"), "0711");
    let verify = |body: Value| season.server.anon().post(&format!("/enrolment-draws/{}/verify", text(&draw, "id")), body).expect(200);
    assert_eq!(verify(json!({}))["valid"], json!(true));
    let mut other = revealed.clone();
    other["public_numbers"] = Value::Null;
    assert_eq!(verify(other)["valid"], json!(false));
}

// ---- the house -----------------------------------------------------------------------------------------------------

#[test]
fn nobody_accepts_on_a_house_that_they_have_left() {
    let season = Season::open(shared(), &[3]);
    let home = season.registry.home("1栋", "101");
    let family = season.family();
    season.bind(&family.parent, &home);
    let mut draft = season.draft(&family, "2020-05-01");
    draft["home_id"] = json!(home);
    let application = season.submit(&family, draft);
    season.confirm(&application);
    season.steps(&["close", "list", "allocate", "announce"]);
    let binding = items(&family.parent.get("/me/home-bindings").expect(200))[0].clone();
    let end = format!("/home-bindings/{}/end", text(&binding, "id"));
    season.registry.manager.post(&end, json!({})).expect(200);
    let problem = act(&family.parent, &application, "accept", json!({})).refuse(409, "home_left");
    let seen = now(&family.parent, &application);
    assert_eq!((text(&seen, "state"), &problem["allowed_actions"]), ("offered", &seen["allowed_actions"]));
    let listed = items(&family.parent.get("/enrolment-applications").expect(200))[0].clone();
    for told in [&seen, &listed] {
        let allowed = words(&told["allowed_actions"]);
        assert!(!allowed.contains(&"accept".to_owned()) && allowed.contains(&"decline".to_owned()), "{allowed:?}");
    }
    season.bind(&family.parent, &home);
    act(&family.parent, &application, "accept", json!({})).expect(200);
}
