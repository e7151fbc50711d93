//! Rules of the ledger, and books that only change as a database would let them.

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::kernel::id::{Id, Kind};

fn at(s: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000).plus_seconds(s)
}

fn id<K: Kind>(n: u128) -> Id<K> {
    Id::from_uuid(Uuid::from_u128(n))
}

fn fund() -> Account {
    Account::fund(id(1), Unit::Points)
}

fn empty(n: u128) -> Wallet {
    let account = Account::empty(id(100 + n), id(100 + n), Unit::Points);
    Wallet::restore(account, vec![])
}

fn order(n: u128, source: Source) -> Order {
    Order { transaction: id(n), own: id(2 * n), other: id(2 * n + 1), lot: id(n), source, reason: None }
}

fn amount(n: i64) -> Amount {
    Amount::new(n).expect("an amount")
}

/// A wallet that was granted lots of these amounts and expiries, in seconds; lot 1, 2, …
fn granted(lots: &[(i64, Option<i64>)]) -> Wallet {
    let mut wallet = empty(0);
    for (n, (granted, expires)) in (1..).zip(lots) {
        let posting = wallet.grant(&fund(), amount(*granted), expires.map(at), order(n, Source::new("grant", n)), at(0));
        wallet = wallet.after(&posting.expect("granted")).expect("written");
    }
    wallet
}

fn spend(wallet: &Wallet, n: i64, now: i64) -> Result<Posting, Refusal> {
    wallet.spend(&fund(), amount(n), order(90, Source::new("redemption", 90)), at(now))
}

fn draws(posting: &Posting) -> Vec<(LotId, i64)> {
    let draw = |change: &LotChange| match *change {
        LotChange::Draw { lot, amount, .. } => (lot, amount),
        LotChange::Open(lot) => (lot.id, lot.granted),
    };
    posting.lots().iter().map(draw).collect()
}

fn original(posting: &Posting) -> Original {
    Original {
        transaction: posting.transaction(),
        source: posting.source().clone(),
        amount: posting.amount(),
        lots: draws(posting),
        reversed: false,
    }
}

fn the_grant(of: i64) -> Original {
    Original { transaction: id(1), source: Source::new("grant", 1), amount: of, lots: vec![(id(1), of)], reversed: false }
}

fn reverse(wallet: &Wallet, original: &Original, shortfall: Shortfall, now: i64) -> Result<Posting, Refusal> {
    wallet.reverse(original, &fund(), shortfall, order(95, Source::new(Source::REVERSAL, original.transaction)), at(now))
}

#[test]
fn what_one_account_gains_the_other_gives() {
    let posting = empty(0).grant(&fund(), amount(5), None, order(1, Source::new("grant", 1)), at(0)).expect("granted");
    assert_eq!(posting.entries().map(|e| (e.account, e.amount)), [(id(100), 5), (id(1), -5)]);
    assert_eq!(posting.balance(), BalanceChange { account: id(100), amount: 5 });
}

#[test]
fn amounts_are_positive_and_bounded() {
    for bad in [i64::MIN, -1, 0, MAX_AMOUNT + 1, i64::MAX] {
        assert_eq!(Amount::new(bad), Err("out_of_range"), "{bad}");
    }
    assert_eq!(Amount::at("/points", 0).map_err(|f| f[0].pointer.clone()), Err("/points".to_owned()));
    let rich = Wallet::restore(Account { balance: MAX_BALANCE, ..*empty(0).account() }, vec![]);
    let more = rich.grant(&fund(), amount(1), None, order(1, Source::new("grant", 1)), at(0));
    assert_eq!(more, Err(Refusal::TooMuch));
}

#[test]
fn what_expires_first_is_spent_first_and_what_never_expires_last() {
    let wallet = granted(&[(10, None), (10, Some(500)), (10, Some(300))]);
    assert_eq!(draws(&spend(&wallet, 25, 1).expect("enough")), [(id(3), -10), (id(2), -10), (id(1), -5)]);
}

