//! Seats: whatever moves a post's pool. Joining, leaving, accepting, settling the line, calling off.
//!
//! A [`Move`] that changes no row means that somebody else was quicker. The pool is then loaded and decided upon again,
//! within the same transaction: an UPDATE that has waited for another transaction's end is followed by a look that sees it.

use diesel::prelude::*;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::capacity::{Move, Only, Pool};
use jiazai_domain::volunteer::{
    Activity, ActivityId, Effect, Opening, Post, Refusal, Shift, ShiftId, ShiftState, SignUp, SignUpId, State, Volunteer, settle_line,
};

use super::person::{Asking, held, volunteer};
use super::shift::{post, version};
use super::sign_up::{open_in, save_sign_up, waiting};
use crate::capacity::write_move;
use crate::db::schema::{volunteer_posts, volunteer_shifts, volunteer_sign_ups};
use crate::db::{DbError, Tx, parsed};

/// Of sixty who press at once, one after the other may be in the way of a single one; more than this is not bad luck.
const ROUNDS: usize = 16;

fn move_post(tx: &mut Tx, shift: ShiftId, number: i64, movement: &Move) -> Result<Option<Pool>, DbError> {
    let row = volunteer_posts::shift_id.eq(shift.text()).and(volunteer_posts::number.eq(number));
    write_move!(tx, volunteer_posts, row, movement)
}

/// The shift with one of its pools as it stands by now.
fn with_pool(shift: &Shift, number: i64, pool: Pool) -> Shift {
    let mut facts = shift.facts().clone();
    for post in facts.posts.iter_mut().filter(|post| post.number == number) {
        post.pool = pool;
    }
    Shift::restore(facts)
}

/// Does what time has left to do in every post of the shift, and gives the shift as it is after that. Writes nothing when
/// there is nothing to do.
pub fn settled(tx: &mut Tx, activity: &Activity, shift: Shift) -> Result<Shift, DbError> {
    let numbers: Vec<i64> = shift.facts().posts.iter().map(|post| post.number).collect();
    numbers.into_iter().try_fold(shift, |shift, number| settled_post(tx, activity, shift, number))
}

fn settled_post(tx: &mut Tx, activity: &Activity, mut shift: Shift, number: i64) -> Result<Shift, DbError> {
    let (now, id) = (tx.now(), shift.facts().id);
    for _ in 0..ROUNDS {
        let opening = Opening { activity, shift: &shift };
        let Some(of) = shift.facts().posts.iter().find(|post| post.number == number) else { break };
        if shift.facts().state == ShiftState::Cancelled || !of.pool.is_due(&opening.terms(), now) {
            break;
        }
        // While the line lasts no more are called than there can be places.
        let most = (now < opening.terms().line_until).then(|| (of.pool.free() + of.pool.offered).max(0));
        let line = waiting(tx, id, number, most)?;
        let Some(done) = settle_line(&opening, of, line, now) else { break };
        let pool = match move_post(tx, id, number, &done.movement)? {
            Some(pool) => {
                for changed in done.sign_ups {
                    save_sign_up(tx, changed)?;
                }
                pool
            }
            None => post(tx, id, number)?.pool,
        };
        shift = with_pool(&shift, number, pool);
    }
    Ok(shift)
}

