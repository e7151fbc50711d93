//! Open311 GeoReport v2 over repair tickets: what a city's own applications and map services speak already.
//!
//! A *jurisdiction* is a community, a *service* a category of repairs, a *service request* a ticket. A client's key says who
//! reports: the ticket's reporter is the key's account, an integration like any other, and whom it speaks for (name, telephone,
//! e-mail) is kept sealed beside the ticket. Whoever goes to the door sees that masked; nothing of it is ever sent out again.
//!
//! Errors have the standard's own shape. What it leaves to habit is done as its clients expect: `page` and `page_size`,
//! `servicerequestupdates`, `api_key` in the query, in the form, or as a bearer. Requests are made at once, so a token is the
//! request's own id. Deliberately missing: attributes of services (none has any).

mod asked;
mod document;
mod reporting;
mod shape;
mod updating;

use std::future::Future;

use jiazai_domain::actor::CommunityId;
use jiazai_domain::api_key::{Action, Resource, Scope};
use jiazai_domain::content::{Part, Withheld};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::repair::{REMARKED, State};
use jiazai_infra::community;
use jiazai_infra::db::Tx;
use jiazai_infra::repair::{self as store, Asked, Request, Update};

use self::asked::Given;
use self::document::{
    Discovery, Made, Open311RequestForm, Open311UpdateForm, RequestUpdate, Service, ServiceDefinition, ServiceRequest, Taken, Token,
};
use self::shape::{Answer, Format, Node};
use crate::call::{Call, Outcome};
use crate::content::Kept;
use crate::error::{ApiError, Language, code};
use crate::op;
use crate::route::{Access, Api};

pub use self::document::own_shape;

pub fn routes(api: &mut Api) {
    api.add(op!(describe_open311, Access::Public))
        .add(op!(list_open311_services, Access::Public).refuses(WRONG))
        .add(op!(get_open311_service, Access::Public).refuses(WRONG))
        .add(op!(report_open311_request, Access::Public).form().refuses(WRONG))
        .add(op!(list_open311_requests, Access::Public).refuses(WRONG))
        .add(op!(get_open311_request, Access::Public).refuses(WRONG))
        .add(op!(get_open311_token, Access::Public).refuses(WRONG))
        .add(op!(list_open311_updates, Access::Public).refuses(WRONG))
        .add(op!(update_open311_request, Access::Public).form().refuses(WRONG));
}

/// 400, 403, 404: all that the standard knows.
const WRONG: &[&crate::error::Code] = &[code::QUERY_INVALID, code::FORBIDDEN, code::NOT_FOUND];
const READ: Scope = Scope { resource: Resource::Repair, action: Action::Read };
const WRITE: Scope = Scope { resource: Resource::Repair, action: Action::Write };
/// Without dates, requests of so many seconds are listed: the standard's ninety days.
const WINDOW_S: i64 = 90 * 86_400;
/// Without dates, updates of so many seconds.
const LATELY_S: i64 = 86_400;
/// And so many at most.
const MOST: i64 = 1000;

/// Answers in the format that the address asks for, refusals too.
async fn answered<F: Future<Output = Result<Answer, ApiError>>>(call: Call, work: impl FnOnce(Call) -> F) -> Outcome {
    let format = asked::last_part(&call).and_then(|(_, format)| Format::named(&format)).ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
    let language = Language::of(call.request.headers());
    Ok(match work(call).await {
        Ok(answer) => answer.written(format),
        Err(error) => shape::refusal(&error, format, language),
    })
}

/// The community that is meant, if there is one.
fn jurisdiction(tx: &mut Tx, asked: CommunityId) -> Result<CommunityId, ApiError> {
    match community::find(tx, asked)? {
        Some(_) => Ok(asked),
        None => Err(asked::unknown_jurisdiction()),
    }
}

/// What this server speaks
#[utoipa::path(get, path = "/discovery.{format}", tag = "open311", operation_id = "describe_open311",
    params(("format" = String, Path, description = "`json` or `xml`")),
    responses((status = 200, description = "Where the standard is spoken", content((Discovery = "application/json"), (String = "text/xml")))))]
async fn describe_open311(call: Call) -> Outcome {
    answered(call, |call| async move {
        let url = format!("{}/open311/v2", call.origin());
        let formats = Node::Each("format", vec!["text/xml".into(), "application/json".into()]);
        let endpoint = Node::Fields(vec![
            ("specification", "http://wiki.open311.org/GeoReport_v2".into()),
            ("url", url.into()),
            ("type", "production".into()),
            ("formats", formats),
        ]);
        let fields = vec![
            ("contact", "The community's administrator.".into()),
            ("key_service", "The community's administrator makes API keys.".into()),
            ("endpoints", Node::Each("endpoint", vec![endpoint])),
        ];
        Ok(Answer::ok("discovery", Node::Fields(fields)))
    })
    .await
}

