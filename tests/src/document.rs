//! The judge: holds every answer against the served OpenAPI document and against the manners that all answers share.
//!
//! Stricter than JSON Schema asks in one point: a field that the schema does not mention is a fault. The document is
//! what callers generate their clients from, and they never see an unmentioned field.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::http::Reply;

pub struct Document {
    json: Value,
    operations: Vec<Operation>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// One method on one path.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: String,
    pub method: String,
    /// The template, as `/api/v1/repair-tickets/{id}`.
    pub path: String,
    pub json: Value,
}

impl Operation {
    fn fits(&self, path: &str) -> bool {
        let (template, path) = (self.path.split('/'), path.split('/'));
        template.clone().count() == path.clone().count() && template.zip(path).all(|(t, p)| part_fits(t, p))
    }

    /// Whether it is a list that can be taken whole.
    pub fn is_list(&self) -> bool {
        self.method == "GET"
            && self.json["responses"]["200"]["content"].get("application/json").is_some()
            && self.json["responses"]["200"]["content"].get("text/csv").is_some()
    }

    fn parameters(&self) -> usize {
        self.path.matches('{').count()
    }
}

/// A part of a path and of a template, which may hold parameters between letters: `requests.{format}`.
fn part_fits(template: &str, part: &str) -> bool {
    let Some((before, rest)) = template.split_once('{') else { return template == part };
    let Some((_, after)) = rest.split_once('}') else { return false };
    let Some(behind) = part.strip_prefix(before) else { return false };
    match after.find('{') {
        None => behind.strip_suffix(after).is_some_and(|value| !value.is_empty()),
        Some(next) => behind.rfind(&after[..next]).is_some_and(|at| at > 0 && part_fits(after, &behind[at..])),
    }
}

impl Document {
    pub(crate) fn new(json: Value) -> Self {
        let base =
            json["servers"][0]["url"].as_str().filter(|url| url.starts_with('/')).unwrap_or_default().trim_end_matches('/').to_owned();
        let mut operations = Vec::new();
        for (path, item) in json["paths"].as_object().into_iter().flatten() {
            for method in ["get", "post", "put", "delete", "patch", "head", "options", "trace"] {
                if let Some(operation) = item.get(method) {
                    let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no operationId")).to_owned();
                    operations.push(Operation {
                        id,
                        method: method.to_uppercase(),
                        path: format!("{base}{path}"),
                        json: operation.clone(),
                    });
                }
            }
        }
        assert!(!operations.is_empty(), "the OpenAPI document has no operations");
        // `/things/search` before `/things/{id}`.
        operations.sort_by_key(Operation::parameters);
        Self { json, operations, validators: Mutex::default() }
    }

