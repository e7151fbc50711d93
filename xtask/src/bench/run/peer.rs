//! A yardstick: the same operations on the same tables in another stack, `xtask/peer` (Fastify with better-sqlite3 and pg), written as
//! well as that stack lets us, but without what a real server owes its callers besides. Its head says what it leaves out, so these
//! ratios flatter the peer.

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::figures::{Plan, beside, cost};
use super::load::{Conn, Load, request};
use super::machine;
use super::postgres::postmaster;
use super::report::{Report, Verdict};
use super::rows::{Store, World, report};
use super::server::{Server, exchange, free_address, text};
use crate::{launch, place, services};

/// Connections of those who read, and of those who write.
const READERS: usize = 8;
const WRITERS: usize = 64;

/// What is promised, by processor time: reads, pages and creations of ours for one of the peer's.
struct Promise {
    read: f64,
    page: f64,
    create: f64,
}

struct Peer {
    child: Child,
    at: SocketAddr,
}

impl Peer {
    /// Installs what its lock file names, where that has not been done.
    fn ready() -> Result<std::path::PathBuf, String> {
        for program in ["node", "npm"] {
            if launch::find(program).is_none() {
                return Err(format!("{program} is missing"));
            }
        }
        let folder = place::target().join("peer");
        fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        for name in ["package.json", "package-lock.json", "server.mjs"] {
            fs::copy(place::root().join("xtask/peer").join(name), folder.join(name)).map_err(|e| format!("{name}: {e}"))?;
        }
        let words = ["install", "--no-save", "--no-fund", "--no-audit"];
        let installed = Command::new("npm").args(words).current_dir(&folder).stdout(Stdio::null()).status();
        if installed.is_ok_and(|status| status.success()) { Ok(folder) } else { Err("npm could not install the peer".into()) }
    }

