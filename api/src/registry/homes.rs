//! Homes over HTTP: one, and those of a building.

use std::collections::HashMap;

use jiazai_domain::kernel::time::{Date, Timestamp};
use jiazai_domain::registry::sight::Mask;
use jiazai_domain::registry::{BuildingIdKind, Fact, Home, HomeDraft, HomeIdKind, PersonId, as_of, shown};
use jiazai_infra::db::Tx;
use jiazai_infra::registry::homes::{self as store, Which};
use jiazai_infra::registry::places;
use jiazai_infra::registry::{facts, people};

use super::dto::{AreaM2, BuildingHomes, HomeDetail, HomeItem, HouseholdFact, NewHome, PutOccupancy};
use super::places::taken;
use super::{KEEPERS, LOOKERS, absent, building, day, home, keeper, refuse, sight};
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::input::{Day, Ref};
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(list_building_homes, Access::Anyone))
        .add(op!(create_home, Access::Roles(KEEPERS)).refuses(&[code::DUPLICATE]))
        .add(op!(get_home, Access::Roles(LOOKERS)))
        .add(op!(put_home, Access::Roles(KEEPERS)).refuses(&[code::DUPLICATE, code::STALE]))
        .add(op!(put_home_occupancy, Access::Roles(KEEPERS)).refuses(&[code::STALE]));
}

impl NewHome {
    fn draft(&self) -> HomeDraft<'_> {
        HomeDraft {
            unit: self.unit.as_ref().map_or("", |unit| unit.0.as_str()),
            floor: self.floor.map(|floor| floor.0),
            number: &self.number.0,
            area: self.area_m2.map(|area| area.0),
            external_code: self.external_code.as_ref().map(|code| code.0.as_str()),
        }
    }
}

/// Every home of a building
///
/// Complete, not paged. Staff who see the building's homes get how each is lived in and its colour; residents, who look for
/// the home that they will claim, get unit, floor and number.
#[utoipa::path(get, path = "/buildings/{id}/homes", tag = "registry", operation_id = "list_building_homes", params(("id" = String, Path)),
    responses((status = 200, body = BuildingHomes)))]
async fn list_building_homes(call: Call, id: At<BuildingIdKind>) -> Outcome {
    call.query()?.finish()?;
    call.read(move |tx, cx| {
        let who = cx.actor()?;
        let building = building(tx, who, id.0)?;
        let sight = sight(tx, who)?;
        let full = sight.sees(building.community, building.grid);
        // A grid worker goes by their grids; what lies outside does not exist for them.
        if !full && sight.in_grids.contains(building.community) {
            return Err(absent());
        }
        let items = store::list(tx, &Which::Building(building.id))?.into_iter().map(|home| HomeItem {
            id: home.id,
            unit: home.unit,
            floor: home.floor,
            number: home.number,
            area_m2: home.area.filter(|_| full).map(AreaM2),
            occupancy: full.then(|| home.occupancy.into()),
            colour: full.then(|| home.occupancy.colour()),
            contradiction: full.then_some(home.contradiction),
            version: home.version,
        });
        Reply::ok(&BuildingHomes { items: items.collect() })
    })
    .await
}

/// Add a home 户
#[utoipa::path(post, path = "/buildings/{id}/homes", tag = "registry", operation_id = "create_home", params(("id" = String, Path)),
    request_body(content = NewHome, example = json!({ "unit": "2单元", "floor": 3, "number": "301", "area_m2": 89.53 })),
    responses((status = 201, body = HomeDetail, headers(("ETag" = String)))))]
async fn create_home(call: Call, id: At<BuildingIdKind>) -> Outcome {
    let body: NewHome = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        let building = building(tx, who, id.0)?;
        let by = keeper(tx, who, building.community)?;
        if !by.keeps(building.community, building.grid) {
            return Err(absent());
        }
        let estate = places::estate(tx, building.estate)?.ok_or_else(absent)?;
        let made = Home::create(tx.new_id(), &building, body.draft(), &by, tx.now()).map_err(refuse)?;
        // The estate first: whoever renames a building holds them in the same order.
        places::hold_estate(tx, &estate)?;
        places::hold(tx, &building)?;
        let home = store::insert(tx, made, &estate, &building).map_err(taken)?;
        let label = store::label(&estate, &building, &home);
        let today = tx.now().date();
        let dto = detail(tx, cx, &home, label, today)?;
        Ok(Reply::created(format!("/api/v1/homes/{}", home.id), &dto)?.version(home.version))
    })
    .await
}

