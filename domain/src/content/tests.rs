use uuid::Uuid;

use super::*;
use crate::actor::{Actor, CommunityId, Grant, PrincipalId, PrincipalKind};
use crate::kernel::time::Timestamp;

fn community(n: u128) -> CommunityId {
    CommunityId::from_uuid(Uuid::from_u128(n))
}

fn person(n: u128) -> PrincipalId {
    PrincipalId::from_uuid(Uuid::from_u128(n))
}

fn staff(role: Role, place: u128) -> Actor {
    let grants = vec![Grant { role, community: Some(community(place)) }];
    Actor { id: person(9), kind: PrincipalKind::Staff, session: None, grants, scopes: vec![] }
}

fn resident(n: u128) -> Actor {
    Actor { id: person(n), kind: PrincipalKind::Resident, session: None, grants: vec![], scopes: vec![] }
}

fn about(part: Part, item: Option<&str>) -> About {
    About { community: community(1), subject: "tkt_1".into(), part, item: item.map(str::to_owned), author: person(1) }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn held() -> Check {
    let id = CheckId::from_uuid(Uuid::from_u128(7));
    Check::hold(id, about(Part::Words, None), Verdict::because(Cause::Risky), at(0)).expect("it is held").into_parts().0
}

fn waiting() -> Check {
    Check::wait(CheckId::from_uuid(Uuid::from_u128(8)), about(Part::Photo, Some("fil_1")), at(0)).into_parts().0
}

fn reason() -> Reason {
    Reason::new("含有广告").expect("a reason")
}

#[test]
fn the_table_has_no_flaws() {
    assert_eq!(MACHINE.flaws(), Vec::<String>::new());
}

#[test]
fn an_opinion_is_judged_by_its_suggestion_and_silence_holds() {
    let opinion = |suggest| Some(Opinion { suggest, label: Some(10001) });
    assert_eq!(Verdict::of(opinion(Suggest::Pass)), Verdict::Pass);
    assert_eq!(Verdict::of(opinion(Suggest::Review)), Verdict::Hold { cause: Cause::Review, label: Some(10001) });
    assert_eq!(Verdict::of(opinion(Suggest::Risky)), Verdict::Hold { cause: Cause::Risky, label: Some(10001) });
    assert_eq!(Verdict::of(None), Verdict::because(Cause::Away));
    assert!(Check::hold(CheckId::from_uuid(Uuid::from_u128(7)), about(Part::Words, None), Verdict::Pass, at(0)).is_none());
}

#[test]
fn a_held_part_is_there_for_its_author_and_for_reviewers_alone() {
    let check = held();
    let hides = |who: &Actor| Withheld::of([&check], who).hides(Part::Words, None);
    assert!(!hides(&resident(1)) && !hides(&staff(Role::Dispatcher, 1)) && !hides(&staff(Role::CommunityAdmin, 1)));
    let program = Actor { kind: PrincipalKind::Client, ..staff(Role::CommunityAdmin, 1) };
    assert!(hides(&program), "a program's users are not its owner");
    assert!(hides(&resident(2)) && hides(&staff(Role::RepairWorker, 1)) && hides(&staff(Role::Dispatcher, 2)));
    let withheld = Withheld::of([&check], &resident(1));
    assert_eq!(withheld.parts(), [Part::Words], "the author learns that others do not see it");
}

#[test]
fn only_the_item_that_is_held_is_hidden() {
    let withheld = Withheld::of([&waiting()], &resident(2));
    assert!(withheld.hides(Part::Photo, Some("fil_1")));
    assert!(!withheld.hides(Part::Photo, Some("fil_2")) && !withheld.hides(Part::Words, None));
}

#[test]
fn what_was_approved_or_passed_is_for_everybody() {
    let approved = held().approve(&staff(Role::Dispatcher, 1), at(5)).expect("approved").into_parts().0;
    let passed = waiting().judged(Verdict::Pass, at(5)).expect("passed").into_parts().0;
    assert_eq!(Withheld::of([&approved, &passed], &resident(2)), Withheld::default());
}

#[test]
fn only_reviewers_of_the_community_decide_and_once() {
    for who in [resident(1), staff(Role::RepairWorker, 1), staff(Role::Auditor, 1), staff(Role::CommunityAdmin, 2)] {
        assert_eq!(held().approve(&who, at(5)).err(), Some(Refusal::NotForYou));
        assert_eq!(held().allowed_actions(&who), []);
    }
    let reviewer = staff(Role::CommunityAdmin, 1);
    assert_eq!(held().allowed_actions(&reviewer), [Action::Approve, Action::Reject]);
    let rejected = held().reject(reason(), &reviewer, at(5)).expect("rejected");
    assert_eq!(rejected.events()[0].note.as_deref(), Some("含有广告"));
    assert_eq!(rejected.events()[0].notices[0].to, person(1), "the author is told");
    let rejected = rejected.into_parts().0;
    assert_eq!(rejected.clone().approve(&reviewer, at(6)).err(), Some(Refusal::WrongState));
    assert_eq!(Withheld::of([&rejected], &resident(2)).parts(), [Part::Words], "it stays with its author");
}

#[test]
fn a_late_verdict_counts_until_somebody_has_decided() {
    let late = waiting().judged(Verdict::because(Cause::NoVerdict), at(5)).expect("held").into_parts().0;
    assert_eq!(late.facts().state, State::Held);
    assert!(late.clone().judged(Verdict::because(Cause::Risky), at(6)).is_none(), "it is held already");
    let passed = late.clone().judged(Verdict::Pass, at(6)).expect("passed").into_parts().0;
    assert_eq!((passed.facts().state, passed.facts().cause), (State::Passed, None));
    let rejected = late.reject(reason(), &staff(Role::Dispatcher, 1), at(6)).expect("rejected").into_parts().0;
    assert!(rejected.judged(Verdict::Pass, at(7)).is_none());
}
