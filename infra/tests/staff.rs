//! Staff on a real database: a password that was changed opens nothing, however the log-in and the change lie in time. On SQLite, and on
//! PostgreSQL where `JIAZAI_TEST_POSTGRES_URL` names one.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl};
use jiazai_domain::actor::{PrincipalId, PrincipalKind, SessionId};
use jiazai_infra::clock::Clock;
use jiazai_infra::db::{DatabaseUrl, Db, DbError, Tx};
use jiazai_infra::identity::{self, Session};

const OLD: &str = "the old hash";

/// Somebody who works here, on an empty database.
struct Desk {
    db: Db,
    url: DatabaseUrl,
    who: PrincipalId,
    /// SQLite's folder, removed at the end.
    folder: Option<std::path::PathBuf>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn desk(url: DatabaseUrl, folder: Option<std::path::PathBuf>) -> Desk {
    let db = Db::open(&url, Clock::system()).expect("a database");
    db.migrate().expect("a schema");
    let hired = db.write_blocking(|tx| {
        let who: PrincipalId = tx.new_id();
        identity::insert_principal(tx, who, PrincipalKind::Staff, "张三")?;
        identity::insert_staff(tx, who, "zhang", OLD)?;
        Ok::<_, DbError>(who)
    });
    Desk { db, url, who: hired.expect("somebody"), folder }
}

fn on_sqlite(name: &str) -> Desk {
    let folder = std::env::temp_dir().join(format!("jiazai_staff_{name}_{}", std::process::id()));
    desk(DatabaseUrl::Sqlite(folder.join("jiazai.sqlite")), Some(folder))
}

fn on_postgres(name: &str) -> Option<Desk> {
    let server = std::env::var("JIAZAI_TEST_POSTGRES_URL").ok()?;
    let name = format!("jiazai_staff_{name}_{}", std::process::id());
    let mut admin = PgConnection::establish(&server).expect("PostgreSQL answers");
    diesel::sql_query(format!("CREATE DATABASE {name}")).execute(&mut admin).expect("a database");
    let (host, _) = server.rsplit_once('/').expect("a URL that ends in a database");
    Some(desk(DatabaseUrl::Postgres(format!("{host}/{name}")), None))
}

/// What a log-in with the old password does, once it was checked.
fn log_in(tx: &mut Tx, who: PrincipalId) -> Result<Option<SessionId>, DbError> {
    if identity::hold_staff(tx, who, OLD)?.is_none() {
        return Ok(None);
    }
    let (id, now) = (tx.new_id(), tx.now());
    let (idle_until, ends_at) = (now.plus_seconds(3600), now.plus_seconds(7200));
    identity::insert_session(tx, &Session { id, principal: who, generation: 1, rotated_at: now, idle_until, ends_at, ended_at: None })?;
    Ok(Some(id))
}

/// Each way of taking the old password's right away.
const WAYS: [fn(&mut Tx, PrincipalId) -> Result<(), DbError>; 3] = [
    |tx, who| {
        identity::change_password(tx, who, OLD, "a new hash")?;
        identity::end_other_sessions(tx, who, None, "password_changed")
    },
    |tx, who| {
        identity::set_password(tx, who, "a new hash")?;
        identity::end_sessions_of(tx, who, "password_reset")
    },
    |tx, who| {
        let principal = identity::principal(tx, who)?.expect("somebody");
        identity::update_principal(tx, who, principal.version, &principal.display_name, true)?;
        identity::end_sessions_of(tx, who, "disabled")
    },
];

fn is_open(db: &Db, session: SessionId) -> bool {
    let found = db.write_blocking(move |tx| identity::of_session(tx, session)).expect("an answer");
    let stored = db.write_blocking(move |tx| identity::session(tx, session)).expect("an answer").expect("a session");
    assert!(found.is_none() || stored.ended_at.is_none());
    stored.ended_at.is_none()
}

#[test]
fn a_password_that_was_taken_away_opens_nothing_and_ends_what_it_had_opened() {
    for (n, take_away) in WAYS.into_iter().enumerate() {
        for desk in [Some(on_sqlite(&format!("seq{n}"))), on_postgres(&format!("seq{n}"))].into_iter().flatten() {
            let who = desk.who;
            let before = desk.db.write_blocking(move |tx| log_in(tx, who)).expect("a log-in").expect("a session");
            desk.db.write_blocking(move |tx| take_away(tx, who)).expect("taken away");
            assert!(!is_open(&desk.db, before), "way {n}");
            assert_eq!(desk.db.write_blocking(move |tx| log_in(tx, who)).expect("an answer"), None, "way {n}");
        }
    }
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

/// How many statements of this database wait for a lock.
fn waiting(conn: &mut PgConnection) -> i64 {
    let all = "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    diesel::sql_query(all).get_result::<Waiting>(conn).expect("PostgreSQL answers").n
}

/// SQLite's writers take turns. On PostgreSQL the log-in has looked, and not committed, when the other one comes.
#[test]
fn a_log_in_that_has_looked_before_the_password_is_taken_away_leaves_no_session() {
    for (n, take_away) in WAYS.into_iter().enumerate() {
        let Some(desk) = on_postgres(&format!("race{n}")) else { return };
        let (db, who) = (desk.db.clone(), desk.who);
        let DatabaseUrl::Postgres(url) = desk.url.clone() else { unreachable!("it is PostgreSQL's") };
        let mut watch = PgConnection::establish(&url).expect("PostgreSQL answers");
        let (opened, has_opened) = mpsc::channel();
        let (done, is_done) = mpsc::channel::<()>();
        let other = thread::spawn({
            let db = db.clone();
            move || {
                let () = has_opened.recv().expect("the log-in has looked");
                db.write_blocking(move |tx| take_away(tx, who)).expect("taken away");
                drop(done);
            }
        });
        let session = db.write_blocking(move |tx| {
            let session = log_in(tx, who)?;
            opened.send(()).expect("somebody listens");
            // Until the other one waits for us, or has come to its end without.
            while waiting(&mut watch) == 0 && is_done.recv_timeout(Duration::from_millis(5)) == Err(mpsc::RecvTimeoutError::Timeout) {}
            Ok::<_, DbError>(session)
        });
        other.join().expect("the other one has ended");
        let session = session.expect("a log-in").expect("the password was still good");
        assert!(!is_open(&desk.db, session), "way {n}");
    }
}
