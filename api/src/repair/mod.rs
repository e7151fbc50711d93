//! Repair tickets 报修 over HTTP. The domain's module of the same name says what the words mean and draws the states.

mod commands;
mod dto;
mod notice;
mod open311;

pub use self::notice::words;
pub use self::open311::{own_shape, routes as open311_routes};

use jiazai_domain::actor::{Actor, CommunityId, Role};
use jiazai_domain::content::Part;
use jiazai_domain::repair::{Note, Quote, QuoteItem, Rating, Reason, Sight, State, Ticket, TicketId, TicketKind, View};
use jiazai_infra::db::Tx;
use jiazai_infra::registry::homes;
use jiazai_infra::repair::{self as store, Filter, Names};
use jiazai_infra::wechat::Scene;
use jiazai_infra::{community, events};

use self::commands::{act, act_saying, attach, load, load_to_grab, reason, worker};
use self::dto::{
    Assign, Because, Beside, CategoryDto, Merge, NewTicket, PerhapsBecause, PutCategory, QuoteDto, RatingDto, Resolve, TicketDto,
    TicketEvent, Transfer,
};
use crate::call::{At, Call, Outcome};
use crate::content::{Kept, write_checked};
use crate::error::{ApiError, code};
use crate::faults::{faulty, text_fault};
use crate::input::Nothing;
use crate::op;
use crate::page::Page;
use crate::route::{Access, Api};

const REPORTERS: &[Role] = &[Role::CommunityAdmin, Role::Dispatcher, Role::PropertyManager, Role::GridWorker];
const DISPATCHERS: &[Role] = &[Role::Dispatcher, Role::CommunityAdmin];
const WORKERS: &[Role] = &[Role::RepairWorker];
const WORKERS_AND_DISPATCHERS: &[Role] = &[Role::RepairWorker, Role::Dispatcher, Role::CommunityAdmin];

/// Of tickets as a table: what somebody looks for first stands first.
const COLUMNS: &[&str] = &[
    "id",
    "created_at",
    "state",
    "overdue",
    "category",
    "category_name",
    "title",
    "description",
    "place",
    "home_id",
    "affected_homes",
    "appointment.from",
    "appointment.to",
    "reporter_id",
    "worker_id",
    "sla.accept.due_at",
    "sla.accept.met",
    "sla.arrive.due_at",
    "sla.arrive.met",
    "sla.resolve.due_at",
    "sla.resolve.met",
    "paused_at",
    "reopened_at",
    "ended_at",
    "chargeable",
    "quote.amount_fen",
    "resolution.note",
    "resolution.at",
    "rating.overall",
    "rating.speed",
    "rating.service",
    "rating.comment",
    "duplicate_of",
    "duplicates",
    "community_id",
    "version",
    "home_label",
    "worker_name",
    "held_back",
];

