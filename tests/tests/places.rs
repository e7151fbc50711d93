//! Places: read where they are said to be, corrected, and moved into another grid under everybody's hands.

use jiazai_tests::{Client, Registry, Value, at_once, items, json, shared, text};

#[test]
fn every_place_is_read_where_its_creation_said_it_is() {
    let registry = Registry::empty(shared());
    let made = |below: &str, body: Value| {
        let reply = registry.manager.post(&registry.at(below), body).send().expect(201);
        let path = reply.must("location").strip_prefix("/api/v1").expect("a path of the API").to_owned();
        let read = registry.manager.get(&path).send().expect(200);
        assert_eq!(read.json, reply.json);
        let tag = read.must("etag").to_owned();
        registry.manager.get(&path).header("If-None-Match", &tag).send().expect(304);
        Registry::empty(shared()).manager.get(&path).refuse(404, "not_found");
        reply.json
    };
    let estate = made("estates", json!({ "name": "样例一村", "external_code": "XQ-1" }));
    made("estate-groups", json!({ "name": "样例组团" }));
    made("grids", json!({ "name": "第9网格" }));
    made("buildings", json!({ "name": "1栋", "estate_id": estate["id"] }));
}

#[test]
fn a_home_that_is_added_while_its_building_changes_grid_is_in_the_grid_of_its_building() {
    let registry = Registry::new(shared());
    let buildings = registry.manager.get(&registry.at("buildings")).expect(200);
    let building = text(&items(&buildings)[0], "id").to_owned();
    let mut expected = 5;
    for round in 0..20 {
        let to = (round + 1) % 2;
        let replies = at_once(5, |n| match n {
            0 => {
                let body = json!({ "grid_id": registry.grids[to] });
                registry.manager.post(&format!("/buildings/{building}/regrid"), body).send().status
            }
            1 if round % 5 == 0 => {
                let row = format!("estate,building,unit,number\n样例一村,1栋,9,{round}01\n");
                registry.import(&[("kind", "registry")], row.as_bytes(), "succeeded");
                201
            }
            _ => {
                let body = json!({ "unit": "8", "number": format!("{round}0{n}") });
                registry.manager.post(&format!("/buildings/{building}/homes"), body).send().status
            }
        });
        // Who was in the others' way too often is told so; whoever was answered did it.
        assert!(replies.iter().all(|status| matches!(status, 200 | 201 | 409 | 503)), "{replies:?}");
        expected += replies.iter().filter(|status| **status == 201).count();
        let now = registry.manager.get(&format!("/buildings/{building}")).expect(200);
        let keeper = registry.grids.iter().position(|grid| now["grid_id"] == grid.as_str()).expect("one of the two");
        // What a grid worker exports goes by the homes' own grid.
        let csv = registry.workers[keeper].get(&registry.at("homes.csv")).send().expect(200).text();
        assert_eq!(csv.lines().filter(|line| line.contains(",1栋,")).count(), expected, "round {round}, {replies:?}");
    }
}

#[test]
fn a_corrected_name_is_what_tickets_and_imports_know_the_homes_by() {
    let registry = Registry::new(shared());
    let first = |below: &str| items(&registry.manager.get(&registry.at(below)).expect(200))[0].clone();
    let (estate, building, grid) = (first("estates"), first("buildings"), first("grids"));
    let home = registry.home("1栋", "101");
    let label = || text(&registry.manager.get(&format!("/homes/{home}")).expect(200), "label").to_owned();
    assert_eq!(label(), "样例一村 1栋 1单元 101");
    let put = |path: &str, of: &Value, body: Value| {
        let tag = format!("\"{}\"", of["version"]);
        registry.manager.put(&format!("/{path}/{}", text(of, "id")), body).header("If-Match", &tag).send()
    };
    registry.manager.put(&format!("/estates/{}", text(&estate, "id")), json!({ "name": "样例新村" })).refuse(428, "precondition_required");
    let renamed = put("estates", &estate, json!({ "name": "样例新村", "external_code": "XQ-9" })).expect(200).json;
    assert_eq!((text(&renamed, "name"), text(&renamed, "external_code")), ("样例新村", "XQ-9"));
    assert_eq!(put("estates", &estate, json!({ "name": "别的" })).status, 412);
    let same = put("estates", &renamed, json!({ "name": "样例新村", "external_code": "XQ-9" })).expect(200).json;
    assert_eq!(same["version"], renamed["version"], "nothing changed, so nothing happened");
    put("buildings", &building, json!({ "name": "甲栋" })).expect(200);
    assert_eq!(label(), "样例新村 甲栋 1单元 101");
    put("grids", &grid, json!({ "name": "东网格", "external_code": "WG-1" })).expect(200);
    assert_eq!(
        items(&registry.manager.get(&registry.at("grids")).expect(200))[0]["staff_ids"],
        grid["staff_ids"],
        "who looks after it stays"
    );
    let row = "estate,building,unit,number,area_m2\n样例新村,甲栋,1,101,81\n";
    let done = registry.import(&[("kind", "registry")], row.as_bytes(), "succeeded");
    assert_eq!((&done["changed"], &done["created"]), (&json!(1), &json!(0)), "the new names are the key");

    let second = items(&registry.manager.get(&registry.at("buildings")).expect(200))[1].clone();
    assert_eq!(put("buildings", &second, json!({ "name": "甲栋" })).expect(409).json["code"], "duplicate");
    registry.manager.post(&registry.at("estates"), json!({ "name": "样例三村", "external_code": "XQ-9" })).refuse(409, "duplicate");
    assert_eq!(put("buildings", &second, json!({ "name": "  " })).expect(422).json["errors"][0]["pointer"], "/name");
    registry.workers[0]
        .put(&format!("/estates/{}", text(&estate, "id")), json!({ "name": "x" }))
        .header("If-Match", "*")
        .refuse(403, "forbidden");
    Registry::empty(shared())
        .manager
        .put(&format!("/estates/{}", text(&estate, "id")), json!({ "name": "x" }))
        .header("If-Match", "*")
        .refuse(404, "not_found");
}

#[test]
fn six_estates_are_run_as_one_group() {
    let registry = Registry::empty(shared());
    let group = registry.manager.post(&registry.at("estate-groups"), json!({ "name": "六院组团" })).expect(201);
    let estates: Vec<Value> =
        (0..7).map(|n| registry.manager.post(&registry.at("estates"), json!({ "name": format!("样例{n}院") })).expect(201)).collect();
    for estate in &estates[..6] {
        registry.manager.post(&format!("/estates/{}/regroup", text(estate, "id")), json!({ "group_id": group["id"] })).expect(200);
    }
    let of = |query: &str| items(&registry.manager.get(&registry.at(&format!("estates{query}"))).expect(200)).len();
    assert_eq!((of(&format!("?group_id={}", text(&group, "id"))), of("")), (6, 7));
}
