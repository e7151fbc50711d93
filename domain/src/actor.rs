//! Who acts: a resident, a member of staff, or a client program; and what each may see and do.
//!
//! A *principal* is an account. A *role* is granted within a community or, without one, on the whole platform. A *role
//! proof* such as [`Dispatcher`] can only be made by asking an [`Actor`] for it, so a decision that takes a proof as an
//! argument cannot be reached by somebody whose role was never checked. [`Communities`] is the same idea for sight:
//! every load and list takes one and turns it into a WHERE clause.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::api_key::Scope;
use crate::ids;

ids! {
    /// An account: of a resident, a member of staff or a client program.
    Principal, PrincipalId = "usr";
    /// One log-in on one device, from log-in to log-out.
    Session, SessionId = "ses";
    /// A community 社区: the tenant of everything else.
    Community, CommunityId = "com";
}

/// What sort of account acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    Resident,
    Staff,
    Client,
}

impl PrincipalKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resident => "resident",
            Self::Staff => "staff",
            Self::Client => "client",
        }
    }
}

impl FromStr for PrincipalKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Resident, Self::Staff, Self::Client].into_iter().find(|k| k.as_str() == text).ok_or(())
    }
}

macro_rules! roles {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What a member of staff is trusted with, within a community or on the platform.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Role { $($(#[$doc])* $name),+ }

        impl Role {
            pub const ALL: &[Role] = &[$(Role::$name),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Role::$name => $text),+ }
            }
        }
    };
}

roles! {
    /// Runs the installation; every role's rights everywhere except the auditor's independence.
    PlatformAdmin = "platform_admin",
    /// 社区管理员: runs one community.
    CommunityAdmin = "community_admin",
    /// 网格员
    GridWorker = "grid_worker",
    /// 物业经理
    PropertyManager = "property_manager",
    /// 派单员
    Dispatcher = "dispatcher",
    /// 维修师傅
    RepairWorker = "repair_worker",
    EnrolmentAdmin = "enrolment_admin",
    EnrolmentReviewer = "enrolment_reviewer",
    VolunteerLeader = "volunteer_leader",
    Merchant = "merchant",
    StreetOfficer = "street_officer",
    DepartmentOfficer = "department_officer",
    /// Reads what others did; changes nothing.
    Auditor = "auditor",
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|role| role.as_str() == text).ok_or(())
    }
}

/// A role and where it holds; no community means everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grant {
    pub role: Role,
    pub community: Option<CommunityId>,
}

/// The communities that somebody may look into for some purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Communities {
    All,
    Only(Vec<CommunityId>),
}

impl Communities {
    pub fn contains(&self, community: CommunityId) -> bool {
        match self {
            Self::All => true,
            Self::Only(some) => some.contains(&community),
        }
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Only(some) if some.is_empty())
    }
}

/// The caller is known, but this is not for them (403).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbidden;

/// Who asks, with the rights they hold at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub id: PrincipalId,
    pub kind: PrincipalKind,
    pub session: Option<SessionId>,
    pub grants: Vec<Grant>,
    /// What a client program's key was made for; people have no scopes, they have roles.
    pub scopes: Vec<Scope>,
}

impl Actor {
    /// Whether no scope forbids it: a client program may what its key was made for, and people have no scopes. What their
    /// roles let either do is another question.
    pub fn may(&self, scope: Scope) -> bool {
        self.kind != PrincipalKind::Client || self.scopes.contains(&scope)
    }

    /// Where the actor holds any of these roles. A platform administrator holds all of them everywhere, but is no
    /// repair worker: nobody can be assigned to work in person by being trusted with the machine.
    pub fn communities_as(&self, roles: &[Role]) -> Communities {
        let mut some = Vec::new();
        for grant in &self.grants {
            if !(roles.contains(&grant.role) || grant.role == Role::PlatformAdmin) {
                continue;
            }
            match grant.community {
                None => return Communities::All,
                Some(community) if !some.contains(&community) => some.push(community),
                Some(_) => {}
            }
        }
        Communities::Only(some)
    }

    /// Whether the actor holds one of these roles in this community (platform administrators hold every role).
    pub fn is_any(&self, roles: &[Role], community: CommunityId) -> bool {
        self.grants.iter().any(|g| (roles.contains(&g.role) || g.role == Role::PlatformAdmin) && g.community.is_none_or(|c| c == community))
    }

    /// Whether exactly this role was granted, without a platform administrator's "every role".
    pub fn holds(&self, role: Role, community: CommunityId) -> bool {
        self.grants.iter().any(|g| g.role == role && g.community.is_none_or(|c| c == community))
    }

    /// The roles that the actor was granted and that hold in this community.
    pub fn roles_in(&self, community: CommunityId) -> Vec<Role> {
        self.grants.iter().filter(|g| g.community.is_none_or(|c| c == community)).map(|g| g.role).collect()
    }

    pub fn resident(&self) -> Result<Resident, Forbidden> {
        if self.kind == PrincipalKind::Resident { Ok(Resident { id: self.id }) } else { Err(Forbidden) }
    }

