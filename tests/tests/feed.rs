//! The feed: an order in which nothing is skipped, whoever commits at the same time; and whose eyes see what.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use jiazai_tests::{Bearer, Client, Repair, Server, at_once, eventually, items, json, shared, string, unique};

/// Where the feed ends now: everything that happens later comes behind it.
#[track_caller]
fn end(who: &impl Client, filters: &str) -> String {
    let mut cursor = String::new();
    loop {
        let page = who.get(&format!("/events?limit=100{filters}{cursor}")).expect(200);
        cursor = format!("&cursor={}", string(&page, "next_cursor"));
        if items(&page).is_empty() {
            return string(&page, "next_cursor");
        }
    }
}

fn key<'s>(server: &'s Server, scopes: &[&str]) -> Bearer<'s> {
    let body = json!({ "name": unique("对接"), "scopes": scopes, "community_id": server.community() });
    server.bearer(format!("Bearer {}", string(&server.staff("manager").post("/api-keys", body).expect(201), "key")))
}

#[test]
fn the_feed_goes_on_from_its_last_cursor_in_the_order_of_what_happened() {
    let server = shared();
    let manager = server.staff("manager");
    let filters = "&types=repair_ticket.*";
    let mut cursor = end(&manager, filters);
    let ticket = string(&Repair::new(server).ticket_in("on_site"), "id");
    let mut kinds = Vec::new();
    eventually("the ticket's life arrives", 30, || {
        let page = manager.get(&format!("/events?limit=2{filters}&cursor={cursor}")).expect(200);
        cursor = string(&page, "next_cursor");
        let own = items(&page).iter().filter(|event| event["subject"]["id"] == ticket.as_str());
        kinds.extend(own.map(|event| string(event, "type")));
        (kinds.len() >= 4).then_some(())
    });
    assert_eq!(kinds, ["repair_ticket.submitted", "repair_ticket.assigned", "repair_ticket.accepted", "repair_ticket.arrived"]);
}

#[test]
fn nothing_is_skipped_while_many_commit_at_once() {
    let server = shared();
    let manager = server.staff("manager");
    let cursor = end(&manager, "&types=repair_ticket.submitted");
    let repair = Repair::new(server);
    let done = AtomicBool::new(false);
    let (reported, followed) = std::thread::scope(|scope| {
        // Somebody follows from the first to the last, faster than events can be placed.
        let follower = scope.spawn(|| {
            let (mut cursor, mut seen) = (cursor.clone(), Vec::new());
            let mut rounds_after = 0;
            while rounds_after < 2 {
                let over = done.load(Ordering::SeqCst);
                let page = manager.get(&format!("/events?types=repair_ticket.submitted&limit=3&cursor={cursor}")).expect(200);
                cursor = string(&page, "next_cursor");
                let new = items(&page);
                // Over when everything has been said and two looks in a row find nothing more to place.
                rounds_after = if over && new.is_empty() && settled(server) { rounds_after + 1 } else { 0 };
                seen.extend(new.iter().map(|event| string(&event["subject"], "id")));
            }
            seen
        });
        let reported = at_once(8, |_| (0..6).map(|_| string(&repair.report(), "id")).collect::<Vec<_>>());
        done.store(true, Ordering::SeqCst);
        (reported.concat(), follower.join().expect("the follower"))
    });
    let (reported, once): (BTreeSet<String>, BTreeSet<String>) = (reported.into_iter().collect(), followed.iter().cloned().collect());
    assert_eq!(reported.difference(&once).count(), 0, "none is missing");
    assert_eq!(once.len(), followed.len(), "and none came twice");
}

/// Whether everything that had happened when this was called has been placed by now.
fn settled(server: &Server) -> bool {
    let manager = server.staff("manager");
    let start = end(&manager, "&types=repair_category.*");
    let code = Repair::new(server).category(jiazai_tests::CategoryDraft::new("assign"));
    eventually("a marker arrives", 30, || {
        let page = manager.get(&format!("/events?types=repair_category.*&limit=100&cursor={start}")).expect(200);
        items(&page).iter().any(|event| string(&event["subject"], "id").ends_with(&code)).then_some(())
    });
    true
}

#[test]
fn since_begins_at_an_instant() {
    let server = shared();
    let manager = server.staff("manager");
    let repair = Repair::new(server);
    let first = repair.report();
    let from = string(&first, "created_at");
    let second = string(&repair.report(), "id");
    let page = eventually("both arrive", 30, || {
        let page = manager.get(&format!("/events?since={from}&types=repair_ticket.submitted&limit=100")).expect(200);
        items(&page).iter().any(|event| event["subject"]["id"] == second.as_str()).then_some(page)
    });
    assert!(items(&page).iter().all(|event| string(event, "occurred_at") >= from), "{page}");
    assert!(items(&page).iter().any(|event| event["subject"]["id"] == first["id"]));
    let later = manager.get("/events?since=2999-01-01T00:00:00Z").expect(200);
    assert!(items(&later).is_empty() && later["next_cursor"].is_string());
}

