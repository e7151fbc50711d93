//! Rules of the registry, each by the name of its test.

mod addresses;
mod bindings;
mod demo;
mod facts;
mod imports;
mod people;
mod places;
mod proposals;
mod sights;

use uuid::Uuid;

use super::*;
use crate::actor::{Actor, CommunityId, Grant, PrincipalKind, Role};
use crate::kernel::changed::Changed;
use crate::kernel::id::{Id, Kind};
use crate::kernel::time::{Date, Timestamp};

fn id<K: Kind>(n: u128) -> Id<K> {
    Id::from_uuid(Uuid::from_u128(n))
}

fn day(text: &str) -> Date {
    text.parse().expect("a date")
}

/// A Saturday in November; [`today`] by the wall clock.
fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T10:00:00+08:00").expect("an instant")
}

fn today() -> Date {
    now().date()
}

fn here() -> CommunityId {
    id(1)
}

fn elsewhere() -> CommunityId {
    id(2)
}

fn north() -> GridId {
    id(1)
}

fn south() -> GridId {
    id(2)
}

fn actor(n: u128, grants: &[(Role, CommunityId)]) -> Actor {
    let kind = if grants.is_empty() { PrincipalKind::Resident } else { PrincipalKind::Staff };
    let grants = grants.iter().map(|(role, community)| Grant { role: *role, community: Some(*community) }).collect();
    Actor { id: id(n), kind, session: None, grants, scopes: vec![] }
}

fn admin() -> Actor {
    actor(20, &[(Role::CommunityAdmin, here())])
}

fn grid_worker() -> Actor {
    actor(21, &[(Role::GridWorker, here())])
}

fn resident(n: u128) -> Actor {
    actor(n, &[])
}

fn admin_keeper() -> Keeper {
    Keeper::of(&admin(), here(), vec![]).expect("an administrator keeps all")
}

fn north_keeper() -> Keeper {
    Keeper::of(&grid_worker(), here(), vec![north()]).expect("a grid worker keeps grids")
}

fn reason() -> Reason {
    Reason::new("上门核实").expect("a reason")
}

fn home_in(n: u128, grid: Option<GridId>) -> Home {
    Home {
        id: id(n),
        version: 1,
        community: here(),
        building: id(1),
        grid,
        unit: "1单元".to_owned(),
        floor: Some(3),
        number: format!("{}", 300 + n),
        area: None,
        set_occupancy: None,
        external_code: None,
    }
}

fn home(n: u128) -> Home {
    home_in(n, Some(north()))
}

fn draft() -> PersonDraft<'static> {
    PersonDraft {
        name: "赵样一",
        document: Some((DocumentType::ResidentId, "11010519491231002X")),
        sex: None,
        born_on: None,
        phone: Some("138 1234 5678"),
        external_code: None,
    }
}

fn person(n: u128) -> Person {
    let made = Person::create(id(n), draft(), false, &admin_keeper(), now()).expect("a person");
    saved(made)
}

fn saved<T>(changed: Changed<T>) -> T {
    changed.into_parts().0
}

/// The codes of the faults, with their pointers.
fn faults<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Vec<(String, &'static str)> {
    match result.expect_err("it was to be refused") {
        Refusal::Invalid(faults) => faults.into_iter().map(|f| (f.pointer, f.code)).collect(),
        other => vec![(String::new(), other.code())],
    }
}

fn fault(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), code)]
}
