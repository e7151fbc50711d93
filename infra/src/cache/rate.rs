//! Rate limits as a leaky bucket (GCRA): one number per key, and no edge of a window at which twice the quota slips through.
//!
//! The number is the *theoretical arrival time*: the instant at which the bucket will be empty again. Each request moves
//! it on by one interval (window ÷ quota); a request that would move it more than a whole burst ahead of now is refused.
//! The rule exists twice, here and in Lua, because only Redis can decide for several instances at once; the tests hold the
//! two against each other.

use jiazai_domain::kernel::time::Timestamp;

/// How often something may be asked: `quota` times in `window_s` seconds, all at once or spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// As it stands in the `RateLimit-Policy` field.
    pub name: &'static str,
    /// At least 1.
    pub quota: u32,
    /// At least 1.
    pub window_s: u32,
}

/// What a request was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub allowed: bool,
    /// Requests that would be allowed now.
    pub remaining: u32,
    /// Seconds until `remaining` grows by one, rounded up.
    pub reset_s: u32,
    /// For a refused request: seconds until it would be allowed, rounded up, at least 1. Equals `reset_s` then, so that
    /// `Retry-After` never points earlier than `RateLimit`.
    pub retry_after_s: Option<u32>,
}

/// What is left of a quota for whoever looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Requests that would be allowed now.
    pub remaining: u32,
    /// Seconds until one more is free, rounded up; zero while all are.
    pub reset_s: u32,
}

/// Microseconds: a quota of many thousands a second still has an interval of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    pub(super) interval: i64,
    pub(super) burst: i64,
}

impl Policy {
    pub(super) fn bucket(&self) -> Bucket {
        let quota = i64::from(self.quota.max(1));
        let interval = (i64::from(self.window_s.max(1)) * 1_000_000 / quota).max(1);
        Bucket { interval, burst: interval * quota }
    }
}

pub(super) fn micros(now: Timestamp) -> i64 {
    now.millis().saturating_mul(1000)
}

impl Bucket {
    /// Whether the request is allowed, and the arrival time to store, which is to be done in both cases: a time further
    /// ahead than a full bucket (the clock was set back) is pulled in, or it would lock somebody out until the clock is there.
    pub(super) fn decide(self, stored: Option<i64>, now: i64) -> (bool, i64) {
        let tat = stored.unwrap_or(now).clamp(now, now + self.burst);
        let next = tat + self.interval;
        if next <= now + self.burst { (true, next) } else { (false, tat) }
    }

    /// What a request would find now, without one being counted.
    pub(super) fn look(self, stored: Option<i64>, now: i64) -> Left {
        let tat = stored.unwrap_or(now).clamp(now, now + self.burst);
        let verdict = self.verdict(true, tat, now);
        Left { remaining: verdict.remaining, reset_s: if tat == now { 0 } else { verdict.reset_s } }
    }

    pub(super) fn verdict(self, allowed: bool, tat: i64, now: i64) -> Verdict {
        let seconds = |us: i64| u32::try_from((us.max(1) + 999_999) / 1_000_000).unwrap_or(u32::MAX);
        if allowed {
            let (debt, spare) = (tat - now, now + self.burst - tat);
            let until_next = (debt - 1).rem_euclid(self.interval) + 1;
            let remaining = u32::try_from(spare / self.interval).unwrap_or(u32::MAX);
            Verdict { allowed, remaining, reset_s: seconds(until_next), retry_after_s: None }
        } else {
            let wait = seconds(tat + self.interval - self.burst - now);
            Verdict { allowed, remaining: 0, reset_s: wait, retry_after_s: Some(wait) }
        }
    }
}

/// [`Bucket::decide`] in Lua. Answers {allowed, stored}; numbers go as text, because Lua would write them with 14 digits.
pub(super) const SCRIPT: &str = r"
local now, interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tat = tonumber(redis.call('GET', KEYS[1]) or now)
tat = math.min(math.max(tat, now), now + burst)
local allowed = 0
if tat + interval <= now + burst then
  allowed = 1
  tat = tat + interval
