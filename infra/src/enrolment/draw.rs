//! Draws, as they are remembered: the document that anybody may read and check, as JSON. A round's own draw stands in one table,
//! with one row for a round; those for who came later in another.

use diesel::prelude::*;
use jiazai_domain::enrolment::draw::{Draw, DrawDocument, DrawFacts};
use jiazai_domain::enrolment::{DrawId, RoundId};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use serde::Deserialize;

use crate::db::schema::{enrolment_draws as table, enrolment_later_draws as later};
use crate::db::{DbError, Tx, native, parsed};
use crate::events;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = table)]
struct DrawRow {
    id: String,
    community_id: String,
    round_id: String,
    document: String,
    created_by: String,
    created_at: i64,
    revealed_at: Option<i64>,
    version: i64,
}

#[derive(Deserialize)]
struct Stored {
    method: String,
    roster_hash: String,
    commitment: Option<String>,
    seed: Option<String>,
    #[serde(default)]
    public_source: Option<String>,
    #[serde(default)]
    public_digits: Option<i64>,
    public_numbers: Option<String>,
    start: Option<i64>,
    interval: Option<i64>,
    roster: Vec<String>,
    order: Vec<String>,
}

impl DrawRow {
    fn of(f: &DrawFacts) -> Result<Self, DbError> {
        Ok(Self {
            id: f.id.text(),
            community_id: f.community.text(),
            round_id: f.round.text(),
            document: serde_json::to_string(&f.document).map_err(|e| DbError::Corrupt(e.to_string()))?,
            created_by: f.created_by.text(),
            created_at: f.created_at.millis(),
            revealed_at: f.revealed_at.map(Timestamp::millis),
            version: f.version,
        })
    }

    fn draw(self, number: i64) -> Result<Draw, DbError> {
        let stored: Stored = serde_json::from_str(&self.document).map_err(|e| DbError::Corrupt(e.to_string()))?;
        let document = DrawDocument {
            method: parsed(&stored.method)?,
            roster_hash: stored.roster_hash,
            commitment: stored.commitment,
            seed: stored.seed,
            public_source: stored.public_source,
            public_digits: stored.public_digits,
            public_numbers: stored.public_numbers,
            start: stored.start,
            interval: stored.interval,
            roster: stored.roster,
            order: stored.order,
        };
        Ok(Draw::restore(DrawFacts {
            id: parsed(&self.id)?,
            version: self.version,
            community: parsed(&self.community_id)?,
            round: parsed(&self.round_id)?,
            number,
            document,
            created_by: parsed(&self.created_by)?,
            created_at: Timestamp::from_millis(self.created_at),
            revealed_at: self.revealed_at.map(Timestamp::from_millis),
        }))
    }
}

type LaterRow = (String, String, String, String, String, i64, Option<i64>, i64, i64);

fn later_draw(row: LaterRow) -> Result<Draw, DbError> {
    let (id, community_id, round_id, document, created_by, created_at, revealed_at, version, number) = row;
    DrawRow { id, community_id, round_id, document, created_by, created_at, revealed_at, version }.draw(number)
}

/// The columns of a later draw, in the order of [`LaterRow`].
macro_rules! later_columns {
    () => {
        (
            later::id,
            later::community_id,
            later::round_id,
            later::document,
            later::created_by,
            later::created_at,
            later::revealed_at,
            later::version,
            later::number,
        )
    };
}

pub fn find(tx: &mut Tx, id: DrawId) -> Result<Option<Draw>, DbError> {
    let row: Option<DrawRow> = native!(tx, |conn| table::table.find(id.text()).select(DrawRow::as_select()).first(conn).optional())?;
    if let Some(row) = row {
        return row.draw(1).map(Some);
    }
    let row: Option<LaterRow> = native!(tx, |conn| later::table.find(id.text()).select(later_columns!()).first(conn).optional())?;
    row.map(later_draw).transpose()
}

/// The draws of a round: its own, and those for who came later, in their order.
pub fn all_of_round(tx: &mut Tx, round: RoundId) -> Result<Vec<Draw>, DbError> {
    let row: Option<DrawRow> =
        native!(tx, |conn| table::table.filter(table::round_id.eq(round.text())).select(DrawRow::as_select()).first(conn).optional())?;
    let Some(row) = row else { return Ok(vec![]) };
    let mut all = vec![row.draw(1)?];
    let rows: Vec<LaterRow> =
        native!(tx, |conn| later::table.filter(later::round_id.eq(round.text())).order(later::number).select(later_columns!()).load(conn))?;
    for row in rows {
        all.push(later_draw(row)?);
    }
    Ok(all)
}

/// The order of everybody who was drawn, whoever came later behind; nothing before anything was revealed.
pub fn order_of(draws: &[Draw]) -> Option<Vec<String>> {
    let revealed: Vec<&[String]> = draws.iter().filter_map(Draw::order).collect();
    (!revealed.is_empty()).then(|| revealed.concat())
}

/// Saves a decision about a draw. [`DbError::Duplicate`] when the round has one.
pub fn save(tx: &mut Tx, changed: Changed<Draw>) -> Result<Draw, DbError> {
    let (draw, loaded, happened) = changed.into_parts();
    let f = draw.facts();
    let row = DrawRow::of(f)?;
    match (loaded, f.number) {
        (None, 1) => tx.insert(diesel::insert_into(table::table).values(row))?,
        (None, number) => tx.insert(diesel::insert_into(later::table).values((
            later::id.eq(row.id),
            later::community_id.eq(row.community_id),
            later::round_id.eq(row.round_id),
            later::number.eq(number),
            later::document.eq(row.document),
            later::created_by.eq(row.created_by),
            later::created_at.eq(row.created_at),
            later::revealed_at.eq(row.revealed_at),
            later::version.eq(row.version),
        )))?,
        (Some(version), 1) => {
            let same = table::table.filter(table::id.eq(&row.id)).filter(table::version.eq(version));
            tx.update_one(diesel::update(same).set((
                table::document.eq(&row.document),
                table::revealed_at.eq(row.revealed_at),
                table::version.eq(row.version),
            )))?;
        }
        (Some(version), _) => {
            let same = later::table.filter(later::id.eq(&row.id)).filter(later::version.eq(version));
            tx.update_one(diesel::update(same).set((
                later::document.eq(&row.document),
                later::revealed_at.eq(row.revealed_at),
                later::version.eq(row.version),
            )))?;
        }
    }
    events::record(tx, f.community, &f.id.text(), f.version, &happened)?;
    Ok(draw)
}
