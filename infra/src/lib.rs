//! The outside: databases, Redis, WeChat, files, keys. What the domain decided is remembered here, and nowhere else.

pub mod cache;
pub mod clock;
pub mod db;
pub mod files;
pub mod password;
pub mod vault;
pub mod wechat;
