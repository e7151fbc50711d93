//! What is acted upon: for each operation a subject in the state in which nothing but rights is in the way.

use jiazai_tests::season::{Season, act, plain_rules};
use jiazai_tests::{CategoryDraft, Client, Operation, PICTURE, Resident, Value, Volunteering, id_number, instant, json, unique};

use super::{Stage, id};

impl<'s> Stage<'s> {
    /// A round of the demo's community that has taken these steps; with a confirmed application of the reporter's from the
    /// closing on.
    pub(super) fn round_in(&self, steps: &[&str]) -> Season<'s> {
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

    pub(super) fn staffed(&self) -> Season<'s> {
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
    pub(super) fn round_for(&self, part: &str, method: &str) -> String {
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
    pub(super) fn application_for(&self, action: &str) -> String {
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

    pub(super) fn draw(&self) -> String {
        let season = self.round_in(&["publish", "open", "close"]);
        id(&season.admin.post(&season.path("/draws"), json!({ "kind": "ring" })).expect(201))
    }

    /// A ticket in a state from which the action goes on; a worker's if there is a choice.
    pub(super) fn ticket_for(&self, action: &str) -> String {
        if action == "grab" {
            return id(&self.repair.report_in(&self.repair.category(CategoryDraft::new("grab"))));
        }
        let edges = self.machine["transitions"].as_array().unwrap();
        let from: Vec<&str> = edges.iter().filter(|edge| edge["action"] == action).map(|edge| edge["from"].as_str().unwrap()).collect();
        let state = ["assigned", "accepted"].into_iter().find(|state| from.contains(state)).or(from.first().copied()).unwrap_or("assigned");
        id(&self.repair.ticket_in(state))
    }

    /// The path with every parameter filled by something that exists in the demo community.
    pub(super) fn fill(&self, operation: &Operation) -> String {
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
    pub(super) fn held(&self) -> String {
        let mut draft = self.repair.draft();
        draft["title"] = json!("违禁示例");
        let ticket = self.repair.reporter.post("/repair-tickets", draft).expect(201);
        let queue = self.repair.dispatcher.get("/content-reviews?limit=1").expect(200);
        assert_eq!(queue["items"][0]["subject_id"], ticket["id"]);
        id(&queue["items"][0])
    }

    /// An endpoint of the demo community; the ones before it would soon be too many.
    pub(super) fn webhook(&self) -> String {
        let manager = self.server.staff("manager");
        for old in manager.get("/webhooks?limit=100").expect(200)["items"].as_array().unwrap() {
            manager.delete(&format!("/webhooks/{}", id(old))).expect(204);
        }
        let body = json!({ "url": "https://hooks.example.com/", "events": ["webhook.*"], "community_id": self.server.community() });
        id(&manager.post("/webhooks", body).expect(201))
    }

    pub(super) fn sign_up(&self, who: &Resident) -> Value {
        self.volunteering.sign_up(who, &self.volunteering.shift(7200, 5, 5))
    }

    pub(super) fn swap(&self, by: &Resident, with: &Resident) -> String {
        let (own, other) = (self.sign_up(by), self.sign_up(with));
        id(&by.post(&format!("/sign-ups/{}/swap", id(&own)), json!({ "with": id(&other) })).expect(201))
    }

    /// A word that somebody's guardian has given.
    pub(super) fn guardian_consent(&self) -> String {
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
    pub(super) fn entry(&self) -> String {
        let grant = json!({ "resident_id": self.repair.reporter.id(), "points": 1, "reason": "矩阵" });
        id(&self.server.staff("manager").post("/points/grants", grant).expect(201))
    }

    /// A place of the demo community of that sort, in the grid of `grid1`.
    pub(super) fn place(&self, sort: &str) -> String {
        let manager = self.server.staff("manager");
        let at = format!("/communities/{}", self.server.community());
        let first = |list: Value| id(&list["items"][0]);
        match sort {
            "homes" => first(manager.get(&format!("/buildings/{}/homes", self.place("buildings"))).expect(200)),
            _ => first(manager.get(&format!("{at}/{sort}")).expect(200)),
        }
    }

    /// A file of homes, of which there are none.
    pub(super) fn import<'c>(&self, call: jiazai_tests::Call<'c>) -> jiazai_tests::Call<'c> {
        call.form(&[("kind", "registry"), ("format", "csv"), ("community_id", self.server.community())], b"estate,building,number\n")
    }

    pub(super) fn delegation(&self) -> Value {
        json!({ "community_id": self.server.community(), "delegate_id": self.server.staff("grid1").id(), "scopes": ["repair"],
            "expires_at": instant(self.server, 90 * 86_400) })
    }

    pub(super) fn proposal(&self) -> Value {
        json!({ "home_id": self.place("homes"), "changes": [{ "field": "occupancy", "value": "rented" }] })
    }

    pub(super) fn visit(&self) -> Value {
        json!({ "home_id": self.place("homes"), "due_on": "2099-01-01" })
    }

    /// Somebody who lives in the grid of `grid1`.
    pub(super) fn person(&self) -> Value {
        let facts = json!([{ "home_id": self.place("homes"), "kind": "residence", "from": "2020-01-01" }]);
        let body = json!({ "community_id": self.server.community(), "name": "样例人", "facts": facts });
        self.server.staff("manager").post("/people", body).expect(201)
    }

    pub(super) fn upload(&self) -> String {
        id(&self.repair.reporter.call("POST", "/files").file("a.png", "image/png", PICTURE).expect(201))
    }
}
