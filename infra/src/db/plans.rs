//! What is asked every second, or by a whole town in one morning, is found by an index and not by looking at everything. Shown on
//! SQLite, which says so without a single row; PostgreSQL has the same indexes.

use std::sync::{Arc, Mutex};

use diesel::connection::{Connection, InstrumentationEvent};
use diesel::prelude::*;
use jiazai_domain::actor::{Communities, PrincipalKind};
use jiazai_domain::kernel::ledger::{Amount, Shortfall, Source, Unit};
use jiazai_domain::kernel::time::Date;
use jiazai_domain::registry::{Document, DocumentType, HomeId};
use jiazai_domain::repair::Sight;

use super::*;
use crate::enrolment::application;
use crate::ledger::{self, Fund, Granting, Reversing, Spending};
use crate::registry::{bindings, homes, import};
use crate::repair::{self, Filter};
use crate::vault::Vault;
use crate::volunteer::{self, Look};
use crate::{community, identity};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

/// How SQLite answers everything that is asked.
fn plans(name: &str, mut ask: impl FnMut(&mut Tx) -> Result<(), DbError> + Send + 'static) -> String {
    let folder = std::env::temp_dir().join(format!("jiazai_plans_{}_{name}", std::process::id()));
    let db = Db::open(&DatabaseUrl::Sqlite(folder.join("jiazai.sqlite")), Clock::system()).expect("a database");
    db.migrate().expect("a schema");
    let steps = db.write_blocking(move |tx| {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = asked.clone();
        let listen = move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                heard.lock().expect("no panic").push(query.to_string());
            }
        };
        tx.run(|conn| {
            conn.set_instrumentation(listen);
            Ok(())
        })?;
        ask(tx)?;
        let asked = std::mem::take(&mut *asked.lock().expect("no panic"));
        let mut steps = Vec::new();
        for query in asked {
            let statement = query.split(" -- binds").next().unwrap_or_default();
            let found: Vec<Step> = tx.run(|conn| diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}")).load(conn))?;
            steps.extend(found.into_iter().map(|step| step.detail));
        }
        Ok::<_, DbError>(steps)
    });
    drop(db);
    let _ = std::fs::remove_dir_all(&folder);
    steps.expect("plans").join("\n")
}

#[test]
fn what_is_due_in_the_registry_is_found_without_looking_at_all_homes_bindings_and_imports() {
    let found = plans("registry", |tx| {
        homes::any_due(tx)?;
        bindings::expired(tx, 1)?;
        import::next_waiting(tx)?;
        import::over_with_files(tx, 1)?;
        import::waiting(tx, tx.new_id())?;
        Ok(())
    });
    for index in ["homes_due", "home_bindings_leases", "imports_with_files", "imports_waiting"] {
        assert!(found.contains(index), "{index} is not used:\n{found}");
    }
    for table in ["homes", "home_bindings", "imports"] {
        let whole = format!("SCAN {table}");
        assert!(!found.lines().any(|step| step == whole), "all of {table} is looked at:\n{found}");
    }
}

#[test]
fn whether_a_child_is_registered_is_found_by_the_child() {
    let found = plans("child", |tx| {
        let vault = Vault::from_hex(&"07".repeat(32)).expect("a key");
        let today: Date = tx.now().date();
        let child = Document::new(DocumentType::Passport, "E12345678", today).expect("a document");
        application::is_registered(tx, &vault, tx.new_id(), &child, tx.new_id()).map(drop)
    });
    assert!(found.contains("enrolment_applications_by_child (round_id=? AND child_index=?)"), "{found}");
}

#[test]
fn points_are_granted_spent_and_reversed_without_looking_at_everybodys() {
    let found = plans("points", |tx| {
        let (place, person) = (tx.new_id(), tx.new_id());
        community::insert(tx, place, "dongtu", "东涂社区", None)?;
        identity::insert_principal(tx, person, PrincipalKind::Resident, "林女士")?;
        let (unit, points) = (Unit::Points, |n: i64| Amount::at("/points", n).expect("an amount"));
        let order = ledger::order(tx, Source::new("grant", "1"), None);
        let granting = Granting { person, unit, amount: points(5), community: place, expires_at: None, order, by: None };
        let granted = ledger::grant(tx, granting)?.expect("taken").expect("once").transaction();
        let (into, source) = (Fund::Redeemed, Source::new("meal", "1"));
        let spending = Spending { person, unit, amount: points(2), community: place, into, source, reason: None, by: None };
        ledger::spend(tx, spending)?.expect("enough");
        let reversing = Reversing { transaction: granted, shortfall: Shortfall::Forgive, reason: None, by: None };
        let _reversed = ledger::reverse(tx, reversing)?.expect("known").expect("reversed");
        Ok(())
    });
    let looked_through: Vec<&str> = found.lines().filter(|step| step.starts_with("SCAN ledger_")).collect();
    assert!(looked_through.is_empty(), "{looked_through:?}");
}

#[test]
fn what_volunteers_wait_for_is_found_without_looking_at_all_of_them() {
    let found = plans("volunteer", |tx| {
        volunteer::to_remind(tx, 1)?;
        volunteer::due_shifts(tx, Look::Everywhere, 1)?;
        Ok(())
    });
    for index in ["volunteer_shifts_by_start", "volunteer_posts_waiting"] {
        assert!(found.contains(index), "{index} is not used:\n{found}");
    }
    assert!(!found.contains("SCAN volunteer_sign_ups"), "{found}");
}

#[test]
fn a_page_of_tickets_is_read_in_the_order_of_an_index_and_its_names_by_their_keys() {
    let found = plans("tickets", |tx| {
        let (place, person, home): (_, _, HomeId) = (tx.new_id(), tx.new_id(), tx.new_id());
        let only = |some: bool| Communities::Only(if some { vec![place] } else { vec![] });
        for (full, works) in [(true, false), (false, true), (false, false)] {
            let sight = Sight { person, full: only(full), works_in: only(works), homes: vec![home] };
            repair::list(tx, &sight, &Filter::default(), None, 21)?;
        }
        repair::find_named(tx, tx.new_id())?;
        Ok(())
    });
    let by_hand = |step: &&str| step.starts_with("SCAN") && !step.contains("json_each");
    let wrong: Vec<&str> = found.lines().filter(|step| by_hand(step) || step.contains("ORDER BY")).collect();
    assert!(wrong.is_empty(), "{wrong:?} in\n{found}");
    for index in ["repair_tickets_by_community", "repair_tickets_by_reporter", "sqlite_autoindex_homes_1"] {
        assert!(found.contains(index), "{index} is not used:\n{found}");
    }
}
