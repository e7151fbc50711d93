//! Many tickets, put straight into the database: what a community has after years, made in seconds.
//!
//! Old tickets are closed and the newest three hundred are open, whatever the number; so a page of open tickets holds
//! the same at a thousand as at a million, and only the pile below it differs. Ten late ones lie scattered over the whole
//! time: a filter that walks until it has a page full walks far.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::repair::TicketId;
use rusqlite::{Connection, params};
use serde_json::json;

use super::server::{Server, text};

/// The columns that a new ticket fills, and those of its event.
pub(super) const TICKET: &str =
    "id, community_id, category, state, reporter_id, worker_id, home_id, title, detail, due_at, version, created_at, updated_at";
pub(super) const EVENT: &str = "id, community_id, type, subject_id, subject_version, actor_id, data, note, notices, occurred_at, position";

/// The database behind a server that stands still.
pub(super) enum Store {
    Sqlite(PathBuf),
    Postgres { psql: PathBuf, url: String },
}

impl Store {
    /// The first column of the first row, as text.
    pub(super) fn scalar(&self, sql: &str) -> Result<String, String> {
        match self {
            Self::Sqlite(path) => open(path)?.query_row(sql, [], |row| row.get(0)).map_err(|e| format!("{e}: {sql}")),
            Self::Postgres { psql, url } => {
                let output = Command::new(psql).args([url.as_str(), "-XqAtc", sql]).output().map_err(|e| e.to_string())?;
                let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                if output.status.success() { Ok(said) } else { Err(format!("{}: {sql}", String::from_utf8_lossy(&output.stderr))) }
            }
        }
    }

    pub(super) fn script(&self, sql: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(path) => open(path)?.execute_batch(sql).map_err(|e| format!("{e}: {sql}")),
            Self::Postgres { .. } => self.feed(sql.as_bytes()),
        }
    }

    /// Runs a script, COPY blocks and all, through psql.
    fn feed(&self, script: &[u8]) -> Result<(), String> {
        let Self::Postgres { psql, url } = self else { return Err("not a PostgreSQL database".into()) };
        let mut command = Command::new(psql);
        command.args([url.as_str(), "-Xq", "-v", "ON_ERROR_STOP=1"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().map_err(|e| e.to_string())?;
        child.stdin.take().ok_or("no stdin")?.write_all(script).map_err(|e| e.to_string())?;
        let status = child.wait().map_err(|e| e.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("psql: {status}")) }
    }

    fn insert(&self, rows: impl Iterator<Item = Row>) -> Result<(), String> {
        match self {
            Self::Sqlite(path) => {
                let mut conn = open(path)?;
                let told = |e: rusqlite::Error| e.to_string();
                let tx = conn.transaction().map_err(told)?;
                {
                    let mut insert = tx
                        .prepare(&format!("INSERT INTO repair_tickets ({TICKET}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)"))
                        .map_err(told)?;
                    for r in rows {
                        insert
                            .execute(params![
                                r.id,
                                r.community,
                                r.category,
                                r.state,
                                r.reporter,
                                r.worker,
                                None::<String>,
                                r.title,
                                r.detail,
                                r.due_at,
                                1,
                                r.at,
                                r.at
                            ])
                            .map_err(told)?;
                    }
                }
                tx.commit().map_err(told)?;
                conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(told)
            }
            Self::Postgres { .. } => {
                let mut copy = format!("COPY repair_tickets ({TICKET}) FROM STDIN;\n").into_bytes();
                for r in rows {
                    let due_at = r.due_at.map_or("\\N".to_owned(), |at| at.to_string());
                    let worker = r.worker.as_deref().unwrap_or("\\N");
                    let detail = r.detail.replace('\\', "\\\\");
                    let Row { id, community, category, state, reporter, title, at, .. } = r;
                    let _ = writeln!(
                        copy,
                        "{id}\t{community}\t{category}\t{state}\t{reporter}\t{worker}\t\\N\t{title}\t{detail}\t{due_at}\t1\t{at}\t{at}"
                    );
                }
                copy.extend_from_slice(b"\\.\n");
                self.feed(&copy)
            }
        }
    }
}

fn open(path: &PathBuf) -> Result<Connection, String> {
    let conn = Connection::open(path).map_err(|e| e.to_string())?;
    // Whoever fills a database for a measurement does not wait for the disk.
    conn.execute_batch("PRAGMA busy_timeout = 5000; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON").map_err(|e| e.to_string())?;
    Ok(conn)
}

struct Row {
    id: String,
    community: String,
    category: &'static str,
    state: &'static str,
    reporter: String,
    worker: Option<String>,
    title: String,
    detail: String,
    due_at: Option<i64>,
    at: i64,
}

/// Who and what the rows are about.
pub(super) struct World {
    pub(super) community: String,
    /// The openids of a resident without a home and of one with a home.
    pub(super) lodger: String,
    pub(super) owner: String,
    lodger_id: String,
    owner_id: String,
    home: String,
    pub(super) workers: [String; 2],
    title: String,
    detail: String,
}

/// How many of all tickets each of the two residents has reported, at any size.
const OWN: usize = 50;
const OPEN: usize = 300;
const LATE: usize = 10;
const STEP_MS: i64 = 1_000;

