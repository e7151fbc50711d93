//! The simulator's time: the system clock plus an offset that tests move forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The offset may not pass a century; with it every instant stays printable and no sum overflows.
const MAX_OFFSET_MS: i64 = 100 * 366 * 86_400 * 1000;

/// A handle on a clock that can be moved forward. Clones share the offset, and so does whoever else holds the same
/// counter: the demo server reads it too, so that a token that expires here has expired there.
#[derive(Clone, Debug)]
pub struct SimClock {
    offset_ms: Arc<AtomicI64>,
}

impl SimClock {
    /// `offset_ms` is in milliseconds, over the system clock.
    pub fn new(offset_ms: Arc<AtomicI64>) -> Self {
        Self { offset_ms }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn now_ms(&self) -> i64 {
        // A system clock before 1970 counts as 1970: nothing here depends on the year.
        let system =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX / 2));
        system.saturating_add(self.offset_ms.load(Ordering::Relaxed))
    }

    /// Moves the clock forward and returns the new offset in milliseconds. `None`, and nothing moves, when the offset
    /// would pass a hundred years. There is no way back: tokens and hash chains assume that time only grows.
    pub fn advance(&self, seconds: u32) -> Option<i64> {
        let step = i64::from(seconds) * 1000;
        let moved = |offset: i64| offset.checked_add(step).filter(|sum| *sum <= MAX_OFFSET_MS);
        let before = self.offset_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved).ok()?;
        moved(before)
    }
}
