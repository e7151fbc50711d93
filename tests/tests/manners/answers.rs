//! Request ids, caching, identity, and lists.

use jiazai_tests::{Client, Repair, json, raw, shared, unique};

// ---- request ids and caching ---------------------------------------------------------------------------------------

#[test]
fn a_request_id_is_echoed() {
    let id = unique("trace-");
    assert_eq!(shared().anon().plain("GET", "/livez").header("X-Request-Id", &id).send().must("x-request-id"), id);
    let problem = shared().anon().get("/nothing").header("X-Request-Id", &id).send();
    assert_eq!(problem.json["request_id"], id.as_str());
}

#[test]
fn an_invalid_request_id_is_replaced() {
    let long = "x".repeat(1000);
    for bad in ["", "two words", "a\"b", "<script>", "a;b,c{}", long.as_str()] {
        let reply = shared().anon().plain("GET", "/livez").header("X-Request-Id", bad).send().expect(200);
        assert_ne!(reply.must("x-request-id"), bad);
    }
    let one = shared().anon().plain("GET", "/livez").send();
    let two = shared().anon().plain("GET", "/livez").send();
    assert_ne!(one.must("x-request-id"), two.must("x-request-id"));
}

#[test]
fn anything_personal_is_not_stored_by_caches() {
    let repair = Repair::new(shared());
    let ticket = repair.report();
    for path in ["/me".to_owned(), "/repair-tickets".to_owned(), format!("/repair-tickets/{}", ticket["id"].as_str().unwrap())] {
        let reply = repair.reporter.get(&path).send().expect(200);
        assert!(reply.must("cache-control").contains("no-store"), "{path}");
    }
    let log_in = shared().anon().post("/auth/staff/login", json!({"username": "worker1", "password": "jiazai-demo"})).send().expect(200);
    assert!(log_in.must("cache-control").contains("no-store"));
}

// ---- identity ------------------------------------------------------------------------------------------------------

#[test]
fn what_wrappers_send_when_logged_out_counts_as_no_identity() {
    for value in ["", "Bearer", "Bearer ", "Bearer undefined", "Bearer null", "bearer null"] {
        // A public operation goes on as for nobody, and a private one asks for an identity, not for a better one.
        shared().bearer(value).get("/meta/state-machines").send().expect(200);
        let problem = shared().bearer(value).get("/me").send().expect(401).json;
        let nobody = shared().anon().get("/me").send().expect(401).json;
        assert_eq!(problem["code"], nobody["code"], "{value:?}");
    }
}

#[test]
fn a_bad_identity_is_401_and_not_nobody() {
    let nobody = shared().anon().get("/me").send().expect(401).json;
    for value in ["Bearer x", "Bearer a.b.c", "Basic YTpi", "Bearer jz_live_nonsense", "Bearer undefined undefined", "Token abc"] {
        let reply = shared().bearer(value).get("/me").send().expect(401);
        assert!(reply.must("www-authenticate").starts_with("Bearer"), "{value}");
        assert_ne!(reply.json["code"], nobody["code"], "{value}");
    }
}

#[test]
fn identity_is_settled_before_the_body_is_read() {
    let anon = shared().anon();
    anon.call("POST", "/repair-tickets").bytes("application/json", b"{".to_vec()).send().expect(401);
    anon.call("POST", "/repair-tickets").bytes("text/plain", b"x".to_vec()).send().expect(401);
    anon.post("/repair-tickets", json!({"nonsense": 1})).send().expect(401);
    let large = b"POST /api/v1/repair-tickets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n{";
    assert_eq!(raw(shared(), large).status, 401);
}

// ---- lists ---------------------------------------------------------------------------------------------------------

#[test]
fn a_limit_out_of_range_is_refused_and_not_clamped() {
    let dispatcher = shared().staff("dispatcher");
    for bad in ["0", "101", "-1", "abc", "1e3", "99999999999999999999"] {
        dispatcher.get(&format!("/repair-tickets?limit={bad}")).refuse(400, "query_invalid");
    }
    for good in [1, 100] {
        dispatcher.get(&format!("/repair-tickets?limit={good}")).expect(200);
    }
}

#[test]
fn a_filter_out_of_range_is_query_invalid() {
    let dispatcher = shared().staff("dispatcher");
    for bad in ["state=nonsense", "overdue=perhaps", "assignee=you", "community_id=x", "colour=red", "limit=1&limit=2"] {
        dispatcher.get(&format!("/repair-tickets?{bad}")).refuse(400, "query_invalid");
    }
}

#[test]
fn pages_cover_the_list_once_newest_first() {
    let repair = Repair::new(shared());
    let mut made: Vec<String> = (0..7).map(|_| repair.report()["id"].as_str().unwrap().to_owned()).collect();
    made.reverse();
    let (mut seen, mut path) = (Vec::new(), "/repair-tickets?limit=3".to_owned());
    loop {
        let reply = repair.reporter.get(&path).send().expect(200);
        let items = reply.json["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        seen.extend(items.iter().map(|ticket| ticket["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = reply.json["next_cursor"].as_str() else {
            assert_eq!(reply.header("link"), None, "the last page has no next");
            break;
        };
        assert!(reply.must("link").contains("rel=\"next\"") && reply.must("link").contains(cursor), "{:?}", reply.header("link"));
        path = format!("/repair-tickets?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, made);
}

#[test]
fn the_link_to_the_next_page_works_as_it_stands() {
    let repair = Repair::new(shared());
    let made: Vec<String> = (0..3).map(|_| repair.report()["id"].as_str().unwrap().to_owned()).collect();
    let reply = repair.reporter.get("/repair-tickets?limit=2&state=submitted").send().expect(200);
    let link = reply.must("link").split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(uri, _)| uri.to_owned()).unwrap();
    let path = link.find("/api/v1").map_or(link.as_str(), |at| &link[at..]);
    let next = repair.reporter.plain("GET", path).expect(200);
    assert_eq!(next["items"][0]["id"], made[0].as_str());
}

#[test]
fn a_cursor_that_we_did_not_give_is_refused() {
    let repair = Repair::new(shared());
    for _ in 0..3 {
        repair.report();
    }
    let page = repair.reporter.get("/repair-tickets?limit=1&state=submitted").expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let mut forged: Vec<char> = cursor.chars().collect();
    let middle = forged.len() / 2;
    forged[middle] = if forged[middle] == 'A' { 'B' } else { 'A' };
    let forged: String = forged.into_iter().collect();
    for bad in ["x", "%00", forged.as_str(), &cursor[..cursor.len() - 2]] {
        repair.reporter.get(&format!("/repair-tickets?limit=1&state=submitted&cursor={bad}")).refuse(400, "cursor_invalid");
    }
    // Bound to the filters that it was made for.
    repair.reporter.get(&format!("/repair-tickets?limit=1&state=closed&cursor={cursor}")).refuse(400, "cursor_invalid");
    repair.reporter.get(&format!("/repair-tickets?limit=1&cursor={cursor}")).refuse(400, "cursor_invalid");
    // The size of a page is no filter.
    repair.reporter.get(&format!("/repair-tickets?limit=2&state=submitted&cursor={cursor}")).expect(200);
}
