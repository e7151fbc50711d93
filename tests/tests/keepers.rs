//! Keepers and what they may not do together, by files, or at one moment: sight, facts, bindings and counts.

use std::collections::BTreeMap;

use jiazai_tests::{
    Client, Options, Registry, Resident, Server, Value, at_once, eventually, fresh_id_number, id_number, instant, items, json, shared,
    text, unique,
};

const PEOPLE: &[(&str, &str)] = &[("kind", "people")];

fn fact(home: &str, kind: &str, from: &str) -> Value {
    json!({ "home_id": home, "kind": kind, "from": from })
}

/// The errors of an import as (line, column, code).
fn errors(registry: &Registry, import: &Value) -> Vec<(u64, String, String)> {
    let csv = registry.errors(import);
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].parse().expect("a line"), cells[1].to_owned(), cells[2].to_owned())
    };
    csv.lines().skip(1).map(line).collect()
}

fn wrong(line: u64, column: &str, code: &str) -> Vec<(u64, String, String)> {
    vec![(line, column.to_owned(), code.to_owned())]
}

fn person(registry: &Registry, of: &Value) -> Value {
    registry.manager.get(&format!("/people/{}", text(of, "id"))).expect(200)
}

fn kinds(registry: &Registry, of: &Value) -> Vec<String> {
    let mut kinds: Vec<String> =
        person(registry, of)["facts"].as_array().unwrap().iter().map(|fact| text(fact, "kind").to_owned()).collect();
    kinds.sort();
    kinds
}

// ---- sight --------------------------------------------------------------------------------------------------------

#[test]
fn a_tag_that_a_role_may_not_see_is_neither_given_nor_learnt_by_a_file() {
    let registry = Registry::new(shared());
    let closed = json!({ "code": "closed", "name": "不公开", "legal_basis": "《社区矫正法》", "visible_to": ["auditor"] });
    registry.manager.post(&registry.at("tags"), closed).expect(201);
    let home = registry.home("1栋", "101");
    let (number, plain) = (fresh_id_number("19700101"), fresh_id_number("19700101"));
    let had = registry.person("赵样一", &number, json!([fact(&home, "owner", "2020-01-01")]));
    registry.person("钱样二", &plain, json!([fact(&home, "family", "2020-01-01")]));
    registry.manager.post(&format!("/people/{}/tags", text(&had, "id")), json!({ "tag": "closed" })).expect(201);
    let file = |number: &str, relation: &str| {
        format!("name,id_number,estate,building,unit,number,relation,tags\n样例,{number},样例一村,1栋,1,101,{relation},不公开\n")
    };
    for (number, relation) in [(&number, "owner"), (&plain, "family")] {
        for dry_run in ["true", "false"] {
            let fields = [("kind", "people"), ("dry_run", dry_run)];
            let done = registry.import_by(&registry.workers[0], &fields, file(number, relation).as_bytes());
            assert_eq!(errors(&registry, &done), wrong(2, "tags", "tag_not_for_you"), "who has it and who has not are answered alike");
        }
    }
    registry.import(PEOPLE, file(&plain, "family").as_bytes(), "succeeded");
}

#[test]
fn a_file_ties_nobody_of_another_grid_to_ones_own_homes() {
    let registry = Registry::new(shared());
    let number = fresh_id_number("19700101");
    let far = registry.person("赵样一", &number, json!([fact(&registry.home("2栋", "101"), "owner", "2020-01-01")]));
    let file = format!("name,id_number,estate,building,unit,number,relation\n赵样一,{number},样例一村,1栋,1,101,owner\n");
    let done = registry.import_by(&registry.workers[0], PEOPLE, file.as_bytes());
    assert_eq!(errors(&registry, &done), wrong(2, "id_number", "person_elsewhere"));
    registry.workers[0].get(&format!("/people/{}", text(&far, "id"))).refuse(404, "not_found");
    registry.import(PEOPLE, file.as_bytes(), "succeeded");
    registry.workers[0].get(&format!("/people/{}", text(&far, "id"))).expect(200);
}

