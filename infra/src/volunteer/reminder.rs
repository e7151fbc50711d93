//! Reminders: who is awaited tomorrow is told once, whichever instance looks and however often.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use jiazai_domain::volunteer::{REMIND_BEFORE_S, SignUp, SignUpId, State};

use crate::db::schema::{volunteer_reminders, volunteer_shifts, volunteer_sign_ups};
use crate::db::{DbError, Tx, native, parsed};
use crate::events;

/// Sign-ups whose shift begins within a day and that nobody was reminded of for that time, soonest first.
pub fn to_remind(tx: &mut Tx, limit: i64) -> Result<Vec<SignUpId>, DbError> {
    let now = tx.now();
    let told = volunteer_reminders::table
        .filter(volunteer_reminders::sign_up_id.eq(volunteer_sign_ups::id))
        .filter(volunteer_reminders::starts_at.eq(volunteer_shifts::starts_at));
    let ids: Vec<String> = native!(tx, |conn| {
        volunteer_sign_ups::table
            .inner_join(volunteer_shifts::table.on(volunteer_shifts::id.eq(volunteer_sign_ups::shift_id)))
            // In the words of the index over such shifts.
            .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("volunteer_shifts.state = 'scheduled'"))
            .filter(volunteer_shifts::starts_at.gt(now.millis()))
            .filter(volunteer_shifts::starts_at.le(now.plus_seconds(REMIND_BEFORE_S).millis()))
            .filter(volunteer_sign_ups::state.eq(State::Confirmed.as_str()))
            .filter(volunteer_sign_ups::signed_up_at.lt(volunteer_shifts::starts_at - REMIND_BEFORE_S * 1000))
            .filter(not(exists(told)))
            .order((volunteer_shifts::starts_at, volunteer_sign_ups::id))
            .limit(limit)
            .select(volunteer_sign_ups::id)
            .load(conn)
    })?;
    ids.iter().map(|id| parsed(id)).collect()
}

/// Writes down that somebody is reminded, and has them told. False when that was done before, or there is nothing to tell.
pub fn remind(tx: &mut Tx, sign_up: &SignUp) -> Result<bool, DbError> {
    use diesel::sql_types::{BigInt, Text};
    let Some(event) = sign_up.reminder(tx.now()) else { return Ok(false) };
    let f = sign_up.facts();
    let once = diesel::sql_query("INSERT INTO volunteer_reminders (sign_up_id, starts_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind::<Text, _>(f.id.text())
        .bind::<BigInt, _>(f.occasion.starts_at.millis());
    if native!(tx, |conn| once.execute(conn))? == 0 {
        return Ok(false);
    }
    events::record(tx, f.community, &f.id.text(), f.version, &[event])?;
    Ok(true)
}

/// Forgets reminders of shifts that have begun.
pub fn forget_reminders(tx: &mut Tx) -> Result<usize, DbError> {
    let begun = volunteer_reminders::table.filter(volunteer_reminders::starts_at.le(tx.now().millis()));
    native!(tx, |conn| diesel::delete(begun).execute(conn))
}
