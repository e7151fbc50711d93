//! The precheck: what a family asks before anything is stored, and what the rules answer.

use deserr::Deserr;
use jiazai_domain::enrolment::rules::{self as domain, Comparison, DocumentNeed, FactSet, FactSource, Finding, Reason, Score, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

use super::{FactValue, FactsDto, RuleSetDto};
use crate::input::named::{HomeRef, SchoolRef, Text32};
use crate::input::{Day, Faults, Few};

crate::spoken! {
    /// What is known about the truth of something.
    Truth = domain::Truth { Yes = "true", No = "false", Unknown = "unknown" }
}

crate::spoken! {
    /// How a fact is compared.
    ComparisonOp = domain::Op { Eq = "eq", Lt = "lt", Le = "le", Gt = "gt", Ge = "ge", Present = "present" }
}

crate::spoken! {
    /// 学位预警: how the seats stand to the registrations for them: less than four for five seats, up to as many as there
    /// are, more.
    Pressure = domain::Pressure { Low = "low", Medium = "medium", High = "high" }
}

crate::spoken! {
    /// What sort of value a fact has.
    FactKind = domain::FactKind { Bool = "bool", Date = "date", Integer = "integer", Choice = "choice" }
}

pub type Kinds = Few<Text32, 0, 60>;
pub type Wanted = Few<SchoolRef, 0, 20>;

/// What a family asks. Nothing of it is stored.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Precheck {
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub facts: FactsDto,
    /// The child's birth date, for the birth window.
    #[schema(inline)]
    #[deserr(default)]
    pub born_on: Option<Day>,
    /// One of the caller's homes; left out, all of them are looked at.
    #[schema(inline)]
    #[deserr(default)]
    pub home_id: Option<HomeRef>,
    /// The kinds of papers that are at hand.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub documents: Kinds,
    /// The schools that would be chosen, for the pressure on their seats.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub choices: Wanted,
}

/// One comparison that had a part in an answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Comparison)]
pub struct ComparisonDto {
    pub fact: &'static str,
    /// 户口迁入日期
    pub label: &'static str,
    pub op: ComparisonOp,
    #[schema(inline)]
    pub expected: FactValue,
    /// Null both when it is unknown and when there is none; `result` tells which.
    #[schema(inline)]
    pub actual: FactValue,
    pub result: Truth,
    /// The same in words.
    pub text: String,
}

impl From<&Comparison> for ComparisonDto {
    fn from(c: &Comparison) -> Self {
        Self {
            fact: c.fact.name(),
            label: c.label,
            op: c.op.into(),
            expected: FactValue(c.expected),
            actual: FactValue(c.actual),
            result: c.result.into(),
            text: c.text(),
        }
    }
}

/// One rule that was asked and what it answered; the last one decided.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentReason)]
pub struct ReasonDto {
    /// The code of the tier, or `birth_window`.
    pub rule: String,
    pub name: String,
    pub batch: Option<i64>,
    pub result: Truth,
    pub comparisons: Vec<ComparisonDto>,
    /// The same in a sentence that a parent can read.
    pub text: String,
}

impl From<&Reason> for ReasonDto {
    fn from(reason: &Reason) -> Self {
        Self {
            rule: reason.rule.clone(),
            name: reason.name.clone(),
            batch: Some(reason.batch),
            result: reason.result.into(),
            comparisons: reason.comparisons.iter().map(ComparisonDto::from).collect(),
            text: reason.text.clone(),
        }
    }
}

/// Whether a paper is asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DocumentNeed)]
pub struct DocumentNeedDto {
    pub kind: String,
    /// 不动产权证书
    pub label: String,
    pub needed: Truth,
}

impl From<&DocumentNeed> for DocumentNeedDto {
    fn from(need: &DocumentNeed) -> Self {
        Self { kind: need.kind.clone(), label: need.label.clone(), needed: need.needed.into() }
    }
}

/// What one row of the points table gave; null while it is unknown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PointsScore)]
pub struct ScoreDto {
    pub code: String,
    pub name: String,
    pub points: Option<i64>,
}

impl From<&Score> for ScoreDto {
    fn from(score: &Score) -> Self {
        Self { code: score.code.clone(), name: score.name.clone(), points: score.points }
    }
}

/// A fact that would have to be known.
#[derive(Debug, Serialize, ToSchema)]
pub struct MissingFact {
    pub fact: &'static str,
    pub label: &'static str,
    /// False for what the system works out itself.
    pub askable: bool,
}

/// What the rules answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct PrecheckResult {
    /// Null while it depends on facts that are not known.
    pub eligible: Option<bool>,
    pub tier: Option<String>,
    /// The tier's name, for people.
    pub tier_name: Option<String>,
    pub batch: Option<i64>,
    pub points: Option<i64>,
    pub scores: Vec<ScoreDto>,
    /// What would have to be known to decide: the tier, the order within its batch, and which papers are asked for.
    pub missing_facts: Vec<MissingFact>,
    /// Codes of the tiers that it may still turn out to be.
    pub possible_tiers: Vec<String>,
    /// Kinds of papers that are asked for and not at hand.
    pub missing_documents: Vec<String>,
    pub documents: Vec<DocumentNeedDto>,
    pub reasons: Vec<ReasonDto>,
    pub seat_pressure: Pressure,
    /// The seats that the pressure is about, and the children registered for them now.
    pub seats: i64,
    pub registered: i64,
    /// The schools whose zone the family's home is in, where that is known.
    #[schema(inline)]
    pub zone_schools: Vec<SchoolRef>,
    /// What the registry said where nothing was sent, as of `as_of`.
    #[schema(inline, value_type = FactsDto)]
    pub from_registry: FactSet,
    #[schema(inline)]
    pub as_of: Day,
}

