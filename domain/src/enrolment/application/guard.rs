//! The guard: who may do what, now. Decisions and `allowed_actions` both ask it and nobody else decides.

use super::Refusal;
use super::aggregate::Application;
use super::machine::{Action, MACHINE, Party, State};
use crate::actor::{Actor, PrincipalKind, Role};
use crate::enrolment::round;
use crate::kernel::time::Timestamp;

impl Application {
    /// What the actor is to this application. A program is nothing to it, whatever its grants say: papers are judged by two
    /// people 双人复核, and neither of them is a key.
    pub fn parties(&self, actor: &Actor) -> Vec<Party> {
        if actor.kind == PrincipalKind::Client {
            return vec![];
        }
        let f = &self.facts;
        let reviews = actor.is_any(&[Role::EnrolmentReviewer, Role::EnrolmentAdmin], f.round.community);
        let is = [
            (Party::Applicant, actor.id == f.applicant),
            (Party::Reviewer, reviews),
            (Party::ClaimedReviewer, reviews && f.reviewer == Some(actor.id)),
            (Party::EnrolmentAdmin, actor.is_any(&[Role::EnrolmentAdmin], f.round.community)),
        ];
        is.into_iter().filter(|(_, holds)| *holds).map(|(party, _)| party).collect()
    }

    /// Whether the actor sees the application from the other side of the counter.
    pub(super) fn is_staff(&self, actor: &Actor) -> bool {
        let roles = [Role::EnrolmentReviewer, Role::EnrolmentAdmin, Role::Auditor];
        actor.id != self.facts.applicant && actor.is_any(&roles, self.facts.round.community)
    }

    /// What this actor may do with the application at this moment, time windows and once-only rules included.
    pub fn allowed_actions(&self, actor: &Actor, now: Timestamp) -> Vec<Action> {
        Action::ALL.iter().copied().filter(|action| self.guard(*action, actor, now).is_ok()).collect()
    }

    /// Whether the family may write in it: as long as it may be handed in.
    pub fn is_editable(&self, actor: &Actor, now: Timestamp) -> bool {
        self.guard(Action::Submit, actor, now).is_ok()
    }

    /// The one answer to "may they, now?". Forbidden comes before wrong state: who has no business with an application
    /// does not learn where it stands.
    pub(super) fn guard(&self, action: Action, actor: &Actor, now: Timestamp) -> Result<(), Refusal> {
        use round::State as R;
        let f = &self.facts;
        let seen = self.state_for(actor);
        let parties = self.parties(actor);
        MACHINE.check(action, f.state, &parties).map_err(|denied| Refusal::denied(denied, seen))?;
        let reviewing = matches!(action, Action::Claim | Action::Return | Action::Verify | Action::Recheck | Action::Reject);
        // Also a seat is not found, nor a claim struck out, by somebody of the family.
        let by_staff = reviewing || matches!(action, Action::Coordinate | Action::Revoke | Action::CheckIn);
        if by_staff && (actor.id == f.applicant || f.related.contains(&actor.id)) {
            return Err(Refusal::RelatedReviewer);
        }
        if reviewing && matches!(f.round.state, R::Draft | R::Published | R::Finished) {
            return Err(Refusal::RoundNotOpen);
        }
        match action {
            Action::Submit if f.state == State::Returned => {
                let too_late = f.correct_until.is_none_or(|until| now >= until) || f.round.state == R::Finished;
                if too_late {
                    return Err(Refusal::TooLate);
                }
            }
            Action::Submit => {
                let late = f.late_until.is_some_and(|until| now < until) && takes_late(f.round.state);
                if !f.round.registering(now) && !late {
                    return Err(Refusal::RoundNotOpen);
                }
            }
            // What is on the published list is objected to while it is published; afterwards seats have been given by it.
            Action::Object if f.state == State::Listed && f.round.state != R::Listed => return Err(Refusal::TooLate),
            Action::Object if f.objected_at.is_some() || now >= f.round.calendar.objection_to || f.round.state == R::Finished => {
                return Err(Refusal::TooLate);
            }
            Action::Reject if f.objected_at.is_some() && f.rejected_by == Some(actor.id) => return Err(Refusal::SameReviewer),
            Action::Recheck if f.verified_by == Some(actor.id) => return Err(Refusal::SameReviewer),
            // The result is there but not announced: for the family nothing has happened yet.
            Action::Accept | Action::Decline if f.round.state == R::Allocated => return Err(Refusal::WrongState { state: seen }),
            Action::Accept | Action::Decline | Action::Withdraw if f.round.state == R::Finished => return Err(Refusal::TooLate),
            Action::Accept if f.home_left && self.rests_on_home().is_some() => return Err(Refusal::HomeLeft),
            Action::Coordinate if !matches!(f.round.state, R::Allocated | R::Announced) => return Err(Refusal::WrongState { state: seen }),
            Action::CheckIn if !matches!(f.round.state, R::Announced | R::Finished) => return Err(Refusal::WrongState { state: seen }),
            _ => {}
        }
        Ok(())
    }
}

/// Late applications are taken until seats are allocated.
pub(super) const fn takes_late(state: round::State) -> bool {
    matches!(state, round::State::Open | round::State::Closed | round::State::Listed)
}
