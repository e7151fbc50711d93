//! What changes of a round: other seats, and other rules of its draft.

use deserr::Deserr;
use jiazai_infra::enrolment::{Rules, SeatPlan};
use serde::Serialize;
use utoipa::ToSchema;

use super::{RuleSetDto, Seats, SeatsDto, seats_of};
use crate::input::named::{AnyText500, PrincipalRef};
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
