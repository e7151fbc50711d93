//! The ledger on a real database: what is bought and what is paid stand or fall together, and no order of work, retry or crash
//! makes or loses a point. On SQLite, and on PostgreSQL where `JIAZAI_TEST_POSTGRES_URL` names one.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection};
use jiazai_domain::actor::{Communities, CommunityId, PrincipalId, PrincipalKind};
use jiazai_domain::kernel::ledger::{Amount, Month, Refusal, Shortfall, Source, TransactionId, Unit, Verdict};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_infra::clock::Clock;
use jiazai_infra::db::{DatabaseUrl, Db, DbError, Tx};
use jiazai_infra::ledger::{self, Check, Fund, Granting, Reversing, Spending};
use jiazai_infra::{community, identity, settings};

struct Books {
    db: Db,
    url: DatabaseUrl,
    community: CommunityId,
    people: Vec<PrincipalId>,
    /// SQLite's folder, removed at the end.
    folder: Option<std::path::PathBuf>,
}

impl Drop for Books {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("jiazai_ledger_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Where books can be kept here, each as a URL and the folder to remove afterwards.
fn storages() -> Vec<(DatabaseUrl, Option<std::path::PathBuf>)> {
    let folder = std::env::temp_dir().join(name());
    let mut all = vec![(DatabaseUrl::Sqlite(folder.join("jiazai.sqlite")), Some(folder))];
    if let Ok(server) = std::env::var("JIAZAI_TEST_POSTGRES_URL") {
        let name = name();
        let mut admin = PgConnection::establish(&server).expect("PostgreSQL answers");
        diesel::sql_query(format!("CREATE DATABASE {name}")).execute(&mut admin).expect("a database");
        let (host, _) = server.rsplit_once('/').expect("a URL that ends in a database");
        all.push((DatabaseUrl::Postgres(format!("{host}/{name}")), None));
    }
    all
}

/// Empty books of a community with so many people, on every database that there is.
fn books(people: usize) -> Vec<Books> {
    let open = |(url, folder): (DatabaseUrl, Option<std::path::PathBuf>)| {
        let db = Db::open(&url, Clock::system()).expect("a database");
        db.migrate().expect("a schema");
        let made = db.write_blocking(move |tx| {
            let place: CommunityId = tx.new_id();
            community::insert(tx, place, &place.text()[..20], "样例社区", None)?;
            let all: Vec<PrincipalId> = (0..people).map(|_| tx.new_id()).collect();
            for id in &all {
                identity::insert_principal(tx, *id, PrincipalKind::Resident, "居民")?;
            }
            Ok::<_, DbError>((place, all))
        });
        let (community, people) = made.expect("people");
        Books { db, url, community, people, folder }
    };
    storages().into_iter().map(open).collect()
}

fn amount(n: i64) -> Amount {
    Amount::new(n).expect("an amount")
}

fn grant(tx: &mut Tx, place: CommunityId, person: PrincipalId, n: i64, source: Source) -> Result<Option<TransactionId>, DbError> {
    granted(tx, place, person, n, source, None)
}

fn granted(
    tx: &mut Tx,
    community: CommunityId,
    person: PrincipalId,
    n: i64,
    source: Source,
    expires_at: Option<Timestamp>,
) -> Result<Option<TransactionId>, DbError> {
    let order = ledger::order(tx, source, None);
    let granting = Granting { person, unit: Unit::Points, amount: amount(n), community, expires_at, order, by: None };
    Ok(ledger::grant(tx, granting)?.expect("far from the most").map(|posting| posting.transaction()))
}

fn spending(books: (CommunityId, PrincipalId), n: i64, source: &str) -> Spending {
    Spending {
        person: books.1,
        unit: Unit::Points,
        amount: amount(n),
        community: books.0,
        into: Fund::Redeemed,
        source: Source::new("redemption", source),
        reason: Some("兑换".to_owned()),
        by: None,
    }
}

impl Books {
    fn balance(&self, person: PrincipalId) -> i64 {
        self.db.write_blocking(move |tx| ledger::balance(tx, person, Unit::Points)).expect("a balance").balance
    }

    fn verified(&self) -> Verdict {
        let verdict = self.checked(Check::of(&Communities::All));
        assert!(verdict.balanced && verdict.sum == 0, "{verdict:?}");
        verdict
    }

    /// Each portion in a transaction of its own.
    fn checked(&self, mut check: Check) -> Verdict {
        loop {
            let next = check.clone();
            match self.db.write_blocking(move |tx| next.clone().portion(tx)).expect("a portion") {
                ControlFlow::Break(verdict) => return verdict,
                ControlFlow::Continue(further) => check = further,
            }
        }
    }

    /// What somebody with a hand in the database would do; whether it was let happen.
    fn by_hand(&self, statement: &str) -> bool {
        match &self.url {
            DatabaseUrl::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(path.to_str().expect("a path")).expect("a file");
                diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut conn).expect("patience");
                diesel::sql_query("PRAGMA foreign_keys = ON").execute(&mut conn).expect("a pragma");
                diesel::sql_query(statement).execute(&mut conn).is_ok()
            }
            DatabaseUrl::Postgres(url) => {
                let mut conn = PgConnection::establish(url).expect("PostgreSQL answers");
                diesel::sql_query(statement).execute(&mut conn).is_ok()
            }
        }
    }

