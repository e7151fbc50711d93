//! Visit tasks 入户走访: somebody goes to a door by a day, and writes down what came of it.

use super::keeper::Keeper;
use super::place::Home;
use super::{GridId, HomeId, Reason, Refusal, VisitId};
use crate::actor::{Actor, CommunityId, Grant, PrincipalId, Role};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::text::Prose;
use crate::kernel::time::{Date, Timestamp};
use crate::kernel::workflow::{Denied, Edge, Machine, edge};

/// What was found.
pub type VisitNote = Prose<1000>;

crate::words! {
    /// Where a visit stands.
    State { Open = "open", Done = "done", Cancelled = "cancelled" }

    /// What may be done with a visit.
    Action {
        /// Somebody else goes.
        Assign = "assign",
        /// Nobody opened; the task stays.
        Miss = "miss",
        Finish = "finish",
        Cancel = "cancel",
    }

    /// What somebody is to a visit.
    Party {
        /// Whose task it is.
        Visitor = "visitor",
        Keeper = "keeper",
    }

    /// What came of it.
    Outcome {
        /// 已见面, and everything is as registered
        Met = "met",
        /// 已见面, the registry was mended
        Updated = "updated",
        /// 拒访
        Refused = "refused",
        /// 已搬离
        MovedAway = "moved_away",
        /// 需跟进: there is something to do
        FollowUp = "follow_up",
    }
}

const BOTH: &[Party] = &[Party::Visitor, Party::Keeper];
const EDGES: &[Edge<State, Action, Party>] = &[
    edge(Action::Assign, State::Open, State::Open, &[Party::Keeper]),
    edge(Action::Miss, State::Open, State::Open, BOTH),
    edge(Action::Finish, State::Open, State::Done, BOTH),
    edge(Action::Cancel, State::Open, State::Cancelled, &[Party::Keeper]),
];

/// Everything that may ever happen to a visit.
pub const MACHINE: Machine<State, Action, Party> = Machine { name: "home_visit", initial: &[State::Open], edges: EDGES };

/// To the visitor: there is somebody to see.
pub const TEMPLATE: &str = "home_visit";

/// Whether somebody with these grants works in the community, and so may be sent to a door there. Auditors only look on.
pub fn may_visit(grants: &[Grant], community: CommunityId) -> bool {
    grants.iter().any(|grant| grant.role != Role::Auditor && grant.community.is_none_or(|own| own == community))
}

/// A visit as it is remembered; it can take one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    pub id: VisitId,
    pub version: i64,
    pub community: CommunityId,
    pub home: HomeId,
    pub grid: Option<GridId>,
    pub visitor: PrincipalId,
    pub due_on: Date,
    pub state: State,
    /// How often nobody opened.
    pub missed: i64,
    pub outcome: Option<Outcome>,
    pub note: Option<VisitNote>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

impl Visit {
    /// # Errors
    /// [`Refusal::NotForYou`] outside the keeper's grids; `past` for a day that is over. That the visitor works in the
    /// community is for the caller to look up.
    pub fn plan(
        id: VisitId,
        home: &Home,
        visitor: PrincipalId,
        due_on: Date,
        purpose: Option<Reason>,
        by: &Keeper,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        if !by.keeps(home.community, home.grid) {
            return Err(Refusal::NotForYou);
        }
        if due_on < now.date() {
            return Err(Refusal::fault("/due_on", "past"));
        }
        let visit = Self {
            id,
            version: 1,
            community: home.community,
            home: home.id,
            grid: home.grid,
            visitor,
            due_on,
            state: State::Open,
            missed: 0,
            outcome: None,
            note: None,
            created_at: now,
            ended_at: None,
        };
        let event = Event::new("home_visit.planned", Some(by.id()), now).with("home_id", home.id).with("visitor_id", visitor);
        let event = event.noting(purpose.map(Reason::into_string)).telling(Some(visitor), TEMPLATE);
        Ok(Changed::created(visit, vec![event]))
    }

    pub fn is_overdue(&self, today: Date) -> bool {
        self.state == State::Open && self.due_on < today
    }

    /// Whose task it was is nobody to it any more once they work elsewhere.
    pub fn parties(&self, actor: &Actor, keeper: Option<&Keeper>) -> Vec<Party> {
        let keeps = keeper.is_some_and(|k| k.id() == actor.id && k.keeps(self.community, self.grid));
        let visits = actor.id == self.visitor && may_visit(&actor.grants, self.community);
        let is = [(Party::Visitor, visits), (Party::Keeper, keeps)];
        is.into_iter().filter(|(_, holds)| *holds).map(|(party, _)| party).collect()
    }

    pub fn allowed_actions(&self, actor: &Actor, keeper: Option<&Keeper>) -> Vec<Action> {
        MACHINE.actions(self.state, &self.parties(actor, keeper))
    }

    fn guard(&self, action: Action, by: &Actor, keeper: Option<&Keeper>) -> Result<(), Refusal> {
        MACHINE.check(action, self.state, &self.parties(by, keeper)).map_err(|denied| match denied {
            Denied::NotForYou => Refusal::NotForYou,
            Denied::WrongState => Refusal::WrongState { state: self.state.as_str() },
        })
    }

    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::WrongState`].
    pub fn assign(mut self, to: PrincipalId, by: &Actor, keeper: Option<&Keeper>, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Assign, by, keeper)?;
        self.visitor = to;
        let event = Event::new("home_visit.assigned", Some(by.id), now).with("visitor_id", to).telling(Some(to), TEMPLATE);
        Ok(self.moved(State::Open, event))
    }

    /// 无人应门
    ///
    /// # Errors
    /// As [`assign`](Self::assign).
    pub fn miss(mut self, by: &Actor, keeper: Option<&Keeper>, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Miss, by, keeper)?;
        self.missed += 1;
        let event = Event::new("home_visit.missed", Some(by.id), now).with("missed", self.missed);
        Ok(self.moved(State::Open, event))
    }

    /// # Errors
    /// As [`assign`](Self::assign).
    pub fn finish(
        mut self,
        outcome: Outcome,
        note: Option<VisitNote>,
        by: &Actor,
        keeper: Option<&Keeper>,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Finish, by, keeper)?;
        self.outcome = Some(outcome);
        self.ended_at = Some(now);
        let event = Event::new("home_visit.finished", Some(by.id), now).with("outcome", outcome);
        let event = event.noting(note.clone().map(VisitNote::into_string));
        self.note = note;
        Ok(self.moved(State::Done, event))
    }

    /// # Errors
    /// As [`assign`](Self::assign).
    pub fn cancel(mut self, reason: Reason, by: &Actor, keeper: Option<&Keeper>, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Cancel, by, keeper)?;
        self.ended_at = Some(now);
        let event = Event::new("home_visit.cancelled", Some(by.id), now).noting(reason.into_string());
        Ok(self.moved(State::Cancelled, event))
    }

    fn moved(mut self, to: State, event: Event) -> Changed<Self> {
        let event = event.with("from", self.state).with("state", to);
        self.state = to;
        let loaded = self.version;
        self.version += 1;
        Changed::from_version(loaded, self, vec![event])
    }
}
