//! Floor space 建筑面积, exact to the hundredth of a square metre.

use std::fmt;

/// Floor space in hundredths of a square metre, so that what was written reads back the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Area(i64);

impl Area {
    /// # Errors
    /// `out_of_range`, unless it is more than nothing and at most 100,000 m².
    pub fn from_hundredths(hundredths: i64) -> Result<Self, &'static str> {
        if (1..=10_000_000).contains(&hundredths) { Ok(Self(hundredths)) } else { Err("out_of_range") }
    }

    /// From square metres as a JSON number has them; rounded to hundredths.
    ///
    /// # Errors
    /// `out_of_range`.
    pub fn from_m2(m2: f64) -> Result<Self, &'static str> {
        // A cast of what is no number, or far out, saturates and is refused by the range.
        if m2.is_finite() { Self::from_hundredths((m2 * 100.0).round() as i64) } else { Err("out_of_range") }
    }

    /// Reads `89`, `89.5`, `89.53`, with or without ㎡.
    ///
    /// # Errors
    /// `area_format`, `out_of_range`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim().trim_end_matches('㎡').trim_end_matches("m2").trim_end_matches("平方米").trim();
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        // Zeros beyond the hundredths change nothing; other digits would be lost silently.
        let part = part.trim_end_matches('0');
        if whole.is_empty() || whole.len() > 9 || part.len() > 2 || !digits(whole) || !digits(part) {
            return Err("area_format");
        }
        let number = |s: &str| s.bytes().fold(0i64, |n, b| n * 10 + i64::from(b - b'0'));
        Self::from_hundredths(number(whole) * 100 + number(part) * if part.len() == 1 { 10 } else { 1 })
    }

    pub fn hundredths(self) -> i64 {
        self.0
    }

    pub fn m2(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}"),
        }
    }
}
