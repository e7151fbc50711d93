//! Pictures are looked at beside the requests: a job has the platform fetch each by a link of its own, and the verdict comes by push.
//!
//! A link names one file and dies after two hours; what it is, only we can have written. It shows the picture to whoever holds it:
//! the platform, and whoever reads its requests.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use jiazai_domain::content::{ATTEMPTS, Cause, CheckId, FIRST_RETRY_S, VERDICT_WITHIN_S, Verdict};
use jiazai_domain::kernel::file::FileId;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_infra::content::{self as store, Due};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::identity;
use jiazai_infra::uploads;
use jiazai_infra::vault::Vault;
use jiazai_infra::wechat::{NotTaken, Scene};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::call::{Call, Outcome};
use crate::error::{ApiError, code};
use crate::op;
use crate::route::{Access, Api};

/// Longer than the platform's queue.
const LINK_LIVES_S: i64 = 2 * 3600;
const TAG: usize = 16;
const AT_ONCE: i64 = 8;
/// What the platform can look at.
const LOOKED_AT: [&str; 2] = ["image/jpeg", "image/png"];

pub fn routes(api: &mut Api) {
    api.add(op!(get_picture_to_check, Access::Public).refuses(&[code::STORAGE_UNAVAILABLE]));
}

fn tag(vault: &Vault, content: &[u8]) -> [u8; TAG] {
    // HMAC takes a key of any length, so this cannot fail.
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&vault.derive("picture link")).expect("HMAC takes any key");
    mac.update(content);
    let mut tag = [0; TAG];
    tag.copy_from_slice(&mac.finalize().into_bytes()[..TAG]);
    tag
}

/// The last part of a picture's link.
fn token(vault: &Vault, file: FileId, until: Timestamp) -> String {
    let mut bytes = file.uuid().as_bytes().to_vec();
    bytes.extend_from_slice(&until.millis().to_be_bytes());
    let tag = tag(vault, &bytes);
    bytes.extend_from_slice(&tag);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The file that a link names, while it lives.
fn opened(vault: &Vault, token: &str, now: Timestamp) -> Option<FileId> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == 16 + 8 + TAG)?;
    let (content, given) = bytes.split_at(16 + 8);
    if !bool::from(tag(vault, content).ct_eq(given)) {
        return None;
    }
    let until = i64::from_be_bytes(content[16..].try_into().ok()?);
    let id = uuid::Uuid::from_slice(&content[..16]).ok()?;
    (now.millis() < until).then(|| FileId::from_uuid(id))
}

/// Where the platform finds a picture for the next two hours.
fn picture_link(app: &App, base: &str, file: FileId) -> String {
    let until = app.clock.now().plus_seconds(LINK_LIVES_S);
    format!("{base}/api/v1/wechat/pictures/{}", token(&app.vault, file, until))
}

/// A picture for WeChat to look at
///
/// By a link that only this server can make and that lives for two hours; for WeChat's content check and nobody else.
#[utoipa::path(get, path = "/wechat/pictures/{token}", tag = "wechat", operation_id = "get_picture_to_check",
    params(("token" = String, Path)),
    responses((status = 200, description = "The picture", content((String = "image/jpeg"), (String = "image/png")))))]
async fn get_picture_to_check(call: Call) -> Outcome {
    call.query()?.finish()?;
    let absent = || ApiError::new(code::NOT_FOUND);
    let id = opened(&call.app.vault, &call.path_value("token"), call.app.clock.now()).ok_or_else(absent)?;
    let upload = call.app.db.read_brief(move |tx| uploads::find(tx, id)).await?;
    let upload = upload.filter(|upload| LOOKED_AT.contains(&upload.content_type.as_str())).ok_or_else(absent)?;
    let lost = || ApiError::new(code::STORAGE_UNAVAILABLE);
    let hash = crate::files::hash_bytes(&upload.sha256).ok_or_else(lost)?;
    let bytes = call.app.files.get(&hash).await.map_err(|_| lost())?.ok_or_else(lost)?;
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, upload.content_type)).body(bytes))
}

