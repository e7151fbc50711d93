//! Imports and exports: spreadsheets as people really send them, and what must not happen whatever they send.

use std::time::Duration;

use jiazai_tests::{Client, Options, Registry, Server, Staff, Value, at_once, begin, id_number, json, raw, run, shared, unique};

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

const COLUMNS: &str = "name,id_type,id_number,sex,born_on,phone,estate,building,unit,number,relation,tags";

/// A number that nobody else of this run has.
fn fresh_id() -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(100_001);
    id_number("19700101", NEXT.fetch_add(2, Ordering::Relaxed))
}

/// A row of people of home 101 in building 1.
fn row(name: &str, number: &str, relation: &str) -> String {
    format!("{name},,{number},,,,样例一村,1栋,1,101,{relation},\n")
}

fn people(rows: &[String]) -> Vec<u8> {
    format!("{COLUMNS}\n{}", rows.concat()).into_bytes()
}

const PEOPLE: &[(&str, &str)] = &[("kind", "people")];
const HOMES: &[(&str, &str)] = &[("kind", "registry")];

/// The errors of an import as (line, column, code).
fn errors(registry: &Registry, import: &Value) -> Vec<(u64, String, String)> {
    let csv = registry.errors(import);
    assert!(csv.starts_with("line,column,code,message\r\n"), "{csv}");
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        assert!(!cells[3].is_ascii(), "the message is Chinese: {line}");
        (cells[0].parse().expect("a line"), cells[1].to_owned(), cells[2].to_owned())
    };
    csv.lines().skip(1).map(line).collect()
}

fn counts(import: &Value) -> [i64; 5] {
    ["total", "created", "changed", "unchanged", "failed"]
        .map(|field| import[field].as_i64().unwrap_or_else(|| panic!("no {field} in {import}")))
}

fn seen(registry: &Registry) -> usize {
    registry.manager.get(&registry.at("people?limit=100")).expect(200)["items"].as_array().map_or(0, Vec::len)
}

// ---- taking rows in -----------------------------------------------------------------------------------------------

#[test]
fn a_file_becomes_the_registry_and_the_same_file_again_changes_nothing() {
    let registry = Registry::new(shared());
    let file = people(&[row("赵样一", &fresh_id(), "owner"), row("钱样二", &fresh_id(), "family")]);
    let queued = registry.begin(&registry.manager, PEOPLE, &file);
    assert!(matches!(queued["state"].as_str(), Some("queued")) && queued["total"].is_null(), "{queued}");
    let done = registry.wait(&registry.manager, &queued);
    assert_eq!((text(&done, "state"), counts(&done)), ("succeeded", [2, 2, 0, 0, 0]));
    assert_eq!(done["ok"], 2);
    let before = registry.export("people.csv?reason=data-check");
    let again = registry.import(PEOPLE, &file, "succeeded");
    assert_eq!(counts(&again), [2, 0, 0, 2, 0]);
    assert_eq!(registry.export("people.csv?reason=data-check"), before);
    let homes = registry.export("homes.csv");
    assert_eq!(homes.len(), 10);
    let listed = registry.manager.get("/imports").expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(3));
}

#[test]
fn gbk_a_mark_chinese_headers_and_json_lines_are_all_understood() {
    let registry = Registry::empty(shared());
    let header = "小区,网格,楼栋,单元,楼层,房号,面积,入住状态\r\n";
    let mark = format!("\u{FEFF}{header}样例一村,第1网格,1栋,1,1,101,80.5,空房\r\n");
    registry.import(HOMES, mark.as_bytes(), "succeeded");
    // 样例一村,1号楼,一单元,102 in GBK, as Excel writes it.
    let gbk = b"\xD0\xA1\xC7\xF8,\xC2\xA5\xB6\xB0,\xB5\xA5\xD4\xAA,\xB7\xBF\xBA\xC5\r\n\xD1\xF9\xC0\xFD\xD2\xBB\xB4\xE5,1\xBA\xC5\xC2\xA5,\xD2\xBB\xB5\xA5\xD4\xAA,102\xCA\xD2\r\n";
    registry.import(HOMES, gbk, "succeeded");
    let lines = r#"{"estate":"样例一村","building":"1栋","unit":"1单元","number":103,"area_m2":70}"#;
    registry.import(&[("kind", "registry"), ("format", "ndjson")], lines.as_bytes(), "succeeded");
    let homes = registry.export("homes.csv");
    assert_eq!(homes.len(), 3, "{homes:?}");
    assert!(homes.iter().all(|home| home.starts_with("样例一村,第1网格,1栋,")), "one building, however it is written: {homes:?}");
    assert!(homes.iter().any(|home| home.contains("102室")) && homes.iter().any(|home| home.contains("80.5,vacant")), "{homes:?}");
    assert_eq!(counts(&registry.import(HOMES, mark.as_bytes(), "succeeded")), [1, 0, 0, 1, 0]);
}

