//! The tables of cases: facts, the verdict, and the fact whose comparison is part of the rule that decided.

use serde_json::Value as Json;

use super::*;
use crate::enrolment::rules::{FactSet, Truth, Verdict};

fn check(rules: &str, cases: &str) -> usize {
    let rules = rule_set(rules);
    let cases: Vec<Json> = serde_json::from_str(cases).expect("JSON");
    for case in &cases {
        let name = text(&case[0]);
        let inputs: Vec<_> = case[1].as_object().expect("facts").iter().map(|(k, v)| (k.clone(), value(v))).collect();
        // Restored rather than declared, because some cases know what the system works out.
        let facts = FactSet::restore(inputs.iter().map(|(k, v)| (k.as_str(), v))).unwrap_or_else(|f| panic!("{name}: {f:?}"));
        let finding = rules.evaluate(&facts);
        let found = match &finding.verdict {
            Verdict::Eligible { tier, .. } => tier.clone(),
            Verdict::Ineligible => "ineligible".to_owned(),
            Verdict::Undecided { missing, .. } => format!("undecided:{}", missing.iter().map(|f| f.name()).collect::<Vec<_>>().join(",")),
        };
        let expected = text(&case[2]);
        assert_eq!(found, expected, "{name}: {:#?}", finding.reasons);
        let deciding = finding.deciding().expect("a rule decided");
        assert!(deciding.comparisons.iter().any(|c| c.fact.name() == case[3]), "{name}: {:#?}", finding.reasons);
        let result = match &finding.verdict {
            Verdict::Eligible { tier, batch } => {
                assert_eq!((&deciding.rule, deciding.batch), (tier, *batch), "{name}");
                Truth::Yes
            }
            Verdict::Ineligible => Truth::No,
            Verdict::Undecided { .. } => Truth::Unknown,
        };
        assert_eq!(deciding.result, result, "{name}");
        assert!(deciding.text.contains(&deciding.name), "{name}: {}", deciding.text);
        assert!(deciding.comparisons.iter().all(|c| deciding.text.contains(c.label)), "{name}: {}", deciding.text);
        if case.get(4).is_some() {
            assert_eq!(finding.points, case[4].as_i64(), "{name}");
        }
    }
    cases.len()
}

#[test]
fn every_golden_case_is_decided_by_the_rule_that_it_names() {
    let checked = [
        check(ANXI, include_str!("anxi.cases.json")),
        check(FUZHOU, include_str!("fuzhou.cases.json")),
        check(YONGAN, include_str!("yongan.cases.json")),
        check(POINTS, include_str!("points.cases.json")),
    ];
    assert!(checked.iter().sum::<usize>() >= 60, "{checked:?}");
}

#[test]
fn a_rule_set_is_written_as_it_is_read() {
    for json in [ANXI, FUZHOU, YONGAN, POINTS] {
        let rules = rule_set(json);
        let written = serde_json::to_value(&rules).expect("JSON");
        assert_eq!(RuleSet::new(&input(&written)).as_ref(), Ok(&rules));
        let read: Json = serde_json::from_str(json).expect("JSON");
        for field in ["tiers", "documents", "tie_break", "seat_lock_years"] {
            assert_eq!(written[field], read[field], "{field}");
        }
    }
}
