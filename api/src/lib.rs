//! 家在 over HTTP, and on the command line.
//!
//! A request passes [`manners`] (what every answer has), then `auth::admit` (who calls, may they), then a handler, which
//! reads the body and hands a synchronous function to [`call::Call::write`] or [`call::Call::read`]. Each module of the
//! domain has its namesake here; [`route`] is the only door for new operations, and documents them.

mod api_keys;
pub mod app;
mod audit;
mod auth;
mod backup;
mod bulk;
mod call;
pub mod cli;
mod community;
pub mod config;
mod content;
mod demo;
mod demo_app;
mod enrolment;
mod error;
mod faults;
mod feed;
mod files;
mod idempotency;
mod identity;
mod import;
mod inbox;
mod input;
mod jobs;
mod limits;
mod manners;
mod me;
mod meta;
mod metrics;
mod notices;
mod oauth;
pub mod openapi;
mod operations;
mod page;
mod points;
mod precondition;
mod push;
mod registry;
mod repair;
mod reply;
mod route;
mod serve;
mod shown;
mod staff;
#[cfg(test)]
mod testing;
mod volunteer;
mod webhooks;
