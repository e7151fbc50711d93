//! Everything that a change must pass, in the order in which it fails soonest.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::place::{self, cargo, root};
use crate::services::{self, Addresses};
use crate::steps::{self, Step};
use crate::{client, document, drill, launch};

/// What `cargo xtask test` was asked to run.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    only: Option<Backend>,
    filter: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Postgres,
}

impl Choice {
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut choice = Self::default();
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--only" => {
                    choice.only = match words.next() {
                        Some(&"sqlite") => Some(Backend::Sqlite),
                        Some(&"postgres") => Some(Backend::Postgres),
                        _ => return Err("--only takes sqlite or postgres".into()),
                    }
                }
                flag if flag.starts_with('-') => return Err(format!("test knows no {flag}")),
                filter if choice.filter.is_none() => choice.filter = Some(filter.to_owned()),
                _ => return Err("one filter at most".into()),
            }
        }
        Ok(choice)
    }

    fn wants(&self, backend: Backend) -> bool {
        self.only.is_none_or(|only| only == backend)
    }
}

/// Runs it all; true if nothing failed. What could not run is said at the end and is no failure, except of `--only`.
pub(crate) fn run(choice: &Choice) -> Result<bool, String> {
    let start = Instant::now();
    let mut not_run = Vec::new();
    let at = if choice.wants(Backend::Postgres) {
        match services::start() {
            Ok(at) => Some(at),
            Err(reason) if choice.only.is_some() => return Err(reason),
            Err(reason) => {
                eprintln!("\n!!! NO POSTGRESQL AND REDIS: {reason}\n!!! going on with SQLite alone\n");
                not_run.push(format!("the black-box suite on PostgreSQL + Redis: {reason}"));
                None
            }
        }
    } else {
        not_run.push("the black-box suite on PostgreSQL + Redis: not asked for".to_owned());
        None
    };
    if choice.only == Some(Backend::Postgres) {
        not_run.push("the black-box suite on SQLite: not asked for".to_owned());
    }

    let mut steps = Vec::new();
    if choice.filter.is_none() {
        steps.push(steps::run("format", &mut cargo(&["fmt", "--all", "--check"])));
        steps.push(steps::run(
            "clippy",
            cargo(&["clippy", "--workspace", "--all-targets"]).args(tls_feature()).args(["--", "-D", "warnings"]),
        ));
    }
    steps.push(steps::run("build", cargo(&["build", "-p", "jiazai"]).args(tls_feature())));
    let built = steps.last().is_some_and(|step| step.ok);
    // A copy, because the unit tests' own build of the server may take the original's place meanwhile.
    let copy = Copied::of(&place::target().join("debug/jiazai"));
    if choice.filter.is_none() {
        if built {
            steps.push(steps::run("openapi.yaml is current", Command::new(&copy.path).args(["openapi", "--check"]).current_dir(root())));
        }
        audit(&mut steps, &mut not_run);
        steps.push(steps::run("unit tests", with_services(&mut unit_tests(), at.as_ref())));
    }
    if built {
        // The two lanes wait for servers more than they compute, so they run side by side.
        let whole = choice.filter.is_none();
        let mut first = Lane::default();
        let mut second = Lane::default();
        if choice.wants(Backend::Sqlite) {
            first.add(|| vec![black_box("sqlite", choice, &copy.path, at.as_ref())]);
        }
        if whole {
            match document::ready(&root()) {
                Ok(()) => first.add(|| document::run(&root(), &copy.path)),
                Err(reason) => {
                    eprintln!("\n!!! NO CHECKS OF THE DOCUMENT BY OTHERS' TOOLS: {reason}\n");
                    not_run.push(format!("the document, linted and made into clients: {reason}"));
                }
            }
            match client::ready() {
                Ok(()) => second.add(|| client::run(&root(), &copy.path)),
                Err(reason) => {
                    eprintln!("\n!!! NO BROWSER TESTS OF THE CLIENT: {reason}\n");
                    not_run.push(format!("the client, built and driven in a browser: {reason}"));
                }
            }
        }
        if choice.wants(Backend::Postgres) && at.is_some() {
            second.add(|| vec![black_box("postgres", choice, &copy.path, at.as_ref())]);
        }
        if whole {
            // Last in their lanes: what they break must not be what the others are measured by.
            if choice.wants(Backend::Sqlite) {
                first.add(|| vec![drills("sqlite", &copy.path, at.as_ref())]);
            }
            if choice.wants(Backend::Postgres) && at.is_some() {
                second.add(|| vec![drills("postgres", &copy.path, at.as_ref())]);
            }
        }
        steps.push(steps::run("black box: build", &mut cargo(&["test", "-p", "jiazai-tests", "--no-run"])));
        let done = std::thread::scope(|scope| {
            let second = scope.spawn(|| steps::beside_others(|| second.run()));
            let first = scope.spawn(|| steps::beside_others(|| first.run()));
            [first, second].map(|lane| lane.join().unwrap_or_default())
        });
        steps.extend(done.into_iter().flatten());
    } else {
        not_run.push("the black-box suite: the server does not build".to_owned());
    }
    if let Some(at) = &at
        && (!at.tls || tls_feature().is_empty())
    {
        not_run.push("PostgreSQL over TLS: that takes the commands openssl, perl and make".to_owned());
    }
    services::stop();
    Ok(report(&steps, &not_run, start))
}

