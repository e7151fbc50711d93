//! The seat lock 六年一学位: a home's seat belongs to one family for a number of school years.
//!
//! A *seat use* 学位使用 is one row for each (home, school year) of the period, all with the application that took the
//! seat. The unique key on those two columns is what keeps two families from having one seat at the same moment; what
//! is decided here is only who needs rows at all. A *family* is known by its guardians' documents, as keyed blind
//! indexes: two children are of one family when they share a guardian.
//!
//! Siblings are exempt where the rules say so: they come under the rows that are there and do not prolong them, so the
//! next family waits from the first child on, as the published rules have it.

use std::collections::BTreeSet;
use std::fmt;

use super::{ApplicationId, round};
use crate::registry::HomeId;

/// A family, by the blind indexes of its guardians' documents.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Family(BTreeSet<String>);

impl Family {
    pub fn new(guardians: impl IntoIterator<Item = String>) -> Self {
        Self(guardians.into_iter().filter(|key| !key.is_empty()).collect())
    }

    /// Whether they share a guardian.
    pub fn is(&self, other: &Family) -> bool {
        !self.0.is_disjoint(&other.0)
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

// An index is no number, but it recognises a person: logs get how many there are.
impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} guardians", self.0.len())
    }
}

/// A row: this home's seat of this school year is taken. Unique by (home, school_year).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatUse {
    pub home: HomeId,
    pub school_year: i64,
    /// Whose child took it: the rows of a revoked application are deleted.
    pub application: ApplicationId,
    pub family: Family,
}

/// Somebody who wants the seat of a home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub home: HomeId,
    /// The year in which the child begins.
    pub school_year: i64,
    /// How many school years the seat is taken for; 0 takes nothing.
    pub years: i64,
    pub siblings_exempt: bool,
    pub application: ApplicationId,
    pub family: Family,
}

/// Another family's; free from this school year on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locked {
    pub free_from: i64,
}

impl Claim {
    /// The claim of an application by its round: asked of the precheck, of the reviewers and when a seat is accepted, so that
    /// all three say the same.
    pub fn of(round: &round::Facts, application: ApplicationId, home: HomeId, family: Family) -> Self {
        let (years, siblings_exempt) = (round.rules.seat_lock_years(), round.rules.siblings_exempt());
        Self { home, school_year: round.school_year, years, siblings_exempt, application, family }
    }

    /// The rows to insert, given the rows that exist for this home (other homes' are passed over). Nothing to insert
    /// for a sibling under its family's rows, for a repeated claim, and where there is no lock.
    ///
    /// Two claims at the same moment both find nothing and both insert; the unique key lets one through, and the other
    /// is decided again on what it then finds: a twin finds its own family, a stranger is [`Locked`].
    ///
    /// # Errors
    /// [`Locked`], when any year of the period is another family's; or the same family's, where siblings are not exempt.
    pub fn decide(&self, existing: &[SeatUse]) -> Result<Vec<SeatUse>, Locked> {
        let period = self.school_year..self.school_year + self.years;
        let here = || existing.iter().filter(|row| row.home == self.home);
        let others: Vec<_> = here()
            .filter(|row| period.contains(&row.school_year) && row.application != self.application)
            .filter(|row| !(self.siblings_exempt && row.family.is(&self.family)))
            .collect();
        if !others.is_empty() {
            // Not the last year of the period but of their whole lock: that is when the home is free again.
            let strangers = here().filter(|row| row.application != self.application);
            let last = strangers.map(|row| row.school_year).max().unwrap_or(self.school_year);
            return Err(Locked { free_from: last + 1 });
        }
        // Only the child's first year counts for "under the rows that are there": a sibling who begins when the lock
        // has run out takes a new one.
        if here().any(|row| row.school_year == self.school_year) {
            return Ok(vec![]);
        }
        let taken: BTreeSet<_> = here().map(|row| row.school_year).collect();
        let free = period.filter(|year| !taken.contains(year));
        Ok(free
            .map(|year| SeatUse { home: self.home, school_year: year, application: self.application, family: self.family.clone() })
            .collect())
    }

    /// For the derived fact `seat_taken`: whether the claim would be refused.
    pub fn is_locked(&self, existing: &[SeatUse]) -> bool {
        self.decide(existing).is_err()
    }
}

