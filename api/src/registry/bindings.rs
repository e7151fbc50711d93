//! Home bindings 住户认证 over HTTP.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiazai_domain::actor::{Actor, CommunityId, Resident, Role};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::phone::Phone;
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::binding::{Action, DelegationScope, Match, Party, State};
use jiazai_domain::registry::{
    Binding, BindingId, BindingIdKind, Document, DocumentType, Home, Keeper, OnBehalf, PersonId, Reason, Refusal, as_of,
};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::identity;
use jiazai_infra::registry::bindings::{self as store, Bound, Filter, Whose};
use jiazai_infra::registry::people::{self, Claim};
use jiazai_infra::registry::{facts, homes};

use super::dto::{ApproveBinding, BindingState, EndBinding, HomeBinding, NewBinding, RejectBinding};
use super::{KEEPERS, MOST_CLAIMS, absent, keeper_if, on_behalf, refuse, room, watching};
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::faults::text_fault;
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

/// Those who see bindings: who keeps the registry, and who watches them.
const WATCHERS: &[Role] = &[Role::CommunityAdmin, Role::GridWorker, Role::Auditor];

pub fn routes(api: &mut Api) {
    let conflict = &[code::STATE_CONFLICT, code::STALE];
    api.add(op!(claim_home, Access::Residents).refuses(&[code::ALREADY_BOUND, code::STALE, code::TOO_MANY_PENDING]))
        .add(op!(list_home_bindings, Access::Roles(WATCHERS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(list_my_home_bindings, Access::Residents).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_home_binding, Access::ResidentsOr(WATCHERS)))
        .add(op!(approve_home_binding, Access::Roles(KEEPERS)).refuses(conflict))
        .add(op!(reject_home_binding, Access::Roles(KEEPERS)).refuses(conflict))
        .add(op!(end_home_binding, Access::ResidentsOr(KEEPERS)).refuses(conflict));
}

/// Claim a home 认领
///
/// Active at once (`state`) when name, document and bound telephone are those of somebody whom the registry knows to be that to
/// this home; otherwise a keeper decides. A home may have several owners.
#[utoipa::path(post, path = "/home-bindings", tag = "registry", operation_id = "claim_home",
    request_body(content = NewBinding, example = json!({ "home_id": "hom_01h455vb4pex5vsknk084sn02q", "relation": "owner", "name": "陈小明", "id_number": "110101199003070134" })),
    responses((status = 201, body = HomeBinding, headers(("ETag" = String)))))]
async fn claim_home(call: Call) -> Outcome {
    let body: NewBinding = call.body()?;
    call.write(move |tx, cx| claim(tx, cx, &body)).await
}

fn claim(tx: &mut Tx, cx: &Cx, body: &NewBinding) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let unknown = || ApiError::fault("/home_id", "unknown_home", "没有这个房屋", "is not a known home");
    let (home, _) = homes::find(tx, body.home_id.0)?.ok_or_else(unknown)?;
    let acting = on_behalf(tx, who, body.delegation_id.map(|id| id.0), DelegationScope::Registry, home.community)?;
    let holder = holder(who, acting)?;
    // A lease that ran out stands in the way of a new claim only in the unique index: it is written down first.
    let mut others = Vec::new();
    for other in store::between(tx, holder.id(), home.id)? {
        match other.clone().settle() {
            Some(changed) => others.push(store::save(tx, changed)?),
            None => others.push(other),
        }
    }
    room(store::pending(tx, holder.id())?, MOST_CLAIMS)?;
    let found = compare(tx, cx, &home, body, &holder)?;
    let (found, version) = found.unzip();
    let made = Binding::claim(tx.new_id(), &home, body.relation.into(), found, &others, &holder, tx.now()).map_err(refuse)?;
    if let (Some(person), Some(version)) = (made.value().facts().person, version) {
        people::hold(tx, person, version)?;
    }
    let made = match acting {
        Some(acting) => acting.remember(made),
        None => made,
    };
    let binding = store::save(tx, made).map_err(|error| match error {
        DbError::Duplicate => ApiError::new(code::ALREADY_BOUND),
        other => other.into(),
    })?;
    let id = binding.facts().id;
    let mut reply = show(tx, cx, id)?;
    reply.status = 201;
    reply.headers.location = Some(format!("/api/v1/home-bindings/{id}"));
    Ok(reply)
}

