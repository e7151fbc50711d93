//! API keys: made by administrators for the programs of partners and for their own scripts, shown once, revoked for good.
//!
//! `domain::api_key` says what a key is and what it may do; `auth` reads one off a request.

use std::net::IpAddr;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use jiazai_domain::actor::{Communities, Role};
use jiazai_domain::api_key::{ApiKey, ApiKeyDraft, ApiKeyId, ApiKeyKind, PER_MINUTE, Refusal, Scope};
use jiazai_domain::kernel::changed::Event;
use jiazai_infra::api_key as store;
use jiazai_infra::community;
use jiazai_infra::db::Tx;
use jiazai_infra::events;
use serde::Serialize;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::faults::faulty;
use crate::input::named::{ApiKeyRef, CommunityRef, PerMinute, PrincipalRef, Text60};
use crate::input::{self, Faults, Few, Instant, Ref};
use crate::limits;
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

const ADMINS: &[Role] = &[Role::CommunityAdmin];

pub fn routes(api: &mut Api) {
    api.add(op!(create_api_key, Access::Roles(ADMINS)))
        .add(op!(list_api_keys, Access::Roles(ADMINS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_api_key, Access::Roles(ADMINS)))
        .add(op!(revoke_api_key, Access::Roles(ADMINS)))
        .add(op!(get_my_api_key, Access::Anyone).open_to_programs());
}

/// What a key may do, as `resource:action`.
#[derive(Debug, Clone, Copy)]
pub struct ScopeText(Scope);

impl Deserr<Faults> for ScopeText {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        match Scope::parse(&input::string(value, at)?) {
            Some(scope) => Ok(Self(scope)),
            None => {
                let all = Scope::listed();
                input::fault(at, "unknown_scope", format!("没有这个权限范围，可用：{all}"), format!("must be one of: {all}"))
            }
        }
    }
}

impl Serialize for ScopeText {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl PartialSchema for ScopeText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Scope::all().map(|scope| scope.to_string()))).into()
    }
}
impl ToSchema for ScopeText {}

/// One IPv4 or IPv6 address.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(transparent)]
pub struct Address(IpAddr);

impl Deserr<Faults> for Address {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        match input::string(value, at)?.parse() {
            Ok(address) => Ok(Self(address)),
            Err(_) => input::fault(at, "address_format", "应为一个 IPv4 或 IPv6 地址", "must be an IPv4 or IPv6 address"),
        }
    }
}

impl PartialSchema for Address {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).examples([serde_json::json!("192.0.2.7")]).into()
    }
}
impl ToSchema for Address {}

/// From one to thirty.
pub type Scopes = Few<ScopeText, 1, 30>;
/// Up to fifty.
pub type Addresses = Few<Address, 0, 50>;

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewApiKey {
    /// Who uses it and for what; administrators read it.
    #[schema(inline)]
    pub name: Text60,
    #[schema(inline)]
    pub scopes: Scopes,
    /// Left out: all communities, which only the platform's administrators may ask for.
    #[schema(inline)]
    #[deserr(default)]
    pub community_id: Option<CommunityRef>,
    /// Left out: until it is revoked.
    #[schema(inline)]
    #[deserr(default)]
    pub expires_at: Option<Instant>,
    /// Where it may be used from. Left out or empty: anywhere.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub addresses: Addresses,
    /// Requests a minute; 600 when left out.
    #[schema(inline)]
    #[deserr(default)]
    pub per_minute: Option<PerMinute>,
}

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyDto {
    #[schema(inline)]
    pub id: ApiKeyRef,
    pub name: String,
    #[schema(inline)]
    pub scopes: Vec<ScopeText>,
    #[schema(inline)]
    pub community_id: Option<CommunityRef>,
    #[schema(inline)]
    pub addresses: Vec<Address>,
    /// Requests a minute.
    pub per_minute: i64,
    #[schema(inline)]
    pub expires_at: Option<Instant>,
    /// Null for a key that was made on the command line.
    #[schema(inline)]
    pub created_by: Option<PrincipalRef>,
    #[schema(inline)]
    pub created_at: Instant,
    /// To the minute.
    #[schema(inline)]
    pub last_used_at: Option<Instant>,
}

