//! Access tokens: `GET /cgi-bin/token` and `POST /cgi-bin/stable_token`, and the check of `?access_token=`.
//!
//! The two endpoints are independent. The first replaces its token at every call, which is how two instances with
//! separate caches kill each other's token; the second keeps one token and lets it age. Time is counted in whole
//! seconds, as `expires_in` is.

use std::collections::VecDeque;

use actix_web::http::Method;
use serde_json::Value;

use crate::credential::{Account, Claim};
use crate::gateway::{Call, Success};
use crate::random;
use crate::refusal::{
    ACCESS_TOKEN_EXPIRED, ACCESS_TOKEN_MISSING, BAD_FORMAT, INVALID_ACCESS_TOKEN, INVALID_CREDENTIAL, INVALID_GRANT_TYPE, REQUIRE_POST,
    Refusal,
};

const LIFE_S: i64 = 7200;
/// For so long an old and a new token are valid together.
const OVERLAP_S: i64 = 300;
const FORCED_A_DAY: u32 = 20;
const FORCED_APART_S: i64 = 30;
/// So many tokens of each kind are remembered, to tell "superseded" from "expired".
const REMEMBERED: usize = 50;

pub(crate) struct Tokens {
    plain: VecDeque<Token>,
    stable: VecDeque<Token>,
    forced: Forced,
}

struct Token {
    text: String,
    expires_at_s: i64,
    /// Before `expires_at_s` when a later token took its place.
    dies_at_s: i64,
}

/// How often `force_refresh` was granted.
struct Forced {
    day: i64,
    granted: u32,
    last_s: Option<i64>,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self { plain: VecDeque::new(), stable: VecDeque::new(), forced: Forced { day: 0, granted: 0, last_s: None } }
    }

    /// # Errors
    /// 41001 missing, 40014 not shaped like a token, 40001 unknown or superseded, 42001 expired
    pub(crate) fn check(&self, text: Option<&str>, now_ms: i64) -> Result<(), Refusal> {
        let text = text.filter(|text| !text.is_empty()).ok_or(ACCESS_TOKEN_MISSING)?;
        let well_formed =
            (64..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !well_formed {
            return Err(INVALID_ACCESS_TOKEN);
        }
        let now_s = now_ms / 1000;
        match self.stable.iter().rev().chain(self.plain.iter().rev()).find(|token| token.text == text) {
            None => Err(INVALID_CREDENTIAL),
            Some(token) if now_s >= token.expires_at_s => Err(ACCESS_TOKEN_EXPIRED),
            Some(token) if now_s >= token.dies_at_s => Err(INVALID_CREDENTIAL),
            Some(_) => Ok(()),
        }
    }
}

impl Forced {
    /// Takes one of the day's grants, if there is one. The day is Shanghai's.
    fn grant(&mut self, now_s: i64) -> bool {
        let day = (now_s + 8 * 3600) / 86_400;
        if day != self.day {
            (self.day, self.granted) = (day, 0);
        }
        if self.granted >= FORCED_A_DAY || self.last_s.is_some_and(|last| now_s - last < FORCED_APART_S) {
            return false;
        }
        self.granted += 1;
        self.last_s = Some(now_s);
        true
    }
}

/// Appends a new token; the present one stays valid for at most `overlap_s` more.
fn replace(tokens: &mut VecDeque<Token>, overlap_s: i64, now_s: i64) -> Success {
    if let Some(present) = tokens.back_mut() {
        present.dies_at_s = present.dies_at_s.min(now_s + overlap_s);
    }
    if tokens.len() >= REMEMBERED {
        tokens.pop_front();
    }
    let text = random::access_token();
    let success = grant(&text, LIFE_S);
    tokens.push_back(Token { text, expires_at_s: now_s + LIFE_S, dies_at_s: now_s + LIFE_S });
    success
}

fn grant(text: &str, expires_in: i64) -> Success {
    Success::bare(serde_json::json!({"access_token": text, "expires_in": expires_in}))
}

pub(crate) fn token(account: &Account, tokens: &mut Tokens, call: &Call<'_>) -> Result<Success, Refusal> {
    let claim = Claim::read(call.query.get("appid"), call.query.get("secret"))?;
    if call.query.get("grant_type") != Some("client_credential") {
        return Err(INVALID_GRANT_TYPE);
    }
    claim.verify(account)?;
    Ok(replace(&mut tokens.plain, OVERLAP_S, call.now_ms / 1000))
}

pub(crate) fn stable_token(account: &Account, tokens: &mut Tokens, call: &Call<'_>) -> Result<Success, Refusal> {
    if call.method != Method::POST {
        return Err(REQUIRE_POST);
    }
    let body = call.json()?;
    let field = |name: &str| body.get(name).and_then(Value::as_str);
    let claim = Claim::read(field("appid"), field("secret"))?;
    if field("grant_type") != Some("client_credential") {
        return Err(INVALID_GRANT_TYPE);
    }
    let force = match body.get("force_refresh") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(force)) => *force,
        Some(_) => return Err(BAD_FORMAT),
    };
    claim.verify(account)?;

    let now_s = call.now_ms / 1000;
    if force && tokens.forced.grant(now_s) {
        return Ok(replace(&mut tokens.stable, 0, now_s));
    }
    // A force that was not granted is no error: the present token comes back as if nobody had asked for force.
    match tokens.stable.back() {
        Some(present) if present.dies_at_s - now_s >= OVERLAP_S => Ok(grant(&present.text, present.dies_at_s - now_s)),
        _ => Ok(replace(&mut tokens.stable, OVERLAP_S, now_s)),
    }
}
