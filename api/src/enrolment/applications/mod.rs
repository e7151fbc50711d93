//! Applications 入学登记 over HTTP: what a family hands in, what reviewers make of it, and the answer to "why".

pub mod body;
pub mod commands;
pub mod dto;
mod notice;
pub mod refusal;
pub mod seats;
mod why;

pub use self::notice::words;

use jiazai_domain::actor::{PrincipalKind, Role};
use jiazai_domain::enrolment::application::{LatePermit as Permit, Returned, Sight, State, View};
use jiazai_domain::enrolment::{ApplicationId, ApplicationKind, RoundKind};
use jiazai_infra::db::Tx;
use jiazai_infra::enrolment::application::{self as store, Filter, Kin};
use jiazai_infra::enrolment::{self as rounds, late, seat_use};
use jiazai_infra::{events, identity};

use self::body::{Coordinate, NewApplication, NewPermit, PerhapsWhy, PutApplication, Return, Verify, Why};
use self::commands::{act, act_freeing, act_in_turn, load, perhaps, reason};
use self::dto::{ApplicationDto, ApplicationEvent, ApplicationState, LatePermit};
use self::refusal::CONFLICT;
use super::refusal::Standing as RoundStanding;
use super::steps::run_by;
use super::{ADMINS, absent};
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, Fault, code};
use crate::faults::together;
use crate::input::Nothing;
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

/// Those who check papers.
const REVIEWERS: &[Role] = &[Role::EnrolmentReviewer, Role::EnrolmentAdmin];
/// Those who see applications from the other side of the counter.
const STAFF: &[Role] = jiazai_domain::enrolment::application::STAFF;

pub fn routes(api: &mut Api) {
    api.add(op!(apply_for_enrolment, Access::Residents).refuses(&[
        code::ROUND_NOT_OPEN,
        code::CHILD_ALREADY_REGISTERED,
        code::CONSENT_REQUIRED,
        code::TOO_MANY_DRAFTS,
        code::TOO_MANY_APPLICATIONS,
        code::BUSY,
    ]))
    .add(op!(list_enrolment_applications, Access::ResidentsOr(STAFF)).whole_for_a_reason().refuses(&[code::CURSOR_INVALID]))
    .add(op!(get_enrolment_application, Access::ResidentsOr(STAFF)).sensitive())
    .add(
        op!(put_enrolment_application, Access::Residents)
            .refuses(CONFLICT)
            .refuses(&[code::CHILD_ALREADY_REGISTERED, code::CONSENT_REQUIRED]),
    )
    .add(op!(list_enrolment_application_events, Access::ResidentsOr(STAFF)).refuses(&[code::CURSOR_INVALID]))
    .add(op!(submit_enrolment_application, Access::Residents).refuses(CONFLICT).refuses(&[
        code::DOCUMENTS_MISSING,
        code::CHILD_ALREADY_REGISTERED,
        code::TOO_MANY_APPLICATIONS,
    ]))
    .add(op!(withdraw_enrolment_application, Access::Residents).refuses(CONFLICT))
    .add(op!(accept_enrolment_offer, Access::Residents).refuses(CONFLICT).refuses(&[code::SEAT_LOCKED, code::HOME_LEFT]))
    .add(op!(decline_enrolment_offer, Access::Residents).refuses(CONFLICT))
    .add(op!(object_to_enrolment_result, Access::Residents).refuses(CONFLICT).refuses(&[code::CHILD_ALREADY_REGISTERED]))
    .add(op!(claim_enrolment_application, Access::Roles(REVIEWERS)).refuses(CONFLICT).refuses(&[code::RELATED_REVIEWER]))
    .add(op!(return_enrolment_application, Access::Roles(REVIEWERS)).refuses(CONFLICT).refuses(&[code::RELATED_REVIEWER]))
    .add(op!(verify_enrolment_application, Access::Roles(REVIEWERS)).refuses(CONFLICT).refuses(&[
        code::RELATED_REVIEWER,
        code::UNDECIDED,
        code::NO_TIER,
        code::DOCUMENTS_MISSING,
        code::DIFFERENCE_UNEXPLAINED,
    ]))
    .add(op!(recheck_enrolment_application, Access::Roles(REVIEWERS)).refuses(CONFLICT).refuses(&[
        code::RELATED_REVIEWER,
        code::SAME_REVIEWER,
        code::UNDECIDED,
        code::NO_TIER,
        code::DOCUMENTS_MISSING,
    ]))
    .add(
        op!(reject_enrolment_application, Access::Roles(REVIEWERS))
            .refuses(CONFLICT)
            .refuses(&[code::RELATED_REVIEWER, code::SAME_REVIEWER]),
    )
    .add(op!(revoke_enrolment_application, Access::Roles(ADMINS)).refuses(CONFLICT).refuses(&[code::RELATED_REVIEWER]))
    .add(
        op!(coordinate_enrolment_application, Access::Roles(ADMINS))
            .refuses(CONFLICT)
            .refuses(&[code::SCHOOL_FULL, code::RELATED_REVIEWER]),
    )
    .add(op!(check_in_enrolled_child, Access::Roles(REVIEWERS)).refuses(CONFLICT).refuses(&[code::RELATED_REVIEWER]))
    .add(op!(permit_late_registration, Access::Roles(ADMINS)).refuses(&[code::STATE_CONFLICT, code::STALE]))
    .add(op!(list_late_permits, Access::Roles(ADMINS)).refuses(&[code::CURSOR_INVALID]));
}

