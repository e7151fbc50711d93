//! The commands on sign-ups: load, decide, save. Each moves the volunteer's record first, so that what one person does on
//! two devices at once happens one after the other.

use jiazai_domain::actor::{Actor, PrincipalId, Resident};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::ledger::{Amount, Month, Refusal as LedgerRefusal, Shortfall, Source, Unit};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::binding::DelegationScope;
use jiazai_domain::registry::{DelegationId, OnBehalf};
use jiazai_domain::volunteer::{
    Action, ActivityId, CodeKey, Effect, Finding, Point, Reason, Refusal, Shift, ShiftId, SignUp, SignUpId, Spot, State,
};
use jiazai_infra::db::Tx;
use jiazai_infra::ledger::{self, Fund, Granting, Reversing, Spending};
use jiazai_infra::registry::delegations;
use jiazai_infra::vault::Vault;
use jiazai_infra::volunteer::{self as store, Asking, Rules, Sight};

use super::LEADERS;
use super::commands::{absent, perhaps, seen_shift};
use super::dto::{CheckIn, Location, NewSignUp, Settle, Shown, ShownCode, SignUpDto};
use super::refusal::Standing;
use crate::call::Cx;
use crate::error::{ApiError, code};
use crate::faults::faulty;
use crate::input::named::AnyText500;
use crate::registry::on_behalf;
use crate::reply::Reply;

/// What posted for an absence, so that it can be given back.
const ABSENCE: &str = "absence";

/// Sign-ups as this caller sees them.
pub fn show_all(tx: &mut Tx, who: &Actor, sign_ups: &[SignUp]) -> Result<Vec<SignUpDto>, ApiError> {
    let (labels, turns) = (store::labels(tx, sign_ups)?, store::positions(tx, sign_ups)?);
    let now = tx.now();
    sign_ups
        .iter()
        .map(|sign_up| {
            let position = turns.get(&sign_up.facts().id).copied();
            let (title, post, name) = (labels.title(sign_up), labels.post(sign_up), labels.person(sign_up));
            let with = Shown { title, post, name, position, allowed: allowed(tx, who, sign_up, now)? };
            Ok(SignUpDto::of(sign_up, &with, who))
        })
        .collect()
}

/// What the caller may do with it: as themselves, or as a delegate of whose it is.
fn allowed(tx: &mut Tx, who: &Actor, sign_up: &SignUp, now: Timestamp) -> Result<Vec<Action>, ApiError> {
    Ok(match delegate_of(tx, who, sign_up)? {
        None => sign_up.allowed_actions(who, now),
        Some((volunteer, _)) => {
            let theirs = sign_up.allowed_actions(&volunteer, now);
            theirs.into_iter().filter(|action| SignUp::DELEGATED.contains(action)).collect()
        }
    })
}

/// The volunteer in whose name the caller may act, if they are a resident with such a delegation.
fn delegate_of(tx: &mut Tx, who: &Actor, sign_up: &SignUp) -> Result<Option<(Actor, OnBehalf)>, ApiError> {
    let f = sign_up.facts();
    if f.resident == who.id || who.resident().is_err() {
        return Ok(None);
    }
    let Some(delegation) = delegations::between(tx, f.community, (who.id, f.resident), DelegationScope::Volunteer)? else {
        return Ok(None);
    };
    let acting = delegation.acting(who, DelegationScope::Volunteer, tx.now()).ok();
    Ok(acting.and_then(|acting| Some((acting.in_their_place()?, acting))))
}

pub fn show(tx: &mut Tx, who: &Actor, sign_up: &SignUp) -> Result<Reply, ApiError> {
    let dto = show_all(tx, who, std::slice::from_ref(sign_up))?.pop().ok_or_else(absent)?;
    Ok(Reply::ok(&dto)?.version(sign_up.facts().version))
}

