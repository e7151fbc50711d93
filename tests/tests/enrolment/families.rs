//! Siblings, twins, a home's seat, and what is the same whoever asks.

use jiazai_tests::season::{Season, act, now, plain_rules};
use jiazai_tests::{Client, Family, Options, Server, Value, instant, json, shared, text, unique, words};

use super::path;

/// Handed in from this home and confirmed.
fn from_home(season: &Season, family: &Family, home: &str) -> Value {
    season.bind(&family.parent, home);
    let mut draft = season.draft(family, "2020-05-01");
    draft["home_id"] = json!(home);
    let application = season.submit(family, draft);
    season.confirm(&application)
}

// ---- the home's seat -----------------------------------------------------------------------------------------------

#[test]
fn a_sibling_who_still_sits_keeps_the_homes_seat_when_the_first_is_revoked() {
    let season = Season::open(shared(), &[9]);
    let home = season.registry.home("1栋", "101");
    let (first, mut second, stranger) = (season.family(), season.family(), season.family());
    second.guardian = first.guardian.clone();
    let families = [&first, &second, &stranger];
    let applications = families.map(|family| from_home(&season, family, &home));
    season.steps(&["close", "list", "allocate", "announce"]);
    let accept = |n: usize| act(&families[n].parent, &applications[n], "accept", json!({}));
    accept(0).expect(200);
    accept(1).expect(200);
    let revoke = |n: usize| act(&season.admin, &applications[n], "revoke", json!({ "reason": "房产证系伪造" })).expect(200);
    revoke(0);
    accept(2).refuse(409, "seat_locked");
    revoke(1);
    accept(2).expect(200);
}

#[test]
fn the_precheck_sees_a_taken_seat_as_reviewers_will() {
    let season = Season::open(shared(), &[9]);
    let home = season.registry.home("1栋", "101");
    let (family, neighbour) = (season.family(), season.family());
    let application = from_home(&season, &family, &home);
    season.steps(&["close", "list", "allocate", "announce"]);
    act(&family.parent, &application, "accept", json!({})).expect(200);
    season.bind(&neighbour.parent, &home);
    let round = |exempt: bool| {
        let tier = |code: &str, taken: bool| json!({ "code": code, "batch": 1, "name": code, "when": { "fact": "seat_taken", "op": "eq", "value": taken } });
        let rules = json!({ "tiers": [tier("free", false), tier("taken", true)], "seat_lock_years": 6, "siblings_exempt": exempt });
        let mut draft = season.round_draft(&[9], rules);
        // A year before: the first of its six years is free, the others are not.
        draft["school_year"] = json!(2025);
        let round = season.admin.post("/enrolment-rounds", draft).expect(201);
        season.admin.post(&format!("/enrolment-rounds/{}/publish", text(&round, "id")), json!({})).expect(200);
        format!("/enrolment-rounds/{}/precheck", text(&round, "id"))
    };
    let asked = |who: &Family, round: &str| text(&who.parent.post(round, json!({ "home_id": home })).expect(200), "tier").to_owned();
    let (exempt, strict) = (round(true), round(false));
    assert_eq!(asked(&neighbour, &exempt), "taken");
    assert_eq!(asked(&family, &exempt), "free", "a sibling comes under its family's seat");
    assert_eq!(asked(&family, &strict), "taken", "and waits where siblings are not exempt");
}

// ---- twins ---------------------------------------------------------------------------------------------------------

/// A family with two applications that go together, as drafts; the children have passports, so that any day fits them.
fn twins<'s>(season: &Season<'s>) -> (Family<'s>, [Value; 2], Value) {
    let family = season.family();
    let body = |born_on: &str, twin_of: Option<&Value>| {
        let mut body = season.draft(&family, "2020-05-01");
        let number = format!("P{}", &unique("").replace('x', "7")[..].chars().rev().take(8).collect::<String>());
        body["child"] = json!({ "name": "张小雨", "id_type": "passport", "id_number": number, "sex": "male", "born_on": born_on });
        if let Some(twin) = twin_of {
            body["twin_of"] = twin["id"].clone();
        }
        body
    };
    let first = body("2020-03-04", None);
    let one = season.apply(&family, first.clone());
    let two = season.apply(&family, body("2020-03-05", Some(&one)));
    (family, [one, two], first)
}