#[test]
fn nobody_asks_by_a_filter_what_else_somebody_of_their_grid_is_tied_to() {
    let registry = Registry::new(shared());
    let (near, far) = (registry.home("1栋", "101"), registry.home("2栋", "101"));
    let both = registry.person(
        "赵样一",
        &fresh_id_number("19700101"),
        json!([fact(&near, "owner", "2020-01-01"), fact(&far, "residence", "2020-01-01")]),
    );
    let listed = |filter: &str| -> Vec<String> {
        let list = registry.workers[0].get(&registry.at(&format!("people?{filter}"))).expect(200);
        items(&list).iter().map(|person| text(person, "id").to_owned()).collect()
    };
    let building = |home: &str| text(&registry.manager.get(&format!("/homes/{home}")).expect(200), "building_id").to_owned();
    assert_eq!(listed(&format!("grid_id={}", registry.grids[0])), [text(&both, "id")]);
    assert_eq!(listed(&format!("building_id={}", building(&near))), [text(&both, "id")]);
    assert_eq!(listed(&format!("grid_id={}", registry.grids[1])), Vec::<String>::new());
    assert_eq!(listed(&format!("building_id={}", building(&far))), Vec::<String>::new());
    assert_eq!(listed(&format!("grid_id={}&building_id={}", registry.grids[0], building(&far))), Vec::<String>::new());
}

#[test]
fn a_trial_shows_nothing_of_what_was_kept_of_somebody_without_being_understood() {
    let registry = Registry::new(shared());
    let number = fresh_id_number("19700101");
    let file =
        |note: &str| format!("name,id_number,estate,building,unit,number,relation,病史\n赵样一,{number},样例一村,1栋,1,101,owner,{note}\n");
    registry.import(PEOPLE, file("高血压").as_bytes(), "succeeded");
    let trial = registry.import(&[("kind", "people"), ("dry_run", "true")], file("无").as_bytes(), "succeeded");
    let changes = registry.manager.get(&format!("/imports/{}/changes", text(&trial, "id"))).expect(200);
    assert_eq!(items(&changes)[0]["changes"], json!([{ "column": "病史", "before": null, "after": null }]));
}

#[test]
fn a_program_that_was_not_given_people_gets_counts_in_which_small_ones_are_hidden() {
    let registry = Registry::new(shared());
    registry.person("赵样一", &fresh_id_number("19700101"), json!([fact(&registry.home("1栋", "101"), "residence", "2020-01-01")]));
    let key = |scopes: Value| {
        let body = json!({ "name": unique("键"), "scopes": scopes, "community_id": registry.id });
        shared().bearer(format!("Bearer {}", text(&registry.manager.post("/api-keys", body).expect(201), "key")))
    };
    let counts = |key: &dyn Client| key.get(&registry.at("statistics")).expect(200);
    let blind = counts(&key(json!(["registry:read"])));
    assert_eq!((&blind["suppressed"], &blind["by_age_band"]["35-59"]), (&json!(true), &Value::Null));
    let seeing = counts(&key(json!(["registry:read", "people:read"])));
    assert_eq!((&seeing["suppressed"], &seeing["by_age_band"]["35-59"]), (&json!(false), &json!(1)));
}

// ---- people who come, go and die ----------------------------------------------------------------------------------

#[test]
fn who_comes_back_is_counted_again_whoever_writes_it_down() {
    let registry = Registry::new(shared());
    let home = registry.home("1栋", "101");
    let counted = || {
        let found = registry.manager.get(&registry.at("statistics")).expect(200);
        found["people_by_grid"].as_object().unwrap().values().filter_map(Value::as_i64).sum::<i64>()
    };
    let number = fresh_id_number("19700101");
    let gone = registry.person("赵样一", &number, json!([fact(&home, "residence", "2020-01-01"), fact(&home, "hukou", "2020-01-01")]));
    let leave = |on: &str| {
        registry.manager.post(&format!("/people/{}/move-out", text(&gone, "id")), json!({ "moved_out_on": on })).expect(200);
        assert_eq!(
            (counted(), kinds(&registry, &gone).contains(&"hukou".to_owned())),
            (0, true),
            "a hukou that stayed behind counts nobody"
        );
    };
    assert_eq!(counted(), 1);
    leave("2024-05-01");
    // To mend what is written of that hukou is no return.
    let facts = person(&registry, &gone)["facts"].clone();
    let hukou = facts.as_array().unwrap().iter().find(|fact| fact["kind"] == "hukou").expect("it stayed behind");
    let mended = json!({ "from": "2019-01-01", "reason": "按户口簿更正" });
    registry.manager.post(&format!("/household-facts/{}/correct", text(hukou, "id")), mended).expect(200);
    assert_eq!((text(&person(&registry, &gone), "moved_out_on"), counted()), ("2024-05-01", 0));
    let own = format!("/people/{}/facts", text(&gone, "id"));
    registry.manager.post(&own, fact(&registry.home("1栋", "102"), "residence", "2025-01-01")).expect(201);
    assert!(person(&registry, &gone)["moved_out_on"].is_null());
    assert_eq!(counted(), 1);
    let changes = registry.manager.get(&format!("/people/{}/changes", text(&gone, "id"))).expect(200);
    assert_eq!(items(&changes).iter().filter(|change| change["field"] == "moved_out_on").count(), 2, "that they came back is remembered");
    leave("2025-03-01");
    let file =
        format!("name,id_number,estate,building,unit,number,relation,since\n赵样一,{number},样例一村,1栋,1,103,residence,2025-06-01\n");
    registry.import(PEOPLE, file.as_bytes(), "succeeded");
    assert!(person(&registry, &gone)["moved_out_on"].is_null());
    assert_eq!(counted(), 1);
}

