//! Homes and how they are lived in, as they are remembered.
//!
//! What the facts say of a home's occupancy is kept in its row (`occupancy_derived`) until a fact begins or ends
//! (`derived_until`); who reads it later than that works it out from the facts, and a job writes that down.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::{Date, Timestamp};
use jiazai_domain::registry::{
    Alteration, Area, Building, BuildingId, Estate, Fact, GridId, Home, HomeId, SetOccupancy, derive_occupancy, next_change,
};

use super::bindings::active;
use super::facts;
pub use super::listed::{Listed, Mark, Which, list, mark};
use crate::db::schema::{home_bindings, home_occupancies, homes, registry_alterations};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::events;
use crate::vault::{Aad, Vault};

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = homes)]
struct HomeRow {
    id: String,
    community_id: String,
    label: String,
    version: i64,
    created_at: i64,
    building_id: Option<String>,
    grid_id: Option<String>,
    unit: Option<String>,
    floor: Option<i64>,
    number: Option<String>,
    key: Option<String>,
    area_hundredths: Option<i64>,
    occupancy_derived: Option<String>,
    occupancy_set: Option<String>,
    derived_until: Option<Date>,
    external_code: Option<String>,
}

impl HomeRow {
    fn home(self, set: Option<SetOccupancy>) -> Result<Home, DbError> {
        let nowhere = || DbError::Corrupt("a home is in no building".to_owned());
        Ok(Home {
            id: parsed(&self.id)?,
            version: self.version,
            community: parsed(&self.community_id)?,
            building: parsed(self.building_id.as_deref().ok_or_else(nowhere)?)?,
            grid: self.grid_id.as_deref().map(parsed).transpose()?,
            unit: self.unit.unwrap_or_default(),
            floor: self.floor,
            number: self.number.unwrap_or_default(),
            area: area(self.area_hundredths)?,
            set_occupancy: set,
            external_code: self.external_code,
        })
    }
}

pub(super) fn area(hundredths: Option<i64>) -> Result<Option<Area>, DbError> {
    hundredths.map(Area::from_hundredths).transpose().map_err(|_| DbError::Corrupt("an area is out of range".to_owned()))
}

/// A home's unit and number as one text for the unique index.
fn key(home: &Home) -> String {
    let (unit, number) = home.key();
    format!("{unit}/{number}")
}

/// What tickets show of a home: 田庵花苑 12号楼 2单元 301. A bare number gets the word that it stands for.
pub fn label(estate: &Estate, building: &Building, home: &Home) -> String {
    let bare = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let building = if bare(&building.name) { format!("{}号楼", building.name) } else { building.name.clone() };
    let unit = match home.unit.as_str() {
        "" => String::new(),
        unit if bare(unit) => format!(" {unit}单元"),
        unit => format!(" {unit}"),
    };
    format!("{} {building}{unit} {}", estate.name, home.number)
}

/// What people call these homes.
pub fn labels_of(tx: &mut Tx, ids: &[HomeId]) -> Result<HashMap<HomeId, String>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let name = (homes::id, homes::label);
    let rows: Vec<(String, String)> = match ids {
        // Without the detour that a list takes on SQLite.
        [one] => native!(tx, |conn| homes::table.find(one.text()).select(name).load(conn))?,
        some => {
            let texts = some.iter().map(HomeId::text);
            native!(tx, |conn| homes::table.filter(homes::id.within(texts)).select(name).load(conn))?
        }
    };
    rows.into_iter().map(|(id, label)| Ok((parsed(&id)?, label))).collect()
}

/// Writes anew what tickets show of the homes of a building, after it or its estate got another name.
pub fn relabel(tx: &mut Tx, estate: &Estate, building: &Building) -> Result<(), DbError> {
    let rows: Vec<HomeRow> =
        native!(tx, |conn| homes::table.filter(homes::building_id.eq(building.id.text())).select(HomeRow::as_select()).load(conn))?;
    for row in rows {
        let home = row.home(None)?;
        let label = label(estate, building, &home);
        // As it was read: a keeper who corrects its number at this moment must not find the old one in its label.
        let same = homes::table.filter(homes::id.eq(home.id.text())).filter(homes::version.eq(home.version));
        // One version on: who holds the old name is not told that nothing has changed.
        tx.update_one(diesel::update(same).set((homes::label.eq(label), homes::version.eq(home.version + 1))))?;
    }
    Ok(())
}

