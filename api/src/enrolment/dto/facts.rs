//! Facts and their values: an object whose fields are named by the dictionary.

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, Map, Value, ValueKind, ValuePointerRef};
use jiazai_domain::enrolment::rules::{FactSet, Value as Known, ValueInput};
use serde::Serialize;
use utoipa::openapi::schema::{AdditionalProperties, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{ApiError, Fault};
use crate::faults::{faulty, told};
use crate::input::{Faults, fault};

/// More than there are in the dictionary: whoever sends these has not read it.
const MAX_FACTS: usize = 100;

/// A value of a fact: text for dates and choices, an integer, a yes or no; null where there is none.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(transparent)]
pub struct FactValue(pub Option<Known>);

pub(super) fn value_schema() -> ObjectBuilder {
    let types = SchemaType::from_iter([Type::String, Type::Integer, Type::Boolean, Type::Null]);
    ObjectBuilder::new().schema_type(types).description(Some(
        "Text for dates (`2021-03-01`) and choices, an integer, or a yes or no. Null for a date, an integer or a choice says that it is known and there is none.",
    ))
}

impl PartialSchema for FactValue {
    fn schema() -> RefOr<Schema> {
        value_schema().into()
    }
}
impl ToSchema for FactValue {}

/// A value as it was sent; whether it fits its fact is for the domain to say.
pub(super) fn value_input<V: IntoValue>(value: Value<V>) -> ValueInput {
    match value {
        Value::Null => ValueInput::Null,
        Value::Boolean(flag) => ValueInput::Bool(flag),
        Value::Integer(number) => i64::try_from(number).map_or(ValueInput::Other, ValueInput::Int),
        Value::NegativeInteger(number) => ValueInput::Int(number),
        Value::String(text) => ValueInput::Text(text),
        Value::Float(_) | Value::Sequence(_) | Value::Map(_) => ValueInput::Other,
    }
}

/// What a family says of itself. Stands inline in bodies (`#[schema(inline)]`), because its fields are open.
#[derive(Debug, Clone, Default)]
pub struct FactsDto(Vec<(String, ValueInput)>);

impl FactsDto {
    /// With what the system works out elsewhere, for those who try out rules; faults are told below `prefix`.
    pub fn supposed(&self, prefix: &str) -> Result<FactSet, ApiError> {
        FactSet::restore(self.0.iter().map(|(name, value)| (name.as_str(), value))).map_err(|faults| faulty(prefix, faults))
    }

    /// The same, for those who go on and find more faults.
    pub fn read(&self, prefix: &str) -> (FactSet, Vec<Fault>) {
        match FactSet::declared(self.0.iter().map(|(name, value)| (name.as_str(), value))) {
            Ok(facts) => (facts, vec![]),
            Err(faults) => (FactSet::default(), told(prefix, faults).collect()),
        }
    }

    /// Checked by the dictionary; faults are told below `prefix`.
    pub fn declared(&self, prefix: &str) -> Result<FactSet, ApiError> {
        FactSet::declared(self.0.iter().map(|(name, value)| (name.as_str(), value))).map_err(|faults| faulty(prefix, faults))
    }
}

impl Deserr<Faults> for FactsDto {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        match value {
            Value::Map(map) if map.len() > MAX_FACTS => {
                fault(at, "too_many", format!("最多 {MAX_FACTS} 项"), format!("must have at most {MAX_FACTS} items"))
            }
            Value::Map(map) => Ok(Self(Map::into_iter(map).map(|(name, inner)| (name, value_input(inner.into_value()))).collect())),
            other => {
                let error: ErrorKind<V> = ErrorKind::IncorrectValueKind { actual: other, accepted: &[ValueKind::Map] };
                Err(deserr::take_cf_content(Faults::error(None, error, at)))
            }
        }
    }
}

impl PartialSchema for FactsDto {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::RefOr(RefOr::T(value_schema().into()))))
            .description(Some("By the names of `GET /meta/enrolment-facts`. What is left out is unknown, which is not the same as null."))
            .into()
    }
}
impl ToSchema for FactsDto {}
