//! Schools, the words of the rules, and the precheck.

use jiazai_tests::{Client, Drafted, Registry, Value, faults, id_number, items, json, pairs, shared, text, unique};

use super::season_put;

// ---- schools -------------------------------------------------------------------------------------------------------

#[test]
fn a_school_is_added_by_those_who_run_enrolment_in_all_that_it_serves() {
    let server = shared();
    let (here, elsewhere) = (server.community(), server.other_community());
    let admin = server.staff("enroladmin");
    let body = |name: &str, places: &[&str]| json!({ "name": name, "stage": "primary", "community_ids": places });
    let school = admin.post("/schools", body("东涂小学", &[here])).expect(201);
    assert_eq!((text(&school, "stage"), &school["community_ids"], &school["version"]), ("primary", &json!([here]), &json!(1)));
    for other in [&server.staff("reviewer1"), &server.staff("manager"), &server.staff("admin").hire("enrolment_admin", elsewhere)] {
        other.post("/schools", body("别的小学", &[here])).refuse(403, "forbidden");
    }
    admin.post("/schools", body("别的小学", &[here, elsewhere])).refuse(403, "forbidden");
    server.resident().post("/schools", body("别的小学", &[here])).refuse(403, "forbidden");
    let bad = json!({ "name": " ", "stage": "university", "community_ids": ["com_x"], "seats": 1 });
    let problem = admin.post("/schools", bad).refuse(422, "validation_failed");
    let expected = [("/name", "blank"), ("/stage", "unknown_value"), ("/community_ids/0", "id_malformed"), ("/seats", "unknown_field")];
    assert_eq!(faults(&problem), pairs(expected));
    let absent = admin.post("/schools", body("甲", &["com_01h455vb4pex5vsknk084sn02q"])).refuse(422, "validation_failed");
    assert_eq!(faults(&absent), pairs([("/community_ids/0", "unknown_community")]));
}

