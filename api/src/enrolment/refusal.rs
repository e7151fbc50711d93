//! The domain's refusals about rounds in the words of the API.

use jiazai_domain::actor::Actor;
use jiazai_domain::enrolment::round::{Facts, Refusal, Round};

use crate::error::{ApiError, Code, code};
use crate::faults::faulty;

/// What every step of a round may be refused with.
pub const STEP: &[&Code] = &[code::STATE_CONFLICT, code::STALE, code::TOO_EARLY];

/// How many families nobody has decided about, and what to do.
pub fn undecided(applications: i64) -> (String, String) {
    (
        format!("还有 {applications} 份登记尚未审核完毕；请先完成审核，或填写 early 和理由"),
        format!("{applications} applications are not decided about; decide them, or send early and a reason"),
    )
}

/// How a round stood before a decision that may be refused.
pub struct Standing {
    state: &'static str,
    allowed: Vec<&'static str>,
}

impl Standing {
    pub fn of(f: &Facts, who: &Actor) -> Self {
        let allowed = Round::actions_in(f.state, f.community, who).into_iter().map(|action| action.as_str()).collect();
        Self { state: f.state.as_str(), allowed }
    }

    /// Of a round that is not there yet.
    pub fn none() -> Self {
        Self { state: "draft", allowed: vec![] }
    }

    /// The refusal as an answer.
    pub fn refuse(self, refusal: Refusal) -> ApiError {
        let Self { state, allowed } = self;
        let with = |code| ApiError::new(code).in_state(state, allowed);
        match refusal {
            Refusal::NotForYou => ApiError::new(code::FORBIDDEN),
            Refusal::WrongState { .. } => with(code::STATE_CONFLICT),
            Refusal::TooEarly { ends_at } => {
                let when = ends_at.local().format("%-m月%-d日 %H:%M").to_string();
                with(code::TOO_EARLY).because(
                    format!("{when} 之前居民仍可办理；提前进行须填写 early 和理由"),
                    format!("Families may still act until {ends_at}; to go on before that, send early and a reason"),
                )
            }
            Refusal::ObjectionsPending => with(code::OBJECTIONS_PENDING),
            Refusal::Undecided { applications } => with(code::UNDECIDED).because(undecided(applications).0, undecided(applications).1),
            Refusal::SeatsLowered => with(code::SEATS_LOWERED),
            Refusal::ReasonMissing => ApiError::fault("/reason", "reason_missing", "请说明理由", "must be given"),
            Refusal::Faults(faults) => faulty("", faults),
        }
    }
}
