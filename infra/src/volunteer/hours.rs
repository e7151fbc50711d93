//! Hours 志愿时长: rows that are only ever added.

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::time::{Date, Timestamp};
use jiazai_domain::volunteer::{Hours, RankingBy};

use crate::db::schema::{principals, volunteer_hours, volunteer_records};
use crate::db::{DbError, InList, Tx, native, parsed};

/// Writes a sign-up's hours. Once: the sign-up is the key.
pub fn add_hours(tx: &mut Tx, hours: &Hours) -> Result<(), DbError> {
    tx.insert(diesel::insert_into(volunteer_hours::table).values((
        volunteer_hours::sign_up_id.eq(hours.sign_up.text()),
        volunteer_hours::community_id.eq(hours.community.text()),
        volunteer_hours::activity_id.eq(hours.activity.text()),
        volunteer_hours::resident_id.eq(hours.resident.text()),
        volunteer_hours::minutes.eq(hours.minutes),
        volunteer_hours::served_on.eq(hours.served_on.format("%Y-%m-%d").to_string()),
        volunteer_hours::credited_at.eq(hours.credited_at.millis()),
    )))
}

#[derive(QueryableByName)]
struct Sum {
    #[diesel(sql_type = diesel::sql_types::Text)]
    owner: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    minutes: i64,
}

/// A person's minutes in each community where they have served.
pub fn minutes_by_community(tx: &mut Tx, person: PrincipalId) -> Result<Vec<(CommunityId, i64)>, DbError> {
    // SUM over BIGINT is a NUMERIC on PostgreSQL, hence the cast.
    let sums = diesel::sql_query(
        "SELECT community_id AS owner, CAST(SUM(minutes) AS BIGINT) AS minutes FROM volunteer_hours WHERE resident_id = $1 \
         GROUP BY community_id ORDER BY community_id",
    )
    .bind::<diesel::sql_types::Text, _>(person.text());
    let rows: Vec<Sum> = native!(tx, |conn| sums.load(conn))?;
    rows.into_iter().map(|row| Ok((parsed(&row.owner)?, row.minutes))).collect()
}

/// A person's minutes everywhere.
pub fn minutes_of(tx: &mut Tx, person: PrincipalId) -> Result<i64, DbError> {
    Ok(minutes_by_community(tx, person)?.iter().map(|(_, minutes)| minutes).sum())
}

/// Somebody in a ranking.
#[derive(Debug, Clone)]
pub struct Served {
    pub person: PrincipalId,
    pub name: String,
    pub minutes: i64,
    /// Only in a ranking by points.
    pub points: Option<i64>,
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = diesel::sql_types::Text)]
    owner: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    minutes: i64,
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::BigInt>)]
    points: Option<i64>,
}

/// Those who have served most in a community since a day, or earned most by it, of those who agreed to be named. Points that were earned
/// before and taken back since were never part of it.
pub fn ranking(tx: &mut Tx, community: CommunityId, since: Date, by: RankingBy, limit: i64) -> Result<Vec<Served>, DbError> {
    use diesel::sql_types::{BigInt, Bool, Text};
    let day = since.format("%Y-%m-%d").to_string();
    let rows: Vec<Place> = match by {
        RankingBy::Minutes => {
            let sums = diesel::sql_query(
                "SELECT h.resident_id AS owner, CAST(SUM(h.minutes) AS BIGINT) AS minutes, CAST(NULL AS BIGINT) AS points \
                 FROM volunteer_hours h JOIN volunteer_records r ON r.resident_id = h.resident_id \
                 WHERE h.community_id = $1 AND h.served_on >= $2 AND r.ranked = $3 \
                 GROUP BY h.resident_id HAVING SUM(h.minutes) > 0 ORDER BY 2 DESC, 1 LIMIT $4",
            )
            .bind::<Text, _>(community.text())
            .bind::<Text, _>(day)
            .bind::<Bool, _>(true)
            .bind::<BigInt, _>(limit);
            native!(tx, |conn| sums.load(conn))?
        }
        RankingBy::Points => {
            let sums = diesel::sql_query(
                "SELECT a.person_id AS owner, CAST(COALESCE((SELECT SUM(h.minutes) FROM volunteer_hours h \
                     WHERE h.resident_id = a.person_id AND h.community_id = $1 AND h.served_on >= $2), 0) AS BIGINT) AS minutes, \
                     CAST(SUM(e.amount) AS BIGINT) AS points \
                 FROM ledger_transactions t LEFT JOIN ledger_transactions o ON o.id = t.reverses \
                 JOIN ledger_entries e ON e.transaction_id = t.id JOIN ledger_accounts a ON a.id = e.account_id AND a.person_id IS NOT NULL \
                 JOIN volunteer_records r ON r.resident_id = a.person_id \
                 WHERE t.community_id = $1 AND t.occurred_at >= $3 AND r.ranked = $4 AND a.unit = 'points' \
                 AND (t.source_kind = 'sign_up' OR o.source_kind = 'sign_up' AND o.occurred_at >= $3) \
                 GROUP BY a.person_id HAVING SUM(e.amount) > 0 ORDER BY 3 DESC, 1 LIMIT $5",
            )
            .bind::<Text, _>(community.text())
            .bind::<Text, _>(day)
            .bind::<BigInt, _>(Timestamp::start_of(since).millis())
            .bind::<Bool, _>(true)
            .bind::<BigInt, _>(limit);
            native!(tx, |conn| sums.load(conn))?
        }
    };
    let ids: Vec<&String> = rows.iter().map(|row| &row.owner).collect();
    let names: Vec<(String, String)> = native!(tx, |conn| principals::table
        .filter(principals::id.within(ids))
        .select((principals::id, principals::display_name))
        .load(conn))?;
    rows.iter()
        .map(|row| {
            let name = names.iter().find(|(id, _)| *id == row.owner).map_or_else(String::new, |(_, name)| name.clone());
            Ok(Served { person: parsed(&row.owner)?, name, minutes: row.minutes, points: row.points })
        })
        .collect()
}

/// Whether somebody is named in the ranking from now on.
pub fn set_ranked(tx: &mut Tx, person: PrincipalId, ranked: bool) -> Result<(), DbError> {
    super::touch(tx, person)?;
    let own = volunteer_records::table.find(person.text());
    native!(tx, |conn| diesel::update(own).set(volunteer_records::ranked.eq(ranked)).execute(conn)).map(drop)
}
