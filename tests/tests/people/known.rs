//! Who people are, what ties them to homes, and their tags.

use jiazai_tests::{Client, Registry, Staff, Value, at_once, faults, fresh_id_number, id_number, items, json, shared, text, unique};

use super::{fact, lives_at, path};

// ---- who they are --------------------------------------------------------------------------------------------------

#[test]
fn a_person_is_shown_masked_as_the_role_demands() {
    let registry = Registry::new(shared());
    let number = fresh_id_number("19491231");
    let body = json!({
        "community_id": registry.id, "name": "赵样一", "id_number": number, "phone": "138 1234 5678", "external_code": unique("P"),
        "facts": lives_at(&registry, "1栋", "101"),
    });
    let person = registry.manager.post("/people", body).expect(201);
    assert_eq!((text(&person, "name"), text(&person, "born"), text(&person, "sex")), ("赵样一", "1949-12-31", "male"));
    assert!(text(&person, "id_number_masked").contains("****") && !person.to_string().contains(&number));
    assert_eq!(text(&person, "phone_masked"), "138******78");
    assert_eq!(items(&json!({ "items": person["facts"] })).len(), 1);

    let as_role = |role: &str| registry.manager.hire(role, &registry.id).get(&path(&person)).expect(200);
    let reviewer = as_role("enrolment_reviewer");
    assert_eq!((text(&reviewer, "name"), text(&reviewer, "born")), ("赵*一", "1949"));
    assert!(reviewer["phone_masked"].is_null() && reviewer["external_code"].is_null());
    let property = as_role("property_manager");
    assert_eq!(text(&property, "name"), "赵*一");
    assert!(property["born"].is_null() && property["id_number_masked"].is_null() && property["sex"].is_null());
}

#[test]
fn wrong_values_are_named_by_their_fields_all_at_once() {
    let registry = Registry::new(shared());
    let body = json!({ "community_id": registry.id, "name": "赵样一", "id_number": "110105194912310021", "phone": "123", "born_on": "2999-01-01" });
    let problem = registry.manager.post("/people", body).refuse(422, "validation_failed");
    let expected = [("/born_on", "born_on_future"), ("/id_number", "id_checksum"), ("/phone", "phone_format")];
    assert_eq!(faults(&problem), expected.map(|(p, c)| (p.to_owned(), c.to_owned())));
    assert!(!problem.to_string().contains("110105"), "a value is never repeated: {problem}");
    for (field, value, code) in [
        ("id_number", json!(id_number("19490230", 1)), "id_birth_date"),
        ("sex", json!("female"), "sex_mismatch"),
        ("born_on", json!("1950-01-01"), "born_on_mismatch"),
        ("external_code", json!("有空格 的"), "external_code_format"),
    ] {
        let mut body = json!({ "community_id": registry.id, "name": "赵样一", "id_number": fresh_id_number("19491231") });
        body[field] = value;
        let problem = registry.manager.post("/people", body).refuse(422, "validation_failed");
        assert_eq!(faults(&problem), [(format!("/{field}"), code.to_owned())]);
    }
}

#[test]
fn every_document_has_the_form_of_its_type_and_children_are_people_too() {
    let registry = Registry::new(shared());
    let send = |kind: &str, number: &str| {
        let body = json!({ "community_id": registry.id, "name": "样例人", "id_type": kind, "id_number": number, "born_on": "2024-02-29" });
        registry.manager.post("/people", body).send()
    };
    let serial = std::process::id() % 100_000;
    for (kind, good, bad) in [
        ("hk_macao_permit", format!("H123{serial:05}"), "K12345678"),
        ("taiwan_permit", format!("123{serial:05}"), "1234567"),
        ("passport", format!("E123{serial:05}"), "PASSPORT"),
        ("birth_certificate", format!("P3301{serial:05}"), "330"),
        ("foreign_permanent_residence", format!("ABC1234567{serial:05}"), "ABC"),
    ] {
        let child = send(kind, &good).expect(201).json;
        assert_eq!((text(&child, "id_type"), text(&child, "born")), (kind, "2024-02-29"));
        assert!(text(&child, "id_number_masked").contains('*') && !child.to_string().contains(&good), "{child}");
        assert_eq!(faults(&send(kind, bad).expect(422).json), [("/id_number".to_owned(), "document_format".to_owned())], "{kind}");
        assert_eq!(send(kind, &good).status, 409, "{kind}: one document is one person");
    }
}

