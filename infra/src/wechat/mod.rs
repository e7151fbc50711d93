//! WeChat's servers, as far as 家在 asks them: who is this, what is their phone number, tell them something.
//!
//! Vocabulary:
//! - *login code*: what the mini-program gets from `wx.login`; [`Wechat::code2session`] turns it into an openid, once;
//! - *phone code*: what the phone-number button gives; [`Wechat::phone_number`] turns it into a number, once;
//! - *subscription message*: one tap on "allow" buys one message of one template; [`Wechat::send_subscribe`] spends it;
//! - *opinion*: what it thinks of words or a picture ([`Wechat::check_text`], [`Wechat::check_picture`]);
//! - *mini-program code*: a picture that opens a page ([`Wechat::mini_code`]);
//! - *push*: what it tells us unasked ([`push`]);
//! - *access token*: what every call but the first needs; lives in the [`Cache`], shared by all instances.
//!
//! **Time.** An attempt takes at most 3 s and an operation with everything it does at most 7 s, so that the caller's own
//! answer leaves within 8. **Repetition.** What may have arrived is never sent twice: not a code (it is used up), not a
//! message (it would arrive twice). Only an answer that says "this access token is no good" is followed by one more
//! attempt, because such an answer says that nothing was done.
//!
//! **Silence.** The app secret, tokens, codes and session keys stand in URLs and bodies here, and the HTTP client's errors
//! quote URLs; so errors leave this module as the name of the API and WeChat's number, and nothing of the client's own.
//!
//! Deliberately missing: a breaker. Log-in must work again the moment WeChat does, and the time limits bound what
//! a bad hour costs.

mod answer;
mod check;
mod code;
mod message;
pub mod push;
mod transport;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use serde_json::{Value, json};

use self::answer::{Answer, Verdict};
pub use self::check::{LONGEST_TEXT, NotTaken, Scene, opinion};
pub use self::message::{MiniprogramState, SendError, SubscribeMessage};
use self::transport::{Deadline, Drawn, Transport};
use crate::cache::{Cache, Fetched, NoToken};
use crate::vault::Secret;

/// An operation with all its attempts.
const OPERATION: Duration = Duration::from_secs(7);

/// WeChat's answers that blame the access token: not valid or superseded, malformed, expired.
const TOKEN_REFUSED: [i64; 3] = [40001, 40014, 42001];

const LOGIN: &str = "jscode2session";
const TOKEN: &str = "stable_token";
const PHONE: &str = "getuserphonenumber";
const SEND: &str = "subscribe_send";
const TEXT: &str = "msg_sec_check";
const MEDIA: &str = "media_check_async";
const CODE: &str = "getwxacodeunlimit";

#[derive(Debug, Clone)]
pub struct WechatConfig {
    pub appid: String,
    pub secret: Secret,
    /// `https://api.weixin.qq.com`, or the simulator's address.
    pub base: String,
}

/// Why the client could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WechatConfigError {
    /// Appid or secret is empty.
    Credentials,
    /// The base is not an http or https address.
    Base,
    /// TLS cannot be set up; as a rule the system has no CA certificates.
    Tls,
    /// The metrics are registered already.
    Metrics,
}

impl fmt::Display for WechatConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials => "WECHAT_APPID and WECHAT_SECRET must not be empty",
            Self::Base => "WECHAT_API_BASE must be an http or https address without query",
            Self::Tls => "TLS cannot be set up: are the system's CA certificates installed?",
            Self::Metrics => "the WeChat metrics are registered already",
        })
    }
}

impl std::error::Error for WechatConfigError {}

/// Who showed a login code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatSession {
    pub openid: String,
    /// Only where the mini-program is bound to an Open Platform account.
    pub unionid: Option<String>,
    /// Never leaves the server.
    pub session_key: Secret,
}

/// A phone number that WeChat has verified.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber {
    /// Without the country's prefix.
    pub number: String,
    /// `86`, …
    pub country: String,
}

/// Hides the number: it is personal data.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber(+{} …)", self.country)
    }
}

/// What happened, in words that may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// The API that failed, which is the token's when none could be had.
    pub api: &'static str,
    /// WeChat's number, when it gave one.
    pub errcode: Option<i64>,
    pub reason: &'static str,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.api, self.reason)?;
        self.errcode.map_or(Ok(()), |code| write!(f, " (errcode {code})"))
    }
}

/// Why a code could not be exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WechatError {
    /// Unknown, expired, used, of another mini-program, or blocked: the front end must get a new one.
    CodeInvalid(Trouble),
    /// Too many calls; the minute will pass.
    Throttled(Trouble),
    /// Everything else upstream. The code may be used up.
    Unavailable(Trouble),
}

