//! The audit log, as it is remembered: entries are added, sealed into a chain, looked through, and in the end forgotten.
//!
//! Only sealing writes to a row that exists, and only `position` and `hash`, once. The chain's beginning and end are noted
//! beside it (`settings`), so a chain that was cut at either end does not look whole; whoever can write to both tables *and*
//! knows earlier hashes could still cut its end off, which is what anchors kept elsewhere are for.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use hmac::{Hmac, KeyInit, Mac};
use jiazai_domain::actor::{Communities, CommunityId, PrincipalId};
use jiazai_domain::audit::{Anchor, AuditId, Entry, Findings, Outcome, Recorded};
use jiazai_domain::kernel::time::Timestamp;
use sha2::Sha256;

use crate::db::schema::{audit_events as table, events};
use crate::db::{Db, DbError, Tx, native, parsed};
use crate::settings;
use crate::vault::{Vault, hex};

/// The end of the chain, and the last entry that was forgotten: `position hash`.
const HEAD: &str = "audit_head";
const BASE: &str = "audit_base";
/// Entries that are looked at in one read.
const PORTION: i64 = 2000;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
struct Row {
    id: String,
    community_id: Option<String>,
    actor_id: Option<String>,
    actor_kind: Option<String>,
    on_behalf_of: Option<String>,
    action: String,
    subject_id: Option<String>,
    result: String,
    code: Option<String>,
    detail: Option<String>,
    address: Option<String>,
    request_id: Option<String>,
    occurred_at: i64,
    position: Option<i64>,
    hash: Option<Vec<u8>>,
}

impl TryFrom<Row> for (Recorded, Option<Vec<u8>>) {
    type Error = DbError;
    fn try_from(row: Row) -> Result<Self, DbError> {
        let actor = match (row.actor_id, row.actor_kind) {
            (Some(id), Some(kind)) => {
                Some((parsed(&id)?, kind.parse().map_err(|()| DbError::Corrupt("an audit entry's actor".to_owned()))?))
            }
            _ => None,
        };
        let entry = Entry {
            community: row.community_id.as_deref().map(parsed).transpose()?,
            actor,
            on_behalf_of: row.on_behalf_of,
            action: row.action,
            subject: row.subject_id,
            outcome: parsed(&row.result)?,
            code: row.code,
            detail: row.detail,
            address: row.address,
            request_id: row.request_id,
        };
        let (id, occurred_at) = (parsed(&row.id)?, Timestamp::from_millis(row.occurred_at));
        Ok((Recorded { id, entry, occurred_at, position: row.position }, row.hash))
    }
}

/// The community that a thing belongs to, by what has happened to it.
fn community_of(tx: &mut Tx, subject: &str) -> Result<Option<CommunityId>, DbError> {
    if let Ok(community) = subject.parse() {
        return Ok(Some(community));
    }
    let found: Option<String> =
        native!(tx, |conn| events::table.filter(events::subject_id.eq(subject)).select(events::community_id).first(conn).optional())?;
    found.as_deref().map(parsed).transpose()
}

/// Writes an entry down. Where nobody says which community it belongs to, its subject's history does.
pub fn record(tx: &mut Tx, mut entry: Entry) -> Result<(), DbError> {
    if entry.community.is_none()
        && let Some(subject) = entry.subject.clone()
    {
        entry.community = community_of(tx, &subject)?;
    }
    let (id, now): (AuditId, i64) = (tx.new_id(), tx.now().millis());
    tx.insert(diesel::insert_into(table::table).values(Row {
        id: id.text(),
        community_id: entry.community.map(|community| community.text()),
        actor_id: entry.actor.map(|(id, _)| id.text()),
        actor_kind: entry.actor.map(|(_, kind)| kind.as_str().to_owned()),
        on_behalf_of: entry.on_behalf_of,
        action: entry.action,
        subject_id: entry.subject,
        result: entry.outcome.to_string(),
        code: entry.code,
        detail: entry.detail,
        address: entry.address,
        request_id: entry.request_id,
        occurred_at: now,
        position: None,
        hash: None,
    }))
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub actor: Option<PrincipalId>,
    pub subject: Option<String>,
    pub action: Option<String>,
    pub outcome: Option<Outcome>,
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub to: Option<Timestamp>,
}

