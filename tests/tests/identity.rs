//! Who is who: log-in by WeChat and by password, sessions, tokens.

use std::time::{Duration, Instant};

use jiazai_tests::{Client, Options, PASSWORD, Repair, Server, Value, at_once, eventually, json, shared, text, unique};

fn log_in(server: &Server, code: &str) -> jiazai_tests::Reply {
    server.anon().post("/auth/wechat/login", json!({ "code": code })).send()
}

fn refresh(server: &Server, token: &str) -> jiazai_tests::Reply {
    server.anon().post("/auth/refresh", json!({ "refresh_token": token })).send()
}

/// Whether that access token opens `/me` now.
fn works(server: &Server, access: &str) -> bool {
    match server.bearer(format!("Bearer {access}")).get("/me").send().status {
        200 => true,
        401 => false,
        other => panic!("/me answers {other}"),
    }
}

// ---- residents ----------------------------------------------------------------------------------------------------

#[test]
fn a_resident_logs_in_with_a_code_of_the_platform() {
    let (code, _) = shared().sim().login_code(None);
    let session = log_in(shared(), &code).expect(200).json;
    assert_eq!(session["token_type"], "Bearer");
    let life = session["expires_in"].as_u64().unwrap();
    assert!((60..=900).contains(&life), "{life}");
    assert_eq!(session["principal"]["kind"], "resident");
    assert_eq!(session["principal"]["roles"], json!([]));
    let me = shared().bearer(format!("Bearer {}", text(&session, "access_token"))).get("/me").expect(200);
    assert_eq!(me["id"], session["principal"]["id"]);
}

#[test]
fn the_same_person_is_the_same_principal_every_time() {
    let someone = shared().resident();
    assert_eq!(someone.log_in()["principal"]["id"], someone.log_in()["principal"]["id"]);
    assert_ne!(someone.id(), shared().resident().id());
}

#[test]
fn a_code_logs_in_once() {
    let (code, _) = shared().sim().login_code(None);
    log_in(shared(), &code).expect(200);
    let reply = log_in(shared(), &code).expect(401);
    assert_eq!(reply.json["code"], "wechat_code_invalid");
}

#[test]
fn a_code_that_the_platform_did_not_give_is_invalid() {
    for code in ["garbage", "0", "💧", &"x".repeat(64)] {
        shared().anon().post("/auth/wechat/login", json!({ "code": code })).refuse(401, "wechat_code_invalid");
    }
    shared().anon().post("/auth/wechat/login", json!({ "code": "" })).send().expect(422);
    shared().anon().post("/auth/wechat/login", json!({})).send().expect(422);
}

#[test]
fn a_code_expires_after_five_minutes() {
    let server = Server::start(Options::default());
    let (code, _) = server.sim().login_code(None);
    server.sim().advance(301);
    assert_eq!(log_in(&server, &code).expect(401).json["code"], "wechat_code_invalid");
}

#[test]
fn no_answer_to_a_log_in_shows_what_is_between_us_and_the_platform() {
    let (code, openid) = shared().sim().login_code(None);
    let body = log_in(shared(), &code).expect(200).text();
    assert!(!body.contains("session_key") && !body.contains(&openid), "{body}");
}

