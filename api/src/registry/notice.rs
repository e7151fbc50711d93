//! What notices say about the registry. Nobody is named: a message may be read over a shoulder.

use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::{BindingId, PersonId, ProposalId, VisitId, binding};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::Recorded;
use jiazai_infra::registry::{bindings, proposals, visits};
use jiazai_infra::vault::Vault;

use crate::notices::{Said, Words, about, things};

/// The words for events of bindings, visits, proposals and persons.
pub fn words(tx: &mut Tx, vault: &Vault, events: &[Recorded], said: &mut Said) -> Result<(), DbError> {
    of_bindings(tx, about(events), said)?;
    of_visits(tx, vault, about(events), said)?;
    of_proposals(tx, vault, about(events), said)?;
    let looked_at: Vec<(PersonId, &Recorded)> = about(events);
    for (_, event) in looked_at {
        said.insert(event.id, Words::new("您的登记信息被查看", "请查看", event.occurred_at, "my/data".to_owned()));
    }
    Ok(())
}

fn of_bindings(tx: &mut Tx, events: Vec<(BindingId, &Recorded)>, said: &mut Said) -> Result<(), DbError> {
    for id in things(&events) {
        let Some(bound) = bindings::find(tx, id)? else { continue };
        for (_, event) in events.iter().filter(|(of, _)| *of == id) {
            // As the event left it, not as it is by now.
            let state = event.data.get("state").and_then(|word| word.as_str()).and_then(|word| word.parse().ok());
            let phrase = match state.unwrap_or(bound.binding.facts().state) {
                binding::State::Pending => "待审核",
                binding::State::Active => "认证通过",
                binding::State::Rejected => "认证驳回",
                binding::State::Ended => "认证终止",
            };
            said.insert(event.id, Words::new(&bound.label, phrase, event.occurred_at, format!("my/homes?binding={id}")));
        }
    }
    Ok(())
}

fn of_visits(tx: &mut Tx, vault: &Vault, events: Vec<(VisitId, &Recorded)>, said: &mut Said) -> Result<(), DbError> {
    for id in things(&events) {
        let Some(planned) = visits::find(tx, vault, id)? else { continue };
        let due = Timestamp::start_of(planned.visit.due_on);
        for (_, event) in events.iter().filter(|(of, _)| *of == id) {
            said.insert(event.id, Words::new(&planned.label, "待走访", due, format!("staff/map?visit={id}")));
        }
    }
    Ok(())
}

fn of_proposals(tx: &mut Tx, vault: &Vault, events: Vec<(ProposalId, &Recorded)>, said: &mut Said) -> Result<(), DbError> {
    for id in things(&events) {
        let Some(proposed) = proposals::find(tx, vault, id)? else { continue };
        for (_, event) in events.iter().filter(|(of, _)| *of == id) {
            let phrase = match event.kind.as_str() {
                "registry_proposal.approved" => "变更通过",
                "registry_proposal.rejected" => "变更驳回",
                _ => "状态变更",
            };
            said.insert(event.id, Words::new(&proposed.label, phrase, event.occurred_at, format!("my/homes?proposal={id}")));
        }
    }
    Ok(())
}
