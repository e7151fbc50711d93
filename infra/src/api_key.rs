//! API keys, as they are remembered.

use std::net::IpAddr;

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId, PrincipalKind};
use jiazai_domain::api_key::{self, ApiKey, ApiKeyId, Scope};
use jiazai_domain::kernel::time::Timestamp;
use subtle::ConstantTimeEq;

use crate::db::schema::api_keys;
use crate::db::{DbError, Tx, native, parsed};
use crate::identity;
use crate::vault::{Vault, random};

/// What the hash of a key's secret is for.
const PURPOSE: &str = "api_key";

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = api_keys)]
struct ApiKeyRow {
    id: String,
    principal_id: String,
    community_id: Option<String>,
    name: String,
    scopes: String,
    addresses: String,
    per_minute: i64,
    secret_hash: Vec<u8>,
    expires_at: Option<i64>,
    created_by: Option<String>,
    created_at: i64,
    last_used_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = DbError;
    fn try_from(row: ApiKeyRow) -> Result<Self, DbError> {
        let corrupt = || DbError::Corrupt(format!("the key {}", row.id));
        Ok(Self {
            id: parsed(&row.id)?,
            name: row.name,
            community: row.community_id.as_deref().map(parsed).transpose()?,
            scopes: row.scopes.split_whitespace().map(|text| Scope::parse(text).ok_or_else(corrupt)).collect::<Result<_, _>>()?,
            addresses: row
                .addresses
                .split_whitespace()
                .map(|text| text.parse::<IpAddr>().map_err(|_| corrupt()))
                .collect::<Result<_, _>>()?,
            per_minute: row.per_minute,
            expires_at: row.expires_at.map(Timestamp::from_millis),
            created_by: row.created_by.as_deref().map(parsed).transpose()?,
            created_at: Timestamp::from_millis(row.created_at),
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
            revoked_at: row.revoked_at.map(Timestamp::from_millis),
        })
    }
}

fn joined(words: impl Iterator<Item = impl ToString>) -> String {
    words.map(|word| word.to_string()).collect::<Vec<_>>().join(" ")
}

/// Remembers a new key with its account, and returns its text, which nobody can ask for again.
pub fn insert(tx: &mut Tx, vault: &Vault, key: &ApiKey) -> Result<String, DbError> {
    let text = api_key::text(key.id, random());
    let (_, secret) = api_key::read(&text).ok_or_else(|| DbError::Corrupt("a new key".to_owned()))?;
    identity::insert_principal(tx, key.id.principal(), PrincipalKind::Client, &key.name)?;
    tx.insert(diesel::insert_into(api_keys::table).values(ApiKeyRow {
        id: key.id.text(),
        principal_id: key.id.principal().text(),
        community_id: key.community.map(|community| community.text()),
        name: key.name.clone(),
        scopes: joined(key.scopes.iter()),
        addresses: joined(key.addresses.iter()),
        per_minute: key.per_minute,
        secret_hash: vault.token_hash(PURPOSE, secret),
        expires_at: key.expires_at.map(Timestamp::millis),
        created_by: key.created_by.map(|id| id.text()),
        created_at: key.created_at.millis(),
        last_used_at: None,
        revoked_at: None,
    }))?;
    Ok(text)
}

fn row(tx: &mut Tx, id: ApiKeyId) -> Result<Option<ApiKeyRow>, DbError> {
    native!(tx, |conn| api_keys::table.find(id.text()).select(ApiKeyRow::as_select()).first(conn).optional())
}

pub fn find(tx: &mut Tx, id: ApiKeyId) -> Result<Option<ApiKey>, DbError> {
    row(tx, id)?.map(ApiKey::try_from).transpose()
}

/// The key, if this is its secret.
pub fn proven(tx: &mut Tx, vault: &Vault, id: ApiKeyId, secret: &str) -> Result<Option<ApiKey>, DbError> {
    let hash = vault.token_hash(PURPOSE, secret);
    row(tx, id)?.filter(|row| bool::from(row.secret_hash.ct_eq(&hash))).map(ApiKey::try_from).transpose()
}

/// Keys that are not revoked, newest first: of some communities, or with `None` all.
pub fn list(tx: &mut Tx, within: Option<&[CommunityId]>, after: Option<&str>, limit: i64) -> Result<Vec<ApiKey>, DbError> {
    let mut query = api_keys::table
        .filter(api_keys::revoked_at.is_null())
        .order(api_keys::id.desc())
        .limit(limit)
        .select(ApiKeyRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(api_keys::id.lt(after.to_owned()));
    }
    if let Some(within) = within {
        query = query.filter(api_keys::community_id.eq_any(within.iter().map(|id| Some(id.text())).collect::<Vec<_>>()));
    }
    let rows: Vec<ApiKeyRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(ApiKey::try_from).collect()
}

/// Takes a key out of use for good. Twice does no harm.
pub fn revoke(tx: &mut Tx, id: ApiKeyId, by: PrincipalId) -> Result<(), DbError> {
    let now = tx.now().millis();
    let live = api_keys::table.filter(api_keys::id.eq(id.text())).filter(api_keys::revoked_at.is_null());
    native!(tx, |conn| diesel::update(live).set((api_keys::revoked_at.eq(now), api_keys::revoked_by.eq(by.text()))).execute(conn)).map(drop)
}

/// Notes that the key was used. Not by the request that used it: see `auth`.
pub fn touch(tx: &mut Tx, id: ApiKeyId) -> Result<(), DbError> {
    let now = tx.now().millis();
    native!(tx, |conn| diesel::update(api_keys::table.find(id.text())).set(api_keys::last_used_at.eq(now)).execute(conn)).map(drop)
}
