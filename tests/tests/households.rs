//! What residents and keepers change together: change proposals, delegations, what keepers write of homes, and who is told.

use jiazai_tests::{Client, Options, Registry, Resident, Server, Staff, Value, at_once, eventually, id_number, instant, json, shared};

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}"))
}

/// A number that nobody else of this run has.
fn fresh_id() -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(200_001);
    id_number("19800101", NEXT.fetch_add(2, Ordering::Relaxed))
}

fn faults(problem: &Value) -> Vec<(String, String)> {
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|e| (text(e, "pointer").to_owned(), text(e, "code").to_owned())).collect()
}

const PHONE: &str = "13912345678";

/// A registry, a resident whom it knows to own home 101 of building 1, and who they are in it.
struct Stage<'s> {
    registry: Registry<'s>,
    resident: Resident<'s>,
    person: Value,
    home: String,
}

impl<'s> Stage<'s> {
    fn new(server: &'s Server) -> Self {
        let registry = Registry::new(server);
        let (resident, person) = registry.known_resident("赵样一", &fresh_id(), PHONE);
        let home = registry.home("1栋", "101");
        Self { registry, resident, person, home }
    }

    fn worker(&self) -> &Staff<'s> {
        &self.registry.workers[0]
    }

    fn propose(&self, changes: Value) -> Value {
        self.resident.post("/registry-proposals", json!({ "home_id": self.home, "changes": changes })).expect(201)
    }

    fn about(&self, person: &Value, changes: Value) -> Value {
        let body = json!({ "home_id": self.home, "person_id": person["id"], "changes": changes });
        self.resident.post("/registry-proposals", body).expect(201)
    }

    fn person(&self, of: &Value) -> Value {
        self.registry.manager.get(&format!("/people/{}", text(of, "id"))).expect(200)
    }

    /// The kinds of what ties somebody to homes today.
    fn kinds(&self, of: &Value) -> Vec<String> {
        let mut kinds: Vec<String> =
            self.person(of)["facts"].as_array().unwrap().iter().map(|fact| text(fact, "kind").to_owned()).collect();
        kinds.sort();
        kinds
    }

    fn home_now(&self) -> Value {
        self.registry.manager.get(&format!("/homes/{}", self.home)).expect(200)
    }

    /// Somebody else of the home's family.
    fn relative(&self, name: &str) -> Value {
        let fact = |kind: &str| json!({ "home_id": self.home, "kind": kind, "from": "2020-01-01" });
        self.registry.person(name, &fresh_id(), json!([fact("family"), fact("residence"), fact("hukou")]))
    }
}

fn at(proposal: &Value) -> String {
    format!("/registry-proposals/{}", text(proposal, "id"))
}

fn change(field: &str, value: &str) -> Value {
    json!([{ "field": field, "value": value }])
}

// ---- change proposals ---------------------------------------------------------------------------------------------

