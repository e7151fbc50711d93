//! The registry 一房一档: homes, the people tied to them, and since when; a household fact entered once and read by every
//! other module as of a day.
//!
//! *Places* are estates 小区, buildings 楼栋, homes 户 and grids 网格. *People* are tied to homes by *facts* with intervals:
//! hukou, residence, ownership, tenancy, family, care. *Tags* say whom to visit first. A *keeper* 登记人 writes all this; a
//! *resident* gets rights from a *binding* of their account to a home, may *propose* changes, and may let somebody act
//! for them by a *delegation* 代办. *Occupancy* is how a home is lived in: what the facts say, or what a keeper said.
//!
//! Everything here is decided from values that were handed in; a fact also needs the facts around it, because its rules reach
//! over rows (shares of a home, sole residences of a person). Whoever saves one saves home and person one version on.

pub mod address;
mod area;
pub mod binding;
pub mod demo;
pub mod document;
pub mod fact;
pub mod import;
pub mod interval;
mod keeper;
mod occupancy;
pub mod person;
pub mod place;
pub mod presets;
pub mod proposal;
mod refusal;
pub mod sight;
pub mod statistics;
pub mod tag;
#[cfg(test)]
mod tests;
pub mod visit;

pub use address::{HomeKey, building_key, normalise_address, number_key, unit_key};
pub use area::Area;
pub use binding::{Binding, Delegation, OnBehalf, Relation};
pub use document::{Document, DocumentType};
pub use fact::{Correction, Fact, FactDraft, FactKind, Household, Share, Source, as_known, as_of};
pub use interval::Interval;
pub use keeper::{Grids, Keeper};
pub use occupancy::{Occupancy, SetOccupancy, Shown, derive_occupancy, next_change, shown, shown_of};
pub use person::{Alteration, Amendment, Corrected, Parted, Particulars, Person, PersonDraft};
pub use place::{Building, Estate, EstateGroup, Grid, Home, HomeDraft, PlaceDraft};
pub use proposal::Proposal;
pub use refusal::Refusal;
pub use tag::{PersonTag, Tag, TagDraft};
pub use visit::Visit;

use crate::kernel::text::Prose;

crate::ids! {
    /// An estate 小区.
    EstateIdKind, EstateId = "est";
    /// A group of estates 组团.
    EstateGroupIdKind, EstateGroupId = "egr";
    /// A grid 网格.
    GridIdKind, GridId = "grd";
    /// A building 楼栋.
    BuildingIdKind, BuildingId = "bld";
    /// A home 房屋: one flat or house that people live in, own or rent.
    HomeIdKind, HomeId = "hom";
    /// A person of the registry.
    PersonIdKind, PersonId = "per";
    /// A household fact.
    FactIdKind, FactId = "fct";
    /// A tag given to a person.
    PersonTagIdKind, PersonTagId = "ptg";
    /// A binding of an account to a home.
    BindingIdKind, BindingId = "bnd";
    /// A delegation.
    DelegationIdKind, DelegationId = "dlg";
    /// A change proposal.
    ProposalIdKind, ProposalId = "prp";
    /// A visit task.
    VisitIdKind, VisitId = "vis";
    /// An import.
    ImportIdKind, ImportId = "imp";
}

/// Why somebody corrects, rejects, ends or cancels.
pub type Reason = Prose<500>;
