//! Rounds: drafted, published, opened, closed, finished. Listing, allocating and announcing move the applications as well.

use jiazai_domain::actor::{Actor, CommunityId};
use jiazai_domain::enrolment::round::{Action, Facts, Round, RoundDraft, SeatsInput, Stage, State};
use jiazai_domain::enrolment::{RoundId, RoundKind};
use jiazai_infra::community;
use jiazai_infra::db::Tx;
use jiazai_infra::enrolment::{self as store, Filter, Sight};
use jiazai_infra::registry::places;

use super::dto::{self, EnrolmentRoundDto, EnrolmentRoundSummaryDto, NewEnrolmentRound, PutEnrolmentRound, RoundState, RoundStep};
use super::refusal::{STEP, Standing};
use super::steps::{nothing_more, step};
use super::{ADMINS, absent};
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, Fault, code};
use crate::faults::together;
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(create_enrolment_round, Access::Roles(ADMINS)))
        .add(op!(list_enrolment_rounds, Access::Anyone).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_enrolment_round, Access::Anyone))
        .add(op!(put_enrolment_round, Access::Roles(ADMINS)).refuses(&[code::STATE_CONFLICT, code::STALE]))
        .add(op!(publish_enrolment_round, Access::Roles(ADMINS)).refuses(STEP))
        .add(op!(open_enrolment_round, Access::Roles(ADMINS)).refuses(STEP))
        .add(op!(close_enrolment_round, Access::Roles(ADMINS)).refuses(STEP))
        .add(op!(finish_enrolment_round, Access::Roles(ADMINS)).refuses(STEP).refuses(&[code::OBJECTIONS_PENDING, code::UNDECIDED]));
}

/// The round, if the caller sees it.
pub fn seen(tx: &mut Tx, who: &Actor, id: RoundId) -> Result<Round, ApiError> {
    store::round(tx, &Sight::of(who), id)?.ok_or_else(absent)
}

/// The same, after everybody else who moves it.
pub fn seen_in_turn(tx: &mut Tx, who: &Actor, id: RoundId) -> Result<Round, ApiError> {
    let facts = store::lock(tx, &Sight::of(who), id)?.ok_or_else(absent)?;
    Ok(Round::restore(Facts::clone(&facts)))
}

pub fn show(who: &Actor, round: &Round) -> Result<Reply, ApiError> {
    Ok(Reply::ok(&EnrolmentRoundDto::of(round.facts(), who))?.version(round.facts().version))
}

fn fault(pointer: String, rule: &'static str) -> Fault {
    let (zh, en) = super::say(rule).unwrap_or_default();
    Fault::new(pointer, rule, zh, en)
}

/// The schools of a plan that are not there, or do not serve the community.
pub fn check_seats(tx: &mut Tx, place: CommunityId, seats: &[SeatsInput]) -> Result<Vec<Fault>, ApiError> {
    let schools = store::schools_of(tx, &seats.iter().map(|seats| seats.school).collect::<Vec<_>>())?;
    let serves = |id| schools.iter().any(|school| school.facts().id == id && school.serves(place));
    let missing = seats.iter().enumerate().filter(|(_, seats)| !serves(seats.school));
    Ok(missing.map(|(i, _)| fault(format!("/seat_plans/{i}/school_id"), "unknown_school")).collect())
}

/// What a draft names and is not there: schools that do not serve the community, buildings where the school serves nobody.
/// Each beside the domain's own faults, so that all are told at once.
fn check_places(tx: &mut Tx, place: CommunityId, draft: &RoundDraft) -> Result<Vec<Fault>, ApiError> {
    let mut found = check_seats(tx, place, &draft.seat_plans)?;
    let schools = store::schools_of(tx, &draft.zones.iter().map(|zone| zone.school).collect::<Vec<_>>())?;
    let find = |id| schools.iter().find(|school| school.facts().id == id);
    let buildings: Vec<_> = draft.zones.iter().filter_map(|zone| zone.building).collect();
    let stand_in = places::communities_of(tx, &buildings)?;
    for (i, zone) in draft.zones.iter().enumerate() {
        let Some(building) = zone.building else { continue };
        let served = stand_in.get(&building).is_some_and(|there| find(zone.school).is_none_or(|school| school.serves(*there)));
        if !served {
            found.push(fault(format!("/zones/{i}/building_id"), "unknown_building"));
        }
    }
    Ok(found)
}

