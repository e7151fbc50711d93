//! The rush: two thousand residents at once for a hundred places and fifty numbers in the line, against as many plain ticket
//! creations by the same residents over the same connections. And books that stay quick however long they get.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use super::figures::{Plan, beside, cost};
use super::load::{Conn, Kept, Load, request};
use super::report::{Report, Verdict};
use super::rows::{now_ms, report};
use super::server::{Server, text};
use super::stats::Slice;
use crate::tools::Dice;

const RESIDENTS: usize = 2000;
const CONNECTIONS: usize = 64;
const PLACES: i64 = 100;
const LINE: i64 = 50;

/// How often each word was answered: the state of what was made, or the code of a refusal.
pub(super) fn words(answers: &[Kept]) -> BTreeMap<String, usize> {
    let mut words = BTreeMap::new();
    for (status, body) in answers {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let word = body["code"].as_str().or_else(|| body["state"].as_str()).unwrap_or("?");
        *words.entry(format!("{status} {word}")).or_insert(0) += 1;
    }
    words
}

/// An instant so many seconds from now, in RFC 3339.
pub(super) fn at(seconds: i64) -> String {
    let instant = jiazai_domain::kernel::time::Timestamp::from_millis(now_ms()).plus_seconds(seconds);
    instant.to_string()
}

/// Tokens of so many residents, who log in by eights.
pub(super) fn crowd(server: &Server, n: usize) -> Result<Vec<String>, String> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|i| scope.spawn(move || (i..n).step_by(8).map(|_| Ok(server.resident(None)?.0)).collect::<Result<Vec<_>, String>>()))
            .collect();
        let mut all = Vec::with_capacity(n);
        for thread in threads {
            all.extend(thread.join().map_err(|_| "a log-in panicked".to_owned())??);
        }
        Ok(all)
    })
}

pub(super) fn rush(plan: &Plan, out: &mut Report, server: &Server, cpu: impl Fn() -> Result<f64, String>, on: &str) -> Result<(), String> {
    let (leader, community) = (server.staff("leader")?, server.community()?);
    let crowd = crowd(server, RESIDENTS)?;
    let draft = json!({ "community_id": community, "title": "清洁河岸", "description": "带手套", "points_per_hour": 10, "max_hours": 2 });
    let activity = text(&server.call("POST", "/volunteer-activities", Some(&leader), Some(&draft))?, "/id")?;
    server.call("POST", &format!("/volunteer-activities/{activity}/publish"), Some(&leader), Some(&json!({})))?;
    let creation = report(&community).to_string();
    let creations: Vec<Vec<u8>> =
        crowd.iter().map(|token| request("POST", "/api/v1/repair-tickets", Some(token), Some(&creation))).collect();
    let exactly: BTreeMap<String, usize> = [
        ("201 confirmed".to_owned(), PLACES as usize),
        ("201 waitlisted".to_owned(), LINE as usize),
        ("409 shift_full".to_owned(), RESIDENTS - (PLACES + LINE) as usize),
    ]
    .into();
    let each = |requests: &[Vec<u8>]| Load { at: server.at, connections: CONNECTIONS, requests, expect: 201 }.each(&cpu);
    let mut shifts = 0;
    let duet = plan.duet(
        || {
            // Never at the time of an earlier one: nobody who had a place there is refused for that.
            shifts += 1;
            let from = 86_400 + shifts * 10_800;
            let shift = json!({ "starts_at": at(from), "ends_at": at(from + 7200), "capacity": PLACES, "waitlist_capacity": LINE });
            let path = format!("/volunteer-activities/{activity}/shifts");
            let id = text(&server.call("POST", &path, Some(&leader), Some(&shift))?, "/id")?;
            let path = format!("/api/v1/shifts/{id}/sign-ups");
            let requests: Vec<Vec<u8>> = crowd.iter().map(|token| request("POST", &path, Some(token), Some("{}"))).collect();
            let (slice, answers) = each(&requests)?;
            let counted = words(&answers);
            let seen = server.call("GET", &format!("/shifts/{id}"), Some(&leader), None)?;
            if counted != exactly || seen["taken"] != PLACES || seen["waitlisted"] != LINE {
                return Err(format!("the rush came out as {counted:?}; the shift says {seen}"));
            }
            Ok(slice)
        },
        || {
            let (slice, answers) = each(&creations)?;
            let counted = words(&answers);
            if counted.len() == 1 && counted.contains_key("201 submitted") { Ok(slice) } else { Err(format!("{counted:?}")) }
        },
    )?;
    let ratio = duet.ratio(Slice::per_second);
    let words = format!(
        "{RESIDENTS} residents, {CONNECTIONS} connections, every time exactly {PLACES} / {LINE} / {}",
        RESIDENTS - (PLACES + LINE) as usize
    );
    out.add(
        format!("rush for places / plain ticket creations, {on}"),
        "≥ 0.60",
        format!("{ratio}"),
        Verdict::at_least(ratio, 0.6),
        beside(&duet, &words),
    );
    Ok(())
}

