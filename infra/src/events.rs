//! What happened: written with the change that it tells of, placed in one order afterwards, read by everybody else.
//!
//! An event gets its *position* after its commit, by whoever holds the sequencing lease. So positions grow in the order
//! in which readers can see events, and a reader that goes by position never skips one whose transaction took longer.

use diesel::prelude::*;
use jiazai_domain::actor::{Communities, CommunityId, PrincipalId};
use jiazai_domain::feed::{FeedSight, Pattern, sorts_of};
use jiazai_domain::kernel::changed::Event;
use jiazai_domain::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::db::schema::events;
use crate::db::{DbError, InList, MultiBackend, Tx, native, parsed};

jiazai_domain::ids! {
    /// Something that happened.
    EventKind, EventId = "evt";
}

/// Ids in one statement: a statement has room for so many values and not for any number.
const AT_ONCE: usize = 500;

/// What an event says, as it was remembered.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub id: EventId,
    pub kind: String,
    pub community: CommunityId,
    pub subject: String,
    pub actor: Option<PrincipalId>,
    /// A JSON object of ids and words.
    pub data: serde_json::Value,
    /// What a person wrote; only for those who may see the whole thing.
    pub note: Option<String>,
    pub notices: Vec<Told>,
    pub occurred_at: Timestamp,
}

/// Somebody whom an event is to be told to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Told {
    pub to: String,
    pub template: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
struct EventRow {
    id: String,
    kind: String,
    community_id: String,
    subject_id: String,
    actor_id: Option<String>,
    data: String,
    note: Option<String>,
    notices: Option<String>,
    occurred_at: i64,
}

impl TryFrom<EventRow> for Recorded {
    type Error = DbError;
    fn try_from(row: EventRow) -> Result<Self, DbError> {
        Ok(Self {
            id: parsed(&row.id)?,
            kind: row.kind,
            community: parsed(&row.community_id)?,
            subject: row.subject_id,
            actor: row.actor_id.as_deref().map(parsed).transpose()?,
            data: serde_json::from_str(&row.data).map_err(corrupt)?,
            note: row.note,
            notices: row.notices.map_or(Ok(vec![]), |text| serde_json::from_str(&text)).map_err(corrupt)?,
            occurred_at: Timestamp::from_millis(row.occurred_at),
        })
    }
}

fn corrupt(error: serde_json::Error) -> DbError {
    DbError::Corrupt(error.to_string())
}

/// Writes what a decision says has happened to a thing, which is now at `version`; the ids under which it is written, in order.
pub fn record(tx: &mut Tx, community: CommunityId, subject: &str, version: i64, happened: &[Event]) -> Result<Vec<EventId>, DbError> {
    if !happened.is_empty() {
        tx.touched(community, subject);
    }
    let mut ids = Vec::with_capacity(happened.len());
    for event in happened {
        let told: Vec<Told> =
            event.notices.iter().map(|notice| Told { to: notice.to.text(), template: notice.template.to_owned() }).collect();
        let notices = if told.is_empty() { None } else { Some(serde_json::to_string(&told).map_err(corrupt)?) };
        let id: EventId = tx.new_id();
        tx.insert(diesel::insert_into(events::table).values((
            events::id.eq(id.text()),
            events::community_id.eq(community.text()),
            events::kind.eq(event.kind),
            events::subject_id.eq(subject),
            events::subject_version.eq(version),
            events::actor_id.eq(event.by.map(|by| by.text())),
            events::data.eq(serde_json::to_string(&event.data).map_err(corrupt)?),
            events::note.eq(event.note.as_deref()),
            events::notices.eq(notices),
            events::occurred_at.eq(event.occurred_at.millis()),
        )))?;
        ids.push(id);
    }
    Ok(ids)
}

pub fn find(tx: &mut Tx, id: EventId) -> Result<Option<Recorded>, DbError> {
    let row: Option<EventRow> = native!(tx, |conn| events::table.find(id.text()).select(EventRow::as_select()).first(conn).optional())?;
    row.map(Recorded::try_from).transpose()
}

/// A thing's history, oldest first.
pub fn history(tx: &mut Tx, subject: &str, after: Option<&str>, limit: i64) -> Result<Vec<Recorded>, DbError> {
    let mut query =
        events::table.filter(events::subject_id.eq(subject)).order(events::id).limit(limit).select(EventRow::as_select()).into_boxed();
    if let Some(after) = after {
        query = query.filter(events::id.gt(after.to_owned()));
    }
    let rows: Vec<EventRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Recorded::try_from).collect()
}

