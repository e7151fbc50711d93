//! The tables are sound, and nothing happens beside them.

use proptest::prelude::*;

use super::*;
use crate::kernel::workflow::Machine;

#[test]
fn the_tables_have_no_flaws() {
    assert_eq!(ACTIVITY_MACHINE.flaws(), Vec::<String>::new());
    assert_eq!(SHIFT_MACHINE.flaws(), Vec::<String>::new());
    assert_eq!(MACHINE.flaws(), Vec::<String>::new());
    assert_eq!(SWAP_MACHINE.flaws(), Vec::<String>::new());
    assert_eq!(CONSENT_MACHINE.flaws(), Vec::<String>::new());
    assert_eq!(CERTIFICATE_MACHINE.flaws(), Vec::<String>::new());
}

#[test]
fn the_states_and_actions_are_those_that_callers_know() {
    let words = |machine: &Machine<State, Action, Party>| machine.view().states.join(" ");
    assert_eq!(words(&MACHINE), "confirmed waitlisted offered present done credited cancelled absent expired");
    let actions: Vec<_> = Action::ALL.iter().map(|a| a.as_str()).collect();
    for known in ["cancel", "accept-offer", "check-in", "check-out", "mark-absent", "settle"] {
        assert!(actions.contains(&known), "{known}");
    }
}

#[test]
fn every_refusal_has_a_word_of_its_own() {
    let at = start();
    let all = [
        Refusal::NotForYou,
        Refusal::WrongState { state: "" },
        Refusal::NotOpen { opens_at: None },
        Refusal::ShiftFull,
        Refusal::AlreadySignedUp,
        Refusal::TimeConflict,
        Refusal::HouseholdLimit,
        Refusal::HouseholdUnknown,
        Refusal::NotEligible { reasons: vec![] },
        Refusal::ConsentRequired,
        Refusal::Blocked { until: at },
        Refusal::UnknownPost,
        Refusal::TooLateToCancel { since: at },
        Refusal::OfferExpired { at },
        Refusal::TooEarly { from: at },
        Refusal::TooLate { since: at },
        Refusal::CodeStale,
        Refusal::CodeUnknown,
        Refusal::MinutesRequired,
        Refusal::ShiftsAhead,
        Refusal::Promised,
        Refusal::TooSmall,
        Refusal::NothingToCertify,
        Refusal::AlreadyRevoked,
        Refusal::CannotSwap,
        Refusal::TooManyProposals,
        Refusal::TooManyCertificates { again_at: at },
        Refusal::NotTheirGuardian,
        Refusal::NotAMinor,
        Refusal::LocationRequired,
        Refusal::TooFar,
        Refusal::Unsettled,
    ];
    let words: std::collections::BTreeSet<_> = all.iter().map(Refusal::code).collect();
    assert_eq!(words.len(), all.len());
}

/// Takes an action with valid data; none for what only time and tables do.
fn attempt(table: &Table, action: Action, by: &Actor, now: Timestamp) -> Option<Result<State, Refusal>> {
    let s = table.load(id(1), now);
    let saved = |changed: Changed<SignUp>| changed.kept().facts().state;
    let finding = || Finding::new(Some(30), Some("手机没电"), 2).expect("a finding");
    Some(match action {
        Action::Offer | Action::Expire | Action::CallOff | Action::Swap => return None,
        Action::AcceptOffer => s.accept_offer(&table.opening(), &table.pool(), &volunteer(1), &rule(), by, now).map(|e| saved(e.sign_up)),
        Action::Cancel => s.cancel(&table.pool(), None, by, now).map(|e| saved(e.sign_up)),
        Action::CheckIn => s.check_in(&code(now), &key(), None, by, now).map(saved),
        Action::CheckOut => s.check_out(&code(now), &key(), None, by, now).map(saved),
        Action::MarkAbsent => s.mark_absent(by, now).map(saved),
        Action::Settle => s.settle(finding(), &PointCaps::default(), 0, by, now).map(|c| saved(c.sign_up)),
    })
}

proptest! {
    #[test]
    fn whatever_is_allowed_works_whatever_works_is_allowed_and_only_edges_happen(
        state in prop::sample::select(State::ALL),
        action in prop::sample::select(Action::ALL),
        who in prop::sample::select(vec![0u128, 1001, 1002, 20, 21]),
        minute in -3000i64..1500,
    ) {
        let now = begins().plus_seconds(minute * 60);
        let mut table = Table::new(3, 3);
        table.sign_up(volunteer(1), start()).expect("room");
        let f = &mut table.sign_ups[0];
        f.state = state;
        f.offered_until = (state == State::Offered || state == State::Expired).then(|| begins().plus_seconds(-3600));
        f.checked_in_at = Some(begins());
        let by = match who {
            20 => leader(),
            21 => foreign_leader(),
            n => actor(n, &[]),
        };
        let before = table.load(id(1), now).facts().state;
        let allowed = table.load(id(1), now).allowed_actions(&by, now).contains(&action);
        if let Some(done) = attempt(&table, action, &by, now) {
            prop_assert_eq!(done.is_ok(), allowed, "{:?}", done);
            if let Ok(after) = done {
                let edge = MACHINE.edge(action, before, after).expect("an edge");
                let parties = table.load(id(1), now).parties(&by);
                prop_assert!(edge.who.iter().any(|p| parties.contains(p)));
            }
        } else if action != Action::Swap {
            prop_assert!(!allowed, "nobody is time");
        }
    }
}
