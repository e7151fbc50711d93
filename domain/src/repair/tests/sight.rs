//! Who sees a ticket, and how much of it.

use super::*;
use crate::actor::Communities;

fn sees(ticket: &Ticket, who: &Actor, homes: &[HomeId]) -> Option<View> {
    ticket.view(&Sight::of(who, homes.to_vec()))
}

#[test]
fn the_reporter_and_the_staff_of_the_community_see_everything() {
    let ticket = submitted();
    assert_eq!(sees(&ticket, &reporter(), &[]), Some(View::Full));
    for role in [Role::CommunityAdmin, Role::Dispatcher, Role::PropertyManager, Role::GridWorker, Role::Auditor] {
        assert_eq!(sees(&ticket, &actor(40, &[(role, Some(here()))]), &[]), Some(View::Full), "{role}");
        assert_eq!(sees(&ticket, &actor(40, &[(role, Some(elsewhere()))]), &[]), None, "{role} of another community");
    }
    assert_eq!(sees(&ticket, &actor(40, &[(Role::PlatformAdmin, None)]), &[]), Some(View::Full));
    for role in [Role::Merchant, Role::EnrolmentReviewer, Role::VolunteerLeader] {
        assert_eq!(sees(&ticket, &actor(40, &[(role, Some(here()))]), &[]), None, "{role}");
    }
}

#[test]
fn neighbours_see_that_something_touches_their_home_and_no_more() {
    assert_eq!(sees(&submitted(), &stranger(), &[home(1)]), Some(View::Neighbour), "others of the same home");
    assert_eq!(sees(&submitted(), &stranger(), &[home(7), home(2)]), Some(View::Neighbour));
    assert_eq!(sees(&submitted(), &stranger(), &[home(3)]), None);
}

#[test]
fn a_worker_sees_what_can_be_grabbed_and_what_is_theirs() {
    let grabbable = submit(1, &category(Dispatch::Grab), draft(), &[], start()).expect("a ticket").saved();
    assert_eq!(sees(&grabbable, &qian(), &[]), Some(View::WithoutPhone));
    assert_eq!(sees(&submitted(), &qian(), &[]), None, "the dispatcher gives it out");
    let grabbed = grabbable.grab(&zhao(), start()).expect("grabbed").saved();
    assert_eq!(sees(&grabbed, &qian(), &[]), None);
    assert_eq!(sees(&grabbed, &zhao(), &[]), Some(View::Full));
    assert_eq!(sees(&grabbed, &actor(30, &[]), &[]), None, "not without the role");
    let lost = Sight::of(&qian(), vec![]).for_grab();
    assert!(grabbed.view(&lost).is_some(), "who loses the race is told so");
    assert_eq!(grabbed.view(&Sight::of(&actor(31, &[(Role::RepairWorker, Some(elsewhere()))]), vec![]).for_grab()), None);
}

#[test]
fn the_phone_is_shown_to_the_worker_from_acceptance_until_the_end() {
    let (r, d, w) = (reporter(), dispatcher(), zhao());
    let assigned = after(submitted(), start(), &[(Action::Assign, &d)]);
    assert_eq!(sees(&assigned, &w, &[]), Some(View::WithoutPhone));
    assert_eq!(sees(&resolved(), &w, &[]), Some(View::Full));
    let closed = after(resolved(), start().plus_seconds(10), &[(Action::Confirm, &r)]);
    assert_eq!(sees(&closed, &w, &[]), Some(View::WithoutPhone));
}

#[test]
fn a_platform_administrator_is_a_worker_nowhere() {
    let sight = Sight::of(&actor(40, &[(Role::PlatformAdmin, None)]), vec![]);
    assert_eq!((sight.full, sight.works_in), (Communities::All, Communities::Only(vec![])));
}

#[test]
fn those_whose_home_was_merged_in_see_the_ticket_that_goes_on() {
    let other = ReportDraft { home: None, place: Some("水井"), affected_homes: vec![], ..draft() };
    let into = submit(2, &category(Dispatch::Assign), other, &[], start()).expect("a ticket").saved();
    assert_eq!(sees(&into, &stranger(), &[home(1)]), None);
    let (_, kept) = submitted().merge(into, &dispatcher(), start()).expect("merged");
    assert_eq!(sees(&kept.saved(), &stranger(), &[home(1)]), Some(View::Neighbour));
}
