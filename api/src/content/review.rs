//! How checks are shown: to those who review, as entries of the queue; to an author, as the reason why something stays with them.

use std::collections::HashMap;

use jiazai_domain::actor::Actor;
use jiazai_domain::content::{Check, CheckId, Part};
use jiazai_domain::repair::{Ticket, TicketId};
use jiazai_infra::content as store;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::{self, EventId};
use jiazai_infra::repair;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ContentAction, ContentCause, ContentPart, ContentState, Kept};
use crate::input::named::{CheckRef, CommunityRef, EventRef, FileRef, PrincipalRef};
use crate::input::{Instant, Ref};

/// A text that is held, by the field it stands in.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldText {
    #[schema(example = "description")]
    pub name: &'static str,
    pub text: String,
}

/// Something that is kept from others until somebody has looked at it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentReview {
    #[schema(inline)]
    pub id: CheckRef,
    pub version: i64,
    #[schema(inline)]
    pub community_id: CommunityRef,
    /// The thing that it belongs to, a repair ticket.
    pub subject_id: String,
    pub part: ContentPart,
    pub state: ContentState,
    pub cause: Option<ContentCause>,
    /// What WeChat takes it for, by its own numbers: 10001 advertising, 20001 politics, 20002 porn, 20003 abuse, 20006 crime,
    /// 20008 fraud, 20012 vulgar, 20013 copyright, 21000 other.
    pub label: Option<i64>,
    pub texts: Vec<HeldText>,
    #[schema(inline)]
    pub file_id: Option<FileRef>,
    #[schema(inline)]
    pub author_id: PrincipalRef,
    pub allowed_actions: Vec<ContentAction>,
    #[schema(inline)]
    pub created_at: Instant,
    #[schema(inline)]
    pub decided_by: Option<PrincipalRef>,
    #[schema(inline)]
    pub decided_at: Option<Instant>,
    /// Why it was rejected.
    pub reason: Option<String>,
}

/// Why a part of something is kept from others for good, for its author and for those who review.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContentRejection)]
pub struct Rejection {
    pub part: ContentPart,
    /// Of photos, which one.
    #[schema(inline)]
    pub file_id: Option<FileRef>,
    /// Of notes, the entry of the history that it stands in.
    #[schema(inline)]
    pub event_id: Option<EventRef>,
    pub reason: String,
    #[schema(inline)]
    pub decided_at: Option<Instant>,
}

/// What checks are about, read at once for all of them.
struct Around {
    tickets: HashMap<String, Ticket>,
    notes: HashMap<EventId, String>,
    reasons: HashMap<CheckId, String>,
}

impl Around {
    fn of(tx: &mut Tx, checks: &[Check]) -> Result<Self, DbError> {
        let (mut tickets, mut events): (Vec<TicketId>, Vec<EventId>) = (Vec::new(), Vec::new());
        for check in checks {
            let about = &check.facts().about;
            match about.part {
                Part::Note => events.extend(event_of(check)),
                Part::Words | Part::Comment => tickets.extend(about.subject.parse::<TicketId>()),
                Part::Photo => {}
            }
        }
        tickets.sort_unstable();
        tickets.dedup();
        let tickets = repair::by_ids(tx, &tickets)?.into_iter().map(|ticket| (ticket.facts().id.text(), ticket)).collect();
        let notes = if events.is_empty() { vec![] } else { events::by_ids(tx, &events)? };
        let notes = notes.into_iter().filter_map(|event| Some((event.id, event.note?))).collect();
        Ok(Self { tickets, notes, reasons: reasons(tx, checks.iter())? })
    }

    /// The words that are held, where they stand.
    fn texts(&self, check: &Check) -> Vec<HeldText> {
        let about = &check.facts().about;
        let facts = self.tickets.get(&about.subject).map(Ticket::facts);
        let named = match (about.part, facts) {
            (Part::Words, Some(f)) => {
                vec![("title", Some(f.title.clone())), ("description", Some(f.description.clone())), ("place", f.place.clone())]
            }
            (Part::Comment, Some(f)) => vec![("comment", f.rating.as_ref().and_then(|rating| rating.comment().map(str::to_owned)))],
            (Part::Note, _) => vec![("reason", event_of(check).and_then(|event| self.notes.get(&event).cloned()))],
            _ => vec![],
        };
        named.into_iter().filter_map(|(name, text)| text.map(|text| HeldText { name, text })).collect()
    }

