//! Exports: the registry as the files that an import reads, written while it is read.

use actix_web::web::Data;
use jiazai_domain::actor::{Community, CommunityId};
use jiazai_domain::kernel::text::Line;
use jiazai_domain::registry::GridId;
use jiazai_domain::registry::import::Kind;
use jiazai_domain::registry::sight::{Mask, RevealReason, Revealer, export_people};
use jiazai_infra::db::Tx;
use jiazai_infra::events;
use jiazai_infra::registry::import::export::{Shown, extra_names, homes_page, people_page};
use jiazai_infra::registry::people::grids_within;
use jiazai_infra::registry::places::grids_of;

use super::super::{KEEPERS, LOOKERS, keeper, seen_grids, sight};
use crate::app::App;
use crate::bulk::{self, Column, Encoding, Form, PORTION, Portion, Rows, Sheet};
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::op;
use crate::registry::people::roles_in;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    let absent = &[crate::error::code::NOT_FOUND];
    api.add(op!(export_people_csv, Access::Roles(KEEPERS)).refuses(absent))
        .add(op!(export_people_ndjson, Access::Roles(KEEPERS)).refuses(absent))
        .add(op!(export_people_xlsx, Access::Roles(KEEPERS)).refuses(absent))
        .add(op!(export_homes_csv, Access::Roles(LOOKERS)).refuses(absent))
        .add(op!(export_homes_ndjson, Access::Roles(LOOKERS)).refuses(absent))
        .add(op!(export_homes_xlsx, Access::Roles(LOOKERS)).refuses(absent));
}

/// What is exported, of where, and how it is shown.
#[derive(Clone)]
struct What {
    place: CommunityId,
    kind: Kind,
    grids: Option<Vec<GridId>>,
    shown: Shown,
    columns: Vec<String>,
    extras: Vec<String>,
}

/// Rows as an import reads them, which made their cells harmless already.
async fn streamed(app: Data<App>, form: Form, encoding: Encoding, what: What) -> Outcome {
    let sheet = Sheet {
        form,
        encoding,
        name: format!("{}-{}", what.kind, what.place),
        columns: what.columns.iter().map(Column::plain).collect(),
        harmless: true,
        taking: None,
    };
    let vault = app.vault.clone();
    let read = move |tx: &mut Tx, after: Option<&str>| {
        let within = (what.place, what.grids.as_deref());
        let (rows, next) = match what.kind {
            Kind::Registry => homes_page(tx, &vault, within, &what.extras, after, PORTION as i64)?,
            Kind::People => people_page(tx, &vault, within, &what.shown, &what.extras, after, PORTION as i64)?,
        };
        Ok(Portion { rows: Rows::Cells(rows), next })
    };
    bulk::streamed(app, sheet, Box::new(read)).await
}

fn columns(kind: Kind, extras: &[String]) -> Vec<String> {
    kind.columns().map(str::to_owned).chain(extras.iter().cloned()).collect()
}

async fn people(call: Call, place: CommunityId, form: Form) -> Outcome {
    let mut params = call.query()?;
    let encoding = Encoding::asked(&mut params, form)?.unwrap_or(Encoding::Utf8);
    let reason = params.text("reason")?;
    params.finish()?;
    let cx = call.cx()?;
    let app = call.app.clone();
    let what = app
        .db
        .write(move |tx| {
            let who = cx.actor()?;
            let by = keeper(tx, who, place)?;
            let unfit = || ApiError::query("reason", "应为 4 至 200 个字的理由", "must be a reason of 4 to 200 characters");
            let reason: Option<RevealReason> = reason.as_deref().map(Line::new).transpose().map_err(|_| unfit())?;
            if reason.is_some() {
                // A key needs `people:reveal` beside `people:export`: the same numbers would leave one by one.
                let own = who.grants.iter().find_map(|grant| grant.community);
                Revealer::of(who, place, grids_of(tx, who.id)?, own).map_err(|_| ApiError::new(code::FORBIDDEN))?;
            }
            let event = export_people(reason.as_ref(), &by, tx.now()).map_err(|_| unfit())?;
            events::record(tx, place, &place.text(), 0, std::slice::from_ref(&event))?;
            let sight = sight(tx, who)?;
            let mask = if reason.is_some() { None } else { Some(Mask::of(who, place)) };
            let extras = extra_names(tx, place, Kind::People)?;
            Ok::<_, ApiError>(What {
                place,
                kind: Kind::People,
                grids: grids_within(&sight, place),
                shown: Shown { mask, roles: roles_in(who, place) },
                columns: columns(Kind::People, &extras),
                extras,
            })
        })
        .await?;
    app.jobs.wake();
    streamed(app, form, encoding, what).await
}

