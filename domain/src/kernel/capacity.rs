//! Capacity: places 名额 that are limited, the line 候补 of those who wait for one, and the hold that somebody who was
//! promoted has on a place while they make up their mind.
//!
//! A [`Pool`] belongs to one thing: a post in a shift, a slot of a venue, the seats of a bus run. Its counters are
//! columns of that thing's row. A *claim* is one person's row beside it (a sign-up, a booking) and stands in one of
//! three ways: it has a place, an offer, or a number in the line.
//!
//! Nothing here holds a lock and nothing has to: a decision is answered by a [`Move`], which says by how much the
//! counters change and under which condition. It is written as one UPDATE with that condition in its WHERE clause, and
//! the database lets no two of them happen at once on one row. When it changes no row, somebody else was quicker: load
//! and decide again. Because changes are relative, people who join at the same moment do not get in each other's way
//! as long as there is room for all of them.
//!
//! Time moves pools too: a hold ends, its place goes to the next in the line. No job has to run for that. Whoever comes
//! next and finds the pool [due](Pool::is_due) settles it first. An offer begins when it is recorded and not before, so
//! nobody loses an offer that was never made to them, however long nobody looked.

use super::fault::{Fault, Faults};
use super::time::Timestamp;

/// The most places, and the longest line, that a pool may have.
pub const MAX_PLACES: i64 = 100_000;

/// The counters of a pool, as they stand in their owner's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    pub capacity: i64,
    pub waitlist_capacity: i64,
    /// Claims that have a place.
    pub taken: i64,
    /// Claims that hold a place until they accept it or the hold ends.
    pub offered: i64,
    /// Claims in the line.
    pub waitlisted: i64,
    /// The number that was given last to somebody who joined the line; numbers are not used twice.
    pub last_number: i64,
    /// No hold ends before this instant; none when there is no offer. It may be too early (an offer was accepted), never too late.
    pub due_at: Option<Timestamp>,
    /// How often the counters have moved. A decision about the pool as a whole is only good for the pool it was made on.
    pub moves: i64,
}

/// When places of a pool may be had, and how long an offer is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub opens_at: Option<Timestamp>,
    /// From here on nobody waits and nobody is offered anything; what is free is for whoever comes.
    pub line_until: Timestamp,
    /// From here on nobody joins.
    pub closes_at: Timestamp,
    /// How long an offer is held, in seconds; never longer than there is a line.
    pub hold_s: i64,
}

/// What somebody who joins gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    Place,
    /// Their number is `last_number` of the pool as the move left it: it is the database that put them in order.
    Line,
}

/// What somebody who leaves had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Place,
    Offer,
    Line,
}

/// A claim that was offered a place, and until when it is held: the offer is good before this instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold<C> {
    pub claim: C,
    pub until: Timestamp,
}

/// A claim in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting<C> {
    pub claim: C,
    pub number: i64,
    /// Whether they could take a place now. Whose turn comes while they cannot is passed over and stands in the line no longer:
    /// otherwise a place would stay free for somebody who must not have it, and nobody else could.
    pub fits: bool,
}

/// The condition of a move, beside those that always hold (see [`Move`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    Always,
    /// `waitlisted = 0`: nobody takes a place past those who wait.
    IfNobodyWaits,
    /// `taken + offered >= capacity`: nobody waits while there is a place.
    IfFull,
    /// `moves = ?`: the pool is the one that was decided on.
    IfUnmoved(i64),
}

/// How the counters change. All fields but `due_at` are added to the columns of their name:
///
/// ```sql
/// UPDATE … SET capacity = capacity + ?, …, last_number = last_number + ?, moves = moves + 1 [, due_at = ?]
/// WHERE id = ?
///   AND taken + ? >= 0 AND offered + ? >= 0 AND waitlisted + ? >= 0
///   AND taken + ? + offered + ? <= capacity + ?
///   AND waitlisted + ? <= waitlist_capacity + ?
///   AND <only>
/// RETURNING *
/// ```
///
/// The same conditions make good CHECK constraints. [`Pool::after`] is that statement in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a move that is not written did not happen"]
pub struct Move {
    pub capacity: i64,
    pub waitlist_capacity: i64,
    pub taken: i64,
    pub offered: i64,
    pub waitlisted: i64,
    pub last_number: i64,
    /// The new `due_at`, if it is to be written.
    pub due_at: Option<Option<Timestamp>>,
    pub only: Only,
}

const STILL: Move =
    Move { capacity: 0, waitlist_capacity: 0, taken: 0, offered: 0, waitlisted: 0, last_number: 0, due_at: None, only: Only::Always };