end
local text = string.format('%.0f', tat)
redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', math.ceil((tat - now) / 1000)))
return {allowed, text}
";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIVE_A_MINUTE: Policy = Policy { name: "five", quota: 5, window_s: 60 };

    fn hits(policy: Policy, times_ms: &[i64]) -> Vec<Verdict> {
        let (bucket, mut stored) = (policy.bucket(), None);
        let mut verdicts = Vec::new();
        for ms in times_ms {
            let (allowed, tat) = bucket.decide(stored, ms * 1000);
            stored = Some(tat);
            verdicts.push(bucket.verdict(allowed, tat, ms * 1000));
        }
        verdicts
    }

    #[test]
    fn the_whole_quota_may_come_at_once_and_not_one_more() {
        let seen = hits(FIVE_A_MINUTE, &[0; 6]);
        assert_eq!(seen.iter().map(|v| v.remaining).collect::<Vec<_>>(), [4, 3, 2, 1, 0, 0]);
        assert_eq!(seen[5], Verdict { allowed: false, remaining: 0, reset_s: 12, retry_after_s: Some(12) });
    }

    #[test]
    fn who_waits_as_told_is_let_in() {
        let seen = hits(FIVE_A_MINUTE, &[0, 0, 0, 0, 0, 0, 12_000, 12_000]);
        assert_eq!(seen[6], Verdict { allowed: true, remaining: 0, reset_s: 12, retry_after_s: None });
        assert!(!seen[7].allowed);
    }

    #[test]
    fn after_a_quiet_window_the_quota_is_whole_again() {
        assert_eq!(hits(FIVE_A_MINUTE, &[0, 0, 0, 60_000])[3].remaining, 4);
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out_for_longer_than_the_window() {
        let seen = hits(FIVE_A_MINUTE, &[10_000_000, 10_000_000, 0, 12_000]);
        assert_eq!((seen[2].retry_after_s, seen[3].allowed), (Some(12), true));
    }

    #[test]
    fn whoever_looks_sees_what_the_next_request_is_told_and_takes_nothing() {
        let bucket = FIVE_A_MINUTE.bucket();
        assert_eq!(bucket.look(None, 0), Left { remaining: 5, reset_s: 0 });
        let (_, tat) = bucket.decide(None, 0);
        assert_eq!(bucket.look(Some(tat), 0), Left { remaining: 4, reset_s: 12 });
        assert_eq!(bucket.look(Some(tat), 0), bucket.look(Some(tat), 0));
        assert_eq!(bucket.look(Some(tat), 12_000_000), Left { remaining: 5, reset_s: 0 });
        let full = (0..5).fold(None, |stored, _| Some(bucket.decide(stored, 0).1));
        assert_eq!(bucket.look(full, 0), Left { remaining: 0, reset_s: 12 });
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_twice_the_quota_in_any_window(quota in 1u32..50, window_s in 1u32..100, mut gaps in prop::collection::vec(0i64..3000, 1..300)) {
            let mut at = 0;
            gaps.iter_mut().for_each(|gap| { at += *gap; *gap = at; });
            let seen = hits(Policy { name: "any", quota, window_s }, &gaps);
            let allowed: Vec<i64> = gaps.iter().zip(&seen).filter(|(_, v)| v.allowed).map(|(at, _)| *at).collect();
            for start in &allowed {
                let within = allowed.iter().filter(|at| (*start..start + i64::from(window_s) * 1000).contains(*at)).count();
                prop_assert!(within <= 2 * quota as usize);
            }
        }

        #[test]
        fn a_verdict_is_consistent_with_itself(quota in 1u32..2_000_000, window_s in 1u32..100_000, stored in prop::option::of(any::<i32>()), now in 0i64..1 << 40) {
            let bucket = Policy { name: "any", quota, window_s }.bucket();
            let (allowed, tat) = bucket.decide(stored.map(|s| now + i64::from(s)), now);
            let verdict = bucket.verdict(allowed, tat, now);
            prop_assert!(verdict.remaining < quota && verdict.reset_s >= 1 && verdict.reset_s <= window_s);
            prop_assert_eq!(verdict.retry_after_s.is_none(), allowed);
            if let Some(wait) = verdict.retry_after_s {
                prop_assert!(bucket.decide(Some(tat), now + i64::from(wait) * 1_000_000).0);
            }
        }
    }
}
