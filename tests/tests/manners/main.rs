//! The manners of the API: what holds for every operation, whatever it is about.

mod answers;
mod limits;
mod problems;
mod writing;
