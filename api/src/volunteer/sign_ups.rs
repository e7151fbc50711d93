//! Sign-ups, hours and the ranking.

use jiazai_domain::actor::CommunityId;
use jiazai_domain::volunteer::{RankingBy, ShiftId, ShiftKind, SignUpKind, State};
use jiazai_infra::volunteer::{self as store, Look, SignUpFilter};

use super::commands::{absent, seen_shift};
use super::dto::{CheckIn, CommunityMinutes, HoursDto, NewSignUp, Ranked, Ranking, RankingConsent, Settle, ShownCode, SignUpDto, Why};
use super::refusal::{CONFLICT, SEAT};
use super::seats::{self, seen, show, show_all};
use super::{LEADERS, roster, settle_due};
use crate::bulk::{Encoding, Form};
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::input::{Day, Nothing, Ref};
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(sign_up_for_shift, Access::Residents).refuses(SEAT))
        .add(op!(list_shift_sign_ups, Access::Roles(LEADERS)).exported_apart().refuses(&[code::CURSOR_INVALID]))
        .add(op!(export_shift_sign_ups, Access::Roles(LEADERS)).sensitive())
        .add(op!(export_shift_sign_ups_ndjson, Access::Roles(LEADERS)).sensitive())
        .add(op!(export_shift_sign_ups_xlsx, Access::Roles(LEADERS)).sensitive())
        .add(op!(get_sign_up, Access::ResidentsOr(LEADERS)))
        .add(op!(cancel_sign_up, Access::ResidentsOr(LEADERS)).refuses(CONFLICT).refuses(&[code::TOO_LATE_TO_CANCEL]))
        .add(op!(accept_sign_up_offer, Access::Residents).refuses(SEAT).refuses(&[code::OFFER_EXPIRED]))
        .add(op!(check_in, Access::Residents).refuses(CONFLICT))
        .add(op!(check_out, Access::Residents).refuses(CONFLICT))
        .add(op!(mark_absent, Access::Roles(LEADERS)).refuses(CONFLICT))
        .add(op!(settle_sign_up, Access::Roles(LEADERS)).refuses(CONFLICT).refuses(&[code::BALANCE_TOO_LARGE]))
        .add(op!(list_my_sign_ups, Access::Residents).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_my_volunteer_hours, Access::Residents))
        .add(op!(set_ranking_consent, Access::Residents).unconditional())
        .add(op!(get_volunteer_ranking, Access::Anyone).refuses(&[code::NOT_FOUND]));
}

/// Sign up 报名
///
/// A place if there is one (`confirmed`), else a number in the line (`waitlisted`, with `position`). For somebody else only by
/// their delegation for `volunteer`; who acts by it may also cancel and take an offer for them.
#[utoipa::path(post, path = "/shifts/{id}/sign-ups", tag = "volunteer", operation_id = "sign_up_for_shift", params(("id" = String, Path)),
    request_body(content = NewSignUp, example = json!({})), responses((status = 201, body = SignUpDto, headers(("ETag" = String)))))]
async fn sign_up_for_shift(call: Call, id: At<ShiftKind>) -> Outcome {
    let body: NewSignUp = call.body()?;
    call.write(move |tx, cx| seats::sign_up(tx, cx, id.0, &body)).await
}

/// Who has signed up 报名名单
///
/// For those who lead volunteers in the community. Newest first.
#[utoipa::path(get, path = "/shifts/{id}/sign-ups", tag = "volunteer", operation_id = "list_shift_sign_ups",
    params(("id" = String, Path), ("state" = Option<super::dto::SignUpState>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<SignUpDto>)))]
async fn list_shift_sign_ups(call: Call, id: At<ShiftKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    let state = params.word("state", State::ALL, State::as_str)?;
    settle_due(&call, Look::Shift(id.0)).await?;
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let (_, shift) = seen_shift(tx, who, id.0)?;
        who.volunteer_leader_of(shift.facts().community)?;
        let filter = SignUpFilter { shift: Some(id.0), state, resident: None };
        let rows = store::sign_ups(tx, &filter, window.after.as_deref(), window.fetch())?;
        let shown = show_all(tx, who, &rows)?;
        Ok(window.page(shown, |sign_up| sign_up.id.0.text(), |sign_up| sign_up))
    })
    .await
}

/// The roster as a table 导出名单
///
/// CSV in UTF-8, for a spreadsheet, streamed. Telephone numbers are masked, cells that a spreadsheet would compute have an
/// apostrophe before them, and it is remembered who had the list.
#[utoipa::path(get, path = "/shifts/{id}/sign-ups.csv", tag = "volunteer", operation_id = "export_shift_sign_ups",
    params(("id" = String, Path), ("state" = Option<super::dto::SignUpState>, Query), ("encoding" = Option<String>, Query, description = "`utf-8`, `utf-8-bom` (when left out) or `gb18030`")),
    responses((status = 200, description = "One line a sign-up", content((String = "text/csv")))))]
