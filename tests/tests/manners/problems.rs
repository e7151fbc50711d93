//! Problem documents on everything that is not a success.

use jiazai_tests::{Client, Repair, Reply, json, raw, shared};

fn codes(problem: &jiazai_tests::Value) -> Vec<(String, String)> {
    let text = |v: &jiazai_tests::Value| v.as_str().unwrap_or_default().to_owned();
    problem["errors"].as_array().into_iter().flatten().map(|e| (text(&e["pointer"]), text(&e["code"]))).collect()
}

fn has_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

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
