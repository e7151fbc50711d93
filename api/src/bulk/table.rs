//! A list as a table: its columns from the document, its items one by one.
//!
//! An object inside an item is as many columns as it has fields, named by their path (`sla.accept.due_at`); what stands in them is
//! for `cells` to say. The columns are those that the document declares, in its order, so that they are the same for every page
//! and for an empty list.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use jiazai_domain::actor::CommunityId;
use serde::Deserialize;
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

/// What rows say of whose they are.
#[derive(Deserialize)]
struct Placed<'p> {
    #[serde(default, borrow)]
    community_id: Option<Cow<'p, str>>,
}

/// The communities that rows are of, each once.
#[derive(Debug, Default)]
pub struct Communities(Vec<CommunityId>);

impl Communities {
    pub fn add(&mut self, text: &str) {
        if let Ok(id) = text.parse()
            && !self.0.contains(&id)
        {
            self.0.push(id);
        }
    }

    pub fn into_new(self, known: &[CommunityId]) -> Vec<CommunityId> {
        self.0.into_iter().filter(|id| !known.contains(id)).collect()
    }
}

/// The items of a page as it was written, each as its text: field order and numbers stay as they are.
pub fn items<'p>(page: &'p [u8], communities: &mut Communities) -> Vec<&'p [u8]> {
    const START: &[u8] = b"{\"items\":[";
    let mut found = Vec::new();
    let Some(mut rest) = page.strip_prefix(START) else { return found };
    loop {
        let mut reader = serde_json::Deserializer::from_slice(rest).into_iter::<Placed>();
        let Some(Ok(placed)) = reader.next() else { break };
        placed.community_id.iter().for_each(|id| communities.add(id));
        let (item, behind) = rest.split_at(reader.byte_offset());
        found.push(item);
        match behind.split_first() {
            Some((b',', next)) => rest = next,
            _ => break,
        }
    }
    found
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
    fn items_keep_their_text_and_say_their_communities_once() {
        let id = "com_01h455vb4pex5vsknk084sn02q";
        let page =
            format!(r#"{{"items":[{{"b":1.50,"community_id":"{id}"}},{{"community_id":"{id}","x":"]}}"}},{{"y":1}}],"next_cursor":null}}"#);
        let mut communities = Communities::default();
        let found = items(page.as_bytes(), &mut communities);
        assert_eq!(found[0], format!(r#"{{"b":1.50,"community_id":"{id}"}}"#).as_bytes());
        assert_eq!((found.len(), found[2]), (3, &br#"{"y":1}"#[..]));
        let known = communities.0.clone();
        assert_eq!(known.iter().map(|id| id.text()).collect::<Vec<_>>(), [id]);
        assert!(communities.into_new(&known).is_empty());
        assert!(items(br#"{"items":[],"next_cursor":null}"#, &mut Communities::default()).is_empty());
    }
}
