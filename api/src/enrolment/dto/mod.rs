//! What enrolment speaks.

mod facts;
mod plan;
mod precheck;
mod round;
mod rules;
mod school;

pub use self::facts::*;
pub use self::plan::*;
pub use self::precheck::*;
pub use self::round::*;
pub use self::rules::*;
pub use self::school::*;
