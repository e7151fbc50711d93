//! What the registry speaks about the dictionary of tags.

use deserr::Deserr;
use jiazai_domain::actor::Role;
use jiazai_domain::registry::{self as domain, Tag};
use serde::Serialize;
use utoipa::ToSchema;

use crate::input::named::{Text20, Text32, Text200, Text500, ValidDays};
use crate::input::{Day, Faults, Few};

/// At most thirteen.
pub type TagRoles = Few<crate::staff::RoleWord, 0, 13>;

/// An entry of a community's dictionary of tags.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewTag {
    /// Lower-case letters, digits and underscores.
    #[schema(inline)]
    pub code: Text32,
    #[schema(inline)]
    pub name: Text20,
    /// The law or rule that lets the community keep this.
    #[schema(inline)]
    pub legal_basis: Text200,
    /// Who may see that somebody has it; administrators always may.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub visible_to: TagRoles,
    /// After so many days somebody has to look again.
    #[schema(inline)]
    #[deserr(default)]
    pub valid_days: Option<ValidDays>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PutTag {
    #[schema(inline)]
    pub name: Text20,
    #[schema(inline)]
    pub legal_basis: Text200,
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub visible_to: TagRoles,
    #[schema(inline)]
    #[deserr(default)]
    pub valid_days: Option<ValidDays>,
    /// May still be given.
    pub active: bool,
}

/// Which ready-made scheme.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct AdoptPreset {
    #[schema(inline)]
    pub preset: Text20,
}

/// Why somebody no longer has it.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RemoveTag {
    #[schema(inline)]
    pub reason: Text500,
}

/// A tag and, perhaps, for which days.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct GiveTag {
    /// Its code or its name.
    #[schema(inline)]
    pub tag: Text32,
    /// Today when left out.
    #[schema(inline)]
    #[deserr(default)]
    pub from: Option<Day>,
    /// The last day; at the latest the one that the dictionary allows.
    #[schema(inline)]
    #[deserr(default)]
    pub until: Option<Day>,
}

/// A tag of the dictionary.
#[derive(Debug, Serialize, ToSchema)]
pub struct TagEntry {
    pub code: String,
    #[schema(example = "退役军人")]
    pub name: String,
    pub legal_basis: String,
    pub visible_to: Vec<&'static str>,
    pub valid_days: Option<i64>,
    pub active: bool,
    pub version: i64,
}

impl From<Tag> for TagEntry {
    fn from(tag: Tag) -> Self {
        Self {
            code: tag.code,
            name: tag.name,
            legal_basis: tag.legal_basis,
            visible_to: tag.visible_to.iter().map(|role: &Role| role.as_str()).collect(),
            valid_days: tag.valid_days,
            active: tag.active,
            version: tag.version,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TagDictionary {
    pub items: Vec<TagEntry>,
}

/// A ready-made tag.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresetTag {
    pub code: &'static str,
    pub name: &'static str,
    pub legal_basis: &'static str,
    pub visible_to: Vec<&'static str>,
    pub valid_days: Option<i64>,
}

/// A ready-made scheme of tags.
#[derive(Debug, Serialize, ToSchema)]
pub struct TagPreset {
    pub code: &'static str,
    pub name: &'static str,
    pub tags: Vec<PresetTag>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TagPresets {
    pub items: Vec<TagPreset>,
}

impl TagPresets {
    pub fn all() -> Self {
        let tag = |tag: &domain::presets::PresetTag| PresetTag {
            code: tag.code,
            name: tag.name,
            legal_basis: tag.legal_basis,
            visible_to: tag.visible_to.iter().map(|role| role.as_str()).collect(),
            valid_days: tag.valid_days,
        };
        let items = domain::presets::PRESETS.iter();
        Self { items: items.map(|p| TagPreset { code: p.code, name: p.name, tags: p.tags.iter().map(tag).collect() }).collect() }
    }
}
