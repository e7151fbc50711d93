//! Rounds with their rules, seat plans and zones.

use std::sync::Arc;

use diesel::dsl::exists;
use diesel::prelude::*;
use jiazai_domain::actor::{Actor, Communities, CommunityId, PrincipalId, PrincipalKind, Role};
use jiazai_domain::enrolment::application::{State as Application, is_objection_pending};
use jiazai_domain::enrolment::round::{Calendar, Facts, Plan, Round, Seats, Stage, State};
use jiazai_domain::enrolment::{RoundId, SchoolId};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::{Date, Timestamp};
use jiazai_domain::registry::BuildingId;

use super::application_row::objection;
use super::row::{RoundRow, SummaryRow};
use super::{cache, rules};
use crate::db::schema::{
    enrolment_applications, enrolment_choices, enrolment_rounds as rounds_table, enrolment_rule_sets, enrolment_seat_plans,
    enrolment_seats, homes,
};
use crate::db::{DbError, InList, MultiBackend, Tx, native, parsed};
use crate::events;

/// Which rounds somebody sees: drafts where they are made, and what is published where they work; residents see what is
/// published anywhere, because a child may live in one community and enrol in another. `Round::visible_to` says the same of
/// one round.
#[derive(Debug, Clone)]
pub struct Sight {
    makes: Communities,
    sees: Communities,
}

impl Sight {
    /// For those who have been asked already: what belongs to an application, or to a job.
    pub fn everything() -> Self {
        Self { makes: Communities::All, sees: Communities::All }
    }

    pub fn of(who: &Actor) -> Self {
        let sees = if who.kind == PrincipalKind::Resident { Communities::All } else { who.communities_as(Role::ALL) };
        Self { makes: who.communities_as(Round::MAKERS), sees }
    }
}

/// What a list of rounds is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub community: Option<CommunityId>,
    pub state: Option<State>,
    pub stage: Option<Stage>,
    pub school_year: Option<i64>,
}

/// A round in a list: everything but its rules, seats and zones, which may be long.
#[derive(Debug, Clone)]
pub struct Summary {
    pub id: RoundId,
    pub version: i64,
    pub community: CommunityId,
    pub state: State,
    pub title: String,
    pub school_year: i64,
    pub stage: Stage,
    pub born_from: Date,
    pub born_to: Date,
    pub calendar: Calendar,
    pub rules_version: i64,
    pub plan_version: i64,
    pub created_at: Timestamp,
    pub announced_at: Option<Timestamp>,
}

/// One version of a seat plan.
#[derive(Debug, Clone)]
pub struct SeatPlan {
    pub version: i64,
    pub plan: Plan,
    /// Why another plan took the place of the one before.
    pub reason: Option<String>,
    pub made_by: Option<PrincipalId>,
    pub made_at: Timestamp,
}

/// One version of a round's rules, as JSON.
#[derive(Debug, Clone)]
pub struct Rules {
    pub version: i64,
    pub rules: serde_json::Value,
    pub made_by: Option<PrincipalId>,
    pub made_at: Timestamp,
}

type Boxed = Box<dyn diesel::BoxableExpression<rounds_table::table, MultiBackend, SqlType = diesel::sql_types::Bool>>;

fn within(communities: &Communities) -> Boxed {
    match communities {
        Communities::All => Box::new(rounds_table::id.is_not_null()),
        Communities::Only(some) => Box::new(rounds_table::community_id.eq_any(some.iter().map(CommunityId::text).collect::<Vec<_>>())),
    }
}

fn visible(sight: &Sight) -> Boxed {
    Box::new(within(&sight.makes).or(rounds_table::state.ne(State::Draft.as_str()).and(within(&sight.sees))))
}

/// The round, if these eyes see it; its rules are built once for every change of it.
pub fn round_facts(tx: &mut Tx, sight: &Sight, id: RoundId) -> Result<Option<Arc<Facts>>, DbError> {
    let found: Option<(String, String, String)> = native!(tx, |conn| {
        rounds_table::table
            .find(id.text())
            .select((rounds_table::community_id, rounds_table::state, rounds_table::stamp))
            .first(conn)
            .optional()
    })?;
    let Some((community, state, stamp)) = found else { return Ok(None) };
    // What `visible` says, of one round.
    let community = parsed(&community)?;
    if !sight.makes.contains(community) && (state == State::Draft.as_str() || !sight.sees.contains(community)) {
        return Ok(None);
    }
    if let Some(facts) = cache::get(&stamp) {
        return Ok(Some(facts));
    }
    let row: RoundRow = native!(tx, |conn| rounds_table::table.find(id.text()).select(RoundRow::as_select()).first(conn))?;
    let stored: String =
        native!(tx, |conn| enrolment_rule_sets::table.find((id.text(), row.rules_version)).select(enrolment_rule_sets::rules).first(conn))?;
    let seats = Seats { version: row.plan_version, plan: plan(tx, id, row.plan_version)? };
    let stamp = row.stamp.clone();
    let facts = Arc::new(row.facts(rules::rule_set(&stored)?, seats)?);
    cache::put(stamp, facts.clone());
    Ok(Some(facts))
}

