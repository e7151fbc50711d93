//! CSV (RFC 4180), as spreadsheets in China open it.

use std::borrow::Cow;

use encoding_rs::GB18030;
use jiazai_domain::registry::import::neutralise;

use super::Encoding;

pub struct Writer {
    encoding: Encoding,
    /// The cells come neutralised.
    harmless: bool,
    /// A line, kept for its room.
    line: String,
}

impl Writer {
    pub fn new(encoding: Encoding, harmless: bool) -> Self {
        Self { encoding, harmless, line: String::new() }
    }

    /// The line of names.
    pub fn start<'t>(&mut self, titles: impl Iterator<Item = &'t str>, out: &mut Vec<u8>) {
        if self.encoding == Encoding::Utf8Bom {
            out.extend_from_slice("\u{feff}".as_bytes());
        }
        // A name may be a column of somebody's own file.
        self.write(titles, false, out);
    }

    pub fn row<'t>(&mut self, cells: impl Iterator<Item = &'t str>, out: &mut Vec<u8>) {
        self.write(cells, self.harmless, out);
    }

    fn write<'t>(&mut self, cells: impl Iterator<Item = &'t str>, harmless: bool, out: &mut Vec<u8>) {
        self.line.clear();
        write_line(&mut self.line, cells.map(|cell| if harmless { Cow::Borrowed(cell) } else { neutralise(cell) }));
        match self.encoding {
            // Every character there is has its place in GB18030.
            Encoding::Gb18030 => out.extend_from_slice(&GB18030.encode(&self.line).0),
            Encoding::Utf8 | Encoding::Utf8Bom => out.extend_from_slice(self.line.as_bytes()),
        }
    }
}

/// One record.
pub fn write_line(out: &mut String, fields: impl IntoIterator<Item = impl AsRef<str>>) {
    for (i, field) in fields.into_iter().enumerate() {
        let field = field.as_ref();
        if i > 0 {
            out.push(',');
        }
        let bytes = field.as_bytes();
        // To the end, whatever is found: so many bytes at once are compared.
        let quoted = bytes.iter().fold(false, |found, byte| found | matches!(byte, b',' | b'"' | b'\n' | b'\r'));
        if quoted || bytes.first() == Some(&b' ') || bytes.last() == Some(&b' ') {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(encoding: Encoding, harmless: bool, cells: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        Writer::new(encoding, harmless).row(cells.iter().copied(), &mut out);
        out
    }

    #[test]
    fn no_cell_computes_or_breaks_out() {
        let out = line(Encoding::Utf8, false, &["=1+1", "小\"王\"", "@cmd", "a,b", "-1"]);
        assert_eq!(String::from_utf8(out).expect("UTF-8"), "'=1+1,\"小\"\"王\"\"\",'@cmd,\"a,b\",-1\r\n");
    }

    #[test]
    fn what_was_made_harmless_before_is_not_changed_again() {
        assert_eq!(line(Encoding::Utf8, true, &["'=1"]), b"'=1\r\n");
    }

    #[test]
    fn gb18030_holds_every_character_and_reads_back() {
        let out = line(Encoding::Gb18030, false, &["漏水𠮷😀é"]);
        let (back, _, broken) = GB18030.decode(&out);
        assert!(!broken && back == "漏水𠮷😀é\r\n", "{back}");
    }

    #[test]
    fn the_mark_stands_before_the_first_title_alone() {
        let mut out = Vec::new();
        let mut writer = Writer::new(Encoding::Utf8Bom, false);
        writer.start(["id"].into_iter(), &mut out);
        writer.row(["1"].into_iter(), &mut out);
        assert_eq!(out, b"\xef\xbb\xbfid\r\n1\r\n");
    }
}
