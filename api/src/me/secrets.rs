//! What a member of staff logs in with: their password and their one-time codes.

use deserr::Deserr;
use jiazai_infra::identity as store;
use jiazai_infra::password::totp::TotpKey;
use jiazai_infra::password::{self};
use jiazai_infra::vault::{Aad, Secret};
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::{Call, Outcome};
use crate::error::{ApiError, code};
use crate::identity::dto::Password;
use crate::identity::{count_failure, not_locked};
use crate::input::named::{Text6To6, Text512};
use crate::input::{Faults, Nothing};
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api, Limit};

pub fn routes(api: &mut Api) {
    api.add(op!(change_my_password, Access::Staff).limit(Limit::Password).refuses(&[
        code::CREDENTIALS_INVALID,
        code::ACCOUNT_LOCKED,
        code::PASSWORD_UNCHANGED,
        code::BUSY,
    ]))
    .add(op!(begin_totp, Access::Staff))
    .add(op!(confirm_totp, Access::Staff).limit(Limit::Password).refuses(&[code::ACCOUNT_LOCKED]));
}

#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ChangePassword {
    #[schema(inline)]
    pub current_password: Password,
    #[schema(inline)]
    pub new_password: Password,
}

/// Why a password was not good enough, as a fault of a field.
pub fn weak_password(pointer: &str, weak: password::Weak) -> ApiError {
    let (zh, en) = match weak {
        password::Weak::TooShort => ("至少 8 个字", "must have at least 8 characters"),
        password::Weak::TooLong => ("最多 128 个字", "must have at most 128 characters"),
        password::Weak::TooCommon => ("太常见，容易被猜到", "is too common"),
        password::Weak::LikeUsername => ("不能与用户名相似", "is too much like the user name"),
    };
    ApiError::fault(pointer, weak.code(), zh, en)
}

/// Change my password
///
/// Ends all my other sessions.
#[utoipa::path(post, path = "/me/password", tag = "identity", operation_id = "change_my_password",
    request_body(content = ChangePassword, example = json!({ "current_password": "correct horse", "new_password": "battery staple" })), responses((status = 204, description = "Changed")))]
async fn change_my_password(call: Call) -> Outcome {
    let ChangePassword { current_password, new_password } = call.body()?;
    let actor = call.actor()?.clone();
    let app = call.app.clone();
    let id = actor.id;
    let cx = call.cx()?;
    let look = cx.clone();
    let account = app
        .db
        .read_brief(move |tx| {
            let account = store::staff_account(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
            not_locked(tx, &look, &account.username)?;
            Ok::<_, ApiError>(account)
        })
        .await?;
    password::acceptable(&new_password.0, &account.username).map_err(|weak| weak_password("/new_password", weak))?;
    if current_password.0 == new_password.0 {
        return Err(ApiError::new(code::PASSWORD_UNCHANGED));
    }
    let busy = |_| ApiError::new(code::BUSY);
    let present = account.password_hash;
    let checked = app.passwords.verify(Secret::new(current_password.0), Some(present.clone())).await.map_err(busy)?;
    if !checked.matches {
        // A stolen access token is no licence to guess.
        app.db.write(move |tx| count_failure(tx, &cx, &account.username)).await?;
        return Err(ApiError::fault("/current_password", "wrong_password", "当前密码不正确", "is not the present password"));
    }
    let hash = app.passwords.hash(Secret::new(new_password.0)).await.map_err(busy)?;
    let response = call
        .write(move |tx, _| {
            store::change_password(tx, id, &present, &hash)?;
            store::end_other_sessions(tx, id, actor.session, "password_changed")?;
            Ok(Reply::nothing())
        })
        .await?;
    app.cache.bump(id).await;
    Ok(response)
}

/// A key for an authenticator app.
#[derive(Serialize, ToSchema)]
pub struct TotpOffer {
    /// Base 32, for typing into the app.
    pub key: String,
    /// For a QR code.
    pub uri: String,
    /// Send it back with the first code, within ten minutes.
    pub enrolment: String,
}

/// Ask for a one-time code key
///
/// Nothing changes until the first code has been confirmed.
#[utoipa::path(post, path = "/me/totp", tag = "identity", operation_id = "begin_totp",
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = TotpOffer)))]
async fn begin_totp(call: Call) -> Outcome {
    let _: Nothing = call.body()?;
    let id = call.actor()?.id;
    call.write(move |tx, cx| {
        let account = store::staff_account(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
        let key = TotpKey::generate();
        let offer = format!("{}.{}", tx.now().millis(), key.base32().expose());
        let sealed = cx.app.vault.seal(enrolment_of(&id.text()), offer.as_bytes());
        Reply::ok(&TotpOffer {
            key: key.base32().expose().to_owned(),
            uri: key.uri("jiazai", &account.username).expose().to_owned(),
            enrolment: base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, sealed),
        })
    })
    .await
}

