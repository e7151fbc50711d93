//! Columns that are kept without being understood, as they are kept with a home or a person.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Binary, Text};

use crate::db::schema::registry_extras;
use crate::db::{DbError, InList, Tx, native};
use crate::vault::{Aad, Vault};

fn row(subject: &str, name: &str) -> String {
    format!("{subject}/{name}")
}

pub(super) fn save(tx: &mut Tx, vault: &Vault, subject: &str, extras: &[(String, String)]) -> Result<(), DbError> {
    for (name, value) in extras {
        let row = row(subject, name);
        let sealed = vault.seal(Aad { table: "registry_extras", column: "value", row: &row }, value.as_bytes());
        let statement = diesel::sql_query(
            "INSERT INTO registry_extras (subject_id, name, value_sealed) VALUES ($1, $2, $3) \
             ON CONFLICT (subject_id, name) DO UPDATE SET value_sealed = excluded.value_sealed",
        )
        .bind::<Text, _>(subject)
        .bind::<Text, _>(name)
        .bind::<Binary, _>(sealed);
        native!(tx, |conn| statement.execute(conn))?;
    }
    Ok(())
}

/// What is kept with these, by name.
pub(super) fn of(tx: &mut Tx, vault: &Vault, subjects: Vec<String>) -> Result<HashMap<String, Vec<(String, String)>>, DbError> {
    let mut found: HashMap<String, Vec<(String, String)>> = HashMap::new();
    if subjects.is_empty() {
        return Ok(found);
    }
    let rows: Vec<(String, String, Vec<u8>)> = native!(tx, |conn| {
        registry_extras::table
            .filter(registry_extras::subject_id.within(subjects))
            .order((registry_extras::subject_id, registry_extras::name))
            .select((registry_extras::subject_id, registry_extras::name, registry_extras::value_sealed))
            .load(conn)
    })?;
    for (subject, name, sealed) in rows {
        let row = row(&subject, &name);
        let text = vault
            .open_text(Aad { table: "registry_extras", column: "value", row: &row }, &sealed)
            .map_err(|error| DbError::Corrupt(error.to_string()))?;
        found.entry(subject).or_default().push((name, text.expose().to_owned()));
    }
    Ok(found)
}
