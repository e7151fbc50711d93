//! A day of mixed load by the simulator's clock; at its end the process takes no more memory than it took in the morning.

use std::time::Instant;

use jiazai_tests::{Client, Options, PICTURE, Repair, Server, at_once};

use super::Form;
use super::sheet::Sheet;
use crate::tools::pss_mib;

/// How much the last quarter's most may lie above the first half's; a leak of a few kilobytes a request would be more by evening.
const MORE_MIB: f64 = 6.0;

pub(super) fn drill(form: Form, sheet: &mut Sheet) -> Result<(), String> {
    let server = Server::start(Options::default().env("RUST_LOG", "warn"));
    // Short: an hour in steps of five minutes. Long: a day in steps of a quarter of an hour.
    let (steps, step_s, rounds) = form.pick((12, 300, 1), (96, 900, 12));
    let mut memory = Vec::new();
    let (mut calls, start) = (0, Instant::now());
    for _ in 0..steps {
        calls += a_while(&server, rounds);
        server.sim().advance(step_s);
        memory.push(pss_mib(server.pid())?);
    }
    let most = |of: &[f64]| of.iter().copied().fold(0.0, f64::max);
    let (morning, evening) = (most(&memory[..steps / 2]), most(&memory[steps - steps / 4..]));
    let series: Vec<String> = memory.iter().map(|mib| format!("{mib:.0}")).collect();
    sheet.told("memory (PSS) after each step, MiB", series.join(" "));
    sheet.told("time gone by on the clock", format!("{} h in {:.0} s", steps as u64 * step_s / 3600, start.elapsed().as_secs_f64()));
    sheet.told("requests, about", calls);
    sheet.must(
        format!("most memory in the first half and in the last quarter, at most {MORE_MIB} MiB more"),
        evening <= morning + MORE_MIB,
        format!("{morning:.1} and {evening:.1} MiB"),
    );
    let metrics = server.anon().plain("GET", "/metrics").transmit().text();
    let errors: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("jiazai_http_requests_total") && line.contains("status=\"5")).collect();
    sheet.must("answers of 5xx", errors.is_empty(), if errors.is_empty() { "none".to_owned() } else { errors.join(" ") });
    let failed: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("jiazai_job_runs_total") && line.contains("outcome=\"failed\"")).collect();
    sheet.must("jobs that failed", failed.is_empty(), if failed.is_empty() { "none".to_owned() } else { failed.join(" ") });
    Ok(())
}

/// Log-ins, reports that go their way, pictures, lists; by several people at once.
fn a_while(server: &Server, rounds: usize) -> usize {
    let done = at_once(4, |_| {
        let mut calls = 0;
        for _ in 0..rounds {
            let repair = Repair::new(server);
            let file = repair.reporter.call("POST", "/files").file("a.png", "image/png", PICTURE).expect(201);
            repair.reporter.get(&format!("/files/{}", file["id"].as_str().unwrap_or_default())).transmit();
            repair.ticket_in("closed");
            for who in ["dispatcher", "worker1", "manager"] {
                server.staff(who).get("/repair-tickets?limit=50").expect(200);
            }
            repair.reporter.get("/repair-tickets").expect(200);
            server.staff("manager").get("/events?limit=50").expect(200);
            repair.reporter.call("POST", "/auth/logout").expect(204);
            calls += 17;
        }
        calls
    });
    done.into_iter().sum()
}
