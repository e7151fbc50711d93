//! The vault: what must not be readable in a stolen database.
//!
//! A *field* (an ID number, a phone, a child's paper) is **sealed**: encrypted so that it opens only in the cell it was
//! written to. Equality of sealed fields is asked through a **blind index**, a keyed hash of the normalised value; a bare
//! hash would not do, because an ID number has so little freedom inside one town that all of them can be tried in seconds.
//!
//! Everything comes from one *data key* of 256 bits. Each use has a key of its own, derived by HMAC-SHA256 with a label,
//! so that no use can be played against another. [`Vault::with_older`] keeps retired data keys for reading; new fields
//! are always sealed with the current one. What is *compared* (blind indexes, token hashes, cursor signatures) is derived
//! from the eldest key: changing the data key must not make every row unfindable and every session invalid.
//!
//! Deliberately missing: wrapped keys per community. One key per installation is what a community without a key
//! management service can really look after.

use std::fmt;

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// First byte of every sealed field: AES-256-GCM-SIV (RFC 8452), key id of 4 bytes, nonce of 12.
const VERSION: u8 = 1;
const KEY_ID: usize = 4;
const NONCE: usize = 12;
const HEADER: usize = 1 + KEY_ID + NONCE;
const TAG: usize = 16;

/// How many bytes a sealed field is longer than its content.
pub const OVERHEAD: usize = HEADER + TAG;

type Key = Zeroizing<[u8; 32]>;

/// A text that never shows in a log: `Debug` hides it, dropping it wipes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The clear text, for the one place that has to send or compare it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The cell that a sealed field belongs to. A field moved to another cell does not open.
#[derive(Debug, Clone, Copy)]
pub struct Aad<'a> {
    pub table: &'a str,
    pub column: &'a str,
    /// The row's id, as text.
    pub row: &'a str,
}

impl Aad<'_> {
    /// Each part behind its length, so that no two cells have one name.
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(12 + self.table.len() + self.column.len() + self.row.len());
        for part in [self.table, self.column, self.row] {
            out.extend_from_slice(&(part.len() as u32).to_be_bytes());
            out.extend_from_slice(part.as_bytes());
        }
        out
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultError {
    /// A data key is 64 hexadecimal digits.
    KeyFormat,
    /// Sealed with a key that this vault does not hold.
    UnknownKey,
    /// Changed, cut off, or moved from another cell; or never sealed at all.
    Unreadable,
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyFormat => "a data key is 64 hexadecimal digits",
            Self::UnknownKey => "sealed with a data key that is not configured",
            Self::Unreadable => "the sealed field was changed or belongs to another cell",
        })
    }
}

impl std::error::Error for VaultError {}

/// Names a data key without revealing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; KEY_ID]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

struct DataKey {
    id: KeyId,
    root: Key,
    sealing: Key,
}

impl DataKey {
    fn from_hex(text: &str) -> Result<Self, VaultError> {
        let root = key_from_hex(text).ok_or(VaultError::KeyFormat)?;
        let name = derive(&root, "key id");
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&name[..KEY_ID]);
        let sealing = derive(&root, "field encryption");
        Ok(Self { id: KeyId(id), root, sealing })
    }
}

/// Holds the data keys. Cheap to share behind an `Arc`; not `Clone`, so that keys are not copied about.
pub struct Vault {
    /// Current key first, then older ones from the newest to the eldest. Never empty.
    keys: Vec<DataKey>,
    index: Key,
    tokens: Key,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.key_id())
    }
}

impl Vault {
    /// A vault with one data key of 64 hexadecimal digits.
    pub fn from_hex(data_key: &str) -> Result<Self, VaultError> {
        Self::with_older(data_key, &[])
    }

    /// A vault that seals with `current` and still opens what `older` keys sealed (newest first).
    pub fn with_older(current: &str, older: &[&str]) -> Result<Self, VaultError> {
        let mut keys = vec![DataKey::from_hex(current)?];
        for key in older {
            keys.push(DataKey::from_hex(key)?);
        }
        let eldest = &keys[keys.len() - 1].root;
        let (index, tokens) = (derive(eldest, "blind index"), derive(eldest, "token hash"));
        Ok(Self { keys, index, tokens })
    }

