//! Webhooks 回调: a partner's server is told of what happens, instead of asking for it.
//!
//! An *endpoint* is an address that somebody has registered, for a community or for all of them, with a choice of kinds of
//! events. A *delivery* is one event on its way to one endpoint; it is tried again for three days ([`delivery`]), is signed
//! with every *secret* that the endpoint has at the moment (several while one replaces another), and may be *replayed*. An
//! endpoint that says that it is gone, or that has failed for three days on end, is disabled, and whoever keeps it is told.
//!
//! Where a delivery may go at all is decided in [`target`], at registration and again at each delivery.
//!
//! Deliberately missing: order. Deliveries overtake each other whenever one is retried; who needs order reads the feed.

pub mod delivery;
pub mod target;

use crate::actor::{Actor, CommunityId, Forbidden, PrincipalId, PrincipalKind};
use crate::api_key::Resource;
use crate::feed::{FeedSight, Pattern};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::Fault;
use crate::kernel::time::Timestamp;
use crate::kernel::workflow::{Denied, Edge, Machine, edge};

crate::ids! {
    /// An endpoint.
    WebhookKind, WebhookId = "whk";
    /// One event on its way to one endpoint.
    DeliveryKind, DeliveryId = "dlv";
    /// A secret that deliveries are signed with.
    SecretKind, SecretId = "wse";
}

crate::words! {
    /// Whether an endpoint is told anything.
    State { Active = "active", Disabled = "disabled" }

    /// What may be done with an endpoint.
    Action {
        /// Something is sent that has not happened.
        Test = "test",
        RotateSecret = "rotate_secret",
        /// What happened in some hours is sent again.
        Replay = "replay",
        Disable = "disable",
        Enable = "enable",
    }

    /// What somebody is to an endpoint.
    Party { Administrator = "administrator" }

    /// Why an endpoint is disabled.
    Because {
        /// Somebody wanted it so.
        Asked = "asked",
        /// It answered 410.
        Gone = "gone",
        /// Nothing has got through for three days.
        Failing = "failing",
    }
}

const ADMINISTRATORS: &[Party] = &[Party::Administrator];
const EDGES: &[Edge<State, Action, Party>] = &[
    edge(Action::Test, State::Active, State::Active, ADMINISTRATORS),
    edge(Action::RotateSecret, State::Active, State::Active, ADMINISTRATORS),
    edge(Action::RotateSecret, State::Disabled, State::Disabled, ADMINISTRATORS),
    edge(Action::Replay, State::Active, State::Active, ADMINISTRATORS),
    edge(Action::Disable, State::Active, State::Disabled, ADMINISTRATORS),
    edge(Action::Enable, State::Disabled, State::Active, ADMINISTRATORS),
];

/// Everything that may ever happen to an endpoint.
pub const MACHINE: Machine<State, Action, Party> = Machine { name: "webhook", initial: &[State::Active], edges: EDGES };

/// To whoever registered the endpoint: it was disabled.
pub const TEMPLATE: &str = "webhook_disabled";

/// Endpoints of one community, or of the platform.
pub const MOST_ENDPOINTS: i64 = 20;
/// Secrets that an endpoint has at once: a new one, the one that it replaces, and one more for those who rotate twice in haste.
pub const MOST_SECRETS: usize = 3;
/// Seconds that a replaced secret still signs, unless whoever replaces it says otherwise.
pub const OLD_SECRET_S: i64 = 86_400;
/// Seconds of nothing but failure after which an endpoint is disabled.
pub const PATIENCE_S: i64 = 3 * 86_400;
/// Seconds that what came of a delivery is remembered.
pub const LOG_S: i64 = 30 * 86_400;
/// Events that one replay takes; whoever wants more asks again.
pub const MOST_REPLAYED: i64 = 1000;

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    NotForYou,
    WrongState,
    Invalid(Vec<Fault>),
    /// The community has [`MOST_ENDPOINTS`].
    TooMany,
}

impl From<Forbidden> for Refusal {
    fn from(_: Forbidden) -> Self {
        Self::NotForYou
    }
}

/// What somebody asks for. The URL was judged by [`target::judge`].
#[derive(Debug, Clone)]
pub struct Draft {
    pub url: String,
    pub events: Vec<Pattern>,
    pub description: Option<String>,
}

/// An endpoint as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: WebhookId,
    pub version: i64,
    /// None: of all communities.
    pub community: Option<CommunityId>,
    /// Who registered it, and is told when it fails.
    pub owner: PrincipalId,
    pub url: String,
    pub events: Vec<Pattern>,
    /// Of what whoever registered it may hear; nothing else is ever sent.
    pub about: Vec<Resource>,
    pub description: Option<String>,
    pub state: State,
    pub because: Option<Because>,
    /// Since when every attempt has failed.
    pub failing_since: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

fn administers(actor: &Actor, community: Option<CommunityId>) -> bool {
    match community {
        Some(community) => actor.admin_of(community).is_ok(),
        // A program of the whole platform holds its role everywhere without being its administrator.
        None if actor.kind == PrincipalKind::Client => actor.grants.iter().any(|grant| grant.community.is_none()),
        None => actor.platform_admin().is_ok(),
    }
}

