//! A pool of connections: a stack of idle ones and a semaphore.
//!
//! Diesel's r2d2 pool is not used because its manager would try the URL on each variant of [`AnyConnection`] in turn,
//! and SQLite accepts any text as a file name; and because taking a SQLite reader must cost nanoseconds.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{AnyConnection, DbError};

/// How long a caller waits for its turn before hearing 503.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) struct Pool {
    connect: Box<dyn Fn() -> Result<AnyConnection, DbError> + Send + Sync>,
    idle: Mutex<Vec<AnyConnection>>,
    open: AtomicUsize,
    turns: Arc<Semaphore>,
}

impl Pool {
    /// `size` bounds how many blocking callers use connections at once.
    pub(super) fn new(size: usize, connect: impl Fn() -> Result<AnyConnection, DbError> + Send + Sync + 'static) -> Self {
        Self {
            connect: Box::new(connect),
            idle: Mutex::new(Vec::with_capacity(size)),
            open: AtomicUsize::new(0),
            turns: Arc::new(Semaphore::new(size)),
        }
    }

    /// Waits for a turn, for a few seconds at most.
    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit, DbError> {
        match tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(DbError::Busy),
        }
    }

    /// An idle connection, or a new one.
    pub(super) fn take(&self) -> Result<Pooled<'_>, DbError> {
        let idle = self.lock().pop();
        match idle {
            Some(conn) => Ok(Pooled { conn: Some(conn), pool: self, reused: true }),
            None => self.take_new(),
        }
    }

    pub(super) fn take_new(&self) -> Result<Pooled<'_>, DbError> {
        let conn = (self.connect)()?;
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(Pooled { conn: Some(conn), pool: self, reused: false })
    }

    /// How many connections are idle and how many are open.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.lock().len(), self.open.load(Ordering::Relaxed))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<AnyConnection>> {
        // The stack is never left half-changed, so a panic elsewhere while it was held does not matter.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection on loan; goes back on the stack when dropped.
pub(super) struct Pooled<'a> {
    /// Empty only after `discard` or during drop.
    conn: Option<AnyConnection>,
    pool: &'a Pool,
    /// It was idle before, so the server may have hung up on it meanwhile.
    pub(super) reused: bool,
}

impl Pooled<'_> {
    /// Closes the connection instead of giving it back.
    pub(super) fn discard(mut self) {
        self.close();
    }

    fn close(&mut self) {
        if self.conn.take().is_some() {
            self.pool.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        // A closure that panicked may have left a transaction open: such a connection is not given back.
        if std::thread::panicking() {
            self.close();
        } else if let Some(conn) = self.conn.take() {
            self.pool.lock().push(conn);
        }
    }
}

impl Deref for Pooled<'_> {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        self.conn.as_ref().expect("a connection on loan is there until it is dropped")
    }
}

impl DerefMut for Pooled<'_> {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        self.conn.as_mut().expect("a connection on loan is there until it is dropped")
    }
}
