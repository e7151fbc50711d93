//! Content checks 内容审核 over HTTP: the queue of what is held, and what the commands of other modules ask of this one. The
//! domain's module of the same name says what the words mean.

mod gate;
mod pictures;
mod review;

use deserr::Deserr;
use jiazai_domain::actor::Actor;
use jiazai_domain::content::{self as domain, Check, CheckId, CheckKind, Part, REVIEWERS, Reason, Refusal, State, Withheld};
use jiazai_domain::kernel::changed::Changed;
use jiazai_infra::content::{self as store, Filter};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::Recorded;
use utoipa::ToSchema;

pub use self::gate::{ContentChecks, hold, judge, watch, write_checked};
pub use self::pictures::{routes as picture_routes, see_through, settle};
use self::review::{ContentReview, shown, shown_one};
pub use self::review::{Rejection, rejections};
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::faults::text_fault;
use crate::input::named::Text500;
use crate::input::{Faults, Nothing};
use crate::notices::{Said, Words, about, things};
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    let conflict = &[code::STATE_CONFLICT, code::STALE];
    api.add(op!(list_content_reviews, Access::Roles(REVIEWERS)).sensitive().exported_apart().refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_content_review, Access::Roles(REVIEWERS)).sensitive())
        .add(op!(approve_content, Access::Roles(REVIEWERS)).refuses(conflict))
        .add(op!(reject_content, Access::Roles(REVIEWERS)).refuses(conflict));
}

crate::spoken! {
    /// What is looked at: words (title, description, place), comment, note (a reason in the history), photo.
    ContentPart = domain::Part { Words = "words", Comment = "comment", Note = "note", Photo = "photo" }
}

crate::spoken! {
    /// Why it is held: review and risky by the platform's opinion; away: the platform had none; no_verdict: none came in time;
    /// not_checkable: nothing that the platform can look at.
    ContentCause = domain::Cause {
        Review = "review", Risky = "risky", Away = "away", NoVerdict = "no_verdict", NotCheckable = "not_checkable",
    }
}

crate::spoken! {
    /// Where a check stands.
    ContentState = domain::State {
        Waiting = "waiting", Held = "held", Passed = "passed", Approved = "approved", Rejected = "rejected",
    }
}

crate::spoken! {
    /// What may be done with what is held.
    ContentAction = domain::Action { Pass = "pass", Hold = "hold", Approve = "approve", Reject = "reject" }
}

/// Why it is not shown. The author reads it.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RejectContent {
    #[schema(inline)]
    pub reason: Text500,
}

/// The check, if the actor reviews where it belongs.
fn load(tx: &mut Tx, who: &Actor, id: CheckId) -> Result<Check, ApiError> {
    let found = store::find(tx, id)?.filter(|check| who.communities_as(REVIEWERS).contains(check.facts().about.community));
    found.ok_or_else(|| ApiError::new(code::NOT_FOUND))
}

/// List what is held
///
/// What residents wrote or photographed and others do not see yet: WeChat takes it for risky, wants a person to look, or had no
/// opinion. Newest first; what is held unless `state` asks for something else.
#[utoipa::path(get, path = "/content-reviews", tag = "content", operation_id = "list_content_reviews",
    params(("community_id" = Option<String>, Query), ("state" = Option<ContentState>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ContentReview>)))]
async fn list_content_reviews(call: Call) -> Outcome {
    let mut params = call.query()?;
    let community = params.id("community_id")?;
    let state = params.word("state", State::ALL, State::as_str)?.unwrap_or(State::Held);
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let filter = Filter { within: who.communities_as(REVIEWERS), community, state };
        let rows = store::list(tx, &filter, window.after.as_deref(), window.fetch())?;
        let rows = shown(tx, &rows, who)?;
        Ok(window.page(rows, |review| review.id.0.text(), |review| review))
    })
    .await
}

