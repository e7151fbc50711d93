//! Shifts of an activity.

use std::time::{Duration, UNIX_EPOCH};

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_TYPE, Expires};
use jiazai_domain::api_key::Action;
use jiazai_domain::volunteer::{ActivityKind, CheckInCode, CodeKey, ShiftId, ShiftKind};
use jiazai_infra::db::Tx;
use jiazai_infra::mini_codes;
use jiazai_infra::volunteer::{self as store, Look};

use super::commands::{self, mine, seen_activity, seen_shift, show_shift};
use super::dto::{CodeDto, NewShift, NewShiftSeries, Reschedule, Resize, ShiftDto, ShiftSeries, Why};
use super::refusal::{CONFLICT, Standing};
use super::{LEADERS, picture, settle_due};
use crate::app::App;
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::input::Nothing;
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(create_shift, Access::Roles(LEADERS)).refuses(CONFLICT))
        .add(op!(create_shift_series, Access::Roles(LEADERS)).refuses(CONFLICT))
        .add(op!(list_shifts, Access::Anyone).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_shift, Access::Anyone))
        .add(op!(reschedule_shift, Access::Roles(LEADERS)).refuses(CONFLICT))
        .add(op!(resize_shift, Access::Roles(LEADERS)).refuses(CONFLICT).refuses(&[code::CAPACITY_IN_USE]))
        .add(op!(cancel_shift, Access::Roles(LEADERS)).refuses(CONFLICT))
        .add(op!(show_check_in_code, Access::Roles(LEADERS)).refuses(CONFLICT))
        .add(op!(show_shift_mini_code, Access::Roles(LEADERS)).refuses(&[code::WECHAT_UNAVAILABLE]))
        // The picture is the code: whoever may look at it may check people in.
        .add(op!(show_check_in_picture, Access::Roles(LEADERS)).scope(Action::Write).refuses(CONFLICT));
}

/// The secret that check-in codes are made with: every instance of an installation makes the same.
pub fn code_key(app: &App) -> CodeKey {
    CodeKey::new(app.vault.derive("volunteer-check-in"))
}

/// Schedule a shift 排班
#[utoipa::path(post, path = "/volunteer-activities/{id}/shifts", tag = "volunteer", operation_id = "create_shift", params(("id" = String, Path)),
    request_body(content = NewShift, example = json!({ "starts_at": "2026-05-01T01:00:00Z", "ends_at": "2026-05-01T03:00:00Z", "capacity": 20, "waitlist_capacity": 10, "cancel_before_s": 10800 })), responses((status = 201, body = ShiftDto, headers(("ETag" = String)))))]
async fn create_shift(call: Call, id: At<ActivityKind>) -> Outcome {
    let body: NewShift = call.body()?;
    call.write(move |tx, cx| commands::create_shift(tx, cx, id.0, &body)).await
}

/// Schedule shifts that recur 周期排班
///
/// At most 120; all or none are made. With `opens_before_s` signing up for each opens that long before it begins.
#[utoipa::path(post, path = "/volunteer-activities/{id}/shift-series", tag = "volunteer", operation_id = "create_shift_series", params(("id" = String, Path)),
    request_body(content = NewShiftSeries, example = json!({ "from": "2026-05-01", "until": "2026-06-30", "weekdays": [6, 7], "starts": "09:00", "duration_s": 7200, "except": ["2026-05-03"], "capacity": 10, "waitlist_capacity": 5 })), responses((status = 201, body = ShiftSeries)))]
async fn create_shift_series(call: Call, id: At<ActivityKind>) -> Outcome {
    let body: NewShiftSeries = call.body()?;
    call.write(move |tx, cx| commands::create_series(tx, cx, id.0, &body)).await
}

/// List an activity's shifts
///
/// Soonest first. `upcoming=true` leaves out those that have ended.
#[utoipa::path(get, path = "/volunteer-activities/{id}/shifts", tag = "volunteer", operation_id = "list_shifts",
    params(("id" = String, Path), ("upcoming" = Option<bool>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ShiftDto>)))]
