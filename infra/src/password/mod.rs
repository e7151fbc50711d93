//! What staff know and hold: passwords, one-time codes, and the opaque tokens that the server hands out.
//!
//! Passwords are hashed with Argon2id at 19 MiB, two passes, one lane (the smallest setting that OWASP ASVS 5.0 appendix C
//! approves), so each costs tens of milliseconds of CPU and 19 MiB. [`Passwords`] therefore lets only a few run at once,
//! lets a few more wait, and turns the rest away as [`Busy`]: a flood of log-ins must not take the server down with it.

mod common;
pub mod gate;
mod memory;
pub mod token;
pub mod totp;

use std::fmt;

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};

use self::gate::{Busy, Gate};
use crate::vault::{Secret, random};

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Shortest and longest password, in characters (ASVS 6.2.1 and 6.2.9).
pub const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// Stands in for the hash of an account that does not exist, so that asking costs the same. No password is known for
/// it: the 32 bytes were not made by hashing one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$amlhemFpIG5vYm9keSE$m0WcM8lZ0y4mJ1wQpXv2nKf7uTgR5sHdA9eBiCzLqOE";

/// Why a password may not be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weak {
    TooShort,
    TooLong,
    /// Among the passwords that everybody tries first, or of so little variety that it might as well be.
    TooCommon,
    /// Hardly more than the account's own name.
    LikeUsername,
}

impl Weak {
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort => "password_too_short",
            Self::TooLong => "password_too_long",
            Self::TooCommon => "password_too_common",
            Self::LikeUsername => "password_like_username",
        }
    }
}

/// May this account choose this password? Length and blocklist, no composition rules (ASVS 6.2.5).
pub fn acceptable(password: &str, username: &str) -> Result<(), Weak> {
    let length = password.chars().count();
    if length < *LENGTH.start() {
        return Err(Weak::TooShort);
    }
    if length > *LENGTH.end() {
        return Err(Weak::TooLong);
    }
    let (lower, name) = (password.to_lowercase(), username.to_lowercase());
    if common::is_common(&lower) {
        return Err(Weak::TooCommon);
    }
    // `zhangsan123` for zhangsan: what is left without the name would not make a password.
    if name.chars().count() >= 3 && lower.contains(&name) && lower.replace(&name, "").chars().count() < 4 {
        return Err(Weak::LikeUsername);
    }
    Ok(())
}

/// Hashes a password into a PHC string. Takes tens of milliseconds: from async code use [`Passwords::hash`].
pub fn hash(password: &str) -> String {
    const FITS: &str = "a salt of 16 bytes and fixed parameters are valid, and a password is far below 4 GiB";
    let salt = random::<16>();
    PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params()).expect(FITS),
        hash: Some(Output::new(&memory::digest(&hasher(), password.as_bytes(), &salt).expect(FITS)).expect(FITS)),
        salt: Some(Salt::new(&salt).expect(FITS)),
    }
    .to_string()
}

/// Does the password belong to the hash? A hash that cannot be read belongs to no password. Blocks like [`hash`].
pub fn verify(password: &str, phc: &str) -> bool {
    let Ok(hash) = PasswordHash::new(phc) else { return false };
    match (&hash.salt, &hash.hash) {
        // Of today's cost, for which memory is kept. Outputs are compared in constant time.
        (Some(salt), Some(expected)) if !needs_rehash(phc) => memory::digest(&hasher(), password.as_bytes(), salt)
            .is_ok_and(|found| Output::new(&found).is_ok_and(|found| found == *expected)),
        _ => hasher().verify_password(password.as_bytes(), &hash).is_ok(),
    }
}

/// Was the hash made with other parameters than today's? Then hash again now, while the password is at hand.
pub fn needs_rehash(phc: &str) -> bool {
    let Ok(hash) = PasswordHash::new(phc) else { return true };
    let today = Params::try_from(&hash).is_ok_and(|made| (made.m_cost(), made.t_cost(), made.p_cost()) == (MEMORY_KIB, PASSES, LANES));
    !today || hash.algorithm.as_str() != "argon2id" || hash.version != Some(Version::V0x13.into())
}

fn params() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are constants within the allowed ranges")
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params())
}

/// What a check of a password found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    pub matches: bool,
    /// It matches, and the stored hash should be replaced by a new [`Passwords::hash`].
    pub rehash: bool,
}

/// Hashes and checks passwords off the async threads, a few at a time.
pub struct Passwords {
    gate: Gate,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords")
    }
}

impl Default for Passwords {
    /// As many at once as there are cores, eight waiting for each.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(cores, cores * 8)
    }
}

impl Passwords {
    pub fn new(at_once: usize, waiting: usize) -> Self {
        Self { gate: Gate::new(at_once, waiting) }
    }

