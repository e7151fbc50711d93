//! What was written of a home, and what time does to it.

use jiazai_tests::{Client, Options, Registry, Server, Staff, Value, fresh_id_number, items, json, shared, text};

use super::Stage;

// ---- what was written of a home ------------------------------------------------------------------------------------

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

// ---- time ----------------------------------------------------------------------------------------------------------

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
    let person =
        registry.person("赵样一", &fresh_id_number("19800101"), json!([fact("residence", "2020-01-01"), fact("hukou", "2020-01-01")]));
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
    registry.person("租样三", &fresh_id_number("19800101"), coming);
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
