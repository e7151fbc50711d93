//! Background jobs. Each runs under a lease in the database, so of several instances one does it at a time, and another
//! takes over when it dies. Nothing that a caller sees depends on a job having run: states and promises are computed on
//! read; jobs only tell others and tidy up.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiazai_domain::actor::CommunityId;
use jiazai_domain::repair::Attending;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::registry::{bindings, homes};
use jiazai_infra::vault::{hex, random};
use jiazai_infra::{
    audit, events, idempotency, identity, leases, mini_codes, notices, repair, settings, uploads, volunteer, webhooks, wechat,
};
use tokio::sync::Notify;

use crate::app::App;

/// How long a lease lasts; renewed on every run.
const LEASE_MS: i64 = 15_000;
/// How often the jobs look when nobody wakes them.
const IDLE: Duration = Duration::from_millis(1000);
/// What is due by a calendar and noticed by nobody at once.
const SOON: Duration = Duration::from_secs(5);
/// What tidies up.
const LATER: Duration = Duration::from_secs(30);
/// A burst of writes is placed together instead of one by one.
const GATHER: Duration = Duration::from_millis(50);
const BATCH: i64 = 500;
/// Shifts whose lines are settled in one round.
const AT_ONCE: i64 = 50;
/// Answers to keyed requests are kept for two days; callers are promised one.
const KEEP_ANSWERS_S: i64 = 2 * 86_400;
/// Uploads that never came to belong to anything.
const KEEP_UNATTACHED_S: i64 = 2 * 86_400;
const KEEP_ENDED_SESSIONS_S: i64 = 30 * 86_400;
/// Wrong passwords that nobody has added to.
const KEEP_FAILURES_S: i64 = 30 * 86_400;
/// Pictures of codes: whoever still wants one has it drawn again.
const KEEP_CODES_S: i64 = 180 * 86_400;
/// Whom a program reported for: a ticket is long over by then, reopening and rating included.
const KEEP_CONTACTS_S: i64 = 180 * 86_400;

/// How far the readers of events have come.
const TOLD_UNTIL: &str = "notices_position";

/// Deliveries to webhooks that are written down in one transaction.
const DELIVERIES: usize = 2000;

/// Wakes the jobs.
#[derive(Default, Clone)]
pub struct Jobs(Arc<Bells>);

#[derive(Default)]
struct Bells {
    events: Notify,
    others: Notify,
}

impl Jobs {
    /// Something was written that a job may want to look at.
    pub fn wake(&self) {
        self.0.events.notify_one();
        self.0.others.notify_one();
    }

    /// Something about events alone.
    pub fn wake_events(&self) {
        self.0.events.notify_one();
    }
}

/// Places events and sends them on until the process stops. By itself, because WeChat may take seconds to answer and partners
/// are promised to hear within two.
async fn run_events(app: Arc<App>, holder: String) {
    while app.serving.load(Ordering::Relaxed) {
        let woken = tokio::time::timeout(IDLE, app.jobs.0.events.notified()).await.is_ok();
        if woken {
            tokio::time::sleep(GATHER).await;
        }
        let told = tell(&app, &holder).await;
        if told.as_ref().is_ok_and(|told| told.more) {
            // An import leaves thousands of events; whoever waits for theirs behind them does not wait for minutes.
            app.jobs.wake_events();
        }
        if told.as_ref().is_ok_and(|told| told.placed > 0) {
            app.jobs.0.others.notify_one();
        }
        report(&app, "events", told.map(|told| told.placed));
        report(&app, "webhooks", crate::webhooks::dispatch(&app, &holder).await);
    }
}

/// Says when it is time again, by the wall: how often the jobs are woken has nothing to do with what the calendar makes due.
struct Beat {
    every: Duration,
    last: Option<Instant>,
}

impl Beat {
    const fn of(every: Duration) -> Self {
        Self { every, last: None }
    }

    fn is_due(&mut self) -> bool {
        let due = self.last.is_none_or(|last| last.elapsed() >= self.every);
        if due {
            self.last = Some(Instant::now());
        }
        due
    }
}

