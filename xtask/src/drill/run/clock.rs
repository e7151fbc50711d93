//! The clock jumps ahead by hours and a day, and then falls back: the server is killed and starts again by the clock on the wall,
//! with data, tokens and leases of a day to come.

use jiazai_tests::{Client, Options, PASSWORD, Repair, Server, Value, json, unique, within};

use super::Form;
use super::sheet::Sheet;
use super::store::Store;
use super::writers;

const DAY_S: u64 = 86_400;

pub(super) fn drill(form: Form, sheet: &mut Sheet) -> Result<(), String> {
    let server = Server::start(Options::default().env("RUST_LOG", "warn"));
    let repair = Repair::new(&server);
    let store = Store::of(&server);
    let old = repair.reporter.log_in();
    for jump in [3600, DAY_S] {
        server.sim().advance(jump);
        let late = server.bearer(bearer(&old)).get("/me").transmit().status;
        sheet.must(format!("{} h ahead: an access token of before", jump / 3600), late == 401, late);
        life_goes_on(sheet, &format!("{} h ahead", jump / 3600), &server, &repair);
    }
    let fresh = server.anon().post("/auth/refresh", json!({ "refresh_token": old["refresh_token"] })).transmit().status;
    sheet.must("a day ahead: the session is refreshed", fresh == 200, fresh);

    for round in 0..form.pick(1, 5) {
        let key = unique("w");
        let token = repair.reporter.on_another_device().authorization().unwrap_or_default();
        let submit = |token: &str| {
            server.bearer(token).post("/repair-tickets", writers::draft(&repair, &key)).header("Idempotency-Key", &key).transmit()
        };
        let future = submit(&token).json["id"].clone();
        let (session, staff) = (repair.reporter.log_in(), server.staff("manager").on_another_device().log_in());
        if round == 0 {
            wrong_passwords(&server);
        }
        // Killed, so that it gives back none of what it holds until tomorrow.
        server.kill();
        server.start_again();
        for (whose, session) in [("a resident's", &session), ("staff's", &staff)] {
            let status = server.bearer(bearer(session)).get("/me").transmit().status;
            sheet.must(format!("fallen back: {whose} access token of tomorrow is no key for today"), status == 401, status);
            let status = server.anon().post("/auth/refresh", json!({ "refresh_token": session["refresh_token"] })).transmit().status;
            sheet.must(format!("fallen back: {whose} session is refreshed or ended, not broken"), matches!(status, 200 | 401), status);
        }
        let unlocked = server.anon().post("/auth/staff/login", json!({ "username": "worker2", "password": PASSWORD })).transmit().status;
        sheet.must("fallen back: an account that was locked tomorrow", unlocked == 200, unlocked);
        let again = repair.reporter.on_another_device();
        let repeat = submit(&again.authorization().unwrap_or_default());
        sheet.must("fallen back: a repeat of a write of tomorrow", repeat.status == 201 && repeat.json["id"] == future, repeat.status);
        life_goes_on(sheet, "fallen back", &server, &repair);
        let audit = server.command(&["audit", "verify"]);
        sheet.must("fallen back: the audit chain", audit.code == Some(0), audit.stdout.trim());
        let doubled = store.count(
            "SELECT count(*) FROM (SELECT position FROM events WHERE position IS NOT NULL GROUP BY position HAVING count(*) > 1) AS d",
        )?;
        sheet.must("fallen back: events in one place", doubled == 0, doubled);
        server.sim().advance(DAY_S);
    }
    Ok(())
}

fn bearer(session: &Value) -> String {
    format!("Bearer {}", session["access_token"].as_str().unwrap_or_default())
}

/// Locks an account tomorrow: today it must not be locked for a day.
fn wrong_passwords(server: &Server) {
    for _ in 0..10 {
        server.anon().post("/auth/staff/login", json!({ "username": "worker2", "password": "wrong-wrong-1" })).transmit();
    }
}

/// Log-in, a report, its event in the feed, and a job's work.
fn life_goes_on(sheet: &mut Sheet, when: &str, server: &Server, repair: &Repair<'_>) {
    let resident = repair.reporter.on_another_device();
    let token = resident.authorization().unwrap_or_default();
    let reply = server.bearer(&token).post("/repair-tickets", repair.draft()).transmit();
    sheet.must(format!("{when}: log-in and a report"), reply.status == 201, reply.status);
    let ticket = reply.json["id"].as_str().unwrap_or_default().to_owned();
    let store = Store::of(server);
    let placed = format!("SELECT count(*) FROM events WHERE subject_id = '{ticket}' AND position IS NOT NULL");
    let start = std::time::Instant::now();
    // A lease that somebody who died holds is over after 15 s.
    let told = within(40, || (store.count(&placed).ok()? > 0).then_some(()));
    sheet.must(format!("{when}: jobs run"), told.is_some(), format!("after {:.1} s", start.elapsed().as_secs_f64()));
    let listed = server.bearer(&token).get("/repair-tickets?limit=100").transmit();
    let found = listed.json["items"].as_array().is_some_and(|items| items.iter().any(|item| item["id"] == ticket.as_str()));
    sheet.must(format!("{when}: the new ticket is in the list"), found, listed.status);
}
