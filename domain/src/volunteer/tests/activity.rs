//! Activities and shifts: from the draft to the end.

use super::*;

fn created() -> Activity {
    Activity::create(id(1), planned(draft()), &leading(), start()).kept()
}

fn with_last_shift(activity: &Activity, ends: Timestamp, now: Timestamp) -> Activity {
    Activity::restore(ActivityFacts { last_ends_at: Some(ends), ..activity.facts().clone() }, now)
}

#[test]
fn a_leader_publishes_in_their_own_community_only() {
    assert!(created().publish(&leader(), start()).is_ok());
    assert_eq!(created().publish(&foreign_leader(), start()).map(|_| ()), Err(Refusal::NotForYou));
    assert_eq!(created().publish(&resident(1), start()).map(|_| ()), Err(Refusal::NotForYou));
    assert_eq!(created().allowed_actions(&leader(), start()), [ActivityAction::Publish, ActivityAction::Cancel]);
    assert_eq!(created().allowed_actions(&resident(1), start()), []);
    let twice = published(draft()).publish(&leader(), start()).map(|_| ());
    assert_eq!(twice, Err(Refusal::WrongState { state: "published" }));
}

#[test]
fn an_activity_ends_by_hand_after_its_last_shift_or_by_itself_a_week_later() {
    let activity = published(draft());
    let early = with_last_shift(&activity, ends(), start());
    assert_eq!(early.end(&leader(), start()).map(|_| ()), Err(Refusal::ShiftsAhead));
    assert!(with_last_shift(&activity, ends(), ends()).end(&leader(), ends()).is_ok());
    let by_itself = ends().plus_seconds(ENDED_AFTER_S);
    assert_eq!(with_last_shift(&activity, ends(), by_itself.plus_millis(-1)).settle(), None);
    let ended = with_last_shift(&activity, ends(), by_itself.plus_seconds(99));
    assert_eq!((ended.facts().state, ended.facts().ended_at), (ActivityState::Ended, Some(by_itself)));
    let settled = ended.settle().expect("something to save");
    assert_eq!((settled.loaded(), settled.events()[0].kind, settled.events()[0].by), (Some(2), "volunteer_activity.ended", None));
    assert_eq!(Activity::restore(created().facts().clone(), by_itself).facts().state, ActivityState::Draft, "without shifts it waits");
}

#[test]
fn what_an_hour_is_worth_is_promised_once_it_is_published() {
    let dearer = || planned(ActivityDraft { points_per_hour: 20, ..draft() });
    let reworded = || planned(ActivityDraft { title: "清洁河岸和公园", ..draft() });
    assert!(created().replace(dearer(), &[], &leading(), start()).is_ok());
    assert_eq!(published(draft()).replace(dearer(), &[], &leading(), start()).map(|_| ()), Err(Refusal::Promised));
    let changed = published(draft()).replace(reworded(), &[], &leading(), start()).expect("reworded").kept();
    assert_eq!(changed.facts().title, "清洁河岸和公园");
    let foreign = foreign_leader().volunteer_leader_of(elsewhere()).expect("a leader elsewhere");
    assert_eq!(created().replace(reworded(), &[], &foreign, start()).map(|_| ()), Err(Refusal::NotForYou));
    let cancelled = created().cancel(None, &leader(), start()).expect("cancelled").kept();
    assert_eq!(cancelled.replace(reworded(), &[], &leading(), start()).map(|_| ()), Err(Refusal::WrongState { state: "cancelled" }));
}

#[test]
fn shifts_are_scheduled_for_what_is_not_over_and_in_the_own_community() {
    let plan = || shift_draft(3, 0).check(start()).expect("a plan");
    assert!(Shift::schedule(id(1), plan(), &created(), &leading(), start()).is_ok(), "before it is published");
    let foreign = foreign_leader().volunteer_leader_of(elsewhere()).expect("a leader elsewhere");
    assert_eq!(Shift::schedule(id(1), plan(), &created(), &foreign, start()).map(|_| ()), Err(Refusal::NotForYou));
    let over = created().cancel(None, &leader(), start()).expect("cancelled").kept();
    let late = Shift::schedule(id(1), plan(), &over, &leading(), start()).map(|_| ());
    assert_eq!(late, Err(Refusal::WrongState { state: "cancelled" }));
}

#[test]
fn a_moved_shift_tells_everybody_on_the_roster() {
    let shift = Table::new(3, 0).shift;
    let times = (begins().plus_seconds(3600), ends().plus_seconds(3600));
    let moved = shift.clone().reschedule(times, &[id(1001), id(1002)], &leader(), start()).expect("times").expect("moved");
    let told: Vec<_> = moved.events()[0].notices.iter().map(|n| (n.to, n.template)).collect();
    assert_eq!(told, [(id(1001), template::CHANGED), (id(1002), template::CHANGED)]);
    assert_eq!(moved.kept().facts().starts_at, times.0);
    let started = shift.clone().reschedule((ends(), ends().plus_seconds(60)), &[], &leader(), begins());
    assert_eq!(started.expect("times").map(|_| ()), Err(Refusal::TooLate { since: begins() }));
    let faults = shift.reschedule((start(), start()), &[], &leader(), start()).expect_err("faults");
    assert_eq!(faults.iter().map(|f| f.code).collect::<Vec<_>>(), ["not_after_starts_at", "not_in_the_future", "not_in_the_future"]);
}

