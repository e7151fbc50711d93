//! A workbook (Office Open XML), written as it is read.
//!
//! Every cell is text, kept in the cell itself. So nothing computes, and an 18-digit number stays the number that it is: what
//! Excel makes of one in a CSV is the reason why officials ask for this form. A sheet holds as many rows as Excel can show;
//! what is more goes on in the next.
//!
//! A workbook is a ZIP archive of a few XML parts. The large ones are compressed as they grow, their sizes written behind them
//! (ZIP's data descriptor), which is what makes writing without seeking possible; the parts that name the sheets come last.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// Rows of a sheet, the line of names included: Excel's own bound.
const ROWS: u32 = 1_048_576;
/// A cell's characters, Excel's own bound; what is longer is cut off there.
const LONGEST: usize = 32_767;
/// Bytes of a sheet, unpacked: far from what the archive can say.
const LARGEST: u32 = 1 << 30;
/// Bytes that are kept free in the archive for the portion that may come.
const FULL: u32 = 256 << 20;

const NAMES: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

#[derive(Default)]
pub struct Writer {
    titles: Vec<String>,
    archive: Archive,
    sheets: u32,
    /// Of the open sheet.
    rows: u32,
}

impl Writer {
    pub fn start<'t>(&mut self, titles: impl Iterator<Item = &'t str>, out: &mut Vec<u8>) {
        self.titles = titles.map(str::to_owned).collect();
        self.open(out);
    }

    pub fn row<'t>(&mut self, cells: impl Iterator<Item = &'t str>, out: &mut Vec<u8>) {
        if self.rows == ROWS || self.archive.open.as_ref().is_some_and(|sheet| sheet.size > LARGEST) {
            self.close(out);
            self.open(out);
        }
        self.rows += 1;
        let mut xml = String::from("<row>");
        for cell in cells {
            if cell.is_empty() {
                xml.push_str("<c/>");
                continue;
            }
            xml.push_str("<c t=\"inlineStr\"><is><t xml:space=\"preserve\">");
            escape(&mut xml, cell.chars().take(LONGEST));
            xml.push_str("</t></is></c>");
        }
        xml.push_str("</row>");
        self.archive.write(xml.as_bytes(), out);
    }

    /// Whether the file is as large as such a file can be.
    pub fn is_full(&self) -> bool {
        self.archive.is_full()
    }

    /// Ends the file: the sheets are known now, so they can be named.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        let each = |say: fn(u32) -> String| (1..=self.sheets).map(say).collect::<String>();
        let sheets = each(|n| format!("<sheet name=\"Sheet{n}\" sheetId=\"{n}\" r:id=\"rId{n}\"/>"));
        let workbook = format!("{DECLARATION}<workbook xmlns=\"{NAMES}\" xmlns:r=\"{RELATIONS}\"><sheets>{sheets}</sheets></workbook>");
        let targets = each(|n| format!("<Relationship Id=\"rId{n}\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"));
        let relations = format!("{DECLARATION}<Relationships xmlns=\"{PACKAGE}\">{targets}</Relationships>");
        let root = format!(
            "{DECLARATION}<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"rId1\" Type=\"{RELATIONS}/officeDocument\" \
             Target=\"xl/workbook.xml\"/></Relationships>"
        );
        const KIND: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";
        let parts = each(|n| format!("<Override PartName=\"/xl/worksheets/sheet{n}.xml\" ContentType=\"{KIND}.worksheet+xml\"/>"));
        let types = format!(
            "{DECLARATION}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
             <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
             <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
             <Override PartName=\"/xl/workbook.xml\" ContentType=\"{KIND}.sheet.main+xml\"/>{parts}</Types>"
        );
        for (name, text) in [
            ("xl/workbook.xml", workbook),
            ("xl/_rels/workbook.xml.rels", relations),
            ("_rels/.rels", root),
            ("[Content_Types].xml", types),
        ] {
            self.archive.begin(name, out);
            self.archive.write(text.as_bytes(), out);
            self.archive.finish(out);
        }
        self.archive.end(out);
    }

    fn open(&mut self, out: &mut Vec<u8>) {
        self.sheets += 1;
        self.rows = 0;
        self.archive.begin(&format!("xl/worksheets/sheet{}.xml", self.sheets), out);
        // The line of names stays where it is while one scrolls.
        let head = format!(
            "{DECLARATION}<worksheet xmlns=\"{NAMES}\"><sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" \
             activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><sheetData>"
        );
        self.archive.write(head.as_bytes(), out);
        let titles = self.titles.clone();
        self.row(titles.iter().map(String::as_str), out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        self.archive.write(b"</sheetData></worksheet>", out);
        self.archive.finish(out);
    }
}

