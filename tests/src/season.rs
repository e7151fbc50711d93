//! A season of school enrolment in a community of its own: an administrator, reviewers, schools, a round, and families.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::http::{Call, Client};
use crate::people::{Resident, Staff};
use crate::read::{string, words};
use crate::registry::{Registry, id_number};
use crate::server::Server;
use crate::volunteer::instant;

/// A round and those who run it.
#[derive(Debug)]
pub struct Season<'s> {
    pub server: &'s Server,
    pub registry: Registry<'s>,
    pub admin: Staff<'s>,
    pub reviewers: [Staff<'s>; 2],
    pub schools: Vec<String>,
    pub round: String,
}

/// A parent and a child who is to go to school.
#[derive(Debug, Clone)]
pub struct Family<'s> {
    pub parent: Resident<'s>,
    /// The child's number; an even one of a girl.
    pub child: String,
    pub girl: bool,
    pub guardian: String,
}

static NEXT: AtomicUsize = AtomicUsize::new(1);

const DAY: i64 = 86_400;
/// Every child of the tests is born on this day.
pub const BORN: &str = "2020-03-04";

/// Hukou first, then migrants; who is there longer comes first, and then a draw.
pub fn plain_rules() -> Value {
    json!({
        "tiers": [
            { "code": "local", "batch": 1, "name": "有户口", "when": { "fact": "hukou_on", "op": "present" } },
            { "code": "migrant", "batch": 2, "name": "随迁子女", "when": { "fact": "migrant", "op": "eq", "value": true } }],
        "documents": [{ "kind": "hukou_book", "when": { "fact": "hukou_on", "op": "present" } }],
        "tie_break": ["earlier:hukou_on", "draw"], "seat_lock_years": 6, "max_choices": 3
    })
}

impl<'s> Season<'s> {
    /// A round that takes applications now, for schools with so many seats.
    #[track_caller]
    pub fn open(server: &'s Server, seats: &[i64]) -> Self {
        Self::open_with(server, seats, plain_rules())
    }

    #[track_caller]
    pub fn open_with(server: &'s Server, seats: &[i64], rules: Value) -> Self {
        let season = Self::drafted(server, seats, rules);
        season.step("publish");
        season.step("open");
        season
    }

    /// An open round of the demo's own community, run by the demo's own staff.
    #[track_caller]
    pub fn of_the_demo(server: &'s Server, seats: &[i64]) -> Self {
        let season = Self::drafted_in(server, Registry::of_the_demo(server), true, seats, plain_rules());
        season.step("publish");
        season.step("open");
        season
    }

    #[track_caller]
    pub fn drafted(server: &'s Server, seats: &[i64], rules: Value) -> Self {
        Self::drafted_in(server, Registry::new(server), false, seats, rules)
    }

    fn drafted_in(server: &'s Server, registry: Registry<'s>, demo: bool, seats: &[i64], rules: Value) -> Self {
        let hire = |role: &str, demo_name: &str| if demo { server.staff(demo_name) } else { registry.manager.hire(role, &registry.id) };
        let admin = hire("enrolment_admin", "enroladmin");
        let reviewers = [hire("enrolment_reviewer", "reviewer1"), hire("enrolment_reviewer", "reviewer2")];
        let school = |n: usize| {
            let body = json!({ "name": format!("样例第{}小学", n + 1), "community_ids": [registry.id] });
            string(&admin.post("/schools", body).expect(201), "id")
        };
        let schools: Vec<String> = (0..seats.len()).map(school).collect();
        let mut season = Self { server, registry, admin, reviewers, schools, round: String::new() };
        season.round = season.another_round(seats, rules);
        season
    }

    /// One more draft of a round in the same community.
    #[track_caller]
    pub fn another_round(&self, seats: &[i64], rules: Value) -> String {
        string(&self.admin.post("/enrolment-rounds", self.round_draft(seats, rules)).expect(201), "id")
    }

    /// What an administrator types in for a round that could take applications now.
    pub fn round_draft(&self, seats: &[i64], rules: Value) -> Value {
        let at = |days: i64| instant(self.server, days * DAY);
        let plans: Vec<Value> =
            self.schools.iter().zip(seats).map(|(school, seats)| json!({ "school_id": school, "seats": seats })).collect();
        json!({
            "community_id": self.registry.id, "title": "秋季小学一年级", "school_year": 2026, "stage": "primary",
            "born_from": "2019-09-01", "born_to": "2020-08-31",
            "calendar": { "register_from": at(-1), "register_to": at(10), "review_to": at(20), "objection_to": at(30), "confirm_to": at(40) },
            "rules": rules, "seat_plans": plans, "zones": [],
        })
    }

