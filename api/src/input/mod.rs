//! What callers send: JSON bodies read so that *all* faults are found at once, each with its pointer.
//!
//! Bodies are read with `deserr`, which goes on after a fault, into types that cannot hold a wrong value: [`Text`] has
//! its length in its type, [`Ref`] the kind of thing it names. The same types write the OpenAPI schema, so the document
//! cannot promise other limits than the program keeps.

pub mod named;

use std::ops::ControlFlow;

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, MergeWithError, Value, ValueKind, ValuePointerRef};
use jiazai_domain::kernel::id::{Id, Kind};
use jiazai_domain::kernel::time::{Date, Timestamp};
use serde::Serialize;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{ApiError, Fault};

/// All faults found in a body so far.
#[derive(Debug)]
pub struct Faults(pub Vec<Fault>);

/// Reads a body. `bytes` may be empty, which means `{}`: phones send nothing when there is nothing to say.
pub fn read<T: Deserr<Faults>>(bytes: &[u8]) -> Result<T, ApiError> {
    let value: serde_json::Value = if bytes.is_empty() {
        serde_json::Value::Object(serde_json::Map::new())
    } else {
        // serde_json stops at 128 levels of nesting by itself. Its message tells line and column, not the text.
        serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            ApiError::new(crate::error::code::MALFORMED_JSON)
                .because(format!("JSON 有误：第 {line} 行第 {column} 列"), format!("JSON error at line {line} column {column}"))
        })?
    };
    deserr::deserialize::<T, _, Faults>(value).map_err(|faults| ApiError::invalid(faults.0))
}

impl MergeWithError<Faults> for Faults {
    fn merge(this: Option<Self>, other: Faults, _: ValuePointerRef) -> ControlFlow<Self, Self> {
        let mut all = this.unwrap_or(Faults(vec![]));
        all.0.extend(other.0);
        // A body of thousands of faults is not somebody's typing error; a hundred are enough to go on with.
        if all.0.len() > 100 { ControlFlow::Break(all) } else { ControlFlow::Continue(all) }
    }
}

impl DeserializeError for Faults {
    fn error<V: IntoValue>(this: Option<Self>, error: ErrorKind<V>, at: ValuePointerRef) -> ControlFlow<Self, Self> {
        let here = pointer(at);
        let fault = match error {
            ErrorKind::MissingField { field } => Fault::new(below(&here, field), "required", "必填", "is required"),
            ErrorKind::UnknownKey { key, .. } => Fault::new(below(&here, key), "unknown_field", "未知字段", "is not a known field"),
            ErrorKind::IncorrectValueKind { accepted, .. } => {
                let wanted = accepted.iter().map(kind_name).collect::<Vec<_>>().join(" / ");
                Fault::new(here, "wrong_type", format!("类型应为 {wanted}"), format!("must be {wanted}"))
            }
            ErrorKind::UnknownValue { accepted, .. } => {
                let wanted = accepted.join(", ");
                Fault::new(here, "unknown_value", format!("应为以下之一：{wanted}"), format!("must be one of: {wanted}"))
            }
            ErrorKind::BadSequenceLen { expected, .. } => {
                Fault::new(here, "wrong_length", format!("应有 {expected} 项"), format!("must have {expected} items"))
            }
            // Integers out of their type's range come this way; the message would quote the value.
            ErrorKind::Unexpected { .. } => Fault::new(here, "out_of_range", "数值超出范围", "is out of range"),
        };
        Self::merge(this, Faults(vec![fault]), at)
    }
}

fn kind_name(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Null => "null",
        ValueKind::Boolean => "boolean",
        ValueKind::Integer | ValueKind::NegativeInteger => "integer",
        ValueKind::Float => "number",
        ValueKind::String => "string",
        ValueKind::Sequence => "array",
        ValueKind::Map => "object",
    }
}

/// `at` as a JSON Pointer (RFC 6901).
pub fn pointer(at: ValuePointerRef) -> String {
    match at {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => below(&pointer(*prev), key),
        ValuePointerRef::Index { index, prev } => format!("{}/{index}", pointer(*prev)),
    }
}

fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// One fault at `at`.
pub fn fault<T>(at: ValuePointerRef, code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Result<T, Faults> {
    Err(Faults(vec![Fault::new(pointer(at), code, zh, en)]))
}

/// The string at `at`, or a fault.
pub fn string<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<String, Faults> {
    match value {
        Value::String(text) => Ok(text),
        other => {
            let error: ErrorKind<V> = ErrorKind::IncorrectValueKind { actual: other, accepted: &[ValueKind::String] };
            Err(deserr::take_cf_content(Faults::error(None, error, at)))
        }
    }
}

fn text_schema() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Text of `MIN` to `MAX` characters (Unicode scalar values), trimmed, without control characters except line breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(pub String);

impl<const MIN: usize, const MAX: usize> Deserr<Faults> for Text<MIN, MAX> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        let text = string(value, at)?;
        let text = text.trim();
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\r' && c != '\t') {
            return fault(at, "control_character", "含有不可见的控制字符", "contains control characters");
        }
        match text.chars().count() {
            0 if MIN > 0 => fault(at, "blank", "不能为空", "must not be blank"),
            n if n < MIN => fault(at, "too_short", format!("至少 {MIN} 个字"), format!("must have at least {MIN} characters")),
            n if n > MAX => fault(at, "too_long", format!("最多 {MAX} 个字"), format!("must have at most {MAX} characters")),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

impl<const MIN: usize, const MAX: usize> PartialSchema for Text<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        // A pattern, because "not blank" is more than a length: what is counted is what remains after trimming.
        let mut schema = text_schema().min_length(Some(MIN)).max_length(Some(MAX));
        if MIN > 0 {
            schema = schema.pattern(Some(r"\S"));
        }
        schema.into()
    }
}
impl<const MIN: usize, const MAX: usize> ToSchema for Text<MIN, MAX> {}

/// A number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Number<const MIN: i64, const MAX: i64>(pub i64);

impl<const MIN: i64, const MAX: i64> Deserr<Faults> for Number<MIN, MAX> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        match i64::deserialize_from_value(value, at)? {
            n if (MIN..=MAX).contains(&n) => Ok(Self(n)),
            _ => fault(at, "out_of_range", format!("应在 {MIN} 到 {MAX} 之间"), format!("must be from {MIN} to {MAX}")),
        }
    }
}

impl<const MIN: i64, const MAX: i64> PartialSchema for Number<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(MIN as f64))
            .maximum(Some(MAX as f64))
            .into()
    }
}
impl<const MIN: i64, const MAX: i64> ToSchema for Number<MIN, MAX> {}

/// A list of `MIN` to `MAX` items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Few<T, const MIN: usize, const MAX: usize>(pub Vec<T>);

impl<T: Deserr<Faults>, const MIN: usize, const MAX: usize> Deserr<Faults> for Few<T, MIN, MAX> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        if let Value::Sequence(items) = &value {
            let n = deserr::Sequence::len(items);
            if n < MIN {
                return fault(at, "too_few", format!("至少 {MIN} 项"), format!("must have at least {MIN} items"));
            }
            if n > MAX {
                return fault(at, "too_many", format!("最多 {MAX} 项"), format!("must have at most {MAX} items"));
            }
        }
        Vec::deserialize_from_value(value, at).map(Self)
    }
}

impl<T, const MIN: usize, const MAX: usize> Default for Few<T, MIN, MAX> {
    fn default() -> Self {
        Self(vec![])
    }
}

impl<T: PartialSchema, const MIN: usize, const MAX: usize> PartialSchema for Few<T, MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        utoipa::openapi::ArrayBuilder::new().items(T::schema()).min_items(Some(MIN)).max_items(Some(MAX)).into()
    }
}
impl<T: ToSchema, const MIN: usize, const MAX: usize> ToSchema for Few<T, MIN, MAX> {
    // The list stands inline in its owner, so what its items refer to has to be passed on.
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

/// The id of one kind of thing, in a body or in an answer.
#[derive(Debug)]
pub struct Ref<K: Kind>(pub Id<K>);

impl<K: Kind> Clone for Ref<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K: Kind> Copy for Ref<K> {}
impl<K: Kind> From<Id<K>> for Ref<K> {
    fn from(id: Id<K>) -> Self {
        Self(id)
    }
}
impl<K: Kind> Serialize for Ref<K> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<K: Kind> Deserr<Faults> for Ref<K> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        match string(value, at)?.parse() {
            Ok(id) => Ok(Self(id)),
            Err(_) => fault(
                at,
                "id_malformed",
                format!("应为 {}_ 开头的编号", K::PREFIX),
                format!("must be an id that begins with {}_", K::PREFIX),
            ),
        }
    }
}

/// The pattern that ids of a kind match.
pub fn id_pattern<K: Kind>() -> String {
    format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", K::PREFIX)
}

impl<K: Kind> PartialSchema for Ref<K> {
    fn schema() -> RefOr<Schema> {
        text_schema().pattern(Some(id_pattern::<K>())).examples([format!("{}_01h455vb4pex5vsknk084sn02q", K::PREFIX)]).into()
    }
}
impl<K: Kind> ToSchema for Ref<K> {}

