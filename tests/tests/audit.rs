//! The audit log: what is written down of whom, who may read it, and that nobody changes it unseen.

use std::path::PathBuf;
use std::process::Command;

use jiazai_tests::{Client, Options, Registry, Repair, Server, Value, eventually, is_postgres, json, shared, string, unique};

const PATIENCE_S: u64 = 30;

#[track_caller]
fn entries(server: &Server, query: &str) -> Vec<Value> {
    let page = server.staff("auditor").get(&format!("/audit-events?limit=100&{query}")).expect(200);
    page["items"].as_array().cloned().unwrap_or_else(|| panic!("no items in {page}"))
}

/// The newest entry like that; what is refused is written down beside the answer.
#[track_caller]
fn entry(server: &Server, query: &str, so: impl Fn(&Value) -> bool) -> Value {
    eventually("it is written down", PATIENCE_S, || entries(server, query).into_iter().find(&so))
}

fn a_person(server: &Server) -> Value {
    let registry = Registry::of_the_demo(server);
    let _ = &registry;
    let manager = server.staff("manager");
    let buildings = manager.get(&format!("/communities/{}/buildings", server.community())).expect(200);
    let homes = manager.get(&format!("/buildings/{}/homes", string(&buildings["items"][0], "id"))).expect(200);
    let facts = json!([{ "home_id": homes["items"][0]["id"], "kind": "residence", "from": "2020-01-01" }]);
    let body = json!({ "community_id": server.community(), "name": "样例人", "phone": "13812345678", "facts": facts });
    manager.post("/people", body).expect(201)
}

// ---- what is written down -------------------------------------------------------------------------------------------

#[test]
fn who_lifted_a_mask_of_whom_from_where_is_written_down_and_what_was_seen_is_not() {
    let server = shared();
    let person = string(&a_person(server), "id");
    let manager = server.staff("manager");
    let reveal = json!({ "fields": ["phone"], "reason": "上门前电话联系" });
    let answer = manager.post(&format!("/people/{person}/reveal"), reveal).header("X-Request-Id", "audit-test-1").send().expect(200);
    assert_eq!(answer.json["phone"], "13812345678");
    let found = entry(server, &format!("subject={person}&action=reveal_person"), |_| true);
    assert_eq!(found["result"], "done");
    assert_eq!(found["actor_id"], manager.id());
    assert_eq!(found["actor_kind"], "staff");
    assert_eq!(found["community_id"], server.community());
    assert_eq!(found["detail"], json!({ "fields": "phone" }));
    assert_eq!(found["address"], "127.0.0.1");
    assert_eq!(found["request_id"], "audit-test-1");
    for secret in ["13812345678", "上门", "样例人"] {
        assert!(!found.to_string().contains(secret), "{found}");
    }
    // The person's own list of who looked is the same fact told to them.
    let views = manager.get(&format!("/people/{person}/views")).expect(200);
    assert_eq!(views["items"].as_array().unwrap().len(), 1);
}

#[test]
fn what_staff_and_programs_do_is_written_down_once_and_a_repeat_not_again() {
    let server = shared();
    let body = json!({ "name": unique("屏"), "scopes": ["repair:read", "repair:write"], "community_id": server.community() });
    let ask = || server.staff("manager").post("/api-keys", body.clone()).header("Idempotency-Key", "audit-once").expect(201);
    let made = ask();
    assert_eq!(ask(), made);
    let key = string(&made, "id");
    assert_eq!(entries(server, &format!("subject={key}&action=create_api_key")).len(), 1);
    let ticket = string(&Repair::new(server).report(), "id");
    let program = server.bearer(format!("Bearer {}", string(&made, "key")));
    program.post(&format!("/repair-tickets/{ticket}/assign"), json!({ "worker_id": server.staff("worker1").id() })).expect(200);
    let found = entry(server, &format!("subject={ticket}"), |entry| entry["action"] == "assign_repair_ticket");
    assert_eq!((&found["actor_kind"], &found["on_behalf_of"]), (&json!("client"), &json!(server.staff("manager").id())));
    server.staff("manager").delete(&format!("/api-keys/{key}")).expect(204);
    entry(server, &format!("subject={key}"), |entry| entry["action"] == "revoke_api_key");
    // What residents do in their own name is the history of things, not this.
    assert!(entries(server, &format!("subject={ticket}&action=report_repair")).is_empty());
}

