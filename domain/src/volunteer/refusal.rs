//! Why a decision of this module is refused. Refusals are about how things stand; wrong values are faults.

use super::eligibility::Ineligible;
use super::machine::State;
use crate::kernel::capacity;
use crate::kernel::time::Timestamp;
use crate::kernel::workflow::Denied;

/// The rule that refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The caller is nobody who may ever do this.
    NotForYou,
    /// It could be done in another state; `state` is the word of the present one.
    WrongState {
        state: &'static str,
    },
    /// Nobody can sign up: it is too early (until `opens_at`), too late, or the activity is not on.
    NotOpen {
        opens_at: Option<Timestamp>,
    },
    ShiftFull,
    AlreadySignedUp,
    /// Another place of theirs is at the same time.
    TimeConflict,
    /// Their household has as many places as one may have.
    HouseholdLimit,
    /// A household may have so many places, and nobody knows which household is theirs.
    HouseholdUnknown,
    /// All reasons at once.
    NotEligible {
        reasons: Vec<Ineligible>,
    },
    /// A minor, and no guardian has agreed.
    ConsentRequired,
    /// They missed too many shifts without a word.
    Blocked {
        until: Timestamp,
    },
    /// The shift has no such post, or several and none was named.
    UnknownPost,
    /// Other people reckon with them by now.
    TooLateToCancel {
        since: Timestamp,
    },
    OfferExpired {
        at: Timestamp,
    },
    /// Nothing of the kind before this instant.
    TooEarly {
        from: Timestamp,
    },
    /// Nothing of the kind from this instant on.
    TooLate {
        since: Timestamp,
    },
    /// The code was this shift's, some time ago.
    CodeStale,
    /// The code is another shift's, or nobody's.
    CodeUnknown,
    /// There is no pair of check-in and check-out to reckon from: the leader has to say how many minutes, and why.
    MinutesRequired,
    /// A shift is still to come or running.
    ShiftsAhead,
    /// What an hour is worth and who may come is promised once it is published.
    Promised,
    /// More people have places, or wait, than would fit.
    TooSmall,
    /// There are no hours to certify.
    NothingToCertify,
    /// It was revoked before.
    AlreadyRevoked,
    /// With oneself, for a sign-up that is not confirmed, or across communities.
    CannotSwap,
    /// They have proposed as many swaps as one place is worth.
    TooManyProposals,
    /// They were given as many certificates as anybody needs in a day.
    TooManyCertificates {
        again_at: Timestamp,
    },
    /// Nobody of age and of the same home, as far as the registry knows.
    NotTheirGuardian,
    /// They speak for themselves, or nobody knows their age.
    NotAMinor,
    /// Check-in happens at a place, and they do not say where they are.
    LocationRequired,
    /// They are not at that place.
    TooFar,
    /// Time has moved the line; settle it first and ask again. Not for people's eyes.
    Unsettled,
}

impl Refusal {
    /// A stable word for the rule.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotForYou => "not_for_you",
            Self::WrongState { .. } => "wrong_state",
            Self::NotOpen { .. } => "not_open",
            Self::ShiftFull => "shift_full",
            Self::AlreadySignedUp => "already_signed_up",
            Self::TimeConflict => "time_conflict",
            Self::HouseholdLimit => "household_limit",
            Self::HouseholdUnknown => "household_unknown",
            Self::NotEligible { .. } => "not_eligible",
            Self::ConsentRequired => "consent_required",
            Self::Blocked { .. } => "blocked_after_no_shows",
            Self::UnknownPost => "unknown_post",
            Self::TooLateToCancel { .. } => "too_late_to_cancel",
            Self::OfferExpired { .. } => "offer_expired",
            Self::TooEarly { .. } => "too_early",
            Self::TooLate { .. } => "too_late",
            Self::CodeStale => "code_stale",
            Self::CodeUnknown => "code_unknown",
            Self::MinutesRequired => "minutes_required",
            Self::ShiftsAhead => "shifts_ahead",
            Self::Promised => "already_promised",
            Self::TooSmall => "capacity_in_use",
            Self::NothingToCertify => "nothing_to_certify",
            Self::AlreadyRevoked => "already_revoked",
            Self::CannotSwap => "cannot_swap",
            Self::TooManyProposals => "too_many_proposals",
            Self::TooManyCertificates { .. } => "too_many_certificates",
            Self::NotTheirGuardian => "not_their_guardian",
            Self::NotAMinor => "not_a_minor",
            Self::LocationRequired => "location_required",
            Self::TooFar => "too_far",
            Self::Unsettled => "unsettled",
        }
    }

    pub(super) const fn denied(denied: Denied, state: &'static str) -> Self {
        match denied {
            Denied::NotForYou => Self::NotForYou,
            Denied::WrongState => Self::WrongState { state },
        }
    }

    pub(super) const fn of_sign_up(denied: Denied, state: State) -> Self {
        Self::denied(denied, state.as_str())
    }
}

impl From<capacity::Refusal> for Refusal {
    fn from(refusal: capacity::Refusal) -> Self {
        match refusal {
            capacity::Refusal::NotOpen { opens_at } => Self::NotOpen { opens_at: Some(opens_at) },
            capacity::Refusal::Closed => Self::NotOpen { opens_at: None },
            capacity::Refusal::Full => Self::ShiftFull,
            capacity::Refusal::Unsettled => Self::Unsettled,
            capacity::Refusal::OfferExpired { at } => Self::OfferExpired { at },
            capacity::Refusal::TooSmall => Self::TooSmall,
            capacity::Refusal::PersonLimit => Self::AlreadySignedUp,
            capacity::Refusal::HouseholdLimit => Self::HouseholdLimit,
        }
    }
}
