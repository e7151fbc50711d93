//! The inbox 消息: what somebody was to be told, whether or not WeChat carried it. Who has allowed no messages finds them here.

use jiazai_domain::actor::Actor;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events::EventId;
use jiazai_infra::notices::{self as store, Kept, NoticeKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::input::named::NoticeRef;
use crate::input::{Instant, Nothing, Ref};
use crate::notices::{Words, words};
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

/// Nobody needs the exact number of more.
const COUNTED: i64 = 100;

pub fn routes(api: &mut Api) {
    api.add(op!(list_my_notices, Access::Anyone).exported_apart().refuses(&[code::CURSOR_INVALID]))
        .add(op!(count_my_unread_notices, Access::Anyone))
        .add(op!(read_my_notice, Access::Anyone))
        .add(op!(read_all_my_notices, Access::Anyone));
}

/// Something that I was to be told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MyNotice)]
pub struct NoticeDto {
    #[schema(inline)]
    pub id: NoticeRef,
    /// Its kind, as in the consents.
    #[schema(example = "repair_progress")]
    pub template: String,
    /// What it is about.
    pub title: String,
    /// How it stands.
    #[schema(example = "已接单")]
    pub phrase: &'static str,
    /// When that happened; for what is still to come, when that is.
    #[schema(inline)]
    pub at: Instant,
    /// What a tap opens, as a path in the mini-program; null when the thing is gone.
    pub page: Option<String>,
    /// `wechat`: WeChat took the message; `pending`: it is on its way; `inbox_only`: it could not be sent, as a rule because it was
    /// not allowed; `uncertain`: WeChat's answer was lost.
    #[schema(example = "inbox_only")]
    pub delivery: &'static str,
    #[schema(inline)]
    pub created_at: Instant,
    #[schema(inline)]
    pub read_at: Option<Instant>,
}

/// How many I have not read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unread {
    /// Up to 100, which means 100 or more.
    pub unread: i64,
}

/// How many were marked.
#[derive(Debug, Serialize, ToSchema)]
pub struct MarkedRead {
    pub marked: i64,
}

/// Somebody's notices as they may read them; what they are about is read at once for all.
fn shown(tx: &mut Tx, app: &App, who: &Actor, kept: Vec<Kept>) -> Result<Vec<NoticeDto>, DbError> {
    let events: Vec<EventId> = kept.iter().map(|kept| kept.notice.event).collect();
    let said = words(tx, &app.vault, Some(who), &events)?;
    Ok(kept.into_iter().map(|kept| one(said.get(&kept.notice.event), kept)).collect())
}

fn one(said: Option<&Words>, kept: Kept) -> NoticeDto {
    let (title, phrase, at, page) = match said.cloned() {
        Some(words) => (words.title, words.phrase, words.when, Some(words.page)),
        None => ("相关内容已不存在".to_owned(), "已失效", kept.created_at, None),
    };
    NoticeDto {
        id: Ref(kept.notice.id),
        template: kept.notice.template,
        title,
        phrase,
        at: at.into(),
        page,
        delivery: match kept.state.as_str() {
            "sent" => "wechat",
            "pending" | "sending" => "pending",
            "uncertain" => "uncertain",
            _ => "inbox_only",
        },
        created_at: kept.created_at.into(),
        read_at: kept.read_at.map(Instant),
    }
}

/// What I was to be told
///
/// Newest first, whatever became of the message in WeChat.
#[utoipa::path(get, path = "/me/notices", tag = "notices", operation_id = "list_my_notices",
    params(("unread" = Option<bool>, Query), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<NoticeDto>)))]
async fn list_my_notices(call: Call) -> Outcome {
    let mut params = call.query()?;
    let (me, unread) = (call.actor()?.id, params.flag("unread")?);
    call.list(params, move |tx, cx, window| {
        let rows = store::inbox(tx, me, unread, window.after.as_deref(), window.fetch())?;
        let rows = shown(tx, &cx.app, cx.actor()?, rows)?;
        Ok(window.page(rows, |notice| notice.id.0.text(), |notice| notice))
    })
    .await
}

/// How many I have not read
#[utoipa::path(get, path = "/me/notices/unread", tag = "notices", operation_id = "count_my_unread_notices",
    responses((status = 200, body = Unread)))]
async fn count_my_unread_notices(call: Call) -> Outcome {
    let me = call.actor()?.id;
    call.read_brief(move |tx, _| Reply::ok(&Unread { unread: store::count_unread(tx, me, COUNTED)? })).await
}

/// I have read it
///
/// Reading it again changes nothing.
#[utoipa::path(post, path = "/me/notices/{id}/read", tag = "notices", operation_id = "read_my_notice",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = NoticeDto)))]
async fn read_my_notice(call: Call, id: At<NoticeKind>) -> Outcome {
    let _: Nothing = call.body()?;
    let me = call.actor()?.id;
    call.write(move |tx, cx| {
        store::mark_read(tx, me, Some(id.0))?;
        let kept = store::in_inbox(tx, me, id.0)?.into_iter().collect();
        let shown = shown(tx, &cx.app, cx.actor()?, kept)?.pop();
        Reply::ok(&shown.ok_or_else(|| ApiError::new(code::NOT_FOUND))?)
    })
    .await
}

/// I have read them all
#[utoipa::path(post, path = "/me/notices/read-all", tag = "notices", operation_id = "read_all_my_notices",
    request_body(content = Nothing, example = json!({})), responses((status = 200, body = MarkedRead)))]
async fn read_all_my_notices(call: Call) -> Outcome {
    let _: Nothing = call.body()?;
    let me = call.actor()?.id;
    call.write(move |tx, _| Reply::ok(&MarkedRead { marked: store::mark_read(tx, me, None)? as i64 })).await
}
