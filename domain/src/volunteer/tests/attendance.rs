//! Coming, leaving, missing, and what it is worth.

use super::*;

fn signed_up() -> Table {
    let mut table = Table::new(3, 0);
    (1..=3).for_each(|n| table.sign_up(volunteer(n), start()).map(|_| ()).expect("room"));
    table
}

fn come(table: &mut Table, n: u128, now: Timestamp) -> Result<(), Refusal> {
    take(table, n, now, |s| s.check_in(&code(now), &key(), None, &resident(n), now))
}

fn go(table: &mut Table, n: u128, now: Timestamp) -> Result<(), Refusal> {
    take(table, n, now, |s| s.check_out(&code(now), &key(), None, &resident(n), now))
}

fn settle(table: &mut Table, n: u128, minutes: Option<i64>, by: &Actor, now: Timestamp) -> Result<Credit, Refusal> {
    let finding = Finding::new(minutes, minutes.map(|_| "手机没电"), 2).expect("a finding");
    let credit = table.load(id(n), now).settle(finding, &PointCaps::default(), 0, by, now)?;
    table.save(credit.sign_up.clone());
    Ok(credit)
}

#[test]
fn the_pair_of_codes_makes_minutes_and_minutes_make_points() {
    let mut table = signed_up();
    come(&mut table, 1, begins().plus_seconds(-600)).expect("early");
    go(&mut table, 1, begins().plus_seconds(90 * 60 + 59)).expect("left");
    let credit = settle(&mut table, 1, None, &leader(), ends()).expect("settled");
    assert_eq!((credit.hours.minutes, credit.points.map(|p| p.get())), (90, Some(15)), "from the start, whole minutes");
    assert_eq!((credit.source.kind.as_str(), credit.source.id.as_str()), ("sign_up", id::<SignUpKind>(1).text().as_str()));
    assert_eq!(credit.hours.served_on.to_string(), "2026-03-07");
    assert_eq!(table.state(1, ends()), State::Credited);
    let again = settle(&mut table, 1, Some(120), &leader(), ends()).map(|_| ());
    assert_eq!(again, Err(Refusal::WrongState { state: "credited" }));
}

#[test]
fn check_in_opens_half_an_hour_before_the_start_and_ends_with_the_shift() {
    let mut table = signed_up();
    let from = begins().plus_seconds(-CHECK_IN_BEFORE_S);
    assert_eq!(come(&mut table, 1, from.plus_millis(-1)), Err(Refusal::TooEarly { from }));
    assert_eq!(come(&mut table, 1, from), Ok(()));
    assert_eq!(come(&mut table, 2, ends()), Err(Refusal::TooLate { since: ends() }));
    assert_eq!(come(&mut table, 2, ends().plus_millis(-1)), Ok(()));
}

#[test]
fn one_code_serves_all_who_are_there_and_each_of_them_once() {
    let (mut table, now) = (signed_up(), begins());
    let shown = code(now);
    for n in 1..=3 {
        take(&mut table, n, now, |s| s.check_in(&shown, &key(), None, &resident(n), now)).expect("there");
    }
    let twice = take(&mut table, 1, now, |s| s.check_in(&shown, &key(), None, &resident(1), now));
    assert_eq!(twice, Err(Refusal::WrongState { state: "present" }));
}

#[test]
fn a_stale_code_and_another_shifts_are_refused_and_change_nothing() {
    let (mut table, now) = (signed_up(), begins());
    let old = code(now.plus_seconds(-CODE_WINDOW_S));
    let later = now.plus_millis(CODE_TOLERANCE_MS);
    assert_eq!(take(&mut table, 1, later, |s| s.check_in(&old, &key(), None, &resident(1), later)), Err(Refusal::CodeStale));
    let foreign = code_at(&key(), id(2), now).code;
    assert_eq!(take(&mut table, 1, now, |s| s.check_in(&foreign, &key(), None, &resident(1), now)), Err(Refusal::CodeUnknown));
    assert_eq!(table.state(1, now), State::Confirmed);
    come(&mut table, 1, now).expect("there");
    assert_eq!(take(&mut table, 1, later, |s| s.check_out(&old, &key(), None, &resident(1), later)), Err(Refusal::CodeStale));
    assert_eq!(table.state(1, later), State::Present);
}

