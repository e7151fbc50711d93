//! What WeChat pushes 消息推送: verdicts about pictures, the fate of messages, and what people have taken back.
//!
//! A push is taken once, whatever is repeated: that it came is written down in the transaction in which it is obeyed. What we do
//! not know is taken and forgotten, because WeChat would only repeat it.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::content::Verdict;
use jiazai_infra::db::Tx;
use jiazai_infra::wechat::push::{self as wire, Envelope, Happened, LARGEST, Untaken};
use jiazai_infra::{content, identity, notices, uploads};

use crate::app::App;
use crate::call::{Call, Outcome};
use crate::error::{ApiError, code};
use crate::op;
use crate::route::{Access, Api};

/// What WeChat takes for "I have it".
const TAKEN: &str = "success";
/// The name of somebody who has told us none.
const NAMELESS: &str = "微信用户";

pub fn routes(api: &mut Api) {
    api.add(op!(greet_wechat, Access::Public).refuses(&[code::FORBIDDEN, code::NOT_FOUND])).add(
        op!(take_wechat_push, Access::Public).form().refuses(&[
            code::FORBIDDEN,
            code::NOT_FOUND,
            code::BAD_REQUEST,
            code::PAYLOAD_TOO_LARGE,
            code::BUSY,
        ]),
    );
}

/// What stands in the address. Whatever else does is let pass: the platform adds parameters without notice.
fn envelope(query: &str) -> (Envelope, Option<String>) {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    let of = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let envelope = Envelope {
        signature: of("signature").unwrap_or_default(),
        timestamp: of("timestamp").unwrap_or_default(),
        nonce: of("nonce").unwrap_or_default(),
        encrypt_type: of("encrypt_type"),
        msg_signature: of("msg_signature"),
    };
    (envelope, of("echostr"))
}

fn refused(why: Untaken) -> ApiError {
    match why {
        Untaken::Forged(why) => {
            tracing::warn!(why, "a push was refused");
            ApiError::new(code::FORBIDDEN).because("签名无效", "The signature does not hold")
        }
        Untaken::Unreadable(why) => {
            tracing::warn!(why, "a push was unreadable");
            ApiError::new(code::BAD_REQUEST).because("消息无法解析", "The message cannot be read")
        }
    }
}

fn plain(text: String) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/plain; charset=utf-8")).body(text)
}

/// WeChat checks this address
///
/// What saving it in the console asks: a signed word is to be given back. 404 where no push is configured.
#[utoipa::path(get, path = "/wechat/push", tag = "wechat", operation_id = "greet_wechat",
    params(("signature" = Option<String>, Query), ("timestamp" = Option<String>, Query), ("nonce" = Option<String>, Query), ("echostr" = Option<String>, Query)),
    responses((status = 200, description = "The word", content((String = "text/plain")))))]
async fn greet_wechat(call: Call) -> Outcome {
    let push = call.app.push.as_ref().ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
    let (envelope, word) = envelope(call.request.query_string());
    push.greets(&envelope, call.app.clock.now()).map_err(refused)?;
    // Signed like the rest of the address is, or not: nothing is given back that could be a page.
    let word = word.filter(|word| word.len() <= 128 && word.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    Ok(plain(word.ok_or_else(|| ApiError::query("echostr", "格式不正确", "is not a word of WeChat's"))?))
}

/// WeChat tells us something
///
/// A message as JSON or XML, in the envelope that the console is set to; sealed ones alone where a key is configured. The same
/// message twice is obeyed once. What we do not act upon is answered in the same way.
#[utoipa::path(post, path = "/wechat/push", tag = "wechat", operation_id = "take_wechat_push",
    params(("signature" = Option<String>, Query), ("timestamp" = Option<String>, Query), ("nonce" = Option<String>, Query),
        ("openid" = Option<String>, Query), ("encrypt_type" = Option<String>, Query), ("msg_signature" = Option<String>, Query)),
    request_body(content = String, content_type = "*/*", description = "JSON or XML, at most 64 KiB"),
    responses((status = 200, description = "`success`", content((String = "text/plain")))))]
