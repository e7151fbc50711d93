//! Estates, groups of estates, grids and buildings, as they are remembered. Places are listed oldest first.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::changed::{Changed, Event};
use jiazai_domain::registry::{Building, BuildingId, Estate, EstateGroup, EstateGroupId, EstateId, Grid, GridId};

use crate::db::schema::{buildings, estate_groups, estates, grid_staff, grids, homes};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::events;

fn happened(tx: &mut Tx, community: CommunityId, id: &str, version: i64, events: &[Event]) -> Result<(), DbError> {
    events::record(tx, community, id, version, events).map(drop)
}

fn maybe<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, DbError> {
    text.map(parsed).transpose()
}

// Groups of estates --------------------------------------------------------------------------------------------------

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = estate_groups)]
struct GroupRow {
    id: String,
    community_id: String,
    name: String,
    external_code: Option<String>,
    version: i64,
    created_at: i64,
}

impl TryFrom<GroupRow> for EstateGroup {
    type Error = DbError;
    fn try_from(row: GroupRow) -> Result<Self, DbError> {
        Ok(Self {
            id: parsed(&row.id)?,
            version: row.version,
            community: parsed(&row.community_id)?,
            name: row.name,
            external_code: row.external_code,
        })
    }
}

/// Saves a new group. [`DbError::Duplicate`] when the community has one of this name.
pub fn save_group(tx: &mut Tx, changed: Changed<EstateGroup>) -> Result<EstateGroup, DbError> {
    let (group, _, events) = changed.into_parts();
    let row = GroupRow {
        id: group.id.text(),
        community_id: group.community.text(),
        name: group.name.clone(),
        external_code: group.external_code.clone(),
        version: group.version,
        created_at: tx.now().millis(),
    };
    tx.insert(diesel::insert_into(estate_groups::table).values(row))?;
    happened(tx, group.community, &group.id.text(), group.version, &events)?;
    Ok(group)
}

pub fn group(tx: &mut Tx, id: EstateGroupId) -> Result<Option<EstateGroup>, DbError> {
    let row: Option<GroupRow> =
        native!(tx, |conn| estate_groups::table.find(id.text()).select(GroupRow::as_select()).first(conn).optional())?;
    row.map(EstateGroup::try_from).transpose()
}

pub fn groups(tx: &mut Tx, community: CommunityId, after: Option<&str>, limit: i64) -> Result<Vec<EstateGroup>, DbError> {
    let rows: Vec<GroupRow> = native!(tx, |conn| {
        estate_groups::table
            .filter(estate_groups::community_id.eq(community.text()))
            .filter(estate_groups::id.gt(after.unwrap_or_default()))
            .order(estate_groups::id)
            .limit(limit)
            .select(GroupRow::as_select())
            .load(conn)
    })?;
    rows.into_iter().map(EstateGroup::try_from).collect()
}

// Estates ------------------------------------------------------------------------------------------------------------

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = estates)]
struct EstateRow {
    id: String,
    community_id: String,
    group_id: Option<String>,
    name: String,
    name_key: String,
    external_code: Option<String>,
    version: i64,
    created_at: i64,
}

impl TryFrom<EstateRow> for Estate {
    type Error = DbError;
    fn try_from(row: EstateRow) -> Result<Self, DbError> {
        Ok(Self {
            id: parsed(&row.id)?,
            version: row.version,
            community: parsed(&row.community_id)?,
            name: row.name,
            key: row.name_key,
            group: maybe(row.group_id.as_deref())?,
            external_code: row.external_code,
        })
    }
}

/// Saves a decision about an estate. [`DbError::Duplicate`] when the community has one of this name or code.
pub fn save_estate(tx: &mut Tx, changed: Changed<Estate>) -> Result<Estate, DbError> {
    let (estate, loaded, events) = changed.into_parts();
    let row = EstateRow {
        id: estate.id.text(),
        community_id: estate.community.text(),
        group_id: estate.group.map(|group| group.text()),
        name: estate.name.clone(),
        name_key: estate.key.clone(),
        external_code: estate.external_code.clone(),
        version: estate.version,
        created_at: tx.now().millis(),
    };
    match loaded {
        None => tx.insert(diesel::insert_into(estates::table).values(row))?,
        Some(version) => {
            let same = estates::table.filter(estates::id.eq(&row.id)).filter(estates::version.eq(version));
            tx.update_one(diesel::update(same).set((
                estates::group_id.eq(&row.group_id),
                estates::name.eq(&row.name),
                estates::name_key.eq(&row.name_key),
                estates::external_code.eq(&row.external_code),
                estates::version.eq(row.version),
            )))?;
        }
    }
    happened(tx, estate.community, &estate.id.text(), estate.version, &events)?;
    Ok(estate)
}

pub fn estate(tx: &mut Tx, id: EstateId) -> Result<Option<Estate>, DbError> {
    let row: Option<EstateRow> = native!(tx, |conn| estates::table.find(id.text()).select(EstateRow::as_select()).first(conn).optional())?;
    row.map(Estate::try_from).transpose()
}