async fn list_shifts(call: Call, id: At<ActivityKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    let upcoming = params.flag("upcoming")?.unwrap_or(false);
    settle_due(&call, Look::Activity(id.0)).await?;
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        seen_activity(tx, who, id.0)?;
        let now = tx.now();
        let after =
            window.after.as_deref().and_then(|key| key.split_once(' ')).and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
        let rows = store::shifts(tx, id.0, upcoming.then_some(now), after, window.fetch())?;
        let mine = mine(tx, who, &rows)?;
        Ok(window.page(
            rows,
            |shift| format!("{} {}", shift.facts().starts_at.millis(), shift.facts().id),
            |shift| ShiftDto::of(&shift, &mine, who, now),
        ))
    })
    .await
}

/// One shift
#[utoipa::path(get, path = "/shifts/{id}", tag = "volunteer", operation_id = "get_shift", params(("id" = String, Path)),
    responses((status = 200, body = ShiftDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_shift(call: Call, id: At<ShiftKind>) -> Outcome {
    settle_due(&call, Look::Shift(id.0)).await?;
    call.read_brief(move |tx, cx| {
        let who = cx.actor()?;
        let (_, shift) = seen_shift(tx, who, id.0)?;
        show_shift(tx, who, &shift)
    })
    .await
}

/// Move it to another time 改期
///
/// Everybody keeps what they have and is told; whom the new time does not suit cancels. Where signing up has not opened yet, that
/// moves along.
#[utoipa::path(post, path = "/shifts/{id}/reschedule", tag = "volunteer", operation_id = "reschedule_shift", params(("id" = String, Path)),
    request_body(content = Reschedule, example = json!({ "starts_at": "2026-05-02T01:00:00Z", "ends_at": "2026-05-02T03:00:00Z" })), responses((status = 200, body = ShiftDto)))]
async fn reschedule_shift(call: Call, id: At<ShiftKind>) -> Outcome {
    let body: Reschedule = call.body()?;
    call.write(move |tx, cx| commands::reschedule(tx, cx, id.0, (body.starts_at.0, body.ends_at.0))).await
}

/// More places, or fewer 调整名额
///
/// Fewer only as long as nobody loses what they have. New places go to those who wait.
#[utoipa::path(post, path = "/shifts/{id}/resize", tag = "volunteer", operation_id = "resize_shift", params(("id" = String, Path)),
    request_body(content = Resize, example = json!({ "capacity": 30, "waitlist_capacity": 10 })), responses((status = 200, body = ShiftDto)))]
async fn resize_shift(call: Call, id: At<ShiftKind>) -> Outcome {
    let body: Resize = call.body()?;
    call.write(move |tx, cx| commands::resize(tx, cx, id.0, &body)).await
}

/// Cancel a shift 取消班次
///
/// Until its end. Whoever has a place, an offer or a number in the line is told; who is there is sent home with what they have served
/// until now (`done`), for the leader to settle.
#[utoipa::path(post, path = "/shifts/{id}/cancel", tag = "volunteer", operation_id = "cancel_shift", params(("id" = String, Path)),
    request_body(content = Why, example = json!({ "reason": "台风" })), responses((status = 200, body = ShiftDto)))]
async fn cancel_shift(call: Call, id: At<ShiftKind>) -> Outcome {
    let body: Why = call.body()?;
    call.write(move |tx, cx| commands::cancel_shift(tx, cx, id.0, body.reason.as_ref())).await
}