/// The home and what tickets show of it.
pub fn find(tx: &mut Tx, id: HomeId) -> Result<Option<(Home, String)>, DbError> {
    let row: Option<HomeRow> = native!(tx, |conn| homes::table.find(id.text()).select(HomeRow::as_select()).first(conn).optional())?;
    let Some(row) = row else { return Ok(None) };
    let set = if row.occupancy_set.is_some() { said(tx, id, Timestamp::from_millis(i64::MAX))? } else { None };
    let label = row.label.clone();
    Ok(Some((row.home(set)?, label)))
}

/// The buildings of these homes; a home that is in none yet is left out.
pub fn buildings_of(tx: &mut Tx, ids: &[HomeId]) -> Result<HashMap<HomeId, BuildingId>, DbError> {
    let mut found = HashMap::new();
    for some in ids.chunks(500) {
        let texts: Vec<String> = some.iter().map(HomeId::text).collect();
        let rows: Vec<(String, Option<String>)> =
            native!(tx, |conn| homes::table.filter(homes::id.within(texts)).select((homes::id, homes::building_id)).load(conn))?;
        for (home, building) in rows {
            if let Some(building) = building {
                found.insert(parsed(&home)?, parsed(&building)?);
            }
        }
    }
    Ok(found)
}

/// Where these homes are: the building, if they are in one, and the label that names the street or the estate.
pub fn sites_of(tx: &mut Tx, ids: &[HomeId]) -> Result<HashMap<HomeId, (Option<BuildingId>, String)>, DbError> {
    let mut found = HashMap::new();
    for some in ids.chunks(500) {
        let texts: Vec<String> = some.iter().map(HomeId::text).collect();
        let rows: Vec<(String, Option<String>, String)> = native!(tx, |conn| homes::table
            .filter(homes::id.within(texts))
            .select((homes::id, homes::building_id, homes::label))
            .load(conn))?;
        for (home, building, label) in rows {
            found.insert(parsed(&home)?, (building.as_deref().map(parsed).transpose()?, label));
        }
    }
    Ok(found)
}

/// These homes, in no order.
pub fn find_all(tx: &mut Tx, ids: &[HomeId]) -> Result<Vec<Home>, DbError> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let texts: Vec<String> = ids.iter().map(HomeId::text).collect();
    let rows: Vec<HomeRow> = native!(tx, |conn| homes::table.filter(homes::id.within(&texts)).select(HomeRow::as_select()).load(conn))?;
    let words: Vec<(String, String, String, i64)> = native!(tx, |conn| {
        home_occupancies::table
            .filter(home_occupancies::home_id.within(&texts))
            .order((home_occupancies::home_id, home_occupancies::home_version))
            .select((home_occupancies::home_id, home_occupancies::status, home_occupancies::set_by, home_occupancies::set_at))
            .load(conn)
    })?;
    // In their order, so that of one home the last word stays.
    let mut last = HashMap::new();
    for (home, status, by, at) in words {
        last.insert(home, SetOccupancy { status: parsed(&status)?, by: parsed(&by)?, at: Timestamp::from_millis(at) });
    }
    rows.into_iter()
        .map(|row| {
            let set = last.remove(&row.id);
            row.home(set)
        })
        .collect()
}

/// In which grids of which communities these homes lie: what a sight asks of a home.
pub fn places_of(tx: &mut Tx, ids: &[HomeId]) -> Result<HashMap<HomeId, (CommunityId, Option<GridId>)>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let texts: Vec<String> = ids.iter().map(HomeId::text).collect();
    let rows: Vec<(String, String, Option<String>)> = native!(tx, |conn| homes::table
        .filter(homes::id.within(texts))
        .select((homes::id, homes::community_id, homes::grid_id))
        .load(conn))?;
    rows.iter().map(|(id, community, grid)| Ok((parsed(id)?, (parsed(community)?, grid.as_deref().map(parsed).transpose()?)))).collect()
}

/// The last word of a keeper about a home's occupancy up to an instant.
pub fn said(tx: &mut Tx, home: HomeId, until: Timestamp) -> Result<Option<SetOccupancy>, DbError> {
    let row: Option<(String, String, i64)> = native!(tx, |conn| {
        home_occupancies::table
            .filter(home_occupancies::home_id.eq(home.text()))
            .filter(home_occupancies::set_at.le(until.millis()))
            .order(home_occupancies::home_version.desc())
            .select((home_occupancies::status, home_occupancies::set_by, home_occupancies::set_at))
            .first(conn)
            .optional()
    })?;
    let Some((status, by, at)) = row else { return Ok(None) };
    Ok(Some(SetOccupancy { status: parsed(&status)?, by: parsed(&by)?, at: Timestamp::from_millis(at) }))
}

