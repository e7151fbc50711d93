//! Repair tickets 报修: from the report to the rating, and everything that may not happen on the way.

mod detours;
mod dispatch;
mod life;
mod sight;

use jiazai_tests::{Client, Value, text};

fn path(ticket: &Value) -> String {
    format!("/repair-tickets/{}", text(ticket, "id"))
}

fn path_to(ticket: &Value, action: &str) -> String {
    format!("{}/{action}", path(ticket))
}

fn ids(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}")).iter().map(|ticket| text(ticket, "id")).collect()
}

fn event_types(who: &impl Client, ticket: &Value) -> Vec<String> {
    let events = who.get(&format!("{}/events?limit=100", path(ticket))).expect(200);
    events["items"].as_array().unwrap().iter().map(|event| text(event, "type").to_owned()).collect()
}