/// Apply 登记
///
/// A draft, until it is handed in. A guardian's consent comes first: without it nothing is stored. A child is registered once
/// in a round, whoever of the family does it: what was handed in holds the child, a draft keeps others away for half an hour.
#[utoipa::path(post, path = "/enrolment-applications", tag = "enrolment", operation_id = "apply_for_enrolment",
    request_body(content = NewApplication, example = json!({
        "round_id": "enr_01h455vb4pex5vsknk084sn02q",
        "child": { "name": "张小雨", "id_type": "resident_id", "id_number": "990000202003040021", "sex": "female", "born_on": "2020-03-04" },
        "guardians": [{ "name": "李梅", "relation": "mother", "id_type": "resident_id", "id_number": "11010519491231002X", "phone": "13812345678" }],
        "home_id": "hom_01h455vb4pex5vsknk084sn02q",
        "facts": { "hukou_on": "2020-05-01", "house_on": "2018-03-12", "native": true },
        "choices": ["sch_01h455vb4pex5vsknk084sn02q"],
        "documents": [{ "kind": "hukou_book", "file_id": "fil_01h455vb4pex5vsknk084sn02q" }],
        "consent": { "version": "2026-1", "guardian": true } })),
    responses((status = 201, body = ApplicationDto, headers(("ETag" = String)))))]
async fn apply_for_enrolment(call: Call) -> Outcome {
    let body: NewApplication = call.body()?;
    call.write(move |tx, cx| commands::create(tx, cx, &body)).await
}

/// List applications
///
/// Families get their own, staff those of their communities with masked names: who a child is stands in the single application,
/// and whoever opens one is written down. Newest first; `tier` is the verified one or, before, that which
/// the rules gave at hand-in.
#[utoipa::path(get, path = "/enrolment-applications", tag = "enrolment", operation_id = "list_enrolment_applications",
    params(
        ("round_id" = Option<String>, Query), ("state" = Option<ApplicationState>, Query), ("tier" = Option<String>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ApplicationDto>)))]
async fn list_enrolment_applications(call: Call) -> Outcome {
    let mut params = call.query()?;
    let filter =
        Filter { round: params.id("round_id")?, state: params.word("state", State::ALL, State::as_str)?, tier: params.text("tier")? };
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let (vault, after) = (&cx.app.vault, window.after.as_deref());
        let rows = if who.resident().is_ok() {
            store::own(tx, vault, who.id, &filter, after, window.fetch())?
        } else {
            let kin = Kin::of(tx, vault, who)?;
            store::list(tx, vault, (&Sight::of(who), &kin), &filter, after, window.fetch())?
        };
        let now = tx.now();
        let outline = |view| if view == View::Family { view } else { View::Outline };
        let seen = rows.into_iter().filter_map(|one| one.view(who).map(|view| (one, outline(view)))).collect();
        Ok(window.page(seen, |(one, _)| one.facts().id.text(), |(one, view)| ApplicationDto::of(&one, who, view, None, now)))
    })
    .await
}

