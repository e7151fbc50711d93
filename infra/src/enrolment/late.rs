//! Leave to hand in late.

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::enrolment::RoundId;
use jiazai_domain::enrolment::application::{LatePermit, LatePermitFacts};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;

use crate::db::schema::enrolment_late_permits as table;
use crate::db::{DbError, Tx, native, parsed};
use crate::events;

type Row = (String, String, i64, String, String, i64);

fn permit((round, applicant, until, reason, by, at): Row) -> Result<LatePermit, DbError> {
    Ok(LatePermit::restore(LatePermitFacts {
        round: parsed(&round)?,
        applicant: parsed(&applicant)?,
        until: Timestamp::from_millis(until),
        reason,
        granted_by: parsed(&by)?,
        granted_at: Timestamp::from_millis(at),
    }))
}

pub fn find(tx: &mut Tx, round: RoundId, applicant: PrincipalId) -> Result<Option<LatePermit>, DbError> {
    let row: Option<Row> = native!(tx, |conn| table::table.find((round.text(), applicant.text())).first(conn).optional())?;
    row.map(permit).transpose()
}

/// All permits of a round, by resident.
pub fn of_round(tx: &mut Tx, round: RoundId, after: Option<&str>, limit: i64) -> Result<Vec<LatePermit>, DbError> {
    let rows: Vec<Row> = native!(tx, |conn| {
        table::table
            .filter(table::round_id.eq(round.text()))
            .filter(table::applicant_id.gt(after.unwrap_or_default().to_owned()))
            .order(table::applicant_id)
            .limit(limit)
            .load(conn)
    })?;
    rows.into_iter().map(permit).collect()
}

/// Writes a permit down; one that the resident had before is followed by this one. Of two at the same moment the second begins
/// again, and takes the place of the first.
pub fn save(tx: &mut Tx, community: CommunityId, changed: Changed<LatePermit>) -> Result<LatePermit, DbError> {
    let (permit, _, happened) = changed.into_parts();
    let f = permit.facts();
    let before = table::table.find((f.round.text(), f.applicant.text()));
    native!(tx, |conn| diesel::delete(before).execute(conn))?;
    let insert = diesel::insert_into(table::table).values((
        table::round_id.eq(f.round.text()),
        table::applicant_id.eq(f.applicant.text()),
        table::until_at.eq(f.until.millis()),
        table::reason.eq(&f.reason),
        table::granted_by.eq(f.granted_by.text()),
        table::granted_at.eq(f.granted_at.millis()),
    ));
    match tx.insert(insert) {
        Err(DbError::Duplicate) => return Err(tx.run_again()),
        other => other?,
    }
    events::record(tx, community, &f.round.text(), 0, &happened)?;
    Ok(permit)
}
