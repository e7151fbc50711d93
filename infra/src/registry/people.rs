//! People of the registry, as they are remembered.

use std::collections::HashMap;

use jiazai_domain::actor::CommunityId;
use jiazai_domain::kernel::phone::Phone;
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::binding::Match;
use jiazai_domain::registry::{Document, HomeId, PersonId, Relation};

use crate::db::{DbError, Tx};
use crate::vault::Vault;

/// What a resident says of themselves when claiming a home. The telephone is the one that WeChat vouches for.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub name: &'a str,
    pub document: &'a Document,
    pub phone: Option<&'a Phone>,
    pub relation: Relation,
}

/// How a claim compares with the person of the registry who has the claimed document: by blind indexes, so that nothing is
/// opened. None when nobody in the home's community has it.
// CONTRACT with bindings (slice A calls it): `related`/`until` speak of a current fact of `relation.fact()` at `home` today.
pub fn matches(tx: &mut Tx, vault: &Vault, community: CommunityId, home: HomeId, claim: Claim) -> Result<Option<Match>, DbError> {
    let _ = (tx, vault, community, home, claim);
    Ok(None)
}

/// The birth dates of a community's people, for counting by age.
// CONTRACT with statistics (slice A calls it).
pub fn birth_dates(tx: &mut Tx, vault: &Vault, community: CommunityId) -> Result<HashMap<PersonId, Option<Date>>, DbError> {
    let _ = (tx, vault, community);
    Ok(HashMap::new())
}
