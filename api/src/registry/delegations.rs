//! Delegations 代办 over HTTP: who may act for whom, in what, and until when.

use deserr::Deserr;
use jiazai_domain::actor::{Actor, CommunityId};
use jiazai_domain::registry::binding::{DelegationDraft, DelegationScope, OnBehalf, Principal};
use jiazai_domain::registry::{self as domain, DelegationId, DelegationIdKind};
use jiazai_infra::db::Tx;
use jiazai_infra::identity;
use jiazai_infra::registry::{delegations as store, people};
use serde::Serialize;
use utoipa::ToSchema;

use super::dto::DelegationMatter;
use super::{KEEPERS, MOST_DELEGATIONS, MOST_DELEGATIONS_OF_KEEPERS, absent, is_within, keeper, refuse, room};
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::input::named::{CommunityRef, DelegationRef, PersonRef, PrincipalRef};
use crate::input::{Faults, Few, Instant, Nothing, Ref};
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    // Acting for somebody is a matter between people: no program gives it, takes it back or has any.
    api.add(op!(grant_delegation, Access::ResidentsOr(KEEPERS)).closed_to_programs().refuses(&[code::TOO_MANY_PENDING]))
        .add(op!(list_my_delegations, Access::Anyone).closed_to_programs().refuses(&[code::CURSOR_INVALID]))
        .add(op!(revoke_delegation, Access::Anyone).closed_to_programs().refuses(&[code::STATE_CONFLICT, code::STALE]));
}

/// One to five.
pub type Matters = Few<DelegationMatter, 1, 5>;

/// Somebody may act for somebody else.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewDelegation {
    #[schema(inline)]
    pub community_id: CommunityRef,
    /// Whom it is for: left out by a resident, for whom it is themselves; given by a keeper, for somebody without an account.
    #[schema(inline)]
    #[deserr(default)]
    pub person_id: Option<PersonRef>,
    /// Who may act. A keeper may name themselves.
    #[schema(inline)]
    pub delegate_id: PrincipalRef,
    #[schema(inline)]
    pub scopes: Matters,
    /// At most a year ahead.
    #[schema(inline)]
    pub expires_at: Instant,
}

/// A delegation 代办.
#[derive(Debug, Serialize, ToSchema)]
pub struct Delegation {
    #[schema(inline)]
    pub id: DelegationRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    /// The account that it is for; null when it is for somebody without one.
    #[schema(inline)]
    pub resident_id: Option<PrincipalRef>,
    #[schema(inline)]
    pub person_id: Option<PersonRef>,
    #[schema(inline)]
    pub delegate_id: PrincipalRef,
    pub scopes: Vec<DelegationMatter>,
    #[schema(inline)]
    pub granted_by: PrincipalRef,
    #[schema(inline)]
    pub granted_at: Instant,
    #[schema(inline)]
    pub expires_at: Instant,
    #[schema(inline)]
    pub revoked_at: Option<Instant>,
    /// Neither taken back nor over.
    pub live: bool,
    pub version: i64,
}

impl Delegation {
    fn of(delegation: &domain::Delegation, now: jiazai_domain::kernel::time::Timestamp) -> Self {
        let (resident_id, person_id) = match delegation.behalf_of {
            Principal::Account(account) => (Some(Ref(account)), None),
            Principal::Person(person) => (None, Some(Ref(person))),
        };
        Self {
            id: Ref(delegation.id),
            community_id: Ref(delegation.community),
            resident_id,
            person_id,
            delegate_id: Ref(delegation.delegate),
            scopes: delegation.scopes.iter().map(|scope| (*scope).into()).collect(),
            granted_by: Ref(delegation.granted_by),
            granted_at: delegation.granted_at.into(),
            expires_at: delegation.expires_at.into(),
            revoked_at: delegation.revoked_at.map(Into::into),
            live: delegation.is_live(now),
            version: delegation.version,
        }
    }
}

/// The right to act for somebody else in a matter of a community, if the caller says by which delegation. One that is not theirs
/// does not exist; nor does one of another community, for it reaches no further than the place that it was given in.
pub fn on_behalf(
    tx: &mut Tx,
    who: &Actor,
    id: Option<DelegationId>,
    scope: DelegationScope,
    place: CommunityId,
) -> Result<Option<OnBehalf>, ApiError> {
    let Some(id) = id else { return Ok(None) };
    let unknown = || ApiError::fault("/delegation_id", "unknown_delegation", "没有这个代办授权", "is not a delegation of yours");
    let delegation = store::find(tx, id)?.filter(|d| d.delegate == who.id && d.community == place).ok_or_else(unknown)?;
    let acting = delegation.acting(who, scope, tx.now()).map_err(refuse)?;
    // It ends with whom it is for, though nobody has taken it back.
    tx.acts_for(match acting.behalf_of() {
        Principal::Account(account) => account.text(),
        Principal::Person(person) => person.text(),
    });
    if exists(tx, acting.behalf_of())? { Ok(Some(acting)) } else { Err(refuse(domain::Refusal::DelegationOver)) }
}

