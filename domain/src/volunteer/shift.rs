//! Shifts 班次 and their posts 岗位.
//!
//! A post is a pool of places with, perhaps, a name. A shift that asks for no particular roles has one post without a
//! name; one that needs two guides and ten carriers has two. The pool's counters are columns of the post's row.

use super::activity::Activity;
use super::code::{CheckInCode, CodeKey, code_at};
use super::machine::{ActivityState, Party, SHIFT_MACHINE, ShiftAction, ShiftState};
use super::{
    ActivityId, CANCEL_BEFORE_S, CHECK_IN_BEFORE_S, CODE_AFTER_S, MAX_POSTS, MAX_SHIFT_S, PostName, Reason, Refusal, ShiftId, template,
};
use crate::actor::{Actor, CommunityId, PrincipalId, VolunteerLeader};
use crate::kernel::capacity::{MAX_PLACES, Move, Pool, Terms};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::time::Timestamp;

/// What somebody does in a shift, and how many are needed. Its key is the shift and `number`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// 0, 1, …
    pub number: i64,
    pub name: Option<String>,
    pub pool: Pool,
}

/// Everything that is remembered of a shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftFacts {
    pub id: ShiftId,
    pub version: i64,
    pub community: CommunityId,
    pub activity: ActivityId,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub sign_up_opens_at: Option<Timestamp>,
    /// Volunteers cancel until this many seconds before the start.
    pub cancel_before_s: i64,
    pub state: ShiftState,
    /// In the order of their numbers; at least one.
    pub posts: Vec<Post>,
}

/// A post as it was typed.
#[derive(Debug, Clone)]
pub struct PostDraft<'a> {
    pub name: &'a str,
    pub capacity: i64,
    pub waitlist_capacity: i64,
}

/// A shift as it was typed. Without `posts` it has one of `capacity` places; with posts, `capacity` may be left out
/// or must be their sum, and so must `waitlist_capacity`.
#[derive(Debug, Clone)]
pub struct ShiftDraft<'a> {
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub capacity: Option<i64>,
    pub waitlist_capacity: Option<i64>,
    pub sign_up_opens_at: Option<Timestamp>,
    pub cancel_before_s: Option<i64>,
    pub posts: Vec<PostDraft<'a>>,
}

/// A shift whose values were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftPlan {
    starts_at: Timestamp,
    ends_at: Timestamp,
    sign_up_opens_at: Option<Timestamp>,
    cancel_before_s: i64,
    posts: Vec<Post>,
}

impl ShiftDraft<'_> {
    /// # Errors
    /// All faults at once: turned around, over already, longer than a week, too many places, posts without a name or
    /// with the same.
    pub fn check(self, now: Timestamp) -> Result<ShiftPlan, Vec<Fault>> {
        let mut faults = Faults::new();
        check_times(&mut faults, self.starts_at, self.ends_at, now);
        let opens_in_time = self.sign_up_opens_at.is_none_or(|at| at < self.ends_at);
        faults.require(opens_in_time, "/sign_up_opens_at", "not_before_ends_at");
        let cancel_before_s = self.cancel_before_s.unwrap_or(CANCEL_BEFORE_S);
        faults.require((0..=MAX_SHIFT_S).contains(&cancel_before_s), "/cancel_before_s", "out_of_range");
        let posts = if self.posts.is_empty() { self.one_post(&mut faults) } else { self.named_posts(&mut faults) };
        faults.into_result(Some(ShiftPlan {
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            sign_up_opens_at: self.sign_up_opens_at,
            cancel_before_s,
            posts,
        }))
    }

    fn one_post(&self, faults: &mut Faults) -> Vec<Post> {
        let pool = Pool::new(self.capacity.unwrap_or(0), self.waitlist_capacity.unwrap_or(0));
        pool_or(faults, "", pool).map(|pool| Post { number: 0, name: None, pool }).into_iter().collect()
    }

    fn named_posts(&self, faults: &mut Faults) -> Vec<Post> {
        faults.require(self.posts.len() <= MAX_POSTS, "/posts", "too_many");
        let mut posts: Vec<Post> = Vec::new();
        for (number, draft) in self.posts.iter().take(MAX_POSTS).enumerate() {
            let name = faults.take(&format!("/posts/{number}/name"), PostName::new(draft.name)).map(PostName::into_string);
            faults.require(posts.iter().all(|post| post.name != name), &format!("/posts/{number}/name"), "given_twice");
            let pool = pool_or(faults, &format!("/posts/{number}"), Pool::new(draft.capacity, draft.waitlist_capacity));
            posts.extend(pool.map(|pool| Post { number: number as i64, name, pool }));
        }
        let sum = |of: fn(&Pool) -> i64| posts.iter().map(|post| of(&post.pool)).sum::<i64>();
        faults.require(self.capacity.is_none_or(|n| n == sum(|p| p.capacity)), "/capacity", "not_the_sum");
        faults.require(self.waitlist_capacity.is_none_or(|n| n == sum(|p| p.waitlist_capacity)), "/waitlist_capacity", "not_the_sum");
        posts
    }
}