impl From<ApiKey> for ApiKeyDto {
    fn from(key: ApiKey) -> Self {
        Self {
            id: Ref(key.id),
            name: key.name,
            scopes: key.scopes.into_iter().map(ScopeText).collect(),
            community_id: key.community.map(Ref),
            addresses: key.addresses.into_iter().map(Address).collect(),
            per_minute: key.per_minute,
            expires_at: key.expires_at.map(Instant::from),
            created_by: key.created_by.map(Ref),
            created_at: key.created_at.into(),
            last_used_at: key.last_used_at.map(Instant::from),
        }
    }
}

/// A new key, with its text.
#[derive(Serialize, ToSchema)]
pub struct CreatedApiKey {
    #[serde(flatten)]
    pub api_key: ApiKeyDto,
    /// Shown this once. Send it as `Authorization: Bearer …`.
    #[schema(example = "jz_live_01h455vb4pex5vsknk084sn02q000000000000000000000000000000000000000000000000c0ffee")]
    pub key: String,
}

/// What is left of a key's requests. Each answer says it too, in `RateLimit`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Quota {
    /// Requests in `window_s` seconds.
    pub limit: u32,
    pub window_s: u32,
    /// Requests that would be let through now.
    pub remaining: u32,
    /// Seconds until one more is free; 0 while all are.
    pub reset_s: u32,
}

/// An API key, with what is left of its quota.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeyInUse {
    #[serde(flatten)]
    pub api_key: ApiKeyDto,
    pub quota: Quota,
}

async fn in_use(call: &Call, key: ApiKey) -> Outcome {
    let (policy, left) = limits::left(&call.app, &key).await;
    let quota = Quota { limit: policy.quota, window_s: policy.window_s, remaining: left.remaining, reset_s: left.reset_s };
    Ok(call.answer(Reply::ok(&ApiKeyInUse { api_key: key.into(), quota })?))
}

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Invalid(faults) => faulty("", faults),
        Refusal::NotForYou => ApiError::new(code::FORBIDDEN),
    }
}

/// The key, if the caller administers where it holds. A revoked one is gone.
fn load(tx: &mut Tx, cx: &Cx, id: ApiKeyId) -> Result<ApiKey, ApiError> {
    let seen = cx.actor()?.communities_as(ADMINS);
    let key = store::find(tx, id)?.filter(|key| key.revoked_at.is_none());
    key.filter(|key| match key.community {
        Some(community) => seen.contains(community),
        None => matches!(seen, Communities::All),
    })
    .ok_or_else(|| ApiError::new(code::NOT_FOUND))
}

/// Leaves an event in the key's community. A key of the whole platform has none to leave it in.
fn tell(tx: &mut Tx, key: &ApiKey, event: Event, version: i64) -> Result<(), ApiError> {
    let Some(community) = key.community else { return Ok(()) };
    Ok(events::record(tx, community, &key.id.text(), version, std::slice::from_ref(&event)).map(drop)?)
}

/// Make an API key
///
/// The answer is the only place where the key is shown.
#[utoipa::path(post, path = "/api-keys", tag = "api_keys", operation_id = "create_api_key",
    request_body(content = NewApiKey, example = json!({ "name": "街道大屏", "scopes": ["repair:read"], "community_id": "com_01h455vb4pex5vsknk084sn02q", "expires_at": "2027-05-01T00:00:00.000Z" })),
    responses((status = 201, body = CreatedApiKey)))]
