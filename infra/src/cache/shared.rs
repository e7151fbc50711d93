//! The cache that instances share: Redis, and [`Local`] for when it is away.
//!
//! Promise: no call here takes longer than [`PATIENCE`] because of Redis, and after a failure none takes any time for a
//! second. What Redis forgets (a flush, a failover to a replica that lags) costs reloads, not rights: the epoch changes
//! with a flush, and callers keep what they loaded for seconds only.
//!
//! Deliberately missing: Redis Cluster. Stamps read two keys in one command, which a cluster would split; what is asked
//! of Redis here fits one server many times over.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::time::Timestamp;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{RedisResult, Script, Value};

use super::breaker::Breaker;
use super::local::{Local, lock};
use super::rate::{self, micros};
use super::{Away, BadRedisUrl, Fetched, Left, NoToken, Policy, Stamp, Verdict};
use crate::vault::{Secret, hex, random};

const CONNECT: Duration = Duration::from_secs(1);

/// Longer than any fetch takes; after that the instance that fetches is taken for dead.
const LOCK_MS: u64 = 10_000;
/// How long to wait for another instance's fetch before fetching for oneself, which is wasteful but harmless.
const WAIT_FOR_OTHERS: Duration = Duration::from_millis(2500);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Much longer than anybody keeps a stamp, so that a counter which expires cannot bring an old stamp back.
const STAMP_S: i64 = 4 * 3600;
/// Lost bumps kept one by one; above this, a new epoch stands for all of them.
const PENDING: usize = 10_000;
const REPEAT_AFTER: Duration = Duration::from_millis(250);

static HIT: LazyLock<Script> = LazyLock::new(|| Script::new(rate::SCRIPT));
/// The token, or the lock on fetching it (answer 1), or neither (answer 0).
static TOKEN_OR_LOCK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local token = redis.call('GET', KEYS[1])
         if token then return token end
         if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
         return 0",
    )
});
static DELETE_IF: LazyLock<Script> =
    LazyLock::new(|| Script::new("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"));

#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    connection: ConnectionManager,
    patience: Duration,
    prefix: String,
    local: Local,
    breaker: Breaker,
    started: Instant,
    pending: Mutex<Pending>,
}