#[test]
fn a_look_at_what_is_protected_is_written_down_before_it_is_seen() {
    let server = shared();
    let manager = server.staff("manager");
    let path = format!("/communities/{}/people.csv", server.community());
    manager.get(&path).send().expect(200);
    let found = entry(server, &format!("actor={}&action=export_people_csv", manager.id()), |_| true);
    assert_eq!(found["subject_id"], server.community());
    // Looking into the log is itself a look.
    let auditor = server.staff("auditor").id();
    entry(server, &format!("actor={auditor}&action=list_audit_events"), |_| true);
}

#[test]
fn refusals_that_matter_are_written_down() {
    let server = shared();
    let person = string(&a_person(server), "id");
    let worker = server.staff("worker1");
    worker.post(&format!("/people/{person}/reveal"), json!({ "fields": ["phone"], "reason": "想看一看" })).refuse(403, "forbidden");
    let found = entry(server, &format!("subject={person}&result=refused"), |_| true);
    assert_eq!((&found["actor_id"], &found["code"]), (&json!(worker.id()), &json!("forbidden")));

    let body = json!({ "name": unique("屏"), "scopes": ["repair:read"], "community_id": server.community() });
    let made = server.staff("manager").post("/api-keys", body).expect(201);
    let program = server.bearer(format!("Bearer {}", string(&made, "key")));
    program.post(&format!("/people/{person}/reveal"), json!({ "fields": ["phone"], "reason": "想看一看" })).refuse(403, "forbidden");
    entry(server, &format!("subject={person}&result=refused"), |entry| entry["actor_kind"] == "client");
    server.staff("manager").delete(&format!("/api-keys/{}", string(&made, "id"))).expect(204);
    program.get("/repair-tickets").refuse(401, "session_revoked");
    let found = entry(server, &format!("subject={}&result=refused", string(&made, "id")), |_| true);
    assert_eq!((&found["code"], &found["actor_id"]), (&json!("session_revoked"), &Value::Null));

    let typed = unique("Typed-Name-");
    server.anon().post("/auth/staff/login", json!({ "username": typed, "password": "wrong-password" })).refuse(401, "credentials_invalid");
    let admin = |query: &str| server.staff("admin").get(&format!("/audit-events?limit=100&{query}")).expect(200);
    let found = eventually("the failed log-in is written down", PATIENCE_S, || {
        admin("action=log_in_staff&result=refused")["items"].as_array().unwrap().first().cloned()
    });
    assert_eq!((&found["code"], &found["actor_id"]), (&json!("credentials_invalid"), &Value::Null));
    assert!(!admin("action=log_in_staff").to_string().to_lowercase().contains(&typed.to_lowercase()), "what was typed is not kept");
}

#[test]
fn a_log_in_of_staff_is_written_down() {
    let server = shared();
    let clerk = server.staff("admin").hire("grid_worker", server.community());
    clerk.log_in();
    let id = clerk.id();
    let found = server.staff("admin").get(&format!("/audit-events?actor={id}&action=log_in_staff")).expect(200);
    assert_eq!(found["items"][0]["result"], "done", "{found}");
}

// ---- who may read it ------------------------------------------------------------------------------------------------

