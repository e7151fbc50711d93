//! Attempts at imports: what fails every time is put off, and in the end given up, so that the others get their turn.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use jiazai_domain::registry::ImportId;
use jiazai_domain::registry::import::Import;

use crate::db::schema::import_attempts;
use crate::db::{DbError, Tx, native};

/// So often an import may be begun without getting any further.
pub const MOST_ATTEMPTS: i64 = 5;
/// Before the third attempt; before each later one twice as long.
const WAIT_MS: i64 = 10_000;

/// Counts that an import is begun, before anything of it is done: a process that dies of it has tried as well. Gives how often that
/// was since it last got any further.
pub fn begin(tx: &mut Tx, import: &Import) -> Result<i64, DbError> {
    let id = import.id.text();
    let known: Option<(i64, i64)> = native!(tx, |conn| {
        import_attempts::table.find(&id).select((import_attempts::attempts, import_attempts::done_through)).first(conn).optional()
    })?;
    let attempts = match known {
        Some((attempts, through)) if through == import.through => attempts + 1,
        _ => 1,
    };
    // A first failure may be anybody's; it goes on at once.
    let wait = if attempts < 2 { 0 } else { WAIT_MS << (attempts - 2).min(10) };
    let statement = diesel::sql_query(
        "INSERT INTO import_attempts (import_id, attempts, done_through, not_before) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (import_id) DO UPDATE SET attempts = excluded.attempts, done_through = excluded.done_through, \
         not_before = excluded.not_before",
    )
    .bind::<Text, _>(&id)
    .bind::<BigInt, _>(attempts)
    .bind::<BigInt, _>(import.through)
    .bind::<BigInt, _>(tx.now().plus_millis(wait).millis());
    native!(tx, |conn| statement.execute(conn))?;
    Ok(attempts)
}

/// It was not the import's fault that it did not come to an end.
pub fn forgive(tx: &mut Tx, id: ImportId) -> Result<(), DbError> {
    let same = import_attempts::table.find(id.text());
    let next = (import_attempts::attempts.eq(import_attempts::attempts - 1), import_attempts::not_before.eq(0));
    native!(tx, |conn| diesel::update(same).set(next).execute(conn)).map(drop)
}

/// Nobody will begin it any more.
pub(super) fn forget(tx: &mut Tx, id: ImportId) -> Result<(), DbError> {
    native!(tx, |conn| diesel::delete(import_attempts::table.find(id.text())).execute(conn)).map(drop)
}
