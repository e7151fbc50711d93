//! Estates, groups of estates, grids and buildings over HTTP.

use jiazai_domain::actor::{Community, CommunityId, PrincipalId, Role};
use jiazai_domain::registry::place::{Building, Estate, EstateGroup, Grid, PlaceDraft};
use jiazai_domain::registry::{BuildingIdKind, EstateGroupIdKind, EstateIdKind, GridId, GridIdKind};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::identity;
use jiazai_infra::registry::places::{self as store, BuildingFilter};

use super::dto::{self, NewBuilding, NewGrid, NewPlace, PutGridStaff, Regrid, Regroup};
use super::{ADMINS, absent, admin, refuse, within};
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, Fault, code};
use crate::faults::faulty;
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    let taken = &[code::DUPLICATE];
    let stale = &[code::STALE];
    api.add(op!(list_estate_groups, Access::Anyone).refuses(&[code::CURSOR_INVALID]))
        .add(op!(create_estate_group, Access::Roles(ADMINS)).refuses(taken))
        .add(op!(get_estate_group, Access::Anyone))
        .add(op!(list_estates, Access::Anyone).refuses(&[code::CURSOR_INVALID]))
        .add(op!(create_estate, Access::Roles(ADMINS)).refuses(taken))
        .add(op!(get_estate, Access::Anyone))
        .add(op!(regroup_estate, Access::Roles(ADMINS)).refuses(stale))
        .add(op!(list_grids, Access::Staff).refuses(&[code::CURSOR_INVALID]))
        .add(op!(create_grid, Access::Roles(ADMINS)).refuses(taken))
        .add(op!(get_grid, Access::Staff))
        .add(op!(put_grid_staff, Access::Roles(ADMINS)).refuses(stale))
        .add(op!(list_buildings, Access::Anyone).refuses(&[code::CURSOR_INVALID]))
        .add(op!(create_building, Access::Roles(ADMINS)).refuses(taken))
        .add(op!(get_building, Access::Anyone))
        .add(op!(regrid_building, Access::Roles(ADMINS)).refuses(stale));
}

/// A unique index already has the name or the code.
pub fn taken(error: DbError) -> ApiError {
    match error {
        DbError::Duplicate => ApiError::new(code::DUPLICATE).because("名称或外部编码已被使用", "The name or the external code is taken"),
        other => other.into(),
    }
}

pub fn draft<'a>(name: &'a crate::input::named::Text60, code: Option<&'a crate::input::named::Text64>) -> PlaceDraft<'a> {
    PlaceDraft { name: &name.0, external_code: code.map(|code| code.0.as_str()) }
}

/// List groups of estates 组团
///
/// Oldest first.
#[utoipa::path(get, path = "/communities/{id}/estate-groups", tag = "registry", operation_id = "list_estate_groups",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<dto::EstateGroup>)))]
async fn list_estate_groups(call: Call, id: At<Community>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        within(tx, cx.actor()?, id.0)?;
        let rows = store::groups(tx, id.0, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |group| group.id.text(), dto::EstateGroup::from))
    })
    .await
}

/// Add a group of estates 组团
#[utoipa::path(post, path = "/communities/{id}/estate-groups", tag = "registry", operation_id = "create_estate_group",
    params(("id" = String, Path)), request_body(content = NewPlace, example = json!({ "name": "涂门组团" })),
    responses((status = 201, body = dto::EstateGroup, headers(("ETag" = String)))))]
async fn create_estate_group(call: Call, id: At<Community>) -> Outcome {
    let body: NewPlace = call.body()?;
    call.write(move |tx, cx| {
        let by = admin(tx, cx.actor()?, id.0)?;
        let made = EstateGroup::create(tx.new_id(), draft(&body.name, body.external_code.as_ref()), &by, tx.now());
        let group = store::save_group(tx, made.map_err(|faults| faulty("", faults))?).map_err(taken)?;
        Ok(Reply::created(format!("/api/v1/estate-groups/{}", group.id), &dto::EstateGroup::from(group))?.version(1))
    })
    .await
}

