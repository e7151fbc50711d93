//! Activities.

use diesel::dsl::exists;
use diesel::prelude::*;
use jiazai_domain::actor::{Actor, Communities, CommunityId, PrincipalKind, Role};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::volunteer::{Activity, ActivityId, ActivityState, ENDED_AFTER_S, ShiftState};

use super::row::ActivityRow;
use crate::db::schema::{volunteer_activities as activities_table, volunteer_shifts};
use crate::db::{DbError, InList, MultiBackend, Tx, native};
use crate::events;

/// Which activities somebody sees: all of the communities where they lead, and the published ones of others. Residents see
/// what is published anywhere; staff only where they work.
#[derive(Debug, Clone)]
pub struct Sight {
    pub leads: Communities,
    pub sees: Communities,
}

impl Sight {
    /// For those who have been asked already: what belongs to a sign-up, or to a job.
    pub fn everything() -> Self {
        Self { leads: Communities::All, sees: Communities::All }
    }

    pub fn of(who: &Actor) -> Self {
        let sees = if who.kind == PrincipalKind::Resident { Communities::All } else { who.communities_as(Role::ALL) };
        Self { leads: who.communities_as(&[Role::VolunteerLeader, Role::CommunityAdmin]), sees }
    }
}

/// What a list of activities is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub community: Option<CommunityId>,
    pub state: Option<ActivityState>,
    /// Those done at any time within their shift (微事项), or the others.
    pub flexible: Option<bool>,
}

type Boxed = Box<dyn diesel::BoxableExpression<activities_table::table, MultiBackend, SqlType = diesel::sql_types::Bool>>;

fn within(communities: &Communities) -> Boxed {
    match communities {
        Communities::All => Box::new(activities_table::id.is_not_null()),
        Communities::Only(some) => Box::new(activities_table::community_id.eq_any(some.iter().map(CommunityId::text).collect::<Vec<_>>())),
    }
}

fn visible(sight: &Sight) -> Boxed {
    Box::new(within(&sight.leads).or(activities_table::published_at.is_not_null().and(within(&sight.sees))))
}

/// The activity, if these eyes see it.
pub fn activity(tx: &mut Tx, sight: &Sight, id: ActivityId) -> Result<Option<Activity>, DbError> {
    let row: Option<ActivityRow> = tx.run(|conn| {
        activities_table::table
            .filter(activities_table::id.eq(id.text()))
            .filter(visible(sight))
            .select(ActivityRow::as_select())
            .first(conn)
            .optional()
    })?;
    let Some(row) = row else { return Ok(None) };
    Ok(with_ends(tx, vec![row])?.pop())
}

/// Adds the end of the last shift, which is where time ends an activity.
fn with_ends(tx: &mut Tx, rows: Vec<ActivityRow>) -> Result<Vec<Activity>, DbError> {
    let ids: Vec<&String> = rows.iter().map(|row| &row.id).collect();
    let ends: Vec<(String, Option<i64>)> = native!(tx, |conn| {
        volunteer_shifts::table
            .filter(volunteer_shifts::activity_id.within(ids))
            .filter(volunteer_shifts::state.eq(ShiftState::Scheduled.as_str()))
            .group_by(volunteer_shifts::activity_id)
            .select((volunteer_shifts::activity_id, diesel::dsl::max(volunteer_shifts::ends_at)))
            .load(conn)
    })?;
    let now = tx.now();
    rows.into_iter()
        .map(|row| {
            let last = ends.iter().find(|(id, _)| *id == row.id).and_then(|(_, last)| *last);
            row.activity(last, now)
        })
        .collect()
}

/// Activities that these eyes see, newest first, after the id `after`.
pub fn activities(tx: &mut Tx, sight: &Sight, filter: &Filter, after: Option<&str>, limit: i64) -> Result<Vec<Activity>, DbError> {
    let mut query = activities_table::table.order(activities_table::id.desc()).limit(limit).select(ActivityRow::as_select()).into_boxed();
    query = query.filter(visible(sight));
    if let Some(community) = filter.community {
        query = query.filter(activities_table::community_id.eq(community.text()));
    }
    if let Some(flexible) = filter.flexible {
        query = query.filter(activities_table::flexible.eq(flexible));
    }
    if let Some(after) = after {
        query = query.filter(activities_table::id.lt(after.to_owned()));
    }
    // Time ends an activity without anybody writing that down at once, so the stored word may be behind.
    let long_ago = tx.now().plus_seconds(-ENDED_AFTER_S).millis();
    let scheduled = || {
        volunteer_shifts::table
            .filter(volunteer_shifts::activity_id.eq(activities_table::id))
            .filter(volunteer_shifts::state.eq(ShiftState::Scheduled.as_str()))
    };
    let over = || exists(scheduled()).and(diesel::dsl::not(exists(scheduled().filter(volunteer_shifts::ends_at.gt(long_ago)))));
    let published = || activities_table::state.eq(ActivityState::Published.as_str());
    query = match filter.state {
        None => query,
        Some(ActivityState::Published) => query.filter(published().and(diesel::dsl::not(over()))),
        Some(ActivityState::Ended) => query.filter(activities_table::state.eq(ActivityState::Ended.as_str()).or(published().and(over()))),
        Some(state) => query.filter(activities_table::state.eq(state.as_str())),
    };
    let rows: Vec<ActivityRow> = tx.run(|conn| query.load(conn))?;
    with_ends(tx, rows)
}

/// Holds the activity until this transaction ends: an UPDATE that changes nothing takes the row on both databases. Whoever decides
/// on the state of an activity and on the shifts that it has takes it first, so that no shift is made in an activity that is
/// being cancelled or ended. Load it after this, not before.
pub fn hold_activity(tx: &mut Tx, id: ActivityId) -> Result<(), DbError> {
    let row = activities_table::table.find(id.text());
    native!(tx, |conn| diesel::update(row).set(activities_table::version.eq(activities_table::version)).execute(conn)).map(drop)
}

pub fn save_activity(tx: &mut Tx, changed: Changed<Activity>) -> Result<Activity, DbError> {
    let (activity, loaded, happened) = changed.into_parts();
    let (row, now, f) = (ActivityRow::of(&activity)?, tx.now().millis(), activity.facts());
    match loaded {
        None => tx.insert(diesel::insert_into(activities_table::table).values(row))?,
        Some(version) => {
            let same = activities_table::table.filter(activities_table::id.eq(&row.id)).filter(activities_table::version.eq(version));
            let is_new_to_residents = happened.iter().any(|event| event.kind == "volunteer_activity.published");
            tx.update_one(diesel::update(same).set((
                activities_table::state.eq(&row.state),
                activities_table::title.eq(&row.title),
                activities_table::detail.eq(&row.detail),
                activities_table::points_per_hour.eq(row.points_per_hour),
                activities_table::max_hours.eq(row.max_hours),
                activities_table::flexible.eq(row.flexible),
                activities_table::per_household.eq(row.per_household),
                activities_table::hold_s.eq(row.hold_s),
                activities_table::version.eq(row.version),
                is_new_to_residents.then_some(activities_table::published_at.eq(Some(now))),
                activities_table::ended_at.eq(row.ended_at),
            )))?;
        }
    }
    events::record(tx, f.community, &f.id.text(), f.version, &happened)?;
    Ok(activity)
}
