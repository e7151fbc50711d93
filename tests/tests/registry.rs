//! The registry 一房一档: places, how homes are lived in, who may speak for one, and who sees how much.

use std::collections::BTreeMap;

use jiazai_tests::{Client, Options, Resident, Server, Staff, Value, at_once, id_number, json, shared, unique};

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}"))
}

/// A community of its own, with its administrator, two grid workers, and two buildings, each in one of their grids.
struct Place<'s> {
    server: &'s Server,
    id: String,
    manager: Staff<'s>,
    workers: [Staff<'s>; 2],
    grids: [String; 2],
    estate: String,
    buildings: [String; 2],
}

impl<'s> Place<'s> {
    fn new(server: &'s Server) -> Self {
        let admin = server.staff("admin");
        let community = admin.post("/communities", json!({ "name": "明珠社区", "code": unique("c"), "street": "城东街道" })).expect(201);
        let id = text(&community, "id").to_owned();
        let manager = admin.hire("community_admin", &id);
        let workers = [manager.hire("grid_worker", &id), manager.hire("grid_worker", &id)];
        let grid = |n: usize| {
            let body = json!({ "name": format!("第{n}网格"), "staff_ids": [workers[n].id()] });
            text(&manager.post(&format!("/communities/{id}/grids"), body).expect(201), "id").to_owned()
        };
        let grids = [grid(0), grid(1)];
        let estate = manager.post(&format!("/communities/{id}/estates"), json!({ "name": "明珠花园" })).expect(201);
        let estate = text(&estate, "id").to_owned();
        let building = |n: usize| {
            let body = json!({ "name": format!("{}号楼", n + 1), "estate_id": estate, "grid_id": grids[n] });
            text(&manager.post(&format!("/communities/{id}/buildings"), body).expect(201), "id").to_owned()
        };
        let buildings = [building(0), building(1)];
        Self { server, manager, workers, grids, estate, buildings, id }
    }

    /// A new home in one of the buildings.
    fn home(&self, n: usize, number: &str) -> Value {
        let body = json!({ "unit": "2", "floor": 3, "number": number, "area_m2": 89.53 });
        self.manager.post(&format!("/buildings/{}/homes", self.buildings[n]), body).expect(201)
    }

    fn at(&self, below: &str) -> String {
        format!("/communities/{}/{below}", self.id)
    }

    fn set(&self, who: &impl Client, home: &Value, status: &str) -> Value {
        let path = format!("/homes/{}/occupancy", text(home, "id"));
        who.put(&path, json!({ "status": status })).header("If-Match", "*").expect(200)
    }

    fn claim(&self, who: &Resident, home: &Value, relation: &str) -> Value {
        who.post("/home-bindings", json!({ "home_id": home["id"], "relation": relation })).expect(201)
    }

    /// A resident whose claim a keeper has approved.
    fn bound(&self, home: &Value) -> Resident<'s> {
        let resident = self.server.resident();
        let binding = self.claim(&resident, home, "owner");
        self.manager.post(&format!("/home-bindings/{}/approve", text(&binding, "id")), json!({})).expect(200);
        resident
    }
}

fn act(who: &impl Client, binding: &Value, action: &str, body: Value) -> Value {
    who.post(&format!("/home-bindings/{}/{action}", text(binding, "id")), body).expect(200)
}

// ---- places -------------------------------------------------------------------------------------------------------

#[test]
fn a_community_is_built_from_its_estates_to_its_homes() {
    let place = Place::new(shared());
    assert_eq!(text(&shared().anon().get(&format!("/communities/{}", place.id)).expect(200), "street"), "城东街道");
    let home = place.home(0, "301");
    assert_eq!(text(&home, "label"), "明珠花园 1号楼 2单元 301");
    assert_eq!((text(&home, "occupancy"), text(&home, "colour")), ("unknown", "#FFFFFF"));
    assert_eq!(home["area_m2"], json!(89.53));
    let read = place.manager.get(&format!("/homes/{}", text(&home, "id"))).expect(200);
    assert_eq!(read, home);
    let buildings = place.manager.get(&place.at(&format!("buildings?grid_id={}", place.grids[1]))).expect(200);
    assert_eq!(items(&buildings).iter().map(|b| text(b, "id")).collect::<Vec<_>>(), [place.buildings[1].as_str()]);
    let grids = place.manager.get(&place.at("grids")).expect(200);
    assert_eq!(items(&grids)[0]["staff_ids"], json!([place.workers[0].id()]));
}