pub fn routes(api: &mut Api) {
    let conflict = &[code::STATE_CONFLICT, code::STALE];
    api.add(op!(report_repair, Access::ResidentsOr(REPORTERS)))
        .add(op!(list_repair_tickets, Access::Anyone).columns(COLUMNS).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_repair_ticket, Access::Anyone))
        .add(op!(list_repair_ticket_events, Access::Anyone).refuses(&[code::CURSOR_INVALID]))
        .add(op!(assign_repair_ticket, Access::Roles(DISPATCHERS)).refuses(conflict))
        .add(op!(grab_repair_ticket, Access::Roles(WORKERS)).refuses(conflict))
        .add(op!(accept_repair_ticket, Access::Roles(WORKERS)).refuses(conflict))
        .add(op!(decline_repair_ticket, Access::Roles(WORKERS)).refuses(conflict))
        .add(op!(transfer_repair_ticket, Access::Roles(WORKERS_AND_DISPATCHERS)).refuses(conflict))
        .add(op!(arrive_at_repair_ticket, Access::Roles(WORKERS)).refuses(conflict))
        .add(op!(quote_repair_ticket, Access::Roles(WORKERS)).refuses(conflict))
        .add(op!(approve_repair_quote, Access::ResidentsOr(REPORTERS)).refuses(conflict))
        .add(op!(refuse_repair_quote, Access::ResidentsOr(REPORTERS)).refuses(conflict))
        .add(op!(pause_repair_ticket, Access::Roles(WORKERS_AND_DISPATCHERS)).refuses(conflict))
        .add(op!(resume_repair_ticket, Access::Roles(WORKERS_AND_DISPATCHERS)).refuses(conflict))
        .add(op!(resolve_repair_ticket, Access::Roles(WORKERS)).refuses(conflict))
        .add(op!(confirm_repair_ticket, Access::ResidentsOr(REPORTERS)).refuses(conflict))
        .add(op!(reopen_repair_ticket, Access::ResidentsOr(REPORTERS)).refuses(conflict))
        .add(op!(rate_repair_ticket, Access::ResidentsOr(REPORTERS)).refuses(conflict))
        .add(op!(urge_repair_ticket, Access::ResidentsOr(REPORTERS)).refuses(conflict).refuses(&[code::URGED_RECENTLY]))
        .add(op!(cancel_repair_ticket, Access::ResidentsOr(REPORTERS)).refuses(conflict))
        .add(op!(merge_repair_ticket, Access::Roles(DISPATCHERS)).refuses(conflict))
        .add(op!(list_repair_categories, Access::Anyone).refuses(&[code::NOT_FOUND, code::CURSOR_INVALID]))
        .add(op!(put_repair_category, Access::Roles(&[Role::CommunityAdmin])).unconditional().refuses(&[
            code::PRECONDITION_REQUIRED,
            code::PRECONDITION_FAILED,
            code::DUPLICATE,
            code::STALE,
        ]));
}

/// Report a repair
///
/// Residents report for their own homes and for public places; staff write down what somebody told them. What a resident writes and
/// photographs is looked at by WeChat's content check before others than those who review see it (`held_back`).
#[utoipa::path(post, path = "/repair-tickets", tag = "repair", operation_id = "report_repair",
    request_body(content = NewTicket, example = json!({ "community_id": "com_01h455vb4pex5vsknk084sn02q", "category": "plumbing", "title": "厨房水管漏水", "description": "水槽下方一直滴水", "place": "3 号楼 501 厨房" })), responses((status = 201, body = TicketDto, headers(("ETag" = String)))))]
async fn report_repair(call: Call) -> Outcome {
    let body: NewTicket = call.body()?;
    let words = commands::words_of(&body);
    write_checked(call, Scene::Forum, &words, move |tx, cx, verdict| commands::submit(tx, cx, &body, verdict)).await
}

/// List tickets
///
/// Residents get their own and those that touch their homes; workers theirs and what they may grab; others what their
/// roles let them see. Newest first.
#[utoipa::path(get, path = "/repair-tickets", tag = "repair", operation_id = "list_repair_tickets",
    params(
        ("community_id" = Option<String>, Query), ("state" = Option<dto::TicketState>, Query), ("category" = Option<String>, Query),
        ("assignee" = Option<String>, Query, description = "`me`, or a worker's id"), ("overdue" = Option<bool>, Query),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<TicketDto>)))]
