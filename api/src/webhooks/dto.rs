//! Endpoints and deliveries on the wire.

use deserr::Deserr;
use jiazai_domain::actor::Actor;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::webhook::{self as domain, Webhook, delivery::DeliveryState};
use jiazai_infra::events::Recorded;
use jiazai_infra::webhooks::{Attempt, Delivery};
use serde::Serialize;
use utoipa::ToSchema;

use crate::feed::{EventPattern, FeedEvent};
use crate::input::named::{AnyText200, CommunityRef, DeliveryRef, EventRef, OldSecretSeconds, PrincipalRef, Text2048, WebhookRef};
use crate::input::{Faults, Few, Instant, Ref};

/// From one to a hundred.
pub type EventPatterns = Few<EventPattern, 1, 100>;

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewWebhook {
    /// `https`, port 443 or 8443, a public name; it is not followed when it redirects.
    #[schema(inline)]
    pub url: Text2048,
    /// What to be told of.
    #[schema(inline)]
    pub events: EventPatterns,
    /// Left out: the caller's community, or all of them for those who administer the platform.
    #[schema(inline)]
    #[deserr(default)]
    pub community_id: Option<CommunityRef>,
    /// Whose server it is; administrators read it.
    #[schema(inline)]
    #[deserr(default)]
    pub description: Option<AnyText200>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PutWebhook {
    #[schema(inline)]
    pub url: Text2048,
    #[schema(inline)]
    pub events: EventPatterns,
    /// Left out: none.
    #[schema(inline)]
    #[deserr(default)]
    pub description: Option<AnyText200>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RotateSecret {
    /// Seconds for which the secrets of before sign beside the new one; a day when left out.
    #[schema(inline)]
    #[deserr(default)]
    pub keep_old_s: Option<OldSecretSeconds>,
}

/// Send again what happened from one instant to before another.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ReplayRange {
    #[schema(inline)]
    pub from: Instant,
    /// Left out: now.
    #[schema(inline)]
    #[deserr(default)]
    pub until: Option<Instant>,
    /// `next_after` of the answer before, to go on where it stopped.
    #[schema(inline)]
    #[deserr(default)]
    pub after: Option<EventRef>,
}

/// How much is sent again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Replayed {
    /// Deliveries that were put in the queue.
    pub queued: i64,
    /// Null when that was all; otherwise send it as `after`.
    #[schema(inline)]
    pub next_after: Option<EventRef>,
}

crate::spoken! {
    /// Whether an endpoint is told anything.
    WebhookState = domain::State { Active = "active", Disabled = "disabled" }
}

crate::spoken! {
    /// Why an endpoint is disabled: asked 人工停用, gone (it answered 410), failing (three days without success).
    WebhookDisabledBecause = domain::Because { Asked = "asked", Gone = "gone", Failing = "failing" }
}

crate::spoken! {
    /// What may be done with an endpoint.
    WebhookAction = domain::Action { Test = "test", RotateSecret = "rotate_secret", Replay = "replay", Disable = "disable", Enable = "enable" }
}

/// An endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookDto {
    #[schema(inline)]
    pub id: WebhookRef,
    pub url: String,
    #[schema(inline)]
    pub events: Vec<EventPattern>,
    /// Null: of all communities.
    #[schema(inline)]
    pub community_id: Option<CommunityRef>,
    pub description: Option<String>,
    pub state: WebhookState,
    pub disabled_because: Option<WebhookDisabledBecause>,
    pub allowed_actions: Vec<WebhookAction>,
    /// Who registered it, and is told when it fails.
    #[schema(inline)]
    pub created_by: PrincipalRef,
    pub version: i64,
    #[schema(inline)]
    pub created_at: Instant,
    #[schema(inline)]
    pub updated_at: Instant,
}

