//! The commands of an operator: accounts, schema, document, backup and restore.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use jiazai_tests::{
    Client, Folder, Options, Outcome, PICTURE, Repair, Server, Value, fresh_storage, is_postgres, json, run, run_in, shared, unique,
};

#[track_caller]
fn done(outcome: Outcome) -> String {
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.stdout
}

#[track_caller]
fn failed(outcome: Outcome, why: &str) {
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains(why) && !outcome.stderr.contains("panicked"), "{outcome:?}");
}

// ---- accounts -----------------------------------------------------------------------------------------------------

#[test]
fn the_first_administrator_is_made_beside_the_running_server() {
    let name = unique("chief");
    let said = done(shared().command(&["admin", "create-staff", &name, "--role", "platform_admin", "--display-name", "总管"]));
    let password = said.lines().find_map(|line| line.strip_prefix("password: ")).unwrap_or_else(|| panic!("{said}"));
    let log_in = json!({ "username": name, "password": password });
    let session = shared().anon().post("/auth/staff/login", log_in).expect(200);
    assert_eq!(
        (&session["principal"]["display_name"], &session["principal"]["roles"][0]["role"]),
        (&json!("总管"), &json!("platform_admin"))
    );
    failed(shared().command(&["admin", "create-staff", &name, "--role", "platform_admin"]), "taken");
}

#[test]
fn a_role_may_be_given_for_one_community() {
    let name = unique("sender");
    let said = done(shared().command(&["admin", "create-staff", &name, "--role", "dispatcher@dongtu", "--role", "auditor@dongtu"]));
    let password = said.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    let session = shared().anon().post("/auth/staff/login", json!({ "username": name, "password": password })).expect(200);
    let roles = Server::roles_of(&session["principal"]);
    assert_eq!(roles.len(), 2);
    assert!(roles.iter().all(|(_, community)| community.as_deref() == Some(shared().community())), "{roles:?}");
}

#[test]
fn an_account_that_makes_no_sense_is_not_made() {
    let create = |words: &[&str]| shared().command(&[&["admin", "create-staff"][..], words].concat());
    let name = unique("nobody");
    failed(create(&[&name, "--role", "emperor"]), "emperor");
    failed(create(&[&name, "--role", "dispatcher@nowhere"]), "nowhere");
    failed(create(&["no name", "--role", "auditor"]), "user name");
    // Standard input is empty here.
    failed(create(&[&name, "--role", "auditor", "--password-stdin"]), "password");
    for misuse in [&[name.as_str()][..], &["--role", "auditor"], &[]] {
        assert_eq!(create(misuse).code, Some(2), "{misuse:?}");
    }
}

// ---- schema and document ------------------------------------------------------------------------------------------

#[test]
fn migrating_again_does_nothing() {
    let (folder, env) = (Folder::reserved("migrate"), fresh_storage());
    let migrate = || done(run(&["migrate", "--data-dir", folder.text()], &env, 60));
    let steps = |said: &str| said.split(' ').next().and_then(|n| n.parse::<u32>().ok()).unwrap_or_else(|| panic!("{said}"));
    assert!(steps(&migrate()) > 0);
    assert_eq!(steps(&migrate()), 0);
}

#[test]
fn the_committed_document_is_compared_where_one_stands() {
    let folder = Folder::new("openapi");
    let check = || run_in(folder.path(), &["openapi", "--check"], &[], 20);
    failed(check(), "openapi.yaml");
    let committed = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.yaml")).unwrap();
    folder.file("openapi.yaml", &committed);
    done(check());
    folder.file("openapi.yaml", committed.replacen("title:", "title: Other", 1));
    failed(check(), "line");
}

#[test]
fn commands_that_lack_a_word_exit_2() {
    for words in [&["backup"][..], &["restore"], &["admin"], &["backup", "a", "b"], &["migrate", "now"]] {
        assert_eq!(run(words, &[], 10).code, Some(2), "{words:?}");
    }
}

// ---- backup -------------------------------------------------------------------------------------------------------

fn tickets(who: &impl Client) -> Vec<Value> {
    let (mut all, mut path) = (Vec::new(), "/repair-tickets?limit=100".to_owned());
    loop {
        let page = who.get(&path).expect(200);
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return all };
        path = format!("/repair-tickets?limit=100&cursor={cursor}");
    }
}

