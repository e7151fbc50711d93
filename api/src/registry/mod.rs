//! The registry 一房一档 over HTTP. The domain's module of the same name says what the words mean.
//!
//! What a caller does not see does not exist (404): another community for staff, another grid for a grid worker. What they
//! see but may not change is 403.

mod bindings;
mod delegations;
mod dto;
mod history;
mod homes;
mod imports;
mod map;
mod mine;
mod notice;
mod people;
mod places;
mod proposals;
mod renaming;
mod say;
mod statistics;
mod visits;

pub use bindings::settle_leases;
pub use delegations::on_behalf;
pub use dto::DocumentKind;
pub use imports::work::{Source, Worker, end_abandoned, importer, waiting as imports_waiting};
pub use map::Maps;
pub use mine::{MyRegistry, leave_all};
pub use notice::words;
pub use people::adopt;
pub use people::dto::SexWord;
pub use say::say;

use jiazai_domain::actor::{Actor, CommunityAdmin, CommunityId, Forbidden, PrincipalKind, Role};
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::sight::Sight;
use jiazai_domain::registry::{Building, BuildingId, GridId, Grids, Home, HomeId, Keeper, Refusal};
use jiazai_infra::community as communities;
use jiazai_infra::db::Tx;
use jiazai_infra::registry::{homes as home_store, places as place_store};

use crate::error::{ApiError, code};
use crate::faults::faulty;
use crate::page::Params;
use crate::route::Api;

/// Those who run a community.
const ADMINS: &[Role] = &[Role::CommunityAdmin];
/// Those who keep the registry.
const KEEPERS: &[Role] = &[Role::CommunityAdmin, Role::GridWorker];
/// Those who see how homes are lived in.
const LOOKERS: &[Role] = &[
    Role::CommunityAdmin,
    Role::GridWorker,
    Role::PropertyManager,
    Role::Dispatcher,
    Role::Auditor,
    Role::EnrolmentAdmin,
    Role::EnrolmentReviewer,
];

pub fn routes(api: &mut Api) {
    places::routes(api);
    renaming::routes(api);
    homes::routes(api);
    history::routes(api);
    map::routes(api);
    bindings::routes(api);
    delegations::routes(api);
    visits::routes(api);
    proposals::routes(api);
    statistics::routes(api);
    people::routes(api);
    imports::routes(api);
}

fn absent() -> ApiError {
    ApiError::new(code::NOT_FOUND)
}

/// Whether the community is there for the caller: residents may look for their home anywhere, staff where they work.
fn is_within(who: &Actor, community: CommunityId) -> bool {
    who.kind == PrincipalKind::Resident || who.communities_as(Role::ALL).contains(community)
}

/// 404 unless the community exists and is there for the caller.
fn within(tx: &mut Tx, who: &Actor, community: CommunityId) -> Result<(), ApiError> {
    if is_within(who, community) && communities::find(tx, community)?.is_some() { Ok(()) } else { Err(absent()) }
}

/// The caller as the administrator of a community; 404 where they do not see it, 403 where they do not run it.
fn admin(tx: &mut Tx, who: &Actor, community: CommunityId) -> Result<CommunityAdmin, ApiError> {
    within(tx, who, community)?;
    Ok(who.admin_of(community)?)
}

/// The caller as a keeper of a community, or of their grids in it, if they are one.
fn keeper_if(tx: &mut Tx, who: &Actor, community: CommunityId) -> Result<Option<Keeper>, ApiError> {
    let grids = if who.holds(Role::GridWorker, community) { place_store::grids_of(tx, who.id)? } else { vec![] };
    match Keeper::of(who, community, grids) {
        Ok(keeper) => Ok(Some(keeper)),
        Err(Forbidden) => Ok(None),
    }
}

/// The caller as a keeper; 404 where they do not see the community, 403 where they keep nothing.
fn keeper(tx: &mut Tx, who: &Actor, community: CommunityId) -> Result<Keeper, ApiError> {
    within(tx, who, community)?;
    keeper_if(tx, who, community)?.ok_or_else(|| ApiError::new(code::FORBIDDEN))
}

