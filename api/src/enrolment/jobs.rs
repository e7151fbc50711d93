//! What time does to applications, written down: offers that nobody answered, seats that go on, papers that have had their day.
//! Nothing that a caller sees depends on it, but whoever is next wants to be told.

use std::collections::{BTreeMap, BTreeSet};

use jiazai_domain::enrolment::RoundId;
use jiazai_domain::enrolment::retention::purged;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::enrolment::{self as rounds, application as store, purge};
use jiazai_infra::events;
use jiazai_infra::vault::Vault;

use super::applications::seats;
use crate::app::App;

/// Offers that are ended in one transaction.
const AT_ONCE: i64 = 100;
/// Rounds whose papers are purged in one run.
const PURGED_AT_ONCE: i64 = 2;

/// Ends offers whose time is over and offers their seats to whoever is next.
pub async fn settle_offers(app: &App, holder: &str) -> Result<usize, DbError> {
    let vault = app.vault.clone();
    if app.db.read(move |tx| store::overdue(tx, &vault, 1)).await?.is_empty() {
        return Ok(0);
    }
    let vault = app.vault.clone();
    let settled = crate::jobs::leased(app, "enrolment", holder, move |tx| settle(tx, &vault)).await?;
    if settled > 0 {
        app.jobs.wake();
    }
    Ok(settled)
}

fn settle(tx: &mut Tx, vault: &Vault) -> Result<usize, DbError> {
    let due: BTreeSet<RoundId> = store::overdue(tx, vault, AT_ONCE)?.iter().map(|one| one.facts().round.id).collect();
    let mut held = BTreeMap::new();
    for id in due {
        held.extend(rounds::lock(tx, &rounds::Sight::everything(), id)?.map(|round| (id, round)));
    }
    let mut settled = 0;
    // Read again: a family may have answered at the last moment while this waited. What ran out meanwhile in another round is
    // for the next time.
    for application in store::overdue(tx, vault, AT_ONCE)?.into_iter().filter(|one| held.contains_key(&one.facts().round.id)) {
        if let Some(changed) = application.settle() {
            store::save(tx, vault, changed)?;
            settled += 1;
        }
    }
    for round in held.values() {
        seats::fill(tx, vault, round)?;
    }
    Ok(settled)
}

/// Purges the papers of rounds that were finished long enough ago.
pub async fn purge_due(app: &App, holder: &str) -> Result<usize, DbError> {
    let kept_s = app.papers_kept_days * 86_400;
    let due = app.db.read(move |tx| purge::due(tx, tx.now().plus_seconds(-kept_s), PURGED_AT_ONCE)).await?;
    let mut purged = 0;
    for round in due {
        let orphans = crate::jobs::leased(app, "enrolment_purge", holder, move |tx| {
            let Some(facts) = rounds::round_facts(tx, &rounds::Sight::everything(), round)? else { return Ok(None) };
            // Another instance may have been here since we looked.
            if purge::find(tx, round)?.is_some() {
                return Ok(None);
            }
            let Some((proof, orphans)) = purge::purge(tx, round)? else { return Ok(None) };
            let event = self::purged(proof.applications, proof.papers, proof.manifest_hash, tx.now());
            events::record(tx, facts.community, &round.text(), facts.version, std::slice::from_ref(&event))?;
            Ok(Some(orphans))
        })
        .await?;
        let Some(orphans) = orphans else { continue };
        purged += 1;
        crate::files::discard(app, orphans).await;
    }
    Ok(purged)
}
