//! Promised times of a ticket.

use std::sync::Arc;

use super::*;
use crate::kernel::clock::PromiseView;

fn due(s: i64) -> Option<Timestamp> {
    Some(start().plus_seconds(s))
}

#[test]
fn promises_count_from_the_report() {
    let sla = submitted().sla(start());
    let open = |s| PromiseView { due_at: due(s), met: None };
    assert_eq!((sla.accept, sla.arrive, sla.resolve), (open(60), open(600), open(7200)));
    assert_eq!(serde_json::to_string(&sla.accept).expect("JSON"), r#"{"due_at":"2026-03-04T01:01:00.000Z","met":null}"#);
}

#[test]
fn arrival_and_resolution_count_from_an_appointment() {
    let from = start().plus_seconds(86_400);
    let appointment = Some(Appointment { from, to: from.plus_seconds(7200) });
    let ticket = submit(1, &category(Dispatch::Assign), ReportDraft { appointment, ..draft() }, &[], start()).expect("a ticket").saved();
    let sla = ticket.sla(start());
    assert_eq!(sla.accept.due_at, due(60));
    assert_eq!((sla.arrive.due_at, sla.resolve.due_at), (due(86_400 + 600), due(86_400 + 7200)));
}

#[test]
fn a_pause_before_the_appointment_moves_nothing() {
    let (d, w) = (dispatcher(), zhao());
    let from = start().plus_seconds(86_400);
    let appointment = Some(Appointment { from, to: from.plus_seconds(7200) });
    let ticket = submit(1, &category(Dispatch::Assign), ReportDraft { appointment, ..draft() }, &[], start()).expect("a ticket").saved();
    let ticket = after(ticket, start(), &[(Action::Assign, &d), (Action::Accept, &w), (Action::Pause, &w)]);
    let early = after(ticket.clone(), start().plus_seconds(3600), &[(Action::Resume, &w)]);
    assert_eq!(early.next_due_at(), due(86_400 + 600));
    let late = after(ticket, from.plus_seconds(100), &[(Action::Resume, &w)]);
    assert_eq!(late.next_due_at(), due(86_400 + 600 + 100), "only the pause after the appointment's beginning counts");
}

#[test]
fn each_promise_is_met_by_its_own_step() {
    let (d, w) = (dispatcher(), zhao());
    let accepted = after(submitted(), start().plus_seconds(59), &[(Action::Assign, &d), (Action::Accept, &w)]);
    assert_eq!(accepted.sla(start()).accept.met, Some(true), "the due instant itself is in time");
    assert_eq!(accepted.next_due_at(), due(600));
    assert!(!accepted.overdue(start().plus_seconds(600)) && accepted.overdue(start().plus_seconds(601)));
    let late = after(accepted, start().plus_seconds(601), &[(Action::Arrive, &w), (Action::Resolve, &w)]);
    let sla = late.sla(start().plus_seconds(1_000_000));
    assert_eq!((sla.accept.met, sla.arrive.met, sla.resolve.met), (Some(true), Some(false), Some(true)));
    assert_eq!((late.next_due_at(), late.overdue(start().plus_seconds(1_000_000))), (None, false), "nothing is left to be late");
}

#[test]
fn a_paused_ticket_is_never_overdue_and_goes_on_with_the_time_it_had() {
    let (d, w) = (dispatcher(), zhao());
    let steps = [(Action::Assign, &d), (Action::Accept, &w), (Action::Pause, &w)];
    let paused = after(submitted(), start(), &steps);
    let much_later = start().plus_seconds(40_002);
    assert_eq!((paused.next_due_at(), paused.overdue(much_later)), (None, false));
    let sla = paused.sla(much_later);
    assert_eq!((sla.accept.met, sla.arrive), (Some(true), PromiseView { due_at: None, met: None }));
    let resumed = after(paused, much_later, &[(Action::Resume, &w)]);
    assert_eq!(resumed.facts().state, State::Accepted);
    assert_eq!((resumed.sla(much_later).arrive.due_at, resumed.sla(much_later).resolve.due_at), (due(40_600), due(47_200)));
}

#[test]
fn a_pause_on_site_leaves_the_arrival_alone() {
    let (d, w) = (dispatcher(), zhao());
    let steps = [(Action::Assign, &d), (Action::Accept, &w), (Action::Arrive, &w), (Action::Pause, &w)];
    let resumed = after(after(submitted(), start(), &steps), start().plus_seconds(1003), &[(Action::Resume, &d)]);
    assert_eq!(resumed.facts().state, State::OnSite);
    let sla = resumed.sla(start());
    assert_eq!((sla.arrive, sla.resolve.due_at), (PromiseView { due_at: due(600), met: Some(true) }, due(8200)));
}

#[test]
fn a_pause_over_the_night_costs_office_hours_nothing() {
    let (d, w) = (dispatcher(), zhao());
    let office = Category::restore(CategoryFacts { calendar: "workdays".to_owned(), ..(*category(Dispatch::Assign)).clone() });
    let ticket = submit(1, &office, draft(), &[], at("2026-03-04T17:00")).expect("a ticket").saved();
    assert_eq!(ticket.sla(start()).resolve.due_at, Some(at("2026-03-05T10:00")));
    let accepted = after(ticket, at("2026-03-04T17:05"), &[(Action::Assign, &d), (Action::Accept, &w)]);
    let paused = attempt(accepted, Action::Pause, &w, at("2026-03-04T17:08")).expect("paused").saved();
    let resumed = attempt(paused, Action::Resume, &w, at("2026-03-05T08:40")).expect("resumed").saved();
    assert_eq!(
        resumed.sla(start()).arrive.due_at,
        Some(at("2026-03-05T08:42")),
        "22 minutes before closing and 10 after opening were paused"
    );
}

#[test]
fn a_transfer_does_not_take_back_that_somebody_had_accepted() {
    let (d, w) = (dispatcher(), zhao());
    let ticket = after(submitted(), start(), &[(Action::Assign, &d), (Action::Accept, &w), (Action::Transfer, &w)]);
    assert_eq!(ticket.sla(start().plus_seconds(3600)).accept.met, Some(true));
    assert_eq!(ticket.next_due_at(), due(600));
}

#[test]
fn reopening_promises_anew() {
    let then = start().plus_seconds(86_400);
    let ticket = after(resolved(), then, &[(Action::Reopen, &reporter())]);
    let sla = ticket.sla(then);
    assert_eq!((sla.accept.due_at, sla.resolve.due_at), (due(86_460), due(86_400 + 7200)));
    assert_eq!((sla.accept.met, ticket.next_due_at()), (None, due(86_460)));
}

#[test]
fn a_cancelled_ticket_owes_nothing_and_a_pause_is_not_held_against_it() {
    let (d, w) = (dispatcher(), zhao());
    let far = start().plus_seconds(1_000_000);
    let cancelled = after(submitted(), start().plus_seconds(61), &[(Action::Cancel, &d)]);
    let sla = cancelled.sla(far);
    assert_eq!((sla.accept.met, sla.arrive.met, cancelled.next_due_at()), (Some(false), None, None));
    let paused = after(submitted(), start(), &[(Action::Assign, &d), (Action::Accept, &w), (Action::Pause, &w)]);
    let given_up = after(paused, far, &[(Action::Cancel, &d)]);
    assert_eq!(given_up.sla(far).arrive, PromiseView { due_at: None, met: None });
}

#[test]
fn a_later_change_of_the_category_does_not_touch_what_was_promised() {
    let mut facts = submitted().facts().clone();
    facts.category =
        Arc::new(Category::restore(CategoryFacts { accept_within_s: 9999, calendar: "gone".to_owned(), ..(**facts.category).clone() }));
    assert_eq!(Ticket::restore(facts, start()).sla(start()).accept.due_at, due(60));
}