#[test]
fn a_school_is_found_where_it_serves_and_one_that_names_nobody_serves_all() {
    let server = shared();
    let platform = server.staff("admin");
    let place = text(&platform.post("/communities", json!({ "code": unique("s"), "name": "样例社区" })).expect(201), "id").to_owned();
    let own = text(&platform.post("/schools", json!({ "name": "本社区小学", "community_ids": [place] })).expect(201), "id").to_owned();
    let all = text(&platform.post("/schools", json!({ "name": "全区小学" })).expect(201), "id").to_owned();
    let serving = |community: &str| {
        let mut found = Vec::new();
        let mut path = format!("/schools?community_id={community}&limit=100");
        loop {
            let page = server.resident().get(&path).expect(200);
            found.extend(items(&page).iter().map(|school| text(school, "id").to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else { return found };
            path = format!("/schools?community_id={community}&limit=100&cursor={cursor}");
        }
    };
    assert!(serving(&place).contains(&own) && serving(&place).contains(&all));
    let here = serving(server.community());
    assert!(!here.contains(&own) && here.contains(&all));
    assert_eq!(text(&server.resident().get(&format!("/schools/{own}")).expect(200), "name"), "本社区小学");
    server.resident().get("/schools/sch_01h455vb4pex5vsknk084sn02q").refuse(404, "not_found");
}

#[test]
fn a_school_changes_only_in_the_hands_of_those_it_serves() {
    let server = shared();
    let admin = server.staff("enroladmin");
    let other = server.staff("admin").hire("enrolment_admin", server.community());
    let body = json!({ "name": "改名小学", "community_ids": [server.community()] });
    let school = admin.post("/schools", json!({ "name": "原名小学", "community_ids": [server.community()] })).expect(201);
    let path = format!("/schools/{}", text(&school, "id"));
    other.put(&path, body.clone()).refuse(428, "precondition_required");
    other.put(&path, body.clone()).header("If-Match", "\"7\"").refuse(412, "precondition_failed");
    let changed = other.put(&path, body.clone()).header("If-Match", "\"1\"").expect(200);
    assert_eq!((text(&changed, "name"), &changed["stage"], &changed["version"]), ("改名小学", &Value::Null, &json!(2)));
    // One that serves all is its maker's, and the platform's.
    let all = format!("/schools/{}", text(&admin.post("/schools", json!({ "name": "全区小学" })).expect(201), "id"));
    other.put(&all, body.clone()).header("If-Match", "*").refuse(403, "forbidden");
    admin.put(&all, json!({ "name": "全区第一小学" })).header("If-Match", "*").expect(200);
    server.staff("admin").put(&all, json!({ "name": "全区第二小学" })).header("If-Match", "\"2\"").expect(200);
}

// ---- dictionary ----------------------------------------------------------------------------------------------------

#[test]
fn whatever_rules_may_speak_of_is_in_the_dictionary() {
    let anon = shared().anon();
    let facts = anon.get("/meta/enrolment-facts").expect(200);
    let find = |name: &str| items(&facts).iter().find(|fact| fact["name"] == name).unwrap_or_else(|| panic!("no {name}")).clone();
    for (name, kind) in [("hukou_on", "date"), ("house_on", "date"), ("native", "bool"), ("migrant", "bool"), ("points", "integer")] {
        assert_eq!((text(&find(name), "kind"), &find(name)["declared"]), (kind, &json!(true)), "{name}");
    }
    assert_eq!(find("seat_taken")["declared"], json!(false), "worked out, not typed");
    assert!(items(&json!({ "items": find("house_owner")["choices"] })).iter().any(|choice| choice["code"] == "grandparent"));
    assert_eq!((&find("owner_share")["min"], &find("owner_share")["max"], &find("native")["max"]), (&json!(0), &json!(100), &Value::Null));
}

#[test]
fn a_district_begins_with_a_rule_set_that_is_offered() {
    let server = shared();
    let offered = server.anon().get("/meta/enrolment-rule-sets").expect(200);
    let codes: Vec<_> = items(&offered).iter().map(|sample| text(sample, "code")).collect();
    assert_eq!(codes, ["anxi", "fuzhou", "yongan", "points"]);
    for sample in items(&offered) {
        let season = Drafted::with(server, json!({ "rules": sample["rules"] }));
        assert_eq!(season.look()["rules"], sample["rules"], "as it was offered");
    }
}

#[test]
fn rules_are_tried_out_before_a_round_is_made_of_them() {
    let server = shared();
    let admin = server.staff("enroladmin");
    let path = "/meta/enrolment-rule-sets/try";
    let offered = server.anon().get("/meta/enrolment-rule-sets").expect(200);
    let sample = |code: &str| items(&offered).iter().find(|sample| sample["code"] == code).expect("a sample")["rules"].clone();
    let try_on = |code: &str, facts: Value| admin.post(path, json!({ "rules": sample(code), "facts": facts })).expect(200);
    let before = try_on("anxi", json!({ "house_on": "2020-01-01" }));
    assert_eq!((text(&before, "tier"), &before["batch"]), ("before", &json!(1)));
    // What the system works out elsewhere may be supposed here.
    let zone = json!({ "same_address": true, "house_in_zone": true, "house_zoned": true, "seat_taken": true, "sibling_enrolled": false,
        "house_on": "2020-01-01", "house_owner": "parent" });
    assert_eq!(text(&try_on("yongan", zone), "tier"), "pool_house", "the seat of the house is taken");
    let points = json!({ "migrant": true, "permit_on": "2020-01-01", "insurance_months": 120, "residence_months": 60, "volunteer_hours": 0,
        "education": "bachelor", "skilled": false, "house_on": null });
    let counted = try_on("points", points);
    assert_eq!((&counted["points"], text(&counted, "tier")), (&json!(75), "qualified"), "40 + 15 + 20: {counted}");
    let problem = admin.post(path, json!({ "rules": { "tiers": [], "seat_lock_years": 6 } })).refuse(422, "validation_failed");
    assert_eq!(faults(&problem), pairs([("/rules/tiers", "too_few")]));
    let mut bad = sample("anxi");
    bad["rest"] = json!("perhaps");
    admin.post(path, json!({ "rules": bad })).refuse(422, "validation_failed");
    let mut bad = sample("anxi");
    bad["seat_lock_years"] = json!(6.5);
    admin.post(path, json!({ "rules": bad })).refuse(422, "validation_failed");
    let problem = admin.post(path, json!({ "rules": sample("anxi"), "facts": { "income": 1 } })).refuse(422, "validation_failed");
    assert_eq!(faults(&problem), pairs([("/facts/income", "unknown_fact")]));
    server.resident().post(path, json!({ "rules": sample("anxi") })).refuse(403, "forbidden");
}

#[test]
fn the_table_of_a_round_is_served() {
    let machines = shared().anon().get("/meta/state-machines").expect(200);
    let round = items(&machines).iter().find(|m| m["name"] == "enrolment_round").expect("the machine").clone();
    assert_eq!(round["transitions"].as_array().expect("transitions").len(), 7);
    assert_eq!(round["transitions"][0], json!({ "action": "publish", "from": "draft", "to": "published", "roles": ["enrolment_admin"] }));
}

// ---- precheck ------------------------------------------------------------------------------------------------------

#[test]
fn a_precheck_names_the_tier_the_reasons_and_the_missing_papers() {
    let server = shared();
    let season = Drafted::at(server, "published");
    let resident = server.resident();
    let ask = |body: Value| resident.post(&format!("{}/precheck", season.path()), body).expect(200);
    let both = ask(json!({ "facts": { "hukou_on": "2020-05-01", "house_on": "2019-01-01" }, "documents": ["deed"] }));
    assert_eq!((&both["eligible"], text(&both, "tier"), &both["batch"]), (&json!(true), "both", &json!(1)));
    assert_eq!(both["missing_documents"], json!(["vaccination", "hukou_book"]));
    assert_eq!((text(&both, "tier_name"), &both["missing_facts"]), ("有户口和房产", &json!([])));
    let reason = &both["reasons"][0];
    assert_eq!((text(reason, "rule"), text(reason, "result")), ("both", "true"));
    assert!(text(reason, "text").contains("户口迁入日期") && text(reason, "text").contains("2020-05-01"), "{reason}");
    let hukou = ask(json!({ "facts": { "hukou_on": "2020-05-01", "house_on": null } }));
    assert_eq!((text(&hukou, "tier"), &hukou["batch"]), ("hukou", &json!(2)));
    let migrant = ask(json!({ "facts": { "hukou_on": null, "house_on": null, "migrant": true } }));
    assert_eq!((text(&migrant, "tier"), &migrant["batch"]), ("migrant", &json!(3)));
    let nobody = ask(json!({ "facts": { "hukou_on": null, "house_on": null, "migrant": false } }));
    assert_eq!((&nobody["eligible"], &nobody["tier"]), (&json!(false), &Value::Null));
    assert_eq!(nobody["reasons"].as_array().map(Vec::len), Some(3), "every rule says why not");
}

#[test]
fn what_is_unknown_is_asked_for_and_never_counts_as_false() {
    let server = shared();
    let season = Drafted::at(server, "open");
    let ask = |body: Value| server.resident().post(&format!("{}/precheck", season.path()), body).expect(200);
    let nothing = ask(json!({}));
    assert_eq!((&nothing["eligible"], &nothing["tier"]), (&Value::Null, &Value::Null));
    let missing = |answer: &Value| -> Vec<String> {
        answer["missing_facts"].as_array().expect("facts").iter().map(|fact| text(fact, "fact").to_owned()).collect()
    };
    assert_eq!(missing(&nothing), ["hukou_on", "house_on", "migrant"]);
    assert_eq!(nothing["possible_tiers"], json!(["both", "hukou", "migrant"]));
    // With a hukou only the house is still open: it decides between the first two.
    let half = ask(json!({ "facts": { "hukou_on": "2020-05-01" } }));
    assert_eq!((&half["eligible"], missing(&half)), (&Value::Null, vec!["house_on".to_owned()]));
    assert_eq!(half["possible_tiers"], json!(["both", "hukou"]));
    // A null yes-or-no is no answer; a null date says that there is none.
    let unsaid = ask(json!({ "facts": { "hukou_on": null, "house_on": null, "migrant": null } }));
    assert_eq!((&unsaid["eligible"], missing(&unsaid)), (&Value::Null, vec!["migrant".to_owned()]));
    // Nobody knows yet whether the deed is asked for, so it is not missing.
    assert_eq!(half["missing_documents"], json!(["vaccination", "hukou_book"]));
}

#[test]
fn wrong_facts_are_told_all_at_once_each_at_its_place() {
    let server = shared();
    let season = Drafted::at(server, "published");
    let path = format!("{}/precheck", season.path());
    let resident = server.resident();
    let facts = json!({ "hukou_on": "2020-13-01", "native": "yes", "owner_share": 120, "house_owner": "uncle", "income": 7, "seat_taken": false,
        "points": 1.5, "a/b": true });
    let problem = resident.post(&path, json!({ "facts": facts })).refuse(422, "validation_failed");
    let expected = [
        ("/facts/hukou_on", "date_format"),
        ("/facts/native", "wrong_type"),
        ("/facts/owner_share", "out_of_range"),
        ("/facts/house_owner", "unknown_choice"),
        ("/facts/income", "unknown_fact"),
        ("/facts/seat_taken", "derived_fact"),
        ("/facts/points", "wrong_type"),
        ("/facts/a~1b", "unknown_fact"),
    ];
    assert_eq!(faults(&problem), pairs(expected));
    for (body, pointer, code) in [
        (json!({ "facts": [] }), "/facts", "wrong_type"),
        (json!({ "fact": {} }), "/fact", "unknown_field"),
        (json!({ "choices": ["sch_01h455vb4pex5vsknk084sn02q"] }), "/choices/0", "school_not_in_round"),
        (json!({ "home_id": "hom_01h455vb4pex5vsknk084sn02q" }), "/home_id", "not_your_home"),
        (json!({ "born_on": "2020-3-4" }), "/born_on", "date_malformed"),
    ] {
        let reply = resident.post(&path, body).send().expect(422);
        assert_eq!(faults(&reply.json), pairs([(pointer, code)]));
    }
    for who in ["enroladmin", "reviewer1"] {
        server.staff(who).post(&path, json!({})).refuse(403, "forbidden");
    }
}

#[test]
fn a_child_outside_the_birth_window_hears_so_before_anything_else() {
    let server = shared();
    let season = Drafted::at(server, "open");
    let ask = |born: &str| {
        let body = json!({ "facts": { "hukou_on": "2020-05-01", "house_on": "2019-01-01" }, "born_on": born });
        server.resident().post(&format!("{}/precheck", season.path()), body).expect(200)
    };
    for born in ["2019-09-01", "2020-08-31"] {
        assert_eq!(ask(born)["eligible"], json!(true), "{born}: both days are part of it");
    }
    for born in ["2019-08-31", "2020-09-01"] {
        let answer = ask(born);
        assert_eq!((&answer["eligible"], &answer["tier"]), (&json!(false), &Value::Null), "{born}");
        assert_eq!((text(&answer["reasons"][0], "rule"), &answer["missing_documents"]), ("birth_window", &json!([])));
    }
}

#[test]
fn a_precheck_stores_nothing_and_is_repeated_word_for_word() {
    let server = shared();
    let season = Drafted::at(server, "open");
    let resident = server.resident();
    let path = format!("{}/precheck", season.path());
    let key = unique("precheck-");
    let first = resident.post(&path, json!({ "facts": { "migrant": true } })).header("Idempotency-Key", &key).send().expect(200);
    let again = resident.post(&path, json!({ "facts": { "migrant": true } })).header("Idempotency-Key", &key).send().expect(200);
    assert_eq!((again.must("idempotency-replayed"), &again.json), ("true", &first.json));
    resident.post(&path, json!({ "facts": { "migrant": false } })).header("Idempotency-Key", &key).refuse(422, "idempotency_mismatch");
    let history = season.admin.get(&format!("{}/events", season.path())).expect(200);
    assert_eq!(items(&history).len(), 3, "created, published, opened: {history}");
    assert_eq!(season.look()["version"], json!(3));
}

#[test]
fn the_pressure_on_seats_is_about_the_schools_that_are_meant() {
    let server = shared();
    let season = Drafted::with(server, json!({}));
    season.step("publish");
    let ask = |body: Value| server.resident().post(&format!("{}/precheck", season.path()), body).expect(200);
    let all = ask(json!({}));
    assert_eq!((text(&all, "seat_pressure"), &all["seats"], &all["registered"]), ("low", &json!(120), &json!(0)));
    assert_eq!(ask(json!({ "choices": [season.schools[0]] }))["seats"], json!(40));
    let none = json!({ "seat_plans": [{ "school_id": season.schools[0], "seats": 0 }, { "school_id": season.schools[1], "seats": 80 }], "reason": "停招" });
    season.admin.post(&format!("{}/seat-plans", season.path()), none).expect(201);
    assert_eq!(text(&ask(json!({ "choices": [season.schools[0]] })), "seat_pressure"), "high", "no seats are too few for anybody");
}

#[test]
fn the_registry_speaks_where_a_family_says_nothing() {
    let server = shared();
    let registry = Registry::new(server);
    let admin = registry.manager.server().staff("admin").hire("enrolment_admin", &registry.id);
    let season = Drafted::in_community(server, admin, &registry.id, json!({}));
    let buildings = registry.manager.get(&registry.at("buildings")).expect(200);
    let building = |name: &str| items(&buildings).iter().find(|b| text(b, "name") == name).expect("a building")["id"].clone();
    let mut body = season_put(&season);
    body["zones"] = json!([{ "school_id": season.schools[0], "building_id": building("1栋") }, { "school_id": season.schools[1], "building_id": building("2栋") }]);
    season.admin.put(&season.path(), body).header("If-Match", "*").expect(200);
    season.step("publish");

    let home = registry.home("1栋", "101");
    let fact = |kind: &str, from: &str| json!({ "home_id": home, "kind": kind, "from": from });
    let mother = id_number("19900101", 401);
    let parent = registry.person("样母", &mother, json!([fact("owner", "2018-05-01"), fact("hukou", "2018-06-01")]));
    registry.person("样儿", &id_number("20200304", 402), json!([fact("hukou", "2020-04-01")]));
    let resident = server.resident();
    let path = format!("{}/precheck", season.path());
    assert_eq!(resident.post(&path, json!({})).expect(200)["from_registry"], json!({}), "not bound to anything yet");
    let binding = resident.post("/home-bindings", json!({ "home_id": home, "relation": "owner" })).expect(201);
    resident.post(&path, json!({ "home_id": home })).refuse(422, "validation_failed");
    let approve = json!({ "person_id": parent["id"] });
    registry.manager.post(&format!("/home-bindings/{}/approve", text(&binding, "id")), approve).expect(200);

    let known = resident.post(&path, json!({ "home_id": home })).expect(200);
    assert_eq!((text(&known, "tier"), &known["zone_schools"]), ("both", &json!([season.schools[0]])), "{known}");
    let told = &known["from_registry"];
    assert_eq!(
        (&told["hukou_on"], &told["house_on"], &told["born_on"]),
        (&json!("2020-04-01"), &json!("2018-05-01"), &json!("2020-03-04"))
    );
    assert_eq!((&told["house_in_zone"], &told["same_address"], told.get("migrant")), (&json!(true), &json!(true), None));
    assert_eq!(known["seats"], json!(40), "the zone's school is the one that is meant");
    // What the family says itself counts before what the registry says.
    let said = resident.post(&path, json!({ "facts": { "house_on": null } })).expect(200);
    assert_eq!((text(&said, "tier"), said["from_registry"].get("house_on")), ("hukou", None));
    // Another child is meant: nothing is said of this one.
    let other = resident.post(&path, json!({ "born_on": "2020-01-01" })).expect(200);
    assert_eq!(other["from_registry"].get("hukou_on"), None);
    // A neighbour learns nothing of any of it.
    let stranger = server.resident();
    stranger.post(&path, json!({ "home_id": home })).refuse(422, "validation_failed");
    assert_eq!(stranger.post(&path, json!({})).expect(200)["from_registry"], json!({}));
}

#[test]
fn the_demo_has_a_round_that_is_open_and_answers() {
    let server = shared();
    let list = server.resident().get(&format!("/enrolment-rounds?community_id={}&state=open&limit=100", server.community())).expect(200);
    let demo = items(&list).iter().find(|round| text(round, "title").starts_with("东涂社区")).expect("the demo's round");
    let round = server.resident().get(&format!("/enrolment-rounds/{}", text(demo, "id"))).expect(200);
    assert_eq!((round["seat_plans"].as_array().map(Vec::len), round["zones"].as_array().map(Vec::len)), (Some(2), Some(6)));
    let facts = json!({ "hukou_on": "2020-05-01" });
    let answer = server.resident().post(&format!("/enrolment-rounds/{}/precheck", text(demo, "id")), json!({ "facts": facts })).expect(200);
    assert_eq!((text(&answer, "tier"), text(&answer, "seat_pressure")), ("before", "low"));
}
