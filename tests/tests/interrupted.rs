//! Imports that something gets in the way of: a stop, a shot, a file that cannot be read, a lease that is lost, and their own size.

use jiazai_tests::{Client, Options, Registry, Server, Value, eventually, fresh_id_number, id_number, json, shared, text, unique};

const PEOPLE: &[(&str, &str)] = &[("kind", "people")];
const HOMES: &[(&str, &str)] = &[("kind", "registry")];

fn homes(rows: usize) -> String {
    let row = |n: usize| format!("样例一村,第1网格,{}栋,{}单元,{}0{}\n", n / 20 + 1, n % 2 + 1, n % 20 / 2 + 1, n % 2 + 1);
    format!("estate,grid,building,unit,number\n{}", (0..rows).map(row).collect::<String>())
}

fn people(rows: usize) -> String {
    let row = |n: usize| {
        let number = id_number("19700101", 500_001 + n * 2);
        format!("样例{n},{number},样例一村,{}栋,{}单元,{}0{},owner\n", n / 20 + 1, n % 2 + 1, n % 20 / 2 + 1, n % 2 + 1)
    };
    format!("name,id_number,estate,building,unit,number,relation\n{}", (0..rows).map(row).collect::<String>())
}

/// A file of people as one JSON object a line.
fn lines(csv: &str) -> String {
    let columns: Vec<&str> = csv.lines().next().unwrap_or_default().split(',').collect();
    let object = |line: &str| {
        let fields: serde_json::Map<String, Value> =
            columns.iter().zip(line.split(',')).map(|(c, v)| ((*c).to_owned(), json!(v))).collect();
        format!("{}\n", Value::Object(fields))
    };
    csv.lines().skip(1).map(object).collect()
}

fn at(import: &Value) -> String {
    format!("/imports/{}", text(import, "id"))
}

fn ok(registry: &Registry, import: &Value) -> i64 {
    registry.manager.get(&at(import)).expect(200)["ok"].as_i64().unwrap_or(0)
}

fn is_over(import: &Value) -> bool {
    !matches!(text(import, "state"), "queued" | "running")
}

// ---- all at once ----------------------------------------------------------------------------------------------------

#[test]
fn a_trial_or_an_atomic_import_has_its_size_and_says_what_else_there_is() {
    let registry = Registry::empty(shared());
    let file = homes(20_001);
    for field in ["dry_run", "atomic"] {
        let refused = registry.import(&[("kind", "registry"), (field, "true")], file.as_bytes(), "failed");
        assert_eq!((&refused["total"], &refused["ok"]), (&json!(20_001), &json!(0)));
        let csv = registry.errors(&refused);
        assert!(csv.contains("1,,too_many_rows,") && csv.contains("拆分") && csv.contains("逐行"), "{csv}");
    }
}

#[test]
fn everybody_goes_on_writing_while_something_is_tried_out() {
    let server = Server::start(Options::default());
    let registry = Registry::empty(&server);
    let trial = registry.begin(&registry.manager, &[("kind", "registry"), ("dry_run", "true")], homes(4_000).as_bytes());
    let mut meanwhile = 0;
    let done = loop {
        registry.manager.post(&registry.at("estate-groups"), json!({ "name": unique("组") })).expect(201);
        let now = registry.manager.get(&at(&trial)).expect(200);
        match text(&now, "state") {
            "running" => meanwhile += 1,
            "queued" => {}
            _ => break now,
        }
    };
    assert_eq!((text(&done, "state"), &done["created"]), ("succeeded", &json!(4_000)));
    assert!(meanwhile >= 3, "only {meanwhile} writes were answered while the trial ran");
    assert_eq!(registry.export("homes.csv").len(), 0);
    let left = std::fs::read_dir(server.data_dir()).expect("a folder").flatten().map(|entry| entry.file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains(".trial-")), "the copy is gone");
}

