//! Repair tickets and their categories, as they are remembered.

mod listing;
mod origin;
mod people;
mod row;

pub use self::listing::{Filter, list};
pub use self::origin::{Asked, Contact, Origin, Request, Update, contact, forget_contacts, insert_origin, requests, updates};
pub use self::people::{attending, candidates, worker};

use std::collections::HashMap;
use std::sync::Arc;

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::HomeId;
use jiazai_domain::repair::{Alarm, CONFIRMED_AFTER_S, Category, Ticket, TicketId};

use self::row::{CategoryRow, TicketRow};
use crate::db::schema::{homes, principals, repair_categories, repair_ticket_homes, repair_tickets};
use crate::db::{DbError, InList, Tx, native};
use crate::events;
use crate::events::EventId;
use crate::registry::homes::who_speak_for;

/// The ticket, whoever asks; what they may see of it is for [`Ticket::view`] to say.
pub fn find(tx: &mut Tx, id: TicketId) -> Result<Option<Ticket>, DbError> {
    let found: Option<(TicketRow, CategoryRow)> = native!(tx, |conn| {
        repair_tickets::table
            .inner_join(repair_categories::table.on(
                repair_categories::community_id.eq(repair_tickets::community_id).and(repair_categories::code.eq(repair_tickets::category)),
            ))
            .filter(repair_tickets::id.eq(id.text()))
            .select((TicketRow::as_select(), CategoryRow::as_select()))
            .first(conn)
            .optional()
    })?;
    let now = tx.now();
    found.map(|(ticket, category)| ticket.ticket(Arc::new(category.category()?), now)).transpose()
}

/// What a ticket is shown with: what people call its home, and the name of its worker.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub home: Option<String>,
    pub worker: Option<String>,
}

/// [`find`], with its names: one question instead of three, which is what a single ticket costs on PostgreSQL.
pub fn find_named(tx: &mut Tx, id: TicketId) -> Result<Option<(Ticket, Names)>, DbError> {
    let found: Option<(TicketRow, CategoryRow, Option<String>, Option<String>)> = native!(tx, |conn| {
        repair_tickets::table
            .inner_join(repair_categories::table.on(
                repair_categories::community_id.eq(repair_tickets::community_id).and(repair_categories::code.eq(repair_tickets::category)),
            ))
            .left_join(homes::table.on(repair_tickets::home_id.eq(homes::id.nullable())))
            .left_join(principals::table.on(repair_tickets::worker_id.eq(principals::id.nullable())))
            .filter(repair_tickets::id.eq(id.text()))
            .select((TicketRow::as_select(), CategoryRow::as_select(), homes::label.nullable(), principals::display_name.nullable()))
            .first(conn)
            .optional()
    })?;
    let now = tx.now();
    let named = |(ticket, category, home, worker): (TicketRow, CategoryRow, _, _)| {
        Ok((ticket.ticket(Arc::new(category.category()?), now)?, Names { home, worker }))
    };
    found.map(named).transpose()
}

/// Saves a decision: the row, if it still is as it was loaded, the homes it touches, and what happened.
pub fn save(tx: &mut Tx, changed: Changed<Ticket>) -> Result<Ticket, DbError> {
    save_telling(tx, changed).map(|(ticket, _)| ticket)
}

/// [`save`], with the events that it left, in their order.
pub fn save_telling(tx: &mut Tx, changed: Changed<Ticket>) -> Result<(Ticket, Vec<EventId>), DbError> {
    let (ticket, loaded, happened) = changed.into_parts();
    let now = tx.now();
    let row = TicketRow::of(&ticket, now)?;
    let facts = ticket.facts();
    match loaded {
        None => {
            tx.insert(diesel::insert_into(repair_tickets::table).values(row))?;
            touch(tx, facts.id, facts.home.iter().chain(&facts.affected_homes))?;
        }
        Some(version) => {
            let same = repair_tickets::table.filter(repair_tickets::id.eq(&row.id)).filter(repair_tickets::version.eq(version));
            tx.update_one(diesel::update(same).set((
                repair_tickets::state.eq(&row.state),
                repair_tickets::worker_id.eq(&row.worker_id),
                repair_tickets::detail.eq(&row.detail),
                repair_tickets::due_at.eq(row.due_at),
                repair_tickets::version.eq(row.version),
                repair_tickets::updated_at.eq(row.updated_at),
                repair_tickets::resolved_at.eq(facts.resolution.as_ref().map(|resolution| resolution.at.millis())),
                facts.alarms.moved.then(|| repair_tickets::alarm_at.eq(row.alarm_at)),
            )))?;
            if facts.duplicates > 0 {
                also_reported(tx, facts.id, &facts.also_reported)?;
                // A merge may have brought more homes; those that are there already stay.
                let known: Vec<String> = native!(tx, |conn| {
                    repair_ticket_homes::table
                        .filter(repair_ticket_homes::ticket_id.eq(facts.id.text()))
                        .select(repair_ticket_homes::home_id)
                        .load(conn)
                })?;
                touch(tx, facts.id, facts.affected_homes.iter().filter(|home| !known.contains(&home.text())))?;
            }
        }
    }
    let left = events::record(tx, facts.community, &facts.id.text(), facts.version, &happened)?;
    Ok((ticket, left))
}

