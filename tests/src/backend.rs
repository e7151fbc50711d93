//! Which database and cache a tested server uses, chosen by `JIAZAI_TEST_BACKEND`: `sqlite` (the default) or `postgres`.
//!
//! On `postgres`, `JIAZAI_TEST_POSTGRES_URL` names a server on which we may create databases (they are not dropped: the
//! whole server is temporary) and `JIAZAI_TEST_REDIS_URL` a Redis, of which each tested server gets a logical database.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The variables that make a server use storage of its own; none for SQLite, whose file lies in the data folder.
pub fn fresh_storage() -> Vec<(String, String)> {
    match std::env::var("JIAZAI_TEST_BACKEND").as_deref() {
        Err(_) | Ok("sqlite") => Vec::new(),
        Ok("postgres") => {
            let postgres = create_database();
            vec![("DATABASE_URL".into(), postgres), ("REDIS_URL".into(), empty_redis())]
        }
        Ok(other) => panic!("JIAZAI_TEST_BACKEND={other}: only sqlite and postgres are known"),
    }
}

pub fn is_postgres() -> bool {
    std::env::var("JIAZAI_TEST_BACKEND").is_ok_and(|name| name == "postgres")
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`, or take it from `cargo xtask services`"))
}

fn create_database() -> String {
    let server = setting("JIAZAI_TEST_POSTGRES_URL");
    let name = crate::unique("jiazai_test_");
    let psql = std::env::var_os("JIAZAI_TEST_PSQL").unwrap_or_else(|| "psql".into());
    let made = Command::new(psql).args([&server, "-qc", &format!("CREATE DATABASE {name}")]).output().expect("psql runs");
    assert!(made.status.success(), "CREATE DATABASE: {}", String::from_utf8_lossy(&made.stderr));
    let (base, query) = server.split_once('?').map_or((server.as_str(), None), |(base, query)| (base, Some(query)));
    let (host, _) = base.rsplit_once('/').expect("the URL ends in a database");
    format!("{host}/{name}{}", query.map(|query| format!("?{query}")).unwrap_or_default())
}

/// The URL of a logical Redis database that was just emptied. Servers of one test binary never share one; binaries run
/// after one another, and start at different numbers for the sake of those who start two by hand.
fn empty_redis() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    static TOTAL: OnceLock<usize> = OnceLock::new();
    let url = setting("JIAZAI_TEST_REDIS_URL");
    let place = url.strip_prefix("redis://").expect("a redis:// URL").split('/').next().unwrap_or_default().to_owned();
    let total = *TOTAL.get_or_init(|| {
        let answer = redis(&place, &["CONFIG GET databases"]);
        answer.lines().filter_map(|line| line.trim().parse().ok()).next_back().unwrap_or(16)
    });
    let number = (std::process::id() as usize * 61 + NEXT.fetch_add(1, Ordering::Relaxed)) % total;
    let answer = redis(&place, &[&format!("SELECT {number}"), "FLUSHDB"]);
    assert!(!answer.contains("-ERR"), "Redis: {answer}");
    format!("redis://{place}/{number}")
}

/// Sends inline commands and gives everything that Redis answers.
fn redis(place: &str, commands: &[&str]) -> String {
    let mut stream = TcpStream::connect(place).expect("Redis answers");
    write!(stream, "{}\r\nQUIT\r\n", commands.join("\r\n")).expect("Redis listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("Redis answers in text");
    answer
}
