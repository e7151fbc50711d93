//! What comes out of an allocation, in one order and in bytes that can be compared.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::trace::{Batch, Trace, traces};
use super::unit::{Applicant, Unit};
use crate::enrolment::SchoolId;
use crate::enrolment::draw::hex;
use crate::enrolment::round::Plan;
use crate::enrolment::rules::{Rest, RuleSet};

/// Where a child is after the allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    Offered {
        school: SchoolId,
        /// Which wish, from 1.
        choice: usize,
    },
    Waiting,
    ToCoordinate,
}

/// A child and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Placement {
    pub receipt: String,
    pub tier: String,
    pub batch: i64,
    #[serde(flatten)]
    pub result: Outcome,
}

/// How a school's seats were used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Utilisation {
    pub school: SchoolId,
    pub seats: i64,
    pub placed: i64,
    /// 递补顺序: the receipts without a place that listed the school, in the order in which a released seat is offered: by
    /// batch, then by the school's own order. Households are their members one after the other.
    pub waiting: Vec<String>,
}

/// The whole result. Its JSON is the same, byte for byte, whenever the input is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allocation {
    /// By receipt.
    pub placements: Vec<Placement>,
    /// By receipt, one for each placement.
    pub traces: Vec<Trace>,
    /// By school.
    pub schools: Vec<Utilisation>,
    /// Whether the draw decided about anybody.
    pub draw_decided: bool,
}

/// A child whose place differs between two allocations: for a dry run beside the one that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub receipt: String,
    pub before: Option<Outcome>,
    pub after: Option<Outcome>,
}

pub(super) fn assemble(plan: &Plan, sorted: &[&Applicant], units: &[Unit], batches: &[Batch], rules: &RuleSet) -> Allocation {
    let schools: Vec<SchoolId> = plan.keys().copied().collect();
    let mut placed = vec![0; schools.len()];
    let mut waiting: Vec<Vec<String>> = vec![Vec::new(); schools.len()];
    let mut results: Vec<Option<Outcome>> = vec![None; sorted.len()];
    let mut all_traces: Vec<(usize, Trace)> = Vec::with_capacity(sorted.len());
    for batch in batches {
        let mut passed_over: Vec<Vec<(u32, usize)>> = vec![Vec::new(); schools.len()];
        for (u, unit) in units[batch.units.clone()].iter().enumerate() {
            let place = batch.filled.places[u];
            let result = match place.map(|c| unit.choices[c]) {
                Some(choice) => {
                    placed[choice.school] += unit.size();
                    Outcome::Offered { school: schools[choice.school], choice: choice.listed + 1 }
                }
                None if rules.rest() == Rest::Coordinate || unit.choices.is_empty() => Outcome::ToCoordinate,
                None => Outcome::Waiting,
            };
            // Who has a place elsewhere does not wait: a seat that is let go would set off a chain of moves after the
            // lists were published.
            for (c, choice) in unit.choices.iter().enumerate().filter(|_| place.is_none()) {
                passed_over[choice.school].push((batch.filled.ranks[u][c], batch.units.start + u));
            }
            unit.members.iter().for_each(|member| results[*member] = Some(result));
        }
        for (school, mut list) in passed_over.into_iter().enumerate() {
            list.sort_unstable();
            let receipts = list.into_iter().flat_map(|(_, u)| units[u].members.iter().map(|member| sorted[*member].receipt.clone()));
            waiting[school].extend(receipts);
        }
        all_traces.extend(traces(batch, units, sorted, &schools, rules));
    }
    all_traces.sort_by_key(|(member, _)| *member);
    let placements = sorted.iter().zip(results).map(|(one, result)| Placement {
        receipt: one.receipt.clone(),
        tier: one.tier.clone(),
        batch: one.batch,
        // Everybody is in one unit and every unit in one batch; whoever were not would be found a school by hand.
        result: result.unwrap_or(Outcome::ToCoordinate),
    });
    let used = plan.iter().zip(placed).zip(waiting).map(|(((school, seats), placed), waiting)| Utilisation {
        school: *school,
        seats: *seats,
        placed,
        waiting,
    });
    Allocation {
        placements: placements.collect(),
        traces: all_traces.into_iter().map(|(_, trace)| trace).collect(),
        schools: used.collect(),
        draw_decided: batches.iter().any(|batch| batch.filled.draw_decided),
    }
}

impl Allocation {
    /// The placements as text: `receipt,batch,tier,school or waiting or to_coordinate` and a line feed each, by receipt.
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        for one in &self.placements {
            let result = match one.result {
                Outcome::Offered { school, .. } => school.text(),
                Outcome::Waiting => "waiting".to_owned(),
                Outcome::ToCoordinate => "to_coordinate".to_owned(),
            };
            out.push_str(&format!("{},{},{},{result}\n", one.receipt, one.batch, one.tier));
        }
        out
    }

    /// Hexadecimal SHA-256 of [`canonical`](Self::canonical): what is published, and stays verifiable when papers are purged.
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.canonical().as_bytes()))
    }

    /// Whose place differs in another allocation, by receipt.
    pub fn differences(&self, after: &Allocation) -> Vec<Difference> {
        type Sides = (Option<Outcome>, Option<Outcome>);
        let mut all: BTreeMap<&str, Sides> = self.placements.iter().map(|p| (p.receipt.as_str(), (Some(p.result), None))).collect();
        for p in &after.placements {
            all.entry(&p.receipt).or_default().1 = Some(p.result);
        }
        let differs = all.into_iter().filter(|(_, (before, after))| before != after);
        differs.map(|(receipt, (before, after))| Difference { receipt: receipt.to_owned(), before, after }).collect()
    }
}
