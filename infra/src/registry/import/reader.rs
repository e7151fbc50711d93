//! A file's bytes become lines: records are split before they are decoded, so that one badly written cell spoils one line.
//!
//! The encoding is decided by the lines that show it: Chinese in GBK is practically never valid UTF-8. A line that is not in
//! the file's encoding is refused, never guessed at.
//!
//! Memory does not grow with the file: one buffer, and one record of at most 64 KiB.

use std::io::Read;

use encoding_rs::GB18030;
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::import::{Encoding, Extras, Format, Header, Kind, PersonRow, RegistryRow, RowFault, detect};

use super::{Line, Lines};

/// A line may have at most this many bytes: a quote that nobody closed must not swallow the rest of the file.
const LONGEST: usize = 64 * 1024;
/// How much of the beginning is looked at to find the encoding.
const HEAD: usize = 256 * 1024;
const MOST_FIELDS: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    Gbk,
}

/// One record before it is understood.
struct Record {
    line: u64,
    fields: Result<Vec<String>, &'static str>,
}

/// Bytes with one buffer before them, which begins as the head.
struct Source<R> {
    inner: R,
    buffer: Vec<u8>,
    at: usize,
    end: bool,
}

impl<R: Read> Source<R> {
    fn open(mut inner: R) -> std::io::Result<Self> {
        let mut buffer = Vec::with_capacity(HEAD);
        (&mut inner).take(HEAD as u64).read_to_end(&mut buffer)?;
        let end = buffer.len() < HEAD;
        Ok(Self { inner, buffer, at: 0, end })
    }

    /// What is there to read now; empty at the end.
    fn rest(&mut self) -> std::io::Result<&[u8]> {
        if self.at == self.buffer.len() && !self.end {
            self.buffer.resize(LONGEST, 0);
            let read = loop {
                match self.inner.read(&mut self.buffer) {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    other => break other?,
                }
            };
            self.buffer.truncate(read);
            self.at = 0;
            self.end = read == 0;
        }
        Ok(&self.buffer[self.at..])
    }

    fn next_byte(&mut self) -> std::io::Result<Option<u8>> {
        Ok(self.rest()?.first().copied())
    }
}

/// Reads the lines of one file.
pub struct Reader<R> {
    source: Source<R>,
    core: csv_core::Reader,
    format: Format,
    kind: Kind,
    charset: Option<Charset>,
    line: u64,
    /// The last byte was a carriage return, so a line feed now is of the same break.
    after_return: bool,
    today: Date,
    header: Option<Header>,
    names: Vec<String>,
    output: Vec<u8>,
    ends: Vec<usize>,
}

/// Why a file cannot be read at all.
#[derive(Debug)]
pub enum Unreadable {
    Io(std::io::Error),
    /// The header, or the file as a whole.
    Faults(Vec<RowFault>),
}

