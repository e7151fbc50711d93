//! Rules of the repair ticket, each by the name of its test.

mod alarm;
mod journey;
mod promises;
mod sight;
mod table;
mod values;

use std::sync::LazyLock;

use uuid::Uuid;

use super::*;
use crate::actor::{Actor, CommunityId, Grant, PrincipalId, PrincipalKind, Role};
use crate::kernel::calendar::Calendars;
use crate::kernel::changed::Changed;
use crate::kernel::file::FileId;
use crate::kernel::time::Timestamp;
use crate::registry::HomeId;

/// Reading the day book once is enough for the many thousand tickets of the property tests.
fn calendars() -> &'static Calendars {
    static ALL: LazyLock<Calendars> = LazyLock::new(Calendars::compiled_in);
    &ALL
}

fn at(local: &str) -> Timestamp {
    Timestamp::parse(&format!("{local}:00+08:00")).expect("an instant")
}

/// A Wednesday morning within working hours.
fn start() -> Timestamp {
    at("2026-03-04T09:00")
}

fn here() -> CommunityId {
    CommunityId::from_uuid(Uuid::from_u128(1))
}

fn elsewhere() -> CommunityId {
    CommunityId::from_uuid(Uuid::from_u128(2))
}

fn ticket_id(n: u128) -> TicketId {
    TicketId::from_uuid(Uuid::from_u128(n))
}

fn home(n: u128) -> HomeId {
    HomeId::from_uuid(Uuid::from_u128(n))
}

fn file(n: u128) -> FileId {
    FileId::from_uuid(Uuid::from_u128(n))
}

fn person(n: u128) -> PrincipalId {
    PrincipalId::from_uuid(Uuid::from_u128(n))
}

fn actor(n: u128, grants: &[(Role, Option<CommunityId>)]) -> Actor {
    let kind = if grants.is_empty() { PrincipalKind::Resident } else { PrincipalKind::Staff };
    let grants = grants.iter().map(|(role, community)| Grant { role: *role, community: *community }).collect();
    Actor { id: person(n), kind, session: None, grants, scopes: vec![] }
}

fn reporter() -> Actor {
    actor(10, &[])
}

fn stranger() -> Actor {
    actor(11, &[])
}

fn dispatcher() -> Actor {
    actor(20, &[(Role::Dispatcher, Some(here()))])
}

fn worker_actor(n: u128) -> Actor {
    actor(n, &[(Role::RepairWorker, Some(here()))])
}

fn zhao() -> Actor {
    worker_actor(30)
}

fn qian() -> Actor {
    worker_actor(31)
}

fn worker(who: &Actor) -> Worker {
    Worker::by_grants(who.id, &who.grants, here()).expect("a worker")
}

fn category(dispatch: Dispatch) -> Category {
    Category::restore(CategoryFacts {
        community: here(),
        code: "water".to_owned(),
        version: 1,
        name: "水管".to_owned(),
        dispatch,
        accept_within_s: 60,
        arrive_within_s: 600,
        resolve_within_s: 7200,
        calendar: "always".to_owned(),
        chargeable: true,
        photos_required: true,
        active: true,
    })
}

fn draft() -> ReportDraft<'static> {
    ReportDraft {
        title: "厨房漏水",
        description: "三楼天花板滴水",
        home: Some(home(1)),
        place: None,
        affected_homes: vec![home(2)],
        photos: vec![file(1)],
        appointment: None,
    }
}

fn reason() -> Reason {
    Reason::new("等配件").expect("a reason")
}

fn note() -> Note {
    Note::new("换了阀门").expect("a note")
}

fn a_quote() -> Quote {
    Quote::new(5000, vec![QuoteItem { name: "阀门".to_owned(), amount_fen: 5000 }]).expect("a quote")
}

fn a_rating() -> Rating {
    Rating::new(5, 4, 5, None).expect("a rating")
}

fn speaking() -> Reporter {
    Reporter::resident(&reporter().resident().expect("a resident"), vec![home(1)])
}

fn submit(n: u128, category: &Category, draft: ReportDraft, candidates: &[Candidate], now: Timestamp) -> Result<Changed<Ticket>, Refusal> {
    let report = draft.check(now).expect("a report");
    Ticket::submit(ticket_id(n), report, &speaking(), category, calendars(), candidates, now)
}

/// A fresh ticket of a category that the dispatcher gives out.
fn submitted() -> Ticket {
    submit(1, &category(Dispatch::Assign), draft(), &[], start()).expect("a ticket").saved()
}

impl<T> Changed<T> {
    fn saved(self) -> T {
        self.into_parts().0
    }
}

/// Takes an action with valid data; whoever has to be named is somebody who can be.
fn attempt(ticket: Ticket, action: Action, by: &Actor, now: Timestamp) -> Result<Changed<Ticket>, Refusal> {
    let other = if ticket.facts().worker == Some(zhao().id) { worker(&qian()) } else { worker(&zhao()) };
    match action {
        Action::Assign => ticket.assign(&other, by, now),
        Action::Grab => ticket.grab(by, now),
        Action::Accept => ticket.accept(by, now),
        Action::Decline => ticket.decline(reason(), by, now),
        Action::Transfer => ticket.transfer(&other, reason(), by, now),
        Action::Arrive => ticket.arrive(by, now),
        Action::Quote => ticket.quote(a_quote(), by, now),
        Action::ApproveQuote => ticket.approve_quote(by, now),
        Action::RefuseQuote => ticket.refuse_quote(Some(reason()), by, now),
        Action::Pause => ticket.pause(reason(), by, now),
        Action::Resume => ticket.resume(None, calendars(), by, now),
        Action::Resolve => ticket.resolve(note(), vec![file(2)], &[], by, now),
        Action::Confirm => ticket.confirm(by, now),
        Action::Reopen => ticket.reopen(reason(), calendars(), by, now),
        Action::Rate => ticket.rate(a_rating(), by, now),
        Action::Urge => ticket.urge(by, now),
        Action::Cancel => ticket.cancel(reason(), by, now),
        Action::Merge => {
            let into = submit(99, &category(Dispatch::Assign), draft(), &[], start()).expect("a ticket").saved();
            ticket.merge(into, by, now).map(|(this, _)| this)
        }
    }
}

/// Takes actions one second after another, beginning at `now`; every one must be allowed.
fn after(mut ticket: Ticket, now: Timestamp, steps: &[(Action, &Actor)]) -> Ticket {
    for (i, (action, by)) in steps.iter().enumerate() {
        let now = now.plus_seconds(i as i64);
        let done = attempt(ticket, *action, by, now).unwrap_or_else(|refusal| panic!("{action} by {:?}: {refusal:?}", by.id));
        ticket = Ticket::restore(done.saved().facts().clone(), now);
    }
    ticket
}

/// A ticket that 赵 has mended, resolved at `start()` + 4 s.
fn resolved() -> Ticket {
    let (d, w) = (dispatcher(), zhao());
    after(submitted(), start().plus_seconds(1), &[(Action::Assign, &d), (Action::Accept, &w), (Action::Arrive, &w), (Action::Resolve, &w)])
}
