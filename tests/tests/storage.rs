//! Whose data a server will touch: not a stranger's, not a demo's in production, not an older schema's.

use jiazai_tests::{Client, DATA_KEY, Options, PASSWORD, Repair, Server, TOKEN_KEY, Value, fresh_storage, json, refused_start};

const OTHER: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1ff";

/// A `serve` on this server's data, with some variables changed, which must be refused.
#[track_caller]
fn refused_on(server: &Server, changes: &[(&str, &str)]) -> String {
    let data = server.data_dir().display().to_string();
    let own = ["DATABASE_URL", "REDIS_URL", "JIAZAI_JWT_KEY", "JIAZAI_DATA_KEY"];
    let mut env: Vec<(&str, &str)> = server.env().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    env.retain(|(name, _)| own.contains(name) && !changes.iter().any(|(changed, _)| changed == name));
    env.extend(changes);
    let said = refused_start(&["--data-dir", &data], &env);
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// The variables of production, of an installation that has never met WeChat.
const PRODUCTION: [(&str, &str); 6] = [
    ("JIAZAI_PROFILE", "production"),
    ("JIAZAI_JWT_KEY", TOKEN_KEY),
    ("JIAZAI_DATA_KEY", DATA_KEY),
    ("WECHAT_APPID", "wx1234567890abcdef"),
    ("WECHAT_SECRET", "0123456789abcdef0123456789abcdef"),
    ("WECHAT_SIMULATOR_LISTEN", ""),
];

fn production() -> Options {
    PRODUCTION.iter().fold(Options::default().limited(), |options, (name, value)| options.env(name, value))
}

#[test]
fn another_data_key_does_not_open_the_database() {
    let server = Server::start(Options::keyed());
    let repair = Repair::new(&server);
    let ticket = repair.report();
    server.signal("TERM");
    server.wait(30);
    let said = refused_on(&server, &[("JIAZAI_DATA_KEY", OTHER)]);
    assert!(said.contains("JIAZAI_DATA_KEY") && !said.contains(OTHER) && !said.contains(DATA_KEY), "{said}");
    // The attempt has changed nothing.
    server.start_again();
    repair.reporter.get(&format!("/repair-tickets/{}", ticket["id"].as_str().unwrap())).expect(200);
}

#[test]
fn production_does_not_serve_a_demos_data() {
    let server = Server::start(Options::keyed());
    server.signal("TERM");
    server.wait(30);
    let said = refused_on(&server, &PRODUCTION);
    assert!(said.contains("demo"), "{said}");
}

#[test]
fn production_starts_empty_and_its_first_administrator_can_found_it() {
    let server = Server::start(production().first(&["migrate"]));
    // Nobody is there, least of all the demo's staff.
    server.anon().post("/auth/staff/login", json!({ "username": "admin", "password": PASSWORD })).refuse(401, "credentials_invalid");
    let communities = server.anon().get("/communities").expect(200);
    assert_eq!(communities["items"], json!([]));
    let said = server.command(&["admin", "create-staff", "chief", "--role", "platform_admin"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let password = said.stdout.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    let session = server.anon().post("/auth/staff/login", json!({ "username": "chief", "password": password })).expect(200);
    let chief = server.bearer(format!("Bearer {}", session["access_token"].as_str().unwrap()));
    let place = chief.post("/communities", json!({ "code": "first", "name": "第一社区" })).expect(201);
    let roles = json!([{ "role": "dispatcher", "community_id": place["id"] }]);
    let new = |password: &str| json!({ "username": "sender", "display_name": "派单员", "password": password, "roles": roles });
    // The demo's password is nobody's here.
    chief.post("/staff", new(PASSWORD)).send().expect(422);
    chief.post("/staff", new("a-Fair-enough-1")).expect(201);
    // Logs are for machines here.
    let log = server.log();
    let odd = log.lines().find(|line| serde_json::from_str::<Value>(line).is_err());
    assert!(odd.is_none() && !log.is_empty(), "{odd:?}");
}

// SQLite has one process and migrates when it starts, which is tested wherever a server starts.
#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn production_on_postgresql_is_migrated_on_purpose() {
    let env = fresh_storage();
    let mut all: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    all.extend(PRODUCTION);
    let said = refused_start(&[], &all);
    assert!(said.contains("jiazai migrate"), "{said}");
}