#[test]
fn nobody_spends_more_than_they_have_nor_what_has_expired() {
    let wallet = granted(&[(10, Some(100)), (5, None)]);
    assert_eq!(spend(&wallet, 16, 99), Err(Refusal::NotEnough { available: 15 }));
    assert!(spend(&wallet, 15, 99).is_ok());
    assert_eq!(spend(&wallet, 6, 100), Err(Refusal::NotEnough { available: 5 }));
    assert_eq!((wallet.available(at(100)), wallet.account().balance), (5, 15), "until the expiry is posted");
}

#[test]
fn an_expiry_is_an_entry_of_what_is_left_and_happens_once() {
    let wallet = granted(&[(10, Some(100)), (5, None)]);
    let wallet = wallet.after(&spend(&wallet, 4, 1).expect("enough")).expect("written");
    let expire = |wallet: &Wallet, now| wallet.expire(id(1), &fund(), order(80, Source::new(Source::EXPIRY, 1)), at(now));
    assert_eq!(expire(&wallet, 99), None);
    assert_eq!((wallet.due(at(99)), wallet.due(at(100)).map(|lot| lot.id)), (None, Some(id(1))));
    let posting = expire(&wallet, 100).expect("over");
    assert_eq!(posting.amount(), -6);
    let wallet = wallet.after(&posting).expect("written");
    assert_eq!((wallet.account().balance, wallet.due(at(100)), wallet.expires_next_at()), (5, None, None));
    assert_eq!(expire(&wallet, 100), None);
}

#[test]
fn a_grant_is_taken_back_from_its_own_lot_first_then_from_others() {
    let wallet = granted(&[(10, None), (20, Some(500))]);
    let posting = reverse(&wallet, &the_grant(10), Shortfall::Refuse, 1).expect("all there");
    assert_eq!((posting.amount(), draws(&posting), posting.reverses()), (-10, vec![(id(1), -10)], Some(id(1))));
    let spent = wallet.after(&spend(&wallet, 26, 1).expect("enough")).expect("written");
    let posting = reverse(&spent, &the_grant(10), Shortfall::Forgive, 1).expect("something there");
    assert_eq!((posting.amount(), draws(&posting)), (-4, vec![(id(1), -4)]));
    let wallet = granted(&[(10, Some(50)), (20, Some(500))]);
    let spent = wallet.after(&spend(&wallet, 7, 1).expect("enough")).expect("written");
    assert_eq!(draws(&reverse(&spent, &the_grant(10), Shortfall::Refuse, 1).expect("made up for")), [(id(1), -3), (id(2), -7)]);
}

#[test]
fn a_grant_that_was_spent_is_refused_or_forgiven_and_never_leaves_a_debt() {
    let wallet = granted(&[(10, None)]);
    let spent = wallet.after(&spend(&wallet, 7, 1).expect("enough")).expect("written");
    assert_eq!(reverse(&spent, &the_grant(10), Shortfall::Refuse, 2), Err(Refusal::Spent { owed: 10, available: 3 }));
    let rest = spent.after(&reverse(&spent, &the_grant(10), Shortfall::Forgive, 2).expect("the rest")).expect("written");
    assert_eq!(rest.account().balance, 0);
    let gone = wallet.after(&spend(&wallet, 10, 1).expect("enough")).expect("written");
    assert_eq!(reverse(&gone, &the_grant(10), Shortfall::Forgive, 2), Err(Refusal::Spent { owed: 10, available: 0 }));
}

#[test]
fn what_expired_is_not_taken_back_a_second_time() {
    let wallet = granted(&[(10, Some(100)), (50, None)]);
    let wallet = wallet.after(&spend(&wallet, 4, 1).expect("enough")).expect("written");
    let expired = wallet.expire(id(1), &fund(), order(80, Source::new(Source::EXPIRY, 1)), at(100)).expect("over");
    let wallet = wallet.after(&expired).expect("written");
    let posting = reverse(&wallet, &the_grant(10), Shortfall::Refuse, 101).expect("what was spent of it");
    assert_eq!((posting.amount(), draws(&posting)), (-4, vec![(id(2), -4)]));
    let unspent = granted(&[(10, Some(100))]);
    let posting = unspent.expire(id(1), &fund(), order(80, Source::new(Source::EXPIRY, 1)), at(100)).expect("over");
    let unspent = unspent.after(&posting).expect("written");
    assert_eq!(reverse(&unspent, &the_grant(10), Shortfall::Forgive, 101), Err(Refusal::NothingLeft));
}

