//! The WeChat platform simulator beside the server, and the clock that both share.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::read::string;
use serde_json::{Value, json};
use ureq::Agent;

/// Speaks the simulator's `/_sim/` paths. It is not our API: no manners are checked here.
#[derive(Debug)]
pub struct Sim {
    base: String,
    agent: Agent,
    /// Seconds by which this server's clock runs ahead of the wall's.
    ahead: AtomicU64,
}

impl Sim {
    pub(crate) fn new(port: u16, agent: Agent) -> Self {
        Self { base: format!("http://127.0.0.1:{port}"), agent, ahead: AtomicU64::new(0) }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// What `wx.login` hands to the mini-program of that person; a new person without an openid. Gives (code, openid).
    #[track_caller]
    pub fn login_code(&self, openid: Option<&str>) -> (String, String) {
        let answer = self.post("/_sim/login-codes", &openid.map_or_else(|| json!({}), |openid| json!({ "openid": openid })));
        (string(&answer, "code"), string(&answer, "openid"))
    }

    /// What the button that asks for the phone number hands over.
    #[track_caller]
    pub fn phone_code(&self, openid: &str, phone: &str) -> String {
        string(&self.post("/_sim/phone-codes", &json!({ "openid": openid, "phone": phone })), "code")
    }

    /// The person taps "allow" so many times in the mini-program: what pays for messages at the platform.
    #[track_caller]
    pub fn subscribe(&self, openid: &str, template_id: &str, times: u32) {
        self.post("/_sim/subscriptions", &json!({ "openid": openid, "template_id": template_id, "times": times }));
    }

    /// Asks the platform itself, as the server would: for what a test must know to look for it elsewhere.
    #[track_caller]
    pub fn ask(&self, path: &str) -> Value {
        self.get(path)
    }

    #[track_caller]
    pub fn tell(&self, path: &str, body: &Value) -> Value {
        self.post(path, body)
    }

    /// Breaks one of the platform's calls, e.g. `fault("jscode2session", json!({"kind":"errcode","value":45011,"times":1}))`.
    #[track_caller]
    pub fn fault(&self, api: &str, mut what: Value) {
        what["api"] = json!(api);
        self.post("/_sim/faults", &what);
    }

    #[track_caller]
    pub fn heal(&self) {
        let answer = self.agent.delete(format!("{}/_sim/faults", self.base)).call().expect("the simulator answers");
        assert!(answer.status().is_success(), "DELETE /_sim/faults: {}", answer.status());
    }

    /// What the server has asked of that API so far, newest first.
    #[track_caller]
    pub fn requests(&self, api: &str) -> Vec<Value> {
        items(&self.get(&format!("/_sim/requests?api={api}")))
    }

    /// That person taps "allow" once for a template, as WeChat's own dialog would tell the platform.
    #[track_caller]
    pub fn allow(&self, openid: &str, template_id: &str) {
        self.post("/_sim/subscriptions", &json!({ "openid": openid, "template_id": template_id }));
    }

    /// Subscription messages that were accepted, newest first.
    #[track_caller]
    pub fn messages(&self) -> Vec<Value> {
        items(&self.get("/_sim/messages"))
    }

    /// Moves the clock of the platform and of the server. Callers log in anew by themselves when their tokens have aged.
    #[track_caller]
    pub fn advance(&self, seconds: u64) {
        self.post("/_sim/clock", &json!({ "advance_s": seconds }));
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn ahead(&self) -> u64 {
        self.ahead.load(Ordering::SeqCst)
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.agent.post(format!("{}{path}", self.base)).content_type("application/json");
        read(path, request.send(body.to_string().as_bytes()))
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        read(path, self.agent.get(format!("{}{path}", self.base)).call())
    }
}

#[track_caller]
fn read(path: &str, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
    let mut answer = answer.unwrap_or_else(|error| panic!("simulator {path}: {error}"));
    let body = answer.body_mut().read_to_string().unwrap_or_default();
    assert!(answer.status().is_success(), "simulator {path}: {} {body}", answer.status());
    if body.is_empty() { Value::Null } else { serde_json::from_str(&body).unwrap_or_else(|e| panic!("simulator {path}: {e}: {body}")) }
}

/// Lists come as `{"items":[…]}`, or bare.
fn items(answer: &Value) -> Vec<Value> {
    answer.as_array().or_else(|| answer["items"].as_array()).cloned().unwrap_or_else(|| panic!("no list: {answer}"))
}
