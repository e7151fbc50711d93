//! A second owner of pools, beside the posts of shifts: the seats of a bus run with its bookings. All that it writes itself is below;
//! joining, leaving, lines, offers and races are the kernel's. On SQLite, and on PostgreSQL where `JIAZAI_TEST_POSTGRES_URL` names one.

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use jiazai_domain::kernel::capacity::{Entry, Hold, Refusal, Standing, Waiting};

use super::*;
use crate::clock::Clock;
use crate::db::{DatabaseUrl, Db, native};

diesel::table! { bus_runs (id) { id -> BigInt, capacity -> BigInt, waitlist_capacity -> BigInt, taken -> BigInt, offered -> BigInt, waitlisted -> BigInt, last_number -> BigInt, due_at -> Nullable<BigInt>, moves -> BigInt, } }
diesel::table! { bookings (rider) { rider -> BigInt, run -> BigInt, state -> Text, number -> Nullable<BigInt>, until -> Nullable<BigInt>, } }

const TABLES: [&str; 2] = [
    "CREATE TABLE bus_runs (id BIGINT PRIMARY KEY, capacity BIGINT NOT NULL, waitlist_capacity BIGINT NOT NULL, taken BIGINT NOT NULL, \
     offered BIGINT NOT NULL, waitlisted BIGINT NOT NULL, last_number BIGINT NOT NULL, due_at BIGINT, moves BIGINT NOT NULL)",
    "CREATE TABLE bookings (rider BIGINT PRIMARY KEY, run BIGINT NOT NULL, state TEXT NOT NULL, number BIGINT, until BIGINT)",
];

/// A bus run as it was loaded. `bars` is the one rider whom the driver does not take.
struct Run {
    pool: Pool,
    terms: Terms,
    bars: i64,
}

