//! An application as a row: what is searched by in columns, what tells who somebody is in one sealed cell.

use std::sync::Arc;

use diesel::prelude::*;
use jiazai_domain::enrolment::application::{Application, Attachment, Child, Consent, Content, Facts, Guardian, Offer};
use jiazai_domain::enrolment::rules::{FactSet, ValueInput};
use jiazai_domain::enrolment::{SchoolId, round};
use jiazai_domain::kernel::mask;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::{Document, DocumentType};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::rules::value;
use crate::db::schema::enrolment_applications;
use crate::db::{DbError, parsed};
use crate::vault::{Aad, Vault};

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = enrolment_applications)]
pub(super) struct ApplicationRow {
    pub(super) id: String,
    pub(super) community_id: String,
    pub(super) round_id: String,
    pub(super) receipt: String,
    pub(super) applicant_id: String,
    pub(super) state: String,
    pub(super) child_index: Option<Vec<u8>>,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) home_id: Option<String>,
    pub(super) tier: Option<String>,
    pub(super) batch: Option<i64>,
    pub(super) school_id: Option<String>,
    pub(super) detail: String,
    pub(super) due_at: Option<i64>,
    pub(super) version: i64,
    pub(super) created_at: i64,
}

/// What is shown and not searched by, and tells nobody's name. A field that is added later gets a default here.
#[derive(Serialize, Deserialize)]
struct Detail {
    /// What the public lists show; it outlives the papers.
    masked_name: String,
    consent: (String, i64),
    #[serde(default)]
    household: Option<String>,
    #[serde(default)]
    late_until: Option<i64>,
    /// Whether a reviewer found the home.
    #[serde(default)]
    home_found: bool,
    /// The home in whose place it is.
    #[serde(default)]
    home_named: Option<String>,
    #[serde(default)]
    seat_taken: Option<bool>,
    #[serde(default)]
    filed_tier: Option<String>,
    #[serde(default)]
    tier: Option<String>,
    #[serde(default)]
    points: Option<i64>,
    #[serde(default)]
    reviewer: Option<String>,
    #[serde(default)]
    verified_by: Option<String>,
    #[serde(default)]
    rejected_by: Option<String>,
    #[serde(default)]
    rechecked_by: Option<String>,
    #[serde(default)]
    correct_until: Option<i64>,
    #[serde(default)]
    objected_at: Option<i64>,
    /// School, since when, and whether accepting uses up the home's seat.
    #[serde(default)]
    offer: Option<(String, i64, bool)>,
    #[serde(default)]
    submitted_at: Option<i64>,
    #[serde(default)]
    ended_at: Option<i64>,
}

/// What the sealed cell holds.
#[derive(Serialize, Deserialize)]
struct Sealed {
    child: SealedChild,
    guardians: Vec<SealedGuardian>,
    address: Option<String>,
    declared: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    corrected: serde_json::Map<String, serde_json::Value>,
    /// Metres to schools: of where somebody lives.
    #[serde(default)]
    distances: Vec<(String, i64)>,
    choices: Vec<String>,
    documents: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct SealedChild {
    name: String,
    document: (String, String),
    sex: String,
    born_on: String,
}

#[derive(Serialize, Deserialize)]
struct SealedGuardian {
    name: String,
    relation: String,
    document: (String, String),
    phone: Option<String>,
}

fn cell(row: &str) -> Aad<'_> {
    Aad { table: "enrolment_applications", column: "sealed", row }
}

fn corrupt(error: impl std::fmt::Display) -> DbError {
    DbError::Corrupt(error.to_string())
}

fn written(facts: &FactSet) -> Result<serde_json::Map<String, serde_json::Value>, DbError> {
    match serde_json::to_value(facts).map_err(corrupt)? {
        serde_json::Value::Object(map) => Ok(map),
        _ => Err(corrupt("facts are no object")),
    }
}

fn read(map: &serde_json::Map<String, serde_json::Value>) -> Result<FactSet, DbError> {
    let inputs: Vec<(&str, ValueInput)> = map.iter().map(|(name, json)| (name.as_str(), value(json))).collect();
    FactSet::restore(inputs.iter().map(|(name, input)| (*name, input))).map_err(|_| corrupt("facts do not read back"))
}

fn pair(document: &Document) -> (String, String) {
    (document.kind().to_string(), document.expose().to_owned())
}

fn document((kind, number): &(String, String)) -> Result<Document, DbError> {
    Document::restore(parsed(kind)?, number).map_err(|_| corrupt("a document does not read back"))
}