#[test]
fn what_was_spent_goes_back_to_its_lots_and_past_their_end_to_a_new_one() {
    let wallet = granted(&[(10, Some(100)), (10, None)]);
    let spending = spend(&wallet, 15, 1).expect("enough");
    let spent = wallet.after(&spending).expect("written");
    let soon = reverse(&spent, &original(&spending), Shortfall::Refuse, 50).expect("reversed");
    assert_eq!(spent.after(&soon).expect("written").lots(), wallet.lots());
    let late = reverse(&spent, &original(&spending), Shortfall::Refuse, 100).expect("reversed");
    assert_eq!(draws(&late), [(id(2), 5), (id(95), 10)]);
    let wallet = spent.after(&late).expect("written");
    assert_eq!((wallet.account().balance, wallet.available(at(100))), (20, 20));
    assert_eq!(wallet.expires_next_at(), Some(at(100).plus_seconds(RETURN_GRACE_S)));
}

#[test]
fn nothing_is_reversed_twice_and_neither_an_expiry_nor_a_reversal() {
    let wallet = granted(&[(10, None)]);
    let twice = Original { reversed: true, ..the_grant(10) };
    assert_eq!(reverse(&wallet, &twice, Shortfall::Refuse, 1), Err(Refusal::AlreadyReversed));
    for kind in [Source::EXPIRY, Source::REVERSAL] {
        let original = Original { source: Source::new(kind, 1), ..the_grant(10) };
        assert_eq!(reverse(&wallet, &original, Shortfall::Refuse, 1), Err(Refusal::NotReversible));
    }
}

#[test]
fn points_do_not_mix_with_money_nor_funds_with_persons() {
    let wallet = granted(&[(10, None)]);
    let fen = Account { unit: Unit::Fen, ..fund() };
    let person = *empty(7).account();
    for wrong in [fen, person] {
        let order = order(1, Source::new("redemption", 1));
        assert_eq!(wallet.spend(&wrong, amount(1), order, at(0)), Err(Refusal::WrongAccount));
    }
}

#[test]
fn two_who_spend_the_same_points_at_once_cannot_both_write() {
    let wallet = granted(&[(10, None)]);
    let (one, other) = (spend(&wallet, 6, 1).expect("enough"), spend(&wallet, 6, 1).expect("enough"));
    let next = wallet.after(&one).expect("written");
    assert_eq!(next.after(&other), None);
    assert_eq!(spend(&next, 6, 1), Err(Refusal::NotEnough { available: 4 }));
}

#[test]
fn books_with_a_wrong_transaction_do_not_balance_even_when_the_sum_is_zero() {
    assert_eq!(verify([]), Verdict { balanced: true, entries: 0, sum: 0 });
    assert_eq!(verify([(id(1), 5), (id(1), -5), (id(2), 3), (id(2), -3)]), Verdict { balanced: true, entries: 4, sum: 0 });
    assert_eq!(verify([(id(1), 5), (id(1), -4)]), Verdict { balanced: false, entries: 2, sum: 1 });
    assert!(!verify([(id(1), 5), (id(1), -4), (id(2), 3), (id(2), -4)]).balanced);
    assert!(!verify([(id(1), 0)]).balanced);
    assert_eq!(verify([(id(1), i64::MAX), (id(1), i64::MAX)]).sum, i64::MAX, "absurd books are still read");
}

