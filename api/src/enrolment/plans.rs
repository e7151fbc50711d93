//! What was changed of a round: its history, its seat plans and the rule sets of its draft, each with when and why.

use std::sync::Arc;

use jiazai_domain::actor::Role;
use jiazai_domain::enrolment::RoundKind;
use jiazai_domain::enrolment::round::Round;
use jiazai_infra::enrolment::{self as store, Sight, draw};
use jiazai_infra::events;

use super::applications::seats;
use super::dto::{EnrolmentRoundEvent, NewSeatPlan, RuleSetVersionDto, SeatPlanDto, reason, seats_input};
use super::refusal::Standing;
use super::rounds::{check_seats, seen_in_turn};
use super::{ADMINS, absent};
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::faults::together;
use crate::op;
use crate::page::{Page, Window};
use crate::reply::Reply;
use crate::route::{Access, Api};

/// Who sees which rules a draft had.
const MAKERS: &[Role] = Round::MAKERS;

pub fn routes(api: &mut Api) {
    api.add(op!(create_seat_plan, Access::Roles(ADMINS)).refuses(&[code::STATE_CONFLICT, code::STALE, code::SEATS_LOWERED]))
        .add(op!(list_seat_plans, Access::Anyone).refuses(&[code::CURSOR_INVALID]))
        .add(op!(list_rule_sets, Access::Roles(MAKERS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(list_enrolment_round_events, Access::Anyone).refuses(&[code::CURSOR_INVALID]));
}

/// The version that the page before ended with.
fn seen_version(window: &Window) -> i64 {
    window.after.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Change the seats of a published round
///
/// The whole plan anew, with a reason; it becomes another version and the one before stays readable. Once seats are allocated, or
/// the order of a draw is known, no school's are lowered. A draft's plan is changed with the draft.
#[utoipa::path(post, path = "/enrolment-rounds/{id}/seat-plans", tag = "enrolment", operation_id = "create_seat_plan", params(("id" = String, Path)),
    request_body(content = NewSeatPlan, example = json!({ "seat_plans": [{ "school_id": "sch_01h455vb4pex5vsknk084sn02q", "seats": 135 }], "reason": "增设一个班" })),
    responses((status = 201, body = SeatPlanDto)))]
async fn create_seat_plan(call: Call, id: At<RoundKind>) -> Outcome {
    let body: NewSeatPlan = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        let round = seen_in_turn(tx, who, id.0)?;
        cx.expect_version(round.facts().version)?;
        let why = reason(body.reason.as_ref())?;
        let (place, seats) = (round.facts().community, seats_input(&body.seat_plans));
        let found = if who.is_any(ADMINS, place) { check_seats(tx, place, &seats)? } else { vec![] };
        let standing = Standing::of(round.facts(), who);
        let drawn = draw::all_of_round(tx, id.0)?.iter().any(|draw| draw.order().is_some());
        let changed = together(round.replan(&seats, (why, drawn), who, tx.now()), found, |refusal| standing.refuse(refusal))?;
        let round = store::save_round(tx, changed)?;
        // Seats that were added after the announcement go to those who wait.
        seats::fill(tx, &cx.app.vault, &Arc::new(round.facts().clone()))?;
        let before = round.facts().seats.version - 1;
        let plan = store::seat_plans(tx, id.0, before, 1)?.pop().ok_or_else(|| ApiError::new(code::INTERNAL))?;
        let at = format!("/api/v1/enrolment-rounds/{}/seat-plans", id.0);
        Ok(Reply::created(at, &SeatPlanDto::from(plan))?.version(round.facts().version))
    })
    .await
}

/// The versions of a round's seat plan
///
/// Oldest first; the last one holds.
#[utoipa::path(get, path = "/enrolment-rounds/{id}/seat-plans", tag = "enrolment", operation_id = "list_seat_plans",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<SeatPlanDto>)))]
async fn list_seat_plans(call: Call, id: At<RoundKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        store::round_facts(tx, &Sight::of(cx.actor()?), id.0)?.ok_or_else(absent)?;
        let rows = store::seat_plans(tx, id.0, seen_version(&window), window.fetch())?;
        Ok(window.page(rows, |plan| plan.version.to_string(), SeatPlanDto::from))
    })
    .await
}

/// The versions of a round's rules
///
/// As its draft had them, oldest first; the last one holds. For staff of enrolment.
#[utoipa::path(get, path = "/enrolment-rounds/{id}/rule-sets", tag = "enrolment", operation_id = "list_rule_sets",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<RuleSetVersionDto>)))]
async fn list_rule_sets(call: Call, id: At<RoundKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let round = store::round_facts(tx, &Sight::of(who), id.0)?.ok_or_else(absent)?;
        if !who.is_any(MAKERS, round.community) {
            return Err(ApiError::new(code::FORBIDDEN));
        }
        let rows = store::rule_sets(tx, id.0, seen_version(&window), window.fetch())?;
        Ok(window.page(rows, |rules| rules.version.to_string(), RuleSetVersionDto::from))
    })
    .await
}

/// A round's history
///
/// Oldest first, with the reasons for what came early.
#[utoipa::path(get, path = "/enrolment-rounds/{id}/events", tag = "enrolment", operation_id = "list_enrolment_round_events",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<EnrolmentRoundEvent>)))]
async fn list_enrolment_round_events(call: Call, id: At<RoundKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let round = store::round_facts(tx, &Sight::of(who), id.0)?.ok_or_else(absent)?;
        let as_staff = who.is_any(MAKERS, round.community);
        let rows = events::history(tx, &id.0.text(), window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |event| event.id.text(), |event| EnrolmentRoundEvent::of(event, as_staff)))
    })
    .await
}
