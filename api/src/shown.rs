//! What was last shown to whom, so that 304 means what it says.
//!
//! An `ETag` is the version of a thing, because that is what `If-Match` is about: nobody has changed it. But what a caller sees
//! of it may change all the same. A deadline passes, and `allowed_actions` and `overdue` are others; a round is announced, and an
//! application shows its school. So the version alone does not decide that nothing is sent: the body has to be the one that
//! this caller was last shown under this version. Of whom nothing is remembered (after a restart, on another instance) is simply
//! sent it once more.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// Bodies remembered in each half; the older half is dropped when the younger is full. Some hundred kilobytes.
const HALF: usize = 8192;

/// Who looks, and where.
#[derive(Debug, Clone, Copy, Hash)]
pub struct Place<'a> {
    /// The session, which is one device; or the account of a key, or nobody.
    pub who: &'a str,
    pub path: &'a str,
    pub query: &'a str,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    version: i64,
    body: u64,
    /// Two programs share a key: once two bodies were shown under one version, nobody knows who holds which.
    blurred: bool,
    /// A write's answer is only the first guess at what a read shows.
    by: Shower,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shower {
    /// A read by one device.
    Device,
    /// A read by whoever holds a key, or by anybody.
    Shared,
    /// A write, which answers with the thing as well.
    Write,
}

#[derive(Default)]
pub struct Shown {
    hasher: RandomState,
    halves: Mutex<[HashMap<u64, Seen>; 2]>,
}

impl Shown {
    /// Notes what is about to be answered, and says whether it is what was shown there before under the same version.
    pub fn again(&self, place: Place, version: i64, body: &[u8], by: Shower) -> bool {
        let (place, body) = (self.hasher.hash_one(place), self.hasher.hash_one(body));
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        let before = halves[0].get(&place).or_else(|| halves[1].get(&place)).filter(|seen| seen.version == version).copied();
        let same = before.is_some_and(|seen| seen.body == body && !seen.blurred);
        let another = |seen: Seen| seen.body != body && (seen.by, by) == (Shower::Shared, Shower::Shared);
        let blurred = before.is_some_and(|seen| seen.blurred || another(seen));
        if halves[0].len() >= HALF && !halves[0].contains_key(&place) {
            halves[1] = std::mem::take(&mut halves[0]);
        }
        halves[0].insert(place, Seen { version, body, blurred, by });
        same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place = Place { who: "ses_1", path: "/things/1", query: "" };

    #[test]
    fn what_was_shown_last_is_the_same_and_anything_else_is_not() {
        let shown = Shown::default();
        let again = |version, body: &str| shown.again(HERE, version, body.as_bytes(), Shower::Device);
        assert!(!again(1, "a"), "never shown");
        assert!(again(1, "a"));
        assert!(!again(1, "b"), "time has changed it");
        assert!(again(1, "b"));
        assert!(!again(2, "b"), "another version is another thing");
        let elsewhere = [Place { who: "ses_2", ..HERE }, Place { path: "/things/2", ..HERE }, Place { query: "as_of=2026-01-01", ..HERE }];
        assert!(elsewhere.into_iter().all(|place| !shown.again(place, 2, b"b", Shower::Device)));
    }

    #[test]
    fn who_share_a_key_are_sent_it_again_once_they_may_hold_different_things() {
        let shown = Shown::default();
        let again = |version, body: &str| shown.again(HERE, version, body.as_bytes(), Shower::Shared);
        assert_eq!([again(1, "a"), again(1, "a"), again(1, "b"), again(1, "b"), again(1, "a")], [false, true, false, false, false]);
        assert_eq!([again(2, "c"), again(2, "c")], [false, true]);
    }

    #[test]
    fn little_is_remembered_and_what_was_asked_for_lately_longest() {
        let shown = Shown::default();
        for n in 0..5 * HALF {
            let path = n.to_string();
            shown.again(Place { path: &path, ..HERE }, 1, b"a", Shower::Device);
        }
        let held: usize = shown.halves.lock().expect("a lock").iter().map(HashMap::len).sum();
        assert!(held <= 2 * HALF, "{held}");
        let last = (5 * HALF - 1).to_string();
        assert!(shown.again(Place { path: &last, ..HERE }, 1, b"a", Shower::Device));
        assert!(!shown.again(Place { path: "0", ..HERE }, 1, b"a", Shower::Device));
    }
}