#[test]
fn one_document_is_one_person_in_a_community() {
    let (registry, other) = (Registry::new(shared()), Registry::new(shared()));
    let number = fresh_id_number("19800101");
    registry.person("赵样一", &number, json!([]));
    let body = json!({ "community_id": registry.id, "name": "钱样二", "id_number": number.to_lowercase() });
    registry.manager.post("/people", body).refuse(409, "duplicate");
    other.person("赵样一", &number, json!([]));
    let fresh = fresh_id_number("19800101");
    let body = json!({ "community_id": registry.id, "name": "孙样三", "id_number": fresh });
    let at_the_same_time = at_once(4, |_| registry.manager.post("/people", body.clone()).send().status);
    assert_eq!(at_the_same_time.iter().filter(|status| **status == 201).count(), 1, "{at_the_same_time:?}");
}

#[test]
fn what_a_correction_leaves_out_stays_and_null_takes_it_away() {
    let registry = Registry::new(shared());
    let body = json!({ "community_id": registry.id, "name": "赵样一", "id_number": fresh_id_number("19800101"), "phone": "13812345678" });
    let person = registry.manager.post("/people", body).expect(201);
    registry.manager.put(&path(&person), json!({ "name": "赵样二" })).refuse(428, "precondition_required");
    let put =
        |body: Value, version: &Value| registry.manager.put(&path(&person), body).header("If-Match", &format!("\"{version}\"")).send();
    let renamed = put(json!({ "name": "赵样二", "reason": "更名" }), &person["version"]).expect(200).json;
    assert_eq!((text(&renamed, "name"), text(&renamed, "phone_masked")), ("赵样二", "138******78"));
    assert_eq!(put(json!({ "phone": null }), &person["version"]).status, 412);
    let unreachable = put(json!({ "phone": null }), &renamed["version"]).expect(200).json;
    assert!(unreachable["phone_masked"].is_null());
    assert_eq!(unreachable["id_number_masked"], person["id_number_masked"]);
    let same = put(json!({ "name": "赵样二" }), &unreachable["version"]).expect(200).json;
    assert_eq!(same["version"], unreachable["version"], "nothing is different, so there is no new version");

    let changes = registry.manager.get(&format!("{}/changes", path(&person))).expect(200);
    let told: Vec<_> = items(&changes).iter().map(|c| (text(c, "field"), c["before"].clone(), c["after"].clone())).collect();
    assert_eq!(told, [("name", json!("赵样一"), json!("赵样二")), ("phone", json!("138******78"), Value::Null)]);
    let auditor = registry.manager.hire("auditor", &registry.id);
    let seen = auditor.get(&format!("{}/changes", path(&person))).expect(200);
    assert_eq!(text(&items(&seen)[0], "before"), "赵*一");
    let another = put(json!({ "id_number": fresh_id_number("19900202") }), &unreachable["version"]).expect(200).json;
    assert_eq!(text(&another, "born"), "1990-02-02", "another number tells another birth date");
}

// ---- what ties them to homes ---------------------------------------------------------------------------------------

