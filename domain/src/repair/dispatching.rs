//! How work finds its worker, and how a ticket ends without work.

use super::machine::{Action, State};
use super::rotation::Worker;
use super::ticket::Ticket;
use super::{Reason, Refusal, template};
use crate::actor::Actor;
use crate::kernel::changed::Changed;
use crate::kernel::time::Timestamp;

impl Ticket {
    /// 派单: a dispatcher asks a worker.
    pub fn assign(mut self, to: &Worker, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Assign, by, now)?;
        self.fits(to)?;
        self.facts.worker = Some(to.id());
        let event = Self::event(Action::Assign, by, now).with("worker_id", to.id()).telling(Some(to.id()), template::TASK);
        Ok(self.moved(State::Assigned, event))
    }

    /// 抢单: a worker takes what lies there. Of many who try at once the first saved wins; for the others the ticket is
    /// loaded again and has changed its state.
    pub fn grab(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Grab, by, now)?;
        self.facts.worker = Some(by.id);
        self.facts.promises.accept = self.facts.promises.accept.keep(now);
        let event = self.telling_reporters(Self::event(Action::Grab, by, now).with("worker_id", by.id), template::PROGRESS);
        Ok(self.moved(State::Accepted, event))
    }

    /// 接单
    pub fn accept(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Accept, by, now)?;
        self.facts.promises.accept = self.facts.promises.accept.keep(now);
        let event = self.telling_reporters(Self::event(Action::Accept, by, now).with("worker_id", by.id), template::PROGRESS);
        Ok(self.moved(State::Accepted, event))
    }

    /// 退单: the worker says no, and the ticket waits for somebody again. It is not rotated on: that would pass a job
    /// that nobody wants round for ever without a dispatcher seeing it.
    pub fn decline(mut self, reason: Reason, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Decline, by, now)?;
        self.facts.worker = None;
        let event = Self::event(Action::Decline, by, now).with("worker_id", by.id).noting(reason.into_string());
        Ok(self.moved(State::Submitted, event))
    }

    /// 转单: somebody else is asked. The first acceptance keeps its promise to the reporter; arrival goes on counting.
    pub fn transfer(mut self, to: &Worker, reason: Reason, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Transfer, by, now)?;
        self.fits(to)?;
        let before = self.facts.worker.replace(to.id());
        let event = Self::event(Action::Transfer, by, now).with("worker_id", to.id()).noting(reason.into_string());
        let event = event.telling(Some(to.id()), template::TASK).telling(before, template::TASK);
        Ok(self.moved(State::Assigned, event))
    }

    /// 取消: by the reporter until somebody has accepted, by a dispatcher while it is open.
    pub fn cancel(mut self, reason: Reason, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Cancel, by, now)?;
        self.facts.ended_at = Some(now);
        let event = Self::event(Action::Cancel, by, now).noting(reason.into_string());
        let event = self.telling_reporters(event, template::PROGRESS).telling(self.facts.worker, template::TASK);
        Ok(self.moved(State::Cancelled, event))
    }

    /// 合并: this ticket tells of what another one tells already. The other one takes over the homes and who reported it, so
    /// that everybody goes on seeing, and being told, how it stands.
    ///
    /// Both change and both must be saved: the other one's new version is what keeps it from being cancelled, or
    /// merged itself, at the same moment.
    pub fn merge(mut self, mut into: Ticket, by: &Actor, now: Timestamp) -> Result<(Changed<Self>, Changed<Self>), Refusal> {
        self.guard(Action::Merge, by, now)?;
        if into.facts.id == self.facts.id {
            return Err(Refusal::SameTicket);
        }
        if into.facts.community != self.facts.community {
            return Err(Refusal::OtherCommunity);
        }
        if !into.facts.state.is_open() {
            return Err(Refusal::TargetNotOpen);
        }
        self.facts.ended_at = Some(now);
        self.facts.duplicate_of = Some(into.facts.id);
        into.facts.duplicates += 1;
        for home in self.facts.home.into_iter().chain(self.facts.affected_homes.iter().copied()) {
            if into.facts.home != Some(home) && !into.facts.affected_homes.contains(&home) {
                into.facts.affected_homes.push(home);
            }
        }
        if self.facts.reporter != into.facts.reporter && !into.facts.also_reported.contains(&self.facts.reporter) {
            into.facts.also_reported.push(self.facts.reporter);
        }
        let event = Self::event(Action::Merge, by, now).with("duplicate_of", into.facts.id);
        let event = event.telling(Some(self.facts.reporter), template::PROGRESS).telling(self.facts.worker, template::TASK);
        let mut absorbed = Self::event(Action::Merge, by, now).with("duplicate", self.facts.id);
        absorbed.kind = "repair_ticket.absorbed";
        let state = into.facts.state;
        Ok((self.moved(State::Cancelled, event), into.moved(state, absorbed)))
    }

    fn fits(&self, to: &Worker) -> Result<(), Refusal> {
        if to.community() != self.facts.community {
            return Err(Refusal::NotAWorker);
        }
        if self.facts.worker == Some(to.id()) { Err(Refusal::SameWorker) } else { Ok(()) }
    }
}
