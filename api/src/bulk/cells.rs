//! An item of a list as cells: what `serde` would write as JSON goes into the columns instead, without a text in between.
//!
//! A column is a path (`sla.accept.due_at`). Words, numbers and truth stand as they are, nothing is nothing, a list of them is one
//! cell, joined by `;`; what has no such form is its JSON text.

use std::fmt::{Display, Write};

use serde::ser::{
    Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct, Serializer,
};
use serde_json::{Error, Map, Value};

use super::Column;
use super::table::Communities;

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
        // An object that misses names leaves the rest to be learned anew.
        self.order.truncate(before);
        if self.order.len() == before {
            self.order.push((name.to_owned(), at));
        }
        at
    }
}

/// Writes items into the cells of their columns.
#[derive(Debug)]
pub struct Cells {
    top: Level,
    width: usize,
    community: usize,
    /// Of the item that was written last, kept for their room.
    texts: Vec<String>,
}

impl Cells {
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
        Self { top, width, community, texts: vec![String::new(); width + 1] }
    }

    /// The cells of an item.
    pub fn of(&mut self, item: &impl Serialize, communities: &mut Communities) -> Result<&[String], Error> {
        self.texts.iter_mut().for_each(String::clear);
        item.serialize(Fields { level: &mut self.top, cells: &mut self.texts, before: 0 })?;
        communities.add(&self.texts[self.community]);
        Ok(&self.texts[..self.width])
    }
}

/// An object whose fields are columns, or have them. Nothing, or anything else, leaves them empty.
struct Fields<'a> {
    level: &'a mut Level,
    cells: &'a mut [String],
    before: usize,
}

impl Fields<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        let at = self.level.at(name, self.before);
        self.before += 1;
        let Some(field) = at.map(|at| &mut self.level.fields[at]) else { return Ok(()) };
        match field.column {
            Some(column) => value.serialize(Cell(&mut self.cells[column])),
            None => value.serialize(Fields { level: &mut field.below, cells: &mut *self.cells, before: 0 }),
        }
    }
}

/// Forms that no answer of ours has.
fn unspeakable() -> Error {
    Error::custom("an item that no table has a form for")
}

/// What has no columns and is asked for none.
macro_rules! nothing {
    ($($method:ident: $kind:ty),* $(,)?) => { $(fn $method(self, _: $kind) -> Result<(), Error> { Ok(()) })* };
}

impl<'a> Serializer for Fields<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Named<'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), Error>;

    nothing! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_u8: u8,
        serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32, serialize_f64: f64, serialize_char: char,
        serialize_str: &str, serialize_bytes: &[u8], serialize_unit_struct: &'static str,
    }

    fn serialize_none(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.put(variant, value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Impossible<(), Error>, Error> {
        Err(unspeakable())
    }

    fn serialize_tuple(self, _: usize) -> Result<Impossible<(), Error>, Error> {
        Err(unspeakable())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Impossible<(), Error>, Error> {
        Err(unspeakable())
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Impossible<(), Error>, Error> {
        Err(unspeakable())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Named<'a>, Error> {
        Ok(Named { fields: self, name: String::new() })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Impossible<(), Error>, Error> {
        Err(unspeakable())
    }
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.put(name, value)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

/// An object that names its fields as it goes, as one does into which another was flattened.
struct Named<'a> {
    fields: Fields<'a>,
    name: String,
}

impl SerializeMap for Named<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Error> {
        self.name.clear();
        name.serialize(Cell(&mut self.name))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.fields.put(&self.name, value)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

/// What stands in one cell.
struct Cell<'a>(&'a mut String);

macro_rules! written {
    ($($method:ident: $kind:ty),* $(,)?) => { $(fn $method(self, value: $kind) -> Result<(), Error> { self.write(value) })* };
}

impl<'a> Cell<'a> {
    fn write(self, value: impl Display) -> Result<(), Error> {
        write!(self.0, "{value}").map_err(Error::custom)
    }
}

impl<'a> Serializer for Cell<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Impossible<(), Error>;

    written! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_u8: u8,
        serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_char: char,
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.write(Value::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.write(Value::from(value))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.0.push_str(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.write(Value::from(value))
    }

    fn serialize_none(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.write(Value::from(Map::from_iter([(variant.to_owned(), serde_json::to_value(value)?)])))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, Error> {
        Ok(List { cell: self, items: Vec::new() })
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'a>, Error> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Error> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Impossible<(), Error>, Error> {
        Err(unspeakable())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a>, Error> {
        Ok(Object { cell: self, fields: Map::new(), name: String::new() })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object<'a>, Error> {
        self.serialize_map(None)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Impossible<(), Error>, Error> {
        Err(unspeakable())
    }
}

/// A list in a cell.
struct List<'a> {
    cell: Cell<'a>,
    items: Vec<Value>,
}

impl List<'_> {
    fn add<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        self.items.push(serde_json::to_value(item)?);
        Ok(())
    }

    fn done(self) -> Result<(), Error> {
        if self.items.iter().any(|item| item.is_array() || item.is_object()) {
            return self.cell.write(Value::Array(self.items));
        }
        for (i, item) in self.items.iter().enumerate() {
            if i > 0 {
                self.cell.0.push(';');
            }
            item.serialize(Cell(&mut *self.cell.0))?;
        }
        Ok(())
    }
}

/// The traits of lists differ by the name of one method.
macro_rules! lists {
    ($($kind:ident::$method:ident),*) => {$(
        impl $kind for List<'_> {
            type Ok = ();
            type Error = Error;
            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
                self.add(item)
            }
            fn end(self) -> Result<(), Error> {
                self.done()
            }
        }
    )*};
}

lists!(SerializeSeq::serialize_element, SerializeTuple::serialize_element, SerializeTupleStruct::serialize_field);

/// An object in a cell: its JSON text.
struct Object<'a> {
    cell: Cell<'a>,
    fields: Map<String, Value>,
    name: String,
}

impl SerializeMap for Object<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Error> {
        self.name.clear();
        name.serialize(Cell(&mut self.name))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.fields.insert(std::mem::take(&mut self.name), serde_json::to_value(value)?);
        Ok(())
    }

    fn end(self) -> Result<(), Error> {
        self.cell.write(Value::Object(self.fields))
    }
}

