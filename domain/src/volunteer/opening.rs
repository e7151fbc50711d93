//! Openings: somebody asks for a place in a shift of an activity.
//!
//! Asking takes two steps, because it is the database that puts people in order. [`Opening::admit`] decides and
//! says how the post's pool moves; once that move is written, [`Admission::sign_up`] makes the sign-up from the pool as the
//! move left it, which is where a number in the line comes from.

use std::fmt;

use super::activity::Activity;
use super::eligibility::age_on;
use super::hours::NoShowRule;
use super::machine::{ActivityState, ShiftState, State};
use super::shift::{Post, Shift};
use super::sign_up::{Occasion, SignUp, SignUpFacts};
use super::{ADULT_AGE, Refusal, SignUpId, template};
use crate::actor::{PrincipalId, Resident};
use crate::kernel::capacity::{Entry, Held, Move, Pool, Terms};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::time::{Date, Timestamp};
use crate::registry::{EstateId, HomeId};

/// A stretch of time: its beginning included, its end not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Span {
    /// Whether both have an instant in common. One that begins when the other ends does not.
    pub fn overlaps(&self, other: &Span) -> bool {
        self.from < other.until && other.from < self.until
    }
}

/// A guardian's word 监护人同意 that a minor may help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Which text was agreed to.
    pub version: String,
    pub guardian: PrincipalId,
    pub at: Timestamp,
}

/// A resident who asks, and what the registry and their other sign-ups say of them. Nobody asks for another: the proof
/// of being this resident, or of acting for them by a delegation, is what `who` is made from.
#[derive(Clone)]
pub struct Volunteer {
    pub who: Resident,
    pub born_on: Option<Date>,
    /// Where they are actively bound to a home.
    pub estates: Vec<EstateId>,
    pub tags: Vec<String>,
    /// The home whose limit they share.
    pub household: Option<HomeId>,
    /// When they are elsewhere: their sign-ups that are confirmed or present, of activities that are not flexible; without the
    /// sign-ups that the decision is about. A place that is merely offered to them bars nothing: who takes another one gives it up.
    pub busy: Vec<Span>,
    /// The starts of shifts that they missed.
    pub absences: Vec<Timestamp>,
    /// Their claims, and their household's, for the post. A claim for another post of the same shift counts as theirs, too.
    pub held: Held,
    pub consent: Option<Consent>,
}

impl Volunteer {
    /// Somebody of whom nothing is known.
    pub fn new(who: &Resident) -> Self {
        Self {
            who: *who,
            born_on: None,
            estates: vec![],
            tags: vec![],
            household: None,
            busy: vec![],
            absences: vec![],
            held: Held::default(),
            consent: None,
        }
    }
}

// When somebody was born and what tags they have stays out of logs.
impl fmt::Debug for Volunteer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Volunteer").field("id", &self.who.id()).finish_non_exhaustive()
    }
}

/// A shift together with its activity.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    pub activity: &'a Activity,
    pub shift: &'a Shift,
}

/// Somebody may come; the move has still to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "nobody has a place before the pool has moved"]
pub struct Admission {
    /// The post, by its number in the shift.
    pub post: i64,
    pub movement: Move,
    entry: Entry,
    facts: SignUpFacts,
}