/// Runs the jobs until the process stops.
pub async fn run(app: Arc<App>) {
    let holder = hex(&random::<8>());
    let events = tokio::spawn(run_events(app.clone(), holder.clone()));
    let (mut soon, mut later) = (Beat::of(SOON), Beat::of(LATER));
    let mut importing: Option<tokio::task::JoinHandle<Result<usize, DbError>>> = None;
    while app.serving.load(Ordering::Relaxed) {
        let woken = tokio::time::timeout(IDLE, app.jobs.0.others.notified()).await.is_ok();
        if woken {
            tokio::time::sleep(GATHER).await;
        }
        report(&app, "audit", crate::audit::seal(&app, &holder).await);
        report(&app, "alarms", alarms(&app, &holder).await);
        report(&app, "notices", crate::notices::send_due(&app, &holder).await);
        report(&app, "content", crate::content::see_through(&app, &holder).await);
        if soon.is_due() {
            report(&app, "volunteer", settle_lines(&app, &holder).await);
            report(&app, "enrolment", crate::enrolment::settle_offers(&app, &holder).await);
            report(&app, "reminders", remind(&app, &holder).await);
        }
        // An import takes minutes; the others do not wait for it.
        if importing.as_ref().is_none_or(|task| task.is_finished()) {
            if let Some(task) = importing.take() {
                report(&app, "imports", task.await.unwrap_or(Err(DbError::Panicked)));
            }
            importing = Some(tokio::spawn(crate::registry::imports_waiting(app.clone(), holder.clone())));
        }
        if later.is_due() {
            report(&app, "confirm", confirm(&app, &holder).await);
            registry(&app, &holder).await;
            report(&app, "tidy", tidy(&app, &holder).await);
            report(&app, "enrolment_purge", crate::enrolment::purge_due(&app, &holder).await);
        }
    }
    if let Some(task) = importing {
        // It stops behind the portion that it is at.
        let _ = task.await;
    }
    let _ = events.await;
    for name in [
        "events",
        "webhooks",
        "audit",
        "alarms",
        "notices",
        "content",
        "volunteer",
        "reminders",
        "enrolment",
        "confirm",
        "registry",
        "tidy",
        "enrolment_purge",
    ] {
        let holder = holder.clone();
        let _ = app.db.write(move |tx| leases::give_back(tx, name, &holder)).await;
    }
}

fn report(app: &App, job: &str, outcome: Result<usize, DbError>) {
    match outcome {
        Ok(0) => {}
        Ok(items) => {
            app.metrics.job_runs.with_label_values(&[job, "ok"]).inc();
            app.metrics.job_items.with_label_values(&[job, "done"]).inc_by(items as u64);
        }
        Err(error) => {
            app.metrics.job_runs.with_label_values(&[job, "failed"]).inc();
            tracing::warn!(job, %error, "a background job failed and will run again");
        }
    }
}

/// Runs `f` in a transaction if this instance has, or gets, the lease.
pub async fn leased<T: Default + Send + 'static>(
    app: &App,
    name: &'static str,
    holder: &str,
    mut f: impl FnMut(&mut Tx) -> Result<T, DbError> + Send + 'static,
) -> Result<T, DbError> {
    let holder = holder.to_owned();
    app.db.write(move |tx| if leases::take(tx, name, &holder, LEASE_MS)? { f(tx) } else { Ok(T::default()) }).await
}

#[derive(Default)]
struct Heard {
    placed: usize,
    /// There is more to do.
    more: bool,
}

/// Puts new events into their order, and writes down whom they are to be told to: people and endpoints.
async fn tell(app: &App, holder: &str) -> Result<Heard, DbError> {
    // A look first: an idle server must not write to its disk every second.
    let waiting = app
        .db
        .read(|tx| {
            let told = settings::get(tx, TOLD_UNTIL)?.and_then(|text| text.parse().ok()).unwrap_or(0);
            Ok::<_, DbError>(events::any_unplaced(tx)? || !events::placed_after(tx, told, 1)?.is_empty())
        })
        .await?;
    if !waiting {
        return Ok(Heard::default());
    }
    leased(app, "events", holder, |tx| {
        let placed = events::place(tx, BATCH)?;
        let stored = settings::get(tx, TOLD_UNTIL)?;
        let told_until: i64 = stored.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut new = events::placed_after(tx, told_until, BATCH)?;
        let mut more = placed as i64 == BATCH;
        let told = webhooks::fan_out(tx, &new, DELIVERIES)?;
        if told < new.len() {
            more = true;
            new.truncate(told);
        }
        let Some((last, _)) = new.last() else { return Ok(Heard { placed, more }) };
        let last = last.to_string();
        for (_, event) in &new {
            notices::enqueue(tx, event.id, &event.notices)?;
        }
        match stored {
            Some(old) => settings::replace(tx, TOLD_UNTIL, &old, &last)?,
            None => settings::insert(tx, TOLD_UNTIL, &last)?,
        }
        Ok(Heard { placed, more })
    })
    .await
}

/// Warns and escalates where a promise of a repair is about to be broken, or is.
async fn alarms(app: &App, holder: &str) -> Result<usize, DbError> {
    if app.db.read(|tx| repair::alarms_due(tx, 1)).await?.is_empty() {
        return Ok(0);
    }
    let given = leased(app, "alarms", holder, |tx| {
        let now = tx.now();
        let due = repair::alarms_due(tx, BATCH)?;
        let mut known: HashMap<CommunityId, Attending> = HashMap::new();
        for ticket in &due {
            let attending = match known.entry(ticket.facts().community) {
                Entry::Occupied(there) => there.into_mut(),
                Entry::Vacant(free) => {
                    let found = repair::attending(tx, *free.key())?;
                    free.insert(found)
                }
            };
            if let Some(alarm) = ticket.alarm(attending, now) {
                repair::give_alarm(tx, ticket, &alarm)?;
            }
        }
        Ok(due.len())
    })
    .await?;
    if given > 0 {
        app.jobs.wake();
    }
    Ok(given)
}

