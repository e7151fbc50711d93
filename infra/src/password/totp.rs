//! The second factor: a six-digit code from an authenticator app (RFC 6238: SHA-1, 30 s steps, one step of tolerance).

use std::fmt;

use totp_rs::{Builder, Totp};

use crate::vault::{Secret, random};

use jiazai_domain::kernel::time::Timestamp;

/// The key that server and app share, 160 bits.
#[derive(Clone)]
pub struct TotpKey(totp_rs::Secret);

impl fmt::Debug for TotpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpKey(…)")
    }
}

impl TotpKey {
    pub fn generate() -> Self {
        Self(random::<20>().into())
    }

    /// Reads the base-32 form. `None` when it is not base 32 or has fewer than 128 bits (RFC 4226 R6).
    pub fn from_base32(text: &str) -> Option<Self> {
        let key = Self(totp_rs::Secret::try_from_base32(text).ok()?);
        key.totp().map(|_| key)
    }

    /// The form in which it is sealed into the database and typed into an app.
    pub fn base32(&self) -> Secret {
        Secret::new(self.0.to_base32())
    }

    /// What the app's camera reads: `otpauth://totp/…`.
    pub fn uri(&self, issuer: &str, account: &str) -> Secret {
        let (issuer, account) = (percent(issuer), percent(account));
        Secret::new(format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", self.0.to_base32()))
    }

    /// The step whose code this is, if it is the code of now, of the step before or of the one after, and no code of
    /// that step or a later one was used yet. The caller stores the step in the same transaction that lets the person in,
    /// and only if it is still greater than the stored one: a code that was looked at over a shoulder is then worth nothing.
    pub fn check(&self, code: &str, now: Timestamp, last_used: Option<u64>) -> Option<u64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let seconds = u64::try_from(now.millis() / 1000).ok()?;
        self.totp()?.check(&code, seconds).filter(|step| last_used.is_none_or(|last| *step > last))
    }

    fn totp(&self) -> Option<Totp> {
        Builder::new().with_secret(self.0.clone()).build().ok()
    }
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 6238 appendix B ("12345678901234567890"); its eight-digit codes end in the six digits used here.
    const RFC_KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn key() -> TotpKey {
        TotpKey::from_base32(RFC_KEY).expect("a key")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn the_codes_of_the_standard_are_taken() {
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")] {
            assert_eq!(key().check(code, at(seconds), None), Some(seconds as u64 / 30), "{code}");
        }
    }

    #[test]
    fn a_code_holds_one_step_before_and_after_its_own() {
        let step = 1_234_567_890 / 30;
        for (seconds, matched) in [(-60, None), (-30, Some(step)), (0, Some(step)), (30, Some(step)), (60, None)] {
            assert_eq!(key().check("005 924", at(1_234_567_890 + seconds), None), matched, "{seconds}");
        }
    }

    #[test]
    fn each_step_lets_in_once() {
        let step = 1_234_567_890 / 30;
        assert_eq!(key().check("005924", at(1_234_567_890), Some(step)), None);
        assert_eq!(key().check("005924", at(1_234_567_890), Some(step - 1)), Some(step));
    }

    #[test]
    fn nonsense_is_no_code() {
        for code in ["", "00592", "0059240", "abcdef", "００５９２４", "-05924", "\0"] {
            assert_eq!(key().check(code, at(1_234_567_890), None), None, "{code}");
        }
    }

    #[test]
    fn a_generated_key_reads_back_and_a_short_one_is_refused() {
        let fresh = TotpKey::generate();
        assert_eq!(TotpKey::from_base32(fresh.base32().expose()).map(|key| key.base32()), Some(fresh.base32()));
        assert!(TotpKey::from_base32("GEZDGNBV").is_none() && TotpKey::from_base32("not base 32!").is_none());
    }

    #[test]
    fn the_uri_escapes_chinese_names() {
        assert_eq!(
            key().uri("家在", "worker1").expose(),
            format!("otpauth://totp/%E5%AE%B6%E5%9C%A8:worker1?secret={RFC_KEY}&issuer=%E5%AE%B6%E5%9C%A8")
        );
    }
}
