//! What an allocation left behind: its digest, each child's reasons, and who waits at which school. In what order they waited is written
//! down; who is offered a released seat is allocated anew.

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::enrolment::allocate::Allocation;
use jiazai_domain::enrolment::{ApplicationId, DrawId, RoundId, SchoolId};
use jiazai_domain::kernel::time::Timestamp;

use crate::db::schema::{enrolment_allocations as table, enrolment_traces, enrolment_waiting};
use crate::db::{DbError, Tx, native, parsed};

/// An allocation that was made.
#[derive(Debug, Clone)]
pub struct Made {
    pub round: RoundId,
    pub plan_version: i64,
    pub draw: Option<DrawId>,
    pub draw_decided: bool,
    pub digest: String,
    /// The text whose hash the digest is.
    pub canonical: String,
    pub allocated_by: PrincipalId,
    pub allocated_at: Timestamp,
}

/// Writes an allocation down. `ids` are the applications by the place of their receipt in the placements.
pub fn insert(
    tx: &mut Tx,
    (round, community): (RoundId, CommunityId),
    (allocation, plan_version, draw): (&Allocation, i64, Option<DrawId>),
    ids: &[ApplicationId],
    by: PrincipalId,
) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.insert(diesel::insert_into(table::table).values((
        table::round_id.eq(round.text()),
        table::community_id.eq(community.text()),
        table::plan_version.eq(plan_version),
        table::draw_id.eq(draw.map(|draw| draw.text())),
        table::draw_decided.eq(allocation.draw_decided),
        table::digest.eq(allocation.digest()),
        table::canonical.eq(allocation.canonical()),
        table::allocated_by.eq(by.text()),
        table::allocated_at.eq(now),
    )))?;
    let of_receipt = |receipt: &str| {
        let at = allocation.placements.binary_search_by(|one| one.receipt.as_str().cmp(receipt)).ok();
        at.and_then(|at| ids.get(at)).copied().ok_or_else(|| DbError::Corrupt("a receipt of no application".to_owned()))
    };
    for trace in &allocation.traces {
        let text = serde_json::to_string(trace).map_err(|e| DbError::Corrupt(e.to_string()))?;
        tx.insert(diesel::insert_into(enrolment_traces::table).values((
            enrolment_traces::application_id.eq(of_receipt(&trace.receipt)?.text()),
            enrolment_traces::round_id.eq(round.text()),
            enrolment_traces::trace.eq(text),
        )))?;
    }
    for school in &allocation.schools {
        for (position, receipt) in school.waiting.iter().enumerate() {
            wait(tx, round, school.school, position as i64, of_receipt(receipt)?)?;
        }
    }
    Ok(())
}

fn wait(tx: &mut Tx, round: RoundId, school: SchoolId, position: i64, id: ApplicationId) -> Result<(), DbError> {
    tx.insert(diesel::insert_into(enrolment_waiting::table).values((
        enrolment_waiting::round_id.eq(round.text()),
        enrolment_waiting::school_id.eq(school.text()),
        enrolment_waiting::position.eq(position),
        enrolment_waiting::application_id.eq(id.text()),
    )))
}

/// Writes down that a latecomer waits at these schools. The position tells of no order: it is the next free one of the key.
pub fn queue(tx: &mut Tx, round: RoundId, schools: &[SchoolId], id: ApplicationId) -> Result<(), DbError> {
    for school in schools {
        let last: Option<i64> = native!(tx, |conn| {
            enrolment_waiting::table
                .filter(enrolment_waiting::round_id.eq(round.text()))
                .filter(enrolment_waiting::school_id.eq(school.text()))
                .select(diesel::dsl::max(enrolment_waiting::position))
                .first(conn)
        })?;
        wait(tx, round, *school, last.map_or(0, |last| last + 1), id)?;
    }
    Ok(())
}

pub fn made(tx: &mut Tx, round: RoundId) -> Result<Option<Made>, DbError> {
    type Row = (i64, Option<String>, bool, String, String, String, i64);
    let row: Option<Row> = native!(tx, |conn| {
        table::table
            .find(round.text())
            .select((
                table::plan_version,
                table::draw_id,
                table::draw_decided,
                table::digest,
                table::canonical,
                table::allocated_by,
                table::allocated_at,
            ))
            .first(conn)
            .optional()
    })?;
    row.map(|(plan_version, draw, draw_decided, digest, canonical, by, at)| {
        Ok(Made {
            round,
            plan_version,
            draw: draw.as_deref().map(parsed).transpose()?,
            draw_decided,
            digest,
            canonical,
            allocated_by: parsed(&by)?,
            allocated_at: Timestamp::from_millis(at),
        })
    })
    .transpose()
}

/// Why the allocation put a child where it is, as it was written then.
pub fn trace(tx: &mut Tx, id: ApplicationId) -> Result<Option<serde_json::Value>, DbError> {
    let text: Option<String> =
        native!(tx, |conn| enrolment_traces::table.find(id.text()).select(enrolment_traces::trace).first(conn).optional())?;
    text.map(|text| serde_json::from_str(&text).map_err(|e| DbError::Corrupt(e.to_string()))).transpose()
}

/// Who waits for a seat of each school.
pub fn waiting(tx: &mut Tx, round: RoundId) -> Result<Vec<(SchoolId, ApplicationId)>, DbError> {
    let rows: Vec<(String, String)> = native!(tx, |conn| {
        enrolment_waiting::table
            .filter(enrolment_waiting::round_id.eq(round.text()))
            .order((enrolment_waiting::school_id, enrolment_waiting::position))
            .select((enrolment_waiting::school_id, enrolment_waiting::application_id))
            .load(conn)
    })?;
    rows.into_iter().map(|(school, id)| Ok((parsed(&school)?, parsed(&id)?))).collect()
}
