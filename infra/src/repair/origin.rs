//! Tickets as other systems keep them: where one that a program reported came from, what is asked for by time, what changed.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::repair::{DUE_SOON, OVERDUE, State, Ticket, TicketId};
use serde::{Deserialize, Serialize};

use super::row::TicketRow;
use super::with_categories;
use crate::db::schema::{events, repair_origins, repair_tickets};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::vault::{Aad, Vault};

/// Whom to ask about a ticket that a program reported: somebody without an account. Sealed, and shown to nobody whole.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Theirs at the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// Where a ticket came from.
#[derive(Clone, Default)]
pub struct Origin {
    pub lat: Option<f64>,
    pub long: Option<f64>,
    pub media_url: Option<String>,
}

fn cell(ticket: &str) -> Aad<'_> {
    Aad { table: "repair_origins", column: "contact", row: ticket }
}

/// Remembers where a new ticket came from.
pub fn insert_origin(
    tx: &mut Tx,
    vault: &Vault,
    (ticket, community, client): (TicketId, CommunityId, PrincipalId),
    origin: &Origin,
    contact: &Contact,
) -> Result<(), DbError> {
    let id = ticket.text();
    let sealed = if *contact == Contact::default() {
        None
    } else {
        let text = serde_json::to_vec(contact).map_err(|error| DbError::Corrupt(error.to_string()))?;
        Some(vault.seal(cell(&id), &text))
    };
    let now = tx.now().millis();
    tx.insert(diesel::insert_into(repair_origins::table).values((
        repair_origins::ticket_id.eq(&id),
        repair_origins::community_id.eq(community.text()),
        repair_origins::client_id.eq(client.text()),
        repair_origins::contact.eq(sealed),
        repair_origins::lat.eq(origin.lat),
        repair_origins::long.eq(origin.long),
        repair_origins::media_url.eq(origin.media_url.as_deref()),
        repair_origins::created_at.eq(now),
    )))
}

/// Whom to ask about a ticket, if a program said so and it has not been forgotten.
pub fn contact(tx: &mut Tx, vault: &Vault, ticket: TicketId) -> Result<Option<Contact>, DbError> {
    let id = ticket.text();
    let sealed: Option<Option<Vec<u8>>> =
        native!(tx, |conn| repair_origins::table.find(&id).select(repair_origins::contact).first(conn).optional())?;
    let Some(sealed) = sealed.flatten() else { return Ok(None) };
    let corrupt = || DbError::Corrupt(format!("the contact of {id}"));
    let plain = vault.open(cell(&id), &sealed).map_err(|_| corrupt())?;
    serde_json::from_slice(&plain).map(Some).map_err(|_| corrupt())
}

/// Forgets contacts that are older than `before`: a ticket is over by then, and nobody is rung up about it.
pub fn forget_contacts(tx: &mut Tx, before: Timestamp) -> Result<usize, DbError> {
    let old = repair_origins::table.filter(repair_origins::contact.is_not_null()).filter(repair_origins::created_at.lt(before.millis()));
    native!(tx, |conn| diesel::update(old).set(repair_origins::contact.eq(None::<Vec<u8>>)).execute(conn))
}

/// What somebody who keeps a copy asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub community: CommunityId,
    /// These alone; nothing: all.
    pub ids: Vec<TicketId>,
    pub categories: Vec<String>,
    /// Work is still to be done, or not.
    pub open: Option<bool>,
    /// Reported in between; the ends included.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// Changed in between.
    pub changed_from: Option<Timestamp>,
    pub changed_to: Option<Timestamp>,
    pub limit: i64,
    pub offset: i64,
}

/// A ticket with what only its row and its origin know.
pub struct Request {
    pub ticket: Ticket,
    pub updated_at: Timestamp,
    pub origin: Origin,
}

const OPEN: [State; 7] = [State::Submitted, State::Assigned, State::Accepted, State::OnSite, State::Quoted, State::Approved, State::Paused];

