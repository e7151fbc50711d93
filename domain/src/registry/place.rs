//! Places: estate 小区 → building 楼栋 → unit 单元 → home 户; grids 网格 beside them, and groups 组团 of estates run as one.
//!
//! A unit has no record of its own: it is a word of its homes. A grid holds whole buildings. The street 街道 is a word of
//! the community. Every place may carry an *external code*, stable in the system that it came from.

use super::address::{HomeKey, building_key, normalise_address, number_key, unit_key};
use super::keeper::Keeper;
use super::occupancy::SetOccupancy;
use super::person::{Alteration, Corrected};
use super::{Area, BuildingId, EstateGroupId, EstateId, GridId, HomeId, Occupancy, Refusal};
use crate::actor::{CommunityAdmin, CommunityId, PrincipalId};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::text::line;
use crate::kernel::time::Timestamp;

/// Staff of one grid.
pub const MAX_GRID_STAFF: usize = 50;
/// Floors below and above the ground that a home may be on.
pub const FLOORS: std::ops::RangeInclusive<i64> = -9..=200;

/// A code from another system: 1 to 64 letters, digits and `-_.:`.
///
/// # Errors
/// `external_code_format`.
pub fn external_code(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let good = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    if good { Ok(text.to_owned()) } else { Err("external_code_format") }
}

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident, $id:ty { $($(#[$field_doc:meta])* $field:ident: $type:ty),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            pub id: $id,
            /// 1 when new; one more with every saved change.
            pub version: i64,
            pub community: CommunityId,
            $($(#[$field_doc])* pub $field: $type),+
        }
    )+};
}

places! {
    /// An estate 小区.
    Estate, EstateId {
        name: String,
        /// The name for comparing, unique in the community.
        key: String,
        group: Option<EstateGroupId>,
        external_code: Option<String>,
    }
    /// A group of estates 组团, managed as one.
    EstateGroup, EstateGroupId {
        name: String,
        external_code: Option<String>,
    }
    /// A grid 网格: some buildings and the people who look after them.
    Grid, GridId {
        name: String,
        key: String,
        staff: Vec<PrincipalId>,
        external_code: Option<String>,
    }
    /// A building 楼栋.
    Building, BuildingId {
        estate: EstateId,
        grid: Option<GridId>,
        name: String,
        /// The name for comparing, unique in the estate.
        key: String,
        external_code: Option<String>,
    }
    /// A home 户.
    Home, HomeId {
        building: BuildingId,
        /// Of its building; kept here because sight goes by it.
        grid: Option<GridId>,
        /// Empty where the building has no units.
        unit: String,
        floor: Option<i64>,
        number: String,
        area: Option<Area>,
        /// What a person said; what the facts say is worked out on reading.
        set_occupancy: Option<SetOccupancy>,
        external_code: Option<String>,
    }
}

/// The names that a place is asked to have.
#[derive(Debug, Clone, Copy)]
pub struct PlaceDraft<'a> {
    pub name: &'a str,
    pub external_code: Option<&'a str>,
}

impl PlaceDraft<'_> {
    fn checked(self) -> Result<(String, Option<String>), Vec<Fault>> {
        let mut faults = Faults::new();
        let name = faults.take("/name", line(self.name, 60));
        let code = self.external_code.map(external_code).transpose();
        let code = faults.take("/external_code", code);
        faults.into_result(name.zip(code))
    }
}

/// A home as somebody asks it to be.
#[derive(Debug, Clone, Copy)]
pub struct HomeDraft<'a> {
    pub unit: &'a str,
    pub floor: Option<i64>,
    pub number: &'a str,
    pub area: Option<Area>,
    pub external_code: Option<&'a str>,
}

struct CheckedHome {
    unit: String,
    floor: Option<i64>,
    number: String,
    area: Option<Area>,
    external_code: Option<String>,
}

