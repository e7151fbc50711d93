use serde_json::json;

use super::*;

async fn code(sim: &Sim, order: Value) -> String {
    sim.control("phone-codes", order).await["code"].as_str().unwrap().to_owned()
}

async fn exchange(sim: &Sim, body: Value) -> Answer {
    let token = sim.stable_token().await;
    sim.post(&format!("/wxa/business/getuserphonenumber?access_token={token}"), body).await
}

fn order() -> Value {
    json!({"openid": "o-1", "phone": "13800138000"})
}

#[tokio::test]
async fn a_phone_code_gives_the_number_with_a_watermark_as_json() {
    let sim = Sim::start();
    let code = code(&sim, order()).await;
    assert!(code.len() == 64 && code.bytes().all(|byte| byte.is_ascii_hexdigit()), "{code}");
    let answer = exchange(&sim, json!({"code": code})).await;
    assert_eq!(answer.errcode(), 0);
    assert!(answer.content_type.starts_with("application/json"));
    let info = &answer.json()["phone_info"];
    assert_eq!(
        (&info["phoneNumber"], &info["purePhoneNumber"], &info["countryCode"]),
        (&json!("13800138000"), &json!("13800138000"), &json!("86"))
    );
    assert_eq!(info["watermark"]["appid"], APPID);
    let age = sim.clock.now_ms() / 1000 - info["watermark"]["timestamp"].as_i64().unwrap();
    assert!((0..60).contains(&age), "{age}");
}

#[tokio::test]
async fn a_foreign_number_has_its_prefix_only_in_the_full_form() {
    let sim = Sim::start();
    let code = code(&sim, json!({"openid": "o-1", "phone": "91234567", "country_code": "852"})).await;
    let info = exchange(&sim, json!({"code": code})).await.json()["phone_info"].clone();
    assert_eq!((&info["phoneNumber"], &info["purePhoneNumber"]), (&json!("85291234567"), &json!("91234567")));
}

#[tokio::test]
async fn the_country_code_comes_as_a_number_when_the_test_says_so() {
    let sim = Sim::start();
    let code = code(&sim, json!({"openid": "o-1", "phone": "13800138000", "country_code": 86})).await;
    let info = exchange(&sim, json!({"code": code})).await.json()["phone_info"].clone();
    assert_eq!((&info["countryCode"], &info["phoneNumber"]), (&json!(86), &json!("13800138000")));
}

#[tokio::test]
async fn a_second_use_is_40029_with_hint_and_request_id() {
    let sim = Sim::start();
    let code = code(&sim, order()).await;
    exchange(&sim, json!({"code": code})).await;
    let again = exchange(&sim, json!({"code": code})).await;
    assert_eq!(again.errcode(), 40029);
    let errmsg = again.errmsg();
    assert!(errmsg.starts_with("invalid code hint: [") && errmsg.contains("] rid: "), "{errmsg}");
}

#[tokio::test]
async fn a_login_code_an_expired_code_and_no_code_are_40029() {
    let sim = Sim::start();
    let login = sim.login_code().await;
    assert_eq!(exchange(&sim, json!({"code": login})).await.errcode(), 40029);
    // The mistake did not use the login code up.
    sim.login(&login).await.text_of("openid");
    assert_eq!(exchange(&sim, json!({})).await.errcode(), 40029);
    let code = code(&sim, order()).await;
    sim.advance(300).await;
    assert_eq!(exchange(&sim, json!({"code": code})).await.errcode(), 40029);
}

#[tokio::test]
async fn a_code_of_another_mini_program_is_40013() {
    let sim = Sim::start();
    let code = code(&sim, json!({"openid": "o-1", "phone": "13800138000", "appid": "wxffffffffffffffff"})).await;
    assert_eq!(exchange(&sim, json!({"code": code})).await.errcode(), 40013);
}

#[tokio::test]
async fn a_code_sent_with_another_persons_openid_is_refused_and_stays_good() {
    let sim = Sim::start();
    let code = code(&sim, order()).await;
    assert_eq!(exchange(&sim, json!({"code": code, "openid": "o-2"})).await.errcode(), 40003);
    assert_eq!(exchange(&sim, json!({"code": code, "openid": "o-1"})).await.errcode(), 0);
}
