//! Webhooks 回调 over HTTP: endpoints, their secrets, and the log of what was sent to them.

mod deliver;
mod dto;
mod notice;

use jiazai_domain::actor::{Communities, CommunityId, Role};
use jiazai_domain::feed::Pattern;
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::webhook::{
    Action, DeliveryId, DeliveryKind, Draft, MOST_ENDPOINTS, MOST_REPLAYED, OLD_SECRET_S, Refusal, Webhook, WebhookId, WebhookKind,
    delivery::DeliveryState,
};
use jiazai_infra::community;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events;
use jiazai_infra::webhooks::{self as store, Filter};

pub use self::deliver::{Postman, dispatch};
use self::dto::{DeliveryDto, EventPatterns, NewWebhook, PutWebhook, ReplayRange, Replayed, RotateSecret, WebhookDto, WebhookWithSecret};
pub use self::notice::words;
use crate::app::App;
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::faults::faulty;
use crate::input::named::AnyText200;
use crate::input::{Nothing, Ref};
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

const ADMINS: &[Role] = &[Role::CommunityAdmin];

pub fn routes(api: &mut Api) {
    let conflict = &[code::STATE_CONFLICT, code::STALE];
    api.add(op!(create_webhook, Access::Roles(ADMINS)).refuses(&[code::TOO_MANY_WEBHOOKS]))
        .add(op!(list_webhooks, Access::Roles(ADMINS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_webhook, Access::Roles(ADMINS)))
        .add(op!(put_webhook, Access::Roles(ADMINS)).refuses(&[code::STALE]))
        .add(op!(delete_webhook, Access::Roles(ADMINS)).refuses(&[code::STALE]))
        .add(op!(rotate_webhook_secret, Access::Roles(ADMINS)).refuses(conflict))
        .add(op!(test_webhook, Access::Roles(ADMINS)).refuses(conflict))
        .add(op!(enable_webhook, Access::Roles(ADMINS)).refuses(conflict))
        .add(op!(disable_webhook, Access::Roles(ADMINS)).refuses(conflict))
        .add(op!(replay_webhook, Access::Roles(ADMINS)).refuses(conflict))
        .add(op!(list_webhook_deliveries, Access::Roles(ADMINS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_delivery, Access::Roles(ADMINS)))
        .add(op!(replay_delivery, Access::Roles(ADMINS)).refuses(conflict));
}

/// Why a URL is no place for deliveries, by the domain's word for it.
fn say(word: &str) -> (&'static str, &'static str) {
    match word {
        "too_long" => ("过长", "is too long"),
        "url_not_https" => ("须为 https 地址", "must be an https URL"),
        "url_has_user" => ("不能包含用户名或密码", "must not have a user name or password"),
        "url_has_fragment" => ("不能包含 # 片段", "must not have a fragment"),
        "url_port" => ("端口须为 443 或 8443", "must use port 443 or 8443"),
        "url_not_public" => ("须为公网地址", "must be a public address"),
        _ => ("不是有效的网址", "is not a URL"),
    }
}

fn bad_url(word: &'static str) -> ApiError {
    let (zh, en) = say(word);
    ApiError::fault("/url", word, zh, en)
}

/// Judges where deliveries are to go. Asks the name service, so it comes before the transaction.
async fn judged(app: &App, url: &str) -> Result<String, ApiError> {
    let read = store::judge_url(url, app.hooks.allows_loopback()).map_err(bad_url)?;
    if app.hooks.leads_inside(&read).await {
        return Err(bad_url("url_not_public"));
    }
    Ok(url.to_owned())
}

fn draft(url: &str, events: &EventPatterns, description: Option<&AnyText200>) -> Draft {
    let events: Vec<Pattern> = events.0.iter().map(|pattern| pattern.0.clone()).collect();
    Draft { url: url.to_owned(), events, description: description.map(|text| text.0.clone()).filter(|text| !text.is_empty()) }
}

fn refuse(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::NotForYou => ApiError::new(code::FORBIDDEN),
        Refusal::WrongState => ApiError::new(code::STATE_CONFLICT),
        Refusal::Invalid(faults) => faulty("", faults),
        Refusal::TooMany => ApiError::new(code::TOO_MANY_WEBHOOKS)
            .because(format!("最多登记 {MOST_ENDPOINTS} 个回调地址"), format!("There may be {MOST_ENDPOINTS} endpoints")),
    }
}

/// The endpoint, if the caller administers where it belongs.
fn load(tx: &mut Tx, cx: &Cx, id: WebhookId) -> Result<Webhook, ApiError> {
    let who = cx.actor()?;
    store::find(tx, id)?.filter(|webhook| webhook.seen_by(who)).ok_or_else(|| ApiError::new(code::NOT_FOUND))
}

fn show(cx: &Cx, webhook: Webhook) -> Result<Reply, ApiError> {
    let version = webhook.version;
    Ok(Reply::ok(&WebhookDto::of(webhook, cx.actor()?))?.version(version))
}

/// Where an endpoint belongs when nobody says so: the caller's only community, or everywhere for whoever is everywhere.
fn place(tx: &mut Tx, cx: &Cx, asked: Option<CommunityId>) -> Result<Option<CommunityId>, ApiError> {
    let seen = cx.actor()?.communities_as(ADMINS);
    let unknown = || ApiError::fault("/community_id", "unknown_community", "没有这个社区", "is not a known community");
    match (asked, seen) {
        (Some(asked), seen) if seen.contains(asked) && community::find(tx, asked)?.is_some() => Ok(Some(asked)),
        (Some(_), _) => Err(unknown()),
        (None, Communities::All) => Ok(None),
        (None, Communities::Only(some)) => match some.as_slice() {
            [only] => Ok(Some(*only)),
            _ => Err(ApiError::fault("/community_id", "required", "必填", "is required")),
        },
    }
}

/// Register an endpoint
///
/// The answer is the only place where its secret is shown. Deliveries are signed by Standard Webhooks 1.0.0 and tried again for
/// three days; what an endpoint hears of is what its maker may hear of.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", operation_id = "create_webhook",
    request_body(content = NewWebhook, example = json!({ "url": "https://hooks.example.com/jiazai", "events": ["repair_ticket.*"], "community_id": "com_01h455vb4pex5vsknk084sn02q" })),
    responses((status = 201, body = WebhookWithSecret, headers(("ETag" = String)))))]
