//! The machine of a round.

use crate::kernel::workflow::{Edge, Machine, edge};

crate::words! {
    /// Where a round stands.
    State {
        /// 草稿
        Draft = "draft",
        /// 已公告
        Published = "published",
        /// 登记中
        Open = "open",
        /// 登记结束，审核中
        Closed = "closed",
        /// 公示中: the tiers are listed and may be objected to.
        Listed = "listed",
        /// 已派位: placements are made but not announced.
        Allocated = "allocated",
        /// 已公布结果
        Announced = "announced",
        /// 已结束
        Finished = "finished",
    }

    Action {
        Publish = "publish",
        Open = "open",
        Close = "close",
        List = "list",
        Allocate = "allocate",
        Announce = "announce",
        Finish = "finish",
    }

    Party { EnrolmentAdmin = "enrolment_admin" }
}

impl Action {
    /// The kind of event that this action leaves.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Publish => "enrolment_round.published",
            Self::Open => "enrolment_round.opened",
            Self::Close => "enrolment_round.closed",
            Self::List => "enrolment_round.listed",
            Self::Allocate => "enrolment_round.allocated",
            Self::Announce => "enrolment_round.announced",
            Self::Finish => "enrolment_round.finished",
        }
    }
}

const EDGES: &[Edge<State, Action, Party>] = &[
    edge(Action::Publish, State::Draft, State::Published, &[Party::EnrolmentAdmin]),
    edge(Action::Open, State::Published, State::Open, &[Party::EnrolmentAdmin]),
    edge(Action::Close, State::Open, State::Closed, &[Party::EnrolmentAdmin]),
    edge(Action::List, State::Closed, State::Listed, &[Party::EnrolmentAdmin]),
    edge(Action::Allocate, State::Listed, State::Allocated, &[Party::EnrolmentAdmin]),
    edge(Action::Announce, State::Allocated, State::Announced, &[Party::EnrolmentAdmin]),
    edge(Action::Finish, State::Announced, State::Finished, &[Party::EnrolmentAdmin]),
];

/// A straight line: what was published is never taken back, it is followed by the next thing.
pub const MACHINE: Machine<State, Action, Party> = Machine { name: "enrolment_round", initial: &[State::Draft], edges: EDGES };
