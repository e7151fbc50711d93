//! The sign-up 报名: one resident's claim on one shift, from the first tap to the credited hours.

use std::fmt;

use super::machine::{Action, State};
use super::opening::{Consent, Span};
use super::{ActivityId, REMIND_BEFORE_S, ShiftId, SignUpId, template};
use crate::actor::{Actor, CommunityId, PrincipalId, Resident};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::time::Timestamp;
use crate::registry::{HomeId, OnBehalf};

/// What a sign-up needs to know of its shift and activity; read with it, not written with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occasion {
    pub activity: ActivityId,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub cancel_before_s: i64,
    pub points_per_hour: i64,
    pub max_hours: i64,
    pub flexible: bool,
}

impl Occasion {
    pub fn span(&self) -> Span {
        Span { from: self.starts_at, until: self.ends_at }
    }

    /// When it is too late to wait for a place, and somebody who did not come is missed: the start, or the end of what may be done at any
    /// time (微事项).
    pub fn due_at(&self) -> Timestamp {
        if self.flexible { self.ends_at } else { self.starts_at }
    }

    /// From this instant on volunteers cannot cancel or swap.
    pub fn fixed_at(&self) -> Timestamp {
        self.due_at().plus_seconds(-self.cancel_before_s)
    }

    pub(super) fn clashes(&self, busy: &[Span]) -> bool {
        !self.flexible && busy.iter().any(|other| other.overlaps(&self.span()))
    }
}

/// Everything that is remembered of a sign-up.
#[derive(Clone, PartialEq, Eq)]
pub struct SignUpFacts {
    pub id: SignUpId,
    pub version: i64,
    pub community: CommunityId,
    pub shift: ShiftId,
    /// The number of the post within the shift.
    pub post: i64,
    pub occasion: Occasion,
    pub resident: PrincipalId,
    pub household: Option<HomeId>,
    pub state: State,
    /// The number in the line, for whoever stood in it.
    pub number: Option<i64>,
    /// An offer is good before this instant.
    pub offered_until: Option<Timestamp>,
    pub checked_in_at: Option<Timestamp>,
    pub checked_out_at: Option<Timestamp>,
    /// From the pair of check-in and check-out, then as settled.
    pub minutes: Option<i64>,
    /// As credited.
    pub points: Option<i64>,
    pub consent: Option<Consent>,
    pub signed_up_at: Timestamp,
    /// When it was cancelled, expired, marked absent or credited.
    pub ended_at: Option<Timestamp>,
}

impl fmt::Debug for SignUpFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignUp").field("id", &self.id).field("version", &self.version).field("state", &self.state).finish_non_exhaustive()
    }
}

/// A sign-up that can take one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUp {
    pub(super) facts: SignUpFacts,
}

impl SignUp {
    pub(super) fn from_facts(facts: SignUpFacts) -> Self {
        Self { facts }
    }

    /// A sign-up as it stands now. An offer that was not taken in time has expired, and so has the wait for a shift that
    /// has begun; that it is written down, and the place passed on, is the work of [`settle_line`](super::settle_line).
    /// Nothing leads on from there, so no decision can be saved that overlooks it.
    pub fn restore(mut facts: SignUpFacts, now: Timestamp) -> Self {
        let over = match facts.state {
            State::Offered => facts.offered_until.map(|until| until.min(facts.occasion.due_at())),
            State::Waitlisted => Some(facts.occasion.due_at()),
            _ => None,
        };
        if let Some(at) = over.filter(|at| *at <= now) {
            facts.state = State::Expired;
            facts.ended_at = Some(at);
        }
        Self { facts }
    }

    pub fn facts(&self) -> &SignUpFacts {
        &self.facts
    }

    /// Whose it is: nobody but a resident can have signed up.
    pub fn volunteer(&self) -> Resident {
        Resident::on_record(self.facts.resident)
    }

    /// 提醒: that tomorrow they are awaited; none when it is too early or too late for that, or when they signed up within
    /// that day and have just been told. Nothing of the sign-up changes: whoever tells remembers that they did.
    pub fn reminder(&self, now: Timestamp) -> Option<Event> {
        let (f, starts_at) = (&self.facts, self.facts.occasion.starts_at);
        let from = starts_at.plus_seconds(-REMIND_BEFORE_S);
        let due = f.state == State::Confirmed && f.signed_up_at < from && (from..starts_at).contains(&now);
        due.then(|| {
            let event = Event::new("volunteer_sign_up.reminded", None, now).with("shift_id", f.shift).with("starts_at", starts_at);
            event.telling(Some(f.resident), template::REMINDER)
        })
    }

    /// What a delegate did: remembered under both names, and told to whose sign-up it is.
    pub fn done_for(changed: Changed<Self>, acting: &OnBehalf) -> Changed<Self> {
        let resident = changed.value().facts.resident;
        acting.remember(changed).telling_all(resident, template::CHANGED)
    }

    /// The event of an action, on its way to be filled in.
    pub(super) fn event(&self, action: Action, by: Option<&Actor>, now: Timestamp) -> Event {
        Event::new(action.event(), by.map(|actor| actor.id), now).with("shift_id", self.facts.shift)
    }

    /// Ends a decision: the sign-up in its new state, one version on.
    pub(super) fn moved(mut self, to: State, event: Event) -> Changed<Self> {
        let from = std::mem::replace(&mut self.facts.state, to);
        let loaded = self.facts.version;
        self.facts.version = loaded + 1;
        Changed::from_version(loaded, self, vec![event.with("from", from).with("state", to)])
    }
}
