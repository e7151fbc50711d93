//! The table and the decisions say the same.

use super::*;
use crate::actor::{CommunityId, Role};

fn everybody() -> Vec<Actor> {
    let elsewhere = CommunityId::from_uuid(uuid::Uuid::from_u128(2));
    vec![
        parent(),
        stranger(),
        reviewer(1),
        reviewer(2),
        admin(),
        staff(Role::CommunityAdmin),
        staff(Role::Auditor),
        member(70, Role::PlatformAdmin, None),
        member(71, Role::EnrolmentReviewer, Some(elsewhere)),
        member(10, Role::EnrolmentAdmin, Some(here())),
        program(),
    ]
}

#[test]
fn the_table_has_no_flaws_and_ends_where_nothing_can_follow() {
    assert_eq!(MACHINE.flaws(), Vec::<String>::new());
    let ends: Vec<_> = State::ALL.iter().filter(|state| MACHINE.is_final(**state)).collect();
    assert_eq!(ends, [&State::Withdrawn, &State::Revoked]);
}

#[test]
fn what_is_allowed_is_exactly_what_is_not_refused_and_only_edges_happen() {
    let moments = [now(), calendar().register_to, at("2026-07-15T09:00"), at("2026-07-26T09:00"), calendar().confirm_to];
    let mut happened = 0;
    for state in State::ALL {
        for round in round::State::ALL {
            for moment in moments {
                let application = Application::restore(standing_in(*state, *round).facts().clone(), moment);
                let from = application.facts().state;
                for by in everybody() {
                    let allowed = application.allowed_actions(&by, moment);
                    let parties = application.parties(&by);
                    for action in Action::ALL {
                        let what = format!("{action} by {:?} in {from}, round {round}, {moment}", by.id);
                        match attempt(application.clone(), *action, &by, moment) {
                            Ok(done) => {
                                happened += 1;
                                assert!(allowed.contains(action), "{what}: happened but was not allowed");
                                let edge = MACHINE.edge(*action, from, done.value().facts().state);
                                assert!(edge.is_some_and(|e| e.who.iter().any(|p| parties.contains(p))), "{what}: no such edge");
                                assert_eq!(done.events().last().map(|event| event.kind), Some(action.event()));
                                assert_eq!(done.value().facts().version, done.loaded().expect("a version") + 1);
                            }
                            Err(refusal) => {
                                assert!(!allowed.contains(action), "{what}: allowed but refused {refusal:?}");
                                let ever = MACHINE.edges.iter().any(|e| e.action == *action && e.who.iter().any(|p| parties.contains(p)));
                                assert_eq!(refusal == Refusal::NotForYou, !ever, "{what}");
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(happened > 1000, "{happened}");
}

#[test]
fn nobody_is_told_what_they_did_themselves() {
    for state in State::ALL {
        for by in everybody() {
            for action in Action::ALL {
                if let Ok(done) = attempt(standing_in(*state, round::State::Announced), *action, &by, at("2026-07-26T09:00")) {
                    assert!(done.events().iter().all(|event| event.notices.iter().all(|notice| Some(notice.to) != event.by)));
                }
            }
        }
    }
}

#[test]
fn every_action_leaves_an_event_of_its_own_kind() {
    let kinds: std::collections::BTreeSet<_> = Action::ALL.iter().map(|action| action.event()).collect();
    assert_eq!(kinds.len(), Action::ALL.len());
    assert!(kinds.iter().all(|kind| kind.starts_with("enrolment_application.")));
}
