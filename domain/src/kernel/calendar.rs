//! Working calendars: which minutes count when somebody promises to come within four working hours.
//!
//! Two sorts: `always` counts every minute; a working calendar counts the opening hours of the worked days. All its
//! questions are answered through one function, the *position* of an instant: how much working time lies before it.
//! Positions are closed arithmetic over weeks plus a binary search over the named days, so ten years cost as much as
//! ten minutes. Beyond the data a calendar follows the plain week, and says from when ([`Calendar::known_until`]).

use std::time::Duration;

use chrono::{Datelike, NaiveTime, Timelike};

use super::daybook::DayBook;
use super::time::{Date, Timestamp};

const DAY: i64 = 86_400_000;
const MINUTE: i64 = 60_000;
/// Between a count of days since 1970-01-01 and chrono's count since the year 1.
const EPOCH: i64 = 719_163;
/// 9999-12-31, the last day that a timestamp can name, in days since 1970.
const LAST_DAY: i64 = 2_932_896;

/// A calendar, by the code under which a category names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    code: String,
    working: Option<Working>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Working {
    /// How many of the week's days before this weekday (Monday is 0) are worked; the eighth entry is the whole week.
    before: [i64; 8],
    week: [bool; 7],
    hours: OpeningHours,
    /// Milliseconds of working time on a worked day.
    per_day: i64,
    /// Days that differ from the plain week, oldest first.
    exceptions: Vec<Exception>,
    known_until: Option<Date>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Exception {
    day: i64,
    /// Worked days gained (positive) or lost up to and including this one.
    gained: i64,
    worked: bool,
}

/// When on a worked day the work is done: `08:30-12:00,14:30-17:30`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningHours(Vec<(i64, i64)>);

/// Why a calendar cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarFault {
    /// Not `HH:MM-HH:MM`, several joined by commas, in order and without overlap; `24:00` may end the last.
    Hours,
    /// No day of the week is worked.
    EmptyWeek,
    /// Not `[a-z0-9_]{1,32}`, or the reserved `always`.
    Code,
}

impl OpeningHours {
    /// # Errors
    /// [`CalendarFault::Hours`].
    pub fn parse(text: &str) -> Result<Self, CalendarFault> {
        let mut hours = Vec::new();
        let mut earliest = 0;
        for part in text.split(',') {
            let (from, to) = part.trim().split_once('-').ok_or(CalendarFault::Hours)?;
            let (from, to) = (time_of_day(from)?, time_of_day(to)?);
            if from < earliest || to <= from {
                return Err(CalendarFault::Hours);
            }
            earliest = to;
            hours.push((from, to));
        }
        Ok(Self(hours))
    }
}

fn time_of_day(text: &str) -> Result<i64, CalendarFault> {
    match text.trim() {
        "24:00" => Ok(DAY),
        text => NaiveTime::parse_from_str(text, "%H:%M")
            .map(|t| i64::from(t.num_seconds_from_midnight()) * 1000)
            .map_err(|_| CalendarFault::Hours),
    }
}