/// One group of estates
#[utoipa::path(get, path = "/estate-groups/{id}", tag = "registry", operation_id = "get_estate_group", params(("id" = String, Path)),
    responses((status = 200, body = dto::EstateGroup, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_estate_group(call: Call, id: At<EstateGroupIdKind>) -> Outcome {
    call.query()?.finish()?;
    call.read_brief(move |tx, cx| {
        let group = store::group(tx, id.0)?.ok_or_else(absent)?;
        within(tx, cx.actor()?, group.community)?;
        let version = group.version;
        Ok(Reply::ok(&dto::EstateGroup::from(group))?.version(version))
    })
    .await
}

/// List estates 小区
///
/// Oldest first.
#[utoipa::path(get, path = "/communities/{id}/estates", tag = "registry", operation_id = "list_estates",
    params(("id" = String, Path), ("group_id" = Option<String>, Query), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<dto::Estate>)))]
async fn list_estates(call: Call, id: At<Community>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    let group = params.id("group_id")?;
    call.list(params, move |tx, cx, window| {
        within(tx, cx.actor()?, id.0)?;
        let rows = store::estates_in(tx, id.0, group, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |estate| estate.id.text(), dto::Estate::from))
    })
    .await
}

/// Add an estate 小区
#[utoipa::path(post, path = "/communities/{id}/estates", tag = "registry", operation_id = "create_estate",
    params(("id" = String, Path)), request_body(content = NewPlace, example = json!({ "name": "田庵花苑", "external_code": "XQ-01" })),
    responses((status = 201, body = dto::Estate, headers(("ETag" = String)))))]
async fn create_estate(call: Call, id: At<Community>) -> Outcome {
    let body: NewPlace = call.body()?;
    call.write(move |tx, cx| {
        let by = admin(tx, cx.actor()?, id.0)?;
        let made = Estate::create(tx.new_id(), draft(&body.name, body.external_code.as_ref()), &by, tx.now());
        let estate = store::save_estate(tx, made.map_err(|faults| faulty("", faults))?).map_err(taken)?;
        Ok(Reply::created(format!("/api/v1/estates/{}", estate.id), &dto::Estate::from(estate))?.version(1))
    })
    .await
}

/// One estate
#[utoipa::path(get, path = "/estates/{id}", tag = "registry", operation_id = "get_estate", params(("id" = String, Path)),
    responses((status = 200, body = dto::Estate, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_estate(call: Call, id: At<EstateIdKind>) -> Outcome {
    call.query()?.finish()?;
    call.read_brief(move |tx, cx| {
        let estate = store::estate(tx, id.0)?.ok_or_else(absent)?;
        within(tx, cx.actor()?, estate.community)?;
        let version = estate.version;
        Ok(Reply::ok(&dto::Estate::from(estate))?.version(version))
    })
    .await
}

/// Put an estate into a group, or take it out
#[utoipa::path(post, path = "/estates/{id}/regroup", tag = "registry", operation_id = "regroup_estate",
    params(("id" = String, Path)), request_body(content = Regroup, example = json!({ "group_id": "egr_01h455vb4pex5vsknk084sn02q" })),
    responses((status = 200, body = dto::Estate, headers(("ETag" = String)))))]
async fn regroup_estate(call: Call, id: At<EstateIdKind>) -> Outcome {
    let body: Regroup = call.body()?;
    call.write(move |tx, cx| {
        let estate = store::estate(tx, id.0)?.ok_or_else(absent)?;
        let by = admin(tx, cx.actor()?, estate.community)?;
        cx.expect_version(estate.version)?;
        let unknown = || ApiError::fault("/group_id", "unknown_group", "本社区没有这个组团", "is not a group of the community");
        let group = match body.group_id {
            None => None,
            Some(group) => Some(store::group(tx, group.0)?.filter(|g| g.community == estate.community).ok_or_else(unknown)?),
        };
        let changed = estate.join(group.as_ref(), &by, tx.now()).map_err(refuse)?;
        let estate = store::save_estate(tx, changed)?;
        let version = estate.version;
        Ok(Reply::ok(&dto::Estate::from(estate))?.version(version))
    })
    .await
}

/// List grids 网格
///
/// With the staff who look after each. Oldest first.
#[utoipa::path(get, path = "/communities/{id}/grids", tag = "registry", operation_id = "list_grids",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<dto::Grid>)))]
async fn list_grids(call: Call, id: At<Community>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        within(tx, cx.actor()?, id.0)?;
        let rows = store::grids(tx, id.0, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |grid| grid.id.text(), dto::Grid::from))
    })
    .await
}

