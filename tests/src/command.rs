//! The binary as a command that ends: refused starts, misuse, things done beside a running server.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::folder::Folder;
use crate::server::{bare, free_port};

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

/// Runs the binary to its end with these words and variables; it is shot after `seconds`, and that fails the test.
#[track_caller]
pub fn run(args: &[&str], env: &[(String, String)], seconds: u64) -> Outcome {
    run_in(Folder::new("cmd").path(), args, env, seconds)
}

/// The same in a folder of the caller's choice, which must exist.
#[track_caller]
pub fn run_in(dir: &Path, args: &[&str], env: &[(String, String)], seconds: u64) -> Outcome {
    let started = Instant::now();
    let (out, err) = (dir.join(".stdout"), dir.join(".stderr"));
    let (to_out, to_err) = (fs::File::create(&out).expect("writable"), fs::File::create(&err).expect("writable"));
    let mut child =
        bare(env).args(args).current_dir(dir).stdin(Stdio::null()).stdout(to_out).stderr(to_err).spawn().expect("the binary runs");
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child can be asked") {
            break Some(status);
        }
        if started.elapsed() > Duration::from_secs(seconds) {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let outcome = Outcome { code: status.and_then(|s| s.code()), stdout: read(&out), stderr: read(&err), took: started.elapsed() };
    let _ = fs::remove_file(&out);
    let _ = fs::remove_file(&err);
    assert!(status.is_some(), "{args:?} did not end within {seconds} s: {outcome:?}");
    outcome
}

/// The binary with these words and variables, still running; whoever began it ends it.
#[track_caller]
pub fn begin(args: &[&str], env: &[(String, String)]) -> Child {
    bare(env).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs")
}

/// A `serve` that must be refused: it exits 1 within 5 s. Gives what it says on stderr.
#[track_caller]
pub fn refused_start(args: &[&str], env: &[(&str, &str)]) -> String {
    let folder = Folder::reserved("refused");
    let mut all: Vec<(String, String)> = vec![
        ("JIAZAI_DATA_DIR".into(), folder.text().to_owned()),
        ("JIAZAI_LISTEN".into(), format!("127.0.0.1:{}", free_port())),
        ("WECHAT_SIMULATOR_LISTEN".into(), format!("127.0.0.1:{}", free_port())),
    ];
    all.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    // An empty value stands for "not set".
    all.retain(|(name, _)| !env.contains(&(name.as_str(), "")));
    let words: Vec<&str> = std::iter::once("serve").chain(args.iter().copied()).collect();
    let outcome = run(&words, &all, 5);
    assert_eq!(outcome.code, Some(1), "a refused start exits 1: {outcome:?}");
    outcome.stderr
}
