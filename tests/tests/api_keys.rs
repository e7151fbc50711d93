//! Keys of client programs: what they open, what they never open, and how they end.

use jiazai_tests::{Bearer, Client, Options, Repair, Server, Value, instant, json, shared, unique};

/// A key of that body, as a caller that sends it.
#[track_caller]
fn made<'s>(server: &'s Server, by: &str, body: Value) -> (Bearer<'s>, Value) {
    let answer = server.staff(by).post("/api-keys", body).expect(201);
    let key = answer["key"].as_str().expect("a key");
    (server.bearer(format!("Bearer {key}")), answer.clone())
}

fn draft(server: &Server, scopes: &[&str]) -> Value {
    json!({ "name": unique("屏"), "scopes": scopes, "community_id": server.community() })
}

#[test]
fn a_key_opens_what_its_scopes_say_and_names_the_one_that_is_missing() {
    let server = shared();
    let repair = Repair::new(server);
    let ticket = repair.report();
    let id = ticket["id"].as_str().unwrap();
    let (screen, _) = made(server, "manager", draft(server, &["repair:read"]));
    assert_eq!(screen.get(&format!("/repair-tickets/{id}")).expect(200)["id"], ticket["id"]);
    let page = screen.get(&format!("/repair-tickets?community_id={}", server.community())).expect(200);
    assert!(!page["items"].as_array().unwrap().is_empty());
    let worker = server.staff("worker1").id();
    let assign = || json!({ "worker_id": worker });
    let refused = screen.post(&format!("/repair-tickets/{id}/assign"), assign()).refuse(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("repair:write"), "{refused}");
    let (desk, _) = made(server, "manager", draft(server, &["repair:read", "repair:write"]));
    assert_eq!(desk.post(&format!("/repair-tickets/{id}/assign"), assign()).expect(200)["state"], "assigned");
}

#[test]
fn a_key_knows_who_it_is_and_reaches_nothing_that_only_people_do() {
    let server = shared();
    let (program, made) = made(server, "manager", draft(server, &["repair:write", "repair:read"]));
    let me = program.get("/me").expect(200);
    assert_eq!(me["kind"], "client");
    assert_eq!(me["display_name"], made["name"]);
    assert_eq!(me["scopes"], json!(["repair:read", "repair:write"]));
    program.post("/api-keys", draft(server, &["repair:read"])).refuse(403, "forbidden");
    program.get("/api-keys").refuse(403, "forbidden");
    program.get("/staff").refuse(403, "forbidden");
    program.get("/me/data-export").refuse(403, "forbidden");
    program.post("/auth/logout", json!({})).refuse(403, "forbidden");
    program.post("/home-bindings", json!({})).refuse(403, "forbidden");
}

#[test]
fn what_anybody_may_see_in_part_a_key_without_the_scope_does_not_see_in_full() {
    let server = shared();
    let rounds = server.staff("enroladmin").get(&format!("/enrolment-rounds?community_id={}", server.community())).expect(200);
    let path = format!("/enrolment-rounds/{}/placements", rounds["items"][0]["id"].as_str().expect("the demo's round"));
    let (screen, _) = made(server, "manager", draft(server, &["repair:read"]));
    let refused = screen.get(&path).refuse(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("enrolment:read"), "{refused}");
    let (bureau, _) = made(server, "manager", draft(server, &["enrolment:read"]));
    assert_ne!(bureau.get(&path).send().status, 403);
}

#[test]
fn a_key_takes_whole_numbers_out_only_with_the_scope_to_reveal() {
    let server = shared();
    let path = format!("/communities/{}/people.csv", server.community());
    let (masked, _) = made(server, "manager", draft(server, &["people:export"]));
    masked.get(&path).send().expect(200);
    masked.get(&format!("{path}?reason=data-check")).refuse(403, "forbidden");
    let (whole, _) = made(server, "manager", draft(server, &["people:export", "people:reveal"]));
    whole.get(&format!("{path}?reason=data-check")).send().expect(200);
}

#[test]
fn a_community_s_key_sees_that_community_only() {
    let server = shared();
    let elsewhere = server.other_community();
    let ticket = Repair::new(server).report();
    let (foreign, _) = made(server, "admin", json!({ "name": "别处", "scopes": ["repair:read"], "community_id": elsewhere }));
    foreign.get(&format!("/repair-tickets/{}", ticket["id"].as_str().unwrap())).refuse(404, "not_found");
    let (platform, _) = made(server, "admin", json!({ "name": "全平台", "scopes": ["repair:read"] }));
    platform.get(&format!("/repair-tickets/{}", ticket["id"].as_str().unwrap())).expect(200);
}

