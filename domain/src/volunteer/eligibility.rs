//! Who may come: conditions as data, over what the registry knows of a person.
//!
//! Nothing asked means every resident. What is asked but not known counts as not fulfilled: a leader who needs adults
//! cannot be sent somebody whose age nobody knows.

use chrono::Datelike;
use serde::Serialize;

use super::opening::Volunteer;
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::text::line;
use crate::kernel::time::Date;
use crate::registry::EstateId;

/// Estates, or tags, that one activity may name.
const MAX_NAMED: usize = 50;
const AGES: std::ops::RangeInclusive<i64> = 0..=150;

crate::words! {
    /// Why somebody may not come.
    Ineligible {
        TooYoung = "too_young",
        TooOld = "too_old",
        /// An age is asked for and the registry does not know theirs.
        AgeUnknown = "age_unknown",
        /// No home of theirs is in any of the estates.
        OtherEstate = "other_estate",
        /// They have none of the tags.
        TagMissing = "tag_missing",
    }
}

/// What an activity asks of those who come. All that is named must be fulfilled; of a list, one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Eligibility {
    pub(super) min_age: Option<i64>,
    pub(super) max_age: Option<i64>,
    pub(super) estates: Vec<EstateId>,
    pub(super) tags: Vec<String>,
}

/// As it was typed, or remembered.
#[derive(Debug, Clone, Default)]
pub struct EligibilityDraft {
    /// Years completed on the day of the shift.
    pub min_age: Option<i64>,
    pub max_age: Option<i64>,
    pub estates: Vec<EstateId>,
    pub tags: Vec<String>,
}

impl EligibilityDraft {
    /// # Errors
    /// All faults, by field name below `/eligibility`.
    pub fn check(self) -> Result<Eligibility, Vec<Fault>> {
        let mut faults = Faults::new();
        for (pointer, age) in [("/eligibility/min_age", self.min_age), ("/eligibility/max_age", self.max_age)] {
            faults.require(age.is_none_or(|age| AGES.contains(&age)), pointer, "out_of_range");
        }
        let ordered = self.min_age.zip(self.max_age).is_none_or(|(min, max)| min <= max);
        faults.require(ordered, "/eligibility/max_age", "less_than_min_age");
        faults.require(self.estates.len() <= MAX_NAMED, "/eligibility/estates", "too_many");
        faults.require(self.tags.len() <= MAX_NAMED, "/eligibility/tags", "too_many");
        let named = self.tags.iter().take(MAX_NAMED).enumerate();
        let tags = named.filter_map(|(i, tag)| faults.take(&format!("/eligibility/tags/{i}"), line(tag, 40))).collect();
        faults.into_result(Some(Eligibility { min_age: self.min_age, max_age: self.max_age, estates: self.estates, tags }))
    }
}

impl Eligibility {
    pub fn min_age(&self) -> Option<i64> {
        self.min_age
    }

    pub fn max_age(&self) -> Option<i64> {
        self.max_age
    }

    pub fn estates(&self) -> &[EstateId] {
        &self.estates
    }

    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Every reason why this person may not come on this day; none means welcome.
    pub fn reasons_against(&self, who: &Volunteer, on: Date) -> Vec<Ineligible> {
        let age = who.born_on.map(|born| age_on(born, on));
        let asks_age = self.min_age.is_some() || self.max_age.is_some();
        let holds = [
            (Ineligible::AgeUnknown, asks_age && age.is_none()),
            (Ineligible::TooYoung, self.min_age.zip(age).is_some_and(|(min, age)| age < min)),
            (Ineligible::TooOld, self.max_age.zip(age).is_some_and(|(max, age)| age > max)),
            (Ineligible::OtherEstate, !self.estates.is_empty() && !self.estates.iter().any(|e| who.estates.contains(e))),
            (Ineligible::TagMissing, !self.tags.is_empty() && !self.tags.iter().any(|t| who.tags.contains(t))),
        ];
        holds.into_iter().filter(|(_, against)| *against).map(|(reason, _)| reason).collect()
    }
}

/// Years completed (周岁). Who was born on 29 February completes one on 1 March of a common year.
pub(super) fn age_on(born: Date, on: Date) -> i64 {
    let had_birthday = (on.month(), on.day()) >= (born.month(), born.day());
    i64::from(on.year() - born.year()) - i64::from(!had_birthday)
}
