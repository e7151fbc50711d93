//! Demo data: the right sizes, the same every time, and nobody real.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::registry::demo::{Like, generate};
use crate::registry::import::{Extras, Header, Kind, PersonRow, RegistryRow};

#[test]
fn every_community_has_its_published_size() {
    for like in Like::ALL {
        let (demo, size) = (generate(*like, 7, today()), like.size());
        let homes: Vec<RegistryRow> = demo.homes().collect();
        let distinct = |of: &dyn Fn(&RegistryRow) -> String| homes.iter().map(of).collect::<HashSet<_>>().len();
        assert_eq!(homes.len(), size.homes, "{like}");
        assert_eq!(homes.iter().map(RegistryRow::key).collect::<HashSet<_>>().len(), size.homes, "{like}: every home is another");
        assert_eq!(distinct(&|h| h.estate.clone()), size.estates, "{like}");
        assert_eq!(distinct(&|h| h.grid.clone().unwrap_or_default()), size.grids, "{like}");
        assert_eq!(distinct(&|h| format!("{} {}", h.estate, h.building)), size.buildings, "{like}");
        assert_eq!(distinct(&|h| format!("{} {} {}", h.estate, h.building, h.unit)), size.units, "{like}");
        assert_eq!(demo.people().count(), size.people, "{like}");
        assert_eq!(Like::read(like.chinese()), Some(*like));
    }
    let size = Like::Gongdian.size();
    assert_eq!((size.grids, size.buildings, size.homes, size.people), (10, 86, 2911, 6812));
}

#[test]
fn a_seed_gives_the_same_data_every_time_and_another_seed_other_data() {
    let of = |seed: u64| generate(Like::Gongdian, seed, today()).people().take(300).collect::<Vec<PersonRow>>();
    assert!(of(1) == of(1));
    assert!(of(1) != of(2));
    let homes = |seed: u64| generate(Like::Gongdian, seed, today()).homes().collect::<Vec<_>>();
    assert!(homes(1) == homes(1) && homes(1) != homes(2));
}

#[test]
fn numbers_pass_their_check_belong_to_one_person_each_and_to_no_real_region() {
    let demo = generate(Like::Fenghu, 3, today());
    let mut seen = HashSet::new();
    for row in demo.people() {
        let document = row.person.document.as_ref().expect("a document");
        assert!(document.expose().starts_with("99") && document.expose().parse::<crate::kernel::idcard::ResidentIdNumber>().is_ok());
        assert!(seen.insert(document.expose().to_owned()));
        assert_eq!(document.born_on(), row.person.born_on);
        assert!(row.person.phone.as_ref().is_none_or(|p| p.expose().starts_with("140")));
        assert!(row.person.name.contains(['样', '例', '拟', '试', '仿']));
    }
}

#[test]
fn demo_rows_come_in_by_the_door_of_an_import() {
    let demo = generate(Like::Mingzhu, 5, today());
    let columns: Vec<&str> = Kind::People.columns().collect();
    let people = Header::read(Kind::People, &columns, Extras::Refuse).expect("a header");
    for (n, row) in demo.people().enumerate() {
        let fields = row.fields(&[]);
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let read = people.cells(n as u64 + 2, &fields).map(|cells| PersonRow::parse(&cells, today()));
        assert!(read.is_ok_and(|read| read.is_ok_and(|read| read == row)), "row {n}");
    }
}

#[test]
fn what_the_people_of_a_demo_home_say_is_what_its_colour_says() {
    let demo = generate(Like::Shinan, 11, today());
    let mut people: HashMap<HomeKey, Vec<PersonRow>> = HashMap::new();
    for row in demo.people() {
        people.entry(row.home()).or_default().push(row);
    }
    let keeper = admin_keeper();
    for (n, row) in demo.homes().enumerate() {
        let home = home_in(n as u128, None);
        let mut facts: Vec<Fact> = vec![];
        for (k, who) in people.remove(&row.key()).unwrap_or_default().iter().enumerate() {
            let person = Person { id: id(k as u128 + 1), born_on: who.person.born_on, ..person(1) };
            for draft in who.facts(today()) {
                let household = Household { person: &person, home: &home, around: &facts };
                let fact = Fact::record(id(facts.len() as u128), draft, household, Source::Import, &keeper, now()).expect("a sound fact");
                facts.push(saved(fact));
            }
        }
        let shown = shown(row.occupancy, &facts, today());
        assert!(!shown.contradiction, "{row:?} {shown:?}");
        assert!(facts.is_empty() || Some(shown.derived) == row.occupancy, "{row:?} {shown:?}");
    }
    assert!(people.is_empty(), "nobody lives in a home that does not exist");
}
