//! Rules of draws, each by the name of its test.

use std::process::Command;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::actor::{Actor, Role};
use crate::enrolment::DrawId;
use crate::enrolment::round::State;
use crate::enrolment::testing::{admin, now, round_in, staff};

fn names(n: usize) -> Vec<String> {
    (1..=n).map(|i| format!("R{i:06}")).collect()
}

fn numbers(order: &[String]) -> Vec<usize> {
    order.iter().map(|name| name[1..].parse().expect("a number")).collect()
}

/// Ten in a ring, from 3, every fourth of those who are left, counted out by hand.
#[test]
fn a_ring_counts_only_numbers_that_are_not_drawn_yet() {
    assert_eq!(numbers(&ring_order(&names(10), 3, 4)), [3, 7, 1, 6, 2, 9, 8, 10, 5, 4]);
    assert_eq!(numbers(&ring_order(&names(5), 2, 1)), [2, 3, 4, 5, 1]);
    assert_eq!(numbers(&ring_order(&names(1), 1, 99)), [1]);
    assert_eq!(ring_order(&[], 1, 1), Vec::<String>::new());
}

/// Known answers of the standard tool `sha256sum`; the sealed order is compared with Python's below.
#[test]
fn hashes_are_the_standard_ones() {
    assert_eq!(commitment("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(roster_hash(&["abc"]), "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb");
    assert_eq!(roster_hash::<&str>(&[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/// The ring as a person would do it, on a list.
fn by_hand(roster: &[String], start: usize, interval: usize) -> Vec<String> {
    let mut left = roster.to_vec();
    let mut order = vec![left.remove(start - 1)];
    let mut at = start - 1;
    while !left.is_empty() {
        at = (at + interval - 1) % left.len();
        order.push(left.remove(at));
    }
    order
}

fn ring_document(n: usize, start: i64, interval: i64) -> DrawDocument {
    let roster = names(n);
    DrawDocument {
        method: Method::Ring,
        roster_hash: roster_hash(&roster),
        commitment: None,
        seed: None,
        public_source: None,
        public_digits: None,
        public_numbers: None,
        start: Some(start),
        interval: Some(interval),
        order: ring_order(&roster, start, interval),
        roster,
    }
}

fn sealed_document(n: usize, seed: &str, public_numbers: Option<&str>) -> DrawDocument {
    let roster = names(n);
    DrawDocument {
        method: Method::SealedSeed,
        roster_hash: roster_hash(&roster),
        commitment: Some(commitment(seed)),
        seed: Some(seed.to_owned()),
        public_source: None,
        public_digits: None,
        public_numbers: public_numbers.map(str::to_owned),
        start: None,
        interval: None,
        order: sealed_order(&roster, seed, public_numbers.unwrap_or("")),
        roster,
    }
}

proptest! {
    #[test]
    fn the_tree_draws_as_a_hand_does(n in 1usize..200, start in 0usize..200, interval in 1usize..500) {
        let roster = names(n);
        let start = start % n + 1;
        prop_assert_eq!(ring_order(&roster, start as i64, interval as i64), by_hand(&roster, start, interval));
    }

    #[test]
    fn every_order_is_the_whole_roster_and_verifies(n in 1usize..60, seed in "\\PC{1,20}", numbers in prop::option::of("[0-9 ]{0,12}"), start in 0i64..60, interval in 1i64..99) {
        for document in [sealed_document(n, &seed, numbers.as_deref()), ring_document(n, start % n as i64 + 1, interval)] {
            prop_assert_eq!(verify(&document), vec![]);
            let mut sorted = document.order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, document.roster);
        }
    }

    #[test]
    fn one_changed_row_breaks_it(n in 2usize..40, at in 0usize..40, other in "[S-Z][0-9]{3}") {
        let at = at % n;
        for mut document in [sealed_document(n, "seed", Some("07 11")), ring_document(n, 1, 3)] {
            document.roster[at] = other.clone();
            prop_assert!(verify(&document).contains(&Reason::RosterHashDiffers));
        }
    }

    #[test]
    fn another_seed_or_other_numbers_are_noticed(n in 3usize..40, seed in "[a-z]{4,8}") {
        let mut document = sealed_document(n, "Seed", Some("1"));
        document.seed = Some(seed);
        prop_assert!(verify(&document).contains(&Reason::SeedDiffers));
    }

    #[test]
    fn no_document_makes_the_verifier_panic(
        roster in prop::collection::vec("\\PC{0,5}", 0..6),
        order in prop::collection::vec("\\PC{0,5}", 0..6),
        start in prop::option::of(any::<i64>()),
        interval in prop::option::of(any::<i64>()),
        texts in prop::collection::vec(prop::option::of("(?s:.{0,9})"), 3),
    ) {
        for method in [Method::Ring, Method::SealedSeed] {
            let document = DrawDocument {
                method,
                roster_hash: roster_hash(&roster),
                commitment: texts[0].clone(),
                seed: texts[1].clone(),
                public_source: None,
                public_digits: start,
                public_numbers: texts[2].clone(),
                start,
                interval,
                roster: roster.clone(),
                order: order.clone(),
            };
            let _ = verify(&document);
        }
    }
}

#[test]
fn each_thing_that_is_wrong_is_named() {
    let mut two = ring_document(5, 2, 2);
    two.order.swap(1, 3);
    assert_eq!(verify(&two), [Reason::OrderDiffers(2)]);
    two.order.pop();
    assert_eq!(verify(&two)[0], Reason::OrderLength { expected: 5, found: 4 });
    assert_eq!(verify(&DrawDocument { start: Some(6), ..ring_document(5, 2, 2) }), [Reason::StartOutOfRange]);
    assert_eq!(verify(&DrawDocument { interval: Some(0), ..ring_document(5, 2, 2) }), [Reason::IntervalOutOfRange]);
    assert_eq!(verify(&DrawDocument { interval: None, ..ring_document(5, 2, 2) }), [Reason::NotRevealed]);
    assert_eq!(verify(&DrawDocument { commitment: None, ..sealed_document(5, "s", None) }), [Reason::CommitmentMissing]);
    assert_eq!(verify(&DrawDocument { seed: None, ..sealed_document(5, "s", None) }), [Reason::NotRevealed]);
    assert_eq!(verify(&DrawDocument { seed: Some("a\nb".to_owned()), ..sealed_document(5, "s", None) }), [Reason::SeedMalformed]);
    let mut twice = ring_document(3, 1, 1);
    twice.roster = vec!["A".to_owned(), "A".to_owned(), "b c".to_owned()];
    twice.roster_hash = roster_hash(&twice.roster);
    twice.order = ring_order(&twice.roster, 1, 1);
    assert_eq!(verify(&twice), [Reason::ReceiptMalformed(3), Reason::RosterNotAscending(2)]);
    assert_eq!(verify(&ring_document(0, 1, 1)), [Reason::RosterEmpty, Reason::StartOutOfRange]);
    let mut codes = std::collections::BTreeSet::new();
    for reason in [Reason::RosterEmpty, Reason::RosterTooLong, Reason::NotRevealed, Reason::SeedDiffers, Reason::OrderDiffers(1)] {
        assert!(codes.insert(reason.code()) && !reason.text().is_ascii());
    }
}

#[test]
fn a_city_is_drawn_in_a_moment() {
    let begun = std::time::Instant::now();
    assert_eq!(verify(&ring_document(100_000, 77_777, 123)), []);
    assert!(begun.elapsed().as_secs() < 20);
}

/// The checker that a parent runs; nothing of ours in it but the description of the methods.
fn python(document: &serde_json::Value, name: &str) -> Option<(i32, String)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/verify_draw.py");
    let file = std::env::temp_dir().join(format!("draw-{}-{name}.json", std::process::id()));
    std::fs::write(&file, document.to_string()).expect("a temporary file");
    let done = Command::new("python3").arg(script).arg(&file).output();
    std::fs::remove_file(&file).expect("removed");
    let done = done.ok()?;
    Some((done.status.code().unwrap_or(-1), String::from_utf8_lossy(&done.stdout).into_owned()))
}

#[test]
fn the_independent_checker_agrees() {
    assert!(include_str!("../../../../docs/verify_draw.py").lines().count() <= 40);
    let documents =
        [ring_document(57, 20, 13), sealed_document(57, "春江花月夜", Some("03 11 17 22 29 31 08")), sealed_document(2, "s", None)];
    for (i, document) in documents.into_iter().enumerate() {
        let good = serde_json::to_value(&document).expect("JSON");
        let Some(found) = python(&good, &format!("good{i}")) else { return eprintln!("python3 is not installed here") };
        assert_eq!(found, (0, "valid\n".to_owned()));
        let mut row = good.clone();
        row["roster"][0] = "Q000".into();
        let mut order = good.clone();
        order["order"].as_array_mut().expect("an order").swap(0, 1);
        let mut hidden = good.clone();
        for field in ["start", "seed"] {
            hidden[field] = serde_json::Value::Null;
        }
        for (what, bad) in [("row", row), ("order", order), ("hidden", hidden)] {
            let (code, said) = python(&bad, &format!("{what}{i}")).expect("python3");
            assert!(code == 1 && said.starts_with("invalid: "), "{what}: {code} {said}");
        }
    }
}

fn id() -> DrawId {
    DrawId::from_uuid(Uuid::from_u128(7))
}

fn sealed(seed: &str) -> NewDraw {
    NewDraw { method: Method::SealedSeed, commitment: Some(commitment(seed).to_uppercase()), source: None, number: 1 }
}

fn prepare(new: NewDraw, state: State, receipts: Vec<String>, by: &Actor) -> Result<Draw, DrawRefusal> {
    Draw::prepare(id(), new, receipts, &round_in(state), by, now()).map(|done| done.into_parts().0)
}

#[test]
fn a_sealed_draw_is_opened_once_and_only_with_its_own_seed() {
    let mut receipts = names(20);
    receipts.reverse();
    let draw = prepare(sealed("secret"), State::Listed, receipts, &admin()).expect("prepared");
    assert_eq!((draw.order(), draw.facts().document.order.len()), (None, 0));
    assert_eq!(draw.facts().document.roster, names(20), "sorted, so that nobody deals out the numbers");
    let open = |seed: &str| Reveal::SealedSeed { seed: seed.to_owned(), public_numbers: Some("5 8".to_owned()) };
    assert_eq!(draw.clone().reveal(open("other"), &admin(), now()).map(|_| ()), Err(DrawRefusal::CommitmentMismatch));
    assert_eq!(draw.clone().reveal(Reveal::Ring { start: 1, interval: 1 }, &admin(), now()).map(|_| ()), Err(DrawRefusal::OtherMethod));
    let open_draw = draw.reveal(open("secret"), &admin(), now()).expect("revealed").into_parts().0;
    assert_eq!(open_draw.order(), Some(sealed_order(&names(20), "secret", "5 8").as_slice()));
    assert_eq!(verify(&open_draw.facts().document), []);
    assert_eq!(open_draw.reveal(open("secret"), &admin(), now()).map(|_| ()), Err(DrawRefusal::RevealedAlready));
}

#[test]
fn a_ring_takes_numbers_within_its_roster() {
    let ring = || NewDraw { method: Method::Ring, commitment: None, source: None, number: 1 };
    let draw = prepare(ring(), State::Closed, names(9), &admin()).expect("prepared");
    let reveal = |start, interval| {
        draw.clone().reveal(Reveal::Ring { start, interval }, &admin(), now()).map(|done| done.value().order().map(numbers))
    };
    assert_eq!(reveal(10, 1), Err(DrawRefusal::StartOutOfRange));
    assert_eq!(reveal(0, 1), Err(DrawRefusal::StartOutOfRange));
    assert_eq!(reveal(1, 0), Err(DrawRefusal::IntervalOutOfRange));
    assert_eq!(reveal(9, 2), Ok(Some(vec![9, 2, 4, 6, 8, 3, 7, 5, 1])));
}

#[test]
fn draws_are_prepared_by_an_administrator_from_the_closing_of_the_register_on() {
    let ring = || NewDraw { method: Method::Ring, commitment: None, source: None, number: 1 };
    assert_eq!(prepare(ring(), State::Listed, names(3), &staff(Role::EnrolmentReviewer)), Err(DrawRefusal::NotForYou));
    for state in State::ALL {
        let allowed = matches!(state, State::Closed | State::Listed | State::Announced);
        assert_eq!(prepare(ring(), *state, names(3), &admin()).is_ok(), allowed, "{state}");
    }
    assert_eq!(prepare(ring(), State::Listed, vec![], &admin()), Err(DrawRefusal::RosterInvalid));
    assert_eq!(prepare(ring(), State::Listed, vec!["A".to_owned(); 2], &admin()), Err(DrawRefusal::RosterInvalid));
    assert_eq!(
        prepare(NewDraw { commitment: None, ..sealed("s") }, State::Listed, names(3), &admin()),
        Err(DrawRefusal::CommitmentMissing)
    );
    let malformed = NewDraw { commitment: Some("12".to_owned()), ..sealed("s") };
    assert_eq!(prepare(malformed, State::Listed, names(3), &admin()), Err(DrawRefusal::CommitmentMalformed));
    let idle = NewDraw { method: Method::Ring, ..sealed("s") };
    assert_eq!(prepare(idle, State::Listed, names(3), &admin()), Err(DrawRefusal::CommitmentUnexpected));
}

#[test]
fn numbers_whose_source_was_published_cannot_be_chosen_when_the_seed_is_opened() {
    let source = |name: &str, digits| Some(PublicSource { name: name.to_owned(), digits });
    let new = || NewDraw { source: source("体彩 7 月 20 日", 4), ..sealed("secret") };
    let draw = prepare(new(), State::Listed, names(9), &admin()).expect("prepared");
    assert_eq!((draw.facts().document.public_source.as_deref(), draw.facts().document.public_digits), (Some("体彩 7 月 20 日"), Some(4)));
    let open = |numbers: Option<&str>| {
        let reveal = Reveal::SealedSeed { seed: "secret".to_owned(), public_numbers: numbers.map(str::to_owned) };
        draw.clone().reveal(reveal, &admin(), now()).map(|done| done.into_parts().0)
    };
    for wrong in [None, Some(""), Some("070"), Some("07 11 1")] {
        assert_eq!(open(wrong), Err(DrawRefusal::PublicNumbersMissing), "{wrong:?}");
    }
    let (one, other) = (open(Some("07 11")).expect("revealed"), open(Some("0711")).expect("revealed"));
    assert_eq!(one.order(), other.order(), "one number has one spelling");
    let document = one.facts().document.clone();
    assert_eq!(verify(&document), []);
    for wrong in [None, Some("07 11".to_owned()), Some("071".to_owned())] {
        let changed = DrawDocument { public_numbers: wrong, ..document.clone() };
        assert!(verify(&changed).contains(&Reason::PublicNumbersDiffer));
    }
    for source in [source(" ", 4), source("体彩", 0), source("体彩", 201)] {
        assert_eq!(prepare(NewDraw { source, ..sealed("s") }, State::Listed, names(3), &admin()), Err(DrawRefusal::SourceMalformed));
    }
    let ring = NewDraw { method: Method::Ring, commitment: None, source: source("体彩", 4), number: 1 };
    assert_eq!(prepare(ring, State::Listed, names(3), &admin()), Err(DrawRefusal::SourceMalformed));
}
