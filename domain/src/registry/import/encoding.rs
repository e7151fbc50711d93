//! Which encoding a file is in: UTF-8, with or without a mark, or the GBK that Excel writes in China.
//!
//! Only the shape of the bytes is looked at; decoding is done where the file is read. Chinese text in GBK is practically
//! never valid UTF-8, so the order of the questions is the answer: UTF-8 if it can be, else GBK if it can be.

/// What the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    /// UTF-8 after the three bytes of a byte order mark, which are no text.
    Utf8Mark,
    /// GBK, or the GB 18030 that holds it.
    Gbk,
    /// UTF-16 by its mark: Excel's "Unicode text". Refused by name, so that a person knows what to save as.
    Utf16,
    /// No text: a picture, or the .xlsx itself.
    Binary,
    /// It says UTF-8 by its mark and is not, or is neither.
    Unknown,
}

/// Looks at the beginning of a file; `complete` when it is all of it. Without that the last character may be cut.
pub fn detect(head: &[u8], complete: bool) -> Encoding {
    if let Some(rest) = head.strip_prefix(b"\xEF\xBB\xBF") {
        return if utf8(rest, complete) { Encoding::Utf8Mark } else { Encoding::Unknown };
    }
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return Encoding::Utf16;
    }
    if head.contains(&0) || head.starts_with(b"PK\x03\x04") {
        return Encoding::Binary;
    }
    if utf8(head, complete) {
        Encoding::Utf8
    } else if gbk(head, complete) {
        Encoding::Gbk
    } else {
        Encoding::Unknown
    }
}

fn utf8(bytes: &[u8], complete: bool) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        // No length: the bytes end within a character.
        Err(error) => !complete && error.error_len().is_none(),
    }
}

fn gbk(bytes: &[u8], complete: bool) -> bool {
    let mut rest = bytes;
    loop {
        rest = match rest {
            [] => return true,
            [0..=0x7F, rest @ ..] => rest,
            [0x81..=0xFE, 0x30..=0x39, 0x81..=0xFE, 0x30..=0x39, rest @ ..] => rest,
            [0x81..=0xFE, 0x40..=0x7E | 0x80..=0xFE, rest @ ..] => rest,
            [0x81..=0xFE] | [0x81..=0xFE, 0x30..=0x39] | [0x81..=0xFE, 0x30..=0x39, 0x81..=0xFE] => return !complete,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 小区,楼栋 in GBK.
    const GBK: &[u8] = b"\xD0\xA1\xC7\xF8,\xC2\xA5\xB6\xB0\r\n";

    #[test]
    fn each_encoding_is_told_by_its_bytes() {
        assert_eq!(detect("小区,楼栋".as_bytes(), true), Encoding::Utf8);
        assert_eq!(detect("\u{FEFF}小区".as_bytes(), true), Encoding::Utf8Mark);
        assert_eq!(detect(GBK, true), Encoding::Gbk);
        assert_eq!(detect(b"estate,building", true), Encoding::Utf8);
        assert_eq!(detect(b"\xFF\xFEe\x00", true), Encoding::Utf16);
        assert_eq!(detect(b"PK\x03\x04...", true), Encoding::Binary);
        assert_eq!(detect(b"a\x00b", true), Encoding::Binary);
        assert_eq!(detect(b"\xFF\xFF", true), Encoding::Unknown);
    }

    #[test]
    fn gbk_under_the_mark_of_utf8_is_found_out() {
        assert_eq!(detect(&[b"\xEF\xBB\xBF", GBK].concat(), true), Encoding::Unknown);
    }

    proptest! {
        #[test]
        fn a_cut_at_any_byte_does_not_hide_utf8(text in "\\PC{1,40}", cut in 0usize..120) {
            let bytes = text.as_bytes();
            let found = detect(&bytes[..cut.min(bytes.len())], cut >= bytes.len());
            prop_assert!(matches!(found, Encoding::Utf8 | Encoding::Utf8Mark));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), complete in any::<bool>()) {
            let _ = detect(&bytes, complete);
        }
    }
}
