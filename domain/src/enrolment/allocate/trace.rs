//! The trace 理由: for each child the schools that were asked, what each answered, and the comparison that decided.
//!
//! A comparison is with the last child that was placed or the first that was not: the line of that school in that
//! batch. It names no receipt: where the line was is everybody's business, whose date it was is not.

use std::ops::Range;

use serde::Serialize;

use super::acceptance::Filled;
use super::order::{compare, values};
use super::unit::{Applicant, Unit};
use crate::enrolment::SchoolId;
use crate::enrolment::rules::{RuleSet, TieBreak};
use crate::kernel::time::Date;

pub(super) struct Batch {
    pub units: Range<usize>,
    pub filled: Filled,
    /// Seats that were left at each school when the batch began.
    pub before: Vec<i64>,
}

crate::words! {
    /// What a school answered.
    StepResult {
        /// 录取
        Placed = "placed",
        /// 本批次之前已满
        FullBefore = "full_before",
        /// 同批次排序在后
        Behind = "behind",
        /// 余额不足以同时录取多胞胎
        DoesNotFit = "does_not_fit",
        /// 该校不在学位计划内
        NotInPlan = "not_in_plan",
    }
}

/// What was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Criterion {
    /// `batch`, `points`, `distance`, `earlier:<fact>`, `draw`, `receipt`, `seats`.
    pub by: String,
    /// This child's value: a batch, points, metres, a date, a place in the draw, the seats it needs.
    pub own: Option<String>,
    /// The line's value: of the last one placed or the first one not placed; for seats how many were left.
    pub line: Option<String>,
}

/// One school of a child's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub school: SchoolId,
    /// Which wish, from 1.
    pub choice: usize,
    pub result: StepResult,
    /// None where there was nothing to compare: seats for all who asked.
    pub comparison: Option<Criterion>,
    pub text: String,
}

/// Why one child is where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    pub receipt: String,
    /// The rule that put it into its batch.
    pub tier: String,
    pub batch: i64,
    pub steps: Vec<Step>,
    /// In one sentence.
    pub text: String,
}

/// The line of one school in one batch, as ranks.
#[derive(Clone, Default)]
struct Line {
    /// Units placed here as (rank, unit, choice), ascending.
    placed: Vec<(u32, usize, usize)>,
    /// Units that asked and were not placed here.
    refused: Vec<(u32, usize, usize)>,
    /// Seats left after the batch.
    free: i64,
}

/// The traces of a batch, by (place of the applicant in the sorted list, trace).
pub(super) fn traces(batch: &Batch, all: &[Unit], sorted: &[&Applicant], schools: &[SchoolId], rules: &RuleSet) -> Vec<(usize, Trace)> {
    let units = &all[batch.units.clone()];
    let mut lines: Vec<Line> = batch.before.iter().map(|seats| Line { free: *seats, ..Line::default() }).collect();
    for (u, unit) in units.iter().enumerate() {
        let asked = batch.filled.places[u].map_or(unit.choices.len(), |place| place + 1);
        for (c, choice) in unit.choices.iter().enumerate().take(asked) {
            let line = &mut lines[choice.school];
            let entry = (batch.filled.ranks[u][c], u, c);
            if batch.filled.places[u] == Some(c) {
                line.free -= unit.size();
                line.placed.push(entry);
            } else {
                line.refused.push(entry);
            }
        }
    }
    for line in &mut lines {
        line.placed.sort_unstable();
        line.refused.sort_unstable();
    }
    let mut traces = Vec::new();
    for (u, unit) in units.iter().enumerate() {
        let one = Asking { u, unit, units, batch, lines: &lines, schools, rules };
        for member in &unit.members {
            let applicant = sorted[*member];
            let steps = one.steps(applicant);
            let text = one.sentence(applicant, &steps);
            traces.push((
                *member,
                Trace { receipt: applicant.receipt.clone(), tier: applicant.tier.clone(), batch: unit.batch, steps, text },
            ));
        }
    }
    traces
}

struct Asking<'a> {
    u: usize,
    unit: &'a Unit,
    units: &'a [Unit],
    batch: &'a Batch,
    lines: &'a [Line],
    schools: &'a [SchoolId],
    rules: &'a RuleSet,
}

