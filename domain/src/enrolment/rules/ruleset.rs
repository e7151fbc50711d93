//! Rule sets 入学规则: who comes in which batch, with which papers, and what decides where seats do not suffice.
//!
//! Rules are data, because every district has its own and changes it every year, and because a family may be shown the
//! very rule that decided. A [`RuleSet`] is only ever one that was checked: its facts exist, its values fit them, no
//! code is used twice, and no tier stands where nobody can ever reach it.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::expr::{Expr, ExprInput};
use super::fact::{Fact, FactKind};
use super::points::{PointsInput, PointsItem};
use super::solve::{BUDGET, possible};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::text::line;

pub const MAX_TIERS: usize = 20;
pub const MAX_DOCUMENTS: usize = 30;
pub const MAX_POINTS_ITEMS: usize = 40;
pub const MAX_TIE_BREAKS: usize = 6;
pub const MAX_BATCH: i64 = 99;
pub const MAX_SEAT_LOCK_YEARS: i64 = 12;
pub const MAX_CHOICES: i64 = 20;

crate::words! {
    /// What becomes of a child for whom no seat was left at the schools that it listed.
    Rest {
        /// 轮候: keeps its place in the order; a released seat goes to the next one.
        Wait = "wait",
        /// 统筹: an administrator finds a school.
        Coordinate = "coordinate",
    }
}

/// What orders children within a batch; the first criterion that differs decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TieBreak {
    /// 摇号: the order of the round's draw.
    Draw,
    /// The earlier date first; who has none comes last.
    Earlier(Fact),
    /// More points first.
    Points,
    /// The shorter way to that school first.
    Distance,
}

/// A rule set as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSetInput {
    pub tiers: Vec<TierInput>,
    pub documents: Vec<DocumentInput>,
    pub points: Vec<PointsInput>,
    /// A draw is always the last, written or not.
    pub tie_break: Vec<String>,
    /// 0 means that homes have no seats of their own.
    pub seat_lock_years: i64,
    /// Left out: siblings are exempt.
    pub siblings_exempt: Option<bool>,
    /// Left out: `wait`.
    pub rest: Option<String>,
    /// Left out: any school of the round may be listed.
    pub choices_in_zone_only: Option<bool>,
    /// Left out: as many as there may ever be.
    pub max_choices: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierInput {
    pub code: String,
    pub batch: i64,
    pub name: String,
    pub when: ExprInput,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentInput {
    pub kind: String,
    pub when: Option<ExprInput>,
}

/// 类别: a class of applicants and the batch in which it is placed. The first tier that holds is a child's tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tier {
    pub code: String,
    pub batch: i64,
    pub name: String,
    pub when: Expr,
}

/// A paper that is asked for: always, or when a condition holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentRule {
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Expr>,
}

/// A checked rule set. Its JSON is the form in which one is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSet {
    pub(super) tiers: Vec<Tier>,
    pub(super) documents: Vec<DocumentRule>,
    pub(super) points: Vec<PointsItem>,
    tie_break: Vec<TieBreak>,
    seat_lock_years: i64,
    siblings_exempt: bool,
    rest: Rest,
    choices_in_zone_only: bool,
    max_choices: i64,
}

