//! Schools 学校 that take part in rounds.

use crate::actor::{Actor, Communities, CommunityId, Forbidden, PrincipalId, Role};
use crate::enrolment::SchoolId;
use crate::enrolment::round::Stage;
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::text::line;
use crate::kernel::time::Timestamp;

pub const MAX_COMMUNITIES: usize = 200;

/// What is remembered of a school. It serves communities, or all of them where it names none; the administrators of those
/// that it serves may put it into their rounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub id: SchoolId,
    pub version: i64,
    pub name: String,
    pub stage: Option<Stage>,
    pub communities: Vec<CommunityId>,
    pub created_by: PrincipalId,
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
    /// Who may add it: an enrolment administrator of every community that the school is to serve; of any community, where
    /// it is to serve all.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn permit(&self, by: &Actor) -> Result<(), Forbidden> {
        let all = |community: &CommunityId| by.is_any(&[Role::EnrolmentAdmin], *community);
        let anywhere = !by.communities_as(&[Role::EnrolmentAdmin]).is_empty();
        if anywhere && self.communities.iter().all(all) { Ok(()) } else { Err(Forbidden) }
    }

    fn check(self) -> Result<(String, Vec<CommunityId>), Vec<Fault>> {
        let mut faults = Faults::new();
        let name = faults.take("/name", line(self.name, 60));
        faults.require(self.communities.len() <= MAX_COMMUNITIES, "/community_ids", "too_many");
        let mut communities = self.communities;
        communities.sort_unstable();
        communities.dedup();
        faults.into_result(name).map(|name| (name, communities))
    }
}

impl School {
    /// # Errors
    /// All faults of the values; whether the actor may is [`SchoolDraft::permit`]'s.
    pub fn create(id: SchoolId, draft: SchoolDraft, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Vec<Fault>> {
        let stage = draft.stage;
        let (name, communities) = draft.check()?;
        let facts = Facts { id, version: 1, name, stage, communities, created_by: by.id };
        Ok(Changed::created(Self { facts }, vec![Event::new("school.created", Some(by.id), now)]))
    }

    /// Who may change it: an enrolment administrator of every community that it serves; of one that serves all, whoever
    /// added it, or an administrator of all.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn permit(&self, by: &Actor) -> Result<(), Forbidden> {
        let f = &self.facts;
        let runs = by.communities_as(&[Role::EnrolmentAdmin]);
        let may = if f.communities.is_empty() {
            runs == Communities::All || !runs.is_empty() && f.created_by == by.id
        } else {
            f.communities.iter().all(|community| runs.contains(*community))
        };
        if may { Ok(()) } else { Err(Forbidden) }
    }

    /// Other values. Rounds that have the school in their plan keep it there, whomever it serves from now on.
    ///
    /// # Errors
    /// All faults of the values; whether the actor may is [`School::permit`]'s and [`SchoolDraft::permit`]'s.
    pub fn replace(mut self, draft: SchoolDraft, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Vec<Fault>> {
        let stage = draft.stage;
        let (name, communities) = draft.check()?;
        let f = &mut self.facts;
        let loaded = f.version;
        f.version = loaded + 1;
        (f.name, f.stage, f.communities) = (name, stage, communities);
        Ok(Changed::from_version(loaded, self, vec![Event::new("school.updated", Some(by.id), now)]))
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::enrolment::testing::{admin, at, here, member, school};

    fn made(communities: Vec<CommunityId>) -> School {
        let draft = SchoolDraft { name: "东涂小学", stage: None, communities };
        School::create(school(1), draft, &admin(), at("2026-05-01T09:00")).expect("a school").into_parts().0
    }

    #[test]
    fn a_school_is_changed_by_those_who_run_enrolment_in_all_that_it_serves() {
        let elsewhere = CommunityId::from_uuid(Uuid::from_u128(2));
        let (platform, other) = (member(70, Role::PlatformAdmin, None), member(71, Role::EnrolmentAdmin, Some(here())));
        for (serves, by, may) in [
            (vec![here()], &other, true),
            (vec![here(), elsewhere], &other, false),
            (vec![], &other, false),
            (vec![], &admin(), true),
            (vec![], &platform, true),
            (vec![here(), elsewhere], &platform, true),
        ] {
            assert_eq!(made(serves.clone()).permit(by).is_ok(), may, "{serves:?} by {}", by.id);
        }
        let reviewer = member(72, Role::EnrolmentReviewer, Some(here()));
        assert_eq!(SchoolDraft { name: "东涂小学", stage: None, communities: vec![] }.permit(&reviewer), Err(Forbidden));
    }

    #[test]
    fn another_name_is_another_version_and_a_bad_one_is_told() {
        let draft = |name| SchoolDraft { name, stage: Some(Stage::Primary), communities: vec![here(), here()] };
        let changed = made(vec![here()]).replace(draft("东涂第一小学"), &admin(), at("2026-05-02T09:00")).expect("a change");
        assert_eq!(changed.loaded(), Some(1));
        assert_eq!((changed.value().facts().version, changed.value().facts().communities.len()), (2, 1));
        let faults = made(vec![]).replace(draft(" "), &admin(), at("2026-05-02T09:00")).expect_err("a fault");
        assert_eq!((faults[0].pointer.as_str(), faults[0].code), ("/name", "blank"));
    }
}