#[test]
fn twins_stay_twins_when_one_of_them_is_written_anew() {
    let season = Season::open(shared(), &[9]);
    let (family, [one, _], body) = twins(&season);
    let put = |born_on: &str| {
        let mut body = body.clone();
        body["child"]["born_on"] = json!(born_on);
        family.parent.put(&path(&one), body).header("If-Match", "*")
    };
    assert_eq!(put("2020-03-10").expect(422)["errors"][0]["code"], "not_twins");
    assert_eq!(now(&family.parent, &one)["child"]["born_on"], "2020-03-04", "nothing was changed");
    put("2020-03-06").expect(200);
}

#[test]
fn a_twin_who_is_left_alone_keeps_a_place_in_the_draw() {
    let season = Season::open(shared(), &[1]);
    let (family, both, _) = twins(&season);
    for one in &both {
        act(&family.parent, one, "submit", json!({})).expect(200);
        season.confirm(one);
    }
    let (other, application) = season.confirmed("2020-05-01");
    season.step("close");
    let draw = season.admin.post(&season.path("/draws"), json!({ "kind": "ring" })).expect(201);
    let roster = words(&draw["roster"]);
    assert_eq!(roster.len(), 3, "every child has a number");
    let mut both = both.to_vec();
    both.sort_by_key(|one| text(one, "receipt").to_owned());
    let (lower, left) = (&both[0], &both[1]);
    act(&family.parent, lower, "withdraw", json!({})).expect(200);
    let number = roster.iter().position(|receipt| receipt == text(left, "receipt")).expect("in the roster") + 1;
    let reveal = json!({ "start": number, "interval": 1 });
    season.admin.post(&format!("/enrolment-draws/{}/reveal", text(&draw, "id")), reveal).expect(200);
    season.steps(&["list", "allocate", "announce"]);
    assert_eq!(text(&now(&family.parent, left), "state"), "offered");
    assert_eq!(text(&now(&other.parent, &application), "state"), "waiting");
}

// ---- objections, drafts, leave -------------------------------------------------------------------------------------

#[test]
fn an_objection_that_is_sent_back_still_keeps_the_round_open() {
    let season = Season::open(shared(), &[3]);
    let family = season.family();
    let application = season.submit(&family, season.draft(&family, "2020-05-01"));
    let reviewer = &season.reviewers[0];
    act(reviewer, &application, "claim", json!({})).expect(200);
    act(reviewer, &application, "reject", json!({ "reason": "户口簿过期" })).expect(200);
    season.steps(&["close", "list", "allocate", "announce"]);
    act(&family.parent, &application, "object", json!({ "reason": "户口簿已换新" })).expect(200);
    act(reviewer, &application, "claim", json!({})).expect(200);
    let refused = || {
        season.admin.post(&season.path("/finish"), json!({ "early": true, "reason": "测试" })).refuse(409, "objections_pending");
    };
    act(reviewer, &application, "return", json!({ "codes": ["document_expired"] })).expect(200);
    refused();
    act(&family.parent, &application, "submit", json!({})).expect(200);
    refused();
    season.confirm(&application);
    season.step("finish");
}

#[test]
fn a_resident_keeps_twenty_drafts_in_a_round_and_no_more() {
    let season = Season::open(shared(), &[3]);
    let family = season.family();
    let another = || {
        let mut draft = season.bare_draft(&family);
        let child = season.family();
        draft["child"]["id_number"] = json!(child.child);
        draft["child"]["sex"] = json!(if child.girl { "female" } else { "male" });
        draft
    };
    let first = season.apply(&family, another());
    for _ in 1..20 {
        season.apply(&family, another());
    }
    family.parent.post("/enrolment-applications", another()).refuse(409, "too_many_drafts");
    act(&family.parent, &first, "submit", json!({})).expect(200);
    season.apply(&family, another());
}