    /// The key that new fields are sealed with: compare it with what the database was written with before serving.
    pub fn key_id(&self) -> KeyId {
        self.keys[0].id
    }

    /// Encrypts `plain` for one cell: version ‖ key id ‖ nonce ‖ ciphertext and tag.
    pub fn seal(&self, cell: Aad<'_>, plain: &[u8]) -> Vec<u8> {
        let key = &self.keys[0];
        let nonce: [u8; NONCE] = random();
        let body = cipher(key)
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &cell.bytes() })
            .expect("the cipher refuses only messages above 64 GiB");
        let mut out = Vec::with_capacity(HEADER + body.len());
        out.push(VERSION);
        out.extend_from_slice(&key.id.0);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&body);
        out
    }

    /// Decrypts what [`Vault::seal`] made for the same cell; anything else is an error, never garbage.
    pub fn open(&self, cell: Aad<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let id = Self::key_id_of(sealed).ok_or(VaultError::Unreadable)?;
        let key = self.keys.iter().find(|key| key.id == id).ok_or(VaultError::UnknownKey)?;
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&sealed[1 + KEY_ID..HEADER]);
        cipher(key)
            .decrypt(&Nonce::from(nonce), Payload { msg: &sealed[HEADER..], aad: &cell.bytes() })
            .map(Zeroizing::new)
            .map_err(|_| VaultError::Unreadable)
    }

    /// [`Vault::open`] for a field that holds text.
    pub fn open_text(&self, cell: Aad<'_>, sealed: &[u8]) -> Result<Secret, VaultError> {
        let plain = self.open(cell, sealed)?;
        std::str::from_utf8(&plain).map(Secret::new).map_err(|_| VaultError::Unreadable)
    }

    /// Which key a field was sealed with: a change of keys is finished when no row names an old one.
    pub fn key_id_of(sealed: &[u8]) -> Option<KeyId> {
        if sealed.len() < OVERHEAD || sealed[0] != VERSION {
            return None;
        }
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&sealed[1..1 + KEY_ID]);
        Some(KeyId(id))
    }

    /// The blind index of a normalised value: 32 bytes, equal exactly for equal values of one `domain` (`phone`,
    /// `id_number`, …). Full width, because unique constraints stand on it.
    pub fn blind_index(&self, domain: &str, normalised: &str) -> Vec<u8> {
        tagged(&self.index, domain, normalised.as_bytes()).to_vec()
    }

    /// What is stored of a bearer token (refresh token, API key): 32 bytes. `purpose` keeps one kind of token from
    /// standing for another.
    pub fn token_hash(&self, purpose: &str, token: &str) -> Vec<u8> {
        tagged(&self.tokens, purpose, token.as_bytes()).to_vec()
    }

    /// A key for another use, always the same for one label. Survives a change of the data key.
    pub fn derive(&self, label: &str) -> [u8; 32] {
        let eldest = &self.keys[self.keys.len() - 1].root;
        tagged(eldest, "derived", label.as_bytes())
    }
}

/// Fresh random bytes from the operating system.
///
/// # Panics
/// When the operating system has no randomness to give, which does not happen after boot; no secret could be made then.
pub fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    getrandom::fill(&mut out).expect("the operating system gives random bytes once it has booted");
    out
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)] as char);
        out.push(DIGITS[usize::from(byte & 15)] as char);
    }
    out
}

fn key_from_hex(text: &str) -> Option<Key> {
    let digits = text.trim().as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut key = Zeroizing::new([0; 32]);
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = ((pair[0] as char).to_digit(16)?, (pair[1] as char).to_digit(16)?);
        *byte = (high << 4 | low) as u8;
    }
    Some(key)
}

fn derive(root: &[u8; 32], label: &str) -> Key {
    Zeroizing::new(tagged(root, "jiazai vault", label.as_bytes()))
}

