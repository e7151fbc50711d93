//! Staff: passwords, one-time codes, failed log-ins, and who works where.

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, Grant, PrincipalId, Role};
use jiazai_domain::kernel::time::Timestamp;

use super::resident::OPENID;
use super::{PLATFORM, Principal, PrincipalRow, grants_of, grants_of_all, hold_acting};
use crate::db::schema::{login_failures, principals, role_grants, staff};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::vault::{Aad, Secret, Vault};

/// What a member of staff logs in with.
#[derive(Debug, Clone)]
pub struct StaffAccount {
    pub id: PrincipalId,
    pub username: String,
    pub password_hash: String,
    pub totp_sealed: Option<Vec<u8>>,
    /// The last time step whose one-time code was used.
    pub totp_step: u64,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = staff)]
struct StaffRow {
    principal_id: String,
    username: String,
    password_hash: String,
    totp_sealed: Option<Vec<u8>>,
    totp_step: i64,
}

impl TryFrom<StaffRow> for StaffAccount {
    type Error = DbError;
    fn try_from(row: StaffRow) -> Result<Self, DbError> {
        Ok(Self {
            id: parsed(&row.principal_id)?,
            username: row.username,
            password_hash: row.password_hash,
            totp_sealed: row.totp_sealed,
            totp_step: row.totp_step.max(0) as u64,
        })
    }
}

/// `username` in lower case.
pub fn staff_by_username(tx: &mut Tx, username: &str) -> Result<Option<StaffAccount>, DbError> {
    let row: Option<StaffRow> =
        native!(tx, |conn| staff::table.filter(staff::username.eq(username)).select(StaffRow::as_select()).first(conn).optional())?;
    row.map(StaffAccount::try_from).transpose()
}

pub fn staff_account(tx: &mut Tx, id: PrincipalId) -> Result<Option<StaffAccount>, DbError> {
    let row: Option<StaffRow> = native!(tx, |conn| staff::table.find(id.text()).select(StaffRow::as_select()).first(conn).optional())?;
    row.map(StaffAccount::try_from).transpose()
}

/// [`DbError::Duplicate`] when the user name is taken.
pub fn insert_staff(tx: &mut Tx, id: PrincipalId, username: &str, password_hash: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.insert(diesel::insert_into(staff::table).values((
        staff::principal_id.eq(id.text()),
        staff::username.eq(username),
        staff::password_hash.eq(password_hash),
        staff::password_changed_at.eq(now),
        staff::totp_step.eq(0),
    )))
}

pub fn set_password(tx: &mut Tx, id: PrincipalId, password_hash: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.update_one(
        diesel::update(staff::table.find(id.text())).set((staff::password_hash.eq(password_hash), staff::password_changed_at.eq(now))),
    )
}

/// [`set_password`], on the condition that the password is still the one that was checked; otherwise [`DbError::Stale`].
pub fn change_password(tx: &mut Tx, id: PrincipalId, present: &str, password_hash: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    let same = staff::table.filter(staff::principal_id.eq(id.text())).filter(staff::password_hash.eq(present));
    tx.update_one(diesel::update(same).set((staff::password_hash.eq(password_hash), staff::password_changed_at.eq(now))))
}

/// The account, if its password is still the one that was checked and it may act. Both rows are taken: whoever changes the password or
/// takes the access away at the same moment is seen here, or waits for this transaction and ends the session that it opens.
pub fn hold_staff(tx: &mut Tx, id: PrincipalId, checked_hash: &str) -> Result<Option<StaffAccount>, DbError> {
    // The person's row first, as everywhere: who binds their WeChat at this moment takes the two in the same order.
    if !hold_acting(tx, id)? {
        return Ok(None);
    }
    let same = staff::table.filter(staff::principal_id.eq(id.text())).filter(staff::password_hash.eq(checked_hash));
    let held = native!(tx, |conn| diesel::update(same).set(staff::password_hash.eq(staff::password_hash)).execute(conn))?;
    if held == 1 { staff_account(tx, id) } else { Ok(None) }
}

