//! School enrolment 入学登记 over HTTP. The domain's module of the same name says what the words mean.

mod applications;
mod draws;
mod jobs;
mod placements;
mod steps;

pub use applications::{view_of, words};
pub use draws::check_file;
pub use jobs::{purge_due, settle_offers};

use jiazai_domain::actor::Actor;
use jiazai_domain::enrolment::round::{Facts, Refusal, Round};

use crate::error::{ApiError, code};
use crate::faults::faulty;
use crate::route::Api;

pub fn routes(api: &mut Api) {
    applications::routes(api);
    steps::routes(api);
    draws::routes(api);
    placements::routes(api);
}

pub fn round_refusal(round: &Facts, who: &Actor, refusal: Refusal) -> ApiError {
    let allowed = Round::actions_in(round.state, round.community, who).into_iter().map(|a| a.as_str()).collect();
    match refusal {
        Refusal::NotForYou => ApiError::new(code::FORBIDDEN),
        Refusal::Faults(faults) => faulty("", faults),
        _ => ApiError::new(code::STATE_CONFLICT).in_state(round.state.as_str(), allowed),
    }
}
