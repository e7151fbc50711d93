//! Exports: the registry as the files that an import reads, written while it is read.
//!
//! That somebody took a file is remembered before its first row leaves. Where whole numbers leave, each person in it is revealed
//! like any other, page by page: what a page tells is written down in the transaction that reads it, before it is sent.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use jiazai_domain::actor::{Community, CommunityId};
use jiazai_domain::kernel::text::Line;
use jiazai_domain::registry::import::{Format, Kind};
use jiazai_domain::registry::sight::{Mask, RevealField, RevealReason, Revealer, export_homes, export_people, reveal};
use jiazai_domain::registry::{Grids, Person, PersonId};
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::events;
use jiazai_infra::registry::import::export::{Page, Shown, extra_names, homes_page, people_rows};
use jiazai_infra::registry::people as people_store;
use jiazai_infra::registry::places::grids_of;
use jiazai_infra::vault::Vault;

use super::super::{KEEPERS, LOOKERS, keeper, keeper_if, seen_grids};
use crate::app::App;
use crate::call::{At, Call, Outcome};
use crate::error::{ApiError, code};
use crate::op;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    let absent = &[crate::error::code::NOT_FOUND];
    api.add(op!(export_people_csv, Access::Roles(KEEPERS)).refuses(absent))
        .add(op!(export_people_ndjson, Access::Roles(KEEPERS)).refuses(absent))
        .add(op!(export_homes_csv, Access::Roles(LOOKERS)).refuses(absent))
        .add(op!(export_homes_ndjson, Access::Roles(LOOKERS)).refuses(absent));
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
    within: Grids,
    shown: Shown,
    columns: Vec<String>,
    extras: Vec<String>,
    /// In which grids extra columns of homes are filled.
    kept: Grids,
    /// By what right and why whole numbers leave; none where only masks do.
    revealed: Option<(Revealer, RevealReason)>,
}

impl What {
    /// The rows after `after`, and where to go on.
    fn page(&self, tx: &mut Tx, vault: &Vault, after: Option<&str>) -> Result<Page, DbError> {
        let at = (self.place, &self.within);
        match self.kind {
            Kind::Registry => homes_page(tx, vault, at, (&self.extras, &self.kept), after, PORTION),
            Kind::People => {
                let persons = people_store::in_order(tx, vault, at, after, PORTION)?;
                let next = persons.last().filter(|_| persons.len() as i64 == PORTION).map(|person| person.id.text());
                let rows = people_rows(tx, vault, at, &self.shown, &self.extras, &persons)?;
                // Who has no row has not left.
                let leaving: Vec<&Person> = persons.iter().filter(|person| rows.iter().any(|(id, _)| *id == person.id)).collect();
                let rows = match &self.revealed {
                    None => rows,
                    Some((by, reason)) => {
                        let told = remember(tx, &leaving, by, reason)?;
                        rows.into_iter().filter(|(id, _)| told.contains(id)).collect()
                    }
                };
                Ok((rows.into_iter().map(|(_, row)| row).collect(), next))
            }
        }
    }

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

/// Writes down for each of these people that their mask is lifted, and tells them; gives those of whom it may be.
fn remember(tx: &mut Tx, people: &[&Person], by: &Revealer, reason: &RevealReason) -> Result<Vec<PersonId>, DbError> {
    let (ids, now): (Vec<PersonId>, _) = (people.iter().map(|person| person.id).collect(), tx.now());
    let grids = people_store::grids_of(tx, &ids, now.date())?;
    let accounts = people_store::accounts_of(tx, &ids)?;
    let mut told = Vec::with_capacity(ids.len());
    for person in people {
        let tied = grids.get(&person.id).map(Vec::as_slice).unwrap_or_default();
        let account = accounts.get(&person.id).copied();
        // Whom the rule keeps from this caller stays out of the file.
        if let Ok(lifted) = reveal(person, tied, account, (RevealField::ALL, reason), by, now) {
            events::record(tx, person.community, &person.id.text(), person.version, &[lifted.event])?;
            told.push(person.id);
        }
    }
    Ok(told)
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
        let page = move |tx: &mut Tx| asked.page(tx, &vault, after.as_deref());
        let read = if what.revealed.is_some() { app.db.write(page).await } else { app.db.read(page).await };
        let (rows, next) = read.map_err(|error: DbError| {
            tracing::warn!(%error, "an export broke off");
            std::io::Error::other("the export broke off")
        })?;
        if what.revealed.is_some() {
            app.jobs.wake();
        }
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
            let event = export_people(reason.as_ref(), &by, tx.now()).map_err(|_| unfit())?;
            let revealed = match reason {
                Some(reason) => {
                    // A key needs `people:reveal` beside `people:export`: the same numbers would leave one by one.
                    let own = who.grants.iter().find_map(|grant| grant.community);
                    let revealer = Revealer::of(who, place, grids_of(tx, who.id)?, own);
                    Some((revealer.map_err(|_| ApiError::new(code::FORBIDDEN))?, reason))
                }
                None => None,
            };
            events::record(tx, place, &place.text(), 0, std::slice::from_ref(&event))?;
            // All of them are tied to what the caller keeps.
            let roles = who.roles_in(place);
            let mask = if revealed.is_some() { None } else { Some(Mask::of(who, &roles)) };
            let extras = extra_names(tx, place, Kind::People)?;
            Ok::<_, ApiError>(What {
                place,
                kind: Kind::People,
                format,
                within: by.grids().clone(),
                shown: Shown { mask, roles },
                columns: columns(Kind::People, &extras),
                extras,
                kept: Grids::Only(vec![]),
                revealed,
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
        .write(move |tx| {
            let who = cx.actor()?;
            let within = seen_grids(tx, who, place)?;
            // What was imported beside the known columns may name people: a program that was not given people keeps none.
            let keeper = keeper_if(tx, who, place)?.filter(|_| Mask::of(who, &who.roles_in(place)) == Mask::Plain);
            let event = export_homes(keeper.as_ref(), who, tx.now());
            events::record(tx, place, &place.text(), 0, std::slice::from_ref(&event))?;
            let extras = if keeper.is_some() { extra_names(tx, place, Kind::Registry)? } else { vec![] };
            Ok::<_, ApiError>(What {
                place,
                kind: Kind::Registry,
                format,
                within,
                shown: Shown { mask: None, roles: vec![] },
                columns: columns(Kind::Registry, &extras),
                extras,
                kept: keeper.map_or(Grids::Only(vec![]), |keeper| keeper.grids().clone()),
                revealed: None,
            })
        })
        .await?;
    app.jobs.wake();
    Ok(streamed(app, what))
}

/// People as CSV
///
/// The rows that an import would leave unchanged: a person, a home and a relation that holds today, of the homes that the caller
/// keeps. With a `reason` of at least four characters whole numbers are in it, and each person in it can read who has them, as if
/// they had been revealed one by one; without one only what the caller's role is shown. Either is remembered. Cells that a
/// spreadsheet would compute have an apostrophe before them.
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
/// The rows that an import would leave unchanged; a grid worker gets their own grids. Columns that an import kept without
/// understanding them are filled for the keepers of a home only. It is remembered who took the file.
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
