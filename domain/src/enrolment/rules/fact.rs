//! Facts 事实: what may be known about a child and its family, each with a name, a label and a kind.
//!
//! The dictionary is closed, so a rule set cannot speak of something that no form asks for, and it is served to
//! callers. A fact that was not given is *unknown*, and stays so through every rule; `null` for a date, a number or a
//! choice says that it is known and there is none (no hukou here, no house), which is something else.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::kernel::fault::{Fault, Faults};
use crate::kernel::time::Date;

crate::words! {
    /// What sort of value a fact has.
    FactKind { Bool = "bool", Date = "date", Integer = "integer", Choice = "choice" }

    /// Who says it.
    FactSource {
        /// The family says it and a reviewer checks it.
        Declared = "declared",
        /// The system works it out; nobody may type it.
        Derived = "derived",
    }
}

/// One entry of the dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FactDef {
    pub name: &'static str,
    pub label: &'static str,
    pub kind: FactKind,
    pub source: FactSource,
    /// Code and label of each choice; empty for other kinds.
    pub choices: &'static [(&'static str, &'static str)],
    /// The bounds of an integer, both included.
    pub min: i64,
    pub max: i64,
}

const fn flag(name: &'static str, label: &'static str) -> FactDef {
    FactDef { name, label, kind: FactKind::Bool, source: FactSource::Declared, choices: &[], min: 0, max: 1 }
}

const fn day(name: &'static str, label: &'static str) -> FactDef {
    FactDef { name, label, kind: FactKind::Date, source: FactSource::Declared, choices: &[], min: 0, max: 0 }
}

const fn number(name: &'static str, label: &'static str, max: i64) -> FactDef {
    FactDef { name, label, kind: FactKind::Integer, source: FactSource::Declared, choices: &[], min: 0, max }
}

const fn choice(name: &'static str, label: &'static str, choices: &'static [(&'static str, &'static str)]) -> FactDef {
    FactDef { name, label, kind: FactKind::Choice, source: FactSource::Declared, choices, min: 0, max: 0 }
}

const fn derived(fact: FactDef) -> FactDef {
    FactDef { source: FactSource::Derived, ..fact }
}

const OWNERS: &[(&str, &str)] = &[("parent", "父母"), ("grandparent", "祖父母或外祖父母"), ("child", "儿童本人"), ("other", "其他人")];
const POLICY: &[(&str, &str)] = &[
    ("military", "军人子女"),
    ("martyr", "烈士子女"),
    ("police", "公安英烈或因公伤残警察子女"),
    ("fire_rescue", "消防救援人员子女"),
    ("talent", "引进人才子女"),
    ("hmt", "港澳台籍"),
    ("other", "其他政策照顾"),
];
const EDUCATION: &[(&str, &str)] = &[("secondary", "高中及以下"), ("college", "大专"), ("bachelor", "本科"), ("postgraduate", "研究生")];

/// The dictionary. Order is for people; rules and storage know a fact by its name, so entries may be added but never
/// renamed.
pub const FACTS: &[FactDef] = &[
    day("hukou_on", "户口迁入日期"),
    flag("hukou_in_zone", "户口在片区内"),
    flag("hukou_local", "本区县户籍"),
    flag("hukou_hooked", "挂靠户口"),
    day("house_on", "房产登记日期"),
    flag("house_in_zone", "房产在片区内"),
    flag("house_zoned", "所在小区已划片"),
    flag("house_second_hand", "二手房"),
    choice("house_owner", "房产所有人", OWNERS),
    number("owner_share", "房产份额（百分比）", 100),
    flag("same_address", "房户一致"),
    flag("native", "世居本地"),
    flag("migrant", "进城务工人员随迁子女"),
    flag("lease_registered", "租赁已备案"),
    day("lease_until", "租赁到期日"),
    day("permit_on", "居住证签发日期"),
    number("permit_months", "持居住证月数", 600),
    number("residence_months", "连续居住月数", 600),
    number("work_months", "连续就业月数", 600),
    number("insurance_months", "社会保险缴费月数", 600),
    choice("education", "监护人学历", EDUCATION),
    flag("skilled", "监护人有职业技能证书"),
    number("volunteer_hours", "志愿服务小时数", 100_000),
    choice("policy_group", "政策照顾类别", POLICY),
    flag("sibling_enrolled", "兄弟姐妹在该校就读"),
    flag("orphan", "孤儿或事实无人抚养儿童"),
    flag("disability", "残疾儿童"),
    number("points", "积分", 100_000),
    derived(day("born_on", "出生日期")),
    derived(flag("seat_taken", "该房学位已被其他家庭使用")),
    derived(flag("late", "逾期补登记")),
];

/// A fact of the dictionary, by its place there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fact(u8);

impl Fact {
    pub fn find(name: &str) -> Option<Self> {
        // The dictionary is far shorter than 256 entries, so its places fit.
        FACTS.iter().position(|def| def.name == name).map(|at| Self(at as u8))
    }

    pub fn def(self) -> &'static FactDef {
        &FACTS[usize::from(self.0)]
    }

    pub fn name(self) -> &'static str {
        self.def().name
    }
}

impl fmt::Debug for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Fact {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

/// A value as it was typed, before anything is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueInput {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    /// Anything else that a document may hold: a fraction, a list, an object.
    Other,
}