/// Waits until nobody else holds the round, and answers it as it is then, if these eyes see it. To be taken before anything is
/// read that the decision goes by: what was read before may be what the other one has just changed. The transaction's instant is
/// taken anew as well, or an offer that ran out while this one waited would be given twice.
pub fn lock(tx: &mut Tx, sight: &Sight, id: RoundId) -> Result<Option<Arc<Facts>>, DbError> {
    let row = rounds_table::table.find(id.text());
    // Nothing is changed by it: a row that is written is held until the transaction ends.
    native!(tx, |conn| diesel::update(row).set(rounds_table::stamp.eq(rounds_table::stamp)).execute(conn))?;
    tx.renew_now();
    round_facts(tx, sight, id)
}

/// The round, ready for a decision, if these eyes see it.
pub fn round(tx: &mut Tx, sight: &Sight, id: RoundId) -> Result<Option<Round>, DbError> {
    Ok(round_facts(tx, sight, id)?.map(|facts| Round::restore(Facts::clone(&facts))))
}

fn plan(tx: &mut Tx, id: RoundId, version: i64) -> Result<Plan, DbError> {
    let rows: Vec<(String, i64)> = native!(tx, |conn| {
        enrolment_seats::table
            .filter(enrolment_seats::round_id.eq(id.text()))
            .filter(enrolment_seats::plan_version.eq(version))
            .select((enrolment_seats::school_id, enrolment_seats::seats))
            .load(conn)
    })?;
    rows.into_iter().map(|(school, seats)| Ok((parsed(&school)?, seats))).collect()
}

/// Rounds that these eyes see, newest first, after the id `after`.
pub fn rounds(tx: &mut Tx, sight: &Sight, filter: &Filter, after: Option<&str>, limit: i64) -> Result<Vec<Summary>, DbError> {
    let mut query = rounds_table::table.order(rounds_table::id.desc()).limit(limit).select(SummaryRow::as_select()).into_boxed();
    query = query.filter(visible(sight));
    if let Some(community) = filter.community {
        query = query.filter(rounds_table::community_id.eq(community.text()));
    }
    if let Some(state) = filter.state {
        query = query.filter(rounds_table::state.eq(state.as_str()));
    }
    if let Some(stage) = filter.stage {
        query = query.filter(rounds_table::stage.eq(stage.as_str()));
    }
    if let Some(year) = filter.school_year {
        query = query.filter(rounds_table::school_year.eq(year));
    }
    if let Some(after) = after {
        query = query.filter(rounds_table::id.lt(after.to_owned()));
    }
    let rows: Vec<SummaryRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(SummaryRow::summary).collect()
}

