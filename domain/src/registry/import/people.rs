//! Rows of the file `people`: a person and what they are to one home. Who owns two homes has two rows.

use std::fmt;

use super::cell::neutralise;
use super::fault::RowFault;
use super::header::{Cells, Kind};
use super::{Diff, compare};
use crate::kernel::fault::Faults;
use crate::kernel::idcard::Sex;
use crate::kernel::text::line;
use crate::kernel::time::Date;
use crate::registry::address::HomeKey;
use crate::registry::document::DocumentType;
use crate::registry::fact::{FactDraft, FactKind, Share};
use crate::registry::person::{Particulars, PersonDraft};

/// A person at a home, as a row.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// With a document, whose number is the natural key; a child without one has an external code.
    pub person: Particulars,
    pub estate: String,
    pub building: String,
    pub unit: String,
    pub number: String,
    /// What ties them to the home before all else: by living or being registered there and nothing more, too.
    pub relation: FactKind,
    /// Names or codes of the dictionary, in the order of the file.
    pub tags: Vec<String>,
    /// From when on the relation holds; without it, from the day of the import.
    pub since: Option<Date>,
    /// The last day of a lease.
    pub lease_ends_on: Option<Date>,
    pub share: Option<Share>,
    /// Without it: family and tenants live here; of owners and carers nothing is known.
    pub lives_here: Option<Lives>,
    pub hukou_here: Option<bool>,
    /// From when on they live here, where that is another day than `since`.
    pub lives_since: Option<Date>,
    /// From when on the hukou is here, where that is another day than `since`.
    pub hukou_since: Option<Date>,
    /// Of tags: from when on, and the last day.
    pub tag_days: Vec<TagDays>,
    pub extras: Vec<(String, String)>,
}

/// A tag's name or code, the first day and the last.
pub type TagDays = (String, Date, Option<Date>);

crate::words! {
    /// Whether somebody lives in a home.
    Lives {
        /// It is their one home.
        Only = "yes",
        /// Here, and somewhere else as well.
        Also = "also",
        No = "no",
    }
}

/// Of whom a row says by its silence that they live here.
pub const fn lives_by_default(relation: FactKind) -> bool {
    matches!(relation, FactKind::Family | FactKind::Tenancy | FactKind::Residence)
}

/// What tells one row from another: whose document, which home, what relation.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TieKey {
    pub id_type: DocumentType,
    pub id_number: String,
    pub home: HomeKey,
    pub relation: FactKind,
}

const SENSITIVE: &[&str] = &["name", "id_number", "phone", "born_on", "tags", "tag_days"];

/// Whether what stands in a column is for few eyes. Nobody knows what a column holds that nobody understands, so it is.
fn is_sensitive(column: &str) -> bool {
    SENSITIVE.contains(&column) || Kind::People.columns().all(|known| known != column)
}