#[test]
fn a_changed_row_corrects_what_is_known_and_an_empty_cell_takes_nothing_away() {
    let registry = Registry::new(shared());
    let number = fresh_id();
    let header = "name,id_number,phone,estate,building,unit,number,relation,since,lease_ends_on,external_code\n";
    let file = |name: &str, phone: &str, lease: &str| {
        format!("{header}{name},{number},{phone},样例一村,1栋,1,101,tenant,2025-01-01,{lease},P-1\n").into_bytes()
    };
    registry.import(PEOPLE, &file("赵样一", "13812345678", "2027-01-01"), "succeeded");
    let changed = registry.import(PEOPLE, &file("赵样二", "", "2028-01-01"), "succeeded");
    assert_eq!(counts(&changed), [1, 0, 1, 0, 0]);
    let rows = registry.export("people.csv?reason=data-check");
    assert_eq!(rows.len(), 1);
    for part in ["赵样二", "13812345678", "2028-01-01", "P-1"] {
        assert!(rows[0].contains(part), "{part}: {rows:?}");
    }
    let person = &registry.manager.get(&registry.at("people")).expect(200)["items"][0];
    let facts = registry.manager.get(&format!("/people/{}/facts", text(person, "id"))).expect(200);
    let superseded = facts["items"].as_array().unwrap().iter().filter(|fact| fact["superseded_at"].is_string()).count();
    assert_eq!(superseded, 2, "tenancy and residence last as long as the longer lease: {facts}");
    let renumbered = format!("{header}赵样二,{},,样例一村,1栋,1,101,tenant,,,P-1\n", fresh_id());
    assert_eq!(counts(&registry.import(PEOPLE, renumbered.as_bytes(), "succeeded")), [1, 0, 1, 0, 0], "the code says who is meant");
    assert_eq!(registry.export("people.csv").len(), 1);
}

#[test]
fn a_dry_run_says_what_would_happen_and_changes_nothing() {
    let registry = Registry::new(shared());
    let number = fresh_id();
    registry.import(PEOPLE, &people(&[row("赵样一", &number, "owner")]), "succeeded");
    let before = registry.export("people.csv?reason=data-check");
    let file = people(&[row("赵样二", &number, "owner"), row("钱样二", &fresh_id(), "family"), row("孙样三", "1", "family")]);
    let trial = registry.import(&[("kind", "people"), ("dry_run", "true")], &file, "partially_failed");
    assert_eq!(counts(&trial), [3, 1, 1, 0, 1]);
    assert_eq!(registry.export("people.csv?reason=data-check"), before);
    assert_eq!(errors(&registry, &trial), [(4, "id_number".to_owned(), "id_format".to_owned())]);
    let changes = registry.manager.get(&format!("/imports/{}/changes", text(&trial, "id"))).expect(200);
    assert_eq!(changes["items"], json!([{ "line": 2, "changes": [{ "column": "name", "before": null, "after": null }] }]));
    let real = registry.import(PEOPLE, &file, "partially_failed");
    assert_eq!(counts(&real), counts(&trial), "what the trial said is what happens");
}

#[test]
fn an_atomic_import_takes_all_rows_or_none() {
    let registry = Registry::new(shared());
    let good = row("赵样一", &fresh_id(), "owner");
    let file = people(&[good.clone(), row("钱样二", "110105194912310021", "family")]);
    let refused = registry.import(&[("kind", "people"), ("atomic", "true")], &file, "failed");
    assert_eq!(counts(&refused), [2, 0, 0, 0, 1]);
    assert_eq!(seen(&registry), 0);
    registry.import(&[("kind", "people"), ("atomic", "true")], &people(std::slice::from_ref(&good)), "succeeded");
    assert_eq!(seen(&registry), 1);
    let by_row = registry.import(PEOPLE, &file, "partially_failed");
    assert_eq!(counts(&by_row), [2, 0, 0, 1, 1]);
}

// ---- bad input ----------------------------------------------------------------------------------------------------

