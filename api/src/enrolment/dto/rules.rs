//! Rule sets: conditions over facts, read so that every fault has its pointer.

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, Map, Sequence, Value, ValueKind, ValuePointerRef};
use jiazai_domain::enrolment::rules::{DocumentInput, ExprInput, FACTS, MAX_NODES, Op, PerInput, PointsInput, RuleSetInput, TierInput};
use utoipa::openapi::schema::{AdditionalProperties, Type};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::facts::{value_input, value_schema};
use crate::input::named::{Batch, Choices, ItemPoints, MaxPoints, PerUnit, Text32, Text40, Text64, Years};
use crate::input::{Faults, Few};

/// A condition over facts. Three-valued: what is unknown stays unknown, and never counts as false.
#[derive(Debug, Clone)]
pub struct ExprDto(pub ExprInput);

const FORM: (&str, &str) = ("应为 fact 与 op、all、any、not 四种形式之一", "must be one of: a fact with an op, all, any, not");

impl Deserr<Faults> for ExprDto {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        let map = match value {
            Value::Map(map) => map,
            other => return wrong_kind(other, &[ValueKind::Map], at),
        };
        let mut faults = Vec::new();
        let (mut fact, mut op, mut operand, mut joints) = (None, None, None, Vec::new());
        for (key, inner) in Map::into_iter(map) {
            let here = at.push_key(&key);
            let inner = inner.into_value();
            let read = match key.as_str() {
                "all" => parts(inner, here).map(|parts| joints.push(ExprInput::All(parts))),
                "any" => parts(inner, here).map(|parts| joints.push(ExprInput::Any(parts))),
                "not" => Self::deserialize_from_value(inner, here).map(|part| joints.push(ExprInput::Not(Box::new(part.0)))),
                "fact" => crate::input::string(inner, here).map(|text| fact = Some(text)),
                "op" => crate::input::string(inner, here).map(|text| op = Some(text)),
                "value" => {
                    operand = Some(value_input(inner));
                    Ok(())
                }
                _ => crate::input::fault(here, "unknown_field", "未知字段", "is not a known field"),
            };
            if let Err(Faults(found)) = read {
                faults.extend(found);
            }
        }
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        match (fact, op, operand, joints.pop()) {
            (None, None, None, Some(joint)) if joints.is_empty() => Ok(Self(joint)),
            (Some(fact), Some(op), value, None) => Ok(Self(ExprInput::Fact { fact, op, value })),
            _ => crate::input::fault(at, "expr_form", FORM.0, FORM.1),
        }
    }
}

fn wrong_kind<T, V: IntoValue>(actual: Value<V>, accepted: &'static [ValueKind], at: ValuePointerRef) -> Result<T, Faults> {
    let error: ErrorKind<V> = ErrorKind::IncorrectValueKind { actual, accepted };
    Err(deserr::take_cf_content(Faults::error(None, error, at)))
}

