//! Schools.

use diesel::dsl::exists;
use diesel::prelude::*;
use jiazai_domain::actor::CommunityId;
use jiazai_domain::enrolment::SchoolId;
use jiazai_domain::enrolment::school::{Facts, School};
use jiazai_domain::kernel::changed::Changed;

use crate::db::schema::{school_communities, schools as schools_table};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::events;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = schools_table)]
struct SchoolRow {
    id: String,
    name: String,
    stage: Option<String>,
    created_by: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

/// The school; whoever asks, because names of schools are no secret.
pub fn school(tx: &mut Tx, id: SchoolId) -> Result<Option<School>, DbError> {
    Ok(schools_of(tx, &[id])?.pop())
}

/// The schools of these ids that exist, in the order of their ids.
pub fn schools_of(tx: &mut Tx, ids: &[SchoolId]) -> Result<Vec<School>, DbError> {
    let ids: Vec<String> = ids.iter().map(SchoolId::text).collect();
    let rows: Vec<SchoolRow> = native!(tx, |conn| {
        schools_table::table.filter(schools_table::id.within(ids)).order(schools_table::id).select(SchoolRow::as_select()).load(conn)
    })?;
    with_communities(tx, rows)
}

/// Schools, oldest first, after the id `after`: those that serve a community, or all.
pub fn schools(tx: &mut Tx, serving: Option<CommunityId>, after: Option<&str>, limit: i64) -> Result<Vec<School>, DbError> {
    let mut query = schools_table::table.order(schools_table::id).limit(limit).select(SchoolRow::as_select()).into_boxed();
    if let Some(community) = serving {
        let own = || school_communities::table.filter(school_communities::school_id.eq(schools_table::id));
        let serves = exists(own().filter(school_communities::community_id.eq(community.text())));
        query = query.filter(serves.or(diesel::dsl::not(exists(own()))));
    }
    if let Some(after) = after {
        query = query.filter(schools_table::id.gt(after.to_owned()));
    }
    let rows: Vec<SchoolRow> = tx.run(|conn| query.load(conn))?;
    with_communities(tx, rows)
}

fn with_communities(tx: &mut Tx, rows: Vec<SchoolRow>) -> Result<Vec<School>, DbError> {
    if rows.is_empty() {
        return Ok(vec![]);
    }
    let ids: Vec<&String> = rows.iter().map(|row| &row.id).collect();
    let served: Vec<(String, String)> = native!(tx, |conn| {
        school_communities::table
            .filter(school_communities::school_id.within(ids))
            .order((school_communities::school_id, school_communities::community_id))
            .select((school_communities::school_id, school_communities::community_id))
            .load(conn)
    })?;
    rows.into_iter()
        .map(|row| {
            let communities = served.iter().filter(|(school, _)| *school == row.id).map(|(_, community)| parsed(community));
            Ok(School::restore(Facts {
                id: parsed(&row.id)?,
                version: row.version,
                communities: communities.collect::<Result<_, _>>()?,
                name: row.name,
                stage: row.stage.as_deref().map(parsed).transpose()?,
                created_by: parsed(&row.created_by)?,
            }))
        })
        .collect()
}

/// Saves a decision about a school. What happened is told in each community that it serves; of a school that serves all,
/// which is nobody's in particular, only the row says who made it.
pub fn save_school(tx: &mut Tx, changed: Changed<School>) -> Result<School, DbError> {
    let (school, loaded, happened) = changed.into_parts();
    let (f, now) = (school.facts(), tx.now().millis());
    let id = f.id.text();
    match loaded {
        None => tx.insert(diesel::insert_into(schools_table::table).values(SchoolRow {
            id: id.clone(),
            name: f.name.clone(),
            stage: f.stage.map(|stage| stage.as_str().to_owned()),
            created_by: f.created_by.text(),
            version: f.version,
            created_at: now,
            updated_at: now,
        }))?,
        Some(version) => {
            let same = schools_table::table.filter(schools_table::id.eq(&id)).filter(schools_table::version.eq(version));
            tx.update_one(diesel::update(same).set((
                schools_table::name.eq(&f.name),
                schools_table::stage.eq(f.stage.map(|stage| stage.as_str())),
                schools_table::version.eq(f.version),
                schools_table::updated_at.eq(now),
            )))?;
            native!(tx, |conn| diesel::delete(school_communities::table.filter(school_communities::school_id.eq(&id))).execute(conn))?;
        }
    }
    for community in &f.communities {
        let row = (school_communities::community_id.eq(community.text()), school_communities::school_id.eq(&id));
        tx.insert(diesel::insert_into(school_communities::table).values(row))?;
        events::record(tx, *community, &id, f.version, &happened)?;
    }
    Ok(school)
}
