//! Rules of capacity, and a model: random people, clocks and hesitation against a database of rows that change only as
//! conditional UPDATEs do.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn at(s: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000).plus_seconds(s)
}

/// Open from the first second; a line for 10,000 s, joining for 20,000 s, holds of 100 s.
const fn terms() -> Terms {
    let zero = Timestamp::from_millis(1_800_000_000_000);
    Terms { opens_at: Some(zero), line_until: zero.plus_seconds(10_000), closes_at: zero.plus_seconds(20_000), hold_s: 100 }
}

fn pool(capacity: i64, waitlist_capacity: i64) -> Pool {
    Pool::new(capacity, waitlist_capacity).expect("a pool")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Place,
    Offer(Timestamp),
    Line,
    Left,
    Lapsed,
    Dissolved,
}

/// The rows of one pool and its claims, by claim: (how it stands, its number in the line if it ever had one).
#[derive(Debug, Clone)]
struct Rows {
    pool: Pool,
    claims: BTreeMap<u32, (Claim, Option<i64>)>,
    offered_numbers: Vec<i64>,
}

impl Rows {
    fn new(pool: Pool) -> Self {
        Self { pool, claims: BTreeMap::new(), offered_numbers: vec![] }
    }

    fn write(&mut self, movement: &Move) -> bool {
        self.pool.after(movement).map(|next| self.pool = next).is_some()
    }

    fn holds(&self) -> Vec<Hold<u32>> {
        let hold = |(id, (claim, _)): (&u32, &(Claim, Option<i64>))| match claim {
            Claim::Offer(until) => Some(Hold { claim: *id, until: *until }),
            _ => None,
        };
        self.claims.iter().filter_map(hold).collect()
    }

    fn line(&self) -> Vec<Waiting<u32>> {
        let waiting = |(id, (claim, number)): (&u32, &(Claim, Option<i64>))| {
            (*claim == Claim::Line).then(|| Waiting { claim: *id, number: number.expect("a number"), fits: true })
        };
        // The other way round, because the order in which rows are loaded must not matter.
        self.claims.iter().rev().filter_map(waiting).collect()
    }

    fn count(&self, is: impl Fn(&Claim) -> bool) -> i64 {
        self.claims.values().filter(|(claim, _)| is(claim)).count() as i64
    }

    fn settle(&mut self, now: Timestamp) {
        if !self.pool.is_due(&terms(), now) {
            return;
        }
        let done = self.pool.settle(&self.holds(), &self.line(), &terms(), now);
        self.settled(&done);
        assert!(!self.pool.is_due(&terms(), now), "once is enough: {:?}", self.pool);
    }

    fn settled(&mut self, done: &Settlement<u32>) -> bool {
        if !self.write(&done.movement) {
            return false;
        }
        done.lapsed.iter().for_each(|id| self.becomes(*id, Claim::Lapsed));
        done.dissolved.iter().chain(&done.passed).for_each(|id| self.becomes(*id, Claim::Dissolved));
        for offer in &done.offers {
            self.offered_numbers.extend(self.claims[&offer.claim].1);
            self.becomes(offer.claim, Claim::Offer(offer.until));
        }
        true
    }

    fn becomes(&mut self, id: u32, claim: Claim) {
        self.claims.get_mut(&id).expect("a known claim").0 = claim;
    }

    fn join(&mut self, decided: (Entry, Move)) -> Option<u32> {
        if !self.write(&decided.1) {
            return None;
        }
        let id = self.claims.len() as u32;
        let claim = match decided.0 {
            Entry::Place => (Claim::Place, None),
            Entry::Line => (Claim::Line, Some(self.pool.last_number)),
        };
        self.claims.insert(id, claim);
        Some(id)
    }

    fn leave(&mut self, id: u32) {
        let had = match self.claims[&id].0 {
            Claim::Place => Standing::Place,
            Claim::Offer(_) => Standing::Offer,
            Claim::Line => Standing::Line,
            _ => return,
        };
        assert!(self.write(&self.pool.leave(had)), "leaving is always possible");
        self.becomes(id, Claim::Left);
    }

    fn accept(&mut self, id: u32, now: Timestamp) {
        let Claim::Offer(until) = self.claims[&id].0 else { return };
        if let Ok(movement) = self.pool.accept(until, now) {
            assert!(self.write(&movement), "a hold is a place");
            self.becomes(id, Claim::Place);
        } else {
            assert!(until <= now);
        }
    }

