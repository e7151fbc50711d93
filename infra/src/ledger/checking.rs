//! The check that everything balances.
//!
//! Books grow and a statement may take no longer than seconds, so they are gone through in portions. Each is one statement and sees
//! one state of the books, in which a transaction is there with both its entries or not at all, and an account is as its last
//! posting left it. What is posted meanwhile behind the place that the check has reached is for the next check.

use std::ops::ControlFlow;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use jiazai_domain::actor::{Communities, CommunityId};
use jiazai_domain::kernel::ledger::Verdict;

use crate::db::{DbError, Tx, native};

/// So many transactions, or accounts, are added up by one statement.
const PORTION: i64 = 5_000;

#[derive(QueryableByName)]
struct Sums {
    #[diesel(sql_type = Nullable<Text>)]
    last: Option<String>,
    #[diesel(sql_type = BigInt)]
    entries: i64,
    #[diesel(sql_type = BigInt)]
    total: i64,
    #[diesel(sql_type = BigInt)]
    wrong: i64,
}

/// A check that is under way: how far it has come, and what it has found. Each [`portion`](Self::portion) is looked at in a transaction
/// of its own: no request's transaction is long enough for all books.
///
/// It adds everything up: the entries of each transaction, and of each person's account, against its balance, its count of entries, what
/// it is said to have held last, and what is left in its lots. An auditor of some communities is told of their transactions;
/// balances are checked as a whole.
#[derive(Debug, Clone)]
pub struct Check {
    /// What is still to be gone through, the next one last; with the id behind which it goes on.
    left: Vec<(String, String)>,
    at_once: i64,
    entries: i64,
    sum: i64,
    wrong: i64,
}

impl Check {
    pub fn of(within: &Communities) -> Self {
        Self::by(within, PORTION)
    }

    /// In portions of this size.
    pub fn by(within: &Communities, at_once: i64) -> Self {
        // Ids are letters, digits and an underscore, and were parsed from just such texts: nothing in them ends a literal.
        let of = match within {
            Communities::All => String::new(),
            Communities::Only(some) => {
                let ids: Vec<String> = some.iter().map(|community| format!("'{}'", CommunityId::text(community))).collect();
                format!("AND community_id IN ({})", if ids.is_empty() { "NULL".to_owned() } else { ids.join(", ") })
            }
        };
        let transactions = format!(
            "SELECT MAX(id) AS last, CAST(COALESCE(SUM(n), 0) AS BIGINT) AS entries, CAST(COALESCE(SUM(s), 0) AS BIGINT) AS total, \
             CAST(COALESCE(SUM(CASE WHEN s <> 0 OR n <> 2 THEN 1 ELSE 0 END), 0) AS BIGINT) AS wrong FROM \
             (SELECT t.id AS id, COUNT(e.id) AS n, COALESCE(SUM(e.amount), 0) AS s FROM \
                (SELECT id FROM ledger_transactions WHERE id > $1 {of} ORDER BY id LIMIT $2) AS t \
                LEFT JOIN ledger_entries e ON e.transaction_id = t.id GROUP BY t.id) AS summed"
        );
        let accounts = "SELECT MAX(id) AS last, CAST(0 AS BIGINT) AS entries, CAST(0 AS BIGINT) AS total, \
             CAST(COALESCE(SUM(CASE WHEN balance <> entered OR balance <> left_over OR entries <> counted OR balance <> COALESCE(held, 0) \
                THEN 1 ELSE 0 END), 0) AS BIGINT) AS wrong FROM \
             (SELECT a.id AS id, COALESCE(a.balance, -1) AS balance, COALESCE(a.entries, -1) AS entries, \
                (SELECT COALESCE(SUM(e.amount), 0) FROM ledger_entries e WHERE e.account_id = a.id AND e.number IS NOT NULL) AS entered, \
                (SELECT COUNT(*) FROM ledger_entries e WHERE e.account_id = a.id AND e.number IS NOT NULL) AS counted, \
                (SELECT e.balance_after FROM ledger_entries e WHERE e.account_id = a.id AND e.number = a.entries) AS held, \
                (SELECT COALESCE(SUM(l.remaining), 0) FROM ledger_lots l WHERE l.account_id = a.id AND l.remaining > 0) AS left_over \
                FROM (SELECT id, balance, entries FROM ledger_accounts WHERE person_id IS NOT NULL AND id > $1 ORDER BY id LIMIT $2) AS a) \
                AS summed";
        let left = [accounts.to_owned(), transactions].map(|statement| (statement, String::new()));
        Self { left: left.into(), at_once, entries: 0, sum: 0, wrong: 0 }
    }

    /// Looks at the next transactions, or accounts; the verdict once there are none left.
    pub fn portion(mut self, tx: &mut Tx) -> Result<ControlFlow<Verdict, Self>, DbError> {
        let Some((statement, after)) = self.left.last_mut() else {
            let Self { entries, sum, wrong, .. } = self;
            return Ok(ControlFlow::Break(Verdict { balanced: wrong == 0 && sum == 0, entries, sum }));
        };
        let sums = diesel::sql_query(&*statement).bind::<Text, _>(&*after).bind::<BigInt, _>(self.at_once);
        let sums: Sums = native!(tx, |conn| sums.get_result(conn))?;
        match sums.last {
            Some(last) => *after = last,
            None => drop(self.left.pop()),
        }
        self.entries += sums.entries;
        self.sum += sums.total;
        self.wrong += sums.wrong;
        Ok(ControlFlow::Continue(self))
    }
}
