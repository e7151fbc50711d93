//! Refresh tokens: `jzr_` and, in base64url, session id, generation and a keyed hash over both.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiazai_domain::actor::SessionId;
use jiazai_infra::vault::Vault;
use subtle::ConstantTimeEq;
use uuid::Uuid;

const PREFIX: &str = "jzr_";
const BODY: usize = 16 + 8;

/// The token of this generation of a session.
pub fn token(vault: &Vault, session: SessionId, generation: i64) -> String {
    let mut bytes = session.uuid().as_bytes().to_vec();
    bytes.extend_from_slice(&generation.to_be_bytes());
    let tag = tag(vault, &bytes);
    bytes.extend_from_slice(&tag);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The session and generation of a token that we made.
pub fn open(vault: &Vault, token: &str) -> Option<(SessionId, i64)> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
    let (body, given) = bytes.split_at_checked(BODY)?;
    if !bool::from(tag(vault, body).ct_eq(given)) {
        return None;
    }
    let session = Uuid::from_slice(&body[..16]).ok()?;
    let generation = i64::from_be_bytes(body[16..].try_into().ok()?);
    Some((SessionId::from_uuid(session), generation))
}

fn tag(vault: &Vault, body: &[u8]) -> Vec<u8> {
    vault.token_hash("refresh", &URL_SAFE_NO_PAD.encode(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_of_our_making_open() {
        let vault = Vault::from_hex(&"5".repeat(64)).expect("a key");
        let session = SessionId::from_uuid(Uuid::from_u128(5));
        let made = token(&vault, session, 3);
        assert_eq!(open(&vault, &made), Some((session, 3)));
        assert_ne!(token(&vault, session, 4), made);
        let mut forged = made.clone().into_bytes();
        let last = forged.len() - 5;
        forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
        for bad in ["", "jzr_", &made[4..], std::str::from_utf8(&forged).expect("ASCII"), &made[..40]] {
            assert_eq!(open(&vault, bad), None, "{bad}");
        }
        assert_eq!(open(&Vault::from_hex(&"6".repeat(64)).expect("a key"), &made), None);
    }
}
