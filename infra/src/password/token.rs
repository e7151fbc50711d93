//! Opaque tokens: refresh tokens, API keys. 256 random bits in base64url behind a prefix that names their kind, so that
//! a leaked one is recognised in a log or a repository. Only [`Vault::token_hash`](crate::vault::Vault::token_hash) of a
//! token is stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::vault::{Secret, random};

/// Characters behind the prefix.
pub const LENGTH: usize = 43;

/// A new token: `prefix` and 43 characters of base64url.
pub fn generate(prefix: &str) -> Secret {
    let bytes = Zeroizing::new(random::<32>());
    let mut text = String::with_capacity(prefix.len() + LENGTH);
    text.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
    Secret::new(text)
}

/// Could this text be a token of this kind? Spares the database the look-up of what cannot be there.
pub fn is_plausible(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == LENGTH && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_plausible_for_their_kind_and_never_the_same() {
        let (a, b) = (generate("jz_live_"), generate("jz_live_"));
        assert!(is_plausible(a.expose(), "jz_live_") && !is_plausible(a.expose(), "jz_r_"));
        assert_ne!(a, b);
        assert!(!is_plausible("jz_live_", "jz_live_") && !is_plausible(&format!("{}é", &a.expose()[..a.expose().len() - 2]), "jz_live_"));
    }
}
