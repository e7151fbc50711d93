//! Rows of homes: the home, and the estate, building and grid that it is the first to name.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use jiazai_domain::registry::import::{Diff, RegistryRow, RowFault};
use jiazai_domain::registry::{
    Building, BuildingId, Estate, EstateId, Fact, Grid, Home, HomeDraft, HomeId, PlaceDraft, Refusal, building_key, normalise_address,
    shown,
};

use super::{Importer, Line, Tally, extras};
use crate::db::schema::homes as home_rows;
use crate::db::{DbError, Tx, native, parsed};
use crate::registry::places::{self, BuildingFilter};
use crate::registry::{facts, homes};
use crate::vault::Vault;

/// More estates or grids than any community has.
const ALL: i64 = 100_000;

/// The places that a portion of rows names, as far as they are there. It is kept up with what the portion itself makes.
pub(super) struct Places {
    pub(super) estates: Vec<Estate>,
    pub(super) buildings: Vec<Building>,
    /// The homes themselves come by [`Places::home`].
    ids: HashMap<(BuildingId, String), HomeId>,
}

impl Places {
    /// `named` are pairs of estate and building names, `keys` the units and numbers in the form for comparing.
    pub(super) fn load(
        tx: &mut Tx,
        community: jiazai_domain::actor::CommunityId,
        named: &[(&str, &str)],
        keys: Vec<String>,
    ) -> Result<Self, DbError> {
        let estates = places::estates(tx, community, None, ALL)?;
        let mut wanted: Vec<(String, String)> = named.iter().map(|(e, b)| (normalise_address(e), building_key(b))).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut buildings = Vec::new();
        for estate in estates.iter().filter(|estate| wanted.iter().any(|(key, _)| *key == estate.key)) {
            let filter = BuildingFilter { estate: Some(estate.id), grid: None };
            let of_estate = places::buildings(tx, community, &filter, None, None)?;
            buildings.extend(of_estate.into_iter().filter(|b| wanted.iter().any(|(e, key)| *e == estate.key && *key == b.key)));
        }
        let ids = ids_by_key(tx, &buildings, keys)?;
        Ok(Self { estates, buildings, ids })
    }

    pub(super) fn estate(&self, name: &str) -> Option<&Estate> {
        let key = normalise_address(name);
        self.estates.iter().find(|estate| estate.key == key)
    }

    pub(super) fn building(&self, estate: EstateId, name: &str) -> Option<&Building> {
        let key = building_key(name);
        self.buildings.iter().find(|building| building.estate == estate && building.key == key)
    }

    pub(super) fn home(&self, estate: &str, building: &str, key: &str) -> Option<HomeId> {
        let building = self.building(self.estate(estate)?.id, building)?;
        self.ids.get(&(building.id, key.to_owned())).copied()
    }
}

fn ids_by_key(tx: &mut Tx, buildings: &[Building], keys: Vec<String>) -> Result<HashMap<(BuildingId, String), HomeId>, DbError> {
    if buildings.is_empty() || keys.is_empty() {
        return Ok(HashMap::new());
    }
    let within: Vec<String> = buildings.iter().map(|building| building.id.text()).collect();
    let rows: Vec<(String, Option<String>, Option<String>)> = native!(tx, |conn| {
        home_rows::table
            .filter(home_rows::building_id.eq_any(within))
            .filter(home_rows::key.eq_any(keys))
            .select((home_rows::id, home_rows::building_id, home_rows::key))
            .load(conn)
    })?;
    rows.into_iter()
        .map(|(id, building, key)| Ok(((parsed(building.as_deref().unwrap_or_default())?, key.unwrap_or_default()), parsed(&id)?)))
        .collect()
}

/// Unit and number of a row in the form in which the homes' table has them.
pub(super) fn unit_and_number(home: &jiazai_domain::registry::HomeKey) -> String {
    format!("{}/{}", home.unit, home.number)
}

struct Known {
    places: Places,
    grids: Vec<Grid>,
    homes: HashMap<HomeId, Home>,
    by_code: HashMap<String, HomeId>,
    facts: HashMap<HomeId, Vec<Fact>>,
    extras: HashMap<String, Vec<(String, String)>>,
    /// Buildings that nobody else can move into another grid before this transaction ends.
    held: HashSet<BuildingId>,
    /// As much for estates, whose names stand in the labels of homes.
    held_estates: HashSet<EstateId>,
}

