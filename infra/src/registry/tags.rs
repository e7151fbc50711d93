//! The dictionary of tags of a community, and who was given which, as they are remembered.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, Role};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::{Date, Timestamp};
use jiazai_domain::registry::{Interval, PersonId, PersonTag, PersonTagId, Tag};

use super::LAST_DAY;
use crate::db::schema::{person_tags, tags};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::events;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = tags)]
struct TagRow {
    community_id: String,
    code: String,
    name: String,
    legal_basis: String,
    visible_to: String,
    valid_days: Option<i64>,
    active: bool,
    version: i64,
    updated_at: i64,
}

impl TryFrom<TagRow> for Tag {
    type Error = DbError;
    fn try_from(row: TagRow) -> Result<Self, DbError> {
        Ok(Self {
            community: parsed(&row.community_id)?,
            code: row.code,
            version: row.version,
            name: row.name,
            legal_basis: row.legal_basis,
            visible_to: row.visible_to.split_whitespace().map(parsed).collect::<Result<_, _>>()?,
            valid_days: row.valid_days,
            active: row.active,
        })
    }
}

/// The whole dictionary of a community, by code.
pub fn dictionary(tx: &mut Tx, community: CommunityId) -> Result<Vec<Tag>, DbError> {
    let rows: Vec<TagRow> = native!(tx, |conn| tags::table
        .filter(tags::community_id.eq(community.text()))
        .order(tags::code)
        .select(TagRow::as_select())
        .load(conn))?;
    rows.into_iter().map(Tag::try_from).collect()
}

pub fn find(tx: &mut Tx, community: CommunityId, code: &str) -> Result<Option<Tag>, DbError> {
    let row: Option<TagRow> =
        native!(tx, |conn| tags::table.find((community.text(), code)).select(TagRow::as_select()).first(conn).optional())?;
    row.map(Tag::try_from).transpose()
}

/// Saves a decision about a tag. [`DbError::Duplicate`] when its code or its name is taken in the community.
pub fn save(tx: &mut Tx, changed: Changed<Tag>) -> Result<Tag, DbError> {
    let (tag, loaded, happened) = changed.into_parts();
    let row = TagRow {
        community_id: tag.community.text(),
        code: tag.code.clone(),
        name: tag.name.clone(),
        legal_basis: tag.legal_basis.clone(),
        visible_to: tag.visible_to.iter().map(|role: &Role| role.as_str()).collect::<Vec<_>>().join(" "),
        valid_days: tag.valid_days,
        active: tag.active,
        version: tag.version,
        updated_at: tx.now().millis(),
    };
    match loaded {
        None => tx.insert(diesel::insert_into(tags::table).values(row))?,
        Some(version) => {
            let same = tags::table
                .filter(tags::community_id.eq(row.community_id))
                .filter(tags::code.eq(row.code))
                .filter(tags::version.eq(version));
            tx.update_one(diesel::update(same).set((
                tags::name.eq(row.name),
                tags::legal_basis.eq(row.legal_basis),
                tags::visible_to.eq(row.visible_to),
                tags::valid_days.eq(row.valid_days),
                tags::active.eq(row.active),
                tags::version.eq(row.version),
                tags::updated_at.eq(row.updated_at),
            )))?;
        }
    }
    // A tag has no id of its own; its history is found by its community and code.
    let subject = format!("{}:tag:{}", tag.community.text(), tag.code);
    events::record(tx, tag.community, &subject, tag.version, &happened)?;
    Ok(tag)
}

/// Tags that somebody has on a day.
#[diesel::dsl::auto_type]
pub(crate) fn held(day: Date) -> _ {
    person_tags::removed_at
        .is_null()
        .and(person_tags::from_on.le(day))
        .and(person_tags::until_on.is_null().or(person_tags::until_on.assume_not_null().gt(day)))
}

// Given --------------------------------------------------------------------------------------------------------------

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = person_tags)]
struct GivenRow {
    id: String,
    community_id: String,
    person_id: String,
    code: String,
    from_on: Date,
    until_on: Option<Date>,
    set_by: String,
    set_at: i64,
    removed_by: Option<String>,
    removed_at: Option<i64>,
    version: i64,
}

impl TryFrom<GivenRow> for PersonTag {
    type Error = DbError;
    fn try_from(row: GivenRow) -> Result<Self, DbError> {
        let removed = match (&row.removed_by, row.removed_at) {
            (Some(by), Some(at)) => Some((parsed(by)?, Timestamp::from_millis(at))),
            _ => None,
        };
        Ok(Self {
            id: parsed(&row.id)?,
            version: row.version,
            person: parsed(&row.person_id)?,
            code: row.code,
            interval: Interval::new(row.from_on, row.until_on)
                .map_err(|_| DbError::Corrupt("a tag's interval does not read back".to_owned()))?,
            set_by: parsed(&row.set_by)?,
            set_at: Timestamp::from_millis(row.set_at),
            removed,
        })
    }
}

/// Everything that these people were ever given, oldest first.
pub fn of_people(tx: &mut Tx, people: &[PersonId]) -> Result<HashMap<PersonId, Vec<PersonTag>>, DbError> {
    let mut given: HashMap<PersonId, Vec<PersonTag>> = HashMap::new();
    if people.is_empty() {
        return Ok(given);
    }
    let ids: Vec<String> = people.iter().map(PersonId::text).collect();
    let rows: Vec<GivenRow> = native!(tx, |conn| {
        person_tags::table.filter(person_tags::person_id.within(ids)).order(person_tags::id).select(GivenRow::as_select()).load(conn)
    })?;
    for row in rows {
        let tag = PersonTag::try_from(row)?;
        given.entry(tag.person).or_default().push(tag);
    }
    Ok(given)
}

pub fn given(tx: &mut Tx, id: PersonTagId) -> Result<Option<PersonTag>, DbError> {
    let row: Option<GivenRow> =
        native!(tx, |conn| person_tags::table.find(id.text()).select(GivenRow::as_select()).first(conn).optional())?;
    row.map(PersonTag::try_from).transpose()
}

/// Saves that somebody was given a tag, or that it was taken away.
pub fn save_given(tx: &mut Tx, community: CommunityId, changed: Changed<PersonTag>) -> Result<PersonTag, DbError> {
    let (tag, loaded, happened) = changed.into_parts();
    let id = tag.id.text();
    match loaded {
        None => {
            let row = GivenRow {
                id: id.clone(),
                community_id: community.text(),
                person_id: tag.person.text(),
                code: tag.code.clone(),
                from_on: tag.interval.from(),
                until_on: tag.interval.until().filter(|until| LAST_DAY.is_none_or(|last| *until <= last)),
                set_by: tag.set_by.text(),
                set_at: tag.set_at.millis(),
                removed_by: None,
                removed_at: None,
                version: tag.version,
            };
            match tx.insert(diesel::insert_into(person_tags::table).values(row)) {
                // Given by somebody else between our look and our row.
                Err(DbError::Duplicate) => return Err(tx.run_again()),
                other => other?,
            }
        }
        Some(version) => {
            let same = person_tags::table.filter(person_tags::id.eq(&id)).filter(person_tags::version.eq(version));
            tx.update_one(diesel::update(same).set((
                person_tags::removed_by.eq(tag.removed.map(|(by, _)| by.text())),
                person_tags::removed_at.eq(tag.removed.map(|(_, at)| at.millis())),
                person_tags::version.eq(tag.version),
            )))?;
        }
    }
    events::record(tx, community, &id, tag.version, &happened)?;
    Ok(tag)
}
