//! Logging in and out: residents by WeChat, staff by password and, if they want, a one-time code.
//!
//! A *session* is one log-in on one device. It is held by a *refresh token* that is spent and replaced by its successor;
//! what requests carry is a short *access token*. A refresh token is a keyed hash of (session, generation), so the
//! database holds nothing that could be stolen and used. Spending a token again gives the same successor for half a
//! minute, because answers get lost; spending an older one ends the session, because somebody has copied it.

pub mod dto;
pub mod refresh;

use jiazai_domain::actor::{PrincipalId, SessionId};
use jiazai_domain::kernel::time::Timestamp;
use jiazai_infra::db::Tx;
use jiazai_infra::identity::{self as store, Session};
use jiazai_infra::password::totp::TotpKey;
use jiazai_infra::vault::Secret;
use jiazai_infra::wechat::WechatError;

use self::dto::{Login, Logout, Principal, Refresh, SessionDto, StaffLogin};
use crate::app::App;
use crate::auth::ACCESS_LIFETIME_S;
use crate::call::{Begun, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api, Limit};

/// Wrong passwords in a row that lock a user name, and for how many seconds.
const FAILURES: i64 = 10;
const LOCKED_S: i64 = 15 * 60;
/// How long a session may lie unused, and how long it may live at all, in seconds.
const RESIDENT_SESSION: (i64, i64) = (30 * 86_400, 180 * 86_400);
const STAFF_SESSION: (i64, i64) = (12 * 3600, 7 * 86_400);
/// How long a spent refresh token may be repeated.
const GRACE_S: i64 = 30;

pub fn routes(api: &mut Api) {
    api.add(op!(log_in_with_wechat, Access::Public).limit(Limit::WechatLogin).refuses(&[
        code::WECHAT_CODE_INVALID,
        code::WECHAT_THROTTLED,
        code::WECHAT_UNAVAILABLE,
    ]))
    .add(op!(log_in_staff, Access::Public).limit(Limit::Password).refuses(&[code::CREDENTIALS_INVALID, code::ACCOUNT_LOCKED, code::BUSY]))
    .add(op!(refresh_session, Access::Public).refuses(&[code::REFRESH_INVALID, code::REFRESH_REUSED, code::SESSION_REVOKED]))
    .add(op!(log_out, Access::Anyone));
}

/// Log in with WeChat
///
/// Exchanges the code of `wx.login`, which is used once and never retried: when this fails with 503, get a new code.
/// A first log-in makes the account.
#[utoipa::path(post, path = "/auth/wechat/login", tag = "identity", operation_id = "log_in_with_wechat",
    request_body(content = Login, example = json!({ "code": "0a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p" })), responses((status = 200, body = SessionDto)))]
async fn log_in_with_wechat(call: Call) -> Outcome {
    let body: Login = call.body()?;
    let (keyed, _flight) = match call.begin(call.raw_body()).await? {
        Begun::Replay(response) => return Ok(response),
        Begun::Go(keyed, flight) => (keyed, flight),
    };
    let wechat = call.app.wechat.code2session(&body.code.0).await.map_err(wechat_refusal)?;
    call.write_keyed(keyed, move |tx, cx| {
        let id = store::resident_or_new(tx, &cx.app.vault, &wechat.openid, "微信用户")?;
        let session = open_session(tx, &cx.app, id, RESIDENT_SESSION)?;
        Reply::ok(&session)
    })
    .await
}

/// What WeChat's trouble means to our caller.
pub fn wechat_refusal(error: WechatError) -> ApiError {
    tracing::warn!(%error, "WeChat refused or failed");
    match error {
        WechatError::CodeInvalid(_) => ApiError::new(code::WECHAT_CODE_INVALID),
        WechatError::Throttled(_) => ApiError::new(code::WECHAT_THROTTLED).retry_after(60),
        WechatError::Unavailable(_) => ApiError::new(code::WECHAT_UNAVAILABLE).retry_after(5),
    }
}

/// Log in as staff
///
/// Ten wrong passwords in a row lock the user name for a quarter of an hour, whether or not somebody has it.
#[utoipa::path(post, path = "/auth/staff/login", tag = "identity", operation_id = "log_in_staff",
    request_body(content = StaffLogin, example = json!({ "username": "dispatcher", "password": "jiazai-demo" })), responses((status = 200, body = SessionDto)))]
