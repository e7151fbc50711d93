//! The commands on sign-ups: load, decide, save. Each moves the volunteer's record first, so that what one person does on
//! two devices at once happens one after the other.

use jiazai_domain::actor::{Actor, PrincipalId};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::ledger::{Month, Shortfall, Source, Unit};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{CodeKey, Finding, Refusal, ShiftId, SignUp, SignUpId, State};
use jiazai_infra::db::Tx;
use jiazai_infra::ledger::{self, Fund};
use jiazai_infra::volunteer::{self as store, Rules, Sight};

use super::LEADERS;
use super::commands::{absent, perhaps, seen_shift};
use super::dto::{Settle, Shown, SignUpDto};
use super::refusal::Standing;
use crate::call::Cx;
use crate::error::ApiError;
use crate::faults::faulty;
use crate::input::named::AnyText500;
use crate::reply::Reply;

/// What posted for an absence, so that it can be given back.
const ABSENCE: &str = "absence";

/// Sign-ups as this caller sees them.
pub fn show_all(tx: &mut Tx, who: &Actor, sign_ups: &[SignUp]) -> Result<Vec<SignUpDto>, ApiError> {
    let labels = store::labels(tx, sign_ups)?;
    let now = tx.now();
    sign_ups
        .iter()
        .map(|sign_up| {
            let position = store::position(tx, sign_up)?;
            let with = Shown { title: labels.title(sign_up), post: labels.post(sign_up), name: labels.person(sign_up), position };
            Ok(SignUpDto::of(sign_up, &with, who, now))
        })
        .collect()
}

pub fn show(tx: &mut Tx, who: &Actor, sign_up: &SignUp) -> Result<Reply, ApiError> {
    let dto = show_all(tx, who, std::slice::from_ref(sign_up))?.pop().ok_or_else(absent)?;
    Ok(Reply::ok(&dto)?.version(sign_up.facts().version))
}

/// The sign-up, if it is the caller's or the caller leads volunteers there.
pub fn seen(tx: &mut Tx, who: &Actor, id: SignUpId) -> Result<SignUp, ApiError> {
    let sign_up = store::sign_up(tx, id)?.ok_or_else(absent)?;
    let f = sign_up.facts();
    if f.resident == who.id || who.communities_as(LEADERS).contains(f.community) { Ok(sign_up) } else { Err(absent()) }
}

/// As [`seen`], for a change: nobody else changes anything of this volunteer's until the transaction ends.
fn held(tx: &mut Tx, cx: &Cx, id: SignUpId) -> Result<SignUp, ApiError> {
    let who = cx.actor()?;
    let resident = seen(tx, who, id)?.facts().resident;
    store::touch(tx, resident)?;
    let sign_up = seen(tx, who, id)?;
    cx.expect_version(sign_up.facts().version)?;
    Ok(sign_up)
}

/// Asks for a place.
pub fn sign_up(tx: &mut Tx, cx: &Cx, shift: ShiftId, post: Option<&str>) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let resident = who.resident()?;
    store::touch(tx, who.id)?;
    let (activity, shift) = seen_shift(tx, who, shift)?;
    let rules = store::rules(tx, shift.facts().community)?;
    let standing = Standing::of_shift(&shift, who, tx.now());
    let id = tx.new_id();
    let joined = store::join(tx, id, (&activity, shift), post, &resident, &rules.no_show)?;
    let (sign_up, _) = joined.map_err(|refusal| standing.refuse(refusal))?;
    let mut reply = show(tx, who, &sign_up)?;
    reply.status = 201;
    reply.headers.location = Some(format!("/api/v1/sign-ups/{id}"));
    Ok(reply)
}

/// Gives up a place, an offer or the number in the line; what becomes free goes to the next.
pub fn cancel(tx: &mut Tx, cx: &Cx, id: SignUpId, reason: Option<&AnyText500>) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let why = perhaps(reason)?;
    let sign_up = held(tx, cx, id)?;
    let sign_up = leave(tx, who, &sign_up, why)?;
    show(tx, who, &sign_up)
}

fn leave(tx: &mut Tx, who: &Actor, sign_up: &SignUp, why: Option<jiazai_domain::volunteer::Reason>) -> Result<SignUp, ApiError> {
    let (id, now) = (sign_up.facts().id, tx.now());
    let opening = store::opening(tx, &Sight::everything(), sign_up.facts().shift)?.ok_or_else(absent)?;
    let standing = Standing::of_sign_up(sign_up, who, now);
    let left = store::with_seat(tx, (&opening.0, opening.1), id, None, |sign_up, on| sign_up.cancel(on.pool, why, who, now))?;
    Ok(left.map_err(|refusal| standing.refuse(refusal))?.0)
}

/// Gives up whatever of a person's can still be given up, for somebody who closes their account.
pub fn leave_all(tx: &mut Tx, who: &Actor) -> Result<(), ApiError> {
    store::touch(tx, who.id)?;
    for state in [State::Confirmed, State::Offered, State::Waitlisted] {
        let filter = store::SignUpFilter { resident: Some(who.id), state: Some(state), shift: None };
        for sign_up in store::sign_ups(tx, &filter, None, 1000)? {
            if sign_up.allowed_actions(who, tx.now()).contains(&jiazai_domain::volunteer::Action::Cancel) {
                leave(tx, who, &sign_up, None)?;
            }
        }
    }
    Ok(())
}