impl SerializeStruct for Object<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.fields.insert(name.to_owned(), serde_json::to_value(value)?);
        Ok(())
    }

    fn end(self) -> Result<(), Error> {
        self.cell.write(Value::Object(self.fields))
    }
}

#[cfg(test)]
mod tests {
    use jiazai_domain::actor::CommunityId;
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    fn rows(columns: &[&str], items: &[impl Serialize]) -> (Vec<Vec<String>>, Vec<CommunityId>) {
        let columns: Vec<Column> = columns.iter().copied().map(Column::plain).collect();
        let (mut cells, mut communities) = (Cells::new(&columns), Communities::default());
        let rows = items.iter().map(|item| cells.of(item, &mut communities).expect("cells").to_vec()).collect();
        (rows, communities.into_new(&[]))
    }

    #[test]
    fn cells_are_found_by_their_paths_in_any_order_and_of_any_kind() {
        let items = [
            json!({ "b": 1.50, "a": { "c": "x,]}" } }),
            json!({ "tags": ["一", "二"], "a": null, "n": { "k": [{ "z": 1 }] } }),
            json!({ "n": { "k": [1, null, "t", true] }, "other": [1, [2]], "a": { "c": { "p": [] } }, "b": -7, "tags": [] }),
        ];
        let (rows, _) = rows(&["b", "a.c", "tags", "n.k"], &items);
        let third = ["-7", r#"{"p":[]}"#, "", "1;;t;true"];
        assert_eq!(rows, [["1.5", "x,]}", "", ""], ["", "", "一;二", r#"[{"z":1}]"#], third]);
    }

    #[test]
    fn a_derived_item_is_the_same_table_as_its_json() {
        #[derive(Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Word {
            InReview,
        }
        #[derive(Serialize)]
        struct Inner {
            at: Option<i64>,
            word: Word,
        }
        #[derive(Serialize)]
        struct Item {
            id: &'static str,
            inner: Inner,
            none: Option<Inner>,
            #[serde(flatten)]
            more: serde_json::Map<String, Value>,
            pair: (u8, bool),
            whole: Inner,
        }
        let more = serde_json::Map::from_iter([("extra".to_owned(), json!("甲"))]);
        let inner = || Inner { at: Some(5), word: Word::InReview };
        let item = Item { id: "t1", inner: inner(), none: None, more, pair: (1, false), whole: inner() };
        let columns = ["id", "inner.at", "inner.word", "none.at", "extra", "pair", "whole"];
        let expected = ["t1", "5", "in_review", "", "甲", "1;false", r#"{"at":5,"word":"in_review"}"#];
        let as_json = serde_json::to_value(&item).expect("JSON");
        assert_eq!(rows(&columns, &[item]).0, [expected]);
        assert_eq!(rows(&columns, &[as_json]).0, [expected]);
    }

    #[test]
    fn the_communities_of_rows_are_named_once_whether_a_column_says_them_or_not() {
        let id = "com_01h455vb4pex5vsknk084sn02q";
        let items = [json!({ "community_id": id }), json!({ "x": 1, "community_id": id }), json!({ "id": "y" })];
        for columns in [&["x"][..], &["community_id", "x"]] {
            let (rows, communities) = rows(columns, &items);
            assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [columns.len(); 3]);
            assert_eq!(communities.iter().map(|id| id.text()).collect::<Vec<_>>(), [id]);
        }
    }
}
