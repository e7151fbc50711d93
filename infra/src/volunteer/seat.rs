//! Seats: whatever moves a post's pool. Joining, leaving, accepting, settling the line, calling off.
//!
//! How pools are joined, left and settled is in [`capacity`](crate::capacity); here is what a post of a shift adds. Everybody takes
//! the person's record first, then posts (in the order of their keys), then sign-ups.
//!
//! **Nobody is in two places at once, nor keeps a place that they cannot take.** A place that is held for somebody bars nothing:
//! they may take another one at the same time, and then the held one goes to the next in its line. Two who act at once cannot
//! get around that. Who takes a place gives up the clashing ones that are held for them and writes a new version on each clashing
//! claim that still waits; whoever is just about to offer them one of those has read the old version, finds it stale, looks again,
//! and sees that they are elsewhere.

use diesel::prelude::*;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::capacity::{Entry, Move, Only, Pool, Terms};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{
    Activity, ActivityId, Effect, Opening, Post, Refusal, Shift, ShiftId, ShiftState, SignUp, SignUpFacts, SignUpId, State, Unfit,
    Volunteer, settle_line,
};

use super::activity::Sight;
use super::person::{Asking, Wait, held, known, waits};
use super::rules::rules;
use super::shift::{opening, post, version};
use super::sign_up::{facts_stored, mark_waiting, offered, open_in, save_sign_up, waiting};
use crate::capacity::{self, Attempt, Owner, write_move};
use crate::db::schema::{volunteer_activities, volunteer_posts, volunteer_shifts, volunteer_sign_ups};
use crate::db::{DbError, Tx, native, parsed};
use crate::vault::Vault;

/// One post of a shift, as the owner of a pool.
struct Seats<'a> {
    activity: &'a Activity,
    shift: Shift,
    post: Post,
    vault: &'a Vault,
}

impl<'a> Seats<'a> {
    fn new(activity: &'a Activity, shift: Shift, number: i64, vault: &'a Vault) -> Result<Self, DbError> {
        let post = shift.facts().posts.iter().find(|post| post.number == number).cloned();
        let post = post.ok_or_else(|| DbError::Corrupt("a sign-up's post is missing".to_owned()))?;
        Ok(Self { activity, shift, post, vault })
    }

    fn opening(&self) -> Opening<'_> {
        Opening { activity: self.activity, shift: &self.shift }
    }

    /// Why somebody whose turn it is could not take the place, if they could not.
    fn why_not(&self, tx: &mut Tx, waiting: &SignUpFacts) -> Result<Option<Refusal>, DbError> {
        let who = SignUp::restore(waiting.clone(), Timestamp::from_millis(i64::MIN)).volunteer();
        let rules = rules(tx, waiting.community)?;
        let asking = Asking { who: &who, acting: None, rule: &rules.no_show, vault: self.vault };
        let (volunteer, _) = known(tx, &asking, (self.activity, &self.shift), None, &[waiting.id])?;
        Ok(self.opening().suits(&volunteer, &rules.no_show, tx.now()).err())
    }
}

