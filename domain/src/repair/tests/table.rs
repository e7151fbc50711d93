//! The table and the decisions say the same.

use proptest::prelude::*;

use std::sync::Arc;

use super::*;

/// Everybody who could try something, with every mixture of rights that matters.
fn everybody() -> Vec<Actor> {
    let (h, e) = (Some(here()), Some(elsewhere()));
    vec![
        reporter(),
        stranger(),
        dispatcher(),
        zhao(),
        qian(),
        actor(21, &[(Role::CommunityAdmin, h)]),
        actor(22, &[(Role::PlatformAdmin, None)]),
        actor(23, &[(Role::Auditor, h), (Role::GridWorker, h), (Role::PropertyManager, h)]),
        actor(24, &[(Role::Dispatcher, e), (Role::RepairWorker, e)]),
        // 赵 after the role was taken away, and somebody who is everything at once.
        actor(30, &[]),
        actor(10, &[(Role::Dispatcher, h), (Role::RepairWorker, h)]),
    ]
}

#[derive(Debug, Clone)]
struct Past {
    dispatch: Dispatch,
    worker: Option<u128>,
    paused_from: Option<State>,
    resolved_s: Option<i64>,
    rated: bool,
    reopened: bool,
    urged_s: Option<i64>,
    duplicates: i64,
}

/// Any past, even one that no history leads to: a wrong row must not open a way past the table.
fn any_past() -> impl Strategy<Value = Past> {
    let ago = prop_oneof![Just(0), Just(1800), 0i64..3600, Just(REOPEN_WITHIN_S), Just(CONFIRMED_AFTER_S), 0i64..10 * 86_400];
    (
        prop::sample::select(Dispatch::ALL.to_vec()),
        prop::option::weighted(0.8, prop::sample::select(vec![30u128, 31, 10])),
        prop::option::weighted(0.8, prop::sample::select(State::ALL.to_vec())),
        prop::option::weighted(0.8, ago.clone()),
        any::<bool>(),
        any::<bool>(),
        prop::option::of(ago),
        0i64..2,
    )
        .prop_map(|(dispatch, worker, paused_from, resolved_s, rated, reopened, urged_s, duplicates)| Past {
            dispatch,
            worker,
            paused_from,
            resolved_s,
            rated,
            reopened,
            urged_s,
            duplicates,
        })
}

fn now() -> Timestamp {
    start().plus_seconds(30 * 86_400)
}