    fn check(&self) {
        let p = &self.pool;
        assert!(p.taken + p.offered <= p.capacity && p.waitlisted <= p.waitlist_capacity, "oversold: {p:?}");
        assert_eq!(p.taken, self.count(|c| *c == Claim::Place), "places are people");
        assert_eq!(p.offered, self.count(|c| matches!(c, Claim::Offer(_))), "offers are people");
        assert_eq!(p.waitlisted, self.count(|c| *c == Claim::Line), "the line is people");
        assert!(self.offered_numbers.is_sorted(), "first come, first offered: {:?}", self.offered_numbers);
        let next = self.line().iter().map(|w| w.number).min().unwrap_or(i64::MAX);
        assert!(self.offered_numbers.last().is_none_or(|last| *last < next), "nobody was passed over");
        assert!(self.holds().iter().all(|hold| p.due_at.is_some_and(|at| at <= hold.until)), "no hold ends before `due_at`");
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Join,
    Leave(u32),
    Accept(u32),
    Wait(i64),
    Resize(i64, i64),
    Settle,
    /// Everything decided from here on is decided on what the rows are now …
    Look,
    /// … by somebody who joins, settles or resizes only later.
    JoinLate,
    SettleLate,
    ResizeLate(i64, i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Join),
        3 => any::<u32>().prop_map(Step::Leave),
        3 => any::<u32>().prop_map(Step::Accept),
        2 => (1i64..250).prop_map(Step::Wait),
        1 => (1i64..6, 0i64..6).prop_map(|(c, w)| Step::Resize(c, w)),
        1 => Just(Step::Settle),
        2 => Just(Step::Look),
        2 => Just(Step::JoinLate),
        1 => Just(Step::SettleLate),
        1 => (1i64..6, 0i64..6).prop_map(|(c, w)| Step::ResizeLate(c, w)),
    ];
    proptest::collection::vec(step, 0..80)
}

proptest! {
    #[test]
    fn nothing_that_people_and_clocks_do_oversells_loses_or_overtakes_anybody(
        capacity in 1i64..5, waitlist in 0i64..5, steps in steps(), jump in 0i64..21_000
    ) {
        let (mut rows, mut now) = (Rows::new(pool(capacity, waitlist)), at(0));
        let mut seen = (rows.clone(), now);
        for step in steps {
            let known = rows.claims.len() as u32;
            match step {
                Step::Join => {
                    rows.settle(now);
                    if let Ok(decided) = rows.pool.join(&terms(), now) {
                        prop_assert!(rows.join(decided).is_some(), "what was just decided can be written");
                    }
                }
                Step::Leave(n) if known > 0 => rows.leave(n % known),
                Step::Accept(n) if known > 0 => rows.accept(n % known, now),
                Step::Leave(_) | Step::Accept(_) => {}
                Step::Wait(s) => now = now.plus_seconds(s),
                Step::Resize(c, w) => {
                    if let Ok(movement) = rows.pool.resize(c, w) {
                        prop_assert!(rows.write(&movement));
                    }
                }
                Step::Settle => rows.settle(now),
                Step::Look => seen = (rows.clone(), now),
                Step::JoinLate => {
                    if let Ok(decided) = seen.0.pool.join(&terms(), seen.1) {
                        rows.join(decided);
                    }
                }
                Step::SettleLate => {
                    let done = seen.0.pool.settle(&seen.0.holds(), &seen.0.line(), &terms(), seen.1);
                    rows.settled(&done);
                }
                Step::ResizeLate(c, w) => {
                    if let Ok(movement) = seen.0.pool.resize(c, w) {
                        rows.write(&movement);
                    }
                }
            }
            rows.check();
        }
        rows.settle(now.plus_seconds(jump));
        rows.check();
        let over = now.plus_seconds(jump) >= terms().line_until;
        prop_assert!(rows.pool.waitlisted == 0 || rows.pool.free() == 0, "nobody waits beside a free place");
        prop_assert!(!over || rows.pool.waitlisted + rows.pool.offered == 0, "the line ends");
    }

    #[test]
    fn a_pool_never_moves_outside_its_bounds_whatever_is_asked(
        taken in -3i64..4, offered in -3i64..4, waitlisted in -3i64..4, capacity in -3i64..4, waitlist_capacity in -3i64..4
    ) {
        let full = Pool { taken: 2, offered: 1, waitlisted: 1, due_at: Some(at(9)), ..pool(3, 2) };
        let movement = Move { taken, offered, waitlisted, capacity, waitlist_capacity, ..STILL };
        if let Some(p) = full.after(&movement) {
            prop_assert!(p.taken >= 0 && p.offered >= 0 && p.waitlisted >= 0);
            prop_assert!(p.taken + p.offered <= p.capacity && p.waitlisted <= p.waitlist_capacity);
        }
    }
}