    pub fn platform_admin(&self) -> Result<PlatformAdmin, Forbidden> {
        let proven = self.grants.iter().any(|g| g.role == Role::PlatformAdmin && g.community.is_none());
        if proven { Ok(PlatformAdmin { id: self.id }) } else { Err(Forbidden) }
    }

    /// Proof of being trusted with the staff and the settings of a community.
    pub fn admin_of(&self, community: CommunityId) -> Result<CommunityAdmin, Forbidden> {
        if self.is_any(&[Role::CommunityAdmin], community) { Ok(CommunityAdmin { id: self.id, community }) } else { Err(Forbidden) }
    }

    /// Proof of being trusted to send people to work in a community.
    pub fn dispatcher_of(&self, community: CommunityId) -> Result<Dispatcher, Forbidden> {
        if self.is_any(&[Role::Dispatcher, Role::CommunityAdmin], community) {
            Ok(Dispatcher { id: self.id, community })
        } else {
            Err(Forbidden)
        }
    }

    /// Proof of keeping the registry in a community. Which grids are theirs is data, not a role.
    pub fn grid_worker_of(&self, community: CommunityId) -> Result<GridWorker, Forbidden> {
        if self.is_any(&[Role::GridWorker, Role::CommunityAdmin], community) {
            Ok(GridWorker { id: self.id, community })
        } else {
            Err(Forbidden)
        }
    }

    /// Proof of doing repair work in a community, in person.
    pub fn repair_worker_of(&self, community: CommunityId) -> Result<RepairWorker, Forbidden> {
        if self.holds(Role::RepairWorker, community) { Ok(RepairWorker { id: self.id, community }) } else { Err(Forbidden) }
    }

    /// Proof of being trusted to call volunteers together in a community, and to say who came.
    pub fn volunteer_leader_of(&self, community: CommunityId) -> Result<VolunteerLeader, Forbidden> {
        if self.is_any(&[Role::VolunteerLeader, Role::CommunityAdmin], community) {
            Ok(VolunteerLeader { id: self.id, community })
        } else {
            Err(Forbidden)
        }
    }
}

macro_rules! proofs {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),+ };)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name { $($field: $type),+ }
        impl $name { $(pub fn $field(&self) -> $type { self.$field })+ }
    )+};
}

proofs! {
    /// Proof that the actor is a resident.
    Resident { id: PrincipalId };
    /// Proof that the actor administers the platform.
    PlatformAdmin { id: PrincipalId };
    /// Proof that the actor administers this community.
    CommunityAdmin { id: PrincipalId, community: CommunityId };
    /// Proof that the actor dispatches work in this community.
    Dispatcher { id: PrincipalId, community: CommunityId };
    /// Proof that the actor keeps the registry in this community.
    GridWorker { id: PrincipalId, community: CommunityId };
    /// Proof that the actor does repair work in this community.
    RepairWorker { id: PrincipalId, community: CommunityId };
    /// Proof that the actor leads volunteers in this community.
    VolunteerLeader { id: PrincipalId, community: CommunityId };
}

impl Resident {
    /// For records that only residents can have made, such as a sign-up: whose it is, is one.
    pub(crate) const fn on_record(id: PrincipalId) -> Self {
        Self { id }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn community(n: u128) -> CommunityId {
        CommunityId::from_uuid(Uuid::from_u128(n))
    }

    fn staff(grants: Vec<Grant>) -> Actor {
        Actor { id: PrincipalId::from_uuid(Uuid::from_u128(1)), kind: PrincipalKind::Staff, session: None, grants, scopes: vec![] }
    }

    #[test]
    fn a_role_holds_in_its_community_only() {
        let who = staff(vec![Grant { role: Role::Dispatcher, community: Some(community(1)) }]);
        assert!(who.dispatcher_of(community(1)).is_ok());
        assert_eq!(who.dispatcher_of(community(2)), Err(Forbidden));
        assert_eq!(who.communities_as(&[Role::Dispatcher]), Communities::Only(vec![community(1)]));
        assert!(who.communities_as(&[Role::Auditor]).is_empty());
    }

    #[test]
    fn a_community_is_named_once_however_many_roles_somebody_has_there() {
        let grant = |role| Grant { role, community: Some(community(1)) };
        let who = staff(vec![grant(Role::Dispatcher), grant(Role::Auditor)]);
        assert_eq!(who.communities_as(&[Role::Dispatcher, Role::Auditor]), Communities::Only(vec![community(1)]));
    }

    #[test]
    fn a_platform_administrator_dispatches_everywhere_but_repairs_nothing() {
        let who = staff(vec![Grant { role: Role::PlatformAdmin, community: None }]);
        assert!(who.dispatcher_of(community(9)).is_ok());
        assert_eq!(who.repair_worker_of(community(9)), Err(Forbidden));
        assert_eq!(who.resident(), Err(Forbidden));
    }

    #[test]
    fn every_role_reads_back_from_its_name() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(*role));
            assert_eq!(role.to_string(), role.as_str());
        }
        for kind in [PrincipalKind::Resident, PrincipalKind::Staff, PrincipalKind::Client] {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("guest".parse::<PrincipalKind>(), Err(()));
    }
}
