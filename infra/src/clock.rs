//! The one place where the time of day is read.
//!
//! The demo's clock can be pushed forward (`POST /_sim/clock`), so that a promise of three days can be watched being
//! broken in a test; production's cannot, because nothing there holds the handle.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiazai_domain::kernel::time::Timestamp;

/// The system's clock plus an offset shared by all clones.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that whoever holds `offset_ms` can move.
    pub fn shifted_by(offset_ms: Arc<AtomicI64>) -> Self {
        Self { offset_ms }
    }

    pub fn now(&self) -> Timestamp {
        // A system clock before 1970 is a machine without a clock; zero is as good as any answer.
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(since_1970.as_millis() as i64 + self.offset_ms.load(Ordering::Relaxed))
    }
}
