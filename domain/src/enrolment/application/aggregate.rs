//! The application as it is remembered, how it begins, and what time does to it.

use std::sync::Arc;

use super::draft::{ApplicationDraft, Consent, Content, MAX_BEGUN, MAX_DRAFTS, Standing};
use super::late::LatePermit;
use super::machine::{Action, State};
use super::{Refusal, template};
use crate::actor::{Actor, PrincipalId, Resident};
use crate::enrolment::rules::{Fact, FactSet, Finding, Value};
use crate::enrolment::seat_lock::{Claim, Family};
use crate::enrolment::{ApplicationId, SchoolId, round};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::time::Timestamp;
use crate::registry::HomeId;

/// Everything that is remembered of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub id: ApplicationId,
    pub version: i64,
    /// The round as it is now: its state and calendar decide what may be done.
    pub round: Arc<round::Facts>,
    /// The public name of the application, in draws and lists.
    pub receipt: String,
    pub applicant: PrincipalId,
    pub state: State,
    pub content: Content,
    pub consent: Consent,
    /// The receipt under which twins go through allocation together; none for a child that goes alone.
    pub household: Option<String>,
    /// Handed in after the window, by leave, until this instant.
    pub late_until: Option<Timestamp>,
    /// What reviewers put in the place of what was declared.
    pub corrected: FactSet,
    /// The home that the family named. Another one is not their word: a reviewer found it behind the address, or in its place.
    pub home_named: Option<HomeId>,
    /// How far it is to schools, in metres, as reviewers measured the way.
    pub distances: Vec<(SchoolId, i64)>,
    /// Whether the home's seat was another family's when a reviewer looked; unknown before.
    pub seat_taken: Option<bool>,
    /// The tier that the rules gave at submission; none if they could not tell.
    pub filed_tier: Option<String>,
    /// The tier that was verified, its batch and its points.
    pub tier: Option<String>,
    pub batch: Option<i64>,
    pub points: Option<i64>,
    /// Who has claimed it.
    pub reviewer: Option<PrincipalId>,
    pub verified_by: Option<PrincipalId>,
    /// Who found it ineligible: they do not do so again, alone, when the family objects.
    pub rejected_by: Option<PrincipalId>,
    pub rechecked_by: Option<PrincipalId>,
    /// Until when a returned application may be handed in again.
    pub correct_until: Option<Timestamp>,
    /// An objection was made; it may be made once.
    pub objected_at: Option<Timestamp>,
    pub offer: Option<Offer>,
    pub created_at: Timestamp,
    pub submitted_at: Option<Timestamp>,
    /// When it was accepted, released, withdrawn or revoked, whichever came last.
    pub ended_at: Option<Timestamp>,
    /// Staff who are related to the family, looked up by the caller: of the same home or the same documents.
    pub related: Vec<PrincipalId>,
    /// Whether the family no longer speaks for the home that it named, looked up by the caller where a seat is offered on the
    /// strength of it ([`Application::rests_on_home`]).
    pub home_left: bool,
}

/// A seat that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub school: SchoolId,
    pub offered_at: Timestamp,
    /// Whether accepting uses up the home's seat: always by allocation, by choice of the administrator by coordination.
    pub takes_home_seat: bool,
}

/// An application that can take one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    pub(super) facts: Facts,
    /// What time did to the application since it was saved; it is saved with the next decision.
    settled: Option<Event>,
}