#[test]
fn what_a_resident_proposes_is_written_when_the_grid_worker_approves_it_and_not_before() {
    let stage = Stage::new(shared());
    let binding = items(&stage.resident.get("/me/home-bindings").expect(200))[0].clone();
    let household = stage.resident.get(&format!("/home-bindings/{}/household", text(&binding, "id"))).expect(200);
    let own = &items(&household)[0];
    assert_eq!((text(own, "name"), &own["me"], text(own, "kind")), ("赵*一", &json!(true), "owner"));
    shared().resident().get(&format!("/home-bindings/{}/household", text(&binding, "id"))).refuse(404, "not_found");

    let proposal = stage.propose(json!([{ "field": "phone", "value": "137 0000 8888" }, { "field": "name", "value": "赵样二" }]));
    assert_eq!((text(&proposal, "state"), &proposal["allowed_actions"]), ("pending", &json!(["withdraw"])));
    assert_eq!(proposal["person_id"], stage.person["id"], "left out, it is about the resident");
    let values: Vec<&str> = proposal["changes"].as_array().unwrap().iter().map(|c| text(c, "value")).collect();
    assert_eq!(values, ["137******88", "赵样二"], "a whole telephone is in no answer");
    assert_eq!(text(&stage.person(&stage.person), "name"), "赵样一");

    let waiting = |who: &Staff| {
        let list = who.get(&format!("/registry-proposals?community_id={}&state=pending", stage.registry.id)).expect(200);
        items(&list).iter().map(|p| text(p, "id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(waiting(stage.worker()), [text(&proposal, "id")]);
    assert_eq!(waiting(&stage.registry.workers[1]), Vec::<String>::new());
    stage.registry.workers[1].get(&at(&proposal)).refuse(404, "not_found");
    stage.registry.workers[1].post(&format!("{}/approve", at(&proposal)), json!({})).refuse(404, "not_found");
    let seen = stage.worker().get(&at(&proposal)).expect(200);
    assert_eq!(seen["allowed_actions"], json!(["approve", "reject"]));
    let before: Vec<&str> = seen["changes"].as_array().unwrap().iter().map(|c| text(c, "now")).collect();
    assert_eq!(before, ["139******78", "赵样一"]);

    let approved = stage.worker().post(&format!("{}/approve", at(&proposal)), json!({})).expect(200);
    assert_eq!((text(&approved, "state"), &approved["allowed_actions"]), ("approved", &json!([])));
    let person = stage.person(&stage.person);
    assert_eq!((text(&person, "name"), text(&person, "phone_masked")), ("赵样二", "137******88"));
    let changes = stage.registry.manager.get(&format!("/people/{}/changes", text(&person, "id"))).expect(200);
    let told: Vec<(&str, &str)> = items(&changes).iter().map(|c| (text(c, "field"), text(c, "by"))).collect();
    assert_eq!(told, [("name", "临时工"), ("phone", "临时工")], "the history names the keeper who wrote it");
    let again = stage.worker().post(&format!("{}/approve", at(&proposal)), json!({})).refuse(409, "state_conflict");
    assert_eq!((text(&again, "state"), &again["allowed_actions"]), ("approved", &json!([])));
    for who in [stage.worker() as &dyn Client, &stage.resident] {
        let events = who.get(&format!("{}/events", at(&proposal))).expect(200);
        let kinds: Vec<&str> = items(&events).iter().map(|e| text(e, "type")).collect();
        assert_eq!(kinds, ["registry_proposal.proposed", "registry_proposal.approved"]);
        assert!(!events.to_string().contains("137"), "events are thin: {events}");
    }
}

#[test]
fn a_household_can_say_who_moved_in_who_left_and_who_died() {
    let stage = Stage::new(shared());
    let relative = stage.relative("钱样二");
    let approve = |proposal: Value| stage.worker().post(&format!("{}/approve", at(&proposal)), json!({})).expect(200);
    approve(stage.propose(change("moved_in_on", "2024-05-01")));
    assert_eq!(stage.kinds(&stage.person), ["owner", "residence"]);
    let fact = stage.person(&stage.person)["facts"].as_array().unwrap().iter().find(|f| f["kind"] == "residence").cloned().unwrap();
    assert_eq!((text(&fact, "source"), text(&fact, "from")), ("proposal", "2024-05-01"));
    approve(stage.about(&relative, change("moved_out_on", "2024-06-01")));
    assert_eq!(stage.kinds(&relative), ["hukou"], "who moves out still has the hukou there");
    approve(stage.about(&relative, change("deceased_on", "2025-01-01")));
    assert_eq!(text(&stage.person(&relative), "deceased_on"), "2025-01-01");
    assert!(stage.kinds(&relative).is_empty());
    let history = stage.registry.manager.get(&format!("/people/{}/changes", text(&relative, "id"))).expect(200);
    let told: Vec<_> = items(&history).iter().map(|c| (text(c, "field"), c["before"].clone(), c["after"].clone())).collect();
    assert_eq!(told, [("deceased_on", Value::Null, json!("2025-01-01"))], "as if a keeper had written it down without a proposal");
    approve(stage.propose(change("occupancy", "rented")));
    let home = stage.home_now();
    assert_eq!((text(&home, "occupancy"), text(&home, "occupancy_set")), ("rented", "rented"));
}

#[test]
fn a_rejected_proposal_says_why_and_a_withdrawn_one_is_nobodys_any_more() {
    let stage = Stage::new(shared());
    let proposal = stage.propose(change("name", "赵样三"));
    stage.worker().post(&format!("{}/reject", at(&proposal)), json!({})).send().expect(422);
    stage.resident.post(&format!("{}/reject", at(&proposal)), json!({ "reason": "不对" })).refuse(403, "forbidden");
    let rejected = stage.worker().post(&format!("{}/reject", at(&proposal)), json!({ "reason": "请携带户口本" })).expect(200);
    assert_eq!(text(&rejected, "state"), "rejected");
    let events = stage.resident.get(&format!("{}/events", at(&proposal))).expect(200);
    assert_eq!(text(&items(&events)[1], "note"), "请携带户口本");
    let second = stage.propose(change("name", "赵样三"));
    shared().resident().post(&format!("{}/withdraw", at(&second)), json!({})).refuse(404, "not_found");
    stage.worker().post(&format!("{}/withdraw", at(&second)), json!({})).refuse(403, "forbidden");
    assert_eq!(text(&stage.resident.post(&format!("{}/withdraw", at(&second)), json!({})).expect(200), "state"), "withdrawn");
    stage.worker().post(&format!("{}/approve", at(&second)), json!({})).refuse(409, "state_conflict");
    assert_eq!(text(&stage.person(&stage.person), "name"), "赵样一");
    let mine = stage.resident.get("/me/registry-proposals?state=withdrawn").expect(200);
    assert_eq!(items(&mine).iter().map(|p| text(p, "id")).collect::<Vec<_>>(), [text(&second, "id")]);
    assert_eq!(items(&stage.resident.get("/me/registry-proposals?limit=1").expect(200)).len(), 1);
}

#[test]
fn a_proposal_names_every_wrong_value_and_reaches_the_own_household_only() {
    let stage = Stage::new(shared());
    let stranger = stage.registry.person("孙样三", &fresh_id(), json!([]));
    let send = |body: Value| stage.resident.post("/registry-proposals", body).refuse(422, "validation_failed");
    let wrong = json!([
        { "field": "phone", "value": "123" }, { "field": "moved_out_on", "value": "2999-01-01" }, { "field": "occupancy", "value": "full" },
        { "field": "name", "value": "甲" }, { "field": "name", "value": "乙" },
    ]);
    let expected = [("/changes/0", "phone_format"), ("/changes/1", "future"), ("/changes/2", "unknown_word"), ("/changes/4", "twice")];
    assert_eq!(faults(&send(json!({ "home_id": stage.home, "changes": wrong }))), expected.map(|(p, c)| (p.to_owned(), c.to_owned())));
    let one = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
    let name = change("name", "赵样二");
    let other = stage.registry.home("1栋", "102");
    assert_eq!(faults(&send(json!({ "home_id": other, "changes": name }))), one("/home_id", "not_your_home"));
    let about = json!({ "home_id": stage.home, "person_id": stranger["id"], "changes": name });
    assert_eq!(faults(&send(about)), one("/person_id", "unknown_person"));
    assert_eq!(faults(&send(json!({ "home_id": stage.home, "changes": [] })))[0].0, "/changes");
    shared().resident().post("/registry-proposals", json!({ "home_id": stage.home, "changes": name })).refuse(422, "validation_failed");
    stage.worker().post("/registry-proposals", json!({ "home_id": stage.home, "changes": name })).refuse(403, "forbidden");
    // A binding that a keeper approved without saying who the resident is: there is nobody whose name it could be.
    let unknown = shared().resident();
    let claim = unknown.post("/home-bindings", json!({ "home_id": other, "relation": "tenant" })).expect(201);
    stage.worker().post(&format!("/home-bindings/{}/approve", text(&claim, "id")), json!({})).expect(200);
    let refused = unknown.post("/registry-proposals", json!({ "home_id": other, "changes": name })).refuse(422, "validation_failed");
    assert_eq!(faults(&refused), one("/changes/0", "person_missing"));
    unknown.post("/registry-proposals", json!({ "home_id": other, "changes": change("occupancy", "rented") })).expect(201);
}

#[test]
fn what_the_registry_does_not_allow_any_more_is_told_and_the_proposal_still_waits() {
    let stage = Stage::new(shared());
    let first = stage.propose(change("moved_in_on", "2024-05-01"));
    let second = stage.propose(change("moved_in_on", "2024-06-01"));
    stage.worker().post(&format!("{}/approve", at(&first)), json!({})).expect(200);
    let refused = stage.worker().post(&format!("{}/approve", at(&second)), json!({})).refuse(409, "state_conflict");
    assert_eq!((text(&refused, "state"), &refused["allowed_actions"]), ("pending", &json!(["approve", "reject"])));
    assert_eq!(text(&stage.worker().get(&at(&second)).expect(200), "state"), "pending", "nothing is half approved");
    assert_eq!(stage.kinds(&stage.person), ["owner", "residence"]);
    stage.worker().post(&format!("{}/reject", at(&second)), json!({ "reason": "已登记" })).expect(200);
    let nobody = stage.relative("李样四");
    let left = stage.about(&nobody, change("moved_out_on", "2019-01-01"));
    stage.worker().post(&format!("{}/approve", at(&left)), json!({})).refuse(409, "state_conflict");
    assert_eq!(stage.kinds(&nobody), ["family", "hukou", "residence"]);
}

#[test]
fn of_keepers_and_a_resident_who_decide_at_once_one_is_heard() {
    let stage = Stage::new(shared());
    let proposal = stage.propose(change("moved_in_on", "2024-05-01"));
    let replies = at_once(6, |n| match n % 3 {
        0 => stage.worker().post(&format!("{}/approve", at(&proposal)), json!({})).send(),
        1 => stage.registry.manager.post(&format!("{}/reject", at(&proposal)), json!({ "reason": "不符" })).send(),
        _ => stage.resident.post(&format!("{}/withdraw", at(&proposal)), json!({})).send(),
    });
    let done: Vec<usize> = (0..6).filter(|n| replies[*n].status == 200).collect();
    assert_eq!(done.len(), 1, "{:?}", replies.iter().map(|r| r.status).collect::<Vec<_>>());
    assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 409)));
    let is_written = stage.kinds(&stage.person).contains(&"residence".to_owned());
    assert_eq!(is_written, done[0].is_multiple_of(3), "only an approval writes");
}

