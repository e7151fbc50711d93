//! Residents who report things with a key while something breaks, and who remember what they were told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiazai_tests::{Client, Repair, Value, eventually, unique};

use super::sheet::Sheet;
use super::store::Store;

/// What the writers were told. A write's key is its title, too, so that it is found in the database.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Acknowledged: key and id.
    pub(super) acknowledged: BTreeMap<String, String>,
    /// 503, or no answer: it may have happened or not.
    pub(super) unsure: BTreeSet<String>,
    pub(super) refused_503: usize,
    pub(super) no_answer: usize,
    /// What should not have been answered.
    pub(super) odd: Vec<String>,
    pub(super) slowest: Duration,
}

impl Told {
    pub(super) fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.unsure.extend(other.unsure);
        self.refused_503 += other.refused_503;
        self.no_answer += other.no_answer;
        self.odd.extend(other.odd);
        self.slowest = self.slowest.max(other.slowest);
    }
}

pub(super) fn draft(repair: &Repair<'_>, key: &str) -> Value {
    let mut draft = repair.draft();
    draft["title"] = key.into();
    draft
}

/// Writes until `stop`, with so many hands.
pub(super) fn write(repair: &Repair<'_>, token: &str, hands: usize, stop: &AtomicBool) -> Told {
    let all = Mutex::new(Told::default());
    std::thread::scope(|scope| {
        for _ in 0..hands {
            scope.spawn(|| {
                let mut told = Told::default();
                while !stop.load(Ordering::Relaxed) {
                    one(repair, token, &unique("w"), &mut told);
                }
                all.lock().unwrap_or_else(|p| p.into_inner()).add(told);
            });
        }
    });
    all.into_inner().unwrap_or_else(|p| p.into_inner())
}

/// One write, and what came of it.
pub(super) fn one(repair: &Repair<'_>, token: &str, key: &str, told: &mut Told) {
    let start = Instant::now();
    let call = repair.server.bearer(token).post("/repair-tickets", draft(repair, key)).header("Idempotency-Key", key).try_transmit();
    told.slowest = told.slowest.max(start.elapsed());
    match call {
        Ok(reply) if reply.status == 201 => {
            told.acknowledged.insert(key.to_owned(), reply.json["id"].as_str().unwrap_or_default().to_owned());
        }
        Ok(reply) if reply.status == 503 => {
            told.refused_503 += 1;
            told.unsure.insert(key.to_owned());
            if reply.header("retry-after").is_none() {
                told.odd.push(format!("no Retry-After: {}", reply.describe()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(reply) => told.odd.push(reply.describe()),
        Err(_) => {
            told.no_answer += 1;
            told.unsure.insert(key.to_owned());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Sends again what nobody knows about, with its old key, and some of what is known; from here on everything is known.
pub(super) fn settle(repair: &Repair<'_>, token: &str, told: &mut Told, again: usize) {
    let mut sample: Vec<(String, String)> = told.acknowledged.iter().map(|(key, id)| (key.clone(), id.clone())).collect();
    let step = (sample.len() / again.max(1)).max(1);
    sample = sample.into_iter().step_by(step).collect();
    for key in std::mem::take(&mut told.unsure) {
        // A request whose connection broke may still be running, which is a 409 for a moment.
        let id = eventually("an unsure write is settled", 30, || {
            let who = repair.server.bearer(token);
            let call = who.post("/repair-tickets", draft(repair, &key)).header("Idempotency-Key", &key);
            let reply = call.try_transmit().ok().filter(|reply| reply.status == 201)?;
            Some(reply.json["id"].as_str().unwrap_or_default().to_owned())
        });
        told.acknowledged.insert(key, id);
    }
    for (key, id) in sample {
        let reply = repair.server.bearer(token).post("/repair-tickets", draft(repair, &key)).header("Idempotency-Key", &key).transmit();
        if reply.status != 201 || reply.json["id"] != id.as_str() {
            told.odd.push(format!("a repeat of {id}: {}", reply.describe()));
        }
    }
}

/// Holds what was told against what is there.
pub(super) fn judge(sheet: &mut Sheet, store: &Store, told: &Told) -> Result<(), String> {
    let found = store.rows("SELECT title, id FROM repair_tickets WHERE title LIKE 'w%'")?;
    let mut by_key: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in &found {
        by_key.entry(&row[0]).or_default().push(&row[1]);
    }
    let right = |(key, id): (&String, &String)| by_key.get(key.as_str()).is_some_and(|ids| ids.as_slice() == [id.as_str()]);
    let wrong = told.acknowledged.iter().filter(|pair| !right(*pair)).count();
    let count = told.acknowledged.len();
    sheet.must("acknowledged writes that are there exactly once", wrong == 0, format!("{} of {count}", count - wrong));
    let doubled = by_key.values().filter(|ids| ids.len() > 1).count();
    sheet.must("writes that happened twice", doubled == 0, doubled);
    let odd = told.odd.first().map_or_else(|| "none".to_owned(), |first| format!("{}: {first}", told.odd.len()));
    sheet.must("answers other than 201, or 503 with Retry-After", told.odd.is_empty(), odd);
    let silent = store.count(
        "SELECT count(*) FROM repair_tickets t WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.subject_id = t.id AND e.type = 'repair_ticket.submitted')",
    )?;
    sheet.must("tickets without their event", silent == 0, silent);
    let orphans = store.count(
        "SELECT count(*) FROM events e WHERE e.type = 'repair_ticket.submitted' AND NOT EXISTS (SELECT 1 FROM repair_tickets t WHERE t.id = e.subject_id)",
    )?;
    sheet.must("events without their ticket", orphans == 0, orphans);
    // An instance that died holds the lease on placing events for some seconds.
    eventually("all events are placed", 60, || {
        (store.count("SELECT count(*) FROM events WHERE position IS NULL").ok()? == 0).then_some(())
    });
    let places =
        &store.rows("SELECT count(position), count(DISTINCT position), coalesce(max(position) - min(position) + 1, 0) FROM events")?[0];
    let whole = places[0] == places[1] && places[1] == places[2];
    sheet.must("events placed without a gap or a double", whole, format!("{} events", places[0]));
    let integrity = store.integrity()?;
    sheet.must("integrity check", integrity.starts_with("ok"), integrity);
    Ok(())
}
