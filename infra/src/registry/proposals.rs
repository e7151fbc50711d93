//! Change proposals, as they are remembered. What somebody proposed tells as much about people as the registry does, so it
//! stands sealed.

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::proposal::{Field, Proposal, ProposedChange, State};
use jiazai_domain::registry::{GridId, Grids, HomeId, ProposalId};

use crate::db::schema::{homes, registry_proposals};
use crate::db::{DbError, Tx, native, parsed};
use crate::events;
use crate::vault::{Aad, Vault};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = registry_proposals)]
struct ProposalRow {
    id: String,
    community_id: String,
    home_id: String,
    person_id: Option<String>,
    proposer_id: String,
    changes_sealed: Vec<u8>,
    state: String,
    decided_by: Option<String>,
    decided_at: Option<i64>,
    version: i64,
    created_at: i64,
}

/// A proposal's row with its home's grid and label.
type Joined = (ProposalRow, Option<String>, String);

/// A proposal, and what people call its home.
#[derive(Debug, Clone)]
pub struct Proposed {
    pub proposal: Proposal,
    pub label: String,
}

fn cell(row: &str) -> Aad<'_> {
    Aad { table: "registry_proposals", column: "changes", row }
}

fn corrupt(error: impl std::fmt::Display) -> DbError {
    DbError::Corrupt(format!("a proposal does not read back: {error}"))
}

fn proposed(vault: &Vault, (row, grid, label): Joined) -> Result<Proposed, DbError> {
    let plain = vault.open(cell(&row.id), &row.changes_sealed).map_err(corrupt)?;
    // The error of a JSON text would repeat some of it.
    let pairs: Vec<(String, String)> = serde_json::from_slice(&plain).map_err(|_| corrupt("its changes"))?;
    let change = |(field, value): (String, String)| Ok(ProposedChange { field: parsed::<Field>(&field)?, value });
    let decided = match (&row.decided_by, row.decided_at) {
        (Some(by), Some(at)) => Some((parsed(by)?, Timestamp::from_millis(at))),
        _ => None,
    };
    let proposal = Proposal {
        id: parsed(&row.id)?,
        version: row.version,
        community: parsed(&row.community_id)?,
        home: parsed(&row.home_id)?,
        grid: grid.as_deref().map(parsed).transpose()?,
        person: row.person_id.as_deref().map(parsed).transpose()?,
        changes: pairs.into_iter().map(change).collect::<Result<_, DbError>>()?,
        proposer: parsed(&row.proposer_id)?,
        state: parsed(&row.state)?,
        proposed_at: Timestamp::from_millis(row.created_at),
        decided,
    };
    Ok(Proposed { proposal, label })
}

/// How many proposals of somebody wait for a keeper.
pub fn pending(tx: &mut Tx, proposer: PrincipalId) -> Result<i64, DbError> {
    let own = registry_proposals::table.filter(registry_proposals::proposer_id.eq(proposer.text()));
    native!(tx, |conn| own.filter(registry_proposals::state.eq("pending")).count().get_result(conn))
}