#[test]
fn an_approval_needs_the_version_that_was_read_where_the_caller_says_so() {
    let stage = Stage::new(shared());
    let proposal = stage.propose(change("name", "赵样二"));
    let path = format!("{}/approve", at(&proposal));
    stage.worker().post(&path, json!({})).header("If-Match", "\"9\"").refuse(412, "precondition_failed");
    stage.worker().post(&path, json!({})).header("If-Match", "\"1\"").expect(200);
}

// ---- acting for somebody ------------------------------------------------------------------------------------------

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

// ---- bindings and what they rest on -------------------------------------------------------------------------------

/// A tenant of home 101 whom the registry knows, bound at once: account, person, binding.
fn tenant<'s>(registry: &Registry<'s>, until: Option<&str>) -> (Resident<'s>, Value, Value) {
    let (number, phone, home) = (fresh_id(), "13611112222", registry.home("1栋", "101"));
    let mut fact = json!({ "home_id": home, "kind": "tenant", "from": "2024-01-01" });
    if let Some(until) = until {
        fact["until"] = json!(until);
    }
    let body = json!({ "community_id": registry.id, "name": "租样一", "id_number": number, "phone": phone, "facts": [fact] });
    let person = registry.manager.post("/people", body).expect(201);
    let resident = registry.server.resident();
    resident.bind_phone(phone);
    let claim = json!({ "home_id": home, "relation": "tenant", "name": "租样一", "id_number": number });
    let binding = resident.post("/home-bindings", claim).expect(201);
    assert_eq!(text(&binding, "state"), "active");
    (resident, person, binding)
}

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
    let (owner, person) = registry.known_resident("赵样一", &fresh_id(), PHONE);
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
    let person = registry.person("租样二", &fresh_id(), fact);
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

