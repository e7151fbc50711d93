//! What the registry holds of the homes that somebody is bound to.

use jiazai_domain::actor::PrincipalId;
use jiazai_domain::enrolment::known::KnownHome;
use jiazai_domain::registry::HomeId;

use crate::db::{DbError, Tx};
use crate::registry::{bindings, facts, homes, people};
use crate::vault::Vault;

/// Somebody with more homes than this names the one that they mean.
const AT_MOST: i64 = 20;

/// The homes that an account is actively bound to, with their facts and the birth dates of their people; only one of them, if
/// it is named.
pub fn known_homes(tx: &mut Tx, vault: &Vault, account: PrincipalId, only: Option<HomeId>) -> Result<Vec<KnownHome>, DbError> {
    let bound = bindings::held_by(tx, account, only, AT_MOST)?;
    if bound.is_empty() {
        return Ok(vec![]);
    }
    let ids: Vec<HomeId> = bound.iter().map(|bound| bound.binding.facts().home).collect();
    let sites = homes::sites_of(tx, &ids)?;
    let all = facts::of_homes(tx, &ids)?;
    let mut tied: Vec<_> = all.iter().filter(|fact| fact.is_current()).map(|fact| fact.person).collect();
    tied.sort_unstable();
    tied.dedup();
    let born: Vec<_> = people::find_all(tx, vault, &tied)?.iter().filter_map(|person| Some((person.id, person.born_on?))).collect();
    let mut known = Vec::new();
    for binding in bound.iter().map(|bound| bound.binding.facts()) {
        // A home that is in no building yet is in no zone, and nothing is known of it.
        let Some((Some(building), label)) = sites.get(&binding.home).cloned() else { continue };
        let facts: Vec<_> = all.iter().filter(|fact| fact.home == binding.home).cloned().collect();
        let born = born.iter().filter(|(person, _)| facts.iter().any(|fact| fact.person == *person)).copied().collect();
        let (relation, asker) = (binding.relation, binding.person);
        known.push(KnownHome { home: binding.home, building, label, relation, asker, facts, born });
    }
    Ok(known)
}
