use serde_json::json;

use super::*;

#[tokio::test]
async fn a_login_is_answered_as_plain_text_without_an_errcode() {
    let sim = Sim::start();
    let issued = sim.control("login-codes", json!({"openid": "o-resident"})).await;
    let code = issued["code"].as_str().unwrap();
    assert!(code.len() == 32 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{code}");
    let answer = sim.login(code).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/plain"));
    assert_eq!(answer.text_of("openid"), "o-resident");
    let key = answer.text_of("session_key");
    assert!(key.len() == 24 && key.ends_with("=="), "{key}");
    assert!(answer.json().get("errcode").is_none());
}

#[tokio::test]
async fn an_openid_made_up_by_the_simulator_has_the_real_shape() {
    let sim = Sim::start();
    let openid = sim.control("login-codes", json!({})).await["openid"].as_str().unwrap().to_owned();
    assert!(openid.len() == 28 && openid.starts_with('o'), "{openid}");
    assert!(openid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{openid}");
}

#[tokio::test]
async fn a_code_works_once_and_is_then_40163_until_it_expires() {
    let sim = Sim::start();
    let code = sim.login_code().await;
    sim.login(&code).await.text_of("openid");
    let again = sim.login(&code).await;
    assert_eq!(again.errcode(), 40163);
    assert!(again.errmsg().starts_with("code been used, rid: "), "{}", again.errmsg());
    sim.advance(300).await;
    assert_eq!(sim.login(&code).await.errcode(), 40029);
}

#[tokio::test]
async fn a_code_lives_300_seconds() {
    let sim = Sim::start();
    let (early, late) = (sim.login_code().await, sim.login_code().await);
    sim.advance(290).await;
    sim.login(&early).await.text_of("openid");
    sim.advance(10).await;
    assert_eq!(sim.login(&late).await.errcode(), 40029);
}

#[tokio::test]
async fn an_unknown_code_is_40029() {
    let sim = Sim::start();
    assert_eq!(sim.login("0123456789abcdef0123456789abcdef").await.errcode(), 40029);
}

#[tokio::test]
async fn a_code_of_another_mini_program_is_40029() {
    let sim = Sim::start();
    let foreign = sim.control("login-codes", json!({"appid": "wxffffffffffffffff"})).await;
    assert_eq!(sim.login(foreign["code"].as_str().unwrap()).await.errcode(), 40029);
    let own = sim.control("login-codes", json!({"appid": APPID})).await;
    sim.login(own["code"].as_str().unwrap()).await.text_of("openid");
}

#[tokio::test]
async fn a_phone_code_is_no_login_code() {
    let sim = Sim::start();
    let code = sim.control("phone-codes", json!({"openid": "o-1", "phone": "13800138000"})).await;
    assert_eq!(sim.login(code["code"].as_str().unwrap()).await.errcode(), 40029);
}

#[tokio::test]
async fn missing_parameters_are_named_before_wrong_ones() {
    let sim = Sim::start();
    for (query, errcode, text) in [
        ("", 41002, "appid missing, rid: "),
        ("appid=", 41002, "appid missing, rid: "),
        ("appid=wrong", 41004, "appsecret missing, rid: "),
        ("appid=wrong&secret=wrong", 41008, "missing code, rid: "),
        ("appid=wrong&secret=wrong&js_code=x", 40002, "invalid grant_type, rid: "),
        ("appid=wrong&secret=wrong&js_code=x&grant_type=authorization_code", 40013, "invalid appid, rid: "),
    ] {
        let answer = sim.get(&format!("/sns/jscode2session?{query}")).await;
        assert_eq!((answer.errcode(), answer.content_type.as_str()), (errcode, "text/plain"), "{query}");
        assert!(answer.errmsg().starts_with(text), "{}", answer.errmsg());
    }
    let answer = sim.get(&format!("/sns/jscode2session?appid={APPID}&secret=wrong&js_code=x&grant_type=authorization_code")).await;
    assert_eq!(answer.errcode(), 40125);
}

#[tokio::test]
async fn a_refused_caller_does_not_use_the_code_up() {
    let sim = Sim::start();
    let code = sim.login_code().await;
    let stranger = format!("/sns/jscode2session?appid={APPID}&secret=wrong&js_code={code}&grant_type=authorization_code");
    assert_eq!(sim.get(&stranger).await.errcode(), 40125);
    sim.login(&code).await.text_of("openid");
}

#[tokio::test]
async fn a_posted_login_is_41002() {
    let sim = Sim::start();
    let code = sim.login_code().await;
    let path = format!("/sns/jscode2session?appid={APPID}&secret={SECRET}&js_code={code}&grant_type=authorization_code");
    assert_eq!(sim.post(&path, json!({})).await.errcode(), 41002);
}

#[tokio::test]
async fn the_request_id_begins_with_the_second_of_the_call_in_hex() {
    let sim = Sim::start();
    sim.advance(1_000_000).await;
    let before = sim.clock.now_ms() / 1000;
    let errmsg = sim.login("x").await.errmsg();
    let after = sim.clock.now_ms() / 1000;
    let rid = errmsg.strip_prefix("invalid code, rid: ").unwrap();
    let groups: Vec<i64> = rid.split('-').map(|group| i64::from_str_radix(group, 16).unwrap()).collect();
    assert!(rid.len() == 26 && groups.len() == 3, "{rid}");
    assert!((before..=after).contains(&groups[0]), "{rid}");
}

#[tokio::test]
async fn close_logins_of_one_person_share_the_session_key_and_later_ones_do_not() {
    let sim = Sim::start();
    let mut keys = Vec::new();
    for wait in [0, 0, 30] {
        sim.advance(wait).await;
        let code = sim.control("login-codes", json!({"openid": "o-1"})).await["code"].as_str().unwrap().to_owned();
        keys.push(sim.login(&code).await.text_of("session_key"));
    }
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2]);
}

#[tokio::test]
async fn an_unknown_api_is_an_invalid_url_and_anything_else_a_page() {
    let sim = Sim::start();
    assert_eq!(sim.get("/sns/nothing").await.errcode(), 40066);
    let page = sim.get("/nothing").await;
    assert_eq!((page.status, page.content_type.as_str()), (404, "text/html"));
}
