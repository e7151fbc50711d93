//! Imports over HTTP: a file comes in, is kept sealed, and its rows are taken by a background job.

pub mod dto;
pub mod export;
mod form;
pub mod work;

use actix_multipart::Multipart;
use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use jiazai_domain::actor::{Actor, Communities, Role};
use jiazai_domain::registry::ImportIdKind;
use jiazai_domain::registry::import::Import as Job;
use jiazai_infra::db::Tx;
use jiazai_infra::registry::import::{self as store, Stored};

use self::dto::{Import, ImportForm, RowChange};
use super::{KEEPERS, MOST_IMPORTS, absent, keeper, room, within};
use crate::call::{At, Begun, Call, Outcome};
use crate::error::{ApiError, code};
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api, Limit};

pub fn routes(api: &mut Api) {
    api.add(op!(create_import, Access::Roles(KEEPERS)).limit(Limit::Upload).refuses(&[
        code::BAD_REQUEST,
        code::BUSY,
        code::STORAGE_UNAVAILABLE,
        code::TOO_MANY_PENDING,
    ]))
    .add(op!(list_imports, Access::Roles(KEEPERS)).refuses(&[code::CURSOR_INVALID]))
    .add(op!(get_import, Access::Roles(KEEPERS)))
    .add(op!(get_import_errors, Access::Roles(KEEPERS)))
    .add(op!(list_import_changes, Access::Roles(KEEPERS)).refuses(&[code::CURSOR_INVALID]));
    export::routes(api);
}

/// Import a file
///
/// CSV (UTF-8 with or without a mark, or the GBK that Excel writes) or one JSON object a line, at most 32 MiB, in a form with the
/// text fields `kind`, `community_id`, `format`, `dry_run`, `atomic` and the part `file`. Columns of `registry`: estate, grid,
/// building, unit, floor, number, area_m2, occupancy, external_code. Columns of `people`: name, id_type, id_number, sex, born_on,
/// phone, estate, building, unit, number, relation (owner, tenant, family, carer; residence or hukou of who is nothing more there),
/// tags (joined by `;`), external_code, since, lease_ends_on, share, lives_here (yes, also, no), hukou_here, lives_since, hukou_since,
/// tag_days. Chinese headers are understood, other columns are kept as they are. The answer comes at once; how far it has
/// come is read at its `Location`. The same file again changes nothing. With `dry_run` or `atomic` a file has at most 20,000 rows;
/// longer ones are split, or taken row by row.
#[utoipa::path(post, path = "/imports", tag = "registry", operation_id = "create_import",
    request_body(content = ImportForm, content_type = "multipart/form-data"),
    responses((status = 202, body = Import, headers(("ETag" = String), ("Location" = String)))))]
async fn create_import(call: Call, form: Multipart) -> Outcome {
    form::fits(call.request.headers())?;
    let upload = form::receive(&call.app, form).await?;
    let begun = match call.begin(&upload.fingerprint()).await {
        Ok(begun) => begun,
        Err(error) => {
            upload.discard(&call.app).await;
            return Err(error);
        }
    };
    let (keyed, _flight) = match begun {
        Begun::Replay(response) => {
            upload.discard(&call.app).await;
            return Ok(response);
        }
        Begun::Go(keyed, flight) => (keyed, flight),
    };
    let app = call.app.clone();
    let asked = upload.asked.clone();
    let stored_as = upload.stored_as();
    let outcome = call
        .write_keyed(keyed, move |tx, cx| {
            let form::Asked { place, draft } = asked.clone()?;
            let who = cx.actor()?;
            within(tx, who, place).map_err(|error| match error.code() {
                other if other == code::NOT_FOUND => {
                    ApiError::fault("/community_id", "unknown_community", "没有这个社区", "is not a known community")
                }
                _ => error,
            })?;
            let by = keeper(tx, who, place)?;
            room(store::waiting(tx, who.id)?, MOST_IMPORTS)?;
            let job = store::insert(tx, Job::queue(tx.new_id(), draft, &by, tx.now()), Some(&stored_as))?;
            let version = job.version;
            let at = format!("/api/v1/imports/{}", job.id);
            let now = tx.now();
            let mut reply = Reply::ok(&Import::from(Stored { import: job, stored_as: None, updated_at: now }))?.version(version);
            reply.status = 202;
            reply.headers.location = Some(at);
            Ok(reply)
        })
        .await;
    if outcome.is_err() {
        upload.discard(&app).await;
    }
    outcome
}

