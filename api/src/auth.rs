//! Who calls: access tokens, API keys, and the gate that every operation stands behind.
//!
//! An access token (HS256, 15 minutes) says which session of which principal calls; it says nothing about rights. Rights
//! are looked up for every request, so that a log-out or a changed role bites at once. The look-up is kept in memory for
//! a few seconds together with the principal's *auth stamp*, which is read anew for each request and differs as soon as
//! anything about the principal's rights has changed, on whichever instance. When the stamps cannot be read (Redis away)
//! the database is asked every time.
//!
//! A program sends its API key in the place of an access token. It is looked up and remembered in the same way; what it
//! may call is said by its scopes ([`Programs`]) and, like everybody's, by its roles.

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use jiazai_domain::actor::{Actor, PrincipalId, PrincipalKind, SessionId};
use jiazai_domain::api_key::{self, ApiKeyId};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_infra::cache::Stamp;
use jiazai_infra::{api_key as keys, identity};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::error::{ApiError, code};
use crate::limits;
use crate::route::{Access, Erased, Limit, Op, Programs};

/// Seconds that an access token is good for.
pub const ACCESS_LIFETIME_S: i64 = 15 * 60;
/// How far another machine's clock may be ahead of ours.
const LEEWAY_S: i64 = 30;
/// A token that we made is a quarter of this.
const LONGEST_TOKEN: usize = 2048;
const ISSUER: &str = "jiazai";
const AUDIENCE: &str = "jiazai-api";
const TYPE: &str = "at+jwt";

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

/// What somebody shows for themselves. A key by its hash: the text need not lie about in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shown {
    Session(SessionId),
    Key([u8; 32]),
}

