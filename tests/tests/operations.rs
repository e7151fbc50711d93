//! Running the server: its health, its end, its refusals to start, and what survives a crash.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use jiazai_tests::{Client, Options, Repair, Server, at_once, eventually, json, refused_start, run, shared, unique};

#[test]
fn health_is_plain_and_public() {
    shared().anon().plain("GET", "/livez").send().expect(200);
    shared().anon().plain("GET", "/readyz").send().expect(200);
}

#[test]
fn metrics_count_requests_by_route_pattern_and_not_by_path() {
    let repair = Repair::new(shared());
    let ticket = repair.report();
    let id = ticket["id"].as_str().unwrap();
    repair.reporter.get(&format!("/repair-tickets/{id}")).expect(200);
    let reply = shared().anon().plain("GET", "/metrics").send().expect(200);
    assert_eq!(reply.content_type(), "text/plain");
    let text = reply.text();
    assert!(text.contains("/api/v1/repair-tickets/{id}"), "{text}");
    assert!(!text.contains(id) && !text.contains(&repair.reporter.openid));
}

#[test]
fn the_document_is_served_as_json_and_as_yaml() {
    let json = shared().anon().plain("GET", "/openapi.json").send().expect(200).json;
    assert!(json["openapi"].as_str().unwrap().starts_with("3.1"), "{}", json["openapi"]);
    let yaml = shared().anon().plain("GET", "/openapi.yaml").send().expect(200).text();
    assert!(yaml.starts_with("openapi: 3.1") || yaml.starts_with("openapi: \"3.1") || yaml.starts_with("openapi: '3.1"), "{}", &yaml[..40]);
}

#[test]
fn every_operation_is_described_in_full() {
    let mut ids = std::collections::BTreeSet::new();
    for operation in shared().document().operations() {
        let at = format!("{} {}", operation.method, operation.path);
        assert!(ids.insert(&operation.id), "{at}: the operation id {} is taken", operation.id);
        let summary = operation.json["summary"].as_str().or(operation.json["description"].as_str());
        assert!(summary.is_some_and(|s| !s.is_empty()), "{at} has no summary");
        let responses = operation.json["responses"].as_object().unwrap_or_else(|| panic!("{at} has no responses"));
        assert!(responses.keys().any(|status| status.starts_with(['2', '3'])), "{at} has no success");
        let secured =
            operation.json["security"].as_array().is_some_and(|s| s.iter().any(|needs| needs.as_object().is_some_and(|n| !n.is_empty())));
        assert!(!secured || responses.contains_key("401"), "{at} asks for an identity, but has no 401");
        if let Some(created) = responses.get("201") {
            assert!(created["headers"]["Location"].is_object(), "{at}: 201 does not document Location");
        }
        if matches!(operation.method.as_str(), "POST" | "PUT") && operation.json["requestBody"]["content"]["application/json"].is_object() {
            assert!(responses.contains_key("422") && responses.contains_key("400"), "{at} reads JSON, but has no 400 or no 422");
        }
    }
}

#[test]
fn the_interactive_documentation_comes_from_the_binary_alone() {
    let mut page = shared().anon().plain("GET", "/docs").send();
    if (300..400).contains(&page.status) {
        let to = page.must("location").to_owned();
        page = shared().anon().plain("GET", &to).send();
    }
    let page = page.expect(200);
    assert_eq!(page.content_type(), "text/html");
    let html = page.text();
    let mut assets = 0;
    for part in html.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css")) {
        assert!(!part.starts_with("http") && !part.starts_with("//"), "{part} comes from elsewhere");
        let path = if part.starts_with('/') { part.to_owned() } else { format!("/docs/{}", part.trim_start_matches("./")) };
        let asset = shared().anon().plain("GET", &path).send().expect(200);
        assert!(!asset.body.is_empty());
        assets += 1;
    }
    assert!(assets >= 2, "a script and a style: {html}");
}

#[test]
fn openapi_check_agrees_with_the_committed_document() {
    // The test runs outside of the repository: what `--check` compares with is the caller's working directory.
    let printed = run(&["openapi"], &[], 20);
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.yaml")).expect("openapi.yaml is committed");
    assert_eq!(committed.trim_end(), printed.stdout.trim_end(), "run `cargo xtask openapi`");
}

#[test]
fn misuse_of_the_command_line_exits_2() {
    for words in [&["no-such-command"][..], &["serve", "--no-such-flag"], &["verify-draw"]] {
        assert_eq!(run(words, &[], 5).code, Some(2), "{words:?}");
    }
    let help = run(&["--help"], &[], 5);
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.contains("serve") && help.stdout.contains("migrate"), "{}", help.stdout);
}