async fn create_api_key(call: Call) -> Outcome {
    let body: NewApiKey = call.body()?;
    call.write(move |tx, cx| {
        let draft = ApiKeyDraft {
            name: body.name.0.clone(),
            scopes: body.scopes.0.iter().map(|scope| scope.0).collect(),
            community: body.community_id.map(|community| community.0),
            addresses: body.addresses.0.iter().map(|address| address.0).collect(),
            per_minute: body.per_minute.map_or(PER_MINUTE, |n| n.0),
            expires_at: body.expires_at.map(|at| at.0),
        };
        if let Some(asked) = draft.community
            && (community::find(tx, asked)?.is_none() || !cx.actor()?.communities_as(ADMINS).contains(asked))
        {
            return Err(ApiError::fault("/community_id", "unknown_community", "没有这个社区", "is not a known community"));
        }
        let key = ApiKey::create(tx.new_id(), draft, Some(cx.actor()?), tx.now()).map_err(refused)?;
        let text = store::insert(tx, &cx.app.vault, &key)?;
        tell(tx, &key, key.creation(), 1)?;
        let location = format!("/api/v1/api-keys/{}", key.id);
        Reply::created(location, &CreatedApiKey { api_key: key.into(), key: text })
    })
    .await
}

/// List API keys
///
/// Those that are not revoked.
#[utoipa::path(get, path = "/api-keys", tag = "api_keys", operation_id = "list_api_keys",
    params(("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ApiKeyDto>)))]
async fn list_api_keys(call: Call) -> Outcome {
    let params = call.query()?;
    call.list(params, move |tx, cx, window| {
        let seen = cx.actor()?.communities_as(ADMINS);
        let within = match &seen {
            Communities::All => None,
            Communities::Only(some) => Some(some.as_slice()),
        };
        let rows = store::list(tx, within, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |key| key.id.text(), ApiKeyDto::from))
    })
    .await
}

/// One API key
///
/// With what is left of its quota, and when it was used last.
#[utoipa::path(get, path = "/api-keys/{id}", tag = "api_keys", operation_id = "get_api_key",
    params(("id" = String, Path)), responses((status = 200, body = ApiKeyInUse)))]
async fn get_api_key(call: Call, id: At<ApiKeyKind>) -> Outcome {
    let cx = call.cx()?;
    let key = call.app.db.read_brief(move |tx| load(tx, &cx, id.0)).await?;
    in_use(&call, key).await
}

/// The key that asks
///
/// For programs: what the key that is sent may do, until when, from where, and what is left of its quota. Of a short token, the
/// scopes are those that it was narrowed to.
#[utoipa::path(get, path = "/me/api-key", tag = "api_keys", operation_id = "get_my_api_key", responses((status = 200, body = ApiKeyInUse)))]
async fn get_my_api_key(call: Call) -> Outcome {
    call.query()?.finish()?;
    let identity = call.identity()?.clone();
    let own = identity.key.as_ref().map(|conditions| conditions.key().id);
    let own = own.ok_or_else(|| ApiError::new(code::FORBIDDEN).because("只有程序有密钥", "Only programs have a key"))?;
    // Read anew: what is remembered of a key for some seconds does not know its last use.
    let key = call.app.db.read_brief(move |tx| store::find(tx, own)).await?.ok_or_else(|| ApiError::new(code::TOKEN_INVALID))?;
    in_use(&call, ApiKey { scopes: identity.actor.scopes.clone(), ..key }).await
}

/// Revoke an API key
///
/// At once, on every instance, and for good.
#[utoipa::path(delete, path = "/api-keys/{id}", tag = "api_keys", operation_id = "revoke_api_key",
    params(("id" = String, Path)), responses((status = 204, description = "Revoked")))]
async fn revoke_api_key(call: Call, id: At<ApiKeyKind>) -> Outcome {
    let (app, id) = (call.app.clone(), id.0);
    let response = call
        .write(move |tx, cx| {
            let key = load(tx, cx, id)?;
            let by = cx.actor()?.id;
            store::revoke(tx, key.id, by)?;
            tell(tx, &key, key.revocation(by, tx.now()), 2)?;
            Ok(Reply::nothing())
        })
        .await?;
    app.cache.bump(id.principal()).await;
    Ok(response)
}
