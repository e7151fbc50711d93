//! The audit log 审计日志 over HTTP and on the command line, and how entries come to be written.
//!
//! Nobody has to think of it: what staff and programs do is written down by [`Call::write`](crate::call::Call::write) in the
//! transaction that does it; what is looked at, for operations that say that they show what is protected, before the answer leaves;
//! that a list is taken away whole, before its rows leave; what is refused, beside the answer. A command only adds what a request cannot tell (`Tx::acts_for`, `Tx::tell`).

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use actix_web::HttpRequest;
use jiazai_domain::actor::{Actor, Communities, CommunityId, PrincipalKind, Role};
use jiazai_domain::audit::{self as domain, Anchor, Entry, Outcome as Word, Recorded};
use jiazai_infra::audit::{self as store, Filter};
use jiazai_infra::cache::Policy;
use jiazai_infra::db::{Db, DbError, Tx};
use jiazai_infra::vault::Vault;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Identity;
use crate::call::{Call, Cx, Outcome};
use crate::error::{ApiError, code};
use crate::input::named::{AuditRef, CommunityRef, PrincipalRef};
use crate::input::{Instant, Ref};
use crate::op;
use crate::page::Page;
use crate::reply::Reply;
use crate::route::{Access, Api, Op};
use crate::serve::Failed;

const AUDITORS: &[Role] = &[Role::Auditor];

pub fn routes(api: &mut Api) {
    api.add(op!(list_audit_events, Access::Roles(AUDITORS)).sensitive().refuses(&[code::CURSOR_INVALID]))
        .add(op!(verify_audit_events, Access::Roles(AUDITORS)))
        .add(op!(get_audit_anchor, Access::Roles(AUDITORS)));
}

// How entries come to be written -------------------------------------------------------------------------------------

/// What a request tells about itself.
#[derive(Debug, Clone)]
pub struct Asked {
    action: String,
    subject: Option<String>,
    address: Option<String>,
    request_id: Option<String>,
}

/// Where a request comes from, as the gate has worked it out.
#[derive(Debug, Clone, Copy)]
pub struct CameFrom(pub Option<IpAddr>);

