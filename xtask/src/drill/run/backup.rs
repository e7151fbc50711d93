//! Backup while people write, restore elsewhere, compare.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use jiazai_tests::{Client, Folder, Options, PICTURE, Repair, Server, eventually, unique};

use super::Form;
use super::sheet::Sheet;
use super::store::{self, Store};
use super::writers::{self, Told};

fn quiet() -> Options {
    Options::keyed().env("RUST_LOG", "warn")
}

pub(super) fn drill(form: Form, sheet: &mut Sheet) -> Result<(), String> {
    let server = Server::start(quiet());
    let repair = Repair::new(&server);
    repair.reporter.bind_phone("13700004321");
    let photo = repair.reporter.call("POST", "/files").file("a.png", "image/png", PICTURE).expect(201);
    let photo = format!("/files/{}", photo["id"].as_str().unwrap_or_default());
    let picture = repair.reporter.get(&photo).transmit().body;
    repair.ticket_in("closed");
    for round in 0..form.pick(1, 10) {
        under_load(sheet, &server, &repair)?;
        if round == 0 {
            at_rest(sheet, &server, &repair, &photo, &picture)?;
        }
    }
    Ok(())
}

/// What was acknowledged before the backup began is in it; what is in it is whole.
fn under_load(sheet: &mut Sheet, server: &Server, repair: &Repair<'_>) -> Result<(), String> {
    let (token, stop, folder) = (repair.reporter.authorization().unwrap_or_default(), AtomicBool::new(false), Folder::reserved("backup"));
    let mut before = Told::default();
    for _ in 0..20 {
        writers::one(repair, &token, &unique("w"), &mut before);
    }
    let (made, took, during) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| writers::write(repair, &token, 4, &stop));
        let start = Instant::now();
        let made = server.command(&["backup", folder.text()]);
        let took = start.elapsed();
        stop.store(true, Ordering::Relaxed);
        (made, took, writing.join().unwrap_or_default())
    });
    sheet.must(
        "a backup beside the running server",
        made.code == Some(0),
        format!("{} ms, {} writes meanwhile", took.as_millis(), during.acknowledged.len()),
    );
    let restored = Server::start(quiet().first(&["restore", folder.text()]));
    let store = Store::of(&restored);
    // Acknowledged before: there. Acknowledged meanwhile: there or not, but never half.
    let mut expected = Told { acknowledged: before.acknowledged, ..Told::default() };
    let there: std::collections::BTreeSet<String> =
        store.rows("SELECT title FROM repair_tickets WHERE title LIKE 'w%'")?.into_iter().flatten().collect();
    expected.acknowledged.extend(during.acknowledged.into_iter().filter(|(key, _)| there.contains(key)));
    writers::judge(sheet, &store, &expected)
}

/// Nobody writes: every row is the same afterwards.
fn at_rest(sheet: &mut Sheet, server: &Server, repair: &Repair<'_>, photo: &str, picture: &[u8]) -> Result<(), String> {
    let store = Store::of(server);
    let (me, token) = (repair.reporter.get("/me").expect(200), repair.reporter.authorization().unwrap_or_default());
    // The jobs have done what there was to do.
    let shape = store.shape()?;
    let mut last = store.hashes(&shape)?;
    let folder = eventually("the database is at rest", 90, || {
        let folder = Folder::reserved("backup");
        if store.count("SELECT count(*) FROM audit_events WHERE position IS NULL").ok()? > 0 {
            return None;
        }
        last = store.hashes(&shape).ok()?;
        (server.command(&["backup", folder.text()]).code == Some(0) && store.hashes(&shape).ok()? == last).then_some(folder)
    });
    let restored = Server::start(quiet().env("JIAZAI_JOBS", "off").first(&["restore", folder.text()]));
    let found = Store::of(&restored).hashes(&shape)?;
    let rows: usize = last.values().map(|(rows, _)| rows).sum();
    let different = store::differences(&last, &found);
    sheet.must(
        "rows that are the same after a restore",
        different.is_empty(),
        if different.is_empty() { format!("all {rows} in {} tables", last.len()) } else { different.join(", ") },
    );
    let audit = restored.command(&["audit", "verify"]);
    sheet.must("the audit chain there", audit.code == Some(0), audit.stdout.trim());
    let same = restored.bearer(&token);
    sheet.must(
        "sessions and sealed telephone numbers there",
        same.get("/me").transmit().json == me && me["phone_masked"].is_string(),
        me["phone_masked"].clone(),
    );
    sheet.must(
        "sealed pictures there",
        same.get(photo).transmit().body == picture && !picture.is_empty(),
        format!("{} bytes", picture.len()),
    );
    Ok(())
}
