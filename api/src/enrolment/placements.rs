//! What is published 公示与公布: masked lists for everybody, full ones for those who run the round, files for the education
//! bureau.

use std::collections::HashMap;
use std::sync::Arc;

use jiazai_domain::actor::{Actor, Role};
use jiazai_domain::enrolment::application::{Application, State};
use jiazai_domain::enrolment::retention::is_published;
use jiazai_domain::enrolment::round::{Facts as Round, State as RoundState};
use jiazai_domain::enrolment::{RoundId, RoundKind, SchoolId};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::enrolment::{self as rounds, application as store};
use jiazai_infra::events;
use serde::Serialize;
use utoipa::ToSchema;

use super::applications::dto::ApplicationState;
use super::steps::{run_by, school_names};
use super::{ADMINS, absent};
use crate::app::App;
use crate::bulk::{self, Column, Encoding, Form, PORTION, Portion, Rows, Sheet};
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::input::Ref;
use crate::input::named::{ApplicationRef, SchoolRef};
use crate::op;
use crate::page::Page;
use crate::route::{Access, Api};

/// Those who may know the numbers.
pub const COUNTERS: &[Role] = &[Role::EnrolmentAdmin, Role::EnrolmentReviewer, Role::Auditor];

pub fn routes(api: &mut Api) {
    let cursor = &[code::CURSOR_INVALID];
    api.add(op!(list_enrolment_placements, Access::Perhaps).exported_apart().sensitive().refuses(cursor))
        .add(op!(export_enrolment_placements_csv, Access::Roles(ADMINS)).sensitive())
        .add(op!(export_enrolment_placements_ndjson, Access::Roles(ADMINS)).sensitive())
        .add(op!(export_enrolment_placements_xlsx, Access::Roles(ADMINS)).sensitive());
}

const PUBLISHED: &[State] = &[State::Listed, State::Offered, State::Waiting, State::ToCoordinate, State::Accepted, State::Enrolled];

/// A line of a published list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EnrolmentPlacement)]
pub struct PlacementDto {
    #[schema(example = "26-7KQ2M-0FXA9")]
    pub receipt: String,
    /// The name, masked for everybody but those who run the round.
    #[schema(example = "张*雨")]
    pub name: String,
    pub batch: Option<i64>,
    /// Null before the results are announced, and where there is no seat yet.
    #[schema(inline)]
    pub school_id: Option<SchoolRef>,
    pub school_name: Option<String>,
    /// As it is published.
    pub state: ApplicationState,
    /// For those who run the round, as all that follows.
    #[schema(inline, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_id: Option<ApplicationRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub points: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub born_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub id_number_masked: Option<String>,
}

/// Whether this person gets the full list.
fn runs(who: Option<&Actor>, round: &Round) -> bool {
    who.is_some_and(|who| who.is_any(ADMINS, round.community))
}

/// A line, if the application stands in the list.
fn line(application: &Application, full: bool, names: &HashMap<SchoolId, String>) -> Option<PlacementDto> {
    let f = application.facts();
    let state = if full { f.state } else { application.state_for_family() };
    if !is_published(state) {
        return None;
    }
    let placed = matches!(state, State::Offered | State::Accepted | State::Enrolled);
    let school = f.offer.filter(|_| placed).map(|offer| offer.school);
    let purged = store::is_purged(&f.content);
    Some(PlacementDto {
        receipt: f.receipt.clone(),
        name: if full && !purged { f.content.child.name.clone() } else { store::masked(&f.content) },
        batch: f.batch,
        school_id: school.map(Ref),
        school_name: school.and_then(|school| names.get(&school).cloned()),
        state: state.into(),
        application_id: full.then_some(Ref(f.id)),
        tier: f.tier.clone().filter(|_| full),
        points: f.points.filter(|_| full),
        born_on: (full && !purged).then(|| f.content.child.born_on.to_string()),
        id_number_masked: (full && !purged).then(|| f.content.child.document.masked()),
    })
}

/// The round, for a list that everybody may read: 404 while it is a draft.
pub fn listed_round(tx: &mut Tx, who: Option<&Actor>, id: RoundId) -> Result<Arc<Round>, ApiError> {
    let round = rounds::round_facts(tx, &rounds::Sight::everything(), id)?.ok_or_else(absent)?;
    if round.state == RoundState::Draft && !who.is_some_and(|who| who.is_any(COUNTERS, round.community)) {
        return Err(absent());
    }
    Ok(round)
}

/// The published list
///
/// By receipt. From the listing on every child that was confirmed is in it, with its batch; from the announcement on with its
/// school. Names are masked. Those who run the round get it in full when they say who they are, and before it is announced.
#[utoipa::path(get, path = "/enrolment-rounds/{id}/placements", tag = "enrolment", operation_id = "list_enrolment_placements",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<PlacementDto>)))]
async fn list_enrolment_placements(call: Call, id: At<RoundKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        let round = listed_round(tx, cx.perhaps(), id.0)?;
        let full = runs(cx.perhaps(), &round);
        let names = school_names(tx, &round.plan().keys().copied().collect::<Vec<_>>())?;
        let rows = store::by_receipt(tx, &cx.app.vault, &round, PUBLISHED, window.after.as_deref(), window.fetch())?;
        let page = window.page(rows, |one| one.facts().receipt.clone(), |one| line(&one, full, &names));
        Ok(Page { items: page.items.into_iter().flatten().collect(), next_cursor: page.next_cursor })
    })
    .await
}