/// The people named, each a grid worker of the community who may still act.
fn grid_workers(tx: &mut Tx, community: CommunityId, named: &dto::GridStaff) -> Result<Vec<PrincipalId>, ApiError> {
    let mut faults = Vec::new();
    let mut staff = Vec::new();
    for (i, person) in named.0.iter().enumerate() {
        let acts = identity::principal(tx, person.0)?.is_some_and(|principal| principal.disabled_at.is_none());
        let grants = identity::grants_of(tx, person.0)?;
        let works = grants.iter().any(|g| g.role == Role::GridWorker && g.community.is_none_or(|c| c == community));
        if acts && works {
            staff.push(person.0);
        } else {
            faults.push(Fault::new(
                format!("/staff_ids/{i}"),
                "not_a_grid_worker",
                "不是本社区的网格员",
                "is no grid worker of this community",
            ));
        }
    }
    if faults.is_empty() { Ok(staff) } else { Err(ApiError::invalid(faults)) }
}

/// The domain says `/staff`, the body `/staff_ids`; each its own name for the same list.
fn staff_faults(faults: Vec<jiazai_domain::kernel::fault::Fault>) -> ApiError {
    let renamed = faults.into_iter().map(|mut fault| {
        if fault.pointer == "/staff" {
            fault.pointer = "/staff_ids".to_owned();
        }
        fault
    });
    faulty("", renamed.collect())
}

/// Add a grid 网格
#[utoipa::path(post, path = "/communities/{id}/grids", tag = "registry", operation_id = "create_grid",
    params(("id" = String, Path)), request_body(content = NewGrid, example = json!({ "name": "第一网格", "staff_ids": ["usr_01h455vb4pex5vsknk084sn02q"] })),
    responses((status = 201, body = dto::Grid, headers(("ETag" = String)))))]
async fn create_grid(call: Call, id: At<Community>) -> Outcome {
    let body: NewGrid = call.body()?;
    call.write(move |tx, cx| {
        let by = admin(tx, cx.actor()?, id.0)?;
        let staff = grid_workers(tx, id.0, &body.staff_ids)?;
        let made = Grid::create(tx.new_id(), draft(&body.name, body.external_code.as_ref()), staff, &by, tx.now());
        let grid = store::save_grid(tx, made.map_err(staff_faults)?).map_err(taken)?;
        Ok(Reply::created(format!("/api/v1/grids/{}", grid.id), &dto::Grid::from(grid))?.version(1))
    })
    .await
}

/// One grid
#[utoipa::path(get, path = "/grids/{id}", tag = "registry", operation_id = "get_grid", params(("id" = String, Path)),
    responses((status = 200, body = dto::Grid, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_grid(call: Call, id: At<GridIdKind>) -> Outcome {
    call.query()?.finish()?;
    call.read_brief(move |tx, cx| {
        let grid = store::grid(tx, id.0)?.ok_or_else(absent)?;
        within(tx, cx.actor()?, grid.community)?;
        let version = grid.version;
        Ok(Reply::ok(&dto::Grid::from(grid))?.version(version))
    })
    .await
}

/// Say who looks after a grid
#[utoipa::path(put, path = "/grids/{id}/staff", tag = "registry", operation_id = "put_grid_staff",
    params(("id" = String, Path)), request_body(content = PutGridStaff, example = json!({ "staff_ids": ["usr_01h455vb4pex5vsknk084sn02q"] })),
    responses((status = 200, body = dto::Grid, headers(("ETag" = String)))))]
async fn put_grid_staff(call: Call, id: At<GridIdKind>) -> Outcome {
    let body: PutGridStaff = call.body()?;
    call.write(move |tx, cx| {
        let grid = store::grid(tx, id.0)?.ok_or_else(absent)?;
        let by = admin(tx, cx.actor()?, grid.community)?;
        cx.expect_version(grid.version)?;
        let staff = grid_workers(tx, grid.community, &body.staff_ids)?;
        let grid = store::save_grid(tx, grid.staff(staff, &by, tx.now()).map_err(refuse)?)?;
        let version = grid.version;
        Ok(Reply::ok(&dto::Grid::from(grid))?.version(version))
    })
    .await
}

