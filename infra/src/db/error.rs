//! What can go wrong between us and a database, in the words that callers act on.

use diesel::result::{DatabaseErrorKind, Error};

/// No variant carries a statement or a value: these errors may end up in a log.
#[derive(Debug)]
pub enum DbError {
    /// The database cannot be reached or has stopped answering; try again later.
    Unavailable(String),
    /// Too many callers wait already, or somebody else keeps the rows; try again later.
    Busy,
    /// A unique index already has this value. The statement that can run into it turns it into a word of its module.
    Duplicate,
    /// A row that another transaction changed since it was loaded.
    Stale,
    /// Another transaction got in the way (serialization, deadlock); the transaction may simply run again.
    Contention,
    /// Not possible on this database.
    Unsupported(&'static str),
    /// The schema could not be brought up to date.
    Migration(String),
    /// Something stored does not read back: a bug, or a hand in the database.
    Corrupt(String),
    /// A statement that the database did not like: a bug.
    Query(String),
    /// The closure panicked; its transaction was rolled back.
    Panicked,
}

impl DbError {
    pub(super) fn migration(cause: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self::Migration(cause.to_string())
    }

    /// Whether trying again after a while may help, which makes it a 503 rather than a 500.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Busy | Self::Contention)
    }
}

impl From<Error> for DbError {
    fn from(error: Error) -> Self {
        use DatabaseErrorKind as Kind;
        match error {
            Error::DatabaseError(Kind::UniqueViolation, _) => Self::Duplicate,
            Error::DatabaseError(Kind::SerializationFailure, _) => Self::Contention,
            Error::DatabaseError(Kind::ClosedConnection | Kind::UnableToSendCommand, info) => Self::Unavailable(info.message().to_owned()),
            Error::DatabaseError(kind, info) => by_message(kind, info.message()),
            Error::NotFound => Self::Corrupt("a row that must exist is missing".to_owned()),
            Error::DeserializationError(cause) => Self::Corrupt(cause.to_string()),
            Error::BrokenTransactionManager => Self::Unavailable("the connection is broken".to_owned()),
            other => Self::Query(other.to_string()),
        }
    }
}

/// Diesel gives many causes one kind, so the rest is told by the database's own words. SQLite's and libpq's texts are
/// stable and never translated here (`lc_messages` is set to C on every connection).
fn by_message(kind: DatabaseErrorKind, message: &str) -> DbError {
    const AGAIN: &[&str] = &["deadlock detected", "could not serialize"];
    const AWAY: &[&str] = &[
        "database or disk is full",
        "disk I/O error",
        "database is locked",
        "unable to open database file",
        "attempt to write a readonly database",
        "terminating connection",
        "server closed the connection",
        "could not connect",
        "connection to server",
        "no connection to the server",
        "the database system is",
        "canceling statement due to",
        "could not extend file",
        "No space left on device",
        "remaining connection slots",
        "too many clients",
        "cannot execute",
        "SSL connection has been closed",
    ];
    // Somebody else kept the rows for too long; the connection is as good as before.
    if message.contains("canceling statement due to lock timeout") {
        DbError::Busy
    } else if AGAIN.iter().any(|words| message.contains(words)) {
        DbError::Contention
    } else if AWAY.iter().any(|words| message.contains(words)) {
        DbError::Unavailable(message.lines().next().unwrap_or_default().to_owned())
    } else {
        // The first line names the fault; PostgreSQL's DETAIL lines, which may quote values, are not part of it.
        DbError::Query(format!("{kind:?}: {}", message.lines().next().unwrap_or_default()))
    }
}

impl std::fmt::Display for DbError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the database is unavailable: {why}"),
            Self::Busy => f.write_str("the database is busy"),
            Self::Duplicate => f.write_str("the value exists already"),
            Self::Stale => f.write_str("the row was changed by somebody else"),
            Self::Contention => f.write_str("another transaction was in the way"),
            Self::Unsupported(what) => f.write_str(what),
            Self::Migration(why) => write!(f, "the schema could not be migrated: {why}"),
            Self::Corrupt(what) => write!(f, "stored data does not read back: {what}"),
            Self::Query(what) => write!(f, "a statement failed: {what}"),
            Self::Panicked => f.write_str("a transaction panicked"),
        }
    }
}

impl std::error::Error for DbError {}
