//! Change proposals 变更申请 over HTTP: a resident says what is wrong in the registry, a keeper decides, and what was
//! approved is written in the same transaction.

mod commands;
mod dto;

use jiazai_domain::actor::Role;
use jiazai_domain::registry::proposal::{Proposal, State};
use jiazai_domain::registry::{BindingIdKind, ProposalIdKind, Reason};
use jiazai_infra::events;
use jiazai_infra::registry::proposals::{self as store, Filter, Whose};

use self::commands::{act, load};
use self::dto::{MyHousehold, NewProposal, ProposalEvent, ProposalState, RegistryProposal, RejectProposal};
use super::{KEEPERS, keeper};
use crate::call::{At, Call, Outcome};
use crate::error::code;
use crate::faults::text_fault;
use crate::input::Nothing;
use crate::op;
use crate::page::{Page, Params};
use crate::reply::Reply;
use crate::route::{Access, Api};

/// Those who see proposals beside the resident whose it is.
const WATCHERS: &[Role] = KEEPERS;

pub fn routes(api: &mut Api) {
    let conflict = &[code::STATE_CONFLICT, code::STALE];
    api.add(op!(get_my_household, Access::Residents))
        .add(op!(propose_change, Access::Residents).refuses(&[code::FORBIDDEN, code::TOO_MANY_PENDING]))
        .add(op!(list_registry_proposals, Access::Roles(KEEPERS)).refuses(&[code::CURSOR_INVALID, code::NOT_FOUND]))
        .add(op!(list_my_registry_proposals, Access::Residents).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_registry_proposal, Access::ResidentsOr(WATCHERS)))
        .add(op!(list_registry_proposal_events, Access::ResidentsOr(WATCHERS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(approve_registry_proposal, Access::Roles(KEEPERS)).refuses(conflict))
        .add(op!(reject_registry_proposal, Access::Roles(KEEPERS)).refuses(conflict))
        .add(op!(withdraw_registry_proposal, Access::Residents).refuses(conflict));
}

/// Who is registered at my home
///
/// For whoever has the binding, while it is active: how the home is lived in, and the people tied to it today, with masked
/// names. Whoever finds a mistake proposes a change.
#[utoipa::path(get, path = "/home-bindings/{id}/household", tag = "registry", operation_id = "get_my_household", params(("id" = String, Path)),
    responses((status = 200, body = MyHousehold)))]
async fn get_my_household(call: Call, id: At<BindingIdKind>) -> Outcome {
    call.query()?.finish()?;
    call.read(move |tx, cx| Reply::ok(&commands::household(tx, cx, id.0)?)).await
}

/// Propose a change 变更申请
///
/// About a home that the caller is actively bound to, or somebody of its household. A keeper of the home decides; nothing
/// changes until then.
#[utoipa::path(post, path = "/registry-proposals", tag = "registry", operation_id = "propose_change",
    request_body(content = NewProposal, example = json!({ "home_id": "hom_01h455vb4pex5vsknk084sn02q", "changes": [{ "field": "phone", "value": "13812345678" }] })),
    responses((status = 201, body = RegistryProposal, headers(("ETag" = String)))))]
async fn propose_change(call: Call) -> Outcome {
    let body: NewProposal = call.body()?;
    call.write(move |tx, cx| commands::propose(tx, cx, &body)).await
}

fn filter(params: &mut Params) -> Result<Filter, crate::error::ApiError> {
    Ok(Filter { state: params.word("state", State::ALL, State::as_str)?, home: params.id("home_id")? })
}

/// List proposals
///
/// Of a community; a grid worker gets those about homes of their grids. Newest first.
#[utoipa::path(get, path = "/registry-proposals", tag = "registry", operation_id = "list_registry_proposals",
    params(("community_id" = String, Query), ("state" = Option<ProposalState>, Query), ("home_id" = Option<String>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<RegistryProposal>)))]