impl fmt::Display for WechatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CodeInvalid(trouble) => write!(f, "the code is not valid: {trouble}"),
            Self::Throttled(trouble) => write!(f, "WeChat throttles: {trouble}"),
            Self::Unavailable(trouble) => write!(f, "WeChat is not available: {trouble}"),
        }
    }
}

impl std::error::Error for WechatError {}

pub struct Wechat {
    transport: Arc<Transport>,
    tokens: Arc<Tokens>,
}

/// Where access tokens come from: the cache that all instances share, and what it takes to fetch one.
struct Tokens {
    appid: String,
    secret: Secret,
    cache: Arc<Cache>,
    transport: Arc<Transport>,
}

impl fmt::Debug for Wechat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wechat({})", self.tokens.appid)
    }
}

impl Wechat {
    /// Registers `jiazai_upstream_requests_total{api,outcome}` and `jiazai_upstream_request_seconds{api}`.
    pub fn new(config: WechatConfig, cache: Arc<Cache>, metrics: &Registry) -> Result<Self, WechatConfigError> {
        if config.appid.is_empty() || config.secret.expose().is_empty() {
            return Err(WechatConfigError::Credentials);
        }
        let transport = Arc::new(Transport::new(&config.base, metrics)?);
        let tokens = Tokens { appid: config.appid, secret: config.secret, cache, transport: Arc::clone(&transport) };
        Ok(Self { transport, tokens: Arc::new(tokens) })
    }

    /// Exchanges a login code. Sent once: a second attempt after a lost answer would find the code used.
    pub async fn code2session(&self, code: &str) -> Result<WechatSession, WechatError> {
        check_code(LOGIN, code)?;
        let tokens = &self.tokens;
        let query =
            [("appid", tokens.appid.as_str()), ("secret", tokens.secret.expose()), ("js_code", code), ("grant_type", "authorization_code")];
        let answer = self.transport.get(LOGIN, "sns/jscode2session", &query, Deadline::after(OPERATION)).await;
        let body = answer.map_err(|lost| WechatError::Unavailable(lost.trouble)).and_then(|answer| exchanged(LOGIN, answer))?;
        // Who somebody is must be said as it is documented: a number here would be somebody's guess of an identity.
        let text = |name| body.get(name).and_then(Value::as_str).map(str::to_owned).filter(|text| !text.is_empty());
        match (text("openid"), text("session_key")) {
            (Some(openid), Some(session_key)) if is_openid(&openid) => {
                Ok(WechatSession { openid, unionid: text("unionid").filter(|id| is_openid(id)), session_key: Secret::new(session_key) })
            }
            _ => Err(WechatError::Unavailable(Trouble { api: LOGIN, errcode: None, reason: "an answer without a usable openid" })),
        }
    }

    /// Exchanges a phone code. With `openid` WeChat also checks that the code is that person's.
    pub async fn phone_number(&self, code: &str, openid: Option<&str>) -> Result<PhoneNumber, WechatError> {
        check_code(PHONE, code)?;
        let mut body = json!({ "code": code });
        if let Some(openid) = openid {
            body["openid"] = json!(openid);
        }
        let answer = self.post_with_token(PHONE, "wxa/business/getuserphonenumber", &body).await;
        let body = answer.map_err(|lost| WechatError::Unavailable(lost.trouble)).and_then(|answer| exchanged(PHONE, answer))?;
        let info = body.get("phone_info").unwrap_or(&Value::Null);
        match (answer::text(info, "purePhoneNumber"), answer::text(info, "countryCode")) {
            (Some(number), Some(country)) if is_number(&number) && is_number(&country) => Ok(PhoneNumber { number, country }),
            _ => Err(WechatError::Unavailable(Trouble { api: PHONE, errcode: None, reason: "an answer without a usable number" })),
        }
    }

    /// Posts with the access token; when WeChat refuses the token, forgets it and posts once more with another.
    async fn post_with_token(&self, api: &'static str, path: &str, body: &Value) -> Result<Answer, Lost> {
        self.post_within(api, path, body, OPERATION).await
    }

    async fn draw_with_token(&self, api: &'static str, path: &str, body: &Value) -> Result<Drawn, Lost> {
        let deadline = Deadline::after(OPERATION);
        let token = self.access_token(None, deadline).await?;
        let drawn = self.transport.draw(api, path, &token, body, deadline).await?;
        let Drawn::Said(Answer { errcode, .. }) = &drawn else { return Ok(drawn) };
        if !TOKEN_REFUSED.contains(errcode) {
            return Ok(drawn);
        }
        let token = self.access_token(Some(&token), deadline).await?;
        self.transport.draw(api, path, &token, body, deadline).await
    }