/// One application
///
/// With the answer to "why": the rule that decided the tier, what reviewers wrote, what decided at each school.
#[utoipa::path(get, path = "/enrolment-applications/{id}", tag = "enrolment", operation_id = "get_enrolment_application",
    params(("id" = String, Path)), responses((status = 200, body = ApplicationDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_enrolment_application(call: Call, id: At<ApplicationKind>) -> Outcome {
    call.read(move |tx, cx| {
        let (application, view) = load(tx, cx, id.0)?;
        commands::show(tx, cx, &application, view)
    })
    .await
}

/// Write it anew
///
/// A draft, or what was returned. What is left out is not kept; a masked number that was served means "as before".
#[utoipa::path(put, path = "/enrolment-applications/{id}", tag = "enrolment", operation_id = "put_enrolment_application",
    params(("id" = String, Path)),
    request_body(content = PutApplication, example = json!({
        "child": { "name": "张小雨", "id_number": "9****************1", "sex": "female", "born_on": "2020-03-04" },
        "guardians": [{ "name": "李梅", "relation": "mother", "id_number": "1****************X" }],
        "address": "东涂新村 3 号楼 501", "facts": { "migrant": true }, "choices": [], "documents": [] })),
    responses((status = 200, body = ApplicationDto, headers(("ETag" = String)))))]
async fn put_enrolment_application(call: Call, id: At<ApplicationKind>) -> Outcome {
    let body: PutApplication = call.body()?;
    call.write(move |tx, cx| commands::rewrite(tx, cx, id.0, &body)).await
}

/// An application's history
///
/// Oldest first. The family sees what was allocated when it is announced.
#[utoipa::path(get, path = "/enrolment-applications/{id}/events", tag = "enrolment", operation_id = "list_enrolment_application_events",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ApplicationEvent>)))]
async fn list_enrolment_application_events(call: Call, id: At<ApplicationKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let (application, view) = load(tx, cx, id.0)?;
        let secret = why::hides_result(&application, view);
        let rows = events::history(tx, &id.0.text(), window.after.as_deref(), window.fetch())?;
        let mut page = window.page(rows, |event| event.id.text(), |event| event);
        page.items.retain(|event| !(secret && why::is_result(&event.kind)));
        let items = page.items.into_iter().map(|event| ApplicationEvent::of(event, who, view)).collect();
        Ok(Page { items, next_cursor: page.next_cursor })
    })
    .await
}

/// Hand it in 提交
///
/// What the rules say now is kept, to be compared with what reviewers find. A returned application is handed in again the same way.
#[utoipa::path(post, path = "/enrolment-applications/{id}/submit", tag = "enrolment", operation_id = "submit_enrolment_application",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = ApplicationDto)))]
async fn submit_enrolment_application(call: Call, id: At<ApplicationKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| commands::submit(tx, cx, id.0)).await
}

/// Take it back 撤回
///
/// Before a seat was accepted. A seat that was offered goes on to the next.
#[utoipa::path(post, path = "/enrolment-applications/{id}/withdraw", tag = "enrolment", operation_id = "withdraw_enrolment_application",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = ApplicationDto)))]
async fn withdraw_enrolment_application(call: Call, id: At<ApplicationKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act_freeing(tx, cx, id.0, |tx, application, who| Ok(application.withdraw(who, tx.now())))).await
}

/// Accept the seat 确认入学
///
/// The home's seat is taken with it, for as many years as the rules say; of two families at the same moment one gets it.
#[utoipa::path(post, path = "/enrolment-applications/{id}/accept", tag = "enrolment", operation_id = "accept_enrolment_offer",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = ApplicationDto)))]
async fn accept_enrolment_offer(call: Call, id: At<ApplicationKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| commands::accept(tx, cx, id.0)).await
}

/// Decline the seat 放弃
///
/// It goes to whoever is next.
#[utoipa::path(post, path = "/enrolment-applications/{id}/decline", tag = "enrolment", operation_id = "decline_enrolment_offer",
    params(("id" = String, Path)), request_body(content = PerhapsWhy, example = json!({ "reason": "已就读其他学校" })), responses((status = 200, body = ApplicationDto)))]
async fn decline_enrolment_offer(call: Call, id: At<ApplicationKind>) -> Outcome {
    let body: PerhapsWhy = call.body()?;
    call.write(move |tx, cx| {
        let why = perhaps(body.reason.as_ref().map(|text| text.0.as_str()))?;
        act_freeing(tx, cx, id.0, |tx, application, who| Ok(application.decline(why.clone(), who, tx.now())))
    })
    .await
}

