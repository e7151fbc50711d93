//! Leases: which instance runs a background job at the moment.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::db::schema::job_leases;
use crate::db::{DbError, Tx, native};

/// What two instances' clocks may be apart, in milliseconds.
const CLOCKS_DIFFER_MS: i64 = 60_000;

/// Takes or keeps the lease `name` for `holder` until `for_ms` from now; false while somebody else has it. The condition
/// is in the statement, so of two who ask at once one gets it.
///
/// A lease that ends later than any lease does was taken while a clock was ahead: whoever holds it is long gone, and waiting for its
/// end would stop the job for as long as the clock was wrong.
pub fn take(tx: &mut Tx, name: &str, holder: &str, for_ms: i64) -> Result<bool, DbError> {
    let now = tx.now();
    let until = now.plus_millis(for_ms).millis();
    let impossible = until + CLOCKS_DIFFER_MS;
    let free = job_leases::holder.eq(holder).or(job_leases::until.lt(now.millis())).or(job_leases::until.gt(impossible));
    let mine_or_over = job_leases::table.filter(job_leases::name.eq(name)).filter(free);
    let taken =
        native!(tx, |conn| diesel::update(mine_or_over).set((job_leases::holder.eq(holder), job_leases::until.eq(until))).execute(conn))?;
    if taken == 1 {
        return Ok(true);
    }
    let first = diesel::sql_query("INSERT INTO job_leases (name, holder, until) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING")
        .bind::<Text, _>(name)
        .bind::<Text, _>(holder)
        .bind::<BigInt, _>(until);
    Ok(native!(tx, |conn| first.execute(conn))? == 1)
}

/// Gives a lease back, so that another instance need not wait for its end.
pub fn give_back(tx: &mut Tx, name: &str, holder: &str) -> Result<(), DbError> {
    let mine = job_leases::table.filter(job_leases::name.eq(name)).filter(job_leases::holder.eq(holder));
    native!(tx, |conn| diesel::delete(mine).execute(conn)).map(drop)
}
