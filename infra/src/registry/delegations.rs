//! Delegations, as they are remembered.

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::binding::{DelegationScope, Principal};
use jiazai_domain::registry::{Delegation, DelegationId, FactKind, HomeId, PersonId};

use super::{facts, homes as homes_rows};
use crate::db::schema::{delegations, household_facts};
use crate::db::{DbError, Tx, native, parsed};
use crate::events;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = delegations)]
struct DelegationRow {
    id: String,
    community_id: String,
    behalf_account: Option<String>,
    behalf_person: Option<String>,
    delegate_id: String,
    scopes: String,
    granted_by: String,
    granted_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
    version: i64,
}

impl TryFrom<DelegationRow> for Delegation {
    type Error = DbError;
    fn try_from(row: DelegationRow) -> Result<Self, DbError> {
        let behalf_of = match (&row.behalf_account, &row.behalf_person) {
            (Some(account), None) => Principal::Account(parsed(account)?),
            (None, Some(person)) => Principal::Person(parsed(person)?),
            _ => return Err(DbError::Corrupt("a delegation is for nobody, or for two".to_owned())),
        };
        Ok(Self {
            id: parsed(&row.id)?,
            version: row.version,
            community: parsed(&row.community_id)?,
            behalf_of,
            delegate: parsed(&row.delegate_id)?,
            scopes: row.scopes.split(' ').map(parsed).collect::<Result<_, _>>()?,
            granted_by: parsed(&row.granted_by)?,
            granted_at: Timestamp::from_millis(row.granted_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            revoked_at: row.revoked_at.map(Timestamp::from_millis),
        })
    }
}

pub fn save(tx: &mut Tx, changed: Changed<Delegation>) -> Result<Delegation, DbError> {
    let (delegation, loaded, happened) = changed.into_parts();
    let (account, person) = match delegation.behalf_of {
        Principal::Account(account) => (Some(account.text()), None),
        Principal::Person(person) => (None, Some(person.text())),
    };
    let row = DelegationRow {
        id: delegation.id.text(),
        community_id: delegation.community.text(),
        behalf_account: account,
        behalf_person: person,
        delegate_id: delegation.delegate.text(),
        scopes: delegation.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "),
        granted_by: delegation.granted_by.text(),
        granted_at: delegation.granted_at.millis(),
        expires_at: delegation.expires_at.millis(),
        revoked_at: delegation.revoked_at.map(Timestamp::millis),
        version: delegation.version,
    };
    match loaded {
        None => tx.insert(diesel::insert_into(delegations::table).values(row))?,
        Some(version) => {
            let same = delegations::table.filter(delegations::id.eq(&row.id)).filter(delegations::version.eq(version));
            tx.update_one(diesel::update(same).set((delegations::revoked_at.eq(row.revoked_at), delegations::version.eq(row.version))))?;
        }
    }
    events::record(tx, delegation.community, &delegation.id.text(), delegation.version, &happened)?;
    Ok(delegation)
}

pub fn find(tx: &mut Tx, id: DelegationId) -> Result<Option<Delegation>, DbError> {
    let row: Option<DelegationRow> =
        native!(tx, |conn| delegations::table.find(id.text()).select(DelegationRow::as_select()).first(conn).optional())?;
    row.map(Delegation::try_from).transpose()
}

/// The delegations that an account has to do with: it gave them, they are for it, or it is the delegate. Newest first.
pub fn around(tx: &mut Tx, account: PrincipalId, after: Option<&str>, limit: i64) -> Result<Vec<Delegation>, DbError> {
    let me = account.text();
    let mut query = delegations::table
        .filter(
            delegations::delegate_id
                .eq(me.clone())
                .or(delegations::granted_by.eq(me.clone()))
                .or(delegations::behalf_account.is_not_null().and(delegations::behalf_account.assume_not_null().eq(me))),
        )
        .order(delegations::id.desc())
        .limit(limit)
        .select(DelegationRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(delegations::id.lt(after.to_owned()));
    }
    let rows: Vec<DelegationRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(Delegation::try_from).collect()
}

/// How many delegations that somebody has given are neither taken back nor over.
pub fn live(tx: &mut Tx, granted_by: PrincipalId) -> Result<i64, DbError> {
    let now = tx.now().millis();
    let own = delegations::table.filter(delegations::granted_by.eq(granted_by.text())).filter(delegations::revoked_at.is_null());
    native!(tx, |conn| own.filter(delegations::expires_at.gt(now)).count().get_result(conn))
}

/// A delegation of a community by which the delegate may act for another account in a matter, now.
pub fn between(
    tx: &mut Tx,
    community: CommunityId,
    (delegate, behalf_of): (PrincipalId, PrincipalId),
    scope: DelegationScope,
) -> Result<Option<Delegation>, DbError> {
    let now = tx.now();
    let rows: Vec<DelegationRow> = native!(tx, |conn| {
        delegations::table
            .filter(delegations::community_id.eq(community.text()))
            .filter(delegations::delegate_id.eq(delegate.text()))
            .filter(delegations::behalf_account.is_not_null())
            .filter(delegations::behalf_account.assume_not_null().eq(behalf_of.text()))
            .filter(delegations::expires_at.gt(now.millis()))
            .filter(delegations::revoked_at.is_null())
            .order(delegations::id)
            .select(DelegationRow::as_select())
            .load(conn)
    })?;
    let all: Result<Vec<Delegation>, DbError> = rows.into_iter().map(Delegation::try_from).collect();
    Ok(all?.into_iter().find(|delegation| delegation.is_live(now) && delegation.scopes.contains(&scope)))
}

/// The homes that a person of the registry lives in, owns or rents today: where a delegate may ask for something in their name.
pub fn homes_of_person(tx: &mut Tx, person: PersonId) -> Result<Vec<HomeId>, DbError> {
    let today = tx.now().date();
    let own = [FactKind::Residence, FactKind::Ownership, FactKind::Tenancy].map(FactKind::as_str);
    let ids: Vec<String> = native!(tx, |conn| {
        household_facts::table
            .filter(household_facts::person_id.eq(person.text()))
            .filter(household_facts::kind.eq_any(own))
            .filter(facts::held(today))
            .select(household_facts::home_id)
            .distinct()
            .load(conn)
    })?;
    ids.iter().map(|id| parsed(id)).collect()
}

/// The homes of whom somebody acts for.
pub fn homes_of(tx: &mut Tx, behalf_of: Principal) -> Result<Vec<HomeId>, DbError> {
    match behalf_of {
        Principal::Account(account) => homes_rows::spoken_for_by(tx, account),
        Principal::Person(person) => homes_of_person(tx, person),
    }
}
