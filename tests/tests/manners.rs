//! The manners of the API: what holds for every operation, whatever it is about.

use jiazai_tests::{Client, Options, Repair, Reply, Server, at_once, json, raw, shared, unique};

fn codes(problem: &jiazai_tests::Value) -> Vec<(String, String)> {
    let text = |v: &jiazai_tests::Value| v.as_str().unwrap_or_default().to_owned();
    problem["errors"].as_array().into_iter().flatten().map(|e| (text(&e["pointer"]), text(&e["code"]))).collect()
}

fn has_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

// ---- problem documents on everything that is not a success --------------------------------------------------------

#[test]
fn an_unknown_path_is_404_with_a_problem_document() {
    for path in ["/nothing", "/repair-tickets/x/y/z", ""] {
        let reply = shared().anon().get(path).send().expect(404);
        assert_eq!(reply.content_type(), "application/problem+json", "{path}");
    }
    shared().anon().plain("GET", "/nothing").send().expect(404);
    shared().anon().plain("GET", "/docs/nothing.js").send().expect(404);
}

#[test]
fn a_method_that_a_path_does_not_have_is_405_with_allow() {
    let reply = shared().staff("dispatcher").call("PATCH", "/repair-tickets").send().expect(405);
    let allow: Vec<&str> = reply.must("allow").split(',').map(str::trim).collect();
    assert!(allow.contains(&"GET") && allow.contains(&"POST") && !allow.contains(&"PATCH"), "{allow:?}");
    shared().anon().call("DELETE", "/auth/staff/login").send().expect(405);
    shared().anon().plain("POST", "/livez").send().expect(405);
}

#[test]
fn no_operation_is_documented_for_patch() {
    assert!(shared().document().operations().iter().all(|operation| operation.method != "PATCH"));
}

#[test]
fn a_body_that_is_too_large_is_413_before_it_is_read() {
    let token = shared().staff("dispatcher").authorization().unwrap();
    let head = format!(
        "POST /api/v1/repair-tickets HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n{{"
    );
    let reply = raw(shared(), head.as_bytes());
    assert_eq!((reply.status, reply.content_type()), (413, "application/problem+json"), "{}", reply.describe());
}

#[test]
fn the_head_of_what_can_be_read_is_read_without_its_body() {
    let repair = Repair::new(shared());
    let ticket = format!("/api/v1/repair-tickets/{}", repair.report()["id"].as_str().unwrap());
    for path in ["/livez", "/openapi.json", "/api/v1/me", "/api/v1/repair-tickets?limit=1", ticket.as_str(), "/api/v1/nothing"] {
        let whole = repair.reporter.plain("GET", path).send();
        let head = repair.reporter.plain("HEAD", path).transmit();
        assert_eq!((head.status, head.body.len()), (whole.status, 0), "{path}");
        for name in ["content-type", "content-length", "etag", "cache-control", "link"] {
            assert_eq!(head.header(name), whole.header(name), "{path}: {name}");
        }
    }
    assert_eq!(shared().anon().plain("HEAD", "/api/v1/me").transmit().status, 401);
    let post_only = shared().anon().plain("HEAD", "/api/v1/auth/staff/login").transmit();
    assert_eq!((post_only.status, post_only.must("allow")), (405, "POST"));
}

#[test]
fn a_parameter_is_given_once() {
    let dispatcher = shared().staff("dispatcher");
    for twice in ["limit=1&limit=1", "state=submitted&state=closed", "cursor=a&cursor=b"] {
        dispatcher.get(&format!("/repair-tickets?{twice}")).refuse(400, "query_invalid");
    }
    for broken in ["%ff=1", "limit=%ff", "limit=%00", "=1", "&&&limit=0"] {
        dispatcher.get(&format!("/repair-tickets?{broken}")).refuse(400, "query_invalid");
    }
}