// ---- the end ------------------------------------------------------------------------------------------------------

/// Sends a request whose body is slow, stops the server in the middle, and expects the request to be answered.
fn a_stop_lets_requests_finish(signal: &str) {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    let body = repair.draft().to_string();
    let (first, second) = body.as_bytes().split_at(20);
    let token = repair.reporter.authorization().unwrap();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "POST /api/v1/repair-tickets HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n", body.len()).unwrap();
    // The server says "go on" once the request is in its hands.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100 Continue"), "{}", String::from_utf8_lossy(&go_on));
    stream.write_all(first).unwrap();
    stream.flush().unwrap();
    server.signal(signal);
    eventually("the server takes no new callers", 10, || TcpStream::connect(server.address()).is_err().then_some(()));
    stream.write_all(second).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.wait(30).code(), Some(0));
    server.start_again();
    assert_eq!(repair.reporter.get("/repair-tickets").expect(200)["items"].as_array().unwrap().len(), 1);
}

#[test]
fn sigterm_lets_requests_in_flight_finish_and_exits_0() {
    a_stop_lets_requests_finish("TERM");
}

#[test]
fn sigint_lets_requests_in_flight_finish_and_exits_0() {
    a_stop_lets_requests_finish("INT");
}

// ---- crashes ------------------------------------------------------------------------------------------------------

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    repair.reporter.id();
    for round in 0..3 {
        let acknowledged = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    // Until the connection breaks.
                    while let Ok(reply) = repair.reporter.post("/repair-tickets", repair.draft()).try_transmit() {
                        if reply.status == 201 {
                            acknowledged.lock().unwrap().push(reply.json["id"].as_str().unwrap().to_owned());
                        }
                    }
                });
            }
            eventually("some tickets", 30, || (acknowledged.lock().unwrap().len() > 20 + round * 7).then_some(()));
            server.kill();
        });
        server.start_again();
        let acknowledged = acknowledged.into_inner().unwrap();
        let found = at_once(4, |n| {
            acknowledged.iter().skip(n).step_by(4).all(|id| repair.reporter.get(&format!("/repair-tickets/{id}")).send().status == 200)
        });
        assert!(found.iter().all(|all| *all), "a ticket that was acknowledged is gone");
    }
}

#[test]
fn sessions_survive_a_restart_of_the_demo() {
    let server = Server::start(Options::default());
    let session = server.resident().log_in();
    let token = format!("Bearer {}", session["access_token"].as_str().unwrap());
    server.signal("TERM");
    server.wait(30);
    server.start_again();
    assert_eq!(server.bearer(token).get("/me").expect(200)["id"], session["principal"]["id"]);
    server.anon().post("/auth/refresh", json!({ "refresh_token": session["refresh_token"] })).expect(200);
}

// ---- refused starts -----------------------------------------------------------------------------------------------

const KEY: &str = "6b6579206f662061206a69617a61692074657374206f6e6c792c206e6f206d6f";
const OTHER_KEY: &str = "8f3a1c5e7d9b2f4a6c8e0d1b3f5a7c9e2d4b6f8a0c1e3d5b7f9a2c4e6d8b0f1a";

#[track_caller]
fn is_named(named: &str, stderr: &str) {
    assert!(stderr.contains(named), "stderr should name {named}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn a_start_is_refused_when_the_configuration_makes_no_sense() {
    is_named("DATABASE_URL", &refused_start(&[], &[("DATABASE_URL", "mysql://localhost/x")]));
    is_named("DATABASE_URL", &refused_start(&[], &[("DATABASE_URL", "nonsense")]));
    is_named("JIAZAI_PROFILE", &refused_start(&[], &[("JIAZAI_PROFILE", "staging")]));
    is_named("JIAZAI_JWT_KEY", &refused_start(&[], &[("JIAZAI_JWT_KEY", "too-short")]));
    is_named("JIAZAI_DATA_KEY", &refused_start(&[], &[("JIAZAI_DATA_KEY", "zz")]));
    is_named("JIAZAI_LISTEN", &refused_start(&[], &[("JIAZAI_LISTEN", "nowhere")]));
    is_named("REDIS_URL", &refused_start(&[], &[("REDIS_URL", "http://127.0.0.1/")]));
}

#[test]
fn the_demo_listens_on_loopback_only() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        refused_start(&["--listen", address], &[]);
        refused_start(&[], &[("JIAZAI_LISTEN", address)]);
    }
    refused_start(&[], &[("WECHAT_SIMULATOR_LISTEN", "0.0.0.0:8081")]);
}

