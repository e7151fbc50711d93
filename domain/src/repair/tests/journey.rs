//! What residents, workers and dispatchers go through with a ticket.

use std::sync::Arc;

use super::*;
use crate::kernel::changed::Datum;

#[test]
fn from_report_to_rating() {
    let (r, w) = (reporter(), zhao());
    let ticket = after(resolved(), start().plus_seconds(10), &[(Action::Confirm, &r), (Action::Rate, &r)]);
    assert_eq!(ticket.facts().state, State::Closed);
    assert_eq!(ticket.facts().rating, Some(a_rating()));
    assert_eq!(ticket.facts().worker, Some(w.id), "the history keeps whose work it was");
    assert_eq!(ticket.facts().version, 7);
}

#[test]
fn only_a_grab_category_lets_workers_take_what_lies_there() {
    for dispatch in Dispatch::ALL {
        let ticket = submit(1, &category(*dispatch), draft(), &[], start()).expect("a ticket").saved();
        let grabbed = ticket.grab(&zhao(), start()).map(|done| done.saved().facts().worker);
        let expected = if *dispatch == Dispatch::Grab { Ok(Some(zhao().id)) } else { Err(Refusal::NotGrabbable) };
        assert_eq!(grabbed, expected);
    }
}

#[test]
fn the_second_who_grabs_is_told_the_state() {
    let ticket = submit(1, &category(Dispatch::Grab), draft(), &[], start()).expect("a ticket").saved();
    let ticket = ticket.grab(&zhao(), start()).expect("grabbed").saved();
    assert_eq!(ticket.grab(&qian(), start()).map(|_| ()), Err(Refusal::WrongState { state: State::Accepted }));
}

#[test]
fn a_ticket_is_given_only_to_workers_of_its_community_and_never_to_the_same_twice() {
    let d = dispatcher();
    let stranger = Worker::by_grants(person(50), &[Grant { role: Role::RepairWorker, community: Some(elsewhere()) }], elsewhere());
    let assigned = submitted().assign(&stranger.expect("a worker elsewhere"), &d, start()).map(|_| ());
    assert_eq!(assigned, Err(Refusal::NotAWorker));
    assert_eq!(Worker::by_grants(person(22), &[Grant { role: Role::PlatformAdmin, community: None }], here()), None);
    let ticket = after(submitted(), start(), &[(Action::Assign, &d)]);
    assert_eq!(ticket.transfer(&worker(&zhao()), reason(), &d, start()).map(|_| ()), Err(Refusal::SameWorker));
}

#[test]
fn a_worker_may_decline_and_then_it_is_theirs_no_longer() {
    let ticket = after(submitted(), start(), &[(Action::Assign, &dispatcher()), (Action::Decline, &zhao())]);
    assert_eq!((ticket.facts().state, ticket.facts().worker), (State::Submitted, None));
    assert_eq!(ticket.allowed_actions(&zhao(), start()), []);
}

#[test]
fn a_worker_whose_role_was_taken_away_can_do_nothing_more() {
    let ticket = after(submitted(), start(), &[(Action::Assign, &dispatcher())]);
    assert_eq!(ticket.allowed_actions(&actor(30, &[]), start()), []);
}

#[test]
fn a_reporter_cancels_until_somebody_accepts_and_a_dispatcher_while_it_is_open() {
    let (r, d, w) = (reporter(), dispatcher(), zhao());
    let assigned = after(submitted(), start(), &[(Action::Assign, &d)]);
    assert!(assigned.clone().cancel(reason(), &r, start()).is_ok());
    let accepted = after(assigned, start(), &[(Action::Accept, &w)]);
    assert_eq!(accepted.clone().cancel(reason(), &r, start()).map(|_| ()), Err(Refusal::WrongState { state: State::Accepted }));
    assert!(accepted.cancel(reason(), &d, start()).is_ok());
    assert_eq!(resolved().cancel(reason(), &d, start()).map(|_| ()), Err(Refusal::WrongState { state: State::Resolved }));
}

#[test]
fn a_price_must_be_answered_before_the_work_can_be_resolved() {
    let (r, d, w) = (reporter(), dispatcher(), zhao());
    let to_quote = [(Action::Assign, &d), (Action::Accept, &w), (Action::Arrive, &w), (Action::Quote, &w)];
    let quoted = after(submitted(), start(), &to_quote);
    assert_eq!(quoted.allowed_actions(&w, start()), []);
    let refused = after(quoted.clone(), start(), &[(Action::RefuseQuote, &r)]);
    assert_eq!((refused.facts().state, &refused.facts().quote), (State::OnSite, &None));
    let approved = after(quoted, start(), &[(Action::ApproveQuote, &r), (Action::Resolve, &w)]);
    assert_eq!(approved.facts().quote.as_ref().map(Quote::amount_fen), Some(5000));
}