#[test]
fn every_wrong_row_is_told_by_line_column_and_code_and_leaves_nothing_behind() {
    let registry = Registry::new(shared());
    let (owner, resident) = (fresh_id(), fresh_id());
    let wide = "name,id_number,born_on,phone,estate,building,unit,number,relation,share,lives_here,tags,since\n";
    let line = |number: &str, rest: &str| format!("样例人,{number},{rest}\n");
    let rows = [
        (line(&owner, ",,样例一村,1栋,1,101,owner,60%,,,"), None),
        (line("110105194912310021", ",,样例一村,1栋,1,101,family,,,,"), Some(("id_number", "id_checksum"))),
        (line(&id_number("19490230", 1), ",,样例一村,1栋,1,101,family,,,,"), Some(("id_number", "id_birth_date"))),
        (line(&fresh_id(), "1970-02-30,,样例一村,1栋,1,101,family,,,,"), Some(("born_on", "date_format"))),
        (line(&fresh_id(), ",12345,样例一村,1栋,1,101,family,,,,"), Some(("phone", "phone_format"))),
        (line(&fresh_id(), ",,样例一村,9栋,1,101,family,,,,"), Some(("number", "unknown_home"))),
        (line(&fresh_id(), ",,样例一村,1栋,1,999,family,,,,"), Some(("number", "unknown_home"))),
        (line(&fresh_id(), ",,样例一村,1栋,1,101,owner,1/2,,,"), Some(("share", "shares_exceed_whole"))),
        (line(&fresh_id(), ",,样例一村,1栋,1,101,neighbour,,,,"), Some(("relation", "unknown_word"))),
        (line(&fresh_id(), ",,样例一村,1栋,1,101,family,,,没有的标签,"), Some(("tags", "unknown_tag"))),
        (line(&fresh_id(), ",,样例一村,1栋,1,101,family,,,,2999-01-01"), Some(("since", "future"))),
        (line(&resident, ",,样例一村,1栋,1,102,family,,yes,,"), None),
        (line(&resident, ",,样例一村,1栋,1,103,family,,yes,,"), Some(("lives_here", "sole_residence_overlap"))),
        (format!("样例人,{},,,样例一村,1栋,1,101,family,,,,,多,余\n", fresh_id()), Some(("", "field_count"))),
    ];
    let file: String = std::iter::once(wide.to_owned()).chain(rows.iter().map(|(row, _)| row.clone())).collect();
    let done = registry.import(PEOPLE, file.as_bytes(), "partially_failed");
    let expected: Vec<(u64, String, String)> =
        (2..).zip(&rows).filter_map(|(n, (_, wrong))| wrong.map(|(column, code)| (n, column.to_owned(), code.to_owned()))).collect();
    assert_eq!(errors(&registry, &done), expected);
    assert_eq!(seen(&registry), 2, "of a refused row nothing is written, the person neither");
    assert!(!registry.errors(&done).contains("110105"), "values are not repeated");
}

#[test]
fn a_broken_line_of_json_in_the_middle_is_told_and_leaves_nothing_half_done() {
    let registry = Registry::empty(shared());
    let line = |number: u32| format!("{{\"estate\":\"样例一村\",\"building\":\"1栋\",\"unit\":\"1单元\",\"number\":{number}}}\n");
    let whole = [&[("kind", "registry"), ("format", "ndjson"), ("atomic", "true")][..], &[("kind", "registry"), ("format", "ndjson")]];
    for broken in
        ["{\"estate\":\"样例一村\",\"building\":\n", "{\"estate\":\"样例一村\"}}}\n", "[[[[[[[[\n", "<!DOCTYPE r [<!ENTITY a \"a\">]>\n"]
    {
        let file = format!("{}{broken}{}", line(101), line(102));
        let refused = registry.import(whole[0], file.as_bytes(), "failed");
        assert_eq!(errors(&registry, &refused), [(2, String::new(), "row_format".to_owned())], "{broken}");
        assert!(registry.export("homes.csv").is_empty(), "{broken}");
    }
    let file = format!("{}{{\"estate\":\n{}", line(101), line(102));
    let part = registry.import(whole[1], file.as_bytes(), "partially_failed");
    assert_eq!(counts(&part), [3, 2, 0, 0, 1]);
    assert_eq!(errors(&registry, &part), [(2, String::new(), "row_format".to_owned())]);
    assert_eq!(registry.export("homes.csv").len(), 2, "the lines around it are taken");
}