#[test]
fn a_nest_of_brackets_is_refused_as_quickly_as_anything() {
    let someone = shared().resident();
    someone.id();
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[[[{\"a\":[", "]}]]]")] {
        for depth in [100, 1_000, 20_000] {
            let mut body = open.repeat(depth);
            body.push('1');
            body.push_str(&close.repeat(depth));
            body.truncate(250_000);
            let reply = someone.call("POST", "/repair-tickets").bytes("application/json", body.into_bytes()).send();
            assert!(matches!(reply.status, 400 | 422), "{open} {depth}: {}", reply.describe());
        }
    }
    shared().anon().plain("GET", "/livez").send().expect(200);
}

#[test]
fn headers_without_end_are_refused_and_harm_nobody() {
    let many: String = (0..2000).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "y".repeat(400_000));
    let line = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(400_000));
    for request in [format!("GET /livez HTTP/1.1\r\nHost: x\r\n{many}\r\n"), format!("GET /livez HTTP/1.1\r\nHost: x\r\n{long}\r\n"), line]
    {
        let reply = raw(shared(), request.as_bytes());
        assert!(matches!(reply.status, 400 | 414 | 431), "{}", reply.status);
    }
    for nonsense in
        ["\r\n\r\n\0\0\r\n\r\n", "GET\r\n\r\n", "GET /livez HTTP/9.9\r\n\r\n", "GET /livez HTTP/1.1\r\nContent-Length: -1\r\n\r\n"]
    {
        assert_eq!(raw(shared(), nonsense.as_bytes()).status, 400, "{nonsense:?}");
    }
    // Two lengths, or a length and chunks: the way to smuggle a second request past a proxy.
    for lengths in ["Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"] {
        let request = format!("POST /api/v1/auth/staff/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{lengths}\r\n{{}}");
        assert_eq!(raw(shared(), request.as_bytes()).status, 400, "{lengths:?}");
    }
    shared().anon().plain("GET", "/livez").send().expect(200);
}

#[test]
fn whoever_sends_a_body_slowly_holds_nobody_up_and_is_told_so() {
    use std::io::{Read, Write};
    let token = shared().resident().authorization().unwrap();
    let head = format!(
        "POST /api/v1/repair-tickets HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    let mut slow: Vec<std::net::TcpStream> = (0..200)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(shared().address()).expect("the server listens");
            stream.write_all(head.as_bytes()).expect("the server reads");
            stream
        })
        .collect();
    let started = std::time::Instant::now();
    Repair::new(shared()).report();
    assert!(started.elapsed().as_secs() < 10, "others waited {:?}", started.elapsed());
    let last = slow.last_mut().unwrap();
    last.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let mut answer = Vec::new();
    let _ = last.read_to_end(&mut answer);
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_body_of_another_type_is_415() {
    let someone = shared().resident();
    for kind in ["text/plain", "application/xml", "application/x-www-form-urlencoded"] {
        someone.call("POST", "/repair-tickets").bytes(kind, b"{}".to_vec()).send().expect(415);
    }
    someone.call("POST", "/repair-tickets").bytes("application/json; charset=utf-8", b"{}".to_vec()).send().expect(422);
}

#[test]
fn a_body_that_is_no_json_is_400() {
    let someone = shared().resident();
    for body in [&b"{"[..], b"{\"a\":}", b"\xff\xfe", b"{} {}", b"nonsense"] {
        someone.call("POST", "/repair-tickets").bytes("application/json", body.to_vec()).send().expect(400);
    }
    let deep = [b"[".repeat(20_000), b"]".repeat(20_000)].concat();
    let reply = someone.call("POST", "/repair-tickets").bytes("application/json", deep).send();
    assert!(matches!(reply.status, 400 | 422), "{}", reply.describe());
}

#[test]
fn a_body_of_another_shape_is_refused_and_never_500() {
    let someone = shared().resident();
    for body in
        [json!([]), json!("text"), json!(1), json!(null), json!({"title": {"a": 1}}), json!({"photos": "x"}), json!({"community_id": 7})]
    {
        let reply = someone.post("/repair-tickets", body.clone()).send();
        assert!(matches!(reply.status, 400 | 422), "{body}: {}", reply.describe());
    }
}

#[test]
fn an_unknown_field_is_422_and_named_by_its_pointer() {
    let repair = Repair::new(shared());
    let mut draft = repair.draft();
    draft["colour"] = json!("red");
    let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
    assert!(codes(&problem).contains(&("/colour".into(), "unknown_field".into())), "{problem}");
}

#[test]
fn all_faults_are_reported_at_once() {
    let repair = Repair::new(shared());
    let mut draft = repair.draft();
    draft["title"] = json!("");
    draft["community_id"] = json!("not-an-id");
    draft["extra"] = json!(1);
    draft.as_object_mut().unwrap().remove("category");
    let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
    let places: Vec<String> = codes(&problem).into_iter().map(|(pointer, _)| pointer).collect();
    for place in ["/title", "/community_id", "/extra", "/category"] {
        assert!(places.iter().any(|p| p == place), "no {place} in {problem}");
    }
}

