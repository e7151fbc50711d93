//! The ledger 账本 as it is remembered: accounts, transactions with their two entries, lots and what was drawn from them.
//!
//! A change begins with [`wallet`], which holds the person's account for the rest of the transaction, and ends with [`post`].
//! What expired is posted by [`expire_due`], by whoever next looks; no job is needed. [`grant`], [`spend`] and [`reverse`] do all of
//! that in one step.

mod checking;
mod moves;
mod reading;

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::kernel::ledger::{
    Account, AccountId, Lot, LotChange, LotId, Order, Original, Owner, Posting, Source, TransactionId, Unit, Wallet,
};
use jiazai_domain::kernel::time::Timestamp;

pub use self::checking::Check;
pub use self::moves::{Granting, Reversing, Spending, expire_due, grant, reverse, spend};
pub use self::reading::{Balance, EntryLine, Written, balance, balance_before, earned_in, entries, entry, statement_lines};
use crate::db::schema::{ledger_accounts, ledger_draws, ledger_entries, ledger_lots, ledger_transactions};
use crate::db::{DbError, InList, Tx, native, parsed};
use crate::events;

jiazai_domain::words! {
    /// What a fund 资金池 of a community is for.
    Fund {
        /// What was granted, and what came back.
        Issued = "issued",
        /// What nobody spent in time.
        Expired = "expired",
        /// What absences cost.
        Absences = "absences",
        /// What was redeemed for something.
        Redeemed = "redeemed",
    }
}

type LotRow = (String, String, i64, i64, i64, i64, Option<i64>);

fn lot((id, account, granted, remaining, expired, granted_at, expires_at): LotRow) -> Result<Lot, DbError> {
    Ok(Lot {
        id: parsed(&id)?,
        account: parsed(&account)?,
        granted,
        remaining,
        expired,
        granted_at: Timestamp::from_millis(granted_at),
        expires_at: expires_at.map(Timestamp::from_millis),
    })
}

/// Somebody's account with what is left in it, and the lots in `also` whether or not anything is; made when there is
/// none. Nobody else moves the account until this transaction has ended, so what is decided on it can be written.
pub fn wallet(tx: &mut Tx, person: PrincipalId, unit: Unit, also: &[LotId]) -> Result<Wallet, DbError> {
    let account = held(tx, person, unit)?;
    let own = || ledger_lots::table.filter(ledger_lots::account_id.eq(account.id.text())).select(ledger_lots::all_columns);
    let mut rows: Vec<LotRow> = native!(tx, |conn| own().filter(something_left()).load(conn))?;
    if !also.is_empty() {
        // Asked for by themselves: "left, or one of these" is a condition that no index answers.
        let spent = || own().filter(ledger_lots::id.within(also.iter().map(LotId::text))).filter(ledger_lots::remaining.eq(0));
        rows.extend(native!(tx, |conn| spent().load::<LotRow>(conn))?);
    }
    Ok(Wallet::restore(account, rows.into_iter().map(lot).collect::<Result<_, _>>()?))
}

/// Of lots: something is left. In words that the index over such lots is sure to recognise, which it is not in a bound value.
fn something_left() -> SqlLiteral<Bool> {
    sql("ledger_lots.remaining > 0")
}

/// As [`wallet`], with no more lots than a grant looks at, however many are left: those whose time is over, and the one that
/// expires next. Nothing can be spent from it that is not in these.
fn wallet_for_grant(tx: &mut Tx, person: PrincipalId, unit: Unit) -> Result<Wallet, DbError> {
    let (account, now) = (held(tx, person, unit)?, tx.now().millis());
    let left = || {
        let of = ledger_lots::table.filter(ledger_lots::account_id.eq(account.id.text())).filter(something_left());
        of.filter(ledger_lots::expires_at.is_not_null()).select(ledger_lots::all_columns)
    };
    let expires_at = || ledger_lots::expires_at.assume_not_null();
    let mut rows: Vec<LotRow> = native!(tx, |conn| left().filter(expires_at().le(now)).load(conn))?;
    let next: Option<LotRow> =
        native!(tx, |conn| left().filter(expires_at().gt(now)).order(ledger_lots::expires_at).first(conn).optional())?;
    rows.extend(next);
    Ok(Wallet::restore(account, rows.into_iter().map(lot).collect::<Result<_, _>>()?))
}

