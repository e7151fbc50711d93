//! A look into a PDF for what a paper form has no use for.
//!
//! This is no virus scanner and no PDF parser. It reads the names that stand open in the file, also when they are written
//! with `#` escapes; names inside compressed object streams are not seen. So it keeps out what is plainly active, and the
//! rest is kept harmless by how files are served: as a download, never inside our pages.

use super::FileError;

/// Longest name that matters here.
const LONGEST_NAME: usize = 16;

/// Refuses a PDF that has no end, carries a script, starts programs, has files attached, or is encrypted.
pub(super) fn inspect(bytes: &[u8]) -> Result<(), FileError> {
    // Writers append a line break or some padding, readers look for the end in the last kilobyte.
    let tail = &bytes[bytes.len().saturating_sub(1024)..];
    if !tail.windows(5).any(|window| window == b"%%EOF") {
        return Err(FileError::Damaged);
    }
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
        let name = name_at(&bytes[at + 1..]);
        let found = match name.as_slice() {
            b"JavaScript" => "a script",
            b"Launch" => "a command to start a program",
            b"EmbeddedFile" | b"EmbeddedFiles" => "an attachment",
            b"RichMedia" => "active media",
            b"Encrypt" => "encryption",
            _ => continue,
        };
        return Err(FileError::UnsafePdf(found));
    }
    Ok(())
}

/// The name that begins here, its `#xx` escapes undone; longer ones are cut and then equal nothing that is looked for.
fn name_at(bytes: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(LONGEST_NAME);
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        if name.len() == LONGEST_NAME || !byte.is_ascii_graphic() || b"()<>[]{}/%".contains(byte) {
            break;
        }
        match escaped(rest) {
            Some(meant) => {
                name.push(meant);
                rest = &rest[3..];
            }
            None => {
                name.push(*byte);
                rest = after;
            }
        }
    }
    name
}

fn escaped(bytes: &[u8]) -> Option<u8> {
    let [b'#', high, low, ..] = bytes else { return None };
    let digit = |byte: u8| (byte as char).to_digit(16);
    Some((digit(*high)? << 4 | digit(*low)?) as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(content: &str) -> Result<(), FileError> {
        inspect(format!("%PDF-1.7\n1 0 obj\n{content}\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n").as_bytes())
    }

    #[test]
    fn a_plain_paper_passes() {
        assert_eq!(with("<</Type/Catalog/Pages 2 0 R/Lang(zh-CN)/JavaScriptless true>>"), Ok(()));
    }

    #[test]
    fn what_acts_hides_or_carries_is_refused() {
        for (content, found) in [
            ("<</S/JavaScript/JS(app.alert(1))>>", "a script"),
            ("<</S /Java#53cript /JS 3 0 R>>", "a script"),
            ("<</S/#4aavaScript>>", "a script"),
            ("<</S/Launch/F(cmd.exe)>>", "a command to start a program"),
            ("<</Type/EmbeddedFile>>", "an attachment"),
            ("<</Names<</EmbeddedFiles 3 0 R>>>>", "an attachment"),
            ("<</Encrypt 5 0 R>>", "encryption"),
        ] {
            assert_eq!(with(content), Err(FileError::UnsafePdf(found)), "{content}");
        }
    }

    #[test]
    fn a_pdf_without_an_end_is_damaged() {
        assert_eq!(inspect(b"%PDF-1.7\n1 0 obj\n"), Err(FileError::Damaged));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, tail in "[/#0-9a-fA-Z%]{0,40}") {
            let _ = inspect(&[bytes.as_slice(), tail.as_bytes(), b"%%EOF"].concat());
        }
    }
}
