//! The check-in code 签到码: eight characters that prove that somebody stood where the leader showed them.
//!
//! A code is a keyed hash (HMAC-SHA-256) of the shift and of the half minute, so no row has to be written for it, every
//! instance shows the same, and it is worthless for another shift or a minute later. One code serves everybody who is
//! there; that a person uses it once is the sign-up's state, not the code's.
//!
//! A code is taken for [`CODE_TOLERANCE_MS`] after its half minute, which is what a request may need on its way. More would
//! serve those who get it by telephone.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::ShiftId;
use crate::kernel::time::Timestamp;

/// A code changes this often.
pub const CODE_WINDOW_S: i64 = 30;
/// A code is good for less than this after the next one is shown.
pub const CODE_TOLERANCE_MS: i64 = 1000;
/// How many codes back one is told that a code was good once: ten minutes.
const REMEMBERED: i64 = 20;
/// Without I, L, O and U, as in ids: what is read aloud is understood.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 8;

/// The secret of the installation that codes are made with.
#[derive(Clone)]
pub struct CodeKey([u8; 32]);

impl CodeKey {
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey")
    }
}

/// What the leader shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckInCode {
    pub code: String,
    /// When the next one is shown.
    pub expires_at: Timestamp,
}

/// Why a code is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeFault {
    /// It was good for this shift within the last ten minutes.
    Stale,
    Unknown,
}

/// The code of a shift at this instant.
pub fn code_at(key: &CodeKey, shift: ShiftId, now: Timestamp) -> CheckInCode {
    let window = window(now);
    let expires_at = Timestamp::from_millis((window + 1) * CODE_WINDOW_S * 1000);
    CheckInCode { code: code(key, shift, window), expires_at }
}

/// Whether what somebody typed or scanned is a good code of this shift now. Case, spaces and hyphens do not matter, nor O for
/// 0, I and L for 1.
///
/// # Errors
/// [`CodeFault`].
pub fn check_code(key: &CodeKey, shift: ShiftId, typed: &str, now: Timestamp) -> Result<(), CodeFault> {
    let typed = plain(typed);
    let current = window(now);
    let since = now.millis() - current * CODE_WINDOW_S * 1000;
    let is = |window| same(&code(key, shift, window), &typed);
    if is(current) || since < CODE_TOLERANCE_MS && is(current - 1) {
        Ok(())
    } else if (1..=REMEMBERED).any(|back| is(current - back)) {
        Err(CodeFault::Stale)
    } else {
        Err(CodeFault::Unknown)
    }
}

fn window(now: Timestamp) -> i64 {
    now.millis().div_euclid(CODE_WINDOW_S * 1000)
}

fn code(key: &CodeKey, shift: ShiftId, window: i64) -> String {
    // HMAC takes a key of any length, so this cannot fail.
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("a key of any length");
    mac.update(b"volunteer check-in 1");
    mac.update(shift.uuid().as_bytes());
    mac.update(&window.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    // Five bits of each of eight bytes: forty bits, far more than anybody can try in half a minute.
    hash.iter().take(LENGTH).map(|byte| ALPHABET[usize::from(byte & 31)] as char).collect()
}

fn plain(typed: &str) -> String {
    let kept = typed.chars().filter(|c| !matches!(c, ' ' | '-')).take(LENGTH + 1);
    kept.map(|c| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    })
    .collect()
}

/// Compares without stopping at the first difference, so that how long it takes tells nothing.
fn same(code: &str, typed: &str) -> bool {
    code.len() == typed.len() && code.bytes().zip(typed.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}
