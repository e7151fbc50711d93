//! A full season by script, from the announcement to check-in, with three hundred invented families: all classes, a few liars,
//! twins, siblings, a sold house, an objection upheld, a raised seat plan. What the precheck said at the beginning is what was
//! filed. At its end every family's answer to "why" is in its own trace and names the comparison that decided, and the public files verify with the independent checker.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use jiazai_tests::season::{BORN, Season, act, now, paper};
use jiazai_tests::{Client, Family, Folder, Options, Server, Value, json, text, words};

const FAMILIES: usize = 300;
const SEATS: [i64; 4] = [60, 60, 60, 50];
/// Seats that a school gets more: enough for everybody who still wants one.
const RAISED: i64 = 30;
/// People who type at the same time.
const HANDS: usize = 6;

fn rules() -> Value {
    json!({
        "tiers": [
            { "code": "both", "batch": 1, "name": "有户口和房产", "when": { "all": [{ "fact": "hukou_on", "op": "present" }, { "fact": "house_on", "op": "present" }] } },
            { "code": "house", "batch": 2, "name": "有房产无户口", "when": { "fact": "house_on", "op": "present" } },
            { "code": "hukou", "batch": 3, "name": "有户口无房产", "when": { "fact": "hukou_on", "op": "present" } },
            { "code": "migrant", "batch": 4, "name": "随迁子女", "when": { "fact": "migrant", "op": "eq", "value": true } }],
        "documents": [{ "kind": "deed", "when": { "fact": "house_on", "op": "present" } }],
        "tie_break": ["earlier:house_on", "earlier:hukou_on", "draw"], "seat_lock_years": 6, "max_choices": 3, "rest": "wait"
    })
}

/// What is invented of a family by its number.
struct Invented {
    facts: Value,
    deed: bool,
    /// Which schools, by number, the best first.
    choices: Vec<usize>,
}

fn invent(n: usize) -> Invented {
    let month = n % 12 + 1;
    let (hukou, house) = match n % 4 {
        0 => (json!(format!("2020-{month:02}-01")), json!(format!("2019-{month:02}-01"))),
        1 => (Value::Null, json!(format!("2018-{month:02}-15"))),
        2 => (json!(format!("2020-{month:02}-10")), Value::Null),
        _ => (Value::Null, Value::Null),
    };
    let deed = !house.is_null();
    let facts = json!({ "hukou_on": hukou, "house_on": house, "migrant": n % 4 == 3 });
    // The first school is wanted by most: lines differ, and waiting lists are long at one of them.
    let choices = if n.is_multiple_of(3) { vec![0, 1, 2] } else { vec![0, n % 4, (n + 1) % 4] };
    let mut once = Vec::new();
    choices.into_iter().for_each(|c| {
        if !once.contains(&c) {
            once.push(c)
        }
    });
    Invented { facts, deed, choices: once }
}

/// Does something for every number, a few at a time.
fn for_each(count: usize, act: impl Fn(usize) + Sync) {
    let next = Mutex::new(0..count);
    std::thread::scope(|scope| {
        for _ in 0..HANDS {
            scope.spawn(|| {
                loop {
                    let n = next.lock().expect("nobody panicked").next();
                    let Some(n) = n else { return };
                    act(n);
                }
            });
        }
    });
}