#[test]
fn one_place_cannot_be_written_down_twice_however_it_is_spelt() {
    let place = Place::new(shared());
    place.home(0, "301");
    let homes = format!("/buildings/{}/homes", place.buildings[0]);
    place.manager.post(&homes, json!({ "unit": "二单元", "number": "３０１室" })).refuse(409, "duplicate");
    place.manager.post(&place.at("buildings"), json!({ "name": "一栋", "estate_id": place.estate })).refuse(409, "duplicate");
    place.manager.post(&place.at("estates"), json!({ "name": " 明珠花园 " })).refuse(409, "duplicate");
    let twice = at_once(4, |_| place.manager.post(&homes, json!({ "unit": "1", "number": "101" })).send().status);
    assert_eq!(twice.iter().filter(|status| **status == 201).count(), 1, "{twice:?}");
    assert!(twice.iter().all(|status| matches!(status, 201 | 409)), "{twice:?}");
}

#[test]
fn wrong_values_are_named_by_their_fields() {
    let place = Place::new(shared());
    let homes = format!("/buildings/{}/homes", place.buildings[0]);
    for (body, pointer, code) in [
        (json!({ "number": "301", "floor": 900 }), "/floor", "out_of_range"),
        (json!({ "number": "  " }), "/number", "blank"),
        (json!({ "number": "301", "area_m2": 0 }), "/area_m2", "out_of_range"),
        (json!({ "number": "301", "area_m2": "89" }), "/area_m2", "wrong_type"),
        (json!({ "number": "301", "external_code": "有空格 的" }), "/external_code", "external_code_format"),
        (json!({ "number": "301", "colour": "red" }), "/colour", "unknown_field"),
    ] {
        let reply = place.manager.post(&homes, body).send().expect(422);
        let error = &reply.json["errors"][0];
        assert_eq!((text(error, "pointer"), text(error, "code")), (pointer, code), "{}", reply.describe());
    }
    let other = Place::new(shared());
    for (body, pointer) in [
        (json!({ "name": "9号楼", "estate_id": other.estate }), "/estate_id"),
        (json!({ "name": "9号楼", "estate_id": place.estate, "grid_id": other.grids[0] }), "/grid_id"),
    ] {
        let reply = place.manager.post(&place.at("buildings"), body).send().expect(422);
        assert_eq!(text(&reply.json["errors"][0], "pointer"), pointer);
    }
    let stranger = json!({ "name": "第9网格", "staff_ids": [other.workers[0].id()] });
    let reply = place.manager.post(&place.at("grids"), stranger).send().expect(422);
    assert_eq!(text(&reply.json["errors"][0], "pointer"), "/staff_ids/0");
    place
        .manager
        .put(&format!("/homes/{}/occupancy", text(&place.home(0, "1"), "id")), json!({ "status": "full" }))
        .header("If-Match", "*")
        .send()
        .expect(422);
}

#[test]
fn estates_are_run_as_one_in_a_group() {
    let place = Place::new(shared());
    let group = place.manager.post(&place.at("estate-groups"), json!({ "name": "涂门组团" })).expect(201);
    let path = format!("/estates/{}/regroup", place.estate);
    let estate = place.manager.post(&path, json!({ "group_id": group["id"] })).expect(200);
    assert_eq!(estate["group_id"], group["id"]);
    assert_eq!(items(&place.manager.get(&place.at("estate-groups")).expect(200)).len(), 1);
    let estate = place.manager.post(&path, json!({})).expect(200);
    assert_eq!(estate["group_id"], Value::Null);
    let other = Place::new(shared());
    let foreign = other.manager.post(&other.at("estate-groups"), json!({ "name": "别处" })).expect(201);
    place.manager.post(&path, json!({ "group_id": foreign["id"] })).refuse(422, "validation_failed");
}