fn check_times(faults: &mut Faults, starts_at: Timestamp, ends_at: Timestamp, now: Timestamp) {
    let long = ends_at.millis_since(starts_at);
    faults.require(long > 0, "/ends_at", "not_after_starts_at");
    faults.require(long <= MAX_SHIFT_S * 1000, "/ends_at", "too_long");
    // It may have begun: a leader may write down on the spot what is happening on the spot.
    faults.require(ends_at > now, "/ends_at", "not_in_the_future");
}

fn pool_or(faults: &mut Faults, under: &str, pool: Result<Pool, Vec<Fault>>) -> Option<Pool> {
    pool.map_err(|found| found.into_iter().for_each(|fault| faults.add(format!("{under}{}", fault.pointer), fault.code))).ok()
}

/// A shift that can take one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    facts: ShiftFacts,
}

impl Shift {
    /// 排班: a shift of a draft or a published activity.
    ///
    /// # Errors
    /// [`Refusal::WrongState`], when the activity is over; [`Refusal::NotForYou`], when it is another community's.
    pub fn schedule(
        id: ShiftId,
        plan: ShiftPlan,
        activity: &Activity,
        by: &VolunteerLeader,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        let a = activity.facts();
        if by.community() != a.community {
            return Err(Refusal::NotForYou);
        }
        if !matches!(a.state, ActivityState::Draft | ActivityState::Published) {
            return Err(Refusal::WrongState { state: a.state.as_str() });
        }
        let facts = ShiftFacts {
            id,
            version: 1,
            community: a.community,
            activity: a.id,
            starts_at: plan.starts_at,
            ends_at: plan.ends_at,
            sign_up_opens_at: plan.sign_up_opens_at,
            cancel_before_s: plan.cancel_before_s,
            state: ShiftState::Scheduled,
            posts: plan.posts,
        };
        let event =
            Event::new("volunteer_shift.scheduled", Some(by.id()), now).with("activity_id", a.id).with("starts_at", facts.starts_at);
        Ok(Changed::created(Self { facts }, vec![event]))
    }

    pub fn restore(facts: ShiftFacts) -> Self {
        Self { facts }
    }

    pub fn facts(&self) -> &ShiftFacts {
        &self.facts
    }

    /// When places may be had: from the opening to the end, because somebody may join on the spot; waiting ends at the start.
    /// For what may be done at any time (`flexible`), at the end.
    pub fn terms(&self, hold_s: i64, flexible: bool) -> Terms {
        let f = &self.facts;
        let line_until = if flexible { f.ends_at } else { f.starts_at };
        Terms { opens_at: f.sign_up_opens_at, line_until, closes_at: f.ends_at, hold_s }
    }

    /// The post of this name; without one, the only post.
    ///
    /// # Errors
    /// [`Refusal::UnknownPost`].
    pub fn post(&self, name: Option<&str>) -> Result<&Post, Refusal> {
        let posts = &self.facts.posts;
        match name {
            Some(name) => posts.iter().find(|post| post.name.as_deref() == Some(name)),
            None => posts.first().filter(|_| posts.len() == 1),
        }
        .ok_or(Refusal::UnknownPost)
    }

    /// The counters of all posts together, as the shift is shown.
    pub fn totals(&self) -> Pool {
        let sum = |of: fn(&Pool) -> i64| self.facts.posts.iter().map(|post| of(&post.pool)).sum();
        Pool {
            capacity: sum(|p| p.capacity),
            waitlist_capacity: sum(|p| p.waitlist_capacity),
            taken: sum(|p| p.taken),
            offered: sum(|p| p.offered),
            waitlisted: sum(|p| p.waitlisted),
            last_number: 0,
            due_at: self.facts.posts.iter().filter_map(|post| post.pool.due_at).min(),
            moves: sum(|p| p.moves),
        }
    }

    pub fn allowed_actions(&self, actor: &Actor, now: Timestamp) -> Vec<ShiftAction> {
        ShiftAction::ALL.iter().copied().filter(|action| self.guard(*action, actor, now).is_ok()).collect()
    }

    fn guard(&self, action: ShiftAction, actor: &Actor, now: Timestamp) -> Result<(), Refusal> {
        let f = &self.facts;
        let leads = actor.volunteer_leader_of(f.community).is_ok();
        let parties: &[Party] = if leads { &[Party::Leader] } else { &[] };
        SHIFT_MACHINE.check(action, f.state, parties).map_err(|denied| Refusal::denied(denied, f.state.as_str()))?;
        let last = if action == ShiftAction::Reschedule { f.starts_at } else { f.ends_at };
        if now < last { Ok(()) } else { Err(Refusal::TooLate { since: last }) }
    }

