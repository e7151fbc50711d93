//! Ten thousand events to twenty endpoints, one of them dead and one slow, against the same without those two: whoever answers is not
//! to notice whoever does not.
//!
//! The partners' servers are threads of this process: they read a delivery, answer 204, and count it by its id.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::figures::{Plan, some_tickets};
use super::load::{Load, request};
use super::report::{Report, Verdict};
use super::rows::report;
use super::server::{Server, text};
use super::stats::{Duet, Slice};

const ENDPOINTS: usize = 20;
const EVENTS: usize = 10_000;
/// So long the slow one takes for each answer.
const SLOW: Duration = Duration::from_secs(5);
/// So many pairs at most: one takes minutes.
const PAIRS: usize = 3;
/// Nothing takes longer than this, or deliveries have stopped.
const PATIENCE: Duration = Duration::from_secs(600);

/// A partner's server.
struct Partner {
    at: SocketAddr,
    /// The ids of what has come.
    seen: Arc<Mutex<HashSet<String>>>,
}

impl Partner {
    fn open(pause: Duration) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
        let at = listener.local_addr().map_err(|e| e.to_string())?;
        let seen = Arc::<Mutex<HashSet<String>>>::default();
        let shared = seen.clone();
        // These threads end with the process: a measurement has no other life.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = shared.clone();
                std::thread::spawn(move || serve(stream, &seen, pause));
            }
        });
        Ok(Self { at, seen })
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Takes deliveries over one connection until it is closed.
fn serve(mut stream: TcpStream, seen: &Mutex<HashSet<String>>, pause: Duration) -> Option<()> {
    let (mut held, mut buffer) = (Vec::new(), [0; 8192]);
    loop {
        let (head, rest) = loop {
            if let Some(at) = held.windows(4).position(|four| four == b"\r\n\r\n") {
                break (String::from_utf8_lossy(&held[..at]).into_owned(), held[at + 4..].to_vec());
            }
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(n) => held.extend_from_slice(&buffer[..n]),
            }
        };
        let field = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
        };
        let length: usize = field("content-length")?.parse().ok()?;
        held = rest;
        while held.len() < length {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(n) => held.extend_from_slice(&buffer[..n]),
            }
        }
        held.drain(..length);
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
        seen.lock().unwrap_or_else(PoisonError::into_inner).insert(field("webhook-id")?);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
    }
}

/// How it went: the deliveries to those who answer, from the first event to the last of them; and how many seconds the last
/// delivery came behind the last event's answer.
struct Fanned {
    slice: Slice,
    behind_s: f64,
}

