//! Schools.

use deserr::Deserr;
use jiazai_domain::enrolment::round;
use jiazai_domain::enrolment::school::{School, SchoolDraft};
use serde::Serialize;
use utoipa::ToSchema;

use crate::input::named::{CommunityRef, SchoolRef, Text60};
use crate::input::{Faults, Few, Ref};

crate::spoken! {
    /// What a school or a round is for.
    Stage = round::Stage { Kindergarten = "kindergarten", Primary = "primary", Junior = "junior" }
}

pub type Served = Few<CommunityRef, 0, 200>;

/// A school as it shall be.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PutSchool {
    #[schema(inline)]
    pub name: Text60,
    /// Left out: of any stage.
    #[deserr(default)]
    pub stage: Option<Stage>,
    /// The communities that it serves; none named, all of them.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub community_ids: Served,
}

impl PutSchool {
    pub fn draft(&self) -> SchoolDraft<'_> {
        SchoolDraft {
            name: &self.name.0,
            stage: self.stage.map(Into::into),
            communities: self.community_ids.0.iter().map(|community| community.0).collect(),
        }
    }
}

/// A school 学校.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = School)]
pub struct SchoolDto {
    #[schema(inline)]
    pub id: SchoolRef,
    pub name: String,
    pub stage: Option<Stage>,
    /// The communities that it serves; none, all of them.
    #[schema(inline)]
    pub community_ids: Vec<CommunityRef>,
    pub version: i64,
}

impl From<&School> for SchoolDto {
    fn from(school: &School) -> Self {
        let f = school.facts();
        Self {
            id: Ref(f.id),
            name: f.name.clone(),
            stage: f.stage.map(Into::into),
            community_ids: f.communities.iter().copied().map(Ref).collect(),
            version: f.version,
        }
    }
}