    pub fn json(&self) -> &Value {
        &self.json
    }

    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let path = path.split('?').next().unwrap_or_default();
        let exact = self.operations.iter().find(|operation| operation.method == method && operation.fits(path));
        exact.or_else(|| {
            // A list taken whole: `….csv` is the list as the form that its address names.
            let list = [".csv", ".ndjson", ".xlsx"].iter().find_map(|form| path.strip_suffix(form)).filter(|_| method == "GET")?;
            self.operations.iter().find(|operation| operation.is_list() && operation.fits(list))
        })
    }

    /// What is wrong with the answer, if anything.
    pub(crate) fn judge(&self, reply: &Reply) -> Result<(), String> {
        manners(reply)?;
        let Some(operation) = self.operation(&reply.method, &reply.path) else {
            // Assets of the interactive documentation are files, not operations.
            let is_asset = reply.path.starts_with("/docs");
            return if reply.status >= 400 || is_asset {
                Ok(())
            } else {
                Err("a success of an operation that the document does not have".into())
            };
        };
        // What comes to its end says so in the document and in every answer, and nothing else does.
        let (marked, told) =
            (operation.json["deprecated"] == true, reply.header("deprecation").is_some() && reply.header("sunset").is_some());
        if marked != told {
            return Err(format!("operation {}: deprecated is {marked} in the document and {told} in the answer", operation.id));
        }
        let known = &operation.json["responses"];
        let Some(response) =
            [reply.status.to_string(), format!("{}XX", reply.status / 100), "default".into()].iter().find_map(|key| known.get(key))
        else {
            let known: Vec<&String> = known.as_object().into_iter().flat_map(Map::keys).collect();
            return Err(format!("operation {}: the status is not documented, only {known:?}", operation.id));
        };
        let response = self.resolve(response);
        self.body(reply, response).map_err(|fault| format!("operation {}: {fault}", operation.id))
    }

    fn body(&self, reply: &Reply, response: &Value) -> Result<(), String> {
        let content = response["content"].as_object().filter(|content| !content.is_empty());
        let Some(content) = content else {
            return if reply.body.is_empty() { Ok(()) } else { Err("a body where the document has none".into()) };
        };
        let kind = reply.content_type();
        if reply.method == "HEAD" {
            return Ok(());
        }
        let Some(media) = content.get(kind).or_else(|| content.get("*/*")) else {
            return Err(format!("content type {kind:?} is not documented, only {:?}", content.keys().collect::<Vec<_>>()));
        };
        if !(kind == "application/json" || kind.ends_with("+json")) {
            return Ok(());
        }
        let Some(schema) = media.get("schema") else { return Ok(()) };
        if reply.json.is_null() && reply.body != b"null" {
            return Err("the body is not JSON".into());
        }
        let validator = self.validator(schema)?;
        let mut faults: Vec<String> = validator.iter_errors(&reply.json).map(|e| format!("{}: {e}", e.instance_path())).collect();
        self.unmentioned(schema, &reply.json, "", &mut faults);
        if faults.is_empty() { Ok(()) } else { Err(format!("the body breaks its schema: {}", faults.join("; "))) }
    }

    /// A validator of that schema, compiled once; most operations share a few schemas.
    fn validator(&self, schema: &Value) -> Result<Arc<Validator>, String> {
        let key = schema.to_string();
        let mut known = self.validators.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(validator) = known.get(&key) {
            return Ok(validator.clone());
        }
        let root = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": self.json["components"],
            "here": schema,
            "$ref": "#/here",
        });
        let validator =
            jsonschema::options().should_validate_formats(true).build(&root).map_err(|e| format!("the schema does not compile: {e}"))?;
        Ok(known.entry(key).or_insert(Arc::new(validator)).clone())
    }

    fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        match value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.resolve(self.json.pointer(pointer).unwrap_or_else(|| panic!("#{pointer} leads nowhere"))),
            None => value,
        }
    }

    /// Reports fields of the answer that its schema does not mention. An object whose schema names no field at all, or
    /// says what else it takes, is free-form.
    fn unmentioned(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let mut shapes = Vec::new();
        self.shapes(schema, &mut shapes, 0);
        match value {
            Value::Object(fields) => {
                if shapes.iter().any(|shape| shape.get("additionalProperties").is_some_and(|more| *more != json!(false))) {
                    return;
                }
                let mentioned: BTreeSet<&String> = shapes.iter().filter_map(|s| s["properties"].as_object()).flat_map(Map::keys).collect();
                if mentioned.is_empty() {
                    return;
                }
                for (name, inner) in fields {
                    let at = format!("{at}/{name}");
                    if !mentioned.contains(name) {
                        faults.push(format!("{at}: not in the document"));
                    }
                    let inner_schemas: Vec<&Value> = shapes.iter().filter_map(|s| s["properties"].get(name)).collect();
                    self.unmentioned(&json!({ "anyOf": inner_schemas }), inner, &at, faults);
                }
            }
            Value::Array(items) => {
                let inner: Vec<&Value> = shapes.iter().filter_map(|s| s.get("items")).collect();
                let inner = json!({ "anyOf": inner });
                for (n, item) in items.iter().enumerate() {
                    self.unmentioned(&inner, item, &format!("{at}/{n}"), faults);
                }
            }
            _ => {}
        }
    }

    /// All parts that a schema is combined from, references followed.
    fn shapes<'v>(&'v self, schema: &'v Value, shapes: &mut Vec<&'v Value>, depth: u8) {
        if depth > 12 {
            return;
        }
        shapes.push(schema);
        if schema.get("$ref").is_some() {
            self.shapes(self.resolve(schema), shapes, depth + 1);
        }
        for combination in ["allOf", "anyOf", "oneOf"] {
            for part in schema[combination].as_array().into_iter().flatten() {
                self.shapes(part, shapes, depth + 1);
            }
        }
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document of {} operations", self.operations.len())
    }
}

