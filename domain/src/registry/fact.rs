//! Household facts: a person and a home, tied in one way, for an interval of days.
//!
//! A fact is never overwritten. Correcting or ending one *supersedes* it: the row stays with who did it and when, and a new
//! row says what is known now. So there are two clocks: the day a question is about ([`as_of`]), and the moment at
//! which it would have been asked ([`as_known`]).
//!
//! Whoever saves a fact must save person and home one version on in the same transaction: their versions are what keeps two
//! keepers from each adding sixty per cent of one home, or a second sole residence of one person, at the same moment.

use super::interval::{Dated, Interval, peak};
use super::keeper::Keeper;
use super::person::Person;
use super::place::Home;
use super::{FactId, HomeId, PersonId, Reason, Refusal};
use crate::actor::{CommunityId, PrincipalId};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::Faults;
use crate::kernel::time::{Date, Timestamp};

crate::words! {
    /// How a person is tied to a home. `owner`, `family`, `tenant` and `carer` are also what a resident may claim.
    FactKind {
        /// 户口在此
        Hukou = "hukou",
        /// 居住在此
        Residence = "residence",
        /// 产权
        Ownership = "owner",
        /// 租住
        Tenancy = "tenant",
        /// 家庭成员
        Family = "family",
        /// 照护人
        Carer = "carer",
    }

    /// Where a fact came from.
    Source {
        Keeper = "keeper",
        Import = "import",
        /// A resident's proposal that a keeper approved.
        Proposal = "proposal",
    }
}

/// A part of a home, in basis points: 10,000 are the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Share(i64);

impl Share {
    pub const WHOLE: i64 = 10_000;

    /// # Errors
    /// `share_out_of_range`, unless 1 to 10,000.
    pub fn basis_points(points: i64) -> Result<Self, &'static str> {
        if (1..=Self::WHOLE).contains(&points) { Ok(Self(points)) } else { Err("share_out_of_range") }
    }

    /// Reads `1/3`, `50%`, `33.33%`. A fraction is cut, never rounded up, so that three thirds are no more than a whole.
    ///
    /// # Errors
    /// `share_format`, `share_out_of_range`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let number = |s: &str| -> Result<i64, &'static str> {
            let s = s.trim();
            let good = (1..=6).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
            if good { s.parse().map_err(|_| "share_format") } else { Err("share_format") }
        };
        if let Some((part, whole)) = text.split_once('/') {
            let (part, whole) = (number(part)?, number(whole)?);
            if whole == 0 {
                return Err("share_format");
            }
            return Self::basis_points(part * Self::WHOLE / whole);
        }
        let percent = text.strip_suffix('%').or_else(|| text.strip_suffix('％')).ok_or("share_format")?;
        let (whole, part) = percent.split_once('.').unwrap_or((percent, "0"));
        if part.len() > 2 {
            return Err("share_format");
        }
        let part = number(part)? * if part.len() == 1 { 10 } else { 1 };
        Self::basis_points(number(whole)? * 100 + part)
    }

    pub fn points(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, part) => write!(f, "{whole}.{part:02}%"),
        }
    }
}

/// What a fact is asked to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactDraft {
    pub kind: FactKind,
    pub from: Date,
    /// The first day on which it no longer holds. A tenancy ends with its lease: the day after the last one.
    pub until: Option<Date>,
    /// Ownership only; none is joint ownership without parts 共同共有.
    pub share: Option<Share>,
    /// Residence only: the person's one home. A student or a migratory bird 候鸟 has more than one that is not sole.
    pub sole: bool,
    /// Residence only: the hukou is known to be elsewhere 人户分离.
    pub separated: bool,
}

/// A household fact as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub id: FactId,
    pub version: i64,
    pub community: CommunityId,
    pub person: PersonId,
    pub home: HomeId,
    pub kind: FactKind,
    pub interval: Interval,
    pub share: Option<Share>,
    pub sole: bool,
    pub separated: bool,
    pub source: Source,
    pub recorded_by: PrincipalId,
    pub recorded_at: Timestamp,
    /// The fact that this one took the place of.
    pub corrects: Option<FactId>,
    /// Who took it back, and when; none while it is what is known.
    pub superseded: Option<(PrincipalId, Timestamp)>,
}

impl Dated for Fact {
    fn interval(&self) -> Interval {
        self.interval
    }
}

impl Dated for &Fact {
    fn interval(&self) -> Interval {
        self.interval
    }
}

/// What holds on a day, by what is known now.
pub fn as_of(facts: &[Fact], day: Date) -> impl Iterator<Item = &Fact> {
    super::interval::as_of(facts, day).filter(|f| f.is_current())
}

