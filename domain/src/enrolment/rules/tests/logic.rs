//! Facts, conditions and verdicts.

use proptest::prelude::*;

use crate::enrolment::golden::{ANXI, FUZHOU, POINTS, YONGAN, rule_set};
use crate::enrolment::rules::*;

fn facts(pairs: &[(&str, ValueInput)]) -> FactSet {
    FactSet::restore(pairs.iter().map(|(name, value)| (*name, value))).expect("facts")
}

fn text(text: &str) -> ValueInput {
    ValueInput::Text(text.to_owned())
}

#[test]
fn every_fact_has_its_own_name_and_a_label() {
    let mut names: Vec<_> = FACTS.iter().map(|def| def.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FACTS.len());
    assert!(FACTS.len() < 256);
    for def in FACTS {
        assert_eq!(Fact::find(def.name).map(Fact::name), Some(def.name));
        assert!(!def.label.is_ascii());
        assert_eq!(def.kind == FactKind::Choice, !def.choices.is_empty());
    }
}

#[test]
fn all_wrong_facts_are_named_at_once() {
    let inputs = [
        ("hukou_on", text("2021-02-30")),
        ("house_on", text("2021-2-3")),
        ("native", text("true")),
        ("owner_share", ValueInput::Int(101)),
        ("policy_group", text("friend")),
        ("salary", ValueInput::Int(1)),
        ("a/b", ValueInput::Int(1)),
        ("seat_taken", ValueInput::Bool(false)),
        ("insurance_months", ValueInput::Other),
        ("born_on", text("2019-01-01")),
    ];
    let faults = FactSet::declared(inputs.iter().map(|(n, v)| (*n, v))).expect_err("faults");
    let found: Vec<_> = faults.iter().map(|f| (f.pointer.as_str(), f.code)).collect();
    assert_eq!(
        found,
        [
            ("/hukou_on", "date_format"),
            ("/house_on", "date_format"),
            ("/native", "wrong_type"),
            ("/owner_share", "out_of_range"),
            ("/policy_group", "unknown_choice"),
            ("/salary", "unknown_fact"),
            ("/a~1b", "unknown_fact"),
            ("/seat_taken", "derived_fact"),
            ("/insurance_months", "wrong_type"),
            ("/born_on", "derived_fact"),
        ]
    );
}

#[test]
fn null_says_that_there_is_none_except_where_only_yes_or_no_can_be_meant() {
    let set = facts(&[("house_on", ValueInput::Null), ("native", ValueInput::Null)]);
    let fact = |name| Fact::find(name).expect("a fact");
    assert_eq!(set.get(fact("house_on")), Some(Value::None));
    assert_eq!(set.get(fact("native")), None);
    assert_eq!(set.get(fact("hukou_on")), None);
}

