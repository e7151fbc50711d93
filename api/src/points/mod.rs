//! Points 积分 over HTTP: what somebody has and how it came, grants and reversals by administrators, and the check that the
//! books balance. The domain's kernel `ledger` says what the words mean.

mod dto;

use std::ops::ControlFlow;

use jiazai_domain::actor::{Actor, CommunityAdmin, CommunityId, PrincipalId, PrincipalKind, Role};
use jiazai_domain::kernel::ledger::{Amount, EntryKind, Month, Refusal, Shortfall, Source, Statement, Unit};
use jiazai_domain::volunteer::{MAX_GRANT_POINTS, Reason};
use jiazai_infra::db::Tx;
use jiazai_infra::ledger::{self as store, Granting, Reversing};
use jiazai_infra::{community, identity};

use self::dto::{BalanceDto, EntryDto, Grant, Reversal, ShortfallWord, StatementDto, VerdictDto};
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, Code, code};
use crate::faults::{faulty, text_fault};
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

const ADMINS: &[Role] = &[Role::CommunityAdmin];
/// What a posting may be refused with.
const POSTING: &[&Code] = &[code::BALANCE_INSUFFICIENT, code::BALANCE_TOO_LARGE, code::STATE_CONFLICT, code::STALE];

pub fn routes(api: &mut Api) {
    api.add(op!(get_my_points, Access::Residents))
        .add(op!(list_my_point_entries, Access::Residents).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_my_points_statement, Access::Residents))
        .add(op!(grant_points, Access::Roles(ADMINS)).refuses(POSTING).refuses(&[code::DUPLICATE]))
        .add(op!(reverse_points, Access::Roles(ADMINS)).refuses(POSTING).refuses(&[
            code::ALREADY_REVERSED,
            code::ALREADY_SPENT,
            code::NOT_REVERSIBLE,
        ]))
        .add(op!(list_point_entries, Access::Roles(ADMINS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_point_entry, Access::ResidentsOr(ADMINS)))
        .add(op!(verify_points_ledger, Access::Roles(&[Role::Auditor])));
}

/// The ledger's refusals as answers.
pub fn refuse(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::NotEnough { .. } => ApiError::new(code::BALANCE_INSUFFICIENT),
        Refusal::TooMuch => ApiError::new(code::BALANCE_TOO_LARGE),
        Refusal::Spent { .. } => ApiError::new(code::ALREADY_SPENT).in_state("posted", vec![]),
        Refusal::NothingLeft => {
            ApiError::new(code::NOT_REVERSIBLE).because("该笔积分已全部过期", "All of it has expired already").in_state("expired", vec![])
        }
        Refusal::AlreadyReversed => ApiError::new(code::ALREADY_REVERSED).in_state("reversed", vec![]),
        Refusal::NotReversible => ApiError::new(code::NOT_REVERSIBLE)
            .because("过期和冲正不能再冲正，请重新发放", "An expiry or a reversal is not reversed; grant anew")
            .in_state("posted", vec![]),
        Refusal::WrongAccount => ApiError::new(code::STATE_CONFLICT),
    }
}

/// Posts what of somebody's has expired, if anything has; reading alone writes nothing.
async fn settle(call: &Call, person: PrincipalId) -> Result<(), ApiError> {
    let due = call.app.db.read_brief(move |tx| Ok::<_, ApiError>(store::balance(tx, person, Unit::Points)?.is_due(tx.now()))).await?;
    if due {
        call.app.db.write(move |tx| store::expire_due(tx, person, Unit::Points)).await?;
        call.app.jobs.wake();
    }
    Ok(())
}

/// My points
#[utoipa::path(get, path = "/me/points", tag = "points", operation_id = "get_my_points", responses((status = 200, body = BalanceDto)))]
async fn get_my_points(call: Call) -> Outcome {
    call.query()?.finish()?;
    let me = call.actor()?.id;
    settle(&call, me).await?;
    call.read_brief(move |tx, _| {
        let has = store::balance(tx, me, Unit::Points)?;
        Reply::ok(&BalanceDto { balance: has.balance, expires_next_at: has.expires_next_at.map(Into::into) })
    })
    .await
}

/// An entry's place in a list: its number, by which entries are in the order in which they were posted.
fn place(entry: &store::EntryLine) -> String {
    entry.number.unwrap_or(0).to_string()
}

/// The number that a cursor holds.
fn reached(after: Option<&str>) -> Result<Option<i64>, ApiError> {
    after.map(str::parse).transpose().map_err(|_| ApiError::new(code::CURSOR_INVALID))
}

