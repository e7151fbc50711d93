//! Reading the books: balances, entries, statements, and the check that everything balances.

use diesel::prelude::*;
use jiazai_domain::actor::{Communities, CommunityId, PrincipalId};
use jiazai_domain::kernel::ledger::{EntryId, Line, Month, TransactionId, Unit};
use jiazai_domain::kernel::time::Timestamp;

use crate::db::schema::{ledger_accounts, ledger_entries, ledger_transactions};
use crate::db::{DbError, Tx, native, parsed};

/// What somebody has, and whether something of it has expired and is not posted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    pub balance: i64,
    pub expires_next_at: Option<Timestamp>,
}

impl Balance {
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires_next_at.is_some_and(|at| at <= now)
    }
}

/// One row: reading it does not grow with history. Who has no account has nothing.
pub fn balance(tx: &mut Tx, person: PrincipalId, unit: Unit) -> Result<Balance, DbError> {
    let row: Option<(Option<i64>, Option<i64>)> = native!(tx, |conn| {
        ledger_accounts::table
            .filter(ledger_accounts::person_id.is_not_null())
            .filter(ledger_accounts::person_id.assume_not_null().eq(person.text()))
            .filter(ledger_accounts::unit.eq(unit.as_str()))
            .select((ledger_accounts::balance, ledger_accounts::expires_next_at))
            .first(conn)
            .optional()
    })?;
    let (balance, next) = row.unwrap_or((None, None));
    Ok(Balance { balance: balance.unwrap_or(0), expires_next_at: next.map(Timestamp::from_millis) })
}

/// An entry of a person's account as it is shown.
#[derive(Debug, Clone)]
pub struct EntryLine {
    pub id: EntryId,
    /// Which of the account's entries it is, in the order in which they were posted; none for a fund's.
    pub number: Option<i64>,
    pub transaction: TransactionId,
    pub amount: i64,
    pub balance_after: Option<i64>,
    /// `sign_up`, `grant`, …
    pub source: String,
    pub reason: Option<String>,
    pub occurred_at: Timestamp,
}

type LineRow = (String, Option<i64>, String, i64, Option<i64>, String, Option<String>, i64);

fn line((id, number, transaction, amount, balance_after, source, reason, at): LineRow) -> Result<EntryLine, DbError> {
    Ok(EntryLine {
        id: parsed(&id)?,
        number,
        transaction: parsed(&transaction)?,
        amount,
        balance_after,
        source,
        reason,
        occurred_at: Timestamp::from_millis(at),
    })
}

macro_rules! of_person {
    ($person:expr, $unit:expr) => {
        ledger_entries::table
            .inner_join(ledger_accounts::table.on(ledger_accounts::id.eq(ledger_entries::account_id)))
            .inner_join(ledger_transactions::table.on(ledger_transactions::id.eq(ledger_entries::transaction_id)))
            .filter(ledger_accounts::person_id.is_not_null())
            .filter(ledger_accounts::person_id.assume_not_null().eq($person.text()))
            .filter(ledger_accounts::unit.eq($unit.as_str()))
            .filter(ledger_entries::number.is_not_null())
            .select((
                ledger_entries::id,
                ledger_entries::number,
                ledger_entries::transaction_id,
                ledger_entries::amount,
                ledger_entries::balance_after,
                ledger_transactions::source_kind,
                ledger_transactions::reason,
                ledger_entries::occurred_at,
            ))
    };
}