impl From<std::io::Error> for Unreadable {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// How many lines end in these bytes: by a line feed, a carriage return, or both, because each ends a row.
fn breaks(bytes: &[u8], after_return: &mut bool) -> u64 {
    let mut count = 0;
    for byte in bytes {
        count += u64::from(*byte == b'\r' || *byte == b'\n' && !*after_return);
        *after_return = *byte == b'\r';
    }
    count
}

impl<R: Read> Reader<R> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`Unreadable`]: no text at all, or a header with which no line can be understood.
    pub fn open(source: R, kind: Kind, format: Format, today: Date) -> Result<Self, Unreadable> {
        let source = Source::open(source)?;
        let whole = |code| Unreadable::Faults(vec![RowFault::new(1, "", code)]);
        let head = &source.buffer;
        let (charset, mark) = match detect(&head[..head.len().min(16)], false) {
            Encoding::Utf16 => return Err(whole("encoding_invalid")),
            Encoding::Utf8Mark => (Some(Charset::Utf8), 3),
            _ if head.starts_with(b"\xEF\xBB\xBF") => (Some(Charset::Utf8), 3),
            _ if detect(head, source.end) == Encoding::Binary => return Err(whole("encoding_invalid")),
            _ => (charset_of(head), 0),
        };
        let mut reader = Self {
            source,
            core: csv_core::Reader::new(),
            format,
            kind,
            charset,
            line: 1,
            after_return: false,
            today,
            header: None,
            names: Vec::new(),
            output: vec![0; LONGEST],
            ends: vec![0; MOST_FIELDS],
        };
        reader.source.at = mark;
        if format == Format::Csv {
            let fields = match reader.record()? {
                Some(record) => record.fields.map_err(|code| Unreadable::Faults(vec![RowFault::new(record.line, "", code)]))?,
                None => vec![],
            };
            let names: Vec<&str> = fields.iter().map(String::as_str).collect();
            reader.header = Some(Header::read(kind, &names, Extras::Keep).map_err(Unreadable::Faults)?);
        }
        Ok(reader)
    }

    /// The next lines, at most so many; none at the end.
    pub fn lines(&mut self, most: usize) -> std::io::Result<Lines> {
        let (mut homes, mut people) = (Vec::new(), Vec::new());
        while homes.len() + people.len() < most {
            let Some(Record { line, fields }) = self.record()? else { break };
            let today = self.today;
            let fields = match fields {
                Err(code) => Err(vec![RowFault::new(line, "", code)]),
                Ok(fields) if self.format == Format::Ndjson => self.object(line, &fields),
                Ok(fields) => Ok(fields),
            };
            let header = self.header.as_ref();
            let cells = fields.as_ref().map_err(Clone::clone).and_then(|fields| {
                let borrowed: Vec<&str> = fields.iter().map(String::as_str).collect();
                let header = header.ok_or_else(|| vec![RowFault::new(line, "", "row_format")])?;
                header.cells(line, &borrowed).map_err(|fault| vec![fault])
            });
            match self.kind {
                Kind::Registry => homes.push(Line { number: line, row: cells.and_then(|cells| RegistryRow::parse(&cells)) }),
                Kind::People => people.push(Line { number: line, row: cells.and_then(|cells| PersonRow::parse(&cells, today)) }),
            }
        }
        Ok(match self.kind {
            Kind::Registry => Lines::Homes(homes),
            Kind::People => Lines::People(people),
        })
    }

    /// Goes past all lines up to and including this one, without understanding them.
    pub fn skip_through(&mut self, line: u64) -> std::io::Result<()> {
        // A record begins behind the line on which the one before ended.
        while self.line <= line {
            self.skip_breaks()?;
            if self.line > line || self.record()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// How many records are left.
    pub fn count(mut self) -> std::io::Result<i64> {
        let mut count = 0;
        while self.record()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Goes past line ends, and with them past empty lines.
    fn skip_breaks(&mut self) -> std::io::Result<()> {
        while let Some(byte @ (b'\n' | b'\r')) = self.source.next_byte()? {
            self.source.at += 1;
            self.line += breaks(&[byte], &mut self.after_return);
        }
        Ok(())
    }

    fn record(&mut self) -> std::io::Result<Option<Record>> {
        self.skip_breaks()?;
        if self.source.next_byte()?.is_none() {
            return Ok(None);
        }
        let line = self.line;
        let fields = match self.format {
            Format::Csv => self.csv_fields()?,
            Format::Ndjson => self.json_line()?,
        };
        Ok(Some(Record { line, fields }))
    }

    fn csv_fields(&mut self) -> std::io::Result<Result<Vec<String>, &'static str>> {
        use csv_core::ReadRecordResult as Found;
        let (mut out, mut fields, mut too_long) = (0, 0, false);
        loop {
            let input = self.source.rest()?;
            let (found, read, written, ended) = self.core.read_record(input, &mut self.output[out..], &mut self.ends[fields..]);
            self.line += breaks(&input[..read], &mut self.after_return);
            self.source.at += read;
            out += written;
            fields += ended;
            match found {
                Found::InputEmpty => {}
                // What is too long is read to its end and forgotten.
                Found::OutputFull | Found::OutputEndsFull => (too_long, out, fields) = (true, 0, 0),
                Found::Record | Found::End => break,
            }
        }
        if too_long {
            return Ok(Err("row_too_long"));
        }
        let mut decoded = Vec::with_capacity(fields);
        let mut begin = 0;
        for end in 0..fields {
            let end = self.ends[end];
            let raw = &self.output[begin..end];
            begin = end;
            match decode(&mut self.charset, raw) {
                Some(text) => decoded.push(text),
                None => return Ok(Err("encoding_invalid")),
            }
        }
        Ok(Ok(decoded))
    }

    /// One line as its only field.
    fn json_line(&mut self) -> std::io::Result<Result<Vec<String>, &'static str>> {
        let mut text = Vec::new();
        let mut too_long = false;
        // Only a line feed ends an object's line, so a carriage return before it is part of the text.
        self.after_return = false;
        loop {
            let rest = self.source.rest()?;
            if rest.is_empty() {
                break;
            }
            let end = rest.iter().position(|byte| *byte == b'\n');
            let part = &rest[..end.unwrap_or(rest.len())];
            too_long |= text.len() + part.len() > LONGEST;
            if !too_long {
                text.extend_from_slice(part);
            }
            self.source.at += part.len();
            if end.is_some() {
                break;
            }
        }
        if too_long {
            return Ok(Err("row_too_long"));
        }
        Ok(decode(&mut self.charset, &text).map(|text| vec![text]).ok_or("encoding_invalid"))
    }

    /// The values of one JSON object, with a header of its names.
    fn object(&mut self, line: u64, fields: &[String]) -> Result<Vec<String>, Vec<RowFault>> {
        use serde_json::Value;
        let bad = |column: &str, code| vec![RowFault::new(line, column, code)];
        let text = fields.first().map(String::as_str).unwrap_or_default();
        let Ok(Value::Object(object)) = serde_json::from_str(text) else { return Err(bad("", "row_format")) };
        let names: Vec<String> = object.keys().cloned().collect();
        if self.header.is_none() || names != self.names {
            let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
            let header = Header::read(self.kind, &borrowed, Extras::Keep)
                .map_err(|faults| faults.into_iter().map(|fault| RowFault { line, ..fault }).collect::<Vec<_>>())?;
            (self.header, self.names) = (Some(header), names);
        }
        object
            .into_iter()
            .map(|(name, value)| match value {
                Value::Null => Ok(String::new()),
                Value::String(text) => Ok(text),
                Value::Number(number) => Ok(number.to_string()),
                Value::Bool(flag) => Ok(if flag { "yes" } else { "no" }.to_owned()),
                Value::Array(items) => {
                    let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                    texts.map(|texts| texts.join(";")).ok_or_else(|| bad(&name, "cell_type"))
                }
                Value::Object(_) => Err(bad(&name, "cell_type")),
            })
            .collect()
    }
}

