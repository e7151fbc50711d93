//! Rounds, their calendars, seat plans and zones.

use deserr::Deserr;
use jiazai_domain::actor::Actor;
use jiazai_domain::enrolment::round::{self as domain, Facts, Reason, Round, RoundDraft, SeatsInput, Zone, ZoneInput, ZonePlace};
use jiazai_domain::enrolment::rules::RuleSet;
use jiazai_infra::enrolment::Summary;
use jiazai_infra::events::Recorded;
use serde::Serialize;
use utoipa::ToSchema;

use super::{RuleSetDto, Stage};
use crate::error::ApiError;
use crate::faults::text_fault;
use crate::input::named::{
    AnyText60, AnyText500, AnyText5000, BuildingRef, CommunityRef, Door, EventRef, PrincipalRef, RoundRef, SchoolRef, SchoolYear,
    SeatCount, Text40, Text80,
};
use crate::input::{Day, Faults, Few, Instant, Ref};

crate::spoken! {
    /// Where a round stands.
    RoundState = domain::State {
        Draft = "draft", Published = "published", Open = "open", Closed = "closed", Listed = "listed", Allocated = "allocated",
        Announced = "announced", Finished = "finished",
    }
}

crate::spoken! {
    /// What may be done with a round.
    RoundAction = domain::Action {
        Publish = "publish", Open = "open", Close = "close", List = "list", Allocate = "allocate", Announce = "announce",
        Finish = "finish",
    }
}

crate::spoken! {
    /// Which side of a street.
    Parity = domain::Parity { All = "all", Odd = "odd", Even = "even" }
}

/// When what ends, in the order in which it happens. Residents are bound by these instants; staff step from state to state.
#[derive(Debug, Clone, Copy, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct CalendarDto {
    /// 登记: from here until before the next, families hand in.
    #[schema(inline)]
    pub register_from: Instant,
    #[schema(inline)]
    pub register_to: Instant,
    /// 审核与补正
    #[schema(inline)]
    pub review_to: Instant,
    /// 公示与异议
    #[schema(inline)]
    pub objection_to: Instant,
    /// 确认: until then an offer waits for an answer.
    #[schema(inline)]
    pub confirm_to: Instant,
}

impl From<CalendarDto> for domain::Calendar {
    fn from(c: CalendarDto) -> Self {
        Self {
            register_from: c.register_from.0,
            register_to: c.register_to.0,
            review_to: c.review_to.0,
            objection_to: c.objection_to.0,
            confirm_to: c.confirm_to.0,
        }
    }
}

impl From<domain::Calendar> for CalendarDto {
    fn from(c: domain::Calendar) -> Self {
        Self {
            register_from: c.register_from.into(),
            register_to: c.register_to.into(),
            review_to: c.review_to.into(),
            objection_to: c.objection_to.into(),
            confirm_to: c.confirm_to.into(),
        }
    }
}

/// A school's seats in a plan.
#[derive(Debug, Clone, Copy, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct SeatsDto {
    #[schema(inline)]
    pub school_id: SchoolRef,
    #[schema(inline)]
    pub seats: SeatCount,
}

pub type Seats = Few<SeatsDto, 1, 200>;

pub fn seats_of(plan: &domain::Plan) -> Vec<SeatsDto> {
    plan.iter().map(|(school, seats)| SeatsDto { school_id: Ref(*school), seats: crate::input::Number(*seats) }).collect()
}

pub fn seats_input(seats: &Seats) -> Vec<SeatsInput> {
    seats.0.iter().map(|seats| SeatsInput { school: seats.school_id.0, seats: seats.seats.0 }).collect()
}

/// A piece of a school's zone: a building, or doors of a street.
#[derive(Debug, Clone, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ZoneDto {
    #[schema(inline)]
    pub school_id: SchoolRef,
    #[schema(inline)]
    #[deserr(default)]
    pub building_id: Option<BuildingRef>,
    #[schema(inline)]
    #[deserr(default)]
    pub street: Option<AnyText60>,
    /// Both doors are part of it. Left out: from the first, to the last.
    #[schema(inline)]
    #[deserr(default)]
    pub door_from: Option<Door>,
    #[schema(inline)]
    #[deserr(default)]
    pub door_to: Option<Door>,
    /// Left out: both sides.
    #[deserr(default)]
    pub parity: Option<Parity>,
    #[schema(inline)]
    #[deserr(default)]
    pub valid_from: Option<Day>,
    /// The last day.
    #[schema(inline)]
    #[deserr(default)]
    pub valid_to: Option<Day>,
}

pub type Zones = Few<ZoneDto, 0, 5000>;

