//! The simulator from outside, over a real socket. A test's name is the habit of the platform that it checks; time moves
//! by `/_sim/clock` alone.

mod content;
mod control;
mod login;
mod phone;
mod push;
mod subscribe;
mod token;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use serde_json::{Value, json};
use wechat_simulator::{Options, SimClock, Template};

const APPID: &str = "wx0123456789abcdef";
const SECRET: &str = "the-app-secret-of-the-tests";
const TEMPLATE: &str = "template-repair";

/// A simulator of one's own, and the people around it: the server under test and the phone.
struct Sim {
    base: String,
    http: reqwest::Client,
    clock: SimClock,
    server: actix_web::dev::ServerHandle,
}

impl Drop for Sim {
    fn drop(&mut self) {
        // The command is sent at once; nobody waits for the end.
        drop(self.server.stop(false));
    }
}

struct Answer {
    status: u16,
    content_type: String,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {} {:?}", self.status, self.text))
    }

    fn errcode(&self) -> i64 {
        assert_eq!(self.status, 200, "WeChat refuses with HTTP 200");
        self.json()["errcode"].as_i64().expect("an errcode")
    }

    fn errmsg(&self) -> String {
        self.json()["errmsg"].as_str().expect("an errmsg").to_owned()
    }

    fn text_of(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.text)).to_owned()
    }
}

impl Sim {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let clock = SimClock::new(Arc::new(AtomicI64::new(0)));
        let templates = vec![
            Template { id: TEMPLATE.into(), fields: vec!["thing1".into(), "phrase2".into()] },
            Template { id: "template-code".into(), fields: vec!["character_string2".into()] },
        ];
        let options = Options { appid: APPID.into(), secret: SECRET.into(), templates, clock: clock.clone(), push: None, narrate: None };
        let server = wechat_simulator::bind(listener, options).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        Self { base, http: reqwest::Client::new(), clock, server: handle }
    }

    async fn finish(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        Answer {
            status: response.status().as_u16(),
            content_type: response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default(),
            text: response.text().await.unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.finish(self.http.get(format!("{}{path}", self.base))).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.finish(self.http.post(format!("{}{path}", self.base)).json(&body)).await
    }

    async fn post_text(&self, path: &str, body: &str) -> Answer {
        // The length is spelled out because the client leaves out a zero, and a POST without length is another test.
        let request = self.http.post(format!("{}{path}", self.base)).header("content-length", body.len());
        self.finish(request.body(body.to_owned())).await
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self.post(&format!("/_sim/{path}"), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    async fn advance(&self, seconds: u32) {
        self.control("clock", json!({"advance_s": seconds})).await;
    }

    async fn login_code(&self) -> String {
        self.control("login-codes", json!({})).await["code"].as_str().unwrap().to_owned()
    }

    async fn login(&self, code: &str) -> Answer {
        self.get(&format!("/sns/jscode2session?appid={APPID}&secret={SECRET}&js_code={code}&grant_type=authorization_code")).await
    }

    async fn plain_token(&self) -> String {
        let answer = self.get(&format!("/cgi-bin/token?grant_type=client_credential&appid={APPID}&secret={SECRET}")).await;
        answer.text_of("access_token")
    }

    async fn stable(&self, force: bool) -> Answer {
        let body = json!({"grant_type": "client_credential", "appid": APPID, "secret": SECRET, "force_refresh": force});
        self.post("/cgi-bin/stable_token", body).await
    }

    async fn stable_token(&self) -> String {
        self.stable(false).await.text_of("access_token")
    }

    /// What an API says about an access token: 40029 (about the nonsense code) means that the token is good.
    async fn verdict(&self, access_token: &str) -> i64 {
        self.post(&format!("/wxa/business/getuserphonenumber?access_token={access_token}"), json!({"code": "nonsense"})).await.errcode()
    }

    async fn send(&self, access_token: &str, message: Value) -> Answer {
        self.post(&format!("/cgi-bin/message/subscribe/send?access_token={access_token}"), message).await
    }

    async fn allow(&self, openid: &str, template_id: &str, times: u32) {
        self.control("subscriptions", json!({"openid": openid, "template_id": template_id, "times": times})).await;
    }

    async fn requests(&self, api: &str) -> Vec<Value> {
        self.get(&format!("/_sim/requests?api={api}")).await.json()["items"].as_array().unwrap().clone()
    }
}

const GOOD_TOKEN: i64 = 40029;

fn message(openid: &str) -> Value {
    json!({"touser": openid, "template_id": TEMPLATE, "data": {"thing1": {"value": "三楼漏水"}, "phrase2": {"value": "已派单"}}})
}