#[test]
fn a_rush_that_all_looked_at_the_same_pool_fills_it_exactly() {
    let (mut rows, mut refused) = (Rows::new(pool(100, 50)), 0);
    let stale = rows.pool;
    for _ in 0..2000 {
        // Everybody decides on the empty pool first, and again on what they find when that comes too late.
        let first = stale.join(&terms(), at(1)).expect("there seemed to be room");
        if rows.join(first).is_none() {
            match rows.pool.join(&terms(), at(1)) {
                Ok(again) => assert!(rows.join(again).is_some()),
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Full);
                    refused += 1;
                }
            }
        }
    }
    rows.check();
    assert_eq!((rows.pool.taken, rows.pool.waitlisted, refused), (100, 50, 1850));
}

#[test]
fn places_are_had_from_the_opening_to_the_close() {
    let p = pool(1, 1);
    assert_eq!(p.join(&terms(), at(-1)).map(|_| ()), Err(Refusal::NotOpen { opens_at: at(0) }));
    assert!(p.join(&terms(), at(0)).is_ok());
    assert!(p.join(&Terms { opens_at: None, ..terms() }, at(-9)).is_ok());
    assert!(p.join(&terms(), at(19_999)).is_ok());
    assert_eq!(p.join(&terms(), at(20_000)).map(|_| ()), Err(Refusal::Closed));
}

/// A full pool of one with `waiting` people in the line.
fn queued(waiting: u32) -> Rows {
    let mut rows = Rows::new(pool(1, 10));
    for _ in 0..=waiting {
        rows.join(rows.pool.join(&terms(), at(0)).expect("room")).expect("written");
    }
    rows
}

#[test]
fn who_leaves_makes_room_for_the_head_of_the_line_and_nobody_slips_in_between() {
    let mut rows = queued(2);
    rows.leave(0);
    assert_eq!(rows.pool.join(&terms(), at(1)).map(|_| ()), Err(Refusal::Unsettled));
    rows.settle(at(1));
    assert_eq!(rows.claims[&1].0, Claim::Offer(at(101)));
    assert_eq!(rows.pool.join(&terms(), at(1)).map(|(entry, _)| entry), Ok(Entry::Line), "the free place is held");
    rows.accept(1, at(100));
    assert_eq!(rows.claims[&1].0, Claim::Place);
    assert_eq!(rows.claims[&2].0, Claim::Line);
}

#[test]
fn who_decided_before_others_came_neither_overtakes_the_line_nor_waits_beside_a_free_place() {
    let mut rows = queued(1);
    let place = pool(1, 10).join(&terms(), at(0)).expect("it seemed empty");
    let wait = rows.pool.join(&terms(), at(0)).expect("a number");
    assert_eq!((place.0, wait.0), (Entry::Place, Entry::Line));
    rows.leave(0);
    assert_eq!(rows.join(place), None, "the free place is for the one who waits");
    rows.leave(1);
    assert_eq!(rows.join(wait), None, "there is a place by now");
    assert_eq!(rows.pool.join(&terms(), at(0)).map(|(entry, _)| entry), Ok(Entry::Place));
}

#[test]
fn an_offer_is_good_before_its_end_and_not_at_it() {
    let p = Pool { offered: 1, due_at: Some(at(100)), ..pool(1, 1) };
    assert!(p.accept(at(100), at(100).plus_millis(-1)).is_ok());
    assert_eq!(p.accept(at(100), at(100)), Err(Refusal::OfferExpired { at: at(100) }));
}

#[test]
fn offers_that_ended_together_while_nobody_looked_pass_on_together_and_begin_anew() {
    let mut rows = Rows::new(pool(3, 10));
    for _ in 0..8 {
        rows.join(rows.pool.join(&terms(), at(0)).expect("room")).expect("written");
    }
    (0..3).for_each(|id| rows.leave(id));
    rows.settle(at(10));
    // A long time later, far beyond many holds: those who were offered had their time, the others have theirs now.
    rows.settle(at(5000));
    let standing: Vec<_> = (3..8).map(|id| rows.claims[&id].0).collect();
    let next = Claim::Offer(at(5100));
    assert_eq!(standing, [Claim::Lapsed, Claim::Lapsed, Claim::Lapsed, next, next]);
    assert_eq!((rows.pool.free(), rows.pool.due_at), (1, Some(at(5100))));
    assert_eq!(rows.pool.join(&terms(), at(5000)).map(|(entry, _)| entry), Ok(Entry::Place), "nobody waits for the third");
}

