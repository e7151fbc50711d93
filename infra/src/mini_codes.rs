//! Mini-program codes 小程序码 that were drawn before, by what they lead to.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use jiazai_domain::kernel::time::Timestamp;

use crate::db::schema::mini_codes;
use crate::db::{DbError, InList, Tx, native};

pub fn find(tx: &mut Tx, target: &str) -> Result<Option<Vec<u8>>, DbError> {
    native!(tx, |conn| mini_codes::table.find(target).select(mini_codes::picture).first(conn).optional())
}

/// Keeps a picture. Of two who had it drawn at once, the first one's is kept; they are the same.
pub fn keep(tx: &mut Tx, target: &str, picture: &[u8]) -> Result<(), DbError> {
    let now = tx.now().millis();
    let insert =
        diesel::sql_query("INSERT INTO mini_codes (target, picture, created_at) VALUES ($1, $2, $3) ON CONFLICT (target) DO NOTHING")
            .bind::<Text, _>(target)
            .bind::<Binary, _>(picture)
            .bind::<BigInt, _>(now);
    native!(tx, |conn| insert.execute(conn)).map(drop)
}

/// Forgets pictures that were drawn before `before`, at most so many: whoever still wants one has it drawn again.
pub fn forget(tx: &mut Tx, before: Timestamp, most: i64) -> Result<usize, DbError> {
    let old: Vec<String> = native!(tx, |conn| {
        mini_codes::table.filter(mini_codes::created_at.lt(before.millis())).limit(most).select(mini_codes::target).load(conn)
    })?;
    native!(tx, |conn| diesel::delete(mini_codes::table.filter(mini_codes::target.within(old))).execute(conn))
}
