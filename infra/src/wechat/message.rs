//! Subscription messages 订阅消息.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{SEND, Trouble, Wechat, answer};

/// Which build of the mini-program a tap on the message opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MiniprogramState {
    Developer,
    Trial,
    #[default]
    Formal,
}

/// One message to one person. WeChat bounds each value by its key's type (`thing1`: 20 characters, …); that is the
/// caller's to keep, a value out of bounds comes back as [`SendError::BadContent`].
#[derive(Clone)]
pub struct SubscribeMessage {
    pub openid: String,
    pub template_id: String,
    /// Path within the mini-program, with query.
    pub page: Option<String>,
    pub data: Vec<(String, String)>,
    pub miniprogram_state: MiniprogramState,
}

/// Hides whom it is for and what it says.
impl fmt::Debug for SubscribeMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubscribeMessage({})", self.template_id)
    }
}

/// Why a message was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// The person has not allowed it, or the one message that was allowed is spent (43101). Not a fault; do not repeat.
    Refused,
    /// There is no such person for this mini-program (40003). Do not repeat.
    BadRecipient(Trouble),
    /// Another message to the same person is on its way (43108): repeat in a moment.
    Overlap,
    /// A value breaks its type's rule or holds a forbidden word (47003, 45168), or the page does not exist (41030). Do not repeat.
    BadContent(Trouble),
    /// Unknown or banned template (40037, 43107): a matter of configuration.
    BadTemplate(Trouble),
    /// A quota is used up (45009, 45011): repeat later.
    Throttled(Trouble),
    /// `maybe_sent`: the answer was lost, so a repetition could reach the person twice.
    Unavailable { trouble: Trouble, maybe_sent: bool },
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the person has not allowed this message"),
            Self::Overlap => f.write_str("another message to the same person is on its way"),
            Self::BadRecipient(trouble) => write!(f, "no such recipient: {trouble}"),
            Self::BadContent(trouble) => write!(f, "the content was refused: {trouble}"),
            Self::BadTemplate(trouble) => write!(f, "the template was refused: {trouble}"),
            Self::Throttled(trouble) => write!(f, "WeChat throttles: {trouble}"),
            Self::Unavailable { trouble, maybe_sent } => write!(f, "{trouble}; the message may have been sent: {maybe_sent}"),
        }
    }
}

impl std::error::Error for SendError {}

impl Wechat {
    /// Hands a message over and returns WeChat's `msgid` (empty when it gives none). Accepted is not delivered.
    pub async fn send_subscribe(&self, message: &SubscribeMessage) -> Result<String, SendError> {
        let answer = self.post_with_token(SEND, "cgi-bin/message/subscribe/send", &body(message)).await;
        let answer = answer.map_err(|lost| SendError::Unavailable { trouble: lost.trouble, maybe_sent: lost.maybe_done })?;
        let trouble = Trouble { api: SEND, errcode: answer.number(), reason: "refused" };
        Err(match answer.errcode {
            // A success says so here, always; an object without it came from somebody else on the way.
            0 if answer.body.get("errcode").is_none() => {
                let trouble = Trouble { reason: "an answer without errcode", ..trouble };
                SendError::Unavailable { trouble, maybe_sent: true }
            }
            // Larger than 2^53, and a text in the event that follows: so a text here too.
            0 => return Ok(answer::text(&answer.body, "msgid").unwrap_or_default()),
            43101 => SendError::Refused,
            43108 => SendError::Overlap,
            40003 => SendError::BadRecipient(trouble),
            47003 | 45168 | 41030 => SendError::BadContent(trouble),
            40037 | 43107 => SendError::BadTemplate(trouble),
            45009 | 45011 => SendError::Throttled(trouble),
            _ => SendError::Unavailable { trouble, maybe_sent: false },
        })
    }
}

fn body(message: &SubscribeMessage) -> Value {
    let data: Map<String, Value> = message.data.iter().map(|(key, value)| (key.clone(), json!({ "value": value }))).collect();
    let mut body = json!({
        "touser": message.openid,
        "template_id": message.template_id,
        "data": data,
        "miniprogram_state": match message.miniprogram_state {
            MiniprogramState::Developer => "developer",
            MiniprogramState::Trial => "trial",
            MiniprogramState::Formal => "formal",
        },
        "lang": "zh_CN",
    });
    if let Some(page) = &message.page {
        body["page"] = json!(page);
    }
    body
}
