//! Swaps: both want to, and each suits the other's place.

use super::*;

/// A Saturday shift with 1, a Sunday shift with 2, both confirmed.
struct Pair {
    activity: Activity,
    shifts: [Shift; 2],
    sign_ups: [SignUp; 2],
}

fn pair() -> Pair {
    let activity = published(draft());
    let day = 86_400;
    let sunday = ShiftDraft { starts_at: begins().plus_seconds(day), ends_at: ends().plus_seconds(day), ..shift_draft(5, 0) };
    let shifts = [scheduled(1, shift_draft(5, 0), &activity), scheduled(2, sunday, &activity)];
    let sign_up = |n: u128, shift: &Shift| {
        let opening = Opening { activity: &activity, shift };
        let post = &shift.facts().posts[0];
        let admitted = opening.admit(id(n), post, &volunteer(n), &rule(), start()).expect("room");
        let moved = post.pool.after(&admitted.movement).expect("moved");
        admitted.sign_up(&moved).kept()
    };
    let sign_ups = [sign_up(1, &shifts[0]), sign_up(2, &shifts[1])];
    Pair { activity, shifts, sign_ups }
}

impl Pair {
    fn proposed(&self) -> Swap {
        Swap::propose(id(1), &self.sign_ups[0], &self.sign_ups[1], Earlier::default(), &resident(1), start()).expect("proposed").kept()
    }

    fn agree(&self, swap: Swap, who: &[Volunteer; 2], by: &Actor, now: Timestamp) -> Result<[SignUpFacts; 2], Refusal> {
        let side = |n: usize| Side {
            sign_up: SignUp::restore(self.sign_ups[n].facts().clone(), now),
            into: Opening { activity: &self.activity, shift: &self.shifts[1 - n] },
            who: &who[n],
        };
        let (_, a, b) = swap.agree(side(0), side(1), &rule(), by, now)?;
        Ok([a.kept().facts().clone(), b.kept().facts().clone()])
    }
}

fn both() -> [Volunteer; 2] {
    [volunteer(1), volunteer(2)]
}

#[test]
fn places_change_hands_and_people_keep_their_sign_ups() {
    let pair = pair();
    let [a, b] = pair.agree(pair.proposed(), &both(), &resident(2), start()).expect("agreed");
    assert_eq!((a.id, a.resident, a.shift, a.occasion.starts_at), (id(1), id(1001), id(2), pair.shifts[1].facts().starts_at));
    assert_eq!((b.id, b.resident, b.shift, b.version), (id(2), id(1002), id(1), 2));
}

#[test]
fn a_guardians_word_is_that_of_the_activity_into_which_a_minor_goes() {
    let pair = pair();
    let word = |n: u128| Some(Consent { version: format!("v{n}"), guardian: id(n), at: start() });
    let there = [Volunteer { consent: word(7), ..volunteer(1) }, volunteer(2)];
    let [a, b] = pair.agree(pair.proposed(), &there, &resident(2), start()).expect("agreed");
    assert_eq!((a.consent, b.consent), (word(7), None));
    // It does not stay with the place that was left.
    let mut kept = pair;
    for n in [0, 1] {
        let facts = SignUpFacts { consent: word(8), ..kept.sign_ups[n].facts().clone() };
        kept.sign_ups[n] = SignUp::restore(facts, start());
    }
    let [a, b] = kept.agree(kept.proposed(), &there, &resident(2), start()).expect("agreed");
    assert_eq!((a.consent, b.consent), (word(7), None));
}

#[test]
fn the_one_who_was_asked_agrees_or_refuses_and_the_other_withdraws() {
    let pair = pair();
    let swap = pair.proposed();
    assert_eq!(swap.allowed_actions(&resident(2)), [SwapAction::Agree, SwapAction::Refuse]);
    assert_eq!(swap.allowed_actions(&resident(1)), [SwapAction::Withdraw]);
    assert_eq!(swap.allowed_actions(&resident(3)), []);
    assert_eq!(pair.agree(swap, &both(), &resident(1), start()).map(|_| ()), Err(Refusal::NotForYou));
    let refused = swap.refuse(&resident(2), start()).expect("refused");
    assert_eq!(refused.events()[0].notices.iter().map(|n| n.to).collect::<Vec<_>>(), [id(1001)]);
    assert_eq!(pair.agree(refused.kept(), &both(), &resident(2), start()).map(|_| ()), Err(Refusal::WrongState { state: "refused" }));
    assert!(swap.withdraw(&resident(1), start()).is_ok());
}

