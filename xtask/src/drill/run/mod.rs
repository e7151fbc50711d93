//! The drills on one database, one after the other; what one breaks must not stop the next.

mod backup;
mod clock;
mod day;
mod disk;
mod kill;
mod own;
mod postgres;
mod redis;
mod rolling;
mod sheet;
mod store;
mod upgrade;
mod wechat;
mod wire;
mod writers;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use jiazai_tests::is_postgres;

use self::sheet::Sheet;
use super::{Asked, DRILLS};

/// How thorough to be.
#[derive(Debug, Clone, Copy)]
struct Form {
    short: bool,
}

impl Form {
    fn pick<T>(self, short: T, long: T) -> T {
        if self.short { short } else { long }
    }
}

type Drill = fn(Form, &mut Sheet) -> Result<(), String>;

/// The drill of that name, if it makes sense on this database.
fn find(name: &str, form: Form) -> Option<Drill> {
    let on_postgres = is_postgres();
    let drill: (Drill, bool) = match name {
        "kill" => (kill::drill, true),
        "redis" => (redis::drill, on_postgres),
        "postgres" => (postgres::drill, on_postgres),
        // Says nothing about the database, so once is enough.
        "wechat" => (wechat::drill, !on_postgres),
        "disk-full" => (disk::drill, !on_postgres),
        "clock" => (clock::drill, true),
        "rolling" => (rolling::drill, on_postgres),
        "backup" => (backup::drill, true),
        "upgrade" => (upgrade::drill, true),
        // Memory is the process's own, whatever the database; the long form looks at both all the same.
        "day" => (day::drill, !on_postgres || !form.short),
        _ => return None,
    };
    drill.1.then_some(drill.0)
}

pub(super) fn all(asked: &Asked) -> Result<bool, String> {
    let form = Form { short: asked.short };
    let backend = if is_postgres() { "PostgreSQL" } else { "SQLite" };
    let (mut passed, mut failed) = (0, 0);
    let mut report = String::new();
    for (name, _) in DRILLS {
        let Some(drill) = find(name, form).filter(|_| asked.wants(name)) else { continue };
        println!("\n--- {name} on {backend}");
        let start = Instant::now();
        let mut sheet = Sheet::new(name, backend);
        // The suite's tools say by a panic what went wrong; the sheet is only added to, so it is whole after one.
        match catch_unwind(AssertUnwindSafe(|| drill(form, &mut sheet))) {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => sheet.must("the drill ran to its end", false, reason),
            Err(panic) => {
                let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
                sheet.must("the drill ran to its end", false, said.unwrap_or("a panic").lines().next().unwrap_or_default());
            }
        }
        println!("({:.1} s)", start.elapsed().as_secs_f64());
        if sheet.good() {
            passed += 1
        } else {
            failed += 1
        }
        report += &sheet.lines();
    }
    if let Some(path) = &asked.report {
        let written = std::fs::File::create(path).and_then(|mut file| file.write_all(report.as_bytes()));
        written.map_err(|e| format!("{}: {e}", path.display()))?;
    }
    // In the words of Rust's own test runner, which `cargo xtask test` counts by.
    println!("test result: {}. {passed} passed; {failed} failed; drills on {backend}", if failed == 0 { "ok" } else { "FAILED" });
    Ok(failed == 0)
}
