//! Why a decision about an application is refused.

use super::machine::State;
use crate::enrolment::SchoolId;
use crate::enrolment::rules::Fact;
use crate::kernel::fault::Fault;
use crate::kernel::workflow::Denied;

/// The rule that refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    NotForYou,
    WrongState {
        state: State,
    },
    /// The round does not take applications now, or no longer.
    RoundNotOpen,
    /// The window for this has passed.
    TooLate,
    /// The law asks for a guardian's consent before anything about a child is stored.
    ConsentRequired,
    /// Papers that the rules ask for, by kind.
    DocumentsMissing {
        kinds: Vec<String>,
    },
    /// The person who verified cannot recheck.
    SameReviewer,
    /// Whoever is related to the family keeps out.
    RelatedReviewer,
    /// The rules cannot decide with what is known.
    Undecided {
        missing: Vec<Fact>,
    },
    /// The rules order by distance, and nobody has measured the way to these schools.
    Unmeasured {
        schools: Vec<SchoolId>,
    },
    /// By the rules there is no tier: this is to be rejected, not verified.
    NoTier,
    /// The reviewer's result differs from what the family was told, and nobody said why.
    DifferenceUnexplained,
    /// The school has no place in the round's plan.
    SchoolNotInRound,
    /// The home's seat belongs to another family until this school year (exclusive).
    SeatLocked {
        free_from: i64,
    },
    /// The seat is given on the strength of a home for which the family speaks no longer.
    HomeLeft,
    /// The school has no seat left.
    SchoolFull,
    /// There are more drafts of this resident in the round than any family needs.
    TooManyDrafts,
    /// This resident has registered more children in the round than any family has, or begun more often.
    TooManyApplications,
    /// Twins are of one family, one round and one birth.
    NotTwins,
    /// The values are wrong (422).
    Faults(Vec<Fault>),
}

impl Refusal {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotForYou => "not_for_you",
            Self::WrongState { .. } => "wrong_state",
            Self::RoundNotOpen => "round_not_open",
            Self::TooLate => "too_late",
            Self::ConsentRequired => "consent_required",
            Self::DocumentsMissing { .. } => "documents_missing",
            Self::SameReviewer => "same_reviewer",
            Self::RelatedReviewer => "related_reviewer",
            Self::Undecided { .. } | Self::Unmeasured { .. } => "undecided",
            Self::NoTier => "no_tier",
            Self::DifferenceUnexplained => "difference_unexplained",
            Self::SchoolNotInRound => "school_not_in_round",
            Self::SeatLocked { .. } => "seat_locked",
            Self::HomeLeft => "home_left",
            Self::SchoolFull => "school_full",
            Self::TooManyDrafts => "too_many_drafts",
            Self::TooManyApplications => "too_many_applications",
            Self::NotTwins => "not_twins",
            Self::Faults(_) => "values_invalid",
        }
    }

    pub(super) const fn denied(denied: Denied, state: State) -> Self {
        match denied {
            Denied::NotForYou => Self::NotForYou,
            Denied::WrongState => Self::WrongState { state },
        }
    }
}
