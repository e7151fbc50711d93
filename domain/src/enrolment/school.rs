//! Schools 学校 that take part in rounds.

use crate::actor::{Actor, CommunityId, Forbidden, Role};
use crate::enrolment::SchoolId;
use crate::enrolment::round::Stage;
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::text::line;
use crate::kernel::time::Timestamp;

pub const MAX_COMMUNITIES: usize = 200;

/// What is remembered of a school. It serves communities; a community's administrators may put it into their rounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub id: SchoolId,
    pub version: i64,
    pub name: String,
    pub stage: Option<Stage>,
    pub communities: Vec<CommunityId>,
}

/// A school as typed.
#[derive(Debug, Clone)]
pub struct SchoolDraft<'a> {
    pub name: &'a str,
    pub stage: Option<Stage>,
    pub communities: Vec<CommunityId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct School {
    facts: Facts,
}

impl SchoolDraft<'_> {
    /// Who may: an enrolment administrator of every community that the school is to serve; of the platform, where it
    /// serves none yet.
    pub fn permit(&self, by: &Actor) -> Result<(), Forbidden> {
        let all = |community: &CommunityId| by.is_any(&[Role::EnrolmentAdmin], *community);
        let anywhere = !by.communities_as(&[Role::EnrolmentAdmin]).is_empty();
        if anywhere && self.communities.iter().all(all) { Ok(()) } else { Err(Forbidden) }
    }
}

impl School {
    /// # Errors
    /// All faults of the values; whether the actor may is [`SchoolDraft::permit`]'s.
    pub fn create(id: SchoolId, draft: SchoolDraft, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Vec<Fault>> {
        let mut faults = Faults::new();
        let name = faults.take("/name", line(draft.name, 60));
        faults.require(draft.communities.len() <= MAX_COMMUNITIES, "/community_ids", "too_many");
        let mut communities = draft.communities;
        communities.sort_unstable();
        communities.dedup();
        faults.into_result(name).map(|name| {
            let facts = Facts { id, version: 1, name, stage: draft.stage, communities };
            Changed::created(Self { facts }, vec![Event::new("school.created", Some(by.id), now)])
        })
    }

    pub fn restore(facts: Facts) -> Self {
        Self { facts }
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether a community's rounds may offer seats of this school: one that names no community serves all.
    pub fn serves(&self, community: CommunityId) -> bool {
        self.facts.communities.is_empty() || self.facts.communities.contains(&community)
    }
}