    fn setting(&self, name: &'static str) -> Option<String> {
        self.db.write_blocking(move |tx| settings::get(tx, name)).expect("a look")
    }
}

/// Why a redemption did not happen.
#[derive(Debug)]
enum Trouble {
    Db(DbError),
    Ledger(Refusal),
    SoldOut,
}

impl From<DbError> for Trouble {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

/// What came of it; a crash or a refusal is nothing, and the database has no business failing.
fn outcome<T>(of: Result<T, Trouble>) -> Option<T> {
    match of {
        Ok(value) => Some(value),
        Err(Trouble::Db(error)) => panic!("{error}"),
        Err(Trouble::Ledger(_) | Trouble::SoldOut) => None,
    }
}

#[test]
fn what_is_bought_and_what_is_paid_stand_or_fall_together() {
    books(1).iter().for_each(redeem);
}

fn redeem(books: &Books) {
    let (place, who) = (books.community, books.people[0]);
    books.db.write_blocking(move |tx| grant(tx, place, who, 30, Source::new("grant", 1))).expect("granted");
    // As an offer would redeem: its own row and the points in one transaction.
    let redeem = |voucher: &'static str, points: i64, sold_out: bool| {
        books.db.write_blocking(move |tx| {
            settings::insert(tx, voucher, "issued")?;
            let wallet = ledger::spend(tx, spending((place, who), points, voucher))?.map_err(Trouble::Ledger)?;
            if sold_out { Err(Trouble::SoldOut) } else { Ok(wallet.account().balance) }
        })
    };
    assert!(matches!(redeem("first", 20, true), Err(Trouble::SoldOut)));
    assert_eq!((books.balance(who), books.setting("first")), (30, None), "nothing was paid for nothing");
    assert_eq!(redeem("first", 20, false).expect("redeemed"), 10);
    assert_eq!((books.balance(who), books.setting("first")), (10, Some("issued".to_owned())));
    assert!(matches!(redeem("second", 11, false), Err(Trouble::Ledger(Refusal::NotEnough { available: 10 }))));
    assert_eq!((books.balance(who), books.setting("second")), (10, None), "nothing was had for nothing");
    // A source that has spent spends no more, however often it is tried.
    let again = books.db.write_blocking(move |tx| ledger::spend(tx, spending((place, who), 20, "first"))).expect("asked");
    assert_eq!(again.expect("known").account().balance, 10);
    assert_eq!(books.balance(who), 10);
    assert_eq!(books.verified().entries, 4);
}

#[test]
fn a_grant_knows_what_expires_next_and_posts_what_is_over() {
    books(1).iter().for_each(expire_in_turn);
}

fn expire_in_turn(books: &Books) {
    let (place, who) = (books.community, books.people[0]);
    let next =
        |books: &Books| books.db.write_blocking(move |tx| ledger::balance(tx, who, Unit::Points)).expect("a balance").expires_next_at;
    let give = |n: i64, expires_at: Option<Timestamp>| {
        let made = books.db.write_blocking(move |tx| granted(tx, place, who, 5, Source::new("grant", n), expires_at));
        made.expect("no trouble").expect("granted")
    };
    let now = books.db.write_blocking(|tx| Ok::<_, DbError>(tx.now())).expect("a time");
    let at = |seconds: i64| Some(now.plus_seconds(seconds));
    give(1, None);
    assert_eq!(next(books), None);
    give(2, at(7200));
    give(3, at(3600));
    give(4, at(9000));
    give(5, None);
    assert_eq!((next(books), books.balance(who)), (at(3600), 25), "not of the last, but of all");
    give(6, at(-60));
    assert_eq!((next(books), books.balance(who)), (at(-60), 30), "over, and nobody has looked");
    give(7, at(5400));
    assert_eq!((next(books), books.balance(who)), (at(3600), 30), "five are gone and five have come");
    assert_eq!(books.verified().entries, 2 * 8, "seven grants and an expiry");
}