/// An instant: RFC 3339, written in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Instant(pub Timestamp);

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Deserr<Faults> for Instant {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        match Timestamp::parse(&string(value, at)?) {
            Some(instant) => Ok(Self(instant)),
            None => fault(
                at,
                "instant_malformed",
                "应为 RFC 3339 时间，例如 2026-05-01T08:00:00Z",
                "must be an RFC 3339 instant such as 2026-05-01T08:00:00Z",
            ),
        }
    }
}

impl PartialSchema for Instant {
    fn schema() -> RefOr<Schema> {
        text_schema().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).examples(["2026-05-01T00:00:00.000Z"]).into()
    }
}
impl ToSchema for Instant {}

/// A calendar day in Asia/Shanghai.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(pub Date);

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0.format("%Y-%m-%d"))
    }
}

impl Deserr<Faults> for Day {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        let text = string(value, at)?;
        // Chrono would also take "2026-5-1", which is not how this API writes dates.
        match Date::parse_from_str(&text, "%Y-%m-%d") {
            Ok(day) if text.len() == 10 => Ok(Self(day)),
            _ => fault(at, "date_malformed", "应为日期，例如 2026-05-01", "must be a date such as 2026-05-01"),
        }
    }
}

impl PartialSchema for Day {
    fn schema() -> RefOr<Schema> {
        text_schema().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))).examples(["2026-05-01"]).into()
    }
}
impl ToSchema for Day {}

/// An object in which nothing is asked.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Nothing {}

/// Declares an enum of fixed words that is read from a body and written to an answer, with its conversion from and to
/// the domain's enum of the same words. (`tt`, because the derive of the schema does not look into a `literal`.)
#[macro_export]
macro_rules! spoken {
    ($(#[$doc:meta])* $name:ident = $domain:path { $($variant:ident = $word:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, deserr::Deserr, utoipa::ToSchema)]
        #[deserr(error = $crate::input::Faults)]
        pub enum $name {
            $(#[serde(rename = $word)] #[deserr(rename = $word)] $variant),+
        }
        impl From<$name> for $domain {
            fn from(word: $name) -> Self {
                match word { $($name::$variant => <$domain>::$variant),+ }
            }
        }
        impl From<$domain> for $name {
            fn from(word: $domain) -> Self {
                match word { $(<$domain>::$variant => $name::$variant),+ }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use jiazai_domain::actor::Community;

    use super::*;

    #[derive(Debug, Deserr)]
    #[deserr(error = Faults, deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code)]
        days: Few<Day, 1, 2>,
    }

    #[derive(Debug, Deserr)]
    #[deserr(error = Faults, deny_unknown_fields)]
    #[allow(dead_code)]
    struct Sample {
        community_id: Ref<Community>,
        title: Text<2, 5>,
        #[deserr(default)]
        score: Option<Number<1, 5>>,
        #[deserr(default)]
        inner: Option<Inner>,
    }

    fn faults(body: &str) -> Vec<(String, &'static str)> {
        let value: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let faults = deserr::deserialize::<Sample, _, Faults>(value).expect_err("faults");
        let mut found: Vec<_> = faults.0.into_iter().map(|f| (f.pointer, f.code)).collect();
        found.sort();
        found
    }

    #[test]
    fn all_faults_are_found_at_once_each_with_its_pointer() {
        let found = faults(r#"{"title":"长长长长长长","score":9,"extra/y":1,"inner":{"days":["2026-02-30",7],"x":0}}"#);
        let expected = [
            ("/community_id", "required"),
            ("/extra~1y", "unknown_field"),
            ("/inner/days/0", "date_malformed"),
            ("/inner/days/1", "wrong_type"),
            ("/inner/x", "unknown_field"),
            ("/score", "out_of_range"),
            ("/title", "too_long"),
        ];
        assert_eq!(found, expected.map(|(p, c)| (p.to_owned(), c)));
    }

    #[test]
    fn text_is_measured_after_trimming() {
        assert_eq!(
            faults(r#"{"community_id":"tkt_01h455vb4pex5vsknk084sn02q","title":"  \n "}"#),
            [("/community_id".to_owned(), "id_malformed"), ("/title".to_owned(), "blank")]
        );
    }

    #[test]
    fn a_body_that_is_not_an_object_is_a_fault_of_the_whole() {
        assert_eq!(faults("[]"), [(String::new(), "wrong_type")]);
    }
}
