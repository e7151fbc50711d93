//! Home bindings, as they are remembered. A lease that ran out ends its binding whenever it is read; a job writes that down.
//!
//! What a binding rests on ends it in the same transaction ([`follow`], [`part`]). That nobody is bound at that very moment is the
//! person's version: whoever binds an account to a person holds it (`people::hold`), and whoever writes a fact, a death or a departure
//! saves it one version on. Deliberately missing is a job that looks for bindings with nothing to rest on: it could not tell what
//! somebody forgot from what a keeper has decided, who knows of the lease that is over and of the new one that nobody has recorded.

use diesel::prelude::*;
use jiazai_domain::actor::{Communities, CommunityId, PrincipalId};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::{Date, Timestamp};
use jiazai_domain::registry::binding::{Facts, State};
use jiazai_domain::registry::sight::Sight;
use jiazai_domain::registry::{Binding, BindingId, Fact, GridId, HomeId, PersonId, Relation};

use super::{LAST_DAY, facts};
use crate::db::schema::{home_bindings, homes};
use crate::db::{DbError, MultiBackend, Tx, native, parsed};
use crate::events;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = home_bindings)]
struct BindingRow {
    id: String,
    community_id: String,
    home_id: String,
    principal_id: String,
    relation: String,
    state: String,
    version: i64,
    created_at: i64,
    ended_at: Option<i64>,
    person_id: Option<String>,
    until_on: Option<Date>,
    decided_by: Option<String>,
}

/// A binding's row with its home's grid and label.
type Joined = (BindingRow, Option<String>, String);

/// A binding, and what people call its home.
#[derive(Debug, Clone)]
pub struct Bound {
    pub binding: Binding,
    pub label: String,
}

fn restore((row, grid, label): Joined, now: Timestamp) -> Result<Bound, DbError> {
    let facts = Facts {
        id: parsed(&row.id)?,
        version: row.version,
        community: parsed(&row.community_id)?,
        home: parsed(&row.home_id)?,
        grid: grid.as_deref().map(parsed).transpose()?,
        account: parsed(&row.principal_id)?,
        person: row.person_id.as_deref().map(parsed).transpose()?,
        relation: parsed(&row.relation)?,
        state: parsed(&row.state)?,
        until: row.until_on,
        claimed_at: Timestamp::from_millis(row.created_at),
        decided_by: row.decided_by.as_deref().map(parsed).transpose()?,
        ended_at: row.ended_at.map(Timestamp::from_millis),
    };
    Ok(Bound { binding: Binding::restore(facts, now), label })
}

/// Saves a decision. [`DbError::Duplicate`] when another claim of this account to this home was quicker.
pub fn save(tx: &mut Tx, changed: Changed<Binding>) -> Result<Binding, DbError> {
    let (binding, loaded, happened) = changed.into_parts();
    let f = binding.facts();
    let row = BindingRow {
        id: f.id.text(),
        community_id: f.community.text(),
        home_id: f.home.text(),
        principal_id: f.account.text(),
        relation: f.relation.to_string(),
        state: f.state.to_string(),
        version: f.version,
        created_at: f.claimed_at.millis(),
        ended_at: f.ended_at.map(Timestamp::millis),
        person_id: f.person.map(|person| person.text()),
        // A lease to the end of the calendar has no end; its next day could not be written down.
        until_on: f.until.filter(|until| LAST_DAY.is_none_or(|last| *until <= last)),
        decided_by: f.decided_by.map(|by| by.text()),
    };
    match loaded {
        None => tx.insert(diesel::insert_into(home_bindings::table).values(row))?,
        Some(version) => {
            let same = home_bindings::table.filter(home_bindings::id.eq(&row.id)).filter(home_bindings::version.eq(version));
            tx.update_one(diesel::update(same).set((
                home_bindings::state.eq(&row.state),
                home_bindings::ended_at.eq(row.ended_at),
                home_bindings::person_id.eq(&row.person_id),
                home_bindings::until_on.eq(row.until_on),
                home_bindings::decided_by.eq(&row.decided_by),
                home_bindings::version.eq(row.version),
            )))?;
        }
    }
    events::record(tx, f.community, &f.id.text(), f.version, &happened)?;
    Ok(binding)
}

pub fn find(tx: &mut Tx, id: BindingId) -> Result<Option<Bound>, DbError> {
    let now = tx.now();
    let found: Option<Joined> = native!(tx, |conn| {
        home_bindings::table
            .inner_join(homes::table)
            .filter(home_bindings::id.eq(id.text()))
            .select((BindingRow::as_select(), homes::grid_id, homes::label))
            .first(conn)
            .optional()
    })?;
    found.map(|joined| restore(joined, now)).transpose()
}

