//! The family's part: write, submit, withdraw, object, answer an offer.

use super::aggregate::Application;
use super::draft::{ApplicationDraft, HandIn, MAX_REGISTERED, Standing};
use super::machine::{Action, State};
use super::{Reason, Refusal, template};
use crate::actor::Actor;
use crate::enrolment::seat_lock::{Family, SeatUse};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::Fault;
use crate::kernel::time::Timestamp;

impl Application {
    /// Other values, while it may still be handed in. What reviewers had corrected goes with them: it was about what
    /// stood there before. `twins` are the others of its household.
    ///
    /// # Errors
    /// [`Refusal::Faults`] and those of handing in; [`Refusal::NotTwins`], when it would not be of one birth with its twins
    /// any more. Consent need not be given twice, but may be given to a newer text.
    ///
    /// The home that a reviewer has found may be sent back as it was shown: it stays, and stays the reviewer's.
    pub fn rewrite(
        mut self,
        draft: ApplicationDraft,
        standing: &Standing,
        twins: &[Application],
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Submit, by, now)?;
        if draft.consent.is_some() {
            self.facts.consent = draft.consent(&self.facts.round, now)?;
        }
        let (before, found) = (self.facts.content.home, self.found_home().filter(|home| draft.home == Some(*home)));
        self.facts.content = draft.check(&self.facts.round, standing, found, now)?;
        if found.is_none() {
            self.facts.home_named = self.facts.content.home;
        }
        if !twins.iter().all(|twin| self.facts.content.is_twin_of(&twin.facts.content)) {
            return Err(Refusal::NotTwins);
        }
        self.facts.corrected = Default::default();
        if self.facts.content.home != before || self.facts.content.home.is_none() {
            // From somewhere else the way is another one.
            self.facts.distances.clear();
        }
        let state = self.facts.state;
        Ok(self.moved(state, Event::new("enrolment_application.updated", Some(by.id), now)))
    }

    /// 提交: what the rules say now is kept, to be compared with what reviewers find.
    ///
    /// # Errors
    /// [`Refusal::TooManyApplications`], [`Refusal::Faults`] for a home that was given up since, [`Refusal::DocumentsMissing`]
    /// beside the guard's. That another application for the child was handed in is found by a unique key.
    pub fn submit(mut self, looked_up: HandIn, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Submit, by, now)?;
        if self.facts.state == State::Draft && looked_up.registered >= MAX_REGISTERED {
            return Err(Refusal::TooManyApplications);
        }
        if looked_up.home_left {
            return Err(Refusal::Faults(vec![Fault { pointer: "/home_id".to_owned(), code: "not_your_home" }]));
        }
        self.facts.seat_taken = looked_up.seat_taken;
        let finding = self.finding();
        let kinds = self.missing_documents(&finding);
        if !kinds.is_empty() {
            return Err(Refusal::DocumentsMissing { kinds });
        }
        let f = &mut self.facts;
        f.filed_tier = finding.verdict.tier().map(str::to_owned);
        f.submitted_at = Some(now);
        f.correct_until = None;
        let event = Self::event(Action::Submit, by, now).telling(f.reviewer, template::REVIEW);
        f.reviewer = None;
        Ok(self.moved(State::Submitted, event))
    }

    /// 撤回: before a seat was accepted. A seat that was offered goes on to the next.
    pub fn withdraw(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Withdraw, by, now)?;
        self.facts.ended_at = Some(now);
        let event = Self::event(Action::Withdraw, by, now).telling(self.facts.reviewer, template::REVIEW);
        Ok(self.moved(State::Withdrawn, event))
    }

    /// 异议: once, within the window.
    pub fn object(mut self, reason: Reason, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Object, by, now)?;
        self.facts.objected_at = Some(now);
        self.facts.reviewer = None;
        let event = Self::event(Action::Object, by, now).noting(reason.into_string());
        Ok(self.moved(State::Objection, event))
    }

    /// 确认入学: and with it the home's seat is taken. Answers the rows to insert in the same transaction; the unique key
    /// on (home, school year) is what decides between two families at the same moment.
    ///
    /// `family` are the blind indexes of this application's guardians, `existing` the seat uses of its home.
    ///
    /// # Errors
    /// [`Refusal::SeatLocked`] beside the guard's; of those, [`Refusal::HomeLeft`].
    pub fn accept(
        mut self,
        family: Family,
        existing: &[SeatUse],
        by: &Actor,
        now: Timestamp,
    ) -> Result<(Changed<Self>, Vec<SeatUse>), Refusal> {
        self.guard(Action::Accept, by, now)?;
        let Some(offer) = self.facts.offer else { return Err(Refusal::WrongState { state: self.facts.state }) };
        let rows = match self.seat_claim(family).filter(|_| offer.takes_home_seat) {
            None => vec![],
            Some(claim) => claim.decide(existing).map_err(|locked| Refusal::SeatLocked { free_from: locked.free_from })?,
        };
        let f = &mut self.facts;
        f.ended_at = Some(now);
        let event = Self::event(Action::Accept, by, now).with("school_id", offer.school);
        Ok((self.moved(State::Accepted, event), rows))
    }

    /// 放弃
    pub fn decline(mut self, reason: Option<Reason>, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Decline, by, now)?;
        self.facts.ended_at = Some(now);
        let event = Self::event(Action::Decline, by, now).noting(reason.map(Reason::into_string));
        Ok(self.moved(State::Released, event))
    }
}