/// The last of a thing's history, oldest first.
pub fn latest(tx: &mut Tx, subject: &str, limit: i64) -> Result<Vec<Recorded>, DbError> {
    let last = events::table.filter(events::subject_id.eq(subject)).order(events::id.desc()).limit(limit);
    let rows: Vec<EventRow> = native!(tx, |conn| last.select(EventRow::as_select()).load(conn))?;
    rows.into_iter().rev().map(Recorded::try_from).collect()
}

/// What happened of one kind to some things, oldest first.
pub fn of_kind(tx: &mut Tx, subjects: &[String], kind: &str, after: Option<&str>, limit: i64) -> Result<Vec<Recorded>, DbError> {
    let mut query = events::table
        .filter(events::subject_id.eq_any(subjects))
        .filter(events::kind.eq(kind))
        .order(events::id)
        .limit(limit)
        .select(EventRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(events::id.gt(after.to_owned()));
    }
    let rows: Vec<EventRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Recorded::try_from).collect()
}

/// What somebody wrote in the histories of these things, oldest first.
pub fn notes_by(tx: &mut Tx, actor: PrincipalId, subjects: &[String]) -> Result<Vec<Recorded>, DbError> {
    let mut notes = Vec::new();
    for some in subjects.chunks(AT_ONCE) {
        let written = events::table
            .filter(events::subject_id.eq_any(some))
            .filter(events::actor_id.eq(actor.text()))
            .filter(events::note.is_not_null())
            .order(events::id);
        let rows: Vec<EventRow> = native!(tx, |conn| written.select(EventRow::as_select()).load(conn))?;
        for row in rows {
            notes.push(row.try_into()?);
        }
    }
    Ok(notes)
}

/// Gives positions to events that have none, oldest first, and says how many. Only the holder of the sequencing lease
/// calls this; the unique index on the position stands behind that.
pub fn place(tx: &mut Tx, limit: i64) -> Result<usize, DbError> {
    use diesel::sql_types::BigInt;
    let placed = diesel::sql_query(
        "UPDATE events SET position = placed.position FROM (\
             SELECT id, (SELECT COALESCE(MAX(position), 0) FROM events WHERE position IS NOT NULL) + ROW_NUMBER() OVER (ORDER BY id) AS position \
             FROM (SELECT id FROM events WHERE position IS NULL ORDER BY id LIMIT $1) AS unplaced) AS placed WHERE events.id = placed.id",
    )
    .bind::<BigInt, _>(limit);
    native!(tx, |conn| placed.execute(conn))
}

/// Whether there are events without a position.
pub fn any_unplaced(tx: &mut Tx) -> Result<bool, DbError> {
    let one: Option<String> =
        native!(tx, |conn| events::table.filter(events::position.is_null()).select(events::id).first(conn).optional())?;
    Ok(one.is_some())
}

/// Events after a position, in their order, each with its position.
pub fn placed_after(tx: &mut Tx, position: i64, limit: i64) -> Result<Vec<(i64, Recorded)>, DbError> {
    let rows: Vec<(Option<i64>, EventRow)> = native!(tx, |conn| {
        events::table
            .filter(events::position.gt(position))
            .order(events::position)
            .limit(limit)
            .select((events::position, EventRow::as_select()))
            .load(conn)
    })?;
    rows.into_iter().map(|(position, row)| Ok((position.unwrap_or_default(), row.try_into()?))).collect()
}

// The feed ------------------------------------------------------------------------------------------------------------

/// What the feed is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct FeedFilter {
    pub community: Option<CommunityId>,
    /// Empty: all kinds.
    pub kinds: Vec<Pattern>,
    /// What happened then or later.
    pub since: Option<Timestamp>,
}

type Boxed = Box<dyn diesel::BoxableExpression<events::table, MultiBackend, SqlType = diesel::sql_types::Bool>>;

fn of_sort(sort: &str) -> Boxed {
    // `_` stands for any character here; no two sorts differ by that alone, and `FeedSight` looks again.
    Box::new(events::kind.like(format!("{sort}.%")))
}

fn any(clauses: impl IntoIterator<Item = Boxed>) -> Option<Boxed> {
    clauses.into_iter().reduce(|all, one| Box::new(all.or(one)))
}

fn nothing() -> Boxed {
    Box::new(events::id.eq(""))
}

/// [`FeedSight`] as a WHERE clause.
fn heard(sight: &FeedSight) -> Boxed {
    let groups = sight.groups().into_iter().map(|(communities, resources)| -> Boxed {
        let sorts = any(resources.into_iter().flat_map(sorts_of).map(of_sort)).unwrap_or_else(nothing);
        match communities {
            Communities::All => sorts,
            Communities::Only(some) => {
                Box::new(events::community_id.eq_any(some.iter().map(|id| id.text()).collect::<Vec<_>>()).and(sorts))
            }
        }
    });
    any(groups).unwrap_or_else(nothing)
}