fn enrolment_of(row: &str) -> Aad<'_> {
    Aad { table: "totp", column: "enrolment", row }
}

#[derive(Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ConfirmTotp {
    #[schema(inline)]
    pub enrolment: Text512,
    #[schema(inline)]
    pub code: Text6To6,
    /// Where one-time codes are on already: one of the present key, so that nobody but its owner replaces it.
    #[deserr(default)]
    #[schema(inline)]
    pub present_code: Option<Text6To6>,
}

/// Turn one-time codes on, or go over to another key
#[utoipa::path(post, path = "/me/totp/confirm", tag = "identity", operation_id = "confirm_totp",
    request_body(content = ConfirmTotp, example = json!({ "enrolment": "AaIAhPAYd3CMGziDlU", "code": "123456" })), responses((status = 204, description = "From now on log-in asks for a code")))]
async fn confirm_totp(call: Call) -> Outcome {
    let body: ConfirmTotp = call.body()?;
    let id = call.actor()?.id;
    let verdict = call
        .write(move |tx, cx| {
            let bad =
                || ApiError::fault("/enrolment", "enrolment_invalid", "已过期，请重新获取", "is not valid any more; ask for a new key");
            let sealed = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &body.enrolment.0).map_err(|_| bad())?;
            let offer = cx.app.vault.open_text(enrolment_of(&id.text()), &sealed).map_err(|_| bad())?;
            let (made_at, key) = offer.expose().split_once('.').ok_or_else(bad)?;
            let made_at: i64 = made_at.parse().map_err(|_| bad())?;
            if tx.now().millis() - made_at > 600_000 {
                return Err(bad());
            }
            let step = TotpKey::from_base32(key).ok_or_else(bad)?.check(&body.code.0, tx.now(), None);
            let step = step.ok_or_else(|| ApiError::fault("/code", "code_wrong", "动态码不正确", "is not the present code"))?;
            let account = store::staff_account(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
            not_locked(tx, cx, &account.username)?;
            if let Some(present) = store::totp_key(&cx.app.vault, &account)? {
                let given =
                    body.present_code.as_ref().ok_or_else(|| ApiError::fault("/present_code", "required", "必填", "is required"))?;
                let known = TotpKey::from_base32(present.expose()).and_then(|key| key.check(&given.0, tx.now(), Some(account.totp_step)));
                if known.is_none() {
                    count_failure(tx, cx, &account.username)?;
                    // The count must be kept, so this refusal leaves the transaction as a success and is told below.
                    return Ok(Reply { status: 422, headers: Default::default(), body: vec![] });
                }
            }
            store::set_totp(tx, &cx.app.vault, id, Some(&Secret::new(key)))?;
            let account = store::staff_account(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
            store::use_totp_step(tx, &account, step)?;
            Ok(Reply::nothing())
        })
        .await?;
    let wrong = || ApiError::fault("/present_code", "code_wrong", "动态码不正确", "is not the present code");
    if verdict.status().as_u16() == 422 { Err(wrong()) } else { Ok(verdict) }
}
