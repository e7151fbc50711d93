//! Who gets in, and why not.

use super::*;
use crate::kernel::capacity::Entry;
use crate::kernel::time::Date;

fn refused(table: &Table, who: &Volunteer, now: Timestamp) -> Result<Entry, Refusal> {
    table.opening().admit(id(99), table.post(), who, &rule(), now).map(|admission| admission.entry())
}

fn born(year: i32) -> Option<Date> {
    Date::from_ymd_opt(year, 3, 7)
}

#[test]
fn places_go_first_then_numbers_in_the_line_then_nothing() {
    let mut table = Table::new(2, 1);
    for (n, state) in [(1, State::Confirmed), (2, State::Confirmed), (3, State::Waitlisted)] {
        table.sign_up(volunteer(n), start()).expect("room");
        assert_eq!(table.state(n, start()), state);
    }
    assert_eq!(table.load(id(3), start()).facts().number, Some(1));
    assert_eq!(table.sign_up(volunteer(4), start()), Err(Refusal::ShiftFull));
    assert_eq!(table.sign_up(volunteer(1), start()), Err(Refusal::AlreadySignedUp), "also when it is full");
}

#[test]
fn sign_up_opens_when_it_says_and_closes_at_the_end() {
    let opens_at = start().plus_seconds(3600);
    let table = Table::of(draft(), ShiftDraft { sign_up_opens_at: Some(opens_at), ..shift_draft(1, 0) });
    let who = volunteer(1);
    assert_eq!(refused(&table, &who, opens_at.plus_millis(-1)), Err(Refusal::NotOpen { opens_at: Some(opens_at) }));
    assert_eq!(refused(&table, &who, opens_at), Ok(Entry::Place));
    assert_eq!(refused(&table, &who, begins().plus_seconds(60)), Ok(Entry::Place), "on the spot");
    assert_eq!(refused(&table, &who, ends()), Err(Refusal::NotOpen { opens_at: None }));
}

#[test]
fn only_published_activities_take_sign_ups() {
    let mut table = Table::new(1, 0);
    table.activity = Activity::create(id(1), planned(draft()), &leading(), start()).kept();
    assert_eq!(refused(&table, &volunteer(1), start()), Err(Refusal::NotOpen { opens_at: None }));
    table.activity = published(draft()).cancel(None, &leader(), start()).expect("cancelled").kept();
    assert_eq!(refused(&table, &volunteer(1), start()), Err(Refusal::NotOpen { opens_at: None }));
}

#[test]
fn nobody_is_in_two_places_at_once_but_one_after_the_other() {
    let table = Table::new(1, 0);
    let busy = |from: &str, until: &str| Volunteer { busy: vec![Span { from: at(from), until: at(until) }], ..volunteer(1) };
    assert_eq!(refused(&table, &busy("2026-03-07T10:59", "2026-03-07T12:00"), start()), Err(Refusal::TimeConflict));
    assert_eq!(refused(&table, &busy("2026-03-07T09:30", "2026-03-07T09:40"), start()), Err(Refusal::TimeConflict));
    assert_eq!(refused(&table, &busy("2026-03-07T11:00", "2026-03-07T12:00"), start()), Ok(Entry::Place));
    assert_eq!(refused(&table, &busy("2026-03-07T08:00", "2026-03-07T09:00"), start()), Ok(Entry::Place));
    let flexible = Table::of(ActivityDraft { flexible: true, ..draft() }, shift_draft(1, 0));
    assert_eq!(refused(&flexible, &busy("2026-03-07T09:30", "2026-03-07T09:40"), start()), Ok(Entry::Place), "微事项 fit in anywhere");
}