impl PersonRow {
    /// # Errors
    /// All faults of the row. Whether the home and the tags exist is for the caller to look up: `unknown_home`, `unknown_tag`.
    pub fn parse(cells: &Cells, today: Date) -> Result<Self, Vec<RowFault>> {
        let mut faults = Faults::new();
        let id_type = cells.get("id_type").map_or(Ok(DocumentType::ResidentId), document_type);
        let id_type = faults.take("/id_type", id_type);
        let sex = faults.take("/sex", cells.get("sex").map(sex).transpose()).flatten();
        let born_on = faults.take("/born_on", cells.get("born_on").map(date).transpose()).flatten();
        let id_number = cells.get("id_number");
        faults.require(id_number.is_some() || cells.get("external_code").is_some(), "/id_number", "blank");
        let draft = PersonDraft {
            name: cells.get("name").unwrap_or(""),
            document: id_type.zip(id_number),
            sex,
            born_on,
            phone: cells.get("phone"),
            external_code: cells.get("external_code"),
        };
        let person = match draft.check(today) {
            Ok(person) => Some(person),
            Err(more) => {
                for fault in more {
                    faults.add(fault.pointer, fault.code);
                }
                None
            }
        };
        let mut needed = |column: &str, max: usize| faults.take(&format!("/{column}"), line(cells.get(column).unwrap_or(""), max));
        let (estate, building, number) = (needed("estate", 60), needed("building", 60), needed("number", 20));
        let unit = faults.take("/unit", cells.get("unit").map(|text| line(text, 20)).transpose()).flatten();
        let relation = faults.take("/relation", cells.get("relation").ok_or("blank").and_then(relation));
        let tags = faults.take("/tags", tags(cells.get("tags").unwrap_or("")));
        let since = faults.take("/since", cells.get("since").map(date).transpose()).flatten();
        faults.require(since.is_none_or(|day| day <= today), "/since", "future");
        let lease = faults.take("/lease_ends_on", cells.get("lease_ends_on").map(date).transpose()).flatten();
        faults.require(lease.is_none() || relation.is_none_or(|r| r == FactKind::Tenancy), "/lease_ends_on", "lease_without_tenancy");
        faults.require(lease.is_none_or(|end| end >= since.unwrap_or(end)), "/lease_ends_on", "interval_backwards");
        let share = faults.take("/share", cells.get("share").map(Share::parse).transpose()).flatten();
        faults.require(share.is_none() || relation.is_none_or(|r| r == FactKind::Ownership), "/share", "share_not_owner");
        let lives_here = faults.take("/lives_here", cells.get("lives_here").map(lives).transpose()).flatten();
        let hukou_here = faults.take("/hukou_here", cells.get("hukou_here").map(yes_or_no).transpose()).flatten();
        let denied = relation == Some(FactKind::Residence) && lives_here == Some(Lives::No);
        faults.require(!denied, "/lives_here", "contradicts_relation");
        let denied = relation == Some(FactKind::Hukou) && hukou_here == Some(false);
        faults.require(!denied, "/hukou_here", "contradicts_relation");
        let mut another_day = |column: &str| {
            let day = faults.take(&format!("/{column}"), cells.get(column).map(date).transpose()).flatten();
            faults.require(day.is_none_or(|day| day <= today), &format!("/{column}"), "future");
            day.filter(|day| Some(*day) != since)
        };
        let (lives_since, hukou_since) = (another_day("lives_since"), another_day("hukou_since"));
        let tag_days = faults.take("/tag_days", tag_days(cells.get("tag_days").unwrap_or(""), today)).unwrap_or_default();
        let extras = cells.extras(&mut faults);
        let all = person.zip(estate).zip(building).zip(number).zip(relation).zip(tags);
        let row = all.map(|(((((person, estate), building), number), relation), tags)| Self {
            person,
            estate,
            building,
            unit: unit.unwrap_or_default(),
            number,
            relation,
            tags,
            since,
            lease_ends_on: lease,
            share,
            lives_here,
            hukou_here,
            lives_since,
            hukou_since,
            tag_days,
            extras,
        });
        faults.into_result(row).map_err(|faults| RowFault::of(cells.line, faults))
    }

    pub fn home(&self) -> HomeKey {
        HomeKey::new(&self.estate, &self.building, &self.unit, &self.number)
    }

    /// The natural key; none for a row that was not parsed and has no document.
    pub fn key(&self) -> Option<TieKey> {
        let document = self.person.document.as_ref()?;
        Some(TieKey { id_type: document.kind(), id_number: document.expose().to_owned(), home: self.home(), relation: self.relation })
    }

    /// The household facts that the row tells, from `since` or today on. They are recorded where the same fact does not
    /// hold already; a row never ends one.
    pub fn facts(&self, today: Date) -> Vec<FactDraft> {
        let from = self.since.unwrap_or(today);
        let lease = self.lease_ends_on.and_then(|last| last.succ_opt()).filter(|_| self.relation == FactKind::Tenancy);
        let mut facts = Vec::new();
        if !matches!(self.relation, FactKind::Residence | FactKind::Hukou) {
            facts.push(FactDraft { until: lease, share: self.share, ..FactDraft::plain(self.relation, from) });
        }
        let lives_here = match self.lives_here {
            None => lives_by_default(self.relation),
            Some(lives) => lives != Lives::No,
        };
        if lives_here {
            facts.push(FactDraft {
                until: lease,
                // Only who was asked is known to have no other home.
                sole: self.lives_here == Some(Lives::Only),
                separated: self.hukou_here == Some(false),
                ..FactDraft::plain(FactKind::Residence, self.lives_since.unwrap_or(from))
            });
        }
        if self.hukou_here == Some(true) || self.relation == FactKind::Hukou {
            facts.push(FactDraft::plain(FactKind::Hukou, self.hukou_since.unwrap_or(from)));
        }
        facts
    }

