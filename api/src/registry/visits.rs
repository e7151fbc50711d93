//! Visit tasks 入户走访 over HTTP.

use deserr::Deserr;
use jiazai_domain::actor::{Actor, CommunityId, PrincipalId};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::registry::visit::{self as domain, Action, State, VisitNote};
use jiazai_domain::registry::{Keeper, Reason, Refusal, Visit, VisitId, VisitIdKind};
use jiazai_infra::db::Tx;
use jiazai_infra::identity;
use jiazai_infra::registry::visits::{self as store, Filter, Planned};
use serde::Serialize;
use utoipa::ToSchema;

use super::{KEEPERS, absent, home, keeper, keeper_if, refuse};
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::faults::text_fault;
use crate::input::named::{AnyText500, AnyText1000, CommunityRef, HomeRef, PrincipalRef, Text500, VisitRef};
use crate::input::{Day, Faults, Instant, Nothing, Ref};
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    let conflict = &[code::STATE_CONFLICT, code::STALE];
    api.add(op!(plan_home_visit, Access::Roles(KEEPERS)))
        .add(op!(list_home_visits, Access::Roles(KEEPERS)).refuses(&[code::CURSOR_INVALID, code::NOT_FOUND]))
        .add(op!(get_home_visit, Access::Staff))
        .add(op!(assign_home_visit, Access::Roles(KEEPERS)).refuses(conflict))
        .add(op!(miss_home_visit, Access::Staff).refuses(conflict))
        .add(op!(finish_home_visit, Access::Staff).refuses(conflict))
        .add(op!(cancel_home_visit, Access::Roles(KEEPERS)).refuses(conflict));
}

crate::spoken! {
    /// Where a visit stands.
    VisitState = domain::State { Open = "open", Done = "done", Cancelled = "cancelled" }
}

crate::spoken! {
    /// What may be done with a visit.
    VisitAction = domain::Action { Assign = "assign", Miss = "miss", Finish = "finish", Cancel = "cancel" }
}

