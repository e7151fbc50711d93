//! The commands of volunteer service on activities and shifts: load, decide, save. Those on sign-ups are in `seats`.

use chrono::{NaiveTime, Weekday};
use jiazai_domain::actor::{Actor, CommunityId};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{
    Activity, ActivityId, ActivityPlan, ActivityState, PostDraft, Reason, Recurrence, Shift, ShiftDraft, ShiftId, ShiftState, SignUp,
};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events;
use jiazai_infra::registry::{places, tags};
use jiazai_infra::vault::Vault;
use jiazai_infra::volunteer::{self as store, Sight};

use super::dto::{NewActivity, NewShift, NewShiftSeries, Posts, PutActivity, Resize, ShiftDto, ShiftSeries};
use super::refusal::Standing;
use crate::call::Cx;
use crate::error::{ApiError, Fault, code};
use crate::faults::{faulty, text_fault};
use crate::input::named::AnyText500;
use crate::reply::Reply;
use crate::volunteer::dto::ActivityDto;

pub fn absent() -> ApiError {
    ApiError::new(code::NOT_FOUND)
}

/// A reason that may be left out.
pub fn perhaps(reason: Option<&AnyText500>) -> Result<Option<Reason>, ApiError> {
    Reason::optional(reason.map(|text| text.0.as_str())).map_err(|fault| text_fault("/reason", fault.into()))
}

pub fn seen_activity(tx: &mut Tx, who: &Actor, id: ActivityId) -> Result<Activity, ApiError> {
    store::activity(tx, &Sight::of(who), id)?.ok_or_else(absent)
}

pub fn seen_shift(tx: &mut Tx, who: &Actor, id: ShiftId) -> Result<(Activity, Shift), ApiError> {
    store::opening(tx, &Sight::of(who), id)?.ok_or_else(absent)
}

/// As [`seen_activity`], for a change of it or of the shifts that it has: nobody else makes one until this transaction ends.
pub fn held_activity(tx: &mut Tx, who: &Actor, id: ActivityId) -> Result<Activity, ApiError> {
    seen_activity(tx, who, id)?;
    store::hold_activity(tx, id)?;
    seen_activity(tx, who, id)
}

/// Settles the lines of one shift, for readers and for the job.
pub fn settle_one(tx: &mut Tx, vault: &Vault, id: ShiftId) -> Result<(), DbError> {
    if let Some((activity, shift)) = store::opening(tx, &Sight::everything(), id)? {
        store::settled(tx, vault, &activity, shift)?;
    }
    Ok(())
}

// Activities ----------------------------------------------------------------------------------------------------------

pub fn show_activity(tx: &Tx, who: &Actor, activity: &Activity) -> Result<Reply, ApiError> {
    Ok(Reply::ok(&ActivityDto::of(activity, who, tx.now()))?.version(activity.facts().version))
}

pub fn create_activity(tx: &mut Tx, cx: &Cx, body: &NewActivity) -> Result<Reply, ApiError> {
    let (who, place) = (cx.actor()?, body.community_id);
    known_community(tx, place.0)?;
    let by = who.volunteer_leader_of(place.0)?;
    let plan = body.draft().check().map_err(|faults| faulty("", faults))?;
    check_eligibility(tx, who, place.0, &plan)?;
    let id = tx.new_id();
    let activity = store::save_activity(tx, Activity::create(id, plan, &by, tx.now()))?;
    let dto = ActivityDto::of(&activity, who, tx.now());
    Ok(Reply::created(format!("/api/v1/volunteer-activities/{id}"), &dto)?.version(activity.facts().version))
}

pub fn known_community(tx: &mut Tx, place: CommunityId) -> Result<(), ApiError> {
    match jiazai_infra::community::find(tx, place)? {
        Some(_) => Ok(()),
        None => Err(ApiError::fault("/community_id", "unknown_community", "没有这个社区", "is not a known community")),
    }
}

