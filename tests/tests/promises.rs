//! What callers were promised stays: the document of this build against `tests/promises.txt`, which holds one promise a line.
//!
//! ```text
//! op POST /api/v1/repair-tickets           an operation
//! may GET /api/v1/repair-tickets limit     a parameter that may be sent
//! must PUT … community_id                  a parameter that has to be sent
//! answers POST … 201                       a success that is answered
//! takes NewTicket.title: string            a field that a request may have
//! wants NewTicket.title                    a field that a request has to have
//! gives Ticket.id: string                  a field that an answer may have
//! always Ticket.id                         a field that an answer always has
//! word TicketState: submitted              a word that a request may use
//! ```
//!
//! A promise that is gone breaks somebody, and so does a new `must` or `wants` of something that was there before: unknown
//! fields are refused here, and phones update late. Everything else that is new is an addition. `UPDATE_PROMISES=1` writes
//! additions down; what is broken on purpose is taken out of the file by hand, and its line stands between backticks in
//! `CHANGELOG.md`: against the last commits that is checked too. So is that what is deprecated is named there.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use jiazai_tests::{Value, shared};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/promises.txt");

/// Collects the promises of one document.
struct Reading<'d> {
    document: &'d Value,
    promises: BTreeSet<String>,
    /// Schemas that were walked, as part of requests or of answers.
    seen: BTreeSet<(bool, String)>,
}

impl Reading<'_> {
    fn of(document: &Value) -> BTreeSet<String> {
        let mut reading = Reading { document, promises: BTreeSet::new(), seen: BTreeSet::new() };
        for (path, item) in members(&document["paths"]) {
            for (method, operation) in members(item) {
                let name = format!("{} {path}", method.to_uppercase());
                reading.operation(&name, operation);
            }
        }
        reading.promises
    }

    fn note(&mut self, promise: String) {
        self.promises.insert(promise);
    }

    fn operation(&mut self, name: &str, operation: &Value) {
        self.note(format!("op {name}"));
        for parameter in operation["parameters"].as_array().into_iter().flatten().filter(|p| p["in"] != "path") {
            let field = parameter["name"].as_str().unwrap_or_default();
            self.note(format!("may {name} {field}"));
            if parameter["required"] == true {
                self.note(format!("must {name} {field}"));
            }
        }
        for (_, content) in members(&operation["requestBody"]["content"]) {
            self.schema(true, name, &content["schema"]);
        }
        for (status, response) in members(&operation["responses"]).filter(|(status, _)| status.starts_with('2')) {
            self.note(format!("answers {name} {status}"));
            for (_, content) in members(&response["content"]) {
                self.schema(false, name, &content["schema"]);
            }
        }
    }

    /// Walks a schema as part of requests or of answers; `name` is what an inline one is called by.
    fn schema(&mut self, asked: bool, name: &str, schema: &Value) {
        if let Some(target) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
            if self.seen.insert((asked, target.to_owned())) {
                let found = self.document["components"]["schemas"][target].clone();
                self.schema(asked, target, &found);
            }
            return;
        }
        for part in ["allOf", "oneOf", "anyOf"] {
            for inner in schema[part].as_array().into_iter().flatten() {
                self.schema(asked, name, inner);
            }
        }
        if !schema["items"].is_null() {
            self.schema(asked, name, &schema["items"]);
        }
        for (field, inner) in members(&schema["properties"]) {
            let always = schema["required"].as_array().is_some_and(|required| required.iter().any(|r| r == field.as_str()));
            let (may, must) = if asked { ("takes", "wants") } else { ("gives", "always") };
            self.note(format!("{may} {name}.{field}: {}", kind(inner)));
            if always {
                self.note(format!("{must} {name}.{field}"));
            }
            self.schema(asked, &format!("{name}.{field}"), inner);
        }
        for word in schema["enum"].as_array().into_iter().flatten().filter(|_| asked) {
            self.note(format!("word {name}: {word}"));
        }
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// What kind of value a schema stands for, in a word or a few.
fn kind(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
        return target.to_owned();
    }
    for part in ["allOf", "oneOf", "anyOf"] {
        if let Some(inner) = schema[part].as_array() {
            return inner.iter().map(kind).filter(|word| word != "null").collect::<Vec<_>>().join("|");
        }
    }
    match &schema["type"] {
        Value::String(word) if word == "array" => format!("[{}]", kind(&schema["items"])),
        Value::String(word) => word.clone(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).filter(|word| *word != "null").collect::<Vec<_>>().join("|"),
        _ => "any".to_owned(),
    }
}

/// Whether the promise asks more of callers who came along without it before.
fn is_demand(promise: &str, before: &BTreeSet<String>) -> bool {
    if let Some(demand) = promise.strip_prefix("must ") {
        let operation = demand.rsplit_once(' ').map_or(demand, |(operation, _)| operation);
        return before.contains(&format!("op {operation}"));
    }
    let Some(field) = promise.strip_prefix("wants ") else { return false };
    let owner = field.rsplit_once('.').map_or(field, |(owner, _)| owner);
    before.iter().any(|known| known.strip_prefix("takes ").is_some_and(|known| known.starts_with(&format!("{owner}."))))
}

