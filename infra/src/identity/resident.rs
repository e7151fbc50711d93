//! Residents: WeChat users, with what is sealed of them.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::actor::{PrincipalId, PrincipalKind};

use super::insert_principal;
use crate::db::schema::{principals, residents, staff};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::vault::{Aad, Secret, Vault};

pub(super) const OPENID: &str = "openid";
const PHONE: &str = "phone";

fn resident_cell<'a>(column: &'static str, row: &'a str) -> Aad<'a> {
    Aad { table: "residents", column, row }
}

/// The account of a WeChat user.
pub fn resident_by_openid(tx: &mut Tx, vault: &Vault, openid: &str) -> Result<Option<PrincipalId>, DbError> {
    let index = vault.blind_index(OPENID, openid);
    let id: Option<String> = native!(tx, |conn| residents::table
        .filter(residents::openid_index.eq(&index))
        .select(residents::principal_id)
        .first(conn)
        .optional())?;
    id.map(|id| parsed(&id)).transpose()
}

/// Remembers a new WeChat user. [`DbError::Duplicate`] when another log-in of the same user was quicker.
fn insert_resident(tx: &mut Tx, vault: &Vault, principal: PrincipalId, openid: &str) -> Result<(), DbError> {
    let row = principal.text();
    tx.insert(diesel::insert_into(residents::table).values((
        residents::principal_id.eq(&row),
        residents::openid_index.eq(vault.blind_index(OPENID, openid)),
        residents::openid_sealed.eq(vault.seal(resident_cell(OPENID, &row), openid.as_bytes())),
    )))
}

/// The openid, to send a message to: of a resident, or of a member of staff who has bound one.
pub fn openid_of(tx: &mut Tx, vault: &Vault, principal: PrincipalId) -> Result<Option<Secret>, DbError> {
    let row = principal.text();
    let resident: Option<Vec<u8>> =
        native!(tx, |conn| residents::table.find(&row).select(residents::openid_sealed).first(conn).optional())?;
    let (table, sealed) = match resident {
        Some(sealed) => ("residents", Some(sealed)),
        None => {
            let bound: Option<Option<Vec<u8>>> =
                native!(tx, |conn| staff::table.find(&row).select(staff::openid_sealed).first(conn).optional())?;
            ("staff", bound.flatten())
        }
    };
    let Some(sealed) = sealed else { return Ok(None) };
    let openid = vault.open_text(Aad { table, column: OPENID, row: &row }, &sealed).map_err(|e| DbError::Corrupt(e.to_string()))?;
    Ok(Some(openid).filter(|openid| !openid.expose().is_empty()))
}

/// The account that a member of staff has as a resident, if they have bound their WeChat at work and use it at home.
pub fn resident_self_of(tx: &mut Tx, vault: &Vault, staff: PrincipalId) -> Result<Option<PrincipalId>, DbError> {
    match openid_of(tx, vault, staff)? {
        Some(openid) => Ok(resident_by_openid(tx, vault, openid.expose())?.filter(|found| *found != staff)),
        None => Ok(None),
    }
}

/// The account of a WeChat user, made when there is none. Of two first log-ins at once, one runs again and finds the
/// other's account.
pub fn resident_or_new(tx: &mut Tx, vault: &Vault, openid: &str, display_name: &str) -> Result<PrincipalId, DbError> {
    if let Some(known) = resident_by_openid(tx, vault, openid)? {
        return Ok(known);
    }
    let id = tx.new_id();
    insert_principal(tx, id, PrincipalKind::Resident, display_name)?;
    match insert_resident(tx, vault, id, openid) {
        Err(DbError::Duplicate) => Err(tx.run_again()),
        other => other.map(|()| id),
    }
}

pub fn bind_phone(tx: &mut Tx, vault: &Vault, principal: PrincipalId, phone: &str) -> Result<(), DbError> {
    let row = principal.text();
    let now = tx.now().millis();
    tx.update_one(diesel::update(residents::table.find(&row)).set((
        residents::phone_index.eq(vault.blind_index(PHONE, phone)),
        residents::phone_sealed.eq(vault.seal(resident_cell(PHONE, &row), phone.as_bytes())),
        residents::phone_bound_at.eq(now),
    )))
}

/// Takes the phone number out of an account.
pub fn forget_phone(tx: &mut Tx, principal: PrincipalId) -> Result<(), DbError> {
    native!(tx, |conn| {
        diesel::update(residents::table.find(principal.text()))
            .set((
                residents::phone_index.eq(None::<Vec<u8>>),
                residents::phone_sealed.eq(None::<Vec<u8>>),
                residents::phone_bound_at.eq(None::<i64>),
            ))
            .execute(conn)
    })
    .map(drop)
}

/// The bound phone number, if any.
pub fn phone_of(tx: &mut Tx, vault: &Vault, principal: PrincipalId) -> Result<Option<Secret>, DbError> {
    let row = principal.text();
    let sealed: Option<Option<Vec<u8>>> =
        native!(tx, |conn| residents::table.find(&row).select(residents::phone_sealed).first(conn).optional())?;
    let Some(sealed) = sealed.flatten() else { return Ok(None) };
    vault.open_text(resident_cell(PHONE, &row), &sealed).map(Some).map_err(|e| DbError::Corrupt(e.to_string()))
}

/// The bound phone numbers of those of these accounts that have one.
pub fn phones_of(tx: &mut Tx, vault: &Vault, ids: &[PrincipalId]) -> Result<HashMap<PrincipalId, Secret>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let texts: Vec<String> = ids.iter().map(PrincipalId::text).collect();
    let rows: Vec<(String, Option<Vec<u8>>)> = native!(tx, |conn| {
        residents::table.filter(residents::principal_id.within(texts)).select((residents::principal_id, residents::phone_sealed)).load(conn)
    })?;
    let mut phones = HashMap::new();
    for (row, sealed) in rows {
        let Some(sealed) = sealed else { continue };
        let phone = vault.open_text(resident_cell(PHONE, &row), &sealed).map_err(|e| DbError::Corrupt(e.to_string()))?;
        phones.insert(parsed(&row)?, phone);
    }
    Ok(phones)
}

/// Takes out of an account everything that says who it was: the row stays, because others' records point to it.
pub fn erase_resident(tx: &mut Tx, vault: &Vault, principal: PrincipalId) -> Result<(), DbError> {
    let row = principal.text();
    let now = tx.now().millis();
    // The account first: whoever holds it to write into it (`hold_acting`) is waited for, and whoever comes later finds it gone.
    native!(tx, |conn| {
        diesel::update(principals::table.find(&row))
            .set((
                principals::display_name.eq("已注销用户"),
                principals::disabled_at.eq(now),
                principals::version.eq(principals::version + 1),
                principals::updated_at.eq(now),
            ))
            .execute(conn)
    })?;
    // The openid's place is taken by the account's own id, so that the same WeChat user may come back as somebody new.
    let gone = format!("erased:{row}");
    native!(tx, |conn| {
        diesel::update(residents::table.find(&row))
            .set((
                residents::openid_index.eq(vault.blind_index(OPENID, &gone)),
                residents::openid_sealed.eq(vault.seal(resident_cell(OPENID, &row), b"")),
                residents::phone_index.eq(None::<Vec<u8>>),
                residents::phone_sealed.eq(None::<Vec<u8>>),
                residents::phone_bound_at.eq(None::<i64>),
            ))
            .execute(conn)
    })
    .map(drop)
}
