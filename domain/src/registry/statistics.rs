//! Statistics 统计: how many, by occupancy, tag, grid and age band; and what of it may be shown to everybody.
//!
//! A small count names people: "one person over eighty in grid 3" is a neighbour. Without the right to see people, a count of
//! one to four is hidden, and with it as much else as it takes that nobody can work it out from the total.

use std::collections::BTreeMap;

use super::Occupancy;
use crate::kernel::time::Date;

/// Counts below this, but above nothing, are hidden.
pub const SMALL: i64 = 5;

crate::words! {
    /// Ages that services are planned by; in whole years, on the day of the question.
    AgeBand {
        Infant = "0-2",
        Kindergarten = "3-5",
        Pupil = "6-14",
        Youth = "15-17",
        Young = "18-34",
        Middle = "35-59",
        Sixties = "60-69",
        Seventies = "70-79",
        Eighty = "80+",
        Unknown = "unknown",
    }
}

impl AgeBand {
    pub fn of(born_on: Option<Date>, today: Date) -> Self {
        match born_on.and_then(|born| today.years_since(born)) {
            None => Self::Unknown,
            Some(0..=2) => Self::Infant,
            Some(3..=5) => Self::Kindergarten,
            Some(6..=14) => Self::Pupil,
            Some(15..=17) => Self::Youth,
            Some(18..=34) => Self::Young,
            Some(35..=59) => Self::Middle,
            Some(60..=69) => Self::Sixties,
            Some(70..=79) => Self::Seventies,
            Some(_) => Self::Eighty,
        }
    }
}

/// What is counted of a home.
#[derive(Debug, Clone)]
pub struct CountedHome<'a> {
    pub occupancy: Occupancy,
    /// The grid's name; none for a building outside all grids.
    pub grid: Option<&'a str>,
}

/// What is counted of a person who lives in, or is registered in, the community.
#[derive(Debug, Clone)]
pub struct CountedPerson<'a> {
    pub born_on: Option<Date>,
    pub grid: Option<&'a str>,
    /// Codes of the tags that hold and that the asker may see.
    pub tags: &'a [String],
}

/// Counts under their names; none where a count is hidden.
pub type Counts = BTreeMap<String, Option<i64>>;

/// The whole of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Statistics {
    /// Homes; every occupancy has a count, if only nought.
    pub by_occupancy: Counts,
    /// People; one person may have several tags, or none.
    pub by_tag: Counts,
    /// Homes.
    pub by_grid: Counts,
    /// People.
    pub people_by_grid: Counts,
    /// People; every band has a count.
    pub by_age_band: Counts,
}

/// The name under which what belongs to no grid is counted.
pub const NO_GRID: &str = "";

/// Counts as it goes; memory grows with the number of grids and tags, not of people.
#[derive(Debug, Clone)]
pub struct Tally {
    today: Date,
    occupancy: BTreeMap<String, i64>,
    tag: BTreeMap<String, i64>,
    homes: BTreeMap<String, i64>,
    people: BTreeMap<String, i64>,
    age: BTreeMap<String, i64>,
}

impl Tally {
    pub fn new(today: Date) -> Self {
        Self {
            today,
            occupancy: Occupancy::ALL.iter().map(|o| (o.to_string(), 0)).collect(),
            tag: BTreeMap::new(),
            homes: BTreeMap::new(),
            people: BTreeMap::new(),
            age: AgeBand::ALL.iter().map(|b| (b.to_string(), 0)).collect(),
        }
    }

    pub fn home(&mut self, home: &CountedHome) {
        self.homes(home.occupancy, home.grid, 1);
    }

    /// Many homes that a database has counted already.
    pub fn homes(&mut self, occupancy: Occupancy, grid: Option<&str>, count: i64) {
        *self.occupancy.entry(occupancy.to_string()).or_default() += count;
        *self.homes.entry(grid.unwrap_or(NO_GRID).to_owned()).or_default() += count;
    }

    pub fn person(&mut self, person: &CountedPerson) {
        *self.age.entry(AgeBand::of(person.born_on, self.today).to_string()).or_default() += 1;
        *self.people.entry(person.grid.unwrap_or(NO_GRID).to_owned()).or_default() += 1;
        for tag in person.tags {
            *self.tag.entry(tag.clone()).or_default() += 1;
        }
    }

    /// As they are, for those who may see the people themselves.
    pub fn exact(self) -> Statistics {
        let all = |cells: BTreeMap<String, i64>| cells.into_iter().map(|(name, count)| (name, Some(count))).collect();
        Statistics {
            by_occupancy: all(self.occupancy),
            by_tag: all(self.tag),
            by_grid: all(self.homes),
            people_by_grid: all(self.people),
            by_age_band: all(self.age),
        }
    }

    /// With small counts hidden.
    pub fn suppressed(self) -> Statistics {
        Statistics {
            by_occupancy: suppress(self.occupancy),
            // Tags overlap and add up to nothing, so no total gives a hidden one away.
            by_tag: self.tag.into_iter().map(|(name, count)| (name, Some(count).filter(|c| !small(*c)))).collect(),
            by_grid: suppress(self.homes),
            people_by_grid: suppress(self.people),
            by_age_band: suppress(self.age),
        }
    }
}

/// Nought is not small: an empty cell names nobody.
fn small(count: i64) -> bool {
    (1..SMALL).contains(&count)
}