async fn list_repair_tickets(call: Call) -> Outcome {
    let mut params = call.query()?;
    let me = call.actor()?.id;
    let filter = Filter {
        community: params.id("community_id")?,
        state: params.word("state", State::ALL, State::as_str)?,
        category: params.text("category")?,
        assignee: match params.text("assignee")?.as_deref() {
            None => None,
            Some("me") => Some(me),
            Some(text) => Some(text.parse().map_err(|_| ApiError::query("assignee", "应为 me 或编号", "must be `me` or an id"))?),
        },
        overdue: params.flag("overdue")?,
    };
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let homes = if who.resident().is_ok() { homes::spoken_for_by(tx, who.id)? } else { vec![] };
        let sight = Sight::of(who, homes);
        let rows = store::list(tx, &sight, &filter, window.after.as_deref(), window.fetch())?;
        let now = tx.now();
        // What the clause lets through, `view` sees; a row that it does not would be a bug, and is better left out.
        let sees = |(ticket, names): (Ticket, Names)| ticket.view(&sight).map(|view| (ticket, names, view));
        let seen: Vec<(Ticket, Names, View)> = rows.into_iter().filter_map(sees).collect();
        let beside = Beside::named(tx, seen.iter().map(|(ticket, names, _)| (ticket, names)))?;
        let id = |(ticket, _, _): &(Ticket, Names, View)| ticket.facts().id.text();
        Ok(window.page(seen, id, |(ticket, _, view)| TicketDto::of(&ticket, who, view, None, &beside, now)))
    })
    .await
}

/// One ticket
#[utoipa::path(get, path = "/repair-tickets/{id}", tag = "repair", operation_id = "get_repair_ticket",
    params(("id" = String, Path)), responses((status = 200, body = TicketDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    call.read_brief(move |tx, cx| commands::look(tx, cx, id.0)).await
}

/// A ticket's history
///
/// Oldest first.
#[utoipa::path(get, path = "/repair-tickets/{id}/events", tag = "repair", operation_id = "list_repair_ticket_events",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<TicketEvent>)))]
async fn list_repair_ticket_events(call: Call, id: At<TicketKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let (_, view) = load(tx, who, id.0)?;
        let withheld = Kept::of(tx, &[id.0.text()])?.kept_from(&id.0.text(), who);
        let rows = events::history(tx, &id.0.text(), window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |event| event.id.text(), |event| TicketEvent::of(event, view, &withheld)))
    })
    .await
}

/// Give it to a worker 派单
#[utoipa::path(post, path = "/repair-tickets/{id}/assign", tag = "repair", operation_id = "assign_repair_ticket",
    params(("id" = String, Path)), request_body(content = Assign, example = json!({ "worker_id": "usr_01h455vb4pex5vsknk084sn02q" })), responses((status = 200, body = TicketDto)))]
async fn assign_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let body: Assign = call.body()?;
    call.write(move |tx, cx| {
        act(tx, cx, load, id.0, |tx, ticket, who| {
            let to = worker(tx, body.worker_id.0, ticket.facts().community)?;
            Ok(to.and_then(|to| ticket.assign(&to, who, tx.now())))
        })
    })
    .await
}

/// Take it 抢单
#[utoipa::path(post, path = "/repair-tickets/{id}/grab", tag = "repair", operation_id = "grab_repair_ticket",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = TicketDto)))]
async fn grab_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act(tx, cx, load_to_grab, id.0, |tx, ticket, who| Ok(ticket.grab(who, tx.now())))).await
}

/// Accept it 接单
#[utoipa::path(post, path = "/repair-tickets/{id}/accept", tag = "repair", operation_id = "accept_repair_ticket",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = TicketDto)))]
async fn accept_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act(tx, cx, load, id.0, |tx, ticket, who| Ok(ticket.accept(who, tx.now())))).await
}

/// Decline it 退单
#[utoipa::path(post, path = "/repair-tickets/{id}/decline", tag = "repair", operation_id = "decline_repair_ticket",
    params(("id" = String, Path)), request_body(content = Because, example = json!({ "reason": "等待配件" })), responses((status = 200, body = TicketDto)))]
async fn decline_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let body: Because = call.body()?;
    call.write(move |tx, cx| {
        let why = reason(&body.reason.0)?;
        act(tx, cx, load, id.0, |tx, ticket, who| Ok(ticket.decline(why, who, tx.now())))
    })
    .await
}

/// Hand it to another worker 转单
#[utoipa::path(post, path = "/repair-tickets/{id}/transfer", tag = "repair", operation_id = "transfer_repair_ticket",
    params(("id" = String, Path)), request_body(content = Transfer, example = json!({ "worker_id": "usr_01h455vb4pex5vsknk084sn02q", "reason": "需要电工" })), responses((status = 200, body = TicketDto)))]