impl RuleSet {
    /// # Errors
    /// All faults at once, by JSON pointer into the rule set. Beside wrong values: `duplicate`, `batch_order` (a tier
    /// of an earlier batch after one of a later), `never_true` (a condition that contradicts itself), `unreachable`
    /// (everybody who could meet it is in an earlier tier already; a tie-break after one that leaves no ties).
    pub fn new(input: &RuleSetInput) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new();
        let points = points(&input.points, &mut faults);
        let tiers = tiers(&input.tiers, &mut faults);
        let documents = documents(&input.documents, &mut faults);
        let tie_break = tie_breaks(&input.tie_break, &mut faults);
        faults.require((0..=MAX_SEAT_LOCK_YEARS).contains(&input.seat_lock_years), "/seat_lock_years", "out_of_range");
        let max_choices = input.max_choices.unwrap_or(MAX_CHOICES);
        faults.require((1..=MAX_CHOICES).contains(&max_choices), "/max_choices", "out_of_range");
        let rest = input.rest.as_deref().map_or(Ok(Rest::Wait), |text| text.parse().map_err(|_| "unknown_rest"));
        let rest = faults.take("/rest", rest);
        let parts = tiers.zip(documents).zip(points).zip(tie_break).zip(rest);
        faults.into_result(parts.map(|((((tiers, documents), points), tie_break), rest)| Self {
            tiers,
            documents,
            points,
            tie_break,
            seat_lock_years: input.seat_lock_years,
            siblings_exempt: input.siblings_exempt.unwrap_or(true),
            rest,
            choices_in_zone_only: input.choices_in_zone_only.unwrap_or(false),
            max_choices,
        }))
    }

    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    pub fn tier(&self, code: &str) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.code == code)
    }

    pub fn documents(&self) -> &[DocumentRule] {
        &self.documents
    }

    pub fn points(&self) -> &[PointsItem] {
        &self.points
    }

    pub fn tie_break(&self) -> &[TieBreak] {
        &self.tie_break
    }

    pub fn seat_lock_years(&self) -> i64 {
        self.seat_lock_years
    }

    pub fn siblings_exempt(&self) -> bool {
        self.siblings_exempt
    }

    pub fn rest(&self) -> Rest {
        self.rest
    }

    pub fn choices_in_zone_only(&self) -> bool {
        self.choices_in_zone_only
    }

    pub fn max_choices(&self) -> usize {
        self.max_choices as usize
    }
}

/// Letters, digits, `_` and `-`, up to 32 of them.
pub(super) fn code(text: &str) -> Result<String, &'static str> {
    let fits = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits { Ok(text.to_owned()) } else { Err("code_format") }
}

fn points(input: &[PointsInput], faults: &mut Faults) -> Option<Vec<PointsItem>> {
    faults.require(input.len() <= MAX_POINTS_ITEMS, "/points", "too_many");
    let items: Vec<_> =
        input.iter().take(MAX_POINTS_ITEMS).enumerate().map(|(i, item)| PointsItem::check(item, &format!("/points/{i}"), faults)).collect();
    each_once(input.iter().map(|item| item.code.as_str()), "/points", "code", faults);
    items.into_iter().collect()
}

fn tiers(input: &[TierInput], faults: &mut Faults) -> Option<Vec<Tier>> {
    faults.require(!input.is_empty(), "/tiers", "empty");
    faults.require(input.len() <= MAX_TIERS, "/tiers", "too_many");
    let mut tiers = Vec::new();
    for (i, tier) in input.iter().take(MAX_TIERS).enumerate() {
        let at = |field: &str| format!("/tiers/{i}/{field}");
        let code = faults.take(&at("code"), code(&tier.code));
        let name = faults.take(&at("name"), line(&tier.name, 40));
        faults.require((1..=MAX_BATCH).contains(&tier.batch), &at("batch"), "out_of_range");
        faults.require(i == 0 || input[i - 1].batch <= tier.batch, &at("batch"), "batch_order");
        let when = Expr::check(&tier.when, &at("when"), faults);
        tiers.push(code.zip(name).zip(when).map(|((code, name), when)| Tier { code, batch: tier.batch, name, when }));
    }
    each_once(input.iter().map(|tier| tier.code.as_str()), "/tiers", "code", faults);
    // Only complete lists are searched for contradictions: a missing tier would make others look reachable.
    let tiers = tiers.into_iter().collect::<Option<Vec<Tier>>>()?;
    let mut budget = BUDGET;
    for (i, tier) in tiers.iter().enumerate() {
        let earlier: Vec<_> = tiers[..i].iter().map(|tier| &tier.when).collect();
        if possible(&[&tier.when], &[], &mut budget) == Some(false) {
            faults.add(format!("/tiers/{i}/when"), "never_true");
        } else if possible(&[&tier.when], &earlier, &mut budget) == Some(false) {
            faults.add(format!("/tiers/{i}/when"), "unreachable");
        }
    }
    Some(tiers)
}

