//! The four communities of the demo data, each loaded by one command: their sizes, that they are the same on every run, and
//! that the statistics are what counting one by one finds, also after a grid worker's walk.

use std::collections::BTreeMap;

use jiazai_tests::{Client, Options, Outcome, Server, Staff, items, json, run, text};

/// Runs the command beside the server, on its database.
#[track_caller]
fn load(server: &Server, words: &[&str]) -> Outcome {
    let mut env = server.env().to_vec();
    env.push(("JIAZAI_DATA_DIR".into(), server.data_dir().display().to_string()));
    let all: Vec<&str> = ["demo-data", "--like"].into_iter().chain(words.iter().copied()).collect();
    let done = run(&all, &env, 300);
    assert_eq!(done.code, Some(0), "{done:?}");
    done
}

/// The id of the community with this code.
#[track_caller]
fn community(server: &Server, code: &str) -> String {
    let all = server.anon().get("/communities?limit=100").expect(200);
    text(items(&all).iter().find(|c| c["code"] == code).unwrap_or_else(|| panic!("no {code} in {all}")), "id").to_owned()
}

/// An export as rows by column; no cell of the demo holds a comma.
fn rows(server: &Server, who: &Staff, path: &str) -> Vec<BTreeMap<String, String>> {
    assert!(who.server().data_dir() == server.data_dir());
    let csv = who.get(path).send().expect(200).text();
    let mut lines = csv.lines();
    let names: Vec<String> = lines.next().unwrap_or_default().split(',').map(str::to_owned).collect();
    let row = |line: &str| names.iter().cloned().zip(line.split(',').map(str::to_owned)).collect::<BTreeMap<_, _>>();
    let rows: Vec<_> = lines.map(row).collect();
    assert!(rows.iter().all(|row| row.len() == names.len()), "a cell with a comma");
    rows
}

fn counted<'k>(keys: impl Iterator<Item = &'k str>) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key.to_owned()).or_default() += 1;
    }
    counts
}

/// Whole years on a day, from `YYYYMMDD`.
fn age(born: &str, today: &str) -> i64 {
    let number = |text: &str| text.parse::<i64>().expect("digits");
    let today = today.replace('-', "");
    let years = number(&today[..4]) - number(&born[..4]);
    if today[4..] < born[4..] { years - 1 } else { years }
}

fn band(age: i64) -> &'static str {
    match age {
        0..=2 => "0-2",
        3..=5 => "3-5",
        6..=14 => "6-14",
        15..=17 => "15-17",
        18..=34 => "18-34",
        35..=59 => "35-59",
        60..=69 => "60-69",
        70..=79 => "70-79",
        _ => "80+",
    }
}

/// Counts a community row by row, under the names of the statistics.
fn brute(server: &Server, who: &Staff, id: &str) -> BTreeMap<&'static str, BTreeMap<String, i64>> {
    let homes = rows(server, who, &format!("/communities/{id}/homes.csv"));
    let people = rows(server, who, &format!("/communities/{id}/people.csv?reason=statistics"));
    let grid_of: BTreeMap<(&str, &str, &str, &str), &str> =
        homes.iter().map(|h| ((&*h["estate"], &*h["building"], &*h["unit"], &*h["number"]), &*h["grid"])).collect();
    let today = text(&who.get(&format!("/communities/{id}/buildings?limit=1")).expect(200)["items"][0], "id").to_owned();
    let first = who.get(&format!("/buildings/{today}/homes")).expect(200);
    let today = text(&who.get(&format!("/homes/{}", text(&items(&first)[0], "id"))).expect(200), "as_of").to_owned();
    let dictionary = who.get(&format!("/communities/{id}/tags")).expect(200);
    let code: BTreeMap<&str, &str> = items(&dictionary).iter().map(|tag| (text(tag, "name"), text(tag, "code"))).collect();
    let tags = people.iter().flat_map(|p| p["tags"].split(';').filter(|tag| !tag.is_empty()).map(|tag| code[tag]));
    let ages: Vec<&str> = people.iter().map(|p| band(age(&p["id_number"][6..14], &today))).collect();
    let grids = people.iter().map(|p| grid_of[&(&*p["estate"], &*p["building"], &*p["unit"], &*p["number"])]);
    BTreeMap::from([
        ("by_occupancy", counted(homes.iter().map(|h| &*h["occupancy"]))),
        ("by_grid", counted(homes.iter().map(|h| &*h["grid"]))),
        ("by_tag", counted(tags)),
        ("by_age_band", counted(ages.into_iter())),
        ("people_by_grid", counted(grids)),
    ])
}