/// Whether a text can be the code of a calendar or a category: `[a-z0-9_]{1,32}`.
pub fn is_code(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

impl Calendar {
    pub const ALWAYS: &'static str = "always";
    pub const WORKDAYS: &'static str = "workdays";

    /// Every minute of every day counts.
    pub fn always() -> Self {
        Self { code: Self::ALWAYS.to_owned(), working: None }
    }

    /// Monday to Friday within the opening hours, with the holidays and make-up days of the book.
    ///
    /// # Errors
    /// [`CalendarFault::Code`].
    pub fn workdays(code: &str, hours: OpeningHours, book: &DayBook) -> Result<Self, CalendarFault> {
        Self::weekly(code, [true, true, true, true, true, false, false], hours, book)
    }

    /// These days of the week (Monday first) within the opening hours, with the book's exceptions.
    ///
    /// # Errors
    /// [`CalendarFault`].
    pub fn weekly(code: &str, week: [bool; 7], hours: OpeningHours, book: &DayBook) -> Result<Self, CalendarFault> {
        if !is_code(code) || code == Self::ALWAYS {
            return Err(CalendarFault::Code);
        }
        let mut before = [0; 8];
        for day in 0..7 {
            before[day + 1] = before[day] + i64::from(week[day]);
        }
        if before[7] == 0 {
            return Err(CalendarFault::EmptyWeek);
        }
        let mut gained = 0;
        let mut exceptions = Vec::new();
        for (date, named) in book.days() {
            let day = i64::from(date.num_days_from_ce()) - EPOCH;
            if named.worked != week[weekday(day)] {
                gained += if named.worked { 1 } else { -1 };
                exceptions.push(Exception { day, gained, worked: named.worked });
            }
        }
        let per_day = hours.0.iter().map(|(from, to)| to - from).sum();
        let working = Working { before, week, hours, per_day, exceptions, known_until: book.known_until() };
        Ok(Self { code: code.to_owned(), working: Some(working) })
    }

    pub fn code(&self) -> &str {
        &self.code
    }

    /// The last day whose holidays are known; none where holidays make no difference or none are known at all.
    pub fn known_until(&self) -> Option<Date> {
        self.working.as_ref().and_then(|w| w.known_until)
    }

    pub fn is_worked(&self, date: Date) -> bool {
        self.working.as_ref().is_none_or(|w| w.worked(i64::from(date.num_days_from_ce()) - EPOCH))
    }

    /// The first instant at which `time` of working time has passed since `from`; `from` itself for no time at all.
    /// Ends at the last instant of the year 9999.
    pub fn add_working(&self, from: Timestamp, time: Duration) -> Timestamp {
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        match &self.working {
            Some(working) if ms > 0 => working.at(working.position(from).saturating_add(ms)),
            _ => from.plus_millis(ms),
        }
    }

    /// The working time from `a` to `b`; none when `b` is not later.
    pub fn working_between(&self, a: Timestamp, b: Timestamp) -> Duration {
        let ms = match &self.working {
            Some(working) => working.position(b) - working.position(a),
            None => b.millis_since(a),
        };
        Duration::from_millis(ms.max(0) as u64)
    }
}

fn weekday(day: i64) -> usize {
    // 1970-01-01 was a Thursday.
    (day + 3).rem_euclid(7) as usize
}

impl Working {
    fn worked(&self, day: i64) -> bool {
        match self.exceptions.binary_search_by_key(&day, |e| e.day) {
            Ok(found) => self.exceptions[found].worked,
            Err(_) => self.week[weekday(day)],
        }
    }

    /// Worked days from a fixed Monday to the day before this one.
    fn days_before(&self, day: i64) -> i64 {
        let passed = self.exceptions.partition_point(|e| e.day < day);
        let gained = if passed == 0 { 0 } else { self.exceptions[passed - 1].gained };
        (day + 3).div_euclid(7) * self.before[7] + self.before[weekday(day)] + gained
    }

    /// Working milliseconds from a fixed instant to this one.
    fn position(&self, at: Timestamp) -> i64 {
        let local = at.millis() + 8 * 60 * MINUTE;
        let (day, time) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let today = if self.worked(day) { self.hours.0.iter().map(|(from, to)| (time.min(*to) - from).max(0)).sum() } else { 0 };
        self.days_before(day) * self.per_day + today
    }

    /// The first instant at this position.
    fn at(&self, position: i64) -> Timestamp {
        // The end of a day's last opening hour is the first instant at its position, so a day owns (0, per_day].
        let index = (position - 1).div_euclid(self.per_day);
        let mut left = position - index * self.per_day;
        let Some(day) = self.nth_worked(index) else { return Timestamp::from_millis(i64::MAX) };
        let mut time = DAY;
        for (from, to) in &self.hours.0 {
            if left <= to - from {
                time = from + left;
                break;
            }
            left -= to - from;
        }
        Timestamp::from_millis(day * DAY + time - 8 * 60 * MINUTE)
    }

    /// The worked day that has exactly `index` worked days before it; none beyond the year 9999.
    fn nth_worked(&self, index: i64) -> Option<i64> {
        // `days_before` never falls, so the last day at which it is still `index` is the worked one.
        let (mut low, mut high) = (-LAST_DAY, LAST_DAY + 1);
        while low < high {
            let middle = low + (high - low).div_euclid(2);
            if self.days_before(middle + 1) > index { high = middle } else { low = middle + 1 }
        }
        (low <= LAST_DAY).then_some(low)
    }
}

/// The calendars of an installation, by code. `always` is among them without being asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendars {
    always: Calendar,
    others: Vec<Calendar>,
}

impl Calendars {
    /// Of two calendars with one code the first counts.
    pub fn new(others: Vec<Calendar>) -> Self {
        Self { always: Calendar::always(), others }
    }

    /// `always`, and `workdays` with ordinary office hours and the compiled-in day book.
    pub fn compiled_in() -> Self {
        let hours = OpeningHours(vec![(510 * MINUTE, 720 * MINUTE), (870 * MINUTE, 1050 * MINUTE)]);
        Self::new(Calendar::workdays(Calendar::WORKDAYS, hours, &DayBook::compiled_in()).into_iter().collect())
    }

    pub fn get(&self, code: &str) -> Option<&Calendar> {
        self.iter().find(|c| c.code == code)
    }

    /// The calendar of this code; `always` when an operator has taken it away since it was named. That is the strictest
    /// one: a promise may then fall due early, but it is never forgotten.
    pub fn get_or_always(&self, code: &str) -> &Calendar {
        self.get(code).unwrap_or(&self.always)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Calendar> {
        std::iter::once(&self.always).chain(&self.others)
    }
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
