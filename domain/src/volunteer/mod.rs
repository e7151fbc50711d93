//! Volunteer service 志愿服务: neighbours help, for some hours, and it is remembered.
//!
//! An *activity* 活动 says what is done and what an hour of it is worth; a *shift* 班次 is a time at which it is done,
//! with one or more *posts* 岗位, each of which has a [pool](crate::kernel::capacity) of places. A *sign-up* 报名 is
//! one resident's claim: confirmed at once, or waitlisted and later offered a place for a limited time. A *leader*
//! 领队 shows a code that changes every half minute; who is there checks in and out with it, and the leader settles
//! what was served into *hours* 志愿时长 and *points* 积分. Points are spent; hours are a record of their own that only
//! grows, and a *certificate* 证书 says how many there are.
//!
//! Sign-ups and swaps are loaded from their facts, take one decision, and are handed back as a
//! [`Changed`](crate::kernel::changed::Changed); what also moves a pool says so in an [`Effect`]. Time does its part
//! when somebody looks: see [`settle_line`].

mod activity;
mod attendance;
mod certificate;
mod code;
mod eligibility;
mod guard;
mod guardian;
mod hours;
mod machine;
mod opening;
mod recurrence;
mod refusal;
mod seat;
mod shift;
mod sign_up;
mod spot;
mod swap;
#[cfg(test)]
mod tests;

pub use activity::{Activity, ActivityDraft, ActivityFacts, ActivityPlan};
pub use attendance::{Credit, Finding};
pub use certificate::{Certificate, CertificateCode, CertificateFacts, Revocation};
pub use code::{CODE_TOLERANCE_MS, CODE_WINDOW_S, CheckInCode, CodeFault, CodeKey, check_code, code_at};
pub use eligibility::{Eligibility, EligibilityDraft, Ineligible};
pub use guardian::{GuardianConsent, Kin, TextVersion};
pub use hours::{Hours, NoShowRule, PointCaps, RankingBy, minutes_between, points_for};
pub use machine::{
    ACTIVITY_MACHINE, Action, ActivityAction, ActivityState, CERTIFICATE_MACHINE, CONSENT_MACHINE, CertificateAction, CertificateState,
    ConsentAction, ConsentState, MACHINE, Party, SHIFT_MACHINE, SWAP_MACHINE, ShiftAction, ShiftState, State, SwapAction, SwapState,
};
pub use opening::{Admission, Consent, Opening, Span, Volunteer, is_minor};
pub use recurrence::{MAX_OCCURRENCES, Recurrence};
pub use refusal::Refusal;
pub use seat::{Effect, SettledLine, Unfit, settle_line};
pub use shift::{Post, PostDraft, Shift, ShiftDraft, ShiftFacts, ShiftPlan};
pub use sign_up::{Occasion, SignUp, SignUpFacts};
pub use spot::{Point, Spot};
pub use swap::{Earlier, Side, Swap, SwapFacts};

use crate::kernel::text::{Line, Prose};

crate::ids! {
    /// An activity.
    ActivityKind, ActivityId = "act";
    /// A shift of an activity.
    ShiftKind, ShiftId = "shf";
    /// One resident's sign-up for a shift.
    SignUpKind, SignUpId = "sgn";
    /// Two volunteers who want to exchange their places.
    SwapKind, SwapId = "swp";
    /// A guardian's word that a minor may take part.
    GuardianConsentKind, GuardianConsentId = "gdc";
}

pub type Title = Line<60>;
pub type Description = Prose<2000>;
/// Where to meet.
pub type Place = Line<200>;
/// 引导员, 搬运: what somebody does in a shift.
pub type PostName = Line<20>;
/// Why somebody cancels, or why minutes differ from what the code says.
pub type Reason = Prose<500>;

pub const MAX_POINTS_PER_HOUR: i64 = 1000;
pub const MAX_HOURS: i64 = 24;
/// The most that an administrator grants at once.
pub const MAX_GRANT_POINTS: i64 = 1_000_000;
pub const MAX_POSTS: usize = 20;
/// A shift may be as long as a week, because that is how long a 微事项 waits to be done.
pub const MAX_SHIFT_S: i64 = 7 * 86_400;
/// Volunteers cancel until this long before the start, unless the shift says otherwise.
pub const CANCEL_BEFORE_S: i64 = 3 * 3600;
/// An offer is held this long, unless the activity says otherwise.
pub const HOLD_S: i64 = 2 * 3600;
/// Who is awaited is reminded this long before the start.
pub const REMIND_BEFORE_S: i64 = 24 * 3600;
/// Check-in opens this long before the start.
pub const CHECK_IN_BEFORE_S: i64 = 30 * 60;
/// For this long after the end a leader can still show a code, for those who leave late.
pub const CODE_AFTER_S: i64 = 12 * 3600;
/// This long after its last shift an activity counts as ended.
pub const ENDED_AFTER_S: i64 = 7 * 86_400;
/// So often may one place be offered for another one, and for others all in all. Each proposal tells somebody, and who is told pays with a
/// consent of theirs.
pub const MAX_PROPOSALS_TO_ONE: i64 = 3;
pub const MAX_PROPOSALS: i64 = 20;
/// Certificates that somebody is given within [`CERTIFICATES_WITHIN_S`].
pub const MAX_CERTIFICATES: usize = 10;
pub const CERTIFICATES_WITHIN_S: i64 = 86_400;
/// Who is younger needs the consent of a guardian (监护人).
pub const ADULT_AGE: i64 = 18;

/// What notices are about; each is a message template of its own.
pub mod template {
    /// You have a place.
    pub const CONFIRMED: &str = "volunteer_confirmed";
    /// A place is held for you until …
    pub const OFFER: &str = "volunteer_offer";
    /// Your shift was moved, called off, or your sign-up ended.
    pub const CHANGED: &str = "volunteer_changed";
    /// Tomorrow you are awaited.
    pub const REMINDER: &str = "volunteer_reminder";
    /// Your hours were credited.
    pub const CREDITED: &str = "volunteer_credited";
    /// Somebody would like to swap with you, or has answered.
    pub const SWAP: &str = "volunteer_swap";
}