/// HMAC-SHA256 over a tag behind its length, then the message.
fn tagged(key: &[u8; 32], tag: &str, message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(&(tag.len() as u32).to_be_bytes());
    mac.update(tag.as_bytes());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn cipher(key: &DataKey) -> Aes256GcmSiv {
    Aes256GcmSiv::new_from_slice(key.sealing.as_slice()).expect("the key has 32 bytes by its type")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const NEXT: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const CELL: Aad<'static> = Aad { table: "residents", column: "phone", row: "usr_1" };

    fn vault() -> Vault {
        Vault::from_hex(KEY).expect("a key")
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_in_its_cell(plain: Vec<u8>) {
            let sealed = vault().seal(CELL, &plain);
            prop_assert_eq!(sealed.len(), plain.len() + OVERHEAD);
            prop_assert_eq!(&*vault().open(CELL, &sealed).unwrap(), &plain);
        }

        #[test]
        fn one_changed_bit_is_an_error_and_not_garbage(at in 0usize..OVERHEAD + 11, bit in 0u8..8) {
            let mut sealed = vault().seal(CELL, b"13800138000");
            sealed[at] ^= 1 << bit;
            prop_assert!(vault().open(CELL, &sealed).is_err());
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes: Vec<u8>) {
            prop_assert!(vault().open(CELL, &bytes).is_err());
        }
    }

    #[test]
    fn a_field_moved_to_another_cell_does_not_open() {
        let sealed = vault().seal(CELL, b"13800138000");
        for other in [Aad { row: "usr_2", ..CELL }, Aad { column: "phon", row: "eusr_1", ..CELL }, Aad { table: "staff", ..CELL }] {
            assert_eq!(vault().open(other, &sealed), Err(VaultError::Unreadable));
        }
    }

    #[test]
    fn the_same_value_is_sealed_differently_each_time() {
        assert_ne!(vault().seal(CELL, b"x"), vault().seal(CELL, b"x"));
    }

    #[test]
    fn after_a_change_of_keys_old_fields_open_and_new_ones_name_the_new_key() {
        let old = vault().seal(CELL, b"x");
        let both = Vault::with_older(NEXT, &[KEY]).expect("two keys");
        assert_eq!(both.open(CELL, &old).as_deref().map(Vec::as_slice), Ok(b"x".as_slice()));
        assert_eq!(Vault::key_id_of(&both.seal(CELL, b"x")), Some(both.key_id()));
        assert_ne!(both.key_id(), vault().key_id());
        assert_eq!(Vault::from_hex(NEXT).expect("a key").open(CELL, &old), Err(VaultError::UnknownKey));
    }

    #[test]
    fn after_a_change_of_keys_rows_are_still_found_and_tokens_still_hold() {
        let both = Vault::with_older(NEXT, &[KEY]).expect("two keys");
        assert_eq!(both.blind_index("phone", "1"), vault().blind_index("phone", "1"));
        assert_eq!(both.token_hash("refresh", "1"), vault().token_hash("refresh", "1"));
        assert_eq!(both.derive("cursor"), vault().derive("cursor"));
    }

    #[test]
    fn no_two_uses_share_a_value() {
        let v = vault();
        let all = [
            v.blind_index("phone", "1"),
            v.blind_index("id_number", "1"),
            v.blind_index("phone1", ""),
            v.token_hash("phone", "1"),
            v.derive("phone").to_vec(),
            v.derive("1").to_vec(),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn a_key_is_64_hexadecimal_digits_and_nothing_else() {
        for bad in ["", "00", &KEY[1..], &format!("{KEY}00"), &KEY.replace('0', "g"), &"é".repeat(32)] {
            assert_eq!(Vault::from_hex(bad).map(|_| ()), Err(VaultError::KeyFormat), "{bad}");
        }
        assert!(Vault::from_hex(&format!("{}\n", KEY.to_uppercase())).is_ok(), "a key file ends with a line break");
    }

    #[test]
    fn neither_vault_nor_secret_prints_what_it_keeps() {
        let shown = format!("{:?} {:?}", vault(), Secret::new("hunter2"));
        assert!(!shown.contains("hunter2") && !shown.contains("0001"), "{shown}");
    }
}
