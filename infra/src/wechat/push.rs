//! Message push 消息推送: what WeChat tells us unasked.
//!
//! Everything here is hostile until its signature holds. Of a sealed message that is `msg_signature`, which covers the ciphertext;
//! the plain `signature` covers nothing of the body and is looked at for unsealed messages and for the address check alone. Where
//! a key is configured, nothing unsealed is taken. The timestamp is part of what is signed: what is older than ten minutes is
//! refused, and a repetition within them is known by [`Message::key`] in the database.
//!
//! The envelope: AES-256-CBC under the key of the console, its first 16 bytes as vector, over `random (16) ‖ length (4) ‖ message ‖
//! appid`, padded to whole blocks of 32. Messages are JSON or XML, as the console has it; both become one shape here.

use std::fmt;

use aes::Aes256;
use aes::cipher::{Array, BlockCipherDecrypt, KeyInit};
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use diesel::prelude::*;
use jiazai_domain::kernel::time::Timestamp;
use quick_xml::Reader;
use quick_xml::events::Event as Xml;
use serde_json::{Map, Value};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::answer;
use crate::db::schema::wechat_pushes;
use crate::db::{DbError, Tx, native};
use crate::vault::{Secret, hex};

/// A message has a few hundred bytes.
pub const LARGEST: usize = 64 * 1024;
/// How far a message's time may be from ours, in seconds. WeChat repeats itself within fifteen.
const FRESH_S: i64 = 600;
/// Elements within elements.
const DEEPEST: usize = 8;

/// The console's last character has bits that mean nothing, and may be any.
const CONSOLE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `EncodingAESKey`: 43 characters that stand for 32 bytes.
#[derive(Clone)]
pub struct PushKey([u8; 32]);

impl PushKey {
    /// None when the text is no such key.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        CONSOLE.decode(text).ok()?.try_into().ok().map(Self)
    }
}

/// What the console knows of our address.
pub struct Push {
    token: Secret,
    key: Option<PushKey>,
    appid: String,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Push(sealed: {})", self.key.is_some())
    }
}

/// What stands in the address of a push.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    pub signature: String,
    pub timestamp: String,
    pub nonce: String,
    pub encrypt_type: Option<String>,
    pub msg_signature: Option<String>,
}

/// Why a push is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untaken {
    /// Not signed by WeChat, too old, not sealed where it should be, or for another mini-program.
    Forged(&'static str),
    /// Signed, and no message.
    Unreadable(&'static str),
}

/// A message that WeChat sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    body: Value,
}

/// What happened, as far as we care.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened {
    /// The person has taken back what they gave: the numbers say what (8 the phone number, 6 nickname and picture, 13 the place,
    /// 14 chosen photographs).
    Revoked { openid: String, what: Vec<i64> },
    /// The person has left: everything that says who they are is to go.
    Left { openid: String },
    /// The person refuses messages of these templates from now on.
    MessagesRefused { openid: String, templates: Vec<String> },
    /// These messages were accepted and could not be delivered.
    MessagesLost { msgids: Vec<String> },
    /// A picture was looked at; without an opinion, it could not be.
    PictureJudged { trace_id: String, opinion: Option<jiazai_domain::content::Opinion> },
    /// Nothing that we act upon.
    Other,
}

impl Push {
    pub fn new(token: Secret, key: Option<PushKey>, appid: String) -> Self {
        Self { token, key, appid }
    }

    /// Whether the address check of the console is WeChat's; then its `echostr` is to be answered.
    pub fn greets(&self, envelope: &Envelope, now: Timestamp) -> Result<(), Untaken> {
        self.signed(&envelope.signature, envelope, None, now)
    }

