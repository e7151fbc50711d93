//! OAuth 2.0 client credentials (RFC 6749 §4.4) over API keys: for those whose tools want short tokens.
//!
//! The client's id is the key's id and its secret is the key itself, so there is one thing to make, to keep and to revoke. A
//! token is good for a quarter of an hour, may be narrowed to some of the key's scopes, and is asked for anew when it is over:
//! there is no refresh token. It names its key and is looked up with it, so whatever ends the key ends its tokens at once.
//!
//! Errors have the standard's own shape, because the libraries that read them know no other. Deliberately missing: every grant
//! that involves a person, and revocation of a single token.

use actix_web::HttpResponse;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, PRAGMA, WWW_AUTHENTICATE};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiazai_domain::api_key::{self, ApiKey, Scope};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{ACCESS_LIFETIME_S, by_key};
use crate::call::{Call, Outcome};
use crate::error::{ApiError, code};
use crate::manners::OwnShape;
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(issue_oauth_token, Access::Public).form()).add(op!(describe_oauth_server, Access::Public));
}

const TOKEN_PATH: &str = "/oauth/token";

/// The form that is asked for; a client may name itself by HTTP Basic instead of in it.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct TokenForm {
    /// `client_credentials`.
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// Some of the key's scopes between spaces; all of them when it is left out.
    #[schema(nullable = false, example = "repair:read")]
    scope: Option<String>,
    /// The key's id.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// The key.
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// A short token.
#[derive(Debug, Serialize, ToSchema)]
pub struct OauthToken {
    pub access_token: String,
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: i64,
    /// What it may do.
    #[schema(example = "repair:read")]
    pub scope: String,
}

/// RFC 6749 §5.2.
#[derive(Debug, Serialize, ToSchema)]
pub struct OauthError {
    #[schema(example = "invalid_client")]
    pub error: &'static str,
    pub error_description: &'static str,
}

struct Refused {
    status: u16,
    body: OauthError,
    /// The client tried HTTP Basic.
    basic: bool,
}

const fn refused(error: &'static str, error_description: &'static str) -> Refused {
    Refused { status: 400, body: OauthError { error, error_description }, basic: false }
}

fn not_proven(error_description: &'static str) -> Refused {
    Refused { status: 401, body: OauthError { error: "invalid_client", error_description }, basic: false }
}

/// Either the standard's refusal, or ours where the standard has none (too many requests, a database that is away).
enum Trouble {
    Refused(Refused),
    Other(ApiError),
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// The fields that count. One that is sent twice is none: which of the two was meant is anybody's guess.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn one(&self, name: &str) -> Result<Option<&str>, Refused> {
        let mut found = self.0.iter().filter(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str());
        let first = found.next();
        if found.next().is_some() { Err(refused("invalid_request", "a parameter was sent twice")) } else { Ok(first) }
    }
}

/// A part of the Basic credentials, which the standard has form-encoded before they are joined.
fn decoded(part: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(&format!("x={part}")).ok()?;
    match <[_; 1]>::try_from(pairs) {
        Ok([(_, value)]) => Some(value),
        Err(_) => None,
    }
}

/// Id and secret as HTTP Basic has them; none where it was not used.
fn basic(call: &Call) -> Result<Option<(String, String)>, Refused> {
    let Some(value) = call.request.headers().get(AUTHORIZATION) else { return Ok(None) };
    let wrong = || Refused { basic: true, ..not_proven("the Authorization header is not HTTP Basic") };
    let (scheme, rest) = value.to_str().ok().and_then(|text| text.trim().split_once(' ')).unwrap_or_default();
    // A token of another scheme says nothing about which client asks for one.
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let plain = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
    let (id, secret) = plain.split_once(':').ok_or_else(wrong)?;
    decoded(id).zip(decoded(secret)).map(Some).ok_or_else(wrong)
}

