//! Subscription messages: `POST /cgi-bin/message/subscribe/send` and the credits that pay for them.

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value, json};

use crate::Template;
use crate::codes::Recent;
use crate::fields::{Fault, Kind};
use crate::gateway::{Call, Success};
use crate::journal::instant;
use crate::push::Event;
use crate::random;
use crate::refusal::{CONCURRENT_SEND, INVALID_OPENID, INVALID_PAGE, INVALID_TEMPLATE, Refusal, USER_REFUSES};

const KEPT_MESSAGES: usize = 10_000;
const MOST_PAGE: usize = 1024;
/// Above 2^53, like the real ones, so that a client that reads it as a floating-point number shows itself.
const FIRST_MSGID: i64 = 3_248_682_510_000_000_001;

pub(crate) struct Subscriptions {
    templates: Vec<Template>,
    /// By openid and template id.
    credits: Recent<(String, String), u32>,
    /// People with a send on its way to them.
    occupied: HashSet<String>,
    messages: VecDeque<Message>,
    next_msgid: i64,
}

struct Message {
    at_ms: i64,
    msgid: i64,
    touser: String,
    template_id: String,
    page: Option<String>,
    data: Value,
    miniprogram_state: String,
    lang: String,
}

impl Subscriptions {
    pub(crate) fn new(templates: Vec<Template>) -> Self {
        Self {
            templates,
            credits: Recent::new(50_000),
            occupied: HashSet::new(),
            messages: VecDeque::new(),
            next_msgid: FIRST_MSGID + random::small_step(),
        }
    }

    /// The user pressed "allow" so many times; returns the credits there are now. `None` for an unknown template.
    pub(crate) fn allow(&mut self, openid: &str, template_id: &str, times: u32) -> Option<u32> {
        self.templates.iter().find(|template| template.id == template_id)?;
        let key = (openid.to_owned(), template_id.to_owned());
        if let Some(credits) = self.credits.get_mut(&key) {
            *credits = credits.saturating_add(times);
            return Some(*credits);
        }
        self.credits.insert(key, times);
        Some(times)
    }

    pub(crate) fn release(&mut self, openid: &str) {
        self.occupied.remove(openid);
    }

    /// Newest first. `msgid` as text: a JavaScript reader would round the number.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let shown = |message: &Message| {
            json!({
                "at": instant(message.at_ms),
                "msgid": message.msgid.to_string(),
                "touser": message.touser,
                "template_id": message.template_id,
                "page": message.page,
                "data": message.data,
                "miniprogram_state": message.miniprogram_state,
                "lang": message.lang,
            })
        };
        self.messages.iter().rev().map(shown).collect()
    }
}

/// An openid as far as its shape tells: 1 to 64 letters, digits, `-` and `_`. Whether the person ever logged in is not
/// asked, because the simulator forgets at every start what the server under test keeps in its database.
pub(crate) fn is_openid(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// All that is wrong with the words of a message is found before the credit is looked at, and a refused message costs
/// none.
pub(crate) fn send(subscriptions: &mut Subscriptions, call: &Call<'_>) -> Result<Success, Refusal> {
    let body = call.json()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let touser = text("touser").filter(|openid| is_openid(openid)).ok_or(INVALID_OPENID)?;
    let template =
        text("template_id").and_then(|id| subscriptions.templates.iter().find(|template| template.id == id)).ok_or(INVALID_TEMPLATE)?;
    let page = match body.get("page") {
        None | Some(Value::Null) => None,
        Some(Value::String(page)) if page.len() <= MOST_PAGE && !page.starts_with('/') => Some(page.clone()),
        Some(_) => return Err(INVALID_PAGE),
    };
    let miniprogram_state = one_of(&body, "miniprogram_state", &["formal", "trial", "developer"])?;
    let lang = one_of(&body, "lang", &["zh_CN", "en_US", "zh_HK", "zh_TW"])?;
    // A common mistake is to send `data` as text that holds JSON: then every field is missing.
    let nothing = Map::new();
    let data = body.get("data").and_then(Value::as_object).unwrap_or(&nothing);
    check(template, data)?;

    if subscriptions.occupied.contains(touser) {
        return Err(CONCURRENT_SEND);
    }
    let key = (touser.to_owned(), template.id.clone());
    let credits = subscriptions.credits.get_mut(&key).filter(|credits| **credits > 0).ok_or(USER_REFUSES)?;
    *credits -= 1;

    let msgid = subscriptions.next_msgid;
    subscriptions.next_msgid += random::small_step();
    if subscriptions.messages.len() >= KEPT_MESSAGES {
        subscriptions.messages.pop_front();
    }
    let (openid, template_id) = key;
    subscriptions.occupied.insert(openid.clone());
    subscriptions.messages.push_back(Message {
        at_ms: call.now_ms,
        msgid,
        touser: openid.clone(),
        template_id,
        page,
        data: Value::Object(data.clone()),
        miniprogram_state,
        lang,
    });
    let words: Vec<&str> = template.fields.iter().filter_map(|key| data.get(key)?.get("value")?.as_str()).collect();
    let words = words.join("，");
    let meaning = format!("{openid} 的微信收到服务通知：{words} · {openid} is told in WeChat: {words}");
    let fate = json!({"TemplateId": template.id, "MsgID": msgid.to_string(), "ErrorCode": "0", "ErrorStatus": "success"});
    let event = Event::of_messages(&openid, "subscribe_msg_sent_event", "SubscribeMsgSentEvent", vec![fate]);
    Ok(Success::ok(json!({"errcode": 0, "errmsg": "ok", "msgid": msgid})).meaning(meaning).pushing(event).occupying(openid))
}

/// The first is the default.
fn one_of(body: &Map<String, Value>, name: &str, known: &[&str]) -> Result<String, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(known[0].to_owned()),
        Some(Value::String(text)) if known.contains(&text.as_str()) => Ok(text.clone()),
        Some(_) => Err(Refusal::argument(&format!("{name} value invalid"))),
    }
}

/// # Errors
/// 47003 for the first field that is missing, empty, against its type's rule, or not in the template.
fn check(template: &Template, data: &Map<String, Value>) -> Result<(), Refusal> {
    let refuse = |key: &str, what: &str| Err(Refusal::argument(&format!("data.{key}.value {what}")));
    for key in &template.fields {
        let value = match data.get(key).and_then(|field| field.get("value")) {
            None | Some(Value::Null) => return refuse(key, "is empty"),
            Some(Value::String(text)) => text,
            Some(_) => return refuse(key, "invalid"),
        };
        // The key was checked when the simulator started.
        match Kind::of(key).map_or(Ok(()), |kind| kind.check(value)) {
            Ok(()) => {}
            Err(Fault::Empty) => return refuse(key, "is empty"),
            Err(Fault::Invalid) => return refuse(key, "invalid"),
        }
    }
    match data.keys().find(|key| !template.fields.contains(key)) {
        Some(stranger) => refuse(stranger, "invalid"),
        None => Ok(()),
    }
}