/// Something that is held
#[utoipa::path(get, path = "/content-reviews/{id}", tag = "content", operation_id = "get_content_review", params(("id" = String, Path)),
    responses((status = 200, body = ContentReview, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_content_review(call: Call, id: At<CheckKind>) -> Outcome {
    call.read(move |tx, cx| {
        let who = cx.actor()?;
        let check = load(tx, who, id.0)?;
        Ok(Reply::ok(&shown_one(tx, &check, who)?)?.version(check.facts().version))
    })
    .await
}

/// Let others see it 通过
#[utoipa::path(post, path = "/content-reviews/{id}/approve", tag = "content", operation_id = "approve_content",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = ContentReview)))]
async fn approve_content(call: Call, id: At<CheckKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| decide(tx, cx, id.0, |tx, check, who| check.approve(who, tx.now()))).await
}

/// Keep it from others 不通过
///
/// For good; the author is told, goes on seeing it, and reads the reason in the ticket's `rejections`.
#[utoipa::path(post, path = "/content-reviews/{id}/reject", tag = "content", operation_id = "reject_content",
    params(("id" = String, Path)), request_body(content = RejectContent, example = json!({ "reason": "含有广告内容" })),
    responses((status = 200, body = ContentReview)))]
async fn reject_content(call: Call, id: At<CheckKind>) -> Outcome {
    let body: RejectContent = call.body()?;
    call.write(move |tx, cx| {
        let reason = Reason::new(&body.reason.0).map_err(|fault| text_fault("/reason", fault.into()))?;
        decide(tx, cx, id.0, |tx, check, who| check.reject(reason, who, tx.now()))
    })
    .await
}

fn decide(
    tx: &mut Tx,
    cx: &Cx,
    id: CheckId,
    decide: impl FnOnce(&mut Tx, Check, &Actor) -> Result<Changed<Check>, Refusal>,
) -> Result<Reply, ApiError> {
    let who = cx.actor()?;
    let check = load(tx, who, id)?;
    cx.expect_version(check.facts().version)?;
    let (state, allowed) = (check.facts().state.as_str(), check.allowed_actions(who).iter().map(|action| action.as_str()).collect());
    let changed = decide(tx, check, who).map_err(|refusal| match refusal {
        Refusal::NotForYou => ApiError::new(code::FORBIDDEN),
        Refusal::WrongState => ApiError::new(code::STATE_CONFLICT).in_state(state, allowed),
    })?;
    let check = store::save(tx, changed)?;
    Ok(Reply::ok(&shown_one(tx, &check, who)?)?.version(check.facts().version))
}

/// What of a thing is kept from whom: the checks that say so, read once.
pub struct Kept(Vec<Check>);

impl Kept {
    pub fn of(tx: &mut Tx, subjects: &[String]) -> Result<Self, DbError> {
        Ok(Self(store::withholding(tx, subjects)?))
    }

    /// What of one of the things is kept from this actor.
    pub fn kept_from(&self, subject: &str, who: &Actor) -> Withheld {
        Withheld::of(self.0.iter().filter(|check| check.facts().about.subject == subject), who)
    }

    /// Whether the words of a thing are kept from anybody: then they do not go into messages either.
    pub fn words_of(&self, subject: &str) -> bool {
        self.0.iter().any(|check| check.facts().about.subject == subject && check.facts().about.part == Part::Words)
    }
}

/// The words for events of checks.
pub fn words(tx: &mut Tx, events: &[Recorded], said: &mut Said) -> Result<(), DbError> {
    let events: Vec<(CheckId, &Recorded)> = about(events);
    let checks = store::by_ids(tx, &things(&events))?;
    for (id, event) in events {
        let Some(check) = checks.iter().find(|check| check.facts().id == id) else { continue };
        let page = format!("repair/ticket?id={}", check.facts().about.subject);
        said.insert(event.id, Words::new("您提交的内容", "未通过审核", event.occurred_at, page));
    }
    Ok(())
}
