//! Doing an import: a portion of rows in a transaction of its own, in which the import moves on behind them; or, where it is all
//! or nothing or only a trial, the whole file in one.
//!
//! Blocking, and the same for the server's job and for the command line. A worker that dies leaves a running import; whoever
//! goes on begins behind the last line whose effect is saved. Of two that work at once, the version of the import lets one of
//! them save a portion and undoes the other's.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix_web::web::Bytes;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::import::{Counts, Import, RowFault, State};
use jiazai_domain::registry::{Keeper, Refusal};
use jiazai_infra::db::{Db, DbError, Tx};
use jiazai_infra::registry::import::reader::{Reader, Unreadable};
use jiazai_infra::registry::import::{self as store, Importer, Stored, Tally};
use jiazai_infra::registry::places;
use jiazai_infra::vault::Vault;
use jiazai_infra::{identity, leases};

use crate::app::App;

/// Rows in one transaction: other writers wait for it, and a crash undoes no more than these.
const PORTION: usize = 200;
/// Renewed with every portion; another instance goes on so long after a crash.
const LEASE_MS: i64 = 5_000;
/// So often at most it is renewed where a portion does not do so by itself.
const RENEW: Duration = Duration::from_secs(1);
const LEASE: &str = "imports";

/// Where the bytes come from; read anew when a transaction runs again.
#[derive(Debug, Clone)]
pub enum Source {
    Bytes(Bytes),
    File(PathBuf),
}

impl Source {
    fn open(&self) -> std::io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Bytes(bytes) => Ok(Box::new(std::io::Cursor::new(bytes.clone()))),
            Self::File(path) => Ok(Box::new(std::fs::File::open(path)?)),
        }
    }
}

/// Everything that doing an import takes.
pub struct Worker {
    pub db: Db,
    pub vault: Arc<Vault>,
    pub importer: Importer,
    pub source: Source,
    /// Who holds the lease; none where there is only one who could.
    pub holder: Option<String>,
    /// Asked between portions; what is not to go on stops there, with nothing half written.
    pub go_on: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Told how many rows of how many were looked at, after every portion.
    pub progress: Arc<dyn Fn(i64, i64) + Send + Sync>,
}

/// Rows that a dry run or an atomic import may have: they are one transaction, and on SQLite nobody else writes meanwhile.
const MOST_AT_ONCE: i64 = 20_000;

/// Why an import stopped before it was over. It goes on later.
#[derive(Debug)]
pub enum Stopped {
    Db(DbError),
    Io(std::io::Error),
    /// The process was asked to end, or another instance is at it.
    Elsewhere,
}

impl From<DbError> for Stopped {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Db(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Elsewhere => f.write_str("somebody else is at it"),
        }
    }
}

/// The lease of an import whose rows are one long transaction, renewed on another connection: what that transaction writes nobody else
/// sees before its end, by which time another instance would be at the same rows.
struct Renewal {
    db: Db,
    holder: String,
    last: Instant,
}

impl Renewal {
    /// False when somebody else has it now. A database that does not answer is asked again with the next portion.
    fn keep(&mut self) -> bool {
        if self.last.elapsed() < RENEW {
            return true;
        }
        let holder = self.holder.clone();
        match self.db.write_blocking(move |tx| leases::take(tx, LEASE, &holder, LEASE_MS)) {
            Ok(kept) => {
                self.last = Instant::now();
                kept
            }
            Err(_) => true,
        }
    }
}

/// Takes back what a transaction did, and keeps what it found.
enum Undone {
    Stopped(Stopped),
    Found(Box<(Tally, u64)>),
}

impl From<DbError> for Undone {
    fn from(error: DbError) -> Self {
        Self::Stopped(error.into())
    }
}

/// A decision that only a bug refuses: the worker asks for what the state it has just read allows.
fn sure<T>(decided: Result<T, Refusal>) -> Result<T, DbError> {
    decided.map_err(|refusal| DbError::Corrupt(format!("an import refused to go on: {}", refusal.code())))
}