#[test]
fn photos_are_asked_for_where_the_category_asks() {
    let (d, w) = (dispatcher(), zhao());
    let on_site = after(submitted(), start(), &[(Action::Assign, &d), (Action::Accept, &w), (Action::Arrive, &w)]);
    assert_eq!(on_site.clone().resolve(note(), vec![], &[], &w, start()).map(|_| ()), Err(Refusal::PhotosMissing));
    let ten = (0..10).map(file).collect();
    assert_eq!(on_site.clone().resolve(note(), ten, &[], &w, start()).map(|_| ()), Err(Refusal::TooManyPhotos));
    let mut facts = on_site.facts().clone();
    facts.category = Arc::new(Category::restore(CategoryFacts { photos_required: false, ..(**facts.category).clone() }));
    assert!(Ticket::restore(facts, start()).resolve(note(), vec![], &[], &w, start()).is_ok());
}

#[test]
fn after_72_hours_a_resolved_ticket_is_closed_whether_or_not_a_job_ran() {
    let saved = resolved();
    let at = saved.confirmed_by_time_at().expect("resolved");
    assert_eq!(at, start().plus_seconds(4 + 72 * 3600));
    let early = Ticket::restore(saved.facts().clone(), at.plus_millis(-1));
    assert_eq!(early.facts().state, State::Resolved);
    assert_eq!(early.settle(), None, "a job that comes too early does nothing");
    let late = Ticket::restore(saved.facts().clone(), at.plus_seconds(3600));
    assert_eq!((late.facts().state, late.facts().ended_at), (State::Closed, Some(at)));
    let settled = late.settle().expect("something to save");
    assert_eq!(settled.events().iter().map(|e| (e.kind, e.occurred_at, e.by)).collect::<Vec<_>>(), [("repair_ticket.confirmed", at, None)]);
    let again = Ticket::restore(settled.saved().facts().clone(), at.plus_seconds(7200));
    assert_eq!(again.settle(), None, "once");
}

#[test]
fn whoever_saves_next_writes_down_what_time_did_first() {
    let saved = resolved();
    let later = start().plus_seconds(80 * 3600);
    let rated = Ticket::restore(saved.facts().clone(), later).rate(a_rating(), &reporter(), later).expect("closed, so it can be rated");
    assert_eq!(rated.events().iter().map(|e| e.kind).collect::<Vec<_>>(), ["repair_ticket.confirmed", "repair_ticket.rated"]);
    assert_eq!((rated.loaded(), rated.value().facts().version), (Some(saved.facts().version), saved.facts().version + 1));
}

#[test]
fn a_reporter_reopens_once_and_within_seven_days() {
    let (r, d, w) = (reporter(), dispatcher(), zhao());
    let last = start().plus_seconds(4 + 7 * 86_400);
    let closed = Ticket::restore(resolved().facts().clone(), last);
    assert!(closed.allowed_actions(&r, last).contains(&Action::Reopen));
    assert!(!closed.allowed_actions(&r, last.plus_millis(1)).contains(&Action::Reopen));
    assert_eq!(closed.clone().reopen(reason(), calendars(), &r, last.plus_millis(1)).map(|_| ()), Err(Refusal::TooLate));
    let steps = [
        (Action::Reopen, &r),
        (Action::Assign, &d),
        (Action::Accept, &w),
        (Action::Arrive, &w),
        (Action::Resolve, &w),
        (Action::Confirm, &r),
    ];
    let twice = after(closed, last, &steps);
    assert_eq!(twice.reopen(reason(), calendars(), &r, last.plus_seconds(60)).map(|_| ()), Err(Refusal::ReopenedAlready));
}

#[test]
fn a_rating_is_given_once_and_survives_reopening() {
    let r = reporter();
    let rated = after(resolved(), start().plus_seconds(10), &[(Action::Confirm, &r), (Action::Rate, &r)]);
    assert_eq!(rated.clone().rate(a_rating(), &r, start().plus_seconds(20)).map(|_| ()), Err(Refusal::AlreadyRated));
    let reopened = after(rated, start().plus_seconds(20), &[(Action::Reopen, &r)]);
    assert_eq!(reopened.facts().rating, Some(a_rating()));
}

