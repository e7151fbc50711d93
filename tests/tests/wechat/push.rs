//! What WeChat pushes is believed if it is signed, and obeyed once.

use jiazai_tests::{Client, Options, Server, Value, json, shared, unique};
use sha1::{Digest, Sha1};

use super::{happens, seconds};

#[test]
fn the_address_check_of_the_console_is_answered() {
    assert_eq!(shared().sim().tell("/_sim/push/verify", &json!({}))["verified"], true);
}

#[test]
fn what_somebody_takes_back_is_gone() {
    let someone = shared().resident();
    someone.bind_phone("13812345678");
    someone.put("/me", json!({ "nickname": "阿明" })).expect(200);
    happens(shared(), &someone.openid, "user_authorization_revoke", json!({ "RevokeInfo": "8" }));
    let me = someone.get("/me").expect(200);
    assert_eq!((&me["phone_masked"], &me["display_name"]), (&Value::Null, &json!("阿明")));
    let other = shared().resident();
    other.put("/me", json!({ "nickname": "阿强" })).expect(200);
    happens(shared(), &other.openid, "user_authorization_revoke", json!({ "RevokeInfo": "6,14" }));
    assert_eq!(other.get("/me").expect(200)["display_name"], "微信用户");
}

#[test]
fn whoever_leaves_wechat_is_erased_here() {
    let someone = shared().resident();
    let device = someone.on_another_device();
    let before = someone.id();
    happens(shared(), &someone.openid, "user_authorization_cancellation", json!({}));
    device.get("/me").expect(200);
    assert_ne!(device.id(), before, "the same openid comes back as somebody new");
}

#[test]
fn strangers_and_what_is_unknown_change_nothing() {
    happens(shared(), "o-nobody-here", "user_authorization_cancellation", json!({}));
    happens(shared(), "o-nobody-here", "something_new", json!({ "Deep": { "er": ["x", 1] } }));
}

/// The query that goes with an unsealed push at this moment.
fn signed(server: &Server) -> String {
    let now = server.anon().get("/meta/time").expect(200)["now"].as_str().unwrap().to_owned();
    signed_at(&seconds(&now).to_string())
}

fn signed_at(timestamp: &str) -> String {
    let nonce = unique("n").replace(['-', '_'], "");
    let mut parts = ["AAAAA", timestamp, nonce.as_str()];
    parts.sort_unstable();
    let signature: String = Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("signature={signature}&timestamp={timestamp}&nonce={nonce}")
}

#[test]
fn only_what_is_signed_fresh_and_readable_is_taken_and_a_repetition_is_obeyed_once() {
    let server = Server::start(Options::default().env("WECHAT_PUSH_TOKEN", "AAAAA"));
    let someone = server.resident();
    someone.put("/me", json!({ "nickname": "阿明" })).expect(200);
    let push = |query: &str, kind: &str, body: &str| {
        server.anon().call("POST", &format!("/wechat/push?{query}")).bytes(kind, body.as_bytes().to_vec()).send()
    };
    let revoke = format!(
        r#"{{"ToUserName":"gh_1","FromUserName":"{0}","CreateTime":5,"MsgType":"event","Event":"user_authorization_revoke","OpenID":"{0}","RevokeInfo":"6"}}"#,
        someone.openid
    );
    for query in ["", "signature=x&timestamp=1&nonce=2", &signed_at("1714037059"), &signed_at("never")] {
        assert_eq!(push(query, "application/json", &revoke).status, 403, "{query}");
    }
    for body in ["", "text", "[]", "<xml>", "<!DOCTYPE x [<!ENTITY a \"b\">]><xml><a>&a;</a></xml>"] {
        assert_eq!(push(&signed(&server), "text/xml", body).status, 400, "{body}");
    }
    assert_eq!(push(&signed(&server), "text/xml", &format!("<xml><a>{}</a></xml>", "x".repeat(70_000))).status, 413);
    assert_eq!(someone.get("/me").expect(200)["display_name"], "阿明", "nothing of that was obeyed");

    let taken = push(&signed(&server), "application/json", &revoke);
    assert_eq!((taken.status, taken.text()), (200, "success".to_owned()));
    assert_eq!(someone.get("/me").expect(200)["display_name"], "微信用户");
    someone.put("/me", json!({ "nickname": "阿强" })).expect(200);
    assert_eq!(push(&signed(&server), "application/json", &revoke).status, 200, "the platform repeats itself");
    assert_eq!(someone.get("/me").expect(200)["display_name"], "阿强", "and is obeyed once");
    let xml = format!(
        "<xml><FromUserName><![CDATA[{0}]]></FromUserName><CreateTime>6</CreateTime><MsgType><![CDATA[event]]></MsgType>\
         <Event><![CDATA[user_authorization_revoke]]></Event><OpenID><![CDATA[{0}]]></OpenID><RevokeInfo><![CDATA[6]]></RevokeInfo></xml>",
        someone.openid
    );
    assert_eq!(push(&signed(&server), "text/xml", &xml).text(), "success");
    assert_eq!(someone.get("/me").expect(200)["display_name"], "微信用户");
}

#[test]
fn where_a_key_is_set_nothing_unsealed_is_taken_and_without_a_token_nothing_at_all() {
    let at = format!("/wechat/push?{}", signed(shared()));
    shared().anon().call("POST", &at).bytes("application/json", b"{}".to_vec()).refuse(403, "forbidden");
    let silent = Server::start(Options::default().env("WECHAT_API_BASE", shared().sim().base()));
    silent.anon().get("/wechat/push?signature=x&timestamp=1&nonce=2&echostr=3").refuse(404, "not_found");
}
