//! People 人: everybody who is or was tied to a home of the community, children too.
//!
//! A person of the registry is not an account: an elder has no telephone, a child no WeChat. Name, number, telephone and
//! birth date are sealed where they are stored; here their types keep them out of logs.

use std::fmt;

use chrono::Datelike;

use super::document::{Document, DocumentType};
use super::fact::{Fact, FactKind};
use super::keeper::Keeper;
use super::place::external_code;
use super::{GridId, PersonId, Reason, Refusal};
use crate::actor::CommunityId;
use crate::kernel::changed::{Changed, Event};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::idcard::Sex;
use crate::kernel::phone::Phone;
use crate::kernel::text::line;
use crate::kernel::time::{Date, Timestamp};

/// A person as somebody typed them.
#[derive(Clone, Copy)]
pub struct PersonDraft<'a> {
    pub name: &'a str,
    pub document: Option<(DocumentType, &'a str)>,
    pub sex: Option<Sex>,
    pub born_on: Option<Date>,
    pub phone: Option<&'a str>,
    pub external_code: Option<&'a str>,
}

/// What somebody asks to be different of a person. What is left out stays; what is `Some(None)` is taken away.
#[derive(Clone, Copy, Default)]
pub struct Amendment<'a> {
    pub name: Option<&'a str>,
    pub id_type: Option<DocumentType>,
    pub id_number: Option<Option<&'a str>>,
    pub sex: Option<Option<Sex>>,
    pub born_on: Option<Option<Date>>,
    pub phone: Option<Option<&'a str>>,
    pub external_code: Option<Option<&'a str>>,
}

/// A person whose values were checked and agree with each other.
#[derive(Clone, PartialEq, Eq)]
pub struct Particulars {
    pub name: String,
    pub document: Option<Document>,
    pub sex: Option<Sex>,
    pub born_on: Option<Date>,
    pub phone: Option<Phone>,
    pub external_code: Option<String>,
}

impl PersonDraft<'_> {
    /// Sex and birth date may be left out where the number tells them; given ones must agree with it.
    ///
    /// # Errors
    /// All faults by the import's column names: texts, `id_*`, `document_format`, `phone_format`, `born_on_mismatch`,
    /// `sex_mismatch`, `born_on_future`, `too_long_ago`.
    pub fn check(self, today: Date) -> Result<Particulars, Vec<Fault>> {
        let mut faults = Faults::new();
        let name = faults.take("/name", line(self.name, 60));
        let document = self.document.map(|(kind, number)| Document::new(kind, number, today)).transpose();
        let document = faults.take("/id_number", document).flatten();
        let phone = self.phone.filter(|p| !p.trim().is_empty()).map(str::parse::<Phone>).transpose();
        let phone = faults.take("/phone", phone).flatten();
        let code = faults.take("/external_code", self.external_code.map(external_code).transpose()).flatten();
        let told = document.as_ref().and_then(Document::born_on);
        faults.require(told.is_none() || self.born_on.is_none() || told == self.born_on, "/born_on", "born_on_mismatch");
        faults.require(self.born_on.is_none_or(|day| day <= today), "/born_on", "born_on_future");
        faults.require(self.born_on.is_none_or(|day| day.year() >= 1800), "/born_on", "too_long_ago");
        let told_sex = document.as_ref().and_then(Document::sex);
        faults.require(told_sex.is_none() || self.sex.is_none() || told_sex == self.sex, "/sex", "sex_mismatch");
        faults.into_result(name.map(|name| Particulars {
            name,
            sex: self.sex.or(told_sex),
            born_on: self.born_on.or(told),
            document,
            phone,
            external_code: code,
        }))
    }
}

/// A person as they are remembered.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    pub id: PersonId,
    pub version: i64,
    pub community: CommunityId,
    pub name: String,
    pub document: Option<Document>,
    pub sex: Option<Sex>,
    pub born_on: Option<Date>,
    pub phone: Option<Phone>,
    pub external_code: Option<String>,
    pub deceased_on: Option<Date>,
    /// The day on which they were found to have left the community for good.
    pub moved_out_on: Option<Date>,
}

/// One value that changed, for the history of a person or a home. The values are as personal as the person: seal them.
#[derive(Clone, PartialEq, Eq)]
pub struct Alteration {
    pub field: &'static str,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What a death, a departure or a return makes of a person, with what it altered.
pub type Parted = (Changed<Person>, Vec<Alteration>);

/// What a correction makes of a thing, with what it altered; nothing when nothing was different.
pub type Corrected<T> = Option<(Changed<T>, Vec<Alteration>)>;

impl fmt::Debug for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} altered", self.field)
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

impl fmt::Debug for Particulars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Particulars").field("document", &self.document).field("phone", &self.phone).finish_non_exhaustive()
    }
}

