//! 预警与升级: what is said when a promise is about to be broken, and when it is.
//!
//! ```text
//!  promised ───────────── due - 30 min ───────── due ─────────►
//!                         warning 预警           escalation 升级
//!                         to the worker          to worker and dispatchers
//! ```
//!
//! While nobody has the job, dispatchers hear of both, and where work is grabbed 抢单, those who might grab it. Once somebody has it,
//! it is their own and the dispatchers' affair: their colleagues do not even see the ticket.
//!
//! Each promise gives both, once. They change nothing about the ticket, so its version stays: nobody's `If-Match` fails because
//! a clock has struck. That a ticket is overdue is worked out on reading and needs no alarm.

use super::category::Dispatch;
use super::template;
use super::ticket::Ticket;
use crate::actor::PrincipalId;
use crate::kernel::changed::Event;
use crate::kernel::time::Timestamp;

/// What an alarm leaves in the history.
pub const DUE_SOON: &str = "repair_ticket.due_soon";
pub const OVERDUE: &str = "repair_ticket.overdue";

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

/// Those in a community who find somebody for the work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attending {
    pub dispatchers: Vec<PrincipalId>,
    pub workers: Vec<PrincipalId>,
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

    /// The alarm whose time has come, for those of the `attending` whom it concerns.
    pub fn alarm(&self, attending: &Attending, now: Timestamp) -> Option<Alarm> {
        let f = &self.facts;
        let (due, next) = (f.alarms.due?, f.alarms.next?);
        if next > now {
            return None;
        }
        // Whoever comes too late to warn does not: the escalation says it all.
        let is_late = now >= due;
        let kind = if is_late { OVERDUE } else { DUE_SOON };
        let is_open_to_all = f.worker.is_none() && f.category.dispatch == Dispatch::Grab;
        let mut told: Vec<PrincipalId> = f.worker.into_iter().collect();
        let dispatchers = attending.dispatchers.iter().filter(|_| is_late || f.worker.is_none());
        for id in dispatchers.chain(attending.workers.iter().filter(|_| is_open_to_all)) {
            if !told.contains(id) {
                told.push(*id);
            }
        }
        let event = Event::new(kind, None, now).with("due_at", due).with("state", f.state);
        let event = told.into_iter().fold(event, |event, id| event.telling(Some(id), template::TASK));
        Some(Alarm { next: if is_late { None } else { Some(due) }, event })
    }
}
