//! Bindings 住户认证, delegations 代办, and visits.

use jiazai_tests::{Client, Options, Server, Staff, Value, at_once, id_number, instant, items, json, shared, text, unique};

use super::Place;

fn act(who: &impl Client, binding: &Value, action: &str, body: Value) -> Value {
    who.post(&format!("/home-bindings/{}/{action}", text(binding, "id")), body).expect(200)
}

// ---- bindings ------------------------------------------------------------------------------------------------------

#[test]
fn a_claim_waits_for_a_keeper_and_then_gives_rights() {
    let place = Place::new(shared());
    let home = place.home(0, "301");
    let resident = place.server.resident();
    let claim = place.claim(&resident, &home, "owner");
    assert_eq!((text(&claim, "state"), &claim["allowed_actions"]), ("pending", &json!(["end"])));
    let [worker, _] = &place.workers;
    let waiting = worker.get(&format!("/home-bindings?community_id={}&state=pending", place.id)).expect(200);
    let waiting = &items(&waiting)[0];
    assert_eq!((text(waiting, "id"), &waiting["allowed_actions"]), (text(&claim, "id"), &json!(["approve", "reject"])));
    resident.post(&format!("/home-bindings/{}/approve", text(&claim, "id")), json!({})).refuse(403, "forbidden");
    let active = act(worker, &claim, "approve", json!({}));
    assert_eq!((text(&active, "state"), &active["allowed_actions"]), ("active", &json!(["end"])));
    let again = worker.post(&format!("/home-bindings/{}/approve", text(&claim, "id")), json!({})).refuse(409, "state_conflict");
    assert_eq!((text(&again, "state"), &again["allowed_actions"]), ("active", &json!(["end"])));
    let mine = resident.get("/me/home-bindings").expect(200);
    assert_eq!((text(&items(&mine)[0], "state"), text(&items(&mine)[0], "home_label")), ("active", "明珠花园 1号楼 2单元 301"));
    let ended = act(&resident, &claim, "end", json!({ "reason": "已搬离" }));
    assert_eq!((text(&ended, "state"), &ended["allowed_actions"]), ("ended", &json!([])));
    assert_eq!(text(&place.claim(&resident, &home, "tenant"), "state"), "pending", "who has left may come back");
}

#[test]
fn a_grid_worker_binds_nobody_to_a_person_of_another_grid() {
    let place = Place::new(shared());
    let (near, far) = (place.home(0, "301"), place.home(1, "301"));
    let person = |home: &Value, number: usize| {
        let facts = json!([{ "home_id": home["id"], "kind": "owner", "from": "2020-01-01" }]);
        let body = json!({ "community_id": place.id, "name": "赵样一", "id_number": id_number("19700101", 700 + number), "facts": facts });
        place.manager.post("/people", body).expect(201)
    };
    let (own, other) = (person(&near, 1), person(&far, 2));
    let resident = place.server.resident();
    let claim = place.claim(&resident, &near, "owner");
    let approve = |who: &Staff, of: &Value| {
        who.post(&format!("/home-bindings/{}/approve", text(&claim, "id")), json!({ "person_id": of["id"] })).send()
    };
    let refused = approve(&place.workers[0], &other).expect(422).json;
    assert_eq!((text(&refused["errors"][0], "pointer"), text(&refused["errors"][0], "code")), ("/person_id", "unknown_person"));
    assert_eq!(text(&approve(&place.workers[0], &own).expect(200).json, "state"), "active");
}

#[test]
fn bindings_are_shown_by_the_role_that_watches_and_not_by_another_that_sees_the_home() {
    let place = Place::new(shared());
    let claims = [0, 1].map(|n| place.claim(&place.server.resident(), &place.home(n, "301"), "owner"));
    let of = |role: &str| json!({ "role": role, "community_id": place.id });
    let both = place.manager.hire_as(json!([of("grid_worker"), of("property_manager")]));
    let grid = json!({ "staff_ids": [both.id()] });
    place.manager.put(&format!("/grids/{}/staff", place.grids[0]), grid).header("If-Match", "*").expect(200);
    let path = |claim: &Value| format!("/home-bindings/{}", text(claim, "id"));
    both.get(&path(&claims[0])).expect(200);
    both.get(&path(&claims[1])).refuse(404, "not_found");
    assert_eq!(items(&both.get(&format!("/home-bindings?community_id={}", place.id)).expect(200)).len(), 1);
}