    /// Opens a push.
    pub fn open(&self, envelope: &Envelope, body: &[u8], now: Timestamp) -> Result<Message, Untaken> {
        if body.len() > LARGEST {
            return Err(Untaken::Unreadable("too large"));
        }
        let Some(key) = &self.key else {
            self.signed(&envelope.signature, envelope, None, now)?;
            return Message::read(body);
        };
        if envelope.encrypt_type.as_deref() != Some("aes") {
            return Err(Untaken::Forged("not sealed"));
        }
        let outer = Message::read(body)?;
        let sealed = outer.body.get("Encrypt").and_then(Value::as_str).ok_or(Untaken::Unreadable("nothing sealed in it"))?;
        self.signed(envelope.msg_signature.as_deref().unwrap_or_default(), envelope, Some(sealed), now)?;
        Message::read(&key.open(sealed, &self.appid)?)
    }

    fn signed(&self, given: &str, envelope: &Envelope, sealed: Option<&str>, now: Timestamp) -> Result<(), Untaken> {
        let mut parts = vec![self.token.expose(), &envelope.timestamp, &envelope.nonce];
        parts.extend(sealed);
        if !bool::from(signature(&mut parts).as_bytes().ct_eq(given.as_bytes())) {
            return Err(Untaken::Forged("the signature does not hold"));
        }
        // After the signature: whoever has no token learns nothing about our clock.
        let at: i64 = envelope.timestamp.parse().map_err(|_| Untaken::Forged("no time"))?;
        if (now.millis() / 1000 - at).abs() > FRESH_S { Err(Untaken::Forged("too old")) } else { Ok(()) }
    }
}

/// Hex of SHA-1 over the sorted parts.
fn signature(parts: &mut [&str]) -> String {
    parts.sort_unstable();
    hex(&Sha1::digest(parts.concat()))
}

impl PushKey {
    fn open(&self, sealed: &str, appid: &str) -> Result<Vec<u8>, Untaken> {
        let unreadable = || Untaken::Unreadable("it does not open");
        let mut bytes = STANDARD.decode(sealed).map_err(|_| unreadable())?;
        if bytes.is_empty() || !bytes.len().is_multiple_of(16) {
            return Err(unreadable());
        }
        let cipher = Aes256::new(&Array::from(self.0));
        let mut before = [0_u8; 16];
        before.copy_from_slice(&self.0[..16]);
        for block in bytes.chunks_exact_mut(16) {
            let mut sealed = [0_u8; 16];
            sealed.copy_from_slice(block);
            let mut open = Array::from(sealed);
            cipher.decrypt_block(&mut open);
            block.iter_mut().zip(open.iter().zip(before)).for_each(|(out, (a, b))| *out = a ^ b);
            before = sealed;
        }
        // The signature has held, so the padding tells a stranger nothing.
        let pad = usize::from(*bytes.last().ok_or_else(unreadable)?);
        if !(1..=32).contains(&pad) || pad > bytes.len() {
            return Err(unreadable());
        }
        bytes.truncate(bytes.len() - pad);
        let head = bytes.get(16..20).and_then(|length| <[u8; 4]>::try_from(length).ok()).ok_or_else(unreadable)?;
        let end = 20_usize.checked_add(u32::from_be_bytes(head) as usize).ok_or_else(unreadable)?;
        let message = bytes.get(20..end).ok_or_else(unreadable)?;
        if bytes.get(end..) != Some(appid.as_bytes()) {
            return Err(Untaken::Forged("for another mini-program"));
        }
        Ok(message.to_vec())
    }
}

impl Message {
    /// From JSON or XML.
    fn read(bytes: &[u8]) -> Result<Self, Untaken> {
        let text = std::str::from_utf8(bytes).map_err(|_| Untaken::Unreadable("no text"))?.trim();
        let body = if text.starts_with('<') { xml(text) } else { serde_json::from_str(text).ok().filter(Value::is_object) };
        body.map(|body| Self { body }).ok_or(Untaken::Unreadable("neither JSON nor XML"))
    }

    fn text(&self, name: &str) -> Option<String> {
        answer::text(&self.body, name)
    }

    /// The same for every repetition of one message, and of no other.
    pub fn key(&self) -> String {
        let mut text = String::new();
        canonical(&self.body, &mut text);
        hex(&Sha256::digest(text))
    }

