//! What a district runs: several instances on one PostgreSQL and one Redis, either of which may be away for a while.
//!
//! On SQLite there is neither a second instance nor a wire, so these tests are ignored there; `cargo xtask test` includes
//! them on PostgreSQL.

use std::time::{Duration, Instant};

use jiazai_tests::{CategoryDraft, Client, Options, Repair, Reply, Server, at_once, eventually, json, text, unique};

/// Two instances that hold the same keys.
fn two() -> (Server, Server) {
    let first = Server::start(Options::keyed());
    let second = first.twin();
    (first, second)
}

// ---- two as one ---------------------------------------------------------------------------------------------------

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn what_one_instance_writes_the_other_reads() {
    let (one, two) = two();
    let repair = Repair::new(&one);
    let ticket = repair.report();
    let token = repair.reporter.authorization().unwrap();
    let seen = two.bearer(token).get(&format!("/repair-tickets/{}", text(&ticket, "id"))).expect(200);
    assert_eq!(seen["id"], ticket["id"]);
}

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn a_log_out_on_one_instance_is_a_log_out_on_the_other() {
    let (one, two) = two();
    let session = one.resident().log_in();
    let token = format!("Bearer {}", text(&session, "access_token"));
    two.bearer(&token).get("/me").expect(200);
    one.bearer(&token).post("/auth/logout", json!({})).expect(204);
    // At once, not some seconds later.
    two.bearer(&token).get("/me").refuse(401, "session_revoked");
}

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn one_key_on_two_instances_makes_one_ticket() {
    let (one, two) = two();
    let repair = Repair::new(&one);
    let (key, draft, token) = (unique("key-"), repair.draft(), repair.reporter.authorization().unwrap());
    let replies = at_once(20, |n| {
        let instance = if n % 2 == 0 { &one } else { &two };
        instance.bearer(&token).post("/repair-tickets", draft.clone()).header("Idempotency-Key", &key).send()
    });
    assert!(replies.iter().all(|reply| matches!(reply.status, 201 | 409)), "{:?}", replies.iter().map(Reply::describe).collect::<Vec<_>>());
    assert_eq!(repair.reporter.get("/repair-tickets").expect(200)["items"].as_array().unwrap().len(), 1);
}

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn fifty_grabs_on_two_instances_have_one_winner() {
    let (one, two) = two();
    let repair = Repair::new(&one);
    let ticket = repair.report_in(&repair.category(CategoryDraft::new("grab")));
    let tokens = ["worker1", "worker2"].map(|name| one.staff(name).authorization().unwrap());
    let path = format!("/repair-tickets/{}/grab", text(&ticket, "id"));
    let replies = at_once(50, |n| {
        let instance = if n % 2 == 0 { &one } else { &two };
        instance.bearer(&tokens[n / 2 % 2]).post(&path, json!({})).send()
    });
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
}

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn fifty_refreshes_on_two_instances_give_one_successor() {
    let (one, two) = two();
    let session = one.resident().log_in();
    let token = text(&session, "refresh_token");
    let mut successors: Vec<String> = at_once(50, |n| {
        let instance = if n % 2 == 0 { &one } else { &two };
        text(&instance.anon().post("/auth/refresh", json!({ "refresh_token": token })).expect(200), "refresh_token").to_owned()
    });
    successors.sort();
    successors.dedup();
    assert_eq!(successors.len(), 1);
}

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn a_cursor_of_one_instance_is_good_on_the_other() {
    let (one, two) = two();
    let repair = Repair::new(&one);
    let first = repair.report();
    repair.report();
    let page = repair.reporter.get("/repair-tickets?limit=1").expect(200);
    let token = repair.reporter.authorization().unwrap();
    let next = two.bearer(token).get(&format!("/repair-tickets?limit=1&cursor={}", text(&page, "next_cursor"))).expect(200);
    assert_eq!(next["items"][0]["id"], first["id"]);
}

/// Tries a password until that is one too often; how many were let through. What is typed is no log-in at all, so it costs next to
/// nothing, and it counts.
fn tries(server: &Server) -> usize {
    let refused = |_: &usize| server.anon().post("/auth/staff/login", json!({})).send().status == 429;
    (0..1000).find(refused).expect("a limit")
}