fn parts<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Vec<ExprInput>, Faults> {
    let items = match value {
        Value::Sequence(items) => items,
        other => return wrong_kind(other, &[ValueKind::Sequence], at),
    };
    let (mut parts, mut faults) = (Vec::new(), Vec::new());
    for (i, item) in Sequence::into_iter(items).enumerate() {
        match ExprDto::deserialize_from_value(item.into_value(), at.push_index(i)) {
            Ok(part) => parts.push(part.0),
            Err(Faults(found)) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok(parts) } else { Err(Faults(faults)) }
}

/// The four forms, each with a name of its own: generators of clients do not follow a schema that contains itself unnamed.
fn forms() -> [(&'static str, RefOr<Schema>); 4] {
    let form =
        || ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    let word = |words: Vec<&'static str>| ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words));
    let this = || Ref::from_schema_name("ExprDto");
    let several = || ArrayBuilder::new().items(this()).min_items(Some(1)).max_items(Some(MAX_NODES));
    let fact = form()
        .property("fact", word(FACTS.iter().map(|fact| fact.name).collect()))
        .required("fact")
        .property("op", word(Op::ALL.iter().map(|op| op.as_str()).collect()))
        .required("op")
        .property("value", value_schema())
        .description(Some("What is known of one fact."));
    let all = form().property("all", several()).required("all").description(Some("Every one of them."));
    let any = form().property("any", several()).required("any").description(Some("At least one of them."));
    let not = form().property("not", this()).required("not").description(Some("The opposite."));
    [("ExprFact", fact.into()), ("ExprAll", all.into()), ("ExprAny", any.into()), ("ExprNot", not.into())]
}

impl PartialSchema for ExprDto {
    fn schema() -> RefOr<Schema> {
        let one_of = OneOfBuilder::new().description(Some(
            "A condition over facts. `eq`, `lt`, `le`, `gt`, `ge` compare with `value`; `present` asks whether there is one. Three-valued: what is unknown stays unknown. At most eight levels and 64 parts.",
        ));
        forms().into_iter().fold(one_of, |one_of, (name, _)| one_of.item(Ref::from_schema_name(name))).into()
    }
}

impl ToSchema for ExprDto {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.extend(forms().into_iter().map(|(name, schema)| (name.to_owned(), schema)));
    }
}

/// A class of applicants and the batch in which it is placed.
#[derive(Debug, Clone, deserr::Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct TierDto {
    /// Letters, digits, `_` and `-`; unique in the rule set.
    #[schema(inline)]
    pub code: Text32,
    /// Batches are placed in their order; no tier stands before one of an earlier batch.
    #[schema(inline)]
    pub batch: Batch,
    #[schema(inline)]
    pub name: Text40,
    /// The first tier whose condition holds is the child's.
    pub when: ExprDto,
}

/// A paper that is asked for.
#[derive(Debug, Clone, deserr::Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct DocumentRuleDto {
    #[schema(inline)]
    pub kind: Text32,
    /// Left out: always.
    #[deserr(default)]
    pub when: Option<ExprDto>,
}

/// Points for every full unit of a number.
#[derive(Debug, Clone, deserr::Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PerDto {
    /// A number of the dictionary.
    #[schema(inline)]
    pub fact: Text64,
    #[schema(inline)]
    pub unit: PerUnit,
    /// The most that this item gives.
    #[schema(inline)]
    pub max_points: MaxPoints,
}

/// A row of the points table: once where its condition holds, or for every full unit of a number.
#[derive(Debug, Clone, deserr::Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PointsItemDto {
    #[schema(inline)]
    pub code: Text32,
    #[schema(inline)]
    pub name: Text40,
    #[deserr(default)]
    pub when: Option<ExprDto>,
    /// May be negative; not 0.
    #[schema(inline)]
    pub points: ItemPoints,
    #[deserr(default)]
    pub per: Option<PerDto>,
}

pub type Tiers = Few<TierDto, 1, 20>;
pub type DocumentRules = Few<DocumentRuleDto, 0, 30>;
pub type PointsTable = Few<PointsItemDto, 0, 40>;
pub type TieBreaks = Few<Text64, 0, 6>;

crate::spoken! {
    /// What becomes of a child for whom no seat was left: `wait` 轮候, `coordinate` 统筹.
    Rest = jiazai_domain::enrolment::rules::Rest { Wait = "wait", Coordinate = "coordinate" }
}

/// Who comes in which batch, with which papers, and what decides where seats do not suffice.
#[derive(Debug, Clone, deserr::Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RuleSetDto {
    #[schema(inline)]
    pub tiers: Tiers,
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub documents: DocumentRules,
    /// The points table; `points` may be compared like a fact.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub points: PointsTable,
    /// In their order: `draw`, `points`, `distance`, or `earlier:` and a date of the dictionary. A draw is always the last, written
    /// or not.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub tie_break: TieBreaks,
    /// School years for which a home's seat belongs to one family; 0, where homes have no seats of their own.
    #[schema(inline)]
    pub seat_lock_years: Years,
    /// Left out: siblings come under their family's seat.
    #[deserr(default)]
    pub siblings_exempt: Option<bool>,
    /// Left out: `wait`.
    #[deserr(default)]
    pub rest: Option<Rest>,
    /// Left out: any school of the round may be chosen.
    #[deserr(default)]
    pub choices_in_zone_only: Option<bool>,
    #[schema(inline)]
    #[deserr(default)]
    pub max_choices: Option<Choices>,
}