#[test]
fn urging_again_waits_half_an_hour() {
    let r = reporter();
    let urged = after(submitted(), start(), &[(Action::Urge, &r)]);
    let retry_at = start().plus_seconds(1800);
    assert_eq!(urged.clone().urge(&r, retry_at.plus_millis(-1)).map(|_| ()), Err(Refusal::UrgedRecently { retry_at }));
    assert!(!urged.allowed_actions(&r, start().plus_seconds(60)).contains(&Action::Urge));
    assert!(urged.urge(&r, retry_at).is_ok());
}

#[test]
fn a_merged_ticket_points_at_the_other_whose_homes_it_joins() {
    let d = dispatcher();
    let mut other = draft();
    other.home = None;
    other.place = Some("三号楼水井");
    other.affected_homes = vec![home(2), home(3)];
    let into = submit(2, &category(Dispatch::Assign), other, &[], start()).expect("a ticket").saved();
    let (gone, kept) = submitted().merge(into, &d, start()).expect("merged");
    assert_eq!((gone.value().facts().state, gone.value().facts().duplicate_of), (State::Cancelled, Some(ticket_id(2))));
    assert_eq!(kept.value().facts().affected_homes, [home(2), home(3), home(1)]);
    assert_eq!((kept.loaded(), kept.value().facts().version, kept.value().facts().duplicates), (Some(1), 2, 1));
    assert_eq!(kept.events()[0].kind, "repair_ticket.absorbed");
}

#[test]
fn tickets_merge_neither_into_themselves_nor_into_closed_ones_nor_in_chains() {
    let d = dispatcher();
    let other = |n| submit(n, &category(Dispatch::Assign), draft(), &[], start()).expect("a ticket").saved();
    let refused = |this: Ticket, into: Ticket| this.merge(into, &d, start()).map(|_| ()).expect_err("refused");
    assert_eq!(refused(submitted(), submitted()), Refusal::SameTicket);
    let (gone, kept) = submitted().merge(other(2), &d, start()).expect("merged");
    assert_eq!(refused(other(3), gone.saved()), Refusal::TargetNotOpen);
    assert_eq!(refused(kept.saved(), other(3)), Refusal::HasDuplicates);
    let mut facts = other(4).facts().clone();
    facts.community = elsewhere();
    assert_eq!(refused(submitted(), Ticket::restore(facts, start())), Refusal::OtherCommunity);
}

#[test]
fn rotation_asks_the_least_busy_and_then_the_longest_waiting() {
    let busy = |who: &Actor, open_jobs, last: Option<i64>| Candidate {
        worker: worker(who),
        open_jobs,
        last_assigned_at: last.map(|s| start().plus_seconds(s)),
    };
    let (a, b, c) = (zhao(), qian(), worker_actor(32));
    let next = |candidates: &[Candidate]| next_worker(candidates).map(|w| w.id());
    assert_eq!(next(&[]), None);
    assert_eq!(next(&[busy(&a, 2, None), busy(&b, 1, Some(9))]), Some(b.id));
    assert_eq!(next(&[busy(&a, 1, Some(9)), busy(&b, 1, Some(3)), busy(&c, 1, Some(5))]), Some(b.id));
    assert_eq!(next(&[busy(&a, 1, Some(3)), busy(&b, 1, None)]), Some(b.id), "who never had one has waited longest");
    assert_eq!(next(&[busy(&b, 0, None), busy(&a, 0, None)]), Some(a.id), "the order of the list does not matter");
}

#[test]
fn a_rotating_category_asks_somebody_at_once_if_there_is_somebody() {
    let candidates = [Candidate { worker: worker(&zhao()), open_jobs: 0, last_assigned_at: None }];
    let done = submit(1, &category(Dispatch::Rotate), draft(), &candidates, start()).expect("a ticket");
    assert_eq!(done.loaded(), None);
    assert_eq!(done.events().iter().map(|e| e.kind).collect::<Vec<_>>(), ["repair_ticket.submitted", "repair_ticket.assigned"]);
    assert_eq!(done.events()[1].notices.iter().map(|n| n.to).collect::<Vec<_>>(), [zhao().id]);
    let facts = done.saved().facts().clone();
    assert_eq!((facts.state, facts.worker, facts.version), (State::Assigned, Some(zhao().id), 1));
    let nobody = submit(1, &category(Dispatch::Rotate), draft(), &[], start()).expect("a ticket").saved();
    assert_eq!(nobody.facts().state, State::Submitted);
    let not_rotating = submit(1, &category(Dispatch::Assign), draft(), &candidates, start()).expect("a ticket").saved();
    assert_eq!(not_rotating.facts().worker, None);
}