impl HomeDraft<'_> {
    fn checked(self) -> Result<CheckedHome, Vec<Fault>> {
        let mut faults = Faults::new();
        let unit = if self.unit.trim().is_empty() { Some(String::new()) } else { faults.take("/unit", line(self.unit, 20)) };
        let number = faults.take("/number", line(self.number, 20));
        faults.require(number.as_ref().is_none_or(|n| !number_key(n).is_empty()), "/number", "blank");
        faults.require(self.floor.is_none_or(|f| FLOORS.contains(&f)), "/floor", "out_of_range");
        let code = faults.take("/external_code", self.external_code.map(external_code).transpose());
        faults.into_result(unit.zip(number).zip(code)).map(|((unit, number), external_code)| CheckedHome {
            unit,
            floor: self.floor,
            number,
            area: self.area,
            external_code,
        })
    }
}

/// Name and code as they will be; none where they are so already.
fn renamed(
    (name, code): (&String, &Option<String>),
    community: CommunityId,
    draft: PlaceDraft,
    by: &CommunityAdmin,
) -> Result<Option<(String, Option<String>)>, Refusal> {
    if community != by.community() {
        return Err(Refusal::OtherCommunity);
    }
    let next = draft.checked()?;
    Ok(Some(next).filter(|(other, other_code)| other != name || other_code != code))
}

fn event(kind: &'static str, by: PrincipalId, now: Timestamp) -> Event {
    Event::new(kind, Some(by), now)
}

impl Estate {
    /// # Errors
    /// Faults of the draft. That the key is free in the community is for the unique index to say.
    pub fn create(id: EstateId, draft: PlaceDraft, by: &CommunityAdmin, now: Timestamp) -> Result<Changed<Self>, Vec<Fault>> {
        let (name, external_code) = draft.checked()?;
        let key = normalise_address(&name);
        let estate = Self { id, version: 1, community: by.community(), key, name, group: None, external_code };
        Ok(Changed::created(estate, vec![event("estate.created", by.id(), now)]))
    }

    /// Another name or code. Nothing is returned when nothing is different.
    ///
    /// # Errors
    /// [`Refusal::OtherCommunity`]; faults of the draft.
    pub fn correct(mut self, draft: PlaceDraft, by: &CommunityAdmin, now: Timestamp) -> Result<Option<Changed<Self>>, Refusal> {
        let Some((name, external_code)) = renamed((&self.name, &self.external_code), self.community, draft, by)? else { return Ok(None) };
        self.key = normalise_address(&name);
        (self.name, self.external_code) = (name, external_code);
        let loaded = self.version;
        self.version += 1;
        Ok(Some(Changed::from_version(loaded, self, vec![event("estate.corrected", by.id(), now)])))
    }

    /// 组团: joins a group of the same community, or leaves with none.
    ///
    /// # Errors
    /// [`Refusal::OtherCommunity`].
    pub fn join(mut self, group: Option<&EstateGroup>, by: &CommunityAdmin, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if self.community != by.community() || group.is_some_and(|g| g.community != self.community) {
            return Err(Refusal::OtherCommunity);
        }
        self.group = group.map(|g| g.id);
        let loaded = self.version;
        self.version += 1;
        Ok(Changed::from_version(loaded, self, vec![event("estate.regrouped", by.id(), now)]))
    }
}

impl EstateGroup {
    /// # Errors
    /// Faults of the draft.
    pub fn create(id: EstateGroupId, draft: PlaceDraft, by: &CommunityAdmin, now: Timestamp) -> Result<Changed<Self>, Vec<Fault>> {
        let (name, external_code) = draft.checked()?;
        let group = Self { id, version: 1, community: by.community(), name, external_code };
        Ok(Changed::created(group, vec![event("estate_group.created", by.id(), now)]))
    }
}