impl Owner for Seats<'_> {
    type Settled = Vec<Changed<SignUp>>;

    fn pool(&self) -> Pool {
        self.post.pool
    }

    fn put(&mut self, pool: Pool) {
        self.post.pool = pool;
        let mut facts = self.shift.facts().clone();
        for post in facts.posts.iter_mut().filter(|post| post.number == self.post.number) {
            post.pool = pool;
        }
        self.shift = Shift::restore(facts);
    }

    fn terms(&self) -> Option<Terms> {
        (self.shift.facts().state != ShiftState::Cancelled).then(|| self.opening().terms())
    }

    fn stored(&self, tx: &mut Tx) -> Result<Pool, DbError> {
        Ok(post(tx, self.shift.facts().id, self.post.number)?.pool)
    }

    fn write(&self, tx: &mut Tx, movement: &Move) -> Result<Option<Pool>, DbError> {
        let row = volunteer_posts::shift_id.eq(self.shift.facts().id.text()).and(volunteer_posts::number.eq(self.post.number));
        write_move!(tx, volunteer_posts, row, movement)
    }

    fn due(&self, tx: &mut Tx, terms: &Terms) -> Result<Option<(Move, Self::Settled)>, DbError> {
        let (now, id, number, pool) = (tx.now(), self.shift.facts().id, self.post.number, self.post.pool);
        let mut claims = offered(tx, id, number)?;
        let mut unfit: Vec<Unfit> = Vec::new();
        if now >= terms.line_until {
            claims.extend(waiting(tx, id, number, i64::MIN, i64::MAX)?);
        } else {
            // Down the line until every place that is free, or becomes it, has somebody who can take it.
            let lapsed = claims.iter().filter(|f| f.offered_until.is_none_or(|until| until <= now)).count() as i64;
            let (mut room, mut after) = ((pool.free() + lapsed).max(0), i64::MIN);
            while room > 0 {
                let next = waiting(tx, id, number, after, room)?;
                let Some(last) = next.last() else { break };
                after = last.number.unwrap_or(i64::MAX);
                for facts in next {
                    match self.why_not(tx, &facts)? {
                        Some(why) => unfit.push((facts.id, why)),
                        None => room -= 1,
                    }
                    claims.push(facts);
                }
            }
        }
        Ok(settle_line(&self.opening(), &self.post, claims, &unfit, now).map(|done| (done.movement, done.sign_ups)))
    }

    fn save(&self, tx: &mut Tx, settled: Self::Settled) -> Result<(), DbError> {
        settled.into_iter().try_for_each(|changed| save_sign_up(tx, changed).map(drop))
    }
}

/// Does what time has left to do in every post of the shift, and gives the shift as it is after that. Writes nothing when
/// there is nothing to do.
pub fn settled(tx: &mut Tx, vault: &Vault, activity: &Activity, shift: Shift) -> Result<Shift, DbError> {
    let numbers: Vec<i64> = shift.facts().posts.iter().map(|post| post.number).collect();
    numbers.into_iter().try_fold(shift, |shift, number| settled_post(tx, vault, activity, shift, number))
}

