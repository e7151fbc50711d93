//! The draw as an official act: prepared, published, revealed once.

use std::fmt;

use super::order::{commitment, ring_order, roster_hash, sealed_order};
use super::verify::{DrawDocument, Reason, ring_inputs, roster, sealed_inputs};
use super::{MAX_INTERVAL, MAX_PUBLIC_NUMBERS_CHARS, MAX_SOURCE_CHARS, Method};
use crate::actor::{Actor, CommunityId, PrincipalId, Role};
use crate::enrolment::round::{Round, State};
use crate::enrolment::{DrawId, RoundId};
use crate::kernel::changed::{Changed, Event};
use crate::kernel::time::Timestamp;

/// What an administrator asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDraw {
    pub method: Method,
    /// Needed for a sealed seed, and only there.
    pub commitment: Option<String>,
    /// Which numbers will be taken, of which day and how many digits, said before anybody can know them. For a sealed seed; where
    /// it is said, a reveal without such numbers is none.
    pub source: Option<PublicSource>,
    /// 1 for the draw of the round; later ones are for those who came after it, and stand behind it.
    pub number: i64,
}

/// Where public numbers come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicSource {
    /// `福建体彩 36选7 第 2026085 期`
    pub name: String,
    pub digits: i64,
}

/// What is opened on the day.
#[derive(Clone, PartialEq, Eq)]
pub enum Reveal {
    Ring { start: i64, interval: i64 },
    SealedSeed { seed: String, public_numbers: Option<String> },
}

/// Everything that is remembered of a draw. All of it is public, but a seed only from the moment it is revealed; before, it is
/// not here at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawFacts {
    pub id: DrawId,
    pub version: i64,
    pub community: CommunityId,
    pub round: RoundId,
    pub number: i64,
    pub document: DrawDocument,
    pub created_by: PrincipalId,
    pub created_at: Timestamp,
    pub revealed_at: Option<Timestamp>,
}

/// A draw of a round. There is one for all who take part, and another only for those who came later; that there are not two of
/// the same is a unique key of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    facts: DrawFacts,
}

/// Why a draw is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawRefusal {
    NotForYou,
    /// A draw belongs behind the closing of the register: before that nobody knows who takes part.
    WrongState {
        state: State,
    },
    /// Nobody takes part, or the roster is no roster.
    RosterInvalid,
    CommitmentMissing,
    CommitmentMalformed,
    CommitmentUnexpected,
    /// A ring needs no numbers from elsewhere, and a source has a name and some digits.
    SourceMalformed,
    /// The numbers of the source that was published, in all their digits.
    PublicNumbersMissing,
    RevealedAlready,
    /// A ring's numbers for a sealed seed, or the other way round.
    OtherMethod,
    /// The seed is not the one whose hash was published.
    CommitmentMismatch,
    StartOutOfRange,
    IntervalOutOfRange,
    SeedMalformed,
}

impl DrawRefusal {
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotForYou => "not_for_you",
            Self::WrongState { .. } => "wrong_state",
            Self::RosterInvalid => "roster_invalid",
            Self::CommitmentMissing => "commitment_missing",
            Self::CommitmentMalformed => "commitment_malformed",
            Self::CommitmentUnexpected => "commitment_unexpected",
            Self::SourceMalformed => "source_malformed",
            Self::PublicNumbersMissing => "public_numbers_missing",
            Self::RevealedAlready => "revealed_already",
            Self::OtherMethod => "other_method",
            Self::CommitmentMismatch => "commitment_mismatch",
            Self::StartOutOfRange => "start_out_of_range",
            Self::IntervalOutOfRange => "interval_out_of_range",
            Self::SeedMalformed => "seed_malformed",
        }
    }

    /// Whether it is about a value that was sent (422) rather than about how things stand (409, or 403 for the first).
    pub const fn pointer(self) -> Option<&'static str> {
        match self {
            Self::CommitmentMissing | Self::CommitmentMalformed | Self::CommitmentUnexpected => Some("/commitment"),
            Self::SourceMalformed => Some("/public_source"),
            Self::PublicNumbersMissing => Some("/public_numbers"),
            Self::StartOutOfRange => Some("/start"),
            Self::IntervalOutOfRange => Some("/interval"),
            Self::SeedMalformed => Some("/seed"),
            Self::OtherMethod => Some(""),
            _ => None,
        }
    }
}

