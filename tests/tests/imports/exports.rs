//! Formula cells, identity from one file to the next, and who may take what out.

use jiazai_tests::{Client, Registry, Staff, Value, at_once, fresh_id_number, json, shared, text, unique};

use super::{COLUMNS, HOMES, PEOPLE, adopt, counts, errors, everything, people, row};

// ---- formula cells and identity ------------------------------------------------------------------------------------

#[test]
fn cells_that_a_spreadsheet_would_compute_leave_as_text_and_come_back_as_they_were() {
    let registry = Registry::new(shared());
    let number = fresh_id_number("19700101");
    let file = format!(
        "name,id_number,estate,building,unit,number,relation,备注\n\"=HYPERLINK(\"\"http://x\"\",1)\",{number},样例一村,1栋,1,101,owner,@SUM(A1)\n"
    );
    registry.import(PEOPLE, file.as_bytes(), "succeeded");
    let exported = registry.manager.get(&registry.at("people.csv?reason=data-check")).send().expect(200);
    let csv = exported.text();
    assert!(csv.contains("\"'=HYPERLINK(\"\"http://x\"\",1)\"") && csv.contains(",'@SUM(A1)"), "{csv}");
    assert_eq!(counts(&registry.import(PEOPLE, csv.as_bytes(), "succeeded")), [1, 0, 0, 1, 0], "an export changes nothing");
    let person = &registry.manager.get(&registry.at("people")).expect(200)["items"][0];
    assert_eq!(text(person, "name"), "=HYPERLINK(\"http://x\",1)");
}

#[test]
fn what_was_exported_makes_the_same_registry_elsewhere() {
    let (first, second, third) = (Registry::empty(shared()), Registry::empty(shared()), Registry::empty(shared()));
    let (homes, people) = everything(60);
    for registry in [&first, &second, &third] {
        adopt(registry);
    }
    first.import(HOMES, homes.as_bytes(), "succeeded");
    first.import(PEOPLE, people.as_bytes(), "succeeded");
    let get = |registry: &Registry, below: &str| registry.manager.get(&registry.at(below)).send().expect(200).text();
    let reason = "reason=data-migration";
    let (homes, people) = (get(&first, "homes.csv"), get(&first, &format!("people.csv?{reason}")));
    assert_eq!((homes.lines().count(), people.lines().count()), (61, 61));
    let unchanged = first.import(PEOPLE, people.as_bytes(), "succeeded");
    assert_eq!(
        counts(&unchanged),
        [60, 0, 0, 60, 0],
        "{:?}",
        first.manager.get(&format!("/imports/{}/changes", text(&unchanged, "id"))).expect(200)
    );
    assert_eq!(counts(&first.import(HOMES, homes.as_bytes(), "succeeded")), [60, 0, 0, 60, 0]);
    second.import(HOMES, homes.as_bytes(), "succeeded");
    second.import(PEOPLE, people.as_bytes(), "succeeded");
    let lines = [("kind", "registry"), ("format", "ndjson")];
    third.import(&lines, get(&second, "homes.ndjson").as_bytes(), "succeeded");
    third.import(&[("kind", "people"), ("format", "ndjson")], get(&second, &format!("people.ndjson?{reason}")).as_bytes(), "succeeded");
    for other in [&second, &third] {
        assert_eq!(other.export("homes.csv"), first.export("homes.csv"));
        assert_eq!(other.export(&format!("people.csv?{reason}")), first.export(&format!("people.csv?{reason}")));
    }
}

#[test]
fn without_a_reason_an_export_shows_masks_and_a_grid_worker_gets_their_grid() {
    let registry = Registry::new(shared());
    let (one, two) = (fresh_id_number("19700101"), fresh_id_number("19700101"));
    let file = format!("{COLUMNS}\n赵样一,,{one},,,13812345678,样例一村,1栋,1,101,owner,\n钱样二,,{two},,,,样例一村,2栋,1,101,owner,\n");
    registry.import(PEOPLE, file.as_bytes(), "succeeded");
    let masked = registry.export("people.csv").concat();
    assert!(!masked.contains(&one) && !masked.contains("13812345678") && masked.contains("138******78"), "{masked}");
    registry.manager.get(&registry.at("people.csv?reason=x")).refuse(400, "query_invalid");
    let get = |below: &str| registry.workers[1].get(&registry.at(below)).send().expect(200).text();
    let own = get("people.csv?reason=home-visit");
    assert!(own.contains(&two) && !own.contains(&one), "{own}");
    assert_eq!(get("homes.csv").lines().count(), 6);
    registry.manager.hire("property_manager", &registry.id).get(&registry.at("people.csv")).refuse(403, "forbidden");
    Registry::empty(shared()).manager.get(&registry.at("people.csv")).refuse(404, "not_found");
}

#[test]
fn who_keeps_one_grid_exports_no_more_people_than_its_own_whatever_else_they_are() {
    let registry = Registry::new(shared());
    let (one, two) = (fresh_id_number("19700101"), fresh_id_number("19700101"));
    let file = format!("{COLUMNS}\n赵样一,,{one},,,,样例一村,1栋,1,101,owner,\n钱样二,,{two},,,,样例一村,2栋,1,101,owner,\n");
    registry.import(PEOPLE, file.as_bytes(), "succeeded");
    let both = registry.worker_who_is_also("property_manager");
    for below in ["people.csv", "people.csv?reason=home-visit"] {
        let text = both.get(&registry.at(below)).send().expect(200).text();
        assert!(text.contains("赵样一") && !text.contains("钱样二"), "{text}");
    }
}