fn settled_post(tx: &mut Tx, vault: &Vault, activity: &Activity, shift: Shift, number: i64) -> Result<Shift, DbError> {
    let mut seats = Seats::new(activity, shift, number, vault)?;
    capacity::settle(tx, &mut seats)?;
    Ok(seats.shift)
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
    let number = match shift.post(name) {
        Ok(post) => post.number,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let mut seats = Seats::new(activity, shift, number, asking.vault)?;
    let joined = capacity::join(tx, &mut seats, |tx, seats| {
        let (asks, others) = known(tx, asking, (activity, &seats.shift), Some(&seats.post), &[])?;
        Ok(match seats.opening().admit(id, &seats.post, &asks, asking.rule, tx.now()) {
            Ok(admission) => {
                if admission.entry() == Entry::Place {
                    hold_offers(tx, &others, (seats.shift.facts().id, number))?;
                }
                Attempt::Moves(admission.movement, (admission, asks, others))
            }
            Err(Refusal::Unsettled) => Attempt::Unsettled,
            Err(refusal) => Attempt::Refused(refusal),
        })
    })?;
    let (admission, asks, others) = match joined {
        Ok(joined) => joined,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // Whoever cancels or moves a shift moves its posts, too: if they were first, we see it here; if not, they see us.
    if version(tx, seats.shift.facts().id)? != seats.shift.facts().version {
        return Err(tx.run_again());
    }
    if activity.facts().per_household.is_some() {
        let held = held(tx, &asks, &seats.shift, &seats.post)?;
        if let Err(refusal) = activity.limits().check(held) {
            // The refusal undoes the transaction, and with it the move.
            return Ok(Err(refusal.into()));
        }
    }
    let entry = admission.entry();
    let sign_up = save_sign_up(tx, asking.remember(admission.sign_up(&seats.post.pool)))?;
    if entry == Entry::Place {
        give_up(tx, asking.vault, &sign_up, &others)?;
    }
    Ok(Ok((sign_up, seats.shift)))
}

/// Holds the posts in which places are held for somebody who is about to take another one, and that other one, in everybody's order.
fn hold_offers(tx: &mut Tx, others: &[Wait], own: (ShiftId, i64)) -> Result<(), DbError> {
    let mut posts: Vec<(ShiftId, i64)> = others.iter().filter(|wait| wait.offered).map(|wait| (wait.shift, wait.post)).collect();
    if posts.is_empty() {
        return Ok(());
    }
    posts.push(own);
    hold(tx, posts)
}

/// Gives up what clashes with a place that somebody has just taken: places that are held for them go to the next. Numbers in lines
/// they keep, in a new version; see the head of this file. The caller holds the posts of those `others` that are offers.
pub fn give_up(tx: &mut Tx, vault: &Vault, taken: &SignUp, others: &[Wait]) -> Result<(), DbError> {
    if others.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    for wait in others.iter().filter(|wait| wait.offered) {
        let Some((activity, shift)) = opening(tx, &Sight::everything(), wait.shift)? else { continue };
        let mut seats = Seats::new(&activity, shift, wait.post, vault)?;
        let Some(facts) = facts_stored(tx, wait.sign_up)? else { continue };
        // As it is stored, not as time has left it: the pool counts what is stored.
        let Some(effect) = SignUp::restore(facts, Timestamp::from_millis(i64::MIN)).release(&seats.post.pool, now) else { continue };
        capacity::moved(tx, &mut seats, &effect.movement)?;
        save_sign_up(tx, effect.sign_up)?;
        capacity::settle(tx, &mut seats)?;
    }
    mark_waiting(tx, &others.iter().map(|wait| wait.sign_up).collect::<Vec<_>>())?;
    let (f, o) = (taken.facts(), taken.facts().occasion);
    // Offered since we looked: the next run finds it, and takes the posts in order.
    let late = waits(tx, f.resident, f.shift, &o)?.iter().any(|wait| wait.offered);
    if late { Err(tx.run_again()) } else { Ok(()) }
}

/// What a decision about one sign-up's seat is made on.
pub struct Decision<'a> {
    pub opening: Opening<'a>,
    pub pool: &'a Pool,
    pub who: Option<&'a Volunteer>,
}

/// Takes a decision that moves the sign-up's pool, and passes on what became free. The caller has moved the person's
/// record. `who` is looked up for those decisions that take a place, and ask whether the shift suits the person.
pub fn with_seat(
    tx: &mut Tx,
    vault: &Vault,
    (activity, shift): (&Activity, Shift),
    id: SignUpId,
    asks: Option<&Asking>,
    decide: impl FnOnce(SignUp, Decision) -> Result<Effect, Refusal>,
) -> Result<Result<(SignUp, Shift), Refusal>, DbError> {
    let shift = settled(tx, vault, activity, shift)?;
    let sign_up = super::sign_up(tx, id)?.ok_or_else(|| DbError::Corrupt("a sign-up vanished".to_owned()))?;
    let number = sign_up.facts().post;
    let mut seats = Seats::new(activity, shift, number, vault)?;
    let (who, others) = match asks {
        Some(asking) => {
            let (who, others) = known(tx, asking, (activity, &seats.shift), Some(&seats.post), &[id])?;
            hold_offers(tx, &others, (seats.shift.facts().id, number))?;
            (Some(who), others)
        }
        None => (None, vec![]),
    };
    let decision = Decision { opening: seats.opening(), pool: &seats.post.pool, who: who.as_ref() };
    let effect = match decide(sign_up, decision) {
        Ok(effect) => effect,
        Err(refusal) => return Ok(Err(refusal)),
    };
    capacity::moved(tx, &mut seats, &effect.movement)?;
    // As in `join`: who takes a place takes it in the shift that they saw.
    if who.is_some() && version(tx, seats.shift.facts().id)? != seats.shift.facts().version {
        return Err(tx.run_again());
    }
    let sign_up = save_sign_up(tx, effect.sign_up)?;
    if who.is_some() {
        give_up(tx, vault, &sign_up, &others)?;
    }
    capacity::settle(tx, &mut seats)?;
    Ok(Ok((sign_up, seats.shift)))
}

/// Calls off everybody who has not come yet, and sends home who has, of a shift that was just cancelled and saved, whose posts are
/// therefore ours. Gives those who were told.
pub fn call_off(tx: &mut Tx, shift: &Shift) -> Result<Vec<PrincipalId>, DbError> {
    let now = tx.now();
    let mut told = Vec::new();
    let mut moves: Vec<(i64, Move)> = Vec::new();
    for facts in open_in(tx, shift.facts().id)? {
        let (number, resident) = (facts.post, facts.resident);
        let Some(pool) = shift.facts().posts.iter().find(|post| post.number == number).map(|post| post.pool) else { continue };
        // As it is stored, not as time has left it: the pool counts what is stored, and both end here.
        let sign_up = SignUp::restore(facts, Timestamp::from_millis(i64::MIN));
        if let Some(home) = sign_up.clone().sent_home(shift, now) {
            save_sign_up(tx, home)?;
            told.push(resident);
            continue;
        }
        let Some(effect) = sign_up.call_off(shift, &pool, now) else { continue };
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
        let row = volunteer_posts::shift_id.eq(shift.facts().id.text()).and(volunteer_posts::number.eq(number));
        if write_move!(tx, volunteer_posts, row, &movement)?.is_none() {
            return Err(tx.run_again());
        }
    }
    Ok(told)
}

/// Writes a resize and offers what became free.
pub fn resize(tx: &mut Tx, vault: &Vault, activity: &Activity, shift: &Shift, of: &Post, movement: &Move) -> Result<Shift, DbError> {
    let mut seats = Seats::new(activity, shift.clone(), of.number, vault)?;
    capacity::moved(tx, &mut seats, movement)?;
    capacity::settle(tx, &mut seats)?;
    Ok(seats.shift)
}

/// Holds posts: until the transaction ends nobody joins or leaves them. For those who count their people, or tell them something, and
/// move none. An UPDATE that changes nothing takes the rows on both databases. Everybody takes them in the same order; what is
/// decided upon is to be loaded after this.
pub fn hold(tx: &mut Tx, mut posts: Vec<(ShiftId, i64)>) -> Result<(), DbError> {
    posts.sort();
    posts.dedup();
    for (shift, number) in posts {
        let post = volunteer_posts::table.find((shift.text(), number));
        native!(tx, |conn| diesel::update(post).set(volunteer_posts::moves.eq(volunteer_posts::moves)).execute(conn))?;
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
    // In the words of the index over such posts.
    let waits = diesel::dsl::sql::<diesel::sql_types::Bool>("volunteer_posts.offered + volunteer_posts.waitlisted > 0");
    let lapsed =
        volunteer_posts::offered.gt(0).and(volunteer_posts::due_at.is_null().or(volunteer_posts::due_at.assume_not_null().le(now)));
    let room = volunteer_posts::waitlisted.gt(0).and((volunteer_posts::taken + volunteer_posts::offered).lt(volunteer_posts::capacity));
    // The line of what may be done at any time lasts until its end.
    let over = volunteer_activities::flexible.eq(false).and(volunteer_shifts::starts_at.le(now)).or(volunteer_shifts::ends_at.le(now));
    let mut query = volunteer_posts::table
        .inner_join(volunteer_shifts::table.on(volunteer_shifts::id.eq(volunteer_posts::shift_id)))
        .inner_join(volunteer_activities::table.on(volunteer_activities::id.eq(volunteer_shifts::activity_id)))
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
