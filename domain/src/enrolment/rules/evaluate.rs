//! The verdict 判定: which tier a child is in, what is missing, and why; before anything is stored.

use serde::Serialize;

use super::expr::{Comparison, Truth};
use super::fact::{Fact, FactSet, Value};
use super::points::Score;
use super::ruleset::{RuleSet, TieBreak};

/// Where a child stands by the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    Eligible {
        tier: String,
        batch: i64,
    },
    /// No tier can hold, whatever else becomes known.
    Ineligible,
    /// It depends on facts that are not known.
    Undecided {
        /// What would have to be known, in the order of the dictionary.
        missing: Vec<Fact>,
        /// Codes of the tiers that it may still turn out to be.
        possible: Vec<String>,
    },
}

impl Verdict {
    /// For `eligible` in an answer: none while it is undecided.
    pub const fn eligible(&self) -> Option<bool> {
        match self {
            Self::Eligible { .. } => Some(true),
            Self::Ineligible => Some(false),
            Self::Undecided { .. } => None,
        }
    }

    pub fn tier(&self) -> Option<&str> {
        if let Self::Eligible { tier, .. } = self { Some(tier) } else { None }
    }

    pub const fn batch(&self) -> Option<i64> {
        if let Self::Eligible { batch, .. } = self { Some(*batch) } else { None }
    }
}

/// One rule that was asked, what it answered, and the comparisons that made it answer so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The code of the tier.
    pub rule: String,
    pub name: String,
    pub batch: i64,
    pub result: Truth,
    pub comparisons: Vec<Comparison>,
    /// The same in a sentence that a parent can read.
    pub text: String,
}

/// Whether a paper is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentNeed {
    pub kind: String,
    pub label: String,
    pub needed: Truth,
}

/// Everything that the rules say about one child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub verdict: Verdict,
    /// The sum of the points table or, without one, the `points` that were declared.
    pub points: Option<i64>,
    pub scores: Vec<Score>,
    /// In the order in which the rules were asked; the last one decided.
    pub reasons: Vec<Reason>,
    pub documents: Vec<DocumentNeed>,
    /// What orders children within a batch and is not known: unknown is not "none", and would count as the worst.
    pub ranking: Vec<Fact>,
    /// What would have to be known to say which papers are asked for.
    pub papers: Vec<Fact>,
}

/// Papers that most districts ask for, so that a precheck can name them; other kinds are shown by their code.
const DOCUMENTS: &[(&str, &str)] = &[
    ("hukou_book", "户口簿"),
    ("guardian_id", "监护人身份证"),
    ("birth_certificate", "出生医学证明"),
    ("vaccination", "预防接种证"),
    ("deed", "不动产权证书"),
    ("purchase_contract", "购房合同"),
    ("kindergarten", "幼儿园在园证明"),
    ("residence_permit", "居住证"),
    ("lease", "租赁备案合同"),
    ("work_proof", "务工证明"),
    ("social_insurance", "社会保险缴费证明"),
    ("owner_consent", "房主同意书"),
    ("policy_proof", "政策照顾证明"),
    ("kinship", "亲属关系证明"),
];

pub fn document_label(kind: &str) -> &str {
    DOCUMENTS.iter().find(|(code, _)| *code == kind).map_or(kind, |(_, label)| label)
}

impl RuleSet {
    /// Asks the tiers in their order. The first that holds is the child's, unless an earlier one may still hold: then
    /// nothing is decided, because a guess would put the child into a later batch than it has a right to.
    pub fn evaluate(&self, facts: &FactSet) -> Finding {
        let scores: Vec<_> = self.points.iter().map(|item| item.score(facts)).collect();
        let points_fact = Fact::find("points");
        let facts = match points_fact {
            Some(fact) if !self.points.is_empty() => {
                let known = facts.clone().without(fact);
                match scores.iter().map(|score| score.points).sum::<Option<i64>>() {
                    Some(sum) => known.with(fact, Value::Int(sum)),
                    None => known,
                }
            }
            _ => facts.clone(),
        };
        let (mut reasons, mut missing, mut possible, mut decided) = (Vec::new(), Vec::new(), Vec::new(), None);
        for tier in &self.tiers {
            let mut comparisons = Vec::new();
            let result = tier.when.explain(&facts, &mut comparisons);
            let text = sentence(tier.batch, &tier.name, result, &comparisons);
            match result {
                Truth::No => {}
                Truth::Unknown => {
                    missing.extend(comparisons.iter().filter(|c| c.result == Truth::Unknown).map(|c| c.fact));
                    possible.push(tier.code.clone());
                }
                Truth::Yes => {
                    possible.push(tier.code.clone());
                    decided = Some(tier);
                }
            }
            let (rule, name, batch) = (tier.code.clone(), tier.name.clone(), tier.batch);
            reasons.push(Reason { rule, name, batch, result, comparisons, text });
            if decided.is_some() {
                break;
            }
        }
        let verdict = match decided {
            Some(tier) if missing.is_empty() => Verdict::Eligible { tier: tier.code.clone(), batch: tier.batch },
            None if missing.is_empty() => Verdict::Ineligible,
            _ => Verdict::Undecided { missing: self.askable(missing, &facts), possible },
        };
        let documents = self.documents.iter().map(|document| DocumentNeed {
            kind: document.kind.clone(),
            label: document_label(&document.kind).to_owned(),
            needed: document.when.as_ref().map_or(Truth::Yes, |when| when.truth(&facts)),
        });
        let ranking = self.ranking(&facts);
        let papers = self.papers(&facts);
        let points = match points_fact.and_then(|fact| facts.get(fact)) {
            Some(Value::Int(points)) => Some(points),
            _ => None,
        };
        Finding { verdict, points, scores, reasons, documents: documents.collect(), ranking, papers }
    }