impl ZoneDto {
    fn input(&self) -> ZoneInput {
        ZoneInput {
            school: self.school_id.0,
            building: self.building_id.map(|building| building.0),
            street: self.street.as_ref().map(|street| street.0.clone()),
            door_from: self.door_from.map(|door| door.0),
            door_to: self.door_to.map(|door| door.0),
            parity: self.parity.map_or(domain::Parity::All, Into::into),
            valid_from: self.valid_from.map(|day| day.0),
            valid_to: self.valid_to.map(|day| day.0),
        }
    }
}

impl From<&Zone> for ZoneDto {
    fn from(zone: &Zone) -> Self {
        let mut dto = Self {
            school_id: Ref(zone.school),
            building_id: None,
            street: None,
            door_from: None,
            door_to: None,
            parity: None,
            valid_from: zone.valid_from.map(Day),
            valid_to: zone.valid_to.map(Day),
        };
        match &zone.place {
            ZonePlace::Building(building) => dto.building_id = Some(Ref(*building)),
            ZonePlace::Doors { street, from, to, parity, .. } => {
                dto.street = Some(crate::input::Text(street.clone()));
                dto.door_from = Some(crate::input::Number(*from));
                dto.door_to = Some(crate::input::Number(*to));
                dto.parity = Some((*parity).into());
            }
        }
        dto
    }
}

/// What guardians agree to before anything of a child is stored.
#[derive(Debug, Clone, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
#[schema(as = EnrolmentConsentText)]
pub struct ConsentTextDto {
    /// Another wording has another version.
    #[schema(inline)]
    pub version: Text40,
    #[schema(inline)]
    pub text: AnyText5000,
}

macro_rules! round_body {
    ($(#[$doc:meta])* $name:ident { $($first:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Deserr, ToSchema)]
        #[deserr(error = Faults, deny_unknown_fields)]
        pub struct $name {
            $($first)*
            #[schema(inline)]
            pub title: Text80,
            /// The year in which school begins.
            #[schema(inline)]
            pub school_year: SchoolYear,
            pub stage: Stage,
            /// The birth window, both days included.
            #[schema(inline)]
            pub born_from: Day,
            #[schema(inline)]
            pub born_to: Day,
            pub calendar: CalendarDto,
            pub rules: RuleSetDto,
            #[schema(inline)]
            pub seat_plans: Seats,
            #[schema(inline, required = false)]
            #[deserr(default)]
            pub zones: Zones,
            /// 公告: what families read.
            #[schema(inline)]
            #[deserr(default)]
            pub announcement: Option<AnyText5000>,
            /// 监护人同意书: with it, an application names its version.
            #[schema(nullable = false)]
            #[deserr(default)]
            pub consent: Option<ConsentTextDto>,
        }

        impl $name {
            pub fn draft(&self) -> RoundDraft<'_> {
                RoundDraft {
                    title: &self.title.0,
                    school_year: self.school_year.0,
                    stage: self.stage.into(),
                    born_from: self.born_from.0,
                    born_to: self.born_to.0,
                    calendar: self.calendar.into(),
                    rules: self.rules.input(),
                    seat_plans: seats_input(&self.seat_plans),
                    zones: self.zones.0.iter().map(ZoneDto::input).collect(),
                    announcement: self.announcement.as_ref().map(|text| text.0.as_str()),
                    consent: self.consent.as_ref().map(|consent| (consent.version.0.as_str(), consent.text.0.as_str())),
                }
            }
        }
    };
}

round_body! {
    /// A round to be: a draft until it is published.
    NewEnrolmentRound {
        #[schema(inline)]
        pub community_id: CommunityRef,
    }
}

round_body! {
    /// A draft as it shall be. A round stays in its community.
    PutEnrolmentRound {
        #[schema(inline)]
        #[deserr(default)]
        pub community_id: Option<CommunityRef>,
    }
}

/// A step of a round. Before the end of a window that families may still use, it needs `early` and a reason.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RoundStep {
    #[schema(default = false, required = false)]
    #[deserr(default)]
    pub early: bool,
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText500>,
}

impl RoundStep {
    /// Why the step is taken early, if it is.
    pub fn why(&self) -> Result<Option<Reason>, ApiError> {
        why_early(self.early, self.reason.as_ref())
    }
}

/// Why something is done early, if it is; that needs saying.
pub fn why_early(early: bool, text: Option<&AnyText500>) -> Result<Option<Reason>, ApiError> {
    if !early {
        return Ok(None);
    }
    let missing = || ApiError::fault("/reason", "reason_missing", "提前进行须说明理由", "must say why it is early");
    reason(text)?.ok_or_else(missing).map(Some)
}

/// A reason that may be left out.
pub fn reason(text: Option<&AnyText500>) -> Result<Option<Reason>, ApiError> {
    Reason::optional(text.map(|text| text.0.as_str())).map_err(|fault| text_fault("/reason", fault.into()))
}

