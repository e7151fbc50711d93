//! Resident identity numbers 公民身份号码 (GB 11643-1999).
//!
//! Eighteen characters: six of region, eight of birth date, three of sequence (odd for a man), one check character by
//! ISO 7064 MOD 11-2. The region is not compared with a list: codes change with every administrative reform and old
//! numbers stay valid. The fifteen-digit numbers of before 1999 have no check character and are refused by name, so
//! that a person is told to look at the new card rather than to count digits.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::mask;
use super::time::Date;

crate::words! {
    /// Sex as the identity number and the household register have it.
    Sex { Male = "male", Female = "female" }
}

/// Why a text is no resident identity number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdNumberFault {
    /// Not seventeen digits and a digit or X.
    Format,
    /// Fifteen digits: a number of before 1999.
    OldNumber,
    /// The birth date is no day of the calendar, or before 1800.
    BirthDate,
    /// The birth date has not come yet.
    Future,
    Checksum,
}

impl IdNumberFault {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Format => "id_format",
            Self::OldNumber => "id_old_number",
            Self::BirthDate => "id_birth_date",
            Self::Future => "id_birth_date_future",
            Self::Checksum => "id_checksum",
        }
    }
}

impl From<IdNumberFault> for &'static str {
    fn from(fault: IdNumberFault) -> Self {
        fault.code()
    }
}

/// A well-formed resident identity number. `Debug` and `Serialize` show the mask; [`expose`](Self::expose) is the
/// only way to the number, so that a search for that word finds every place where one leaves the program.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResidentIdNumber {
    number: String,
    born_on: Date,
}

impl ResidentIdNumber {
    /// Reads a number that somebody gave; a lower-case `x` is accepted and kept as `X`.
    ///
    /// # Errors
    /// [`IdNumberFault`]: the first rule that is broken, in the order form, date, check character, future.
    pub fn new(text: &str, today: Date) -> Result<Self, IdNumberFault> {
        let number: Self = text.parse()?;
        if number.born_on > today { Err(IdNumberFault::Future) } else { Ok(number) }
    }

    pub fn expose(&self) -> &str {
        &self.number
    }

    pub fn masked(&self) -> String {
        mask::resident_id(&self.number)
    }

    pub fn born_on(&self) -> Date {
        self.born_on
    }

    pub fn sex(&self) -> Sex {
        // The seventeenth character is a digit, and the lowest bit of an ASCII digit is that of its value.
        if self.number.as_bytes()[16] & 1 == 1 { Sex::Male } else { Sex::Female }
    }
}

/// Reads a number that was checked before, as from the database: everything but the comparison with today.
impl FromStr for ResidentIdNumber {
    type Err = IdNumberFault;

    fn from_str(text: &str) -> Result<Self, IdNumberFault> {
        let number = text.trim().to_ascii_uppercase();
        let bytes = number.as_bytes();
        if bytes.len() == 15 && bytes.iter().all(u8::is_ascii_digit) {
            return Err(IdNumberFault::OldNumber);
        }
        let Some((check, digits)) = bytes.split_last() else { return Err(IdNumberFault::Format) };
        if bytes.len() != 18 || !digits.iter().all(u8::is_ascii_digit) || !(check.is_ascii_digit() || *check == b'X') {
            return Err(IdNumberFault::Format);
        }
        let part = |from: usize, to: usize| digits[from..to].iter().fold(0u32, |n, d| n * 10 + u32::from(d - b'0'));
        let year = part(6, 10);
        let born_on = Date::from_ymd_opt(year as i32, part(10, 12), part(12, 14)).ok_or(IdNumberFault::BirthDate)?;
        if year < 1800 {
            return Err(IdNumberFault::BirthDate);
        }
        if *check != check_character(digits) {
            return Err(IdNumberFault::Checksum);
        }
        Ok(Self { number, born_on })
    }
}

/// The check character of seventeen digits: weights are the powers of two modulo 11, the last digit weighing 2.
fn check_character(digits: &[u8]) -> u8 {
    let sum = digits.iter().fold(0u32, |sum, digit| (sum + u32::from(digit - b'0')) * 2 % 11);
    b"10X98765432"[sum as usize]
}

impl fmt::Debug for ResidentIdNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for ResidentIdNumber {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn numbered(region: u32, born_on: Date, sequence: u32) -> String {
        let digits = format!("{region:06}{}{sequence:03}", born_on.format("%Y%m%d"));
        format!("{digits}{}", check_character(digits.as_bytes()) as char)
    }

    proptest! {
        #[test]
        fn a_number_made_by_the_standard_is_read_with_its_date_and_sex(region in 110_000u32..660_000, days in 0i64..60_000, sequence in 0u32..1000) {
            let born_on = day("1870-01-01") + chrono::Days::new(days as u64);
            let text = numbered(region, born_on, sequence);
            let number: ResidentIdNumber = text.to_lowercase().parse().map_err(|f| TestCaseError::fail(format!("{f:?}")))?;
            prop_assert_eq!(number.expose(), text.as_str());
            prop_assert_eq!(number.born_on(), born_on);
            prop_assert_eq!(number.sex() == Sex::Male, sequence % 2 == 1);
        }

        #[test]
        fn one_wrong_digit_is_always_noticed(sequence in 0u32..1000, at in 0usize..17, by in 1u8..10) {
            let good = numbered(110_105, day("1949-12-31"), sequence);
            let mut bytes = good.into_bytes();
            bytes[at] = b'0' + (bytes[at] - b'0' + by) % 10;
            prop_assert!(String::from_utf8_lossy(&bytes).parse::<ResidentIdNumber>().is_err());
        }

        #[test]
        fn two_neighbouring_digits_exchanged_are_always_noticed(sequence in 0u32..1000, at in 0usize..16) {
            let good = numbered(110_105, day("1949-12-31"), sequence);
            let mut bytes = good.clone().into_bytes();
            bytes.swap(at, at + 1);
            let bad = String::from_utf8_lossy(&bytes).into_owned();
            prop_assert!(bad == good || bad.parse::<ResidentIdNumber>().is_err());
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,24}|[0-9Xx]{14,19}") {
            let _ = text.parse::<ResidentIdNumber>();
        }
    }

    #[test]
    fn the_examples_of_the_standard_hold() {
        assert_eq!(check_character(b"11010519491231002"), b'X');
        assert_eq!(check_character(b"37010119010203997"), b'3');
    }

    #[test]
    fn each_broken_rule_has_its_name() {
        let today = day("2026-05-01");
        let read = |text: &str| ResidentIdNumber::new(text, today).map(|n| n.born_on());
        assert_eq!(read("110105194912310021"), Err(IdNumberFault::Checksum));
        assert_eq!(read("110105194902300022"), Err(IdNumberFault::BirthDate));
        assert_eq!(read("110105000101010022"), Err(IdNumberFault::BirthDate));
        assert_eq!(read("110105491231002"), Err(IdNumberFault::OldNumber));
        assert_eq!(read("11010519491231002"), Err(IdNumberFault::Format));
        assert_eq!(read(""), Err(IdNumberFault::Format));
        assert_eq!(read(&numbered(110_105, day("2026-05-02"), 1)), Err(IdNumberFault::Future));
        assert_eq!(read(&numbered(110_105, today, 1)), Ok(today));
    }

    #[test]
    fn neither_a_log_nor_an_answer_shows_the_number() {
        let number: ResidentIdNumber = "11010519491231002x".parse().expect("a number");
        assert_eq!(format!("{number:?}"), "1****************X");
        assert_eq!(serde_json::to_string(&number).expect("JSON"), "\"1****************X\"");
    }
}
