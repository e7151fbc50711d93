//! Change proposals 变更申请: a resident says what is wrong in the registry; a keeper decides.
//!
//! A proposal holds texts as they were typed, checked for form. Approving it does not change the registry by itself: the same
//! command corrects the person or the home with [`Source::Proposal`](super::Source::Proposal), under the rules that hold then.

use std::fmt;

use super::keeper::Keeper;
use super::{GridId, HomeId, Occupancy, PersonId, ProposalId, Reason, Refusal};
use crate::actor::{Actor, CommunityId, PrincipalId, Resident};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::Faults;
use crate::kernel::phone::Phone;
use crate::kernel::text::line;
use crate::kernel::time::{Date, Timestamp};
use crate::kernel::workflow::{Denied, Edge, Machine, edge};

crate::words! {
    /// Where a proposal stands.
    State { Pending = "pending", Approved = "approved", Rejected = "rejected", Withdrawn = "withdrawn" }

    /// What may be done with a proposal.
    Action { Approve = "approve", Reject = "reject", Withdraw = "withdraw" }

    /// What somebody is to a proposal.
    Party { Proposer = "proposer", Keeper = "keeper" }

    /// What a resident may say is different.
    Field {
        Name = "name",
        Phone = "phone",
        /// How the home is lived in.
        Occupancy = "occupancy",
        /// The day on which the person moved in.
        MovedIn = "moved_in_on",
        MovedOut = "moved_out_on",
        Deceased = "deceased_on",
    }
}

const EDGES: &[Edge<State, Action, Party>] = &[
    edge(Action::Approve, State::Pending, State::Approved, &[Party::Keeper]),
    edge(Action::Reject, State::Pending, State::Rejected, &[Party::Keeper]),
    edge(Action::Withdraw, State::Pending, State::Withdrawn, &[Party::Proposer]),
];

/// Everything that may ever happen to a proposal.
pub const MACHINE: Machine<State, Action, Party> = Machine { name: "registry_proposal", initial: &[State::Pending], edges: EDGES };

/// To the resident: the proposal was decided.
pub const TEMPLATE: &str = "registry_proposal";

/// One value, as the resident says it should be.
#[derive(Clone, PartialEq, Eq)]
pub struct ProposedChange {
    pub field: Field,
    pub value: String,
}

impl fmt::Debug for ProposedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.field.fmt(f)
    }
}

impl ProposedChange {
    /// # Errors
    /// The code of the field's own rule.
    fn checked(field: Field, value: &str, today: Date) -> Result<Self, &'static str> {
        let value = match field {
            Field::Name => line(value, 60)?,
            Field::Phone => value.parse::<Phone>().map(|p| p.expose().to_owned())?,
            Field::Occupancy => value.parse::<Occupancy>().map(|o| o.to_string()).map_err(|_| "unknown_word")?,
            Field::MovedIn | Field::MovedOut | Field::Deceased => {
                let day: Date = value.trim().parse().map_err(|_| "date_format")?;
                if day > today {
                    return Err("future");
                }
                day.to_string()
            }
        };
        Ok(Self { field, value })
    }
}

/// A proposal as it is remembered; it can take one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub id: ProposalId,
    pub version: i64,
    pub community: CommunityId,
    pub home: HomeId,
    /// Of the home, for the guard.
    pub grid: Option<GridId>,
    /// Whom the changes are about; none when they are about the home alone.
    pub person: Option<PersonId>,
    pub changes: Vec<ProposedChange>,
    pub proposer: PrincipalId,
    pub state: State,
    pub proposed_at: Timestamp,
    pub decided: Option<(PrincipalId, Timestamp)>,
}

/// What a proposal is about: a home that the proposer is actively bound to.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub community: CommunityId,
    pub home: HomeId,
    pub grid: Option<GridId>,
    pub person: Option<PersonId>,
}

