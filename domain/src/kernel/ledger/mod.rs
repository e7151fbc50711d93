//! The ledger 账本: double entry for whatever is counted (points 积分, money in fen), in whole numbers.
//!
//! An *account* belongs to a person or is a *fund* 资金池 (what was issued, what expired, what a merchant took). A
//! *transaction* is two *entries* that sum to zero: what one account gains another gives. So the sum of all entries is
//! zero at any time, and nothing appears or vanishes. A fund that issues may go as far below zero as it has issued; a
//! person's account never goes below zero.
//!
//! What a person is granted is a *lot* 批次 with its own expiry. Spending takes from the lot that expires first.
//! An expiry is an entry like any other. Nothing is ever deleted: a mistake is *reversed* 冲正 by a transaction of its own.
//!
//! A [`Source`] (this sign-up, that coupon) posts once. The unique key on it is what makes every retry safe, so the
//! transaction's row is written first; who finds it there answers with what it says.
//!
//! A [`Wallet`] is a person's account with its lots. Its decisions end in a [`Posting`]: rows to insert and
//! relative changes with conditions, as for [pools](super::capacity).

mod posting;
mod reversal;
mod statement;
#[cfg(test)]
mod tests;
mod wallet;

pub use posting::{BalanceChange, Entry, LotChange, Order, Posting};
pub use reversal::{Original, RETURN_GRACE_S, Shortfall};
pub use statement::{Line, Month, Statement, Verdict, verify};
pub use wallet::Wallet;

use super::fault::Fault;
use super::time::Timestamp;
use crate::actor::PrincipalId;

crate::ids! {
    /// What belongs to one person or one fund.
    AccountKind, AccountId = "acc";
    /// Two entries that sum to zero, and why.
    TransactionKind, TransactionId = "txn";
    /// One side of a transaction.
    EntryKind, EntryId = "ent";
    /// What was granted at once and expires at once.
    LotKind, LotId = "lot";
}

crate::words! {
    /// What is counted. Units are never added to each other.
    Unit {
        /// 积分
        Points = "points",
        /// 分: hundredths of a yuan.
        Fen = "fen",
    }
}

/// The most that one posting moves, in the account's unit.
pub const MAX_AMOUNT: i64 = 1_000_000_000;
/// The most that a person may have. Far from where whole numbers end, so no sum in this module overflows.
pub const MAX_BALANCE: i64 = 1_000_000_000_000;

/// How much is moved: 1 to [`MAX_AMOUNT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(i64);

impl Amount {
    /// # Errors
    /// `out_of_range`.
    pub const fn new(amount: i64) -> Result<Self, &'static str> {
        if amount >= 1 && amount <= MAX_AMOUNT { Ok(Self(amount)) } else { Err("out_of_range") }
    }

    /// As [`new`](Self::new), with the fault at a field of a form.
    ///
    /// # Errors
    /// One fault.
    pub fn at(pointer: &str, amount: i64) -> Result<Self, Vec<Fault>> {
        Self::new(amount).map_err(|code| vec![Fault { pointer: pointer.to_owned(), code }])
    }

    pub const fn get(self) -> i64 {
        self.0
    }
}

/// What a transaction was posted for: a word and an id, together unique among all transactions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source {
    /// `sign_up`, `grant`, `redemption`; [`EXPIRY`](Self::EXPIRY) and [`REVERSAL`](Self::REVERSAL) are the ledger's own.
    pub kind: String,
    pub id: String,
}

impl Source {
    pub const EXPIRY: &'static str = "expiry";
    pub const REVERSAL: &'static str = "reversal";

    pub fn new(kind: &str, id: impl ToString) -> Self {
        Self { kind: kind.to_owned(), id: id.to_string() }
    }
}

/// Whose an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Person(PrincipalId),
    Fund,
}

/// An account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub owner: Owner,
    pub unit: Unit,
    /// The sum of the account's entries. Kept for persons only: a fund stands in every posting of its community, and a
    /// counter in its row would make everybody wait for everybody. A fund's balance is summed when somebody asks.
    pub balance: i64,
    /// How many entries it has, which is the number of the last one. Kept for persons only, like the balance.
    pub entries: i64,
    /// When the last of them was made.
    pub entered_at: Option<Timestamp>,
}

impl Account {
    /// A fund's: it keeps nothing of its own.
    pub const fn fund(id: AccountId, unit: Unit) -> Self {
        Self { id, owner: Owner::Fund, unit, balance: 0, entries: 0, entered_at: None }
    }

    /// A person's that nothing was posted to.
    pub const fn empty(id: AccountId, person: PrincipalId, unit: Unit) -> Self {
        Self { id, owner: Owner::Person(person), unit, balance: 0, entries: 0, entered_at: None }
    }
}

/// What was granted at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lot {
    pub id: LotId,
    pub account: AccountId,
    pub granted: i64,
    /// What is left of it: 0 to `granted`.
    pub remaining: i64,
    /// What of it expired before it was spent.
    pub expired: i64,
    pub granted_at: Timestamp,
    /// It can be spent before this instant; for ever, if none.
    pub expires_at: Option<Timestamp>,
}

impl Lot {
    /// Whether its time is over, written down or not.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// Why nothing is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is not as much as that.
    NotEnough { available: i64 },
    /// The account would hold more than [`MAX_BALANCE`].
    TooMuch,
    /// What was granted has been spent, and the account cannot make up for it.
    Spent { owed: i64, available: i64 },
    /// All of it has expired: it is gone already.
    NothingLeft,
    /// It was reversed before.
    AlreadyReversed,
    /// An expiry, or a reversal: grant anew instead.
    NotReversible,
    /// The accounts count different things, or it is not a person's account.
    WrongAccount,
}

impl Refusal {
    /// A stable word for the rule.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotEnough { .. } => "balance_insufficient",
            Self::TooMuch => "balance_too_large",
            Self::Spent { .. } => "already_spent",
            Self::NothingLeft => "nothing_left",
            Self::AlreadyReversed => "already_reversed",
            Self::NotReversible => "not_reversible",
            Self::WrongAccount => "wrong_account",
        }
    }
}
