//! Rule sets that must not be taken.

use serde_json::{Value as Json, json};

use crate::enrolment::golden::input;
use crate::enrolment::rules::{RuleSet, TieBreak};

fn faults(rules: Json) -> Vec<(String, &'static str)> {
    let faults = RuleSet::new(&input(&rules)).err().unwrap_or_default();
    faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
}

fn tiers(whens: &[Json]) -> Json {
    let tiers: Vec<_> =
        whens.iter().enumerate().map(|(i, when)| json!({"code": format!("t{i}"), "batch": i + 1, "name": "类别", "when": when})).collect();
    json!({"tiers": tiers, "documents": [], "tie_break": [], "seat_lock_years": 6})
}

fn one(when: Json) -> Vec<(String, &'static str)> {
    faults(tiers(&[when]))
}

fn at(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), code)]
}

#[test]
fn conditions_speak_of_known_facts_with_fitting_values() {
    assert_eq!(one(json!({"fact": "salary", "op": "eq", "value": 1})), at("/tiers/0/when/fact", "unknown_fact"));
    assert_eq!(one(json!({"fact": "native", "op": "is", "value": true})), at("/tiers/0/when/op", "unknown_op"));
    assert_eq!(one(json!({"fact": "native", "op": "lt", "value": true})), at("/tiers/0/when/op", "op_not_for_kind"));
    assert_eq!(one(json!({"fact": "native", "op": "eq", "value": 1})), at("/tiers/0/when/value", "wrong_type"));
    assert_eq!(one(json!({"fact": "native", "op": "eq"})), at("/tiers/0/when/value", "value_missing"));
    assert_eq!(one(json!({"fact": "house_on", "op": "eq", "value": null})), at("/tiers/0/when/value", "value_missing"));
    assert_eq!(one(json!({"fact": "house_on", "op": "present", "value": true})), at("/tiers/0/when/value", "value_unexpected"));
    assert_eq!(one(json!({"fact": "house_on", "op": "le", "value": "2021-13-01"})), at("/tiers/0/when/value", "date_format"));
    assert_eq!(one(json!({"fact": "owner_share", "op": "ge", "value": 200})), at("/tiers/0/when/value", "out_of_range"));
    assert_eq!(one(json!({"fact": "house_owner", "op": "eq", "value": "cat"})), at("/tiers/0/when/value", "unknown_choice"));
    assert_eq!(one(json!({"all": []})), at("/tiers/0/when/all", "empty"));
}

#[test]
fn a_fault_deep_inside_is_pointed_at() {
    let when = json!({"any": [{"fact": "native", "op": "eq", "value": true}, {"not": {"all": [{"fact": "x", "op": "y"}]}}]});
    assert_eq!(
        one(when),
        [("/tiers/0/when/any/1/not/all/0/fact".to_owned(), "unknown_fact"), ("/tiers/0/when/any/1/not/all/0/op".to_owned(), "unknown_op")]
    );
}

#[test]
fn conditions_are_bounded_in_depth_and_size() {
    let leaf = || json!({"fact": "native", "op": "eq", "value": true});
    let deep = |n: usize| (0..n).fold(leaf(), |inner, _| json!({"not": inner}));
    assert_eq!(one(deep(7)), []);
    assert_eq!(one(deep(8)).iter().map(|f| f.1).collect::<Vec<_>>(), ["too_deep"]);
    let wide = |n: usize| json!({"any": (0..n).map(|_| leaf()).collect::<Vec<_>>()});
    assert_eq!(one(wide(63)), []);
    assert_eq!(one(wide(64)), at("/tiers/0/when", "too_large"));
    assert_eq!(one(wide(20_000)), at("/tiers/0/when", "too_large"));
}

#[test]
fn a_condition_that_contradicts_itself_is_found() {
    let before = json!({"fact": "house_on", "op": "lt", "value": "2021-03-01"});
    let after = json!({"fact": "house_on", "op": "ge", "value": "2021-03-01"});
    assert_eq!(one(json!({"all": [before, after]})), at("/tiers/0/when", "never_true"));
    let narrow = json!({"all": [{"fact": "owner_share", "op": "gt", "value": 49}, {"fact": "owner_share", "op": "lt", "value": 50}]});
    assert_eq!(one(narrow), at("/tiers/0/when", "never_true"));
    let day =
        json!({"all": [{"fact": "house_on", "op": "gt", "value": "2021-02-28"}, {"fact": "house_on", "op": "lt", "value": "2021-03-02"}]});
    assert_eq!(one(day), []);
    assert_eq!(one(json!({"fact": "owner_share", "op": "lt", "value": 0})), at("/tiers/0/when", "never_true"));
    let owners =
        json!({"all": [{"fact": "house_owner", "op": "eq", "value": "parent"}, {"fact": "house_owner", "op": "eq", "value": "other"}]});
    assert_eq!(one(owners), at("/tiers/0/when", "never_true"));
}