#[test]
fn who_spends_on_sixteen_devices_spends_what_there_is() {
    books(1).iter().for_each(spend_at_once);
}

fn spend_at_once(books: &Books) {
    let (place, who) = (books.community, books.people[0]);
    books.db.write_blocking(move |tx| grant(tx, place, who, 100, Source::new("grant", 1))).expect("granted");
    let won = std::thread::scope(|scope| {
        let all: Vec<_> = (0..16)
            .map(|n| {
                let db = books.db.clone();
                scope.spawn(move || db.write_blocking(move |tx| ledger::spend(tx, spending((place, who), 10, &n.to_string()))))
            })
            .collect();
        all.into_iter().map(|one| one.join().expect("no panic").expect("no trouble")).filter(Result::is_ok).count()
    });
    assert_eq!((won, books.balance(who)), (10, 0));
    books.verified();
}

#[test]
fn random_operations_with_retries_and_crashes_make_and_lose_nothing() {
    books(6).iter().for_each(work_at_random);
}

fn work_at_random(books: &Books) {
    const THREADS: u64 = 4;
    const EACH: u64 = 400;
    let place = books.community;
    // What each thread was told had happened, by person.
    let told: Vec<Vec<i64>> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (db, people) = (books.db.clone(), books.people.clone());
                scope.spawn(move || work(&db, place, &people, thread, EACH))
            })
            .collect();
        all.into_iter().map(|one| one.join().expect("no panic")).collect()
    });
    for (i, person) in books.people.iter().enumerate() {
        let sum: i64 = told.iter().map(|by_person| by_person[i]).sum();
        assert_eq!(books.balance(*person), sum, "what was told is what is there");
    }
    assert!(books.verified().entries > 500, "something happened");
}

