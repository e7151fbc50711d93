//! SQLite: many readers, one writer thread, group commit.
//!
//! ```text
//!  write(f) ──► queue ──► writer thread:  BEGIN IMMEDIATE
//!  write(g) ──►                             SAVEPOINT · f · RELEASE (or ROLLBACK TO)
//!  write(h) ──►                             SAVEPOINT · g · …
//!                                         COMMIT            one fsync for all of them
//!                                         answer f, g, h
//! ```
//!
//! With `synchronous=FULL` a commit waits for the disk. Whoever arrives meanwhile shares the next commit, so durable
//! writes scale past the disk's fsync rate. Nobody is answered before the commit, and nobody's failure undoes another's
//! work: each closure has its own savepoint.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use tokio::sync::oneshot;

use super::pool::Pool;
use super::{AnyConnection, DbError, Tx};
use crate::clock::Clock;

/// Writes that may wait before callers hear 503. At a few thousand writes a second this is well under a second's worth.
const QUEUE: usize = 2048;
/// Writes that share one commit at most; bounds how long the first of them waits for the last.
const BATCH: usize = 256;
/// Readers used by blocking callers at once; point reads on the async threads come on top, one a thread.
const READERS: usize = 8;

pub(super) struct Sqlite {
    path: PathBuf,
    readers: Pool,
    queue: SyncSender<Box<dyn Queued>>,
    queued: Arc<AtomicUsize>,
}

impl Sqlite {
    pub(super) fn open(path: &Path, clock: Clock) -> Result<Self, DbError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| DbError::Unavailable(format!("{}: {e}", folder.display())))?;
        }
        let writer = connect(path, Access::Write)?;
        let (queue, jobs) = sync_channel(QUEUE);
        let queued = Arc::new(AtomicUsize::new(0));
        let waiting = queued.clone();
        std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || write_loop(writer, &jobs, &waiting, &clock))
            .map_err(|e| DbError::Unavailable(e.to_string()))?;
        let at = path.to_owned();
        let readers = Pool::new(READERS, move || connect(&at, Access::Read));
        Ok(Self { path: path.to_owned(), readers, queue, queued })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn readers(&self) -> &Pool {
        &self.readers
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Migrations run on a connection of their own, before the writer has anything to do.
    pub(super) fn connect_for_schema(&self) -> Result<AnyConnection, DbError> {
        connect(&self.path, Access::Write)
    }

    pub(super) async fn write<T, E>(&self, f: impl FnMut(&mut Tx) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.enqueue(f)?.await.unwrap_or_else(|_| Err(DbError::Panicked.into()))
    }

    pub(super) fn write_blocking<T, E>(&self, f: impl FnMut(&mut Tx) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.enqueue(f)?.blocking_recv().unwrap_or_else(|_| Err(DbError::Panicked.into()))
    }

    fn enqueue<T, E>(&self, f: impl FnMut(&mut Tx) -> Result<T, E> + Send + 'static) -> Result<oneshot::Receiver<Result<T, E>>, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.queued.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(Box::new(Pending { f, result: None, reply })).map_err(|error| {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => DbError::Busy,
                TrySendError::Disconnected(_) => DbError::Unavailable("the writer thread has ended".to_owned()),
            }
        })?;
        Ok(answer)
    }

    /// `VACUUM INTO` sees one state of the data and does not stop the writer.
    pub(super) fn copy_to(&self, to: &Path) -> Result<(), DbError> {
        let to = to.to_str().ok_or(DbError::Unsupported("the path of the copy is not UTF-8"))?;
        let mut conn = connect(&self.path, Access::Write)?;
        diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(to).execute(sqlite(&mut conn)).map(drop).map_err(DbError::from)
    }
}

/// A write that waits for its turn, its type erased.
trait Queued: Send {
    /// Runs the closure; true if its changes are to be kept.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Its changes cannot be kept or its commit failed, whatever it returned.
    fn spoil(&mut self, why: DbError);
    /// Tells the caller.
    fn answer(self: Box<Self>);
}