/// What can be reported
///
/// The categories of a community, without a key.
#[utoipa::path(get, path = "/services.{format}", tag = "open311", operation_id = "list_open311_services",
    params(("format" = String, Path, description = "`json` or `xml`"),
        ("jurisdiction_id" = Option<String>, Query, description = "The community's id; needed without a key"), ("api_key" = Option<String>, Query)),
    responses((status = 200, description = "Services", content((Vec<Service> = "application/json"), (String = "text/xml")))))]
async fn list_open311_services(call: Call) -> Outcome {
    answered(call, |call| async move {
        let (call, given) = asked::perhaps(call).await?;
        let place = given.jurisdiction(&call)?;
        let categories = call
            .app
            .db
            .read(move |tx| {
                let place = jurisdiction(tx, place)?;
                Ok::<_, ApiError>(store::categories(tx, place, None, MOST)?)
            })
            .await?;
        let services = categories.iter().filter(|category| category.active).map(|category| {
            Node::Fields(vec![
                ("service_code", category.code.clone().into()),
                ("service_name", category.name.clone().into()),
                ("description", category.name.clone().into()),
                ("metadata", false.into()),
                ("type", "realtime".into()),
                ("keywords", category.name.clone().into()),
                ("group", "报修".into()),
            ])
        });
        Ok(Answer::ok("services", Node::Each("service", services.collect())))
    })
    .await
}

/// What a service asks for
///
/// Nothing beyond what all ask for.
#[utoipa::path(get, path = "/services/{code}.{format}", tag = "open311", operation_id = "get_open311_service",
    params(("code" = String, Path), ("format" = String, Path, description = "`json` or `xml`"),
        ("jurisdiction_id" = Option<String>, Query, description = "The community's id; needed without a key"), ("api_key" = Option<String>, Query)),
    responses((status = 200, description = "The definition", content((ServiceDefinition = "application/json"), (String = "text/xml")))))]
async fn get_open311_service(call: Call) -> Outcome {
    answered(call, |call| async move {
        let (call, given) = asked::perhaps(call).await?;
        let (place, word) = (given.jurisdiction(&call)?, asked::named_in_path(&call));
        let category = call
            .app
            .db
            .read_brief(move |tx| {
                let place = jurisdiction(tx, place)?;
                Ok::<_, ApiError>(store::category(tx, place, &word)?.filter(|category| category.active))
            })
            .await?;
        let category = category.ok_or_else(asked::unknown_service)?;
        let fields = vec![("service_code", category.code.clone().into()), ("attributes", Node::Each("attribute", vec![]))];
        Ok(Answer::ok("service_definition", Node::Fields(fields)))
    })
    .await
}

/// Report something
///
/// The key needs `repair:write`; its account is the reporter. Who is behind it is kept sealed and never sent out.
#[utoipa::path(post, path = "/requests.{format}", tag = "open311", operation_id = "report_open311_request",
    params(("format" = String, Path, description = "`json` or `xml`")),
    request_body(content = Open311RequestForm, content_type = "application/x-www-form-urlencoded",
        example = json!({ "api_key": "jz_live_…", "service_code": "lighting", "address_string": "北门", "description": "路灯不亮" })),
    responses((status = 201, description = "Taken", content((Vec<Made> = "application/json"), (String = "text/xml")), headers(("Location" = String)))))]
async fn report_open311_request(call: Call) -> Outcome {
    answered(call, |call| async move {
        let (call, given) = asked::posted(call, WRITE).await?;
        let report = reporting::Reported::read(&given, given.jurisdiction(&call)?)?;
        let account = given.one("account_id")?.map(str::to_owned);
        let cx = call.cx()?;
        let id = call.app.db.write(move |tx| report.submit(tx, &cx)).await?;
        call.app.jobs.wake();
        let fields = vec![
            ("service_request_id", id.text().into()),
            ("service_notice", "已受理，社区将按承诺的时限处理。".into()),
            ("account_id", account.into()),
        ];
        let node = Node::Each("request", vec![Node::Fields(fields)]);
        let suffix = asked::last_part(&call).map_or("xml".to_owned(), |(_, format)| format);
        Ok(Answer { status: 201, location: Some(format!("/open311/v2/requests/{id}.{suffix}")), ..Answer::ok("service_requests", node) })
    })
    .await
}