crate::spoken! {
    /// What came of a visit: met 已见面, updated 已更新登记, refused 拒访, moved_away 已搬离, follow_up 需跟进.
    VisitOutcome = domain::Outcome { Met = "met", Updated = "updated", Refused = "refused", MovedAway = "moved_away", FollowUp = "follow_up" }
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewVisit {
    #[schema(inline)]
    pub home_id: HomeRef,
    /// Who goes; left out: the caller.
    #[schema(inline)]
    #[deserr(default)]
    pub visitor_id: Option<PrincipalRef>,
    #[schema(inline)]
    pub due_on: Day,
    /// What for.
    #[schema(inline)]
    #[deserr(default)]
    pub purpose: Option<AnyText500>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct AssignVisit {
    #[schema(inline)]
    pub visitor_id: PrincipalRef,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct FinishVisit {
    #[schema(inline)]
    pub outcome: VisitOutcome,
    #[schema(inline)]
    #[deserr(default)]
    pub note: Option<AnyText1000>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct CancelVisit {
    #[schema(inline)]
    pub reason: Text500,
}

/// A visit task 入户走访.
#[derive(Debug, Serialize, ToSchema)]
pub struct HomeVisit {
    #[schema(inline)]
    pub id: VisitRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub home_id: HomeRef,
    pub home_label: String,
    #[schema(inline)]
    pub visitor_id: PrincipalRef,
    #[schema(inline)]
    pub due_on: Day,
    pub overdue: bool,
    pub state: VisitState,
    /// How often nobody opened.
    pub missed: i64,
    pub outcome: Option<VisitOutcome>,
    pub note: Option<String>,
    pub allowed_actions: Vec<VisitAction>,
    #[schema(inline)]
    pub created_at: Instant,
    #[schema(inline)]
    pub ended_at: Option<Instant>,
    pub version: i64,
}

fn dto(tx: &Tx, planned: &Planned, who: &Actor, keeper: Option<&Keeper>) -> HomeVisit {
    let visit = &planned.visit;
    HomeVisit {
        id: Ref(visit.id),
        community_id: Ref(visit.community),
        home_id: Ref(visit.home),
        home_label: planned.label.clone(),
        visitor_id: Ref(visit.visitor),
        due_on: Day(visit.due_on),
        overdue: visit.is_overdue(tx.now().date()),
        state: visit.state.into(),
        missed: visit.missed,
        outcome: visit.outcome.map(Into::into),
        note: visit.note.as_ref().map(|note| note.to_string()),
        allowed_actions: visit.allowed_actions(who, keeper).into_iter().map(Into::into).collect(),
        created_at: visit.created_at.into(),
        ended_at: visit.ended_at.map(Into::into),
        version: visit.version,
    }
}

/// Somebody who may be sent to a door: staff of the community who may still act.
fn visitor(tx: &mut Tx, community: CommunityId, id: PrincipalId) -> Result<PrincipalId, ApiError> {
    let acts = identity::principal(tx, id)?.is_some_and(|principal| principal.disabled_at.is_none());
    if acts && domain::may_visit(&identity::grants_of(tx, id)?, community) {
        Ok(id)
    } else {
        Err(ApiError::fault("/visitor_id", "not_staff_here", "不是本社区的工作人员", "is nobody who works in the community"))
    }
}

/// Plan a visit
#[utoipa::path(post, path = "/home-visits", tag = "registry", operation_id = "plan_home_visit",
    request_body(content = NewVisit, example = json!({ "home_id": "hom_01h455vb4pex5vsknk084sn02q", "due_on": "2027-05-01", "purpose": "核实独居老人情况" })),
    responses((status = 201, body = HomeVisit, headers(("ETag" = String)))))]
async fn plan_home_visit(call: Call) -> Outcome {
    let body: NewVisit = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        let unknown = |_| ApiError::fault("/home_id", "unknown_home", "没有这个房屋", "is not a home that you keep");
        let (home, label) = home(tx, who, body.home_id.0).map_err(unknown)?;
        let by = keeper(tx, who, home.community)?;
        let visitor = match body.visitor_id {
            None => who.id,
            Some(visitor_id) => visitor(tx, home.community, visitor_id.0)?,
        };
        let purpose = body.purpose.as_ref().map(|text| text.0.as_str()).filter(|text| !text.is_empty());
        let purpose = purpose.map(Reason::new).transpose().map_err(|fault| text_fault("/purpose", fault.into()))?;
        let made = Visit::plan(tx.new_id(), &home, visitor, body.due_on.0, purpose, &by, tx.now()).map_err(refuse)?;
        let visit = store::save(tx, &cx.app.vault, made)?;
        let at = format!("/api/v1/home-visits/{}", visit.id);
        let planned = Planned { visit, label };
        Ok(Reply::created(at, &dto(tx, &planned, who, Some(&by)))?.version(planned.visit.version))
    })
    .await
}

/// List visits
///
/// Of a community; a grid worker gets those of their grids. Newest first.
#[utoipa::path(get, path = "/home-visits", tag = "registry", operation_id = "list_home_visits",
    params(("community_id" = String, Query), ("state" = Option<VisitState>, Query), ("visitor_id" = Option<String>, Query, description = "`me`, or an id"),
        ("home_id" = Option<String>, Query), ("overdue" = Option<bool>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<HomeVisit>)))]
async fn list_home_visits(call: Call) -> Outcome {
    let mut params = call.query()?;
    let me = call.actor()?.id;
    let community: CommunityId = params.required_id("community_id")?;
    let filter = Filter {
        state: params.word("state", State::ALL, State::as_str)?,
        visitor: match params.text("visitor_id")?.as_deref() {
            None => None,
            Some("me") => Some(me),
            Some(text) => Some(text.parse().map_err(|_| ApiError::query("visitor_id", "应为 me 或编号", "must be `me` or an id"))?),
        },
        home: params.id("home_id")?,
        overdue: params.flag("overdue")?.unwrap_or(false),
    };
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let by = keeper(tx, who, community)?;
        let rows = store::list(tx, &cx.app.vault, (community, by.grids()), &filter, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |planned| planned.visit.id.text(), |planned| dto(tx, &planned, who, Some(&by))))
    })
    .await
}

/// A visit that is the caller's to make, or of a home that they keep.
fn load(tx: &mut Tx, cx: &Cx, id: VisitId) -> Result<(Planned, Option<Keeper>), ApiError> {
    let who = cx.actor()?;
    let planned = store::find(tx, &cx.app.vault, id)?.ok_or_else(absent)?;
    let keeper = keeper_if(tx, who, planned.visit.community)?;
    if planned.visit.parties(who, keeper.as_ref()).is_empty() { Err(absent()) } else { Ok((planned, keeper)) }
}