/// Whose account gets the binding: the caller's, or that of whom they act for.
fn holder(who: &Actor, acting: Option<OnBehalf>) -> Result<Resident, ApiError> {
    match acting {
        None => Ok(who.resident()?),
        // Somebody without an account has nothing that could be bound.
        Some(acting) => acting
            .resident()
            .ok_or_else(|| ApiError::fault("/delegation_id", "no_account", "被代办人没有账号", "is for somebody without an account")),
    }
}

/// How the claim compares with the registry; nothing when the resident has not said who they are.
fn compare(tx: &mut Tx, cx: &Cx, home: &Home, body: &NewBinding, holder: &Resident) -> Result<Option<(Match, i64)>, ApiError> {
    let (Some(name), Some(number)) = (&body.name, &body.id_number) else {
        return match (&body.name, &body.id_number) {
            (Some(_), None) => Err(ApiError::fault("/id_number", "required", "必填", "is required with a name")),
            (None, Some(_)) => Err(ApiError::fault("/name", "required", "必填", "is required with a document number")),
            _ => Ok(None),
        };
    };
    let kind = body.id_type.map_or(DocumentType::ResidentId, Into::into);
    let today = tx.now().date();
    let document = Document::new(kind, &number.0, today).map_err(|fault| text_fault("/id_number", fault.into()))?;
    let phone: Option<Phone> = identity::phone_of(tx, &cx.app.vault, holder.id())?.and_then(|phone| phone.expose().parse().ok());
    let claim = Claim { name: &name.0, document: &document, phone: phone.as_ref(), relation: body.relation.into() };
    Ok(people::matches(tx, &cx.app.vault, home.community, home.id, claim)?)
}

/// A binding that the caller sees: their own, or one of a home that is theirs to look at.
fn load(tx: &mut Tx, who: &Actor, id: BindingId) -> Result<(Bound, Option<Keeper>), ApiError> {
    let bound = store::find(tx, id)?.ok_or_else(absent)?;
    let f = bound.binding.facts();
    let keeper = keeper_if(tx, who, f.community)?;
    // A binding says who lives where; that is for fewer eyes than the homes themselves.
    let watches = watching(tx, who)?.sees(f.community, f.grid);
    if f.account == who.id || watches { Ok((bound, keeper)) } else { Err(absent()) }
}

fn dto(bound: &Bound, who: &Actor, keeper: Option<&Keeper>) -> HomeBinding {
    let is_holder = bound.binding.parties(who, keeper) == [Party::Holder];
    HomeBinding::of(bound, bound.binding.allowed_actions(who, keeper), !is_holder && bound.binding.facts().account != who.id)
}

/// A binding as the answer to whoever has just done something with it.
fn show(tx: &mut Tx, cx: &Cx, id: BindingId) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let bound = store::find(tx, id)?.ok_or_else(absent)?;
    let keeper = keeper_if(tx, who, bound.binding.facts().community)?;
    Ok(Reply::ok(&dto(&bound, who, keeper.as_ref()))?.version(bound.binding.facts().version))
}

/// One action on a binding: load, decide, save, show.
fn act(
    tx: &mut Tx,
    cx: &Cx,
    id: BindingId,
    decide: impl FnOnce(&mut Tx, Binding, &Actor, Option<&Keeper>) -> Result<Result<Changed<Binding>, Refusal>, ApiError>,
) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let (bound, keeper) = load(tx, who, id)?;
    cx.expect_version(bound.binding.facts().version)?;
    let state = bound.binding.facts().state.as_str();
    let allowed: Vec<&'static str> = bound.binding.allowed_actions(who, keeper.as_ref()).into_iter().map(Action::as_str).collect();
    let changed = decide(tx, bound.binding, who, keeper.as_ref())?.map_err(|refusal| match refusal {
        Refusal::WrongState { .. } => ApiError::new(code::STATE_CONFLICT).in_state(state, allowed),
        other => refuse(other),
    })?;
    store::save(tx, changed)?;
    show(tx, cx, id)
}

