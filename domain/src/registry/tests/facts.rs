//! Household facts: intervals, shares, sole residences, two clocks; and what they say of a home.

use proptest::prelude::*;

use super::*;
use crate::registry::fact::most_owned;

fn within<'a>(person: &'a Person, home: &'a Home, around: &'a [Fact]) -> Household<'a> {
    Household { person, home, around }
}

fn record(n: u128, draft: FactDraft, who: &Person, home: &Home, around: &[Fact]) -> Result<Fact, Refusal> {
    Fact::record(id(n), draft, within(who, home, around), Source::Keeper, &north_keeper(), now()).map(saved)
}

fn owns(share: &str, from: &str, until: Option<&str>) -> FactDraft {
    FactDraft {
        until: until.map(day),
        share: Some(Share::parse(share).expect("a share")),
        ..FactDraft::plain(FactKind::Ownership, day(from))
    }
}

fn lives(from: &str, until: Option<&str>, sole: bool) -> FactDraft {
    FactDraft { until: until.map(day), sole, ..FactDraft::plain(FactKind::Residence, day(from)) }
}

#[test]
fn owners_together_never_hold_more_than_the_whole_on_any_day() {
    let (a, b, c) = (person(1), person(2), person(3));
    let first = record(1, owns("60%", "2020-01-01", None), &a, &home(1), &[]).expect("sixty");
    let all = [first.clone()];
    assert_eq!(faults(record(2, owns("41%", "2021-01-01", None), &b, &home(1), &all)), fault("/share", "shares_exceed_whole"));
    assert!(record(2, owns("40%", "2021-01-01", None), &b, &home(1), &all).is_ok());
    assert!(record(2, owns("100%", "2019-01-01", Some("2020-01-01")), &c, &home(1), &all).is_ok(), "sold on the day it was bought");
    assert!(record(2, owns("100%", "2021-01-01", None), &b, &home(2), &all).is_ok(), "another home");
}

#[test]
fn three_thirds_are_no_more_than_a_whole() {
    let mut all: Vec<Fact> = vec![];
    for n in 1..=3 {
        let fact = record(n, owns("1/3", "2020-01-01", None), &person(n), &home(1), &all).expect("a third");
        all.push(fact);
    }
    assert_eq!(most_owned(&all), 9999);
}

proptest! {
    #[test]
    fn whatever_shares_are_recorded_the_sum_stays_within_the_whole(tries in prop::collection::vec((1u128..6, 1i64..8000, 0u64..400, prop::option::of(1u64..400)), 1..30)) {
        let mut all: Vec<Fact> = vec![];
        for (n, (who, points, from, length)) in tries.into_iter().enumerate() {
            let from = day("2020-01-01") + chrono::Days::new(from);
            let draft = FactDraft {
                share: Share::basis_points(points).ok(),
                until: length.map(|l| from + chrono::Days::new(l)),
                ..FactDraft::plain(FactKind::Ownership, from)
            };
            if let Ok(fact) = record(n as u128 + 1, draft, &person(who), &home(1), &all) {
                all.push(fact);
            }
            for d in 0..820 {
                let on = day("2020-01-01") + chrono::Days::new(d);
                let sum: i64 = as_of(&all, on).filter_map(|f| f.share).map(Share::points).sum();
                prop_assert!(sum <= Share::WHOLE, "{sum} on {on}");
            }
        }
    }

    #[test]
    fn a_person_has_one_sole_residence_and_one_hukou_on_any_day(tries in prop::collection::vec((1u128..4, any::<bool>(), any::<bool>(), 0u64..60, prop::option::of(1u64..60)), 1..25)) {
        let who = person(1);
        let mut all: Vec<Fact> = vec![];
        for (n, (at, hukou, sole, from, length)) in tries.into_iter().enumerate() {
            let from = day("2020-01-01") + chrono::Days::new(from);
            let kind = if hukou { FactKind::Hukou } else { FactKind::Residence };
            let draft = FactDraft { sole: sole && !hukou, until: length.map(|l| from + chrono::Days::new(l)), ..FactDraft::plain(kind, from) };
            if let Ok(fact) = record(n as u128 + 1, draft, &who, &home(at), &all) {
                all.push(fact);
            }
        }
        for d in 0..130 {
            let on = day("2020-01-01") + chrono::Days::new(d);
            prop_assert!(as_of(&all, on).filter(|f| f.kind == FactKind::Hukou).count() <= 1);
            prop_assert!(as_of(&all, on).filter(|f| f.sole).count() <= 1);
        }
    }

    #[test]
    fn a_share_reads_back_as_it_is_written(points in 1i64..=10_000) {
        let share = Share::basis_points(points).expect("in range");
        prop_assert_eq!(Share::parse(&share.to_string()), Ok(share));
    }
}

