//! What the registry speaks about places, homes and bindings.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use jiazai_domain::registry::{self as domain, Area};
use jiazai_infra::registry::bindings::Bound;
use serde::Serialize;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type};
use utoipa::{PartialSchema, ToSchema};

use crate::input::named::{
    AnyText20, AnyText500, BindingRef, BuildingRef, CommunityRef, DelegationRef, EstateGroupRef, EstateRef, FactRef, Floor, GridRef,
    HomeRef, PersonRef, PrincipalRef, Text20, Text60, Text64, Text500,
};
use crate::input::{self, Day, Faults, Few, Instant, Ref};

crate::spoken! {
    /// How a home is lived in: vacant 空房, owner_occupied 人在户在, owner_absent 人在户不在, hukou_only 户在人不在, rented 租房, unknown 待核.
    OccupancyWord = domain::Occupancy {
        Vacant = "vacant", OwnerOccupied = "owner_occupied", OwnerAbsent = "owner_absent", HukouOnly = "hukou_only", Rented = "rented",
        Unknown = "unknown",
    }
}

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

/// Floor space in square metres, to the hundredth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AreaM2(pub Area);

impl Serialize for AreaM2 {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.0.m2())
    }
}

impl Deserr<Faults> for AreaM2 {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        let m2 = match value {
            Value::Integer(n) => n as f64,
            Value::Float(n) => n,
            _ => return input::fault(at, "wrong_type", "类型应为 number", "must be number"),
        };
        Area::from_m2(m2)
            .map(Self)
            .or_else(|code| input::fault(at, code, "应大于 0 且不超过 100000", "must be more than 0 and at most 100000"))
    }
}

impl PartialSchema for AreaM2 {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Number)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
            .minimum(Some(0.01))
            .maximum(Some(100_000.0))
            .examples([89.53])
            .into()
    }
}
impl ToSchema for AreaM2 {}

/// At most fifty.
pub type GridStaff = Few<PrincipalRef, 0, 50>;

/// A group of estates or an estate, as somebody asks it to be.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewPlace {
    #[schema(inline)]
    pub name: Text60,
    /// What another system calls it; unique in the community.
    #[schema(inline)]
    #[deserr(default)]
    pub external_code: Option<Text64>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewGrid {
    #[schema(inline)]
    pub name: Text60,
    #[schema(inline)]
    #[deserr(default)]
    pub external_code: Option<Text64>,
    /// Grid workers of the community.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub staff_ids: GridStaff,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewBuilding {
    #[schema(inline)]
    pub estate_id: EstateRef,
    #[schema(inline)]
    #[deserr(default)]
    pub grid_id: Option<GridRef>,
    #[schema(inline)]
    pub name: Text60,
    #[schema(inline)]
    #[deserr(default)]
    pub external_code: Option<Text64>,
}

/// Which group; none to leave it.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Regroup {
    #[schema(inline)]
    #[deserr(default)]
    pub group_id: Option<EstateGroupRef>,
}

/// Which grid; none to be in none.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Regrid {
    #[schema(inline)]
    #[deserr(default)]
    pub grid_id: Option<GridRef>,
}

/// Who looks after the grid from now on.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PutGridStaff {
    #[schema(inline)]
    pub staff_ids: GridStaff,
}

/// A home, as somebody asks it to be.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewHome {
    /// Left out where the building has no units.
    #[schema(inline)]
    #[deserr(default)]
    pub unit: Option<AnyText20>,
    #[schema(inline)]
    #[deserr(default)]
    pub floor: Option<Floor>,
    #[schema(inline)]
    pub number: Text20,
    #[schema(inline)]
    #[deserr(default)]
    pub area_m2: Option<AreaM2>,
    #[schema(inline)]
    #[deserr(default)]
    pub external_code: Option<Text64>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PutOccupancy {
    #[schema(inline)]
    pub status: OccupancyWord,
}

/// A group of estates 组团, run as one.
#[derive(Debug, Serialize, ToSchema)]
pub struct EstateGroup {
    #[schema(inline)]
    pub id: EstateGroupRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub name: String,
    pub external_code: Option<String>,
    pub version: i64,
}

impl From<domain::EstateGroup> for EstateGroup {
    fn from(group: domain::EstateGroup) -> Self {
        let domain::EstateGroup { id, version, community, name, external_code } = group;
        Self { id: Ref(id), community_id: Ref(community), name, external_code, version }
    }
}

/// An estate 小区.
#[derive(Debug, Serialize, ToSchema)]
pub struct Estate {
    #[schema(inline)]
    pub id: EstateRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub name: String,
    #[schema(inline)]
    pub group_id: Option<EstateGroupRef>,
    pub external_code: Option<String>,
    pub version: i64,
}

impl From<domain::Estate> for Estate {
    fn from(estate: domain::Estate) -> Self {
        let domain::Estate { id, version, community, name, group, external_code, .. } = estate;
        Self { id: Ref(id), community_id: Ref(community), name, group_id: group.map(Ref), external_code, version }
    }
}

/// A grid 网格.
#[derive(Debug, Serialize, ToSchema)]
pub struct Grid {
    #[schema(inline)]
    pub id: GridRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub name: String,
    pub staff_ids: Vec<String>,
    pub external_code: Option<String>,
    pub version: i64,
}

