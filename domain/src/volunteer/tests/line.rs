//! The line: offers, holds, and what time does to them.

use super::*;

const HOLD: i64 = HOLD_S;

/// One place, taken by 1; 2, 3 and 4 wait.
fn queued() -> Table {
    let mut table = Table::new(1, 3);
    (1..=4).for_each(|n| table.sign_up(volunteer(n), start()).map(|_| ()).expect("room"));
    table
}

#[test]
fn who_cancels_makes_room_for_the_next_who_is_told_and_takes_it() {
    let mut table = queued();
    table.cancel(1, &resident(1), start()).expect("in time");
    let offered = table.load(id(2), start());
    assert_eq!((offered.facts().state, offered.facts().offered_until), (State::Offered, Some(start().plus_seconds(HOLD))));
    assert_eq!(offered.allowed_actions(&resident(2), start()), [Action::AcceptOffer, Action::Cancel]);
    assert_eq!(table.accept(3, &volunteer(3), start()), Err(Refusal::WrongState { state: "waitlisted" }));
    table.accept(2, &volunteer(2), start().plus_seconds(HOLD - 1)).expect("held");
    assert_eq!((table.state(2, start()), table.load(id(2), start()).facts().offered_until), (State::Confirmed, None));
    table.check();
}

#[test]
fn an_offer_that_nobody_takes_expires_on_reading_and_goes_to_the_next() {
    let mut table = queued();
    table.cancel(1, &resident(1), start()).expect("in time");
    let late = start().plus_seconds(HOLD);
    assert_eq!(table.state(2, late), State::Expired, "no job has run");
    assert_eq!(table.clone().accept(2, &volunteer(2), late), Err(Refusal::OfferExpired { at: late }));
    table.settle(late.plus_seconds(60));
    assert_eq!([2, 3, 4].map(|n| table.state(n, late)), [State::Expired, State::Offered, State::Waitlisted]);
    let row = table.sign_ups.iter().find(|f| f.id == id(2)).expect("a row");
    assert_eq!((row.state, row.ended_at), (State::Expired, Some(late)), "when its time was over, not when somebody looked");
    table.check();
}

#[test]
fn who_declines_passes_the_place_on_and_may_join_again_at_the_end() {
    let mut table = queued();
    table.cancel(1, &resident(1), start()).expect("in time");
    table.cancel(2, &resident(2), start()).expect("declined");
    assert_eq!(table.state(3, start()), State::Offered);
    let again = table.sign_up(volunteer(2), start()).expect("a number");
    assert_eq!(table.load(again, start()).facts().number, Some(4), "behind those who kept waiting");
    table.check();
}

#[test]
fn nobody_takes_a_place_past_those_who_wait() {
    let mut table = queued();
    table.cancel(4, &resident(4), start()).expect("left the line");
    table.cancel(1, &resident(1), start()).expect("in time");
    table.sign_up(volunteer(5), start()).expect("a number");
    assert_eq!(table.state(5, start()), State::Waitlisted);
}

#[test]
fn the_line_ends_when_the_shift_begins_and_the_rest_is_for_who_stands_there() {
    let mut table = queued();
    table.cancel(1, &leader(), begins().plus_seconds(-60)).expect("by the leader");
    assert_eq!(table.load(id(2), start()).facts().offered_until, Some(begins()), "no hold outlasts the line");
    assert_eq!([2, 3, 4].map(|n| table.state(n, begins())), [State::Expired; 3], "before anybody wrote it down");
    table.settle(begins());
    assert_eq!([2, 3, 4].map(|n| table.state(n, begins())), [State::Expired; 3]);
    table.sign_up(volunteer(5), begins()).expect("a place");
    assert_eq!(table.state(5, begins()), State::Confirmed);
    assert_eq!(table.sign_up(volunteer(6), begins()), Err(Refusal::ShiftFull));
    table.check();
}

#[test]
fn volunteers_cancel_until_the_latest_time_and_leaders_after_it() {
    let mut table = queued();
    let fixed = begins().plus_seconds(-CANCEL_BEFORE_S);
    assert_eq!(table.clone().cancel(1, &resident(1), fixed), Err(Refusal::TooLateToCancel { since: fixed }));
    assert!(!table.load(id(1), fixed).allowed_actions(&resident(1), fixed).contains(&Action::Cancel));
    assert_eq!(table.clone().cancel(1, &resident(1), fixed.plus_millis(-1)), Ok(()));
    assert_eq!(table.clone().cancel(2, &resident(2), fixed), Ok(()), "the line can always be left");
    assert_eq!(table.cancel(1, &leader(), fixed), Ok(()));
}

#[test]
fn nobody_touches_anothers_sign_up() {
    let mut table = queued();
    assert_eq!(table.cancel(1, &resident(2), start()), Err(Refusal::NotForYou));
    assert_eq!(table.cancel(1, &foreign_leader(), start()), Err(Refusal::NotForYou));
    assert_eq!(table.load(id(1), start()).allowed_actions(&resident(2), start()), []);
}

