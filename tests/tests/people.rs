//! People of the registry: who sees how much of whom, what ties them to homes, and who looked.

use std::path::Path;

use jiazai_tests::{Client, Registry, Staff, Value, at_once, id_number, json, shared, unique};

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}"))
}

fn path(person: &Value) -> String {
    format!("/people/{}", text(person, "id"))
}

/// A number that nobody else of this run has.
fn fresh_id(born: &str) -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    id_number(born, NEXT.fetch_add(2, Ordering::Relaxed))
}

fn pointers(problem: &Value) -> Vec<(String, String)> {
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|e| (text(e, "pointer").to_owned(), text(e, "code").to_owned())).collect()
}

fn lives_at(registry: &Registry, building: &str, number: &str) -> Value {
    json!([{ "home_id": registry.home(building, number), "kind": "residence", "from": "2020-01-01" }])
}

fn fact(home: &str, kind: &str, from: &str) -> Value {
    json!({ "home_id": home, "kind": kind, "from": from })
}

// ---- who they are -------------------------------------------------------------------------------------------------

#[test]
fn a_person_is_shown_masked_as_the_role_demands() {
    let registry = Registry::new(shared());
    let number = fresh_id("19491231");
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
    let expected = [("/id_number", "id_checksum"), ("/phone", "phone_format"), ("/born_on", "born_on_future")];
    assert_eq!(pointers(&problem), expected.map(|(p, c)| (p.to_owned(), c.to_owned())));
    assert!(!problem.to_string().contains("110105"), "a value is never repeated: {problem}");
    for (field, value, code) in [
        ("id_number", json!(id_number("19490230", 1)), "id_birth_date"),
        ("sex", json!("female"), "sex_mismatch"),
        ("born_on", json!("1950-01-01"), "born_on_mismatch"),
        ("external_code", json!("有空格 的"), "external_code_format"),
    ] {
        let mut body = json!({ "community_id": registry.id, "name": "赵样一", "id_number": fresh_id("19491231") });
        body[field] = value;
        let problem = registry.manager.post("/people", body).refuse(422, "validation_failed");
        assert_eq!(pointers(&problem), [(format!("/{field}"), code.to_owned())]);
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
        assert_eq!(pointers(&send(kind, bad).expect(422).json), [("/id_number".to_owned(), "document_format".to_owned())], "{kind}");
        assert_eq!(send(kind, &good).status, 409, "{kind}: one document is one person");
    }
}

#[test]
fn one_document_is_one_person_in_a_community() {
    let (registry, other) = (Registry::new(shared()), Registry::new(shared()));
    let number = fresh_id("19800101");
    registry.person("赵样一", &number, json!([]));
    let body = json!({ "community_id": registry.id, "name": "钱样二", "id_number": number.to_lowercase() });
    registry.manager.post("/people", body).refuse(409, "duplicate");
    other.person("赵样一", &number, json!([]));
    let fresh = fresh_id("19800101");
    let body = json!({ "community_id": registry.id, "name": "孙样三", "id_number": fresh });
    let at_the_same_time = at_once(4, |_| registry.manager.post("/people", body.clone()).send().status);
    assert_eq!(at_the_same_time.iter().filter(|status| **status == 201).count(), 1, "{at_the_same_time:?}");
}

#[test]
fn what_a_correction_leaves_out_stays_and_null_takes_it_away() {
    let registry = Registry::new(shared());
    let body = json!({ "community_id": registry.id, "name": "赵样一", "id_number": fresh_id("19800101"), "phone": "13812345678" });
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
    let another = put(json!({ "id_number": fresh_id("19900202") }), &unreachable["version"]).expect(200).json;
    assert_eq!(text(&another, "born"), "1990-02-02", "another number tells another birth date");
}

// ---- what ties them to homes --------------------------------------------------------------------------------------

