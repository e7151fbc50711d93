//! `kill -9` at random moments while several hands write.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiazai_tests::{Client, Options, Repair, Server};

use super::Form;
use super::sheet::Sheet;
use super::store::Store;
use super::writers::{self, Told};
use crate::tools::Dice;

const HANDS: usize = 6;

pub(super) fn drill(form: Form, sheet: &mut Sheet) -> Result<(), String> {
    let server = Server::start(Options::default().env("RUST_LOG", "warn"));
    let repair = Repair::new(&server);
    let store = Store::of(&server);
    let kills = form.pick(8, 200);
    let (mut all, mut slowest_start) = (Told::default(), Duration::ZERO);
    let mut dice = Dice::new(0x9e37_79b9_7f4a_7c15);
    let begun = Instant::now();
    for _ in 0..kills {
        let token = repair.reporter.authorization().unwrap_or_default();
        let stop = AtomicBool::new(false);
        // From before the first write has come through to well within the stream of them.
        let moment = Duration::from_micros(dice.below(400_000));
        let mut told = std::thread::scope(|scope| {
            let writing = scope.spawn(|| writers::write(&repair, &token, HANDS, &stop));
            std::thread::sleep(moment);
            server.kill();
            stop.store(true, Ordering::Relaxed);
            writing.join().unwrap_or_default()
        });
        slowest_start = slowest_start.max(server.start_again());
        writers::settle(&repair, &token, &mut told, 3);
        all.add(told);
    }
    sheet.told("kills, seed 9e3779b97f4a7c15", format!("{kills} in {:.0} s", begun.elapsed().as_secs_f64()));
    sheet.told(
        "writes acknowledged, and connections that died with the process",
        format!("{} and {}", all.acknowledged.len(), all.no_answer),
    );
    sheet.told("slowest start after a kill", format!("{} ms", slowest_start.as_millis()));
    sheet.must("kills that hit writes under way", all.no_answer > kills / 2, all.no_answer);
    writers::judge(sheet, &store, &all)
}
