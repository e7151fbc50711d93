//! Cells that a spreadsheet would run as a formula.
//!
//! Excel and its kin compute what begins with `=`, `+`, `-`, `@`, a tab or a line break. Such a cell is exported with an
//! apostrophe before it, which is how a person tells a spreadsheet "this is text"; on import that apostrophe is taken away
//! again. A plain number is left alone: floor `-1` computes to itself.

use std::borrow::Cow;

/// The text with an apostrophe before it, if a spreadsheet would compute it (or if it already looks neutralised).
pub fn neutralise(text: &str) -> Cow<'_, str> {
    // Most cells begin with a letter or a digit, or are empty.
    if text.as_bytes().first().is_none_or(u8::is_ascii_alphanumeric) {
        return Cow::Borrowed(text);
    }
    if computes(text.trim_start_matches('\'')) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text that [`neutralise`] was given.
pub fn restore(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if computes(rest.trim_start_matches('\'')) => rest,
        _ => text,
    }
}

fn computes(text: &str) -> bool {
    // Full-width signs are read as signs by Chinese and Japanese editions.
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) && !number(text)
}

fn number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    all(whole) && all(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_spreadsheet_would_compute_becomes_text() {
        for bad in ["=1+1", "+8613800000000", "-2+3", "@SUM(A1)", "\t=1", "＝1", "'=1", "''=1"] {
            assert_eq!(neutralise(bad), format!("'{bad}"), "{bad}");
        }
        for good in ["张三", "-1", "-1.5", "12栋", "", "'", "O'Hara", "a=b"] {
            assert_eq!(neutralise(good), good);
        }
    }

    proptest! {
        #[test]
        fn what_is_exported_reads_back_and_never_computes(text in "['=+@\\t0-9a-z.-]{0,8}|\\PC{0,12}") {
            let out = neutralise(&text);
            prop_assert_eq!(restore(&out), text.as_str());
            prop_assert!(!computes(&out));
        }
    }
}
