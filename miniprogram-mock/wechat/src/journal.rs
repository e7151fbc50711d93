//! The request log: what WeChat was asked and how it answered, with every secret blanked.
//!
//! Entries are kept as they came and blanked when somebody reads them: writing is on the path that benchmarks measure,
//! reading is not.

use std::collections::VecDeque;

use actix_web::http::Method;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use crate::gateway::Query;

const KEPT: usize = 10_000;
const MOST_TEXT: usize = 2048;
const MOST_BODY: usize = 4096;
const BLANK: &str = "***";

pub(crate) struct Entry {
    pub(crate) at_ms: i64,
    pub(crate) api: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Vec<u8>,
    /// Nothing when the connection was dropped.
    pub(crate) status: Option<u16>,
    /// Nothing when the answer has none, which is how most successes look.
    pub(crate) errcode: Option<i64>,
    pub(crate) fault: Option<&'static str>,
}

pub(crate) struct Journal(VecDeque<Entry>);

impl Journal {
    pub(crate) fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn record(&mut self, entry: Entry) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }

    /// Newest first. `secret` is blanked wherever it stands, in case a client sent it under the wrong name.
    pub(crate) fn read(&self, api: Option<&str>, secret: &str) -> Vec<Value> {
        self.0.iter().rev().filter(|entry| api.is_none_or(|api| api == entry.api)).map(|entry| entry.to_json(secret)).collect()
    }
}

impl Entry {
    fn to_json(&self, secret: &str) -> Value {
        let query: Map<String, Value> =
            Query::parse(&self.query).pairs().map(|(name, value)| (hide(name, secret), blank_text(name, value, secret))).collect();
        let body = if self.body.is_empty() {
            Value::Null
        } else {
            match serde_json::from_slice(&self.body) {
                Ok(value) => blank(value, secret),
                // Not shown: where the JSON ends early, nobody can tell the secret from the rest.
                Err(_) => Value::String(format!("({} bytes, not JSON or too long)", self.body.len())),
            }
        };
        let mut entry = json!({
            "at": instant(self.at_ms),
            "api": self.api,
            "method": self.method.as_str(),
            "path": hide(&self.path, secret),
            "query": query,
            "body": body,
            "status": self.status,
        });
        if let Some(errcode) = self.errcode {
            entry["errcode"] = errcode.into();
        }
        if let Some(fault) = self.fault {
            entry["fault"] = fault.into();
        }
        entry
    }
}

/// RFC 3339, UTC, milliseconds.
pub(crate) fn instant(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)).unwrap_or_default()
}

pub(crate) fn shortened(text: &str) -> String {
    if text.len() <= MOST_TEXT { text.to_owned() } else { text.chars().take(MOST_TEXT).collect() }
}

/// A longer body is kept cut, and then shown as its length only.
pub(crate) fn shortened_body(body: &[u8]) -> Vec<u8> {
    body[..body.len().min(MOST_BODY)].to_vec()
}

fn blank(value: Value, secret: &str) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| {
                    let value = match value {
                        Value::String(text) => blank_text(&name, &text, secret),
                        Value::Object(_) | Value::Array(_) if !is_secret(&name) => blank(value, secret),
                        _ if is_secret(&name) => BLANK.into(),
                        plain => plain,
                    };
                    (hide(&name, secret), value)
                })
                .collect(),
        ),
        Value::Array(items) => items.into_iter().map(|item| blank(item, secret)).collect(),
        Value::String(text) => blank_text("", &text, secret),
        plain => plain,
    }
}

fn is_secret(name: &str) -> bool {
    matches!(name, "secret" | "appsecret" | "access_token" | "session_key" | "js_code" | "code")
}

/// Codes keep their first four characters, enough to tell two calls apart and useless for a log-in.
fn blank_text(name: &str, value: &str, secret: &str) -> Value {
    match name {
        "js_code" | "code" if value.chars().count() >= 16 => format!("{}{BLANK}", value.chars().take(4).collect::<String>()).into(),
        _ if is_secret(name) => BLANK.into(),
        _ => hide(value, secret).into(),
    }
}

fn hide(text: &str, secret: &str) -> String {
    text.replace(secret, BLANK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_blanked_by_name_and_by_value() {
        let body = json!({"secret": "s3cr3t", "nested": [{"access_token": ["t"], "note": "a s3cr3t b", "s3cr3t": 1}], "code": "0123456789abcdefXY"});
        let shown = blank(body, "s3cr3t");
        assert_eq!(shown, json!({"secret": "***", "nested": [{"access_token": "***", "note": "a *** b", "***": 1}], "code": "0123***"}));
    }

    #[test]
    fn the_log_keeps_ten_thousand_entries() {
        let mut journal = Journal::new();
        for at_ms in 0..10_001 {
            journal.record(Entry {
                at_ms,
                api: "token".into(),
                method: Method::GET,
                path: String::new(),
                query: String::new(),
                body: Vec::new(),
                status: None,
                errcode: None,
                fault: None,
            });
        }
        let shown = journal.read(None, "s3cr3t");
        assert_eq!((shown.len(), &shown[9_999]["at"]), (10_000, &json!("1970-01-01T00:00:00.001Z")));
    }
}
