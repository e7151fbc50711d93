//! Seats that are set free, and who is next 递补.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiazai_domain::enrolment::application::{Application, State};
use jiazai_domain::enrolment::round::{Facts as Round, State as RoundState, ZoneSite};
use jiazai_domain::enrolment::{ApplicationId, SchoolId};
use jiazai_domain::registry::{BuildingId, HomeId};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::enrolment::{application as store, placement};
use jiazai_infra::registry::homes;
use jiazai_infra::vault::Vault;

/// The schools in whose zone each of these homes is; all homes looked up at once, and each building once.
pub fn zones(tx: &mut Tx, round: &Round, homes: &[HomeId]) -> Result<HashMap<HomeId, Vec<SchoolId>>, DbError> {
    if round.zones.is_empty() || homes.is_empty() {
        return Ok(HashMap::new());
    }
    let mut by_building: HashMap<BuildingId, Vec<SchoolId>> = HashMap::new();
    let mut schools = |building| {
        let look = || round.zone_schools(&ZoneSite { building: Some(building), ..ZoneSite::default() });
        by_building.entry(building).or_insert_with(look).clone()
    };
    Ok(homes::buildings_of(tx, homes)?.into_iter().map(|(home, building)| (home, schools(building))).collect())
}

/// [`Application::wishes`] of each, with the zones looked up where they are needed: a family that listed schools has no use for
/// its zone.
pub fn wishes(tx: &mut Tx, round: &Round, applications: &[Application]) -> Result<Vec<Vec<SchoolId>>, DbError> {
    let silent = |one: &&Application| one.facts().content.choices.is_empty();
    let homes: Vec<HomeId> = applications.iter().filter(silent).filter_map(|one| one.facts().content.home).collect();
    let zones = zones(tx, round, &homes)?;
    let zone = |one: &Application| one.facts().content.home.and_then(|home| zones.get(&home)).cloned().unwrap_or_default();
    Ok(applications.iter().map(|one| one.wishes(zone(one))).collect())
}

/// Those who wait at a school as one: a child, or the twins of a family.
struct Group {
    members: Vec<ApplicationId>,
}

/// Offers every seat that is free to whoever is next, until none is free or nobody waits. Twins who go together need as many
/// seats as they are; where there are fewer, the next one may have them. Who is next at several schools gets the one that
/// they listed first. Answers who was offered one.
///
/// Nothing happens before the round is announced: what was allocated is what is announced. The caller holds the round
/// (`enrolment::lock`), which is `round`.
pub fn fill(tx: &mut Tx, vault: &Vault, round: &Arc<Round>) -> Result<Vec<ApplicationId>, DbError> {
    if round.state != RoundState::Announced {
        return Ok(vec![]);
    }
    let taken = store::taken(tx, round.id)?;
    let mut free: BTreeMap<SchoolId, i64> =
        round.plan().iter().map(|(school, seats)| (*school, seats - taken.get(school).copied().unwrap_or(0))).collect();
    if free.values().all(|left| *left <= 0) {
        return Ok(vec![]);
    }
    let lines = placement::waiting(tx, round.id)?;
    let wanted: Vec<ApplicationId> = {
        let mut ids: Vec<ApplicationId> =
            lines.iter().filter(|(school, _)| free.get(school).is_some_and(|left| *left > 0)).map(|(_, id)| *id).collect();
        ids.sort_unstable_by_key(ApplicationId::uuid);
        ids.dedup();
        ids
    };
    let mut waiting: HashMap<ApplicationId, Application> = store::find_all(tx, vault, &wanted)?
        .into_iter()
        .filter(|one| matches!(one.facts().state, State::Waiting | State::ToCoordinate))
        .map(|one| (one.facts().id, one))
        .collect();
    let mut promoted = Vec::new();
    // Each round gives one group its seats, so this ends.
    while let Some((school, group)) = next(&lines, &free, &waiting) {
        for id in group.members {
            let Some(application) = waiting.remove(&id) else { continue };
            let refused = |_| DbError::Corrupt("who waits could not be offered a seat".to_owned());
            store::save(tx, vault, application.promote(school, tx.now()).map_err(refused)?)?;
            *free.entry(school).or_default() -= 1;
            promoted.push(id);
        }
    }
    Ok(promoted)
}

/// The next to be offered a seat, and at which school.
fn next(
    lines: &[(SchoolId, ApplicationId)],
    free: &BTreeMap<SchoolId, i64>,
    waiting: &HashMap<ApplicationId, Application>,
) -> Option<(SchoolId, Group)> {
    let heads: Vec<(SchoolId, Group)> = free
        .iter()
        .filter(|(_, left)| **left > 0)
        .filter_map(|(school, left)| head(lines, *school, *left, waiting).map(|group| (*school, group)))
        .collect();
    // Of a child that heads several lines, the school that it listed first.
    let rank = |school: &SchoolId, group: &Group| {
        let wishes = group.members.first().and_then(|id| waiting.get(id)).map(|one| &one.facts().content.choices);
        wishes.and_then(|wishes| wishes.iter().position(|wish| wish == school)).unwrap_or(usize::MAX)
    };
    heads.into_iter().min_by_key(|(school, group)| (rank(school, group), *school))
}

fn head(lines: &[(SchoolId, ApplicationId)], school: SchoolId, left: i64, waiting: &HashMap<ApplicationId, Application>) -> Option<Group> {
    let line: Vec<&Application> = lines.iter().filter(|(at, _)| *at == school).filter_map(|(_, id)| waiting.get(id)).collect();
    let name = |one: &Application| one.facts().household.clone().unwrap_or_else(|| one.facts().receipt.clone());
    let mut at = 0;
    while at < line.len() {
        let together = name(line[at]);
        let size = line[at..].iter().take_while(|one| name(one) == together).count();
        if size as i64 <= left {
            return Some(Group { members: line[at..at + size].iter().map(|one| one.facts().id).collect() });
        }
        at += size;
    }
    None
}