/// Object 异议
///
/// To having been rejected, or to the batch in which one is listed. Once, until the end of the objections; somebody looks at it again.
#[utoipa::path(post, path = "/enrolment-applications/{id}/object", tag = "enrolment", operation_id = "object_to_enrolment_result",
    params(("id" = String, Path)), request_body(content = Why, example = json!({ "reason": "户口迁入日期应为 2020 年 5 月" })), responses((status = 200, body = ApplicationDto)))]
async fn object_to_enrolment_result(call: Call, id: At<ApplicationKind>) -> Outcome {
    let body: Why = call.body()?;
    call.write(move |tx, cx| {
        let why = reason(&body.reason.0)?;
        act_in_turn(tx, cx, id.0, |tx, application, who| Ok(application.object(why.clone(), who, tx.now())))
    })
    .await
}

/// Take it up 受理
///
/// Of two reviewers at the same moment one has it. Whoever is related to the family keeps out.
#[utoipa::path(post, path = "/enrolment-applications/{id}/claim", tag = "enrolment", operation_id = "claim_enrolment_application",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = ApplicationDto)))]
async fn claim_enrolment_application(call: Call, id: At<ApplicationKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act(tx, cx, id.0, |tx, application, who| Ok(application.claim(who, tx.now())))).await
}

/// Send it back 退回补正
///
/// To be mended until the end of the review, or for three days where less is left.
#[utoipa::path(post, path = "/enrolment-applications/{id}/return", tag = "enrolment", operation_id = "return_enrolment_application",
    params(("id" = String, Path)), request_body(content = Return, example = json!({ "codes": ["document_unreadable"], "reason": "户口簿第二页不清晰" })), responses((status = 200, body = ApplicationDto)))]
async fn return_enrolment_application(call: Call, id: At<ApplicationKind>) -> Outcome {
    let body: Return = call.body()?;
    call.write(move |tx, cx| {
        let why = Returned {
            codes: body.codes.0.iter().copied().map(Into::into).collect(),
            note: perhaps(body.reason.as_ref().map(|text| text.0.as_str()))?,
        };
        act(tx, cx, id.0, |tx, application, who| Ok(application.return_to_family(why.clone(), who, tx.now())))
    })
    .await
}

/// Verify it 初审通过
///
/// The rules decide, with what the reviewer corrected. Whatever is not as the family said, and another tier than it was told, needs a
/// reason; so does leaving open what orders the children of a batch.
#[utoipa::path(post, path = "/enrolment-applications/{id}/verify", tag = "enrolment", operation_id = "verify_enrolment_application",
    params(("id" = String, Path)), request_body(content = Verify, example = json!({ "facts": { "hukou_on": "2020-06-01" }, "reason": "按户口簿更正迁入日期" })), responses((status = 200, body = ApplicationDto)))]
async fn verify_enrolment_application(call: Call, id: At<ApplicationKind>) -> Outcome {
    let body: Verify = call.body()?;
    call.write(move |tx, cx| commands::verify(tx, cx, id.0, &body)).await
}

/// Recheck it 复核通过
///
/// By another person than verified it. In a round that was listed before, it is listed at once.
#[utoipa::path(post, path = "/enrolment-applications/{id}/recheck", tag = "enrolment", operation_id = "recheck_enrolment_application",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = ApplicationDto)))]
async fn recheck_enrolment_application(call: Call, id: At<ApplicationKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| commands::recheck(tx, cx, id.0)).await
}

/// Reject it 不通过
///
/// The family may object; then somebody else decides.
#[utoipa::path(post, path = "/enrolment-applications/{id}/reject", tag = "enrolment", operation_id = "reject_enrolment_application",
    params(("id" = String, Path)), request_body(content = Why, example = json!({ "reason": "房产不在片区内" })), responses((status = 200, body = ApplicationDto)))]
async fn reject_enrolment_application(call: Call, id: At<ApplicationKind>) -> Outcome {
    let body: Why = call.body()?;
    call.write(move |tx, cx| {
        let why = reason(&body.reason.0)?;
        act(tx, cx, id.0, |tx, application, who| Ok(application.reject(why.clone(), who, tx.now())))
    })
    .await
}

