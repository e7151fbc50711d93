//! `GET /sns/jscode2session`: a login code for an openid and a session key.

use actix_web::http::Method;

use crate::codes::{Codes, Exchange, Recent};
use crate::credential::{Account, Claim};
use crate::gateway::{Call, Success};
use crate::random;
use crate::refusal::{APPID_MISSING, CODE_MISSING, CODE_USED, INVALID_CODE, INVALID_GRANT_TYPE, Refusal};

/// WeChat keeps a session key for some unpublished minimum time, so that log-ins shortly after one another return the
/// same key. A client that treats a new log-in as a new key is wrong now and then; here it is wrong reliably.
const KEY_REFRESH_MS: i64 = 30_000;

pub(crate) struct Login {
    codes: Codes<String>,
    keys: Recent<String, SessionKey>,
    /// When somebody last opened the mini-program.
    seen: Recent<String, i64>,
}

struct SessionKey {
    text: String,
    made_ms: i64,
}

impl Login {
    pub(crate) fn new() -> Self {
        Self { codes: Codes::new(), keys: Recent::new(10_000), seen: Recent::new(50_000) }
    }

    /// What `wx.login` would hand the front end. Codes are 32 characters.
    pub(crate) fn hand_out(&mut self, openid: String, foreign_appid: Option<String>, now_ms: i64) -> String {
        let code = random::alphanumeric::<32>();
        self.codes.hand_out(code.clone(), openid, foreign_appid, now_ms);
        code
    }

    /// Somebody opens the mini-program, which `wx.login` tells too.
    pub(crate) fn opened(&mut self, openid: &str, now_ms: i64) {
        match self.seen.get_mut(openid) {
            Some(at) => *at = now_ms,
            None => self.seen.insert(openid.to_owned(), now_ms),
        }
    }

    pub(crate) fn seen_ms(&mut self, openid: &str) -> Option<i64> {
        self.seen.get_mut(openid).map(|at| *at)
    }

    fn session_key(&mut self, openid: &str, now_ms: i64) -> String {
        if let Some(key) = self.keys.get_mut(openid) {
            if now_ms - key.made_ms >= KEY_REFRESH_MS {
                *key = SessionKey { text: random::session_key(), made_ms: now_ms };
            }
            return key.text.clone();
        }
        let text = random::session_key();
        self.keys.insert(openid.to_owned(), SessionKey { text: text.clone(), made_ms: now_ms });
        text
    }
}

pub(crate) fn jscode2session(account: &Account, login: &mut Login, call: &Call<'_>) -> Result<Success, Refusal> {
    // A POST keeps its parameters in the body, where this API does not look.
    if call.method != Method::GET {
        return Err(APPID_MISSING);
    }
    let claim = Claim::read(call.query.get("appid"), call.query.get("secret"))?;
    let code = call.query.get("js_code").filter(|code| !code.is_empty()).ok_or(CODE_MISSING)?;
    if call.query.get("grant_type") != Some("authorization_code") {
        return Err(INVALID_GRANT_TYPE);
    }
    claim.verify(account)?;
    let openid = match login.codes.exchange(code, call.now_ms, |_| Ok(()))? {
        Exchange::Meaning(openid) => openid,
        Exchange::Used => return Err(CODE_USED),
        Exchange::Foreign | Exchange::Unknown => return Err(INVALID_CODE),
    };
    let session_key = login.session_key(&openid, call.now_ms);
    login.opened(&openid, call.now_ms);
    let meaning = format!("{openid} 登录小程序 · {openid} logs in");
    // No errcode on success, and no unionid: the mini-program is bound to no open platform account.
    Ok(Success::bare(serde_json::json!({"session_key": session_key, "openid": openid})).meaning(meaning))
}