/// Bumps that Redis has not heard of yet. They are counted, because one that fails while an earlier one is being repeated
/// may belong to a later change and must not be crossed off with it.
#[derive(Default)]
struct Pending {
    principals: HashMap<PrincipalId, u64>,
    /// Bumps for which there was no room above.
    others: u64,
    being_repeated: bool,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    pub(super) fn open(url: &str, prefix: String, local: Local, patience: Duration) -> Result<Self, BadRedisUrl> {
        let client = redis::Client::open(url).map_err(|_| BadRedisUrl)?;
        // One attempt a time: when to try again is the breaker's decision, and a caller must not sit through a back-off.
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(patience * 4 / 5))
            .set_number_of_retries(0);
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(|_| BadRedisUrl)?;
        let (breaker, pending) = (Breaker::default(), Mutex::default());
        Ok(Self(Arc::new(Inner { connection, patience, prefix, local, breaker, started: Instant::now(), pending })))
    }

    /// Asks Redis, for as long as its patience lasts, unless it has just failed.
    async fn ask<T, F: Future<Output = RedisResult<T>>>(&self, question: impl FnOnce(ConnectionManager) -> F) -> Result<T, Away> {
        if self.0.breaker.admits(self.0.now()) { self.ask_now(question).await } else { Err(Away) }
    }

    async fn ask_now<T, F: Future<Output = RedisResult<T>>>(&self, question: impl FnOnce(ConnectionManager) -> F) -> Result<T, Away> {
        let answer = tokio::time::timeout(self.0.patience, question(self.0.connection.clone())).await;
        let lost = match answer {
            Ok(Ok(value)) => {
                if self.0.breaker.succeeded() {
                    tracing::info!("Redis is back");
                }
                return Ok(value);
            }
            // It answers, but not this (full, read-only, a value of another type): no reason to stop asking it other things.
            Ok(Err(error)) if !lost_contact(&error) => {
                tracing::warn!(kind = ?error.kind(), "Redis refused a command");
                return Err(Away);
            }
            Ok(Err(error)) => format!("{:?}", error.kind()),
            Err(_) => "no answer in time".to_owned(),
        };
        if self.0.breaker.failed(self.0.now()) {
            tracing::warn!(reason = lost, "Redis is away; going on without it");
        }
        Err(Away)
    }

    pub(super) async fn token<E, F>(&self, name: &str, fetch: impl FnOnce() -> F) -> Result<Secret, NoToken<E>>
    where
        F: Future<Output = Result<Fetched, E>>,
    {
        let arrived = Instant::now();
        let [token_key, _] = self.token_keys(name);
        if let Ok(Some(token)) = self.get(&token_key).await {
            return Ok(token);
        }
        // Within the process one caller goes on for all; across processes the lock in Redis decides.
        let slot = self.0.local.slot(name);
        let mut state = slot.lock().await;
        let _lock = loop {
            match self.token_or_lock(name).await {
                Err(Away) => return self.0.local.token_in(&mut state, arrived, fetch).await,
                Ok(TokenOrLock::Token(token)) => return Ok(token),
                Ok(TokenOrLock::Lock(lock)) => break Some(lock),
                Ok(TokenOrLock::Taken) if arrived.elapsed() >= WAIT_FOR_OTHERS => break None,
                Ok(TokenOrLock::Taken) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        };
        let fetched = state.fetch(arrived, fetch).await?;
        let (value, keep) = (fetched.token.expose().to_owned(), fetched.keep_s());
        let mut set = redis::cmd("SET");
        set.arg(&token_key).arg(value).arg("EX").arg(keep);
        // Not stored: the next caller fetches again, and normal mode gives out the same token.
        let _: Result<(), Away> = self.ask(|mut c| async move { set.query_async(&mut c).await }).await;
        Ok(fetched.token)
    }

    async fn get(&self, key: &str) -> Result<Option<Secret>, Away> {
        let mut get = redis::cmd("GET");
        get.arg(key);
        let found: Option<String> = self.ask(|mut c| async move { get.query_async(&mut c).await }).await?;
        Ok(found.map(Secret::new))
    }

    async fn token_or_lock(&self, name: &str) -> Result<TokenOrLock, Away> {
        let [token_key, lock_key] = self.token_keys(name);
        let owner = hex(&random::<16>());
        let mut call = TOKEN_OR_LOCK.key(token_key);
        call.key(&lock_key).arg(&owner).arg(LOCK_MS);
        let answer: Value = self.ask(|mut c| async move { call.invoke_async(&mut c).await }).await?;
        match answer {
            Value::Int(1) => Ok(TokenOrLock::Lock(Lock { shared: self.clone(), key: lock_key, owner })),
            Value::BulkString(token) => Ok(TokenOrLock::Token(Secret::new(String::from_utf8(token).map_err(|_| Away)?))),
            _ => Ok(TokenOrLock::Taken),
        }
    }

    pub(super) async fn forget_if(&self, name: &str, failed: &Secret) {
        let [token_key, _] = self.token_keys(name);
        self.0.local.forget_if(name, failed).await;
        self.delete_if(token_key, failed.expose().to_owned()).await;
    }

    async fn delete_if(&self, key: String, value: String) {
        let mut call = DELETE_IF.key(key);
        call.arg(value);
        // Not deleted: it expires by itself.
        let _: Result<i64, Away> = self.ask(|mut c| async move { call.invoke_async(&mut c).await }).await;
    }

    pub(super) async fn hit(&self, policy: &Policy, key: &str, now: Timestamp) -> Verdict {
        let (bucket, now_us) = (policy.bucket(), micros(now));
        let key = self.0.local.disguise(policy.name, key);
        let mut call = HIT.key(self.rate_key(policy, &key));
        call.arg(now_us).arg(bucket.interval).arg(bucket.burst);
        let answer: Result<(i64, i64), Away> = self.ask(|mut c| async move { call.invoke_async(&mut c).await }).await;
        match answer {
            Ok((allowed, tat)) => bucket.verdict(allowed == 1, tat, now_us),
            Err(Away) => self.0.local.hit_disguised(policy, key, now),
        }
    }

    pub(super) async fn left(&self, policy: &Policy, key: &str, now: Timestamp) -> Left {
        let key = self.0.local.disguise(policy.name, key);
        let mut get = redis::cmd("GET");
        get.arg(self.rate_key(policy, &key));
        let stored: Result<Option<String>, Away> = self.ask(|mut c| async move { get.query_async(&mut c).await }).await;
        match stored {
            Ok(stored) => policy.bucket().look(stored.and_then(|text| text.parse().ok()), micros(now)),
            Err(Away) => self.0.local.left_disguised(policy, &key, now),
        }
    }

    fn rate_key(&self, policy: &Policy, key: &str) -> String {
        format!("{}rate:{}:{key}", self.0.prefix, policy.name)
    }

    pub(super) async fn stamp(&self, principal: PrincipalId) -> Option<Stamp> {
        {
            let pending = lock(&self.0.pending);
            if pending.others > 0 || pending.principals.contains_key(&principal) {
                return None;
            }
        }
        let mut read = redis::cmd("MGET");
        read.arg(self.epoch_key()).arg(self.stamp_key(principal));
        let (epoch, count): (Option<u64>, Option<u64>) = self.ask(|mut c| async move { read.query_async(&mut c).await }).await.ok()?;
        let epoch = match epoch {
            Some(epoch) => epoch,
            None => self.begin_epoch().await.ok()?,
        };
        Some(Stamp { epoch, count: count.unwrap_or(0) })
    }

    /// The first one to find none makes one; all others take it over.
    async fn begin_epoch(&self) -> Result<u64, Away> {
        let key = self.epoch_key();
        let fresh = u64::from_ne_bytes(random());
        let mut both = redis::pipe();
        both.cmd("SET").arg(&key).arg(fresh).arg("NX").ignore().cmd("GET").arg(&key);
        let (epoch,): (u64,) = self.ask(|mut c| async move { both.query_async(&mut c).await }).await?;
        Ok(epoch)
    }

    pub(super) async fn bump(&self, principal: PrincipalId) {
        if self.bump_once(principal).await.is_ok() {
            return;
        }
        let begin = {
            let mut pending = lock(&self.0.pending);
            if pending.principals.len() < PENDING {
                *pending.principals.entry(principal).or_default() += 1;
            } else {
                pending.others += 1;
            }
            !std::mem::replace(&mut pending.being_repeated, true)
        };
        if begin {
            tokio::spawn(self.clone().repeat_bumps());
        }
    }

    async fn bump_once(&self, principal: PrincipalId) -> Result<(), Away> {
        let key = self.stamp_key(principal);
        let mut bump = redis::pipe();
        bump.atomic().cmd("INCR").arg(&key).ignore().cmd("EXPIRE").arg(&key).arg(STAMP_S).ignore();
        self.ask(|mut c| async move { bump.query_async(&mut c).await }).await
    }

    /// Until Redis has heard of every bump. Ends by itself; while it runs, [`Shared::stamp`] gives none for the accounts concerned.
    async fn repeat_bumps(self) {
        loop {
            tokio::time::sleep(REPEAT_AFTER).await;
            let (principals, others) = {
                let pending = lock(&self.0.pending);
                (pending.principals.clone(), pending.others)
            };
            if others > 0 {
                let mut set = redis::cmd("SET");
                set.arg(self.epoch_key()).arg(u64::from_ne_bytes(random()));
                let set: Result<(), Away> = self.ask(|mut c| async move { set.query_async(&mut c).await }).await;
                if set.is_ok() {
                    lock(&self.0.pending).others -= others;
                }
            }
            for (principal, times) in principals {
                if self.bump_once(principal).await.is_err() {
                    break;
                }
                let mut pending = lock(&self.0.pending);
                if pending.principals.get(&principal) == Some(&times) {
                    pending.principals.remove(&principal);
                }
            }
            let mut pending = lock(&self.0.pending);
            if pending.principals.is_empty() && pending.others == 0 {
                pending.being_repeated = false;
                return;
            }
        }
    }

    /// Asks even during the pause: readiness wants to know now, and an answer ends the pause for all.
    pub(super) async fn ping(&self) -> Result<(), Away> {
        self.ask_now(|mut c| async move { redis::cmd("PING").query_async(&mut c).await }).await
    }

    fn token_keys(&self, name: &str) -> [String; 2] {
        ["token", "token-lock"].map(|kind| format!("{}{kind}:{name}", self.0.prefix))
    }

    fn epoch_key(&self) -> String {
        format!("{}stamp-epoch", self.0.prefix)
    }

    fn stamp_key(&self, principal: PrincipalId) -> String {
        format!("{}stamp:{principal}", self.0.prefix)
    }
}

impl Inner {
    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64 + 1
    }
}

fn lost_contact(error: &redis::RedisError) -> bool {
    error.is_io_error() || error.is_timeout() || error.is_connection_dropped() || error.is_connection_refusal()
}

enum TokenOrLock {
    Token(Secret),
    Lock(Lock),
    Taken,
}

/// The right to fetch. Given back when dropped, also when the caller went away in the middle; only if it is still ours.
struct Lock {
    shared: Shared,
    key: String,
    owner: String,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let (shared, key, owner) = (self.shared.clone(), std::mem::take(&mut self.key), std::mem::take(&mut self.owner));
        // Without a runtime the process is ending, and the lock expires by itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { shared.delete_if(key, owner).await });
        }
    }
}
