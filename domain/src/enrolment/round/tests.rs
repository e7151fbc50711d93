//! Rules of the round, each by the name of its test.

use super::*;
use crate::actor::Role;
use crate::enrolment::testing::*;
use crate::kernel::time::Timestamp;
use crate::registry::BuildingId;

fn why() -> Option<Reason> {
    Some(Reason::new("提前完成审核").expect("a reason"))
}

fn step(round: Round, action: Action, early: Option<Reason>, now: Timestamp) -> Result<Round, Refusal> {
    round.step(action, Step { early, ..Step::default() }, &admin(), now).map(|done| done.into_parts().0)
}

#[test]
fn a_season_goes_its_way_by_the_calendar() {
    let c = calendar();
    let steps = [
        (Action::Publish, at("2026-05-02T09:00"), State::Published),
        (Action::Open, c.register_from, State::Open),
        (Action::Close, c.register_to, State::Closed),
        (Action::List, c.review_to, State::Listed),
        (Action::Allocate, c.objection_to, State::Allocated),
        (Action::Announce, c.objection_to, State::Announced),
        (Action::Finish, c.confirm_to, State::Finished),
    ];
    let mut current = round();
    for (i, (action, when, to)) in steps.into_iter().enumerate() {
        assert_eq!(current.allowed_actions(&admin()), [action]);
        current = step(current, action, None, when).expect("a step");
        assert_eq!((current.facts().state, current.facts().version), (to, i as i64 + 2));
    }
    assert_eq!(current.allowed_actions(&admin()), []);
    assert_eq!(current.facts().announced_at, Some(c.objection_to));
}

#[test]
fn a_step_before_the_windows_end_needs_a_reason_that_is_kept() {
    let c = calendar();
    let windows = [
        (State::Published, Action::Open, c.register_from),
        (State::Open, Action::Close, c.register_to),
        (State::Closed, Action::List, c.review_to),
        (State::Listed, Action::Allocate, c.objection_to),
        (State::Announced, Action::Finish, c.confirm_to),
    ];
    for (state, action, ends_at) in windows {
        let before = ends_at.plus_millis(-1);
        assert_eq!(step(round_in(state), action, None, before), Err(Refusal::TooEarly { ends_at }), "{action}");
        assert!(round_in(state).allowed_actions(&admin()).contains(&action));
        let done = round_in(state).step(action, Step { early: why(), ..Step::default() }, &admin(), before).expect("a step");
        assert_eq!(done.events()[0].note.as_deref(), Some("提前完成审核"));
        assert_eq!(done.events()[0].kind, action.event());
        let on_time = round_in(state).step(action, Step { early: why(), ..Step::default() }, &admin(), ends_at).expect("a step");
        assert_eq!(on_time.events()[0].note, None, "nothing was early");
    }
}

#[test]
fn a_round_does_not_finish_over_an_open_objection() {
    let with = Step { early: why(), pending_objections: 1, ..Step::default() };
    assert_eq!(round_in(State::Announced).step(Action::Finish, with, &admin(), now()).map(|_| ()), Err(Refusal::ObjectionsPending));
}

#[test]
fn a_round_goes_on_over_undecided_applications_only_with_a_reason_that_is_kept() {
    let late = calendar().confirm_to;
    let with = |early, undecided| Step { early, undecided, ..Step::default() };
    for (state, action) in [(State::Closed, Action::List), (State::Listed, Action::Allocate), (State::Announced, Action::Finish)] {
        let tried = round_in(state).step(action, with(None, 3), &admin(), late).map(|_| ());
        assert_eq!(tried, Err(Refusal::Undecided { applications: 3 }), "{action}");
        let done = round_in(state).step(action, with(why(), 3), &admin(), late).expect("a step");
        assert_eq!(done.events()[0].note.as_deref(), Some("提前完成审核"));
        assert!(round_in(state).step(action, with(None, 0), &admin(), late).is_ok());
    }
    assert!(round_in(State::Open).step(Action::Close, with(None, 3), &admin(), late).is_ok(), "the review is still to come");
}

#[test]
fn a_round_does_not_finish_under_an_offer_that_waits() {
    let end = calendar().confirm_to;
    let until = end.plus_seconds(2 * 86_400);
    let with = |early| Step { early, offers_until: Some(until), ..Step::default() };
    let finish = |early, now| round_in(State::Announced).step(Action::Finish, with(early), &admin(), now).map(|_| ());
    assert_eq!(finish(None, end), Err(Refusal::TooEarly { ends_at: until }));
    assert_eq!((finish(why(), end), finish(None, until)), (Ok(()), Ok(())));
}

