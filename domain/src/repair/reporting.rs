//! The reporter's part after the report: answer a price, confirm, reopen, rate, urge.

use super::machine::{Action, Party, State};
use super::money::Rating;
use super::sla::Promises;
use super::ticket::Ticket;
use super::{Note, Reason, Refusal, template};
use crate::actor::Actor;
use crate::kernel::calendar::Calendars;
use crate::kernel::changed::{Changed, Event};
use crate::kernel::time::Timestamp;

/// What a remark leaves in the history.
pub const REMARKED: &str = "repair_ticket.remarked";

impl Ticket {
    /// 同意报价
    pub fn approve_quote(self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::ApproveQuote, by, now)?;
        let event = Self::event(Action::ApproveQuote, by, now).telling(self.facts.worker, template::TASK);
        Ok(self.moved(State::Approved, event))
    }

    /// 拒绝报价: the worker may ask another price, or finish what costs nothing.
    pub fn refuse_quote(mut self, reason: Option<Reason>, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::RefuseQuote, by, now)?;
        self.facts.quote = None;
        let event = Self::event(Action::RefuseQuote, by, now).noting(reason.map(Reason::into_string));
        let event = event.telling(self.facts.worker, template::TASK);
        Ok(self.moved(State::OnSite, event))
    }

    /// 确认完工
    pub fn confirm(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Confirm, by, now)?;
        self.facts.ended_at = Some(now);
        // The worker is not told: a notice costs a consent, and there is nothing left for them to do. Nor of a rating.
        let others = self.facts.also_reported.iter();
        let event = others.fold(Self::event(Action::Confirm, by, now), |event, id| event.telling(Some(*id), template::PROGRESS));
        Ok(self.moved(State::Closed, event))
    }

    /// 重开: it is broken still, or again. Once, within seven days; everything is promised anew and somebody has to be
    /// found anew. What was done, charged and by whom stays in the history.
    pub fn reopen(mut self, reason: Reason, calendars: &Calendars, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Reopen, by, now)?;
        let f = &mut self.facts;
        f.promises = Promises::given(&f.category, calendars, now, f.appointment);
        f.reopened_at = Some(now);
        f.ended_at = None;
        f.quote = None;
        let done = f.resolution.take().map(|done| done.photos.iter().map(|photo| photo.text()).collect::<Vec<_>>().join(" "));
        let before = f.worker.take();
        let event = Self::event(Action::Reopen, by, now).noting(reason.into_string()).telling(before, template::TASK);
        // The history names the photos of what was done: nothing else does any more.
        let event = match done.filter(|photos| !photos.is_empty()) {
            Some(photos) => event.with("photos_before", photos),
            None => event,
        };
        Ok(self.moved(State::Submitted, event))
    }

    /// 评价: once, when it is closed. A later reopening keeps the rating: it was about work that was done.
    pub fn rate(mut self, rating: Rating, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Rate, by, now)?;
        let event = Self::event(Action::Rate, by, now).with("overall", rating.overall()).with("speed", rating.speed());
        let event = event.with("service", rating.service()).noting(rating.comment().map(str::to_owned));
        self.facts.rating = Some(rating);
        Ok(self.moved(State::Closed, event))
    }

    /// 催单: says that it is waited for. Nothing changes but that it was said.
    ///
    /// # Errors
    /// [`Refusal::UrgedRecently`] within half an hour of the last time.
    pub fn urge(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Urge, by, now)?;
        self.facts.urged_at = Some(now);
        let event = Self::event(Action::Urge, by, now).telling(self.facts.worker, template::TASK);
        let state = self.facts.state;
        Ok(self.moved(state, event))
    }

    /// 补充说明: something is added to what was said, in whatever state. No action of the machine, because nothing changes but that
    /// it was said; it stands in the history, and nobody is sent a notice of it: there may be many.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`] for whoever neither reported the ticket nor gives it out.
    pub fn remark(self, words: Note, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if !self.parties(by).iter().any(|party| matches!(party, Party::Reporter | Party::Dispatcher)) {
            return Err(Refusal::NotForYou);
        }
        let event = Event::new(REMARKED, Some(by.id), now).noting(words.into_string());
        let state = self.facts.state;
        Ok(self.moved(state, event))
    }
}