/// Saves a decision; a proposal's changes are written once.
pub fn save(tx: &mut Tx, vault: &Vault, changed: Changed<Proposal>) -> Result<Proposal, DbError> {
    let (proposal, loaded, happened) = changed.into_parts();
    let id = proposal.id.text();
    let (decided_by, decided_at) = (proposal.decided.map(|(by, _)| by.text()), proposal.decided.map(|(_, at)| at.millis()));
    match loaded {
        None => {
            let pairs: Vec<(&str, &str)> = proposal.changes.iter().map(|change| (change.field.as_str(), change.value.as_str())).collect();
            let plain = zeroize::Zeroizing::new(serde_json::to_vec(&pairs).map_err(corrupt)?);
            let row = ProposalRow {
                community_id: proposal.community.text(),
                home_id: proposal.home.text(),
                person_id: proposal.person.map(|person| person.text()),
                proposer_id: proposal.proposer.text(),
                changes_sealed: vault.seal(cell(&id), &plain),
                state: proposal.state.to_string(),
                decided_by,
                decided_at,
                version: proposal.version,
                created_at: proposal.proposed_at.millis(),
                id: id.clone(),
            };
            tx.insert(diesel::insert_into(registry_proposals::table).values(row))?;
        }
        Some(version) => {
            let same = registry_proposals::table.filter(registry_proposals::id.eq(&id)).filter(registry_proposals::version.eq(version));
            tx.update_one(diesel::update(same).set((
                registry_proposals::state.eq(proposal.state.as_str()),
                registry_proposals::decided_by.eq(decided_by),
                registry_proposals::decided_at.eq(decided_at),
                registry_proposals::version.eq(proposal.version),
            )))?;
        }
    }
    events::record(tx, proposal.community, &id, proposal.version, &happened)?;
    Ok(proposal)
}

pub fn find(tx: &mut Tx, vault: &Vault, id: ProposalId) -> Result<Option<Proposed>, DbError> {
    let found: Option<Joined> = native!(tx, |conn| {
        registry_proposals::table
            .inner_join(homes::table)
            .filter(registry_proposals::id.eq(id.text()))
            .select((ProposalRow::as_select(), homes::grid_id, homes::label))
            .first(conn)
            .optional()
    })?;
    found.map(|joined| proposed(vault, joined)).transpose()
}

/// Whose proposals are listed.
#[derive(Debug, Clone)]
pub enum Whose {
    /// One account's.
    Proposer(PrincipalId),
    /// Those about homes of a community, or of some grids of it.
    Kept(CommunityId, Grids),
}

/// What a list of proposals is narrowed to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    pub state: Option<State>,
    pub home: Option<HomeId>,
}

/// Proposals, newest first, after the id `after`.
pub fn list(tx: &mut Tx, vault: &Vault, whose: &Whose, filter: Filter, after: Option<&str>, limit: i64) -> Result<Vec<Proposed>, DbError> {
    let mut query = registry_proposals::table
        .inner_join(homes::table)
        .order(registry_proposals::id.desc())
        .limit(limit)
        .select((ProposalRow::as_select(), homes::grid_id, homes::label))
        .into_boxed();
    query = match whose {
        Whose::Proposer(account) => query.filter(registry_proposals::proposer_id.eq(account.text())),
        Whose::Kept(community, grids) => {
            let within = query.filter(registry_proposals::community_id.eq(community.text()));
            match grids {
                Grids::All => within,
                Grids::Only(some) => within.filter(homes::grid_id.eq_any(some.iter().map(GridId::text).collect::<Vec<_>>())),
            }
        }
    };
    if let Some(state) = filter.state {
        query = query.filter(registry_proposals::state.eq(state.as_str()));
    }
    if let Some(home) = filter.home {
        query = query.filter(registry_proposals::home_id.eq(home.text()));
    }
    if let Some(after) = after {
        query = query.filter(registry_proposals::id.lt(after.to_owned()));
    }
    let found: Vec<Joined> = tx.run(|conn| query.load(conn))?;
    found.into_iter().map(|joined| proposed(vault, joined)).collect()
}

/// Forgets what an account proposed, word by word. That it proposed something, and what a keeper made of it, stays.
pub fn forget_words_of(tx: &mut Tx, vault: &Vault, account: PrincipalId) -> Result<(), DbError> {
    let own = registry_proposals::table.filter(registry_proposals::proposer_id.eq(account.text())).select(registry_proposals::id);
    let ids: Vec<String> = native!(tx, |conn| own.load(conn))?;
    for id in ids {
        let nothing = vault.seal(cell(&id), b"[]");
        let row = registry_proposals::table.find(&id);
        native!(tx, |conn| diesel::update(row).set(registry_proposals::changes_sealed.eq(nothing)).execute(conn))?;
    }
    Ok(())
}
