//! Headers 表头: which column is where, in any order, by its own name or the Chinese one that a spreadsheet has.

use super::cell::restore;
use super::fault::RowFault;
use crate::kernel::fault::Faults;
use crate::kernel::text::{line, prose};

crate::words! {
    /// What a file is about.
    Kind { Registry = "registry", People = "people" }
}

/// A column by name, Chinese name, and whether a file must have it.
type Column = (&'static str, &'static str, bool);

const REGISTRY: &[Column] = &[
    ("estate", "小区", true),
    ("grid", "网格", false),
    ("building", "楼栋", true),
    ("unit", "单元", false),
    ("floor", "楼层", false),
    ("number", "房号", true),
    ("area_m2", "面积", false),
    ("occupancy", "入住状态", false),
    ("external_code", "外部编码", false),
];

const PEOPLE: &[Column] = &[
    ("name", "姓名", true),
    ("id_type", "证件类型", false),
    ("id_number", "证件号码", true),
    ("sex", "性别", false),
    ("born_on", "出生日期", false),
    ("phone", "电话", false),
    ("estate", "小区", true),
    ("building", "楼栋", true),
    ("unit", "单元", false),
    ("number", "房号", true),
    ("relation", "关系", true),
    ("tags", "标签", false),
    ("external_code", "外部编码", false),
    ("since", "起始日期", false),
    ("lease_ends_on", "租约到期日", false),
    ("share", "产权份额", false),
    ("lives_here", "居住在此", false),
    ("hukou_here", "户口在此", false),
    ("lives_since", "居住起始日期", false),
    ("hukou_since", "户口起始日期", false),
    ("tag_days", "标签日期", false),
];

impl Kind {
    const fn known(self) -> &'static [Column] {
        match self {
            Self::Registry => REGISTRY,
            Self::People => PEOPLE,
        }
    }

    /// The names of all columns that mean something, in the order of an export.
    pub fn columns(self) -> impl Iterator<Item = &'static str> {
        self.known().iter().map(|(name, _, _)| *name)
    }
}

/// What becomes of columns that mean nothing to the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extras {
    Refuse,
    /// They are kept with the record, as they are.
    Keep,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Slot {
    Known(&'static str),
    Extra(String),
}

/// The columns of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    kind: Kind,
    slots: Vec<Slot>,
}

/// Columns that a file may have at most.
const MAX_COLUMNS: usize = 64;
/// Characters in the name of a column that is kept without being understood.
const EXTRA_NAME: usize = 40;
/// Characters in a cell of such a column.
const EXTRA_VALUE: usize = 500;

impl Header {
    /// Reads the first line; for NDJSON, the names of one object.
    ///
    /// # Errors
    /// `column_missing`, `column_twice`, `unknown_column` (unless extras are kept), `blank`, `too_long`: all of them, on line 1.
    pub fn read(kind: Kind, names: &[&str], extras: Extras) -> Result<Self, Vec<RowFault>> {
        let mut faults = Vec::new();
        if names.len() > MAX_COLUMNS {
            return Err(vec![RowFault::new(1, "", "row_too_long")]);
        }
        let mut slots: Vec<Slot> = Vec::with_capacity(names.len());
        for raw in names {
            let name = restore(raw.trim().trim_start_matches('\u{FEFF}')).trim();
            let known = kind.known().iter().find(|(own, chinese, _)| name.eq_ignore_ascii_case(own) || name == *chinese);
            let slot = match known {
                Some((own, _, _)) => Slot::Known(own),
                None => Slot::Extra(name.to_owned()),
            };
            if known.is_none() {
                let code = match extras {
                    _ if name.is_empty() => Some("blank"),
                    Extras::Refuse => Some("unknown_column"),
                    Extras::Keep => line(name, EXTRA_NAME).err().map(<&'static str>::from),
                };
                faults.extend(code.map(|code| RowFault::new(1, name, code)));
            }
            if slots.contains(&slot) {
                faults.push(RowFault::new(1, name, "column_twice"));
            }
            slots.push(slot);
        }
        let missing = kind.known().iter().filter(|(name, _, needed)| *needed && !slots.contains(&Slot::Known(name)));
        faults.extend(missing.map(|(name, _, _)| RowFault::new(1, *name, "column_missing")));
        if faults.is_empty() { Ok(Self { kind, slots }) } else { Err(faults) }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The fields of one line, by column.
    ///
    /// # Errors
    /// `field_count`, when there are more or fewer than the header has. Empty ones at the end may be missing: spreadsheets
    /// leave them out.
    pub fn cells<'a>(&'a self, line: u64, fields: &[&'a str]) -> Result<Cells<'a>, RowFault> {
        let surplus = fields.iter().skip(self.slots.len()).any(|field| !field.trim().is_empty());
        if surplus {
            return Err(RowFault::new(line, "", "field_count"));
        }
        let mut cells = Cells { line, known: Vec::with_capacity(self.slots.len()), extras: Vec::new() };
        for (slot, field) in self.slots.iter().zip(fields) {
            let value = restore(field.trim()).trim();
            match slot {
                Slot::Known(name) => cells.known.push((*name, value)),
                Slot::Extra(name) => cells.extras.push((name.as_str(), value)),
            }
        }
        Ok(cells)
    }
}

/// One line, by column; restored from formula cells and trimmed.
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    pub line: u64,
    known: Vec<(&'static str, &'a str)>,
    extras: Vec<(&'a str, &'a str)>,
}

impl<'a> Cells<'a> {
    /// The value of a column; none when it is not there or empty.
    pub fn get(&self, column: &str) -> Option<&'a str> {
        self.known.iter().find(|(name, _)| *name == column).map(|(_, value)| *value).filter(|value| !value.is_empty())
    }

    /// Columns that are kept without being understood; empty ones are not. What cannot be kept as it is goes to the `faults`: too
    /// long, or with characters that nobody can see.
    pub(super) fn extras(&self, faults: &mut Faults) -> Vec<(String, String)> {
        let full = self.extras.iter().filter(|(_, value)| !value.is_empty());
        full.filter_map(|(name, value)| Some(((*name).to_owned(), faults.take(&format!("/{name}"), prose(value, EXTRA_VALUE))?))).collect()
    }
}
