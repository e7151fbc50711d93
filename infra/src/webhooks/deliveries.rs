//! Deliveries: what is to be sent where, what came of each attempt, and what is sent again.
//!
//! No delivery is claimed before it is sent: the one instance that holds the lease sends, and should another take over while
//! a request is under way, the endpoint gets the event twice under one `webhook-id`, which is what that header is for.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use jiazai_domain::feed;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::webhook::delivery::{Answer, DeliveryState, Verdict, judge};
use jiazai_domain::webhook::{Because, DeliveryId, LOG_S, State, Webhook, WebhookId};
use serde::{Deserialize, Serialize};

use super::{active_in, find, note_failing, save};
use crate::db::schema::{webhook_deliveries as table, webhooks};
use crate::db::{DbError, Tx, native, parsed};
use crate::events::{EventId, Recorded};

/// Attempts that the log keeps of one delivery: two whole ladders.
const REMEMBERED: usize = 20;

/// One attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attempt {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<String>,
    pub took_ms: i64,
}

#[derive(Debug, Clone)]
pub struct Delivery {
    pub id: DeliveryId,
    pub webhook: WebhookId,
    pub event: EventId,
    pub kind: String,
    pub state: DeliveryState,
    /// Since it was last begun.
    pub attempts: i64,
    pub due_at: Option<Timestamp>,
    /// The last ones, oldest first.
    pub log: Vec<Attempt>,
    pub occurred_at: Timestamp,
    pub version: i64,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = table)]
struct DeliveryRow {
    id: String,
    webhook_id: String,
    event_id: String,
    kind: String,
    state: String,
    attempts: i64,
    due_at: Option<i64>,
    log: String,
    occurred_at: i64,
    version: i64,
    created_at: i64,
    ended_at: Option<i64>,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = DbError;
    fn try_from(row: DeliveryRow) -> Result<Self, DbError> {
        Ok(Self {
            id: parsed(&row.id)?,
            webhook: parsed(&row.webhook_id)?,
            event: parsed(&row.event_id)?,
            kind: row.kind,
            state: parsed(&row.state)?,
            attempts: row.attempts,
            due_at: row.due_at.map(Timestamp::from_millis),
            log: serde_json::from_str(&row.log).map_err(|e| DbError::Corrupt(e.to_string()))?,
            occurred_at: Timestamp::from_millis(row.occurred_at),
            version: row.version,
            created_at: Timestamp::from_millis(row.created_at),
            ended_at: row.ended_at.map(Timestamp::from_millis),
        })
    }
}

/// A delivery that there was not, or nothing: a replay may have asked for an event before its turn came.
fn insert(tx: &mut Tx, webhook: WebhookId, event: EventId, kind: &str, occurred_at: Timestamp) -> Result<DeliveryId, DbError> {
    let (id, now): (DeliveryId, i64) = (tx.new_id(), tx.now().millis());
    let insert = diesel::sql_query(
        "INSERT INTO webhook_deliveries (id, webhook_id, event_id, type, state, attempts, due_at, log, occurred_at, version, created_at) \
         VALUES ($1, $2, $3, $4, 'pending', 0, $5, '[]', $6, 1, $7) ON CONFLICT (webhook_id, event_id) DO NOTHING",
    )
    .bind::<Text, _>(id.text())
    .bind::<Text, _>(webhook.text())
    .bind::<Text, _>(event.text())
    .bind::<Text, _>(kind)
    .bind::<BigInt, _>(now)
    .bind::<BigInt, _>(occurred_at.millis())
    .bind::<BigInt, _>(now);
    native!(tx, |conn| insert.execute(conn))?;
    Ok(id)
}

/// Writes down which endpoints are to be told of these events, in their order, and says of how many events it got that far
/// within `budget` deliveries; at least of one.
pub fn fan_out(tx: &mut Tx, events: &[(i64, Recorded)], budget: usize) -> Result<usize, DbError> {
    let mut communities: Vec<_> = events.iter().map(|(_, event)| event.community).collect();
    communities.sort_by_key(|id| id.uuid());
    communities.dedup();
    let endpoints = active_in(tx, &communities)?;
    let mut written = 0;
    for (done, (_, event)) in events.iter().enumerate() {
        if written >= budget {
            return Ok(done);
        }
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.hears(&event.kind, event.community, event.occurred_at)) {
            insert(tx, endpoint.id, event.id, &event.kind, event.occurred_at)?;
            written += 1;
        }
    }
    Ok(events.len())
}

