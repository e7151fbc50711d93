//! API keys 接口密钥: how a partner's program, or an administrator's script, calls without a person at the keyboard.
//!
//! A key is an account of its own (a *client*), made by somebody for one community or, by the platform's administrators,
//! for all. What it may do is said twice, and both must hold: its *scopes* `resource:action` open operations, and within
//! them it sees and decides what an administrator of its community would. What only people may do (accounts, passwords,
//! keys, a resident's own affairs) has no scope, so no key reaches it.
//!
//! The text of a key is `jz_live_`, the key's id, its secret and a checksum, all in lower-case letters and digits: a
//! secret scanner finds it by `jz_live_[0-9a-z]{80}`, and a mistyped one is refused without asking the database. A keyed
//! hash of the secret is remembered for as long as the key; the key itself only where somebody asked for it with an
//! `Idempotency-Key`, sealed, for the days in which the same request would be answered again.

use std::fmt;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::actor::{Actor, CommunityId, Grant, PrincipalId, PrincipalKind, Role};
use crate::kernel::changed::Event;
use crate::kernel::fault::Fault;
use crate::kernel::time::Timestamp;

crate::ids! {
    /// An API key. It shares its UUID with its account, so that whoever reads a key knows whose it is.
    ApiKeyKind, ApiKeyId = "key";
}

impl ApiKeyId {
    pub fn principal(self) -> PrincipalId {
        PrincipalId::from_uuid(self.uuid())
    }
}

crate::words! {
    /// What a scope is about.
    Resource {
        /// Repair tickets and their categories.
        Repair = "repair",
        /// Communities, estates, buildings, homes, bindings, visits.
        Registry = "registry",
        /// People, their facts and tags.
        People = "people",
        Enrolment = "enrolment",
        Volunteer = "volunteer",
        Points = "points",
        Files = "files",
        /// The feed of what happened.
        Events = "events",
        Webhooks = "webhooks",
        Audit = "audit",
    }
    /// What a scope lets do.
    Action {
        Read = "read",
        Write = "write",
        /// Whole lists at once.
        Export = "export",
        /// Full numbers in the place of masked ones.
        Reveal = "reveal",
    }
}

impl Resource {
    /// What can be done with it at all: a scope that opens nothing is not offered. Full numbers are of people alone;
    /// files are taken one by one; the feed has one way to be read.
    const fn actions(self) -> &'static [Action] {
        use Action::{Export, Read, Reveal, Write};
        match self {
            Self::People => &[Read, Write, Export, Reveal],
            Self::Repair | Self::Registry | Self::Enrolment | Self::Volunteer => &[Read, Write, Export],
            Self::Points => &[Read, Write, Export],
            Self::Files | Self::Webhooks => &[Read, Write],
            Self::Events => &[Read],
            Self::Audit => &[Read, Export],
        }
    }
}

/// One thing that a key may do with one sort of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    pub resource: Resource,
    pub action: Action,
}

impl Scope {
    /// Every scope that there is.
    pub fn all() -> impl Iterator<Item = Self> {
        Resource::ALL.iter().flat_map(|&resource| resource.actions().iter().map(move |&action| Self { resource, action }))
    }

    /// All of them, for whoever named one that there is not.
    pub fn listed() -> String {
        Self::all().map(|scope| scope.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// Whether there is such a scope.
    pub fn is_offered(self) -> bool {
        self.resource.actions().contains(&self.action)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (resource, action) = text.split_once(':')?;
        let scope = Self { resource: resource.parse().ok()?, action: action.parse().ok()? };
        scope.is_offered().then_some(scope)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource, self.action)
    }
}

/// What somebody asks for.
#[derive(Debug, Clone)]
pub struct ApiKeyDraft {
    pub name: String,
    pub scopes: Vec<Scope>,
    pub community: Option<CommunityId>,
    /// Where the key may be used from; empty: anywhere.
    pub addresses: Vec<IpAddr>,
    /// Requests a minute.
    pub per_minute: i64,
    pub expires_at: Option<Timestamp>,
}

/// Requests a minute, unless the draft says otherwise.
pub const PER_MINUTE: i64 = 600;

/// A key as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub community: Option<CommunityId>,
    pub scopes: Vec<Scope>,
    pub addresses: Vec<IpAddr>,
    pub per_minute: i64,
    pub expires_at: Option<Timestamp>,
    pub created_by: Option<PrincipalId>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// Why a key is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// `expires_at` is not in the future.
    Invalid(Vec<Fault>),
    /// Neither the community's administrator nor the platform's.
    NotForYou,
}