/// What the rows of an application's content are found by: the child's key.
pub(super) fn child_index(vault: &Vault, child: &Document) -> Vec<u8> {
    crate::registry::people::document_index(vault, child)
}

pub(super) fn seal(vault: &Vault, f: &Facts) -> Result<Vec<u8>, DbError> {
    let c = &f.content;
    let sealed = Sealed {
        child: SealedChild {
            name: c.child.name.clone(),
            document: pair(&c.child.document),
            sex: c.child.sex.to_string(),
            born_on: c.child.born_on.to_string(),
        },
        guardians: c
            .guardians
            .iter()
            .map(|guardian| SealedGuardian {
                name: guardian.name.clone(),
                relation: guardian.relation.to_string(),
                document: pair(&guardian.document),
                phone: guardian.phone.as_ref().map(|phone| phone.expose().to_owned()),
            })
            .collect(),
        address: c.address.clone(),
        declared: written(&c.declared)?,
        corrected: written(&f.corrected)?,
        distances: f.distances.iter().map(|(school, metres)| (school.text(), *metres)).collect(),
        choices: c.choices.iter().map(|school| school.text()).collect(),
        documents: c.documents.iter().map(|paper| (paper.kind.clone(), paper.file.text())).collect(),
    };
    let plain = Zeroizing::new(serde_json::to_vec(&sealed).map_err(corrupt)?);
    Ok(vault.seal(cell(&f.id.text()), &plain))
}

/// The columns of an application, without the sealed cell and the child's index: those change with its content only.
pub(super) fn row(application: &Application) -> Result<ApplicationRow, DbError> {
    let f = application.facts();
    let ms = |at: Option<Timestamp>| at.map(Timestamp::millis);
    let id = |id: Option<jiazai_domain::actor::PrincipalId>| id.map(|id| id.text());
    let detail = Detail {
        masked_name: masked(&f.content),
        consent: (f.consent.version.clone(), f.consent.given_at.millis()),
        household: f.household.clone(),
        late_until: ms(f.late_until),
        home_found: application.found_home().is_some(),
        home_named: f.home_named.filter(|home| f.content.home != Some(*home)).map(|home| home.text()),
        seat_taken: f.seat_taken,
        filed_tier: f.filed_tier.clone(),
        tier: f.tier.clone(),
        points: f.points,
        reviewer: id(f.reviewer),
        verified_by: id(f.verified_by),
        rejected_by: id(f.rejected_by),
        rechecked_by: id(f.rechecked_by),
        correct_until: ms(f.correct_until),
        objected_at: ms(f.objected_at),
        offer: f.offer.map(|offer| (offer.school.text(), offer.offered_at.millis(), offer.takes_home_seat)),
        submitted_at: ms(f.submitted_at),
        ended_at: ms(f.ended_at),
    };
    Ok(ApplicationRow {
        id: f.id.text(),
        community_id: f.round.community.text(),
        round_id: f.round.id.text(),
        receipt: f.receipt.clone(),
        applicant_id: f.applicant.text(),
        state: f.state.as_str().to_owned(),
        child_index: None,
        sealed: None,
        home_id: f.content.home.map(|home| home.text()),
        tier: f.tier.clone().or_else(|| f.filed_tier.clone()),
        batch: f.batch,
        school_id: f.offer.map(|offer| offer.school.text()),
        detail: serde_json::to_string(&detail).map_err(corrupt)?,
        due_at: application.offer_expires_at().map(Timestamp::millis),
        version: f.version,
        created_at: f.created_at.millis(),
    })
}

/// When an application's family objected, and until when it may mend what was returned, told by its stored detail alone.
pub(super) fn objection(detail: &str) -> Result<(Option<Timestamp>, Option<Timestamp>), DbError> {
    let detail: Detail = serde_json::from_str(detail).map_err(corrupt)?;
    Ok((detail.objected_at.map(Timestamp::from_millis), detail.correct_until.map(Timestamp::from_millis)))
}

/// The name as the public lists show it.
pub fn masked(content: &Content) -> String {
    if is_purged(content) { content.child.name.clone() } else { mask::name(&content.child.name) }
}

/// Whether only the mask of a child is left: its papers were purged. Nothing is handed in without a guardian, so nobody can
/// type what looks so.
pub fn is_purged(content: &Content) -> bool {
    content.guardians.is_empty()
}

/// Stands where a document was.
const PURGED: &str = "已清除";