#[test]
fn a_building_takes_its_homes_into_another_grid() {
    let place = Place::new(shared());
    let home = place.home(0, "301");
    let path = format!("/homes/{}", text(&home, "id"));
    place.workers[1].get(&path).refuse(404, "not_found");
    place.manager.post(&format!("/buildings/{}/regrid", place.buildings[0]), json!({ "grid_id": place.grids[1] })).expect(200);
    place.workers[1].get(&path).expect(200);
    place.workers[0].get(&path).refuse(404, "not_found");
}

// ---- occupancy and the map ----------------------------------------------------------------------------------------

#[test]
fn a_grid_worker_walks_a_building_and_corrects_a_home() {
    let place = Place::new(shared());
    let home = place.home(0, "301");
    let [worker, _] = &place.workers;
    let set = place.set(worker, &home, "rented");
    assert_eq!((text(&set, "occupancy"), text(&set, "colour"), &set["contradiction"]), ("rented", "#E69F00", &json!(false)));
    assert_eq!((text(&set, "occupancy_set"), text(&set, "occupancy_derived")), ("rented", "unknown"));
    let path = format!("/homes/{}", text(&home, "id"));
    let body = json!({ "unit": "2", "floor": 4, "number": "401", "area_m2": 90.1 });
    worker.put(&path, body.clone()).refuse(428, "precondition_required");
    worker.put(&path, body.clone()).header("If-Match", "\"1\"").refuse(412, "precondition_failed");
    let mended = worker.put(&path, body.clone()).header("If-Match", "\"2\"").expect(200);
    assert_eq!((text(&mended, "label"), &mended["version"]), ("明珠花园 1号楼 2单元 401", &json!(3)));
    let same = worker.put(&path, body).header("If-Match", "\"3\"").expect(200);
    assert_eq!(same["version"], json!(3), "nothing changed, so nothing happened");
    let homes = worker.get(&format!("/buildings/{}/homes", place.buildings[0])).expect(200);
    assert_eq!((text(&items(&homes)[0], "number"), text(&items(&homes)[0], "occupancy")), ("401", "rented"));
}

#[test]
fn the_past_is_what_was_said_then() {
    let server = Server::start(Options::default());
    let place = Place::new(&server);
    let home = place.home(0, "301");
    let before = text(&place.set(&place.manager, &home, "vacant"), "as_of").to_owned();
    server.sim().advance(3 * 86_400);
    let now = place.set(&place.manager, &home, "rented");
    assert_ne!(text(&now, "as_of"), before);
    let path = format!("/homes/{}", text(&home, "id"));
    assert_eq!(text(&place.manager.get(&format!("{path}?as_of={before}")).expect(200), "occupancy"), "vacant");
    assert_eq!(text(&place.manager.get(&path).expect(200), "occupancy"), "rented");
    let long_ago = place.manager.get(&format!("{path}?as_of=2001-01-01")).expect(200);
    assert_eq!((text(&long_ago, "occupancy"), &long_ago["occupancy_set"]), ("unknown", &Value::Null));
    place.manager.get(&format!("{path}?as_of=2026-2-30")).refuse(400, "query_invalid");
}