impl PrecheckResult {
    /// The rules' part of the answer; `outside` when the child was not born in the window, whatever the rules say.
    pub fn of(finding: &Finding, at_hand: &[&str], outside: Option<ReasonDto>) -> RulesSay {
        let possible = if let Verdict::Undecided { possible, .. } = &finding.verdict { possible.clone() } else { vec![] };
        let mut say = RulesSay {
            eligible: finding.verdict.eligible(),
            tier: finding.verdict.tier().map(str::to_owned),
            batch: finding.verdict.batch(),
            missing_facts: finding
                .missing()
                .iter()
                .map(|fact| fact.def())
                .map(|def| MissingFact { fact: def.name, label: def.label, askable: def.source == FactSource::Declared })
                .collect(),
            possible_tiers: possible,
            missing_documents: finding.missing_documents(at_hand).into_iter().map(|need| need.kind.clone()).collect(),
            reasons: finding.reasons.iter().map(ReasonDto::from).collect(),
        };
        if let Some(reason) = outside {
            // Nothing that could be sent would change it, so nothing is asked for.
            say = RulesSay { eligible: Some(false), reasons: vec![reason], ..RulesSay::default() };
        }
        say
    }
}

/// What follows from the rules alone.
#[derive(Debug, Default)]
pub struct RulesSay {
    pub eligible: Option<bool>,
    pub tier: Option<String>,
    pub batch: Option<i64>,
    pub missing_facts: Vec<MissingFact>,
    pub possible_tiers: Vec<String>,
    pub missing_documents: Vec<String>,
    pub reasons: Vec<ReasonDto>,
}

/// One choice of a fact.
#[derive(Debug, Serialize, ToSchema)]
pub struct FactChoice {
    pub code: &'static str,
    pub label: &'static str,
}

/// An entry of the dictionary of facts.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolmentFact {
    #[schema(example = "hukou_on")]
    pub name: &'static str,
    /// 户口迁入日期
    pub label: &'static str,
    pub kind: FactKind,
    /// False for what the system works out; nobody may send it.
    pub declared: bool,
    pub choices: Vec<FactChoice>,
    /// The bounds of an integer, both included.
    pub min: Option<i64>,
    pub max: Option<i64>,
}

impl From<&domain::FactDef> for EnrolmentFact {
    fn from(def: &domain::FactDef) -> Self {
        let is_number = def.kind == domain::FactKind::Integer;
        Self {
            name: def.name,
            label: def.label,
            kind: def.kind.into(),
            declared: def.source == FactSource::Declared,
            choices: def.choices.iter().map(|(code, label)| FactChoice { code, label }).collect(),
            min: is_number.then_some(def.min),
            max: is_number.then_some(def.max),
        }
    }
}

/// The dictionary.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolmentFacts {
    pub items: Vec<EnrolmentFact>,
}

/// A rule set to begin with.
#[derive(Debug, Serialize, ToSchema)]
pub struct SampleRuleSet {
    pub code: &'static str,
    pub name: &'static str,
    /// What is special about it.
    pub about: &'static str,
    #[schema(value_type = RuleSetDto)]
    pub rules: domain::RuleSet,
}

/// Rule sets to begin with.
#[derive(Debug, Serialize, ToSchema)]
pub struct SampleRuleSets {
    pub items: Vec<SampleRuleSet>,
}

/// A rule set to try out, and the child to try it on. Nothing of it is stored.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RuleTrial {
    pub rules: RuleSetDto,
    /// What is supposed to be known, also of what the system works out elsewhere (`born_on`, `seat_taken`, `late`).
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub facts: FactsDto,
}

/// What rules that hold say of a child.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleTrialResult {
    /// The rules with everything that was left out.
    #[schema(value_type = RuleSetDto)]
    pub rules: domain::RuleSet,
    /// Null while it depends on facts that are not known.
    pub eligible: Option<bool>,
    pub tier: Option<String>,
    pub batch: Option<i64>,
    pub points: Option<i64>,
    pub scores: Vec<ScoreDto>,
    pub missing_facts: Vec<MissingFact>,
    pub possible_tiers: Vec<String>,
    pub documents: Vec<DocumentNeedDto>,
    pub reasons: Vec<ReasonDto>,
}

impl RuleTrialResult {
    pub fn of(rules: domain::RuleSet, facts: &FactSet) -> Self {
        let finding = rules.evaluate(facts);
        let say = PrecheckResult::of(&finding, &[], None);
        Self {
            rules,
            eligible: say.eligible,
            tier: say.tier,
            batch: say.batch,
            points: finding.points,
            scores: finding.scores.iter().map(ScoreDto::from).collect(),
            missing_facts: say.missing_facts,
            possible_tiers: say.possible_tiers,
            documents: finding.documents.iter().map(DocumentNeedDto::from).collect(),
            reasons: say.reasons,
        }
    }
}