    pub async fn hash(&self, password: Secret) -> Result<String, Busy> {
        self.gate.run(move || hash(password.expose())).await
    }

    /// Checks a password against the stored hash, or against nobody's when the account does not exist or has none:
    /// the answer is then no, after the same work, so that its time does not tell which accounts exist.
    pub async fn verify(&self, password: Secret, phc: Option<String>) -> Result<Checked, Busy> {
        self.gate
            .run(move || {
                let known = phc.is_some();
                let phc = phc.as_deref().unwrap_or(NOBODY);
                let matches = verify(password.expose(), phc) && known;
                Checked { matches, rehash: matches && needs_rehash(phc) }
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;

    use super::*;

    #[test]
    fn memory_that_was_used_before_gives_the_hash_that_fresh_memory_gives() {
        let salt = [7; 16];
        let fresh: PasswordHash = hasher().hash_password_with_salt(b"correct horse", &salt).expect("a hash");
        for before in ["another password", "correct horse"] {
            hash(before);
            let used = memory::digest(&hasher(), b"correct horse", &salt).expect("a hash");
            assert_eq!(fresh.hash, Output::new(&used).ok());
        }
        assert!(verify("correct horse", &fresh.to_string()) && !verify("correct horsf", &fresh.to_string()));
        assert_eq!(hash("x").len(), fresh.to_string().len(), "the same form");
    }

    #[test]
    fn a_password_belongs_to_its_own_hash_only() {
        let phc = hash("correct horse");
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(verify("correct horse", &phc) && !verify("correct horsf", &phc));
        assert_ne!(phc, hash("correct horse"), "each hash has its own salt");
        assert!(!needs_rehash(&phc));
    }

    #[test]
    fn an_unreadable_hash_belongs_to_no_password() {
        for phc in ["", "!", "plain", "$argon2id$v=19$m=19456,t=2,p=1$", "$2b$10$abc"] {
            assert!(!verify("", phc) && needs_rehash(phc), "{phc}");
        }
    }

    #[test]
    fn a_hash_of_other_cost_is_to_be_made_again() {
        for phc in [NOBODY.replace("t=2", "t=3"), NOBODY.replace("19456", "47104"), NOBODY.replace("argon2id", "argon2i")] {
            assert!(needs_rehash(&phc), "{phc}");
        }
    }

    #[tokio::test]
    async fn nobody_has_a_hash_of_todays_cost_and_no_password() {
        assert!(!needs_rehash(NOBODY));
        let checked = Passwords::default().verify(Secret::new(""), None).await;
        assert_eq!(checked, Ok(Checked { matches: false, rehash: false }));
    }

    #[tokio::test]
    async fn a_match_of_an_older_cost_asks_for_a_new_hash() {
        let cheap = Params::new(8, 1, 1, None).map(|params| Argon2::new(Algorithm::Argon2id, Version::V0x13, params)).expect("parameters");
        let phc: PasswordHash = cheap.hash_password_with_salt(b"correct horse", b"0123456789abcdef").expect("a hash");
        let passwords = Passwords::default();
        let right = passwords.verify(Secret::new("correct horse"), Some(phc.to_string())).await;
        assert_eq!(right, Ok(Checked { matches: true, rehash: true }));
        let wrong = passwords.verify(Secret::new("wrong horse"), Some(phc.to_string())).await;
        assert_eq!(wrong, Ok(Checked { matches: false, rehash: false }));
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(acceptable("短密码也要八个字", "x"), Ok(()));
        assert_eq!(acceptable("seven77", "x"), Err(Weak::TooShort));
        assert_eq!(acceptable(&"长".repeat(129), "x"), Err(Weak::TooLong));
        assert_eq!(acceptable(&"长短句子".repeat(32), "x"), Ok(()));
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for bad in [
            "password1",
            "Password123",
            "12345678",
            "88888888",
            "qwertyuiop",
            "1q2w3e4r",
            "abcdefgh",
            "87654321",
            "woaini1314",
            "Jiazai-Demo",
            "abababab",
        ] {
            assert_eq!(acceptable(bad, "x"), Err(Weak::TooCommon), "{bad}");
        }
        for good in ["plum rain on tiles", "tR7-vv0-k9", "梧桐更兼细雨到黄昏"] {
            assert_eq!(acceptable(good, "x"), Ok(()), "{good}");
        }
    }

    #[test]
    fn the_account_name_with_a_few_digits_is_no_password() {
        assert_eq!(acceptable("ZhangSan123", "zhangsan"), Err(Weak::LikeUsername));
        assert_eq!(acceptable("zhangsan keeps bees", "zhangsan"), Ok(()));
        assert_eq!(acceptable("keeps bees", "k"), Ok(()), "a one-letter name proves nothing");
    }
}
