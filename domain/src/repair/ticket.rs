//! The ticket 工单: what is remembered of it, how it begins, and how time closes it.

use std::fmt;
use std::sync::Arc;

use super::alarm::Alarms;
use super::category::{Category, Dispatch};
use super::machine::{Action, State};
use super::money::{Quote, Rating};
use super::report::{Appointment, Report, Reporter};
use super::rotation::{Candidate, next_worker};
use super::sla::Promises;
use super::{CONFIRMED_AFTER_S, Refusal, TicketId, template};
use crate::actor::{Actor, CommunityId, PrincipalId};
use crate::kernel::calendar::Calendars;
use crate::kernel::changed::{Changed, Event};
use crate::kernel::file::FileId;
use crate::kernel::time::Timestamp;
use crate::registry::HomeId;

/// Everything that is remembered of a ticket.
#[derive(Clone, PartialEq, Eq)]
pub struct Facts {
    pub id: TicketId,
    /// 1 when new; one more with every saved change.
    pub version: i64,
    pub community: CommunityId,
    /// As it is now, not as it was at submission: dispatch mode and required photos follow the administrator, while
    /// the promised instants below were fixed when they were given.
    pub category: Arc<Category>,
    pub reporter: PrincipalId,
    pub home: Option<HomeId>,
    pub place: Option<String>,
    pub title: String,
    pub description: String,
    pub photos: Vec<FileId>,
    pub affected_homes: Vec<HomeId>,
    pub appointment: Option<Appointment>,
    pub state: State,
    /// While it is paused; and for good when it was cancelled out of a pause, so that the pause is not held against anybody.
    pub paused: Option<Pause>,
    /// Whose job it is or, once it is resolved, was; none while it waits for somebody.
    pub worker: Option<PrincipalId>,
    pub promises: Promises,
    /// The price that waits for an answer or was approved in this round; a refused one is gone.
    pub quote: Option<Quote>,
    /// What was done; gone when the ticket is reopened.
    pub resolution: Option<Resolution>,
    pub rating: Option<Rating>,
    pub submitted_at: Timestamp,
    pub reopened_at: Option<Timestamp>,
    pub urged_at: Option<Timestamp>,
    /// When it was closed or cancelled.
    pub ended_at: Option<Timestamp>,
    /// The ticket that this one was merged into.
    pub duplicate_of: Option<TicketId>,
    /// How many tickets were merged into this one.
    pub duplicates: i64,
    /// Who reported those, if somebody else.
    pub also_reported: Vec<PrincipalId>,
    pub alarms: Alarms,
}

/// A pause and where the work goes on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    pub from: State,
    pub since: Timestamp,
}

/// What the worker says was done.
#[derive(Clone, PartialEq, Eq)]
pub struct Resolution {
    pub note: String,
    pub photos: Vec<FileId>,
    pub at: Timestamp,
}

/// A repair ticket that can take one decision.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Apart, because a page hands its tickets on many times.
    pub(super) facts: Box<Facts>,
    /// What time did to the ticket since it was saved; it is saved with the next decision.
    settled: Option<Event>,
}

// Descriptions and notes stay out of logs.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("id", &self.id).field("version", &self.version).field("state", &self.state).finish_non_exhaustive()
    }
}

impl fmt::Debug for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolution").field("photos", &self.photos).field("at", &self.at).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts.fmt(f)
    }
}

