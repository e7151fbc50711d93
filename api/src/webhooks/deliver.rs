//! Sending: a job under a lease, one task for each endpoint that has something to be sent.
//!
//! An endpoint never waits for another: each has its own task, its own few requests at a time, and its own pause when it
//! fails. What is known of an endpoint's health is kept in memory, by the one instance that sends; when that dies, its
//! successor finds out anew.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use futures_util::stream;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::webhook::delivery::{Answer, Verdict, pause_until};
use jiazai_domain::webhook::{State, Webhook, WebhookId};
use jiazai_infra::db::DbError;
use jiazai_infra::events::{self, Recorded};
use jiazai_infra::vault::{Secret, random};
use jiazai_infra::webhooks::{self as store, Delivery, Sent};

use super::dto::payload;
use crate::app::App;

/// Requests to one endpoint at the same time, while it is well.
const AT_ONCE: usize = 4;
/// Deliveries of one endpoint that are read at once.
const BATCH: i64 = 32;
/// Failures in a row after which an endpoint is left alone for a while.
const PATIENT: u32 = 10;
/// Seconds of the first pause; each further failure doubles it.
const FIRST_PAUSE_S: i64 = 5;
const LONGEST_PAUSE_S: i64 = 60;

/// Who is being sent to, and how they do.
#[derive(Default)]
pub struct Postman {
    held: AtomicBool,
    endpoints: Mutex<HashMap<WebhookId, Health>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Health {
    running: bool,
    /// In a row.
    failures: u32,
    /// Left alone until then.
    until: Option<Timestamp>,
}

impl Postman {
    fn endpoints(&self) -> MutexGuard<'_, HashMap<WebhookId, Health>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn may_begin(&self, id: WebhookId, now: Timestamp) -> bool {
        self.endpoints().get(&id).is_none_or(|health| !health.running && health.until.is_none_or(|until| until <= now))
    }

    fn any_running(&self) -> bool {
        self.endpoints().values().any(|health| health.running)
    }

    /// Whether the next request may go out.
    fn goes_on(&self, id: WebhookId, now: Timestamp) -> bool {
        self.held.load(Ordering::Relaxed) && self.endpoints().get(&id).is_none_or(|health| health.until.is_none_or(|until| until <= now))
    }

    /// An endpoint that has just failed is asked once at a time.
    fn width(&self, id: WebhookId) -> usize {
        if self.endpoints().get(&id).is_some_and(|health| health.failures >= PATIENT) { 1 } else { AT_ONCE }
    }

    fn begin(&self, id: WebhookId) {
        self.endpoints().entry(id).or_default().running = true;
    }

    fn end(&self, id: WebhookId) {
        let mut endpoints = self.endpoints();
        match endpoints.get_mut(&id) {
            Some(health) if health.failures > 0 || health.until.is_some() => health.running = false,
            _ => drop(endpoints.remove(&id)),
        }
    }

    fn heard(&self, id: WebhookId, sent: &Sent, now: Timestamp) {
        let mut endpoints = self.endpoints();
        let health = endpoints.entry(id).or_default();
        if sent.answer.is_success() {
            (health.failures, health.until) = (0, None);
            return;
        }
        health.failures = health.failures.saturating_add(1);
        let over = health.failures.saturating_sub(PATIENT);
        let pause = (health.failures >= PATIENT).then(|| now.plus_seconds((FIRST_PAUSE_S << over.min(8)).min(LONGEST_PAUSE_S)));
        health.until = pause_until(sent.answer, sent.retry_after, now).max(pause);
    }
}

/// Begins to send what is due, wherever nothing is being sent at the moment.
pub async fn dispatch(app: &Arc<App>, holder: &str) -> Result<usize, DbError> {
    let now = app.clock.now();
    let mut ready = app.db.read(store::ready).await?;
    ready.retain(|id| app.postman.may_begin(*id, now));
    if ready.is_empty() && !app.postman.any_running() {
        // The lease runs out by itself; an idle server writes nothing.
        return Ok(0);
    }
    let held = crate::jobs::leased(app, "webhooks", holder, |_| Ok(true)).await?;
    app.postman.held.store(held, Ordering::Relaxed);
    if !held {
        return Ok(0);
    }
    for id in &ready {
        app.postman.begin(*id);
        tokio::spawn(drain(app.clone(), *id));
    }
    Ok(0)
}

async fn drain(app: Arc<App>, id: WebhookId) {
    if let Err(error) = send_all(&app, id).await {
        tracing::warn!(%error, "deliveries to a webhook stopped and will go on");
    }
    app.postman.end(id);
    // Something may have come between the last look and now.
    app.jobs.wake_events();
}

/// One endpoint's turn.
struct Round {
    endpoint: Webhook,
    secrets: Vec<Secret>,
    letters: Vec<(Delivery, Option<Recorded>)>,
}

