//! 预警与升级: what is said when a promise is about to be broken, and when it is.
//!
//! ```text
//!  promised ───────────── due - 30 min ───────── due ─────────►
//!                         warning 预警           escalation 升级
//!                         to the worker          to worker and dispatchers
//! ```
//!
//! Each promise gives both, once. They change nothing about the ticket, so its version stays: nobody's `If-Match` fails because
//! a clock has struck. That a ticket is overdue is worked out on reading and needs no alarm.

use super::template;
use super::ticket::Ticket;
use crate::actor::PrincipalId;
use crate::kernel::changed::Event;
use crate::kernel::time::Timestamp;

/// How long before the end of a promise the warning comes, in milliseconds; a quarter of what was promised where that is less.
const WARNING_MS: i64 = 30 * 60 * 1000;

/// Which alarm is next. It moves when the promise that is next does, and when an alarm was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alarms {
    /// The end of the promise that they are about.
    pub due: Option<Timestamp>,
    /// Before `due` it is the warning, at `due` the escalation; none when both were given.
    pub next: Option<Timestamp>,
    /// This decision has moved them. Otherwise a job may have given one meanwhile, and what was loaded must not be saved over that.
    pub moved: bool,
}

/// An alarm to be given.
#[derive(Debug)]
pub struct Alarm {
    pub next: Option<Timestamp>,
    pub event: Event,
}

impl Ticket {
    /// A promise that was not the next one before gets alarms of its own.
    pub(super) fn set_alarms(&mut self) {
        let due = self.next_due_at();
        let f = &mut self.facts;
        if f.alarms.due != due {
            let began = f.reopened_at.unwrap_or(f.submitted_at);
            let early = |due: Timestamp| WARNING_MS.min((due.millis() - began.millis()).max(0) / 4);
            f.alarms = Alarms { due, next: due.map(|due| Timestamp::from_millis(due.millis() - early(due))), moved: true };
        }
    }

    /// The alarm whose time has come. `attending` are those who find somebody for the work: they hear of an escalation, and of
    /// a warning while nobody has the job.
    pub fn alarm(&self, attending: &[PrincipalId], now: Timestamp) -> Option<Alarm> {
        let f = &self.facts;
        let (due, next) = (f.alarms.due?, f.alarms.next?);
        if next > now {
            return None;
        }
        // Whoever comes too late to warn does not: the escalation says it all.
        let is_late = now >= due;
        let kind = if is_late { "repair_ticket.overdue" } else { "repair_ticket.due_soon" };
        let event = Event::new(kind, None, now).with("due_at", due).with("state", f.state).telling(f.worker, template::TASK);
        let others: &[PrincipalId] = if is_late || f.worker.is_none() { attending } else { &[] };
        let others = others.iter().filter(|id| f.worker != Some(**id));
        let event = others.fold(event, |event, id| event.telling(Some(*id), template::TASK));
        Some(Alarm { next: if is_late { None } else { Some(due) }, event })
    }
}
