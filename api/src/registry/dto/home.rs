//! What the registry speaks about homes, how they are lived in, and the map.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use jiazai_domain::registry::{self as domain, Area};
use serde::Serialize;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type};
use utoipa::{PartialSchema, ToSchema};

use crate::input::named::{AnyText20, BuildingRef, CommunityRef, EstateRef, FactRef, Floor, GridRef, HomeRef, PersonRef, Text20, Text64};
use crate::input::{self, Day, Faults, Instant, Ref};

crate::spoken! {
    /// How a home is lived in: vacant 空房, owner_occupied 人在户在, owner_absent 人在户不在, hukou_only 户在人不在, rented 租房, unknown 待核.
    OccupancyWord = domain::Occupancy {
        Vacant = "vacant", OwnerOccupied = "owner_occupied", OwnerAbsent = "owner_absent", HukouOnly = "hukou_only", Rented = "rented",
        Unknown = "unknown",
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
