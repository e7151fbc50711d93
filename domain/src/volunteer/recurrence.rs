//! Recurring shifts 周期班次: every week on these days, at this hour, from one day to another.

use chrono::{Datelike, NaiveTime, Weekday};

use super::MAX_SHIFT_S;
use super::opening::Span;
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::time::{Date, Timestamp};

/// How many shifts one request makes at most.
pub const MAX_OCCURRENCES: usize = 120;
/// How far the last day may lie from the first.
const MAX_DAYS: i64 = 366;

/// When something recurs, by the clock of Asia/Shanghai.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    pub from: Date,
    /// The last day, included.
    pub until: Date,
    pub weekdays: Vec<Weekday>,
    /// 1: every week, 2: every other week, counted from the week (Monday to Sunday) of `from`.
    pub every_weeks: i64,
    pub starts: NaiveTime,
    pub duration_s: i64,
    /// Days that are left out.
    pub except: Vec<Date>,
}

impl Recurrence {
    /// The times, oldest first; at least one and at most [`MAX_OCCURRENCES`].
    ///
    /// # Errors
    /// All faults, by field name.
    pub fn spans(&self) -> Result<Vec<Span>, Vec<Fault>> {
        let mut faults = Faults::new();
        let days = self.until.signed_duration_since(self.from).num_days();
        faults.require(days >= 0, "/until", "before_from");
        faults.require(days <= MAX_DAYS, "/until", "too_far_ahead");
        faults.require(!self.weekdays.is_empty(), "/weekdays", "missing");
        faults.require((1..=4).contains(&self.every_weeks), "/every_weeks", "out_of_range");
        faults.require((60..=MAX_SHIFT_S).contains(&self.duration_s), "/duration_s", "out_of_range");
        if let Err(found) = faults.into_result(Some(())) {
            return Err(found);
        }
        let spans: Vec<_> = self.from.iter_days().take_while(|day| *day <= self.until).filter(|day| self.falls_on(*day)).collect();
        let mut faults = Faults::new();
        faults.require(!spans.is_empty(), "/weekdays", "no_occurrence");
        faults.require(spans.len() <= MAX_OCCURRENCES, "/until", "too_many");
        let span = |day: Date| {
            let from = Timestamp::from_local(day, self.starts);
            Span { from, until: from.plus_seconds(self.duration_s) }
        };
        faults.into_result(Some(spans.into_iter().map(span).collect()))
    }

    fn falls_on(&self, day: Date) -> bool {
        let weeks = monday(day).signed_duration_since(monday(self.from)).num_weeks();
        self.weekdays.contains(&day.weekday()) && weeks % self.every_weeks == 0 && !self.except.contains(&day)
    }
}

fn monday(day: Date) -> Date {
    // Before the first Monday of chrono's calendar there is none; any day of that week serves as well.
    day.checked_sub_days(chrono::Days::new(u64::from(day.weekday().num_days_from_monday()))).unwrap_or(day)
}
