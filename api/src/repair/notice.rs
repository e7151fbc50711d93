//! What notices say about repair tickets.

use std::collections::HashMap;

use jiazai_domain::actor::Actor;
use jiazai_domain::repair::{DUE_SOON, OVERDUE, Sight, State, Ticket, TicketId, View};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::Recorded;
use jiazai_infra::repair;

use crate::content::Kept;
use crate::notices::{Said, Words, about, things};

/// The words for events of tickets, as this person may read them.
pub fn words(tx: &mut Tx, to: Option<&Actor>, events: &[Recorded], said: &mut Said) -> Result<(), DbError> {
    let events: Vec<(TicketId, &Recorded)> = about(events);
    let ids = things(&events);
    let tickets: HashMap<TicketId, Ticket> = repair::by_ids(tx, &ids)?.into_iter().map(|ticket| (ticket.facts().id, ticket)).collect();
    let kept = Kept::of(tx, &ids.iter().map(|id| id.text()).collect::<Vec<_>>())?;
    for (id, event) in events {
        let Some(ticket) = tickets.get(&id) else { continue };
        let f = ticket.facts();
        // Who reported it too, or lives next to it, is told how it stands and not what the reporter wrote; and words that others do
        // not see (yet) are in no message. The kind of damage is nobody's secret.
        let whole = to.and_then(|to| ticket.view(&Sight::of(to, vec![]))).is_some_and(|view| view > View::Neighbour);
        let title = if whole && !kept.words_of(&id.text()) { &f.title } else { &f.category.name };
        said.insert(event.id, Words::new(title, phrase(ticket, event), event.occurred_at, format!("repair/ticket?id={id}")));
    }
    Ok(())
}

fn phrase(ticket: &Ticket, event: &Recorded) -> &'static str {
    match event.kind.as_str() {
        DUE_SOON => return "即将超时",
        OVERDUE => return "已超时",
        _ => {}
    }
    // As the event left it, not as it is by now: a message about "accepted" must not say "resolved".
    let state = event.data.get("state").and_then(|word| word.as_str()).and_then(|word| word.parse().ok());
    match state.unwrap_or(ticket.facts().state) {
        State::Submitted => "待派单",
        State::Assigned => "待接单",
        State::Accepted => "已接单",
        State::OnSite => "已到场",
        State::Quoted => "待确认价",
        State::Approved => "已同意价",
        State::Paused => "已暂停",
        State::Resolved => "待确认",
        State::Closed => "已完成",
        State::Cancelled => "已取消",
    }
}