    pub fn path(&self, below: &str) -> String {
        format!("/enrolment-rounds/{}{below}", self.round)
    }

    /// Takes a step of the round, early if it has to be.
    #[track_caller]
    pub fn step(&self, step: &str) -> Value {
        self.admin.post(&self.path(&format!("/{step}")), json!({ "early": true, "reason": "测试提前进行" })).expect(200)
    }

    #[track_caller]
    pub fn steps(&self, steps: &[&str]) {
        for step in steps {
            self.step(step);
        }
    }

    /// A family that nobody has met, with a child of the round's age.
    pub fn family(&self) -> Family<'s> {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let number = id_number(&BORN.replace('-', ""), n);
        let guardian = id_number("19880607", n);
        Family { parent: self.server.resident(), girl: n.is_multiple_of(2), child: number, guardian }
    }

    /// What a family with a hukou since that day types in; a paper is uploaded for it.
    #[track_caller]
    pub fn draft(&self, family: &Family, hukou_on: &str) -> Value {
        let mut draft = self.bare_draft(family);
        draft["facts"] = json!({ "hukou_on": hukou_on, "migrant": false });
        draft["documents"] = json!([{ "kind": "hukou_book", "file_id": paper(&family.parent) }]);
        draft
    }

    /// What a migrant family types in: no paper is asked for.
    pub fn bare_draft(&self, family: &Family) -> Value {
        json!({
            "round_id": self.round,
            "child": { "name": "张小雨", "id_type": "resident_id", "id_number": family.child, "sex": if family.girl { "female" } else { "male" }, "born_on": BORN },
            "guardians": [{ "name": "李梅", "relation": "mother", "id_type": "resident_id", "id_number": family.guardian, "phone": "13812345678" }],
            "address": "样例一村 1 栋 101", "facts": { "migrant": true, "hukou_on": null }, "choices": self.schools, "documents": [],
            "consent": { "version": "2026-1", "guardian": true },
        })
    }

    #[track_caller]
    pub fn apply(&self, family: &Family, draft: Value) -> Value {
        family.parent.post("/enrolment-applications", draft).expect(201)
    }

    /// Applies and hands in.
    #[track_caller]
    pub fn submit(&self, family: &Family, draft: Value) -> Value {
        let application = self.apply(family, draft);
        act(&family.parent, &application, "submit", json!({})).expect(200)
    }

    /// Claims, verifies and rechecks by two people.
    #[track_caller]
    pub fn confirm(&self, application: &Value) -> Value {
        act(&self.reviewers[0], application, "claim", json!({})).expect(200);
        act(&self.reviewers[0], application, "verify", json!({})).expect(200);
        act(&self.reviewers[1], application, "recheck", json!({})).expect(200)
    }

    /// A family with a hukou since that day, confirmed.
    #[track_caller]
    pub fn confirmed(&self, hukou_on: &str) -> (Family<'s>, Value) {
        let family = self.family();
        let application = self.submit(&family, self.draft(&family, hukou_on));
        (family, self.confirm(&application))
    }

    /// An active binding of a parent to a home.
    #[track_caller]
    pub fn bind(&self, parent: &Resident, home: &str) {
        let binding = parent.post("/home-bindings", json!({ "home_id": home, "relation": "owner" })).expect(201);
        if binding["state"] != "active" {
            self.registry.manager.post(&format!("/home-bindings/{}/approve", string(&binding, "id")), json!({})).expect(200);
        }
    }
}

/// A paper of theirs, uploaded.
#[track_caller]
pub fn paper(parent: &impl Client) -> String {
    string(&parent.call("POST", "/files").file("a.png", "image/png", crate::PICTURE).expect(201), "id")
}

/// An action on an application, not sent yet.
pub fn act<'c>(who: &'c impl Client, application: &Value, action: &str, body: Value) -> Call<'c> {
    who.post(&format!("/enrolment-applications/{}/{action}", string(application, "id")), body)
}

/// The application as this person sees it now.
#[track_caller]
pub fn now(who: &impl Client, application: &Value) -> Value {
    who.get(&format!("/enrolment-applications/{}", string(application, "id"))).expect(200)
}

/// The sentences of an application's "why", as one text.
pub fn why(application: &Value) -> String {
    words(&application["why"]["sentences"]).join("")
}