/// List requests
///
/// Of the last ninety days unless dates are given, newest first. The key needs `repair:read`.
#[utoipa::path(get, path = "/requests.{format}", tag = "open311", operation_id = "list_open311_requests",
    params(("format" = String, Path, description = "`json` or `xml`"), ("api_key" = Option<String>, Query), ("jurisdiction_id" = Option<String>, Query),
        ("service_request_id" = Option<String>, Query, description = "Several between commas"), ("service_code" = Option<String>, Query, description = "Several between commas"),
        ("status" = Option<String>, Query, description = "`open`, `closed`, or both"), ("start_date" = Option<String>, Query), ("end_date" = Option<String>, Query),
        ("updated_after" = Option<String>, Query), ("updated_before" = Option<String>, Query),
        ("page" = Option<i64>, Query, minimum = 1, maximum = 1000), ("page_size" = Option<i64>, Query, minimum = 1, maximum = 1000)),
    responses((status = 200, description = "Requests", content((Vec<ServiceRequest> = "application/json"), (String = "text/xml")))))]
async fn list_open311_requests(call: Call) -> Outcome {
    answered(call, |call| async move {
        let (call, given) = asked::with_key(call, READ).await?;
        let wanted = given.requests(given.jurisdiction(&call)?, call.app.clock.now())?;
        let found = shown(&call, wanted).await?;
        Ok(Answer::ok("service_requests", Node::Each("request", found)))
    })
    .await
}

/// One request
#[utoipa::path(get, path = "/requests/{id}.{format}", tag = "open311", operation_id = "get_open311_request",
    params(("id" = String, Path), ("format" = String, Path, description = "`json` or `xml`"), ("api_key" = Option<String>, Query), ("jurisdiction_id" = Option<String>, Query)),
    responses((status = 200, description = "The request", content((Vec<ServiceRequest> = "application/json"), (String = "text/xml")))))]
async fn get_open311_request(call: Call) -> Outcome {
    answered(call, |call| async move {
        let (call, given) = asked::with_key(call, READ).await?;
        let (place, id) = (given.jurisdiction(&call)?, asked::ticket_in_path(&call)?);
        let found = shown(&call, Asked { ids: vec![id], ..Given::everything(place) }).await?;
        if found.is_empty() {
            return Err(ApiError::new(code::NOT_FOUND));
        }
        Ok(Answer::ok("service_requests", Node::Each("request", found)))
    })
    .await
}

/// What became of a token
///
/// Requests are made at once: a token is the request's own id.
#[utoipa::path(get, path = "/tokens/{token}.{format}", tag = "open311", operation_id = "get_open311_token",
    params(("token" = String, Path), ("format" = String, Path, description = "`json` or `xml`"), ("api_key" = Option<String>, Query), ("jurisdiction_id" = Option<String>, Query)),
    responses((status = 200, description = "The request's id", content((Vec<Token> = "application/json"), (String = "text/xml")))))]
async fn get_open311_token(call: Call) -> Outcome {
    answered(call, |call| async move {
        let (call, given) = asked::with_key(call, READ).await?;
        let (place, id) = (given.jurisdiction(&call)?, asked::ticket_in_path(&call)?);
        if shown(&call, Asked { ids: vec![id], ..Given::everything(place) }).await?.is_empty() {
            return Err(ApiError::new(code::NOT_FOUND));
        }
        let fields = Node::Fields(vec![("service_request_id", id.text().into()), ("token", id.text().into())]);
        Ok(Answer::ok("service_requests", Node::Each("request", vec![fields])))
    })
    .await
}

/// What happened to requests
///
/// From one moment to another, oldest first; of the last day unless dates are given.
#[utoipa::path(get, path = "/servicerequestupdates.{format}", tag = "open311", operation_id = "list_open311_updates",
    params(("format" = String, Path, description = "`json` or `xml`"), ("api_key" = Option<String>, Query), ("jurisdiction_id" = Option<String>, Query),
        ("start_date" = Option<String>, Query), ("end_date" = Option<String>, Query),
        ("page" = Option<i64>, Query, minimum = 1, maximum = 1000), ("page_size" = Option<i64>, Query, minimum = 1, maximum = 1000)),
    responses((status = 200, description = "Updates", content((Vec<RequestUpdate> = "application/json"), (String = "text/xml")))))]
async fn list_open311_updates(call: Call) -> Outcome {
    answered(call, |call| async move {
        let (call, given) = asked::with_key(call, READ).await?;
        let place = given.jurisdiction(&call)?;
        let (span, page) = (given.span(call.app.clock.now(), LATELY_S)?, given.page()?);
        let found = call
            .app
            .db
            .read(move |tx| {
                let place = jurisdiction(tx, place)?;
                Ok::<_, ApiError>(store::updates(tx, place, span, page)?)
            })
            .await?;
        Ok(Answer::ok("service_request_updates", Node::Each("request_update", found.iter().map(update).collect())))
    })
    .await
}

