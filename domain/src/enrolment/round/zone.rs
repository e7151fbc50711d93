//! Zones 片区: which buildings or doors belong to which school, and from when to when.

use crate::enrolment::SchoolId;
use crate::kernel::fault::Faults;
use crate::kernel::text::line;
use crate::kernel::time::Date;
use crate::registry::BuildingId;

crate::words! {
    /// Which side of a street.
    Parity { All = "all", Odd = "odd", Even = "even" }
}

/// A zone as it was typed: a building, or doors of a street.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneInput {
    pub school: SchoolId,
    pub building: Option<BuildingId>,
    pub street: Option<String>,
    pub door_from: Option<i64>,
    pub door_to: Option<i64>,
    pub parity: Parity,
    pub valid_from: Option<Date>,
    /// The last day.
    pub valid_to: Option<Date>,
}

/// A piece of a school's zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    pub school: SchoolId,
    pub place: ZonePlace,
    pub valid_from: Option<Date>,
    pub valid_to: Option<Date>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZonePlace {
    Building(BuildingId),
    /// Both doors included.
    Doors {
        street: String,
        from: i64,
        to: i64,
        parity: Parity,
    },
}

/// Where a home is, for zones: its building and, where it is known, its door on a street.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ZoneSite {
    pub building: Option<BuildingId>,
    pub street: Option<String>,
    pub door: Option<i64>,
}

impl Zone {
    pub(super) fn check(input: &ZoneInput, pointer: &str, faults: &mut Faults) -> Option<Self> {
        let at = |field: &str| format!("{pointer}/{field}");
        let place = match (input.building, &input.street) {
            (Some(building), None) => Some(ZonePlace::Building(building)),
            (None, Some(street)) => {
                let street = faults.take(&at("street"), line(street, 60));
                let (from, to) = (input.door_from.unwrap_or(1), input.door_to.unwrap_or(99_999));
                faults.require((1..=99_999).contains(&from), &at("door_from"), "out_of_range");
                faults.require((from..=99_999).contains(&to), &at("door_to"), "out_of_range");
                street.map(|street| ZonePlace::Doors { street, from, to, parity: input.parity })
            }
            // Neither, or both: which of the two would count?
            _ => {
                faults.add(pointer, "building_or_street");
                None
            }
        };
        let ordered = input.valid_from.zip(input.valid_to).is_none_or(|(from, to)| from <= to);
        faults.require(ordered, &at("valid_to"), "before_valid_from");
        place.map(|place| Self { school: input.school, place, valid_from: input.valid_from, valid_to: input.valid_to })
    }

    pub fn covers(&self, site: &ZoneSite, on: Date) -> bool {
        let valid = self.valid_from.is_none_or(|from| from <= on) && self.valid_to.is_none_or(|to| on <= to);
        valid
            && match &self.place {
                ZonePlace::Building(building) => site.building == Some(*building),
                ZonePlace::Doors { street, from, to, parity } => {
                    site.street.as_ref() == Some(street)
                        && site.door.is_some_and(|door| {
                            let side = match parity {
                                Parity::All => true,
                                Parity::Odd => door % 2 == 1,
                                Parity::Even => door % 2 == 0,
                            };
                            (*from..=*to).contains(&door) && side
                        })
                }
            }
    }
}

/// The schools whose zone a home is in on this day, ascending, each once; several where a zone is shared 多校划片.
pub fn schools_for(zones: &[Zone], site: &ZoneSite, on: Date) -> Vec<SchoolId> {
    let mut schools: Vec<_> = zones.iter().filter(|zone| zone.covers(site, on)).map(|zone| zone.school).collect();
    schools.sort_unstable();
    schools.dedup();
    schools
}
