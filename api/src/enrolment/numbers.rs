//! A round in numbers, the hash of what its allocation came to, and the proof that its papers are gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiazai_domain::actor::Actor;
use jiazai_domain::enrolment::round::{Facts as Round, State as RoundState};
use jiazai_domain::enrolment::{RoundId, RoundKind};
use jiazai_infra::db::Tx;
use jiazai_infra::enrolment::{self as rounds, application as store, placement, purge};
use serde::Serialize;
use utoipa::ToSchema;

use super::absent;
use super::placements::{COUNTERS, listed_round};
use super::steps::school_names;
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::input::named::{DrawRef, RoundRef, SchoolRef};
use crate::input::{Instant, Ref};
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(get_enrolment_allocation, Access::Perhaps))
        .add(op!(get_enrolment_statistics, Access::Roles(COUNTERS)))
        .add(op!(get_enrolment_retention, Access::Public));
}

/// An allocation that was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentAllocation)]
pub struct AllocationDto {
    #[schema(inline)]
    pub round_id: RoundRef,
    /// The version of the seat plan that it was made by.
    pub plan_version: i64,
    #[schema(inline)]
    pub draw_id: Option<DrawRef>,
    pub draw_decided: bool,
    /// Hexadecimal SHA-256 of `canonical`: whoever keeps it can tell later that nothing was put in another's place.
    pub digest: String,
    /// The placements as text: `receipt,batch,tier,school or waiting or to_coordinate` and a line feed each, by receipt. For those
    /// who may know the numbers of the round; null for everybody else, because a child's tier is no part of the published list.
    pub canonical: Option<String>,
    #[schema(inline)]
    pub allocated_at: Instant,
}

fn seen(tx: &mut Tx, who: &Actor, id: RoundId) -> Result<Arc<Round>, ApiError> {
    let round = rounds::round_facts(tx, &rounds::Sight::of(who), id)?.ok_or_else(absent)?;
    if who.is_any(COUNTERS, round.community) { Ok(round) } else { Err(ApiError::new(code::FORBIDDEN)) }
}

/// The allocation, with the hash of what it came to
///
/// For everybody from the announcement on: the hash, by which an auditor shows that what was published is what was allocated. What it
/// is the hash of has every child's tier and is for those who may know the numbers. It stays when the papers are purged.
#[utoipa::path(get, path = "/enrolment-rounds/{id}/allocation", tag = "enrolment", operation_id = "get_enrolment_allocation",
    params(("id" = String, Path)), responses((status = 200, body = AllocationDto)))]
async fn get_enrolment_allocation(call: Call, id: At<RoundKind>) -> Outcome {
    call.query()?.finish()?;
    call.read(move |tx, cx| {
        let round = listed_round(tx, cx.perhaps(), id.0)?;
        if !matches!(round.state, RoundState::Announced | RoundState::Finished) {
            seen(tx, cx.actor()?, id.0)?;
        }
        let counts = cx.perhaps().is_some_and(|who| who.is_any(COUNTERS, round.community));
        let made = placement::made(tx, id.0)?.ok_or_else(absent)?;
        Reply::ok(&AllocationDto {
            round_id: Ref(made.round),
            plan_version: made.plan_version,
            draw_id: made.draw.map(Ref),
            draw_decided: made.draw_decided,
            digest: made.digest,
            canonical: counts.then_some(made.canonical),
            allocated_at: made.allocated_at.into(),
        })
    })
    .await
}

/// A school in numbers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentSchoolNumbers)]
pub struct SchoolNumbers {
    #[schema(inline)]
    pub school_id: SchoolRef,
    pub school_name: Option<String>,
    pub seats: i64,
    /// Families that listed it first, and at all.
    pub first_choices: i64,
    pub choices: i64,
    /// Seats that are offered or taken.
    pub taken: i64,
}

/// A tier in numbers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentTierNumbers)]
pub struct TierNumbers {
    /// Null for those whose tier nobody knows.
    pub tier: Option<String>,
    pub name: Option<String>,
    pub batch: Option<i64>,
    pub applications: i64,
    /// By state.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub by_state: BTreeMap<&'static str, i64>,
}

