//! Why a decision about a ticket is refused. Refusals are about how things stand; wrong values are faults.

use super::machine::State;
use crate::kernel::time::Timestamp;
use crate::kernel::workflow::Denied;

/// The rule that refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The caller is nobody who may ever do this to this ticket.
    NotForYou,
    /// It could be done in another state.
    WrongState {
        state: State,
    },
    /// The category gives its work out; nobody may take it.
    NotGrabbable,
    /// Urged less than half an hour ago.
    UrgedRecently {
        retry_at: Timestamp,
    },
    AlreadyRated,
    ReopenedAlready,
    /// More than seven days have passed since the resolution.
    TooLate,
    /// The category wants photos of what was done.
    PhotosMissing,
    TooManyPhotos,
    /// The person is no repair worker of this community.
    NotAWorker,
    /// The ticket is theirs already.
    SameWorker,
    /// A ticket cannot be a duplicate of itself.
    SameTicket,
    /// The other ticket belongs to another community.
    OtherCommunity,
    /// The other ticket is not open.
    TargetNotOpen,
    /// Other tickets were merged into this one; merging it too would make a chain.
    HasDuplicates,
    /// The category is of another community, or no longer offered.
    CategoryNotOffered,
    /// The reporter is not bound to this home.
    NotYourHome,
}

impl Refusal {
    /// A stable word for the rule.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotForYou => "not_for_you",
            Self::WrongState { .. } => "wrong_state",
            Self::NotGrabbable => "not_grabbable",
            Self::UrgedRecently { .. } => "urged_recently",
            Self::AlreadyRated => "already_rated",
            Self::ReopenedAlready => "reopened_already",
            Self::TooLate => "too_late",
            Self::PhotosMissing => "photos_missing",
            Self::TooManyPhotos => "too_many_photos",
            Self::NotAWorker => "not_a_worker",
            Self::SameWorker => "same_worker",
            Self::SameTicket => "same_ticket",
            Self::OtherCommunity => "other_community",
            Self::TargetNotOpen => "target_not_open",
            Self::HasDuplicates => "has_duplicates",
            Self::CategoryNotOffered => "category_not_offered",
            Self::NotYourHome => "not_your_home",
        }
    }

    pub(super) const fn denied(denied: Denied, state: State) -> Self {
        match denied {
            Denied::NotForYou => Self::NotForYou,
            Denied::WrongState => Self::WrongState { state },
        }
    }
}
