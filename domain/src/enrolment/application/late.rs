//! Late registration for cause 逾期补登记: an administrator lets one family hand in after the window, in writing.

use super::Reason;
use super::guard::takes_late;
use crate::actor::{Actor, PrincipalId, Role};
use crate::enrolment::{RoundId, round};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::Faults;
use crate::kernel::time::Timestamp;

/// What is remembered of a permit. One for each (round, applicant).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatePermitFacts {
    pub round: RoundId,
    pub applicant: PrincipalId,
    pub until: Timestamp,
    pub reason: String,
    pub granted_by: PrincipalId,
    pub granted_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatePermit {
    facts: LatePermitFacts,
}

impl LatePermit {
    /// # Errors
    /// [`round::Refusal::NotForYou`]; [`round::Refusal::WrongState`] before the register opens and once seats are allocated;
    /// [`round::Refusal::Faults`], when it would be over before it begins. That the resident exists is for the caller to look up.
    pub fn grant(
        round: &round::Facts,
        applicant: PrincipalId,
        until: Timestamp,
        reason: Reason,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<Self>, round::Refusal> {
        if !by.is_any(&[Role::EnrolmentAdmin], round.community) {
            return Err(round::Refusal::NotForYou);
        }
        if !takes_late(round.state) {
            return Err(round::Refusal::WrongState { state: round.state });
        }
        let mut faults = Faults::new();
        faults.require(until > now, "/until", "not_in_the_future");
        faults.into_result(Some(())).map_err(round::Refusal::Faults)?;
        let event = Event::new("enrolment_round.late_permitted", Some(by.id), now).with("until", until).noting(reason.to_string());
        let event = event.telling(Some(applicant), super::template::PROGRESS);
        let reason = reason.into_string();
        let facts = LatePermitFacts { round: round.id, applicant, until, reason, granted_by: by.id, granted_at: now };
        Ok(Changed::created(Self { facts }, vec![event]))
    }

    pub fn restore(facts: LatePermitFacts) -> Self {
        Self { facts }
    }

    pub fn facts(&self) -> &LatePermitFacts {
        &self.facts
    }

    pub(super) fn lets(&self, who: PrincipalId, round: &round::Facts, now: Timestamp) -> bool {
        self.facts.round == round.id && self.facts.applicant == who && now < self.facts.until && takes_late(round.state)
    }
}