/// How many more tries the next answer promises.
fn left(server: &Server) -> u64 {
    let reply = server.anon().post("/auth/staff/login", json!({})).send();
    let said = reply.must("ratelimit").split(';').find_map(|part| part.strip_prefix("r=")?.parse().ok());
    said.unwrap_or_else(|| panic!("no r in {}", reply.describe()))
}

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn what_is_used_up_of_a_quota_at_one_instance_is_used_up_at_the_other() {
    let one = Server::start(Options::keyed().limited());
    let two = one.twin();
    assert!(left(&two) > 50);
    tries(&one);
    // One comes back each second; on their own, the two would have sixty each.
    assert!(left(&two) < 30);
}

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn without_redis_each_instance_limits_by_itself() {
    let server = Server::start(Options::keyed().limited().proxied());
    server.wires().cache.cut();
    assert!(tries(&server) >= 50);
    assert!(left(&server) < 30);
}

// ---- Redis away ---------------------------------------------------------------------------------------------------

/// No request may hang longer than this because of a cache that is only there to be quick.
const PATIENCE: Duration = Duration::from_secs(5);

fn life_goes_on(server: &Server, repair: &Repair<'_>) {
    let started = Instant::now();
    server.resident().log_in();
    assert!(started.elapsed() < PATIENCE, "log-in took {:?}", started.elapsed());
    let started = Instant::now();
    repair.report();
    assert!(started.elapsed() < PATIENCE, "a report took {:?}", started.elapsed());
}

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn without_redis_people_log_in_and_report_and_revoked_stays_revoked() {
    let server = Server::start(Options::default().proxied());
    let repair = Repair::new(&server);
    let ended = server.resident().log_in();
    let token = format!("Bearer {}", text(&ended, "access_token"));
    server.bearer(&token).post("/auth/logout", json!({})).expect(204);
    for away in [jiazai_tests::Proxy::cut, jiazai_tests::Proxy::silence] {
        away(&server.wires().cache);
        life_goes_on(&server, &repair);
        server.bearer(&token).get("/me").refuse(401, "session_revoked");
        let another = server.resident().log_in();
        let another = format!("Bearer {}", text(&another, "access_token"));
        server.bearer(&another).post("/auth/logout", json!({})).expect(204);
        server.bearer(&another).get("/me").refuse(401, "session_revoked");
        server.wires().cache.mend();
        life_goes_on(&server, &repair);
        server.bearer(&another).get("/me").refuse(401, "session_revoked");
    }
}

// ---- PostgreSQL away ----------------------------------------------------------------------------------------------

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn without_postgresql_the_answer_is_503_and_it_passes() {
    let server = Server::start(Options::default().proxied());
    let repair = Repair::new(&server);
    repair.report();
    server.wires().database.cut();
    let started = Instant::now();
    let refused = repair.reporter.post("/repair-tickets", repair.draft()).send().expect(503);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert!(refused.must("retry-after").parse::<u64>().is_ok());
    server.anon().plain("GET", "/livez").send().expect(200);
    server.anon().plain("GET", "/readyz").send().expect(503);
    server.wires().database.mend();
    eventually("the server is ready again", 15, || (server.anon().plain("GET", "/readyz").send().status == 200).then_some(()));
    repair.report();
}

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn a_repeat_with_the_same_key_after_an_outage_does_it_once() {
    let server = Server::start(Options::default().proxied());
    let repair = Repair::new(&server);
    let (key, draft) = (unique("key-"), repair.draft());
    repair.reporter.id();
    let submit = || repair.reporter.post("/repair-tickets", draft.clone()).header("Idempotency-Key", &key).send();
    server.wires().database.cut();
    submit().expect(503);
    server.wires().database.mend();
    // What a client does with a 503: the same again, until it is answered.
    eventually("the report is taken", 15, || (submit().status == 201).then_some(()));
    submit().expect(201);
    assert_eq!(repair.reporter.get("/repair-tickets").expect(200)["items"].as_array().unwrap().len(), 1);
}