impl Proposal {
    /// `bound` are the homes of the proposer's active bindings.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`] for a home that is not theirs; faults by `/changes/0`: the field's rule, `twice`,
    /// `person_missing`, `changes_missing`.
    pub fn propose(
        id: ProposalId,
        about: About,
        changes: &[(Field, &str)],
        bound: &[HomeId],
        by: &Resident,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        if !bound.contains(&about.home) {
            return Err(Refusal::NotForYou);
        }
        let mut faults = Faults::new();
        faults.require(!changes.is_empty(), "/changes", "changes_missing");
        let mut checked: Vec<ProposedChange> = Vec::new();
        for (i, (field, value)) in changes.iter().enumerate() {
            let pointer = format!("/changes/{i}");
            faults.require(checked.iter().all(|c| c.field != *field), &pointer, "twice");
            faults.require(about.person.is_some() || *field == Field::Occupancy, &pointer, "person_missing");
            checked.extend(faults.take(&pointer, ProposedChange::checked(*field, value, now.date())));
        }
        let changes = faults.into_result(Some(checked))?;
        let About { community, home, grid, person } = about;
        let fields: Vec<&str> = changes.iter().map(|c| c.field.as_str()).collect();
        let event = Event::new("registry_proposal.proposed", Some(by.id()), now).with("home_id", home).with("fields", fields.join(" "));
        let proposal = Self {
            id,
            version: 1,
            community,
            home,
            grid,
            person,
            changes,
            proposer: by.id(),
            state: State::Pending,
            proposed_at: now,
            decided: None,
        };
        Ok(Changed::created(proposal, vec![event]))
    }

    pub fn parties(&self, actor: &Actor, keeper: Option<&Keeper>) -> Vec<Party> {
        let keeps = keeper.is_some_and(|k| k.id() == actor.id && k.keeps(self.community, self.grid)) && actor.id != self.proposer;
        let is = [(Party::Proposer, actor.id == self.proposer), (Party::Keeper, keeps)];
        is.into_iter().filter(|(_, holds)| *holds).map(|(party, _)| party).collect()
    }

    pub fn allowed_actions(&self, actor: &Actor, keeper: Option<&Keeper>) -> Vec<Action> {
        MACHINE.actions(self.state, &self.parties(actor, keeper))
    }

    /// 通过. What was proposed is then written by the same command.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::WrongState`].
    pub fn approve(self, by: &Actor, keeper: Option<&Keeper>, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.decided(Action::Approve, State::Approved, "registry_proposal.approved", None, by, keeper, now)
    }

    /// # Errors
    /// As [`approve`](Self::approve).
    pub fn reject(self, reason: Reason, by: &Actor, keeper: Option<&Keeper>, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.decided(Action::Reject, State::Rejected, "registry_proposal.rejected", Some(reason), by, keeper, now)
    }

    /// # Errors
    /// As [`approve`](Self::approve).
    pub fn withdraw(self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.decided(Action::Withdraw, State::Withdrawn, "registry_proposal.withdrawn", None, by, None, now)
    }

    #[allow(clippy::too_many_arguments)] // private, and each is a different word
    fn decided(
        mut self,
        action: Action,
        to: State,
        kind: &'static str,
        reason: Option<Reason>,
        by: &Actor,
        keeper: Option<&Keeper>,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        let state = self.state;
        MACHINE.check(action, state, &self.parties(by, keeper)).map_err(|denied| match denied {
            Denied::NotForYou => Refusal::NotForYou,
            Denied::WrongState => Refusal::WrongState { state: state.as_str() },
        })?;
        let event = Event::new(kind, Some(by.id), now).with("from", self.state).with("state", to);
        let event = event.noting(reason.map(Reason::into_string)).telling(Some(self.proposer), TEMPLATE);
        self.state = to;
        self.decided = Some((by.id, now));
        let loaded = self.version;
        self.version += 1;
        Ok(Changed::from_version(loaded, self, vec![event]))
    }

    /// The proposed value of a field.
    pub fn value(&self, field: Field) -> Option<&str> {
        self.changes.iter().find(|c| c.field == field).map(|c| c.value.as_str())
    }
}
