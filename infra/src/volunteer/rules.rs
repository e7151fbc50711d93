//! What a community has decided about absences and points.

use diesel::prelude::*;
use jiazai_domain::actor::CommunityId;
use jiazai_domain::volunteer::{NoShowRule, PointCaps};

use crate::db::schema::volunteer_rules;
use crate::db::{DbError, Tx, native};

/// The rules of a community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    pub no_show: NoShowRule,
    pub caps: PointCaps,
    /// Points that were earned by service expire after so many days; for ever, if none.
    pub points_last_days: Option<i64>,
    /// 0 while the defaults hold.
    pub version: i64,
}

pub fn rules(tx: &mut Tx, community: CommunityId) -> Result<Rules, DbError> {
    type Row = (i64, i64, i64, i64, Option<i64>, Option<i64>, i64);
    let row: Option<Row> = native!(tx, |conn| {
        volunteer_rules::table
            .find(community.text())
            .select((
                volunteer_rules::strikes,
                volunteer_rules::within_days,
                volunteer_rules::block_days,
                volunteer_rules::costs_points,
                volunteer_rules::points_per_month,
                volunteer_rules::points_last_days,
                volunteer_rules::version,
            ))
            .first(conn)
            .optional()
    })?;
    Ok(row.map_or_else(Rules::default, |(strikes, within_days, block_days, costs_points, per_month, points_last_days, version)| Rules {
        no_show: NoShowRule { strikes: usize::try_from(strikes).unwrap_or(0), within_days, block_days, costs_points },
        caps: PointCaps { per_month },
        points_last_days,
        version,
    }))
}

/// Writes new rules over those of `loaded.version`. [`DbError::Duplicate`] when two wrote the first at once.
pub fn save_rules(tx: &mut Tx, community: CommunityId, loaded: &Rules, new: &Rules) -> Result<Rules, DbError> {
    let (now, version) = (tx.now().millis(), loaded.version + 1);
    let values = (
        volunteer_rules::strikes.eq(new.no_show.strikes as i64),
        volunteer_rules::within_days.eq(new.no_show.within_days),
        volunteer_rules::block_days.eq(new.no_show.block_days),
        volunteer_rules::costs_points.eq(new.no_show.costs_points),
        volunteer_rules::points_per_month.eq(new.caps.per_month),
        volunteer_rules::points_last_days.eq(new.points_last_days),
        volunteer_rules::version.eq(version),
        volunteer_rules::updated_at.eq(now),
    );
    if loaded.version == 0 {
        tx.insert(diesel::insert_into(volunteer_rules::table).values((volunteer_rules::community_id.eq(community.text()), values)))?;
    } else {
        let same = volunteer_rules::table
            .filter(volunteer_rules::community_id.eq(community.text()))
            .filter(volunteer_rules::version.eq(loaded.version));
        tx.update_one(diesel::update(same).set(values))?;
    }
    Ok(Rules { version, ..*new })
}