#[test]
fn the_shares_of_a_home_are_never_more_than_the_whole() {
    let registry = Registry::new(shared());
    let home = registry.home("1栋", "101");
    let share = |share: &str| json!({ "home_id": home, "kind": "owner", "from": "2020-01-01", "share": share });
    let people: Vec<Value> = (0..4).map(|_| registry.person("赵样一", &fresh_id_number("19800101"), json!([]))).collect();
    let own = |n: usize, part: &str| registry.manager.post(&format!("{}/facts", path(&people[n])), share(part)).send();
    let first = own(0, "60%").expect(201).json;
    assert_eq!(text(&first, "share"), "60%");
    let refused = own(1, "1/2").expect(422);
    assert_eq!(faults(&refused.json), [("/share".to_owned(), "shares_exceed_whole".to_owned())]);
    own(1, "40%").expect(201);
    // Ten keepers at once cannot do together what none of them may do alone.
    let home = registry.home("1栋", "102");
    let body = json!({ "home_id": home, "kind": "owner", "from": "2020-01-01", "share": "60%" });
    let at_the_same_time = at_once(4, |n| registry.manager.post(&format!("{}/facts", path(&people[n])), body.clone()).send().status);
    assert_eq!(at_the_same_time.iter().filter(|status| **status == 201).count(), 1, "{at_the_same_time:?}");
    let household = registry.manager.get(&format!("/homes/{home}")).expect(200);
    assert_eq!(household["household"].as_array().map(Vec::len), Some(1), "{household}");
}

#[test]
fn a_person_has_one_hukou_and_one_sole_residence_at_a_time() {
    let registry = Registry::new(shared());
    let (one, two) = (registry.home("1栋", "101"), registry.home("1栋", "102"));
    let person = registry.person("赵样一", &fresh_id_number("19800101"), json!([fact(&one, "hukou", "2020-01-01")]));
    let tie = |body: Value| registry.manager.post(&format!("{}/facts", path(&person)), body).send();
    assert_eq!(faults(&tie(fact(&two, "hukou", "2021-01-01")).expect(422).json)[0].1, "hukou_overlap");
    assert_eq!(faults(&tie(fact(&one, "hukou", "2021-01-01")).expect(422).json)[0].1, "already_recorded");
    let sole = |home: &str| json!({ "home_id": home, "kind": "residence", "from": "2020-01-01", "sole": true });
    tie(sole(&one)).expect(201);
    assert_eq!(faults(&tie(sole(&two)).expect(422).json), [("/sole".to_owned(), "sole_residence_overlap".to_owned())]);
    tie(fact(&two, "residence", "2020-01-01")).expect(201);
    for (body, code) in [
        (json!({ "home_id": two, "kind": "tenant", "from": "2020-01-01", "until": "2019-01-01" }), "interval_backwards"),
        (fact(&two, "tenant", "1979-12-31"), "before_birth"),
        (json!({ "home_id": two, "kind": "tenant", "from": "2020-01-01", "share": "1/2" }), "share_not_owner"),
        (json!({ "home_id": two, "kind": "owner", "from": "2020-01-01", "share": "half" }), "share_format"),
        (json!({ "home_id": "hom_01h455vb4pex5vsknk084sn02q", "kind": "owner", "from": "2020-01-01" }), "unknown_home"),
    ] {
        assert_eq!(faults(&tie(body).expect(422).json)[0].1, code);
    }
}

#[test]
fn a_corrected_fact_stays_readable_and_a_day_gone_by_is_answered_by_what_is_known_now() {
    let registry = Registry::new(shared());
    let home = registry.home("1栋", "101");
    let person = registry.person("赵样一", &fresh_id_number("19800101"), json!([fact(&home, "tenant", "2020-01-01")]));
    let id = text(&person["facts"][0], "id").to_owned();
    let correct = |id: &str, from: &str| {
        registry.manager.post(&format!("/household-facts/{id}/correct"), json!({ "from": from, "reason": "按合同更正" })).send()
    };
    let corrected = correct(&id, "2021-06-01").expect(200).json;
    assert_eq!(text(&corrected, "corrects"), id);
    correct(&id, "2022-01-01").expect(409);
    let ended =
        registry.manager.post(&format!("/household-facts/{}/end", text(&corrected, "id")), json!({ "until": "2023-01-01" })).expect(200);
    assert_eq!((text(&ended, "from"), text(&ended, "until")), ("2021-06-01", "2023-01-01"));
    let on = |day: &str| registry.manager.get(&format!("{}?as_of={day}", path(&person))).expect(200)["facts"].as_array().map(Vec::len);
    assert_eq!((on("2021-05-31"), on("2021-06-01"), on("2022-12-31"), on("2023-01-01")), (Some(0), Some(1), Some(1), Some(0)));
    let all = registry.manager.get(&format!("{}/facts?limit=2", path(&person))).expect(200);
    assert_eq!(items(&all).len(), 2);
    assert!(items(&all)[0]["superseded_at"].is_string());
    let rest = registry.manager.get(&format!("{}/facts?limit=2&cursor={}", path(&person), text(&all, "next_cursor"))).expect(200);
    assert_eq!(items(&rest).len(), 1);
    assert!(items(&rest)[0]["superseded_at"].is_null());
}