impl Application {
    /// A draft in the hands of its family.
    ///
    /// `twin` is an application of the same family for a twin who should be placed together with this child.
    ///
    /// # Errors
    /// [`Refusal::RoundNotOpen`], [`Refusal::ConsentRequired`], [`Refusal::Faults`] with all of them,
    /// [`Refusal::NotTwins`], [`Refusal::TooManyDrafts`], [`Refusal::TooManyApplications`]. That the child is registered in this round already is found by a unique key, not here.
    #[allow(clippy::too_many_arguments)]
    pub fn create(
        id: ApplicationId,
        receipt: String,
        draft: ApplicationDraft,
        round: Arc<round::Facts>,
        standing: &Standing,
        late: Option<&LatePermit>,
        twin: Option<&Application>,
        who: &Resident,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        // Who begins in time is in time, whatever leave they hold beside it.
        let in_time = round.registering(now);
        let late_until = late.filter(|permit| !in_time && permit.lets(who.id(), &round, now)).map(|permit| permit.facts().until);
        if !in_time && late_until.is_none() {
            return Err(Refusal::RoundNotOpen);
        }
        let consent = draft.consent(&round, now)?;
        if standing.begun >= MAX_BEGUN {
            return Err(Refusal::TooManyApplications);
        }
        if standing.drafts >= MAX_DRAFTS {
            return Err(Refusal::TooManyDrafts);
        }
        let content = draft.check(&round, standing, None, now)?;
        let household = match twin {
            None => None,
            Some(twin) => {
                let t = &twin.facts;
                if t.round.id != round.id || t.applicant != who.id() || !content.is_twin_of(&t.content) {
                    return Err(Refusal::NotTwins);
                }
                Some(twin.household().to_owned())
            }
        };
        let event = Event::new("enrolment_application.created", Some(who.id()), now).with("state", State::Draft);
        let event = event.with("round_id", round.id).with("late", late_until.is_some());
        let facts = Facts {
            id,
            version: 1,
            round,
            receipt,
            applicant: who.id(),
            state: State::Draft,
            home_named: content.home,
            content,
            consent,
            household,
            late_until,
            corrected: FactSet::default(),
            distances: vec![],
            seat_taken: None,
            filed_tier: None,
            tier: None,
            batch: None,
            points: None,
            reviewer: None,
            verified_by: None,
            rejected_by: None,
            rechecked_by: None,
            correct_until: None,
            objected_at: None,
            offer: None,
            created_at: now,
            submitted_at: None,
            ended_at: None,
            related: vec![],
            home_left: false,
        };
        Ok(Changed::created(Self { facts, settled: None }, vec![event]))
    }

    /// An application as it stands now: an offer that nobody answered in time is released, whether or not a job has run.
    pub fn restore(facts: Facts, now: Timestamp) -> Self {
        let mut application = Self { facts, settled: None };
        if let Some(at) = application.offer_expires_at().filter(|at| *at <= now) {
            application.facts.ended_at = Some(at);
            let event = Event::new(Action::Decline.event(), None, at).with("automatic", true);
            let event = event.telling(Some(application.facts.applicant), template::RESULT);
            application.settled = Some(application.step(State::Released, event));
        }
        application
    }