#[test]
fn the_shares_of_a_home_are_never_more_than_the_whole() {
    let registry = Registry::new(shared());
    let home = registry.home("1栋", "101");
    let share = |share: &str| json!({ "home_id": home, "kind": "owner", "from": "2020-01-01", "share": share });
    let people: Vec<Value> = (0..4).map(|_| registry.person("赵样一", &fresh_id("19800101"), json!([]))).collect();
    let own = |n: usize, part: &str| registry.manager.post(&format!("{}/facts", path(&people[n])), share(part)).send();
    let first = own(0, "60%").expect(201).json;
    assert_eq!(text(&first, "share"), "60%");
    let refused = own(1, "1/2").expect(422);
    assert_eq!(pointers(&refused.json), [("/share".to_owned(), "shares_exceed_whole".to_owned())]);
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
    let person = registry.person("赵样一", &fresh_id("19800101"), json!([fact(&one, "hukou", "2020-01-01")]));
    let tie = |body: Value| registry.manager.post(&format!("{}/facts", path(&person)), body).send();
    assert_eq!(pointers(&tie(fact(&two, "hukou", "2021-01-01")).expect(422).json)[0].1, "hukou_overlap");
    assert_eq!(pointers(&tie(fact(&one, "hukou", "2021-01-01")).expect(422).json)[0].1, "already_recorded");
    let sole = |home: &str| json!({ "home_id": home, "kind": "residence", "from": "2020-01-01", "sole": true });
    tie(sole(&one)).expect(201);
    assert_eq!(pointers(&tie(sole(&two)).expect(422).json), [("/sole".to_owned(), "sole_residence_overlap".to_owned())]);
    tie(fact(&two, "residence", "2020-01-01")).expect(201);
    for (body, code) in [
        (json!({ "home_id": two, "kind": "tenant", "from": "2020-01-01", "until": "2019-01-01" }), "interval_backwards"),
        (fact(&two, "tenant", "1979-12-31"), "before_birth"),
        (json!({ "home_id": two, "kind": "tenant", "from": "2020-01-01", "share": "1/2" }), "share_not_owner"),
        (json!({ "home_id": two, "kind": "owner", "from": "2020-01-01", "share": "half" }), "share_format"),
        (json!({ "home_id": "hom_01h455vb4pex5vsknk084sn02q", "kind": "owner", "from": "2020-01-01" }), "unknown_home"),
    ] {
        assert_eq!(pointers(&tie(body).expect(422).json)[0].1, code);
    }
}

