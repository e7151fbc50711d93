//! Activities, and the rules of a community.

use jiazai_domain::actor::{Community, CommunityId};
use jiazai_domain::volunteer::{ActivityKind, ActivityState as State, NoShowRule, PointCaps};
use jiazai_infra::volunteer::{self as store, Filter, Rules, Sight};

use super::LEADERS;
use super::commands::{self, absent, act_on_activity, seen_activity, show_activity};
use super::dto::{ActivityDto, NewActivity, PutActivity, PutRules, RulesDto, Why};
use super::refusal::CONFLICT;
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::input::Nothing;
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(create_volunteer_activity, Access::Roles(LEADERS)))
        .add(op!(list_volunteer_activities, Access::Anyone).refuses(&[code::CURSOR_INVALID]))
        .add(op!(get_volunteer_activity, Access::Anyone))
        .add(op!(put_volunteer_activity, Access::Roles(LEADERS)).refuses(CONFLICT))
        .add(op!(publish_volunteer_activity, Access::Roles(LEADERS)).refuses(CONFLICT))
        .add(op!(end_volunteer_activity, Access::Roles(LEADERS)).refuses(CONFLICT))
        .add(op!(cancel_volunteer_activity, Access::Roles(LEADERS)).refuses(CONFLICT))
        .add(op!(get_volunteer_rules, Access::Anyone))
        .add(
            op!(put_volunteer_rules, Access::Roles(&[jiazai_domain::actor::Role::CommunityAdmin]))
                .refuses(CONFLICT)
                .refuses(&[code::DUPLICATE]),
        );
}

/// Plan an activity 创建活动
///
/// A draft, which only leaders see until it is published.
#[utoipa::path(post, path = "/volunteer-activities", tag = "volunteer", operation_id = "create_volunteer_activity",
    request_body(content = NewActivity, example = json!({ "community_id": "com_01h455vb4pex5vsknk084sn02q", "title": "清洁河岸", "description": "带手套，穿防滑鞋", "place": "南门集合", "points_per_hour": 10, "max_hours": 4 })), responses((status = 201, body = ActivityDto, headers(("ETag" = String)))))]
async fn create_volunteer_activity(call: Call) -> Outcome {
    let body: NewActivity = call.body()?;
    call.write(move |tx, cx| commands::create_activity(tx, cx, &body)).await
}

/// List activities
///
/// What is published, and to leaders their drafts. Newest first.
#[utoipa::path(get, path = "/volunteer-activities", tag = "volunteer", operation_id = "list_volunteer_activities",
    params(("community_id" = Option<String>, Query), ("state" = Option<super::dto::ActivityState>, Query),
        ("flexible" = Option<bool>, Query, description = "`true`: those done at any time within their shift (微事项)"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<ActivityDto>)))]
async fn list_volunteer_activities(call: Call) -> Outcome {
    let mut params = call.query()?;
    let filter = Filter {
        community: params.id("community_id")?,
        state: params.word("state", State::ALL, State::as_str)?,
        flexible: params.flag("flexible")?,
    };
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let rows = store::activities(tx, &Sight::of(who), &filter, window.after.as_deref(), window.fetch())?;
        let now = tx.now();
        Ok(window.page(rows, |activity| activity.facts().id.text(), |activity| ActivityDto::of(&activity, who, now)))
    })
    .await
}

/// One activity
#[utoipa::path(get, path = "/volunteer-activities/{id}", tag = "volunteer", operation_id = "get_volunteer_activity", params(("id" = String, Path)),
    responses((status = 200, body = ActivityDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_volunteer_activity(call: Call, id: At<ActivityKind>) -> Outcome {
    call.read_brief(move |tx, cx| {
        let who = cx.actor()?;
        let activity = seen_activity(tx, who, id.0)?;
        show_activity(tx, who, &activity)
    })
    .await
}

/// Change an activity 修改
///
/// A draft in everything; once published only in how it is described: what an hour is worth and who may come was promised. When where
/// or when to be there changes (`place`, `spot`, `description`), those who come are told.
#[utoipa::path(put, path = "/volunteer-activities/{id}", tag = "volunteer", operation_id = "put_volunteer_activity", params(("id" = String, Path)),
    request_body(content = PutActivity, example = json!({ "title": "清洁河岸", "description": "改在北门集合", "points_per_hour": 10, "max_hours": 4 })), responses((status = 200, body = ActivityDto, headers(("ETag" = String)))))]
