//! The limit of durable writes: SQLite alone, one commit for each ticket, on the same disk and the same schema.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::machine;
use super::rows::{EVENT, Store, TICKET, now_ms};
use super::stats::Slice;
use jiazai_domain::repair::TicketId;

/// Inserts what the server inserts for a report, as fast as the disk lets it.
pub(super) struct RawLoop {
    conn: Connection,
    community: String,
    reporter: String,
    title: String,
    detail: String,
    data: String,
    next: u64,
}

impl RawLoop {
    /// On a copy of a server's database that holds at least one ticket made over HTTP.
    pub(super) fn new(database: &Path, copy: &Path) -> Result<Self, String> {
        let told = |e: rusqlite::Error| e.to_string();
        let path = copy.to_str().ok_or("a path that is not UTF-8")?;
        Connection::open(database).and_then(|conn| conn.execute("VACUUM INTO ?1", [path])).map_err(told)?;
        let store = Store::Sqlite(copy.to_owned());
        let one = |column: &str| store.scalar(&format!("SELECT {column} FROM repair_tickets ORDER BY id DESC LIMIT 1"));
        let conn = Connection::open(copy).map_err(told)?;
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 5000",
        )
        .map_err(told)?;
        Ok(Self {
            community: one("community_id")?,
            reporter: one("reporter_id")?,
            title: one("title")?,
            detail: one("detail")?,
            data: store.scalar("SELECT data FROM events WHERE type = 'repair_ticket.submitted' LIMIT 1")?,
            conn,
            next: 0,
        })
    }

    pub(super) fn drive(&mut self, time: Duration) -> Result<Slice, String> {
        let told = |e: rusqlite::Error| e.to_string();
        let mut ticket = self
            .conn
            .prepare(&format!("INSERT INTO repair_tickets ({TICKET}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)"))
            .map_err(told)?;
        let mut event =
            self.conn.prepare(&format!("INSERT INTO events ({EVENT}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)")).map_err(told)?;
        let mut begin = self.conn.prepare("BEGIN IMMEDIATE").map_err(told)?;
        let mut commit = self.conn.prepare("COMMIT").map_err(told)?;
        let (start, before) = (Instant::now(), machine::own_cpu_s()?);
        let mut done = 0.0;
        while start.elapsed() < time {
            self.next += 1;
            let mut random = [0; 10];
            random[2..].copy_from_slice(&self.next.to_be_bytes());
            let now = now_ms();
            let id = TicketId::from_parts(now as u64, random).text();
            begin.execute([]).map_err(told)?;
            ticket
                .execute(params![
                    id,
                    self.community,
                    "plumbing",
                    "submitted",
                    self.reporter,
                    None::<String>,
                    None::<String>,
                    self.title,
                    self.detail,
                    now,
                    1,
                    now,
                    now
                ])
                .map_err(told)?;
            event
                .execute(params![
                    id.replace("tkt", "evt"),
                    self.community,
                    "repair_ticket.submitted",
                    id,
                    1,
                    self.reporter,
                    self.data,
                    None::<String>,
                    None::<String>,
                    now,
                    None::<i64>
                ])
                .map_err(told)?;
            commit.execute([]).map_err(told)?;
            done += 1.0;
        }
        Ok(Slice { done, wall_s: start.elapsed().as_secs_f64(), cpu_s: machine::own_cpu_s()? - before })
    }
}
