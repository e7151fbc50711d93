//! What the registry holds of an account: taken along with its data, and given up when it is erased. Who is written in the
//! registry stays there; that somebody lives in a home does not depend on their using a telephone.

use jiazai_domain::actor::{Actor, PrincipalId};
use jiazai_domain::registry::{binding, proposal};
use jiazai_infra::db::Tx;
use jiazai_infra::registry::{bindings, delegations, proposals};
use jiazai_infra::vault::Vault;
use serde::Serialize;
use utoipa::ToSchema;

use super::refuse;
use crate::error::ApiError;
use crate::input::Instant;

/// A binding of the account.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedBinding {
    pub id: String,
    pub home: String,
    pub relation: &'static str,
    pub state: &'static str,
    pub claimed_at: Instant,
    pub ended_at: Option<Instant>,
}

/// A delegation that the account gave or holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedDelegation {
    pub id: String,
    pub delegate_id: String,
    pub scopes: Vec<&'static str>,
    pub granted_at: Instant,
    pub expires_at: Instant,
    pub revoked_at: Option<Instant>,
}

/// A change that the account proposed, as it was typed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedProposal {
    pub id: String,
    pub state: &'static str,
    pub changes: Vec<ExportedChange>,
    pub proposed_at: Instant,
}

/// One proposed value.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedChange {
    pub field: &'static str,
    pub value: String,
}

/// The registry's part of a data export.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyRegistry {
    pub home_bindings: Vec<ExportedBinding>,
    pub delegations: Vec<ExportedDelegation>,
    pub registry_proposals: Vec<ExportedProposal>,
}

impl MyRegistry {
    pub fn of(tx: &mut Tx, vault: &Vault, account: PrincipalId) -> Result<Self, ApiError> {
        let own = bindings::list(tx, &bindings::Whose::Account(account), &bindings::Filter::default(), None, i64::MAX)?;
        let given = delegations::around(tx, account, None, i64::MAX)?;
        let proposed = proposals::list(tx, vault, &proposals::Whose::Proposer(account), proposals::Filter::default(), None, i64::MAX)?;
        let binding = |bound: bindings::Bound| {
            let f = bound.binding.facts();
            ExportedBinding {
                id: f.id.text(),
                home: bound.label.clone(),
                relation: f.relation.as_str(),
                state: f.state.as_str(),
                claimed_at: f.claimed_at.into(),
                ended_at: f.ended_at.map(Into::into),
            }
        };
        let change = |change: &proposal::ProposedChange| ExportedChange { field: change.field.as_str(), value: change.value.clone() };
        Ok(Self {
            home_bindings: own.into_iter().map(binding).collect(),
            delegations: given
                .into_iter()
                .map(|d| ExportedDelegation {
                    id: d.id.text(),
                    delegate_id: d.delegate.text(),
                    scopes: d.scopes.iter().map(|scope| scope.as_str()).collect(),
                    granted_at: d.granted_at.into(),
                    expires_at: d.expires_at.into(),
                    revoked_at: d.revoked_at.map(Into::into),
                })
                .collect(),
            registry_proposals: proposed
                .into_iter()
                .map(|p| ExportedProposal {
                    id: p.proposal.id.text(),
                    state: p.proposal.state.as_str(),
                    changes: p.proposal.changes.iter().map(change).collect(),
                    proposed_at: p.proposal.proposed_at.into(),
                })
                .collect(),
        })
    }
}

/// Gives up what an account may do by the registry: bindings end, delegations are taken back, proposals are withdrawn and their
/// words forgotten.
pub fn leave_all(tx: &mut Tx, vault: &Vault, who: &Actor) -> Result<(), ApiError> {
    let now = tx.now();
    for state in [binding::State::Pending, binding::State::Active] {
        let filter = bindings::Filter { state: Some(state), ..Default::default() };
        for bound in bindings::list(tx, &bindings::Whose::Account(who.id), &filter, None, i64::MAX)? {
            bindings::save(tx, bound.binding.end(None, who, None, now).map_err(refuse)?)?;
        }
    }
    for delegation in delegations::around(tx, who.id, None, i64::MAX)? {
        if delegation.is_live(now) {
            delegations::save(tx, delegation.revoke(who, now).map_err(refuse)?)?;
        }
    }
    let waiting = proposals::Filter { state: Some(proposal::State::Pending), ..Default::default() };
    for proposed in proposals::list(tx, vault, &proposals::Whose::Proposer(who.id), waiting, None, i64::MAX)? {
        proposals::save(tx, vault, proposed.proposal.withdraw(who, now).map_err(refuse)?)?;
    }
    Ok(proposals::forget_words_of(tx, vault, who.id)?)
}
