//! Swaps 换班.

use jiazai_domain::actor::Actor;
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{Opening, Post, Refusal, Shift, Side, SignUp, SignUpId, SignUpKind, Swap, SwapFacts, SwapId, SwapKind};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::volunteer::{self as store, Asking, Sight};

use super::commands::absent;
use super::dto::{ProposeSwap, SwapDto};
use super::refusal::{CONFLICT, SEAT, Standing};
use super::seats::seen;
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::input::Nothing;
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    let refusals = &[code::CANNOT_SWAP, code::TOO_LATE_TO_CANCEL];
    api.add(op!(propose_swap, Access::Residents).refuses(CONFLICT).refuses(refusals).refuses(&[code::DUPLICATE, code::TOO_MANY_PROPOSALS]))
        .add(op!(list_my_swaps, Access::Residents).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_swap, Access::Residents))
        .add(op!(agree_to_swap, Access::Residents).refuses(SEAT).refuses(refusals))
        .add(op!(refuse_swap, Access::Residents).refuses(CONFLICT))
        .add(op!(withdraw_swap, Access::Residents).refuses(CONFLICT));
}

fn show(who: &Actor, swap: &Swap) -> Result<Reply, ApiError> {
    Ok(Reply::ok(&SwapDto::of(swap, who))?.version(swap.facts().version))
}

/// The swap, for the two whom it concerns.
fn load(tx: &mut Tx, who: &Actor, id: SwapId) -> Result<Swap, ApiError> {
    let swap = store::swap(tx, id)?.ok_or_else(absent)?;
    let concerns = [swap.facts().proposer, swap.facts().partner].contains(&who.id);
    if concerns { Ok(swap) } else { Err(absent()) }
}

/// Offer my place for another's 申请换班
///
/// The other volunteer tells the id of their sign-up, and agrees or not until the earlier shift's latest time to cancel. One place can be
/// offered for the same other one three times, and twenty times in all.
#[utoipa::path(post, path = "/sign-ups/{id}/swap", tag = "volunteer", operation_id = "propose_swap", params(("id" = String, Path)),
    request_body(content = ProposeSwap, example = json!({ "with": "sgn_01h455vb4pex5vsknk084sn02q" })), responses((status = 201, body = SwapDto, headers(("ETag" = String)))))]
async fn propose_swap(call: Call, id: At<SignUpKind>) -> Outcome {
    let body: ProposeSwap = call.body()?;
    call.write(move |tx, cx| propose(tx, cx, id.0, body.with.0)).await
}

fn propose(tx: &mut Tx, cx: &Cx, own: SignUpId, other: SignUpId) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    seen(tx, who, own)?;
    // What one person proposes on two devices at once is counted one after the other.
    store::touch(tx, who.id)?;
    let own = seen(tx, who, own)?;
    cx.expect_version(own.facts().version)?;
    let unknown = || ApiError::fault("/with", "unknown_sign_up", "没有这个报名", "is not a sign-up");
    let other = store::sign_up(tx, other)?.ok_or_else(unknown)?;
    let standing = Standing::of_sign_up(&own, who, tx.now());
    let id = tx.new_id();
    let earlier = store::earlier(tx, own.facts().id, other.facts().id)?;
    let changed = Swap::propose(id, &own, &other, earlier, who, tx.now()).map_err(|refusal| standing.refuse(refusal))?;
    let swap = store::save_swap(tx, changed).map_err(|error| match error {
        DbError::Duplicate => ApiError::new(code::DUPLICATE).because("您已提出过该换班申请", "This swap is proposed already"),
        other => other.into(),
    })?;
    Ok(Reply::created(format!("/api/v1/swaps/{id}"), &SwapDto::of(&swap, who))?.version(swap.facts().version))
}

/// Swaps that I proposed or was asked for
///
/// Newest first.
#[utoipa::path(get, path = "/me/swaps", tag = "volunteer", operation_id = "list_my_swaps",
    params(("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<SwapDto>)))]
async fn list_my_swaps(call: Call) -> Outcome {
    let params = call.query()?;
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let rows = store::swaps_of(tx, who.id, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |swap| swap.facts().id.text(), |swap| SwapDto::of(&swap, who)))
    })
    .await
}

/// One swap
#[utoipa::path(get, path = "/swaps/{id}", tag = "volunteer", operation_id = "get_swap", params(("id" = String, Path)),
    responses((status = 200, body = SwapDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_swap(call: Call, id: At<SwapKind>) -> Outcome {
    call.read_brief(move |tx, cx| {
        let who = cx.actor()?;
        let swap = load(tx, who, id.0)?;
        show(who, &swap)
    })
    .await
}

/// Agree 同意换班
///
/// The places change hands at once, if each suits the other.
#[utoipa::path(post, path = "/swaps/{id}/agree", tag = "volunteer", operation_id = "agree_to_swap", params(("id" = String, Path)),
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = SwapDto)))]
async fn agree_to_swap(call: Call, id: At<SwapKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| agree(tx, cx, id.0)).await
}

