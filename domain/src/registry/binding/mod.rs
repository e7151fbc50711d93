//! Home bindings 住户认证: an account may speak for a home. From bindings come all rights of residents.
//!
//! A claim that agrees with the registry in name, document and telephone is active at once; any other waits for a keeper.
//! A tenant's binding ends with the lease, by the calendar and not by a job.

mod delegation;
mod machine;

pub use delegation::{Delegation, DelegationDraft, DelegationScope, OnBehalf, Principal};
pub use machine::{Action, MACHINE, Party, State};

use super::keeper::Keeper;
use super::person::Person;
use super::place::Home;
use super::{BindingId, FactKind, GridId, HomeId, PersonId, Reason, Refusal};
use crate::actor::{Actor, CommunityId, PrincipalId, Resident};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::time::{Date, Timestamp};
use crate::kernel::workflow::Denied;

crate::words! {
    /// What a resident claims to be to a home.
    Relation { Owner = "owner", Family = "family", Tenant = "tenant", Carer = "carer" }
}

impl Relation {
    /// The household fact that proves it.
    pub const fn fact(self) -> FactKind {
        match self {
            Self::Owner => FactKind::Ownership,
            Self::Family => FactKind::Family,
            Self::Tenant => FactKind::Tenancy,
            Self::Carer => FactKind::Carer,
        }
    }
}

/// How long a tenant is bound of whose lease nobody has said when it ends: people move on, and nobody tells.
pub const UNKNOWN_LEASE_MONTHS: u32 = 12;

/// How a claim compares with a person of the registry. The comparisons are made on blind indexes where the values are
/// kept; only their answers come here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    pub person: PersonId,
    pub name: bool,
    pub document: bool,
    pub phone: bool,
    /// The person has a fact of the claimed relation at this home today.
    pub related: bool,
    /// The first day on which that fact no longer holds.
    pub until: Option<Date>,
}

impl Match {
    /// All of name, document and telephone, of somebody who is what they claim. A telephone changes hands and a name
    /// is shared: nothing less than all of it stands for a person at the counter.
    pub const fn is_full(&self) -> bool {
        self.name && self.document && self.phone && self.related
    }
}

/// Everything that is remembered of a binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub id: BindingId,
    pub version: i64,
    pub community: CommunityId,
    pub home: HomeId,
    /// Of the home, for the guard.
    pub grid: Option<GridId>,
    pub account: PrincipalId,
    /// Who of the registry the account is, once that is known.
    pub person: Option<PersonId>,
    pub relation: Relation,
    pub state: State,
    /// The first day on which it no longer holds: a tenant's lease is over.
    pub until: Option<Date>,
    pub claimed_at: Timestamp,
    pub decided_by: Option<PrincipalId>,
    /// When it was rejected or ended.
    pub ended_at: Option<Timestamp>,
}

/// A binding that can take one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    facts: Facts,
    /// What time did since it was saved; it is saved with the next decision.
    settled: Option<Event>,
}

/// What notices are about.
pub mod template {
    /// To the resident: the claim was decided, or the binding has ended.
    pub const BINDING: &str = "home_binding";
}

impl Binding {
    /// 认领: a resident says what they are to a home. `others` are this account's bindings to this home.
    ///
    /// # Errors
    /// [`Refusal::AlreadyBound`] while one of the others is live. Other accounts do not matter: a home has several owners.
    pub fn claim(
        id: BindingId,
        home: &Home,
        relation: Relation,
        found: Option<Match>,
        others: &[Binding],
        by: &Resident,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        if others.iter().any(|o| o.facts.home == home.id && o.facts.account == by.id() && o.is_live()) {
            return Err(Refusal::AlreadyBound);
        }
        let known = found.filter(Match::is_full).filter(|m| m.until.is_none_or(|until| now.date() < until));
        let state = if known.is_some() { State::Active } else { State::Pending };
        let facts = Facts {
            id,
            version: 1,
            community: home.community,
            home: home.id,
            grid: home.grid,
            account: by.id(),
            person: known.map(|m| m.person),
            relation,
            state,
            // Whatever it rests on: a tenant's lease, an owner's sale that is registered already, a carer's contract.
            until: known.and_then(|m| m.until),
            claimed_at: now,
            decided_by: None,
            ended_at: None,
        };
        let event = Event::new("home_binding.claimed", Some(by.id()), now);
        let event = event.with("state", state).with("relation", relation).with("home_id", home.id).with("automatic", known.is_some());
        Ok(Changed::created(Self { facts, settled: None }, vec![event]))
    }