async fn transfer_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let body: Transfer = call.body()?;
    call.write(move |tx, cx| {
        let why = reason(&body.reason.0)?;
        act(tx, cx, load, id.0, |tx, ticket, who| {
            let to = worker(tx, body.worker_id.0, ticket.facts().community)?;
            Ok(to.and_then(|to| ticket.transfer(&to, why, who, tx.now())))
        })
    })
    .await
}

/// Be on site 到场
#[utoipa::path(post, path = "/repair-tickets/{id}/arrive", tag = "repair", operation_id = "arrive_at_repair_ticket",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = TicketDto)))]
async fn arrive_at_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act(tx, cx, load, id.0, |tx, ticket, who| Ok(ticket.arrive(who, tx.now())))).await
}

/// Ask a price 报价
#[utoipa::path(post, path = "/repair-tickets/{id}/quote", tag = "repair", operation_id = "quote_repair_ticket",
    params(("id" = String, Path)), request_body(content = QuoteDto, example = json!({ "amount_fen": 8500, "items": [{ "name": "水龙头", "amount_fen": 6000 }, { "name": "人工", "amount_fen": 2500 }] })), responses((status = 200, body = TicketDto)))]
async fn quote_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let body: QuoteDto = call.body()?;
    call.write(move |tx, cx| {
        let items = body.items.0.iter().map(|item| QuoteItem { name: item.name.0.clone(), amount_fen: item.amount_fen.0 });
        let quote = Quote::new(body.amount_fen.0, items.collect()).map_err(|faults| faulty("", faults))?;
        act(tx, cx, load, id.0, |tx, ticket, who| Ok(ticket.quote(quote, who, tx.now())))
    })
    .await
}

/// Agree to the price 同意报价
#[utoipa::path(post, path = "/repair-tickets/{id}/approve-quote", tag = "repair", operation_id = "approve_repair_quote",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = TicketDto)))]
async fn approve_repair_quote(call: Call, id: At<TicketKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act(tx, cx, load, id.0, |tx, ticket, who| Ok(ticket.approve_quote(who, tx.now())))).await
}

/// Refuse the price 拒绝报价
#[utoipa::path(post, path = "/repair-tickets/{id}/refuse-quote", tag = "repair", operation_id = "refuse_repair_quote",
    params(("id" = String, Path)), request_body(content = PerhapsBecause, example = json!({ "reason": "价格过高" })), responses((status = 200, body = TicketDto)))]
async fn refuse_repair_quote(call: Call, id: At<TicketKind>) -> Outcome {
    let body: PerhapsBecause = call.body()?;
    let words = body.reason.as_ref().map(|text| text.0.clone()).unwrap_or_default();
    write_checked(call, Scene::Comment, &words, move |tx, cx, verdict| {
        let why = perhaps(&body)?;
        act_saying(tx, cx, load, id.0, Part::Note, verdict, |tx, ticket, who| Ok(ticket.refuse_quote(why, who, tx.now())))
    })
    .await
}

fn perhaps(body: &PerhapsBecause) -> Result<Option<Reason>, ApiError> {
    body.reason.as_ref().filter(|text| !text.0.is_empty()).map(|text| reason(&text.0)).transpose()
}

/// Stop the clock 暂停
#[utoipa::path(post, path = "/repair-tickets/{id}/pause", tag = "repair", operation_id = "pause_repair_ticket",
    params(("id" = String, Path)), request_body(content = Because, example = json!({ "reason": "等待配件" })), responses((status = 200, body = TicketDto)))]
async fn pause_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let body: Because = call.body()?;
    call.write(move |tx, cx| {
        let why = reason(&body.reason.0)?;
        act(tx, cx, load, id.0, |tx, ticket, who| Ok(ticket.pause(why, who, tx.now())))
    })
    .await
}