/// XML text. What XML 1.0 has no way to say (most control characters) is left out.
pub fn escape(out: &mut String, text: impl Iterator<Item = char>) {
    for c in text {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(c),
            '\r' => out.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
}

/// A part of the archive that is complete.
struct Entry {
    name: String,
    crc: u32,
    packed: u32,
    size: u32,
    at: u32,
}

/// The part that is being written.
struct Open {
    name: String,
    at: u32,
    crc: Crc,
    packed: u32,
    size: u32,
    encoder: DeflateEncoder<Vec<u8>>,
}

/// A ZIP archive that is never sought in. Of the plain kind, whose sizes are of 32 bits: every edition of Excel reads it.
#[derive(Default)]
struct Archive {
    written: u32,
    entries: Vec<Entry>,
    open: Option<Open>,
}

const VERSION: u16 = 20;
/// Sizes stand behind the data; names are UTF-8.
const FLAGS: u16 = 0x0808;
const DEFLATED: u16 = 8;
/// 1 January 1980, ZIP's first day: a file's own time is when it was fetched.
const DATE: u16 = 0x0021;

/// Numbers as ZIP writes them.
fn numbers(out: &mut Vec<u8>, short: &[u16], long: &[u32]) {
    short.iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
    long.iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
}

impl Archive {
    /// Whether one more portion of rows might not fit.
    fn is_full(&self) -> bool {
        self.written > u32::MAX - FULL
    }

    fn put(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
        self.written = self.written.saturating_add(bytes.len() as u32);
    }

    fn begin(&mut self, name: &str, out: &mut Vec<u8>) {
        let at = self.written;
        let mut head = b"PK\x03\x04".to_vec();
        // Checksum and sizes are told afterwards.
        numbers(&mut head, &[VERSION, FLAGS, DEFLATED, 0, DATE], &[0, 0, 0]);
        numbers(&mut head, &[name.len() as u16, 0], &[]);
        head.extend_from_slice(name.as_bytes());
        self.put(&head, out);
        let encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        self.open = Some(Open { name: name.to_owned(), at, crc: Crc::new(), packed: 0, size: 0, encoder });
    }

    fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(open) = &mut self.open else { return };
        open.crc.update(bytes);
        open.size = open.size.saturating_add(bytes.len() as u32);
        // Memory takes whatever it is given.
        let _ = open.encoder.write_all(bytes);
        let ready = std::mem::take(open.encoder.get_mut());
        open.packed = open.packed.saturating_add(ready.len() as u32);
        self.put(&ready, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let Some(open) = self.open.take() else { return };
        let rest = open.encoder.finish().unwrap_or_default();
        self.put(&rest, out);
        let entry = Entry {
            name: open.name,
            crc: open.crc.sum(),
            packed: open.packed.saturating_add(rest.len() as u32),
            size: open.size,
            at: open.at,
        };
        let mut tail = b"PK\x07\x08".to_vec();
        numbers(&mut tail, &[], &[entry.crc, entry.packed, entry.size]);
        self.put(&tail, out);
        self.entries.push(entry);
    }

    /// The directory, by which readers find the parts.
    fn end(&mut self, out: &mut Vec<u8>) {
        let at = self.written;
        let mut all = Vec::new();
        for entry in &self.entries {
            all.extend_from_slice(b"PK\x01\x02");
            numbers(&mut all, &[VERSION, VERSION, FLAGS, DEFLATED, 0, DATE], &[entry.crc, entry.packed, entry.size]);
            numbers(&mut all, &[entry.name.len() as u16, 0, 0, 0, 0], &[0, entry.at]);
            all.extend_from_slice(entry.name.as_bytes());
        }
        let (count, length) = (self.entries.len() as u16, all.len() as u32);
        all.extend_from_slice(b"PK\x05\x06");
        numbers(&mut all, &[0, 0, count, count], &[length, at]);
        numbers(&mut all, &[0], &[]);
        self.put(&all, out);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// The parts of an archive by its directory, each unpacked and held against its checksum.
    fn parts(file: &[u8]) -> Vec<(String, String)> {
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes")) as usize;
        let short = |at: usize| u16::from_le_bytes(file[at..at + 2].try_into().expect("two bytes")) as usize;
        let end = file.len() - 22;
        assert_eq!(&file[end..end + 4], b"PK\x05\x06");
        let (mut at, mut found) = (word(end + 16), vec![]);
        for _ in 0..short(end + 10) {
            let (packed, size, name, local) = (word(at + 20), word(at + 24), short(at + 28), word(at + 42));
            let start = local + 30 + short(local + 26);
            let mut text = String::new();
            flate2::read::DeflateDecoder::new(&file[start..start + packed]).read_to_string(&mut text).expect("a part");
            let mut crc = Crc::new();
            crc.update(text.as_bytes());
            assert_eq!((text.len(), crc.sum() as usize), (size, word(at + 16)));
            found.push((String::from_utf8(file[at + 46..at + 46 + name].to_vec()).expect("a name"), text));
            at += 46 + name;
        }
        found
    }

    #[test]
    fn a_workbook_holds_every_cell_as_the_text_that_it_was() {
        let (mut writer, mut out) = (Writer::default(), Vec::new());
        writer.start(["证件号", "备注"].into_iter(), &mut out);
        writer.row(["990000202003040021", "=1+1 <b>&\"'\u{1}"].into_iter(), &mut out);
        writer.row(["", "第二行\n换行"].into_iter(), &mut out);
        writer.end(&mut out);
        let parts = parts(&out);
        let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "_rels/.rels", "[Content_Types].xml"]
        );
        let sheet = &parts[0].1;
        assert!(sheet.contains("<is><t xml:space=\"preserve\">990000202003040021</t></is>"), "{sheet}");
        assert!(sheet.contains("=1+1 &lt;b&gt;&amp;&quot;&#39;</t>") && sheet.contains("<row><c/><c t="), "{sheet}");
        assert_eq!(sheet.matches("<row>").count(), 3);
    }

    #[test]
    fn what_a_sheet_cannot_hold_goes_on_in_the_next_under_the_same_names() {
        let (mut writer, mut out) = (Writer::default(), Vec::new());
        writer.start(["a"].into_iter(), &mut out);
        writer.rows = ROWS;
        writer.row(["x"].into_iter(), &mut out);
        writer.end(&mut out);
        let parts = parts(&out);
        assert!(parts[1].1.contains(">a</t>") && parts[1].1.contains(">x</t>"), "{parts:?}");
        assert!(parts[2].1.contains("Sheet1") && parts[2].1.contains("Sheet2"));
    }
}
