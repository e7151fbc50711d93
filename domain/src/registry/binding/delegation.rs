//! Delegation 代办: one account acts for somebody else, in some matters, for some time; and every act says for whom.
//!
//! A resident lets a child act for them; a keeper lets a child, or themselves, act for an elder who has no account at
//! all. Nobody can pass on what they were given.

use crate::actor::{Actor, CommunityId, PrincipalId, PrincipalKind, Resident};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::Faults;
use crate::kernel::time::Timestamp;
use crate::registry::keeper::Keeper;
use crate::registry::{DelegationId, GridId, Person, PersonId, Refusal};

crate::words! {
    /// What sort of act a delegate may do.
    DelegationScope {
        Repair = "repair",
        Volunteer = "volunteer",
        Enrolment = "enrolment",
        Registry = "registry",
        Elder = "elder",
    }
}

/// The longest delegation: a year, in seconds.
pub const LONGEST_S: i64 = 366 * 86_400;

/// For whom somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// Somebody with an account of their own.
    Account(PrincipalId),
    /// Somebody whom only the registry knows.
    Person(PersonId),
}

/// What somebody asks to be delegated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegationDraft {
    pub delegate: PrincipalId,
    pub scopes: Vec<DelegationScope>,
    pub expires_at: Timestamp,
}

/// A delegation as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    pub id: DelegationId,
    pub version: i64,
    pub community: CommunityId,
    pub behalf_of: Principal,
    pub delegate: PrincipalId,
    pub scopes: Vec<DelegationScope>,
    pub granted_by: PrincipalId,
    pub granted_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// Proof that somebody may act for somebody else in a matter, now. Whatever is done with it is remembered under both names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnBehalf {
    actor: PrincipalId,
    behalf_of: Principal,
    delegation: DelegationId,
}

impl OnBehalf {
    pub fn actor(&self) -> PrincipalId {
        self.actor
    }

    pub fn behalf_of(&self) -> Principal {
        self.behalf_of
    }

    pub fn delegation(&self) -> DelegationId {
        self.delegation
    }

    /// The resident for whom they act; none for somebody without an account.
    pub fn resident(&self) -> Option<Resident> {
        match self.behalf_of {
            Principal::Account(account) => Some(Resident::on_record(account)),
            Principal::Person(_) => None,
        }
    }

    /// The one for whom they act, as the decisions ask for somebody who acts: a resident without any role, whatever roles the
    /// delegate has. None for somebody without an account.
    pub fn in_their_place(&self) -> Option<Actor> {
        let resident = self.resident()?;
        Some(Actor { id: resident.id(), kind: PrincipalKind::Resident, session: None, grants: vec![], scopes: vec![] })
    }

    /// Remembers a change under both names: every event of it says who did it, for whom, and by which right.
    pub fn remember<T>(&self, changed: Changed<T>) -> Changed<T> {
        let changed = changed.done_by(self.actor);
        let changed = match self.behalf_of {
            Principal::Account(account) => changed.with_all("on_behalf_of", account),
            Principal::Person(person) => changed.with_all("on_behalf_of", person),
        };
        changed.with_all("delegation_id", self.delegation)
    }
}

impl Delegation {
    /// A resident lets somebody act for them.
    ///
    /// # Errors
    /// Faults of the draft: `own_delegate`, `scopes_missing`, `not_in_the_future`, `too_far_ahead`.
    pub fn grant(
        id: DelegationId,
        community: CommunityId,
        draft: DelegationDraft,
        by: &Resident,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        Self::made(id, community, Principal::Account(by.id()), draft, by.id(), now)
    }

    /// A keeper lets somebody act for a person of the registry who has no account: a child, or the keeper. `grids` are those of the
    /// homes that the person is tied to.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`] for somebody whom the keeper does not keep; faults as in [`grant`](Self::grant).
    pub fn grant_for(
        id: DelegationId,
        person: &Person,
        grids: &[Option<GridId>],
        draft: DelegationDraft,
        by: &Keeper,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        if !person.is_kept_by(by, grids) {
            return Err(Refusal::NotForYou);
        }
        Self::made(id, by.community(), Principal::Person(person.id), draft, by.id(), now)
    }

    fn made(
        id: DelegationId,
        community: CommunityId,
        behalf_of: Principal,
        draft: DelegationDraft,
        by: PrincipalId,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        let mut scopes = draft.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        let mut faults = Faults::new();
        faults.require(behalf_of != Principal::Account(draft.delegate), "/delegate_id", "own_delegate");
        faults.require(!scopes.is_empty(), "/scopes", "scopes_missing");
        faults.require(draft.expires_at > now, "/expires_at", "not_in_the_future");
        faults.require(draft.expires_at <= now.plus_seconds(LONGEST_S), "/expires_at", "too_far_ahead");
        faults.into_result(Some(()))?;
        let delegation = Self {
            id,
            version: 1,
            community,
            behalf_of,
            delegate: draft.delegate,
            scopes,
            granted_by: by,
            granted_at: now,
            expires_at: draft.expires_at,
            revoked_at: None,
        };
        let event = Event::new("delegation.granted", Some(by), now).with("delegate_id", delegation.delegate);
        let event = event.with("expires_at", delegation.expires_at);
        Ok(Changed::created(delegation, vec![event]))
    }

    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// The delegate acts, in one matter.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`] for anybody but the delegate, [`Refusal::DelegationOver`], [`Refusal::OutsideDelegation`].
    pub fn acting(&self, actor: &Actor, scope: DelegationScope, now: Timestamp) -> Result<OnBehalf, Refusal> {
        if actor.id != self.delegate {
            return Err(Refusal::NotForYou);
        }
        if !self.is_live(now) {
            return Err(Refusal::DelegationOver);
        }
        if !self.scopes.contains(&scope) {
            return Err(Refusal::OutsideDelegation);
        }
        Ok(OnBehalf { actor: actor.id, behalf_of: self.behalf_of, delegation: self.id })
    }

    /// Takes it back: whoever gave it, whom it is for, or the delegate who no longer wants it; a keeper of the whole community too.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::DelegationOver`].
    pub fn revoke(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        let involved = [self.granted_by, self.delegate].contains(&by.id) || self.behalf_of == Principal::Account(by.id);
        if !involved && by.admin_of(self.community).is_err() {
            return Err(Refusal::NotForYou);
        }
        if !self.is_live(now) {
            return Err(Refusal::DelegationOver);
        }
        self.revoked_at = Some(now);
        let loaded = self.version;
        self.version += 1;
        let event = Event::new("delegation.revoked", Some(by.id), now).with("delegate_id", self.delegate);
        Ok(Changed::from_version(loaded, self, vec![event]))
    }
}