/// Everything once, on a server and in a folder of its own. `trouble`: two of the endpoints are dead and slow, or they are not there.
fn fan(plan: &Plan, trouble: bool) -> Result<Fanned, String> {
    let folder = plan.folder("fanout");
    let _ = std::fs::remove_dir_all(&folder);
    let server = Server::start(&plan.binary, &folder, &[("JIAZAI_WEBHOOK_ALLOW_LOOPBACK", "1")])?;
    let partners = (0..ENDPOINTS - 2).map(|_| Partner::open(Duration::ZERO)).collect::<Result<Vec<_>, _>>()?;
    let mut places: Vec<SocketAddr> = partners.iter().map(|partner| partner.at).collect();
    if trouble {
        places.push(Partner::open(SLOW)?.at);
        // Bound and let go: nobody listens there.
        places.push(TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(|e| e.to_string())?);
    }
    let (manager, community) = (server.staff("manager")?, server.community()?);
    for at in places {
        let body = json!({ "url": format!("http://{at}/hook"), "events": ["repair_ticket.submitted"], "community_id": community });
        server.call("POST", "/webhooks", Some(&manager), Some(&body))?;
    }
    let ours = some_tickets(&server, 0)?;
    let creation = request("POST", "/api/v1/repair-tickets", Some(ours.token()), Some(&report(&community).to_string()));
    let (start, before) = (Instant::now(), server.cpu_s()?);
    let (created, kept) = Load { at: server.at, connections: 16, requests: &vec![creation; EVENTS], expect: 201 }.each(|| Ok(0.0))?;
    if let Some((status, body)) = kept.iter().find(|(status, _)| *status != 201) {
        return Err(format!("{status}: {}", String::from_utf8_lossy(body)));
    }
    while partners.iter().any(|partner| partner.count() < EVENTS) {
        if start.elapsed() > PATIENCE {
            let counts: Vec<usize> = partners.iter().map(Partner::count).collect();
            return Err(format!("not delivered within {PATIENCE:?}: {counts:?} of {EVENTS}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let wall_s = start.elapsed().as_secs_f64();
    let slice = Slice { done: ((ENDPOINTS - 2) * EVENTS) as f64, wall_s, cpu_s: server.cpu_s()? - before };
    Ok(Fanned { slice, behind_s: wall_s - created.wall_s })
}

pub(super) fn measure(plan: &Plan, out: &mut Report) -> Result<(), String> {
    let mut behind_s = 0.0_f64;
    let alone = || Ok(fan(plan, false)?.slice);
    let beside = || {
        let fanned = fan(plan, true)?;
        behind_s = behind_s.max(fanned.behind_s);
        Ok(fanned.slice)
    };
    let duet = Duet::play(plan.pairs.min(PAIRS), alone, beside)?;
    // The rate alone over the rate beside them is the time beside them over the time alone.
    let ratio = duet.ratio(Slice::per_second);
    let words = format!(
        "{:.1} and {:.1} s until all {} had everything, beside them at most {behind_s:.1} s behind the last event; {:.0} and {:.0} \
         deliveries a second, {:.0} µs of CPU each with the events' own making",
        duet.b(|slice| slice.wall_s),
        duet.a(|slice| slice.wall_s),
        ENDPOINTS - 2,
        duet.b(Slice::per_second),
        duet.a(Slice::per_second),
        1e6 / duet.b(Slice::per_cpu_second),
    );
    let what = "10,000 events to 18 endpoints beside a dead and a slow one / without those, time until all have all";
    out.add(what, "≤ 1.20", format!("{ratio}"), Verdict::at_most(ratio, 1.2), words);
    Ok(())
}

/// What a key costs, beside an access token of somebody with the same rights.
pub(super) fn key_auth(plan: &Plan, out: &mut Report) -> Result<(), String> {
    let server = Server::start(&plan.binary, &plan.folder("key-auth"), &[])?;
    let ours = some_tickets(&server, 200)?;
    let manager = server.staff("manager")?;
    let body = json!({ "name": "bench", "scopes": ["repair:read"], "community_id": server.community()? });
    let key = text(&server.call("POST", "/api-keys", Some(&manager), Some(&body))?, "/key")?;
    let load = |requests: &[Vec<u8>], expect| Load { at: server.at, connections: 8, requests, expect }.drive(plan.slice, || server.cpu_s());
    // A refusal needs no database, so that who calls is most of what it costs: the strictest there is.
    let bare = |token: &str| [request("GET", "/api/v1/repair-tickets?limit=0", Some(token), None)];
    for (what, token, program, expect, target) in [
        ("refusal without database", bare(&manager).to_vec(), bare(&key).to_vec(), 400, "≤ 1.10"),
        ("ticket read", ours.reads_as(&manager), ours.reads_as(&key), 200, ""),
    ] {
        let duet = plan.duet(|| load(&token, expect), || load(&program, expect))?;
        // The token's rate over the key's is the key's cost over the token's.
        let ratio = super::figures::cost(&duet);
        let verdict = if target.is_empty() { Verdict::Told } else { Verdict::at_most(ratio, 1.1) };
        let words = super::figures::beside(&duet, "access token / API key");
        out.add(format!("cost by API key / by access token: {what}"), target, format!("{ratio}"), verdict, words);
    }
    Ok(())
}