fn filter(params: &mut crate::page::Params) -> Result<Filter, ApiError> {
    Ok(Filter {
        community: params.id("community_id")?,
        home: params.id("home_id")?,
        state: params.word("state", State::ALL, State::as_str)?,
    })
}

/// List bindings
///
/// Of the communities that the caller keeps; a grid worker gets those of their grids. Newest first.
#[utoipa::path(get, path = "/home-bindings", tag = "registry", operation_id = "list_home_bindings",
    params(("community_id" = Option<String>, Query), ("home_id" = Option<String>, Query), ("state" = Option<BindingState>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<HomeBinding>)))]
async fn list_home_bindings(call: Call) -> Outcome {
    let mut params = call.query()?;
    let filter = filter(&mut params)?;
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let eyes = Whose::Seen(watching(tx, who)?);
        let rows = store::list(tx, &eyes, &filter, window.after.as_deref(), window.fetch())?;
        // One look for each community on the page, not for each row.
        let mut keepers: HashMap<CommunityId, Option<Keeper>> = HashMap::new();
        for bound in &rows {
            let place = bound.binding.facts().community;
            if let Entry::Vacant(free) = keepers.entry(place) {
                free.insert(keeper_if(tx, who, place)?);
            }
        }
        let keeper = |bound: &Bound| keepers.get(&bound.binding.facts().community).and_then(Option::as_ref);
        let shown: Vec<HomeBinding> = rows.iter().map(|bound| dto(bound, who, keeper(bound))).collect();
        Ok(window.page(shown, |binding| binding.id.0.text(), |binding| binding))
    })
    .await
}

/// My bindings
///
/// Newest first.
#[utoipa::path(get, path = "/me/home-bindings", tag = "registry", operation_id = "list_my_home_bindings",
    params(("community_id" = Option<String>, Query), ("home_id" = Option<String>, Query), ("state" = Option<BindingState>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<HomeBinding>)))]
async fn list_my_home_bindings(call: Call) -> Outcome {
    let mut params = call.query()?;
    let filter = filter(&mut params)?;
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let rows = store::list(tx, &Whose::Account(who.id), &filter, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |bound| bound.binding.facts().id.text(), |bound| dto(&bound, who, None)))
    })
    .await
}

/// One binding
#[utoipa::path(get, path = "/home-bindings/{id}", tag = "registry", operation_id = "get_home_binding", params(("id" = String, Path)),
    responses((status = 200, body = HomeBinding, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_home_binding(call: Call, id: At<BindingIdKind>) -> Outcome {
    call.query()?.finish()?;
    call.read_brief(move |tx, cx| {
        let who = cx.actor()?;
        let (bound, keeper) = load(tx, who, id.0)?;
        Ok(Reply::ok(&dto(&bound, who, keeper.as_ref()))?.version(bound.binding.facts().version))
    })
    .await
}

/// Approve a claim 通过
///
/// The keeper may say who of the registry the resident is, and when a tenant's lease ends; left out, it ends when the registry
/// says so, and where nobody knows a tenant is bound for a year.
#[utoipa::path(post, path = "/home-bindings/{id}/approve", tag = "registry", operation_id = "approve_home_binding",
    params(("id" = String, Path)), request_body(content = ApproveBinding, example = json!({ "lease_ends_on": "2027-08-31" })),
    responses((status = 200, body = HomeBinding, headers(("ETag" = String)))))]