#[test]
fn an_auditor_reads_their_community_s_entries_and_nobody_else_any() {
    let server = shared();
    let admin = server.staff("admin");
    let elsewhere = admin.hire("auditor", server.other_community());
    let person = string(&a_person(server), "id");
    entry(server, &format!("subject={person}"), |entry| entry["action"] == "create_person");
    let foreign = elsewhere.get(&format!("/audit-events?subject={person}")).expect(200);
    assert!(foreign["items"].as_array().unwrap().is_empty(), "{foreign}");
    for who in ["manager", "dispatcher", "worker1", "grid1"] {
        server.staff(who).get("/audit-events").refuse(403, "forbidden");
        server.staff(who).get("/audit-events/verify").refuse(403, "forbidden");
        server.staff(who).get("/audit-events/anchor").refuse(403, "forbidden");
    }
    server.resident().get("/audit-events").refuse(403, "forbidden");
    server.anon().get("/audit-events").refuse(401, "unauthenticated");
    let body = json!({ "name": unique("审"), "scopes": ["audit:read"], "community_id": server.community() });
    let key = string(&server.staff("manager").post("/api-keys", body).expect(201), "key");
    server.bearer(format!("Bearer {key}")).get(&format!("/audit-events?subject={person}")).expect(200);
}

#[test]
fn filters_narrow_and_wrong_ones_are_refused() {
    let server = shared();
    let auditor = server.staff("auditor");
    let person = string(&a_person(server), "id");
    let found = entry(server, &format!("subject={person}"), |_| true);
    let at = string(&found, "occurred_at");
    let count =
        |query: String| auditor.get(&format!("/audit-events?subject={person}&{query}")).expect(200)["items"].as_array().unwrap().len();
    assert_eq!((count(format!("from={at}")), count(format!("to={at}"))), (1, 0));
    assert_eq!((count("result=refused".into()), count(format!("actor={}", auditor.id()))), (0, 0));
    for query in ["actor=nobody", "from=yesterday", "result=perhaps", "who=me", "limit=0"] {
        auditor.get(&format!("/audit-events?{query}")).refuse(400, "query_invalid");
    }
    for query in ["position=1", "hash=00", "position=x&hash=00", "position=0&hash=00"] {
        auditor.get(&format!("/audit-events/verify?{query}")).refuse(400, "query_invalid");
    }
}

#[test]
fn the_log_leaves_whole_for_who_may_export_it_and_that_too_is_written_down() {
    let server = shared();
    let person = string(&a_person(server), "id");
    let auditor = server.staff("auditor");
    let wanted = entries(server, &format!("subject={person}"));
    let path = |form: &str| format!("/audit-events.{form}?subject={person}");
    let rows = auditor.get(&path("ndjson")).send().expect(200);
    assert_eq!(rows.content_type(), "application/x-ndjson");
    let rows: Vec<Value> = rows.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let ids = |rows: &[Value]| rows.iter().map(|row| string(row, "id")).collect::<Vec<_>>();
    assert_eq!(ids(&rows), ids(&wanted), "the same entries in the same order");
    let table = auditor.get(&path("csv")).send().expect(200).text();
    let head: Vec<&str> = table.lines().next().unwrap_or_default().split(',').collect();
    for column in ["id", "occurred_at", "action", "result", "actor_id", "on_behalf_of", "subject_id", "detail", "address", "position"] {
        assert!(head.contains(&column), "{column} in {head:?}");
    }
    assert_eq!(table.lines().count(), wanted.len() + 1);
    assert!(auditor.get(&path("xlsx")).send().expect(200).body.starts_with(b"PK"));
    let taken = entry(server, &format!("actor={}&action=list_audit_events", auditor.id()), |entry| entry["detail"]["form"] == "csv");
    assert_eq!(taken["result"], "done");
    let with = |scopes: &[&str]| {
        let body = json!({ "name": unique("审"), "scopes": scopes, "community_id": server.community() });
        let made = server.staff("manager").post("/api-keys", body).expect(201);
        server.bearer(format!("Bearer {}", string(&made, "key")))
    };
    with(&["audit:read"]).get(&path("csv")).refuse(403, "forbidden");
    with(&["audit:export"]).get(&path("csv")).send().expect(200);
    server.staff("manager").get(&path("csv")).refuse(403, "forbidden");
}

// ---- the chain ------------------------------------------------------------------------------------------------------