    /// The name of the event, for the log; of messages that are no events, their type.
    pub fn name(&self) -> String {
        let name = self.text("Event").or_else(|| self.text("MsgType")).unwrap_or_default();
        name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect()
    }

    pub fn happened(&self) -> Happened {
        let openid = || self.text("OpenID").or_else(|| self.text("FromUserName"));
        match (self.text("Event").as_deref(), openid()) {
            (Some("user_authorization_revoke"), Some(openid)) => {
                let what = self.text("RevokeInfo").unwrap_or_default();
                let what = what.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
                Happened::Revoked { openid, what }
            }
            (Some("user_authorization_cancellation"), Some(openid)) => Happened::Left { openid },
            (Some("subscribe_msg_change_event"), Some(openid)) => {
                let refused =
                    self.list().into_iter().filter(|item| answer::text(item, "SubscribeStatusString").as_deref() == Some("reject"));
                Happened::MessagesRefused { openid, templates: refused.filter_map(|item| answer::text(item, "TemplateId")).collect() }
            }
            (Some("subscribe_msg_sent_event"), _) => {
                let lost =
                    self.list().into_iter().filter(|item| item.get("ErrorCode").and_then(answer::integer).is_some_and(|code| code != 0));
                Happened::MessagesLost { msgids: lost.filter_map(|item| answer::text(item, "MsgID")).collect() }
            }
            (Some("wxa_media_check"), _) => match self.text("trace_id") {
                Some(trace_id) if self.body.get("errcode").is_none_or(|code| answer::integer(code) == Some(0)) => {
                    Happened::PictureJudged { trace_id, opinion: super::opinion(&self.body) }
                }
                Some(trace_id) => Happened::PictureJudged { trace_id, opinion: None },
                None => Happened::Other,
            },
            _ => Happened::Other,
        }
    }

    /// `List`, which is an object when there is one and an array when there are more; in XML it stands within another element.
    fn list(&self) -> Vec<&Value> {
        let nested = ["SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent"];
        let found = self.body.get("List").or_else(|| nested.iter().find_map(|name| self.body.get(name)?.get("List")));
        match found {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(one) => vec![one],
            None => vec![],
        }
    }
}

/// One text for one content: names in their order, whatever order they came in.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            for (name, value) in fields {
                out.push_str(&format!("{name:?}:"));
                canonical(value, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| canonical(item, out)),
        other => out.push_str(&other.to_string()),
    }
    out.push(';');
}

/// The children of the outermost element as an object: texts, objects, and arrays of what comes more than once. None for what is
/// no XML, is nested too deeply, or declares anything: entities of one's own are how XML bites.
fn xml(text: &str) -> Option<Value> {
    let mut reader = Reader::from_str(text);
    // The elements that are open: name, children, text.
    let mut open: Vec<(String, Map<String, Value>, String)> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Xml::Start(tag) if open.len() < DEEPEST => {
                open.push((std::str::from_utf8(tag.name().as_ref()).ok()?.to_owned(), Map::new(), String::new()));
            }
            Xml::Empty(tag) => {
                let name = std::str::from_utf8(tag.name().as_ref()).ok()?.to_owned();
                add(&mut open.last_mut()?.1, name, Value::String(String::new()));
            }
            Xml::Text(words) => {
                if let Some((_, _, text)) = open.last_mut() {
                    text.push_str(&words.decode().ok()?);
                }
            }
            Xml::CData(words) => open.last_mut()?.2.push_str(std::str::from_utf8(&words).ok()?),
            // `&lt;` and its like; others do not exist without a declaration.
            Xml::GeneralRef(name) => {
                let character = match name.resolve_char_ref().ok()? {
                    Some(character) => character,
                    None => match &*name {
                        b"lt" => '<',
                        b"gt" => '>',
                        b"amp" => '&',
                        b"quot" => '"',
                        b"apos" => '\'',
                        _ => return None,
                    },
                };
                open.last_mut()?.2.push(character);
            }
            Xml::End(_) => {
                let (name, children, text) = open.pop()?;
                let value = if children.is_empty() { Value::String(text.trim().to_owned()) } else { Value::Object(children) };
                match open.last_mut() {
                    Some((_, siblings, _)) => add(siblings, name, value),
                    None => return Some(value).filter(Value::is_object),
                }
            }
            Xml::Decl(_) | Xml::Comment(_) => {}
            _ => return None,
        }
    }
}