    async fn post_within(&self, api: &'static str, path: &str, body: &Value, time: Duration) -> Result<Answer, Lost> {
        let deadline = Deadline::after(time);
        let token = self.access_token(None, deadline).await?;
        let answer = self.transport.post(api, path, Some(&token), body, deadline).await?;
        if !TOKEN_REFUSED.contains(&answer.errcode) {
            return Ok(answer);
        }
        let token = self.access_token(Some(&token), deadline).await?;
        self.transport.post(api, path, Some(&token), body, deadline).await
    }

    /// The token for a call that has so much time left; another one where the last was refused.
    ///
    /// Looked for in a task of its own: whoever cannot wait for it leaves, and the others get it all the same. So a call that has a
    /// second and a half takes nothing from one that has seven.
    async fn access_token(&self, refused: Option<&Secret>, deadline: Deadline) -> Result<Secret, Lost> {
        let (tokens, refused) = (Arc::clone(&self.tokens), refused.cloned());
        let asking = tokio::spawn(async move { tokens.one(refused.as_ref()).await });
        let lost = |reason| Lost::before(Trouble { api: TOKEN, errcode: None, reason });
        match tokio::time::timeout(deadline.left(), asking).await {
            Ok(Ok(Ok(token))) => Ok(token),
            // Whatever happened to the token's call, the call that wanted the token was not made.
            Ok(Ok(Err(NoToken::Fetch(failed)))) => Err(Lost::before(failed.trouble)),
            Ok(Ok(Err(NoToken::JustFailed))) => Err(lost("the token could not be fetched a moment ago")),
            Ok(Err(_)) => Err(lost("the task that fetches tokens ended")),
            Err(_) => Err(lost("no token in time")),
        }
    }
}

impl Tokens {
    async fn one(&self, refused: Option<&Secret>) -> Result<Secret, NoToken<Lost>> {
        let name = format!("wechat:{}", self.appid);
        if let Some(refused) = refused {
            self.cache.forget_if(&name, refused).await;
        }
        self.cache.token(&name, || self.fetch()).await
    }

    /// Normal mode of the stable token: whoever asks gets the same token, so instances cannot invalidate each other's.
    /// Forced refresh is never used: WeChat allows twenty a day, and one refused token is no reason to spend them.
    async fn fetch(&self) -> Result<Fetched, Lost> {
        let body = json!({ "grant_type": "client_credential", "appid": self.appid, "secret": self.secret.expose() });
        let answer = self.transport.post(TOKEN, "cgi-bin/stable_token", None, &body, Deadline::after(OPERATION)).await?;
        let trouble = |reason| Trouble { api: TOKEN, errcode: answer.number(), reason };
        match answer.verdict() {
            Verdict::Done => {}
            Verdict::Throttled => return Err(Lost::before(trouble("throttled"))),
            _ => return Err(Lost::before(trouble("refused"))),
        }
        match (answer::text(&answer.body, "access_token"), answer.body.get("expires_in").and_then(answer::integer)) {
            (Some(token), Some(expires_in_s)) if is_token(&token) => Ok(Fetched { token: Secret::new(token), expires_in_s }),
            _ => Err(Lost::before(trouble("an answer without a usable token"))),
        }
    }
}

/// No answer. `maybe_done`: the request may have arrived and been carried out.
#[derive(Debug, Clone, Copy)]
struct Lost {
    trouble: Trouble,
    maybe_done: bool,
}

impl Lost {
    fn before(trouble: Trouble) -> Self {
        Self { trouble, maybe_done: false }
    }
}

/// The body of an exchange that succeeded.
fn exchanged(api: &'static str, answer: Answer) -> Result<Value, WechatError> {
    let trouble = |reason| Trouble { api, errcode: answer.number(), reason };
    match answer.verdict() {
        Verdict::Done => Ok(answer.body),
        Verdict::CodeInvalid => Err(WechatError::CodeInvalid(trouble("refused"))),
        Verdict::Throttled => Err(WechatError::Throttled(trouble("refused"))),
        Verdict::Failed => Err(WechatError::Unavailable(trouble("refused"))),
    }
}

/// A text that cannot be a code is not sent: it would only cost a call, or spoil a URL.
fn check_code(api: &'static str, code: &str) -> Result<(), WechatError> {
    let plausible = (1..=128).contains(&code.len()) && code.bytes().all(is_code_byte);
    if plausible { Ok(()) } else { Err(WechatError::CodeInvalid(Trouble { api, errcode: None, reason: "not the form of a code" })) }
}

fn is_code_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_openid(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(is_code_byte)
}

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// WeChat reserves 512 characters.
fn is_token(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