    /// A binding as it stands now: a lease that has run out has ended it.
    pub fn restore(facts: Facts, now: Timestamp) -> Self {
        let mut binding = Self { facts, settled: None };
        if let (State::Active, Some(until)) = (binding.facts.state, binding.facts.until)
            && until <= now.date()
        {
            let at = Timestamp::start_of(until);
            let event = Event::new(Action::Expire.event(), None, at).telling(Some(binding.facts.account), template::BINDING);
            binding.facts.ended_at = Some(at);
            binding.settled = Some(binding.step(State::Ended, event));
        }
        binding
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether the account may speak for the home now.
    pub fn is_active(&self) -> bool {
        self.facts.state == State::Active
    }

    /// Whether it stands in the way of another claim.
    pub fn is_live(&self) -> bool {
        matches!(self.facts.state, State::Pending | State::Active)
    }

    /// What the actor is to this binding; `keeper` where they keep the registry.
    pub fn parties(&self, actor: &Actor, keeper: Option<&Keeper>) -> Vec<Party> {
        let f = &self.facts;
        let keeps = keeper.is_some_and(|k| k.id() == actor.id && k.keeps(f.community, f.grid));
        // Nobody decides over their own claim.
        let is = [(Party::Holder, actor.id == f.account), (Party::Keeper, keeps && actor.id != f.account)];
        is.into_iter().filter(|(_, holds)| *holds).map(|(party, _)| party).collect()
    }

    pub fn allowed_actions(&self, actor: &Actor, keeper: Option<&Keeper>) -> Vec<Action> {
        MACHINE.actions(self.facts.state, &self.parties(actor, keeper))
    }

    fn guard(&self, action: Action, actor: &Actor, keeper: Option<&Keeper>) -> Result<(), Refusal> {
        let state = self.facts.state;
        MACHINE.check(action, state, &self.parties(actor, keeper)).map_err(|denied| match denied {
            Denied::NotForYou => Refusal::NotForYou,
            Denied::WrongState => Refusal::WrongState { state: state.as_str() },
        })
    }

    /// 通过. The keeper may say who of the registry this is, with the grids of the homes that the person is tied to, and until when
    /// the lease runs (its last day). `registered` is the first day on which what the registry knows of this relation no longer
    /// holds; it goes where the keeper says nothing. A tenant of whose lease nobody knows the end is bound for a year.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::WrongState`], `unknown_person` for somebody whom the keeper does not keep: the
    /// account would read and propose what is written of them; [`Refusal::Deceased`], `lease_without_tenancy`, `lease_over`.
    pub fn approve(
        mut self,
        person: Option<(&Person, &[Option<GridId>])>,
        (lease_last_day, registered): (Option<Date>, Option<Date>),
        by: &Actor,
        keeper: Option<&Keeper>,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Approve, by, keeper)?;
        if let Some((person, grids)) = person {
            if person.community != self.facts.community || !keeper.is_some_and(|keeper| person.is_kept_by(keeper, grids)) {
                return Err(Refusal::fault("/person_id", "unknown_person"));
            }
            if person.deceased_on.is_some() {
                return Err(Refusal::Deceased);
            }
        }
        if let Some(last) = lease_last_day {
            if self.facts.relation != Relation::Tenant {
                return Err(Refusal::fault("/lease_ends_on", "lease_without_tenancy"));
            }
            if last < now.date() {
                return Err(Refusal::fault("/lease_ends_on", "lease_over"));
            }
        }
        self.facts.until = lease_last_day.and_then(|last| last.succ_opt()).or(registered.filter(|until| *until > now.date()));
        if self.facts.relation == Relation::Tenant && self.facts.until.is_none() {
            let last = now.date().checked_add_months(chrono::Months::new(UNKNOWN_LEASE_MONTHS));
            self.facts.until = last.and_then(|last| last.succ_opt());
        }
        self.facts.person = person.map(|(person, _)| person.id).or(self.facts.person);
        Ok(self.decided(State::Active, Action::Approve, None, by, now))
    }

    /// 驳回
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::WrongState`].
    pub fn reject(self, reason: Reason, by: &Actor, keeper: Option<&Keeper>, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Reject, by, keeper)?;
        Ok(self.decided(State::Rejected, Action::Reject, Some(reason), by, now))
    }

    /// 解除, by a keeper or by the resident.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::WrongState`].
    pub fn end(self, reason: Option<Reason>, by: &Actor, keeper: Option<&Keeper>, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::End, by, keeper)?;
        Ok(self.decided(State::Ended, Action::End, reason, by, now))
    }

    /// The household fact that this binding rests on holds until another day than was known: so does the binding, and it has
    /// ended where that day has come. Nothing, where that is what it says already; a fact without an end takes no end away
    /// that a keeper has set.
    pub fn follow(mut self, until: Option<Date>, now: Timestamp) -> Option<Changed<Self>> {
        let until = until?;
        if self.facts.state != State::Active || self.facts.until == Some(until) {
            return None;
        }
        self.facts.until = Some(until);
        if until > now.date() {
            let event = Event::new("home_binding.dated", None, now).with("until", until.to_string());
            return Some(self.changed(vec![event]));
        }
        self.facts.ended_at = Some(now);
        let event = Event::new(Action::Expire.event(), None, now).telling(Some(self.facts.account), template::BINDING);
        let event = self.step(State::Ended, event);
        Some(self.changed(vec![event]))
    }

    /// Writes down what time has done, for a job; nothing when time has done nothing.
    pub fn settle(mut self) -> Option<Changed<Self>> {
        let event = self.settled.take()?;
        Some(self.changed(vec![event]))
    }

    fn decided(mut self, to: State, action: Action, reason: Option<Reason>, by: &Actor, now: Timestamp) -> Changed<Self> {
        if !matches!(to, State::Active) {
            self.facts.ended_at = Some(now);
        }
        self.facts.decided_by = Some(by.id);
        let event = Event::new(action.event(), Some(by.id), now).with("home_id", self.facts.home).noting(reason.map(Reason::into_string));
        let event = self.step(to, event.telling(Some(self.facts.account), template::BINDING));
        self.changed(vec![event])
    }

    fn step(&mut self, to: State, event: Event) -> Event {
        let from = std::mem::replace(&mut self.facts.state, to);
        event.with("from", from).with("state", to)
    }

    fn changed(mut self, events: Vec<Event>) -> Changed<Self> {
        let loaded = self.facts.version;
        self.facts.version = loaded + 1;
        Changed::from_version(loaded, self, events)
    }
}
