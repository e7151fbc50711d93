//! The reviewers' part: claim, return, verify, recheck, reject, revoke, check in.

use super::aggregate::Application;
use super::machine::{Action, ReturnCode, State};
use super::{Reason, Refusal, template};
use crate::actor::Actor;
use crate::enrolment::rules::{FactSet, Finding, TieBreak, Verdict};
use crate::enrolment::{CORRECT_S, SchoolId};
use crate::kernel::changed::Changed;
use crate::kernel::time::Timestamp;
use crate::registry::HomeId;

/// What a reviewer found in the papers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Correction {
    /// Facts that differ from what was declared, or were not declared.
    pub facts: FactSet,
    /// The home that the family means by the address it wrote, or another one than it named.
    pub home: Option<HomeId>,
    /// Whether the home's seat is another family's, looked up at this moment.
    pub seat_taken: Option<bool>,
    /// The way to schools, in metres: what bureaus measure on their map. The straight line would be another number.
    pub distances: Vec<(SchoolId, i64)>,
    /// The schools that the child asks for ([`Application::wishes`]), looked up by the caller.
    pub wishes: Vec<SchoolId>,
    /// Why something is another one than the family said or was told, or is left open.
    pub reason: Option<Reason>,
}

/// Why an application goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Empty means `other`.
    pub codes: Vec<ReturnCode>,
    pub note: Option<Reason>,
}

impl Returned {
    /// As the family reads it.
    pub fn text(&self) -> String {
        let codes: &[ReturnCode] = if self.codes.is_empty() { &[ReturnCode::Other] } else { &self.codes };
        let labels: Vec<_> = codes.iter().map(|code| code.label()).collect();
        let note = self.note.as_ref().map(|note| format!("：{}", &**note)).unwrap_or_default();
        format!("{}{note}", labels.join("、"))
    }
}

