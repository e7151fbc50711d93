//! What volunteer service speaks.

use deserr::Deserr;
use jiazai_domain::actor::Actor;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer as domain;
use serde::Serialize;
use utoipa::ToSchema;

use crate::input::named::{
    ActivityRef, Age, AnyText200, AnyText500, CommunityRef, Count, Days, EstateRef, EveryWeeks, HoldSeconds, HouseholdLimit, LastDays,
    LinePlaces, MaxHours, Minutes, Places, PointsPerHour, PrincipalRef, ShiftRef, ShiftSeconds, SignUpRef, SwapRef, Text5To5, Text20,
    Text32, Text40, Text60, Text500, Text2000, WeekSeconds, Weekday,
};
use crate::input::{Day, Faults, Few, Instant, Ref};

crate::spoken! {
    /// Where an activity stands.
    ActivityState = domain::ActivityState { Draft = "draft", Published = "published", Ended = "ended", Cancelled = "cancelled" }
}
crate::spoken! {
    /// What may be done with an activity.
    ActivityAction = domain::ActivityAction { Publish = "publish", End = "end", Cancel = "cancel" }
}
crate::spoken! {
    /// Whether a shift takes place.
    ShiftState = domain::ShiftState { Scheduled = "scheduled", Cancelled = "cancelled" }
}
crate::spoken! {
    /// What may be done with a shift.
    ShiftAction = domain::ShiftAction { Reschedule = "reschedule", Cancel = "cancel" }
}
crate::spoken! {
    /// Where a sign-up stands.
    SignUpState = domain::State {
        Confirmed = "confirmed", Waitlisted = "waitlisted", Offered = "offered", Present = "present", Done = "done",
        Credited = "credited", Cancelled = "cancelled", Absent = "absent", Expired = "expired",
    }
}
crate::spoken! {
    /// What may be done with a sign-up.
    SignUpAction = domain::Action {
        Offer = "offer", AcceptOffer = "accept-offer", Expire = "expire", Cancel = "cancel", CallOff = "call-off", CheckIn = "check-in",
        CheckOut = "check-out", MarkAbsent = "mark-absent", Settle = "settle", Swap = "swap",
    }
}
crate::spoken! {
    /// Where a swap stands.
    SwapState = domain::SwapState {
        Proposed = "proposed", Agreed = "agreed", Refused = "refused", Withdrawn = "withdrawn", Expired = "expired",
    }
}
crate::spoken! {
    /// What may be done with a swap.
    SwapAction = domain::SwapAction { Agree = "agree", Refuse = "refuse", Withdraw = "withdraw", Expire = "expire" }
}

/// At most fifty.
pub type Estates = Few<EstateRef, 0, 50>;
/// At most fifty.
pub type Tags = Few<Text40, 0, 50>;
/// At most twenty.
pub type Posts = Few<NewPost, 0, 20>;
/// One to seven.
pub type Weekdays = Few<Weekday, 1, 7>;
/// At most 120.
pub type DaysOff = Few<Day, 0, 120>;

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

/// An activity to be.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewActivity {
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub title: Text60,
    #[schema(inline)]
    pub description: Text2000,
    /// Where to meet.
    #[schema(inline)]
    #[deserr(default)]
    pub place: Option<AnyText200>,
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
    /// How long a place is held for somebody who waited; left out, two hours.
    #[schema(inline)]
    #[deserr(default)]
    pub hold_s: Option<HoldSeconds>,
}

/// An activity as it shall be from now on. Once it is published, only how it is described may differ.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PutActivity {
    #[schema(inline)]
    pub title: Text60,
    #[schema(inline)]
    pub description: Text2000,
    #[schema(inline)]
    #[deserr(default)]
    pub place: Option<AnyText200>,
    #[schema(inline)]
    pub points_per_hour: PointsPerHour,
    #[schema(inline)]
    pub max_hours: MaxHours,
    #[deserr(default)]
    pub eligibility: Option<EligibilityDto>,
    #[schema(default = false, required = false)]
    #[deserr(default)]
    pub flexible: bool,
    #[schema(inline)]
    #[deserr(default)]
    pub per_household: Option<HouseholdLimit>,
    #[schema(inline)]
    #[deserr(default)]
    pub hold_s: Option<HoldSeconds>,
}

impl From<NewActivity> for (CommunityRef, PutActivity) {
    fn from(new: NewActivity) -> Self {
        let NewActivity {
            community_id,
            title,
            description,
            place,
            points_per_hour,
            max_hours,
            eligibility,
            flexible,
            per_household,
            hold_s,
        } = new;
        (community_id, PutActivity { title, description, place, points_per_hour, max_hours, eligibility, flexible, per_household, hold_s })
    }
}