impl Asking<'_> {
    fn steps(&self, applicant: &Applicant) -> Vec<Step> {
        let mut steps = Vec::new();
        for (listed, wish) in applicant.choices.iter().enumerate() {
            let step = |result, comparison: Option<Criterion>| {
                let text = sentence(listed + 1, result, comparison.as_ref());
                Step { school: wish.school, choice: listed + 1, result, comparison, text }
            };
            let Some(c) = self.unit.choices.iter().position(|choice| choice.listed == listed) else {
                // A school listed twice was answered the first time.
                if !self.schools.contains(&wish.school) {
                    steps.push(step(StepResult::NotInPlan, None));
                }
                continue;
            };
            let (result, comparison) = self.answer(c);
            steps.push(step(result, comparison));
            if result == StepResult::Placed {
                break;
            }
        }
        steps
    }

    /// What the school of this choice answered, and compared with whom.
    fn answer(&self, c: usize) -> (StepResult, Option<Criterion>) {
        let school = self.unit.choices[c].school;
        let line = &self.lines[school];
        let own = self.batch.filled.ranks[self.u][c];
        if self.batch.filled.places[self.u] == Some(c) {
            let after = line.refused.partition_point(|(rank, ..)| *rank < own);
            return (StepResult::Placed, line.refused.get(after).map(|other| self.criterion(c, *other)));
        }
        if self.batch.before[school] <= 0 {
            let criterion = Criterion { by: "batch".to_owned(), own: Some(self.unit.batch.to_string()), line: None };
            return (StepResult::FullBefore, Some(criterion));
        }
        // The last one placed stands before every single child that was refused; a household may be passed over.
        match line.placed.last() {
            Some(last) if last.0 < own && line.free == 0 => (StepResult::Behind, Some(self.criterion(c, *last))),
            _ => {
                let before = line.placed.iter().filter(|(rank, ..)| *rank < own).map(|(_, u, _)| self.units[*u].size()).sum::<i64>();
                let left = self.batch.before[school] - before;
                let criterion = Criterion { by: "seats".to_owned(), own: Some(self.unit.size().to_string()), line: Some(left.to_string()) };
                (StepResult::DoesNotFit, Some(criterion))
            }
        }
    }

    fn criterion(&self, c: usize, other: (u32, usize, usize)) -> Criterion {
        let a = (self.unit, &self.unit.choices[c]);
        let b = (&self.units[other.1], &self.units[other.1].choices[other.2]);
        let Some(tie) = compare(self.rules, a, b).1 else {
            return Criterion { by: "receipt".to_owned(), own: None, line: None };
        };
        let (own, line) = values(self.rules, tie, a, b);
        let text = |value: Option<i64>| value.map(|value| shown(tie, value));
        Criterion { by: tie.to_string(), own: text(own), line: text(line) }
    }

    fn sentence(&self, applicant: &Applicant, steps: &[Step]) -> String {
        let name = self.rules.tier(&applicant.tier).map_or(applicant.tier.as_str(), |tier| tier.name.as_str());
        let answers = match steps {
            [] => "没有填报学校，转入统筹".to_owned(),
            _ => steps.iter().map(|step| step.text.as_str()).collect::<Vec<_>>().join("；"),
        };
        format!("按“{name}”列入第 {} 批：{answers}。", self.unit.batch)
    }
}

/// A value as a resident reads it.
fn shown(tie: TieBreak, value: i64) -> String {
    match tie {
        TieBreak::Earlier(_) => {
            i32::try_from(value).ok().and_then(Date::from_num_days_from_ce_opt).map_or_else(String::new, |date| date.to_string())
        }
        _ => value.to_string(),
    }
}

fn sentence(choice: usize, result: StepResult, comparison: Option<&Criterion>) -> String {
    let compared = comparison.map(|c| {
        let none = if c.by == "distance" { "未知" } else { "无" };
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| none.to_owned());
        let (own, line) = (value(&c.own), value(&c.line));
        let label = match c.by.as_str() {
            "points" => "积分".to_owned(),
            "distance" => "距离（米）".to_owned(),
            "draw" => "摇号顺序".to_owned(),
            "receipt" => return "其余条件相同，按回执号顺序".to_owned(),
            "batch" => return "本批次开始前学位已满".to_owned(),
            "seats" => return format!("需要 {own} 个学位，轮到时余 {line} 个"),
            other => other
                .strip_prefix("earlier:")
                .and_then(crate::enrolment::rules::Fact::find)
                .map_or_else(|| other.to_owned(), |f| f.def().label.to_owned()),
        };
        match result {
            StepResult::Placed => format!("{label} {own}，先于未录取者 {line}"),
            _ => format!("{label} {own}，后于最后录取者 {line}"),
        }
    });
    let head = match result {
        StepResult::Placed => format!("第 {choice} 志愿录取"),
        StepResult::NotInPlan => format!("第 {choice} 志愿的学校不在学位计划内"),
        StepResult::FullBefore | StepResult::Behind | StepResult::DoesNotFit => format!("第 {choice} 志愿未录取"),
    };
    match compared {
        Some(compared) => format!("{head}（{compared}）"),
        None if result == StepResult::Placed => format!("{head}（学位足够，填报者全部录取）"),
        None => head,
    }
}