async fn put_volunteer_activity(call: Call, id: At<ActivityKind>) -> Outcome {
    let body: PutActivity = call.body()?;
    call.write(move |tx, cx| commands::put_activity(tx, cx, id.0, &body)).await
}

/// Publish it 发布
#[utoipa::path(post, path = "/volunteer-activities/{id}/publish", tag = "volunteer", operation_id = "publish_volunteer_activity",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = ActivityDto)))]
async fn publish_volunteer_activity(call: Call, id: At<ActivityKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act_on_activity(tx, cx, id.0, |activity, who, now| activity.publish(who, now))).await
}

/// End it 结束
///
/// Once its last shift is over. A week later it ends by itself.
#[utoipa::path(post, path = "/volunteer-activities/{id}/end", tag = "volunteer", operation_id = "end_volunteer_activity",
    params(("id" = String, Path)), request_body(content = Nothing, example = json!({})), responses((status = 200, body = ActivityDto)))]
async fn end_volunteer_activity(call: Call, id: At<ActivityKind>) -> Outcome {
    let _: Nothing = call.body()?;
    call.write(move |tx, cx| act_on_activity(tx, cx, id.0, |activity, who, now| activity.end(who, now))).await
}

/// Cancel it 取消
///
/// With its shifts that have not ended. Whoever has a place, an offer or a number in the line is told, and so is who is there.
#[utoipa::path(post, path = "/volunteer-activities/{id}/cancel", tag = "volunteer", operation_id = "cancel_volunteer_activity",
    params(("id" = String, Path)), request_body(content = Why, example = json!({ "reason": "台风" })), responses((status = 200, body = ActivityDto)))]
async fn cancel_volunteer_activity(call: Call, id: At<ActivityKind>) -> Outcome {
    let body: Why = call.body()?;
    call.write(move |tx, cx| commands::cancel_activity(tx, cx, id.0, body.reason.as_ref())).await
}

fn show_rules(rules: &Rules) -> Result<Reply, ApiError> {
    let dto = RulesDto {
        version: rules.version,
        strikes: rules.no_show.strikes as i64,
        within_days: rules.no_show.within_days,
        block_days: rules.no_show.block_days,
        costs_points: rules.no_show.costs_points,
        points_per_month: rules.caps.per_month,
        points_last_days: rules.points_last_days,
    };
    Ok(Reply::ok(&dto)?.version(rules.version))
}

/// What absences cost and how much may be earned
#[utoipa::path(get, path = "/communities/{id}/volunteer-rules", tag = "volunteer", operation_id = "get_volunteer_rules", params(("id" = String, Path)),
    responses((status = 200, body = RulesDto, headers(("ETag" = String))), (status = 304, description = "Not changed")))]
async fn get_volunteer_rules(call: Call, id: At<Community>) -> Outcome {
    call.read_brief(move |tx, _| {
        jiazai_infra::community::find(tx, id.0)?.ok_or_else(absent)?;
        show_rules(&store::rules(tx, id.0)?)
    })
    .await
}

/// Change the rules
///
/// For absences and credits from now on. While the defaults hold, their version is 0.
#[utoipa::path(put, path = "/communities/{id}/volunteer-rules", tag = "volunteer", operation_id = "put_volunteer_rules", params(("id" = String, Path)),
    request_body(content = PutRules, example = json!({ "strikes": 2, "within_days": 90, "block_days": 14, "costs_points": 5, "points_per_month": 500, "points_last_days": 365 })), responses((status = 200, body = RulesDto, headers(("ETag" = String)))))]
async fn put_volunteer_rules(call: Call, id: At<Community>) -> Outcome {
    let body: PutRules = call.body()?;
    call.write(move |tx, cx| {
        let place: CommunityId = id.0;
        let who = cx.actor()?;
        let sees = who.communities_as(&[jiazai_domain::actor::Role::CommunityAdmin]).contains(place);
        if !sees || jiazai_infra::community::find(tx, place)?.is_none() {
            return Err(absent());
        }
        who.admin_of(place)?;
        let known = store::rules(tx, place)?;
        cx.expect_version(known.version)?;
        let new = Rules {
            no_show: NoShowRule {
                strikes: usize::try_from(body.strikes.0).unwrap_or(0),
                within_days: body.within_days.0,
                block_days: body.block_days.0,
                costs_points: body.costs_points.0,
            },
            caps: PointCaps { per_month: body.points_per_month.map(|n| n.0) },
            points_last_days: body.points_last_days.map(|n| n.0),
            version: 0,
        };
        show_rules(&store::save_rules(tx, place, &known, &new)?)
    })
    .await
}
