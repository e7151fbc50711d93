//! `cargo xtask bench`: the figures that this program has promised to reach, each against a limit measured in the same run.
//!
//! What is compared is measured in turns (see `stats`), the server's cost is its own processor time, and the limit is the
//! machine's: a handler without a database, a bare SQLite loop, pgbench. Measuring takes an optimized program, so this
//! chore starts itself once more, built for release and with what only it needs.

#[cfg(feature = "bench")]
mod enrolment;
#[cfg(feature = "bench")]
mod export;
#[cfg(feature = "bench")]
mod fanout;
#[cfg(feature = "bench")]
mod figures;
#[cfg(feature = "bench")]
mod lists;
#[cfg(feature = "bench")]
mod load;
#[cfg(feature = "bench")]
mod machine;
#[cfg(feature = "bench")]
mod plot;
#[cfg(feature = "bench")]
mod postgres;
#[cfg(feature = "bench")]
mod registry;
#[cfg(feature = "bench")]
mod report;
#[cfg(feature = "bench")]
mod rows;
#[cfg(feature = "bench")]
mod server;
#[cfg(feature = "bench")]
mod sqlite;
#[cfg(feature = "bench")]
mod stats;
#[cfg(feature = "bench")]
mod volunteer;

use std::path::{Path, PathBuf};
use std::process::Command;

#[cfg(feature = "bench")]
pub(crate) use figures::run;

#[cfg(not(feature = "bench"))]
pub(crate) fn run(words: &[&str]) -> Result<bool, String> {
    let mut command = cargo();
    command.args(["run", "--quiet", "--release", "-p", "xtask", "--features", "bench", "--", "bench"]).args(words);
    Ok(command.status().map_err(|e| format!("cargo: {e}"))?.success())
}

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