async fn approve_home_binding(call: Call, id: At<BindingIdKind>) -> Outcome {
    let body: ApproveBinding = call.body()?;
    call.write(move |tx, cx| {
        let unknown = || ApiError::fault("/person_id", "unknown_person", "没有这个人", "is not a person whom you keep");
        act(tx, cx, id.0, |tx, binding, who, keeper| {
            // The version before the facts: who ends one of them meanwhile, or writes down a death, decides again.
            let whom = body.person_id.map(|person| person.0).or(binding.facts().person);
            let held = match whom {
                Some(person) => people::version(tx, person)?,
                None => None,
            };
            let named = match body.person_id {
                Some(person) => {
                    let found = people::find(tx, &cx.app.vault, person.0)?.ok_or_else(unknown)?;
                    Some((found, people::grids_of_one(tx, person.0)?))
                }
                None => None,
            };
            let registered = match whom {
                Some(person) => registered_end(tx, &binding, person)?,
                None => None,
            };
            let terms = (body.lease_ends_on.map(|day| day.0), registered);
            let person = named.as_ref().map(|(person, grids)| (person, grids.as_slice()));
            let decided = binding.approve(person, terms, who, keeper, tx.now());
            if let (Ok(_), Some(person), Some(version)) = (&decided, whom, held) {
                people::hold(tx, person, version)?;
            }
            Ok(decided)
        })
    })
    .await
}

/// The first day on which what the registry knows of somebody's relation to the home no longer holds; none while that is open.
fn registered_end(tx: &mut Tx, binding: &Binding, person: PersonId) -> Result<Option<Date>, ApiError> {
    let f = binding.facts();
    let known = facts::of_people(tx, &[person])?;
    let today = tx.now().date();
    let ends: Vec<Option<Date>> = as_of(&known, today)
        .filter(|fact| fact.home == f.home && fact.kind == f.relation.fact())
        .map(|fact| fact.interval.until())
        .collect();
    Ok(if ends.contains(&None) { None } else { ends.into_iter().flatten().max() })
}

/// Reject a claim 驳回
#[utoipa::path(post, path = "/home-bindings/{id}/reject", tag = "registry", operation_id = "reject_home_binding",
    params(("id" = String, Path)), request_body(content = RejectBinding, example = json!({ "reason": "与登记信息不符，请携带房产证到社区办理" })),
    responses((status = 200, body = HomeBinding, headers(("ETag" = String)))))]
async fn reject_home_binding(call: Call, id: At<BindingIdKind>) -> Outcome {
    let body: RejectBinding = call.body()?;
    call.write(move |tx, cx| {
        let why = Reason::new(&body.reason.0).map_err(|fault| text_fault("/reason", fault.into()))?;
        act(tx, cx, id.0, |tx, binding, who, keeper| Ok(binding.reject(why, who, keeper, tx.now())))
    })
    .await
}

/// End a binding 解除
///
/// A keeper's to end, and the resident's own: who has moved out gives up what they have, or takes a claim back.
#[utoipa::path(post, path = "/home-bindings/{id}/end", tag = "registry", operation_id = "end_home_binding",
    params(("id" = String, Path)), request_body(content = EndBinding, example = json!({ "reason": "已搬离" })),
    responses((status = 200, body = HomeBinding, headers(("ETag" = String)))))]
async fn end_home_binding(call: Call, id: At<BindingIdKind>) -> Outcome {
    let body: EndBinding = call.body()?;
    call.write(move |tx, cx| {
        let why = body.reason.as_ref().map(|text| text.0.as_str()).filter(|text| !text.is_empty());
        let why = why.map(Reason::new).transpose().map_err(|fault| text_fault("/reason", fault.into()))?;
        act(tx, cx, id.0, |tx, binding, who, keeper| Ok(binding.end(why, who, keeper, tx.now())))
    })
    .await
}

/// Writes down the leases that have run out, for those who wait for the event.
pub fn settle_leases(tx: &mut Tx, limit: i64) -> Result<usize, DbError> {
    let mut settled = 0;
    for binding in store::expired(tx, limit)? {
        if let Some(changed) = binding.settle() {
            store::save(tx, changed)?;
            settled += 1;
        }
    }
    Ok(settled)
}
