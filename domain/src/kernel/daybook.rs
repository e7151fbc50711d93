//! The day book: which days are holidays 节假日 and which weekend days are worked to make up for them 调休.
//!
//! It is data, announced a year at a time, so it is a text file. One is compiled in (`data/holidays.txt`, which
//! documents the form); an operator can hand in another one of the same form.

use std::collections::BTreeMap;

use super::time::Date;

const COMPILED_IN: &str = include_str!("../../data/holidays.txt");

/// Days that do not follow the week, and how far the announcements reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayBook {
    days: BTreeMap<Date, Day>,
    known_until: Option<Date>,
}

/// A day that is named in the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    pub worked: bool,
    /// 春节; may be empty.
    pub name: String,
}

/// A line of the file that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayBookFault {
    /// Counted from 1.
    pub line: usize,
    pub reason: &'static str,
}

impl DayBook {
    /// A book that names no day.
    pub const fn empty() -> Self {
        Self { days: BTreeMap::new(), known_until: None }
    }

    /// The book that this version was built with.
    pub fn compiled_in() -> Self {
        // The text is a constant of the program; the test below reads it, so a build with an unreadable one fails there.
        Self::parse(COMPILED_IN).unwrap_or_else(|_| Self::empty())
    }

    /// Reads a book: `2026-02-14 work`, `2026-02-15 off 春节`, `known-until 2026-12-31`, `#` for comments.
    ///
    /// # Errors
    /// The first line that is none of these, or that names a day a second time.
    pub fn parse(text: &str) -> Result<Self, DayBookFault> {
        let mut book = Self::empty();
        for (index, line) in text.trim_start_matches('\u{FEFF}').lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                book.read(line).map_err(|reason| DayBookFault { line: index + 1, reason })?;
            }
        }
        Ok(book)
    }

    fn read(&mut self, line: &str) -> Result<(), &'static str> {
        let mut words = line.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next().ok_or("a second word is missing")?);
        if first == "known-until" {
            let until = date(second)?;
            return if self.known_until.replace(until).is_some() { Err("known-until is given twice") } else { Ok(()) };
        }
        let worked = match second {
            "work" => true,
            "off" => false,
            _ => return Err("the second word must be work or off"),
        };
        let day = Day { worked, name: words.collect::<Vec<_>>().join(" ") };
        if self.days.insert(date(first)?, day).is_some() { Err("the day is named twice") } else { Ok(()) }
    }

    /// The last day that the announcements cover in full; without such a line, the last day that is named at all.
    pub fn known_until(&self) -> Option<Date> {
        self.known_until.or_else(|| self.days.keys().next_back().copied())
    }

    /// The named days, oldest first.
    pub fn days(&self) -> impl Iterator<Item = (Date, &Day)> {
        self.days.iter().map(|(date, day)| (*date, day))
    }
}

/// Ten characters exactly: chrono alone would also take `2026-2-3` and `+2026-02-03`, and one form is easier to search.
fn date(text: &str) -> Result<Date, &'static str> {
    text.parse().ok().filter(|_| text.len() == 10 && text.starts_with(|c: char| c.is_ascii_digit())).ok_or("the date must be YYYY-MM-DD")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_compiled_in_book_reads_and_has_the_announced_days_of_2026() {
        let book = DayBook::parse(COMPILED_IN).expect("the compiled-in book");
        let of = |year: &str, worked| book.days().filter(|(d, day)| d.to_string().starts_with(year) && day.worked == worked).count();
        assert_eq!((of("2026", false), of("2026", true)), (33, 6));
        assert_eq!((of("2027", false), of("2027", true)), (13, 0), "statutory days only");
        assert_eq!(book.known_until(), "2026-12-31".parse().ok());
        assert_eq!(DayBook::compiled_in(), book);
    }

    #[test]
    fn make_up_days_are_weekend_days() {
        use chrono::Datelike;
        for (date, day) in DayBook::compiled_in().days() {
            assert!(!day.worked || date.weekday().num_days_from_monday() >= 5, "{date}");
        }
    }

    #[test]
    fn a_wrong_line_is_named_by_its_number() {
        let line = |text: &str| DayBook::parse(text).map(|_| ()).map_err(|f| f.line);
        assert_eq!(line("# only\n\n2026-01-01 off 元旦 # yes\n"), Ok(()));
        assert_eq!(line("2026-01-01 off\n2026-02-30 off"), Err(2));
        assert_eq!(line("2026-01-01 free"), Err(1));
        assert_eq!(line("2026-01-01"), Err(1));
        assert_eq!(line("2026-1-01 off"), Err(1));
        assert_eq!(line("2026-01-01 off\n2026-01-01 work"), Err(2));
        assert_eq!(line("known-until 2026-12-31\nknown-until 2027-12-31"), Err(2));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(?s:.{0,60})|([0-9-]{8,11} (off|work)[ \n]){0,4}") {
            let _ = DayBook::parse(&text);
        }
    }
}