/// A round in numbers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentStatistics)]
pub struct StatisticsDto {
    pub applications: i64,
    #[schema(value_type = BTreeMap<String, i64>)]
    pub by_state: BTreeMap<&'static str, i64>,
    pub schools: Vec<SchoolNumbers>,
    pub tiers: Vec<TierNumbers>,
}

/// The round in numbers
///
/// For each school and each tier.
#[utoipa::path(get, path = "/enrolment-rounds/{id}/statistics", tag = "enrolment", operation_id = "get_enrolment_statistics",
    params(("id" = String, Path)), responses((status = 200, body = StatisticsDto)))]
async fn get_enrolment_statistics(call: Call, id: At<RoundKind>) -> Outcome {
    call.query()?.finish()?;
    call.read(move |tx, cx| {
        let round = seen(tx, cx.actor()?, id.0)?;
        let counts = store::counts(tx, id.0)?;
        let mut by_state = BTreeMap::new();
        let mut by_tier: BTreeMap<Option<String>, BTreeMap<&'static str, i64>> = Default::default();
        for (state, tier, n) in counts {
            *by_state.entry(state.as_str()).or_default() += n;
            *by_tier.entry(tier).or_default().entry(state.as_str()).or_default() += n;
        }
        let taken = store::taken(tx, id.0)?;
        let demand = store::demand(tx, id.0)?;
        let names = school_names(tx, &round.plan().keys().copied().collect::<Vec<_>>())?;
        let schools = round.plan().iter().map(|(school, seats)| {
            let asked = demand.iter().find(|(of, ..)| of == school).map_or((0, 0), |(_, first, all)| (*first, *all));
            SchoolNumbers {
                school_id: Ref(*school),
                school_name: names.get(school).cloned(),
                seats: *seats,
                first_choices: asked.0,
                choices: asked.1,
                taken: taken.get(school).copied().unwrap_or(0),
            }
        });
        let tiers = by_tier.into_iter().map(|(tier, by_state)| {
            let rule = tier.as_deref().and_then(|code| round.rules.tier(code));
            TierNumbers {
                name: rule.map(|rule| rule.name.clone()),
                batch: rule.map(|rule| rule.batch),
                tier,
                applications: by_state.values().sum(),
                by_state,
            }
        });
        Reply::ok(&StatisticsDto { applications: by_state.values().sum(), by_state, schools: schools.collect(), tiers: tiers.collect() })
    })
    .await
}

/// What became of a round's papers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentRetention)]
pub struct RetentionDto {
    /// When they will be purged, or should have been; null while the round goes on.
    #[schema(inline)]
    pub purge_after: Option<Instant>,
    /// When they were.
    #[schema(inline)]
    pub purged_at: Option<Instant>,
    pub applications: Option<i64>,
    pub papers: Option<i64>,
    /// Hexadecimal SHA-256 of `manifest`; it is in the round's history, too.
    pub manifest_hash: Option<String>,
    /// A line for each paper: receipt, a space, the SHA-256 of its bytes. Who has kept a paper can see that it is in the list.
    pub manifest: Option<String>,
}

/// What became of the papers
///
/// Papers, names, numbers, addresses and what people wrote are purged half a year after the round is finished, or when the operator
/// has said (`purge_after`); receipts, placements, reasons and
/// the draw stay.
#[utoipa::path(get, path = "/enrolment-rounds/{id}/retention", tag = "enrolment", operation_id = "get_enrolment_retention",
    params(("id" = String, Path)), responses((status = 200, body = RetentionDto)))]
async fn get_enrolment_retention(call: Call, id: At<RoundKind>) -> Outcome {
    call.query()?.finish()?;
    call.read(move |tx, cx| {
        listed_round(tx, cx.perhaps(), id.0)?;
        let purged = purge::find(tx, id.0)?;
        let finished = purge::finished_at(tx, id.0)?;
        Reply::ok(&RetentionDto {
            purge_after: finished.map(|at| at.plus_seconds(cx.app.papers_kept_days * 86_400).into()),
            purged_at: purged.as_ref().map(|purge| purge.purged_at.into()),
            applications: purged.as_ref().map(|purge| purge.applications),
            papers: purged.as_ref().map(|purge| purge.papers),
            manifest_hash: purged.as_ref().map(|purge| purge.manifest_hash.clone()),
            manifest: purged.map(|purge| purge.manifest),
        })
    })
    .await
}
