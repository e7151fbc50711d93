//! Occupancy 入住状态: how a home is lived in, as a word and a colour.
//!
//! The facts say what they can; where they cannot tell, a keeper says it. The keeper's word stands on the map even when the
//! facts say otherwise (the keeper stood at the door), but the difference is reported until somebody mends one of them.

use super::fact::{Fact, FactKind};
use super::interval::Dated;
use crate::actor::PrincipalId;
use crate::kernel::time::{Date, Timestamp};

crate::words! {
    /// How a home is lived in. The words are the contract's; the Chinese is what they mean.
    Occupancy {
        /// 空房
        Vacant = "vacant",
        /// 人在户在: lived in by people whose hukou is here.
        OwnerOccupied = "owner_occupied",
        /// 人在户不在: lived in, hukou elsewhere.
        OwnerAbsent = "owner_absent",
        /// 户在人不在: a hukou is here, nobody lives here.
        HukouOnly = "hukou_only",
        /// 租房
        Rented = "rented",
        /// 待核
        Unknown = "unknown",
    }
}

impl Occupancy {
    /// What residents and staff read.
    pub const fn chinese(self) -> &'static str {
        match self {
            Self::Vacant => "空房",
            Self::OwnerOccupied => "人在户在",
            Self::OwnerAbsent => "人在户不在",
            Self::HukouOnly => "户在人不在",
            Self::Rented => "租房",
            Self::Unknown => "待核",
        }
    }

    /// The colour on the map, as CSS reads it. Six colours that stay apart for people who see red and green alike.
    pub const fn colour(self) -> &'static str {
        match self {
            Self::Vacant => "#BDBDBD",
            Self::OwnerOccupied => "#009E73",
            Self::OwnerAbsent => "#56B4E9",
            Self::HukouOnly => "#F0E442",
            Self::Rented => "#E69F00",
            Self::Unknown => "#FFFFFF",
        }
    }

    /// Reads the word, or the Chinese that spreadsheets hold.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::ALL.iter().copied().find(|o| o.as_str() == text || o.chinese() == text)
    }
}

/// What a keeper said, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetOccupancy {
    pub status: Occupancy,
    pub by: PrincipalId,
    pub at: Timestamp,
}

/// What the household facts of one home say for a day; [`Occupancy::Unknown`] where they cannot tell.
///
/// `facts` are all facts of the home; those that were corrected away do not count. A home that had people once and has
/// none now is vacant; a home of which nothing was ever recorded, or only an owner, is not known to be.
pub fn derive_occupancy(facts: &[Fact], day: Date) -> Occupancy {
    let known = || facts.iter().filter(|f| f.is_current());
    let live = |kind: FactKind| known().filter(move |f| f.kind == kind && f.interval().contains(day));
    if live(FactKind::Tenancy).next().is_some() {
        return Occupancy::Rented;
    }
    let registered_here = |fact: &Fact| live(FactKind::Hukou).any(|hukou| hukou.person == fact.person);
    if live(FactKind::Residence).next().is_some() {
        return if live(FactKind::Residence).any(registered_here) {
            Occupancy::OwnerOccupied
        } else if live(FactKind::Residence).any(|f| f.separated) {
            Occupancy::OwnerAbsent
        } else {
            Occupancy::Unknown
        };
    }
    if live(FactKind::Hukou).next().is_some() {
        return Occupancy::HukouOnly;
    }
    let was = |f: &Fact| matches!(f.kind, FactKind::Residence | FactKind::Tenancy | FactKind::Hukou);
    let over = |f: &Fact| f.interval().until().is_some_and(|until| until <= day);
    if known().any(|f| was(f) && over(f)) { Occupancy::Vacant } else { Occupancy::Unknown }
}

/// The next day on which [`derive_occupancy`] may answer otherwise with nothing recorded: where a fact begins or ends. Until
/// then an answer may be kept.
pub fn next_change(facts: &[Fact], day: Date) -> Option<Date> {
    let known = facts.iter().filter(|f| f.is_current()).map(|f| f.interval());
    known.flat_map(|i| [Some(i.from()), i.until()]).flatten().filter(|turn| *turn > day).min()
}

/// A home's occupancy as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    pub status: Occupancy,
    pub derived: Occupancy,
    pub set: Option<Occupancy>,
    /// The keeper's word and the facts cannot both be true.
    pub contradiction: bool,
}

/// The keeper's word where there is one, else what the facts say.
pub fn shown(set: Option<Occupancy>, facts: &[Fact], day: Date) -> Shown {
    let derived = derive_occupancy(facts, day);
    let lived_in = facts.iter().any(|f| f.is_current() && f.kind == FactKind::Residence && f.interval().contains(day));
    shown_of(set, derived, lived_in)
}

/// The same, of what was derived before; `lived_in` where a residence is recorded.
pub fn shown_of(set: Option<Occupancy>, derived: Occupancy, lived_in: bool) -> Shown {
    let contradiction = set.is_some_and(|set| {
        let denied = lived_in && matches!(set, Occupancy::Vacant | Occupancy::HukouOnly);
        denied || set != Occupancy::Unknown && derived != Occupancy::Unknown && set != derived
    });
    Shown { status: set.unwrap_or(derived), derived, set, contradiction }
}
