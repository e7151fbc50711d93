//! Meta: the rules themselves, as data.

use actix_web::HttpResponse;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use jiazai_domain::enrolment::application;
use jiazai_domain::kernel::workflow::MachineView;
use jiazai_domain::registry::import::job;
use jiazai_domain::registry::{binding, proposal, visit};
use jiazai_domain::{content, enrolment, repair, volunteer, webhook};
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::{Call, Outcome};
use crate::input::Instant;
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(list_state_machines, Access::Public)).add(op!(tell_time, Access::Public));
}

/// One thing that may happen to a resource.
#[derive(Debug, Serialize, ToSchema)]
pub struct Transition {
    pub action: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    /// What somebody has to be to the resource.
    pub roles: Vec<&'static str>,
}

/// A workflow as a table.
#[derive(Debug, Serialize, ToSchema)]
pub struct StateMachine {
    #[schema(example = "repair_ticket")]
    pub name: &'static str,
    pub states: Vec<&'static str>,
    pub transitions: Vec<Transition>,
}

impl From<MachineView> for StateMachine {
    fn from(view: MachineView) -> Self {
        let transitions = view.transitions.into_iter();
        Self {
            name: view.name,
            states: view.states,
            transitions: transitions.map(|t| Transition { action: t.action, from: t.from, to: t.to, roles: t.roles }).collect(),
        }
    }
}

/// Every workflow.
#[derive(Debug, Serialize, ToSchema)]
pub struct StateMachines {
    pub items: Vec<StateMachine>,
}

/// The workflows
///
/// As data, or with `Accept: text/vnd.mermaid` as diagrams.
#[utoipa::path(get, path = "/meta/state-machines", tag = "meta", operation_id = "list_state_machines",
    responses((status = 200, content((StateMachines = "application/json"), (String = "text/vnd.mermaid")))))]
async fn list_state_machines(call: Call) -> Outcome {
    call.query()?.finish()?;
    let accepts = call.request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/vnd.mermaid") {
        return Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/vnd.mermaid; charset=utf-8")).body(diagrams()));
    }
    Ok(call.answer(Reply::ok(&StateMachines { items: machines().into_iter().map(StateMachine::from).collect() })?))
}

/// What time it is here.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerTime {
    #[schema(inline)]
    pub now: Instant,
}

/// The server's time
///
/// Phones' clocks are wrong by minutes; whoever counts down to a moment of ours counts by this one.
#[utoipa::path(get, path = "/meta/time", tag = "meta", operation_id = "tell_time", responses((status = 200, body = ServerTime)))]
async fn tell_time(call: Call) -> Outcome {
    call.query()?.finish()?;
    Ok(call.answer(Reply::ok(&ServerTime { now: call.app.clock.now().into() })?))
}

/// Every machine there is; a module adds its own here and below.
fn machines() -> Vec<MachineView> {
    vec![
        repair::MACHINE.view(),
        volunteer::ACTIVITY_MACHINE.view(),
        volunteer::SHIFT_MACHINE.view(),
        volunteer::MACHINE.view(),
        volunteer::SWAP_MACHINE.view(),
        volunteer::CONSENT_MACHINE.view(),
        volunteer::CERTIFICATE_MACHINE.view(),
        enrolment::round::MACHINE.view(),
        binding::MACHINE.view(),
        proposal::MACHINE.view(),
        visit::MACHINE.view(),
        job::MACHINE.view(),
        application::MACHINE.view(),
        webhook::MACHINE.view(),
        content::MACHINE.view(),
    ]
}

fn diagrams() -> String {
    [
        repair::MACHINE.mermaid(),
        volunteer::ACTIVITY_MACHINE.mermaid(),
        volunteer::SHIFT_MACHINE.mermaid(),
        volunteer::MACHINE.mermaid(),
        volunteer::SWAP_MACHINE.mermaid(),
        volunteer::CONSENT_MACHINE.mermaid(),
        volunteer::CERTIFICATE_MACHINE.mermaid(),
        enrolment::round::MACHINE.mermaid(),
        binding::MACHINE.mermaid(),
        proposal::MACHINE.mermaid(),
        visit::MACHINE.mermaid(),
        job::MACHINE.mermaid(),
        application::MACHINE.mermaid(),
        webhook::MACHINE.mermaid(),
        content::MACHINE.mermaid(),
    ]
    .join("\n")
}
