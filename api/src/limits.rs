//! How often somebody may call: a quota for a person or a key, and for an address where nobody is known.
//!
//! Counted before anything is refused, so that trying doors costs as much as going through them; a token or key that is no
//! good counts against the address it came from, which is what bounds guessing. Counted in Redis when there is one, so that
//! several instances share the count; otherwise, or while Redis is away, in this process.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use jiazai_domain::api_key::ApiKey;
use jiazai_infra::cache::{Left, Policy, Verdict};

use crate::app::App;
use crate::auth::Identity;
use crate::route::Limit;

/// What a request was counted against; nothing when limits are switched off.
#[derive(Default)]
pub struct Counted(Vec<(Policy, Verdict)>);

impl Counted {
    /// Seconds until another try makes sense, if this one was one too many.
    pub fn wait_s(&self) -> Option<u64> {
        let refused = self.0.iter().filter(|(_, verdict)| !verdict.allowed);
        refused.map(|(_, verdict)| u64::from(verdict.retry_after_s.unwrap_or(1))).max()
    }
}

const PERSON: &Policy = &Policy { name: "person", quota: 600, window_s: 60 };
const ADDRESS: &Policy = &Policy { name: "address", quota: 1200, window_s: 60 };
/// A whole neighbourhood may share one address, but nobody types fifty passwords a minute.
const PASSWORD: &Policy = &Policy { name: "password", quota: 60, window_s: 60 };
/// WeChat itself allows about a hundred log-ins a minute to one user; a community's morning rush may come from one address.
const WECHAT_LOGIN: &Policy = &Policy { name: "wechat_login", quota: 300, window_s: 60 };
const UPLOAD: &Policy = &Policy { name: "upload", quota: 60, window_s: 60 };

/// A key's own quota.
fn of_key(per_minute: u32) -> Policy {
    Policy { name: "key", quota: per_minute, window_s: 60 }
}

/// A key's quota, and what is left of it; looking takes nothing.
pub async fn left(app: &App, key: &ApiKey) -> (Policy, Left) {
    let policy = of_key(key.quota());
    let left = app.cache.left(&policy, &key.id.principal().text(), app.clock.now()).await;
    (policy, left)
}

/// Counts a request against whoever sent it; `who` is nobody where nobody was proven.
pub async fn count(app: &App, limit: Limit, who: Option<&Identity>, address: Option<IpAddr>) -> Counted {
    if app.limits_off || limit == Limit::None {
        return Counted::default();
    }
    let own = who.and_then(|identity| identity.key.as_ref()).map(|key| of_key(key.per_minute));
    let mut policies = match (limit, who) {
        (Limit::Password, _) => vec![*PASSWORD],
        (Limit::WechatLogin, _) => vec![*WECHAT_LOGIN],
        (Limit::Upload, _) => vec![*UPLOAD],
        (_, Some(_)) if own.is_some() => vec![],
        (_, Some(_)) => vec![*PERSON],
        (_, None) => vec![*ADDRESS],
    };
    // A key's own quota holds for whatever the key does.
    policies.extend(own);
    let key = match who {
        Some(identity) => identity.actor.id.text(),
        None => address.map(household).unwrap_or_default(),
    };
    let mut counted = Vec::with_capacity(policies.len());
    for policy in policies {
        counted.push((policy, app.cache.hit(&policy, &key, app.clock.now()).await));
    }
    Counted(counted)
}

/// An address as the one who has it: of IPv6 the first 64 bits, because the rest is theirs to choose.
fn household(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        four => four.to_string(),
    }
}

/// Counts a request whose identity was none, or no good, against where it came from.
pub async fn count_stranger(app: &App, limit: Limit, address: Option<IpAddr>) -> Counted {
    count(app, if limit == Limit::None { Limit::None } else { Limit::General }, None, address).await
}

/// `RateLimit-Policy` and `RateLimit` as structured fields (the IETF draft's names and letters).
pub fn describe(counted: &Counted, headers: &mut HeaderMap) {
    if counted.0.is_empty() {
        return;
    }
    let joined = |say: fn(&(Policy, Verdict)) -> String| counted.0.iter().map(say).collect::<Vec<_>>().join(", ");
    let fields = [
        ("ratelimit-policy", joined(|(policy, _)| format!("\"{}\";q={};w={}", policy.name, policy.quota, policy.window_s))),
        ("ratelimit", joined(|(policy, verdict)| format!("\"{}\";r={};t={}", policy.name, verdict.remaining, verdict.reset_s))),
    ];
    for (field, value) in fields {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(field), value);
        }
    }
}
