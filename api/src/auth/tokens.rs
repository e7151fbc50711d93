//! Access tokens: HS256, a quarter of an hour, made and checked here alone.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use jiazai_domain::actor::{PrincipalId, SessionId};
use jiazai_domain::api_key::{ApiKeyId, Scope};
use jiazai_domain::kernel::time::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{ApiError, code};

/// Seconds that an access token is good for.
pub const ACCESS_LIFETIME_S: i64 = 15 * 60;
/// How far another machine's clock may be ahead of ours.
const LEEWAY_S: i64 = 30;
/// A token that we made is a quarter of this.
const LONGEST_TOKEN: usize = 2048;
const ISSUER: &str = "jiazai";
const AUDIENCE: &str = "jiazai-api";
const TYPE: &str = "at+jwt";

/// Makes and checks access tokens. One algorithm, one key; whatever else a token's header asks for is refused.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    proven: RwLock<HashMap<[u8; 32], Proven>>,
}

/// What a token said whose signature was checked. A phone shows the same one some hundred times, and reading it anew is a tenth
/// of what a short request costs. By its hash: the text need not lie about in memory.
struct Proven {
    bearer: Bearer,
    /// Seconds since 1970: good from the first on, and not at the second.
    good: (i64, i64),
}

/// Enough for everybody who is awake.
const REMEMBERED: usize = 20_000;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    /// The session of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    /// The key of a program, and what of its scopes the program asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bearer {
    Person(PrincipalId, SessionId),
    Program(ApiKeyId, Vec<Scope>),
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
        let (encoding, decoding) = (EncodingKey::from_secret(key), DecodingKey::from_secret(key));
        Self { encoding, decoding, validation, proven: RwLock::default() }
    }

    pub fn issue(&self, principal: PrincipalId, session: SessionId, now: Timestamp) -> Result<String, ApiError> {
        self.sign(&claims(principal, now, ACCESS_LIFETIME_S, Some(session)))
    }

    /// A token for a program: `seconds` of its key, narrowed to these scopes.
    pub fn issue_to_program(&self, key: ApiKeyId, scopes: &[Scope], seconds: i64, now: Timestamp) -> Result<String, ApiError> {
        let scope = scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ");
        let seconds = seconds.clamp(1, ACCESS_LIFETIME_S);
        self.sign(&Claims { client_id: Some(key.text()), scope: Some(scope), ..claims(key.principal(), now, seconds, None) })
    }

    fn sign(&self, claims: &Claims) -> Result<String, ApiError> {
        let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(|error| {
            tracing::error!(%error, "an access token could not be signed");
            ApiError::new(code::INTERNAL)
        })
    }

    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Bearer, ApiError> {
        let invalid = || ApiError::new(code::TOKEN_INVALID);
        if token.len() > LONGEST_TOKEN {
            return Err(invalid());
        }
        let seconds = now.millis() / 1000;
        let shown: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        {
            let proven = self.proven.read().unwrap_or_else(PoisonError::into_inner);
            let good = |proven: &&Proven| proven.good.0 <= seconds && seconds < proven.good.1;
            if let Some(known) = proven.get(&shown).filter(good) {
                return Ok(known.bearer.clone());
            }
        }
        let (bearer, good) = self.read(token, seconds)?;
        let mut proven = self.proven.write().unwrap_or_else(PoisonError::into_inner);
        if proven.len() >= REMEMBERED {
            proven.retain(|_, known| seconds < known.good.1);
            if proven.len() >= REMEMBERED {
                proven.clear();
            }
        }
        proven.insert(shown, Proven { bearer: bearer.clone(), good });
        Ok(bearer)
    }

    /// Whose it is, and from which second to which it is good.
    fn read(&self, token: &str, seconds: i64) -> Result<(Bearer, (i64, i64)), ApiError> {
        let invalid = || ApiError::new(code::TOKEN_INVALID);
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
        let claims = data.claims;
        if claims.nbf > seconds + LEEWAY_S || claims.iat > seconds + LEEWAY_S || claims.exp > claims.iat + ACCESS_LIFETIME_S {
            return Err(invalid());
        }
        if claims.exp <= seconds {
            return Err(ApiError::new(code::TOKEN_EXPIRED));
        }
        let good = (claims.nbf.max(claims.iat) - LEEWAY_S, claims.exp);
        let subject: PrincipalId = claims.sub.parse().map_err(|_| invalid())?;
        let bearer = match (claims.sid, claims.client_id, claims.scope) {
            (Some(session), None, None) => Bearer::Person(subject, session.parse().map_err(|_| invalid())?),
            (None, Some(key), Some(scope)) => {
                let key: ApiKeyId = key.parse().map_err(|_| invalid())?;
                let scopes = scope.split(' ').map(Scope::parse).collect::<Option<Vec<_>>>().ok_or_else(invalid)?;
                if key.principal() != subject {
                    return Err(invalid());
                }
                Bearer::Program(key, scopes)
            }
            _ => return Err(invalid()),
        };
        Ok((bearer, good))
    }
}

