//! A resident's own copy of their data.

use std::collections::HashMap;

use jiazai_domain::actor::{Actor, PrincipalId};
use jiazai_domain::kernel::ledger::Unit;
use jiazai_domain::repair::Ticket;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::{self, EventId};
use jiazai_infra::registry::homes;
use jiazai_infra::{enrolment, ledger, notices, repair, uploads, volunteer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::call::{Call, Outcome};
use crate::identity::dto::Principal;
use crate::input::Instant;
use crate::notices::words;
use crate::op;
use crate::registry::MyRegistry;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(export_my_data, Access::Residents));
}

/// What is held about a resident: the account, what it did and wrote, and what it was told. Pictures and papers are named here and are
/// read one by one; registrations of a child hold more than the family typed, which they read in the registration itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct DataExport {
    pub exported_at: Instant,
    pub account: Principal,
    /// Ids of the homes that the account speaks for.
    pub homes: Vec<String>,
    pub registry: MyRegistry,
    pub repair_tickets: Vec<ExportedTicket>,
    pub files: Vec<ExportedFile>,
    pub enrolment_applications: Vec<ExportedApplication>,
    pub notice_consents: Vec<ExportedConsent>,
    /// What the resident was told, or was to be told.
    pub notices: Vec<ExportedNotice>,
    pub sign_ups: Vec<ExportedSignUp>,
    pub volunteer_minutes: i64,
    /// That minors may volunteer: those given by the resident, and those given for them.
    pub guardian_consents: Vec<ExportedGuardianConsent>,
    pub points: i64,
}

/// A sign-up for a volunteer shift.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedSignUp {
    pub id: String,
    pub state: &'static str,
    pub starts_at: Instant,
    pub minutes: Option<i64>,
    pub points: Option<i64>,
}

/// A guardian's word that a minor may take part in an activity.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedGuardianConsent {
    pub activity_id: String,
    pub resident_id: String,
    pub guardian_id: String,
    pub text_version: String,
    pub agreed_at: Instant,
    pub withdrawn_at: Option<Instant>,
}

/// A ticket that the resident reported.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedTicket {
    pub id: String,
    pub title: String,
    pub description: String,
    pub place: Option<String>,
    pub home_id: Option<String>,
    pub photos: Vec<String>,
    pub state: &'static str,
    pub submitted_at: Instant,
    pub rating: Option<ExportedRating>,
    /// What else the resident wrote about it: reasons, and what they added.
    pub notes: Vec<ExportedNote>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedRating {
    pub overall: i64,
    pub speed: i64,
    pub service: i64,
    pub comment: Option<String>,
}

/// Words that the resident left in a ticket's history.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExportedNote {
    pub occurred_at: Instant,
    pub text: String,
}

/// Something that the resident uploaded.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedFile {
    pub id: String,
    pub content_type: String,
    /// In bytes.
    pub size: i64,
    /// The id of what it belongs to; null while it belongs to nothing.
    pub subject_id: Option<String>,
}

/// A message to the resident.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedNotice {
    pub template: String,
    /// What it is about; null when that is gone.
    pub title: Option<String>,
    pub phrase: Option<&'static str>,
    pub created_at: Instant,
    pub read_at: Option<Instant>,
}

/// A child that the resident registered for a school.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExportedEnrolmentApplication)]
pub struct ExportedApplication {
    pub id: String,
    pub receipt: String,
    pub state: &'static str,
    /// A mask of it when the papers were purged.
    pub child: String,
    pub address: Option<String>,
    #[schema(value_type = Object)]
    pub facts: serde_json::Value,
    pub created_at: Instant,
}

/// Messages that the resident has allowed and that were not sent yet.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedConsent {
    pub template: String,
    pub credits: i64,
}

/// Take my data with me
#[utoipa::path(get, path = "/me/data-export", tag = "identity", operation_id = "export_my_data",
    responses((status = 200, body = DataExport)))]
async fn export_my_data(call: Call) -> Outcome {
    let id = call.actor()?.id;
    call.read(move |tx, cx| {
        let now = tx.now();
        Reply::ok(&DataExport {
            exported_at: now.into(),
            account: Principal::load(tx, &cx.app.vault, id)?,
            homes: homes::spoken_for_by(tx, id)?.iter().map(|home| home.text()).collect(),
            registry: MyRegistry::of(tx, &cx.app.vault, id)?,
            repair_tickets: tickets(tx, id)?,
            files: files(tx, id)?,
            enrolment_applications: applications(tx, &cx.app, id)?,
            notice_consents: notices::credits(tx, id)?
                .into_iter()
                .map(|(template, credits)| ExportedConsent { template, credits })
                .collect(),
            notices: told(tx, &cx.app, cx.actor()?)?,
            sign_ups: sign_ups(tx, id)?,
            volunteer_minutes: volunteer::minutes_of(tx, id)?,
            guardian_consents: consents(tx, id)?,
            points: ledger::balance(tx, id, Unit::Points)?.balance,
        })
    })
    .await
}