#[test]
fn three_hundred_families_go_through_a_season_and_everybody_learns_why() {
    let server = Server::start(Options::default());
    let season = Season::drafted(&server, &SEATS, rules());
    season.step("publish");
    season.step("open");
    let (home, sold) = (season.registry.home("1栋", "101"), season.registry.home("1栋", "102"));

    // ---- register -----------------------------------------------------------------------------------------------------
    let mut families: Vec<Family> = (0..FAMILIES).map(|_| season.family()).collect();
    // Twins 20 and 24 (both of the first class) have one parent; siblings 40 and 44 one guardian and one home; the house of 60
    // was sold to 64.
    families[24].parent = families[20].parent.clone();
    families[24].guardian = families[20].guardian.clone();
    families[44].guardian = families[40].guardian.clone();
    for (n, at) in [(40, &home), (44, &home), (60, &sold), (64, &sold)] {
        season.bind(&families[n].parent, at);
    }
    let applications: Mutex<BTreeMap<usize, Value>> = Mutex::default();
    let register = |n: usize, twin: Option<Value>| {
        let (family, invented) = (&families[n], invent(n));
        let asked = n.is_multiple_of(10).then(|| {
            let body = json!({ "facts": invented.facts, "born_on": BORN });
            family.parent.post(&season.path("/precheck"), body).expect(200)
        });
        let mut draft = season.bare_draft(family);
        draft["facts"] = invented.facts;
        draft["choices"] = json!(invented.choices.iter().map(|c| season.schools[*c].clone()).collect::<Vec<_>>());
        if n == 24 {
            draft["choices"] = json!(invent(20).choices.iter().map(|c| season.schools[*c].clone()).collect::<Vec<_>>());
        }
        if invented.deed {
            draft["documents"] = json!([{ "kind": "deed", "file_id": paper(&family.parent) }]);
        }
        if let Some(twin) = twin {
            draft["twin_of"] = twin;
        }
        for (number, at) in [(40, &home), (44, &home), (60, &sold), (64, &sold)] {
            if n == number {
                draft["home_id"] = json!(at);
            }
        }
        let application = season.submit(family, draft);
        if let Some(asked) = asked {
            assert_eq!((&asked["tier"], &asked["batch"]), (&application["tier"], &application["batch"]), "{asked}");
            assert_eq!(asked["missing_facts"], json!([]));
            assert_eq!(asked["missing_documents"].as_array().map(Vec::is_empty), Some(!invented.deed), "asked before anything is sent");
        }
        applications.lock().expect("nobody panicked").insert(n, application);
    };
    for_each(FAMILIES, |n| {
        if n != 24 {
            register(n, None)
        }
    });
    let elder = applications.lock().expect("nobody panicked")[&20]["id"].clone();
    register(24, Some(elder));
    let applications = applications.into_inner().expect("nobody panicked");
    assert_eq!(applications.len(), FAMILIES);

    // ---- review: every 30th family of the first class has invented its house; 50 is rejected for no good reason ---------
    let liar = |n: usize| n.is_multiple_of(60) && n != 60;
    let [first, second] = &season.reviewers;
    for_each(FAMILIES, |n| {
        let application = &applications[&n];
        act(first, application, "claim", json!({})).expect(200);
        if n == 50 {
            act(first, application, "reject", json!({ "reason": "户口簿看不清" })).expect(200);
            return;
        }
        let body = if liar(n) { json!({ "facts": { "house_on": null }, "reason": "房产证查无此号" }) } else { json!({}) };
        act(first, application, "verify", body).expect(200);
        act(second, application, "recheck", json!({})).expect(200);
    });
    season.step("close");
    season.step("list");

    // ---- an objection upheld --------------------------------------------------------------------------------------------
    act(&families[50].parent, &applications[&50], "object", json!({ "reason": "已补交清晰的户口簿" })).expect(200);
    season.confirm(&applications[&50]);
    assert_eq!(text(&now(&families[50].parent, &applications[&50]), "state"), "listed");

    // ---- draw, allocate, announce ---------------------------------------------------------------------------------------
    let draw = season.admin.post(&season.path("/draws"), json!({ "kind": "ring" })).expect(201);
    assert_eq!(words(&draw["roster"]).len(), FAMILIES, "every child has a number, twins too");
    let revealed =
        season.admin.post(&format!("/enrolment-draws/{}/reveal", text(&draw, "id")), json!({ "start": 88, "interval": 17 })).expect(200);
    let preview = season.admin.post(&season.path("/allocation-preview"), json!({})).expect(200);
    season.step("allocate");
    assert_eq!(season.admin.get(&season.path("/allocation")).expect(200)["digest"], preview["digest"]);
    season.step("announce");
    assert_eq!(preview["placed"], json!(SEATS.iter().sum::<i64>()), "more children than seats: none stays empty");

    // ---- answers: everybody accepts but each seventh, who declines ------------------------------------------------------
    let state = |n: usize| text(&now(&families[n].parent, &applications[&n]), "state").to_owned();
    for twin in [20, 24] {
        assert_eq!(state(twin), "offered");
    }
    assert_eq!(now(&families[20].parent, &applications[&20])["school_id"], now(&families[24].parent, &applications[&24])["school_id"]);
    for n in [40, 44, 60] {
        act(&families[n].parent, &applications[&n], "accept", json!({})).expect(200);
    }
    // The house goes over to 64, and its seat stays with the child who sits on it.
    let bindings = families[60].parent.get("/me/home-bindings").expect(200);
    let end = format!("/home-bindings/{}/end", text(&bindings["items"][0], "id"));
    season.registry.manager.post(&end, json!({})).expect(200);
    let refused = act(&families[64].parent, &applications[&64], "accept", json!({})).refuse(409, "seat_locked");
    assert!(text(&refused, "detail").contains("2032"));
    act(&families[64].parent, &applications[&64], "decline", json!({ "reason": "学位被前房主使用" })).expect(200);
    let special = [20, 24, 40, 44, 60, 64];
    let answer = |n: usize| {
        if special.contains(&n) || state(n) != "offered" {
            return;
        }
        let verb = if n.is_multiple_of(7) { "decline" } else { "accept" };
        act(&families[n].parent, &applications[&n], verb, json!({})).expect(200);
    };
    for_each(FAMILIES, answer);
    for twin in [20, 24] {
        act(&families[twin].parent, &applications[&twin], "accept", json!({})).expect(200);
    }

    // ---- a raised seat plan: those who wait move up, and 64 is found a seat that is not the house's ----------------------
    let raised: Vec<Value> =
        season.schools.iter().zip(SEATS).map(|(id, seats)| json!({ "school_id": id, "seats": seats + RAISED })).collect();
    season.admin.post(&season.path("/seat-plans"), json!({ "seat_plans": raised, "reason": "新建教学楼" })).expect(201);
    for _ in 0..3 {
        for_each(FAMILIES, answer);
    }
    let numbers = season.admin.get(&season.path("/statistics")).expect(200);
    let room = numbers["schools"].as_array().expect("schools").iter().find(|s| s["taken"].as_i64() < s["seats"].as_i64());
    let room = room.unwrap_or_else(|| panic!("there are more seats than children now: {numbers}"));
    let body = json!({ "school_id": room["school_id"], "by_house": false, "reason": "房屋学位被占用，统筹安排" });
    act(&season.admin, &applications[&64], "coordinate", body).expect(200);
    act(&families[64].parent, &applications[&64], "accept", json!({})).expect(200);
    // False papers that came out late.
    act(&season.admin, &applications[&4], "revoke", json!({ "reason": "房产证系伪造" })).expect(200);

    // ---- check-in, and the end ------------------------------------------------------------------------------------------
    for_each(FAMILIES, |n| {
        if state(n) == "accepted" {
            act(first, &applications[&n], "check-in", json!({})).expect(200);
        }
    });
    season.step("finish");

    // ---- everybody's why, and the books ---------------------------------------------------------------------------------
    let taken: Mutex<BTreeMap<String, i64>> = Mutex::default();
    let states: Mutex<BTreeMap<String, usize>> = Mutex::default();
    for_each(FAMILIES, |n| {
        let seen = now(&families[n].parent, &applications[&n]);
        let told = words(&seen["why"]["sentences"]).join("");
        let tier = text(&seen, "tier_name").to_owned();
        assert!(told.contains(&tier), "the rule that decided: {seen}");
        assert_eq!(seen["why"]["allocation"]["receipt"], seen["receipt"], "a trace of their own: {seen}");
        assert!(told.contains("志愿"), "what each school answered: {seen}");
        for step in seen["why"]["allocation"]["steps"].as_array().expect("steps") {
            assert!(told.contains(text(step, "text")), "the comparison that decided: {step} {told}");
            let passed_over = step["result"] == "behind";
            assert!(!passed_over || step["comparison"]["line"].is_string() && told.contains(text(&step["comparison"], "line")), "{step}");
        }
        if liar(n) {
            assert!(tier == "有户口无房产" && told.contains("房产证查无此号"), "{seen}");
        }
        let state = text(&seen, "state").to_owned();
        if state == "enrolled" {
            *taken.lock().expect("fine").entry(text(&seen, "school_id").to_owned()).or_default() += 1;
        }
        *states.lock().expect("fine").entry(state).or_default() += 1;
    });
    let (taken, states) = (taken.into_inner().expect("fine"), states.into_inner().expect("fine"));
    for (school, seats) in season.schools.iter().zip(SEATS) {
        assert!(taken.get(school).copied().unwrap_or(0) <= seats + RAISED, "{taken:?}");
    }
    assert!(taken.values().sum::<i64>() >= 200 && states.contains_key("released"), "{states:?} {taken:?}");
    let told = words(&now(&families[50].parent, &applications[&50])["why"]["sentences"]).join("");
    assert!(told.contains("户口簿看不清") && told.contains("已补交清晰的户口簿"), "{told}");
    let told = words(&now(&families[4].parent, &applications[&4])["why"]["sentences"]).join("");
    assert!(told.contains("房产证系伪造"), "{told}");

    // ---- the public files -----------------------------------------------------------------------------------------------
    let served = server.anon().get(&format!("/enrolment-draws/{}", text(&revealed, "id"))).send().expect(200);
    let folder = Folder::new("season");
    let file = folder.file("draw.json", &served.body);
    let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify_draw.py");
    let verdict = Command::new("python3").arg(checker).arg(&file).output().expect("python3 runs");
    assert!(verdict.status.success(), "{verdict:?}");
    let mut listed = 0;
    let mut at = season.path("/placements?limit=100");
    loop {
        let page = server.anon().get(&at).expect(200);
        let lines = page["items"].as_array().expect("lines").clone();
        assert!(lines.iter().all(|line| line["name"] == "张*雨" && line.get("application_id").is_none()));
        listed += lines.len();
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        at = season.path(&format!("/placements?limit=100&cursor={cursor}"));
    }
    let standing = ["listed", "offered", "waiting", "to_coordinate", "accepted", "enrolled"];
    assert_eq!(listed, standing.iter().map(|word| states.get(*word).copied().unwrap_or(0)).sum::<usize>());
    let csv = season.admin.get(&season.path("/placements.csv")).send().expect(200).text();
    assert_eq!(csv.lines().count(), listed + 1);
}
