//! Workers, and whose turn it is 轮派.

use crate::actor::{CommunityId, Grant, PrincipalId, Role};
use crate::kernel::time::Timestamp;

/// Somebody who does repair work in a community and can be given a ticket of it. The proof of the person who acts is
/// [`RepairWorker`](crate::actor::RepairWorker); this one is about the person who is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worker {
    id: PrincipalId,
    community: CommunityId,
}

impl Worker {
    /// A worker of this community, if their grants say so. Whoever loads must hand in no grants for staff who are
    /// disabled. Platform administrators are no workers unless they were granted that too.
    pub fn by_grants(id: PrincipalId, grants: &[Grant], community: CommunityId) -> Option<Self> {
        let granted = grants.iter().any(|g| g.role == Role::RepairWorker && g.community.is_none_or(|c| c == community));
        granted.then_some(Self { id, community })
    }

    pub fn id(&self) -> PrincipalId {
        self.id
    }

    pub fn community(&self) -> CommunityId {
        self.community
    }
}

/// A worker who could be next, and how busy they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub worker: Worker,
    /// Tickets that are theirs and open.
    pub open_jobs: i64,
    /// When a ticket was last given to them.
    pub last_assigned_at: Option<Timestamp>,
}

/// Whose turn it is: the one with the fewest open jobs, among those the one who has waited longest (who never had one
/// comes first), and among those the lowest id, so that two runs choose alike.
pub fn next_worker(candidates: &[Candidate]) -> Option<Worker> {
    candidates.iter().min_by_key(|c| (c.open_jobs, c.last_assigned_at, c.worker.id)).map(|c| c.worker)
}