/// Writes down a new home. [`DbError::Duplicate`] when the building has this unit and number, or the community this code.
pub fn insert(tx: &mut Tx, changed: Changed<Home>, estate: &Estate, building: &Building) -> Result<Home, DbError> {
    let (home, _, happened) = changed.into_parts();
    let row = HomeRow {
        id: home.id.text(),
        community_id: home.community.text(),
        label: label(estate, building, &home),
        version: home.version,
        created_at: tx.now().millis(),
        building_id: Some(home.building.text()),
        grid_id: home.grid.map(|grid| grid.text()),
        unit: Some(home.unit.clone()),
        floor: home.floor,
        number: Some(home.number.clone()),
        key: Some(key(&home)),
        area_hundredths: home.area.map(Area::hundredths),
        occupancy_derived: None,
        occupancy_set: None,
        derived_until: None,
        external_code: home.external_code.clone(),
    };
    tx.insert(diesel::insert_into(homes::table).values(row))?;
    events::record(tx, home.community, &home.id.text(), home.version, &happened)?;
    Ok(home)
}

/// Saves a correction of a home, with what was written before. [`DbError::Duplicate`] as for [`insert`].
pub fn correct(
    tx: &mut Tx,
    vault: &Vault,
    (changed, altered): (Changed<Home>, Vec<Alteration>),
    (estate, building): (&Estate, &Building),
    by: PrincipalId,
) -> Result<Home, DbError> {
    let (home, loaded, happened) = changed.into_parts();
    let id = home.id.text();
    let same = homes::table.filter(homes::id.eq(&id)).filter(homes::version.eq(loaded.unwrap_or_default()));
    tx.update_one(diesel::update(same).set((
        homes::label.eq(label(estate, building, &home)),
        homes::unit.eq(&home.unit),
        homes::floor.eq(home.floor),
        homes::number.eq(&home.number),
        homes::key.eq(key(&home)),
        homes::area_hundredths.eq(home.area.map(Area::hundredths)),
        homes::external_code.eq(&home.external_code),
        homes::version.eq(home.version),
    )))?;
    remember_alterations(tx, vault, &id, home.version, &altered, by)?;
    events::record(tx, home.community, &id, home.version, &happened)?;
    Ok(home)
}

/// Writes down what was written of a person or a home before it was corrected; for people too.
pub fn remember_alterations(
    tx: &mut Tx,
    vault: &Vault,
    subject: &str,
    version: i64,
    altered: &[Alteration],
    by: PrincipalId,
) -> Result<(), DbError> {
    let now = tx.now().millis();
    let row = format!("{subject}/{version}");
    for alteration in altered {
        let sealed = |column: &'static str, text: &Option<String>| {
            let row = format!("{row}/{}", alteration.field);
            text.as_ref().map(|text| vault.seal(Aad { table: "registry_alterations", column, row: &row }, text.as_bytes()))
        };
        tx.insert(diesel::insert_into(registry_alterations::table).values((
            registry_alterations::subject_id.eq(subject),
            registry_alterations::subject_version.eq(version),
            registry_alterations::field.eq(alteration.field),
            registry_alterations::before_sealed.eq(sealed("before", &alteration.before)),
            registry_alterations::after_sealed.eq(sealed("after", &alteration.after)),
            registry_alterations::altered_by.eq(by.text()),
            registry_alterations::altered_at.eq(now),
        )))?;
    }
    Ok(())
}

/// Saves a keeper's word about how a home is lived in.
pub fn save_occupancy(tx: &mut Tx, changed: Changed<Home>) -> Result<Home, DbError> {
    let (home, loaded, happened) = changed.into_parts();
    let id = home.id.text();
    let same = homes::table.filter(homes::id.eq(&id)).filter(homes::version.eq(loaded.unwrap_or_default()));
    let status = home.set_occupancy.map(|set| set.status.as_str());
    tx.update_one(diesel::update(same).set((homes::occupancy_set.eq(status), homes::version.eq(home.version))))?;
    if let Some(set) = home.set_occupancy {
        tx.insert(diesel::insert_into(home_occupancies::table).values((
            home_occupancies::home_id.eq(&id),
            home_occupancies::home_version.eq(home.version),
            home_occupancies::status.eq(set.status.as_str()),
            home_occupancies::set_by.eq(set.by.text()),
            home_occupancies::set_at.eq(set.at.millis()),
        )))?;
    }
    events::record(tx, home.community, &id, home.version, &happened)?;
    Ok(home)
}