/// What every answer owes, whatever was asked.
fn manners(reply: &Reply) -> Result<(), String> {
    let request_id = reply.header("x-request-id").filter(|id| !id.is_empty()).ok_or("no X-Request-Id")?;
    if reply.status == 500 {
        return Err("500: nothing that a caller does may break the server".into());
    }
    safe_in_a_browser(reply)?;
    if reply.status == 204 && !reply.body.is_empty() {
        return Err("204 with a body".into());
    }
    if reply.status == 201 && reply.header("location").is_none() {
        return Err("201 without Location".into());
    }
    if reply.status < 400 {
        return Ok(());
    }
    // Standards older than ours have refusals of their own shape; the document says which.
    let own_shape = reply.path.starts_with("/open311/") || reply.path.starts_with("/oauth/token");
    if own_shape && reply.content_type() != "application/problem+json" {
        return Ok(());
    }
    if reply.content_type() != "application/problem+json" {
        return Err(format!("a refusal is application/problem+json, not {:?}", reply.content_type()));
    }
    let problem = &reply.json;
    for field in ["type", "title", "detail", "code", "request_id"] {
        if problem[field].as_str().is_none_or(str::is_empty) {
            return Err(format!("the problem document has no {field}"));
        }
    }
    if problem["status"] != reply.status {
        return Err("the problem document's status is not the answer's".into());
    }
    if problem["request_id"] != request_id {
        return Err("the problem document's request_id is not the X-Request-Id".into());
    }
    if reply.status == 422 && problem["code"] != "idempotency_mismatch" {
        pointers(problem)?;
    }
    let owed = match reply.status {
        401 => Some("www-authenticate"),
        405 => Some("allow"),
        429 | 503 => Some("retry-after"),
        _ => None,
    };
    match owed {
        Some(name) if reply.header(name).is_none() => Err(format!("{} without {name}", reply.status)),
        _ => Ok(()),
    }
}

/// The headers without which a browser would guess, keep or frame what it is given.
fn safe_in_a_browser(reply: &Reply) -> Result<(), String> {
    if reply.header("x-content-type-options") != Some("nosniff") {
        return Err("no X-Content-Type-Options: nosniff".into());
    }
    if ["/api/", "/open311/", "/oauth/"].iter().any(|base| reply.path.starts_with(base)) {
        let policy = reply.header("content-security-policy").unwrap_or_default();
        if !policy.contains("default-src 'none'") {
            return Err(format!("Content-Security-Policy is {policy:?}"));
        }
        if reply.header("cache-control").is_none() {
            return Err("no Cache-Control".into());
        }
    }
    Ok(())
}

/// 422 lists faults, each with a place, a code and a sentence.
fn pointers(problem: &Value) -> Result<(), String> {
    let Some(errors) = problem["errors"].as_array().filter(|errors| !errors.is_empty()) else {
        return Err("422 without errors".into());
    };
    for error in errors {
        let pointer = error["pointer"].as_str().unwrap_or("no pointer");
        if !(pointer.is_empty() || pointer.starts_with('/')) {
            return Err(format!("{pointer:?} is no JSON pointer"));
        }
        if error["code"].as_str().is_none_or(str::is_empty) || error["detail"].as_str().is_none_or(str::is_empty) {
            return Err(format!("the fault at {pointer:?} lacks code or detail"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let thing = json!({"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}}}});
        let part = json!({"type": "object", "properties": {"n": {"type": ["integer", "null"]}}});
        let ok = json!({"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}});
        Document::new(json!({
            "paths": {"/things/{id}": {"get": {"operationId": "getThing", "responses": {"200": ok}}}, "/things/best": {"get": {"operationId": "getBest", "responses": {}}}},
            "components": {"schemas": {"Thing": thing, "Part": part}},
        }))
    }

    fn faults(value: &Value) -> Vec<String> {
        let document = document();
        let schema = &document.operation("GET", "/things/1").unwrap().json["responses"]["200"]["content"]["application/json"]["schema"];
        let validator = document.validator(schema).unwrap();
        let mut faults: Vec<String> = validator.iter_errors(value).map(|e| e.instance_path().to_string()).collect();
        document.unmentioned(schema, value, "", &mut faults);
        faults
    }

    #[test]
    fn a_body_is_held_against_its_schema_through_references() {
        assert_eq!(faults(&json!({"id": "a", "parts": [{"n": 1}, {"n": null}]})), Vec::<String>::new());
        assert_eq!(faults(&json!({"id": "a", "parts": [{"n": "1"}]})), ["/parts/0/n"]);
    }

    #[test]
    fn a_field_that_the_document_does_not_mention_is_a_fault() {
        assert_eq!(faults(&json!({"id": "a", "parts": [{"m": 1}]})), ["/parts/0/m: not in the document"]);
    }

    #[test]
    fn a_parameter_may_stand_between_letters() {
        assert!(part_fits("{id}", "x") && !part_fits("{id}", "") && part_fits("x", "x") && !part_fits("x", "y"));
        assert!(part_fits("requests.{format}", "requests.json") && !part_fits("requests.{format}", "requests."));
        assert!(part_fits("{code}.{format}", "a.b.xml") && !part_fits("{code}.{format}", ".xml") && !part_fits("{code}.{format}", "xml"));
    }

    #[test]
    fn a_literal_path_wins_over_a_parameter() {
        assert_eq!(document().operation("GET", "/things/best?x=1").unwrap().id, "getBest");
        assert_eq!(document().operation("GET", "/things/7").unwrap().id, "getThing");
        assert!(document().operation("GET", "/things").is_none());
    }
}