impl PutActivity {
    pub fn draft(&self) -> domain::ActivityDraft<'_> {
        domain::ActivityDraft {
            title: &self.title.0,
            description: &self.description.0,
            place: self.place.as_ref().map(|place| place.0.as_str()),
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
            hold_s: self.hold_s.map(|n| n.0),
        }
    }
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
    pub points_per_hour: i64,
    pub max_hours: i64,
    /// Null: every resident.
    pub eligibility: Option<EligibilityDto>,
    pub flexible: bool,
    pub per_household: Option<i64>,
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
            hold_s: f.hold_s,
            created_at: f.created_at.into(),
            ended_at: f.ended_at.map(Instant),
        }
    }
}

/// A post 岗位 to be.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewPost {
    #[schema(inline)]
    pub name: Text20,
    #[schema(inline)]
    pub capacity: Places,
    #[schema(inline)]
    pub waitlist_capacity: LinePlaces,
}

/// A shift to be. With `posts`, `capacity` and `waitlist_capacity` are left out or are their sums.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewShift {
    #[schema(inline)]
    pub starts_at: Instant,
    #[schema(inline)]
    pub ends_at: Instant,
    #[schema(inline)]
    #[deserr(default)]
    pub capacity: Option<Places>,
    /// Left out: nobody waits.
    #[schema(inline)]
    #[deserr(default)]
    pub waitlist_capacity: Option<LinePlaces>,
    /// Left out: at once.
    #[schema(inline)]
    #[deserr(default)]
    pub sign_up_opens_at: Option<Instant>,
    /// Volunteers cancel until this long before the start; left out, three hours.
    #[schema(inline)]
    #[deserr(default)]
    pub cancel_before_s: Option<WeekSeconds>,
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub posts: Posts,
}

/// Shifts that recur every week on these days, at this hour in Asia/Shanghai.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewShiftSeries {
    #[schema(inline)]
    pub from: Day,
    /// The last day, included.
    #[schema(inline)]
    pub until: Day,
    /// 1 is Monday, 7 is Sunday.
    #[schema(inline)]
    pub weekdays: Weekdays,
    /// Left out: every week.
    #[schema(inline)]
    #[deserr(default)]
    pub every_weeks: Option<EveryWeeks>,
    /// `09:00`
    #[schema(inline)]
    pub starts: Text5To5,
    #[schema(inline)]
    pub duration_s: ShiftSeconds,
    /// Days that are left out.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub except: DaysOff,
    #[schema(inline)]
    #[deserr(default)]
    pub capacity: Option<Places>,
    #[schema(inline)]
    #[deserr(default)]
    pub waitlist_capacity: Option<LinePlaces>,
    #[schema(inline)]
    #[deserr(default)]
    pub cancel_before_s: Option<WeekSeconds>,
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub posts: Posts,
}

/// New times of a shift.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Reschedule {
    #[schema(inline)]
    pub starts_at: Instant,
    #[schema(inline)]
    pub ends_at: Instant,
}

/// A new size of a post.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Resize {
    /// Left out where the shift has only one.
    #[schema(inline)]
    #[deserr(default)]
    pub post: Option<Text20>,
    #[schema(inline)]
    pub capacity: Places,
    #[schema(inline)]
    pub waitlist_capacity: LinePlaces,
}

/// A post and how many have a place in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VolunteerPost)]
pub struct PostDto {
    /// Null where the shift has only one.
    pub name: Option<String>,
    pub capacity: i64,
    pub waitlist_capacity: i64,
    pub taken: i64,
    /// Held for somebody who has been offered it.
    pub offered: i64,
    pub waitlisted: i64,
}

/// The caller's own sign-up for a shift.
#[derive(Debug, Serialize, ToSchema)]
pub struct MySignUp {
    #[schema(inline)]
    pub id: SignUpRef,
    pub state: SignUpState,
    /// Whose turn it is, counted from 1; only for those who wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub position: Option<i64>,
}

/// A shift 班次.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VolunteerShift)]
pub struct ShiftDto {
    #[schema(inline)]
    pub id: ShiftRef,
    /// Grows with every change of the shift, of its places, and of the caller's own sign-up.
    pub version: i64,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub activity_id: ActivityRef,
    pub state: ShiftState,
    /// What the caller may do now.
    pub allowed_actions: Vec<ShiftAction>,
    #[schema(inline)]
    pub starts_at: Instant,
    #[schema(inline)]
    pub ends_at: Instant,
    #[schema(inline)]
    pub sign_up_opens_at: Option<Instant>,
    pub cancel_before_s: i64,
    pub capacity: i64,
    pub waitlist_capacity: i64,
    pub taken: i64,
    pub offered: i64,
    pub waitlisted: i64,
    pub posts: Vec<PostDto>,
    pub my_sign_up: Option<MySignUp>,
}

