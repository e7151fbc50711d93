//! Places, how homes are lived in, the map, and who sees how much of them.

use jiazai_tests::{Client, Options, Server, Staff, Value, at_once, items, json, shared, text};

use super::Place;

// ---- places --------------------------------------------------------------------------------------------------------

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

// ---- occupancy and the map -----------------------------------------------------------------------------------------

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

// ---- sight ---------------------------------------------------------------------------------------------------------

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