impl ApiKey {
    /// Makes a key. `by` is nobody on the command line, where the machine itself is proof enough.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn create(id: ApiKeyId, draft: ApiKeyDraft, by: Option<&Actor>, now: Timestamp) -> Result<Self, Refusal> {
        let may = by.is_none_or(|actor| match draft.community {
            Some(community) => actor.admin_of(community).is_ok(),
            None => actor.platform_admin().is_ok(),
        });
        // A key cannot make keys, whatever its grants say.
        if !may || by.is_some_and(|actor| actor.kind != PrincipalKind::Staff) {
            return Err(Refusal::NotForYou);
        }
        if draft.expires_at.is_some_and(|at| at <= now) {
            return Err(Refusal::Invalid(vec![Fault { pointer: "/expires_at".to_owned(), code: "not_in_the_future" }]));
        }
        let mut scopes = draft.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        Ok(Self {
            id,
            name: draft.name,
            community: draft.community,
            scopes,
            addresses: draft.addresses.iter().map(IpAddr::to_canonical).collect(),
            per_minute: draft.per_minute,
            expires_at: draft.expires_at,
            created_by: by.map(|actor| actor.id),
            created_at: now,
            last_used_at: None,
            revoked_at: None,
        })
    }

    /// That the key was made; nothing of its text.
    pub fn creation(&self) -> Event {
        Event::new("api_key.created", self.created_by, self.created_at)
    }

    /// That it was taken out of use.
    pub fn revocation(&self, by: PrincipalId, now: Timestamp) -> Event {
        Event::new("api_key.revoked", Some(by), now)
    }

    /// Whether it can be used at that moment at all.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| at > now)
    }

    /// Requests a minute, as the limits count them: whatever was stored, one at least.
    pub fn quota(&self) -> u32 {
        u32::try_from(self.per_minute).unwrap_or(1).max(1)
    }

    /// Who acts when the key is used.
    pub fn actor(&self) -> Actor {
        let community = self.community;
        let mut grants = vec![Grant { role: Role::CommunityAdmin, community }];
        if self.scopes.iter().any(|scope| scope.resource == Resource::Audit) {
            grants.push(Grant { role: Role::Auditor, community });
        }
        // As an administrator it runs rounds and sees how applications stand. The applications see to it that a program is
        // nobody's reviewer and opens no papers.
        if self.scopes.iter().any(|scope| scope.resource == Resource::Enrolment) {
            grants.push(Grant { role: Role::EnrolmentAdmin, community });
        }
        Actor { id: self.id.principal(), kind: PrincipalKind::Client, session: None, grants, scopes: self.scopes.clone() }
    }

    /// Whether the key may be used from there.
    pub fn may_come_from(&self, address: Option<IpAddr>) -> bool {
        self.addresses.is_empty() || address.is_some_and(|address| self.addresses.contains(&address.to_canonical()))
    }
}

const PREFIX: &str = "jz_live_";
const ID: usize = 26;
const SECRET: usize = 48;
const CHECKSUM: usize = 6;

/// The text of a key, shown once. `secret` is 24 random bytes.
pub fn text(id: ApiKeyId, secret: [u8; 24]) -> String {
    let whole = id.text();
    let suffix = whole.rsplit('_').next().unwrap_or_default();
    let body = format!("{PREFIX}{suffix}{}", hex(&secret));
    let sum = checksum(&body);
    format!("{body}{sum}")
}

/// Whether somebody means an API key, rather than an access token.
pub fn is_meant(token: &str) -> bool {
    token.starts_with("jz_")
}

/// The id and the secret, as text, of what may be a key; `None` for anything whose checksum is not its own.
pub fn read(token: &str) -> Option<(ApiKeyId, &str)> {
    let rest = token.strip_prefix(PREFIX).filter(|rest| rest.len() == ID + SECRET + CHECKSUM && rest.is_ascii())?;
    let body = &token[..PREFIX.len() + ID + SECRET];
    if checksum(body) != rest[ID + SECRET..] {
        return None;
    }
    Some((format!("key_{}", &rest[..ID]).parse().ok()?, &rest[ID..ID + SECRET]))
}