/// What was thought, at that moment, to hold on a day.
pub fn as_known(facts: &[Fact], day: Date, at: Timestamp) -> impl Iterator<Item = &Fact> {
    super::interval::as_of(facts, day).filter(move |f| f.recorded_at <= at && f.superseded.is_none_or(|(_, gone)| gone > at))
}

/// The two that a fact ties, and what is known around them: all facts of the home and all of the person.
#[derive(Debug, Clone, Copy)]
pub struct Household<'a> {
    pub person: &'a Person,
    pub home: &'a Home,
    pub around: &'a [Fact],
}

/// A correction: what is taken back, and what is known instead. Both must be saved, the old one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    pub old: Changed<Fact>,
    pub new: Changed<Fact>,
}

impl Fact {
    /// Whether this is what is known now, whatever its interval.
    pub fn is_current(&self) -> bool {
        self.superseded.is_none()
    }

    /// Whether it holds no longer on a day, nor on any later one.
    pub fn is_over(&self, day: Date) -> bool {
        self.interval.until().is_some_and(|until| until <= day)
    }

    /// Writes down a fact.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::OtherCommunity`], or faults: `interval_backwards`, `too_long_ago`, `after_death`,
    /// `before_birth`, `share_not_owner`, `not_a_residence`, `already_recorded`, `hukou_overlap`, `sole_residence_overlap`,
    /// `shares_exceed_whole`.
    pub fn record(
        id: FactId,
        draft: FactDraft,
        within: Household,
        source: Source,
        by: &Keeper,
        now: Timestamp,
    ) -> Result<Changed<Self>, Refusal> {
        let Household { person, home, around } = within;
        if !by.keeps(home.community, home.grid) {
            return Err(Refusal::NotForYou);
        }
        if person.community != home.community {
            return Err(Refusal::OtherCommunity);
        }
        let interval = draft.checked(person, home.id, around)?;
        let fact = Self {
            id,
            version: 1,
            community: home.community,
            person: person.id,
            home: home.id,
            kind: draft.kind,
            interval,
            share: draft.share,
            sole: draft.sole,
            separated: draft.separated,
            source,
            recorded_by: by.id(),
            recorded_at: now,
            corrects: None,
            superseded: None,
        };
        let event = fact.event("household_fact.recorded", by, now);
        Ok(Changed::created(fact, vec![event]))
    }

    /// Says it differently: the old fact was wrong, or less exact. Its kind cannot change; end it and record another.
    ///
    /// # Errors
    /// As [`record`](Self::record), and [`Refusal::Superseded`].
    pub fn correct(
        self,
        id: FactId,
        draft: FactDraft,
        reason: Reason,
        within: Household,
        by: &Keeper,
        now: Timestamp,
    ) -> Result<Correction, Refusal> {
        let Household { person, home, around } = within;
        if draft.kind != self.kind || person.id != self.person || home.id != self.home {
            return Err(Refusal::fault("/kind", "kind_fixed"));
        }
        if !self.is_current() {
            return Err(Refusal::Superseded);
        }
        if !by.keeps(home.community, home.grid) {
            return Err(Refusal::NotForYou);
        }
        let others: Vec<Fact> = around.iter().filter(|f| f.id != self.id).cloned().collect();
        let interval = draft.checked(person, home.id, &others)?;
        let next = Self { interval, share: draft.share, sole: draft.sole, separated: draft.separated, ..self.clone() };
        Ok(self.superseded_by(id, next, "household_fact.corrected", Some(reason), by, now))
    }

    /// It stops holding on a day: moved out, sold, lease given up. Before that day it goes on having been true.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::Superseded`], `interval_backwards` when it had not begun by then.
    pub fn end(self, id: FactId, until: Date, home: &Home, by: &Keeper, now: Timestamp) -> Result<Correction, Refusal> {
        if home.id != self.home || !by.keeps(home.community, home.grid) {
            return Err(Refusal::NotForYou);
        }
        self.ended(id, until, by, now)
    }

    /// Death ends it, in whatever grid its home lies: who keeps the person has written the death down, and this is what follows
    /// from it.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`] for anybody else's fact, or while no death is recorded; [`Refusal::Superseded`];
    /// `interval_backwards` when it had not begun by then.
    pub fn end_by_death(self, id: FactId, dead: &Person, by: &Keeper, now: Timestamp) -> Result<Correction, Refusal> {
        let theirs = self.person == dead.id && self.community == by.community() && dead.community == self.community;
        let (true, Some(died)) = (theirs, dead.deceased_on) else { return Err(Refusal::NotForYou) };
        self.ended(id, died, by, now)
    }