#[test]
fn no_hold_outlasts_the_line_and_no_line_its_time() {
    let mut rows = queued(3);
    rows.leave(0);
    rows.settle(at(9_950));
    assert_eq!(rows.claims[&1].0, Claim::Offer(at(10_000)));
    rows.settle(at(10_000));
    let standing: Vec<_> = (1..4).map(|id| rows.claims[&id].0).collect();
    assert_eq!(standing, [Claim::Lapsed, Claim::Dissolved, Claim::Dissolved]);
    assert_eq!(rows.pool.join(&terms(), at(10_000)).map(|(entry, _)| entry), Ok(Entry::Place), "whoever stands there");
    rows.join(rows.pool.join(&terms(), at(10_000)).expect("room")).expect("written");
    assert_eq!(rows.pool.join(&terms(), at(10_000)), Err(Refusal::Full), "and nobody waits any more");
}

#[test]
fn a_pool_shrinks_only_to_what_people_have_and_growing_serves_the_line() {
    let mut rows = queued(3);
    assert_eq!(rows.pool.resize(1, 2), Err(Refusal::TooSmall));
    assert_eq!(rows.pool.resize(0, 10), Err(Refusal::TooSmall));
    assert_eq!(rows.pool.resize(MAX_PLACES + 1, 10), Err(Refusal::TooSmall));
    let movement = rows.pool.resize(3, 5).expect("larger");
    assert!(rows.write(&movement));
    rows.settle(at(5));
    assert_eq!((rows.pool.offered, rows.pool.waitlisted), (2, 1));
}

#[test]
fn a_position_counts_those_before() {
    assert_eq!(position(7, [3, 7, 9]), 2);
    assert_eq!(position(3, [7, 9]), 1);
}

#[test]
fn a_person_and_a_household_have_no_more_than_their_share() {
    let limits = Limits { per_person: 1, per_household: Some(2) };
    assert_eq!(limits.check(Held { person: 0, household: 1 }), Ok(()));
    assert_eq!(limits.check(Held { person: 1, household: 1 }), Err(Refusal::PersonLimit));
    assert_eq!(limits.check(Held { person: 0, household: 2 }), Err(Refusal::HouseholdLimit));
    assert_eq!(Limits::ONE_EACH.check(Held { person: 0, household: 9 }), Ok(()));
}

#[test]
fn a_pool_has_places_and_not_too_many() {
    let codes = |c, w| Pool::new(c, w).map_err(|faults| faults.into_iter().map(|f| f.pointer).collect::<Vec<_>>());
    assert!(codes(1, 0).is_ok());
    assert_eq!(codes(0, -1), Err(vec!["/capacity".to_owned(), "/waitlist_capacity".to_owned()]));
    assert!(codes(MAX_PLACES + 1, 0).is_err());
}

#[test]
fn whose_turn_comes_while_they_cannot_is_passed_over_and_waits_no_longer() {
    let mut pool = Pool::new(2, 5).expect("a pool");
    (pool.taken, pool.waitlisted, pool.last_number) = (1, 4, 4);
    let line: Vec<Waiting<u32>> =
        [(1, false), (2, true), (3, false), (4, true)].map(|(n, fits)| Waiting { claim: n, number: n.into(), fits }).to_vec();
    let done = pool.settle(&[], &line, &terms(), at(1));
    assert_eq!(done.passed, [1]);
    assert_eq!(done.offers.iter().map(|offer| offer.claim).collect::<Vec<_>>(), [2], "one place is free, so nobody behind is asked");
    let next = pool.after(&done.movement).expect("moved");
    assert_eq!((next.taken, next.offered, next.waitlisted), (1, 1, 2));
    // Nobody who waits can take it: then nobody waits, and it is for whoever comes.
    let nobody: Vec<Waiting<u32>> = line.iter().map(|one| Waiting { fits: false, ..*one }).collect();
    let done = pool.settle(&[], &nobody, &terms(), at(1));
    let next = pool.after(&done.movement).expect("moved");
    assert_eq!((done.passed.len(), next.waitlisted, next.is_due(&terms(), at(1))), (4, 0, false));
}