/// The check-in code of this half minute 签到码
///
/// From half an hour before the start until twelve hours after the end. One code serves everybody who is there; show the
/// next one when it expires. Nothing is stored, so a repeat with an `Idempotency-Key` gets the present code.
#[utoipa::path(post, path = "/shifts/{id}/check-in-code", tag = "volunteer", operation_id = "show_check_in_code", params(("id" = String, Path)),
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = CodeDto)))]
async fn show_check_in_code(call: Call, id: At<ShiftKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.read_brief(move |tx, cx| {
        let code = present_code(tx, cx, id.0)?;
        Reply::ok(&CodeDto { code: code.code, expires_at: code.expires_at.into() })
    })
    .await
}

/// The check-in code as a picture 签到二维码
///
/// A QR code, as SVG, that holds the code and nothing else: what `wx.scanCode` reads is what check-in takes. `Expires` says when to
/// fetch the next one.
#[utoipa::path(get, path = "/shifts/{id}/check-in-code.svg", tag = "volunteer", operation_id = "show_check_in_picture",
    params(("id" = String, Path)),
    responses((status = 200, description = "A QR code", content((String = "image/svg+xml")), headers(("Expires" = String)))))]
async fn show_check_in_picture(call: Call, id: At<ShiftKind>) -> Outcome {
    call.query()?.finish()?;
    let cx = call.cx()?;
    let code = call.app.db.read_brief(move |tx| present_code(tx, &cx, id.0)).await?;
    let expires = UNIX_EPOCH + Duration::from_millis(code.expires_at.millis().unsigned_abs());
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "image/svg+xml"))
        .insert_header(Expires(expires.into()))
        .body(picture::qr(&code.code)?))
}

/// The page that a shift's mini-program code opens; the scene is the shift's id.
const SHIFT_PAGE: &str = "volunteer/shift";

/// A mini-program code for a poster 小程序码
///
/// Scanned in WeChat it opens the shift, with the shift's id as `scene`. WeChat draws it once; later it comes from what is kept.
#[utoipa::path(get, path = "/shifts/{id}/mini-program-code", tag = "volunteer", operation_id = "show_shift_mini_code",
    params(("id" = String, Path)),
    responses((status = 200, description = "The picture", content((String = "image/png"), (String = "image/jpeg")))))]
async fn show_shift_mini_code(call: Call, id: At<ShiftKind>) -> Outcome {
    call.query()?.finish()?;
    let (cx, scene) = (call.cx()?, id.0.text());
    let target = format!("{SHIFT_PAGE}?{scene}");
    let look = target.clone();
    let kept = call
        .app
        .db
        .read_brief(move |tx| {
            let who = cx.actor()?;
            let (_, shift) = seen_shift(tx, who, id.0)?;
            who.volunteer_leader_of(shift.facts().community)?;
            Ok::<_, ApiError>(mini_codes::find(tx, &look)?)
        })
        .await?;
    let picture = match kept {
        Some(picture) => picture,
        None => {
            let drawn = call.app.wechat.mini_code(SHIFT_PAGE, &scene).await.map_err(|trouble| {
                tracing::warn!(%trouble, "no mini-program code");
                ApiError::new(code::WECHAT_UNAVAILABLE).retry_after(5)
            })?;
            let keep = drawn.clone();
            call.app.db.write(move |tx| mini_codes::keep(tx, &target, &keep)).await?;
            drawn
        }
    };
    let kind = if picture.starts_with(b"\x89PNG") { "image/png" } else { "image/jpeg" };
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, kind)).body(picture))
}

fn present_code(tx: &mut Tx, cx: &Cx, id: ShiftId) -> Result<CheckInCode, ApiError> {
    let who = cx.actor()?;
    let (_, shift) = seen_shift(tx, who, id)?;
    shift.check_in_code(&code_key(&cx.app), who, tx.now()).map_err(|refusal| refused(&shift, who, refusal, tx.now()))
}

fn refused(
    shift: &jiazai_domain::volunteer::Shift,
    who: &jiazai_domain::actor::Actor,
    refusal: jiazai_domain::volunteer::Refusal,
    now: jiazai_domain::kernel::time::Timestamp,
) -> ApiError {
    Standing::of_shift(shift, who, now).refuse(refusal)
}