/// Whom to write what about: rider, state, until when.
type Rows = Vec<(i64, &'static str, Option<Timestamp>)>;

impl Owner for Run {
    type Settled = Rows;

    fn pool(&self) -> Pool {
        self.pool
    }

    fn put(&mut self, pool: Pool) {
        self.pool = pool;
    }

    fn terms(&self) -> Option<Terms> {
        Some(self.terms)
    }

    fn stored(&self, tx: &mut Tx) -> Result<Pool, DbError> {
        load(tx)
    }

    fn write(&self, tx: &mut Tx, movement: &Move) -> Result<Option<Pool>, DbError> {
        write_move!(tx, bus_runs, bus_runs::id.eq(1), movement)
    }

    fn due(&self, tx: &mut Tx, terms: &Terms) -> Result<Option<(Move, Rows)>, DbError> {
        let rows: Vec<(i64, String, Option<i64>, Option<i64>)> =
            native!(tx, |conn| bookings::table.select((bookings::rider, bookings::state, bookings::number, bookings::until)).load(conn))?;
        let of = |state: &'static str| rows.iter().filter(move |row| row.1 == state);
        let holds: Vec<Hold<i64>> =
            of("offered").map(|row| Hold { claim: row.0, until: Timestamp::from_millis(row.3.unwrap_or(0)) }).collect();
        let line: Vec<Waiting<i64>> =
            of("waiting").map(|row| Waiting { claim: row.0, number: row.2.unwrap_or(0), fits: row.0 != self.bars }).collect();
        let done = self.pool.settle(&holds, &line, terms, tx.now());
        let over = done.lapsed.iter().chain(&done.dissolved).chain(&done.passed).map(|rider| (*rider, "expired", None));
        let rows = over.chain(done.offers.iter().map(|offer| (offer.claim, "offered", Some(offer.until)))).collect();
        Ok(Some((done.movement, rows)))
    }

    fn save(&self, tx: &mut Tx, settled: Rows) -> Result<(), DbError> {
        settled.into_iter().try_for_each(|(rider, state, until)| set(tx, rider, state, until))
    }
}

fn load(tx: &mut Tx) -> Result<Pool, DbError> {
    use bus_runs::*;
    let of = (capacity, waitlist_capacity, taken, offered, waitlisted, last_number, due_at, moves);
    native!(tx, |conn| table.find(1).select(of).first::<Counters>(conn)).map(pool)
}

fn set(tx: &mut Tx, rider: i64, state: &str, until: Option<Timestamp>) -> Result<(), DbError> {
    let own = bookings::table.find(rider);
    let to = (bookings::state.eq(state), bookings::until.eq(until.map(Timestamp::millis)));
    tx.update_one(diesel::update(own).set(to))
}

fn run(tx: &mut Tx) -> Result<Run, DbError> {
    let terms = Terms {
        opens_at: None,
        line_until: Timestamp::from_millis(i64::MAX / 2),
        closes_at: Timestamp::from_millis(i64::MAX / 2),
        hold_s: 3600,
    };
    Ok(Run { pool: load(tx)?, terms, bars: 7 })
}

fn book(db: &Db, rider: i64) -> Result<Entry, Refusal> {
    let booked = db.write_blocking(move |tx| {
        let mut run = run(tx)?;
        let now = tx.now();
        let asked = join(tx, &mut run, |_, run| {
            Ok(match run.pool.join(&run.terms, now) {
                Ok((entry, movement)) => Attempt::Moves(movement, entry),
                Err(Refusal::Unsettled) => Attempt::Unsettled,
                Err(refusal) => Attempt::Refused(refusal),
            })
        })?;
        if let Ok(entry) = asked {
            let (state, number) = match entry {
                Entry::Place => ("taken", None),
                Entry::Line => ("waiting", Some(run.pool.last_number)),
            };
            tx.insert(diesel::insert_into(bookings::table).values((
                bookings::rider.eq(rider),
                bookings::run.eq(1),
                bookings::state.eq(state),
                bookings::number.eq(number),
            )))?;
        }
        Ok::<_, DbError>(asked)
    });
    booked.expect("a database")
}

fn give_back(db: &Db, rider: i64) {
    let done = db.write_blocking(move |tx| {
        let mut run = run(tx)?;
        settle(tx, &mut run)?;
        let movement = run.pool.leave(Standing::Place);
        moved(tx, &mut run, &movement)?;
        set(tx, rider, "cancelled", None)?;
        settle(tx, &mut run)
    });
    done.expect("a database");
}

fn states(db: &Db, state: &'static str) -> Vec<i64> {
    let found = db.write_blocking(move |tx| {
        native!(tx, |conn| bookings::table.filter(bookings::state.eq(state)).order(bookings::rider).select(bookings::rider).load(conn))
    });
    found.expect("a look")
}

/// A run of so many seats and a line, on every database that there is.
fn on_each(capacity: i64, waitlist: i64, test: impl Fn(&Db)) {
    let name = format!("jiazai_capacity_{}_{capacity}_{waitlist}", std::process::id());
    let folder = std::env::temp_dir().join(&name);
    let mut urls = vec![DatabaseUrl::Sqlite(folder.join("jiazai.sqlite"))];
    if let Ok(server) = std::env::var("JIAZAI_TEST_POSTGRES_URL") {
        let mut admin = diesel::PgConnection::establish(&server).expect("PostgreSQL answers");
        diesel::sql_query(format!("CREATE DATABASE {name}")).execute(&mut admin).expect("a database");
        let (host, _) = server.rsplit_once('/').expect("a URL that ends in a database");
        urls.push(DatabaseUrl::Postgres(format!("{host}/{name}")));
    }
    for url in urls {
        let db = Db::open(&url, Clock::system()).expect("a database");
        db.migrate().expect("a schema");
        let made = db.write_blocking(move |tx| {
            for table in TABLES {
                native!(tx, |conn| diesel::sql_query(table).execute(conn))?;
            }
            let run = diesel::sql_query("INSERT INTO bus_runs VALUES (1, $1, $2, 0, 0, 0, 0, NULL, 0)");
            let run = run.bind::<BigInt, _>(capacity).bind::<BigInt, _>(waitlist);
            native!(tx, |conn| run.execute(conn))
        });
        made.expect("tables");
        test(&db);
    }
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn a_bus_run_is_only_another_owner_of_a_pool() {
    on_each(2, 3, |db| {
        let all: Vec<Result<Entry, Refusal>> = (5..=10).map(|rider| book(db, rider)).collect();
        let (place, line) = (Ok(Entry::Place), Ok(Entry::Line));
        assert_eq!(all, [place, place, line, line, line, Err(Refusal::Full)]);
        // The first in the line is one whom the driver does not take: the next is asked.
        give_back(db, 5);
        assert_eq!((states(db, "expired"), states(db, "offered"), states(db, "waiting")), (vec![7], vec![8], vec![9]));
        let pool = db.write_blocking(load).expect("a pool");
        assert_eq!((pool.taken, pool.offered, pool.waitlisted), (1, 1, 1));
    });
}

#[test]
fn forty_riders_at_once_get_the_seats_that_there_are() {
    on_each(6, 4, |db| {
        let booked: Vec<Result<Entry, Refusal>> = std::thread::scope(|scope| {
            let all: Vec<_> = (100..140)
                .map(|rider| {
                    let db = db.clone();
                    scope.spawn(move || book(&db, rider))
                })
                .collect();
            all.into_iter().map(|one| one.join().expect("no panic")).collect()
        });
        let count = |is: Result<Entry, Refusal>| booked.iter().filter(|one| **one == is).count();
        assert_eq!((count(Ok(Entry::Place)), count(Ok(Entry::Line)), count(Err(Refusal::Full))), (6, 4, 30));
        let pool = db.write_blocking(load).expect("a pool");
        assert_eq!((pool.taken, pool.waitlisted, pool.last_number), (6, 4, 4));
        assert_eq!((states(db, "taken").len(), states(db, "waiting").len()), (6, 4));
    });
}