/// Exact for those who run the community; for others small counts are hidden and everything shown is true.
fn agree(server: &Server, admin: &Staff, id: &str) {
    let found = brute(server, admin, id);
    let exact = admin.get(&format!("/communities/{id}/statistics")).expect(200);
    let hidden = admin.hire("dispatcher", id).get(&format!("/communities/{id}/statistics")).expect(200);
    assert_eq!((&exact["suppressed"], &hidden["suppressed"]), (&json!(false), &json!(true)));
    for (table, counts) in &found {
        for (name, count) in exact[table].as_object().unwrap() {
            assert_eq!(count.as_i64(), Some(counts.get(name).copied().unwrap_or(0)), "{table} {name}");
        }
        assert!(counts.keys().all(|name| exact[table].get(name).is_some()), "{table}: {counts:?} {}", exact[table]);
        for (name, count) in hidden[table].as_object().unwrap() {
            let real = counts.get(name).copied().unwrap_or(0);
            assert!(count.is_null() || count.as_i64() == Some(real), "{table} {name}: {count} is not {real}");
            assert!(count.is_null() || !(1..5).contains(&real), "{table} {name}: {real} names people");
        }
    }
}

#[test]
fn the_four_communities_load_by_one_command_each_and_the_statistics_are_those_of_counting() {
    let server = Server::start(Options::default());
    let admin = server.staff("admin");
    for (like, code, homes, people) in [
        ("供电", "gongdian", 2911, 6812),
        ("明珠", "mingzhu", 4136, 9415),
        ("市南", "shinan", 3100, 7052),
        ("凤湖", "fenghu", 6348, 12_300),
    ] {
        let done = load(&server, &[like]);
        let expected = format!("{homes} homes, {people} people: {} created, 0 changed, 0 unchanged, 0 failed", homes + people);
        assert!(done.stdout.contains(&expected), "{done:?}");
        assert!(done.stderr.contains(&format!("{0}/{0}", homes + people)), "the bar comes to its end: {done:?}");
        let id = community(&server, code);
        let total = |table: &str| {
            let all = admin.get(&format!("/communities/{id}/statistics")).expect(200);
            all[table].as_object().unwrap().values().map(|count| count.as_i64().unwrap()).sum::<i64>()
        };
        assert_eq!((total("by_occupancy"), total("by_grid")), (homes, homes));
        assert_eq!((total("by_age_band"), total("people_by_grid")), (people, people));
    }
    let id = community(&server, "gongdian");
    agree(&server, &admin, &id);

    // A grid worker walks one building and corrects a home.
    let worker = admin.hire("grid_worker", &id);
    let grid = items(&admin.get(&format!("/communities/{id}/grids")).expect(200))[0].clone();
    let staffed = json!({ "staff_ids": [worker.id()] });
    admin.put(&format!("/grids/{}/staff", text(&grid, "id")), staffed).header("If-Match", "*").expect(200);
    let map = worker.get(&format!("/communities/{id}/map")).expect(200);
    let building = &map["buildings"][0];
    let homes = worker.get(&format!("/buildings/{}/homes", text(building, "id"))).expect(200);
    let home = items(&homes).iter().find(|home| home["occupancy"] != "hukou_only").expect("a home");
    let corrected = worker.put(&format!("/homes/{}/occupancy", text(home, "id")), json!({ "status": "hukou_only" }));
    assert_eq!(text(&corrected.header("If-Match", "*").expect(200), "occupancy"), "hukou_only");
    agree(&server, &admin, &id);
    let own = worker.get(&format!("/communities/{id}/statistics")).expect(200);
    let seen: usize = map["buildings"].as_array().unwrap().iter().map(|b| b["homes"].as_array().unwrap().len()).sum();
    assert_eq!(own["by_grid"], json!({ text(&grid, "name"): seen }));
}

#[test]
fn demo_data_are_the_same_on_every_run_and_a_second_run_changes_nothing() {
    let server = Server::start(Options::default());
    let admin = server.staff("admin");
    load(&server, &["供电"]);
    let again = load(&server, &["供电"]);
    assert!(again.stdout.contains("0 created, 0 changed, 9723 unchanged, 0 failed"), "{again:?}");
    load(&server, &["gongdian", "--community-code", "second"]);
    let export = |code: &str, below: &str| {
        let id = community(&server, code);
        admin.get(&format!("/communities/{id}/{below}")).send().expect(200).text()
    };
    for below in ["homes.csv", "people.csv?reason=comparison"] {
        assert_eq!(export("gongdian", below), export("second", below), "{below}");
    }
    let mut env = server.env().to_vec();
    env.push(("JIAZAI_DATA_DIR".into(), server.data_dir().display().to_string()));
    assert_eq!(run(&["demo-data", "--like", "nowhere"], &env, 30).code, Some(1));
}
