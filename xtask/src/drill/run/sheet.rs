//! What a drill has seen.

use std::fmt::{Display, Write};

struct Row {
    what: String,
    figure: String,
    /// None where nothing is promised.
    holds: Option<bool>,
}

pub(super) struct Sheet {
    drill: &'static str,
    on: &'static str,
    rows: Vec<Row>,
}

impl Sheet {
    pub(super) fn new(drill: &'static str, on: &'static str) -> Self {
        Self { drill, on, rows: Vec::new() }
    }

    /// A criterion, and what it was judged by.
    pub(super) fn must(&mut self, what: impl Display, holds: bool, figure: impl Display) {
        self.add(what, figure, Some(holds));
    }

    /// For the record.
    pub(super) fn told(&mut self, what: impl Display, figure: impl Display) {
        self.add(what, figure, None);
    }

    fn add(&mut self, what: impl Display, figure: impl Display, holds: Option<bool>) {
        let row = Row { what: what.to_string(), figure: figure.to_string().replace(['\t', '\n'], " "), holds };
        println!("{:<74} {:<8} {}", row.what, verdict(row.holds), row.figure);
        self.rows.push(row);
    }

    pub(super) fn good(&self) -> bool {
        self.rows.iter().all(|row| row.holds != Some(false))
    }

    /// A line for each row: drill, database, what, figure, verdict.
    pub(super) fn lines(&self) -> String {
        let mut out = String::new();
        for row in &self.rows {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}\t{}\t{}\t{}\t{}", self.drill, self.on, row.what, row.figure, verdict(row.holds));
        }
        out
    }
}

fn verdict(holds: Option<bool>) -> &'static str {
    match holds {
        Some(true) => "holds",
        Some(false) => "FAILS",
        None => "",
    }
}