impl Application {
    /// 受理: of two reviewers at the same moment the first saved has it.
    pub fn claim(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Claim, by, now)?;
        self.facts.reviewer = Some(by.id);
        Ok(self.moved(State::InReview, Self::event(Action::Claim, by, now)))
    }

    /// 退回补正: until the end of the review, or for three days where less is left.
    pub fn return_to_family(mut self, why: Returned, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Return, by, now)?;
        let f = &mut self.facts;
        f.correct_until = Some(f.round.calendar.review_to.max(now.plus_seconds(CORRECT_S)));
        f.verified_by = None;
        let codes: Vec<_> = why.codes.iter().map(|code| code.as_str()).collect();
        let event = Self::event(Action::Return, by, now).with("codes", codes.join(",")).noting(why.text());
        let event = event.telling(Some(f.applicant), template::RETURNED);
        Ok(self.moved(State::Returned, event))
    }

    /// 初审通过: the rules decide, with what the reviewer corrected. Whatever is not as the family said needs a reason, also
    /// where the tier stays the same: points and dates decide within it.
    ///
    /// # Errors
    /// [`Refusal::Undecided`], also where what orders the children of a batch is not known and nobody says why it cannot be, as
    /// [`Refusal::Unmeasured`] where that is the way to school;
    /// [`Refusal::NoTier`], [`Refusal::DocumentsMissing`], [`Refusal::DifferenceUnexplained`]
    /// beside the guard's.
    pub fn verify(mut self, correction: Correction, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Verify, by, now)?;
        let before = self.known();
        let corrected: Vec<&str> =
            correction.facts.iter().filter(|(fact, value)| before.get(*fact) != Some(*value)).map(|(fact, _)| fact.name()).collect();
        let f = &mut self.facts;
        let moved = correction.home.is_some() && f.content.home.is_some() && correction.home != f.content.home;
        if correction.home.is_some_and(|home| f.content.home != Some(home)) {
            f.distances.clear();
        }
        f.content.home = correction.home.or(f.content.home);
        f.distances.retain(|(school, _)| correction.distances.iter().all(|(measured, _)| measured != school));
        f.distances.extend(&correction.distances);
        f.corrected = std::mem::take(&mut f.corrected).corrected_by(&correction.facts);
        f.seat_taken = correction.seat_taken.or(f.seat_taken);
        let finding = self.rule()?;
        let f = &mut self.facts;
        let differs = f.tier != f.filed_tier;
        if correction.reason.is_none() {
            if differs || moved || !corrected.is_empty() {
                return Err(Refusal::DifferenceUnexplained);
            }
            // Left unknown it would count as the worst there is.
            if !finding.ranking.is_empty() {
                return Err(Refusal::Undecided { missing: finding.ranking });
            }
            let by_distance = self.facts.round.rules.tie_break().contains(&TieBreak::Distance);
            let unmeasured = |school: &SchoolId| self.distance_to(*school).is_none();
            let schools: Vec<SchoolId> = correction.wishes.into_iter().filter(unmeasured).collect();
            if by_distance && !schools.is_empty() {
                return Err(Refusal::Unmeasured { schools });
            }
        }
        let f = &mut self.facts;
        f.verified_by = Some(by.id);
        let event = Self::event(Action::Verify, by, now).with("differs", differs);
        let measured: Vec<String> = correction.distances.iter().map(|(school, metres)| format!("{school}:{metres}")).collect();
        let event = if measured.is_empty() { event } else { event.with("measured", measured.join(",")) };
        let event = if corrected.is_empty() { event } else { event.with("corrected", corrected.join(",")) };
        let event = event.noting(correction.reason.map(Reason::into_string));
        Ok(self.moved(State::Verified, event))
    }

    /// 复核通过: another person comes to the same result from the same facts.
    ///
    /// # Errors
    /// [`Refusal::SameReviewer`] and those of `verify`.
    pub fn recheck(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Recheck, by, now)?;
        self.rule()?;
        self.facts.rechecked_by = Some(by.id);
        let event = Self::event(Action::Recheck, by, now).telling(Some(self.facts.applicant), template::PROGRESS);
        Ok(self.moved(State::ConfirmedTier, event))
    }

    /// Lets the rules say tier, batch and points.
    fn rule(&mut self) -> Result<Finding, Refusal> {
        let finding = self.finding();
        let kinds = self.missing_documents(&finding);
        let (tier, batch) = match finding.verdict.clone() {
            Verdict::Eligible { tier, batch } => (tier, batch),
            Verdict::Ineligible => return Err(Refusal::NoTier),
            Verdict::Undecided { missing, .. } => return Err(Refusal::Undecided { missing }),
        };
        if !kinds.is_empty() {
            return Err(Refusal::DocumentsMissing { kinds });
        }
        let f = &mut self.facts;
        (f.tier, f.batch, f.points) = (Some(tier), Some(batch), finding.points);
        Ok(finding)
    }

    /// 不通过: the family may object.
    pub fn reject(mut self, reason: Reason, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Reject, by, now)?;
        let f = &mut self.facts;
        (f.tier, f.batch, f.verified_by) = (None, None, None);
        f.rejected_by = Some(by.id);
        let event = Self::event(Action::Reject, by, now).noting(reason.into_string()).telling(Some(f.applicant), template::PROGRESS);
        Ok(self.moved(State::Ineligible, event))
    }

    /// 撤销: false papers. The seat uses of this application are to be deleted with it, in the same transaction.
    pub fn revoke(mut self, reason: Reason, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Revoke, by, now)?;
        self.facts.ended_at = Some(now);
        let event = Self::event(Action::Revoke, by, now).noting(reason.into_string());
        let event = event.telling(Some(self.facts.applicant), template::PROGRESS);
        Ok(self.moved(State::Revoked, event))
    }

    /// 报到
    pub fn check_in(self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::CheckIn, by, now)?;
        Ok(self.moved(State::Enrolled, Self::event(Action::CheckIn, by, now)))
    }
}
