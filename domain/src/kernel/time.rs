//! Instants and calendar dates.
//!
//! An instant is a count of milliseconds: one exact form in both databases, in a cursor and in memory. A calendar date
//! is a day in Asia/Shanghai, which has been UTC+8 without summer time since 1992; so the offset is a constant and no
//! time-zone database has to be shipped.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc};
use serde::{Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A calendar day in Asia/Shanghai.
pub type Date = NaiveDate;

const SHANGHAI: FixedOffset = match FixedOffset::east_opt(8 * 3600) {
    Some(offset) => offset,
    None => panic!("eight hours are a valid offset"),
};

/// The last instant that has a four-digit year in RFC 3339: 9999-12-31T23:59:59.999Z.
const LAST: i64 = 253_402_300_799_999;

impl Timestamp {
    /// Instants outside the years 1 to 9999 are pulled to the nearest one that can be written down.
    pub const fn from_millis(ms: i64) -> Self {
        const FIRST: i64 = -62_135_596_800_000;
        Self(if ms < FIRST {
            FIRST
        } else if ms > LAST {
            LAST
        } else {
            ms
        })
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    pub const fn plus_millis(self, ms: i64) -> Self {
        Self::from_millis(self.0.saturating_add(ms))
    }

    pub const fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is in fact later.
    pub const fn millis_since(self, earlier: Timestamp) -> i64 {
        self.0 - earlier.0
    }

    /// How long to wait until `self`; nothing if it has passed.
    pub fn wait_from(self, now: Timestamp) -> Duration {
        Duration::from_millis(self.millis_since(now).max(0) as u64)
    }

    /// Reads RFC 3339 with any offset; fractions beyond milliseconds are cut off.
    pub fn parse(text: &str) -> Option<Self> {
        let at = DateTime::parse_from_rfc3339(text).ok()?;
        let ms = at.timestamp_millis();
        (Self::from_millis(ms).0 == ms).then_some(Self(ms))
    }

    /// The wall clock in Asia/Shanghai at this instant.
    pub fn local(self) -> NaiveDateTime {
        self.utc().with_timezone(&SHANGHAI).naive_local()
    }

    /// The calendar day in Asia/Shanghai at this instant.
    pub fn date(self) -> Date {
        self.local().date()
    }

    /// The instant at which a wall clock in Asia/Shanghai shows this day and time.
    pub fn from_local(date: Date, time: NaiveTime) -> Self {
        match SHANGHAI.from_local_datetime(&date.and_time(time)).single() {
            Some(at) => Self::from_millis(at.timestamp_millis()),
            // A fixed offset maps every wall-clock time to exactly one instant, except at chrono's own far ends.
            None => Self(LAST),
        }
    }

    /// The first instant of a calendar day in Asia/Shanghai.
    pub fn start_of(date: Date) -> Self {
        Self::from_local(date, NaiveTime::MIN)
    }

    fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }
}

/// An instant in RFC 3339, in UTC with milliseconds. Pages are full of instants, so this is written without a detour.
struct Written([u8; 24]);

impl Written {
    fn of(at: Timestamp) -> Self {
        let at = at.utc().naive_utc();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |from: usize, digits: usize, mut number: u32| {
            for place in text[from..from + digits].iter_mut().rev() {
                *place = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        // A `Timestamp` lies in the years 1 to 9999.
        put(0, 4, at.year().unsigned_abs());
        put(5, 2, at.month());
        put(8, 2, at.day());
        put(11, 2, at.hour());
        put(14, 2, at.minute());
        put(17, 2, at.second());
        put(20, 3, at.and_utc().timestamp_subsec_millis());
        Self(text)
    }

    fn text(&self) -> &str {
        // Digits and signs.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Written::of(*self).text())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(Written::of(*self).text())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(ms in -62_135_596_800_000i64..=LAST) {
            let at = Timestamp::from_millis(ms);
            prop_assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
            prop_assert_eq!(at.to_string(), at.utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
        }

        #[test]
        fn a_day_lasts_from_its_start_to_the_next(ms in 0i64..4_102_444_800_000) {
            let at = Timestamp::from_millis(ms);
            let start = Timestamp::start_of(at.date());
            prop_assert!(start <= at && at < start.plus_seconds(86_400));
        }
    }

    #[test]
    fn the_day_in_shanghai_begins_eight_hours_before_utc() {
        let at = Timestamp::parse("2026-02-16T16:00:00Z").expect("an instant");
        assert_eq!(at.date().to_string(), "2026-02-17");
    }

    #[test]
    fn offsets_are_read_and_written_as_utc_with_milliseconds() {
        let at = Timestamp::parse("2026-05-01T08:00:00+08:00").expect("an instant");
        assert_eq!(at.to_string(), "2026-05-01T00:00:00.000Z");
    }
}
