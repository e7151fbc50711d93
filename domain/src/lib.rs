//! Decisions. What may happen in a community, to whom, and why not: as pure functions of data.
//!
//! Nothing here reads a clock, draws a random number, awaits, or touches a disk or a socket; everything that may
//! differ between two runs (time, ids, identity) is an argument. Types refuse to hold what may not exist: they have
//! private fields and one fallible door, and they are not `Deserialize`, so no request body can walk around the door.
//!
//! [`kernel`] holds what every module stands on; each other module is one word of the residents' language and has a
//! namesake in the crates `infra` (how it is remembered) and `api` (how it is spoken).

pub mod actor;
pub mod api_key;
pub mod audit;
pub mod content;
pub mod enrolment;
pub mod export;
pub mod feed;
pub mod kernel;
pub mod registry;
pub mod repair;
pub mod volunteer;
pub mod webhook;
