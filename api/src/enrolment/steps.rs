//! The round's steps over its applications: listing, allocating (and looking before), announcing.
//!
//! Each runs in one transaction with the round's own step, after it, and holds the round: whoever changes what it decides on
//! comes before or after it, and nothing is half done.

use std::collections::HashMap;
use std::sync::Arc;

use deserr::Deserr;
use jiazai_domain::actor::{Actor, PrincipalId};
use jiazai_domain::enrolment::allocate::{self, Allocation, Applicant, Outcome as Place};
use jiazai_domain::enrolment::application::{Application, Placing, State};
use jiazai_domain::enrolment::draw::Draw;
use jiazai_domain::enrolment::round::{Action, Facts as Round, Plan, Refusal, Round as InRound, Step};
use jiazai_domain::enrolment::{ApplicationId, DrawId, RoundId, RoundKind, SchoolId};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::enrolment::{self as rounds, application as store, draw, placement};
use jiazai_infra::vault::Vault;
use serde::Serialize;
use utoipa::ToSchema;

use super::applications::seats;
use super::dto::{EnrolmentRoundDto, RoundStep};
use super::refusal::{STEP, Standing};
use super::rounds::{seen_in_turn, show};
use super::{ADMINS, absent};
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::input::named::{DrawRef, SchoolRef};
use crate::input::{Faults, Few, Number, Ref};
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(list_enrolment_round, Access::Roles(ADMINS)).refuses(STEP).refuses(&[code::UNDECIDED]))
        .add(op!(allocate_enrolment_round, Access::Roles(ADMINS)).refuses(STEP).refuses(&[code::DRAW_NEEDED, code::UNDECIDED]))
        .add(op!(announce_enrolment_round, Access::Roles(ADMINS)).refuses(STEP));
    api.add(op!(preview_allocation, Access::Roles(ADMINS)).refuses(&[code::STATE_CONFLICT, code::DRAW_NEEDED]));
}

fn broken(what: &'static str) -> impl Fn(jiazai_domain::enrolment::application::Refusal) -> ApiError {
    move |refusal| {
        tracing::error!(refusal = refusal.code(), "{what}");
        ApiError::new(code::INTERNAL)
    }
}

/// 公示: everything that was rechecked is listed.
fn list(tx: &mut Tx, vault: &Vault, round: &Arc<Round>) -> Result<(), ApiError> {
    for application in store::of_round(tx, vault, round, &[State::ConfirmedTier])? {
        let changed = application.list(tx.now()).map_err(broken("what was confirmed could not be listed"))?;
        store::save(tx, vault, changed)?;
    }
    Ok(())
}

/// What an allocation is made from.
struct Listed {
    /// By receipt.
    applications: Vec<Application>,
    children: Vec<Applicant>,
    draws: Vec<Draw>,
}

impl Listed {
    fn of(tx: &mut Tx, vault: &Vault, round: &Arc<Round>) -> Result<Self, ApiError> {
        let applications = store::of_round(tx, vault, round, &[State::Listed])?;
        let children = seats::applicants(tx, round, &applications)?;
        let draws = draw::all_of_round(tx, round.id)?;
        Ok(Self { applications, children, draws })
    }

    fn draw_id(&self) -> Option<DrawId> {
        self.draws.first().filter(|draw| draw.order().is_some()).map(|draw| draw.facts().id)
    }

    /// Works the allocation out; nothing is changed.
    fn allocated(&self, plan: &Plan, round: &Round) -> Result<Allocation, ApiError> {
        let order = draw::order_of(&self.draws);
        allocate::allocate(plan, &self.children, &round.rules, order.as_deref()).map_err(refused)
    }
}

fn refused(refusal: allocate::Refusal) -> ApiError {
    match refusal {
        allocate::Refusal::DrawNeeded => ApiError::new(code::DRAW_NEEDED),
        allocate::Refusal::DuplicateReceipt { .. } => {
            tracing::error!("a receipt is there twice");
            ApiError::new(code::INTERNAL)
        }
    }
}

/// 派位: each child is placed, with its reasons.
fn allocate(tx: &mut Tx, vault: &Vault, round: &Arc<Round>, by: PrincipalId) -> Result<(), ApiError> {
    let listed = Listed::of(tx, vault, round)?;
    let (allocation, draw) = (listed.allocated(round.plan(), round)?, listed.draw_id());
    let ids: Vec<ApplicationId> = listed.applications.iter().map(|one| one.facts().id).collect();
    for (application, placement) in listed.applications.into_iter().zip(&allocation.placements) {
        let placing = match placement.result {
            Place::Offered { school, .. } => Placing::Offered(school),
            Place::Waiting => Placing::Waiting,
            Place::ToCoordinate => Placing::ToCoordinate,
        };
        let changed = application.place(placing, tx.now()).map_err(broken("what was listed could not be placed"))?;
        store::save(tx, vault, changed)?;
    }
    placement::insert(tx, (round.id, round.community), (&allocation, round.seats.version, draw), &ids, by)?;
    Ok(())
}

