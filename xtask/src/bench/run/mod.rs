//! The measurements, and what they measure with: load, rows, a server, a report.

mod enrolment;
mod export;
mod fanout;
pub(super) mod figures;
mod lists;
mod load;
mod machine;
mod peer;
mod plot;
mod postgres;
mod registry;
mod report;
mod rows;
mod server;
mod sqlite;
mod stats;
mod volunteer;