/// List buildings 楼栋
///
/// Oldest first.
#[utoipa::path(get, path = "/communities/{id}/buildings", tag = "registry", operation_id = "list_buildings",
    params(("id" = String, Path), ("estate_id" = Option<String>, Query), ("grid_id" = Option<String>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<dto::Building>)))]
async fn list_buildings(call: Call, id: At<Community>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    let filter = BuildingFilter { estate: params.id("estate_id")?, grid: params.id("grid_id")? };
    call.list(params, move |tx, cx, window| {
        within(tx, cx.actor()?, id.0)?;
        let rows = store::buildings(tx, id.0, &filter, window.after.as_deref(), Some(window.fetch()))?;
        Ok(window.page(rows, |building| building.id.text(), dto::Building::from))
    })
    .await
}

fn grid_of(tx: &mut Tx, community: CommunityId, grid: Option<GridId>) -> Result<Option<Grid>, ApiError> {
    let Some(grid) = grid else { return Ok(None) };
    let unknown = || ApiError::fault("/grid_id", "unknown_grid", "本社区没有这个网格", "is not a grid of the community");
    Ok(Some(store::grid(tx, grid)?.filter(|g| g.community == community).ok_or_else(unknown)?))
}

/// Add a building 楼栋
#[utoipa::path(post, path = "/communities/{id}/buildings", tag = "registry", operation_id = "create_building",
    params(("id" = String, Path)),
    request_body(content = NewBuilding, example = json!({ "estate_id": "est_01h455vb4pex5vsknk084sn02q", "grid_id": "grd_01h455vb4pex5vsknk084sn02q", "name": "12号楼" })),
    responses((status = 201, body = dto::Building, headers(("ETag" = String)))))]
async fn create_building(call: Call, id: At<Community>) -> Outcome {
    let body: NewBuilding = call.body()?;
    call.write(move |tx, cx| {
        let by = admin(tx, cx.actor()?, id.0)?;
        let unknown = || ApiError::fault("/estate_id", "unknown_estate", "本社区没有这个小区", "is not an estate of the community");
        let estate = store::estate(tx, body.estate_id.0)?.filter(|e| e.community == id.0).ok_or_else(unknown)?;
        let grid = grid_of(tx, id.0, body.grid_id.map(|grid| grid.0))?;
        let draft = draft(&body.name, body.external_code.as_ref());
        let made = Building::create(tx.new_id(), &estate, grid.as_ref(), draft, &by, tx.now()).map_err(refuse)?;
        let building = store::save_building(tx, made).map_err(taken)?;
        let at = format!("/api/v1/buildings/{}", building.id);
        Ok(Reply::created(at, &dto::Building::from(building))?.version(1))
    })
    .await
}

/// One building
#[utoipa::path(get, path = "/buildings/{id}", tag = "registry", operation_id = "get_building", params(("id" = String, Path)),
    responses((status = 200, body = dto::Building, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_building(call: Call, id: At<BuildingIdKind>) -> Outcome {
    call.query()?.finish()?;
    call.read_brief(move |tx, cx| {
        let building = super::building(tx, cx.actor()?, id.0)?;
        let version = building.version;
        Ok(Reply::ok(&dto::Building::from(building))?.version(version))
    })
    .await
}

/// Put a building into another grid
///
/// Its homes go with it.
#[utoipa::path(post, path = "/buildings/{id}/regrid", tag = "registry", operation_id = "regrid_building",
    params(("id" = String, Path)), request_body(content = Regrid, example = json!({ "grid_id": "grd_01h455vb4pex5vsknk084sn02q" })),
    responses((status = 200, body = dto::Building, headers(("ETag" = String)))))]
async fn regrid_building(call: Call, id: At<BuildingIdKind>) -> Outcome {
    let body: Regrid = call.body()?;
    call.write(move |tx, cx| {
        let building = super::building(tx, cx.actor()?, id.0)?;
        let by = admin(tx, cx.actor()?, building.community)?;
        cx.expect_version(building.version)?;
        let grid = grid_of(tx, building.community, body.grid_id.map(|grid| grid.0))?;
        let building = store::save_building(tx, building.into_grid(grid.as_ref(), &by, tx.now()).map_err(refuse)?)?;
        let version = building.version;
        Ok(Reply::ok(&dto::Building::from(building))?.version(version))
    })
    .await
}
