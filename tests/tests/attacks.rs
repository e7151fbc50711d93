//! What somebody tries who means no good: fields that are not theirs to set, ids of other communities, bodies that are much larger
//! than they look, and connections that never say what they want.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use jiazai_tests::{Client, Operation, Options, Repair, Server, Value, eventually, json, raw, shared};

// ---- other communities ----------------------------------------------------------------------------------------------

/// Open to everybody who is logged in, wherever they belong.
const PUBLIC: &[&str] = &[
    "GET /api/v1/certificates/{code}",
    "GET /api/v1/communities/{id}",
    "GET /api/v1/communities/{id}/volunteer-rules",
    "GET /api/v1/enrolment-draws/{id}",
    "POST /api/v1/enrolment-draws/{id}/verify",
    "GET /api/v1/enrolment-rounds/{id}/allocation",
    "GET /api/v1/enrolment-rounds/{id}/draw",
    "GET /api/v1/enrolment-rounds/{id}/placements",
    "GET /api/v1/enrolment-rounds/{id}/retention",
    "GET /api/v1/schools/{id}",
    "GET /open311/v2/discovery.{format}",
    "GET /problems/{code}",
];

#[test]
fn nothing_is_reached_by_its_id_from_another_community() {
    // The matrix holds this table against the server; here it is held against the rule.
    let matrix = include_str!("../role-matrix.txt");
    let names: Vec<&str> = matrix.lines().filter_map(|line| line.split_once('┌')).map(|(_, name)| name.trim()).collect();
    let foreign: Vec<usize> = (0..names.len()).filter(|n| names[*n].starts_with("elsewhere:")).collect();
    assert_eq!(foreign.len(), 3, "{names:?}");
    let mut public = BTreeSet::new();
    for line in matrix.lines().filter(|line| line.contains('{')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (operation, cells) = (words[..2].join(" "), &words[2..]);
        assert_eq!(cells.len(), names.len(), "{line}");
        for n in &foreign {
            if matches!(cells[*n], "401" | "403" | "404") {
                continue;
            }
            assert!(PUBLIC.contains(&operation.as_str()), "{operation} answers {} to {}", cells[*n], names[*n]);
            public.insert(operation.clone());
        }
    }
    let stale: Vec<&&str> = PUBLIC.iter().filter(|operation| !public.contains(**operation)).collect();
    assert!(stale.is_empty(), "no longer open: {stale:?}");
}

// ---- fields that are not theirs -------------------------------------------------------------------------------------

/// All columns of all tables.
fn columns() -> BTreeSet<String> {
    let schema = include_str!("../../infra/src/db/schema.rs");
    let fields = schema.lines().filter(|line| line.starts_with("diesel::table!")).flat_map(|line| line.split([',', '{']));
    fields.filter_map(|field| field.split_once("->")).map(|(name, _)| name.trim().to_owned()).collect()
}

/// The prefix of ids below that part of a path.
fn prefix(part: &str) -> &'static str {
    match part {
        "api-keys" => "key",
        "buildings" => "bld",
        "communities" => "com",
        "content-reviews" => "chk",
        "delegations" => "dlg",
        "deliveries" => "dlv",
        "enrolment-applications" => "app",
        "enrolment-draws" => "drw",
        "enrolment-rounds" => "enr",
        "estate-groups" => "egr",
        "estates" => "est",
        "files" => "fil",
        "grids" => "grd",
        "guardian-consents" => "gdc",
        "home-bindings" => "bnd",
        "home-visits" => "vis",
        "homes" => "hom",
        "household-facts" => "fct",
        "imports" => "imp",
        "notices" => "ntc",
        "people" => "per",
        "person-tags" => "ptg",
        "registry-proposals" => "prp",
        "repair-tickets" => "tkt",
        "schools" => "sch",
        "shifts" => "shf",
        "sign-ups" => "sgn",
        "staff" => "usr",
        "swaps" => "swp",
        "volunteer-activities" => "act",
        "webhooks" => "whk",
        _ => "",
    }
}

/// An address of nothing: the body is read before anybody looks for what it is about.
fn of_nothing(operation: &Operation) -> String {
    let mut before = "";
    let steps = operation.path.split('/').map(|part| {
        let own = match part.strip_prefix('{') {
            None => part.to_owned(),
            Some(_) if prefix(before).is_empty() => "nothing".to_owned(),
            Some(_) => format!("{}_01h455vb4pex5vsknk084sn02q", prefix(before)),
        };
        before = part;
        own
    });
    steps.collect::<Vec<_>>().join("/")
}