#[test]
fn statistics_are_those_of_counting_whatever_people_are() {
    let registry = Registry::new(shared());
    let (one, two, far) = (registry.home("1栋", "101"), registry.home("1栋", "102"), registry.home("2栋", "101"));
    let old = "2020-01-01";
    let born = |year: &str, n: usize| id_number(&format!("{year}0101"), 700_001 + n * 2 + std::process::id() as usize % 1000 * 100);
    let put = |n: usize, year: &str, facts: Value| registry.person("样例人", &born(year, n), facts);
    put(1, "1990", json!([fact(&one, "residence", old), fact(&one, "hukou", old)]));
    // By the hukou alone; and who lives in one grid and is registered in another counts where they live.
    put(2, "1930", json!([fact(&one, "hukou", old)]));
    put(3, "1930", json!([fact(&one, "hukou", old), fact(&far, "residence", old)]));
    // Two homes, and one person.
    put(4, "1990", json!([fact(&one, "residence", old), fact(&two, "tenant", old), fact(&far, "owner", old)]));
    // An owner who lives elsewhere, and a carer: nobody who lives here.
    put(5, "1990", json!([fact(&far, "owner", old)]));
    put(6, "1990", json!([fact(&far, "carer", old)]));
    let dead = put(7, "1930", json!([fact(&one, "residence", old)]));
    let left = put(8, "1990", json!([fact(&one, "residence", old), fact(&one, "hukou", old)]));
    registry.manager.post(&format!("/people/{}/record-death", text(&dead, "id")), json!({ "deceased_on": "2024-05-01" })).expect(200);
    registry.manager.post(&format!("/people/{}/move-out", text(&left, "id")), json!({ "moved_out_on": "2024-05-01" })).expect(200);
    // Who will only move in, and who has moved on.
    put(9, "1990", json!([fact(&one, "residence", "2999-01-01")]));
    put(10, "1990", json!([{ "home_id": one, "kind": "residence", "from": old, "until": "2021-01-01" }]));

    let found = registry.manager.get(&registry.at("statistics")).expect(200);
    // Counted by hand, person by person, from what each of them is asked about.
    let mut by_age: BTreeMap<&str, i64> = BTreeMap::new();
    for person in items(&registry.manager.get(&registry.at("people?limit=100")).expect(200)) {
        let shown = self::person(&registry, person);
        let lives = shown["facts"].as_array().unwrap().iter().any(|f| matches!(text(f, "kind"), "residence" | "tenant"));
        let registered = shown["facts"].as_array().unwrap().iter().any(|f| f["kind"] == "hukou") && shown["moved_out_on"].is_null();
        if lives || registered {
            *by_age.entry(if text(&shown, "born").starts_with("1930") { "80+" } else { "35-59" }).or_default() += 1;
        }
    }
    assert_eq!(by_age, BTreeMap::from([("35-59", 2), ("80+", 2)]));
    for (band, count) in found["by_age_band"].as_object().unwrap() {
        assert_eq!(count.as_i64(), Some(by_age.get(band.as_str()).copied().unwrap_or(0)), "{band}: {found}");
    }
    assert_eq!(found["people_by_grid"], json!({ "第1网格": 3, "第2网格": 1 }));
}