fn agree(tx: &mut Tx, cx: &Cx, id: SwapId) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let meant = *load(tx, who, id)?.facts();
    // Always the same one first, so that two swaps of the same people do not wait for each other.
    let mut people = [meant.proposer, meant.partner];
    people.sort();
    for person in people {
        store::touch(tx, person)?;
    }
    let swap = load(tx, who, id)?;
    cx.expect_version(swap.facts().version)?;
    let now = tx.now();
    let standing = Standing::of_swap(&swap, who, now);
    // With both records in hand nobody else moves either of the two to another post. So these are the posts to hold, with those in
    // which a place is held for either at a time that will not be theirs any more.
    let (own, other) = both_places(tx, &meant)?;
    let goes = store::waits(tx, meant.proposer, other.facts().shift, &other.facts().occasion)?;
    let comes = store::waits(tx, meant.partner, own.facts().shift, &own.facts().occasion)?;
    let held = goes.iter().chain(&comes).filter(|wait| wait.offered).map(|wait| (wait.shift, wait.post));
    let places = [(own.facts().shift, own.facts().post), (other.facts().shift, other.facts().post)];
    store::hold(tx, held.chain(places).collect())?;
    // What is decided upon is read after that: a shift may have been moved or called off, a place given up, while we waited.
    let (own, other) = both_places(tx, &meant)?;
    let (own_activity, own_shift) = store::opening(tx, &Sight::everything(), own.facts().shift)?.ok_or_else(absent)?;
    let (other_activity, other_shift) = store::opening(tx, &Sight::everything(), other.facts().shift)?.ok_or_else(absent)?;
    let rules = store::rules(tx, meant.community)?;
    let rule = &rules.no_show;
    let both = [meant.own, meant.other];
    let (proposer, partner) = (own.volunteer(), other.volunteer());
    let asking = |who| Asking { who, acting: None, rule, vault: &cx.app.vault };
    let goes_there = store::volunteer(tx, &asking(&proposer), (&other_activity, &other_shift), post_of(&other_shift, &other), &both)?;
    let comes_here = store::volunteer(tx, &asking(&partner), (&own_activity, &own_shift), post_of(&own_shift, &own), &both)?;
    let first = Side { sign_up: own, into: Opening { activity: &other_activity, shift: &other_shift }, who: &goes_there };
    let second = Side { sign_up: other, into: Opening { activity: &own_activity, shift: &own_shift }, who: &comes_here };
    let (swap, one, two) = swap.agree(first, second, rule, who, now).map_err(|refusal| standing.refuse(refusal))?;
    let (one, two) = (store::save_sign_up(tx, one)?, store::save_sign_up(tx, two)?);
    store::give_up(tx, &cx.app.vault, &one, &goes)?;
    store::give_up(tx, &cx.app.vault, &two, &comes)?;
    let swap = store::save_swap(tx, swap)?;
    show(who, &swap)
}

fn both_places(tx: &mut Tx, meant: &SwapFacts) -> Result<(SignUp, SignUp), ApiError> {
    let own = store::sign_up(tx, meant.own)?.ok_or_else(absent)?;
    let other = store::sign_up(tx, meant.other)?.ok_or_else(absent)?;
    Ok((own, other))
}

/// The post that a sign-up stands in, for counting who else of a household does.
fn post_of<'s>(shift: &'s Shift, sign_up: &SignUp) -> Option<&'s Post> {
    shift.facts().posts.iter().find(|post| post.number == sign_up.facts().post)
}

fn answer(
    tx: &mut Tx,
    cx: &Cx,
    id: SwapId,
    decide: fn(Swap, &Actor, Timestamp) -> Result<Changed<Swap>, Refusal>,
) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let swap = load(tx, who, id)?;
    cx.expect_version(swap.facts().version)?;
    let standing = Standing::of_swap(&swap, who, tx.now());
    let changed = decide(swap, who, tx.now()).map_err(|refusal| standing.refuse(refusal))?;
    let swap = store::save_swap(tx, changed)?;
    show(who, &swap)
}

/// Refuse 拒绝换班
#[utoipa::path(post, path = "/swaps/{id}/refuse", tag = "volunteer", operation_id = "refuse_swap", params(("id" = String, Path)),
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = SwapDto)))]
async fn refuse_swap(call: Call, id: At<SwapKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| answer(tx, cx, id.0, |swap, who, now| swap.refuse(who, now))).await
}

/// Take it back 撤回申请
#[utoipa::path(post, path = "/swaps/{id}/withdraw", tag = "volunteer", operation_id = "withdraw_swap", params(("id" = String, Path)),
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = SwapDto)))]
async fn withdraw_swap(call: Call, id: At<SwapKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| answer(tx, cx, id.0, |swap, who, now| swap.withdraw(who, now))).await
}
