//! Sign-ups.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::volunteer::{Action, ActivityId, ShiftId, SignUp, SignUpFacts, SignUpId, State};

use super::row::{OfActivity, OfConsent, OfShift, SignUpRow};
use crate::db::schema::{volunteer_activities, volunteer_consents, volunteer_shifts, volunteer_sign_ups};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::events;

/// What a list of sign-ups is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct SignUpFilter {
    pub resident: Option<PrincipalId>,
    pub shift: Option<ShiftId>,
    pub state: Option<State>,
}

/// A sign-up that stands in the line or has an offer, as it is stored.
pub type Waiting = SignUpFacts;

pub(super) type Found = (SignUpRow, OfShift, OfActivity, OfConsent);

/// Sign-ups with what they need to know of their shift and activity.
macro_rules! joined {
    () => {
        volunteer_sign_ups::table
            .inner_join(volunteer_shifts::table.on(volunteer_shifts::id.eq(volunteer_sign_ups::shift_id)))
            .inner_join(volunteer_activities::table.on(volunteer_activities::id.eq(volunteer_shifts::activity_id)))
            .left_join(volunteer_consents::table.on(volunteer_consents::sign_up_id.eq(volunteer_sign_ups::id)))
            .select((
                SignUpRow::as_select(),
                (volunteer_shifts::activity_id, volunteer_shifts::starts_at, volunteer_shifts::ends_at, volunteer_shifts::cancel_before_s),
                (volunteer_activities::points_per_hour, volunteer_activities::max_hours, volunteer_activities::flexible),
                (volunteer_consents::version, volunteer_consents::guardian_id, volunteer_consents::agreed_at).nullable(),
            ))
    };
}

fn facts((row, shift, activity, consent): Found) -> Result<SignUpFacts, DbError> {
    row.facts(shift, activity, consent)
}

/// The sign-up as it stands now, whoever asks.
pub fn sign_up(tx: &mut Tx, id: SignUpId) -> Result<Option<SignUp>, DbError> {
    let found: Option<Found> = native!(tx, |conn| joined!().filter(volunteer_sign_ups::id.eq(id.text())).first(conn).optional())?;
    let now = tx.now();
    found.map(|found| Ok(SignUp::restore(facts(found)?, now))).transpose()
}

/// Those of these sign-ups that there are, as they stand now.
pub fn sign_ups_by_ids(tx: &mut Tx, ids: &[SignUpId]) -> Result<Vec<SignUp>, DbError> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let texts: Vec<String> = ids.iter().map(SignUpId::text).collect();
    let rows: Vec<Found> = native!(tx, |conn| joined!().filter(volunteer_sign_ups::id.within(texts)).load(conn))?;
    let now = tx.now();
    rows.into_iter().map(|row| Ok(SignUp::restore(facts(row)?, now))).collect()
}