impl WebhookDto {
    pub fn of(webhook: Webhook, who: &Actor) -> Self {
        Self {
            allowed_actions: webhook.allowed_actions(who).into_iter().map(Into::into).collect(),
            id: Ref(webhook.id),
            url: webhook.url,
            events: webhook.events.into_iter().map(EventPattern).collect(),
            community_id: webhook.community.map(Ref),
            description: webhook.description,
            state: webhook.state.into(),
            disabled_because: webhook.because.map(Into::into),
            created_by: Ref(webhook.owner),
            version: webhook.version,
            created_at: webhook.created_at.into(),
            updated_at: webhook.updated_at.into(),
        }
    }
}

/// An endpoint with the secret that it was just given.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookWithSecret {
    #[serde(flatten)]
    pub webhook: WebhookDto,
    /// Shown this once. Deliveries are signed with it (Standard Webhooks, `v1`).
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: String,
}

crate::spoken! {
    /// Where a delivery stands.
    WebhookDeliveryState = DeliveryState { Pending = "pending", Delivered = "delivered", Failed = "failed" }
}

/// One attempt at a delivery.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryAttempt {
    #[schema(inline)]
    pub at: Instant,
    /// The HTTP status; null when there was no answer.
    #[schema(minimum = 100, maximum = 999)]
    pub status: Option<u16>,
    /// Why there was no answer: `timeout`, `no_connection`, `connection_broke`, `url_not_public`, ….
    pub error: Option<String>,
    /// Milliseconds.
    pub took_ms: i64,
}

impl From<Attempt> for DeliveryAttempt {
    fn from(attempt: Attempt) -> Self {
        Self { at: Timestamp::from_millis(attempt.at).into(), status: attempt.status, error: attempt.error, took_ms: attempt.took_ms }
    }
}

/// One event on its way to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryDto {
    #[schema(inline)]
    pub id: DeliveryRef,
    #[schema(inline)]
    pub webhook_id: WebhookRef,
    /// What is sent as `webhook-id`; the event's id in the feed.
    #[schema(inline)]
    pub event_id: EventRef,
    #[serde(rename = "type")]
    #[schema(example = "repair_ticket.submitted")]
    pub kind: String,
    pub state: WebhookDeliveryState,
    /// Since it was first sent, or last replayed.
    pub attempts: i64,
    #[schema(inline)]
    pub next_attempt_at: Option<Instant>,
    /// The last twenty attempts, oldest first.
    pub log: Vec<DeliveryAttempt>,
    #[schema(inline)]
    pub created_at: Instant,
    #[schema(inline)]
    pub ended_at: Option<Instant>,
}

impl From<Delivery> for DeliveryDto {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: Ref(delivery.id),
            webhook_id: Ref(delivery.webhook),
            event_id: Ref(delivery.event),
            kind: delivery.kind,
            state: delivery.state.into(),
            attempts: delivery.attempts,
            next_attempt_at: delivery.due_at.map(Into::into),
            log: delivery.log.into_iter().map(Into::into).collect(),
            created_at: delivery.created_at.into(),
            ended_at: delivery.ended_at.map(Into::into),
        }
    }
}

/// The body of a delivery: an event as in the feed, with the `timestamp` that Standard Webhooks asks for.
#[derive(Serialize)]
struct Payload {
    #[serde(flatten)]
    event: FeedEvent,
    timestamp: Instant,
}

/// The body of a test.
#[derive(Serialize)]
struct TestPayload {
    id: EventRef,
    #[serde(rename = "type")]
    kind: String,
    timestamp: Instant,
    occurred_at: Instant,
    community_id: Option<CommunityRef>,
    data: serde_json::Map<String, serde_json::Value>,
}

/// What is posted. None when the event is gone.
pub fn payload(webhook: &Webhook, delivery: &Delivery, event: Option<&Recorded>) -> Option<Vec<u8>> {
    if delivery.kind == jiazai_domain::feed::TEST {
        let at = delivery.occurred_at.into();
        let (id, kind, community_id) = (Ref(delivery.event), delivery.kind.clone(), webhook.community.map(Ref));
        return serde_json::to_vec(&TestPayload { id, kind, timestamp: at, occurred_at: at, community_id, data: Default::default() }).ok();
    }
    let event = event?.clone();
    let timestamp = event.occurred_at.into();
    serde_json::to_vec(&Payload { event: event.into(), timestamp }).ok()
}
