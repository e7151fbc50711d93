//! How often somebody may call: a quota for a person, and for an address where nobody is known yet.
//!
//! Counted in Redis when there is one, so that several instances share the count; otherwise, or while Redis is away, in
//! this process.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use jiazai_infra::cache::{Policy, Verdict};

use crate::app::App;
use crate::auth::Identity;
use crate::route::Limit;

/// What a request was counted against.
pub struct Counted {
    pub policy: Policy,
    pub verdict: Verdict,
}

const PERSON: &Policy = &Policy { name: "person", quota: 600, window_s: 60 };
const ADDRESS: &Policy = &Policy { name: "address", quota: 1200, window_s: 60 };
/// A whole neighbourhood may share one address, but nobody types fifty passwords a minute.
const PASSWORD: &Policy = &Policy { name: "password", quota: 60, window_s: 60 };
/// WeChat itself allows about a hundred log-ins a minute to one user; a community's morning rush may come from one address.
const WECHAT_LOGIN: &Policy = &Policy { name: "wechat_login", quota: 300, window_s: 60 };
const UPLOAD: &Policy = &Policy { name: "upload", quota: 60, window_s: 60 };

/// Counts a request. None when limits are switched off.
pub async fn count(app: &App, limit: Limit, who: Option<&Identity>, address: Option<IpAddr>) -> Option<Counted> {
    if app.limits_off {
        return None;
    }
    let policy = match (limit, who) {
        (Limit::Password, _) => PASSWORD,
        (Limit::WechatLogin, _) => WECHAT_LOGIN,
        (Limit::Upload, _) => UPLOAD,
        (_, Some(Identity { key: Some(key), .. })) => &Policy { name: "key", quota: key.per_minute, window_s: 60 },
        (_, Some(_)) => PERSON,
        (_, None) => ADDRESS,
    };
    let key = match who {
        Some(identity) => identity.actor.id.text(),
        None => address.map(|ip| ip.to_string()).unwrap_or_default(),
    };
    let verdict = app.cache.hit(policy, &key, app.clock.now()).await;
    Some(Counted { policy: *policy, verdict })
}

/// `RateLimit-Policy` and `RateLimit` as structured fields (the IETF draft's names and letters).
pub fn describe(counted: &Counted, headers: &mut HeaderMap) {
    let Counted { policy: Policy { name, quota, window_s }, verdict } = counted;
    let fields = [
        ("ratelimit-policy", format!("\"{name}\";q={quota};w={window_s}")),
        ("ratelimit", format!("\"{name}\";r={};t={}", verdict.remaining, verdict.reset_s)),
    ];
    for (field, value) in fields {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(field), value);
        }
    }
}