#[test]
fn facts_are_written_as_they_are_read() {
    let set = facts(&[("owner_share", ValueInput::Int(50)), ("hukou_on", text("2021-03-01")), ("house_on", ValueInput::Null)]);
    assert_eq!(serde_json::to_string(&set).expect("JSON"), r#"{"hukou_on":"2021-03-01","house_on":null,"owner_share":50}"#);
}

#[test]
fn a_reviewers_correction_replaces_what_was_declared_and_nothing_else() {
    let declared = facts(&[("hukou_on", text("2020-01-01")), ("native", ValueInput::Bool(false))]);
    let corrected = declared.corrected_by(&facts(&[("hukou_on", text("2022-01-01"))]));
    assert_eq!(corrected, facts(&[("hukou_on", text("2022-01-01")), ("native", ValueInput::Bool(false))]));
}

#[test]
fn a_reason_reads_like_a_sentence() {
    let finding = rule_set(ANXI).evaluate(&facts(&[("hukou_on", text("2020-05-01"))]));
    assert_eq!(
        finding.reasons[0].text,
        "符合第 1 批“截止日前有户口或房产，或世居本地”：户口迁入日期为 2020-05-01，“不晚于 2021-03-01”成立。"
    );
    let finding = rule_set(FUZHOU).evaluate(&facts(&[]));
    assert!(finding.reasons[0].text.starts_with("暂时无法判断是否符合第 1 批“片内生”：户口在片区内尚未填写，无法判断“是”"));
}

#[test]
fn missing_documents_are_those_that_are_surely_needed_and_not_at_hand() {
    let finding = rule_set(ANXI).evaluate(&facts(&[("hukou_on", text("2020-05-01")), ("house_on", ValueInput::Null)]));
    let missing: Vec<_> = finding.missing_documents(&["vaccination"]).iter().map(|need| need.kind.clone()).collect();
    assert_eq!(missing, ["guardian_id", "hukou_book"]);
    let unsure: Vec<_> = rule_set(ANXI).evaluate(&facts(&[])).documents.into_iter().filter(|d| d.needed == Truth::Unknown).collect();
    assert_eq!(unsure.len(), 3, "whether the others are needed depends on what is not known yet");
    assert_eq!(unsure[1].label, "不动产权证书");
}

#[test]
fn seat_pressure_has_three_bands() {
    let bands =
        [(10, 7, Pressure::Low), (10, 8, Pressure::Medium), (10, 10, Pressure::Medium), (10, 11, Pressure::High), (0, 0, Pressure::High)];
    for (seats, registrations, band) in bands {
        assert_eq!(Pressure::of(seats, registrations), band, "{seats} {registrations}");
    }
    assert_eq!(Pressure::of(u64::MAX, u64::MAX), Pressure::Medium);
}

/// Any set of facts, each known or not.
fn any_facts() -> impl Strategy<Value = FactSet> {
    prop::collection::vec((0..FACTS.len(), 0i64..4), 0..40).prop_map(|all| {
        all.into_iter().fold(FactSet::default(), |set, (at, n)| {
            let fact = Fact::find(FACTS[at].name).expect("a fact");
            let value = match FACTS[at].kind {
                FactKind::Bool => Value::Bool(n % 2 == 0),
                FactKind::Integer if n > 0 => Value::Int((n * 30).min(FACTS[at].max)),
                FactKind::Choice if n > 0 => Value::Choice(FACTS[at].choices[n as usize % FACTS[at].choices.len()].0),
                FactKind::Date if n > 0 => Value::Date(["2020-01-01", "2021-03-02", "2026-12-31"][n as usize - 1].parse().expect("a date")),
                _ => Value::None,
            };
            set.with(fact, value)
        })
    })
}

proptest! {
    /// The promise of three-valued logic: learning more never overturns what was decided.
    #[test]
    fn what_is_decided_stays_decided_when_more_becomes_known(known in any_facts(), more in any_facts()) {
        for json in [ANXI, FUZHOU, YONGAN, POINTS] {
            let rules = rule_set(json);
            let before = rules.evaluate(&known).verdict;
            let after = rules.evaluate(&more.clone().corrected_by(&known)).verdict;
            match before {
                Verdict::Undecided { possible, missing } => {
                    prop_assert!(!missing.is_empty());
                    if let Some(tier) = after.tier() {
                        prop_assert!(possible.iter().any(|code| code == tier), "{} not in {:?}", tier, possible);
                    }
                }
                decided => prop_assert_eq!(decided, after),
            }
        }
    }

    #[test]
    fn what_is_missing_suffices_to_decide(known in any_facts(), more in any_facts()) {
        let rules = rule_set(FUZHOU);
        if let Verdict::Undecided { missing, .. } = rules.evaluate(&known).verdict {
            let answered = missing.iter().fold(known, |set, fact| {
                let fallback = if fact.def().kind == FactKind::Bool { Value::Bool(false) } else { Value::None };
                set.with(*fact, more.get(*fact).unwrap_or(fallback))
            });
            let after = rules.evaluate(&answered).verdict;
            prop_assert!(after.eligible().is_some(), "{:?}", after);
        }
    }
}
