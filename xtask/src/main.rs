//! `cargo xtask`: the chores of the workspace that are more than one command.
//!
//! A *step* is one command with a name and a verdict; a *service* is a PostgreSQL or Redis that lives in a temporary
//! folder for as long as we do. Nothing here is needed to build or to run the server.

mod bench;
mod client;
mod document;
mod drill;
mod launch;
mod place;
mod proof;
mod services;
mod steps;
mod suite;
#[cfg(any(feature = "bench", feature = "drill"))]
mod tools;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask test [--only sqlite|postgres] [FILTER]   everything a change must pass; with FILTER, only the black-box tests whose name contains it
cargo xtask services                                 PostgreSQL and Redis on private ports, until Ctrl-C
cargo xtask openapi                                  write openapi.yaml anew
cargo xtask bench [--quick [--million]] [NAME…]      figures against limits; a full run without names writes docs/proof.md
cargo xtask drill [--short [--write]] [NAME…]        what is broken on purpose, and what is promised then; the long form writes docs/proof.md
";

fn main() -> ExitCode {
    // A panic must not leave a database behind either: the guard runs while the stack unwinds.
    let _guard = services::StopOnDrop;
    if let Err(error) = ctrlc::set_handler(interrupted) {
        eprintln!("Ctrl-C will not stop the services: {error}");
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test", rest @ ..] => match suite::Choice::parse(rest) {
            Ok(choice) => suite::run(&choice),
            Err(reason) => return usage(&reason),
        },
        ["services"] => services::run_until_interrupted(),
        ["openapi"] => suite::write_openapi(),
        ["bench", rest @ ..] => bench::run(rest),
        ["drill", rest @ ..] => match drill::Asked::parse(rest) {
            Ok(asked) => drill::run(&asked),
            Err(reason) => return usage(&reason),
        },
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(true)
        }
        [] => return usage("which chore?"),
        [other, ..] => return usage(&format!("no chore is called {other}, or it takes no more words")),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage(reason: &str) -> ExitCode {
    eprint!("{reason}\n\n{HELP}");
    ExitCode::from(2)
}

/// Ctrl-C, SIGTERM or SIGHUP: stop what we started, then go. Runs on its own thread, beside whatever `main` waits for.
fn interrupted() {
    steps::kill_running();
    services::stop();
    std::process::exit(130);
}