/// Tickets of a community, newest first. By page and not by key: the standard that asks so has pages, and its window of time
/// bounds them.
pub fn requests(tx: &mut Tx, asked: &Asked) -> Result<Vec<Request>, DbError> {
    let mut query = repair_tickets::table
        .filter(repair_tickets::community_id.eq(asked.community.text()))
        .order(repair_tickets::id.desc())
        .limit(asked.limit)
        .offset(asked.offset)
        .select(TicketRow::as_select())
        .into_boxed();
    if !asked.ids.is_empty() {
        query = query.filter(repair_tickets::id.eq_any(asked.ids.iter().map(|id| id.text()).collect::<Vec<_>>()));
    }
    if !asked.categories.is_empty() {
        query = query.filter(repair_tickets::category.eq_any(asked.categories.clone()));
    }
    let open: Vec<&str> = OPEN.iter().map(|state| state.as_str()).collect();
    query = match asked.open {
        None => query,
        Some(true) => query.filter(repair_tickets::state.eq_any(open)),
        Some(false) => query.filter(repair_tickets::state.ne_all(open)),
    };
    for (at, column) in [(asked.from, true), (asked.changed_from, false)] {
        query = match (at, column) {
            (Some(at), true) => query.filter(repair_tickets::created_at.ge(at.millis())),
            (Some(at), false) => query.filter(repair_tickets::updated_at.ge(at.millis())),
            (None, _) => query,
        };
    }
    for (at, column) in [(asked.to, true), (asked.changed_to, false)] {
        query = match (at, column) {
            (Some(at), true) => query.filter(repair_tickets::created_at.le(at.millis())),
            (Some(at), false) => query.filter(repair_tickets::updated_at.le(at.millis())),
            (None, _) => query,
        };
    }
    let rows: Vec<TicketRow> = tx.run(|conn| query.load(conn))?;
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let stored: Vec<(i64, bool)> = rows.iter().map(|row| (row.updated_at, row.state == State::Closed.as_str())).collect();
    let origins: Vec<(String, Option<f64>, Option<f64>, Option<String>)> = native!(tx, |conn| {
        repair_origins::table
            .filter(repair_origins::ticket_id.within(&ids))
            .select((repair_origins::ticket_id, repair_origins::lat, repair_origins::long, repair_origins::media_url))
            .load(conn)
    })?;
    let mut origins: HashMap<String, Origin> =
        origins.into_iter().map(|(id, lat, long, media_url)| (id, Origin { lat, long, media_url })).collect();
    let tickets = with_categories(tx, rows)?;
    Ok(tickets
        .into_iter()
        .zip(stored)
        .map(|(ticket, (changed, known_as_closed))| {
            let changed = Timestamp::from_millis(changed);
            // Time confirms a resolved ticket without anybody writing that down at once.
            let by_time = ticket.facts().ended_at.filter(|_| ticket.facts().state == State::Closed && !known_as_closed);
            let origin = origins.remove(&ticket.facts().id.text()).unwrap_or_default();
            Request { updated_at: by_time.unwrap_or(changed).max(changed), ticket, origin }
        })
        .collect())
}

/// Something that changed how a ticket stands.
pub struct Update {
    pub id: String,
    pub ticket: TicketId,
    pub kind: String,
    /// The state that it led to.
    pub state: Option<State>,
    pub occurred_at: Timestamp,
}

/// What happened to a community's tickets from one moment to another, oldest first.
pub fn updates(
    tx: &mut Tx,
    community: CommunityId,
    (from, to): (Timestamp, Timestamp),
    (limit, offset): (i64, i64),
) -> Result<Vec<Update>, DbError> {
    let changed = repair_tickets::table
        .filter(repair_tickets::community_id.eq(community.text()))
        .filter(repair_tickets::updated_at.ge(from.millis()))
        .select(repair_tickets::id);
    let rows: Vec<(String, String, String, String, i64)> = native!(tx, |conn| {
        events::table
            .filter(events::subject_id.eq_any(changed))
            // An alarm is our own affair and changes nothing.
            .filter(events::kind.ne_all([DUE_SOON, OVERDUE]))
            .filter(events::occurred_at.ge(from.millis()))
            .filter(events::occurred_at.le(to.millis()))
            .order((events::occurred_at, events::id))
            .limit(limit)
            .offset(offset)
            .select((events::id, events::subject_id, events::kind, events::data, events::occurred_at))
            .load(conn)
    })?;
    rows.into_iter()
        .map(|(id, subject, kind, data, at)| {
            let data: serde_json::Value = serde_json::from_str(&data).map_err(|error| DbError::Corrupt(error.to_string()))?;
            let state = data.get("state").and_then(|state| state.as_str()).and_then(|state| state.parse().ok());
            Ok(Update { id, ticket: parsed(&subject)?, kind, state, occurred_at: Timestamp::from_millis(at) })
        })
        .collect()
}