/// One visit
#[utoipa::path(get, path = "/home-visits/{id}", tag = "registry", operation_id = "get_home_visit", params(("id" = String, Path)),
    responses((status = 200, body = HomeVisit, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_home_visit(call: Call, id: At<VisitIdKind>) -> Outcome {
    call.query()?.finish()?;
    call.read_brief(move |tx, cx| {
        let (planned, keeper) = load(tx, cx, id.0)?;
        Ok(Reply::ok(&dto(tx, &planned, cx.actor()?, keeper.as_ref()))?.version(planned.visit.version))
    })
    .await
}

fn act(
    tx: &mut Tx,
    cx: &Cx,
    id: VisitId,
    decide: impl FnOnce(&mut Tx, Visit, &Actor, Option<&Keeper>) -> Result<Result<Changed<Visit>, Refusal>, ApiError>,
) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let (Planned { visit, label }, keeper) = load(tx, cx, id)?;
    cx.expect_version(visit.version)?;
    let state = visit.state.as_str();
    let allowed: Vec<&'static str> = visit.allowed_actions(who, keeper.as_ref()).into_iter().map(Action::as_str).collect();
    let changed = decide(tx, visit, who, keeper.as_ref())?.map_err(|refusal| match refusal {
        Refusal::WrongState { .. } => ApiError::new(code::STATE_CONFLICT).in_state(state, allowed),
        other => refuse(other),
    })?;
    let planned = Planned { visit: store::save(tx, &cx.app.vault, changed)?, label };
    Ok(Reply::ok(&dto(tx, &planned, who, keeper.as_ref()))?.version(planned.visit.version))
}

/// Send somebody else
#[utoipa::path(post, path = "/home-visits/{id}/assign", tag = "registry", operation_id = "assign_home_visit", params(("id" = String, Path)),
    request_body(content = AssignVisit, example = json!({ "visitor_id": "usr_01h455vb4pex5vsknk084sn02q" })), responses((status = 200, body = HomeVisit)))]
async fn assign_home_visit(call: Call, id: At<VisitIdKind>) -> Outcome {
    let body: AssignVisit = call.body()?;
    call.write(move |tx, cx| {
        act(tx, cx, id.0, |tx, visit, who, keeper| {
            let to = visitor(tx, visit.community, body.visitor_id.0)?;
            Ok(visit.assign(to, who, keeper, tx.now()))
        })
    })
    .await
}

/// Nobody opened 无人应门
///
/// The task stays open.
#[utoipa::path(post, path = "/home-visits/{id}/miss", tag = "registry", operation_id = "miss_home_visit", params(("id" = String, Path)),
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = HomeVisit)))]
async fn miss_home_visit(call: Call, id: At<VisitIdKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act(tx, cx, id.0, |tx, visit, who, keeper| Ok(visit.miss(who, keeper, tx.now())))).await
}

/// Write down what came of it
#[utoipa::path(post, path = "/home-visits/{id}/finish", tag = "registry", operation_id = "finish_home_visit", params(("id" = String, Path)),
    request_body(content = FinishVisit, example = json!({ "outcome": "met", "note": "老人身体良好" })), responses((status = 200, body = HomeVisit)))]
async fn finish_home_visit(call: Call, id: At<VisitIdKind>) -> Outcome {
    let body: FinishVisit = call.body()?;
    call.write(move |tx, cx| {
        let note = body.note.as_ref().map(|text| text.0.as_str()).filter(|text| !text.is_empty());
        let note = note.map(VisitNote::new).transpose().map_err(|fault| text_fault("/note", fault.into()))?;
        act(tx, cx, id.0, |tx, visit, who, keeper| Ok(visit.finish(body.outcome.into(), note, who, keeper, tx.now())))
    })
    .await
}

/// Cancel a visit
#[utoipa::path(post, path = "/home-visits/{id}/cancel", tag = "registry", operation_id = "cancel_home_visit", params(("id" = String, Path)),
    request_body(content = CancelVisit, example = json!({ "reason": "住户已搬离" })), responses((status = 200, body = HomeVisit)))]
async fn cancel_home_visit(call: Call, id: At<VisitIdKind>) -> Outcome {
    let body: CancelVisit = call.body()?;
    call.write(move |tx, cx| {
        let why = Reason::new(&body.reason.0).map_err(|fault| text_fault("/reason", fault.into()))?;
        act(tx, cx, id.0, |tx, visit, who, keeper| Ok(visit.cancel(why, who, keeper, tx.now())))
    })
    .await
}
