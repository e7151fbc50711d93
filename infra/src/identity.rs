//! Accounts, their roles, and their sessions, as they are remembered.

use diesel::prelude::*;
use jiazai_domain::actor::{Actor, CommunityId, Grant, PrincipalId, PrincipalKind, Role, SessionId};
use jiazai_domain::kernel::time::Timestamp;

use crate::db::schema::{login_failures, principals, residents, role_grants, sessions, staff};
use crate::db::{DbError, Tx, parsed};
use crate::vault::{Aad, Secret, Vault};

/// How a grant without a community is written.
const PLATFORM: &str = "*";

/// An account.
#[derive(Debug, Clone)]
pub struct Principal {
    pub id: PrincipalId,
    pub kind: PrincipalKind,
    pub display_name: String,
    pub disabled_at: Option<Timestamp>,
    pub version: i64,
    pub created_at: Timestamp,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = principals)]
struct PrincipalRow {
    id: String,
    kind: String,
    display_name: String,
    disabled_at: Option<i64>,
    version: i64,
    created_at: i64,
}

impl TryFrom<PrincipalRow> for Principal {
    type Error = DbError;
    fn try_from(row: PrincipalRow) -> Result<Self, DbError> {
        Ok(Self {
            id: parsed(&row.id)?,
            kind: parsed(&row.kind)?,
            display_name: row.display_name,
            disabled_at: row.disabled_at.map(Timestamp::from_millis),
            version: row.version,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}

/// Who a session belongs to, if it is still alive and its owner may still act.
pub fn of_session(tx: &mut Tx, session: SessionId) -> Result<Option<Actor>, DbError> {
    let now = tx.now().millis();
    let row: Option<PrincipalRow> = tx.run(|conn| {
        principals::table
            .inner_join(sessions::table)
            .filter(sessions::id.eq(session.text()))
            .filter(sessions::ended_at.is_null())
            .filter(sessions::ends_at.gt(now))
            .filter(principals::disabled_at.is_null())
            .select(PrincipalRow::as_select())
            .first(conn)
            .optional()
    })?;
    let Some(row) = row else { return Ok(None) };
    let principal = Principal::try_from(row)?;
    // Residents have bindings, not grants; the second query is for staff.
    let grants = if principal.kind == PrincipalKind::Staff { grants_of(tx, principal.id)? } else { vec![] };
    Ok(Some(Actor { id: principal.id, kind: principal.kind, session: Some(session), grants, scopes: vec![] }))
}

pub fn principal(tx: &mut Tx, id: PrincipalId) -> Result<Option<Principal>, DbError> {
    let row: Option<PrincipalRow> =
        tx.run(|conn| principals::table.find(id.text()).select(PrincipalRow::as_select()).first(conn).optional())?;
    row.map(Principal::try_from).transpose()
}

pub fn insert_principal(tx: &mut Tx, id: PrincipalId, kind: PrincipalKind, display_name: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.insert(diesel::insert_into(principals::table).values((
        principals::id.eq(id.text()),
        principals::kind.eq(kind.as_str()),
        principals::display_name.eq(display_name),
        principals::version.eq(1),
        principals::created_at.eq(now),
        principals::updated_at.eq(now),
    )))
}

/// Changes an account's name or whether it may act, if it is still at `version`.
pub fn update_principal(tx: &mut Tx, id: PrincipalId, version: i64, display_name: &str, disabled: bool) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.update_one(diesel::update(principals::table.filter(principals::id.eq(id.text())).filter(principals::version.eq(version))).set((
        principals::display_name.eq(display_name),
        principals::disabled_at.eq(disabled.then_some(now)),
        principals::version.eq(version + 1),
        principals::updated_at.eq(now),
    )))
}

pub fn grants_of(tx: &mut Tx, principal: PrincipalId) -> Result<Vec<Grant>, DbError> {
    let rows: Vec<(String, String)> = tx.run(|conn| {
        role_grants::table
            .filter(role_grants::principal_id.eq(principal.text()))
            .order((role_grants::role, role_grants::community_id))
            .select((role_grants::role, role_grants::community_id))
            .load(conn)
    })?;
    rows.iter()
        .map(|(role, community)| {
            let community = if community == PLATFORM { None } else { Some(parsed(community)?) };
            Ok(Grant { role: parsed(role)?, community })
        })
        .collect()
}

/// Puts these grants in the place of whatever the account had.
pub fn replace_grants(tx: &mut Tx, principal: PrincipalId, grants: &[Grant]) -> Result<(), DbError> {
    tx.run(|conn| diesel::delete(role_grants::table.filter(role_grants::principal_id.eq(principal.text()))).execute(conn))?;
    let now = tx.now().millis();
    for grant in grants {
        tx.insert(diesel::insert_into(role_grants::table).values((
            role_grants::principal_id.eq(principal.text()),
            role_grants::community_id.eq(grant.community.map_or_else(|| PLATFORM.to_owned(), |c| c.text())),
            role_grants::role.eq(grant.role.as_str()),
            role_grants::granted_at.eq(now),
        )))?;
    }
    Ok(())
}

// Sessions -----------------------------------------------------------------------------------------------------------

/// A log-in on one device, and which of its refresh tokens may be spent next.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    pub principal: PrincipalId,
    /// Counts the refresh tokens; the current one carries this number.
    pub generation: i64,
    pub rotated_at: Timestamp,
    pub idle_until: Timestamp,
    pub ends_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
struct SessionRow {
    id: String,
    principal_id: String,
    generation: i64,
    rotated_at: i64,
    idle_until: i64,
    ends_at: i64,
    ended_at: Option<i64>,
}

pub fn insert_session(tx: &mut Tx, session: &Session) -> Result<(), DbError> {
    let now = tx.now().millis();
    tx.insert(diesel::insert_into(sessions::table).values((
        sessions::id.eq(session.id.text()),
        sessions::principal_id.eq(session.principal.text()),
        sessions::generation.eq(session.generation),
        sessions::rotated_at.eq(session.rotated_at.millis()),
        sessions::created_at.eq(now),
        sessions::idle_until.eq(session.idle_until.millis()),
        sessions::ends_at.eq(session.ends_at.millis()),
    )))
}

pub fn session(tx: &mut Tx, id: SessionId) -> Result<Option<Session>, DbError> {
    let row: Option<SessionRow> = tx.run(|conn| sessions::table.find(id.text()).select(SessionRow::as_select()).first(conn).optional())?;
    row.map(|row| {
        Ok(Session {
            id: parsed(&row.id)?,
            principal: parsed(&row.principal_id)?,
            generation: row.generation,
            rotated_at: Timestamp::from_millis(row.rotated_at),
            idle_until: Timestamp::from_millis(row.idle_until),
            ends_at: Timestamp::from_millis(row.ends_at),
            ended_at: row.ended_at.map(Timestamp::from_millis),
        })
    })
    .transpose()
}

/// Moves a session on to its next refresh token. Of two that spend the same token at once, one finds the other's
/// generation on its second run.
pub fn rotate_session(tx: &mut Tx, session: &Session, idle_until: Timestamp) -> Result<(), DbError> {
    let now = tx.now().millis();
    let same = sessions::table.filter(sessions::id.eq(session.id.text())).filter(sessions::generation.eq(session.generation));
    tx.update_one(diesel::update(same.filter(sessions::ended_at.is_null())).set((
        sessions::generation.eq(session.generation + 1),
        sessions::rotated_at.eq(now),
        sessions::idle_until.eq(idle_until.millis()),
    )))
}

/// Ends a session; ending it twice changes nothing.
pub fn end_session(tx: &mut Tx, id: SessionId, reason: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    let live = sessions::table.filter(sessions::id.eq(id.text())).filter(sessions::ended_at.is_null());
    tx.run(|conn| diesel::update(live).set((sessions::ended_at.eq(now), sessions::end_reason.eq(reason))).execute(conn)).map(drop)
}

pub fn end_sessions_of(tx: &mut Tx, principal: PrincipalId, reason: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    let live = sessions::table.filter(sessions::principal_id.eq(principal.text())).filter(sessions::ended_at.is_null());
    tx.run(|conn| diesel::update(live).set((sessions::ended_at.eq(now), sessions::end_reason.eq(reason))).execute(conn)).map(drop)
}

/// Ends all sessions of an account but this one.
pub fn end_other_sessions(tx: &mut Tx, principal: PrincipalId, but: Option<SessionId>, reason: &str) -> Result<(), DbError> {
    let now = tx.now().millis();
    let kept = but.map_or_else(String::new, |session| session.text());
    let others = sessions::table
        .filter(sessions::principal_id.eq(principal.text()))
        .filter(sessions::id.ne(kept))
        .filter(sessions::ended_at.is_null());
    tx.run(|conn| diesel::update(others).set((sessions::ended_at.eq(now), sessions::end_reason.eq(reason))).execute(conn)).map(drop)
}

/// Deletes sessions that ended before `before`, and says how many.
pub fn forget_sessions(tx: &mut Tx, before: Timestamp) -> Result<usize, DbError> {
    tx.run(|conn| diesel::delete(sessions::table.filter(sessions::ends_at.lt(before.millis()))).execute(conn))
}

// Residents ----------------------------------------------------------------------------------------------------------

const OPENID: &str = "openid";
const PHONE: &str = "phone";

fn resident_cell<'a>(column: &'static str, row: &'a str) -> Aad<'a> {
    Aad { table: "residents", column, row }
}

/// The account of a WeChat user.
fn resident_by_openid(tx: &mut Tx, vault: &Vault, openid: &str) -> Result<Option<PrincipalId>, DbError> {
    let index = vault.blind_index(OPENID, openid);
    let id: Option<String> =
        tx.run(|conn| residents::table.filter(residents::openid_index.eq(&index)).select(residents::principal_id).first(conn).optional())?;
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
    let resident: Option<Vec<u8>> = tx.run(|conn| residents::table.find(&row).select(residents::openid_sealed).first(conn).optional())?;
    let (table, sealed) = match resident {
        Some(sealed) => ("residents", Some(sealed)),
        None => {
            let bound: Option<Option<Vec<u8>>> =
                tx.run(|conn| staff::table.find(&row).select(staff::openid_sealed).first(conn).optional())?;
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

/// The bound phone number, if any.
pub fn phone_of(tx: &mut Tx, vault: &Vault, principal: PrincipalId) -> Result<Option<Secret>, DbError> {
    let row = principal.text();
    let sealed: Option<Option<Vec<u8>>> =
        tx.run(|conn| residents::table.find(&row).select(residents::phone_sealed).first(conn).optional())?;
    let Some(sealed) = sealed.flatten() else { return Ok(None) };
    vault.open_text(resident_cell(PHONE, &row), &sealed).map(Some).map_err(|e| DbError::Corrupt(e.to_string()))
}

/// Takes out of an account everything that says who it was: the row stays, because others' records point to it.
pub fn erase_resident(tx: &mut Tx, vault: &Vault, principal: PrincipalId) -> Result<(), DbError> {
    let row = principal.text();
    let now = tx.now().millis();
    // The openid's place is taken by the account's own id, so that the same WeChat user may come back as somebody new.
    let gone = format!("erased:{row}");
    tx.run(|conn| {
        diesel::update(residents::table.find(&row))
            .set((
                residents::openid_index.eq(vault.blind_index(OPENID, &gone)),
                residents::openid_sealed.eq(vault.seal(resident_cell(OPENID, &row), b"")),
                residents::phone_index.eq(None::<Vec<u8>>),
                residents::phone_sealed.eq(None::<Vec<u8>>),
                residents::phone_bound_at.eq(None::<i64>),
            ))
            .execute(conn)
    })?;
    tx.run(|conn| {
        diesel::update(principals::table.find(&row))
            .set((
                principals::display_name.eq("已注销用户"),
                principals::disabled_at.eq(now),
                principals::version.eq(principals::version + 1),
                principals::updated_at.eq(now),
            ))
            .execute(conn)
    })
    .map(drop)
}

// Staff --------------------------------------------------------------------------------------------------------------

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
        tx.run(|conn| staff::table.filter(staff::username.eq(username)).select(StaffRow::as_select()).first(conn).optional())?;
    row.map(StaffAccount::try_from).transpose()
}

pub fn staff_account(tx: &mut Tx, id: PrincipalId) -> Result<Option<StaffAccount>, DbError> {
    let row: Option<StaffRow> = tx.run(|conn| staff::table.find(id.text()).select(StaffRow::as_select()).first(conn).optional())?;
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

/// Notes which one-time code came with a log-in. [`DbError::Stale`] when it was used by another log-in meanwhile.
pub fn use_totp_step(tx: &mut Tx, account: &StaffAccount, step: u64) -> Result<(), DbError> {
    let older = staff::table.filter(staff::principal_id.eq(account.id.text())).filter(staff::totp_step.lt(step as i64));
    tx.update_one(diesel::update(older).set(staff::totp_step.eq(step as i64)))
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

/// Until when log-ins with this user name are refused, whoever has it.
pub fn locked_until(tx: &mut Tx, vault: &Vault, username: &str) -> Result<Option<Timestamp>, DbError> {
    let until: Option<Option<i64>> =
        tx.run(|conn| login_failures::table.find(name_index(vault, username)).select(login_failures::locked_until).first(conn).optional())?;
    let now = tx.now();
    Ok(until.flatten().map(Timestamp::from_millis).filter(|until| *until > now))
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
    tx.run(|conn| count.execute(conn))?;
    let over = login_failures::table.filter(login_failures::name_index.eq(&index)).filter(login_failures::failures.ge(limit));
    tx.run(|conn| diesel::update(over).set((login_failures::locked_until.eq(until.millis()), login_failures::failures.eq(0))).execute(conn))
        .map(drop)
}

/// A right password ends the count.
pub fn forgive_failures(tx: &mut Tx, vault: &Vault, username: &str) -> Result<(), DbError> {
    tx.run(|conn| diesel::delete(login_failures::table.find(name_index(vault, username))).execute(conn)).map(drop)
}

/// Forgets counts that nobody has added to since `before`.
pub fn forget_failures(tx: &mut Tx, before: Timestamp) -> Result<usize, DbError> {
    tx.run(|conn| diesel::delete(login_failures::table.filter(login_failures::last_at.lt(before.millis()))).execute(conn))
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
    rows.into_iter().map(|(row, username, has_totp)| member(tx, row, username, has_totp)).collect()
}

pub fn staff_member(tx: &mut Tx, id: PrincipalId) -> Result<Option<StaffMember>, DbError> {
    let row: Option<(PrincipalRow, String, bool)> = tx.run(|conn| {
        principals::table
            .inner_join(staff::table)
            .filter(principals::id.eq(id.text()))
            .select((PrincipalRow::as_select(), staff::username, staff::totp_sealed.is_not_null()))
            .first(conn)
            .optional()
    })?;
    row.map(|(row, username, has_totp)| member(tx, row, username, has_totp)).transpose()
}

fn member(tx: &mut Tx, row: PrincipalRow, username: String, has_totp: bool) -> Result<StaffMember, DbError> {
    let principal = Principal::try_from(row)?;
    let grants = grants_of(tx, principal.id)?;
    Ok(StaffMember { principal, username, has_totp, grants })
}

/// The platform administrator who has been one for longest: in whose name a command acts when it names nobody.
pub fn eldest_platform_admin(tx: &mut Tx) -> Result<Option<PrincipalId>, DbError> {
    let id: Option<String> = tx.run(|conn| {
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

/// How many accounts could still administer the platform if `without` could not.
pub fn other_platform_admins(tx: &mut Tx, without: PrincipalId) -> Result<i64, DbError> {
    tx.run(|conn| {
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
