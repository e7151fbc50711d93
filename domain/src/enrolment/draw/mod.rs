//! Draws 摇号 that anyone can verify, by two public methods.
//!
//! The *roster* 名册 is the list of receipts that take part, one line each, in ascending order; its hash is published
//! before anything is drawn. The *order* 顺序 is what comes out: all receipts of the roster, first drawn first. Nothing
//! here is random: the order is a function of the roster and of what was revealed, which is why it can be checked.
//!
//! - *ring* 环形: parents draw a start number and an interval; the numbers 1…n of the roster stand in a ring. The start
//!   number is drawn first; then, again and again, one counts the interval on from the number drawn last, counting only
//!   numbers not drawn yet, and the number that is reached is drawn.
//! - *sealed seed* 密封种子: the SHA-256 of a secret is published with the roster. Afterwards the secret is opened and
//!   joined with public numbers that nobody could know before. Each receipt is given
//!   HMAC-SHA-256(key = seed, message = public numbers, line feed, receipt), in hexadecimal; ascending order is the order.
//!   Without public numbers whoever knew the secret knew the order beforehand, and with numbers that are chosen when it is
//!   opened they could try some; so the source and the number of digits are published with the roster, and then only such
//!   numbers open it. A document without a source shows that.

mod aggregate;
mod order;
#[cfg(test)]
mod tests;
mod verify;

pub use aggregate::{Draw, DrawFacts, DrawRefusal, NewDraw, PublicSource, Reveal};
pub(in crate::enrolment) use order::hex;
pub use order::{commitment, ring_order, roster_hash, sealed_order};
pub use verify::{DrawDocument, Reason, verify};

crate::words! {
    Method { Ring = "ring", SealedSeed = "sealed_seed" }
}

/// A roster may be this long; an interval and the texts are bounded too, so that a document sent in costs little.
pub const MAX_ROSTER: usize = 200_000;
pub const MAX_INTERVAL: i64 = 1_000_000;
pub const MAX_SEED_CHARS: usize = 200;
pub const MAX_PUBLIC_NUMBERS_CHARS: usize = 200;
pub const MAX_SOURCE_CHARS: usize = 100;

/// Whether a text can stand in a roster: one line of printable ASCII, so that the hashed text has one reading.
pub fn is_receipt(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}
