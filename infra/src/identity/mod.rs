//! Accounts, their roles, and their sessions, as they are remembered.

mod resident;
mod session;
mod staff;

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::actor::{Actor, Grant, PrincipalId, PrincipalKind, SessionId};
use jiazai_domain::api_key::ApiKeyId;
use jiazai_domain::kernel::time::Timestamp;

pub use self::resident::{
    bind_phone, erase_resident, forget_phone, openid_of, phone_of, phones_of, resident_by_openid, resident_or_new, resident_self_of,
};
pub use self::session::{
    Session, end_other_sessions, end_session, end_sessions_of, forget_sessions, insert_session, rotate_session, session,
};
pub use self::staff::{
    StaffAccount, StaffMember, change_password, count_failure, eldest_platform_admin, forget_failures, forget_staff_openid,
    forgive_failures, hold_staff, insert_staff, list_staff, list_workers, locked_until, other_platform_admins, set_password,
    set_staff_openid, set_totp, staff_account, staff_by_openid, staff_by_username, staff_member, totp_key, use_totp_step,
};
use crate::api_key;
use crate::db::schema::{principals, role_grants, sessions};
use crate::db::{DbError, InList, Tx, native, parsed};

/// How a grant without a community is written.
pub(crate) const PLATFORM: &str = "*";

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
    let row: Option<PrincipalRow> = native!(tx, |conn| {
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

/// An account with the rights that it has at this moment, without its being there: for work that goes on in somebody's name
/// after they have asked for it. None once it may not act: disabled, or a key that was revoked or is over.
pub fn actor_of(tx: &mut Tx, id: PrincipalId) -> Result<Option<Actor>, DbError> {
    let Some(principal) = principal(tx, id)?.filter(|principal| principal.disabled_at.is_none()) else { return Ok(None) };
    let grants = match principal.kind {
        PrincipalKind::Client => {
            let now = tx.now();
            let key = api_key::find(tx, ApiKeyId::from_uuid(id.uuid()))?.filter(|key| key.is_live(now));
            return Ok(key.map(|key| key.actor()));
        }
        PrincipalKind::Staff => grants_of(tx, id)?,
        PrincipalKind::Resident => vec![],
    };
    Ok(Some(Actor { id, kind: principal.kind, session: None, grants, scopes: vec![] }))
}

pub fn principal(tx: &mut Tx, id: PrincipalId) -> Result<Option<Principal>, DbError> {
    let row: Option<PrincipalRow> =
        native!(tx, |conn| principals::table.find(id.text()).select(PrincipalRow::as_select()).first(conn).optional())?;
    row.map(Principal::try_from).transpose()
}

/// The names by which these accounts are known.
pub fn names_of(tx: &mut Tx, ids: &[PrincipalId]) -> Result<HashMap<PrincipalId, String>, DbError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let name = (principals::id, principals::display_name);
    let rows: Vec<(String, String)> = match ids {
        // Without the detour that a list takes on SQLite.
        [one] => native!(tx, |conn| principals::table.find(one.text()).select(name).load(conn))?,
        some => {
            let texts = some.iter().map(PrincipalId::text);
            native!(tx, |conn| principals::table.filter(principals::id.within(texts)).select(name).load(conn))?
        }
    };
    rows.into_iter().map(|(id, name)| Ok((parsed(&id)?, name))).collect()
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
    let rows: Vec<(String, String)> = native!(tx, |conn| {
        role_grants::table
            .filter(role_grants::principal_id.eq(principal.text()))
            .order((role_grants::role, role_grants::community_id))
            .select((role_grants::role, role_grants::community_id))
            .load(conn)
    })?;
    rows.iter().map(|(role, community)| grant(role, community)).collect()
}

fn grant(role: &str, community: &str) -> Result<Grant, DbError> {
    let community = if community == PLATFORM { None } else { Some(parsed(community)?) };
    Ok(Grant { role: parsed(role)?, community })
}

/// The grants of those of these accounts that have any.
pub fn grants_of_all(tx: &mut Tx, principals: &[PrincipalId]) -> Result<HashMap<PrincipalId, Vec<Grant>>, DbError> {
    let ids: Vec<String> = principals.iter().map(PrincipalId::text).collect();
    let rows: Vec<(String, String, String)> = native!(tx, |conn| {
        role_grants::table
            .filter(role_grants::principal_id.within(ids))
            .order((role_grants::principal_id, role_grants::role, role_grants::community_id))
            .select((role_grants::principal_id, role_grants::role, role_grants::community_id))
            .load(conn)
    })?;
    let mut all: HashMap<PrincipalId, Vec<Grant>> = HashMap::new();
    for (id, role, community) in &rows {
        all.entry(parsed(id)?).or_default().push(grant(role, community)?);
    }
    Ok(all)
}

/// Takes the account's row if it may act, and says whether it does: whoever takes its access away at the same moment is seen here,
/// or comes after this transaction and sees what it has done.
pub fn hold_acting(tx: &mut Tx, id: PrincipalId) -> Result<bool, DbError> {
    let acting = principals::table.filter(principals::id.eq(id.text())).filter(principals::disabled_at.is_null());
    let held = native!(tx, |conn| diesel::update(acting).set(principals::version.eq(principals::version)).execute(conn))?;
    Ok(held == 1)
}

/// Puts these grants in the place of whatever the account had.
pub fn replace_grants(tx: &mut Tx, principal: PrincipalId, grants: &[Grant]) -> Result<(), DbError> {
    native!(tx, |conn| diesel::delete(role_grants::table.filter(role_grants::principal_id.eq(principal.text()))).execute(conn))?;
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
