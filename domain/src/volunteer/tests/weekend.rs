//! A weekend: five activities, four hundred volunteers, a storm of cancellations, and books that somebody reckons again.

use std::collections::HashMap;

use super::*;
use crate::kernel::ledger::{self, Account, Order, Unit, Wallet, verify};

#[test]
fn rosters_hours_and_points_of_a_weekend_agree_with_a_recount() {
    let mut seed = 7u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut tables: Vec<Table> = (0..5).map(|n| Table::new(20 + n * 5, 15)).collect();
    let fund = Account::fund(id(1), Unit::Points);
    let mut wallets: HashMap<u128, Wallet> = HashMap::new();
    let (mut entries, mut minutes, mut full) = (Vec::new(), HashMap::<u128, i64>::new(), 0);
    // The rush, then three days in which people come, go, dither and forget.
    for n in 1..=400u128 {
        match tables[random(5) as usize].sign_up(volunteer(n), start()) {
            Err(Refusal::ShiftFull) => full += 1,
            other => drop(other.expect("a place or a wait")),
        }
    }
    assert!(full > 100, "the rush was one: {full}");
    for step in 0..1500 {
        let now = start().plus_seconds(step * 100);
        let table = &mut tables[random(5) as usize];
        table.settle(now);
        let n = 1 + u128::from(random(table.sign_ups.len() as u64));
        let person = table.load(id(n), now).facts().resident.uuid().as_u128() - 1000;
        match random(3) {
            0 => drop(table.cancel(n, &resident(person), now)),
            1 => drop(table.accept(n, &volunteer(person), now)),
            _ => drop(table.sign_up(volunteer(1 + u128::from(random(400))), now)),
        }
        table.check();
    }
    for table in &mut tables {
        table.settle(begins());
        assert_eq!(table.pool().waitlisted + table.pool().offered, 0, "the line is over");
        let confirmed: Vec<_> = table.sign_ups.iter().filter(|f| f.state == State::Confirmed).cloned().collect();
        for row in &confirmed {
            let (n, person) = (row.id.uuid().as_u128(), row.resident.uuid().as_u128());
            let (came, left) = (begins().plus_seconds(random(1800) as i64), ends().plus_seconds(-(random(1800) as i64)));
            if random(10) == 0 {
                take(table, n, came, |s| s.mark_absent(&leader(), came)).expect("absent");
                continue;
            }
            let who = actor(person, &[]);
            take(table, n, came, |s| s.check_in(&code(came), &key(), None, &who, came)).expect("came");
            take(table, n, left, |s| s.check_out(&code(left), &key(), None, &who, left)).expect("left");
            let credit =
                table.load(id(n), ends()).settle(Finding::default(), &PointCaps::default(), 0, &leader(), ends()).expect("settled");
            table.save(credit.sign_up.clone());
            *minutes.entry(person).or_default() += credit.hours.minutes;
            let Some(points) = credit.points else { continue };
            let empty = || Account::empty(id(person), id(person), Unit::Points);
            let wallet = wallets.remove(&person).unwrap_or_else(|| Wallet::restore(empty(), vec![]));
            let next = entries.len() as u128;
            let order = Order {
                transaction: id(next),
                own: id(2 * next),
                other: id(2 * next + 1),
                lot: id(next),
                source: credit.source,
                reason: None,
            };
            let posting = wallet.grant(&fund, points, None, order, ends()).expect("granted");
            entries.extend(posting.entries().map(|e| (posting.transaction(), e.amount)));
            wallets.insert(person, wallet.after(&posting).expect("written"));
        }
        table.check();
    }
    // The recount, from the rows alone.
    let credited: Vec<_> = tables.iter().flat_map(|t| &t.sign_ups).filter(|f| f.state == State::Credited).collect();
    assert!(credited.len() > 80, "{}", credited.len());
    let mut recount: HashMap<u128, (i64, i64)> = HashMap::new();
    for f in credited {
        let served = f.checked_out_at.expect("left").millis_since(f.checked_in_at.expect("came")) / 60_000;
        let sum = recount.entry(f.resident.uuid().as_u128()).or_default();
        *sum = (sum.0 + served, sum.1 + served * 10 / 60);
    }
    for (person, (served, points)) in &recount {
        assert_eq!(minutes[person], *served);
        assert_eq!(wallets.get(person).map_or(0, |w| w.account().balance), *points);
    }
    assert_eq!(recount.len(), minutes.len());
    assert_eq!(verify(entries.iter().copied()), ledger::Verdict { balanced: true, entries: entries.len() as i64, sum: 0 });
}