/// Has the platform look at pictures that wait for it, and holds those whose verdict does not come.
pub async fn see_through(app: &App, holder: &str) -> Result<usize, DbError> {
    if app.db.read(|tx| store::due(tx, 1)).await?.is_empty() {
        return Ok(0);
    }
    let due = crate::jobs::leased(app, "content", holder, |tx| store::due(tx, AT_ONCE)).await?;
    let mut done = 0;
    for outcome in join_all(due.into_iter().map(|due| one(app, due))).await {
        outcome?;
        done += 1;
    }
    if done > 0 {
        app.jobs.wake();
    }
    Ok(done)
}

/// What has to be known to ask about a picture.
struct Ask {
    openid: String,
    file: FileId,
}

async fn one(app: &App, due: Due) -> Result<(), DbError> {
    let facts = due.check.facts();
    let (id, author, item) = (facts.id, facts.about.author, facts.about.item.clone());
    let Some(base) = app.content.pictures_at.as_deref() else { return judged(app, id, Verdict::of(None)).await };
    if due.asked {
        return judged(app, id, Verdict::because(Cause::NoVerdict)).await;
    }
    if due.attempts >= ATTEMPTS {
        return judged(app, id, Verdict::of(None)).await;
    }
    let vault = app.vault.clone();
    let until_s = FIRST_RETRY_S << due.attempts.clamp(0, 10);
    let ask = app
        .db
        .write(move |tx| {
            let Some(file) = item.as_deref().and_then(|item| item.parse::<FileId>().ok()) else { return Ok(Err(Cause::NotCheckable)) };
            let kind = uploads::find(tx, file)?.map(|upload| upload.content_type);
            if !kind.is_some_and(|kind| LOOKED_AT.contains(&kind.as_str())) {
                return Ok(Err(Cause::NotCheckable));
            }
            let Some(openid) = identity::openid_of(tx, &vault, author)? else { return Ok(Err(Cause::Away)) };
            store::begin(tx, id, tx.now().plus_seconds(until_s))?;
            Ok::<_, DbError>(Ok(Ask { openid: openid.expose().to_owned(), file }))
        })
        .await?;
    let ask = match ask {
        Ok(ask) => ask,
        Err(cause) => return judged(app, id, Verdict::because(cause)).await,
    };
    match app.wechat.check_picture(&ask.openid, Scene::Forum, &picture_link(app, base, ask.file)).await {
        Ok(trace) => {
            app.db
                .write(move |tx| {
                    let until = tx.now().plus_seconds(VERDICT_WITHIN_S);
                    store::asked(tx, id, &trace, until)
                })
                .await
        }
        Err(NotTaken::ForGood(trouble)) => {
            tracing::warn!(%trouble, "a picture cannot be looked at; it is held");
            judged(app, id, Verdict::of(None)).await
        }
        // It is due again in a while.
        Err(NotTaken::ForNow(trouble)) => {
            tracing::warn!(%trouble, "a picture was not taken in");
            Ok(())
        }
    }
}

async fn judged(app: &App, id: CheckId, verdict: Verdict) -> Result<(), DbError> {
    app.db
        .write(move |tx| match store::find(tx, id)? {
            Some(check) => settle(tx, check, verdict),
            None => Ok(()),
        })
        .await
}

/// Writes a verdict down, where it changes something.
pub fn settle(tx: &mut Tx, check: jiazai_domain::content::Check, verdict: Verdict) -> Result<(), DbError> {
    let now = tx.now();
    match check.judged(verdict, now) {
        Some(changed) => store::save(tx, changed).map(drop),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_its_file_until_it_dies_and_cannot_be_made_up() {
        let vault = Vault::from_hex(&"7".repeat(64)).expect("a key");
        let file = FileId::from_uuid(uuid::Uuid::from_u128(7));
        let (now, until) = (Timestamp::from_millis(1000), Timestamp::from_millis(2000));
        let made = token(&vault, file, until);
        assert_eq!(opened(&vault, &made, now), Some(file));
        assert_eq!(opened(&vault, &made, until), None);
        let other = token(&Vault::from_hex(&"8".repeat(64)).expect("a key"), file, until);
        for bad in [other.as_str(), "", "AAAA", &made[1..], "中文"] {
            assert_eq!(opened(&vault, bad, now), None, "{bad}");
        }
    }
}
