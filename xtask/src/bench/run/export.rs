//! A million tickets as one CSV file: memory that does not grow with it, and a rate beside that of a bare loop over the same rows.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::figures::Plan;
use super::load::request;
use super::machine;
use super::report::{Report, Verdict};
use super::rows::{Store, TICKET, World};
use super::server::Server;
use super::stats::{Duet, Slice};

const PAIRS: usize = 2;

pub(super) fn measure(plan: &Plan, out: &mut Report) -> Result<(), String> {
    let folder = plan.folder("export");
    let store = Store::Sqlite(folder.join("jiazai.sqlite"));
    let server = Server::start(&plan.binary, &folder, &[])?;
    let world = World::meet(&server, &store)?;
    drop(server);
    world.fill(&store, plan.many)?;
    let server = Server::start(&plan.binary, &folder, &[])?;
    std::thread::sleep(Duration::from_secs(3));
    let idle = server.pss_mib()?;
    let mut most: f64 = 0.0;
    let mut bytes = 0;
    let duet = Duet::play(
        PAIRS,
        || {
            let taken = take(&server, plan.many)?;
            (most, bytes) = (most.max(taken.most_mib), taken.bytes);
            Ok(taken.slice)
        },
        || raw(&server, plan.many),
    )?;
    let above = most - idle;
    out.add(
        format!("memory (PSS) above idle while {} tickets leave as CSV", plan.many),
        "≤ 64 MiB",
        format!("{above:.1} MiB"),
        Verdict::of(above <= 64.0),
        format!("idle {idle:.1} MiB, at most {most:.1} MiB; {:.0} MiB sent", bytes as f64 / 1048576.0),
    );
    let wall = duet.ratio(Slice::per_second);
    let words = format!(
        "{:.0} and {:.0} rows a second; per CPU-second {:.0} and {:.0}",
        duet.a(Slice::per_second),
        duet.b(Slice::per_second),
        duet.a(Slice::per_cpu_second),
        duet.b(Slice::per_cpu_second)
    );
    out.add(
        "tickets as CSV / raw SQLite loop that reads the same rows, wall",
        "≥ 0.25",
        format!("{wall}"),
        Verdict::at_least(wall, 0.25),
        words,
    );
    Ok(())
}

struct Taken {
    slice: Slice,
    most_mib: f64,
    bytes: u64,
}

/// Takes the file and throws it away, looking at the server's memory now and then.
fn take(server: &Server, at_least: usize) -> Result<Taken, String> {
    let told = |e: std::io::Error| e.to_string();
    // A token is good for longer than a file takes, because it is asked for at the beginning alone.
    let token = server.staff("admin")?;
    let mut stream = TcpStream::connect(server.at).map_err(told)?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(told)?;
    let ask = request("GET", "/api/v1/repair-tickets.csv?reason=benchmark", Some(&token), None);
    let (start, before) = (Instant::now(), server.cpu_s()?);
    stream.write_all(&ask).map_err(told)?;
    let mut buffer = vec![0; 1 << 16];
    let (mut lines, mut bytes, mut most_mib, mut looked) = (0_usize, 0_u64, 0.0_f64, Instant::now());
    let mut tail: Vec<u8> = Vec::new();
    loop {
        let read = stream.read(&mut buffer).map_err(told)?;
        let part = &buffer[..read];
        bytes += read as u64;
        lines += part.iter().filter(|byte| **byte == b'\n').count();
        tail.extend_from_slice(part);
        tail.drain(..tail.len().saturating_sub(5));
        if looked.elapsed() > Duration::from_millis(100) {
            (most_mib, looked) = (most_mib.max(server.pss_mib()?), Instant::now());
        }
        // The last chunk; a connection that breaks off before it is a file that does.
        if tail == b"0\r\n\r\n" {
            break;
        }
        if read == 0 {
            return Err(format!("the file broke off after {lines} lines"));
        }
    }
    if lines < at_least {
        return Err(format!("{lines} lines instead of {at_least} tickets"));
    }
    let slice = Slice { done: at_least as f64, wall_s: start.elapsed().as_secs_f64(), cpu_s: server.cpu_s()? - before };
    Ok(Taken { slice, most_mib: most_mib.max(server.pss_mib()?), bytes })
}

/// The same rows in the same order, every column of each looked at.
fn raw(server: &Server, at_least: usize) -> Result<Slice, String> {
    let told = |e: rusqlite::Error| e.to_string();
    let conn = Connection::open_with_flags(server.database(), OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(told)?;
    let mut select = conn.prepare(&format!("SELECT {TICKET} FROM repair_tickets ORDER BY id DESC")).map_err(told)?;
    let columns = select.column_count();
    let (start, before) = (Instant::now(), machine::own_cpu_s()?);
    let mut rows = select.query([]).map_err(told)?;
    let (mut done, mut weight) = (0_usize, 0_usize);
    while let Some(row) = rows.next().map_err(told)? {
        for column in 0..columns {
            weight += match row.get_ref(column).map_err(told)? {
                rusqlite::types::ValueRef::Text(text) => text.to_vec().len(),
                _ => 1,
            };
        }
        done += 1;
    }
    if done < at_least || weight == 0 {
        return Err(format!("{done} rows instead of {at_least}"));
    }
    Ok(Slice { done: at_least as f64, wall_s: start.elapsed().as_secs_f64(), cpu_s: machine::own_cpu_s()? - before })
}
