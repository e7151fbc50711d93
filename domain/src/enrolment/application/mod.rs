//! Applications 入学登记: one child, handed in by a guardian, checked by two, placed, answered, checked in.
//!
//! The *applicant* 登记人 is the resident who hands in. A *reviewer* 审核人 claims an application, verifies it, and
//! another one rechecks it; whoever is related keeps out. What a family *declares* and what a reviewer *corrects* are kept
//! apart, and the tier is always worked out from both by the rules of the round, never typed.

mod aggregate;
mod draft;
mod family;
mod guard;
mod late;
mod machine;
mod person;
mod placing;
mod refusal;
mod review;
mod sight;
#[cfg(test)]
mod tests;

pub use aggregate::{Application, Facts, Offer};
pub use draft::{
    ApplicationDraft, Attachment, Consent, ConsentDraft, Content, DRAFT_HOLDS_S, HandIn, MAX_BEGUN, MAX_DOCUMENTS, MAX_DRAFTS,
    MAX_REGISTERED, Standing,
};
pub use late::{LatePermit, LatePermitFacts};
pub use machine::{Action, MACHINE, Party, ReturnCode, State, is_objection_pending};
pub use person::{Child, ChildDraft, Guardian, GuardianDraft, MAX_GUARDIANS, Relation};
pub use placing::Placing;
pub use refusal::Refusal;
pub use review::{Correction, Returned};
pub use sight::{STAFF, Sight, View};

use crate::kernel::text::Prose;

/// Why somebody returns, rejects, objects, declines, coordinates or revokes.
pub type Reason = Prose<1000>;

/// What notices are about; each is a message template of its own.
pub mod template {
    /// To the family: it is checked, listed, withdrawn, revoked.
    pub const PROGRESS: &str = "enrolment_progress";
    /// To the family: something has to be mended.
    pub const RETURNED: &str = "enrolment_returned";
    /// To the family: a seat is offered, or there is none yet.
    pub const RESULT: &str = "enrolment_result";
    /// To the reviewer: what they checked has changed.
    pub const REVIEW: &str = "enrolment_review";
}
