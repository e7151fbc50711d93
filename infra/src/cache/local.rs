//! The cache of one process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::time::Timestamp;
use zeroize::Zeroizing;

use super::rate::micros;
use super::{Fetched, Left, NoToken, Policy, Stamp, Verdict, disguise};
use crate::clock::Clock;
use crate::vault::{Secret, random};

/// Accounts and rate-limit keys remembered at once: some megabytes at most, whoever asks.
const KEYS: usize = 100_000;

pub struct Local {
    key: Zeroizing<[u8; 32]>,
    clock: Clock,
    /// Names come from our own code: a handful.
    tokens: Mutex<HashMap<String, Arc<TokenSlot>>>,
    rates: Mutex<Generations>,
    stamps: Mutex<Stamps>,
}

/// Held for the whole of a fetch: that is what makes the flight single. Nothing else is ever awaited under it.
pub(super) type TokenSlot = tokio::sync::Mutex<TokenState>;

#[derive(Default)]
pub(super) struct TokenState {
    token: Option<(Secret, Timestamp)>,
    pub(super) failed_at: Option<Instant>,
}

/// Two maps: when the newer is full it becomes the older, and the older is dropped. What is asked for often stays, memory
/// is bounded, and nothing is ever searched for victims. Who is forgotten gets a fresh quota, which takes a flood of
/// [`KEYS`] different keys.
#[derive(Default)]
struct Generations {
    newer: HashMap<String, i64>,
    older: HashMap<String, i64>,
}

impl Generations {
    fn get(&self, key: &str) -> Option<i64> {
        self.newer.get(key).or_else(|| self.older.get(key)).copied()
    }

    fn set(&mut self, key: String, value: i64) {
        if self.newer.len() >= KEYS / 2 {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(key, value);
    }
}

struct Stamps {
    epoch: u64,
    counts: HashMap<PrincipalId, u64>,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Local")
    }
}

impl Local {
    pub(super) fn new(key: Zeroizing<[u8; 32]>, clock: Clock) -> Self {
        Self {
            key,
            clock,
            tokens: Mutex::default(),
            rates: Mutex::default(),
            stamps: Mutex::new(Stamps { epoch: u64::from_ne_bytes(random()), counts: HashMap::new() }),
        }
    }

    pub(super) fn disguise(&self, kind: &str, value: &str) -> String {
        disguise(&self.key, kind, value)
    }

    pub(super) fn slot(&self, name: &str) -> Arc<TokenSlot> {
        let mut slots = lock(&self.tokens);
        if let Some(slot) = slots.get(name) {
            return Arc::clone(slot);
        }
        Arc::clone(slots.entry(name.to_owned()).or_default())
    }

    pub(super) async fn token<E, F>(&self, name: &str, fetch: impl FnOnce() -> F) -> Result<Secret, NoToken<E>>
    where
        F: Future<Output = Result<Fetched, E>>,
    {
        let (slot, arrived) = (self.slot(name), Instant::now());
        let mut state = slot.lock().await;
        self.token_in(&mut state, arrived, fetch).await
    }

    /// The process's own token, kept in `state`, for a caller who arrived at `arrived` and now holds the slot.
    pub(super) async fn token_in<E, F>(
        &self,
        state: &mut TokenState,
        arrived: Instant,
        fetch: impl FnOnce() -> F,
    ) -> Result<Secret, NoToken<E>>
    where
        F: Future<Output = Result<Fetched, E>>,
    {
        if let Some((token, until)) = &state.token
            && self.clock.now() < *until
        {
            return Ok(token.clone());
        }
        let fetched = state.fetch(arrived, fetch).await?;
        state.token = Some((fetched.token.clone(), self.clock.now().plus_seconds(fetched.keep_s())));
        Ok(fetched.token)
    }

    pub(super) async fn forget_if(&self, name: &str, failed: &Secret) {
        let slot = self.slot(name);
        let mut state = slot.lock().await;
        if state.token.as_ref().is_some_and(|(token, _)| token == failed) {
            state.token = None;
        }
    }

    pub(super) fn hit(&self, policy: &Policy, key: &str, now: Timestamp) -> Verdict {
        self.hit_disguised(policy, self.disguise(policy.name, key), now)
    }

    pub(super) fn hit_disguised(&self, policy: &Policy, key: String, now: Timestamp) -> Verdict {
        let (bucket, now) = (policy.bucket(), micros(now));
        let mut rates = lock(&self.rates);
        let (allowed, tat) = bucket.decide(rates.get(&key), now);
        rates.set(key, tat);
        bucket.verdict(allowed, tat, now)
    }

    pub(super) fn left_disguised(&self, policy: &Policy, key: &str, now: Timestamp) -> Left {
        policy.bucket().look(lock(&self.rates).get(key), micros(now))
    }

    pub(super) fn stamp(&self, principal: PrincipalId) -> Stamp {
        let stamps = lock(&self.stamps);
        Stamp { epoch: stamps.epoch, count: stamps.counts.get(&principal).copied().unwrap_or(0) }
    }

    pub(super) fn bump(&self, principal: PrincipalId) {
        let mut stamps = lock(&self.stamps);
        if stamps.counts.len() >= KEYS && !stamps.counts.contains_key(&principal) {
            // Forgetting a counter alone would let an old stamp become valid again; a new epoch ends them all.
            *stamps = Stamps { epoch: u64::from_ne_bytes(random()), counts: HashMap::new() };
        }
        *stamps.counts.entry(principal).or_default() += 1;
    }
}

impl TokenState {
    /// Fetches, unless a fetch has failed since `arrived`: then this caller waited for that result and shares it.
    pub(super) async fn fetch<E, F>(&mut self, arrived: Instant, fetch: impl FnOnce() -> F) -> Result<Fetched, NoToken<E>>
    where
        F: Future<Output = Result<Fetched, E>>,
    {
        if self.failed_at.is_some_and(|at| at >= arrived) {
            return Err(NoToken::JustFailed);
        }
        match fetch().await {
            Ok(fetched) => Ok(fetched),
            Err(error) => {
                self.failed_at = Some(Instant::now());
                Err(NoToken::Fetch(error))
            }
        }
    }
}

/// A panic while the lock was held leaves maps that are whole: every change is one insertion.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