/// Draft a round 招生批次
///
/// With its calendar, its rules, its seat plan and its zones. Only staff of enrolment see it before it is published. Everything that
/// is wrong with it is told at once; that a condition contradicts itself or can never be reached is wrong too.
#[utoipa::path(post, path = "/enrolment-rounds", tag = "enrolment", operation_id = "create_enrolment_round",
    request_body(content = NewEnrolmentRound, example = json!({
        "community_id": "com_01h455vb4pex5vsknk084sn02q", "title": "2026 年秋季小学一年级", "school_year": 2026, "stage": "primary",
        "born_from": "2019-09-01", "born_to": "2020-08-31",
        "calendar": { "register_from": "2026-06-16T00:00:00Z", "register_to": "2026-06-30T16:00:00Z", "review_to": "2026-07-11T16:00:00Z",
            "objection_to": "2026-07-19T16:00:00Z", "confirm_to": "2026-08-19T16:00:00Z" },
        "rules": { "tiers": [
                { "code": "both", "batch": 1, "name": "有户口和房产", "when": { "all": [{ "fact": "hukou_on", "op": "present" }, { "fact": "house_on", "op": "present" }] } },
                { "code": "migrant", "batch": 2, "name": "随迁子女", "when": { "fact": "migrant", "op": "eq", "value": true } }],
            "documents": [{ "kind": "hukou_book", "when": { "fact": "hukou_on", "op": "present" } }], "tie_break": ["earlier:house_on", "draw"], "seat_lock_years": 6 },
        "seat_plans": [{ "school_id": "sch_01h455vb4pex5vsknk084sn02q", "seats": 90 }],
        "zones": [{ "school_id": "sch_01h455vb4pex5vsknk084sn02q", "building_id": "bld_01h455vb4pex5vsknk084sn02q" },
            { "school_id": "sch_01h455vb4pex5vsknk084sn02q", "street": "东涂街", "door_from": 1, "door_to": 99, "parity": "odd" }] })),
    responses((status = 201, body = EnrolmentRoundDto, headers(("ETag" = String)))))]
async fn create_enrolment_round(call: Call) -> Outcome {
    let body: NewEnrolmentRound = call.body()?;
    call.write(move |tx, cx| {
        let (who, place, id) = (cx.actor()?, body.community_id.0, tx.new_id());
        let mut found = Vec::new();
        if community::find(tx, place)?.is_none() {
            found.push(Fault::new("/community_id", "unknown_community", "没有这个社区", "is not a known community"));
        } else if who.is_any(ADMINS, place) {
            // Others hear that it is not for them, not what there is.
            found = check_places(tx, place, &body.draft())?;
        }
        let standing = Standing::none();
        let made = together(Round::create(id, place, &body.draft(), who, tx.now()), found, |refusal| standing.refuse(refusal))?;
        let round = store::save_round(tx, made)?;
        let dto = EnrolmentRoundDto::of(round.facts(), who);
        Ok(Reply::created(format!("/api/v1/enrolment-rounds/{id}"), &dto)?.version(1))
    })
    .await
}

/// List rounds
///
/// What is published, and to staff of enrolment their drafts; without rules, seats and zones. Newest first.
#[utoipa::path(get, path = "/enrolment-rounds", tag = "enrolment", operation_id = "list_enrolment_rounds",
    params(("community_id" = Option<String>, Query), ("state" = Option<RoundState>, Query), ("stage" = Option<dto::Stage>, Query),
        ("school_year" = Option<i64>, Query, minimum = 2000, maximum = 2100),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<EnrolmentRoundSummaryDto>)))]
async fn list_enrolment_rounds(call: Call) -> Outcome {
    let mut params = call.query()?;
    let year = |text: String| match text.parse::<i64>() {
        Ok(year @ 2000..=2100) => Ok(year),
        _ => Err(ApiError::query("school_year", "应为 2000 到 2100", "must be from 2000 to 2100")),
    };
    let filter = Filter {
        community: params.id("community_id")?,
        state: params.word("state", State::ALL, State::as_str)?,
        stage: params.word("stage", Stage::ALL, Stage::as_str)?,
        school_year: params.text("school_year")?.map(year).transpose()?,
    };
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let rows = store::rounds(tx, &Sight::of(who), &filter, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |round| round.id.text(), |round| EnrolmentRoundSummaryDto::of(round, who)))
    })
    .await
}