/// One thread's operations, and by how much it was told that each balance has moved.
fn work(db: &Db, place: CommunityId, people: &[PrincipalId], thread: u64, steps: u64) -> Vec<i64> {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64 ^ (thread + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let mut moved = vec![0; people.len()];
    let mut granted: Vec<(usize, TransactionId)> = Vec::new();
    for step in 0..steps {
        let (i, n) = (random(people.len() as u64) as usize, 1 + random(40) as i64);
        let person = people[i];
        let crashes = random(5) == 0;
        // One in three is a repeat of the thread's last step: the same source.
        let id = format!("{thread}/{}", if random(3) == 0 { step.saturating_sub(1) } else { step });
        match random(5) {
            0 | 1 => {
                let done = db.write_blocking(move |tx| {
                    let made = grant(tx, place, person, n, Source::new("grant", &id))?;
                    if crashes { Err(Trouble::SoldOut) } else { Ok(made) }
                });
                if let Some(Some(transaction)) = outcome(done) {
                    moved[i] += n;
                    granted.push((i, transaction));
                }
            }
            2 | 3 => {
                let done = db.write_blocking(move |tx| {
                    let source = Source::new("redemption", &id);
                    let known = ledger::posted(tx, &source)?.is_some();
                    let spent = ledger::spend(tx, spending((place, person), n, &id))?.is_ok();
                    if crashes { Err(Trouble::SoldOut) } else { Ok(spent && !known) }
                });
                if outcome(done) == Some(true) {
                    moved[i] -= n;
                }
            }
            _ if granted.is_empty() => {}
            _ => {
                let (i, transaction) = granted[random(granted.len() as u64) as usize];
                let done = db.write_blocking(move |tx| {
                    let reversing = Reversing { transaction, shortfall: Shortfall::Forgive, reason: None, by: None };
                    let posting = ledger::reverse(tx, reversing)?.expect("it was posted").map_err(Trouble::Ledger)?;
                    if crashes { Err(Trouble::SoldOut) } else { Ok(posting.amount()) }
                });
                if let Some(amount) = outcome(done) {
                    moved[i] += amount;
                }
            }
        }
    }
    moved
}

#[test]
fn entries_stand_in_the_order_in_which_they_were_posted_and_not_in_that_of_their_ids() {
    books(1).iter().for_each(post_late);
}

fn post_late(books: &Books) {
    let (community, person) = (books.community, books.people[0]);
    // Ids are made before anybody waits for the account; the second to ask is the first to get it.
    let posted = books.db.write_blocking(move |tx| {
        let early = ledger::order(tx, Source::new("grant", 1), None);
        let late = ledger::order(tx, Source::new("grant", 2), None);
        for (order, n) in [(late, 10), (early, 20)] {
            let granting = Granting { person, unit: Unit::Points, amount: amount(n), community, expires_at: None, order, by: None };
            ledger::grant(tx, granting)?.expect("far from the most");
        }
        let tomorrow = tx.now().plus_seconds(86_400);
        let opening = ledger::balance_before(tx, person, Unit::Points, tomorrow)?;
        let listed = ledger::entries(tx, person, Unit::Points, None, None, 10)?;
        let month = ledger::statement_lines(tx, person, Unit::Points, Month::of(tx.now()))?;
        Ok::<_, DbError>((opening, listed, month))
    });
    let (opening, listed, month) = posted.expect("posted");
    assert_eq!(opening, 30, "what the account held last, not what the highest id says");
    let after: Vec<_> = listed.iter().map(|line| (line.number, line.amount, line.balance_after)).collect();
    assert_eq!(after, [(Some(2), 20, Some(30)), (Some(1), 10, Some(10))]);
    assert_eq!(month.iter().map(|line| line.amount).collect::<Vec<_>>(), [10, 20]);
    let second = books.db.write_blocking(move |tx| ledger::entries(tx, person, Unit::Points, None, Some(2), 10)).expect("a page");
    assert_eq!(second.len(), 1);
    books.verified();
}

#[test]
fn books_are_checked_in_portions_and_what_is_wrong_is_found_in_any_of_them() {
    books(3).iter().for_each(break_books);
}

fn break_books(books: &Books) {
    let place = books.community;
    for n in 0..9 {
        let person = books.people[n % 3];
        books.db.write_blocking(move |tx| grant(tx, place, person, 10, Source::new("grant", n))).expect("granted");
    }
    let verdict = |books: &Books, portion: i64| books.checked(Check::by(&Communities::All, portion));
    for portion in [1, 2, 4, 100] {
        assert_eq!(verdict(books, portion), Verdict { balanced: true, entries: 18, sum: 0 }, "by {portion}");
    }
    // Each breaks the books in another way, and is mended again.
    for (breaks, mends) in [
        (
            "UPDATE ledger_entries SET amount = amount + 1 WHERE number = 2",
            "UPDATE ledger_entries SET amount = amount - 1 WHERE number = 2",
        ),
        (
            "UPDATE ledger_accounts SET balance = balance + 1 WHERE balance IS NOT NULL",
            "UPDATE ledger_accounts SET balance = balance - 1 WHERE balance IS NOT NULL",
        ),
        ("UPDATE ledger_lots SET remaining = remaining - 1", "UPDATE ledger_lots SET remaining = remaining + 1"),
        (
            "UPDATE ledger_entries SET balance_after = balance_after + 1 WHERE number = 3",
            "UPDATE ledger_entries SET balance_after = balance_after - 1 WHERE number = 3",
        ),
        (
            "UPDATE ledger_accounts SET entries = entries + 1 WHERE entries IS NOT NULL",
            "UPDATE ledger_accounts SET entries = entries - 1 WHERE entries IS NOT NULL",
        ),
    ] {
        assert!(books.by_hand(breaks), "{breaks}");
        assert!(!verdict(books, 2).balanced && !verdict(books, 100).balanced, "{breaks}");
        assert!(books.by_hand(mends), "{mends}");
        assert!(verdict(books, 2).balanced, "{mends}");
    }
    // A transaction of which one side is missing, and then both.
    assert!(books.by_hand("DELETE FROM ledger_entries WHERE number IS NULL"));
    assert!(!verdict(books, 2).balanced);
    assert!(books.by_hand("DELETE FROM ledger_entries"));
    assert!(!verdict(books, 100).balanced);
}

#[test]
fn not_even_a_hand_in_the_database_posts_twice_or_takes_what_is_not_there() {
    books(1).iter().for_each(meddle);
}

fn meddle(books: &Books) {
    let (place, who) = (books.community, books.people[0]);
    let granted = books.db.write_blocking(move |tx| grant(tx, place, who, 30, Source::new("grant", 1))).expect("granted").expect("once");
    let reversing = Reversing { transaction: granted, shortfall: Shortfall::Refuse, reason: None, by: None };
    let reversed = books.db.write_blocking(move |tx| ledger::reverse(tx, reversing.clone()));
    assert!(matches!(reversed, Ok(Some(Ok(_)))));
    books.db.write_blocking(move |tx| grant(tx, place, who, 30, Source::new("grant", 2))).expect("granted");
    for refused in [
        "INSERT INTO ledger_transactions (id, community_id, source_kind, source_id, occurred_at) \
         SELECT 'txn_again', community_id, source_kind, source_id, occurred_at FROM ledger_transactions WHERE source_id = '2'",
        "INSERT INTO ledger_transactions (id, community_id, source_kind, source_id, reverses, occurred_at) \
         SELECT 'txn_again', community_id, 'reversal', 'again', reverses, occurred_at FROM ledger_transactions WHERE reverses IS NOT NULL",
        "UPDATE ledger_accounts SET balance = -1 WHERE balance IS NOT NULL",
        "UPDATE ledger_lots SET remaining = granted + 1",
        "UPDATE ledger_lots SET remaining = -1",
        "UPDATE ledger_entries SET amount = 0",
        "UPDATE ledger_entries SET number = 1 WHERE number = 2",
        "INSERT INTO ledger_accounts (id, unit, person_id, balance, created_at) \
         SELECT 'acc_again', unit, person_id, 0, 0 FROM ledger_accounts WHERE person_id IS NOT NULL",
        "INSERT INTO ledger_accounts (id, unit, created_at) VALUES ('acc_nobody', 'points', 0)",
        "INSERT INTO ledger_entries (id, transaction_id, account_id, amount, occurred_at) \
         SELECT 'ent_again', transaction_id, account_id, 1, 0 FROM ledger_entries WHERE number = 1",
    ] {
        assert!(!books.by_hand(refused), "{refused}");
    }
    books.verified();
}

#[test]
fn nor_does_it_oversell_a_shift_or_sign_anybody_up_twice() {
    books(2).iter().for_each(oversell);
}

/// The rows of volunteer service have their last line, too: what a mistake in the program must not do, the database does not let happen.
fn oversell(books: &Books) {
    let (place, one, two) = (books.community.text(), books.people[0].text(), books.people[1].text());
    let sign_up = |id: &str, who: &str, state: &str| {
        format!(
            "INSERT INTO volunteer_sign_ups (id, community_id, shift_id, post, resident_id, state, version, signed_up_at) \
             VALUES ('{id}', '{place}', 'shf', 0, '{who}', '{state}', 1, 0)"
        )
    };
    let post = |number: i64, numbers: &str| {
        format!(
            "INSERT INTO volunteer_posts (shift_id, number, capacity, waitlist_capacity, taken, offered, waitlisted, last_number, moves) \
             VALUES ('shf', {number}, {numbers}, 0, 0)"
        )
    };
    let swap = |id: &str| {
        format!(
            "INSERT INTO volunteer_swaps (id, community_id, own_id, other_id, proposer_id, partner_id, state, version, proposed_at, until_at) \
             VALUES ('{id}', '{place}', 'a', 'b', '{one}', '{two}', 'proposed', 1, 0, 1)"
        )
    };
    let hours = |minutes: i64| {
        format!(
            "INSERT INTO volunteer_hours (sign_up_id, community_id, activity_id, resident_id, minutes, served_on, credited_at) \
             VALUES ('a', '{place}', 'act', '{one}', {minutes}, '2026-03-07', 0)"
        )
    };
    for made in [
        format!(
            "INSERT INTO volunteer_activities (id, community_id, state, title, detail, points_per_hour, max_hours, flexible, hold_s, \
             created_by, version, created_at) VALUES ('act', '{place}', 'published', '清洁', '{{}}', 1, 1, FALSE, 60, '{one}', 1, 0)"
        ),
        format!(
            "INSERT INTO volunteer_shifts (id, community_id, activity_id, state, starts_at, ends_at, cancel_before_s, version, created_at) \
             VALUES ('shf', '{place}', 'act', 'scheduled', 0, 1, 0, 1, 0)"
        ),
        post(0, "1, 1, 1, 0, 1"),
        sign_up("a", &one, "confirmed"),
        sign_up("b", &two, "waitlisted"),
        swap("s"),
        // What is over is in nobody's way.
        sign_up("c", &one, "cancelled"),
    ] {
        assert!(books.by_hand(&made), "{made}");
    }
    for refused in [
        "UPDATE volunteer_posts SET taken = 2".to_owned(),
        "UPDATE volunteer_posts SET offered = 1".to_owned(),
        "UPDATE volunteer_posts SET waitlisted = 2".to_owned(),
        "UPDATE volunteer_posts SET taken = -1".to_owned(),
        "UPDATE volunteer_posts SET capacity = 0".to_owned(),
        post(0, "1, 0, 0, 0, 0"),
        post(1, "1, 0, 2, 0, 0"),
        sign_up("d", &one, "waitlisted"),
        "UPDATE volunteer_sign_ups SET state = 'confirmed' WHERE id = 'c'".to_owned(),
        swap("t"),
        hours(-1),
    ] {
        assert!(!books.by_hand(&refused), "{refused}");
    }
    assert!(books.by_hand(&hours(60)) && !books.by_hand(&hours(60)), "a sign-up is credited once");
}
