//! Two databases behind one door.
//!
//! * [`Db::read`] runs a closure on a connection that cannot write, away from the async threads.
//! * [`Db::read_brief`] is for point reads of a few dozen microseconds: SQLite answers them on the caller's thread,
//!   because hopping to another thread would cost more than the read.
//! * [`Db::write`] runs a closure in one transaction. It may run the closure again when another transaction got in its
//!   way, so the closure must not do anything that a rollback does not undo. It is synchronous: nobody can await a
//!   network call inside a transaction.
//!
//! Only this folder knows which database is behind the door. Elsewhere queries are typed and run on both; a statement
//! that the query builder has no words for is `sql_query` text in the common dialect, with its placeholders `$1`, `$2`, … in the order in
//! which they stand: PostgreSQL counts them, SQLite takes them for names and numbers them as they come.

mod error;
#[cfg(test)]
mod plans;
mod pool;
mod postgres;
pub mod schema;
mod sqlite;
mod trial;
mod tx;
mod within;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diesel::{PgConnection, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

pub use error::DbError;
pub use trial::Trial;
pub use tx::{Told, Tx};
pub(crate) use within::InList;

use crate::clock::Clock;

/// More than any statement of a few that a request makes may take on PostgreSQL.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// A connection to either database. Code outside `db` sees it only as something that Diesel's queries run on.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Runs a query on whichever connection there is, as that database's own: [`Tx::execute`] says why it does not go through
/// `MultiConnection`. A query whose type names [`MultiBackend`], as a boxed one does, goes through [`Tx::run`].
macro_rules! native {
    ($tx:expr, |$conn:ident| $query:expr) => {
        $tx.run(|any| match any {
            $crate::db::AnyConnection::Sqlite($conn) => $query,
            $crate::db::AnyConnection::Postgres($conn) => $query,
        })
    };
}
pub(crate) use native;

/// Where the data lives: `sqlite://path` or `postgres://…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(String),
}

impl DatabaseUrl {
    /// Anything but the two schemes is refused, with a message that repeats the scheme but not the rest, which may hold
    /// a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.to_owned())),
            Some((scheme, _)) => Err(format!("DATABASE_URL begins with {scheme:?}://; use sqlite://path or postgres://user@host/name")),
            None => Err("DATABASE_URL is not a URL; use sqlite://path or postgres://user@host/name".to_owned()),
        }
    }
}

/// Reads a stored word or id back. What does not parse was not written by this program.
pub(crate) fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, DbError> {
    text.parse().map_err(|_| DbError::Corrupt(format!("{} does not read back", std::any::type_name::<T>())))
}

/// How busy the storage is, for the metrics.
#[derive(Debug, Clone, Copy, Default)]
pub struct Load {
    pub connections_idle: usize,
    pub connections_open: usize,
    /// Writes waiting for the SQLite writer.
    pub writes_queued: usize,
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    backend: Arc<Backend>,
    clock: Clock,
}

enum Backend {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Db {
    /// Opens the database without touching its schema. For SQLite the file and its folder are made when absent.
    pub fn open(url: &DatabaseUrl, clock: Clock) -> Result<Self, DbError> {
        let backend = match url {
            DatabaseUrl::Sqlite(path) => Backend::Sqlite(sqlite::Sqlite::open(path, clock.clone())?),
            DatabaseUrl::Postgres(url) => Backend::Postgres(postgres::Postgres::open(url)?),
        };
        Ok(Self { backend: Arc::new(backend), clock })
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(*self.backend, Backend::Sqlite(_))
    }

    /// The SQLite file, if that is what is behind the door.
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &*self.backend {
            Backend::Sqlite(sqlite) => Some(sqlite.path()),
            Backend::Postgres(_) => None,
        }
    }

    /// Brings the schema up to date and says how many steps that took. On PostgreSQL an advisory lock makes several
    /// instances take turns. Blocks; not for an async thread.
    pub fn migrate(&self) -> Result<usize, DbError> {
        self.on_schema_connection(|conn| match conn {
            AnyConnection::Sqlite(conn) => Ok(conn.run_pending_migrations(MIGRATIONS).map_err(DbError::migration)?.len()),
            AnyConnection::Postgres(conn) => {
                postgres::under_lock(conn, |conn| Ok(conn.run_pending_migrations(MIGRATIONS).map_err(DbError::migration)?.len()))
            }
        })
    }

