use serde_json::json;

use super::*;

#[tokio::test]
async fn one_tap_on_allow_buys_one_message() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    assert_eq!(sim.send(&token, message("o-1")).await.errcode(), 43101);
    sim.allow("o-1", TEMPLATE, 2).await;
    assert_eq!(sim.send(&token, message("o-1")).await.errcode(), 0);
    assert_eq!(sim.send(&token, message("o-1")).await.errcode(), 0);
    let refused = sim.send(&token, message("o-1")).await;
    assert_eq!(refused.errcode(), 43101);
    assert!(refused.errmsg().starts_with("user refuse to accept the msg rid: "), "{}", refused.errmsg());
}

#[tokio::test]
async fn a_credit_is_for_one_person_and_one_template() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    sim.allow("o-1", "template-code", 1).await;
    assert_eq!(sim.send(&token, message("o-1")).await.errcode(), 43101);
    sim.allow("o-2", TEMPLATE, 1).await;
    assert_eq!(sim.send(&token, message("o-1")).await.errcode(), 43101);
}

#[tokio::test]
async fn the_msgid_is_a_number_that_no_double_can_hold_and_new_each_time() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    sim.allow("o-1", TEMPLATE, 2).await;
    let first = sim.send(&token, message("o-1")).await.json()["msgid"].as_i64().unwrap();
    let second = sim.send(&token, message("o-1")).await.json()["msgid"].as_i64().unwrap();
    assert!(first > 1 << 53);
    assert_ne!(first, second);
}

#[tokio::test]
async fn accepted_messages_are_listed_newest_first_as_they_were_sent() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    for openid in ["o-1", "o-2", "o-refused"] {
        if openid != "o-refused" {
            sim.allow(openid, TEMPLATE, 1).await;
        }
        let mut message = message(openid);
        message["page"] = "pages/ticket/show?id=1".into();
        message["miniprogram_state"] = "developer".into();
        sim.send(&token, message).await;
    }
    let items = sim.get("/_sim/messages").await.json()["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 2);
    assert_eq!((&items[0]["touser"], &items[1]["touser"]), (&json!("o-2"), &json!("o-1")));
    assert_eq!(items[0]["template_id"], TEMPLATE);
    assert_eq!(items[0]["page"], "pages/ticket/show?id=1");
    assert_eq!(items[0]["data"]["thing1"]["value"], "三楼漏水");
    assert_eq!((&items[0]["miniprogram_state"], &items[0]["lang"]), (&json!("developer"), &json!("zh_CN")));
    assert!(items[0]["msgid"].is_string());
}

#[tokio::test]
async fn what_is_wrong_with_a_message_is_told_and_costs_no_credit() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    sim.allow("o-1", TEMPLATE, 1).await;
    let with = |name: &str, value: Value| {
        let mut message = message("o-1");
        message[name] = value;
        message
    };
    let field = |key: &str, value: Value| {
        let mut message = message("o-1");
        message["data"][key] = json!({"value": value});
        message
    };
    let too_long = "一二三四五六七八九十一二三四五六七八九十一";
    for (message, errcode, text) in [
        (with("touser", "不是".into()), 40003, "invalid openid rid: "),
        (with("touser", Value::Null), 40003, "invalid openid rid: "),
        (with("template_id", "unknown".into()), 40037, "invalid template_id rid: "),
        (with("page", "/pages/index".into()), 41030, "invalid page rid: "),
        (with("lang", "de_DE".into()), 47003, "argument invalid! lang value invalid rid: "),
        (with("miniprogram_state", "develop".into()), 47003, "argument invalid! miniprogram_state value invali rid: "),
        (with("data", r#"{"thing1":{"value":"x"}}"#.into()), 47003, "argument invalid! data.thing1.value is empty rid: "),
        (field("thing1", "".into()), 47003, "argument invalid! data.thing1.value is empty rid: "),
        (field("thing1", 5.into()), 47003, "argument invalid! data.thing1.value invalid rid: "),
        (field("thing1", too_long.into()), 47003, "argument invalid! data.thing1.value invalid rid: "),
        (field("phrase2", "OK".into()), 47003, "argument invalid! data.phrase2.value invalid rid: "),
        (field("thing9", "x".into()), 47003, "argument invalid! data.thing9.value invalid rid: "),
    ] {
        let answer = sim.send(&token, message).await;
        assert_eq!(answer.errcode(), errcode, "{}", answer.text);
        assert!(answer.errmsg().starts_with(text), "{} is not {text}", answer.errmsg());
    }
    assert_eq!(sim.send(&token, message("o-1")).await.errcode(), 0);
}

#[tokio::test]
async fn the_text_about_a_field_is_cut_at_thirty_characters() {
    let sim = Sim::start();
    let token = sim.stable_token().await;
    let message = json!({"touser": "o-1", "template_id": "template-code", "data": {"character_string2": {"value": "中文"}}});
    let errmsg = sim.send(&token, message).await.errmsg();
    assert!(errmsg.starts_with("argument invalid! data.character_string2.value i rid: "), "{errmsg}");
}

#[tokio::test]
async fn an_empty_or_broken_body_is_44002_or_47001() {
    let sim = Sim::start();
    let path = format!("/cgi-bin/message/subscribe/send?access_token={}", sim.stable_token().await);
    assert_eq!(sim.post_text(&path, "").await.errcode(), 44002);
    assert_eq!(sim.post_text(&path, "touser=o-1").await.errcode(), 47001);
}

#[tokio::test]
async fn a_send_while_another_to_the_same_person_is_under_way_is_43108_and_costs_nothing() {
    let sim = Arc::new(Sim::start());
    let token = sim.stable_token().await;
    sim.allow("o-1", TEMPLATE, 2).await;
    sim.allow("o-2", TEMPLATE, 1).await;
    sim.control("faults", json!({"api": "send", "kind": "delay", "value": 2000, "times": 1})).await;
    let slow = tokio::spawn({
        let (sim, token) = (sim.clone(), token.clone());
        async move { sim.send(&token, message("o-1")).await.errcode() }
    });
    while sim.requests("send").await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(sim.send(&token, message("o-1")).await.errcode(), 43108);
    assert_eq!(sim.send(&token, message("o-2")).await.errcode(), 0, "another person is free");
    assert_eq!(slow.await.unwrap(), 0);
    assert_eq!(sim.send(&token, message("o-1")).await.errcode(), 0);
}