/// The shift's version with everything that moves beside its row.
pub fn shift_version(shift: &domain::Shift, mine: Option<&domain::SignUp>) -> i64 {
    shift.facts().version + shift.totals().moves + mine.map_or(0, |sign_up| sign_up.facts().version)
}

impl ShiftDto {
    pub fn of(shift: &domain::Shift, mine: Option<(&domain::SignUp, Option<i64>)>, who: &Actor, now: Timestamp) -> Self {
        let (f, all) = (shift.facts(), shift.totals());
        Self {
            id: Ref(f.id),
            version: shift_version(shift, mine.map(|(sign_up, _)| sign_up)),
            community_id: Ref(f.community),
            activity_id: Ref(f.activity),
            state: f.state.into(),
            allowed_actions: shift.allowed_actions(who, now).into_iter().map(ShiftAction::from).collect(),
            starts_at: f.starts_at.into(),
            ends_at: f.ends_at.into(),
            sign_up_opens_at: f.sign_up_opens_at.map(Instant),
            cancel_before_s: f.cancel_before_s,
            capacity: all.capacity,
            waitlist_capacity: all.waitlist_capacity,
            taken: all.taken,
            offered: all.offered,
            waitlisted: all.waitlisted,
            posts: f
                .posts
                .iter()
                .map(|post| PostDto {
                    name: post.name.clone(),
                    capacity: post.pool.capacity,
                    waitlist_capacity: post.pool.waitlist_capacity,
                    taken: post.pool.taken,
                    offered: post.pool.offered,
                    waitlisted: post.pool.waitlisted,
                })
                .collect(),
            my_sign_up: mine.map(|(sign_up, position)| MySignUp {
                id: Ref(sign_up.facts().id),
                state: sign_up.facts().state.into(),
                position,
            }),
        }
    }
}

/// Shifts, all of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShiftSeries {
    pub items: Vec<ShiftDto>,
}

/// What the leader shows.
#[derive(Debug, Serialize, ToSchema)]
pub struct CodeDto {
    #[schema(example = "7K3M9QXA")]
    pub code: String,
    /// When the next one is shown.
    #[schema(inline)]
    pub expires_at: Instant,
}

/// Somebody asks for a place.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewSignUp {
    /// The post, where the shift has several.
    #[schema(inline)]
    #[deserr(default)]
    pub post: Option<Text20>,
}

/// The code that the leader shows.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ShownCode {
    #[schema(inline)]
    pub code: Text32,
}

/// What a leader has found, where it differs from what the code says.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Settle {
    #[schema(inline)]
    #[deserr(default)]
    pub minutes: Option<Minutes>,
    /// Required with `minutes`.
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText500>,
}

/// Why, if there is anything to say.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Why {
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText500>,
}

/// Why.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct WhyRevoked {
    #[schema(inline)]
    pub reason: Text500,
}

/// A sign-up 报名.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VolunteerSignUp)]
pub struct SignUpDto {
    #[schema(inline)]
    pub id: SignUpRef,
    pub version: i64,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub activity_id: ActivityRef,
    pub activity_title: String,
    #[schema(inline)]
    pub shift_id: ShiftRef,
    /// The post's name; null where the shift has only one.
    pub post: Option<String>,
    #[schema(inline)]
    pub starts_at: Instant,
    #[schema(inline)]
    pub ends_at: Instant,
    #[schema(inline)]
    pub resident_id: PrincipalRef,
    /// For those who lead; null for the volunteer.
    pub resident_name: Option<String>,
    pub state: SignUpState,
    /// What the caller may do now.
    pub allowed_actions: Vec<SignUpAction>,
    /// Whose turn it is, counted from 1; only for those who wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub position: Option<i64>,
    /// An offer is good before this instant.
    #[schema(inline)]
    pub offered_until: Option<Instant>,
    #[schema(inline)]
    pub checked_in_at: Option<Instant>,
    #[schema(inline)]
    pub checked_out_at: Option<Instant>,
    pub minutes: Option<i64>,
    pub points: Option<i64>,
    #[schema(inline)]
    pub signed_up_at: Instant,
    #[schema(inline)]
    pub ended_at: Option<Instant>,
}

/// What a sign-up is shown with.
pub struct Shown<'a> {
    pub title: &'a str,
    pub post: Option<&'a str>,
    pub name: Option<&'a str>,
    pub position: Option<i64>,
}