#[test]
fn once_a_draws_order_is_known_a_plan_is_only_raised() {
    let replan = |seats: Vec<SeatsInput>, drawn| round_in(State::Listed).replan(&seats, (why(), drawn), &admin(), now()).map(|_| ());
    assert_eq!(replan(seats(39, 81), true), Err(Refusal::SeatsLowered));
    assert_eq!((replan(seats(39, 81), false), replan(seats(41, 80), true)), (Ok(()), Ok(())));
}

#[test]
fn only_the_communitys_enrolment_administrators_run_a_round() {
    let elsewhere = crate::actor::CommunityId::from_uuid(uuid::Uuid::from_u128(2));
    for other in
        [parent(), reviewer(1), staff(Role::CommunityAdmin), staff(Role::Auditor), member(61, Role::EnrolmentAdmin, Some(elsewhere))]
    {
        for state in State::ALL {
            assert_eq!(round_in(*state).allowed_actions(&other), []);
            let tried = round_in(*state).step(Action::Publish, Step::default(), &other, now());
            assert_eq!(tried.map(|_| ()), Err(Refusal::NotForYou), "the state is none of their business");
        }
        assert_eq!(round().replace(&round_draft(), &other, now()).map(|_| ()), Err(Refusal::NotForYou));
        assert_eq!(round().visible_to(&other), other == reviewer(1) || other == staff(Role::Auditor));
        let here = other.grants.iter().all(|grant| grant.community != Some(elsewhere));
        assert_eq!(round_in(State::Published).visible_to(&other), here, "another community's staff see nothing of it");
    }
    assert!(round().allowed_actions(&member(62, Role::PlatformAdmin, None)).contains(&Action::Publish));
}

#[test]
fn steps_happen_only_along_the_table() {
    assert_eq!(MACHINE.flaws(), Vec::<String>::new());
    for state in State::ALL {
        for action in Action::ALL {
            let allowed = round_in(*state).allowed_actions(&admin()).contains(action);
            match step(round_in(*state), *action, why(), now()) {
                Ok(done) => {
                    assert!(allowed && MACHINE.edge(*action, *state, done.facts().state).is_some());
                }
                Err(refusal) => assert!(!allowed && refusal == Refusal::WrongState { state: *state }),
            }
        }
    }
}

#[test]
fn only_a_draft_is_rewritten() {
    let draft = RoundDraft { title: "另一个标题", ..round_draft() };
    let done = round().replace(&draft, &admin(), now()).expect("rewritten");
    assert_eq!((done.value().facts().title.as_str(), done.loaded()), ("另一个标题", Some(1)));
    assert_eq!(done.value().facts().rules_version, 1, "the rules are the same");
    let mut draft = draft;
    draft.rules.seat_lock_years = 9;
    let done = round().replace(&draft, &admin(), now()).expect("rewritten");
    assert_eq!(done.value().facts().rules_version, 2);
    for state in State::ALL.iter().filter(|s| **s != State::Draft) {
        assert_eq!(round_in(*state).replace(&draft, &admin(), now()).map(|_| ()), Err(Refusal::WrongState { state: *state }));
    }
}

#[test]
fn everything_wrong_with_a_draft_is_told_at_once() {
    let mut draft = round_draft();
    draft.title = " ";
    draft.school_year = 26;
    (draft.born_from, draft.born_to) = (draft.born_to, draft.born_from);
    draft.calendar.register_to = draft.calendar.register_from;
    draft.calendar.confirm_to = draft.calendar.register_to;
    draft.rules.tiers[1].code = "local".to_owned();
    draft.seat_plans = vec![SeatsInput { school: school(1), seats: -1 }, SeatsInput { school: school(1), seats: 1 }];
    let zone = |building, street: Option<&str>| ZoneInput {
        school: school(1),
        building,
        street: street.map(str::to_owned),
        door_from: Some(9),
        door_to: Some(3),
        parity: Parity::All,
        valid_from: Some("2026-01-02".parse().expect("a date")),
        valid_to: Some("2026-01-01".parse().expect("a date")),
    };
    draft.zones = vec![zone(None, None), ZoneInput { school: school(9), ..zone(None, Some("东涂街")) }];
    let Err(Refusal::Faults(faults)) = Round::create(round().facts().id, here(), &draft, &admin(), now()).map(|_| ()) else {
        panic!("faults were expected");
    };
    let found: Vec<_> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect();
    let expected = [
        ("/title", "blank"),
        ("/school_year", "out_of_range"),
        ("/born_to", "before_born_from"),
        ("/calendar/register_to", "not_after_previous"),
        ("/calendar/confirm_to", "not_after_previous"),
        ("/rules/tiers/1/code", "duplicate"),
        ("/seat_plans/0/seats", "out_of_range"),
        ("/seat_plans/1/school_id", "duplicate"),
        ("/zones/0", "building_or_street"),
        ("/zones/0/valid_to", "before_valid_from"),
        ("/zones/1/school_id", "school_not_in_round"),
        ("/zones/1/door_to", "out_of_range"),
        ("/zones/1/valid_to", "before_valid_from"),
    ];
    assert_eq!(found, expected);
}

