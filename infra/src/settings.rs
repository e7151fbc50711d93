//! Facts about the installation, one text each.

use diesel::prelude::*;

use crate::db::schema::settings;
use crate::db::{DbError, Tx, native};

pub fn get(tx: &mut Tx, name: &str) -> Result<Option<String>, DbError> {
    native!(tx, |conn| settings::table.find(name).select(settings::value).first(conn).optional())
}

/// Sets a fact that was not known before. Of two instances that set it at once, one runs again and finds it.
pub fn insert(tx: &mut Tx, name: &str, value: &str) -> Result<(), DbError> {
    match tx.insert(diesel::insert_into(settings::table).values((settings::name.eq(name), settings::value.eq(value)))) {
        Err(DbError::Duplicate) => Err(tx.run_again()),
        other => other,
    }
}

/// Changes a fact on the condition that it still is what it was.
pub fn replace(tx: &mut Tx, name: &str, old: &str, new: &str) -> Result<(), DbError> {
    let same = settings::table.filter(settings::name.eq(name)).filter(settings::value.eq(old));
    tx.update_one(diesel::update(same).set(settings::value.eq(new)))
}
