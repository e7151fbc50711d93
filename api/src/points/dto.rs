//! What points speak.

use deserr::Deserr;
use jiazai_domain::kernel::ledger::{Line, Statement};
use jiazai_infra::ledger::EntryLine;
use serde::Serialize;
use utoipa::ToSchema;

use crate::input::named::{CommunityRef, EntryRef, GrantPoints, PrincipalRef, Text64, Text500, TransactionRef};
use crate::input::{Faults, Instant, Ref};

/// What somebody has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PointsBalance)]
pub struct BalanceDto {
    pub balance: i64,
    /// When something of it expires next; null for never.
    #[schema(inline)]
    pub expires_next_at: Option<Instant>,
}

/// What came (positive) or went (negative).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PointsEntry)]
pub struct EntryDto {
    #[schema(inline)]
    pub id: EntryRef,
    #[schema(inline)]
    pub transaction_id: TransactionRef,
    pub amount: i64,
    /// What the account held after it, over all communities: for its owner alone, null for everybody else.
    pub balance_after: Option<i64>,
    /// What it was posted for: `sign_up`, `grant`, `absence`, `expiry`, `reversal`, …
    #[schema(example = "sign_up")]
    pub source: String,
    pub reason: Option<String>,
    #[schema(inline)]
    pub occurred_at: Instant,
}

impl EntryDto {
    /// For whose it is.
    pub fn own(line: EntryLine) -> Self {
        let balance_after = line.balance_after;
        Self { balance_after, ..Self::foreign(line) }
    }

    /// For somebody who administers a community: what else the person has, and where from, is not theirs to know.
    pub fn foreign(line: EntryLine) -> Self {
        Self {
            id: Ref(line.id),
            transaction_id: Ref(line.transaction),
            amount: line.amount,
            balance_after: None,
            source: line.source,
            reason: line.reason,
            occurred_at: line.occurred_at.into(),
        }
    }
}

/// Points for somebody.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Grant {
    #[schema(inline)]
    pub resident_id: PrincipalRef,
    #[schema(inline)]
    pub points: GrantPoints,
    #[schema(inline)]
    pub reason: Text500,
    /// Whose fund they come from; may be left out by those who administer one community only.
    #[schema(inline)]
    #[deserr(default)]
    pub community_id: Option<CommunityRef>,
    /// They can be spent before this instant; left out, for ever.
    #[schema(inline)]
    #[deserr(default)]
    pub expires_at: Option<Instant>,
    /// The caller's own number for this grant: used a second time, it is refused.
    #[schema(inline)]
    #[deserr(default)]
    pub reference: Option<Text64>,
}

/// What to do when not all of a grant can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserr, ToSchema, Serialize)]
#[deserr(error = Faults)]
pub enum ShortfallWord {
    /// Nothing is posted.
    #[serde(rename = "refuse")]
    #[deserr(rename = "refuse")]
    Refuse,
    /// What is there is taken and the rest is forgiven.
    #[serde(rename = "forgive")]
    #[deserr(rename = "forgive")]
    Forgive,
}

/// An entry that was a mistake.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Reversal {
    #[schema(inline)]
    pub entry_id: EntryRef,
    #[schema(inline)]
    pub reason: Text500,
    /// Left out: `refuse`.
    #[deserr(default)]
    pub shortfall: Option<ShortfallWord>,
}

/// A line of a statement.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementLine {
    #[schema(inline)]
    pub entry_id: EntryRef,
    pub amount: i64,
    pub source: String,
    pub reason: Option<String>,
    #[schema(inline)]
    pub occurred_at: Instant,
}

/// What came and went in a month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PointsStatement)]
pub struct StatementDto {
    #[schema(example = "2026-03")]
    pub month: String,
    pub opening: i64,
    pub gained: i64,
    /// Positive.
    pub given: i64,
    pub closing: i64,
    /// Oldest first.
    pub lines: Vec<StatementLine>,
}

impl From<Statement> for StatementDto {
    fn from(statement: Statement) -> Self {
        let line = |line: Line| StatementLine {
            entry_id: Ref(line.entry),
            amount: line.amount,
            source: line.source,
            reason: line.reason,
            occurred_at: line.occurred_at.into(),
        };
        Self {
            month: statement.month.to_string(),
            opening: statement.opening,
            gained: statement.gained,
            given: statement.given,
            closing: statement.closing,
            lines: statement.lines.into_iter().map(line).collect(),
        }
    }
}

/// Whether the books balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LedgerVerdict)]
pub struct VerdictDto {
    pub balanced: bool,
    pub entries: i64,
    /// 0, or something is wrong.
    pub sum: i64,
}
