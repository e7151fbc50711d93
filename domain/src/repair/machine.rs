//! The machine of a repair ticket: its states, what may be done, by whom.

use crate::kernel::workflow::{Edge, Machine, edge};

crate::words! {
    /// Where a ticket stands.
    State {
        /// 待派单: nobody has it yet.
        Submitted = "submitted",
        /// 待接单: somebody was asked.
        Assigned = "assigned",
        /// 已接单
        Accepted = "accepted",
        /// 已到场
        OnSite = "on_site",
        /// 已报价: a price waits for the reporter.
        Quoted = "quoted",
        /// 已同意报价
        Approved = "approved",
        /// 已暂停: the clock stands still.
        Paused = "paused",
        /// 待确认
        Resolved = "resolved",
        /// 已完成
        Closed = "closed",
        /// 已取消
        Cancelled = "cancelled",
    }

    /// What may be done with a ticket.
    Action {
        Assign = "assign",
        Grab = "grab",
        Accept = "accept",
        Decline = "decline",
        Transfer = "transfer",
        Arrive = "arrive",
        Quote = "quote",
        ApproveQuote = "approve-quote",
        RefuseQuote = "refuse-quote",
        Pause = "pause",
        Resume = "resume",
        Resolve = "resolve",
        Confirm = "confirm",
        Reopen = "reopen",
        Rate = "rate",
        Urge = "urge",
        Cancel = "cancel",
        Merge = "merge",
    }

    /// What somebody is to a ticket.
    Party {
        Reporter = "reporter",
        /// Any worker of the community.
        RepairWorker = "repair_worker",
        /// The worker whom the ticket was given to.
        AssignedWorker = "assigned_worker",
        Dispatcher = "dispatcher",
        /// The rules themselves: rotation at submission, confirmation by the passing of time.
        System = "system",
    }
}

impl State {
    /// Work is still to be done. A resolved ticket waits for nothing but a nod, so it can be neither urged nor merged.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Resolved | Self::Closed | Self::Cancelled)
    }
}

impl Action {
    /// The kind of event that this action leaves.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Assign => "repair_ticket.assigned",
            Self::Grab => "repair_ticket.grabbed",
            Self::Accept => "repair_ticket.accepted",
            Self::Decline => "repair_ticket.declined",
            Self::Transfer => "repair_ticket.transferred",
            Self::Arrive => "repair_ticket.arrived",
            Self::Quote => "repair_ticket.quoted",
            Self::ApproveQuote => "repair_ticket.quote_approved",
            Self::RefuseQuote => "repair_ticket.quote_refused",
            Self::Pause => "repair_ticket.paused",
            Self::Resume => "repair_ticket.resumed",
            Self::Resolve => "repair_ticket.resolved",
            Self::Confirm => "repair_ticket.confirmed",
            Self::Reopen => "repair_ticket.reopened",
            Self::Rate => "repair_ticket.rated",
            Self::Urge => "repair_ticket.urged",
            Self::Cancel => "repair_ticket.cancelled",
            Self::Merge => "repair_ticket.merged",
        }
    }
}

use Action as A;
use Party::{AssignedWorker, Dispatcher, RepairWorker, Reporter, System};
use State as S;

const EDGES: &[Edge<State, Action, Party>] = &[
    edge(A::Assign, S::Submitted, S::Assigned, &[Dispatcher, System]),
    edge(A::Grab, S::Submitted, S::Accepted, &[RepairWorker]),
    edge(A::Accept, S::Assigned, S::Accepted, &[AssignedWorker]),
    edge(A::Decline, S::Assigned, S::Submitted, &[AssignedWorker]),
    edge(A::Transfer, S::Assigned, S::Assigned, &[AssignedWorker, Dispatcher]),
    edge(A::Transfer, S::Accepted, S::Assigned, &[AssignedWorker, Dispatcher]),
    edge(A::Arrive, S::Accepted, S::OnSite, &[AssignedWorker]),
    edge(A::Quote, S::OnSite, S::Quoted, &[AssignedWorker]),
    edge(A::ApproveQuote, S::Quoted, S::Approved, &[Reporter]),
    edge(A::RefuseQuote, S::Quoted, S::OnSite, &[Reporter]),
    // A paused ticket remembers where it came from and can only go back there: one pair of rows for each state.
    edge(A::Pause, S::Accepted, S::Paused, &[AssignedWorker, Dispatcher]),
    edge(A::Pause, S::OnSite, S::Paused, &[AssignedWorker, Dispatcher]),
    edge(A::Pause, S::Approved, S::Paused, &[AssignedWorker, Dispatcher]),
    edge(A::Resume, S::Paused, S::Accepted, &[AssignedWorker, Dispatcher]),
    edge(A::Resume, S::Paused, S::OnSite, &[AssignedWorker, Dispatcher]),
    edge(A::Resume, S::Paused, S::Approved, &[AssignedWorker, Dispatcher]),
    // Not from `quoted`: a price that was asked must be answered first, so nobody pays for what they did not approve.
    edge(A::Resolve, S::OnSite, S::Resolved, &[AssignedWorker]),
    edge(A::Resolve, S::Approved, S::Resolved, &[AssignedWorker]),
    edge(A::Confirm, S::Resolved, S::Closed, &[Reporter, System]),
    edge(A::Reopen, S::Resolved, S::Submitted, &[Reporter]),
    edge(A::Reopen, S::Closed, S::Submitted, &[Reporter]),
    edge(A::Rate, S::Closed, S::Closed, &[Reporter]),
    edge(A::Urge, S::Submitted, S::Submitted, &[Reporter]),
    edge(A::Urge, S::Assigned, S::Assigned, &[Reporter]),
    edge(A::Urge, S::Accepted, S::Accepted, &[Reporter]),
    edge(A::Urge, S::OnSite, S::OnSite, &[Reporter]),
    edge(A::Urge, S::Quoted, S::Quoted, &[Reporter]),
    edge(A::Urge, S::Approved, S::Approved, &[Reporter]),
    edge(A::Urge, S::Paused, S::Paused, &[Reporter]),
    edge(A::Cancel, S::Submitted, S::Cancelled, &[Reporter, Dispatcher]),
    edge(A::Cancel, S::Assigned, S::Cancelled, &[Reporter, Dispatcher]),
    edge(A::Cancel, S::Accepted, S::Cancelled, &[Dispatcher]),
    edge(A::Cancel, S::OnSite, S::Cancelled, &[Dispatcher]),
    edge(A::Cancel, S::Quoted, S::Cancelled, &[Dispatcher]),
    edge(A::Cancel, S::Approved, S::Cancelled, &[Dispatcher]),
    edge(A::Cancel, S::Paused, S::Cancelled, &[Dispatcher]),
    edge(A::Merge, S::Submitted, S::Cancelled, &[Dispatcher]),
    edge(A::Merge, S::Assigned, S::Cancelled, &[Dispatcher]),
    edge(A::Merge, S::Accepted, S::Cancelled, &[Dispatcher]),
    edge(A::Merge, S::OnSite, S::Cancelled, &[Dispatcher]),
    edge(A::Merge, S::Quoted, S::Cancelled, &[Dispatcher]),
    edge(A::Merge, S::Approved, S::Cancelled, &[Dispatcher]),
    edge(A::Merge, S::Paused, S::Cancelled, &[Dispatcher]),
];

/// Everything that may ever happen to a ticket once it is submitted.
pub const MACHINE: Machine<State, Action, Party> = Machine { name: "repair_ticket", initial: &[State::Submitted], edges: EDGES };
