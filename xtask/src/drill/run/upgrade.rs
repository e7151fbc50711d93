//! Databases as earlier programs left them, with data: this program's schema is taken back step by step, and then the program is
//! started on what remains. A migration that says how it is undone is believed; of the others, what they made is dropped.

use std::path::{Path, PathBuf};

use jiazai_tests::{Client, Options, PICTURE, Repair, Server, Volunteering, id_number, is_postgres, json};

use super::Form;
use super::sheet::Sheet;
use super::store::{self, Store};

/// The migrations that nothing is left without.
const BEGINNINGS: usize = 2;

pub(super) fn drill(form: Form, sheet: &mut Sheet) -> Result<(), String> {
    let migrations = migrations()?;
    // Not into the registry's own beginnings, which would leave nothing to look at. One step that cannot be undone would keep this
    // drill from all before it.
    let later = &migrations[migrations.len().min(BEGINNINGS)..];
    let known = later.iter().rev().take_while(|folder| undoing(folder, is_postgres()).is_ok()).count();
    sheet.must(
        format!("steps that are known how to undo, without a break, of all but the first {BEGINNINGS}"),
        known == later.len() && known > 0,
        format!("{known} of {}", later.len()),
    );
    let steps: Vec<usize> = form.pick(std::collections::BTreeSet::from([1.min(known), known]).into_iter().collect(), (1..=known).collect());
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
    let manager = server.staff("manager");
    let first = |path: String| manager.get(&path).expect(200)["items"][0]["id"].as_str().unwrap_or_default().to_owned();
    let building = first(format!("/communities/{}/buildings", server.community()));
    let home = first(format!("/buildings/{building}/homes"));
    let body = json!({ "community_id": server.community(), "name": "甲乙丙", "id_number": id_number("19800102", 7), "phone": "13700005679",
        "facts": [{ "home_id": home, "kind": "owner", "from": "2020-01-01" }] });
    let person = format!("/people/{}", manager.post("/people", body).expect(201)["id"].as_str().unwrap_or_default());
    let written_down = manager.get(&person).expect(200);
    let volunteering = Volunteering::new(&server);
    let shift = volunteering.shift(86_400, 3, 0);
    volunteering.sign_up(&repair.reporter, &shift);

    let before = tickets.iter().map(|id| repair.reporter.get(&format!("/repair-tickets/{id}")).expect(200)).collect::<Vec<_>>();
    server.signal("TERM");
    server.wait(40);
    let store = Store::of(&server);
    for folder in undone.iter().rev() {
        let down = undoing(folder, matches!(store, Store::Postgres(_)))?;
        store.script(&format!("{down}\nDELETE FROM __diesel_schema_migrations WHERE version = '{}';", version(folder)))?;
    }
    // A program that knew no audit log has noted no end of it either.
    let shape = store.shape()?;
    if !shape.contains_key("audit_events") {
        store.script("DELETE FROM settings WHERE name LIKE 'audit%'")?;
    }
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
    let same = before.iter().zip(&after).filter(|(before, after)| before == after).count();
    sheet.must(format!("{name}: tickets read as before"), same == before.len(), format!("{same} of {}", before.len()));
    let read = manager.get(&person).transmit();
    sheet.must(format!("{name}: sealed fields open"), read.json == written_down, read.json["name"].clone());
    let lived = repair.ticket_in("closed")["state"].clone();
    sheet.must(format!("{name}: a ticket goes from report to confirmation"), lived == "closed", lived);
    let integrity = store.integrity()?;
    sheet.must(format!("{name}: integrity check"), integrity.starts_with("ok"), integrity);
    Ok(())
}

/// What undoes a migration.
fn undoing(folder: &Path, on_postgres: bool) -> Result<String, String> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).map_err(|e| format!("{}: {e}", folder.display()));
    let (up, down) = (read("up.sql")?, read("down.sql")?);
    let says = down.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with("--") && line != "SELECT 1;");
    if says {
        return Ok(down);
    }
    let mut undone = Vec::new();
    for line in up.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["CREATE", "TABLE", name, ..] => undone.push(format!("DROP TABLE {name}{};", if on_postgres { " CASCADE" } else { "" })),
            ["CREATE", "INDEX", name, ..] | ["CREATE", "UNIQUE", "INDEX", name, ..] => undone.push(format!("DROP INDEX {name};")),
            // A column that refers to another table stays: SQLite does not let go of it.
            ["ALTER", "TABLE", table, "ADD", "COLUMN", column, rest @ ..] if !rest.contains(&"REFERENCES") => {
                undone.push(format!("ALTER TABLE {table} DROP COLUMN {column};"));
            }
            ["ALTER" | "DROP" | "UPDATE" | "DELETE", ..] => {
                return Err(format!("{} does not say how it is undone", folder.display()));
            }
            _ => {}
        }
    }
    undone.reverse();
    // Rows of later tables refer to each other; all of them go.
    let before = if on_postgres { "" } else { "PRAGMA foreign_keys = OFF;\n" };
    Ok(format!("{before}{}", undone.join("\n")))
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