#[test]
fn a_swap_is_proposed_by_the_owner_between_two_people_and_two_places() {
    let pair = pair();
    let [a, b] = &pair.sign_ups;
    let propose =
        |own: &SignUp, other: &SignUp, n, now| Swap::propose(id(1), own, other, Earlier::default(), &resident(n), now).map(|_| ());
    assert_eq!(propose(a, b, 2, start()), Err(Refusal::NotForYou));
    assert_eq!(propose(a, a, 1, start()), Err(Refusal::CannotSwap));
    let fixed = begins().plus_seconds(-CANCEL_BEFORE_S);
    assert_eq!(propose(a, b, 1, fixed), Err(Refusal::TooLateToCancel { since: fixed }));
    assert_eq!(propose(b, a, 2, fixed), Err(Refusal::TooLateToCancel { since: fixed }), "the other's shift is too near");
    let waiting = SignUp::restore(SignUpFacts { state: State::Waitlisted, ..b.facts().clone() }, start());
    assert_eq!(propose(a, &waiting, 1, start()), Err(Refusal::CannotSwap));
}

#[test]
fn a_proposal_expires_with_the_latest_time_to_cancel() {
    let swap = pair().proposed();
    let until = begins().plus_seconds(-CANCEL_BEFORE_S);
    assert_eq!(swap.facts().until, until);
    let late = Swap::restore(*swap.facts(), until);
    assert_eq!((late.facts().state, late.facts().ended_at), (SwapState::Expired, Some(until)));
    assert_eq!(late.withdraw(&resident(1), until).map(|_| ()), Err(Refusal::WrongState { state: "expired" }));
}

#[test]
fn each_must_suit_the_others_place() {
    let pair = pair();
    let [a, b] = both();
    let sunday = Span { from: pair.shifts[1].facts().starts_at, until: pair.shifts[1].facts().ends_at };
    let busy = Volunteer { busy: vec![sunday], ..a.clone() };
    assert_eq!(pair.agree(pair.proposed(), &[busy, b.clone()], &resident(2), start()).map(|_| ()), Err(Refusal::TimeConflict));
    let there = Volunteer { held: Held { person: 1, household: 0 }, ..b.clone() };
    assert_eq!(pair.agree(pair.proposed(), &[a.clone(), there], &resident(2), start()).map(|_| ()), Err(Refusal::AlreadySignedUp));
    assert_eq!(pair.agree(pair.proposed(), &[b, a], &resident(2), start()).map(|_| ()), Err(Refusal::CannotSwap), "sides mixed up");
}

#[test]
fn what_has_changed_since_the_proposal_is_not_swapped() {
    let mut pair = pair();
    let swap = pair.proposed();
    pair.sign_ups[0] = SignUp::restore(SignUpFacts { state: State::Cancelled, ..pair.sign_ups[0].facts().clone() }, start());
    assert_eq!(pair.agree(swap, &both(), &resident(2), start()).map(|_| ()), Err(Refusal::CannotSwap));
}

#[test]
fn a_swap_gives_no_household_more_than_it_may_have() {
    let mut pair = pair();
    pair.activity = published(ActivityDraft { per_household: Some(1), ..draft() });
    let family = Held { person: 0, household: 1 };
    let at_home = |n| Volunteer { household: Some(id(7)), ..volunteer(n) };
    let crowded = [Volunteer { held: family, ..at_home(1) }, at_home(2)];
    assert_eq!(pair.agree(pair.proposed(), &crowded, &resident(2), start()), Err(Refusal::HouseholdLimit));
    assert_eq!(pair.agree(pair.proposed(), &both(), &resident(2), start()), Err(Refusal::HouseholdUnknown));
    assert!(pair.agree(pair.proposed(), &[at_home(1), at_home(2)], &resident(2), start()).is_ok());
}

#[test]
fn a_place_is_not_offered_for_another_again_and_again() {
    let pair = pair();
    let [a, b] = &pair.sign_ups;
    let propose = |for_this, for_any| Swap::propose(id(1), a, b, Earlier { for_this, for_any }, &resident(1), start()).map(drop);
    assert_eq!(propose(MAX_PROPOSALS_TO_ONE - 1, MAX_PROPOSALS - 1), Ok(()));
    assert_eq!(propose(MAX_PROPOSALS_TO_ONE, MAX_PROPOSALS_TO_ONE), Err(Refusal::TooManyProposals));
    assert_eq!(propose(0, MAX_PROPOSALS), Err(Refusal::TooManyProposals));
}

#[test]
fn an_expiry_is_written_down_once_its_time_is_over() {
    let swap = pair().proposed();
    let until = swap.facts().until;
    assert!(Swap::expire(*swap.facts(), until.plus_millis(-1)).is_none());
    let gone = Swap::expire(*swap.facts(), until).expect("over");
    assert_eq!((gone.loaded(), gone.value().facts().state, gone.value().facts().version), (Some(1), SwapState::Expired, 2));
    assert!(Swap::expire(*gone.kept().facts(), until).is_none());
}