impl Grid {
    /// # Errors
    /// Faults of the draft; `too_many` for more than fifty staff. That they are grid workers is for the caller to look up.
    pub fn create(
        id: GridId,
        draft: PlaceDraft,
        staff: Vec<PrincipalId>,
        by: &CommunityAdmin,
        now: Timestamp,
    ) -> Result<Changed<Self>, Vec<Fault>> {
        let (name, external_code) = draft.checked()?;
        let staff = checked_staff(staff)?;
        let key = normalise_address(&name);
        let grid = Self { id, version: 1, community: by.community(), key, name, staff, external_code };
        Ok(Changed::created(grid, vec![event("grid.created", by.id(), now)]))
    }

    /// Another name or code. Nothing is returned when nothing is different.
    ///
    /// # Errors
    /// [`Refusal::OtherCommunity`]; faults of the draft.
    pub fn correct(mut self, draft: PlaceDraft, by: &CommunityAdmin, now: Timestamp) -> Result<Option<Changed<Self>>, Refusal> {
        let Some((name, external_code)) = renamed((&self.name, &self.external_code), self.community, draft, by)? else { return Ok(None) };
        self.key = normalise_address(&name);
        (self.name, self.external_code) = (name, external_code);
        let loaded = self.version;
        self.version += 1;
        Ok(Some(Changed::from_version(loaded, self, vec![event("grid.corrected", by.id(), now)])))
    }

    /// Other people look after the grid from now on.
    ///
    /// # Errors
    /// [`Refusal::OtherCommunity`], and the faults of [`create`](Self::create).
    pub fn staff(mut self, staff: Vec<PrincipalId>, by: &CommunityAdmin, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if self.community != by.community() {
            return Err(Refusal::OtherCommunity);
        }
        self.staff = checked_staff(staff)?;
        let loaded = self.version;
        self.version += 1;
        Ok(Changed::from_version(loaded, self, vec![event("grid.staffed", by.id(), now)]))
    }
}