/// Go on 恢复
#[utoipa::path(post, path = "/repair-tickets/{id}/resume", tag = "repair", operation_id = "resume_repair_ticket",
    params(("id" = String, Path)), request_body(content = PerhapsBecause, example = json!({ "reason": "价格过高" })), responses((status = 200, body = TicketDto)))]
async fn resume_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let body: PerhapsBecause = call.body()?;
    call.write(move |tx, cx| {
        let why = perhaps(&body)?;
        let calendars = &cx.app.calendars;
        act(tx, cx, load, id.0, |tx, ticket, who| Ok(ticket.resume(why, calendars, who, tx.now())))
    })
    .await
}

/// Be done 完工
#[utoipa::path(post, path = "/repair-tickets/{id}/resolve", tag = "repair", operation_id = "resolve_repair_ticket",
    params(("id" = String, Path)), request_body(content = Resolve, example = json!({ "note": "已更换水龙头", "photos": ["fil_01h455vb4pex5vsknk084sn02q"] })), responses((status = 200, body = TicketDto)))]
async fn resolve_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let body: Resolve = call.body()?;
    call.write(move |tx, cx| {
        let note = Note::new(&body.note.0).map_err(|fault| text_fault("/note", fault.into()))?;
        let photos: Vec<_> = body.photos.0.iter().map(|photo| photo.0).collect();
        let reply = act(tx, cx, load, id.0, |tx, ticket, who| {
            let neighbours = store::neighbours(tx, &ticket)?;
            Ok(ticket.resolve(note, photos.clone(), &neighbours, who, tx.now()))
        })?;
        attach(tx, cx.actor()?.id, &photos, id.0)?;
        Ok(reply)
    })
    .await
}

/// Confirm that it is done 确认完工
#[utoipa::path(post, path = "/repair-tickets/{id}/confirm", tag = "repair", operation_id = "confirm_repair_ticket",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = TicketDto)))]
async fn confirm_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act(tx, cx, load, id.0, |tx, ticket, who| Ok(ticket.confirm(who, tx.now())))).await
}

/// Reopen it 重开
///
/// Once, within seven days of the resolution. Everything is promised anew.
#[utoipa::path(post, path = "/repair-tickets/{id}/reopen", tag = "repair", operation_id = "reopen_repair_ticket",
    params(("id" = String, Path)), request_body(content = Because, example = json!({ "reason": "等待配件" })), responses((status = 200, body = TicketDto)))]
async fn reopen_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let body: Because = call.body()?;
    let words = body.reason.0.clone();
    write_checked(call, Scene::Comment, &words, move |tx, cx, verdict| {
        let why = reason(&body.reason.0)?;
        let calendars = &cx.app.calendars;
        act_saying(tx, cx, load, id.0, Part::Note, verdict, |tx, ticket, who| Ok(ticket.reopen(why, calendars, who, tx.now())))
    })
    .await
}

/// Rate it 评价
#[utoipa::path(post, path = "/repair-tickets/{id}/rate", tag = "repair", operation_id = "rate_repair_ticket",
    params(("id" = String, Path)), request_body(content = RatingDto, example = json!({ "overall": 5, "speed": 5, "service": 4, "comment": "来得很快" })), responses((status = 200, body = TicketDto)))]
async fn rate_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let body: RatingDto = call.body()?;
    let words = body.comment.as_ref().map(|text| text.0.clone()).unwrap_or_default();
    write_checked(call, Scene::Comment, &words, move |tx, cx, verdict| {
        let comment = body.comment.as_ref().map(|text| text.0.as_str()).filter(|text| !text.is_empty());
        let rating = Rating::new(body.overall.0, body.speed.0, body.service.0, comment).map_err(|faults| faulty("", faults))?;
        act_saying(tx, cx, load, id.0, Part::Comment, verdict, |tx, ticket, who| Ok(ticket.rate(rating, who, tx.now())))
    })
    .await
}