    fn shown(&self, check: &Check, who: &Actor) -> ContentReview {
        let f = check.facts();
        ContentReview {
            id: Ref(f.id),
            version: f.version,
            community_id: Ref(f.about.community),
            subject_id: f.about.subject.clone(),
            part: f.about.part.into(),
            state: f.state.into(),
            cause: f.cause.map(ContentCause::from),
            label: f.label,
            texts: self.texts(check),
            file_id: file_of(check),
            author_id: Ref(f.about.author),
            allowed_actions: check.allowed_actions(who).into_iter().map(ContentAction::from).collect(),
            created_at: f.created_at.into(),
            decided_by: f.decided_by.map(Ref),
            decided_at: f.decided_at.map(Instant),
            reason: self.reasons.get(&f.id).cloned(),
        }
    }
}

fn event_of(check: &Check) -> Option<EventId> {
    check.facts().about.item.as_deref().filter(|_| check.facts().about.part == Part::Note)?.parse().ok()
}

fn file_of(check: &Check) -> Option<FileRef> {
    check.facts().about.item.as_deref().filter(|_| check.facts().about.part == Part::Photo)?.parse().ok().map(Ref)
}

/// The reasons of those that were rejected.
fn reasons<'c>(tx: &mut Tx, checks: impl Iterator<Item = &'c Check>) -> Result<HashMap<CheckId, String>, DbError> {
    let rejected: Vec<CheckId> = checks.filter(|check| check.is_rejected()).map(|check| check.facts().id).collect();
    store::reasons(tx, &rejected)
}

/// Checks as those who review see them.
pub fn shown(tx: &mut Tx, checks: &[Check], who: &Actor) -> Result<Vec<ContentReview>, DbError> {
    let around = Around::of(tx, checks)?;
    Ok(checks.iter().map(|check| around.shown(check, who)).collect())
}

pub fn shown_one(tx: &mut Tx, check: &Check, who: &Actor) -> Result<ContentReview, DbError> {
    Ok(Around::of(tx, std::slice::from_ref(check))?.shown(check, who))
}

/// Why parts of a thing were rejected, as far as it is told to this actor. Nothing is read where nothing was.
pub fn rejections(tx: &mut Tx, kept: &Kept, subject: &str, who: &Actor) -> Result<Vec<Rejection>, DbError> {
    let told: Vec<&Check> = kept.0.iter().filter(|check| check.facts().about.subject == subject && check.tells_why(who)).collect();
    let mut reasons = reasons(tx, told.iter().copied())?;
    let told = told.into_iter().filter_map(|check| {
        let f = check.facts();
        let reason = reasons.remove(&f.id)?;
        let (file_id, event_id) = (file_of(check), event_of(check).map(Ref));
        Some(Rejection { part: f.about.part.into(), file_id, event_id, reason, decided_at: f.decided_at.map(Instant) })
    });
    Ok(told.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Stage;

    /// How many texts are shown of so many checks, and how many statements that took.
    fn queue_of(checks: usize) -> (usize, usize) {
        let stage = Stage::with(checks);
        let (who, ids) = (stage.dispatcher.clone(), stage.checks.clone());
        let (queue, statements) = stage.reading(move |tx| {
            let checks = store::by_ids(tx, &ids)?;
            shown(tx, &checks, &who)
        });
        (queue.iter().map(|review| review.texts.len()).sum(), statements)
    }

    #[test]
    fn a_long_queue_takes_no_more_statements_than_a_short_one() {
        let ((few, short), (many, long)) = (queue_of(2), queue_of(40));
        assert_eq!((few, many), (6, 120), "title, description and place of each");
        assert!(short > 0 && long == short, "{short} for two, {long} for forty");
    }
}