fn touch<'a>(tx: &mut Tx, ticket: TicketId, homes: impl Iterator<Item = &'a HomeId>) -> Result<(), DbError> {
    for home in homes {
        tx.insert(
            diesel::insert_into(repair_ticket_homes::table)
                .values((repair_ticket_homes::home_id.eq(home.text()), repair_ticket_homes::ticket_id.eq(ticket.text()))),
        )?;
    }
    Ok(())
}

/// Those who reported what was merged into this ticket see it in their lists.
fn also_reported(tx: &mut Tx, ticket: TicketId, people: &[PrincipalId]) -> Result<(), DbError> {
    for person in people {
        let insert = diesel::sql_query(
            "INSERT INTO repair_ticket_reporters (principal_id, ticket_id) VALUES ($1, $2) ON CONFLICT (principal_id, ticket_id) DO NOTHING",
        )
        .bind::<diesel::sql_types::Text, _>(person.text())
        .bind::<diesel::sql_types::Text, _>(ticket.text());
        native!(tx, |conn| insert.execute(conn))?;
    }
    Ok(())
}

/// Those who live, and are bound, in the homes that a ticket touches besides the one where it was reported.
pub fn neighbours(tx: &mut Tx, ticket: &Ticket) -> Result<Vec<PrincipalId>, DbError> {
    if ticket.facts().affected_homes.is_empty() { Ok(vec![]) } else { who_speak_for(tx, &ticket.facts().affected_homes) }
}

/// Tickets of which an alarm is due, the longest due first.
pub fn alarms_due(tx: &mut Tx, limit: i64) -> Result<Vec<Ticket>, DbError> {
    let now = tx.now().millis();
    let rows: Vec<TicketRow> = native!(tx, |conn| {
        repair_tickets::table
            .filter(repair_tickets::alarm_at.le(now))
            .order(repair_tickets::alarm_at)
            .limit(limit)
            .select(TicketRow::as_select())
            .load(conn)
    })?;
    with_categories(tx, rows)
}

/// Writes down an alarm. Whoever has changed the ticket since it was loaded may have met the promise: then there is none, and the
/// next look decides on what is there.
pub fn give_alarm(tx: &mut Tx, ticket: &Ticket, alarm: &Alarm) -> Result<(), DbError> {
    let facts = ticket.facts();
    let same = repair_tickets::table
        .filter(repair_tickets::id.eq(facts.id.text()))
        .filter(repair_tickets::version.eq(facts.version))
        .filter(repair_tickets::alarm_at.eq(facts.alarms.next.map(Timestamp::millis)));
    let given = native!(tx, |conn| diesel::update(same).set(repair_tickets::alarm_at.eq(alarm.next.map(Timestamp::millis))).execute(conn))?;
    if given == 1 {
        events::record(tx, facts.community, &facts.id.text(), facts.version, std::slice::from_ref(&alarm.event))?;
    }
    Ok(())
}

/// Joins rows with their categories by hand: a page has many tickets of few categories.
fn with_categories(tx: &mut Tx, rows: Vec<TicketRow>) -> Result<Vec<Ticket>, DbError> {
    let now = tx.now();
    let mut communities: Vec<&str> = rows.iter().map(|row| row.community_id.as_str()).collect();
    communities.sort_unstable();
    communities.dedup();
    let known: Vec<CategoryRow> = match communities.as_slice() {
        [] => return Ok(vec![]),
        // Without the detour that a list takes on SQLite.
        [one] => native!(tx, |conn| {
            repair_categories::table.filter(repair_categories::community_id.eq(one)).select(CategoryRow::as_select()).load(conn)
        })?,
        some => native!(tx, |conn| {
            let some = some.iter().copied();
            repair_categories::table.filter(repair_categories::community_id.within(some)).select(CategoryRow::as_select()).load(conn)
        })?,
    };
    let named = |row: CategoryRow| Ok(((row.community_id.clone(), row.code.clone()), Arc::new(row.category()?)));
    let known: HashMap<(String, String), Arc<Category>> = known.into_iter().map(named).collect::<Result<_, DbError>>()?;
    rows.into_iter()
        .map(|mut row| {
            let name = (std::mem::take(&mut row.community_id), std::mem::take(&mut row.category));
            let category = known.get(&name).ok_or_else(|| DbError::Corrupt("a ticket's category is missing".to_owned()))?;
            row.ticket(category.clone(), now)
        })
        .collect()
}