fn checked_staff(staff: Vec<PrincipalId>) -> Result<Vec<PrincipalId>, Vec<Fault>> {
    let mut once: Vec<PrincipalId> = Vec::new();
    for one in staff {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    let mut faults = Faults::new();
    faults.require(once.len() <= MAX_GRID_STAFF, "/staff", "too_many");
    faults.into_result(Some(once))
}

impl Building {
    /// # Errors
    /// Faults of the draft; [`Refusal::OtherCommunity`].
    pub fn create(
        id: BuildingId,
        estate: &Estate,
        grid: Option<&Grid>,
        draft: PlaceDraft,
        by: &CommunityAdmin,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        let community = by.community();
        if estate.community != community || grid.is_some_and(|g| g.community != community) {
            return Err(Refusal::OtherCommunity);
        }
        let (name, external_code) = draft.checked()?;
        let key = building_key(&name);
        if key.is_empty() {
            return Err(Refusal::fault("/name", "blank"));
        }
        let building = Self { id, version: 1, community, estate: estate.id, grid: grid.map(|g| g.id), name, key, external_code };
        Ok(Changed::created(building, vec![event("building.created", by.id(), now).with("estate_id", estate.id)]))
    }

    /// Another name or code. Nothing is returned when nothing is different.
    ///
    /// # Errors
    /// [`Refusal::OtherCommunity`]; faults of the draft.
    pub fn correct(mut self, draft: PlaceDraft, by: &CommunityAdmin, now: Timestamp) -> Result<Option<Changed<Self>>, Refusal> {
        let Some((name, external_code)) = renamed((&self.name, &self.external_code), self.community, draft, by)? else { return Ok(None) };
        self.key = building_key(&name);
        if self.key.is_empty() {
            return Err(Refusal::fault("/name", "blank"));
        }
        (self.name, self.external_code) = (name, external_code);
        let loaded = self.version;
        self.version += 1;
        Ok(Some(Changed::from_version(loaded, self, vec![event("building.corrected", by.id(), now)])))
    }

    /// The building belongs to another grid from now on. Its homes follow, in the same transaction.
    ///
    /// # Errors
    /// [`Refusal::OtherCommunity`].
    pub fn into_grid(mut self, grid: Option<&Grid>, by: &CommunityAdmin, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if self.community != by.community() || grid.is_some_and(|g| g.community != self.community) {
            return Err(Refusal::OtherCommunity);
        }
        self.grid = grid.map(|g| g.id);
        let loaded = self.version;
        self.version += 1;
        Ok(Changed::from_version(loaded, self, vec![event("building.regridded", by.id(), now)]))
    }
}

impl Home {
    /// # Errors
    /// Faults of the draft; [`Refusal::NotForYou`] outside the keeper's grids.
    pub fn create(id: HomeId, building: &Building, draft: HomeDraft, by: &Keeper, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if !by.keeps(building.community, building.grid) {
            return Err(Refusal::NotForYou);
        }
        let CheckedHome { unit, floor, number, area, external_code } = draft.checked()?;
        let home = Self {
            id,
            version: 1,
            community: building.community,
            building: building.id,
            grid: building.grid,
            unit,
            floor,
            number,
            area,
            set_occupancy: None,
            external_code,
        };
        Ok(Changed::created(home, vec![event("home.created", by.id(), now).with("building_id", building.id)]))
    }

    /// Corrects what the home is like. Nothing is returned when nothing is different.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn correct(mut self, draft: HomeDraft, by: &Keeper, now: Timestamp) -> Result<Corrected<Self>, Refusal> {
        if !by.keeps(self.community, self.grid) {
            return Err(Refusal::NotForYou);
        }
        let next = draft.checked()?;
        let number = |n: Option<i64>| n.map(|n| n.to_string());
        let area = |a: Option<Area>| a.map(|a| a.to_string());
        let pairs = [
            ("unit", Some(self.unit.clone()), Some(next.unit.clone())),
            ("floor", number(self.floor), number(next.floor)),
            ("number", Some(self.number.clone()), Some(next.number.clone())),
            ("area_m2", area(self.area), area(next.area)),
            ("external_code", self.external_code.clone(), next.external_code.clone()),
        ];
        let altered = pairs.into_iter().filter(|(_, before, after)| before != after);
        let altered: Vec<Alteration> = altered.map(|(field, before, after)| Alteration { field, before, after }).collect();
        if altered.is_empty() {
            return Ok(None);
        }
        let fields: Vec<&str> = altered.iter().map(|a| a.field).collect();
        let happened = event("home.corrected", by.id(), now).with("fields", fields.join(" "));
        self.unit = next.unit;
        self.floor = next.floor;
        self.number = next.number;
        self.area = next.area;
        self.external_code = next.external_code;
        Ok(Some((self.changed(happened), altered)))
    }

    /// A keeper says how the home is lived in. What the facts say stays to be read beside it.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`].
    pub fn set_occupancy(mut self, status: Occupancy, by: &Keeper, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if !by.keeps(self.community, self.grid) {
            return Err(Refusal::NotForYou);
        }
        let before = self.set_occupancy.replace(SetOccupancy { status, by: by.id(), at: now });
        let mut happened = event("home.occupancy_set", by.id(), now).with("status", status);
        if let Some(before) = before {
            happened = happened.with("before", before.status);
        }
        Ok(self.changed(happened))
    }

    /// The last part of the natural key, for the unique index: unit and number in the form for comparing.
    pub fn key(&self) -> (String, String) {
        (unit_key(&self.unit), number_key(&self.number))
    }

    /// The whole natural key.
    pub fn full_key(&self, estate: &Estate, building: &Building) -> HomeKey {
        let (unit, number) = self.key();
        HomeKey { estate: estate.key.clone(), building: building.key.clone(), unit, number }
    }

    fn changed(mut self, event: Event) -> Changed<Self> {
        let loaded = self.version;
        self.version += 1;
        Changed::from_version(loaded, self, vec![event])
    }
}