#[test]
fn residents_report_for_their_own_homes_and_public_places_and_staff_for_all_homes() {
    let report = |draft: ReportDraft<'static>| draft.check(start()).expect("a report");
    let take = |report, by: &Reporter, category: &Category| {
        Ticket::submit(ticket_id(1), report, by, category, calendars(), &[], start()).map(|_| ())
    };
    let at_home = |n| report(ReportDraft { home: Some(home(n)), ..draft() });
    let outside = || report(ReportDraft { home: None, place: Some("电梯"), ..draft() });
    let water = category(Dispatch::Assign);
    assert_eq!(take(at_home(5), &speaking(), &water), Err(Refusal::NotYourHome));
    let unbound = Reporter::resident(&stranger().resident().expect("a resident"), vec![]);
    assert_eq!(take(outside(), &unbound, &water), Ok(()));
    let staff = Reporter::staff(&dispatcher(), here()).expect("staff");
    assert_eq!(take(at_home(5), &staff, &water), Ok(()));
    assert!(Reporter::staff(&zhao(), here()).is_err());
    let abroad = actor(20, &[(Role::Dispatcher, Some(elsewhere()))]);
    assert_eq!(take(outside(), &Reporter::staff(&abroad, elsewhere()).expect("staff"), &water), Err(Refusal::NotYourHome));
    let old = Category::restore(CategoryFacts { active: false, ..(*water).clone() });
    assert_eq!(take(outside(), &speaking(), &old), Err(Refusal::CategoryNotOffered));
}

#[test]
fn what_people_write_stays_out_of_an_events_data_and_out_of_logs() {
    let done = submitted().cancel(reason(), &reporter(), start()).expect("cancelled");
    let event = &done.events()[0];
    assert_eq!(event.note.as_deref(), Some("等配件"));
    let data = serde_json::to_string(&event.data).expect("JSON");
    assert_eq!(data, r#"{"from":"submitted","state":"cancelled"}"#);
    assert_eq!(event.data.get("state"), Some(&Datum::Word("cancelled")));
    let debug = format!("{:?} {:?} {:?}", submitted(), submitted().facts(), draft().check(start()));
    assert!(!debug.contains("漏水") && !debug.contains("滴水"), "{debug}");
}

#[test]
fn worker_and_reporter_are_told_of_each_others_steps() {
    let (r, d, w) = (reporter(), dispatcher(), zhao());
    let told = |done: &Changed<Ticket>| done.events()[0].notices.iter().map(|n| (n.to, n.template)).collect::<Vec<_>>();
    let assigned = submitted().assign(&worker(&w), &d, start()).expect("assigned");
    assert_eq!(told(&assigned), [(w.id, template::TASK)]);
    let urged = assigned.saved().urge(&r, start()).expect("urged");
    assert_eq!(told(&urged), [(w.id, template::TASK)]);
    let accepted = urged.saved().accept(&w, start()).expect("accepted");
    assert_eq!(told(&accepted), [(r.id, template::PROGRESS)]);
    let moved = accepted.saved().transfer(&worker(&qian()), reason(), &d, start()).expect("transferred");
    assert_eq!(told(&moved), [(qian().id, template::TASK), (w.id, template::TASK)], "the new one and the one who need not go");
}

#[test]
fn a_remark_is_history_and_changes_nothing_in_any_state() {
    let words = || Note::new("灯杆上写着 7 号").expect("words");
    for ticket in [submitted(), after(submitted(), start(), &[(Action::Assign, &dispatcher())]), resolved()] {
        let (state, version) = (ticket.facts().state, ticket.facts().version);
        assert_eq!(ticket.clone().remark(words(), &stranger(), start()).map(|_| ()), Err(Refusal::NotForYou));
        for who in [reporter(), dispatcher()] {
            let changed = ticket.clone().remark(words(), &who, start()).expect("a remark");
            let event = &changed.events()[0];
            assert_eq!((event.kind, event.note.as_deref()), ("repair_ticket.remarked", Some("灯杆上写着 7 号")));
            assert!(event.data.get("note").is_none(), "what somebody wrote does not travel");
            let after = changed.saved();
            assert_eq!((after.facts().state, after.facts().version), (state, version + 1));
        }
    }
}

#[test]
fn a_refused_price_keeps_its_reason_in_the_history() {
    let (d, w) = (dispatcher(), zhao());
    let steps = [(Action::Assign, &d), (Action::Accept, &w), (Action::Arrive, &w), (Action::Quote, &w)];
    let refused = after(submitted(), start(), &steps).refuse_quote(Some(reason()), &reporter(), start()).expect("refused");
    assert_eq!(refused.events()[0].note.as_deref(), Some("等配件"));
}