/// How my points came and went
///
/// Newest first.
#[utoipa::path(get, path = "/me/points/entries", tag = "points", operation_id = "list_my_point_entries",
    params(("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<EntryDto>)))]
async fn list_my_point_entries(call: Call) -> Outcome {
    let params = call.query()?;
    let me = call.actor()?.id;
    settle(&call, me).await?;
    call.list(params, move |tx, _, window| {
        let rows = store::entries(tx, me, Unit::Points, None, reached(window.after.as_deref())?, window.fetch())?;
        Ok(window.page(rows, place, EntryDto::own))
    })
    .await
}

/// My statement of a month 对账单
#[utoipa::path(get, path = "/me/points/statement", tag = "points", operation_id = "get_my_points_statement",
    params(("month" = String, Query, description = "`2026-03`, a month of Asia/Shanghai")), responses((status = 200, body = StatementDto)))]
async fn get_my_points_statement(call: Call) -> Outcome {
    let mut params = call.query()?;
    let month = params.text("month")?;
    params.finish()?;
    let month = month
        .and_then(|text| Month::parse(&text))
        .ok_or_else(|| ApiError::query("month", "应为 2026-03 形式的月份", "must be a month such as 2026-03"))?;
    let me = call.actor()?.id;
    settle(&call, me).await?;
    call.read(move |tx, _| {
        let opening = store::balance_before(tx, me, Unit::Points, month.from())?;
        let lines = store::statement_lines(tx, me, Unit::Points, month)?;
        Reply::ok(&StatementDto::from(Statement::new(month, opening, lines)))
    })
    .await
}

/// The community that an administrator acts for: the one they name, or the only one they have.
fn acting_for(tx: &mut Tx, who: &Actor, named: Option<CommunityId>) -> Result<CommunityAdmin, ApiError> {
    use jiazai_domain::actor::Communities;
    let required = || ApiError::fault("/community_id", "required", "请指明社区", "is required, because you administer several");
    let place = match (named, who.communities_as(ADMINS)) {
        (Some(place), _) => {
            community::find(tx, place)?
                .ok_or_else(|| ApiError::fault("/community_id", "unknown_community", "没有这个社区", "is not a known community"))?;
            place
        }
        (None, Communities::Only(some)) => match some.as_slice() {
            [] => return Err(ApiError::new(code::FORBIDDEN)),
            [one] => *one,
            _ => return Err(required()),
        },
        (None, Communities::All) => match community::list(tx, None, 2)?.as_slice() {
            [one] => one.id,
            _ => return Err(required()),
        },
    };
    Ok(who.admin_of(place)?)
}

/// Grant points 发放积分
///
/// With a `reference`, a second grant with the same one in this community is refused, however it comes about.
#[utoipa::path(post, path = "/points/grants", tag = "points", operation_id = "grant_points",
    request_body(content = Grant, example = json!({ "resident_id": "usr_01h455vb4pex5vsknk084sn02q", "points": 50, "reason": "好人好事" })), responses((status = 201, body = EntryDto)))]
async fn grant_points(call: Call) -> Outcome {
    let body: Grant = call.body()?;
    call.write(move |tx, cx| grant(tx, cx, &body)).await
}

fn grant(tx: &mut Tx, cx: &Cx, body: &Grant) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let by = acting_for(tx, who, body.community_id.map(|place| place.0))?;
    let (place, now) = (by.community(), tx.now());
    let person = body.resident_id.0;
    let known = identity::principal(tx, person)?.is_some_and(|p| p.kind == PrincipalKind::Resident && p.disabled_at.is_none());
    if !known {
        return Err(ApiError::fault("/resident_id", "unknown_resident", "没有这位居民", "is not a resident"));
    }
    let reason = Reason::new(&body.reason.0).map_err(|fault| text_fault("/reason", fault.into()))?;
    let amount = Amount::at("/points", body.points.0.min(MAX_GRANT_POINTS)).map_err(|faults| faulty("", faults))?;
    let expires_at = body.expires_at.map(|at| at.0);
    if expires_at.is_some_and(|at| at <= now) {
        return Err(text_fault("/expires_at", "not_in_the_future"));
    }
    let mut order = store::order(tx, Source::new("grant", ""), Some(reason.into_string()));
    // Without a reference of the caller's the transaction is its own: every grant is another one.
    order.source.id = body.reference.as_ref().map_or_else(|| order.transaction.text(), |reference| format!("{place}/{}", reference.0));
    let granting = Granting { person, unit: Unit::Points, amount, community: place, expires_at, order, by: Some(who.id) };
    let again = || ApiError::new(code::DUPLICATE).because("该编号的积分已发放", "Points were granted with this reference already");
    let posting = store::grant(tx, granting)?.map_err(refuse)?.ok_or_else(again)?;
    created(tx, posting.entries()[0].id)
}

