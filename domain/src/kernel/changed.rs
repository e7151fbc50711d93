//! What a decision leaves behind: the new value, the version it was decided on, and what happened, in words.
//!
//! [`Changed`] can only be made inside this crate, by a decision; so whatever saves one saves a decision, and nothing
//! can be saved that nobody decided. Saving writes the row only if its version is still the one loaded, and one row
//! per [`Event`] in the same transaction.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::id::{Id, Kind};
use super::time::Timestamp;
use super::word::Word;
use crate::actor::PrincipalId;

/// A decided change that is not saved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a change that is not saved did not happen"]
pub struct Changed<T> {
    value: T,
    loaded: Option<i64>,
    events: Vec<Event>,
}

impl<T> Changed<T> {
    /// A thing that did not exist before.
    pub(crate) fn created(value: T, events: Vec<Event>) -> Self {
        Self { value, loaded: None, events }
    }

    /// A thing that was loaded at this version.
    pub(crate) fn from_version(loaded: i64, value: T, events: Vec<Event>) -> Self {
        Self { value, loaded: Some(loaded), events }
    }

    pub fn value(&self) -> &T {
        &self.value
    }

    /// The version that the row must still have when it is written; none for a new row.
    pub fn loaded(&self) -> Option<i64> {
        self.loaded
    }

    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The same change, with one more datum in everything that happened.
    pub(crate) fn with_all(mut self, name: &'static str, datum: impl Into<Datum>) -> Self {
        let datum = datum.into();
        for event in &mut self.events {
            event.data.0.push((name, datum.clone()));
        }
        self
    }

    /// The same change, of which somebody is told who did not make it themselves.
    pub(crate) fn telling_all(mut self, to: PrincipalId, template: &'static str) -> Self {
        for event in self.events.iter_mut().filter(|event| event.by != Some(to) && event.notices.iter().all(|notice| notice.to != to)) {
            event.notices.push(Notice { to, template });
        }
        self
    }

    /// The same change, done by somebody in the name of whoever it says.
    pub(crate) fn done_by(mut self, actor: PrincipalId) -> Self {
        self.events.iter_mut().filter(|event| event.by.is_some()).for_each(|event| event.by = Some(actor));
        self
    }

    /// For the one place that saves: the value as it will be, the version it was loaded at, what happened in order.
    pub fn into_parts(self) -> (T, Option<i64>, Vec<Event>) {
        (self.value, self.loaded, self.events)
    }
}

/// Something that happened and that others may want to know: history, feed, webhooks and notices all read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `repair_ticket.assigned`
    pub kind: &'static str,
    pub occurred_at: Timestamp,
    /// Who did it; nobody when time did.
    pub by: Option<PrincipalId>,
    /// Ids and words, fit for a webhook: nothing that tells about a person.
    pub data: Data,
    /// What a person wrote about it. It belongs to the history that those may read who see the whole thing; it must
    /// stay out of feeds, webhooks and masked views, which is why it is not part of `data`.
    pub note: Option<String>,
    pub notices: Vec<Notice>,
}

/// Somebody to be told, in the words of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    pub to: PrincipalId,
    pub template: &'static str,
}

impl Event {
    pub(crate) fn new(kind: &'static str, by: Option<PrincipalId>, occurred_at: Timestamp) -> Self {
        Self { kind, occurred_at, by, data: Data::default(), note: None, notices: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, datum: impl Into<Datum>) -> Self {
        self.data.0.push((name, datum.into()));
        self
    }

    pub(crate) fn noting(mut self, note: impl Into<Option<String>>) -> Self {
        self.note = note.into();
        self
    }

    /// Tells somebody, unless it is they who did it.
    pub(crate) fn telling(mut self, to: Option<PrincipalId>, template: &'static str) -> Self {
        if let Some(to) = to
            && self.by != Some(to)
        {
            self.notices.push(Notice { to, template });
        }
        self
    }
}

/// The thin facts of an event, in the order in which they were given; a JSON object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Data(Vec<(&'static str, Datum)>);

impl Data {
    pub fn get(&self, name: &str) -> Option<&Datum> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, datum)| datum)
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, datum) in &self.0 {
            map.serialize_entry(name, datum)?;
        }
        map.end()
    }
}

/// One fact of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Datum {
    Word(&'static str),
    Text(String),
    Number(i64),
    Flag(bool),
}

impl<K: Kind> From<Id<K>> for Datum {
    fn from(id: Id<K>) -> Self {
        Self::Text(id.text())
    }
}

impl<W: Word> From<W> for Datum {
    fn from(word: W) -> Self {
        Self::Word(word.as_str())
    }
}

impl From<i64> for Datum {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Datum {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<String> for Datum {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Timestamp> for Datum {
    fn from(at: Timestamp) -> Self {
        Self::Text(at.to_string())
    }
}