#[test]
fn faults_that_only_the_data_knows_are_reported_at_once_too() {
    let repair = Repair::new(shared());
    let mut draft = repair.draft();
    draft["category"] = json!("no_such_category");
    draft["photos"] = json!(["fil_01h455vb4pex5vsknk084sn02q"]);
    draft["affected_homes"] = json!(["hom_01h455vb4pex5vsknk084sn02q"]);
    draft["appointment"] = json!({ "from": "2020-01-01T00:00:00Z", "to": "2020-01-01T01:00:00Z" });
    let problem = repair.reporter.post("/repair-tickets", draft).send().expect(422).json;
    let places: Vec<String> = codes(&problem).into_iter().map(|(pointer, _)| pointer).collect();
    for place in ["/category", "/photos/0", "/affected_homes/0", "/appointment/from"] {
        assert!(places.iter().any(|p| p == place), "no {place} in {problem}");
    }
    let staff = json!({ "username": "a b", "display_name": "某人", "password": "password",
        "roles": [{ "role": "repair_worker", "community_id": "com_01h455vb4pex5vsknk084sn02q" }] });
    let problem = shared().staff("admin").post("/staff", staff).send().expect(422).json;
    let places: Vec<String> = codes(&problem).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(places, ["/username", "/password", "/roles/0/community_id"], "{problem}");
}

#[test]
fn a_malformed_or_foreign_typed_id_in_a_path_is_404() {
    let dispatcher = shared().staff("dispatcher");
    for id in [
        "x",
        "1",
        "usr_01h455vb4pex5vsknk084sn02q",
        "tkt_01h455vb4pex5vsknk084sn02q",
        "tkt_",
        "tkt_01H455VB4PEX5VSKNK084SN02Q",
        "%00",
        "..%2f..%2fme",
        "💧",
    ] {
        let id = id.replace('💧', "%F0%9F%92%A7");
        dispatcher.get(&format!("/repair-tickets/{id}")).send().expect(404);
    }
}

#[test]
fn a_malformed_id_in_a_body_is_422_at_its_place() {
    let repair = Repair::new(shared());
    let ticket = repair.report();
    let path = format!("/repair-tickets/{}/assign", ticket["id"].as_str().unwrap());
    for id in ["x", "tkt_01h455vb4pex5vsknk084sn02q", ""] {
        let problem = repair.dispatcher.post(&path, json!({ "worker_id": id })).send().expect(422).json;
        assert_eq!(codes(&problem)[0].0, "/worker_id", "{problem}");
    }
}

#[test]
fn details_are_chinese_unless_english_is_asked_for() {
    let anon = shared().anon();
    let detail = |reply: Reply| reply.json["detail"].as_str().unwrap().to_owned();
    assert!(has_chinese(&detail(anon.get("/nothing").send())));
    assert!(has_chinese(&detail(anon.get("/nothing").header("Accept-Language", "zh-CN,zh;q=0.9,en;q=0.8").send())));
    assert!(has_chinese(&detail(anon.get("/nothing").header("Accept-Language", "fr").send())));
    for english in ["en", "en-GB,en;q=0.9", "EN-us"] {
        let reply = anon.get("/nothing").header("Accept-Language", english).send();
        assert!(!has_chinese(&detail(reply.clone())), "{english}: {}", reply.describe());
    }
    // The heavier weight wins; none, nonsense and a tie are Chinese.
    for (wanted, chinese) in [
        ("en;q=0.3, zh;q=0.9", true),
        ("zh-TW;q=0.2,en-US;q=0.8", false),
        ("fr, en;q=0.1", false),
        ("en;q=0", true),
        ("*", true),
        ("en;q=0.5,zh;q=0.5", true),
        ("english please", true),
        (";;,,q=", true),
    ] {
        let reply = anon.get("/nothing").header("Accept-Language", wanted).send();
        assert_eq!(has_chinese(&detail(reply)), chinese, "{wanted}");
    }
    // Every fault's sentence too, not only the headline.
    let problem = anon.post("/auth/staff/login", json!({})).header("Accept-Language", "en").send().expect(422).json;
    assert!(problem["errors"].as_array().unwrap().iter().all(|e| !has_chinese(e["detail"].as_str().unwrap())), "{problem}");
}

// ---- request ids and caching --------------------------------------------------------------------------------------

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

// ---- identity -----------------------------------------------------------------------------------------------------

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

// ---- lists --------------------------------------------------------------------------------------------------------

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

// ---- concurrency --------------------------------------------------------------------------------------------------

