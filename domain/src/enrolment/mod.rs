//! School enrolment 入学登记: from the sofa to a seat, with reasons.
//!
//! A *round* 招生批次 is one season of one stage, with a calendar, seat plans 学位计划 and a [`RuleSet`](rules::RuleSet).
//! A family hands in an *application* 入学登记 for a child; the rules put the child into a *tier* 类别 and its *batch*
//! 批次; reviewers check, two of them. [`allocate`] fills the seats batch by batch and says of each child which rule and
//! which comparison decided; where seats do not suffice a *draw* 摇号 may decide, which anyone can verify. A home's seat
//! belongs to one family for some years 六年一学位: [`seat_lock`].

pub mod allocate;
pub mod application;
pub mod draw;
#[cfg(test)]
mod golden;
pub mod known;
mod receipt;
pub mod retention;
pub mod round;
pub mod rules;
pub mod samples;
pub mod school;
pub mod seat_lock;
#[cfg(test)]
mod testing;

pub use receipt::receipt;

crate::ids! {
    /// A school.
    SchoolKind, SchoolId = "sch";
    /// An enrolment round.
    RoundKind, RoundId = "enr";
    /// An enrolment application.
    ApplicationKind, ApplicationId = "app";
    /// A draw.
    DrawKind, DrawId = "drw";
}

/// The least time that an offer made after the confirmation's end waits for an answer.
pub const OFFER_S: i64 = 3 * 86_400;
/// The least time that a family has to mend what was returned.
pub const CORRECT_S: i64 = 3 * 86_400;