/// 公布结果: every family is told, and an offer's time runs. Seats that were given up since the allocation go on first, so that
/// nobody is told twice.
fn announce(tx: &mut Tx, vault: &Vault, round: &Arc<Round>) -> Result<(), ApiError> {
    let promoted = seats::fill(tx, vault, round)?;
    for application in store::of_round(tx, vault, round, &[State::Offered, State::Waiting, State::ToCoordinate])? {
        if promoted.contains(&application.facts().id) {
            continue;
        }
        let changed = application.announce(tx.now()).map_err(broken("what was placed could not be announced"))?;
        store::save(tx, vault, changed)?;
    }
    Ok(())
}

/// A step that touches nothing but the round.
pub fn nothing_more(_: &mut Tx, _: &Vault, _: &Arc<Round>, _: PrincipalId) -> Result<(), ApiError> {
    Ok(())
}

/// Takes a step of the round and lets it happen to the applications.
pub fn step(
    tx: &mut Tx,
    cx: &Cx,
    id: RoundId,
    (action, body): (Action, &RoundStep),
    then: fn(&mut Tx, &Vault, &Arc<Round>, PrincipalId) -> Result<(), ApiError>,
) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let early = body.why()?;
    let round = seen_in_turn(tx, who, id)?;
    cx.expect_version(round.facts().version)?;
    let finishing = action == Action::Finish;
    let with = Step {
        early,
        pending_objections: if finishing { rounds::pending_objections(tx, id)? } else { 0 },
        undecided: store::undecided(tx, id)?,
        offers_until: if finishing { store::offers_until(tx, id)? } else { None },
    };
    let standing = Standing::of(round.facts(), who);
    let changed = round.step(action, with, who, tx.now()).map_err(|refusal| standing.refuse(refusal))?;
    let round = rounds::save_round(tx, changed)?;
    then(tx, &cx.app.vault, &Arc::new(round.facts().clone()), who.id)?;
    show(who, &round)
}

/// List the tiers 公示
///
/// Every child that was rechecked, with its batch; families may object until `objection_to`. Before `review_to` only with `early`
/// and a reason, as while somebody is not decided about.
#[utoipa::path(post, path = "/enrolment-rounds/{id}/list", tag = "enrolment", operation_id = "list_enrolment_round",
    params(("id" = String, Path)), request_body(content = RoundStep, example = json!({})), responses((status = 200, body = EnrolmentRoundDto)))]
async fn list_enrolment_round(call: Call, id: At<RoundKind>) -> Outcome {
    let body: RoundStep = call.body()?;
    call.write(move |tx, cx| step(tx, cx, id.0, (Action::List, &body), |tx, vault, round, _| list(tx, vault, round))).await
}

/// Allocate the seats 派位
///
/// By the rules and, where they leave children alike, by the round's draw. Each child's reasons are kept; families are told when it
/// is announced. Before `objection_to`, or while somebody is not decided about, only with `early` and a reason. Look before: `allocation-preview`.
#[utoipa::path(post, path = "/enrolment-rounds/{id}/allocate", tag = "enrolment", operation_id = "allocate_enrolment_round",
    params(("id" = String, Path)), request_body(content = RoundStep, example = json!({})), responses((status = 200, body = EnrolmentRoundDto)))]
async fn allocate_enrolment_round(call: Call, id: At<RoundKind>) -> Outcome {
    let body: RoundStep = call.body()?;
    call.write(move |tx, cx| step(tx, cx, id.0, (Action::Allocate, &body), allocate)).await
}

/// Announce the results 公布结果
///
/// Every family is told, and from now on an offer waits for its answer: until `confirm_to`, or for three days where less is left.
#[utoipa::path(post, path = "/enrolment-rounds/{id}/announce", tag = "enrolment", operation_id = "announce_enrolment_round",
    params(("id" = String, Path)), request_body(content = RoundStep, example = json!({})), responses((status = 200, body = EnrolmentRoundDto)))]
async fn announce_enrolment_round(call: Call, id: At<RoundKind>) -> Outcome {
    let body: RoundStep = call.body()?;
    call.write(move |tx, cx| step(tx, cx, id.0, (Action::Announce, &body), |tx, vault, round, _| announce(tx, vault, round))).await
}

/// A school and its seats.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
#[schema(as = EnrolmentPreviewSeats)]
pub struct SeatsBody {
    #[schema(inline)]
    pub school_id: SchoolRef,
    #[schema(inline)]
    pub seats: PlanSeats,
}

/// From none to five thousand.
pub type PlanSeats = Number<0, 5000>;
/// At most two hundred.
pub type OtherPlan = Few<SeatsBody, 0, 200>;

/// What to look at.
#[derive(Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Preview {
    /// Other numbers of seats for some schools: what would be different if the plan were this one.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub seat_plans: OtherPlan,
}

/// How a school's seats would be used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentPreviewSchool)]
pub struct PreviewSchool {
    #[schema(inline)]
    pub school_id: SchoolRef,
    pub seats: i64,
    pub placed: i64,
    pub waiting: i64,
}

