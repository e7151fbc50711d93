//! Guardians 监护人: somebody of age, of the same home, says that a minor may take part in an activity.
//!
//! The word holds for all shifts of that activity until it is withdrawn. With it goes whatever the minor has not begun:
//! see [`SignUp::without_consent`](super::SignUp::without_consent). What was served stays served.
//!
//! Who is whose parent no registry of a community knows for certain; what it knows is who lives together and how old they
//! are. So an adult with a home in common (who is not there as a carer) may give their word, and the word is kept with
//! their name.

use super::activity::Activity;
use super::machine::{ActivityState, CONSENT_MACHINE, ConsentAction, ConsentState, Party};
use super::opening::{Consent, is_minor};
use super::{ADULT_AGE, ActivityId, GuardianConsentId, Refusal};
use crate::actor::{Actor, CommunityId, PrincipalId, Resident};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::text::Line;
use crate::kernel::time::{Date, Timestamp};

/// Which text was agreed to, as the client names it.
pub type TextVersion = Line<32>;

/// What the registry knows of two people of whom one would answer for the other.
#[derive(Clone, Copy, Default)]
pub struct Kin {
    pub minor_born_on: Option<Date>,
    pub guardian_born_on: Option<Date>,
    /// Both are bound to one home, the guardian not as a carer.
    pub share_a_home: bool,
}

impl Kin {
    /// Whether that one of the two may answer for the other, as the registry has it today.
    pub fn may_answer(&self, today: Date) -> bool {
        self.share_a_home && self.guardian_born_on.is_some_and(|born| super::eligibility::age_on(born, today) >= ADULT_AGE)
    }
}

/// A guardian's word, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardianConsent {
    pub id: GuardianConsentId,
    pub version: i64,
    pub community: CommunityId,
    pub activity: ActivityId,
    pub minor: PrincipalId,
    pub guardian: PrincipalId,
    pub text_version: String,
    pub agreed_at: Timestamp,
    pub withdrawn_at: Option<Timestamp>,
}

impl GuardianConsent {
    /// 同意: may be given by an adult of the same home, for somebody who is a minor today.
    ///
    /// # Errors
    /// [`Refusal::NotTheirGuardian`], also when either of the two is not known; [`Refusal::NotAMinor`];
    /// [`Refusal::WrongState`], when the activity is over.
    pub fn give(
        id: GuardianConsentId,
        activity: &Activity,
        text: TextVersion,
        (minor, kin): (PrincipalId, &Kin),
        by: &Resident,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        let (a, today) = (activity.facts(), now.date());
        if !kin.may_answer(today) || by.id() == minor {
            return Err(Refusal::NotTheirGuardian);
        }
        if !is_minor(kin.minor_born_on, today) {
            return Err(Refusal::NotAMinor);
        }
        if a.state != ActivityState::Published {
            return Err(Refusal::WrongState { state: a.state.as_str() });
        }
        let consent = Self {
            id,
            version: 1,
            community: a.community,
            activity: a.id,
            minor,
            guardian: by.id(),
            text_version: text.into_string(),
            agreed_at: now,
            withdrawn_at: None,
        };
        let event = Event::new("volunteer_consent.given", Some(by.id()), now).with("activity_id", a.id);
        let event = event.with("text_version", consent.text_version.clone());
        Ok(Changed::created(consent, vec![event]))
    }

    pub fn is_live(&self) -> bool {
        self.withdrawn_at.is_none()
    }

    pub fn state(&self) -> ConsentState {
        if self.is_live() { ConsentState::Given } else { ConsentState::Withdrawn }
    }

    pub fn allowed_actions(&self, actor: &Actor) -> Vec<ConsentAction> {
        let parties: &[Party] = if actor.id == self.guardian { &[Party::Guardian] } else { &[] };
        CONSENT_MACHINE.actions(self.state(), parties)
    }

    /// Whether it is good for signing up today: it was not withdrawn, and who gave it would be one to give it still. Who has moved out
    /// answers for nobody any more.
    pub fn holds(&self, kin: &Kin, today: Date) -> bool {
        self.is_live() && kin.may_answer(today)
    }

    /// As a sign-up keeps it.
    pub fn word(&self) -> Consent {
        Consent { version: self.text_version.clone(), guardian: self.guardian, at: self.agreed_at }
    }

    /// 撤回同意. The caller ends what hung on it, in the same transaction.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`] for anybody but the guardian, [`Refusal::WrongState`], when it was withdrawn before.
    pub fn withdraw(self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if by.id != self.guardian {
            return Err(Refusal::NotForYou);
        }
        if !self.is_live() {
            return Err(Refusal::WrongState { state: ConsentState::Withdrawn.as_str() });
        }
        Ok(self.ended(now, Event::new("volunteer_consent.withdrawn", Some(by.id), now)))
    }

    /// The account of one of the two is closed, and with it the word. Nothing when it held no more.
    pub fn lapse(self, now: Timestamp) -> Option<Changed<Self>> {
        let event = Event::new("volunteer_consent.withdrawn", None, now).with("because", "account_closed".to_owned());
        self.is_live().then(|| self.ended(now, event))
    }

    fn ended(mut self, now: Timestamp, event: Event) -> Changed<Self> {
        self.withdrawn_at = Some(now);
        let loaded = self.version;
        self.version += 1;
        let event = event.with("activity_id", self.activity).with("state", ConsentState::Withdrawn);
        Changed::from_version(loaded, self, vec![event])
    }
}
