//! A list's JSON as a table: its columns from the document, its cells from each item.
//!
//! An object inside an item is as many columns as it has fields, named by their path (`sla.accept.due_at`); a list of words or
//! numbers is one cell, joined by `;`; what has no shape is its JSON text. The columns are those that the document declares, in
//! its order, so that they are the same for every page and for an empty list.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use jiazai_domain::actor::CommunityId;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use utoipa::openapi::schema::{ArrayItems, SchemaType, Type};
use utoipa::openapi::{OpenApi, RefOr, Schema};

use super::Column;
use crate::openapi;

/// A list inside a list inside a list is text.
const DEEPEST: usize = 4;

/// The columns of an operation's items.
pub fn columns(operation: &str) -> Vec<Column> {
    static KNOWN: OnceLock<HashMap<String, Vec<String>>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| all(&openapi::untidied()));
    known.get(operation).into_iter().flatten().map(Column::plain).collect()
}

fn all(document: &OpenApi) -> HashMap<String, Vec<String>> {
    let schemas = document.components.as_ref().map(|components| &components.schemas);
    let named = |name: &str| schemas.and_then(|schemas| schemas.get(name));
    let mut found = HashMap::new();
    for operation in document.paths.paths.values().filter_map(|item| item.get.as_ref()) {
        let page = operation.responses.responses.get("200").and_then(|answer| match answer {
            RefOr::T(answer) => match answer.content.get("application/json")? {
                RefOr::T(content) => content.schema.as_ref(),
                RefOr::Ref(_) => None,
            },
            RefOr::Ref(_) => None,
        });
        let Some(item) = page.and_then(|page| item_of(page, &named)) else { continue };
        let mut columns = Vec::new();
        walk(item, "", 0, &named, &mut columns);
        found.insert(operation.operation_id.clone().unwrap_or_default(), columns);
    }
    found
}

type Named<'d> = dyn Fn(&str) -> Option<&'d RefOr<Schema>> + 'd;

fn resolved<'d>(schema: &'d RefOr<Schema>, named: &Named<'d>) -> Option<&'d Schema> {
    match schema {
        RefOr::T(schema) => Some(schema),
        RefOr::Ref(at) => match named(at.ref_location.rsplit('/').next().unwrap_or_default())? {
            RefOr::T(schema) => Some(schema),
            RefOr::Ref(_) => None,
        },
    }
}

fn item_of<'d>(page: &'d RefOr<Schema>, named: &Named<'d>) -> Option<&'d RefOr<Schema>> {
    let Schema::Object(page) = resolved(page, named)? else { return None };
    let Schema::Array(items) = resolved(page.properties.get("items")?, named)? else { return None };
    match &items.items {
        ArrayItems::RefOrSchema(item) => Some(item),
        ArrayItems::False => None,
    }
}

/// Adds the columns of one field, or of those that it has itself.
fn walk<'d>(schema: &'d RefOr<Schema>, path: &str, depth: usize, named: &Named<'d>, columns: &mut Vec<String>) {
    let whole = |columns: &mut Vec<String>| columns.push(path.to_owned());
    if depth > DEEPEST {
        return whole(columns);
    }
    match resolved(schema, named) {
        Some(Schema::Object(object)) if !object.properties.is_empty() => {
            for (name, property) in &object.properties {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(property, &path, depth + 1, named, columns);
            }
        }
        // Parts of one thing, as when a shared part is flattened into it.
        Some(Schema::AllOf(all)) => all.items.iter().for_each(|part| walk(part, path, depth + 1, named, columns)),
        // Something or null.
        Some(Schema::OneOf(one)) => match one.items.iter().find(|part| !is_null(part)) {
            Some(part) if one.items.len() == 2 => walk(part, path, depth + 1, named, columns),
            _ => whole(columns),
        },
        _ => whole(columns),
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object)) if matches!(object.schema_type, SchemaType::Type(Type::Null)))
}

/// The items of a page as it was written, each as its text: field order and numbers stay as they are.
pub fn items(page: &[u8]) -> Vec<String> {
    const START: &[u8] = b"{\"items\":[";
    let mut found = Vec::new();
    let Some(mut rest) = page.strip_prefix(START) else { return found };
    loop {
        let mut reader = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
        let Some(Ok(_)) = reader.next() else { break };
        let (item, behind) = rest.split_at(reader.byte_offset());
        found.push(String::from_utf8_lossy(item).into_owned());
        match behind.split_first() {
            Some((b',', next)) => rest = next,
            _ => break,
        }
    }
    found
}

/// What rows say of whose they are.
#[derive(Deserialize)]
struct Placed {
    #[serde(default)]
    community_id: Option<String>,
}

/// The communities that items are of, each once.
pub fn communities(items: &[String]) -> Vec<CommunityId> {
    let named = items.iter().filter_map(|item| serde_json::from_str::<Placed>(item).ok()?.community_id?.parse().ok());
    named.map(|id: CommunityId| (id.text(), id)).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// An item's cells, one for each column.
pub fn cells(item: &str, columns: &[Column]) -> Vec<String> {
    let value: Value = serde_json::from_str(item).unwrap_or_default();
    let at = |path: &str| path.split('.').try_fold(&value, |value, name| value.get(name));
    columns.iter().map(|column| at(&column.key).map(cell).unwrap_or_default()).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            items.iter().map(cell).collect::<Vec<_>>().join(";")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_of_the_document_has_columns_and_tickets_theirs_by_path() {
        let document = openapi::untidied();
        let known = all(&document);
        let tickets = &known["list_repair_tickets"];
        assert_eq!(tickets[0], "id");
        assert!(tickets.contains(&"sla.accept.due_at".to_owned()) && tickets.contains(&"quote.amount_fen".to_owned()), "{tickets:?}");
        for operation in document.paths.paths.values().filter_map(|item| item.get.as_ref()) {
            let paged = operation.parameters.iter().flatten().any(|p| matches!(p, RefOr::T(p) if p.name == "cursor"));
            let id = operation.operation_id.as_deref().unwrap_or_default();
            assert!(!paged || known.get(id).is_some_and(|columns| columns.len() > 1), "{id}: {:?}", known.get(id));
        }
    }

    #[test]
    fn items_keep_their_text_and_cells_their_paths() {
        let page = r#"{"items":[{"b":1.50,"a":{"c":"x,]}"}},{"tags":["一","二"],"a":null,"n":{"k":[{"z":1}]}}],"next_cursor":null}"#;
        let items = items(page.as_bytes());
        assert_eq!(items[0], r#"{"b":1.50,"a":{"c":"x,]}"}}"#);
        let columns: Vec<Column> = ["b", "a.c", "tags", "n.k"].into_iter().map(Column::plain).collect();
        assert_eq!(cells(&items[0], &columns), ["1.5", "x,]}", "", ""]);
        assert_eq!(cells(&items[1], &columns), ["", "", "一;二", r#"[{"z":1}]"#]);
        assert!(super::items(br#"{"items":[],"next_cursor":null}"#).is_empty());
    }

    #[test]
    fn the_communities_of_rows_are_named_once() {
        let id = "com_01h455vb4pex5vsknk084sn02q";
        let rows = [format!(r#"{{"community_id":"{id}"}}"#), format!(r#"{{"x":1,"community_id":"{id}"}}"#), r#"{"id":"y"}"#.to_owned()];
        assert_eq!(communities(&rows).iter().map(|id| id.text()).collect::<Vec<_>>(), [id]);
    }
}