#[test]
fn of_two_keepers_who_give_somebody_a_second_only_home_or_hukou_at_once_one_is_heard() {
    let registry = Registry::new(shared());
    let homes = ["101", "102", "103", "104"].map(|number| registry.home("1栋", number));
    for (kind, sole) in [("residence", true), ("hukou", false)] {
        let who = registry.person("赵样一", &fresh_id_number("19700101"), json!([]));
        let path = format!("/people/{}/facts", text(&who, "id"));
        let statuses = at_once(4, |n| {
            // Not only open ends, which an index would refuse: every second one has an end.
            let mut body = json!({ "home_id": homes[n], "kind": kind, "from": "2020-01-01", "sole": sole });
            if n % 2 == 0 {
                body["until"] = json!("2999-01-01");
            }
            registry.manager.post(&path, body).send().status
        });
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{kind}: {statuses:?}");
        assert!(statuses.iter().all(|status| [201, 409, 422].contains(status)), "{kind}: {statuses:?}");
        assert_eq!(kinds(&registry, &who), [kind]);
    }
}

// ---- bindings -----------------------------------------------------------------------------------------------------

/// An account whom the registry knows as `kind` of home 101, bound at once.
fn bound<'s>(registry: &Registry<'s>, kind: &str, until: Option<&str>) -> (Resident<'s>, Value, Value) {
    let (number, phone, home) = (fresh_id_number("19700101"), "13611113333", registry.home("1栋", "101"));
    let mut tie = fact(&home, kind, "2024-01-01");
    if let Some(until) = until {
        tie["until"] = json!(until);
    }
    let body = json!({ "community_id": registry.id, "name": "样例人", "id_number": number, "phone": phone, "facts": [tie] });
    let person = registry.manager.post("/people", body).expect(201);
    let resident = registry.server.resident();
    resident.bind_phone(phone);
    let claim = json!({ "home_id": home, "relation": kind, "name": "样例人", "id_number": number });
    let binding = resident.post("/home-bindings", claim).expect(201);
    assert_eq!(text(&binding, "state"), "active");
    (resident, person, binding)
}

#[test]
fn whatever_somebody_is_to_a_home_they_speak_for_it_no_longer_than_that() {
    let server = Server::start(Options::default());
    let registry = Registry::new(&server);
    let tomorrow = instant(&server, 32 * 3600)[..10].to_owned();
    let all: Vec<_> = ["owner", "family", "carer", "tenant"].map(|kind| bound(&registry, kind, Some(&tomorrow))).into();
    server.sim().advance(2 * 86_400);
    for (resident, _, binding) in &all {
        assert_eq!(text(&resident.get(&format!("/home-bindings/{}", text(binding, "id"))).expect(200), "state"), "ended", "{binding}");
    }
}

#[test]
fn who_has_died_or_left_speaks_for_no_home_though_nothing_recorded_said_that_they_did() {
    let registry = Registry::new(shared());
    let home = registry.home("1栋", "101");
    for (verb, day) in [("record-death", "deceased_on"), ("move-out", "moved_out_on")] {
        // A keeper took their word that they are family; the registry knows that they live there.
        let person = registry.person("赵样一", &fresh_id_number("19700101"), json!([fact(&home, "residence", "2020-01-01")]));
        let resident = shared().resident();
        let claim = resident.post("/home-bindings", json!({ "home_id": home, "relation": "family" })).expect(201);
        let path = format!("/home-bindings/{}", text(&claim, "id"));
        registry.manager.post(&format!("{path}/approve"), json!({ "person_id": person["id"] })).expect(200);
        let mut body = json!({});
        body[day] = json!("2025-01-01");
        registry.manager.post(&format!("/people/{}/{verb}", text(&person, "id")), body).expect(200);
        assert_eq!(text(&resident.get(&path).expect(200), "state"), "ended", "{verb}");
    }
}

