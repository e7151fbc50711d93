//! Change proposals and visits.

use super::*;
use crate::registry::proposal::{self, About, Field};
use crate::registry::visit::{self, Outcome, VisitNote};

fn about() -> About {
    About { community: here(), home: id(1), grid: Some(north()), person: Some(id(7)) }
}

fn propose(about: About, changes: &[(Field, &str)]) -> Result<Proposal, Refusal> {
    let by = resident(10).resident().expect("a resident");
    Proposal::propose(id(1), about, changes, &[id(1)], &by, now()).map(saved)
}

#[test]
fn a_resident_proposes_for_homes_they_are_bound_to() {
    assert!(propose(about(), &[(Field::Phone, "+86 138-1234-5678")]).is_ok_and(|p| p.value(Field::Phone) == Some("13812345678")));
    assert_eq!(propose(About { home: id(2), ..about() }, &[(Field::Phone, "13812345678")]), Err(Refusal::NotForYou));
}

#[test]
fn each_proposed_value_is_checked_by_its_own_rule() {
    let wrong = [
        (Field::Name, " "),
        (Field::Phone, "1"),
        (Field::Occupancy, "empty"),
        (Field::MovedIn, "21.11.2026"),
        (Field::MovedOut, "2026-11-22"),
        (Field::MovedOut, "2026-11-20"),
    ];
    let codes: Vec<_> = faults(propose(about(), &wrong)).into_iter().collect();
    let expected = ["blank", "phone_format", "unknown_word", "date_format", "future"];
    assert_eq!(codes, expected.iter().enumerate().map(|(i, code)| (format!("/changes/{i}"), *code)).collect::<Vec<_>>());
    assert_eq!(faults(propose(about(), &[])), fault("/changes", "changes_missing"));
    assert_eq!(faults(propose(about(), &[(Field::Name, "王样"), (Field::Name, "李例")])), fault("/changes/1", "twice"));
    assert_eq!(faults(propose(About { person: None, ..about() }, &[(Field::Name, "王样")])), fault("/changes/0", "person_missing"));
}

#[test]
fn a_keeper_of_the_grid_decides_and_the_proposer_may_withdraw() {
    use proposal::{Action, State};
    let p = propose(about(), &[(Field::Name, "王样")]).expect("a proposal");
    let keeper = north_keeper();
    assert_eq!(p.allowed_actions(&resident(10), None), [Action::Withdraw]);
    assert_eq!(p.allowed_actions(&grid_worker(), Some(&keeper)), [Action::Approve, Action::Reject]);
    assert_eq!(p.allowed_actions(&resident(11), Some(&keeper)), []);
    let far = Proposal { grid: Some(south()), ..p.clone() };
    assert_eq!(far.approve(&grid_worker(), Some(&keeper), now()), Err(Refusal::NotForYou));
    let done = p.approve(&grid_worker(), Some(&keeper), now()).expect("approved");
    assert_eq!((done.value().state, done.events()[0].notices.len()), (State::Approved, 1));
    assert_eq!(saved(done).reject(reason(), &grid_worker(), Some(&keeper), now()), Err(Refusal::WrongState { state: "approved" }));
}

#[test]
fn a_proposed_value_is_in_no_log_and_no_event() {
    let by = resident(10).resident().expect("a resident");
    let changed = Proposal::propose(id(1), about(), &[(Field::Name, "王样")], &[id(1)], &by, now()).expect("a proposal");
    assert!(!format!("{changed:?}").contains("王样"));
}

fn planned() -> Visit {
    saved(Visit::plan(id(1), &home(1), id(30), today(), None, &north_keeper(), now()).expect("a visit"))
}

#[test]
fn a_visit_nobody_opens_for_stays_to_be_done() {
    let visitor = actor(30, &[(Role::PropertyManager, here())]);
    let missed = saved(planned().miss(&visitor, None, now()).expect("missed"));
    assert_eq!((missed.missed, missed.state), (1, visit::State::Open));
    let note = VisitNote::new("一切正常").ok();
    let done = missed.finish(Outcome::Met, note, &visitor, None, now()).expect("done");
    assert_eq!((done.value().outcome, done.value().state), (Some(Outcome::Met), visit::State::Done));
    assert_eq!(saved(done).miss(&visitor, None, now()), Err(Refusal::WrongState { state: "done" }));
}

#[test]
fn who_works_elsewhere_now_is_nobody_to_a_visit_that_was_theirs() {
    let done = saved(planned().finish(Outcome::Met, None, &actor(30, &[(Role::Dispatcher, here())]), None, now()).expect("done"));
    for gone in [resident(30), actor(30, &[(Role::GridWorker, elsewhere())]), actor(30, &[(Role::Auditor, here())])] {
        assert_eq!(planned().parties(&gone, None), [], "{gone:?}");
        assert_eq!(done.parties(&gone, None), [], "what was found there is no business of theirs either: {gone:?}");
        assert_eq!(planned().miss(&gone, None, now()), Err(Refusal::NotForYou));
    }
}

#[test]
fn visits_are_planned_ahead_by_keepers_and_done_by_their_visitor() {
    assert_eq!(faults(Visit::plan(id(1), &home(1), id(30), day("2026-11-20"), None, &north_keeper(), now())), fault("/due_on", "past"));
    let far = home_in(1, Some(south()));
    assert_eq!(Visit::plan(id(1), &far, id(30), today(), None, &north_keeper(), now()), Err(Refusal::NotForYou));
    assert_eq!(planned().finish(Outcome::Met, None, &resident(31), None, now()), Err(Refusal::NotForYou));
    let keeper = north_keeper();
    assert_eq!(saved(planned().assign(id(31), &grid_worker(), Some(&keeper), now()).expect("assigned")).visitor, id(31));
    assert_eq!(planned().assign(id(31), &resident(30), None, now()), Err(Refusal::NotForYou));
    assert!(planned().cancel(reason(), &grid_worker(), Some(&keeper), now()).is_ok());
    assert!(!planned().is_overdue(today()) && planned().is_overdue(day("2026-11-22")));
}
