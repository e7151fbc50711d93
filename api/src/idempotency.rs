//! Idempotency-Key: a repeat of the same request gets the answer of the first, and nothing happens twice.
//!
//! The answer is stored in the transaction that makes the effect, so there is never one without the other. A key is
//! looked up together with who sent it and what was called; used for a different body it is refused. Refused requests
//! are not stored: nothing happened, so they may simply be decided again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::idempotency::{self as store, Stored};
use jiazai_infra::vault::Vault;
use sha2::{Digest, Sha256};

use crate::error::{ApiError, code};
use crate::reply::Reply;

/// A key, whose it is, for which operation, and a hash of what was sent with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Keyed {
    pub owner: String,
    pub operation: String,
    pub key: String,
    pub fingerprint: Vec<u8>,
}

impl Keyed {
    /// The stored answer, if this key was used before; a refusal if it was used for something else.
    pub fn find(&self, tx: &mut Tx, vault: &Vault) -> Result<Option<Reply>, ApiError> {
        let Some(stored) = store::find(tx, vault, &self.owner, &self.operation, &self.key)? else { return Ok(None) };
        if stored.fingerprint != self.fingerprint {
            return Err(ApiError::new(code::IDEMPOTENCY_MISMATCH));
        }
        let headers = serde_json::from_str(&stored.headers).map_err(|error| DbError::Corrupt(error.to_string()))?;
        Ok(Some(Reply { status: stored.status, headers, body: stored.body }))
    }

    /// Stores the answer. When another request with this key was quicker, the transaction runs again and finds that
    /// one's answer.
    pub fn keep(&self, tx: &mut Tx, vault: &Vault, reply: &Reply) -> Result<(), ApiError> {
        let headers = serde_json::to_string(&reply.headers).map_err(|error| DbError::Corrupt(error.to_string()))?;
        let stored = Stored { fingerprint: self.fingerprint.clone(), status: reply.status, headers, body: reply.body.clone() };
        Ok(store::keep(tx, vault, &self.owner, &self.operation, &self.key, stored)?)
    }
}

/// Hashes a JSON body by its meaning: neither white space nor the order of an object's keys makes a difference. What is
/// not JSON is hashed as it stands.
pub fn hash_body(hash: &mut Sha256, body: &[u8]) {
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(value) => hash_value(hash, &value),
        Err(_) => hash.update(body),
    }
}

fn hash_value(hash: &mut Sha256, value: &serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            hash.update(b"{");
            for key in keys {
                hash_value(hash, &serde_json::Value::String(key.clone()));
                hash_value(hash, &map[key]);
            }
            hash.update(b"}");
        }
        serde_json::Value::Array(items) => {
            hash.update(b"[");
            items.iter().for_each(|item| hash_value(hash, item));
            hash.update(b"]");
        }
        scalar => {
            hash.update(scalar.to_string().as_bytes());
            hash.update(b",");
        }
    }
}

/// Keyed requests of this process that are on their way to somebody else (WeChat, the file store) and have no
/// transaction yet that could tell a second one about the first.
#[derive(Debug, Default, Clone)]
pub struct Flights(Arc<Mutex<HashSet<Keyed>>>);

impl Flights {
    /// None while another request with the same key is under way.
    pub fn begin(&self, keyed: &Keyed) -> Option<Flight> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(keyed.clone());
        taken.then(|| Flight { flights: self.clone(), keyed: keyed.clone() })
    }
}

/// The right to be the only request with a key, until dropped.
#[derive(Debug)]
pub struct Flight {
    flights: Flights,
    keyed: Keyed,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.keyed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(body: &str) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash_body(&mut hash, body.as_bytes());
        hash.finalize().to_vec()
    }

    #[test]
    fn the_order_of_keys_and_white_space_make_no_difference() {
        assert_eq!(digest(r#"{"a":1,"b":{"c":[1,2],"d":null}}"#), digest("{ \"b\": {\"d\":null,\"c\":[1, 2]}, \"a\":1 }"));
        assert_ne!(digest(r#"{"a":[1,2]}"#), digest(r#"{"a":[2,1]}"#));
        assert_ne!(digest(r#"{"a":"1"}"#), digest(r#"{"a":1}"#));
    }

    #[test]
    fn a_second_flight_with_a_key_waits_for_the_first_to_land() {
        let flights = Flights::default();
        let keyed = Keyed { owner: "a".into(), operation: "b".into(), key: "c".into(), fingerprint: vec![] };
        let first = flights.begin(&keyed);
        assert!(first.is_some() && flights.begin(&keyed).is_none());
        drop(first);
        assert!(flights.begin(&keyed).is_some());
    }

    fn json() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "[a-z{}\\[\\],\":0-9]{0,6}".prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map("[a-c{},]{0,2}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest::proptest! {
        /// Values that are built from the signs that the hash itself writes, so that one could pass for another.
        #[test]
        fn two_bodies_have_one_hash_when_they_mean_the_same(a in json(), b in json()) {
            assert_eq!(digest(&a.to_string()), digest(&serde_json::to_string_pretty(&a).expect("JSON")));
            assert_eq!(digest(&a.to_string()) == digest(&b.to_string()), a == b, "{a} and {b}");
        }

        #[test]
        fn any_bytes_have_a_hash(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let mut hash = Sha256::new();
            hash_body(&mut hash, &bytes);
        }
    }
}
