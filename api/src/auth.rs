//! Who calls: access tokens, API keys, and the gate that every operation stands behind.
//!
//! An access token (HS256, 15 minutes) says which session of which principal calls; it says nothing about rights. Rights
//! are looked up for every request, so that a log-out or a changed role bites at once. The look-up is kept in memory for
//! a few seconds together with the principal's *auth stamp*, which is read anew for each request and differs as soon as
//! anything about the principal's rights has changed, on whichever instance. When the stamps cannot be read (Redis away)
//! the database is asked every time.
//!
//! A program sends its API key in the place of an access token, or a short token that it got for the key (`oauth`). Either is
//! looked up and remembered in the same way; what it may call is said by its scopes ([`Programs`]) and, like everybody's, by
//! its roles. A short token names its key and holds no right of its own, so it ends with the key.

mod tokens;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use jiazai_domain::actor::{Actor, PrincipalId, PrincipalKind, SessionId};
use jiazai_domain::api_key::{self, ApiKeyId, Scope};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_infra::cache::Stamp;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::{api_key as keys, identity};
use sha2::{Digest, Sha256};

use self::tokens::Bearer;
pub use self::tokens::{ACCESS_LIFETIME_S, Tokens};
use crate::app::App;
use crate::audit;
use crate::call::Call;
use crate::error::{ApiError, code};
use crate::limits;
use crate::route::{Access, Erased, Limit, Op, Programs};

/// Who calls, as far as a request needs to know.
#[derive(Debug)]
pub struct Identity {
    pub actor: Actor,
    /// The key's own conditions, when a program calls.
    pub key: Option<KeyConditions>,
}

/// What a key demands of each request.
#[derive(Debug)]
pub struct KeyConditions {
    key: jiazai_domain::api_key::ApiKey,
    pub per_minute: u32,
}

impl KeyConditions {
    /// In whose name the program acts, as far as anybody knows.
    pub fn made_by(&self) -> Option<PrincipalId> {
        self.key.created_by
    }
}

/// What somebody shows for themselves. A key by its hash: the text need not lie about in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shown {
    Session(SessionId),
    Key([u8; 32]),
}

/// Identities seen lately, by what they showed.
#[derive(Default)]
pub struct Identities(RwLock<HashMap<Shown, Seen>>);

struct Seen {
    stamp: Stamp,
    at: Instant,
    identity: Arc<Identity>,
}

/// However well the stamps work, nothing older than this is believed.
const BELIEVED: Duration = Duration::from_secs(5);
/// Enough for every session that is active within a few seconds.
const REMEMBERED: usize = 20_000;

impl Identities {
    fn find(&self, shown: Shown, stamp: &Stamp) -> Option<Arc<Identity>> {
        let seen = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entry = seen.get(&shown).filter(|seen| seen.stamp == *stamp && seen.at.elapsed() < BELIEVED)?;
        Some(entry.identity.clone())
    }

    fn remember(&self, shown: Shown, stamp: Stamp, identity: Arc<Identity>) {
        let mut seen = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED {
            seen.retain(|_, seen| seen.at.elapsed() < BELIEVED);
            if seen.len() >= REMEMBERED {
                seen.clear();
            }
        }
        seen.insert(shown, Seen { stamp, at: Instant::now(), identity });
    }
}

/// The identity that the request claims. None where there is none; mini-program wrappers send several kinds of nothing.
fn bearer(request: &HttpRequest) -> Result<Option<&str>, ApiError> {
    let Some(value) = request.headers().get(AUTHORIZATION) else { return Ok(None) };
    let value = value.to_str().map_err(|_| ApiError::new(code::TOKEN_INVALID))?.trim();
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    match (scheme.to_ascii_lowercase().as_str(), rest.trim()) {
        ("", _) | ("bearer", "" | "undefined" | "null" | "no login") => Ok(None),
        ("bearer", token) => Ok(Some(token)),
        _ => Err(ApiError::new(code::TOKEN_INVALID)),
    }
}

async fn identify(app: &Data<App>, token: &str) -> Result<Arc<Identity>, ApiError> {
    if api_key::is_meant(token) {
        return identify_program(app, token).await;
    }
    let (principal, session) = match app.tokens.verify(token, app.clock.now())? {
        Bearer::Person(principal, session) => (principal, session),
        Bearer::Program(id, scopes) => return identify_granted(app, token, id, scopes).await,
    };
    // The stamp is read before the database, so a change in between makes the remembered identity stale, not fresh.
    let stamp = app.cache.stamp(principal).await;
    if let Some(stamp) = &stamp
        && let Some(identity) = app.identities.find(Shown::Session(session), stamp).filter(|known| known.actor.id == principal)
    {
        return Ok(identity);
    }
    let found = app.db.read_brief(move |tx| identity::of_session(tx, session)).await?;
    let found = found.filter(|found| found.id == principal).ok_or_else(|| ApiError::new(code::SESSION_REVOKED))?;
    let identity = Arc::new(Identity { actor: found, key: None });
    if let Some(stamp) = stamp {
        app.identities.remember(Shown::Session(session), stamp, identity.clone());
    }
    Ok(identity)
}