#[test]
fn a_corrected_fact_stays_readable_and_a_day_gone_by_is_answered_by_what_is_known_now() {
    let registry = Registry::new(shared());
    let home = registry.home("1栋", "101");
    let person = registry.person("赵样一", &fresh_id("19800101"), json!([fact(&home, "tenant", "2020-01-01")]));
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
    let gone = registry.person("赵样一", &fresh_id("19400101"), facts.clone());
    let left = registry.person(
        "钱样二",
        &fresh_id("19800101"),
        json!([fact(&registry.home("1栋", "102"), "owner", "2020-01-01"), fact(&registry.home("1栋", "102"), "residence", "2020-01-01")]),
    );
    let kinds = |person: &Value| -> Vec<String> {
        let now = registry.manager.get(&path(person)).expect(200);
        now["facts"].as_array().unwrap().iter().map(|f| text(f, "kind").to_owned()).collect()
    };
    let die = |on: &str| registry.manager.post(&format!("{}/record-death", path(&gone)), json!({ "deceased_on": on })).send();
    assert_eq!(pointers(&die("2999-01-01").expect(422).json)[0].1, "future");
    assert_eq!(pointers(&die("2019-01-01").expect(422).json)[0].1, "facts_later", "nobody lives here after their death");
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

// ---- sight --------------------------------------------------------------------------------------------------------

#[test]
fn a_grid_worker_sees_and_keeps_the_people_of_their_grid_only() {
    let registry = Registry::new(shared());
    let here = registry.person("赵样一", &fresh_id("19800101"), lives_at(&registry, "1栋", "101"));
    let there = registry.person("钱样二", &fresh_id("19800101"), lives_at(&registry, "2栋", "101"));
    let nowhere = registry.person("孙样三", &fresh_id("19800101"), json!([]));
    let worker = &registry.workers[0];
    let seen = |filter: &str| -> Vec<String> {
        items(&worker.get(&registry.at(&format!("people{filter}"))).expect(200)).iter().map(|p| text(p, "id").to_owned()).collect()
    };
    assert_eq!(seen(""), [text(&here, "id")]);
    assert_eq!(seen(&format!("?grid_id={}", registry.grids[1])), Vec::<String>::new());
    assert_eq!(seen("?name=%E8%B5%B5%20%E6%A0%B7%E4%B8%80"), [text(&here, "id")], "blanks in a name make no difference");
    for other in [&there, &nowhere] {
        worker.get(&path(other)).refuse(404, "not_found");
        worker.put(&path(other), json!({ "name": "李样四" })).header("If-Match", "*").refuse(404, "not_found");
        worker.post(&format!("{}/reveal", path(other)), json!({ "fields": ["phone"], "reason": "上门核实" })).refuse(404, "not_found");
        worker.post(&format!("{}/record-death", path(other)), json!({ "deceased_on": "2024-01-01" })).refuse(404, "not_found");
    }
    let foreign = text(&there["facts"][0], "id");
    worker.post(&format!("/household-facts/{foreign}/end"), json!({ "until": "2024-01-01" })).refuse(404, "not_found");
    worker.put(&path(&here), json!({ "phone": "13812345678" })).header("If-Match", "*").expect(200);
    // A new person is tied to the grid at once, or would be lost from sight; and to no other grid.
    let new = |facts: Value| json!({ "community_id": registry.id, "name": "周样五", "id_number": fresh_id("19800101"), "facts": facts });
    assert_eq!(
        pointers(&worker.post("/people", new(json!([]))).refuse(422, "validation_failed")),
        [("/facts".to_owned(), "required".to_owned())]
    );
    let abroad = worker.post("/people", new(lives_at(&registry, "2栋", "102"))).refuse(422, "validation_failed");
    assert_eq!(pointers(&abroad), [("/facts/0/home_id".to_owned(), "unknown_home".to_owned())]);
    worker.post("/people", new(lives_at(&registry, "1栋", "102"))).expect(201);
    assert_eq!(seen("").len(), 2);
}

#[test]
fn another_community_and_residents_see_nobody() {
    let (registry, other) = (Registry::new(shared()), Registry::empty(shared()));
    let person = registry.person("赵样一", &fresh_id("19800101"), json!([]));
    for stranger in [&other.manager, &other.workers[0]] {
        stranger.get(&path(&person)).refuse(404, "not_found");
        stranger.get(&registry.at("people")).refuse(404, "not_found");
    }
    let resident = shared().resident();
    resident.get(&path(&person)).refuse(403, "forbidden");
    resident.post("/people", json!({ "community_id": registry.id, "name": "赵样一" })).refuse(403, "forbidden");
    registry.manager.hire("dispatcher", &registry.id).put(&path(&person), json!({})).header("If-Match", "*").refuse(403, "forbidden");
    shared().anon().get(&path(&person)).refuse(401, "unauthenticated");
}

#[test]
fn a_claim_that_agrees_with_the_registry_is_active_at_once_and_any_other_waits() {
    let registry = Registry::new(shared());
    let (name, number, phone) = ("赵样一", fresh_id("19800101"), "13900001111");
    registry.known_resident(name, &number, phone);
    let home = registry.home("1栋", "101");
    let claim = |phone: &str, relation: &str, name: &str, number: &str, home: &str| {
        let resident = registry.server.resident();
        resident.bind_phone(phone);
        let body = json!({ "home_id": home, "relation": relation, "name": name, "id_number": number });
        text(&resident.post("/home-bindings", body).expect(201), "state").to_owned()
    };
    assert_eq!(claim(phone, "owner", "赵 样一", &number, &home), "active");
    assert_eq!(claim("13900002222", "owner", name, &number, &home), "pending", "another telephone");
    assert_eq!(claim(phone, "owner", "钱样二", &number, &home), "pending", "another name");
    assert_eq!(claim(phone, "tenant", name, &number, &home), "pending", "another relation");
    assert_eq!(claim(phone, "owner", name, &fresh_id("19800101"), &home), "pending", "another document");
    assert_eq!(claim(phone, "owner", name, &number, &registry.home("1栋", "102")), "pending", "another home");
}

#[test]
fn a_lifted_mask_is_remembered_and_the_person_reads_who_looked_and_why() {
    let registry = Registry::new(shared());
    let (number, phone) = (fresh_id("19800101"), "13900003333");
    let (resident, person) = registry.known_resident("赵样一", &number, phone);
    let ask = |who: &Staff, body: Value| who.post(&format!("{}/reveal", path(&person)), body).send();
    let short = ask(&registry.manager, json!({ "fields": ["phone"], "reason": "看看" })).expect(422);
    assert_eq!(pointers(&short.json), [("/reason".to_owned(), "reason_too_short".to_owned())]);
    ask(&registry.manager, json!({ "fields": [], "reason": "上门核实" })).expect(422);
    ask(&registry.manager, json!({ "fields": ["photo"], "reason": "上门核实" })).expect(422);
    ask(&registry.manager.hire("property_manager", &registry.id), json!({ "fields": ["phone"], "reason": "上门核实" })).expect(403);
    let shown = ask(&registry.workers[0], json!({ "fields": ["phone", "id_number"], "reason": "上门前电话联系" })).expect(200);
    assert_eq!(shown.json, json!({ "phone": phone, "id_number": number }));
    assert_eq!(shown.must("cache-control"), "no-store");

    let mine = resident.get("/me/registry-views").expect(200);
    assert_eq!(items(&mine).len(), 1, "what was refused was not seen: {mine}");
    let view = &items(&mine)[0];
    assert_eq!((text(view, "reason"), view["fields"].clone()), ("上门前电话联系", json!(["id_number", "phone"])));
    assert_eq!(view["person_id"], person["id"]);
    assert_eq!(text(view, "by"), "临时工");
    assert_eq!(registry.manager.get(&format!("{}/views", path(&person))).expect(200)["items"], mine["items"]);
    assert!(items(&shared().resident().get("/me/registry-views").expect(200)).is_empty());
}

#[test]
fn who_looked_is_told_to_those_who_watch_this_community_and_a_second_role_elsewhere_opens_nothing() {
    let (registry, other) = (Registry::new(shared()), Registry::new(shared()));
    let near = registry.person("赵样一", &fresh_id("19800101"), lives_at(&registry, "1栋", "101"));
    let far = registry.person("钱样二", &fresh_id("19800101"), lives_at(&registry, "2栋", "101"));
    let of = |role: &str, place: &Registry| json!({ "role": role, "community_id": place.id });
    let views = |of: &Value| format!("{}/views", path(of));
    let auditor_elsewhere = shared().staff("admin").hire_as(json!([of("property_manager", &registry), of("auditor", &other)]));
    auditor_elsewhere.get(&path(&near)).expect(200);
    auditor_elsewhere.get(&views(&near)).refuse(403, "forbidden");
    let both = registry.worker_who_is_also("property_manager");
    both.get(&views(&near)).expect(200);
    both.get(&views(&far)).refuse(403, "forbidden");
    assert_eq!(text(&both.get(&path(&near)).expect(200), "name"), "赵样一");
    let seen = both.get(&path(&far)).expect(200);
    assert_eq!((text(&seen, "name"), &seen["id_number_masked"]), ("钱*二", &Value::Null), "as any property manager sees them");
    let list = both.get(&registry.at("people")).expect(200);
    let names: Vec<&str> = items(&list).iter().map(|person| text(person, "name")).collect();
    assert_eq!(names, ["钱*二", "赵样一"]);
    let home = both.get(&format!("/homes/{}", registry.home("2栋", "101"))).expect(200);
    assert_eq!(text(&home["household"][0], "name"), "钱*二");
    both.get(&format!("{}/changes", path(&far))).refuse(403, "forbidden");
}

#[test]
fn a_tag_for_grid_workers_is_listed_of_their_grids_only_by_whoever_is_something_else_too() {
    let registry = Registry::new(shared());
    let near = registry.person("赵样一", &fresh_id("19800101"), lives_at(&registry, "1栋", "101"));
    let far = registry.person("钱样二", &fresh_id("19800101"), lives_at(&registry, "2栋", "101"));
    let tag = json!({ "code": "care", "name": "重点关爱", "legal_basis": "《老年人权益保障法》", "visible_to": ["grid_worker"] });
    registry.manager.post(&registry.at("tags"), tag).expect(201);
    for person in [&near, &far] {
        registry.manager.post(&format!("{}/tags", path(person)), json!({ "tag": "care" })).expect(201);
    }
    let both = registry.worker_who_is_also("dispatcher");
    let tagged = both.get(&registry.at("people?tag=care")).expect(200);
    assert_eq!(items(&tagged).iter().map(|person| person["id"].clone()).collect::<Vec<_>>(), [near["id"].clone()]);
    assert_eq!(both.get(&path(&far)).expect(200)["tags"], json!([]));
    assert_eq!(both.get(&path(&near)).expect(200)["tags"][0]["code"], "care");
}

#[test]
fn a_death_that_one_grid_writes_down_ends_the_ties_in_the_other() {
    let registry = Registry::new(shared());
    let facts =
        json!([fact(&registry.home("1栋", "101"), "residence", "2020-01-01"), fact(&registry.home("2栋", "101"), "owner", "2020-01-01")]);
    let person = registry.person("赵样一", &fresh_id("19400101"), facts);
    registry.workers[0].post(&format!("{}/record-death", path(&person)), json!({ "deceased_on": "2026-01-08" })).expect(200);
    let now = registry.manager.get(&path(&person)).expect(200);
    assert_eq!((text(&now, "deceased_on"), &now["facts"]), ("2026-01-08", &json!([])));
    let all = registry.manager.get(&format!("{}/facts", path(&person))).expect(200);
    let ended = items(&all).iter().filter(|fact| fact["until"] == "2026-01-08").count();
    assert_eq!(ended, 2, "{all}");
}

#[test]
fn a_program_sees_and_reveals_as_much_of_people_as_its_scopes_say() {
    let (registry, other) = (Registry::new(shared()), Registry::new(shared()));
    let (number, phone) = (fresh_id("19800101"), "13900004444");
    let (resident, person) = registry.known_resident("赵样一", &number, phone);
    let key = |place: &Registry, scopes: Value| {
        let body = json!({ "name": unique("屏"), "scopes": scopes, "community_id": place.id });
        shared().bearer(format!("Bearer {}", text(&place.manager.post("/api-keys", body).expect(201), "key")))
    };
    let reveal = json!({ "fields": ["phone"], "reason": "上门前电话联系" });
    let at = format!("{}/reveal", path(&person));
    let screen = key(&registry, json!(["registry:read"]));
    let home = screen.get(&format!("/homes/{}", registry.home("1栋", "101"))).expect(200);
    assert_eq!(text(&home["household"][0], "name"), "赵*一", "a program that was not given people sees no names");
    screen.get(&path(&person)).refuse(403, "forbidden");
    let desk = key(&registry, json!(["people:read", "registry:read"]));
    assert_eq!(text(&desk.get(&path(&person)).expect(200), "name"), "赵样一");
    desk.post(&at, reveal.clone()).refuse(403, "forbidden");
    let caller = key(&registry, json!(["people:reveal"]));
    assert_eq!(text(&caller.post(&at, reveal.clone()).expect(200), "phone"), phone);
    caller.post(&at, json!({ "fields": ["phone"], "reason": "x" })).refuse(422, "validation_failed");
    key(&other, json!(["people:reveal"])).post(&at, reveal).refuse(404, "not_found");
    assert_eq!(items(&resident.get("/me/registry-views").expect(200)).len(), 1, "the person reads of programs too");
}

// ---- tags ---------------------------------------------------------------------------------------------------------

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

    let person = registry.person("赵样一", &fresh_id("19400101"), lives_at(&registry, "1栋", "101"));
    let give = |who: &Staff, tag: &str| who.post(&format!("{}/tags", path(&person)), json!({ "tag": tag })).send();
    let alone = give(&registry.workers[0], "独居老人").expect(201).json;
    assert_eq!(text(&alone, "code"), "elder_alone");
    assert!(alone["until"].is_string(), "it ends after a year");
    assert_eq!(pointers(&give(&registry.workers[0], "elder_alone").expect(422).json), [("/tag".to_owned(), "already_recorded".to_owned())]);
    assert_eq!(pointers(&give(&registry.workers[0], "nothing").expect(422).json)[0].1, "unknown_tag");
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
    let other = registry.person("钱样二", &fresh_id("19400101"), lives_at(&registry, "1栋", "101"));
    registry.manager.post(&format!("/people/{}/tags", text(&other, "id")), json!({ "tag": "elder_alone" })).refuse(409, "state_conflict");
}

