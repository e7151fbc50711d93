//! Rules of the allocation, each by the name of its test.

mod examples;
mod properties;

use uuid::Uuid;

use super::*;
use crate::enrolment::SchoolId;
use crate::enrolment::golden::rule_set;
use crate::enrolment::rules::{Fact, FactSet, RuleSet, Value};

fn school(n: u128) -> SchoolId {
    SchoolId::from_uuid(Uuid::from_u128(n))
}

fn plan(seats: &[i64]) -> Plan {
    seats.iter().enumerate().map(|(i, seats)| (school(i as u128), *seats)).collect()
}

/// Rules with tiers `t1`, `t2`, … in batches 1, 2, … and these tie-breaks.
fn rules(ties: &[&str], rest: &str) -> RuleSet {
    let tier = |n: i64| {
        let when = serde_json::json!({"fact": "insurance_months", "op": "eq", "value": n});
        serde_json::json!({"code": format!("t{n}"), "batch": n, "name": format!("第{n}类"), "when": when})
    };
    let json = serde_json::json!({"tiers": (1..=5).map(tier).collect::<Vec<_>>(), "tie_break": ties, "seat_lock_years": 6, "rest": rest});
    rule_set(&json.to_string())
}

fn child(receipt: &str, batch: i64, choices: &[u128]) -> Applicant {
    let choices = choices.iter().map(|n| Choice { school: school(*n), distance_m: None }).collect();
    let tier = format!("t{batch}");
    Applicant { receipt: receipt.to_owned(), tier, batch, household: None, choices, facts: FactSet::default(), points: None }
}

fn dated(mut one: Applicant, hukou_on: &str) -> Applicant {
    let fact = Fact::find("hukou_on").expect("a fact");
    one.facts = one.facts.with(fact, Value::Date(hukou_on.parse().expect("a date")));
    one
}

/// Every receipt, as a draw's roster has them.
fn roster(all: &[Applicant]) -> Vec<String> {
    all.iter().map(|one| one.receipt.clone()).collect()
}

fn order(receipts: &[&str]) -> Vec<String> {
    receipts.iter().map(|r| (*r).to_owned()).collect()
}

fn place(done: &Allocation, receipt: &str) -> Outcome {
    done.placements.iter().find(|p| p.receipt == receipt).expect("a placement").result
}

fn at(n: u128, choice: usize) -> Outcome {
    Outcome::Offered { school: school(n), choice }
}

fn trace<'a>(done: &'a Allocation, receipt: &str) -> &'a Trace {
    done.traces.iter().find(|t| t.receipt == receipt).expect("a trace")
}