    /// A draft whose family was given leave to hand it in late, after it was begun in time or by leave that has run out.
    #[must_use]
    pub fn permitted(mut self, permit: &LatePermit, now: Timestamp) -> Self {
        let f = &mut self.facts;
        if f.state == State::Draft && !f.round.registering(now) && permit.lets(f.applicant, &f.round, now) {
            f.late_until = Some(permit.facts().until);
        }
        self
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The name under which twins go together: who came first has no household of its own, its receipt is the name.
    pub fn household(&self) -> &str {
        self.facts.household.as_deref().unwrap_or(&self.facts.receipt)
    }

    /// The home whose seat it sits on, from the moment that it was accepted.
    pub fn sits_on(&self) -> Option<HomeId> {
        let f = &self.facts;
        let sits = matches!(f.state, State::Accepted | State::Enrolled) && f.offer.is_some_and(|offer| offer.takes_home_seat);
        f.content.home.filter(|_| sits)
    }

    /// The home that the family has to speak for: the one that it named itself. Of one that a reviewer found for it nobody has ever
    /// asked that.
    pub fn own_home(&self) -> Option<HomeId> {
        self.facts.content.home.filter(|_| self.found_home().is_none())
    }

    /// The home that a reviewer found.
    pub fn found_home(&self) -> Option<HomeId> {
        self.facts.content.home.filter(|home| self.facts.home_named != Some(*home))
    }

    /// How far it is to a school, in metres, as far as somebody has measured it.
    pub fn distance_to(&self, school: SchoolId) -> Option<i64> {
        self.facts.distances.iter().find(|(to, _)| *to == school).map(|(_, metres)| *metres)
    }

    /// The home on the strength of which a seat is offered now: who has moved out of it does not accept.
    pub fn rests_on_home(&self) -> Option<HomeId> {
        let offered = self.facts.state == State::Offered && self.facts.offer.is_some_and(|offer| offer.takes_home_seat);
        self.own_home().filter(|_| offered)
    }

    /// The application with what was looked up of its home: whether the family still speaks for it.
    #[must_use]
    pub fn spoken_for(mut self, homes: &[HomeId]) -> Self {
        self.facts.home_left = self.rests_on_home().is_some_and(|home| !homes.contains(&home));
        self
    }

    /// Its claim to the seat of its home, if it has one.
    pub fn seat_claim(&self, family: Family) -> Option<Claim> {
        let f = &self.facts;
        f.content.home.map(|home| Claim::of(&f.round, f.id, home, family))
    }

    /// When an open offer will be released if nobody answers; none before the results are announced.
    pub fn offer_expires_at(&self) -> Option<Timestamp> {
        let f = &self.facts;
        let announced_at = f.round.announced_at?;
        let offer = f.offer.filter(|_| f.state == State::Offered)?;
        Some(f.round.offer_ends(announced_at.max(offer.offered_at)))
    }

    /// Writes down what time has done, for a job; nothing when time has done nothing. The seat is free from that moment
    /// on; the job is needed only for those who wait for the event, or for the seat.
    pub fn settle(mut self) -> Option<Changed<Self>> {
        let event = self.settled.take()?;
        Some(self.changed(vec![event]))
    }

    /// Everything that is known of the child, as the rules see it: declared, corrected, derived.
    pub fn known(&self) -> FactSet {
        let f = &self.facts;
        let mut known = f.content.declared.clone().corrected_by(&f.corrected);
        let mut derive = |name: &str, value: Option<Value>| {
            if let (Some(fact), Some(value)) = (Fact::find(name), value) {
                known = std::mem::take(&mut known).with(fact, value);
            }
        };
        derive("born_on", Some(Value::Date(f.content.child.born_on)));
        derive("late", Some(Value::Bool(f.late_until.is_some())));
        // Without a home there is no seat that anybody could have taken.
        derive("seat_taken", if f.content.home.is_none() { Some(Value::Bool(false)) } else { f.seat_taken.map(Value::Bool) });
        known
    }

    /// What the rules say about the child as it is known: the reasons that a family is shown. Worked out anew each time;
    /// the rules of a published round never change, so it is always the same.
    pub fn finding(&self) -> Finding {
        self.facts.round.rules.evaluate(&self.known())
    }

    /// The kinds of papers that are asked for and were not handed in.
    pub fn missing_documents(&self, finding: &Finding) -> Vec<String> {
        let at_hand: Vec<_> = self.facts.content.documents.iter().map(|document| document.kind.as_str()).collect();
        finding.missing_documents(&at_hand).into_iter().map(|need| need.kind.clone()).collect()
    }

    /// The state as its family may see it: what was allocated is theirs to know when it is announced.
    pub fn state_for_family(&self) -> State {
        let hidden = self.facts.round.state == round::State::Allocated
            && matches!(self.facts.state, State::Offered | State::Waiting | State::ToCoordinate);
        if hidden { State::Listed } else { self.facts.state }
    }

    /// The state as this person may see it.
    pub fn state_for(&self, actor: &Actor) -> State {
        if self.is_staff(actor) { self.facts.state } else { self.state_for_family() }
    }

    /// The school that was offered or accepted, once the family may know.
    pub fn school_for(&self, actor: &Actor) -> Option<SchoolId> {
        let offered = matches!(self.state_for(actor), State::Offered | State::Accepted | State::Enrolled);
        self.facts.offer.filter(|_| offered).map(|offer| offer.school)
    }

    /// The event of an action, on its way to be filled in.
    pub(super) fn event(action: Action, by: &Actor, now: Timestamp) -> Event {
        Event::new(action.event(), Some(by.id), now)
    }

    /// Goes to a state and says so in the event.
    fn step(&mut self, to: State, event: Event) -> Event {
        let from = std::mem::replace(&mut self.facts.state, to);
        event.with("from", from).with("state", to)
    }

    /// Ends a decision: the application in its new state, one version on, with the event and whatever time had done before.
    pub(super) fn moved(mut self, to: State, event: Event) -> Changed<Self> {
        let event = self.step(to, event);
        let events = self.settled.take().into_iter().chain([event]).collect();
        self.changed(events)
    }

    fn changed(mut self, events: Vec<Event>) -> Changed<Self> {
        let loaded = self.facts.version;
        self.facts.version = loaded + 1;
        Changed::from_version(loaded, self, events)
    }
}
