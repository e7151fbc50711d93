//! The precheck: which tier a child would be in, which papers are missing, how the seats stand. Nothing is stored.

use jiazai_domain::enrolment::known::{KnownHome, household};
use jiazai_domain::enrolment::round::Facts;
use jiazai_domain::enrolment::rules::{Fact, FactSet, Pressure, Value};
use jiazai_domain::enrolment::{RoundKind, SchoolId};
use jiazai_infra::db::Tx;
use jiazai_infra::enrolment::{self as store, Sight, seat_use};

use super::absent;
use super::dto::{Precheck, PrecheckResult, ReasonDto, ScoreDto, Truth};
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, Fault};
use crate::input::{Day, Ref};
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(precheck_enrolment, Access::Residents));
}

/// Ask before anything is stored 预检
///
/// Says which tier and batch the child would be in and why, which papers are missing, and how the seats stand to the children registered.
/// What is not known stays unknown and is asked for (`missing_facts`); it never counts as false. Where nothing is sent, the
/// registry speaks for the caller's homes (`from_registry`).
#[utoipa::path(post, path = "/enrolment-rounds/{id}/precheck", tag = "enrolment", operation_id = "precheck_enrolment", params(("id" = String, Path)),
    request_body(content = Precheck, example = json!({ "facts": { "hukou_on": "2020-05-01", "house_on": null, "migrant": false }, "born_on": "2020-03-04", "documents": ["hukou_book"] })),
    responses((status = 200, body = PrecheckResult)))]
async fn precheck_enrolment(call: Call, id: At<RoundKind>) -> Outcome {
    let body: Precheck = call.body()?;
    call.ask_brief(move |tx, cx| precheck(tx, cx, id.0, &body)).await
}

fn precheck(tx: &mut Tx, cx: &Cx, id: jiazai_domain::enrolment::RoundId, body: &Precheck) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let round = store::round_facts(tx, &Sight::of(who), id)?.ok_or_else(absent)?;
    let wanted = choices(&round, body)?;
    let declared = body.facts.declared("/facts")?;
    let (now, today) = (tx.now(), tx.now().date());
    let mut homes = store::known_homes(tx, &cx.app.vault, who.id, body.home_id.map(|home| home.0))?;
    if body.home_id.is_some() && homes.is_empty() {
        return Err(ApiError::fault("/home_id", "not_your_home", "您未绑定该房屋", "is not a home that you are bound to"));
    }
    let born_on = body.born_on.map(|day| day.0);
    let registry = household(&mut homes, &round, born_on, today);
    let mut known = registry.clone().corrected_by(&declared);
    let mut derive = |name: &str, value: Value| {
        if let Some(fact) = Fact::find(name) {
            known = std::mem::take(&mut known).with(fact, value);
        }
    };
    if let Some(born_on) = born_on {
        derive("born_on", Value::Date(born_on));
    }
    derive("late", Value::Bool(now >= round.calendar.register_to));
    let taken = match homes.first() {
        // Without a home there is no seat that anybody could have taken.
        None => false,
        Some(home) => seat_use::is_locked_for(tx, &round, home.home, who.id)?,
    };
    derive("seat_taken", Value::Bool(taken));
    let finding = round.rules.evaluate(&known);
    let zone_schools = zone_schools(&round, &homes);
    refuse_as_at_hand_in(&round, &homes, &zone_schools, &wanted, &declared)?;
    let schools = if wanted.is_empty() { zone_schools.clone() } else { wanted };
    let seats: i64 = round.plan().iter().filter(|(school, _)| schools.is_empty() || schools.contains(school)).map(|(_, seats)| seats).sum();
    let registered = store::registrations(tx, &round, &schools)?;
    let at_hand: Vec<&str> = body.documents.0.iter().map(|kind| kind.0.as_str()).collect();
    let say = PrecheckResult::of(&finding, &at_hand, outside(&round, &known));
    let tier_name = say.tier.as_deref().and_then(|code| round.rules.tier(code)).map(|tier| tier.name.clone());
    Reply::ok(&PrecheckResult {
        eligible: say.eligible,
        tier: say.tier,
        tier_name,
        batch: say.batch,
        points: finding.points,
        scores: finding.scores.iter().map(ScoreDto::from).collect(),
        missing_facts: say.missing_facts,
        possible_tiers: say.possible_tiers,
        missing_documents: say.missing_documents,
        documents: finding.documents.iter().map(Into::into).collect(),
        reasons: say.reasons,
        seat_pressure: Pressure::of(seats.unsigned_abs(), registered).into(),
        seats,
        registered: i64::try_from(registered).unwrap_or(i64::MAX),
        zone_schools: zone_schools.into_iter().map(Ref).collect(),
        from_registry: unsaid(&registry, &declared),
        as_of: Day(today),
    })
}

