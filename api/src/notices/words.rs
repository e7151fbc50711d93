//! What messages and the inbox say. Each module that sends notices knows the words for its own events; here they are asked, for all
//! the events that one person is told of at once.

use std::collections::HashMap;

use jiazai_domain::actor::Actor;
use jiazai_domain::kernel::id::{Id, Kind};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::{self, EventId, Recorded};
use jiazai_infra::vault::Vault;

use crate::{content, enrolment, registry, repair, volunteer, webhooks};

/// What a message says.
#[derive(Debug, Clone)]
pub struct Words {
    pub title: String,
    pub phrase: &'static str,
    pub when: Timestamp,
    pub page: String,
}

impl Words {
    /// `title`, what it is about, is cut to 20 characters; `phrase`, how it stands, has at most 5 Chinese ones; `when` is when that
    /// happened, or the moment that matters about it; `page` is what a tap opens.
    pub fn new(title: &str, phrase: &'static str, when: Timestamp, page: String) -> Self {
        let title: String = title.chars().filter(|c| !c.is_control()).take(20).collect();
        Self { title, phrase, when, page }
    }
}

/// Words by event. None for an event whose thing is gone.
pub type Said = HashMap<EventId, Words>;

/// The words of these events, for one person: what they do not see of a thing stands in no message to them either. `to` is nobody
/// where the account may not act any more.
pub fn words(tx: &mut Tx, vault: &Vault, to: Option<&Actor>, ids: &[EventId]) -> Result<Said, DbError> {
    let mut said = Said::new();
    // A statement has room for so many values and not for any number.
    for some in ids.chunks(500) {
        let events = events::by_ids(tx, some)?;
        repair::words(tx, to, &events, &mut said)?;
        volunteer::words(tx, &events, &mut said)?;
        enrolment::words(tx, &events, &mut said)?;
        content::words(tx, &events, &mut said)?;
        webhooks::words(tx, &events, &mut said)?;
        registry::words(tx, vault, &events, &mut said)?;
    }
    Ok(said)
}

/// Those of the events that are about such a thing, each with its id.
pub fn about<K: Kind>(events: &[Recorded]) -> Vec<(Id<K>, &Recorded)> {
    events.iter().filter_map(|event| Some((event.subject.parse().ok()?, event))).collect()
}

/// The things that they are about, each once.
pub fn things<K: Kind>(about: &[(Id<K>, &Recorded)]) -> Vec<Id<K>> {
    let mut ids: Vec<Id<K>> = about.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Stage;

    /// How many notices have words, and how many statements that took.
    fn said_of(tickets: usize) -> (usize, usize) {
        let stage = Stage::with(tickets);
        let vault = Vault::from_hex(&"7".repeat(64)).expect("a key");
        let (to, events) = (stage.reporter.clone(), stage.events.clone());
        let (said, statements) = stage.reading(move |tx| words(tx, &vault, Some(&to), &events));
        (said.len(), statements)
    }

    #[test]
    fn a_long_page_of_notices_takes_no_more_statements_than_a_short_one() {
        let ((few, short), (many, long)) = (said_of(2), said_of(40));
        assert_eq!((few, many), (2, 40));
        assert!(short > 0 && long == short, "{short} for two, {long} for forty");
    }
}
