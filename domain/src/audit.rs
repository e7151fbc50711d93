//! The audit log 审计日志: who did what, on whose behalf, to what, from where, and with what result.
//!
//! It is not the history of things (that is what events are) but the record of those who are trusted: what staff and programs
//! did and looked at, what somebody did in another's name, and what was refused. An *entry* is written with what it tells of, in
//! one transaction. *Sealing* puts entries into a chain: each one's hash is keyed and covers the hash before it, so whoever
//! changes, removes or slips in a row without the key breaks the chain from there on. An *anchor* is the end of the chain at
//! some moment, kept somewhere else: it tells of a chain that was cut off at its end.
//!
//! Entries hold ids and words, never what somebody typed: a password may have been typed into the wrong field.

use crate::actor::{CommunityId, PrincipalId, PrincipalKind};
use crate::kernel::time::Timestamp;

crate::ids! {
    /// An entry.
    AuditKind, AuditId = "aud";
}

crate::words! {
    /// How it ended.
    Outcome {
        Done = "done",
        Refused = "refused",
    }
}

/// Days that entries are kept at least: network logs six months (网络安全法), counted in full.
pub const KEEP_AT_LEAST_DAYS: i64 = 184;
/// Unless the operator says otherwise.
pub const KEEP_DAYS: i64 = 3 * 366;
/// Seconds after which an entry that is not sealed is a sign of trouble.
pub const SEALED_WITHIN_S: i64 = 3600;

/// What is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub community: Option<CommunityId>,
    /// Nobody: the machine itself, or somebody who could not say who they are.
    pub actor: Option<(PrincipalId, PrincipalKind)>,
    /// An account, or a person of the registry.
    pub on_behalf_of: Option<String>,
    /// The operation's id: `reveal_person`.
    pub action: String,
    pub subject: Option<String>,
    pub outcome: Outcome,
    /// Why it was refused.
    pub code: Option<String>,
    /// Words beside it, as one JSON object.
    pub detail: Option<String>,
    /// An IP address.
    pub address: Option<String>,
    pub request_id: Option<String>,
}

impl Entry {
    /// Something that was done.
    pub fn done(action: impl Into<String>) -> Self {
        Self {
            community: None,
            actor: None,
            on_behalf_of: None,
            action: action.into(),
            subject: None,
            outcome: Outcome::Done,
            code: None,
            detail: None,
            address: None,
            request_id: None,
        }
    }

    /// Something that was refused, with the code of the refusal.
    pub fn refused(action: impl Into<String>, code: &str) -> Self {
        Self { outcome: Outcome::Refused, code: Some(code.to_owned()), ..Self::done(action) }
    }
}

/// An entry as it was remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub id: AuditId,
    pub entry: Entry,
    pub occurred_at: Timestamp,
    /// Its place in the chain, once it is sealed.
    pub position: Option<i64>,
}

impl Recorded {
    /// The bytes that a hash covers: each field behind its length, so that no two entries have the same ones, and what is absent
    /// is not what is empty. Never change this; add fields at the end.
    pub fn canonical(&self, position: i64) -> Vec<u8> {
        let entry = &self.entry;
        let actor = entry.actor.map(|(id, kind)| (id.text(), kind.as_str()));
        let fields: [Option<String>; 14] = [
            Some("1".to_owned()),
            Some(position.to_string()),
            Some(self.id.text()),
            Some(self.occurred_at.millis().to_string()),
            entry.community.map(|community| community.text()),
            actor.as_ref().map(|(id, _)| id.clone()),
            actor.as_ref().map(|(_, kind)| (*kind).to_owned()),
            entry.on_behalf_of.clone(),
            Some(entry.action.clone()),
            entry.subject.clone(),
            Some(entry.outcome.as_str().to_owned()),
            entry.code.clone(),
            entry.detail.clone(),
            // Both at the end of a line of a log, and joined by what neither may contain.
            match (&entry.address, &entry.request_id) {
                (None, None) => None,
                (address, request) => Some(format!("{}\n{}", address.as_deref().unwrap_or("-"), request.as_deref().unwrap_or("-"))),
            },
        ];
        let mut bytes = Vec::with_capacity(256);
        for field in fields {
            match field {
                None => bytes.extend_from_slice(&u32::MAX.to_be_bytes()),
                Some(text) => {
                    bytes.extend_from_slice(&(text.len() as u32).to_be_bytes());
                    bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        bytes
    }
}

/// The end of the chain at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    pub position: i64,
    /// 64 lower-case hexadecimal digits.
    pub hash: String,
}

impl Anchor {
    /// Reads `position hash`; what follows on the line is for people.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (position, hash) = (words.next()?.parse().ok()?, words.next()?.to_ascii_lowercase());
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        (position > 0 && is_hash).then_some(Self { position, hash })
    }
}

/// What a look through the chain has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Findings {
    /// Entries that were looked at.
    pub checked: i64,
    /// The first place that is not as it was sealed.
    pub broken_at: Option<i64>,
    /// Entries that wait to be sealed.
    pub unsealed: i64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn entry() -> Recorded {
        let actor = Some((PrincipalId::from_uuid(Uuid::from_u128(1)), PrincipalKind::Staff));
        let entry = Entry { actor, subject: Some("per_1".into()), address: Some("192.0.2.7".into()), ..Entry::done("reveal_person") };
        Recorded {
            id: AuditId::from_uuid(Uuid::from_u128(2)),
            entry,
            occurred_at: Timestamp::from_millis(1_790_000_000_000),
            position: None,
        }
    }

    #[test]
    fn every_field_is_covered() {
        let base = entry();
        let whole = base.canonical(7);
        assert_ne!(base.canonical(8), whole);
        let changes: [fn(&mut Recorded); 12] = [
            |r| r.id = AuditId::from_uuid(Uuid::from_u128(3)),
            |r| r.occurred_at = r.occurred_at.plus_millis(1),
            |r| r.entry.community = Some(CommunityId::from_uuid(Uuid::from_u128(1))),
            |r| r.entry.actor = None,
            |r| r.entry.actor = r.entry.actor.map(|(id, _)| (id, PrincipalKind::Client)),
            |r| r.entry.on_behalf_of = Some(String::new()),
            |r| r.entry.action.push('x'),
            |r| r.entry.subject = None,
            |r| r.entry.outcome = Outcome::Refused,
            |r| r.entry.code = Some("forbidden".into()),
            |r| r.entry.address = Some("192.0.2.8".into()),
            |r| r.entry.request_id = Some("r".into()),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut other = base.clone();
            change(&mut other);
            assert_ne!(other.canonical(7), whole, "change {n}");
        }
    }

    #[test]
    fn an_anchor_reads_back_from_its_line() {
        let hash = "ab".repeat(32);
        let read = Anchor::parse(&format!("12 {hash} 2026-05-01T00:00:00.000Z"));
        assert_eq!(read, Some(Anchor { position: 12, hash: hash.clone() }));
        for line in ["", "12", "x y", "0 ab", &format!("-1 {hash}"), &format!("1 {}", &hash[1..])] {
            assert_eq!(Anchor::parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn text_does_not_move_from_one_field_to_the_next(action in "[a-z_]{0,8}", subject in "[a-z_]{0,8}", more in "[a-z_]{1,4}") {
            let with = |action: String, subject: String| {
                let mut one = entry();
                (one.entry.action, one.entry.subject) = (action, Some(subject));
                one.canonical(1)
            };
            prop_assert_ne!(with(format!("{action}{more}"), subject.clone()), with(action.clone(), format!("{more}{subject}")));
        }
    }
}