#[test]
fn a_rejected_claim_may_be_made_again() {
    let place = Place::new(shared());
    let home = place.home(0, "301");
    let resident = place.server.resident();
    let claim = place.claim(&resident, &home, "owner");
    place.manager.post(&format!("/home-bindings/{}/reject", text(&claim, "id")), json!({})).send().expect(422);
    assert_eq!(text(&act(&place.manager, &claim, "reject", json!({ "reason": "与登记不符" })), "state"), "rejected");
    assert_eq!(text(&place.claim(&resident, &home, "family"), "state"), "pending");
    place
        .manager
        .hire("auditor", &place.id)
        .post(&format!("/home-bindings/{}/approve", text(&claim, "id")), json!({}))
        .refuse(403, "forbidden");
}

#[test]
fn of_claims_at_once_one_lives() {
    let place = Place::new(shared());
    let home = place.home(0, "301");
    let resident = place.server.resident();
    let body = json!({ "home_id": home["id"], "relation": "owner" });
    let replies = at_once(6, |_| resident.post("/home-bindings", body.clone()).send());
    let made = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(made, 1, "{:?}", replies.iter().map(|r| r.status).collect::<Vec<_>>());
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!((reply.status, text(&reply.json, "code")), (409, "already_bound"), "{}", reply.describe());
    }
    let other = place.server.resident();
    assert_eq!(text(&place.claim(&other, &home, "owner"), "state"), "pending", "a home has several owners");
}

#[test]
fn of_two_keepers_at_once_one_decides() {
    let place = Place::new(shared());
    let home = place.home(0, "301");
    let claim = place.claim(&place.server.resident(), &home, "owner");
    let path = format!("/home-bindings/{}", text(&claim, "id"));
    let replies = at_once(4, |n| {
        let (action, body) = if n % 2 == 0 { ("approve", json!({})) } else { ("reject", json!({ "reason": "不符" })) };
        place.workers[0].post(&format!("{path}/{action}"), body).send().status
    });
    assert_eq!(replies.iter().filter(|status| **status == 200).count(), 1, "{replies:?}");
    assert!(replies.iter().all(|status| matches!(status, 200 | 409)), "{replies:?}");
}

#[test]
fn a_tenants_binding_ends_with_the_lease() {
    let server = Server::start(Options::default());
    let place = Place::new(&server);
    let home = place.home(0, "301");
    let tenant = server.resident();
    let claim = place.claim(&tenant, &home, "tenant");
    let path = format!("/home-bindings/{}/approve", text(&claim, "id"));
    let today = text(&place.manager.get(&format!("/homes/{}", text(&home, "id"))).expect(200), "as_of").to_owned();
    let reply = place.manager.post(&path, json!({ "lease_ends_on": "2020-01-01" })).send().expect(422);
    assert_eq!(text(&reply.json["errors"][0], "code"), "lease_over");
    let active = act(&place.manager, &claim, "approve", json!({ "lease_ends_on": today }));
    assert_eq!((text(&active, "state"), text(&active, "lease_ends_on")), ("active", today.as_str()));
    let homes = || tenant.get("/me/data-export").expect(200)["homes"].as_array().unwrap().len();
    assert_eq!(homes(), 1);
    server.sim().advance(86_400);
    assert_eq!(homes(), 0, "the calendar ends it, not a job");
    assert_eq!(text(&tenant.get(&format!("/home-bindings/{}", text(&claim, "id"))).expect(200), "state"), "ended");
    let active = tenant.get("/me/home-bindings?state=active").expect(200);
    assert_eq!(items(&active).len(), 0);
    let again = place.claim(&tenant, &home, "tenant");
    assert_eq!(text(&again, "state"), "pending", "a new lease is a new claim");
    let owner = place.claim(&server.resident(), &home, "owner");
    let reply =
        place.manager.post(&format!("/home-bindings/{}/approve", text(&owner, "id")), json!({ "lease_ends_on": "2099-01-01" })).send();
    assert_eq!(text(&reply.expect(422).json["errors"][0], "code"), "lease_without_tenancy");
}

