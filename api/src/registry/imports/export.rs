//! Exports: the registry as the files that an import reads, written while it is read.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use jiazai_domain::actor::{Community, CommunityId};
use jiazai_domain::kernel::text::Line;
use jiazai_domain::registry::GridId;
use jiazai_domain::registry::import::{Format, Kind};
use jiazai_domain::registry::sight::{Mask, RevealReason, Revealer, export_people};
use jiazai_infra::db::DbError;
use jiazai_infra::events;
use jiazai_infra::registry::import::export::{Shown, extra_names, homes_page, people_page};
use jiazai_infra::registry::people::grids_within;
use jiazai_infra::registry::places::grids_of;

use super::super::{KEEPERS, LOOKERS, keeper, seen_grids, sight};
use crate::app::App;
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::op;
use crate::registry::people::roles_in;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    let absent = &[crate::error::code::NOT_FOUND];
    api.add(op!(export_people_csv, Access::Roles(KEEPERS)).sensitive().refuses(absent))
        .add(op!(export_people_ndjson, Access::Roles(KEEPERS)).sensitive().refuses(absent))
        .add(op!(export_homes_csv, Access::Roles(LOOKERS)).sensitive().refuses(absent))
        .add(op!(export_homes_ndjson, Access::Roles(LOOKERS)).sensitive().refuses(absent));
}

/// Rows read at once.
const PORTION: i64 = 200;

/// One record (RFC 4180).
pub fn write_line<'t>(out: &mut String, fields: impl IntoIterator<Item = &'t str>) {
    for (i, field) in fields.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) || field.starts_with(' ') || field.ends_with(' ') {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push_str("\r\n");
}

/// What is exported, of where, and how it is shown.
#[derive(Clone)]
struct What {
    place: CommunityId,
    kind: Kind,
    format: Format,
    grids: Option<Vec<GridId>>,
    shown: Shown,
    columns: Vec<String>,
    extras: Vec<String>,
}

impl What {
    fn write(&self, rows: &[Vec<String>]) -> String {
        let mut out = String::new();
        for row in rows {
            match self.format {
                Format::Csv => write_line(&mut out, row.iter().map(String::as_str)),
                Format::Ndjson => {
                    let cells = self.columns.iter().zip(row).filter(|(_, value)| !value.is_empty());
                    let object: serde_json::Map<String, serde_json::Value> =
                        cells.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
                    out.push_str(&serde_json::Value::Object(object).to_string());
                    out.push('\n');
                }
            }
        }
        out
    }

    fn header(&self) -> String {
        let mut out = String::new();
        if self.format == Format::Csv {
            let names = self.columns.iter().map(|name| jiazai_domain::registry::import::neutralise(name).into_owned());
            write_line(&mut out, names.collect::<Vec<_>>().iter().map(String::as_str));
        }
        out
    }
}

/// Where a stream stands.
enum Position {
    Header,
    After(Option<String>),
    End,
}

/// The rows as they are read; the connection breaks off where the database does, so that nobody takes a part for the whole.
fn streamed(app: Data<App>, what: What) -> HttpResponse {
    let (kind, extension) = match what.format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::Ndjson => ("application/x-ndjson", "ndjson"),
    };
    let name = format!("{}-{}.{extension}", what.kind, what.place);
    let rows = stream::try_unfold((Position::Header, app, what), |(at, app, what)| async move {
        let after = match at {
            Position::Header => {
                let header = Bytes::from(what.header());
                return Ok(Some((header, (Position::After(None), app, what))));
            }
            Position::After(after) => after,
            Position::End => return Ok::<_, std::io::Error>(None),
        };
        let asked = what.clone();
        let vault = app.vault.clone();
        let read = app.db.read(move |tx| {
            let within = (asked.place, asked.grids.as_deref());
            match asked.kind {
                Kind::Registry => homes_page(tx, &vault, within, &asked.extras, after.as_deref(), PORTION),
                Kind::People => people_page(tx, &vault, within, &asked.shown, &asked.extras, after.as_deref(), PORTION),
            }
        });
        let (rows, next) = read.await.map_err(|error: DbError| {
            tracing::warn!(%error, "an export broke off");
            std::io::Error::other("the export broke off")
        })?;
        let at = next.map_or(Position::End, |next| Position::After(Some(next)));
        Ok(Some((Bytes::from(what.write(&rows)), (at, app, what))))
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(rows)
}

fn columns(kind: Kind, extras: &[String]) -> Vec<String> {
    kind.columns().map(str::to_owned).chain(extras.iter().cloned()).collect()
}

async fn people(call: Call, place: CommunityId, format: Format) -> Outcome {
    let mut params = call.query()?;
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
                format,
                grids: grids_within(&sight, place),
                shown: Shown { mask, roles: roles_in(who, place) },
                columns: columns(Kind::People, &extras),
                extras,
            })
        })
        .await?;
    app.jobs.wake();
    Ok(streamed(app, what))
}

async fn homes(call: Call, place: CommunityId, format: Format) -> Outcome {
    call.query()?.finish()?;
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
                format,
                grids: grids_within(&sight, place),
                shown: Shown { mask: None, roles: vec![] },
                columns: columns(Kind::Registry, &extras),
                extras,
            })
        })
        .await?;
    Ok(streamed(app, what))
}

/// People as CSV
///
/// The rows that an import would leave unchanged: a person, a home and a relation that holds today. With a `reason` of at least
/// four characters whole numbers are in it, without one only what the caller's role is shown; either is remembered. Cells that
/// a spreadsheet would compute have an apostrophe before them.
#[utoipa::path(get, path = "/communities/{id}/people.csv", tag = "registry", operation_id = "export_people_csv",
    params(("id" = String, Path), ("reason" = Option<String>, Query, description = "Why whole numbers are needed")),
    responses((status = 200, description = "One row for a person, a home and a relation", content((String = "text/csv")))))]
async fn export_people_csv(call: Call, id: At<Community>) -> Outcome {
    people(call, id.0, Format::Csv).await
}

/// People as one JSON object a line
///
/// As the CSV.
#[utoipa::path(get, path = "/communities/{id}/people.ndjson", tag = "registry", operation_id = "export_people_ndjson",
    params(("id" = String, Path), ("reason" = Option<String>, Query, description = "Why whole numbers are needed")),
    responses((status = 200, description = "One object for a person, a home and a relation", content((String = "application/x-ndjson")))))]
async fn export_people_ndjson(call: Call, id: At<Community>) -> Outcome {
    people(call, id.0, Format::Ndjson).await
}

/// Homes as CSV
///
/// The rows that an import would leave unchanged; a grid worker gets their own grids.
#[utoipa::path(get, path = "/communities/{id}/homes.csv", tag = "registry", operation_id = "export_homes_csv", params(("id" = String, Path)),
    responses((status = 200, description = "One row for a home", content((String = "text/csv")))))]
async fn export_homes_csv(call: Call, id: At<Community>) -> Outcome {
    homes(call, id.0, Format::Csv).await
}

/// Homes as one JSON object a line
///
/// As the CSV.
#[utoipa::path(get, path = "/communities/{id}/homes.ndjson", tag = "registry", operation_id = "export_homes_ndjson", params(("id" = String, Path)),
    responses((status = 200, description = "One object for a home", content((String = "application/x-ndjson")))))]
async fn export_homes_ndjson(call: Call, id: At<Community>) -> Outcome {
    homes(call, id.0, Format::Ndjson).await
}
