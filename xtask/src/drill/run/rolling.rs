//! Two instances behind a proxy, on one PostgreSQL and one Redis: restarted in turn under load, and otherwise one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiazai_tests::{Client, Options, Repair, Server, Value, at_once, eventually, json, unique};

use super::Form;
use super::sheet::Sheet;
use super::store::Store;
use super::wire::{Balancer, ask};
use super::writers::{self, Told};

const HANDS: usize = 4;

pub(super) fn drill(form: Form, sheet: &mut Sheet) -> Result<(), String> {
    // The first has the stand-in for WeChat beside it and is left alone; the proxy stands before the other two.
    let first = Server::start(Options::keyed().env("JIAZAI_DRAIN_S", "1").env("RUST_LOG", "warn"));
    let (one, two) = (first.twin(), first.twin());
    let repair = Repair::new(&first);
    allow(&first, &repair, 50);

    let before = Balancer::before(&[one.address(), two.address()])?;
    let token = repair.reporter.authorization().unwrap_or_default();
    let stop = AtomicBool::new(false);
    let rounds = form.pick(1, 10);
    let (load, restarts) = std::thread::scope(|scope| {
        let load = scope.spawn(|| under_load(&before.address, &repair, &token, &stop));
        let mut restarts = 0;
        for _ in 0..rounds {
            for instance in [&one, &two] {
                std::thread::sleep(Duration::from_millis(300));
                instance.signal("TERM");
                instance.wait(40);
                instance.start_again();
                restarts += 1;
                // The proxy looks every 50 ms whether it is back.
                std::thread::sleep(Duration::from_millis(300));
            }
        }
        stop.store(true, Ordering::Relaxed);
        (load.join().unwrap_or_default(), restarts)
    });
    sheet.told("restarts under load", restarts);
    let failed = load
        .failed
        .first()
        .map_or_else(|| format!("0 of {}", load.calls), |first| format!("{} of {}: {first}", load.failed.len(), load.calls));
    sheet.must("requests that failed", load.failed.is_empty() && load.calls > 50, failed);
    sheet.told("slowest answer", format!("{} ms", load.told.slowest.as_millis()));

    // A session ends on one instance and is over on the other.
    let resident = first.resident();
    let token = resident.authorization().unwrap_or_default();
    let seen = two.bearer(&token).get("/me").transmit().status;
    one.bearer(&token).call("POST", "/auth/logout").transmit();
    let after = two.bearer(&token).get("/me").transmit().status;
    sheet.must("a log-out at one, seen at the other", (seen, after) == (200, 401), format!("{seen}, then {after}"));

    told_once(sheet, &first, &repair, [&one, &two])?;
    feeds(sheet, &first, [&one, &two])?;
    limits(sheet)?;
    writers::judge(sheet, &Store::of(&first), &load.told)
}

#[derive(Debug, Default)]
struct Load {
    calls: usize,
    failed: Vec<String>,
    told: Told,
}

/// Reports and looks, each over a connection of its own; nothing is tried twice.
fn under_load(address: &str, repair: &Repair<'_>, token: &str, stop: &AtomicBool) -> Load {
    let all = Mutex::new(Load::default());
    std::thread::scope(|scope| {
        for _ in 0..HANDS {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let key = unique("w");
                    let body = writers::draft(repair, &key).to_string();
                    let headers = [("Authorization", token), ("Content-Type", "application/json"), ("Idempotency-Key", &key)];
                    let start = Instant::now();
                    let made = ask(address, "POST", "/api/v1/repair-tickets", &headers, &body);
                    let took = start.elapsed();
                    let looked = ask(address, "GET", "/api/v1/me", &headers[..1], "");
                    let mut all = all.lock().unwrap_or_else(|p| p.into_inner());
                    all.calls += 2;
                    all.told.slowest = all.told.slowest.max(took);
                    match made {
                        Ok(answer) if answer.status == 201 => {
                            let ticket: Value = parse(&answer.body);
                            all.told.acknowledged.insert(key, ticket["id"].as_str().unwrap_or_default().to_owned());
                        }
                        Ok(answer) => all.failed.push(format!("report: {}", answer.status)),
                        Err(error) => all.failed.push(format!("report: {error}")),
                    }
                    match looked {
                        Ok(answer) if answer.status == 200 => {}
                        Ok(answer) => all.failed.push(format!("look: {}", answer.status)),
                        Err(error) => all.failed.push(format!("look: {error}")),
                    }
                }
            });
        }
    });
    all.into_inner().unwrap_or_else(|p| p.into_inner())
}

