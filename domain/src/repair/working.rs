//! The worker's part: on site, a price, a pause, the work done.

use super::machine::{Action, State};
use super::money::Quote;
use super::ticket::{Pause, Resolution, Ticket};
use super::{MAX_PHOTOS, Note, Reason, Refusal, template};
use crate::actor::{Actor, PrincipalId};
use crate::kernel::calendar::Calendars;
use crate::kernel::changed::Changed;
use crate::kernel::file::FileId;
use crate::kernel::time::Timestamp;

impl Ticket {
    /// 到场
    pub fn arrive(mut self, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Arrive, by, now)?;
        self.facts.promises.arrive = self.facts.promises.arrive.keep(now);
        let event = self.telling_reporters(Self::event(Action::Arrive, by, now), template::PROGRESS);
        Ok(self.moved(State::OnSite, event))
    }

    /// 报价: the reporter has to answer before anything else happens.
    pub fn quote(mut self, quote: Quote, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Quote, by, now)?;
        let event = Self::event(Action::Quote, by, now).with("amount_fen", quote.amount_fen());
        self.facts.quote = Some(quote);
        let event = event.telling(Some(self.facts.reporter), template::QUOTE);
        Ok(self.moved(State::Quoted, event))
    }

    /// 暂停: the clocks stand still; a part has to be ordered, nobody opens the door.
    pub fn pause(mut self, reason: Reason, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Pause, by, now)?;
        self.facts.paused = Some(Pause { from: self.facts.state, since: now });
        let event = Self::event(Action::Pause, by, now).noting(reason.into_string());
        let event = self.telling_reporters(event, template::PROGRESS).telling(self.facts.worker, template::TASK);
        Ok(self.moved(State::Paused, event))
    }

    /// 恢复: the work goes on where it was, and what was promised moves by the working time that was paused.
    pub fn resume(mut self, reason: Option<Reason>, calendars: &Calendars, by: &Actor, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Resume, by, now)?;
        let wrong = Refusal::WrongState { state: self.facts.state };
        let to = self.resumes_to().ok_or(wrong)?;
        let pause = self.facts.paused.ok_or(wrong)?;
        self.facts.promises = self.promises_after_pause(pause.since, now, calendars);
        self.facts.paused = None;
        let event = Self::event(Action::Resume, by, now).noting(reason.map(Reason::into_string));
        let event = self.telling_reporters(event, template::PROGRESS).telling(self.facts.worker, template::TASK);
        Ok(self.moved(to, event))
    }

    /// 完工: what was done, with photos where the category asks for them. `neighbours` are those who live in the other homes
    /// that it touched: they are told as well.
    ///
    /// # Errors
    /// [`Refusal::PhotosMissing`], [`Refusal::TooManyPhotos`] beside the guard's.
    pub fn resolve(
        mut self,
        note: Note,
        photos: Vec<FileId>,
        neighbours: &[PrincipalId],
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        self.guard(Action::Resolve, by, now)?;
        if photos.is_empty() && self.facts.category.photos_required {
            return Err(Refusal::PhotosMissing);
        }
        if photos.len() > MAX_PHOTOS {
            return Err(Refusal::TooManyPhotos);
        }
        self.facts.promises.resolve = self.facts.promises.resolve.keep(now);
        let event = Self::event(Action::Resolve, by, now).noting(note.to_string());
        self.facts.resolution = Some(Resolution { note: note.into_string(), photos, at: now });
        let event = self.telling_reporters(event, template::RESOLVED);
        let reported = |id: &&PrincipalId| **id == self.facts.reporter || self.facts.also_reported.contains(id);
        let others = neighbours.iter().filter(|id| !reported(id));
        let event = others.fold(event, |event, id| event.telling(Some(*id), template::RESOLVED));
        Ok(self.moved(State::Resolved, event))
    }
}
