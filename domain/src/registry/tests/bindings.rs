//! Bindings and delegations.

use proptest::prelude::*;

use super::*;
use crate::actor::Role;
use crate::kernel::changed::Changed;
use crate::kernel::word::Word;
use crate::registry::binding::{Action, DelegationDraft, DelegationScope, MACHINE, Match, OnBehalf, Party, Principal, State};

fn full() -> Match {
    Match { person: id(7), name: true, document: true, phone: true, related: true, until: None }
}

fn claim(relation: Relation, found: Option<Match>, others: &[Binding]) -> Result<Changed<Binding>, Refusal> {
    let by = resident(10).resident().expect("a resident");
    Binding::claim(id(1), &home(1), relation, found, others, &by, now())
}

fn claimed(relation: Relation, found: Option<Match>) -> Binding {
    saved(claim(relation, found, &[]).expect("a claim"))
}

#[test]
fn a_claim_is_active_at_once_only_when_everything_agrees() {
    assert_eq!(claimed(Relation::Owner, Some(full())).facts().state, State::Active);
    assert_eq!(claimed(Relation::Owner, Some(full())).facts().person, Some(id(7)));
    let less = [
        Match { name: false, ..full() },
        Match { document: false, ..full() },
        Match { phone: false, ..full() },
        Match { related: false, ..full() },
        Match { until: Some(today()), ..full() },
    ];
    for found in less.map(Some).into_iter().chain([None]) {
        let binding = claimed(Relation::Owner, found);
        assert_eq!((binding.facts().state, binding.facts().person), (State::Pending, None), "{found:?}");
    }
}

#[test]
fn one_account_has_one_live_binding_to_a_home_but_a_home_has_many_owners() {
    let first = claimed(Relation::Owner, None);
    assert_eq!(claim(Relation::Family, None, std::slice::from_ref(&first)), Err(Refusal::AlreadyBound));
    let over = saved(first.clone().end(None, &resident(10), None, now()).expect("taken back"));
    assert!(claim(Relation::Family, None, &[over]).is_ok());
    let other = resident(11).resident().expect("a resident");
    assert!(Binding::claim(id(2), &home(1), Relation::Owner, Some(full()), &[first], &other, now()).is_ok());
}

#[test]
fn a_tenants_binding_ends_with_the_lease_without_any_job() {
    let lease = Match { until: Some(day("2026-12-01")), ..full() };
    let facts = claimed(Relation::Tenant, Some(lease)).facts().clone();
    let at = |text: &str| Timestamp::parse(text).expect("an instant");
    assert!(Binding::restore(facts.clone(), at("2026-11-30T23:59:59+08:00")).is_active());
    let over = Binding::restore(facts.clone(), at("2026-12-01T00:00:00+08:00"));
    assert!(!over.is_active() && !over.is_live());
    assert_eq!(over.facts().ended_at, Some(Timestamp::start_of(day("2026-12-01"))));
    let settled = over.settle().expect("something to write down");
    assert_eq!((settled.loaded(), settled.events()[0].kind), (Some(1), "home_binding.expired"));
    assert_eq!(Binding::restore(facts, now()).settle(), None);
}

#[test]
fn a_binding_lasts_no_longer_than_what_it_rests_on_whatever_the_relation() {
    let sold = Match { until: Some(day("2026-12-01")), ..full() };
    let (keeper, after) = (north_keeper(), Timestamp::parse("2026-12-01T00:00:00+08:00").expect("an instant"));
    for relation in Relation::ALL {
        let facts = claimed(*relation, Some(sold)).facts().clone();
        assert_eq!(facts.until, sold.until, "{relation}");
        assert!(!Binding::restore(facts, after).is_active(), "{relation}");
        let approved = claimed(*relation, None).approve(None, (None, sold.until), &grid_worker(), Some(&keeper), now());
        assert_eq!(saved(approved.expect("approved")).facts().until, sold.until, "{relation}");
    }
}

#[test]
fn a_tenant_of_whose_lease_nobody_knows_the_end_is_bound_for_a_year() {
    let approve = |relation: Relation, terms: (Option<Date>, Option<Date>)| {
        saved(claimed(relation, None).approve(None, terms, &grid_worker(), Some(&north_keeper()), now()).expect("approved")).facts().until
    };
    assert_eq!(approve(Relation::Tenant, (None, None)), Some(day("2027-11-22")));
    assert_eq!(approve(Relation::Tenant, (None, Some(today()))), Some(day("2027-11-22")), "what is over says nothing");
    assert_eq!(approve(Relation::Tenant, (Some(day("2030-01-01")), Some(day("2028-01-01")))), Some(day("2030-01-02")));
    assert_eq!(approve(Relation::Owner, (None, None)), None);
}

