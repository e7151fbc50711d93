//! The list page at a thousand tickets and at a million: the pile below a page must not cost anything.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::figures::{Plan, cost, items};
use super::load::{Conn, Load, request};
use super::machine;
use super::plot::{self, Line};
use super::postgres::postmaster;
use super::report::{Report, Verdict};
use super::rows::{Store, World};
use super::server::Server;
use super::stats::{Duet, Slice};

/// Who asks, and for what.
const PAGES: &[(&str, Who, &str)] = &[
    ("dispatcher, the community's", Who::Staff("dispatcher"), "community_id={c}"),
    ("dispatcher, no filter", Who::Staff("dispatcher"), ""),
    ("dispatcher, state=submitted", Who::Staff("dispatcher"), "community_id={c}&state=submitted"),
    ("dispatcher, state=closed", Who::Staff("dispatcher"), "community_id={c}&state=closed"),
    ("dispatcher, state=paused (there is none)", Who::Staff("dispatcher"), "community_id={c}&state=paused"),
    ("dispatcher, overdue=true (ten)", Who::Staff("dispatcher"), "community_id={c}&overdue=true"),
    ("dispatcher, category=lift (ten)", Who::Staff("dispatcher"), "community_id={c}&category=lift"),
    ("dispatcher, one worker's accepted", Who::Staff("dispatcher"), "community_id={c}&state=accepted&assignee={w}"),
    ("platform administrator, no filter", Who::Staff("admin"), ""),
    ("resident without a home, own", Who::Lodger, ""),
    ("resident with a home, own and neighbours'", Who::Owner, ""),
    ("worker, own and free to grab", Who::Staff("worker1"), ""),
    ("worker, own", Who::Staff("worker1"), "assignee=me"),
];

#[derive(Clone, Copy)]
enum Who {
    Staff(&'static str),
    Lodger,
    Owner,
}

/// A server with that many tickets.
struct Filled {
    server: Server,
    world: World,
    /// PostgreSQL's first process, when the pages' cost is mostly its children's.
    postmaster: Option<u32>,
}

impl Filled {
    fn new(binary: &Path, folder: &Path, env: &[(&str, &str)], store: &Store, n: usize) -> Result<Self, String> {
        let server = Server::start(binary, folder, env)?;
        let world = World::meet(&server, store)?;
        drop(server);
        let start = Instant::now();
        world.fill(store, n)?;
        println!("({n} tickets put in place in {:.1} s)", start.elapsed().as_secs_f64());
        let postmaster = if matches!(store, Store::Postgres { .. }) { Some(postmaster(store)?) } else { None };
        Ok(Self { server: Server::start(binary, folder, env)?, world, postmaster })
    }

    fn cpu_s(&self) -> Result<f64, String> {
        Ok(self.server.cpu_s()? + self.postmaster.map_or(Ok(0.0), machine::family_cpu_s)?)
    }

    /// The request for a page, with a fresh token.
    fn page(&self, who: Who, query: &str) -> Result<Vec<u8>, String> {
        let token = match who {
            Who::Staff(name) => self.server.staff(name)?,
            Who::Lodger => self.server.resident(Some(&self.world.lodger))?.0,
            Who::Owner => self.server.resident(Some(&self.world.owner))?.0,
        };
        let query = query.replace("{c}", &self.world.community).replace("{w}", &self.world.workers[0]);
        let path = format!("/repair-tickets?{query}");
        let first = self.server.call("GET", &path, Some(&token), None)?;
        let (found, full) = (items(&first), first["next_cursor"].is_string());
        if full && found != 20 {
            return Err(format!("a page of {found} that says there is more"));
        }
        Ok(request("GET", &format!("/api/v1{path}"), Some(&token), None))
    }