impl Ticket {
    /// Takes a report. In a `rotate` category whoever's turn it is among the candidates is assigned at once.
    ///
    /// # Errors
    /// [`Refusal::CategoryNotOffered`], [`Refusal::NotYourHome`]. Whether the homes and photos exist is for the caller
    /// to have looked up.
    pub fn submit(
        id: TicketId,
        report: Report,
        by: &Reporter,
        category: &Category,
        calendars: &Calendars,
        candidates: &[Candidate],
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        if !category.active {
            return Err(Refusal::CategoryNotOffered);
        }
        if !by.speaks_for(report.home, category.community) {
            return Err(Refusal::NotYourHome);
        }
        let facts = Facts {
            id,
            version: 1,
            community: category.community,
            category: Arc::new(category.clone()),
            reporter: by.id(),
            home: report.home,
            place: report.place,
            title: report.title,
            description: report.description,
            photos: report.photos,
            affected_homes: report.affected_homes,
            promises: Promises::given(category, calendars, now, report.appointment),
            appointment: report.appointment,
            state: State::Submitted,
            paused: None,
            worker: None,
            quote: None,
            resolution: None,
            rating: None,
            submitted_at: now,
            reopened_at: None,
            urged_at: None,
            ended_at: None,
            duplicate_of: None,
            duplicates: 0,
            also_reported: vec![],
            alarms: Alarms::default(),
        };
        let event = Event::new("repair_ticket.submitted", Some(by.id()), now);
        let mut events = vec![event.with("state", State::Submitted).with("category", category.code.clone())];
        let mut ticket = Self { facts: Box::new(facts), settled: None };
        let ours = candidates.iter().copied().filter(|c| c.worker.community() == category.community).collect::<Vec<_>>();
        if category.dispatch == Dispatch::Rotate
            && let Some(worker) = next_worker(&ours)
        {
            let event =
                Event::new(Action::Assign.event(), None, now).with("worker_id", worker.id()).telling(Some(worker.id()), template::TASK);
            ticket.facts.worker = Some(worker.id());
            events.push(ticket.step(State::Assigned, event));
        }
        ticket.set_alarms();
        Ok(Changed::created(ticket, events))
    }

    /// A ticket as it stands now: time that has passed since it was saved has done its work. That is why the moment is
    /// asked for here, once, and not left to a job that may not have run.
    pub fn restore(facts: Facts, now: Timestamp) -> Self {
        let mut ticket = Self { facts: Box::new(facts), settled: None };
        if let Some(at) = ticket.confirmed_by_time_at().filter(|at| *at <= now) {
            ticket.facts.ended_at = Some(at);
            let event = Event::new(Action::Confirm.event(), None, at).with("automatic", true);
            let event = ticket.telling_reporters(event, template::PROGRESS);
            ticket.settled = Some(ticket.step(State::Closed, event));
        }
        ticket
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// When time will confirm this ticket, if nobody does or reopens it before.
    pub fn confirmed_by_time_at(&self) -> Option<Timestamp> {
        let resolved = self.facts.resolution.as_ref().filter(|_| self.facts.state == State::Resolved)?;
        Some(resolved.at.plus_seconds(CONFIRMED_AFTER_S))
    }

    /// Writes down what time has done, for a job; nothing when time has done nothing. The job is not needed for the
    /// ticket to be closed, only for those who wait for the event.
    pub fn settle(mut self) -> Option<Changed<Self>> {
        let event = self.settled.take()?;
        Some(self.changed(vec![event]))
    }

    /// The event of an action, on its way to be filled in.
    pub(super) fn event(action: Action, by: &Actor, now: Timestamp) -> Event {
        Event::new(action.event(), Some(by.id), now)
    }

    /// Tells whoever reported it, this ticket or one that was merged into it.
    pub(super) fn telling_reporters(&self, event: Event, template: &'static str) -> Event {
        let reporters = std::iter::once(&self.facts.reporter).chain(&self.facts.also_reported);
        reporters.fold(event, |event, id| event.telling(Some(*id), template))
    }

    /// Goes to a state and says so in the event.
    fn step(&mut self, to: State, event: Event) -> Event {
        let from = std::mem::replace(&mut self.facts.state, to);
        event.with("from", from).with("state", to)
    }

    /// Ends a decision: the ticket in its new state, one version on, with the event and whatever time had done before.
    pub(super) fn moved(mut self, to: State, event: Event) -> Changed<Self> {
        let event = self.step(to, event);
        let events = self.settled.take().into_iter().chain([event]).collect();
        self.changed(events)
    }

    fn changed(mut self, events: Vec<Event>) -> Changed<Self> {
        let loaded = self.facts.version;
        self.facts.version = loaded + 1;
        self.set_alarms();
        Changed::from_version(loaded, self, events)
    }
}
