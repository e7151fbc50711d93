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
    // Nor does an administrator find a seat for their own, or strike out what stands in its way.
    for action in [Action::Coordinate, Action::Revoke, Action::CheckIn] {
        let state = if action == Action::CheckIn { State::Accepted } else { State::Waiting };
        let facts = standing_in(state, round::State::Announced).facts().clone();
        let kin = Application::restore(Facts { related: vec![admin().id], ..facts.clone() }, now());
        assert_eq!(attempt(kin.clone(), action, &admin(), now()).map(|_| ()), Err(Refusal::RelatedReviewer), "{action}");
        assert!(!kin.allowed_actions(&admin(), now()).contains(&action));
        assert!(attempt(Application::restore(facts, now()), action, &admin(), now()).is_ok(), "{action}");
    }
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
    let correction = |reason| Correction { facts: without_hukou.clone(), reason, ..Correction::default() };
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
fn a_corrected_fact_needs_a_reason_also_where_the_tier_stays_the_same() {
    let correct = |day: &str, reason| {
        let facts = facts(&[("hukou_on", text(day))]);
        claimed().verify(Correction { facts, reason, ..Correction::default() }, &reviewer(1), now())
    };
    assert_eq!(correct("2020-06-01", None).map(|_| ()), Err(Refusal::DifferenceUnexplained), "the date orders the children of a batch");
    let done = correct("2020-06-01", Some(reason())).expect("verified");
    let said = serde_json::to_value(&done.events()[0].data).expect("JSON");
    assert_eq!(said["corrected"], "hukou_on");
    assert!(correct("2020-05-01", None).is_ok(), "the same as was declared is no correction");
}

#[test]
fn what_orders_a_batch_is_known_when_it_is_verified_or_somebody_says_why_not() {
    let hukou = Fact::find("hukou_on").expect("a fact");
    let mut round = (*sight(round::State::Open)).clone();
    let input = crate::enrolment::rules::RuleSetInput { tie_break: vec!["earlier:permit_on".to_owned()], ..rules() };
    round.rules = crate::enrolment::rules::RuleSet::new(&input).expect("rules");
    let application = apply(draft(), Arc::new(round), now()).expect("an application");
    assert!(application.known().get(hukou).is_some());
    let claimed = after(application, &[(Action::Submit, &parent()), (Action::Claim, &reviewer(1))]);
    let missing = vec![Fact::find("permit_on").expect("a fact")];
    assert_eq!(claimed.finding().missing(), missing, "the precheck asks for it");
    let verify = |correction| claimed.clone().verify(correction, &reviewer(1), now()).map(|_| ());
    assert_eq!(verify(Correction::default()), Err(Refusal::Undecided { missing }));
    assert_eq!(verify(Correction { reason: Some(reason()), ..Correction::default() }), Ok(()));
    let none = facts(&[("permit_on", ValueInput::Null)]);
    assert_eq!(verify(Correction { facts: none, reason: Some(reason()), ..Correction::default() }), Ok(()));
}

#[test]
fn where_the_way_orders_a_batch_it_is_measured_or_somebody_says_why_not() {
    let mut round = (*sight(round::State::Open)).clone();
    let input = crate::enrolment::rules::RuleSetInput { tie_break: vec!["distance".to_owned()], ..rules() };
    round.rules = crate::enrolment::rules::RuleSet::new(&input).expect("rules");
    let application = apply(draft(), Arc::new(round), now()).expect("an application");
    let claimed = after(application, &[(Action::Submit, &parent()), (Action::Claim, &reviewer(1))]);
    let verify = |correction| claimed.clone().verify(correction, &reviewer(1), now()).map(|done| done.value().facts().distances.clone());
    let wishes = vec![school(1), school(2)];
    let one = Correction { wishes: wishes.clone(), distances: vec![(school(1), 800)], ..Correction::default() };
    assert_eq!(verify(one.clone()), Err(Refusal::Unmeasured { schools: vec![school(2)] }));
    assert_eq!(verify(Correction { reason: Some(reason()), ..one }), Ok(vec![(school(1), 800)]));
    let both = vec![(school(1), 800), (school(2), 650)];
    assert_eq!(verify(Correction { wishes, distances: both.clone(), ..Correction::default() }), Ok(both));
}

#[test]
fn what_was_measured_is_measured_anew_or_from_another_home_not_at_all() {
    let application = apply(draft(), sight(round::State::Open), now()).expect("an application");
    let claimed = after(application, &[(Action::Submit, &parent()), (Action::Claim, &reviewer(1))]);
    let mut application = claimed;
    let mut verify = |distances, home| {
        let correction = Correction { distances, home, reason: Some(reason()), ..Correction::default() };
        let verified = application.clone().verify(correction, &reviewer(1), now()).expect("verified").into_parts().0;
        let seen = [1, 2].map(|n| verified.distance_to(school(n)));
        application = after(verified, &[(Action::Return, &reviewer(1)), (Action::Submit, &parent()), (Action::Claim, &reviewer(1))]);
        seen
    };
    assert_eq!(verify(vec![(school(1), 800), (school(2), 650)], None), [Some(800), Some(650)]);
    assert_eq!(verify(vec![(school(1), 790)], None), [Some(790), Some(650)]);
    assert_eq!(verify(vec![(school(2), 9)], Some(home(2))), [None, Some(9)]);
}

