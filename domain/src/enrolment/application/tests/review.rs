//! What reviewers do.

use super::*;
use crate::actor::Role;
use crate::enrolment::rules::{Fact, ValueInput};

fn claimed() -> Application {
    after(drafted(), &[(Action::Submit, &parent()), (Action::Claim, &reviewer(1))])
}

fn verified() -> Application {
    after(claimed(), &[(Action::Verify, &reviewer(1))])
}

#[test]
fn two_people_check() {
    let done = after(verified(), &[(Action::Recheck, &reviewer(2))]);
    let f = done.facts();
    assert_eq!((f.state, f.tier.as_deref(), f.batch), (State::ConfirmedTier, Some("local"), Some(1)));
    assert_eq!((f.verified_by, f.rechecked_by), (Some(reviewer(1).id), Some(reviewer(2).id)));
}

#[test]
fn who_verified_does_not_recheck() {
    assert_eq!(verified().recheck(&reviewer(1), now()).map(|_| ()), Err(Refusal::SameReviewer));
    assert!(!verified().allowed_actions(&reviewer(1), now()).contains(&Action::Recheck));
    let by_admin = after(claimed(), &[(Action::Verify, &admin())]);
    assert_eq!(by_admin.recheck(&admin(), now()).map(|_| ()), Err(Refusal::SameReviewer));
}

#[test]
fn whoever_is_related_keeps_out() {
    let related = |a: Application| Application::restore(Facts { related: vec![reviewer(1).id], ..a.facts().clone() }, now());
    let submitted = related(after(drafted(), &[(Action::Submit, &parent())]));
    assert_eq!(submitted.clone().claim(&reviewer(1), now()).map(|_| ()), Err(Refusal::RelatedReviewer));
    assert_eq!(submitted.allowed_actions(&reviewer(1), now()), []);
    assert!(submitted.claim(&reviewer(2), now()).is_ok());
    // Nor a reviewer who is the applicant, under whatever role.
    let own = member(10, Role::EnrolmentReviewer, Some(here()));
    assert_eq!(after(drafted(), &[(Action::Submit, &parent())]).claim(&own, now()).map(|_| ()), Err(Refusal::RelatedReviewer));
    let verified = Application::restore(Facts { related: vec![reviewer(2).id], ..verified().facts().clone() }, now());
    assert_eq!(verified.recheck(&reviewer(2), now()).map(|_| ()), Err(Refusal::RelatedReviewer));
}

#[test]
fn who_has_claimed_it_verifies_it() {
    assert_eq!(claimed().verify(Correction::default(), &reviewer(2), now()).map(|_| ()), Err(Refusal::NotForYou));
    assert!(claimed().verify(Correction::default(), &admin(), now()).is_ok(), "somebody falls ill");
    let second = claimed().claim(&reviewer(2), now()).map(|_| ());
    assert_eq!(second, Err(Refusal::WrongState { state: State::InReview }), "the second of two is told");
}

#[test]
fn a_result_that_differs_from_what_the_family_was_told_says_why() {
    let without_hukou = facts(&[("hukou_on", ValueInput::Null), ("migrant", ValueInput::Bool(true))]);
    let correction = |reason| Correction { facts: without_hukou.clone(), seat_taken: None, reason };
    assert_eq!(claimed().verify(correction(None), &reviewer(1), now()).map(|_| ()), Err(Refusal::DifferenceUnexplained));
    let done = claimed().verify(correction(Some(reason())), &reviewer(1), now()).expect("verified");
    assert_eq!((done.value().facts().tier.as_deref(), done.value().facts().filed_tier.as_deref()), (Some("migrant"), Some("local")));
    assert_eq!(done.events()[0].note.as_deref(), Some("见书面说明"));
    let declared = done.value().facts().content.declared.get(Fact::find("hukou_on").expect("a fact"));
    assert!(matches!(declared, Some(crate::enrolment::rules::Value::Date(_))), "what was declared stays on record");
    let confirmed = after(Application::restore(done.value().facts().clone(), now()), &[(Action::Recheck, &reviewer(2))]);
    assert_eq!(confirmed.facts().batch, Some(2), "the second person sees the same facts");
    assert!(confirmed.finding().deciding().expect("a reason").text.contains("随迁子女"));
}

#[test]
fn nothing_is_verified_that_the_rules_do_not_decide() {
    let unsure = ApplicationDraft { facts: facts(&[("hukou_on", ValueInput::Null)]), ..draft() };
    let unsure = apply(unsure, sight(round::State::Open), now()).expect("an application");
    let unsure = after(unsure, &[(Action::Submit, &parent()), (Action::Claim, &reviewer(1))]);
    let tried = unsure.clone().verify(Correction::default(), &reviewer(1), now()).map(|_| ());
    assert_eq!(tried, Err(Refusal::Undecided { missing: vec![Fact::find("migrant").expect("a fact")] }));
    let no = Correction { facts: facts(&[("migrant", ValueInput::Bool(false))]), seat_taken: None, reason: Some(reason()) };
    assert_eq!(unsure.clone().verify(no, &reviewer(1), now()).map(|_| ()), Err(Refusal::NoTier));
    let house = Correction {
        facts: facts(&[("migrant", ValueInput::Bool(true)), ("house_on", text("2022-01-01"))]),
        seat_taken: None,
        reason: Some(reason()),
    };
    let missing = Refusal::DocumentsMissing { kinds: vec!["deed".to_owned()] };
    assert_eq!(unsure.verify(house, &reviewer(1), now()).map(|_| ()), Err(missing));
}