impl Known {
    fn load(tx: &mut Tx, vault: &Vault, by: &Importer, rows: &[&RegistryRow]) -> Result<Self, DbError> {
        let community = by.keeper.community();
        let named: Vec<(&str, &str)> = rows.iter().map(|row| (row.estate.as_str(), row.building.as_str())).collect();
        let mut places = Places::load(tx, community, &named, rows.iter().map(|row| unit_and_number(&row.key())).collect())?;
        let codes: Vec<&str> = rows.iter().filter_map(|row| row.external_code.as_deref()).collect();
        let coded: Vec<(String, Option<String>)> = if codes.is_empty() {
            vec![]
        } else {
            native!(tx, |conn| {
                home_rows::table
                    .filter(home_rows::community_id.eq(community.text()))
                    .filter(home_rows::external_code.eq_any(codes))
                    .select((home_rows::id, home_rows::external_code))
                    .load(conn)
            })?
        };
        let mut by_code = HashMap::new();
        for (id, code) in coded {
            by_code.insert(code.unwrap_or_default(), parsed::<HomeId>(&id)?);
        }
        let mut ids: Vec<HomeId> = places.ids.values().chain(by_code.values()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut found = HashMap::new();
        for home in homes::find_all(tx, &ids)? {
            // A code may lead to a home in a building that no row names.
            if !places.buildings.iter().any(|building| building.id == home.building) {
                places.buildings.extend(places::building(tx, home.building)?);
            }
            found.insert(home.id, home);
        }
        let mut facts_of: HashMap<HomeId, Vec<Fact>> = HashMap::new();
        for fact in facts::of_homes(tx, &ids)? {
            facts_of.entry(fact.home).or_default().push(fact);
        }
        let extras = extras::of(tx, vault, ids.iter().map(HomeId::text).collect())?;
        Ok(Self {
            places,
            grids: places::grids(tx, community, None, ALL)?,
            homes: found,
            by_code,
            facts: facts_of,
            extras,
            held: HashSet::new(),
            held_estates: HashSet::new(),
        })
    }

    /// The row that an export would write of a home.
    fn row(&self, tx: &Tx, home: &Home) -> Option<RegistryRow> {
        let building = self.places.buildings.iter().find(|building| building.id == home.building)?;
        let estate = self.places.estates.iter().find(|estate| estate.id == building.estate)?;
        let grid = building.grid.and_then(|id| self.grids.iter().find(|grid| grid.id == id));
        let facts = self.facts.get(&home.id).map(Vec::as_slice).unwrap_or_default();
        let extras = self.extras.get(&home.id.text()).cloned().unwrap_or_default();
        Some(row(home, (estate, building, grid), facts, extras, tx.now().date()))
    }
}

/// A home as a row.
pub(super) fn row(
    home: &Home,
    (estate, building, grid): (&Estate, &Building, Option<&Grid>),
    facts: &[Fact],
    extras: Vec<(String, String)>,
    today: jiazai_domain::kernel::time::Date,
) -> RegistryRow {
    RegistryRow {
        estate: estate.name.clone(),
        grid: grid.map(|grid| grid.name.clone()),
        building: building.name.clone(),
        unit: home.unit.clone(),
        floor: home.floor,
        number: home.number.clone(),
        area: home.area,
        occupancy: Some(shown(home.set_occupancy.map(|set| set.status), facts, today).status),
        external_code: home.external_code.clone(),
        extras,
    }
}

pub(super) fn take(tx: &mut Tx, vault: &Vault, by: &Importer, lines: &[Line<RegistryRow>]) -> Result<Tally, DbError> {
    let rows: Vec<&RegistryRow> = lines.iter().filter_map(|line| line.row.as_ref().ok()).collect();
    let mut known = Known::load(tx, vault, by, &rows)?;
    let mut tally = Tally::default();
    for line in lines {
        match &line.row {
            Err(faults) => tally.refused(faults.clone()),
            Ok(row) => match one(tx, vault, by, &mut known, row)? {
                Ok(diff) => tally.taken(line.number, diff),
                Err(refusal) => tally.refused(of_refusal(line.number, refusal)),
            },
        }
    }
    Ok(tally)
}

/// A refusal as faults of a row.
pub(super) fn of_refusal(line: u64, refusal: Refusal) -> Vec<RowFault> {
    match refusal {
        Refusal::Invalid(faults) => RowFault::of(line, faults),
        Refusal::TagNotOffered => vec![RowFault::new(line, "tags", "tag_not_offered")],
        other => vec![RowFault::new(line, "", other.code())],
    }
}

fn fault(column: &str, code: &'static str) -> Refusal {
    Refusal::Invalid(vec![jiazai_domain::kernel::fault::Fault { pointer: format!("/{column}"), code }])
}

/// Takes one row. Everything is decided before anything is written, so a refused row leaves nothing behind.
fn one(tx: &mut Tx, vault: &Vault, by: &Importer, known: &mut Known, row: &RegistryRow) -> Result<Result<Diff, Refusal>, DbError> {
    let key = unit_and_number(&row.key());
    let coded = row.external_code.as_ref().and_then(|code| known.by_code.get(code)).copied();
    let keyed = known.places.home(&row.estate, &row.building, &key);
    // A code that belongs to one home and a name that belongs to another: nobody can say which is meant.
    if coded.is_some() && keyed.is_some() && coded != keyed {
        return Ok(Err(fault("external_code", "code_of_another")));
    }
    match coded.or(keyed).and_then(|id| known.homes.get(&id).cloned()) {
        Some(home) => alter(tx, vault, by, known, row, home),
        None => create(tx, vault, by, known, row, key),
    }
}

fn create(
    tx: &mut Tx,
    vault: &Vault,
    by: &Importer,
    known: &mut Known,
    row: &RegistryRow,
    key: String,
) -> Result<Result<Diff, Refusal>, DbError> {
    macro_rules! decided {
        ($result:expr) => {
            match $result {
                Ok(value) => value,
                Err(refusal) => return Ok(Err(Refusal::from(refusal))),
            }
        };
    }
    let now = tx.now();
    let named = |name| PlaceDraft { name, external_code: None };
    let admin = || by.admin.as_ref().ok_or(Refusal::NotForYou);
    let grid = match &row.grid {
        None => None,
        Some(name) => {
            let key = normalise_address(name);
            match known.grids.iter().find(|grid| grid.key == key) {
                Some(grid) => Some((grid.clone(), None)),
                None => {
                    let made = decided!(Grid::create(tx.new_id(), named(name), vec![], decided!(admin()), now));
                    Some((made.value().clone(), Some(made)))
                }
            }
        }
    };
    let estate = match known.places.estate(&row.estate) {
        Some(estate) => (estate.clone(), None),
        None => {
            let made = decided!(Estate::create(tx.new_id(), named(&row.estate), decided!(admin()), now));
            (made.value().clone(), Some(made))
        }
    };
    let building = match known.places.building(estate.0.id, &row.building) {
        Some(building) => (building.clone(), None),
        None => {
            let within = grid.as_ref().map(|(grid, _)| grid);
            let made = decided!(Building::create(tx.new_id(), &estate.0, within, named(&row.building), decided!(admin()), now));
            (made.value().clone(), Some(made))
        }
    };
    let (mut moved, wanted) = (None, grid.as_ref().map(|(grid, _)| grid.id));
    if building.1.is_none() && wanted.is_some() && building.0.grid != wanted {
        moved = Some(decided!(building.0.clone().into_grid(grid.as_ref().map(|(grid, _)| grid), decided!(admin()), now)));
    }
    let (is_new, is_new_estate) = (building.1.is_some(), estate.1.is_some());
    let in_building = moved.as_ref().map_or(&building.0, |moved| moved.value()).clone();
    let draft =
        HomeDraft { unit: &row.unit, floor: row.floor, number: &row.number, area: row.area, external_code: row.external_code.as_deref() };
    let home = decided!(Home::create(tx.new_id(), &in_building, draft, &by.keeper, now));
    // Nothing is known of a new home, so a word that says so says nothing.
    let status = row.occupancy.filter(|status| *status != jiazai_domain::registry::Occupancy::Unknown);

    if let Some((_, Some(made))) = grid {
        known.grids.push(places::save_grid(tx, made)?);
    }
    if let Some(made) = estate.1 {
        known.places.estates.push(places::save_estate(tx, made)?);
    }
    if let Some(made) = building.1 {
        known.places.buildings.push(places::save_building(tx, made)?);
    }
    if known.held_estates.insert(estate.0.id) && !is_new_estate {
        places::hold_estate(tx, &estate.0)?;
    }
    if let Some(moved) = moved {
        regrid(tx, known, moved)?;
    } else if known.held.insert(in_building.id) && !is_new {
        places::hold(tx, &in_building)?;
    }
    let mut home = homes::insert(tx, home, &estate.0, &in_building)?;
    if let Some(status) = status {
        match home.clone().set_occupancy(status, &by.keeper, now) {
            Ok(changed) => home = homes::save_occupancy(tx, changed)?,
            // Who could make the home a line above keeps it.
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    extras::save(tx, vault, &home.id.text(), &row.extras)?;
    known.remember(home, key, &row.extras);
    Ok(Ok(Diff::Created))
}

impl Known {
    /// Keeps up with what a row made of a home. What it was called before leads to no home any more: a later row that says so is
    /// answered as in another portion.
    fn remember(&mut self, home: Home, key: String, said: &[(String, String)]) {
        if let Some(old) = self.homes.get(&home.id) {
            let (unit, number) = old.key();
            let before = format!("{unit}/{number}");
            if before != key {
                self.places.ids.remove(&(old.building, before));
            }
            if let Some(code) = old.external_code.as_ref().filter(|code| home.external_code.as_ref() != Some(*code)) {
                self.by_code.remove(code);
            }
        }
        self.places.ids.insert((home.building, key), home.id);
        if let Some(code) = &home.external_code {
            self.by_code.insert(code.clone(), home.id);
        }
        let extras = self.extras.entry(home.id.text()).or_default();
        for (name, value) in said {
            match extras.iter_mut().find(|(known, _)| known == name) {
                Some(known) => known.1.clone_from(value),
                None => extras.push((name.clone(), value.clone())),
            }
        }
        self.homes.insert(home.id, home);
    }
}

/// Saves that a building belongs to another grid, and follows with the homes that are known.
fn regrid(tx: &mut Tx, known: &mut Known, moved: jiazai_domain::kernel::changed::Changed<Building>) -> Result<(), DbError> {
    let building = places::save_building(tx, moved)?;
    for home in known.homes.values_mut().filter(|home| home.building == building.id) {
        (home.grid, home.version) = (building.grid, home.version + 1);
    }
    if let Some(old) = known.places.buildings.iter_mut().find(|old| old.id == building.id) {
        *old = building;
    }
    Ok(())
}

fn alter(
    tx: &mut Tx,
    vault: &Vault,
    by: &Importer,
    known: &mut Known,
    row: &RegistryRow,
    was: Home,
) -> Result<Result<Diff, Refusal>, DbError> {
    let now = tx.now();
    // Before anything is compared: that a row would change nothing tells what is known of somebody else's home.
    if !by.keeper.keeps(was.community, was.grid) {
        return Ok(Err(Refusal::NotForYou));
    }
    let Some(before) = known.row(tx, &was) else { return Err(DbError::Corrupt("a home is in no building".to_owned())) };
    let diff = row.diff(Some(&before));
    let Diff::Changed(fields) = &diff else { return Ok(Ok(diff)) };
    let differs = |column: &str| fields.iter().any(|field| field.column == column);
    // Moving a flat to another house is not a correction; somebody wrote the wrong code.
    if differs("estate") || differs("building") {
        return Ok(Err(fault("external_code", "code_of_another")));
    }
    let moved = if differs("grid") {
        let Some(admin) = by.admin.as_ref() else { return Ok(Err(Refusal::NotForYou)) };
        let name = row.grid.as_deref().unwrap_or_default();
        let key = normalise_address(name);
        let grid = match known.grids.iter().find(|grid| grid.key == key) {
            Some(grid) => (grid.clone(), None),
            None => match Grid::create(tx.new_id(), PlaceDraft { name, external_code: None }, vec![], admin, now) {
                Ok(made) => (made.value().clone(), Some(made)),
                Err(faults) => return Ok(Err(faults.into())),
            },
        };
        let building = known.places.buildings.iter().find(|building| building.id == was.building).cloned();
        let Some(building) = building else { return Err(DbError::Corrupt("a home is in no building".to_owned())) };
        match building.into_grid(Some(&grid.0), admin, now) {
            Ok(changed) => Some((grid.1, changed)),
            Err(refusal) => return Ok(Err(refusal)),
        }
    } else {
        None
    };
    let draft = HomeDraft {
        unit: if differs("unit") { &row.unit } else { &was.unit },
        floor: row.floor.or(was.floor),
        number: if differs("number") { &row.number } else { &was.number },
        area: row.area.or(was.area),
        external_code: row.external_code.as_deref().or(was.external_code.as_deref()),
    };
    // Decided once for the refusal, and once more on what the move below makes of the home.
    if let Err(refusal) = was.clone().correct(draft, &by.keeper, now) {
        return Ok(Err(refusal));
    }
    if let Some((grid, building)) = moved {
        if let Some(made) = grid {
            known.grids.push(places::save_grid(tx, made)?);
        }
        regrid(tx, known, building)?;
    }
    let mut home = known.homes.get(&was.id).unwrap_or(&was).clone();
    if let Ok(Some(change)) = home.clone().correct(draft, &by.keeper, now) {
        let building = known.places.buildings.iter().find(|building| building.id == home.building);
        let at = building.and_then(|b| known.places.estates.iter().find(|estate| estate.id == b.estate).map(|estate| (estate, b)));
        let Some(at) = at else { return Err(DbError::Corrupt("a home is in no building".to_owned())) };
        home = homes::correct(tx, vault, change, at, by.keeper.id())?;
    }
    if let (true, Some(status)) = (differs("occupancy"), row.occupancy) {
        match home.clone().set_occupancy(status, &by.keeper, now) {
            Ok(changed) => home = homes::save_occupancy(tx, changed)?,
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    extras::save(tx, vault, &home.id.text(), &row.extras)?;
    known.remember(home, unit_and_number(&row.key()), &row.extras);
    Ok(Ok(diff))
}
