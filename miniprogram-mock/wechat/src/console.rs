//! `/_sim/…` for what the platform itself decides and does: verdicts about content, the console's settings for push, events.

use actix_web::web::Data;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::content::{LABELS, MOST_KEYWORDS, Suggest, Verdict};
use crate::control::{Mistake, mistake, openid, read};
use crate::push::{Event, deliver};
use crate::state::{Simulator, target};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Visit {
    openid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keyword {
    keyword: String,
    suggest: String,
    label: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MediaVerdict {
    suggest: String,
    label: Option<i64>,
    times: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PushSettings {
    url: Option<String>,
    token: Option<String>,
    aes_key: Option<String>,
    format: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Happening {
    openid: String,
    event: String,
    #[serde(default)]
    fields: Map<String, Value>,
}

fn verdict(suggest: &str, label: Option<i64>) -> Result<Verdict, Mistake> {
    let suggest = Suggest::named(suggest).ok_or_else(|| mistake("suggest: one of pass, review, risky"))?;
    let label = label.unwrap_or(if suggest == Suggest::Pass { 100 } else { 21000 });
    if LABELS.contains(&label) { Ok(Verdict { suggest, label }) } else { Err(mistake(format!("label: one of {LABELS:?}"))) }
}

/// The person opens the mini-program, without a log-in: what is checked for them within two hours is theirs.
pub(crate) fn visit(simulator: &Simulator, body: &[u8]) -> Result<Value, Mistake> {
    let asked: Visit = read(body)?;
    let openid = openid(asked.openid)?;
    simulator.state().login.opened(&openid, simulator.clock.now_ms());
    Ok(json!({"openid": openid}))
}

pub(crate) fn keyword(simulator: &Simulator, body: &[u8]) -> Result<Value, Mistake> {
    let asked: Keyword = read(body)?;
    if !(1..=100).contains(&asked.keyword.chars().count()) {
        return Err(mistake("keyword: 1 to 100 characters"));
    }
    let verdict = verdict(&asked.suggest, asked.label)?;
    let keywords = simulator.state().content.teach(asked.keyword, verdict);
    Ok(json!({"keywords": keywords.ok_or_else(|| mistake(format!("there are {MOST_KEYWORDS} keywords already")))?}))
}

pub(crate) fn media_verdict(simulator: &Simulator, body: &[u8]) -> Result<Value, Mistake> {
    let asked: MediaVerdict = read(body)?;
    let times = asked.times.unwrap_or(1);
    let verdict = verdict(&asked.suggest, asked.label)?;
    if !(1..=1000).contains(&times) || !simulator.state().content.plan(verdict, times) {
        return Err(mistake("times: 1 to 1000, of all that wait together"));
    }
    Ok(json!({"times": times}))
}

/// What is saved in the console; without a `url` nothing is pushed any more.
pub(crate) fn push(simulator: &Simulator, body: &[u8]) -> Result<Value, Mistake> {
    let asked: PushSettings = read(body)?;
    let xml = match asked.format.as_deref() {
        None | Some("json") => false,
        Some("xml") => true,
        Some(_) => return Err(mistake("format: json or xml")),
    };
    let Some(url) = asked.url else {
        simulator.state().pushes.target = None;
        return Ok(json!({"mode": null}));
    };
    let set = target(&url, asked.token.as_deref().unwrap_or_default(), asked.aes_key.as_deref(), xml).map_err(mistake)?;
    let mode = if set.key.is_some() { "secure" } else { "plain" };
    simulator.state().pushes.target = Some(set);
    Ok(json!({"mode": mode, "format": if xml { "xml" } else { "json" }}))
}

/// Something happens in WeChat that the developer's server is told of.
pub(crate) fn happening(simulator: &Data<Simulator>, body: &[u8]) -> Result<Value, Mistake> {
    let asked: Happening = read(body)?;
    let openid = openid(asked.openid)?;
    if !(1..=64).contains(&asked.event.len()) || !asked.event.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(mistake("event: 1 to 64 letters, digits and _"));
    }
    if asked.fields.keys().any(|name| name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')) {
        return Err(mistake("fields: names of letters, digits and _"));
    }
    if simulator.state().pushes.target.is_none() {
        return Err(mistake("nothing is pushed: POST /_sim/push says where to"));
    }
    let mut fields = asked.fields;
    if asked.event.starts_with("user_") {
        // Events about what somebody has allowed name both again.
        fields.entry("OpenID").or_insert_with(|| openid.as_str().into());
        fields.entry("AppID").or_insert_with(|| simulator.account.appid.as_str().into());
    }
    let nested_in = match asked.event.as_str() {
        "subscribe_msg_popup_event" => Some("SubscribeMsgPopupEvent"),
        "subscribe_msg_change_event" => Some("SubscribeMsgChangeEvent"),
        "subscribe_msg_sent_event" => Some("SubscribeMsgSentEvent"),
        _ => None,
    };
    let event = Event { openid: openid.clone(), name: asked.event, fields, nested_in };
    actix_web::rt::spawn(deliver(simulator.clone(), event));
    Ok(json!({"openid": openid}))
}