/// Estates and tags that are asked for exist in the community, and whoever asks for a tag may know who has it: the roster would
/// tell them.
fn check_eligibility(tx: &mut Tx, who: &Actor, place: CommunityId, plan: &ActivityPlan) -> Result<(), ApiError> {
    let (eligibility, mut faults) = (plan.eligibility(), Vec::new());
    for (i, id) in eligibility.estates().iter().enumerate() {
        if places::estate(tx, *id)?.is_none_or(|estate| estate.community != place) {
            let at = format!("/eligibility/estates/{i}");
            faults.push(Fault::new(at, "unknown_estate", "没有这个小区", "is not an estate of the community"));
        }
    }
    if !eligibility.tags().is_empty() {
        let (dictionary, roles) = (tags::dictionary(tx, place)?, who.roles_in(place));
        for (i, code) in eligibility.tags().iter().enumerate() {
            if !dictionary.iter().any(|tag| tag.code == *code && tag.active && tag.visible_to(&roles)) {
                let at = format!("/eligibility/tags/{i}");
                faults.push(Fault::new(at, "unknown_tag", "没有这个标签，或您无权使用", "is not a tag that you may use"));
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(ApiError::invalid(faults)) }
}

pub fn put_activity(tx: &mut Tx, cx: &Cx, id: ActivityId, body: &PutActivity) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let activity = held_activity(tx, who, id)?;
    let by = who.volunteer_leader_of(activity.facts().community)?;
    cx.expect_version(activity.facts().version)?;
    let plan = body.draft().check().map_err(|faults| faulty("", faults))?;
    // What was promised does not change, so it need not be looked at again.
    if activity.facts().state == ActivityState::Draft {
        check_eligibility(tx, who, activity.facts().community, &plan)?;
    }
    // Whoever is about to sign up reads of the old place: they come before and are told, or after and read of the new one.
    let coming: Vec<Shift> =
        store::shifts_of(tx, id, tx.now())?.into_iter().filter(|shift| shift.facts().state == ShiftState::Scheduled).collect();
    store::hold(tx, coming.iter().flat_map(posts_of).collect())?;
    let roster = store::roster_of(tx, &coming.iter().map(|shift| shift.facts().id).collect::<Vec<_>>())?;
    let standing = Standing::of_activity(&activity, who, tx.now());
    let changed = activity.replace(plan, &roster, &by, tx.now()).map_err(|refusal| standing.refuse(refusal))?;
    let activity = store::save_activity(tx, changed)?;
    show_activity(tx, who, &activity)
}

/// Publishes or ends an activity.
pub fn act_on_activity(
    tx: &mut Tx,
    cx: &Cx,
    id: ActivityId,
    decide: impl FnOnce(
        Activity,
        &Actor,
        Timestamp,
    ) -> Result<jiazai_domain::kernel::changed::Changed<Activity>, jiazai_domain::volunteer::Refusal>,
) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let activity = held_activity(tx, who, id)?;
    cx.expect_version(activity.facts().version)?;
    let standing = Standing::of_activity(&activity, who, tx.now());
    let changed = decide(activity, who, tx.now()).map_err(|refusal| standing.refuse(refusal))?;
    let activity = store::save_activity(tx, changed)?;
    show_activity(tx, who, &activity)
}

/// Cancels an activity with its shifts that have not ended, and calls off whoever has not come.
pub fn cancel_activity(tx: &mut Tx, cx: &Cx, id: ActivityId, reason: Option<&AnyText500>) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let why = perhaps(reason)?;
    let activity = held_activity(tx, who, id)?;
    cx.expect_version(activity.facts().version)?;
    let standing = Standing::of_activity(&activity, who, tx.now());
    let changed = activity.clone().cancel(why.clone(), who, tx.now()).map_err(|refusal| standing.refuse(refusal))?;
    for shift in store::shifts_of(tx, id, tx.now())? {
        if shift.facts().state == ShiftState::Scheduled {
            call_off(tx, cx, &activity, shift, why.clone())?;
        }
    }
    let activity = store::save_activity(tx, changed)?;
    show_activity(tx, who, &activity)
}

// Shifts --------------------------------------------------------------------------------------------------------------

/// The shift as the caller sees it.
pub fn show_shift(tx: &mut Tx, who: &Actor, shift: &Shift) -> Result<Reply, ApiError> {
    let dto = ShiftDto::of(shift, &mine(tx, who, std::slice::from_ref(shift))?, who, tx.now());
    let version = dto.version;
    Ok(Reply::ok(&dto)?.version(version))
}

