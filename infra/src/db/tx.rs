//! What a command or a query works on: a connection, and everything that may differ between two runs.

use diesel::query_dsl::methods::ExecuteDsl;
use diesel::{PgConnection, QueryResult, SqliteConnection};
use jiazai_domain::actor::CommunityId;
use jiazai_domain::kernel::id::{Id, Kind};
use jiazai_domain::kernel::time::Timestamp;

use super::{AnyConnection, DbError};
use crate::clock::Clock;

/// A transaction (in [`super::Db::write`]) or a read-only look (in [`super::Db::read`]).
pub struct Tx<'a> {
    conn: &'a mut AnyConnection,
    clock: &'a Clock,
    now: Timestamp,
    lost: bool,
    contended: bool,
    told: Told,
}

/// What the commands in a transaction tell the audit log about themselves, beyond what the request says.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// The first thing that something happened to, and its community.
    pub subject: Option<(CommunityId, String)>,
    /// In whose name it was done.
    pub on_behalf_of: Option<String>,
    /// Words that matter, such as which fields were revealed; never what somebody typed.
    pub words: Vec<(&'static str, String)>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(conn: &'a mut AnyConnection, clock: &'a Clock) -> Self {
        Self { conn, clock, now: clock.now(), lost: false, contended: false, told: Told::default() }
    }

    /// The instant at which this transaction decides; the same for all of it.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// For a transaction that has waited for others before it looked at anything: it decides after them, not when it came.
    pub(crate) fn renew_now(&mut self) {
        self.now = self.clock.now();
    }

    /// A new id. Ids sort as this process made them: what happened twice in one transaction keeps its order, and a list
    /// that is read newest first needs no other column.
    pub fn new_id<K: Kind>(&self) -> Id<K> {
        let mut random = [0u8; 10];
        // Without the system's random numbers nothing here is safe, log-in tokens least of all.
        getrandom::fill(&mut random).expect("the operating system has random numbers");
        let step = self.clock.step(self.now);
        // UUIDv7 with its twelve bits after the time counted instead of drawn; 62 random ones remain.
        [random[0], random[1]] = ((step & 0xfff) as u16).to_be_bytes();
        Id::from_parts(step >> 12, random)
    }

    /// What the audit log should know of this transaction.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// Something has happened to this thing.
    pub(crate) fn touched(&mut self, community: CommunityId, subject: &str) {
        self.told.subject.get_or_insert_with(|| (community, subject.to_owned()));
    }

    /// What is done here is done in the name of this account or person.
    pub fn acts_for(&mut self, whom: String) {
        self.told.on_behalf_of = Some(whom);
    }

    /// A word for the audit log.
    pub fn tell(&mut self, name: &'static str, word: String) {
        self.told.words.push((name, word));
    }

    /// Runs a query and notes how it failed: a lost connection is not given back to the pool, and a transaction that
    /// another one got in the way of may run again.
    pub(crate) fn run<T>(&mut self, query: impl FnOnce(&mut AnyConnection) -> QueryResult<T>) -> Result<T, DbError> {
        query(self.conn).map_err(|error| self.note(DbError::from(error)))
    }

    /// Runs a statement as the database's own. Through `MultiConnection` its text would be built twice each time it runs, though
    /// it is prepared already (diesel_derives 2.3): a third of what a short request costs.
    pub(crate) fn execute<Q>(&mut self, statement: Q) -> Result<usize, DbError>
    where
        Q: ExecuteDsl<SqliteConnection> + ExecuteDsl<PgConnection>,
    {
        self.run(|conn| match conn {
            AnyConnection::Sqlite(conn) => ExecuteDsl::execute(statement, conn),
            AnyConnection::Postgres(conn) => ExecuteDsl::execute(statement, conn),
        })
    }

    /// Inserts one row. A taken unique value is [`DbError::Duplicate`].
    pub(crate) fn insert<Q>(&mut self, statement: Q) -> Result<(), DbError>
    where
        Q: ExecuteDsl<SqliteConnection> + ExecuteDsl<PgConnection>,
    {
        self.execute(statement).map(drop)
    }

    /// Updates one row on the condition that it is as it was when loaded; otherwise [`DbError::Stale`].
    pub(crate) fn update_one<Q>(&mut self, statement: Q) -> Result<(), DbError>
    where
        Q: ExecuteDsl<SqliteConnection> + ExecuteDsl<PgConnection>,
    {
        match self.execute(statement)? {
            1 => Ok(()),
            // Somebody else changed it between our load and our save: the whole transaction decides again on what is there now.
            _ => Err(self.note(DbError::Stale)),
        }
    }

    /// The error to return when the transaction has to run again from its beginning.
    pub(crate) fn run_again(&mut self) -> DbError {
        self.note(DbError::Contention)
    }

    pub(super) fn lost_connection(&self) -> bool {
        self.lost
    }

    pub(super) fn contended(&self) -> bool {
        self.contended
    }

    fn note(&mut self, error: DbError) -> DbError {
        self.contended |= matches!(error, DbError::Contention | DbError::Stale);
        self.lost |= matches!(error, DbError::Unavailable(_));
        error
    }
}