async fn create_webhook(call: Call) -> Outcome {
    let body: NewWebhook = call.body()?;
    let url = judged(&call.app, &body.url.0).await?;
    call.write(move |tx, cx| {
        let place = place(tx, cx, body.community_id.map(|id| id.0))?;
        let draft = draft(&url, &body.events, body.description.as_ref());
        let others = store::count_to_add(tx, place)?;
        let made = Webhook::register(tx.new_id(), place, draft, cx.actor()?, others, tx.now()).map_err(refuse)?;
        let webhook = store::save(tx, made, None)?;
        let secret = store::new_secret();
        store::add_secret(tx, &cx.app.vault, webhook.id, &secret, 0)?;
        let at = format!("/api/v1/webhooks/{}", webhook.id);
        let version = webhook.version;
        let shown = WebhookWithSecret { webhook: WebhookDto::of(webhook, cx.actor()?), secret: secret.expose().to_owned() };
        Ok(Reply::created(at, &shown)?.version(version))
    })
    .await
}

/// List endpoints
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", operation_id = "list_webhooks",
    params(("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<WebhookDto>)))]
async fn list_webhooks(call: Call) -> Outcome {
    let params = call.query()?;
    call.list(params, |tx, cx, window| {
        let who = cx.actor()?;
        let rows = store::list(tx, &who.communities_as(ADMINS), window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |webhook| webhook.id.text(), |webhook| WebhookDto::of(webhook, who)))
    })
    .await
}

/// One endpoint
#[utoipa::path(get, path = "/webhooks/{id}", tag = "webhooks", operation_id = "get_webhook", params(("id" = String, Path)),
    responses((status = 200, body = WebhookDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_webhook(call: Call, id: At<WebhookKind>) -> Outcome {
    call.query()?.finish()?;
    call.read_brief(move |tx, cx| {
        let webhook = load(tx, cx, id.0)?;
        show(cx, webhook)
    })
    .await
}

/// Change an endpoint
///
/// What is on its way already goes to the new address.
#[utoipa::path(put, path = "/webhooks/{id}", tag = "webhooks", operation_id = "put_webhook", params(("id" = String, Path)),
    request_body(content = PutWebhook, example = json!({ "url": "https://hooks.example.com/v2", "events": ["*"] })),
    responses((status = 200, body = WebhookDto, headers(("ETag" = String)))))]
async fn put_webhook(call: Call, id: At<WebhookKind>) -> Outcome {
    let body: PutWebhook = call.body()?;
    let url = judged(&call.app, &body.url.0).await?;
    call.write(move |tx, cx| {
        decide(tx, cx, id.0, |webhook, cx, tx| {
            webhook.change(draft(&url, &body.events, body.description.as_ref()), cx.actor()?, tx.now()).map_err(refuse)
        })
    })
    .await
}

/// Loads, decides, saves, shows. A refusal says how the endpoint stands.
fn decide(
    tx: &mut Tx,
    cx: &Cx,
    id: WebhookId,
    decision: impl FnOnce(Webhook, &Cx, &Tx) -> Result<Changed<Webhook>, ApiError>,
) -> Result<Reply, ApiError> {
    let webhook = load(tx, cx, id)?;
    cx.expect_version(webhook.version)?;
    let standing = standing(&webhook, cx)?;
    let changed = decision(webhook, cx, tx).map_err(standing)?;
    let webhook = store::save(tx, changed, None)?;
    show(cx, webhook)
}

/// Adds to a conflict how the endpoint stands and what may be done with it.
fn standing(webhook: &Webhook, cx: &Cx) -> Result<impl Fn(ApiError) -> ApiError + use<>, ApiError> {
    let state = webhook.state.as_str();
    let allowed: Vec<&'static str> = webhook.allowed_actions(cx.actor()?).into_iter().map(Action::as_str).collect();
    Ok(move |error: ApiError| if error.code() == code::STATE_CONFLICT { error.in_state(state, allowed.clone()) } else { error })
}

/// Remove an endpoint
///
/// Nothing more is sent; what is on its way is dropped.
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "webhooks", operation_id = "delete_webhook", params(("id" = String, Path)),
    responses((status = 204, description = "Removed")))]