impl ApplicationRow {
    pub(super) fn application(self, vault: &Vault, round: Arc<round::Facts>, now: Timestamp) -> Result<Application, DbError> {
        let detail: Detail = serde_json::from_str(&self.detail).map_err(corrupt)?;
        let home = self.home_id.as_deref().map(parsed).transpose()?;
        let home_named = match detail.home_named.as_deref().map(parsed).transpose()? {
            // Also in rows that do not know in whose place it is.
            None => home.filter(|_| !detail.home_found),
            named => named,
        };
        let (content, corrected, distances) = match &self.sealed {
            Some(sealed) => open(vault, &self.id, sealed, home)?,
            None => {
                let document = Document::restore(DocumentType::Other, PURGED).map_err(|_| corrupt("no document"))?;
                let child = Child {
                    name: detail.masked_name.clone(),
                    document,
                    sex: jiazai_domain::kernel::idcard::Sex::Female,
                    born_on: round.born_from,
                };
                let nothing = Content {
                    child,
                    guardians: vec![],
                    home,
                    address: None,
                    declared: FactSet::default(),
                    choices: vec![],
                    documents: vec![],
                };
                (nothing, FactSet::default(), vec![])
            }
        };
        let at = |ms: Option<i64>| ms.map(Timestamp::from_millis);
        let facts = Facts {
            id: parsed(&self.id)?,
            version: self.version,
            round,
            receipt: self.receipt,
            applicant: parsed(&self.applicant_id)?,
            state: parsed(&self.state)?,
            content,
            consent: Consent { version: detail.consent.0, given_at: Timestamp::from_millis(detail.consent.1) },
            household: detail.household,
            late_until: at(detail.late_until),
            corrected,
            home_named,
            distances,
            seat_taken: detail.seat_taken,
            filed_tier: detail.filed_tier,
            tier: detail.tier,
            batch: self.batch,
            points: detail.points,
            reviewer: detail.reviewer.as_deref().map(parsed).transpose()?,
            verified_by: detail.verified_by.as_deref().map(parsed).transpose()?,
            rejected_by: detail.rejected_by.as_deref().map(parsed).transpose()?,
            rechecked_by: detail.rechecked_by.as_deref().map(parsed).transpose()?,
            correct_until: at(detail.correct_until),
            objected_at: at(detail.objected_at),
            offer: detail
                .offer
                .map(|(school, at, takes_home_seat)| {
                    Ok::<_, DbError>(Offer { school: parsed(&school)?, offered_at: Timestamp::from_millis(at), takes_home_seat })
                })
                .transpose()?,
            created_at: Timestamp::from_millis(self.created_at),
            submitted_at: at(detail.submitted_at),
            ended_at: at(detail.ended_at),
            related: vec![],
            home_left: false,
        };
        // Until a loader has looked who speaks for the home, nobody does.
        Ok(Application::restore(facts, now).spoken_for(&[]))
    }
}

fn open(
    vault: &Vault,
    id: &str,
    sealed: &[u8],
    home: Option<jiazai_domain::registry::HomeId>,
) -> Result<(Content, FactSet, Vec<(SchoolId, i64)>), DbError> {
    let plain = vault.open(cell(id), sealed).map_err(corrupt)?;
    // Without the parser's words: they would quote what was sealed.
    let sealed: Sealed = serde_json::from_slice(&plain).map_err(|_| corrupt("an application does not read back"))?;
    let guardians = sealed.guardians.into_iter().map(|guardian| {
        Ok(Guardian {
            name: guardian.name,
            relation: parsed(&guardian.relation)?,
            document: document(&guardian.document)?,
            phone: guardian.phone.as_deref().map(parsed).transpose()?,
        })
    });
    let content = Content {
        child: Child {
            name: sealed.child.name,
            document: document(&sealed.child.document)?,
            sex: parsed(&sealed.child.sex)?,
            born_on: parsed(&sealed.child.born_on)?,
        },
        guardians: guardians.collect::<Result<_, DbError>>()?,
        home,
        address: sealed.address,
        declared: read(&sealed.declared)?,
        choices: sealed.choices.iter().map(|school| parsed(school)).collect::<Result<_, _>>()?,
        documents: sealed
            .documents
            .into_iter()
            .map(|(kind, file)| Ok(Attachment { kind, file: parsed(&file)? }))
            .collect::<Result<_, DbError>>()?,
    };
    let distances = sealed.distances.into_iter().map(|(school, metres)| Ok((parsed(&school)?, metres)));
    Ok((content, read(&sealed.corrected)?, distances.collect::<Result<_, DbError>>()?))
}
