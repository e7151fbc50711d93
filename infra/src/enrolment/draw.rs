//! Draws, as they are remembered: the document that anybody may read and check, as JSON.

use diesel::prelude::*;
use jiazai_domain::enrolment::draw::{Draw, DrawDocument, DrawFacts};
use jiazai_domain::enrolment::{DrawId, RoundId};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use serde::Deserialize;

use crate::db::schema::enrolment_draws as table;
use crate::db::{DbError, Tx, parsed};
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

    fn draw(self) -> Result<Draw, DbError> {
        let stored: Stored = serde_json::from_str(&self.document).map_err(|e| DbError::Corrupt(e.to_string()))?;
        let document = DrawDocument {
            method: parsed(&stored.method)?,
            roster_hash: stored.roster_hash,
            commitment: stored.commitment,
            seed: stored.seed,
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
            document,
            created_by: parsed(&self.created_by)?,
            created_at: Timestamp::from_millis(self.created_at),
            revealed_at: self.revealed_at.map(Timestamp::from_millis),
        }))
    }
}

pub fn find(tx: &mut Tx, id: DrawId) -> Result<Option<Draw>, DbError> {
    let row: Option<DrawRow> = tx.run(|conn| table::table.find(id.text()).select(DrawRow::as_select()).first(conn).optional())?;
    row.map(DrawRow::draw).transpose()
}

/// The draw of a round.
pub fn of_round(tx: &mut Tx, round: RoundId) -> Result<Option<Draw>, DbError> {
    let row: Option<DrawRow> =
        tx.run(|conn| table::table.filter(table::round_id.eq(round.text())).select(DrawRow::as_select()).first(conn).optional())?;
    row.map(DrawRow::draw).transpose()
}

/// Saves a decision about a draw. [`DbError::Duplicate`] when the round has one.
pub fn save(tx: &mut Tx, changed: Changed<Draw>) -> Result<Draw, DbError> {
    let (draw, loaded, happened) = changed.into_parts();
    let f = draw.facts();
    let row = DrawRow::of(f)?;
    match loaded {
        None => tx.insert(diesel::insert_into(table::table).values(row))?,
        Some(version) => {
            let same = table::table.filter(table::id.eq(&row.id)).filter(table::version.eq(version));
            tx.update_one(diesel::update(same).set((
                table::document.eq(&row.document),
                table::revealed_at.eq(row.revealed_at),
                table::version.eq(row.version),
            )))?;
        }
    }
    events::record(tx, f.community, &f.id.text(), f.version, &happened)?;
    Ok(draw)
}
