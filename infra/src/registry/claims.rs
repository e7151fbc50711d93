//! Accounts and people: whether a claim agrees with the registry, and who of the registry an account is.

use std::collections::HashMap;

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::phone::Phone;
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::binding::Match;
use jiazai_domain::registry::{Document, Fact, HomeId, PersonId, Relation, as_of};

use super::bindings::active;
use super::facts;
use super::people::{document_index, name_index, phone_index};
use crate::db::schema::{home_bindings, people};
use crate::db::{DbError, Tx, native, parsed};
use crate::vault::Vault;

/// What a resident says of themselves when claiming a home. The telephone is the one that WeChat vouches for.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub name: &'a str,
    pub document: &'a Document,
    pub phone: Option<&'a Phone>,
    pub relation: Relation,
}

/// A person's id, the indexes of name and telephone, the day of death, and the version.
type Indexed = (String, Vec<u8>, Option<Vec<u8>>, Option<Date>, i64);

/// How a claim compares with the person of the registry who has the claimed document: by blind indexes, so that nothing is
/// opened. None when nobody in the home's community has it. With it comes the person's version from before their facts were read, for
/// [`people::hold`](super::people::hold).
pub fn matches(tx: &mut Tx, vault: &Vault, community: CommunityId, home: HomeId, claim: Claim) -> Result<Option<(Match, i64)>, DbError> {
    let found: Option<Indexed> = native!(tx, |conn| {
        people::table
            .filter(people::community_id.eq(community.text()))
            .filter(people::document_index.eq(document_index(vault, claim.document)))
            .select((people::id, people::name_index, people::phone_index, people::deceased_on, people::version))
            .first(conn)
            .optional()
    })?;
    // Nobody speaks for themselves after their death.
    let Some((id, name, phone, None, version)) = found else { return Ok(None) };
    let person: PersonId = parsed(&id)?;
    let today = tx.now().date();
    let own = facts::of_people(tx, &[person])?;
    let proof: Option<&Fact> = as_of(&own, today)
        .filter(|fact| fact.home == home && fact.kind == claim.relation.fact())
        .max_by_key(|fact| fact.interval.until().is_none());
    let found = Match {
        person,
        name: name == name_index(vault, claim.name),
        document: true,
        phone: claim.phone.is_some_and(|claimed| phone == Some(phone_index(vault, claimed))),
        related: proof.is_some(),
        until: proof.and_then(|fact| fact.interval.until()),
    };
    Ok(Some((found, version)))
}

/// The accounts that speak for people of the registry, by active bindings that say so: of each person the newest.
pub fn accounts_of(tx: &mut Tx, people: &[PersonId]) -> Result<HashMap<PersonId, PrincipalId>, DbError> {
    if people.is_empty() {
        return Ok(HashMap::new());
    }
    let (ids, today): (Vec<String>, Date) = (people.iter().map(PersonId::text).collect(), tx.now().date());
    let rows: Vec<(Option<String>, String)> = native!(tx, |conn| {
        home_bindings::table
            .filter(home_bindings::person_id.eq_any(ids))
            .filter(active(today))
            .order(home_bindings::id)
            .select((home_bindings::person_id, home_bindings::principal_id))
            .load(conn)
    })?;
    let mut accounts = HashMap::new();
    for (person, account) in rows {
        if let Some(person) = person {
            accounts.insert(parsed(&person)?, parsed(&account)?);
        }
    }
    Ok(accounts)
}

/// Who an account is in the registries of its communities, by active bindings.
pub fn persons_of(tx: &mut Tx, account: PrincipalId) -> Result<Vec<PersonId>, DbError> {
    let today = tx.now().date();
    let ids: Vec<Option<String>> = native!(tx, |conn| {
        home_bindings::table
            .filter(home_bindings::principal_id.eq(account.text()))
            .filter(home_bindings::person_id.is_not_null())
            .filter(active(today))
            .select(home_bindings::person_id)
            .distinct()
            .load(conn)
    })?;
    ids.iter().flatten().map(|id| parsed(id)).collect()
}