#[test]
fn a_death_ends_what_tied_the_person_and_a_move_ends_living_here() {
    let registry = Registry::new(shared());
    let home = registry.home("1栋", "101");
    let facts = json!([fact(&home, "owner", "2020-01-01"), fact(&home, "residence", "2020-01-01"), fact(&home, "hukou", "2020-01-01")]);
    let gone = registry.person("赵样一", &fresh_id_number("19400101"), facts.clone());
    let left = registry.person(
        "钱样二",
        &fresh_id_number("19800101"),
        json!([fact(&registry.home("1栋", "102"), "owner", "2020-01-01"), fact(&registry.home("1栋", "102"), "residence", "2020-01-01")]),
    );
    let kinds = |person: &Value| -> Vec<String> {
        let now = registry.manager.get(&path(person)).expect(200);
        now["facts"].as_array().unwrap().iter().map(|f| text(f, "kind").to_owned()).collect()
    };
    let die = |on: &str| registry.manager.post(&format!("{}/record-death", path(&gone)), json!({ "deceased_on": on })).send();
    assert_eq!(faults(&die("2999-01-01").expect(422).json)[0].1, "future");
    assert_eq!(faults(&die("2019-01-01").expect(422).json)[0].1, "facts_later", "nobody lives here after their death");
    assert_eq!(kinds(&gone).len(), 3, "a refused death leaves no trace");
    assert_eq!(text(&die("2024-05-01").expect(200).json, "deceased_on"), "2024-05-01");
    assert!(kinds(&gone).is_empty());
    assert_eq!(die("2024-05-01").status, 409);
    let on_that_day = registry.manager.get(&format!("{}?as_of=2024-04-30", path(&gone))).expect(200);
    assert_eq!(on_that_day["facts"].as_array().map(Vec::len), Some(3));
    let shown = registry.manager.get(&format!("/homes/{home}")).expect(200);
    assert_eq!(text(&shown, "occupancy_derived"), "vacant");

    registry.manager.post(&format!("{}/move-out", path(&left)), json!({ "moved_out_on": "2024-05-01" })).expect(200);
    assert_eq!(kinds(&left), ["owner"]);
    registry.manager.post(&format!("{}/move-out", path(&left)), json!({ "moved_out_on": "2024-05-01" })).refuse(409, "state_conflict");
    let back = registry.manager.post(&format!("{}/move-back", path(&left)), json!({})).expect(200);
    assert!(back["moved_out_on"].is_null());
}

// ---- tags ----------------------------------------------------------------------------------------------------------

#[test]
fn the_three_schemes_of_the_seeds_are_ready_made_and_each_can_be_adopted() {
    let presets = shared().anon().get("/meta/tag-presets").expect(200);
    let sizes: Vec<(String, usize)> =
        items(&presets).iter().map(|p| (text(p, "code").to_owned(), p["tags"].as_array().map_or(0, Vec::len))).collect();
    let mut told: Vec<usize> = sizes.iter().map(|(_, size)| *size).collect();
    told.sort_unstable();
    assert_eq!(told, [5, 6, 27], "{sizes:?}");
    for (code, size) in sizes {
        let registry = Registry::empty(shared());
        let adopted = registry.manager.post(&registry.at("tags/adopt"), json!({ "preset": code })).expect(200);
        assert_eq!(items(&adopted).len(), size);
        let is_lawful = |tag: &Value| text(tag, "legal_basis").contains('《') && tag["visible_to"].is_array();
        assert!(items(&adopted).iter().all(is_lawful), "{adopted}");
        let again = registry.manager.post(&registry.at("tags/adopt"), json!({ "preset": code })).expect(200);
        assert_eq!(items(&again).len(), size, "adopted twice is adopted once");
    }
}