#[test]
fn whose_whole_numbers_leave_in_a_file_reads_who_took_them_and_why() {
    let registry = Registry::new(shared());
    let (resident, person) = registry.known_resident("赵样一", &fresh_id_number("19700101"), "13900005555");
    let homeless = registry.person("钱样二", &fresh_id_number("19700101"), json!([]));
    registry.export("people.csv");
    let views = |of: &Value| registry.manager.get(&format!("/people/{}/views", text(of, "id"))).expect(200)["items"].clone();
    assert_eq!(views(&person), json!([]), "what was masked was not revealed");
    registry.workers[0].get(&registry.at("people.ndjson?reason=data-check")).send().expect(200);
    let mine = resident.get("/me/registry-views").expect(200)["items"].clone();
    assert_eq!(mine.as_array().map(Vec::len), Some(1), "{mine}");
    let view = &mine[0];
    assert_eq!((text(view, "reason"), &view["fields"]), ("data-check", &json!(["name", "id_number", "phone", "born_on"])));
    assert_eq!((view["person_id"].clone(), views(&person)), (person["id"].clone(), mine));
    assert_eq!(views(&homeless), json!([]), "who is in no row has not left");
}

#[test]
fn what_nobody_understands_leaves_with_the_homes_of_their_keepers_only_and_is_remembered() {
    let registry = Registry::empty(shared());
    let file =
        "estate,grid,building,unit,number,业主电话\n样例一村,第1网格,1栋,1,101,13812345678\n样例一村,第2网格,2栋,1,101,13987654321\n";
    registry.import(HOMES, file.as_bytes(), "succeeded");
    let get = |who: &Staff, below: &str| who.get(&registry.at(below)).send().expect(200).text();
    assert!(get(&registry.manager, "homes.csv").contains("13987654321"));
    let own = get(&registry.workers[0], "homes.ndjson");
    assert!(own.contains("13812345678") && !own.contains("13987654321"), "{own}");
    let looker = registry.manager.hire("property_manager", &registry.id);
    for below in ["homes.csv", "homes.ndjson"] {
        let seen = get(&looker, below);
        assert!(seen.contains("2栋") && !seen.contains("业主电话") && !seen.contains("138"), "{seen}");
    }
    let both = get(&registry.worker_who_is_also("dispatcher"), "homes.csv");
    assert!(both.contains("2栋") && both.contains("13812345678") && !both.contains("13987654321"), "{both}");
    let body = json!({ "name": unique("屏"), "scopes": ["registry:export"], "community_id": registry.id });
    let key = shared().bearer(format!("Bearer {}", text(&registry.manager.post("/api-keys", body).expect(201), "key")));
    let seen = key.get(&registry.at("homes.csv")).send().expect(200).text();
    assert!(seen.contains("2栋") && !seen.contains("业主电话"), "a program that was not given people: {seen}");
}

// ---- who may -------------------------------------------------------------------------------------------------------

#[test]
fn a_grid_worker_imports_into_their_own_grid_only_and_makes_no_places() {
    let registry = Registry::new(shared());
    let there = format!("钱样二,,{},,,,样例一村,2栋,1,101,owner,\n", fresh_id_number("19700101"));
    let file = people(&[row("赵样一", &fresh_id_number("19700101"), "owner"), there]);
    let done = registry.import_by(&registry.workers[0], PEOPLE, &file);
    assert_eq!(counts(&done), [2, 1, 0, 0, 1]);
    assert_eq!(errors(&registry, &done), [(3, String::new(), "not_for_you".to_owned())]);
    let homes = "estate,building,unit,number\n样例一村,1栋,1,106\n样例一村,2栋,1,106\n样例一村,3栋,1,101\n样例二村,1栋,1,101\n";
    let done = registry.import_by(&registry.workers[0], HOMES, homes.as_bytes());
    assert_eq!(counts(&done), [4, 1, 0, 0, 3]);
    registry.workers[1].get(&format!("/imports/{}", text(&done, "id"))).refuse(404, "not_found");
    registry.manager.get(&format!("/imports/{}", text(&done, "id"))).expect(200);
    assert_eq!(registry.export("homes.csv").len(), 11);
}

#[test]
fn the_same_request_again_is_the_same_import() {
    let registry = Registry::new(shared());
    let (key, file) = (unique("k"), people(&[row("赵样一", &fresh_id_number("19700101"), "owner")]));
    let fields = [("kind", "people"), ("format", "csv"), ("community_id", registry.id.as_str())];
    let send = |file: &[u8]| registry.manager.call("POST", "/imports").form(&fields, file).header("Idempotency-Key", &key).send();
    let first = send(&file).expect(202);
    let again = send(&file).expect(202);
    assert_eq!((again.header("idempotency-replayed"), &again.json["id"]), (Some("true"), &first.json["id"]));
    assert_eq!(send(b"other").expect(422).json["code"], "idempotency_mismatch");
    assert_eq!(first.must("location"), format!("/api/v1/imports/{}", text(&first.json, "id")));
    registry.wait(&registry.manager, &first.json);
}

#[test]
fn imports_of_one_home_at_once_never_give_away_more_than_the_whole() {
    let registry = Registry::new(shared());
    let file = |n: usize| {
        let share = format!(
            "name,id_number,estate,building,unit,number,relation,share\n样例{n},{},样例一村,1栋,1,104,owner,60%\n",
            fresh_id_number("19700101")
        );
        share.into_bytes()
    };
    let files: Vec<Vec<u8>> = (0..4).map(file).collect();
    let done = at_once(4, |n| registry.import_by(&registry.manager, PEOPLE, &files[n]));
    assert_eq!(done.iter().filter(|import| import["state"] == "succeeded").count(), 1, "{done:?}");
}
