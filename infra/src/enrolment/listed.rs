//! Lists of applications: for staff by their sight, for a family its own.

use diesel::prelude::*;
use jiazai_domain::actor::{Communities, CommunityId, PrincipalId};
use jiazai_domain::enrolment::application::{Application, Sight, State};
use jiazai_domain::enrolment::{RoundId, round};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::HomeId;

use super::application::{Kin, restored};
use super::application_row::ApplicationRow;
use crate::db::schema::{enrolment_applications as table, enrolment_rounds};
use crate::db::{DbError, MultiBackend, Tx};
use crate::registry::homes;
use crate::vault::Vault;

/// What a list of applications is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub round: Option<RoundId>,
    pub state: Option<State>,
    pub tier: Option<String>,
}

type Boxed = Box<dyn diesel::BoxableExpression<table::table, MultiBackend, SqlType = diesel::sql_types::Bool>>;

/// [`Sight`] as a WHERE clause; the domain's `Application::view` says the same of one application.
fn visible(sight: &Sight) -> Boxed {
    match &sight.staff_of {
        Communities::All => Box::new(table::id.is_not_null()),
        Communities::Only(some) => {
            let own = table::applicant_id.eq(sight.person.text());
            let there: Vec<String> = some.iter().map(CommunityId::text).collect();
            if there.is_empty() { Box::new(own) } else { Box::new(own.or(table::community_id.eq_any(there))) }
        }
    }
}

/// A state as it is now: time releases an offer without anybody writing that down at once, so the stored word may be behind.
fn in_state(state: State, now: Timestamp) -> Boxed {
    let offered = State::Offered.as_str();
    match state {
        State::Offered => {
            Box::new(table::state.eq(offered).and(table::due_at.is_null().or(table::due_at.assume_not_null().gt(now.millis()))))
        }
        State::Released => Box::new(
            table::state
                .eq(State::Released.as_str())
                .or(table::state.eq(offered).and(table::due_at.is_not_null()).and(table::due_at.assume_not_null().le(now.millis()))),
        ),
        state => Box::new(table::state.eq(state.as_str())),
    }
}

/// A state as a family may know it: what was allocated and not announced is no filter either. The domain's
/// `Application::state_for_family` says the same of one application.
fn in_state_for_family(state: State, now: Timestamp) -> Boxed {
    let silent = || {
        let allocated = enrolment_rounds::table.filter(enrolment_rounds::state.eq(round::State::Allocated.as_str()));
        table::round_id.eq_any(allocated.select(enrolment_rounds::id))
    };
    let results = [State::Offered, State::Waiting, State::ToCoordinate];
    match state {
        State::Listed => Box::new(in_state(state, now).or(table::state.eq_any(results.map(State::as_str)).and(silent()))),
        state if results.contains(&state) => Box::new(in_state(state, now).and(diesel::dsl::not(silent()))),
        state => in_state(state, now),
    }
}

/// Rows that fit, newest first, after the id `after`.
fn rows(
    tx: &mut Tx,
    whose: Boxed,
    filter: &Filter,
    in_state: Option<Boxed>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<ApplicationRow>, DbError> {
    let mut query = table::table.filter(whose).order(table::id.desc()).limit(limit).select(ApplicationRow::as_select()).into_boxed();
    if let Some(round) = filter.round {
        query = query.filter(table::round_id.eq(round.text()));
    }
    if let Some(tier) = &filter.tier {
        query = query.filter(table::tier.eq(tier.clone()));
    }
    if let Some(clause) = in_state {
        query = query.filter(clause);
    }
    if let Some(after) = after {
        query = query.filter(table::id.lt(after.to_owned()));
    }
    tx.run(|conn| query.load(conn))
}

/// Applications that these eyes see, newest first, after the id `after`.
pub fn list(
    tx: &mut Tx,
    vault: &Vault,
    (sight, kin): (&Sight, &Kin),
    filter: &Filter,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Application>, DbError> {
    let now = tx.now();
    let found = rows(tx, visible(sight), filter, filter.state.map(|state| in_state(state, now)), after, limit)?;
    Ok(restored(tx, vault, found)?.into_iter().map(|application| kin.mark(vault, application, now)).collect())
}

/// A family's own, filtered by what it may know, newest first, after the id `after`.
pub fn own(
    tx: &mut Tx,
    vault: &Vault,
    who: PrincipalId,
    filter: &Filter,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Application>, DbError> {
    let now = tx.now();
    let state = filter.state.map(|state| in_state_for_family(state, now));
    let found = rows(tx, Box::new(table::applicant_id.eq(who.text())), filter, state, after, limit)?;
    let found = restored(tx, vault, found)?;
    housed(tx, who, found)
}

/// Everything that a resident has handed in or keeps here, newest first.
pub fn of_applicant(tx: &mut Tx, vault: &Vault, who: PrincipalId) -> Result<Vec<Application>, DbError> {
    own(tx, vault, who, &Filter::default(), None, i64::MAX)
}

/// One person's applications, with what is known of the homes on the strength of which seats are offered to them.
pub(super) fn housed(tx: &mut Tx, who: PrincipalId, applications: Vec<Application>) -> Result<Vec<Application>, DbError> {
    if applications.iter().all(|one| one.rests_on_home().is_none()) {
        return Ok(applications);
    }
    let homes: Vec<HomeId> = homes::spoken_for_by(tx, who)?;
    Ok(applications.into_iter().map(|one| one.spoken_for(&homes)).collect())
}
