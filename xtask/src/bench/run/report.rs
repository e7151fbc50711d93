//! The table, for the terminal and for `docs/proof.md`.

use std::fmt::Write;

use super::machine;
use super::stats::Estimate;

/// Whether a target is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    Fails,
    /// The interval lies on both sides of the target.
    Unclear,
    /// Nothing was promised; for the record.
    Told,
}

impl Verdict {
    pub(super) fn at_least(figure: Estimate, target: f64) -> Self {
        Self::judge(figure.low >= target, figure.high < target)
    }

    pub(super) fn at_most(figure: Estimate, target: f64) -> Self {
        Self::judge(figure.high <= target, figure.low > target)
    }

    pub(super) fn of(holds: bool) -> Self {
        Self::judge(holds, !holds)
    }

    fn judge(holds: bool, fails: bool) -> Self {
        if holds {
            Self::Holds
        } else if fails {
            Self::Fails
        } else {
            Self::Unclear
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "FAILS",
            Self::Unclear => "unclear",
            Self::Told => "",
        }
    }
}

/// One figure.
pub(super) struct Line {
    pub(super) what: String,
    pub(super) target: String,
    pub(super) figure: String,
    pub(super) verdict: Verdict,
    /// What the figure was made of.
    pub(super) beside: String,
}

#[derive(Default)]
pub(super) struct Report(Vec<Line>);

impl Report {
    pub(super) fn add(&mut self, what: impl Into<String>, target: &str, figure: String, verdict: Verdict, beside: String) {
        let line = Line { what: what.into(), target: target.to_owned(), figure, verdict, beside };
        println!("{:<58} {:<10} {:<22} {:<8} {}", line.what, line.target, line.figure, verdict.word(), line.beside);
        self.0.push(line);
    }

    /// Whether nothing was missed for certain.
    pub(super) fn good(&self) -> bool {
        self.0.iter().all(|line| line.verdict != Verdict::Fails)
    }

    pub(super) fn table(&self) -> String {
        let mut out = String::from("| what | target | figure | verdict | beside it |\n|---|---|---|---|---|\n");
        for line in &self.0 {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "| {} | {} | {} | {} | {} |", line.what, line.target, line.figure, line.verdict.word(), line.beside);
        }
        out
    }

    /// Writes the benchmark's part of the page anew.
    pub(super) fn write(&self) -> Result<(), String> {
        let text = format!(
            "`cargo xtask bench`, on {}.\n\n{METHOD}\n\n![The cost of a page by the number of tickets](pictures/growth.svg)\n\n{}",
            machine::describe(),
            self.table()
        );
        crate::proof::write("bench", &text)
    }
}

const METHOD: &str = "\
Two things that are compared run in turns (A B B A …) for a second or two each. A ratio is the median of the pairs' ratios, with \
its 95 % bootstrap interval; a verdict is given only when the whole interval lies on one side of the target. `cpu` counts \
requests per second of the server's own user and system time, which others on the machine hardly disturb; `wall` counts them by \
the clock, with the load generator on the same cores. The A/A line compares the server with itself: what it differs from 1.00 is \
what the method cannot tell apart. The server is the release binary in the demo profile with request limits off and \
`RUST_LOG=warn`; the caller is on the same machine over kept-alive connections.";
