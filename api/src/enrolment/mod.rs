//! School enrolment 入学登记 over HTTP. The domain's module of the same name says what the words mean.
//!
//! A *round* is drafted by an enrolment administrator, published, and then goes from step to step; its rules are data that
//! families can read. `schools` and `rounds` keep what a season is made of, `plans` what was changed of it later,
//! `precheck` answers before anything is stored, `dictionary` says which facts and rule sets there are.
//!
//! An *application* is what a family hands in (`applications`); `steps` are the round's steps over all of them, `draws` what
//! anybody may check, `placements` what is published, `numbers` what can be counted and proved, `jobs` what time does.

mod applications;
mod dictionary;
mod draws;
mod dto;
mod jobs;
mod numbers;
mod placements;
mod plans;
mod precheck;
mod refusal;
mod rounds;
mod say;
mod schools;
mod steps;

pub use self::applications::{view_of, words};
pub use self::draws::check_file;
pub use self::jobs::{purge_due, settle_offers};
pub use self::say::say;

use jiazai_domain::actor::Role;

use crate::error::{ApiError, code};
use crate::route::Api;

/// Who runs enrolment.
const ADMINS: &[Role] = &[Role::EnrolmentAdmin];

pub fn routes(api: &mut Api) {
    schools::routes(api);
    rounds::routes(api);
    plans::routes(api);
    precheck::routes(api);
    dictionary::routes(api);
    applications::routes(api);
    steps::routes(api);
    draws::routes(api);
    placements::routes(api);
    numbers::routes(api);
}

fn absent() -> ApiError {
    ApiError::new(code::NOT_FOUND)
}
