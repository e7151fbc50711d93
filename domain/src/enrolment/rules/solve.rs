//! Whether conditions can be met at all: a small search that finds contradictions in a rule set.
//!
//! A condition compares facts with constants only, so of each fact a few values stand for all: one below, at and above
//! each constant, and none. The search fills in one fact after another and lets three-valued logic cut off what can no
//! longer succeed. It has a budget; where that runs out nothing is claimed, and a rule set is never refused on a guess.

use super::expr::{Expr, Truth};
use super::fact::{Fact, FactKind, FactSet, Value};
use crate::kernel::time::Date;

/// Steps for one rule set, all its questions together: well under a second in the worst case.
pub(super) const BUDGET: u32 = 20_000;

/// Whether some child could meet all of `wanted` and none of `unwanted`; none when the budget ran out first.
pub(super) fn possible(wanted: &[&Expr], unwanted: &[&Expr], budget: &mut u32) -> Option<bool> {
    let mut tests = Vec::new();
    wanted.iter().chain(unwanted).for_each(|expr| expr.tests(&mut tests));
    let mut facts: Vec<(Fact, Vec<Value>)> = Vec::new();
    for test in tests {
        let at = facts.iter().position(|(fact, _)| *fact == test.fact).unwrap_or_else(|| {
            facts.push((test.fact, standing(test.fact)));
            facts.len() - 1
        });
        for value in around(test.fact, test.value) {
            if !facts[at].1.contains(&value) {
                facts[at].1.push(value);
            }
        }
    }
    search(wanted, unwanted, &facts, &FactSet::default(), budget)
}

fn search(wanted: &[&Expr], unwanted: &[&Expr], open: &[(Fact, Vec<Value>)], known: &FactSet, budget: &mut u32) -> Option<bool> {
    *budget = budget.checked_sub(1)?;
    let truths = wanted.iter().map(|e| e.truth(known)).chain(unwanted.iter().map(|e| e.truth(known).not()));
    let mut all = Truth::Yes;
    for truth in truths {
        match truth {
            Truth::No => return Some(false),
            Truth::Unknown => all = Truth::Unknown,
            Truth::Yes => {}
        }
    }
    let Some(((fact, values), rest)) = open.split_first() else { return Some(all == Truth::Yes) };
    if all == Truth::Yes {
        return Some(true);
    }
    for value in values {
        if search(wanted, unwanted, rest, &known.clone().with(*fact, *value), budget)? {
            return Some(true);
        }
    }
    Some(false)
}

/// Values that a fact can have whatever it is compared with.
fn standing(fact: Fact) -> Vec<Value> {
    let def = fact.def();
    match def.kind {
        FactKind::Bool => vec![Value::Bool(true), Value::Bool(false)],
        FactKind::Choice => def.choices.iter().map(|(code, _)| Value::Choice(code)).chain([Value::None]).collect(),
        FactKind::Integer => vec![Value::Int(def.min), Value::Int(def.max), Value::None],
        // Two days far from any constant, so that "present" alone can be met.
        FactKind::Date => [(1900, 1, 1), (2199, 12, 31)]
            .iter()
            .filter_map(|(y, m, d)| Date::from_ymd_opt(*y, *m, *d))
            .map(Value::Date)
            .chain([Value::None])
            .collect(),
    }
}

/// The constant and its neighbours, as far as the fact can have them.
fn around(fact: Fact, constant: Option<Value>) -> Vec<Value> {
    match constant {
        Some(Value::Int(n)) => (n - 1..=n + 1).filter(|n| (fact.def().min..=fact.def().max).contains(n)).map(Value::Int).collect(),
        Some(Value::Date(day)) => [day.pred_opt(), Some(day), day.succ_opt()].into_iter().flatten().map(Value::Date).collect(),
        _ => vec![],
    }
}
