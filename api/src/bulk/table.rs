//! A list's JSON as a table: its columns from the document, its cells from each item.
//!
//! An object inside an item is as many columns as it has fields, named by their path (`sla.accept.due_at`); a list of words or
//! numbers is one cell, joined by `;`; what has no shape is its JSON text. The columns are those that the document declares, in
//! its order, so that they are the same for every page and for an empty list.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use jiazai_domain::actor::CommunityId;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
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
    fn add(&mut self, text: &str) {
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

/// A field of an item: a column, or an object that has columns.
#[derive(Debug, Default)]
struct Field {
    name: String,
    column: Option<usize>,
    below: Level,
}

/// The fields of an object that lead to columns.
#[derive(Debug, Default)]
struct Level {
    fields: Vec<Field>,
    /// Which names came in which order, and which field each is: objects of one list have their names in one order, so nearly
    /// every name is the one that is expected.
    order: Vec<(String, Option<usize>)>,
}

impl Level {
    fn field(&mut self, name: &str) -> &mut Field {
        let at = self.fields.iter().position(|field| field.name == name).unwrap_or_else(|| {
            self.fields.push(Field { name: name.to_owned(), ..Field::default() });
            self.fields.len() - 1
        });
        &mut self.fields[at]
    }

    /// Which field the name is that came behind `before` others.
    fn at(&mut self, name: &str, before: usize) -> Option<usize> {
        if let Some((expected, at)) = self.order.get(before)
            && expected == name
        {
            return *at;
        }
        let at = self.fields.iter().position(|field| field.name == name);
        self.order.truncate(before);
        // An object that misses names leaves the rest to be learned anew.
        if self.order.len() == before {
            self.order.push((name.to_owned(), at));
        }
        at
    }
}

/// Reads the items of pages into the cells of these columns, in one pass over the text.
#[derive(Debug)]
pub struct Reader {
    top: Level,
    width: usize,
    community: usize,
}

impl Reader {
    pub fn new(columns: &[Column]) -> Self {
        let width = columns.len();
        let mut top = Level::default();
        for (at, column) in columns.iter().enumerate() {
            let mut here = &mut top;
            let mut path = column.key.split('.').peekable();
            while let Some(name) = path.next() {
                let field = here.field(name);
                if path.peek().is_none() {
                    field.column = Some(at);
                }
                here = &mut field.below;
            }
        }
        // Whose a row is has to be known where no column says it.
        let community = *top.field("community_id").column.get_or_insert(width);
        Self { top, width, community }
    }

    /// Gives the cells of each item to `row`.
    pub fn each(&mut self, page: &str, communities: &mut Communities, mut row: impl FnMut(&[Cow<str>])) -> serde_json::Result<()> {
        let mut reader = serde_json::Deserializer::from_str(page);
        ItemsOf { reader: self, communities, row: &mut row }.deserialize(&mut reader)
    }
}

/// A page.
struct ItemsOf<'a> {
    reader: &'a mut Reader,
    communities: &'a mut Communities,
    row: &'a mut dyn FnMut(&[Cow<str>]),
}

impl<'p> DeserializeSeed<'p> for ItemsOf<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'p>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'p> Visitor<'p> for ItemsOf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a page of a list")
    }

    fn visit_map<A: MapAccess<'p>>(self, mut page: A) -> Result<(), A::Error> {
        while let Some(name) = page.next_key::<Cow<str>>()? {
            if name == "items" {
                page.next_value_seed(ItemsOf { reader: &mut *self.reader, communities: &mut *self.communities, row: &mut *self.row })?;
            } else {
                page.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'p>>(self, mut items: A) -> Result<(), A::Error> {
        let mut cells = vec![Cow::Borrowed(""); self.reader.width + 1];
        while items.next_element_seed(Fields { level: &mut self.reader.top, cells: &mut cells })?.is_some() {
            self.communities.add(&cells[self.reader.community]);
            (self.row)(&cells[..self.reader.width]);
            cells.iter_mut().for_each(|cell| *cell = Cow::Borrowed(""));
        }
        Ok(())
    }
}

/// An object whose fields are columns, or have them. Null, or anything else, leaves them empty.
struct Fields<'a, 'p> {
    level: &'a mut Level,
    cells: &'a mut [Cow<'p, str>],
}

