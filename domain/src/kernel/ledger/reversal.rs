//! Reversals 冲正: what was posted by mistake is posted the other way round, once.
//!
//! Taking back a grant is where it can go wrong, because part of it may be gone. What expired went back to a fund
//! already and is not owed. What was spent is owed: it comes out of the same lot first, then out of the person's other
//! lots, as if those had been spent. Only when even that is not enough does it matter what the caller chose as
//! [`Shortfall`]. Nobody is ever left with less than nothing.
//!
//! Giving back what was spent refills the lots it came from. A lot whose time is over in the meantime would swallow it
//! at once, so that part becomes a new lot that lasts [`RETURN_GRACE_S`].

use super::{Account, LotChange, LotId, MAX_BALANCE, Order, Posting, Refusal, Source, TransactionId, Wallet};
use crate::kernel::time::Timestamp;

/// How long somebody may spend what came back to them after it would have expired: thirty days.
pub const RETURN_GRACE_S: i64 = 30 * 86_400;

/// What to do when not all of a grant can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortfall {
    /// Nothing is posted.
    Refuse,
    /// What is there is taken and the rest is forgiven. The original counts as reversed.
    Forgive,
}

/// A posted transaction as far as its reversal needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    pub transaction: TransactionId,
    pub source: Source,
    /// The amount of the person's entry.
    pub amount: i64,
    /// The lot that it opened (with its amount) or those that it drew from (negative), as they were written.
    pub lots: Vec<(LotId, i64)>,
    /// Whether a transaction exists that reverses it.
    pub reversed: bool,
}

impl Wallet {
    /// Posts a transaction the other way round, between the same two accounts.
    ///
    /// # Errors
    /// [`Refusal::AlreadyReversed`], [`Refusal::NotReversible`], [`Refusal::NothingLeft`], [`Refusal::Spent`],
    /// [`Refusal::TooMuch`], [`Refusal::WrongAccount`].
    pub fn reverse(
        &self,
        original: &Original,
        fund: &Account,
        shortfall: Shortfall,
        order: Order,
        now: Timestamp,
    ) -> Result<Posting, Refusal> {
        self.deals_with(fund)?;
        if original.reversed {
            return Err(Refusal::AlreadyReversed);
        }
        if [Source::EXPIRY, Source::REVERSAL].contains(&original.source.kind.as_str()) {
            return Err(Refusal::NotReversible);
        }
        let (amount, lots) =
            if original.amount > 0 { self.take_back(original, shortfall, now)? } else { self.give_back(original, &order, now)? };
        Ok(Posting::between(self, fund, amount, lots, order, now).reversing(original.transaction))
    }

    fn take_back(&self, original: &Original, shortfall: Shortfall, now: Timestamp) -> Result<(i64, Vec<LotChange>), Refusal> {
        let own = original.lots.iter().find_map(|(id, _)| self.lots().iter().find(|lot| lot.id == *id));
        let owed = original.amount - own.map_or(0, |lot| lot.expired);
        if owed <= 0 {
            return Err(Refusal::NothingLeft);
        }
        let (draws, short) = self.draw(owed, own.map(|lot| lot.id), now);
        let had = owed - short;
        if short > 0 && shortfall == Shortfall::Refuse || had == 0 {
            return Err(Refusal::Spent { owed, available: had });
        }
        Ok((-had, draws))
    }

    fn give_back(&self, original: &Original, order: &Order, now: Timestamp) -> Result<(i64, Vec<LotChange>), Refusal> {
        let back = -original.amount;
        if self.account().balance + back > MAX_BALANCE {
            return Err(Refusal::TooMuch);
        }
        let mut homeless = back;
        let mut changes = vec![];
        for (id, drawn) in &original.lots {
            let room = self.lots().iter().find(|lot| lot.id == *id && !lot.is_over(now)).map_or(0, |lot| lot.granted - lot.remaining);
            let part = (-drawn).min(room).min(homeless);
            if part > 0 {
                changes.push(LotChange::Draw { lot: *id, amount: part, expired: 0 });
                homeless -= part;
            }
        }
        if homeless > 0 {
            changes.push(self.new_lot(order.lot, homeless, Some(now.plus_seconds(RETURN_GRACE_S)), now));
        }
        Ok((back, changes))
    }
}
