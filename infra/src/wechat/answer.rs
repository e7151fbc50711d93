//! Reading WeChat's answers, which say all that matters in the body: failure comes with HTTP 200, success without an
//! `errcode` or with 0, and the same field is a number here and a text there.

use serde_json::Value;

/// The object that WeChat answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Value,
    /// 0 when absent.
    pub(super) errcode: i64,
}

/// What an `errcode` means for the exchange of a code.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    CodeInvalid,
    Throttled,
    Failed,
}

impl Answer {
    /// `None` when the bytes are not a JSON object or its `errcode` is no number. The content type is not asked: code2session
    /// declares its JSON as `text/plain`.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(bytes).ok()?;
        let errcode = match body.as_object()?.get("errcode") {
            None | Some(Value::Null) => 0,
            Some(code) => integer(code)?,
        };
        Some(Self { body, errcode })
    }

    pub(super) fn number(&self) -> Option<i64> {
        (self.errcode != 0).then_some(self.errcode)
    }

    pub(super) fn verdict(&self) -> Verdict {
        match self.errcode {
            0 => Verdict::Done,
            // Unknown or expired or another app's; used before; of a user whom WeChat blocks.
            40029 | 40163 | 40226 => Verdict::CodeInvalid,
            45011 => Verdict::Throttled,
            _ => Verdict::Failed,
        }
    }
}

/// A number, or a text of one.
pub(super) fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A text that is not empty, or a number as text.
pub(super) fn text(object: &Value, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bytes: &[u8]) -> Option<Verdict> {
        Answer::parse(bytes).map(|answer| answer.verdict())
    }

    #[test]
    fn success_is_errcode_absent_or_zero() {
        for body in [&br#"{"openid":"o"}"#[..], br#"{"errcode":0}"#, br#"{"errcode":"0"}"#, br#"{"errcode":null}"#] {
            assert_eq!(verdict(body), Some(Verdict::Done));
        }
    }

    #[test]
    fn an_errcode_is_read_as_number_or_text_and_may_be_negative() {
        for (body, expected) in [
            (&br#"{"errcode":-1}"#[..], Verdict::Failed),
            (br#"{"errcode":"40029"}"#, Verdict::CodeInvalid),
            (br#"{"errcode":40163}"#, Verdict::CodeInvalid),
            (br#"{"errcode":40226}"#, Verdict::CodeInvalid),
            (br#"{"errcode":45011}"#, Verdict::Throttled),
            (br#"{"errcode":40125,"openid":"o"}"#, Verdict::Failed),
        ] {
            assert_eq!(verdict(body), Some(expected));
        }
    }

    #[test]
    fn garbage_is_no_answer() {
        for body in [
            &b""[..],
            b"<html>",
            b"[]",
            b"null",
            b"1",
            br#"{"errcode":"x"}"#,
            br#"{"errcode":[]}"#,
            br#"{"errcode":1.5}"#,
            b"\xff\xfe",
            br#"{"a":"#,
        ] {
            assert_eq!(verdict(body), None);
        }
        assert_eq!(verdict("[".repeat(60_000).as_bytes()), None, "depth is bounded");
    }
}
