//! PostgreSQL: a pool, and transactions that run again when another one got in the way.
//!
//! READ COMMITTED is enough because nothing is decided from a check made outside the statement that acts on it: rows are
//! updated on condition of their version, counters on condition of their value, and unique indexes stand behind both.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::pool::{Pool, Pooled};
use super::{AnyConnection, DbError, Tx};
use crate::clock::Clock;

/// Connections of one instance. More would not make a two-core database faster, only fairer queues longer.
const CONNECTIONS: usize = 10;
const ATTEMPTS: u32 = 4;
/// A number of our own choosing that all instances take the migration lock by.
const MIGRATION_LOCK: i64 = 0x6a69_617a_6169;

/// Nothing hangs: a statement, a lock and an idle transaction each have an end. `lc_messages` because errors are told
/// apart by their English words.
const SETTINGS: &str = "SET statement_timeout = '5s'; SET lock_timeout = '3s'; SET idle_in_transaction_session_timeout = '10s'; \
     SET lc_messages = 'C'; SET timezone = 'UTC'; SET application_name = 'jiazai'";

pub(super) struct Postgres {
    pool: Pool,
}

impl Postgres {
    /// Connects once, so that a wrong URL is found at start.
    pub(super) fn open(url: &str) -> Result<Self, DbError> {
        let url = with_limits(url);
        let pool = Pool::new(CONNECTIONS, move || connect(&url));
        drop(pool.take()?);
        Ok(Self { pool })
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(super) fn connect_blocking(&self) -> Result<Pooled<'_>, DbError> {
        self.pool.take_new()
    }
}

/// Seconds, but for the last: milliseconds. The server's own limits (see [`SETTINGS`]) are no help against a network that has gone
/// silent; these end a connection whose other side does not acknowledge what is sent, or whether it is still there.
const LIMITS: &[(&str, u32)] =
    &[("connect_timeout", 3), ("keepalives_idle", 5), ("keepalives_interval", 2), ("keepalives_count", 3), ("tcp_user_timeout", 8000)];

/// The URL with what it does not say itself about when to give up.
fn with_limits(url: &str) -> String {
    LIMITS.iter().filter(|(name, _)| !url.contains(&format!("{name}="))).fold(url.to_owned(), |url, (name, value)| {
        let joint = if url.contains('?') { '&' } else { '?' };
        format!("{url}{joint}{name}={value}")
    })
}

fn connect(url: &str) -> Result<AnyConnection, DbError> {
    // libpq's message names host, port and user, never the password.
    let mut conn = PgConnection::establish(url).map_err(|e| DbError::Unavailable(e.to_string()))?;
    // A role may lack the right to set `lc_messages`; then errors come in the server's language and are told apart less well.
    if conn.batch_execute(SETTINGS).is_err() {
        conn.batch_execute(&SETTINGS.replace("SET lc_messages = 'C'; ", ""))?;
    }
    Ok(AnyConnection::Postgres(conn))
}

/// Runs `f` while holding the lock that makes several instances migrate one after the other.
pub(super) fn under_lock<T>(conn: &mut PgConnection, f: impl FnOnce(&mut PgConnection) -> Result<T, DbError>) -> Result<T, DbError> {
    // Waiting for another instance's migration, and a migration itself, may take longer than a request's statement.
    conn.batch_execute(&format!("SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock({MIGRATION_LOCK})"))?;
    let result = f(conn);
    conn.batch_execute(&format!("SELECT pg_advisory_unlock({MIGRATION_LOCK}); SET statement_timeout = '5s'; SET lock_timeout = '3s'"))?;
    result
}

/// Runs `f` in a transaction, again if another transaction was in the way. Blocks.
pub(super) fn write<T, E: From<DbError>>(pool: &Pool, clock: &Clock, mut f: impl FnMut(&mut Tx) -> Result<T, E>) -> Result<T, E> {
    let mut attempt = 1;
    loop {
        let mut conn = begin(pool)?;
        let mut tx = Tx::new(&mut conn, clock);
        let result = f(&mut tx);
        let (again, lost) = (tx.contended(), tx.lost_connection());
        let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = conn.batch_execute(end).map_err(DbError::from);
        if lost || ended.is_err() {
            conn.discard();
        }
        match (result, ended) {
            (Ok(value), Ok(())) => return Ok(value),
            // Whether a commit whose answer was lost took place is not known; the caller's idempotency key will tell.
            (Ok(_), Err(error)) if !matches!(error, DbError::Contention) => return Err(error.into()),
            (Err(error), _) if !again => return Err(error),
            (Err(error), _) if attempt == ATTEMPTS => return Err(error),
            (Ok(_), Err(error)) if attempt == ATTEMPTS => return Err(error.into()),
            _ => {
                // Blocking is fine here: this is a blocking thread, and the pause keeps two rivals from meeting again.
                std::thread::sleep(Duration::from_millis(u64::from(attempt) * 7));
                attempt += 1;
            }
        }
    }
}

/// An open transaction. A connection that the server has dropped while it was idle is replaced once: nothing has run yet.
fn begin(pool: &Pool) -> Result<Pooled<'_>, DbError> {
    let mut conn = pool.take()?;
    match conn.batch_execute("BEGIN") {
        Ok(()) => Ok(conn),
        Err(error) if !conn.reused => {
            conn.discard();
            Err(error.into())
        }
        Err(_) => {
            conn.discard();
            let mut conn = pool.take_new()?;
            conn.batch_execute("BEGIN")?;
            Ok(conn)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_url_says_itself_about_giving_up_stands() {
        let url = with_limits("postgres://a@b/c?connect_timeout=9");
        assert!(url.starts_with("postgres://a@b/c?connect_timeout=9&keepalives_idle=5&"), "{url}");
        assert_eq!(url.matches("connect_timeout").count(), 1);
        assert!(with_limits("postgres://a@b/c").contains("/c?connect_timeout=3&"));
    }
}