fn created(tx: &mut Tx, id: jiazai_domain::kernel::ledger::EntryId) -> Result<Reply, ApiError> {
    let written = store::entry(tx, id)?.ok_or_else(|| ApiError::new(code::INTERNAL))?;
    Reply::created(format!("/api/v1/points/entries/{id}"), &EntryDto::foreign(written.line))
}

/// Reverse an entry 冲正
///
/// What was granted is taken back, what was spent is given back; once. The original stays as it is. Hours stay in any case.
#[utoipa::path(post, path = "/points/reversals", tag = "points", operation_id = "reverse_points",
    request_body(content = Reversal, example = json!({ "entry_id": "ent_01h455vb4pex5vsknk084sn02q", "reason": "重复发放" })), responses((status = 201, body = EntryDto)))]
async fn reverse_points(call: Call) -> Outcome {
    let body: Reversal = call.body()?;
    call.write(move |tx, cx| reverse(tx, cx, &body)).await
}

fn reverse(tx: &mut Tx, cx: &Cx, body: &Reversal) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let unknown = || ApiError::fault("/entry_id", "unknown_entry", "没有这笔积分记录", "is not an entry of your community");
    let written = store::entry(tx, body.entry_id.0)?.ok_or_else(unknown)?;
    // Another community's entry is as unknown as none.
    who.admin_of(written.community).map_err(|_| unknown())?;
    let reason = Reason::new(&body.reason.0).map_err(|fault| text_fault("/reason", fault.into()))?;
    let shortfall = match body.shortfall {
        None | Some(ShortfallWord::Refuse) => Shortfall::Refuse,
        Some(ShortfallWord::Forgive) => Shortfall::Forgive,
    };
    let (transaction, reason) = (written.line.transaction, Some(reason.into_string()));
    let reversing = Reversing { transaction, shortfall, reason, by: Some(who.id) };
    let posting = store::reverse(tx, reversing)?.ok_or_else(unknown)?.map_err(refuse)?;
    created(tx, posting.entries()[0].id)
}

/// A resident's entries in my communities
///
/// Newest first.
#[utoipa::path(get, path = "/points/entries", tag = "points", operation_id = "list_point_entries",
    params(("resident_id" = String, Query), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<EntryDto>)))]
async fn list_point_entries(call: Call) -> Outcome {
    let mut params = call.query()?;
    let person: PrincipalId = params.required_id("resident_id")?;
    call.list(params, move |tx, cx, window| {
        let within = cx.actor()?.communities_as(ADMINS);
        let rows = store::entries(tx, person, Unit::Points, Some(&within), reached(window.after.as_deref())?, window.fetch())?;
        Ok(window.page(rows, place, EntryDto::foreign))
    })
    .await
}

/// One entry
#[utoipa::path(get, path = "/points/entries/{id}", tag = "points", operation_id = "get_point_entry", params(("id" = String, Path)),
    responses((status = 200, body = EntryDto)))]
async fn get_point_entry(call: Call, id: At<EntryKind>) -> Outcome {
    call.read_brief(move |tx, cx| {
        let who = cx.actor()?;
        let absent = || ApiError::new(code::NOT_FOUND);
        let written = store::entry(tx, id.0)?.ok_or_else(absent)?;
        if written.person != Some(who.id) && who.admin_of(written.community).is_err() {
            return Err(absent());
        }
        let own = written.person == Some(who.id);
        Reply::ok(&if own { EntryDto::own(written.line) } else { EntryDto::foreign(written.line) })
    })
    .await
}

/// Do the books balance?
///
/// Every transaction sums to zero, every balance is the sum of its entries and of what is left in its lots. An auditor of
/// some communities is told of their transactions. Books are gone through in portions, however long they are.
#[utoipa::path(get, path = "/points/ledger/verify", tag = "points", operation_id = "verify_points_ledger", responses((status = 200, body = VerdictDto)))]
async fn verify_points_ledger(call: Call) -> Outcome {
    call.query()?.finish()?;
    let mut check = store::Check::of(&call.actor()?.communities_as(&[Role::Auditor]));
    // A transaction for each portion: how long books are is not bounded by how long one may take.
    let verdict = loop {
        match call.app.db.read(move |tx| check.clone().portion(tx)).await? {
            ControlFlow::Break(verdict) => break verdict,
            ControlFlow::Continue(further) => check = further,
        }
    };
    Ok(call.answer(Reply::ok(&VerdictDto { balanced: verdict.balanced, entries: verdict.entries, sum: verdict.sum })?))
}
