use serde_json::json;

use super::*;

async fn here(sim: &Sim, openid: &str) {
    sim.control("visits", json!({"openid": openid})).await;
}

fn words(content: &str) -> Value {
    json!({"version": 2, "openid": "o-1", "scene": 2, "content": content})
}

async fn check(sim: &Sim, token: &str, body: Value) -> Answer {
    sim.post(&format!("/wxa/msg_sec_check?access_token={token}"), body).await
}

#[tokio::test]
async fn forbidden_words_come_back_with_errcode_zero_and_a_suggestion() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    here(&sim, "o-1").await;
    sim.control("keywords", json!({"keyword": "特价", "suggest": "review", "label": 10001})).await;
    for (content, suggest, label) in [("水管漏水", "pass", 100), ("特价水管", "review", 10001), ("违禁示例，特价", "risky", 20006)]
    {
        let answer = check(&sim, &token, words(content)).await;
        assert_eq!(answer.errcode(), 0);
        let answer = answer.json();
        assert_eq!(answer["result"], json!({"suggest": suggest, "label": label}), "{content}");
        assert!(answer["trace_id"].is_string() && answer["detail"][0]["strategy"] == "content_model");
    }
}

#[tokio::test]
async fn a_person_who_was_not_here_for_two_hours_is_61010() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    assert_eq!(check(&sim, &token, words("水管漏水")).await.errcode(), 61010);
    let code = sim.control("login-codes", json!({"openid": "o-1"})).await;
    sim.login(code["code"].as_str().unwrap()).await;
    sim.advance(7100).await;
    let token = sim.stable_token().await;
    assert_eq!(check(&sim, &token, words("水管漏水")).await.errcode(), 0);
    sim.advance(200).await;
    assert_eq!(check(&sim, &token, words("水管漏水")).await.errcode(), 61010);
    here(&sim, "o-1").await;
    assert_eq!(check(&sim, &token, words("水管漏水")).await.errcode(), 0);
}

#[tokio::test]
async fn scene_openid_and_length_are_held_to_their_rules() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    here(&sim, "o-1").await;
    let with = |name: &str, value: Value| {
        let mut body = words("水管");
        body[name] = value;
        body
    };
    for (body, errcode) in [
        (with("scene", 5.into()), 40129),
        (with("scene", "2".into()), 40129),
        (with("openid", "不是".into()), 40003),
        (with("content", "".into()), 47001),
        (with("content", "字".repeat(2501).into()), 47001),
        (with("content", "字".repeat(2500).into()), 0),
    ] {
        assert_eq!(check(&sim, &token, body).await.errcode(), errcode);
    }
    assert_eq!(check(&sim, "", words("x")).await.errcode(), 41001);
}

#[tokio::test]
async fn without_a_version_the_old_check_says_no_by_errcode() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    assert_eq!(check(&sim, &token, json!({"content": "违禁示例"})).await.errcode(), 87014);
    assert_eq!(check(&sim, &token, json!({"content": "水管"})).await.errcode(), 0);
}

#[tokio::test]
async fn escaped_chinese_passes_unread() {
    let sim = Sim::start();
    let path = format!("/wxa/msg_sec_check?access_token={}", sim.stable_token().await);
    here(&sim, "o-1").await;
    let escaped = r#"{"version":2,"openid":"o-1","scene":2,"content":"\u8fdd\u7981\u793a\u4f8b"}"#;
    assert_eq!(sim.post_text(&path, escaped).await.json()["result"]["suggest"], "pass");
}

#[tokio::test]
async fn a_mini_program_code_is_a_picture_and_a_refusal_is_json_at_the_same_status() {
    let sim = Sim::start();
    let path = format!("/wxa/getwxacodeunlimit?access_token={}", sim.stable_token().await);
    let response = sim.http.post(format!("{}{path}", sim.base)).json(&json!({"scene": "shf_01", "page": "pages/a/b", "width": 280}));
    let response = response.send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()), (200, "image/png"));
    assert!(response.bytes().await.unwrap().starts_with(b"\x89PNG\r\n"));
    for (body, errcode) in [
        (json!({}), 40129),
        (json!({"scene": "楼"}), 40129),
        (json!({"scene": "a%20b"}), 40129),
        (json!({"scene": "x".repeat(33)}), 40169),
        (json!({"scene": "a", "page": "/pages/a"}), 41030),
        (json!({"scene": "a", "page": "pages/a?b=1"}), 41030),
        (json!({"scene": "a", "width": 100}), 40097),
        (json!({"scene": "a", "env_version": "developer"}), 40097),
    ] {
        assert_eq!(sim.post(&path, body.clone()).await.errcode(), errcode, "{body}");
    }
}

#[tokio::test]
async fn everything_is_told_in_plain_words() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    sim.allow("o-1", TEMPLATE, 1).await;
    sim.send(&token, message("o-1")).await;
    let story = sim.get("/_sim/story").await.json();
    let newest = story["items"][0]["text"].as_str().unwrap();
    assert!(newest.contains("三楼漏水") && newest.contains("is told in WeChat"), "{newest}");
}
