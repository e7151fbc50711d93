//! The order within a batch: keys that compare, smaller first.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::unit::{Applicant, Unit, UnitChoice};
use crate::enrolment::rules::{Fact, RuleSet, TieBreak, Value};

/// A value to be ordered by, smaller first; what is not known comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(i64);

impl Key {
    pub(super) const NONE: Self = Self(i64::MAX);

    pub(super) fn ascending(value: Option<i64>) -> Self {
        value.map_or(Self::NONE, Self)
    }

    fn descending(value: Option<i64>) -> Self {
        value.map_or(Self::NONE, |value| Self(value.saturating_neg()))
    }

    /// The number that went in, for the trace.
    pub(super) fn value(self, by: TieBreak) -> Option<i64> {
        let negated = by == TieBreak::Points;
        (self != Self::NONE).then_some(if negated { self.0.saturating_neg() } else { self.0 })
    }
}

/// The keys of a unit, one for each tie-break: the worst of its members, so that nobody gains by going together.
/// Distance has its place in the list but is filled in for each school.
pub(super) fn keys(members: &[&Applicant], rules: &RuleSet, drawn: &BTreeMap<&str, i64>) -> Vec<Key> {
    let worst = |of: &dyn Fn(&Applicant) -> Key| members.iter().map(|one| of(one)).max().unwrap_or(Key::NONE);
    let one = |tie: &TieBreak| match tie {
        TieBreak::Points => worst(&|one| Key::descending(one.points)),
        TieBreak::Earlier(fact) => worst(&|one| Key::ascending(day(one, *fact))),
        // Every child has a number, so that a twin who is left alone has one too; a household goes by that of its lowest
        // receipt, or going together would be drawing twice.
        TieBreak::Draw => Key::ascending(members.first().and_then(|one| drawn.get(one.receipt.as_str()).copied())),
        TieBreak::Distance => Key(0),
    };
    rules.tie_break().iter().map(one).collect()
}

/// A date as a number of days.
fn day(one: &Applicant, fact: Fact) -> Option<i64> {
    match one.facts.get(fact) {
        Some(Value::Date(date)) => Some(i64::from(chrono::Datelike::num_days_from_ce(&date))),
        _ => None,
    }
}

/// Compares two units at a school and says which tie-break told them apart; none when only the receipt can.
pub(super) fn compare(rules: &RuleSet, a: (&Unit, &UnitChoice), b: (&Unit, &UnitChoice)) -> (Ordering, Option<TieBreak>) {
    for (i, tie) in rules.tie_break().iter().enumerate() {
        let (x, y) = at(*tie, i, a, b);
        match x.cmp(&y) {
            Ordering::Equal => {}
            other => return (other, Some(*tie)),
        }
    }
    (a.0.members.cmp(&b.0.members), None)
}

fn at(tie: TieBreak, i: usize, a: (&Unit, &UnitChoice), b: (&Unit, &UnitChoice)) -> (Key, Key) {
    if tie == TieBreak::Distance { (a.1.distance, b.1.distance) } else { (a.0.keys[i], b.0.keys[i]) }
}

/// What two units have by a tie-break, for the trace.
pub(super) fn values(rules: &RuleSet, tie: TieBreak, a: (&Unit, &UnitChoice), b: (&Unit, &UnitChoice)) -> (Option<i64>, Option<i64>) {
    let i = rules.tie_break().iter().position(|other| *other == tie).unwrap_or(0);
    let (x, y) = at(tie, i, a, b);
    (x.value(tie), y.value(tie))
}
