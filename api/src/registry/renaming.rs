//! Names and codes of places, corrected over HTTP.

use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::registry::place::{Building, Estate};
use jiazai_domain::registry::{BuildingIdKind, EstateIdKind, GridIdKind};
use jiazai_infra::db::Tx;
use jiazai_infra::registry::homes;
use jiazai_infra::registry::places::{self as store, BuildingFilter};

use super::dto::{self, NewPlace};
use super::places::{draft, taken};
use super::{ADMINS, absent, admin, refuse};
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    let conflict = &[code::DUPLICATE, code::STALE];
    api.add(op!(put_estate, Access::Roles(ADMINS)).refuses(conflict))
        .add(op!(put_grid, Access::Roles(ADMINS)).refuses(conflict))
        .add(op!(put_building, Access::Roles(ADMINS)).refuses(conflict));
}

/// Correct an estate
///
/// Another name or code; left out, there is no code. Its homes are shown under the new name.
#[utoipa::path(put, path = "/estates/{id}", tag = "registry", operation_id = "put_estate", params(("id" = String, Path)),
    request_body(content = NewPlace, example = json!({ "name": "田庵花苑", "external_code": "XQ-01" })),
    responses((status = 200, body = dto::Estate, headers(("ETag" = String)))))]
async fn put_estate(call: Call, id: At<EstateIdKind>) -> Outcome {
    let body: NewPlace = call.body()?;
    call.write(move |tx, cx| {
        let estate = store::estate(tx, id.0)?.ok_or_else(absent)?;
        let by = admin(tx, cx.actor()?, estate.community)?;
        cx.expect_version(estate.version)?;
        let decided = estate.clone().correct(draft(&body.name, body.external_code.as_ref()), &by, tx.now()).map_err(refuse)?;
        let estate = match decided {
            None => estate,
            Some(changed) => renamed_estate(tx, changed)?,
        };
        let version = estate.version;
        Ok(Reply::ok(&dto::Estate::from(estate))?.version(version))
    })
    .await
}

fn renamed_estate(tx: &mut Tx, changed: Changed<Estate>) -> Result<Estate, ApiError> {
    let estate = store::save_estate(tx, changed).map_err(taken)?;
    let filter = BuildingFilter { estate: Some(estate.id), grid: None };
    for building in store::buildings(tx, estate.community, &filter, None, None)? {
        homes::relabel(tx, &estate, &building)?;
    }
    Ok(estate)
}

/// Correct a grid
///
/// Another name or code; left out, there is no code.
#[utoipa::path(put, path = "/grids/{id}", tag = "registry", operation_id = "put_grid", params(("id" = String, Path)),
    request_body(content = NewPlace, example = json!({ "name": "第一网格", "external_code": "WG-01" })),
    responses((status = 200, body = dto::Grid, headers(("ETag" = String)))))]
async fn put_grid(call: Call, id: At<GridIdKind>) -> Outcome {
    let body: NewPlace = call.body()?;
    call.write(move |tx, cx| {
        let grid = store::grid(tx, id.0)?.ok_or_else(absent)?;
        let by = admin(tx, cx.actor()?, grid.community)?;
        cx.expect_version(grid.version)?;
        let decided = grid.clone().correct(draft(&body.name, body.external_code.as_ref()), &by, tx.now()).map_err(refuse)?;
        let grid = match decided {
            None => grid,
            Some(changed) => store::save_grid(tx, changed).map_err(taken)?,
        };
        let version = grid.version;
        Ok(Reply::ok(&dto::Grid::from(grid))?.version(version))
    })
    .await
}

/// Correct a building
///
/// Another name or code; left out, there is no code. Its homes are shown under the new name.
#[utoipa::path(put, path = "/buildings/{id}", tag = "registry", operation_id = "put_building", params(("id" = String, Path)),
    request_body(content = NewPlace, example = json!({ "name": "12号楼", "external_code": "LD-12" })),
    responses((status = 200, body = dto::Building, headers(("ETag" = String)))))]
async fn put_building(call: Call, id: At<BuildingIdKind>) -> Outcome {
    let body: NewPlace = call.body()?;
    call.write(move |tx, cx| {
        let building = store::building(tx, id.0)?.ok_or_else(absent)?;
        let by = admin(tx, cx.actor()?, building.community)?;
        cx.expect_version(building.version)?;
        let decided = building.clone().correct(draft(&body.name, body.external_code.as_ref()), &by, tx.now()).map_err(refuse)?;
        let building = match decided {
            None => building,
            Some(changed) => renamed_building(tx, changed)?,
        };
        let version = building.version;
        Ok(Reply::ok(&dto::Building::from(building))?.version(version))
    })
    .await
}

fn renamed_building(tx: &mut Tx, changed: Changed<Building>) -> Result<Building, ApiError> {
    // Held before the homes are read: an estate that gets another name at the same moment writes the same labels.
    let estate = store::estate(tx, changed.value().estate)?.ok_or_else(absent)?;
    store::hold_estate(tx, &estate)?;
    let building = store::save_building(tx, changed).map_err(taken)?;
    homes::relabel(tx, &estate, &building)?;
    Ok(building)
}