    /// Whether the schema is older than this program. Blocks; not for an async thread.
    pub fn needs_migration(&self) -> Result<bool, DbError> {
        self.on_schema_connection(|conn| match conn {
            AnyConnection::Sqlite(conn) => conn.has_pending_migration(MIGRATIONS).map_err(DbError::migration),
            AnyConnection::Postgres(conn) => conn.has_pending_migration(MIGRATIONS).map_err(DbError::migration),
        })
    }

    fn on_schema_connection<T>(&self, run: impl FnOnce(&mut AnyConnection) -> Result<T, DbError>) -> Result<T, DbError> {
        match &*self.backend {
            Backend::Sqlite(sqlite) => run(&mut sqlite.connect_for_schema()?),
            Backend::Postgres(postgres) => run(&mut *postgres.connect_blocking()?),
        }
    }

    /// Runs `f` on a connection that cannot write. Several statements in one `f` may see several states of the data.
    pub async fn read<T, E>(&self, f: impl FnMut(&mut Tx) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let db = self.clone();
        let permit = self.pool().permit().await?;
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            db.read_here(f)
        });
        self.answered(reading).await
    }

    /// What a blocking thread has found, unless the database leaves it hanging. A server that has stopped still acknowledges what is
    /// sent to it, so nothing below notices; the thread keeps its turn, and the next callers hear that the database is busy.
    async fn answered<T, E: From<DbError>>(&self, work: tokio::task::JoinHandle<Result<T, E>>) -> Result<T, E> {
        let done = match &*self.backend {
            Backend::Sqlite(_) => work.await,
            Backend::Postgres(_) => match tokio::time::timeout(ANSWERED_WITHIN, work).await {
                Ok(done) => done,
                Err(_) => return Err(DbError::Unavailable("the database does not answer".to_owned()).into()),
            },
        };
        done.unwrap_or_else(|_| Err(DbError::Panicked.into()))
    }

    /// Like [`Db::read`], for a look-up of a few rows by key.
    pub async fn read_brief<T, E>(&self, f: impl FnMut(&mut Tx) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &*self.backend {
            Backend::Sqlite(_) => self.read_here(f),
            Backend::Postgres(_) => self.read(f).await,
        }
    }

    fn read_here<T, E: From<DbError>>(&self, mut f: impl FnMut(&mut Tx) -> Result<T, E>) -> Result<T, E> {
        let mut conn = self.pool().take()?;
        loop {
            let mut tx = Tx::new(&mut conn, &self.clock);
            let result = f(&mut tx);
            if !tx.lost_connection() {
                return result;
            }
            // A server that was restarted has dropped the idle connections: reading again on a new one is harmless.
            let try_again = result.is_err() && conn.reused;
            conn.discard();
            if !try_again {
                return result;
            }
            conn = self.pool().take_new()?;
        }
    }

    /// Runs `f` in a transaction; all of it happens, durably, or nothing does.
    pub async fn write<T, E>(&self, f: impl FnMut(&mut Tx) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.write(f).await,
            Backend::Postgres(_) => {
                let db = self.clone();
                let permit = self.pool().permit().await?;
                let writing = tokio::task::spawn_blocking(move || {
                    let _permit = permit;
                    postgres::write(db.pool(), &db.clock, f)
                });
                self.answered(writing).await
            }
        }
    }

    /// [`Db::write`] for the command line and for tests, where no async runtime is at hand. Blocks.
    pub fn write_blocking<T, E>(&self, f: impl FnMut(&mut Tx) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.write_blocking(f),
            Backend::Postgres(postgres) => postgres::write(postgres.pool(), &self.clock, f),
        }
    }

    /// Writes a consistent copy of a SQLite database to `to`, which must not exist, while the server goes on.
    pub fn copy_sqlite_to(&self, to: &Path) -> Result<(), DbError> {
        match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.copy_to(to),
            Backend::Postgres(_) => Err(DbError::Unsupported("a PostgreSQL database is copied with pg_dump")),
        }
    }

    pub fn load(&self) -> Load {
        let (connections_idle, connections_open) = self.pool().size();
        let writes_queued = match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.queued(),
            Backend::Postgres(_) => 0,
        };
        Load { connections_idle, connections_open, writes_queued }
    }

    fn pool(&self) -> &pool::Pool {
        match &*self.backend {
            Backend::Sqlite(sqlite) => sqlite.readers(),
            Backend::Postgres(postgres) => postgres.pool(),
        }
    }
}
