//! Accounts of staff: who works here and what they are trusted with.
//!
//! A platform administrator appoints anybody anywhere; a community administrator appoints within their communities, and
//! nobody who would outrank them. The last platform administrator can be neither disabled nor demoted: nobody could let
//! them in again but somebody with the machine in hand.

use deserr::Deserr;
use jiazai_domain::actor::{Actor, Communities, CommunityId, Grant, Principal, PrincipalId, PrincipalKind, Role};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::identity::{self as store, StaffMember};
use jiazai_infra::password;
use jiazai_infra::vault::{Secret, random};
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, Fault, code};
use crate::faults::note;
use crate::identity::dto::{Password, RoleDto};
use crate::input::named::{CommunityRef, PrincipalRef, Text2To64, Text40};
use crate::input::{Faults, Few, Instant, Nothing, Ref};

/// At most thirty.
pub type Roles = Few<NewRole, 0, 30>;
use crate::me::weak_password;
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

const ADMINS: &[Role] = &[Role::CommunityAdmin];

pub fn routes(api: &mut Api) {
    api.add(op!(create_staff, Access::Roles(ADMINS)).refuses(&[code::DUPLICATE, code::BUSY]))
        .add(op!(list_staff, Access::Roles(ADMINS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_staff, Access::Roles(ADMINS)))
        .add(op!(update_staff, Access::Roles(ADMINS)).refuses(&[code::STATE_CONFLICT, code::STALE]))
        .add(op!(disable_staff, Access::Roles(ADMINS)).refuses(&[code::STATE_CONFLICT, code::STALE]))
        .add(op!(enable_staff, Access::Roles(ADMINS)).refuses(&[code::STATE_CONFLICT, code::STALE]))
        .add(op!(reset_staff_password, Access::Roles(ADMINS)).refuses(&[code::STALE, code::BUSY]));
}

/// A member of staff.
#[derive(Debug, Serialize, ToSchema)]
pub struct Staff {
    #[schema(inline)]
    pub id: PrincipalRef,
    pub username: String,
    pub display_name: String,
    pub roles: Vec<RoleDto>,
    pub disabled: bool,
    pub has_totp: bool,
    pub version: i64,
    #[schema(inline)]
    pub created_at: Instant,
}

impl From<StaffMember> for Staff {
    fn from(member: StaffMember) -> Self {
        Self {
            id: Ref(member.principal.id),
            username: member.username,
            display_name: member.principal.display_name,
            roles: member.grants.iter().map(RoleDto::from).collect(),
            disabled: member.principal.disabled_at.is_some(),
            has_totp: member.has_totp,
            version: member.principal.version,
            created_at: member.principal.created_at.into(),
        }
    }
}

/// A role to be granted.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewRole {
    #[schema(inline)]
    pub role: RoleWord,
    /// Left out: the whole platform.
    #[schema(inline)]
    #[deserr(default)]
    pub community_id: Option<CommunityRef>,
}

crate::spoken! {
    /// What a member of staff is trusted with.
    RoleWord = Role {
        PlatformAdmin = "platform_admin",
        CommunityAdmin = "community_admin",
        GridWorker = "grid_worker",
        PropertyManager = "property_manager",
        Dispatcher = "dispatcher",
        RepairWorker = "repair_worker",
        EnrolmentAdmin = "enrolment_admin",
        EnrolmentReviewer = "enrolment_reviewer",
        VolunteerLeader = "volunteer_leader",
        Merchant = "merchant",
        StreetOfficer = "street_officer",
        DepartmentOfficer = "department_officer",
        Auditor = "auditor",
    }
}

#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewStaff {
    /// Letters, digits, `.`, `-` and `_`; capitals make no difference.
    #[schema(inline)]
    pub username: Text2To64,
    #[schema(inline)]
    pub display_name: Text40,
    /// Left out: one is made and shown once.
    #[schema(inline)]
    #[deserr(default)]
    pub password: Option<Password>,
    #[schema(inline)]
    pub roles: Roles,
}

