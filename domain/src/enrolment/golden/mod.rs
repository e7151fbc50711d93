//! The golden rule sets of [`samples`](super::samples), each held against its table of cases. The reader of JSON here is for
//! tests; those for production stand where JSON arrives.

mod cases;

use serde_json::Value as Json;

use super::rules::{DocumentInput, ExprInput, PerInput, PointsInput, RuleSet, RuleSetInput, TierInput, ValueInput};

pub(super) const ANXI: &str = include_str!("anxi.json");
pub(super) const FUZHOU: &str = include_str!("fuzhou.json");
pub(super) const YONGAN: &str = include_str!("yongan.json");
pub(super) const POINTS: &str = include_str!("points.json");

pub(super) fn value(json: &Json) -> ValueInput {
    match json {
        Json::Null => ValueInput::Null,
        Json::Bool(flag) => ValueInput::Bool(*flag),
        Json::Number(n) => n.as_i64().map_or(ValueInput::Other, ValueInput::Int),
        Json::String(text) => ValueInput::Text(text.clone()),
        _ => ValueInput::Other,
    }
}

fn text(json: &Json) -> String {
    json.as_str().expect("a text").to_owned()
}

fn list<T>(json: &Json, each: impl Fn(&Json) -> T) -> Vec<T> {
    json.as_array().map(|all| all.iter().map(each).collect()).unwrap_or_default()
}

pub(super) fn expr(json: &Json) -> ExprInput {
    if json["all"].is_array() {
        ExprInput::All(list(&json["all"], expr))
    } else if json["any"].is_array() {
        ExprInput::Any(list(&json["any"], expr))
    } else if json["not"].is_object() {
        ExprInput::Not(Box::new(expr(&json["not"])))
    } else {
        ExprInput::Fact { fact: text(&json["fact"]), op: text(&json["op"]), value: json.get("value").map(value) }
    }
}

pub(super) fn input(json: &Json) -> RuleSetInput {
    RuleSetInput {
        tiers: list(&json["tiers"], |t| TierInput {
            code: text(&t["code"]),
            batch: t["batch"].as_i64().expect("a batch"),
            name: text(&t["name"]),
            when: expr(&t["when"]),
        }),
        documents: list(&json["documents"], |d| DocumentInput { kind: text(&d["kind"]), when: d.get("when").map(expr) }),
        points: list(&json["points"], |p| PointsInput {
            code: text(&p["code"]),
            name: text(&p["name"]),
            when: p.get("when").map(expr),
            points: p["points"].as_i64().expect("points"),
            per: p.get("per").map(|per| PerInput {
                fact: text(&per["fact"]),
                unit: per["unit"].as_i64().expect("a unit"),
                max_points: per["max_points"].as_i64().expect("a limit"),
            }),
        }),
        tie_break: list(&json["tie_break"], text),
        seat_lock_years: json["seat_lock_years"].as_i64().expect("years"),
        siblings_exempt: json["siblings_exempt"].as_bool(),
        rest: json["rest"].as_str().map(str::to_owned),
        choices_in_zone_only: json["choices_in_zone_only"].as_bool(),
        max_choices: json["max_choices"].as_i64(),
    }
}

pub(super) fn rule_set(json: &str) -> RuleSet {
    let json: Json = serde_json::from_str(json).expect("JSON");
    RuleSet::new(&input(&json)).unwrap_or_else(|faults| panic!("{faults:?}"))
}
