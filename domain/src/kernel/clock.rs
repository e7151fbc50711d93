//! Promised times 时限: somebody will accept, arrive or be done by then.
//!
//! A promise is an instant, worked out once when it is given; a later change of a category's times or of the calendar
//! does not touch what was already promised. While the work is paused, a promise that is neither kept nor broken has no
//! due instant; afterwards its instant moves on by the *working* time of the pause. A promise that was broken before
//! the pause stays broken: pausing is no way to make up for lateness.

use std::time::Duration;

use serde::Serialize;

use super::calendar::Calendar;
use super::time::Timestamp;

/// One promised instant and when it was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    pub due_at: Timestamp,
    pub kept_at: Option<Timestamp>,
}

/// A promise as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PromiseView {
    /// None while the clock stands still.
    pub due_at: Option<Timestamp>,
    /// Whether it was met; none while that is open.
    pub met: Option<bool>,
}

impl Promise {
    /// Promises to be done within `time` of working time from an instant.
    pub fn given(from: Timestamp, time: Duration, calendar: &Calendar) -> Self {
        Self { due_at: calendar.add_working(from, time), kept_at: None }
    }

    /// Keeps the promise now; what was kept before stays as it was.
    #[must_use]
    pub fn keep(self, now: Timestamp) -> Self {
        Self { kept_at: self.kept_at.or(Some(now)), ..self }
    }

    /// Moves the due instant on by the working time of a pause. Time of the pause before `counted_from`, when the
    /// clock was not running yet, does not count.
    #[must_use]
    pub fn after_pause(self, calendar: &Calendar, counted_from: Timestamp, since: Timestamp, until: Timestamp) -> Self {
        if self.kept_at.is_some() || self.due_at < since {
            return self;
        }
        let paused = calendar.working_between(since.max(counted_from), until);
        Self { due_at: calendar.add_working(self.due_at, paused), ..self }
    }

    /// How the promise stands; `stopped_at` says since when the clock stands still, by a pause or for good.
    pub fn view(self, stopped_at: Option<Timestamp>, now: Timestamp) -> PromiseView {
        let running_or_kept = self.kept_at.is_some() || stopped_at.is_none();
        let broken = self.due_at < stopped_at.unwrap_or(now);
        let met = match self.kept_at {
            Some(kept) => Some(kept <= self.due_at),
            None => broken.then_some(false),
        };
        PromiseView { due_at: running_or_kept.then_some(self.due_at), met }
    }

    /// The due instant that somebody still has to look to; none when the promise is kept.
    pub fn open_until(self) -> Option<Timestamp> {
        if self.kept_at.is_none() { Some(self.due_at) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::calendar::Calendars;

    fn at(local: &str) -> Timestamp {
        Timestamp::parse(&format!("{local}:00+08:00")).expect("an instant")
    }

    const TEN_MINUTES: Duration = Duration::from_secs(600);

    #[test]
    fn a_promise_is_open_until_it_is_kept_or_its_instant_has_passed() {
        let start = at("2026-03-04T10:00");
        let promise = Promise::given(start, TEN_MINUTES, &Calendar::always());
        let due_at = start.plus_seconds(600);
        assert_eq!(promise.view(None, start).met, None);
        assert_eq!(promise.view(None, due_at).met, None, "the due instant itself is in time");
        assert_eq!(promise.view(None, due_at.plus_millis(1)).met, Some(false));
        assert_eq!(promise.keep(due_at).view(None, at("2027-01-01T00:00")).met, Some(true));
        assert_eq!(promise.keep(due_at.plus_millis(1)).view(None, due_at).met, Some(false));
        assert_eq!(promise.keep(due_at).keep(at("2027-01-01T00:00")).kept_at, Some(due_at), "the first time counts");
    }

    #[test]
    fn a_paused_clock_has_no_due_instant_but_a_kept_promise_keeps_its_own() {
        let start = at("2026-03-04T10:00");
        let promise = Promise::given(start, TEN_MINUTES, &Calendar::always());
        let paused = Some(start.plus_seconds(60));
        assert_eq!(promise.view(paused, at("2027-01-01T00:00")), PromiseView { due_at: None, met: None });
        assert_eq!(promise.keep(start).view(paused, start).due_at, Some(promise.due_at));
        assert_eq!(promise.view(Some(start.plus_seconds(601)), start.plus_seconds(700)).met, Some(false));
    }

    #[test]
    fn a_weekend_of_pause_costs_a_working_calendar_nothing() {
        let all = Calendars::compiled_in();
        let promise = Promise::given(at("2026-03-06T16:00"), Duration::from_secs(2 * 3600), all.get_or_always("workdays"));
        assert_eq!(promise.due_at, at("2026-03-09T09:00"));
        let resumed = promise.after_pause(all.get_or_always("workdays"), promise.due_at, at("2026-03-06T17:30"), at("2026-03-09T08:30"));
        assert_eq!(resumed.due_at, promise.due_at);
    }

    #[test]
    fn a_promise_broken_before_the_pause_stays_broken() {
        let start = at("2026-03-04T10:00");
        let promise = Promise::given(start, TEN_MINUTES, &Calendar::always());
        assert_eq!(promise.after_pause(&Calendar::always(), start, start.plus_seconds(601), start.plus_seconds(9000)), promise);
    }

    proptest! {
        #[test]
        fn what_was_left_at_the_pause_is_left_when_work_goes_on(start in 0i64..400_000_000, within in 60u64..600_000, run in 0i64..600_000, pause in 0i64..2_000_000) {
            let all = Calendars::compiled_in();
            for calendar in all.iter() {
                let from = at("2026-01-01T00:00").plus_seconds(start / 20);
                let promise = Promise::given(from, Duration::from_secs(within), calendar);
                let since = from.plus_seconds(run);
                let until = since.plus_seconds(pause);
                let resumed = promise.after_pause(calendar, from, since, until);
                if promise.due_at >= since {
                    prop_assert_eq!(calendar.working_between(until, resumed.due_at), calendar.working_between(since, promise.due_at));
                } else {
                    prop_assert_eq!(resumed, promise);
                }
            }
        }

        #[test]
        fn two_pauses_in_a_row_move_a_promise_as_one_does(a in 0i64..400_000, b in 0i64..400_000) {
            let all = Calendars::compiled_in();
            for calendar in all.iter() {
                let from = at("2026-02-13T09:00");
                let promise = Promise::given(from, Duration::from_secs(36_000), calendar);
                let (s, m, e) = (from.plus_seconds(60), from.plus_seconds(60 + a), from.plus_seconds(60 + a + b));
                let twice = promise.after_pause(calendar, from, s, m).after_pause(calendar, from, m, e);
                prop_assert_eq!(twice, promise.after_pause(calendar, from, s, e));
            }
        }
    }
}