/// A new account, with the password that was made for it.
#[derive(Serialize, ToSchema)]
pub struct CreatedStaff {
    #[serde(flatten)]
    pub staff: Staff,
    /// Shown this once, when none was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub initial_password: Option<String>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct UpdateStaff {
    #[schema(inline)]
    pub display_name: Text40,
    #[schema(inline)]
    pub roles: Roles,
}

/// A password that was made.
#[derive(Serialize, ToSchema)]
pub struct NewPassword {
    /// Shown this once.
    pub password: String,
}

/// The user name in its one spelling, or why it is none.
pub fn username(text: &str) -> Result<String, ApiError> {
    let lower = text.to_lowercase();
    let fits = lower.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if fits && (2..=64).contains(&lower.len()) {
        return Ok(lower);
    }
    let (zh, en) = ("只能含字母、数字、点、横线和下划线，2 到 64 个", "must be 2 to 64 letters, digits, dots, dashes or underscores");
    Err(ApiError::fault("/username", "username_format", zh, en))
}

/// A password that nobody has to invent: 96 random bits.
pub fn made_password() -> String {
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, random::<12>())
}

/// The grants that are asked for, if the actor may give each of them.
fn grants(tx: &mut Tx, who: &Actor, roles: &[NewRole]) -> Result<Vec<Grant>, ApiError> {
    let mut faults = Vec::new();
    let mut grants: Vec<Grant> = Vec::new();
    for (i, asked) in roles.iter().enumerate() {
        let grant = Grant { role: asked.role.into(), community: asked.community_id.map(|c| c.0) };
        let fault = |field: &str, code, zh: &str, en: &str| Fault::new(format!("/roles/{i}/{field}"), code, zh, en);
        if grant.role == Role::PlatformAdmin && grant.community.is_some() {
            faults.push(fault("community_id", "platform_role", "平台管理员不属于某个社区", "must be left out for this role"));
        }
        if let Some(community) = grant.community
            && (jiazai_infra::community::find(tx, community)?.is_none() || !sees(who, community))
        {
            faults.push(fault("community_id", "unknown_community", "没有这个社区", "is not a known community"));
        }
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    if !faults.is_empty() {
        return Err(ApiError::invalid(faults));
    }
    if grants.iter().all(|grant| may_give(who, grant)) { Ok(grants) } else { Err(ApiError::new(code::FORBIDDEN)) }
}

fn sees(who: &Actor, community: CommunityId) -> bool {
    who.communities_as(ADMINS).contains(community)
}

/// Platform-wide roles are the platform administrators' to give; within a community its administrator gives them all.
fn may_give(who: &Actor, grant: &Grant) -> bool {
    match grant.community {
        None => who.platform_admin().is_ok(),
        Some(community) => who.admin_of(community).is_ok(),
    }
}

/// The account, if the actor may administer it: each of its roles must be one that the actor could have given. Accounts
/// without a role are the platform's.
fn load(tx: &mut Tx, who: &Actor, id: PrincipalId) -> Result<StaffMember, ApiError> {
    let member = store::staff_member(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
    if who.platform_admin().is_ok() {
        return Ok(member);
    }
    let visible = member.grants.iter().any(|grant| grant.community.is_some_and(|c| sees(who, c)));
    if !visible {
        return Err(ApiError::new(code::NOT_FOUND));
    }
    if member.grants.iter().all(|grant| may_give(who, grant)) { Ok(member) } else { Err(ApiError::new(code::FORBIDDEN)) }
}

fn is_platform_admin(grants: &[Grant]) -> bool {
    grants.iter().any(|grant| grant.role == Role::PlatformAdmin && grant.community.is_none())
}

fn keep_one_admin(tx: &mut Tx, id: PrincipalId) -> Result<(), ApiError> {
    if store::other_platform_admins(tx, id)? > 0 {
        return Ok(());
    }
    Err(ApiError::new(code::STATE_CONFLICT).because("至少要保留一名平台管理员", "One platform administrator must remain"))
}

fn reply(member: StaffMember) -> Result<Reply, ApiError> {
    let version = member.principal.version;
    Ok(Reply::ok(&Staff::from(member))?.version(version))
}

/// Appoint staff
#[utoipa::path(post, path = "/staff", tag = "staff", operation_id = "create_staff",
    request_body(content = NewStaff, example = json!({ "username": "chen", "display_name": "陈师傅", "roles": [{ "role": "repair_worker", "community_id": "com_01h455vb4pex5vsknk084sn02q" }] })), responses((status = 201, body = CreatedStaff)))]
