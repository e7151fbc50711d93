//! Mobile numbers of mainland China: `1[3-9]` and nine digits. Carrier ranges are not looked at; they grow every year.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::mask;

/// The text is no mobile number of mainland China.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAPhone;

impl NotAPhone {
    pub const fn code(self) -> &'static str {
        "phone_format"
    }
}

impl From<NotAPhone> for &'static str {
    fn from(fault: NotAPhone) -> Self {
        fault.code()
    }
}

/// A mobile number as eleven digits. `Debug` and `Serialize` show the mask.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

impl Phone {
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn masked(&self) -> String {
        mask::phone(&self.0)
    }
}

/// Spaces, dashes and the country code (`+86`, `0086`, `86` before eleven digits) are taken away.
impl FromStr for Phone {
    type Err = NotAPhone;

    fn from_str(text: &str) -> Result<Self, NotAPhone> {
        // A pasted number is short; without this bound a megabyte of spaces would be worth copying.
        if text.len() > 64 {
            return Err(NotAPhone);
        }
        let bare: String = text.chars().filter(|c| !(c.is_whitespace() || matches!(c, '-' | '‐'..='―'))).collect();
        let national = bare.strip_prefix("+86").or_else(|| bare.strip_prefix("0086")).unwrap_or(&bare);
        let national = if national.len() == 13 { national.strip_prefix("86").unwrap_or(national) } else { national };
        let bytes = national.as_bytes();
        let good = bytes.len() == 11 && bytes[0] == b'1' && (b'3'..=b'9').contains(&bytes[1]) && bytes.iter().all(u8::is_ascii_digit);
        if good { Ok(Self(national.to_owned())) } else { Err(NotAPhone) }
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for Phone {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_number_is_the_same_however_it_is_written(digits in "1[3-9][0-9]{9}", prefix in "(\\+86|0086|86|)[ -]?") {
            let written = format!(" {prefix}{}-{} {}", &digits[..3], &digits[3..7], &digits[7..]);
            let phone: Phone = written.parse().map_err(|_| TestCaseError::fail(written.clone()))?;
            prop_assert_eq!(phone.expose(), digits.as_str());
            let shown = format!("{phone:?}");
            prop_assert!(!shown.contains(&digits[3..9]));
        }

        #[test]
        fn what_is_accepted_is_always_eleven_digits(text in "\\PC{0,20}|[0-9+ -]{8,18}") {
            if let Ok(phone) = text.parse::<Phone>() {
                prop_assert!(phone.expose().len() == 11 && phone.expose().bytes().all(|b| b.is_ascii_digit()));
            }
        }
    }

    #[test]
    fn other_numbers_are_refused() {
        for bad in ["", "12812345678", "1381234567", "138123456789", "+8713812345678", "1381234567a", "１３８１２３４５６７８"] {
            assert_eq!(bad.parse::<Phone>(), Err(NotAPhone), "{bad}");
        }
    }
}
