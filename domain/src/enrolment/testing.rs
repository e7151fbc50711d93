//! People, a round and a family for the tests of this module.

use std::sync::{Arc, OnceLock};

use serde_json::json;
use uuid::Uuid;

use super::application::{Application, ApplicationDraft, Attachment, ChildDraft, ConsentDraft, GuardianDraft, Relation, Standing};
use super::golden;
use super::round::{Calendar, Facts, Round, RoundDraft, SeatsInput, Stage, State};
use super::rules::{FactSet, RuleSetInput, ValueInput};
use super::{ApplicationId, RoundId, SchoolId};
use crate::actor::{Actor, CommunityId, Grant, PrincipalId, PrincipalKind, Role};
use crate::kernel::file::FileId;
use crate::kernel::idcard::Sex;
use crate::kernel::time::Timestamp;
use crate::registry::{DocumentType, HomeId};

pub(super) fn at(local: &str) -> Timestamp {
    Timestamp::parse(&format!("{local}:00+08:00")).expect("an instant")
}

/// In the middle of the register's window.
pub(super) fn now() -> Timestamp {
    at("2026-06-20T09:00")
}

pub(super) fn here() -> CommunityId {
    CommunityId::from_uuid(Uuid::from_u128(1))
}

pub(super) fn school(n: u128) -> SchoolId {
    SchoolId::from_uuid(Uuid::from_u128(n))
}

pub(super) fn home(n: u128) -> HomeId {
    HomeId::from_uuid(Uuid::from_u128(n))
}

pub(super) fn person(n: u128) -> PrincipalId {
    PrincipalId::from_uuid(Uuid::from_u128(n))
}

fn actor(n: u128, kind: PrincipalKind, grants: Vec<Grant>) -> Actor {
    Actor { id: person(n), kind, session: None, grants, scopes: vec![] }
}

pub(super) fn member(n: u128, role: Role, community: Option<CommunityId>) -> Actor {
    actor(n, PrincipalKind::Staff, vec![Grant { role, community }])
}

pub(super) fn staff(role: Role) -> Actor {
    member(60, role, Some(here()))
}

pub(super) fn admin() -> Actor {
    member(20, Role::EnrolmentAdmin, Some(here()))
}

pub(super) fn reviewer(n: u128) -> Actor {
    member(30 + n, Role::EnrolmentReviewer, Some(here()))
}

pub(super) fn parent() -> Actor {
    actor(10, PrincipalKind::Resident, vec![])
}

/// An interface key with scopes of enrolment.
pub(super) fn program() -> Actor {
    actor(80, PrincipalKind::Client, vec![Grant { role: Role::EnrolmentAdmin, community: Some(here()) }])
}

pub(super) fn stranger() -> Actor {
    actor(11, PrincipalKind::Resident, vec![])
}

pub(super) fn calendar() -> Calendar {
    Calendar {
        register_from: at("2026-06-16T08:00"),
        register_to: at("2026-07-01T00:00"),
        review_to: at("2026-07-12T00:00"),
        objection_to: at("2026-07-20T00:00"),
        confirm_to: at("2026-08-20T00:00"),
    }
}

/// Hukou first, then migrants; a hukou book and a deed are asked for where there are such things.
pub(super) fn rules() -> RuleSetInput {
    golden::input(&json!({
        "tiers": [
            {"code": "local", "batch": 1, "name": "有户口", "when": {"fact": "hukou_on", "op": "present"}},
            {"code": "migrant", "batch": 2, "name": "随迁子女", "when": {"fact": "migrant", "op": "eq", "value": true}}],
        "documents": [{"kind": "hukou_book", "when": {"fact": "hukou_on", "op": "present"}}, {"kind": "deed", "when": {"fact": "house_on", "op": "present"}}],
        "tie_break": ["earlier:hukou_on", "draw"], "seat_lock_years": 6, "max_choices": 2
    }))
}

pub(super) fn round_draft() -> RoundDraft<'static> {
    RoundDraft {
        title: "2026 年秋季小学一年级",
        school_year: 2026,
        stage: Stage::Primary,
        born_from: "2019-09-01".parse().expect("a date"),
        born_to: "2020-08-31".parse().expect("a date"),
        calendar: calendar(),
        rules: rules(),
        seat_plans: vec![SeatsInput { school: school(1), seats: 40 }, SeatsInput { school: school(2), seats: 80 }],
        zones: vec![],
        announcement: None,
        consent: None,
    }
}

pub(super) fn round() -> Round {
    // Made once: its rules are searched for contradictions, and some tests ask for a round ten thousand times.
    static ROUND: OnceLock<Round> = OnceLock::new();
    let make = || {
        let id = RoundId::from_uuid(Uuid::from_u128(1));
        Round::create(id, here(), &round_draft(), &admin(), at("2026-05-01T09:00")).expect("a round").into_parts().0
    };
    ROUND.get_or_init(make).clone()
}

/// The round in a state that it did not have to go through.
pub(super) fn round_in(state: State) -> Round {
    let announced_at = matches!(state, State::Announced | State::Finished).then(|| at("2026-07-25T09:00"));
    Round::restore(Facts { state, announced_at, ..round().facts().clone() })
}

pub(super) fn sight(state: State) -> Arc<Facts> {
    Arc::new(round_in(state).facts().clone())
}

pub(super) fn facts(pairs: &[(&str, ValueInput)]) -> FactSet {
    FactSet::declared(pairs.iter().map(|(name, value)| (*name, value))).expect("facts")
}

pub(super) fn text(text: &str) -> ValueInput {
    ValueInput::Text(text.to_owned())
}

pub(super) fn paper(kind: &str, n: u128) -> Attachment {
    Attachment { kind: kind.to_owned(), file: FileId::from_uuid(Uuid::from_u128(n)) }
}

/// A girl of the window, her mother and father, at home 1.
pub(super) fn draft() -> ApplicationDraft<'static> {
    ApplicationDraft {
        child: ChildDraft {
            name: "张小雨",
            id_type: DocumentType::ResidentId,
            id_number: "350524202003040029",
            sex: Sex::Female,
            born_on: "2020-03-04".parse().expect("a date"),
        },
        guardians: vec![
            GuardianDraft {
                name: "李梅",
                relation: Relation::Mother,
                id_type: DocumentType::Passport,
                id_number: "E12345678",
                phone: Some("138 1234 5678"),
            },
            GuardianDraft {
                name: "张强",
                relation: Relation::Father,
                id_type: DocumentType::Passport,
                id_number: "E87654321",
                phone: None,
            },
        ],
        home: Some(home(1)),
        address: None,
        facts: facts(&[("hukou_on", text("2020-05-01")), ("house_on", ValueInput::Null)]),
        choices: vec![school(1), school(2)],
        documents: vec![paper("hukou_book", 1)],
        consent: Some(ConsentDraft { version: "2026-1", guardian: true }),
    }
}

pub(super) fn standing() -> Standing {
    Standing { homes: vec![home(1)], zone_schools: vec![school(1)], drafts: 0, begun: 0 }
}

pub(super) fn apply(draft: ApplicationDraft, round: Arc<Facts>, now: Timestamp) -> Result<Application, super::application::Refusal> {
    let who = parent().resident().expect("a resident");
    let id = ApplicationId::from_uuid(Uuid::from_u128(1));
    Application::create(id, "26-00000-00001".to_owned(), draft, round, &standing(), None, None, &who, now).map(|done| done.into_parts().0)
}