#[test]
fn a_keeper_may_say_until_when_the_lease_runs() {
    let keeper = north_keeper();
    let (who, grids) = (person(7), [Some(north())]);
    let approve = |relation: Relation, last: Option<Date>| {
        claimed(relation, None).approve(Some((&who, &grids)), (last, None), &grid_worker(), Some(&keeper), now())
    };
    let tenant = saved(approve(Relation::Tenant, Some(today())).expect("approved"));
    assert_eq!((tenant.facts().until, tenant.facts().person), (today().succ_opt(), Some(id(7))));
    assert_eq!(faults(approve(Relation::Tenant, today().pred_opt())), fault("/lease_ends_on", "lease_over"));
    assert_eq!(faults(approve(Relation::Owner, Some(today()))), fault("/lease_ends_on", "lease_without_tenancy"));
    assert_eq!(approve(Relation::Owner, None).map(|c| c.value().is_active()), Ok(true));
}

#[test]
fn a_keeper_says_of_nobody_whom_they_do_not_keep_that_an_account_is_them() {
    let approve = |who: &Person, grids: &[Option<GridId>], by: &Actor, keeper: &Keeper| {
        let done = claimed(Relation::Owner, None).approve(Some((who, grids)), (None, None), by, Some(keeper), now());
        done.map(|changed| changed.value().facts().person)
    };
    let unknown = fault("/person_id", "unknown_person");
    assert_eq!(approve(&person(7), &[Some(south()), Some(north())], &grid_worker(), &north_keeper()), Ok(Some(id(7))));
    assert_eq!(faults(approve(&person(7), &[Some(south())], &grid_worker(), &north_keeper())), unknown);
    assert_eq!(faults(approve(&person(7), &[], &grid_worker(), &north_keeper())), unknown, "tied to nothing is the administrators'");
    assert_eq!(approve(&person(7), &[], &admin(), &admin_keeper()), Ok(Some(id(7))));
    let far = Person { community: elsewhere(), ..person(7) };
    assert_eq!(faults(approve(&far, &[Some(north())], &admin(), &admin_keeper())), unknown);
    let dead = Person { deceased_on: Some(today()), ..person(7) };
    assert_eq!(approve(&dead, &[Some(north())], &grid_worker(), &north_keeper()), Err(Refusal::Deceased));
}

#[test]
fn nobody_decides_over_their_own_claim() {
    let staff_who_lives_here = actor(10, &[(Role::CommunityAdmin, here())]);
    let keeper = Keeper::of(&staff_who_lives_here, here(), vec![]).expect("a keeper");
    assert_eq!(claimed(Relation::Owner, None).allowed_actions(&staff_who_lives_here, Some(&keeper)), [Action::End]);
}

fn everybody() -> Vec<(Actor, Option<Keeper>)> {
    let keep = |actor: Actor, grids: Vec<GridId>| {
        let keeper = Keeper::of(&actor, here(), grids).ok();
        (actor, keeper)
    };
    let far = actor(23, &[(Role::CommunityAdmin, elsewhere())]);
    let far_keeper = Keeper::of(&far, elsewhere(), vec![]).ok();
    vec![
        keep(resident(10), vec![]),
        keep(resident(11), vec![]),
        keep(admin(), vec![]),
        keep(grid_worker(), vec![north()]),
        keep(actor(22, &[(Role::GridWorker, here())]), vec![south()]),
        keep(actor(24, &[(Role::PropertyManager, here()), (Role::Auditor, here())]), vec![north()]),
        (far, far_keeper),
        // Somebody else's proof is no proof.
        (resident(11), Some(north_keeper())),
    ]
}

proptest! {
    #[test]
    fn what_is_allowed_is_exactly_what_is_not_refused(state in prop::sample::select(State::ALL.to_vec())) {
        let mut facts = claimed(Relation::Owner, None).facts().clone();
        facts.state = state;
        let binding = Binding::restore(facts, now());
        for (by, keeper) in everybody() {
            let allowed = binding.allowed_actions(&by, keeper.as_ref());
            let tries = [
                (Action::Approve, binding.clone().approve(None, (None, None), &by, keeper.as_ref(), now())),
                (Action::Reject, binding.clone().reject(reason(), &by, keeper.as_ref(), now())),
                (Action::End, binding.clone().end(None, &by, keeper.as_ref(), now())),
            ];
            for (action, result) in tries {
                prop_assert_eq!(allowed.contains(&action), result.is_ok(), "{:?} {} {}", by, action, state);
                if let Ok(done) = result {
                    prop_assert!(MACHINE.edge(action, state, done.value().facts().state).is_some());
                    prop_assert_eq!((done.loaded(), done.value().facts().version), (Some(1), 2));
                }
            }
            prop_assert!(!allowed.contains(&Action::Expire));
        }
    }
}

