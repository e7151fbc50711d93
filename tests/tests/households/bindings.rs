//! Bindings, what they rest on, and who is told.

use jiazai_tests::{Client, Options, Registry, Resident, Server, Value, eventually, fresh_id_number, instant, items, json, shared, text};

use super::{PHONE, Stage, at, change, tenant};

// ---- bindings and what they rest on --------------------------------------------------------------------------------

#[test]
fn a_binding_lasts_as_long_as_the_lease_that_it_rests_on_however_that_changes() {
    let server = Server::start(Options::default());
    let registry = Registry::new(&server);
    let (resident, person, binding) = tenant(&registry, Some("2099-01-01"));
    let now = || resident.get(&format!("/home-bindings/{}", text(&binding, "id"))).expect(200);
    assert_eq!(text(&now(), "lease_ends_on"), "2098-12-31");
    let fact = || {
        let facts = registry.manager.get(&format!("/people/{}", text(&person, "id"))).expect(200);
        facts["facts"][0].clone()
    };
    let correct = json!({ "from": "2024-01-01", "until": "2088-01-01", "reason": "续租合同" });
    registry.manager.post(&format!("/household-facts/{}/correct", text(&fact(), "id")), correct).expect(200);
    assert_eq!((text(&now(), "state"), text(&now(), "lease_ends_on")), ("active", "2087-12-31"));
    let row = format!(
        "name,id_number,estate,building,unit,number,relation,since,lease_ends_on\n租样一,{},样例一村,1栋,1,101,tenant,2024-01-01,2077-12-31\n",
        registry
            .manager
            .post(&format!("/people/{}/reveal", text(&person, "id")), json!({ "fields": ["id_number"], "reason": "核对租约" }))
            .expect(200)["id_number"]
            .as_str()
            .unwrap()
    );
    registry.import(&[("kind", "people")], row.as_bytes(), "succeeded");
    assert_eq!(text(&now(), "lease_ends_on"), "2077-12-31", "an import prolongs and shortens as a keeper does");
    let today = text(&registry.manager.get(&format!("/people/{}", text(&person, "id"))).expect(200), "as_of").to_owned();
    registry.manager.post(&format!("/household-facts/{}/end", text(&fact(), "id")), json!({ "until": today })).expect(200);
    assert_eq!(text(&now(), "state"), "ended", "who has given up the lease no longer speaks for the home");
    assert!(resident.get("/me/data-export").expect(200)["homes"].as_array().unwrap().is_empty());
}

#[test]
fn a_sale_a_move_and_a_death_end_what_a_person_was_bound_to() {
    let registry = Registry::new(shared());
    let (owner, person) = registry.known_resident("赵样一", &fresh_id_number("19800101"), PHONE);
    let state = |of: &Resident| text(&items(&of.get("/me/home-bindings").expect(200))[0], "state").to_owned();
    let fact = text(&person["facts"][0], "id").to_owned();
    registry.manager.post(&format!("/household-facts/{fact}/end"), json!({ "until": "2025-01-01" })).expect(200);
    assert_eq!(state(&owner), "ended");
    let (mover, moved, _) = tenant(&registry, None);
    registry.manager.post(&format!("/people/{}/move-out", text(&moved, "id")), json!({ "moved_out_on": "2025-06-01" })).expect(200);
    assert_eq!(state(&mover), "ended");
    let (gone, dead, _) = tenant(&registry, None);
    registry.manager.post(&format!("/people/{}/record-death", text(&dead, "id")), json!({ "deceased_on": "2025-06-01" })).expect(200);
    assert_eq!(state(&gone), "ended");
}

#[test]
fn who_was_bound_by_a_lease_reads_nothing_more_of_the_tenant_once_it_is_over() {
    let server = Server::start(Options::default().env("JIAZAI_JOBS", "off"));
    let registry = Registry::empty(&server);
    let make = |path: &str, body: Value| text(&registry.manager.post(path, body).expect(201), "id").to_owned();
    let estate = make(&registry.at("estates"), json!({ "name": "样例一村" }));
    let building = make(&registry.at("buildings"), json!({ "name": "1栋", "estate_id": estate, "grid_id": registry.grids[0] }));
    make(&format!("/buildings/{building}/homes"), json!({ "unit": "1", "floor": 1, "number": "101" }));
    // Tomorrow in Asia/Shanghai.
    let (resident, person, _) = tenant(&registry, Some(&instant(&server, 32 * 3600)[..10]));
    let reveal = |why: &str| {
        let body = json!({ "fields": ["phone"], "reason": why });
        registry.manager.post(&format!("/people/{}/reveal", text(&person, "id")), body).expect(200)
    };
    reveal("租期内核实");
    assert_eq!(items(&resident.get("/me/registry-views").expect(200)).len(), 1);
    server.sim().advance(2 * 86_400);
    // No job has written down that the binding is over; it is over all the same.
    reveal("租期后核实");
    assert!(items(&resident.get("/me/registry-views").expect(200)).is_empty());
}