/// The name of a request in the log.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Whether a text has the form of an id. Nothing else of a path is kept: anything may stand there.
fn is_id(text: &str) -> bool {
    text.split_once('_').is_some_and(|(prefix, digits)| {
        (3..=4).contains(&prefix.len())
            && prefix.bytes().all(|b| b.is_ascii_lowercase())
            && digits.len() == 26
            && digits.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

impl Asked {
    pub fn of(op: &Op, request: &HttpRequest) -> Self {
        use actix_web::HttpMessage;
        let extensions = request.extensions();
        Self {
            action: op.id.clone(),
            subject: request.path().split('/').find(|part| is_id(part)).map(str::to_owned),
            address: extensions.get::<CameFrom>().and_then(|from| from.0).map(|ip| ip.to_string()),
            request_id: extensions.get::<RequestId>().map(|id| id.0.clone()),
        }
    }

    fn entry(&self, identity: Option<&Identity>) -> Entry {
        let program_for = identity.and_then(|identity| identity.key.as_ref()).and_then(|key| key.made_by()).map(|id| id.text());
        Entry {
            actor: identity.map(|identity| (identity.actor.id, identity.actor.kind)),
            on_behalf_of: program_for,
            subject: self.subject.clone(),
            address: self.address.clone(),
            request_id: self.request_id.clone(),
            ..Entry::done(&self.action)
        }
    }
}

/// The community that somebody works in, if it is one.
fn home_of(actor: &Actor) -> Option<CommunityId> {
    let mut communities = actor.grants.iter().map(|grant| grant.community);
    let first = communities.next().flatten()?;
    communities.all(|other| other == Some(first)).then_some(first)
}

/// Writes down what a transaction has done, as its last act. Of residents only what they did in another's name: their own
/// affairs are the history of things.
pub fn done(tx: &mut Tx, asked: &Asked, identity: Option<&Identity>, reply: &Reply) -> Result<(), DbError> {
    let told = tx.told().clone();
    let Some(actor) = identity.map(|identity| &identity.actor) else { return Ok(()) };
    if actor.kind == PrincipalKind::Resident && told.on_behalf_of.is_none() {
        return Ok(());
    }
    let mut entry = asked.entry(identity);
    let made = reply.headers.location.as_deref().and_then(|at| at.rsplit('/').next()).filter(|part| is_id(part)).map(str::to_owned);
    let (community, touched) = told.subject.unzip();
    // What was made, else what was named, else what something happened to.
    entry.subject = made.or(entry.subject).or(touched.filter(|id| is_id(id)));
    entry.community = community.or_else(|| home_of(actor));
    entry.on_behalf_of = told.on_behalf_of.or(entry.on_behalf_of);
    if !told.words.is_empty() {
        let words: serde_json::Map<_, _> = told.words.into_iter().map(|(name, word)| (name.to_owned(), word.into())).collect();
        entry.detail = Some(serde_json::Value::Object(words).to_string());
    }
    store::record(tx, entry)
}

/// Writes down that somebody takes a list away as a file, with rows of this community; in the transaction that tells the community.
pub fn exported(tx: &mut Tx, cx: &Cx, community: Option<CommunityId>, form: &str) -> Result<(), DbError> {
    let entry = cx.asked().entry(cx.identity());
    let community = community.or_else(|| cx.identity().and_then(|identity| home_of(&identity.actor)));
    let detail = Some(serde_json::json!({ "form": form }).to_string());
    store::record(tx, Entry { community, detail, ..entry })
}

/// Writes down that somebody who is trusted logged in.
pub fn logged_in(tx: &mut Tx, asked: &Asked, actor: jiazai_domain::actor::PrincipalId) -> Result<(), DbError> {
    let mut entry = asked.entry(None);
    entry.actor = Some((actor, PrincipalKind::Staff));
    entry.subject = Some(actor.text());
    store::record(tx, entry)
}

/// Writes down that somebody looks at what is protected, before they see it.
pub async fn seen(app: &App, op: &Op, request: &HttpRequest, identity: Arc<Identity>) -> Result<(), ApiError> {
    if identity.actor.kind == PrincipalKind::Resident {
        return Ok(());
    }
    let asked = Asked::of(op, request);
    app.db
        .write(move |tx| {
            let entry = asked.entry(Some(&identity));
            let community = entry.subject.is_none().then(|| home_of(&identity.actor)).flatten();
            store::record(tx, Entry { community, ..entry })
        })
        .await?;
    Ok(())
}

/// So many refusals of one caller are written down in a minute: a log is no place to be filled by strangers.
const REFUSALS: &Policy = &Policy { name: "audit", quota: 60, window_s: 60 };

/// Writes down a refusal that matters, beside the answer: of those who are trusted with more than their own affairs, of keys, and
/// of log-ins.
pub fn refused(app: &actix_web::web::Data<App>, op: &Op, request: &HttpRequest, identity: Option<Arc<Identity>>, error: &ApiError) {
    let status = error.code().status;
    let trusted = identity.as_ref().is_some_and(|identity| identity.actor.kind != PrincipalKind::Resident);
    let key = shown_key(request);
    let log_in = matches!(op.id.as_str(), "log_in_staff" | "refresh_session") && matches!(status, 401 | 429);
    if !(log_in || status == 403 && trusted || status == 401 && key.is_some()) {
        return;
    }
    let asked = Asked::of(op, request);
    let mut entry = asked.entry(identity.as_deref());
    (entry.outcome, entry.code) = (Word::Refused, Some(error.code().name.to_owned()));
    if identity.is_none() {
        entry.subject = key.flatten().or(entry.subject);
    }
    let home = identity.as_ref().and_then(|identity| home_of(&identity.actor));
    write_refusal(app.clone(), entry, home);
}

/// Writes down that a key was refused which came in another place than the header: a form, or a query. Nothing else of the request
/// is looked at.
pub fn key_refused(app: &actix_web::web::Data<App>, op: &Op, request: &HttpRequest, key: &str, error: &ApiError) {
    if !matches!(error.code().status, 401 | 403) {
        return;
    }
    let entry = Asked::of(op, request).entry(None);
    let subject = jiazai_domain::api_key::read(key).map(|(id, _)| id.text()).or(entry.subject);
    let code = Some(error.code().name.to_owned());
    write_refusal(app.clone(), Entry { outcome: Word::Refused, code, subject, ..entry }, None);
}

/// Beside the answer, and not more of them than the limit: the caller does not wait for it.
fn write_refusal(app: actix_web::web::Data<App>, entry: Entry, home: Option<CommunityId>) {
    actix_web::rt::spawn(async move {
        let whose = entry.actor.map(|(id, _)| id.text()).or_else(|| entry.address.clone()).unwrap_or_default();
        if !app.cache.hit(REFUSALS, &whose, app.clock.now()).await.allowed {
            app.metrics.job_items.with_label_values(&["audit", "dropped"]).inc();
            return;
        }
        let written = app
            .db
            .write(move |tx| {
                let community = entry.community.or(if entry.subject.is_none() { home } else { None });
                store::record(tx, Entry { community, ..entry.clone() })
            })
            .await;
        if let Err(error) = written {
            tracing::warn!(%error, "a refusal was not written down");
        }
    });
}

/// The id of the API key that was sent, if one was; of a mistyped one nothing is known.
fn shown_key(request: &HttpRequest) -> Option<Option<String>> {
    let value = request.headers().get(actix_web::http::header::AUTHORIZATION)?.to_str().ok()?;
    let token = value.split_once(' ').map_or(value, |(_, token)| token).trim();
    jiazai_domain::api_key::is_meant(token).then(|| jiazai_domain::api_key::read(token).map(|(id, _)| id.text()))
}

/// Seals what waits for it.
pub async fn seal(app: &App, holder: &str) -> Result<usize, DbError> {
    if !app.db.read(store::any_unsealed).await? {
        return Ok(0);
    }
    let vault = app.vault.clone();
    crate::jobs::leased(app, "audit", holder, move |tx| store::seal(tx, &vault, 500)).await
}

// Looking into it ----------------------------------------------------------------------------------------------------

crate::spoken! {
    /// How it ended.
    AuditResult = Word { Done = "done", Refused = "refused" }
}

/// One entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEvent {
    #[schema(inline)]
    pub id: AuditRef,
    #[schema(inline)]
    pub occurred_at: Instant,
    /// The operation's id.
    #[schema(example = "reveal_person")]
    pub action: String,
    pub result: AuditResult,
    /// Why it was refused: a problem code.
    pub code: Option<String>,
    /// Null: the machine itself, or somebody who could not say who they are.
    #[schema(inline)]
    pub actor_id: Option<PrincipalRef>,
    #[schema(example = "staff")]
    pub actor_kind: Option<String>,
    /// Whose delegate acted, or who made the key that did.
    pub on_behalf_of: Option<String>,
    /// The id of what it was done to, or that was looked at.
    #[schema(example = "per_01h455vb4pex5vsknk084sn02q")]
    pub subject_id: Option<String>,
    #[schema(inline)]
    pub community_id: Option<CommunityRef>,
    /// Words beside it, such as the fields that were revealed.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
    /// Where it came from.
    pub address: Option<String>,
    pub request_id: Option<String>,
    /// Its place in the chain; null for some seconds, until it is sealed.
    pub position: Option<i64>,
}

impl From<Recorded> for AuditEvent {
    fn from(recorded: Recorded) -> Self {
        let Recorded { id, entry, occurred_at, position } = recorded;
        let detail = entry.detail.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Self {
            id: Ref(id),
            occurred_at: occurred_at.into(),
            action: entry.action,
            result: entry.outcome.into(),
            code: entry.code,
            actor_id: entry.actor.map(|(id, _)| Ref(id)),
            actor_kind: entry.actor.map(|(_, kind)| kind.as_str().to_owned()),
            on_behalf_of: entry.on_behalf_of,
            subject_id: entry.subject,
            community_id: entry.community.map(Ref),
            detail: detail.unwrap_or_else(|| serde_json::json!({})),
            address: entry.address,
            request_id: entry.request_id,
            position,
        }
    }
}

/// Look into the audit log
///
/// Newest first: what staff and programs did, what they looked at that is protected, what was done in another's name, and what was
/// refused. Who has seen a person: `subject=per_…`; a child: `subject=` its application. An auditor of a community sees its entries.
#[utoipa::path(get, path = "/audit-events", tag = "audit", operation_id = "list_audit_events",
    params(("actor" = Option<String>, Query, description = "An account's id"), ("subject" = Option<String>, Query, description = "Any id"),
        ("action" = Option<String>, Query, description = "An operation's id"), ("result" = Option<AuditResult>, Query),
        ("from" = Option<String>, Query, format = DateTime), ("to" = Option<String>, Query, format = DateTime, description = "Before this instant"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Page<AuditEvent>)))]
