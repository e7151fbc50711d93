//! What notices say about repair tickets.

use jiazai_domain::repair::{State, TicketId};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::Recorded;
use jiazai_infra::repair;

use crate::notices::Words;

/// The words for an event of a ticket; none when it is about something else, or the ticket is gone.
pub fn words(tx: &mut Tx, event: &Recorded) -> Result<Option<Words>, DbError> {
    let Ok(id) = event.subject.parse::<TicketId>() else { return Ok(None) };
    let Some(ticket) = repair::find(tx, id)? else { return Ok(None) };
    // As the event left it, not as it is by now: a message about "accepted" must not say "resolved".
    let state = event.data.get("state").and_then(|word| word.as_str()).and_then(|word| word.parse().ok());
    let phrase = match event.kind.as_str() {
        "repair_ticket.due_soon" => Some("即将超时"),
        "repair_ticket.overdue" => Some("已超时"),
        _ => None,
    };
    let phrase = phrase.unwrap_or(match state.unwrap_or(ticket.facts().state) {
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
    });
    Ok(Some(Words::new(&ticket.facts().title, phrase, tx.now(), format!("pages/repair/ticket?id={id}"))))
}
