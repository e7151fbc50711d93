//! Conditions 条件: comparisons of facts joined by all, any and not, in Kleene's three-valued logic.
//!
//! Unknown is not false: `any` of true and unknown is true, `all` of false and unknown is false, everything else with
//! an unknown in it stays unknown. So a family that has not answered everything is told what matters and what does not.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::fact::{Fact, FactKind, FactSet, Value, ValueInput};
use crate::kernel::fault::Faults;

/// How deep a condition may be nested and how many comparisons and joints it may hold.
pub const MAX_DEPTH: usize = 8;
pub const MAX_NODES: usize = 64;

crate::words! {
    /// How a fact is compared. `present` asks whether there is one.
    Op { Eq = "eq", Lt = "lt", Le = "le", Gt = "gt", Ge = "ge", Present = "present" }

    /// What is known about the truth of something.
    Truth { Yes = "true", No = "false", Unknown = "unknown" }
}

impl Truth {
    pub const fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    #[must_use]
    pub const fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// A condition as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExprInput {
    Fact { fact: String, op: String, value: Option<ValueInput> },
    All(Vec<ExprInput>),
    Any(Vec<ExprInput>),
    Not(Box<ExprInput>),
}

/// A comparison of one fact of the dictionary with a value of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Test {
    pub fact: Fact,
    pub op: Op,
    /// None exactly for `present`.
    pub value: Option<Value>,
}

/// A condition whose facts exist and whose values fit them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    Test(Test),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Not(Box<Expr>),
}

/// A comparison that had a part in a decision, with what was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    pub fact: Fact,
    pub label: &'static str,
    pub op: Op,
    pub expected: Option<Value>,
    /// `null` both when it is unknown and when there is none; `result` tells which.
    pub actual: Option<Value>,
    pub result: Truth,
}

impl Expr {
    /// Notes everything that is wrong with a condition; the value is only there when nothing is.
    pub(super) fn check(input: &ExprInput, pointer: &str, faults: &mut Faults) -> Option<Self> {
        let mut nodes = 0;
        let expr = Self::check_at(input, pointer, 1, &mut nodes, faults);
        if nodes > MAX_NODES {
            faults.add(pointer, "too_large");
            return None;
        }
        expr
    }

    fn check_at(input: &ExprInput, pointer: &str, depth: usize, nodes: &mut usize, faults: &mut Faults) -> Option<Self> {
        *nodes += 1;
        if *nodes > MAX_NODES {
            return None;
        }
        if depth > MAX_DEPTH {
            faults.add(pointer, "too_deep");
            return None;
        }
        let mut each = |name: &str, parts: &[ExprInput]| {
            if parts.is_empty() {
                faults.add(format!("{pointer}/{name}"), "empty");
                return None;
            }
            let mut all = Vec::with_capacity(parts.len().min(MAX_NODES));
            for (i, part) in parts.iter().enumerate() {
                all.push(Self::check_at(part, &format!("{pointer}/{name}/{i}"), depth + 1, nodes, faults));
                if *nodes > MAX_NODES {
                    return None;
                }
            }
            all.into_iter().collect::<Option<Vec<_>>>()
        };
        match input {
            ExprInput::All(parts) => each("all", parts).map(Self::All),
            ExprInput::Any(parts) => each("any", parts).map(Self::Any),
            ExprInput::Not(part) => {
                Self::check_at(part, &format!("{pointer}/not"), depth + 1, nodes, faults).map(|e| Self::Not(Box::new(e)))
            }
            ExprInput::Fact { fact, op, value } => Test::check(fact, op, value.as_ref(), pointer, faults).map(Self::Test),
        }
    }

    pub fn truth(&self, facts: &FactSet) -> Truth {
        match self {
            Self::Test(test) => test.truth(facts.get(test.fact)),
            Self::Not(part) => part.truth(facts).not(),
            Self::All(parts) => join(parts, facts, Truth::No),
            Self::Any(parts) => join(parts, facts, Truth::Yes),
        }
    }

    /// The comparisons that decide: of an `all` that fails one that fails, of an `any` that holds one that holds,
    /// otherwise every part that leads to the same answer.
    pub fn explain(&self, facts: &FactSet, into: &mut Vec<Comparison>) -> Truth {
        let truth = self.truth(facts);
        match self {
            Self::Test(test) => into.push(test.comparison(facts, truth)),
            Self::Not(part) => {
                part.explain(facts, into);
            }
            Self::All(parts) | Self::Any(parts) => {
                let alike = parts.iter().filter(|part| part.truth(facts) == truth);
                let one_is_enough = truth == if matches!(self, Self::All(_)) { Truth::No } else { Truth::Yes };
                for part in alike.take(if one_is_enough { 1 } else { usize::MAX }) {
                    part.explain(facts, into);
                }
            }
        }
        truth
    }

    pub(super) fn tests<'a>(&'a self, into: &mut Vec<&'a Test>) {
        match self {
            Self::Test(test) => into.push(test),
            Self::Not(part) => part.tests(into),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.tests(into)),
        }
    }
}

