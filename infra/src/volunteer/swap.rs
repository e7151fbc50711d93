//! Swaps.

use diesel::prelude::*;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{Earlier, SignUpId, Swap, SwapFacts, SwapId};

use crate::db::schema::volunteer_swaps as table;
use crate::db::{DbError, Tx, native, parsed};
use crate::events;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = table)]
struct Row {
    id: String,
    community_id: String,
    own_id: String,
    other_id: String,
    proposer_id: String,
    partner_id: String,
    state: String,
    version: i64,
    proposed_at: i64,
    until_at: i64,
    ended_at: Option<i64>,
}

impl Row {
    fn of(swap: &Swap) -> Self {
        let f = swap.facts();
        Self {
            id: f.id.text(),
            community_id: f.community.text(),
            own_id: f.own.text(),
            other_id: f.other.text(),
            proposer_id: f.proposer.text(),
            partner_id: f.partner.text(),
            state: f.state.as_str().to_owned(),
            version: f.version,
            proposed_at: f.proposed_at.millis(),
            until_at: f.until.millis(),
            ended_at: f.ended_at.map(Timestamp::millis),
        }
    }

    fn swap(self, now: Timestamp) -> Result<Swap, DbError> {
        Ok(Swap::restore(self.facts()?, now))
    }

    /// As it is stored.
    fn facts(self) -> Result<SwapFacts, DbError> {
        Ok(SwapFacts {
            id: parsed(&self.id)?,
            version: self.version,
            community: parsed(&self.community_id)?,
            own: parsed(&self.own_id)?,
            other: parsed(&self.other_id)?,
            proposer: parsed(&self.proposer_id)?,
            partner: parsed(&self.partner_id)?,
            state: parsed(&self.state)?,
            proposed_at: Timestamp::from_millis(self.proposed_at),
            until: Timestamp::from_millis(self.until_at),
            ended_at: self.ended_at.map(Timestamp::from_millis),
        })
    }
}

pub fn swap(tx: &mut Tx, id: SwapId) -> Result<Option<Swap>, DbError> {
    let row: Option<Row> = native!(tx, |conn| table::table.find(id.text()).select(Row::as_select()).first(conn).optional())?;
    let now = tx.now();
    row.map(|row| row.swap(now)).transpose()
}

/// Swaps that somebody proposed or was asked for, newest first, after the id `after`.
pub fn swaps_of(tx: &mut Tx, person: PrincipalId, after: Option<&str>, limit: i64) -> Result<Vec<Swap>, DbError> {
    let mut query = table::table
        .filter(table::proposer_id.eq(person.text()).or(table::partner_id.eq(person.text())))
        .order(table::id.desc())
        .limit(limit)
        .select(Row::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(table::id.lt(after.to_owned()));
    }
    let rows: Vec<Row> = tx.run(|conn| query.load(conn))?;
    let now = tx.now();
    rows.into_iter().map(|row| row.swap(now)).collect()
}

/// How often a place was offered for another one before, and for any; what nobody agreed to in time is written down first, so that it
/// does not stand in the way. The caller has moved the proposer's record.
pub fn earlier(tx: &mut Tx, own: SignUpId, other: SignUpId) -> Result<Earlier, DbError> {
    let rows: Vec<Row> = native!(tx, |conn| table::table.filter(table::own_id.eq(own.text())).select(Row::as_select()).load(conn))?;
    let (now, mut earlier) = (tx.now(), Earlier::default());
    for row in rows {
        let facts = row.facts()?;
        earlier.for_any += 1;
        earlier.for_this += i64::from(facts.other == other);
        if let Some(expired) = Swap::expire(facts, now).filter(|_| facts.other == other) {
            save_swap(tx, expired)?;
        }
    }
    Ok(earlier)
}

/// [`DbError::Duplicate`] when the same swap is proposed already.
pub fn save_swap(tx: &mut Tx, changed: Changed<Swap>) -> Result<Swap, DbError> {
    let (swap, loaded, happened) = changed.into_parts();
    let (row, f) = (Row::of(&swap), swap.facts());
    match loaded {
        None => tx.insert(diesel::insert_into(table::table).values(row))?,
        Some(version) => {
            let same = table::table.filter(table::id.eq(&row.id)).filter(table::version.eq(version));
            tx.update_one(diesel::update(same).set((
                table::state.eq(&row.state),
                table::version.eq(row.version),
                table::ended_at.eq(row.ended_at),
            )))?;
        }
    }
    events::record(tx, f.community, &f.id.text(), f.version, &happened)?;
    Ok(swap)
}
