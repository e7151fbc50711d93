//! What a family hands in, checked.

use std::collections::BTreeSet;

use super::Refusal;
use super::person::{Child, ChildDraft, Guardian, GuardianDraft, guardians};
use crate::enrolment::SchoolId;
use crate::enrolment::round;
use crate::enrolment::rules::{Fact, FactSet, Value};
use crate::kernel::fault::{Fault, Faults};
use crate::kernel::file::FileId;
use crate::kernel::text::line;
use crate::kernel::time::Timestamp;
use crate::registry::HomeId;

pub const MAX_DOCUMENTS: usize = 60;
/// Drafts that a resident keeps in one round. More than any family has children; two at the same moment may make it one more.
pub const MAX_DRAFTS: i64 = 20;
/// Applications that a resident begins in one round, whatever becomes of them: what was withdrawn is kept, too.
pub const MAX_BEGUN: i64 = 300;
/// Children whom a resident registers in one round: somebody of a welfare home has many, a squatter of numbers more. Two handed in at
/// the same moment may make it one more.
pub const MAX_REGISTERED: i64 = 100;
/// For so long a draft keeps others from beginning one for the same child: enough for two parents who do so at the same moment,
/// too short to keep the parents out with nothing but the child's number. What was handed in holds the child for good.
pub const DRAFT_HOLDS_S: i64 = 1800;

/// A paper that was handed in, by its kind in the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub kind: String,
    pub file: FileId,
}

/// The guardian's consent as it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentDraft<'a> {
    /// Which text was shown.
    pub version: &'a str,
    /// "I am a guardian of this child and agree."
    pub guardian: bool,
}

/// The guardian's consent, separate and before anything is stored: a child under fourteen cannot give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    pub version: String,
    pub given_at: Timestamp,
}

/// An application as it was typed. The facts were read by [`FactSet::declared`].
#[derive(Debug, Clone)]
pub struct ApplicationDraft<'a> {
    pub child: ChildDraft<'a>,
    pub guardians: Vec<GuardianDraft<'a>>,
    pub home: Option<HomeId>,
    pub address: Option<&'a str>,
    pub facts: FactSet,
    /// The best first.
    pub choices: Vec<SchoolId>,
    pub documents: Vec<Attachment>,
    pub consent: Option<ConsentDraft<'a>>,
}

/// What the caller has looked up about the family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Homes that the applicant is actively bound to.
    pub homes: Vec<HomeId>,
    /// Schools whose zone the home is in; empty without a home or a zone.
    pub zone_schools: Vec<SchoolId>,
    /// Drafts that the applicant keeps in this round already.
    pub drafts: i64,
    /// Applications that the applicant has begun in this round, whatever became of them.
    pub begun: i64,
}

/// What the caller has looked up when an application is handed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandIn {
    /// Whether the home's seat is another family's; nothing without a home.
    pub seat_taken: Option<bool>,
    /// Whether the applicant speaks no longer for the home that they named ([`Application::own_home`](super::Application::own_home)).
    pub home_left: bool,
    /// Children whom the applicant has registered in the round already.
    pub registered: i64,
}

/// Everything of an application that its family may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub child: Child,
    pub guardians: Vec<Guardian>,
    pub home: Option<HomeId>,
    pub address: Option<String>,
    pub declared: FactSet,
    pub choices: Vec<SchoolId>,
    pub documents: Vec<Attachment>,
}

impl Content {
    /// Whether the two are children of one birth, which may lie on either side of midnight.
    pub(super) fn is_twin_of(&self, other: &Self) -> bool {
        let apart = (self.child.born_on - other.child.born_on).num_days().abs();
        apart <= 1 && self.child.document != other.child.document
    }
}

impl ApplicationDraft<'_> {
    /// The consent, which is asked for before anything else is looked at.
    pub(super) fn consent(&self, round: &round::Facts, now: Timestamp) -> Result<Consent, Refusal> {
        let given = self.consent.filter(|consent| consent.guardian).and_then(|consent| line(consent.version, 40).ok());
        let consent = given.map(|version| Consent { version, given_at: now }).ok_or(Refusal::ConsentRequired)?;
        // To agree to another text than the one that is published is to agree to nothing.
        if round.consent.as_ref().is_some_and(|published| published.version != consent.version) {
            return Err(Refusal::Faults(vec![Fault { pointer: "/consent/version".to_owned(), code: "other_consent" }]));
        }
        Ok(consent)
    }

    /// All faults at once, by the field names of the application.
    ///
    /// `found` is the home that a reviewer has found for the family: not theirs to have named, but theirs to leave as it is.
    pub(super) fn check(
        self,
        round: &round::Facts,
        standing: &Standing,
        found: Option<HomeId>,
        now: Timestamp,
    ) -> Result<Content, Refusal> {
        let mut faults = Faults::new();
        let child = self.child.check(round, now, &mut faults);
        let guardians = guardians(&self.guardians, child.as_ref(), now, &mut faults);
        let address = faults.take("/address", crate::kernel::text::Line::<200>::optional(self.address));
        faults.require(self.home.is_some() || !matches!(address, Some(None)), "/home_id", "home_or_address");
        let theirs = |home: HomeId| found == Some(home) || standing.homes.contains(&home);
        faults.require(self.home.is_none_or(theirs), "/home_id", "not_your_home");
        // A lease that ends before the register opens is no lease, whatever the rules make of its date.
        if let Some(Value::Date(until)) = Fact::find("lease_until").and_then(|fact| self.facts.get(fact)) {
            faults.require(until >= round.calendar.register_from.date(), "/facts/lease_until", "lease_expired");
        }
        choices(&self.choices, round, standing, &mut faults);
        documents(&self.documents, round, &mut faults);
        let parts = child.zip(guardians).zip(address);
        let content = faults.into_result(parts.map(|((child, guardians), address)| Content {
            child,
            guardians,
            home: self.home,
            address: address.map(crate::kernel::text::Line::into_string),
            declared: self.facts,
            choices: self.choices,
            documents: self.documents,
        }));
        content.map_err(Refusal::Faults)
    }
}

fn choices(choices: &[SchoolId], round: &round::Facts, standing: &Standing, faults: &mut Faults) {
    faults.require(choices.len() <= round.rules.max_choices(), "/choices", "too_many");
    let mut seen = BTreeSet::new();
    for (i, school) in choices.iter().enumerate().take(round.rules.max_choices()) {
        let at = format!("/choices/{i}");
        if !round.plan().contains_key(school) {
            faults.add(at, "school_not_in_round");
        } else if !seen.insert(school) {
            faults.add(at, "duplicate");
        } else if round.rules.choices_in_zone_only() && !standing.zone_schools.contains(school) {
            faults.add(at, "choice_outside_zone");
        }
    }
}

fn documents(documents: &[Attachment], round: &round::Facts, faults: &mut Faults) {
    faults.require(documents.len() <= MAX_DOCUMENTS, "/documents", "too_many");
    let known = round.rules.documents();
    let mut files = BTreeSet::new();
    for (i, document) in documents.iter().enumerate().take(MAX_DOCUMENTS) {
        // Rules that name no papers at all leave the kinds to the counter.
        let fits = known.iter().any(|rule| rule.kind == document.kind) || known.is_empty() && line(&document.kind, 32).is_ok();
        faults.require(fits, &format!("/documents/{i}/kind"), "unknown_document_kind");
        faults.require(files.insert(document.file), &format!("/documents/{i}/file_id"), "duplicate");
    }
}
