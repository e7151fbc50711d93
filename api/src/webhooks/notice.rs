//! What notices say about endpoints.

use jiazai_domain::webhook::WebhookId;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::Recorded;
use jiazai_infra::webhooks;

use crate::notices::{Said, Words, about, things};

/// The words for endpoints that were disabled.
pub fn words(tx: &mut Tx, events: &[Recorded], said: &mut Said) -> Result<(), DbError> {
    let events: Vec<(WebhookId, &Recorded)> = about(events);
    for id in things(&events) {
        let Some(webhook) = webhooks::find(tx, id)? else { continue };
        let title = webhook.description.as_deref().unwrap_or("回调地址");
        for (_, event) in events.iter().filter(|(of, _)| *of == id) {
            said.insert(event.id, Words::new(title, "已停用", event.occurred_at, format!("pages/me/me?webhook={id}")));
        }
    }
    Ok(())
}