async fn create_staff(call: Call) -> Outcome {
    let NewStaff { username: name, display_name, password: given, roles } = call.body()?;
    let mut found = Vec::new();
    let lower = note(&mut found, username(&name.0))?;
    if let Some(given) = given.as_ref().filter(|given| !(call.app.is_demo && given.0 == crate::demo::PASSWORD)) {
        note(&mut found, password::acceptable(&given.0, &name.0.to_lowercase()).map_err(|weak| weak_password("/password", weak)))?;
    }
    let (cx, asked) = (call.cx()?, roles.clone());
    note(&mut found, call.app.db.read(move |tx| grants(tx, cx.actor()?, &asked.0)).await)?;
    let Some(name) = lower.filter(|_| found.is_empty()) else { return Err(ApiError::invalid(found)) };
    let made = given.is_none().then(made_password);
    let secret = given.map(|p| p.0).or_else(|| made.clone()).unwrap_or_default();
    let hash = call.app.passwords.hash(Secret::new(secret)).await.map_err(|_| ApiError::new(code::BUSY))?;
    call.write(move |tx, cx| {
        let grants = grants(tx, cx.actor()?, &roles.0)?;
        if grants.is_empty() {
            cx.actor()?.platform_admin()?;
        }
        let id: PrincipalId = tx.new_id();
        store::insert_principal(tx, id, PrincipalKind::Staff, &display_name.0)?;
        store::insert_staff(tx, id, &name, &hash).map_err(|error| match error {
            DbError::Duplicate => ApiError::new(code::DUPLICATE).because("用户名已被使用", "The user name is taken"),
            other => other.into(),
        })?;
        store::replace_grants(tx, id, &grants)?;
        let member = store::staff_member(tx, id)?.ok_or_else(|| ApiError::new(code::INTERNAL))?;
        let created = CreatedStaff { staff: member.into(), initial_password: made.clone() };
        Ok(Reply::created(format!("/api/v1/staff/{id}"), &created)?.version(1))
    })
    .await
}

/// List staff
#[utoipa::path(get, path = "/staff", tag = "staff", operation_id = "list_staff",
    params(
        ("community_id" = Option<String>, Query, description = "Only those with a role in this community"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<Staff>)))]
async fn list_staff(call: Call) -> Outcome {
    let mut params = call.query()?;
    let community: Option<CommunityId> = params.id("community_id")?;
    call.list(params, move |tx, cx, window| {
        let within = cx.actor()?.communities_as(ADMINS);
        if community.is_some_and(|community| !within.contains(community)) {
            return Ok(window.page(vec![], |_: &StaffMember| String::new(), Staff::from));
        }
        let some = match &within {
            Communities::All => None,
            Communities::Only(some) => Some(some.as_slice()),
        };
        let rows = store::list_staff(tx, some, community, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |member| member.principal.id.text(), Staff::from))
    })
    .await
}

/// One member of staff
#[utoipa::path(get, path = "/staff/{id}", tag = "staff", operation_id = "get_staff",
    params(("id" = String, Path)), responses((status = 200, body = Staff, headers(("ETag" = String)))))]
async fn get_staff(call: Call, id: At<Principal>) -> Outcome {
    call.read(move |tx, cx| reply(load(tx, cx.actor()?, id.0)?)).await
}

/// Change name and roles
///
/// Roles take effect at once, in sessions that are open too.
#[utoipa::path(put, path = "/staff/{id}", tag = "staff", operation_id = "update_staff",
    params(("id" = String, Path)), request_body(content = UpdateStaff, example = json!({ "display_name": "陈师傅", "roles": [{ "role": "repair_worker", "community_id": "com_01h455vb4pex5vsknk084sn02q" }] })), responses((status = 200, body = Staff, headers(("ETag" = String)))))]