/// Takes the place that is held.
pub fn accept_offer(tx: &mut Tx, cx: &Cx, id: SignUpId) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let sign_up = held(tx, cx, id)?;
    let now = tx.now();
    let standing = Standing::of_sign_up(&sign_up, who, now);
    let Ok(resident) = who.resident() else { return Err(standing.refuse(Refusal::NotForYou)) };
    let (activity, shift) = store::opening(tx, &Sight::everything(), sign_up.facts().shift)?.ok_or_else(absent)?;
    let rules = store::rules(tx, sign_up.facts().community)?;
    let accepted = store::with_seat(tx, (&activity, shift), id, Some((&resident, &rules.no_show)), |sign_up, on| match on.who {
        Some(asks) => sign_up.accept_offer(&on.opening, on.pool, asks, &rules.no_show, who, now),
        None => Err(Refusal::NotForYou),
    })?;
    let (sign_up, _) = accepted.map_err(|refusal| standing.refuse(refusal))?;
    show(tx, who, &sign_up)
}

/// Check-in and check-out: decisions that move no pool.
pub fn attend(
    tx: &mut Tx,
    cx: &Cx,
    id: SignUpId,
    decide: impl FnOnce(SignUp, &CodeKey, &Actor, Timestamp) -> Result<Changed<SignUp>, Refusal>,
) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let sign_up = held(tx, cx, id)?;
    let standing = Standing::of_sign_up(&sign_up, who, tx.now());
    let key = super::shifts::code_key(&cx.app);
    let changed = decide(sign_up, &key, who, tx.now()).map_err(|refusal| standing.refuse(refusal))?;
    let sign_up = store::save_sign_up(tx, changed)?;
    show(tx, who, &sign_up)
}

/// Writes down that somebody did not come, and takes what that costs here.
pub fn mark_absent(tx: &mut Tx, cx: &Cx, id: SignUpId) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let sign_up = held(tx, cx, id)?;
    let now = tx.now();
    let standing = Standing::of_sign_up(&sign_up, who, now);
    let changed = sign_up.mark_absent(who, now).map_err(|refusal| standing.refuse(refusal))?;
    let sign_up = store::save_sign_up(tx, changed)?;
    let (place, resident) = (sign_up.facts().community, sign_up.facts().resident);
    let rules = store::rules(tx, place)?;
    if rules.no_show.costs_points > 0 {
        let wallet = ledger::expire_due(tx, resident, Unit::Points)?;
        let cost = rules.no_show.cost(wallet.available(now));
        if let Ok(cost) = jiazai_domain::kernel::ledger::Amount::new(cost) {
            let into = ledger::fund(tx, place, Fund::Absences, Unit::Points)?;
            let order = ledger::order(tx, Source::new(ABSENCE, id), Some("缺席".to_owned()));
            let posting = wallet.spend(&into, cost, order, now).map_err(crate::points::refuse)?;
            ledger::post(tx, place, Some(who.id), &wallet, &posting)?;
        }
    }
    show(tx, who, &sign_up)
}

/// Turns what was served into hours and points, once.
pub fn settle(tx: &mut Tx, cx: &Cx, id: SignUpId, body: &Settle) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let sign_up = held(tx, cx, id)?;
    let now = tx.now();
    let (place, resident, max_hours) = (sign_up.facts().community, sign_up.facts().resident, sign_up.facts().occasion.max_hours);
    let standing = Standing::of_sign_up(&sign_up, who, now);
    let reason = body.reason.as_ref().map(|text| text.0.as_str());
    let finding = Finding::new(body.minutes.map(|m| m.0), reason, max_hours).map_err(|faults| faulty("", faults))?;
    let rules = store::rules(tx, place)?;
    let earned = match rules.caps.per_month {
        Some(_) => ledger::earned_in(tx, resident, Unit::Points, "sign_up", Month::of(now))?,
        None => 0,
    };
    let was_absent = sign_up.facts().state == State::Absent;
    let credit = sign_up.settle(finding, &rules.caps, earned, who, now).map_err(|refusal| standing.refuse(refusal))?;
    let sign_up = store::save_sign_up(tx, credit.sign_up)?;
    store::add_hours(tx, &credit.hours)?;
    if was_absent {
        give_back(tx, who.id, id)?;
    }
    if let Some(points) = credit.points {
        let wallet = ledger::expire_due(tx, resident, Unit::Points)?;
        let from = ledger::fund(tx, place, Fund::Issued, Unit::Points)?;
        let title = store::labels(tx, std::slice::from_ref(&sign_up))?.title(&sign_up).to_owned();
        let order = ledger::order(tx, credit.source, Some(title));
        let posting = wallet.grant(&from, points, expiry(&rules, now), order, now).map_err(crate::points::refuse)?;
        ledger::post(tx, place, Some(who.id), &wallet, &posting)?;
    }
    show(tx, who, &sign_up)
}

fn expiry(rules: &Rules, now: Timestamp) -> Option<Timestamp> {
    rules.points_last_days.map(|days| now.plus_seconds(days.saturating_mul(86_400)))
}

/// Gives back what an absence cost that turned out to be none.
fn give_back(tx: &mut Tx, by: PrincipalId, id: SignUpId) -> Result<(), ApiError> {
    let Some(posted) = ledger::posted(tx, &Source::new(ABSENCE, id))? else { return Ok(()) };
    let Some(cost) = ledger::reversible(tx, posted)? else { return Ok(()) };
    if cost.original.reversed {
        return Ok(());
    }
    let lots: Vec<_> = cost.original.lots.iter().map(|(lot, _)| *lot).collect();
    let wallet = ledger::wallet(tx, cost.person, Unit::Points, &lots)?;
    let order = ledger::order(tx, Source::new(Source::REVERSAL, posted), Some("缺席已更正".to_owned()));
    let posting = wallet.reverse(&cost.original, &cost.fund, Shortfall::Forgive, order, tx.now()).map_err(crate::points::refuse)?;
    ledger::post(tx, cost.community, Some(by), &wallet, &posting)?;
    Ok(())
}
