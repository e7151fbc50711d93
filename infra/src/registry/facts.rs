//! Household facts, as they are remembered. A row is written once and taken back at most once; nothing else of it changes.

use diesel::prelude::*;
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::{Date, Timestamp};
use jiazai_domain::registry::{Correction, Fact, FactId, HomeId, Interval, PersonId, Share};

use super::{LAST_DAY, bindings};
use crate::db::schema::household_facts;
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::events;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = household_facts)]
struct FactRow {
    id: String,
    community_id: String,
    person_id: String,
    home_id: String,
    kind: String,
    from_on: Date,
    until_on: Option<Date>,
    share_points: Option<i64>,
    sole: bool,
    separated: bool,
    source: String,
    recorded_by: String,
    recorded_at: i64,
    corrects: Option<String>,
    superseded_by: Option<String>,
    superseded_at: Option<i64>,
}

impl FactRow {
    fn of(fact: &Fact) -> Self {
        Self {
            id: fact.id.text(),
            community_id: fact.community.text(),
            person_id: fact.person.text(),
            home_id: fact.home.text(),
            kind: fact.kind.as_str().to_owned(),
            from_on: fact.interval.from(),
            until_on: fact.interval.until().filter(|until| LAST_DAY.is_none_or(|last| *until <= last)),
            share_points: fact.share.map(Share::points),
            sole: fact.sole,
            separated: fact.separated,
            source: fact.source.as_str().to_owned(),
            recorded_by: fact.recorded_by.text(),
            recorded_at: fact.recorded_at.millis(),
            corrects: fact.corrects.map(|id| id.text()),
            superseded_by: fact.superseded.map(|(by, _)| by.text()),
            superseded_at: fact.superseded.map(|(_, at)| at.millis()),
        }
    }
}

impl TryFrom<FactRow> for Fact {
    type Error = DbError;
    fn try_from(row: FactRow) -> Result<Self, DbError> {
        let corrupt = |what: &str| DbError::Corrupt(format!("a fact's {what} does not read back"));
        let superseded = match (&row.superseded_by, row.superseded_at) {
            (Some(by), Some(at)) => Some((parsed(by)?, Timestamp::from_millis(at))),
            _ => None,
        };
        Ok(Self {
            id: parsed(&row.id)?,
            // There is no column: a fact is written, and perhaps taken back.
            version: if superseded.is_some() { 2 } else { 1 },
            community: parsed(&row.community_id)?,
            person: parsed(&row.person_id)?,
            home: parsed(&row.home_id)?,
            kind: parsed(&row.kind)?,
            interval: Interval::new(row.from_on, row.until_on).map_err(|_| corrupt("interval"))?,
            share: row.share_points.map(Share::basis_points).transpose().map_err(|_| corrupt("share"))?,
            sole: row.sole,
            separated: row.separated,
            source: parsed(&row.source)?,
            recorded_by: parsed(&row.recorded_by)?,
            recorded_at: Timestamp::from_millis(row.recorded_at),
            corrects: row.corrects.as_deref().map(parsed).transpose()?,
            superseded,
        })
    }
}

/// Facts that hold on a day, by what is known now.
#[diesel::dsl::auto_type]
pub(crate) fn held(day: Date) -> _ {
    household_facts::superseded_at
        .is_null()
        .and(household_facts::from_on.le(day))
        .and(household_facts::until_on.is_null().or(household_facts::until_on.assume_not_null().gt(day)))
}

fn facts(rows: Vec<FactRow>) -> Result<Vec<Fact>, DbError> {
    rows.into_iter().map(Fact::try_from).collect()
}

/// All facts of these homes, superseded ones too, oldest first.
pub fn of_homes(tx: &mut Tx, homes: &[HomeId]) -> Result<Vec<Fact>, DbError> {
    if homes.is_empty() {
        return Ok(vec![]);
    }
    let ids: Vec<String> = homes.iter().map(HomeId::text).collect();
    facts(native!(tx, |conn| {
        household_facts::table
            .filter(household_facts::home_id.within(ids))
            .order(household_facts::id)
            .select(FactRow::as_select())
            .load(conn)
    })?)
}

/// All facts of these people, superseded ones too, oldest first.
pub fn of_people(tx: &mut Tx, people: &[PersonId]) -> Result<Vec<Fact>, DbError> {
    if people.is_empty() {
        return Ok(vec![]);
    }
    let ids: Vec<String> = people.iter().map(PersonId::text).collect();
    facts(native!(tx, |conn| {
        household_facts::table
            .filter(household_facts::person_id.within(ids))
            .order(household_facts::id)
            .select(FactRow::as_select())
            .load(conn)
    })?)
}

/// What a decision about a fact of this person at this home has to look at: all facts of the home and all of the person.
pub fn around(tx: &mut Tx, person: PersonId, home: HomeId) -> Result<Vec<Fact>, DbError> {
    let mut all = of_homes(tx, &[home])?;
    all.extend(of_people(tx, &[person])?.into_iter().filter(|fact| fact.home != home));
    Ok(all)
}

pub fn find(tx: &mut Tx, id: FactId) -> Result<Option<Fact>, DbError> {
    let row: Option<FactRow> =
        native!(tx, |conn| household_facts::table.find(id.text()).select(FactRow::as_select()).first(conn).optional())?;
    row.map(Fact::try_from).transpose()
}

/// Saves a new fact. The caller saves person and home one version on with it (`people::touch`, `homes::touch`).
pub fn save(tx: &mut Tx, changed: Changed<Fact>) -> Result<Fact, DbError> {
    let (fact, loaded, happened) = changed.into_parts();
    match loaded {
        None => match tx.insert(diesel::insert_into(household_facts::table).values(FactRow::of(&fact))) {
            // Somebody else wrote the same between our look and our row: deciding again will tell which rule it breaks.
            Err(DbError::Duplicate) => return Err(tx.run_again()),
            other => other?,
        },
        Some(_) => {
            let current =
                household_facts::table.filter(household_facts::id.eq(fact.id.text())).filter(household_facts::superseded_at.is_null());
            let (by, at) = (fact.superseded.map(|(by, _)| by.text()), fact.superseded.map(|(_, at)| at.millis()));
            tx.update_one(diesel::update(current).set((household_facts::superseded_by.eq(by), household_facts::superseded_at.eq(at))))?;
        }
    }
    events::record(tx, fact.community, &fact.id.text(), fact.version, &happened)?;
    Ok(fact)
}

/// Saves a correction: the old row first, so that the new one does not meet it in a unique index. Gives both. A binding that
/// rests on the fact follows it; on one that was over before and still is nothing rests, whatever is corrected of it.
pub fn save_correction(tx: &mut Tx, correction: Correction) -> Result<(Fact, Fact), DbError> {
    let old = save(tx, correction.old)?;
    let new = save(tx, correction.new)?;
    let today = tx.now().date();
    if !(old.is_over(today) && new.is_over(today)) {
        bindings::follow(tx, &new)?;
    }
    Ok((old, new))
}