#[test]
fn a_tenant_whom_a_keeper_approves_is_bound_until_the_lease_that_is_registered() {
    let registry = Registry::new(shared());
    let home = registry.home("1栋", "101");
    let fact = json!([{ "home_id": home, "kind": "tenant", "from": "2024-01-01", "until": "2099-01-01" }]);
    let person = registry.person("租样二", &fresh_id_number("19800101"), fact);
    let claim = || shared().resident().post("/home-bindings", json!({ "home_id": home, "relation": "tenant" })).expect(201);
    let approve = |claim: &Value, body: Value| {
        let path = format!("/home-bindings/{}/approve", text(claim, "id"));
        registry.workers[0].post(&path, body).expect(200)["lease_ends_on"].clone()
    };
    assert_eq!(approve(&claim(), json!({ "person_id": person["id"] })), "2098-12-31");
    assert_eq!(approve(&claim(), json!({ "person_id": person["id"], "lease_ends_on": "2050-01-01" })), "2050-01-01");
    let last = approve(&claim(), json!({}));
    let today = text(&registry.manager.get(&format!("/homes/{home}")).expect(200), "as_of").to_owned();
    assert_eq!(&text(&json!({ "last": last }), "last")[..4], (today[..4].parse::<i32>().unwrap() + 1).to_string(), "nobody knows: a year");
}

// ---- who is told ---------------------------------------------------------------------------------------------------

/// The person taps "allow" for these, in the mini-program and here.
fn allow(server: &Server, who: &impl Client, openid: &str, templates: &[&str]) {
    let consents = who.get("/me/notice-consents").expect(200);
    for template in templates {
        let kind = items(&consents).iter().find(|c| c["template"] == *template).unwrap_or_else(|| panic!("{template} in {consents}"));
        server.sim().subscribe(openid, text(kind, "template_id"), 1);
        who.post("/me/notice-consents", json!({ "accepted": [template] })).expect(200);
    }
}

#[test]
fn residents_and_visitors_are_told_in_words_that_name_nobody() {
    let server = shared();
    let stage = Stage::new(server);
    let openid = &stage.resident.openid;
    allow(server, &stage.resident, openid, &["home_binding", "registry_proposal", "person_revealed"]);
    let proposal = stage.propose(change("name", "赵样二"));
    stage.worker().post(&format!("{}/approve", at(&proposal)), json!({})).expect(200);
    let reveal = json!({ "fields": ["phone"], "reason": "上门前电话联系" });
    stage.worker().post(&format!("/people/{}/reveal", text(&stage.person, "id")), reveal).expect(200);
    let binding = items(&stage.resident.get("/me/home-bindings").expect(200))[0].clone();
    stage.worker().post(&format!("/home-bindings/{}/end", text(&binding, "id")), json!({ "reason": "已出售" })).expect(200);
    let messages = eventually("three messages arrive", 20, || {
        let own: Vec<Value> = server.sim().messages().into_iter().filter(|m| m["touser"] == openid.as_str()).collect();
        (own.len() == 3).then_some(own)
    });
    let mut phrases: Vec<&str> = messages.iter().map(|m| m["data"]["phrase2"]["value"].as_str().unwrap()).collect();
    phrases.sort_unstable();
    assert_eq!(phrases, ["变更通过", "认证终止", "请查看"]);
    assert!(messages.iter().all(|m| !m.to_string().contains("赵样") && m["page"].is_string()), "{messages:?}");

    let (code, visitor) = server.sim().login_code(None);
    stage.worker().post("/me/wechat", json!({ "code": code })).expect(204);
    allow(server, stage.worker(), &visitor, &["home_visit"]);
    let visit = json!({ "home_id": stage.home, "due_on": "2099-01-01", "visitor_id": stage.worker().id() });
    stage.registry.manager.post("/home-visits", visit).expect(201);
    let message = eventually("the visitor is told", 20, || server.sim().messages().into_iter().find(|m| m["touser"] == visitor.as_str()));
    assert_eq!(message["data"]["phrase2"]["value"], "待走访");
    assert!(message["data"]["time3"]["value"].as_str().unwrap().starts_with("2099年1月1日"), "{message}");
}