#[test]
fn a_stop_ends_what_is_done_at_once_with_nothing_half_written_and_it_is_done_after_all() {
    let server = Server::start(Options::default());
    let registry = Registry::empty(&server);
    let queued = registry.begin(&registry.manager, &[("kind", "registry"), ("atomic", "true")], homes(4_000).as_bytes());
    eventually("it runs", 60, || (registry.manager.get(&at(&queued)).expect(200)["state"] == "running").then_some(()));
    server.signal("TERM");
    assert!(server.wait(30).success());
    server.start_again();
    let now = registry.manager.get(&at(&queued)).expect(200);
    assert!(text(&now, "state") == "running" && now["ok"] == 0, "{now}");
    assert_eq!(registry.export("homes.csv").len(), 0);
    let done = registry.wait(&registry.manager, &queued);
    assert_eq!((text(&done, "state"), &done["created"]), ("succeeded", &json!(4_000)));
    assert_eq!(registry.export("homes.csv").len(), 4_000);
}

// ---- shot -----------------------------------------------------------------------------------------------------------

#[test]
fn whatever_is_imported_goes_on_after_a_shot_to_the_same_registry() {
    const ROWS: usize = 1_000;
    let server = Server::start(Options::default());
    let (homes, people) = (homes(ROWS), people(ROWS));
    let whole = Registry::empty(&server);
    whole.import(HOMES, homes.as_bytes(), "succeeded");
    whole.import(PEOPLE, people.as_bytes(), "succeeded");
    let shot = Registry::empty(&server);
    // Where everything is one transaction nothing is counted before its end, so that it runs is all that can be waited for.
    let interrupt = |fields: &[(&str, &str)], file: &[u8], at_once: bool| {
        let queued = shot.begin(&shot.manager, fields, file);
        eventually("it is at it", 60, || {
            let now = shot.manager.get(&at(&queued)).expect(200);
            (is_over(&now) || now["ok"].as_i64() > Some(0) || at_once && now["state"] == "running").then_some(())
        });
        server.kill();
        server.start_again();
        let done = shot.wait(&shot.manager, &queued);
        assert_eq!((text(&done, "state"), &done["ok"]), ("succeeded", &json!(ROWS)), "{fields:?}");
    };
    interrupt(&[("kind", "registry"), ("dry_run", "true")], homes.as_bytes(), true);
    assert_eq!(shot.export("homes.csv").len(), 0);
    interrupt(HOMES, homes.as_bytes(), false);
    assert_eq!(shot.export("homes.csv"), whole.export("homes.csv"));
    interrupt(&[("kind", "people"), ("atomic", "true")], people.as_bytes(), true);
    let reason = "people.csv?reason=data-check";
    assert_eq!(shot.export(reason), whole.export(reason));
    let third = Registry::empty(&server);
    third.import(HOMES, homes.as_bytes(), "succeeded");
    let queued = third.begin(&third.manager, &[("kind", "people"), ("format", "ndjson")], lines(&people).as_bytes());
    eventually("some rows are in", 60, || (ok(&third, &queued) > 0).then_some(()));
    server.kill();
    server.start_again();
    assert_eq!(third.wait(&third.manager, &queued)["created"], json!(ROWS));
    assert_eq!(third.export(reason), whole.export(reason));
}

#[test]
fn an_import_of_somebody_who_may_not_any_more_ends_though_its_first_line_was_wrong_already() {
    let server = Server::start(Options::default());
    let registry = Registry::empty(&server);
    registry.import(HOMES, homes(1_000).as_bytes(), "succeeded");
    let importer = registry.manager.hire("community_admin", &registry.id);
    let who = importer.id();
    let file = format!("not an object\n{}", lines(&people(1_000)));
    let queued = registry.begin(&importer, &[("kind", "people"), ("format", "ndjson")], file.as_bytes());
    eventually("some rows are in", 60, || (ok(&registry, &queued) > 0).then_some(()));
    server.kill();
    server.start_again();
    // The one that was shot holds the lease for some seconds more.
    registry.manager.post(&format!("/staff/{who}/disable"), json!({})).expect(200);
    let done = registry.wait(&registry.manager, &queued);
    assert_eq!(text(&done, "state"), "partially_failed", "{done}");
    let csv = registry.errors(&done);
    assert!(csv.contains("1,,row_format,") && csv.contains("1,,not_for_you,"), "{csv}");
}