#[test]
fn a_backup_made_under_load_restores_to_what_was_there() {
    let server = Server::start(Options::keyed());
    let repair = Repair::new(&server);
    repair.reporter.bind_phone("13700004321");
    let photo = repair.reporter.call("POST", "/files").file("a.png", "image/png", PICTURE).expect(201);
    let before: Vec<Value> = (0..5).map(|_| repair.report()).collect();
    let token = repair.reporter.authorization().unwrap();
    let backup = Folder::reserved("backup");

    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    repair.report();
                }
            });
        }
        let made = server.command(&["backup", backup.text()]);
        enough.store(true, Ordering::Relaxed);
        done(made);
    });
    let there = tickets(&repair.reporter);
    let me = repair.reporter.get("/me").expect(200);

    let restored = Server::start(Options::keyed().first(&["restore", backup.text()]));
    // The session, the sealed phone number and the sealed photo are good: same people, same keys.
    let same = restored.bearer(&token);
    assert_eq!(same.get("/me").expect(200), me);
    let path = format!("/files/{}", photo["id"].as_str().unwrap());
    assert_eq!(same.get(&path).send().expect(200).body, repair.reporter.get(&path).send().expect(200).body);
    // Whatever was acknowledged before the backup began, and nothing that was not there at its end.
    let found = tickets(&same);
    assert!(found.iter().all(|ticket| there.contains(ticket)), "rows differ");
    assert!(before.iter().all(|ticket| found.iter().any(|f| f["id"] == ticket["id"])), "rows are missing");
    // Life goes on there.
    let ticket = same.post("/repair-tickets", repair.draft()).expect(201);
    assert!(found.iter().all(|other| other["id"] != ticket["id"]));

    failed(server.command(&["backup", backup.text()]), "exists");
    // What holds data already is not written over.
    failed(restored.command(&["restore", backup.text()]), if is_postgres() { "pg_restore" } else { "exists" });
    assert_eq!(tickets(&same).len(), found.len() + 1);
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let server = Server::start(Options::default());
    let repair = Repair::new(&server);
    repair.reporter.call("POST", "/files").file("a.png", "image/png", PICTURE).expect(201);
    let backup = Folder::reserved("backup");
    done(server.command(&["backup", backup.text()]));
    let (database, manifest) = (if is_postgres() { "database.pgdump" } else { "database.sqlite" }, "manifest.json");
    let env = fresh_storage();
    let restore = |damage: &dyn Fn(&Path)| {
        let (copy, target) = (Folder::reserved("damaged"), Folder::reserved("target"));
        copy_all(backup.path(), copy.path());
        damage(copy.path());
        let outcome = run(&["restore", copy.text(), "--data-dir", target.text()], &env, 60);
        assert!(!target.path().join("jiazai.sqlite").exists() && !target.path().join("files").exists(), "a refusal leaves nothing behind");
        outcome
    };
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    failed(restore(&|copy| flip(&copy.join(database))), "damaged");
    failed(restore(&|copy| fs::remove_file(copy.join(database)).unwrap()), "damaged");
    failed(restore(&|copy| fs::write(copy.join("files/more"), "x").unwrap()), "damaged");
    failed(restore(&|copy| first_file(&copy.join("files"), &flip)), "damaged");
    failed(restore(&|copy| fs::remove_file(copy.join(manifest)).unwrap()), "no backup");
    assert_eq!(restore(&|copy| fs::write(copy.join(manifest), "{").unwrap()).code, Some(1));
    failed(run(&["restore", "/nowhere/at/all"], &env, 20), "no backup");
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy_all(&entry.path(), &target) } else { fs::copy(entry.path(), target).map(drop).unwrap() }
    }
}

/// Does something with the first file below the folder.
#[track_caller]
fn first_file(folder: &Path, act: &dyn Fn(&Path)) {
    let mut path = folder.to_owned();
    while path.is_dir() {
        path = fs::read_dir(&path).unwrap().flatten().next().expect("a folder with something in it").path();
    }
    act(&path);
}
