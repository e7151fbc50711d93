//! Short tokens for keys: OAuth 2.0 client credentials as RFC 6749 has them, and that they end with the key.

use jiazai_tests::{Client, Options, Reply, Server, Value, instant, json, shared, unique};

struct Key {
    id: String,
    text: String,
}

#[track_caller]
fn key_of(server: &Server, more: Value) -> Key {
    let mut body =
        json!({ "name": unique("令"), "scopes": ["repair:read", "repair:export", "volunteer:read"], "community_id": server.community() });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = server.staff("manager").post("/api-keys", body).expect(201);
    Key { id: made["id"].as_str().unwrap().to_owned(), text: made["key"].as_str().unwrap().to_owned() }
}

fn key(server: &Server) -> Key {
    key_of(server, json!({}))
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for n in 0..4 {
            out.push(if n <= three.len() { LETTERS[(bits >> (18 - 6 * n)) as usize & 63] as char } else { '=' });
        }
    }
    out
}

fn ask(server: &Server, form: &str, basic: Option<&str>) -> Reply {
    let anon = server.anon();
    let call = anon.plain("POST", "/oauth/token").bytes("application/x-www-form-urlencoded", form.as_bytes().to_vec());
    match basic {
        Some(pair) => call.header("Authorization", &format!("Basic {}", base64(pair))).send(),
        None => call.send(),
    }
}

fn posted(server: &Server, key: &Key, more: &str) -> Reply {
    ask(server, &format!("grant_type=client_credentials&client_id={}&client_secret={}{more}", key.id, key.text), None)
}

#[track_caller]
fn refused(reply: Reply, status: u16, error: &str) -> Reply {
    assert!(reply.status == status && reply.json["error"] == error, "{status} {error} expected, but {}", reply.describe());
    assert_eq!((reply.must("cache-control"), reply.content_type()), ("no-store", "application/json"));
    reply
}

#[test]
fn a_client_proves_itself_in_the_header_or_in_the_form_and_calls_with_the_token() {
    let server = shared();
    let key = key(server);
    let by_form = posted(server, &key, "").expect(200);
    assert_eq!((by_form.must("cache-control"), by_form.must("pragma")), ("no-store", "no-cache"));
    let by_header = ask(server, "grant_type=client_credentials", Some(&format!("{}:{}", key.id, key.text))).expect(200);
    for answer in [&by_form.json, &by_header.json] {
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 900);
        assert_eq!(answer["scope"], "repair:read repair:export volunteer:read");
        assert!(answer.get("refresh_token").is_none());
        let program = server.bearer(format!("Bearer {}", answer["access_token"].as_str().unwrap()));
        program.get("/repair-tickets").expect(200);
        assert_eq!(program.get("/me").expect(200)["kind"], "client");
    }
}

#[test]
fn a_token_is_narrowed_to_what_was_asked_for_and_never_widened() {
    let server = shared();
    let key = key(server);
    let narrow = posted(server, &key, "&scope=repair%3Aread").expect(200).json;
    assert_eq!(narrow["scope"], "repair:read");
    let program = server.bearer(format!("Bearer {}", narrow["access_token"].as_str().unwrap()));
    program.get("/repair-tickets").expect(200);
    program.get("/repair-tickets.csv").refuse(403, "forbidden");
    program.get("/volunteer-activities").refuse(403, "forbidden");
    assert_eq!(program.get("/me").expect(200)["scopes"], json!(["repair:read"]));
    for scope in ["people:read", "repair:everything", "repair:read+people:reveal", "repair%3Aread%20x"] {
        refused(posted(server, &key, &format!("&scope={scope}")), 400, "invalid_scope");
    }
}

