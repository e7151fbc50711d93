//! The measurements one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::load::{Load, request};
use super::postgres::{Pgbench, Words, postmaster};
use super::report::{Report, Verdict};
use super::rows::{Store, report};
use super::server::{Server, text};
use super::sqlite::RawLoop;
use super::stats::{Duet, Estimate, Slice, median, quantile};
use super::{enrolment, export, fanout, lists, machine, peer, registry, volunteer};
use crate::{place, services};

const NAMES: &[&str] = &[
    "size",
    "start",
    "read",
    "create",
    "latency",
    "memory",
    "list",
    "growth",
    "import",
    "import-memory",
    "map",
    "as-of",
    "rush",
    "ledger",
    "allocate",
    "enrolment-rush",
    "precheck",
    "fanout",
    "export",
    "key-auth",
    "pg-read",
    "pg-create",
    "pg-list",
    "pg-rush",
    "peer",
];

/// What was asked for, and how thoroughly.
pub(super) struct Plan {
    names: Vec<String>,
    full: bool,
    pub(super) pairs: usize,
    pub(super) slice: Duration,
    pub(super) few: usize,
    pub(super) many: usize,
    latency: Duration,
    pub(super) binary: PathBuf,
    /// Removed at the end. Below the target folder: that is the disk that the code lives on, not one of memory.
    pub(super) scratch: PathBuf,
}

impl Plan {
    fn parse(words: &[&str]) -> Result<Self, String> {
        let (mut quick, mut million) = (false, false);
        let mut names = Vec::new();
        for &word in words {
            match word {
                "--quick" => quick = true,
                "--million" => million = true,
                name if NAMES.contains(&name) => names.push(name.to_owned()),
                other => return Err(format!("no benchmark is called {other}; there are {}", NAMES.join(", "))),
            }
        }
        let (pairs, slice, latency) = if quick { (5, 500, 5) } else { (15, 1500, 30) };
        let many = if quick && !million { 100_000 } else { 1_000_000 };
        Ok(Self {
            full: names.is_empty() && !quick,
            names,
            pairs,
            slice: Duration::from_millis(slice),
            few: 1000,
            many,
            latency: Duration::from_secs(latency),
            binary: place::target().join("release/jiazai"),
            // Several may run at once.
            scratch: scratches().join(std::process::id().to_string()),
        })
    }

    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }

    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    pub(super) fn duet(&self, a: impl FnMut() -> Result<Slice, String>, b: impl FnMut() -> Result<Slice, String>) -> Result<Duet, String> {
        Duet::play(self.pairs, a, b)
    }
}

/// Where each run has a folder, called by its process.
fn scratches() -> PathBuf {
    place::target().join("bench")
}

/// Removes what runs have left that were ended before they could.
fn clear_after_the_dead() {
    for folder in fs::read_dir(scratches()).into_iter().flatten().flatten() {
        if !Path::new("/proc").join(folder.file_name()).exists() {
            let _ = fs::remove_dir_all(folder.path());
        }
    }
}

/// Runs it all, or what was named; true if no target was missed.
pub(crate) fn run(words: &[&str]) -> Result<bool, String> {
    let plan = Plan::parse(words)?;
    let built = place::cargo(&["build", "--release", "-p", "jiazai"]).status().map_err(|e| format!("cargo: {e}"))?;
    if !built.success() {
        return Err("the server does not build".into());
    }
    clear_after_the_dead();
    let _ = fs::remove_dir_all(&plan.scratch);
    let mut out = Report::default();
    let outcome = measure(&plan, &mut out);
    let _ = fs::remove_dir_all(&plan.scratch);
    services::stop();
    outcome?;
    println!("\n{}\n\n{}", machine::describe(), out.table());
    if plan.full {
        out.write()?;
    }
    Ok(out.good())
}

