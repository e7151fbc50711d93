//! The child and its guardians, as the papers have them.

use std::fmt;

use crate::enrolment::round;
use crate::kernel::fault::Faults;
use crate::kernel::idcard::Sex;
use crate::kernel::mask;
use crate::kernel::phone::Phone;
use crate::kernel::text::line;
use crate::kernel::time::{Date, Timestamp};
use crate::registry::{Document, DocumentType};

pub const MAX_GUARDIANS: usize = 4;

crate::words! {
    /// What a guardian is to the child.
    Relation { Father = "father", Mother = "mother", Grandparent = "grandparent", Guardian = "guardian" }
}

/// A child, as typed.
#[derive(Clone)]
pub struct ChildDraft<'a> {
    pub name: &'a str,
    pub id_type: DocumentType,
    pub id_number: &'a str,
    pub sex: Sex,
    pub born_on: Date,
}

/// A guardian, as typed.
#[derive(Clone)]
pub struct GuardianDraft<'a> {
    pub name: &'a str,
    pub relation: Relation,
    pub id_type: DocumentType,
    pub id_number: &'a str,
    /// A mainland telephone number, if another one than the applicant's own is to be rung.
    pub phone: Option<&'a str>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Child {
    pub name: String,
    pub document: Document,
    pub sex: Sex,
    pub born_on: Date,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Guardian {
    pub name: String,
    pub relation: Relation,
    pub document: Document,
    pub phone: Option<Phone>,
}

impl ChildDraft<'_> {
    /// The number, the birth date and the sex must tell the same story, and the birth date must be in the round's window.
    pub(super) fn check(&self, round: &round::Facts, now: Timestamp, faults: &mut Faults) -> Option<Child> {
        let name = faults.take("/child/name", line(self.name, 50));
        let document = faults.take("/child/id_number", Document::new(self.id_type, self.id_number, now.date()));
        if let Some(document) = &document {
            faults.require(document.born_on().is_none_or(|told| told == self.born_on), "/child/born_on", "differs_from_id_number");
            faults.require(document.sex().is_none_or(|told| told == self.sex), "/child/sex", "differs_from_id_number");
        }
        faults.require(round.in_birth_window(self.born_on), "/child/born_on", "outside_birth_window");
        name.zip(document).map(|(name, document)| Child { name, document, sex: self.sex, born_on: self.born_on })
    }
}

pub(super) fn guardians(drafts: &[GuardianDraft], child: Option<&Child>, now: Timestamp, faults: &mut Faults) -> Option<Vec<Guardian>> {
    faults.require(!drafts.is_empty(), "/guardians", "empty");
    faults.require(drafts.len() <= MAX_GUARDIANS, "/guardians", "too_many");
    let mut all: Vec<Option<Guardian>> = Vec::new();
    for (i, draft) in drafts.iter().take(MAX_GUARDIANS).enumerate() {
        let at = |field: &str| format!("/guardians/{i}/{field}");
        let name = faults.take(&at("name"), line(draft.name, 50));
        let document = faults.take(&at("id_number"), Document::new(draft.id_type, draft.id_number, now.date()));
        if let Some(document) = &document {
            faults.require(child.is_none_or(|child| child.document != *document), &at("id_number"), "same_as_child");
            let again = all.iter().flatten().any(|other| other.document == *document);
            faults.require(!again, &at("id_number"), "duplicate");
        }
        let phone = match draft.phone.map(str::trim).filter(|text| !text.is_empty()) {
            None => Some(None),
            Some(text) => faults.take(&at("phone"), text.parse::<Phone>()).map(Some),
        };
        let parts = name.zip(document).zip(phone);
        all.push(parts.map(|((name, document), phone)| Guardian { name, relation: draft.relation, document, phone }));
    }
    all.into_iter().collect()
}

// Logs get masks.
impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Child {} {:?}", mask::name(&self.name), self.document)
    }
}

impl fmt::Debug for Guardian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guardian {} {:?}", mask::name(&self.name), self.document)
    }
}

impl fmt::Debug for ChildDraft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChildDraft")
    }
}

impl fmt::Debug for GuardianDraft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuardianDraft")
    }
}