/// All bindings of an account to a home, whatever became of them.
pub fn between(tx: &mut Tx, account: PrincipalId, home: HomeId) -> Result<Vec<Binding>, DbError> {
    let now = tx.now();
    let found: Vec<Joined> = native!(tx, |conn| {
        home_bindings::table
            .inner_join(homes::table)
            .filter(home_bindings::principal_id.eq(account.text()))
            .filter(home_bindings::home_id.eq(home.text()))
            .order(home_bindings::id)
            .select((BindingRow::as_select(), homes::grid_id, homes::label))
            .load(conn)
    })?;
    found.into_iter().map(|joined| restore(joined, now).map(|bound| bound.binding)).collect()
}

/// How many claims of an account wait for a keeper.
pub fn pending(tx: &mut Tx, account: PrincipalId) -> Result<i64, DbError> {
    let own = home_bindings::table.filter(home_bindings::principal_id.eq(account.text()));
    native!(tx, |conn| own.filter(home_bindings::state.eq(State::Pending.as_str())).count().get_result(conn))
}

/// Whose bindings are listed.
#[derive(Debug, Clone)]
pub enum Whose {
    /// One account's.
    Account(PrincipalId),
    /// Those that these eyes see.
    Seen(Sight),
}

/// What a list of bindings is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub community: Option<CommunityId>,
    pub home: Option<HomeId>,
    pub state: Option<State>,
}

/// Bindings by which an account speaks for a home on a day. The stored word alone does not say so: a lease ends by the calendar, and
/// nobody writes that down at once.
#[diesel::dsl::auto_type]
pub(crate) fn active(today: Date) -> _ {
    home_bindings::state.eq("active").and(home_bindings::until_on.is_null().or(home_bindings::until_on.assume_not_null().gt(today)))
}

type Condition = Box<
    dyn diesel::BoxableExpression<
            diesel::dsl::InnerJoinQuerySource<home_bindings::table, homes::table>,
            MultiBackend,
            SqlType = diesel::sql_types::Bool,
        >,
>;

/// [`Sight`] as a WHERE clause; `Sight::sees` says the same of one home.
fn visible(sight: &Sight) -> Option<Condition> {
    let texts = |some: &[CommunityId]| some.iter().map(CommunityId::text).collect::<Vec<_>>();
    let whole: Option<Condition> = match &sight.whole {
        Communities::All => Some(Box::new(home_bindings::id.is_not_null())),
        Communities::Only(some) if some.is_empty() => None,
        Communities::Only(some) => Some(Box::new(home_bindings::community_id.eq_any(texts(some)))),
    };
    let mine: Vec<String> = sight.grids.iter().map(GridId::text).collect();
    let in_grid = || homes::grid_id.is_not_null().and(homes::grid_id.assume_not_null().eq_any(mine.clone()));
    let grids: Option<Condition> = match &sight.in_grids {
        _ if mine.is_empty() => None,
        Communities::All => Some(Box::new(in_grid())),
        Communities::Only(some) => Some(Box::new(home_bindings::community_id.eq_any(texts(some)).and(in_grid()))),
    };
    match (whole, grids) {
        (Some(whole), Some(grids)) => Some(Box::new(whole.or(grids))),
        (one, other) => one.or(other),
    }
}

/// Bindings, newest first, after the id `after`.
pub fn list(tx: &mut Tx, whose: &Whose, filter: &Filter, after: Option<&str>, limit: i64) -> Result<Vec<Bound>, DbError> {
    let now = tx.now();
    let mut query = home_bindings::table
        .inner_join(homes::table)
        .order(home_bindings::id.desc())
        .limit(limit)
        .select((BindingRow::as_select(), homes::grid_id, homes::label))
        .into_boxed();
    query = match whose {
        Whose::Account(account) => query.filter(home_bindings::principal_id.eq(account.text())),
        Whose::Seen(sight) => match visible(sight) {
            Some(clause) => query.filter(clause),
            None => return Ok(vec![]),
        },
    };
    if let Some(community) = filter.community {
        query = query.filter(home_bindings::community_id.eq(community.text()));
    }
    if let Some(home) = filter.home {
        query = query.filter(home_bindings::home_id.eq(home.text()));
    }
    if let Some(after) = after {
        query = query.filter(home_bindings::id.lt(after.to_owned()));
    }
    // A lease ends without anybody writing that down at once, so the stored word may be behind.
    let today = now.date();
    let state = home_bindings::state;
    query = match filter.state {
        None => query,
        Some(State::Active) => query.filter(active(today)),
        Some(State::Ended) => query.filter(
            state.eq(State::Ended.as_str()).or(state
                .eq(State::Active.as_str())
                .and(home_bindings::until_on.is_not_null())
                .and(home_bindings::until_on.assume_not_null().le(today))),
        ),
        Some(other) => query.filter(state.eq(other.as_str())),
    };
    let found: Vec<Joined> = tx.run(|conn| query.load(conn))?;
    found.into_iter().map(|joined| restore(joined, now)).collect()
}