struct Pending<F, T, E> {
    f: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Queued for Pending<F, T, E>
where
    F: FnMut(&mut Tx) -> Result<T, E> + Send,
    T: Send,
    E: From<DbError> + Send,
{
    fn run(&mut self, tx: &mut Tx) -> bool {
        // The closure's captures are not used again after a panic, so no broken invariant can be seen.
        let result = catch_unwind(AssertUnwindSafe(|| (self.f)(tx))).unwrap_or_else(|_| Err(DbError::Panicked.into()));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn spoil(&mut self, why: DbError) {
        self.result = Some(Err(why.into()));
    }

    fn answer(self: Box<Self>) {
        let result = self.result.unwrap_or_else(|| Err(DbError::Panicked.into()));
        // A caller that has gone away does not undo what was committed.
        let _ = self.reply.send(result);
    }
}

fn write_loop(mut conn: AnyConnection, jobs: &Receiver<Box<dyn Queued>>, waiting: &AtomicUsize, clock: &Clock) {
    let mut batch = Vec::with_capacity(BATCH);
    while let Ok(first) = jobs.recv() {
        waiting.fetch_sub(1, Ordering::Relaxed);
        let mut next = Some(first);
        let begun = conn.batch_execute("BEGIN IMMEDIATE").map_err(DbError::from);
        let mut intact = begun.is_ok();
        while let Some(mut job) = next {
            if intact {
                intact = run_in_savepoint(&mut conn, job.as_mut(), clock);
            } else {
                job.spoil(unavailable());
            }
            batch.push(job);
            next = if batch.len() < BATCH { jobs.try_recv().ok() } else { None };
            if next.is_some() {
                waiting.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let committed = intact && conn.batch_execute("COMMIT").is_ok();
        if !committed {
            // Fails when SQLite has rolled back by itself, as it does when the disk is full; either way none is open after.
            let _ = conn.batch_execute("ROLLBACK");
            tracing::error!(writes = batch.len(), "a batch of writes could not be committed");
        }
        for mut job in batch.drain(..) {
            if !committed {
                job.spoil(unavailable());
            }
            job.answer();
        }
    }
}

fn unavailable() -> DbError {
    DbError::Unavailable("the transaction could not be committed".to_owned())
}

/// Runs one job of a batch. False if the whole batch is lost.
fn run_in_savepoint(conn: &mut AnyConnection, job: &mut dyn Queued, clock: &Clock) -> bool {
    if conn.batch_execute("SAVEPOINT job").is_err() {
        return false;
    }
    let keep = job.run(&mut Tx::new(conn, clock));
    conn.batch_execute(if keep { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" }).is_ok()
}

#[derive(Clone, Copy, PartialEq)]
enum Access {
    Read,
    Write,
}

/// What every connection must be set to: name, value to set, value to read back. `mmap_size` is not among them because this
/// build of SQLite has no memory-mapped reads at all: they make a torn write worse than it is.
const PRAGMAS: &[(&str, &str, &str)] = &[
    ("busy_timeout", "5000", "5000"),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", "2"),
    ("foreign_keys", "ON", "1"),
    ("trusted_schema", "OFF", "0"),
    ("temp_store", "MEMORY", "2"),
];

fn connect(path: &Path, access: Access) -> Result<AnyConnection, DbError> {
    let file = path.to_str().ok_or(DbError::Unsupported("the path of the database is not UTF-8"))?;
    let conn = SqliteConnection::establish(file).map_err(|e| DbError::Unavailable(format!("{file}: {e}")))?;
    let mut conn = AnyConnection::Sqlite(conn);
    for (name, set, _) in PRAGMAS {
        conn.batch_execute(&format!("PRAGMA {name} = {set}"))?;
    }
    if access == Access::Read {
        conn.batch_execute("PRAGMA query_only = ON")?;
    }
    for (name, _, expected) in PRAGMAS {
        let found = pragma(sqlite(&mut conn), name)?;
        if found != *expected {
            return Err(DbError::Unavailable(format!("PRAGMA {name} is {found}, not {expected}: is the disk one that SQLite can use?")));
        }
    }
    Ok(conn)
}

fn sqlite(conn: &mut AnyConnection) -> &mut SqliteConnection {
    match conn {
        AnyConnection::Sqlite(conn) => conn,
        AnyConnection::Postgres(_) => unreachable!("this file opens SQLite connections only"),
    }
}

fn pragma(conn: &mut SqliteConnection, name: &str) -> Result<String, DbError> {
    #[derive(QueryableByName)]
    struct AsText {
        #[diesel(sql_type = Text)]
        value: String,
    }
    #[derive(QueryableByName)]
    struct AsNumber {
        #[diesel(sql_type = BigInt)]
        value: i64,
    }
    let query = diesel::sql_query(format!("SELECT * FROM (SELECT {} AS value FROM pragma_{name})", column_of(name)));
    if name == "journal_mode" {
        Ok(query.get_result::<AsText>(conn)?.value)
    } else {
        Ok(query.get_result::<AsNumber>(conn)?.value.to_string())
    }
}

/// The table-valued form of a pragma calls its column by the pragma's name, with one exception.
fn column_of(pragma: &str) -> &str {
    if pragma == "busy_timeout" { "timeout" } else { pragma }
}