/// Revoke it 撤销
///
/// For false papers, at any time. The home's seat and the school's are free again.
#[utoipa::path(post, path = "/enrolment-applications/{id}/revoke", tag = "enrolment", operation_id = "revoke_enrolment_application",
    params(("id" = String, Path)), request_body(content = Why, example = json!({ "reason": "房产证系伪造" })), responses((status = 200, body = ApplicationDto)))]
async fn revoke_enrolment_application(call: Call, id: At<ApplicationKind>) -> Outcome {
    let body: Why = call.body()?;
    call.write(move |tx, cx| {
        let why = reason(&body.reason.0)?;
        act_freeing(tx, cx, id.0, |tx, application, who| {
            let decided = application.revoke(why.clone(), who, tx.now());
            if decided.is_ok() {
                seat_use::release(tx, id.0)?;
            }
            Ok(decided)
        })
    })
    .await
}

/// Find it a seat 统筹
///
/// At a school that has one left.
#[utoipa::path(post, path = "/enrolment-applications/{id}/coordinate", tag = "enrolment", operation_id = "coordinate_enrolment_application",
    params(("id" = String, Path)), request_body(content = Coordinate, example = json!({ "school_id": "sch_01h455vb4pex5vsknk084sn02q", "by_house": false, "reason": "就近统筹" })), responses((status = 200, body = ApplicationDto)))]
async fn coordinate_enrolment_application(call: Call, id: At<ApplicationKind>) -> Outcome {
    let body: Coordinate = call.body()?;
    call.write(move |tx, cx| {
        let why = reason(&body.reason.0)?;
        commands::coordinate(tx, cx, id.0, (body.school_id.0, body.by_house, why))
    })
    .await
}

/// Check in 报到
///
/// The child has come to school.
#[utoipa::path(post, path = "/enrolment-applications/{id}/check-in", tag = "enrolment", operation_id = "check_in_enrolled_child",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = ApplicationDto)))]
async fn check_in_enrolled_child(call: Call, id: At<ApplicationKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act(tx, cx, id.0, |tx, application, who| Ok(application.check_in(who, tx.now())))).await
}

/// Let a family hand in late 逾期补登记
///
/// For cause, in writing; until seats are allocated. Another permit for the same resident takes the place of the first.
#[utoipa::path(post, path = "/enrolment-rounds/{id}/late-permits", tag = "enrolment", operation_id = "permit_late_registration",
    params(("id" = String, Path)), request_body(content = NewPermit, example = json!({ "applicant_id": "usr_01h455vb4pex5vsknk084sn02q", "until": "2026-07-10T16:00:00Z", "reason": "孩子住院，监护人提交了证明" })),
    responses((status = 201, body = LatePermit)))]
async fn permit_late_registration(call: Call, id: At<RoundKind>) -> Outcome {
    let body: NewPermit = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        let round = rounds::round_facts(tx, &rounds::Sight::of(who), id.0)?.ok_or_else(absent)?;
        let applicant = body.applicant_id.0;
        let mut found = vec![];
        let known = identity::principal(tx, applicant)?.is_some_and(|one| one.kind == PrincipalKind::Resident && one.disabled_at.is_none());
        if !known {
            found.push(Fault::new("/applicant_id", "unknown_resident", "没有这位居民", "is not a resident"));
        }
        let granted = Permit::grant(&round, applicant, body.until.0, reason(&body.reason.0)?, who, tx.now());
        let changed = together(granted, found, |refusal| RoundStanding::of(&round, who).refuse(refusal))?;
        let permit = late::save(tx, round.community, changed)?;
        Reply::created(format!("/api/v1/enrolment-rounds/{}/late-permits", id.0), &LatePermit::from(&permit))
    })
    .await
}

/// Who may hand in late
#[utoipa::path(get, path = "/enrolment-rounds/{id}/late-permits", tag = "enrolment", operation_id = "list_late_permits",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<LatePermit>)))]
async fn list_late_permits(call: Call, id: At<RoundKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        run_by(tx, who, id.0)?;
        let rows = late::of_round(tx, id.0, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |permit| permit.facts().applicant.text(), |permit| LatePermit::from(&permit)))
    })
    .await
}

/// How somebody sees an application, for the files that belong to it.
pub fn view_of(tx: &mut Tx, cx: &Cx, id: ApplicationId) -> Result<View, ApiError> {
    load(tx, cx, id).map(|(_, view)| view)
}