/// What would be refused when it is typed into an application is refused here as well.
fn refuse_as_at_hand_in(
    round: &Facts,
    homes: &[KnownHome],
    zone: &[SchoolId],
    wanted: &[SchoolId],
    declared: &FactSet,
) -> Result<(), ApiError> {
    let fault = |pointer: String, rule: &'static str| {
        let (zh, en) = super::say(rule).unwrap_or_default();
        Fault::new(pointer, rule, zh, en)
    };
    let mut faults = Vec::new();
    if let Some(Value::Date(until)) = Fact::find("lease_until").and_then(|fact| declared.get(fact))
        && until < round.calendar.register_from.date()
    {
        faults.push(fault("/facts/lease_until".to_owned(), "lease_expired"));
    }
    // Where no home is known, it is not known either in whose zone it is.
    if round.rules.choices_in_zone_only() && !homes.is_empty() {
        let outside = wanted.iter().enumerate().filter(|(_, school)| !zone.contains(school));
        faults.extend(outside.map(|(i, _)| fault(format!("/choices/{i}"), "choice_outside_zone")));
    }
    if faults.is_empty() { Ok(()) } else { Err(ApiError::invalid(faults)) }
}

/// The schools that would be chosen, each of them in the round.
fn choices(round: &Facts, body: &Precheck) -> Result<Vec<SchoolId>, ApiError> {
    let fault = |(i, _)| {
        let (zh, en) = super::say("school_not_in_round").unwrap_or_default();
        Fault::new(format!("/choices/{i}"), "school_not_in_round", zh, en)
    };
    let faults: Vec<_> = body.choices.0.iter().enumerate().filter(|(_, school)| !round.plan().contains_key(&school.0)).map(fault).collect();
    if faults.is_empty() { Ok(body.choices.0.iter().map(|school| school.0).collect()) } else { Err(ApiError::invalid(faults)) }
}

/// The schools in whose zone the first of the family's homes is; those in a zone come first.
fn zone_schools(round: &Facts, homes: &[KnownHome]) -> Vec<SchoolId> {
    homes.first().map(|home| home.schools(round)).unwrap_or_default()
}

/// Why a child whose birth date is known cannot come in this round at all.
fn outside(round: &Facts, known: &FactSet) -> Option<ReasonDto> {
    let Some(Value::Date(born_on)) = Fact::find("born_on").and_then(|fact| known.get(fact)) else { return None };
    (!round.in_birth_window(born_on)).then(|| ReasonDto {
        rule: "birth_window".to_owned(),
        name: "出生日期范围".to_owned(),
        batch: None,
        result: Truth::No,
        comparisons: vec![],
        text: format!("出生日期为 {born_on}，不在本批次招生范围（{} 至 {}）内。", round.born_from, round.born_to),
    })
}

/// What was taken from the registry because nothing was sent.
fn unsaid(registry: &FactSet, declared: &FactSet) -> FactSet {
    let kept = registry.iter().filter(|(fact, _)| declared.get(*fact).is_none());
    kept.fold(FactSet::default(), |all, (fact, value)| all.with(fact, value))
}