#[test]
fn a_statement_closes_at_what_it_opened_with_and_what_came_and_went() {
    let month = Month::parse("2026-03").expect("a month");
    let line = |n: u128, amount, at: &str| Line {
        number: n as i64,
        entry: id(n),
        amount,
        source: "grant".to_owned(),
        reason: None,
        occurred_at: Timestamp::parse(at).expect("an instant"),
    };
    let lines = vec![
        line(3, -4, "2026-03-31T15:59:59.999Z"),
        line(1, 10, "2026-02-28T16:00:00Z"),
        line(4, 99, "2026-03-31T16:00:00Z"),
        line(5, 99, "2026-02-28T15:59:59.999Z"),
    ];
    let statement = Statement::new(month, 7, lines);
    assert_eq!((statement.gained, statement.given, statement.closing), (10, 4, 13));
    assert_eq!(statement.lines.iter().map(|l| l.entry).collect::<Vec<_>>(), [id(1), id(3)]);
    assert_eq!((Month::of(month.from()), Month::of(month.until()).to_string()), (month, "2026-04".to_owned()));
    for bad in ["2026-13", "2026-3", "26-03", "2026-00", "+026-03", "9999-12", ""] {
        assert_eq!(Month::parse(bad), None, "{bad}");
    }
}

/// Books as a database keeps them: unique sources, unique reversals, changes under conditions.
#[derive(Default)]
struct Books {
    wallets: HashMap<u128, Wallet>,
    posted: BTreeMap<TransactionId, (u128, Original)>,
    sources: HashSet<Source>,
    reversed: HashSet<TransactionId>,
    entries: Vec<(TransactionId, AccountId, i64)>,
    next: u128,
}

impl Books {
    fn wallet(&self, person: u128) -> Wallet {
        self.wallets.get(&person).cloned().unwrap_or_else(|| empty(person))
    }

    fn order(&mut self, source: Source) -> Order {
        self.next += 1;
        order(1000 + self.next, source)
    }

    /// One transaction: all of it or, if a key is taken or a condition fails, nothing.
    fn write(&mut self, person: u128, posting: &Posting) -> bool {
        if self.sources.contains(posting.source()) || posting.reverses().is_some_and(|t| self.reversed.contains(&t)) {
            return false;
        }
        let Some(mut after) = self.wallet(person).after(posting) else { return false };
        // Empty lots stay in the wallet of this model only while it is small; a reversal would load those it names.
        if after.lots().len() > 40 {
            let lots = after.lots().iter().filter(|lot| lot.remaining > 0).copied().collect();
            after = Wallet::restore(*after.account(), lots);
        }
        self.sources.insert(posting.source().clone());
        self.reversed.extend(posting.reverses());
        self.entries.extend(posting.entries().iter().map(|e| (posting.transaction(), e.account, e.amount)));
        self.posted.insert(posting.transaction(), (person, original(posting)));
        self.wallets.insert(person, after);
        true
    }

    fn check(&self) {
        let verdict = verify(self.entries.iter().map(|(t, _, amount)| (*t, *amount)));
        assert_eq!(verdict, Verdict { balanced: true, entries: self.entries.len() as i64, sum: 0 });
        let mut sums: HashMap<AccountId, i64> = HashMap::new();
        self.entries.iter().for_each(|(_, account, amount)| *sums.entry(*account).or_default() += amount);
        for wallet in self.wallets.values() {
            let account = wallet.account();
            assert!(account.balance >= 0, "nobody owes");
            assert_eq!(account.balance, sums.get(&account.id).copied().unwrap_or(0), "a balance is the sum of its entries");
            assert_eq!(account.balance, wallet.lots().iter().map(|lot| lot.remaining).sum::<i64>(), "and of its lots");
            assert!(wallet.lots().iter().all(|lot| lot.remaining >= 0 && lot.remaining + lot.expired <= lot.granted));
        }
    }