/// Grants with references that are sometimes sent twice, and reversals, some of them of what was reversed before; one in twenty
/// to one person. Then what that person's balance costs to read, against somebody's who has hardly any history.
pub(super) fn ledger(plan: &Plan, out: &mut Report) -> Result<(), String> {
    let server = Server::start(&plan.binary, &plan.folder("ledger"), &[])?;
    let manager = server.staff("manager")?;
    let (long, _, long_id) = server.resident(None)?;
    let (short, _, short_id) = server.resident(None)?;
    let others = (0..200).map(|_| Ok(server.resident(None)?.2)).collect::<Result<Vec<_>, String>>()?;
    let steps = plan.many / 10;
    let start = Instant::now();
    let counted = operate(&server, &manager, (&long_id, &others), steps)?;
    let took = start.elapsed().as_secs_f64();
    let verdict = server.call("GET", "/points/ledger/verify", Some(&server.staff("auditor")?), None)?;
    let posted = counted.get("201 ?").copied().unwrap_or(0);
    let sound = verdict["balanced"] == true && verdict["sum"] == 0 && verdict["entries"] == 2 * posted;
    let told = format!("{:.0} per second over {CONNECTIONS} connections; {counted:?}; {verdict}", steps as f64 / took);
    out.add(
        format!("{steps} random ledger operations with retries, SQLite"),
        "sum 0",
        format!("sum {}", verdict["sum"]),
        Verdict::of(sound),
        told,
    );

    let one = json!({ "resident_id": short_id, "points": 5, "reason": "好人好事" });
    server.call("POST", "/points/grants", Some(&manager), Some(&one))?;
    let read = |token: &str| [request("GET", "/api/v1/me/points", Some(token), None)];
    // Operating took its time; tokens are fresh ones.
    let (few, many) = (read(&short), read(&long));
    let load = |requests: &[Vec<u8>]| Load { at: server.at, connections: 8, requests, expect: 200 }.drive(plan.slice, || server.cpu_s());
    let duet = plan.duet(|| load(&few), || load(&many))?;
    let ratio = cost(&duet);
    let words = format!("one entry against about {}", posted / 20);
    out.add(
        "balance read with a long history / with none, SQLite",
        "≤ 1.20",
        format!("{ratio}"),
        Verdict::at_most(ratio, 1.2),
        beside(&duet, &words),
    );
    Ok(())
}

fn operate(server: &Server, manager: &str, (most, others): (&str, &[String]), steps: usize) -> Result<BTreeMap<String, usize>, String> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|i| {
                scope.spawn(move || -> Result<BTreeMap<String, usize>, String> {
                    let mut conn = Conn::open(server.at).map_err(|e| e.to_string())?;
                    let mut dice = Dice::new(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(i as u64 + 1));
                    let mut random = move |below: usize| dice.below(below as u64) as usize;
                    let (mut granted, mut counted): (Vec<String>, BTreeMap<String, usize>) = Default::default();
                    for step in 0..steps / CONNECTIONS {
                        let (path, body) = if granted.is_empty() || random(5) > 0 {
                            // One in six is a repeat of the last.
                            let reference = format!("{i}-{}", if random(6) == 0 { step.saturating_sub(1) } else { step });
                            let to = if random(20) == 0 { most } else { &others[random(others.len())] };
                            let body = json!({ "resident_id": to, "points": 1 + random(50), "reason": "好人好事", "reference": reference });
                            ("/api/v1/points/grants", body)
                        } else {
                            ("/api/v1/points/reversals", json!({ "entry_id": granted[random(granted.len())], "reason": "误发" }))
                        };
                        let answer =
                            conn.exchange(&request("POST", path, Some(manager), Some(&body.to_string()))).map_err(|e| e.to_string())?;
                        let said: Value = serde_json::from_slice(answer.body).map_err(|e| e.to_string())?;
                        if answer.status == 201 && path.ends_with("grants") {
                            granted.push(text(&said, "/id")?);
                        }
                        let word = format!("{} {}", answer.status, said["code"].as_str().unwrap_or("?"));
                        *counted.entry(word).or_insert(0) += 1;
                    }
                    Ok(counted)
                })
            })
            .collect();
        let mut all = BTreeMap::new();
        for thread in threads {
            for (word, n) in thread.join().map_err(|_| "a load thread panicked".to_owned())?? {
                *all.entry(word).or_insert(0) += n;
            }
        }
        Ok(all)
    })
}