#[test]
fn who_claims_a_home_while_what_it_rests_on_ends_is_not_left_speaking_for_it() {
    let registry = Registry::new(shared());
    let home = registry.home("1栋", "101");
    for round in 0..6 {
        let (number, phone) = (fresh_id_number("19700101"), "13611114444");
        let body = json!({ "community_id": registry.id, "name": "样例人", "id_number": number, "phone": phone, "facts": [fact(&home, "family", "2024-01-01")] });
        let person = registry.manager.post("/people", body).expect(201);
        let resident = registry.server.resident();
        resident.bind_phone(phone);
        let tie = text(&person["facts"][0], "id").to_owned();
        let statuses = at_once(2, |n| match (n, round % 2) {
            (0, _) => {
                let claim = json!({ "home_id": home, "relation": "family", "name": "样例人", "id_number": number });
                resident.post("/home-bindings", claim).send().status
            }
            (_, 0) => registry.manager.post(&format!("/household-facts/{tie}/end"), json!({ "until": "2025-01-01" })).send().status,
            _ => {
                let died = json!({ "deceased_on": "2025-01-01" });
                registry.manager.post(&format!("/people/{}/record-death", text(&person, "id")), died).send().status
            }
        });
        assert_eq!(statuses, [201, 200]);
        let mine = resident.get("/me/home-bindings").expect(200);
        assert_ne!(text(&items(&mine)[0], "state"), "active", "round {round}: {mine}");
    }
}

#[test]
fn a_delegation_reaches_no_further_than_the_community_that_it_was_given_in() {
    let (here, there) = (Registry::new(shared()), Registry::new(shared()));
    let (parent, _) = here.known_resident("赵样一", &fresh_id_number("19700101"), "13611115555");
    let child = shared().resident();
    let grant = json!({ "community_id": there.id, "delegate_id": child.id(), "scopes": ["registry", "repair"], "expires_at": instant(shared(), 86_400) });
    let given = parent.post("/delegations", grant).expect(201);
    let home = here.home("1栋", "101");
    let unknown = |path: &str, body: Value| {
        let problem = child.post(path, body).refuse(422, "validation_failed");
        assert!(items(&json!({ "items": problem["errors"] })).iter().any(|e| e["code"] == "unknown_delegation"), "{path}: {problem}");
    };
    let category = json!({ "name": "漏水", "dispatch": "assign", "accept_within_s": 3600, "arrive_within_s": 7200, "resolve_within_s": 86400, "chargeable": false, "photos_required": false });
    here.manager.put(&format!("/repair-categories/leak?community_id={}", here.id), category).expect(201);
    let change = json!([{ "field": "phone", "value": "13700001234" }]);
    unknown("/registry-proposals", json!({ "home_id": home, "changes": change, "delegation_id": given["id"] }));
    unknown("/home-bindings", json!({ "home_id": home, "relation": "owner", "delegation_id": given["id"] }));
    unknown(
        "/repair-tickets",
        json!({ "community_id": here.id, "home_id": home, "category": "leak", "title": "漏水", "description": "厨房漏水", "delegation_id": given["id"] }),
    );
}

#[test]
fn who_has_too_much_waiting_is_told_to_wait() {
    let registry = Registry::empty(shared());
    let (parent, child) = (shared().resident(), shared().resident().id());
    let grant =
        json!({ "community_id": registry.id, "delegate_id": child, "scopes": ["registry"], "expires_at": instant(shared(), 86_400) });
    let first = parent.post("/delegations", grant.clone()).expect(201);
    for _ in 1..50 {
        parent.post("/delegations", grant.clone()).expect(201);
    }
    parent.post("/delegations", grant.clone()).refuse(409, "too_many_pending");
    parent.post(&format!("/delegations/{}/revoke", text(&first, "id")), json!({})).expect(200);
    parent.post("/delegations", grant).expect(201);
}

// ---- what a file says, whatever portions it is taken in -------------------------------------------------------------