/// Hides small counts of a table whose total must be taken as known (another table has the same one), and then the next
/// smallest until what is hidden together is at least two cells, at least [`SMALL`], and more than one for each: then
/// nobody can tell any of them. If that cannot be reached every cell is hidden, empty ones too.
fn suppress(cells: BTreeMap<String, i64>) -> Counts {
    let mut order: Vec<(&String, i64)> = cells.iter().map(|(name, count)| (name, *count)).filter(|(_, count)| *count > 0).collect();
    order.sort_by_key(|(name, count)| (*count, *name));
    let mut hidden = order.iter().filter(|(_, count)| small(*count)).count();
    if hidden == 0 {
        return cells.into_iter().map(|(name, count)| (name, Some(count))).collect();
    }
    let safe = |hidden: usize| {
        let sum: i64 = order[..hidden].iter().map(|(_, count)| count).sum();
        hidden >= 2 && sum >= SMALL && sum > hidden as i64
    };
    while hidden < order.len() && !safe(hidden) {
        hidden += 1;
    }
    if !safe(hidden) {
        return cells.into_keys().map(|name| (name, None)).collect();
    }
    let names: Vec<&String> = order[..hidden].iter().map(|(name, _)| *name).collect();
    cells.iter().map(|(name, count)| (name.clone(), Some(*count).filter(|_| !names.contains(&name)))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cells(counts: &[i64]) -> BTreeMap<String, i64> {
        counts.iter().enumerate().map(|(i, count)| (format!("c{i}"), *count)).collect()
    }

    fn shown(counts: &[i64]) -> Vec<Option<i64>> {
        suppress(cells(counts)).into_values().collect()
    }

    #[test]
    fn a_small_count_takes_the_next_smallest_with_it() {
        assert_eq!(shown(&[100, 3, 20, 50]), [Some(100), None, None, Some(50)]);
        assert_eq!(shown(&[100, 0, 20, 50]), [Some(100), Some(0), Some(20), Some(50)]);
        assert_eq!(shown(&[100, 1, 1, 50]), [Some(100), None, None, None], "two hidden ones of two together are both one");
        assert_eq!(shown(&[100, 2, 4, 50]), [Some(100), None, None, Some(50)]);
        assert_eq!(shown(&[3, 0, 0]), [None, None, None], "the total is three, so the cell must not be known either");
        assert_eq!(shown(&[1, 1, 1, 1, 1, 9]), [None; 6]);
        assert_eq!(shown(&[]), []);
    }

    proptest! {
        /// The attacker knows the total, every shown cell, and that a hidden one of a table with shown cells is not empty.
        #[test]
        fn no_hidden_count_can_be_worked_out_from_the_total(counts in prop::collection::vec(prop_oneof![0i64..7, 0i64..60], 1..7)) {
            let total: i64 = counts.iter().sum();
            let shown = shown(&counts);
            for (count, cell) in counts.iter().zip(&shown) {
                prop_assert!(cell.is_none() || cell == &Some(*count));
                prop_assert!(!small(*count) || cell.is_none());
            }
            let hidden = shown.iter().filter(|c| c.is_none()).count() as i64;
            if hidden > 0 && hidden < shown.len() as i64 {
                let rest = total - shown.iter().flatten().sum::<i64>();
                // Each hidden cell is at least one, so each may be anything from 1 to rest - (hidden - 1): more than one value.
                prop_assert!(hidden >= 2 && rest - (hidden - 1) > 1);
                prop_assert!(rest >= SMALL);
            }
        }

        #[test]
        fn exact_counts_are_those_of_counting_one_by_one(people in prop::collection::vec((0i64..40_000, prop::option::of(0usize..3), 0usize..4), 0..60)) {
            let today: Date = "2026-11-21".parse().expect("a date");
            let names = ["一网格", "二网格", "三网格"];
            let tags: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
            let mut tally = Tally::new(today);
            for (days, grid, many) in &people {
                let born_on = Some(today - chrono::Days::new(*days as u64));
                tally.person(&CountedPerson { born_on, grid: grid.map(|g| names[g]), tags: &tags[..*many.min(&3)] });
            }
            let found = tally.exact();
            let sum = |counts: &Counts| counts.values().flatten().sum::<i64>();
            prop_assert_eq!(sum(&found.by_age_band), people.len() as i64);
            prop_assert_eq!(sum(&found.people_by_grid), people.len() as i64);
            prop_assert_eq!(sum(&found.by_tag), people.iter().map(|(_, _, many)| *many.min(&3) as i64).sum::<i64>());
            let old = people.iter().filter(|(days, _, _)| today.years_since(today - chrono::Days::new(*days as u64)) >= Some(80)).count() as i64;
            prop_assert_eq!(found.by_age_band.get("80+").copied().flatten(), Some(old));
        }
    }

    #[test]
    fn nobody_changes_band_before_the_birthday() {
        let born: Date = "1966-03-01".parse().expect("a date");
        assert_eq!(AgeBand::of(Some(born), "2026-02-28".parse().expect("a date")), AgeBand::Middle);
        assert_eq!(AgeBand::of(Some(born), "2026-03-01".parse().expect("a date")), AgeBand::Sixties);
        assert_eq!(AgeBand::of(None, born), AgeBand::Unknown);
    }
}