/// A child whose place would be another one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentPreviewDifference)]
pub struct PreviewDifference {
    pub receipt: String,
    /// `waiting`, `to_coordinate`, or a school's id.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What an allocation would be. Nothing of it is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentPreview)]
pub struct PreviewDto {
    /// Hexadecimal SHA-256 of the placements: the same again when the allocation is made from the same.
    pub digest: String,
    pub children: i64,
    pub placed: i64,
    pub waiting: i64,
    pub to_coordinate: i64,
    /// Whether the draw decides about anybody.
    pub draw_decided: bool,
    #[schema(inline)]
    pub draw_id: Option<DrawRef>,
    pub schools: Vec<PreviewSchool>,
    /// With `seat_plans`: whose place would differ from that by the present plan; at most a thousand, by receipt.
    pub differences: Vec<PreviewDifference>,
}

const MOST_DIFFERENCES: usize = 1000;

fn shown(place: Option<Place>) -> Option<String> {
    place.map(|place| match place {
        Place::Offered { school, .. } => school.text(),
        Place::Waiting => "waiting".to_owned(),
        Place::ToCoordinate => "to_coordinate".to_owned(),
    })
}

fn count(allocation: &Allocation, fits: fn(&Place) -> bool) -> i64 {
    allocation.placements.iter().filter(|one| fits(&one.result)).count() as i64
}

/// Look before the allocation 试派位
///
/// The allocation as it would be made now, or with other seats beside it; nothing is changed. From the listing on.
#[utoipa::path(post, path = "/enrolment-rounds/{id}/allocation-preview", tag = "enrolment", operation_id = "preview_allocation",
    params(("id" = String, Path)), request_body(content = Preview, example = json!({ "seat_plans": [{ "school_id": "sch_01h455vb4pex5vsknk084sn02q", "seats": 90 }] })),
    responses((status = 200, body = PreviewDto)))]
async fn preview_allocation(call: Call, id: At<RoundKind>) -> Outcome {
    let body: Preview = call.body()?;
    call.ask(move |tx, cx| {
        let who = cx.actor()?;
        let round = rounds::round_facts(tx, &rounds::Sight::of(who), id.0)?.ok_or_else(absent)?;
        InRound::previews(&round, who).map_err(|refusal| {
            let only = ("公示之后、派位之前才能试派位", "Only between the listing and the allocation");
            let late = matches!(refusal, Refusal::WrongState { .. });
            let error = Standing::of(&round, who).refuse(refusal);
            if late { error.because(only.0, only.1) } else { error }
        })?;
        let vault = &cx.app.vault;
        let mut other = round.plan().clone();
        for (i, seats) in body.seat_plans.0.iter().enumerate() {
            let Some(entry) = other.get_mut(&seats.school_id.0) else {
                let at = format!("/seat_plans/{i}/school_id");
                return Err(ApiError::fault(
                    &at,
                    "school_not_in_round",
                    "该学校不在本批次的学位计划内",
                    "has no place in the round's plan",
                ));
            };
            *entry = seats.seats.0;
        }
        let listed = Listed::of(tx, vault, &round)?;
        let after = &listed.allocated(&other, &round)?;
        let differences = if other == *round.plan() { vec![] } else { listed.allocated(round.plan(), &round)?.differences(after) };
        Reply::ok(&PreviewDto {
            digest: after.digest(),
            children: after.placements.len() as i64,
            placed: count(after, |place| matches!(place, Place::Offered { .. })),
            waiting: count(after, |place| matches!(place, Place::Waiting)),
            to_coordinate: count(after, |place| matches!(place, Place::ToCoordinate)),
            draw_decided: after.draw_decided,
            draw_id: listed.draw_id().map(Ref),
            schools: after
                .schools
                .iter()
                .map(|used| PreviewSchool {
                    school_id: Ref(used.school),
                    seats: used.seats,
                    placed: used.placed,
                    waiting: used.waiting.len() as i64,
                })
                .collect(),
            differences: differences
                .into_iter()
                .take(MOST_DIFFERENCES)
                .map(|one| PreviewDifference { receipt: one.receipt, before: shown(one.before), after: shown(one.after) })
                .collect(),
        })
    })
    .await
}

/// A round that the caller runs: 404 where they do not see it, 403 where they do not run it.
pub fn run_by(tx: &mut Tx, who: &Actor, id: RoundId) -> Result<Arc<Round>, ApiError> {
    let round = rounds::round_facts(tx, &rounds::Sight::of(who), id)?.ok_or_else(absent)?;
    if who.is_any(ADMINS, round.community) { Ok(round) } else { Err(ApiError::new(code::FORBIDDEN)) }
}

/// The names of schools, for lists.
pub fn school_names(tx: &mut Tx, ids: &[SchoolId]) -> Result<HashMap<SchoolId, String>, DbError> {
    Ok(rounds::schools_of(tx, ids)?.into_iter().map(|school| (school.facts().id, school.facts().name.clone())).collect())
}