// ---- who is told --------------------------------------------------------------------------------------------------

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

// ---- what was written of a home -----------------------------------------------------------------------------------

#[test]
fn a_home_tells_what_was_written_of_it_before_and_by_whom() {
    let stage = Stage::new(shared());
    let path = format!("/homes/{}", stage.home);
    let set = |who: &Staff, word: &str| {
        who.put(&format!("{path}/occupancy"), json!({ "status": word })).header("If-Match", "*").expect(200);
    };
    set(stage.worker(), "vacant");
    let body = json!({ "unit": "1", "floor": 1, "number": "101甲", "area_m2": 80 });
    stage.registry.manager.put(&path, body).header("If-Match", "*").expect(200);
    set(&stage.registry.manager, "rented");
    let page = |query: &str| stage.worker().get(&format!("{path}/changes{query}")).expect(200);
    let told: Vec<Value> = items(&page("")).iter().map(|c| json!([c["field"], c["before"], c["after"], c["by"]])).collect();
    let by = "临时工";
    let expected =
        [json!(["occupancy", null, "vacant", by]), json!(["number", "101", "101甲", by]), json!(["occupancy", "vacant", "rented", by])];
    assert_eq!(told, expected);
    let mut cursor = String::new();
    let mut paged = Vec::new();
    for _ in 0..3 {
        let one = page(&format!("?limit=1{cursor}"));
        paged.push(items(&one)[0]["version"].clone());
        cursor = one["next_cursor"].as_str().map(|c| format!("&cursor={c}")).unwrap_or_default();
    }
    assert_eq!(paged, items(&page("")).iter().map(|c| c["version"].clone()).collect::<Vec<_>>());
    stage.registry.workers[1].get(&format!("{path}/changes")).refuse(404, "not_found");
    let facts = stage.worker().get(&format!("{path}/facts")).expect(200);
    let fact = &items(&facts)[0];
    assert_eq!((text(fact, "kind"), text(fact, "recorded_by")), ("owner", stage.registry.manager.id().as_str()));
    let end = format!("/household-facts/{}/end", text(fact, "id"));
    stage.worker().post(&end, json!({ "until": "2024-01-01" })).expect(200);
    let facts = stage.worker().get(&format!("{path}/facts")).expect(200);
    assert_eq!(text(&items(&facts)[0], "superseded_by"), stage.worker().id());
}