/// Saves a decision: the row, if it still is as it was loaded; the rules and the plan, where they are another version; and
/// what happened.
pub fn save_round(tx: &mut Tx, changed: Changed<Round>) -> Result<Round, DbError> {
    let (round, loaded, happened) = changed.into_parts();
    let f = round.facts();
    let by = happened.first().and_then(|event| event.by);
    let row = RoundRow::of(f, tx.new_id::<jiazai_domain::enrolment::RoundKind>().text(), tx.now())?;
    match loaded {
        None => {
            tx.insert(diesel::insert_into(rounds_table::table).values(row))?;
            insert_rules(tx, f, by)?;
            insert_plan(tx, f, by, None)?;
        }
        Some(version) => {
            let before: (i64, i64) = native!(tx, |conn| {
                rounds_table::table.find(&row.id).select((rounds_table::rules_version, rounds_table::plan_version)).first(conn)
            })?;
            let same = rounds_table::table.filter(rounds_table::id.eq(&row.id)).filter(rounds_table::version.eq(version));
            // Only a draft gets other zones; those of a published round are not written again with every step.
            let zones = (f.state == State::Draft).then(|| rounds_table::zones.eq(&row.zones));
            tx.update_one(diesel::update(same).set((
                rounds_table::state.eq(&row.state),
                rounds_table::title.eq(&row.title),
                rounds_table::school_year.eq(row.school_year),
                rounds_table::stage.eq(&row.stage),
                rounds_table::detail.eq(&row.detail),
                zones,
                rounds_table::rules_version.eq(row.rules_version),
                rounds_table::plan_version.eq(row.plan_version),
                rounds_table::stamp.eq(&row.stamp),
                rounds_table::version.eq(row.version),
                rounds_table::updated_at.eq(row.updated_at),
                rounds_table::announced_at.eq(row.announced_at),
            )))?;
            if before.0 != f.rules_version {
                insert_rules(tx, f, by)?;
            }
            if before.1 != f.seats.version {
                insert_plan(tx, f, by, happened.iter().find_map(|event| event.note.as_deref()))?;
            } else if f.state == State::Draft {
                // A draft's plan is nobody's promise yet: it stays version 1, whatever is in it.
                let old = enrolment_seats::table.filter(enrolment_seats::round_id.eq(&row.id));
                native!(tx, |conn| diesel::delete(old).execute(conn))?;
                insert_seats(tx, f)?;
            }
        }
    }
    events::record(tx, f.community, &f.id.text(), f.version, &happened)?;
    Ok(round)
}

fn insert_rules(tx: &mut Tx, f: &Facts, by: Option<PrincipalId>) -> Result<(), DbError> {
    let now = tx.now().millis();
    let text = serde_json::to_string(&f.rules).map_err(|e| DbError::Corrupt(e.to_string()))?;
    tx.insert(diesel::insert_into(enrolment_rule_sets::table).values((
        enrolment_rule_sets::round_id.eq(f.id.text()),
        enrolment_rule_sets::version.eq(f.rules_version),
        enrolment_rule_sets::rules.eq(text),
        enrolment_rule_sets::made_by.eq(by.map(|by| by.text())),
        enrolment_rule_sets::made_at.eq(now),
    )))
}

fn insert_plan(tx: &mut Tx, f: &Facts, by: Option<PrincipalId>, reason: Option<&str>) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.insert(diesel::insert_into(enrolment_seat_plans::table).values((
        enrolment_seat_plans::round_id.eq(f.id.text()),
        enrolment_seat_plans::version.eq(f.seats.version),
        enrolment_seat_plans::reason.eq(reason),
        enrolment_seat_plans::made_by.eq(by.map(|by| by.text())),
        enrolment_seat_plans::made_at.eq(now),
    )))?;
    insert_seats(tx, f)
}

fn insert_seats(tx: &mut Tx, f: &Facts) -> Result<(), DbError> {
    for (school, seats) in &f.seats.plan {
        tx.insert(diesel::insert_into(enrolment_seats::table).values((
            enrolment_seats::round_id.eq(f.id.text()),
            enrolment_seats::plan_version.eq(f.seats.version),
            enrolment_seats::school_id.eq(school.text()),
            enrolment_seats::seats.eq(*seats),
        )))?;
    }
    Ok(())
}

/// The versions of a round's seat plan after one of them, oldest first.
pub fn seat_plans(tx: &mut Tx, id: RoundId, after: i64, limit: i64) -> Result<Vec<SeatPlan>, DbError> {
    type Row = (i64, Option<String>, Option<String>, i64);
    let rows: Vec<Row> = native!(tx, |conn| {
        enrolment_seat_plans::table
            .filter(enrolment_seat_plans::round_id.eq(id.text()))
            .filter(enrolment_seat_plans::version.gt(after))
            .order(enrolment_seat_plans::version)
            .limit(limit)
            .select((
                enrolment_seat_plans::version,
                enrolment_seat_plans::reason,
                enrolment_seat_plans::made_by,
                enrolment_seat_plans::made_at,
            ))
            .load(conn)
    })?;
    let versions: Vec<i64> = rows.iter().map(|row| row.0).collect();
    let seats: Vec<(i64, String, i64)> = native!(tx, |conn| {
        enrolment_seats::table
            .filter(enrolment_seats::round_id.eq(id.text()))
            .filter(enrolment_seats::plan_version.eq_any(versions))
            .select((enrolment_seats::plan_version, enrolment_seats::school_id, enrolment_seats::seats))
            .load(conn)
    })?;
    rows.into_iter()
        .map(|(version, reason, made_by, made_at)| {
            let own = seats.iter().filter(|(of, _, _)| *of == version);
            Ok(SeatPlan {
                version,
                plan: own.map(|(_, school, seats)| Ok((parsed(school)?, *seats))).collect::<Result<_, DbError>>()?,
                reason,
                made_by: made_by.as_deref().map(parsed).transpose()?,
                made_at: Timestamp::from_millis(made_at),
            })
        })
        .collect()
}

