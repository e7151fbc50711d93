//! Rules 规则 as data: facts, conditions, tiers, points, and the verdict that they give.

mod evaluate;
mod expr;
mod fact;
mod points;
mod ruleset;
mod solve;
#[cfg(test)]
mod tests;

pub use evaluate::{DocumentNeed, Finding, Pressure, Reason, Verdict, document_label};
pub use expr::{Comparison, Expr, ExprInput, MAX_DEPTH, MAX_NODES, Op, Test, Truth};
pub use fact::{FACTS, Fact, FactDef, FactKind, FactSet, FactSource, Value, ValueInput};
pub use points::{MAX_POINTS, Per, PerInput, PointsInput, PointsItem, Score};
pub use ruleset::{
    DocumentInput, DocumentRule, MAX_BATCH, MAX_CHOICES, MAX_DOCUMENTS, MAX_POINTS_ITEMS, MAX_SEAT_LOCK_YEARS, MAX_TIE_BREAKS, MAX_TIERS,
    Rest, RuleSet, RuleSetInput, TieBreak, Tier, TierInput,
};