/// The sign-up, if it is the caller's, or of somebody for whom they act, or the caller leads volunteers there.
pub fn seen(tx: &mut Tx, who: &Actor, id: SignUpId) -> Result<SignUp, ApiError> {
    let sign_up = store::sign_up(tx, id)?.ok_or_else(absent)?;
    let f = sign_up.facts();
    let theirs = f.resident == who.id || who.communities_as(LEADERS).contains(f.community);
    if theirs || delegate_of(tx, who, &sign_up)?.is_some() { Ok(sign_up) } else { Err(absent()) }
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

/// Asks for a place, for the caller or for somebody in whose name they act.
pub fn sign_up(tx: &mut Tx, cx: &Cx, shift: ShiftId, body: &NewSignUp) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let own = who.resident()?;
    let (activity, shift) = seen_shift(tx, who, shift)?;
    let (resident, acting) = match body.delegation_id {
        None => (own, None),
        Some(delegation) => {
            let standing = Standing::of_shift(&shift, who, tx.now());
            let acting = behalf(tx, who, &shift, delegation.0, standing)?;
            (acting.0, Some(acting.1))
        }
    };
    store::touch(tx, resident.id())?;
    let rules = store::rules(tx, shift.facts().community)?;
    let standing = Standing::of_shift(&shift, who, tx.now());
    let id = tx.new_id();
    let asking = Asking { who: &resident, acting: acting.as_ref(), rule: &rules.no_show, vault: &cx.app.vault };
    let post = body.post.as_ref().map(|post| post.0.as_str());
    let joined = store::join(tx, id, (&activity, shift), post, &asking)?;
    let (sign_up, _) = joined.map_err(|refusal| standing.refuse(refusal))?;
    let mut reply = show(tx, who, &sign_up)?;
    reply.status = 201;
    reply.headers.location = Some(format!("/api/v1/sign-ups/{id}"));
    Ok(reply)
}

/// Whom somebody signs up by a delegation. It reaches no further than the community that it was given in.
fn behalf(tx: &mut Tx, who: &Actor, shift: &Shift, id: DelegationId, standing: Standing) -> Result<(Resident, OnBehalf), ApiError> {
    let fault = |code, zh: &str, en: &str| standing.beside(ApiError::fault("/delegation_id", code, zh, en));
    let acting = on_behalf(tx, who, Some(id), DelegationScope::Volunteer, shift.facts().community);
    let acting = acting.map_err(|error| if error.code() == code::VALIDATION_FAILED { standing.beside(error) } else { error })?;
    let acting = acting.ok_or_else(|| fault("unknown_delegation", "没有这个代办授权", "is not a delegation of yours in this community"))?;
    // Hours and points belong to an account, and a code is shown to somebody who can scan it.
    let resident = acting.resident().ok_or_else(|| fault("no_account", "被代办人没有账号", "is for somebody without an account"))?;
    Ok((resident, acting))
}

/// Gives up a place, an offer or the number in the line; what becomes free goes to the next.
pub fn cancel(tx: &mut Tx, cx: &Cx, id: SignUpId, reason: Option<&AnyText500>) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let why = perhaps(reason)?;
    let sign_up = held(tx, cx, id)?;
    let sign_up = match delegate_of(tx, who, &sign_up)? {
        None => leave(tx, &cx.app.vault, (who, None), &sign_up, why)?,
        Some((volunteer, acting)) => leave(tx, &cx.app.vault, (&volunteer, Some(acting)), &sign_up, why)?,
    };
    show(tx, who, &sign_up)
}

fn leave(
    tx: &mut Tx,
    vault: &Vault,
    (who, acting): (&Actor, Option<OnBehalf>),
    sign_up: &SignUp,
    why: Option<Reason>,
) -> Result<SignUp, ApiError> {
    let (id, now) = (sign_up.facts().id, tx.now());
    let opening = store::opening(tx, &Sight::everything(), sign_up.facts().shift)?.ok_or_else(absent)?;
    let standing = Standing::of_sign_up(sign_up, who, now);
    let left = store::with_seat(tx, vault, (&opening.0, opening.1), id, None, |sign_up, on| {
        sign_up.cancel(on.pool, why, who, now).map(|effect| remembered(effect, acting))
    })?;
    Ok(left.map_err(|refusal| standing.refuse(refusal))?.0)
}

/// The effect under both names, when somebody has acted for somebody else; whom they acted for is told.
fn remembered(effect: Effect, acting: Option<OnBehalf>) -> Effect {
    match acting {
        Some(acting) => Effect { sign_up: SignUp::done_for(effect.sign_up, &acting), movement: effect.movement },
        None => effect,
    }
}