    fn start(folder: &std::path::Path, database: &str, workers: usize) -> Result<Self, String> {
        let at = free_address()?;
        let mut command = Command::new("node");
        command.arg("server.mjs").current_dir(folder).env("NODE_ENV", "production");
        command.env("PEER_DATABASE", database).env("PEER_LISTEN", at.port().to_string()).env("PEER_WORKERS", workers.to_string());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(|e| format!("node: {e}"))?;
        let peer = Self { child, at };
        let (alive, patience) = (request("GET", "/livez", None, None), Instant::now() + Duration::from_secs(30));
        while !matches!(Conn::open(at).and_then(|mut conn| Ok(conn.exchange(&alive)?.status)), Ok(200)) {
            if Instant::now() > patience {
                return Err("the peer did not start".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(peer)
    }

    fn token(&self, who: &str, communities: &[&str]) -> Result<String, String> {
        let body = json!({ "sub": who, "communities": communities }).to_string();
        text(&exchange(self.at, &request("POST", "/login", None, Some(&body)))?, "/token")
    }

    /// Its own and its workers'.
    fn cpu_s(&self) -> Result<f64, String> {
        machine::family_cpu_s(self.child.id())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// Both on the same rows: two databases of the same kind, made from one.
struct Both {
    ours: Server,
    peer: Peer,
    world: World,
    /// PostgreSQL works for whoever is measured.
    postmaster: Option<u32>,
}

impl Both {
    fn besides(&self) -> Result<f64, String> {
        self.postmaster.map_or(Ok(0.0), machine::family_cpu_s)
    }

    /// A request of ours and the same of the peer's, in turns.
    fn compare(
        &self,
        plan: &Plan,
        out: &mut Report,
        (what, target): (String, f64),
        (a, b): (&[Vec<u8>], &[Vec<u8>]),
        (connections, expect): (usize, u16),
    ) -> Result<(), String> {
        let duet = plan.duet(
            || Load { at: self.ours.at, connections, requests: a, expect }.drive(plan.slice, || Ok(self.ours.cpu_s()? + self.besides()?)),
            || Load { at: self.peer.at, connections, requests: b, expect }.drive(plan.slice, || Ok(self.peer.cpu_s()? + self.besides()?)),
        )?;
        let ratio = cost(&duet);
        out.add(what, &format!("≥ {target:.2}"), format!("{ratio}"), Verdict::at_least(ratio, target), beside(&duet, ""));
        Ok(())
    }

    fn measure(&self, plan: &Plan, out: &mut Report, on: &str, promise: &Promise) -> Result<(), String> {
        let place = &self.world.community;
        let (ours, _, id) = self.ours.resident(Some(&self.world.lodger))?;
        let theirs = self.peer.token(&id, &[])?;
        let own = self.ours.call("GET", "/repair-tickets?limit=50", Some(&ours), None)?;
        let ids: Vec<&str> = own["items"].as_array().into_iter().flatten().filter_map(|ticket| ticket["id"].as_str()).collect();
        let get = |token: &str| -> Vec<Vec<u8>> {
            ids.iter().map(|id| request("GET", &format!("/api/v1/repair-tickets/{id}"), Some(token), None)).collect()
        };
        self.compare(plan, out, (format!("ticket read, {on}: ours / peer"), promise.read), (&get(&ours), &get(&theirs)), (READERS, 200))?;

        let path = format!("/api/v1/repair-tickets?community_id={place}");
        let page = |token: &str| vec![request("GET", &path, Some(token), None)];
        let (dispatcher, other) = (page(&self.ours.staff("dispatcher")?), page(&self.peer.token(&id, &[place])?));
        self.same(&dispatcher[0], &other[0])?;
        let what = format!("list page of 20, {on}: ours / peer");
        self.compare(plan, out, (what, promise.page), (&dispatcher, &other), (READERS, 200))?;

        let body = report(place).to_string();
        let post = |token: &str| vec![request("POST", "/api/v1/repair-tickets", Some(token), Some(&body))];
        let what = format!("durable ticket creation, {on}: ours / peer");
        self.compare(plan, out, (what, promise.create), (&post(&ours), &post(&theirs)), (WRITERS, 201))
    }

    /// A comparison of pages that hold different tickets would be none.
    fn same(&self, ours: &[u8], theirs: &[u8]) -> Result<(), String> {
        let ids = |page: Value| -> Vec<String> {
            page["items"].as_array().into_iter().flatten().map(|ticket| ticket["id"].to_string()).collect()
        };
        let (a, b) = (ids(exchange(self.ours.at, ours)?), ids(exchange(self.peer.at, theirs)?));
        if a.len() == 20 && a == b { Ok(()) } else { Err(format!("the pages differ: {a:?} and {b:?}")) }
    }
}

pub(super) fn measure(plan: &Plan, out: &mut Report, at: &services::Addresses) -> Result<(), String> {
    let folder = match Peer::ready() {
        Ok(folder) => folder,
        Err(why) => {
            out.add("the peer in another stack", "", "not measured".into(), Verdict::Told, why);
            return Ok(());
        }
    };
    let home = plan.folder("peer");
    let store = Store::Sqlite(home.join("jiazai.sqlite"));
    let world = filled(plan, &[], &home, &store)?;
    let copy = home.join("peer.sqlite");
    let copied = copy.to_str().ok_or("a path that is not UTF-8")?.to_owned();
    store.script(&format!("VACUUM INTO '{copied}';"))?;
    let both = Both {
        ours: Server::start(&plan.binary, &home, &[])?,
        peer: Peer::start(&folder, &format!("sqlite:{copied}"), 1)?,
        world,
        postmaster: None,
    };
    both.measure(plan, out, "SQLite", &Promise { read: 3.0, page: 5.0, create: 5.0 })?;
    drop(both);

    let url = |name: &str| at.postgres_url.rsplit_once('/').map_or_else(String::new, |(server, _)| format!("{server}/{name}"));
    let admin = Store::Postgres { psql: at.psql.clone(), url: at.postgres_url.clone() };
    admin.script("CREATE DATABASE yard;")?;
    let (yard, stick) = (url("yard"), url("stick"));
    let store = Store::Postgres { psql: at.psql.clone(), url: yard.clone() };
    let home = plan.folder("pg-peer");
    let world = filled(plan, &[("DATABASE_URL", &yard)], &home, &store)?;
    admin.script("CREATE DATABASE stick TEMPLATE yard;")?;
    let both = Both {
        ours: Server::start(&plan.binary, &home, &[("DATABASE_URL", &yard)])?,
        // One for each core, as such servers are run.
        peer: Peer::start(&folder, &stick, 2)?,
        world,
        postmaster: Some(postmaster(&admin)?),
    };
    both.measure(plan, out, "PostgreSQL", &Promise { read: 2.5, page: 3.5, create: 2.0 })
}

/// A stopped server's database with tickets in it.
fn filled(plan: &Plan, env: &[(&str, &str)], home: &std::path::Path, store: &Store) -> Result<World, String> {
    let server = Server::start(&plan.binary, home, env)?;
    let world = World::meet(&server, store)?;
    drop(server);
    world.fill(store, 10 * plan.few)?;
    Ok(world)
}