/// Sign-ups, newest first, after the id `after`. The lines that they stand in should be settled before, because the
/// filter goes by the stored state.
pub fn sign_ups(tx: &mut Tx, filter: &SignUpFilter, after: Option<&str>, limit: i64) -> Result<Vec<SignUp>, DbError> {
    let mut query = joined!().order(volunteer_sign_ups::id.desc()).limit(limit).into_boxed();
    if let Some(resident) = filter.resident {
        query = query.filter(volunteer_sign_ups::resident_id.eq(resident.text()));
    }
    if let Some(shift) = filter.shift {
        query = query.filter(volunteer_sign_ups::shift_id.eq(shift.text()));
    }
    if let Some(state) = filter.state {
        query = query.filter(volunteer_sign_ups::state.eq(state.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(volunteer_sign_ups::id.lt(after.to_owned()));
    }
    let rows: Vec<Found> = tx.run(|conn| query.load(conn))?;
    let now = tx.now();
    rows.into_iter().map(|row| Ok(SignUp::restore(facts(row)?, now))).collect()
}

/// Somebody's claims on these shifts: at most one each.
pub fn claims_in(tx: &mut Tx, resident: PrincipalId, shifts: &[ShiftId]) -> Result<Vec<SignUp>, DbError> {
    let ids: Vec<String> = shifts.iter().map(ShiftId::text).collect();
    let rows: Vec<Found> = native!(tx, |conn| {
        joined!()
            .filter(volunteer_sign_ups::resident_id.eq(resident.text()))
            .filter(volunteer_sign_ups::shift_id.within(ids))
            .filter(volunteer_sign_ups::state.ne_all([State::Cancelled.as_str(), State::Expired.as_str()]))
            .load(conn)
    })?;
    let now = tx.now();
    let all: Result<Vec<SignUp>, DbError> = rows.into_iter().map(|row| Ok(SignUp::restore(facts(row)?, now))).collect();
    Ok(all?.into_iter().filter(|sign_up| sign_up.facts().state.is_claim()).collect())
}

/// What somebody has in an activity and has not come to, by its state and whatever the time, newest first.
pub(super) fn ahead(tx: &mut Tx, resident: PrincipalId, activity: ActivityId) -> Result<Vec<SignUp>, DbError> {
    let ahead = [State::Confirmed, State::Offered, State::Waitlisted];
    let rows: Vec<Found> = native!(tx, |conn| {
        joined!()
            .filter(volunteer_sign_ups::resident_id.eq(resident.text()))
            .filter(volunteer_sign_ups::state.eq_any(ahead.map(State::as_str)))
            .filter(volunteer_shifts::activity_id.eq(activity.text()))
            .order(volunteer_sign_ups::id.desc())
            .load(conn)
    })?;
    let now = tx.now();
    let all: Result<Vec<SignUp>, DbError> = rows.into_iter().map(|row| Ok(SignUp::restore(facts(row)?, now))).collect();
    // An offer may have run out without anybody writing that down.
    Ok(all?.into_iter().filter(|sign_up| ahead.contains(&sign_up.facts().state)).collect())
}

macro_rules! standing_in {
    ($shift:expr, $post:expr, $state:expr) => {
        joined!()
            .filter(volunteer_sign_ups::shift_id.eq($shift.text()))
            .filter(volunteer_sign_ups::post.eq($post))
            .filter(volunteer_sign_ups::state.eq($state.as_str()))
    };
}

/// Those in a post who have an offer, as it is stored.
pub(super) fn offered(tx: &mut Tx, shift: ShiftId, post: i64) -> Result<Vec<Waiting>, DbError> {
    let rows: Vec<Found> = native!(tx, |conn| standing_in!(shift, post, State::Offered).load(conn))?;
    rows.into_iter().map(facts).collect()
}

/// The next who wait in a post, after this number, in order; as it is stored.
pub(super) fn waiting(tx: &mut Tx, shift: ShiftId, post: i64, after: i64, limit: i64) -> Result<Vec<Waiting>, DbError> {
    let line = standing_in!(shift, post, State::Waitlisted)
        .filter(volunteer_sign_ups::number.is_not_null())
        .filter(volunteer_sign_ups::number.assume_not_null().gt(after))
        .order(volunteer_sign_ups::number)
        .limit(limit);
    let rows: Vec<Found> = tx.run(|conn| line.load(conn))?;
    rows.into_iter().map(facts).collect()
}

/// A sign-up as it is stored: what time has done to it since is not looked at.
pub(super) fn facts_stored(tx: &mut Tx, id: SignUpId) -> Result<Option<SignUpFacts>, DbError> {
    let found: Option<Found> = native!(tx, |conn| joined!().filter(volunteer_sign_ups::id.eq(id.text())).first(conn).optional())?;
    found.map(facts).transpose()
}

/// Writes a new version on those of these that wait, so that whoever has read the old one decides again.
pub(super) fn mark_waiting(tx: &mut Tx, ids: &[SignUpId]) -> Result<(), DbError> {
    let same = volunteer_sign_ups::table
        .filter(volunteer_sign_ups::id.eq_any(ids.iter().map(SignUpId::text).collect::<Vec<_>>()))
        .filter(volunteer_sign_ups::state.eq(State::Waitlisted.as_str()));
    native!(tx, |conn| diesel::update(same).set(volunteer_sign_ups::version.eq(volunteer_sign_ups::version + 1)).execute(conn)).map(drop)
}

/// Everybody of a shift who has not left: confirmed, offered, waitlisted, present; stored states. Their rows are ours from here on: a
/// hundred who check in at this moment are waited for once, instead of each making us decide again.
pub(super) fn open_in(tx: &mut Tx, shift: ShiftId) -> Result<Vec<SignUpFacts>, DbError> {
    let open = [State::Confirmed, State::Offered, State::Waitlisted, State::Present].map(State::as_str);
    let rows =
        volunteer_sign_ups::table.filter(volunteer_sign_ups::shift_id.eq(shift.text())).filter(volunteer_sign_ups::state.eq_any(open));
    native!(tx, |conn| diesel::update(rows).set(volunteer_sign_ups::version.eq(volunteer_sign_ups::version)).execute(conn))?;
    let rows: Vec<Found> = native!(tx, |conn| {
        joined!().filter(volunteer_sign_ups::shift_id.eq(shift.text())).filter(volunteer_sign_ups::state.eq_any(open)).load(conn)
    })?;
    rows.into_iter().map(facts).collect()
}

#[derive(QueryableByName)]
struct Turn {
    #[diesel(sql_type = diesel::sql_types::Text)]
    id: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    turn: i64,
}

/// Whose turn those of these who wait are in their lines: 1 for the next. One statement for all of them.
pub fn positions(tx: &mut Tx, sign_ups: &[SignUp]) -> Result<HashMap<SignUpId, i64>, DbError> {
    let waiting: Vec<&SignUpFacts> = sign_ups.iter().map(SignUp::facts).filter(|f| f.state == State::Waitlisted).collect();
    if waiting.is_empty() {
        return Ok(HashMap::new());
    }
    let mut shifts: Vec<ShiftId> = waiting.iter().map(|f| f.shift).collect();
    shifts.sort_unstable();
    shifts.dedup();
    // Ids are letters, digits and an underscore: nothing in them ends a literal.
    let list = |ids: Vec<String>| ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
    let turns = diesel::sql_query(format!(
        "SELECT id, turn FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY shift_id, post ORDER BY number) AS turn \
         FROM volunteer_sign_ups WHERE shift_id IN ({}) AND state = '{}') AS line WHERE id IN ({})",
        list(shifts.iter().map(ShiftId::text).collect()),
        State::Waitlisted,
        list(waiting.iter().map(|f| f.id.text()).collect()),
    ));
    let rows: Vec<Turn> = native!(tx, |conn| turns.load(conn))?;
    rows.into_iter().map(|row| Ok((parsed(&row.id)?, row.turn))).collect()
}

fn insert_consent(tx: &mut Tx, f: &SignUpFacts) -> Result<(), DbError> {
    let Some(consent) = &f.consent else { return Ok(()) };
    tx.insert(diesel::insert_into(volunteer_consents::table).values((
        volunteer_consents::sign_up_id.eq(f.id.text()),
        volunteer_consents::version.eq(&consent.version),
        volunteer_consents::guardian_id.eq(consent.guardian.text()),
        volunteer_consents::agreed_at.eq(consent.at.millis()),
    )))
}

pub fn save_sign_up(tx: &mut Tx, changed: Changed<SignUp>) -> Result<SignUp, DbError> {
    let (sign_up, loaded, happened) = changed.into_parts();
    let (row, f) = (SignUpRow::of(&sign_up), sign_up.facts());
    match loaded {
        None => {
            match tx.insert(diesel::insert_into(volunteer_sign_ups::table).values(row)) {
                // They have one by now; on the second run that is found and said.
                Err(DbError::Duplicate) => return Err(tx.run_again()),
                other => other?,
            }
            insert_consent(tx, f)?;
        }
        Some(version) => {
            let same = volunteer_sign_ups::table.filter(volunteer_sign_ups::id.eq(&row.id)).filter(volunteer_sign_ups::version.eq(version));
            tx.update_one(diesel::update(same).set((
                volunteer_sign_ups::shift_id.eq(&row.shift_id),
                volunteer_sign_ups::post.eq(row.post),
                volunteer_sign_ups::state.eq(&row.state),
                volunteer_sign_ups::number.eq(row.number),
                volunteer_sign_ups::offered_until.eq(row.offered_until),
                volunteer_sign_ups::checked_in_at.eq(row.checked_in_at),
                volunteer_sign_ups::checked_out_at.eq(row.checked_out_at),
                volunteer_sign_ups::minutes.eq(row.minutes),
                volunteer_sign_ups::points.eq(row.points),
                volunteer_sign_ups::version.eq(row.version),
                volunteer_sign_ups::ended_at.eq(row.ended_at),
            )))?;
            // It changes with the activity only.
            if happened.iter().any(|event| event.kind == Action::Swap.event()) {
                let before = volunteer_consents::table.find(&row.id);
                native!(tx, |conn| diesel::delete(before).execute(conn))?;
                insert_consent(tx, f)?;
            }
        }
    }
    events::record(tx, f.community, &f.id.text(), f.version, &happened)?;
    Ok(sign_up)
}
