//! The registry's promises: how fast a community is imported, what its map and its past cost, and that a long file needs no
//! more memory than a short one.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiazai_domain::registry::demo::{Like, generate};
use jiazai_domain::registry::import::Kind;
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};

use super::figures::{Plan, beside, cost, some_tickets};
use super::load::{Load, request};
use super::machine;
use super::report::{Report, Verdict};
use super::server::{Server, is_ours, text};
use super::stats::{Duet, Slice, estimate, median};

/// What is imported, and where: 供电, into a community that is founded for it.
const LIKE: Like = Like::Gongdian;
const CODE: &str = "bench";
/// Rows of the file that an import takes in one transaction; the bare loop commits as often.
const PORTION: usize = 200;
/// So many pairs at most: one takes seconds.
const PAIRS: usize = 7;
/// The same for the long file, which takes minutes.
const LONG_PAIRS: usize = 3;

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A command of the binary, with nothing of ours in its environment but the folder.
fn command(binary: &Path, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars().filter(|(name, _)| is_ours(name)) {
        command.env_remove(name);
    }
    command.env("JIAZAI_DATA_DIR", folder).env("RUST_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn ran(mut command: Command) -> Result<(), String> {
    let status = command.status().map_err(told)?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

fn csv(path: &Path, kind: Kind, rows: impl Iterator<Item = Vec<String>>) -> Result<usize, String> {
    let mut out = std::io::BufWriter::new(fs::File::create(path).map_err(told)?);
    let columns: Vec<&str> = kind.columns().collect();
    writeln!(out, "{}", columns.join(",")).map_err(told)?;
    let mut count = 0;
    for row in rows {
        // The demo's cells hold neither commas nor quotes.
        writeln!(out, "{}", row.join(",")).map_err(told)?;
        count += 1;
    }
    out.flush().map_err(told)?;
    Ok(count)
}

/// A folder with a founded community and nothing in it, and the files that fill it.
struct Template {
    folder: PathBuf,
    files: [(Kind, PathBuf); 2],
    rows: usize,
}

impl Template {
    fn new(plan: &Plan) -> Result<Self, String> {
        let folder = plan.folder("registry-template");
        let server = Server::start(&plan.binary, &folder, &[])?;
        let admin = server.staff("admin")?;
        let founded = server.call("POST", "/communities", Some(&admin), Some(&json!({ "code": CODE, "name": "度量社区" })))?;
        let adopt = format!("/communities/{}/tags/adopt", text(&founded, "/id")?);
        server.call("POST", &adopt, Some(&admin), Some(&json!({ "preset": LIKE.preset().code })))?;
        drop(server);
        let today = "2026-01-01".parse().map_err(|_| "a day")?;
        let demo = generate(LIKE, 1, today);
        let (homes, people) = (plan.folder("homes.csv"), plan.folder("people.csv"));
        let rows = csv(&homes, Kind::Registry, demo.homes().map(|row| row.fields(&[])))?
            + csv(&people, Kind::People, demo.people().map(|row| row.fields(&[])))?;
        Ok(Self { folder, files: [(Kind::Registry, homes), (Kind::People, people)], rows })
    }

    fn database(folder: &Path) -> PathBuf {
        folder.join("jiazai.sqlite")
    }

    /// A copy of the folder to work in.
    fn copy(&self, to: &Path) -> Result<(), String> {
        let _ = fs::remove_dir_all(to);
        fs::create_dir_all(to).map_err(told)?;
        for entry in fs::read_dir(&self.folder).map_err(told)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_file() && !name.starts_with("jiazai.sqlite") && name != "log" {
                fs::copy(entry.path(), to.join(&name)).map_err(told)?;
            }
        }
        copy_database(&Self::database(&self.folder), &Self::database(to))
    }

    fn import(&self, plan: &Plan, folder: &Path) -> Result<Slice, String> {
        self.copy(folder)?;
        let (start, before) = (Instant::now(), machine::commands_cpu_s()?);
        for (kind, file) in &self.files {
            let mut import = command(&plan.binary, folder);
            import.arg("import").arg(file).args(["--kind", kind.as_str(), "--community", CODE]);
            ran(import)?;
        }
        Ok(Slice { done: self.rows as f64, wall_s: start.elapsed().as_secs_f64(), cpu_s: machine::commands_cpu_s()? - before })
    }
}

fn copy_database(from: &Path, to: &Path) -> Result<(), String> {
    let path = to.to_str().ok_or("a path that is not UTF-8")?;
    let _ = fs::remove_file(to);
    Connection::open(from).and_then(|conn| conn.execute("VACUUM INTO ?1", [path])).map(drop).map_err(told)
}

/// What an import writes, in the order in which one row needs another.
const TABLES: &[&str] = &[
    "estates",
    "grids",
    "buildings",
    "homes",
    "home_occupancies",
    "people",
    "household_facts",
    "person_tags",
    "registry_extras",
    "imports",
    "events",
];

/// The rows that an import left behind, ready to be inserted by a loop that does nothing else.
struct Raw {
    tables: Vec<(String, Vec<Vec<Cell>>)>,
    rows: usize,
}

impl Raw {
    /// Those of `after` that `before` does not have.
    fn new(before: &Path, after: &Path) -> Result<Self, String> {
        let (old, new) = (Connection::open(before).map_err(told)?, Connection::open(after).map_err(told)?);
        let mut tables = Vec::new();
        for table in TABLES {
            let last: i64 = old.query_row(&format!("SELECT COALESCE(MAX(rowid), 0) FROM {table}"), [], |row| row.get(0)).map_err(told)?;
            let mut select = new.prepare(&format!("SELECT * FROM {table} WHERE rowid > ?1 ORDER BY rowid")).map_err(told)?;
            let names: Vec<String> = select.column_names().iter().map(|name| (*name).to_owned()).collect();
            let marks = (1..=names.len()).map(|n| format!("?{n}")).collect::<Vec<_>>().join(",");
            let insert = format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(","));
            let cells = |row: &rusqlite::Row<'_>| (0..names.len()).map(|n| row.get(n)).collect::<Result<Vec<Cell>, _>>();
            let rows = select.query_map([last], cells).map_err(told)?.collect::<Result<Vec<_>, _>>().map_err(told)?;
            tables.push((insert, rows));
        }
        let rows = tables.iter().map(|(_, rows)| rows.len()).sum();
        Ok(Self { tables, rows })
    }

    /// Inserts them all into a fresh copy, with as many commits as the import made.
    fn drive(&self, template: &Template, copy: &Path) -> Result<Slice, String> {
        copy_database(&Template::database(&template.folder), copy)?;
        let conn = Connection::open(copy).map_err(told)?;
        conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY")
            .map_err(told)?;
        let portion = (self.rows * PORTION / template.rows).max(1);
        let (start, before) = (Instant::now(), machine::own_cpu_s()?);
        let mut open = 0;
        for (insert, rows) in &self.tables {
            let mut insert = conn.prepare(insert).map_err(told)?;
            for row in rows {
                if open == 0 {
                    conn.execute_batch("BEGIN IMMEDIATE").map_err(told)?;
                }
                insert.execute(rusqlite::params_from_iter(row)).map_err(told)?;
                open += 1;
                if open == portion {
                    conn.execute_batch("COMMIT").map_err(told)?;
                    open = 0;
                }
            }
        }
        if open > 0 {
            conn.execute_batch("COMMIT").map_err(told)?;
        }
        Ok(Slice { done: template.rows as f64, wall_s: start.elapsed().as_secs_f64(), cpu_s: machine::own_cpu_s()? - before })
    }
}