#[test]
fn the_tables_have_no_flaws() {
    assert_eq!(MACHINE.flaws(), Vec::<String>::new());
    assert_eq!(crate::registry::proposal::MACHINE.flaws(), Vec::<String>::new());
    assert_eq!(crate::registry::visit::MACHINE.flaws(), Vec::<String>::new());
    assert!(<Party as Word>::ALL.len() == 3);
}

fn lend(scopes: &[DelegationScope], seconds: i64) -> DelegationDraft {
    DelegationDraft { delegate: id(11), scopes: scopes.to_vec(), expires_at: now().plus_seconds(seconds) }
}

fn granted() -> Delegation {
    let by = resident(10).resident().expect("a resident");
    saved(Delegation::grant(id(1), here(), lend(&[DelegationScope::Repair, DelegationScope::Repair], 3600), &by, now()).expect("granted"))
}

#[test]
fn a_delegate_acts_in_the_matters_and_the_time_that_were_given() {
    let d = granted();
    let acting = |who: u128, scope: DelegationScope, s: i64| {
        d.acting(&resident(who), scope, now().plus_seconds(s)).map(|o: OnBehalf| (o.actor(), o.behalf_of()))
    };
    assert_eq!(acting(11, DelegationScope::Repair, 3599), Ok((id(11), Principal::Account(id(10)))));
    assert_eq!(acting(11, DelegationScope::Repair, 3600), Err(Refusal::DelegationOver));
    assert_eq!(acting(11, DelegationScope::Enrolment, 0), Err(Refusal::OutsideDelegation));
    assert_eq!(acting(12, DelegationScope::Repair, 0), Err(Refusal::NotForYou));
    assert_eq!(acting(10, DelegationScope::Repair, 0), Err(Refusal::NotForYou), "who acts for themselves needs no delegation");
}

#[test]
fn a_delegate_brings_no_role_of_their_own_into_what_they_do_for_somebody() {
    let staff_too = Actor { kind: crate::actor::PrincipalKind::Resident, ..actor(11, &[(Role::CommunityAdmin, here())]) };
    let acting = granted().acting(&staff_too, DelegationScope::Repair, now()).expect("a delegate");
    assert_eq!(acting.resident().map(|who| who.id()), Some(id(10)));
    let there = acting.in_their_place().expect("an account");
    assert_eq!((there.id, there.resident().is_ok(), there.grants), (id(10), true, vec![]));
    let elder = Delegation::grant_for(id(2), &person(7), &[], lend(&[DelegationScope::Elder], 3600), &admin_keeper(), now());
    let acting = saved(elder.expect("granted")).acting(&resident(11), DelegationScope::Elder, now()).expect("a delegate");
    assert_eq!((acting.resident(), acting.in_their_place()), (None, None), "who has no account is no resident of the system");
}

#[test]
fn a_delegation_is_taken_back_by_those_it_concerns() {
    for (who, may) in [(resident(10), true), (resident(11), true), (admin(), true), (resident(12), false), (grid_worker(), false)] {
        assert_eq!(granted().revoke(&who, now()).is_ok(), may, "{who:?}");
    }
    let over = saved(granted().revoke(&resident(10), now()).expect("revoked"));
    assert_eq!(over.acting(&resident(11), DelegationScope::Repair, now()), Err(Refusal::DelegationOver));
    assert_eq!(over.revoke(&resident(10), now()), Err(Refusal::DelegationOver));
}

#[test]
fn a_delegation_has_somebody_else_a_matter_and_an_end_within_a_year() {
    let by = resident(11).resident().expect("a resident");
    let refused = faults(Delegation::grant(id(1), here(), lend(&[], 0), &by, now()));
    let codes: Vec<_> = refused.into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["own_delegate", "scopes_missing", "not_in_the_future"]);
    let by = resident(10).resident().expect("a resident");
    let long = Delegation::grant(id(1), here(), lend(&[DelegationScope::Repair], 367 * 86_400), &by, now());
    assert_eq!(faults(long), fault("/expires_at", "too_far_ahead"));
}

#[test]
fn a_keeper_lets_somebody_act_for_an_elder_of_their_grid_who_has_no_account() {
    let grant = |grids: &[Option<GridId>]| {
        Delegation::grant_for(id(1), &person(7), grids, lend(&[DelegationScope::Elder], 3600), &north_keeper(), now())
    };
    assert_eq!(grant(&[Some(south())]), Err(Refusal::NotForYou));
    let d = saved(grant(&[Some(north())]).expect("granted"));
    assert_eq!((d.behalf_of, d.granted_by), (Principal::Person(id(7)), id(21)));
}