#[test]
fn nobody_checks_out_before_they_came_nor_comes_for_another() {
    let (mut table, now) = (signed_up(), begins());
    assert_eq!(go(&mut table, 1, now), Err(Refusal::WrongState { state: "confirmed" }));
    let other = take(&mut table, 1, now, |s| s.check_in(&code(now), &key(), None, &resident(2), now));
    assert_eq!(other, Err(Refusal::NotForYou));
}

#[test]
fn the_leader_shows_the_code_from_check_in_until_long_after_the_end() {
    let shift = signed_up().shift;
    let from = begins().plus_seconds(-CHECK_IN_BEFORE_S);
    let since = ends().plus_seconds(CODE_AFTER_S);
    assert_eq!(shift.check_in_code(&key(), &leader(), from.plus_millis(-1)), Err(Refusal::TooEarly { from }));
    assert_eq!(shift.check_in_code(&key(), &leader(), from).map(|c| c.code), Ok(code(from)));
    assert_eq!(shift.check_in_code(&key(), &leader(), since), Err(Refusal::TooLate { since }));
    assert_eq!(shift.check_in_code(&key(), &resident(1), from), Err(Refusal::NotForYou));
    let cancelled = shift.cancel(None, &leader(), start()).expect("cancelled").kept();
    assert_eq!(cancelled.check_in_code(&key(), &leader(), from), Err(Refusal::WrongState { state: "cancelled" }));
}

#[test]
fn the_leader_finds_what_the_code_does_not_show_and_says_why() {
    let mut table = signed_up();
    come(&mut table, 1, begins()).expect("came");
    let early = settle(&mut table, 1, Some(60), &leader(), ends().plus_millis(-1)).map(|_| ());
    assert_eq!(early, Err(Refusal::TooEarly { from: ends() }), "they may still check out");
    assert_eq!(settle(&mut table, 1, None, &leader(), ends()).map(|_| ()), Err(Refusal::MinutesRequired));
    assert_eq!(settle(&mut table, 1, Some(60), &leader(), ends()).map(|c| c.hours.minutes), Ok(60));
    assert_eq!(settle(&mut table, 2, Some(30), &leader(), ends()).map(|c| c.hours.minutes), Ok(30), "could not check in at all");
    let faults = |minutes, reason| Finding::new(minutes, reason, 2).map_err(|f| f.into_iter().map(|f| f.pointer).collect::<Vec<_>>());
    assert_eq!(faults(Some(60), None), Err(vec!["/reason".to_owned()]));
    assert_eq!(faults(Some(121), Some(" ")), Err(vec!["/minutes".to_owned(), "/reason".to_owned()]));
    assert_eq!(faults(Some(-1), Some("x")), Err(vec!["/minutes".to_owned()]));
    assert!(faults(None, None).is_ok() && faults(Some(0), Some("未参加")).is_ok());
}

#[test]
fn an_absence_is_marked_from_the_start_and_is_none_when_the_leader_finds_otherwise() {
    let mut table = signed_up();
    let mark = |table: &mut Table, now| take(table, 1, now, |s| s.mark_absent(&leader(), now));
    assert_eq!(mark(&mut table, begins().plus_millis(-1)), Err(Refusal::TooEarly { from: begins() }));
    assert_eq!(mark(&mut table, begins()), Ok(()));
    assert_eq!(come(&mut table, 1, begins()), Err(Refusal::WrongState { state: "absent" }));
    assert_eq!(table.pool().taken, 3, "the place was kept for them");
    let credit = settle(&mut table, 1, Some(120), &leader(), ends()).expect("was there after all");
    assert_eq!((credit.hours.minutes, table.state(1, ends())), (120, State::Credited));
}