    /// The days of a tag by its name or code, where the row tells them.
    pub fn days_of(&self, tag: (&str, &str)) -> Option<(Date, Option<Date>)> {
        self.tag_days.iter().find(|(named, _, _)| named == tag.0 || named == tag.1).map(|(_, from, last)| (*from, *last))
    }

    /// What this row would change, compared with the row that an export would write of the same person, home and relation.
    pub fn diff(&self, existing: Option<&Self>) -> Diff {
        let Some(existing) = existing else { return Diff::Created };
        let mut said = self.clone();
        if self.home() == existing.home() {
            said.estate.clone_from(&existing.estate);
            said.building.clone_from(&existing.building);
            said.unit.clone_from(&existing.unit);
            said.number.clone_from(&existing.number);
        }
        // Tags are added, never taken away, by a row.
        if self.tags.iter().all(|tag| existing.tags.contains(tag)) {
            said.tags.clone_from(&existing.tags);
        }
        // Days are told of tags that are given; of one that somebody has they change nothing.
        said.tag_days.clone_from(&existing.tag_days);
        compare(existing.values(), said.values(), is_sensitive)
    }

    fn values(&self) -> Vec<(String, String)> {
        let p = &self.person;
        let day = |day: Option<Date>| day.map(|d| d.to_string()).unwrap_or_default();
        let flag = |flag: Option<bool>| flag.map_or("", |yes| if yes { "yes" } else { "no" }).to_owned();
        let known = [
            p.name.clone(),
            p.document.as_ref().map(|d| d.kind().to_string()).unwrap_or_default(),
            p.document.as_ref().map(|d| d.expose().to_owned()).unwrap_or_default(),
            p.sex.map(|s| s.to_string()).unwrap_or_default(),
            day(p.born_on),
            p.phone.as_ref().map(|p| p.expose().to_owned()).unwrap_or_default(),
            self.estate.clone(),
            self.building.clone(),
            self.unit.clone(),
            self.number.clone(),
            self.relation.to_string(),
            self.tags.join(";"),
            p.external_code.clone().unwrap_or_default(),
            day(self.since),
            day(self.lease_ends_on),
            self.share.map(|s| s.to_string()).unwrap_or_default(),
            self.lives_here.map(|lives| lives.to_string()).unwrap_or_default(),
            flag(self.hukou_here),
            day(self.lives_since),
            day(self.hukou_since),
            self.tag_days.iter().map(|tag| days_text(tag)).collect::<Vec<_>>().join(";"),
        ];
        Kind::People.columns().map(str::to_owned).zip(known).chain(self.extras.iter().cloned()).collect()
    }

    /// The fields of an export in the order of [`Kind::columns`], then the named extras; formula cells neutralised. Whole
    /// numbers stand in it: exporting people takes a scope and a reason of its own.
    pub fn fields(&self, extras: &[&str]) -> Vec<String> {
        written(&self.values(), Kind::People, extras)
    }
}

impl fmt::Debug for PersonRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonRow").field("person", &self.person).field("relation", &self.relation).finish_non_exhaustive()
    }
}

impl fmt::Debug for TieKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TieKey").field("relation", &self.relation).finish_non_exhaustive()
    }
}

/// Values in the order of the export.
pub(super) fn written(values: &[(String, String)], kind: Kind, extras: &[&str]) -> Vec<String> {
    let value = |column: &str| values.iter().find(|(name, _)| name == column).map_or("", |(_, value)| value.as_str());
    let known = kind.columns().map(value);
    let extra = extras.iter().map(|column| value(column));
    known.chain(extra).map(|text| neutralise(text).into_owned()).collect()
}