fn seats(one: i64, two: i64) -> Vec<SeatsInput> {
    vec![SeatsInput { school: school(1), seats: one }, SeatsInput { school: school(2), seats: two }]
}

#[test]
fn a_changed_plan_is_a_new_version_with_a_reason() {
    let done = round_in(State::Open).replan(&seats(30, 80), (why(), false), &admin(), now()).expect("replanned");
    assert_eq!((done.value().facts().seats.version, done.value().facts().plan()[&school(1)]), (2, 30));
    assert_eq!(round_in(State::Open).replan(&seats(50, 80), (None, false), &admin(), now()).map(|_| ()), Err(Refusal::ReasonMissing));
    assert_eq!(
        round_in(State::Draft).replan(&seats(50, 80), (why(), false), &admin(), now()).map(|_| ()),
        Err(Refusal::WrongState { state: State::Draft })
    );
}

#[test]
fn once_seats_are_allocated_a_plan_is_only_raised() {
    for state in [State::Allocated, State::Announced] {
        assert!(round_in(state).replan(&seats(41, 80), (why(), false), &admin(), now()).is_ok());
        assert_eq!(round_in(state).replan(&seats(39, 90), (why(), false), &admin(), now()).map(|_| ()), Err(Refusal::SeatsLowered));
        assert_eq!(round_in(state).replan(&seats(40, 80)[..1], (why(), false), &admin(), now()).map(|_| ()), Err(Refusal::SeatsLowered));
    }
}

#[test]
fn families_register_while_the_round_is_open_and_the_calendar_agrees() {
    let c = calendar();
    for (state, when, expected) in [
        (State::Open, c.register_from, true),
        (State::Open, c.register_from.plus_millis(-1), false),
        (State::Open, c.register_to.plus_millis(-1), true),
        (State::Open, c.register_to, false),
        (State::Published, c.register_from, false),
        (State::Closed, c.register_from, false),
    ] {
        assert_eq!(round_in(state).facts().registering(when), expected, "{state} {when}");
    }
}

#[test]
fn offers_wait_until_the_confirmations_end_and_later_ones_for_three_days() {
    let facts = round().facts().clone();
    assert_eq!(facts.offer_ends(now()), calendar().confirm_to);
    let end = calendar().confirm_to;
    assert_eq!(facts.offer_ends(end.plus_seconds(-3 * 86_400)), end);
    for left in [3 * 86_400 - 1, 60, 1, 0] {
        let offered = end.plus_seconds(-left);
        assert_eq!(facts.offer_ends(offered), offered.plus_seconds(3 * 86_400), "with {left} seconds left there are still three days");
    }
    let late = end.plus_seconds(60);
    assert_eq!(facts.offer_ends(late), late.plus_seconds(3 * 86_400));
}

#[test]
fn a_zone_covers_its_buildings_and_its_side_of_the_street_while_it_is_valid() {
    let building = BuildingId::from_uuid(uuid::Uuid::from_u128(5));
    let doors = ZonePlace::doors("东涂街".to_owned(), 1, 99, Parity::Odd);
    let day = |text: &str| text.parse().expect("a date");
    let zones = [
        Zone { school: school(2), place: ZonePlace::Building(building), valid_from: None, valid_to: None },
        Zone { school: school(1), place: doors, valid_from: Some(day("2026-01-01")), valid_to: Some(day("2026-12-31")) },
        Zone { school: school(1), place: ZonePlace::Building(building), valid_from: None, valid_to: Some(day("2025-12-31")) },
    ];
    let site = |address| ZoneSite::new(Some(building), address);
    for inside in ["东涂街7号", "东涂街 ７号 301 室", "安溪县凤城镇东涂街七号", "东涂街99号"] {
        assert_eq!(schools_for(&zones, &site(Some(inside)), day("2026-06-16")), [school(1), school(2)], "{inside}");
    }
    for outside in ["东涂街8号", "东涂街101号", "东涂街", "北东涂街7号", "东涂街东段7号", "东涂街7巷2号", "7"] {
        assert_eq!(schools_for(&zones, &site(Some(outside)), day("2026-06-16")), [school(2)], "{outside}");
    }
    assert_eq!(schools_for(&zones, &site(None), day("2025-06-16")), [school(1), school(2)]);
    assert_eq!(schools_for(&zones, &ZoneSite::default(), day("2026-06-16")), []);
}