/// Notes which one-time code came with a log-in. [`DbError::Stale`] when it was used by another log-in meanwhile.
pub fn use_totp_step(tx: &mut Tx, account: &StaffAccount, step: u64) -> Result<(), DbError> {
    let older = staff::table.filter(staff::principal_id.eq(account.id.text())).filter(staff::totp_step.lt(step as i64));
    tx.update_one(diesel::update(older).set(staff::totp_step.eq(step as i64)))
}

/// The members of staff who have bound this WeChat. Their openids are sealed without an index, so each is opened: they are a few
/// hundred, and this is asked when WeChat tells that somebody has left or wants no more messages of a kind. One that does not open is
/// nobody's, and must not keep a resident who leaves from being forgotten.
pub fn staff_by_openid(tx: &mut Tx, vault: &Vault, openid: &str) -> Result<Vec<PrincipalId>, DbError> {
    let bound: Vec<(String, Option<Vec<u8>>)> = native!(tx, |conn| {
        staff::table.filter(staff::openid_sealed.is_not_null()).select((staff::principal_id, staff::openid_sealed)).load(conn)
    })?;
    let mut found = Vec::new();
    for (row, sealed) in bound {
        let Some(sealed) = sealed else { continue };
        match vault.open_text(Aad { table: "staff", column: OPENID, row: &row }, &sealed) {
            Ok(known) if known.expose() == openid => found.push(parsed(&row)?),
            Ok(_) => {}
            Err(error) => tracing::error!(staff = row, %error, "the WeChat of a member of staff cannot be read"),
        }
    }
    Ok(found)
}

/// Forgets the WeChat of a member of staff: nothing is sent there any more.
pub fn forget_staff_openid(tx: &mut Tx, id: PrincipalId) -> Result<(), DbError> {
    native!(tx, |conn| diesel::update(staff::table.find(id.text())).set(staff::openid_sealed.eq(None::<Vec<u8>>)).execute(conn)).map(drop)
}

/// Where notices to a member of staff go from now on.
pub fn set_staff_openid(tx: &mut Tx, vault: &Vault, id: PrincipalId, openid: &str) -> Result<(), DbError> {
    let row = id.text();
    let sealed = vault.seal(Aad { table: "staff", column: OPENID, row: &row }, openid.as_bytes());
    tx.update_one(diesel::update(staff::table.find(&row)).set(staff::openid_sealed.eq(sealed)))
}

fn name_index(vault: &Vault, username: &str) -> Vec<u8> {
    vault.blind_index("username", username)
}

/// Until when log-ins with this user name are refused, whoever has it. A lock that would last for more than `longest_s` seconds was set
/// while the clock was ahead, and nobody is locked out for as long as it was wrong.
pub fn locked_until(tx: &mut Tx, vault: &Vault, username: &str, longest_s: i64) -> Result<Option<Timestamp>, DbError> {
    let until: Option<Option<i64>> = native!(tx, |conn| login_failures::table
        .find(name_index(vault, username))
        .select(login_failures::locked_until)
        .first(conn)
        .optional())?;
    let now = tx.now();
    Ok(until.flatten().map(Timestamp::from_millis).filter(|until| *until > now && *until <= now.plus_seconds(longest_s)))
}

/// Counts a wrong password; every `limit` of them lock the name until `until`. The counter moves in the database, so
/// guesses in parallel are all counted.
pub fn count_failure(tx: &mut Tx, vault: &Vault, username: &str, limit: i64, until: Timestamp) -> Result<(), DbError> {
    use diesel::sql_types::{BigInt, Binary};
    let index = name_index(vault, username);
    let now = tx.now().millis();
    let count = diesel::sql_query(
        "INSERT INTO login_failures (name_index, failures, last_at) VALUES ($1, 1, $2) \
         ON CONFLICT (name_index) DO UPDATE SET failures = login_failures.failures + 1, last_at = excluded.last_at",
    )
    .bind::<Binary, _>(&index)
    .bind::<BigInt, _>(now);
    native!(tx, |conn| count.execute(conn))?;
    let over = login_failures::table.filter(login_failures::name_index.eq(&index)).filter(login_failures::failures.ge(limit));
    native!(tx, |conn| diesel::update(over)
        .set((login_failures::locked_until.eq(until.millis()), login_failures::failures.eq(0)))
        .execute(conn))
    .map(drop)
}