/// Ends what a minor has not begun in an activity for which no consent holds any more.
pub fn end_unconsented(tx: &mut Tx, vault: &Vault, who: &Actor, activity: ActivityId, minor: PrincipalId) -> Result<(), ApiError> {
    let activity = store::activity(tx, &Sight::everything(), activity)?.ok_or_else(absent)?;
    for sign_up in store::unconsented(tx, vault, &activity, minor)? {
        let (f, now) = (sign_up.facts(), tx.now());
        let opening = store::opening(tx, &Sight::everything(), f.shift)?.ok_or_else(absent)?;
        let state = f.state.as_str();
        // What has begun is refused here and stays; a refusal writes nothing.
        let _ = store::with_seat(tx, vault, (&opening.0, opening.1), f.id, None, |sign_up, on| {
            sign_up.without_consent(on.pool, who, now).ok_or(Refusal::WrongState { state })
        })?;
    }
    Ok(())
}

/// Gives up whatever of a person's can still be given up, for somebody who closes their account: their places, their name in the
/// ranking, and the words that they gave as guardians or that were given for them.
pub fn leave_all(tx: &mut Tx, vault: &Vault, who: &Actor) -> Result<(), ApiError> {
    // Everybody whom it concerns, always in the same order.
    let mut people: Vec<PrincipalId> = store::live_consents_of(tx, who.id)?.iter().map(|consent| consent.minor).chain([who.id]).collect();
    people.sort();
    people.dedup();
    for person in people {
        store::touch(tx, person)?;
    }
    store::set_ranked(tx, who.id, false)?;
    for state in [State::Confirmed, State::Offered, State::Waitlisted] {
        let filter = store::SignUpFilter { resident: Some(who.id), state: Some(state), shift: None };
        for sign_up in store::sign_ups(tx, &filter, None, 1000)? {
            if sign_up.allowed_actions(who, tx.now()).contains(&Action::Cancel) {
                leave(tx, vault, (who, None), &sign_up, None)?;
            }
        }
    }
    for consent in store::live_consents_of(tx, who.id)? {
        let (activity, minor) = (consent.activity, consent.minor);
        if let Some(lapsed) = consent.lapse(tx.now()) {
            store::save_consent(tx, lapsed)?;
            end_unconsented(tx, vault, who, activity, minor)?;
        }
    }
    Ok(())
}

/// Takes the place that is held.
pub fn accept_offer(tx: &mut Tx, cx: &Cx, id: SignUpId) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let sign_up = held(tx, cx, id)?;
    let now = tx.now();
    let (volunteer, acting) = match delegate_of(tx, who, &sign_up)? {
        None => (who.clone(), None),
        Some((volunteer, acting)) => (volunteer, Some(acting)),
    };
    let standing = Standing::of_sign_up(&sign_up, &volunteer, now);
    let Ok(resident) = volunteer.resident() else { return Err(standing.refuse(Refusal::NotForYou)) };
    let (activity, shift) = store::opening(tx, &Sight::everything(), sign_up.facts().shift)?.ok_or_else(absent)?;
    let rules = store::rules(tx, sign_up.facts().community)?;
    let asking = Asking { who: &resident, acting: acting.as_ref(), rule: &rules.no_show, vault: &cx.app.vault };
    let accepted = store::with_seat(tx, &cx.app.vault, (&activity, shift), id, Some(&asking), |sign_up, on| match on.who {
        Some(asks) => {
            sign_up.accept_offer(&on.opening, on.pool, asks, &rules.no_show, &volunteer, now).map(|effect| remembered(effect, acting))
        }
        None => Err(Refusal::NotForYou),
    })?;
    let (sign_up, _) = accepted.map_err(|refusal| standing.refuse(refusal))?;
    show(tx, who, &sign_up)
}