#[test]
fn twenty_parallel_log_ins_of_a_new_person_make_one_principal() {
    let someone = shared().resident();
    let codes: Vec<String> = (0..20).map(|_| shared().sim().login_code(Some(&someone.openid)).0).collect();
    let mut ids: Vec<String> = at_once(20, |n| text(&log_in(shared(), &codes[n]).expect(200).json["principal"], "id").to_owned());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

// ---- the platform in trouble --------------------------------------------------------------------------------------

/// Breaks `jscode2session` in that way, tries to log in and says how it went and how often the platform was asked.
fn log_in_during(fault: Value) -> (jiazai_tests::Reply, usize) {
    let server = Server::start(Options::default());
    let (code, _) = server.sim().login_code(None);
    server.sim().fault("jscode2session", fault.clone());
    let asked_before = server.sim().requests("jscode2session").len();
    let started = Instant::now();
    let reply = log_in(&server, &code);
    assert!(started.elapsed() < Duration::from_secs(8), "{fault}: answered after {:?}", started.elapsed());
    let asked = server.sim().requests("jscode2session").len() - asked_before;
    server.sim().heal();
    // Log-in works again within 10 s of the platform's return; a fresh code, since ours may be spent.
    eventually("log-in works again", 10, || {
        let (code, _) = server.sim().login_code(None);
        (log_in(&server, &code).status == 200).then_some(())
    });
    (reply, asked)
}

#[test]
fn an_error_of_the_platform_is_503_and_the_code_is_not_sent_twice() {
    for fault in [
        json!({"kind": "errcode", "value": -1}),
        json!({"kind": "errcode", "value": 40013}),
        json!({"kind": "status", "value": 500}),
        json!({"kind": "garbage"}),
    ] {
        let (reply, asked) = log_in_during(fault.clone());
        assert_eq!((reply.status, &reply.json["code"]), (503, &json!("wechat_unavailable")), "{fault}: {}", reply.describe());
        assert_eq!(asked, 1, "{fault}: a login code is never retried");
    }
}

#[test]
fn a_platform_that_hangs_up_is_503() {
    let (reply, asked) = log_in_during(json!({"kind": "drop"}));
    assert_eq!((reply.status, &reply.json["code"]), (503, &json!("wechat_unavailable")));
    assert!(asked <= 1, "a login code is never retried, but the platform was asked {asked} times");
}

#[test]
fn a_platform_that_does_not_answer_is_503_within_8_seconds() {
    let (reply, asked) = log_in_during(json!({"kind": "delay", "value": 30_000}));
    assert_eq!((reply.status, &reply.json["code"]), (503, &json!("wechat_unavailable")));
    assert!(asked <= 1, "{asked}");
}

#[test]
fn a_throttled_platform_is_told_apart() {
    let (reply, _) = log_in_during(json!({"kind": "errcode", "value": 45011}));
    assert_eq!((reply.status, &reply.json["code"]), (503, &json!("wechat_throttled")));
}

#[test]
fn what_the_platform_says_about_a_code_is_about_the_code() {
    for errcode in [40029, 40163, 40226] {
        let (reply, _) = log_in_during(json!({"kind": "errcode", "value": errcode}));
        assert_eq!((reply.status, &reply.json["code"]), (401, &json!("wechat_code_invalid")), "{errcode}");
    }
}

// ---- phone --------------------------------------------------------------------------------------------------------

#[test]
fn a_phone_number_is_bound_and_shown_masked() {
    let someone = shared().resident();
    someone.log_in();
    let bound = someone.bind_phone("13812345678");
    let shown = bound["phone_masked"]
        .as_str()
        .or(bound["principal"]["phone_masked"].as_str())
        .unwrap_or_else(|| panic!("no phone_masked in {bound}"));
    assert_eq!(shown.len(), 11);
    assert!(shown.starts_with("138") && shown.ends_with("78") && shown[3..9].chars().all(|c| c == '*'), "{shown}");
    let me = someone.get("/me").send().expect(200);
    assert_eq!(me.json["phone_masked"], shown);
    assert!(!me.text().contains("13812345678"));
}

#[test]
fn a_login_code_is_no_phone_code() {
    let someone = shared().resident();
    let (code, _) = shared().sim().login_code(Some(&someone.openid));
    someone.post("/auth/wechat/phone", json!({ "code": code })).refuse(401, "wechat_code_invalid");
    shared().anon().post("/auth/wechat/phone", json!({ "code": "x" })).send().expect(401);
    shared().staff("worker1").post("/auth/wechat/phone", json!({ "code": "x" })).send().expect(403);
}

// ---- staff --------------------------------------------------------------------------------------------------------

#[test]
fn staff_log_in_by_name_and_password_and_see_their_roles() {
    let session = shared().staff("dispatcher").log_in();
    assert_eq!(session["principal"]["kind"], "staff");
    assert_eq!(Server::roles_of(&session["principal"]), [("dispatcher".to_owned(), Some(shared().community().to_owned()))]);
    let admin = shared().staff("admin").get("/me").expect(200);
    assert_eq!(Server::roles_of(&admin), [("platform_admin".to_owned(), None)]);
}

#[test]
fn a_wrong_password_and_an_unknown_name_look_alike() {
    let server = Server::start(Options::default());
    let attempt = |name: &str| server.anon().post("/auth/staff/login", json!({ "username": name, "password": "wrong-password" })).send();
    let (known, unknown) = (attempt("worker2").expect(401), attempt("nobody-of-that-name").expect(401));
    for field in ["type", "title", "detail", "code"] {
        assert_eq!(known.json[field], unknown.json[field], "{field}");
    }
    assert_eq!(known.json["code"], "credentials_invalid");
    // Nor does the time tell: a name that nobody has costs a password's hashing too. A few attempts on each of several names,
    // because too many on one would lock it.
    let cost = |names: [&str; 4]| {
        let before = server.cpu_ticks();
        names.iter().for_each(|name| (0..4).for_each(|_| drop(attempt(name))));
        server.cpu_ticks() - before
    };
    let (known, unknown) = (cost(["grid1", "leader", "reviewer1", "reviewer2"]), cost(["nobody1", "nobody2", "nobody3", "nobody4"]));
    assert!(known > 4 && unknown * 2 > known && known * 2 > unknown, "{known} ticks for known names, {unknown} for unknown ones");
}

#[test]
fn wrong_passwords_in_a_row_lock_the_account_and_time_opens_it() {
    let server = Server::start(Options::default());
    let name = server.staff("admin").hire("dispatcher", server.community()).username;
    let attempt = |password: &str| server.anon().post("/auth/staff/login", json!({ "username": name, "password": password })).send();
    let locked = (1..=21).map(|n| (n, attempt("wrong-password"))).find(|(_, reply)| reply.status == 429);
    let (after, reply) = locked.expect("locked by 20 wrong passwords at most");
    assert!(after > 3, "three slips of the finger do not lock anybody out");
    assert_eq!(reply.json["code"], "account_locked");
    let wait: u64 = reply.must("retry-after").parse().expect("seconds");
    // The right password does not help now, which is the point of it.
    assert_eq!(attempt(PASSWORD).status, 429);
    server.sim().advance(wait + 1);
    attempt(PASSWORD).expect(200);
}

#[test]
fn a_lock_out_says_nothing_about_whether_the_name_exists() {
    let server = Server::start(Options::default());
    let attempt =
        || server.anon().post("/auth/staff/login", json!({ "username": "nobody-of-that-name", "password": "wrong-password" })).send();
    let statuses: Vec<u16> = (0..21).map(|_| attempt().status).collect();
    assert!(statuses.contains(&429), "an unknown name is locked like a known one: {statuses:?}");
}

/// What an authenticator app shows for a key at an instant, in seconds.
fn code_of(key: &str, at: u64) -> String {
    let secret = totp_rs::Secret::try_from_base32(key).expect("base 32");
    totp_rs::Builder::new().with_secret(secret).build().expect("a key").generate(at).to_string()
}

fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Turns one-time codes on; the key.
fn with_totp(who: &jiazai_tests::Staff, at: u64) -> String {
    let offer = who.post("/me/totp", json!({})).expect(200);
    let key = text(&offer, "key").to_owned();
    let body = json!({ "enrolment": offer["enrolment"], "code": code_of(&key, at) });
    who.post("/me/totp/confirm", body).expect(204);
    key
}

#[test]
fn who_has_turned_one_time_codes_on_needs_one_to_log_in_and_each_opens_once() {
    let server = Server::start(Options::default());
    let admin = server.staff("admin");
    let worker = admin.hire("dispatcher", server.community());
    let key = with_totp(&worker, now_s());
    let stranger = server.anon();
    let log_in = |code: Option<&str>| {
        let mut body = json!({ "username": worker.username, "password": PASSWORD });
        if let Some(code) = code {
            body["totp"] = json!(code);
        }
        stranger.post("/auth/staff/login", body)
    };
    log_in(None).refuse(401, "credentials_invalid");
    log_in(Some("000000")).refuse(401, "credentials_invalid");
    server.sim().advance(60);
    let code = code_of(&key, now_s() + 60);
    log_in(Some(&code)).expect(200);
    log_in(Some(&code)).refuse(401, "credentials_invalid");
    // Whoever has lost the phone is let in again by an administrator.
    let made = admin.post(&format!("/staff/{}/reset-password", admin_sees(&admin, &worker.username)), json!({})).expect(200);
    let body = json!({ "username": worker.username, "password": made["password"] });
    server.anon().post("/auth/staff/login", body).expect(200);
}

fn admin_sees(admin: &jiazai_tests::Staff, username: &str) -> String {
    let page = admin.get("/staff?limit=100").expect(200);
    let found = page["items"].as_array().expect("items").iter().find(|one| one["username"] == username);
    text(found.expect("the newcomer"), "id").to_owned()
}

#[test]
fn one_time_codes_go_over_to_another_key_only_with_a_code_of_the_present_one() {
    let server = Server::start(Options::default());
    let worker = server.staff("admin").hire("dispatcher", server.community());
    let key = with_totp(&worker, now_s());
    let bearer = server.bearer(worker.authorization().expect("logged in"));
    server.sim().advance(60);
    let at = now_s() + 60;
    let offer = bearer.post("/me/totp", json!({})).expect(200);
    let confirm = |present: Option<String>| {
        let mut body = json!({ "enrolment": offer["enrolment"], "code": code_of(text(&offer, "key"), at) });
        if let Some(present) = present {
            body["present_code"] = json!(present);
        }
        bearer.post("/me/totp/confirm", body)
    };
    assert_eq!(confirm(None).send().expect(422).json["errors"][0]["pointer"], "/present_code");
    assert_eq!(confirm(Some("000000".to_owned())).send().expect(422).json["errors"][0]["pointer"], "/present_code");
    confirm(Some(code_of(&key, at))).expect(204);
}

#[test]
fn a_new_password_ends_the_other_sessions_and_guessing_the_present_one_locks() {
    let server = Server::start(Options::default());
    let worker = server.staff("admin").hire("dispatcher", server.community());
    let (mine, other) = (worker.log_in(), worker.log_in());
    let me = server.bearer(format!("Bearer {}", text(&mine, "access_token")));
    let change = |present: &str, new: &str| me.post("/me/password", json!({ "current_password": present, "new_password": new }));
    change(PASSWORD, "battery-staple-9").expect(204);
    assert!(works(&server, text(&mine, "access_token")) && !works(&server, text(&other, "access_token")));
    let found = (0..21).map(|_| change("not-the-password", "battery-staple-8").send().status).find(|status| *status == 429);
    assert!(found.is_some(), "a stolen access token is no licence to guess");
    change("battery-staple-9", "battery-staple-8").refuse(429, "account_locked");
}

#[test]
fn two_administrators_who_disable_each_other_at_once_leave_one() {
    let server = Server::start(Options::default());
    let first = server.staff("admin");
    let made = json!({ "username": "second", "display_name": "二号", "password": PASSWORD, "roles": [{ "role": "platform_admin" }] });
    let second_id = text(&first.post("/staff", made).expect(201), "id").to_owned();
    let second = server.staff("second");
    let first_id = first.id();
    second.id();
    let replies = at_once(2, |n| {
        let (who, whom) = if n == 0 { (&first, &second_id) } else { (&second, &first_id) };
        who.post(&format!("/staff/{whom}/disable"), json!({})).send()
    });
    let done = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(done, 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
}

// ---- refresh ------------------------------------------------------------------------------------------------------

#[test]
fn a_refresh_token_is_exchanged_for_a_new_pair() {
    let session = shared().resident().log_in();
    let next = refresh(shared(), text(&session, "refresh_token")).expect(200).json;
    assert_ne!(next["refresh_token"], session["refresh_token"]);
    assert_eq!(next["principal"]["id"], session["principal"]["id"]);
    assert!(works(shared(), text(&next, "access_token")));
    refresh(shared(), text(&next, "refresh_token")).expect(200);
}

#[test]
fn a_lost_answer_is_given_again_for_30_seconds() {
    let server = Server::start(Options::default());
    let session = server.resident().log_in();
    let first = refresh(&server, text(&session, "refresh_token")).expect(200).json;
    server.sim().advance(25);
    let again = refresh(&server, text(&session, "refresh_token")).expect(200).json;
    assert_eq!(again["refresh_token"], first["refresh_token"], "the same successor");
    refresh(&server, text(&first, "refresh_token")).expect(200);
}

#[test]
fn a_token_spent_longer_ago_kills_the_family() {
    let server = Server::start(Options::default());
    let session = server.resident().log_in();
    let next = refresh(&server, text(&session, "refresh_token")).expect(200).json;
    server.sim().advance(31);
    assert_eq!(refresh(&server, text(&session, "refresh_token")).expect(401).json["code"], "refresh_reused");
    refresh(&server, text(&next, "refresh_token")).expect(401);
    assert!(!works(&server, text(&next, "access_token")), "access tokens of the family end with it");
}

#[test]
fn an_older_token_kills_the_family_even_within_30_seconds() {
    let session = shared().resident().log_in();
    let second = refresh(shared(), text(&session, "refresh_token")).expect(200).json;
    let third = refresh(shared(), text(&second, "refresh_token")).expect(200).json;
    assert_eq!(refresh(shared(), text(&session, "refresh_token")).expect(401).json["code"], "refresh_reused");
    refresh(shared(), text(&third, "refresh_token")).expect(401);
    assert!(!works(shared(), text(&third, "access_token")));
}

#[test]
fn fifty_parallel_refreshes_give_one_successor() {
    let session = shared().resident().log_in();
    let token = text(&session, "refresh_token");
    let mut successors: Vec<String> = at_once(50, |_| text(&refresh(shared(), token).expect(200).json, "refresh_token").to_owned());
    successors.sort();
    successors.dedup();
    assert_eq!(successors.len(), 1);
    refresh(shared(), &successors[0]).expect(200);
}

#[test]
fn a_refresh_token_that_we_did_not_give_is_refused() {
    let session = shared().resident().log_in();
    let genuine = text(&session, "refresh_token");
    let cut = &genuine[..genuine.len() - 1];
    for bad in ["x", text(&session, "access_token"), cut, &"x".repeat(10_000)] {
        let reply = refresh(shared(), bad);
        assert!(matches!(reply.status, 401 | 422), "{}", reply.describe());
    }
    refresh(shared(), genuine).expect(200);
}

// ---- log-out and rights -------------------------------------------------------------------------------------------

#[test]
fn logging_out_ends_this_session_and_no_other() {
    let someone = shared().resident();
    let (here, there) = (someone.log_in(), someone.log_in());
    let reply = shared().bearer(format!("Bearer {}", text(&here, "access_token"))).post("/auth/logout", json!({})).send().expect(204);
    assert!(reply.body.is_empty());
    let refused = shared().bearer(format!("Bearer {}", text(&here, "access_token"))).get("/me").send().expect(401);
    assert_eq!(refused.json["code"], "session_revoked");
    refresh(shared(), text(&here, "refresh_token")).expect(401);
    assert!(works(shared(), text(&there, "access_token")));
    refresh(shared(), text(&there, "refresh_token")).expect(200);
}

#[test]
fn an_access_token_ages() {
    let server = Server::start(Options::default());
    let session = server.resident().log_in();
    server.sim().advance(session["expires_in"].as_u64().unwrap() + 31);
    assert!(!works(&server, text(&session, "access_token")));
    refresh(&server, text(&session, "refresh_token")).expect(200);
}

#[test]
fn a_change_of_roles_bites_at_once() {
    let server = shared();
    let admin = server.staff("admin");
    let newcomer = admin.hire("repair_worker", server.community());
    let repair = Repair::new(server);
    let ticket = repair.report();
    let assign = format!("/repair-tickets/{}/assign", text(&ticket, "id"));
    // A worker who was not asked does not even see the ticket.
    let refused = newcomer.post(&assign, repair.right_body("assign")).send();
    assert!(matches!(refused.status, 403 | 404), "{}", refused.describe());
    let found = find_staff(&newcomer.username);
    let path = format!("/staff/{}", text(&found, "id"));
    let body = json!({ "display_name": "临时工", "roles": [{ "role": "dispatcher", "community_id": server.community() }] });
    admin.put(&path, body).header("If-Match", &format!("\"{}\"", found["version"])).expect(200);
    // The very same access token.
    newcomer.post(&assign, repair.right_body("assign")).expect(200);
}

#[test]
fn disabling_ends_every_session() {
    let server = shared();
    let newcomer = server.staff("admin").hire("dispatcher", server.community());
    let session = newcomer.log_in();
    let path = format!("/staff/{}/disable", newcomer.id());
    server.staff("admin").post(&path, json!({})).expect(200);
    assert!(!works(server, text(&session, "access_token")));
    refresh(server, text(&session, "refresh_token")).expect(401);
    server
        .anon()
        .post("/auth/staff/login", json!({ "username": newcomer.username, "password": PASSWORD }))
        .refuse(401, "credentials_invalid");
}

#[test]
fn a_community_admin_hires_within_the_community_only() {
    let manager = shared().staff("manager");
    manager.hire("repair_worker", shared().community());
    let abroad = json!([{ "role": "repair_worker", "community_id": shared().other_community() }]);
    let platform = json!([{ "role": "platform_admin" }]);
    for roles in [abroad, platform] {
        let body = json!({ "username": unique("u"), "display_name": "某人", "password": PASSWORD, "roles": roles });
        let reply = manager.post("/staff", body).send();
        assert!(matches!(reply.status, 403 | 404 | 422), "{}", reply.describe());
    }
}

fn find_staff(username: &str) -> Value {
    let mut path = "/staff?limit=100".to_owned();
    loop {
        let page = shared().staff("admin").get(&path).expect(200);
        if let Some(found) = page["items"].as_array().unwrap().iter().find(|s| s["username"] == username) {
            return found.clone();
        }
        path = format!("/staff?limit=100&cursor={}", text(&page, "next_cursor"));
    }
}