impl SignUpDto {
    pub fn of(sign_up: &domain::SignUp, with: &Shown, who: &Actor, now: Timestamp) -> Self {
        let f = sign_up.facts();
        Self {
            id: Ref(f.id),
            version: f.version,
            community_id: Ref(f.community),
            activity_id: Ref(f.occasion.activity),
            activity_title: with.title.to_owned(),
            shift_id: Ref(f.shift),
            post: with.post.map(str::to_owned),
            starts_at: f.occasion.starts_at.into(),
            ends_at: f.occasion.ends_at.into(),
            resident_id: Ref(f.resident),
            resident_name: with.name.filter(|_| f.resident != who.id).map(str::to_owned),
            state: f.state.into(),
            allowed_actions: sign_up.allowed_actions(who, now).into_iter().map(SignUpAction::from).collect(),
            position: with.position,
            offered_until: f.offered_until.map(Instant),
            checked_in_at: f.checked_in_at.map(Instant),
            checked_out_at: f.checked_out_at.map(Instant),
            minutes: f.minutes,
            points: f.points,
            signed_up_at: f.signed_up_at.into(),
            ended_at: f.ended_at.map(Instant),
        }
    }
}

/// Whose place somebody would like instead of their own.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ProposeSwap {
    /// The other volunteer's sign-up, which they have told.
    #[schema(inline)]
    pub with: SignUpRef,
}

/// A swap 换班.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VolunteerSwap)]
pub struct SwapDto {
    #[schema(inline)]
    pub id: SwapRef,
    pub version: i64,
    pub state: SwapState,
    /// What the caller may do now.
    pub allowed_actions: Vec<SwapAction>,
    /// The sign-up of who proposed.
    #[schema(inline)]
    pub own: SignUpRef,
    /// The sign-up of who was asked.
    #[schema(inline)]
    pub other: SignUpRef,
    /// Whether the caller proposed it.
    pub mine: bool,
    #[schema(inline)]
    pub proposed_at: Instant,
    /// It can be agreed to before this instant.
    #[schema(inline)]
    pub until: Instant,
    #[schema(inline)]
    pub ended_at: Option<Instant>,
}

impl SwapDto {
    pub fn of(swap: &domain::Swap, who: &Actor) -> Self {
        let f = swap.facts();
        Self {
            id: Ref(f.id),
            version: f.version,
            state: f.state.into(),
            allowed_actions: swap.allowed_actions(who).into_iter().map(SwapAction::from).collect(),
            own: Ref(f.own),
            other: Ref(f.other),
            mine: f.proposer == who.id,
            proposed_at: f.proposed_at.into(),
            until: f.until.into(),
            ended_at: f.ended_at.map(Instant),
        }
    }
}

/// Hours served.
#[derive(Debug, Serialize, ToSchema)]
pub struct HoursDto {
    pub minutes: i64,
    /// Where they were served.
    pub by_community: Vec<CommunityMinutes>,
}

/// Minutes served in one community.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommunityMinutes {
    #[schema(inline)]
    pub community_id: CommunityRef,
    pub minutes: i64,
}

/// A certificate to be.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewCertificate {
    /// Whose hours are certified; may be left out by those who have served in one community only.
    #[schema(inline)]
    #[deserr(default)]
    pub community_id: Option<CommunityRef>,
}

/// A certificate 证书, as anybody who has the code sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VolunteerCertificate)]
pub struct CertificateDto {
    #[schema(example = "7K3M-9QXA-0R4T-WZ5H")]
    pub code: String,
    pub version: i64,
    /// False once it was revoked.
    pub valid: bool,
    #[schema(example = "王*四")]
    pub name_masked: String,
    pub minutes: i64,
    /// Rounded down to tenths.
    pub hours: f64,
    /// The community that vouches for it.
    pub issuer: String,
    #[schema(inline)]
    pub issued_at: Instant,
    #[schema(inline)]
    pub revoked_at: Option<Instant>,
}

impl CertificateDto {
    pub fn of(certificate: &domain::Certificate) -> Self {
        let f = certificate.facts();
        Self {
            code: f.code.to_string(),
            version: f.version,
            valid: certificate.is_valid(),
            name_masked: f.masked_name.clone(),
            minutes: f.minutes,
            hours: (f.minutes / 6) as f64 / 10.0,
            issuer: f.issuer.clone(),
            issued_at: f.issued_at.into(),
            revoked_at: f.revoked.as_ref().map(|revoked| revoked.at.into()),
        }
    }
}

/// Whether I am named in the ranking.
#[derive(Debug, Clone, Serialize, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RankingConsent {
    pub agreed: bool,
}

/// Somebody in the ranking, who has agreed to be.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ranked {
    pub rank: usize,
    pub name_masked: String,
    pub minutes: i64,
    /// Whether it is the caller.
    pub me: bool,
}

/// The ranking of a community.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ranking {
    /// The first day that counts.
    #[schema(inline)]
    pub since: Day,
    pub items: Vec<Ranked>,
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
