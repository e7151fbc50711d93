//! The limit over PostgreSQL: pgbench with the statements that the server sends, prepared, with as many clients.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::machine;
use super::rows::{EVENT, Store, TICKET};
use super::stats::Slice;
use crate::launch;
use crate::services::Addresses;

pub(super) struct Pgbench {
    program: PathBuf,
    url: String,
    folder: PathBuf,
    pub(super) postmaster: u32,
    run: u32,
}

/// What a script needs to know to say what the server says.
pub(super) struct Words<'a> {
    pub(super) community: &'a str,
    pub(super) reporter: &'a str,
}

/// The process whose children serve the connections of a database.
pub(super) fn postmaster(store: &Store) -> Result<u32, String> {
    let data = store.scalar("SHOW data_directory")?;
    let pid = fs::read_to_string(Path::new(&data).join("postmaster.pid")).map_err(|e| format!("{data}: {e}"))?;
    pid.lines().next().and_then(|line| line.trim().parse().ok()).ok_or_else(|| "an odd postmaster.pid".to_owned())
}

impl Pgbench {
    pub(super) fn new(at: &Addresses, url: &str, folder: &Path) -> Result<Self, String> {
        let beside = at.psql.with_file_name("pgbench");
        let program = if beside.is_file() { beside } else { launch::find("pgbench").ok_or("pgbench is not installed")? };
        let postmaster = postmaster(&Store::Postgres { psql: at.psql.clone(), url: url.to_owned() })?;
        fs::create_dir_all(folder).map_err(|e| e.to_string())?;
        Ok(Self { program, url: url.to_owned(), folder: folder.to_owned(), postmaster, run: 0 })
    }

    fn script(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path)
    }

    /// One script for each ticket: pgbench draws numbers, not ids.
    pub(super) fn reads(&self, tickets: &[String]) -> Result<Vec<PathBuf>, String> {
        let one =
            |(i, id): (usize, &String)| self.script(&format!("read{i}.sql"), &format!("{};\n", READ.replace("$1", &format!("'{id}'"))));
        tickets.iter().enumerate().map(one).collect()
    }

    /// The report of a resident who is bound to no home.
    pub(super) fn creation(&self, words: &Words<'_>, store: &Store) -> Result<Vec<PathBuf>, String> {
        let quoted = |text: String| text.replace('\'', "''");
        let one = |column: &str| store.scalar(&format!("SELECT {column} FROM repair_tickets ORDER BY id DESC LIMIT 1")).map(quoted);
        let (title, detail) = (one("title")?, one("detail")?);
        let data = quoted(store.scalar("SELECT data FROM events WHERE type = 'repair_ticket.submitted' LIMIT 1")?);
        let Words { community, reporter } = words;
        let key = "lpad(((:run::bigint * 100 + :client_id::bigint) * 100000000 + :n::bigint)::text, 26, '0')";
        let now = super::rows::now_ms();
        let text = format!(
            "\\set n :n + 1\nBEGIN;\n\
             SELECT id, code, name, version, created_at FROM communities WHERE id = '{community}' LIMIT 1;\n\
             SELECT home_id FROM home_bindings WHERE principal_id = '{reporter}' AND state = 'active' AND ended_at IS NULL;\n\
             SELECT {CATEGORY} FROM repair_categories WHERE community_id = '{community}' AND code = 'plumbing' LIMIT 1;\n\
             INSERT INTO repair_tickets ({TICKET}) VALUES ('tkt_' || {key}, '{community}', 'plumbing', 'submitted', '{reporter}', NULL, NULL, '{title}', '{detail}', {now}, 1, {now}, {now});\n\
             INSERT INTO events ({EVENT}) VALUES ('evt_' || {key}, '{community}', 'repair_ticket.submitted', 'tkt_' || {key}, 1, '{reporter}', '{data}', NULL, NULL, {now}, NULL);\n\
             COMMIT;\n"
        );
        Ok(vec![self.script("create.sql", &text)?])
    }

    pub(super) fn drive(&mut self, scripts: &[PathBuf], clients: usize, seconds: u64) -> Result<Slice, String> {
        self.run += 1;
        let mut command = Command::new(&self.program);
        command.args(["-n", "-M", "prepared", "-j", "2", "-c", &clients.to_string(), "-T", &seconds.to_string()]);
        command.args(["-D", &format!("run={}", self.run), "-D", "n=0"]);
        for script in scripts {
            command.arg("-f").arg(script);
        }
        let (own, servers) = (machine::commands_cpu_s()?, machine::family_cpu_s(self.postmaster)?);
        let output = command.arg(&self.url).output().map_err(|e| format!("pgbench: {e}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok());
        let done = said.lines().find_map(|line| {
            line.strip_prefix("number of transactions actually processed: ")?.split('/').next()?.trim().parse::<f64>().ok()
        });
        let (Some(rate), Some(done), true) = (rate, done, output.status.success()) else {
            return Err(format!("pgbench: {said} {}", String::from_utf8_lossy(&output.stderr)));
        };
        let cpu_s = machine::commands_cpu_s()? - own + machine::family_cpu_s(self.postmaster)? - servers;
        Ok(Slice { done, wall_s: done / rate, cpu_s })
    }
}

const CATEGORY: &str = "community_id, code, name, dispatch, accept_within_s, arrive_within_s, resolve_within_s, calendar, chargeable, photos_required, active, version, updated_at";

const READ: &str = "SELECT t.id, t.community_id, t.category, t.state, t.reporter_id, t.worker_id, t.home_id, t.title, t.detail, t.due_at, t.version, t.created_at, t.updated_at, \
     c.community_id, c.code, c.name, c.dispatch, c.accept_within_s, c.arrive_within_s, c.resolve_within_s, c.calendar, c.chargeable, c.photos_required, c.active, c.version, c.updated_at \
     FROM repair_tickets t INNER JOIN repair_categories c ON c.community_id = t.community_id AND c.code = t.category WHERE t.id = $1 LIMIT 1";