#[test]
fn a_cursor_is_bound_to_its_filters_and_wrong_filters_are_refused() {
    let manager = shared().staff("manager");
    let cursor = string(&manager.get("/events?types=repair_ticket.*").expect(200), "next_cursor");
    manager.get(&format!("/events?types=*&cursor={cursor}")).refuse(400, "cursor_invalid");
    manager.get(&format!("/events?types=repair_ticket.*&cursor={cursor}x")).refuse(400, "cursor_invalid");
    for query in ["types=repair_ticket.submited", "types=,", "since=yesterday", "community_id=tkt_1", "limit=0", "kinds=*"] {
        manager.get(&format!("/events?{query}")).refuse(400, "query_invalid");
    }
}

#[test]
fn everybody_hears_of_what_they_may_see_and_of_nothing_else() {
    let server = shared();
    let dispatcher = server.staff("dispatcher");
    let page = dispatcher.get("/events?limit=100").expect(200);
    assert!(items(&page).iter().all(|event| string(event, "type").starts_with("repair_")), "{page}");
    dispatcher.get("/events?types=person.*").refuse(403, "forbidden");
    for who in ["worker1", "grid1", "reviewer1"] {
        server.staff(who).get("/events").refuse(403, "forbidden");
    }
    server.resident().get("/events").refuse(403, "forbidden");
    server.anon().get("/events").refuse(401, "unauthenticated");
    let foreigner = server.staff("admin").hire("community_admin", server.other_community());
    foreigner.get(&format!("/events?community_id={}", server.community())).refuse(404, "not_found");
    let own = foreigner.get("/events?limit=100").expect(200);
    assert!(items(&own).iter().all(|event| event["community_id"] == server.other_community()), "{own}");
    server.staff("auditor").get("/events?types=*").expect(200);
}

#[test]
fn a_key_follows_with_its_scope_and_people_only_with_theirs() {
    let server = shared();
    key(server, &["repair:read"]).get("/events").refuse(403, "forbidden");
    let partner = key(server, &["events:read"]);
    let ticket = string(&Repair::new(server).report(), "id");
    let mut cursor = String::new();
    eventually("the ticket arrives", 30, || {
        let page = partner.get(&format!("/events?limit=100{cursor}")).expect(200);
        cursor = format!("&cursor={}", string(&page, "next_cursor"));
        let found = items(&page);
        assert!(found.iter().all(|event| !["person", "people", "tag", "api_key"].contains(&event["subject"]["type"].as_str().unwrap())));
        found.iter().any(|event| event["subject"]["id"] == ticket.as_str()).then_some(())
    });
    partner.get("/events?types=person.*").refuse(403, "forbidden");
    key(server, &["events:read", "people:read"]).get("/events?types=person.*").expect(200);
}

#[test]
fn making_and_revoking_a_key_leaves_events_for_administrators() {
    let server = shared();
    let manager = server.staff("manager");
    let start = end(&manager, "&types=api_key.*");
    let body = json!({ "name": unique("屏"), "scopes": ["repair:read"], "community_id": server.community() });
    let made = manager.post("/api-keys", body).expect(201);
    manager.delete(&format!("/api-keys/{}", string(&made, "id"))).expect(204);
    let kinds = eventually("both arrive", 30, || {
        let page = manager.get(&format!("/events?types=api_key.*&limit=100&cursor={start}")).expect(200);
        let own: Vec<String> =
            items(&page).iter().filter(|event| event["subject"]["id"] == made["id"]).map(|event| string(event, "type")).collect();
        (own.len() == 2).then_some(own)
    });
    assert_eq!(kinds, ["api_key.created", "api_key.revoked"]);
}

#[test]
fn every_kind_of_event_that_the_domain_knows_is_in_the_catalogue() {
    let served = shared().anon().get("/meta/event-types").expect(200);
    let known: BTreeSet<String> = items(&served).iter().map(|kind| string(kind, "type")).collect();
    let mut missing = Vec::new();
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if name != "tests" {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                let source = std::fs::read_to_string(&path).expect("a source file");
                let source = source.split("#[cfg(test)]").next().unwrap_or_default();
                let quoted = source.split('"').skip(1).step_by(2);
                let kind = |word: &&str| {
                    let parts: Vec<&str> = word.split('.').collect();
                    let plain = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                    parts.len() == 2 && parts.iter().all(plain) && !["rs", "json", "csv", "txt", "test"].contains(&parts[1])
                };
                missing.extend(quoted.filter(kind).filter(|word| !known.contains(*word)).map(|word| format!("{name}: {word}")));
            }
        }
    }
    assert!(missing.is_empty(), "add them to domain::feed: {missing:#?}");
}

#[test]
fn a_feed_has_no_end_and_cannot_be_taken_whole() {
    let manager = shared().staff("manager");
    manager.get("/events.csv").refuse(404, "not_found");
    let asked = manager.get("/events").header("Accept", "text/csv").send().expect(200);
    assert_eq!(asked.content_type(), "application/json");
}