#[test]
fn a_keepers_word_that_the_facts_deny_is_shown_as_a_contradiction_wherever_it_is_shown() {
    let stage = Stage::new(shared());
    let registry = &stage.registry;
    let marks = || {
        let map = registry.manager.get(&registry.at("map")).expect(200);
        let building = map["buildings"].as_array().unwrap().iter().find(|b| b["name"] == "1栋").cloned().unwrap();
        let listed = registry.manager.get(&format!("/buildings/{}/homes", text(&building, "id"))).expect(200);
        let of =
            |homes: &Value| homes.as_array().unwrap().iter().find(|h| h["id"] == stage.home.as_str()).unwrap()["contradiction"].clone();
        [of(&building["homes"]), of(&listed["items"]), stage.home_now()["contradiction"].clone()]
    };
    let set = |word: &str| {
        let path = format!("/homes/{}/occupancy", stage.home);
        stage.worker().put(&path, json!({ "status": word })).header("If-Match", "*").expect(200);
    };
    assert_eq!(marks(), [json!(false), json!(false), json!(false)]);
    set("vacant");
    assert_eq!(marks(), [json!(false), json!(false), json!(false)], "an owner alone says nothing of who lives there");
    let residence = json!({ "home_id": stage.home, "kind": "residence", "from": "2020-01-01" });
    registry.manager.post(&format!("/people/{}/facts", text(&stage.person, "id")), residence).expect(201);
    assert_eq!(text(&stage.home_now(), "occupancy_derived"), "unknown", "nobody knows where the hukou is");
    assert_eq!(marks(), [json!(true), json!(true), json!(true)], "vacant, and somebody lives there");
    set("owner_occupied");
    assert_eq!(marks(), [json!(false), json!(false), json!(false)]);
    let tenant = json!({ "home_id": stage.home, "kind": "tenant", "from": "2020-01-01" });
    registry.manager.post(&format!("/people/{}/facts", text(&stage.person, "id")), tenant).expect(201);
    assert_eq!(marks(), [json!(true), json!(true), json!(true)], "let, and said to be lived in by its owner");
    set("rented");
    assert_eq!(marks(), [json!(false), json!(false), json!(false)]);
}

