//! Categories 报修类别 of a community: how its work finds a worker and what is promised.

use std::ops::Deref;
use std::time::Duration;

use crate::actor::{CommunityAdmin, CommunityId};
use crate::kernel::calendar::{Calendars, is_code};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::text::line;
use crate::kernel::time::Timestamp;

crate::words! {
    /// How a ticket finds its worker.
    Dispatch {
        /// 抢单: the first worker who takes it has it; a dispatcher may still assign.
        Grab = "grab",
        /// 派单: a dispatcher decides.
        Assign = "assign",
        /// 轮派: the least busy worker is asked at once.
        Rotate = "rotate",
    }
}

/// The shortest and longest promise, in seconds: a minute and ninety days.
const PROMISE_S: std::ops::RangeInclusive<i64> = 60..=90 * 86_400;

/// What is remembered of a category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryFacts {
    pub community: CommunityId,
    /// `[a-z0-9_]{1,32}`, unique in the community.
    pub code: String,
    pub version: i64,
    pub name: String,
    pub dispatch: Dispatch,
    /// Working seconds by `calendar`.
    pub accept_within_s: i64,
    pub arrive_within_s: i64,
    pub resolve_within_s: i64,
    /// The code of a [`Calendar`](crate::kernel::calendar::Calendar).
    pub calendar: String,
    /// 有偿: the reporter is told beforehand that this may cost money. It does not decide who may quote: even free
    /// work may need a part that is not, and a quote never binds anybody who did not approve it.
    pub chargeable: bool,
    /// A resolution needs at least one photo.
    pub photos_required: bool,
    /// New reports are taken.
    pub active: bool,
}

/// What an administrator asks a category to be.
#[derive(Debug, Clone)]
pub struct CategoryDraft<'a> {
    pub name: &'a str,
    pub dispatch: Dispatch,
    pub accept_within_s: i64,
    pub arrive_within_s: i64,
    pub resolve_within_s: i64,
    pub calendar: &'a str,
    pub chargeable: bool,
    pub photos_required: bool,
    pub active: bool,
}

/// A category whose values were checked. Reads like its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category(CategoryFacts);

impl Deref for Category {
    type Target = CategoryFacts;
    fn deref(&self) -> &CategoryFacts {
        &self.0
    }
}

impl Category {
    /// From what was remembered.
    pub fn restore(facts: CategoryFacts) -> Self {
        Self(facts)
    }

    /// A new category in the administrator's community.
    ///
    /// # Errors
    /// All faults of the draft; pointers are the field names, `/code` for the code.
    pub fn create(
        code: &str,
        draft: CategoryDraft,
        all: &Calendars,
        by: &CommunityAdmin,
        now: Timestamp,
    ) -> Result<Changed<Self>, Vec<Fault>> {
        let mut faults = Faults::new();
        faults.require(is_code(code), "/code", "code_format");
        let category = draft.checked(code, 1, by.community(), all, faults)?;
        let event = Event::new("repair_category.created", Some(by.id()), now).with("code", code.to_owned());
        Ok(Changed::created(category, vec![event]))
    }

    /// Other settings for tickets to come; what was promised for tickets that exist stays.
    ///
    /// # Errors
    /// As [`create`](Self::create); also when the proof is of another community than the category.
    pub fn replace(self, draft: CategoryDraft, all: &Calendars, by: &CommunityAdmin, now: Timestamp) -> Result<Changed<Self>, Vec<Fault>> {
        let before = self.0;
        let mut faults = Faults::new();
        faults.require(by.community() == before.community, "", "other_community");
        let category = draft.checked(&before.code, before.version + 1, before.community, all, faults)?;
        let event = Event::new("repair_category.updated", Some(by.id()), now).with("code", before.code.clone());
        Ok(Changed::from_version(before.version, category, vec![event]))
    }

    pub(super) fn accept_within(&self) -> Duration {
        seconds(self.0.accept_within_s)
    }

    pub(super) fn arrive_within(&self) -> Duration {
        seconds(self.0.arrive_within_s)
    }

    pub(super) fn resolve_within(&self) -> Duration {
        seconds(self.0.resolve_within_s)
    }
}

fn seconds(s: i64) -> Duration {
    Duration::from_secs(s.max(0) as u64)
}

impl CategoryDraft<'_> {
    fn checked(
        self,
        code: &str,
        version: i64,
        community: CommunityId,
        all: &Calendars,
        mut faults: Faults,
    ) -> Result<Category, Vec<Fault>> {
        let name = faults.take("/name", line(self.name, 40));
        for (pointer, s) in [
            ("/accept_within_s", self.accept_within_s),
            ("/arrive_within_s", self.arrive_within_s),
            ("/resolve_within_s", self.resolve_within_s),
        ] {
            faults.require(PROMISE_S.contains(&s), pointer, "out_of_range");
        }
        faults.require(all.get(self.calendar).is_some(), "/calendar", "unknown_calendar");
        faults.into_result(name).map(|name| {
            Category(CategoryFacts {
                community,
                code: code.to_owned(),
                version,
                name,
                dispatch: self.dispatch,
                accept_within_s: self.accept_within_s,
                arrive_within_s: self.arrive_within_s,
                resolve_within_s: self.resolve_within_s,
                calendar: self.calendar.to_owned(),
                chargeable: self.chargeable,
                photos_required: self.photos_required,
                active: self.active,
            })
        })
    }
}
