//! The same promises for one process and for Redis, and what remains of them when Redis goes away.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::rate::micros;
use super::*;
use crate::vault::random;

const TEN_A_MINUTE: Policy = Policy { name: "ten", quota: 10, window_s: 60 };

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn somebody() -> PrincipalId {
    PrincipalId::from_parts(0, random())
}

/// More patient than the server is: a busy machine must not look like a Redis that is away.
fn open(redis_url: Option<String>, prefix: &str) -> Cache {
    open_with(redis_url, prefix, Duration::from_secs(30))
}

fn open_with(redis_url: Option<String>, prefix: &str, patience: Duration) -> Cache {
    let config = CacheConfig { redis_url, prefix: Some(prefix.to_owned()), key: [7; 32], patience };
    Cache::open(config, Clock::system()).expect("a usable address")
}

fn local() -> Cache {
    open(None, "")
}

/// The Redis to test with, and a prefix that no other run has. Without one the test says that it did not run.
fn redis() -> Option<(String, String)> {
    match std::env::var("JIAZAI_TEST_REDIS_URL") {
        Ok(url) => Some((url, format!("test-{}:", hex(&random::<8>())))),
        Err(_) => {
            // Not `eprintln!`, which the harness swallows when a test passes.
            let _ = writeln!(std::io::stderr(), "NOT RUN: JIAZAI_TEST_REDIS_URL is not set, so nothing was asked of a real Redis");
            None
        }
    }
}

/// Two instances of one installation.
fn two_instances() -> Option<[Cache; 2]> {
    redis().map(|(url, prefix)| [open(Some(url.clone()), &prefix), open(Some(url), &prefix)])
}

/// Counts how often it is asked, takes its time, and numbers its tokens.
#[derive(Default)]
struct Issuer(AtomicUsize);

impl Issuer {
    async fn issue(&self, expires_in_s: i64) -> Result<Fetched, ()> {
        let n = self.0.fetch_add(1, Ordering::SeqCst);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        Ok(Fetched { token: Secret::new(format!("token {n}")), expires_in_s })
    }