async fn grant(call: &Call) -> Result<OauthToken, Trouble> {
    let form = call.form().ok_or(refused("invalid_request", "the body must be application/x-www-form-urlencoded"))?;
    let fields = Fields(form);
    let basic = basic(call)?;
    let posted = fields.one("client_id")?.zip(fields.one("client_secret")?);
    let (id, secret, is_basic) = match (&basic, posted) {
        (Some(_), Some(_)) => return Err(refused("invalid_request", "the client proved itself in two ways").into()),
        (Some((id, secret)), None) => (id.as_str(), secret.as_str(), true),
        (None, Some((id, secret))) => (id, secret, false),
        (None, None) => return Err(not_proven("the client did not say who it is").into()),
    };
    let wrong = |why| Trouble::Refused(Refused { basic: is_basic, ..not_proven(why) });
    // The id is written in the key; one that is not its own is a mistake that somebody will want to know of.
    let named = api_key::read(secret).is_some_and(|(key, _)| key.text() == id);
    if !named {
        return Err(wrong("client_id must be the key's id and client_secret the key itself"));
    }
    let identity = by_key(call, secret, None).await.map_err(|error| match error.code().status {
        401 => wrong("the key is unknown, revoked or over"),
        403 => wrong("the key may not be used from this address"),
        _ => Trouble::Other(error),
    })?;
    let key = identity.key.as_ref().map(|conditions| conditions.key()).ok_or_else(|| wrong("that is no key"))?;
    match fields.one("grant_type")? {
        Some("client_credentials") => {}
        Some(_) => return Err(refused("unsupported_grant_type", "the one grant is client_credentials").into()),
        None => return Err(refused("invalid_request", "grant_type is missing").into()),
    }
    let scopes = narrowed(key, fields.one("scope")?)?;
    let now = call.app.clock.now();
    let left = key.expires_at.map_or(ACCESS_LIFETIME_S, |at| (at.millis() - now.millis()) / 1000);
    let expires_in = left.clamp(1, ACCESS_LIFETIME_S);
    let access_token = call.app.tokens.issue_to_program(key.id, &scopes, expires_in, now).map_err(Trouble::Other)?;
    let scope = scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ");
    Ok(OauthToken { access_token, token_type: "Bearer", expires_in, scope })
}

fn narrowed(key: &ApiKey, asked: Option<&str>) -> Result<Vec<Scope>, Refused> {
    let Some(asked) = asked else { return Ok(key.scopes.clone()) };
    let wrong = || refused("invalid_scope", "the key does not have that scope");
    let mut scopes = asked.split_whitespace().map(|text| Scope::parse(text).filter(|scope| key.scopes.contains(scope)).ok_or_else(wrong));
    let mut found = scopes.by_ref().collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    found.dedup();
    if found.is_empty() { Err(wrong()) } else { Ok(found) }
}

/// Get a short token for an API key
///
/// OAuth 2.0 client credentials. The client proves itself by HTTP Basic or in the form: its id is the key's id, its secret the
/// key. Refusals have the shape of RFC 6749 §5.2.
#[utoipa::path(post, path = "/oauth/token", tag = "api_keys", operation_id = "issue_oauth_token",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded",
        example = json!({ "grant_type": "client_credentials", "scope": "repair:read", "client_id": "key_01h455vb4pex5vsknk084sn02q", "client_secret": "jz_live_…" })),
    responses((status = 200, body = OauthToken), (status = 400, description = "Not a request that can be granted", body = OauthError),
        (status = 401, description = "The client is not who it says it is", body = OauthError)))]
async fn issue_oauth_token(call: Call) -> Outcome {
    let mut response = match grant(&call).await {
        Ok(token) => Reply::ok(&token)?.into_response(),
        Err(Trouble::Other(error)) => return Err(error),
        Err(Trouble::Refused(refused)) => {
            let status = actix_web::http::StatusCode::from_u16(refused.status).unwrap_or(actix_web::http::StatusCode::BAD_REQUEST);
            let mut builder = HttpResponse::build(status);
            if refused.status == 401 {
                builder.insert_header((WWW_AUTHENTICATE, if refused.basic { "Basic realm=\"jiazai\"" } else { "Basic" }));
            }
            let mut response = builder.content_type("application/json").body(serde_json::to_vec(&refused.body).unwrap_or_default());
            response.extensions_mut().insert(OwnShape);
            response
        }
    };
    response.headers_mut().insert(CACHE_CONTROL, actix_web::http::header::HeaderValue::from_static("no-store"));
    response.headers_mut().insert(PRAGMA, actix_web::http::header::HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// What a client library finds out by itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct OauthServer {
    pub issuer: String,
    pub token_endpoint: String,
    pub token_endpoint_auth_methods_supported: &'static [&'static str],
    pub grant_types_supported: &'static [&'static str],
    /// None: nobody is sent anywhere to agree.
    pub response_types_supported: &'static [&'static str],
    pub scopes_supported: Vec<String>,
    pub service_documentation: String,
}

/// Where tokens are to be had
///
/// RFC 8414. Addresses are those by which the caller has reached this server.
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "api_keys", operation_id = "describe_oauth_server",
    responses((status = 200, body = OauthServer)))]
async fn describe_oauth_server(call: Call) -> Outcome {
    call.query()?.finish().map_err(|_| ApiError::new(code::QUERY_INVALID))?;
    let issuer = call.origin();
    Ok(call.answer(Reply::ok(&OauthServer {
        token_endpoint: format!("{issuer}{TOKEN_PATH}"),
        token_endpoint_auth_methods_supported: &["client_secret_basic", "client_secret_post"],
        grant_types_supported: &["client_credentials"],
        response_types_supported: &[],
        scopes_supported: Scope::all().map(|scope| scope.to_string()).collect(),
        service_documentation: format!("{issuer}/docs/"),
        issuer,
    })?))
}
