//! Postings: a decided transaction, ready to be written.

use super::{Account, AccountId, EntryId, Lot, LotId, Source, TransactionId, Wallet};
use crate::actor::PrincipalId;
use crate::kernel::changed::Event;
use crate::kernel::time::Timestamp;

/// What a posting is made with: the ids of its rows, its source, and what people read about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub transaction: TransactionId,
    /// Of the person's entry.
    pub own: EntryId,
    /// Of the fund's entry.
    pub other: EntryId,
    /// For the lot, if one is opened.
    pub lot: LotId,
    pub source: Source,
    pub reason: Option<String>,
}

/// One side of a transaction: what the account gains, or gives when it is negative. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    pub account: AccountId,
    pub amount: i64,
}

/// How a lot changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LotChange {
    /// A row to insert.
    Open(Lot),
    /// `UPDATE … SET remaining = remaining + ?, expired = expired + ? WHERE id = ? AND remaining + ? BETWEEN 0 AND granted`
    /// and a row that remembers the draw, for a reversal to find.
    Draw { lot: LotId, amount: i64, expired: i64 },
}

/// `UPDATE … SET balance = balance + ? WHERE id = ? AND balance + ? >= 0 RETURNING balance`; what it returns is worth
/// keeping with the person's entry, because a statement then finds its opening balance without summing what came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceChange {
    pub account: AccountId,
    pub amount: i64,
}

/// A transaction that is not written yet. The transaction's row goes first, since its unique source decides whether the
/// rest is written at all. A change that changes no row means that somebody was quicker: roll back, load, decide again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a posting that is not written did not happen"]
pub struct Posting {
    order: Order,
    occurred_at: Timestamp,
    number: i64,
    reverses: Option<TransactionId>,
    entries: [Entry; 2],
    lots: Vec<LotChange>,
}

impl Posting {
    /// The person gains this much from the fund, or gives it when it is negative. There is no other way to make a
    /// posting, so there is none whose entries do not cancel out.
    pub(super) fn between(wallet: &Wallet, fund: &Account, amount: i64, lots: Vec<LotChange>, order: Order, now: Timestamp) -> Self {
        let entries =
            [Entry { id: order.own, account: wallet.account().id, amount }, Entry { id: order.other, account: fund.id, amount: -amount }];
        let account = wallet.account();
        // Whoever waited for the account may have decided before those who were quicker: what comes later is not earlier.
        let occurred_at = account.entered_at.map_or(now, |last| last.max(now));
        Self { order, occurred_at, number: account.entries + 1, reverses: None, entries, lots }
    }

    pub(super) fn reversing(mut self, original: TransactionId) -> Self {
        self.reverses = Some(original);
        self
    }

    pub fn transaction(&self) -> TransactionId {
        self.order.transaction
    }

    pub fn source(&self) -> &Source {
        &self.order.source
    }

    pub fn reason(&self) -> Option<&str> {
        self.order.reason.as_deref()
    }

    pub fn occurred_at(&self) -> Timestamp {
        self.occurred_at
    }

    /// Which of the account's entries this is: 1 for the first. Given under the account's lock, so that the order of the numbers is the
    /// order in which things were posted; ids are made before.
    pub fn number(&self) -> i64 {
        self.number
    }

    /// The transaction that this one reverses; unique as well, so that nothing is reversed twice.
    pub fn reverses(&self) -> Option<TransactionId> {
        self.reverses
    }

    /// The person's entry, then the fund's.
    pub fn entries(&self) -> &[Entry; 2] {
        &self.entries
    }

    pub fn lots(&self) -> &[LotChange] {
        &self.lots
    }

    /// That it happened, for those who read what happened. Whose account it is says no more than the account's own id.
    pub fn event(&self, by: Option<PrincipalId>) -> Event {
        let kind = match self.order.source.kind.as_str() {
            Source::EXPIRY => "ledger_transaction.expired",
            Source::REVERSAL => "ledger_transaction.reversed",
            _ => "ledger_transaction.posted",
        };
        let event = Event::new(kind, by, self.occurred_at).with("account_id", self.entries[0].account).with("amount", self.amount());
        event.with("source", self.order.source.kind.clone()).noting(self.order.reason.clone())
    }

    /// What the person gains or gives.
    pub fn amount(&self) -> i64 {
        self.entries[0].amount
    }

    pub fn balance(&self) -> BalanceChange {
        BalanceChange { account: self.entries[0].account, amount: self.entries[0].amount }
    }
}