#[test]
fn tags_are_given_from_the_dictionary_and_shown_to_those_whom_it_names() {
    let registry = Registry::new(shared());
    registry.manager.post(&registry.at("tags/adopt"), json!({ "preset": "six" })).expect(200);
    let again = registry.manager.post(&registry.at("tags/adopt"), json!({ "preset": "five" })).expect(200);
    assert_eq!(items(&again).len(), 6 + 5 - 1, "both schemes have veterans");
    let closed = json!({ "code": "closed", "name": "封闭标签", "legal_basis": "《某法》" });
    registry.manager.post(&registry.at("tags"), closed.clone()).expect(201);
    registry.manager.post(&registry.at("tags"), closed).refuse(409, "duplicate");
    registry.workers[0].post(&registry.at("tags"), json!({ "code": "x", "name": "x", "legal_basis": "x" })).refuse(403, "forbidden");

    let person = registry.person("赵样一", &fresh_id_number("19400101"), lives_at(&registry, "1栋", "101"));
    let give = |who: &Staff, tag: &str| who.post(&format!("{}/tags", path(&person)), json!({ "tag": tag })).send();
    let alone = give(&registry.workers[0], "独居老人").expect(201).json;
    assert_eq!(text(&alone, "code"), "elder_alone");
    assert!(alone["until"].is_string(), "it ends after a year");
    assert_eq!(faults(&give(&registry.workers[0], "elder_alone").expect(422).json), [("/tag".to_owned(), "already_recorded".to_owned())]);
    assert_eq!(faults(&give(&registry.workers[0], "nothing").expect(422).json)[0].1, "unknown_tag");
    assert_eq!(give(&registry.workers[0], "closed").status, 403, "who may not see it may not give it");
    give(&registry.manager, "closed").expect(201);
    let codes = |who: &Staff| -> Vec<String> {
        let seen = who.get(&path(&person)).expect(200);
        seen["tags"].as_array().unwrap().iter().map(|t| text(t, "code").to_owned()).collect()
    };
    assert_eq!(codes(&registry.manager), ["elder_alone", "closed"]);
    assert_eq!(codes(&registry.workers[0]), ["elder_alone"]);
    assert_eq!(codes(&registry.manager.hire("enrolment_admin", &registry.id)), Vec::<String>::new());
    let list = |who: &Staff, tag: &str| who.get(&registry.at(&format!("people?tag={tag}"))).send();
    assert_eq!(items(&list(&registry.manager, "closed").expect(200).json).len(), 1);
    assert_eq!(list(&registry.workers[0], "closed").status, 403);
    assert_eq!(list(&registry.workers[0], "nothing").status, 400);
    let remove = format!("/person-tags/{}/remove", text(&alone, "id"));
    registry.workers[0].post(&remove, json!({ "reason": "与子女同住" })).expect(200);
    registry.workers[0].post(&remove, json!({ "reason": "与子女同住" })).refuse(409, "state_conflict");
    assert!(codes(&registry.workers[0]).is_empty());
    give(&registry.workers[0], "elder_alone").expect(201);

    let entry = json!({ "name": "独居老人", "legal_basis": "《老年人权益保障法》", "visible_to": ["grid_worker"], "active": false });
    let path = registry.at("tags/elder_alone");
    registry.manager.put(&path, entry.clone()).refuse(428, "precondition_required");
    registry.manager.put(&path, entry).header("If-Match", "\"1\"").expect(200);
    let other = registry.person("钱样二", &fresh_id_number("19400101"), lives_at(&registry, "1栋", "101"));
    registry.manager.post(&format!("/people/{}/tags", text(&other, "id")), json!({ "tag": "elder_alone" })).refuse(409, "state_conflict");
}
