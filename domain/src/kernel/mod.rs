//! What every module stands on: ids, time, text, workflow, the promised-time clock.

pub mod id;
pub mod time;