#[test]
fn what_has_not_changed_is_304() {
    let repair = Repair::new(shared());
    let ticket = repair.report();
    let path = format!("/repair-tickets/{}", ticket["id"].as_str().unwrap());
    let first = repair.reporter.get(&path).send().expect(200);
    let etag = first.must("etag").to_owned();
    assert_eq!(etag, format!("\"{}\"", ticket["version"]));
    for value in [etag.clone(), format!("\"0\", {etag}"), "*".into(), format!("W/{etag}")] {
        let same = repair.reporter.get(&path).header("If-None-Match", &value).send().expect(304);
        assert!(same.body.is_empty());
        assert_eq!(same.must("etag"), etag);
    }
    repair.reporter.get(&path).header("If-None-Match", "\"0\"").expect(200);
    repair.do_rightly(&ticket, "assign");
    let changed = repair.reporter.get(&path).header("If-None-Match", &etag).send().expect(200);
    assert_ne!(changed.must("etag"), etag);
}

#[test]
fn an_action_on_a_stale_version_is_412() {
    let repair = Repair::new(shared());
    let ticket = repair.report();
    let path = format!("/repair-tickets/{}/assign", ticket["id"].as_str().unwrap());
    repair.dispatcher.post(&path, repair.right_body("assign")).header("If-Match", "\"999\"").send().expect(412);
    let current = format!("\"{}\"", ticket["version"]);
    let done = repair.dispatcher.post(&path, repair.right_body("assign")).header("If-Match", &current).send().expect(200);
    assert_eq!(done.must("etag"), format!("\"{}\"", done.json["version"]));
}

#[test]
fn replacing_what_exists_without_saying_which_version_is_428() {
    let repair = Repair::new(shared());
    let code = repair.category(jiazai_tests::CategoryDraft::new("assign"));
    let path = format!("/repair-categories/{code}?community_id={}", repair.community);
    let manager = shared().staff("manager");
    let body = jiazai_tests::CategoryDraft::new("assign").with("name", json!("新名")).0;
    manager.put(&path, body.clone()).send().expect(428);
    manager.put(&path, body.clone()).header("If-Match", "\"999\"").send().expect(412);
    let version = repair.categories().iter().find(|c| c["code"] == code.as_str()).unwrap()["version"].clone();
    let changed = manager.put(&path, body).header("If-Match", &format!("\"{version}\"")).expect(200);
    assert_eq!(changed["name"], "新名");
}

#[test]
fn changing_ones_own_profile_needs_no_version() {
    let me = shared().resident();
    let changed = me.put("/me", json!({ "nickname": "小李" })).expect(200);
    assert_eq!(changed["display_name"], "小李");
}

// ---- retries ------------------------------------------------------------------------------------------------------