/// Writes down that time has confirmed tickets, for those who wait for the event.
async fn confirm(app: &App, holder: &str) -> Result<usize, DbError> {
    if app.db.read(|tx| repair::confirmed_by_time(tx, 1)).await?.is_empty() {
        return Ok(0);
    }
    leased(app, "confirm", holder, |tx| {
        let mut confirmed = 0;
        for ticket in repair::confirmed_by_time(tx, BATCH)? {
            if let Some(changed) = ticket.settle() {
                repair::save(tx, changed)?;
                confirmed += 1;
            }
        }
        Ok(confirmed)
    })
    .await
}

/// Ends offers and passes places on when nobody looks, so that those whose turn it is are told soon.
async fn settle_lines(app: &App, holder: &str) -> Result<usize, DbError> {
    let look = |tx: &mut Tx| volunteer::due_shifts(tx, volunteer::Look::Everywhere, AT_ONCE);
    if app.db.read(look).await?.is_empty() {
        return Ok(0);
    }
    let due = leased(app, "volunteer", holder, look).await?;
    for id in &due {
        let id = *id;
        let vault = app.vault.clone();
        app.db.write(move |tx| crate::volunteer::settle_one(tx, &vault, id)).await?;
    }
    if !due.is_empty() {
        app.jobs.wake();
    }
    Ok(due.len())
}

/// Reminds those whose shift begins within a day.
async fn remind(app: &App, holder: &str) -> Result<usize, DbError> {
    if app.db.read(|tx| volunteer::to_remind(tx, 1)).await?.is_empty() {
        return Ok(0);
    }
    let reminded = leased(app, "reminders", holder, |tx| {
        let mut reminded = 0;
        for id in volunteer::to_remind(tx, BATCH)? {
            // As it is in this transaction: whoever cancels meanwhile is not reminded of it.
            if let Some(sign_up) = volunteer::sign_up(tx, id)?
                && volunteer::remind(tx, &sign_up)?
            {
                reminded += 1;
            }
        }
        Ok(reminded)
    })
    .await?;
    if reminded > 0 {
        app.jobs.wake();
    }
    Ok(reminded)
}

/// Writes down leases that have run out, and what the facts say of homes for which one has begun or ended, and ends imports whose
/// command is gone. Each by itself: what one of them stumbles over must not stop the others.
async fn registry(app: &App, holder: &str) {
    report(app, "leases", settle_leases(app, holder).await);
    report(app, "occupancy", derive_occupancies(app, holder).await);
    report(app, "abandoned_imports", crate::registry::end_abandoned(app, holder, BATCH).await);
}

async fn settle_leases(app: &App, holder: &str) -> Result<usize, DbError> {
    if app.db.read(|tx| bindings::expired(tx, 1)).await?.is_empty() {
        return Ok(0);
    }
    leased(app, "registry", holder, |tx| crate::registry::settle_leases(tx, BATCH)).await
}

async fn derive_occupancies(app: &App, holder: &str) -> Result<usize, DbError> {
    if !app.db.read(homes::any_due).await? {
        return Ok(0);
    }
    leased(app, "registry", holder, |tx| homes::derive_due(tx, BATCH)).await
}

/// Forgets what nobody needs any more.
async fn tidy(app: &App, holder: &str) -> Result<usize, DbError> {
    let keep_days = app.audit_keep_days;
    let orphans: Vec<String> = leased(app, "tidy", holder, move |tx| {
        let now = tx.now();
        audit::forget(tx, crate::audit::forget_before(now, keep_days), DELIVERIES as i64)?;
        idempotency::forget(tx, now.plus_seconds(-KEEP_ANSWERS_S))?;
        identity::forget_sessions(tx, now.plus_seconds(-KEEP_ENDED_SESSIONS_S))?;
        identity::forget_failures(tx, now.plus_seconds(-KEEP_FAILURES_S))?;
        mini_codes::forget(tx, now.plus_seconds(-KEEP_CODES_S), BATCH)?;
        notices::abandon(tx)?;
        wechat::push::forget(tx)?;
        webhooks::tidy(tx, DELIVERIES as i64)?;
        volunteer::forget_reminders(tx)?;
        repair::forget_contacts(tx, now.plus_seconds(-KEEP_CONTACTS_S))?;
        uploads::forget_unattached(tx, now.plus_seconds(-KEEP_UNATTACHED_S), 100)
    })
    .await?;
    let forgotten = orphans.len();
    crate::files::discard(app, orphans).await;
    Ok(forgotten)
}
