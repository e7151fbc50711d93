//! Seats in use 学位使用: which family has a home's seat, and from when to when.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::enrolment::ApplicationId;
use jiazai_domain::enrolment::application::Application;
use jiazai_domain::enrolment::seat_lock::{Family, SeatUse};
use jiazai_domain::registry::HomeId;

use super::application_row::child_index;
use crate::db::schema::{enrolment_guardians, enrolment_seat_uses as table};
use crate::db::{DbError, Tx, parsed};
use crate::vault::{Vault, hex};

/// The family of an application, by its guardians' documents.
pub fn family(vault: &Vault, application: &Application) -> Family {
    Family::new(application.facts().content.guardians.iter().map(|guardian| hex(&child_index(vault, &guardian.document))))
}

/// The uses of a home's seat, past and to come.
pub fn of_home(tx: &mut Tx, home: HomeId) -> Result<Vec<SeatUse>, DbError> {
    let rows: Vec<(i64, String)> = tx.run(|conn| {
        table::table
            .filter(table::home_id.eq(home.text()))
            .order(table::school_year)
            .select((table::school_year, table::application_id))
            .load(conn)
    })?;
    let ids: Vec<&String> = rows.iter().map(|(_, id)| id).collect();
    let guardians: Vec<(String, Vec<u8>)> = tx.run(|conn| {
        enrolment_guardians::table
            .filter(enrolment_guardians::application_id.eq_any(ids))
            .select((enrolment_guardians::application_id, enrolment_guardians::document_index))
            .load(conn)
    })?;
    let mut families: HashMap<String, Vec<String>> = HashMap::new();
    for (id, index) in guardians {
        families.entry(id).or_default().push(hex(&index));
    }
    rows.into_iter()
        .map(|(school_year, id)| {
            let family = Family::new(families.get(&id).cloned().unwrap_or_default());
            Ok(SeatUse { home, school_year, application: parsed(&id)?, family })
        })
        .collect()
}

/// Takes the seat. Where another transaction took it in the meantime, this one begins again and is decided on what it then
/// finds: a twin finds its own family, a stranger a locked seat.
pub fn insert(tx: &mut Tx, rows: &[SeatUse]) -> Result<(), DbError> {
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

/// Gives back what an application took.
pub fn release(tx: &mut Tx, application: ApplicationId) -> Result<(), DbError> {
    tx.run(|conn| diesel::delete(table::table.filter(table::application_id.eq(application.text()))).execute(conn)).map(drop)
}