#[test]
fn who_administers_one_community_makes_lists_and_revokes_keys_of_that_one() {
    let server = shared();
    let elsewhere = server.other_community();
    let manager = server.staff("manager");
    let fault = manager.post("/api-keys", json!({ "name": "别处", "scopes": ["repair:read"], "community_id": elsewhere }));
    assert_eq!(fault.refuse(422, "validation_failed")["errors"][0]["pointer"], "/community_id");
    manager.post("/api-keys", json!({ "name": "全平台", "scopes": ["repair:read"] })).refuse(403, "forbidden");
    let (_, foreign) = made(server, "admin", json!({ "name": "别处", "scopes": ["repair:read"], "community_id": elsewhere }));
    let foreign = foreign["id"].as_str().unwrap();
    manager.get(&format!("/api-keys/{foreign}")).refuse(404, "not_found");
    manager.call("DELETE", &format!("/api-keys/{foreign}")).refuse(404, "not_found");
    let (_, own) = made(server, "manager", draft(server, &["people:read"]));
    let listed = manager.get("/api-keys?limit=100").expect(200);
    let ids: Vec<&str> = listed["items"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&own["id"].as_str().unwrap()) && !ids.contains(&foreign));
    server.staff("dispatcher").post("/api-keys", draft(server, &["repair:read"])).refuse(403, "forbidden");
}

