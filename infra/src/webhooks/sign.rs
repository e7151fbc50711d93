//! Signatures by Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`, one for each secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::vault::{Secret, random};

const PREFIX: &str = "whsec_";

/// A new secret in the form in which it is shown: 32 random bytes.
pub fn new_secret() -> Secret {
    Secret::new(format!("{PREFIX}{}", STANDARD.encode(random::<32>())))
}

/// The value of `webhook-signature`: `v1,…` for each secret, between spaces. `at` is seconds since 1970.
pub fn signatures(secrets: &[Secret], id: &str, at: i64, body: &[u8]) -> String {
    let one = |secret: &Secret| {
        let text = secret.expose();
        // Secrets are ours; one that does not decode would be a damaged row, and signs as the empty key rather than panicking.
        let key = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).unwrap_or_default();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes any key");
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    };
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_is_signed_as_published() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = signatures(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_secret_signs_and_no_two_secrets_are_alike() {
        let both = [new_secret(), new_secret()];
        let signed = signatures(&both, "evt_1", 1, b"{}");
        let parts: Vec<&str> = signed.split(' ').collect();
        assert_eq!(parts, [signatures(&both[..1], "evt_1", 1, b"{}"), signatures(&both[1..], "evt_1", 1, b"{}")]);
        assert_ne!(parts[0], parts[1]);
        assert_eq!(STANDARD.decode(&both[0].expose()[PREFIX.len()..]).expect("base64").len(), 32);
    }
}
