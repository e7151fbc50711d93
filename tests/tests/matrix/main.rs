//! Who may do what: every operation of the document, tried by everyone, as a table in git.
//!
//! `tests/role-matrix.txt` is the table; a change of rights is a change of that file, and a new operation that is not in
//! it fails. `UPDATE_MATRIX=1` writes it anew; read the difference before you commit it.
//!
//! A cell is what came of a request in which nothing else was wrong: `ok`; 401, 403 or 404; or `rule`, when the caller got
//! past the question of rights and something else (a state, a value) stood in the way. Whatever got past that question
//! leaves the next caller a new subject, so that no cell depends on another; a refusal changes nothing, and its subject
//! serves again.

mod bodies;
mod subjects;

use std::cell::OnceCell;
use std::fmt::Write as _;

use jiazai_tests::season::Season;
use jiazai_tests::{
    Bearer, CategoryDraft, Client, Family, Operation, Options, PICTURE, Repair, Resident, Server, Staff, Value, Volunteering, json,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/role-matrix.txt");

/// One column of the table.
enum Who<'s> {
    Nobody,
    Resident(Resident<'s>),
    Staff(Staff<'s>),
    /// A program whose key has every scope there is.
    Program(Bearer<'s>),
}

struct Stage<'s> {
    server: &'s Server,
    repair: Repair<'s>,
    /// At any hour, so that one person may have many places.
    volunteering: Volunteering<'s>,
    /// An open round of the demo's community.
    season: Season<'s>,
    machine: Value,
    columns: Vec<(&'static str, Who<'s>)>,
    /// The id and the text of the key that the last column has.
    key: (String, String),
    /// A guardian and a minor, neither of them a column: a home of their own would change what the reporter sees of homes.
    family: OnceCell<(Resident<'s>, Resident<'s>)>,
}

impl<'s> Stage<'s> {
    fn set(server: &'s Server) -> Self {
        let repair = Repair::new(server);
        let volunteering = Volunteering::with(server, json!({ "flexible": true }));
        // Somebody has to have served before there is a certificate; this moves the clock, so it comes first.
        volunteering.serve(&repair.reporter);
        let admin = server.staff("admin");
        let elsewhere = server.other_community();
        let mut columns = vec![
            ("nobody", Who::Nobody),
            ("reporter", Who::Resident(repair.reporter.clone())),
            ("resident", Who::Resident(server.resident())),
        ];
        // `worker1` is the worker of the ticket in question, `worker2` a colleague.
        for name in ["admin", "manager", "dispatcher", "worker1", "worker2", "enroladmin", "reviewer1", "leader", "grid1", "auditor"] {
            columns.push((name, Who::Staff(server.staff(name))));
        }
        // Roles that the demo's staff do not have; the officers and the merchant stand for all that have no say in repair.
        for (name, role) in [("property", "property_manager"), ("officer", "street_officer"), ("merchant", "merchant")] {
            columns.push((name, Who::Staff(admin.hire(role, server.community()))));
        }
        columns.push(("elsewhere:manager", Who::Staff(admin.hire("community_admin", elsewhere))));
        columns.push(("elsewhere:dispatcher", Who::Staff(admin.hire("dispatcher", elsewhere))));
        columns.push(("elsewhere:worker", Who::Staff(admin.hire("repair_worker", elsewhere))));
        let key = key(server);
        columns.push(("key", Who::Program(server.bearer(format!("Bearer {}", key.1)))));
        let machines = server.anon().get("/meta/state-machines").expect(200);
        let machine = machines["items"].as_array().unwrap().iter().find(|m| m["name"] == "repair_ticket").unwrap().clone();
        let season = Season::of_the_demo(server, &[50]);
        let stage = Self { server, repair, volunteering, season, machine, columns, key, family: OnceCell::new() };
        stage.settle_in();
        stage
    }

    /// The reporter is bound to a home of the first grid, and the community has tags.
    fn settle_in(&self) {
        let manager = self.server.staff("manager");
        let claim = json!({ "home_id": self.place("homes"), "relation": "owner" });
        let binding = id(&self.repair.reporter.post("/home-bindings", claim).expect(201));
        manager.post(&format!("/home-bindings/{binding}/approve"), json!({})).expect(200);
        manager.post(&format!("/communities/{}/tags/adopt", self.server.community()), json!({ "preset": "five" })).expect(200);
    }

    /// A child of the reporter's.
    fn family(&self) -> Family<'s> {
        Family { parent: self.repair.reporter.clone(), ..self.season.family() }
    }

    fn ask(&self, operation: &Operation, who: &Who<'s>, subject: &mut Option<String>) -> String {
        // What ends a session or an account must not end the column's own.
        let ends = operation.path.ends_with("/auth/logout") || (operation.method == "DELETE" && operation.path.ends_with("/me"));
        let anon = self.server.anon();
        let fresh_resident;
        let fresh_staff;
        let client: &dyn Client = match who {
            Who::Nobody => &anon,
            Who::Resident(_) if operation.method == "DELETE" && ends => {
                fresh_resident = self.server.resident();
                &fresh_resident
            }
            Who::Resident(someone) if ends => {
                fresh_resident = someone.on_another_device();
                &fresh_resident
            }
            Who::Resident(someone) => someone,
            Who::Staff(someone) if ends => {
                fresh_staff = someone.on_another_device();
                &fresh_staff
            }
            Who::Staff(someone) => someone,
            Who::Program(program) => program,
        };
        let path = subject.take().unwrap_or_else(|| self.fill(operation));
        let cell = self.send(client, operation, who, &path);
        if operation.method == "GET" || matches!(cell.as_str(), "401" | "403" | "404") {
            *subject = Some(path);
        }
        cell
    }

    /// The same about a ticket that does not exist.
    fn ask_about_nothing(&self, operation: &Operation, who: &Who<'s>) -> String {
        let Who::Staff(someone) = who else { panic!("only asked of staff") };
        self.send(someone, operation, who, &operation.path.replace("{id}", "tkt_01h455vb4pex5vsknk084sn02q"))
    }

    fn send(&self, client: &dyn Client, operation: &Operation, who: &Who, path: &str) -> String {
        let path = format!("{path}{}", self.query(operation));
        let call = client.plain(&operation.method, &path);
        let call = match operation.method.as_str() {
            _ if operation.path.ends_with("/files") => call.file("a.png", "image/png", PICTURE),
            "POST" if operation.path.ends_with("/imports") => self.import(call),
            "POST" if operation.json["requestBody"]["content"].get("application/x-www-form-urlencoded").is_some() => {
                let category = self.repair.category(CategoryDraft::new("assign"));
                let (key_id, key) = &self.key;
                let client =
                    if operation.path.starts_with("/oauth") { format!("client_id={key_id}&client_secret={key}&") } else { String::new() };
                let about = if operation.path.contains("/servicerequestupdates") {
                    format!("service_request_id={}&description=more&", id(&self.repair.ticket_in("assigned")))
                } else {
                    String::new()
                };
                let form = format!("{client}{about}grant_type=client_credentials&service_code={category}&address_string=north");
                call.bytes("application/x-www-form-urlencoded", form.into_bytes())
            }
            "POST" => call.json(&self.body(operation, who)),
            "PUT" => call.json(&self.body(operation, who)).header("If-Match", "*"),
            _ => call,
        };
        let reply = call.send();
        match reply.status {
            200..=399 => "ok".into(),
            401 | 403 | 404 => reply.status.to_string(),
            400..=499 => "rule".into(),
            _ => panic!("{}", reply.describe()),
        }
    }
}

/// Made with whatever the server offers, so that a new scope is in the table as soon as there is one.
fn key(server: &Server) -> (String, String) {
    let offered = &server.document().json()["components"]["schemas"]["NewApiKey"]["properties"]["scopes"]["items"]["enum"];
    assert!(offered.as_array().is_some_and(|all| all.len() > 9), "the document names no scopes: {offered}");
    let body = json!({ "name": "矩阵", "scopes": offered, "community_id": server.community(), "per_minute": 60_000 });
    let made = server.staff("manager").post("/api-keys", body).expect(201);
    (id(&made), made["key"].as_str().expect("a key").to_owned())
}

fn id(thing: &Value) -> String {
    thing["id"].as_str().unwrap_or_else(|| panic!("no id in {thing}")).to_owned()
}

#[test]
fn the_role_matrix_is_as_committed() {
    let server = Server::start(Options::default());
    let stage = Stage::set(&server);
    let mut operations: Vec<&Operation> = server.document().operations().iter().collect();
    operations.sort_by_key(|operation| (&operation.path, &operation.method));
    let wide = operations.iter().map(|o| o.path.len()).max().unwrap_or(0) + 8;

    let mut table = String::from(
        "Who may do what. ok: done; rule: allowed, but a state or a value stood in the way. Written by the test `matrix`, read by people.\n\n",
    );
    // Names stand upright above their columns, one letter a line, so that the table stays narrow enough to read.
    for (n, (name, _)) in stage.columns.iter().enumerate() {
        writeln!(table, "{:wide$}{}┌ {name}", "", "│    ".repeat(n)).unwrap();
    }
    let mut faults = Vec::new();
    for operation in operations {
        write!(table, "{:wide$}", format!("{:<6} {}", operation.method, operation.path)).unwrap();
        let secured = operation.json["security"]
            .as_array()
            .is_some_and(|all| !all.is_empty() && all.iter().all(|needs| needs.as_object().is_some_and(|n| !n.is_empty())));
        let mut subject = None;
        for (name, who) in &stage.columns {
            let cell = stage.ask(operation, who, &mut subject);
            let at = format!("{} {} by {name}: {cell}", operation.method, operation.path);
            match *name {
                "nobody" if secured && cell != "401" => faults.push(format!("{at}, though the document asks for an identity")),
                "nobody" if !secured && cell == "401" => faults.push(format!("{at}, though the document asks for none")),
                _ if *name != "nobody" && cell == "401" => faults.push(format!("{at}, though they are logged in")),
                // Another community's staff do not learn that a ticket is there: it is absent to them, or they are sent away
                // for lack of a role before anybody looks, which the same request about nothing proves.
                foreign
                    if foreign.starts_with("elsewhere")
                        && operation.path.contains("/repair-tickets/{id}")
                        && cell != "404"
                        && (cell != "403" || stage.ask_about_nothing(operation, who) != "403") =>
                {
                    faults.push(at);
                }
                _ => {}
            }
            write!(table, "{cell:<5}").unwrap();
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    if std::env::var("UPDATE_MATRIX").is_ok_and(|v| v == "1") {
        std::fs::write(FILE, &table).expect("the matrix can be written");
        return;
    }
    let committed = std::fs::read_to_string(FILE).unwrap_or_default();
    let (old, new): (Vec<&str>, Vec<&str>) = (committed.lines().collect(), table.lines().collect());
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}\n"));
    let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}\n"));
    let difference: String = gone.chain(come).collect();
    assert!(difference.is_empty(), "rights have changed; if that is meant, run this test with UPDATE_MATRIX=1\n{difference}");
}