#[test]
fn an_offer_is_not_taken_by_who_is_elsewhere_by_now() {
    let mut table = queued();
    table.cancel(1, &resident(1), start()).expect("in time");
    let busy = Volunteer { busy: vec![Span { from: begins(), until: ends() }], ..volunteer(2) };
    assert_eq!(table.accept(2, &busy, start()), Err(Refusal::TimeConflict));
    assert_eq!(table.state(2, start()), State::Offered, "a refusal changes nothing");
}

#[test]
fn a_line_that_moved_is_settled_before_anybody_joins() {
    let mut table = queued();
    let effect = table.load(id(1), start()).cancel(&table.pool(), None, &resident(1), start()).expect("in time");
    table.effect(effect);
    let who = volunteer(9);
    assert_eq!(table.opening().admit(id(99), table.post(), &who, &rule(), start()).map(|_| ()), Err(Refusal::Unsettled));
}

#[test]
fn nobody_is_offered_what_they_could_not_take_and_the_next_is_asked() {
    let mut table = queued();
    table.unfit = vec![(id(2), Refusal::TimeConflict), (id(3), Refusal::Blocked { until: ends() })];
    table.cancel(1, &resident(1), start()).expect("in time");
    assert_eq!([2, 3, 4].map(|n| table.state(n, start())), [State::Expired, State::Expired, State::Offered]);
    table.check();
    let post = table.post().clone();
    let mut again = queued();
    again.unfit = vec![(id(2), Refusal::TimeConflict)];
    let effect = again.load(id(1), start()).cancel(&again.pool(), None, &resident(1), start()).expect("in time");
    again.effect(effect);
    let open = again.sign_ups.iter().filter(|f| f.state == State::Waitlisted).cloned().collect();
    let done = settle_line(&again.opening(), again.post(), open, &again.unfit, start()).expect("a free place");
    let passed = done.sign_ups.iter().find(|c| c.value().facts().id == id(2)).expect("passed over");
    assert_eq!(passed.events()[0].data.get("because"), Some(&crate::kernel::changed::Datum::Text("time_conflict".to_owned())));
    assert_eq!(passed.events()[0].notices.iter().map(|n| (n.to, n.template)).collect::<Vec<_>>(), [(id(1002), template::CHANGED)]);
    assert_eq!(post.pool.waitlisted, 0);
}

#[test]
fn who_takes_another_place_at_the_same_time_gives_up_the_one_that_is_held() {
    let mut table = queued();
    table.cancel(1, &resident(1), start()).expect("in time");
    let effect = table.load(id(2), start()).release(&table.pool(), start()).expect("an offer");
    assert_eq!(effect.sign_up.events()[0].notices.len(), 1);
    table.effect(effect);
    table.settle(start());
    assert_eq!([2, 3].map(|n| table.state(n, start())), [State::Expired, State::Offered]);
    table.check();
    assert!(table.load(id(4), start()).release(&table.pool(), start()).is_none(), "a number in the line bars nothing and stays");
}

#[test]
fn who_takes_an_offer_has_it_in_writing() {
    let mut table = queued();
    table.cancel(1, &resident(1), start()).expect("in time");
    let (sign_up, by) = (table.load(id(2), start()), resident(2));
    let taken = sign_up.accept_offer(&table.opening(), &table.pool(), &volunteer(2), &rule(), &by, start()).expect("held");
    let told: Vec<_> = taken.sign_up.events()[0].notices.iter().map(|n| (n.to, n.template)).collect();
    assert_eq!(told, [(id(1002), template::CONFIRMED)]);
}

#[test]
fn what_may_be_done_at_any_time_is_waited_for_cancelled_and_missed_by_its_end() {
    let mut table = Table::of(ActivityDraft { flexible: true, ..draft() }, shift_draft(1, 3));
    (1..=3).for_each(|n| table.sign_up(volunteer(n), start()).map(|_| ()).expect("room"));
    let midway = begins().plus_seconds(60);
    assert_eq!(table.state(2, midway), State::Waitlisted, "the line lasts while there is time to do it");
    let early = take(&mut table, 1, midway, |s| s.mark_absent(&leader(), midway));
    assert_eq!(early, Err(Refusal::TooEarly { from: ends() }));
    let fixed = ends().plus_seconds(-CANCEL_BEFORE_S);
    assert_eq!(table.clone().cancel(1, &resident(1), fixed), Err(Refusal::TooLateToCancel { since: fixed }));
    table.cancel(1, &resident(1), fixed.plus_millis(-1)).expect("in time");
    table.settle(midway);
    assert_eq!(table.state(2, midway), State::Offered);
    assert_eq!(table.state(3, ends()), State::Expired);
    let mut missed = Table::of(ActivityDraft { flexible: true, ..draft() }, shift_draft(1, 0));
    missed.sign_up(volunteer(1), start()).expect("a place");
    assert_eq!(take(&mut missed, 1, ends(), |s| s.mark_absent(&leader(), ends())), Ok(()));
}
