//! Content checks 内容审核 over HTTP: the queue of what is held, and what the commands of other modules ask of this one. The
//! domain's module of the same name says what the words mean.

mod gate;
mod pictures;

use deserr::Deserr;
use jiazai_domain::actor::Actor;
use jiazai_domain::content::{self as domain, Check, CheckId, CheckKind, Part, REVIEWERS, Reason, Refusal, State, Withheld};
use jiazai_domain::kernel::changed::Changed;
use jiazai_domain::repair::TicketId;
use jiazai_infra::content::{self as store, Filter};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::Recorded;
use jiazai_infra::{events, repair};
use serde::Serialize;
use utoipa::ToSchema;

pub use self::gate::{ContentChecks, hold, judge, watch, write_checked};
pub use self::pictures::{routes as picture_routes, see_through, settle};
use crate::call::{At, Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::faults::text_fault;
use crate::input::named::{CheckRef, CommunityRef, FileRef, PrincipalRef, Text500};
use crate::input::{Faults, Instant, Nothing, Ref};
use crate::notices::Words;
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

/// A text that is held, by the field it stands in.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldText {
    #[schema(example = "description")]
    pub name: &'static str,
    pub text: String,
}

/// Something that is kept from others until somebody has looked at it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentReview {
    #[schema(inline)]
    pub id: CheckRef,
    pub version: i64,
    #[schema(inline)]
    pub community_id: CommunityRef,
    /// The thing that it belongs to, a repair ticket.
    pub subject_id: String,
    pub part: ContentPart,
    pub state: ContentState,
    pub cause: Option<ContentCause>,
    /// What WeChat takes it for, by its own numbers: 10001 advertising, 20001 politics, 20002 porn, 20003 abuse, 20006 crime,
    /// 20008 fraud, 20012 vulgar, 20013 copyright, 21000 other.
    pub label: Option<i64>,
    pub texts: Vec<HeldText>,
    #[schema(inline)]
    pub file_id: Option<FileRef>,
    #[schema(inline)]
    pub author_id: PrincipalRef,
    pub allowed_actions: Vec<ContentAction>,
    #[schema(inline)]
    pub created_at: Instant,
    #[schema(inline)]
    pub decided_by: Option<PrincipalRef>,
    #[schema(inline)]
    pub decided_at: Option<Instant>,
}

/// The words that are held, where they stand.
fn texts(tx: &mut Tx, check: &Check) -> Result<Vec<HeldText>, DbError> {
    let about = &check.facts().about;
    if about.part == Part::Note {
        let note = match about.item.as_deref().and_then(|item| item.parse().ok()) {
            Some(event) => events::find(tx, event)?.and_then(|event| event.note),
            None => None,
        };
        return Ok(note.map(|text| HeldText { name: "reason", text }).into_iter().collect());
    }
    let Ok(id) = about.subject.parse::<TicketId>() else { return Ok(vec![]) };
    let Some(ticket) = repair::find(tx, id)? else { return Ok(vec![]) };
    let f = ticket.facts();
    let named = match about.part {
        Part::Words => vec![("title", Some(f.title.clone())), ("description", Some(f.description.clone())), ("place", f.place.clone())],
        Part::Comment => vec![("comment", f.rating.as_ref().and_then(|rating| rating.comment().map(str::to_owned)))],
        Part::Note | Part::Photo => vec![],
    };
    Ok(named.into_iter().filter_map(|(name, text)| text.map(|text| HeldText { name, text })).collect())
}

fn shown(tx: &mut Tx, check: &Check, who: &Actor) -> Result<ContentReview, DbError> {
    let f = check.facts();
    let file = f.about.item.as_deref().filter(|_| f.about.part == Part::Photo).and_then(|item| item.parse().ok());
    Ok(ContentReview {
        id: Ref(f.id),
        version: f.version,
        community_id: Ref(f.about.community),
        subject_id: f.about.subject.clone(),
        part: f.about.part.into(),
        state: f.state.into(),
        cause: f.cause.map(ContentCause::from),
        label: f.label,
        texts: texts(tx, check)?,
        file_id: file.map(Ref),
        author_id: Ref(f.about.author),
        allowed_actions: check.allowed_actions(who).into_iter().map(ContentAction::from).collect(),
        created_at: f.created_at.into(),
        decided_by: f.decided_by.map(Ref),
        decided_at: f.decided_at.map(Instant),
    })
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
        let rows: Vec<ContentReview> = rows.iter().map(|check| shown(tx, check, who)).collect::<Result<_, _>>()?;
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
        Ok(Reply::ok(&shown(tx, &check, who)?)?.version(check.facts().version))
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
/// For good; the author is told, and goes on seeing it.
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
    Ok(Reply::ok(&shown(tx, &check, who)?)?.version(check.facts().version))
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

/// The words for an event of a check.
pub fn words(tx: &mut Tx, event: &Recorded) -> Result<Option<Words>, DbError> {
    let Ok(id) = event.subject.parse::<CheckId>() else { return Ok(None) };
    let Some(check) = store::find(tx, id)? else { return Ok(None) };
    let page = format!("repair/ticket?id={}", check.facts().about.subject);
    Ok(Some(Words::new("您提交的内容", "未通过审核", event.occurred_at, page)))
}
