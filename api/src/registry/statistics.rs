//! Statistics 统计 of a community over HTTP.

use std::collections::BTreeMap;

use jiazai_domain::actor::Community;
use jiazai_domain::api_key::{Action, Resource, Scope};
use jiazai_domain::registry::{Grids, statistics as domain};
use jiazai_infra::registry::statistics as store;
use serde::Serialize;
use utoipa::ToSchema;

use super::{keeper_if, within};
use crate::call::{At, Call, Outcome};
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(get_community_statistics, Access::Staff));
}

/// Counts under their names; null where a count is hidden because it would name people.
type Counts = BTreeMap<String, Option<i64>>;

/// How many, by kind. Homes and people that belong to no grid are counted under the empty name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Statistics {
    /// Homes.
    pub by_occupancy: Counts,
    /// People; one person may have several tags, or none.
    pub by_tag: Counts,
    /// Homes.
    pub by_grid: Counts,
    /// People.
    pub people_by_grid: Counts,
    /// People, by age in whole years today.
    pub by_age_band: Counts,
    /// Small counts are hidden.
    pub suppressed: bool,
}

/// How many live how
///
/// Keepers get exact counts of what they keep: a grid worker those of their grids. Other staff get counts of the whole
/// community in which one to four are hidden, with as much else as it takes that they cannot be worked out; so does a key without
/// `people:read`.
#[utoipa::path(get, path = "/communities/{id}/statistics", tag = "registry", operation_id = "get_community_statistics",
    params(("id" = String, Path)), responses((status = 200, body = Statistics)))]
async fn get_community_statistics(call: Call, id: At<Community>) -> Outcome {
    call.query()?.finish()?;
    call.read(move |tx, cx| {
        let who = cx.actor()?;
        within(tx, who, id.0)?;
        let keeper = keeper_if(tx, who, id.0)?;
        let grids = keeper.as_ref().map_or(&Grids::All, |keeper| keeper.grids());
        let tally = store::count(tx, &cx.app.vault, id.0, grids, &who.roles_in(id.0))?;
        // A program counts as exactly as it may read people one by one.
        let suppressed = keeper.is_none() || !who.may(Scope { resource: Resource::People, action: Action::Read });
        let domain::Statistics { by_occupancy, by_tag, by_grid, people_by_grid, by_age_band } =
            if suppressed { tally.suppressed() } else { tally.exact() };
        Reply::ok(&Statistics { by_occupancy, by_tag, by_grid, people_by_grid, by_age_band, suppressed })
    })
    .await
}