impl World {
    /// Meets everybody on a server that runs, and has it write one ticket to copy from.
    pub(super) fn meet(server: &Server, store: &Store) -> Result<Self, String> {
        let community = server.community()?;
        let (lodger_token, lodger, lodger_id) = server.resident(None)?;
        let (_, owner, owner_id) = server.resident(None)?;
        let worker = |name: &str| text(&server.call("GET", "/me", Some(&server.staff(name)?), None)?, "/id");
        let made = server.call("POST", "/repair-tickets", Some(&lodger_token), Some(&report(&community)))?;
        let id = text(&made, "/id")?;
        Ok(Self {
            lodger,
            owner,
            lodger_id,
            owner_id,
            home: store.scalar("SELECT id FROM homes ORDER BY id LIMIT 1")?,
            workers: [worker("worker1")?, worker("worker2")?],
            title: text(&made, "/title")?,
            detail: store.scalar(&format!("SELECT detail FROM repair_tickets WHERE id = '{id}'"))?,
            community,
        })
    }

    /// Fills the database of a server that stands still with `n` tickets, half of them of another community.
    pub(super) fn fill(&self, store: &Store, n: usize) -> Result<(), String> {
        let now = now_ms();
        let other = CommunityId::from_parts(now as u64, [9; 10]).text();
        let people: Vec<String> = (0..200_u8).map(|i| PrincipalId::from_parts(now as u64, [i; 10]).text()).collect();
        let mut sql = format!(
            "INSERT INTO communities (id, code, name, version, created_at, updated_at) VALUES ('{other}', 'other', '另一社区', 1, {now}, {now});\n"
        );
        sql += &format!(
            "INSERT INTO repair_categories (community_id, code, name, dispatch, accept_within_s, arrive_within_s, resolve_within_s, \
             calendar, chargeable, photos_required, active, version, updated_at) SELECT '{other}', code, name, dispatch, accept_within_s, arrive_within_s, resolve_within_s, \
             calendar, chargeable, photos_required, active, version, updated_at FROM repair_categories WHERE community_id = '{}';\n",
            self.community
        );
        for person in &people {
            sql += &format!(
                "INSERT INTO principals (id, kind, display_name, disabled_at, version, created_at, updated_at) VALUES ('{person}', 'resident', '居民', NULL, 1, {now}, {now});\n"
            );
        }
        sql += &format!(
            "INSERT INTO home_bindings (id, community_id, home_id, principal_id, relation, state, version, created_at, ended_at) \
             VALUES ('bnd_bench', '{}', '{}', '{}', 'owner', 'active', 1, {now}, NULL);\n",
            self.community, self.home, self.owner_id
        );
        store.script(&sql)?;
        store.insert((0..n).map(|i| self.row(i, n, now, &other, &people)))?;
        // Ten tickets of neighbours touch the owner's home.
        let mut touched = String::new();
        for i in 0..10 {
            let (id, _) = ticket_id(i * (n / 10) + 3, n, now);
            let detail = self.detail.replacen('{', &format!("{{\"affected_homes\":[\"{}\"],", self.home), 1).replace('\'', "\'\'");
            touched += &format!("UPDATE repair_tickets SET detail = '{detail}' WHERE id = '{id}';\n");
            touched += &format!("INSERT INTO repair_ticket_homes (home_id, ticket_id) VALUES ('{}', '{id}');\n", self.home);
        }
        store.script(&touched)?;
        if matches!(store, Store::Postgres { .. }) {
            // What autovacuum would have done long ago.
            store.script("VACUUM ANALYZE;")?;
        }
        Ok(())
    }

    fn row(&self, i: usize, n: usize, now: i64, other: &str, people: &[String]) -> Row {
        let (id, at) = ticket_id(i, n, now);
        let part = |of: usize| (i % (n / of).max(1) == 1) && i / (n / of).max(1) < of;
        let late = part(LATE);
        let open = i + OPEN >= n;
        // A community's tickets, workers and categories do not come in turns.
        let chance = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let state = match (late, open, chance % 3) {
            (true, ..) => "accepted",
            (_, false, _) => "closed",
            (_, _, 0) => "submitted",
            (_, _, 1) => "assigned",
            _ => "accepted",
        };
        let ours = late || i % (n / OWN).max(1) < 4 || chance.is_multiple_of(2);
        let worker = match state {
            "submitted" => None,
            "closed" => Some(people[(chance % 40) as usize].clone()),
            _ => Some(self.workers[(chance / 3 % 2) as usize].clone()),
        };
        let reporter = match i % (n / OWN).max(1) {
            0 => &self.lodger_id,
            2 => &self.owner_id,
            _ => &people[(chance % 200) as usize],
        };
        Row {
            community: if ours { self.community.clone() } else { other.to_owned() },
            category: match chance % 10 {
                _ if late => "lift",
                0..7 => "plumbing",
                7..9 => "electric",
                _ => "public",
            },
            state,
            reporter: reporter.clone(),
            worker,
            title: self.title.clone(),
            detail: self.detail.clone(),
            due_at: match (late, state) {
                (true, _) => Some(now - 3_600_000),
                (_, "closed") => None,
                _ => Some(now + 30 * 86_400_000),
            },
            id,
            at,
        }
    }
}

/// Tickets end an hour ago, a second apart.
fn ticket_id(i: usize, n: usize, now: i64) -> (String, i64) {
    let at = now - 3_600_000 - (n - i) as i64 * STEP_MS;
    let mut random = [7; 10];
    random[2..].copy_from_slice(&(i as u64).to_be_bytes());
    (TicketId::from_parts(at as u64, random).text(), at)
}

pub(super) fn now_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

/// A report as people write them.
pub(super) fn report(community: &str) -> serde_json::Value {
    json!({
        "community_id": community,
        "category": "plumbing",
        "place": "1 号楼 3 单元楼道",
        "title": "楼道水管漏水",
        "description": "三楼楼道的水管从昨晚开始漏水，地面湿滑，老人孩子上下楼不安全，请尽快派师傅来看一下，谢谢。",
    })
}