#[test]
fn one_that_cannot_be_done_keeps_no_other_waiting_and_is_given_up_in_the_end() {
    let server = Server::start(Options::default());
    let registry = Registry::empty(&server);
    registry.import(HOMES, homes(1_000).as_bytes(), "succeeded");
    eventually("the file of what is over is gone", 30, || server.files("files/parts").is_empty().then_some(()));
    let broken = registry.begin(&registry.manager, PEOPLE, people(1_000).as_bytes());
    eventually("some rows are in", 60, || (ok(&registry, &broken) > 0).then_some(()));
    server.kill();
    for part in server.files("files/parts") {
        std::fs::write(&part, b"nobody can open this").expect("writable");
    }
    server.start_again();
    let small = format!(
        "name,id_number,estate,building,unit,number,relation\n样例,{},样例一村,1栋,1单元,101,family\n",
        fresh_id_number("19700101")
    );
    registry.import(PEOPLE, small.as_bytes(), "succeeded");
    let now = registry.manager.get(&at(&broken)).expect(200);
    assert!(!is_over(&now), "it may be tried again: {now}");
    let over = eventually("it is given up", 90, || {
        server.sim().advance(60);
        let now = registry.manager.get(&at(&broken)).expect(200);
        is_over(&now).then_some(now)
    });
    assert_eq!(text(&over, "state"), "partially_failed", "what was taken stays");
    assert!(registry.errors(&over).contains("1,,gave_up,"), "{}", registry.errors(&over));
}

/// Lets a twin have the files of the first instance.
fn share_files(server: &Server, twin: &Server) {
    let (ours, theirs) = (server.data_dir().join("files"), twin.data_dir().join("files"));
    let _ = std::fs::remove_dir_all(&theirs);
    std::os::unix::fs::symlink(&ours, &theirs).expect("a link");
}

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn however_long_one_transaction_takes_another_instance_keeps_out_of_it() {
    // Long enough that one who does not renew the lease loses it on the way.
    const ROWS: usize = 4_500;
    let server = Server::start(Options::keyed());
    let registry = Registry::empty(&server);
    let twin = server.twin();
    share_files(&server, &twin);
    let importer = twin.staff("admin");
    // The clock of the one that is not asked is ahead, so that to it the lease of five seconds lasts for three. It is renewed between
    // portions once a second has passed, so that a portion may take two on a busy machine.
    server.sim().advance(2);
    let queued = registry.begin(&importer, &[("kind", "registry"), ("atomic", "true")], homes(ROWS).as_bytes());
    let done = registry.wait(&importer, &queued);
    assert_eq!((text(&done, "state"), &done["created"]), ("succeeded", &json!(ROWS)));
    for instance in [&server, &twin] {
        let metrics = instance.anon().plain("GET", "/metrics").send().expect(200).text();
        let failed: Vec<&str> = metrics.lines().filter(|line| line.contains("imports") && line.contains("failed")).collect();
        assert_eq!(failed, Vec::<&str>::new());
    }
}

#[test]
#[ignore = "needs PostgreSQL and Redis"]
fn who_has_lost_the_lease_meanwhile_takes_no_row_a_second_time() {
    const ROWS: usize = 2_000;
    let server = Server::start(Options::keyed());
    let registry = Registry::empty(&server);
    registry.import(HOMES, homes(ROWS).as_bytes(), "succeeded");
    let queued = registry.begin(&registry.manager, PEOPLE, people(ROWS).as_bytes());
    eventually("some rows are in", 60, || (ok(&registry, &queued) > 0).then_some(()));
    let twin = server.twin();
    let other = twin.staff("admin");
    other.get("/me").expect(200);
    share_files(&server, &twin);
    // The first has the lease, and hangs for longer than that lasts.
    server.signal("STOP");
    let done = eventually("the other goes on", 120, || {
        let now = other.get(&at(&queued)).expect(200);
        is_over(&now).then_some(now)
    });
    server.signal("CONT");
    assert_eq!((text(&done, "state"), &done["created"]), ("succeeded", &json!(ROWS)));
    registry.import(HOMES, homes(ROWS).as_bytes(), "succeeded");
    let after = registry.manager.get(&at(&queued)).expect(200);
    assert_eq!((&after["ok"], &after["version"]), (&done["ok"], &done["version"]), "nothing happened to it since");
    assert_eq!(registry.export("people.csv?reason=data-check").len(), ROWS);
}