async fn export_shift_sign_ups(call: Call, id: At<ShiftKind>) -> Outcome {
    export(call, id.0, Form::Csv).await
}

/// The roster as one JSON object a line
///
/// As the CSV.
#[utoipa::path(get, path = "/shifts/{id}/sign-ups.ndjson", tag = "volunteer", operation_id = "export_shift_sign_ups_ndjson",
    params(("id" = String, Path), ("state" = Option<super::dto::SignUpState>, Query)),
    responses((status = 200, description = "One object a sign-up", content((String = "application/x-ndjson")))))]
async fn export_shift_sign_ups_ndjson(call: Call, id: At<ShiftKind>) -> Outcome {
    export(call, id.0, Form::Ndjson).await
}

/// The roster as a workbook
///
/// As the CSV.
#[utoipa::path(get, path = "/shifts/{id}/sign-ups.xlsx", tag = "volunteer", operation_id = "export_shift_sign_ups_xlsx",
    params(("id" = String, Path), ("state" = Option<super::dto::SignUpState>, Query)),
    responses((status = 200, description = "One row a sign-up", content((String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
async fn export_shift_sign_ups_xlsx(call: Call, id: At<ShiftKind>) -> Outcome {
    export(call, id.0, Form::Xlsx).await
}

async fn export(call: Call, shift: ShiftId, form: Form) -> Outcome {
    let mut params = call.query()?;
    let encoding = Encoding::asked(&mut params, form)?;
    let state = params.word("state", State::ALL, State::as_str)?;
    params.finish()?;
    settle_due(&call, Look::Shift(shift)).await?;
    roster::export(call, roster::What { shift, state, form, encoding }).await
}

/// One sign-up
#[utoipa::path(get, path = "/sign-ups/{id}", tag = "volunteer", operation_id = "get_sign_up", params(("id" = String, Path)),
    responses((status = 200, body = SignUpDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_sign_up(call: Call, id: At<SignUpKind>) -> Outcome {
    let cx = call.cx()?;
    let found = call.app.db.read_brief(move |tx| seen(tx, cx.actor()?, id.0)).await?;
    settle_due(&call, Look::Shift(found.facts().shift)).await?;
    let cx = call.cx()?;
    let reply = call
        .app
        .db
        .read_brief(move |tx| {
            let who = cx.actor()?;
            let sign_up = seen(tx, who, id.0)?;
            Ok::<_, ApiError>((show(tx, who, &sign_up)?, sign_up.facts().state))
        })
        .await?;
    // Whoever waits moves up without their own row changing: for them there is no "not changed".
    Ok(if reply.1 == State::Waitlisted { reply.0.into_response() } else { call.answer(reply.0) })
}

/// Cancel it 取消报名
///
/// The volunteer until the shift's latest time, the leader until they have come. Leaving the line or declining an offer is
/// possible at any time.
#[utoipa::path(post, path = "/sign-ups/{id}/cancel", tag = "volunteer", operation_id = "cancel_sign_up", params(("id" = String, Path)),
    request_body(content = Why, example = json!({ "reason": "临时有事" })), responses((status = 200, body = SignUpDto)))]
async fn cancel_sign_up(call: Call, id: At<SignUpKind>) -> Outcome {
    let body: Why = call.body()?;
    call.write(move |tx, cx| seats::cancel(tx, cx, id.0, body.reason.as_ref())).await
}

/// Take the place that is held 接受候补
#[utoipa::path(post, path = "/sign-ups/{id}/accept-offer", tag = "volunteer", operation_id = "accept_sign_up_offer", params(("id" = String, Path)),
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = SignUpDto)))]
async fn accept_sign_up_offer(call: Call, id: At<SignUpKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| seats::accept_offer(tx, cx, id.0)).await
}

/// Check in 签到
///
/// With the code that the leader shows, from half an hour before the start until the end; where the activity has a `spot`, from
/// there.
#[utoipa::path(post, path = "/sign-ups/{id}/check-in", tag = "volunteer", operation_id = "check_in", params(("id" = String, Path)),
    request_body(content = CheckIn, example = json!({ "code": "7K3M9QXA" })), responses((status = 200, body = SignUpDto)))]
async fn check_in(call: Call, id: At<SignUpKind>) -> Outcome {
    let body: CheckIn = call.body()?;
    call.write(move |tx, cx| seats::check_in(tx, cx, id.0, &body)).await
}

/// Check out 签退
///
/// With the code that the leader shows by then; where the activity has a `spot`, from there.
#[utoipa::path(post, path = "/sign-ups/{id}/check-out", tag = "volunteer", operation_id = "check_out", params(("id" = String, Path)),
    request_body(content = ShownCode, example = json!({ "code": "7K3M9QXA" })), responses((status = 200, body = SignUpDto)))]
async fn check_out(call: Call, id: At<SignUpKind>) -> Outcome {
    let body: ShownCode = call.body()?;
    call.write(move |tx, cx| seats::check_out(tx, cx, id.0, &body)).await
}