fn ticket(state: State, past: &Past) -> Ticket {
    let ago = |s: i64| now().plus_seconds(-s);
    let mut facts = submitted().facts().clone();
    facts.state = state;
    facts.version = 7;
    facts.category = Arc::new(category(past.dispatch));
    facts.worker = past.worker.map(person);
    facts.paused = past.paused_from.map(|from| Pause { from, since: ago(60) });
    facts.resolution = past.resolved_s.map(|s| Resolution { note: "好了".to_owned(), photos: vec![], at: ago(s) });
    facts.rating = past.rated.then(a_rating);
    facts.reopened_at = past.reopened.then(|| ago(86_400 * 20));
    facts.urged_at = past.urged_s.map(ago);
    facts.duplicates = past.duplicates;
    Ticket::restore(facts, now())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_is_allowed_is_exactly_what_is_not_refused_and_only_edges_happen(past in any_past()) {
        for state in State::ALL {
            for by in everybody() {
                let loaded = ticket(*state, &past);
                let allowed = loaded.allowed_actions(&by, now());
                let parties = loaded.parties(&by);
                let from = loaded.facts().state;
                for action in Action::ALL {
                    match attempt(loaded.clone(), *action, &by, now()) {
                        Ok(done) => {
                            prop_assert!(allowed.contains(action), "{} happened but was not allowed", action);
                            let to = done.value().facts().state;
                            let edge = MACHINE.edge(*action, from, to);
                            prop_assert!(edge.is_some_and(|e| e.who.iter().any(|p| parties.contains(p))), "{action} {from} -> {to}");
                            prop_assert_eq!((done.loaded(), done.value().facts().version), (Some(7), 8));
                            prop_assert_eq!(done.events().last().map(|e| e.kind), Some(action.event()));
                        }
                        Err(refusal) => {
                            prop_assert!(!allowed.contains(action), "{} was allowed but refused: {:?}", action, refusal);
                            let ever = MACHINE.edges.iter().any(|e| e.action == *action && e.who.iter().any(|p| parties.contains(p)));
                            prop_assert_eq!(refusal == Refusal::NotForYou, !ever);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn whatever_people_try_in_whatever_order_the_ticket_stays_sound(
        dispatch in prop::sample::select(Dispatch::ALL.to_vec()),
        tries in prop::collection::vec((0usize..18, 0usize..11, 0i64..200_000), 1..80),
    ) {
        let people = everybody();
        let mut now = start();
        let candidates = [Candidate { worker: worker(&zhao()), open_jobs: 0, last_assigned_at: None }];
        let mut ticket = submit(1, &category(dispatch), draft(), &candidates, now).expect("a ticket").saved();
        for (action, who, wait) in tries {
            now = now.plus_seconds(wait / 10);
            ticket = Ticket::restore(ticket.facts().clone(), now);
            let before = ticket.clone();
            match attempt(ticket, Action::ALL[action], &people[who], now) {
                Ok(done) => {
                    for event in done.events() {
                        prop_assert!(event.occurred_at <= now);
                        prop_assert!(event.notices.iter().all(|n| Some(n.to) != event.by), "nobody is told what they did");
                    }
                    ticket = done.saved();
                }
                Err(_) => ticket = before,
            }
            let f = ticket.facts();
            let has_worker = !matches!(f.state, State::Submitted | State::Cancelled);
            prop_assert!(f.worker.is_some() == has_worker || f.state == State::Cancelled, "{} {:?}", f.state, f.worker);
            prop_assert!(f.paused.is_some() == (f.state == State::Paused) || f.state == State::Cancelled);
            prop_assert_eq!(f.resolution.is_some(), matches!(f.state, State::Resolved | State::Closed));
            prop_assert_eq!(f.ended_at.is_some(), matches!(f.state, State::Closed | State::Cancelled));
            prop_assert!(f.state != State::Quoted && f.state != State::Approved || f.quote.is_some());
            prop_assert_eq!(f.duplicate_of.is_some() && f.state != State::Cancelled, false);
            prop_assert_eq!(ticket.overdue(now), ticket.next_due_at().is_some_and(|due| due < now));
            prop_assert_eq!(ticket.next_due_at().is_some(), f.state.is_open() && f.state != State::Paused);
        }
    }
}

#[test]
fn the_table_has_no_flaws_and_ends_only_in_cancelled() {
    assert_eq!(MACHINE.flaws(), Vec::<String>::new());
    let ends: Vec<_> = State::ALL.iter().filter(|s| MACHINE.is_final(**s)).collect();
    assert_eq!(ends, [&State::Cancelled]);
}

#[test]
fn every_action_leaves_an_event_of_its_own_kind() {
    let mut kinds: Vec<_> = Action::ALL.iter().map(|a| a.event()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), Action::ALL.len());
    assert!(kinds.iter().all(|k| k.starts_with("repair_ticket.")));
}

#[test]
fn every_refusal_has_a_word_of_its_own() {
    let state = State::Closed;
    let all = [
        Refusal::NotForYou,
        Refusal::WrongState { state },
        Refusal::NotGrabbable,
        Refusal::UrgedRecently { retry_at: start() },
        Refusal::AlreadyRated,
        Refusal::ReopenedAlready,
        Refusal::TooLate,
        Refusal::PhotosMissing,
        Refusal::TooManyPhotos,
        Refusal::NotAWorker,
        Refusal::SameWorker,
        Refusal::SameTicket,
        Refusal::OtherCommunity,
        Refusal::TargetNotOpen,
        Refusal::HasDuplicates,
        Refusal::CategoryNotOffered,
        Refusal::NotYourHome,
    ];
    let mut codes: Vec<_> = all.iter().map(|r| r.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), all.len());
}
