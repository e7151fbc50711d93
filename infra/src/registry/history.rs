//! What was written of a person or a home before it was corrected, and what keepers said of a home before.

use diesel::prelude::*;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::HomeId;

use crate::db::schema::{home_occupancies, registry_alterations};
use crate::db::{DbError, Tx, native, parsed};
use crate::vault::{Aad, Vault};

fn corrupt(error: impl std::fmt::Display) -> DbError {
    DbError::Corrupt(error.to_string())
}

/// One value that was changed, by whom and when.
#[derive(Debug, Clone)]
pub struct Altered {
    pub version: i64,
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub by: PrincipalId,
    pub at: Timestamp,
}

impl Altered {
    /// A key that sorts as the list does.
    pub fn key(&self) -> String {
        format!("{:019}/{}", self.version, self.field)
    }
}

type AlteredRow = (i64, String, Option<Vec<u8>>, Option<Vec<u8>>, String, i64);

/// What was written of a person (or a home) before, oldest first, after a key.
pub fn history(tx: &mut Tx, vault: &Vault, subject: &str, after: Option<&str>, limit: i64) -> Result<Vec<Altered>, DbError> {
    let (version, field) = after.and_then(|key| key.split_once('/')).map_or((0, ""), |(v, f)| (v.parse().unwrap_or(0), f));
    let rows: Vec<AlteredRow> = native!(tx, |conn| {
        registry_alterations::table
            .filter(registry_alterations::subject_id.eq(subject))
            .filter(
                registry_alterations::subject_version
                    .gt(version)
                    .or(registry_alterations::subject_version.eq(version).and(registry_alterations::field.gt(field))),
            )
            .order((registry_alterations::subject_version, registry_alterations::field))
            .limit(limit)
            .select((
                registry_alterations::subject_version,
                registry_alterations::field,
                registry_alterations::before_sealed,
                registry_alterations::after_sealed,
                registry_alterations::altered_by,
                registry_alterations::altered_at,
            ))
            .load(conn)
    })?;
    rows.into_iter()
        .map(|(version, field, before, after, by, at)| {
            let row = format!("{subject}/{version}/{field}");
            let open = |column: &'static str, sealed: Option<Vec<u8>>| {
                let cell = Aad { table: "registry_alterations", column, row: &row };
                sealed.map(|sealed| vault.open_text(cell, &sealed).map(|text| text.expose().to_owned()).map_err(corrupt)).transpose()
            };
            let (before, after) = (open("before", before)?, open("after", after)?);
            Ok(Altered { version, field, before, after, by: parsed(&by)?, at: Timestamp::from_millis(at) })
        })
        .collect()
}

/// What was written of a home before, and every word about how it is lived in, oldest first, after a key.
pub fn home_history(tx: &mut Tx, vault: &Vault, home: HomeId, after: Option<&str>, limit: i64) -> Result<Vec<Altered>, DbError> {
    let mut all = history(tx, vault, &home.text(), after, limit)?;
    // All of them: each says what stood before the next.
    let words: Vec<(i64, String, String, i64)> = native!(tx, |conn| {
        home_occupancies::table
            .filter(home_occupancies::home_id.eq(home.text()))
            .order(home_occupancies::home_version)
            .select((home_occupancies::home_version, home_occupancies::status, home_occupancies::set_by, home_occupancies::set_at))
            .load(conn)
    })?;
    let mut before = None;
    for (version, status, by, at) in words {
        let before = before.replace(status.clone());
        let word = Altered {
            version,
            field: "occupancy".to_owned(),
            before,
            after: Some(status),
            by: parsed(&by)?,
            at: Timestamp::from_millis(at),
        };
        if after.is_none_or(|after| word.key().as_str() > after) {
            all.push(word);
        }
    }
    all.sort_by_key(Altered::key);
    all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(all)
}
