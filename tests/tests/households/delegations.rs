//! Acting for somebody 代办.

use jiazai_tests::{Client, Staff, Value, instant, items, json, shared, text};

use super::{Stage, at, change};

#[test]
fn a_delegate_proposes_for_a_parent_and_both_are_remembered() {
    let stage = Stage::new(shared());
    let child = shared().resident();
    let grant = json!({ "community_id": stage.registry.id, "delegate_id": child.id(), "scopes": ["registry"], "expires_at": instant(shared(), 90 * 86_400) });
    let given = stage.resident.post("/delegations", grant).expect(201);
    let mut body = json!({ "home_id": stage.home, "changes": change("phone", "13700008888") });
    child.post("/registry-proposals", body.clone()).refuse(422, "validation_failed");
    body["delegation_id"] = given["id"].clone();
    let proposal = child.post("/registry-proposals", body.clone()).expect(201);
    assert_eq!((&proposal["person_id"], text(&proposal, "proposer_id")), (&stage.person["id"], child.id().as_str()));
    let events = stage.worker().get(&format!("{}/events", at(&proposal))).expect(200);
    let first = &items(&events)[0];
    assert_eq!((text(first, "actor_id"), text(&first["data"], "on_behalf_of")), (child.id().as_str(), stage.resident.id().as_str()));
    stage.resident.post(&format!("/delegations/{}/revoke", text(&given, "id")), json!({})).expect(200);
    child.post("/registry-proposals", body).refuse(403, "forbidden");
}

#[test]
fn a_grid_worker_acts_for_an_elder_without_a_telephone_until_the_elder_dies() {
    let server = shared();
    let stage = Stage::new(server);
    let elder = stage.relative("周样五");
    let worker = stage.worker();
    let grant = |by: &Staff| {
        let body = json!({ "community_id": stage.registry.id, "person_id": elder["id"], "delegate_id": worker.id(), "scopes": ["repair"],
            "expires_at": instant(shared(), 90 * 86_400) });
        by.post("/delegations", body).send()
    };
    grant(&stage.registry.workers[1]).expect(422);
    let given = grant(worker).expect(201).json;
    assert_eq!((&given["person_id"], &given["resident_id"]), (&elder["id"], &Value::Null));
    let category = json!({ "name": "漏水", "dispatch": "assign", "accept_within_s": 3600, "arrive_within_s": 7200, "resolve_within_s": 86400, "chargeable": false, "photos_required": false });
    let path = format!("/repair-categories/leak?community_id={}", stage.registry.id);
    stage.registry.manager.put(&path, category).expect(201);
    let report = json!({ "community_id": stage.registry.id, "home_id": stage.home, "category": "leak", "title": "漏水", "description": "厨房漏水", "delegation_id": given["id"] });
    let ticket = worker.post("/repair-tickets", report.clone()).expect(201);
    let events = stage.registry.manager.get(&format!("/repair-tickets/{}/events", text(&ticket, "id"))).expect(200);
    let data = &items(&events)[0]["data"];
    assert_eq!((text(data, "on_behalf_of"), text(data, "delegation_id")), (text(&elder, "id"), text(&given, "id")));
    stage
        .registry
        .manager
        .post(&format!("/people/{}/record-death", text(&elder, "id")), json!({ "deceased_on": "2026-01-01" }))
        .expect(200);
    worker.post("/repair-tickets", report).refuse(403, "forbidden");
}

#[test]
fn who_erases_their_account_gives_up_what_it_may_do_and_the_registry_keeps_who_lives_there() {
    let stage = Stage::new(shared());
    let child = shared().resident();
    let grant = json!({ "community_id": stage.registry.id, "delegate_id": child.id(), "scopes": ["repair"], "expires_at": instant(shared(), 90 * 86_400) });
    stage.resident.post("/delegations", grant).expect(201);
    let proposal = stage.propose(change("phone", "13700001234"));
    let export = stage.resident.get("/me/data-export").expect(200);
    let held = &export["registry"];
    assert_eq!(
        (text(&held["home_bindings"][0], "state"), text(&held["registry_proposals"][0]["changes"][0], "value")),
        ("active", "13700001234")
    );
    assert_eq!(held["delegations"].as_array().map(Vec::len), Some(1));
    let binding = held["home_bindings"][0]["id"].as_str().unwrap().to_owned();
    let erased = stage.resident.delete("/me").expect(200);
    assert!(erased["kept"].as_array().unwrap().iter().any(|kept| text(kept, "what").contains("登记")), "{erased}");
    assert_eq!(text(&stage.worker().get(&format!("/home-bindings/{binding}")).expect(200), "state"), "ended");
    let left = stage.worker().get(&at(&proposal)).expect(200);
    assert_eq!((text(&left, "state"), &left["changes"]), ("withdrawn", &json!([])));
    assert_eq!(items(&child.get("/me/delegations").expect(200))[0]["live"], json!(false));
    assert_eq!(text(&stage.person(&stage.person), "name"), "赵样一");
}