fn when(expr: &Option<ExprDto>) -> Option<ExprInput> {
    expr.as_ref().map(|expr| expr.0.clone())
}

impl RuleSetDto {
    pub fn input(&self) -> RuleSetInput {
        let tier = |t: &TierDto| TierInput { code: t.code.0.clone(), batch: t.batch.0, name: t.name.0.clone(), when: t.when.0.clone() };
        let document = |d: &DocumentRuleDto| DocumentInput { kind: d.kind.0.clone(), when: when(&d.when) };
        let points = |p: &PointsItemDto| PointsInput {
            code: p.code.0.clone(),
            name: p.name.0.clone(),
            when: when(&p.when),
            points: p.points.0,
            per: p.per.as_ref().map(|per| PerInput { fact: per.fact.0.clone(), unit: per.unit.0, max_points: per.max_points.0 }),
        };
        RuleSetInput {
            tiers: self.tiers.0.iter().map(tier).collect(),
            documents: self.documents.0.iter().map(document).collect(),
            points: self.points.0.iter().map(points).collect(),
            tie_break: self.tie_break.0.iter().map(|text| text.0.clone()).collect(),
            seat_lock_years: self.seat_lock_years.0,
            siblings_exempt: self.siblings_exempt,
            rest: self.rest.map(|rest| jiazai_domain::enrolment::rules::Rest::from(rest).as_str().to_owned()),
            choices_in_zone_only: self.choices_in_zone_only,
            max_choices: self.max_choices.map(|n| n.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiazai_domain::enrolment::rules::{RuleSet, ValueInput};
    use jiazai_domain::enrolment::samples::SAMPLES;

    use super::*;

    fn read(text: &str) -> Result<RuleSetDto, Vec<(String, &'static str)>> {
        let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
        deserr::deserialize::<RuleSetDto, _, Faults>(json)
            .map_err(|faults| faults.0.into_iter().map(|fault| (fault.pointer, fault.code)).collect())
    }

    #[test]
    fn every_rule_set_that_is_offered_can_be_sent_back() {
        for sample in SAMPLES {
            let dto = read(sample.rules).unwrap_or_else(|faults| panic!("{}: {faults:?}", sample.code));
            let stored = jiazai_infra::enrolment::rule_set(sample.rules).expect("a rule set");
            assert_eq!(RuleSet::new(&dto.input()), Ok(stored), "{}", sample.code);
        }
    }

    #[test]
    fn a_condition_has_one_form_and_every_fault_of_it_a_pointer() {
        let rules = |when: &str| format!(r#"{{"tiers":[{{"code":"a","batch":1,"name":"甲","when":{when}}}],"seat_lock_years":6}}"#);
        let at = |below: &str| format!("/tiers/0/when{below}");
        for (when, expected) in [
            ("7", vec![(at(""), "wrong_type")]),
            ("{}", vec![(at(""), "expr_form")]),
            (r#"{"fact":"native"}"#, vec![(at(""), "expr_form")]),
            (r#"{"value":1}"#, vec![(at(""), "expr_form")]),
            (r#"{"all":[],"any":[]}"#, vec![(at(""), "expr_form")]),
            (r#"{"all":{}}"#, vec![(at("/all"), "wrong_type")]),
            (
                r#"{"all":[{"fact":7,"op":"eq"},{"not":{"like":1}}]}"#,
                vec![(at("/all/0/fact"), "wrong_type"), (at("/all/1/not/like"), "unknown_field")],
            ),
        ] {
            assert_eq!(read(&rules(when)).map(|_| ()), Err(expected), "{when}");
        }
        let fine = read(&rules(r#"{"fact":"points","op":"ge","value":1.5}"#)).expect("the form is right");
        let ExprInput::Fact { value, .. } = &fine.tiers.0[0].when.0 else { panic!("{fine:?}") };
        assert_eq!(*value, Some(ValueInput::Other));
    }
}