async fn take_wechat_push(call: Call) -> Outcome {
    let push = call.app.push.as_ref().ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
    let (envelope, _) = envelope(call.request.query_string());
    if call.raw_body().len() > LARGEST {
        return Err(ApiError::new(code::PAYLOAD_TOO_LARGE));
    }
    let message = push.open(&envelope, call.raw_body(), call.app.clock.now()).map_err(refused)?;
    let (name, happened, app) = (message.name(), message.happened(), call.app.clone().into_inner());
    let told = call
        .app
        .db
        .write(move |tx| {
            if !wire::is_new(tx, &message)? {
                return Ok(None);
            }
            obey(tx, &app, &happened).map(Some)
        })
        .await?;
    let Some(changed) = told else { return Ok(plain(TAKEN.to_owned())) };
    tracing::info!(event = name, "WeChat pushed an event");
    for person in changed {
        // Rights may have gone with it; whoever remembers them is told.
        call.app.cache.bump(person).await;
    }
    call.app.jobs.wake();
    Ok(plain(TAKEN.to_owned()))
}

/// Does what an event asks for; the accounts that are not what they were.
fn obey(tx: &mut Tx, app: &App, happened: &Happened) -> Result<Vec<PrincipalId>, ApiError> {
    let of = |tx: &mut Tx, openid: &str| identity::resident_by_openid(tx, &app.vault, openid);
    match happened {
        Happened::Other => Ok(vec![]),
        Happened::Left { openid } => {
            let mut changed = Vec::new();
            // Staff keep their accounts, which are not WeChat's; only where their notices go is forgotten.
            for id in identity::staff_by_openid(tx, &app.vault, openid)? {
                identity::forget_staff_openid(tx, id)?;
                notices::forget_all_credits(tx, id)?;
                changed.push(id);
            }
            if let Some(id) = of(tx, openid)?
                && let Some(who) = identity::actor_of(tx, id)?
            {
                crate::me::erase(tx, app, &who)?;
                changed.push(id);
            }
            Ok(changed)
        }
        Happened::Revoked { openid, what } => {
            let Some(id) = of(tx, openid)? else { return Ok(vec![]) };
            revoke(tx, id, what)?;
            Ok(vec![id])
        }
        Happened::MessagesRefused { openid, templates } => {
            let mut people = identity::staff_by_openid(tx, &app.vault, openid)?;
            people.extend(of(tx, openid)?);
            for (name, _) in app.templates.0.iter().filter(|(_, template_id)| templates.contains(template_id)) {
                for id in &people {
                    notices::forget_credits(tx, *id, name)?;
                }
            }
            Ok(vec![])
        }
        Happened::MessagesLost { msgids } => {
            // The failure may be quicker than our note of the message's name. WeChat repeats what is not taken, three times at most, and
            // then we know it, or it was somebody else's message.
            if !msgids.is_empty() && !notices::not_delivered(tx, msgids)? {
                return Err(ApiError::new(code::BUSY));
            }
            Ok(vec![])
        }
        Happened::PictureJudged { trace_id, opinion } => {
            // The verdict may be quicker than our note of its name. WeChat repeats what is not taken, and then we know it.
            let check = content::by_trace(tx, trace_id)?.ok_or_else(|| ApiError::new(code::BUSY))?;
            crate::content::settle(tx, check, Verdict::of(*opinion))?;
            Ok(vec![])
        }
    }
}

/// Takes out of an account what the person no longer gives us. What they have attached to a matter of theirs stays with the
/// matter, as a record of it; pictures that belong to nothing go.
fn revoke(tx: &mut Tx, id: PrincipalId, what: &[i64]) -> Result<(), ApiError> {
    for number in what {
        match number {
            6 => {
                if let Some(principal) = identity::principal(tx, id)? {
                    identity::update_principal(tx, id, principal.version, NAMELESS, principal.disabled_at.is_some())?;
                }
            }
            8 => identity::forget_phone(tx, id)?,
            14 => drop(uploads::let_go(tx, id)?),
            // Nothing of the others is kept here: no place, no address book, no steps.
            _ => {}
        }
    }
    Ok(())
}