/// A known value of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Known: there is none.
    None,
    Bool(bool),
    Date(Date),
    Int(i64),
    Choice(&'static str),
}

impl Value {
    /// # Errors
    /// The code of the broken rule: `wrong_type`, `date_format`, `out_of_range`, `unknown_choice`.
    pub fn read(fact: Fact, input: &ValueInput) -> Result<Self, &'static str> {
        let def = fact.def();
        match (def.kind, input) {
            (FactKind::Bool, ValueInput::Bool(flag)) => Ok(Self::Bool(*flag)),
            (FactKind::Integer, ValueInput::Int(n)) => {
                if (def.min..=def.max).contains(n) {
                    Ok(Self::Int(*n))
                } else {
                    Err("out_of_range")
                }
            }
            (FactKind::Date, ValueInput::Text(text)) => date(text).map(Self::Date).ok_or("date_format"),
            (FactKind::Choice, ValueInput::Text(text)) => {
                def.choices.iter().find(|(code, _)| code == text).map(|(code, _)| Self::Choice(code)).ok_or("unknown_choice")
            }
            (FactKind::Date | FactKind::Integer | FactKind::Choice, ValueInput::Null) => Ok(Self::None),
            _ => Err("wrong_type"),
        }
    }

    /// As a resident reads it.
    pub fn text(self, fact: Fact) -> String {
        match self {
            Self::None => "无".to_owned(),
            Self::Bool(true) => "是".to_owned(),
            Self::Bool(false) => "否".to_owned(),
            Self::Date(date) => date.to_string(),
            Self::Int(n) => n.to_string(),
            Self::Choice(code) => fact.def().choices.iter().find(|(c, _)| *c == code).map_or(code, |(_, label)| label).to_owned(),
        }
    }
}

/// `YYYY-MM-DD`, exactly, of a year in which somebody's papers may have been written.
fn date(text: &str) -> Option<Date> {
    let date: Date = text.parse().ok()?;
    let known = Date::from_ymd_opt(1900, 1, 1)? <= date && date <= Date::from_ymd_opt(2199, 12, 31)?;
    (known && date.to_string() == text).then_some(date)
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => to.serialize_none(),
            Self::Bool(flag) => to.serialize_bool(*flag),
            Self::Date(date) => to.collect_str(date),
            Self::Int(n) => to.serialize_i64(*n),
            Self::Choice(code) => to.serialize_str(code),
        }
    }
}

/// What is known of one child and its family. A JSON object, its fields in the order of the dictionary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FactSet(BTreeMap<Fact, Value>);

impl FactSet {
    /// What a family (or a reviewer on their behalf) says. `null` for a yes-or-no fact leaves it unknown: there is no
    /// third answer that could be meant.
    ///
    /// # Errors
    /// All faults, by the fact's name: `unknown_fact`, `derived_fact`, and those of [`Value::read`].
    pub fn declared<'a>(inputs: impl IntoIterator<Item = (&'a str, &'a ValueInput)>) -> Result<Self, Vec<Fault>> {
        Self::read(inputs, false)
    }

    /// What was checked and remembered, derived facts included; unknown names of older dictionaries are faults here too.
    ///
    /// # Errors
    /// As [`declared`](Self::declared), without `derived_fact`.
    pub fn restore<'a>(inputs: impl IntoIterator<Item = (&'a str, &'a ValueInput)>) -> Result<Self, Vec<Fault>> {
        Self::read(inputs, true)
    }

    fn read<'a>(inputs: impl IntoIterator<Item = (&'a str, &'a ValueInput)>, derived_too: bool) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new();
        let mut set = Self::default();
        for (name, input) in inputs {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            let Some(fact) = Fact::find(name) else {
                faults.add(pointer, "unknown_fact");
                continue;
            };
            if fact.def().source == FactSource::Derived && !derived_too {
                faults.add(pointer, "derived_fact");
            } else if fact.def().kind == FactKind::Bool && *input == ValueInput::Null {
                // Not answered.
            } else if let Some(value) = faults.take(&pointer, Value::read(fact, input)) {
                set.0.insert(fact, value);
            }
        }
        faults.into_result(Some(set))
    }

    /// The value, if it is known; `Some(Value::None)` when it is known that there is none.
    pub fn get(&self, fact: Fact) -> Option<Value> {
        self.0.get(&fact).copied()
    }

    /// A derived fact, or a reviewer's correction. A value of another kind than the fact's changes nothing.
    #[must_use]
    pub fn with(mut self, fact: Fact, value: Value) -> Self {
        let fits = matches!(
            (fact.def().kind, value),
            (FactKind::Bool, Value::Bool(_))
                | (FactKind::Date, Value::Date(_) | Value::None)
                | (FactKind::Integer, Value::Int(_) | Value::None)
                | (FactKind::Choice, Value::Choice(_) | Value::None)
        );
        if fits {
            self.0.insert(fact, value);
        }
        self
    }

    /// Takes over everything that the other set knows.
    #[must_use]
    pub fn corrected_by(mut self, other: &FactSet) -> Self {
        self.0.extend(other.iter());
        self
    }

    pub(super) fn without(mut self, fact: Fact) -> Self {
        self.0.remove(&fact);
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = (Fact, Value)> + '_ {
        self.0.iter().map(|(fact, value)| (*fact, *value))
    }
}

impl Serialize for FactSet {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(fact, value)| (fact.name(), value)))
    }
}