#[test]
fn what_a_row_renames_is_not_found_under_its_old_name_by_a_later_one_in_the_same_file() {
    let header = "estate,building,unit,number,external_code\n";
    let rows = ["样例一村,1栋,1,201,H-1\n", "样例一村,1栋,1,101,\n"];
    let counts = |import: &Value| ["created", "changed", "unchanged", "failed"].map(|field| import[field].as_i64().unwrap_or(-1));
    let start = |registry: &Registry| {
        let first = "estate,grid,building,unit,number,external_code\n样例一村,第1网格,1栋,1,101,H-1\n";
        registry.import(&[("kind", "registry")], first.as_bytes(), "succeeded");
    };
    let (together, apart) = (Registry::empty(shared()), Registry::empty(shared()));
    start(&together);
    start(&apart);
    let one = together.import(&[("kind", "registry")], format!("{header}{}", rows.concat()).as_bytes(), "succeeded");
    assert_eq!(counts(&one), [1, 1, 0, 0], "101 is another home now");
    for row in rows {
        apart.import(&[("kind", "registry")], format!("{header}{row}").as_bytes(), "succeeded");
    }
    let plain = |registry: &Registry| registry.export("homes.csv");
    assert_eq!(plain(&together), plain(&apart));
    // The same with people and their numbers.
    let (old, new) = (fresh_id_number("19700101"), fresh_id_number("19700101"));
    let header = "name,id_number,estate,building,unit,number,relation,external_code\n";
    let rows = [format!("赵样一,{new},样例一村,1栋,1,101,owner,P-1\n"), format!("钱样二,{old},样例一村,1栋,1,101,family,\n")];
    for registry in [&together, &apart] {
        let first = format!("{header}赵样一,{old},样例一村,1栋,1,101,owner,P-1\n");
        registry.import(PEOPLE, first.as_bytes(), "succeeded");
    }
    let one = together.import(PEOPLE, format!("{header}{}", rows.concat()).as_bytes(), "succeeded");
    assert_eq!(counts(&one), [1, 1, 0, 0], "the old number is somebody else's now");
    for row in rows {
        apart.import(PEOPLE, format!("{header}{row}").as_bytes(), "succeeded");
    }
    let people = |registry: &Registry| registry.export("people.csv?reason=data-check");
    assert_eq!(people(&together), people(&apart));
}

#[test]
fn whatever_ties_people_to_homes_leaves_as_a_file_and_comes_back_with_its_days() {
    let (first, second) = (Registry::new(shared()), Registry::new(shared()));
    let preset = json!({ "preset": "five" });
    for registry in [&first, &second] {
        registry.manager.post(&registry.at("tags/adopt"), preset.clone()).expect(200);
    }
    let at = |number: &str| first.home("1栋", number);
    let old = "2020-01-01";
    let lives = |home: &str, from: &str, sole: bool| json!({ "home_id": home, "kind": "residence", "from": from, "sole": sole });
    // Two homes of which neither is the only one, with days of their own.
    let both = first.person(
        "赵样一",
        &fresh_id_number("19700101"),
        json!([
            fact(&at("101"), "owner", old),
            lives(&at("101"), "2021-02-03", false),
            lives(&at("102"), "2022-03-04", false),
            fact(&at("101"), "hukou", "2023-04-05")
        ]),
    );
    first.person(
        "钱样二",
        &fresh_id_number("19700101"),
        json!([lives(&at("103"), "2019-01-02", true), fact(&at("103"), "hukou", "2018-01-02")]),
    );
    first.person("孙样三", &fresh_id_number("19700101"), json!([fact(&at("104"), "hukou", "2017-01-02")]));
    // A child whom no paper knows yet.
    let child =
        json!({ "community_id": first.id, "name": "赵样童", "born_on": "2024-02-29", "facts": [fact(&at("101"), "family", "2024-02-29")] });
    first.manager.post("/people", child).expect(201);
    let veteran = json!({ "tag": "退役军人", "from": "2024-01-01", "until": "2099-01-01" });
    let tag = first.manager.post(&format!("/people/{}/tags", text(&both, "id")), veteran).send();
    assert_eq!(tag.status, 201, "{}", tag.describe());
    let reason = "people.csv?reason=data-migration";
    let file = first.manager.get(&first.at(reason)).send().expect(200).text();
    assert_eq!(file.lines().count(), 6, "{file}");
    for part in ["also", "2021-02-03", "2023-04-05", "residence", "hukou", "per_", "退役军人@2024-01-01~2099-01-01"] {
        assert!(file.contains(part), "{part}: {file}");
    }
    let again = first.import(PEOPLE, file.as_bytes(), "succeeded");
    assert_eq!(again["unchanged"], json!(5), "{again}\n{file}");
    second.import(PEOPLE, file.as_bytes(), "succeeded");
    assert_eq!(second.export(reason), first.export(reason));
    assert_eq!(second.import(PEOPLE, file.as_bytes(), "succeeded")["unchanged"], json!(5));
    // As Excel in China reads and writes it.
    let third = Registry::new(shared());
    third.manager.post(&third.at("tags/adopt"), preset).expect(200);
    let gb = first.manager.get(&first.at("people.csv?reason=data-migration&encoding=gb18030")).send().expect(200);
    assert!(std::str::from_utf8(&gb.body).is_err(), "not UTF-8");
    third.import(PEOPLE, &gb.body, "succeeded");
    assert_eq!(third.export(reason), first.export(reason));
    let homes = first.manager.get(&first.at("homes.csv?encoding=gb18030")).send().expect(200);
    assert_eq!(first.import(&[("kind", "registry")], &homes.body, "succeeded")["unchanged"], json!(10));
}

