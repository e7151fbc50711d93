//! What was written of a home before, over HTTP. That of people is with people, because it is masked.

use jiazai_domain::registry::HomeIdKind;
use jiazai_infra::registry::people::{Altered, home_history};
use serde::Serialize;
use utoipa::ToSchema;

use super::people::{PersonFact, names_of};
use super::{LOOKERS, home};
use crate::call::{At, Call, Outcome};
use crate::error::code;
use crate::input::Instant;
use crate::op;
use crate::page::Page;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(list_home_changes, Access::Roles(LOOKERS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(list_home_facts, Access::Roles(LOOKERS)).refuses(&[code::CURSOR_INVALID]));
}

/// One value of a home that was changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct HomeChange {
    /// Of the home, after the change.
    pub version: i64,
    /// unit, floor, number, area_m2, external_code; or occupancy, which a keeper said.
    #[schema(example = "occupancy")]
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
    /// Who changed it.
    pub by: String,
    #[schema(inline)]
    pub at: Instant,
}

/// What was written of a home before
///
/// Oldest first: corrections, and what keepers said of how it is lived in.
#[utoipa::path(get, path = "/homes/{id}/changes", tag = "registry", operation_id = "list_home_changes",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<HomeChange>)))]
async fn list_home_changes(call: Call, id: At<HomeIdKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        home(tx, cx.actor()?, id.0)?;
        let rows = home_history(tx, &cx.app.vault, id.0, window.after.as_deref(), window.fetch())?;
        let names = names_of(tx, rows.iter().map(|row| row.by))?;
        let show = |row: Altered| HomeChange {
            version: row.version,
            field: row.field,
            before: row.before,
            after: row.after,
            by: names.get(&row.by).cloned().unwrap_or_default(),
            at: row.at.into(),
        };
        Ok(window.page(rows, Altered::key, show))
    })
    .await
}

/// Everything that ever tied people to a home
///
/// Oldest first, with what was corrected away, who wrote it and who took it back.
#[utoipa::path(get, path = "/homes/{id}/facts", tag = "registry", operation_id = "list_home_facts",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<PersonFact>)))]
async fn list_home_facts(call: Call, id: At<HomeIdKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        home(tx, cx.actor()?, id.0)?;
        let after = window.after.clone().unwrap_or_default();
        // A home has a few dozen facts; they are read at once and shown a page at a time.
        let known = jiazai_infra::registry::facts::of_homes(tx, &[id.0])?;
        let rows: Vec<_> = known.into_iter().filter(|fact| fact.id.text() > after).take(window.fetch() as usize).collect();
        Ok(window.page(rows, |fact| fact.id.text(), |fact| PersonFact::from(&fact)))
    })
    .await
}