/// The versions of a round's rules after one of them, oldest first.
pub fn rule_sets(tx: &mut Tx, id: RoundId, after: i64, limit: i64) -> Result<Vec<Rules>, DbError> {
    let rows: Vec<(i64, String, Option<String>, i64)> = native!(tx, |conn| {
        enrolment_rule_sets::table
            .filter(enrolment_rule_sets::round_id.eq(id.text()))
            .filter(enrolment_rule_sets::version.gt(after))
            .order(enrolment_rule_sets::version)
            .limit(limit)
            .select((enrolment_rule_sets::version, enrolment_rule_sets::rules, enrolment_rule_sets::made_by, enrolment_rule_sets::made_at))
            .load(conn)
    })?;
    rows.into_iter()
        .map(|(version, rules, made_by, made_at)| {
            Ok(Rules {
                version,
                rules: serde_json::from_str(&rules).map_err(|e| DbError::Corrupt(e.to_string()))?,
                made_by: made_by.as_deref().map(parsed).transpose()?,
                made_at: Timestamp::from_millis(made_at),
            })
        })
        .collect()
}

/// How many children are registered now whose first choice is one of these schools, or who live in their zone and chose none; of
/// all schools, where none is named.
/// Drafts are not counted: who prepares in time should not frighten others away.
pub fn registrations(tx: &mut Tx, round: &Facts, schools: &[SchoolId]) -> Result<u64, DbError> {
    // Each by its name: `ne_all` would be prepared anew each time.
    let state = enrolment_applications::state;
    let here_still = state.ne("draft").and(state.ne("withdrawn")).and(state.ne("revoked"));
    // Whoever chooses nothing where there is one school wants that one.
    let n: i64 = if schools.is_empty() || round.plan().len() == 1 {
        let here = enrolment_applications::table.filter(enrolment_applications::round_id.eq(round.id.text()));
        native!(tx, |conn| here.filter(here_still).count().get_result(conn))?
    } else {
        let buildings: Vec<String> = round.zone_buildings(schools).iter().map(BuildingId::text).collect();
        let schools: Vec<String> = schools.iter().map(SchoolId::text).collect();
        let silent: i64 = if buildings.is_empty() {
            0
        } else {
            let living = homes::table.filter(homes::building_id.assume_not_null().within(buildings)).select(homes::id.nullable());
            let chosen = enrolment_choices::table.filter(enrolment_choices::application_id.eq(enrolment_applications::id));
            native!(tx, |conn| {
                enrolment_applications::table
                    .filter(enrolment_applications::round_id.eq(round.id.text()))
                    .filter(enrolment_applications::home_id.eq_any(living))
                    .filter(here_still)
                    .filter(diesel::dsl::not(exists(chosen)))
                    .count()
                    .get_result(conn)
            })?
        };
        let listed: i64 = native!(tx, |conn| {
            enrolment_choices::table
                .inner_join(enrolment_applications::table.on(enrolment_applications::id.eq(enrolment_choices::application_id)))
                .filter(enrolment_choices::round_id.eq(round.id.text()))
                .filter(enrolment_choices::school_id.within(schools))
                .filter(enrolment_choices::position.eq(0))
                .filter(here_still)
                .count()
                .get_result(conn)
        })?;
        listed + silent
    };
    Ok(n.unsigned_abs())
}

/// How many objections of a round nobody has decided about yet.
pub fn pending_objections(tx: &mut Tx, round: RoundId) -> Result<i64, DbError> {
    let states: Vec<&str> = Application::IN_OBJECTION.iter().map(|state| state.as_str()).collect();
    let rows: Vec<(String, String)> = native!(tx, |conn| {
        enrolment_applications::table
            .filter(enrolment_applications::round_id.eq(round.text()))
            .filter(enrolment_applications::state.eq_any(states))
            .select((enrolment_applications::state, enrolment_applications::detail))
            .load(conn)
    })?;
    let now = tx.now();
    let mut pending = 0;
    for (state, detail) in rows {
        let (objected_at, correct_until) = objection(&detail)?;
        pending += i64::from(is_objection_pending(parsed(&state)?, objected_at, correct_until, now));
    }
    Ok(pending)
}
