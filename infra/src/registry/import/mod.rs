//! Imports, as they are remembered, and how their rows are taken into the registry.
//!
//! [`reader`] makes rows of a file's bytes; [`portion`] takes some of them within one transaction, in which the import itself
//! moves on behind them. [`export`] writes the same rows back.

mod attempts;
pub mod export;
mod extras;
mod findings;
mod homes;
mod people;
pub mod reader;
mod rows;

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityAdmin, CommunityId, PrincipalId, Role};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::import::{Counts, Diff, FieldDiff, Import, ImportDraft, MAX_ROW_FAULTS, PersonRow, RegistryRow, RowFault};
use jiazai_domain::registry::{ImportId, Keeper};

pub use self::attempts::{MOST_ATTEMPTS, begin, forgive};
pub use self::findings::{Change, Wrong, diffs_after, faults_after, save_diffs, save_faults};
use crate::db::schema::{import_attempts, imports};
use crate::db::{DbError, Tx, native, parsed};
use crate::events;
use crate::vault::Vault;

/// How many diffs of one dry run are kept: enough to see what kind of thing would happen.
const MAX_DIFFS: i64 = 1_000;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = imports)]
struct ImportRow {
    id: String,
    community_id: String,
    kind: String,
    format: String,
    dry_run: bool,
    atomic: bool,
    state: String,
    stored_as: Option<String>,
    total: Option<i64>,
    counts: String,
    failed: i64,
    done_through: i64,
    created_by: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

/// An import, and where its file is kept until it is over.
#[derive(Debug, Clone)]
pub struct Stored {
    pub import: Import,
    pub stored_as: Option<String>,
    pub updated_at: Timestamp,
}

fn counts_text(counts: Counts) -> String {
    format!("{} {} {}", counts.created, counts.changed, counts.unchanged)
}

impl TryFrom<ImportRow> for Stored {
    type Error = DbError;
    fn try_from(row: ImportRow) -> Result<Self, DbError> {
        let counts: Vec<i64> = row.counts.split(' ').map(parsed).collect::<Result<_, _>>()?;
        let [created, changed, unchanged] = counts[..] else {
            return Err(DbError::Corrupt("the counts of an import do not read back".to_owned()));
        };
        let asked = ImportDraft { kind: parsed(&row.kind)?, format: parsed(&row.format)?, dry_run: row.dry_run, atomic: row.atomic };
        let import = Import {
            id: parsed(&row.id)?,
            version: row.version,
            community: parsed(&row.community_id)?,
            asked,
            state: parsed(&row.state)?,
            total: row.total,
            counts: Counts { created, changed, unchanged },
            failed: row.failed,
            through: row.done_through,
            created_by: parsed(&row.created_by)?,
            created_at: Timestamp::from_millis(row.created_at),
        };
        Ok(Self { import, stored_as: row.stored_as, updated_at: Timestamp::from_millis(row.updated_at) })
    }
}

/// Writes down an import that was asked for. `stored_as` names its file; a command that reads the file itself has none.
pub fn insert(tx: &mut Tx, changed: Changed<Import>, stored_as: Option<&str>) -> Result<Import, DbError> {
    let (import, _, happened) = changed.into_parts();
    let row = ImportRow {
        id: import.id.text(),
        community_id: import.community.text(),
        kind: import.asked.kind.to_string(),
        format: import.asked.format.to_string(),
        dry_run: import.asked.dry_run,
        atomic: import.asked.atomic,
        state: import.state.to_string(),
        stored_as: stored_as.map(str::to_owned),
        total: import.total,
        counts: counts_text(import.counts),
        failed: import.failed,
        done_through: import.through,
        created_by: import.created_by.text(),
        version: import.version,
        created_at: import.created_at.millis(),
        updated_at: import.created_at.millis(),
    };
    tx.insert(diesel::insert_into(imports::table).values(row))?;
    events::record(tx, import.community, &import.id.text(), import.version, &happened)?;
    Ok(import)
}

/// Saves how far an import has come. Of two workers that took the same portion, one finds the other's version, and all that it
/// did is undone.
pub fn save(tx: &mut Tx, changed: Changed<Import>) -> Result<Import, DbError> {
    let (import, loaded, happened) = changed.into_parts();
    let now = tx.now().millis();
    let id = import.id.text();
    let same = imports::table.filter(imports::id.eq(&id)).filter(imports::version.eq(loaded.unwrap_or_default()));
    tx.update_one(diesel::update(same).set((
        imports::state.eq(import.state.as_str()),
        imports::total.eq(import.total),
        imports::counts.eq(counts_text(import.counts)),
        imports::failed.eq(import.failed),
        imports::done_through.eq(import.through),
        imports::version.eq(import.version),
        imports::updated_at.eq(now),
    )))?;
    events::record(tx, import.community, &id, import.version, &happened)?;
    Ok(import)
}

pub fn find(tx: &mut Tx, id: ImportId) -> Result<Option<Stored>, DbError> {
    let row: Option<ImportRow> = native!(tx, |conn| imports::table.find(id.text()).select(ImportRow::as_select()).first(conn).optional())?;
    row.map(Stored::try_from).transpose()
}

/// Imports of some communities (or of all), newest first; only those of `by` where that is given.
pub fn list(
    tx: &mut Tx,
    communities: Option<&[CommunityId]>,
    by: Option<PrincipalId>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Stored>, DbError> {
    let mut query = imports::table.order(imports::id.desc()).limit(limit).select(ImportRow::as_select()).into_boxed();
    if let Some(some) = communities {
        query = query.filter(imports::community_id.eq_any(some.iter().map(CommunityId::text).collect::<Vec<_>>()));
    }
    if let Some(by) = by {
        query = query.filter(imports::created_by.eq(by.text()));
    }
    if let Some(after) = after {
        query = query.filter(imports::id.lt(after.to_owned()));
    }
    let rows: Vec<ImportRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// A literal, or the partial index of what waits is not used: there may be years of imports, and these few are asked for every second.
fn is_waiting() -> diesel::expression::SqlLiteral<diesel::sql_types::Bool> {
    diesel::dsl::sql("imports.state IN ('queued', 'running')")
}

/// How many imports of somebody are not over yet.
pub fn waiting(tx: &mut Tx, by: PrincipalId) -> Result<i64, DbError> {
    let own = imports::table.filter(is_waiting()).filter(imports::created_by.eq(by.text()));
    native!(tx, |conn| own.count().get_result(conn))
}

/// The oldest import that waits for a worker, or whose worker is gone; what was put off is not looked at before its time. Those without
/// a stored file are a command's own.
pub fn next_waiting(tx: &mut Tx) -> Result<Option<Stored>, DbError> {
    let put_off = import_attempts::table.filter(import_attempts::not_before.gt(tx.now().millis())).select(import_attempts::import_id);
    let row: Option<ImportRow> = native!(tx, |conn| {
        imports::table
            .filter(is_waiting())
            .filter(imports::stored_as.is_not_null())
            .filter(imports::id.ne_all(put_off))
            .order(imports::id)
            .select(ImportRow::as_select())
            .first(conn)
            .optional()
    })?;
    row.map(Stored::try_from).transpose()
}

/// Imports of the command line whose process must be gone: nobody else can go on with them, because only it has read the file.
pub fn abandoned(tx: &mut Tx, since: Timestamp, limit: i64) -> Result<Vec<Stored>, DbError> {
    let rows: Vec<ImportRow> = native!(tx, |conn| {
        imports::table
            .filter(is_waiting())
            .filter(imports::stored_as.is_null())
            .filter(imports::updated_at.lt(since.millis()))
            .order(imports::id)
            .limit(limit)
            .select(ImportRow::as_select())
            .load(conn)
    })?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// Forgets where the file was; it is about to be deleted.
pub fn forget_file(tx: &mut Tx, id: ImportId) -> Result<(), DbError> {
    attempts::forget(tx, id)?;
    native!(tx, |conn| diesel::update(imports::table.find(id.text())).set(imports::stored_as.eq(None::<String>)).execute(conn)).map(drop)
}

/// Imports that are over and whose files are still there, because somebody stopped between the two.
pub fn over_with_files(tx: &mut Tx, limit: i64) -> Result<Vec<Stored>, DbError> {
    let rows: Vec<ImportRow> = native!(tx, |conn| {
        imports::table
            .filter(imports::state.ne_all(["queued", "running"]))
            .filter(imports::stored_as.is_not_null())
            .limit(limit)
            .select(ImportRow::as_select())
            .load(conn)
    })?;
    rows.into_iter().map(Stored::try_from).collect()
}

// Taking rows in -----------------------------------------------------------------------------------------------------

/// A row of a file, or what is wrong with it.
#[derive(Debug, Clone)]
pub struct Line<T> {
    pub number: u64,
    pub row: Result<T, Vec<RowFault>>,
}

/// Some lines of a file.
#[derive(Debug, Clone)]
pub enum Lines {
    Homes(Vec<Line<RegistryRow>>),
    People(Vec<Line<PersonRow>>),
}

impl Lines {
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Homes(lines) => lines.len(),
            Self::People(lines) => lines.len(),
        }
    }

    pub fn last(&self) -> u64 {
        match self {
            Self::Homes(lines) => lines.last().map_or(0, |line| line.number),
            Self::People(lines) => lines.last().map_or(0, |line| line.number),
        }
    }

    /// Each line alone.
    pub fn singly(self) -> Vec<Self> {
        match self {
            Self::Homes(lines) => lines.into_iter().map(|line| Self::Homes(vec![line])).collect(),
            Self::People(lines) => lines.into_iter().map(|line| Self::People(vec![line])).collect(),
        }
    }

    /// The same lines, each of them refused for one reason.
    pub fn refused(self, code: &'static str) -> Self {
        fn refuse<T>(lines: Vec<Line<T>>, code: &'static str) -> Vec<Line<T>> {
            lines.into_iter().map(|line| Line { number: line.number, row: Err(vec![RowFault::new(line.number, "", code)]) }).collect()
        }
        match self {
            Self::Homes(lines) => Self::Homes(refuse(lines, code)),
            Self::People(lines) => Self::People(refuse(lines, code)),
        }
    }
}

/// Who imports, with what rights.
#[derive(Debug, Clone)]
pub struct Importer {
    pub keeper: Keeper,
    /// Places are made by administrators only.
    pub admin: Option<CommunityAdmin>,
    /// In the community: who may not see that somebody has a tag does not give it either, and does not learn of it.
    pub roles: Vec<Role>,
}

/// What became of some lines.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub counts: Counts,
    pub failed: i64,
    pub faults: Vec<RowFault>,
    pub diffs: Vec<(u64, Vec<FieldDiff>)>,
}

impl Tally {
    fn taken(&mut self, line: u64, diff: Diff) {
        match diff {
            Diff::Created => self.counts.created += 1,
            Diff::Unchanged => self.counts.unchanged += 1,
            Diff::Changed(fields) => {
                self.counts.changed += 1;
                if self.diffs.len() < MAX_DIFFS as usize {
                    self.diffs.push((line, fields));
                }
            }
        }
    }

