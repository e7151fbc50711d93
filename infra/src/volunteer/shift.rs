//! Shifts with their posts.

use diesel::prelude::*;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{Activity, ActivityId, Post, Shift, ShiftId, State};

use super::activity::{Sight, activity};
use super::row::{PostRow, ShiftRow};
use crate::db::schema::{volunteer_posts, volunteer_shifts, volunteer_sign_ups};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::events;

/// The shift, whoever asks.
pub fn shift(tx: &mut Tx, id: ShiftId) -> Result<Option<Shift>, DbError> {
    let row: Option<ShiftRow> =
        native!(tx, |conn| volunteer_shifts::table.find(id.text()).select(ShiftRow::as_select()).first(conn).optional())?;
    let Some(row) = row else { return Ok(None) };
    Ok(with_posts(tx, vec![row])?.pop())
}

/// The shift and its activity, if these eyes see the activity.
pub fn opening(tx: &mut Tx, sight: &Sight, id: ShiftId) -> Result<Option<(Activity, Shift)>, DbError> {
    let Some(shift) = shift(tx, id)? else { return Ok(None) };
    Ok(activity(tx, sight, shift.facts().activity)?.map(|activity| (activity, shift)))
}

fn with_posts(tx: &mut Tx, rows: Vec<ShiftRow>) -> Result<Vec<Shift>, DbError> {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut posts: Vec<PostRow> = native!(tx, |conn| {
        volunteer_posts::table
            .filter(volunteer_posts::shift_id.within(ids))
            .order((volunteer_posts::shift_id, volunteer_posts::number))
            .select(PostRow::as_select())
            .load(conn)
    })?;
    rows.into_iter()
        .map(|row| {
            let (own, others): (Vec<PostRow>, Vec<PostRow>) =
                std::mem::take(&mut posts).into_iter().partition(|post| post.shift_id == row.id);
            posts = others;
            row.shift(own.into_iter().map(PostRow::post).collect())
        })
        .collect()
}

/// The post as it stands now.
pub(super) fn post(tx: &mut Tx, shift: ShiftId, number: i64) -> Result<Post, DbError> {
    let row: PostRow = native!(tx, |conn| volunteer_posts::table.find((shift.text(), number)).select(PostRow::as_select()).first(conn))?;
    Ok(row.post())
}

/// An activity's shifts, soonest first, from an instant on, after `(starts_at, id)`.
pub fn shifts(
    tx: &mut Tx,
    activity: ActivityId,
    ends_after: Option<Timestamp>,
    after: Option<(i64, String)>,
    limit: i64,
) -> Result<Vec<Shift>, DbError> {
    let mut query = volunteer_shifts::table
        .filter(volunteer_shifts::activity_id.eq(activity.text()))
        .order((volunteer_shifts::starts_at, volunteer_shifts::id))
        .limit(limit)
        .select(ShiftRow::as_select())
        .into_boxed();
    if let Some(at) = ends_after {
        query = query.filter(volunteer_shifts::ends_at.gt(at.millis()));
    }
    if let Some((starts_at, id)) = after {
        let later = volunteer_shifts::starts_at.gt(starts_at);
        query = query.filter(later.or(volunteer_shifts::starts_at.eq(starts_at).and(volunteer_shifts::id.gt(id))));
    }
    let rows: Vec<ShiftRow> = tx.run(|conn| query.load(conn))?;
    with_posts(tx, rows)
}

/// Every shift of an activity that ends after this instant.
pub fn shifts_of(tx: &mut Tx, activity: ActivityId, ends_after: Timestamp) -> Result<Vec<Shift>, DbError> {
    shifts(tx, activity, Some(ends_after), None, i64::MAX)
}

/// Saves a decision about a shift. Its posts are made with it; later they move by themselves. A change of the shift moves
/// each of them by nothing, so that whoever is signing up meanwhile finds out that it is not the shift that they saw.
pub fn save_shift(tx: &mut Tx, changed: Changed<Shift>) -> Result<Shift, DbError> {
    let (shift, loaded, happened) = changed.into_parts();
    let (row, f) = (ShiftRow::of(&shift, tx.now()), shift.facts());
    match loaded {
        None => {
            let id = row.id.clone();
            tx.insert(diesel::insert_into(volunteer_shifts::table).values(row))?;
            for post in &f.posts {
                tx.insert(diesel::insert_into(volunteer_posts::table).values(PostRow::of(&id, post)))?;
            }
        }
        Some(version) => {
            // The posts first: everybody takes them before anything else of a shift.
            let posts = volunteer_posts::table.filter(volunteer_posts::shift_id.eq(&row.id));
            native!(tx, |conn| diesel::update(posts).set(volunteer_posts::moves.eq(volunteer_posts::moves + 1)).execute(conn))?;
            let same = volunteer_shifts::table.filter(volunteer_shifts::id.eq(&row.id)).filter(volunteer_shifts::version.eq(version));
            tx.update_one(diesel::update(same).set((
                volunteer_shifts::state.eq(&row.state),
                volunteer_shifts::starts_at.eq(row.starts_at),
                volunteer_shifts::ends_at.eq(row.ends_at),
                volunteer_shifts::sign_up_opens_at.eq(row.sign_up_opens_at),
                volunteer_shifts::version.eq(row.version),
            )))?;
        }
    }
    events::record(tx, f.community, &f.id.text(), f.version, &happened)?;
    self::shift(tx, f.id)?.ok_or_else(|| DbError::Corrupt("a shift that was just saved is missing".to_owned()))
}

/// The version of the shift as it stands now.
pub(super) fn version(tx: &mut Tx, id: ShiftId) -> Result<i64, DbError> {
    native!(tx, |conn| volunteer_shifts::table.find(id.text()).select(volunteer_shifts::version).first(conn))
}

/// Whoever has a place, an offer or a number in the line, or is there already. To be read with the posts in hand, so that nobody signs
/// up meanwhile and hears nothing.
pub fn roster_of(tx: &mut Tx, shifts: &[ShiftId]) -> Result<Vec<PrincipalId>, DbError> {
    let open = [State::Confirmed, State::Offered, State::Waitlisted, State::Present].map(State::as_str);
    let ids: Vec<String> = shifts.iter().map(ShiftId::text).collect();
    let people: Vec<String> = native!(tx, |conn| {
        volunteer_sign_ups::table
            .filter(volunteer_sign_ups::shift_id.within(ids))
            .filter(volunteer_sign_ups::state.eq_any(open))
            .order(volunteer_sign_ups::resident_id)
            .select(volunteer_sign_ups::resident_id)
            .distinct()
            .load(conn)
    })?;
    people.iter().map(|id| parsed(id)).collect()
}
