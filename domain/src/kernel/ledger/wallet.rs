//! Wallets: what a person has, lot by lot, and what may be done with it.

use super::{Account, Amount, Lot, LotChange, LotId, MAX_BALANCE, Order, Owner, Posting, Refusal};
use crate::kernel::time::Timestamp;

/// A person's account and its lots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    account: Account,
    /// Those that expire first stand first; among those that never expire, the older ones.
    lots: Vec<Lot>,
}

impl Wallet {
    /// An account with those of its lots of which something is left; for a reversal also the lots that the original
    /// drew from or opened, even when they are empty. Lots of other accounts are ignored.
    pub fn restore(account: Account, mut lots: Vec<Lot>) -> Self {
        lots.retain(|lot| lot.account == account.id);
        lots.sort_by_key(|lot| (lot.expires_at.is_none(), lot.expires_at, lot.granted_at, lot.id));
        Self { account, lots }
    }

    pub fn account(&self) -> &Account {
        &self.account
    }

    pub fn lots(&self) -> &[Lot] {
        &self.lots
    }

    /// What can be spent now. It is less than the account's balance while an expiry is not posted yet.
    pub fn available(&self, now: Timestamp) -> i64 {
        self.lots.iter().filter(|lot| !lot.is_over(now)).map(|lot| lot.remaining).sum()
    }

    /// When something will expire next, written down or not; for a column that tells whether there is anything to do.
    pub fn expires_next_at(&self) -> Option<Timestamp> {
        self.lots.iter().filter(|lot| lot.remaining > 0).filter_map(|lot| lot.expires_at).min()
    }

    /// 入账: a new lot, out of a fund. `expires_at` of `None` means never.
    ///
    /// # Errors
    /// [`Refusal::TooMuch`], [`Refusal::WrongAccount`].
    pub fn grant(
        &self,
        fund: &Account,
        amount: Amount,
        expires_at: Option<Timestamp>,
        order: Order,
        now: Timestamp,
    ) -> Result<Posting, Refusal> {
        self.deals_with(fund)?;
        let amount = amount.get();
        if self.account.balance + amount > MAX_BALANCE {
            return Err(Refusal::TooMuch);
        }
        let opened = self.new_lot(order.lot, amount, expires_at, now);
        Ok(Posting::between(self, fund, amount, vec![opened], order, now))
    }

    /// 支出: what expires first goes first. For whatever redeems, inside its own transaction.
    ///
    /// # Errors
    /// [`Refusal::NotEnough`], [`Refusal::WrongAccount`].
    pub fn spend(&self, fund: &Account, amount: Amount, order: Order, now: Timestamp) -> Result<Posting, Refusal> {
        self.deals_with(fund)?;
        let (draws, short) = self.draw(amount.get(), None, now);
        if short > 0 {
            return Err(Refusal::NotEnough { available: self.available(now) });
        }
        Ok(Posting::between(self, fund, -amount.get(), draws, order, now))
    }

    /// The first lot whose time is over and of which something is left. Post its [`expire`](Self::expire), apply it
    /// with [`after`](Self::after), and ask again: that is all that a job, or a reader, has to do.
    pub fn due(&self, now: Timestamp) -> Option<&Lot> {
        self.lots.iter().find(|lot| lot.is_over(now) && lot.remaining > 0)
    }

    /// 过期: what is left of a lot whose time is over goes to the fund; none when that is not so. Its
    /// source should be [`Source::EXPIRY`](super::Source::EXPIRY) with the lot's id, so that it happens once.
    pub fn expire(&self, lot: LotId, fund: &Account, order: Order, now: Timestamp) -> Option<Posting> {
        self.deals_with(fund).ok()?;
        let lot = self.lots.iter().find(|l| l.id == lot && l.is_over(now) && l.remaining > 0)?;
        let gone = lot.remaining;
        let draw = LotChange::Draw { lot: lot.id, amount: -gone, expired: gone };
        Some(Posting::between(self, fund, -gone, vec![draw], order, now))
    }

    /// The wallet after a posting; none when its conditions do not hold and the database would change nothing.
    #[must_use]
    pub fn after(&self, posting: &Posting) -> Option<Self> {
        let mut next = self.clone();
        let change = posting.balance();
        next.account.balance += change.amount;
        if change.account != self.account.id || next.account.balance < 0 || posting.number() != self.account.entries + 1 {
            return None;
        }
        (next.account.entries, next.account.entered_at) = (posting.number(), Some(posting.occurred_at()));
        for change in posting.lots() {
            match *change {
                LotChange::Open(lot) => next.lots.push(lot),
                LotChange::Draw { lot, amount, expired } => {
                    let lot = next.lots.iter_mut().find(|l| l.id == lot)?;
                    lot.remaining += amount;
                    lot.expired += expired;
                    if !(0..=lot.granted).contains(&lot.remaining) {
                        return None;
                    }
                }
            }
        }
        Some(Self::restore(next.account, next.lots))
    }

    /// Takes `amount` from the `first` lot, then from those that expire first; also says how much could not be had.
    pub(super) fn draw(&self, amount: i64, first: Option<LotId>, now: Timestamp) -> (Vec<LotChange>, i64) {
        // The named lot may be over: what is left of it goes back where it came from instead of expiring.
        let named = self.lots.iter().filter(|lot| Some(lot.id) == first);
        let others = self.lots.iter().filter(|lot| Some(lot.id) != first && !lot.is_over(now));
        let (mut draws, mut short) = (vec![], amount);
        for lot in named.chain(others) {
            let part = lot.remaining.min(short);
            if part > 0 {
                draws.push(LotChange::Draw { lot: lot.id, amount: -part, expired: 0 });
                short -= part;
            }
        }
        (draws, short)
    }

    pub(super) fn new_lot(&self, id: LotId, amount: i64, expires_at: Option<Timestamp>, now: Timestamp) -> LotChange {
        LotChange::Open(Lot { id, account: self.account.id, granted: amount, remaining: amount, expired: 0, granted_at: now, expires_at })
    }

    pub(super) fn deals_with(&self, fund: &Account) -> Result<(), Refusal> {
        let fits = matches!(self.account.owner, Owner::Person(_)) && fund.owner == Owner::Fund && fund.unit == self.account.unit;
        if fits { Ok(()) } else { Err(Refusal::WrongAccount) }
    }
}