/// A person's entries (those of some communities, if `within` says so), newest first, after the one with this number.
pub fn entries(
    tx: &mut Tx,
    person: PrincipalId,
    unit: Unit,
    within: Option<&Communities>,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<EntryLine>, DbError> {
    let mut query = of_person!(person, unit).order(ledger_entries::number.desc()).limit(limit).into_boxed();
    if let Some(Communities::Only(some)) = within {
        query = query.filter(ledger_transactions::community_id.eq_any(some.iter().map(CommunityId::text).collect::<Vec<_>>()));
    }
    if let Some(after) = after {
        query = query.filter(ledger_entries::number.assume_not_null().lt(after));
    }
    let rows: Vec<LineRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(line).collect()
}

/// What somebody had before this instant: what the account held after the last entry that is earlier. No entry is earlier than the one
/// before it, so the last by number is the last by time.
pub fn balance_before(tx: &mut Tx, person: PrincipalId, unit: Unit, at: Timestamp) -> Result<i64, DbError> {
    let earlier = of_person!(person, unit)
        .filter(ledger_entries::occurred_at.lt(at.millis()))
        .order((ledger_entries::occurred_at.desc(), ledger_entries::number.desc()));
    let row: Option<LineRow> = native!(tx, |conn| earlier.first(conn).optional())?;
    Ok(row.and_then(|row| line(row).ok()?.balance_after).unwrap_or(0))
}

/// A person's entries of a month, oldest first.
pub fn statement_lines(tx: &mut Tx, person: PrincipalId, unit: Unit, month: Month) -> Result<Vec<Line>, DbError> {
    let within = of_person!(person, unit)
        .filter(ledger_entries::occurred_at.ge(month.from().millis()))
        .filter(ledger_entries::occurred_at.lt(month.until().millis()))
        .order(ledger_entries::number);
    let rows: Vec<LineRow> = native!(tx, |conn| within.load(conn))?;
    rows.into_iter()
        .map(|row| {
            let EntryLine { id, number, amount, source, reason, occurred_at, .. } = line(row)?;
            Ok(Line { entry: id, number: number.unwrap_or(0), amount, source, reason, occurred_at })
        })
        .collect()
}

#[derive(QueryableByName)]
struct Earned {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    total: i64,
}

/// What somebody has gained from one kind of source of a community in a month; reversals of it are not taken off.
pub fn earned_in(
    tx: &mut Tx,
    (person, community): (PrincipalId, CommunityId),
    unit: Unit,
    source: &str,
    month: Month,
) -> Result<i64, DbError> {
    use diesel::sql_types::{BigInt, Text};
    let sum = diesel::sql_query(
        "SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) AS total FROM ledger_entries e \
         JOIN ledger_accounts a ON a.id = e.account_id JOIN ledger_transactions t ON t.id = e.transaction_id \
         WHERE a.person_id = $1 AND a.unit = $2 AND t.community_id = $3 AND t.source_kind = $4 AND e.amount > 0 \
         AND e.number IS NOT NULL AND e.occurred_at >= $5 AND e.occurred_at < $6",
    )
    .bind::<Text, _>(person.text())
    .bind::<Text, _>(unit.as_str())
    .bind::<Text, _>(community.text())
    .bind::<Text, _>(source.to_owned())
    .bind::<BigInt, _>(month.from().millis())
    .bind::<BigInt, _>(month.until().millis());
    let earned: Earned = native!(tx, |conn| sum.get_result(conn))?;
    Ok(earned.total)
}

/// An entry, whose it is and where.
#[derive(Debug, Clone)]
pub struct Written {
    pub line: EntryLine,
    /// None for a fund's entry.
    pub person: Option<PrincipalId>,
    pub community: CommunityId,
}

pub fn entry(tx: &mut Tx, id: EntryId) -> Result<Option<Written>, DbError> {
    let row: Option<(LineRow, String, Option<String>)> = native!(tx, |conn| {
        ledger_entries::table
            .inner_join(ledger_transactions::table.on(ledger_transactions::id.eq(ledger_entries::transaction_id)))
            .inner_join(ledger_accounts::table.on(ledger_accounts::id.eq(ledger_entries::account_id)))
            .filter(ledger_entries::id.eq(id.text()))
            .select((
                (
                    ledger_entries::id,
                    ledger_entries::number,
                    ledger_entries::transaction_id,
                    ledger_entries::amount,
                    ledger_entries::balance_after,
                    ledger_transactions::source_kind,
                    ledger_transactions::reason,
                    ledger_entries::occurred_at,
                ),
                ledger_transactions::community_id,
                ledger_accounts::person_id,
            ))
            .first(conn)
            .optional()
    })?;
    row.map(|(row, community, person)| {
        Ok(Written { line: line(row)?, person: person.as_deref().map(parsed).transpose()?, community: parsed(&community)? })
    })
    .transpose()
}
