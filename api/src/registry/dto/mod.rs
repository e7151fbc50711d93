//! What the registry speaks about places, homes and bindings.

mod binding;
mod home;
mod place;

pub use self::binding::{ApproveBinding, BindingState, DelegationMatter, DocumentKind, EndBinding, HomeBinding, NewBinding, RejectBinding};
pub use self::home::{
    AreaM2, BuildingHomes, CommunityMap, HomeDetail, HomeItem, HouseholdFact, LegendEntry, MapBuilding, MapHome, NewHome, OccupancyWord,
    PutOccupancy,
};
pub use self::place::{Building, Estate, EstateGroup, Grid, GridStaff, NewBuilding, NewGrid, NewPlace, PutGridStaff, Regrid, Regroup};
