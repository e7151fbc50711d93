//! People of the registry: who sees how much of whom, what ties them to homes, and who looked.

mod known;
mod sight;

use jiazai_tests::{Registry, Value, json, text};

fn path(person: &Value) -> String {
    format!("/people/{}", text(person, "id"))
}

fn lives_at(registry: &Registry, building: &str, number: &str) -> Value {
    json!([{ "home_id": registry.home(building, number), "kind": "residence", "from": "2020-01-01" }])
}

fn fact(home: &str, kind: &str, from: &str) -> Value {
    json!({ "home_id": home, "kind": kind, "from": from })
}