/// Urge 催单
///
/// Once in half an hour.
#[utoipa::path(post, path = "/repair-tickets/{id}/urge", tag = "repair", operation_id = "urge_repair_ticket",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = TicketDto)))]
async fn urge_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act(tx, cx, load, id.0, |tx, ticket, who| Ok(ticket.urge(who, tx.now())))).await
}

/// Cancel it 取消
///
/// The reporter until somebody has accepted it, a dispatcher while it is open.
#[utoipa::path(post, path = "/repair-tickets/{id}/cancel", tag = "repair", operation_id = "cancel_repair_ticket",
    params(("id" = String, Path)), request_body(content = Because, example = json!({ "reason": "等待配件" })), responses((status = 200, body = TicketDto)))]
async fn cancel_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let body: Because = call.body()?;
    let words = body.reason.0.clone();
    write_checked(call, Scene::Comment, &words, move |tx, cx, verdict| {
        let why = reason(&body.reason.0)?;
        act_saying(tx, cx, load, id.0, Part::Note, verdict, |tx, ticket, who| Ok(ticket.cancel(why, who, tx.now())))
    })
    .await
}

/// Merge it into another ticket 合并
#[utoipa::path(post, path = "/repair-tickets/{id}/merge", tag = "repair", operation_id = "merge_repair_ticket",
    params(("id" = String, Path)), request_body(content = Merge, example = json!({ "into": "tkt_01h455vb4pex5vsknk084sn02q" })), responses((status = 200, body = TicketDto)))]
async fn merge_repair_ticket(call: Call, id: At<TicketKind>) -> Outcome {
    let body: Merge = call.body()?;
    call.write(move |tx, cx| commands::merge(tx, cx, id.0, body.into.0)).await
}

/// List categories
///
/// What can be reported in a community and what is promised for it.
#[utoipa::path(get, path = "/repair-categories", tag = "repair", operation_id = "list_repair_categories",
    params(("community_id" = String, Query), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<CategoryDto>)))]
async fn list_repair_categories(call: Call) -> Outcome {
    let mut params = call.query()?;
    let place: CommunityId = params.required_id("community_id")?;
    call.list(params, move |tx, _, window| {
        if community::find(tx, place)?.is_none() {
            return Err(ApiError::new(code::NOT_FOUND));
        }
        let rows = store::categories(tx, place, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |category| category.code.clone(), |category| CategoryDto::from(&category)))
    })
    .await
}

/// Make or change a category
///
/// A code that does not exist yet is made (201). Changing one needs `If-Match` with its version. What was promised for
/// tickets that exist stays.
#[utoipa::path(put, path = "/repair-categories/{code}", tag = "repair", operation_id = "put_repair_category",
    params(("code" = String, Path), ("community_id" = String, Query), ("If-Match" = Option<String>, Header, description = "The version last seen, as in `ETag`")),
    request_body(content = PutCategory, example = json!({ "name": "水管漏水", "dispatch": "assign", "accept_within_s": 1800, "arrive_within_s": 7200, "resolve_within_s": 86400, "calendar": "always", "chargeable": true })),
    responses((status = 200, body = CategoryDto, headers(("ETag" = String))), (status = 201, body = CategoryDto, headers(("ETag" = String)))))]
async fn put_repair_category(call: Call) -> Outcome {
    let mut params = call.query()?;
    let place: CommunityId = params.required_id("community_id")?;
    params.finish()?;
    let body: PutCategory = call.body()?;
    let code_word = call.path_value("code");
    let seen = call.request.headers().contains_key(actix_web::http::header::IF_MATCH);
    call.write(move |tx, cx| commands::put_category(tx, cx, place, &code_word, &body, seen)).await
}

/// How somebody sees a ticket, for what belongs to it.
pub fn view_of(tx: &mut Tx, who: &Actor, id: TicketId) -> Result<View, ApiError> {
    load(tx, who, id).map(|(_, view)| view)
}
