//! Hours and what they are worth.
//!
//! Hours 志愿时长 are kept in whole minutes, in rows that are only ever added. No decision takes minutes away: neither spending
//! points, nor reversing them, nor an absence.

use super::{ActivityId, MAX_HOURS, SignUpId};
use crate::actor::{CommunityId, PrincipalId};
use crate::kernel::time::{Date, Timestamp};

/// A row of somebody's record: written once, when a sign-up is settled, and never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// Unique: a sign-up is credited once.
    pub sign_up: SignUpId,
    pub community: CommunityId,
    pub activity: ActivityId,
    pub resident: PrincipalId,
    /// 0 or more.
    pub minutes: i64,
    /// The day on which the shift began.
    pub served_on: Date,
    pub credited_at: Timestamp,
}

crate::words! {
    /// What a ranking goes by.
    RankingBy {
        Minutes = "minutes",
        /// What service has earned in the community, less what of it was reversed. What was spent was earned all the same.
        Points = "points",
    }
}

/// Whole minutes that count: from check-in to check-out, not before the start, not after the end, at most `max_hours`.
/// A minute that was begun does not count.
pub fn minutes_between(came: Timestamp, left: Timestamp, shift: (Timestamp, Timestamp), max_hours: i64) -> i64 {
    let ms = left.min(shift.1).millis_since(came.max(shift.0));
    (ms / 60_000).clamp(0, max_hours.clamp(0, MAX_HOURS) * 60)
}

/// `minutes × points_per_hour / 60`, rounded down to whole points, once per sign-up. The remainder is not carried over: the minutes
/// themselves are kept whole, and they are the record.
pub fn points_for(minutes: i64, points_per_hour: i64) -> i64 {
    minutes.max(0).saturating_mul(points_per_hour.max(0)) / 60
}

/// How many points a person may earn. Minutes beyond it count as minutes all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PointCaps {
    /// In a calendar month, by the day of the credit.
    pub per_month: Option<i64>,
}

impl PointCaps {
    /// What is left of `points` for somebody who has earned `this_month` already.
    pub fn allow(&self, points: i64, this_month: i64) -> i64 {
        self.per_month.map_or(points, |cap| points.min(cap - this_month)).max(0)
    }
}

/// What missing a shift without a word leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoShowRule {
    /// So many absences …
    pub strikes: usize,
    /// … within so many days …
    pub within_days: i64,
    /// … keep somebody from signing up for so many days after the last of them.
    pub block_days: i64,
    /// What one absence costs, as far as there are points; it never makes a debt.
    pub costs_points: i64,
}

impl Default for NoShowRule {
    /// Two within ninety days block two weeks and cost nothing.
    fn default() -> Self {
        Self { strikes: 2, within_days: 90, block_days: 14, costs_points: 0 }
    }
}

impl NoShowRule {
    /// Until when somebody with absences at these instants (the starts of the shifts) cannot sign up; none when they can.
    pub fn blocked_until(&self, absences: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
        if self.strikes == 0 {
            return None;
        }
        let mut at = absences.to_vec();
        at.sort();
        let day = 86_400_000;
        let struck = at.windows(self.strikes).filter(|w| w[self.strikes - 1].millis_since(w[0]) <= self.within_days.saturating_mul(day));
        let until = struck.map(|w| w[self.strikes - 1].plus_millis(self.block_days.saturating_mul(day))).max()?;
        (now < until).then_some(until)
    }

    /// What an absence costs somebody who has this much.
    pub fn cost(&self, available: i64) -> i64 {
        self.costs_points.min(available).max(0)
    }
}
