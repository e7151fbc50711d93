//! `cargo xtask bench`: the figures that this program has promised to reach, each against a limit measured in the same run.
//!
//! What is compared is measured in turns (see `run::stats`), the server's cost is its own processor time, and the limit is the
//! machine's: a handler without a database, a bare SQLite loop, pgbench. Measuring takes an optimized program, so this
//! chore starts itself once more, built for release and with what only it needs.

#[cfg(feature = "bench")]
mod run;

#[cfg(feature = "bench")]
pub(crate) use run::figures::run;

#[cfg(not(feature = "bench"))]
pub(crate) fn run(words: &[&str]) -> Result<bool, String> {
    let mut command = crate::place::cargo(&["run", "--quiet", "--release", "-p", "xtask", "--features", "bench", "--", "bench"]);
    Ok(command.args(words).status().map_err(|e| format!("cargo: {e}"))?.success())
}