#[test]
fn eligibility_is_data_and_all_that_is_missing_is_said_at_once() {
    let estates = vec![id(1), id(2)];
    let asks =
        EligibilityDraft { min_age: Some(18), max_age: Some(60), estates, tags: vec!["党员".to_owned(), "退役军人".to_owned()] };
    let table = Table::of(ActivityDraft { eligibility: Some(asks), ..draft() }, shift_draft(1, 0));
    let against = |who: &Volunteer| match refused(&table, who, start()) {
        Err(Refusal::NotEligible { reasons }) => reasons,
        other => panic!("{other:?}"),
    };
    assert_eq!(against(&volunteer(1)), [Ineligible::AgeUnknown, Ineligible::OtherEstate, Ineligible::TagMissing]);
    let good = Volunteer { born_on: born(2008), estates: vec![id(2)], tags: vec!["退役军人".to_owned()], ..volunteer(1) };
    assert_eq!(refused(&table, &good, start()), Ok(Entry::Place), "eighteen on the day of the shift");
    let tomorrow = good.born_on.and_then(|day| day.succ_opt());
    assert_eq!(against(&Volunteer { born_on: tomorrow, ..good.clone() }), [Ineligible::TooYoung]);
    assert_eq!(against(&Volunteer { born_on: born(1965), ..good.clone() }), [Ineligible::TooOld]);
    assert_eq!(against(&Volunteer { estates: vec![id(3)], ..good.clone() }), [Ineligible::OtherEstate]);
    assert_eq!(refused(&Table::new(1, 0), &volunteer(1), start()), Ok(Entry::Place), "nothing asked, everybody welcome");
}

#[test]
fn a_minor_needs_the_consent_of_somebody_else() {
    let table = Table::new(1, 0);
    let child = Volunteer { born_on: born(2009), ..volunteer(1) };
    assert_eq!(refused(&table, &child, start()), Err(Refusal::ConsentRequired));
    let consent = |guardian| Some(Consent { version: "1".to_owned(), guardian, at: start() });
    let own = Volunteer { consent: consent(child.who.id()), ..child.clone() };
    assert_eq!(refused(&table, &own, start()), Err(Refusal::ConsentRequired), "nobody is their own guardian");
    assert_eq!(refused(&table, &Volunteer { consent: consent(id(5)), ..child }, start()), Ok(Entry::Place));
}

#[test]
fn a_household_has_no_more_places_than_it_may() {
    let table = Table::of(ActivityDraft { per_household: Some(2), ..draft() }, shift_draft(5, 0));
    let with = |held| Volunteer { household: Some(id(7)), held: Held { person: 0, household: held }, ..volunteer(1) };
    assert_eq!(refused(&table, &with(1), start()), Ok(Entry::Place));
    assert_eq!(refused(&table, &with(2), start()), Err(Refusal::HouseholdLimit));
}

#[test]
fn who_misses_two_shifts_without_a_word_waits_two_weeks() {
    let table = Table::new(1, 0);
    let missed = at("2026-03-01T09:00");
    let who = Volunteer { absences: vec![missed, at("2026-01-10T09:00")], ..volunteer(1) };
    assert_eq!(refused(&table, &who, start()), Err(Refusal::Blocked { until: missed.plus_seconds(14 * 86_400) }));
    let once = Volunteer { absences: vec![missed], ..volunteer(1) };
    assert_eq!(refused(&table, &once, start()), Ok(Entry::Place));
}

#[test]
fn who_signs_up_is_told_in_writing() {
    let table = Table::new(1, 1);
    let admitted = table.opening().admit(id(1), table.post(), &volunteer(1), &rule(), start()).expect("room");
    let changed = admitted.clone().sign_up(&table.pool().after(&admitted.movement).expect("moved"));
    assert_eq!(changed.loaded(), None);
    assert_eq!(changed.events()[0].kind, "volunteer_sign_up.confirmed");
    assert_eq!(changed.events()[0].notices.iter().map(|n| n.to).collect::<Vec<_>>(), [id(1001)]);
}

#[test]
fn what_the_registry_knows_stays_out_of_logs() {
    let who = Volunteer { born_on: born(1965), tags: vec!["低保".to_owned()], ..volunteer(1) };
    let debug = format!("{who:?} {:?}", key());
    assert!(!debug.contains("1965") && !debug.contains("低保") && !debug.contains('7'.to_string().repeat(2).as_str()), "{debug}");
}

#[test]
fn where_households_are_limited_one_that_nobody_knows_keeps_out_unless_the_activity_says_otherwise() {
    let limited = |without_household| ActivityDraft { per_household: Some(2), without_household, ..draft() };
    assert_eq!(refused(&Table::of(limited(false), shift_draft(5, 0)), &volunteer(1), start()), Err(Refusal::HouseholdUnknown));
    assert_eq!(refused(&Table::of(limited(true), shift_draft(5, 0)), &volunteer(1), start()), Ok(Entry::Place));
    assert_eq!(refused(&Table::new(5, 0), &volunteer(1), start()), Ok(Entry::Place), "without a limit nobody asks");
}
