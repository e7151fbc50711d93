//! Attendance: who came, when they left, and what that comes to.

use super::code::{CodeFault, CodeKey, check_code};
use super::hours::{Hours, PointCaps, minutes_between, points_for};
use super::machine::{Action, ShiftState, State};
use super::shift::Shift;
use super::sign_up::SignUp;
use super::spot::{Point, Spot};
use super::{MAX_HOURS, Reason, Refusal, template};
use crate::actor::Actor;
use crate::kernel::changed::Changed;
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::ledger::{Amount, Source};
use crate::kernel::time::Timestamp;

/// What a leader says was served, where it differs from what the code says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finding {
    minutes: Option<i64>,
    reason: Option<String>,
}

impl Finding {
    /// # Errors
    /// `/minutes` below zero or beyond the activity's `max_hours`, `/reason` missing where minutes are given. Minutes may
    /// be more than the shift was long: it may have run over.
    pub fn new(minutes: Option<i64>, reason: Option<&str>, max_hours: i64) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new();
        let most = max_hours.clamp(0, MAX_HOURS) * 60;
        faults.require(minutes.is_none_or(|m| (0..=most).contains(&m)), "/minutes", "out_of_range");
        let reason = faults.take("/reason", Reason::optional(reason)).map(|reason| reason.map(Reason::into_string));
        faults.require(minutes.is_none() || reason != Some(None), "/reason", "required_with_minutes");
        faults.into_result(reason.map(|reason| Self { minutes, reason }))
    }
}

/// A settled sign-up, the row for the record of hours, and the points to grant for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "hours and points are to be written, too"]
pub struct Credit {
    pub sign_up: Changed<SignUp>,
    pub hours: Hours,
    /// None when it comes to less than one.
    pub points: Option<Amount>,
    /// What to grant the points with; a sign-up is paid once.
    pub source: Source,
}

impl SignUp {
    /// 签到: with the code that the leader shows, from half an hour before the start until the end. Where the activity
    /// has a `spot`, also with where the volunteer says that they are.
    ///
    /// # Errors
    /// [`Refusal::CodeStale`], [`Refusal::CodeUnknown`], [`Refusal::LocationRequired`], [`Refusal::TooFar`]; too early, too
    /// late, or in another state.
    pub fn check_in(
        mut self,
        code: &str,
        key: &CodeKey,
        spot: Option<(&Spot, Option<Point>)>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::CheckIn, by, now)?;
        self.shown(code, key, spot, now)?;
        self.facts.checked_in_at = Some(now);
        let event = self.event(Action::CheckIn, Some(by), now).with("late", self.is_late());
        Ok(self.moved(State::Present, event))
    }

    /// 签退: with the code again, and where the activity has a `spot`, from there again. When nobody shows a code any more, the leader
    /// settles.
    pub fn check_out(
        mut self,
        code: &str,
        key: &CodeKey,
        spot: Option<(&Spot, Option<Point>)>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::CheckOut, by, now)?;
        self.shown(code, key, spot, now)?;
        let minutes = self.left(now);
        let event = self.event(Action::CheckOut, Some(by), now).with("minutes", minutes);
        Ok(self.moved(State::Done, event))
    }

    /// The shift was cancelled while they were there: they have served until now, and the leader settles that. Nothing for those who
    /// are not there, or as long as the shift is on.
    pub fn sent_home(mut self, shift: &Shift, now: Timestamp) -> Option<Changed<Self>> {
        let s = shift.facts();
        if self.facts.state != State::Present || s.state != ShiftState::Cancelled || s.id != self.facts.shift {
            return None;
        }
        let minutes = self.left(now);
        let event = self.event(Action::CheckOut, None, now).with("minutes", minutes).with("shift", ShiftState::Cancelled);
        let event = event.telling(Some(self.facts.resident), template::CHANGED);
        Some(self.moved(State::Done, event))
    }

    /// Writes down that they leave, and how many minutes that makes.
    fn left(&mut self, now: Timestamp) -> i64 {
        let (o, f) = (self.facts.occasion, &mut self.facts);
        f.checked_out_at = Some(now);
        // Somebody who is present has come; a row that does not say when is worth nothing.
        let minutes = minutes_between(f.checked_in_at.unwrap_or(now), now, (o.starts_at, o.ends_at), o.max_hours);
        f.minutes = Some(minutes);
        minutes
    }

    /// 迟到: they came after the start of a shift that has one.
    pub fn is_late(&self) -> bool {
        let o = &self.facts.occasion;
        self.facts.checked_in_at.is_some_and(|came| came > o.starts_at && !o.flexible)
    }

    /// That they have the code which is shown now, and are where it is.
    fn shown(&self, code: &str, key: &CodeKey, spot: Option<(&Spot, Option<Point>)>, now: Timestamp) -> Result<(), Refusal> {
        check_code(key, self.facts.shift, code, now).map_err(|fault| match fault {
            CodeFault::Stale => Refusal::CodeStale,
            CodeFault::Unknown => Refusal::CodeUnknown,
        })?;
        spot.map_or(Ok(()), |(spot, here)| spot.admit(here))
    }

    /// 标记缺席: from the start on. The place stays taken; it was kept free for them.
    pub fn mark_absent(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::MarkAbsent, by, now)?;
        self.facts.ended_at = Some(now);
        let event = self.event(Action::MarkAbsent, Some(by), now).telling(Some(self.facts.resident), template::CHANGED);
        Ok(self.moved(State::Absent, event))
    }

    /// 结算: turns what was served into hours and points, once. `earned` are the points of this calendar month so far.
    ///
    /// Who did not check out, could not check in, or was wrongly marked absent is settled after the end of the shift, with the minutes
    /// that the leader finds; the absence is then none.
    ///
    /// # Errors
    /// [`Refusal::MinutesRequired`], when there is neither a pair of check-in and check-out nor a finding.
    pub fn settle(mut self, finding: Finding, caps: &PointCaps, earned: i64, by: &Actor, now: Timestamp) -> Result<Credit, Refusal> {
        self.guard(Action::Settle, by, now)?;
        let found = finding.minutes.is_some();
        let minutes = finding.minutes.or(self.facts.minutes).ok_or(Refusal::MinutesRequired)?;
        let points = caps.allow(points_for(minutes, self.facts.occasion.points_per_hour), earned);
        let f = &mut self.facts;
        (f.minutes, f.points, f.ended_at) = (Some(minutes), Some(points), Some(now));
        let hours = Hours {
            sign_up: f.id,
            community: f.community,
            activity: f.occasion.activity,
            resident: f.resident,
            minutes,
            served_on: f.occasion.starts_at.date(),
            credited_at: now,
        };
        let source = Source::new("sign_up", f.id);
        let event = self.event(Action::Settle, Some(by), now).with("minutes", minutes).with("points", points).with("adjusted", found);
        let event = event.noting(finding.reason).telling(Some(self.facts.resident), template::CREDITED);
        Ok(Credit { sign_up: self.moved(State::Credited, event), hours, points: Amount::new(points).ok(), source })
    }
}