fn documents(input: &[DocumentInput], faults: &mut Faults) -> Option<Vec<DocumentRule>> {
    faults.require(input.len() <= MAX_DOCUMENTS, "/documents", "too_many");
    let mut documents = Vec::new();
    let mut budget = BUDGET;
    for (i, document) in input.iter().take(MAX_DOCUMENTS).enumerate() {
        let kind = faults.take(&format!("/documents/{i}/kind"), code(&document.kind));
        let at = format!("/documents/{i}/when");
        let when = match &document.when {
            None => Some(None),
            Some(when) => Expr::check(when, &at, faults).map(Some),
        };
        if let Some(Some(when)) = &when {
            faults.require(possible(&[when], &[], &mut budget) != Some(false), &at, "never_true");
        }
        documents.push(kind.zip(when).map(|(kind, when)| DocumentRule { kind, when }));
    }
    each_once(input.iter().map(|document| document.kind.as_str()), "/documents", "kind", faults);
    documents.into_iter().collect()
}

fn tie_breaks(input: &[String], faults: &mut Faults) -> Option<Vec<TieBreak>> {
    faults.require(input.len() <= MAX_TIE_BREAKS, "/tie_break", "too_many");
    let mut all: Vec<TieBreak> = Vec::new();
    for (i, text) in input.iter().take(MAX_TIE_BREAKS).enumerate() {
        let at = format!("/tie_break/{i}");
        let one = match text.as_str() {
            "draw" => Ok(TieBreak::Draw),
            "points" => Ok(TieBreak::Points),
            "distance" => Ok(TieBreak::Distance),
            other => match other.strip_prefix("earlier:").map(Fact::find) {
                None => Err("unknown_tie_break"),
                Some(None) => Err("unknown_fact"),
                Some(Some(fact)) if fact.def().kind != FactKind::Date => Err("wrong_type"),
                Some(Some(fact)) => Ok(TieBreak::Earlier(fact)),
            },
        };
        let Some(one) = faults.take(&at, one) else { continue };
        faults.require(!all.contains(&one), &at, "duplicate");
        // A draw leaves no two children alike.
        faults.require(!all[..].contains(&TieBreak::Draw) || one == TieBreak::Draw, &at, "unreachable");
        all.push(one);
    }
    let complete = all.len() == input.len();
    // Whatever is left alike is drawn: anything else (who came first, whose receipt is lower) would be a rule nobody read.
    if !all.contains(&TieBreak::Draw) {
        all.push(TieBreak::Draw);
    }
    complete.then_some(all)
}

fn each_once<'a>(codes: impl Iterator<Item = &'a str>, list: &str, field: &str, faults: &mut Faults) {
    let mut seen = std::collections::BTreeSet::new();
    for (i, code) in codes.enumerate() {
        faults.require(seen.insert(code), &format!("{list}/{i}/{field}"), "duplicate");
    }
}

impl std::fmt::Display for TieBreak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Draw => f.write_str("draw"),
            Self::Points => f.write_str("points"),
            Self::Distance => f.write_str("distance"),
            Self::Earlier(fact) => write!(f, "earlier:{}", fact.name()),
        }
    }
}

impl Serialize for TieBreak {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for RuleSet {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("tiers", &self.tiers)?;
        map.serialize_entry("documents", &self.documents)?;
        map.serialize_entry("points", &self.points)?;
        map.serialize_entry("tie_break", &self.tie_break)?;
        map.serialize_entry("seat_lock_years", &self.seat_lock_years)?;
        map.serialize_entry("siblings_exempt", &self.siblings_exempt)?;
        map.serialize_entry("rest", &self.rest)?;
        map.serialize_entry("choices_in_zone_only", &self.choices_in_zone_only)?;
        map.serialize_entry("max_choices", &self.max_choices)?;
        map.end()
    }
}
