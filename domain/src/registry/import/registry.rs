//! Rows of the file `registry`: one home each.

use super::fault::RowFault;
use super::header::{Cells, Kind};
use super::{Diff, compare};
use crate::kernel::fault::Faults;
use crate::kernel::text::line;
use crate::registry::address::HomeKey;
use crate::registry::place::{FLOORS, external_code};
use crate::registry::{Area, Occupancy, number_key};

/// One home as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryRow {
    pub estate: String,
    pub grid: Option<String>,
    pub building: String,
    /// Empty where the building has no units.
    pub unit: String,
    pub floor: Option<i64>,
    pub number: String,
    pub area: Option<Area>,
    /// In a file that was exported: as it was shown, be it set or derived. A row that says what is shown changes nothing.
    pub occupancy: Option<Occupancy>,
    pub external_code: Option<String>,
    /// Columns that are kept without being understood, in the order of the file.
    pub extras: Vec<(String, String)>,
}

impl RegistryRow {
    /// # Errors
    /// All faults of the row.
    pub fn parse(cells: &Cells) -> Result<Self, Vec<RowFault>> {
        let mut faults = Faults::new();
        let mut needed = |column: &str, max: usize| faults.take(&format!("/{column}"), line(cells.get(column).unwrap_or(""), max));
        let (estate, building, number) = (needed("estate", 60), needed("building", 60), needed("number", 20));
        faults.require(number.as_ref().is_none_or(|n| !number_key(n).is_empty()), "/number", "blank");
        let mut optional = |column: &str, max: usize| {
            let value = cells.get(column).map(|text| line(text, max)).transpose();
            faults.take(&format!("/{column}"), value).flatten()
        };
        let (grid, unit) = (optional("grid", 60), optional("unit", 20));
        let floor = cells.get("floor").map(floor).transpose();
        let floor = faults.take("/floor", floor).flatten();
        let area = faults.take("/area_m2", cells.get("area_m2").map(Area::parse).transpose()).flatten();
        let occupancy = cells.get("occupancy").map(|text| Occupancy::read(text).ok_or("unknown_word")).transpose();
        let occupancy = faults.take("/occupancy", occupancy).flatten();
        let code = faults.take("/external_code", cells.get("external_code").map(external_code).transpose()).flatten();
        let extras = cells.extras(&mut faults);
        let names = estate.zip(building).zip(number);
        let row = names.map(|((estate, building), number)| Self {
            estate,
            grid,
            building,
            unit: unit.unwrap_or_default(),
            floor,
            number,
            area,
            occupancy,
            external_code: code,
            extras,
        });
        faults.into_result(row).map_err(|faults| RowFault::of(cells.line, faults))
    }

    /// The natural key.
    pub fn key(&self) -> HomeKey {
        HomeKey::new(&self.estate, &self.building, &self.unit, &self.number)
    }

    /// What this row would change. `existing` is the home that has this row's external code or, without one, its key.
    pub fn diff(&self, existing: Option<&Self>) -> Diff {
        let Some(existing) = existing else { return Diff::Created };
        // A name that is only written differently is no change: `12栋` stays what it was when a file says `12号楼`.
        let mut said = self.clone();
        let (own, old) = (self.key(), existing.key());
        if own.estate == old.estate {
            said.estate.clone_from(&existing.estate);
        }
        if own.building == old.building {
            said.building.clone_from(&existing.building);
        }
        if own.unit == old.unit {
            said.unit.clone_from(&existing.unit);
        }
        if own.number == old.number {
            said.number.clone_from(&existing.number);
        }
        compare(existing.values(), said.values(), |_| false)
    }

    fn values(&self) -> Vec<(String, String)> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let known = [
            self.estate.clone(),
            text(&self.grid),
            self.building.clone(),
            self.unit.clone(),
            self.floor.map(|f| f.to_string()).unwrap_or_default(),
            self.number.clone(),
            self.area.map(|a| a.to_string()).unwrap_or_default(),
            self.occupancy.map(|o| o.to_string()).unwrap_or_default(),
            text(&self.external_code),
        ];
        Kind::Registry.columns().map(str::to_owned).zip(known).chain(self.extras.iter().cloned()).collect()
    }

    /// The fields of an export in the order of [`Kind::columns`], then the named extras; formula cells neutralised.
    pub fn fields(&self, extras: &[&str]) -> Vec<String> {
        super::people::written(&self.values(), Kind::Registry, extras)
    }
}

/// `5`, `5层`, `5F`, `B1`, `-1`, `负一` is refused: too many ways to be wrong.
fn floor(text: &str) -> Result<i64, &'static str> {
    let bare = text.trim_end_matches(['层', '楼', 'F', 'f']);
    let (sign, digits) = match bare.strip_prefix(['B', 'b']).or_else(|| bare.strip_prefix('-')) {
        Some(below) => (-1, below),
        None => (1, bare),
    };
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err("number_format");
    }
    let floor = sign * digits.parse::<i64>().map_err(|_| "number_format")?;
    if FLOORS.contains(&floor) { Ok(floor) } else { Err("out_of_range") }
}