impl Worker {
    /// Does an import to its end, as long as it may go on.
    ///
    /// # Errors
    /// [`Stopped`]; the import can be gone on with.
    pub fn run(&self, mut import: Import) -> Result<Import, Stopped> {
        let (kind, format) = (import.asked.kind, import.asked.format);
        let today = self.db.write_blocking(|tx| Ok::<Date, DbError>(tx.now().date()))?;
        if import.state == State::Queued {
            let counted = match Reader::open(self.source.open()?, kind, format, today) {
                Ok(reader) => Ok(reader.count()?),
                Err(Unreadable::Io(error)) => return Err(error.into()),
                Err(Unreadable::Faults(faults)) => Err(faults),
            };
            match counted {
                Ok(total) => import = self.save(move |tx| store::save(tx, sure(import.clone().start(total))?))?,
                Err(faults) => return self.refuse(import, faults),
            }
            self.tell(&import);
        }
        if import.asked.dry_run || import.asked.atomic {
            return self.whole(import, today);
        }
        let mut reader = match Reader::open(self.source.open()?, kind, format, today) {
            Ok(reader) => reader,
            Err(Unreadable::Io(error)) => return Err(error.into()),
            Err(Unreadable::Faults(faults)) => return self.refuse(import, faults),
        };
        reader.skip_through(u64::try_from(import.through).unwrap_or(0))?;
        loop {
            if !(self.go_on)() {
                return Err(Stopped::Elsewhere);
            }
            let lines = reader.lines(PORTION)?;
            if lines.is_empty() {
                break;
            }
            let (vault, importer) = (self.vault.clone(), self.importer.clone());
            let before = import.clone();
            import = self.save(move |tx| {
                let tally = store::portion(tx, &vault, &importer, &lines)?;
                store::save_faults(tx, before.id, &tally.faults)?;
                store::save(tx, sure(before.clone().advance(tally.counts, tally.failed, line(lines.last())))?)
            })?;
            self.tell(&import);
        }
        let over = import;
        self.save(move |tx| store::save(tx, sure(over.clone().finish(tx.now()))?))
    }

    fn tell(&self, import: &Import) {
        (self.progress)(import.counts.ok() + import.failed, import.total.unwrap_or(0));
    }

    /// The whole file in one transaction, which is taken back when it is a trial or a row failed. A trial is made in a copy where there
    /// can be one: everybody else goes on writing.
    fn whole(&self, import: Import, today: Date) -> Result<Import, Stopped> {
        let copied = import.asked.dry_run && self.db.is_sqlite();
        // A command that tries something out in a copy is in nobody's way, however long it takes.
        let bounded = self.holder.is_some() || !copied;
        if bounded && import.total.is_some_and(|total| total > MOST_AT_ONCE) {
            return self.refuse(import, vec![RowFault::new(1, "", "too_many_rows")]);
        }
        let trial = if import.asked.dry_run { self.db.trial()? } else { None };
        let db = trial.as_ref().map_or(&self.db, |trial| trial.db());
        let (vault, importer, source, job) = (self.vault.clone(), self.importer.clone(), self.source.clone(), import.clone());
        let (go_on, progress) = (self.go_on.clone(), self.progress.clone());
        // On SQLite there is one writer, which is this transaction, and no other instance.
        let holder = self.holder.clone().filter(|_| copied || !self.db.is_sqlite());
        let mut renewal = holder.map(|holder| Renewal { db: self.db.clone(), holder, last: Instant::now() });
        let done = db.write_blocking(move |tx| -> Result<Import, Undone> {
            let open = source.open().map_err(|error| Undone::Stopped(error.into()))?;
            let mut tally = Tally::default();
            let mut last = 0;
            match Reader::open(open, job.asked.kind, job.asked.format, today) {
                Err(Unreadable::Io(error)) => return Err(Undone::Stopped(error.into())),
                Err(Unreadable::Faults(faults)) => tally.add(Tally { failed: 1, faults, ..Tally::default() }),
                Ok(mut reader) => loop {
                    if !go_on() || !renewal.as_mut().is_none_or(Renewal::keep) {
                        return Err(Undone::Stopped(Stopped::Elsewhere));
                    }
                    let lines = reader.lines(PORTION).map_err(|error| Undone::Stopped(error.into()))?;
                    if lines.is_empty() {
                        break;
                    }
                    last = lines.last();
                    tally.add(store::portion(tx, &vault, &importer, &lines)?);
                    progress(tally.counts.ok() + tally.failed, job.total.unwrap_or(0));
                },
            }
            if job.asked.dry_run || tally.failed > 0 {
                return Err(Undone::Found(Box::new((tally, last))));
            }
            close(tx, &vault, job.clone(), &tally, last).map_err(Undone::from)
        });
        match done {
            Ok(import) => Ok(import),
            Err(Undone::Stopped(stopped)) => Err(stopped),
            Err(Undone::Found(found)) => {
                let vault = self.vault.clone();
                // Whoever has the lease by now: what was found is found, and the version says whether it is still asked.
                self.saved(None, move |tx| close(tx, &vault, import.clone(), &found.0, found.1))
            }
        }
    }

    /// Ends an import of which nothing could be read.
    pub fn refuse(&self, import: Import, faults: Vec<RowFault>) -> Result<Import, Stopped> {
        let vault = self.vault.clone();
        self.save(move |tx| {
            let import = if import.state == State::Queued { store::save(tx, sure(import.clone().start(0))?)? } else { import.clone() };
            close(tx, &vault, import, &Tally { failed: 1, faults: faults.clone(), ..Tally::default() }, 0)
        })
    }

