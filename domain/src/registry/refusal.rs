//! Why a decision about the registry is refused.

use crate::kernel::fault::Fault;

/// The rule that refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Values that can be mended by typing others, all of them.
    Invalid(Vec<Fault>),
    /// The caller is nobody who may ever do this: another community, or outside the grids they keep.
    NotForYou,
    /// It could be done in another state.
    WrongState { state: &'static str },
    /// Home, person or tag belong to different communities.
    OtherCommunity,
    /// This account is bound to this home already, or has asked to be.
    AlreadyBound,
    /// The fact was corrected before; the correction is what can be changed.
    Superseded,
    /// The person has died; nothing new begins for them.
    Deceased,
    /// The tag is no longer given.
    TagNotOffered,
    /// The delegation does not reach this kind of act.
    OutsideDelegation,
    /// The delegation is over, or was taken back.
    DelegationOver,
}

impl Refusal {
    /// A stable word for the rule.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::NotForYou => "not_for_you",
            Self::WrongState { .. } => "wrong_state",
            Self::OtherCommunity => "other_community",
            Self::AlreadyBound => "already_bound",
            Self::Superseded => "superseded",
            Self::Deceased => "deceased",
            Self::TagNotOffered => "tag_not_offered",
            Self::OutsideDelegation => "outside_delegation",
            Self::DelegationOver => "delegation_over",
        }
    }

    pub(super) fn fault(pointer: &str, code: &'static str) -> Self {
        Self::Invalid(vec![Fault { pointer: pointer.to_owned(), code }])
    }
}

impl From<Vec<Fault>> for Refusal {
    fn from(faults: Vec<Fault>) -> Self {
        Self::Invalid(faults)
    }
}