#[test]
fn what_somebody_who_has_died_is_said_to_do_is_refused_by_the_row() {
    let registry = Registry::new(shared());
    let (number, home) = (fresh_id_number("19700101"), registry.home("1栋", "101"));
    let dead = registry.person("赵样一", &number, json!([fact(&home, "residence", "2020-01-01")]));
    registry.manager.post(&format!("/people/{}/record-death", text(&dead, "id")), json!({ "deceased_on": "2024-05-01" })).expect(200);
    let own = format!("/people/{}/facts", text(&dead, "id"));
    let problem = registry.manager.post(&own, fact(&home, "owner", "2020-01-01")).refuse(422, "validation_failed");
    assert_eq!((text(&problem["errors"][0], "pointer"), text(&problem["errors"][0], "code")), ("/until", "after_death"));
    registry.manager.post(&own, json!({ "home_id": home, "kind": "owner", "from": "2020-01-01", "until": "2024-05-01" })).expect(201);
    let file = format!("name,id_number,estate,building,unit,number,relation,since\n赵样一,{number},样例一村,1栋,1,102,owner,2020-01-01\n");
    let done = registry.import(PEOPLE, file.as_bytes(), "failed");
    assert_eq!(errors(&registry, &done), wrong(2, "since", "after_death"));
}

// ---- jobs ---------------------------------------------------------------------------------------------------------

#[test]
fn what_was_over_before_a_keeper_approved_a_binding_does_not_end_it() {
    let server = Server::start(Options::default());
    let registry = Registry::new(&server);
    let home = registry.home("1栋", "101");
    let bound = |relation: &str, person: &Value, mut body: Value| {
        let resident = server.resident();
        let claim = resident.post("/home-bindings", json!({ "home_id": home, "relation": relation })).expect(201);
        let path = format!("/home-bindings/{}", text(&claim, "id"));
        body["person_id"] = person["id"].clone();
        registry.manager.post(&format!("{path}/approve"), body).expect(200);
        (resident, path)
    };
    // Who rented here once rents here again, by a lease that only the keeper has seen.
    let tenant = registry.person("赵样一", &fresh_id_number("19700101"), json!([fact(&home, "residence", "2020-01-01")]));
    let over = json!({ "home_id": home, "kind": "tenant", "from": "2020-01-01", "until": "2024-01-01" });
    let over = registry.manager.post(&format!("/people/{}/facts", text(&tenant, "id")), over).expect(201);
    let again = bound("tenant", &tenant, json!({ "lease_ends_on": "2098-12-31" }));
    // Who has moved out looks after somebody here.
    let left = registry.person("钱样二", &fresh_id_number("19700101"), json!([fact(&home, "residence", "2020-01-01")]));
    registry.manager.post(&format!("/people/{}/move-out", text(&left, "id")), json!({ "moved_out_on": "2025-01-01" })).expect(200);
    let carer = bound("carer", &left, json!({}));
    // What is over stays over, whatever is corrected of it.
    let mended = json!({ "from": "2019-12-01", "until": "2023-12-01", "reason": "按租赁合同更正" });
    registry.manager.post(&format!("/household-facts/{}/correct", text(&over, "id")), mended).expect(200);
    // A lease that runs out shows when the job has been there.
    let third = registry.person("孙样三", &fresh_id_number("19700101"), json!([fact(&home, "residence", "2020-01-01")]));
    let tomorrow = instant(&server, 32 * 3600)[..10].to_owned();
    let (witness, lease) = bound("tenant", &third, json!({ "lease_ends_on": tomorrow }));
    let before = witness.get(&lease).expect(200)["version"].as_i64();
    server.sim().advance(4 * 86_400);
    eventually("the job has been there", 120, || (witness.get(&lease).expect(200)["version"].as_i64() > before).then_some(()));
    for (resident, path) in [again, carer] {
        assert_eq!(text(&resident.get(&path).expect(200), "state"), "active");
    }
}
