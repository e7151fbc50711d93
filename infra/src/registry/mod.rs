//! The registry 一房一档, as it is remembered: places, people, the dated facts between them, and who may speak for a home.
//!
//! `places` (with `homes` and `occupancy`), `bindings`, `delegations`, `proposals`, `visits` and `statistics` are about homes
//! and the accounts around them; `people`, `facts`, `tags` and `import` about who is written in the registry.

pub mod bindings;
mod claims;
pub mod delegations;
pub mod facts;
mod history;
pub mod homes;
pub mod import;
mod listed;
pub mod people;
pub mod places;
pub mod proposals;
pub mod statistics;
pub mod tags;
pub mod visits;

use jiazai_domain::kernel::time::Date;

/// The last day that every part of the system can write down. What has no end in a calendar has no end at all.
pub const LAST_DAY: Option<Date> = Date::from_ymd_opt(9999, 12, 31);