#[test]
fn a_header_that_cannot_be_understood_fails_the_whole_file() {
    let registry = Registry::new(shared());
    for (file, column, code) in [
        (&b"name,phone\nx,y\n"[..], "id_number", "column_missing"),
        (b"", "name", "column_missing"),
        (b"PK\x03\x04zip", "", "encoding_invalid"),
        (b"\xFF\xFEn\x00a\x00", "", "encoding_invalid"),
    ] {
        let failed = registry.import(PEOPLE, file, "failed");
        let first = errors(&registry, &failed).into_iter().find(|(line, c, k)| *line == 1 && c == column && k == code);
        assert!(first.is_some(), "{column} {code}: {}", registry.errors(&failed));
    }
}

#[test]
fn gbk_that_pretends_to_be_utf8_is_refused_line_by_line() {
    let registry = Registry::new(shared());
    let mut file = format!("\u{FEFF}{COLUMNS}\n").into_bytes();
    file.extend(b"\xD5\xD4\xD1\xF9\xD2\xBB,,");
    file.extend(format!("{},,,,a,1,1,101,owner,\n", fresh_id()).as_bytes());
    file.extend(row("赵样一", &fresh_id(), "owner").as_bytes());
    let done = registry.import(PEOPLE, &file, "partially_failed");
    assert_eq!(errors(&registry, &done), [(2, String::new(), "encoding_invalid".to_owned())]);
    assert_eq!(seen(&registry), 1);
}

#[test]
fn ten_thousand_bad_rows_are_all_counted_and_nothing_is_written() {
    let registry = Registry::new(shared());
    let rows: Vec<String> = (0..10_050).map(|n| row("赵样一", &format!("{n}"), "owner")).collect();
    let done = registry.import(PEOPLE, &people(&rows), "failed");
    assert_eq!(counts(&done), [10_050, 0, 0, 0, 10_050]);
    assert_eq!(errors(&registry, &done).len(), 10_000, "as many are kept as anybody reads");
    assert_eq!(seen(&registry), 0);
}

#[test]
fn a_file_of_more_than_32_mib_is_413() {
    let registry = Registry::empty(shared());
    let token = text(&registry.manager.log_in(), "access_token").to_owned();
    let head = |length: u64| {
        format!(
            "POST /api/v1/imports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: multipart/form-data; boundary=edge\r\n\
             Content-Length: {length}\r\n\r\n--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n"
        )
    };
    // Two gigabytes are refused by their announcement, before a byte of them is stored.
    let reply = raw(shared(), head(2 << 30).as_bytes());
    assert_eq!((reply.status, text(&reply.json, "code")), (413, "payload_too_large"), "{}", reply.describe());
    let mut whole = head((33 << 20) + 70).into_bytes();
    whole.resize(whole.len() + (33 << 20), b'x');
    let reply = raw(shared(), &whole);
    assert_eq!((reply.status, text(&reply.json, "code")), (413, "payload_too_large"), "{}", reply.describe());
}

#[test]
fn a_form_is_told_everything_that_is_wrong_with_it() {
    let registry = Registry::empty(shared());
    let send = |fields: &[(&str, &str)]| registry.manager.call("POST", "/imports").form(fields, b"x").send();
    let problem = send(&[("kind", "cats"), ("format", "xlsx"), ("dry_run", "perhaps"), ("colour", "red")]).expect(422).json;
    let mut found: Vec<(String, String)> =
        problem["errors"].as_array().unwrap().iter().map(|e| (text(e, "pointer").to_owned(), text(e, "code").to_owned())).collect();
    found.sort();
    let expected = [
        ("/colour", "unknown_field"),
        ("/community_id", "required"),
        ("/dry_run", "unknown_value"),
        ("/format", "unknown_value"),
        ("/kind", "unknown_value"),
    ];
    assert_eq!(found, expected.map(|(p, c)| (p.to_owned(), c.to_owned())));
    let other = Registry::empty(shared());
    let fields = |id: &str| [("kind", "people"), ("format", "csv"), ("community_id", id)].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let elsewhere = fields(&other.id);
    let elsewhere: Vec<(&str, &str)> = elsewhere.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(send(&elsewhere).expect(422).json["errors"][0]["code"], "unknown_community");
    registry.manager.post("/imports", json!({ "kind": "people" })).refuse(415, "unsupported_media_type");
    shared().resident().call("POST", "/imports").form(&elsewhere, b"x").refuse(403, "forbidden");
}

// ---- formula cells and identity ------------------------------------------------------------------------------------

