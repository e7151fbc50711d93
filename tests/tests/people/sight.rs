//! Who sees how much of whom, who looked, and what lies in the database.

use std::path::Path;

use jiazai_tests::{Client, Registry, Staff, Value, faults, fresh_id_number, items, json, shared, text, unique};

use super::{fact, lives_at, path};

// ---- sight ---------------------------------------------------------------------------------------------------------

#[test]
fn a_grid_worker_sees_and_keeps_the_people_of_their_grid_only() {
    let registry = Registry::new(shared());
    let here = registry.person("赵样一", &fresh_id_number("19800101"), lives_at(&registry, "1栋", "101"));
    let there = registry.person("钱样二", &fresh_id_number("19800101"), lives_at(&registry, "2栋", "101"));
    let nowhere = registry.person("孙样三", &fresh_id_number("19800101"), json!([]));
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
    let new =
        |facts: Value| json!({ "community_id": registry.id, "name": "周样五", "id_number": fresh_id_number("19800101"), "facts": facts });
    assert_eq!(
        faults(&worker.post("/people", new(json!([]))).refuse(422, "validation_failed")),
        [("/facts".to_owned(), "required".to_owned())]
    );
    let abroad = worker.post("/people", new(lives_at(&registry, "2栋", "102"))).refuse(422, "validation_failed");
    assert_eq!(faults(&abroad), [("/facts/0/home_id".to_owned(), "unknown_home".to_owned())]);
    worker.post("/people", new(lives_at(&registry, "1栋", "102"))).expect(201);
    assert_eq!(seen("").len(), 2);
}

#[test]
fn another_community_and_residents_see_nobody() {
    let (registry, other) = (Registry::new(shared()), Registry::empty(shared()));
    let person = registry.person("赵样一", &fresh_id_number("19800101"), json!([]));
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
    let (name, number, phone) = ("赵样一", fresh_id_number("19800101"), "13900001111");
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
    assert_eq!(claim(phone, "owner", name, &fresh_id_number("19800101"), &home), "pending", "another document");
    assert_eq!(claim(phone, "owner", name, &number, &registry.home("1栋", "102")), "pending", "another home");
}

#[test]
fn a_lifted_mask_is_remembered_and_the_person_reads_who_looked_and_why() {
    let registry = Registry::new(shared());
    let (number, phone) = (fresh_id_number("19800101"), "13900003333");
    let (resident, person) = registry.known_resident("赵样一", &number, phone);
    let ask = |who: &Staff, body: Value| who.post(&format!("{}/reveal", path(&person)), body).send();
    let short = ask(&registry.manager, json!({ "fields": ["phone"], "reason": "看看" })).expect(422);
    assert_eq!(faults(&short.json), [("/reason".to_owned(), "reason_too_short".to_owned())]);
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
    let near = registry.person("赵样一", &fresh_id_number("19800101"), lives_at(&registry, "1栋", "101"));
    let far = registry.person("钱样二", &fresh_id_number("19800101"), lives_at(&registry, "2栋", "101"));
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
    let near = registry.person("赵样一", &fresh_id_number("19800101"), lives_at(&registry, "1栋", "101"));
    let far = registry.person("钱样二", &fresh_id_number("19800101"), lives_at(&registry, "2栋", "101"));
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
    let person = registry.person("赵样一", &fresh_id_number("19400101"), facts);
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
    let (number, phone) = (fresh_id_number("19800101"), "13900004444");
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

// ---- at rest -------------------------------------------------------------------------------------------------------

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
    let (name, number, phone) = ("赵金丝雀", fresh_id_number("19370707"), "13777665544");
    let body = json!({ "community_id": registry.id, "name": name, "id_number": number, "phone": phone, "facts": lives_at(&registry, "1栋", "101") });
    let person = registry.manager.post("/people", body).header("Idempotency-Key", &unique("k")).expect(201);
    registry.manager.put(&path(&person), json!({ "phone": "13777665545" })).header("If-Match", "*").expect(200);
    let row = format!(
        "name,id_number,phone,estate,building,number,unit,relation\n钱金丝雀,{},13777665546,样例一村,1栋,102,1,owner\n",
        fresh_id_number("19370708")
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