/// The draft's kinds in order and once each, and of what the actor may hear. Kinds that the actor may not hear of are faults.
fn choose(events: Vec<Pattern>, actor: &Actor, community: Option<CommunityId>) -> Result<(Vec<Pattern>, Vec<Resource>), Refusal> {
    let about = FeedSight::of(actor).resources_in(community);
    let unheard = |pattern: &Pattern| pattern.about().is_some_and(|resource| !about.contains(&resource));
    let faults: Vec<Fault> = events
        .iter()
        .enumerate()
        .filter(|(_, pattern)| unheard(pattern))
        .map(|(i, _)| Fault { pointer: format!("/events/{i}"), code: "scope_missing" })
        .collect();
    if !faults.is_empty() {
        return Err(Refusal::Invalid(faults));
    }
    let mut events = events;
    events.sort();
    events.dedup();
    Ok((events, about))
}

impl Webhook {
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::TooMany`] beside `others` in the same place, `scope_missing`.
    pub fn register(
        id: WebhookId,
        community: Option<CommunityId>,
        draft: Draft,
        by: &Actor,
        others: i64,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        if !administers(by, community) {
            return Err(Refusal::NotForYou);
        }
        if others >= MOST_ENDPOINTS {
            return Err(Refusal::TooMany);
        }
        let (events, about) = choose(draft.events, by, community)?;
        let webhook = Self {
            id,
            version: 1,
            community,
            owner: by.id,
            url: draft.url,
            events,
            about,
            description: draft.description,
            state: State::Active,
            because: None,
            failing_since: None,
            created_at: now,
            updated_at: now,
        };
        Ok(Changed::created(webhook, vec![Event::new("webhook.created", Some(by.id), now)]))
    }

    /// # Errors
    /// [`Refusal::NotForYou`], `scope_missing`.
    pub fn change(mut self, draft: Draft, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if !administers(by, self.community) {
            return Err(Refusal::NotForYou);
        }
        let (events, about) = choose(draft.events, by, self.community)?;
        (self.url, self.events, self.about, self.description) = (draft.url, events, about, draft.description);
        Ok(self.moved(now, Event::new("webhook.updated", Some(by.id), now)))
    }

    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::WrongState`].
    pub fn enable(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.may(Action::Enable, by)?;
        (self.state, self.because, self.failing_since) = (State::Active, None, None);
        Ok(self.moved(now, Event::new("webhook.enabled", Some(by.id), now)))
    }

    /// # Errors
    /// As [`enable`](Self::enable).
    pub fn disable(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.may(Action::Disable, by)?;
        (self.state, self.because) = (State::Disabled, Some(Because::Asked));
        Ok(self.moved(now, Event::new("webhook.disabled", Some(by.id), now).with("because", Because::Asked)))
    }

    /// The endpoint has shown that nothing gets through: nobody disables it but time and itself, and whoever keeps it is told.
    pub fn give_up(mut self, because: Because, now: Timestamp) -> Changed<Self> {
        (self.state, self.because) = (State::Disabled, Some(because));
        let owner = self.owner;
        self.moved(now, Event::new("webhook.disabled", None, now).with("because", because).telling(Some(owner), TEMPLATE))
    }

    /// A new secret was made for it.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`].
    pub fn rotate(self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.may(Action::RotateSecret, by)?;
        Ok(self.moved(now, Event::new("webhook.secret_rotated", Some(by.id), now)))
    }

    /// What its removal leaves behind.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`].
    pub fn remove(&self, by: &Actor, now: Timestamp) -> Result<Event, Refusal> {
        if administers(by, self.community) { Ok(Event::new("webhook.deleted", Some(by.id), now)) } else { Err(Refusal::NotForYou) }
    }

    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::WrongState`].
    pub fn may(&self, action: Action, by: &Actor) -> Result<(), Refusal> {
        MACHINE.check(action, self.state, self.parties(by)).map_err(|denied| match denied {
            Denied::NotForYou => Refusal::NotForYou,
            Denied::WrongState => Refusal::WrongState,
        })
    }

    fn parties(&self, actor: &Actor) -> &'static [Party] {
        if administers(actor, self.community) { ADMINISTRATORS } else { &[] }
    }

    pub fn allowed_actions(&self, actor: &Actor) -> Vec<Action> {
        MACHINE.actions(self.state, self.parties(actor))
    }

    /// Whether these eyes see the endpoint.
    pub fn seen_by(&self, actor: &Actor) -> bool {
        administers(actor, self.community)
    }

    /// Whether it is told of an event of that kind there, that happened then.
    pub fn hears(&self, kind: &str, community: CommunityId, at: Timestamp) -> bool {
        self.state == State::Active && at >= self.created_at && self.wants(kind, community)
    }

    /// The same of an event of any time, as for a replay.
    pub fn wants(&self, kind: &str, community: CommunityId) -> bool {
        self.community.is_none_or(|own| own == community)
            && self.about.contains(&crate::feed::about(kind))
            && self.events.iter().any(|pattern| pattern.fits(kind))
    }

    /// Whether an attempt that fails now is one too many.
    pub fn is_hopeless(&self, now: Timestamp) -> bool {
        self.failing_since.is_some_and(|since| now >= since.plus_seconds(PATIENCE_S))
    }

    fn moved(mut self, now: Timestamp, event: Event) -> Changed<Self> {
        let loaded = self.version;
        self.version += 1;
        self.updated_at = now;
        Changed::from_version(loaded, self, vec![event])
    }
}

#[cfg(test)]
mod tests;
