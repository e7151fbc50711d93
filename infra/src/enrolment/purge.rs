//! Retention 材料清除: what is left of a round when its papers are gone.
//!
//! Gone: the files; with the sealed cell everything that tells who a child is, and the home beside it; leave to hand in late,
//! with its reasons, and whatever people wrote in the history, which tell of illness and worse. Left: receipts, masked names, tiers, placements, reasons and the draw, so
//! that all that was published can still be checked; who sits on which home's seat, with the guardians' keyed hashes, for as long
//! as the seat is taken; and a list of the hashes of what was deleted, whose own hash is in the history.

use diesel::prelude::*;
use jiazai_domain::enrolment::RoundId;
use jiazai_domain::kernel::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::db::schema::{
    enrolment_applications as applications, enrolment_child_held, enrolment_child_holds, enrolment_choices, enrolment_guardians,
    enrolment_late_permits, enrolment_purges as table, enrolment_rounds, enrolment_seat_holders, events, files,
};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::vault::hex;

/// The proof that a round's papers are gone.
#[derive(Debug, Clone)]
pub struct Purge {
    pub applications: i64,
    pub papers: i64,
    /// A line for each paper: receipt, a space, the SHA-256 of its bytes as they were kept.
    pub manifest: String,
    pub manifest_hash: String,
    pub purged_at: Timestamp,
}

pub fn find(tx: &mut Tx, round: RoundId) -> Result<Option<Purge>, DbError> {
    let row: Option<(i64, i64, String, String, i64)> = native!(tx, |conn| {
        table::table
            .find(round.text())
            .select((table::applications, table::papers, table::manifest, table::manifest_hash, table::purged_at))
            .first(conn)
            .optional()
    })?;
    Ok(row.map(|(applications, papers, manifest, manifest_hash, at)| Purge {
        applications,
        papers,
        manifest,
        manifest_hash,
        purged_at: Timestamp::from_millis(at),
    }))
}

/// Since when a round is finished.
pub fn finished_at(tx: &mut Tx, round: RoundId) -> Result<Option<Timestamp>, DbError> {
    let at: Option<i64> = native!(tx, |conn| {
        events::table
            .filter(events::subject_id.eq(round.text()))
            .filter(events::kind.eq("enrolment_round.finished"))
            .select(events::occurred_at)
            .first(conn)
            .optional()
    })?;
    Ok(at.map(Timestamp::from_millis))
}

/// Rounds that were finished before an instant and still have their papers.
pub fn due(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<Vec<RoundId>, DbError> {
    let done = table::table.select(table::round_id);
    let ids: Vec<String> = native!(tx, |conn| {
        enrolment_rounds::table
            .filter(enrolment_rounds::state.eq("finished"))
            .filter(enrolment_rounds::id.ne_all(done))
            .select(enrolment_rounds::id)
            .load(conn)
    })?;
    let mut due = Vec::new();
    for id in ids {
        let id = parsed(&id)?;
        if finished_at(tx, id)?.is_some_and(|at| at <= before) && (due.len() as i64) < limit {
            due.push(id);
        }
    }
    Ok(due)
}

/// Purges a round's papers and writes the proof down. Answers the proof and the hashes of files whose bytes nobody needs any
/// more.
pub fn purge(tx: &mut Tx, round: RoundId) -> Result<Option<(Purge, Vec<String>)>, DbError> {
    let Some(facts) = super::lock(tx, &super::Sight::everything(), round)? else { return Ok(None) };
    let all: Vec<(String, String)> = native!(tx, |conn| {
        applications::table
            .filter(applications::round_id.eq(round.text()))
            .order(applications::receipt)
            .select((applications::id, applications::receipt))
            .load(conn)
    })?;
    let (mut manifest, mut hashes, mut papers) = (String::new(), Vec::new(), 0);
    for (id, receipt) in &all {
        let own = || files::table.filter(files::subject_id.eq(id));
        let mut gone: Vec<String> = native!(tx, |conn| own().select(files::sha256).load(conn))?;
        gone.sort_unstable();
        papers += gone.len() as i64;
        gone.iter().for_each(|hash| manifest.push_str(&format!("{receipt} {hash}\n")));
        native!(tx, |conn| diesel::delete(own()).execute(conn))?;
        hashes.extend(gone);
    }
    let here = || applications::table.filter(applications::round_id.eq(round.text()));
    let ids = || here().select(applications::id);
    let nothing: Option<Vec<u8>> = None;
    native!(tx, |conn| {
        let emptied = (
            applications::sealed.eq(&nothing),
            applications::child_index.eq(&nothing),
            applications::home_id.eq(None::<String>),
            applications::version.eq(applications::version + 1),
        );
        diesel::update(here()).set(emptied).execute(conn)
    })?;
    let permits = enrolment_late_permits::table.filter(enrolment_late_permits::round_id.eq(round.text()));
    native!(tx, |conn| diesel::delete(permits).execute(conn))?;
    let permitted = events::table.filter(events::subject_id.eq(round.text())).filter(events::kind.eq("enrolment_round.late_permitted"));
    native!(tx, |conn| diesel::update(permitted).set(events::note.eq(None::<String>)).execute(conn))?;
    // What reviewers, families and administrators wrote, in portions and not one by one.
    for some in all.chunks(500) {
        let subjects: Vec<&String> = some.iter().map(|(id, _)| id).collect();
        let written = events::table.filter(events::subject_id.within(subjects)).filter(events::note.is_not_null());
        native!(tx, |conn| diesel::update(written).set(events::note.eq(None::<String>)).execute(conn))?;
    }
    native!(tx, |conn| diesel::delete(enrolment_child_holds::table.filter(enrolment_child_holds::round_id.eq(round.text())))
        .execute(conn))?;
    native!(tx, |conn| diesel::delete(enrolment_child_held::table.filter(enrolment_child_held::round_id.eq(round.text()))).execute(conn))?;
    let holding = enrolment_seat_holders::table.select(enrolment_seat_holders::application_id);
    let idle = enrolment_guardians::table
        .filter(enrolment_guardians::application_id.eq_any(ids()))
        .filter(enrolment_guardians::application_id.ne_all(holding));
    native!(tx, |conn| diesel::delete(idle).execute(conn))?;
    native!(tx, |conn| diesel::delete(enrolment_choices::table.filter(enrolment_choices::round_id.eq(round.text()))).execute(conn))?;
    let purge = Purge {
        applications: all.len() as i64,
        papers,
        manifest_hash: hex(&Sha256::digest(manifest.as_bytes())),
        manifest,
        purged_at: tx.now(),
    };
    tx.insert(diesel::insert_into(table::table).values((
        table::round_id.eq(round.text()),
        table::community_id.eq(facts.community.text()),
        table::applications.eq(purge.applications),
        table::papers.eq(purge.papers),
        table::manifest.eq(&purge.manifest),
        table::manifest_hash.eq(&purge.manifest_hash),
        table::purged_at.eq(purge.purged_at.millis()),
    )))?;
    hashes.sort_unstable();
    hashes.dedup();
    let mut orphans = Vec::new();
    for hash in hashes {
        let others: i64 = native!(tx, |conn| files::table.filter(files::sha256.eq(&hash)).count().get_result(conn))?;
        if others == 0 {
            orphans.push(hash);
        }
    }
    Ok(Some((purge, orphans)))
}
