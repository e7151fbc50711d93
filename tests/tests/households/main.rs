//! What residents and keepers change together: change proposals, delegations, what keepers write of homes, and who is told.

mod bindings;
mod delegations;
mod homes;
mod proposals;

use jiazai_tests::{Client, Registry, Resident, Server, Staff, Value, fresh_id_number, json, text};

const PHONE: &str = "13912345678";

/// A registry, a resident whom it knows to own home 101 of building 1, and who they are in it.
struct Stage<'s> {
    registry: Registry<'s>,
    resident: Resident<'s>,
    person: Value,
    home: String,
}

impl<'s> Stage<'s> {
    fn new(server: &'s Server) -> Self {
        let registry = Registry::new(server);
        let (resident, person) = registry.known_resident("赵样一", &fresh_id_number("19800101"), PHONE);
        let home = registry.home("1栋", "101");
        Self { registry, resident, person, home }
    }

    fn worker(&self) -> &Staff<'s> {
        &self.registry.workers[0]
    }

    fn propose(&self, changes: Value) -> Value {
        self.resident.post("/registry-proposals", json!({ "home_id": self.home, "changes": changes })).expect(201)
    }

    fn about(&self, person: &Value, changes: Value) -> Value {
        let body = json!({ "home_id": self.home, "person_id": person["id"], "changes": changes });
        self.resident.post("/registry-proposals", body).expect(201)
    }

    fn person(&self, of: &Value) -> Value {
        self.registry.manager.get(&format!("/people/{}", text(of, "id"))).expect(200)
    }

    /// The kinds of what ties somebody to homes today.
    fn kinds(&self, of: &Value) -> Vec<String> {
        let mut kinds: Vec<String> =
            self.person(of)["facts"].as_array().unwrap().iter().map(|fact| text(fact, "kind").to_owned()).collect();
        kinds.sort();
        kinds
    }

    fn home_now(&self) -> Value {
        self.registry.manager.get(&format!("/homes/{}", self.home)).expect(200)
    }

    /// Somebody else of the home's family.
    fn relative(&self, name: &str) -> Value {
        let fact = |kind: &str| json!({ "home_id": self.home, "kind": kind, "from": "2020-01-01" });
        self.registry.person(name, &fresh_id_number("19800101"), json!([fact("family"), fact("residence"), fact("hukou")]))
    }
}

fn at(proposal: &Value) -> String {
    format!("/registry-proposals/{}", text(proposal, "id"))
}

fn change(field: &str, value: &str) -> Value {
    json!([{ "field": field, "value": value }])
}

/// A tenant of home 101 whom the registry knows, bound at once: account, person, binding.
fn tenant<'s>(registry: &Registry<'s>, until: Option<&str>) -> (Resident<'s>, Value, Value) {
    let (number, phone, home) = (fresh_id_number("19800101"), "13611112222", registry.home("1栋", "101"));
    let mut fact = json!({ "home_id": home, "kind": "tenant", "from": "2024-01-01" });
    if let Some(until) = until {
        fact["until"] = json!(until);
    }
    let body = json!({ "community_id": registry.id, "name": "租样一", "id_number": number, "phone": phone, "facts": [fact] });
    let person = registry.manager.post("/people", body).expect(201);
    let resident = registry.server.resident();
    resident.bind_phone(phone);
    let claim = json!({ "home_id": home, "relation": "tenant", "name": "租样一", "id_number": number });
    let binding = resident.post("/home-bindings", claim).expect(201);
    assert_eq!(text(&binding, "state"), "active");
    (resident, person, binding)
}
