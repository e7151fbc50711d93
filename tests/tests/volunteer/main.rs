//! Volunteer service 志愿服务: places and lines, check-in, hours, swaps, certificates; and who gets none of them.

mod activities;
mod answering;
mod attendance;
mod line;
mod people;
mod places;
mod races;
mod shown;
mod sight;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiazai_tests::{Client, Registry, Resident, Server, Value, Volunteering, id_number, instant, items, json, text};

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

fn own(who: &impl Client, sign_up: &Value) -> Value {
    who.get(&format!("/sign-ups/{}", text(sign_up, "id"))).expect(200)
}

fn act(who: &impl Client, sign_up: &Value, action: &str, body: Value) -> Value {
    who.post(&format!("/sign-ups/{}/{action}", text(sign_up, "id")), body).expect(200)
}

fn state(who: &impl Client, sign_up: &Value) -> String {
    text(&own(who, sign_up), "state").to_owned()
}

/// What the counters say, what the roster says, and what the two must be.
fn count(volunteering: &Volunteering, shift: &str) -> BTreeMap<String, i64> {
    let mut by_state = BTreeMap::new();
    let mut path = format!("/shifts/{shift}/sign-ups?limit=100");
    loop {
        let page = volunteering.leader.get(&path).expect(200);
        for sign_up in items(&page) {
            *by_state.entry(text(sign_up, "state").to_owned()).or_insert(0) += 1;
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/shifts/{shift}/sign-ups?limit=100&cursor={cursor}");
    }
    let seen = volunteering.look(shift);
    let of = |state: &str| by_state.get(state).copied().unwrap_or(0);
    assert_eq!(seen["taken"], of("confirmed") + of("present") + of("done") + of("credited") + of("absent"), "{seen} {by_state:?}");
    assert_eq!(seen["offered"], of("offered"), "{seen} {by_state:?}");
    assert_eq!(seen["waitlisted"], of("waitlisted"), "{seen} {by_state:?}");
    by_state
}

/// The first of January, so many years ago.
fn born(server: &Server, years: i32) -> String {
    let year: i32 = instant(server, 0)[..4].parse().expect("a year");
    format!("{}0101", year - years)
}

/// A community with homes, and somebody who leads volunteers in it.
struct Place<'s> {
    registry: Registry<'s>,
}

impl<'s> Place<'s> {
    fn new(server: &'s Server) -> Self {
        Self { registry: Registry::new(server) }
    }

    /// Somebody born that day who lives in a home of building 1 or 2.
    #[track_caller]
    fn known(&self, (building, number): (&str, &str), relation: &str, born_on: &str) -> Known<'s> {
        static NEXT: AtomicUsize = AtomicUsize::new(200_000);
        let home = self.registry.home(building, number);
        let facts = json!([{ "home_id": home, "kind": "residence", "from": "2024-01-01" }]);
        let id_number = id_number(born_on, NEXT.fetch_add(2, Ordering::Relaxed));
        let person = self.registry.person("赵样本", &id_number, facts);
        let who = self.registry.server.resident();
        let binding = who.post("/home-bindings", json!({ "home_id": home, "relation": relation })).expect(201);
        let approve = format!("/home-bindings/{}/approve", text(&binding, "id"));
        self.registry.manager.post(&approve, json!({ "person_id": person["id"] })).expect(200);
        Known { who, person: text(&person, "id").to_owned() }
    }

    #[track_caller]
    fn activity(&self, other: Value) -> Volunteering<'s> {
        let leader = self.registry.manager.hire("volunteer_leader", &self.registry.id);
        Volunteering::led_by(self.registry.server, leader, &self.registry.id, other)
    }

    fn estate(&self) -> String {
        text(&items(&self.registry.manager.get(&self.registry.at("estates")).expect(200))[0], "id").to_owned()
    }
}

/// Somebody whom the registry knows, with the account that is theirs.
struct Known<'s> {
    who: Resident<'s>,
    person: String,
}

fn ask(who: &impl Client, shift: &str) -> jiazai_tests::Reply {
    who.post(&format!("/shifts/{shift}/sign-ups"), json!({})).send()
}

#[track_caller]
fn refused(who: &impl Client, shift: &str, why: &str) {
    let reply = ask(who, shift).expect(403);
    assert_eq!((text(&reply.json, "code"), text(&reply.json, "detail")), ("not_eligible", why));
}

fn told(server: &Server, who: &Resident, phrase: &str) -> usize {
    server.sim().messages().iter().filter(|m| m["touser"] == who.openid.as_str() && m.to_string().contains(phrase)).count()
}
