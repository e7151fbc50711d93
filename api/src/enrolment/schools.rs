//! Schools.

use jiazai_domain::enrolment::SchoolKind;
use jiazai_domain::enrolment::school::School;
use jiazai_infra::db::Tx;
use jiazai_infra::{community, enrolment as store};

use super::dto::{PutSchool, SchoolDto};
use super::{ADMINS, absent};
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, Fault, code};
use crate::faults::faulty;
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(create_school, Access::Roles(ADMINS)))
        .add(op!(list_schools, Access::Anyone).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_school, Access::Anyone))
        .add(op!(put_school, Access::Roles(ADMINS)).refuses(&[code::STALE]));
}

/// The communities that are named and not there.
fn check(tx: &mut Tx, body: &PutSchool) -> Result<(), ApiError> {
    let mut faults = Vec::new();
    for (i, place) in body.community_ids.0.iter().enumerate() {
        if community::find(tx, place.0)?.is_none() {
            faults.push(Fault::new(format!("/community_ids/{i}"), "unknown_community", "没有这个社区", "is not a known community"));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(ApiError::invalid(faults)) }
}

fn show(school: &School) -> Result<Reply, ApiError> {
    Ok(Reply::ok(&SchoolDto::from(school))?.version(school.facts().version))
}

/// Add a school 学校
///
/// By an enrolment administrator of all communities that it is to serve. One that names none serves all.
#[utoipa::path(post, path = "/schools", tag = "enrolment", operation_id = "create_school",
    request_body(content = PutSchool, example = json!({ "name": "东涂实验小学", "stage": "primary", "community_ids": ["com_01h455vb4pex5vsknk084sn02q"] })),
    responses((status = 201, body = SchoolDto, headers(("ETag" = String)))))]
async fn create_school(call: Call) -> Outcome {
    let body: PutSchool = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        check(tx, &body)?;
        body.draft().permit(who)?;
        let id = tx.new_id();
        let made = School::create(id, body.draft(), who, tx.now()).map_err(|faults| faulty("", faults))?;
        let school = store::save_school(tx, made)?;
        Ok(Reply::created(format!("/api/v1/schools/{id}"), &SchoolDto::from(&school))?.version(1))
    })
    .await
}

/// List schools
///
/// Oldest first. `community_id`: those that serve it.
#[utoipa::path(get, path = "/schools", tag = "enrolment", operation_id = "list_schools",
    params(("community_id" = Option<String>, Query), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<SchoolDto>)))]
async fn list_schools(call: Call) -> Outcome {
    let mut params = call.query()?;
    let serving = params.id("community_id")?;
    call.list(params, move |tx, _, window| {
        let rows = store::schools(tx, serving, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |school| school.facts().id.text(), |school| SchoolDto::from(&school)))
    })
    .await
}

/// One school
#[utoipa::path(get, path = "/schools/{id}", tag = "enrolment", operation_id = "get_school", params(("id" = String, Path)),
    responses((status = 200, body = SchoolDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_school(call: Call, id: At<SchoolKind>) -> Outcome {
    call.read_brief(move |tx, _| show(&store::school(tx, id.0)?.ok_or_else(absent)?)).await
}

/// Change a school
///
/// By those who may add such a school, both as it was and as it will be. Rounds keep the schools of their plans.
#[utoipa::path(put, path = "/schools/{id}", tag = "enrolment", operation_id = "put_school", params(("id" = String, Path)),
    request_body(content = PutSchool, example = json!({ "name": "东涂第一小学", "stage": "primary", "community_ids": ["com_01h455vb4pex5vsknk084sn02q"] })),
    responses((status = 200, body = SchoolDto, headers(("ETag" = String)))))]
async fn put_school(call: Call, id: At<SchoolKind>) -> Outcome {
    let body: PutSchool = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        let school = store::school(tx, id.0)?.ok_or_else(absent)?;
        school.permit(who)?;
        cx.expect_version(school.facts().version)?;
        check(tx, &body)?;
        body.draft().permit(who)?;
        let changed = school.replace(body.draft(), who, tx.now()).map_err(|faults| faulty("", faults))?;
        show(&store::save_school(tx, changed)?)
    })
    .await
}