fn tickets(tx: &mut Tx, id: PrincipalId) -> Result<Vec<ExportedTicket>, DbError> {
    let tickets = repair::reported_by(tx, id)?;
    let subjects: Vec<String> = tickets.iter().map(|ticket| ticket.facts().id.text()).collect();
    let mut notes: HashMap<String, Vec<ExportedNote>> = HashMap::new();
    for event in events::notes_by(tx, id, &subjects)? {
        let Some(text) = event.note else { continue };
        notes.entry(event.subject).or_default().push(ExportedNote { occurred_at: event.occurred_at.into(), text });
    }
    Ok(tickets.iter().map(|ticket| ticket_of(ticket, &mut notes)).collect())
}

fn ticket_of(ticket: &Ticket, notes: &mut HashMap<String, Vec<ExportedNote>>) -> ExportedTicket {
    let f = ticket.facts();
    ExportedTicket {
        id: f.id.text(),
        title: f.title.clone(),
        description: f.description.clone(),
        place: f.place.clone(),
        home_id: f.home.map(|home| home.text()),
        photos: f.photos.iter().map(|photo| photo.text()).collect(),
        state: f.state.as_str(),
        submitted_at: f.submitted_at.into(),
        rating: f.rating.as_ref().map(|rating| ExportedRating {
            overall: rating.overall(),
            speed: rating.speed(),
            service: rating.service(),
            comment: rating.comment().map(str::to_owned),
        }),
        notes: notes.remove(&f.id.text()).unwrap_or_default(),
    }
}

fn files(tx: &mut Tx, id: PrincipalId) -> Result<Vec<ExportedFile>, DbError> {
    let file = |upload: uploads::Upload| ExportedFile {
        id: upload.id.text(),
        content_type: upload.content_type,
        size: upload.size,
        subject_id: upload.subject,
    };
    Ok(uploads::of_owner(tx, id)?.into_iter().map(file).collect())
}

fn applications(tx: &mut Tx, app: &App, id: PrincipalId) -> Result<Vec<ExportedApplication>, DbError> {
    let applications = enrolment::application::of_applicant(tx, &app.vault, id)?;
    let exported = applications.iter().map(|application| {
        let f = application.facts();
        ExportedApplication {
            id: f.id.text(),
            receipt: f.receipt.clone(),
            state: application.state_for_family().as_str(),
            child: f.content.child.name.clone(),
            address: f.content.address.clone(),
            facts: serde_json::to_value(&f.content.declared).unwrap_or_default(),
            created_at: f.created_at.into(),
        }
    });
    Ok(exported.collect())
}

fn told(tx: &mut Tx, app: &App, who: &Actor) -> Result<Vec<ExportedNotice>, DbError> {
    let kept = notices::inbox(tx, who.id, None, None, i64::MAX)?;
    let events: Vec<EventId> = kept.iter().map(|kept| kept.notice.event).collect();
    let said = words(tx, &app.vault, Some(who), &events)?;
    let notice = |kept: notices::Kept| {
        let said = said.get(&kept.notice.event);
        ExportedNotice {
            template: kept.notice.template,
            title: said.map(|words| words.title.clone()),
            phrase: said.map(|words| words.phrase),
            created_at: kept.created_at.into(),
            read_at: kept.read_at.map(Instant),
        }
    };
    Ok(kept.into_iter().map(notice).collect())
}

fn sign_ups(tx: &mut Tx, id: PrincipalId) -> Result<Vec<ExportedSignUp>, DbError> {
    let own = volunteer::SignUpFilter { resident: Some(id), ..Default::default() };
    let sign_ups = volunteer::sign_ups(tx, &own, None, i64::MAX)?;
    let exported = sign_ups.iter().map(|sign_up| {
        let f = sign_up.facts();
        let (minutes, points) = (f.minutes, f.points);
        ExportedSignUp { id: f.id.text(), state: f.state.as_str(), starts_at: f.occasion.starts_at.into(), minutes, points }
    });
    Ok(exported.collect())
}

fn consents(tx: &mut Tx, id: PrincipalId) -> Result<Vec<ExportedGuardianConsent>, DbError> {
    let consents = volunteer::consents_of(tx, id, None, i64::MAX)?.into_iter().map(|consent| ExportedGuardianConsent {
        activity_id: consent.activity.text(),
        resident_id: consent.minor.text(),
        guardian_id: consent.guardian.text(),
        text_version: consent.text_version,
        agreed_at: consent.agreed_at.into(),
        withdrawn_at: consent.withdrawn_at.map(Instant),
    });
    Ok(consents.collect())
}