#[test]
fn the_key_itself_is_shown_once_and_a_repeat_shows_the_same() {
    let server = shared();
    let body = draft(server, &["volunteer:read"]);
    let ask = || server.staff("manager").call("POST", "/api-keys").header("idempotency-key", "once").json(&body).expect(201);
    let first = ask();
    assert_eq!(ask()["key"], first["key"]);
    let text = first["key"].as_str().unwrap();
    assert!(text.starts_with("jz_live_") && text.len() == 88 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    let path = format!("/api-keys/{}", first["id"].as_str().unwrap());
    let shown = server.staff("manager").get(&path).expect(200);
    assert!(shown.get("key").is_none() && !shown.to_string().contains(&text[34..]));
}

#[test]
fn a_revoked_key_ends_at_once_and_for_good() {
    let server = shared();
    let (program, made) = made(server, "manager", draft(server, &["repair:read"]));
    program.get("/repair-tickets").expect(200);
    let path = format!("/api-keys/{}", made["id"].as_str().unwrap());
    server.staff("manager").call("DELETE", &path).send().expect(204);
    program.get("/repair-tickets").refuse(401, "session_revoked");
    server.staff("manager").get(&path).refuse(404, "not_found");
    server.staff("manager").call("DELETE", &path).refuse(404, "not_found");
}

#[test]
fn a_key_ends_when_it_was_said_to() {
    let server = Server::start(Options::default());
    let mut body = draft(&server, &["repair:read"]);
    body["expires_at"] = json!(instant(&server, 600));
    let (program, _) = made(&server, "manager", body.clone());
    program.get("/repair-tickets").expect(200);
    server.sim().advance(601);
    program.get("/repair-tickets").refuse(401, "token_expired");
    let past = server.staff("manager").post("/api-keys", body).refuse(422, "validation_failed");
    assert_eq!(past["errors"][0]["pointer"], "/expires_at");
}

#[test]
fn a_key_of_another_address_is_refused() {
    let server = shared();
    let with = |addresses: Value| {
        let mut body = draft(server, &["repair:read"]);
        body["addresses"] = addresses;
        body
    };
    let (program, _) = made(server, "manager", with(json!(["192.0.2.7"])));
    program.get("/repair-tickets").refuse(403, "forbidden");
    let (program, _) = made(server, "manager", with(json!(["192.0.2.7", "127.0.0.1"])));
    program.get("/repair-tickets").expect(200);
}

#[test]
fn a_mistyped_or_invented_key_is_no_key() {
    let server = shared();
    let (_, made) = made(server, "manager", draft(server, &["repair:read"]));
    let text = made["key"].as_str().unwrap();
    let last = if text.ends_with('0') { '1' } else { '0' };
    let mistyped = format!("{}{last}", &text[..text.len() - 1]);
    for wrong in [&mistyped, "jz_live_", "jz_test_x", &text.to_uppercase()] {
        server.bearer(format!("Bearer {wrong}")).get("/me").refuse(401, "token_invalid");
    }
}

#[test]
fn what_is_wrong_with_a_request_for_a_key_is_said_at_once() {
    let body = json!({ "name": "", "scopes": ["repair:reveal", "nonsense"], "addresses": ["here"], "per_minute": 0, "more": 1 });
    let refused = shared().staff("manager").post("/api-keys", body).send().expect(422).json;
    let at: Vec<(&str, &str)> =
        refused["errors"].as_array().unwrap().iter().map(|e| (e["pointer"].as_str().unwrap(), e["code"].as_str().unwrap())).collect();
    for wanted in [
        ("/name", "blank"),
        ("/scopes/0", "unknown_scope"),
        ("/scopes/1", "unknown_scope"),
        ("/addresses/0", "address_format"),
        ("/per_minute", "out_of_range"),
        ("/more", "unknown_field"),
    ] {
        assert!(at.contains(&wanted), "{wanted:?} in {at:?}");
    }
}

#[test]
fn a_key_has_a_limit_of_its_own() {
    let server = Server::start(Options::default().limited());
    let mut body = draft(&server, &["repair:read"]);
    body["per_minute"] = json!(3);
    let (program, _) = made(&server, "manager", body);
    let first = program.get("/repair-tickets").send().expect(200);
    assert!(first.must("ratelimit-policy").contains("\"key\";q=3"), "{:?}", first.header("ratelimit-policy"));
    let statuses: Vec<u16> = (0..5).map(|_| program.get("/repair-tickets").send().status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    server.staff("dispatcher").get("/repair-tickets").expect(200);
}

#[test]
fn what_is_refused_counts_and_guessing_counts_against_the_address() {
    let server = Server::start(Options::default().limited());
    let mut body = draft(&server, &["repair:read"]);
    body["per_minute"] = json!(3);
    let (program, _) = made(&server, "manager", body);
    let statuses: Vec<u16> = (0..6).map(|_| program.get("/volunteer-activities").send().status).collect();
    assert_eq!(statuses[0], 403);
    assert!(statuses.contains(&429), "{statuses:?}");
    let guess = server.bearer("Bearer jz_live_guessed").get("/repair-tickets").send().expect(401);
    assert!(guess.must("ratelimit-policy").starts_with("\"address\""), "{:?}", guess.header("ratelimit-policy"));
    let left = |reply: &jiazai_tests::Reply| -> u32 {
        let field = reply.must("ratelimit");
        field.split(";r=").nth(1).and_then(|rest| rest.split(';').next()).and_then(|n| n.parse().ok()).expect("what is left")
    };
    let next = server.bearer("Bearer nonsense").get("/repair-tickets").send().expect(401);
    assert!(left(&next) < left(&guess), "{} then {}", left(&guess), left(&next));
    // Whoever has a good key is not held up by those who guess beside them.
    server.staff("dispatcher").get("/repair-tickets").expect(200);
}

#[test]
fn a_noisy_key_takes_nothing_from_its_neighbour_at_the_same_address() {
    let server = Server::start(Options::default().limited());
    let with = |per_minute: i64| {
        let mut body = draft(&server, &["repair:read"]);
        body["per_minute"] = json!(per_minute);
        made(&server, "manager", body).0
    };
    let (noisy, quiet) = (with(5), with(30));
    let left =
        |reply: &jiazai_tests::Reply| reply.must("ratelimit").split(";r=").nth(1).map(|rest| rest[..2].trim_end_matches(';').to_owned());
    let before = quiet.get("/repair-tickets").send().expect(200);
    let statuses: Vec<u16> = (0..60).map(|_| noisy.get("/repair-tickets").send().status).collect();
    assert!(statuses.iter().filter(|status| **status == 429).count() > 40, "{statuses:?}");
    let after = quiet.get("/repair-tickets").send().expect(200);
    let (before, after): (i64, i64) = (left(&before).unwrap().parse().unwrap(), left(&after).unwrap().parse().unwrap());
    assert!(after >= before - 1, "{before} were left, then {after}");
}

#[test]
fn an_upload_counts_against_the_key_s_own_limit_too() {
    let server = Server::start(Options::default().limited());
    let mut body = draft(&server, &["files:write"]);
    body["per_minute"] = json!(2);
    let (program, _) = made(&server, "manager", body);
    let upload = || program.call("POST", "/files").file("a.png", "image/png", jiazai_tests::PICTURE).send();
    let first = upload().expect(201);
    assert_eq!(first.must("ratelimit-policy"), "\"upload\";q=60;w=60, \"key\";q=2;w=60");
    assert!((0..4).any(|_| upload().status == 429));
}

#[test]
fn an_import_that_a_key_began_goes_on_as_long_as_the_key_does() {
    let server = shared();
    let (program, key) = made(server, "manager", draft(server, &["people:read", "people:write"]));
    let begin = || {
        let fields = [("kind", "registry"), ("format", "csv"), ("community_id", server.community())];
        program.call("POST", "/imports").form(&fields, b"estate,building,number\n").expect(202)
    };
    let import = begin();
    let path = format!("/imports/{}", import["id"].as_str().unwrap());
    let over = |state: &str| matches!(state, "succeeded" | "failed" | "partially_failed");
    let ended = jiazai_tests::eventually("the import is over", 60, || {
        let now = program.get(&path).expect(200);
        over(now["state"].as_str().unwrap()).then_some(now)
    });
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(program.get("/me").expect(200)["roles"][0]["role"], "community_admin", "{key}");
}

#[test]
fn what_is_between_people_no_key_does_and_no_program_goes_to_a_door() {
    let server = shared();
    let scopes = ["registry:read", "registry:write", "people:read", "people:write", "volunteer:read"];
    let (program, _) = made(server, "manager", draft(server, &scopes));
    program.get("/me/delegations").refuse(403, "forbidden");
    program.post("/delegations", json!({})).refuse(403, "forbidden");
    program.post("/delegations/dlg_01h455vb4pex5vsknk084sn02q/revoke", json!({})).refuse(403, "forbidden");
    let buildings = program.get(&format!("/communities/{}/buildings", server.community())).expect(200);
    let homes = program.get(&format!("/buildings/{}/homes", buildings["items"][0]["id"].as_str().unwrap())).expect(200);
    let visit = json!({ "home_id": homes["items"][0]["id"], "due_on": "2099-01-01" });
    let refused = program.post("/home-visits", visit).refuse(422, "validation_failed");
    assert_eq!(refused["errors"][0]["pointer"], "/visitor_id");
    // The picture is the code: to read is not enough.
    let picture = program.get("/shifts/shf_01h455vb4pex5vsknk084sn02q/check-in-code.svg").refuse(403, "forbidden");
    assert!(picture["detail"].as_str().unwrap().contains("volunteer:write"), "{picture}");
}

#[test]
fn a_key_made_on_the_command_line_works_beside_the_running_server() {
    let server = shared();
    let made = server.command(&["api-key", "create", "巡检脚本", "--scope", "repair:read", "--community", "dongtu", "--days", "30"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let key = made.stdout.lines().find_map(|line| line.strip_prefix("key: ")).expect("a key");
    let program = server.bearer(format!("Bearer {key}"));
    assert_eq!(program.get("/me").expect(200)["display_name"], "巡检脚本");
    program.get("/repair-tickets").expect(200);
    let refused = server.command(&["api-key", "create", "x", "--scope", "repair:everything"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("repair:read"), "{refused:?}");
}

#[test]
fn whoever_holds_a_key_and_whoever_made_it_see_what_is_left_and_when_it_was_used() {
    let server = Server::start(Options::default().limited());
    let mut body = draft(&server, &["repair:read", "points:read"]);
    body["per_minute"] = json!(4);
    let (program, made) = made(&server, "manager", body);
    let own = |path: &str| server.staff("manager").get(path).expect(200);
    let path = format!("/api-keys/{}", made["id"].as_str().unwrap());
    let fresh = own(&path);
    assert_eq!(fresh["quota"], json!({ "limit": 4, "window_s": 60, "remaining": 4, "reset_s": 0 }));
    assert_eq!(fresh["last_used_at"], Value::Null);
    for _ in 0..3 {
        program.get("/repair-tickets").expect(200);
    }
    // A bucket that leaks gives one back every fifteen seconds, so a slow machine may find more left, never less.
    let look = own(&path);
    assert!((1..4).contains(&look["quota"]["remaining"].as_i64().unwrap()), "{look}");
    assert!((1..=15).contains(&look["quota"]["reset_s"].as_i64().unwrap()), "{look}");
    // To ask for oneself is a request like any other.
    let reply = program.get("/me/api-key").send().expect(200);
    let told = reply.must("ratelimit").split(";r=").nth(1).and_then(|rest| rest.split(';').next()).and_then(|n| n.parse::<i64>().ok());
    assert!(reply.json["quota"]["remaining"].as_i64() >= told, "{} and {:?}", reply.json, told);
    assert_eq!((&reply.json["id"], &reply.json["scopes"]), (&made["id"], &json!(["repair:read", "points:read"])));
    assert!(reply.json.get("key").is_none());
    jiazai_tests::eventually("its use is noted", 30, || own(&path)["last_used_at"].as_str().map(str::to_owned));
    server.staff("manager").get("/me/api-key").refuse(403, "forbidden");
    server.resident().get("/me/api-key").refuse(403, "forbidden");
}