#[test]
fn a_shift_is_cancelled_until_its_end_and_with_it_whoever_has_not_come() {
    let mut table = Table::new(1, 5);
    table.sign_up(volunteer(1), start()).expect("a place");
    table.sign_up(volunteer(2), start()).expect("a wait");
    let not_yet = table.load(id(1), start()).call_off(&table.shift, &table.pool(), start());
    assert_eq!(not_yet, None, "the shift is still on");
    assert_eq!(table.shift.clone().cancel(None, &leader(), ends()).map(|_| ()), Err(Refusal::TooLate { since: ends() }));
    assert_eq!(table.shift.clone().cancel(None, &resident(1), start()).map(|_| ()), Err(Refusal::NotForYou));
    table.shift = table.shift.clone().cancel(Some(reason()), &leader(), start()).expect("cancelled").kept();
    for n in [1, 2] {
        let effect = table.load(id(n), start()).call_off(&table.shift, &table.pool(), start()).expect("called off");
        assert_eq!(effect.sign_up.events()[0].notices[0].template, template::CHANGED);
        table.effect(effect);
        table.settle(start());
        assert!(table.sign_ups.iter().all(|f| f.state != State::Offered), "nobody is offered a dead place");
    }
    assert_eq!((table.state(1, start()), table.state(2, start())), (State::Cancelled, State::Cancelled));
    table.check();
    assert_eq!(table.sign_up(volunteer(3), start()), Err(Refusal::NotOpen { opens_at: None }));
}

#[test]
fn posts_of_a_shift_fill_on_their_own_and_are_asked_for_by_name() {
    let posts =
        vec![PostDraft { name: "引导", capacity: 1, waitlist_capacity: 0 }, PostDraft { name: "搬运", capacity: 2, waitlist_capacity: 1 }];
    let table = Table::of(draft(), ShiftDraft { capacity: None, waitlist_capacity: None, posts, ..shift_draft(0, 0) });
    assert_eq!(table.shift.post(Some("搬运")).map(|post| post.number), Ok(1));
    assert_eq!(table.shift.post(Some("唱歌")).map(|_| ()), Err(Refusal::UnknownPost));
    assert_eq!(table.shift.post(None).map(|_| ()), Err(Refusal::UnknownPost), "which of the two?");
    let totals = table.shift.totals();
    assert_eq!((totals.capacity, totals.waitlist_capacity), (3, 1));
    assert_eq!(Table::new(3, 1).shift.post(None).map(|post| post.number), Ok(0));
}

#[test]
fn a_post_shrinks_only_to_those_who_have_a_place() {
    let mut table = Table::new(2, 0);
    table.sign_up(volunteer(1), start()).expect("a place");
    table.sign_up(volunteer(2), start()).expect("a place");
    assert_eq!(table.shift.resize(table.post(), 1, 0, &leader(), start()), Err(Refusal::TooSmall));
    let movement = table.shift.resize(table.post(), 3, 2, &leader(), start()).expect("larger");
    table.write(&movement);
    assert_eq!((table.pool().capacity, table.pool().waitlist_capacity), (3, 2));
    assert_eq!(table.shift.resize(table.post(), 9, 0, &foreign_leader(), start()), Err(Refusal::NotForYou));
    assert_eq!(table.shift.resize(table.post(), 9, 0, &leader(), ends()), Err(Refusal::TooLate { since: ends() }));
    assert!(table.shift.allowed_actions(&leader(), start()).contains(&ShiftAction::Resize));
}

#[test]
fn a_published_activity_that_is_somewhere_else_tells_those_who_come() {
    let roster = [id(1001), id(1002)];
    let told = |draft: ActivityDraft<'static>, activity: Activity| {
        let changed = activity.replace(planned(draft), &roster, &leading(), start()).expect("changed");
        changed.events()[0].notices.len()
    };
    let on = || published(draft());
    assert_eq!(told(ActivityDraft { place: Some("北门"), ..draft() }, on()), 2);
    assert_eq!(told(ActivityDraft { spot: Some((24.9, 118.6, 100)), ..draft() }, on()), 2);
    assert_eq!(told(ActivityDraft { description: "改为九点集合", ..draft() }, on()), 2);
    assert_eq!(told(ActivityDraft { title: "清洁河岸（二）", ..draft() }, on()), 0, "what it is called moves nobody");
    assert_eq!(
        told(ActivityDraft { place: Some("北门"), ..draft() }, Activity::create(id(1), planned(draft()), &leading(), start()).kept()),
        0
    );
}

#[test]
fn signing_up_opens_as_long_before_a_moved_shift_and_never_after_its_end() {
    let opens_at = begins().plus_seconds(-3600);
    let shift = Table::of(draft(), ShiftDraft { sign_up_opens_at: Some(opens_at), ..shift_draft(1, 0) }).shift;
    let moved = |times, now| {
        let shift = shift.clone().reschedule(times, &[], &leader(), now).expect("times").expect("moved").kept();
        shift.facts().sign_up_opens_at
    };
    let day = 86_400;
    let earlier = (begins().plus_seconds(-day), ends().plus_seconds(-day));
    assert_eq!(moved(earlier, start()), Some(opens_at.plus_seconds(-day)), "not after the shift is over");
    assert_eq!(moved((begins().plus_seconds(day), ends().plus_seconds(day)), opens_at), Some(opens_at), "what is open stays open");
    let late = Table::of(draft(), ShiftDraft { sign_up_opens_at: Some(ends().plus_seconds(-60)), ..shift_draft(1, 0) }).shift;
    let short = late.reschedule((begins(), begins().plus_seconds(60)), &[], &leader(), start()).expect("times").expect("moved").kept();
    assert_eq!(short.facts().sign_up_opens_at, Some(begins()));
}
