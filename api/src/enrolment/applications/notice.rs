//! What notices say about applications.

use jiazai_domain::enrolment::ApplicationId;
use jiazai_domain::enrolment::RoundId;
use jiazai_domain::enrolment::application::State;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::enrolment as rounds;
use jiazai_infra::events::Recorded;

use crate::notices::{Said, Words, about, things};

/// The words for events of applications, or for leave to hand in late.
///
/// Neither names the child: a message lies open on a lock screen.
pub fn words(tx: &mut Tx, events: &[Recorded], said: &mut Said) -> Result<(), DbError> {
    let of_rounds: Vec<(RoundId, &Recorded)> = about(events);
    for round in things(&of_rounds) {
        let Some(facts) = rounds::round_facts(tx, &rounds::Sight::everything(), round)? else { continue };
        for (_, event) in of_rounds.iter().filter(|(id, _)| *id == round) {
            said.insert(event.id, Words::new(&facts.title, "可补登记", event.occurred_at, format!("school/round?id={round}")));
        }
    }
    let of_applications: Vec<(ApplicationId, &Recorded)> = about(events);
    for (id, event) in of_applications {
        said.insert(event.id, Words::new("入学登记", phrase(event), event.occurred_at, format!("school/application?id={id}")));
    }
    Ok(())
}

fn phrase(event: &Recorded) -> &'static str {
    let state = event.data.get("state").and_then(|word| word.as_str()).and_then(|word| word.parse::<State>().ok());
    match state {
        Some(State::Submitted) => "已重新提交",
        Some(State::Returned) => "请补正",
        Some(State::ConfirmedTier) => "审核通过",
        Some(State::Listed) => "公示中",
        Some(State::Offered) => "待确认学位",
        Some(State::Waiting) => "轮候中",
        Some(State::ToCoordinate) => "待统筹",
        Some(State::Ineligible) => "审核未通过",
        Some(State::Released) => "学位已释放",
        Some(State::Withdrawn) => "已撤回",
        Some(State::Revoked) => "已撤销",
        _ => "有新进展",
    }
}
