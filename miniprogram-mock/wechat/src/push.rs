//! Message push 消息推送: the platform calls the developer's server, signed, sealed where the console says so, and again when
//! it is not answered.
//!
//! A delivery that is not answered within five seconds with `success`, or with nothing, is cut off and tried again, three
//! times in all; so the same event may arrive more than once, and a server tells them apart by who and when.

use std::collections::VecDeque;
use std::time::Duration;

use actix_web::web::Data;
use serde_json::{Map, Value, json};

use crate::content::{Media, verdict_event};
use crate::envelope::{AesKey, signature};
use crate::faults::Fault;
use crate::journal::{instant, shortened};
use crate::random;
use crate::state::Simulator;

/// How faults name what is pushed.
pub(crate) const API: &str = "push";
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it takes to look at a picture. The platform may take half an hour.
const LOOKING: Duration = Duration::from_millis(150);
/// Between a refusal and the next try; whether the platform waits at all is not known.
const BREATH: Duration = Duration::from_millis(500);
const MOST_ANSWER: usize = 4096;
const MOST_MEDIA: usize = 10 << 20;
const KEPT: usize = 10_000;

/// Where pushes go and how, as the console knows it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) token: String,
    /// Secure mode 安全模式 with this key; plain mode 明文模式 without.
    pub(crate) key: Option<AesKey>,
    pub(crate) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Format {
    Json,
    Xml,
}

/// Something to tell the developer's server.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Whom it is about.
    pub(crate) openid: String,
    pub(crate) name: String,
    pub(crate) fields: Map<String, Value>,
    /// The element that XML puts around the fields and JSON does not.
    pub(crate) nested_in: Option<&'static str>,
}

impl Event {
    /// The thumb on the dialog, or the fate of a message. In JSON a list of one is no list.
    pub(crate) fn of_messages(openid: &str, name: &str, nested_in: &'static str, mut items: Vec<Value>) -> Self {
        let list = if items.len() == 1 { items.remove(0) } else { Value::Array(items) };
        let fields = Map::from_iter([("List".to_owned(), list)]);
        Self { openid: openid.to_owned(), name: name.to_owned(), fields, nested_in: Some(nested_in) }
    }
}

/// What was pushed, and where to.
pub(crate) struct Pushes {
    pub(crate) target: Option<Target>,
    /// The mini-program's own name in messages.
    pub(crate) account: String,
    log: VecDeque<Value>,
}

impl Pushes {
    pub(crate) fn new(target: Option<Target>) -> Self {
        Self { target, account: format!("gh_{}", random::hex::<12>()), log: VecDeque::new() }
    }

    fn record(&mut self, entry: Value) {
        if self.log.len() >= KEPT {
            self.log.pop_front();
        }
        self.log.push_back(entry);
    }

    /// Newest first.
    pub(crate) fn read(&self) -> Vec<Value> {
        self.log.iter().rev().cloned().collect()
    }
}

/// The message before its envelope. In these events JSON writes the time as text here and as a number there; so it does now.
fn written(event: &Event, account: &str, format: Format, now_s: i64) -> String {
    let created: Value = if event.nested_in.is_some() && format == Format::Json { now_s.to_string().into() } else { now_s.into() };
    let head = [
        ("ToUserName", Value::from(account)),
        ("FromUserName", event.openid.as_str().into()),
        ("CreateTime", created),
        ("MsgType", "event".into()),
        ("Event", event.name.as_str().into()),
    ];
    match format {
        Format::Json => {
            let mut all: Map<String, Value> = head.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            all.extend(event.fields.clone());
            Value::Object(all).to_string()
        }
        Format::Xml => {
            let mut text = String::from("<xml>");
            head.iter().for_each(|(name, value)| element(&mut text, name, value));
            if let Some(around) = event.nested_in {
                element(&mut text, around, &Value::Object(event.fields.clone()));
            } else {
                event.fields.iter().for_each(|(name, value)| element(&mut text, name, value));
            }
            text + "</xml>"
        }
    }
}

fn element(text: &mut String, name: &str, value: &Value) {
    if let Value::Array(items) = value {
        return items.iter().for_each(|item| element(text, name, item));
    }
    text.push_str(&format!("<{name}>"));
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| element(text, name, value)),
        Value::String(words) => text.push_str(&format!("<![CDATA[{}]]>", words.replace("]]>", "]]]]><![CDATA[>"))),
        other => text.push_str(&other.to_string()),
    }
    text.push_str(&format!("</{name}>"));
}

/// A message in its envelope: the query and the body.
fn enveloped(
    target: &Target,
    appid: &str,
    account: &str,
    openid: &str,
    message: &str,
    now_s: i64,
) -> (Vec<(&'static str, String)>, String) {
    let (timestamp, nonce) = (now_s.to_string(), random::small_step().to_string());
    let plain = signature(&[&target.token, &timestamp, &nonce]);
    let mut query = vec![("signature", plain), ("timestamp", timestamp.clone()), ("nonce", nonce.clone()), ("openid", openid.to_owned())];
    let Some(key) = &target.key else { return (query, message.to_owned()) };
    let sealed = key.seal(&random::alphanumeric::<16>(), message, appid);
    let signed = signature(&[&target.token, &timestamp, &nonce, &sealed]);
    query.extend([("encrypt_type", "aes".to_owned()), ("msg_signature", signed)]);
    let body = match target.format {
        Format::Json => json!({"ToUserName": account, "Encrypt": sealed}).to_string(),
        Format::Xml => format!("<xml><ToUserName><![CDATA[{account}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"),
    };
    (query, body)
}

/// A client that goes where it is sent and nowhere else.
fn client() -> Option<reqwest::Client> {
    reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).no_proxy().build().ok()
}