/// An import of the caller, or of a community that they run.
fn seen(tx: &mut Tx, who: &Actor, id: jiazai_domain::registry::ImportId) -> Result<Stored, ApiError> {
    let stored = store::find(tx, id)?.ok_or_else(absent)?;
    let own = stored.import.created_by == who.id && who.communities_as(Role::ALL).contains(stored.import.community);
    if own || who.is_any(&[Role::CommunityAdmin], stored.import.community) { Ok(stored) } else { Err(absent()) }
}

/// List imports
///
/// Newest first: of the communities that the caller runs, or their own.
#[utoipa::path(get, path = "/imports", tag = "registry", operation_id = "list_imports",
    params(("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<Import>)))]
async fn list_imports(call: Call) -> Outcome {
    let params = call.query()?;
    call.list(params, |tx, cx, window| {
        let who = cx.actor()?;
        let (communities, own) = match who.communities_as(&[Role::CommunityAdmin]) {
            Communities::All => (None, None),
            Communities::Only(some) if !some.is_empty() => (Some(some), None),
            Communities::Only(_) => (None, Some(who.id)),
        };
        let rows = store::list(tx, communities.as_deref(), own, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |stored| stored.import.id.text(), Import::from))
    })
    .await
}

/// One import
#[utoipa::path(get, path = "/imports/{id}", tag = "registry", operation_id = "get_import", params(("id" = String, Path)),
    responses((status = 200, body = Import, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_import(call: Call, id: At<ImportIdKind>) -> Outcome {
    call.query()?.finish()?;
    call.read_brief(move |tx, cx| {
        let stored = seen(tx, cx.actor()?, id.0)?;
        let version = stored.import.version;
        Ok(Reply::ok(&Import::from(stored))?.version(version))
    })
    .await
}

/// What was wrong with which cell
///
/// CSV with the columns line, column, code, message; by line, at most 10,000 of them. Values are not repeated.
#[utoipa::path(get, path = "/imports/{id}/errors", tag = "registry", operation_id = "get_import_errors", params(("id" = String, Path)),
    responses((status = 200, description = "line,column,code,message", content((String = "text/csv")))))]
async fn get_import_errors(call: Call, id: At<ImportIdKind>) -> Outcome {
    call.query()?.finish()?;
    let cx = call.cx()?;
    let csv = call
        .app
        .db
        .read(move |tx| {
            seen(tx, cx.actor()?, id.0)?;
            let mut csv = String::from("line,column,code,message\r\n");
            for wrong in store::faults_after(tx, id.0, (-1, -1), 10_000)? {
                let line = wrong.line.to_string();
                crate::bulk::write_line(
                    &mut csv,
                    [line.as_str(), &jiazai_domain::registry::import::neutralise(&wrong.column), &wrong.code, &wrong.message],
                );
            }
            Ok::<_, ApiError>(csv)
        })
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{}-errors.csv\"", id.0)))
        .body(csv))
}

/// What a dry run found
///
/// By line, the first thousand rows that would change something; rows that would be created are only counted.
#[utoipa::path(get, path = "/imports/{id}/changes", tag = "registry", operation_id = "list_import_changes",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<RowChange>)))]
async fn list_import_changes(call: Call, id: At<ImportIdKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        seen(tx, cx.actor()?, id.0)?;
        let after = window.after.as_deref().and_then(|line| line.parse().ok()).unwrap_or(-1);
        let rows = store::diffs_after(tx, &cx.app.vault, id.0, after, window.fetch())?;
        Ok(window.page(rows, |(line, _)| line.to_string(), RowChange::of))
    })
    .await
}
