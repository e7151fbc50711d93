//! What is done with points in one step, inside the caller's own transaction, so that what is posted and what it is posted for
//! stand or fall together: granting, spending, reversing, and letting expire what is over.

use diesel::prelude::*;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::ledger::{Amount, LotId, Order, Posting, Refusal, Shortfall, Source, TransactionId, Unit, Wallet};
use jiazai_domain::kernel::time::Timestamp;

use super::{Fund, fund, order, post, posted, reversible, wallet, wallet_for_grant};
use crate::db::schema::{ledger_draws, ledger_transactions};
use crate::db::{DbError, Tx, native, parsed};

/// What is granted: how much to whom, out of which community's fund, until when, and for what.
#[derive(Debug, Clone)]
pub struct Granting {
    pub person: PrincipalId,
    pub unit: Unit,
    pub amount: Amount,
    pub community: CommunityId,
    /// It can be spent before this instant; none for ever.
    pub expires_at: Option<Timestamp>,
    /// Of [`order`].
    pub order: Order,
    pub by: Option<PrincipalId>,
}

/// 入账: what expired is posted before. A source grants once: none for one that has posted already.
pub fn grant(tx: &mut Tx, granting: Granting) -> Result<Result<Option<Posting>, Refusal>, DbError> {
    let Granting { person, unit, amount, community, expires_at, order, by } = granting;
    let wallet = wallet_for_grant(tx, person, unit)?;
    let wallet = expired(tx, wallet, unit)?;
    if posted(tx, &order.source)?.is_some() {
        return Ok(Ok(None));
    }
    let from = fund(tx, community, Fund::Issued, unit)?;
    let posting = match wallet.grant(&from, amount, expires_at, order, tx.now()) {
        Ok(posting) => posting,
        Err(refusal) => return Ok(Err(refusal)),
    };
    post(tx, community, by, &wallet, &posting)?;
    Ok(Ok(Some(posting)))
}

/// What is spent: how much of whose, into which fund of which community, and for what.
#[derive(Debug, Clone)]
pub struct Spending {
    pub person: PrincipalId,
    pub unit: Unit,
    pub amount: Amount,
    pub community: CommunityId,
    pub into: Fund,
    pub source: Source,
    pub reason: Option<String>,
    pub by: Option<PrincipalId>,
}

/// 兑换: for whatever redeems: an offer, a meal, an absence. What has expired is posted before. The wallet after it.
///
/// A source spends once. For one that has spent already nothing is posted a second time, and the answer is the wallet as it is.
pub fn spend(tx: &mut Tx, spending: Spending) -> Result<Result<Wallet, Refusal>, DbError> {
    let Spending { person, unit, amount, community, into, source, reason, by } = spending;
    let wallet = expire_due(tx, person, unit)?;
    if posted(tx, &source)?.is_some() {
        return Ok(Ok(wallet));
    }
    let into = fund(tx, community, into, unit)?;
    let order = order(tx, source, reason);
    match wallet.spend(&into, amount, order, tx.now()) {
        Ok(posting) => post(tx, community, by, &wallet, &posting).map(Ok),
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// What is reversed, and what to do where not all of it is there any more.
#[derive(Debug, Clone)]
pub struct Reversing {
    pub transaction: TransactionId,
    pub shortfall: Shortfall,
    pub reason: Option<String>,
    pub by: Option<PrincipalId>,
}

/// 冲正: what expired goes first; with the account in hand nobody else reverses meanwhile. None where there is no such transaction.
pub fn reverse(tx: &mut Tx, reversing: Reversing) -> Result<Option<Result<Posting, Refusal>>, DbError> {
    let Reversing { transaction, shortfall, reason, by } = reversing;
    let Some(found) = reversible(tx, transaction)? else { return Ok(None) };
    let (person, unit) = (found.person, found.fund.unit);
    expire_due(tx, person, unit)?;
    // Read again, for what the expiry has drawn and for who was quicker.
    let Some(found) = reversible(tx, transaction)? else { return Ok(None) };
    let lots: Vec<LotId> = found.original.lots.iter().map(|(lot, _)| *lot).collect();
    let wallet = wallet(tx, person, unit, &lots)?;
    let order = order(tx, Source::new(Source::REVERSAL, transaction), reason);
    let posting = match wallet.reverse(&found.original, &found.fund, shortfall, order, tx.now()) {
        Ok(posting) => posting,
        Err(refusal) => return Ok(Some(Err(refusal))),
    };
    post(tx, found.community, by, &wallet, &posting)?;
    Ok(Some(Ok(posting)))
}

/// Posts whatever of somebody's has expired. Nothing is written when nothing has.
pub fn expire_due(tx: &mut Tx, person: PrincipalId, unit: Unit) -> Result<Wallet, DbError> {
    let wallet = wallet(tx, person, unit, &[])?;
    expired(tx, wallet, unit)
}

fn expired(tx: &mut Tx, mut wallet: Wallet, unit: Unit) -> Result<Wallet, DbError> {
    let now = tx.now();
    while let Some(over) = wallet.due(now).map(|lot| lot.id) {
        let community = community_of(tx, over)?;
        let into = fund(tx, community, Fund::Expired, unit)?;
        let order = order(tx, Source::new(Source::EXPIRY, over), None);
        let Some(posting) = wallet.expire(over, &into, order, now) else { break };
        wallet = post(tx, community, None, &wallet, &posting)?;
    }
    Ok(wallet)
}

/// The community that granted a lot.
fn community_of(tx: &mut Tx, lot: LotId) -> Result<CommunityId, DbError> {
    let community: String = native!(tx, |conn| {
        ledger_draws::table
            .inner_join(ledger_transactions::table.on(ledger_transactions::id.eq(ledger_draws::transaction_id)))
            .filter(ledger_draws::lot_id.eq(lot.text()))
            .order(ledger_draws::transaction_id)
            .select(ledger_transactions::community_id)
            .first(conn)
    })?;
    parsed(&community)
}