fn parse(body: &[u8]) -> Value {
    String::from_utf8_lossy(body).parse().unwrap_or(Value::Null)
}

fn allow(server: &Server, repair: &Repair<'_>, times: u32) {
    let consents = repair.reporter.get("/me/notice-consents").expect(200);
    let kind = consents["items"].as_array().and_then(|all| all.iter().find(|kind| kind["template"] == "repair_progress")).cloned();
    server.sim().subscribe(&repair.reporter.openid, kind.unwrap_or_default()["template_id"].as_str().unwrap_or_default(), times);
    for _ in 0..20 {
        repair.reporter.post("/me/notice-consents", json!({ "accepted": ["repair_progress"] })).expect(200);
    }
}

/// All three run the jobs; each message goes out once.
fn told_once(sheet: &mut Sheet, first: &Server, repair: &Repair<'_>, instances: [&Server; 2]) -> Result<(), String> {
    let worker = repair.worker.authorization().unwrap_or_default();
    let accept = |at: &Server| {
        let ticket = repair.ticket_in("assigned");
        let path = format!("/repair-tickets/{}/accept", ticket["id"].as_str().unwrap_or_default());
        at.bearer(&worker).post(&path, json!({})).expect(200);
    };
    for n in 0..10 {
        accept(instances[n % 2]);
    }
    let store = Store::of(first);
    let sent = |count: u64| {
        let sql = "SELECT count(*) FROM notices WHERE template = 'repair_progress' AND state = 'sent'";
        eventually(&format!("{count} messages are sent"), 40, || (store.count(sql).ok()? >= count).then_some(()));
    };
    sent(10);
    // A second copy of the tenth would still be on its way: the two end what they are at, and the first, which sends one batch after
    // the other, is given one more.
    for instance in instances {
        instance.signal("TERM");
        instance.wait(40);
    }
    accept(first);
    sent(11);
    let arrived = first.sim().messages().iter().filter(|message| message.to_string().contains(&repair.reporter.openid)).count();
    sheet.must("messages that the instances' jobs sent, for eleven events", arrived == 11, arrived);
    for instance in instances {
        instance.start_again();
    }
    Ok(())
}

/// The feed is one, whoever is asked.
fn feeds(sheet: &mut Sheet, first: &Server, instances: [&Server; 2]) -> Result<(), String> {
    let store = Store::of(first);
    eventually("all events are placed", 60, || {
        (store.count("SELECT count(*) FROM events WHERE position IS NULL").ok()? == 0).then_some(())
    });
    let manager = first.staff("manager").authorization().unwrap_or_default();
    let read = |server: &Server| {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = server.bearer(&manager).get(&format!("/events?limit=100&types=repair_ticket.*{cursor}")).expect(200);
            let items = page["items"].as_array().cloned().unwrap_or_default();
            if items.is_empty() {
                return ids;
            }
            ids.extend(items.iter().map(|event| event["id"].as_str().unwrap_or_default().to_owned()));
            cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
        }
    };
    let (one, two) = (read(instances[0]), read(instances[1]));
    let once = one.iter().collect::<std::collections::BTreeSet<_>>().len() == one.len();
    sheet.must(
        "the feed at both: same events, same order, each once",
        one == two && once && !one.is_empty(),
        format!("{} events", one.len()),
    );
    Ok(())
}

/// With limits on, what is used up at one is used up at the other.
fn limits(sheet: &mut Sheet) -> Result<(), String> {
    let one = Server::start(Options::keyed().env("JIAZAI_RATE_LIMIT", "on").env("RUST_LOG", "warn"));
    let two = one.twin();
    // Another name each time: ten wrong passwords lock a name, which is another limit. All at once: the minute goes on meanwhile.
    let statuses = at_once(100, |n| {
        let server = if n % 2 == 0 { &one } else { &two };
        server.anon().post("/auth/staff/login", json!({ "username": unique("u"), "password": "wrong-wrong-1" })).transmit().status
    });
    let mut answers: BTreeMap<u16, usize> = BTreeMap::new();
    statuses.iter().for_each(|status| *answers.entry(*status).or_default() += 1);
    let let_through = 100 - answers.get(&429).copied().unwrap_or(0);
    sheet.must(
        "passwords tried at both at once: 100, of which 60 a minute are let through together",
        (60..=75).contains(&let_through),
        format!("{let_through} let through, {answers:?}"),
    );
    Ok(())
}