    fn asked(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

async fn ten_callers_share_one_fetch(caches: [&Cache; 2]) {
    let issuer = Issuer::default();
    let calls = (0..10).map(|n| caches[n % 2].token("access", || issuer.issue(7200)));
    for token in futures_util::future::join_all(calls).await {
        assert_eq!(token, Ok(Secret::new("token 0")));
    }
    assert_eq!(issuer.asked(), 1);
}

async fn only_the_token_that_failed_is_forgotten(caches: [&Cache; 2]) {
    let issuer = Issuer::default();
    let old = caches[0].token("access", || issuer.issue(7200)).await.expect("a token");
    caches[0].forget_if("access", &old).await;
    let new = caches[1].token("access", || issuer.issue(7200)).await.expect("a token");
    assert_ne!(new, old);
    caches[0].forget_if("access", &old).await;
    assert_eq!(caches[0].token("access", || issuer.issue(7200)).await, Ok(new));
    assert_eq!(issuer.asked(), 2);
}

async fn stamps_change_with_a_bump_and_only_for_that_account(caches: [&Cache; 2]) {
    let (one, other) = (somebody(), somebody());
    let before = (caches[0].stamp(one).await, caches[0].stamp(other).await);
    assert!(before.0.is_some());
    assert_eq!(caches[1].stamp(one).await, before.0);
    caches[0].bump(one).await;
    let after = (caches[1].stamp(one).await, caches[1].stamp(other).await);
    assert_ne!(after.0, before.0);
    assert_eq!(after.1, before.1);
}

async fn instances_count_together(caches: [&Cache; 2]) {
    for n in 0..10 {
        let verdict = caches[n % 2].hit(&TEN_A_MINUTE, "k", at(0)).await;
        assert_eq!((verdict.allowed, verdict.remaining), (true, 9 - n as u32));
    }
    let refused = caches[0].hit(&TEN_A_MINUTE, "k", at(0)).await;
    assert_eq!(refused, Verdict { allowed: false, remaining: 0, reset_s: 6, retry_after_s: Some(6) });
    assert!(caches[1].hit(&TEN_A_MINUTE, "another", at(0)).await.allowed);
    assert!(caches[1].hit(&TEN_A_MINUTE, "k", at(6000)).await.allowed);
}

macro_rules! in_process_and_over_redis {
    ($($rule:ident => $in_process:ident, $over_redis:ident;)+) => {$(
        #[tokio::test]
        async fn $in_process() {
            let cache = local();
            $rule([&cache, &cache]).await;
        }
        #[tokio::test]
        async fn $over_redis() {
            let Some([a, b]) = two_instances() else { return };
            $rule([&a, &b]).await;
        }
    )+};
}

in_process_and_over_redis! {
    ten_callers_share_one_fetch => in_process_ten_callers_share_one_fetch, over_redis_two_instances_share_one_fetch;
    only_the_token_that_failed_is_forgotten => in_process_only_the_token_that_failed_is_forgotten, over_redis_only_the_token_that_failed_is_forgotten;
    stamps_change_with_a_bump_and_only_for_that_account => in_process_stamps_change_with_a_bump, over_redis_stamps_change_with_a_bump;
    instances_count_together => in_process_a_quota_is_counted, over_redis_instances_count_together;
}

#[tokio::test]
async fn a_token_is_used_until_five_minutes_before_its_end_and_at_least_once() {
    let offset = Arc::new(AtomicI64::new(0));
    let config = CacheConfig { redis_url: None, prefix: None, key: [7; 32], patience: PATIENCE };
    let cache = Cache::open(config, Clock::shifted_by(Arc::clone(&offset))).expect("a usable address");
    let issuer = Issuer::default();
    cache.token("access", || issuer.issue(7200)).await.expect("a token");
    offset.store(6_890_000, Ordering::Relaxed);
    cache.token("access", || issuer.issue(300)).await.expect("a token");
    assert_eq!(issuer.asked(), 1);
    offset.store(6_910_000, Ordering::Relaxed);
    cache.token("access", || issuer.issue(300)).await.expect("a token");
    assert_eq!(issuer.asked(), 2, "the second token of exactly 300 s is usable, but not for long");
    assert_eq!(Fetched { token: Secret::new(""), expires_in_s: i64::MIN }.keep_s(), 1);
}

#[tokio::test]
async fn who_waited_for_a_fetch_that_failed_does_not_repeat_it() {
    let (cache, asked) = (local(), AtomicUsize::new(0));
    let fail = || async {
        asked.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Err::<Fetched, _>("down")
    };
    let results = futures_util::future::join_all((0..5).map(|_| cache.token("access", fail))).await;
    assert_eq!(results[0], Err(NoToken::Fetch("down")));
    assert!(results[1..].iter().all(|result| *result == Err(NoToken::JustFailed)));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(cache.token("access", fail).await, Err(NoToken::Fetch("down")), "who comes later tries again");
}

#[tokio::test]
async fn redis_decides_a_rate_exactly_as_the_process_does() {
    let Some([shared, _]) = two_instances() else { return };
    let alone = local();
    let mut now = 1_900_000_000_000;
    for step in [0, 0, 1, 5999, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 12_345, 0, 600_000, 0, 0, -3000, 0] {
        now += step;
        let verdict = shared.hit(&TEN_A_MINUTE, "k", at(now)).await;
        assert_eq!(verdict, alone.hit(&TEN_A_MINUTE, "k", at(now)).await, "at {now}");
    }
    assert_eq!(micros(at(now)), now * 1000);
}

#[tokio::test]
async fn a_flush_of_redis_ends_every_stamp() {
    let Some((url, prefix)) = redis() else { return };
    let (cache, one) = (open(Some(url.clone()), &prefix), somebody());
    let before = cache.stamp(one).await;
    let mut admin = redis::Client::open(url).expect("an address").get_multiplexed_async_connection().await.expect("a connection");
    let _: () = redis::cmd("DEL").arg(format!("{prefix}stamp-epoch")).query_async(&mut admin).await.expect("deleted");
    let after = cache.stamp(one).await;
    assert!(after.is_some() && after != before);
}

#[tokio::test]
async fn keys_show_neither_names_nor_addresses() {
    let Some((url, prefix)) = redis() else { return };
    let cache = open(Some(url.clone()), &prefix);
    cache.hit(&TEN_A_MINUTE, "13800138000", at(0)).await;
    let mut admin = redis::Client::open(url).expect("an address").get_multiplexed_async_connection().await.expect("a connection");
    let keys: Vec<String> = redis::cmd("KEYS").arg(format!("{prefix}*")).query_async(&mut admin).await.expect("keys");
    assert!(keys.len() == 1 && !keys[0].contains("138"), "{keys:?}");
}

/// A wire to Redis that can be cut and mended.
struct Wire {
    url: String,
    cut: Arc<AtomicBool>,
    lines: Arc<tokio::sync::Notify>,
}

impl Wire {
    async fn to(url: &str) -> Self {
        let target = url.trim_start_matches("redis://").split('/').next().expect("an address").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let wire =
            Self { url: format!("redis://{}", listener.local_addr().expect("an address")), cut: Arc::default(), lines: Arc::default() };
        let (cut, lines) = (Arc::clone(&wire.cut), Arc::clone(&wire.lines));
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                let (target, lines) = (target.clone(), Arc::clone(&lines));
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(target).await.expect("the real Redis");
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        () = lines.notified() => {}
                    }
                });
            }
        });
        wire
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.lines.notify_waiters();
    }

    fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

