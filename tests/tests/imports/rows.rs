//! Rows are taken in, or refused one by one.

use jiazai_tests::{Client, Registry, fresh_id_number, id_number, json, raw, shared, text};

use super::{COLUMNS, HOMES, PEOPLE, counts, errors, people, row, seen};

// ---- taking rows in ------------------------------------------------------------------------------------------------

#[test]
fn a_file_becomes_the_registry_and_the_same_file_again_changes_nothing() {
    let registry = Registry::new(shared());
    let file = people(&[row("赵样一", &fresh_id_number("19700101"), "owner"), row("钱样二", &fresh_id_number("19700101"), "family")]);
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
    let number = fresh_id_number("19700101");
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
    let renumbered = format!("{header}赵样二,{},,样例一村,1栋,1,101,tenant,,,P-1\n", fresh_id_number("19700101"));
    assert_eq!(counts(&registry.import(PEOPLE, renumbered.as_bytes(), "succeeded")), [1, 0, 1, 0, 0], "the code says who is meant");
    assert_eq!(registry.export("people.csv").len(), 1);
}

#[test]
fn a_dry_run_says_what_would_happen_and_changes_nothing() {
    let registry = Registry::new(shared());
    let number = fresh_id_number("19700101");
    registry.import(PEOPLE, &people(&[row("赵样一", &number, "owner")]), "succeeded");
    let before = registry.export("people.csv?reason=data-check");
    let file =
        people(&[row("赵样二", &number, "owner"), row("钱样二", &fresh_id_number("19700101"), "family"), row("孙样三", "1", "family")]);
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
    let good = row("赵样一", &fresh_id_number("19700101"), "owner");
    let file = people(&[good.clone(), row("钱样二", "110105194912310021", "family")]);
    let refused = registry.import(&[("kind", "people"), ("atomic", "true")], &file, "failed");
    assert_eq!(counts(&refused), [2, 0, 0, 0, 1]);
    assert_eq!(seen(&registry), 0);
    registry.import(&[("kind", "people"), ("atomic", "true")], &people(std::slice::from_ref(&good)), "succeeded");
    assert_eq!(seen(&registry), 1);
    let by_row = registry.import(PEOPLE, &file, "partially_failed");
    assert_eq!(counts(&by_row), [2, 0, 0, 1, 1]);
}

// ---- bad input -----------------------------------------------------------------------------------------------------

#[test]
fn every_wrong_row_is_told_by_line_column_and_code_and_leaves_nothing_behind() {
    let registry = Registry::new(shared());
    let (owner, resident) = (fresh_id_number("19700101"), fresh_id_number("19700101"));
    let wide = "name,id_number,born_on,phone,estate,building,unit,number,relation,share,lives_here,tags,since\n";
    let line = |number: &str, rest: &str| format!("样例人,{number},{rest}\n");
    let rows = [
        (line(&owner, ",,样例一村,1栋,1,101,owner,60%,,,"), None),
        (line("110105194912310021", ",,样例一村,1栋,1,101,family,,,,"), Some(("id_number", "id_checksum"))),
        (line(&id_number("19490230", 1), ",,样例一村,1栋,1,101,family,,,,"), Some(("id_number", "id_birth_date"))),
        (line(&fresh_id_number("19700101"), "1970-02-30,,样例一村,1栋,1,101,family,,,,"), Some(("born_on", "date_format"))),
        (line(&fresh_id_number("19700101"), ",12345,样例一村,1栋,1,101,family,,,,"), Some(("phone", "phone_format"))),
        (line(&fresh_id_number("19700101"), ",,样例一村,9栋,1,101,family,,,,"), Some(("number", "unknown_home"))),
        (line(&fresh_id_number("19700101"), ",,样例一村,1栋,1,999,family,,,,"), Some(("number", "unknown_home"))),
        (line(&fresh_id_number("19700101"), ",,样例一村,1栋,1,101,owner,1/2,,,"), Some(("share", "shares_exceed_whole"))),
        (line(&fresh_id_number("19700101"), ",,样例一村,1栋,1,101,neighbour,,,,"), Some(("relation", "unknown_word"))),
        (line(&fresh_id_number("19700101"), ",,样例一村,1栋,1,101,family,,,没有的标签,"), Some(("tags", "unknown_tag"))),
        (line(&fresh_id_number("19700101"), ",,样例一村,1栋,1,101,family,,,,2999-01-01"), Some(("since", "future"))),
        (line(&resident, ",,样例一村,1栋,1,102,family,,yes,,"), None),
        (line(&resident, ",,样例一村,1栋,1,103,family,,yes,,"), Some(("lives_here", "sole_residence_overlap"))),
        (format!("样例人,{},,,样例一村,1栋,1,101,family,,,,,多,余\n", fresh_id_number("19700101")), Some(("", "field_count"))),
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
    file.extend(format!("{},,,,a,1,1,101,owner,\n", fresh_id_number("19700101")).as_bytes());
    file.extend(row("赵样一", &fresh_id_number("19700101"), "owner").as_bytes());
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