async fn update_staff(call: Call, id: At<Principal>) -> Outcome {
    let body: UpdateStaff = call.body()?;
    change(call, id.0, move |tx, cx, member| {
        let grants = grants(tx, cx.actor()?, &body.roles.0)?;
        if is_platform_admin(&member.grants) && !is_platform_admin(&grants) {
            keep_one_admin(tx, member.principal.id)?;
        }
        let principal = &member.principal;
        store::update_principal(tx, principal.id, principal.version, &body.display_name.0, principal.disabled_at.is_some())?;
        Ok(store::replace_grants(tx, principal.id, &grants)?)
    })
    .await
}

/// Take somebody's access away
#[utoipa::path(post, path = "/staff/{id}/disable", tag = "staff", operation_id = "disable_staff",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = Staff)))]
async fn disable_staff(call: Call, id: At<Principal>) -> Outcome {
    let _: Nothing = call.body()?;
    change(call, id.0, |tx, _, member| {
        let principal = &member.principal;
        if principal.disabled_at.is_some() {
            return Err(ApiError::new(code::STATE_CONFLICT).in_state("disabled", vec!["enable", "reset-password"]));
        }
        if is_platform_admin(&member.grants) {
            keep_one_admin(tx, principal.id)?;
        }
        store::update_principal(tx, principal.id, principal.version, &principal.display_name, true)?;
        Ok(store::end_sessions_of(tx, principal.id, "disabled")?)
    })
    .await
}

/// Give somebody's access back
#[utoipa::path(post, path = "/staff/{id}/enable", tag = "staff", operation_id = "enable_staff",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = Staff)))]
async fn enable_staff(call: Call, id: At<Principal>) -> Outcome {
    let _: Nothing = call.body()?;
    change(call, id.0, |tx, _, member| {
        let principal = &member.principal;
        if principal.disabled_at.is_none() {
            return Err(ApiError::new(code::STATE_CONFLICT).in_state("active", vec!["disable", "reset-password"]));
        }
        Ok(store::update_principal(tx, principal.id, principal.version, &principal.display_name, false)?)
    })
    .await
}

/// Make a new password for somebody
///
/// Ends their sessions and turns their one-time codes off, so that a lost phone does not lock them out.
#[utoipa::path(post, path = "/staff/{id}/reset-password", tag = "staff", operation_id = "reset_staff_password",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = NewPassword)))]
async fn reset_staff_password(call: Call, id: At<Principal>) -> Outcome {
    let _: Nothing = call.body()?;
    let made = made_password();
    let hash = call.app.passwords.hash(Secret::new(made.clone())).await.map_err(|_| ApiError::new(code::BUSY))?;
    let (app, id) = (call.app.clone(), id.0);
    let response = call
        .write(move |tx, cx| {
            let member = load(tx, cx.actor()?, id)?;
            cx.expect_version(member.principal.version)?;
            store::set_password(tx, id, &hash)?;
            store::set_totp(tx, &cx.app.vault, id, None)?;
            store::forgive_failures(tx, &cx.app.vault, &member.username)?;
            store::end_sessions_of(tx, id, "password_reset")?;
            Reply::ok(&NewPassword { password: made.clone() })
        })
        .await?;
    app.cache.bump(id).await;
    Ok(response)
}

/// Load, decide, save; then tell all instances that this account is not what it was.
async fn change(
    call: Call,
    id: PrincipalId,
    mut decide: impl FnMut(&mut Tx, &Cx, &StaffMember) -> Result<(), ApiError> + Send + 'static,
) -> Outcome {
    let app = call.app.clone();
    let response = call
        .write(move |tx, cx| {
            let member = load(tx, cx.actor()?, id)?;
            cx.expect_version(member.principal.version)?;
            decide(tx, cx, &member)?;
            reply(load_any(tx, id)?)
        })
        .await?;
    app.cache.bump(id).await;
    Ok(response)
}

/// The account as it is after the change, which may have put it out of the actor's own sight.
fn load_any(tx: &mut Tx, id: PrincipalId) -> Result<StaffMember, ApiError> {
    store::staff_member(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))
}