fn broken(before: &BTreeSet<String>, now: &BTreeSet<String>) -> Vec<String> {
    // Asking less is no harm: `must` and `wants` may go, as long as the field may still be sent.
    let gone = before.difference(now).filter(|p| !p.starts_with("must ") && !p.starts_with("wants ")).map(|p| format!("gone: {p}"));
    let asked = now.difference(before).filter(|p| is_demand(p, before)).map(|p| format!("asked of all: {p}"));
    gone.chain(asked).collect()
}

#[test]
fn nothing_that_was_promised_is_taken_back() {
    let now = Reading::of(shared().document().json());
    let before: BTreeSet<String> = fs::read_to_string(FILE).unwrap_or_default().lines().map(str::to_owned).collect();
    let broken = broken(&before, &now);
    assert!(broken.is_empty(), "callers would break; see the head of this file:\n{}", broken.join("\n"));
    if std::env::var_os("UPDATE_PROMISES").is_some() {
        let text: String = now.iter().map(|promise| format!("{promise}\n")).collect();
        fs::write(FILE, text).expect("the file is writable");
        return;
    }
    let new: Vec<&String> = now.difference(&before).collect();
    assert!(new.is_empty(), "not written down yet; run with UPDATE_PROMISES=1: {new:?}");
}

const CHANGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../CHANGELOG.md");

fn changes() -> String {
    fs::read_to_string(CHANGES).expect("there is a change log")
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

/// Promises that are gone, or new demands, of which the change log says nothing.
fn unsaid(before: &BTreeSet<String>, now: &BTreeSet<String>, changes: &str) -> Vec<String> {
    let line = |found: &String| found.split_once(": ").map_or(found.clone(), |(_, promise)| promise.to_owned());
    broken(before, now).into_iter().filter(|found| !changes.contains(&format!("`{}`", line(found)))).collect()
}

#[test]
fn what_was_taken_back_in_the_last_commits_is_in_the_change_log() {
    let now = lines(&fs::read_to_string(FILE).expect("the promises"));
    let changes = changes();
    // The last commit for whoever is about to make the next one, the one before it for whoever looks at one that is made.
    // Sources without their history have nothing to be compared with.
    for commit in ["HEAD", "HEAD~1"] {
        let shown =
            Command::new("git").args(["show", &format!("{commit}:./promises.txt")]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let Some(shown) = shown.ok().filter(|shown| shown.status.success()) else { continue };
        let before = lines(&String::from_utf8_lossy(&shown.stdout));
        let unsaid = unsaid(&before, &now, &changes);
        assert!(unsaid.is_empty(), "since {commit}, and not in CHANGELOG.md between backticks:\n{}", unsaid.join("\n"));
    }
}

#[test]
fn the_change_log_knows_this_version_and_what_comes_to_its_end() {
    let (document, changes) = (shared().document(), changes());
    let version = document.json()["info"]["version"].as_str().expect("a version");
    assert!(changes.lines().any(|line| line.starts_with(&format!("## {version}"))), "no chapter for {version}");
    for operation in document.operations().iter().filter(|operation| operation.json["deprecated"] == true) {
        let name = format!("`{} {}`", operation.method, operation.path);
        assert!(changes.contains(&name), "{name} is deprecated, and the change log does not say so");
    }
}

#[test]
fn what_breaks_callers_is_said_word_for_word_or_noticed() {
    let (before, now) =
        (lines("op GET /a\nmay GET /a limit\ntakes New.title: string"), lines("op GET /a\nwants New.title\ntakes New.title: string"));
    assert_eq!(unsaid(&before, &now, "").len(), 2);
    assert_eq!(unsaid(&before, &now, "- Broken: `may GET /a limit`"), ["asked of all: wants New.title"]);
    assert_eq!(unsaid(&before, &now, "- `may GET /a limit`, `wants New.title`"), Vec::<String>::new());
    assert_eq!(unsaid(&before, &before, ""), Vec::<String>::new());
}

#[test]
fn the_reading_notices_what_breaks_callers_and_nothing_else() {
    let set = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<BTreeSet<_>>();
    let before = set(&["op GET /a", "may GET /a limit", "takes New.title: string", "gives Thing.id: string", "always Thing.id"]);
    for (change, line) in [("gone", "may GET /a limit"), ("gone", "gives Thing.id: string"), ("gone", "always Thing.id")] {
        let mut now = before.clone();
        now.remove(line);
        assert_eq!(broken(&before, &now), [format!("{change}: {line}")]);
    }
    for demand in ["must GET /a limit", "wants New.title"] {
        let mut now = before.clone();
        now.insert(demand.to_owned());
        assert_eq!(broken(&before, &now), [format!("asked of all: {demand}")]);
        assert_eq!(broken(&now, &before), Vec::<String>::new(), "asking less breaks nobody");
    }
    let mut more = before.clone();
    more.extend(set(&["op GET /b", "must GET /b day", "takes Other.name: string", "wants Other.name", "gives Thing.name: string"]));
    assert_eq!(broken(&before, &more), Vec::<String>::new(), "additions break nobody");
}