/// Steps that run one after the other, beside those of another lane.
#[derive(Default)]
struct Lane<'l>(Vec<Box<dyn FnOnce() -> Vec<Step> + Send + 'l>>);

impl<'l> Lane<'l> {
    fn add(&mut self, steps: impl FnOnce() -> Vec<Step> + Send + 'l) {
        self.0.push(Box::new(steps));
    }

    fn run(self) -> Vec<Step> {
        self.0.into_iter().flat_map(|steps| steps()).collect()
    }
}

/// The black-box suite on one database.
fn black_box(name: &str, choice: &Choice, server: &Path, at: Option<&Addresses>) -> Step {
    let mut command = cargo(&["test", "-p", "jiazai-tests", "--no-fail-fast"]);
    command.env("JIAZAI_TEST_BACKEND", name).env("JIAZAI_BIN", server);
    // Tests that only make sense on PostgreSQL and Redis are marked as ignored.
    command.arg("--").args((name == "postgres").then_some("--include-ignored")).args(&choice.filter);
    steps::run(&format!("black box on {name}"), with_services(&mut command, at))
}

/// The drills' short forms on one database.
fn drills(name: &str, server: &Path, at: Option<&Addresses>) -> Step {
    let mut command = drill::command(name, &drill::Asked::briefly(), server, at, Path::new("/dev/null"));
    steps::run(&format!("drills, short, on {name}"), &mut command)
}

/// The audit of the dependencies, if there is somebody to do it. Advisories are looked up where a copy of them lies already.
fn audit(steps: &mut Vec<Step>, not_run: &mut Vec<String>) {
    if launch::find("cargo-deny").is_none() {
        eprintln!("\n!!! NO AUDIT OF THE DEPENDENCIES: cargo-deny is not installed (cargo install cargo-deny)\n");
        not_run.push("cargo deny: licences, advisories, bans and sources of the dependencies".to_owned());
        return;
    }
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let mut command = cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"]);
    if home.is_some_and(|home| home.join("advisory-dbs").is_dir()) {
        command.arg("advisories");
    } else {
        not_run.push("cargo deny: advisories (`cargo deny fetch` gets them)".to_owned());
    }
    steps.push(steps::run("dependencies", &mut command));
}

/// `cargo xtask openapi`: the document is a product of the handlers.
pub(crate) fn write_openapi() -> Result<bool, String> {
    let output = cargo(&["run", "--quiet", "-p", "jiazai", "--", "openapi"]).stderr(std::process::Stdio::inherit()).output();
    let output = output.map_err(|e| format!("cargo: {e}"))?;
    if !output.status.success() || output.stdout.is_empty() {
        return Err("`jiazai openapi` failed; openapi.yaml is as it was".into());
    }
    std::fs::write(root().join("openapi.yaml"), output.stdout).map_err(|e| format!("openapi.yaml: {e}"))?;
    Ok(true)
}

/// Unit and property tests of every crate but this one's own black-box suite.
fn unit_tests() -> Command {
    let runner: &[&str] = if launch::find("cargo-nextest").is_some() { &["nextest", "run", "--no-tests=pass"] } else { &["test"] };
    let mut command = cargo(runner);
    command.arg("--no-fail-fast").args(tls_feature());
    for package in ["jiazai-domain", "jiazai-infra", "wechat-simulator", "jiazai", "xtask"] {
        command.args(["-p", package]);
    }
    command
}

/// The same feature in every build: changing it between two steps would compile the database layer twice.
/// OpenSSL builds from source, which takes perl and make.
fn tls_feature() -> &'static [&'static str] {
    if launch::find("perl").is_some() && launch::find("make").is_some() { &["--features", "jiazai/postgres-tls"] } else { &[] }
}

fn with_services<'c>(command: &'c mut Command, at: Option<&Addresses>) -> &'c mut Command {
    if let Some(at) = at {
        at.give(command);
        if at.tls && !tls_feature().is_empty() {
            command.env("JIAZAI_TEST_POSTGRES_TLS", "1");
        }
    }
    command
}

fn report(steps: &[Step], not_run: &[String], start: Instant) -> bool {
    println!("\n{:<28} {:>8} {:>8} {:>9}", "step", "passed", "failed", "time");
    for step in steps {
        let mark = if step.ok { "" } else { "  FAILED" };
        println!("{:<28} {:>8} {:>8} {:>8.1}s{mark}", step.name, step.passed, step.failed, step.time.as_secs_f32());
    }
    println!("{:<28} {:>26.1}s", "together", start.elapsed().as_secs_f32());
    for what in not_run {
        println!("NOT RUN: {what}");
    }
    let (passed, failed) = steps.iter().fold((0, 0), |sum, step| (sum.0 + step.passed, sum.1 + step.failed));
    println!("{passed} passed, {failed} failed");
    failed == 0 && steps.iter().all(|step| step.ok)
}

/// A copy of the server's binary, removed at the end.
struct Copied {
    path: PathBuf,
}

impl Copied {
    fn of(original: &Path) -> Self {
        let path = original.with_file_name(format!("jiazai-under-test-{}", std::process::id()));
        let _ = std::fs::copy(original, &path);
        Self { path }
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