async fn log_in_staff(call: Call) -> Outcome {
    let StaffLogin { username, password, totp } = call.body()?;
    let username = username.0.to_lowercase();
    let (keyed, _flight) = match call.begin(call.raw_body()).await? {
        Begun::Replay(response) => return Ok(response),
        Begun::Go(keyed, flight) => (keyed, flight),
    };
    let (name, vault) = (username.clone(), call.app.vault.clone());
    let (locked, account) = call
        .app
        .db
        .read_brief(move |tx| {
            let locked = store::locked_until(tx, &vault, &name, LOCKED_S)?;
            Ok::<_, ApiError>((locked, store::staff_by_username(tx, &name)?))
        })
        .await?;
    if let Some(until) = locked {
        return Err(account_locked(until, call.app.clock.now()));
    }
    // Checked outside the transaction because it takes tens of milliseconds on purpose; inside, the hash that was
    // checked must still be the account's. An unknown name costs the same.
    let phc = account.as_ref().map(|account| account.password_hash.clone());
    let checked = call.app.passwords.verify(Secret::new(password.0), phc).await.map_err(|_| ApiError::new(code::BUSY))?;
    let verdict = call
        .write_keyed(keyed, move |tx, cx| {
            not_locked(tx, cx, &username)?;
            let account = account.as_ref().filter(|_| checked.matches);
            match account.map(|account| admitted(tx, cx, account.id, &account.password_hash, totp.as_ref().map(|t| t.0.as_str()))) {
                Some(Ok(id)) => {
                    store::forgive_failures(tx, &cx.app.vault, &username)?;
                    crate::audit::logged_in(tx, cx.asked(), id)?;
                    Reply::ok(&open_session(tx, &cx.app, id, STAFF_SESSION)?)
                }
                Some(Err(error)) if error.code() != code::CREDENTIALS_INVALID => Err(error),
                _ => {
                    count_failure(tx, cx, &username)?;
                    // The count must be kept, so this refusal leaves the transaction as a success and is told below.
                    Ok(Reply { status: 401, headers: Default::default(), body: vec![] })
                }
            }
        })
        .await?;
    if verdict.status().as_u16() == 401 { Err(ApiError::new(code::CREDENTIALS_INVALID)) } else { Ok(verdict) }
}

/// Counts a wrong password or one-time code, wherever it was typed.
pub fn count_failure(tx: &mut Tx, cx: &Cx, username: &str) -> Result<(), ApiError> {
    let until = tx.now().plus_seconds(LOCKED_S);
    Ok(store::count_failure(tx, &cx.app.vault, username, FAILURES, until)?)
}

/// Refuses whoever has typed too many.
pub fn not_locked(tx: &mut Tx, cx: &Cx, username: &str) -> Result<(), ApiError> {
    match store::locked_until(tx, &cx.app.vault, username, LOCKED_S)? {
        Some(until) => Err(account_locked(until, tx.now())),
        None => Ok(()),
    }
}

fn account_locked(until: Timestamp, now: Timestamp) -> ApiError {
    ApiError::new(code::ACCOUNT_LOCKED).retry_after(until.wait_from(now).as_secs() + 1)
}

/// The account, if its password is still the one that was checked, it may act, and its one-time code is right.
fn admitted(tx: &mut Tx, cx: &Cx, id: PrincipalId, checked_hash: &str, totp: Option<&str>) -> Result<PrincipalId, ApiError> {
    let invalid = || ApiError::new(code::CREDENTIALS_INVALID);
    let account = store::hold_staff(tx, id, checked_hash)?.ok_or_else(invalid)?;
    if let Some(key) = store::totp_key(&cx.app.vault, &account)? {
        let key = TotpKey::from_base32(key.expose()).ok_or_else(invalid)?;
        let step = key.check(totp.ok_or_else(invalid)?, tx.now(), Some(account.totp_step)).ok_or_else(invalid)?;
        store::use_totp_step(tx, &account, step)?;
    }
    Ok(id)
}

/// Opens a session for an account.
fn open_session(tx: &mut Tx, app: &App, principal: PrincipalId, (idle_s, life_s): (i64, i64)) -> Result<SessionDto, ApiError> {
    let now = tx.now();
    let session = Session {
        id: tx.new_id(),
        principal,
        generation: 1,
        rotated_at: now,
        idle_until: now.plus_seconds(idle_s),
        ends_at: now.plus_seconds(life_s),
        ended_at: None,
    };
    store::insert_session(tx, &session)?;
    session_dto(tx, app, principal, session.id, session.generation)
}

fn session_dto(tx: &mut Tx, app: &App, principal: PrincipalId, session: SessionId, generation: i64) -> Result<SessionDto, ApiError> {
    Ok(SessionDto {
        access_token: app.tokens.issue(principal, session, tx.now())?,
        token_type: "Bearer",
        expires_in: ACCESS_LIFETIME_S,
        refresh_token: refresh::token(&app.vault, session, generation),
        principal: Principal::load(tx, &app.vault, principal)?,
    })
}

