//! Zones 片区: which buildings or doors belong to which school, and from when to when.

use crate::enrolment::SchoolId;
use crate::kernel::fault::Faults;
use crate::kernel::text::line;
use crate::kernel::time::Date;
use crate::registry::{BuildingId, normalise_address};

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
        /// The street in the form in which equal ones are equal texts.
        key: String,
        from: i64,
        to: i64,
        parity: Parity,
    },
}

impl ZonePlace {
    pub fn doors(street: String, from: i64, to: i64, parity: Parity) -> Self {
        let key = normalise_address(&street);
        Self::Doors { street, key, from, to, parity }
    }
}

/// Where a home is, for zones: its building, and the door on a street that its address names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ZoneSite {
    building: Option<BuildingId>,
    /// Normalised.
    address: Option<String>,
}

impl ZoneSite {
    /// `address` as people write it: a family's own words, or the home's label.
    pub fn new(building: Option<BuildingId>, address: Option<&str>) -> Self {
        Self { building, address: address.map(normalise_address).filter(|text| !text.is_empty()) }
    }

    /// The door on this street, if the address names one.
    fn door(&self, key: &str) -> Option<i64> {
        let address = self.address.as_deref()?;
        let at = address.find(key).filter(|_| !key.is_empty())?;
        // `北中山路` is another street than `中山路`; a district before it is none.
        let begins = address[..at].chars().last().is_none_or(|before| "省市区县镇乡村道".contains(before));
        let rest = &address[at + key.len()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let ends = rest[digits..].chars().next().is_none_or(|after| "号栋-".contains(after));
        if begins && ends { rest[..digits].parse().ok() } else { None }
    }
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
                street.map(|street| ZonePlace::doors(street, from, to, input.parity))
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

    /// Whether it is a zone on this day.
    pub fn holds(&self, on: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= on) && self.valid_to.is_none_or(|to| on <= to)
    }

    pub fn covers(&self, site: &ZoneSite, on: Date) -> bool {
        self.holds(on)
            && match &self.place {
                ZonePlace::Building(building) => site.building == Some(*building),
                ZonePlace::Doors { key, from, to, parity, .. } => site.door(key).is_some_and(|door| {
                    let side = match parity {
                        Parity::All => true,
                        Parity::Odd => door % 2 == 1,
                        Parity::Even => door % 2 == 0,
                    };
                    (*from..=*to).contains(&door) && side
                }),
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
