//! What changes of a round: other seats, other rules of its draft, and its history.

use deserr::Deserr;
use jiazai_infra::enrolment::{Rules, SeatPlan};
use jiazai_infra::events::Recorded;
use serde::Serialize;
use utoipa::ToSchema;

use super::{RuleSetDto, Seats, SeatsDto, seats_of};
use crate::input::named::{AnyText500, EventRef, PrincipalRef};
use crate::input::{Faults, Instant, Ref};

/// Another seat plan for a published round, whole.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewSeatPlan {
    #[schema(inline)]
    pub seat_plans: Seats,
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText500>,
}

/// One version of a seat plan.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SeatPlan)]
pub struct SeatPlanDto {
    pub version: i64,
    pub seat_plans: Vec<SeatsDto>,
    /// Why it took the place of the plan before; null for the plan of the draft.
    pub reason: Option<String>,
    #[schema(inline)]
    pub made_at: Instant,
}

impl From<SeatPlan> for SeatPlanDto {
    fn from(plan: SeatPlan) -> Self {
        Self { version: plan.version, seat_plans: seats_of(&plan.plan), reason: plan.reason, made_at: plan.made_at.into() }
    }
}

/// One version of a round's rules, as its draft had them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RuleSetVersion)]
pub struct RuleSetVersionDto {
    pub version: i64,
    #[schema(value_type = RuleSetDto)]
    pub rules: serde_json::Value,
    #[schema(inline)]
    pub made_by: Option<PrincipalRef>,
    #[schema(inline)]
    pub made_at: Instant,
}

impl From<Rules> for RuleSetVersionDto {
    fn from(rules: Rules) -> Self {
        Self { version: rules.version, rules: rules.rules, made_by: rules.made_by.map(Ref), made_at: rules.made_at.into() }
    }
}

/// Something that happened to a round.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolmentRoundEvent {
    #[schema(inline)]
    pub id: EventRef,
    #[serde(rename = "type")]
    #[schema(example = "enrolment_round.published")]
    pub kind: String,
    #[schema(inline)]
    pub occurred_at: Instant,
    /// Who did it; null for everybody but staff of enrolment.
    #[schema(inline)]
    pub actor_id: Option<PrincipalRef>,
    /// Ids and words.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
    /// Why a step was taken early, or another seat plan made.
    pub note: Option<String>,
}

impl EnrolmentRoundEvent {
    /// The reasons are for everybody whom the calendar binds; who gave them is not.
    pub fn of(event: Recorded, as_staff: bool) -> Self {
        Self {
            id: Ref(event.id),
            kind: event.kind,
            occurred_at: event.occurred_at.into(),
            actor_id: event.actor.filter(|_| as_staff).map(Ref),
            data: event.data,
            note: event.note,
        }
    }
}
