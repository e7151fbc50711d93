//! Communities 社区: the tenants.

use diesel::prelude::*;
use jiazai_domain::actor::CommunityId;
use jiazai_domain::kernel::time::Timestamp;

use crate::db::schema::communities;
use crate::db::{DbError, Tx, native, parsed};

/// A community 社区.
#[derive(Debug, Clone)]
pub struct Community {
    pub id: CommunityId,
    /// Stable, chosen by people: `dongtu`.
    pub code: String,
    pub name: String,
    /// The street 街道 that it belongs to.
    pub street: Option<String>,
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
    street: Option<String>,
}

impl TryFrom<CommunityRow> for Community {
    type Error = DbError;
    fn try_from(row: CommunityRow) -> Result<Self, DbError> {
        Ok(Self {
            id: parsed(&row.id)?,
            code: row.code,
            name: row.name,
            street: row.street,
            version: row.version,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}

/// [`DbError::Duplicate`] when the code is taken.
pub fn insert(tx: &mut Tx, id: CommunityId, code: &str, name: &str, street: Option<&str>) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.insert(diesel::insert_into(communities::table).values((
        communities::id.eq(id.text()),
        communities::code.eq(code),
        communities::name.eq(name),
        communities::street.eq(street),
        communities::version.eq(1),
        communities::created_at.eq(now),
        communities::updated_at.eq(now),
    )))
}

pub fn find(tx: &mut Tx, id: CommunityId) -> Result<Option<Community>, DbError> {
    let row: Option<CommunityRow> =
        native!(tx, |conn| communities::table.find(id.text()).select(CommunityRow::as_select()).first(conn).optional())?;
    row.map(Community::try_from).transpose()
}

pub fn by_code(tx: &mut Tx, code: &str) -> Result<Option<Community>, DbError> {
    let row: Option<CommunityRow> =
        native!(tx, |conn| communities::table.filter(communities::code.eq(code)).select(CommunityRow::as_select()).first(conn).optional())?;
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
