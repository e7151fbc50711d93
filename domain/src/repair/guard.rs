//! The guard: who may do what, now. Decisions and `allowed_actions` both ask it and nobody else decides.

use super::category::Dispatch;
use super::machine::{Action, MACHINE, Party, State};
use super::ticket::Ticket;
use super::{REOPEN_WITHIN_S, Refusal, URGE_EVERY_S};
use crate::actor::Actor;
use crate::kernel::time::Timestamp;

impl Ticket {
    /// What the actor is to this ticket. A worker whose role was taken away is no longer the assigned worker, though
    /// the ticket still names them: a dispatcher has to find somebody else.
    pub fn parties(&self, actor: &Actor) -> Vec<Party> {
        let f = &self.facts;
        let works_here = actor.repair_worker_of(f.community).is_ok();
        let is = [
            (Party::Reporter, actor.id == f.reporter),
            (Party::RepairWorker, works_here),
            (Party::AssignedWorker, works_here && f.worker == Some(actor.id)),
            (Party::Dispatcher, actor.dispatcher_of(f.community).is_ok()),
        ];
        is.into_iter().filter(|(_, holds)| *holds).map(|(party, _)| party).collect()
    }

    /// What this actor may do with the ticket at this moment, time windows and once-only rules included.
    pub fn allowed_actions(&self, actor: &Actor, now: Timestamp) -> Vec<Action> {
        let mut actions = MACHINE.actions(self.facts.state, &self.parties(actor));
        actions.retain(|action| self.guard_now(*action, now).is_ok());
        actions
    }

    /// The one answer to "may they, now?". Forbidden comes before wrong state: who has no business with a ticket
    /// does not learn where it stands.
    pub(super) fn guard(&self, action: Action, actor: &Actor, now: Timestamp) -> Result<(), Refusal> {
        let f = &self.facts;
        MACHINE.check(action, f.state, &self.parties(actor)).map_err(|denied| Refusal::denied(denied, f.state))?;
        self.guard_now(action, now)
    }

    /// What the table does not say: time windows, and what happens once.
    fn guard_now(&self, action: Action, now: Timestamp) -> Result<(), Refusal> {
        let f = &self.facts;
        match action {
            Action::Grab if f.category.dispatch != Dispatch::Grab => Err(Refusal::NotGrabbable),
            Action::Resume if self.resumes_to().is_none() => Err(Refusal::WrongState { state: f.state }),
            Action::Rate if f.rating.is_some() => Err(Refusal::AlreadyRated),
            Action::Reopen if f.reopened_at.is_some() => Err(Refusal::ReopenedAlready),
            Action::Reopen if f.resolution.as_ref().is_none_or(|r| now > r.at.plus_seconds(REOPEN_WITHIN_S)) => Err(Refusal::TooLate),
            Action::Urge => match f.urged_at.map(|at| at.plus_seconds(URGE_EVERY_S)) {
                Some(retry_at) if now < retry_at => Err(Refusal::UrgedRecently { retry_at }),
                _ => Ok(()),
            },
            Action::Merge if f.duplicates > 0 => Err(Refusal::HasDuplicates),
            _ => Ok(()),
        }
    }

    /// Where a paused ticket goes on, if the table knows that way.
    pub(super) fn resumes_to(&self) -> Option<State> {
        let from = self.facts.paused?.from;
        MACHINE.edge(Action::Resume, State::Paused, from).map(|edge| edge.to)
    }
}
