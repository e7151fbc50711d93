//! What a test reads out of an answer; where it is not there, the test fails and shows the answer.

use serde_json::Value;

#[track_caller]
pub fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

/// The same for answers that are not kept.
#[track_caller]
pub fn string(value: &Value, field: &str) -> String {
    text(value, field).to_owned()
}

/// What a list holds.
#[track_caller]
pub fn items(list: &Value) -> &[Value] {
    list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}"))
}

/// What may be done with a thing now.
#[track_caller]
pub fn actions(thing: &Value) -> Vec<&str> {
    let allowed = thing["allowed_actions"].as_array().unwrap_or_else(|| panic!("no allowed_actions in {thing}"));
    allowed.iter().filter_map(Value::as_str).collect()
}

/// A list of words; none where there is no list.
pub fn words(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// Where a problem has its faults, each with its code, in the order of the places; none where it lists none.
#[track_caller]
pub fn faults(problem: &Value) -> Vec<(String, String)> {
    let errors = problem["errors"].as_array().into_iter().flatten();
    let mut all: Vec<_> = errors.map(|error| (string(error, "pointer"), string(error, "code"))).collect();
    all.sort();
    all
}

/// What [`faults`] are compared with, in whatever order they are written.
pub fn pairs<const N: usize>(expected: [(&str, &str); N]) -> Vec<(String, String)> {
    let mut all: Vec<_> = expected.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect();
    all.sort();
    all
}
