//! The WeChat side: what residents write and photograph is looked at before others see it, what WeChat pushes is obeyed once, and
//! what a phone asks for.

mod inbox;
mod pictures;
mod push;
mod words;

use jiazai_tests::{Client, Repair, Server, Value, eventually, items, json, text};

const PATIENCE_S: u64 = 30;

fn path(ticket: &Value) -> String {
    format!("/repair-tickets/{}", text(ticket, "id"))
}

/// What is held of a thing, as those who review find it.
#[track_caller]
fn held(repair: &Repair, ticket: &Value) -> Vec<Value> {
    let queue = repair.dispatcher.get(&format!("/content-reviews?community_id={}&limit=100", repair.community)).expect(200);
    items(&queue).iter().filter(|item| item["subject_id"] == ticket["id"]).cloned().collect()
}

#[track_caller]
fn inbox(who: &impl Client) -> Vec<Value> {
    items(&who.get("/me/notices?limit=100").expect(200)).to_vec()
}

/// Has something happen in WeChat, and waits until the server has taken it.
#[track_caller]
fn happens(server: &Server, openid: &str, event: &str, fields: Value) {
    server.sim().tell("/_sim/events", &json!({ "openid": openid, "event": event, "fields": fields }));
    eventually("the push is taken", PATIENCE_S, || {
        let pushes = server.sim().ask("/_sim/pushes");
        let ours = |push: &&Value| push["event"] == event && push["openid"] == openid && push["outcome"] == "taken";
        items(&pushes).iter().find(ours).cloned()
    });
}

/// Seconds since 1970 of an instant that the server wrote.
fn seconds(instant: &str) -> i64 {
    let number = |from: usize, to: usize| instant[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // Days since 1970-01-01 by the civil calendar.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    days * 86_400 + number(11, 13) * 3600 + number(14, 16) * 60 + number(17, 19)
}