/// They did not come 标记缺席
///
/// From the start on. It counts towards the community's rule for absences.
#[utoipa::path(post, path = "/sign-ups/{id}/mark-absent", tag = "volunteer", operation_id = "mark_absent", params(("id" = String, Path)),
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = SignUpDto)))]
async fn mark_absent(call: Call, id: At<SignUpKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| seats::mark_absent(tx, cx, id.0)).await
}

/// Credit it 结算
///
/// Turns what was served into hours and points, once. Without a pair of check-in and check-out, after the end of the shift,
/// with the minutes that the leader finds and the reason.
#[utoipa::path(post, path = "/sign-ups/{id}/settle", tag = "volunteer", operation_id = "settle_sign_up", params(("id" = String, Path)),
    request_body(content = Settle, example = json!({ "minutes": 120, "reason": "忘记签退" })), responses((status = 200, body = SignUpDto)))]
async fn settle_sign_up(call: Call, id: At<SignUpKind>) -> Outcome {
    let body: Settle = call.body()?;
    call.write(move |tx, cx| seats::settle(tx, cx, id.0, &body)).await
}

/// My sign-ups
///
/// Newest first.
#[utoipa::path(get, path = "/me/sign-ups", tag = "volunteer", operation_id = "list_my_sign_ups",
    params(("state" = Option<super::dto::SignUpState>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<SignUpDto>)))]
async fn list_my_sign_ups(call: Call) -> Outcome {
    let mut params = call.query()?;
    let state = params.word("state", State::ALL, State::as_str)?;
    let me = call.actor()?.id;
    settle_due(&call, Look::Person(me)).await?;
    call.list(params, move |tx, cx, window| {
        let filter = SignUpFilter { resident: Some(me), state, shift: None };
        let rows = store::sign_ups(tx, &filter, window.after.as_deref(), window.fetch())?;
        let shown = show_all(tx, cx.actor()?, &rows)?;
        Ok(window.page(shown, |sign_up| sign_up.id.0.text(), |sign_up| sign_up))
    })
    .await
}

/// My hours 志愿时长
///
/// They never shrink: not by spending points, not by reversals.
#[utoipa::path(get, path = "/me/volunteer-hours", tag = "volunteer", operation_id = "get_my_volunteer_hours",
    responses((status = 200, body = HoursDto)))]
async fn get_my_volunteer_hours(call: Call) -> Outcome {
    call.query()?.finish()?;
    let me = call.actor()?.id;
    call.read_brief(move |tx, _| {
        let places = store::minutes_by_community(tx, me)?;
        Reply::ok(&HoursDto {
            minutes: places.iter().map(|(_, minutes)| minutes).sum(),
            by_community: places.into_iter().map(|(place, minutes)| CommunityMinutes { community_id: Ref(place), minutes }).collect(),
        })
    })
    .await
}

/// Be named in the ranking, or not
#[utoipa::path(put, path = "/me/volunteer-ranking", tag = "volunteer", operation_id = "set_ranking_consent",
    request_body(content = RankingConsent, example = json!({ "agreed": true })), responses((status = 200, body = RankingConsent)))]
async fn set_ranking_consent(call: Call) -> Outcome {
    let body: RankingConsent = call.body()?;
    let me = call.actor()?.id;
    call.write(move |tx, _| {
        store::set_ranked(tx, me, body.agreed)?;
        Reply::ok(&body)
    })
    .await
}

/// Who has served most 志愿排行
///
/// In the last 365 days, of those who agreed to be named; names are masked. By minutes, or `by=points`: what service has earned there, less
/// what of it was reversed; what was spent counts.
#[utoipa::path(get, path = "/volunteer-ranking", tag = "volunteer", operation_id = "get_volunteer_ranking",
    params(("community_id" = String, Query), ("by" = inline(Option<super::dto::RankingBy>), Query)), responses((status = 200, body = Ranking)))]
async fn get_volunteer_ranking(call: Call) -> Outcome {
    const PLACES: i64 = 50;
    let mut params = call.query()?;
    let place: CommunityId = params.required_id("community_id")?;
    let by = params.word("by", RankingBy::ALL, RankingBy::as_str)?.unwrap_or(RankingBy::Minutes);
    params.finish()?;
    let me = call.actor()?.id;
    call.read(move |tx, _| {
        jiazai_infra::community::find(tx, place)?.ok_or_else(absent)?;
        let since = tx.now().plus_seconds(-364 * 86_400).date();
        let served = store::ranking(tx, place, since, by, PLACES)?;
        // Who has served the same has the same rank.
        let worth = |one: &store::Served| one.points.unwrap_or(one.minutes);
        let rank = |own: i64| 1 + served.iter().filter(|other| worth(other) > own).count();
        let items = served.iter().map(|one| Ranked {
            rank: rank(worth(one)),
            name_masked: jiazai_domain::kernel::mask::name(&one.name),
            minutes: one.minutes,
            points: one.points,
            me: one.person == me,
        });
        Reply::ok(&Ranking { since: Day(since), items: items.collect() })
    })
    .await
}