#[test]
fn nobody_settles_their_own_hours() {
    let both = actor(1001, &[(Role::VolunteerLeader, Some(here()))]);
    let mut table = signed_up();
    come(&mut table, 1, begins()).expect("came");
    go(&mut table, 1, ends()).expect("left");
    assert_eq!(settle(&mut table, 1, None, &both, ends()).map(|_| ()), Err(Refusal::NotForYou));
    assert_eq!(settle(&mut table, 1, None, &resident(1), ends()).map(|_| ()), Err(Refusal::NotForYou));
    assert_eq!(table.load(id(2), ends()).parties(&both), [Party::Leader]);
}

#[test]
fn points_are_capped_and_minutes_are_not() {
    let mut table = signed_up();
    come(&mut table, 1, begins()).expect("came");
    go(&mut table, 1, ends()).expect("left");
    let caps = PointCaps { per_month: Some(100) };
    let credit = table.load(id(1), ends()).settle(Finding::default(), &caps, 95, &leader(), ends()).expect("settled");
    assert_eq!((credit.points.map(|p| p.get()), credit.hours.minutes), (Some(5), 120));
    let none = table.load(id(1), ends()).settle(Finding::default(), &caps, 100, &leader(), ends()).expect("settled");
    assert_eq!((none.points, none.sign_up.value().facts().points), (None, Some(0)));
}

#[test]
fn where_an_activity_has_a_spot_check_in_happens_there() {
    let mut table = signed_up();
    let spot = Spot::new(24.9, 118.6, 100).expect("a spot");
    let now = begins();
    let here = |lat: f64| Some(Point::new("", lat, 118.6).expect("a point"));
    let mut come = |point| take(&mut table, 1, now, |s| s.check_in(&code(now), &key(), Some((&spot, point)), &resident(1), now));
    assert_eq!(come(None), Err(Refusal::LocationRequired));
    assert_eq!(come(here(24.91)), Err(Refusal::TooFar));
    assert_eq!(come(here(24.9004)), Ok(()));
}

#[test]
fn who_signed_up_before_the_last_day_is_reminded_on_it() {
    let table = signed_up();
    let from = begins().plus_seconds(-REMIND_BEFORE_S);
    let told = |now| table.load(id(1), now).reminder(now).map(|event| event.notices.len());
    assert_eq!([from.plus_millis(-1), from, begins().plus_millis(-1), begins()].map(told), [None, Some(1), Some(1), None]);
    let mut late = Table::new(1, 0);
    late.sign_up(volunteer(1), from.plus_seconds(60)).expect("room");
    assert_eq!(late.load(id(1), from.plus_seconds(90)).reminder(from.plus_seconds(90)), None, "they have just been told");
}

#[test]
fn who_is_there_when_the_shift_is_cancelled_is_sent_home_with_what_they_have_served() {
    let mut table = signed_up();
    come(&mut table, 1, begins()).expect("came");
    let now = begins().plus_seconds(45 * 60);
    assert_eq!(table.load(id(1), now).sent_home(&table.shift, now), None, "the shift is on");
    table.shift = table.shift.clone().cancel(None, &leader(), now).expect("cancelled").kept();
    assert_eq!(table.load(id(2), now).sent_home(&table.shift, now), None, "they had not come");
    let home = table.load(id(1), now).sent_home(&table.shift, now).expect("was there");
    assert_eq!(home.events()[0].notices.iter().map(|n| n.to).collect::<Vec<_>>(), [id(1001)]);
    table.save(home);
    let credit = settle(&mut table, 1, None, &leader(), now).expect("settled at once");
    assert_eq!(credit.hours.minutes, 45);
}

#[test]
fn where_an_activity_has_a_spot_check_out_happens_there_too() {
    let mut table = signed_up();
    let (spot, now) = (Spot::new(24.9, 118.6, 100).expect("a spot"), begins());
    come(&mut table, 1, now).expect("came");
    let point = |lat: f64| Some(Point::new("", lat, 118.6).expect("a point"));
    let mut leave = |here| take(&mut table, 1, now, |s| s.check_out(&code(now), &key(), Some((&spot, here)), &resident(1), now));
    assert_eq!(leave(None), Err(Refusal::LocationRequired));
    assert_eq!(leave(point(24.91)), Err(Refusal::TooFar));
    assert_eq!(leave(point(24.9)), Ok(()));
}
