//! `docs/examples/`: what a partner builds with nothing but the documents, run as they would run it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use jiazai_tests::{
    CategoryDraft, Client, Folder, Manner, Options, PASSWORD, Receiver, Repair, Server, Value, eventually, json, string, unique,
};

const PATIENCE_S: u64 = 30;

fn started() -> Server {
    Server::start(Options::default().env("JIAZAI_WEBHOOK_ALLOW_LOOPBACK", "1"))
}

fn key(server: &Server, scopes: &[&str]) -> String {
    let body = json!({ "name": unique("伙伴"), "scopes": scopes, "community_id": server.community() });
    server.staff("manager").post("/api-keys", body).expect(201)["key"].as_str().expect("a key").to_owned()
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name)
}

/// How a program ended, and what it said.
#[derive(Debug)]
struct Done {
    code: i32,
    out: String,
    err: String,
}

fn done(command: &mut Command) -> Done {
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Done { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// The property firm's program, with its memory in a folder.
struct Firm {
    folder: Folder,
    port: u16,
    env: Vec<(&'static str, String)>,
}

/// The program while it listens; shot when dropped.
struct Listening(Child);

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Firm {
    fn new(server: &Server, category: &str) -> Self {
        let folder = Folder::new("example");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let scopes = ["repair:read", "repair:write", "events:read", "webhooks:read", "webhooks:write"];
        let env = vec![
            ("JIAZAI", format!("http://{}", server.address())),
            ("FIRM_KEY", key(server, &scopes)),
            ("FIRM_USER", "worker1".to_owned()),
            ("FIRM_PASSWORD", PASSWORD.to_owned()),
            ("FIRM_CATEGORIES", category.to_owned()),
            ("FIRM_PORT", port.to_string()),
            ("FIRM_STATE", folder.path().join("memory.sqlite").display().to_string()),
            // Only what is sent to it wakes it: the feed is asked at the start and not again while the test lasts.
            ("FIRM_EVERY_S", "86400".to_owned()),
        ];
        Self { folder, port, env }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("python3");
        command.arg(example("property_firm.py")).args(words).envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    fn listen(&self) -> Listening {
        let said = File::create(self.folder.path().join("said")).expect("writable");
        let err = said.try_clone().expect("a second handle");
        let child = self.command(&["serve"]).stdin(Stdio::null()).stdout(said).stderr(err).spawn().expect("python3 runs");
        let listening = Listening(child);
        eventually("the firm listens", PATIENCE_S, || self.said().contains("listening").then_some(()));
        listening
    }

    /// Something that pretends to be a delivery: the status that the firm answers.
    fn pretend(&self, headers: &str, body: &str) -> u16 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        write!(stream, "POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
            .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
    }
}

#[track_caller]
fn await_state(repair: &Repair, ticket: &str, state: &str) -> Value {
    let look = || repair.dispatcher.get(&format!("/repair-tickets/{ticket}")).expect(200);
    eventually(&format!("{ticket} is {state}"), PATIENCE_S, || Some(look()).filter(|now| now["state"] == state))
}

#[test]
fn a_property_firm_takes_on_what_is_reported_ends_it_and_catches_up_after_an_hour_away() {
    let server = started();
    let repair = Repair::new(&server);
    let category = repair.category(CategoryDraft::new("assign"));
    let firm = Firm::new(&server, &category);
    let listening = firm.listen();

    // By webhook, within moments.
    let ticket = string(&repair.report_in(&category), "id");
    let other = string(&repair.report(), "id");
    let taken = await_state(&repair, &ticket, "accepted");
    assert_eq!(taken["worker_id"], repair.worker_id.as_str());
    assert_eq!(repair.dispatcher.get(&format!("/repair-tickets/{other}")).expect(200)["state"], "submitted", "not of its categories");

    // Whoever does not know the secret, and whoever sends an old recording, is not heard.
    let body = json!({ "id": "evt_x", "type": "repair_ticket.submitted", "subject": { "id": other } }).to_string();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    for moment in [now, now - 3600] {
        let headers = format!("webhook-id: evt_x\r\nwebhook-timestamp: {moment}\r\nwebhook-signature: v1,AAAA\r\n");
        assert_eq!(firm.pretend(&headers, &body), 401);
    }
    assert_eq!(firm.pretend("", &body), 401);

    // What comes a second time is the same event: nothing is done again.
    let manager = server.staff("manager");
    let hook = string(&manager.get("/webhooks").expect(200)["items"][0], "id");
    let deliveries = eventually("both are delivered", PATIENCE_S, || {
        let log = manager.get(&format!("/webhooks/{hook}/deliveries?state=delivered")).expect(200);
        log["items"].as_array().filter(|items| items.len() == 2).cloned()
    });
    for delivery in deliveries {
        let path = format!("/deliveries/{}", string(&delivery, "id"));
        manager.post(&format!("{path}/replay"), json!({})).expect(200);
        eventually("it is delivered again", PATIENCE_S, || (manager.get(&path).expect(200)["state"] == "delivered").then_some(()));
    }
    let history = |ticket: &str| -> Vec<String> {
        let events = repair.dispatcher.get(&format!("/repair-tickets/{ticket}/events")).expect(200);
        events["items"].as_array().expect("a history").iter().map(|event| string(event, "type")).collect()
    };
    assert_eq!(history(&ticket), ["repair_ticket.submitted", "repair_ticket.assigned", "repair_ticket.accepted"]);

    // The work is done.
    let resolved = done(&mut firm.command(&["resolve", &ticket, "换了灯泡"]));
    assert_eq!((resolved.code, resolved.out.trim()), (0, format!("resolved {ticket}").as_str()), "{resolved:?}");
    let now = repair.dispatcher.get(&format!("/repair-tickets/{ticket}")).expect(200);
    assert_eq!((&now["state"], &now["resolution"]["note"]), (&json!("resolved"), &json!("换了灯泡")));

    // An hour away: no webhook arrives, and what was missed is in the feed.
    drop(listening);
    let missed = string(&repair.report_in(&category), "id");
    let over = string(&repair.report_in(&category), "id");
    repair.dispatcher.post(&format!("/repair-tickets/{over}/cancel"), json!({ "reason": "重复上报" })).expect(200);
    server.sim().advance(3600);
    eventually("what was missed is placed in the feed", PATIENCE_S, || {
        let feed = manager.get("/events?types=repair_ticket.cancelled").expect(200);
        feed["items"].as_array()?.iter().any(|event| event["subject"]["id"] == over.as_str()).then_some(())
    });
    let caught_up = done(&mut firm.command(&["reconcile"]));
    assert!(caught_up.code == 0 && caught_up.out.starts_with("2 new events\n"), "{caught_up:?}");
    await_state(&repair, &missed, "accepted");
    assert_eq!(history(&over), ["repair_ticket.submitted", "repair_ticket.cancelled"], "what is over is left alone");
    let again = done(&mut firm.command(&["reconcile"]));
    assert!(again.code == 0 && again.out == "0 new events\n", "{again:?}");
}

#[test]
fn a_firm_whose_key_is_no_good_is_told_so_and_ends() {
    let server = started();
    let mut firm = Firm::new(&server, "");
    firm.env.retain(|(name, _)| *name != "FIRM_KEY");
    firm.env.push(("FIRM_KEY", "jz_live_nonsense".to_owned()));
    let refused = done(&mut firm.command(&["reconcile"]));
    assert!(refused.code == 1 && refused.err.contains("401 token_invalid"), "{refused:?}");
    assert!(done(&mut firm.command(&["dance"])).err.contains("property_firm.py reconcile"));
}

/// The administrator's nightly script.
fn night(server: &Server, key: &str, folder: &Path) -> Done {
    let mut command = Command::new("sh");
    command.arg(example("nightly.sh")).arg(folder);
    done(command.env("JIAZAI", format!("http://{}", server.address())).env("JIAZAI_KEY", key))
}

#[test]
fn a_night_s_round_writes_down_what_is_late_what_happened_and_what_was_not_delivered() {
    let server = started();
    let repair = Repair::new(&server);
    let ticket = string(&repair.report(), "id");
    server.sim().advance(4 * 86_400);
    let (receiver, manager) = (Receiver::open(Manner::Status(500, None)), server.staff("manager"));
    let body = json!({ "url": receiver.url(), "events": ["repair_category.*"], "community_id": server.community() });
    let hook = string(&manager.post("/webhooks", body).expect(201), "id");
    let test = string(&manager.post(&format!("/webhooks/{hook}/test"), json!({})).expect(200), "id");
    let state = |wanted: &str| {
        eventually(wanted, PATIENCE_S, || (manager.get(&format!("/deliveries/{test}")).expect(200)["state"] == wanted).then_some(()));
    };
    state("failed");
    receiver.become_(Manner::ok());

    // An anchor is the end of what is sealed: that of a log of which nothing is sealed yet would be none.
    let auditor = server.staff("auditor");
    eventually("something is sealed", PATIENCE_S, || {
        (!auditor.get("/audit-events/anchor").expect(200)["position"].is_null()).then_some(())
    });
    let key = key(&server, &["repair:export", "events:read", "webhooks:read", "webhooks:write", "audit:read", "audit:export"]);
    let home = Folder::new("example");
    let first = night(&server, &key, home.path());
    assert_eq!(first.code, 3, "{first:?}");
    assert!(first.err.contains("1 deliveries had failed") && first.err.contains("are late"), "{first:?}");
    state("delivered");
    let day =
        fs::read_dir(home.path()).expect("a folder").flatten().map(|entry| entry.path()).find(|path| path.is_dir()).expect("the day's");
    let read = |name: &str| fs::read_to_string(day.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(read("overdue.csv").starts_with("\u{feff}id,") && read("overdue.csv").contains(&ticket));
    assert!(read("events.ndjson").contains(&ticket) && read("refusals.csv").starts_with("id,"));
    assert_eq!(serde_json::from_str::<Value>(&read("audit.json")).expect("JSON")["intact"], true);
    assert!(read("key.json").contains("\"remaining\""));
    let anchors = fs::read_to_string(home.path().join("anchors.txt")).expect("a file");
    assert_eq!(anchors.lines().count(), 1, "{anchors}");
    assert!(anchors.lines().all(|line| line.split(' ').nth(1).is_some_and(|hash| hash.len() == 64)), "{anchors}");

    let second = night(&server, &key, home.path());
    assert!(second.code == 3 && second.err.contains("0 sent again"), "{second:?}");
    let events = read("events.ndjson");
    let mut ids: Vec<String> = events.lines().map(|line| string(&serde_json::from_str(line).expect("JSON"), "id")).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "each event once, however many nights");

    let refused = night(&server, "jz_live_nonsense", home.path());
    assert!(refused.code == 22 && refused.err.contains("token_invalid"), "{refused:?}");
    assert_eq!(done(Command::new("sh").arg(example("nightly.sh"))).code, 2);
    let mut away = Command::new("sh");
    away.arg(example("nightly.sh")).arg(home.path()).env("JIAZAI", "http://127.0.0.1:1").env("JIAZAI_KEY", key);
    assert_eq!(done(&mut away).code, 7);
}