/// The columns of an export, in their order.
const COLUMNS: &[&str] = &[
    "receipt",
    "name",
    "sex",
    "born_on",
    "id_type",
    "id_number_masked",
    "batch",
    "tier",
    "tier_name",
    "points",
    "state",
    "school_id",
    "school",
    "home_id",
    "address",
    "guardian",
    "guardian_relation",
    "guardian_phone_masked",
];

fn fields(application: &Application, names: &HashMap<SchoolId, String>) -> Vec<String> {
    let f = application.facts();
    let c = &f.content;
    let purged = store::is_purged(c);
    let there = |text: String| if purged { String::new() } else { text };
    let placed = matches!(f.state, State::Offered | State::Accepted | State::Enrolled);
    let school = f.offer.filter(|_| placed).map(|offer| offer.school);
    let tier = f.tier.as_deref().and_then(|code| f.round.rules.tier(code));
    let guardian = c.guardians.first();
    vec![
        f.receipt.clone(),
        if purged { store::masked(c) } else { c.child.name.clone() },
        there(c.child.sex.to_string()),
        there(c.child.born_on.to_string()),
        there(c.child.document.kind().to_string()),
        there(c.child.document.masked()),
        f.batch.map(|n| n.to_string()).unwrap_or_default(),
        f.tier.clone().unwrap_or_default(),
        tier.map(|tier| tier.name.clone()).unwrap_or_default(),
        f.points.map(|n| n.to_string()).unwrap_or_default(),
        f.state.to_string(),
        school.map(|school| school.text()).unwrap_or_default(),
        school.and_then(|school| names.get(&school).cloned()).unwrap_or_default(),
        c.home.map(|home| home.text()).unwrap_or_default(),
        c.address.clone().unwrap_or_default(),
        guardian.map(|one| one.name.clone()).unwrap_or_default(),
        guardian.map(|one| one.relation.to_string()).unwrap_or_default(),
        guardian.and_then(|one| one.phone.as_ref()).map(|phone| phone.masked()).unwrap_or_default(),
    ]
}

fn portion(tx: &mut Tx, app: &App, id: RoundId, after: Option<&str>) -> Result<Portion, DbError> {
    let Some(round) = rounds::round_facts(tx, &rounds::Sight::everything(), id)? else {
        return Ok(Portion { rows: Rows::Cells(vec![]), next: None });
    };
    let names = school_names(tx, &round.plan().keys().copied().collect::<Vec<_>>())?;
    let found = store::by_receipt(tx, &app.vault, &round, PUBLISHED, after, PORTION as i64)?;
    let next = found.last().filter(|_| found.len() == PORTION).map(|last| last.facts().receipt.clone());
    let rows = found.iter().filter(|one| is_published(one.facts().state)).map(|one| fields(one, &names)).collect();
    Ok(Portion { rows: Rows::Cells(rows), next })
}

/// The rows as they are read.
async fn export(call: Call, id: RoundId, form: Form) -> Outcome {
    let mut params = call.query()?;
    let encoding = Encoding::asked(&mut params, form)?.unwrap_or(Encoding::Utf8);
    params.finish()?;
    let cx = call.cx()?;
    let app = call.app.clone();
    app.db
        .write(move |tx| {
            let who = cx.actor()?;
            let round = run_by(tx, who, id)?;
            // Who took a list of children with them is written down.
            let event = jiazai_domain::enrolment::retention::exported(who, tx.now());
            events::record(tx, round.community, &id.text(), round.version, std::slice::from_ref(&event))?;
            Ok::<_, ApiError>(())
        })
        .await?;
    app.jobs.wake();
    let sheet = Sheet {
        form,
        encoding,
        name: format!("placements-{id}"),
        columns: COLUMNS.iter().map(|name| Column::plain(*name)).collect(),
        harmless: false,
        taking: None,
        remembers: false,
    };
    let inner = app.clone();
    bulk::streamed(app, sheet, Box::new(move |tx, after| Ok(portion(tx, &inner, id, after)?))).await
}

/// The full list as CSV
///
/// For the education bureau: names in full, numbers and telephones masked. Cells that a spreadsheet would compute have an
/// apostrophe before them. Who exports is written down.
#[utoipa::path(get, path = "/enrolment-rounds/{id}/placements.csv", tag = "enrolment", operation_id = "export_enrolment_placements_csv",
    params(("id" = String, Path), ("encoding" = Option<String>, Query, description = "`utf-8`, `utf-8-bom` or `gb18030`")), responses((status = 200, description = "One row for a child", content((String = "text/csv")))))]
async fn export_enrolment_placements_csv(call: Call, id: At<RoundKind>) -> Outcome {
    export(call, id.0, Form::Csv).await
}

/// The full list as one JSON object a line
///
/// As the CSV.
#[utoipa::path(get, path = "/enrolment-rounds/{id}/placements.ndjson", tag = "enrolment", operation_id = "export_enrolment_placements_ndjson",
    params(("id" = String, Path)), responses((status = 200, description = "One object for a child", content((String = "application/x-ndjson")))))]
async fn export_enrolment_placements_ndjson(call: Call, id: At<RoundKind>) -> Outcome {
    export(call, id.0, Form::Ndjson).await
}

/// The full list as a workbook
///
/// As the CSV.
#[utoipa::path(get, path = "/enrolment-rounds/{id}/placements.xlsx", tag = "enrolment", operation_id = "export_enrolment_placements_xlsx",
    params(("id" = String, Path)), responses((status = 200, description = "One row for a child", content((String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
async fn export_enrolment_placements_xlsx(call: Call, id: At<RoundKind>) -> Outcome {
    export(call, id.0, Form::Xlsx).await
}
