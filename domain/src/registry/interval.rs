//! Intervals: from a day on, until a day that is no longer part of it.
//!
//! Half-open, so that a home sold on the fifteenth has exactly one owner on every day: the seller until the fifteenth,
//! the buyer from the fifteenth. People name the *last* day of a lease; [`Interval::through`] takes that.

use crate::kernel::time::Date;

/// Days from `from` up to, but not including, `until`; open-ended without it. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    from: Date,
    until: Option<Date>,
}

/// The end does not come after the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backwards;

impl From<Backwards> for &'static str {
    fn from(_: Backwards) -> Self {
        "interval_backwards"
    }
}

impl Interval {
    /// # Errors
    /// [`Backwards`], when not a single day is left.
    pub fn new(from: Date, until: Option<Date>) -> Result<Self, Backwards> {
        if until.is_some_and(|until| until <= from) { Err(Backwards) } else { Ok(Self { from, until }) }
    }

    pub fn since(from: Date) -> Self {
        Self { from, until: None }
    }

    /// Up to and including a last day, as leases are written.
    ///
    /// # Errors
    /// [`Backwards`], when the last day comes before the first.
    pub fn through(from: Date, last_day: Option<Date>) -> Result<Self, Backwards> {
        // The day after the last day that chrono knows is no day; an interval that long has no end.
        Self::new(from, last_day.and_then(|day| day.succ_opt()))
    }

    pub fn from(&self) -> Date {
        self.from
    }

    /// The first day that is no longer part of it.
    pub fn until(&self) -> Option<Date> {
        self.until
    }

    pub fn last_day(&self) -> Option<Date> {
        self.until.and_then(|until| until.pred_opt())
    }

    pub fn contains(&self, day: Date) -> bool {
        self.from <= day && self.until.is_none_or(|until| day < until)
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        other.until.is_none_or(|until| self.from < until) && self.until.is_none_or(|until| other.from < until)
    }

    /// The same beginning, and an end no later than `until`.
    ///
    /// # Errors
    /// [`Backwards`], when it had not begun by then.
    pub fn ended(self, until: Date) -> Result<Self, Backwards> {
        Self::new(self.from, Some(self.until.map_or(until, |own| own.min(until))))
    }
}

/// What holds for an interval.
pub trait Dated {
    fn interval(&self) -> Interval;
}

/// Those that hold on a day, in their order.
pub fn as_of<T: Dated>(all: &[T], day: Date) -> impl Iterator<Item = &T> {
    all.iter().filter(move |one| one.interval().contains(day))
}

/// The largest sum of weights on any one day. Sums only grow where something begins, so those days are enough to look at.
pub fn peak<T: Dated>(all: &[T], weight: impl Fn(&T) -> i64) -> i64 {
    all.iter().map(|one| as_of(all, one.interval().from()).map(&weight).sum()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Dated for Interval {
        fn interval(&self) -> Interval {
            *self
        }
    }

    fn day(n: u64) -> Date {
        Date::default() + chrono::Days::new(n)
    }

    fn some() -> impl Strategy<Value = Interval> {
        (0u64..40, prop::option::of(1u64..20)).prop_map(|(from, length)| Interval { from: day(from), until: length.map(|l| day(from + l)) })
    }

    proptest! {
        #[test]
        fn two_intervals_overlap_exactly_when_they_share_a_day(a in some(), b in some()) {
            let shared = (0..80).any(|n| a.contains(day(n)) && b.contains(day(n)));
            prop_assert_eq!(a.overlaps(&b), shared);
            prop_assert_eq!(b.overlaps(&a), shared);
        }

        #[test]
        fn the_peak_is_the_most_of_any_day(all in prop::collection::vec(some(), 0..8)) {
            let most = (0..80).map(|n| as_of(&all, day(n)).count() as i64).max().unwrap_or(0);
            prop_assert_eq!(peak(&all, |_| 1), most);
        }

        #[test]
        fn an_interval_that_was_ended_is_a_part_of_what_it_was(a in some(), n in 0u64..80) {
            match a.ended(day(n)) {
                Ok(b) => prop_assert!((0..90).all(|d| b.contains(day(d)) == (a.contains(day(d)) && d < n))),
                Err(Backwards) => prop_assert!(day(n) <= a.from()),
            }
        }
    }

    #[test]
    fn a_lease_covers_its_last_day_and_not_the_next() {
        let lease = Interval::through(day(0), Some(day(30))).expect("a month");
        assert!(lease.contains(day(30)) && !lease.contains(day(31)));
        assert_eq!(lease.last_day(), Some(day(30)));
        assert_eq!(Interval::through(day(5), Some(day(4))), Err(Backwards));
        assert_eq!(Interval::new(day(5), Some(day(5))), Err(Backwards));
    }
}