#[test]
fn who_may_hand_in_late_is_told_everything_that_is_wrong_at_once() {
    let season = Season::open(shared(), &[3]);
    season.step("close");
    let body = json!({ "applicant_id": "usr_01h455vb4pex5vsknk084sn02q", "until": instant(season.server, -60), "reason": "住院" });
    let refused = season.admin.post(&season.path("/late-permits"), body).expect(422);
    let mut pointers: Vec<&str> = refused["errors"].as_array().expect("errors").iter().map(|e| text(e, "pointer")).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/applicant_id", "/until"]);
}

// ---- what has changed though nobody changed it ---------------------------------------------------------------------

#[test]
fn nothing_new_is_only_said_of_what_would_look_the_same() {
    let server = Server::start(Options::default());
    let season = Season::drafted(&server, &[3], plain_rules());
    let mut body = season.round_draft(&[3], plain_rules());
    for (name, after) in [("register_to", 300), ("review_to", 600)] {
        body["calendar"][name] = json!(instant(&server, after));
    }
    season.admin.put(&season.path(""), body).header("If-Match", "*").expect(200);
    season.steps(&["publish", "open"]);
    let family = season.family();
    let draft = season.apply(&family, season.draft(&family, "2020-05-01"));
    let seen = || family.parent.get(&path(&draft)).header("If-None-Match", "\"1\"").send();
    seen().expect(304);
    family.parent.get(&path(&draft)).expect(200);
    seen().expect(304);
    server.sim().advance(400);
    let later = seen().expect(200);
    assert_eq!((later.must("etag"), words(&later.json["allowed_actions"])), ("\"1\"", vec!["withdraw".to_owned()]));
    seen().expect(304);
    let withdraw = act(&family.parent, &draft, "withdraw", json!({})).header("If-Match", later.must("etag")).expect(200);
    assert_eq!(withdraw["version"], json!(2));
}

// ---- programs ------------------------------------------------------------------------------------------------------

#[test]
fn a_key_runs_a_round_but_is_no_reviewer_and_opens_no_papers() {
    let season = Season::open(shared(), &[3]);
    let family = season.family();
    let application = season.submit(&family, season.draft(&family, "2020-05-01"));
    let file = format!("/files/{}", text(&application["documents"][0], "file_id"));
    let scopes = ["enrolment:read", "enrolment:write", "enrolment:export", "files:read"];
    let key = json!({ "name": unique("局"), "scopes": scopes, "community_id": season.registry.id });
    let key = season.server.staff("admin").post("/api-keys", key).expect(201);
    let program = season.server.bearer(format!("Bearer {}", text(&key, "key")));
    let seen = program.get(&path(&application)).expect(200);
    assert_eq!((text(&seen["child"], "name"), &seen["guardians"], &seen["documents"]), ("张*雨", &Value::Null, &Value::Null));
    assert_eq!(words(&seen["allowed_actions"]), Vec::<String>::new());
    program.get(&file).refuse(404, "not_found");
    let act_as_program = |action: &str, body: Value| program.post(&format!("{}/{action}", path(&application)), body);
    act_as_program("claim", json!({})).refuse(403, "forbidden");
    act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
    act_as_program("verify", json!({})).refuse(403, "forbidden");
    act(&season.reviewers[0], &application, "verify", json!({})).expect(200);
    act_as_program("recheck", json!({})).refuse(403, "forbidden");
    act_as_program("revoke", json!({ "reason": "程序" })).refuse(403, "forbidden");
    act(&season.reviewers[1], &application, "recheck", json!({})).expect(200);
    program.post(&season.path("/close"), json!({ "early": true, "reason": "程序按日程截止" })).expect(200);
    program.get(&season.path("/placements.csv")).send().expect(200);
}
