//! Places and what a keeper says of them.

use proptest::prelude::*;

use super::*;
use crate::actor::CommunityAdmin;

fn by() -> CommunityAdmin {
    admin().admin_of(here()).expect("an administrator")
}

fn named(name: &str) -> PlaceDraft<'_> {
    PlaceDraft { name, external_code: None }
}

fn estate() -> Estate {
    saved(Estate::create(id(1), named("田庵花苑"), &by(), now()).expect("an estate"))
}

fn grid() -> Grid {
    saved(Grid::create(north(), named("第一网格"), vec![id(21), id(21)], &by(), now()).expect("a grid"))
}

fn building() -> Building {
    saved(Building::create(id(1), &estate(), Some(&grid()), named("十二号楼"), &by(), now()).expect("a building"))
}

fn flat<'a>(unit: &'a str, number: &'a str) -> HomeDraft<'a> {
    HomeDraft { unit, floor: Some(3), number, area: None, external_code: None }
}

#[test]
fn places_keep_their_names_and_compare_by_their_keys() {
    assert_eq!((building().name.as_str(), building().key.as_str()), ("十二号楼", "12"));
    assert_eq!(grid().staff, [id(21)], "each once");
    let home = saved(Home::create(id(1), &building(), flat("二单元", "３０１室"), &north_keeper(), now()).expect("a home"));
    assert_eq!(home.key(), ("2".to_owned(), "301".to_owned()));
    assert_eq!(home.grid, Some(north()));
    assert_eq!(home.full_key(&estate(), &building()).address(), "田庵花苑12栋2单元301");
}

#[test]
fn a_home_needs_a_number_and_a_floor_that_exists() {
    let refused = |draft: HomeDraft| faults(Home::create(id(1), &building(), draft, &north_keeper(), now()));
    assert_eq!(refused(flat("", "号")), fault("/number", "blank"), "a mark alone is no number");
    assert_eq!(refused(flat("", "")), fault("/number", "blank"));
    assert_eq!(refused(HomeDraft { floor: Some(-10), ..flat("", "1") }), fault("/floor", "out_of_range"));
    assert_eq!(refused(HomeDraft { external_code: Some("a b"), ..flat("", "1") }), fault("/external_code", "external_code_format"));
}

#[test]
fn what_belongs_to_different_communities_is_not_joined() {
    let far = Estate { community: elsewhere(), ..estate() };
    assert_eq!(Building::create(id(1), &far, None, named("1"), &by(), now()), Err(Refusal::OtherCommunity));
    let theirs = Grid { community: elsewhere(), ..grid() };
    assert_eq!(building().into_grid(Some(&theirs), &by(), now()), Err(Refusal::OtherCommunity));
    let group = saved(EstateGroup::create(id(1), named("东片组团"), &by(), now()).expect("a group"));
    assert_eq!(estate().join(Some(&EstateGroup { community: elsewhere(), ..group.clone() }), &by(), now()), Err(Refusal::OtherCommunity));
    assert_eq!(saved(estate().join(Some(&group), &by(), now()).expect("joined")).group, Some(group.id));
}

#[test]
fn a_grid_worker_adds_homes_and_sets_occupancy_in_their_grids_only() {
    let outside = Building { grid: Some(south()), ..building() };
    assert_eq!(Home::create(id(1), &outside, flat("", "1"), &north_keeper(), now()), Err(Refusal::NotForYou));
    assert_eq!(home_in(1, Some(south())).set_occupancy(Occupancy::Rented, &north_keeper(), now()), Err(Refusal::NotForYou));
    assert!(home_in(1, None).set_occupancy(Occupancy::Rented, &admin_keeper(), now()).is_ok());
}

#[test]
fn a_corrected_home_remembers_each_value_it_had_and_an_equal_one_leaves_no_trace() {
    let draft = HomeDraft { unit: "1单元", floor: Some(3), number: "301", area: None, external_code: None };
    assert_eq!(home(1).correct(draft, &north_keeper(), now()), Ok(None));
    let other = HomeDraft { floor: Some(4), area: Area::parse("89.5").ok(), ..draft };
    let (changed, altered) = home(1).correct(other, &north_keeper(), now()).expect("may").expect("differs");
    let altered: Vec<_> = altered.iter().map(|a| (a.field, a.before.as_deref(), a.after.as_deref())).collect();
    assert_eq!(altered, [("floor", Some("3"), Some("4")), ("area_m2", None, Some("89.5"))]);
    assert_eq!((changed.loaded(), changed.events()[0].kind), (Some(1), "home.corrected"));
    assert_eq!(home_in(1, Some(south())).correct(other, &north_keeper(), now()), Err(Refusal::NotForYou));
}

#[test]
fn setting_an_occupancy_says_who_when_and_what_it_was() {
    let once = saved(home(1).set_occupancy(Occupancy::Rented, &north_keeper(), now()).expect("set"));
    let again = once.set_occupancy(Occupancy::Vacant, &north_keeper(), now()).expect("set again");
    let event = &again.events()[0];
    let datum = |name: &str| serde_json::to_value(event.data.get(name)).expect("JSON");
    assert_eq!((datum("before"), datum("status")), ("rented".into(), "vacant".into()));
    assert_eq!((again.loaded(), again.value().version), (Some(2), 3));
    assert_eq!(again.value().set_occupancy, Some(SetOccupancy { status: Occupancy::Vacant, by: id(21), at: now() }));
}

#[test]
fn areas_are_read_to_the_hundredth_and_not_beyond() {
    for (text, hundredths) in
        [("89", 8900), ("89.5", 8950), ("89.53", 8953), ("89.530", 8953), ("0.05", 5), ("89.5㎡", 8950), ("100平方米", 10_000)]
    {
        assert_eq!(Area::parse(text).map(Area::hundredths), Ok(hundredths), "{text}");
    }
    for bad in ["", ".", ".5", "89.531", "-1", "1e3", "８９", "NaN", "12345678901"] {
        assert!(Area::parse(bad).is_err(), "{bad}");
    }
    assert!(Area::from_m2(f64::NAN).is_err() && Area::from_m2(f64::INFINITY).is_err() && Area::parse("0").is_err());
}

proptest! {
    #[test]
    fn an_area_reads_back_as_it_is_written(hundredths in 1i64..=10_000_000) {
        let area = Area::from_hundredths(hundredths).expect("in range");
        prop_assert_eq!(Area::parse(&area.to_string()), Ok(area));
        prop_assert_eq!(Area::from_m2(area.m2()), Ok(area));
    }
}
