//! Endpoints: whose they are, what they hear, and how they end.

use uuid::Uuid;

use super::*;
use crate::actor::{Grant, Role};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

fn community(n: u128) -> CommunityId {
    CommunityId::from_uuid(Uuid::from_u128(n))
}

fn somebody(kind: PrincipalKind, role: Role, at: Option<CommunityId>, scopes: &[&str]) -> Actor {
    let scopes = scopes.iter().map(|scope| crate::api_key::Scope::parse(scope).expect("a scope")).collect();
    Actor { id: PrincipalId::from_uuid(Uuid::from_u128(1)), kind, session: None, grants: vec![Grant { role, community: at }], scopes }
}

fn manager() -> Actor {
    somebody(PrincipalKind::Staff, Role::CommunityAdmin, Some(community(1)), &[])
}

fn draft(events: &[&str]) -> Draft {
    let events = events.iter().map(|text| text.parse().expect("a pattern")).collect();
    Draft { url: "https://hooks.example.com/jiazai".into(), events, description: None }
}

fn registered(by: &Actor, at: Option<CommunityId>, events: &[&str]) -> Result<Webhook, Refusal> {
    Webhook::register(WebhookId::from_uuid(Uuid::from_u128(9)), at, draft(events), by, 0, NOW).map(|changed| changed.into_parts().0)
}

#[test]
fn the_table_has_no_flaws() {
    assert_eq!(MACHINE.flaws(), Vec::<String>::new());
}

#[test]
fn an_endpoint_is_registered_where_somebody_administers() {
    assert!(registered(&manager(), Some(community(1)), &["*"]).is_ok());
    assert_eq!(registered(&manager(), Some(community(2)), &["*"]), Err(Refusal::NotForYou));
    assert_eq!(registered(&manager(), None, &["*"]), Err(Refusal::NotForYou));
    let admin = somebody(PrincipalKind::Staff, Role::PlatformAdmin, None, &[]);
    assert!(registered(&admin, None, &["*"]).is_ok());
    let program = somebody(PrincipalKind::Client, Role::CommunityAdmin, None, &["webhooks:write"]);
    assert!(registered(&program, None, &["repair_ticket.*"]).is_ok());
}

#[test]
fn there_are_only_so_many() {
    let id = WebhookId::from_uuid(Uuid::from_u128(9));
    let made = Webhook::register(id, Some(community(1)), draft(&["*"]), &manager(), MOST_ENDPOINTS, NOW);
    assert_eq!(made, Err(Refusal::TooMany));
}

#[test]
fn a_program_subscribes_to_what_it_may_read() {
    let program = somebody(PrincipalKind::Client, Role::CommunityAdmin, Some(community(1)), &["webhooks:write"]);
    let refused = registered(&program, Some(community(1)), &["repair_ticket.*", "person.tagged"]);
    assert_eq!(refused, Err(Refusal::Invalid(vec![Fault { pointer: "/events/1".into(), code: "scope_missing" }])));
    let all = registered(&program, Some(community(1)), &["*"]).expect("registered");
    assert!(all.hears("repair_ticket.submitted", community(1), NOW));
    assert!(!all.hears("person.tagged", community(1), NOW), "everything that it may hear of");
}

#[test]
fn an_endpoint_hears_what_it_asked_for_there_and_from_then_on() {
    let webhook = registered(&manager(), Some(community(1)), &["repair_ticket.submitted"]).expect("registered");
    assert!(webhook.hears("repair_ticket.submitted", community(1), NOW));
    assert!(!webhook.hears("repair_ticket.assigned", community(1), NOW));
    assert!(!webhook.hears("repair_ticket.submitted", community(2), NOW));
    assert!(!webhook.hears("repair_ticket.submitted", community(1), NOW.plus_millis(-1)));
    let off = webhook.disable(&manager(), NOW).expect("disabled").into_parts().0;
    assert!(!off.hears("repair_ticket.submitted", community(1), NOW) && off.wants("repair_ticket.submitted", community(1)));
}

#[test]
fn three_days_of_failure_are_too_many_and_the_owner_is_told() {
    let mut webhook = registered(&manager(), Some(community(1)), &["*"]).expect("registered");
    assert!(!webhook.is_hopeless(NOW.plus_seconds(9 * PATIENCE_S)));
    webhook.failing_since = Some(NOW);
    assert!(!webhook.is_hopeless(NOW.plus_seconds(PATIENCE_S - 1)) && webhook.is_hopeless(NOW.plus_seconds(PATIENCE_S)));
    let (off, _, events) = webhook.give_up(Because::Failing, NOW).into_parts();
    assert_eq!((off.state, off.because), (State::Disabled, Some(Because::Failing)));
    assert_eq!(events[0].notices.len(), 1);
    let on = off.enable(&manager(), NOW).expect("enabled").into_parts().0;
    assert_eq!((on.state, on.because, on.failing_since), (State::Active, None, None));
}
