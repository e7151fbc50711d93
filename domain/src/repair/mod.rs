//! Repair tickets 报修: something is broken, somebody says so, and somebody mends it within a promised time.
//!
//! A *reporter* 报修人 reports; a *category* 类别 says how work finds a worker (grab 抢单, assign 派单, rotate 轮派), what
//! times are promised and by which calendar; a *worker* 维修师傅 accepts, arrives, perhaps asks a price and resolves; the
//! reporter confirms and rates. *Neighbours* are residents whose homes a ticket touches: the leak seen on the third
//! floor may come from the fifth.
//!
//! A [`Ticket`] is loaded from its [`Facts`], takes one decision, and is handed back as a
//! [`Changed`](crate::kernel::changed::Changed). Every decision and [`Ticket::allowed_actions`] ask the same guard, so
//! a button that is shown works and a button that works is shown.

mod alarm;
mod category;
mod dispatching;
mod guard;
mod machine;
mod money;
mod refusal;
mod report;
mod reporting;
mod rotation;
mod sight;
mod sla;
#[cfg(test)]
mod tests;
mod ticket;
mod working;

pub use alarm::{Alarm, Alarms, Attending, DUE_SOON, OVERDUE};
pub use category::{Category, CategoryDraft, CategoryFacts, Dispatch};
pub use machine::{Action, MACHINE, Party, State};
pub use money::{MAX_QUOTE_FEN, MAX_QUOTE_ITEMS, Quote, QuoteItem, Rating};
pub use refusal::Refusal;
pub use report::{Appointment, Report, ReportDraft, Reporter};
pub use reporting::REMARKED;
pub use rotation::{Candidate, Worker, next_worker};
pub use sight::{Sight, View};
pub use sla::{Promises, Sla};
pub use ticket::{Facts, Pause, Resolution, Ticket};

use crate::kernel::text::{Line, Prose};

crate::ids! {
    /// A repair ticket.
    TicketKind, TicketId = "tkt";
}

/// What is broken, in one line.
pub type Title = Line<60>;
/// What is broken, told.
pub type Description = Prose<2000>;
/// Where a public thing is, or where in a home.
pub type Place = Line<200>;
/// Why somebody declines, transfers, pauses, reopens or cancels.
pub type Reason = Prose<500>;
/// What the worker did.
pub type Note = Prose<2000>;
/// What the reporter says with a rating.
pub type Comment = Prose<500>;

/// Photos of a report or of a resolution.
pub const MAX_PHOTOS: usize = 9;
/// Homes that a reporter may name as affected.
pub const MAX_AFFECTED_HOMES: usize = 20;
/// After this long a resolved ticket counts as confirmed.
pub const CONFIRMED_AFTER_S: i64 = 72 * 3600;
/// For this long after the resolution the reporter may reopen.
pub const REOPEN_WITHIN_S: i64 = 7 * 86_400;
/// The reporter may urge again after this long.
pub const URGE_EVERY_S: i64 = 30 * 60;
/// How far ahead an appointment may begin.
pub const APPOINTMENT_WITHIN_S: i64 = 30 * 86_400;

/// What notices are about; each is a message template of its own.
pub mod template {
    /// To a worker: there is something to do, or no longer.
    pub const TASK: &str = "repair_task";
    /// To the reporter: the work has moved on.
    pub const PROGRESS: &str = "repair_progress";
    /// To the reporter: a price waits for an answer.
    pub const QUOTE: &str = "repair_quote";
    /// To the reporter: it is done, please confirm and rate.
    pub const RESOLVED: &str = "repair_resolved";
}
