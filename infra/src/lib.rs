//! The outside: databases, Redis, WeChat, files, keys. What the domain decided is remembered here, and nowhere else.

pub mod api_key;
pub mod audit;
pub mod cache;
pub(crate) mod capacity;
pub mod clock;
pub mod community;
pub mod content;
pub mod db;
pub mod enrolment;
pub mod events;
pub mod files;
pub mod idempotency;
pub mod identity;
pub mod leases;
pub mod ledger;
pub mod mini_codes;
pub mod notices;
pub mod password;
pub mod registry;
pub mod repair;
pub mod settings;
pub mod uploads;
pub mod vault;
pub mod volunteer;
pub mod webhooks;
pub mod wechat;
