//! What becomes of a delivery after each attempt.
//!
//! The ladder is that of Standard Webhooks: at once, then 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h apart,
//! which is a little more than three days. Each step is made up to a fifth longer by chance, so that the deliveries of one
//! bad hour do not come back in one second.

use crate::kernel::time::Timestamp;

crate::words! {
    /// Where a delivery stands.
    DeliveryState {
        Pending = "pending",
        Delivered = "delivered",
        /// The last attempt has failed, or there was no sense in another.
        Failed = "failed",
    }
}

/// Seconds from each failed attempt to the next one.
pub const LADDER_S: &[i64] = &[5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// However long an endpoint asks to be left alone, it is asked again after a day.
const LONGEST_PAUSE_S: i64 = 86_400;

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Status(u16),
    /// Nothing that could be read as an answer; the word says why not.
    None(&'static str),
}

impl Answer {
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Status(200..=299))
    }

    /// Whether the endpoint asks for fewer requests rather than refusing this one.
    const fn asks_for_patience(self) -> bool {
        matches!(self, Self::Status(429 | 502 | 503 | 504))
    }
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    /// The endpoint says that it is gone for good.
    Gone,
    /// Try again then.
    Retry(Timestamp),
    GaveUp,
}

/// Decides after the attempt number `attempt` (from 1). `retry_after` is what the endpoint asked for, `chance` 0 to 999.
pub fn judge(answer: Answer, attempt: i64, retry_after: Option<Timestamp>, now: Timestamp, chance: u16) -> Verdict {
    if answer.is_success() {
        return Verdict::Delivered;
    }
    if answer == Answer::Status(410) {
        return Verdict::Gone;
    }
    let step = usize::try_from(attempt.max(1) - 1).ok().and_then(|step| LADDER_S.get(step));
    let Some(seconds) = step else { return Verdict::GaveUp };
    let by_ladder = now.plus_millis(seconds * 1000 + seconds * i64::from(chance.min(999)) / 5);
    Verdict::Retry(pause_until(answer, retry_after, now).map_or(by_ladder, |asked| asked.max(by_ladder)))
}

/// Until when the whole endpoint wants to be left alone.
pub fn pause_until(answer: Answer, retry_after: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    retry_after.filter(|_| answer.asks_for_patience()).map(|at| at.min(now.plus_seconds(LONGEST_PAUSE_S))).filter(|at| *at > now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    #[test]
    fn a_delivery_is_tried_ten_times_over_three_days() {
        let mut at = NOW;
        let mut attempts = 0;
        loop {
            attempts += 1;
            match judge(Answer::Status(500), attempts, None, at, 0) {
                Verdict::Retry(next) => at = next,
                other => break assert_eq!(other, Verdict::GaveUp),
            }
        }
        assert_eq!(attempts, 10);
        let hours = at.millis_since(NOW) / 3_600_000;
        assert!((72..80).contains(&hours), "{hours}");
    }

    #[test]
    fn what_succeeded_ends_and_what_is_gone_is_gone() {
        assert_eq!(judge(Answer::Status(204), 3, None, NOW, 0), Verdict::Delivered);
        assert_eq!(judge(Answer::Status(410), 1, None, NOW, 0), Verdict::Gone);
        for failure in [Answer::Status(199), Answer::Status(301), Answer::Status(400), Answer::Status(500), Answer::None("timeout")] {
            assert!(matches!(judge(failure, 1, None, NOW, 0), Verdict::Retry(_)), "{failure:?}");
        }
    }

    #[test]
    fn who_asks_for_patience_gets_it_up_to_a_day() {
        let in_an_hour = Some(NOW.plus_seconds(3600));
        assert_eq!(judge(Answer::Status(429), 1, in_an_hour, NOW, 0), Verdict::Retry(NOW.plus_seconds(3600)));
        // A server error names no time of its own: the ladder stands.
        assert_eq!(judge(Answer::Status(500), 1, in_an_hour, NOW, 0), Verdict::Retry(NOW.plus_seconds(5)));
        let in_a_year = Some(NOW.plus_seconds(365 * 86_400));
        assert_eq!(pause_until(Answer::Status(503), in_a_year, NOW), Some(NOW.plus_seconds(86_400)));
        assert_eq!(pause_until(Answer::Status(429), Some(NOW.plus_seconds(-1)), NOW), None);
    }

    proptest! {
        #[test]
        fn chance_makes_a_step_longer_by_a_fifth_at_most(attempt in 1i64..=9, chance in 0u16..2000) {
            let Verdict::Retry(at) = judge(Answer::None("timeout"), attempt, None, NOW, chance) else { panic!("a retry") };
            let (step, waited) = (LADDER_S[attempt as usize - 1] * 1000, at.millis_since(NOW));
            prop_assert!(waited >= step && waited <= step + step / 5);
        }

        #[test]
        fn any_attempt_has_a_verdict(attempt in any::<i64>(), status in any::<u16>(), after in any::<i64>()) {
            let _ = judge(Answer::Status(status), attempt, Some(Timestamp::from_millis(after)), NOW, 0);
        }
    }
}