/// Patterns as a WHERE clause; none where they leave nothing out.
fn chosen(kinds: &[Pattern]) -> Option<Boxed> {
    if kinds.contains(&Pattern::All) {
        return None;
    }
    any(kinds.iter().map(|pattern| -> Boxed {
        match pattern {
            Pattern::All => Box::new(events::id.is_not_null()),
            Pattern::Sort(sort) => of_sort(sort),
            Pattern::Kind(kind) => Box::new(events::kind.eq(*kind)),
        }
    }))
}

/// The last position that was given out. Whatever gets a position later gets a larger one.
pub fn last_position(tx: &mut Tx) -> Result<i64, DbError> {
    let last: Option<Option<i64>> = native!(tx, |conn| {
        events::table.filter(events::position.is_not_null()).order(events::position.desc()).select(events::position).first(conn).optional()
    })?;
    Ok(last.flatten().unwrap_or(0))
}

/// How far before the first event of an instant another event of that instant may stand: among those whose transactions ran at
/// the same time, positions are not in the order of their instants.
const MARGIN: i64 = 100_000;

/// From which position on events of `since` and later have to be looked for.
pub fn position_before(tx: &mut Tx, since: Timestamp) -> Result<i64, DbError> {
    let first: Option<Option<i64>> = native!(tx, |conn| {
        events::table
            .filter(events::occurred_at.ge(since.millis()))
            .filter(events::position.is_not_null())
            .order((events::occurred_at, events::id))
            .select(events::position)
            .first(conn)
            .optional()
    })?;
    Ok(first.flatten().map_or(0, |position| (position - MARGIN).max(0)))
}

/// A part of the feed.
#[derive(Debug)]
pub struct FeedPart {
    pub events: Vec<Recorded>,
    /// Where the next part begins.
    pub next: i64,
}

/// The feed after one position and up to another, in its order.
pub fn feed(tx: &mut Tx, sight: &FeedSight, filter: &FeedFilter, (after, until): (i64, i64), limit: i64) -> Result<FeedPart, DbError> {
    let mut query = events::table
        .filter(events::position.gt(after))
        .filter(events::position.le(until))
        .filter(heard(sight))
        .order(events::position)
        .limit(limit)
        .select((events::position, EventRow::as_select()))
        .into_boxed();
    if let Some(community) = filter.community {
        query = query.filter(events::community_id.eq(community.text()));
    }
    if let Some(chosen) = chosen(&filter.kinds) {
        query = query.filter(chosen);
    }
    if let Some(since) = filter.since {
        query = query.filter(events::occurred_at.ge(since.millis()));
    }
    let rows: Vec<(Option<i64>, EventRow)> = tx.run(|conn| query.load(conn))?;
    // Where nothing is left out there is nothing more up to `until`, and whoever asks again need not look there again.
    let full = rows.len() as i64 == limit;
    let next = rows.last().and_then(|(position, _)| *position).filter(|_| full).unwrap_or(until.max(after));
    let mut events = Vec::with_capacity(rows.len());
    for (_, row) in rows {
        let event: Recorded = row.try_into()?;
        if sight.sees(&event.kind, event.community) {
            events.push(event);
        }
    }
    Ok(FeedPart { events, next })
}

/// Events of a time, by their ids: of one community or all, of these kinds, after the event `after`.
pub fn of_time(
    tx: &mut Tx,
    community: Option<CommunityId>,
    kinds: &[Pattern],
    (from, until): (Timestamp, Timestamp),
    after: Option<EventId>,
    limit: i64,
) -> Result<Vec<Recorded>, DbError> {
    let mut query = events::table
        .filter(events::occurred_at.ge(from.millis()))
        .filter(events::occurred_at.lt(until.millis()))
        .order(events::id)
        .limit(limit)
        .select(EventRow::as_select())
        .into_boxed();
    if let Some(community) = community {
        query = query.filter(events::community_id.eq(community.text()));
    }
    if let Some(chosen) = chosen(kinds) {
        query = query.filter(chosen);
    }
    if let Some(after) = after {
        query = query.filter(events::id.gt(after.text()));
    }
    let rows: Vec<EventRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Recorded::try_from).collect()
}

/// Those of these events that there are.
pub fn by_ids(tx: &mut Tx, ids: &[EventId]) -> Result<Vec<Recorded>, DbError> {
    let ids: Vec<String> = ids.iter().map(|id| id.text()).collect();
    let rows: Vec<EventRow> = native!(tx, |conn| events::table.filter(events::id.within(ids)).select(EventRow::as_select()).load(conn))?;
    rows.into_iter().map(Recorded::try_from).collect()
}