/// Entries of some communities or, with those of none, of all; newest first, after the id `after`.
pub fn list(tx: &mut Tx, within: &Communities, filter: &Filter, after: Option<&str>, limit: i64) -> Result<Vec<Recorded>, DbError> {
    let mut query = table::table.order(table::id.desc()).limit(limit).select(Row::as_select()).into_boxed();
    if let Communities::Only(some) = within {
        query = query.filter(table::community_id.eq_any(some.iter().map(|id| Some(id.text())).collect::<Vec<_>>()));
    }
    if let Some(after) = after {
        query = query.filter(table::id.lt(after.to_owned()));
    }
    if let Some(actor) = filter.actor {
        query = query.filter(table::actor_id.eq(actor.text()));
    }
    if let Some(subject) = &filter.subject {
        query = query.filter(table::subject_id.eq(subject.clone()));
    }
    if let Some(action) = &filter.action {
        query = query.filter(table::action.eq(action.clone()));
    }
    if let Some(outcome) = filter.outcome {
        query = query.filter(table::result.eq(outcome.as_str()));
    }
    if let Some(from) = filter.from {
        query = query.filter(table::occurred_at.ge(from.millis()));
    }
    if let Some(to) = filter.to {
        query = query.filter(table::occurred_at.lt(to.millis()));
    }
    let rows: Vec<Row> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(|row| <(Recorded, _)>::try_from(row).map(|(entry, _)| entry)).collect()
}

// The chain ----------------------------------------------------------------------------------------------------------

fn chained(key: &[u8; 32], before: &[u8], entry: &Recorded, position: i64) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    mac.update(before);
    mac.update(&entry.canonical(position));
    mac.finalize().into_bytes().to_vec()
}

fn key(vault: &Vault) -> [u8; 32] {
    vault.derive("audit chain")
}

fn noted(tx: &mut Tx, name: &str) -> Result<Option<Anchor>, DbError> {
    Ok(settings::get(tx, name)?.as_deref().and_then(Anchor::parse))
}

fn note(tx: &mut Tx, name: &str, anchor: &Anchor) -> Result<(), DbError> {
    let value = format!("{} {}", anchor.position, anchor.hash);
    match settings::get(tx, name)? {
        Some(old) => settings::replace(tx, name, &old, &value),
        None => settings::insert(tx, name, &value),
    }
}

/// What the first entry of a chain is chained to.
fn beginning() -> Anchor {
    Anchor { position: 0, hash: "0".repeat(64) }
}

/// Whether an entry waits to be sealed.
pub fn any_unsealed(tx: &mut Tx) -> Result<bool, DbError> {
    let one: Option<String> = native!(tx, |conn| table::table.filter(table::position.is_null()).select(table::id).first(conn).optional())?;
    Ok(one.is_some())
}

/// Seals entries that are not, oldest first, and says how many. Only the holder of the lease calls this; that the end of the
/// chain is replaced on condition of what it was stands behind that.
pub fn seal(tx: &mut Tx, vault: &Vault, limit: i64) -> Result<usize, DbError> {
    let rows: Vec<Row> = native!(tx, |conn| table::table
        .filter(table::position.is_null())
        .order(table::id)
        .limit(limit)
        .select(Row::as_select())
        .load(conn))?;
    if rows.is_empty() {
        return Ok(0);
    }
    let key = key(vault);
    let mut head = noted(tx, HEAD)?.unwrap_or_else(beginning);
    let sealed = rows.len();
    for row in rows {
        let (entry, _) = <(Recorded, Option<Vec<u8>>)>::try_from(row)?;
        let position = head.position + 1;
        let hash = chained(&key, head.hash.as_bytes(), &entry, position);
        let open = table::table.filter(table::id.eq(entry.id.text())).filter(table::position.is_null());
        tx.update_one(diesel::update(open).set((table::position.eq(position), table::hash.eq(&hash))))?;
        head = Anchor { position, hash: hex(&hash) };
    }
    note(tx, HEAD, &head)?;
    Ok(sealed)
}

/// The end of the chain now, to be kept somewhere else. None while nothing is sealed.
pub fn anchor(tx: &mut Tx) -> Result<Option<Anchor>, DbError> {
    noted(tx, HEAD)
}

/// Looks through a portion of the chain behind `at`.
enum Portion {
    Fine(Anchor, i64),
    Broken(i64, i64),
}

fn portion(tx: &mut Tx, key: &[u8; 32], at: &Anchor, until: i64, anchors: &[Anchor]) -> Result<Portion, DbError> {
    let rows: Vec<Row> = native!(tx, |conn| {
        table::table
            .filter(table::position.gt(at.position))
            .filter(table::position.le(until))
            .order(table::position)
            .limit(PORTION)
            .select(Row::as_select())
            .load(conn)
    })?;
    let (mut at, mut checked) = (at.clone(), 0);
    for row in rows {
        let position = at.position + 1;
        let same_place = row.position == Some(position);
        // A row that does not even read back was not written by this program.
        let Ok((entry, hash)) = <(Recorded, Option<Vec<u8>>)>::try_from(row) else { return Ok(Portion::Broken(position, checked)) };
        let expected = chained(key, at.hash.as_bytes(), &entry, position);
        let text = hex(&expected);
        let anchored = anchors.iter().all(|anchor| anchor.position != position || anchor.hash == text);
        if !same_place || hash.as_deref() != Some(expected.as_slice()) || !anchored {
            return Ok(Portion::Broken(position, checked));
        }
        checked += 1;
        at = Anchor { position, hash: text };
    }
    Ok(Portion::Fine(at, checked))
}