/// Somebody's account, made when there is none, and held until this transaction ends.
fn held(tx: &mut Tx, person: PrincipalId, unit: Unit) -> Result<Account, DbError> {
    // An UPDATE that changes nothing takes the same lock on both databases.
    let take = |tx: &mut Tx| {
        let own = ledger_accounts::table
            .filter(ledger_accounts::person_id.is_not_null())
            .filter(ledger_accounts::person_id.assume_not_null().eq(person.text()))
            .filter(ledger_accounts::unit.eq(unit.as_str()));
        let still = diesel::update(own).set(ledger_accounts::unit.eq(ledger_accounts::unit));
        let of = (ledger_accounts::id, ledger_accounts::balance, ledger_accounts::entries, ledger_accounts::entered_at);
        let still = still.returning(of);
        native!(tx, |conn| still.get_result::<(String, Option<i64>, Option<i64>, Option<i64>)>(conn).optional())
    };
    let found = match take(tx)? {
        Some(found) => Some(found),
        None => {
            open(tx, unit, Some(person), None)?;
            take(tx)?
        }
    };
    let (id, balance, entries, entered_at) =
        found.ok_or_else(|| DbError::Corrupt("an account that was just opened is missing".to_owned()))?;
    Ok(Account {
        id: parsed(&id)?,
        owner: Owner::Person(person),
        unit,
        balance: balance.unwrap_or(0),
        entries: entries.unwrap_or(0),
        entered_at: entered_at.map(Timestamp::from_millis),
    })
}

/// A fund of a community; made when there is none.
pub fn fund(tx: &mut Tx, community: CommunityId, fund: Fund, unit: Unit) -> Result<Account, DbError> {
    let find = |tx: &mut Tx| -> Result<Option<String>, DbError> {
        native!(tx, |conn| {
            ledger_accounts::table
                .filter(ledger_accounts::community_id.is_not_null())
                .filter(ledger_accounts::community_id.assume_not_null().eq(community.text()))
                .filter(ledger_accounts::fund.is_not_null())
                .filter(ledger_accounts::fund.assume_not_null().eq(fund.as_str()))
                .filter(ledger_accounts::unit.eq(unit.as_str()))
                .select(ledger_accounts::id)
                .first(conn)
                .optional()
        })
    };
    let id = match find(tx)? {
        Some(id) => Some(id),
        None => {
            open(tx, unit, None, Some((community, fund)))?;
            find(tx)?
        }
    };
    let id = id.ok_or_else(|| DbError::Corrupt("a fund that was just opened is missing".to_owned()))?;
    Ok(Account::fund(parsed(&id)?, unit))
}

