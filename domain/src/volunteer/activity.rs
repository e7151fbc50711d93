//! Activities 活动: what is done, who may come, what an hour is worth. A weekly micro-task 微事项 is a flexible
//! activity with a shift of one place.

use std::fmt;

use super::eligibility::{Eligibility, EligibilityDraft};
use super::machine::{ACTIVITY_MACHINE, ActivityAction, ActivityState, Party};
use super::spot::Spot;
use super::{ActivityId, Description, ENDED_AFTER_S, HOLD_S, MAX_HOURS, MAX_POINTS_PER_HOUR, Place, Reason, Refusal, Title, template};
use crate::actor::{Actor, CommunityId, PrincipalId, VolunteerLeader};
use crate::kernel::capacity::Limits;
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::time::Timestamp;
use crate::registry::HomeId;

/// The shortest and the longest hold on an offered place: a minute and three days.
const HOLDS_S: std::ops::RangeInclusive<i64> = 60..=3 * 86_400;

/// Everything that is remembered of an activity.
#[derive(Clone, PartialEq, Eq)]
pub struct ActivityFacts {
    pub id: ActivityId,
    pub version: i64,
    pub community: CommunityId,
    pub title: String,
    pub description: String,
    pub place: Option<String>,
    /// Where check-in happens, if it happens at one place only.
    pub spot: Option<Spot>,
    pub points_per_hour: i64,
    /// The most hours that one sign-up is credited with.
    pub max_hours: i64,
    pub eligibility: Eligibility,
    /// Done at any time within its shift, so it clashes with nothing else.
    pub flexible: bool,
    /// How many of one household may come to one post of a shift.
    pub per_household: Option<i64>,
    /// With `per_household`: whether those may come of whom nobody knows the household. They count for none.
    pub without_household: bool,
    /// How long a place is held for somebody who waited, in seconds.
    pub hold_s: i64,
    pub state: ActivityState,
    pub created_by: PrincipalId,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// The end of its last shift that was not cancelled: read from the shifts, not written here.
    pub last_ends_at: Option<Timestamp>,
}

impl fmt::Debug for ActivityFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activity").field("id", &self.id).field("version", &self.version).field("state", &self.state).finish_non_exhaustive()
    }
}

/// An activity as it was typed.
#[derive(Clone, Default)]
pub struct ActivityDraft<'a> {
    pub title: &'a str,
    pub description: &'a str,
    pub place: Option<&'a str>,
    /// Latitude, longitude and radius in metres.
    pub spot: Option<(f64, f64, i64)>,
    pub points_per_hour: i64,
    pub max_hours: i64,
    pub eligibility: Option<EligibilityDraft>,
    pub flexible: bool,
    pub per_household: Option<i64>,
    pub without_household: bool,
    pub hold_s: Option<i64>,
}

/// An activity whose values were checked.
#[derive(Clone, PartialEq, Eq)]
pub struct ActivityPlan {
    title: String,
    description: String,
    place: Option<String>,
    spot: Option<Spot>,
    points_per_hour: i64,
    max_hours: i64,
    eligibility: Eligibility,
    flexible: bool,
    per_household: Option<i64>,
    without_household: bool,
    hold_s: i64,
}