    /// 取消班次, until its end. The caller calls its sign-ups off in the same transaction, and sends home who is there.
    pub fn cancel(mut self, reason: Option<Reason>, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(ShiftAction::Cancel, by, now)?;
        let from = std::mem::replace(&mut self.facts.state, ShiftState::Cancelled);
        let event = Event::new("volunteer_shift.cancelled", Some(by.id), now).with("from", from).with("state", ShiftState::Cancelled);
        Ok(self.changed(event.noting(reason.map(Reason::into_string))))
    }

    /// 改期, before it starts. Everybody on the `roster` is told and keeps what they have; whom the new time does not
    /// suit cancels. Where signing up has not opened yet, it opens as long before the start as it would have, and never after the end.
    ///
    /// # Errors
    /// Faults of the times; or the refusal.
    pub fn reschedule(
        mut self,
        (starts_at, ends_at): (Timestamp, Timestamp),
        roster: &[PrincipalId],
        by: &Actor,
        now: Timestamp,
    ) -> Result<Result<Changed<Self>, Refusal>, Vec<Fault>> {
        let mut faults = Faults::new();
        check_times(&mut faults, starts_at, ends_at, now);
        faults.require(starts_at > now, "/starts_at", "not_in_the_future");
        faults.into_result(Some(()))?;
        if let Err(refusal) = self.guard(ShiftAction::Reschedule, by, now) {
            return Ok(Err(refusal));
        }
        let by_ms = starts_at.millis_since(self.facts.starts_at);
        if let Some(opens_at) = self.facts.sign_up_opens_at.filter(|at| now < *at) {
            let moved = opens_at.plus_millis(by_ms);
            self.facts.sign_up_opens_at = Some(if moved < ends_at { moved } else { starts_at });
        }
        (self.facts.starts_at, self.facts.ends_at) = (starts_at, ends_at);
        let mut event = Event::new("volunteer_shift.rescheduled", Some(by.id), now).with("starts_at", starts_at).with("ends_at", ends_at);
        for person in roster {
            event = event.telling(Some(*person), template::CHANGED);
        }
        Ok(Ok(self.changed(event)))
    }

    /// 导出名单: that somebody has taken the roster with them. Whoever lets names out of the house writes down who had them.
    pub fn exported(&self, by: &VolunteerLeader, now: Timestamp) -> Event {
        Event::new("volunteer_shift.roster_exported", Some(by.id()), now).with("activity_id", self.facts.activity)
    }

    /// More places, or fewer if nobody loses theirs; the move goes to the post's row.
    ///
    /// # Errors
    /// [`Refusal::TooSmall`]; [`Refusal::TooLate`] from the end of the shift on.
    pub fn resize(&self, post: &Post, capacity: i64, waitlist_capacity: i64, by: &Actor, now: Timestamp) -> Result<Move, Refusal> {
        self.guard(ShiftAction::Resize, by, now)?;
        if !(1..=MAX_PLACES).contains(&capacity) {
            return Err(Refusal::TooSmall);
        }
        Ok(post.pool.resize(capacity, waitlist_capacity)?)
    }

    /// That a post was resized, once its move is written: the pool is not part of the shift's own row.
    pub fn resized(&self, post: &Post, by: &Actor, now: Timestamp) -> Event {
        let event = Event::new("volunteer_shift.resized", Some(by.id), now).with("post", post.number);
        event.with("capacity", post.pool.capacity).with("waitlist_capacity", post.pool.waitlist_capacity)
    }

    /// The code to show now: from half an hour before the start until twelve hours after the end.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::WrongState`], [`Refusal::TooEarly`], [`Refusal::TooLate`].
    pub fn check_in_code(&self, key: &CodeKey, by: &Actor, now: Timestamp) -> Result<CheckInCode, Refusal> {
        let f = &self.facts;
        by.volunteer_leader_of(f.community).map_err(|_| Refusal::NotForYou)?;
        let (from, since) = (f.starts_at.plus_seconds(-CHECK_IN_BEFORE_S), f.ends_at.plus_seconds(CODE_AFTER_S));
        match f.state {
            ShiftState::Cancelled => Err(Refusal::WrongState { state: f.state.as_str() }),
            ShiftState::Scheduled if now < from => Err(Refusal::TooEarly { from }),
            ShiftState::Scheduled if now >= since => Err(Refusal::TooLate { since }),
            ShiftState::Scheduled => Ok(code_at(key, f.id, now)),
        }
    }

    fn changed(mut self, event: Event) -> Changed<Self> {
        let loaded = self.facts.version;
        self.facts.version = loaded + 1;
        Changed::from_version(loaded, self, vec![event])
    }
}
