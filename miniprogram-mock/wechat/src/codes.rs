//! Tables that forget. Whatever the simulator remembers is bounded, so that a benchmark can run all night.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Login and phone codes live this long.
pub(crate) const CODE_LIFE_MS: i64 = 300_000;

/// A map that drops its oldest entry when it is full.
pub(crate) struct Recent<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
    capacity: usize,
}

impl<K: Hash + Eq + Clone, V> Recent<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), capacity }
    }

    pub(crate) fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key)
    }

    /// Replacing a value does not make its key younger.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity {
            self.drop_oldest();
        }
    }

    pub(crate) fn drop_oldest_while(&mut self, outdated: impl Fn(&V) -> bool) {
        while self.order.front().and_then(|key| self.entries.get(key)).is_some_and(&outdated) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(key) = self.order.pop_front() {
            self.entries.remove(&key);
        }
    }
}

/// A code that was handed out, with what it stands for.
struct Code<T> {
    meaning: T,
    /// The mini-program it was made for; another one's code is worthless here.
    appid: Option<String>,
    issued_ms: i64,
    used: bool,
}

/// What a code turned out to be.
pub(crate) enum Exchange<T> {
    /// Good, and now used up.
    Meaning(T),
    Used,
    /// Made for another mini-program.
    Foreign,
    /// Never handed out, expired, or so old that it was forgotten.
    Unknown,
}

/// One code space.
pub(crate) struct Codes<T>(Recent<String, Code<T>>);

impl<T: Clone> Codes<T> {
    pub(crate) fn new() -> Self {
        Self(Recent::new(50_000))
    }

    /// `foreign_appid` is `None` for the simulator's own mini-program.
    pub(crate) fn hand_out(&mut self, code: String, meaning: T, foreign_appid: Option<String>, now_ms: i64) {
        self.0.drop_oldest_while(|code| now_ms - code.issued_ms >= CODE_LIFE_MS);
        self.0.insert(code, Code { meaning, appid: foreign_appid, issued_ms: now_ms, used: false });
    }

    /// Uses the code up, if it is good and `accept` likes what it stands for.
    pub(crate) fn exchange<E>(&mut self, code: &str, now_ms: i64, accept: impl FnOnce(&T) -> Result<(), E>) -> Result<Exchange<T>, E> {
        let Some(code) = self.0.get_mut(code).filter(|code| now_ms - code.issued_ms < CODE_LIFE_MS) else { return Ok(Exchange::Unknown) };
        if code.appid.is_some() {
            return Ok(Exchange::Foreign);
        }
        if code.used {
            return Ok(Exchange::Used);
        }
        accept(&code.meaning)?;
        code.used = true;
        Ok(Exchange::Meaning(code.meaning.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn a_full_table_forgets_its_oldest_entry_only() {
        let mut table = Recent::new(2);
        for key in ["a", "b", "b", "c"] {
            table.insert(key, ());
        }
        assert!(table.get_mut("a").is_none());
        assert!(table.get_mut("b").is_some() && table.get_mut("c").is_some());
    }
}