/// A delivery of something that has not happened, to see whether the endpoint listens.
pub fn insert_test(tx: &mut Tx, webhook: WebhookId) -> Result<DeliveryId, DbError> {
    let (event, now) = (tx.new_id(), tx.now());
    insert(tx, webhook, event, feed::TEST, now)
}

pub fn delivery(tx: &mut Tx, id: DeliveryId) -> Result<Option<Delivery>, DbError> {
    let row: Option<DeliveryRow> =
        native!(tx, |conn| table::table.find(id.text()).select(DeliveryRow::as_select()).first(conn).optional())?;
    row.map(Delivery::try_from).transpose()
}

/// What a list of deliveries is narrowed to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    pub state: Option<DeliveryState>,
}

/// An endpoint's deliveries, newest first, after the id `after`.
pub fn list_deliveries(tx: &mut Tx, webhook: WebhookId, filter: Filter, after: Option<&str>, limit: i64) -> Result<Vec<Delivery>, DbError> {
    let mut query = table::table
        .filter(table::webhook_id.eq(webhook.text()))
        .order(table::id.desc())
        .limit(limit)
        .select(DeliveryRow::as_select())
        .into_boxed();
    if let Some(state) = filter.state {
        query = query.filter(table::state.eq(state.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(table::id.lt(after.to_owned()));
    }
    let rows: Vec<DeliveryRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Delivery::try_from).collect()
}

/// Active endpoints that have something to be sent now.
pub fn ready(tx: &mut Tx) -> Result<Vec<WebhookId>, DbError> {
    let now = tx.now().millis();
    let waiting = table::table.filter(table::webhook_id.eq(webhooks::id)).filter(table::due_at.le(now));
    let ids: Vec<String> = native!(tx, |conn| {
        webhooks::table
            .filter(webhooks::removed_at.is_null())
            .filter(webhooks::state.eq(State::Active.as_str()))
            .filter(diesel::dsl::exists(waiting))
            .select(webhooks::id)
            .load(conn)
    })?;
    ids.iter().map(|id| parsed(id)).collect()
}

/// What is to be sent to an endpoint now, longest due first.
pub fn due(tx: &mut Tx, webhook: WebhookId, limit: i64) -> Result<Vec<Delivery>, DbError> {
    let now = tx.now().millis();
    let rows: Vec<DeliveryRow> = native!(tx, |conn| {
        table::table
            .filter(table::webhook_id.eq(webhook.text()))
            .filter(table::due_at.le(now))
            .order((table::due_at, table::id))
            .limit(limit)
            .select(DeliveryRow::as_select())
            .load(conn)
    })?;
    rows.into_iter().map(Delivery::try_from).collect()
}

/// Writes down what came of an attempt, and what follows for the endpoint. None when somebody else did, or it is gone.
pub fn conclude(
    tx: &mut Tx,
    id: DeliveryId,
    event: Option<&Recorded>,
    (answer, took_ms): (Answer, i64),
    retry_after: Option<Timestamp>,
    chance: u16,
) -> Result<Option<Verdict>, DbError> {
    let Some(found) = delivery(tx, id)?.filter(|found| found.state == DeliveryState::Pending) else { return Ok(None) };
    let now = tx.now();
    let is_test = found.kind == feed::TEST;
    let attempts = found.attempts + 1;
    let verdict = match judge(answer, attempts, retry_after, now, chance) {
        // A test says now whether somebody listens; that somebody does in three days is not what was asked.
        Verdict::Retry(_) if is_test => Verdict::GaveUp,
        other => other,
    };
    let (status, error) = match answer {
        Answer::Status(status) => (Some(status), None),
        Answer::None(word) => (None, Some(word.to_owned())),
    };
    let mut log = found.log;
    log.push(Attempt { at: now.millis(), status, error, took_ms });
    let log = &log[log.len().saturating_sub(REMEMBERED)..];
    let log = serde_json::to_string(log).map_err(|e| DbError::Corrupt(e.to_string()))?;
    let (state, due_at) = match verdict {
        Verdict::Delivered => (DeliveryState::Delivered, None),
        Verdict::Gone | Verdict::GaveUp => (DeliveryState::Failed, None),
        Verdict::Retry(at) => (DeliveryState::Pending, Some(at.millis())),
    };
    let same = table::table.filter(table::id.eq(id.text())).filter(table::version.eq(found.version));
    tx.update_one(diesel::update(same).set((
        table::state.eq(state.as_str()),
        table::attempts.eq(attempts),
        table::due_at.eq(due_at),
        table::log.eq(log),
        table::ended_at.eq(due_at.is_none().then_some(now.millis())),
        table::version.eq(found.version + 1),
    )))?;
    settle(tx, found.webhook, verdict, event, is_test)?;
    Ok(Some(verdict))
}

/// What an attempt says about the endpoint itself.
fn settle(tx: &mut Tx, id: WebhookId, verdict: Verdict, event: Option<&Recorded>, is_test: bool) -> Result<(), DbError> {
    let Some(webhook) = find(tx, id)?.filter(|webhook| webhook.state == State::Active) else { return Ok(()) };
    let (now, beside) = (tx.now(), event.map(|event| event.community));
    match verdict {
        Verdict::Delivered if webhook.failing_since.is_some() => note_failing(tx, id, None),
        Verdict::Gone => save(tx, webhook.give_up(Because::Gone, now), beside).map(drop),
        Verdict::Retry(_) | Verdict::GaveUp if is_test => Ok(()),
        Verdict::Retry(_) | Verdict::GaveUp if webhook.is_hopeless(now) => {
            save(tx, webhook.give_up(Because::Failing, now), beside).map(drop)
        }
        Verdict::Retry(_) | Verdict::GaveUp if webhook.failing_since.is_none() => note_failing(tx, id, Some(now)),
        _ => Ok(()),
    }
}

/// Begins a delivery anew, at once and with a whole ladder before it.
pub fn requeue(tx: &mut Tx, delivery: &Delivery) -> Result<(), DbError> {
    let now = tx.now().millis();
    let same = table::table.filter(table::id.eq(delivery.id.text())).filter(table::version.eq(delivery.version));
    tx.update_one(diesel::update(same).set((
        table::state.eq(DeliveryState::Pending.as_str()),
        table::attempts.eq(0),
        table::due_at.eq(now),
        table::ended_at.eq(None::<i64>),
        table::version.eq(delivery.version + 1),
    )))
}

/// Sends an event to an endpoint, again if it was sent before; it need not have been wanted when it happened.
pub fn enqueue(tx: &mut Tx, webhook: &Webhook, event: &Recorded) -> Result<(), DbError> {
    let now = tx.now().millis();
    let again = diesel::sql_query(
        "UPDATE webhook_deliveries SET state = 'pending', attempts = 0, due_at = $1, ended_at = NULL, version = version + 1 \
         WHERE webhook_id = $2 AND event_id = $3",
    )
    .bind::<BigInt, _>(now)
    .bind::<Text, _>(webhook.id.text())
    .bind::<Text, _>(event.id.text());
    if native!(tx, |conn| again.execute(conn))? > 0 {
        return Ok(());
    }
    insert(tx, webhook.id, event.id, &event.kind, event.occurred_at).map(drop)
}

/// Forgets deliveries of long ago, and of endpoints that were removed; says how many, at most `limit`.
pub fn tidy(tx: &mut Tx, limit: i64) -> Result<usize, DbError> {
    let before = tx.now().plus_seconds(-LOG_S).millis();
    let old = diesel::sql_query(
        "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
    )
    .bind::<BigInt, _>(before)
    .bind::<BigInt, _>(limit);
    let old = native!(tx, |conn| old.execute(conn))?;
    let orphaned = diesel::sql_query(
        "DELETE FROM webhook_deliveries WHERE id IN (SELECT d.id FROM webhooks w JOIN webhook_deliveries d ON d.webhook_id = w.id \
         WHERE w.removed_at IS NOT NULL LIMIT $1)",
    )
    .bind::<BigInt, _>(limit);
    let orphaned = native!(tx, |conn| orphaned.execute(conn))?;
    let empty = diesel::sql_query(
        "DELETE FROM webhooks WHERE removed_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.webhook_id = webhooks.id) \
         AND NOT EXISTS (SELECT 1 FROM webhook_secrets s WHERE s.webhook_id = webhooks.id)",
    );
    native!(tx, |conn| empty.execute(conn))?;
    Ok(old + orphaned)
}