/// Those of an account that hold today, newest first; that of one home alone, if it is named.
pub fn held_by(tx: &mut Tx, account: PrincipalId, only: Option<HomeId>, limit: i64) -> Result<Vec<Bound>, DbError> {
    let now = tx.now();
    let own = home_bindings::table
        .inner_join(homes::table)
        .filter(home_bindings::principal_id.eq(account.text()))
        .filter(active(now.date()))
        .order(home_bindings::id.desc())
        .limit(limit);
    let found: Vec<Joined> = match only {
        None => native!(tx, |conn| own.select((BindingRow::as_select(), homes::grid_id, homes::label)).load(conn))?,
        Some(home) => native!(tx, |conn| {
            own.filter(home_bindings::home_id.eq(home.text())).select((BindingRow::as_select(), homes::grid_id, homes::label)).load(conn)
        })?,
    };
    found.into_iter().map(|joined| restore(joined, now)).collect()
}

/// Bindings whose lease has run out and nobody has written down yet.
pub fn expired(tx: &mut Tx, limit: i64) -> Result<Vec<Binding>, DbError> {
    let now = tx.now();
    let found: Vec<Joined> = native!(tx, |conn| {
        home_bindings::table
            .inner_join(homes::table)
            // A literal, or the partial index of leases is not used.
            .filter(diesel::dsl::sql::<diesel::sql_types::Bool>("home_bindings.state = 'active'"))
            .filter(home_bindings::until_on.le(now.date()))
            .order(home_bindings::until_on)
            .limit(limit)
            .select((BindingRow::as_select(), homes::grid_id, homes::label))
            .load(conn)
    })?;
    found.into_iter().map(|joined| restore(joined, now).map(|bound| bound.binding)).collect()
}

/// Ends what somebody who has died or moved away is bound to, resting on a recorded fact or not; `ends` says which.
pub fn part(tx: &mut Tx, person: PersonId, ends: impl Fn(Relation) -> bool) -> Result<(), DbError> {
    let now = tx.now();
    let found: Vec<Joined> = native!(tx, |conn| {
        home_bindings::table
            .inner_join(homes::table)
            .filter(home_bindings::person_id.eq(person.text()))
            .filter(home_bindings::state.eq(State::Active.as_str()))
            .select((BindingRow::as_select(), homes::grid_id, homes::label))
            .load(conn)
    })?;
    for joined in found {
        let binding = restore(joined, now)?.binding;
        if ends(binding.facts().relation)
            && let Some(changed) = binding.follow(Some(now.date()), now)
        {
            save(tx, changed)?;
        }
    }
    Ok(())
}

/// Lets the bindings of a person to a home end when what they rest on does: a lease that was given up, a home that was sold, a
/// death. Called by whoever has saved a fact of somebody who was known before.
pub fn follow(tx: &mut Tx, fact: &Fact) -> Result<(), DbError> {
    let now = tx.now();
    let found: Vec<Joined> = native!(tx, |conn| {
        home_bindings::table
            .inner_join(homes::table)
            .filter(home_bindings::person_id.eq(fact.person.text()))
            .filter(home_bindings::home_id.eq(fact.home.text()))
            .filter(home_bindings::state.eq(State::Active.as_str()))
            .select((BindingRow::as_select(), homes::grid_id, homes::label))
            .load(conn)
    })?;
    for joined in found {
        let binding = restore(joined, now)?.binding;
        if binding.facts().relation.fact() != fact.kind {
            continue;
        }
        let own = facts::of_people(tx, &[fact.person])?;
        let known = own.iter().filter(|f| f.is_current() && f.home == fact.home && f.kind == fact.kind);
        let ends: Vec<Option<Date>> = known.map(|f| f.interval.until()).collect();
        // One that has no end goes before all that have; of several that have, the last counts.
        let until = if ends.contains(&None) { None } else { ends.into_iter().flatten().max() };
        if let Some(changed) = binding.follow(until.filter(|until| LAST_DAY.is_none_or(|last| *until <= last)), now) {
            save(tx, changed)?;
        }
    }
    Ok(())
}