// ---- time ---------------------------------------------------------------------------------------------------------

/// The day after one.
fn later_day(day: &str) -> String {
    let (year, month, date): (i64, i64, i64) =
        (day[..4].parse().expect("a year"), day[5..7].parse().expect("a month"), day[8..].parse().expect("a day"));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
    let (year, month, date) = match (month, date) {
        (12, 31) => (year + 1, 1, 1),
        (month, date) if date == last => (year, month + 1, 1),
        (month, date) => (year, month, date + 1),
    };
    format!("{year:04}-{month:02}-{date:02}")
}

#[test]
fn a_tag_ends_when_its_days_are_over_and_a_fact_that_begins_colours_the_map_on_its_day() {
    let server = Server::start(Options::default());
    let registry = Registry::new(&server);
    registry.manager.post(&registry.at("tags/adopt"), json!({ "preset": "six" })).expect(200);
    let home = registry.home("1栋", "101");
    let fact = |kind: &str, from: &str| json!({ "home_id": home, "kind": kind, "from": from });
    let today = text(&registry.manager.get(&format!("/homes/{home}")).expect(200), "as_of").to_owned();
    let person = registry.person("赵样一", &fresh_id(), json!([fact("residence", "2020-01-01"), fact("hukou", "2020-01-01")]));
    let tags = |day: &str| -> Vec<String> {
        let seen = registry.manager.get(&format!("/people/{}{day}", text(&person, "id"))).expect(200);
        seen["tags"].as_array().unwrap().iter().map(|t| text(t, "code").to_owned()).collect()
    };
    let given = json!({ "tag": "独居老人", "until": today });
    registry.manager.post(&format!("/people/{}/tags", text(&person, "id")), given).expect(201);
    assert_eq!(tags(""), ["elder_alone"]);
    let colour = || {
        let map = registry.manager.get(&registry.at("map")).expect(200);
        let all = map["buildings"].as_array().unwrap().iter().flat_map(|b| b["homes"].as_array().unwrap().clone()).collect::<Vec<_>>();
        text(all.iter().find(|h| h["id"] == home.as_str()).unwrap(), "occupancy").to_owned()
    };
    assert_eq!(colour(), "owner_occupied");
    let lived = registry.manager.get(&format!("/homes/{home}/facts")).expect(200);
    let residence = items(&lived).iter().find(|f| f["kind"] == "residence").cloned().unwrap();
    let later = registry.manager.get(&format!("/homes/{home}?as_of=2099-01-01")).expect(200);
    assert_eq!(text(&later, "occupancy"), "owner_occupied");
    // A lease that begins tomorrow is on no map today, and nobody writes anything tomorrow.
    let next = registry.home("1栋", "102");
    let word = |of: &str| {
        let reply = registry.manager.get(&registry.at("map")).send().expect(200);
        let all =
            reply.json["buildings"].as_array().unwrap().iter().flat_map(|b| b["homes"].as_array().unwrap().clone()).collect::<Vec<_>>();
        let tag = reply.must("etag").to_owned();
        (text(all.iter().find(|h| h["id"] == of).unwrap(), "occupancy").to_owned(), tag)
    };
    let coming = json!([{ "home_id": next, "kind": "tenant", "from": later_day(&today) }]);
    registry.person("租样三", &fresh_id(), coming);
    let (before, tag) = word(&next);
    assert_eq!(before, "unknown");
    registry.manager.get(&registry.at("map")).header("If-None-Match", &tag).send().expect(304);
    server.sim().advance(86_400);
    registry.manager.get(&registry.at("map")).header("If-None-Match", &tag).send().expect(200);
    assert_eq!(word(&next).0, "rented", "the map of another day is another map");
    assert!(tags("").is_empty(), "the calendar ends it, not a job");
    assert_eq!(tags(&format!("?as_of={today}")), ["elder_alone"], "on that day they had it");
    let tomorrow = text(&registry.manager.get(&format!("/homes/{home}")).expect(200), "as_of").to_owned();
    registry.manager.post(&format!("/household-facts/{}/end", text(&residence, "id")), json!({ "until": tomorrow })).expect(200);
    assert_eq!(colour(), "hukou_only", "the hukou stays where nobody lives");
}
