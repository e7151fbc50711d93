//! A ticket as rows: columns for what is searched by, one JSON text for what is only shown.
//!
//! The JSON has types of its own, because the domain's cannot be made from outside without a check. A field that is
//! added later gets a default here, so that old rows go on reading.

use std::sync::Arc;

use diesel::prelude::*;
use jiazai_domain::kernel::clock::Promise;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::repair::{
    Alarms, Appointment, Category, CategoryFacts, Facts, Pause, Promises, Quote, QuoteItem, Rating, Resolution, Ticket,
};
use serde::{Deserialize, Serialize};

use crate::db::schema::{repair_categories, repair_tickets};
use crate::db::{DbError, parsed};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = repair_tickets)]
pub(super) struct TicketRow {
    pub(super) id: String,
    pub(super) community_id: String,
    pub(super) category: String,
    pub(super) state: String,
    pub(super) reporter_id: String,
    pub(super) worker_id: Option<String>,
    pub(super) home_id: Option<String>,
    pub(super) title: String,
    pub(super) detail: String,
    pub(super) due_at: Option<i64>,
    pub(super) version: i64,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    pub(super) alarm_at: Option<i64>,
}

#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = repair_categories)]
pub(super) struct CategoryRow {
    pub(super) community_id: String,
    pub(super) code: String,
    pub(super) name: String,
    pub(super) dispatch: String,
    pub(super) accept_within_s: i64,
    pub(super) arrive_within_s: i64,
    pub(super) resolve_within_s: i64,
    pub(super) calendar: String,
    pub(super) chargeable: bool,
    pub(super) photos_required: bool,
    pub(super) active: bool,
    pub(super) version: i64,
    pub(super) updated_at: i64,
}

impl CategoryRow {
    pub(super) fn of(category: &Category, now: Timestamp) -> Self {
        let CategoryFacts {
            community,
            code,
            version,
            name,
            dispatch,
            accept_within_s,
            arrive_within_s,
            resolve_within_s,
            calendar,
            chargeable,
            photos_required,
            active,
        } = (**category).clone();
        Self {
            community_id: community.text(),
            code,
            name,
            dispatch: dispatch.as_str().to_owned(),
            accept_within_s,
            arrive_within_s,
            resolve_within_s,
            calendar,
            chargeable,
            photos_required,
            active,
            version,
            updated_at: now.millis(),
        }
    }

    pub(super) fn category(self) -> Result<Category, DbError> {
        Ok(Category::restore(CategoryFacts {
            community: parsed(&self.community_id)?,
            dispatch: parsed(&self.dispatch)?,
            code: self.code,
            version: self.version,
            name: self.name,
            accept_within_s: self.accept_within_s,
            arrive_within_s: self.arrive_within_s,
            resolve_within_s: self.resolve_within_s,
            calendar: self.calendar,
            chargeable: self.chargeable,
            photos_required: self.photos_required,
            active: self.active,
        }))
    }
}

