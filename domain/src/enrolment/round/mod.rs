//! Rounds 招生批次: one season of one stage, from the announcement to the last check-in.
//!
//! A round has a *calendar* of instants, a *seat plan* 学位计划 that is numbered anew whenever it changes, *zones* 片区 that
//! tie buildings or doors to schools, a birth window, and its rules. The calendar binds what residents may do;
//! administrators step from state to state, and before a window's end only by saying why.

mod aggregate;
mod draft;
mod machine;
#[cfg(test)]
mod tests;
mod zone;

pub use aggregate::{Facts, Refusal, Round, Step};
pub use draft::{Calendar, ConsentText, MAX_SCHOOLS, MAX_SEATS, MAX_ZONES, RoundDraft, Seats, SeatsInput, Stage};
pub use machine::{Action, MACHINE, Party, State};
pub use zone::{Parity, Zone, ZoneInput, ZonePlace, ZoneSite, schools_for};

use super::SchoolId;
use crate::kernel::text::Prose;

/// Why an administrator steps early, or changes a plan that was published.
pub type Reason = Prose<500>;

/// A school and its seats in a plan, for those who fill them: ascending by school, each once.
pub type Plan = std::collections::BTreeMap<SchoolId, i64>;
