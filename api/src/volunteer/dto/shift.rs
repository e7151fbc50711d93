//! Shifts and their posts.

use deserr::Deserr;
use jiazai_domain::actor::Actor;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer as domain;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::commands::Mine;
use super::SignUpState;
use crate::input::named::{
    ActivityRef, CommunityRef, EveryWeeks, LinePlaces, Places, SeasonSeconds, ShiftRef, ShiftSeconds, SignUpRef, Text5To5, Text20,
    WeekSeconds, Weekday,
};
use crate::input::{Day, Faults, Few, Instant, Ref};

crate::spoken! {
    /// Whether a shift takes place.
    ShiftState = domain::ShiftState { Scheduled = "scheduled", Cancelled = "cancelled" }
}

crate::spoken! {
    /// What may be done with a shift.
    ShiftAction = domain::ShiftAction { Reschedule = "reschedule", Resize = "resize", Cancel = "cancel" }
}

/// At most twenty.
pub type Posts = Few<NewPost, 0, 20>;

/// One to seven.
pub type Weekdays = Few<Weekday, 1, 7>;

/// At most 120.
pub type DaysOff = Few<Day, 0, 120>;

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
    /// Signing up for each shift opens this long before its start; left out, at once.
    #[schema(inline)]
    #[deserr(default)]
    pub opens_before_s: Option<SeasonSeconds>,
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

/// The shift's version with everything that moves beside its row. None of the three ever shrinks, and whatever changes what is shown
/// moves one of them, so no version comes twice. (A sign-up's own version would not do: who cancels and signs up again begins anew.)
pub fn shift_version(shift: &domain::Shift, mine: &Mine) -> i64 {
    shift.facts().version + shift.totals().moves + mine.moves
}

impl ShiftDto {
    pub fn of(shift: &domain::Shift, mine: &Mine, who: &Actor, now: Timestamp) -> Self {
        let (f, all) = (shift.facts(), shift.totals());
        let own = mine.claims.iter().find(|(sign_up, _)| sign_up.facts().shift == f.id);
        Self {
            id: Ref(f.id),
            version: shift_version(shift, mine),
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
            my_sign_up: own.map(|(sign_up, position)| MySignUp {
                id: Ref(sign_up.facts().id),
                state: sign_up.facts().state.into(),
                position: *position,
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
