//! The guard: who may do what with a sign-up, now. Decisions and `allowed_actions` both ask it and nobody else decides.

use super::machine::{Action, MACHINE, Party, State};
use super::sign_up::SignUp;
use super::{CHECK_IN_BEFORE_S, Refusal};
use crate::actor::Actor;
use crate::kernel::time::Timestamp;

impl SignUp {
    /// What the actor is to this sign-up. Nobody leads themselves: whose hours they are does not say how many.
    pub fn parties(&self, actor: &Actor) -> Vec<Party> {
        let f = &self.facts;
        let own = actor.id == f.resident;
        let is = [(Party::Volunteer, own), (Party::Leader, !own && actor.volunteer_leader_of(f.community).is_ok())];
        is.into_iter().filter(|(_, holds)| *holds).map(|(party, _)| party).collect()
    }

    /// What a delegate of the volunteer's may do in their name: whatever does not ask somebody to be there.
    pub const DELEGATED: &'static [Action] = &[Action::Cancel, Action::AcceptOffer];

    /// What this actor may do with the sign-up at this moment.
    pub fn allowed_actions(&self, actor: &Actor, now: Timestamp) -> Vec<Action> {
        Action::ALL.iter().copied().filter(|action| self.guard(*action, actor, now).is_ok()).collect()
    }

    /// The one answer to "may they, now?". Forbidden comes before wrong state.
    pub(super) fn guard(&self, action: Action, actor: &Actor, now: Timestamp) -> Result<(), Refusal> {
        let f = &self.facts;
        let parties = self.parties(actor);
        match MACHINE.check(action, f.state, &parties).map_err(|denied| Refusal::of_sign_up(denied, f.state)) {
            // Who comes too late for an offer is told that, rather than a state that they have not seen.
            Err(Refusal::WrongState { .. }) if action == Action::AcceptOffer && f.state == State::Expired => {
                return Err(f.offered_until.map_or(Refusal::WrongState { state: f.state.as_str() }, |at| Refusal::OfferExpired { at }));
            }
            other => other?,
        }
        let o = &f.occasion;
        let fixed = |since| if now < since { Ok(()) } else { Err(Refusal::TooLateToCancel { since }) };
        let not_before = |from| if now >= from { Ok(()) } else { Err(Refusal::TooEarly { from }) };
        match action {
            Action::Cancel if f.state == State::Confirmed && parties == [Party::Volunteer] => fixed(o.fixed_at()),
            Action::Swap => fixed(o.fixed_at()),
            Action::CheckIn if now >= o.ends_at => Err(Refusal::TooLate { since: o.ends_at }),
            Action::CheckIn => not_before(o.starts_at.plus_seconds(-CHECK_IN_BEFORE_S)),
            Action::MarkAbsent => not_before(o.due_at()),
            // Until the shift is over, whoever is not done may still come or check out.
            Action::Settle if f.state != State::Done => not_before(o.ends_at),
            _ => Ok(()),
        }
    }
}
