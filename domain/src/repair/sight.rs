//! Sight: who sees a ticket, and how much of it.
//!
//! [`Sight`] is data, so that a list can say it as a WHERE clause; [`Ticket::view`] says the same of one ticket, and what it
//! answers must be what the clause selects:
//!
//! ```text
//! reporter = person
//! OR community IN full
//! OR community IN works_in AND (worker = person OR state = 'submitted' AND category's dispatch = 'grab')
//! OR person reported what was merged into it
//! OR home IN homes OR any affected home IN homes
//! ```

use super::category::Dispatch;
use super::machine::State;
use super::ticket::Ticket;
use crate::actor::{Actor, Communities, PrincipalId, Role};
use crate::registry::HomeId;

/// Whose eyes look, and where they may look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    pub person: PrincipalId,
    /// Where they see every ticket whole.
    pub full: Communities,
    /// Where they do repair work.
    pub works_in: Communities,
    /// Homes they are actively bound to.
    pub homes: Vec<HomeId>,
}

/// How much of a ticket is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// That something is broken which touches a home of theirs, or which they reported too, and how it stands: no reporter, no
    /// title, no description, no photos, no words from the history.
    Neighbour,
    /// Everything but the reporter's telephone number.
    WithoutPhone,
    Full,
}

impl Sight {
    /// What an actor sees, given the homes they are bound to.
    pub fn of(actor: &Actor, homes: Vec<HomeId>) -> Self {
        let whole = [Role::CommunityAdmin, Role::Dispatcher, Role::PropertyManager, Role::GridWorker, Role::Auditor];
        // Not `communities_as`: that would make a platform administrator a worker everywhere.
        let works = actor.grants.iter().filter(|g| g.role == Role::RepairWorker);
        let everywhere = works.clone().any(|g| g.community.is_none());
        let works_in = if everywhere { Communities::All } else { Communities::Only(works.filter_map(|g| g.community).collect()) };
        Self { person: actor.id, full: actor.communities_as(&whole), works_in, homes }
    }

    /// The sight with which to load a ticket for `grab`: a worker's whole communities. Who loses the race for a ticket must
    /// be told that it is gone (409), not that it never was (404).
    #[must_use]
    pub fn for_grab(self) -> Self {
        let full = match (self.full, &self.works_in) {
            (Communities::All, _) | (_, Communities::All) => Communities::All,
            (Communities::Only(mut some), Communities::Only(more)) => {
                some.extend(more);
                Communities::Only(some)
            }
        };
        Self { full, ..self }
    }
}

impl Ticket {
    /// How this ticket is shown to these eyes; none when it does not exist for them.
    pub fn view(&self, sight: &Sight) -> Option<View> {
        let f = &self.facts;
        if f.reporter == sight.person || sight.full.contains(f.community) {
            return Some(View::Full);
        }
        if sight.works_in.contains(f.community) {
            // The number is for ringing at the door: from the acceptance until the work is over.
            let at_work = f.state.is_open() && !matches!(f.state, State::Submitted | State::Assigned) || f.state == State::Resolved;
            if f.worker == Some(sight.person) {
                return Some(if at_work { View::Full } else { View::WithoutPhone });
            }
            if f.state == State::Submitted && f.category.dispatch == Dispatch::Grab {
                return Some(View::WithoutPhone);
            }
        }
        if f.also_reported.contains(&sight.person) {
            return Some(View::Neighbour);
        }
        let touched = f.home.iter().chain(&f.affected_homes).any(|home| sight.homes.contains(home));
        touched.then_some(View::Neighbour)
    }
}