async fn send_all(app: &Arc<App>, id: WebhookId) -> Result<(), DbError> {
    while app.serving.load(Ordering::Relaxed) && app.postman.goes_on(id, app.clock.now()) {
        let Some(round) = next_round(app, id).await? else { return Ok(()) };
        let Round { endpoint, secrets, letters } = round;
        let (endpoint, secrets, stop) = (&endpoint, &secrets, &AtomicBool::new(false));
        let sending = letters.into_iter().map(|(delivery, event)| send(app, endpoint, secrets, stop, delivery, event));
        let outcomes: Vec<Result<(), DbError>> = stream::iter(sending).buffer_unordered(app.postman.width(id)).collect().await;
        outcomes.into_iter().collect::<Result<(), DbError>>()?;
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
    }
    Ok(())
}

async fn next_round(app: &Arc<App>, id: WebhookId) -> Result<Option<Round>, DbError> {
    let vault = app.vault.clone();
    app.db
        .read(move |tx| {
            let Some(endpoint) = store::find(tx, id)?.filter(|endpoint| endpoint.state == State::Active) else { return Ok(None) };
            let due = store::due(tx, id, BATCH)?;
            if due.is_empty() {
                return Ok(None);
            }
            let ids: Vec<_> = due.iter().map(|delivery| delivery.event).collect();
            let mut known: HashMap<_, _> = events::by_ids(tx, &ids)?.into_iter().map(|event| (event.id, event)).collect();
            let letters = due.into_iter().map(|delivery| (known.remove(&delivery.event), delivery)).map(|(event, d)| (d, event)).collect();
            Ok(Some(Round { endpoint, secrets: store::secrets(tx, &vault, id)?, letters }))
        })
        .await
}

async fn send(
    app: &Arc<App>,
    endpoint: &Webhook,
    secrets: &[Secret],
    stop: &AtomicBool,
    delivery: Delivery,
    event: Option<Recorded>,
) -> Result<(), DbError> {
    let now = app.clock.now();
    if stop.load(Ordering::Relaxed) || !app.postman.goes_on(endpoint.id, now) {
        return Ok(());
    }
    let sent = match payload(endpoint, &delivery, event.as_ref()) {
        None => Sent { answer: Answer::None("event_gone"), retry_after: None, took_ms: 0 },
        Some(body) => {
            let (id, at) = (delivery.event.text(), now.millis() / 1000);
            let signature = store::signatures(secrets, &id, at, &body);
            let headers = [("webhook-id", id), ("webhook-timestamp", at.to_string()), ("webhook-signature", signature)];
            app.hooks.post(&endpoint.url, &headers, body, now).await
        }
    };
    app.postman.heard(endpoint.id, &sent, app.clock.now());
    let chance = u16::from_be_bytes(random::<2>()) % 1000;
    let id = delivery.id;
    let verdict =
        app.db.write(move |tx| store::conclude(tx, id, event.as_ref(), (sent.answer, sent.took_ms), sent.retry_after, chance)).await?;
    let word = match verdict {
        Some(Verdict::Delivered) => "delivered",
        Some(Verdict::Retry(_)) => "retried",
        Some(Verdict::Gone) => {
            stop.store(true, Ordering::Relaxed);
            "gone"
        }
        Some(Verdict::GaveUp) => "failed",
        None => "dropped",
    };
    app.metrics.job_items.with_label_values(&["webhooks", word]).inc();
    if word != "delivered" {
        // An endpoint that was disabled leaves an event for whoever keeps it.
        app.jobs.wake();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn id() -> WebhookId {
        "whk_01h455vb4pex5vsknk084sn02q".parse().expect("an id")
    }

    fn sent(answer: Answer) -> Sent {
        Sent { answer, retry_after: None, took_ms: 1 }
    }

    #[test]
    fn an_endpoint_that_keeps_failing_is_left_alone_for_longer_and_longer_and_asked_once_at_a_time() {
        let postman = Postman::default();
        postman.held.store(true, Ordering::Relaxed);
        for _ in 1..PATIENT {
            postman.heard(id(), &sent(Answer::None("timeout")), NOW);
            assert!(postman.goes_on(id(), NOW));
        }
        postman.heard(id(), &sent(Answer::Status(500)), NOW);
        assert!(!postman.goes_on(id(), NOW) && postman.goes_on(id(), NOW.plus_seconds(FIRST_PAUSE_S)));
        assert_eq!(postman.width(id()), 1);
        for _ in 0..100 {
            postman.heard(id(), &sent(Answer::Status(500)), NOW);
        }
        assert!(postman.goes_on(id(), NOW.plus_seconds(LONGEST_PAUSE_S)));
        postman.heard(id(), &sent(Answer::Status(204)), NOW);
        assert!(postman.goes_on(id(), NOW) && postman.width(id()) == AT_ONCE);
    }

    #[test]
    fn who_asks_for_patience_is_left_alone_at_once() {
        let postman = Postman::default();
        postman.held.store(true, Ordering::Relaxed);
        let later = Sent { retry_after: Some(NOW.plus_seconds(30)), ..sent(Answer::Status(429)) };
        postman.heard(id(), &later, NOW);
        assert!(!postman.goes_on(id(), NOW.plus_seconds(29)) && postman.goes_on(id(), NOW.plus_seconds(30)));
    }
}
