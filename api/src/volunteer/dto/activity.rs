//! Activities, and the rules of a community.

use deserr::Deserr;
use jiazai_domain::actor::Actor;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer as domain;
use serde::Serialize;
use utoipa::ToSchema;

use crate::input::named::{
    ActivityRef, Age, AnyText200, CommunityRef, Count, Days, EstateRef, HoldSeconds, HouseholdLimit, LastDays, MaxHours, PointsPerHour,
    Radius, Text40, Text60, Text2000,
};
use crate::input::{Faults, Few, Instant, Ref};

crate::spoken! {
    /// Where an activity stands.
    ActivityState = domain::ActivityState { Draft = "draft", Published = "published", Ended = "ended", Cancelled = "cancelled" }
}

crate::spoken! {
    /// What may be done with an activity.
    ActivityAction = domain::ActivityAction { Publish = "publish", End = "end", Cancel = "cancel" }
}

/// At most fifty.
pub type Estates = Few<EstateRef, 0, 50>;

/// At most fifty.
pub type Tags = Few<Text40, 0, 50>;

/// Who may come. All that is named must be fulfilled; of a list, one. What is asked for and not known of somebody keeps
/// them out.
#[derive(Debug, Clone, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct EligibilityDto {
    /// Years completed on the day of the shift.
    #[schema(inline)]
    #[deserr(default)]
    pub min_age: Option<Age>,
    #[schema(inline)]
    #[deserr(default)]
    pub max_age: Option<Age>,
    /// They are bound to a home in one of these.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub estates: Estates,
    /// They have one of these tags.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub tags: Tags,
}

/// Where check-in happens (GCJ-02, as WeChat tells positions), and how near is near enough, in metres.
#[derive(Debug, Clone, Copy, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct SpotDto {
    #[schema(minimum = -90, maximum = 90)]
    pub lat: f64,
    #[schema(minimum = -180, maximum = 180)]
    pub lng: f64,
    #[schema(inline)]
    pub radius_m: Radius,
}

/// What is said of an activity, new or changed, and perhaps something before it.
macro_rules! activity_body {
    ($(#[$doc:meta])* $name:ident { $($first:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Deserr, ToSchema)]
        #[deserr(error = Faults, deny_unknown_fields)]
        pub struct $name {
            $($first)*
            #[schema(inline)]
            pub title: Text60,
            #[schema(inline)]
            pub description: Text2000,
            /// Where to meet.
            #[schema(inline)]
            #[deserr(default)]
            pub place: Option<AnyText200>,
            /// Left out: check-in asks for the code alone.
            #[deserr(default)]
            pub spot: Option<SpotDto>,
            #[schema(inline)]
            pub points_per_hour: PointsPerHour,
            /// The most hours that one sign-up is credited with.
            #[schema(inline)]
            pub max_hours: MaxHours,
            /// Left out: every resident.
            #[deserr(default)]
            pub eligibility: Option<EligibilityDto>,
            /// Done at any time within its shift (微事项), so it clashes with nothing else.
            #[schema(default = false, required = false)]
            #[deserr(default)]
            pub flexible: bool,
            /// How many of one household may come to one post; left out, any number.
            #[schema(inline)]
            #[deserr(default)]
            pub per_household: Option<HouseholdLimit>,
            /// With `per_household`: whether those may come whose household the registry does not know. Left out, they may not.
            #[schema(default = false, required = false)]
            #[deserr(default)]
            pub without_household: bool,
            /// How long a place is held for somebody who waited; left out, two hours.
            #[schema(inline)]
            #[deserr(default)]
            pub hold_s: Option<HoldSeconds>,
        }

        impl $name {
            pub fn draft(&self) -> domain::ActivityDraft<'_> {
                domain::ActivityDraft {
                    title: &self.title.0,
                    description: &self.description.0,
                    place: self.place.as_ref().map(|place| place.0.as_str()),
                    spot: self.spot.map(|spot| (spot.lat, spot.lng, spot.radius_m.0)),
                    points_per_hour: self.points_per_hour.0,
                    max_hours: self.max_hours.0,
                    eligibility: self.eligibility.as_ref().map(|e| domain::EligibilityDraft {
                        min_age: e.min_age.map(|age| age.0),
                        max_age: e.max_age.map(|age| age.0),
                        estates: e.estates.0.iter().map(|estate| estate.0).collect(),
                        tags: e.tags.0.iter().map(|tag| tag.0.clone()).collect(),
                    }),
                    flexible: self.flexible,
                    per_household: self.per_household.map(|n| n.0),
                    without_household: self.without_household,
                    hold_s: self.hold_s.map(|n| n.0),
                }
            }
        }
    };
}

