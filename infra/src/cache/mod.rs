//! The cache: what instances must agree on quickly and may forget without harm.
//!
//! Three things, and nothing else lives here:
//! - the **access token** that WeChat wants with every call: fetched by one instance, used by all ([`Cache::token`]);
//! - **rate limits**: how often somebody may ask ([`Cache::hit`]);
//! - **stamps**: a number per account that changes when its rights or sessions change, so that an instance may keep an
//!   account in memory for some seconds and still see a log-out at once ([`Cache::stamp`], [`Cache::bump`]).
//!
//! Each exists twice: [`Local`] in this process and [`Shared`] in Redis, behind one enum. When Redis is away, `Shared`
//! does what can be done alone: fetches its own token, counts on its own, and answers `None` for a stamp, which sends the
//! caller to the database. Slower or locally limited, never wrong and never down. Who finds Redis away pays at most half a
//! second, and then nobody asks it for one more.
//!
//! No truth lives here, and no personal data: the only secret is WeChat's access token, and keys hold a keyed hash
//! where they would otherwise hold a user name or an address.

mod breaker;
mod local;
mod rate;
mod shared;

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::time::Timestamp;
use sha2::Sha256;
use zeroize::Zeroizing;

pub use self::local::Local;
pub use self::rate::{Left, Policy, Verdict};
pub use self::shared::Shared;
use crate::clock::Clock;
use crate::vault::{Secret, hex};

/// Where the cache lives.
pub struct CacheConfig {
    /// `redis://…`; `None` keeps everything in this process, which is right for exactly one instance.
    pub redis_url: Option<String>,
    /// Put before every key; `None` is `jz:`. Installations that share a Redis need different ones.
    pub prefix: Option<String>,
    /// Hashes what keys must not show. The same on every instance: derive it from the data key.
    pub key: [u8; 32],
    /// The longest that one question to Redis may take, connecting included; [`PATIENCE`] in service.
    pub patience: Duration,
}

/// Whoever finds Redis away pays this once, and a caller hardly notices half a second.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// `REDIS_URL` cannot be read. Does not repeat it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadRedisUrl;

impl fmt::Display for BadRedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDIS_URL is not of the form redis://[user:password@]host[:port][/database]")
    }
}

impl std::error::Error for BadRedisUrl {}

/// Redis does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Away;

/// A token as its issuer gave it.
#[derive(Debug, Clone)]
pub struct Fetched {
    pub token: Secret,
    /// Seconds it is good for, by the issuer's word.
    pub expires_in_s: i64,
}

impl Fetched {
    /// The last five minutes are left unused: the issuer is replacing the token then. A token with no more than that
    /// is still good for the call it was fetched for, so one second remains.
    fn keep_s(&self) -> i64 {
        self.expires_in_s.clamp(0, 86_400).saturating_sub(300).max(1)
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoToken<E> {
    /// The fetch was tried for this caller and failed.
    Fetch(E),
    /// The fetch failed for somebody else while this caller waited for its result: asking once more at once would only
    /// multiply the load on an issuer that is in trouble.
    JustFailed,
}

/// Equal stamps: nothing about the account has changed in between. Opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Changes when the store forgets its counters.
    epoch: u64,
    count: u64,
}

#[derive(Debug)]
pub enum Cache {
    Local(Local),
    Shared(Shared),
}

impl Cache {
    /// Connects to nothing yet: a Redis that is away must not keep an instance from starting.
    ///
    /// Call it within a Tokio runtime that lives as long as the process.
    pub fn open(config: CacheConfig, clock: Clock) -> Result<Self, BadRedisUrl> {
        let local = Local::new(Zeroizing::new(config.key), clock);
        let Some(url) = config.redis_url else { return Ok(Self::Local(local)) };
        let prefix = config.prefix.unwrap_or_else(|| "jz:".to_owned());
        Shared::open(&url, prefix, local, config.patience).map(Self::Shared)
    }

    /// The token called `name`, from the cache or from `fetch`. However many callers on however many instances ask,
    /// `fetch` runs once as a rule; twice only when the instance that fetches dies or Redis does.
    pub async fn token<E, F>(&self, name: &str, fetch: impl FnOnce() -> F) -> Result<Secret, NoToken<E>>
    where
        F: Future<Output = Result<Fetched, E>>,
    {
        match self {
            Self::Local(local) => local.token(name, fetch).await,
            Self::Shared(shared) => shared.token(name, fetch).await,
        }
    }

    /// Forgets the token called `name` if it is still the one that failed. The comparison matters: of ten callers who
    /// were all refused with the old token, nine come here after the first has already fetched a new one.
    pub async fn forget_if(&self, name: &str, failed: &Secret) {
        match self {
            Self::Local(local) => local.forget_if(name, failed).await,
            Self::Shared(shared) => shared.forget_if(name, failed).await,
        }
    }

    /// Counts one request of `key` (an account, an address, a user name) against `policy`. A refused request does not count.
    pub async fn hit(&self, policy: &Policy, key: &str, now: Timestamp) -> Verdict {
        match self {
            Self::Local(local) => local.hit(policy, key, now),
            Self::Shared(shared) => shared.hit(policy, key, now).await,
        }
    }

    /// What is left for `key` of `policy`. Nothing is counted.
    pub async fn left(&self, policy: &Policy, key: &str, now: Timestamp) -> Left {
        match self {
            Self::Local(local) => local.left_disguised(policy, &local.disguise(policy.name, key), now),
            Self::Shared(shared) => shared.left(policy, key, now).await,
        }
    }

    /// The stamp of an account. Read it *before* loading the account from the database and keep it with what was loaded:
    /// as long as the stamp stays equal, what was loaded holds. Keep it for some seconds at most all the same, because a
    /// change whose [`Cache::bump`] was lost with its process shows only then.
    ///
    /// `None`: nobody knows, so read the database.
    pub async fn stamp(&self, principal: PrincipalId) -> Option<Stamp> {
        match self {
            Self::Local(local) => Some(local.stamp(principal)),
            Self::Shared(shared) => shared.stamp(principal).await,
        }
    }

    /// Changes the stamp of an account. Call it *after* the transaction that changed the account has been committed.
    /// Cannot fail: while Redis is away the change is kept and repeated, and this instance gives no stamp for the account.
    pub async fn bump(&self, principal: PrincipalId) {
        match self {
            Self::Local(local) => local.bump(principal),
            Self::Shared(shared) => shared.bump(principal).await,
        }
    }

    /// Does the cache answer? For readiness: an instance without its Redis still serves, but is worth a warning.
    pub async fn ping(&self) -> Result<(), Away> {
        match self {
            Self::Local(_) => Ok(()),
            Self::Shared(shared) => shared.ping().await,
        }
    }
}

/// What a key shows of a value that it must not show: 128 bits of a keyed hash.
fn disguise(key: &[u8; 32], kind: &str, value: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(kind.as_bytes());
    mac.update(&[0]);
    mac.update(value.as_bytes());
    hex(&mac.finalize().into_bytes()[..16])
}

#[cfg(test)]
mod tests;
