//! Typed identifiers: `tkt_01h455vb4pex5vsknk084sn02q`.
//!
//! The text form follows the TypeID convention: a lower-case prefix that names the kind of thing, an underscore, and a
//! UUIDv7 in 26 characters of Crockford's base 32. The prefix makes an id readable in a log and refuses to be used
//! for another kind of thing; the UUIDv7 makes ids sort by the time they were made.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use uuid::Uuid;

/// The kind of thing that an [`Id`] names.
pub trait Kind: 'static {
    /// Lower-case letters, three or four of them, unique in the system.
    const PREFIX: &'static str;
}

/// An identifier that cannot be confused with the identifier of another kind of thing.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

/// The text was not an id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId;

/// Of the text form, behind the underscore.
const DIGITS: usize = 26;

const LONGEST_PREFIX: usize = 8;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

const VALUES: [u8; 256] = {
    let mut table = [255u8; 256];
    let mut i = 0;
    while i < 32 {
        table[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    table
};

impl<K: Kind> Id<K> {
    /// Makes an id from the instant (milliseconds since 1970) and 80 random bits: the layout of UUIDv7.
    pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }

    pub fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The text form, in one allocation.
    pub fn text(&self) -> String {
        self.written(str::to_owned)
    }

    /// The text form, without one.
    fn written<T>(&self, then: impl FnOnce(&str) -> T) -> T {
        const { assert!(K::PREFIX.len() <= LONGEST_PREFIX) };
        let mut text = [0; LONGEST_PREFIX + 1 + DIGITS];
        let (prefix, end) = (K::PREFIX.len(), K::PREFIX.len() + 1 + DIGITS);
        text[..prefix].copy_from_slice(K::PREFIX.as_bytes());
        text[prefix] = b'_';
        let bits = self.uuid.as_u128();
        let mut at = end;
        // Twelve digits are what a machine word holds.
        for (shift, digits) in [(0, 12), (60, 12), (120, 2)] {
            let mut word = (bits >> shift) as u64;
            for _ in 0..digits {
                at -= 1;
                text[at] = ALPHABET[word as usize & 31];
                word >>= 5;
            }
        }
        // A prefix is ASCII, and so are the digits.
        then(std::str::from_utf8(&text[..end]).unwrap_or_default())
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let digits = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(NotAnId)?;
        // They carry 130 bits: the first may only use its lowest three, or two texts would name one id.
        if digits.len() != DIGITS || digits.as_bytes()[0] > b'7' {
            return Err(NotAnId);
        }
        // Twelve digits are what a machine word holds.
        let (mut bits, mut all) = (0u128, 0u8);
        for part in [&digits.as_bytes()[..2], &digits.as_bytes()[2..14], &digits.as_bytes()[14..]] {
            let mut word = 0u64;
            for byte in part {
                let value = VALUES[*byte as usize];
                all |= value;
                word = word << 5 | u64::from(value & 31);
            }
            bits = bits << (5 * part.len()) | u128::from(word);
        }
        // What is no digit has the value 255; digits have less than 32.
        if all >= 32 { Err(NotAnId) } else { Ok(Self::from_uuid(Uuid::from_u128(bits))) }
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written(|text| f.write_str(text))
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written(|text| f.write_str(text))
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.written(|text| to.serialize_str(text))
    }
}

// By hand, because a derive would ask `K` for what only the UUID needs.
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

/// Declares kinds of things and the names of their ids: `ids! { Ticket, TicketId = "tkt"; }`.
#[macro_export]
macro_rules! ids {
    ($($(#[$doc:meta])* $kind:ident, $id:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $kind {}
        impl $crate::kernel::id::Kind for $kind {
            const PREFIX: &'static str = $prefix;
        }
        pub type $id = $crate::kernel::id::Id<$kind>;
    )+};
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    ids! {
        Cat, CatId = "cat";
        Dog, DogId = "dog";
    }

    proptest! {
        #[test]
        fn text_and_id_are_two_forms_of_one_thing(bits: u128) {
            let id = CatId::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(id.text().parse::<CatId>(), Ok(id));
            prop_assert_eq!(id.text().parse::<DogId>(), Err(NotAnId));
        }

        #[test]
        fn ids_sort_as_their_texts_do(a: u128, b: u128) {
            let (a, b) = (CatId::from_uuid(Uuid::from_u128(a)), CatId::from_uuid(Uuid::from_u128(b)));
            prop_assert_eq!(a.cmp(&b), a.text().cmp(&b.text()));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = text.parse::<CatId>();
        }
    }

    #[test]
    fn only_the_canonical_text_is_an_id() {
        let good = CatId::from_uuid(Uuid::from_u128(7)).text();
        for bad in [
            "",
            "cat",
            "cat_",
            &good[4..],
            &good.to_uppercase(),
            &format!("{good}0"),
            "cat_80000000000000000000000000",
            "cat_0000000000000000000000000l",
        ] {
            assert_eq!(bad.parse::<CatId>(), Err(NotAnId), "{bad}");
        }
    }
}
