//! Shots in the middle, and the command line.

use std::time::Duration;

use jiazai_tests::{Client, Folder, Options, Registry, Server, Value, begin, eventually, fresh_id_number, items, run, text};

use super::{HOMES, PEOPLE, adopt, counts, everything, people, row, seen};

// ---- crashes -------------------------------------------------------------------------------------------------------

/// Two communities with the same homes, and a file of 1,200 people for them: one is filled with interruptions, the other without.
fn two_with_homes(server: &Server) -> (Registry<'_>, Registry<'_>, String) {
    let (shot, whole) = (Registry::empty(server), Registry::empty(server));
    let (homes, people) = everything(1200);
    for registry in [&shot, &whole] {
        adopt(registry);
        registry.import(HOMES, homes.as_bytes(), "succeeded");
    }
    (shot, whole, people)
}

#[test]
fn a_server_that_was_shot_during_an_import_goes_on_behind_what_it_had_done() {
    let server = Server::start(Options::default());
    let (shot, whole, people) = two_with_homes(&server);
    let queued = shot.begin(&shot.manager, PEOPLE, people.as_bytes());
    let path = format!("/imports/{}", text(&queued, "id"));
    let at = eventually("some rows are in", 60, || {
        let now = shot.manager.get(&path).expect(200);
        let ok = now["ok"].as_i64().unwrap_or(0);
        (ok > 0).then_some((ok, now))
    });
    server.kill();
    assert!(at.0 < 1200, "the server was quicker than the shot: {}", at.1);
    server.start_again();
    let done = shot.wait(&shot.manager, &queued);
    assert_eq!((text(&done, "state"), counts(&done)), ("succeeded", [1200, 1200, 0, 0, 0]));
    whole.import(PEOPLE, people.as_bytes(), "succeeded");
    let reason = "people.csv?reason=data-check";
    assert_eq!(shot.export(reason), whole.export(reason));
    assert_eq!(counts(&shot.import(PEOPLE, people.as_bytes(), "succeeded")), [1200, 0, 0, 1200, 0]);
    eventually("the files of imports are gone", 30, || server.files("files/parts").is_empty().then_some(()));
}

#[test]
fn a_command_that_was_shot_is_run_again_and_the_registry_is_the_same() {
    let server = Server::start(Options::default());
    let (shot, whole, people) = two_with_homes(&server);
    let folder = Folder::new("people");
    let path = folder.file("people.csv", &people);
    let mut env = server.env().to_vec();
    env.push(("JIAZAI_DATA_DIR".into(), server.data_dir().display().to_string()));
    let words = ["import", &path, "--kind", "people", "--community", &shot.code];
    let ok = || {
        let listed = shot.manager.get("/imports").expect(200);
        let newest = &listed["items"][0];
        if newest["kind"] == "people" { newest["ok"].as_i64().unwrap_or(0) } else { 0 }
    };
    let mut command = begin(&words, &env);
    eventually("some rows are in", 60, || (ok() > 0).then_some(()));
    command.kill().expect("it can be shot");
    let _ = command.wait();
    assert!(ok() < 1200, "the command was quicker than the shot");
    let again = run(&words, &env, 120);
    assert!(again.code == Some(0) && again.stdout.contains("succeeded"), "{again:?}");
    assert!(again.stdout.contains(" unchanged") && !again.stdout.contains(": 1200 created"), "it goes on behind what was taken: {again:?}");
    whole.import(PEOPLE, people.as_bytes(), "succeeded");
    let reason = "people.csv?reason=data-check";
    assert_eq!(shot.export(reason), whole.export(reason));
    // An hour later nobody waits for the command any more.
    server.sim().advance(2 * 3600);
    // This is looked for every thirty seconds by the wall, whoever writes.
    eventually("what was shot is over", 90, || {
        let listed = shot.manager.get("/imports").expect(200);
        let over = |import: &Value| !matches!(import["state"].as_str(), Some("queued" | "running"));
        items(&listed).iter().all(over).then_some(())
    });
}

// ---- the command line ----------------------------------------------------------------------------------------------

#[test]
fn the_command_line_imports_beside_the_server_and_tells_how_far_it_has_come() {
    let server = Server::start(Options::default());
    let registry = Registry::new(&server);
    let folder = Folder::new("people");
    let mut env = server.env().to_vec();
    env.push(("JIAZAI_DATA_DIR".into(), server.data_dir().display().to_string()));
    let import = |content: &[u8], more: &[&str]| {
        let path = folder.file("people.csv", content);
        let words: Vec<&str> =
            ["import", &path, "--kind", "people", "--community", &registry.code].into_iter().chain(more.iter().copied()).collect();
        run(&words, &env, 60)
    };
    let good = people(&[row("赵样一", &fresh_id_number("19700101"), "owner")]);
    let trial = import(&good, &["--dry-run"]);
    assert_eq!((trial.code, seen(&registry)), (Some(0), 0), "{trial:?}");
    let done = import(&good, &[]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("succeeded: 1 created") && done.stderr.contains("1/1"), "{done:?}");
    assert!(done.took < Duration::from_secs(60));
    let bad = import(&people(&[row("钱样二", "1", "owner")]), &["--atomic"]);
    assert!(bad.code == Some(1) && bad.stderr.contains("line 2 id_number"), "{bad:?}");
    assert_eq!(seen(&registry), 1);
    assert_eq!(run(&["import", "/nowhere.csv", "--kind", "people", "--community", &registry.code], &env, 30).code, Some(1));
    assert_eq!(run(&["import"], &env, 30).code, Some(2));
}
