//! A round in the demo community with two schools, in whatever state a test needs. Families and reviewers come with a
//! [`Season`](crate::season::Season).

use serde_json::{Value, json};

use crate::http::Client;
use crate::people::Staff;
use crate::read::string;
use crate::server::Server;
use crate::volunteer::instant;

const DAY: i64 = 86_400;

/// The demo community's enrolment administrator, two schools of their own, and a round.
#[derive(Debug)]
pub struct Drafted<'s> {
    pub server: &'s Server,
    pub admin: Staff<'s>,
    pub community: String,
    pub schools: [String; 2],
    pub round: String,
}

impl<'s> Drafted<'s> {
    /// A draft.
    #[track_caller]
    pub fn draft(server: &'s Server) -> Self {
        Self::with(server, json!({}))
    }

    /// A draft with other fields than usual.
    #[track_caller]
    pub fn with(server: &'s Server, other: Value) -> Self {
        Self::in_community(server, server.staff("enroladmin"), server.community(), other)
    }

    /// A draft of another community.
    #[track_caller]
    pub fn in_community(server: &'s Server, admin: Staff<'s>, community: &str, other: Value) -> Self {
        let school = |name: &str| {
            let body = json!({ "name": name, "stage": "primary", "community_ids": [community] });
            string(&admin.post("/schools", body).expect(201), "id")
        };
        let schools = [school("东涂小学"), school("田庵小学")];
        let mut body = Self::body(server, community, &schools);
        for (name, value) in other.as_object().expect("fields") {
            body[name] = value.clone();
        }
        let round = string(&admin.post("/enrolment-rounds", body).expect(201), "id");
        Self { server, admin, community: community.to_owned(), schools, round }
    }

    /// A round that has been brought to this state.
    #[track_caller]
    pub fn at(server: &'s Server, state: &str) -> Self {
        let season = Self::draft(server);
        season.go_to(state);
        season
    }

    /// What a round is made from: registration began yesterday and lasts for ten days.
    pub fn body(server: &Server, community: &str, schools: &[String; 2]) -> Value {
        json!({
            "community_id": community, "title": "2026 年秋季小学一年级", "school_year": 2026, "stage": "primary",
            "born_from": "2019-09-01", "born_to": "2020-08-31",
            "calendar": {
                "register_from": instant(server, -DAY), "register_to": instant(server, 10 * DAY), "review_to": instant(server, 20 * DAY),
                "objection_to": instant(server, 27 * DAY), "confirm_to": instant(server, 40 * DAY),
            },
            "rules": Self::rules(),
            "seat_plans": [{ "school_id": schools[0], "seats": 40 }, { "school_id": schools[1], "seats": 80 }],
            "zones": [],
        })
    }

    /// Hukou and house first, then hukou alone, then migrants.
    pub fn rules() -> Value {
        json!({
            "tiers": [
                { "code": "both", "batch": 1, "name": "有户口和房产",
                    "when": { "all": [{ "fact": "hukou_on", "op": "present" }, { "fact": "house_on", "op": "present" }] } },
                { "code": "hukou", "batch": 2, "name": "有户口无房产", "when": { "fact": "hukou_on", "op": "present" } },
                { "code": "migrant", "batch": 3, "name": "随迁子女", "when": { "fact": "migrant", "op": "eq", "value": true } },
            ],
            "documents": [
                { "kind": "vaccination" },
                { "kind": "hukou_book", "when": { "fact": "hukou_on", "op": "present" } },
                { "kind": "deed", "when": { "fact": "house_on", "op": "present" } },
            ],
            "tie_break": ["earlier:house_on", "draw"], "seat_lock_years": 6,
        })
    }

    pub fn path(&self) -> String {
        format!("/enrolment-rounds/{}", self.round)
    }

    #[track_caller]
    pub fn look(&self) -> Value {
        self.admin.get(&self.path()).expect(200)
    }

    /// Takes a step, early if need be.
    #[track_caller]
    pub fn step(&self, action: &str) -> Value {
        self.admin.post(&format!("{}/{action}", self.path()), json!({ "early": true, "reason": "测试需要" })).expect(200)
    }

    #[track_caller]
    pub fn go_to(&self, state: &str) {
        const STEPS: [(&str, &str); 7] = [
            ("publish", "published"),
            ("open", "open"),
            ("close", "closed"),
            ("list", "listed"),
            ("allocate", "allocated"),
            ("announce", "announced"),
            ("finish", "finished"),
        ];
        let here = string(&self.look(), "state");
        let place = |state: &str| STEPS.iter().position(|(_, to)| *to == state).map_or(0, |at| at + 1);
        for (action, to) in &STEPS[place(&here)..place(state)] {
            assert_eq!(string(&self.step(action), "state"), *to);
        }
    }
}
