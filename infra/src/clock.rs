//! The one place where the time of day is read.
//!
//! The demo's clock can be pushed forward (`POST /_sim/clock`), so that a promise of three days can be watched being
//! broken in a test; production's cannot, because nothing there holds the handle.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiazai_domain::kernel::time::Timestamp;

/// The system's clock plus an offset shared by all clones.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
    /// The last step that was given out.
    last: Arc<AtomicU64>,
}

impl Clock {
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that whoever holds `offset_ms` can move.
    pub fn shifted_by(offset_ms: Arc<AtomicI64>) -> Self {
        Self { offset_ms, last: Arc::default() }
    }

    /// A place in time that nobody else on this clock gets, later than all before it: the millisecond, and in the lowest 12
    /// bits a count within it. Ids made from it sort as they were made even when two fall into one millisecond. Should
    /// more than 4096 do that, or the system's clock be set back, steps run ahead of the time until it has caught up.
    pub(crate) fn step(&self, now: Timestamp) -> u64 {
        let earliest = (now.millis().max(0) as u64) << 12;
        let later = |last: u64| earliest.max(last + 1);
        // The closure never declines, so there is always a step before this one.
        later(self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(later(last))).unwrap_or_default())
    }

    pub fn now(&self) -> Timestamp {
        // A system clock before 1970 is a machine without a clock; zero is as good as any answer.
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(since_1970.as_millis() as i64 + self.offset_ms.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_one_millisecond_are_in_order_and_a_clock_set_back_does_not_turn_them() {
        let clock = Clock::system();
        let at = Timestamp::from_millis;
        let steps = [at(7), at(7), at(8), at(6), at(9)].map(|now| clock.step(now));
        assert_eq!(steps, [7 << 12, (7 << 12) + 1, 8 << 12, (8 << 12) + 1, 9 << 12]);
    }
}