/// Those of these tickets that there are.
pub fn by_ids(tx: &mut Tx, ids: &[TicketId]) -> Result<Vec<Ticket>, DbError> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let texts: Vec<String> = ids.iter().map(TicketId::text).collect();
    let rows: Vec<TicketRow> =
        native!(tx, |conn| repair_tickets::table.filter(repair_tickets::id.within(texts)).select(TicketRow::as_select()).load(conn))?;
    with_categories(tx, rows)
}

/// Everything that a person reported, oldest first, for their own copy of their data.
pub fn reported_by(tx: &mut Tx, person: PrincipalId) -> Result<Vec<Ticket>, DbError> {
    let rows: Vec<TicketRow> = native!(tx, |conn| {
        repair_tickets::table
            .filter(repair_tickets::reporter_id.eq(person.text()))
            .order(repair_tickets::id)
            .select(TicketRow::as_select())
            .load(conn)
    })?;
    with_categories(tx, rows)
}

/// Resolved tickets that time has confirmed and nobody has written down yet.
pub fn confirmed_by_time(tx: &mut Tx, limit: i64) -> Result<Vec<Ticket>, DbError> {
    let due = tx.now().plus_seconds(-CONFIRMED_AFTER_S).millis();
    let rows: Vec<TicketRow> = native!(tx, |conn| {
        repair_tickets::table
            // A literal, or the partial index of resolved tickets is not used.
            .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("repair_tickets.state = 'resolved'"))
            .filter(repair_tickets::resolved_at.le(due))
            .order(repair_tickets::resolved_at)
            .limit(limit)
            .select(TicketRow::as_select())
            .load(conn)
    })?;
    with_categories(tx, rows)
}

// Categories ---------------------------------------------------------------------------------------------------------

pub fn category(tx: &mut Tx, community: CommunityId, code: &str) -> Result<Option<Category>, DbError> {
    let row: Option<CategoryRow> = native!(tx, |conn| repair_categories::table
        .find((community.text(), code))
        .select(CategoryRow::as_select())
        .first(conn)
        .optional())?;
    row.map(CategoryRow::category).transpose()
}

pub fn categories(tx: &mut Tx, community: CommunityId, after: Option<&str>, limit: i64) -> Result<Vec<Category>, DbError> {
    let mut query = repair_categories::table
        .filter(repair_categories::community_id.eq(community.text()))
        .order(repair_categories::code)
        .limit(limit)
        .select(CategoryRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(repair_categories::code.gt(after.to_owned()));
    }
    let rows: Vec<CategoryRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(CategoryRow::category).collect()
}

/// Saves a decision about a category. [`DbError::Duplicate`] when two administrators made the same one at once.
pub fn save_category(tx: &mut Tx, changed: Changed<Category>) -> Result<Category, DbError> {
    let (category, loaded, happened) = changed.into_parts();
    let row = CategoryRow::of(&category, tx.now());
    match loaded {
        None => tx.insert(diesel::insert_into(repair_categories::table).values(row))?,
        Some(version) => {
            let same = repair_categories::table
                .filter(repair_categories::community_id.eq(&row.community_id))
                .filter(repair_categories::code.eq(&row.code))
                .filter(repair_categories::version.eq(version));
            tx.update_one(diesel::update(same).set((
                repair_categories::name.eq(&row.name),
                repair_categories::dispatch.eq(&row.dispatch),
                repair_categories::accept_within_s.eq(row.accept_within_s),
                repair_categories::arrive_within_s.eq(row.arrive_within_s),
                repair_categories::resolve_within_s.eq(row.resolve_within_s),
                repair_categories::calendar.eq(&row.calendar),
                repair_categories::chargeable.eq(row.chargeable),
                repair_categories::photos_required.eq(row.photos_required),
                repair_categories::active.eq(row.active),
                repair_categories::version.eq(row.version),
                repair_categories::updated_at.eq(row.updated_at),
            )))?;
        }
    }
    // A category has no id of its own; its history is found by its community and code.
    let subject = format!("{}:{}", category.community.text(), category.code);
    events::record(tx, category.community, &subject, category.version, &happened)?;
    Ok(category)
}