/// One round
#[utoipa::path(get, path = "/enrolment-rounds/{id}", tag = "enrolment", operation_id = "get_enrolment_round", params(("id" = String, Path)),
    responses((status = 200, body = EnrolmentRoundDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_enrolment_round(call: Call, id: At<RoundKind>) -> Outcome {
    call.read_brief(move |tx, cx| {
        let who = cx.actor()?;
        let facts = store::round_facts(tx, &Sight::of(who), id.0)?.ok_or_else(absent)?;
        Ok(Reply::ok(&EnrolmentRoundDto::of(&facts, who))?.version(facts.version))
    })
    .await
}

/// Change a draft
///
/// In everything but its community. Once it is published families rely on it: then only its seats change (`seat-plans`).
#[utoipa::path(put, path = "/enrolment-rounds/{id}", tag = "enrolment", operation_id = "put_enrolment_round", params(("id" = String, Path)),
    request_body(content = PutEnrolmentRound, example = json!({
        "title": "2026 年秋季小学一年级", "school_year": 2026, "stage": "primary", "born_from": "2019-09-01", "born_to": "2020-08-31",
        "calendar": { "register_from": "2026-06-16T00:00:00Z", "register_to": "2026-06-30T16:00:00Z", "review_to": "2026-07-11T16:00:00Z",
            "objection_to": "2026-07-19T16:00:00Z", "confirm_to": "2026-08-19T16:00:00Z" },
        "rules": { "tiers": [{ "code": "local", "batch": 1, "name": "有户口", "when": { "fact": "hukou_on", "op": "present" } }], "seat_lock_years": 6 },
        "seat_plans": [{ "school_id": "sch_01h455vb4pex5vsknk084sn02q", "seats": 90 }] })),
    responses((status = 200, body = EnrolmentRoundDto, headers(("ETag" = String)))))]
async fn put_enrolment_round(call: Call, id: At<RoundKind>) -> Outcome {
    let body: PutEnrolmentRound = call.body()?;
    call.write(move |tx, cx| {
        let who = cx.actor()?;
        let round = seen(tx, who, id.0)?;
        cx.expect_version(round.facts().version)?;
        let place = round.facts().community;
        let mut found = Vec::new();
        if who.is_any(ADMINS, place) && round.facts().state == State::Draft {
            found = check_places(tx, place, &body.draft())?;
        }
        if body.community_id.is_some_and(|named| named.0 != place) {
            found.push(Fault::new("/community_id", "fixed", "招生批次不能换到另一个社区", "cannot be changed"));
        }
        let standing = Standing::of(round.facts(), who);
        let changed = together(round.replace(&body.draft(), who, tx.now()), found, |refusal| standing.refuse(refusal))?;
        show(who, &store::save_round(tx, changed)?)
    })
    .await
}

/// Publish it 公告
///
/// From now on everybody can read it, and its rules do not change any more.
#[utoipa::path(post, path = "/enrolment-rounds/{id}/publish", tag = "enrolment", operation_id = "publish_enrolment_round",
    params(("id" = String, Path)), request_body(content = RoundStep, example = json!({})), responses((status = 200, body = EnrolmentRoundDto)))]
async fn publish_enrolment_round(call: Call, id: At<RoundKind>) -> Outcome {
    let body: RoundStep = call.body()?;
    call.write(move |tx, cx| step(tx, cx, id.0, (Action::Publish, &body), nothing_more)).await
}

/// Open the register 开始登记
///
/// Before `register_from` only with `early` and a reason; families hand in between the instants of the calendar all the same.
#[utoipa::path(post, path = "/enrolment-rounds/{id}/open", tag = "enrolment", operation_id = "open_enrolment_round",
    params(("id" = String, Path)), request_body(content = RoundStep, example = json!({})), responses((status = 200, body = EnrolmentRoundDto)))]
async fn open_enrolment_round(call: Call, id: At<RoundKind>) -> Outcome {
    let body: RoundStep = call.body()?;
    call.write(move |tx, cx| step(tx, cx, id.0, (Action::Open, &body), nothing_more)).await
}

/// Close the register 登记截止
///
/// Before `register_to` only with `early` and a reason, because families may still hand in.
#[utoipa::path(post, path = "/enrolment-rounds/{id}/close", tag = "enrolment", operation_id = "close_enrolment_round",
    params(("id" = String, Path)), request_body(content = RoundStep, example = json!({ "early": true, "reason": "全部适龄儿童已登记" })), responses((status = 200, body = EnrolmentRoundDto)))]
async fn close_enrolment_round(call: Call, id: At<RoundKind>) -> Outcome {
    let body: RoundStep = call.body()?;
    call.write(move |tx, cx| step(tx, cx, id.0, (Action::Close, &body), nothing_more)).await
}

/// Finish it 结束
///
/// Not while an objection is open; before `confirm_to`, while an offer waits for its answer, or while somebody is not decided about,
/// only with `early` and a reason.
#[utoipa::path(post, path = "/enrolment-rounds/{id}/finish", tag = "enrolment", operation_id = "finish_enrolment_round",
    params(("id" = String, Path)), request_body(content = RoundStep, example = json!({})), responses((status = 200, body = EnrolmentRoundDto)))]
async fn finish_enrolment_round(call: Call, id: At<RoundKind>) -> Outcome {
    let body: RoundStep = call.body()?;
    call.write(move |tx, cx| step(tx, cx, id.0, (Action::Finish, &body), nothing_more)).await
}
