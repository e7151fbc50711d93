//! The feed 事件流: everything that has happened, for programs that keep up with it by asking or by being told.
//!
//! A *kind* is the word for what happened, `repair_ticket.assigned`; what stands before the dot is the sort of thing that it
//! happened to. A [`Pattern`] chooses kinds: one, all of one sort (`repair_ticket.*`), or all (`*`). A [`FeedSight`] says of
//! which resources somebody may follow what happens, and where. What an event tells is thin (ids and words), so following the
//! feed needs less trust than reading the things themselves; but that somebody has a tag or has applied for a school place is
//! itself worth protecting, so programs need those resources' own scope as well.

use std::fmt;
use std::str::FromStr;

use crate::actor::{Actor, Communities, CommunityId, Role};
use crate::api_key::{Action, Resource, Scope};

/// What may be sent to prove that an endpoint listens. It never happens by itself.
pub const TEST: &str = "webhook.test";

/// Every kind of event there is, sorted. A test holds it against the modules that make them.
pub const KINDS: &[&str] = &[
    "api_key.created",
    "api_key.revoked",
    "building.corrected",
    "building.created",
    "building.regridded",
    "delegation.granted",
    "delegation.revoked",
    "enrolment_application.accepted",
    "enrolment_application.announced",
    "enrolment_application.checked_in",
    "enrolment_application.claimed",
    "enrolment_application.coordinated",
    "enrolment_application.created",
    "enrolment_application.declined",
    "enrolment_application.listed",
    "enrolment_application.objected",
    "enrolment_application.placed",
    "enrolment_application.promoted",
    "enrolment_application.rechecked",
    "enrolment_application.rejected",
    "enrolment_application.returned",
    "enrolment_application.revoked",
    "enrolment_application.submitted",
    "enrolment_application.updated",
    "enrolment_application.verified",
    "enrolment_application.withdrawn",
    "enrolment_draw.prepared",
    "enrolment_draw.revealed",
    "enrolment_round.allocated",
    "enrolment_round.announced",
    "enrolment_round.closed",
    "enrolment_round.created",
    "enrolment_round.exported",
    "enrolment_round.finished",
    "enrolment_round.late_permitted",
    "enrolment_round.listed",
    "enrolment_round.opened",
    "enrolment_round.published",
    "enrolment_round.purged",
    "enrolment_round.replanned",
    "enrolment_round.updated",
    "estate.corrected",
    "estate.created",
    "estate.regrouped",
    "estate_group.created",
    "grid.corrected",
    "grid.created",
    "grid.staffed",
    "home.corrected",
    "home.created",
    "home.occupancy_set",
    "home_binding.approved",
    "home_binding.claimed",
    "home_binding.dated",
    "home_binding.ended",
    "home_binding.expired",
    "home_binding.rejected",
    "home_visit.assigned",
    "home_visit.cancelled",
    "home_visit.finished",
    "home_visit.missed",
    "home_visit.planned",
    "homes.exported",
    "household_fact.corrected",
    "household_fact.ended",
    "household_fact.recorded",
    "import.finished",
    "import.queued",
    "ledger_transaction.expired",
    "ledger_transaction.posted",
    "ledger_transaction.reversed",
    "list.exported",
    "people.exported",
    "person.corrected",
    "person.created",
    "person.deceased",
    "person.moved_back",
    "person.moved_out",
    "person.revealed",
    "person.tagged",
    "person.untagged",
    "registry_proposal.approved",
    "registry_proposal.proposed",
    "registry_proposal.rejected",
    "registry_proposal.withdrawn",
    "repair_category.created",
    "repair_category.updated",
    "repair_ticket.absorbed",
    "repair_ticket.accepted",
    "repair_ticket.arrived",
    "repair_ticket.assigned",
    "repair_ticket.cancelled",
    "repair_ticket.confirmed",
    "repair_ticket.declined",
    "repair_ticket.due_soon",
    "repair_ticket.grabbed",
    "repair_ticket.merged",
    "repair_ticket.overdue",
    "repair_ticket.paused",
    "repair_ticket.quote_approved",
    "repair_ticket.quote_refused",
    "repair_ticket.quoted",
    "repair_ticket.rated",
    "repair_ticket.remarked",
    "repair_ticket.reopened",
    "repair_ticket.resolved",
    "repair_ticket.resumed",
    "repair_ticket.submitted",
    "repair_ticket.transferred",
    "repair_ticket.urged",
    "school.created",
    "school.updated",
    "tag.created",
    "tag.updated",
    "volunteer_activity.cancelled",
    "volunteer_activity.created",
    "volunteer_activity.ended",
    "volunteer_activity.published",
    "volunteer_activity.updated",
    "volunteer_certificate.issued",
    "volunteer_certificate.revoked",
    "volunteer_consent.given",
    "volunteer_consent.withdrawn",
    "volunteer_shift.cancelled",
    "volunteer_shift.rescheduled",
    "volunteer_shift.resized",
    "volunteer_shift.roster_exported",
    "volunteer_shift.scheduled",
    "volunteer_sign_up.called_off",
    "volunteer_sign_up.cancelled",
    "volunteer_sign_up.checked_in",
    "volunteer_sign_up.checked_out",
    "volunteer_sign_up.confirmed",
    "volunteer_sign_up.credited",
    "volunteer_sign_up.expired",
    "volunteer_sign_up.marked_absent",
    "volunteer_sign_up.offered",
    "volunteer_sign_up.reminded",
    "volunteer_sign_up.swapped",
    "volunteer_sign_up.waitlisted",
    "volunteer_swap.agreed",
    "volunteer_swap.expired",
    "volunteer_swap.proposed",
    "volunteer_swap.refused",
    "volunteer_swap.withdrawn",
    "webhook.created",
    "webhook.deleted",
    "webhook.disabled",
    "webhook.enabled",
    "webhook.secret_rotated",
    "webhook.updated",
];