#[test]
fn a_tier_that_earlier_ones_leave_nobody_for_is_found() {
    let early = json!({"fact": "hukou_on", "op": "le", "value": "2021-03-01"});
    let earlier = json!({"fact": "hukou_on", "op": "le", "value": "2020-03-01"});
    assert_eq!(faults(tiers(&[early.clone(), earlier.clone()])), at("/tiers/1/when", "unreachable"));
    assert_eq!(faults(tiers(&[earlier, early])), []);
    let yes = json!({"fact": "migrant", "op": "eq", "value": true});
    let no = json!({"not": yes});
    let house = json!({"fact": "house_on", "op": "present"});
    assert_eq!(faults(tiers(&[yes, no, house])), at("/tiers/2/when", "unreachable"));
}

#[test]
fn codes_are_unique_and_batches_in_order() {
    let mut rules = tiers(&[json!({"fact": "native", "op": "eq", "value": true}), json!({"fact": "migrant", "op": "eq", "value": true})]);
    rules["tiers"][0]["batch"] = json!(2);
    rules["tiers"][1]["batch"] = json!(1);
    rules["tiers"][1]["code"] = json!("t0");
    rules["documents"] = json!([{"kind": "deed"}, {"kind": "deed"}]);
    assert_eq!(
        faults(rules),
        [
            ("/tiers/1/batch".to_owned(), "batch_order"),
            ("/tiers/1/code".to_owned(), "duplicate"),
            ("/documents/1/kind".to_owned(), "duplicate")
        ]
    );
}

#[test]
fn tie_breaks_are_known_dated_and_not_idle() {
    let of = |ties: Json| {
        let mut rules = tiers(&[json!({"fact": "native", "op": "eq", "value": true})]);
        rules["tie_break"] = ties;
        faults(rules)
    };
    assert_eq!(of(json!(["earlier:hukou_on", "points", "distance", "draw"])), []);
    assert_eq!(of(json!(["coin"])), at("/tie_break/0", "unknown_tie_break"));
    assert_eq!(of(json!(["earlier:salary"])), at("/tie_break/0", "unknown_fact"));
    assert_eq!(of(json!(["earlier:native"])), at("/tie_break/0", "wrong_type"));
    assert_eq!(of(json!(["draw", "points"])), at("/tie_break/1", "unreachable"));
    assert_eq!(of(json!(["points", "points"])), at("/tie_break/1", "duplicate"));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let rules = json!({
        "tiers": [{"code": "a b", "batch": 0, "name": " ", "when": {"fact": "x", "op": "eq", "value": 1}}],
        "documents": [{"kind": "", "when": {"all": []}}],
        "points": [{"code": "p", "name": "分", "points": 0, "per": {"fact": "native", "unit": 0, "max_points": 0}},
                   {"code": "q", "name": "分", "points": 1, "when": {"fact": "points", "op": "ge", "value": 1}}],
        "tie_break": ["coin"], "seat_lock_years": 60, "rest": "go_home", "max_choices": 0
    });
    let mut found = faults(rules);
    found.sort();
    let expected = [
        ("/documents/0/kind", "code_format"),
        ("/documents/0/when/all", "empty"),
        ("/max_choices", "out_of_range"),
        ("/points/0/per/fact", "wrong_type"),
        ("/points/0/per/max_points", "out_of_range"),
        ("/points/0/per/unit", "out_of_range"),
        ("/points/0/points", "out_of_range"),
        ("/points/1/when", "circular"),
        ("/rest", "unknown_rest"),
        ("/seat_lock_years", "out_of_range"),
        ("/tie_break/0", "unknown_tie_break"),
        ("/tiers/0/batch", "out_of_range"),
        ("/tiers/0/code", "code_format"),
        ("/tiers/0/name", "blank"),
        ("/tiers/0/when/fact", "unknown_fact"),
    ];
    assert_eq!(found, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    assert_eq!(faults(json!({"tiers": [], "seat_lock_years": 0})), at("/tiers", "empty"));
}

#[test]
fn a_draw_is_always_the_last_tie_break() {
    let mut rules = tiers(&[json!({"fact": "native", "op": "eq", "value": true})]);
    assert_eq!(RuleSet::new(&input(&rules)).expect("rules").tie_break(), [TieBreak::Draw]);
    rules["tie_break"] = json!(["points"]);
    assert_eq!(RuleSet::new(&input(&rules)).expect("rules").tie_break(), [TieBreak::Points, TieBreak::Draw]);
}

/// A rule set made to be hard to search: the answer may be "not known", but it comes soon and refuses nothing.
#[test]
fn a_search_that_is_too_long_claims_nothing() {
    let dates = ["hukou_on", "house_on", "lease_until", "permit_on"];
    let numbers = ["owner_share", "permit_months", "residence_months", "work_months", "insurance_months", "volunteer_hours"];
    let pair = |a: Json, b: Json| json!({"any": [a, b]});
    let mut parts = Vec::new();
    for (i, number) in numbers.iter().enumerate() {
        let date = dates[i % dates.len()];
        let day = format!("20{}-01-01", 10 + i);
        parts.push(pair(json!({"fact": number, "op": "ge", "value": 40 + i}), json!({"fact": date, "op": "le", "value": day})));
        parts.push(pair(json!({"fact": number, "op": "lt", "value": 40 + i}), json!({"fact": date, "op": "gt", "value": day})));
    }
    let found = one(json!({"all": parts}));
    assert!(found.iter().all(|fault| fault.1 == "never_true"), "{found:?}");
}