    /// Saves a step, if the lease is still ours.
    fn save(&self, step: impl FnMut(&mut Tx) -> Result<Import, DbError> + Send + 'static) -> Result<Import, Stopped> {
        self.saved(self.holder.clone(), step)
    }

    fn saved(
        &self,
        holder: Option<String>,
        mut step: impl FnMut(&mut Tx) -> Result<Import, DbError> + Send + 'static,
    ) -> Result<Import, Stopped> {
        let done = self.db.write_blocking(move |tx| {
            if let Some(holder) = &holder
                && !leases::take(tx, LEASE, holder, LEASE_MS)?
            {
                return Ok(None);
            }
            step(tx).map(Some)
        });
        match done {
            Ok(Some(import)) => Ok(import),
            Ok(None) | Err(DbError::Stale) => Err(Stopped::Elsewhere),
            Err(error) => Err(error.into()),
        }
    }
}

fn line(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Writes down what was found and that the import is over.
fn close(tx: &mut Tx, vault: &Vault, import: Import, tally: &Tally, last: u64) -> Result<Import, DbError> {
    store::save_faults(tx, import.id, &tally.faults)?;
    if import.asked.dry_run {
        store::save_diffs(tx, vault, import.id, &tally.diffs)?;
    }
    let counts: Counts = tally.counts;
    let import = store::save(tx, sure(import.advance(counts, tally.failed, line(last)))?)?;
    let now = tx.now();
    store::save(tx, sure(import.finish(now))?)
}

/// An account as an importer: with the rights that it has now, not those that it had when it asked.
pub fn importer(tx: &mut Tx, id: PrincipalId, place: jiazai_domain::actor::CommunityId) -> Result<Option<Importer>, DbError> {
    let Some(actor) = identity::actor_of(tx, id)? else { return Ok(None) };
    let grids = places::grids_of(tx, id)?;
    let Ok(keeper) = Keeper::of(&actor, place, grids) else { return Ok(None) };
    Ok(Some(Importer { keeper, admin: actor.admin_of(place).ok(), roles: actor.roles_in(place) }))
}

/// Whether an import is the caller's to do now.
enum Begun {
    Elsewhere,
    GivenUp,
    Mine,
}

/// Does what waits, one import after the other; gives how many were done. One that fails is put off, and in the end given up: the
/// others do not wait for it.
pub async fn waiting(app: Arc<App>, holder: String) -> Result<usize, DbError> {
    let mut done = 0;
    loop {
        // A look first: an idle server must not write to its disk every second.
        let (next, over) = app.db.read(|tx| Ok::<_, DbError>((store::next_waiting(tx)?, store::over_with_files(tx, 20)?))).await?;
        for stored in over {
            forget(&app, &stored).await?;
        }
        let Some(stored) = next.filter(|_| app.serving.load(Ordering::Relaxed)) else { break };
        let (asking, import) = (holder.clone(), stored.import.clone());
        let id = import.id;
        let begun = app.db.write(move |tx| begin(tx, &asking, &import)).await?;
        match begun {
            Begun::Elsewhere => break,
            Begun::GivenUp => {
                tracing::warn!(%id, "an import failed time and again and was given up");
                continue;
            }
            Begun::Mine => {}
        }
        match one(&app, &holder, stored).await {
            Ok(()) => done += 1,
            Err(Stopped::Elsewhere) => {
                app.db.write(move |tx| store::forgive(tx, id)).await?;
                break;
            }
            // Nothing else would go better now. Who waited for somebody else's rows is not to blame; whatever else does not come to an
            // end counts, because what takes too long every time looks like this, too.
            Err(Stopped::Db(error)) if error.is_temporary() => {
                if matches!(error, DbError::Busy | DbError::Contention) {
                    app.db.write(move |tx| store::forgive(tx, id)).await?;
                }
                return Err(error);
            }
            Err(stopped) => tracing::warn!(%id, %stopped, "an import failed and will be tried again"),
        }
    }
    app.db.write(move |tx| leases::give_back(tx, LEASE, &holder)).await?;
    Ok(done)
}

fn begin(tx: &mut Tx, holder: &str, import: &Import) -> Result<Begun, DbError> {
    if !leases::take(tx, LEASE, holder, LEASE_MS)? {
        return Ok(Begun::Elsewhere);
    }
    // It was looked at before the lease was ours.
    let Some(Stored { import, .. }) = store::find(tx, import.id)?.filter(|stored| !stored.import.is_over()) else {
        return Ok(Begun::Elsewhere);
    };
    if store::begin(tx, &import)? > store::MOST_ATTEMPTS {
        give_up(tx, import, "gave_up")?;
        return Ok(Begun::GivenUp);
    }
    Ok(Begun::Mine)
}

async fn one(app: &Arc<App>, holder: &str, stored: Stored) -> Result<(), Stopped> {
    let id = stored.import.id;
    let bytes = load(app, &stored).await?;
    let (by, place) = (stored.import.created_by, stored.import.community);
    let rights = app.db.read(move |tx| importer(tx, by, place)).await?;
    let worker = app.clone();
    let holder = holder.to_owned();
    let over = tokio::task::spawn_blocking(move || {
        let refused = |code| vec![RowFault::new(1, "", code)];
        let (importer, wrong) = match (rights, &bytes) {
            (Some(importer), Some(_)) => (importer, None),
            (Some(importer), None) => (importer, Some(refused("file_lost"))),
            // Nothing is taken in the name of somebody who may not any more; the import still has to end.
            (None, _) => return Ok(None),
        };
        let source = Source::Bytes(bytes.unwrap_or_default());
        let serving = worker.clone();
        let doing = Worker {
            db: worker.db.clone(),
            vault: worker.vault.clone(),
            importer,
            source,
            holder: Some(holder),
            go_on: Arc::new(move || serving.serving.load(Ordering::Relaxed)),
            progress: Arc::new(|_, _| ()),
        };
        match wrong {
            Some(faults) => doing.refuse(stored.import, faults),
            None => doing.run(stored.import),
        }
        .map(Some)
    })
    .await
    .map_err(|_| Stopped::Db(DbError::Panicked))??;
    if over.is_none() {
        app.db.write(move |tx| disown(tx, id)).await?;
    }
    let app = app.clone();
    app.jobs.wake();
    if let Some(stored) = app.db.read(move |tx| store::find(tx, id)).await? {
        forget(&app, &stored).await?;
    }
    Ok(())
}

/// A command that has said nothing for so long was shot: a whole file in one transaction may take a while.
const SILENT_S: i64 = 3_600;

/// Ends the imports of commands that were shot. What they had taken stays; to run them again is to go on. Each by itself: one that
/// cannot be ended keeps no other from it.
pub async fn end_abandoned(app: &App, holder: &str, limit: i64) -> Result<usize, DbError> {
    let left = app.db.read(move |tx| store::abandoned(tx, tx.now().plus_seconds(-SILENT_S), limit)).await?;
    let (mut ended, mut failed) = (0, None);
    for stored in left {
        let import = stored.import;
        let end = move |tx: &mut Tx| give_up(tx, import.clone(), "stopped");
        match crate::jobs::leased(app, "registry", holder, end).await {
            Ok(()) => ended += 1,
            // Its command was not silent for good.
            Err(DbError::Stale) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(ended), Err)
}

/// Ends an import whose creator has lost the right to it.
fn disown(tx: &mut Tx, id: jiazai_domain::registry::ImportId) -> Result<(), DbError> {
    let Some(Stored { import, .. }) = store::find(tx, id)? else { return Ok(()) };
    give_up(tx, import, "not_for_you")
}

/// Ends an import where it stands, for a reason that concerns all that is left of it.
fn give_up(tx: &mut Tx, import: Import, code: &'static str) -> Result<(), DbError> {
    if import.is_over() {
        return Ok(());
    }
    let import = if import.state == State::Queued { store::save(tx, sure(import.start(0))?)? } else { import };
    store::save_faults(tx, import.id, &[RowFault::new(1, "", code)])?;
    let through = import.through;
    let import = store::save(tx, sure(import.advance(Counts::default(), 1, through))?)?;
    let now = tx.now();
    store::save(tx, sure(import.finish(now))?).map(drop)
}

fn parts(stored_as: &str) -> Option<(&str, usize)> {
    let (name, count) = stored_as.rsplit_once('/')?;
    Some((name, count.parse().ok()?))
}

/// The whole file, opened; none when a part is missing.
async fn load(app: &App, stored: &Stored) -> Result<Option<Bytes>, Stopped> {
    let Some((name, count)) = stored.stored_as.as_deref().and_then(parts) else { return Ok(None) };
    let mut bytes = Vec::new();
    for number in 0..count {
        match app.files.get_part(name, number).await {
            Ok(Some(part)) => bytes.extend_from_slice(&part),
            Ok(None) => return Ok(None),
            // Away, or not to be opened: which of them it is, time will tell.
            Err(_) => return Err(Stopped::Io(std::io::Error::other("a part of the file cannot be read"))),
        }
    }
    Ok(Some(bytes.into()))
}

/// Deletes the file of an import that is over. The row forgets it last, so that a file is never left behind unknown.
async fn forget(app: &App, stored: &Stored) -> Result<(), DbError> {
    let Some((name, count)) = stored.stored_as.as_deref().and_then(parts).filter(|_| stored.import.is_over()) else { return Ok(()) };
    if app.files.delete_parts(name, count).await.is_ok() {
        let id = stored.import.id;
        app.db.write(move |tx| store::forget_file(tx, id)).await?;
    }
    Ok(())
}
