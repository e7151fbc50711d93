//! Reading the books: balances, entries, statements, and the check that everything balances.

use diesel::prelude::*;
use jiazai_domain::actor::{Communities, CommunityId, PrincipalId};
use jiazai_domain::kernel::ledger::{EntryId, Line, Month, TransactionId, Unit, Verdict};
use jiazai_domain::kernel::time::Timestamp;

use crate::db::schema::{ledger_accounts, ledger_entries, ledger_transactions};
use crate::db::{DbError, Tx, parsed};

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
    let row: Option<(Option<i64>, Option<i64>)> = tx.run(|conn| {
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
    pub transaction: TransactionId,
    pub amount: i64,
    pub balance_after: Option<i64>,
    /// `sign_up`, `grant`, …
    pub source: String,
    pub reason: Option<String>,
    pub occurred_at: Timestamp,
}

type LineRow = (String, String, i64, Option<i64>, String, Option<String>, i64);

fn line((id, transaction, amount, balance_after, source, reason, at): LineRow) -> Result<EntryLine, DbError> {
    Ok(EntryLine {
        id: parsed(&id)?,
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
            .select((
                ledger_entries::id,
                ledger_entries::transaction_id,
                ledger_entries::amount,
                ledger_entries::balance_after,
                ledger_transactions::source_kind,
                ledger_transactions::reason,
                ledger_entries::occurred_at,
            ))
    };
}

/// A person's entries (those of some communities, if `within` says so), newest first, after the id `after`.
pub fn entries(
    tx: &mut Tx,
    person: PrincipalId,
    unit: Unit,
    within: Option<&Communities>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<EntryLine>, DbError> {
    let mut query = of_person!(person, unit).order(ledger_entries::id.desc()).limit(limit).into_boxed();
    if let Some(Communities::Only(some)) = within {
        query = query.filter(ledger_transactions::community_id.eq_any(some.iter().map(CommunityId::text).collect::<Vec<_>>()));
    }
    if let Some(after) = after {
        query = query.filter(ledger_entries::id.lt(after.to_owned()));
    }
    let rows: Vec<LineRow> = tx.run(|conn| query.load(conn))?;
    rows.into_iter().map(line).collect()
}

/// The first id that an instant can have, to find a stretch of time by the index on ids: ids sort by time.
fn first_id(at: Timestamp) -> String {
    EntryId::from_parts(at.millis().max(0) as u64, [0; 10]).text()
}

/// What somebody had before this instant.
pub fn balance_before(tx: &mut Tx, person: PrincipalId, unit: Unit, at: Timestamp) -> Result<i64, DbError> {
    let earlier = of_person!(person, unit).filter(ledger_entries::id.lt(first_id(at))).order(ledger_entries::id.desc());
    let row: Option<LineRow> = tx.run(|conn| earlier.first(conn).optional())?;
    Ok(row.and_then(|row| row.3).unwrap_or(0))
}

/// A person's entries of a month, oldest first.
pub fn statement_lines(tx: &mut Tx, person: PrincipalId, unit: Unit, month: Month) -> Result<Vec<Line>, DbError> {
    let within = of_person!(person, unit)
        .filter(ledger_entries::id.ge(first_id(month.from())))
        .filter(ledger_entries::id.lt(first_id(month.until())))
        .order(ledger_entries::id);
    let rows: Vec<LineRow> = tx.run(|conn| within.load(conn))?;
    rows.into_iter()
        .map(|row| {
            let EntryLine { id, amount, source, reason, occurred_at, .. } = line(row)?;
            Ok(Line { entry: id, amount, source, reason, occurred_at })
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
    use diesel::sql_types::Text;
    let sum = diesel::sql_query(
        "SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) AS total FROM ledger_entries e \
         JOIN ledger_accounts a ON a.id = e.account_id JOIN ledger_transactions t ON t.id = e.transaction_id \
         WHERE a.person_id = $1 AND a.unit = $2 AND t.community_id = $3 AND t.source_kind = $4 AND e.amount > 0 \
         AND e.id >= $5 AND e.id < $6",
    )
    .bind::<Text, _>(person.text())
    .bind::<Text, _>(unit.as_str())
    .bind::<Text, _>(community.text())
    .bind::<Text, _>(source.to_owned())
    .bind::<Text, _>(first_id(month.from()))
    .bind::<Text, _>(first_id(month.until()));
    let earned: Earned = tx.run(|conn| sum.get_result(conn))?;
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
    let row: Option<(LineRow, String, Option<String>)> = tx.run(|conn| {
        ledger_entries::table
            .inner_join(ledger_transactions::table.on(ledger_transactions::id.eq(ledger_entries::transaction_id)))
            .inner_join(ledger_accounts::table.on(ledger_accounts::id.eq(ledger_entries::account_id)))
            .filter(ledger_entries::id.eq(id.text()))
            .select((
                (
                    ledger_entries::id,
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

#[derive(QueryableByName)]
struct Sums {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    entries: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    total: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    wrong: i64,
}

/// Adds everything up: the entries of each transaction, the entries of each account against its balance, what is left in
/// its lots against both. One statement, because only then is it one state of the books while others post. An auditor of
/// some communities is told of their transactions; balances are checked as a whole.
pub fn verify(tx: &mut Tx, within: &Communities) -> Result<Verdict, DbError> {
    // Ids are letters, digits and an underscore, and were parsed from just such texts: nothing in them ends a literal.
    let of = match within {
        Communities::All => String::new(),
        Communities::Only(some) => {
            let ids: Vec<String> = some.iter().map(|community| format!("'{}'", community.text())).collect();
            let list = if ids.is_empty() { "NULL".to_owned() } else { ids.join(", ") };
            format!("WHERE e.transaction_id IN (SELECT id FROM ledger_transactions WHERE community_id IN ({list}))")
        }
    };
    let sums = diesel::sql_query(format!(
        "SELECT (SELECT COUNT(*) FROM ledger_entries e {of}) AS entries, \
         (SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) FROM ledger_entries e {of}) AS total, \
         (SELECT COUNT(*) FROM (SELECT e.transaction_id FROM ledger_entries e {of} GROUP BY e.transaction_id \
              HAVING SUM(e.amount) <> 0 OR COUNT(*) <> 2) AS torn) \
         + (SELECT COUNT(*) FROM ledger_transactions t WHERE NOT EXISTS (SELECT 1 FROM ledger_entries e WHERE e.transaction_id = t.id)) \
         + (SELECT COUNT(*) FROM ledger_accounts a \
              LEFT JOIN (SELECT account_id, SUM(amount) AS entered FROM ledger_entries GROUP BY account_id) AS s ON s.account_id = a.id \
              LEFT JOIN (SELECT account_id, SUM(remaining) AS left_over FROM ledger_lots GROUP BY account_id) AS l ON l.account_id = a.id \
              WHERE a.person_id IS NOT NULL AND (a.balance <> COALESCE(s.entered, 0) OR a.balance <> COALESCE(l.left_over, 0))) AS wrong"
    ));
    let sums: Sums = tx.run(|conn| sums.get_result(conn))?;
    Ok(Verdict { balanced: sums.wrong == 0 && sums.total == 0, entries: sums.entries, sum: sums.total })
}
