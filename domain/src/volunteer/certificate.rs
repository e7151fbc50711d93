//! Certificates 志愿服务证书: what somebody has served, on paper, with a code by which anybody can ask whether it is true.
//!
//! The page behind the code shows a masked name, so the code is no secret and still tells a stranger nothing; who
//! holds the paper can compare. A certificate says what was true when it was issued: later hours need another one.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::machine::{CERTIFICATE_MACHINE, CertificateAction, CertificateState, Party};
use super::{CERTIFICATES_WITHIN_S, MAX_CERTIFICATES, Reason, Refusal};
use crate::actor::{Actor, CommunityId, PrincipalId, Resident, VolunteerLeader};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::mask;
use crate::kernel::time::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters that carry the number; one more checks them.
const DIGITS: usize = 15;

/// The code of a certificate: `7K3M-9QXA-0R4T-WZ5H`. The last character checks the others, so that a slip of the pen (one wrong
/// character, or any two exchanged) is found before anybody looks anything up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertificateCode([u8; DIGITS]);

/// The text is no code, or was copied wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotACode;

impl CertificateCode {
    /// From random bytes: 75 of their 80 bits, so that no code can be guessed.
    pub fn from_random(bytes: [u8; 10]) -> Self {
        let bits = bytes.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        Self(std::array::from_fn(|i| (bits >> (5 * i)) as u8 & 31))
    }

    fn check(&self) -> u8 {
        // A weighted sum over the field of 32 elements, with a different weight (a power of the generator) at each place:
        // one wrong character changes it, and so do two exchanged ones.
        self.0.iter().rev().fold(0, |sum, digit| double(sum ^ digit))
    }
}

/// Multiplies by x in GF(2)[x] / (x⁵ + x² + 1).
const fn double(value: u8) -> u8 {
    let shifted = value << 1;
    if shifted & 32 == 0 { shifted } else { (shifted ^ 0b10_0101) & 31 }
}

impl fmt::Display for CertificateCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, value) in self.0.iter().chain([&self.check()]).enumerate() {
            let dash = if i > 0 && i % 4 == 0 { "-" } else { "" };
            write!(f, "{dash}{}", ALPHABET[usize::from(*value)] as char)?;
        }
        Ok(())
    }
}

impl FromStr for CertificateCode {
    type Err = NotACode;

    /// Case, spaces and hyphens do not matter, nor O for 0, I and L for 1.
    fn from_str(text: &str) -> Result<Self, NotACode> {
        let mut values = [0; DIGITS + 1];
        let mut count = 0;
        for c in text.chars().filter(|c| !matches!(c, ' ' | '-')) {
            let c = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            };
            let value = ALPHABET.iter().position(|a| char::from(*a) == c).ok_or(NotACode)?;
            *values.get_mut(count).ok_or(NotACode)? = value as u8;
            count += 1;
        }
        let [digits @ .., check] = values;
        let code = Self(digits);
        if count == DIGITS + 1 && code.check() == check { Ok(code) } else { Err(NotACode) }
    }
}

impl Serialize for CertificateCode {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Why and when a certificate is good no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    pub at: Timestamp,
    pub by: PrincipalId,
    pub reason: String,
}

/// Everything that is remembered of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    pub code: CertificateCode,
    pub version: i64,
    pub community: CommunityId,
    pub resident: PrincipalId,
    /// `王*四`: the only name that is kept here.
    pub masked_name: String,
    pub minutes: i64,
    /// The community's name, as it was.
    pub issuer: String,
    pub issued_at: Timestamp,
    pub revoked: Option<Revocation>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    facts: CertificateFacts,
}

impl Certificate {
    /// 开具: for what the resident has served in this community by now. `recent` is when they were last given one, newest first.
    ///
    /// # Errors
    /// [`Refusal::NothingToCertify`], [`Refusal::TooManyCertificates`].
    pub fn issue(
        code: CertificateCode,
        (who, name): (&Resident, &str),
        minutes: i64,
        issuer: (CommunityId, &str),
        recent: &[Timestamp],
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        if minutes <= 0 {
            return Err(Refusal::NothingToCertify);
        }
        let again_at = recent.get(MAX_CERTIFICATES - 1).map(|at| at.plus_seconds(CERTIFICATES_WITHIN_S));
        if let Some(again_at) = again_at.filter(|at| now < *at) {
            return Err(Refusal::TooManyCertificates { again_at });
        }
        let facts = CertificateFacts {
            code,
            version: 1,
            community: issuer.0,
            resident: who.id(),
            masked_name: mask::name(name),
            minutes,
            issuer: issuer.1.to_owned(),
            issued_at: now,
            revoked: None,
        };
        let event = Event::new("volunteer_certificate.issued", Some(who.id()), now).with("minutes", minutes);
        Ok(Changed::created(Self { facts }, vec![event]))
    }

    pub fn restore(facts: CertificateFacts) -> Self {
        Self { facts }
    }

    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// Whether it is good.
    pub fn is_valid(&self) -> bool {
        self.facts.revoked.is_none()
    }

    pub fn state(&self) -> CertificateState {
        if self.is_valid() { CertificateState::Issued } else { CertificateState::Revoked }
    }

    /// What this caller may do with it; nobody in particular may only look.
    pub fn allowed_actions(&self, actor: Option<&Actor>) -> Vec<CertificateAction> {
        let leads = actor.is_some_and(|actor| actor.volunteer_leader_of(self.facts.community).is_ok());
        CERTIFICATE_MACHINE.actions(self.state(), if leads { &[Party::Leader] } else { &[] })
    }

    /// 作废. The page behind the code stays and says so.
    ///
    /// # Errors
    /// [`Refusal::AlreadyRevoked`]; [`Refusal::NotForYou`], when it is another community's.
    pub fn revoke(mut self, reason: Reason, by: &VolunteerLeader, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        let f = &mut self.facts;
        if by.community() != f.community {
            return Err(Refusal::NotForYou);
        }
        if f.revoked.is_some() {
            return Err(Refusal::AlreadyRevoked);
        }
        let reason = reason.into_string();
        f.revoked = Some(Revocation { at: now, by: by.id(), reason: reason.clone() });
        let loaded = f.version;
        f.version = loaded + 1;
        let event = Event::new("volunteer_certificate.revoked", Some(by.id()), now).noting(reason);
        Ok(Changed::from_version(loaded, self, vec![event]))
    }
}
