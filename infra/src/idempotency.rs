//! Answers to keyed requests, kept for a repeat. Sealed, because an answer may hold tokens or personal data.

use diesel::prelude::*;
use jiazai_domain::kernel::time::Timestamp;

use crate::db::schema::idempotency_keys as keys;
use crate::db::{DbError, Tx, native};
use crate::vault::{Aad, Vault};

/// An answer and what it was an answer to.
#[derive(Debug)]
pub struct Stored {
    pub fingerprint: Vec<u8>,
    pub status: u16,
    pub headers: String,
    pub body: Vec<u8>,
}

pub fn find(tx: &mut Tx, vault: &Vault, owner: &str, operation: &str, key: &str) -> Result<Option<Stored>, DbError> {
    let row: Option<(Vec<u8>, i64, String, Vec<u8>)> = native!(tx, |conn| {
        keys::table
            .find((owner, operation, key))
            .select((keys::fingerprint, keys::status, keys::headers, keys::body_sealed))
            .first(conn)
            .optional()
    })?;
    let Some((fingerprint, status, headers, sealed)) = row else { return Ok(None) };
    let body = vault.open(cell(&name(owner, operation, key)), &sealed).map_err(|e| DbError::Corrupt(e.to_string()))?;
    Ok(Some(Stored { fingerprint, status: status as u16, headers, body: body.to_vec() }))
}

/// [`DbError::Contention`] when another transaction has stored this key meanwhile: the whole transaction has to run
/// again, and will find the other's answer.
pub fn keep(tx: &mut Tx, vault: &Vault, owner: &str, operation: &str, key: &str, answer: Stored) -> Result<(), DbError> {
    let now = tx.now().millis();
    let kept = tx.insert(diesel::insert_into(keys::table).values((
        keys::owner.eq(owner),
        keys::operation.eq(operation),
        keys::key.eq(key),
        keys::fingerprint.eq(answer.fingerprint),
        keys::status.eq(i64::from(answer.status)),
        keys::headers.eq(answer.headers),
        keys::body_sealed.eq(vault.seal(cell(&name(owner, operation, key)), &answer.body)),
        keys::created_at.eq(now),
    )));
    match kept {
        Err(DbError::Duplicate) => Err(tx.run_again()),
        other => other,
    }
}

/// Forgets answers older than `before`, and says how many.
pub fn forget(tx: &mut Tx, before: Timestamp) -> Result<usize, DbError> {
    native!(tx, |conn| diesel::delete(keys::table.filter(keys::created_at.lt(before.millis()))).execute(conn))
}

fn name(owner: &str, operation: &str, key: &str) -> String {
    format!("{owner}|{operation}|{key}")
}

fn cell(name: &str) -> Aad<'_> {
    Aad { table: "idempotency_keys", column: "body", row: name }
}