/// A round 招生批次.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentRound)]
pub struct EnrolmentRoundDto {
    #[schema(inline)]
    pub id: RoundRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub title: String,
    pub school_year: i64,
    pub stage: Stage,
    #[schema(inline)]
    pub born_from: Day,
    #[schema(inline)]
    pub born_to: Day,
    pub calendar: CalendarDto,
    #[schema(value_type = RuleSetDto)]
    pub rules: RuleSet,
    /// One more whenever other rules took the place of the draft's.
    pub rules_version: i64,
    pub seat_plans: Vec<SeatsDto>,
    /// One more whenever another plan took the place of a published one.
    pub seat_plan_version: i64,
    pub zones: Vec<ZoneDto>,
    pub announcement: Option<String>,
    /// What guardians agree to; an application names this version.
    pub consent: Option<ConsentTextDto>,
    pub state: RoundState,
    pub allowed_actions: Vec<RoundAction>,
    pub version: i64,
    #[schema(inline)]
    pub created_at: Instant,
    #[schema(inline)]
    pub announced_at: Option<Instant>,
}

impl EnrolmentRoundDto {
    pub fn of(f: &Facts, who: &Actor) -> Self {
        Self {
            id: Ref(f.id),
            community_id: Ref(f.community),
            title: f.title.clone(),
            school_year: f.school_year,
            stage: f.stage.into(),
            born_from: Day(f.born_from),
            born_to: Day(f.born_to),
            calendar: f.calendar.into(),
            rules: f.rules.clone(),
            rules_version: f.rules_version,
            seat_plans: seats_of(&f.seats.plan),
            seat_plan_version: f.seats.version,
            zones: f.zones.iter().map(ZoneDto::from).collect(),
            announcement: f.announcement.clone(),
            consent: f.consent.as_ref().map(|consent| ConsentTextDto {
                version: crate::input::Text(consent.version.clone()),
                text: crate::input::Text(consent.text.clone()),
            }),
            state: f.state.into(),
            allowed_actions: Round::actions_in(f.state, f.community, who).into_iter().map(Into::into).collect(),
            version: f.version,
            created_at: f.created_at.into(),
            announced_at: f.announced_at.map(Into::into),
        }
    }
}

/// A round in a list: without its rules, seats, zones and announcement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentRoundSummary)]
pub struct EnrolmentRoundSummaryDto {
    #[schema(inline)]
    pub id: RoundRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub title: String,
    pub school_year: i64,
    pub stage: Stage,
    #[schema(inline)]
    pub born_from: Day,
    #[schema(inline)]
    pub born_to: Day,
    pub calendar: CalendarDto,
    pub rules_version: i64,
    pub seat_plan_version: i64,
    pub state: RoundState,
    pub allowed_actions: Vec<RoundAction>,
    pub version: i64,
    #[schema(inline)]
    pub created_at: Instant,
    #[schema(inline)]
    pub announced_at: Option<Instant>,
}

impl EnrolmentRoundSummaryDto {
    pub fn of(round: Summary, who: &Actor) -> Self {
        Self {
            id: Ref(round.id),
            community_id: Ref(round.community),
            title: round.title,
            school_year: round.school_year,
            stage: round.stage.into(),
            born_from: Day(round.born_from),
            born_to: Day(round.born_to),
            calendar: round.calendar.into(),
            rules_version: round.rules_version,
            seat_plan_version: round.plan_version,
            state: round.state.into(),
            allowed_actions: Round::actions_in(round.state, round.community, who).into_iter().map(Into::into).collect(),
            version: round.version,
            created_at: round.created_at.into(),
            announced_at: round.announced_at.map(Into::into),
        }
    }
}

/// Something that happened to a round.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolmentRoundEvent {
    #[schema(inline)]
    pub id: EventRef,
    #[serde(rename = "type")]
    #[schema(example = "enrolment_round.published")]
    pub kind: String,
    #[schema(inline)]
    pub occurred_at: Instant,
    /// Who did it; null for everybody but staff of enrolment.
    #[schema(inline)]
    pub actor_id: Option<PrincipalRef>,
    /// Ids and words.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
    /// Why a step was taken early, or another seat plan made.
    pub note: Option<String>,
}

impl EnrolmentRoundEvent {
    /// The reasons are for everybody whom the calendar binds; who gave them is not.
    pub fn of(event: Recorded, as_staff: bool) -> Self {
        // Why one family may hand in late is that family's own business.
        let private = event.kind == "enrolment_round.late_permitted" && !as_staff;
        Self {
            id: Ref(event.id),
            kind: event.kind,
            occurred_at: event.occurred_at.into(),
            actor_id: event.actor.filter(|_| as_staff).map(Ref),
            data: event.data,
            note: event.note.filter(|_| !private),
        }
    }
}
