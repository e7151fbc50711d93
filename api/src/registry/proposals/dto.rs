//! What the registry speaks about change proposals.

use deserr::Deserr;
use jiazai_domain::kernel::mask;
use jiazai_domain::registry::proposal::{self as domain, Field};
use jiazai_infra::events::Recorded;
use jiazai_infra::registry::proposals::Proposed;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::dto::OccupancyWord;
use crate::input::named::{CommunityRef, DelegationRef, EventRef, HomeRef, PersonRef, PrincipalRef, ProposalRef, Text60, Text500};
use crate::input::{Day, Faults, Few, Instant, Ref};

crate::spoken! {
    /// Where a proposal stands.
    ProposalState = domain::State { Pending = "pending", Approved = "approved", Rejected = "rejected", Withdrawn = "withdrawn" }
}

crate::spoken! {
    /// What may be done with a proposal.
    ProposalAction = domain::Action { Approve = "approve", Reject = "reject", Withdraw = "withdraw" }
}

crate::spoken! {
    /// What a resident may say is different: name 姓名, phone 电话, occupancy 入住状态, moved_in_on 迁入, moved_out_on 迁出, deceased_on 去世.
    ProposalField = domain::Field {
        Name = "name", Phone = "phone", Occupancy = "occupancy", MovedIn = "moved_in_on", MovedOut = "moved_out_on",
        Deceased = "deceased_on",
    }
}

/// One value, as it should be.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewChange {
    #[schema(inline)]
    pub field: ProposalField,
    /// A name, a telephone, an occupancy, or a day such as 2026-05-01.
    #[schema(inline)]
    pub value: Text60,
}

/// One to six.
pub type NewChanges = Few<NewChange, 1, 6>;

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewProposal {
    /// A home that the caller is actively bound to.
    #[schema(inline)]
    pub home_id: HomeRef,
    /// Whom the changes are about: somebody of the home's household. Left out: the caller, where the registry knows them.
    #[schema(inline)]
    #[deserr(default)]
    pub person_id: Option<PersonRef>,
    #[schema(inline)]
    pub changes: NewChanges,
    /// 代办: for whoever gave this delegation, in matters of the registry.
    #[schema(inline)]
    #[deserr(default)]
    pub delegation_id: Option<DelegationRef>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RejectProposal {
    #[schema(inline)]
    pub reason: Text500,
}

/// One proposed value.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProposedValue {
    pub field: ProposalField,
    /// A telephone is masked: whole ones are only ever revealed.
    #[schema(example = "138******78")]
    pub value: String,
    /// What the registry says now, masked like the value; for staff who look at one proposal, null elsewhere.
    pub now: Option<String>,
}

fn shown(field: Field, value: &str) -> String {
    match field {
        Field::Phone => mask::phone(value),
        _ => value.to_owned(),
    }
}

/// A change proposal 变更申请.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegistryProposal {
    #[schema(inline)]
    pub id: ProposalRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub home_id: HomeRef,
    pub home_label: String,
    /// Whom it is about; null when it is about the home.
    #[schema(inline)]
    pub person_id: Option<PersonRef>,
    #[schema(inline)]
    pub proposer_id: PrincipalRef,
    pub changes: Vec<ProposedValue>,
    pub state: ProposalState,
    pub allowed_actions: Vec<ProposalAction>,
    #[schema(inline)]
    pub proposed_at: Instant,
    #[schema(inline)]
    pub decided_at: Option<Instant>,
    pub version: i64,
}

impl RegistryProposal {
    /// `now` says what the registry holds for a field.
    pub fn of(proposed: &Proposed, allowed: Vec<domain::Action>, now: impl Fn(Field) -> Option<String>) -> Self {
        let p = &proposed.proposal;
        let value = |change: &domain::ProposedChange| ProposedValue {
            field: change.field.into(),
            value: shown(change.field, &change.value),
            now: now(change.field).map(|text| shown(change.field, &text)),
        };
        Self {
            id: Ref(p.id),
            community_id: Ref(p.community),
            home_id: Ref(p.home),
            home_label: proposed.label.clone(),
            person_id: p.person.map(Ref),
            proposer_id: Ref(p.proposer),
            changes: p.changes.iter().map(value).collect(),
            state: p.state.into(),
            allowed_actions: allowed.into_iter().map(Into::into).collect(),
            proposed_at: p.proposed_at.into(),
            decided_at: p.decided.map(|(_, at)| at.into()),
            version: p.version,
        }
    }
}

/// Something that happened to a proposal.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProposalEvent {
    #[schema(inline)]
    pub id: EventRef,
    #[serde(rename = "type")]
    #[schema(example = "registry_proposal.rejected")]
    pub kind: String,
    #[schema(inline)]
    pub occurred_at: Instant,
    #[schema(inline)]
    pub actor_id: Option<PrincipalRef>,
    /// Ids and words.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
    /// Why it was rejected.
    pub note: Option<String>,
}

impl From<Recorded> for ProposalEvent {
    fn from(event: Recorded) -> Self {
        Self {
            id: Ref(event.id),
            kind: event.kind,
            occurred_at: event.occurred_at.into(),
            actor_id: event.actor.map(Ref),
            data: event.data,
            note: event.note,
        }
    }
}

/// Somebody of the caller's household, as the registry has them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Housemate {
    #[schema(inline)]
    pub person_id: PersonRef,
    #[schema(example = "陈*明")]
    pub name: String,
    /// The caller, as far as the registry knows.
    pub me: bool,
    /// hukou, residence, owner, tenant, family or carer.
    pub kind: &'static str,
    #[schema(inline)]
    pub from: Day,
    #[schema(inline)]
    pub until: Option<Day>,
}

/// What the registry says of a home, to those who live there.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyHousehold {
    #[schema(inline)]
    pub home_id: HomeRef,
    pub home_label: String,
    pub occupancy: OccupancyWord,
    pub items: Vec<Housemate>,
}