#[derive(Serialize, Deserialize)]
struct Detail {
    description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    photos: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    affected_homes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    appointment: Option<(i64, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paused: Option<(String, i64)>,
    accept: PromiseDoc,
    arrive: PromiseDoc,
    resolve: PromiseDoc,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quote: Option<Vec<(String, i64)>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolution: Option<ResolutionDoc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rating: Option<RatingDoc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reopened_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    urged_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duplicate_of: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    duplicates: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also_reported: Vec<String>,
}

fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// Due and kept.
#[derive(Serialize, Deserialize)]
struct PromiseDoc(i64, Option<i64>);

#[derive(Serialize, Deserialize)]
struct ResolutionDoc {
    note: String,
    photos: Vec<String>,
    at: i64,
}

#[derive(Serialize, Deserialize)]
struct RatingDoc {
    overall: i64,
    speed: i64,
    service: i64,
    comment: Option<String>,
}

fn promise(doc: &PromiseDoc) -> Promise {
    Promise { due_at: Timestamp::from_millis(doc.0), kept_at: doc.1.map(Timestamp::from_millis) }
}

fn promise_doc(promise: Promise) -> PromiseDoc {
    PromiseDoc(promise.due_at.millis(), promise.kept_at.map(Timestamp::millis))
}

impl TicketRow {
    pub(super) fn of(ticket: &Ticket, now: Timestamp) -> Result<Self, DbError> {
        let f = ticket.facts();
        let detail = Detail {
            description: f.description.clone(),
            place: f.place.clone(),
            photos: f.photos.iter().map(|id| id.text()).collect(),
            affected_homes: f.affected_homes.iter().map(|id| id.text()).collect(),
            appointment: f.appointment.map(|a| (a.from.millis(), a.to.millis())),
            paused: f.paused.map(|p| (p.from.as_str().to_owned(), p.since.millis())),
            accept: promise_doc(f.promises.accept),
            arrive: promise_doc(f.promises.arrive),
            resolve: promise_doc(f.promises.resolve),
            quote: f.quote.as_ref().map(|q| q.items().iter().map(|item| (item.name.clone(), item.amount_fen)).collect()),
            resolution: f.resolution.as_ref().map(|r| ResolutionDoc {
                note: r.note.clone(),
                photos: r.photos.iter().map(|id| id.text()).collect(),
                at: r.at.millis(),
            }),
            rating: f.rating.as_ref().map(|r| RatingDoc {
                overall: r.overall(),
                speed: r.speed(),
                service: r.service(),
                comment: r.comment().map(str::to_owned),
            }),
            reopened_at: f.reopened_at.map(Timestamp::millis),
            urged_at: f.urged_at.map(Timestamp::millis),
            ended_at: f.ended_at.map(Timestamp::millis),
            duplicate_of: f.duplicate_of.map(|id| id.text()),
            duplicates: f.duplicates,
            also_reported: f.also_reported.iter().map(|id| id.text()).collect(),
        };
        Ok(Self {
            id: f.id.text(),
            community_id: f.community.text(),
            category: f.category.code.clone(),
            state: f.state.as_str().to_owned(),
            reporter_id: f.reporter.text(),
            worker_id: f.worker.map(|id| id.text()),
            home_id: f.home.map(|id| id.text()),
            title: f.title.clone(),
            detail: serde_json::to_string(&detail).map_err(|e| DbError::Corrupt(e.to_string()))?,
            due_at: ticket.next_due_at().map(Timestamp::millis),
            version: f.version,
            created_at: f.submitted_at.millis(),
            updated_at: now.millis(),
            alarm_at: f.alarms.next.map(Timestamp::millis),
        })
    }

    /// The ticket, with its category, which names its community and itself.
    pub(super) fn ticket(self, category: Arc<Category>, now: Timestamp) -> Result<Ticket, DbError> {
        let detail: Detail = serde_json::from_str(&self.detail).map_err(|e| DbError::Corrupt(e.to_string()))?;
        let ids = |texts: &[String]| texts.iter().map(|text| parsed(text)).collect::<Result<Vec<_>, _>>();
        let at = |ms: Option<i64>| ms.map(Timestamp::from_millis);
        let facts = Facts {
            id: parsed(&self.id)?,
            version: self.version,
            community: category.community,
            category,
            reporter: parsed(&self.reporter_id)?,
            home: self.home_id.as_deref().map(parsed).transpose()?,
            place: detail.place,
            title: self.title,
            description: detail.description,
            photos: ids(&detail.photos)?,
            affected_homes: detail.affected_homes.iter().map(|text| parsed(text)).collect::<Result<_, _>>()?,
            appointment: detail
                .appointment
                .map(|(from, to)| Appointment { from: Timestamp::from_millis(from), to: Timestamp::from_millis(to) }),
            state: parsed(&self.state)?,
            paused: detail
                .paused
                .map(|(from, since)| Ok::<_, DbError>(Pause { from: parsed(&from)?, since: Timestamp::from_millis(since) }))
                .transpose()?,
            worker: self.worker_id.as_deref().map(parsed).transpose()?,
            promises: Promises { accept: promise(&detail.accept), arrive: promise(&detail.arrive), resolve: promise(&detail.resolve) },
            quote: detail
                .quote
                .map(|items| Quote::restore(items.into_iter().map(|(name, amount_fen)| QuoteItem { name, amount_fen }).collect())),
            resolution: detail
                .resolution
                .map(|r| Ok::<_, DbError>(Resolution { note: r.note, photos: ids(&r.photos)?, at: Timestamp::from_millis(r.at) }))
                .transpose()?,
            rating: detail.rating.map(|r| Rating::restore(r.overall, r.speed, r.service, r.comment)),
            submitted_at: Timestamp::from_millis(self.created_at),
            reopened_at: at(detail.reopened_at),
            urged_at: at(detail.urged_at),
            ended_at: at(detail.ended_at),
            duplicate_of: detail.duplicate_of.as_deref().map(parsed).transpose()?,
            duplicates: detail.duplicates,
            also_reported: detail.also_reported.iter().map(|text| parsed(text)).collect::<Result<_, _>>()?,
            alarms: Alarms { due: at(self.due_at), next: at(self.alarm_at), moved: false },
        };
        Ok(Ticket::restore(facts, now))
    }
}