/// Looks through the whole chain, a portion at a time, and holds it against anchors that were kept elsewhere. Entries that are
/// added or forgotten meanwhile disturb nothing.
pub async fn verify(db: &Db, vault: &Vault, anchors: Vec<Anchor>) -> Result<Findings, DbError> {
    let (key, anchors) = (key(vault), std::sync::Arc::new(anchors));
    'again: loop {
        let (base, head, last, unsealed) = db
            .read(|tx| {
                // Before the end is: whatever is sealed in between is behind what is read here.
                let last: Option<Option<i64>> = native!(tx, |conn| {
                    let sealed = table::table.filter(table::position.is_not_null());
                    sealed.order(table::position.desc()).select(table::position).first(conn).optional()
                })?;
                let unsealed: i64 = native!(tx, |conn| table::table.filter(table::position.is_null()).count().get_result(conn))?;
                let (base, head) = (noted(tx, BASE)?.unwrap_or_else(beginning), noted(tx, HEAD)?.unwrap_or_else(beginning));
                Ok::<_, DbError>((base, head, last.flatten().unwrap_or(0), unsealed))
            })
            .await?;
        let (mut at, mut checked) = (base.clone(), 0);
        let broken = loop {
            let (from, anchors, until) = (at.clone(), anchors.clone(), head.position);
            match db.read(move |tx| portion(tx, &key, &from, until, &anchors)).await? {
                Portion::Broken(position, seen) => {
                    checked += seen;
                    break Some(position);
                }
                Portion::Fine(_, 0) => {
                    // Cut off at its end, or the note of its end is not this chain's.
                    let whole = at == head && last <= head.position;
                    break (!whole).then_some(at.position + 1);
                }
                Portion::Fine(next, seen) => {
                    checked += seen;
                    at = next;
                }
            }
        };
        if broken.is_some() {
            let now = db.read(|tx| noted(tx, BASE)).await?.unwrap_or_else(beginning);
            if now != base {
                // Entries were forgotten while we looked: that is no break.
                continue 'again;
            }
        }
        // An anchor of what is not there any more, at the end, tells of a chain that was cut.
        let missing = anchors.iter().map(|anchor| anchor.position).filter(|position| *position > head.position).min();
        return Ok(Findings { checked, broken_at: broken.or(missing.map(|_| head.position + 1)), unsealed });
    }
}