#[test]
fn the_map_shows_every_home_that_is_seen_and_no_other() {
    let place = Place::new(shared());
    let (one, two) = (place.home(0, "301"), place.home(1, "302"));
    place.set(&place.manager, &two, "vacant");
    let homes = |who: &Staff| -> Vec<(String, String)> {
        let map = who.get(&place.at("map")).expect(200);
        assert_eq!(map["legend"].as_array().unwrap().len(), 6);
        let all = map["buildings"].as_array().unwrap().iter().flat_map(|b| b["homes"].as_array().unwrap());
        all.map(|home| (text(home, "id").to_owned(), text(home, "colour").to_owned())).collect()
    };
    let (white, grey) = ("#FFFFFF".to_owned(), "#BDBDBD".to_owned());
    let (one, two) = (text(&one, "id").to_owned(), text(&two, "id").to_owned());
    assert_eq!(homes(&place.manager), [(one.clone(), white.clone()), (two.clone(), grey.clone())]);
    assert_eq!(homes(&place.workers[0]), [(one, white)]);
    assert_eq!(homes(&place.workers[1]), [(two, grey)]);
    place.server.resident().get(&place.at("map")).refuse(403, "forbidden");
}

#[test]
fn residents_find_their_home_without_learning_which_ones_stand_empty() {
    let place = Place::new(shared());
    let home = place.home(0, "301");
    place.set(&place.manager, &home, "vacant");
    let resident = place.server.resident();
    assert_eq!(items(&resident.get(&place.at("estates")).expect(200)).len(), 1);
    assert_eq!(items(&resident.get(&place.at("buildings")).expect(200)).len(), 2);
    let homes = resident.get(&format!("/buildings/{}/homes", place.buildings[0])).expect(200);
    let seen = &items(&homes)[0];
    assert_eq!(
        (text(seen, "number"), &seen["occupancy"], &seen["colour"], &seen["area_m2"]),
        ("301", &Value::Null, &Value::Null, &Value::Null)
    );
    resident.get(&format!("/homes/{}", text(&home, "id"))).refuse(403, "forbidden");
}

// ---- sight --------------------------------------------------------------------------------------------------------

#[test]
fn what_lies_in_another_grid_or_community_does_not_exist() {
    let place = Place::new(shared());
    let other = Place::new(shared());
    let home = place.home(0, "301");
    let id = text(&home, "id");
    let binding = place.claim(&place.server.resident(), &home, "owner");
    let binding = text(&binding, "id");
    for stranger in [&place.workers[1], &other.manager, &other.workers[0]] {
        stranger.get(&format!("/homes/{id}")).refuse(404, "not_found");
        stranger.put(&format!("/homes/{id}/occupancy"), json!({ "status": "vacant" })).header("If-Match", "*").refuse(404, "not_found");
        stranger.get(&format!("/buildings/{}/homes", place.buildings[0])).refuse(404, "not_found");
        stranger.post(&format!("/buildings/{}/homes", place.buildings[0]), json!({ "number": "9" })).refuse(404, "not_found");
        stranger.get(&format!("/home-bindings/{binding}")).refuse(404, "not_found");
        stranger.post(&format!("/home-bindings/{binding}/approve"), json!({})).refuse(404, "not_found");
        let list = stranger.get("/home-bindings?limit=100").expect(200);
        assert!(items(&list).iter().all(|b| text(b, "id") != binding));
    }
    for below in ["estates", "grids", "buildings", "estate-groups", "map", "statistics"] {
        other.manager.get(&place.at(below)).refuse(404, "not_found");
    }
    other.manager.post(&place.at("estates"), json!({ "name": "别处" })).refuse(404, "not_found");
    place.workers[0].post(&place.at("estates"), json!({ "name": "别处" })).refuse(403, "forbidden");
    let dispatcher = place.manager.hire("dispatcher", &place.id);
    dispatcher.get(&format!("/homes/{id}")).expect(200);
    dispatcher.put(&format!("/homes/{id}/occupancy"), json!({ "status": "vacant" })).header("If-Match", "*").refuse(403, "forbidden");
    place.manager.get("/homes/tkt_01h455vb4pex5vsknk084sn02q").refuse(404, "not_found");
}

// ---- bindings -----------------------------------------------------------------------------------------------------

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

// ---- delegations --------------------------------------------------------------------------------------------------

