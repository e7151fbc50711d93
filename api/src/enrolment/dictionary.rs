//! The facts that rules may speak of, and rule sets to begin with.

use jiazai_domain::enrolment::rules::FACTS;
use jiazai_domain::enrolment::samples::SAMPLES;
use jiazai_infra::db::DbError;
use jiazai_infra::enrolment::rule_set;

use super::dto::{EnrolmentFact, EnrolmentFacts, SampleRuleSet, SampleRuleSets};
use crate::call::{Call, Outcome};
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(list_enrolment_facts, Access::Public)).add(op!(list_enrolment_rule_sets, Access::Public));
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
