//! The three promises of a ticket 时限: somebody accepts, arrives, is done.

use serde::Serialize;

use super::category::Category;
use super::machine::State;
use super::report::Appointment;
use super::ticket::Ticket;
use crate::kernel::calendar::{Calendar, Calendars};
use crate::kernel::clock::{Promise, PromiseView};
use crate::kernel::time::Timestamp;

/// What was promised for this round of work; reopening begins a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promises {
    pub accept: Promise,
    pub arrive: Promise,
    pub resolve: Promise,
}

/// The promises as they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sla {
    pub accept: PromiseView,
    pub arrive: PromiseView,
    pub resolve: PromiseView,
}

/// From when arrival and resolution count: from an appointment that is still ahead, else from the round's beginning.
fn counted_from(began_at: Timestamp, appointment: Option<Appointment>) -> Timestamp {
    appointment.map_or(began_at, |a| a.from.max(began_at))
}

impl Promises {
    pub(super) fn given(category: &Category, calendars: &Calendars, began_at: Timestamp, appointment: Option<Appointment>) -> Self {
        let calendar = calendars.get_or_always(&category.calendar);
        let visit = counted_from(began_at, appointment);
        Self {
            accept: Promise::given(began_at, category.accept_within(), calendar),
            arrive: Promise::given(visit, category.arrive_within(), calendar),
            resolve: Promise::given(visit, category.resolve_within(), calendar),
        }
    }

    fn after_pause(self, calendar: &Calendar, visit: Timestamp, since: Timestamp, until: Timestamp) -> Self {
        // Nothing can be paused before it is accepted, so that promise is never moved.
        Self {
            arrive: self.arrive.after_pause(calendar, visit, since, until),
            resolve: self.resolve.after_pause(calendar, visit, since, until),
            ..self
        }
    }
}

impl Ticket {
    /// How the promises stand at this moment.
    pub fn sla(&self, now: Timestamp) -> Sla {
        let f = &self.facts;
        let stopped_at = match f.state {
            State::Paused | State::Cancelled => f.paused.map(|p| p.since).or(f.ended_at),
            _ => None,
        };
        let p = &f.promises;
        Sla { accept: p.accept.view(stopped_at, now), arrive: p.arrive.view(stopped_at, now), resolve: p.resolve.view(stopped_at, now) }
    }

    /// The earliest instant by which somebody still has to do something; none while the ticket is paused, or when
    /// nothing is left to do. It changes with decisions only, never with time, so it can be kept in a column and
    /// compared with the clock.
    pub fn next_due_at(&self) -> Option<Timestamp> {
        let f = &self.facts;
        if !f.state.is_open() || f.state == State::Paused {
            return None;
        }
        [f.promises.accept, f.promises.arrive, f.promises.resolve].into_iter().filter_map(Promise::open_until).min()
    }

    /// Whether something that was promised is late now.
    pub fn overdue(&self, now: Timestamp) -> bool {
        self.next_due_at().is_some_and(|due| due < now)
    }

    /// The promises after a pause that ends now.
    pub(super) fn promises_after_pause(&self, since: Timestamp, now: Timestamp, calendars: &Calendars) -> Promises {
        let f = &self.facts;
        let visit = counted_from(f.reopened_at.unwrap_or(f.submitted_at), f.appointment);
        f.promises.after_pause(calendars.get_or_always(&f.category.calendar), visit, since, now)
    }
}