#[test]
fn a_keyed_post_is_done_once_and_answered_again() {
    let repair = Repair::new(shared());
    let (key, draft) = (unique("key-"), repair.draft());
    let first = repair.reporter.post("/repair-tickets", draft.clone()).header("Idempotency-Key", &key).send().expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    // Bare or quoted, it is the same key.
    for key in [key.clone(), format!("\"{key}\"")] {
        let again = repair.reporter.post("/repair-tickets", draft.clone()).header("Idempotency-Key", &key).send().expect(201);
        assert_eq!(again.must("idempotency-replayed"), "true");
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("location"), first.header("location"));
    }
    assert_eq!(repair.reporter.get("/repair-tickets").expect(200)["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_key_belongs_to_one_body() {
    let repair = Repair::new(shared());
    let key = unique("key-");
    repair.reporter.post("/repair-tickets", repair.draft()).header("Idempotency-Key", &key).expect(201);
    let mut other = repair.draft();
    other["title"] = json!("另一件事");
    repair.reporter.post("/repair-tickets", other).header("Idempotency-Key", &key).refuse(422, "idempotency_mismatch");
}

#[test]
fn a_key_belongs_to_one_caller_and_one_operation() {
    let (one, two) = (Repair::new(shared()), Repair::new(shared()));
    let (key, draft) = (unique("key-"), one.draft());
    let mine = one.reporter.post("/repair-tickets", draft.clone()).header("Idempotency-Key", &key).expect(201);
    let yours = two.reporter.post("/repair-tickets", draft).header("Idempotency-Key", &key).send().expect(201);
    assert_ne!(yours.json["id"], mine["id"]);
    assert_eq!(yours.header("idempotency-replayed"), None);
    let cancel = format!("/repair-tickets/{}/cancel", mine["id"].as_str().unwrap());
    one.reporter.post(&cancel, one.right_body("cancel")).header("Idempotency-Key", &key).expect(200);
}

#[test]
fn a_refused_post_leaves_its_key_free_or_answers_alike() {
    let repair = Repair::new(shared());
    let key = unique("key-");
    let mut wrong = repair.draft();
    wrong["title"] = json!("");
    let first = repair.reporter.post("/repair-tickets", wrong.clone()).header("Idempotency-Key", &key).send().expect(422);
    let again = repair.reporter.post("/repair-tickets", wrong).header("Idempotency-Key", &key).send().expect(422);
    assert_eq!(first.json["code"], again.json["code"]);
    assert_eq!(repair.reporter.get("/repair-tickets").expect(200)["items"], json!([]));
}

#[test]
fn a_refused_log_in_is_decided_again_under_its_key() {
    let server = shared();
    let name = server.staff("admin").hire("dispatcher", server.community()).username;
    let stranger = server.anon();
    let attempt = |password: &str| {
        let body = json!({ "username": name, "password": password });
        stranger.post("/auth/staff/login", body).header("Idempotency-Key", "log-in-1")
    };
    for _ in 0..2 {
        attempt("not-the-password").refuse(401, "credentials_invalid");
    }
    attempt(jiazai_tests::PASSWORD).expect(200);
}

#[test]
fn strangers_may_choose_the_same_key() {
    let server = shared();
    let log_in = || {
        let (code, openid) = server.sim().login_code(None);
        let body = json!({ "code": code });
        let reply = server.anon().post("/auth/wechat/login", body).header("Idempotency-Key", "1").expect(200);
        (openid, reply["principal"]["id"].clone())
    };
    let ((_, one), (_, two)) = (log_in(), log_in());
    assert_ne!(one, two, "each was let in as themselves");
}

#[test]
fn a_refresh_that_is_repeated_with_its_key_gets_the_same_answer() {
    let session = shared().resident().log_in();
    let body = json!({ "refresh_token": session["refresh_token"] });
    let refresh = || shared().anon().post("/auth/refresh", body.clone()).header("Idempotency-Key", "again").send().expect(200).json;
    assert_eq!(refresh()["access_token"], refresh()["access_token"]);
}

#[test]
fn twenty_parallel_submits_with_one_key_make_one_ticket() {
    let repair = Repair::new(shared());
    let (key, draft) = (unique("key-"), repair.draft());
    repair.reporter.id();
    let replies = at_once(20, |_| repair.reporter.post("/repair-tickets", draft.clone()).header("Idempotency-Key", &key).send());
    let mut ids: Vec<&str> = Vec::new();
    for reply in &replies {
        match reply.status {
            201 => ids.push(reply.json["id"].as_str().unwrap()),
            409 => assert_eq!(reply.json["code"], "idempotency_in_flight"),
            _ => panic!("{}", reply.describe()),
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "one ticket, and all answers name it");
    assert_eq!(repair.reporter.get("/repair-tickets").expect(200)["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_key_is_between_one_and_255_characters() {
    let repair = Repair::new(shared());
    for bad in ["", "\"\"", &"k".repeat(256)] {
        let reply = repair.reporter.post("/repair-tickets", repair.draft()).header("Idempotency-Key", bad).send();
        assert!(matches!(reply.status, 400 | 422), "{bad:?}: {}", reply.describe());
    }
    repair.reporter.post("/repair-tickets", repair.draft()).header("Idempotency-Key", &"k".repeat(255)).expect(201);
}

#[test]
fn creation_says_where_the_new_thing_is() {
    let repair = Repair::new(shared());
    let reply = repair.reporter.post("/repair-tickets", repair.draft()).send().expect(201);
    let location = reply.must("location");
    let path = location.find("/api/v1").map_or(location, |at| &location[at..]).to_owned();
    assert_eq!(repair.reporter.plain("GET", &path).expect(200)["id"], reply.json["id"]);
}

// ---- limits -------------------------------------------------------------------------------------------------------

#[test]
fn request_limits_are_announced_and_then_enforced() {
    // As configured by default, which must be too little for a thousand log-in attempts by one caller in a row.
    let server = Server::start(Options::default().limited());
    let ask = || server.anon().post("/auth/wechat/login", json!({ "code": "no-such-code" })).send();
    let first = ask();
    assert!(
        first.must("ratelimit-policy").contains("q=") && first.must("ratelimit").contains("r="),
        "{:?} {:?}",
        first.header("ratelimit-policy"),
        first.header("ratelimit")
    );
    let refused = (0..1000).map(|_| ask()).find(|reply| reply.status == 429).expect("a limit");
    assert_eq!(refused.json["code"], "rate_limited");
    let wait: u64 = refused.must("retry-after").parse().expect("seconds");
    assert!((1..=3600).contains(&wait), "{wait}");
    // The health of the server is nobody's quota.
    server.anon().plain("GET", "/livez").send().expect(200);
}