/// A right password ends the count.
pub fn forgive_failures(tx: &mut Tx, vault: &Vault, username: &str) -> Result<(), DbError> {
    native!(tx, |conn| diesel::delete(login_failures::table.find(name_index(vault, username))).execute(conn)).map(drop)
}

/// Forgets counts that nobody has added to since `before`.
pub fn forget_failures(tx: &mut Tx, before: Timestamp) -> Result<usize, DbError> {
    native!(tx, |conn| diesel::delete(login_failures::table.filter(login_failures::last_at.lt(before.millis()))).execute(conn))
}

pub fn set_totp(tx: &mut Tx, vault: &Vault, id: PrincipalId, key: Option<&Secret>) -> Result<(), DbError> {
    let row = id.text();
    let sealed = key.map(|key| vault.seal(Aad { table: "staff", column: "totp", row: &row }, key.expose().as_bytes()));
    tx.update_one(diesel::update(staff::table.find(&row)).set((staff::totp_sealed.eq(sealed), staff::totp_step.eq(0))))
}

/// The shared key of the one-time codes, if the account has one.
pub fn totp_key(vault: &Vault, account: &StaffAccount) -> Result<Option<Secret>, DbError> {
    let Some(sealed) = &account.totp_sealed else { return Ok(None) };
    let cell = Aad { table: "staff", column: "totp", row: &account.id.text() };
    vault.open_text(cell, sealed).map(Some).map_err(|e| DbError::Corrupt(e.to_string()))
}

/// A member of staff in a list.
#[derive(Debug, Clone)]
pub struct StaffMember {
    pub principal: Principal,
    pub username: String,
    pub has_totp: bool,
    pub grants: Vec<Grant>,
}