impl Opening<'_> {
    pub fn terms(&self) -> Terms {
        let a = self.activity.facts();
        self.shift.terms(a.hold_s, a.flexible)
    }

    /// What a sign-up needs to know of its shift.
    pub fn occasion(&self) -> Occasion {
        let (a, s) = (self.activity.facts(), self.shift.facts());
        Occasion {
            activity: a.id,
            starts_at: s.starts_at,
            ends_at: s.ends_at,
            cancel_before_s: s.cancel_before_s,
            points_per_hour: a.points_per_hour,
            max_hours: a.max_hours,
            flexible: a.flexible,
        }
    }

    /// 报名: decides on a place or a number in the line. `id` is the sign-up's if it comes to one.
    ///
    /// # Errors
    /// [`Refusal::NotOpen`], [`Refusal::AlreadySignedUp`], [`Refusal::HouseholdLimit`], [`Refusal::HouseholdUnknown`], [`Refusal::Blocked`],
    /// [`Refusal::NotEligible`], [`Refusal::ConsentRequired`], [`Refusal::TimeConflict`], [`Refusal::ShiftFull`];
    /// [`Refusal::Unsettled`], when [`settle_line`](super::settle_line) has to come first.
    pub fn admit(&self, id: SignUpId, post: &Post, who: &Volunteer, rule: &NoShowRule, now: Timestamp) -> Result<Admission, Refusal> {
        let s = self.shift.facts();
        self.is_open(now)?;
        self.activity.limits().check(who.held)?;
        self.suits(who, rule, now)?;
        self.activity.knows_household(who.household)?;
        let (entry, movement) = post.pool.join(&self.terms(), now)?;
        let facts = SignUpFacts {
            id,
            version: 1,
            community: s.community,
            shift: s.id,
            post: post.number,
            occasion: self.occasion(),
            resident: who.who.id(),
            household: who.household,
            state: if entry == Entry::Place { State::Confirmed } else { State::Waitlisted },
            number: None,
            offered_until: None,
            checked_in_at: None,
            checked_out_at: None,
            minutes: None,
            points: None,
            consent: who.consent.clone(),
            signed_up_at: now,
            ended_at: None,
        };
        Ok(Admission { post: post.number, movement, entry, facts })
    }

    /// Whether this shift suits this person, whoever else comes: also asked when places are swapped, and before a place is offered or
    /// an offer accepted.
    pub fn suits(&self, who: &Volunteer, rule: &NoShowRule, now: Timestamp) -> Result<(), Refusal> {
        let (a, s) = (self.activity.facts(), self.shift.facts());
        if let Some(until) = rule.blocked_until(&who.absences, now) {
            return Err(Refusal::Blocked { until });
        }
        let on = s.starts_at.date();
        let reasons = a.eligibility.reasons_against(who, on);
        if !reasons.is_empty() {
            return Err(Refusal::NotEligible { reasons });
        }
        if is_minor(who.born_on, on) && who.consent.as_ref().is_none_or(|consent| consent.guardian == who.who.id()) {
            return Err(Refusal::ConsentRequired);
        }
        if self.occasion().clashes(&who.busy) { Err(Refusal::TimeConflict) } else { Ok(()) }
    }

    fn is_open(&self, now: Timestamp) -> Result<(), Refusal> {
        let (a, s) = (self.activity.facts(), self.shift.facts());
        let on = a.state == ActivityState::Published && s.state == ShiftState::Scheduled && s.activity == a.id;
        match s.sign_up_opens_at.filter(|at| now < *at) {
            Some(opens_at) if on => Err(Refusal::NotOpen { opens_at: Some(opens_at) }),
            None if on && now < s.ends_at => Ok(()),
            _ => Err(Refusal::NotOpen { opens_at: None }),
        }
    }
}

/// Whether somebody born then is a minor on that day. Whose age nobody knows counts as of age: without a home bound to
/// them, that is every WeChat user.
pub fn is_minor(born_on: Option<Date>, on: Date) -> bool {
    born_on.is_some_and(|born| age_on(born, on) < ADULT_AGE)
}

impl Admission {
    pub fn entry(&self) -> Entry {
        self.entry
    }

    /// The sign-up, once the pool has moved. The limits are worth a second look at this point, on
    /// [`Held`] counted after the move: `activity.limits().check(held)`.
    pub fn sign_up(mut self, moved: &Pool) -> Changed<SignUp> {
        let f = &mut self.facts;
        let kind = match self.entry {
            Entry::Place => "volunteer_sign_up.confirmed",
            Entry::Line => {
                f.number = Some(moved.last_number);
                "volunteer_sign_up.waitlisted"
            }
        };
        let event = Event::new(kind, Some(f.resident), f.signed_up_at).with("state", f.state).with("shift_id", f.shift);
        let mut event = event.with("activity_id", f.occasion.activity);
        // Not `telling`: who signs up does want it in writing.
        if self.entry == Entry::Place {
            event.notices.push(crate::kernel::changed::Notice { to: f.resident, template: template::CONFIRMED });
        }
        Changed::created(SignUp::from_facts(self.facts), vec![event])
    }
}
