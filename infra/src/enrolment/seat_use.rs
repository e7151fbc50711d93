//! Seats in use 学位使用: which family has a home's seat, and from when to when.
//!
//! A *use* is a row for each school year that is taken; a *holder* 占用 is whoever sits on the home's seat, by rows of their own
//! or under a sibling's. The two are kept apart because rows go with the application that took them, and the siblings stay.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::enrolment::application::{Application, State};
use jiazai_domain::enrolment::seat_lock::{Claim, Family, SeatUse, handed_on};
use jiazai_domain::enrolment::{ApplicationId, round};
use jiazai_domain::registry::HomeId;

use super::application_row::child_index;
use super::{Sight, round_facts};
use crate::db::schema::{
    enrolment_applications, enrolment_guardians, enrolment_seat_holders as holders, enrolment_seat_uses as table, homes, people,
};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::registry::people as persons;
use crate::vault::{Vault, hex};

/// The family of an application, by its guardians' documents.
pub fn family(vault: &Vault, application: &Application) -> Family {
    Family::new(application.facts().content.guardians.iter().map(|guardian| hex(&child_index(vault, &guardian.document))))
}

/// The family of an account, as far as it is known before anything is handed in: who they are in the registry, and the guardians
/// whom they named for other children.
pub fn family_of(tx: &mut Tx, account: PrincipalId) -> Result<Family, DbError> {
    let own: Vec<String> = persons::persons_of(tx, account)?.iter().map(|person| person.text()).collect();
    let own: Vec<Option<Vec<u8>>> =
        native!(tx, |conn| people::table.filter(people::id.eq_any(own)).select(people::document_index).load(conn))?;
    let named: Vec<Vec<u8>> = native!(tx, |conn| {
        enrolment_guardians::table
            .inner_join(enrolment_applications::table.on(enrolment_applications::id.eq(enrolment_guardians::application_id)))
            .filter(enrolment_applications::applicant_id.eq(account.text()))
            .filter(enrolment_applications::state.ne(State::Withdrawn.as_str()))
            .select(enrolment_guardians::document_index)
            .load(conn)
    })?;
    Ok(Family::new(own.into_iter().flatten().chain(named).map(|index| hex(&index))))
}

/// Whether an account that would hand in for a child of this home would find its seat taken.
pub fn is_locked_for(tx: &mut Tx, round: &round::Facts, home: HomeId, account: PrincipalId) -> Result<bool, DbError> {
    let uses = of_home(tx, home)?;
    if uses.is_empty() {
        return Ok(false);
    }
    let claim = Claim::of(round, tx.new_id(), home, family_of(tx, account)?);
    Ok(claim.is_locked(&uses))
}

/// The uses of a home's seat, past and to come.
pub fn of_home(tx: &mut Tx, home: HomeId) -> Result<Vec<SeatUse>, DbError> {
    let rows: Vec<(i64, String)> = native!(tx, |conn| {
        table::table
            .filter(table::home_id.eq(home.text()))
            .order(table::school_year)
            .select((table::school_year, table::application_id))
            .load(conn)
    })?;
    if rows.is_empty() {
        return Ok(vec![]);
    }
    let mut families = families(tx, rows.iter().map(|(_, id)| id.clone()).collect())?;
    // One application has several years.
    let mut family = |id: &String| match families.get(id) {
        Some(family) => family.clone(),
        None => families.entry(id.clone()).or_default().clone(),
    };
    rows.iter()
        .map(|(school_year, id)| Ok(SeatUse { home, school_year: *school_year, application: parsed(id)?, family: family(id) }))
        .collect()
}

fn families(tx: &mut Tx, ids: Vec<String>) -> Result<HashMap<String, Family>, DbError> {
    let guardians: Vec<(String, Vec<u8>)> = native!(tx, |conn| {
        enrolment_guardians::table
            .filter(enrolment_guardians::application_id.within(ids))
            .select((enrolment_guardians::application_id, enrolment_guardians::document_index))
            .load(conn)
    })?;
    let mut keys: HashMap<String, Vec<String>> = HashMap::new();
    for (id, index) in guardians {
        keys.entry(id).or_default().push(hex(&index));
    }
    Ok(keys.into_iter().map(|(id, keys)| (id, Family::new(keys))).collect())
}

/// Makes whoever takes or gives back a home's seat come one after the other, in whatever rounds they are. After the round's
/// lock, and before the uses are read.
pub fn hold(tx: &mut Tx, home: HomeId) -> Result<(), DbError> {
    let row = homes::table.find(home.text());
    native!(tx, |conn| diesel::update(row).set(homes::version.eq(homes::version)).execute(conn)).map(drop)
}

/// Lets an application sit on its home's seat, with the rows that it takes. Where another transaction took one of them all the
/// same, this one begins again and is decided on what it then finds.
pub fn take(tx: &mut Tx, application: &Application, rows: &[SeatUse]) -> Result<(), DbError> {
    if let Some(home) = application.sits_on() {
        let since = tx.now().millis();
        tx.insert(diesel::insert_into(holders::table).values((
            holders::application_id.eq(application.facts().id.text()),
            holders::home_id.eq(home.text()),
            holders::since.eq(since),
        )))?;
    }
    insert(tx, rows)
}

fn insert(tx: &mut Tx, rows: &[SeatUse]) -> Result<(), DbError> {
    for row in rows {
        let insert = diesel::insert_into(table::table).values((
            table::home_id.eq(row.home.text()),
            table::school_year.eq(row.school_year),
            table::application_id.eq(row.application.text()),
        ));
        match tx.insert(insert) {
            Err(DbError::Duplicate) => return Err(tx.run_again()),
            other => other?,
        }
    }
    Ok(())
}

/// Gives back what an application took. Siblings who still sit on the home's seat take it in its place.
pub fn release(tx: &mut Tx, application: ApplicationId) -> Result<(), DbError> {
    let home: Option<String> = native!(tx, |conn| holders::table.find(application.text()).select(holders::home_id).first(conn).optional())?;
    let Some(home) = home.as_deref().map(parsed).transpose()? else { return Ok(()) };
    hold(tx, home)?;
    native!(tx, |conn| diesel::delete(table::table.filter(table::application_id.eq(application.text()))).execute(conn))?;
    native!(tx, |conn| diesel::delete(holders::table.find(application.text())).execute(conn))?;
    let (sitting, left) = (sitting(tx, home)?, of_home(tx, home)?);
    insert(tx, &handed_on(&sitting, &left))
}

/// The claims of all who sit on a home's seat, whoever came first first.
fn sitting(tx: &mut Tx, home: HomeId) -> Result<Vec<Claim>, DbError> {
    let rows: Vec<(String, String)> = native!(tx, |conn| {
        holders::table
            .inner_join(enrolment_applications::table.on(enrolment_applications::id.eq(holders::application_id)))
            .filter(holders::home_id.eq(home.text()))
            .order((holders::since, holders::application_id))
            .select((holders::application_id, enrolment_applications::round_id))
            .load(conn)
    })?;
    let mut families = families(tx, rows.iter().map(|(id, _)| id.clone()).collect())?;
    let mut claims = Vec::new();
    for (id, round) in rows {
        let Some(round) = round_facts(tx, &Sight::everything(), parsed(&round)?)? else { continue };
        claims.push(Claim::of(&round, parsed(&id)?, home, families.remove(&id).unwrap_or_default()));
    }
    Ok(claims)
}
