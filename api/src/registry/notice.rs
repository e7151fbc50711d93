//! What notices say about the registry.

use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::{BindingId, PersonId, ProposalId, VisitId, binding};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::Recorded;
use jiazai_infra::registry::{bindings, proposals, visits};
use jiazai_infra::vault::Vault;

use crate::notices::Words;

/// The words for an event of a binding, a visit, a proposal or a person; none when it is about something else, or the thing
/// is gone. Nobody is named: a message may be read over a shoulder.
pub fn words(tx: &mut Tx, vault: &Vault, event: &Recorded) -> Result<Option<Words>, DbError> {
    let at = event.occurred_at;
    if let Ok(id) = event.subject.parse::<BindingId>() {
        let Some(bound) = bindings::find(tx, id)? else { return Ok(None) };
        // As the event left it, not as it is by now.
        let state = event.data.get("state").and_then(|word| word.as_str()).and_then(|word| word.parse().ok());
        let phrase = match state.unwrap_or(bound.binding.facts().state) {
            binding::State::Pending => "待审核",
            binding::State::Active => "认证通过",
            binding::State::Rejected => "认证驳回",
            binding::State::Ended => "认证终止",
        };
        return Ok(Some(Words::new(&bound.label, phrase, at, format!("my/homes?binding={id}"))));
    }
    if let Ok(id) = event.subject.parse::<VisitId>() {
        let Some(planned) = visits::find(tx, vault, id)? else { return Ok(None) };
        let due = Timestamp::start_of(planned.visit.due_on);
        return Ok(Some(Words::new(&planned.label, "待走访", due, format!("staff/map?visit={id}"))));
    }
    if let Ok(id) = event.subject.parse::<ProposalId>() {
        let Some(proposed) = proposals::find(tx, vault, id)? else { return Ok(None) };
        let phrase = match event.kind.as_str() {
            "registry_proposal.approved" => "变更通过",
            "registry_proposal.rejected" => "变更驳回",
            _ => "状态变更",
        };
        return Ok(Some(Words::new(&proposed.label, phrase, at, format!("my/homes?proposal={id}"))));
    }
    if event.subject.parse::<PersonId>().is_ok() {
        return Ok(Some(Words::new("您的登记信息被查看", "请查看", at, "my/data".to_owned())));
    }
    Ok(None)
}
