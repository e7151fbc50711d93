//! What the registry speaks about estates, grids and buildings.

use deserr::Deserr;
use jiazai_domain::registry as domain;
use serde::Serialize;
use utoipa::ToSchema;

use crate::input::named::{BuildingRef, CommunityRef, EstateGroupRef, EstateRef, GridRef, PrincipalRef, Text60, Text64};
use crate::input::{Faults, Few, Ref};

/// At most fifty.
pub type GridStaff = Few<PrincipalRef, 0, 50>;

/// A group of estates or an estate, as somebody asks it to be.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewPlace {
    #[schema(inline)]
    pub name: Text60,
    /// What another system calls it; unique in the community.
    #[schema(inline)]
    #[deserr(default)]
    pub external_code: Option<Text64>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewGrid {
    #[schema(inline)]
    pub name: Text60,
    #[schema(inline)]
    #[deserr(default)]
    pub external_code: Option<Text64>,
    /// Grid workers of the community.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub staff_ids: GridStaff,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewBuilding {
    #[schema(inline)]
    pub estate_id: EstateRef,
    #[schema(inline)]
    #[deserr(default)]
    pub grid_id: Option<GridRef>,
    #[schema(inline)]
    pub name: Text60,
    #[schema(inline)]
    #[deserr(default)]
    pub external_code: Option<Text64>,
}

/// Which group; none to leave it.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Regroup {
    #[schema(inline)]
    #[deserr(default)]
    pub group_id: Option<EstateGroupRef>,
}

/// Which grid; none to be in none.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Regrid {
    #[schema(inline)]
    #[deserr(default)]
    pub grid_id: Option<GridRef>,
}

/// Who looks after the grid from now on.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PutGridStaff {
    #[schema(inline)]
    pub staff_ids: GridStaff,
}

/// A group of estates 组团, run as one.
#[derive(Debug, Serialize, ToSchema)]
pub struct EstateGroup {
    #[schema(inline)]
    pub id: EstateGroupRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub name: String,
    pub external_code: Option<String>,
    pub version: i64,
}

impl From<domain::EstateGroup> for EstateGroup {
    fn from(group: domain::EstateGroup) -> Self {
        let domain::EstateGroup { id, version, community, name, external_code } = group;
        Self { id: Ref(id), community_id: Ref(community), name, external_code, version }
    }
}

/// An estate 小区.
#[derive(Debug, Serialize, ToSchema)]
pub struct Estate {
    #[schema(inline)]
    pub id: EstateRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub name: String,
    #[schema(inline)]
    pub group_id: Option<EstateGroupRef>,
    pub external_code: Option<String>,
    pub version: i64,
}

impl From<domain::Estate> for Estate {
    fn from(estate: domain::Estate) -> Self {
        let domain::Estate { id, version, community, name, group, external_code, .. } = estate;
        Self { id: Ref(id), community_id: Ref(community), name, group_id: group.map(Ref), external_code, version }
    }
}

/// A grid 网格.
#[derive(Debug, Serialize, ToSchema)]
pub struct Grid {
    #[schema(inline)]
    pub id: GridRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub name: String,
    pub staff_ids: Vec<String>,
    pub external_code: Option<String>,
    pub version: i64,
}

impl From<domain::Grid> for Grid {
    fn from(grid: domain::Grid) -> Self {
        let domain::Grid { id, version, community, name, staff, external_code, .. } = grid;
        let staff_ids = staff.iter().map(|person| person.text()).collect();
        Self { id: Ref(id), community_id: Ref(community), name, staff_ids, external_code, version }
    }
}

/// A building 楼栋.
#[derive(Debug, Serialize, ToSchema)]
pub struct Building {
    #[schema(inline)]
    pub id: BuildingRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub estate_id: EstateRef,
    #[schema(inline)]
    pub grid_id: Option<GridRef>,
    pub name: String,
    pub external_code: Option<String>,
    pub version: i64,
}

impl From<domain::Building> for Building {
    fn from(building: domain::Building) -> Self {
        let domain::Building { id, version, community, estate, grid, name, external_code, .. } = building;
        Self { id: Ref(id), community_id: Ref(community), estate_id: Ref(estate), grid_id: grid.map(Ref), name, external_code, version }
    }
}
