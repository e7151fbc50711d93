//! What notices say about applications.

use jiazai_domain::enrolment::ApplicationId;
use jiazai_domain::enrolment::RoundId;
use jiazai_domain::enrolment::application::State;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::enrolment as rounds;
use jiazai_infra::events::Recorded;

use crate::notices::Words;

/// The words for an event of an application, or for leave to hand in late; none when it is about something else.
///
/// Neither names the child: a message lies open on a lock screen.
pub fn words(tx: &mut Tx, event: &Recorded) -> Result<Option<Words>, DbError> {
    if let Ok(round) = event.subject.parse::<RoundId>() {
        let Some(facts) = rounds::round_facts(tx, &rounds::Sight::everything(), round)? else { return Ok(None) };
        return Ok(Some(Words::new(&facts.title, "可补登记", tx.now(), format!("school/round?id={round}"))));
    }
    let Ok(id) = event.subject.parse::<ApplicationId>() else { return Ok(None) };
    let state = event.data.get("state").and_then(|word| word.as_str()).and_then(|word| word.parse::<State>().ok());
    let phrase = match state {
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
    };
    Ok(Some(Words::new("入学登记", phrase, tx.now(), format!("school/application?id={id}"))))
}
