//! Why 理由: for each child, in plain Chinese, what decided.
//!
//! The rule that decided the tier is worked out anew each time from what is known; what the allocation said is as it was
//! written then; what people wrote and what became of a seat is the history's.

use jiazai_domain::enrolment::application::{Application, State, View};
use jiazai_domain::enrolment::round;
use jiazai_domain::enrolment::rules::Fact;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::enrolment::application::is_purged;
use jiazai_infra::enrolment::placement;
use jiazai_infra::events::{self, Recorded};

use super::dto::{Reasons, answers, verdict};

/// An application has a few dozen events. Of a longer history the end is told, which says how it stands.
const MOST_EVENTS: i64 = 200;

pub fn reasons(tx: &mut Tx, application: &Application, view: View) -> Result<Reasons, DbError> {
    let f = application.facts();
    if view == View::Outline {
        return Ok(Reasons { sentences: vec![], rules: vec![], allocation: None });
    }
    let secret = hides_result(application, view);
    let purged = is_purged(&f.content);
    let finding = application.finding();
    let mut sentences = Vec::new();
    if !purged {
        sentences.push(verdict(&finding));
    }
    let allocation = if secret { None } else { placement::trace(tx, f.id)? };
    let history = events::latest(tx, &f.id.text(), MOST_EVENTS)?;
    let told = allocation.as_ref().and_then(|trace| trace.get("text")).and_then(|text| text.as_str());
    let mut told = told.map(str::to_owned);
    for event in &history {
        if secret && is_result(&event.kind) {
            continue;
        }
        if event.kind == "enrolment_application.placed" {
            sentences.extend(told.take());
        }
        sentences.extend(sentence(event));
    }
    sentences.extend(now(application));
    let rules = if purged { vec![] } else { answers(&finding) };
    Ok(Reasons { sentences, rules, allocation })
}

/// Whether the result is there but the one who looks may not know it yet.
pub fn hides_result(application: &Application, view: View) -> bool {
    view == View::Family && application.facts().round.state == round::State::Allocated
}

/// Whether an event of this kind tells what was allocated.
pub fn is_result(kind: &str) -> bool {
    matches!(kind, "enrolment_application.placed" | "enrolment_application.promoted" | "enrolment_application.coordinated")
}

fn sentence(event: &Recorded) -> Option<String> {
    let note = event.note.as_deref().filter(|note| !note.is_empty());
    let with = |head: &str| note.map_or_else(|| format!("{head}。"), |note| format!("{head}：{note}"));
    Some(match event.kind.as_str() {
        "enrolment_application.returned" => with("退回补正"),
        "enrolment_application.verified" if event.data.get("differs").and_then(|d| d.as_bool()) == Some(true) => {
            with("审核结果与提交时告知的类别不同")
        }
        "enrolment_application.verified" if event.data.get("corrected").is_some() => {
            let names = event.data.get("corrected").and_then(|names| names.as_str()).unwrap_or_default();
            let labels: Vec<&str> = names.split(',').filter_map(Fact::find).map(|fact| fact.def().label).collect();
            with(&format!("审核更正了{}", labels.join("、")))
        }
        "enrolment_application.verified" if note.is_some() => with("审核说明"),
        "enrolment_application.rejected" => with("审核不通过"),
        "enrolment_application.objected" => with("家庭提出异议"),
        "enrolment_application.revoked" => with("登记被撤销"),
        "enrolment_application.promoted" => "有学位释放，按递补顺序轮到，获得学位。".to_owned(),
        "enrolment_application.coordinated" => with("经统筹安排学位"),
        "enrolment_application.accepted" => "家庭确认入学。".to_owned(),
        "enrolment_application.declined" if event.data.get("automatic").and_then(|d| d.as_bool()) == Some(true) => {
            "未在规定时间内确认，视为放弃，学位释放给下一位。".to_owned()
        }
        "enrolment_application.declined" => with("家庭放弃该学位"),
        "enrolment_application.withdrawn" => "家庭撤回登记。".to_owned(),
        "enrolment_application.checked_in" => "已报到。".to_owned(),
        _ => return None,
    })
}

/// What time has done and nobody has written down yet.
fn now(application: &Application) -> Option<String> {
    let f = application.facts();
    let expired = f.state == State::Released && application.clone().settle().is_some();
    expired.then(|| "未在规定时间内确认，视为放弃，学位释放给下一位。".to_owned())
}