/// The encoding that most of the lines show which show any.
fn charset_of(head: &[u8]) -> Option<Charset> {
    let (mut utf8, mut gbk) = (0, 0);
    for line in head.split(|byte| *byte == b'\n').filter(|line| !line.is_ascii()) {
        match detect(line, true) {
            Encoding::Utf8 => utf8 += 1,
            Encoding::Gbk => gbk += 1,
            _ => {}
        }
    }
    match (utf8, gbk) {
        (0, 0) => None,
        _ if utf8 >= gbk => Some(Charset::Utf8),
        _ => Some(Charset::Gbk),
    }
}

/// The text of a cell; none when it is not in the file's encoding. The first cell that is more than ASCII decides where the
/// beginning of the file has not.
fn decode(charset: &mut Option<Charset>, raw: &[u8]) -> Option<String> {
    let as_utf8 = std::str::from_utf8(raw).ok();
    if raw.is_ascii() {
        return as_utf8.map(str::to_owned);
    }
    match charset.get_or_insert(if as_utf8.is_some() { Charset::Utf8 } else { Charset::Gbk }) {
        Charset::Utf8 => as_utf8.map(str::to_owned),
        Charset::Gbk => GB18030.decode_without_bom_handling_and_without_replacement(raw).map(|text| text.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today() -> Date {
        "2026-11-21".parse().expect("a date")
    }

    fn reader(bytes: &[u8], format: Format) -> Result<Reader<&[u8]>, Unreadable> {
        Reader::open(bytes, Kind::Registry, format, today())
    }

    fn lines(bytes: &[u8], format: Format) -> Vec<(u64, Result<String, &'static str>)> {
        let mut reader = reader(bytes, format).unwrap_or_else(|_| panic!("a header"));
        let Lines::Homes(lines) = reader.lines(1000).expect("bytes") else { panic!("homes were asked for") };
        let brief =
            |line: Line<RegistryRow>| (line.number, line.row.map(|row| row.estate + "/" + &row.number).map_err(|faults| faults[0].code));
        lines.into_iter().map(brief).collect()
    }

    fn gbk(text: &str) -> Vec<u8> {
        GB18030.encode(text).0.into_owned()
    }

    const FILE: &str = "小区,楼栋,房号\r\n田庵花苑,1栋,101\r\n\r\n\"田庵\n花苑\",1栋,102\r\n田庵花苑,1栋,103";

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        let expected = [(2, Ok("田庵花苑/101".to_owned())), (4, Err("control_character")), (6, Ok("田庵花苑/103".to_owned()))];
        assert_eq!(lines(FILE.as_bytes(), Format::Csv), expected);
        assert_eq!(lines(FILE.replace('\r', "").as_bytes(), Format::Csv), expected);
        assert_eq!(reader(FILE.as_bytes(), Format::Csv).ok().map(|r| r.count().expect("bytes")), Some(3));
    }

    #[test]
    fn utf8_a_mark_and_gbk_are_read_alike() {
        let plain = lines(FILE.as_bytes(), Format::Csv);
        assert_eq!(lines(&[b"\xEF\xBB\xBF", FILE.as_bytes()].concat(), Format::Csv), plain);
        assert_eq!(lines(&gbk(FILE), Format::Csv), plain);
    }

    #[test]
    fn a_line_in_another_encoding_is_refused_and_the_others_are_not() {
        let mut file = "estate,building,number\n样例一村,1栋,101\n".as_bytes().to_vec();
        file.extend(gbk("样例二村,1栋,102\n"));
        file.extend("样例三村,1栋,103\n".as_bytes());
        let expected = [(2, Ok("样例一村/101".to_owned())), (3, Err("encoding_invalid")), (4, Ok("样例三村/103".to_owned()))];
        assert_eq!(lines(&file, Format::Csv), expected);
    }

    #[test]
    fn gbk_under_the_mark_of_utf8_is_refused_line_by_line() {
        let file = [b"\xEF\xBB\xBFestate,building,number\n".to_vec(), gbk("样例一村,1栋,101\n")].concat();
        assert_eq!(lines(&file, Format::Csv), [(2, Err("encoding_invalid"))]);
    }

    #[test]
    fn pictures_and_spreadsheets_are_no_text() {
        for bytes in [&b"PK\x03\x04abc"[..], b"\xFF\xFEe\x00", b"a\x00b,c"] {
            assert!(matches!(reader(bytes, Format::Csv), Err(Unreadable::Faults(faults)) if faults[0].code == "encoding_invalid"));
        }
    }

    #[test]
    fn an_empty_file_lacks_its_columns() {
        assert!(matches!(reader(b"", Format::Csv), Err(Unreadable::Faults(faults)) if faults.iter().all(|f| f.code == "column_missing")));
    }

    #[test]
    fn a_quote_that_nobody_closed_spoils_one_line_and_no_memory() {
        let file = format!("estate,building,number\na,1,101\n\"{}", "x,y\n".repeat(100_000));
        assert_eq!(lines(file.as_bytes(), Format::Csv), [(2, Ok("a/101".to_owned())), (3, Err("row_too_long"))]);
    }

    #[test]
    fn a_run_goes_on_behind_the_line_that_was_done_last() {
        for done in 0..7 {
            let mut reader = reader(FILE.as_bytes(), Format::Csv).unwrap_or_else(|_| panic!("a header"));
            reader.skip_through(done).expect("bytes");
            let left: Vec<u64> = match reader.lines(9).expect("bytes") {
                Lines::Homes(lines) => lines.into_iter().map(|line| line.number).collect(),
                Lines::People(_) => vec![],
            };
            // Line 4 is a record of two lines; what began behind `done` is left.
            assert_eq!(left, [2, 4, 6].into_iter().filter(|line| *line > done).collect::<Vec<_>>(), "{done}");
        }
    }

    #[test]
    fn objects_are_lines_too_each_with_its_own_columns() {
        let file = "{\"estate\":\"a\",\"building\":\"1\",\"number\":101}\n\n{\"number\":\"102\",\"building\":\"1\",\"estate\":\"b\",\"floor\":3}\n[]\n{\"estate\":{}}\nnull\n";
        let found = lines(file.as_bytes(), Format::Ndjson);
        let expected = [
            (1, Ok("a/101".to_owned())),
            (3, Ok("b/102".to_owned())),
            (4, Err("row_format")),
            (5, Err("column_missing")),
            (6, Err("row_format")),
        ];
        assert_eq!(found, expected);
    }

    use proptest::strategy::Strategy;

    proptest::proptest! {
        /// Files that are nearly right are more dangerous than noise, so most of what is put together here is made of what files
        /// are made of.
        #[test]
        fn any_file_is_read_to_its_end_or_refused(
            pieces in proptest::collection::vec(
                proptest::prop_oneof![
                    proptest::sample::select(vec![
                        &b"estate,building,number\n"[..], b"\xE5\xB0\x8F\xE5\x8C\xBA,", b"\"", b"\r\n", b"\n", b"\r", b",", b"\xEF\xBB\xBF", b"\xD0\xA1",
                        b"{\"estate\":\"a\",\"building\":\"1\",\"number\":1}\n", b"[[[[", b"{\"estate\":{\"a\":1}}", b"\x00", b"a,1\xE6\xA0\x8B,101", b"\\",
                    ]).prop_map(<[u8]>::to_vec),
                    proptest::collection::vec(proptest::num::u8::ANY, 0..12),
                ],
                0..40,
            ),
            ndjson: bool,
            people: bool,
        ) {
            let (file, today) = (pieces.concat(), today());
            let (format, kind) = (if ndjson { Format::Ndjson } else { Format::Csv }, if people { Kind::People } else { Kind::Registry });
            if let Ok(mut reader) = Reader::open(file.as_slice(), kind, format, today) {
                let mut before = 0;
                loop {
                    let numbers: Vec<u64> = match reader.lines(3).expect("bytes") {
                        Lines::Homes(lines) => lines.into_iter().map(|line| line.number).collect(),
                        Lines::People(lines) => lines.into_iter().map(|line| line.number).collect(),
                    };
                    if numbers.is_empty() {
                        break;
                    }
                    for number in numbers {
                        assert!(number > before, "line {number} after {before}");
                        before = number;
                    }
                }
                assert!(before <= file.len() as u64 + 1);
            }
        }
    }
}
