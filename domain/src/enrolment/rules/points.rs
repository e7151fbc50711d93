//! Points 积分: a table that turns facts into a number.
//!
//! An item gives its points once when its condition holds, or once for every full unit of a number (two points for
//! every twelve months of insurance) up to a limit. One unknown item makes the sum unknown: a sum that may still grow
//! is no sum to rank children by.

use serde::Serialize;

use super::expr::{Expr, ExprInput, Truth};
use super::fact::{Fact, FactKind, FactSet, Value};
use super::ruleset::code;
use crate::kernel::fault::Faults;
use crate::kernel::text::line;

pub const MAX_POINTS: i64 = 1000;

/// An item as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsInput {
    pub code: String,
    pub name: String,
    pub when: Option<ExprInput>,
    /// May be negative.
    pub points: i64,
    pub per: Option<PerInput>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerInput {
    pub fact: String,
    pub unit: i64,
    /// The most that this item gives.
    pub max_points: i64,
}

/// A row of the points table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PointsItem {
    pub code: String,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Expr>,
    pub points: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Per {
    pub fact: Fact,
    pub unit: i64,
    pub max_points: i64,
}

/// What one item gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Score {
    pub code: String,
    pub name: String,
    /// None while it is unknown.
    pub points: Option<i64>,
}

impl PointsItem {
    pub(super) fn check(input: &PointsInput, pointer: &str, faults: &mut Faults) -> Option<Self> {
        let at = |field: &str| format!("{pointer}/{field}");
        let code = faults.take(&at("code"), code(&input.code));
        let name = faults.take(&at("name"), line(&input.name, 40));
        faults.require((-MAX_POINTS..=MAX_POINTS).contains(&input.points) && input.points != 0, &at("points"), "out_of_range");
        let when = match &input.when {
            None => Some(None),
            Some(when) => Expr::check(when, &at("when"), faults).map(Some),
        };
        if let Some(Some(when)) = &when {
            let mut tests = Vec::new();
            when.tests(&mut tests);
            faults.require(tests.iter().all(|test| test.fact.name() != "points"), &at("when"), "circular");
        }
        let per = match &input.per {
            None => Some(None),
            Some(per) => Per::check(per, &at("per"), faults).map(Some),
        };
        let (code, name) = code.zip(name)?;
        Some(Self { code, name, when: when?, points: input.points, per: per? })
    }

    pub(super) fn score(&self, facts: &FactSet) -> Score {
        let points = match self.when.as_ref().map_or(Truth::Yes, |when| when.truth(facts)) {
            Truth::No => Some(0),
            Truth::Unknown => None,
            Truth::Yes => match self.per {
                None => Some(self.points),
                Some(per) => facts.get(per.fact).map(|value| match value {
                    Value::Int(n) => (n / per.unit * self.points).clamp(-per.max_points, per.max_points),
                    _ => 0,
                }),
            },
        };
        Score { code: self.code.clone(), name: self.name.clone(), points }
    }

    /// The facts that keep this item from being known.
    pub(super) fn unknown(&self, facts: &FactSet, into: &mut Vec<Fact>) {
        let truth = self.when.as_ref().map_or(Truth::Yes, |when| {
            let mut why = Vec::new();
            let truth = when.explain(facts, &mut why);
            into.extend(why.iter().filter(|c| c.result == Truth::Unknown).map(|c| c.fact));
            truth
        });
        if let Some(per) = self.per
            && truth != Truth::No
            && facts.get(per.fact).is_none()
        {
            into.push(per.fact);
        }
    }
}

impl Per {
    fn check(input: &PerInput, pointer: &str, faults: &mut Faults) -> Option<Self> {
        let fact = Fact::find(&input.fact).ok_or("unknown_fact").and_then(|fact| match fact.def().kind {
            FactKind::Integer if fact.name() == "points" => Err("circular"),
            FactKind::Integer => Ok(fact),
            _ => Err("wrong_type"),
        });
        let fact = faults.take(&format!("{pointer}/fact"), fact);
        faults.require((1..=100_000).contains(&input.unit), &format!("{pointer}/unit"), "out_of_range");
        faults.require((1..=MAX_POINTS).contains(&input.max_points), &format!("{pointer}/max_points"), "out_of_range");
        fact.map(|fact| Self { fact, unit: input.unit, max_points: input.max_points })
    }
}
