//! Retention 材料清除: how long papers are kept after a round, and what is said when they are gone.

use super::application::State;
use crate::actor::Actor;
use crate::kernel::changed::Event;
use crate::kernel::time::Timestamp;

/// How many days papers and names are kept after a round is finished, where the operator says nothing else. Receipts, placements and
/// hashes stay.
pub const PAPERS_KEPT_DAYS: i64 = 180;
/// Families may still go to law about a result that was announced.
pub const PAPERS_KEPT_AT_LEAST_DAYS: i64 = 30;

/// What the history of a round says when its papers were purged; the hash is that of the list of what was deleted.
pub fn purged(applications: i64, papers: i64, manifest_hash: String, now: Timestamp) -> Event {
    let event = Event::new("enrolment_round.purged", None, now).with("applications", applications).with("papers", papers);
    event.with("manifest_hash", manifest_hash)
}

/// What the history of a round says when somebody took the full list with them.
pub fn exported(by: &Actor, now: Timestamp) -> Event {
    Event::new("enrolment_round.exported", Some(by.id), now)
}

/// Whether an application in this state stands in the published lists: from the listing on, as long as it is not given up.
pub const fn is_published(state: State) -> bool {
    matches!(state, State::Listed | State::Offered | State::Waiting | State::ToCoordinate | State::Accepted | State::Enrolled)
}
