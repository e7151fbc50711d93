//! Content checks, as they are remembered; and what a job needs to see pictures through: the platform's name for each, tries,
//! and when the next step is due.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::actor::{Communities, CommunityId};
use jiazai_domain::content::{About, Check, CheckFacts, CheckId, REJECTED, State};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;

use crate::db::schema::content_checks;
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::events;

#[derive(Queryable, Selectable)]
#[diesel(table_name = content_checks)]
struct CheckRow {
    id: String,
    community_id: String,
    subject_id: String,
    part: String,
    item: Option<String>,
    author_id: String,
    state: String,
    cause: Option<String>,
    label: Option<i64>,
    decided_by: Option<String>,
    decided_at: Option<i64>,
    version: i64,
    created_at: i64,
}

impl TryFrom<CheckRow> for Check {
    type Error = DbError;
    fn try_from(row: CheckRow) -> Result<Self, DbError> {
        Ok(Self::restore(CheckFacts {
            id: parsed(&row.id)?,
            version: row.version,
            about: About {
                community: parsed(&row.community_id)?,
                subject: row.subject_id,
                part: parsed(&row.part)?,
                item: row.item,
                author: parsed(&row.author_id)?,
            },
            state: parsed(&row.state)?,
            cause: row.cause.as_deref().map(parsed).transpose()?,
            label: row.label,
            created_at: Timestamp::from_millis(row.created_at),
            decided_by: row.decided_by.as_deref().map(parsed).transpose()?,
            decided_at: row.decided_at.map(Timestamp::from_millis),
        }))
    }
}

/// Saves a decision. What waits is due at once; what does not wait any more is due no more.
pub fn save(tx: &mut Tx, changed: Changed<Check>) -> Result<Check, DbError> {
    let (check, loaded, happened) = changed.into_parts();
    let f = check.facts();
    let now = tx.now().millis();
    let due = (f.state == State::Waiting).then_some(now);
    match loaded {
        None => tx.insert(diesel::insert_into(content_checks::table).values((
            content_checks::id.eq(f.id.text()),
            content_checks::community_id.eq(f.about.community.text()),
            content_checks::subject_id.eq(&f.about.subject),
            content_checks::part.eq(f.about.part.as_str()),
            content_checks::item.eq(f.about.item.as_deref()),
            content_checks::author_id.eq(f.about.author.text()),
            content_checks::state.eq(f.state.as_str()),
            content_checks::cause.eq(f.cause.map(|cause| cause.as_str())),
            content_checks::label.eq(f.label),
            content_checks::attempts.eq(0),
            content_checks::due_at.eq(due),
            content_checks::version.eq(f.version),
            content_checks::created_at.eq(f.created_at.millis()),
        )))?,
        Some(version) => {
            let same = content_checks::table.filter(content_checks::id.eq(f.id.text())).filter(content_checks::version.eq(version));
            tx.update_one(diesel::update(same).set((
                content_checks::state.eq(f.state.as_str()),
                content_checks::cause.eq(f.cause.map(|cause| cause.as_str())),
                content_checks::label.eq(f.label),
                content_checks::due_at.eq(due),
                content_checks::decided_by.eq(f.decided_by.map(|by| by.text())),
                content_checks::decided_at.eq(f.decided_at.map(Timestamp::millis)),
                content_checks::version.eq(f.version),
            )))?;
        }
    }
    events::record(tx, f.about.community, &f.id.text(), f.version, &happened)?;
    Ok(check)
}

pub fn find(tx: &mut Tx, id: CheckId) -> Result<Option<Check>, DbError> {
    let row: Option<CheckRow> =
        native!(tx, |conn| content_checks::table.find(id.text()).select(CheckRow::as_select()).first(conn).optional())?;
    row.map(Check::try_from).transpose()
}

/// Those of these checks that there are.
pub fn by_ids(tx: &mut Tx, ids: &[CheckId]) -> Result<Vec<Check>, DbError> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let texts: Vec<String> = ids.iter().map(CheckId::text).collect();
    let rows: Vec<CheckRow> =
        native!(tx, |conn| content_checks::table.filter(content_checks::id.within(texts)).select(CheckRow::as_select()).load(conn))?;
    rows.into_iter().map(Check::try_from).collect()
}

/// Why these were rejected, as far as they were.
pub fn reasons(tx: &mut Tx, ids: &[CheckId]) -> Result<HashMap<CheckId, String>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let texts: Vec<String> = ids.iter().map(CheckId::text).collect();
    let found = events::of_kind(tx, &texts, REJECTED, None, i64::MAX)?;
    found.into_iter().filter_map(|event| Some((event.subject, event.note?))).map(|(id, reason)| Ok((parsed(&id)?, reason))).collect()
}

