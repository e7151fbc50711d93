//! Rounds that were loaded lately, whole and shared.
//!
//! Building a round's rules searches them for contradictions, and on a registration day every submit needs the round. What
//! is kept is found by the row's `stamp`, which is read anew each time and is another one after every change, so nothing
//! here is ever out of date, on however many instances, and there is nothing to clear.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use jiazai_domain::enrolment::round::Facts;

/// Rounds that are open at the same time in a district; more are built when they are asked for.
const KEPT: usize = 64;

static ROUNDS: Mutex<VecDeque<(String, Arc<Facts>)>> = Mutex::new(VecDeque::new());

/// The round with this stamp, if it is kept; it will be kept longer for having been asked for.
pub(super) fn get(stamp: &str) -> Option<Arc<Facts>> {
    let mut rounds = ROUNDS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let at = rounds.iter().position(|(known, _)| known == stamp)?;
    if at > 0 {
        let found = rounds.remove(at)?;
        rounds.push_front(found);
    }
    rounds.front().map(|(_, facts)| facts.clone())
}

pub(super) fn put(stamp: String, facts: Arc<Facts>) {
    let mut rounds = ROUNDS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // Two may have built it at once.
    if rounds.iter().all(|(known, _)| *known != stamp) {
        rounds.push_front((stamp, facts));
        rounds.truncate(KEPT);
    }
}