impl fmt::Debug for Amendment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Amendment").finish_non_exhaustive()
    }
}

impl fmt::Debug for PersonDraft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonDraft").finish_non_exhaustive()
    }
}

fn day_altered(field: &'static str, before: Option<Date>, after: Option<Date>) -> Alteration {
    let text = |day: Option<Date>| day.map(|day| day.to_string());
    Alteration { field, before: text(before), after: text(after) }
}

impl Person {
    /// Writes a person into the registry. Their number is free in the community: a unique blind index says so.
    ///
    /// `tied` says that a tie to a home follows in the same transaction.
    ///
    /// # Errors
    /// Faults of the draft; `/facts` `required` for a grid worker without a tie: they would lose sight of the person.
    pub fn create(id: PersonId, draft: PersonDraft, tied: bool, by: &Keeper, now: Timestamp) -> Result<Changed<Self>, Refusal> {
        if !tied && !by.keeps_places(by.community()) {
            return Err(Refusal::fault("/facts", "required"));
        }
        let Particulars { name, document, sex, born_on, phone, external_code } = draft.check(now.date())?;
        let person = Self {
            id,
            version: 1,
            community: by.community(),
            name,
            document,
            sex,
            born_on,
            phone,
            external_code,
            deceased_on: None,
            moved_out_on: None,
        };
        Ok(Changed::created(person, vec![Event::new("person.created", Some(by.id()), now)]))
    }

    /// The whole of what is to be written, for [`correct`](Self::correct). Another number tells another birth date and sex: what the
    /// old one told goes with it.
    pub fn amended<'a>(&'a self, by: Amendment<'a>) -> PersonDraft<'a> {
        let before = self.document.as_ref();
        let number = by.id_number.unwrap_or(before.map(Document::expose));
        let kind = by.id_type.or(before.map(Document::kind)).unwrap_or(DocumentType::ResidentId);
        let told = |tells: fn(&Document) -> bool| by.id_number.is_some() && before.is_some_and(tells);
        PersonDraft {
            name: by.name.unwrap_or(&self.name),
            document: number.map(|number| (kind, number)),
            sex: by.sex.unwrap_or(self.sex.filter(|_| !told(|d| d.sex().is_some()))),
            born_on: by.born_on.unwrap_or(self.born_on.filter(|_| !told(|d| d.born_on().is_some()))),
            phone: by.phone.unwrap_or(self.phone.as_ref().map(Phone::expose)),
            external_code: by.external_code.unwrap_or(self.external_code.as_deref()),
        }
    }