#[test]
fn a_child_acts_for_a_parent_within_the_scope_and_both_are_remembered() {
    let place = Place::new(shared());
    let home = place.home(0, "301");
    let (parent, child) = (place.bound(&home), place.server.resident());
    let grant = |scopes: Value| json!({ "community_id": place.id, "delegate_id": child.id(), "scopes": scopes, "expires_at": "2027-05-01T00:00:00.000Z" });
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
        json!({ "community_id": place.id, "delegate_id": parent.id(), "scopes": ["repair"], "expires_at": "2027-05-01T00:00:00.000Z" });
    let refused = parent.post("/delegations", own).send().expect(422);
    assert_eq!(text(&refused.json["errors"][0], "code"), "own_delegate");
}

// ---- visits -------------------------------------------------------------------------------------------------------

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

// ---- statistics ---------------------------------------------------------------------------------------------------

#[test]
fn statistics_are_what_counting_one_by_one_finds() {
    let place = Place::new(shared());
    let words = ["vacant", "rented", "vacant", "owner_occupied", "rented", "vacant", "vacant", "vacant"];
    for (n, word) in words.iter().enumerate() {
        let home = place.home(n % 2, &format!("{n}01"));
        place.set(&place.manager, &home, word);
    }
    place.home(0, "999");
    let map = place.manager.get(&place.at("map")).expect(200);
    let mut counted: BTreeMap<String, i64> = BTreeMap::new();
    let mut by_grid: BTreeMap<String, i64> = BTreeMap::new();
    for building in map["buildings"].as_array().unwrap() {
        for home in building["homes"].as_array().unwrap() {
            *counted.entry(text(home, "occupancy").to_owned()).or_default() += 1;
            *by_grid.entry(text(building, "grid_id").to_owned()).or_default() += 1;
        }
    }
    let found = place.manager.get(&place.at("statistics")).expect(200);
    for (word, count) in found["by_occupancy"].as_object().unwrap() {
        assert_eq!(count.as_i64(), Some(counted.get(word).copied().unwrap_or(0)), "{word}");
    }
    assert_eq!(found["by_grid"], json!({ "第0网格": by_grid[&place.grids[0]], "第1网格": by_grid[&place.grids[1]] }));
    assert_eq!(found["suppressed"], json!(false));
    let own = place.workers[0].get(&place.at("statistics")).expect(200);
    assert_eq!(own["by_grid"], json!({ "第0网格": by_grid[&place.grids[0]] }));
    let others = place.manager.hire("dispatcher", &place.id).get(&place.at("statistics")).expect(200);
    assert_eq!(
        (&others["suppressed"], &others["by_occupancy"]["rented"], &others["by_occupancy"]["hukou_only"]),
        (&json!(true), &Value::Null, &json!(0))
    );
    place.server.resident().get(&place.at("statistics")).refuse(403, "forbidden");
}

#[test]
fn the_demo_has_a_community_to_walk_through() {
    let server = shared();
    let worker = server.staff("grid1");
    let map = worker.get(&format!("/communities/{}/map", server.community())).expect(200);
    let buildings = map["buildings"].as_array().unwrap();
    assert!(buildings.len() >= 2, "{map}");
    let all = server.staff("manager").get(&format!("/communities/{}/map", server.community())).expect(200);
    assert!(all["buildings"].as_array().unwrap().len() > buildings.len(), "grid1 sees their own grid only");
    let colours: std::collections::BTreeSet<&str> =
        buildings.iter().flat_map(|b| b["homes"].as_array().unwrap()).map(|home| text(home, "colour")).collect();
    assert_eq!(colours.len(), 6, "{colours:?}");
}

#[test]
fn the_workflow_of_bindings_is_served() {
    let machines = shared().anon().get("/meta/state-machines").expect(200);
    let names: Vec<&str> = items(&machines).iter().map(|machine| text(machine, "name")).collect();
    for name in ["home_binding", "home_visit", "registry_proposal"] {
        assert!(names.contains(&name), "{names:?}");
    }
}