/// The grids that the caller was given, in all communities.
fn own_grids(tx: &mut Tx, who: &Actor) -> Result<Vec<GridId>, ApiError> {
    let is_worker = who.grants.iter().any(|grant| grant.role == Role::GridWorker);
    Ok(if is_worker { place_store::grids_of(tx, who.id)? } else { vec![] })
}

/// The caller's eyes.
fn sight(tx: &mut Tx, who: &Actor) -> Result<Sight, ApiError> {
    Ok(Sight::of(who, own_grids(tx, who)?))
}

/// The caller's eyes for bindings, and for who looked at people.
fn watching(tx: &mut Tx, who: &Actor) -> Result<Sight, ApiError> {
    Ok(Sight::watching(who, own_grids(tx, who)?))
}

/// Which grids of a community the caller sees; 404 where they see none of it, 403 where their work is another one.
fn seen_grids(tx: &mut Tx, who: &Actor, community: CommunityId) -> Result<Grids, ApiError> {
    within(tx, who, community)?;
    sight(tx, who)?.within(community).ok_or_else(|| ApiError::new(code::FORBIDDEN))
}

/// A building of a community that is there for the caller.
fn building(tx: &mut Tx, who: &Actor, id: BuildingId) -> Result<Building, ApiError> {
    place_store::building(tx, id)?.filter(|building| is_within(who, building.community)).ok_or_else(absent)
}

/// A home that the caller sees as staff, with its label.
fn home(tx: &mut Tx, who: &Actor, id: HomeId) -> Result<(Home, String), ApiError> {
    let found = home_store::find(tx, id)?.ok_or_else(absent)?;
    if sight(tx, who)?.sees(found.0.community, found.0.grid) { Ok(found) } else { Err(absent()) }
}

/// What one person may have waiting at once. Two requests at the same moment may both be the last one: this keeps desks from being
/// flooded, and counts for nothing else.
const MOST_CLAIMS: i64 = 20;
const MOST_PROPOSALS: i64 = 50;
const MOST_DELEGATIONS: i64 = 50;
/// A grid worker acts for the elders of whole buildings.
const MOST_DELEGATIONS_OF_KEEPERS: i64 = 1_000;
const MOST_IMPORTS: i64 = 50;

fn room(waiting: i64, most: i64) -> Result<(), ApiError> {
    if waiting < most { Ok(()) } else { Err(ApiError::new(code::TOO_MANY_PENDING)) }
}

/// A refusal of something that has no state.
fn refuse(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Invalid(faults) => faulty("", faults),
        Refusal::NotForYou => ApiError::new(code::FORBIDDEN),
        Refusal::AlreadyBound => ApiError::new(code::ALREADY_BOUND),
        Refusal::OutsideDelegation | Refusal::DelegationOver => {
            ApiError::new(code::FORBIDDEN).because("该代办授权不适用或已失效", "The delegation does not reach this, or is over")
        }
        Refusal::OtherCommunity => ApiError::new(code::STATE_CONFLICT).because("不属于同一社区", "They belong to different communities"),
        Refusal::Superseded => ApiError::new(code::STATE_CONFLICT)
            .because("该记录已被更正，请修改更正后的记录", "It was corrected before; change the correction"),
        Refusal::Deceased => ApiError::new(code::STATE_CONFLICT).because("此人已登记去世", "The person has died"),
        Refusal::TagNotOffered => ApiError::new(code::STATE_CONFLICT).because("该标签已停用", "The tag is no longer given"),
        Refusal::WrongState { state } => ApiError::new(code::STATE_CONFLICT).in_state(state, vec![]),
    }
}

/// A day in the query.
fn day(params: &mut Params, name: &'static str) -> Result<Option<Date>, ApiError> {
    let Some(text) = params.text(name)? else { return Ok(None) };
    match Date::parse_from_str(&text, "%Y-%m-%d") {
        Ok(day) if text.len() == 10 => Ok(Some(day)),
        _ => Err(ApiError::query(name, "应为日期，例如 2026-05-01", "must be a date such as 2026-05-01")),
    }
}
