//! One command, shown while it runs, timed, and its tests counted. Beside others ([`beside_others`]) it is shown when it has ended.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How a step went. A step that counts no tests counts as one.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) ok: bool,
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) time: Duration,
}

/// The process groups of the commands in progress, for Ctrl-C.
static CURRENT: Mutex<Vec<u32>> = Mutex::new(Vec::new());

thread_local! {
    static BESIDE_OTHERS: Cell<bool> = const { Cell::new(false) };
}

/// Runs steps on a thread of their own. What they print comes in one piece, so that nobody's words are mixed with another's.
pub(crate) fn beside_others(steps: impl FnOnce() -> Vec<Step>) -> Vec<Step> {
    BESIDE_OTHERS.set(true);
    steps()
}

/// Whether somebody has asked us to stop.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Waits for the end of the process if somebody has asked for it: the thread that was told is clearing up, and the main
/// thread must neither begin something new nor end the process under its hands.
pub(crate) fn hold_if_interrupted() {
    while INTERRUPTED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

pub(crate) fn kill_running() {
    INTERRUPTED.store(true, Ordering::SeqCst);
    let current = CURRENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    for group in current {
        // The whole group: cargo alone would leave the test binary behind, and that one its servers.
        let _ = Command::new("kill").args(["-TERM", "--", &format!("-{group}")]).status();
    }
}

/// Runs the command to its end, passing on what it prints.
pub(crate) fn run(name: &str, command: &mut Command) -> Step {
    use std::os::unix::process::CommandExt;
    hold_if_interrupted();
    let beside = BESIDE_OTHERS.get();
    if !beside {
        println!("\n=== {name}");
    }
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            eprintln!("{:?}: {error}", command.get_program());
            return Step { name: name.into(), ok: false, passed: 0, failed: 1, time: start.elapsed() };
        }
    };
    let group = child.id();
    CURRENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(group);
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let kept = Mutex::new(Vec::new());
    let (mut passed, mut failed) = std::thread::scope(|scope| {
        let out = scope.spawn(|| if beside { pass_on(out, Kept(&kept)) } else { pass_on(out, std::io::stdout()) });
        let err = scope.spawn(|| if beside { pass_on(err, Kept(&kept)) } else { pass_on(err, std::io::stderr()) });
        let (a, b) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
        (a.0 + b.0, a.1 + b.1)
    });
    let ok = child.wait().is_ok_and(|status| status.success());
    CURRENT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).retain(|other| *other != group);
    if beside {
        let kept = kept.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "\n=== {name}").and_then(|()| out.write_all(&kept)).and_then(|()| out.flush());
    }
    hold_if_interrupted();
    if ok && passed + failed == 0 {
        passed = 1;
    }
    if !ok && failed == 0 {
        failed = 1;
    }
    Step { name: name.into(), ok, passed, failed, time: start.elapsed() }
}

/// What a step beside others has printed so far.
struct Kept<'k>(&'k Mutex<Vec<u8>>);

impl Write for Kept<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Copies line by line, adding up the test counts on the way: (passed, failed).
fn pass_on(from: Option<impl Read>, mut to: impl Write) -> (u32, u32) {
    let mut sum = (0, 0);
    let Some(from) = from else { return sum };
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let _ = to.write_all(&line).and_then(|()| to.flush());
        let (passed, failed) = counts(&String::from_utf8_lossy(&line));
        sum = (sum.0 + passed, sum.1 + failed);
        line.clear();
    }
    sum
}

/// What a summary line says: `test result: ok. 3 passed; 0 failed; …` or `Summary [ 0.1s] 3 tests run: 3 passed, 0 skipped`,
/// or, of Node's runner, `# pass 3` and `# fail 0`.
fn counts(line: &str) -> (u32, u32) {
    let line = line.trim_start();
    if let Some(passed) = line.strip_prefix("# pass ") {
        return (passed.trim().parse().unwrap_or(0), 0);
    }
    if let Some(failed) = line.strip_prefix("# fail ") {
        return (0, failed.trim().parse().unwrap_or(0));
    }
    if !line.starts_with("test result:") && !line.starts_with("Summary [") {
        return (0, 0);
    }
    let words: Vec<&str> = line.split([' ', ';', ',']).filter(|word| !word.is_empty()).collect();
    let before = |name: &str| words.windows(2).find(|pair| pair[1] == name).and_then(|pair| pair[0].parse().ok()).unwrap_or(0);
    (before("passed"), before("failed"))
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn summaries_of_both_runners_are_understood() {
        assert_eq!(counts("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s"), (3, 2));
        assert_eq!(counts("     Summary [   0.017s] 12 tests run: 11 passed, 1 failed, 0 skipped"), (11, 1));
        assert_eq!(counts("     Summary [   0.017s] 12 tests run: 12 passed (1 slow), 0 skipped"), (12, 0));
        assert_eq!((counts("# pass 24"), counts("# fail 2"), counts("# passages")), ((24, 0), (0, 2), (0, 0)));
        assert_eq!(counts("5 passed in the street"), (0, 0));
    }
}