#[test]
fn a_neighbour_sees_the_ticket_that_touches_their_home() {
    let place = Place::new(shared());
    let (above, below) = (place.home(0, "401"), place.home(0, "301"));
    let (upstairs, downstairs, elsewhere) = (place.bound(&above), place.bound(&below), place.server.resident());
    let category = format!("/repair-categories/{}?community_id={}", unique("c"), place.id);
    let body = json!({ "name": "漏水", "dispatch": "assign", "accept_within_s": 3600, "arrive_within_s": 7200, "resolve_within_s": 86400, "chargeable": false, "photos_required": false });
    let category = place.manager.put(&category, body).expect(201);
    let ticket = |home: &Value| {
        json!({ "community_id": place.id, "home_id": home["id"], "category": category["code"], "title": "天花板漏水",
            "description": "疑似楼上漏水", "affected_homes": [above["id"]] })
    };
    let made = downstairs.post("/repair-tickets", ticket(&below)).expect(201);
    let path = format!("/repair-tickets/{}", text(&made, "id"));
    let seen = upstairs.get(&path).expect(200);
    assert_eq!((text(&seen, "state"), &seen["description"], &seen["home_id"]), ("submitted", &Value::Null, &Value::Null), "{seen}");
    assert!(items(&upstairs.get("/repair-tickets").expect(200)).iter().any(|ticket| ticket["id"] == made["id"]));
    elsewhere.get(&path).refuse(404, "not_found");
    let refused = upstairs.post("/repair-tickets", ticket(&below)).send().expect(422);
    assert_eq!(text(&refused.json["errors"][0], "code"), "not_your_home");
}

// ---- delegations ---------------------------------------------------------------------------------------------------

#[test]
fn a_child_acts_for_a_parent_within_the_scope_and_both_are_remembered() {
    let place = Place::new(shared());
    let home = place.home(0, "301");
    let (parent, child) = (place.bound(&home), place.server.resident());
    let grant = |scopes: Value| json!({ "community_id": place.id, "delegate_id": child.id(), "scopes": scopes, "expires_at": instant(shared(), 90 * 86_400) });
    let given = parent.post("/delegations", grant(json!(["repair"]))).expect(201);
    assert_eq!((&given["live"], text(&given, "resident_id")), (&json!(true), parent.id().as_str()));
    assert_eq!(items(&child.get("/me/delegations").expect(200)).len(), 1);
    let category = format!("/repair-categories/{}?community_id={}", unique("c"), place.id);
    let body = json!({ "name": "漏水", "dispatch": "assign", "accept_within_s": 3600, "arrive_within_s": 7200, "resolve_within_s": 86400, "chargeable": false, "photos_required": false });
    let category = place.manager.put(&category, body).expect(201);
    let mut report = json!({ "community_id": place.id, "home_id": home["id"], "category": category["code"], "title": "漏水", "description": "厨房漏水" });
    child.post("/repair-tickets", report.clone()).send().expect(422);
    report["delegation_id"] = given["id"].clone();
    let ticket = child.post("/repair-tickets", report.clone()).expect(201);
    let events = place.manager.get(&format!("/repair-tickets/{}/events", text(&ticket, "id"))).expect(200);
    let first = &items(&events)[0];
    assert_eq!((text(&first["data"], "on_behalf_of"), text(&first["data"], "delegation_id")), (parent.id().as_str(), text(&given, "id")));
    let claim = json!({ "home_id": place.home(0, "302")["id"], "relation": "owner", "delegation_id": given["id"] });
    child.post("/home-bindings", claim.clone()).refuse(403, "forbidden");
    place.server.resident().post("/home-bindings", claim).send().expect(422);
    let path = format!("/delegations/{}/revoke", text(&given, "id"));
    place.server.resident().post(&path, json!({})).refuse(404, "not_found");
    assert_eq!(parent.post(&path, json!({})).expect(200)["live"], json!(false));
    child.post(&path, json!({})).refuse(409, "state_conflict");
    child.post("/repair-tickets", report).refuse(403, "forbidden");
    let own =
        json!({ "community_id": place.id, "delegate_id": parent.id(), "scopes": ["repair"], "expires_at": instant(shared(), 90 * 86_400) });
    let refused = parent.post("/delegations", own).send().expect(422);
    assert_eq!(text(&refused.json["errors"][0], "code"), "own_delegate");
}