#[test]
fn a_taken_port_is_named() {
    let taken = shared().address();
    is_named(&taken, &refused_start(&["--listen", &taken], &[]));
}

#[test]
fn production_refuses_what_only_a_demo_may_have() {
    let whole = [
        ("JIAZAI_PROFILE", "production"),
        ("DATABASE_URL", ""),
        ("JIAZAI_JWT_KEY", KEY),
        ("JIAZAI_DATA_KEY", OTHER_KEY),
        ("WECHAT_APPID", "wx1234567890abcdef"),
        ("WECHAT_SECRET", "0123456789abcdef0123456789abcdef"),
        ("WECHAT_SIMULATOR_LISTEN", ""),
    ];
    let with = |name: &'static str, value: &'static str| -> Vec<(&str, &str)> {
        let mut env: Vec<(&str, &str)> = whole.into_iter().filter(|(other, _)| *other != name).collect();
        env.push((name, value));
        env
    };
    for key in ["JIAZAI_JWT_KEY", "JIAZAI_DATA_KEY", "WECHAT_APPID", "WECHAT_SECRET"] {
        is_named(key, &refused_start(&[], &with(key, "")));
    }
    is_named(
        "JIAZAI_JWT_KEY",
        &refused_start(&[], &with("JIAZAI_JWT_KEY", "0000000000000000000000000000000000000000000000000000000000000000")),
    );
    is_named("WECHAT_API_BASE", &refused_start(&[], &with("WECHAT_API_BASE", "http://127.0.0.1:8081")));
    is_named("JIAZAI_RATE_LIMIT", &refused_start(&[], &with("JIAZAI_RATE_LIMIT", "off")));
    is_named("WECHAT_SIMULATOR_LISTEN", &refused_start(&[], &with("WECHAT_SIMULATOR_LISTEN", "127.0.0.1:8081")));
    // One key for two purposes is no key.
    refused_start(&[], &with("JIAZAI_DATA_KEY", KEY));
}

#[test]
fn no_refusal_repeats_a_secret() {
    let secret = "s3cr3t-s3cr3t-s3cr3t";
    for stderr in [
        refused_start(&[], &[("JIAZAI_JWT_KEY", secret)]),
        refused_start(&[], &[("DATABASE_URL", "mysql://u:s3cr3t-s3cr3t-s3cr3t@localhost/x")]),
        refused_start(&[], &[("REDIS_URL", "http://:s3cr3t-s3cr3t-s3cr3t@127.0.0.1/")]),
    ] {
        assert!(!stderr.contains(secret), "{stderr}");
    }
}

// ---- what the log tells -------------------------------------------------------------------------------------------

#[test]
fn the_log_knows_requests_and_no_persons() {
    let server = Server::start(Options::default().env("RUST_LOG", "trace"));
    let repair = Repair::new(&server);
    let session = repair.reporter.log_in();
    repair.reporter.bind_phone("13700009876");
    let id = unique("trace-");
    let ticket = repair.report();
    let path = format!("/repair-tickets/{}", ticket["id"].as_str().unwrap());
    repair.reporter.get(&path).header("X-Request-Id", &id).expect(200);
    server.anon().post("/auth/staff/login", json!({ "username": "worker1", "password": "a-wrong-passw0rd" })).send().expect(401);
    eventually("the request is in the log", 5, || server.log().contains(&id).then_some(()));
    let log = server.log();
    let canaries = ["13700009876", "a-wrong-passw0rd", "session_key", &repair.reporter.openid, "大厅的灯从昨晚起不亮"];
    for canary in canaries.into_iter().chain(["access_token", "refresh_token"].map(|name| session[name].as_str().unwrap())) {
        let line = log.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "{canary} is in the log");
    }
}

// ---- storage ------------------------------------------------------------------------------------------------------

#[test]
fn an_existing_database_is_served_at_once() {
    let server = Server::start(Options::default());
    server.signal("TERM");
    server.wait(30);
    let again = server.start_again();
    // The promise (150 ms) is for a release build and is measured by the benchmark; this guards against a second seeding.
    assert!(again < Duration::from_secs(3), "{again:?}");
}

#[test]
#[ignore = "needs PostgreSQL"]
fn postgresql_over_tls() {
    // Also needs a certificate there and a server built with TLS; `cargo xtask test` knows whether it has both.
    if std::env::var("JIAZAI_TEST_POSTGRES_TLS").is_err() {
        eprintln!("NOT RUN: PostgreSQL over TLS");
        return;
    }
    let server = Server::start(Options::default().postgres_suffix("?sslmode=require"));
    Repair::new(&server).report();
}