fn measure(plan: &Plan, out: &mut Report) -> Result<(), String> {
    if plan.wants("size") {
        let mib = fs::metadata(&plan.binary).map_err(|e| e.to_string())?.len() as f64 / 1024.0 / 1024.0;
        out.add("release binary", "≤ 35 MiB", format!("{mib:.1} MiB"), Verdict::of(mib <= 35.0), String::new());
    }
    if plan.wants("start") {
        start(plan, out)?;
    }
    if plan.wants("memory") {
        memory(plan, out)?;
    }
    if plan.wants("read") || plan.wants("create") || plan.wants("latency") {
        let server = Server::start(&plan.binary, &plan.folder("sqlite"), &[])?;
        if plan.wants("read") {
            read(plan, out, &server)?;
        }
        // Before a hundred thousand tickets are created: their events are placed and told for a while afterwards.
        if plan.wants("latency") {
            latency(plan, out, &server, "SQLite")?;
        }
        if plan.wants("create") {
            create(plan, out, &server)?;
        }
    }
    if plan.wants("list") {
        lists::sqlite(plan, out)?;
    }
    if plan.wants("growth") {
        let picture = lists::growth(plan, out)?;
        // Less than a million is a try, and no picture to keep.
        if plan.many == 1_000_000 {
            let path = place::root().join("docs/pictures/growth.svg");
            fs::write(&path, picture).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    if plan.wants("import") {
        registry::import(plan, out)?;
    }
    if plan.wants("import-memory") {
        registry::import_memory(plan, out)?;
    }
    if plan.wants("map") || plan.wants("as-of") {
        registry::reads(plan, out, (plan.wants("map"), plan.wants("as-of")))?;
    }
    if plan.wants("rush") {
        let server = Server::start(&plan.binary, &plan.folder("rush"), &[])?;
        volunteer::rush(plan, out, &server, || server.cpu_s(), "SQLite")?;
    }
    if plan.wants("ledger") {
        volunteer::ledger(plan, out)?;
    }
    if plan.wants("allocate") {
        enrolment::allocate(out)?;
    }
    if plan.wants("enrolment-rush") {
        enrolment::rush(plan, out)?;
    }
    if plan.wants("precheck") {
        enrolment::precheck(plan, out)?;
    }
    if plan.wants("fanout") {
        fanout::measure(plan, out)?;
    }
    if plan.wants("export") {
        export::measure(plan, out)?;
    }
    if plan.wants("key-auth") {
        fanout::key_auth(plan, out)?;
    }
    if ["pg-read", "pg-create", "pg-list", "pg-rush", "peer"].iter().any(|name| plan.wants(name)) {
        let at = services::start()?;
        postgres(plan, out, &at)?;
        if plan.wants("peer") {
            peer::measure(plan, out, &at)?;
        }
    }
    Ok(())
}

fn start(plan: &Plan, out: &mut Report) -> Result<(), String> {
    let folder = plan.folder("start");
    let mut times = Vec::new();
    let first = Server::start(&plan.binary, &folder, &[])?.took;
    for _ in 0..10 {
        times.push(Server::start(&plan.binary, &folder, &[])?.took.as_secs_f64() * 1000.0);
    }
    let middle = median(&mut times);
    let beside = format!("{:.0} to {:.0} ms; on an empty folder {:.0} ms", times[0], times[9], first.as_secs_f64() * 1000.0);
    out.add(
        "start to first 200 of /readyz, existing database, median of 10",
        "≤ 150 ms",
        format!("{middle:.0} ms"),
        Verdict::of(middle <= 150.0),
        beside,
    );
    Ok(())
}

/// A little of everything that people do, to see what it leaves behind in memory.
fn memory(plan: &Plan, out: &mut Report) -> Result<(), String> {
    let folder = plan.folder("memory");
    drop(Server::start(&plan.binary, &folder, &[])?);
    let server = Server::start(&plan.binary, &folder, &[])?;
    std::thread::sleep(Duration::from_secs(3));
    let idle = server.pss_mib()?;
    out.add(
        "memory (PSS) idle, the WeChat simulator included",
        "≤ 30 MiB",
        format!("{idle:.1} MiB"),
        Verdict::of(idle <= 30.0),
        String::new(),
    );
    let ours = some_tickets(&server, 200)?;
    let cpu = || server.cpu_s();
    let create = [creation(&ours)];
    Load { at: server.at, connections: 64, requests: &create, expect: 201 }.drive(plan.slice * 4, cpu)?;
    Load { at: server.at, connections: 64, requests: &ours.reads(), expect: 200 }.drive(plan.slice * 4, cpu)?;
    for _ in 0..5 {
        server.staff("dispatcher")?;
    }
    let busy = server.pss_mib()?;
    std::thread::sleep(Duration::from_secs(15));
    let after = server.pss_mib()?;
    let beside = format!("{busy:.1} MiB right after 64 connections created and read tickets and five people typed passwords");
    out.add("memory (PSS) 15 s after load", "", format!("{after:.1} MiB"), Verdict::Told, beside);
    Ok(())
}

/// A resident, and tickets that they have reported.
pub(super) struct Tickets {
    token: String,
    reporter: String,
    community: String,
    ids: Vec<String>,
}

impl Tickets {
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn reads(&self) -> Vec<Vec<u8>> {
        self.reads_as(&self.token)
    }

    pub(super) fn reads_as(&self, token: &str) -> Vec<Vec<u8>> {
        self.ids.iter().map(|id| request("GET", &format!("/api/v1/repair-tickets/{id}"), Some(token), None)).collect()
    }
}

pub(super) fn some_tickets(server: &Server, n: usize) -> Result<Tickets, String> {
    let (token, _, reporter) = server.resident(None)?;
    let community = server.community()?;
    let body = report(&community);
    let one = |_| text(&server.call("POST", "/repair-tickets", Some(&token), Some(&body))?, "/id");
    let ids = (0..n).map(one).collect::<Result<_, _>>()?;
    Ok(Tickets { token, reporter, community, ids })
}

fn creation(ours: &Tickets) -> Vec<u8> {
    request("POST", "/api/v1/repair-tickets", Some(&ours.token), Some(&report(&ours.community).to_string()))
}

/// An authenticated request that no database is asked for: the path, its status, and what it is.
fn without_database(server: &Server, token: &str) -> Result<(&'static str, u16, &'static str), String> {
    let session = "/api/v1/auth/session";
    if server.status(session, token)? == 200 {
        return Ok((session, 200, "GET /auth/session"));
    }
    Ok(("/api/v1/repair-tickets?limit=0", 400, "a refusal (400 query_invalid), which costs a problem document"))
}

fn read(plan: &Plan, out: &mut Report, server: &Server) -> Result<(), String> {
    let ours = some_tickets(server, 1000)?;
    let (path, expect, words) = without_database(server, &ours.token)?;
    let (reads, bare) = (ours.reads(), [request("GET", path, Some(&ours.token), None)]);
    let staff = ours.reads_as(&server.staff("dispatcher")?);
    let alive = [request("GET", "/livez", None, None)];
    let load = |requests: &[Vec<u8>], expect| Load { at: server.at, connections: 8, requests, expect }.drive(plan.slice, || server.cpu_s());

    let same = plan.duet(|| load(&reads, 200), || load(&reads, 200))?;
    let (cpu, wall) = (same.ratio(Slice::per_cpu_second), same.ratio(Slice::per_second));
    out.add("A/A: the same ticket read twice", "1.00", format!("{cpu}"), Verdict::Told, format!("wall {wall}"));

    let duet = plan.duet(|| load(&reads, 200), || load(&bare, expect))?;
    let cpu = duet.ratio(Slice::per_cpu_second);
    out.add(
        "ticket read by its reporter / handler without database, SQLite",
        "≥ 0.50",
        format!("{cpu}"),
        Verdict::at_least(cpu, 0.5),
        beside(&duet, words),
    );
    let duet = plan.duet(|| load(&staff, 200), || load(&bare, expect))?;
    let cpu = duet.ratio(Slice::per_cpu_second);
    out.add("ticket read by a dispatcher (with contact) / the same", "", format!("{cpu}"), Verdict::Told, beside(&duet, ""));
    let duet = plan.duet(|| load(&bare, expect), || load(&alive, 200))?;
    let cpu = duet.ratio(Slice::per_cpu_second);
    out.add("handler without database / GET /livez without identity", "", format!("{cpu}"), Verdict::Told, beside(&duet, ""));
    Ok(())
}

/// Both rates, by processor time and by the clock.
pub(super) fn beside(duet: &Duet, words: &str) -> String {
    let (cpu, wall) = (Slice::per_cpu_second, Slice::per_second);
    let rates = format!(
        "per CPU-second {:.0} / {:.0}; wall {:.0} / {:.0} per second, ratio {}",
        duet.a(cpu),
        duet.b(cpu),
        duet.a(wall),
        duet.b(wall),
        duet.ratio(wall)
    );
    if words.is_empty() { rates } else { format!("{rates}; {words}") }
}

/// Connections that create at once: enough for a commit to find company.
const WRITERS: usize = 64;

fn create(plan: &Plan, out: &mut Report, server: &Server) -> Result<(), String> {
    let ours = some_tickets(server, 10)?;
    let mut raw = RawLoop::new(&server.database(), &plan.folder("raw.sqlite"))?;
    let requests = [creation(&ours)];
    let cpu = || server.cpu_s();
    let duet = plan.duet(
        || Load { at: server.at, connections: WRITERS, requests: &requests, expect: 201 }.drive(plan.slice, cpu),
        || raw.drive(plan.slice),
    )?;
    let wall = duet.ratio(Slice::per_second);
    let words = format!("{WRITERS} connections");
    out.add(
        "durable ticket creation / raw SQLite loop, one commit each",
        "≥ 2.00",
        format!("{wall}"),
        Verdict::at_least(wall, 2.0),
        beside(&duet, &words),
    );
    let duet = plan.duet(
        || Load { at: server.at, connections: 1, requests: &requests, expect: 201 }.drive(plan.slice, cpu),
        || raw.drive(plan.slice),
    )?;
    out.add("the same over a single connection", "", format!("{}", duet.ratio(Slice::per_second)), Verdict::Told, beside(&duet, ""));
    Ok(())
}

fn latency(plan: &Plan, out: &mut Report, server: &Server, on: &str) -> Result<(), String> {
    let ours = some_tickets(server, 200)?;
    // Their events are placed and told meanwhile.
    std::thread::sleep(Duration::from_secs(5));
    let list = request("GET", &format!("/api/v1/repair-tickets?community_id={}", ours.community), Some(&server.staff("dispatcher")?), None);
    let alive = request("GET", "/livez", None, None);
    let reads = ours.reads();
    for (name, requests, expect) in [
        ("GET /livez, the floor of the method", vec![alive], 200),
        ("ticket read", reads, 200),
        ("list page", vec![list], 200),
        ("ticket creation", vec![creation(&ours)], 201),
    ] {
        let sorted = Load { at: server.at, connections: 8, requests: &requests, expect }.pace(300.0, plan.latency)?;
        let figure = format!("{:.2} / {:.2} ms", quantile(&sorted, 0.5), quantile(&sorted, 0.99));
        let verdict = if name == "ticket read" { Verdict::of(quantile(&sorted, 0.99) <= 3.0) } else { Verdict::Told };
        let target = if name == "ticket read" { "p99 ≤ 3 ms" } else { "" };
        let beside = format!(
            "{} requests, longest {:.1} ms; from the appointed instant, the caller's wake-up included",
            sorted.len(),
            sorted.last().unwrap_or(&0.0)
        );
        out.add(format!("p50 / p99 at 300 per second, {on}: {name}"), target, figure, verdict, beside);
    }
    Ok(())
}

const CLIENTS: usize = 16;

fn postgres(plan: &Plan, out: &mut Report, at: &services::Addresses) -> Result<(), String> {
    let url = |name: &str| at.postgres_url.rsplit_once('/').map_or_else(String::new, |(server, _)| format!("{server}/{name}"));
    let admin = Store::Postgres { psql: at.psql.clone(), url: at.postgres_url.clone() };
    for name in ["alone", "shared", "few", "many", "rush"] {
        admin.script(&format!("CREATE DATABASE {name};"))?;
    }
    if plan.wants("pg-read") || plan.wants("pg-create") {
        let (alone, shared) = (url("alone"), url("shared"));
        against_pgbench(plan, out, at, &alone, &[("DATABASE_URL", &alone)], "PostgreSQL")?;
        let env: &[(&str, &str)] = &[("DATABASE_URL", &shared), ("REDIS_URL", &at.redis_url)];
        against_pgbench(plan, out, at, &shared, env, "PostgreSQL + Redis")?;
    }
    if plan.wants("pg-list") {
        lists::postgres(plan, out, &at.psql, &url("few"), &url("many"))?;
    }
    if plan.wants("pg-rush") {
        let url = url("rush");
        let server = Server::start(&plan.binary, &plan.folder("pg-rush"), &[("DATABASE_URL", &url), ("REDIS_URL", &at.redis_url)])?;
        let postmaster = postmaster(&admin)?;
        let cpu = || Ok(server.cpu_s()? + machine::family_cpu_s(postmaster)?);
        volunteer::rush(plan, out, &server, cpu, "PostgreSQL")?;
    }
    Ok(())
}

fn against_pgbench(
    plan: &Plan,
    out: &mut Report,
    at: &services::Addresses,
    url: &str,
    env: &[(&str, &str)],
    on: &str,
) -> Result<(), String> {
    let server = Server::start(&plan.binary, &plan.folder(&format!("pg-{}", env.len())), env)?;
    let ours = some_tickets(&server, 200)?;
    let store = Store::Postgres { psql: at.psql.clone(), url: url.to_owned() };
    let mut pgbench = Pgbench::new(at, url, &plan.folder("pgbench"))?;
    let postmaster = pgbench.postmaster;
    // Longer than elsewhere: pgbench connects and prepares anew for each slice.
    let seconds = 2 * plan.slice.as_secs().max(1);
    // On both sides everything that works for the caller: server or pgbench, and PostgreSQL.
    let cpu = || Ok(server.cpu_s()? + machine::family_cpu_s(postmaster)?);
    let load = |requests: &[Vec<u8>], expect| {
        Load { at: server.at, connections: CLIENTS, requests, expect }.drive(Duration::from_secs(seconds), cpu)
    };
    let words = format!("{CLIENTS} clients on both sides; CPU of PostgreSQL included");
    if plan.wants("pg-read") {
        let scripts = pgbench.reads(&ours.ids[..4])?;
        let reads = ours.reads();
        let duet = plan.duet(|| load(&reads, 200), || pgbench.drive(&scripts, CLIENTS, seconds))?;
        out.add(
            format!("ticket read over {on} / pgbench, wall"),
            "",
            format!("{}", duet.ratio(Slice::per_second)),
            Verdict::Told,
            beside(&duet, &words),
        );
    }
    if plan.wants("pg-create") {
        let scripts = pgbench.creation(&Words { community: &ours.community, reporter: &ours.reporter }, &store)?;
        let requests = [creation(&ours)];
        let duet = plan.duet(|| load(&requests, 201), || pgbench.drive(&scripts, CLIENTS, seconds))?;
        let wall = duet.ratio(Slice::per_second);
        let (target, verdict) = if env.len() == 1 { ("≥ 0.50", Verdict::at_least(wall, 0.5)) } else { ("", Verdict::Told) };
        out.add(format!("ticket creation over {on} / pgbench, wall"), target, format!("{wall}"), verdict, beside(&duet, &words));
    }
    Ok(())
}

/// The rates of a duet as one estimate, for those who compare costs.
pub(super) fn cost(duet: &Duet) -> Estimate {
    duet.ratio(Slice::per_cpu_second)
}

pub(super) fn items(page: &Value) -> usize {
    page.pointer("/items").and_then(Value::as_array).map_or(0, Vec::len)
}
