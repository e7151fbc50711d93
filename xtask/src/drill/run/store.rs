//! A look behind the server's back: its database, read with other eyes.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::process::Command;

use jiazai_tests::Server;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

pub(super) enum Store {
    Sqlite(PathBuf),
    Postgres(String),
}

/// What a table holds: how many rows, and a hash over all of them.
pub(super) type Hashes = BTreeMap<String, (usize, u64)>;

impl Store {
    pub(super) fn of(server: &Server) -> Self {
        match server.env().iter().find(|(name, _)| name == "DATABASE_URL") {
            Some((_, url)) => url.strip_prefix("sqlite://").map_or_else(|| Self::of_url(url), |path| Self::Sqlite(path.into())),
            None => Self::Sqlite(server.data_dir().join("jiazai.sqlite")),
        }
    }

    pub(super) fn of_url(url: &str) -> Self {
        Self::Postgres(url.to_owned())
    }

    fn open(path: &PathBuf) -> Result<Connection, String> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).map_err(|e| format!("{}: {e}", path.display()))?;
        conn.busy_timeout(std::time::Duration::from_secs(10)).map_err(|e| e.to_string())?;
        Ok(conn)
    }

    fn psql(url: &str, sql: &str) -> Result<String, String> {
        let psql = std::env::var_os("JIAZAI_TEST_PSQL").unwrap_or_else(|| "psql".into());
        // Separators that no value holds.
        let output = Command::new(psql)
            .args([url, "-XqAt", "-v", "ON_ERROR_STOP=1", "-F", "\u{1f}", "-R", "\u{1e}", "-c", sql])
            .output()
            .map_err(|e| format!("psql: {e}"))?;
        if !output.status.success() {
            return Err(format!("psql: {} in {sql}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
    }

    /// All rows, every value as text.
    pub(super) fn rows(&self, sql: &str) -> Result<Vec<Vec<String>>, String> {
        match self {
            Self::Postgres(url) => {
                let said = Self::psql(url, sql)?;
                let records = said.split('\u{1e}').filter(|record| !record.is_empty());
                Ok(records.map(|record| record.split('\u{1f}').map(str::to_owned).collect()).collect())
            }
            Self::Sqlite(path) => {
                let conn = Self::open(path)?;
                let told = |e: rusqlite::Error| format!("{e}: {sql}");
                let mut statement = conn.prepare(sql).map_err(told)?;
                let columns = statement.column_count();
                let mut rows = statement.query([]).map_err(told)?;
                let mut all = Vec::new();
                while let Some(row) = rows.next().map_err(told)? {
                    let values = (0..columns).map(|n| row.get_ref(n).map(text));
                    all.push(values.collect::<Result<_, _>>().map_err(told)?);
                }
                Ok(all)
            }
        }
    }

    pub(super) fn scalar(&self, sql: &str) -> Result<String, String> {
        let rows = self.rows(sql)?;
        rows.into_iter().next().and_then(|row| row.into_iter().next()).ok_or_else(|| format!("no answer to {sql}"))
    }

    pub(super) fn count(&self, sql: &str) -> Result<u64, String> {
        self.scalar(sql)?.parse().map_err(|_| format!("no number: {sql}"))
    }

    pub(super) fn script(&self, sql: &str) -> Result<(), String> {
        match self {
            Self::Postgres(url) => Self::psql(url, sql).map(drop),
            Self::Sqlite(path) => Self::open(path)?.execute_batch(sql).map_err(|e| format!("{e}: {sql}")),
        }
    }

    /// Every table with these columns, or all it has; rows in an order that does not depend on how they are stored.
    pub(super) fn hashes(&self, columns: &BTreeMap<String, Vec<String>>) -> Result<Hashes, String> {
        let mut all = Hashes::new();
        if let Self::Postgres(url) = self {
            // One call: a psql for each table takes longer than all the rest.
            let of = |(table, columns): (&String, &Vec<String>)| {
                let row = format!("SELECT md5(ROW({})::text) AS r FROM {table}", columns.join(", "));
                format!("SELECT '{table}', count(*), left(md5(coalesce(string_agg(r, '' ORDER BY r), '')), 15) FROM ({row}) AS rows")
            };
            let sql: Vec<String> = columns.iter().map(of).collect();
            let rows = Self::of_url(url).rows(&sql.join(" UNION ALL "))?;
            let odd = || format!("an odd hash of {url}");
            for row in rows {
                let hash = u64::from_str_radix(&row[2], 16).map_err(|_| odd())?;
                all.insert(row[0].clone(), (row[1].parse().map_err(|_| odd())?, hash));
            }
            return Ok(all);
        }
        for (table, columns) in columns {
            let mut rows = self.rows(&format!("SELECT {} FROM {table}", columns.join(", ")))?;
            rows.sort_unstable();
            let mut hasher = DefaultHasher::new();
            rows.hash(&mut hasher);
            all.insert(table.clone(), (rows.len(), hasher.finish()));
        }
        Ok(all)
    }

    /// The columns of every table, but for the migrations' own.
    pub(super) fn shape(&self) -> Result<BTreeMap<String, Vec<String>>, String> {
        let sql = match self {
            Self::Postgres(_) => {
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
            }
            Self::Sqlite(_) => {
                "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid"
            }
        };
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.rows(sql)?.into_iter().filter(|row| !row[0].starts_with("__")) {
            all.entry(row[0].clone()).or_default().push(row[1].clone());
        }
        Ok(all)
    }

    /// SQLite's own opinion of its file; PostgreSQL is not asked.
    pub(super) fn integrity(&self) -> Result<String, String> {
        match self {
            Self::Sqlite(_) => self.scalar("PRAGMA integrity_check"),
            Self::Postgres(_) => Ok("ok (not asked of PostgreSQL)".into()),
        }
    }
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(x) => x.to_string(),
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Tables in which the two differ.
pub(super) fn differences(a: &Hashes, b: &Hashes) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let told = |name: &&String| format!("{name} ({:?} and {:?} rows)", a.get(*name).map(|t| t.0), b.get(*name).map(|t| t.0));
    names.iter().filter(|name| a.get(**name) != b.get(**name)).map(told).collect()
}