#[test]
fn no_column_of_the_database_is_set_from_outside_unless_the_document_says_so() {
    let server = Server::start(Options::default());
    let columns = columns();
    assert!(columns.contains("password_hash") && columns.contains("disabled_at") && columns.len() > 150, "{columns:?}");
    let anon = server.anon();
    let resident = server.resident();
    let staff = ["admin", "manager", "dispatcher", "worker1", "enroladmin", "reviewer1", "leader", "grid1"].map(|name| server.staff(name));
    let mut everybody: Vec<&dyn Client> = staff.iter().map(|who| who as &dyn Client).collect();
    everybody.extend([&resident as &dyn Client, &anon]);

    let (mut tried, mut unread) = (0, Vec::new());
    for operation in server.document().operations() {
        let Some(schema) = operation.json["requestBody"]["content"]["application/json"].get("schema") else { continue };
        let schema = schema["$ref"].as_str().and_then(|name| server.document().json().pointer(&name[1..])).unwrap_or(schema);
        let known = schema["properties"].as_object();
        let strange: Vec<&String> = columns.iter().filter(|column| known.is_none_or(|known| !known.contains_key(*column))).collect();
        let path = of_nothing(operation);
        let query = if path.contains("repair-categories") { format!("?community_id={}", server.community()) } else { String::new() };
        let send = |who: &dyn Client, some: &[&String]| {
            let body: Value = some.iter().map(|column| ((*column).clone(), json!("1"))).collect::<serde_json::Map<_, _>>().into();
            let reply = who.plain(&operation.method, &format!("{path}{query}")).header("If-Match", "*").json(&body).send();
            assert!(reply.status >= 400, "{} {path} took columns: {}", operation.method, reply.describe());
            reply
        };
        // Whoever is let as far as the body, first; an answer lists so many faults and no more, so a few at a time.
        let mut read = false;
        if let Some(who) = everybody.iter().find(|who| send(**who, &strange[..1]).status == 422) {
            for some in strange.chunks(40) {
                let places = faults(&send(*who, some).json);
                let missed: Vec<&&String> = some.iter().filter(|column| !places.contains(&format!("/{column}"))).collect();
                assert!(missed.is_empty(), "{} {path} passes over {missed:?}", operation.method);
            }
            read = true;
        }
        tried += 1;
        if !read {
            unread.push(format!("{} {path}", operation.method));
        }
    }
    assert!(tried > 140, "{tried}");
    assert!(unread.is_empty(), "nobody got as far as the body of\n{}", unread.join("\n"));
}

fn faults(problem: &Value) -> BTreeSet<String> {
    let errors = problem["errors"].as_array().into_iter().flatten();
    errors.filter(|error| error["code"] == "unknown_field").filter_map(|error| error["pointer"].as_str()).map(str::to_owned).collect()
}

// ---- bombs ----------------------------------------------------------------------------------------------------------

/// A gzip member whose deflate stream is one stored block: what it says does not matter, nobody is to unpack it.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x01\x02\x00\xfd\xff{}";

#[test]
fn a_packed_body_is_refused_and_not_unpacked() {
    let repair = Repair::new(shared());
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, gzip"] {
        let call = repair.reporter.call("POST", "/repair-tickets").header("Content-Encoding", encoding);
        let reply = call.bytes("application/json", GZIP.to_vec()).send();
        assert!(matches!(reply.status, 400 | 415), "{encoding}: {}", reply.describe());
    }
}

#[test]
fn a_document_of_entities_is_no_form() {
    let server = shared();
    let bomb = b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"bbbbbbbb\"><!ENTITY c \"&b;&b;&b;&b;\">]><a>&c;</a>".to_vec();
    for kind in ["text/xml", "application/xml", "application/x-www-form-urlencoded"] {
        let reply = server.anon().plain("POST", "/open311/v2/requests.xml").bytes(kind, bomb.clone()).send();
        assert!((400..500).contains(&reply.status), "{kind}: {}", reply.describe());
    }
}

#[test]
fn a_form_of_many_fields_is_refused_like_any_other() {
    // One of its own: what other tests cost a shared one would count here.
    let server = Server::start(Options::default());
    let dispatcher = server.staff("dispatcher");
    dispatcher.get("/me").expect(200);
    let before = server.cpu_ticks();
    let many = "a=&".repeat(80_000).into_bytes();
    for path in ["/open311/v2/requests.json", "/oauth/token"] {
        let reply = server.anon().plain("POST", path).bytes("application/x-www-form-urlencoded", many.clone()).send();
        assert!((400..500).contains(&reply.status), "{path}: {}", reply.describe());
    }
    let query = format!("?{}", "a=b&".repeat(1_500));
    dispatcher.get(&format!("/repair-tickets{query}")).send().expect(400);
    let spent = server.cpu_ticks() - before;
    assert!(spent < 300, "{spent} hundredths of a second");
}