/// The caller's own claims on some shifts, each with their turn in the line, and how often their record was moved.
#[derive(Debug, Default)]
pub struct Mine {
    pub claims: Vec<(SignUp, Option<i64>)>,
    pub moves: i64,
}

pub fn mine(tx: &mut Tx, who: &Actor, shifts: &[Shift]) -> Result<Mine, ApiError> {
    if who.resident().is_err() || shifts.is_empty() {
        return Ok(Mine::default());
    }
    let ids: Vec<ShiftId> = shifts.iter().map(|shift| shift.facts().id).collect();
    let claims = store::claims_in(tx, who.id, &ids)?;
    let turns = store::positions(tx, &claims)?;
    let turn = |claim: SignUp| {
        let turn = turns.get(&claim.facts().id).copied();
        (claim, turn)
    };
    Ok(Mine { claims: claims.into_iter().map(turn).collect(), moves: store::record_moves(tx, who.id)? })
}

/// The keys of a shift's posts.
fn posts_of(shift: &Shift) -> Vec<(ShiftId, i64)> {
    shift.facts().posts.iter().map(|post| (shift.facts().id, post.number)).collect()
}

fn posts(posts: &Posts) -> Vec<PostDraft<'_>> {
    posts
        .0
        .iter()
        .map(|post| PostDraft { name: &post.name.0, capacity: post.capacity.0, waitlist_capacity: post.waitlist_capacity.0 })
        .collect()
}

fn schedule(tx: &mut Tx, who: &Actor, activity: &Activity, draft: ShiftDraft) -> Result<Shift, ApiError> {
    let by = who.volunteer_leader_of(activity.facts().community)?;
    let plan = draft.check(tx.now()).map_err(|faults| faulty("", faults))?;
    let standing = Standing::of_activity(activity, who, tx.now());
    let id = tx.new_id();
    let changed = Shift::schedule(id, plan, activity, &by, tx.now()).map_err(|refusal| standing.refuse(refusal))?;
    Ok(store::save_shift(tx, changed)?)
}

pub fn create_shift(tx: &mut Tx, cx: &Cx, id: ActivityId, body: &NewShift) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let activity = held_activity(tx, who, id)?;
    let draft = ShiftDraft {
        starts_at: body.starts_at.0,
        ends_at: body.ends_at.0,
        capacity: body.capacity.map(|n| n.0),
        waitlist_capacity: body.waitlist_capacity.map(|n| n.0),
        sign_up_opens_at: body.sign_up_opens_at.map(|at| at.0),
        cancel_before_s: body.cancel_before_s.map(|n| n.0),
        posts: posts(&body.posts),
    };
    let shift = schedule(tx, who, &activity, draft)?;
    let mut reply = show_shift(tx, who, &shift)?;
    reply.status = 201;
    reply.headers.location = Some(format!("/api/v1/shifts/{}", shift.facts().id));
    Ok(reply)
}

pub fn create_series(tx: &mut Tx, cx: &Cx, id: ActivityId, body: &NewShiftSeries) -> Result<Reply, ApiError> {
    const WEEK: [Weekday; 7] = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
    let who = cx.actor()?;
    let activity = held_activity(tx, who, id)?;
    who.volunteer_leader_of(activity.facts().community)?;
    let starts = NaiveTime::parse_from_str(&body.starts.0, "%H:%M")
        .map_err(|_| ApiError::fault("/starts", "time_malformed", "应为时刻，例如 09:00", "must be a time of day such as 09:00"))?;
    let recurrence = Recurrence {
        from: body.from.0,
        until: body.until.0,
        weekdays: body.weekdays.0.iter().filter_map(|day| WEEK.get((day.0 - 1).max(0) as usize).copied()).collect(),
        every_weeks: body.every_weeks.map_or(1, |n| n.0),
        starts,
        duration_s: body.duration_s.0,
        except: body.except.0.iter().map(|day| day.0).collect(),
    };
    let spans = recurrence.spans().map_err(|faults| faulty("", faults))?;
    let now = tx.now();
    if spans.iter().all(|span| span.until <= now) {
        return Err(ApiError::fault("/until", "not_in_the_future", "应晚于当前时间", "must be in the future"));
    }
    let mut items = Vec::new();
    // Days of the first week that are over already are no mistake.
    for span in spans.into_iter().filter(|span| span.until > now) {
        let draft = ShiftDraft {
            starts_at: span.from,
            ends_at: span.until,
            capacity: body.capacity.map(|n| n.0),
            waitlist_capacity: body.waitlist_capacity.map(|n| n.0),
            sign_up_opens_at: body.opens_before_s.map(|before| span.from.plus_seconds(-before.0)),
            cancel_before_s: body.cancel_before_s.map(|n| n.0),
            posts: posts(&body.posts),
        };
        let shift = schedule(tx, who, &activity, draft)?;
        items.push(ShiftDto::of(&shift, &Mine::default(), who, now));
    }
    Reply::created(format!("/api/v1/volunteer-activities/{id}/shifts"), &ShiftSeries { items })
}