// ---- at rest ------------------------------------------------------------------------------------------------------

/// Every file below a folder that holds one of these.
fn found_in(folder: &Path, needles: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the data folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(found_in(&path, needles));
        } else {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let holds = |needle: &&&str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            found.extend(needles.iter().filter(holds).map(|needle| format!("{needle} in {}", path.display())));
        }
    }
    found
}

#[test]
fn nothing_that_tells_who_somebody_is_can_be_read_in_the_files_or_the_log() {
    let server = shared();
    let registry = Registry::new(server);
    let (name, number, phone) = ("赵金丝雀", fresh_id("19370707"), "13777665544");
    let body = json!({ "community_id": registry.id, "name": name, "id_number": number, "phone": phone, "facts": lives_at(&registry, "1栋", "101") });
    let person = registry.manager.post("/people", body).header("Idempotency-Key", &unique("k")).expect(201);
    registry.manager.put(&path(&person), json!({ "phone": "13777665545" })).header("If-Match", "*").expect(200);
    let row = format!(
        "name,id_number,phone,estate,building,number,unit,relation\n钱金丝雀,{},13777665546,样例一村,1栋,102,1,owner\n",
        fresh_id("19370708")
    );
    registry.import(&[("kind", "people"), ("dry_run", "true")], row.as_bytes(), "succeeded");
    registry.import(&[("kind", "people")], row.as_bytes(), "succeeded");
    registry
        .manager
        .post(&format!("{}/reveal", path(&person)), json!({ "fields": ["name", "id_number", "phone"], "reason": "上门核实" }))
        .expect(200);
    let canaries = [name, "钱金丝雀", "金丝雀", number.as_str(), "1937-07-07", phone, "13777665545", "13777665546"];
    let found = found_in(&server.data_dir(), &canaries);
    assert!(found.is_empty(), "{found:?}");
    assert!(canaries.iter().all(|canary| !server.log().contains(canary)), "the log tells");
}
