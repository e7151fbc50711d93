//! Text that people type: trimmed, bounded, and free of characters that nobody can see or that reorder a line.
//!
//! Lengths are counted in Unicode scalar values, as a person counts Chinese characters; bytes would give a title three
//! times fewer characters in Chinese than in English.

use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFault {
    /// Nothing is left after trimming.
    Blank,
    TooLong,
    /// A control character, a line break in a one-line text, or a mark that changes the direction of what follows.
    Control,
}

impl TextFault {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::TooLong => "too_long",
            Self::Control => "control_character",
        }
    }
}

impl From<TextFault> for &'static str {
    fn from(fault: TextFault) -> Self {
        fault.code()
    }
}

/// Whether a character may stand in a text. Direction marks (U+202A…, U+2066…) are refused because they make a line
/// show other words than it holds; the zero-width joiner stays, because emoji need it.
fn harmless(c: char) -> bool {
    !(c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'))
}

/// One line of at most `max` characters, trimmed.
///
/// # Errors
/// [`TextFault`], when it is blank, too long or holds a character that is not allowed.
pub fn line(text: &str, max: usize) -> Result<String, TextFault> {
    checked(text.trim().to_owned(), max, harmless)
}

/// Several lines of at most `max` characters together, trimmed; line breaks become `\n`.
///
/// # Errors
/// As [`line`].
pub fn prose(text: &str, max: usize) -> Result<String, TextFault> {
    checked(text.trim().replace("\r\n", "\n").replace('\r', "\n"), max, |c| c == '\n' || harmless(c))
}

fn checked(text: String, max: usize, allowed: impl Fn(char) -> bool) -> Result<String, TextFault> {
    if text.is_empty() {
        Err(TextFault::Blank)
    } else if text.chars().nth(max).is_some() {
        Err(TextFault::TooLong)
    } else if !text.chars().all(allowed) {
        Err(TextFault::Control)
    } else {
        Ok(text)
    }
}

macro_rules! bounded {
    ($($(#[$doc:meta])* $name:ident by $check:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name<const MAX: usize>(String);

        impl<const MAX: usize> $name<MAX> {
            /// # Errors
            /// [`TextFault`], when the text is blank, too long or holds a character that is not allowed.
            pub fn new(text: &str) -> Result<Self, TextFault> {
                $check(text, MAX).map(Self)
            }

            /// A text that may be left out: blank counts as absent.
            ///
            /// # Errors
            /// As `new`, except that a blank text is no fault.
            pub fn optional(text: Option<&str>) -> Result<Option<Self>, TextFault> {
                match text.map(Self::new) {
                    None | Some(Err(TextFault::Blank)) => Ok(None),
                    Some(result) => result.map(Some),
                }
            }

            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl<const MAX: usize> Deref for $name<MAX> {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        // What people write may name a neighbour or a phone: a log gets the length, not the words.
        impl<const MAX: usize> fmt::Debug for $name<MAX> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} characters", self.0.chars().count())
            }
        }

        impl<const MAX: usize> Serialize for $name<MAX> {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }
    )+};
}

bounded! {
    /// One line of 1 to `MAX` characters.
    Line by line;
    /// One or more lines of 1 to `MAX` characters together.
    Prose by prose;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_accepted_text_is_trimmed_bounded_and_accepted_again_unchanged(text in "\\PC{0,12}|(?s:.{0,12})") {
            if let Ok(good) = line(&text, 8) {
                prop_assert!((1..=8).contains(&good.chars().count()));
                prop_assert_eq!(good.trim(), good.as_str());
                prop_assert!(!good.contains(['\n', '\r', '\0']));
                prop_assert_eq!(line(&good, 8), Ok(good.clone()));
            }
            if let Ok(good) = prose(&text, 8) {
                prop_assert!(!good.contains('\r'));
                prop_assert_eq!(prose(&good, 8), Ok(good.clone()));
            }
        }

        #[test]
        fn length_counts_characters_and_not_bytes(text in "[水管漏水]{1,20}") {
            prop_assert_eq!(Line::<10>::new(&text).is_ok(), text.chars().count() <= 10);
        }
    }

    #[test]
    fn line_breaks_belong_to_prose_only() {
        assert_eq!(line("厨房\n漏水", 20), Err(TextFault::Control));
        assert_eq!(prose("  厨房\r\n漏水 ", 20), Ok("厨房\n漏水".to_owned()));
    }

    #[test]
    fn what_hides_or_reorders_text_is_refused() {
        for bad in ["a\u{0}b", "a\u{7f}b", "a\u{85}b", "a\u{202e}b", "a\u{2028}b", "a\tb"] {
            assert_eq!(prose(bad, 20), Err(TextFault::Control), "{bad:?}");
        }
        assert!(line("家\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}", 20).is_ok(), "a family of joined emoji");
    }

    #[test]
    fn a_blank_optional_text_is_absent() {
        assert_eq!(Prose::<5>::optional(Some("  ")), Ok(None));
        assert_eq!(Prose::<5>::optional(None), Ok(None));
        assert_eq!(Prose::<2>::optional(Some("abc")), Err(TextFault::TooLong));
    }

    #[test]
    fn words_of_people_do_not_reach_a_log() {
        let text = Line::<20>::new("王家漏水").expect("a line");
        assert_eq!(format!("{text:?}"), "4 characters");
    }
}