#[test]
fn a_returned_application_is_mended_until_the_reviews_end() {
    let why = Returned { codes: vec![ReturnCode::DocumentUnreadable, ReturnCode::DocumentMissing], note: Some(reason()) };
    let done = claimed().return_to_family(why, &reviewer(1), now()).expect("returned");
    assert_eq!(done.events()[0].note.as_deref(), Some("材料不清晰、材料缺失：见书面说明"));
    assert_eq!(done.events()[0].notices[0].to, parent().id);
    let returned = Application::restore(done.value().facts().clone(), now());
    let closed = in_round(&returned, round::State::Closed, now());
    let until = calendar().review_to;
    assert!(closed.is_editable(&parent(), until.plus_millis(-1)), "the register is closed, the correction is not");
    assert_eq!(closed.clone().submit(&parent(), until).map(|_| ()), Err(Refusal::TooLate));
    let again = closed.submit(&parent(), until.plus_millis(-1)).expect("submitted again");
    assert_eq!((again.value().facts().state, again.value().facts().reviewer), (State::Submitted, None));
    assert_eq!(again.events()[0].notices[0].to, reviewer(1).id);
}

#[test]
fn who_is_returned_at_the_last_moment_still_has_three_days() {
    let late = calendar().review_to.plus_seconds(-60);
    let done =
        in_round(&claimed(), round::State::Closed, late).return_to_family(Returned { codes: vec![], note: None }, &reviewer(1), late);
    assert_eq!(done.expect("returned").value().facts().correct_until, Some(late.plus_seconds(3 * 86_400)));
}

#[test]
fn a_rejected_family_objects_once_within_the_window_and_is_heard_anew() {
    let rejected = after(claimed(), &[(Action::Reject, &reviewer(1))]);
    assert_eq!(rejected.facts().tier, None);
    let listed = in_round(&rejected, round::State::Listed, now());
    let end = calendar().objection_to;
    assert_eq!(listed.clone().object(reason(), &parent(), end).map(|_| ()), Err(Refusal::TooLate));
    let objected = listed.object(reason(), &parent(), end.plus_millis(-1)).expect("objected").into_parts().0;
    assert_eq!((objected.facts().state, objected.facts().reviewer), (State::Objection, None));
    let upheld = after(objected, &[(Action::Claim, &reviewer(2)), (Action::Verify, &reviewer(2)), (Action::Recheck, &reviewer(1))]);
    assert_eq!(upheld.facts().state, State::ConfirmedTier);
    let again = after(
        in_round(&claimed(), round::State::Open, now()),
        &[(Action::Reject, &reviewer(1)), (Action::Object, &parent()), (Action::Claim, &reviewer(2)), (Action::Reject, &reviewer(2))],
    );
    assert_eq!(again.object(reason(), &parent(), now()).map(|_| ()), Err(Refusal::TooLate), "once");
}

#[test]
fn false_papers_cost_the_place_at_any_time() {
    for state in [State::Submitted, State::Offered, State::Accepted, State::Enrolled] {
        let done = standing_in(state, round::State::Announced).revoke(reason(), &admin(), now()).expect("revoked");
        assert_eq!(done.value().facts().state, State::Revoked);
        assert_eq!(standing_in(state, round::State::Announced).revoke(reason(), &reviewer(1), now()).map(|_| ()), Err(Refusal::NotForYou));
    }
}

#[test]
fn a_program_is_neither_of_the_two_reviewers_nor_anything_else_to_an_application() {
    for state in State::ALL {
        for round in round::State::ALL {
            assert_eq!(standing_in(*state, *round).allowed_actions(&program(), now()), [], "{state} {round}");
        }
    }
    assert_eq!(verified().recheck(&program(), now()).map(|_| ()), Err(Refusal::NotForYou));
    assert_eq!(verified().view(&program()), Some(View::Outline), "and it opens no papers");
}

#[test]
fn an_objection_is_pending_until_somebody_has_decided_again() {
    let (at, until) = (Some(now()), Some(calendar().review_to));
    let pending = |state, objected_at, when| is_objection_pending(state, objected_at, until, when);
    for state in State::ALL {
        assert_eq!(pending(*state, at, now()), State::IN_OBJECTION.contains(state), "{state}");
        assert!(!pending(*state, None, now()), "{state}: nobody objected");
    }
    // Sent back, handed in again, and looked at again: all of that is still the same objection.
    assert!(State::IN_OBJECTION.contains(&State::Returned) && State::IN_OBJECTION.contains(&State::Submitted));
    assert!(!pending(State::Returned, at, calendar().review_to), "what is not mended in time holds nobody up");
}