#[test]
fn a_home_that_a_reviewer_found_is_the_familys_own_again_when_a_reviewer_goes_back_to_it() {
    let named = ApplicationDraft { home: Some(home(1)), address: None, ..draft() };
    let application = apply(named, sight(round::State::Open), now()).expect("an application");
    let claimed = after(application, &[(Action::Submit, &parent()), (Action::Claim, &reviewer(1))]);
    assert_eq!((claimed.own_home(), claimed.found_home()), (Some(home(1)), None));
    let put = |application: Application, there| {
        let correction = Correction { home: Some(there), reason: Some(reason()), ..Correction::default() };
        application.verify(correction, &reviewer(1), now()).expect("verified").into_parts().0
    };
    let moved = put(claimed, home(2));
    assert_eq!((moved.own_home(), moved.found_home()), (None, Some(home(2))));
    let again = after(moved, &[(Action::Return, &reviewer(1)), (Action::Submit, &parent()), (Action::Claim, &reviewer(1))]);
    let back = put(again, home(1));
    assert_eq!((back.own_home(), back.found_home()), (Some(home(1)), None));
}

#[test]
fn a_reviewer_puts_a_home_where_an_address_was() {
    let at_home = |home| ApplicationDraft { home, address: Some("东涂新村 3 号楼 501"), ..draft() };
    let claimed = |home| {
        let application = apply(at_home(home), sight(round::State::Open), now()).expect("an application");
        after(application, &[(Action::Submit, &parent()), (Action::Claim, &reviewer(1))])
    };
    let verify = |before, reason| {
        let correction = Correction { home: Some(home(2)), reason, ..Correction::default() };
        claimed(before).verify(correction, &reviewer(1), now()).map(|done| done.value().facts().content.home)
    };
    assert_eq!(verify(None, None), Ok(Some(home(2))));
    assert_eq!(verify(Some(home(1)), None), Err(Refusal::DifferenceUnexplained), "another home than the family named");
    assert_eq!(verify(Some(home(1)), Some(reason())), Ok(Some(home(2))));
}

#[test]
fn nothing_is_verified_that_the_rules_do_not_decide() {
    let unsure = ApplicationDraft { facts: facts(&[("hukou_on", ValueInput::Null)]), ..draft() };
    let unsure = apply(unsure, sight(round::State::Open), now()).expect("an application");
    let unsure = after(unsure, &[(Action::Submit, &parent()), (Action::Claim, &reviewer(1))]);
    let tried = unsure.clone().verify(Correction::default(), &reviewer(1), now()).map(|_| ());
    assert_eq!(tried, Err(Refusal::Undecided { missing: vec![Fact::find("migrant").expect("a fact")] }));
    let no = Correction { facts: facts(&[("migrant", ValueInput::Bool(false))]), reason: Some(reason()), ..Correction::default() };
    assert_eq!(unsure.clone().verify(no, &reviewer(1), now()).map(|_| ()), Err(Refusal::NoTier));
    let house = Correction {
        facts: facts(&[("migrant", ValueInput::Bool(true)), ("house_on", text("2022-01-01"))]),
        reason: Some(reason()),
        ..Correction::default()
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
    assert_eq!(closed.clone().submit(HandIn::default(), &parent(), until).map(|_| ()), Err(Refusal::TooLate));
    let again = closed.submit(HandIn::default(), &parent(), until.plus_millis(-1)).expect("submitted again");
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
fn who_rejected_does_not_reject_the_objection_as_well() {
    let objected = after(claimed(), &[(Action::Reject, &reviewer(1)), (Action::Object, &parent()), (Action::Claim, &reviewer(1))]);
    assert_eq!(objected.clone().reject(reason(), &reviewer(1), now()).map(|_| ()), Err(Refusal::SameReviewer));
    assert!(!objected.allowed_actions(&reviewer(1), now()).contains(&Action::Reject));
    assert!(objected.clone().reject(reason(), &admin(), now()).is_ok(), "somebody else may");
    assert!(objected.verify(Correction::default(), &reviewer(1), now()).is_ok(), "of what is verified another one thinks again");
}

#[test]
fn who_is_on_the_published_list_may_object_to_their_batch_while_it_is_published() {
    let object = |round, when| standing_in(State::Listed, round).object(reason(), &parent(), when).map(|done| done.value().facts().state);
    let end = calendar().objection_to;
    assert_eq!(object(round::State::Listed, end.plus_millis(-1)), Ok(State::Objection));
    assert_eq!(object(round::State::Listed, end), Err(Refusal::TooLate));
    assert_eq!(object(round::State::Announced, end.plus_millis(-1)), Err(Refusal::TooLate));
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
