//! Import and export 批量导入导出: the registry as a table, row by row.
//!
//! A *header* says which column is where; a *row* is read from fields that somebody has already split (from CSV or NDJSON)
//! and decoded; a *diff* says what a row would change. Export writes the same rows, so exporting and importing changes
//! nothing. An empty cell says nothing: it never takes away what is known.

mod cell;
mod encoding;
mod fault;
mod header;
pub mod job;
mod people;
mod registry;

pub use cell::{neutralise, restore};
pub use encoding::{Encoding, detect};
pub use fault::{MAX_ROW_FAULTS, RowFault, message};
pub use header::{Cells, Extras, Header, Kind};
pub use job::{Counts, Format, Import, ImportDraft};
pub use people::{Lives, PersonRow, TagDays, TieKey, lives_by_default};
pub use registry::RegistryRow;

crate::words! {
    /// Where an import stands.
    State {
        Queued = "queued",
        Running = "running",
        Succeeded = "succeeded",
        Failed = "failed",
        /// Some rows were taken and some were not.
        PartiallyFailed = "partially_failed",
    }
}

impl State {
    /// How an import ends, by the rows that were taken and those that were not. An atomic one takes all or none.
    pub const fn ended(ok: i64, failed: i64, atomic: bool) -> Self {
        match (ok, failed) {
            (_, 0) => Self::Succeeded,
            (0, _) => Self::Failed,
            _ if atomic => Self::Failed,
            _ => Self::PartiallyFailed,
        }
    }
}

/// What a row would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Diff {
    Created,
    Changed(Vec<FieldDiff>),
    Unchanged,
}

/// One field that a row would change.
#[derive(Clone, PartialEq, Eq)]
pub struct FieldDiff {
    pub column: String,
    pub before: String,
    pub after: String,
    /// A number, telephone, name or birth date: to be masked before it is shown.
    pub sensitive: bool,
}

impl std::fmt::Debug for FieldDiff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} differs", self.column)
    }
}

/// Compares the named values of two rows. What the new one leaves empty stays as it is.
fn compare(before: Vec<(String, String)>, after: Vec<(String, String)>, sensitive: impl Fn(&str) -> bool) -> Diff {
    let old = |column: &str| before.iter().find(|(name, _)| name == column).map_or("", |(_, value)| value.as_str());
    let changes: Vec<FieldDiff> = after
        .iter()
        .filter(|(column, value)| !value.is_empty() && old(column) != value)
        .map(|(column, value)| FieldDiff {
            column: column.clone(),
            before: old(column).to_owned(),
            after: value.clone(),
            sensitive: sensitive(column),
        })
        .collect();
    if changes.is_empty() { Diff::Unchanged } else { Diff::Changed(changes) }
}