pub fn estates(tx: &mut Tx, community: CommunityId, after: Option<&str>, limit: i64) -> Result<Vec<Estate>, DbError> {
    estates_in(tx, community, None, after, limit)
}

/// Those of one group, where one is given.
pub fn estates_in(
    tx: &mut Tx,
    community: CommunityId,
    group: Option<EstateGroupId>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Estate>, DbError> {
    let mut query = estates::table
        .filter(estates::community_id.eq(community.text()))
        .filter(estates::id.gt(after.unwrap_or_default()))
        .order(estates::id)
        .limit(limit)
        .select(EstateRow::as_select())
        .into_boxed();
    if let Some(group) = group {
        query = query.filter(estates::group_id.eq(group.text()));
    }
    let rows: Vec<EstateRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Estate::try_from).collect()
}

// Grids --------------------------------------------------------------------------------------------------------------

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = grids)]
struct GridRow {
    id: String,
    community_id: String,
    name: String,
    name_key: String,
    external_code: Option<String>,
    version: i64,
    created_at: i64,
}

fn with_staff(tx: &mut Tx, rows: Vec<GridRow>) -> Result<Vec<Grid>, DbError> {
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let found: Vec<(String, String)> = native!(tx, |conn| {
        grid_staff::table
            .filter(grid_staff::grid_id.within(&ids))
            .order(grid_staff::principal_id)
            .select((grid_staff::grid_id, grid_staff::principal_id))
            .load(conn)
    })?;
    let mut staff: HashMap<String, Vec<PrincipalId>> = HashMap::new();
    for (grid, person) in found {
        staff.entry(grid).or_default().push(parsed(&person)?);
    }
    rows.into_iter()
        .map(|row| {
            Ok(Grid {
                id: parsed(&row.id)?,
                version: row.version,
                community: parsed(&row.community_id)?,
                name: row.name,
                key: row.name_key,
                staff: staff.remove(&row.id).unwrap_or_default(),
                external_code: row.external_code,
            })
        })
        .collect()
}

/// Saves a decision about a grid and who looks after it. [`DbError::Duplicate`] when the community has one of this name.
pub fn save_grid(tx: &mut Tx, changed: Changed<Grid>) -> Result<Grid, DbError> {
    let (grid, loaded, events) = changed.into_parts();
    let id = grid.id.text();
    match loaded {
        None => {
            let row = GridRow {
                id: id.clone(),
                community_id: grid.community.text(),
                name: grid.name.clone(),
                name_key: grid.key.clone(),
                external_code: grid.external_code.clone(),
                version: grid.version,
                created_at: tx.now().millis(),
            };
            tx.insert(diesel::insert_into(grids::table).values(row))?;
        }
        Some(version) => {
            let same = grids::table.filter(grids::id.eq(&id)).filter(grids::version.eq(version));
            tx.update_one(diesel::update(same).set((
                grids::name.eq(&grid.name),
                grids::name_key.eq(&grid.key),
                grids::external_code.eq(&grid.external_code),
                grids::version.eq(grid.version),
            )))?;
            native!(tx, |conn| diesel::delete(grid_staff::table.filter(grid_staff::grid_id.eq(&id))).execute(conn))?;
        }
    }
    for person in &grid.staff {
        tx.insert(diesel::insert_into(grid_staff::table).values((
            grid_staff::grid_id.eq(&id),
            grid_staff::principal_id.eq(person.text()),
            grid_staff::community_id.eq(grid.community.text()),
        )))?;
    }
    happened(tx, grid.community, &id, grid.version, &events)?;
    Ok(grid)
}

pub fn grid(tx: &mut Tx, id: GridId) -> Result<Option<Grid>, DbError> {
    let row: Option<GridRow> = native!(tx, |conn| grids::table.find(id.text()).select(GridRow::as_select()).first(conn).optional())?;
    Ok(with_staff(tx, row.into_iter().collect())?.pop())
}

pub fn grids(tx: &mut Tx, community: CommunityId, after: Option<&str>, limit: i64) -> Result<Vec<Grid>, DbError> {
    let rows: Vec<GridRow> = native!(tx, |conn| {
        grids::table
            .filter(grids::community_id.eq(community.text()))
            .filter(grids::id.gt(after.unwrap_or_default()))
            .order(grids::id)
            .limit(limit)
            .select(GridRow::as_select())
            .load(conn)
    })?;
    with_staff(tx, rows)
}

/// The grids that somebody looks after, in all communities.
pub fn grids_of(tx: &mut Tx, person: PrincipalId) -> Result<Vec<GridId>, DbError> {
    let ids: Vec<String> =
        native!(tx, |conn| grid_staff::table.filter(grid_staff::principal_id.eq(person.text())).select(grid_staff::grid_id).load(conn))?;
    ids.iter().map(|id| parsed(id)).collect()
}

