//! Communities, and the homes and bindings that rights come from.

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::HomeId;

use crate::db::schema::{communities, home_bindings, homes};
use crate::db::{DbError, Tx, parsed};

/// A community 社区.
#[derive(Debug, Clone)]
pub struct Community {
    pub id: CommunityId,
    /// Stable, chosen by people: `dongtu`.
    pub code: String,
    pub name: String,
    pub version: i64,
    pub created_at: Timestamp,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = communities)]
struct CommunityRow {
    id: String,
    code: String,
    name: String,
    version: i64,
    created_at: i64,
}

impl TryFrom<CommunityRow> for Community {
    type Error = DbError;
    fn try_from(row: CommunityRow) -> Result<Self, DbError> {
        Ok(Self {
            id: parsed(&row.id)?,
            code: row.code,
            name: row.name,
            version: row.version,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}

/// [`DbError::Duplicate`] when the code is taken.
pub fn insert(tx: &mut Tx, id: CommunityId, code: &str, name: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.insert(diesel::insert_into(communities::table).values((
        communities::id.eq(id.text()),
        communities::code.eq(code),
        communities::name.eq(name),
        communities::version.eq(1),
        communities::created_at.eq(now),
        communities::updated_at.eq(now),
    )))
}

pub fn find(tx: &mut Tx, id: CommunityId) -> Result<Option<Community>, DbError> {
    let row: Option<CommunityRow> =
        tx.run(|conn| communities::table.find(id.text()).select(CommunityRow::as_select()).first(conn).optional())?;
    row.map(Community::try_from).transpose()
}

pub fn by_code(tx: &mut Tx, code: &str) -> Result<Option<Community>, DbError> {
    let row: Option<CommunityRow> =
        tx.run(|conn| communities::table.filter(communities::code.eq(code)).select(CommunityRow::as_select()).first(conn).optional())?;
    row.map(Community::try_from).transpose()
}

/// Places are listed oldest first.
pub fn list(tx: &mut Tx, after: Option<&str>, limit: i64) -> Result<Vec<Community>, DbError> {
    let mut query = communities::table.order(communities::id).limit(limit).select(CommunityRow::as_select()).into_boxed();
    if let Some(after) = after {
        query = query.filter(communities::id.gt(after.to_owned()));
    }
    let rows: Vec<CommunityRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Community::try_from).collect()
}

pub fn insert_home(tx: &mut Tx, id: HomeId, community: CommunityId, label: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.insert(diesel::insert_into(homes::table).values((
        homes::id.eq(id.text()),
        homes::community_id.eq(community.text()),
        homes::label.eq(label),
        homes::version.eq(1),
        homes::created_at.eq(now),
    )))
}

/// Which of these homes exist in the community.
pub fn homes_in(tx: &mut Tx, community: CommunityId, ids: &[HomeId]) -> Result<Vec<HomeId>, DbError> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let texts: Vec<String> = ids.iter().map(HomeId::text).collect();
    let found: Vec<String> = tx.run(|conn| {
        homes::table.filter(homes::community_id.eq(community.text())).filter(homes::id.eq_any(texts)).select(homes::id).load(conn)
    })?;
    found.iter().map(|id| parsed(id)).collect()
}

/// Binds a person to a home at once, as staff or the demo data do.
pub fn bind_home(tx: &mut Tx, id: &str, community: CommunityId, home: HomeId, person: PrincipalId, relation: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.insert(diesel::insert_into(home_bindings::table).values((
        home_bindings::id.eq(id),
        home_bindings::community_id.eq(community.text()),
        home_bindings::home_id.eq(home.text()),
        home_bindings::principal_id.eq(person.text()),
        home_bindings::relation.eq(relation),
        home_bindings::state.eq("active"),
        home_bindings::version.eq(1),
        home_bindings::created_at.eq(now),
    )))
}

/// The homes that a person may speak for now.
pub fn homes_of(tx: &mut Tx, person: PrincipalId) -> Result<Vec<HomeId>, DbError> {
    let ids: Vec<String> = tx.run(|conn| {
        home_bindings::table
            .filter(home_bindings::principal_id.eq(person.text()))
            .filter(home_bindings::state.eq("active"))
            .filter(home_bindings::ended_at.is_null())
            .select(home_bindings::home_id)
            .load(conn)
    })?;
    ids.iter().map(|id| parsed(id)).collect()
}