/// How fast a community comes in, against a loop that inserts the same rows and knows them already.
pub(super) fn import(plan: &Plan, out: &mut Report) -> Result<(), String> {
    let template = Template::new(plan)?;
    let (folder, copy) = (plan.folder("registry-import"), plan.folder("registry-raw.sqlite"));
    template.import(plan, &folder)?;
    let raw = Raw::new(&Template::database(&template.folder), &Template::database(&folder))?;
    let duet = Duet::play(plan.pairs.min(PAIRS), || template.import(plan, &folder), || raw.drive(&template, &copy))?;
    let wall = duet.ratio(Slice::per_second);
    let words = format!("{} rows of two files, {} rows of {} tables", template.rows, raw.rows, TABLES.len());
    out.add(
        "import of the 供电 registry / prepared-insert loop over the same tables, wall",
        "≥ 0.30",
        format!("{wall}"),
        Verdict::at_least(wall, 0.3),
        beside(&duet, &words),
    );
    Ok(())
}

/// A server with 供电 in it, its community and somebody who runs it.
fn filled(plan: &Plan) -> Result<(Server, String, String), String> {
    let folder = plan.folder("registry-demo");
    drop(Server::start(&plan.binary, &folder, &[])?);
    let mut load = command(&plan.binary, &folder);
    load.args(["demo-data", "--like", LIKE.as_str()]);
    ran(load)?;
    let server = Server::start(&plan.binary, &folder, &[])?;
    let admin = server.staff("admin")?;
    let all = server.call("GET", "/communities?limit=100", None, None)?;
    let items = all.pointer("/items").and_then(Value::as_array).cloned().unwrap_or_default();
    let place = items.iter().find(|place| place["code"] == LIKE.as_str()).ok_or("the demo's community is not there")?;
    let id = text(place, "/id")?;
    Ok((server, id, admin))
}

