//! What the round does to its applications: listing, placing, promoting; and coordination by hand.

use super::aggregate::{Application, Offer};
use super::machine::{Action, State};
use super::{Reason, Refusal, template};
use crate::actor::Actor;
use crate::enrolment::{SchoolId, round};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::time::Timestamp;

/// What the allocation says of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placing {
    Offered(SchoolId),
    Waiting,
    ToCoordinate,
}

impl Application {
    /// The schools that a family asks for, the best first: those it listed, or else those of its home's zone, or else the
    /// only one that the round has.
    pub fn wishes(&self, zone: Vec<SchoolId>) -> Vec<SchoolId> {
        let f = &self.facts;
        if !f.content.choices.is_empty() {
            return f.content.choices.clone();
        }
        if zone.is_empty() && f.round.plan().len() == 1 {
            return f.round.plan().keys().copied().collect();
        }
        zone
    }

    /// 公示: with the round's step, or later for what was confirmed later.
    ///
    /// # Errors
    /// [`Refusal::WrongState`], of the application or of the round.
    pub fn list(self, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.rules_may(State::ConfirmedTier, &[round::State::Listed, round::State::Allocated, round::State::Announced])?;
        let event = Event::new(Action::List.event(), None, now).telling(Some(self.facts.applicant), template::PROGRESS);
        Ok(self.moved(State::Listed, event))
    }

    /// 派位. The family is told when the round is announced, not now.
    ///
    /// # Errors
    /// As [`list`](Self::list); [`Refusal::SchoolNotInRound`].
    pub fn place(mut self, placing: Placing, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.rules_may(State::Listed, &[round::State::Listed, round::State::Allocated, round::State::Announced])?;
        let event = Event::new(Action::Place.event(), None, now);
        let to = match placing {
            Placing::Offered(school) => {
                self.offer(school, true, now)?;
                State::Offered
            }
            Placing::Waiting => State::Waiting,
            Placing::ToCoordinate => State::ToCoordinate,
        };
        // A latecomer, listed when everybody else knows already.
        let known = self.facts.round.state == round::State::Announced;
        let event = if known { event.telling(Some(self.facts.applicant), template::RESULT) } else { event };
        Ok(self.moved(to, event))
    }

    /// 递补: a released seat goes to the next in the school's order.
    ///
    /// # Errors
    /// As [`place`](Self::place).
    pub fn promote(mut self, school: SchoolId, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        let from = self.facts.state;
        if !matches!(from, State::Waiting | State::ToCoordinate) {
            return Err(Refusal::WrongState { state: from });
        }
        self.rules_may(from, &[round::State::Allocated, round::State::Announced])?;
        self.offer(school, true, now)?;
        let event = Event::new(Action::Promote.event(), None, now).with("school_id", school);
        // Before the round is announced nobody knows that there is a result.
        let known = self.facts.round.state == round::State::Announced;
        let event = if known { event.telling(Some(self.facts.applicant), template::RESULT) } else { event };
        Ok(self.moved(State::Offered, event))
    }

    /// 公布结果: with the round's step. Nothing moves; from now on the family may know, and an offer's time runs.
    ///
    /// # Errors
    /// [`Refusal::WrongState`] before the round is announced, and where there is no result to tell of.
    pub fn announce(self, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        let state = self.facts.state;
        let placed = matches!(state, State::Offered | State::Waiting | State::ToCoordinate);
        if !placed || self.facts.round.state != round::State::Announced {
            return Err(Refusal::WrongState { state });
        }
        let event = Event::new("enrolment_application.announced", None, now);
        let event = event.telling(Some(self.facts.applicant), template::RESULT);
        Ok(self.moved(state, event))
    }

    /// 统筹: an administrator offers a seat by hand. On the strength of the house it uses up the home's seat; otherwise
    /// the home keeps it.
    ///
    /// `free` are the seats that the school has left, counted in the same transaction.
    ///
    /// # Errors
    /// [`Refusal::SchoolNotInRound`] and [`Refusal::SchoolFull`] beside the guard's.
    pub fn coordinate(
        mut self,
        school: SchoolId,
        (by_house, free): (bool, i64),
        reason: Reason,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Coordinate, by, now)?;
        self.offer(school, by_house, now)?;
        if free <= 0 {
            return Err(Refusal::SchoolFull);
        }
        self.facts.ended_at = None;
        let event = Self::event(Action::Coordinate, by, now).with("school_id", school).with("by_house", by_house);
        let event = event.noting(reason.into_string());
        let known = self.facts.round.state == round::State::Announced;
        let event = if known { event.telling(Some(self.facts.applicant), template::RESULT) } else { event };
        Ok(self.moved(State::Offered, event))
    }

    fn offer(&mut self, school: SchoolId, takes_home_seat: bool, now: Timestamp) -> Result<(), Refusal> {
        if !self.facts.round.plan().contains_key(&school) {
            return Err(Refusal::SchoolNotInRound);
        }
        self.facts.offer = Some(Offer { school, offered_at: now, takes_home_seat });
        Ok(())
    }

    fn rules_may(&self, from: State, rounds: &[round::State]) -> Result<(), Refusal> {
        let f = &self.facts;
        if f.state == from && rounds.contains(&f.round.state) { Ok(()) } else { Err(Refusal::WrongState { state: f.state }) }
    }
}