/// Cancels a shift, calls off whoever has not come and sends home who has, everything that is due being settled before.
fn call_off(tx: &mut Tx, cx: &Cx, activity: &Activity, shift: Shift, why: Option<Reason>) -> Result<Shift, ApiError> {
    let who = cx.actor()?;
    let shift = store::settled(tx, &cx.app.vault, activity, shift)?;
    let standing = Standing::of_shift(&shift, who, tx.now());
    let changed = shift.cancel(why, who, tx.now()).map_err(|refusal| standing.refuse(refusal))?;
    let shift = store::save_shift(tx, changed)?;
    store::call_off(tx, &shift)?;
    let id = shift.facts().id;
    store::shift(tx, id)?.ok_or_else(absent)
}

/// The version that the caller has seen, of the shift with everything that moves beside it.
fn expect(tx: &mut Tx, cx: &Cx, shift: &Shift) -> Result<(), ApiError> {
    let who = cx.actor()?;
    cx.expect_version(super::dto::shift_version(shift, &mine(tx, who, std::slice::from_ref(shift))?))
}

pub fn cancel_shift(tx: &mut Tx, cx: &Cx, id: ShiftId, reason: Option<&AnyText500>) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let why = perhaps(reason)?;
    let (activity, shift) = seen_shift(tx, who, id)?;
    expect(tx, cx, &shift)?;
    let shift = call_off(tx, cx, &activity, shift, why)?;
    show_shift(tx, who, &shift)
}

pub fn reschedule(tx: &mut Tx, cx: &Cx, id: ShiftId, times: (Timestamp, Timestamp)) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let (_, shift) = seen_shift(tx, who, id)?;
    who.volunteer_leader_of(shift.facts().community)?;
    // With the posts in hand nobody signs up between the look at the roster and the new time: everybody on it is told.
    store::hold(tx, posts_of(&shift))?;
    let (activity, shift) = seen_shift(tx, who, id)?;
    expect(tx, cx, &shift)?;
    let shift = store::settled(tx, &cx.app.vault, &activity, shift)?;
    let roster = store::roster_of(tx, &[id])?;
    let standing = Standing::of_shift(&shift, who, tx.now());
    let decided = shift.reschedule(times, &roster, who, tx.now()).map_err(|faults| faulty("", faults))?;
    let shift = store::save_shift(tx, decided.map_err(|refusal| standing.refuse(refusal))?)?;
    show_shift(tx, who, &shift)
}

pub fn resize(tx: &mut Tx, cx: &Cx, id: ShiftId, body: &Resize) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let (activity, shift) = seen_shift(tx, who, id)?;
    who.volunteer_leader_of(shift.facts().community)?;
    expect(tx, cx, &shift)?;
    let shift = store::settled(tx, &cx.app.vault, &activity, shift)?;
    let refuse = |shift: &Shift, refusal| Standing::of_shift(shift, who, tx.now()).refuse(refusal);
    let post = shift.post(body.post.as_ref().map(|name| name.0.as_str())).map_err(|refusal| refuse(&shift, refusal))?.clone();
    let resized = shift.resize(&post, body.capacity.0, body.waitlist_capacity.0, who, tx.now());
    let movement = resized.map_err(|refusal| refuse(&shift, refusal))?;
    let shift = store::resize(tx, &cx.app.vault, &activity, &shift, &post, &movement)?;
    let resized = shift.facts().posts.iter().find(|p| p.number == post.number).map(|post| shift.resized(post, who, tx.now()));
    events::record(tx, shift.facts().community, &id.text(), shift.facts().version, resized.as_slice())?;
    show_shift(tx, who, &shift)
}