/// How stale "last used" may be, in milliseconds: noting each use would make every read a write.
const LAST_USED_MS: i64 = 60_000;

async fn identify_program(app: &Data<App>, token: &str) -> Result<Arc<Identity>, ApiError> {
    let (id, secret) = api_key::read(token).ok_or_else(|| ApiError::new(code::TOKEN_INVALID))?;
    let (vault, secret) = (app.vault.clone(), secret.to_owned());
    program(app, id, token, None, Box::new(move |tx| keys::proven(tx, &vault, id, &secret))).await
}

/// By a short token, which proved itself by its signature.
async fn identify_granted(app: &Data<App>, token: &str, id: ApiKeyId, scopes: Vec<Scope>) -> Result<Arc<Identity>, ApiError> {
    program(app, id, token, Some(scopes), Box::new(move |tx| keys::find(tx, id))).await
}

type FindKey = Box<dyn FnMut(&mut Tx) -> Result<Option<api_key::ApiKey>, DbError> + Send>;

async fn program(
    app: &Data<App>,
    id: ApiKeyId,
    token: &str,
    narrowed: Option<Vec<Scope>>,
    find: FindKey,
) -> Result<Arc<Identity>, ApiError> {
    let shown = Shown::Key(Sha256::digest(token.as_bytes()).into());
    let stamp = app.cache.stamp(id.principal()).await;
    if let Some(known) = stamp.as_ref().and_then(|stamp| app.identities.find(shown, stamp)) {
        return Ok(known);
    }
    let mut key = app.db.read_brief(find).await?.ok_or_else(|| ApiError::new(code::TOKEN_INVALID))?;
    if key.revoked_at.is_some() {
        return Err(ApiError::new(code::SESSION_REVOKED));
    }
    if key.last_used_at.is_none_or(|at| app.clock.now().millis() - at.millis() >= LAST_USED_MS) {
        note_use(app.clone(), id);
    }
    if let Some(narrowed) = narrowed {
        key.scopes.retain(|scope| narrowed.contains(scope));
    }
    let per_minute = key.quota();
    let identity = Arc::new(Identity { actor: key.actor(), key: Some(KeyConditions { key, per_minute }) });
    if let Some(stamp) = stamp {
        app.identities.remember(shown, stamp, identity.clone());
    }
    Ok(identity)
}

/// Who shows this key where a standard has another place for it than the header. Counted, and held to the key's own conditions;
/// what a person shows is no key. A refusal is written down, because the standard's answer hides it from the gate.
pub async fn by_key(call: &Call, key: &str, needs: Option<Scope>) -> Result<Arc<Identity>, ApiError> {
    let shown = prove(call, key, needs).await;
    if let Err(error) = &shown {
        audit::key_refused(&call.app, &call.op, &call.request, key, error);
    }
    shown
}

async fn prove(call: &Call, key: &str, needs: Option<Scope>) -> Result<Arc<Identity>, ApiError> {
    let (app, address) = (&call.app, call.address());
    let identity = match identify(app, key).await {
        Ok(identity) if identity.key.is_some() => identity,
        Ok(_) => return Err(ApiError::new(code::TOKEN_INVALID)),
        Err(error) => return Err(error),
    };
    if let Some(seconds) = limits::count(app, Limit::General, Some(&identity), address).await.wait_s() {
        return Err(ApiError::new(code::RATE_LIMITED).retry_after(seconds));
    }
    if let Some(conditions) = &identity.key {
        heed_conditions(conditions, app.clock.now(), address)?;
    }
    if let Some(scope) = needs {
        program_may_call(Programs::With(scope), &identity.actor)?;
    }
    Ok(identity)
}

impl KeyConditions {
    pub fn key(&self) -> &api_key::ApiKey {
        &self.key
    }
}

/// Beside the request, which need not wait for it; a use that is not noted does no harm.
fn note_use(app: Data<App>, id: ApiKeyId) {
    actix_web::rt::spawn(async move {
        if let Err(error) = app.db.write(move |tx| keys::touch(tx, id)).await {
            tracing::warn!(%error, "the use of a key was not noted");
        }
    });
}

/// A key's own conditions, asked of each request anew.
fn heed_conditions(key: &KeyConditions, now: Timestamp, address: Option<IpAddr>) -> Result<(), ApiError> {
    if key.key.expires_at.is_some_and(|at| at <= now) {
        return Err(ApiError::new(code::TOKEN_EXPIRED));
    }
    if key.key.may_come_from(address) {
        return Ok(());
    }
    Err(ApiError::new(code::FORBIDDEN).because("此密钥不能从这个地址使用", "This key may not be used from this address"))
}

/// What a program's scopes let it call.
pub fn program_may_call(programs: Programs, actor: &Actor) -> Result<(), ApiError> {
    match programs {
        Programs::All => Ok(()),
        Programs::With(scope) if actor.may(scope) => Ok(()),
        Programs::With(scope) => {
            Err(ApiError::new(code::FORBIDDEN).because(format!("此密钥没有权限范围 {scope}"), format!("This key lacks the scope {scope}")))
        }
        Programs::None => Err(ApiError::new(code::FORBIDDEN).because("程序不能使用此操作", "No program may call this operation")),
    }
}

