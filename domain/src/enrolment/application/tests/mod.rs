//! Rules of the application, each by the name of its test.

mod handing_in;
mod placing;
mod review;
mod table;

use std::sync::Arc;

use super::*;
use crate::actor::Actor;
use crate::enrolment::round;
use crate::enrolment::seat_lock::{Family, SeatUse};
use crate::enrolment::testing::*;
use crate::kernel::changed::Changed;
use crate::kernel::time::Timestamp;

fn reason() -> Reason {
    Reason::new("见书面说明").expect("a reason")
}

fn family(names: &[&str]) -> Family {
    Family::new(names.iter().map(|name| (*name).to_owned()))
}

/// A fresh draft in an open round.
fn drafted() -> Application {
    apply(draft(), sight(round::State::Open), now()).expect("an application")
}

/// The same application seen while the round is in another state.
fn in_round(application: &Application, state: round::State, now: Timestamp) -> Application {
    Application::restore(Facts { round: sight(state), ..application.facts().clone() }, now)
}

/// An application that did not have to go through what leads to its state.
fn standing_in(state: State, round: round::State) -> Application {
    let mut facts = drafted().facts().clone();
    facts.state = state;
    facts.round = sight(round);
    facts.filed_tier = Some("local".to_owned());
    facts.tier = Some("local".to_owned());
    facts.batch = Some(1);
    facts.reviewer = Some(reviewer(1).id);
    facts.verified_by = Some(reviewer(1).id);
    facts.correct_until = Some(calendar().review_to);
    facts.offer = Some(Offer { school: school(1), offered_at: at("2026-07-21T09:00"), takes_home_seat: true });
    Application::restore(facts, at("2026-07-22T09:00"))
}

type Tried = Result<Changed<Application>, Refusal>;

/// Takes an action with valid data.
fn attempt(a: Application, action: Action, by: &Actor, now: Timestamp) -> Tried {
    match action {
        Action::Submit => a.submit(HandIn::default(), by, now),
        Action::Withdraw => a.withdraw(by, now),
        Action::Accept => a.accept(family(&["mother"]), &[], by, now).map(|(done, _)| done),
        Action::Decline => a.decline(None, by, now),
        Action::Object => a.object(reason(), by, now),
        Action::Claim => a.claim(by, now),
        Action::Return => a.return_to_family(Returned { codes: vec![ReturnCode::DocumentUnreadable], note: None }, by, now),
        Action::Verify => a.verify(Correction::default(), by, now),
        Action::Recheck => a.recheck(by, now),
        Action::Reject => a.reject(reason(), by, now),
        Action::Revoke => a.revoke(reason(), by, now),
        Action::Coordinate => a.coordinate(school(2), (false, 1), reason(), by, now),
        Action::CheckIn => a.check_in(by, now),
        // The rules' own: nobody may, whoever they are.
        Action::List | Action::Place | Action::Promote => Err(Refusal::NotForYou),
    }
}

/// Takes actions one second after another; every one must be allowed.
fn after(mut application: Application, steps: &[(Action, &Actor)]) -> Application {
    for (i, (action, by)) in steps.iter().enumerate() {
        let now = now().plus_seconds(i as i64 + 1);
        let done = attempt(application, *action, by, now).unwrap_or_else(|refusal| panic!("{action}: {refusal:?}"));
        application = Application::restore(done.value().facts().clone(), now);
    }
    application
}
