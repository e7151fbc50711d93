//! The arithmetic of draws: hashes and orders. Inputs were checked before; nothing here fails.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

pub(in crate::enrolment) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)] as char);
        out.push(DIGITS[usize::from(byte & 15)] as char);
    }
    out
}

/// Lower-case hexadecimal SHA-256 of the UTF-8 seed.
pub fn commitment(seed: &str) -> String {
    hex(&Sha256::digest(seed.as_bytes()))
}

/// Lower-case hexadecimal SHA-256 of the roster as text: each receipt, in the roster's order, followed by a line feed.
pub fn roster_hash<R: AsRef<str>>(roster: &[R]) -> String {
    let mut hash = Sha256::new();
    for receipt in roster {
        hash.update(receipt.as_ref().as_bytes());
        hash.update(b"\n");
    }
    hex(&hash.finalize())
}

/// The whole roster in the order of a sealed seed. Equal hashes (which nobody has ever seen) go by receipt.
pub fn sealed_order(roster: &[String], seed: &str, public_numbers: &str) -> Vec<String> {
    // An HMAC takes a key of any length, so the empty key that stands in for an error is never used.
    let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(seed.as_bytes()).unwrap_or_else(|_| Hmac::new(&Default::default()));
    let mut order: Vec<_> = roster
        .iter()
        .map(|receipt| {
            let mut mac = keyed.clone();
            mac.update(public_numbers.as_bytes());
            mac.update(b"\n");
            mac.update(receipt.as_bytes());
            // Bytes sort as their hexadecimal does.
            (mac.finalize().into_bytes(), receipt)
        })
        .collect();
    order.sort();
    order.into_iter().map(|(_, receipt)| receipt.clone()).collect()
}

/// The whole roster in the order of a ring: `start` counts from 1. Numbers outside are pulled into the ring.
pub fn ring_order(roster: &[String], start: i64, interval: i64) -> Vec<String> {
    let mut ring = Ring::full(roster.len());
    let mut order = Vec::with_capacity(roster.len());
    // The place among the numbers that are left: of the start first, then of the one that follows the number just drawn.
    let mut at = if roster.is_empty() { 0 } else { (start - 1).rem_euclid(roster.len() as i64) as usize };
    while let Some(number) = ring.take(at) {
        order.push(roster[number].clone());
        let left = roster.len() - order.len();
        if left > 0 {
            at = (at as i64 + interval - 1).rem_euclid(left as i64) as usize;
        }
    }
    order
}

/// The numbers not drawn yet, as a tree of counts: the k-th one is found and taken out in log n steps, so that a city
/// draws as fast as a village.
struct Ring {
    counts: Vec<usize>,
    left: usize,
}

impl Ring {
    fn full(n: usize) -> Self {
        // A Fenwick tree over ones: each place holds as many as its lowest set bit says.
        let counts = (0..=n).map(|i| i & i.wrapping_neg()).collect();
        Self { counts, left: n }
    }

    /// Takes out the k-th number that is left, both counted from 0.
    fn take(&mut self, k: usize) -> Option<usize> {
        if k >= self.left {
            return None;
        }
        let (mut place, mut before) = (0, 0);
        let mut step = self.counts.len().next_power_of_two();
        while step > 0 {
            let next = place + step;
            if next < self.counts.len() && before + self.counts[next] <= k {
                place = next;
                before += self.counts[next];
            }
            step /= 2;
        }
        let mut node = place + 1;
        while node < self.counts.len() {
            self.counts[node] -= 1;
            node += node & node.wrapping_neg();
        }
        self.left -= 1;
        Some(place)
    }
}