async fn homes(call: Call, place: CommunityId, form: Form) -> Outcome {
    let mut params = call.query()?;
    let encoding = Encoding::asked(&mut params, form)?.unwrap_or(Encoding::Utf8);
    params.finish()?;
    let cx = call.cx()?;
    let app = call.app.clone();
    let what = app
        .db
        .read(move |tx| {
            let who = cx.actor()?;
            seen_grids(tx, who, place)?;
            let sight = sight(tx, who)?;
            let extras = extra_names(tx, place, Kind::Registry)?;
            Ok::<_, ApiError>(What {
                place,
                kind: Kind::Registry,
                grids: grids_within(&sight, place),
                shown: Shown { mask: None, roles: vec![] },
                columns: columns(Kind::Registry, &extras),
                extras,
            })
        })
        .await?;
    streamed(app, form, encoding, what).await
}

/// People as CSV
///
/// The rows that an import would leave unchanged: a person, a home and a relation that holds today. With a `reason` of at least
/// four characters whole numbers are in it, without one only what the caller's role is shown; either is remembered. Cells that
/// a spreadsheet would compute have an apostrophe before them.
#[utoipa::path(get, path = "/communities/{id}/people.csv", tag = "registry", operation_id = "export_people_csv",
    params(("id" = String, Path), ("reason" = Option<String>, Query, description = "Why whole numbers are needed"), ("encoding" = Option<String>, Query, description = "`utf-8`, `utf-8-bom` or `gb18030`")),
    responses((status = 200, description = "One row for a person, a home and a relation", content((String = "text/csv")))))]
async fn export_people_csv(call: Call, id: At<Community>) -> Outcome {
    people(call, id.0, Form::Csv).await
}

/// People as one JSON object a line
///
/// As the CSV.
#[utoipa::path(get, path = "/communities/{id}/people.ndjson", tag = "registry", operation_id = "export_people_ndjson",
    params(("id" = String, Path), ("reason" = Option<String>, Query, description = "Why whole numbers are needed")),
    responses((status = 200, description = "One object for a person, a home and a relation", content((String = "application/x-ndjson")))))]
async fn export_people_ndjson(call: Call, id: At<Community>) -> Outcome {
    people(call, id.0, Form::Ndjson).await
}

/// People as a workbook
///
/// As the CSV.
#[utoipa::path(get, path = "/communities/{id}/people.xlsx", tag = "registry", operation_id = "export_people_xlsx",
    params(("id" = String, Path), ("reason" = Option<String>, Query, description = "Why whole numbers are needed")),
    responses((status = 200, description = "One row for a person, a home and a relation", content((String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
async fn export_people_xlsx(call: Call, id: At<Community>) -> Outcome {
    people(call, id.0, Form::Xlsx).await
}

/// Homes as CSV
///
/// The rows that an import would leave unchanged; a grid worker gets their own grids.
#[utoipa::path(get, path = "/communities/{id}/homes.csv", tag = "registry", operation_id = "export_homes_csv",
    params(("id" = String, Path), ("encoding" = Option<String>, Query, description = "`utf-8`, `utf-8-bom` or `gb18030`")),
    responses((status = 200, description = "One row for a home", content((String = "text/csv")))))]
async fn export_homes_csv(call: Call, id: At<Community>) -> Outcome {
    homes(call, id.0, Form::Csv).await
}

/// Homes as one JSON object a line
///
/// As the CSV.
#[utoipa::path(get, path = "/communities/{id}/homes.ndjson", tag = "registry", operation_id = "export_homes_ndjson", params(("id" = String, Path)),
    responses((status = 200, description = "One object for a home", content((String = "application/x-ndjson")))))]
async fn export_homes_ndjson(call: Call, id: At<Community>) -> Outcome {
    homes(call, id.0, Form::Ndjson).await
}

/// Homes as a workbook
///
/// As the CSV.
#[utoipa::path(get, path = "/communities/{id}/homes.xlsx", tag = "registry", operation_id = "export_homes_xlsx", params(("id" = String, Path)),
    responses((status = 200, description = "One row for a home", content((String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
async fn export_homes_xlsx(call: Call, id: At<Community>) -> Outcome {
    homes(call, id.0, Form::Xlsx).await
}