/// A home as it is, or was, on a day.
fn detail(tx: &mut Tx, cx: &Cx, home: &Home, label: String, day: Date) -> Result<HomeDetail, ApiError> {
    let today = tx.now().date();
    // On a day gone by, the last word that had been said by its end counts.
    let set = if day >= today {
        home.set_occupancy
    } else {
        let end = day.succ_opt().map_or(tx.now(), Timestamp::start_of).plus_millis(-1);
        store::said(tx, home.id, end)?
    };
    let known = facts::of_homes(tx, &[home.id])?;
    let held: Vec<&Fact> = as_of(&known, day).collect();
    let mut ids: Vec<PersonId> = held.iter().map(|fact| fact.person).collect();
    ids.sort_unstable();
    ids.dedup();
    let who = cx.actor()?;
    let mask = Mask::of(who, &sight(tx, who)?.roles_at(who, home.community, &[home.grid]));
    let names: HashMap<PersonId, String> =
        people::find_all(tx, &cx.app.vault, &ids)?.iter().map(|person| (person.id, person.shown(mask).name)).collect();
    let seen = shown(set.map(|set| set.status), &known, day);
    Ok(HomeDetail {
        id: Ref(home.id),
        community_id: Ref(home.community),
        building_id: Ref(home.building),
        grid_id: home.grid.map(Ref),
        label,
        unit: home.unit.clone(),
        floor: home.floor,
        number: home.number.clone(),
        area_m2: home.area.map(AreaM2),
        occupancy: seen.status.into(),
        colour: seen.status.colour(),
        occupancy_derived: seen.derived.into(),
        occupancy_set: seen.set.map(Into::into),
        occupancy_set_at: set.map(|set| set.at.into()),
        contradiction: seen.contradiction,
        external_code: home.external_code.clone(),
        as_of: Day(day),
        household: held.iter().map(|fact| HouseholdFact::of(fact, names.get(&fact.person).cloned().unwrap_or_default())).collect(),
        version: home.version,
    })
}

/// One home
///
/// With `as_of`, how it was lived in and who was tied to it on that day, by what is known now.
#[utoipa::path(get, path = "/homes/{id}", tag = "registry", operation_id = "get_home",
    params(("id" = String, Path), ("as_of" = Option<String>, Query, format = Date, description = "A day in Asia/Shanghai; today when left out")),
    responses((status = 200, body = HomeDetail, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_home(call: Call, id: At<HomeIdKind>) -> Outcome {
    let mut params = call.query()?;
    let asked = day(&mut params, "as_of")?;
    params.finish()?;
    call.read_brief(move |tx, cx| {
        let (home, label) = home(tx, cx.actor()?, id.0)?;
        let today = tx.now().date();
        let dto = detail(tx, cx, &home, label, asked.unwrap_or(today))?;
        let reply = Reply::ok(&dto)?;
        // What was shown of another day has no version of its own.
        Ok(if asked.is_some() { reply } else { reply.version(home.version) })
    })
    .await
}

/// Correct a home
///
/// What it was before is remembered.
#[utoipa::path(put, path = "/homes/{id}", tag = "registry", operation_id = "put_home", params(("id" = String, Path)),
    request_body(content = NewHome, example = json!({ "unit": "2单元", "floor": 3, "number": "301", "area_m2": 89.53 })),
    responses((status = 200, body = HomeDetail, headers(("ETag" = String)))))]
async fn put_home(call: Call, id: At<HomeIdKind>) -> Outcome {
    let body: NewHome = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        let (home, label) = home(tx, who, id.0)?;
        let by = keeper(tx, who, home.community)?;
        cx.expect_version(home.version)?;
        let today = tx.now().date();
        let decided = home.clone().correct(body.draft(), &by, tx.now()).map_err(refuse)?;
        let (home, label) = match decided {
            None => (home, label),
            Some(change) => {
                let at = places::building(tx, home.building)?.ok_or_else(absent)?;
                let estate = places::estate(tx, at.estate)?.ok_or_else(absent)?;
                let home = store::correct(tx, &cx.app.vault, change, (&estate, &at), who.id).map_err(taken)?;
                let label = store::label(&estate, &at, &home);
                (home, label)
            }
        };
        Ok(Reply::ok(&detail(tx, cx, &home, label, today)?)?.version(home.version))
    })
    .await
}

/// Say how a home is lived in
///
/// A keeper's word goes before what the facts say; where the two cannot both be true the home says so (`contradiction`).
#[utoipa::path(put, path = "/homes/{id}/occupancy", tag = "registry", operation_id = "put_home_occupancy",
    params(("id" = String, Path)),
    request_body(content = PutOccupancy, example = json!({ "status": "vacant" })),
    responses((status = 200, body = HomeDetail, headers(("ETag" = String)))))]
async fn put_home_occupancy(call: Call, id: At<HomeIdKind>) -> Outcome {
    let body: PutOccupancy = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        let (home, label) = home(tx, who, id.0)?;
        let by = keeper(tx, who, home.community)?;
        cx.expect_version(home.version)?;
        let changed = home.set_occupancy(body.status.into(), &by, tx.now()).map_err(refuse)?;
        let home = store::save_occupancy(tx, changed)?;
        let today = tx.now().date();
        Ok(Reply::ok(&detail(tx, cx, &home, label, today)?)?.version(home.version))
    })
    .await
}