/// Of two who open the same account at once, one waits for the other and then does nothing.
fn open(tx: &mut Tx, unit: Unit, person: Option<PrincipalId>, fund: Option<(CommunityId, Fund)>) -> Result<(), DbError> {
    use diesel::sql_types::{BigInt, Nullable, Text};
    let id: AccountId = tx.new_id();
    let now = tx.now().millis();
    let insert = diesel::sql_query(
        "INSERT INTO ledger_accounts (id, unit, person_id, community_id, fund, balance, created_at, entries) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind::<Text, _>(id.text())
    .bind::<Text, _>(unit.as_str())
    .bind::<Nullable<Text>, _>(person.map(|person| person.text()))
    .bind::<Nullable<Text>, _>(fund.map(|(community, _)| community.text()))
    .bind::<Nullable<Text>, _>(fund.map(|(_, fund)| fund.as_str()))
    .bind::<Nullable<BigInt>, _>(person.map(|_| 0))
    .bind::<BigInt, _>(now)
    .bind::<Nullable<BigInt>, _>(person.map(|_| 0));
    native!(tx, |conn| insert.execute(conn)).map(drop)
}

/// New ids for a posting, and what it is for.
pub fn order(tx: &Tx, source: Source, reason: Option<String>) -> Order {
    Order { transaction: tx.new_id(), own: tx.new_id(), other: tx.new_id(), lot: tx.new_id(), source, reason }
}

/// The transaction that this source has posted, if it has. To be asked before posting, with the wallet in hand.
pub fn posted(tx: &mut Tx, source: &Source) -> Result<Option<TransactionId>, DbError> {
    let id: Option<String> = native!(tx, |conn| {
        ledger_transactions::table
            .filter(ledger_transactions::source_kind.eq(&source.kind))
            .filter(ledger_transactions::source_id.eq(&source.id))
            .select(ledger_transactions::id)
            .first(conn)
            .optional()
    })?;
    id.map(|id| parsed(&id)).transpose()
}

/// Writes a posting and gives the wallet as it is after it.
pub fn post(tx: &mut Tx, community: CommunityId, by: Option<PrincipalId>, wallet: &Wallet, posting: &Posting) -> Result<Wallet, DbError> {
    let after = wallet.after(posting).ok_or_else(|| tx.run_again())?;
    let (id, at) = (posting.transaction().text(), posting.occurred_at().millis());
    let written = tx.insert(diesel::insert_into(ledger_transactions::table).values((
        ledger_transactions::id.eq(&id),
        ledger_transactions::community_id.eq(community.text()),
        ledger_transactions::source_kind.eq(&posting.source().kind),
        ledger_transactions::source_id.eq(&posting.source().id),
        ledger_transactions::reason.eq(posting.reason()),
        ledger_transactions::reverses.eq(posting.reverses().map(|id| id.text())),
        ledger_transactions::actor_id.eq(by.map(|by| by.text())),
        ledger_transactions::occurred_at.eq(at),
    )));
    match written {
        // Somebody else posted this source, or reversed this transaction, since we looked: on the second run we find it.
        Err(DbError::Duplicate) => return Err(tx.run_again()),
        other => other?,
    }
    let change = posting.balance();
    let account = ledger_accounts::table
        .filter(ledger_accounts::id.eq(change.account.text()))
        .filter(ledger_accounts::entries.is_not_null())
        .filter(ledger_accounts::entries.assume_not_null().eq(posting.number() - 1))
        .filter((ledger_accounts::balance.assume_not_null() + change.amount).ge(0));
    let moved = diesel::update(account)
        .set((
            ledger_accounts::balance.eq(ledger_accounts::balance + change.amount),
            ledger_accounts::entries.eq(Some(posting.number())),
            ledger_accounts::entered_at.eq(Some(at)),
            ledger_accounts::expires_next_at.eq(after.expires_next_at().map(Timestamp::millis)),
        ))
        .returning(ledger_accounts::balance);
    let balance: Option<Option<i64>> = native!(tx, |conn| moved.get_result(conn).optional())?;
    let Some(balance) = balance else { return Err(tx.run_again()) };
    for entry in posting.entries() {
        tx.insert(diesel::insert_into(ledger_entries::table).values((
            ledger_entries::id.eq(entry.id.text()),
            ledger_entries::transaction_id.eq(&id),
            ledger_entries::account_id.eq(entry.account.text()),
            ledger_entries::amount.eq(entry.amount),
            ledger_entries::balance_after.eq(balance.filter(|_| entry.account == change.account)),
            ledger_entries::occurred_at.eq(at),
            ledger_entries::number.eq((entry.account == change.account).then_some(posting.number())),
        )))?;
    }
    for change in posting.lots() {
        let (lot, amount) = write_lot(tx, change)?;
        tx.insert(diesel::insert_into(ledger_draws::table).values((
            ledger_draws::transaction_id.eq(&id),
            ledger_draws::lot_id.eq(lot.text()),
            ledger_draws::amount.eq(amount),
        )))?;
    }
    events::record(tx, community, &id, 1, &[posting.event(by)])?;
    Ok(after)
}

fn write_lot(tx: &mut Tx, change: &LotChange) -> Result<(LotId, i64), DbError> {
    match *change {
        LotChange::Open(lot) => {
            tx.insert(diesel::insert_into(ledger_lots::table).values((
                ledger_lots::id.eq(lot.id.text()),
                ledger_lots::account_id.eq(lot.account.text()),
                ledger_lots::granted.eq(lot.granted),
                ledger_lots::remaining.eq(lot.remaining),
                ledger_lots::expired.eq(lot.expired),
                ledger_lots::granted_at.eq(lot.granted_at.millis()),
                ledger_lots::expires_at.eq(lot.expires_at.map(Timestamp::millis)),
            )))?;
            Ok((lot.id, lot.granted))
        }
        LotChange::Draw { lot, amount, expired } => {
            let within = ledger_lots::table
                .filter(ledger_lots::id.eq(lot.text()))
                .filter((ledger_lots::remaining + amount).ge(0))
                .filter((ledger_lots::remaining + amount).le(ledger_lots::granted));
            tx.update_one(diesel::update(within).set((
                ledger_lots::remaining.eq(ledger_lots::remaining + amount),
                ledger_lots::expired.eq(ledger_lots::expired + expired),
            )))?;
            Ok((lot, amount))
        }
    }
}

/// A posted transaction with what its reversal needs: whose it is, and the fund on the other side.
pub struct Reversible {
    pub original: Original,
    pub person: PrincipalId,
    pub community: CommunityId,
    pub fund: Account,
}

/// The transaction with this id, for a reversal.
pub fn reversible(tx: &mut Tx, id: TransactionId) -> Result<Option<Reversible>, DbError> {
    let row: Option<(String, String, String)> = native!(tx, |conn| {
        ledger_transactions::table
            .find(id.text())
            .select((ledger_transactions::source_kind, ledger_transactions::source_id, ledger_transactions::community_id))
            .first(conn)
            .optional()
    })?;
    let Some((kind, source_id, community)) = row else { return Ok(None) };
    let sides: Vec<(i64, String, String, Option<String>)> = native!(tx, |conn| {
        ledger_entries::table
            .inner_join(ledger_accounts::table.on(ledger_accounts::id.eq(ledger_entries::account_id)))
            .filter(ledger_entries::transaction_id.eq(id.text()))
            .select((ledger_entries::amount, ledger_accounts::id, ledger_accounts::unit, ledger_accounts::person_id))
            .load(conn)
    })?;
    let own = sides.iter().find_map(|(amount, _, _, person)| person.as_deref().map(|person| (*amount, person)));
    let other = sides.iter().find(|(_, _, _, person)| person.is_none());
    let (Some((amount, person)), Some((_, account, unit, _))) = (own, other) else {
        return Err(DbError::Corrupt("a transaction is not between a person and a fund".to_owned()));
    };
    let draws: Vec<(String, i64)> = native!(tx, |conn| {
        ledger_draws::table
            .filter(ledger_draws::transaction_id.eq(id.text()))
            .select((ledger_draws::lot_id, ledger_draws::amount))
            .load(conn)
    })?;
    let reversed: Option<String> = native!(tx, |conn| {
        ledger_transactions::table
            .filter(ledger_transactions::reverses.is_not_null())
            .filter(ledger_transactions::reverses.assume_not_null().eq(id.text()))
            .select(ledger_transactions::id)
            .first(conn)
            .optional()
    })?;
    let lots = draws.iter().map(|(lot, amount)| Ok((parsed(lot)?, *amount))).collect::<Result<_, DbError>>()?;
    Ok(Some(Reversible {
        original: Original { transaction: id, source: Source { kind, id: source_id }, amount, lots, reversed: reversed.is_some() },
        person: parsed(person)?,
        community: parsed(&community)?,
        fund: Account::fund(parsed(account)?, parsed(unit)?),
    }))
}