    fn ended(self, id: FactId, until: Date, by: &Keeper, now: Timestamp) -> Result<Correction, Refusal> {
        if !self.is_current() {
            return Err(Refusal::Superseded);
        }
        let interval = self.interval.ended(until).map_err(|fault| Refusal::fault("/until", fault.into()))?;
        let next = Self { interval, ..self.clone() };
        Ok(self.superseded_by(id, next, "household_fact.ended", None, by, now))
    }

    fn superseded_by(
        mut self,
        id: FactId,
        next: Self,
        kind: &'static str,
        reason: Option<Reason>,
        by: &Keeper,
        now: Timestamp,
    ) -> Correction {
        let next = Self { id, version: 1, recorded_by: by.id(), recorded_at: now, corrects: Some(self.id), superseded: None, ..next };
        let event = next.event(kind, by, now).with("corrects", self.id).noting(reason.map(Reason::into_string));
        self.superseded = Some((by.id(), now));
        let loaded = self.version;
        self.version += 1;
        // The old row says nothing of its own: one correction is one event.
        Correction { old: Changed::from_version(loaded, self, vec![]), new: Changed::created(next, vec![event]) }
    }

    fn event(&self, kind: &'static str, by: &Keeper, now: Timestamp) -> Event {
        Event::new(kind, Some(by.id()), now).with("kind", self.kind).with("person_id", self.person).with("home_id", self.home)
    }
}

impl FactDraft {
    /// A fact of this kind from a day on, with nothing special about it.
    pub fn plain(kind: FactKind, from: Date) -> Self {
        Self { kind, from, until: None, share: None, sole: false, separated: false }
    }

    fn checked(&self, person: &Person, home: HomeId, around: &[Fact]) -> Result<Interval, Refusal> {
        let mut faults = Faults::new();
        let earliest = Date::from_ymd_opt(1900, 1, 1).unwrap_or_default();
        faults.require(self.from >= earliest, "/from", "too_long_ago");
        if let Some(died) = person.deceased_on {
            faults.require(self.from < died, "/from", "after_death");
            // Nothing ties the dead: what is written of them afterwards has to say that it was over by then.
            faults.require(self.from >= died || self.until.is_some_and(|until| until <= died), "/until", "after_death");
        }
        faults.require(person.born_on.is_none_or(|born| self.from >= born), "/from", "before_birth");
        faults.require(self.share.is_none() || self.kind == FactKind::Ownership, "/share", "share_not_owner");
        let marks = self.sole || self.separated;
        faults.require(!marks || self.kind == FactKind::Residence, "/kind", "not_a_residence");
        let interval = faults.take("/until", Interval::new(self.from, self.until));
        let interval = faults.into_result(interval)?;

        let mut faults = Faults::new();
        let beside: Vec<&Fact> = around.iter().filter(|f| f.is_current() && f.interval.overlaps(&interval)).collect();
        let own = |kind: FactKind| beside.iter().filter(move |f| f.person == person.id && f.kind == kind);
        faults.require(!own(self.kind).any(|f| f.home == home), "/from", "already_recorded");
        if self.kind == FactKind::Hukou {
            faults.require(!own(FactKind::Hukou).any(|f| f.home != home), "/from", "hukou_overlap");
        }
        if self.sole {
            faults.require(!own(FactKind::Residence).any(|f| f.sole && f.home != home), "/sole", "sole_residence_overlap");
        }
        if let Some(share) = self.share {
            let others: Vec<&Fact> = beside.iter().copied().filter(|f| f.home == home && f.kind == FactKind::Ownership).collect();
            // Within the new interval the others are heaviest at its first day or where one of them begins.
            let within = |day: Date| -> i64 { super::interval::as_of(&others, day).filter_map(|f| f.share).map(Share::points).sum() };
            let begins = others.iter().map(|f| f.interval.from()).filter(|day| interval.contains(*day));
            let most = begins.chain([interval.from()]).map(within).max().unwrap_or(0);
            faults.require(most + share.points() <= Share::WHOLE, "/share", "shares_exceed_whole");
        }
        faults.into_result(Some(interval)).map_err(Refusal::from)
    }
}

/// The most that the owners of a home hold together on any day, in basis points.
pub fn most_owned(facts: &[Fact]) -> i64 {
    let owned: Vec<&Fact> = facts.iter().filter(|f| f.is_current() && f.kind == FactKind::Ownership).collect();
    peak(&owned, |f| f.share.map_or(0, Share::points))
}