// Buildings ----------------------------------------------------------------------------------------------------------

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = buildings)]
struct BuildingRow {
    id: String,
    community_id: String,
    estate_id: String,
    grid_id: Option<String>,
    name: String,
    name_key: String,
    external_code: Option<String>,
    version: i64,
    created_at: i64,
}

impl TryFrom<BuildingRow> for Building {
    type Error = DbError;
    fn try_from(row: BuildingRow) -> Result<Self, DbError> {
        Ok(Self {
            id: parsed(&row.id)?,
            version: row.version,
            community: parsed(&row.community_id)?,
            estate: parsed(&row.estate_id)?,
            grid: maybe(row.grid_id.as_deref())?,
            name: row.name,
            key: row.name_key,
            external_code: row.external_code,
        })
    }
}

/// Saves a decision about a building; where its grid has changed the homes follow. [`DbError::Duplicate`] when the estate
/// has one of this name, or the community one of this code.
pub fn save_building(tx: &mut Tx, changed: Changed<Building>) -> Result<Building, DbError> {
    let (building, loaded, events) = changed.into_parts();
    let row = BuildingRow {
        id: building.id.text(),
        community_id: building.community.text(),
        estate_id: building.estate.text(),
        grid_id: building.grid.map(|grid| grid.text()),
        name: building.name.clone(),
        name_key: building.key.clone(),
        external_code: building.external_code.clone(),
        version: building.version,
        created_at: tx.now().millis(),
    };
    match loaded {
        None => tx.insert(diesel::insert_into(buildings::table).values(row))?,
        Some(version) => {
            let same = buildings::table.filter(buildings::id.eq(&row.id)).filter(buildings::version.eq(version));
            tx.update_one(diesel::update(same).set((
                buildings::grid_id.eq(&row.grid_id),
                buildings::name.eq(&row.name),
                buildings::name_key.eq(&row.name_key),
                buildings::external_code.eq(&row.external_code),
                buildings::version.eq(row.version),
            )))?;
            let within = homes::table.filter(homes::building_id.eq(&row.id));
            // One version on, so that a keeper of the old grid who decides about a home just now decides again.
            native!(tx, |conn| {
                diesel::update(within).set((homes::grid_id.eq(&row.grid_id), homes::version.eq(homes::version + 1))).execute(conn)
            })?;
        }
    }
    happened(tx, building.community, &building.id.text(), building.version, &events)?;
    Ok(building)
}

/// Holds a building as it was loaded until the transaction ends, for whoever adds a home to it: the home's row repeats the grid,
/// and a building that goes into another grid at the same moment would pass the new home by.
pub fn hold(tx: &mut Tx, building: &Building) -> Result<(), DbError> {
    let same = buildings::table.filter(buildings::id.eq(building.id.text())).filter(buildings::version.eq(building.version));
    tx.update_one(diesel::update(same).set(buildings::version.eq(building.version)))
}

/// As [`hold`], of an estate: for whoever writes a home's label, which repeats the estate's name.
pub fn hold_estate(tx: &mut Tx, estate: &Estate) -> Result<(), DbError> {
    let same = estates::table.filter(estates::id.eq(estate.id.text())).filter(estates::version.eq(estate.version));
    tx.update_one(diesel::update(same).set(estates::version.eq(estate.version)))
}

pub fn building(tx: &mut Tx, id: BuildingId) -> Result<Option<Building>, DbError> {
    let row: Option<BuildingRow> =
        native!(tx, |conn| buildings::table.find(id.text()).select(BuildingRow::as_select()).first(conn).optional())?;
    row.map(Building::try_from).transpose()
}

/// In which communities these buildings stand; those that do not exist are left out.
pub fn communities_of(tx: &mut Tx, ids: &[BuildingId]) -> Result<HashMap<BuildingId, CommunityId>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<String> = ids.iter().map(BuildingId::text).collect();
    let rows: Vec<(String, String)> =
        native!(tx, |conn| buildings::table.filter(buildings::id.within(ids)).select((buildings::id, buildings::community_id)).load(conn))?;
    rows.iter().map(|(building, community)| Ok((parsed(building)?, parsed(community)?))).collect()
}

/// What a list of buildings is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct BuildingFilter {
    pub estate: Option<EstateId>,
    pub grid: Option<GridId>,
}

pub fn buildings(
    tx: &mut Tx,
    community: CommunityId,
    filter: &BuildingFilter,
    after: Option<&str>,
    limit: Option<i64>,
) -> Result<Vec<Building>, DbError> {
    let mut query = buildings::table
        .filter(buildings::community_id.eq(community.text()))
        .filter(buildings::id.gt(after.unwrap_or_default()))
        .order(buildings::id)
        .select(BuildingRow::as_select())
        .into_boxed();
    if let Some(limit) = limit {
        query = query.limit(limit);
    }
    if let Some(estate) = filter.estate {
        query = query.filter(buildings::estate_id.eq(estate.text()));
    }
    if let Some(grid) = filter.grid {
        query = query.filter(buildings::grid_id.eq(grid.text()));
    }
    let rows: Vec<BuildingRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Building::try_from).collect()
}