fn checksum(body: &str) -> String {
    hex(&Sha256::digest(body.as_bytes())[..CHECKSUM / 2])
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn id() -> ApiKeyId {
        ApiKeyId::from_uuid(Uuid::from_u128(77))
    }

    fn community(n: u128) -> CommunityId {
        CommunityId::from_uuid(Uuid::from_u128(n))
    }

    fn person(kind: PrincipalKind, role: Role, at: Option<CommunityId>) -> Actor {
        Actor {
            id: PrincipalId::from_uuid(Uuid::from_u128(1)),
            kind,
            session: None,
            grants: vec![Grant { role, community: at }],
            scopes: vec![],
        }
    }

    fn draft(at: Option<CommunityId>, scopes: &[&str]) -> ApiKeyDraft {
        let scopes = scopes.iter().map(|text| Scope::parse(text).expect("a scope")).collect();
        ApiKeyDraft { name: "街道大屏".into(), scopes, community: at, addresses: vec![], per_minute: PER_MINUTE, expires_at: None }
    }

    #[test]
    fn every_scope_reads_back_from_its_text_and_nothing_else_does() {
        for scope in Scope::all() {
            assert_eq!(Scope::parse(&scope.to_string()), Some(scope));
        }
        for text in ["", "repair", "repair:", ":read", "repair:reveal", "events:write", "repair:*", "Repair:read", "repair:read:x"] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_community_s_administrator_makes_keys_for_that_community_only() {
        let manager = person(PrincipalKind::Staff, Role::CommunityAdmin, Some(community(1)));
        let make = |at| ApiKey::create(id(), draft(at, &["repair:read"]), Some(&manager), NOW);
        assert!(make(Some(community(1))).is_ok());
        assert_eq!(make(Some(community(2))), Err(Refusal::NotForYou));
        assert_eq!(make(None), Err(Refusal::NotForYou));
        let admin = person(PrincipalKind::Staff, Role::PlatformAdmin, None);
        assert!(ApiKey::create(id(), draft(None, &["repair:read"]), Some(&admin), NOW).is_ok());
        let key = person(PrincipalKind::Client, Role::CommunityAdmin, Some(community(1)));
        assert_eq!(ApiKey::create(id(), draft(Some(community(1)), &["repair:read"]), Some(&key), NOW), Err(Refusal::NotForYou));
    }

    #[test]
    fn a_key_that_ends_before_it_begins_is_not_made() {
        let late = ApiKeyDraft { expires_at: Some(NOW), ..draft(None, &["repair:read"]) };
        assert!(matches!(ApiKey::create(id(), late, None, NOW), Err(Refusal::Invalid(_))));
    }

    #[test]
    fn a_key_acts_in_its_community_and_audits_only_with_that_scope() {
        let key = ApiKey::create(id(), draft(Some(community(1)), &["repair:read", "audit:read"]), None, NOW).expect("a key");
        let actor = key.actor();
        assert!(actor.admin_of(community(1)).is_ok() && actor.admin_of(community(2)).is_err());
        assert!(actor.platform_admin().is_err() && actor.resident().is_err());
        assert!(actor.is_any(&[Role::Auditor], community(1)));
        let other = ApiKey::create(id(), draft(Some(community(1)), &["repair:read"]), None, NOW).expect("a key");
        assert!(!other.actor().is_any(&[Role::Auditor], community(1)));
        let runs = |scopes: &[&str]| {
            let key = ApiKey::create(id(), draft(Some(community(1)), scopes), None, NOW).expect("a key");
            key.actor().is_any(&[Role::EnrolmentAdmin], community(1))
        };
        assert!(runs(&["enrolment:read"]) && !runs(&["people:read", "files:read"]));
    }

    #[test]
    fn a_key_bound_to_addresses_comes_from_nowhere_else() {
        let home: IpAddr = "192.0.2.7".parse().expect("an address");
        let bound = ApiKeyDraft { addresses: vec![home], ..draft(None, &["repair:read"]) };
        let key = ApiKey::create(id(), bound, None, NOW).expect("a key");
        assert!(key.may_come_from(Some(home)) && key.may_come_from("::ffff:192.0.2.7".parse().ok()));
        assert!(!key.may_come_from("192.0.2.8".parse().ok()) && !key.may_come_from(None));
    }

    proptest! {
        #[test]
        fn a_key_reads_back_and_any_change_of_it_does_not(secret in any::<[u8; 24]>(), at in 0usize..88, to in "[0-9a-z]") {
            let whole = text(id(), secret);
            let inside = hex(&secret);
            prop_assert_eq!(read(&whole), Some((id(), inside.as_str())));
            let mut other = whole.clone();
            other.replace_range(at..=at, &to);
            prop_assert!(other == whole || read(&other).is_none());
            prop_assert!(read(&whole[..whole.len() - 1]).is_none());
        }
    }
}