enum Refreshed {
    Session(Box<Reply>),
    /// A token that was spent long ago: the session has been ended.
    Reused(PrincipalId),
}

/// Replace a refresh token
///
/// Gives a new access token and the successor of the refresh token. Repeating the token just spent gives the same
/// successor for 30 s; any older one ends the session.
#[utoipa::path(post, path = "/auth/refresh", tag = "identity", operation_id = "refresh_session",
    request_body(content = Refresh, example = json!({ "refresh_token": "jzr_AaIAhPAYd3CMGziDlU_BJQAAAAAAAAAB3ZAOHRw_eEg9H4HPblBtxg9Z4oFElWl32YUx8WdNmk4" })), responses((status = 200, body = SessionDto)))]
async fn refresh_session(call: Call) -> Outcome {
    let body: Refresh = call.body()?;
    let invalid = || ApiError::new(code::REFRESH_INVALID);
    let (session, generation) = refresh::open(&call.app.vault, &body.refresh_token.0).ok_or_else(invalid)?;
    let app = call.app.clone().into_inner();
    let verdict = call
        .write(move |tx, cx| match refreshed(tx, &cx.app, session, generation)? {
            Refreshed::Session(reply) => Ok(*reply),
            // That the session has ended must be kept, so this refusal leaves the transaction as a success and is told below.
            Refreshed::Reused(principal) => {
                tracing::warn!(%principal, "a spent refresh token was used again; its session has been ended");
                Ok(Reply { status: 401, headers: Default::default(), body: vec![] })
            }
        })
        .await?;
    if verdict.status().as_u16() != 401 {
        return Ok(verdict);
    }
    if let Some(session) = app.db.read_brief(move |tx| store::session(tx, session)).await? {
        app.cache.bump(session.principal).await;
    }
    Err(ApiError::new(code::REFRESH_REUSED))
}

fn refreshed(tx: &mut Tx, app: &App, id: SessionId, generation: i64) -> Result<Refreshed, ApiError> {
    let now = tx.now();
    let session = store::session(tx, id)?.ok_or_else(|| ApiError::new(code::REFRESH_INVALID))?;
    let owner = store::principal(tx, session.principal)?.filter(|owner| owner.disabled_at.is_none());
    let (Some(owner), None) = (owner, session.ended_at) else { return Err(ApiError::new(code::SESSION_REVOKED)) };
    if session.idle_until <= now || session.ends_at <= now || generation > session.generation {
        return Err(ApiError::new(code::REFRESH_INVALID));
    }
    let next = if generation == session.generation {
        let (idle_s, _) = if owner.kind == jiazai_domain::actor::PrincipalKind::Staff { STAFF_SESSION } else { RESIDENT_SESSION };
        store::rotate_session(tx, &session, now.plus_seconds(idle_s))?;
        session.generation + 1
    } else if generation + 1 == session.generation && now <= session.rotated_at.plus_seconds(GRACE_S) {
        session.generation
    } else {
        store::end_session(tx, id, "refresh_reused")?;
        return Ok(Refreshed::Reused(session.principal));
    };
    let dto = session_dto(tx, app, session.principal, id, next)?;
    Ok(Refreshed::Session(Box::new(Reply::ok(&dto)?)))
}

/// Log out
///
/// Ends the session of the access token. A `refresh_token` of the same account may be sent along to end its session too.
#[utoipa::path(post, path = "/auth/logout", tag = "identity", operation_id = "log_out",
    request_body(content = Logout, example = json!({})), responses((status = 204, description = "Logged out")))]
async fn log_out(call: Call) -> Outcome {
    let body: Logout = call.body()?;
    let actor = call.actor()?.clone();
    let app = call.app.clone();
    let other = body.refresh_token.and_then(|token| refresh::open(&app.vault, &token.0)).map(|(session, _)| session);
    let principal = actor.id;
    let response = call
        .write(move |tx, _| {
            if let Some(session) = actor.session {
                store::end_session(tx, session, "logout")?;
            }
            // Somebody else's token ends nothing, and is not told apart from one that ended long ago.
            if let Some(other) = other
                && store::session(tx, other)?.is_some_and(|session| session.principal == actor.id)
            {
                store::end_session(tx, other, "logout")?;
            }
            Ok(Reply::nothing())
        })
        .await?;
    app.cache.bump(principal).await;
    Ok(response)
}
