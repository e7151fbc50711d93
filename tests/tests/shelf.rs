//! The administrators' shelf: every script of `docs/admin/` does what it says, also the second time.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use jiazai_tests::season::Season;
use jiazai_tests::{
    Client, Drafted, Folder, Manner, Options, Receiver, Registry, Repair, Server, Staff, Value, Volunteering, binary, eventually,
    is_postgres, json, shared, unique,
};

/// A desk in the temporary folder, with the program on the path; cleared away when dropped.
struct Desk<'s> {
    server: &'s Server,
    folder: Folder,
}

/// How a script ended, and what it printed.
#[derive(Debug)]
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    #[track_caller]
    fn well(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out.trim_end().to_owned()
    }

    #[track_caller]
    fn json(self) -> Value {
        let out = self.well();
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
    }
}

impl<'s> Desk<'s> {
    fn new(server: &'s Server) -> Self {
        let folder = Folder::new("desk");
        fs::create_dir(folder.path().join("bin")).expect("the temporary folder is writable");
        symlink(binary(), folder.path().join("bin/jiazai")).expect("a link to the server");
        Self { server, folder }
    }

    fn file(&self, name: &str, content: &str) -> String {
        self.folder.file(name, content)
    }

    fn run(&self, token: &str, name: &str, words: &[&str], typed: &str) -> Done {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/admin").join(name);
        let mut child = Command::new("sh")
            .arg(script)
            .args(words)
            .env_clear()
            .envs(self.server.env().iter().cloned())
            .env("PATH", format!("{}:{}", self.folder.path().join("bin").display(), std::env::var("PATH").unwrap_or_default()))
            .env("JIAZAI", format!("http://{}", self.server.address()))
            .env("JIAZAI_TOKEN", token)
            .env("JIAZAI_DATA_DIR", self.server.data_dir())
            .env("TMPDIR", self.folder.path())
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh runs");
        child.stdin.take().expect("a pipe").write_all(typed.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Done { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    fn by(&self, who: &Staff, name: &str, words: &[&str]) -> Done {
        let session = who.log_in();
        self.run(session["access_token"].as_str().expect("a token"), name, words, "")
    }
}

#[test]
fn every_script_of_the_shelf_is_tried_and_listed() {
    let shelf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/admin");
    let guide = fs::read_to_string(shelf.join("README.md")).expect("the shelf has a guide");
    let own = include_str!("shelf.rs");
    for entry in fs::read_dir(&shelf).expect("the shelf is there") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        if let Some(stem) = name.strip_suffix(".sh").filter(|stem| *stem != "jiazai") {
            assert!(own.contains(&format!("\"{name}\"")), "nobody tries {name}");
            assert!(guide.contains(&format!("`{name}`")), "the guide leaves out {stem}");
            let text = fs::read_to_string(shelf.join(&name)).expect("readable");
            assert!(text.starts_with("#!/bin/sh\n# ") && text.contains("\n# usage: "), "{name} does not say what it is for");
        }
    }
}

#[test]
fn a_refusal_is_told_and_ends_a_script_with_curls_code() {
    let desk = Desk::new(shared());
    let refused = desk.run("nonsense", "staff-list.sh", &["dongtu"], "");
    assert_eq!((refused.code, refused.out.as_str()), (22, ""), "{refused:?}");
    assert!(refused.err.contains("token_invalid"), "{refused:?}");
    let misused = desk.run("", "staff-list.sh", &[], "");
    assert!(misused.code == 2 && misused.err.contains("usage: staff-list.sh COMMUNITY"), "{misused:?}");
    assert_eq!(desk.by(&shared().staff("admin"), "staff-list.sh", &["nowhere"]).code, 1);
}

#[test]
fn accounts_are_opened_shut_and_opened_again() {
    let (desk, admin) = (Desk::new(shared()), shared().staff("admin"));
    let (chief, code, user) = (unique("chief"), unique("place"), unique("u"));
    assert!(desk.run("", "first-administrator.sh", &[&chief], "").well().contains("password: "));
    assert!(desk.run("", "first-administrator.sh", &[&chief], "").err.contains("there already"));

    let place = desk.by(&admin, "add-community.sh", &[&code, "新社区"]).well();
    assert_eq!(desk.by(&admin, "add-community.sh", &[&code, "新社区"]).well(), place);
    let made = desk.by(&admin, "add-staff.sh", &[&code, &user, "小林", "dispatcher"]).well();
    let (id, password) = made.split_once(' ').expect("an id and a password");
    assert_eq!(desk.by(&admin, "add-staff.sh", &[&code, &user, "小林", "dispatcher"]).well(), id);
    assert!(desk.by(&admin, "staff-list.sh", &[&code]).well().contains(&format!("\"{user}\",\"小林\",\"dispatcher\",false")));

    let token = desk.run("", "sign-in.sh", &[&user], &format!("{password}\n")).well();
    let me = shared().bearer(format!("Bearer {token}"));
    me.get("/me").expect(200);
    for _ in 0..2 {
        assert_eq!(desk.by(&admin, "staff-off.sh", &[&user]).json()["disabled"], true);
    }
    me.get("/me").refuse(401, "session_revoked");
    for _ in 0..2 {
        assert_eq!(desk.by(&admin, "staff-on.sh", &[&user]).json()["disabled"], false);
    }
    let first = desk.by(&admin, "new-password.sh", &[&user]).well();
    let second = desk.by(&admin, "new-password.sh", &[&user]).well();
    assert_eq!(desk.run("", "sign-in.sh", &[&user], &format!("{first}\n")).code, 22);
    assert!(!desk.run("", "sign-in.sh", &[&user], &format!("{second}\n")).well().is_empty());
}

#[test]
fn a_key_is_rotated_without_a_gap() {
    let (desk, manager, name) = (Desk::new(shared()), shared().staff("manager"), unique("screen"));
    let old = desk.by(&manager, "make-key.sh", &["dongtu", &name, "repair:read"]).well();
    assert_eq!(desk.by(&manager, "make-key.sh", &["dongtu", &name, "repair:read"]).code, 1);
    desk.by(&manager, "rotate-key.sh", &["--retire", &name]).well();
    let new = desk.by(&manager, "rotate-key.sh", &[&name]).well();
    assert_eq!(desk.by(&manager, "rotate-key.sh", &[&name]).code, 1);
    for key in [&old, &new] {
        shared().bearer(format!("Bearer {key}")).get("/repair-tickets").expect(200);
    }
    for _ in 0..2 {
        desk.by(&manager, "rotate-key.sh", &["--retire", &name]).well();
        shared().bearer(format!("Bearer {old}")).get("/repair-tickets").refuse(401, "session_revoked");
        shared().bearer(format!("Bearer {new}")).get("/repair-tickets").expect(200);
    }
}

#[test]
fn homes_come_in_after_a_rehearsal_and_go_out_again() {
    let (desk, registry) = (Desk::new(shared()), Registry::empty(shared()));
    let head = "小区,网格,楼栋,单元,楼层,房号,面积,入住状态\n";
    let bad = desk.file("bad.csv", &format!("{head}样例一村,第1网格,9栋,1单元,1,101,没量过,空房\n"));
    let refused = desk.by(&registry.manager, "import.sh", &["--go", &registry.code, &bad]);
    assert!(refused.code == 1 && refused.out.contains("area_format"), "{refused:?}");
    let good = desk.file("good.csv", &format!("{head}样例一村,第1网格,9栋,1单元,1,101,80.5,空房\n"));
    assert_eq!(desk.by(&registry.manager, "import.sh", &[&registry.code, &good]).json()["dry_run"], true);
    assert!(!desk.by(&registry.manager, "homes.sh", &[&registry.code]).well().contains("9栋"));
    for created in [1, 0] {
        let done = desk.by(&registry.manager, "import.sh", &["--go", &registry.code, &good]).json();
        assert_eq!((&done["state"], &done["created"]), (&json!("succeeded"), &json!(created)));
    }
    assert!(desk.by(&registry.manager, "homes.sh", &[&registry.code]).well().contains("9栋"));
}

#[test]
fn who_has_seen_somebody_is_told() {
    let (desk, registry) = (Desk::new(shared()), Registry::new(shared()));
    let (_, person) = registry.known_resident("林小满", &jiazai_tests::id_number("19900501", 7), "13800138077");
    let id = person["id"].as_str().expect("an id");
    let body = json!({ "fields": ["phone"], "reason": "上门前电话联系" });
    registry.manager.post(&format!("/people/{id}/reveal"), body).expect(200);
    assert!(desk.by(&registry.manager, "who-saw.sh", &[id]).well().contains("上门前电话联系"));
    assert!(desk.by(&registry.manager, "waiting-bindings.sh", &[&registry.code]).code == 0);
}

#[test]
fn who_has_looked_into_a_child_s_application_is_told_to_auditors() {
    let (desk, season) = (Desk::new(shared()), Season::of_the_demo(shared(), &[5]));
    let family = season.family();
    let application = season.submit(&family, season.bare_draft(&family));
    let (id, reviewer) = (application["id"].as_str().expect("an id"), &season.reviewers[0]);
    reviewer.get(&format!("/enrolment-applications/{id}")).expect(200);
    let seen = desk.by(&shared().staff("auditor"), "who-saw-child.sh", &[id]).well();
    let looked = seen.lines().any(|line| line.contains(&reviewer.id()) && line.contains("get_enrolment_application"));
    assert!(looked && !seen.contains(&family.child), "{seen}");
    assert_eq!(desk.by(reviewer, "who-saw-child.sh", &[id]).code, 22);
}

#[test]
fn what_has_happened_since_yesterday_is_printed_once_each() {
    let (desk, repair) = (Desk::new(shared()), Repair::new(shared()));
    let id = repair.report()["id"].as_str().expect("an id").to_owned();
    let manager = shared().staff("manager");
    // Events are placed a moment after they happen.
    let lines = |words: &[&str]| -> Vec<Value> {
        desk.by(&manager, "events-since.sh", words).well().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let found = eventually("the ticket's event is placed", 30, || {
        let found = lines(&["", "repair_ticket.*"]);
        found.iter().any(|event| event["subject"]["id"] == id.as_str()).then_some(found)
    });
    let mut ids: Vec<&str> = found.iter().map(|event| event["id"].as_str().expect("an id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), found.len());
    assert!(lines(&["2099-01-01T00:00:00+08:00"]).is_empty());
    assert_eq!(desk.by(&manager, "events-since.sh", &["yesterday"]).code, 22);
}

#[test]
fn what_an_endpoint_did_not_take_is_sent_again_once() {
    let server = Server::start(Options::default().env("JIAZAI_WEBHOOK_ALLOW_LOOPBACK", "1"));
    let (desk, receiver, manager) = (Desk::new(&server), Receiver::open(Manner::Status(500, None)), server.staff("manager"));
    let body = json!({ "url": receiver.url(), "events": ["repair_ticket.*"], "community_id": server.community() });
    let id = manager.post("/webhooks", body).expect(201)["id"].as_str().expect("an id").to_owned();
    // A test is sent once, so it is the one delivery that fails at once.
    let test = manager.post(&format!("/webhooks/{id}/test"), json!({})).expect(200);
    let delivery = format!("/deliveries/{}", test["id"].as_str().expect("an id"));
    eventually("the test has failed", 30, || (manager.get(&delivery).expect(200)["state"] == "failed").then_some(()));
    receiver.become_(Manner::ok());
    let sent = desk.by(&manager, "resend-failed.sh", &[]).json();
    assert_eq!((&sent["id"], &sent["state"]), (&test["id"], &json!("pending")));
    eventually("it has arrived", 30, || (manager.get(&delivery).expect(200)["state"] == "delivered").then_some(()));
    assert_eq!(desk.by(&manager, "resend-failed.sh", &[]).well(), "");
}

#[test]
fn tickets_that_are_late_are_listed_and_those_of_the_ill_are_handed_over() {
    let server = Server::start(jiazai_tests::Options::default());
    let (desk, repair) = (Desk::new(&server), Repair::new(&server));
    let manager = server.staff("manager");
    let category = repair.category(jiazai_tests::CategoryDraft::new("assign"));
    for _ in 0..2 {
        let times = desk.by(&manager, "promised-times.sh", &["dongtu", &category, "10", "60", "240"]).json();
        assert_eq!((&times["accept_within_s"], &times["resolve_within_s"]), (&json!(600), &json!(14_400)));
    }
    let ticket = repair.report_in(&category);
    let id = ticket["id"].as_str().expect("an id");
    repair.dispatcher.post(&format!("/repair-tickets/{id}/assign"), json!({ "worker_id": repair.worker_id })).expect(200);
    repair.worker.post(&format!("/repair-tickets/{id}/accept"), json!({})).expect(200);
    server.sim().advance(86_400);
    assert!(desk.by(&repair.dispatcher, "overdue-tickets.sh", &["dongtu"]).well().contains(id));

    let ill = repair.worker.username.clone();
    let handed = desk.by(&manager, "hand-over.sh", &[&ill, "worker2", "生病请假"]).well();
    assert!(handed.contains(id), "{handed}");
    assert_eq!(desk.by(&manager, "hand-over.sh", &[&ill, "worker2", "生病请假"]).well(), "");
}

#[test]
fn a_round_is_opened_step_by_step() {
    let (desk, round) = (Desk::new(shared()), Drafted::draft(shared()));
    let id = round.look()["id"].as_str().expect("an id").to_owned();
    for state in ["published", "open", "open"] {
        assert_eq!(desk.by(&round.admin, "open-round.sh", &[&id]).json()["state"], state);
    }
}

#[test]
fn points_are_granted_by_a_list_once_and_the_books_agree() {
    let desk = Desk::new(shared());
    let (one, other) = (shared().resident(), shared().resident());
    let list = desk.file(&format!("{}.csv", unique("list")), &format!("{},5,好人好事\n{},7,清洁河岸\n", one.id(), other.id()));
    let manager = shared().staff("manager");
    assert_eq!(desk.by(&manager, "grant-points.sh", &[&list]).well().lines().count(), 2);
    let again = desk.by(&manager, "grant-points.sh", &[&list]);
    assert!(again.err.contains("line 2 was granted before"), "{again:?}");
    assert_eq!(again.well(), "");
    assert_eq!(one.get("/me/points").expect(200)["balance"], 5);
    assert_eq!(other.get("/me/points").expect(200)["balance"], 7);
    assert_eq!(desk.by(&shared().staff("auditor"), "verify-ledger.sh", &[]).json()["balanced"], true);
}

#[test]
fn a_roster_is_printed() {
    let (desk, volunteering) = (Desk::new(shared()), Volunteering::new(shared()));
    let shift = volunteering.shift(86_400 * 40, 5, 0);
    volunteering.sign_up(&shared().resident(), &shift);
    assert_eq!(desk.by(&volunteering.leader, "roster.sh", &[&shift]).well().lines().count(), 2);
}

#[test]
fn health_is_told_in_a_few_lines_and_a_server_that_is_away_by_the_code() {
    let desk = Desk::new(shared());
    assert!(desk.run("", "health.sh", &[], "").well().contains("\"status\":\"ok\""));
    let mut away = Command::new("sh");
    away.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/admin/health.sh")).env("JIAZAI", "http://127.0.0.1:1");
    assert_eq!(away.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("sh runs").code(), Some(7));
}

#[test]
fn a_backup_is_made_and_proved_by_restoring_it() {
    let desk = Desk::new(shared());
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port().to_string();
    let kept = desk.folder.path().join("kept").display().to_string();
    let drilled = desk.run("", "backup-drill.sh", &[&kept, &port], "");
    if is_postgres() {
        assert!(drilled.code == 1 && drilled.err.contains("pg_restore"), "{drilled:?}");
        return;
    }
    let (err, out) = (drilled.err.clone(), drilled.well());
    assert!(out.contains("\"restored_communities\":") && err.contains("kept: "), "{out} {err}");
}