/// Sorts of things, and whose scope they fall under. What is not here is for administrators alone.
const SORTS: &[(&str, Resource)] = &[
    ("api_key", Resource::Audit),
    ("building", Resource::Registry),
    ("delegation", Resource::Registry),
    ("enrolment_application", Resource::Enrolment),
    ("enrolment_draw", Resource::Enrolment),
    ("enrolment_round", Resource::Enrolment),
    ("estate", Resource::Registry),
    ("estate_group", Resource::Registry),
    ("grid", Resource::Registry),
    ("home", Resource::Registry),
    ("home_binding", Resource::Registry),
    ("home_visit", Resource::Registry),
    ("homes", Resource::Registry),
    ("household_fact", Resource::People),
    ("import", Resource::People),
    ("ledger_transaction", Resource::Points),
    ("list", Resource::Audit),
    ("people", Resource::People),
    ("person", Resource::People),
    ("registry_proposal", Resource::People),
    ("repair_category", Resource::Repair),
    ("repair_ticket", Resource::Repair),
    ("school", Resource::Enrolment),
    ("tag", Resource::People),
    ("volunteer_activity", Resource::Volunteer),
    ("volunteer_certificate", Resource::Volunteer),
    ("volunteer_consent", Resource::Volunteer),
    ("volunteer_shift", Resource::Volunteer),
    ("volunteer_sign_up", Resource::Volunteer),
    ("volunteer_swap", Resource::Volunteer),
    ("webhook", Resource::Webhooks),
];

/// Resources of which a program hears only with their own scope to read.
const GUARDED: &[Resource] = &[Resource::People, Resource::Enrolment, Resource::Audit];

/// Those who may follow anything at all.
pub const FOLLOWERS: &[Role] =
    &[Role::CommunityAdmin, Role::Auditor, Role::Dispatcher, Role::PropertyManager, Role::EnrolmentAdmin, Role::VolunteerLeader];