    fn found(&self, page: &[u8]) -> Result<usize, String> {
        let mut conn = Conn::open(self.server.at).map_err(|e| e.to_string())?;
        let answer = conn.exchange(page).map_err(|e| e.to_string())?;
        Ok(items(&serde_json::from_slice(answer.body).map_err(|e| e.to_string())?))
    }
}

pub(super) fn sqlite(plan: &Plan, out: &mut Report) -> Result<(), String> {
    let (few, many) = (plan.folder("few"), plan.folder("many"));
    let store = |folder: &PathBuf| Store::Sqlite(folder.join("jiazai.sqlite"));
    let a = Filled::new(&plan.binary, &few, &[], &store(&few), plan.few)?;
    let b = Filled::new(&plan.binary, &many, &[], &store(&many), plan.many)?;
    compare(plan, out, &a, &b, "SQLite")
}

pub(super) fn postgres(plan: &Plan, out: &mut Report, psql: &Path, few: &str, many: &str) -> Result<(), String> {
    let store = |url: &str| Store::Postgres { psql: psql.to_owned(), url: url.to_owned() };
    let a = Filled::new(&plan.binary, &plan.folder("pg-few"), &[("DATABASE_URL", few)], &store(few), plan.few)?;
    let b = Filled::new(&plan.binary, &plan.folder("pg-many"), &[("DATABASE_URL", many)], &store(many), plan.many)?;
    compare(plan, out, &a, &b, "PostgreSQL")
}

/// Beyond this a page is not slightly dearer but another plan, and a few pairs say so as well as many.
const HOPELESS: f64 = 3.0;

fn compare(plan: &Plan, out: &mut Report, few: &Filled, many: &Filled, on: &str) -> Result<(), String> {
    for (name, who, query) in PAGES {
        let (a, b) = ([few.page(*who, query)?], [many.page(*who, query)?]);
        let drive = |filled: &Filled, page: &[Vec<u8>]| {
            Load { at: filled.server.at, connections: 4, requests: page, expect: 200 }.drive(plan.slice, || filled.cpu_s())
        };
        let pages = || (|| drive(few, &a), || drive(many, &b));
        let (one, other) = pages();
        let mut duet = Duet::play(3, one, other)?;
        if cost(&duet).median < HOPELESS {
            let (one, other) = pages();
            duet = plan.duet(one, other)?;
        }
        let ratio = cost(&duet);
        let ms = |per_cpu_second: f64| 1000.0 / per_cpu_second;
        let beside = format!(
            "{:.2} and {:.2} ms of CPU a page; {} and {} tickets on it",
            ms(duet.a(Slice::per_cpu_second)),
            ms(duet.b(Slice::per_cpu_second)),
            few.found(&a[0])?,
            many.found(&b[0])?
        );
        let what = format!("list page {} / {}, {on}: {name}", spoken(plan.many), spoken(plan.few));
        out.add(what, "≤ 1.20", format!("{ratio}"), Verdict::at_most(ratio, 1.2), beside);
    }
    Ok(())
}

/// Which of the pages are drawn, and under which name.
const DRAWN: [(usize, &str); 3] = [(0, "dispatcher, newest"), (5, "dispatcher, overdue"), (10, "resident with a home")];

/// The cost of a page at each power of ten up to the many; gives the picture.
pub(super) fn growth(plan: &Plan, out: &mut Report) -> Result<String, String> {
    let mut lines = DRAWN.map(|(_, name)| Line { name, points: Vec::new() });
    for rows in [1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|rows| *rows <= plan.many) {
        let folder = plan.folder(&format!("growth-{rows}"));
        let filled = Filled::new(&plan.binary, &folder, &[], &Store::Sqlite(folder.join("jiazai.sqlite")), rows)?;
        for ((page, _), line) in DRAWN.iter().zip(&mut lines) {
            let (_, who, query) = PAGES[*page];
            let requests = [filled.page(who, query)?];
            let drive =
                || Load { at: filled.server.at, connections: 4, requests: &requests, expect: 200 }.drive(plan.slice, || filled.cpu_s());
            // Once for warmth.
            drive()?;
            line.points.push((rows, 1000.0 / drive()?.per_cpu_second()));
        }
    }
    for line in &lines {
        let figures: Vec<String> = line.points.iter().map(|(rows, ms)| format!("{rows}: {ms:.3} ms")).collect();
        let what = format!("growth of a page's cost, SQLite: {}", line.name);
        out.add(what, "", figures.join(", "), Verdict::Told, "CPU a page, by the number of tickets".to_owned());
    }
    Ok(plot::svg(&lines))
}

fn spoken(n: usize) -> &'static str {
    match n {
        1_000 => "10³",
        100_000 => "10⁵",
        _ => "10⁶",
    }
}
