//! What notices say about endpoints.

use jiazai_domain::webhook::WebhookId;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::Recorded;
use jiazai_infra::webhooks;

use crate::notices::Words;

/// The words for an endpoint that was disabled; none when the event is about something else, or the endpoint is gone.
pub fn words(tx: &mut Tx, event: &Recorded) -> Result<Option<Words>, DbError> {
    let Ok(id) = event.subject.parse::<WebhookId>() else { return Ok(None) };
    let Some(webhook) = webhooks::find(tx, id)? else { return Ok(None) };
    let title = webhook.description.unwrap_or_else(|| "回调地址".to_owned());
    Ok(Some(Words::new(&title, "已停用", event.occurred_at, format!("pages/me/me?webhook={id}"))))
}
