//! Those who do the work of a community, and those who find somebody for it.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId, Role};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::repair::{Attending, Candidate, State, Worker};

use crate::db::schema::{principals, repair_tickets, role_grants};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::identity::{self, PLATFORM};

/// More of a kind are not told of one ticket.
const MOST_ATTENDING: i64 = 50;

/// Those who hold exactly this role in a community, or everywhere, and may act.
fn who_are(tx: &mut Tx, role: Role, community: CommunityId, most: i64) -> Result<Vec<PrincipalId>, DbError> {
    granted(tx, role, &[community.text(), PLATFORM.to_owned()], most)
}

fn granted(tx: &mut Tx, role: Role, places: &[String], most: i64) -> Result<Vec<PrincipalId>, DbError> {
    let ids: Vec<String> = native!(tx, |conn| {
        role_grants::table
            .inner_join(principals::table)
            .filter(role_grants::role.eq(role.as_str()))
            .filter(role_grants::community_id.within(places))
            .filter(principals::disabled_at.is_null())
            .order(role_grants::principal_id)
            .limit(most)
            .select(role_grants::principal_id)
            .distinct()
            .load(conn)
    })?;
    ids.iter().map(|id| parsed(id)).collect()
}

/// Those of the community itself first; those of the whole platform with what is left of [`MOST_ATTENDING`].
fn told(tx: &mut Tx, role: Role, community: CommunityId) -> Result<Vec<PrincipalId>, DbError> {
    let mut people = granted(tx, role, &[community.text()], MOST_ATTENDING)?;
    let everywhere = granted(tx, role, &[PLATFORM.to_owned()], MOST_ATTENDING)?;
    people.extend(everywhere.into_iter().filter(|id| !people.contains(id)).collect::<Vec<_>>());
    people.truncate(MOST_ATTENDING as usize);
    Ok(people)
}

/// Who finds somebody for the work in a community: its dispatchers and those of the whole platform, or where there is none its
/// administrators, who may dispatch too; and its workers, who may take it where work is grabbed.
pub fn attending(tx: &mut Tx, community: CommunityId) -> Result<Attending, DbError> {
    let mut dispatchers = told(tx, Role::Dispatcher, community)?;
    if dispatchers.is_empty() {
        dispatchers = told(tx, Role::CommunityAdmin, community)?;
    }
    Ok(Attending { dispatchers, workers: told(tx, Role::RepairWorker, community)? })
}

/// The worker with this id, if it names one of the community who may still act.
pub fn worker(tx: &mut Tx, id: PrincipalId, community: CommunityId) -> Result<Option<Worker>, DbError> {
    let acting = identity::principal(tx, id)?.is_some_and(|principal| principal.disabled_at.is_none());
    if !acting {
        return Ok(None);
    }
    Ok(Worker::by_grants(id, &identity::grants_of(tx, id)?, community))
}

/// The workers of a community and how busy they are, for rotation.
pub fn candidates(tx: &mut Tx, community: CommunityId) -> Result<Vec<Candidate>, DbError> {
    let workers = who_are(tx, Role::RepairWorker, community, i64::MAX)?;
    let ids: Vec<String> = workers.iter().map(PrincipalId::text).collect();
    let open: Vec<&str> = State::ALL.iter().filter(|state| state.is_open()).map(|state| state.as_str()).collect();
    let jobs: Vec<(Option<String>, i64)> = native!(tx, |conn| {
        repair_tickets::table
            .filter(repair_tickets::worker_id.eq_any(&ids))
            .filter(repair_tickets::state.eq_any(open))
            .group_by(repair_tickets::worker_id)
            .select((repair_tickets::worker_id, diesel::dsl::count_star()))
            .load(conn)
    })?;
    // One look into the index for each: a MAX over all of them would read every ticket that they ever had.
    let mut latest: HashMap<&str, Timestamp> = HashMap::new();
    for id in &ids {
        let newest: Option<i64> = native!(tx, |conn| {
            repair_tickets::table
                .filter(repair_tickets::worker_id.eq(id))
                .order(repair_tickets::id.desc())
                .select(repair_tickets::created_at)
                .first(conn)
                .optional()
        })?;
        latest.extend(newest.map(|at| (id.as_str(), Timestamp::from_millis(at))));
    }
    let grants = identity::grants_of_all(tx, &workers)?;
    let candidates = workers.iter().zip(&ids).filter_map(|(id, text)| {
        let worker = Worker::by_grants(*id, grants.get(id)?, community)?;
        Some(Candidate {
            worker,
            open_jobs: jobs.iter().find(|(worker, _)| worker.as_deref() == Some(text)).map_or(0, |(_, n)| *n),
            last_assigned_at: latest.get(text.as_str()).copied(),
        })
    });
    Ok(candidates.collect())
}
