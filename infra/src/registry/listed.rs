//! Homes as lists and the map show them, and the mark by which a map is known to be still right.

use diesel::prelude::*;
use jiazai_domain::actor::CommunityId;
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::{Area, BuildingId, GridId, Grids, HomeId, Occupancy, shown, shown_of};

use super::homes::{area, facts_by_home};
use crate::db::schema::homes;
use crate::db::{DbError, Tx, native, parsed};

/// A home as a list or the map shows it.
#[derive(Debug, Clone)]
pub struct Listed {
    pub id: String,
    pub building: String,
    pub grid: Option<String>,
    pub unit: String,
    pub floor: Option<i64>,
    pub number: String,
    pub area: Option<Area>,
    /// The keeper's word, or else what the facts say.
    pub occupancy: Occupancy,
    /// The keeper's word and the facts cannot both be true.
    pub contradiction: bool,
    pub version: i64,
}

/// Which homes are listed.
#[derive(Debug, Clone)]
pub enum Which {
    /// Of one building.
    Building(BuildingId),
    /// Of a community, or of some grids of it.
    Community(CommunityId, Grids),
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = homes)]
struct ListedRow {
    id: String,
    version: i64,
    building_id: Option<String>,
    grid_id: Option<String>,
    unit: Option<String>,
    floor: Option<i64>,
    number: Option<String>,
    area_hundredths: Option<i64>,
    occupancy_derived: Option<String>,
    occupancy_set: Option<String>,
    derived_until: Option<Date>,
}

/// Every such home, in the order in which they were written down.
pub fn list(tx: &mut Tx, which: &Which) -> Result<Vec<Listed>, DbError> {
    let today = tx.now().date();
    let mut query = homes::table.order(homes::id).select(ListedRow::as_select()).into_boxed();
    query = match which {
        Which::Building(building) => query.filter(homes::building_id.eq(building.text())),
        Which::Community(community, grids) => {
            let within = query.filter(homes::community_id.eq(community.text())).filter(homes::building_id.is_not_null());
            match grids {
                Grids::All => within,
                Grids::Only(some) => within.filter(homes::grid_id.eq_any(some.iter().map(GridId::text).collect::<Vec<_>>())),
            }
        }
    };
    let rows: Vec<ListedRow> = tx.run(|conn| query.load(conn))?;
    // What the facts say is kept in the row; only what two words cannot tell is worked out from the facts: after a fact has
    // begun or ended, and where people live whose hukou nobody knows though the keeper said that nobody does.
    let empty = |row: &ListedRow| {
        row.occupancy_set.as_deref().is_some_and(|word| [Occupancy::Vacant, Occupancy::HukouOnly].map(Occupancy::as_str).contains(&word))
    };
    let open = |row: &ListedRow| row.occupancy_derived.as_deref() == Some(Occupancy::Unknown.as_str()) && empty(row);
    let is_due = |row: &ListedRow| row.derived_until.is_some_and(|until| until <= today) || open(row);
    let due = rows.iter().filter(|row| is_due(row)).map(|row| parsed(&row.id)).collect::<Result<Vec<HomeId>, _>>()?;
    let by_home = facts_by_home(tx, &due)?;
    let word = |text: Option<&str>| text.map(parsed::<Occupancy>).transpose();
    rows.into_iter()
        .map(|row| {
            let set = word(row.occupancy_set.as_deref())?;
            let seen = if is_due(&row) {
                let own = by_home.get(&parsed(&row.id)?).map(Vec::as_slice).unwrap_or_default();
                shown(set, own, today)
            } else {
                shown_of(set, word(row.occupancy_derived.as_deref())?.unwrap_or(Occupancy::Unknown), false)
            };
            let (occupancy, contradiction) = (seen.status, seen.contradiction);
            Ok(Listed {
                id: row.id,
                building: row.building_id.unwrap_or_default(),
                grid: row.grid_id,
                unit: row.unit.unwrap_or_default(),
                floor: row.floor,
                number: row.number.unwrap_or_default(),
                area: area(row.area_hundredths)?,
                occupancy,
                contradiction,
                version: row.version,
            })
        })
        .collect()
}

/// How many homes and buildings a community has, and what their versions add up to. Versions only grow and nothing is ever deleted,
/// so no change leaves it as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Mark {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    homes: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    home_versions: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    buildings: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    building_versions: i64,
}

/// The mark of a community's homes now.
pub fn mark(tx: &mut Tx, community: CommunityId) -> Result<Mark, DbError> {
    let asked = diesel::sql_query(
        "SELECT h.homes, h.home_versions, b.buildings, b.building_versions FROM \
         (SELECT COUNT(*) AS homes, CAST(COALESCE(SUM(version), 0) AS BIGINT) AS home_versions FROM homes \
          WHERE community_id = $1 AND building_id IS NOT NULL) AS h, \
         (SELECT COUNT(*) AS buildings, CAST(COALESCE(SUM(version), 0) AS BIGINT) AS building_versions FROM buildings \
          WHERE community_id = $2) AS b",
    )
    .bind::<diesel::sql_types::Text, _>(community.text())
    .bind::<diesel::sql_types::Text, _>(community.text());
    native!(tx, |conn| asked.get_result(conn))
}