/// What the map of a whole community costs, and what a home's past does.
pub(super) fn reads(plan: &Plan, out: &mut Report, (map, as_of): (bool, bool)) -> Result<(), String> {
    let (server, place, admin) = filled(plan)?;
    let path = format!("/communities/{place}/map");
    let shown = server.call("GET", &path, Some(&admin), None)?;
    let buildings = shown.pointer("/buildings").and_then(Value::as_array).cloned().unwrap_or_default();
    let homes: Vec<String> = buildings
        .iter()
        .flat_map(|building| building["homes"].as_array().cloned().unwrap_or_default())
        .map(|home| text(&home, "/id"))
        .collect::<Result<_, _>>()?;
    let load = |requests: &[Vec<u8>]| Load { at: server.at, connections: 4, requests, expect: 200 }.drive(plan.slice, || server.cpu_s());
    if map {
        let tickets = some_tickets(&server, 200)?.reads();
        let whole = [request("GET", &format!("/api/v1{path}"), Some(&admin), None)];
        let duet = plan.duet(|| load(&tickets), || load(&whole))?;
        let ratio = cost(&duet);
        let words = format!("{} homes, {} KiB; CPU of a map / CPU of a ticket read", homes.len(), shown.to_string().len() / 1024);
        out.add(
            "map of the 供电 community / ticket read by its reporter",
            "≤ 20",
            format!("{ratio}"),
            Verdict::at_most(ratio, 20.0),
            beside(&duet, &words),
        );
    }
    if as_of {
        let some: Vec<&String> = homes.iter().step_by(homes.len().div_ceil(500).max(1)).collect();
        let now: Vec<Vec<u8>> = some.iter().map(|id| request("GET", &format!("/api/v1/homes/{id}"), Some(&admin), None)).collect();
        let then: Vec<Vec<u8>> =
            some.iter().map(|id| request("GET", &format!("/api/v1/homes/{id}?as_of=2025-06-01"), Some(&admin), None)).collect();
        let duet = plan.duet(|| load(&now), || load(&then))?;
        let ratio = cost(&duet);
        out.add("home as of a day gone by / as of today", "≤ 1.50", format!("{ratio}"), Verdict::at_most(ratio, 1.5), beside(&duet, ""));
    }
    Ok(())
}

/// The most memory that importing so many homes took, in MiB.
fn peak_of(plan: &Plan, template: &Template, rows: usize) -> Result<(f64, Duration), String> {
    let (folder, file) = (plan.folder("registry-many"), plan.folder("many.csv"));
    template.copy(&folder)?;
    // Two thousand homes a building, as wide as it is high: what is looked up for a portion does not grow with the file.
    let row = |n: usize| {
        let (building, home) = (n / 2000, n % 2000);
        vec![
            format!("样例{}村", building / 50),
            format!("第{}网格", building % 40),
            format!("{}栋", building % 50 + 1),
            format!("{}", home / 100 + 1),
            format!("{}", home % 100 / 4 + 1),
            format!("{}0{}", home % 100 / 4 + 1, home % 4 + 1),
            "80.5".to_owned(),
            "vacant".to_owned(),
            format!("H-{n}"),
        ]
    };
    csv(&file, Kind::Registry, (0..rows).map(row))?;
    let mut import = command(&plan.binary, &folder);
    import.arg("import").arg(&file).args(["--kind", "registry", "--community", CODE]);
    let start = Instant::now();
    let mut child = import.spawn().map_err(told)?;
    let mut peak = 0.0;
    let status = loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        peak = line.trim().trim_end_matches(" kB").parse().map_or(peak, |kib: f64| kib / 1024.0);
        if let Some(status) = child.try_wait().map_err(told)? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if status.success() { Ok((peak, start.elapsed())) } else { Err(format!("the import: {status}")) }
}

/// What a file that is fifty times as long needs more.
pub(super) fn import_memory(plan: &Plan, out: &mut Report) -> Result<(), String> {
    let template = Template::new(plan)?;
    let few = plan.many / 50;
    let (mut short, mut long, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.pairs.min(LONG_PAIRS) {
        short.push(peak_of(plan, &template, few)?.0);
        let (peak, took) = peak_of(plan, &template, plan.many)?;
        long.push(peak);
        rates.push(plan.many as f64 / took.as_secs_f64());
    }
    let ratio = estimate(&long.iter().zip(&short).map(|(long, short)| long / short).collect::<Vec<_>>());
    out.add(
        format!("peak memory of importing {} rows / {few} rows", plan.many),
        "≤ 1.20",
        format!("{ratio}"),
        Verdict::at_most(ratio, 1.2),
        format!("{:.1} and {:.1} MiB; {:.0} rows per second", median(&mut long), median(&mut short), median(&mut rates)),
    );
    Ok(())
}
