//! The machine of a home binding.

use crate::kernel::workflow::{Edge, Machine, edge};

crate::words! {
    /// Where a binding stands.
    State {
        /// 待审核
        Pending = "pending",
        /// 已认证
        Active = "active",
        /// 已解除, or the lease is over
        Ended = "ended",
        /// 未通过
        Rejected = "rejected",
    }

    /// What may be done with a binding.
    Action {
        Approve = "approve",
        Reject = "reject",
        End = "end",
        /// The lease runs out.
        Expire = "expire",
    }

    /// What somebody is to a binding.
    Party {
        /// The resident whose account it is.
        Holder = "holder",
        /// Whoever keeps the registry at this home.
        Keeper = "keeper",
        System = "system",
    }
}

impl Action {
    /// The kind of event that this action leaves.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Approve => "home_binding.approved",
            Self::Reject => "home_binding.rejected",
            Self::End => "home_binding.ended",
            Self::Expire => "home_binding.expired",
        }
    }
}

const EDGES: &[Edge<State, Action, Party>] = &[
    edge(Action::Approve, State::Pending, State::Active, &[Party::Keeper]),
    edge(Action::Reject, State::Pending, State::Rejected, &[Party::Keeper]),
    // A resident takes a claim back with the same word that gives up an active one.
    edge(Action::End, State::Pending, State::Ended, &[Party::Holder]),
    edge(Action::End, State::Active, State::Ended, &[Party::Holder, Party::Keeper]),
    edge(Action::Expire, State::Active, State::Ended, &[Party::System]),
];

/// Everything that may ever happen to a binding once it is claimed; a claim begins in either of two states.
pub const MACHINE: Machine<State, Action, Party> =
    Machine { name: "home_binding", initial: &[State::Pending, State::Active], edges: EDGES };