fn add(siblings: &mut Map<String, Value>, name: String, value: Value) {
    match siblings.get_mut(&name) {
        None => drop(siblings.insert(name, value)),
        Some(Value::Array(items)) => items.push(value),
        Some(one) => *one = Value::Array(vec![one.take(), value]),
    }
}

// What came before -----------------------------------------------------------------------------------------------------

/// Whether this message comes for the first time; from now on it has come. Two copies at once: the second waits for the first
/// one's transaction, and acts if that one failed.
pub fn is_new(tx: &mut Tx, message: &Message) -> Result<bool, DbError> {
    use diesel::sql_types::{BigInt, Text};
    let now = tx.now().millis();
    let insert = diesel::sql_query("INSERT INTO wechat_pushes (key, event, received_at) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING")
        .bind::<Text, _>(message.key())
        .bind::<Text, _>(message.name())
        .bind::<BigInt, _>(now);
    Ok(native!(tx, |conn| insert.execute(conn))? == 1)
}

/// Forgets what is too old to be taken again.
pub fn forget(tx: &mut Tx) -> Result<usize, DbError> {
    let before = tx.now().plus_seconds(-3 * FRESH_S).millis();
    native!(tx, |conn| diesel::delete(wechat_pushes::table.filter(wechat_pushes::received_at.lt(before))).execute(conn))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const APPID: &str = "wxba5fad812f8e6fb9";
    /// The message that WeChat publishes sealed with its description.
    const SEALED: &str = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=";

    fn push(sealed: bool, appid: &str) -> Push {
        let key = sealed.then(|| PushKey::read(&"A".repeat(43)).expect("a key"));
        Push::new(Secret::new("AAAAA"), key, appid.to_owned())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn published() -> (Envelope, Vec<u8>) {
        let envelope = Envelope {
            signature: "6c5c811b55cc85e0e1b54100749188c20beb3f5d".into(),
            timestamp: "1714112445".into(),
            nonce: "415670741".into(),
            encrypt_type: Some("aes".into()),
            msg_signature: Some("046e02f8204d34f8ba5fa3b1db94908f3df2e9b3".into()),
        };
        (envelope, json!({ "ToUserName": "gh_97417a04a28d", "Encrypt": SEALED }).to_string().into_bytes())
    }

    #[test]
    fn the_published_address_check_holds_for_ten_minutes() {
        let envelope = Envelope {
            signature: "f464b24fc39322e44b38aa78f5edd27bd1441696".into(),
            timestamp: "1714036504".into(),
            nonce: "1514711492".into(),
            ..Envelope::default()
        };
        assert_eq!(push(false, APPID).greets(&envelope, at(1_714_036_504)), Ok(()));
        assert_eq!(push(false, APPID).greets(&envelope, at(1_714_037_104)), Ok(()));
        assert_eq!(push(false, APPID).greets(&envelope, at(1_714_037_105)), Err(Untaken::Forged("too old")));
        let forged = Envelope { nonce: "1514711493".into(), ..envelope };
        assert_eq!(push(false, APPID).greets(&forged, at(1_714_036_504)), Err(Untaken::Forged("the signature does not hold")));
    }

    #[test]
    fn the_published_sealed_message_opens() {
        let (envelope, body) = published();
        let message = push(true, APPID).open(&envelope, &body, at(1_714_112_445)).expect("a message");
        assert_eq!((message.name().as_str(), message.text("debug_str").as_deref()), ("debug_demo", Some("hello world")));
        assert_eq!(message.happened(), Happened::Other);
    }

    #[test]
    fn what_is_not_for_us_not_sealed_or_tampered_with_is_not_taken() {
        let (envelope, body) = published();
        let now = at(1_714_112_445);
        assert_eq!(push(true, "wx_other").open(&envelope, &body, now), Err(Untaken::Forged("for another mini-program")));
        let tampered = String::from_utf8(body.clone()).expect("text").replace("+qdx1", "+qdx2").into_bytes();
        assert_eq!(push(true, APPID).open(&envelope, &tampered, now), Err(Untaken::Forged("the signature does not hold")));
        let plain = Envelope { encrypt_type: None, ..envelope.clone() };
        assert_eq!(push(true, APPID).open(&plain, &body, now), Err(Untaken::Forged("not sealed")));
        assert_eq!(push(true, APPID).open(&envelope, b"{}", now), Err(Untaken::Unreadable("nothing sealed in it")));
        for garbage in ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "not base64!"] {
            let key = PushKey::read(&"A".repeat(43)).expect("a key");
            assert!(key.open(garbage, APPID).is_err(), "{garbage}");
        }
    }

    fn read(text: &str) -> Message {
        Message::read(text.as_bytes()).expect("a message")
    }

    #[test]
    fn json_and_xml_say_the_same() {
        let xml = read(
            "<xml><FromUserName><![CDATA[o-1]]></FromUserName><CreateTime>5</CreateTime><Event><![CDATA[subscribe_msg_sent_event]]></Event>\
             <SubscribeMsgSentEvent><List><MsgID>11</MsgID><ErrorCode>7</ErrorCode></List><List><MsgID>12</MsgID><ErrorCode>0</ErrorCode></List>\
             </SubscribeMsgSentEvent></xml>",
        );
        let json = read(r#"{"Event":"subscribe_msg_sent_event","List":{"MsgID":"11","ErrorCode":"7"}}"#);
        let lost = Happened::MessagesLost { msgids: vec!["11".into()] };
        assert_eq!((xml.happened(), json.happened()), (lost.clone(), lost));
        assert_eq!(read("<xml><a>1 &lt; 2 &#65;</a></xml>").text("a").as_deref(), Some("1 < 2 A"));
    }

    #[test]
    fn revocations_are_read_with_their_numbers() {
        let revoked = read(r#"{"Event":"user_authorization_revoke","OpenID":"o-1","RevokeInfo":"6, 8"}"#);
        assert_eq!(revoked.happened(), Happened::Revoked { openid: "o-1".into(), what: vec![6, 8] });
        let left = read("<xml><Event>user_authorization_cancellation</Event><OpenID>o-1</OpenID></xml>");
        assert_eq!(left.happened(), Happened::Left { openid: "o-1".into() });
    }

    #[test]
    fn a_picture_that_could_not_be_fetched_has_no_opinion() {
        let gone = read(r#"{"Event":"wxa_media_check","trace_id":"t","errcode":-1008}"#);
        assert_eq!(gone.happened(), Happened::PictureJudged { trace_id: "t".into(), opinion: None });
    }

    #[test]
    fn xml_that_bites_is_no_message() {
        for bad in [
            "<!DOCTYPE x [<!ENTITY a \"b\">]><xml><a>&a;</a></xml>",
            "<xml><a>&unknown;</a></xml>",
            "<xml>",
            "<xml></xml>",
            "text",
            "[]",
            "",
            &format!("{}{}", "<a>".repeat(1000), "</a>".repeat(1000)),
        ] {
            assert!(Message::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_repetition_has_the_same_key_whatever_the_order_of_its_fields() {
        assert_eq!(read(r#"{"a":"1","b":2}"#).key(), read(r#"{ "b": 2, "a": "1" }"#).key());
        assert_ne!(read(r#"{"a":"1"}"#).key(), read(r#"{"a":"2"}"#).key());
    }
}