/// Saves a home one version on because a fact of it was saved, with what all its facts (`facts`, the new ones included)
/// say of its occupancy now. The version is what keeps two keepers from each adding sixty per cent of one home.
pub fn touch(tx: &mut Tx, home: &Home, facts: &[Fact]) -> Result<Home, DbError> {
    let today = tx.now().date();
    let same = homes::table.filter(homes::id.eq(home.id.text())).filter(homes::version.eq(home.version));
    let next = Home { version: home.version + 1, ..home.clone() };
    tx.update_one(diesel::update(same).set((
        homes::occupancy_derived.eq(derive_occupancy(facts, today).as_str()),
        homes::derived_until.eq(next_change(facts, today)),
        homes::version.eq(next.version),
    )))?;
    Ok(next)
}

/// Whether there is anything for [`derive_due`] to do.
pub fn any_due(tx: &mut Tx) -> Result<bool, DbError> {
    let today = tx.now().date();
    let one: Option<String> =
        native!(tx, |conn| homes::table.filter(homes::derived_until.le(today)).select(homes::id).first(conn).optional())?;
    Ok(one.is_some())
}

/// Writes down what the facts say of homes for which a fact has begun or ended since it was last worked out.
pub fn derive_due(tx: &mut Tx, limit: i64) -> Result<usize, DbError> {
    let today = tx.now().date();
    let due: Vec<(String, i64)> = native!(tx, |conn| homes::table
        .filter(homes::derived_until.le(today))
        .limit(limit)
        .select((homes::id, homes::version))
        .load(conn))?;
    let ids = due.iter().map(|(id, _)| parsed(id)).collect::<Result<Vec<HomeId>, _>>()?;
    let by_home = facts_by_home(tx, &ids)?;
    let mut derived = 0;
    for (id, (text, version)) in ids.iter().zip(due) {
        let own = by_home.get(id).map(Vec::as_slice).unwrap_or_default();
        // A keeper who has saved a fact since the versions were read has worked it out already, from more facts than are here.
        let same = homes::table.filter(homes::id.eq(text)).filter(homes::version.eq(version));
        // One version on, so that whoever holds yesterday's answer is not told that nothing has changed.
        let next = (
            homes::occupancy_derived.eq(derive_occupancy(own, today).as_str()),
            homes::derived_until.eq(next_change(own, today)),
            homes::version.eq(version + 1),
        );
        derived += native!(tx, |conn| diesel::update(same).set(next).execute(conn))?;
    }
    Ok(derived)
}

pub(super) fn facts_by_home(tx: &mut Tx, ids: &[HomeId]) -> Result<HashMap<HomeId, Vec<Fact>>, DbError> {
    let mut by_home: HashMap<HomeId, Vec<Fact>> = HashMap::new();
    // In portions, so that the rows of a town's homes are not all in memory twice.
    for some in ids.chunks(500) {
        for fact in facts::of_homes(tx, some)? {
            by_home.entry(fact.home).or_default().push(fact);
        }
    }
    Ok(by_home)
}

/// Which of these homes exist in the community.
pub fn exist_in(tx: &mut Tx, community: CommunityId, ids: &[HomeId]) -> Result<Vec<HomeId>, DbError> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let texts: Vec<String> = ids.iter().map(HomeId::text).collect();
    let found: Vec<String> = native!(tx, |conn| {
        homes::table.filter(homes::community_id.eq(community.text())).filter(homes::id.within(texts)).select(homes::id).load(conn)
    })?;
    found.iter().map(|id| parsed(id)).collect()
}

/// The accounts that may speak for one of these homes now, a few hundred at most.
pub fn who_speak_for(tx: &mut Tx, ids: &[HomeId]) -> Result<Vec<PrincipalId>, DbError> {
    let today = tx.now().date();
    let texts: Vec<String> = ids.iter().map(HomeId::text).collect();
    let accounts: Vec<String> = native!(tx, |conn| {
        home_bindings::table
            .filter(home_bindings::home_id.within(texts))
            .filter(active(today))
            .order(home_bindings::principal_id)
            .limit(300)
            .select(home_bindings::principal_id)
            .distinct()
            .load(conn)
    })?;
    accounts.iter().map(|id| parsed(id)).collect()
}

/// The homes that an account may speak for now: those of its active bindings whose lease is not over.
pub fn spoken_for_by(tx: &mut Tx, account: PrincipalId) -> Result<Vec<HomeId>, DbError> {
    let today = tx.now().date();
    let ids: Vec<String> = native!(tx, |conn| {
        home_bindings::table
            .filter(home_bindings::principal_id.eq(account.text()))
            .filter(active(today))
            .select(home_bindings::home_id)
            .load(conn)
    })?;
    ids.iter().map(|id| parsed(id)).collect()
}