#[test]
fn each_broken_rule_of_a_fact_has_its_name() {
    let (who, at) = (person(1), home(1));
    let refused = |draft: FactDraft| faults(record(9, draft, &who, &at, &[]));
    assert_eq!(refused(lives("2020-02-01", Some("2020-02-01"), false)), fault("/until", "interval_backwards"));
    assert_eq!(refused(lives("1899-12-31", None, false)), [("/from".into(), "too_long_ago"), ("/from".into(), "before_birth")]);
    assert_eq!(
        refused(FactDraft { share: Share::basis_points(5).ok(), ..lives("2020-02-01", None, false) }),
        fault("/share", "share_not_owner")
    );
    assert_eq!(refused(FactDraft { sole: true, ..FactDraft::plain(FactKind::Hukou, today()) }), fault("/kind", "not_a_residence"));
    let dead = Person { deceased_on: Some(day("2020-02-01")), ..person(1) };
    assert_eq!(faults(record(9, lives("2020-02-01", None, false), &dead, &at, &[])), fault("/from", "after_death"));
    for until in [None, Some("2020-02-02")] {
        let lived = lives("2019-02-01", until, false);
        assert_eq!(faults(record(9, lived, &dead, &at, &[])), fault("/until", "after_death"), "{until:?}");
    }
    let lived = record(9, lives("2019-02-01", Some("2020-02-01"), false), &dead, &at, &[]).expect("until the day of the death");
    let known = std::slice::from_ref(&lived);
    let open = lived.clone().correct(id(10), lives("2019-02-01", None, false), reason(), within(&dead, &at, known), &north_keeper(), now());
    assert_eq!(faults(open), fault("/until", "after_death"), "nor does a correction");
    let once = record(1, lives("2020-02-01", None, true), &who, &at, &[]).expect("lives here");
    assert_eq!(
        faults(record(2, lives("2021-02-01", None, false), &who, &at, std::slice::from_ref(&once))),
        fault("/from", "already_recorded")
    );
    assert_eq!(faults(record(2, lives("2021-02-01", None, true), &who, &home(2), &[once])), fault("/sole", "sole_residence_overlap"));
    for bad in ["", "1/0", "0/3", "4/3", "0%", "100.01%", "50", "1.234%", "-1%", "½"] {
        assert!(Share::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_keeper_records_in_their_grids_and_community_only() {
    let far = home_in(1, Some(south()));
    assert_eq!(record(1, lives("2020-01-01", None, false), &person(1), &far, &[]), Err(Refusal::NotForYou));
    assert_eq!(record(1, lives("2020-01-01", None, false), &person(1), &home_in(1, None), &[]), Err(Refusal::NotForYou));
    let stranger = Person { community: elsewhere(), ..person(1) };
    assert_eq!(record(1, lives("2020-01-01", None, false), &stranger, &home(1), &[]), Err(Refusal::OtherCommunity));
}

#[test]
fn a_correction_keeps_what_was_thought_before_and_who_thought_it() {
    let (who, at) = (person(1), home(1));
    let first = record(1, lives("2020-01-01", None, false), &who, &at, &[]).expect("lives here");
    let later = now().plus_seconds(3600);
    let fixed = first.clone().correct(
        id(2),
        lives("2022-01-01", None, false),
        reason(),
        within(&who, &at, std::slice::from_ref(&first)),
        &north_keeper(),
        later,
    );
    let Correction { old, new } = fixed.expect("a correction");
    assert_eq!((old.loaded(), old.value().version, old.events().len()), (Some(1), 2, 0));
    assert_eq!((new.loaded(), new.value().corrects), (None, Some(first.id)));
    assert_eq!(new.events().iter().map(|e| e.kind).collect::<Vec<_>>(), ["household_fact.corrected"]);
    let all = [saved(old), saved(new)];
    assert_eq!(as_of(&all, day("2021-01-01")).count(), 0);
    assert_eq!(as_of(&all, day("2023-01-01")).count(), 1);
    assert_eq!(as_known(&all, day("2021-01-01"), now()).map(|f| f.id).collect::<Vec<_>>(), [first.id]);
    assert_eq!(as_known(&all, day("2021-01-01"), later).count(), 0);
    let again = all[0].clone().end(id(3), today(), &at, &north_keeper(), later);
    assert_eq!(again, Err(Refusal::Superseded));
}

#[test]
fn ending_a_fact_leaves_the_days_before_it_true() {
    let (who, at) = (person(1), home(1));
    let first = record(1, lives("2020-01-01", None, false), &who, &at, &[]).expect("lives here");
    assert_eq!(faults(first.clone().end(id(2), day("2020-01-01"), &at, &north_keeper(), now())), fault("/until", "interval_backwards"));
    let Correction { old, new } = first.end(id(2), day("2024-06-01"), &at, &north_keeper(), now()).expect("an end");
    let all = [saved(old), saved(new)];
    assert_eq!(as_of(&all, day("2024-05-31")).count(), 1);
    assert_eq!(as_of(&all, day("2024-06-01")).count(), 0);
    assert_eq!(derive_occupancy(&all, day("2024-06-01")), Occupancy::Vacant);
}

fn facts(of: &[(u128, FactDraft)]) -> Vec<Fact> {
    let mut all = vec![];
    for (n, (who, draft)) in of.iter().enumerate() {
        let fact = record(n as u128 + 1, *draft, &person(*who), &home(1), &all).expect("a fact");
        all.push(fact);
    }
    all
}

#[test]
fn the_facts_say_how_a_home_is_lived_in() {
    let from = "2020-01-01";
    let hukou = FactDraft::plain(FactKind::Hukou, day(from));
    let separated = FactDraft { separated: true, ..lives(from, None, false) };
    let lease = FactDraft { until: Some(day("2026-12-01")), ..FactDraft::plain(FactKind::Tenancy, day(from)) };
    let cases: &[(&[(u128, FactDraft)], Occupancy)] = &[
        (&[], Occupancy::Unknown),
        (&[(1, owns("100%", from, None))], Occupancy::Unknown),
        (&[(1, lives(from, None, true)), (1, hukou)], Occupancy::OwnerOccupied),
        (&[(1, separated)], Occupancy::OwnerAbsent),
        (&[(1, separated), (2, hukou)], Occupancy::OwnerAbsent),
        (&[(1, lives(from, None, true))], Occupancy::Unknown),
        (&[(1, hukou)], Occupancy::HukouOnly),
        (&[(1, lease), (2, hukou)], Occupancy::Rented),
        (&[(1, lives(from, Some("2021-01-01"), true)), (2, owns("100%", from, None))], Occupancy::Vacant),
        (&[(1, lives("2030-01-01", None, true))], Occupancy::Unknown),
    ];
    for (of, expected) in cases {
        assert_eq!(derive_occupancy(&facts(of), today()), *expected, "{of:?}");
    }
    assert_eq!(derive_occupancy(&facts(&[(1, lease), (2, hukou)]), day("2026-12-01")), Occupancy::HukouOnly, "the lease is over");
}

proptest! {
    #[test]
    fn between_two_turning_days_the_facts_say_the_same(spans in prop::collection::vec((0u64..30, prop::option::of(1u64..30), 0usize..3), 0..5)) {
        let first = day("2026-01-01");
        let mut all: Vec<Fact> = vec![];
        for (n, (from, length, kind)) in spans.into_iter().enumerate() {
            let from = first + chrono::Days::new(from);
            let kind = [FactKind::Residence, FactKind::Hukou, FactKind::Tenancy][kind];
            let draft = FactDraft { until: length.map(|l| from + chrono::Days::new(l)), ..FactDraft::plain(kind, from) };
            all.extend(record(n as u128 + 1, draft, &person(n as u128), &home(1), &[]));
        }
        for d in 0..70 {
            let on = first + chrono::Days::new(d);
            let turn = next_change(&all, on).unwrap_or(first + chrono::Days::new(80));
            for later in on.iter_days().take_while(|later| *later < turn).take(80) {
                prop_assert_eq!(derive_occupancy(&all, later), derive_occupancy(&all, on));
            }
        }
    }
}

#[test]
fn a_keepers_word_stands_but_a_contradiction_is_reported() {
    let lived_in = facts(&[(1, lives("2020-01-01", None, true))]);
    let at_home = facts(&[(1, lives("2020-01-01", None, true)), (1, FactDraft::plain(FactKind::Hukou, day("2020-01-01")))]);
    let look = |set: Option<Occupancy>, facts: &[Fact]| {
        let shown = shown(set, facts, today());
        (shown.status, shown.contradiction)
    };
    assert_eq!(look(None, &at_home), (Occupancy::OwnerOccupied, false));
    assert_eq!(look(Some(Occupancy::OwnerOccupied), &at_home), (Occupancy::OwnerOccupied, false));
    assert_eq!(look(Some(Occupancy::Rented), &at_home), (Occupancy::Rented, true));
    assert_eq!(look(Some(Occupancy::Unknown), &at_home), (Occupancy::Unknown, false), "doubt contradicts nothing");
    assert_eq!(look(Some(Occupancy::Vacant), &lived_in), (Occupancy::Vacant, true));
    assert_eq!(look(Some(Occupancy::OwnerAbsent), &lived_in), (Occupancy::OwnerAbsent, false));
    assert_eq!(look(Some(Occupancy::Vacant), &[]), (Occupancy::Vacant, false));
}

#[test]
fn every_occupancy_has_a_colour_of_its_own_and_reads_back_in_both_languages() {
    let mut colours: Vec<_> = Occupancy::ALL.iter().map(|o| o.colour()).collect();
    colours.sort_unstable();
    colours.dedup();
    assert_eq!(colours.len(), Occupancy::ALL.len());
    for occupancy in Occupancy::ALL {
        assert_eq!(Occupancy::read(occupancy.chinese()), Some(*occupancy));
        assert_eq!(Occupancy::read(occupancy.as_str()), Some(*occupancy));
    }
}

#[test]
fn a_death_ends_what_tied_the_person_in_every_grid() {
    let far = home_in(2, Some(south()));
    let fact = Fact::record(id(1), lives("2020-01-01", None, false), within(&person(1), &far, &[]), Source::Keeper, &admin_keeper(), now());
    let fact = saved(fact.expect("a residence"));
    let end = |fact: Fact, of: &Person, by: &Keeper| fact.end_by_death(id(2), of, by, now());
    assert_eq!(end(fact.clone(), &person(1), &north_keeper()), Err(Refusal::NotForYou), "nobody has died");
    let dead = saved(person(1).record_death(day("2026-11-01"), &[Some(north())], &north_keeper(), now()).expect("a death").0);
    assert_eq!(end(fact.clone(), &Person { id: id(9), ..dead.clone() }, &north_keeper()), Err(Refusal::NotForYou), "somebody else has");
    let far_keeper = Keeper::of(&actor(23, &[(Role::CommunityAdmin, elsewhere())]), elsewhere(), vec![]).expect("a keeper");
    assert_eq!(end(fact.clone(), &dead, &far_keeper), Err(Refusal::NotForYou));
    let Correction { old, new } = end(fact, &dead, &north_keeper()).expect("ended");
    assert_eq!(new.value().interval.until(), Some(day("2026-11-01")));
    assert_eq!(end(saved(old), &dead, &north_keeper()), Err(Refusal::Superseded));
}