/// Why a pool says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not yet.
    NotOpen { opens_at: Timestamp },
    /// Not any more.
    Closed,
    /// No place is free and the line is as long as it may get.
    Full,
    /// Time has done something that must be written first: [`Pool::settle`], then ask again. Not for people's eyes.
    Unsettled,
    /// The hold has ended.
    OfferExpired { at: Timestamp },
    /// More people have a place, or wait, than the new size has room for.
    TooSmall,
    /// This person has as many places of this pool as one may have.
    PersonLimit,
    /// This household has as many as one household may have.
    HouseholdLimit,
}

/// What time has done to a pool: each list goes to its claims' rows, the move to the pool's, all in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement<C> {
    /// Their hold has ended.
    pub lapsed: Vec<C>,
    /// Their wait has ended, for there is no line any more.
    pub dissolved: Vec<C>,
    /// Their turn came, and they cannot take a place.
    pub passed: Vec<C>,
    /// Whose turn it is now, in order.
    pub offers: Vec<Hold<C>>,
    pub movement: Move,
}

impl Pool {
    /// A pool that nobody has touched.
    ///
    /// # Errors
    /// `out_of_range` at `/capacity` (1 to [`MAX_PLACES`]) or `/waitlist_capacity` (0 to [`MAX_PLACES`]).
    pub fn new(capacity: i64, waitlist_capacity: i64) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::new();
        faults.require((1..=MAX_PLACES).contains(&capacity), "/capacity", "out_of_range");
        faults.require((0..=MAX_PLACES).contains(&waitlist_capacity), "/waitlist_capacity", "out_of_range");
        faults.into_result(Some(Self {
            capacity,
            waitlist_capacity,
            taken: 0,
            offered: 0,
            waitlisted: 0,
            last_number: 0,
            due_at: None,
            moves: 0,
        }))
    }

    /// Places that nobody has or holds.
    pub const fn free(&self) -> i64 {
        self.capacity - self.taken - self.offered
    }

    /// Whether time, or somebody's leaving, has left something to [`settle`](Self::settle).
    pub fn is_due(&self, terms: &Terms, now: Timestamp) -> bool {
        let lapsed = self.offered > 0 && self.due_at.is_none_or(|at| at <= now);
        let over = now >= terms.line_until && self.offered + self.waitlisted > 0;
        lapsed || over || self.waitlisted > 0 && self.free() > 0
    }

    /// Somebody asks for a place.
    ///
    /// # Errors
    /// [`Refusal::NotOpen`], [`Refusal::Closed`], [`Refusal::Full`], [`Refusal::Unsettled`].
    pub fn join(&self, terms: &Terms, now: Timestamp) -> Result<(Entry, Move), Refusal> {
        match terms.opens_at {
            Some(opens_at) if now < opens_at => return Err(Refusal::NotOpen { opens_at }),
            _ if now >= terms.closes_at => return Err(Refusal::Closed),
            _ if self.is_due(terms, now) => return Err(Refusal::Unsettled),
            _ => {}
        }
        if self.free() > 0 {
            Ok((Entry::Place, Move { taken: 1, only: Only::IfNobodyWaits, ..STILL }))
        } else if now < terms.line_until && self.waitlisted < self.waitlist_capacity {
            Ok((Entry::Line, Move { waitlisted: 1, last_number: 1, only: Only::IfFull, ..STILL }))
        } else {
            Err(Refusal::Full)
        }
    }

    /// Somebody gives up what they have. That can always be done; afterwards the pool may be due.
    pub fn leave(&self, had: Standing) -> Move {
        match had {
            Standing::Place => Move { taken: -1, ..STILL },
            Standing::Offer => Move { offered: -1, ..STILL },
            Standing::Line => Move { waitlisted: -1, ..STILL },
        }
    }

    /// Somebody takes the place that is held for them.
    ///
    /// # Errors
    /// [`Refusal::OfferExpired`] from the instant at which the hold ends.
    pub fn accept(&self, until: Timestamp, now: Timestamp) -> Result<Move, Refusal> {
        if now < until { Ok(Move { offered: -1, taken: 1, ..STILL }) } else { Err(Refusal::OfferExpired { at: until }) }
    }

    /// Does what is due: ends the holds whose time is over, however many they are, and offers every free place to
    /// the next in the line; ends the line when its time is over.
    ///
    /// `holds` are all open offers of the pool. `line` are those who wait, in any order; the first by number are enough, until
    /// `free + holds` of them fit, as long as the line lasts; all of them after that. A list that is not the pool's makes a
    /// move that changes no row or claims that are no longer so; both mean: load and decide again.
    pub fn settle<C: Copy>(&self, holds: &[Hold<C>], line: &[Waiting<C>], terms: &Terms, now: Timestamp) -> Settlement<C> {
        let over = now >= terms.line_until;
        let (lapsed, held): (Vec<&Hold<C>>, Vec<&Hold<C>>) = holds.iter().partition(|hold| over || hold.until <= now);
        let mut line = line.to_vec();
        line.sort_by_key(|waiting| waiting.number);
        let gone = lapsed.len() as i64;
        let room = usize::try_from(self.free() + gone).unwrap_or(0);
        let (mut offers, mut dissolved, mut passed) = (vec![], vec![], vec![]);
        for waiting in line {
            match (over, waiting.fits) {
                (true, _) => dissolved.push(waiting.claim),
                (false, _) if offers.len() == room => break,
                (false, true) => offers.push(waiting),
                (false, false) => passed.push(waiting.claim),
            }
        }
        let until = now.plus_seconds(terms.hold_s).min(terms.line_until);
        let offers: Vec<_> = offers.into_iter().map(|waiting| Hold { claim: waiting.claim, until }).collect();
        let movement = Move {
            offered: offers.len() as i64 - gone,
            waitlisted: -((offers.len() + dissolved.len() + passed.len()) as i64),
            due_at: Some(held.iter().map(|hold| hold.until).chain(offers.iter().map(|offer| offer.until)).min()),
            only: Only::IfUnmoved(self.moves),
            ..STILL
        };
        let lapsed = lapsed.iter().map(|hold| hold.claim).collect();
        Settlement { lapsed, dissolved, passed, offers, movement }
    }

    /// Makes the pool larger or smaller. Afterwards it may be due.
    ///
    /// # Errors
    /// [`Refusal::TooSmall`], when somebody would lose what they have: it is for people to ask people to leave.
    pub fn resize(&self, capacity: i64, waitlist_capacity: i64) -> Result<Move, Refusal> {
        let fits = (self.taken + self.offered).max(1)..=MAX_PLACES;
        if !fits.contains(&capacity) || !(self.waitlisted..=MAX_PLACES).contains(&waitlist_capacity) {
            return Err(Refusal::TooSmall);
        }
        let (capacity, waitlist_capacity) = (capacity - self.capacity, waitlist_capacity - self.waitlist_capacity);
        Ok(Move { capacity, waitlist_capacity, only: Only::IfUnmoved(self.moves), ..STILL })
    }

    /// The pool after a move; none when its conditions do not hold and the database would change no row.
    #[must_use]
    pub fn after(&self, m: &Move) -> Option<Self> {
        let next = Self {
            capacity: self.capacity + m.capacity,
            waitlist_capacity: self.waitlist_capacity + m.waitlist_capacity,
            taken: self.taken + m.taken,
            offered: self.offered + m.offered,
            waitlisted: self.waitlisted + m.waitlisted,
            last_number: self.last_number + m.last_number,
            due_at: m.due_at.unwrap_or(self.due_at),
            moves: self.moves + 1,
        };
        let only = match m.only {
            Only::Always => true,
            Only::IfNobodyWaits => self.waitlisted == 0,
            Only::IfFull => self.free() <= 0,
            Only::IfUnmoved(moves) => self.moves == moves,
        };
        let sound = next.taken >= 0 && next.offered >= 0 && next.waitlisted >= 0;
        let room = next.free() >= 0 && next.waitlisted <= next.waitlist_capacity;
        (only && sound && room).then_some(next)
    }
}

/// Whose turn somebody's is: 1 for the head of the line. `others` are the numbers of everybody in it, with or without
/// their own.
pub fn position(number: i64, others: impl IntoIterator<Item = i64>) -> i64 {
    1 + others.into_iter().filter(|other| *other < number).count() as i64
}

/// How many claims of one pool a person and a household may have at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub per_person: i64,
    pub per_household: Option<i64>,
}

/// How many they have, places, offers and numbers in the line together.
///
/// To be counted after the pool's row was moved in the same transaction: from then on nobody else of the household can
/// move it. Counted before, two of them could each find none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    pub person: i64,
    pub household: i64,
}

impl Limits {
    /// One each, and any number in a household.
    pub const ONE_EACH: Self = Self { per_person: 1, per_household: None };

    /// Whether one more is allowed.
    ///
    /// # Errors
    /// [`Refusal::PersonLimit`], [`Refusal::HouseholdLimit`].
    pub fn check(&self, held: Held) -> Result<(), Refusal> {
        if held.person >= self.per_person {
            Err(Refusal::PersonLimit)
        } else if self.per_household.is_some_and(|limit| held.household >= limit) {
            Err(Refusal::HouseholdLimit)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
#[path = "capacity_tests.rs"]
mod tests;
