//! Change proposals 变更申请.

use jiazai_tests::{Client, Staff, Value, at_once, faults, fresh_id_number, items, json, shared, text};

use super::{Stage, at, change};

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
    let stranger = stage.registry.person("孙样三", &fresh_id_number("19800101"), json!([]));
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
