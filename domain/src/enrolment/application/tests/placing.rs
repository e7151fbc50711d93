//! Seats: placed, offered, answered, released, coordinated.

use super::*;

fn confirmed() -> Application {
    standing_in(State::ConfirmedTier, round::State::Listed)
}

fn offered() -> Application {
    standing_in(State::Offered, round::State::Announced)
}

fn then() -> Timestamp {
    at("2026-07-26T09:00")
}

#[test]
fn a_family_that_listed_no_school_asks_for_those_of_its_zone() {
    assert_eq!(confirmed().wishes(vec![school(3)]), [school(1), school(2)], "what it listed comes first");
    let mut facts = confirmed().facts().clone();
    facts.content.choices.clear();
    let silent = Application::restore(facts, now());
    assert_eq!(silent.wishes(vec![school(2)]), [school(2)]);
    assert_eq!(silent.wishes(vec![]), [], "of several schools none is guessed");
}

#[test]
fn what_is_allocated_is_secret_until_it_is_announced() {
    let listed = confirmed().list(now()).expect("listed").into_parts().0;
    let placed = listed.place(Placing::Offered(school(1)), now()).expect("placed");
    assert!(placed.events()[0].notices.is_empty());
    let secret = in_round(placed.value(), round::State::Allocated, now());
    assert_eq!((secret.state_for(&parent()), secret.school_for(&parent())), (State::Listed, None));
    assert_eq!((secret.state_for(&admin()), secret.school_for(&admin())), (State::Offered, Some(school(1))));
    assert!(!secret.allowed_actions(&parent(), now()).contains(&Action::Accept));
    let accepted = secret.accept(family(&["m"]), &[], &parent(), now()).map(|_| ());
    assert_eq!(accepted, Err(Refusal::WrongState { state: State::Listed }));
    let open = in_round(placed.value(), round::State::Announced, then());
    assert_eq!((open.state_for(&parent()), open.school_for(&parent())), (State::Offered, Some(school(1))));
}

#[test]
fn accepting_takes_the_homes_seat_for_the_years_of_the_rules() {
    let (done, rows) = offered().accept(family(&["mother", "father"]), &[], &parent(), then()).expect("accepted");
    assert_eq!(done.value().facts().state, State::Accepted);
    assert_eq!(rows.iter().map(|row| row.school_year).collect::<Vec<_>>(), [2026, 2027, 2028, 2029, 2030, 2031]);
    assert!(rows.iter().all(|row| row.home == home(1) && row.application == done.value().facts().id));
}

fn taken_by(names: &[&str]) -> Vec<SeatUse> {
    let application = crate::enrolment::ApplicationId::from_uuid(uuid::Uuid::from_u128(77));
    (2023..2029).map(|school_year| SeatUse { home: home(1), school_year, application, family: family(names) }).collect()
}

#[test]
fn a_home_whose_seat_is_another_familys_is_refused_at_accept() {
    let tried = offered().accept(family(&["mother"]), &taken_by(&["wang"]), &parent(), then()).map(|_| ());
    assert_eq!(tried, Err(Refusal::SeatLocked { free_from: 2029 }));
    let (_, rows) = offered().accept(family(&["mother", "wang"]), &taken_by(&["wang"]), &parent(), then()).expect("a sibling");
    assert_eq!(rows, []);
}

#[test]
fn a_family_without_a_home_takes_no_homes_seat() {
    let mut facts = offered().facts().clone();
    facts.content.home = None;
    let (_, rows) = Application::restore(facts, then()).accept(family(&["m"]), &taken_by(&["wang"]), &parent(), then()).expect("accepted");
    assert_eq!(rows, []);
}

#[test]
fn coordination_uses_the_homes_seat_only_on_the_strength_of_the_house() {
    for (by_house, expected) in [(true, 6), (false, 0)] {
        let done =
            standing_in(State::ToCoordinate, round::State::Announced).coordinate(school(2), (by_house, 1), reason(), &admin(), then());
        let offered = Application::restore(done.expect("coordinated").value().facts().clone(), then());
        assert_eq!(offered.school_for(&parent()), Some(school(2)));
        let (_, rows) = offered.accept(family(&["m"]), &[], &parent(), then()).expect("accepted");
        assert_eq!(rows.len(), expected);
    }
    let tried = |state, school, free| {
        standing_in(state, round::State::Announced).coordinate(school, (true, free), reason(), &admin(), then()).map(|_| ())
    };
    assert_eq!(tried(State::Waiting, school(9), 1), Err(Refusal::SchoolNotInRound));
    assert_eq!(tried(State::Waiting, school(1), 0), Err(Refusal::SchoolFull));
    assert_eq!(tried(State::Released, school(1), 1), Ok(()));
}

