//! Rules about rules, each by the name of its test.

mod contradictions;
mod logic;
