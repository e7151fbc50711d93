//! A breaker: after a failure nobody asks for a while, then one asks for all.

use std::sync::atomic::{AtomicU64, Ordering};

/// How long nobody asks, in milliseconds.
const PAUSE_MS: u64 = 1000;

/// Times are milliseconds on any clock that does not go back, and never zero.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Until when nobody asks; zero while all is well.
    open_until: AtomicU64,
}

impl Breaker {
    /// May this caller ask? When the pause is over, exactly one may; the others go on waiting for its result.
    pub(super) fn admits(&self, now: u64) -> bool {
        let until = self.open_until.load(Ordering::Relaxed);
        until == 0
            || (now >= until && self.open_until.compare_exchange(until, now + PAUSE_MS, Ordering::Relaxed, Ordering::Relaxed).is_ok())
    }

    /// Notes a failure; true if all was well before.
    pub(super) fn failed(&self, now: u64) -> bool {
        self.open_until.swap(now + PAUSE_MS, Ordering::Relaxed) == 0
    }

    /// Notes a success; true if something was wrong before.
    pub(super) fn succeeded(&self) -> bool {
        // Read first: this is on the path of every request, and a store would make the cores fight over the line.
        self.open_until.load(Ordering::Relaxed) != 0 && self.open_until.swap(0, Ordering::Relaxed) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_nobody_asks_for_the_pause_and_then_one_does() {
        let breaker = Breaker::default();
        assert!(breaker.admits(1) && breaker.admits(1));
        assert!(breaker.failed(1) && !breaker.failed(1));
        assert!(!breaker.admits(PAUSE_MS));
        assert!(breaker.admits(PAUSE_MS + 1), "the pause is over: one may try");
        assert!(!breaker.admits(PAUSE_MS + 1), "the others wait for what it finds");
        assert!(breaker.admits(2 * PAUSE_MS + 1), "it never came back: the next one");
    }

    #[test]
    fn a_success_opens_the_door_for_all() {
        let breaker = Breaker::default();
        breaker.failed(1);
        assert!(breaker.succeeded() && !breaker.succeeded());
        assert!(breaker.admits(2) && breaker.admits(2));
    }
}
