//! Rule sets as JSON: the form in which the domain writes one, read back.

use jiazai_domain::enrolment::rules::{DocumentInput, ExprInput, PerInput, PointsInput, RuleSet, RuleSetInput, TierInput, ValueInput};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::db::DbError;

#[derive(Deserialize)]
struct Stored {
    tiers: Vec<StoredTier>,
    #[serde(default)]
    documents: Vec<StoredDocument>,
    #[serde(default)]
    points: Vec<StoredPoints>,
    tie_break: Vec<String>,
    seat_lock_years: i64,
    siblings_exempt: Option<bool>,
    rest: Option<String>,
    choices_in_zone_only: Option<bool>,
    max_choices: Option<i64>,
}

#[derive(Deserialize)]
struct StoredTier {
    code: String,
    batch: i64,
    name: String,
    when: StoredExpr,
}

#[derive(Deserialize)]
struct StoredDocument {
    kind: String,
    when: Option<StoredExpr>,
}

#[derive(Deserialize)]
struct StoredPoints {
    code: String,
    name: String,
    when: Option<StoredExpr>,
    points: i64,
    per: Option<StoredPer>,
}

#[derive(Deserialize)]
struct StoredPer {
    fact: String,
    unit: i64,
    max_points: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StoredExpr {
    All { all: Vec<StoredExpr> },
    Any { any: Vec<StoredExpr> },
    Not { not: Box<StoredExpr> },
    Fact { fact: String, op: String, value: Option<Json> },
}

impl From<StoredExpr> for ExprInput {
    fn from(stored: StoredExpr) -> Self {
        let each = |parts: Vec<StoredExpr>| parts.into_iter().map(ExprInput::from).collect();
        match stored {
            StoredExpr::All { all } => Self::All(each(all)),
            StoredExpr::Any { any } => Self::Any(each(any)),
            StoredExpr::Not { not } => Self::Not(Box::new(ExprInput::from(*not))),
            StoredExpr::Fact { fact, op, value } => Self::Fact { fact, op, value: value.as_ref().map(self::value) },
        }
    }
}

/// A value of a fact as it stands in JSON.
pub(super) fn value(json: &Json) -> ValueInput {
    match json {
        Json::Null => ValueInput::Null,
        Json::Bool(flag) => ValueInput::Bool(*flag),
        Json::Number(number) => number.as_i64().map_or(ValueInput::Other, ValueInput::Int),
        Json::String(text) => ValueInput::Text(text.clone()),
        Json::Array(_) | Json::Object(_) => ValueInput::Other,
    }
}

impl From<Stored> for RuleSetInput {
    fn from(stored: Stored) -> Self {
        let tier = |t: StoredTier| TierInput { code: t.code, batch: t.batch, name: t.name, when: t.when.into() };
        let document = |d: StoredDocument| DocumentInput { kind: d.kind, when: d.when.map(ExprInput::from) };
        let points = |p: StoredPoints| PointsInput {
            code: p.code,
            name: p.name,
            when: p.when.map(ExprInput::from),
            points: p.points,
            per: p.per.map(|per| PerInput { fact: per.fact, unit: per.unit, max_points: per.max_points }),
        };
        Self {
            tiers: stored.tiers.into_iter().map(tier).collect(),
            documents: stored.documents.into_iter().map(document).collect(),
            points: stored.points.into_iter().map(points).collect(),
            tie_break: stored.tie_break,
            seat_lock_years: stored.seat_lock_years,
            siblings_exempt: stored.siblings_exempt,
            rest: stored.rest,
            choices_in_zone_only: stored.choices_in_zone_only,
            max_choices: stored.max_choices,
        }
    }
}

/// The rules of a stored document. Checked as when they were typed: rules that do not hold today decide nothing.
pub fn rule_set(json: &str) -> Result<RuleSet, DbError> {
    RuleSet::new(&rule_set_input(json)?).map_err(|faults| {
        let first = faults.first().map(|fault| format!("{} {}", fault.pointer, fault.code)).unwrap_or_default();
        DbError::Corrupt(format!("a rule set does not hold any more: {first}"))
    })
}

/// The same before it is checked.
pub fn rule_set_input(json: &str) -> Result<RuleSetInput, DbError> {
    serde_json::from_str::<Stored>(json).map(RuleSetInput::from).map_err(|e| DbError::Corrupt(e.to_string()))
}

#[cfg(test)]
mod tests {
    use jiazai_domain::enrolment::samples::SAMPLES;

    use super::*;

    #[test]
    fn every_rule_set_reads_back_as_it_was_written() {
        for sample in SAMPLES {
            let rules = rule_set(sample.rules).expect(sample.code);
            let written = serde_json::to_string(&rules).expect("JSON");
            assert_eq!(rule_set(&written).expect("read back"), rules, "{}", sample.code);
        }
        assert!(matches!(rule_set("{}"), Err(DbError::Corrupt(_))));
        assert!(matches!(rule_set(r#"{"tiers":[],"tie_break":[],"seat_lock_years":0}"#), Err(DbError::Corrupt(_))));
    }
}