/// The check of the picture that the platform calls so.
pub fn by_trace(tx: &mut Tx, trace_id: &str) -> Result<Option<Check>, DbError> {
    let row: Option<CheckRow> = native!(tx, |conn| {
        content_checks::table.filter(content_checks::trace_id.eq(trace_id)).select(CheckRow::as_select()).first(conn).optional()
    })?;
    row.map(Check::try_from).transpose()
}

/// The checks that keep something of these things from others.
pub fn withholding(tx: &mut Tx, subjects: &[String]) -> Result<Vec<Check>, DbError> {
    let withheld = content_checks::state.ne(State::Passed.as_str()).and(content_checks::state.ne(State::Approved.as_str()));
    let rows: Vec<CheckRow> = match subjects {
        [] => return Ok(vec![]),
        // Of one thing, which is what is read most: without the detour through JSON that a list takes on SQLite.
        [one] => native!(tx, |conn| {
            content_checks::table.filter(content_checks::subject_id.eq(one)).filter(withheld).select(CheckRow::as_select()).load(conn)
        })?,
        many => native!(tx, |conn| {
            content_checks::table.filter(content_checks::subject_id.within(many)).filter(withheld).select(CheckRow::as_select()).load(conn)
        })?,
    };
    rows.into_iter().map(Check::try_from).collect()
}

/// What a list of checks is narrowed to.
#[derive(Debug, Clone)]
pub struct Filter {
    pub within: Communities,
    pub community: Option<CommunityId>,
    pub state: State,
}

/// Checks, newest first.
pub fn list(tx: &mut Tx, filter: &Filter, after: Option<&str>, limit: i64) -> Result<Vec<Check>, DbError> {
    let mut query = content_checks::table
        .filter(content_checks::state.eq(filter.state.as_str()))
        .order(content_checks::id.desc())
        .limit(limit)
        .select(CheckRow::as_select())
        .into_boxed();
    if let Communities::Only(some) = &filter.within {
        query = query.filter(content_checks::community_id.eq_any(some.iter().map(CommunityId::text).collect::<Vec<_>>()));
    }
    if let Some(community) = filter.community {
        query = query.filter(content_checks::community_id.eq(community.text()));
    }
    if let Some(after) = after {
        query = query.filter(content_checks::id.lt(after.to_owned()));
    }
    let rows: Vec<CheckRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Check::try_from).collect()
}

/// A check for which something is to be done.
#[derive(Debug, Clone)]
pub struct Due {
    pub check: Check,
    /// The platform was asked, and its verdict has not come.
    pub asked: bool,
    pub attempts: i64,
}

pub fn due(tx: &mut Tx, limit: i64) -> Result<Vec<Due>, DbError> {
    let now = tx.now().millis();
    let rows: Vec<(CheckRow, Option<String>, i64)> = native!(tx, |conn| {
        content_checks::table
            .filter(content_checks::due_at.le(now))
            .order((content_checks::due_at, content_checks::id))
            .limit(limit)
            .select((CheckRow::as_select(), content_checks::trace_id, content_checks::attempts))
            .load(conn)
    })?;
    rows.into_iter().map(|(row, trace, attempts)| Ok(Due { check: row.try_into()?, asked: trace.is_some(), attempts })).collect()
}

/// Notes that the platform is being asked, until it has answered or this instant has come. Whoever dies in between leaves it to
/// be asked again: to look twice at a picture does no harm.
pub fn begin(tx: &mut Tx, id: CheckId, until: Timestamp) -> Result<(), DbError> {
    let waiting = content_checks::table.filter(content_checks::id.eq(id.text())).filter(content_checks::state.eq("waiting"));
    native!(tx, |conn| {
        diesel::update(waiting)
            .set((content_checks::attempts.eq(content_checks::attempts + 1), content_checks::due_at.eq(until.millis())))
            .execute(conn)
    })
    .map(drop)
}

/// Notes what the platform calls the picture, and until when its verdict is waited for.
pub fn asked(tx: &mut Tx, id: CheckId, trace_id: &str, until: Timestamp) -> Result<(), DbError> {
    let waiting = content_checks::table.filter(content_checks::id.eq(id.text())).filter(content_checks::state.eq("waiting"));
    native!(tx, |conn| {
        diesel::update(waiting).set((content_checks::trace_id.eq(trace_id), content_checks::due_at.eq(until.millis()))).execute(conn)
    })
    .map(drop)
}