impl From<domain::Grid> for Grid {
    fn from(grid: domain::Grid) -> Self {
        let domain::Grid { id, version, community, name, staff, external_code, .. } = grid;
        let staff_ids = staff.iter().map(|person| person.text()).collect();
        Self { id: Ref(id), community_id: Ref(community), name, staff_ids, external_code, version }
    }
}

/// A building 楼栋.
#[derive(Debug, Serialize, ToSchema)]
pub struct Building {
    #[schema(inline)]
    pub id: BuildingRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub estate_id: EstateRef,
    #[schema(inline)]
    pub grid_id: Option<GridRef>,
    pub name: String,
    pub external_code: Option<String>,
    pub version: i64,
}

impl From<domain::Building> for Building {
    fn from(building: domain::Building) -> Self {
        let domain::Building { id, version, community, estate, grid, name, external_code, .. } = building;
        Self { id: Ref(id), community_id: Ref(community), estate_id: Ref(estate), grid_id: grid.map(Ref), name, external_code, version }
    }
}

/// A home in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct HomeItem {
    #[schema(example = "hom_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    pub unit: String,
    pub floor: Option<i64>,
    pub number: String,
    #[schema(inline)]
    pub area_m2: Option<AreaM2>,
    /// Null for those who look for their own home: an empty flat is nobody else's business.
    pub occupancy: Option<OccupancyWord>,
    /// As CSS reads it.
    #[schema(example = "#009E73")]
    pub colour: Option<&'static str>,
    /// What the keeper said and what is recorded cannot both be true.
    pub contradiction: Option<bool>,
    pub version: i64,
}

/// Every home of a building.
#[derive(Debug, Serialize, ToSchema)]
pub struct BuildingHomes {
    pub items: Vec<HomeItem>,
}

/// A home on the map.
#[derive(Debug, Serialize, ToSchema)]
pub struct MapHome {
    #[schema(example = "hom_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    pub unit: String,
    pub floor: Option<i64>,
    pub number: String,
    pub occupancy: OccupancyWord,
    #[schema(example = "#009E73")]
    pub colour: &'static str,
    /// What the keeper said and what is recorded cannot both be true: somebody should look again.
    pub contradiction: bool,
}

/// A building on the map.
#[derive(Debug, Serialize, ToSchema)]
pub struct MapBuilding {
    #[schema(inline)]
    pub id: BuildingRef,
    #[schema(inline)]
    pub estate_id: EstateRef,
    #[schema(inline)]
    pub grid_id: Option<GridRef>,
    pub name: String,
    pub homes: Vec<MapHome>,
}

/// What a colour means.
#[derive(Debug, Serialize, ToSchema)]
pub struct LegendEntry {
    pub occupancy: OccupancyWord,
    #[schema(example = "人在户在")]
    pub name: &'static str,
    #[schema(example = "#009E73")]
    pub colour: &'static str,
}

/// Every home that the caller sees of a community.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommunityMap {
    pub legend: Vec<LegendEntry>,
    pub buildings: Vec<MapBuilding>,
}

/// Somebody tied to a home.
#[derive(Debug, Serialize, ToSchema)]
pub struct HouseholdFact {
    #[schema(inline)]
    pub id: FactRef,
    #[schema(inline)]
    pub person_id: PersonRef,
    /// As much of it as the caller may see.
    #[schema(example = "陈*明")]
    pub name: String,
    /// hukou, residence, owner, tenant, family or carer.
    pub kind: &'static str,
    #[schema(inline)]
    pub from: Day,
    /// The first day on which it no longer holds.
    #[schema(inline)]
    pub until: Option<Day>,
    /// The owner's part.
    #[schema(example = "50%")]
    pub share: Option<String>,
    pub sole: bool,
    pub separated: bool,
    pub source: &'static str,
}

impl HouseholdFact {
    pub fn of(fact: &domain::Fact, name: String) -> Self {
        Self {
            id: Ref(fact.id),
            person_id: Ref(fact.person),
            name,
            kind: fact.kind.as_str(),
            from: Day(fact.interval.from()),
            until: fact.interval.until().map(Day),
            share: fact.share.map(|share| share.to_string()),
            sole: fact.sole,
            separated: fact.separated,
            source: fact.source.as_str(),
        }
    }
}

/// A home 户, as it is on a day.
#[derive(Debug, Serialize, ToSchema)]
pub struct HomeDetail {
    #[schema(inline)]
    pub id: HomeRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub building_id: BuildingRef,
    #[schema(inline)]
    pub grid_id: Option<GridRef>,
    /// The whole address within the community.
    #[schema(example = "田庵花苑 12号楼 2单元 301")]
    pub label: String,
    pub unit: String,
    pub floor: Option<i64>,
    pub number: String,
    #[schema(inline)]
    pub area_m2: Option<AreaM2>,
    /// The keeper's word where there is one, else what the facts say.
    pub occupancy: OccupancyWord,
    #[schema(example = "#009E73")]
    pub colour: &'static str,
    /// What the facts say.
    pub occupancy_derived: OccupancyWord,
    /// What a keeper said.
    pub occupancy_set: Option<OccupancyWord>,
    #[schema(inline)]
    pub occupancy_set_at: Option<Instant>,
    /// The keeper's word and the facts cannot both be true: somebody should look again.
    pub contradiction: bool,
    pub external_code: Option<String>,
    /// The day that the answer is about.
    #[schema(inline)]
    pub as_of: Day,
    /// Who is tied to the home on that day.
    pub household: Vec<HouseholdFact>,
    pub version: i64,
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
    /// The last day of a tenant's lease.
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
