//! Guardians and those for whom they answer.

use super::*;
use crate::kernel::time::Date;

fn born(year: i32) -> Option<Date> {
    Date::from_ymd_opt(year, 5, 1)
}

fn kin() -> Kin {
    Kin { minor_born_on: born(2012), guardian_born_on: born(1984), share_a_home: true }
}

fn give(kin: &Kin) -> Result<Changed<GuardianConsent>, Refusal> {
    let text = TextVersion::new("2026-01").expect("a version");
    let by = resident(9).resident().expect("a resident");
    GuardianConsent::give(id(1), &published(draft()), text, (resident(1).id, kin), &by, start())
}

#[test]
fn an_adult_of_the_same_home_answers_for_a_minor() {
    let consent = give(&kin()).expect("given").kept();
    assert_eq!((consent.minor, consent.guardian, consent.is_live()), (resident(1).id, resident(9).id, true));
    assert_eq!(consent.word().version, "2026-01");
}

#[test]
fn nobody_answers_for_strangers_adults_or_without_being_of_age() {
    for other in [
        Kin { share_a_home: false, ..kin() },
        Kin { guardian_born_on: born(2010), ..kin() },
        Kin { guardian_born_on: None, ..kin() },
        Kin { share_a_home: false, minor_born_on: born(1990), ..kin() },
    ] {
        assert_eq!(give(&other).map(drop), Err(Refusal::NotTheirGuardian));
    }
    assert_eq!(give(&Kin { minor_born_on: born(1990), ..kin() }).map(drop), Err(Refusal::NotAMinor));
    assert_eq!(give(&Kin { minor_born_on: None, ..kin() }).map(drop), Err(Refusal::NotAMinor));
    let text = TextVersion::new("2026-01").expect("a version");
    let own =
        GuardianConsent::give(id(1), &published(draft()), text, (resident(9).id, &kin()), &resident(9).resident().expect("one"), start());
    assert_eq!(own.map(drop), Err(Refusal::NotTheirGuardian));
}

#[test]
fn the_guardian_alone_withdraws_and_once() {
    let consent = give(&kin()).expect("given").kept();
    assert_eq!(consent.clone().withdraw(&resident(1), start()).map(drop), Err(Refusal::NotForYou));
    let gone = consent.withdraw(&resident(9), start()).expect("withdrawn").kept();
    assert!(!gone.is_live());
    assert_eq!(gone.withdraw(&resident(9), start()).map(drop), Err(Refusal::WrongState { state: "withdrawn" }));
}

#[test]
fn with_the_consent_goes_what_has_not_begun() {
    let mut table = Table::new(1, 1);
    table.sign_up(volunteer(1), start()).expect("a place");
    let gone = table.load(id(1), start()).without_consent(&table.pool(), &resident(9), start()).expect("an end");
    assert_eq!((gone.movement.taken, gone.sign_up.value().facts().state), (-1, State::Cancelled));
    assert_eq!(gone.sign_up.events()[0].notices.len(), 1, "the minor is told");
    assert!(table.load(id(1), begins()).without_consent(&table.pool(), &resident(9), begins()).is_none());
}

#[test]
fn who_has_moved_out_answers_for_nobody_any_more() {
    let consent = give(&kin()).expect("given").kept();
    let today = start().date();
    assert!(consent.holds(&kin(), today));
    assert!(!consent.holds(&Kin { share_a_home: false, ..kin() }, today));
    assert!(!consent.holds(&Kin { guardian_born_on: None, ..kin() }, today));
    assert_eq!((consent.state(), consent.allowed_actions(&resident(9))), (ConsentState::Given, vec![ConsentAction::Withdraw]));
    assert_eq!(consent.allowed_actions(&resident(1)), []);
    let gone = consent.lapse(start()).expect("it held").kept();
    assert!(!gone.holds(&kin(), today) && gone.allowed_actions(&resident(9)).is_empty());
    assert_eq!((gone.state(), gone.lapse(start())), (ConsentState::Withdrawn, None));
}