/// Asks again until it is so; half a minute is for a busy machine, not the expectation.
async fn soon<T>(mut question: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = question().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("so within half a minute")
}

#[tokio::test]
async fn when_redis_comes_back_all_goes_on_without_a_restart() {
    let Some((url, prefix)) = redis() else { return };
    let wire = Wire::to(&url).await;
    let (near, far, one) = (open(Some(wire.url.clone()), &prefix), open(Some(url), &prefix), somebody());
    let before = near.stamp(one).await;
    assert!(before.is_some() && before == far.stamp(one).await);

    wire.cut();
    assert_eq!(near.stamp(one).await, None, "the caller must ask the database");
    near.bump(one).await;
    assert!(near.hit(&TEN_A_MINUTE, "k", at(0)).await.allowed);
    let issuer = Issuer::default();
    assert!(near.token("access", || issuer.issue(7200)).await.is_ok());
    assert_eq!(near.ping().await, Err(Away));

    wire.mend();
    soon(async || near.ping().await.ok()).await;
    let after = soon(async || near.stamp(one).await).await;
    assert_ne!(Some(after), before, "the bump of the bad time was made up for");
    assert_eq!(far.stamp(one).await, Some(after));
}

#[tokio::test]
async fn a_redis_that_never_answers_costs_its_patience_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("redis://{}", listener.local_addr().expect("an address"));
    let (cache, one, issuer) = (open_with(Some(url), "x:", PATIENCE), somebody(), Issuer::default());

    let started = Instant::now();
    assert_eq!(cache.stamp(one).await, None);
    assert!(started.elapsed() < 20 * PATIENCE, "{:?}", started.elapsed());

    // Two hundred questions; were each to wait, that would be a minute and a half.
    let started = Instant::now();
    for _ in 0..50 {
        cache.bump(one).await;
        assert_eq!(cache.stamp(one).await, None);
        cache.hit(&TEN_A_MINUTE, "k", at(0)).await;
        cache.token("access", || issuer.issue(7200)).await.expect("a token of its own");
    }
    assert!(!cache.hit(&TEN_A_MINUTE, "k", at(0)).await.allowed, "limited locally");
    assert_eq!(issuer.asked(), 1);
    assert!(started.elapsed() < 60 * PATIENCE, "{:?}", started.elapsed());
}

#[test]
fn an_unreadable_address_is_refused_without_being_repeated() {
    let config = CacheConfig { redis_url: Some("http://user:hunter2@host".to_owned()), prefix: None, key: [0; 32], patience: PATIENCE };
    let refused = Cache::open(config, Clock::system()).map(|_| ()).expect_err("no such scheme");
    assert!(!refused.to_string().contains("hunter2"));
}
