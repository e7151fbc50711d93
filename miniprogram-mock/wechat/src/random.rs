//! Random text in the shapes WeChat uses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const HEX: &[u8] = b"0123456789abcdef";
const ALPHANUMERIC: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const URL_SAFE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn bytes<const N: usize>() -> [u8; N] {
    let mut buffer = [0; N];
    // Without an operating system that gives random bytes no TLS library in the same process would run either.
    getrandom::fill(&mut buffer).expect("the operating system provides random bytes");
    buffer
}

/// `N` letters of the alphabet. Slightly uneven for 62 letters, which is no matter here.
fn word<const N: usize>(alphabet: &[u8]) -> String {
    bytes::<N>().iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}

pub(crate) fn hex<const N: usize>() -> String {
    word::<N>(HEX)
}

pub(crate) fn alphanumeric<const N: usize>() -> String {
    word::<N>(ALPHANUMERIC)
}

/// 28 characters that start with `o`.
pub(crate) fn openid() -> String {
    format!("o{}", word::<27>(URL_SAFE))
}

/// 16 bytes as 24 characters of base64.
pub(crate) fn session_key() -> String {
    STANDARD.encode(bytes::<16>())
}

/// About as long as real ones; WeChat asks to reserve 512 characters.
pub(crate) fn access_token() -> String {
    format!("92_{}", word::<133>(URL_SAFE))
}

pub(crate) fn small_step() -> i64 {
    i64::from(u32::from_be_bytes(bytes::<4>()) >> 8) + 1
}