fn document_type(text: &str) -> Result<DocumentType, &'static str> {
    use DocumentType as T;
    Ok(match text {
        "身份证" | "居民身份证" => T::ResidentId,
        "港澳居民来往内地通行证" | "港澳通行证" | "回乡证" => T::HkMacaoPermit,
        "台湾居民来往大陆通行证" | "台胞证" => T::TaiwanPermit,
        "港澳台居民居住证" => T::HkMacaoTaiwanResidence,
        "外国人永久居留身份证" => T::ForeignPermanentResidence,
        "护照" => T::Passport,
        "出生医学证明" | "出生证" => T::BirthCertificate,
        "其他" => T::Other,
        _ => text.parse().map_err(|_| "unknown_word")?,
    })
}

fn sex(text: &str) -> Result<Sex, &'static str> {
    match text {
        "男" => Ok(Sex::Male),
        "女" => Ok(Sex::Female),
        _ => text.parse().map_err(|_| "unknown_word"),
    }
}

fn relation(text: &str) -> Result<FactKind, &'static str> {
    match text {
        "业主" | "产权人" | "户主" => Ok(FactKind::Ownership),
        "家庭成员" | "家属" => Ok(FactKind::Family),
        "租客" | "租户" => Ok(FactKind::Tenancy),
        "照护人" | "护工" => Ok(FactKind::Carer),
        "居住" | "居住人" => Ok(FactKind::Residence),
        "户口" | "户籍" => Ok(FactKind::Hukou),
        _ => text.parse().map_err(|_| "unknown_word"),
    }
}

fn lives(text: &str) -> Result<Lives, &'static str> {
    match text {
        "also" | "也住" | "另有住处" => Ok(Lives::Also),
        _ => yes_or_no(text).map(|yes| if yes { Lives::Only } else { Lives::No }),
    }
}

fn days_text((tag, from, last): &TagDays) -> String {
    format!("{tag}@{from}{}", last.map(|last| format!("~{last}")).unwrap_or_default())
}

/// `老年人@2025-01-01;退役军人@2025-01-01~2026-12-31`: the last day is part of it.
fn tag_days(text: &str, today: Date) -> Result<Vec<TagDays>, &'static str> {
    let mut found: Vec<TagDays> = Vec::new();
    for one in text.split([';', '；']).map(str::trim).filter(|one| !one.is_empty()) {
        let (tag, days) = one.rsplit_once('@').ok_or("date_format")?;
        let (from, last) = days.split_once('~').map_or((days, None), |(from, last)| (from, Some(last)));
        let tag = line(tag, 32).map_err(<&'static str>::from)?;
        let from = date(from)?;
        if from > today {
            return Err("future");
        }
        found.push((tag, from, last.map(date).transpose()?));
    }
    Ok(found)
}

fn yes_or_no(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "y" | "1" | "是" => Ok(true),
        "no" | "false" | "n" | "0" | "否" => Ok(false),
        _ => Err("unknown_word"),
    }
}

/// `2026-11-21`, `2026/11/21`, `2026年11月21日`, `20261121`: what spreadsheets make of a date.
fn date(text: &str) -> Result<Date, &'static str> {
    let all_digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts: Vec<&str> = if all_digits {
        vec![&text[..4], &text[4..6], &text[6..]]
    } else {
        text.trim_end_matches('日').split(['-', '/', '.', '年', '月']).collect()
    };
    // Spreadsheets add a midnight to a day.
    if let Some(last) = parts.last_mut() {
        *last = last.trim_end_matches(" 0:00").trim_end_matches(" 00:00:00");
    }
    let [year, month, day] = parts[..] else { return Err("date_format") };
    let number = |s: &str, length: usize| -> Result<u32, &'static str> {
        let good = (1..=length).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
        if good { s.parse().map_err(|_| "date_format") } else { Err("date_format") }
    };
    if year.len() != 4 {
        return Err("date_format");
    }
    Date::from_ymd_opt(number(year, 4)? as i32, number(month, 2)?, number(day, 2)?).ok_or("date_format")
}

/// Joined by `;`, of either width; each once.
fn tags(text: &str) -> Result<Vec<String>, &'static str> {
    let mut tags: Vec<String> = Vec::new();
    for tag in text.split([';', '；']).map(str::trim).filter(|tag| !tag.is_empty()) {
        let tag = line(tag, 32).map_err(<&'static str>::from)?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}