// ---- visits --------------------------------------------------------------------------------------------------------

#[test]
fn a_visit_is_planned_missed_and_made() {
    let place = Place::new(shared());
    let home = place.home(0, "301");
    let [worker, other] = &place.workers;
    let plan = |by: &Staff, due_on: &str| {
        let body = json!({ "home_id": home["id"], "due_on": due_on, "visitor_id": worker.id(), "purpose": "核实人口" });
        by.post("/home-visits", body).send()
    };
    plan(other, "2099-01-01").expect(422);
    let reply = plan(worker, "2020-01-01").expect(422);
    assert_eq!(text(&reply.json["errors"][0], "code"), "past");
    let visit = plan(worker, "2099-01-01").expect(201).json;
    assert_eq!((text(&visit, "state"), &visit["overdue"]), ("open", &json!(false)));
    let path = format!("/home-visits/{}", text(&visit, "id"));
    other.get(&path).refuse(404, "not_found");
    other.post(&format!("{path}/miss"), json!({})).refuse(404, "not_found");
    assert_eq!(worker.post(&format!("{path}/miss"), json!({})).expect(200)["missed"], json!(1));
    let done = worker.post(&format!("{path}/finish"), json!({ "outcome": "met", "note": "一切如登记" })).expect(200);
    assert_eq!((text(&done, "state"), text(&done, "note"), &done["allowed_actions"]), ("done", "一切如登记", &json!([])));
    worker.post(&format!("{path}/cancel"), json!({ "reason": "重复" })).refuse(409, "state_conflict");
    let list = worker.get(&format!("/home-visits?community_id={}&visitor_id=me&state=done", place.id)).expect(200);
    assert_eq!(items(&list).len(), 1);
    assert_eq!(items(&other.get(&format!("/home-visits?community_id={}", place.id)).expect(200)).len(), 0);
    let handed = plan(&place.manager, "2099-01-01").expect(201).json;
    let path = format!("/home-visits/{}", text(&handed, "id"));
    place.manager.post(&format!("{path}/assign"), json!({ "visitor_id": place.server.resident().id() })).send().expect(422);
    let handed = place.manager.post(&format!("{path}/assign"), json!({ "visitor_id": other.id() })).expect(200);
    assert_eq!(handed["visitor_id"], json!(other.id()));
    other.post(&format!("{path}/finish"), json!({ "outcome": "refused" })).expect(200);
}

#[test]
fn a_visit_is_nobodys_who_does_not_work_in_the_community_any_more() {
    let place = Place::new(shared());
    let home = place.home(0, "301");
    let visitor = place.manager.hire("property_manager", &place.id);
    let body = json!({ "home_id": home["id"], "due_on": "2099-01-01", "visitor_id": visitor.id() });
    let path = format!("/home-visits/{}", text(&place.workers[0].post("/home-visits", body).expect(201), "id"));
    assert_eq!(visitor.post(&format!("{path}/finish"), json!({ "outcome": "met", "note": "老人独居" })).expect(200)["note"], "老人独居");
    let elsewhere = json!([{ "role": "property_manager", "community_id": place.server.other_community() }]);
    let admin = place.server.staff("admin");
    admin
        .put(&format!("/staff/{}", visitor.id()), json!({ "display_name": "临时工", "roles": elsewhere }))
        .header("If-Match", "*")
        .expect(200);
    visitor.get(&path).refuse(404, "not_found");
    let key = |scopes: Value| {
        let body = json!({ "name": unique("屏"), "scopes": scopes, "community_id": place.id });
        place.server.bearer(format!("Bearer {}", text(&place.manager.post("/api-keys", body).expect(201), "key")))
    };
    let visits = format!("/home-visits?community_id={}", place.id);
    let refused = key(json!(["registry:read"])).get(&visits).refuse(403, "forbidden");
    assert!(text(&refused, "detail").contains("people:read"), "a visit tells of those who live there: {refused}");
    key(json!(["people:read"])).get(&visits).expect(200);
}
