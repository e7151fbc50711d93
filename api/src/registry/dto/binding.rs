//! What the registry speaks about who may speak for a home, and what a delegate may do.

use deserr::Deserr;
use jiazai_domain::registry as domain;
use jiazai_infra::registry::bindings::Bound;
use serde::Serialize;
use utoipa::ToSchema;

use crate::input::named::{AnyText500, BindingRef, CommunityRef, DelegationRef, HomeRef, PersonRef, PrincipalRef, Text60, Text64, Text500};
use crate::input::{Day, Faults, Instant, Ref};

crate::spoken! {
    /// What a resident is to a home.
    RelationWord = domain::Relation { Owner = "owner", Family = "family", Tenant = "tenant", Carer = "carer" }
}

crate::spoken! {
    /// Where a binding stands.
    BindingState = domain::binding::State { Pending = "pending", Active = "active", Ended = "ended", Rejected = "rejected" }
}

crate::spoken! {
    /// What may be done with a binding.
    BindingAction = domain::binding::Action { Approve = "approve", Reject = "reject", End = "end", Expire = "expire" }
}

crate::spoken! {
    /// A sort of document.
    DocumentKind = domain::DocumentType {
        ResidentId = "resident_id", HkMacaoPermit = "hk_macao_permit", TaiwanPermit = "taiwan_permit",
        HkMacaoTaiwanResidence = "hk_macao_taiwan_residence", ForeignPermanentResidence = "foreign_permanent_residence",
        Passport = "passport", BirthCertificate = "birth_certificate", Other = "other",
    }
}

crate::spoken! {
    /// What a delegate may do.
    DelegationMatter = domain::binding::DelegationScope {
        Repair = "repair", Volunteer = "volunteer", Enrolment = "enrolment", Registry = "registry", Elder = "elder",
    }
}

/// A resident's claim to a home. With name and document of somebody whom the registry knows there, and the telephone that is
/// bound to the account being theirs, it is active at once.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewBinding {
    #[schema(inline)]
    pub home_id: HomeRef,
    #[schema(inline)]
    pub relation: RelationWord,
    #[schema(inline)]
    #[deserr(default)]
    pub name: Option<Text60>,
    /// Left out: a resident identity card.
    #[schema(inline)]
    #[deserr(default)]
    pub id_type: Option<DocumentKind>,
    #[schema(inline)]
    #[deserr(default)]
    pub id_number: Option<Text64>,
    /// 代办: claim it for whoever gave this delegation, in matters of the registry.
    #[schema(inline)]
    #[deserr(default)]
    pub delegation_id: Option<DelegationRef>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ApproveBinding {
    /// Who of the registry the resident is.
    #[schema(inline)]
    #[deserr(default)]
    pub person_id: Option<PersonRef>,
    /// The last day of a tenant's lease; the binding ends with it.
    #[schema(inline)]
    #[deserr(default)]
    pub lease_ends_on: Option<Day>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RejectBinding {
    #[schema(inline)]
    pub reason: Text500,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct EndBinding {
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText500>,
}

/// A binding 住户认证: an account may speak for a home.
#[derive(Debug, Serialize, ToSchema)]
pub struct HomeBinding {
    #[schema(inline)]
    pub id: BindingRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub home_id: HomeRef,
    pub home_label: String,
    #[schema(inline)]
    pub resident_id: PrincipalRef,
    /// Who of the registry the resident is, for staff and once that is known.
    #[schema(inline)]
    pub person_id: Option<PersonRef>,
    pub relation: RelationWord,
    pub state: BindingState,
    /// The last day: of a tenant's lease, or of whatever else it rests on.
    #[schema(inline)]
    pub lease_ends_on: Option<Day>,
    pub allowed_actions: Vec<BindingAction>,
    #[schema(inline)]
    pub claimed_at: Instant,
    #[schema(inline)]
    pub ended_at: Option<Instant>,
    pub version: i64,
}

impl HomeBinding {
    pub fn of(bound: &Bound, allowed: Vec<domain::binding::Action>, as_staff: bool) -> Self {
        let f = bound.binding.facts();
        Self {
            id: Ref(f.id),
            community_id: Ref(f.community),
            home_id: Ref(f.home),
            home_label: bound.label.clone(),
            resident_id: Ref(f.account),
            person_id: f.person.filter(|_| as_staff).map(Ref),
            relation: f.relation.into(),
            state: f.state.into(),
            lease_ends_on: f.until.and_then(|until| until.pred_opt()).map(Day),
            allowed_actions: allowed.into_iter().map(Into::into).collect(),
            claimed_at: f.claimed_at.into(),
            ended_at: f.ended_at.map(Into::into),
            version: f.version,
        }
    }
}