async fn list_audit_events(call: Call) -> Outcome {
    let mut params = call.query()?;
    let filter = Filter {
        actor: params.id("actor")?,
        subject: params.text("subject")?,
        action: params.text("action")?,
        outcome: params.word("result", Word::ALL, Word::as_str)?,
        from: params.instant("from")?,
        to: params.instant("to")?,
    };
    call.list(params, move |tx, cx, window| {
        let within: Communities = cx.actor()?.communities_as(AUDITORS);
        let rows = store::list(tx, &within, &filter, window.after.as_deref(), window.fetch())?;
        Ok(window.page(rows, |entry| entry.id.text(), AuditEvent::from))
    })
    .await
}

/// Whether the chain is whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditVerification {
    pub intact: bool,
    /// Entries that were looked at.
    pub checked: i64,
    /// The first place that is not as it was sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub broken_at: Option<i64>,
    /// Entries that are not sealed yet; more than a few means that sealing has stopped.
    pub unsealed: i64,
}

/// Look through the chain
///
/// Of the whole installation. With `position` and `hash`, an anchor that was kept elsewhere is held against it too.
#[utoipa::path(get, path = "/audit-events/verify", tag = "audit", operation_id = "verify_audit_events",
    params(("position" = Option<i64>, Query, minimum = 1), ("hash" = Option<String>, Query, description = "64 hexadecimal digits")),
    responses((status = 200, body = AuditVerification)))]
