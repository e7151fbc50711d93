//! Tags 人群标签: why a household is visited first. A tag says something sensitive, so it has a legal basis, an end, and
//! a list of roles who may see it at all.

use super::interval::{Dated, Interval};
use super::keeper::Keeper;
use super::person::Person;
use super::{GridId, PersonId, PersonTagId, Reason, Refusal};
use crate::actor::{CommunityAdmin, CommunityId, PrincipalId, Role};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::text::line;
use crate::kernel::time::{Date, Timestamp};

/// The longest time for which a tag may be given before somebody has to look again, in days: five years.
pub const MAX_TAG_DAYS: i64 = 5 * 366;

/// One entry of a community's dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub community: CommunityId,
    /// `[a-z0-9_]{1,32}`, unique in the community.
    pub code: String,
    pub version: i64,
    /// What people read and what a spreadsheet holds: `退役军人`.
    pub name: String,
    /// The law or rule that lets the community keep this: 《退役军人保障法》.
    pub legal_basis: String,
    /// Who may see that somebody has it; administrators always may.
    pub visible_to: Vec<Role>,
    /// After so many days a given tag ends unless it is given again; none for what does not pass (a veteran).
    pub valid_days: Option<i64>,
    /// May still be given.
    pub active: bool,
}

/// What an administrator asks a tag to be.
#[derive(Debug, Clone)]
pub struct TagDraft<'a> {
    pub name: &'a str,
    pub legal_basis: &'a str,
    pub visible_to: Vec<Role>,
    pub valid_days: Option<i64>,
    pub active: bool,
}

impl TagDraft<'_> {
    fn checked(self, community: CommunityId, code: &str, version: i64, mut faults: Faults) -> Result<Tag, Vec<Fault>> {
        let name = faults.take("/name", line(self.name, 20));
        // Tags are joined by `;` in a spreadsheet.
        faults.require(!self.name.contains([';', '；']), "/name", "separator");
        let basis = faults.take("/legal_basis", line(self.legal_basis, 200));
        faults.require(self.valid_days.is_none_or(|days| (1..=MAX_TAG_DAYS).contains(&days)), "/valid_days", "out_of_range");
        let mut visible_to = self.visible_to;
        visible_to.sort_unstable();
        visible_to.dedup();
        faults.into_result(name.zip(basis)).map(|(name, legal_basis)| Tag {
            community,
            code: code.to_owned(),
            version,
            name,
            legal_basis,
            visible_to,
            valid_days: self.valid_days,
            active: self.active,
        })
    }
}

fn is_code(code: &str) -> bool {
    (1..=32).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

impl Tag {
    /// # Errors
    /// All faults of the draft; `/code` for the code.
    pub fn create(code: &str, draft: TagDraft, by: &CommunityAdmin, now: Timestamp) -> Result<Changed<Self>, Vec<Fault>> {
        let mut faults = Faults::new();
        faults.require(is_code(code), "/code", "code_format");
        let tag = draft.checked(by.community(), code, 1, faults)?;
        let event = Event::new("tag.created", Some(by.id()), now).with("code", code.to_owned());
        Ok(Changed::created(tag, vec![event]))
    }

    /// # Errors
    /// [`Refusal::OtherCommunity`], faults of the draft.
    pub fn replace(self, draft: TagDraft, by: &CommunityAdmin, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if by.community() != self.community {
            return Err(Refusal::OtherCommunity);
        }
        let loaded = self.version;
        let tag = draft.checked(self.community, &self.code, loaded + 1, Faults::new())?;
        let event = Event::new("tag.updated", Some(by.id()), now).with("code", self.code);
        Ok(Changed::from_version(loaded, tag, vec![event]))
    }

    /// Whether somebody holding these roles in the tag's community sees who has it.
    pub fn visible_to(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| matches!(role, Role::CommunityAdmin | Role::PlatformAdmin) || self.visible_to.contains(role))
    }
}

/// A tag that a person was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonTag {
    pub id: PersonTagId,
    pub version: i64,
    pub person: PersonId,
    pub code: String,
    pub interval: Interval,
    pub set_by: PrincipalId,
    pub set_at: Timestamp,
    /// Who took it away, and when.
    pub removed: Option<(PrincipalId, Timestamp)>,
}

impl Dated for PersonTag {
    fn interval(&self) -> Interval {
        self.interval
    }
}

impl PersonTag {
    /// Gives a tag from a day on. It ends when the tag's time is over, or earlier where `last_day` says so.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::OtherCommunity`], [`Refusal::Deceased`], [`Refusal::TagNotOffered`],
    /// `interval_backwards`, `already_recorded` when the person has it for some of these days.
    pub fn give(
        id: PersonTagId,
        tag: &Tag,
        (person, grids, had): (&Person, &[Option<GridId>], &[PersonTag]),
        (from, last_day): (Date, Option<Date>),
        by: &Keeper,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        if tag.community != person.community {
            return Err(Refusal::OtherCommunity);
        }
        if !person.is_kept_by(by, grids) {
            return Err(Refusal::NotForYou);
        }
        if person.deceased_on.is_some() {
            return Err(Refusal::Deceased);
        }
        if !tag.active {
            return Err(Refusal::TagNotOffered);
        }
        let asked = Interval::through(from, last_day).map_err(|fault| Refusal::fault("/until", fault.into()))?;
        let longest = tag.valid_days.and_then(|days| from.checked_add_days(chrono::Days::new(days.unsigned_abs())));
        let interval = match longest {
            Some(until) => asked.ended(until).map_err(|fault| Refusal::fault("/until", fault.into()))?,
            None => asked,
        };
        if had.iter().any(|t| t.code == tag.code && t.removed.is_none() && t.interval.overlaps(&interval)) {
            return Err(Refusal::fault("/tag", "already_recorded"));
        }
        let given =
            Self { id, version: 1, person: person.id, code: tag.code.clone(), interval, set_by: by.id(), set_at: now, removed: None };
        // Which tag it was is no business of a webhook.
        let event = Event::new("person.tagged", Some(by.id()), now).with("person_id", person.id);
        Ok(Changed::created(given, vec![event]))
    }

    /// Takes it away again; the row stays as history.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::WrongState`] when it was taken away before.
    pub fn remove(
        mut self,
        person: &Person,
        grids: &[Option<GridId>],
        reason: Reason,
        by: &Keeper,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        if person.id != self.person || !person.is_kept_by(by, grids) {
            return Err(Refusal::NotForYou);
        }
        if self.removed.is_some() {
            return Err(Refusal::WrongState { state: "removed" });
        }
        self.removed = Some((by.id(), now));
        let event = Event::new("person.untagged", Some(by.id()), now).with("person_id", self.person).noting(reason.into_string());
        let loaded = self.version;
        self.version += 1;
        Ok(Changed::from_version(loaded, self, vec![event]))
    }

    pub fn holds(&self, day: Date) -> bool {
        self.removed.is_none() && self.interval.contains(day)
    }
}