async fn delete_webhook(call: Call, id: At<WebhookKind>) -> Outcome {
    call.write(move |tx, cx| {
        let webhook = load(tx, cx, id.0)?;
        cx.expect_version(webhook.version)?;
        let event = webhook.remove(cx.actor()?, tx.now()).map_err(refuse)?;
        store::remove(tx, &webhook, &event, cx.actor()?)?;
        Ok(Reply::nothing())
    })
    .await
}

/// Replace the secret
///
/// The old one signs beside the new one for a day, or as long as is asked, so that no delivery is lost while the receiver changes.
#[utoipa::path(post, path = "/webhooks/{id}/rotate-secret", tag = "webhooks", operation_id = "rotate_webhook_secret", params(("id" = String, Path)),
    request_body(content = RotateSecret, example = json!({})), responses((status = 200, body = WebhookWithSecret)))]
async fn rotate_webhook_secret(call: Call, id: At<WebhookKind>) -> Outcome {
    let body: RotateSecret = call.body()?;
    call.write(move |tx, cx| {
        let webhook = load(tx, cx, id.0)?;
        cx.expect_version(webhook.version)?;
        let rotated = webhook.rotate(cx.actor()?, tx.now()).map_err(refuse)?;
        let webhook = store::save(tx, rotated, None)?;
        let secret = store::new_secret();
        let keep = body.keep_old_s.map_or(OLD_SECRET_S, |seconds| seconds.0);
        store::add_secret(tx, &cx.app.vault, webhook.id, &secret, keep)?;
        let version = webhook.version;
        let shown = WebhookWithSecret { webhook: WebhookDto::of(webhook, cx.actor()?), secret: secret.expose().to_owned() };
        Ok(Reply::ok(&shown)?.version(version))
    })
    .await
}

/// Send a test
///
/// An event `webhook.test` that has not happened, sent once. The answer is its delivery: look at it again to see what came of it.
#[utoipa::path(post, path = "/webhooks/{id}/test", tag = "webhooks", operation_id = "test_webhook", params(("id" = String, Path)),
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = DeliveryDto)))]
async fn test_webhook(call: Call, id: At<WebhookKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| {
        let webhook = load(tx, cx, id.0)?;
        cx.expect_version(webhook.version)?;
        let standing = standing(&webhook, cx)?;
        webhook.may(Action::Test, cx.actor()?).map_err(|refusal| standing(refuse(refusal)))?;
        let made = store::insert_test(tx, webhook.id)?;
        show_delivery(tx, made)
    })
    .await
}

/// Enable an endpoint
///
/// What waited while it was disabled is sent; what happened meanwhile was not kept for it: see `replay`.
#[utoipa::path(post, path = "/webhooks/{id}/enable", tag = "webhooks", operation_id = "enable_webhook", params(("id" = String, Path)),
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = WebhookDto)))]
async fn enable_webhook(call: Call, id: At<WebhookKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| decide(tx, cx, id.0, |webhook, cx, tx| webhook.enable(cx.actor()?, tx.now()).map_err(refuse))).await
}

