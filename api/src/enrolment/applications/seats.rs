//! Seats that are set free, and who is next 递补.

use std::collections::HashMap;
use std::sync::Arc;

use jiazai_domain::enrolment::allocate::{Applicant, Choice, Outcome, Refusal, allocate};
use jiazai_domain::enrolment::application::{Application, State};
use jiazai_domain::enrolment::round::{Facts as Round, Plan, State as RoundState, ZoneSite};
use jiazai_domain::enrolment::{ApplicationId, SchoolId};
use jiazai_domain::registry::HomeId;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::enrolment::{application as store, draw, placement};
use jiazai_infra::registry::homes;
use jiazai_infra::vault::Vault;

/// The schools in whose zone each of these homes is; all homes looked up at once.
fn zones(tx: &mut Tx, round: &Round, homes: &[HomeId]) -> Result<HashMap<HomeId, Vec<SchoolId>>, DbError> {
    if round.zones.is_empty() || homes.is_empty() {
        return Ok(HashMap::new());
    }
    let schools = |building, label: &str| round.zone_schools(&ZoneSite::new(building, Some(label)));
    Ok(homes::sites_of(tx, homes)?.into_iter().map(|(home, (building, label))| (home, schools(building, &label))).collect())
}

/// The schools in whose zone a family lives: by its home or, where it named none, by the address that it wrote.
pub fn zone(tx: &mut Tx, round: &Round, home: Option<HomeId>, address: Option<&str>) -> Result<Vec<SchoolId>, DbError> {
    match home {
        Some(home) => Ok(zones(tx, round, &[home])?.remove(&home).unwrap_or_default()),
        None => Ok(round.zone_schools(&ZoneSite::new(None, address))),
    }
}

/// [`Application::wishes`] of each, with the zones looked up where they are needed: a family that listed schools has no use for
/// its zone.
pub fn wishes(tx: &mut Tx, round: &Round, applications: &[Application]) -> Result<Vec<Vec<SchoolId>>, DbError> {
    let silent = |one: &&Application| one.facts().content.choices.is_empty();
    let homes: Vec<HomeId> = applications.iter().filter(silent).filter_map(|one| one.facts().content.home).collect();
    let zones = zones(tx, round, &homes)?;
    let zone = |one: &Application| match (one.facts().content.home, &one.facts().content.address) {
        (Some(home), _) => zones.get(&home).cloned().unwrap_or_default(),
        (None, Some(address)) => round.zone_schools(&ZoneSite::new(None, Some(address))),
        (None, None) => vec![],
    };
    Ok(applications.iter().map(|one| one.wishes(if silent(&one) { zone(one) } else { vec![] })).collect())
}

/// Children as the allocation sees them.
pub fn applicants(tx: &mut Tx, round: &Round, applications: &[Application]) -> Result<Vec<Applicant>, DbError> {
    let wished = wishes(tx, round, applications)?;
    let child = |(application, wished): (&Application, Vec<SchoolId>)| {
        let f = application.facts();
        Applicant {
            receipt: f.receipt.clone(),
            tier: f.tier.clone().unwrap_or_default(),
            batch: f.batch.unwrap_or(i64::MAX),
            household: f.household.clone(),
            choices: wished.into_iter().map(|school| Choice { school, distance_m: application.distance_to(school) }).collect(),
            facts: application.known(),
            points: f.points,
        }
    };
    Ok(applications.iter().zip(wished).map(child).collect())
}

/// Gives every seat that is free to those who wait, as the allocation would: batch by batch, in the order of the tie-breaks and the
/// draw, the best wish first, twins together where they asked for that. Answers who was offered one.
///
/// Where a draw decides and somebody whom it decides about has no place in it, the seats wait until there is one
/// (`POST …/draws`): whoever answered an offer has answered, and cannot be told to come back.
///
/// Nothing happens before the round is announced: what was allocated is what is announced. The caller holds the round
/// (`enrolment::lock`), which is `round`.
pub fn fill(tx: &mut Tx, vault: &Vault, round: &Arc<Round>) -> Result<Vec<ApplicationId>, DbError> {
    if round.state != RoundState::Announced {
        return Ok(vec![]);
    }
    let taken = store::taken(tx, round.id)?;
    let free: Plan =
        round.plan().iter().map(|(school, seats)| (*school, (seats - taken.get(school).copied().unwrap_or(0)).max(0))).collect();
    if free.values().all(|left| *left == 0) {
        return Ok(vec![]);
    }
    // Only those who asked for a school with a seat left: there may be thousands who did not.
    let mut wanted: Vec<ApplicationId> = placement::waiting(tx, round.id)?
        .into_iter()
        .filter(|(school, _)| free.get(school).is_some_and(|n| *n > 0))
        .map(|(_, id)| id)
        .collect();
    wanted.sort_unstable_by_key(ApplicationId::uuid);
    wanted.dedup();
    let mut waiting = store::find_all(tx, vault, &wanted)?;
    waiting.retain(|one| matches!(one.facts().state, State::Waiting | State::ToCoordinate));
    if waiting.is_empty() {
        return Ok(vec![]);
    }
    let children = applicants(tx, round, &waiting)?;
    let order = draw::order_of(&draw::all_of_round(tx, round.id)?);
    let placed = match allocate(&free, &children, &round.rules, order.as_deref()) {
        Ok(allocation) => allocation.placements,
        Err(Refusal::DrawNeeded) => return Ok(vec![]),
        Err(Refusal::DuplicateReceipt { .. }) => return Err(DbError::Corrupt("a receipt is there twice".to_owned())),
    };
    let offered: HashMap<String, SchoolId> = placed
        .into_iter()
        .filter_map(|one| if let Outcome::Offered { school, .. } = one.result { Some((one.receipt, school)) } else { None })
        .collect();
    let mut promoted = Vec::new();
    for application in waiting {
        let f = application.facts();
        let (id, Some(school)) = (f.id, offered.get(&f.receipt)) else { continue };
        let refused = |_| DbError::Corrupt("who waits could not be offered a seat".to_owned());
        store::save(tx, vault, application.promote(*school, tx.now()).map_err(refused)?)?;
        promoted.push(id);
    }
    Ok(promoted)
}
