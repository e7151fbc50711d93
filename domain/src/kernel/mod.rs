//! What every module stands on: ids, words, time, text, workflow, the promised-time clock, decided changes.

pub mod calendar;
pub mod capacity;
pub mod changed;
pub mod clock;
pub mod daybook;
pub mod fault;
pub mod file;
pub mod id;
pub mod idcard;
pub mod ledger;
pub mod mask;
pub mod phone;
pub mod text;
pub mod time;
pub mod word;
pub mod workflow;