activity_body! {
    /// An activity to be.
    NewActivity {
        #[schema(inline)]
        pub community_id: CommunityRef,
    }
}

activity_body! {
    /// An activity as it shall be from now on. Once it is published, only how it is described may differ.
    PutActivity {}
}

/// An activity 活动.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VolunteerActivity)]
pub struct ActivityDto {
    #[schema(inline)]
    pub id: ActivityRef,
    pub version: i64,
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub state: ActivityState,
    /// What the caller may do now.
    pub allowed_actions: Vec<ActivityAction>,
    pub title: String,
    pub description: String,
    pub place: Option<String>,
    pub spot: Option<SpotDto>,
    pub points_per_hour: i64,
    pub max_hours: i64,
    /// Null: every resident.
    pub eligibility: Option<EligibilityDto>,
    pub flexible: bool,
    pub per_household: Option<i64>,
    pub without_household: bool,
    pub hold_s: i64,
    #[schema(inline)]
    pub created_at: Instant,
    /// When it ended or was cancelled.
    #[schema(inline)]
    pub ended_at: Option<Instant>,
}

impl ActivityDto {
    pub fn of(activity: &domain::Activity, who: &Actor, now: Timestamp) -> Self {
        let f = activity.facts();
        let e = &f.eligibility;
        Self {
            id: Ref(f.id),
            version: f.version,
            community_id: Ref(f.community),
            state: f.state.into(),
            allowed_actions: activity.allowed_actions(who, now).into_iter().map(ActivityAction::from).collect(),
            title: f.title.clone(),
            description: f.description.clone(),
            place: f.place.clone(),
            spot: f.spot.map(|spot| SpotDto {
                lat: spot.point.lat(),
                lng: spot.point.lng(),
                radius_m: crate::input::Number(spot.radius_m),
            }),
            points_per_hour: f.points_per_hour,
            max_hours: f.max_hours,
            eligibility: (*e != domain::Eligibility::default()).then(|| EligibilityDto {
                min_age: e.min_age().map(crate::input::Number),
                max_age: e.max_age().map(crate::input::Number),
                estates: Few(e.estates().iter().copied().map(Ref).collect()),
                tags: Few(e.tags().iter().cloned().map(crate::input::Text).collect()),
            }),
            flexible: f.flexible,
            per_household: f.per_household,
            without_household: f.without_household,
            hold_s: f.hold_s,
            created_at: f.created_at.into(),
            ended_at: f.ended_at.map(Instant),
        }
    }
}

/// What a community has decided about absences and points.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PutRules {
    /// So many absences; 0 blocks nobody.
    #[schema(inline)]
    pub strikes: Count,
    /// … within so many days …
    #[schema(inline)]
    pub within_days: Days,
    /// … keep somebody from signing up for so many days.
    #[schema(inline)]
    pub block_days: Days,
    /// What one absence costs, as far as there are points.
    #[schema(inline)]
    pub costs_points: Count,
    /// The most points that service earns in a calendar month; null for no limit.
    #[schema(inline)]
    #[deserr(default)]
    pub points_per_month: Option<crate::input::named::GrantPoints>,
    /// How long points from service last; null for ever.
    #[schema(inline)]
    #[deserr(default)]
    pub points_last_days: Option<LastDays>,
}

/// The rules of a community; version 0 while they are the defaults.
#[derive(Debug, Serialize, ToSchema)]
pub struct RulesDto {
    pub version: i64,
    pub strikes: i64,
    pub within_days: i64,
    pub block_days: i64,
    pub costs_points: i64,
    pub points_per_month: Option<i64>,
    pub points_last_days: Option<i64>,
}
