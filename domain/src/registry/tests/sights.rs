//! Who sees what, and how a mask is lifted.

use super::*;
use crate::actor::{Forbidden, Role};
use crate::registry::sight::{Mask, RevealField, RevealReason, Revealer, Sight, export_people, reveal};

fn is(role: Role) -> Actor {
    actor(50, &[(role, here())])
}

#[test]
fn a_grid_worker_sees_the_homes_of_their_grids_only() {
    let sight = Sight::of(&grid_worker(), vec![north()]);
    assert!(sight.sees(here(), Some(north())));
    assert!(!sight.sees(here(), Some(south())) && !sight.sees(here(), None));
    assert!(!sight.sees(elsewhere(), Some(north())), "a grid of another community is none of theirs, whatever its id");
    assert!(sight.sees_person(here(), &[Some(south()), Some(north())]) && !sight.sees_person(here(), &[]));
}

#[test]
fn administrators_see_all_of_their_community_and_residents_nothing() {
    let sight = Sight::of(&admin(), vec![]);
    assert!(sight.sees(here(), None) && sight.sees_person(here(), &[]) && !sight.sees(elsewhere(), None));
    let nobody = Sight::of(&resident(10), vec![north()]);
    assert!(!nobody.sees(here(), Some(north())));
}

#[test]
fn keepers_are_administrators_and_grid_workers() {
    for role in Role::ALL {
        let keeps = Keeper::of(&is(*role), here(), vec![north()]);
        let expected = matches!(role, Role::CommunityAdmin | Role::PlatformAdmin | Role::GridWorker);
        assert_eq!(keeps.is_ok(), expected, "{role}");
        assert_eq!(Keeper::of(&is(*role), elsewhere(), vec![north()]), Err(Forbidden));
    }
}

#[test]
fn no_view_holds_a_whole_number_or_telephone() {
    let who = person(1);
    for mask in [Mask::Shadow, Mask::Outline, Mask::Plain] {
        let view = format!("{:?}", who.shown(mask));
        assert!(!view.contains("11010519491231002X") && !view.contains("13812345678"), "{view}");
    }
}

#[test]
fn what_is_shown_of_a_person_goes_by_role() {
    let who = person(1);
    let shown = |role: Role| {
        let view = who.shown(Mask::of(&is(role), &is(role).roles_in(here())));
        (view.name, view.id_number_masked, view.phone_masked, view.born)
    };
    let text = |t: &str| Some(t.to_owned());
    assert_eq!(shown(Role::GridWorker), ("赵样一".to_owned(), text("1****************X"), text("138******78"), text("1949-12-31")));
    assert_eq!(shown(Role::EnrolmentReviewer), ("赵*一".to_owned(), text("1****************X"), None, text("1949")));
    assert_eq!(shown(Role::PropertyManager), ("赵*一".to_owned(), None, None, None));
    let far = is(Role::GridWorker);
    assert_eq!(Mask::of(&far, &far.roles_in(elsewhere())), Mask::Shadow);
}

#[test]
fn a_second_role_shows_nobody_as_the_first_one_would_elsewhere() {
    let both = actor(50, &[(Role::GridWorker, here()), (Role::PropertyManager, here())]);
    let sight = Sight::of(&both, vec![north()]);
    assert!(sight.sees_person(here(), &[Some(south())]), "a property manager sees every home");
    let mask = |grids: &[Option<GridId>]| Mask::of(&both, &sight.roles_at(&both, here(), grids));
    assert_eq!((mask(&[Some(south())]), mask(&[]), mask(&[Some(north())])), (Mask::Shadow, Mask::Shadow, Mask::Plain));
    let watching = Sight::watching(&both, vec![north()]);
    assert!(watching.sees(here(), Some(north())) && !watching.sees(here(), Some(south())));
    assert_eq!((sight.within(here()), watching.within(here())), (Some(Grids::All), Some(Grids::Only(vec![north()]))));
    let auditor = actor(51, &[(Role::Auditor, elsewhere()), (Role::PropertyManager, here())]);
    let watching = Sight::watching(&auditor, vec![]);
    assert!(watching.sees(elsewhere(), None) && !watching.sees(here(), None), "an auditor of one community watches that one");
}

fn lift(fields: &[RevealField], why: &str, by: &Actor, grids: &[Option<GridId>]) -> Result<crate::registry::sight::Revealed, Refusal> {
    let revealer = Revealer::of(by, here(), vec![north()], Some(here()))?;
    let why = RevealReason::new(why).expect("a line");
    reveal(&person(1), grids, Some(id(10)), (fields, &why), &revealer, now())
}

#[test]
fn a_mask_is_lifted_for_a_reason_from_the_fields_that_were_asked_and_the_person_is_told() {
    let all = [RevealField::Phone, RevealField::IdNumber, RevealField::Phone];
    let shown = lift(&all, "入户核实", &grid_worker(), &[Some(north())]).expect("revealed");
    let number = (RevealField::IdNumber, Some("11010519491231002X".to_owned()));
    assert_eq!(shown.values, [number, (RevealField::Phone, Some("13812345678".to_owned()))]);
    assert_eq!((shown.event.kind, shown.event.by, shown.event.note.as_deref()), ("person.revealed", Some(id(21)), Some("入户核实")));
    assert_eq!(shown.event.notices.iter().map(|n| n.to).collect::<Vec<_>>(), [id(10)]);
    let log = format!("{shown:?} {:?}", shown.event);
    assert!(!log.contains("11010519491231002X") && !log.contains("13812345678"));
}

#[test]
fn a_mask_is_not_lifted_without_right_reason_or_field() {
    let phone = &[RevealField::Phone];
    assert_eq!(lift(phone, "入户核实", &grid_worker(), &[Some(south())]), Err(Refusal::NotForYou));
    assert_eq!(lift(phone, "入户核实", &is(Role::Auditor), &[Some(north())]), Err(Refusal::NotForYou));
    assert_eq!(faults(lift(phone, "看一看", &grid_worker(), &[Some(north())])), fault("/reason", "reason_too_short"));
    assert_eq!(faults(lift(&[], "入户核实", &grid_worker(), &[Some(north())])), fault("/fields", "fields_missing"));
}

#[test]
fn a_client_program_lifts_masks_with_the_scope_and_in_its_community_only() {
    let client =
        |scope: &str| Actor { id: id(60), kind: PrincipalKind::Client, session: None, grants: vec![], scopes: vec![scope.to_owned()] };
    assert!(lift(&[RevealField::Phone], "入户核实", &client("people:reveal"), &[]).is_ok());
    assert_eq!(lift(&[RevealField::Phone], "入户核实", &client("people:read"), &[]), Err(Refusal::NotForYou));
    assert_eq!(Revealer::of(&client("people:reveal"), here(), vec![], Some(elsewhere())), Err(Refusal::NotForYou));
}

#[test]
fn people_leave_as_a_file_only_with_an_event_and_with_whole_numbers_only_for_a_reason() {
    let by = admin_keeper();
    let masked = export_people(None, &by, now()).expect("masks need no reason");
    assert_eq!((masked.kind, masked.note.clone()), ("people.exported", None));
    let reason = RevealReason::new("数据迁移").expect("a reason");
    let whole = export_people(Some(&reason), &by, now()).expect("a reason was given");
    assert_eq!(whole.note.as_deref(), Some("数据迁移"));
    assert_ne!(whole.data, masked.data, "the two can be told apart without the reason");
    let short = RevealReason::new("导出").expect("a line");
    assert_eq!(faults(export_people(Some(&short), &by, now())), fault("/reason", "reason_too_short"));
}