impl Draw {
    /// Publishes the roster and, for a sealed seed, the hash of the secret. The roster is sorted here, so that the
    /// numbers of a ring cannot be dealt out by whoever writes the list.
    pub fn prepare(
        id: DrawId,
        new: NewDraw,
        mut receipts: Vec<String>,
        round: &Round,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Changed<Self>, DrawRefusal> {
        let r = round.facts();
        if !by.is_any(&[Role::EnrolmentAdmin], r.community) {
            return Err(DrawRefusal::NotForYou);
        }
        // Not between the allocation and the announcement: the roster of those who wait would tell families their result.
        if !matches!(r.state, State::Closed | State::Listed | State::Announced) {
            return Err(DrawRefusal::WrongState { state: r.state });
        }
        match (new.method, new.commitment.as_deref()) {
            (Method::Ring, Some(_)) => return Err(DrawRefusal::CommitmentUnexpected),
            (Method::SealedSeed, None) => return Err(DrawRefusal::CommitmentMissing),
            (Method::SealedSeed, Some(text)) if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) => {
                return Err(DrawRefusal::CommitmentMalformed);
            }
            _ => {}
        }
        let sound = |source: &PublicSource| {
            let name = crate::kernel::text::line(&source.name, MAX_SOURCE_CHARS).is_ok();
            new.method == Method::SealedSeed && name && (1..=MAX_PUBLIC_NUMBERS_CHARS as i64).contains(&source.digits)
        };
        if new.source.as_ref().is_some_and(|source| !sound(source)) {
            return Err(DrawRefusal::SourceMalformed);
        }
        receipts.sort_unstable();
        if !roster(&receipts).is_empty() {
            return Err(DrawRefusal::RosterInvalid);
        }
        let document = DrawDocument {
            method: new.method,
            roster_hash: roster_hash(&receipts),
            commitment: new.commitment.map(|text| text.to_ascii_lowercase()),
            seed: None,
            public_source: new.source.as_ref().map(|source| source.name.trim().to_owned()),
            public_digits: new.source.as_ref().map(|source| source.digits),
            public_numbers: None,
            start: None,
            interval: None,
            roster: receipts,
            order: vec![],
        };
        let event = Event::new("enrolment_draw.prepared", Some(by.id), now).with("round_id", r.id).with("method", new.method);
        let event = event.with("number", new.number);
        let event = event.with("roster_hash", document.roster_hash.clone()).with("roster_size", document.roster.len() as i64);
        let (community, round) = (r.community, r.id);
        let (number, created_by) = (new.number, by.id);
        let facts = DrawFacts { id, version: 1, community, round, number, document, created_by, created_at: now, revealed_at: None };
        Ok(Changed::created(Self { facts }, vec![event]))
    }

    pub fn restore(facts: DrawFacts) -> Self {
        Self { facts }
    }

    pub fn facts(&self) -> &DrawFacts {
        &self.facts
    }

    /// The order, once it is known.
    pub fn order(&self) -> Option<&[String]> {
        self.facts.revealed_at.map(|_| self.facts.document.order.as_slice())
    }

    /// Opens the secret, or enters what the parents drew; once. From here on the order is fixed.
    pub fn reveal(mut self, reveal: Reveal, by: &Actor, now: Timestamp) -> Result<Changed<Self>, DrawRefusal> {
        if !by.is_any(&[Role::EnrolmentAdmin], self.facts.community) {
            return Err(DrawRefusal::NotForYou);
        }
        if self.facts.revealed_at.is_some() {
            return Err(DrawRefusal::RevealedAlready);
        }
        let document = &mut self.facts.document;
        match (document.method, reveal) {
            (Method::Ring, Reveal::Ring { start, interval }) => {
                match ring_inputs(start, interval, document.roster.len()).first() {
                    None => {}
                    Some(Reason::StartOutOfRange) => return Err(DrawRefusal::StartOutOfRange),
                    Some(_) => return Err(DrawRefusal::IntervalOutOfRange),
                }
                document.order = ring_order(&document.roster, start, interval.min(MAX_INTERVAL));
                document.start = Some(start);
                document.interval = Some(interval);
            }
            (Method::SealedSeed, Reveal::SealedSeed { seed, public_numbers }) => {
                // Two spellings of the same numbers would be two orders to choose from.
                let public_numbers = match document.public_digits {
                    None => public_numbers,
                    Some(digits) => {
                        let read: String = public_numbers.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
                        if read.len() as i64 != digits {
                            return Err(DrawRefusal::PublicNumbersMissing);
                        }
                        Some(read)
                    }
                };
                let numbers = public_numbers.as_deref().unwrap_or("");
                if !sealed_inputs(&seed, numbers) {
                    return Err(DrawRefusal::SeedMalformed);
                }
                if document.commitment.as_deref() != Some(commitment(&seed).as_str()) {
                    return Err(DrawRefusal::CommitmentMismatch);
                }
                document.order = sealed_order(&document.roster, &seed, numbers);
                document.seed = Some(seed);
                document.public_numbers = public_numbers;
            }
            _ => return Err(DrawRefusal::OtherMethod),
        }
        let loaded = self.facts.version;
        self.facts.version = loaded + 1;
        self.facts.revealed_at = Some(now);
        let event = Event::new("enrolment_draw.revealed", Some(by.id), now).with("round_id", self.facts.round);
        Ok(Changed::from_version(loaded, self, vec![event]))
    }
}

// A seed that is refused may be tried again elsewhere: it stays out of logs.
impl fmt::Debug for Reveal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring { start, interval } => write!(f, "ring {start} {interval}"),
            Self::SealedSeed { .. } => f.write_str("sealed seed"),
        }
    }
}