#[test]
fn an_upload_of_many_parts_is_refused() {
    let someone = shared().resident();
    let part = "--x\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n1\r\n";
    let body = format!("{}--x--\r\n", part.repeat(10_000)).into_bytes();
    let reply = someone.call("POST", "/files").bytes("multipart/form-data; boundary=x", body).send();
    assert!((400..500).contains(&reply.status), "{}", reply.describe());
}

#[test]
fn a_number_of_two_hundred_thousand_digits_and_a_string_of_escapes_are_refused_as_values() {
    let someone = shared().resident();
    for (what, value) in
        [("digits", "9".repeat(200_000)), ("exponent", "1e999999999".to_owned()), ("escapes", format!("\"{}\"", "\\u0000".repeat(40_000)))]
    {
        let body = format!("{{\"title\":{value}}}").into_bytes();
        let reply = someone.call("POST", "/repair-tickets").bytes("application/json", body).send();
        assert!(matches!(reply.status, 400 | 422), "{what}: {}", reply.describe());
    }
}

// ---- requests that two servers might read in two ways ---------------------------------------------------------------

/// A request that would be answered, and behind it another, which would be the last: what comes back from both.
#[track_caller]
fn with_another_behind_it(server: &Server, head: impl Fn(usize, usize) -> String, chunked: bool) -> String {
    let (code, _) = server.sim().login_code(None);
    let body = json!({ "code": code }).to_string();
    let body = if chunked { format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()) } else { body };
    let second = "GET /api/v1/communities HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let first = "POST /api/v1/auth/wechat/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let request = format!("{first}{}\r\n{body}{second}", head(body.len(), second.len()));
    let mut stream = TcpStream::connect(server.address()).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_request_that_has_no_single_length_is_refused_and_what_follows_is_not_read() {
    let server = shared();
    let statuses = |answer: &str| -> Vec<String> {
        answer.match_indices("HTTP/1.1 ").map(|(at, _)| answer[at + 9..].chars().take(3).collect()).collect()
    };
    // Where the length is plain, both are read.
    let plain = with_another_behind_it(server, |own, _| format!("Content-Length: {own}\r\n"), false);
    assert_eq!(statuses(&plain), ["200", "200"], "{plain}");
    let plain = with_another_behind_it(server, |_, _| "Transfer-Encoding: chunked\r\n".to_owned(), true);
    assert_eq!(statuses(&plain), ["200", "200"], "{plain}");
    type Head = fn(usize, usize) -> String;
    let unclear: [(Head, bool); 7] = [
        (|own, more| format!("Content-Length: {own}\r\nContent-Length: {}\r\n", own + more), false),
        (|own, more| format!("Content-Length: {}\r\nContent-Length: {own}\r\n", own + more), false),
        (|own, more| format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", own + more), true),
        (|own, _| format!("Transfer-Encoding: chunked\r\nContent-Length: {own}\r\n"), true),
        (|_, _| "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(), true),
        (|own, _| format!("Content-Length: +{own}\r\n"), false),
        (|own, _| format!("Content-Length: {own} \r\n X: 1\r\n"), false),
    ];
    for (head, chunked) in unclear {
        let answer = with_another_behind_it(server, head, chunked);
        assert_eq!(statuses(&answer), ["400"], "{}: {answer}", head(1, 2));
        // Not a body that turned out to be wrong: nobody read it as a request at all.
        assert!(!answer.contains("application/problem+json"), "{}: {answer}", head(1, 2));
    }
    raw(server, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect(200);
}

// ---- those who never come to the point ------------------------------------------------------------------------------

#[test]
fn two_hundred_half_requests_hold_nobody_up_and_are_hung_up_on() {
    let server = Server::start(Options::default());
    let dispatcher = server.staff("dispatcher");
    dispatcher.get("/me").expect(200);
    let mut half: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address()).expect("a connection");
            stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ").expect("it is taken");
            stream
        })
        .collect();
    let before = server.cpu_ticks();
    for _ in 0..50 {
        dispatcher.get("/me").expect(200);
    }
    assert!(server.cpu_ticks() - before < 300, "waiting costs nothing");
    eventually("all half requests are hung up on", 60, || {
        half.retain_mut(|stream| {
            stream.set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout can be set");
            let mut byte = [0];
            match stream.read(&mut byte) {
                // The end, or what the server has to say before it.
                Ok(read) => read > 0,
                Err(error) => matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
            }
        });
        half.is_empty().then_some(())
    });
    dispatcher.get("/me").expect(200);
}
