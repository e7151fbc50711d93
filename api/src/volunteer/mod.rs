//! Volunteer service 志愿服务 over HTTP. The domain's module of the same name says what the words mean and draws the states.
//!
//! Whatever reads a line of waiting people settles it first, when time has left something to settle: see [`settle_due`].

mod activities;
mod certificates;
mod commands;
mod dto;
mod guardians;
mod history;
mod notice;
mod picture;
mod refusal;
mod roster;
mod seats;
mod shifts;
mod sign_ups;
mod swaps;

pub use self::commands::settle_one;
pub use self::notice::words;
pub use self::seats::leave_all;

use jiazai_domain::actor::Role;
use jiazai_infra::volunteer::{self as store, Look};

use crate::call::Call;
use crate::error::ApiError;
use crate::route::Api;

/// Who leads volunteers.
const LEADERS: &[Role] = &[Role::VolunteerLeader, Role::CommunityAdmin];

pub fn routes(api: &mut Api) {
    activities::routes(api);
    shifts::routes(api);
    sign_ups::routes(api);
    guardians::routes(api);
    swaps::routes(api);
    certificates::routes(api);
    history::routes(api);
}

/// More than this are left to the next reader.
const AT_ONCE: i64 = 50;

/// Writes down what time has done to the lines that are about to be shown: ends offers, passes places on. Looks first, and
/// writes nothing when there is nothing.
async fn settle_due(call: &Call, look: Look) -> Result<(), ApiError> {
    let due = call.app.db.read_brief(move |tx| store::due_shifts(tx, look, AT_ONCE)).await?;
    for id in &due {
        let (id, app) = (*id, call.app.clone());
        call.app.db.write(move |tx| settle_one(tx, &app.vault, id)).await?;
    }
    if !due.is_empty() {
        call.app.jobs.wake();
    }
    Ok(())
}