async fn list_registry_proposals(call: Call) -> Outcome {
    let mut params = call.query()?;
    let community = params.required_id("community_id")?;
    let filter = filter(&mut params)?;
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let by = keeper(tx, who, community)?;
        let whose = Whose::Kept(community, by.grids().clone());
        let rows = store::list(tx, &cx.app.vault, &whose, filter, window.after.as_deref(), window.fetch())?;
        let show = |proposed: store::Proposed| RegistryProposal::of(&proposed, proposed.proposal.allowed_actions(who, Some(&by)), |_| None);
        Ok(window.page(rows, |proposed| proposed.proposal.id.text(), show))
    })
    .await
}

/// My proposals
///
/// Newest first.
#[utoipa::path(get, path = "/me/registry-proposals", tag = "registry", operation_id = "list_my_registry_proposals",
    params(("state" = Option<ProposalState>, Query), ("home_id" = Option<String>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<RegistryProposal>)))]
async fn list_my_registry_proposals(call: Call) -> Outcome {
    let mut params = call.query()?;
    let filter = filter(&mut params)?;
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let rows = store::list(tx, &cx.app.vault, &Whose::Proposer(who.id), filter, window.after.as_deref(), window.fetch())?;
        let show = |proposed: store::Proposed| RegistryProposal::of(&proposed, proposed.proposal.allowed_actions(who, None), |_| None);
        Ok(window.page(rows, |proposed| proposed.proposal.id.text(), show))
    })
    .await
}

/// One proposal
///
/// Staff see beside each value what the registry says now.
#[utoipa::path(get, path = "/registry-proposals/{id}", tag = "registry", operation_id = "get_registry_proposal", params(("id" = String, Path)),
    responses((status = 200, body = RegistryProposal, headers(("ETag" = String)))))]
async fn get_registry_proposal(call: Call, id: At<ProposalIdKind>) -> Outcome {
    call.query()?.finish()?;
    call.read(move |tx, cx| {
        let (proposed, keeper) = load(tx, cx, id.0)?;
        commands::show(tx, cx, &proposed, keeper.as_ref())
    })
    .await
}

/// What happened to a proposal
///
/// Oldest first.
#[utoipa::path(get, path = "/registry-proposals/{id}/events", tag = "registry", operation_id = "list_registry_proposal_events",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ProposalEvent>)))]
async fn list_registry_proposal_events(call: Call, id: At<ProposalIdKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        load(tx, cx, id.0)?;
        let rows = events::history(tx, &id.0.text(), window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |event| event.id.text(), ProposalEvent::from))
    })
    .await
}

/// Approve a proposal 通过
///
/// What was proposed is written in the same transaction, under the rules that hold now; where they forbid it, it is 409 and
/// the proposal still waits.
#[utoipa::path(post, path = "/registry-proposals/{id}/approve", tag = "registry", operation_id = "approve_registry_proposal",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})),
    responses((status = 200, body = RegistryProposal, headers(("ETag" = String)))))]
async fn approve_registry_proposal(call: Call, id: At<ProposalIdKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| commands::approve(tx, cx, id.0)).await
}

/// Reject a proposal 驳回
#[utoipa::path(post, path = "/registry-proposals/{id}/reject", tag = "registry", operation_id = "reject_registry_proposal",
    params(("id" = String, Path)), request_body(content = RejectProposal, example = json!({ "reason": "请携带户口本到社区办理" })),
    responses((status = 200, body = RegistryProposal, headers(("ETag" = String)))))]
async fn reject_registry_proposal(call: Call, id: At<ProposalIdKind>) -> Outcome {
    let body: RejectProposal = call.body()?;
    call.write(move |tx, cx| {
        let why = Reason::new(&body.reason.0).map_err(|fault| text_fault("/reason", fault.into()))?;
        act(tx, cx, id.0, |tx, proposal: Proposal, who, keeper| proposal.reject(why, who, keeper, tx.now()))
    })
    .await
}

/// Take a proposal back 撤回
#[utoipa::path(post, path = "/registry-proposals/{id}/withdraw", tag = "registry", operation_id = "withdraw_registry_proposal",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})),
    responses((status = 200, body = RegistryProposal, headers(("ETag" = String)))))]
async fn withdraw_registry_proposal(call: Call, id: At<ProposalIdKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act(tx, cx, id.0, |tx, proposal: Proposal, who, _| proposal.withdraw(who, tx.now()))).await
}