/// Whether somebody can still be acted for: an account that may itself act, a person who is alive.
fn exists(tx: &mut Tx, behalf_of: Principal) -> Result<bool, ApiError> {
    Ok(match behalf_of {
        Principal::Account(account) => identity::principal(tx, account)?.is_some_and(|principal| principal.disabled_at.is_none()),
        Principal::Person(person) => people::is_alive(tx, person)?,
    })
}

/// Let somebody act for me, or for an elder
///
/// A resident lets somebody act for them; a keeper lets somebody, or themselves, act for a person of the registry who has no
/// account. What a delegate does is remembered under both names, and cannot be passed on.
#[utoipa::path(post, path = "/delegations", tag = "registry", operation_id = "grant_delegation",
    request_body(content = NewDelegation, example = json!({ "community_id": "com_01h455vb4pex5vsknk084sn02q", "delegate_id": "usr_01h455vb4pex5vsknk084sn02q", "scopes": ["repair"], "expires_at": "2027-05-01T00:00:00.000Z" })),
    responses((status = 201, body = Delegation, headers(("ETag" = String)))))]
async fn grant_delegation(call: Call) -> Outcome {
    let body: NewDelegation = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        let place = body.community_id.0;
        let unknown = || ApiError::fault("/community_id", "unknown_community", "没有这个社区", "is not a known community");
        if !is_within(who, place) || jiazai_infra::community::find(tx, place)?.is_none() {
            return Err(unknown());
        }
        let nobody = || ApiError::fault("/delegate_id", "unknown_account", "没有这个账号", "is not a known account");
        identity::principal(tx, body.delegate_id.0)?.filter(|p| p.disabled_at.is_none()).ok_or_else(nobody)?;
        let draft = DelegationDraft {
            delegate: body.delegate_id.0,
            scopes: body.scopes.0.iter().map(|scope| (*scope).into()).collect(),
            expires_at: body.expires_at.0,
        };
        let most = if who.resident().is_ok() { MOST_DELEGATIONS } else { MOST_DELEGATIONS_OF_KEEPERS };
        room(store::live(tx, who.id)?, most)?;
        let id = tx.new_id();
        let made = match (who.resident(), body.person_id) {
            (Ok(by), None) => domain::Delegation::grant(id, place, draft, &by, tx.now()),
            (Ok(_), Some(_)) => {
                return Err(ApiError::fault(
                    "/person_id",
                    "for_keepers",
                    "居民只能为本人授权",
                    "is for keepers; residents delegate for themselves",
                ));
            }
            (Err(_), None) => return Err(ApiError::fault("/person_id", "required", "必填", "is required")),
            (Err(_), Some(person)) => {
                let by = keeper(tx, who, place)?;
                let stranger = || ApiError::fault("/person_id", "unknown_person", "没有这个人", "is not a person whom you keep");
                let found = people::find(tx, &cx.app.vault, person.0)?.ok_or_else(stranger)?;
                let grids = people::grids_of_one(tx, person.0)?;
                // Whom they do not keep does not exist for them.
                match domain::Delegation::grant_for(id, &found, &grids, draft, &by, tx.now()) {
                    Err(domain::Refusal::NotForYou) => return Err(stranger()),
                    other => other,
                }
            }
        };
        let delegation = store::save(tx, made.map_err(refuse)?)?;
        let at = format!("/api/v1/delegations/{id}");
        Ok(Reply::created(at, &Delegation::of(&delegation, tx.now()))?.version(delegation.version))
    })
    .await
}

/// My delegations
///
/// Those that I gave, that are for me, and by which I may act. Newest first.
#[utoipa::path(get, path = "/me/delegations", tag = "registry", operation_id = "list_my_delegations",
    params(("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<Delegation>)))]
async fn list_my_delegations(call: Call) -> Outcome {
    let params = call.query()?;
    call.list(params, move |tx, cx, window| {
        let now = tx.now();
        let rows = store::around(tx, cx.actor()?.id, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |delegation| delegation.id.text(), |delegation| Delegation::of(&delegation, now)))
    })
    .await
}

/// Take a delegation back
///
/// Whoever gave it, whom it is for, the delegate who no longer wants it, and the community's administrator.
#[utoipa::path(post, path = "/delegations/{id}/revoke", tag = "registry", operation_id = "revoke_delegation",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})),
    responses((status = 200, body = Delegation, headers(("ETag" = String)))))]
async fn revoke_delegation(call: Call, id: At<DelegationIdKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        let delegation = store::find(tx, id.0)?.ok_or_else(absent)?;
        let involved = [delegation.granted_by, delegation.delegate].contains(&who.id) || delegation.behalf_of == Principal::Account(who.id);
        if !involved && who.admin_of(delegation.community).is_err() {
            return Err(absent());
        }
        cx.expect_version(delegation.version)?;
        let changed = delegation.revoke(who, tx.now()).map_err(|refusal| match refusal {
            domain::Refusal::DelegationOver => {
                ApiError::new(code::STATE_CONFLICT).because("该代办授权已失效", "The delegation is over already").in_state("over", vec![])
            }
            other => refuse(other),
        })?;
        let delegation = store::save(tx, changed)?;
        Ok(Reply::ok(&Delegation::of(&delegation, tx.now()))?.version(delegation.version))
    })
    .await
}