fn may_call(access: Access, actor: &Actor) -> bool {
    let resident = actor.kind == PrincipalKind::Resident;
    match access {
        Access::Public | Access::Perhaps | Access::Anyone => true,
        Access::Residents => resident,
        // A program has come this far by its scopes.
        Access::Staff => !resident,
        Access::Roles(roles) => !actor.communities_as(roles).is_empty(),
        Access::ResidentsOr(roles) => resident || !actor.communities_as(roles).is_empty(),
    }
}

/// The gate in front of every operation: identity, limits, access, in this order, all before the body is read.
pub async fn admit(op: Rc<Op>, handler: Erased, request: HttpRequest, payload: Payload) -> HttpResponse {
    let (mut response, counted) = match check(&op, &request).await {
        Ok(counted) => (handler(request.clone(), payload).await.unwrap_or_else(HttpResponse::from_error), counted),
        Err(Refused { error, counted }) => (HttpResponse::from_error(error), counted),
    };
    if let (Some(error), Some(app)) = (response.error().and_then(|error| error.as_error::<ApiError>()), request.app_data::<Data<App>>()) {
        let who = request.extensions().get::<Arc<Identity>>().cloned();
        audit::refused(app, &op, &request, who, error);
    }
    limits::describe(&counted, response.headers_mut());
    response
}

struct Refused {
    error: ApiError,
    counted: limits::Counted,
}

/// Who sends this request, as far as the operation wants to know.
async fn identified(app: &Data<App>, op: &Op, request: &HttpRequest) -> Result<Option<Arc<Identity>>, ApiError> {
    if matches!(op.access, Access::Public) {
        return Ok(None);
    }
    match bearer(request)? {
        None if matches!(op.access, Access::Perhaps) => Ok(None),
        None => Err(ApiError::new(code::UNAUTHENTICATED)),
        Some(token) => identify(app, token).await.map(Some),
    }
}

async fn check(op: &Op, request: &HttpRequest) -> Result<limits::Counted, Refused> {
    let refused = |error| Refused { error, counted: limits::Counted::default() };
    let app = request.app_data::<Data<App>>().cloned().ok_or_else(|| refused(ApiError::new(code::INTERNAL)))?;
    let address = address(&app, request);
    request.extensions_mut().insert(audit::CameFrom(address));
    let identity = match identified(&app, op, request).await {
        Ok(identity) => identity,
        Err(error) => {
            let counted = limits::count_stranger(&app, op.limit, address).await;
            return Err(within(counted).map_or_else(|too_many| too_many, |counted| Refused { error, counted }));
        }
    };
    if let Some(identity) = &identity {
        request.extensions_mut().insert(identity.clone());
    }
    let counted = within(limits::count(&app, op.limit, identity.as_deref(), address).await)?;
    let Some(identity) = identity else { return Ok(counted) };
    match admitted(&app, op, request, identity, address).await {
        Ok(()) => Ok(counted),
        Err(error) => Err(Refused { error, counted }),
    }
}

/// Whether this caller may call this, and the note that they are about to see what is protected.
async fn admitted(
    app: &Data<App>,
    op: &Op,
    request: &HttpRequest,
    identity: Arc<Identity>,
    address: Option<IpAddr>,
) -> Result<(), ApiError> {
    if let Some(key) = &identity.key {
        heed_conditions(key, app.clock.now(), address)?;
        program_may_call(op.programs_for(request.headers()).filter(op.access), &identity.actor)?;
    }
    if !may_call(op.access, &identity.actor) {
        return Err(ApiError::new(code::FORBIDDEN));
    }
    if op.sensitive {
        audit::seen(app, op, request, identity).await?;
    }
    Ok(())
}

/// Refuses a request that was one too many.
fn within(counted: limits::Counted) -> Result<limits::Counted, Refused> {
    match counted.wait_s() {
        None => Ok(counted),
        Some(seconds) => Err(Refused { error: ApiError::new(code::RATE_LIMITED).retry_after(seconds), counted }),
    }
}

/// The caller's address. `X-Forwarded-For` is believed only when the peer is a proxy that the operator has named, and
/// then only its last entry that is not such a proxy itself: everything before it is the caller's own claim. An entry that
/// cannot be read ends the search: what stands before it was written by nobody whom we trust.
pub fn address(app: &App, request: &HttpRequest) -> Option<IpAddr> {
    let (peer, headers) = (request.peer_addr()?.ip(), request.headers());
    if !app.trusted_proxies.contains(&peer) {
        return Some(peer);
    }
    let forwarded = headers.get_all("x-forwarded-for").map(|value| value.to_str().unwrap_or("?")).collect::<Vec<_>>().join(",");
    let nearest = forwarded.rsplit(',').map_while(|part| hop(part.trim())).find(|ip| !app.trusted_proxies.contains(ip));
    Some(nearest.unwrap_or(peer))
}

/// An address as proxies write it: alone, with a port, or (the sixth version) between brackets.
fn hop(text: &str) -> Option<IpAddr> {
    let alone = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    alone.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}
