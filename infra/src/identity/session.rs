//! Sessions: a log-in on one device each.

use diesel::prelude::*;
use jiazai_domain::actor::{PrincipalId, SessionId};
use jiazai_domain::kernel::time::Timestamp;

use crate::db::schema::sessions;
use crate::db::{DbError, Tx, native, parsed};

/// A log-in on one device, and which of its refresh tokens may be spent next.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    pub principal: PrincipalId,
    /// Counts the refresh tokens; the current one carries this number.
    pub generation: i64,
    pub rotated_at: Timestamp,
    pub idle_until: Timestamp,
    pub ends_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
struct SessionRow {
    id: String,
    principal_id: String,
    generation: i64,
    rotated_at: i64,
    idle_until: i64,
    ends_at: i64,
    ended_at: Option<i64>,
}

pub fn insert_session(tx: &mut Tx, session: &Session) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.insert(diesel::insert_into(sessions::table).values((
        sessions::id.eq(session.id.text()),
        sessions::principal_id.eq(session.principal.text()),
        sessions::generation.eq(session.generation),
        sessions::rotated_at.eq(session.rotated_at.millis()),
        sessions::created_at.eq(now),
        sessions::idle_until.eq(session.idle_until.millis()),
        sessions::ends_at.eq(session.ends_at.millis()),
    )))
}

pub fn session(tx: &mut Tx, id: SessionId) -> Result<Option<Session>, DbError> {
    let row: Option<SessionRow> =
        native!(tx, |conn| sessions::table.find(id.text()).select(SessionRow::as_select()).first(conn).optional())?;
    row.map(|row| {
        Ok(Session {
            id: parsed(&row.id)?,
            principal: parsed(&row.principal_id)?,
            generation: row.generation,
            rotated_at: Timestamp::from_millis(row.rotated_at),
            idle_until: Timestamp::from_millis(row.idle_until),
            ends_at: Timestamp::from_millis(row.ends_at),
            ended_at: row.ended_at.map(Timestamp::from_millis),
        })
    })
    .transpose()
}

/// Moves a session on to its next refresh token. Of two that spend the same token at once, one finds the other's
/// generation on its second run.
pub fn rotate_session(tx: &mut Tx, session: &Session, idle_until: Timestamp) -> Result<(), DbError> {
    let now = tx.now().millis();
    let same = sessions::table.filter(sessions::id.eq(session.id.text())).filter(sessions::generation.eq(session.generation));
    tx.update_one(diesel::update(same.filter(sessions::ended_at.is_null())).set((
        sessions::generation.eq(session.generation + 1),
        sessions::rotated_at.eq(now),
        sessions::idle_until.eq(idle_until.millis()),
    )))
}

/// Ends a session; ending it twice changes nothing.
pub fn end_session(tx: &mut Tx, id: SessionId, reason: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    let live = sessions::table.filter(sessions::id.eq(id.text())).filter(sessions::ended_at.is_null());
    native!(tx, |conn| diesel::update(live).set((sessions::ended_at.eq(now), sessions::end_reason.eq(reason))).execute(conn)).map(drop)
}

pub fn end_sessions_of(tx: &mut Tx, principal: PrincipalId, reason: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    let live = sessions::table.filter(sessions::principal_id.eq(principal.text())).filter(sessions::ended_at.is_null());
    native!(tx, |conn| diesel::update(live).set((sessions::ended_at.eq(now), sessions::end_reason.eq(reason))).execute(conn)).map(drop)
}

/// Ends all sessions of an account but this one.
pub fn end_other_sessions(tx: &mut Tx, principal: PrincipalId, but: Option<SessionId>, reason: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    let kept = but.map_or_else(String::new, |session| session.text());
    let others = sessions::table
        .filter(sessions::principal_id.eq(principal.text()))
        .filter(sessions::id.ne(kept))
        .filter(sessions::ended_at.is_null());
    native!(tx, |conn| diesel::update(others).set((sessions::ended_at.eq(now), sessions::end_reason.eq(reason))).execute(conn)).map(drop)
}

/// Deletes sessions that ended before `before`, and says how many.
pub fn forget_sessions(tx: &mut Tx, before: Timestamp) -> Result<usize, DbError> {
    native!(tx, |conn| diesel::delete(sessions::table.filter(sessions::ends_at.lt(before.millis()))).execute(conn))
}
