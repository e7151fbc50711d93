//! Rounds as rows.

use diesel::prelude::*;
use jiazai_domain::enrolment::round::{Calendar, ConsentText, Facts, Parity, Seats, Zone, ZonePlace};
use jiazai_domain::enrolment::rules::RuleSet;
use jiazai_domain::kernel::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::round::Summary;
use crate::db::schema::enrolment_rounds;
use crate::db::{DbError, parsed};

/// What is shown of a round and not searched by. Instants are milliseconds, days are text. A field that is added later gets a default here.
#[derive(Serialize, Deserialize)]
struct Detail {
    born_from: String,
    born_to: String,
    register_from: i64,
    register_to: i64,
    review_to: i64,
    objection_to: i64,
    confirm_to: i64,
    announcement: Option<String>,
    /// Version and text.
    #[serde(default)]
    consent: Option<(String, String)>,
}

impl Detail {
    fn calendar(&self) -> Calendar {
        let at = Timestamp::from_millis;
        Calendar {
            register_from: at(self.register_from),
            register_to: at(self.register_to),
            review_to: at(self.review_to),
            objection_to: at(self.objection_to),
            confirm_to: at(self.confirm_to),
        }
    }
}

/// A piece of a zone: a building, or the doors of a street.
#[derive(Serialize, Deserialize)]
struct StoredZone {
    school: String,
    building: Option<String>,
    street: Option<String>,
    from: Option<i64>,
    to: Option<i64>,
    parity: Option<String>,
    valid_from: Option<String>,
    valid_to: Option<String>,
}

impl From<&Zone> for StoredZone {
    fn from(zone: &Zone) -> Self {
        let (valid_from, valid_to) = (zone.valid_from.map(|day| day.to_string()), zone.valid_to.map(|day| day.to_string()));
        let school = zone.school.text();
        let none = Self { school, building: None, street: None, from: None, to: None, parity: None, valid_from, valid_to };
        match &zone.place {
            ZonePlace::Building(building) => Self { building: Some(building.text()), ..none },
            ZonePlace::Doors { street, from, to, parity, .. } => {
                Self { street: Some(street.clone()), from: Some(*from), to: Some(*to), parity: Some(parity.as_str().to_owned()), ..none }
            }
        }
    }
}

impl StoredZone {
    fn zone(self) -> Result<Zone, DbError> {
        let place = match (self.building, self.street, self.from, self.to) {
            (Some(building), None, None, None) => ZonePlace::Building(parsed(&building)?),
            (None, Some(street), Some(from), Some(to)) => {
                let parity = self.parity.as_deref().map(parsed).transpose()?.unwrap_or(Parity::All);
                ZonePlace::doors(street, from, to, parity)
            }
            _ => return Err(DbError::Corrupt("a zone does not read back".to_owned())),
        };
        Ok(Zone {
            school: parsed(&self.school)?,
            place,
            valid_from: self.valid_from.as_deref().map(parsed).transpose()?,
            valid_to: self.valid_to.as_deref().map(parsed).transpose()?,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = enrolment_rounds)]
pub(super) struct RoundRow {
    pub(super) id: String,
    community_id: String,
    pub(super) state: String,
    pub(super) title: String,
    pub(super) school_year: i64,
    pub(super) stage: String,
    pub(super) detail: String,
    pub(super) zones: String,
    pub(super) rules_version: i64,
    pub(super) plan_version: i64,
    pub(super) stamp: String,
    created_by: String,
    pub(super) version: i64,
    created_at: i64,
    pub(super) updated_at: i64,
    pub(super) announced_at: Option<i64>,
}

impl RoundRow {
    pub(super) fn of(f: &Facts, stamp: String, now: Timestamp) -> Result<Self, DbError> {
        let c = &f.calendar;
        let detail = Detail {
            born_from: f.born_from.to_string(),
            born_to: f.born_to.to_string(),
            register_from: c.register_from.millis(),
            register_to: c.register_to.millis(),
            review_to: c.review_to.millis(),
            objection_to: c.objection_to.millis(),
            confirm_to: c.confirm_to.millis(),
            announcement: f.announcement.clone(),
            consent: f.consent.as_ref().map(|consent| (consent.version.clone(), consent.text.clone())),
        };
        let corrupt = |e: serde_json::Error| DbError::Corrupt(e.to_string());
        Ok(Self {
            id: f.id.text(),
            community_id: f.community.text(),
            state: f.state.as_str().to_owned(),
            title: f.title.clone(),
            school_year: f.school_year,
            stage: f.stage.as_str().to_owned(),
            detail: serde_json::to_string(&detail).map_err(corrupt)?,
            zones: serde_json::to_string(&f.zones.iter().map(StoredZone::from).collect::<Vec<_>>()).map_err(corrupt)?,
            rules_version: f.rules_version,
            plan_version: f.seats.version,
            stamp,
            created_by: f.created_by.text(),
            version: f.version,
            created_at: f.created_at.millis(),
            updated_at: now.millis(),
            announced_at: f.announced_at.map(Timestamp::millis),
        })
    }

    pub(super) fn facts(self, rules: RuleSet, seats: Seats) -> Result<Facts, DbError> {
        let corrupt = |e: serde_json::Error| DbError::Corrupt(e.to_string());
        let detail: Detail = serde_json::from_str(&self.detail).map_err(corrupt)?;
        let zones: Vec<StoredZone> = serde_json::from_str(&self.zones).map_err(corrupt)?;
        Ok(Facts {
            id: parsed(&self.id)?,
            version: self.version,
            community: parsed(&self.community_id)?,
            state: parsed(&self.state)?,
            title: self.title,
            school_year: self.school_year,
            stage: parsed(&self.stage)?,
            born_from: parsed(&detail.born_from)?,
            born_to: parsed(&detail.born_to)?,
            calendar: detail.calendar(),
            rules,
            rules_version: self.rules_version,
            seats,
            zones: zones.into_iter().map(StoredZone::zone).collect::<Result<_, _>>()?,
            announcement: detail.announcement,
            consent: detail.consent.map(|(version, text)| ConsentText { version, text }),
            created_by: parsed(&self.created_by)?,
            created_at: Timestamp::from_millis(self.created_at),
            announced_at: self.announced_at.map(Timestamp::from_millis),
        })
    }
}

/// A round in a list.
#[derive(Queryable, Selectable)]
#[diesel(table_name = enrolment_rounds)]
pub(super) struct SummaryRow {
    id: String,
    community_id: String,
    state: String,
    title: String,
    school_year: i64,
    stage: String,
    detail: String,
    rules_version: i64,
    plan_version: i64,
    version: i64,
    created_at: i64,
    announced_at: Option<i64>,
}

impl SummaryRow {
    pub(super) fn summary(self) -> Result<Summary, DbError> {
        let detail: Detail = serde_json::from_str(&self.detail).map_err(|e| DbError::Corrupt(e.to_string()))?;
        Ok(Summary {
            id: parsed(&self.id)?,
            version: self.version,
            community: parsed(&self.community_id)?,
            state: parsed(&self.state)?,
            title: self.title,
            school_year: self.school_year,
            stage: parsed(&self.stage)?,
            born_from: parsed(&detail.born_from)?,
            born_to: parsed(&detail.born_to)?,
            calendar: detail.calendar(),
            rules_version: self.rules_version,
            plan_version: self.plan_version,
            created_at: Timestamp::from_millis(self.created_at),
            announced_at: self.announced_at.map(Timestamp::from_millis),
        })
    }
}