/// With the code, and where the activity has a spot, from there. Nobody does this for another: it says who was there.
pub fn check_in(tx: &mut Tx, cx: &Cx, id: SignUpId, body: &CheckIn) -> Result<Reply, ApiError> {
    let (spot, here) = place(tx, cx, id, body.location)?;
    attend(tx, cx, id, |sign_up, key, who, now| sign_up.check_in(&body.code.0, key, spot.as_ref().map(|spot| (spot, here)), who, now))
}

pub fn check_out(tx: &mut Tx, cx: &Cx, id: SignUpId, body: &ShownCode) -> Result<Reply, ApiError> {
    let (spot, here) = place(tx, cx, id, body.location)?;
    attend(tx, cx, id, |sign_up, key, who, now| sign_up.check_out(&body.code.0, key, spot.as_ref().map(|spot| (spot, here)), who, now))
}

/// Where the activity wants its volunteers to be, and where this one says that they are.
fn place(tx: &mut Tx, cx: &Cx, id: SignUpId, location: Option<Location>) -> Result<(Option<Spot>, Option<Point>), ApiError> {
    let who = cx.actor()?;
    let sign_up = seen(tx, who, id)?;
    let here = location.map(|at| Point::new("/location", at.lat, at.lng)).transpose();
    let here = here.map_err(|faults| Standing::of_sign_up(&sign_up, who, tx.now()).beside(faulty("", faults)))?;
    let activity = store::activity(tx, &Sight::everything(), sign_up.facts().occasion.activity)?;
    Ok((activity.and_then(|activity| activity.facts().spot), here))
}

/// Check-in and check-out: decisions that move no pool.
fn attend(
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
        if let Ok(amount) = Amount::new(rules.no_show.cost(wallet.available(now))) {
            let cost = Spending {
                person: resident,
                unit: Unit::Points,
                amount,
                community: place,
                into: Fund::Absences,
                source: Source::new(ABSENCE, id),
                reason: Some("缺席".to_owned()),
                by: Some(who.id),
            };
            ledger::spend(tx, cost)?.map_err(crate::points::refuse)?;
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
    let finding = match Finding::new(body.minutes.map(|m| m.0), reason, max_hours) {
        Ok(finding) => finding,
        Err(faults) => return Err(standing.beside(faulty("", faults))),
    };
    let rules = store::rules(tx, place)?;
    let earned = match rules.caps.per_month {
        Some(_) => ledger::earned_in(tx, (resident, place), Unit::Points, "sign_up", Month::of(now))?,
        None => 0,
    };
    let was_absent = sign_up.facts().state == State::Absent;
    let credit = sign_up.settle(finding, &rules.caps, earned, who, now).map_err(|refusal| standing.refuse(refusal))?;
    let sign_up = store::save_sign_up(tx, credit.sign_up)?;
    store::add_hours(tx, &credit.hours)?;
    if was_absent {
        give_back(tx, who.id, id)?;
    }
    if let Some(amount) = credit.points {
        let title = store::labels(tx, std::slice::from_ref(&sign_up))?.title(&sign_up).to_owned();
        let order = ledger::order(tx, credit.source, Some(title));
        let (unit, expires_at, by) = (Unit::Points, expiry(&rules, now), Some(who.id));
        let granting = Granting { person: resident, unit, amount, community: place, expires_at, order, by };
        ledger::grant(tx, granting)?.map_err(crate::points::refuse)?;
    }
    show(tx, who, &sign_up)
}

fn expiry(rules: &Rules, now: Timestamp) -> Option<Timestamp> {
    rules.points_last_days.map(|days| now.plus_seconds(days.saturating_mul(86_400)))
}

/// Gives back what an absence cost that turned out to be none.
fn give_back(tx: &mut Tx, by: PrincipalId, id: SignUpId) -> Result<(), ApiError> {
    let Some(transaction) = ledger::posted(tx, &Source::new(ABSENCE, id))? else { return Ok(()) };
    let (shortfall, reason) = (Shortfall::Forgive, Some("缺席已更正".to_owned()));
    match ledger::reverse(tx, Reversing { transaction, shortfall, reason, by: Some(by) })? {
        // An administrator has given it back before.
        None | Some(Ok(_) | Err(LedgerRefusal::AlreadyReversed)) => Ok(()),
        Some(Err(refusal)) => Err(crate::points::refuse(refusal)),
    }
}
