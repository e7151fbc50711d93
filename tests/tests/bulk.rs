//! Lists as files: every list leaves whole, as what its reader may see, and as what a spreadsheet opens.

use std::collections::BTreeSet;

use jiazai_tests::{Bearer, CategoryDraft, Client, Options, Registry, Repair, Server, Value, eventually, json, shared, unique};

fn key<'s>(server: &'s Server, scopes: &[&str]) -> Bearer<'s> {
    let body = json!({ "name": unique("表"), "scopes": scopes, "community_id": server.community() });
    let made = server.staff("manager").post("/api-keys", body).expect(201);
    server.bearer(format!("Bearer {}", made["key"].as_str().expect("a key")))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}

/// All items of a list, page by page.
fn paged(who: &dyn Client, path: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let mark = if path.contains('?') { '&' } else { '?' };
        let page = who.get(&format!("{path}{mark}limit=100{cursor}")).expect(200);
        all.extend(page["items"].as_array().expect("items").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// A category of its own, and tickets in it.
fn tickets(server: &Server, count: usize) -> (Repair<'_>, String) {
    let repair = Repair::new(server);
    let category = repair.category(CategoryDraft::new("assign"));
    for n in 0..count {
        let mut draft = repair.draft_in(&category);
        draft["title"] = json!(format!("第 {n} 张"));
        repair.reporter.post("/repair-tickets", draft).expect(201);
    }
    (repair, category)
}

#[test]
fn every_list_without_a_subject_leaves_in_all_forms_with_the_rows_that_its_pages_have() {
    let server = shared();
    let admin = server.staff("admin");
    let mut tried = 0;
    for operation in server.document().operations().iter().filter(|one| one.is_list() && !one.path.contains('{')) {
        let path = operation.path.strip_prefix("/api/v1").expect("below the base");
        let needs_place = operation.json["parameters"]
            .as_array()
            .is_some_and(|all| all.iter().any(|p| p["name"] == "community_id" && (p["required"] == true || path == "/home-visits")));
        let place = if needs_place { format!("?community_id={}", server.community()) } else { String::new() };
        if admin.get(&format!("{path}{place}")).send().status != 200 {
            // Residents' own.
            assert_ne!(admin.get(&format!("{path}.csv{place}")).send().status, 200, "{path}");
            continue;
        }
        let mark = if place.is_empty() { '?' } else { '&' };
        let whole = |form: &str| admin.get(&format!("{path}.{form}{place}{mark}reason=annual-check")).send().expect(200);
        // Other tests add while this one reads: what was there before is in the file.
        let names = |rows: &[Value]| -> BTreeSet<String> {
            let name = |row: &Value| ["id", "code", "receipt"].iter().find_map(|key| row[key].as_str().map(str::to_owned));
            rows.iter().map(|row| name(row).unwrap_or_else(|| row.to_string())).collect()
        };
        let listed = names(&paged(&admin, &format!("{path}{place}")));
        let rows = names(&lines(&whole("ndjson").text()));
        assert!(listed.is_subset(&rows), "{path}: {:?} are missing", listed.difference(&rows));
        let table = whole("csv").text();
        assert!(table.lines().next().is_some_and(|head| head.split(',').count() > 1), "{path}: {table}");
        let book = whole("xlsx");
        assert!(book.body.starts_with(b"PK\x03\x04") && book.body.windows(4).any(|w| w == b"PK\x05\x06"), "{path}");
        tried += 1;
    }
    assert!(tried > 8, "{tried} lists");
}

#[test]
fn a_file_has_the_filters_and_all_rows_of_the_list_however_many() {
    let server = shared();
    // More than one portion, and no multiple of it.
    let (repair, category) = tickets(server, 503);
    let path = format!("/repair-tickets.ndjson?community_id={}&category={category}", server.community());
    let rows = lines(&repair.dispatcher.get(&path).send().expect(200).text());
    let titles: Vec<String> = rows.iter().map(|row| row["title"].as_str().expect("a title").to_owned()).collect();
    let wanted: Vec<String> = (0..503).rev().map(|n| format!("第 {n} 张")).collect();
    assert_eq!(titles, wanted);
    let none = format!("/repair-tickets.csv?category={category}&state=closed");
    assert_eq!(repair.dispatcher.get(&none).send().expect(200).text().lines().count(), 1);
    // Somebody else's file is empty, as is their list.
    assert!(server.resident().get(&format!("/repair-tickets.ndjson?category={category}")).send().expect(200).text().is_empty());
}

#[test]
fn a_file_is_asked_for_by_its_address_or_by_accept() {
    let server = shared();
    let (repair, category) = tickets(server, 1);
    let plain = format!("/repair-tickets?category={category}");
    let accepted = repair.dispatcher.get(&plain).header("Accept", "text/csv").send().expect(200);
    assert_eq!(accepted.must("content-type"), "text/csv; charset=utf-8");
    assert_eq!(accepted.must("content-disposition"), "attachment; filename=\"repair-tickets.csv\"");
    let addressed = repair.dispatcher.get(&format!("/repair-tickets.csv?category={category}")).send().expect(200);
    assert_eq!(addressed.body, accepted.body);
    let head: Vec<&str> = addressed.text().lines().next().map(str::to_owned).unwrap_or_default().leak().split(',').collect();
    assert_eq!(head[..4], ["id", "created_at", "state", "overdue"]);
    assert!(head.contains(&"sla.resolve.due_at"), "{head:?}");
    let json = repair.dispatcher.get(&plain).header("Accept", "application/json, text/csv;q=0.9").send().expect(200);
    assert_eq!(json.content_type(), "application/json");
    let sheet = repair.dispatcher.get(&plain).header("Accept", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
    assert!(sheet.send().expect(200).body.starts_with(b"PK"));
}

#[test]
fn what_a_spreadsheet_would_compute_is_text_and_what_excel_in_china_opens_is_offered() {
    let server = shared();
    let (repair, category) = tickets(server, 0);
    let mut draft = repair.draft_in(&category);
    draft["title"] = json!("=HYPERLINK(\"http://x\",\"漏水\")");
    repair.reporter.post("/repair-tickets", draft).expect(201);
    let get = |more: &str| repair.dispatcher.get(&format!("/repair-tickets.csv?category={category}{more}")).send();
    let plain = get("").expect(200);
    assert!(plain.text().contains("\"'=HYPERLINK(\"\"http://x\"\",\"\"漏水\"\")\""), "{}", plain.text());
    assert!(get("&encoding=utf-8-bom").expect(200).body.starts_with("\u{feff}id,".as_bytes()));
    let gb = get("&encoding=gb18030").expect(200);
    assert_eq!(gb.must("content-type"), "text/csv; charset=gb18030");
    // 漏水 in GB18030.
    assert!(gb.body.windows(4).any(|four| four == [0xc2, 0xa9, 0xcb, 0xae]));
    assert_eq!(get("&encoding=latin-1").status, 400);
}

#[test]
fn a_file_has_no_pages_and_refuses_before_its_first_byte() {
    let dispatcher = shared().staff("dispatcher");
    for query in ["limit=5", "cursor=abc", "statee=open", "state=nowhere", "reason=x"] {
        dispatcher.get(&format!("/repair-tickets.csv?{query}")).refuse(400, "query_invalid");
    }
    shared().anon().get("/repair-tickets.csv").refuse(401, "unauthenticated");
    shared().staff("grid1").get("/api-keys.csv").refuse(403, "forbidden");
    dispatcher.post("/repair-tickets.csv", json!({})).refuse(405, "method_not_allowed");
}

#[test]
fn a_key_takes_lists_whole_with_the_scope_to_export_alone() {
    let server = shared();
    let (reader, taker) = (key(server, &["repair:read"]), key(server, &["repair:export"]));
    let refused = reader.get("/repair-tickets.csv").refuse(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("repair:export"), "{refused}");
    reader.get("/repair-tickets").header("Accept", "text/csv").refuse(403, "forbidden");
    reader.get("/repair-tickets").expect(200);
    taker.get("/repair-tickets.csv").send().expect(200);
    taker.get("/repair-tickets").header("Accept", "application/x-ndjson").send().expect(200);
    taker.get("/repair-tickets").refuse(403, "forbidden");
}

#[test]
fn applications_leave_whole_for_a_reason_only() {
    let server = shared();
    let clerk = server.staff("enroladmin");
    clerk.get("/enrolment-applications.csv").refuse(400, "query_invalid");
    clerk.get("/enrolment-applications.csv?reason=ab").refuse(400, "query_invalid");
    clerk.get("/enrolment-applications.csv?reason=annual-check").send().expect(200);
}

#[test]
fn people_homes_placements_and_rosters_leave_as_workbooks_too() {
    let server = shared();
    let registry = Registry::of_the_demo(server);
    let round = server.staff("enroladmin").get(&format!("/enrolment-rounds?community_id={}", server.community())).expect(200);
    let round = round["items"][0]["id"].as_str().expect("the demo's round").to_owned();
    for (who, path) in [
        ("manager", format!("/communities/{}/people.xlsx", server.community())),
        ("manager", format!("/communities/{}/homes.xlsx", server.community())),
        ("enroladmin", format!("/enrolment-rounds/{round}/placements.xlsx")),
    ] {
        let book = server.staff(who).get(&path).send().expect(200);
        assert!(book.body.starts_with(b"PK\x03\x04"), "{path}");
        assert!(book.must("content-disposition").ends_with(".xlsx\""), "{path}");
    }
    drop(registry);
    let homes = server.staff("manager").get(&format!("/communities/{}/homes.csv?encoding=gb18030", server.community())).send().expect(200);
    assert_eq!(homes.must("content-type"), "text/csv; charset=gb18030");
}

#[test]
fn who_takes_a_list_whole_is_remembered_by_the_community_and_in_its_audit_log() {
    let server = Server::start(Options::default());
    let (_, category) = tickets(&server, 2);
    let clerk = server.staff("admin").hire("dispatcher", server.community());
    let entries = |action: &str| {
        let path = format!("/audit-events?actor={}&action={action}", clerk.id());
        server.staff("auditor").get(&path).expect(200)["items"].as_array().cloned().expect("items")
    };
    let page = format!("/repair-tickets?category={category}");
    clerk.get(&page).expect(200);
    assert!(entries("list_repair_tickets").is_empty(), "a page is no export");
    clerk.get(&format!("/repair-tickets.csv?category={category}&reason=shift-report")).send().expect(200);
    let left = eventually("the community is told", 30, || {
        let feed = server.staff("manager").get("/events?types=list.exported&limit=100").expect(200);
        feed["items"].as_array()?.first().cloned()
    });
    assert_eq!((&left["community_id"], &left["subject"]["id"]), (&json!(server.community()), &json!(server.community())));
    assert_eq!((&left["data"]["list"], &left["data"]["form"]), (&json!("list_repair_tickets"), &json!("csv")));
    let found = entries("list_repair_tickets");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["detail"], &found[0]["community_id"]), (&json!({ "form": "csv" }), &json!(server.community())));
    assert!(!format!("{left}{found:?}").contains("shift-report"), "why is for those who read the event's note");
    // A list without rows, and one whose rows say no community, leave their entry all the same.
    clerk.get("/repair-tickets.ndjson?category=no_such_category").send().expect(200);
    assert_eq!(entries("list_repair_tickets").len(), 2);
    let manager = server.staff("manager");
    manager.get("/staff.csv").send().expect(200);
    let path = format!("/audit-events?actor={}&action=list_staff", manager.id());
    let found = server.staff("auditor").get(&path).expect(200);
    assert_eq!(found["items"][0]["detail"], json!({ "form": "csv" }), "{found}");
    // Residents take their own: that is nobody's affair.
    let resident = server.resident();
    resident.get("/repair-tickets.csv").send().expect(200);
    let path = format!("/audit-events?actor={}", resident.id());
    assert_eq!(server.staff("admin").get(&path).expect(200)["items"], json!([]));
}