impl ActivityDraft<'_> {
    /// # Errors
    /// All faults at once, by the field names of the draft.
    pub fn check(self) -> Result<ActivityPlan, Vec<Fault>> {
        let mut faults = Faults::new();
        let title = faults.take("/title", Title::new(self.title));
        let description = faults.take("/description", Description::new(self.description));
        let place = faults.take("/place", Place::optional(self.place));
        faults.require((0..=MAX_POINTS_PER_HOUR).contains(&self.points_per_hour), "/points_per_hour", "out_of_range");
        faults.require((1..=MAX_HOURS).contains(&self.max_hours), "/max_hours", "out_of_range");
        faults.require(self.per_household.is_none_or(|n| (1..=100).contains(&n)), "/per_household", "out_of_range");
        let hold_s = self.hold_s.unwrap_or(HOLD_S);
        faults.require(HOLDS_S.contains(&hold_s), "/hold_s", "out_of_range");
        let spot = match self.spot.map(|(lat, lng, radius_m)| Spot::new(lat, lng, radius_m)).transpose() {
            Ok(spot) => spot,
            Err(more) => {
                more.into_iter().for_each(|fault| faults.add(fault.pointer, fault.code));
                None
            }
        };
        let eligibility = match self.eligibility.unwrap_or_default().check() {
            Ok(eligibility) => eligibility,
            Err(more) => {
                more.into_iter().for_each(|fault| faults.add(fault.pointer, fault.code));
                Eligibility::default()
            }
        };
        let texts = title.zip(description).zip(place);
        faults.into_result(texts.map(|((title, description), place)| ActivityPlan {
            title: title.into_string(),
            description: description.into_string(),
            place: place.map(Place::into_string),
            spot,
            points_per_hour: self.points_per_hour,
            max_hours: self.max_hours,
            eligibility,
            flexible: self.flexible,
            per_household: self.per_household,
            without_household: self.without_household,
            hold_s,
        }))
    }
}

impl ActivityPlan {
    pub fn eligibility(&self) -> &Eligibility {
        &self.eligibility
    }
}

/// An activity that can take one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    facts: ActivityFacts,
    /// What time did since it was saved; it is saved with the next decision.
    settled: Option<Event>,
}

impl Activity {
    /// 创建: a draft, seen by leaders only.
    pub fn create(id: ActivityId, plan: ActivityPlan, by: &VolunteerLeader, now: Timestamp) -> Changed<Self> {
        let facts = ActivityFacts {
            id,
            version: 1,
            community: by.community(),
            title: plan.title,
            description: plan.description,
            place: plan.place,
            spot: plan.spot,
            points_per_hour: plan.points_per_hour,
            max_hours: plan.max_hours,
            eligibility: plan.eligibility,
            flexible: plan.flexible,
            per_household: plan.per_household,
            without_household: plan.without_household,
            hold_s: plan.hold_s,
            state: ActivityState::Draft,
            created_by: by.id(),
            created_at: now,
            ended_at: None,
            last_ends_at: None,
        };
        let event = Event::new("volunteer_activity.created", Some(by.id()), now).with("state", ActivityState::Draft);
        Changed::created(Self { facts, settled: None }, vec![event])
    }

    /// An activity as it stands now: a week after its last shift it has ended, whether or not somebody said so.
    pub fn restore(facts: ActivityFacts, now: Timestamp) -> Self {
        let mut activity = Self { facts, settled: None };
        let ends = activity.facts.last_ends_at.map(|at| at.plus_seconds(ENDED_AFTER_S));
        if let Some(at) = ends.filter(|at| *at <= now && activity.facts.state == ActivityState::Published) {
            activity.facts.ended_at = Some(at);
            activity.settled = Some(activity.step(ActivityState::Ended, Event::new("volunteer_activity.ended", None, at)));
        }
        activity
    }

    pub fn facts(&self) -> &ActivityFacts {
        &self.facts
    }

    /// How many places of one post a person and a household may have.
    pub fn limits(&self) -> Limits {
        Limits { per_household: self.facts.per_household, ..Limits::ONE_EACH }
    }

    /// A limit for households means something only for those whose household is known.
    pub(super) fn knows_household(&self, household: Option<HomeId>) -> Result<(), Refusal> {
        let f = &self.facts;
        if f.per_household.is_some() && !f.without_household && household.is_none() { Err(Refusal::HouseholdUnknown) } else { Ok(()) }
    }

    pub fn allowed_actions(&self, actor: &Actor, now: Timestamp) -> Vec<ActivityAction> {
        ActivityAction::ALL.iter().copied().filter(|action| self.guard(*action, actor, now).is_ok()).collect()
    }

