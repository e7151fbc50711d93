//! Numbers of a community.

use std::collections::BTreeMap;

use jiazai_tests::{Client, Value, items, json, shared, text};

use super::Place;

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