    /// Mends what is written of a person. `grids` are those of the homes that the person is tied to now. Nothing is
    /// returned when nothing is different: no version, no event, no history.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`] where the keeper keeps none of these grids; faults of the draft.
    pub fn correct(
        mut self,
        draft: PersonDraft,
        reason: Option<Reason>,
        grids: &[Option<GridId>],
        by: &Keeper,
        now: Timestamp,
    ) -> Result<Corrected<Self>, Refusal> {
        self.kept_by(by, grids)?;
        let next = draft.check(now.date())?;
        let mut altered = Vec::new();
        let mut compare = |field: &'static str, before: Option<String>, after: Option<String>| {
            if before != after {
                altered.push(Alteration { field, before, after });
            }
        };
        let written = |d: &Option<Document>| d.as_ref().map(|d| d.expose().to_owned());
        let kind = |d: &Option<Document>| d.as_ref().map(|d| d.kind().to_string());
        compare("name", Some(self.name.clone()), Some(next.name.clone()));
        compare("id_type", kind(&self.document), kind(&next.document));
        compare("id_number", written(&self.document), written(&next.document));
        compare("sex", self.sex.map(|s| s.to_string()), next.sex.map(|s| s.to_string()));
        compare("born_on", self.born_on.map(|d| d.to_string()), next.born_on.map(|d| d.to_string()));
        let digits = |p: &Option<Phone>| p.as_ref().map(|p| p.expose().to_owned());
        compare("phone", digits(&self.phone), digits(&next.phone));
        compare("external_code", self.external_code.clone(), next.external_code.clone());
        if altered.is_empty() {
            return Ok(None);
        }
        // Which fields, never which values: the event may go to any webhook.
        let fields: Vec<&str> = altered.iter().map(|a| a.field).collect();
        let event = Event::new("person.corrected", Some(by.id()), now).with("fields", fields.join(" "));
        let event = event.noting(reason.map(Reason::into_string));
        self.name = next.name;
        self.document = next.document;
        self.sex = next.sex;
        self.born_on = next.born_on;
        self.phone = next.phone;
        self.external_code = next.external_code;
        Ok(Some((self.changed(event), altered)))
    }

    /// 去世. Facts that still hold are to be ended on that day by the caller, in the same transaction.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::Deceased`] when it is known already, `future` or `before_birth` for the day.
    pub fn record_death(mut self, on: Date, grids: &[Option<GridId>], by: &Keeper, now: Timestamp) -> Result<Parted, Refusal> {
        self.kept_by(by, grids)?;
        if self.deceased_on.is_some() {
            return Err(Refusal::Deceased);
        }
        let mut faults = Faults::new();
        faults.require(on <= now.date(), "/deceased_on", "future");
        faults.require(self.born_on.is_none_or(|born| on >= born), "/deceased_on", "before_birth");
        faults.into_result(Some(()))?;
        self.deceased_on = Some(on);
        let altered = vec![day_altered("deceased_on", None, self.deceased_on)];
        Ok((self.changed(Event::new("person.deceased", Some(by.id()), now)), altered))
    }

    /// 迁出. As with a death, facts of living here are the caller's to end; owning a home may go on.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::Deceased`], [`Refusal::WrongState`] when they have left already, `future`.
    pub fn move_out(mut self, on: Date, grids: &[Option<GridId>], by: &Keeper, now: Timestamp) -> Result<Parted, Refusal> {
        self.kept_by(by, grids)?;
        if self.deceased_on.is_some() {
            return Err(Refusal::Deceased);
        }
        if self.moved_out_on.is_some() {
            return Err(Refusal::WrongState { state: "moved_out" });
        }
        if on > now.date() {
            return Err(Refusal::fault("/moved_out_on", "future"));
        }
        self.moved_out_on = Some(on);
        let altered = vec![day_altered("moved_out_on", None, self.moved_out_on)];
        Ok((self.changed(Event::new("person.moved_out", Some(by.id()), now)), altered))
    }

    /// 迁回: they live here again.
    ///
    /// # Errors
    /// [`Refusal::NotForYou`], [`Refusal::Deceased`], [`Refusal::WrongState`] when they never left.
    pub fn move_back(mut self, grids: &[Option<GridId>], by: &Keeper, now: Timestamp) -> Result<Parted, Refusal> {
        self.kept_by(by, grids)?;
        if self.deceased_on.is_some() {
            return Err(Refusal::Deceased);
        }
        let Some(before) = self.moved_out_on.take() else {
            return Err(Refusal::WrongState { state: "living_here" });
        };
        let altered = vec![day_altered("moved_out_on", Some(before), None)];
        Ok((self.changed(Event::new("person.moved_back", Some(by.id()), now)), altered))
    }

    /// What has just been written down of somebody who had moved out says that they live, rent or are registered here on days to
    /// come: they have come back, though nobody has said so in as many words. None where it says nothing of that.
    ///
    /// A hukou that was here when they left often stays behind: only one that began since is a return. `before` is what the fact
    /// corrects; to say of what was known to last anyway that it began elsewhen, or ends, tells of no return.
    pub fn returned(&self, by_fact: &Fact, before: Option<&Fact>, by: &Keeper, now: Timestamp) -> Option<Parted> {
        let left = self.moved_out_on?;
        let here = match by_fact.kind {
            FactKind::Residence | FactKind::Tenancy => true,
            FactKind::Hukou => by_fact.interval.from() >= left,
            _ => false,
        };
        let lasts = |fact: &Fact| fact.interval.until().is_none_or(|until| until > left && until > now.date());
        if by_fact.person != self.id || !by_fact.is_current() || !here || !lasts(by_fact) || before.is_some_and(lasts) {
            return None;
        }
        let back = Self { moved_out_on: None, ..self.clone() };
        let altered = vec![day_altered("moved_out_on", Some(left), None)];
        Some((back.changed(Event::new("person.moved_back", Some(by.id()), now)), altered))
    }

    /// Whole years on a day; none before birth or when the birth date is not known.
    pub fn age(&self, on: Date) -> Option<u32> {
        self.born_on.and_then(|born| on.years_since(born))
    }

    /// 未满十四周岁: all that is known of them is sensitive by law (PIPL art. 28). Who has no known birth date is not a child.
    pub fn is_child(&self, on: Date) -> bool {
        self.age(on).is_some_and(|age| age < 14)
    }

    /// Whether a keeper keeps this person: through any home that the person is tied to. A person without a tie is the
    /// administrators'.
    pub fn is_kept_by(&self, by: &Keeper, grids: &[Option<GridId>]) -> bool {
        by.keeps_places(self.community) || grids.iter().any(|grid| by.keeps(self.community, *grid))
    }

    fn kept_by(&self, by: &Keeper, grids: &[Option<GridId>]) -> Result<(), Refusal> {
        if self.is_kept_by(by, grids) { Ok(()) } else { Err(Refusal::NotForYou) }
    }

    fn changed(mut self, event: Event) -> Changed<Self> {
        let loaded = self.version;
        self.version += 1;
        Changed::from_version(loaded, self, vec![event])
    }
}