    fn guard(&self, action: ActivityAction, actor: &Actor, now: Timestamp) -> Result<(), Refusal> {
        let f = &self.facts;
        let leads = actor.volunteer_leader_of(f.community).is_ok();
        let parties: &[Party] = if leads { &[Party::Leader] } else { &[] };
        ACTIVITY_MACHINE.check(action, f.state, parties).map_err(|denied| Refusal::denied(denied, f.state.as_str()))?;
        match action {
            ActivityAction::End if f.last_ends_at.is_some_and(|at| now < at) => Err(Refusal::ShiftsAhead),
            _ => Ok(()),
        }
    }

    /// Writes down what time has done, for a job; nothing when time has done nothing.
    pub fn settle(mut self) -> Option<Changed<Self>> {
        let event = self.settled.take()?;
        Some(self.changed(event))
    }

    /// 发布: residents see it and its shifts.
    pub fn publish(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(ActivityAction::Publish, by, now)?;
        let event = self.step(ActivityState::Published, Event::new("volunteer_activity.published", Some(by.id), now));
        Ok(self.changed(event))
    }

    /// 结束: no shift is to come any more.
    pub fn end(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(ActivityAction::End, by, now)?;
        self.facts.ended_at = Some(now);
        let event = self.step(ActivityState::Ended, Event::new("volunteer_activity.ended", Some(by.id), now));
        Ok(self.changed(event))
    }

    /// 取消: it does not take place. The caller cancels its shifts that have not ended, in the same transaction.
    pub fn cancel(mut self, reason: Option<Reason>, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(ActivityAction::Cancel, by, now)?;
        self.facts.ended_at = Some(now);
        let event = Event::new("volunteer_activity.cancelled", Some(by.id), now).noting(reason.map(Reason::into_string));
        let event = self.step(ActivityState::Cancelled, event);
        Ok(self.changed(event))
    }

    /// 修改: while it is a draft everything, once it is published only how it is described. What an hour is worth and who
    /// may come is what people signed up for. When it is about where and when to be there, everybody on the `roster` of its coming shifts
    /// is told; times are words of the description, so any change of that counts.
    ///
    /// # Errors
    /// [`Refusal::Promised`]; [`Refusal::WrongState`], when it is over.
    pub fn replace(
        mut self,
        plan: ActivityPlan,
        roster: &[PrincipalId],
        by: &VolunteerLeader,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        let f = &mut self.facts;
        if by.community() != f.community {
            return Err(Refusal::NotForYou);
        }
        let promised = (f.points_per_hour, f.max_hours, &f.eligibility, f.flexible, f.per_household, f.without_household);
        let asked = (plan.points_per_hour, plan.max_hours, &plan.eligibility, plan.flexible, plan.per_household, plan.without_household);
        let same = promised == asked;
        let elsewhere = (&f.place, &f.spot, &f.description) != (&plan.place, &plan.spot, &plan.description);
        match f.state {
            ActivityState::Draft => {}
            ActivityState::Published if same => {}
            ActivityState::Published => return Err(Refusal::Promised),
            ActivityState::Ended | ActivityState::Cancelled => return Err(Refusal::WrongState { state: f.state.as_str() }),
        }
        (f.title, f.description, f.place, f.spot) = (plan.title, plan.description, plan.place, plan.spot);
        (f.points_per_hour, f.max_hours, f.eligibility) = (plan.points_per_hour, plan.max_hours, plan.eligibility);
        (f.flexible, f.per_household, f.hold_s) = (plan.flexible, plan.per_household, plan.hold_s);
        f.without_household = plan.without_household;
        let mut event = Event::new("volunteer_activity.updated", Some(by.id()), now);
        for person in roster.iter().filter(|_| elsewhere && f.state == ActivityState::Published) {
            event = event.telling(Some(*person), template::CHANGED);
        }
        Ok(self.changed(event))
    }

    fn step(&mut self, to: ActivityState, event: Event) -> Event {
        let from = std::mem::replace(&mut self.facts.state, to);
        event.with("from", from).with("state", to)
    }

    fn changed(mut self, event: Event) -> Changed<Self> {
        let loaded = self.facts.version;
        self.facts.version = loaded + 1;
        let events = self.settled.take().into_iter().chain([event]).collect();
        Changed::from_version(loaded, self, events)
    }
}
