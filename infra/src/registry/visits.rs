//! Visit tasks, as they are remembered.

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::{Date, Timestamp};
use jiazai_domain::registry::visit::{State, Visit, VisitNote};
use jiazai_domain::registry::{GridId, Grids, HomeId, VisitId};

use crate::db::schema::{home_visits, homes};
use crate::db::{DbError, Tx, native, parsed};
use crate::events;
use crate::vault::{Aad, Vault};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = home_visits)]
struct VisitRow {
    id: String,
    community_id: String,
    home_id: String,
    visitor_id: String,
    due_on: Date,
    state: String,
    missed: i64,
    outcome: Option<String>,
    note_sealed: Option<Vec<u8>>,
    version: i64,
    created_at: i64,
    ended_at: Option<i64>,
}

/// A visit, and what people call its home.
#[derive(Debug, Clone)]
pub struct Planned {
    pub visit: Visit,
    pub label: String,
}

fn cell(row: &str) -> Aad<'_> {
    Aad { table: "home_visits", column: "note", row }
}

fn planned(vault: &Vault, (row, grid, label): (VisitRow, Option<String>, String)) -> Result<Planned, DbError> {
    let corrupt = |what: &str| DbError::Corrupt(format!("a visit's note {what}"));
    let note = match &row.note_sealed {
        None => None,
        Some(sealed) => {
            let text = vault.open_text(cell(&row.id), sealed).map_err(|_| corrupt("does not open"))?;
            Some(VisitNote::new(text.expose()).map_err(|_| corrupt("breaks its rule"))?)
        }
    };
    let visit = Visit {
        id: parsed(&row.id)?,
        version: row.version,
        community: parsed(&row.community_id)?,
        home: parsed(&row.home_id)?,
        grid: grid.as_deref().map(parsed).transpose()?,
        visitor: parsed(&row.visitor_id)?,
        due_on: row.due_on,
        state: parsed(&row.state)?,
        missed: row.missed,
        outcome: row.outcome.as_deref().map(parsed).transpose()?,
        note,
        created_at: Timestamp::from_millis(row.created_at),
        ended_at: row.ended_at.map(Timestamp::from_millis),
    };
    Ok(Planned { visit, label })
}

pub fn save(tx: &mut Tx, vault: &Vault, changed: Changed<Visit>) -> Result<Visit, DbError> {
    let (visit, loaded, happened) = changed.into_parts();
    let id = visit.id.text();
    let row = VisitRow {
        community_id: visit.community.text(),
        home_id: visit.home.text(),
        visitor_id: visit.visitor.text(),
        due_on: visit.due_on,
        state: visit.state.to_string(),
        missed: visit.missed,
        outcome: visit.outcome.map(|outcome| outcome.to_string()),
        note_sealed: visit.note.as_ref().map(|note| vault.seal(cell(&id), note.as_bytes())),
        version: visit.version,
        created_at: visit.created_at.millis(),
        ended_at: visit.ended_at.map(Timestamp::millis),
        id: id.clone(),
    };
    match loaded {
        None => tx.insert(diesel::insert_into(home_visits::table).values(row))?,
        Some(version) => {
            let same = home_visits::table.filter(home_visits::id.eq(&id)).filter(home_visits::version.eq(version));
            tx.update_one(diesel::update(same).set((
                home_visits::visitor_id.eq(&row.visitor_id),
                home_visits::state.eq(&row.state),
                home_visits::missed.eq(row.missed),
                home_visits::outcome.eq(&row.outcome),
                home_visits::note_sealed.eq(&row.note_sealed),
                home_visits::ended_at.eq(row.ended_at),
                home_visits::version.eq(row.version),
            )))?;
        }
    }
    events::record(tx, visit.community, &id, visit.version, &happened)?;
    Ok(visit)
}

pub fn find(tx: &mut Tx, vault: &Vault, id: VisitId) -> Result<Option<Planned>, DbError> {
    let found: Option<(VisitRow, Option<String>, String)> = native!(tx, |conn| {
        home_visits::table
            .inner_join(homes::table)
            .filter(home_visits::id.eq(id.text()))
            .select((VisitRow::as_select(), homes::grid_id, homes::label))
            .first(conn)
            .optional()
    })?;
    found.map(|joined| planned(vault, joined)).transpose()
}

/// What a list of visits is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub state: Option<State>,
    pub visitor: Option<PrincipalId>,
    pub home: Option<HomeId>,
    pub overdue: bool,
}

/// The visits of a community, or of some grids of it, newest first, after the id `after`.
pub fn list(
    tx: &mut Tx,
    vault: &Vault,
    (community, within): (CommunityId, &Grids),
    filter: &Filter,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Planned>, DbError> {
    let today = tx.now().date();
    let mut query = home_visits::table
        .inner_join(homes::table)
        .filter(home_visits::community_id.eq(community.text()))
        .order(home_visits::id.desc())
        .limit(limit)
        .select((VisitRow::as_select(), homes::grid_id, homes::label))
        .into_boxed();
    if let Grids::Only(some) = within {
        query = query.filter(homes::grid_id.eq_any(some.iter().map(GridId::text).collect::<Vec<_>>()));
    }
    if let Some(after) = after {
        query = query.filter(home_visits::id.lt(after.to_owned()));
    }
    if let Some(state) = filter.state {
        query = query.filter(home_visits::state.eq(state.as_str()));
    }
    if let Some(visitor) = filter.visitor {
        query = query.filter(home_visits::visitor_id.eq(visitor.text()));
    }
    if let Some(home) = filter.home {
        query = query.filter(home_visits::home_id.eq(home.text()));
    }
    if filter.overdue {
        query = query.filter(home_visits::state.eq(State::Open.as_str())).filter(home_visits::due_on.lt(today));
    }
    let found: Vec<(VisitRow, Option<String>, String)> = tx.run(|conn| query.load(conn))?;
    found.into_iter().map(|joined| planned(vault, joined)).collect()
}