#[test]
fn every_mistake_has_the_word_that_the_standard_has_for_it() {
    let server = shared();
    let (key, other) = (key(server), key(server));
    let pair = format!("client_id={}&client_secret={}", key.id, key.text);
    refused(ask(server, "grant_type=client_credentials", None), 401, "invalid_client");
    refused(ask(server, &pair, None), 400, "invalid_request");
    refused(ask(server, &format!("{pair}&grant_type=password"), None), 400, "unsupported_grant_type");
    refused(ask(server, &format!("{pair}&grant_type=client_credentials&grant_type=client_credentials"), None), 400, "invalid_request");
    let twice = Some(format!("{}:{}", key.id, key.text));
    refused(ask(server, &format!("{pair}&grant_type=client_credentials"), twice.as_deref()), 400, "invalid_request");
    // Another key's secret, and a mistyped one.
    let crossed = format!("grant_type=client_credentials&client_id={}&client_secret={}", other.id, key.text);
    refused(ask(server, &crossed, None), 401, "invalid_client");
    let last = if key.text.ends_with('0') { '1' } else { '0' };
    let mistyped = format!("{}:{}{last}", key.id, &key.text[..key.text.len() - 1]);
    let challenged = refused(ask(server, "grant_type=client_credentials", Some(&mistyped)), 401, "invalid_client");
    assert!(challenged.must("www-authenticate").starts_with("Basic"));
    let json = server.anon();
    let json = json.plain("POST", "/oauth/token").json(&json!({ "grant_type": "client_credentials" })).send();
    refused(json, 400, "invalid_request");
}

#[test]
fn a_revoked_key_takes_its_tokens_with_it_at_once() {
    let server = shared();
    let key = key(server);
    let token = posted(server, &key, "").expect(200).json["access_token"].as_str().unwrap().to_owned();
    let program = server.bearer(format!("Bearer {token}"));
    program.get("/repair-tickets").expect(200);
    server.staff("manager").call("DELETE", &format!("/api-keys/{}", key.id)).send().expect(204);
    program.get("/repair-tickets").refuse(401, "session_revoked");
    refused(posted(server, &key, ""), 401, "invalid_client");
}

#[test]
fn a_token_is_over_after_a_quarter_of_an_hour_or_with_its_key() {
    let server = Server::start(Options::default());
    let long = key(&server);
    let short = key_of(&server, json!({ "expires_at": instant(&server, 300) }));
    let token = |key: &Key| {
        let answer = posted(&server, key, "").expect(200).json;
        (answer["expires_in"].as_i64().unwrap(), server.bearer(format!("Bearer {}", answer["access_token"].as_str().unwrap())))
    };
    let ((_, lasting), (left, ending)) = (token(&long), token(&short));
    assert!((1..=300).contains(&left), "{left}");
    server.sim().advance(301);
    ending.get("/repair-tickets").refuse(401, "token_expired");
    refused(posted(&server, &short, ""), 401, "invalid_client");
    lasting.get("/repair-tickets").expect(200);
    server.sim().advance(600);
    lasting.get("/repair-tickets").refuse(401, "token_expired");
}

#[test]
fn a_library_finds_out_by_itself_where_tokens_are() {
    let server = shared();
    let found = server.anon().plain("GET", "/.well-known/oauth-authorization-server").expect(200);
    let issuer = found["issuer"].as_str().unwrap();
    assert_eq!(issuer, format!("http://{}", server.address()));
    assert_eq!(found["token_endpoint"], format!("{issuer}/oauth/token"));
    assert_eq!(found["grant_types_supported"], json!(["client_credentials"]));
    assert_eq!(found["token_endpoint_auth_methods_supported"], json!(["client_secret_basic", "client_secret_post"]));
    assert!(found["scopes_supported"].as_array().unwrap().contains(&json!("repair:export")));
    // A host that could break out of a document is none of ours.
    let strange =
        server.anon().plain("GET", "/.well-known/oauth-authorization-server").header("X-Forwarded-Host", "evil.example").expect(200);
    assert_eq!(strange["issuer"], found["issuer"]);
}