/// Makes and checks access tokens. One algorithm, one key; whatever else a token's header asks for is refused.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl Tokens {
    pub fn new(key: &[u8; 32]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.algorithms = vec![Algorithm::HS256];
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // The library reads the system's clock; ours can be moved in the demo. `verify` compares the instants itself.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self { encoding: EncodingKey::from_secret(key), decoding: DecodingKey::from_secret(key), validation }
    }

    pub fn issue(&self, principal: PrincipalId, session: SessionId, now: Timestamp) -> Result<String, ApiError> {
        let seconds = now.millis() / 1000;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: principal.text(),
            sid: session.text(),
            iat: seconds,
            nbf: seconds,
            exp: seconds + ACCESS_LIFETIME_S,
        };
        let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &self.encoding).map_err(|error| {
            tracing::error!(%error, "an access token could not be signed");
            ApiError::new(code::INTERNAL)
        })
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<(PrincipalId, SessionId), ApiError> {
        let invalid = || ApiError::new(code::TOKEN_INVALID);
        if token.len() > LONGEST_TOKEN {
            return Err(invalid());
        }
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).map_err(|_| invalid())?;
        let header = &data.header;
        let plain = header.typ.as_deref() == Some(TYPE)
            && header.crit.is_none()
            && header.jku.is_none()
            && header.jwk.is_none()
            && header.x5u.is_none()
            && header.x5c.is_none()
            && header.kid.is_none();
        if !plain {
            return Err(invalid());
        }
        let seconds = now.millis() / 1000;
        let claims = data.claims;
        if claims.nbf > seconds + LEEWAY_S || claims.iat > seconds + LEEWAY_S || claims.exp > claims.iat + ACCESS_LIFETIME_S {
            return Err(invalid());
        }
        if claims.exp <= seconds {
            return Err(ApiError::new(code::TOKEN_EXPIRED));
        }
        match (claims.sub.parse(), claims.sid.parse()) {
            (Ok(principal), Ok(session)) => Ok((principal, session)),
            _ => Err(invalid()),
        }
    }
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
    let (principal, session) = app.tokens.verify(token, app.clock.now())?;
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
    let invalid = || ApiError::new(code::TOKEN_INVALID);
    let (id, secret) = api_key::read(token).ok_or_else(invalid)?;
    let shown = Shown::Key(Sha256::digest(token.as_bytes()).into());
    let stamp = app.cache.stamp(id.principal()).await;
    if let Some(known) = stamp.as_ref().and_then(|stamp| app.identities.find(shown, stamp)) {
        return Ok(known);
    }
    let (vault, secret) = (app.vault.clone(), secret.to_owned());
    let key = app.db.read_brief(move |tx| keys::proven(tx, &vault, id, &secret)).await?.ok_or_else(invalid)?;
    if key.revoked_at.is_some() {
        return Err(ApiError::new(code::SESSION_REVOKED));
    }
    if key.last_used_at.is_none_or(|at| app.clock.now().millis() - at.millis() >= LAST_USED_MS) {
        note_use(app.clone(), id);
    }
    let per_minute = u32::try_from(key.per_minute).unwrap_or(1).max(1);
    let identity = Arc::new(Identity { actor: key.actor(), key: Some(KeyConditions { key, per_minute }) });
    if let Some(stamp) = stamp {
        app.identities.remember(shown, stamp, identity.clone());
    }
    Ok(identity)
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
fn program_may_call(programs: Programs, key: &KeyConditions) -> Result<(), ApiError> {
    match programs {
        Programs::All => Ok(()),
        Programs::With(scope) if key.key.may(scope) => Ok(()),
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

/// The gate in front of every operation: identity, access, limits, in this order, all before the body is read.
pub async fn admit(op: Rc<Op>, handler: Erased, request: HttpRequest, payload: Payload) -> HttpResponse {
    let (mut response, verdict) = match check(&op, &request).await {
        Ok(verdict) => (handler(request, payload).await.unwrap_or_else(HttpResponse::from_error), verdict),
        Err(Refused { error, verdict }) => (HttpResponse::from_error(error), verdict),
    };
    if let Some(verdict) = verdict {
        limits::describe(&verdict, response.headers_mut());
    }
    response
}

struct Refused {
    error: ApiError,
    verdict: Option<limits::Counted>,
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self { error, verdict: None }
    }
}

async fn check(op: &Op, request: &HttpRequest) -> Result<Option<limits::Counted>, Refused> {
    let app = request.app_data::<Data<App>>().cloned().ok_or_else(|| ApiError::new(code::INTERNAL))?;
    let identity = match op.access {
        Access::Public => None,
        access => match (bearer(request)?, access) {
            (None, Access::Perhaps) => None,
            (None, _) => return Err(ApiError::new(code::UNAUTHENTICATED).into()),
            (Some(token), _) => {
                let identity = identify(&app, token).await?;
                if let Some(key) = &identity.key {
                    heed_conditions(key, app.clock.now(), address(&app, request))?;
                    program_may_call(op.programs.filter(access), key)?;
                }
                if !may_call(access, &identity.actor) {
                    return Err(ApiError::new(code::FORBIDDEN).into());
                }
                Some(identity)
            }
        },
    };
    let counted = match op.limit {
        Limit::None => None,
        limit => limits::count(&app, limit, identity.as_deref(), address(&app, request)).await,
    };
    if let Some(identity) = identity {
        request.extensions_mut().insert(identity);
    }
    match counted {
        Some(counted) if !counted.verdict.allowed => {
            let error = ApiError::new(code::RATE_LIMITED).retry_after(u64::from(counted.verdict.retry_after_s.unwrap_or(1)));
            Err(Refused { error, verdict: Some(counted) })
        }
        counted => Ok(counted),
    }
}

/// The caller's address. `X-Forwarded-For` is believed only when the peer is a proxy that the operator has named, and
/// then only its last entry that is not such a proxy itself: everything before it is the caller's own claim.
fn address(app: &App, request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    if !app.trusted_proxies.contains(&peer) {
        return Some(peer);
    }
    let forwarded = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    let nearest = forwarded.rsplit(',').filter_map(|part| part.trim().parse::<IpAddr>().ok()).find(|ip| !app.trusted_proxies.contains(ip));
    Some(nearest.unwrap_or(peer))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn ids() -> (PrincipalId, SessionId) {
        (PrincipalId::from_uuid(Uuid::from_u128(1)), SessionId::from_uuid(Uuid::from_u128(2)))
    }

    #[test]
    fn a_token_is_good_for_a_quarter_of_an_hour() {
        let tokens = Tokens::new(&[7; 32]);
        let token = tokens.issue(ids().0, ids().1, NOW).expect("a token");
        assert_eq!(tokens.verify(&token, NOW.plus_seconds(ACCESS_LIFETIME_S - 1)).expect("still good"), ids());
        assert_eq!(tokens.verify(&token, NOW.plus_seconds(ACCESS_LIFETIME_S)).expect_err("over").code(), code::TOKEN_EXPIRED);
        assert_eq!(tokens.verify(&token, NOW.plus_seconds(-60)).expect_err("from the future").code(), code::TOKEN_INVALID);
        assert!(Tokens::new(&[8; 32]).verify(&token, NOW).is_err());
    }

    #[test]
    fn a_token_with_another_header_is_refused_even_when_the_signature_is_right() {
        let tokens = Tokens::new(&[7; 32]);
        let claims = |exp: i64| Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: ids().0.text(),
            sid: ids().1.text(),
            iat: NOW.millis() / 1000,
            nbf: NOW.millis() / 1000,
            exp,
        };
        let good = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        let soon = NOW.millis() / 1000 + 60;
        let sign = |header: &Header, claims: &Claims| jsonwebtoken::encode(header, claims, &tokens.encoding).expect("a token");
        assert!(tokens.verify(&sign(&good, &claims(soon)), NOW).is_ok());
        for bad in [
            Header { typ: Some("JWT".into()), ..good.clone() },
            Header { typ: None, ..good.clone() },
            Header { kid: Some("../../key".into()), ..good.clone() },
            Header { jku: Some("https://example.com".into()), ..good.clone() },
        ] {
            assert!(tokens.verify(&sign(&bad, &claims(soon)), NOW).is_err(), "{bad:?}");
        }
        assert!(tokens.verify(&sign(&good, &claims(soon + 86_400)), NOW).is_err(), "a longer life than we give");
    }
}