fn claims(principal: PrincipalId, now: Timestamp, lifetime_s: i64, session: Option<SessionId>) -> Claims {
    let seconds = now.millis() / 1000;
    Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: principal.text(),
        sid: session.map(|session| session.text()),
        client_id: None,
        scope: None,
        iat: seconds,
        nbf: seconds,
        exp: seconds + lifetime_s,
    }
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
        let person = Bearer::Person(ids().0, ids().1);
        assert_eq!(tokens.verify(&token, NOW.plus_seconds(ACCESS_LIFETIME_S - 1)).expect("still good"), person);
        assert_eq!(tokens.verify(&token, NOW.plus_seconds(ACCESS_LIFETIME_S)).expect_err("over").code(), code::TOKEN_EXPIRED);
        assert_eq!(tokens.verify(&token, NOW.plus_seconds(-60)).expect_err("from the future").code(), code::TOKEN_INVALID);
        assert_eq!(tokens.verify(&token, NOW.plus_seconds(-LEEWAY_S)).expect("a clock that is behind"), person);
        assert!(Tokens::new(&[8; 32]).verify(&token, NOW).is_err());
    }

    #[test]
    fn a_token_with_another_header_is_refused_even_when_the_signature_is_right() {
        let tokens = Tokens::new(&[7; 32]);
        let claims = |exp: i64| Claims { exp, ..super::claims(ids().0, NOW, 1, Some(ids().1)) };
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

    #[test]
    fn a_program_s_token_names_its_key_and_scopes_and_no_other_s() {
        let tokens = Tokens::new(&[7; 32]);
        let key = ApiKeyId::from_uuid(Uuid::from_u128(9));
        let scopes: Vec<Scope> = ["repair:read", "people:reveal"].iter().filter_map(|text| Scope::parse(text)).collect();
        let token = tokens.issue_to_program(key, &scopes, 60, NOW).expect("a token");
        assert_eq!(tokens.verify(&token, NOW).expect("good"), Bearer::Program(key, scopes));
        assert_eq!(tokens.verify(&token, NOW.plus_seconds(60)).expect_err("over").code(), code::TOKEN_EXPIRED);
        let sign = |claims: &Claims| tokens.sign(claims).expect("a token");
        let own =
            Claims { client_id: Some(key.text()), scope: Some("repair:read".into()), ..super::claims(key.principal(), NOW, 60, None) };
        assert!(tokens.verify(&sign(&own), NOW).is_ok());
        for bad in [
            Claims { sub: ids().0.text(), ..super::claims(ids().0, NOW, 60, None) },
            Claims { client_id: Some(key.text()), scope: Some("repair:read".into()), ..super::claims(ids().0, NOW, 60, None) },
            Claims { client_id: Some(key.text()), scope: Some("repair:all".into()), ..super::claims(key.principal(), NOW, 60, None) },
            Claims { client_id: Some(key.text()), ..super::claims(ids().0, NOW, 60, Some(ids().1)) },
        ] {
            assert!(tokens.verify(&sign(&bad), NOW).is_err(), "{bad:?}");
        }
    }
}