/// The database, with a hand in it.
fn sql(server: &Server, statement: &str) -> String {
    let (program, arguments): (PathBuf, Vec<String>) = if is_postgres() {
        let psql = std::env::var_os("JIAZAI_TEST_PSQL").unwrap_or_else(|| "psql".into());
        (
            psql.into(),
            vec![
                server.env().iter().find(|(name, _)| name == "DATABASE_URL").expect("a PostgreSQL server").1.clone(),
                "-tAqc".into(),
                statement.into(),
            ],
        )
    } else {
        let script =
            "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1],timeout=20)\nr=c.execute(sys.argv[2]).fetchall()\nc.commit()\nprint(r)";
        (
            "python3".into(),
            vec!["-c".into(), script.into(), server.data_dir().join("jiazai.sqlite").display().to_string(), statement.into()],
        )
    };
    let done = Command::new(program).args(arguments).output().expect("the database's client runs");
    assert!(done.status.success(), "{statement}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[track_caller]
fn sealed(server: &Server) -> Value {
    eventually("everything is sealed", PATIENCE_S, || {
        let found = server.staff("auditor").get("/audit-events/verify").expect(200);
        (found["unsealed"] == 0 && found["checked"].as_i64() > Some(5)).then_some(found)
    })
}

#[test]
fn a_changed_entry_breaks_the_chain_from_there_on_for_the_server_and_the_command_alike() {
    let server = Server::start(Options::default());
    for _ in 0..6 {
        a_person(&server);
    }
    let whole = sealed(&server);
    assert_eq!(whole["intact"], true);
    assert!(whole.get("broken_at").is_none());
    let anchor = server.staff("auditor").get("/audit-events/anchor").expect(200);
    let (position, hash) = (anchor["position"].as_i64().unwrap(), string(&anchor, "hash"));
    let kept = server.staff("auditor").get(&format!("/audit-events/verify?position={position}&hash={hash}")).expect(200);
    assert_eq!(kept["intact"], true);
    let wrong = server.staff("auditor").get(&format!("/audit-events/verify?position={position}&hash={}", "0".repeat(64))).expect(200);
    assert_eq!((&wrong["intact"], &wrong["broken_at"]), (&json!(false), &json!(position)));
    for words in [&["audit", "verify"][..], &["verify-audit"]] {
        let fine = server.command(words);
        assert_eq!(fine.code, Some(0), "{fine:?}");
        assert!(fine.stdout.starts_with("intact: "), "{fine:?}");
    }
    let line = server.command(&["audit", "anchor"]);
    assert_eq!(line.code, Some(0), "{line:?}");

    sql(&server, "UPDATE audit_events SET actor_id = NULL WHERE position = 3");
    let broken = server.staff("auditor").get("/audit-events/verify").expect(200);
    assert_eq!((&broken["intact"], &broken["broken_at"]), (&json!(false), &json!(3)));
    let refused = server.command(&["audit", "verify"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("broken at 3"), "{refused:?}");
}

#[test]
fn a_removed_entry_and_a_chain_that_was_cut_are_found() {
    let server = Server::start(Options::default());
    for _ in 0..6 {
        a_person(&server);
    }
    sealed(&server);
    let line = server.command(&["audit", "anchor"]);
    let anchors = server.data_dir().join("anchors.txt");
    std::fs::write(&anchors, &line.stdout).expect("written");
    let file = anchors.display().to_string();
    assert_eq!(server.command(&["audit", "verify", "--anchors", &file]).code, Some(0));
    sql(&server, "DELETE FROM audit_events WHERE position = 4");
    let broken = server.staff("auditor").get("/audit-events/verify").expect(200);
    assert_eq!(broken["broken_at"], 4);
    std::fs::write(&anchors, "what is this\n").expect("written");
    let refused = server.command(&["audit", "verify", "--anchors", &file]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("line 1"), "{refused:?}");
}

#[test]
fn an_operator_cannot_keep_entries_for_less_than_six_months() {
    let said = jiazai_tests::refused_start(&[], &[("JIAZAI_AUDIT_KEEP_DAYS", "30")]);
    assert!(said.contains("JIAZAI_AUDIT_KEEP_DAYS"), "{said}");
}