/// `deciding` is the answer that settles the matter alone: no for `all`, yes for `any`.
fn join(parts: &[Expr], facts: &FactSet, deciding: Truth) -> Truth {
    let mut truth = deciding.not();
    for part in parts {
        match part.truth(facts) {
            one if one == deciding => return deciding,
            Truth::Unknown => truth = Truth::Unknown,
            _ => {}
        }
    }
    truth
}

impl Test {
    fn check(fact: &str, op: &str, value: Option<&ValueInput>, pointer: &str, faults: &mut Faults) -> Option<Self> {
        let found = Fact::find(fact);
        faults.require(found.is_some(), &format!("{pointer}/fact"), "unknown_fact");
        let op = faults.take(&format!("{pointer}/op"), op.parse::<Op>().map_err(|_| "unknown_op"));
        let (fact, op) = found.zip(op)?;
        let ordered = matches!(fact.def().kind, FactKind::Date | FactKind::Integer);
        if matches!(op, Op::Lt | Op::Le | Op::Gt | Op::Ge) && !ordered {
            faults.add(format!("{pointer}/op"), "op_not_for_kind");
            return None;
        }
        let at = format!("{pointer}/value");
        match (op, value) {
            (Op::Present, None | Some(ValueInput::Null)) => Some(Self { fact, op, value: None }),
            (Op::Present, Some(_)) => {
                faults.add(at, "value_unexpected");
                None
            }
            // Equal to nothing is spelt `not present`, so that there is one spelling.
            (_, None | Some(ValueInput::Null)) => {
                faults.add(at, "value_missing");
                None
            }
            (_, Some(value)) => faults.take(&at, Value::read(fact, value)).map(|value| Self { fact, op, value: Some(value) }),
        }
    }

    fn truth(&self, actual: Option<Value>) -> Truth {
        let Some(actual) = actual else { return Truth::Unknown };
        let order = match (actual, self.value) {
            (_, None) => return Truth::of(actual != Value::None),
            // What there is not is neither before nor after nor equal to anything.
            (Value::None, _) => return Truth::No,
            (Value::Date(a), Some(Value::Date(b))) => a.cmp(&b),
            (Value::Int(a), Some(Value::Int(b))) => a.cmp(&b),
            (a, Some(b)) => return Truth::of(a == b),
        };
        Truth::of(match self.op {
            Op::Eq => order.is_eq(),
            Op::Lt => order.is_lt(),
            Op::Le => order.is_le(),
            Op::Gt => order.is_gt(),
            Op::Ge => order.is_ge(),
            Op::Present => true,
        })
    }

    fn comparison(&self, facts: &FactSet, result: Truth) -> Comparison {
        let actual = facts.get(self.fact);
        Comparison { fact: self.fact, label: self.fact.def().label, op: self.op, expected: self.value, actual, result }
    }
}

impl Comparison {
    /// `户口迁入日期为 2022-05-01，“不晚于 2021-03-01”不成立`
    pub fn text(&self) -> String {
        let dated = self.fact.def().kind == FactKind::Date;
        let expected = self.expected.map(|value| value.text(self.fact)).unwrap_or_default();
        let wanted = match (self.op, dated) {
            (Op::Present, _) => "有".to_owned(),
            (Op::Eq, _) if self.fact.def().kind == FactKind::Bool => expected,
            (Op::Eq, _) => format!("为 {expected}"),
            (Op::Lt, true) => format!("早于 {expected}"),
            (Op::Le, true) => format!("不晚于 {expected}"),
            (Op::Gt, true) => format!("晚于 {expected}"),
            (Op::Ge, true) => format!("不早于 {expected}"),
            (Op::Lt, false) => format!("少于 {expected}"),
            (Op::Le, false) => format!("不超过 {expected}"),
            (Op::Gt, false) => format!("多于 {expected}"),
            (Op::Ge, false) => format!("不少于 {expected}"),
        };
        match (self.result, self.actual) {
            (Truth::Unknown, _) | (_, None) => format!("{}尚未填写，无法判断“{wanted}”", self.label),
            (Truth::Yes, Some(actual)) => format!("{}为 {}，“{wanted}”成立", self.label, actual.text(self.fact)),
            (Truth::No, Some(actual)) => format!("{}为 {}，“{wanted}”不成立", self.label, actual.text(self.fact)),
        }
    }
}

/// The same form as it is typed in.
impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        match self {
            Self::All(parts) => map.serialize_entry("all", parts)?,
            Self::Any(parts) => map.serialize_entry("any", parts)?,
            Self::Not(part) => map.serialize_entry("not", part)?,
            Self::Test(test) => {
                map.serialize_entry("fact", &test.fact)?;
                map.serialize_entry("op", &test.op)?;
                if let Some(value) = &test.value {
                    map.serialize_entry("value", value)?;
                }
            }
        }
        map.end()
    }
}
