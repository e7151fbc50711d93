//! The facts that rules may speak of, rule sets to begin with, and trying rules out.

use jiazai_domain::enrolment::round::Round;
use jiazai_domain::enrolment::rules::{FACTS, RuleSet};
use jiazai_domain::enrolment::samples::SAMPLES;
use jiazai_infra::db::DbError;
use jiazai_infra::enrolment::rule_set;

use super::dto::{EnrolmentFact, EnrolmentFacts, RuleTrial, RuleTrialResult, SampleRuleSet, SampleRuleSets};
use crate::call::{Call, Outcome};
use crate::faults::faulty;
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(list_enrolment_facts, Access::Public))
        .add(op!(list_enrolment_rule_sets, Access::Public))
        .add(op!(try_enrolment_rule_set, Access::Roles(Round::MAKERS)));
}

/// The dictionary of facts
///
/// What forms ask for and rules compare. Names are never changed; entries may be added.
#[utoipa::path(get, path = "/meta/enrolment-facts", tag = "meta", operation_id = "list_enrolment_facts",
    responses((status = 200, body = EnrolmentFacts)))]
async fn list_enrolment_facts(call: Call) -> Outcome {
    call.query()?.finish()?;
    Ok(call.answer(Reply::ok(&EnrolmentFacts { items: FACTS.iter().map(EnrolmentFact::from).collect() })?))
}

/// Rule sets to begin with
///
/// Four kinds of district, each complete and valid. Dates, shares and batches are to be changed to what the district has announced.
#[utoipa::path(get, path = "/meta/enrolment-rule-sets", tag = "meta", operation_id = "list_enrolment_rule_sets",
    responses((status = 200, body = SampleRuleSets)))]
async fn list_enrolment_rule_sets(call: Call) -> Outcome {
    call.query()?.finish()?;
    let item = |sample: &jiazai_domain::enrolment::samples::Sample| {
        let rules = rule_set(sample.rules)?;
        Ok::<_, DbError>(SampleRuleSet { code: sample.code, name: sample.name, about: sample.about, rules })
    };
    Ok(call.answer(Reply::ok(&SampleRuleSets { items: SAMPLES.iter().map(item).collect::<Result<_, _>>()? })?))
}

/// Try a rule set out
///
/// Before a round is made of it: all its faults, or what it says of a child of whom these facts are known. Nothing is stored.
#[utoipa::path(post, path = "/meta/enrolment-rule-sets/try", tag = "enrolment", operation_id = "try_enrolment_rule_set",
    request_body(content = RuleTrial, example = json!({
        "rules": { "tiers": [{ "code": "local", "batch": 1, "name": "有户口", "when": { "fact": "hukou_on", "op": "le", "value": "2026-03-01" } }], "seat_lock_years": 6 },
        "facts": { "hukou_on": "2025-05-01" } })),
    responses((status = 200, body = RuleTrialResult)))]
async fn try_enrolment_rule_set(call: Call) -> Outcome {
    let body: RuleTrial = call.body()?;
    // Away from the workers, though nothing is read: the search for contradictions may take a part of a second.
    call.ask(move |_, _| {
        let rules = RuleSet::new(&body.rules.input()).map_err(|faults| faulty("/rules", faults))?;
        Reply::ok(&RuleTrialResult::of(rules, &body.facts.supposed("/facts")?))
    })
    .await
}
