//! What an import found: which cells were wrong, and what a dry run would have changed.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::registry::ImportId;
use jiazai_domain::registry::import::{FieldDiff, MAX_ROW_FAULTS, RowFault};
use serde::{Deserialize, Serialize};

use super::MAX_DIFFS;
use crate::db::schema::{import_diffs, import_errors};
use crate::db::{DbError, Tx, native};
use crate::vault::{Aad, Vault};

/// One remembered fault of a row.
#[derive(Debug, Clone)]
pub struct Wrong {
    pub line: i64,
    pub position: i64,
    pub column: String,
    pub code: String,
    pub message: String,
}

/// Remembers faults, up to [`MAX_ROW_FAULTS`] for one import; and beyond them what is wrong with the file as a whole, because that is
/// why it stopped. A line that has faults already gets these behind them.
pub fn save_faults(tx: &mut Tx, id: ImportId, faults: &[RowFault]) -> Result<(), DbError> {
    if faults.is_empty() {
        return Ok(());
    }
    let known: i64 = native!(tx, |conn| import_errors::table.filter(import_errors::import_id.eq(id.text())).count().get_result(conn))?;
    let room = MAX_ROW_FAULTS.saturating_sub(usize::try_from(known).unwrap_or(usize::MAX));
    let number = |fault: &RowFault| i64::try_from(fault.line).unwrap_or(i64::MAX);
    let first = faults.iter().map(number).min().unwrap_or(0);
    // Lines come in their order, so there is nothing here but when an import is refused or given up as a whole.
    let before: Vec<(i64, i64)> = native!(tx, |conn| {
        import_errors::table
            .filter(import_errors::import_id.eq(id.text()))
            .filter(import_errors::line.ge(first))
            .order((import_errors::line, import_errors::position))
            .select((import_errors::line, import_errors::position))
            .load(conn)
    })?;
    let mut last: HashMap<i64, i64> = before.into_iter().collect();
    let kept = faults.iter().enumerate().filter(|(n, fault)| *n < room || fault.line == 1 && fault.column.is_empty());
    for (_, fault) in kept {
        let line = number(fault);
        let position = last.get(&line).map_or(0, |position| position + 1);
        last.insert(line, position);
        tx.insert(diesel::insert_into(import_errors::table).values((
            import_errors::import_id.eq(id.text()),
            import_errors::line.eq(line),
            import_errors::position.eq(position),
            import_errors::column_name.eq(&fault.column),
            import_errors::code.eq(fault.code),
            import_errors::message.eq(fault.message),
        )))?;
    }
    Ok(())
}

/// The faults of an import by line, after a line and position.
pub fn faults_after(tx: &mut Tx, id: ImportId, (line, position): (i64, i64), limit: i64) -> Result<Vec<Wrong>, DbError> {
    let rows: Vec<(i64, i64, String, String, String)> = native!(tx, |conn| {
        import_errors::table
            .filter(import_errors::import_id.eq(id.text()))
            .filter(import_errors::line.gt(line).or(import_errors::line.eq(line).and(import_errors::position.gt(position))))
            .order((import_errors::line, import_errors::position))
            .limit(limit)
            .select((import_errors::line, import_errors::position, import_errors::column_name, import_errors::code, import_errors::message))
            .load(conn)
    })?;
    Ok(rows.into_iter().map(|(line, position, column, code, message)| Wrong { line, position, column, code, message }).collect())
}

/// One field that a row would change, as it is kept sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Change {
    pub column: String,
    pub before: String,
    pub after: String,
    pub sensitive: bool,
}

fn diff_cell(row: &str) -> Aad<'_> {
    Aad { table: "import_diffs", column: "diff", row }
}

/// Remembers what rows would change, up to a thousand rows of one import.
pub fn save_diffs(tx: &mut Tx, vault: &Vault, id: ImportId, diffs: &[(u64, Vec<FieldDiff>)]) -> Result<(), DbError> {
    if diffs.is_empty() {
        return Ok(());
    }
    let known: i64 = native!(tx, |conn| import_diffs::table.filter(import_diffs::import_id.eq(id.text())).count().get_result(conn))?;
    for (line, fields) in diffs.iter().take(usize::try_from(MAX_DIFFS - known).unwrap_or(0)) {
        let changes: Vec<Change> = fields
            .iter()
            .map(|f| Change { column: f.column.clone(), before: f.before.clone(), after: f.after.clone(), sensitive: f.sensitive })
            .collect();
        let plain = serde_json::to_vec(&changes).map_err(|error| DbError::Corrupt(error.to_string()))?;
        let sealed = vault.seal(diff_cell(&format!("{id}/{line}")), &plain);
        tx.insert(diesel::insert_into(import_diffs::table).values((
            import_diffs::import_id.eq(id.text()),
            import_diffs::line.eq(i64::try_from(*line).unwrap_or(i64::MAX)),
            import_diffs::diff_sealed.eq(sealed),
        )))?;
    }
    Ok(())
}

/// What a dry run found, by line, after a line.
pub fn diffs_after(tx: &mut Tx, vault: &Vault, id: ImportId, line: i64, limit: i64) -> Result<Vec<(i64, Vec<Change>)>, DbError> {
    let rows: Vec<(i64, Vec<u8>)> = native!(tx, |conn| {
        import_diffs::table
            .filter(import_diffs::import_id.eq(id.text()))
            .filter(import_diffs::line.gt(line))
            .order(import_diffs::line)
            .limit(limit)
            .select((import_diffs::line, import_diffs::diff_sealed))
            .load(conn)
    })?;
    let corrupt = |error: &dyn std::fmt::Display| DbError::Corrupt(error.to_string());
    rows.into_iter()
        .map(|(line, sealed)| {
            let plain = vault.open(diff_cell(&format!("{id}/{line}")), &sealed).map_err(|error| corrupt(&error))?;
            Ok((line, serde_json::from_slice(&plain).map_err(|error| corrupt(&error))?))
        })
        .collect()
}
