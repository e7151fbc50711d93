//! Who may do what: every operation of the document, tried by everyone, as a table in git.
//!
//! `tests/role-matrix.txt` is the table; a change of rights is a change of that file, and a new operation that is not in
//! it fails. `UPDATE_MATRIX=1` writes it anew; read the difference before you commit it.
//!
//! A cell is what came of a request in which nothing else was wrong: `ok`; 401, 403 or 404; or `rule`, when the caller got
//! past the question of rights and something else (a state, a value) stood in the way. Whatever got past that question
//! leaves the next caller a new subject, so that no cell depends on another; a refusal changes nothing, and its subject
//! serves again.

use std::cell::OnceCell;
use std::fmt::Write as _;

use jiazai_tests::season::{Season, act, plain_rules};
use jiazai_tests::{
    Bearer, CategoryDraft, Client, Family, Operation, Options, PASSWORD, PICTURE, Repair, Resident, Server, Staff, Value, Volunteering,
    id_number, instant, json, unique,
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

    /// A round of the demo's community that has taken these steps; with a confirmed application of the reporter's from the
    /// closing on.
    fn round_in(&self, steps: &[&str]) -> Season<'s> {
        let round = self.season.another_round(&[5], plain_rules());
        let season = Season {
            round,
            registry: jiazai_tests::Registry::of_the_demo(self.server),
            schools: self.season.schools.clone(),
            ..self.staffed()
        };
        for step in steps {
            if *step == "close" {
                let family = self.family();
                let application = season.submit(&family, season.bare_draft(&family));
                season.confirm(&application);
            }
            season.step(step);
        }
        season
    }

    fn staffed(&self) -> Season<'s> {
        Season {
            server: self.server,
            registry: jiazai_tests::Registry::of_the_demo(self.server),
            admin: self.season.admin.clone(),
            reviewers: self.season.reviewers.clone(),
            schools: vec![],
            round: String::new(),
        }
    }

    /// A round in which this may be asked for.
    fn round_for(&self, part: &str, method: &str) -> String {
        let all = ["publish", "open", "close", "list", "allocate", "announce"];
        let steps = match (part, method) {
            ("publish" | "rule-sets", _) => 0,
            ("open", _) => 1,
            ("close", _) => 2,
            ("list" | "draws", _) => 3,
            ("allocate" | "allocation-preview", _) => 4,
            ("announce", _) => 5,
            ("finish" | "allocation", _) => 6,
            ("draw", _) => {
                let season = self.round_in(&all[..3]);
                season.admin.post(&season.path("/draws"), json!({ "kind": "ring" })).expect(201);
                return season.round;
            }
            _ => return self.season.round.clone(),
        };
        self.round_in(&all[..steps]).round
    }

    /// An application of the reporter's in a state from which the action goes on; claimed by `reviewer1` where somebody has to.
    fn application_for(&self, action: &str) -> String {
        let [first, second] = &self.season.reviewers;
        let family = self.family();
        if matches!(action, "accept" | "decline" | "check-in" | "coordinate") {
            let season = self.round_in(&["publish", "open", "close", "list", "allocate", "announce"]);
            let list = season.admin.get(&format!("/enrolment-applications?round_id={}", season.round)).expect(200);
            let application = &list["items"][0];
            match action {
                "check-in" => drop(act(&family.parent, application, "accept", json!({})).expect(200)),
                "coordinate" => drop(act(&family.parent, application, "decline", json!({})).expect(200)),
                _ => {}
            }
            return id(application);
        }
        // In a round of its own: nobody registers as many children in one as the matrix asks for.
        let season = self.round_in(&["publish", "open"]);
        let application = season.apply(&family, season.bare_draft(&family));
        let go = |who: &dyn Client, action: &str, body: Value| {
            drop(who.post(&format!("/enrolment-applications/{}/{action}", id(&application)), body).expect(200))
        };
        if !matches!(action, "submit" | "withdraw") {
            go(&family.parent, "submit", json!({}));
        }
        match action {
            "return" | "verify" | "reject" => go(first, "claim", json!({})),
            "recheck" => {
                go(second, "claim", json!({}));
                go(second, "verify", json!({}));
            }
            "object" => {
                go(first, "claim", json!({}));
                go(first, "reject", json!({ "reason": "矩阵" }));
            }
            _ => {}
        }
        id(&application)
    }

    fn draw(&self) -> String {
        let season = self.round_in(&["publish", "open", "close"]);
        id(&season.admin.post(&season.path("/draws"), json!({ "kind": "ring" })).expect(201))
    }

    /// A ticket in a state from which the action goes on; a worker's if there is a choice.
    fn ticket_for(&self, action: &str) -> String {
        if action == "grab" {
            return id(&self.repair.report_in(&self.repair.category(CategoryDraft::new("grab"))));
        }
        let edges = self.machine["transitions"].as_array().unwrap();
        let from: Vec<&str> = edges.iter().filter(|edge| edge["action"] == action).map(|edge| edge["from"].as_str().unwrap()).collect();
        let state = ["assigned", "accepted"].into_iter().find(|state| from.contains(state)).or(from.first().copied()).unwrap_or("assigned");
        id(&self.repair.ticket_in(state))
    }

    /// The path with every parameter filled by something that exists in the demo community.
    fn fill(&self, operation: &Operation) -> String {
        let admin = self.server.staff("admin");
        let path = operation.path.strip_prefix("/api/v1").unwrap_or(&operation.path);
        let steps: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if !path.contains('{') {
            return operation.path.clone();
        }
        if let ["open311", "v2", rest @ ..] = steps.as_slice() {
            let name = match rest {
                ["services", _] => self.repair.category(CategoryDraft::new("assign")),
                ["requests" | "tokens", _] => id(&self.repair.ticket_in("assigned")),
                _ => String::new(),
            };
            return ["{code}", "{id}", "{token}"].iter().fold(path.replace("{format}", "json"), |path, part| path.replace(part, &name));
        }
        let value = match steps.as_slice() {
            ["repair-tickets", "{id}", action] if *action != "events" => self.ticket_for(action),
            ["repair-tickets", ..] => id(&self.repair.ticket_in("assigned")),
            ["repair-categories", ..] => unique("m"),
            ["staff", "{id}", "enable"] => {
                let id = admin.hire("grid_worker", self.server.community()).id();
                admin.post(&format!("/staff/{id}/disable"), json!({})).expect(200);
                id
            }
            ["volunteer-activities", "{id}", "publish"] => {
                id(&self.volunteering.leader.post("/volunteer-activities", Volunteering::draft(self.server)).expect(201))
            }
            ["volunteer-activities", ..] => Volunteering::new(self.server).activity,
            ["shifts", ..] => self.volunteering.shift(600, 5, 5),
            ["sign-ups", ..] => id(&self.sign_up(&self.repair.reporter)),
            ["swaps", "{id}", action] if *action != "withdraw" => self.swap(&self.server.resident(), &self.repair.reporter),
            ["swaps", ..] => self.swap(&self.repair.reporter, &self.server.resident()),
            ["certificates", ..] => {
                self.repair.reporter.post("/me/certificates", json!({})).expect(201)["code"].as_str().unwrap().to_owned()
            }
            ["guardian-consents", ..] => self.guardian_consent(),
            ["points", "entries", ..] => self.entry(),
            ["staff", ..] => admin.hire("grid_worker", self.server.community()).id(),
            ["files", ..] => self.upload(),
            ["estates" | "grids" | "buildings" | "homes", ..] => self.place(steps[0]),
            ["estate-groups", ..] => {
                let body = json!({ "name": unique("组") });
                id(&self.server.staff("manager").post(&format!("/communities/{}/estate-groups", self.server.community()), body).expect(201))
            }
            ["registry-proposals", ..] => id(&self.repair.reporter.post("/registry-proposals", self.proposal()).expect(201)),
            ["home-bindings", "{id}", "household"] => id(&self.repair.reporter.get("/me/home-bindings").expect(200)["items"][0]),
            ["home-bindings", "{id}", ..] => {
                let claim = json!({ "home_id": self.place("homes"), "relation": "owner" });
                id(&self.repair.server.resident().post("/home-bindings", claim).expect(201))
            }
            ["delegations", "{id}", ..] => id(&self.repair.reporter.post("/delegations", self.delegation()).expect(201)),
            ["home-visits", "{id}", ..] => id(&self.server.staff("manager").post("/home-visits", self.visit()).expect(201)),
            ["communities", "{id}", "tags", "{code}"] => {
                let tag = json!({ "code": unique("m"), "name": unique("签"), "legal_basis": "《某法》" });
                let made = self.server.staff("manager").post(&format!("/communities/{}/tags", self.server.community()), tag).expect(201);
                let code = made["code"].as_str().unwrap();
                return operation.path.replace("{id}", self.server.community()).replace("{code}", code);
            }
            ["communities", ..] => self.server.community().to_owned(),
            ["people", ..] => id(&self.person()),
            ["household-facts", ..] => id(&self.person()["facts"][0]),
            ["person-tags", ..] => {
                let manager = self.server.staff("manager");
                id(&manager.post(&format!("/people/{}/tags", id(&self.person())), json!({ "tag": "elder" })).expect(201))
            }
            ["imports", ..] => id(&self.import(self.server.staff("manager").call("POST", "/imports")).expect(202)),
            ["api-keys", ..] => {
                let body = json!({ "name": "矩阵", "scopes": ["repair:read"], "community_id": self.server.community() });
                id(&admin.post("/api-keys", body).expect(201))
            }
            ["webhooks", "{id}", "enable"] => {
                let id = self.webhook();
                admin.post(&format!("/webhooks/{id}/disable"), json!({})).expect(200);
                id
            }
            ["webhooks", ..] => self.webhook(),
            ["deliveries", ..] => id(&admin.post(&format!("/webhooks/{}/test", self.webhook()), json!({})).expect(200)),
            ["problems", ..] => "not_found".into(),
            ["content-reviews", ..] => self.held(),
            ["me", "notices", ..] => "ntc_01h455vb4pex5vsknk084sn02q".into(),
            // No link that anybody could make: it stays with 404.
            ["wechat", "pictures", _] => "none".into(),
            ["schools", ..] => self.season.schools[0].clone(),
            ["enrolment-rounds", "{id}", part] => self.round_for(part, &operation.method),
            ["enrolment-rounds", ..] if operation.method == "PUT" => self.round_in(&[]).round,
            ["enrolment-rounds", ..] => self.season.round.clone(),
            ["enrolment-applications", "{id}", action] if *action != "events" => self.application_for(action),
            ["enrolment-applications", ..] if operation.method == "PUT" => self.application_for("submit"),
            ["enrolment-applications", ..] => self.application_for("claim"),
            ["enrolment-draws", "{id}", ..] => self.draw(),
            _ => panic!("the matrix does not know what to put into {}: say so in Stage::fill", operation.path),
        };
        let (before, rest) = operation.path.split_once('{').unwrap();
        let after = rest.split_once('}').unwrap().1;
        assert!(!after.contains('{'), "two parameters in {}: say what to put there in Stage::fill", operation.path);
        format!("{before}{value}{after}")
    }

    /// Something of the reporter's that somebody has to look at.
    fn held(&self) -> String {
        let mut draft = self.repair.draft();
        draft["title"] = json!("违禁示例");
        let ticket = self.repair.reporter.post("/repair-tickets", draft).expect(201);
        let queue = self.repair.dispatcher.get("/content-reviews?limit=1").expect(200);
        assert_eq!(queue["items"][0]["subject_id"], ticket["id"]);
        id(&queue["items"][0])
    }

    /// An endpoint of the demo community; the ones before it would soon be too many.
    fn webhook(&self) -> String {
        let manager = self.server.staff("manager");
        for old in manager.get("/webhooks?limit=100").expect(200)["items"].as_array().unwrap() {
            manager.delete(&format!("/webhooks/{}", id(old))).expect(204);
        }
        let body = json!({ "url": "https://hooks.example.com/", "events": ["webhook.*"], "community_id": self.server.community() });
        id(&manager.post("/webhooks", body).expect(201))
    }

    fn sign_up(&self, who: &Resident) -> Value {
        self.volunteering.sign_up(who, &self.volunteering.shift(7200, 5, 5))
    }

    fn swap(&self, by: &Resident, with: &Resident) -> String {
        let (own, other) = (self.sign_up(by), self.sign_up(with));
        id(&by.post(&format!("/sign-ups/{}/swap", id(&own)), json!({ "with": id(&other) })).expect(201))
    }

    /// A word that somebody's guardian has given.
    fn guardian_consent(&self) -> String {
        let bound = |relation: &str, number: &str| {
            let (manager, who) = (self.server.staff("manager"), self.server.resident());
            let home = self.place("homes");
            let facts = json!([{ "home_id": home, "kind": "residence", "from": "2020-01-01" }]);
            let person = json!({ "community_id": self.server.community(), "name": "样例人", "id_number": number, "facts": facts });
            let person = manager.post("/people", person).expect(201);
            let claim = who.post("/home-bindings", json!({ "home_id": home, "relation": relation })).expect(201);
            manager.post(&format!("/home-bindings/{}/approve", id(&claim)), json!({ "person_id": person["id"] })).expect(200);
            who
        };
        let year: i32 = instant(self.server, 0)[..4].parse().expect("a year");
        let family = || {
            (
                bound("owner", &id_number(&format!("{}0101", year - 40), 995_001)),
                bound("family", &id_number(&format!("{}0101", year - 14), 995_002)),
            )
        };
        let (guardian, minor) = self.family.get_or_init(family);
        let activity = Volunteering::new(self.server).activity;
        let word = json!({ "resident_id": minor.id(), "text_version": "2026-01" });
        id(&guardian.post(&format!("/volunteer-activities/{activity}/consents"), word).expect(201))
    }

    /// Points that the reporter was granted.
    fn entry(&self) -> String {
        let grant = json!({ "resident_id": self.repair.reporter.id(), "points": 1, "reason": "矩阵" });
        id(&self.server.staff("manager").post("/points/grants", grant).expect(201))
    }

    /// A place of the demo community of that sort, in the grid of `grid1`.
    fn place(&self, sort: &str) -> String {
        let manager = self.server.staff("manager");
        let at = format!("/communities/{}", self.server.community());
        let first = |list: Value| id(&list["items"][0]);
        match sort {
            "homes" => first(manager.get(&format!("/buildings/{}/homes", self.place("buildings"))).expect(200)),
            _ => first(manager.get(&format!("{at}/{sort}")).expect(200)),
        }
    }

    /// A file of homes, of which there are none.
    fn import<'c>(&self, call: jiazai_tests::Call<'c>) -> jiazai_tests::Call<'c> {
        call.form(&[("kind", "registry"), ("format", "csv"), ("community_id", self.server.community())], b"estate,building,number\n")
    }

    fn delegation(&self) -> Value {
        json!({ "community_id": self.server.community(), "delegate_id": self.server.staff("grid1").id(), "scopes": ["repair"],
            "expires_at": instant(self.server, 90 * 86_400) })
    }

    fn proposal(&self) -> Value {
        json!({ "home_id": self.place("homes"), "changes": [{ "field": "occupancy", "value": "rented" }] })
    }

    fn visit(&self) -> Value {
        json!({ "home_id": self.place("homes"), "due_on": "2099-01-01" })
    }

    /// Somebody who lives in the grid of `grid1`.
    fn person(&self) -> Value {
        let facts = json!([{ "home_id": self.place("homes"), "kind": "residence", "from": "2020-01-01" }]);
        let body = json!({ "community_id": self.server.community(), "name": "样例人", "facts": facts });
        self.server.staff("manager").post("/people", body).expect(201)
    }

    fn upload(&self) -> String {
        id(&self.repair.reporter.call("POST", "/files").file("a.png", "image/png", PICTURE).expect(201))
    }

    /// Parameters without which an operation cannot be asked.
    fn query(&self, operation: &Operation) -> String {
        let parameters = operation.json["parameters"].as_array().cloned().unwrap_or_default();
        let asked = |name: &str| parameters.iter().any(|p| p["in"] == "query" && p["name"] == name);
        if asked("jurisdiction_id") {
            format!("?jurisdiction_id={}", self.server.community())
        } else if asked("community_id") {
            format!("?community_id={}", self.server.community())
        } else if asked("resident_id") {
            format!("?resident_id={}", self.repair.reporter.id())
        } else if asked("month") {
            "?month=2026-05".into()
        } else {
            String::new()
        }
    }

    /// A body with which nothing is wrong.
    fn body(&self, operation: &Operation, who: &Who) -> Value {
        let path = operation.path.strip_prefix("/api/v1").unwrap_or(&operation.path);
        let community = self.server.community();
        let roles = json!([{ "role": "grid_worker", "community_id": community }]);
        let steps: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (operation.method.as_str(), steps.as_slice()) {
            ("POST", ["auth", "wechat", "login"]) => json!({ "code": self.server.sim().login_code(None).0 }),
            ("POST", ["auth", "wechat", "phone"]) => match who {
                Who::Resident(someone) => json!({ "code": self.server.sim().phone_code(&someone.openid, "13812345678") }),
                _ => json!({ "code": "0" }),
            },
            ("POST", ["me", "wechat"]) => json!({ "code": self.server.sim().login_code(None).0 }),
            ("POST", ["me", "notice-consents"]) => json!({ "accepted": ["repair_progress"] }),
            // Not the right one: a change would end the column's session.
            ("POST", ["me", "password"]) => json!({ "current_password": "not-this-one", "new_password": "another-long-one" }),
            ("POST", ["me", "totp", "confirm"]) => json!({ "enrolment": "x", "code": "123456" }),
            ("POST", ["auth", "staff", "login"]) => json!({ "username": "grid1", "password": PASSWORD }),
            ("POST", ["auth", "refresh"]) => json!({ "refresh_token": self.repair.reporter.log_in()["refresh_token"] }),
            ("POST", ["staff"]) => json!({ "username": unique("m"), "display_name": "新人", "password": PASSWORD, "roles": roles }),
            ("PUT", ["staff", _]) => json!({ "display_name": "改名", "roles": roles }),
            ("POST", ["api-keys"]) => json!({ "name": "矩阵", "scopes": ["repair:read"], "community_id": community }),
            ("POST", ["webhooks"]) => json!({ "url": "https://hooks.example.com/", "events": ["*"], "community_id": community }),
            ("PUT", ["webhooks", _]) => json!({ "url": "https://hooks.example.com/", "events": ["*"] }),
            ("POST", ["webhooks", _, "replay"]) => json!({ "from": instant(self.server, -60) }),
            ("POST", ["communities", _, "buildings"]) => json!({ "name": unique("楼"), "estate_id": self.place("estates") }),
            ("POST", ["communities", _, "estates" | "estate-groups" | "grids"]) => json!({ "name": unique("甲") }),
            // Where it is: in another grid it would be out of sight for the grid worker of all later rows.
            ("POST", ["buildings", _, "regrid"]) => json!({ "grid_id": self.place("grids") }),
            ("POST", ["buildings", _, "homes"]) | ("PUT", ["homes", _]) => json!({ "number": unique("9") }),
            ("PUT", ["estates" | "grids" | "buildings", _]) => json!({ "name": unique("甲") }),
            ("PUT", ["homes", _, "occupancy"]) => json!({ "status": "rented" }),
            ("PUT", ["grids", _, "staff"]) => json!({ "staff_ids": [self.server.staff("grid1").id()] }),
            ("POST", ["home-bindings"]) => json!({ "home_id": self.place("homes"), "relation": "owner" }),
            ("POST", ["registry-proposals"]) => self.proposal(),
            ("POST", ["home-bindings" | "home-visits" | "registry-proposals", _, "reject" | "cancel"])
            | ("POST", ["content-reviews", _, "reject"]) => {
                json!({ "reason": "与登记不符" })
            }
            ("POST", ["people"]) => json!({ "community_id": community, "name": "样例人",
                "facts": [{ "home_id": self.place("homes"), "kind": "residence", "from": "2020-01-01" }] }),
            ("PUT", ["people", _]) => json!({ "name": "改名" }),
            ("POST", ["people", _, "facts"]) => json!({ "home_id": self.place("homes"), "kind": "family", "from": "2020-01-01" }),
            ("POST", ["people", _, "tags"]) => json!({ "tag": "elder" }),
            ("POST", ["people", _, "reveal"]) => json!({ "fields": ["phone"], "reason": "上门核实" }),
            ("POST", ["people", _, "record-death"]) => json!({ "deceased_on": "2024-01-01" }),
            ("POST", ["people", _, "move-out"]) => json!({ "moved_out_on": "2024-01-01" }),
            ("POST", ["household-facts", _, "correct"]) => json!({ "from": "2021-01-01", "reason": "按证件更正" }),
            ("POST", ["household-facts", _, "end"]) => json!({ "until": "2024-01-01" }),
            ("POST", ["person-tags", _, "remove"]) => json!({ "reason": "不再符合" }),
            ("POST", ["communities", _, "tags", "adopt"]) => json!({ "preset": "five" }),
            ("POST", ["communities", _, "tags"]) => json!({ "code": unique("m"), "name": unique("签"), "legal_basis": "《某法》" }),
            ("PUT", ["communities", _, "tags", _]) => json!({ "name": unique("签"), "legal_basis": "《某法》", "active": true }),
            ("POST", ["delegations"]) => self.delegation(),
            ("POST", ["home-visits"]) => self.visit(),
            ("POST", ["home-visits", _, "assign"]) => json!({ "visitor_id": self.server.staff("grid1").id() }),
            ("POST", ["home-visits", _, "finish"]) => json!({ "outcome": "met" }),
            ("POST", ["schools"]) => json!({ "name": unique("小学"), "community_ids": [community] }),
            ("POST", ["enrolment-rounds"]) => self.season.round_draft(&[5], plain_rules()),
            ("PUT", ["enrolment-rounds", _]) => self.season.round_draft(&[5], plain_rules()),
            ("POST", ["enrolment-rounds", _, "precheck"]) => json!({ "facts": { "migrant": true } }),
            ("POST", ["enrolment-rounds", _, "seat-plans"]) => {
                json!({ "seat_plans": [{ "school_id": self.season.schools[0], "seats": 60 }], "reason": "增班" })
            }
            ("POST", ["enrolment-rounds", _, "late-permits"]) => {
                json!({ "applicant_id": self.repair.reporter.id(), "until": instant(self.server, 3600), "reason": "住院" })
            }
            ("POST", ["enrolment-rounds", _, "draws"]) => json!({ "kind": "ring" }),
            ("POST", ["enrolment-rounds", _, "publish" | "open" | "close" | "list" | "allocate" | "announce" | "finish"]) => {
                json!({ "early": true, "reason": "矩阵" })
            }
            ("POST", ["enrolment-draws", _, "reveal"]) => json!({ "start": 1, "interval": 1 }),
            ("POST", ["enrolment-applications"]) => self.season.bare_draft(&self.family()),
            ("PUT", ["enrolment-applications", _]) => {
                let mut draft = self.season.bare_draft(&self.family());
                draft.as_object_mut().unwrap().remove("round_id");
                draft
            }
            ("POST", ["enrolment-applications", _, "object" | "reject" | "revoke"]) => json!({ "reason": "矩阵" }),
            ("POST", ["enrolment-applications", _, "coordinate"]) => {
                json!({ "school_id": self.season.schools[0], "reason": "矩阵" })
            }
            ("POST", ["repair-tickets"]) => self.repair.draft(),
            ("POST", ["repair-tickets", _, action]) => self.repair.right_body(action),
            ("PUT", ["repair-categories", _]) => CategoryDraft::new("assign").0,
            ("POST", ["volunteer-activities"]) => Volunteering::draft(self.server),
            ("PUT", ["volunteer-activities", _]) => {
                let mut draft = Volunteering::draft(self.server);
                draft.as_object_mut().unwrap().remove("community_id");
                draft
            }
            ("POST", ["volunteer-activities", _, "consents"]) => {
                json!({ "resident_id": self.repair.reporter.id(), "text_version": "2026-01" })
            }
            ("POST", ["volunteer-activities", _, "shifts"]) => self.volunteering.shift_draft(3600, 5, 5),
            ("POST", ["volunteer-activities", _, "shift-series"]) => {
                let (from, until) = (instant(self.server, 86_400), instant(self.server, 8 * 86_400));
                json!({ "from": from[..10], "until": until[..10], "weekdays": [6], "starts": "09:00", "duration_s": 7200, "capacity": 3 })
            }
            ("POST", ["shifts", _, "reschedule"]) => {
                json!({ "starts_at": instant(self.server, 9000), "ends_at": instant(self.server, 12_000) })
            }
            ("POST", ["shifts", _, "resize"]) => json!({ "capacity": 9, "waitlist_capacity": 9 }),
            ("POST", ["sign-ups", _, "check-in" | "check-out"]) => json!({ "code": "00000000" }),
            ("POST", ["sign-ups", _, "settle"]) => json!({ "minutes": 60, "reason": "忘记签到" }),
            ("POST", ["sign-ups", _, "swap"]) => json!({ "with": id(&self.sign_up(&self.server.resident())) }),
            ("POST", ["certificates", _, "revoke"]) => json!({ "reason": "登记有误" }),
            ("POST", ["points", "grants"]) => {
                json!({ "resident_id": self.repair.reporter.id(), "points": 1, "reason": "矩阵", "community_id": community })
            }
            ("POST", ["points", "reversals"]) => json!({ "entry_id": self.entry(), "reason": "矩阵" }),
            ("PUT", ["communities", _, "volunteer-rules"]) => {
                json!({ "strikes": 2, "within_days": 90, "block_days": 14, "costs_points": 0 })
            }
            ("PUT", ["me", "volunteer-ranking"]) => json!({ "agreed": true }),
            ("PUT", ["me"]) => json!({ "nickname": "小王" }),
            ("PUT", ["schools", _]) => json!({ "name": unique("小学"), "community_ids": [community] }),
            ("POST", ["meta", "enrolment-rule-sets", "try"]) => json!({ "rules": plain_rules() }),
            ("POST", ["communities"]) => json!({ "code": unique("m-"), "name": "新社区" }),
            _ => json!({}),
        }
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
