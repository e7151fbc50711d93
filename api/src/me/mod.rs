//! Me: what somebody may see, change, take away and erase of their own account.

mod export;
mod leaving;
mod secrets;

use deserr::Deserr;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::content::{Cause, Verdict};
use jiazai_infra::db::Tx;
use jiazai_infra::identity as store;
use jiazai_infra::wechat::Scene;
use utoipa::ToSchema;

pub use self::leaving::erase;
pub use self::secrets::weak_password;
use crate::call::{Begun, Call, Outcome};
use crate::error::{ApiError, code};
use crate::identity::dto::{Login, Principal};
use crate::identity::wechat_refusal;
use crate::input::Faults;
use crate::input::named::Text20;
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(bind_phone, Access::Residents).refuses(&[code::WECHAT_CODE_INVALID, code::WECHAT_THROTTLED, code::WECHAT_UNAVAILABLE]))
        .add(op!(get_me, Access::Anyone).open_to_programs())
        .add(op!(update_me, Access::Residents).unconditional().refuses(&[code::WECHAT_UNAVAILABLE]));
    leaving::routes(api);
    export::routes(api);
    secrets::routes(api);
    api.add(op!(bind_my_wechat, Access::Staff).refuses(&[code::WECHAT_CODE_INVALID, code::WECHAT_THROTTLED, code::WECHAT_UNAVAILABLE]));
}

/// Holds on to an account while something is written into it. WeChat was asked before, and in those seconds its owner may have erased
/// it, or somebody have disabled it: then nothing is written into it any more.
fn hold(tx: &mut Tx, id: PrincipalId) -> Result<(), ApiError> {
    if store::hold_acting(tx, id)? { Ok(()) } else { Err(ApiError::new(code::SESSION_REVOKED)) }
}

/// Bind the phone number
///
/// Takes the code of the phone number button, not one of `wx.login`. WeChat gives each code once.
#[utoipa::path(post, path = "/auth/wechat/phone", tag = "identity", operation_id = "bind_phone",
    request_body(content = Login, example = json!({ "code": "0a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p" })), responses((status = 200, body = Principal)))]
async fn bind_phone(call: Call) -> Outcome {
    let body: Login = call.body()?;
    let id = call.actor()?.id;
    let (keyed, _flight) = match call.begin(call.raw_body()).await? {
        Begun::Replay(response) => return Ok(response),
        Begun::Go(keyed, flight) => (keyed, flight),
    };
    let vault = call.app.vault.clone();
    let openid = call.app.db.read_brief(move |tx| store::openid_of(tx, &vault, id)).await?;
    let openid = openid.as_ref().map(|openid| openid.expose());
    let phone = call.app.wechat.phone_number(&body.code.0, openid).await.map_err(wechat_refusal)?;
    // Numbers of other countries keep their prefix; those of this one are stored the way people say them.
    let number = if phone.country == "86" { phone.number } else { format!("+{}{}", phone.country, phone.number) };
    call.write_keyed(keyed, move |tx, cx| {
        hold(tx, id)?;
        store::bind_phone(tx, &cx.app.vault, id, &number)?;
        Reply::ok(&Principal::load(tx, &cx.app.vault, id)?)
    })
    .await
}

/// Who am I
#[utoipa::path(get, path = "/me", tag = "identity", operation_id = "get_me", responses((status = 200, body = Principal)))]
async fn get_me(call: Call) -> Outcome {
    call.read_brief(move |tx, cx| {
        let who = cx.actor()?;
        let mut principal = Principal::load(tx, &cx.app.vault, who.id)?;
        // Of a short token, what it was narrowed to.
        if let Some(scopes) = &mut principal.scopes {
            *scopes = who.scopes.iter().map(ToString::to_string).collect();
        }
        Reply::ok(&principal)
    })
    .await
}

/// What a resident may change about themselves.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct UpdateMe {
    #[schema(inline)]
    #[deserr(default)]
    pub nickname: Option<Text20>,
}

/// Change my account
///
/// A nickname is looked at by WeChat's content check first: 422 `content_refused` when it would not show it, 503 when it has no
/// opinion at the moment.
#[utoipa::path(put, path = "/me", tag = "identity", operation_id = "update_me",
    request_body(content = UpdateMe, example = json!({ "nickname": "阿明" })), responses((status = 200, body = Principal)))]
async fn update_me(call: Call) -> Outcome {
    let body: UpdateMe = call.body()?;
    let id = call.actor()?.id;
    // A name is seen by others from the moment it is there, and is easily typed again: it is not held, it is refused.
    let nickname = body.nickname.as_ref().map_or("", |nickname| nickname.0.as_str());
    match crate::content::judge(&call, Scene::Profile, nickname).await? {
        Verdict::Pass => {}
        Verdict::Hold { cause: Cause::Away, .. } => return Err(ApiError::new(code::WECHAT_UNAVAILABLE).retry_after(5)),
        Verdict::Hold { .. } => {
            let (zh, en) = ("昵称未通过内容审核，请换一个", "did not pass the content check; choose another");
            return Err(ApiError::fault("/nickname", "content_refused", zh, en));
        }
    }
    call.write(move |tx, cx| {
        hold(tx, id)?;
        let principal = store::principal(tx, id)?.ok_or_else(|| ApiError::new(code::NOT_FOUND))?;
        if let Some(nickname) = &body.nickname {
            store::update_principal(tx, id, principal.version, &nickname.0, false)?;
        }
        Reply::ok(&Principal::load(tx, &cx.app.vault, id)?)
    })
    .await
}

/// Have my notices sent to my WeChat
///
/// Takes a code of `wx.login`. It does not become a way to log in.
#[utoipa::path(post, path = "/me/wechat", tag = "identity", operation_id = "bind_my_wechat",
    request_body(content = Login, example = json!({ "code": "0a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p" })), responses((status = 204, description = "Bound")))]
async fn bind_my_wechat(call: Call) -> Outcome {
    let body: Login = call.body()?;
    let id = call.actor()?.id;
    let (keyed, _flight) = match call.begin(call.raw_body()).await? {
        Begun::Replay(response) => return Ok(response),
        Begun::Go(keyed, flight) => (keyed, flight),
    };
    let wechat = call.app.wechat.code2session(&body.code.0).await.map_err(wechat_refusal)?;
    call.write_keyed(keyed, move |tx, cx| {
        hold(tx, id)?;
        store::set_staff_openid(tx, &cx.app.vault, id, &wechat.openid)?;
        Ok(Reply::nothing())
    })
    .await
}