async fn verify_audit_events(call: Call) -> Outcome {
    let mut params = call.query()?;
    let anchor = match (params.text("position")?, params.text("hash")?) {
        (None, None) => None,
        (position, hash) => {
            let line = format!("{} {}", position.unwrap_or_default(), hash.unwrap_or_default());
            let wrong =
                || ApiError::query("position", "须与 hash 一起给出，hash 为 64 位十六进制", "goes with hash, 64 hexadecimal digits");
            Some(Anchor::parse(&line).ok_or_else(wrong)?)
        }
    };
    params.finish()?;
    let found = store::verify(&call.app.db, &call.app.vault, anchor.into_iter().collect()).await?;
    let (checked, broken_at, unsealed) = (found.checked, found.broken_at, found.unsealed);
    Ok(call.answer(Reply::ok(&AuditVerification { intact: broken_at.is_none(), checked, broken_at, unsealed })?))
}

/// The end of the chain.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditAnchor {
    /// Null while nothing is sealed.
    pub position: Option<i64>,
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub hash: Option<String>,
    #[schema(inline)]
    pub taken_at: Instant,
}

/// The end of the chain now
///
/// Keep it somewhere that nobody who can write to the database can write to: only that tells of a chain that was cut off.
#[utoipa::path(get, path = "/audit-events/anchor", tag = "audit", operation_id = "get_audit_anchor", responses((status = 200, body = AuditAnchor)))]
async fn get_audit_anchor(call: Call) -> Outcome {
    call.query()?.finish()?;
    call.read_brief(|tx, _| {
        let (position, hash) = store::anchor(tx)?.map(|anchor| (anchor.position, anchor.hash)).unzip();
        Reply::ok(&AuditAnchor { position, hash, taken_at: tx.now().into() })
    })
    .await
}

// On the command line ------------------------------------------------------------------------------------------------

/// `jiazai audit anchor`: one line for a file somewhere else.
pub fn print_anchor(db: &Db) -> Result<(), Failed> {
    let found = db.write_blocking(|tx| Ok::<_, DbError>((store::anchor(tx)?, tx.now())))?;
    match found {
        (Some(anchor), now) => println!("{} {} {now}", anchor.position, anchor.hash),
        (None, _) => return Err(Failed("nothing is sealed yet".to_owned())),
    }
    Ok(())
}

/// `jiazai audit verify`: looks through the chain, and holds it against anchors of a file, one a line.
pub fn verify(db: &Db, vault: &Vault, anchors: Option<&Path>) -> Result<(), Failed> {
    let anchors = match anchors {
        None => vec![],
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| Failed(format!("{}: {e}", path.display())))?;
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            let bad = |n: usize| Failed(format!("{}: line {} is no anchor", path.display(), n + 1));
            lines.map(|(n, line)| Anchor::parse(line).ok_or_else(|| bad(n))).collect::<Result<Vec<_>, _>>()?
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(store::verify(db, vault, anchors))?;
    match found.broken_at {
        None => {
            println!("intact: {} entries, {} not sealed yet", found.checked, found.unsealed);
            Ok(())
        }
        Some(position) => Err(Failed(format!("broken at {position}, after {} entries that are whole", found.checked))),
    }
}

/// Entries older than this may be forgotten.
pub fn forget_before(now: jiazai_domain::kernel::time::Timestamp, keep_days: i64) -> jiazai_domain::kernel::time::Timestamp {
    now.plus_seconds(-86_400 * keep_days.max(domain::KEEP_AT_LEAST_DAYS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_of_a_path_are_kept() {
        assert!(is_id("per_01h455vb4pex5vsknk084sn02q"));
        for text in ["people", "per_", "13800138000", "PER_01h455vb4pex5vsknk084sn02q", "per_01h455vb4pex5vsknk084sn02", "a_b"] {
            assert!(!is_id(text), "{text}");
        }
    }

    #[test]
    fn nothing_is_forgotten_within_half_a_year_whatever_is_configured() {
        let now = jiazai_domain::kernel::time::Timestamp::from_millis(1_790_000_000_000);
        assert!(now.millis_since(forget_before(now, 1)) >= 183 * 86_400_000);
    }
}
