//! PostgreSQL restarted, crashed, its connections cut, and a lock held by somebody else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiazai_tests::{Client, Options, Repair, Server};

use super::Form;
use super::own::Postgres;
use super::sheet::Sheet;
use super::store::Store;
use super::writers::{self, Told};

const HANDS: usize = 6;
/// 3 s for a connection, 3 s for a lock, 5 s for a statement; nobody needs all of them in a row.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn drill(form: Form, sheet: &mut Sheet) -> Result<(), String> {
    let mut postgres = Postgres::start()?;
    let server = Server::start(Options::default().env("DATABASE_URL", &postgres.url("jiazai")).env("RUST_LOG", "warn"));
    let repair = Repair::new(&server);
    let mut all = Told::default();
    let rounds = form.pick(1, 10);

    for _ in 0..rounds {
        for immediately in [false, true] {
            let told = under_load(&repair, || {
                std::thread::sleep(Duration::from_millis(300));
                postgres.stop(immediately);
                std::thread::sleep(Duration::from_millis(700));
                postgres.start_again()
            })?;
            all.add(told);
        }
    }
    said(sheet, "restarted and crashed", rounds * 2, &all);

    let mut cut = Told::default();
    for _ in 0..rounds {
        cut.add(under_load(&repair, || {
            for _ in 0..10 {
                std::thread::sleep(Duration::from_millis(80));
                postgres
                    .sql("postgres", "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'jiazai'")?;
            }
            Ok(())
        })?);
    }
    said(sheet, "connections cut", rounds * 10, &cut);
    all.add(cut);

    // Longer than anybody waits for a lock.
    let mut held = postgres.beside("BEGIN; LOCK TABLE repair_tickets IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(5); COMMIT")?;
    let mut alive = Vec::new();
    let locked = under_load(&repair, || {
        while matches!(held.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(200));
            let start = Instant::now();
            let status = server.anon().plain("GET", "/livez").transmit().status;
            alive.push((status, start.elapsed()));
        }
        Ok(())
    })?;
    said(sheet, "a lock held for 5 s", 1, &locked);
    let slow = alive.iter().map(|(_, took)| *took).max().unwrap_or_default();
    sheet.must("a lock held: /livez goes on", alive.iter().all(|(status, _)| *status == 200), format!("slowest {} ms", slow.as_millis()));
    all.add(locked);
    writers::judge(sheet, &Store::of_url(&postgres.url("jiazai")), &all)
}

/// Writes go on while `what` happens and a little longer; then everything unsure is settled.
fn under_load(repair: &Repair<'_>, what: impl FnOnce() -> Result<(), String>) -> Result<Told, String> {
    let token = repair.reporter.authorization().unwrap_or_default();
    let stop = AtomicBool::new(false);
    let (done, mut told) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| writers::write(repair, &token, HANDS, &stop));
        let done = what();
        std::thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
        (done, writing.join().unwrap_or_default())
    });
    done?;
    writers::settle(repair, &token, &mut told, 5);
    Ok(told)
}

fn said(sheet: &mut Sheet, how: &str, times: usize, told: &Told) {
    sheet.told(format!("PostgreSQL {how}, times"), times);
    sheet.told(format!("PostgreSQL {how}: acknowledged, and 503"), format!("{} and {}", told.acknowledged.len(), told.refused_503));
    sheet.must(
        format!("PostgreSQL {how}: slowest answer, at most {} s", PATIENCE.as_secs()),
        told.slowest <= PATIENCE,
        format!("{} ms", told.slowest.as_millis()),
    );
    sheet.must(format!("PostgreSQL {how}: requests without any answer"), told.no_answer == 0, told.no_answer);
}