/// Disable an endpoint
#[utoipa::path(post, path = "/webhooks/{id}/disable", tag = "webhooks", operation_id = "disable_webhook", params(("id" = String, Path)),
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = WebhookDto)))]
async fn disable_webhook(call: Call, id: At<WebhookKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| decide(tx, cx, id.0, |webhook, cx, tx| webhook.disable(cx.actor()?, tx.now()).map_err(refuse))).await
}

/// Send again what happened in some time
///
/// Everything that the endpoint wants and that happened in that time, whether or not it was sent before, under the same
/// `webhook-id`s. Up to a thousand events in one call.
#[utoipa::path(post, path = "/webhooks/{id}/replay", tag = "webhooks", operation_id = "replay_webhook", params(("id" = String, Path)),
    request_body(content = ReplayRange, example = json!({ "from": "2026-05-01T00:00:00.000Z", "until": "2026-05-01T01:00:00.000Z" })),
    responses((status = 200, body = Replayed)))]
async fn replay_webhook(call: Call, id: At<WebhookKind>) -> Outcome {
    let body: ReplayRange = call.body()?;
    call.write(move |tx, cx| {
        let webhook = load(tx, cx, id.0)?;
        let standing = standing(&webhook, cx)?;
        webhook.may(Action::Replay, cx.actor()?).map_err(|refusal| standing(refuse(refusal)))?;
        let until = body.until.map_or(tx.now().plus_millis(1), |until| until.0);
        if until <= body.from.0 {
            return Err(ApiError::fault("/until", "not_after_from", "应晚于开始时间", "must be after the beginning"));
        }
        let after = body.after.map(|after| after.0);
        let mut found = events::of_time(tx, webhook.community, &webhook.events, (body.from.0, until), after, MOST_REPLAYED + 1)?;
        let more = found.len() as i64 > MOST_REPLAYED;
        found.truncate(MOST_REPLAYED as usize);
        let next_after = found.last().filter(|_| more).map(|event| Ref(event.id));
        let mut queued = 0;
        for event in found.iter().filter(|event| webhook.wants(&event.kind, event.community)) {
            store::enqueue(tx, &webhook, event)?;
            queued += 1;
        }
        Reply::ok(&Replayed { queued, next_after })
    })
    .await
}

/// What was sent to an endpoint
///
/// Newest first, for thirty days.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", tag = "webhooks", operation_id = "list_webhook_deliveries",
    params(("id" = String, Path), ("state" = Option<dto::WebhookDeliveryState>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<DeliveryDto>)))]
async fn list_webhook_deliveries(call: Call, id: At<WebhookKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    let filter = Filter { state: params.word("state", DeliveryState::ALL, DeliveryState::as_str)? };
    call.list(params, move |tx, cx, window| {
        let webhook = load(tx, cx, id.0)?;
        let rows = store::list_deliveries(tx, webhook.id, filter, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |delivery| delivery.id.text(), DeliveryDto::from))
    })
    .await
}

fn show_delivery(tx: &mut Tx, id: DeliveryId) -> Result<Reply, ApiError> {
    let found = store::delivery(tx, id)?.ok_or_else(|| ApiError::from(DbError::Corrupt("a delivery that was just written".to_owned())))?;
    Reply::ok(&DeliveryDto::from(found))
}

fn load_delivery(tx: &mut Tx, cx: &Cx, id: DeliveryId) -> Result<(Webhook, store::Delivery), ApiError> {
    let found = store::delivery(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
    Ok((load(tx, cx, found.webhook)?, found))
}

/// One delivery
#[utoipa::path(get, path = "/deliveries/{id}", tag = "webhooks", operation_id = "get_delivery", params(("id" = String, Path)),
    responses((status = 200, body = DeliveryDto)))]
async fn get_delivery(call: Call, id: At<DeliveryKind>) -> Outcome {
    call.query()?.finish()?;
    call.read_brief(move |tx, cx| {
        let (_, found) = load_delivery(tx, cx, id.0)?;
        Reply::ok(&DeliveryDto::from(found))
    })
    .await
}

/// Send a delivery again
///
/// At once, under the same `webhook-id`, and with all tries before it.
#[utoipa::path(post, path = "/deliveries/{id}/replay", tag = "webhooks", operation_id = "replay_delivery", params(("id" = String, Path)),
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = DeliveryDto)))]
async fn replay_delivery(call: Call, id: At<DeliveryKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| {
        let (webhook, found) = load_delivery(tx, cx, id.0)?;
        let standing = standing(&webhook, cx)?;
        webhook.may(Action::Replay, cx.actor()?).map_err(|refusal| standing(refuse(refusal)))?;
        store::requeue(tx, &found)?;
        show_delivery(tx, found.id)
    })
    .await
}