/// Asks for a place: in the post of this name, or in the only one. `id` is the sign-up's if it comes to one. The caller has
/// moved the person's record.
pub fn join(
    tx: &mut Tx,
    id: SignUpId,
    (activity, shift): (&Activity, Shift),
    name: Option<&str>,
    asking: &Asking,
) -> Result<Result<(SignUp, Shift), Refusal>, DbError> {
    let now = tx.now();
    let mut shift = settled(tx, activity, shift)?;
    for _ in 0..ROUNDS {
        let of = match shift.post(name) {
            Ok(post) => post.clone(),
            Err(refusal) => return Ok(Err(refusal)),
        };
        let asks = volunteer(tx, asking, (activity, &shift), Some(&of), &[])?;
        let admission = match (Opening { activity, shift: &shift }).admit(id, &of, &asks, asking.rule, now) {
            Ok(admission) => admission,
            Err(Refusal::Unsettled) => {
                let pool = post(tx, shift.facts().id, of.number)?.pool;
                shift = settled(tx, activity, with_pool(&shift, of.number, pool))?;
                continue;
            }
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(pool) = move_post(tx, shift.facts().id, of.number, &admission.movement)? else {
            let pool = post(tx, shift.facts().id, of.number)?.pool;
            shift = with_pool(&shift, of.number, pool);
            continue;
        };
        // Whoever cancels or moves a shift moves its posts, too: if they were first, we see it here; if not, they see us.
        if version(tx, shift.facts().id)? != shift.facts().version {
            return Err(tx.run_again());
        }
        if activity.facts().per_household.is_some() {
            let held = held(tx, &asks, &shift, &of)?;
            if let Err(refusal) = activity.limits().check(held) {
                // The refusal undoes the transaction, and with it the move.
                return Ok(Err(refusal.into()));
            }
        }
        let sign_up = save_sign_up(tx, asking.remember(admission.sign_up(&pool)))?;
        return Ok(Ok((sign_up, with_pool(&shift, of.number, pool))));
    }
    Err(tx.run_again())
}

/// What a decision about one sign-up's seat is made on.
pub struct Decision<'a> {
    pub opening: Opening<'a>,
    pub pool: &'a Pool,
    pub who: Option<&'a Volunteer>,
}

