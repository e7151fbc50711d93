//! What volunteer service speaks.

mod activity;
mod shift;
mod sign_up;

pub use self::activity::*;
pub use self::shift::*;
pub use self::sign_up::*;
