//! Databases as earlier programs left them, with data: this program's schema is taken back step by step by the migrations' own
//! way down, and then the program is started on what remains.

use std::path::{Path, PathBuf};

use jiazai_tests::{Client, Options, PICTURE, Registry, Repair, Server, Volunteering};

use super::run::Form;
use super::sheet::Sheet;
use super::store::{self, Store};

pub(super) fn drill(form: Form, sheet: &mut Sheet) -> Result<(), String> {
    let migrations = migrations()?;
    // The last step, and all the way back to the registry.
    let steps: Vec<usize> = form.pick(vec![1, migrations.len() - 3], (1..migrations.len() - 1).collect());
    for back in steps {
        one(sheet, &migrations[migrations.len() - back..])?;
    }
    Ok(())
}

fn one(sheet: &mut Sheet, undone: &[PathBuf]) -> Result<(), String> {
    let server = Server::start(Options::default().env("RUST_LOG", "warn").env("JIAZAI_JOBS", "off"));
    let repair = Repair::new(&server);
    repair.reporter.bind_phone("13700005678");
    repair.reporter.call("POST", "/files").file("a.png", "image/png", PICTURE).expect(201);
    let tickets: Vec<String> = ["submitted", "accepted", "quoted", "closed"]
        .iter()
        .map(|state| repair.ticket_in(state)["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    let registry = Registry::new(&server);
    let (_, person) = registry.known_resident("甲乙丙", &jiazai_tests::id_number("19800102", 7), "13700005679");
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(86_400, 3, 0);
    volunteering.sign_up(&repair.reporter, &shift);

    let before = tickets.iter().map(|id| repair.reporter.get(&format!("/repair-tickets/{id}")).expect(200)).collect::<Vec<_>>();
    server.signal("TERM");
    server.wait(40);
    let store = Store::of(&server);
    for folder in undone.iter().rev() {
        let down = std::fs::read_to_string(folder.join("down.sql")).map_err(|e| format!("{}: {e}", folder.display()))?;
        store.script(&format!("{down}\nDELETE FROM __diesel_schema_migrations WHERE version = '{}';", version(folder)))?;
    }
    // A program that knew no audit log has noted no end of it either.
    if !store.tables()?.iter().any(|table| table == "audit_events") {
        store.script("DELETE FROM settings WHERE name LIKE 'audit%'")?;
    }
    let shape = store.shape()?;
    let old = store.hashes(&shape)?;
    let took = server.start_again();
    let new = store.hashes(&shape)?;
    let rows: usize = old.values().map(|(rows, _)| rows).sum();
    let name = format!("{} steps back", undone.len());
    sheet.told(format!("{name}: first start"), format!("{} ms", took.as_millis()));
    let different = store::differences(&old, &new);
    sheet.must(
        format!("{name}: rows as they were, in the columns that were there"),
        different.is_empty(),
        if different.is_empty() { format!("all {rows} in {} tables", old.len()) } else { different.join(", ") },
    );
    let after = tickets.iter().map(|id| repair.reporter.get(&format!("/repair-tickets/{id}")).expect(200)).collect::<Vec<_>>();
    sheet.must(format!("{name}: tickets read as before"), before == after, format!("{} of {}", after.len(), before.len()));
    let read = registry.manager.get(&format!("/persons/{}", person["id"].as_str().unwrap_or_default())).transmit();
    sheet.must(format!("{name}: sealed fields open"), read.status == 200 && read.json["name"].is_string(), read.status);
    sheet.must(format!("{name}: life goes on"), repair.ticket_in("closed")["state"] == "closed", "a ticket from report to confirmation");
    let integrity = store.integrity()?;
    sheet.must(format!("{name}: integrity check"), integrity.starts_with("ok"), integrity);
    Ok(())
}

/// The folders of all migrations, oldest first.
fn migrations() -> Result<Vec<PathBuf>, String> {
    let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/migrations");
    let entries = std::fs::read_dir(&at).map_err(|e| format!("{}: {e}", at.display()))?;
    let mut all: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    all.sort();
    Ok(all)
}

/// `2026-11-22-000071_open311` is version 20261122000071.
fn version(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.split('_').next().unwrap_or_default().replace('-', "")
}
