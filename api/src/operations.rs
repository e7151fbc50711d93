//! What operators and monitoring ask: is it alive, is it ready, how busy is it, what does it speak.

use std::sync::atomic::Ordering;

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::{Call, Outcome};
use crate::error::{ApiError, Code, code};
use crate::op;
use crate::openapi;
use crate::reply::Reply;
use crate::route::{Access, Api, Limit};

pub fn routes(api: &mut Api) {
    api.add(op!(live, Access::Public).limit(Limit::None))
        .add(op!(ready, Access::Public).limit(Limit::None).refuses(&[code::BUSY]))
        .add(op!(metrics, Access::Public).limit(Limit::None))
        .add(op!(openapi_json, Access::Public).limit(Limit::None))
        .add(op!(openapi_yaml, Access::Public).limit(Limit::None))
        .add(op!(explain_problem, Access::Public).limit(Limit::None));
}

/// Whether the process runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    #[schema(example = "ok")]
    status: &'static str,
    /// Whether the database answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    database: Option<bool>,
    /// Whether the shared cache answers; without it the server goes on, limited to itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cache: Option<bool>,
}

/// The process runs
///
/// Says nothing about what it depends on; restart the process when this does not answer.
#[utoipa::path(get, path = "/livez", tag = "operations", operation_id = "live", responses((status = 200, body = Health)))]
async fn live(call: Call) -> Outcome {
    Ok(call.answer(Reply::ok(&Health { status: "ok", database: None, cache: None })?))
}

/// The server can do its work
///
/// 503 while the database is away or the process is stopping: send it no requests then.
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "ready", responses((status = 200, body = Health)))]
async fn ready(call: Call) -> Outcome {
    if !call.app.serving.load(Ordering::Relaxed) {
        return Err(ApiError::new(code::BUSY).because("服务正在停止", "The server is stopping"));
    }
    call.app.db.read(|tx| jiazai_infra::settings::get(tx, "made_at")).await?;
    let cache = call.app.cache.ping().await.is_ok();
    Ok(call.answer(Reply::ok(&Health { status: "ok", database: Some(true), cache: Some(cache) })?))
}

/// Metrics for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "metrics",
    responses((status = 200, description = "Text exposition format", body = String, content_type = "text/plain")))]
async fn metrics(call: Call) -> Outcome {
    let text = call.app.metrics.render(&call.app).await;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/plain; version=0.0.4")).body(text))
}

/// This document as JSON
#[utoipa::path(get, path = "/openapi.json", tag = "operations", operation_id = "openapi_json",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object, content_type = "application/json")))]
async fn openapi_json(_: Call) -> Outcome {
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(openapi::json()))
}

/// This document as YAML
#[utoipa::path(get, path = "/openapi.yaml", tag = "operations", operation_id = "openapi_yaml",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = String, content_type = "application/yaml")))]
async fn openapi_yaml(_: Call) -> Outcome {
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/yaml")).body(openapi::yaml()))
}

/// A kind of problem.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemKind {
    code: &'static str,
    status: u16,
    title_zh: &'static str,
    title_en: &'static str,
}

/// Explain a kind of problem
///
/// What the `type` of a problem document points to.
#[utoipa::path(get, path = "/problems/{code}", tag = "operations", operation_id = "explain_problem",
    params(("code" = String, Path, description = "The `code` of a problem document")),
    responses((status = 200, body = ProblemKind)))]
async fn explain_problem(call: Call) -> Outcome {
    let name = call.path_value("code");
    let Code { name, status, zh, en } = code::named(&name).ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
    Ok(call.answer(Reply::ok(&ProblemKind { code: name, status: *status, title_zh: zh, title_en: en })?))
}