#[test]
fn cells_that_a_spreadsheet_would_compute_leave_as_text_and_come_back_as_they_were() {
    let registry = Registry::new(shared());
    let number = fresh_id();
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

/// A registry with a bit of everything, as files of homes and of people.
fn everything(rows: usize) -> (String, String) {
    let mut homes = "estate,grid,building,unit,floor,number,area_m2,occupancy,external_code\n".to_owned();
    let mut people = "name,id_type,id_number,sex,born_on,phone,estate,building,unit,number,relation,tags,external_code,since,lease_ends_on,share,lives_here,hukou_here\n".to_owned();
    for n in 0..rows {
        let (building, floor) = (n / 20 + 1, n % 20 / 2 + 1);
        let place = format!("样例一村,{building}栋,{}单元,{floor}0{}", n % 2 + 1, n % 2 + 1);
        let occupancy = ["", "vacant", "rented"][n % 3];
        homes.push_str(&format!(
            "样例一村,第{}网格,{building}栋,{}单元,{floor},{floor}0{},{}.5,{occupancy},H-{n}\n",
            building % 2 + 1,
            n % 2 + 1,
            n % 2 + 1,
            60 + n % 40
        ));
        let id = id_number("19700101", 500_001 + n * 2);
        let tail = match n % 4 {
            0 => format!("owner,老年人;退役军人,P-{n},2015-03-01,,1/2,yes,yes"),
            1 => format!("tenant,,P-{n},2025-01-01,2027-12-31,,yes,no"),
            2 => format!("family,,P-{n},2018-01-01,,,no,"),
            _ => format!("carer,,P-{n},2024-06-01,,,,"),
        };
        people.push_str(&format!("样例{n},,{id},,,1400000{n:04},{place},{tail}\n"));
    }
    (homes, people)
}

fn adopt(registry: &Registry) {
    registry.manager.post(&registry.at("tags/adopt"), json!({ "preset": "five" })).expect(200);
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
    let (one, two) = (fresh_id(), fresh_id());
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
    let (one, two) = (fresh_id(), fresh_id());
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
    let (resident, person) = registry.known_resident("赵样一", &fresh_id(), "13900005555");
    let homeless = registry.person("钱样二", &fresh_id(), json!([]));
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

// ---- who may ------------------------------------------------------------------------------------------------------

#[test]
fn a_grid_worker_imports_into_their_own_grid_only_and_makes_no_places() {
    let registry = Registry::new(shared());
    let there = format!("钱样二,,{},,,,样例一村,2栋,1,101,owner,\n", fresh_id());
    let file = people(&[row("赵样一", &fresh_id(), "owner"), there]);
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
    let (key, file) = (unique("k"), people(&[row("赵样一", &fresh_id(), "owner")]));
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
        let share =
            format!("name,id_number,estate,building,unit,number,relation,share\n样例{n},{},样例一村,1栋,1,104,owner,60%\n", fresh_id());
        share.into_bytes()
    };
    let files: Vec<Vec<u8>> = (0..4).map(file).collect();
    let done = at_once(4, |n| registry.import_by(&registry.manager, PEOPLE, &files[n]));
    assert_eq!(done.iter().filter(|import| import["state"] == "succeeded").count(), 1, "{done:?}");
}

// ---- crashes ------------------------------------------------------------------------------------------------------

#[test]
fn a_server_that_was_shot_during_an_import_goes_on_behind_what_it_had_done() {
    let server = Server::start(Options::default());
    let (shot, whole) = (Registry::empty(&server), Registry::empty(&server));
    let (homes, people) = everything(1200);
    for registry in [&shot, &whole] {
        adopt(registry);
        registry.import(HOMES, homes.as_bytes(), "succeeded");
    }
    let queued = shot.begin(&shot.manager, PEOPLE, people.as_bytes());
    let path = format!("/imports/{}", text(&queued, "id"));
    let at = jiazai_tests::eventually("some rows are in", 60, || {
        let now = shot.manager.get(&path).expect(200);
        let ok = now["ok"].as_i64().unwrap_or(0);
        (ok > 0).then_some((ok, now))
    });
    server.kill();
    assert!(at.0 < 1200, "the server was quicker than the shot: {}", at.1);
    server.start_again();
    let done = shot.wait(&shot.manager, &queued);
    assert_eq!((text(&done, "state"), counts(&done)), ("succeeded", [1200, 1200, 0, 0, 0]));
    whole.import(PEOPLE, people.as_bytes(), "succeeded");
    let reason = "people.csv?reason=data-check";
    assert_eq!(shot.export(reason), whole.export(reason));
    assert_eq!(counts(&shot.import(PEOPLE, people.as_bytes(), "succeeded")), [1200, 0, 0, 1200, 0]);
    let parts = server.data_dir().join("files/parts");
    let left = |dir: &std::path::Path| walk(dir).len();
    jiazai_tests::eventually("the files of imports are gone", 10, || (left(&parts) == 0).then_some(()));
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).map(|entries| entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>()).unwrap_or_default();
    entries.into_iter().flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_command_that_was_shot_is_run_again_and_the_registry_is_the_same() {
    let server = Server::start(Options::default());
    let (shot, whole) = (Registry::empty(&server), Registry::empty(&server));
    let (homes, people) = everything(1200);
    for registry in [&shot, &whole] {
        adopt(registry);
        registry.import(HOMES, homes.as_bytes(), "succeeded");
    }
    let file = std::env::temp_dir().join(format!("{}.csv", unique("people")));
    std::fs::write(&file, &people).expect("writable");
    let mut env = server.env().to_vec();
    env.push(("JIAZAI_DATA_DIR".into(), server.data_dir().display().to_string()));
    let path = file.display().to_string();
    let words = ["import", &path, "--kind", "people", "--community", &shot.code];
    let ok = || {
        let listed = shot.manager.get("/imports").expect(200);
        let newest = &listed["items"][0];
        if newest["kind"] == "people" { newest["ok"].as_i64().unwrap_or(0) } else { 0 }
    };
    let mut command = begin(&words, &env);
    jiazai_tests::eventually("some rows are in", 60, || (ok() > 0).then_some(()));
    command.kill().expect("it can be shot");
    let _ = command.wait();
    assert!(ok() < 1200, "the command was quicker than the shot");
    let again = run(&words, &env, 120);
    assert!(again.code == Some(0) && again.stdout.contains("succeeded"), "{again:?}");
    assert!(again.stdout.contains(" unchanged") && !again.stdout.contains(": 1200 created"), "it goes on behind what was taken: {again:?}");
    whole.import(PEOPLE, people.as_bytes(), "succeeded");
    let reason = "people.csv?reason=data-check";
    assert_eq!(shot.export(reason), whole.export(reason));
    // An hour later nobody waits for the command any more.
    server.sim().advance(2 * 3600);
    jiazai_tests::eventually("what was shot is over", 90, || {
        // Whatever is written wakes the jobs; this one looks every sixty rounds.
        shot.manager.post(&shot.at("estate-groups"), json!({ "name": unique("组") })).expect(201);
        let listed = shot.manager.get("/imports").expect(200);
        let over = |import: &Value| !matches!(import["state"].as_str(), Some("queued" | "running"));
        listed["items"].as_array().unwrap().iter().all(over).then_some(())
    });
    let _ = std::fs::remove_file(&file);
}

// ---- the command line ---------------------------------------------------------------------------------------------

#[test]
fn the_command_line_imports_beside_the_server_and_tells_how_far_it_has_come() {
    let server = Server::start(Options::default());
    let registry = Registry::new(&server);
    let file = std::env::temp_dir().join(format!("{}.csv", unique("people")));
    let mut env = server.env().to_vec();
    env.push(("JIAZAI_DATA_DIR".into(), server.data_dir().display().to_string()));
    let import = |content: &[u8], more: &[&str]| {
        std::fs::write(&file, content).expect("writable");
        let path = file.display().to_string();
        let words: Vec<&str> =
            ["import", &path, "--kind", "people", "--community", &registry.code].into_iter().chain(more.iter().copied()).collect();
        run(&words, &env, 60)
    };
    let good = people(&[row("赵样一", &fresh_id(), "owner")]);
    let trial = import(&good, &["--dry-run"]);
    assert_eq!((trial.code, seen(&registry)), (Some(0), 0), "{trial:?}");
    let done = import(&good, &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("succeeded: 1 created") && done.stderr.contains("1/1"), "{done:?}");
    assert!(done.took < Duration::from_secs(60));
    let bad = import(&people(&[row("钱样二", "1", "owner")]), &["--atomic"]);
    assert!(bad.code == Some(1) && bad.stderr.contains("line 2 id_number"), "{bad:?}");
    assert_eq!(seen(&registry), 1);
    assert_eq!(run(&["import", "/nowhere.csv", "--kind", "people", "--community", &registry.code], &env, 30).code, Some(1));
    assert_eq!(run(&["import"], &env, 30).code, Some(2));
    let _ = std::fs::remove_file(&file);
}