/// Delivers an event as often as it takes, or as a fault has it.
pub(crate) async fn deliver(simulator: Data<Simulator>, event: Event) {
    let (target, account, fault) = {
        let mut state = simulator.state();
        let fault = state.faults.strike(API);
        (state.pushes.target.clone(), state.pushes.account.clone(), fault)
    };
    let Some(target) = target else { return };
    let message = match fault {
        Some(Fault::Garbage) => "<html>".to_owned(),
        _ => written(&event, &account, target.format, simulator.clock.now_ms() / 1000),
    };
    match fault {
        Some(Fault::Drop) => return log(&simulator, &event, 0, "lost", None),
        Some(Fault::Delay(ms)) => actix_web::rt::time::sleep(Duration::from_millis(ms)).await,
        _ => {}
    }
    let times = if fault == Some(Fault::Duplicate) { 2 } else { 1 };
    for _ in 0..times {
        push(&simulator, &target, &account, &event, &message).await;
    }
}

async fn push(simulator: &Data<Simulator>, target: &Target, account: &str, event: &Event, message: &str) {
    let Some(client) = client() else { return };
    let content_type = if target.format == Format::Json { "application/json" } else { "text/xml" };
    for attempt in 1..=TRIES {
        let now_s = simulator.clock.now_ms() / 1000;
        let (query, body) = enveloped(target, &simulator.account.appid, account, &event.openid, message, now_s);
        let sent = client.post(&target.url).query(&query).header("content-type", content_type).body(body).send().await;
        let (outcome, status) = match sent {
            Err(error) if error.is_timeout() => ("timeout", None),
            Err(_) => ("unreachable", None),
            Ok(answer) => {
                let status = answer.status();
                let text = answer.text().await.unwrap_or_default();
                let content = status.is_success() && text.len() <= MOST_ANSWER && matches!(text.trim(), "" | "success");
                (if content { "taken" } else { "refused" }, Some(status.as_u16()))
            }
        };
        log(simulator, event, attempt, outcome, status);
        if outcome == "taken" {
            return;
        }
        if outcome != "timeout" && attempt < TRIES {
            actix_web::rt::time::sleep(BREATH).await;
        }
    }
}

fn log(simulator: &Simulator, event: &Event, attempt: u32, outcome: &str, status: Option<u16>) {
    let now_ms = simulator.clock.now_ms();
    let entry = json!({
        "at": instant(now_ms), "event": event.name, "openid": event.openid, "fields": event.fields,
        "attempt": attempt, "outcome": outcome, "status": status,
    });
    simulator.state().pushes.record(entry);
    simulator.tell(&format!(
        "推送 {0} 给开发者服务器（第 {attempt} 次）：{outcome} · {0} pushed to the developer's server, try {attempt}: {outcome}",
        shortened(&event.name)
    ));
}

/// Fetches what is to be looked at, and pushes the verdict.
pub(crate) async fn look_at(simulator: Data<Simulator>, media: Media) {
    let fetched = match client() {
        Some(client) => match client.get(&media.url).send().await {
            Ok(answer) if answer.status().is_success() => {
                answer.bytes().await.is_ok_and(|bytes| !bytes.is_empty() && bytes.len() <= MOST_MEDIA)
            }
            _ => false,
        },
        None => false,
    };
    actix_web::rt::time::sleep(LOOKING).await;
    let ordered = match simulator.state().faults.next(API) {
        Some(Fault::Errcode(errcode)) => Some(errcode),
        _ => None,
    };
    let event = verdict_event(&media, &simulator.account.appid, fetched, ordered);
    deliver(simulator, event).await;
}

/// What saving the address in the console does: the server must echo a signed word. Whether it did.
pub(crate) async fn verify(simulator: &Simulator) -> bool {
    let Some((target, client)) = simulator.state().pushes.target.clone().zip(client()) else { return false };
    let (timestamp, nonce, echo) =
        ((simulator.clock.now_ms() / 1000).to_string(), random::small_step().to_string(), random::small_step().to_string());
    let query = [
        ("signature", signature(&[&target.token, &timestamp, &nonce])),
        ("timestamp", timestamp),
        ("nonce", nonce),
        ("echostr", echo.clone()),
    ];
    match client.get(&target.url).query(&query).send().await {
        Ok(answer) if answer.status().is_success() => answer.text().await.is_ok_and(|text| text == echo),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> Event {
        let item = json!({"TemplateId": "t", "MsgID": "1", "ErrorCode": "0", "ErrorStatus": "success"});
        Event::of_messages("o-1", "subscribe_msg_sent_event", "SubscribeMsgSentEvent", vec![item])
    }

    #[test]
    fn a_list_of_one_is_no_list_in_json_and_nested_in_xml() {
        let json: Value = serde_json::from_str(&written(&sent(), "gh_1", Format::Json, 5)).expect("JSON");
        assert_eq!((&json["List"]["MsgID"], &json["CreateTime"]), (&json!("1"), &json!("5")));
        let xml = written(&sent(), "gh_1", Format::Xml, 5);
        assert!(xml.contains("<CreateTime>5</CreateTime>"), "{xml}");
        assert!(xml.contains("<SubscribeMsgSentEvent><List><ErrorCode><![CDATA[0]]></ErrorCode>"), "{xml}");
    }

    #[test]
    fn nothing_breaks_out_of_a_text_in_xml() {
        let mut text = String::new();
        element(&mut text, "Content", &"a]]><b>".into());
        assert_eq!(text, "<Content><![CDATA[a]]]]><![CDATA[><b>]]></Content>");
    }
}