#[test]
fn an_offer_that_nobody_answers_is_released_by_the_clock_alone() {
    let end = calendar().confirm_to;
    assert_eq!(offered().offer_expires_at(), Some(end));
    let facts = offered().facts().clone();
    let in_time = Application::restore(facts.clone(), end.plus_millis(-1));
    assert_eq!(in_time.facts().state, State::Offered);
    assert_eq!(in_time.settle(), None);
    let late = Application::restore(facts, end);
    assert_eq!((late.facts().state, late.facts().ended_at), (State::Released, Some(end)));
    assert_eq!(late.clone().accept(family(&["m"]), &[], &parent(), end).map(|_| ()), Err(Refusal::WrongState { state: State::Released }));
    let settled = late.settle().expect("something to write down");
    assert_eq!((settled.events()[0].occurred_at, settled.events()[0].by), (end, None));
}

#[test]
fn an_offer_of_an_announcement_that_came_late_still_waits_three_days() {
    let mut facts = offered().facts().clone();
    let announced = calendar().confirm_to.plus_seconds(86_400);
    facts.round = Arc::new(round::Facts { announced_at: Some(announced), ..(*facts.round).clone() });
    let offer = Application::restore(facts, announced);
    assert_eq!(offer.offer_expires_at(), Some(announced.plus_seconds(3 * 86_400)));
}

#[test]
fn a_released_seat_goes_to_whoever_waits() {
    let declined = offered().decline(Some(reason()), &parent(), then()).expect("declined");
    assert_eq!(declined.value().facts().state, State::Released);
    for state in [State::Waiting, State::ToCoordinate] {
        let done = standing_in(state, round::State::Announced).promote(school(2), then()).expect("promoted");
        assert_eq!(done.value().facts().offer.map(|offer| offer.school), Some(school(2)));
        assert_eq!(done.events()[0].notices[0].to, parent().id);
    }
    let enrolled = standing_in(State::Enrolled, round::State::Announced).promote(school(2), then()).map(|_| ());
    assert_eq!(enrolled, Err(Refusal::WrongState { state: State::Enrolled }));
}

#[test]
fn the_rounds_steps_move_only_what_is_ready() {
    assert!(confirmed().list(now()).is_ok());
    assert_eq!(
        standing_in(State::InReview, round::State::Listed).list(now()).map(|_| ()),
        Err(Refusal::WrongState { state: State::InReview })
    );
    assert!(standing_in(State::ConfirmedTier, round::State::Open).list(now()).is_err());
    let listed = || standing_in(State::Listed, round::State::Listed);
    let states = [Placing::Offered(school(1)), Placing::Waiting, Placing::ToCoordinate]
        .map(|p| listed().place(p, now()).expect("placed").value().facts().state);
    assert_eq!(states, [State::Offered, State::Waiting, State::ToCoordinate]);
    assert_eq!(listed().place(Placing::Offered(school(9)), now()).map(|_| ()), Err(Refusal::SchoolNotInRound));
    assert!(confirmed().place(Placing::Waiting, now()).is_err());
}

#[test]
fn a_family_withdraws_until_it_has_accepted() {
    assert!(offered().withdraw(&parent(), then()).is_ok());
    let accepted = standing_in(State::Accepted, round::State::Announced).withdraw(&parent(), then()).map(|_| ());
    assert_eq!(accepted, Err(Refusal::WrongState { state: State::Accepted }));
}

#[test]
fn nobody_is_told_before_the_announcement_and_everybody_once_with_it() {
    let listed = || confirmed().list(now()).expect("listed").into_parts().0;
    for placing in [Placing::Offered(school(1)), Placing::Waiting, Placing::ToCoordinate] {
        let placed = listed().place(placing, now()).expect("placed").into_parts().0;
        assert!(in_round(&placed, round::State::Allocated, now()).announce(then()).is_err());
        let announced = in_round(&placed, round::State::Announced, then()).announce(then()).expect("announced");
        assert_eq!(announced.events()[0].notices.len(), 1);
        assert_eq!(announced.value().facts().state, placed.facts().state);
    }
    let waiting = listed().place(Placing::Waiting, now()).expect("placed").into_parts().0;
    let early = in_round(&waiting, round::State::Allocated, now()).promote(school(1), now()).expect("promoted");
    assert!(early.events()[0].notices.is_empty());
    let open = in_round(&waiting, round::State::Announced, then()).promote(school(1), then()).expect("promoted");
    assert_eq!(open.events()[0].notices.len(), 1);
    assert!(in_round(&listed(), round::State::Announced, then()).announce(then()).is_err());
}