/// The sort of thing that an event happened to: what stands before the dot.
pub fn sort_of(kind: &str) -> &str {
    kind.split_once('.').map_or(kind, |(sort, _)| sort)
}

/// Whose scope a kind falls under.
pub fn about(kind: &str) -> Resource {
    let sort = sort_of(kind);
    SORTS.iter().find(|(known, _)| *known == sort).map_or(Resource::Audit, |(_, resource)| *resource)
}

/// The sorts of things that fall under a resource's scope.
pub fn sorts_of(resource: Resource) -> impl Iterator<Item = &'static str> {
    SORTS.iter().filter(move |(_, of)| *of == resource).map(|(sort, _)| *sort)
}

/// A choice of kinds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    All,
    /// All of one sort of thing.
    Sort(&'static str),
    Kind(&'static str),
}

/// No kind is called that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownKind;

impl FromStr for Pattern {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        if text == "*" {
            return Ok(Self::All);
        }
        match text.strip_suffix(".*") {
            Some(sort) => SORTS.iter().find(|(known, _)| *known == sort).map(|(known, _)| Self::Sort(known)),
            None => KINDS.iter().find(|known| **known == text).map(|known| Self::Kind(known)),
        }
        .ok_or(UnknownKind)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Sort(sort) => write!(f, "{sort}.*"),
            Self::Kind(kind) => f.write_str(kind),
        }
    }
}

impl Pattern {
    /// Every choice that there is.
    pub fn every() -> impl Iterator<Item = Self> {
        let sorts = SORTS.iter().map(|(sort, _)| Self::Sort(sort));
        [Self::All].into_iter().chain(sorts).chain(KINDS.iter().map(|kind| Self::Kind(kind)))
    }

    pub fn fits(&self, kind: &str) -> bool {
        match self {
            Self::All => true,
            Self::Sort(sort) => sort_of(kind) == *sort,
            Self::Kind(one) => *one == kind,
        }
    }

    /// Whose scope it asks for; none for everything, which means everything that may be seen.
    pub fn about(&self) -> Option<Resource> {
        match self {
            Self::All => None,
            Self::Sort(sort) => Some(about(sort)),
            Self::Kind(kind) => Some(about(kind)),
        }
    }
}

/// Of what somebody may hear, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSight(Vec<(Resource, Communities)>);

impl FeedSight {
    pub fn of(actor: &Actor) -> Self {
        let seen = |resource: Resource| {
            if GUARDED.contains(&resource) && !actor.may(Scope { resource, action: Action::Read }) {
                return Communities::Only(vec![]);
            }
            let mut roles = vec![Role::CommunityAdmin, Role::Auditor];
            match resource {
                Resource::Repair => roles.extend([Role::Dispatcher, Role::PropertyManager]),
                Resource::Enrolment => roles.push(Role::EnrolmentAdmin),
                Resource::Volunteer => roles.push(Role::VolunteerLeader),
                _ => {}
            }
            actor.communities_as(&roles)
        };
        Self(Resource::ALL.iter().map(|&resource| (resource, seen(resource))).filter(|(_, where_)| !where_.is_empty()).collect())
    }

    /// Whether these eyes see an event of this kind in that community.
    pub fn sees(&self, kind: &str, community: CommunityId) -> bool {
        self.sees_resource(about(kind), community)
    }

    fn sees_resource(&self, resource: Resource, community: CommunityId) -> bool {
        self.0.iter().any(|(of, where_)| *of == resource && where_.contains(community))
    }

    /// Whether anything is heard of that community.
    pub fn reaches(&self, community: CommunityId) -> bool {
        self.0.iter().any(|(_, where_)| where_.contains(community))
    }