/// Takes a decision that moves the sign-up's pool, and passes on what became free. The caller has moved the person's
/// record. `who` is looked up for those decisions that ask whether the shift suits the person.
pub fn with_seat(
    tx: &mut Tx,
    (activity, shift): (&Activity, Shift),
    id: SignUpId,
    asks: Option<&Asking>,
    decide: impl FnOnce(SignUp, Decision) -> Result<Effect, Refusal>,
) -> Result<Result<(SignUp, Shift), Refusal>, DbError> {
    let shift = settled(tx, activity, shift)?;
    let sign_up = super::sign_up(tx, id)?.ok_or_else(|| DbError::Corrupt("a sign-up vanished".to_owned()))?;
    let number = sign_up.facts().post;
    let Some(of) = shift.facts().posts.iter().find(|post| post.number == number).cloned() else {
        return Err(DbError::Corrupt("a sign-up's post is missing".to_owned()));
    };
    let who = match asks {
        Some(asking) => Some(volunteer(tx, asking, (activity, &shift), Some(&of), &[id])?),
        None => None,
    };
    let decision = Decision { opening: Opening { activity, shift: &shift }, pool: &of.pool, who: who.as_ref() };
    let effect = match decide(sign_up, decision) {
        Ok(effect) => effect,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(pool) = move_post(tx, shift.facts().id, number, &effect.movement)? else { return Err(tx.run_again()) };
    let sign_up = save_sign_up(tx, effect.sign_up)?;
    let shift = settled_post(tx, activity, with_pool(&shift, number, pool), number)?;
    Ok(Ok((sign_up, shift)))
}

/// Calls off everybody who has not come yet, of a shift that was just cancelled and saved, whose posts are therefore ours.
pub fn call_off(tx: &mut Tx, shift: &Shift) -> Result<Vec<PrincipalId>, DbError> {
    let now = tx.now();
    let mut told = Vec::new();
    let mut moves: Vec<(i64, Move)> = Vec::new();
    for facts in open_in(tx, shift.facts().id)? {
        let (number, resident) = (facts.post, facts.resident);
        let Some(pool) = shift.facts().posts.iter().find(|post| post.number == number).map(|post| post.pool) else { continue };
        // As it is stored, not as time has left it: the pool counts what is stored, and both end here.
        let Some(effect) =
            SignUp::restore(facts, jiazai_domain::kernel::time::Timestamp::from_millis(i64::MIN)).call_off(shift, &pool, now)
        else {
            continue;
        };
        // Hundreds of places of one post are given back by one move.
        let m = effect.movement;
        match moves.iter_mut().find(|(of, _)| *of == number) {
            Some((_, all)) => {
                all.taken += m.taken;
                all.offered += m.offered;
                all.waitlisted += m.waitlisted;
            }
            None => moves.push((number, Move { only: Only::Always, ..m })),
        }
        save_sign_up(tx, effect.sign_up)?;
        told.push(resident);
    }
    for (number, movement) in moves {
        if move_post(tx, shift.facts().id, number, &movement)?.is_none() {
            return Err(tx.run_again());
        }
    }
    Ok(told)
}

/// Writes a resize and offers what became free.
pub fn resize(tx: &mut Tx, activity: &Activity, shift: &Shift, of: &Post, movement: &Move) -> Result<Shift, DbError> {
    let Some(pool) = move_post(tx, shift.facts().id, of.number, movement)? else { return Err(tx.run_again()) };
    settled_post(tx, activity, with_pool(shift, of.number, pool), of.number)
}

/// Moves posts by nothing: until the transaction ends nobody joins or leaves them. For those who count their people and move none.
/// Everybody takes them in the same order.
pub fn hold(tx: &mut Tx, mut posts: Vec<(ShiftId, i64)>) -> Result<(), DbError> {
    posts.sort();
    for (shift, number) in posts {
        let post = volunteer_posts::table.find((shift.text(), number));
        tx.run(|conn| diesel::update(post).set(volunteer_posts::moves.eq(volunteer_posts::moves + 1)).execute(conn))?;
    }
    Ok(())
}

/// Where to look for lines that time has moved.
#[derive(Debug, Clone, Copy)]
pub enum Look {
    Shift(ShiftId),
    Activity(ActivityId),
    /// The shifts where this person waits or has an offer.
    Person(PrincipalId),
    Everywhere,
}

/// Shifts in which time, or somebody's leaving, has left something to settle. Looking costs next to nothing, so every
/// reader looks, and writes only if there is something to write.
pub fn due_shifts(tx: &mut Tx, look: Look, limit: i64) -> Result<Vec<ShiftId>, DbError> {
    let now = tx.now().millis();
    let waits = (volunteer_posts::offered + volunteer_posts::waitlisted).gt(0);
    let lapsed =
        volunteer_posts::offered.gt(0).and(volunteer_posts::due_at.is_null().or(volunteer_posts::due_at.assume_not_null().le(now)));
    let room = volunteer_posts::waitlisted.gt(0).and((volunteer_posts::taken + volunteer_posts::offered).lt(volunteer_posts::capacity));
    let over = volunteer_shifts::starts_at.le(now);
    let mut query = volunteer_posts::table
        .inner_join(volunteer_shifts::table.on(volunteer_shifts::id.eq(volunteer_posts::shift_id)))
        .filter(volunteer_shifts::state.eq(ShiftState::Scheduled.as_str()))
        .filter(waits)
        .filter(over.or(lapsed.assume_not_null()).or(room))
        .select(volunteer_posts::shift_id)
        .distinct()
        .limit(limit)
        .into_boxed();
    query = match look {
        Look::Everywhere => query,
        Look::Shift(id) => query.filter(volunteer_posts::shift_id.eq(id.text())),
        Look::Activity(id) => query.filter(volunteer_shifts::activity_id.eq(id.text())),
        Look::Person(person) => query.filter(
            volunteer_posts::shift_id.eq_any(
                volunteer_sign_ups::table
                    .filter(volunteer_sign_ups::resident_id.eq(person.text()))
                    .filter(volunteer_sign_ups::state.eq_any([State::Offered.as_str(), State::Waitlisted.as_str()]))
                    .select(volunteer_sign_ups::shift_id),
            ),
        ),
    };
    let ids: Vec<String> = tx.run(|conn| query.load(conn))?;
    ids.iter().map(|id| parsed(id)).collect()
}
