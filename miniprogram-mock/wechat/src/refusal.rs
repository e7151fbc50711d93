//! WeChat's way to say no: HTTP 200, `{errcode, errmsg}`, and a request id glued to the text.

use std::borrow::Cow;

use crate::random;

/// A refusal before it has its request id.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) errcode: i64,
    pub(crate) text: Cow<'static, str>,
}

pub(crate) const INVALID_CREDENTIAL: Refusal = Refusal::of(
    40001,
    "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r",
);
pub(crate) const INVALID_GRANT_TYPE: Refusal = Refusal::of(40002, "invalid grant_type");
pub(crate) const INVALID_OPENID: Refusal = Refusal::of(40003, "invalid openid");
pub(crate) const INVALID_APPID: Refusal = Refusal::of(40013, "invalid appid");
pub(crate) const INVALID_ACCESS_TOKEN: Refusal = Refusal::of(40014, "invalid access_token");
pub(crate) const INVALID_MEDIA_TYPE: Refusal = Refusal::of(40004, "invalid media type");
pub(crate) const INVALID_ARGS: Refusal = Refusal::of(40097, "invalid args");
pub(crate) const INVALID_SCENE: Refusal = Refusal::of(40129, "invalid scene");
pub(crate) const SCENE_LENGTH: Refusal = Refusal::of(40169, "invalid length for scene, or the data is not json string");
pub(crate) const INVALID_CODE: Refusal = Refusal::of(40029, "invalid code");
pub(crate) const INVALID_TEMPLATE: Refusal = Refusal::of(40037, "invalid template_id");
pub(crate) const INVALID_URL: Refusal = Refusal::of(40066, "invalid url");
pub(crate) const INVALID_SECRET: Refusal = Refusal::of(40125, "invalid appsecret");
pub(crate) const CODE_USED: Refusal = Refusal::of(40163, "code been used");
pub(crate) const INVALID_PAGE: Refusal = Refusal::of(41030, "invalid page");
pub(crate) const ACCESS_TOKEN_MISSING: Refusal = Refusal::of(41001, "access_token missing");
pub(crate) const APPID_MISSING: Refusal = Refusal::of(41002, "appid missing");
pub(crate) const SECRET_MISSING: Refusal = Refusal::of(41004, "appsecret missing");
pub(crate) const CODE_MISSING: Refusal = Refusal::of(41008, "missing code");
pub(crate) const ACCESS_TOKEN_EXPIRED: Refusal = Refusal::of(42001, "access_token expired");
pub(crate) const REQUIRE_POST: Refusal = Refusal::of(43002, "require POST method");
pub(crate) const USER_REFUSES: Refusal = Refusal::of(43101, "user refuse to accept the msg");
/// The original's text is not known.
pub(crate) const CONCURRENT_SEND: Refusal = Refusal::of(43108, "concurrent messages to the same user");
pub(crate) const EMPTY_BODY: Refusal = Refusal::of(44002, "empty post data");
pub(crate) const BAD_FORMAT: Refusal = Refusal::of(47001, "data format error");
/// A field is missing or of the wrong kind; which errcode the original has for each is not known.
pub(crate) const WRONG_ARGUMENT: Refusal = Refusal::of(47001, "data format error, argument invalid");
/// The person was not here within two hours.
pub(crate) const CODE_EXPIRED: Refusal = Refusal::of(61010, "code is expired");
pub(crate) const RISKY_CONTENT: Refusal = Refusal::of(87014, "risky content");

/// What an injected fault says. The doubled spaces and the odd English are the platform's.
const INJECTABLE: &[Refusal] = &[
    Refusal::of(-1, "system error"),
    Refusal::of(0, "ok"),
    INVALID_CREDENTIAL,
    INVALID_GRANT_TYPE,
    INVALID_OPENID,
    INVALID_APPID,
    INVALID_ACCESS_TOKEN,
    INVALID_CODE,
    INVALID_TEMPLATE,
    INVALID_SECRET,
    CODE_USED,
    Refusal::of(40164, "invalid ip 192.0.2.1 ipv6 ::ffff:192.0.2.1, not in whitelist"),
    Refusal::of(40226, "code blocked"),
    Refusal::of(40243, "AppSecret is frozen"),
    INVALID_PAGE,
    ACCESS_TOKEN_MISSING,
    ACCESS_TOKEN_EXPIRED,
    USER_REFUSES,
    Refusal::of(43107, "subscribe message is banned"),
    CONCURRENT_SEND,
    Refusal::of(45009, "reach max api daily quota limit"),
    Refusal::of(45011, "api minute-quota reach limit  mustslower  retry next minute"),
    Refusal::of(45168, "content contains sensitive words"),
    Refusal::of(47003, "argument invalid! data.thing1.value invalid"),
    Refusal::of(48001, "api unauthorized"),
    Refusal::of(50002, "user limited"),
    Refusal::of(44991, "reach max api minute quota limit"),
    CODE_EXPIRED,
    RISKY_CONTENT,
    Refusal::of(87020, "repeat limit"),
];

impl Refusal {
    const fn of(errcode: i64, text: &'static str) -> Self {
        Self { errcode, text: Cow::Borrowed(text) }
    }

    /// The refusal an errcode fault asked for; unknown codes get a plain text.
    pub(crate) fn injected(errcode: i64) -> Self {
        let known = INJECTABLE.iter().find(|refusal| refusal.errcode == errcode);
        Self { errcode, text: known.map_or(Cow::Borrowed("error"), |refusal| refusal.text.clone()) }
    }

    /// 47003. The part after the exclamation mark is cut at 30 characters, as seen in the wild.
    pub(crate) fn argument(what: &str) -> Self {
        Self { errcode: 47003, text: format!("argument invalid! {}", what.chars().take(30).collect::<String>()).into() }
    }

    /// The phone API puts an older hint before the request id.
    pub(crate) fn with_hint(self) -> Self {
        Self { text: format!("{} hint: [{}]", self.text, random::alphanumeric::<14>()).into(), ..self }
    }

    /// The wire form. `comma` for `/sns/*`, which writes `, rid:` where the rest writes ` rid:`. The first group of the
    /// id is the second of the call in hex.
    pub(crate) fn to_json(&self, comma: bool, now_ms: i64) -> String {
        let errmsg = if self.errcode == 0 {
            self.text.clone().into_owned()
        } else {
            let comma = if comma { "," } else { "" };
            format!("{}{comma} rid: {:08x}-{}-{}", self.text, now_ms / 1000, random::hex::<8>(), random::hex::<8>())
        };
        serde_json::json!({"errcode": self.errcode, "errmsg": errmsg}).to_string()
    }
}