/// Forgets sealed entries from before an instant, from the old end of the chain and without a gap; says how many.
pub fn forget(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    let base = noted(tx, BASE)?.map_or(0, |base| base.position);
    let rows: Vec<(Option<i64>, Option<Vec<u8>>, i64)> = native!(tx, |conn| {
        table::table
            .filter(table::position.gt(base))
            .order(table::position)
            .limit(limit)
            .select((table::position, table::hash, table::occurred_at))
            .load(conn)
    })?;
    let old = rows.into_iter().take_while(|(_, _, at)| *at < before.millis());
    let Some((Some(position), Some(hash), _)) = old.last() else { return Ok(0) };
    note(tx, BASE, &Anchor { position, hash: hex(&hash) })?;
    let gone = diesel::sql_query("DELETE FROM audit_events WHERE position IS NOT NULL AND position <= $1").bind::<BigInt, _>(position);
    native!(tx, |conn| gone.execute(conn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::db::DatabaseUrl;

    fn vault() -> Vault {
        Vault::from_hex(&"7".repeat(64)).expect("a key")
    }

    fn fresh(name: &str) -> Db {
        let path = std::env::temp_dir().join(format!("jiazai-audit-{name}-{}.sqlite", std::process::id()));
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
        let db = Db::open(&DatabaseUrl::Sqlite(path), Clock::system()).expect("a database");
        db.migrate().expect("a schema");
        db
    }

    fn fill(db: &Db, count: usize) {
        db.write_blocking(move |tx| (0..count).try_for_each(|n| record(tx, Entry::done(format!("act_{n}"))))).expect("written");
    }

    fn seal_all(db: &Db) -> usize {
        db.write_blocking(|tx| seal(tx, &vault(), 1000)).expect("sealed")
    }

    fn sql(db: &Db, statement: &'static str) {
        let done = db.write_blocking(move |tx| native!(tx, |conn| diesel::sql_query(statement).execute(conn)));
        assert!(done.expect("run") > 0, "{statement} changed nothing");
    }

    fn look_with(db: &Db, vault: &Vault, anchors: Vec<Anchor>) -> Findings {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(verify(db, vault, anchors)).expect("looked")
    }

    fn look(db: &Db, anchors: Vec<Anchor>) -> Findings {
        look_with(db, &vault(), anchors)
    }

    #[test]
    fn a_chain_is_whole_until_a_row_is_changed_removed_moved_or_slipped_in() {
        for (n, (harm, at)) in [
            ("UPDATE audit_events SET action = 'other' WHERE position = 4", 4),
            ("UPDATE audit_events SET actor_id = NULL, address = '192.0.2.1' WHERE position = 1", 1),
            ("UPDATE audit_events SET occurred_at = occurred_at + 1 WHERE position = 10", 10),
            ("DELETE FROM audit_events WHERE position = 5", 5),
            ("DELETE FROM audit_events WHERE position = 1", 1),
            ("DELETE FROM audit_events WHERE position >= 9", 9),
            ("DELETE FROM audit_events", 1),
            ("UPDATE audit_events SET hash = (SELECT hash FROM audit_events WHERE position = 2) WHERE position = 3", 3),
            ("UPDATE audit_events SET position = CASE position WHEN 6 THEN -7 ELSE 6 END WHERE position IN (6, 7)", 6),
            ("INSERT INTO audit_events (id, action, result, occurred_at, position, hash) SELECT 'aud_01h455vb4pex5vsknk084sn02q', 'x', 'done', 1, 11, hash FROM audit_events WHERE position = 10", 11),
        ]
        .into_iter()
        .enumerate()
        {
            let db = fresh(&format!("harm{n}"));
            fill(&db, 10);
            assert_eq!(seal_all(&db), 10);
            assert_eq!(look(&db, vec![]), Findings { checked: 10, broken_at: None, unsealed: 0 });
            sql(&db, harm);
            let found = look(&db, vec![]);
            assert_eq!(found.broken_at, Some(at), "{harm}");
        }
    }

    #[test]
    fn an_anchor_kept_elsewhere_tells_of_a_chain_that_was_cut_or_made_anew() {
        let db = fresh("anchor");
        fill(&db, 5);
        seal_all(&db);
        let five = db.write_blocking(anchor).expect("read").expect("an anchor");
        fill(&db, 5);
        seal_all(&db);
        let ten = db.write_blocking(anchor).expect("read").expect("an anchor");
        assert_eq!(look(&db, vec![five.clone(), ten.clone()]).broken_at, None);
        // Cut off, with the note of its end put back to what it was.
        let back = format!("{} {}", five.position, five.hash);
        db.write_blocking(move |tx| {
            let now = settings::get(tx, HEAD)?.unwrap_or_default();
            settings::replace(tx, HEAD, &now, &back)?;
            native!(tx, |conn| diesel::sql_query("DELETE FROM audit_events WHERE position > 5").execute(conn))
        })
        .expect("cut");
        assert_eq!(look(&db, vec![]).broken_at, None, "by itself it looks whole");
        assert_eq!(look(&db, vec![ten]).broken_at, Some(6));
        assert_eq!(look(&db, vec![Anchor { hash: "0".repeat(64), ..five }]).broken_at, Some(5));
    }

    #[test]
    fn forgetting_leaves_a_chain_that_is_whole_and_takes_nothing_too_young() {
        let db = fresh("forget");
        fill(&db, 6);
        seal_all(&db);
        let past = Timestamp::from_millis(0);
        assert_eq!(db.write_blocking(move |tx| forget(tx, past, 100)).expect("asked"), 0);
        let future = Timestamp::from_millis(i64::MAX);
        assert_eq!(db.write_blocking(move |tx| forget(tx, future, 4)).expect("forgot"), 4);
        fill(&db, 2);
        seal_all(&db);
        assert_eq!(look(&db, vec![]), Findings { checked: 4, broken_at: None, unsealed: 0 });
        sql(&db, "DELETE FROM audit_events WHERE position = 5");
        assert_eq!(look(&db, vec![]).broken_at, Some(5));
    }

    #[test]
    fn another_key_does_not_make_the_same_chain() {
        let db = fresh("key");
        fill(&db, 2);
        seal_all(&db);
        let other = Vault::from_hex(&"8".repeat(64)).expect("a key");
        assert_eq!(look_with(&db, &other, vec![]).broken_at, Some(1));
    }
}