/// Add to a request
///
/// What a citizen adds, as a remark in the ticket's history; it is shown to those who work on it, and not sent out again. `status`
/// may differ from the request's own where the key reported it: `closed` withdraws what nobody has begun and confirms what is
/// resolved, `open` reopens, once and within seven days. The same `update_id` again changes nothing more. The key needs `repair:write`.
#[utoipa::path(post, path = "/servicerequestupdates.{format}", tag = "open311", operation_id = "update_open311_request",
    params(("format" = String, Path, description = "`json` or `xml`")),
    request_body(content = Open311UpdateForm, content_type = "application/x-www-form-urlencoded",
        example = json!({ "api_key": "jz_live_…", "service_request_id": "tkt_01h455vb4pex5vsknk084sn02q", "update_id": "248", "description": "灯杆上写着 7 号" })),
    responses((status = 200, description = "Taken", content((Vec<Taken> = "application/json"), (String = "text/xml")))))]
async fn update_open311_request(call: Call) -> Outcome {
    answered(call, |call| async move {
        let (call, given) = asked::posted(call, WRITE).await?;
        let brought = updating::Brought::read(&given, given.jurisdiction(&call)?)?;
        let (cx, operation) = (call.cx()?, call.op.id.clone());
        let id = call.app.db.write(move |tx| brought.take(tx, &cx, &operation)).await?;
        call.app.jobs.wake();
        let fields = Node::Fields(vec![("update_id", id.into())]);
        Ok(Answer::ok("service_request_updates", Node::Each("request_update", vec![fields])))
    })
    .await
}

async fn shown(call: &Call, wanted: Asked) -> Result<Vec<Node>, ApiError> {
    let who = call.actor()?.clone();
    let found = call
        .app
        .db
        .read(move |tx| {
            jurisdiction(tx, wanted.community)?;
            let now = tx.now();
            let found = store::requests(tx, &wanted)?;
            let subjects: Vec<String> = found.iter().map(|one| one.ticket.facts().id.text()).collect();
            let kept = Kept::of(tx, &subjects)?;
            let shown = found.iter().zip(&subjects).map(|(one, subject)| request(one, &kept.kept_from(subject, &who), now));
            Ok::<_, ApiError>(shown.collect::<Vec<_>>())
        })
        .await?;
    Ok(found)
}

fn moment(at: Timestamp) -> Node {
    at.to_string().into()
}

/// A request as the standard has it. Neither who reported it nor whom it was reported for is in it, nor words that wait for the
/// content check or did not pass it.
fn request(one: &Request, withheld: &Withheld, now: Timestamp) -> Node {
    let f = one.ticket.facts();
    let words = !withheld.hides(Part::Words, None);
    let sla = one.ticket.sla(now);
    let resolved = f.resolution.as_ref().map(|resolution| resolution.note.clone());
    Node::Fields(vec![
        ("service_request_id", f.id.text().into()),
        ("status", status(f.state).into()),
        ("status_notes", resolved.unwrap_or_else(|| label(f.state).to_owned()).into()),
        ("service_name", f.category.name.clone().into()),
        ("service_code", f.category.code.clone().into()),
        ("description", if words { f.description.clone() } else { f.category.name.clone() }.into()),
        ("agency_responsible", Node::Nothing),
        ("service_notice", label(f.state).into()),
        ("requested_datetime", moment(f.submitted_at)),
        ("updated_datetime", moment(one.updated_at)),
        ("expected_datetime", sla.resolve.due_at.map_or(Node::Nothing, moment)),
        ("address", f.place.clone().filter(|_| words).into()),
        ("address_id", f.home.map(|home| home.text()).into()),
        ("zipcode", Node::Nothing),
        ("lat", one.origin.lat.into()),
        ("long", one.origin.long.into()),
        ("media_url", one.origin.media_url.clone().into()),
    ])
}

fn update(one: &Update) -> Node {
    let state = one.state.unwrap_or(State::Submitted);
    // What was added is for those who work on it.
    let said = if one.kind == REMARKED { Some("已补充说明") } else { one.state.map(label) };
    Node::Fields(vec![
        ("update_id", one.id.clone().into()),
        ("service_request_id", one.ticket.text().into()),
        ("status", status(state).into()),
        ("external_status_code", one.state.map(|state| state.as_str()).into()),
        ("updated_datetime", moment(one.occurred_at)),
        ("description", said.into()),
        ("media_url", Node::Nothing),
    ])
}

fn status(state: State) -> &'static str {
    if state.is_open() { "open" } else { "closed" }
}

fn label(state: State) -> &'static str {
    match state {
        State::Submitted => "已提交，等待派单",
        State::Assigned => "已派单",
        State::Accepted => "已接单",
        State::OnSite => "已到场",
        State::Quoted => "已报价，等待确认",
        State::Approved => "报价已确认，处理中",
        State::Paused => "已暂停",
        State::Resolved => "已完工，等待确认",
        State::Closed => "已办结",
        State::Cancelled => "已取消",
    }
}