    /// The resources of which something may be heard in that community, or with none in all of them.
    pub fn resources_in(&self, community: Option<CommunityId>) -> Vec<Resource> {
        let everywhere = |where_: &Communities| match community {
            Some(community) => where_.contains(community),
            None => matches!(where_, Communities::All),
        };
        self.0.iter().filter(|(_, where_)| everywhere(where_)).map(|(resource, _)| *resource).collect()
    }

    /// Communities with the resources that are heard of there, for a WHERE clause: usually one of them.
    pub fn groups(&self) -> Vec<(Communities, Vec<Resource>)> {
        let mut groups: Vec<(Communities, Vec<Resource>)> = Vec::new();
        for (resource, where_) in &self.0 {
            match groups.iter_mut().find(|(known, _)| known == where_) {
                Some((_, resources)) => resources.push(*resource),
                None => groups.push((where_.clone(), vec![*resource])),
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::actor::{Grant, PrincipalId, PrincipalKind};

    fn community(n: u128) -> CommunityId {
        CommunityId::from_uuid(Uuid::from_u128(n))
    }

    fn somebody(kind: PrincipalKind, role: Role, scopes: &[&str]) -> Actor {
        Actor {
            id: PrincipalId::from_uuid(Uuid::from_u128(1)),
            kind,
            session: None,
            grants: vec![Grant { role, community: Some(community(1)) }],
            scopes: scopes.iter().map(|scope| Scope::parse(scope).expect("a scope")).collect(),
        }
    }

    #[test]
    fn kinds_are_sorted_and_each_sort_is_known() {
        assert!(KINDS.windows(2).all(|pair| pair[0] < pair[1]));
        for kind in KINDS {
            assert!(SORTS.iter().any(|(sort, _)| *sort == sort_of(kind)), "{kind}");
        }
    }

    #[test]
    fn a_pattern_reads_back_and_a_misspelt_one_is_none() {
        for text in ["*", "repair_ticket.*", "repair_ticket.submitted"] {
            let pattern: Pattern = text.parse().expect("a pattern");
            assert_eq!(pattern.to_string(), text);
            assert!(pattern.fits("repair_ticket.submitted"));
        }
        for text in ["", "repair_ticket", "repair_ticket.submited", "repair.*", "**", "*.submitted", "webhook.test"] {
            assert_eq!(text.parse::<Pattern>(), Err(UnknownKind), "{text}");
        }
        let others: Pattern = "repair_ticket.*".parse().expect("a pattern");
        assert!(!others.fits("repair_category.created") && !others.fits("person.tagged"));
    }

    #[test]
    fn roles_hear_of_their_own_work_and_of_their_community() {
        let dispatcher = FeedSight::of(&somebody(PrincipalKind::Staff, Role::Dispatcher, &[]));
        assert!(dispatcher.sees("repair_ticket.submitted", community(1)));
        assert!(!dispatcher.sees("repair_ticket.submitted", community(2)) && !dispatcher.sees("person.tagged", community(1)));
        let manager = FeedSight::of(&somebody(PrincipalKind::Staff, Role::CommunityAdmin, &[]));
        assert!(KINDS.iter().all(|kind| manager.sees(kind, community(1))));
        assert_eq!(manager.groups().len(), 1);
    }

    #[test]
    fn a_program_hears_of_people_only_with_their_scope() {
        let partner = FeedSight::of(&somebody(PrincipalKind::Client, Role::CommunityAdmin, &["events:read"]));
        assert!(partner.sees("repair_ticket.submitted", community(1)));
        for kind in ["person.tagged", "enrolment_application.submitted", "api_key.created", "never.heard_of"] {
            assert!(!partner.sees(kind, community(1)), "{kind}");
        }
        let bureau = FeedSight::of(&somebody(PrincipalKind::Client, Role::CommunityAdmin, &["events:read", "enrolment:read"]));
        assert!(bureau.sees("enrolment_application.submitted", community(1)) && !bureau.sees("person.tagged", community(1)));
    }
}