    /// The unknown facts by which the tie-breaks go, in the order of the dictionary.
    fn ranking(&self, facts: &FactSet) -> Vec<Fact> {
        let of = |tie: &TieBreak| match tie {
            TieBreak::Earlier(fact) => Some(*fact),
            TieBreak::Points => Fact::find("points"),
            TieBreak::Draw | TieBreak::Distance => None,
        };
        let unknown = self.tie_break().iter().filter_map(of).filter(|fact| facts.get(*fact).is_none()).collect();
        self.askable(unknown, facts)
    }

    fn papers(&self, facts: &FactSet) -> Vec<Fact> {
        let mut open = Vec::new();
        for when in self.documents.iter().filter_map(|document| document.when.as_ref()) {
            let mut why = Vec::new();
            when.explain(facts, &mut why);
            open.extend(why.iter().filter(|one| one.result == Truth::Unknown).map(|one| one.fact));
        }
        self.askable(open, facts)
    }

    /// Nobody can be asked for a sum: its unknown parts are asked for instead.
    fn askable(&self, mut missing: Vec<Fact>, facts: &FactSet) -> Vec<Fact> {
        if !self.points.is_empty() && missing.iter().any(|fact| fact.name() == "points") {
            missing.retain(|fact| fact.name() != "points");
            self.points.iter().for_each(|item| item.unknown(facts, &mut missing));
        }
        missing.sort_unstable();
        missing.dedup();
        missing
    }
}

impl Finding {
    /// The papers that are asked for and not among those at hand.
    pub fn missing_documents(&self, at_hand: &[&str]) -> Vec<&DocumentNeed> {
        self.documents.iter().filter(|need| need.needed == Truth::Yes && !at_hand.contains(&need.kind.as_str())).collect()
    }

    /// Everything that would have to be known and is not: what the tier depends on, what orders the children of a batch, and what
    /// says which papers are asked for. Nothing for who is in no tier, whatever else becomes known.
    pub fn missing(&self) -> Vec<Fact> {
        let mut all = match &self.verdict {
            Verdict::Ineligible => return vec![],
            Verdict::Undecided { missing, .. } => missing.clone(),
            Verdict::Eligible { .. } => vec![],
        };
        all.extend(self.ranking.iter().chain(&self.papers));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The rule that decided; of an undecided verdict the first that could not be answered.
    pub fn deciding(&self) -> Option<&Reason> {
        match self.verdict {
            Verdict::Undecided { .. } => self.reasons.iter().find(|reason| reason.result == Truth::Unknown),
            _ => self.reasons.last(),
        }
    }
}

fn sentence(batch: i64, name: &str, result: Truth, comparisons: &[Comparison]) -> String {
    let why: Vec<_> = comparisons.iter().map(Comparison::text).collect();
    let result = match result {
        Truth::Yes => "符合",
        Truth::No => "不符合",
        Truth::Unknown => "暂时无法判断是否符合",
    };
    format!("{result}第 {batch} 批“{name}”：{}。", why.join("；"))
}

crate::words! {
    /// 学位预警: how the seats of a school stand to the registrations for it.
    Pressure {
        /// Less than four registrations for five seats.
        Low = "low",
        /// The seats still suffice.
        Medium = "medium",
        /// More registrations than seats.
        High = "high",
    }
}

impl Pressure {
    pub const fn of(seats: u64, registrations: u64) -> Self {
        if registrations > seats || seats == 0 {
            Self::High
        } else if registrations.saturating_mul(5) >= seats.saturating_mul(4) {
            Self::Medium
        } else {
            Self::Low
        }
    }
}