/// The rows to insert when a child of the home has lost its seat and its rows are deleted: those who still sit under them
/// claim anew, whoever came first first. `existing` are the rows that are left.
pub fn handed_on(sitting: &[Claim], existing: &[SeatUse]) -> Vec<SeatUse> {
    let mut rows = existing.to_vec();
    for claim in sitting {
        // One who is locked out now sat by another home's right, or by none: there is nothing to take.
        rows.extend(claim.decide(&rows).unwrap_or_default());
    }
    rows.split_off(existing.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn home() -> HomeId {
        HomeId::from_uuid(Uuid::from_u128(1))
    }

    fn claim(n: u128, year: i64, guardians: &[&str]) -> Claim {
        Claim {
            home: home(),
            school_year: year,
            years: 6,
            siblings_exempt: true,
            application: ApplicationId::from_uuid(Uuid::from_u128(n)),
            family: Family::new(guardians.iter().map(|g| (*g).to_owned())),
        }
    }

    fn years(rows: &[SeatUse]) -> Vec<i64> {
        rows.iter().map(|row| row.school_year).collect()
    }

    #[test]
    fn the_first_family_takes_the_seat_for_the_whole_period() {
        let rows = claim(1, 2026, &["zhang", "li"]).decide(&[]).expect("free");
        assert_eq!(years(&rows), [2026, 2027, 2028, 2029, 2030, 2031]);
    }

    #[test]
    fn another_family_waits_until_the_period_is_over() {
        let rows = claim(1, 2026, &["zhang"]).decide(&[]).expect("free");
        for year in 2026..2032 {
            assert_eq!(claim(2, year, &["wang"]).decide(&rows), Err(Locked { free_from: 2032 }), "{year}");
        }
        assert_eq!(years(&claim(2, 2032, &["wang"]).decide(&rows).expect("free")), [2032, 2033, 2034, 2035, 2036, 2037]);
        // A child who would begin before them and still be there when they come.
        assert_eq!(claim(2, 2024, &["wang"]).decide(&rows), Err(Locked { free_from: 2032 }));
        assert_eq!(years(&claim(2, 2020, &["wang"]).decide(&rows).expect("free")), [2020, 2021, 2022, 2023, 2024, 2025]);
    }

    #[test]
    fn a_sibling_comes_under_the_rows_of_its_family_and_does_not_prolong_them() {
        let rows = claim(1, 2026, &["zhang", "li"]).decide(&[]).expect("free");
        assert_eq!(claim(2, 2029, &["li"]).decide(&rows), Ok(vec![]), "one shared guardian makes a family");
        assert_eq!(claim(3, 2026, &["zhang"]).decide(&rows), Ok(vec![]), "a twin");
        assert!(claim(4, 2032, &["wang"]).decide(&rows).is_ok());
    }

    #[test]
    fn a_sibling_who_still_sits_keeps_the_seat_when_the_first_is_revoked() {
        let (first, second) = (claim(1, 2026, &["zhang", "li"]), claim(2, 2028, &["li"]));
        assert_eq!(second.decide(&first.decide(&[]).expect("free")), Ok(vec![]));
        let rows = handed_on(std::slice::from_ref(&second), &[]);
        assert_eq!(years(&rows), [2028, 2029, 2030, 2031, 2032, 2033]);
        assert!(rows.iter().all(|row| row.application == second.application));
        assert!(claim(3, 2029, &["wang"]).is_locked(&rows), "the home is not free");
        // Of two who still sit, one takes it and the other comes under it, as before.
        assert_eq!(years(&handed_on(&[second, claim(4, 2029, &["li"])], &[])), [2028, 2029, 2030, 2031, 2032, 2033]);
        assert_eq!(handed_on(&[], &[]), []);
    }

    #[test]
    fn without_the_exemption_a_sibling_waits_too() {
        let rows = claim(1, 2026, &["zhang"]).decide(&[]).expect("free");
        let sibling = Claim { siblings_exempt: false, ..claim(2, 2029, &["zhang"]) };
        assert_eq!(sibling.decide(&rows), Err(Locked { free_from: 2032 }));
    }

    #[test]
    fn the_same_claim_twice_takes_nothing_more() {
        let first = claim(1, 2026, &["zhang"]);
        let rows = first.decide(&[]).expect("free");
        assert_eq!(first.decide(&rows), Ok(vec![]));
    }

    #[test]
    fn another_home_and_a_lock_of_no_years_are_free() {
        let rows = claim(1, 2026, &["zhang"]).decide(&[]).expect("free");
        let elsewhere = Claim { home: HomeId::from_uuid(Uuid::from_u128(9)), ..claim(2, 2026, &["wang"]) };
        assert_eq!(elsewhere.decide(&rows).expect("free").len(), 6);
        assert_eq!(Claim { years: 0, ..claim(2, 2026, &["wang"]) }.decide(&rows), Ok(vec![]));
        assert!(claim(2, 2027, &["wang"]).is_locked(&rows));
    }

    #[test]
    fn nobody_shares_a_guardian_with_a_family_without_any() {
        assert!(!Family::default().is(&Family::default()));
        assert!(!Family::new(["".to_owned()]).is(&Family::new(["".to_owned()])));
    }

    proptest! {
        /// What the unique key relies on: decided one after the other, no year of a home is ever taken twice, and
        /// families that hold years at the same time are one family.
        #[test]
        fn no_year_of_a_home_is_ever_taken_twice(claims in prop::collection::vec((2020i64..2040, 0usize..4, 1i64..9), 0..30)) {
            let families = [vec!["a", "b"], vec!["b", "c"], vec!["d"], vec!["e"]];
            let mut rows: Vec<SeatUse> = Vec::new();
            for (n, (year, family, years)) in claims.into_iter().enumerate() {
                let claim = Claim { years, ..claim(n as u128, year, &families[family]) };
                if let Ok(new) = claim.decide(&rows) {
                    let strangers = rows.iter().filter(|row| (year..year + years).contains(&row.school_year) && !row.family.is(&claim.family));
                    prop_assert_eq!(strangers.count(), 0);
                    rows.extend(new);
                    prop_assert!(rows.iter().any(|row| row.school_year == year), "the child's own year is taken");
                }
            }
            let mut all = years(&rows);
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(all.len(), count);
        }
    }
}
