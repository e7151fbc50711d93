//! Allocation 派位: who gets which seat, and why; as one pure function.
//!
//! Batches come strictly in order: what one leaves, the next may have. Within a batch the tie-breaks of the rules put
//! the children in order, and where families list several schools, each child proposes to its best school first and a
//! school keeps the first in its order (deferred acceptance). So nobody is worse off for having listed the true wish
//! first, and no child is passed over by one behind it in the order.
//!
//! Twins who go together are one *household*: one place in the order (that of whichever of them stands worse), as many
//! seats as children, all or none at a school. Where the seats left at a school are fewer than the household, it is
//! passed over there and the next child may have them. Stability is then promised to single children, always, and to
//! households as far as that last rule goes: nothing stronger exists once two must go together.
//!
//! The result does not depend on the order of the input, and the same input gives the same bytes.

mod acceptance;
mod order;
mod outcome;
#[cfg(test)]
mod tests;
mod trace;
mod unit;

pub use outcome::{Allocation, Difference, Outcome, Placement, Utilisation};
pub use trace::{Criterion, Step, StepResult, Trace};
pub use unit::{Applicant, Choice};

use super::round::Plan;
use super::rules::RuleSet;

/// Why nothing was allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// This receipt is there twice.
    DuplicateReceipt { receipt: String },
    /// The rules leave children alike that one seat divides, and one of them has no place in a draw that was revealed.
    DrawNeeded,
}

impl Refusal {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DuplicateReceipt { .. } => "duplicate_receipt",
            Self::DrawNeeded => "draw_needed",
        }
    }
}

/// Fills the seats of the plan.
///
/// `draw` is the order of the draws that were revealed, one after the other. An allocation in which no draw decides needs none;
/// where one does, everybody about whom it decides must be in it: who is not would lose for having come late.
///
/// # Errors
/// [`Refusal`].
pub fn allocate(plan: &Plan, applicants: &[Applicant], rules: &RuleSet, draw: Option<&[String]>) -> Result<Allocation, Refusal> {
    let mut sorted: Vec<&Applicant> = applicants.iter().collect();
    sorted.sort_unstable_by(|a, b| a.receipt.cmp(&b.receipt));
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].receipt == pair[1].receipt) {
        return Err(Refusal::DuplicateReceipt { receipt: pair[0].receipt.clone() });
    }
    let units = unit::units(&sorted, plan, rules, draw);
    let mut left: Vec<i64> = plan.values().map(|seats| (*seats).max(0)).collect();
    let mut batches = Vec::new();
    let mut start = 0;
    while start < units.len() {
        let batch = units[start].batch;
        let end = start + units[start..].iter().take_while(|unit| unit.batch == batch).count();
        let filled = acceptance::fill(&units[start..end], &left, rules);
        if filled.undrawn {
            return Err(Refusal::DrawNeeded);
        }
        let before = left.clone();
        for (unit, place) in units[start..end].iter().zip(&filled.places) {
            if let Some(choice) = place {
                left[unit.choices[*choice].school] -= unit.size();
            }
        }
        batches.push(trace::Batch { units: start..end, filled, before });
        start = end;
    }
    Ok(outcome::assemble(plan, &sorted, &units, &batches, rules))
}
