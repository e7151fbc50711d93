//! Units 家庭号: what is placed as one, a child or the twins of a family.

use std::collections::BTreeMap;

use crate::enrolment::SchoolId;
use crate::enrolment::round::Plan;
use crate::enrolment::rules::{FactSet, RuleSet, TieBreak};

use super::order::{Key, keys};

/// A school that a family listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub school: SchoolId,
    /// The way to it in metres, if it is known.
    pub distance_m: Option<i64>,
}

/// A child that takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applicant {
    pub receipt: String,
    pub tier: String,
    pub batch: i64,
    /// The same text for all who go together; none for a child that goes alone.
    pub household: Option<String>,
    /// The best first.
    pub choices: Vec<Choice>,
    /// For `earlier:<fact>`.
    pub facts: FactSet,
    pub points: Option<i64>,
}

/// What is placed as one.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub batch: i64,
    /// Places in the sorted list of applicants, ascending.
    pub members: Vec<usize>,
    pub choices: Vec<UnitChoice>,
    /// By the tie-breaks that are the same at every school, in their order; distance is with the choice.
    pub keys: Vec<Key>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnitChoice {
    /// A place in the plan.
    pub school: usize,
    /// Its place in the family's own list.
    pub listed: usize,
    pub distance: Key,
}

impl Unit {
    pub(super) fn size(&self) -> i64 {
        self.members.len() as i64
    }

    /// Whether it has a place in the draw.
    pub(super) fn is_drawn(&self, rules: &RuleSet) -> bool {
        let at = rules.tie_break().iter().position(|tie| *tie == TieBreak::Draw);
        at.is_some_and(|at| self.keys[at] != Key::NONE)
    }
}

/// Those who go together: of the same household, the same batch and with the same wishes. Others are placed alone,
/// whatever they asked for: there is no one place that would be theirs.
fn together<'a>(sorted: &[&'a Applicant]) -> Vec<Vec<usize>> {
    type Bond<'a> = (&'a str, i64, Vec<SchoolId>);
    let mut groups: BTreeMap<Bond<'a>, Vec<usize>> = BTreeMap::new();
    let mut all = Vec::with_capacity(sorted.len());
    for (i, one) in sorted.iter().enumerate() {
        // A twin who came first has no household of its own: its receipt is the name of the household.
        let name = one.household.as_deref().unwrap_or(&one.receipt);
        let wishes = one.choices.iter().map(|choice| choice.school).collect();
        groups.entry((name, one.batch, wishes)).or_default().push(i);
    }
    all.extend(groups.into_values());
    all.sort_unstable();
    all
}

/// All units, by batch and within it in the order of the tie-breaks that hold everywhere.
pub(super) fn units(sorted: &[&Applicant], plan: &Plan, rules: &RuleSet, draw: Option<&[String]>) -> Vec<Unit> {
    let schools: BTreeMap<SchoolId, usize> = plan.keys().enumerate().map(|(i, school)| (*school, i)).collect();
    let drawn: BTreeMap<&str, i64> = draw.unwrap_or(&[]).iter().enumerate().map(|(i, receipt)| (receipt.as_str(), i as i64 + 1)).collect();
    let mut units: Vec<Unit> = together(sorted)
        .into_iter()
        .map(|members| {
            let all: Vec<&Applicant> = members.iter().map(|i| sorted[*i]).collect();
            let keys = keys(&all, rules, &drawn);
            let mut choices: Vec<UnitChoice> = Vec::new();
            for (listed, choice) in all[0].choices.iter().enumerate() {
                let Some(school) = schools.get(&choice.school) else { continue };
                if choices.iter().any(|other| other.school == *school) {
                    continue;
                }
                // Of several ways the longest: nobody comes nearer by having a twin.
                let ways = all.iter().map(|one| one.choices.get(listed).and_then(|c| c.distance_m));
                choices.push(UnitChoice { school: *school, listed, distance: ways.map(Key::ascending).max().unwrap_or(Key::NONE) });
            }
            Unit { batch: all[0].batch, members, choices, keys }
        })
        .collect();
    // Stable by receipt already: members are ascending, and so are the groups.
    units.sort_by(|a, b| a.batch.cmp(&b.batch).then_with(|| a.keys.cmp(&b.keys)));
    units
}
