//! Versions, keys and repeats.

use jiazai_tests::{Client, Repair, at_once, json, shared, unique};

// ---- concurrency ---------------------------------------------------------------------------------------------------

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

// ---- retries -------------------------------------------------------------------------------------------------------

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
