//! Webhook endpoints, as they are remembered; their deliveries, their signatures, and the way out.

mod deliveries;
mod sign;
mod transport;

use diesel::prelude::*;
use jiazai_domain::actor::{Actor, Communities, CommunityId};
use jiazai_domain::kernel::changed::{Changed, Event};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::webhook::{MOST_SECRETS, SecretId, State, Webhook, WebhookId};

pub use self::deliveries::{
    Attempt, Delivery, Filter, conclude, delivery, due, enqueue, fan_out, insert_test, list_deliveries, ready, requeue, tidy,
};
pub use self::sign::{new_secret, signatures};
pub use self::transport::{Sent, Transport, judge_url};
use crate::db::schema::{webhook_secrets, webhooks};
use crate::db::{DbError, Tx, native, parsed};
use crate::events;
use crate::vault::{Aad, Secret, Vault};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = webhooks)]
struct WebhookRow {
    id: String,
    community_id: Option<String>,
    owner_id: String,
    url: String,
    events: String,
    about: String,
    description: Option<String>,
    state: String,
    because: Option<String>,
    failing_since: Option<i64>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

fn joined(words: &[impl ToString]) -> String {
    words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn words<T: std::str::FromStr>(text: &str) -> Result<Vec<T>, DbError> {
    text.split_whitespace().map(parsed).collect()
}

impl TryFrom<WebhookRow> for Webhook {
    type Error = DbError;
    fn try_from(row: WebhookRow) -> Result<Self, DbError> {
        Ok(Self {
            id: parsed(&row.id)?,
            version: row.version,
            community: row.community_id.as_deref().map(parsed).transpose()?,
            owner: parsed(&row.owner_id)?,
            url: row.url,
            events: words(&row.events)?,
            about: words(&row.about)?,
            description: row.description,
            state: parsed(&row.state)?,
            because: row.because.as_deref().map(parsed).transpose()?,
            failing_since: row.failing_since.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

/// Saves a decision about an endpoint. What happened to an endpoint of the whole platform is told in `beside`, the community
/// that it happened about, if there is one: an event belongs to a community.
pub fn save(tx: &mut Tx, changed: Changed<Webhook>, beside: Option<CommunityId>) -> Result<Webhook, DbError> {
    let (webhook, loaded, happened) = changed.into_parts();
    let id = webhook.id.text();
    let row = WebhookRow {
        id: id.clone(),
        community_id: webhook.community.map(|community| community.text()),
        owner_id: webhook.owner.text(),
        url: webhook.url.clone(),
        events: joined(&webhook.events),
        about: joined(&webhook.about),
        description: webhook.description.clone(),
        state: webhook.state.to_string(),
        because: webhook.because.map(|because| because.to_string()),
        failing_since: webhook.failing_since.map(Timestamp::millis),
        version: webhook.version,
        created_at: webhook.created_at.millis(),
        updated_at: webhook.updated_at.millis(),
    };
    match loaded {
        None => tx.insert(diesel::insert_into(webhooks::table).values(row))?,
        Some(version) => {
            let same =
                webhooks::table.filter(webhooks::id.eq(&id)).filter(webhooks::version.eq(version)).filter(webhooks::removed_at.is_null());
            tx.update_one(diesel::update(same).set((
                webhooks::url.eq(&row.url),
                webhooks::events.eq(&row.events),
                webhooks::about.eq(&row.about),
                webhooks::description.eq(&row.description),
                webhooks::state.eq(&row.state),
                webhooks::because.eq(&row.because),
                webhooks::failing_since.eq(row.failing_since),
                webhooks::version.eq(row.version),
                webhooks::updated_at.eq(row.updated_at),
            )))?;
        }
    }
    if let Some(community) = webhook.community.or(beside) {
        events::record(tx, community, &id, webhook.version, &happened)?;
    }
    Ok(webhook)
}

/// An endpoint that was not removed.
pub fn find(tx: &mut Tx, id: WebhookId) -> Result<Option<Webhook>, DbError> {
    let row: Option<WebhookRow> = native!(tx, |conn| {
        webhooks::table
            .filter(webhooks::id.eq(id.text()))
            .filter(webhooks::removed_at.is_null())
            .select(WebhookRow::as_select())
            .first(conn)
            .optional()
    })?;
    row.map(Webhook::try_from).transpose()
}

/// Endpoints of some communities or, with the platform's own, of all; newest first, after the id `after`.
pub fn list(tx: &mut Tx, within: &Communities, after: Option<&str>, limit: i64) -> Result<Vec<Webhook>, DbError> {
    let mut query = webhooks::table
        .filter(webhooks::removed_at.is_null())
        .order(webhooks::id.desc())
        .limit(limit)
        .select(WebhookRow::as_select())
        .into_boxed();
    if let Communities::Only(some) = within {
        query = query.filter(webhooks::community_id.eq_any(some.iter().map(|id| Some(id.text())).collect::<Vec<_>>()));
    }
    if let Some(after) = after {
        query = query.filter(webhooks::id.lt(after.to_owned()));
    }
    let rows: Vec<WebhookRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Webhook::try_from).collect()
}

/// How many endpoints a community, or the platform, has. Whoever is about to add one waits here for others who are.
pub fn count_to_add(tx: &mut Tx, community: Option<CommunityId>) -> Result<i64, DbError> {
    if let Some(community) = community {
        use diesel::sql_types::Text;
        // Holds the community's row until the end of the transaction, so that two who add at once count one another.
        let hold = diesel::sql_query("UPDATE communities SET version = version WHERE id = $1").bind::<Text, _>(community.text());
        native!(tx, |conn| hold.execute(conn))?;
    }
    let mut query = webhooks::table.filter(webhooks::removed_at.is_null()).count().into_boxed();
    query = match community {
        Some(community) => query.filter(webhooks::community_id.eq(community.text())),
        None => query.filter(webhooks::community_id.is_null()),
    };
    tx.run(|conn| query.get_result(conn))
}

/// Active endpoints that may be told of what happens in these communities.
fn active_in(tx: &mut Tx, communities: &[CommunityId]) -> Result<Vec<Webhook>, DbError> {
    let ids: Vec<Option<String>> = communities.iter().map(|id| Some(id.text())).collect();
    let rows: Vec<WebhookRow> = native!(tx, |conn| {
        webhooks::table
            .filter(webhooks::removed_at.is_null())
            .filter(webhooks::state.eq(State::Active.as_str()))
            .filter(webhooks::community_id.is_null().or(webhooks::community_id.eq_any(ids)))
            .select(WebhookRow::as_select())
            .load(conn)
    })?;
    rows.into_iter().map(Webhook::try_from).collect()
}

/// Takes an endpoint away, and its secrets at once; its deliveries follow with time.
pub fn remove(tx: &mut Tx, webhook: &Webhook, event: &Event, by: &Actor) -> Result<(), DbError> {
    debug_assert_eq!(event.by, Some(by.id));
    let now = tx.now().millis();
    let same = webhooks::table
        .filter(webhooks::id.eq(webhook.id.text()))
        .filter(webhooks::version.eq(webhook.version))
        .filter(webhooks::removed_at.is_null());
    tx.update_one(diesel::update(same).set((webhooks::removed_at.eq(now), webhooks::state.eq(State::Disabled.as_str()))))?;
    native!(tx, |conn| diesel::delete(webhook_secrets::table.filter(webhook_secrets::webhook_id.eq(webhook.id.text()))).execute(conn))?;
    if let Some(community) = webhook.community {
        events::record(tx, community, &webhook.id.text(), webhook.version + 1, std::slice::from_ref(event))?;
    }
    Ok(())
}

/// Notes since when nothing has got through, or that something has. Not a new version: nobody has decided anything.
fn note_failing(tx: &mut Tx, id: WebhookId, since: Option<Timestamp>) -> Result<(), DbError> {
    let one = webhooks::table.filter(webhooks::id.eq(id.text()));
    match since {
        Some(at) => {
            let fine = one.filter(webhooks::failing_since.is_null());
            native!(tx, |conn| diesel::update(fine).set(webhooks::failing_since.eq(at.millis())).execute(conn)).map(drop)
        }
        None => {
            let failing = one.filter(webhooks::failing_since.is_not_null());
            native!(tx, |conn| diesel::update(failing).set(webhooks::failing_since.eq(None::<i64>)).execute(conn)).map(drop)
        }
    }
}

// Secrets ------------------------------------------------------------------------------------------------------------

fn cell(row: &str) -> Aad<'_> {
    Aad { table: "webhook_secrets", column: "secret", row }
}

/// Gives an endpoint a new secret, and lets those it has sign on for `old_for_s` seconds; the eldest of too many go at once.
pub fn add_secret(tx: &mut Tx, vault: &Vault, webhook: WebhookId, secret: &Secret, old_for_s: i64) -> Result<(), DbError> {
    let now = tx.now();
    let until = now.plus_seconds(old_for_s).millis();
    let own = || webhook_secrets::table.filter(webhook_secrets::webhook_id.eq(webhook.text()));
    native!(tx, |conn| {
        let lasting = own().filter(webhook_secrets::expires_at.is_null().or(webhook_secrets::expires_at.gt(until)));
        diesel::update(lasting).set(webhook_secrets::expires_at.eq(until)).execute(conn)
    })?;
    let known: Vec<(String, Option<i64>)> =
        native!(tx, |conn| own().order(webhook_secrets::id.desc()).select((webhook_secrets::id, webhook_secrets::expires_at)).load(conn))?;
    let over = |expires_at: Option<i64>| expires_at.is_some_and(|at| at <= now.millis());
    let gone: Vec<String> =
        known.into_iter().enumerate().filter(|(i, (_, ends))| *i + 1 >= MOST_SECRETS || over(*ends)).map(|(_, (id, _))| id).collect();
    native!(tx, |conn| diesel::delete(webhook_secrets::table.filter(webhook_secrets::id.eq_any(gone))).execute(conn))?;
    let id: SecretId = tx.new_id();
    let id = id.text();
    tx.insert(diesel::insert_into(webhook_secrets::table).values((
        webhook_secrets::id.eq(&id),
        webhook_secrets::webhook_id.eq(webhook.text()),
        webhook_secrets::secret_sealed.eq(vault.seal(cell(&id), secret.expose().as_bytes())),
        webhook_secrets::created_at.eq(now.millis()),
    )))
}

/// The secrets that sign now, newest first.
pub fn secrets(tx: &mut Tx, vault: &Vault, webhook: WebhookId) -> Result<Vec<Secret>, DbError> {
    let now = tx.now().millis();
    let rows: Vec<(String, Vec<u8>)> = native!(tx, |conn| {
        webhook_secrets::table
            .filter(webhook_secrets::webhook_id.eq(webhook.text()))
            .filter(webhook_secrets::expires_at.is_null().or(webhook_secrets::expires_at.gt(now)))
            .order(webhook_secrets::id.desc())
            .select((webhook_secrets::id, webhook_secrets::secret_sealed))
            .load(conn)
    })?;
    rows.iter()
        .map(|(id, sealed)| vault.open_text(cell(id), sealed).map_err(|_| DbError::Corrupt("a webhook's secret does not open".to_owned())))
        .collect()
}