impl<'p> DeserializeSeed<'p> for Fields<'_, 'p> {
    type Value = ();
    fn deserialize<D: Deserializer<'p>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'p> Visitor<'p> for Fields<'_, 'p> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an item")
    }

    fn visit_map<A: MapAccess<'p>>(self, mut item: A) -> Result<(), A::Error> {
        let mut before = 0;
        while let Some(at) = item.next_key_seed(Name { level: &mut *self.level, before })? {
            before += 1;
            let Some(field) = at.map(|at| &mut self.level.fields[at]) else {
                item.next_value::<IgnoredAny>()?;
                continue;
            };
            match field.column {
                Some(column) => self.cells[column] = item.next_value_seed(Cell)?,
                None => item.next_value_seed(Fields { level: &mut field.below, cells: &mut *self.cells })?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'p>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// Which of the fields a name is.
struct Name<'a> {
    level: &'a mut Level,
    before: usize,
}

impl<'p> DeserializeSeed<'p> for Name<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'p>>(self, from: D) -> Result<Option<usize>, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.level.at(name, self.before))
    }
}

/// What stands in one cell.
struct Cell;

impl<'p> DeserializeSeed<'p> for Cell {
    type Value = Cow<'p, str>;
    fn deserialize<D: Deserializer<'p>>(self, from: D) -> Result<Cow<'p, str>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'p> Visitor<'p> for Cell {
    type Value = Cow<'p, str>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(if value { "true" } else { "false" }))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(Value::from(value).to_string()))
    }

    fn visit_borrowed_str<E>(self, value: &'p str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'p>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items: Vec<Value> = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Cow::Owned(joined(items)))
    }

    fn visit_map<A: MapAccess<'p>>(self, object: A) -> Result<Self::Value, A::Error> {
        Ok(Cow::Owned(Value::deserialize(MapAccessDeserializer::new(object))?.to_string()))
    }
}

fn joined(items: Vec<Value>) -> String {
    if items.iter().any(|item| item.is_array() || item.is_object()) {
        return Value::Array(items).to_string();
    }
    let words = items.into_iter().map(|item| match item {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    });
    words.collect::<Vec<_>>().join(";")
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

    fn cells(page: &str, columns: &[&str]) -> (Vec<Vec<String>>, Vec<CommunityId>) {
        let columns: Vec<Column> = columns.iter().copied().map(Column::plain).collect();
        let (mut rows, mut communities) = (Vec::new(), Communities::default());
        let row = |cells: &[Cow<str>]| rows.push(cells.iter().map(|cell| cell.clone().into_owned()).collect());
        Reader::new(&columns).each(page, &mut communities, row).expect("a page");
        (rows, communities.into_new(&[]))
    }

    #[test]
    fn items_keep_their_text_and_cells_their_paths() {
        let page = r#"{"items":[{"b":1.50,"a":{"c":"x,]}"}},{"tags":["一","二"],"a":null,"n":{"k":[{"z":1}]}}],"next_cursor":null}"#;
        assert_eq!(items(page.as_bytes(), &mut Communities::default())[0], br#"{"b":1.50,"a":{"c":"x,]}"}}"#);
        let (rows, _) = cells(page, &["b", "a.c", "tags", "n.k"]);
        assert_eq!(rows, [["1.5", "x,]}", "", ""], ["", "", "一;二", r#"[{"z":1}]"#]]);
        assert!(items(br#"{"items":[],"next_cursor":null}"#, &mut Communities::default()).is_empty());
        assert!(cells(r#"{"items":[],"next_cursor":null}"#, &["b"]).0.is_empty());
    }

    #[test]
    fn cells_are_found_in_any_order_and_of_any_kind() {
        let page = r#"{"items":[{"z":{"deep":true},"y":"a\"b","x":-7,"other":[1,[2]],"w":{"p":[]},"v":{"q":1}},{"z":7,"x":null,"v":[1,null,"t"]}]}"#;
        let (rows, _) = cells(page, &["x", "y", "z.deep", "w", "v"]);
        assert_eq!(rows, [["-7", "a\"b", "true", r#"{"p":[]}"#, r#"{"q":1}"#], ["", "", "", "", "1;;t"]]);
    }

    #[test]
    fn the_communities_of_rows_are_named_once_whether_a_column_says_them_or_not() {
        let id = "com_01h455vb4pex5vsknk084sn02q";
        let page = format!(r#"{{"items":[{{"community_id":"{id}"}},{{"x":1,"community_id":"{id}"}},{{"id":"y"}}]}}"#);
        for columns in [&["x"][..], &["community_id", "x"]] {
            let (rows, communities) = cells(&page, columns);
            assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [columns.len(); 3]);
            assert_eq!(communities.iter().map(|id| id.text()).collect::<Vec<_>>(), [id]);
        }
        let mut communities = Communities::default();
        items(page.as_bytes(), &mut communities);
        let known = communities.0.clone();
        assert_eq!(known.len(), 1);
        assert!(communities.into_new(&known).is_empty());
    }
}
