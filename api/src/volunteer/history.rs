//! What happened to a sign-up or a shift, who did it, and in whose name.

use jiazai_domain::volunteer::{ShiftKind, SignUpKind};
use jiazai_infra::events;

use super::LEADERS;
use super::commands::seen_shift;
use super::dto::VolunteerEvent;
use super::seats::seen;
use crate::call::{At, Call, Outcome};
use crate::error::code;
use crate::op;
use crate::page::Page;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(list_sign_up_events, Access::ResidentsOr(LEADERS)).refuses(&[code::CURSOR_INVALID]))
        .add(op!(list_shift_events, Access::Roles(LEADERS)).refuses(&[code::CURSOR_INVALID]));
}

/// A sign-up's history
///
/// Oldest first. What a delegate did says so: `on_behalf_of` and `delegation_id`.
#[utoipa::path(get, path = "/sign-ups/{id}/events", tag = "volunteer", operation_id = "list_sign_up_events",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<VolunteerEvent>)))]
async fn list_sign_up_events(call: Call, id: At<SignUpKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        seen(tx, cx.actor()?, id.0)?;
        let rows = events::history(tx, &id.0.text(), window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |event| event.id.text(), VolunteerEvent::from))
    })
    .await
}

/// A shift's history
///
/// Oldest first; also who has exported its roster. For those who lead volunteers in the community.
#[utoipa::path(get, path = "/shifts/{id}/events", tag = "volunteer", operation_id = "list_shift_events",
    params(("id" = String, Path), ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<VolunteerEvent>)))]
async fn list_shift_events(call: Call, id: At<ShiftKind>) -> Outcome {
    let mut params = call.query()?;
    params.bind(&id.0.text());
    call.list(params, move |tx, cx, window| {
        let who = cx.actor()?;
        let (_, shift) = seen_shift(tx, who, id.0)?;
        who.volunteer_leader_of(shift.facts().community)?;
        let rows = events::history(tx, &id.0.text(), window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |event| event.id.text(), VolunteerEvent::from))
    })
    .await
}
