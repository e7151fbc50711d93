//! Reading the books: the check that they balance, and a person's statement 对账单 for a month.

use chrono::{Datelike, Months};
use serde::Serialize;

use super::{EntryId, TransactionId};
use crate::kernel::time::{Date, Timestamp};

/// Whether the books balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Every transaction sums to zero, and so do all together.
    pub balanced: bool,
    pub entries: i64,
    pub sum: i64,
}

/// Goes through all entries, given transaction by transaction (in any order of transactions), without keeping them.
///
/// A transaction whose entries do not stand together is found unbalanced: rather a false alarm than a false peace.
pub fn verify(entries: impl IntoIterator<Item = (TransactionId, i64)>) -> Verdict {
    let (mut balanced, mut count, mut sum) = (true, 0, 0i128);
    let mut current: Option<(TransactionId, i128)> = None;
    for (transaction, amount) in entries {
        let before = match current {
            Some((same, before)) if same == transaction => before,
            Some((_, left)) => {
                balanced &= left == 0;
                0
            }
            None => 0,
        };
        current = Some((transaction, before + i128::from(amount)));
        balanced &= amount != 0;
        count += 1;
        sum += i128::from(amount);
    }
    balanced &= current.is_none_or(|(_, left)| left == 0) && sum == 0;
    Verdict { balanced, entries: count, sum: sum.clamp(i64::MIN.into(), i64::MAX.into()) as i64 }
}

/// A calendar month in Asia/Shanghai.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    first: Date,
}

impl Month {
    /// None for a month that no calendar has.
    pub fn new(year: i32, month: u32) -> Option<Self> {
        Date::from_ymd_opt(year, month, 1).filter(|_| (1..=9998).contains(&year)).map(|first| Self { first })
    }

    /// Reads `2026-03`.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-').filter(|(y, m)| y.len() == 4 && m.len() == 2)?;
        let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        Self::new(year.parse().ok()?, month.parse().ok()?).filter(|_| digits)
    }

    /// The month in which this instant lies.
    pub fn of(at: Timestamp) -> Self {
        let date = at.date();
        Self { first: date.with_day(1).unwrap_or(date) }
    }

    /// The first instant of the month.
    pub fn from(self) -> Timestamp {
        Timestamp::start_of(self.first)
    }

    /// The first instant that is no longer in it.
    pub fn until(self) -> Timestamp {
        // Only past the end of chrono's calendar is there no next month, and `new` stops long before.
        Timestamp::start_of(self.first.checked_add_months(Months::new(1)).unwrap_or(self.first))
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
    }
}

/// One entry as its owner reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub entry: EntryId,
    /// Which of the account's entries it is.
    pub number: i64,
    pub amount: i64,
    pub source: String,
    pub reason: Option<String>,
    pub occurred_at: Timestamp,
}

/// What came and went in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub month: Month,
    pub opening: i64,
    pub gained: i64,
    /// Positive.
    pub given: i64,
    pub closing: i64,
    /// Oldest first.
    pub lines: Vec<Line>,
}

impl Statement {
    /// A statement from the balance before the month and the account's entries; those of other months are left out.
    pub fn new(month: Month, opening: i64, mut lines: Vec<Line>) -> Self {
        lines.retain(|line| (month.from()..month.until()).contains(&line.occurred_at));
        lines.sort_by_key(|line| line.number);
        let gained = lines.iter().map(|line| line.amount.max(0)).sum();
        let given = lines.iter().map(|line| -line.amount.min(0)).sum();
        Self { month, opening, gained, given, closing: opening + gained - given, lines }
    }
}