    /// Decides on `seen`, which may be an older wallet of this person, and writes to the present one.
    fn step(&mut self, seen: &Wallet, person: u128, kind: u8, n: i64, source: u64, now: Timestamp) -> Option<Posting> {
        let points = Amount::new(n).ok()?;
        match kind {
            0 | 1 => {
                let order = self.order(Source::new("grant", source));
                let expires = (n % 3 != 0).then(|| now.plus_seconds(n * 10));
                seen.grant(&fund(), points, expires, order, now).ok()
            }
            2 | 3 => {
                let order = self.order(Source::new("redemption", source));
                seen.spend(&fund(), points, order, now).ok()
            }
            4 => {
                let lot = seen.due(now)?.id;
                let order = self.order(Source::new(Source::EXPIRY, lot));
                seen.expire(lot, &fund(), order, now)
            }
            _ => {
                let pivot = id(1000 + u128::from(source) % (self.next + 1));
                let (_, original) = self.posted.range(pivot..).map(|(_, o)| o).find(|(p, _)| *p == person)?;
                let original = original.clone();
                let order = self.order(Source::new(Source::REVERSAL, original.transaction));
                let shortfall = if n % 2 == 0 { Shortfall::Forgive } else { Shortfall::Refuse };
                seen.reverse(&original, &fund(), shortfall, order, now).ok()
            }
        }
    }
}

#[test]
fn a_hundred_thousand_random_operations_with_retries_keep_the_sum_at_zero() {
    let mut seed = 42u64;
    // A plain multiplicative generator: the same run every time.
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let (mut books, mut written, mut refused) = (Books::default(), 0, 0);
    for i in 0..100_000i64 {
        let person = u128::from(random(50));
        let seen = books.wallet(person);
        // Sources repeat on purpose: that is what a retry is.
        let (kind, n, source) = (random(7) as u8, 1 + random(200) as i64, random(200_000));
        let Some(posting) = books.step(&seen, person, kind, n, source, at(i)) else { continue };
        if books.write(person, &posting) {
            written += 1;
            assert!(!books.write(person, &posting), "the same again changes nothing");
        } else {
            refused += 1;
        }
        if i % 10_000 == 0 {
            books.check();
        }
    }
    books.check();
    assert!(written > 30_000 && refused > 1_000, "{written} written, {refused} refused: the run must not be idle");
}

proptest! {
    #[test]
    fn decisions_on_a_stale_wallet_are_written_whole_or_not_at_all(
        steps in proptest::collection::vec((0u8..7, 1i64..60, 0u64..40, 0i64..400, any::<bool>()), 0..60)
    ) {
        let (mut books, mut now) = (Books::default(), 0);
        let mut stale = books.wallet(0);
        for (kind, n, source, wait, fresh) in steps {
            now += wait;
            let seen = if fresh { books.wallet(0) } else { stale.clone() };
            if let Some(posting) = books.step(&seen, 0, kind, n, source, at(now)) {
                let before = (books.wallet(0), books.entries.len());
                if !books.write(0, &posting) {
                    prop_assert_eq!((books.wallet(0), books.entries.len()), before);
                }
            }
            if fresh {
                stale = books.wallet(0);
            }
            books.check();
        }
    }
}

#[test]
fn entries_have_numbers_and_none_is_earlier_than_the_one_before_it() {
    let first = empty(0).grant(&fund(), amount(5), None, order(1, Source::new("grant", 1)), at(100)).expect("granted");
    let wallet = empty(0).after(&first).expect("written");
    // Decided before, posted after: somebody waited for the account.
    let late = wallet.grant(&fund(), amount(7), None, order(2, Source::new("grant", 2)), at(50)).expect("granted");
    assert_eq!((first.number(), late.number()), (1, 2));
    assert_eq!((first.occurred_at(), late.occurred_at()), (at(100), at(100)));
    let stale = empty(0).grant(&fund(), amount(7), None, order(3, Source::new("grant", 3)), at(50)).expect("granted");
    assert_eq!(wallet.after(&stale), None, "its number is taken");
    let both = wallet.after(&late).expect("written");
    assert_eq!((both.account().entries, both.account().entered_at), (2, Some(at(100))));
}