    fn refused(&mut self, faults: Vec<RowFault>) {
        self.failed += 1;
        if self.faults.len() < MAX_ROW_FAULTS {
            self.faults.extend(faults);
        }
    }

    /// Adds what became of other lines.
    pub fn add(&mut self, more: Self) {
        self.counts += more.counts;
        self.failed += more.failed;
        self.faults.extend(more.faults.into_iter().take(MAX_ROW_FAULTS.saturating_sub(self.faults.len())));
        self.diffs.extend(more.diffs.into_iter().take((MAX_DIFFS as usize).saturating_sub(self.diffs.len())));
    }
}

/// Takes lines into the registry. A line that is refused changes nothing.
///
/// Nearly all refusals are known before anything is written. What only a unique index knows (a code that somebody else has just
/// used) undoes the portion, and its lines are then taken one by one.
pub fn portion(tx: &mut Tx, vault: &Vault, by: &Importer, lines: &Lines) -> Result<Tally, DbError> {
    match undoable(tx, |tx| take(tx, vault, by, lines)) {
        Err(error) if is_collision(&error) => {
            let mut tally = Tally::default();
            for one in lines.clone().singly() {
                match undoable(tx, |tx| take(tx, vault, by, &one)) {
                    Err(error) if is_collision(&error) => tally.add(take(tx, vault, by, &one.refused("collides"))?),
                    other => tally.add(other?),
                }
            }
            Ok(tally)
        }
        other => other,
    }
}

fn is_collision(error: &DbError) -> bool {
    matches!(error, DbError::Duplicate | DbError::Contention | DbError::Stale)
}

fn take(tx: &mut Tx, vault: &Vault, by: &Importer, lines: &Lines) -> Result<Tally, DbError> {
    match lines {
        Lines::Homes(lines) => homes::take(tx, vault, by, lines),
        Lines::People(lines) => people::take(tx, vault, by, lines),
    }
}

/// Runs `f` so that its failure undoes what it did, and nothing else of the transaction.
fn undoable<T>(tx: &mut Tx, f: impl FnOnce(&mut Tx) -> Result<T, DbError>) -> Result<T, DbError> {
    use diesel::connection::SimpleConnection;
    native!(tx, |conn| conn.batch_execute("SAVEPOINT portion"))?;
    let result = f(tx);
    let end = if result.is_ok() { "RELEASE SAVEPOINT portion" } else { "ROLLBACK TO SAVEPOINT portion; RELEASE SAVEPOINT portion" };
    native!(tx, |conn| conn.batch_execute(end))?;
    result
}
