//! Guardians' consents, and what tells whether somebody may give one.

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{Activity, ActivityId, Eligibility, GuardianConsent, GuardianConsentId, Kin, SignUp};

use super::person::{CARER, facts_of};
use crate::db::schema::{home_bindings, volunteer_guardian_consents as table};
use crate::db::{DbError, Tx, native, parsed};
use crate::events;
use crate::registry::bindings;
use crate::vault::Vault;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = table)]
struct Row {
    id: String,
    community_id: String,
    activity_id: String,
    minor_id: String,
    guardian_id: String,
    text_version: String,
    version: i64,
    agreed_at: i64,
    withdrawn_at: Option<i64>,
}

impl TryFrom<Row> for GuardianConsent {
    type Error = DbError;
    fn try_from(row: Row) -> Result<Self, DbError> {
        Ok(Self {
            id: parsed(&row.id)?,
            version: row.version,
            community: parsed(&row.community_id)?,
            activity: parsed(&row.activity_id)?,
            minor: parsed(&row.minor_id)?,
            guardian: parsed(&row.guardian_id)?,
            text_version: row.text_version,
            agreed_at: Timestamp::from_millis(row.agreed_at),
            withdrawn_at: row.withdrawn_at.map(Timestamp::from_millis),
        })
    }
}

pub fn consent(tx: &mut Tx, id: GuardianConsentId) -> Result<Option<GuardianConsent>, DbError> {
    let row: Option<Row> = native!(tx, |conn| table::table.find(id.text()).select(Row::as_select()).first(conn).optional())?;
    row.map(GuardianConsent::try_from).transpose()
}

/// A consent that holds for this minor in this activity: the oldest, if several guardians have given theirs. One whose giver could not
/// give it today, because they do not live with the minor any more, holds no longer.
pub(super) fn standing(tx: &mut Tx, vault: &Vault, activity: &Activity, minor: PrincipalId) -> Result<Option<GuardianConsent>, DbError> {
    let (place, today) = (activity.facts().community, tx.now().date());
    for consent in live(tx, activity.facts().id, minor)? {
        if consent.holds(&kin(tx, vault, place, minor, consent.guardian)?, today) {
            return Ok(Some(consent));
        }
    }
    Ok(None)
}

/// Consents for this minor in this activity that nobody withdrew, the oldest first.
fn live(tx: &mut Tx, activity: ActivityId, minor: PrincipalId) -> Result<Vec<GuardianConsent>, DbError> {
    let rows: Vec<Row> = native!(tx, |conn| {
        table::table
            .filter(table::activity_id.eq(activity.text()))
            .filter(table::minor_id.eq(minor.text()))
            .filter(table::withdrawn_at.is_null())
            .order(table::id)
            .select(Row::as_select())
            .load(conn)
    })?;
    rows.into_iter().map(GuardianConsent::try_from).collect()
}

/// Consents that hold and that somebody gave, or that were given for them.
pub fn live_consents_of(tx: &mut Tx, person: PrincipalId) -> Result<Vec<GuardianConsent>, DbError> {
    Ok(consents_of(tx, person, None, i64::MAX)?.into_iter().filter(GuardianConsent::is_live).collect())
}

/// Consents that somebody gave, or that were given for them, newest first, after the id `after`.
pub fn consents_of(tx: &mut Tx, person: PrincipalId, after: Option<&str>, limit: i64) -> Result<Vec<GuardianConsent>, DbError> {
    let mut query = table::table
        .filter(table::guardian_id.eq(person.text()).or(table::minor_id.eq(person.text())))
        .order(table::id.desc())
        .limit(limit)
        .select(Row::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(table::id.lt(after.to_owned()));
    }
    let rows: Vec<Row> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(GuardianConsent::try_from).collect()
}

/// [`DbError::Duplicate`] when this guardian's consent holds already.
pub fn save_consent(tx: &mut Tx, changed: Changed<GuardianConsent>) -> Result<GuardianConsent, DbError> {
    let (consent, loaded, happened) = changed.into_parts();
    match loaded {
        None => tx.insert(diesel::insert_into(table::table).values(Row {
            id: consent.id.text(),
            community_id: consent.community.text(),
            activity_id: consent.activity.text(),
            minor_id: consent.minor.text(),
            guardian_id: consent.guardian.text(),
            text_version: consent.text_version.clone(),
            version: consent.version,
            agreed_at: consent.agreed_at.millis(),
            withdrawn_at: None,
        }))?,
        Some(version) => {
            let same = table::table.filter(table::id.eq(consent.id.text())).filter(table::version.eq(version));
            let withdrawn_at = consent.withdrawn_at.map(Timestamp::millis);
            tx.update_one(diesel::update(same).set((table::withdrawn_at.eq(withdrawn_at), table::version.eq(consent.version))))?;
        }
    }
    events::record(tx, consent.community, &consent.id.text(), consent.version, &happened)?;
    Ok(consent)
}

/// What the registry knows of a minor and of somebody who would answer for them.
pub fn kin(tx: &mut Tx, vault: &Vault, community: CommunityId, minor: PrincipalId, guardian: PrincipalId) -> Result<Kin, DbError> {
    let nothing = Eligibility::default();
    let minor_born_on = facts_of(tx, vault, community, minor, &nothing)?.born_on;
    let guardian_born_on = facts_of(tx, vault, community, guardian, &nothing)?.born_on;
    let today = tx.now().date();
    let bound = |tx: &mut Tx, account: PrincipalId, but: &'static str| -> Result<Vec<String>, DbError> {
        native!(tx, |conn| {
            home_bindings::table
                .filter(home_bindings::principal_id.eq(account.text()))
                .filter(home_bindings::community_id.eq(community.text()))
                .filter(bindings::active(today))
                .filter(home_bindings::relation.ne(but))
                .select(home_bindings::home_id)
                .load(conn)
        })
    };
    let theirs = bound(tx, minor, CARER)?;
    let share_a_home = bound(tx, guardian, CARER)?.iter().any(|home| theirs.contains(home));
    Ok(Kin { minor_born_on, guardian_born_on, share_a_home })
}

/// What a minor has signed up for in an activity and not begun, while nobody's consent holds any more.
pub fn unconsented(tx: &mut Tx, vault: &Vault, activity: &Activity, minor: PrincipalId) -> Result<Vec<SignUp>, DbError> {
    if standing(tx, vault, activity, minor)?.is_some() {
        return Ok(vec![]);
    }
    super::sign_up::ahead(tx, minor, activity.facts().id)
}
