//! The application: what every handler can reach, and the table of all routes.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::web::{self, Data};
use jiazai_domain::kernel::calendar::Calendars;
use jiazai_infra::cache::Cache;
use jiazai_infra::clock::Clock;
use jiazai_infra::db::Db;
use jiazai_infra::files::Files;
use jiazai_infra::password::Passwords;
use jiazai_infra::vault::Vault;
use jiazai_infra::webhooks::Transport;
use jiazai_infra::wechat::Wechat;

use crate::auth::{Identities, Tokens};
use crate::idempotency::Flights;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::notices::Templates;
use crate::route::{Api, mount};
use crate::shown::Shown;
use crate::{
    api_keys, audit, community, enrolment, feed, files, identity, me, meta, notices, oauth, openapi, operations, points, registry, repair,
    staff, volunteer, webhooks,
};

/// Everything that lives as long as the process.
pub struct App {
    pub db: Db,
    pub cache: Arc<Cache>,
    pub vault: Arc<Vault>,
    pub clock: Clock,
    pub wechat: Wechat,
    pub passwords: Passwords,
    pub files: Files,
    pub calendars: Calendars,
    pub templates: Templates,
    pub tokens: Tokens,
    pub identities: Identities,
    pub flights: Flights,
    pub shown: Shown,
    pub maps: registry::Maps,
    pub jobs: Jobs,
    /// The way out to partners' servers.
    pub hooks: Transport,
    pub postman: webhooks::Postman,
    pub metrics: Metrics,
    pub trusted_proxies: Vec<IpAddr>,
    pub limits_off: bool,
    /// Days that audit entries are kept.
    pub audit_keep_days: i64,
    /// How many days the papers of an enrolment round are kept after it is finished.
    pub papers_kept_days: i64,
    /// The demo's own password is good enough in the demo.
    pub is_demo: bool,
    /// False from the moment the process was asked to stop.
    pub serving: std::sync::atomic::AtomicBool,
}

/// Every operation of the server, in the order in which the document lists them.
pub fn operations(api: &mut Api) {
    api.base("/api/v1");
    identity::routes(api);
    me::routes(api);
    notices::routes(api);
    staff::routes(api);
    api_keys::routes(api);
    community::routes(api);
    registry::routes(api);
    repair::routes(api);
    volunteer::routes(api);
    enrolment::routes(api);
    points::routes(api);
    feed::routes(api);
    webhooks::routes(api);
    audit::routes(api);
    files::routes(api);
    meta::routes(api);
    api.base("");
    oauth::routes(api);
    api.base("/open311/v2");
    repair::open311_routes(api);
    api.base("");
    operations::routes(api);
}

/// Wires one worker.
pub fn configure(config: &mut web::ServiceConfig, app: Data<App>) {
    config.app_data(app);
    let mut api = Api::new("", None);
    operations(&mut api);
    mount(config, api);
    openapi::serve_docs(config);
}
