//! `cargo xtask drill`: what can go wrong is made to go wrong, on the real binary, and what is promised is looked at.
//!
//! A *drill* breaks one thing and has criteria that either hold or not; its *sheet* is the table of what was seen. The drills
//! themselves are built from the black-box suite's tools, so this chore starts itself once more for each database, with what
//! only it needs. `--short` runs on the debug build and is part of `cargo xtask test`; the long form builds for release and
//! writes the figures into `docs/proof.md`.

#[cfg(feature = "drill")]
mod run;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::place::{self, cargo, cargo_program, root, said};
use crate::proof;
use crate::services::{self, Addresses};

/// Each drill's name and criterion, in the order in which they run.
pub(crate) const DRILLS: &[(&str, &str)] = &[
    (
        "kill",
        "the process is killed at random moments under keyed writes: what was acknowledged is there once, with its events, and repeats are harmless",
    ),
    ("redis", "Redis is stopped, frozen, flushed and full: writes and log-in go on, nobody waits long, what was revoked stays revoked"),
    ("postgres", "PostgreSQL restarts, cuts its connections, holds a lock: 503 with Retry-After meanwhile, and then it goes on"),
    ("wechat", "WeChat refuses, stalls, drips and lies: whoever logs in is answered within 8 s, everybody else notices nothing"),
    ("disk-full", "the disk is full: 503 and not a lie, reading goes on, nothing acknowledged is lost, room mends it without a restart"),
    ("clock", "the clock jumps a day ahead and falls back: work goes on, nothing is expired for ever or valid for ever"),
    ("rolling", "two instances are restarted one after the other under load: no request fails, and the two behave as one"),
    ("backup", "a backup made under load is a consistent cut; one made at rest restores row by row, with audit chain and sealed fields"),
    ("upgrade", "a database of an earlier schema, with data, is served by this program with the same data"),
    ("day", "a day of mixed load leaves the memory as it was"),
];

/// What was asked for on the command line.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Asked {
    names: Vec<String>,
    short: bool,
    /// Writes the page although the form is short; the page says so.
    write: bool,
    /// Set by the chore for itself: the sheets go into this file.
    report: Option<PathBuf>,
}

impl Asked {
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut asked = Self::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--short" => asked.short = true,
                "--write" => asked.write = true,
                "--report" => asked.report = Some(words.next().ok_or("--report takes a file")?.into()),
                flag if flag.starts_with('-') => return Err(format!("drill knows no {flag}")),
                name if DRILLS.iter().any(|(known, _)| *known == name) => asked.names.push(name.to_owned()),
                other => {
                    let known: Vec<&str> = DRILLS.iter().map(|(name, _)| *name).collect();
                    return Err(format!("no drill is called {other}; there are {}", known.join(", ")));
                }
            }
        }
        Ok(asked)
    }

    /// All of them, in their short forms.
    pub(crate) fn briefly() -> Self {
        Self { short: true, ..Self::default() }
    }

    #[cfg(feature = "drill")]
    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }
}

/// The whole chore: builds, starts PostgreSQL and Redis, and drills on one database after the other. True if everything that was
/// asked for ran and held.
pub(crate) fn run(asked: &Asked) -> Result<bool, String> {
    #[cfg(feature = "drill")]
    if asked.report.is_some() {
        return run::all(asked);
    }
    let binary = binary(asked.short)?;
    let at = services::start();
    let mut good = true;
    let mut sheets = String::new();
    for backend in ["sqlite", "postgres"] {
        if backend == "postgres"
            && let Err(reason) = &at
        {
            // What did not run has not been seen to hold.
            eprintln!("\n!!! NOT RUN ON POSTGRESQL AND REDIS: {reason}");
            good = false;
            continue;
        }
        let report = std::env::temp_dir().join(format!("jiazai-drill-{}-{backend}", std::process::id()));
        let status = command(backend, asked, &binary, at.as_ref().ok(), &report).status().map_err(|e| format!("cargo: {e}"))?;
        good &= status.success();
        sheets += &std::fs::read_to_string(&report).map_err(|e| format!("no report of the drills on {backend} ({status}): {e}"))?;
        let _ = std::fs::remove_file(&report);
    }
    services::stop();
    if !asked.short || asked.write {
        write(&sheets, asked.short)?;
    }
    Ok(good)
}

/// This chore again, on one database, with the suite's tools built in.
pub(crate) fn command(backend: &str, asked: &Asked, binary: &Path, at: Option<&Addresses>, report: &Path) -> Command {
    // What a file-size limit sends to a process that runs into it would end it; a full disk sends nothing. What is ignored here is
    // ignored by all that we start.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(cargo_program());
    command.args(["run", "--quiet", "-p", "xtask", "--features", "drill", "--", "drill", "--report"]).arg(report);
    command.args(&asked.names).args(asked.short.then_some("--short")).current_dir(root());
    command.env("CARGO_TERM_COLOR", "never").env("JIAZAI_BIN", binary).env("JIAZAI_TEST_BACKEND", backend);
    if let Some(at) = at {
        at.give(&mut command);
    }
    command
}

/// The server to drill: `JIAZAI_BIN` if it is set, else one built now.
fn binary(short: bool) -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os("JIAZAI_BIN") {
        return Ok(given.into());
    }
    let built = cargo(&["build", "-p", "jiazai"]).args((!short).then_some("--release")).status();
    if !built.is_ok_and(|status| status.success()) {
        return Err("the server does not build".into());
    }
    Ok(place::target().join(if short { "debug/jiazai" } else { "release/jiazai" }))
}

/// Each drill that ran has a part of the page to itself.
fn write(sheets: &str, short: bool) -> Result<(), String> {
    let form = if short { "the short form, on a debug build, " } else { "" };
    let when = format!("{form}{}, commit {}", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]), said("git", &["rev-parse", "--short", "HEAD"]));
    for (name, criterion) in DRILLS {
        let rows: Vec<&str> = sheets.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('\t')).collect();
        if rows.is_empty() {
            continue;
        }
        let table: String = rows.iter().map(|row| format!("| {} |\n", row.replace('|', "\\|").replace('\t', " | "))).collect();
        let text = format!(
            "### {name}\n\n{}{}.\n\n`cargo xtask drill {name}{}` ({when})\n\n| on | what | figure | verdict |\n|---|---|---|---|\n{table}",
            criterion[..1].to_uppercase(),
            &criterion[1..],
            if short { " --short" } else { "" }
        );
        proof::write(&format!("drill {name}"), &text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn drills_are_asked_for_by_name() {
        let asked = Asked::parse(&["--short", "kill", "day"]).expect("both are there");
        assert_eq!((asked.names.join(" "), asked.short), ("kill day".to_owned(), true));
        assert!(Asked::parse(&["flood"]).is_err_and(|reason| reason.contains("disk-full")));
        assert!(Asked::parse(&["--long"]).is_err());
    }
}