/// Staff, newest first, those with a role in one of `communities` (all for `None`), after the id `after`.
pub fn list_staff(
    tx: &mut Tx,
    communities: Option<&[CommunityId]>,
    community: Option<CommunityId>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<StaffMember>, DbError> {
    let mut query = principals::table
        .inner_join(staff::table)
        .order(principals::id.desc())
        .limit(limit)
        .select((PrincipalRow::as_select(), staff::username, staff::totp_sealed.is_not_null()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(principals::id.lt(after.to_owned()));
    }
    let within: Option<Vec<String>> = match (communities, community) {
        (_, Some(one)) => Some(vec![one.text()]),
        (Some(some), None) => Some(some.iter().map(CommunityId::text).collect()),
        (None, None) => None,
    };
    if let Some(within) = within {
        let granted = role_grants::table.filter(role_grants::community_id.eq_any(within)).select(role_grants::principal_id);
        query = query.filter(principals::id.eq_any(granted));
    }
    let rows: Vec<(PrincipalRow, String, bool)> = tx.run(|conn| query.load(conn))?;
    members(tx, rows)
}

/// Those who do repair work in one of these communities (all for `None`) and may act, newest first, after the id `after`.
pub fn list_workers(
    tx: &mut Tx,
    communities: Option<&[CommunityId]>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<StaffMember>, DbError> {
    let workers = role_grants::table.filter(role_grants::role.eq(Role::RepairWorker.as_str()));
    let mut query = principals::table
        .inner_join(staff::table)
        .filter(principals::disabled_at.is_null())
        .order(principals::id.desc())
        .limit(limit)
        .select((PrincipalRow::as_select(), staff::username, staff::totp_sealed.is_not_null()))
        .into_boxed();
    query = match communities {
        None => query.filter(principals::id.eq_any(workers.select(role_grants::principal_id))),
        Some([]) => return Ok(vec![]),
        Some(some) => {
            let places: Vec<String> = some.iter().map(CommunityId::text).chain([PLATFORM.to_owned()]).collect();
            let there = workers.filter(role_grants::community_id.within(places)).select(role_grants::principal_id);
            query.filter(principals::id.eq_any(there))
        }
    };
    if let Some(after) = after {
        query = query.filter(principals::id.lt(after.to_owned()));
    }
    let rows: Vec<(PrincipalRow, String, bool)> = tx.run(|conn| query.load(conn))?;
    members(tx, rows)
}

pub fn staff_member(tx: &mut Tx, id: PrincipalId) -> Result<Option<StaffMember>, DbError> {
    let row: Option<(PrincipalRow, String, bool)> = native!(tx, |conn| {
        principals::table
            .inner_join(staff::table)
            .filter(principals::id.eq(id.text()))
            .select((PrincipalRow::as_select(), staff::username, staff::totp_sealed.is_not_null()))
            .first(conn)
            .optional()
    })?;
    row.map(|(row, username, has_totp)| member(tx, row, username, has_totp)).transpose()
}

/// A page of accounts with their grants, which are read at once for all of them.
fn members(tx: &mut Tx, rows: Vec<(PrincipalRow, String, bool)>) -> Result<Vec<StaffMember>, DbError> {
    let found: Vec<(Principal, String, bool)> =
        rows.into_iter().map(|(row, username, has_totp)| Ok((row.try_into()?, username, has_totp))).collect::<Result<_, DbError>>()?;
    let ids: Vec<PrincipalId> = found.iter().map(|(principal, _, _)| principal.id).collect();
    let mut grants = grants_of_all(tx, &ids)?;
    let member = |(principal, username, has_totp): (Principal, String, bool)| {
        let grants = grants.remove(&principal.id).unwrap_or_default();
        StaffMember { principal, username, has_totp, grants }
    };
    Ok(found.into_iter().map(member).collect())
}

fn member(tx: &mut Tx, row: PrincipalRow, username: String, has_totp: bool) -> Result<StaffMember, DbError> {
    let principal = Principal::try_from(row)?;
    let grants = grants_of(tx, principal.id)?;
    Ok(StaffMember { principal, username, has_totp, grants })
}

/// The platform administrator who has been one for longest: in whose name a command acts when it names nobody.
pub fn eldest_platform_admin(tx: &mut Tx) -> Result<Option<PrincipalId>, DbError> {
    let id: Option<String> = native!(tx, |conn| {
        role_grants::table
            .inner_join(principals::table)
            .filter(role_grants::role.eq(Role::PlatformAdmin.as_str()))
            .filter(role_grants::community_id.eq(PLATFORM))
            .filter(principals::disabled_at.is_null())
            .order((role_grants::granted_at, role_grants::principal_id))
            .select(role_grants::principal_id)
            .first(conn)
            .optional()
    })?;
    id.as_deref().map(parsed).transpose()
}

/// How many accounts could still administer the platform if `without` could not. Two who take it from each other at once take
/// turns here: what the first has done is seen by the second.
pub fn other_platform_admins(tx: &mut Tx, without: PrincipalId) -> Result<i64, DbError> {
    let all = diesel::sql_query(
        "UPDATE principals SET version = version WHERE id IN \
         (SELECT principal_id FROM role_grants WHERE role = 'platform_admin' AND community_id = $1)",
    )
    .bind::<diesel::sql_types::Text, _>(PLATFORM);
    native!(tx, |conn| all.execute(conn))?;
    native!(tx, |conn| {
        role_grants::table
            .inner_join(principals::table)
            .filter(role_grants::role.eq("platform_admin"))
            .filter(role_grants::community_id.eq(PLATFORM))
            .filter(principals::disabled_at.is_null())
            .filter(principals::id.ne(without.text()))
            .count()
            .get_result(conn)
    })
}
