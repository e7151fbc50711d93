//! One request in a handler's hands: who calls, what was sent, and the two ways to answer, [`Call::read`] and
//! [`Call::write`].
//!
//! By the time a handler runs, `auth::admit` has settled who calls and whether they may call at all. The handler reads
//! the body with [`Call::body`], which finds all faults at once, and hands a synchronous function to `read` or `write`.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use deserr::Deserr;
use futures_util::StreamExt;
use jiazai_domain::actor::Actor;
use jiazai_domain::kernel::id::{Id, Kind};
use jiazai_infra::db::Tx;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::audit::{self, Asked};
use crate::auth::Identity;
use crate::bulk::{self, Form};
use crate::error::{ApiError, Language, code};
use crate::idempotency::{Flight, Keyed};
use crate::input::{self, Faults};
use crate::page::Params;
use crate::precondition::{Expected, bad_header, none_match};
use crate::reply::Reply;
use crate::route::{ListOp, Op, path_value};
use crate::shown::{Place, Shower};

/// JSON bodies are small; whoever sends more than this sends it as a file or an import.
pub const BODY_LIMIT: usize = 256 * 1024;

/// How long a JSON body may take to arrive.
const BODY_WITHIN: std::time::Duration = std::time::Duration::from_secs(15);

/// What a handler returns.
pub type Outcome = Result<HttpResponse, ApiError>;

/// One admitted request.
pub struct Call {
    pub app: Data<App>,
    pub op: Rc<Op>,
    pub request: HttpRequest,
    identity: Option<Arc<Identity>>,
    body: Bytes,
}

/// What a command needs to know about the request. Cheap to clone into a transaction's closure.
#[derive(Clone)]
pub struct Cx {
    pub app: Arc<App>,
    identity: Option<Arc<Identity>>,
    expected: Expected,
    pub language: Language,
    asked: Asked,
}

impl Cx {
    /// What the request tells the audit log.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Who acts, with the conditions of their key.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// Who acts. Operations open to the public have nobody here.
    pub fn actor(&self) -> Result<&Actor, ApiError> {
        self.identity.as_deref().map(|identity| &identity.actor).ok_or_else(|| ApiError::new(code::UNAUTHENTICATED))
    }

    /// Who acts, where an operation is open to the public as well.
    pub fn perhaps(&self) -> Option<&Actor> {
        self.identity.as_deref().map(|identity| &identity.actor)
    }

    /// Refuses to go on when the caller has said which version they saw and it is not this one.
    pub fn expect_version(&self, version: i64) -> Result<(), ApiError> {
        if self.expected.is(version) { Ok(()) } else { Err(ApiError::new(code::PRECONDITION_FAILED)) }
    }
}

impl Call {
    /// Reads the JSON body; all faults at once.
    pub fn body<T: Deserr<Faults>>(&self) -> Result<T, ApiError> {
        input::read(&self.body)
    }

    /// What stands in the path where its pattern has `{name}`.
    pub fn path_value(&self, name: &str) -> String {
        path_value(&self.request, name)
    }

    /// The fields of a form, in their order; none where the body is something else, or no form that can be read.
    pub fn form(&self) -> Option<Vec<(String, String)>> {
        let kind = content_type(&self.request);
        let is_form = kind.split(';').next().unwrap_or_default().trim() == "application/x-www-form-urlencoded";
        if is_form { serde_urlencoded::from_bytes(&self.body).ok() } else { None }
    }

    /// Goes on as whoever proved themselves in the handler.
    pub fn acting_as(mut self, identity: Arc<Identity>) -> Self {
        self.request.extensions_mut().insert(identity.clone());
        self.identity = Some(identity);
        self
    }

    /// Where the request came from.
    pub fn address(&self) -> Option<std::net::IpAddr> {
        crate::auth::address(&self.app, &self.request)
    }

    /// How the caller reaches this server: what they wrote, or what a trusted proxy says that they wrote.
    pub fn origin(&self) -> String {
        let headers = self.request.headers();
        let proxied = self.request.peer_addr().is_some_and(|peer| self.app.trusted_proxies.contains(&peer.ip()));
        let said =
            |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(|text| text.split(',').next().unwrap_or(text).trim());
        let scheme = said("x-forwarded-proto").filter(|scheme| proxied && *scheme == "https").unwrap_or("http");
        let harmless =
            |host: &&str| !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'));
        let host = said("x-forwarded-host").filter(|_| proxied).or_else(|| said("host")).filter(harmless).unwrap_or("localhost");
        format!("{scheme}://{host}")
    }

    pub fn query(&self) -> Result<Params, ApiError> {
        Params::parse(self.request.query_string())
    }

    /// Who calls. Never missing where the operation's access demands an identity.
    pub fn actor(&self) -> Result<&Actor, ApiError> {
        self.identity().map(|identity| &identity.actor)
    }

    pub fn identity(&self) -> Result<&Arc<Identity>, ApiError> {
        self.identity.as_ref().ok_or_else(|| ApiError::new(code::UNAUTHENTICATED))
    }

    pub fn cx(&self) -> Result<Cx, ApiError> {
        let headers = self.request.headers();
        let expected = Expected::of(headers)?;
        if self.op.conditional && !headers.contains_key(IF_MATCH) {
            return Err(ApiError::new(code::PRECONDITION_REQUIRED));
        }
        let asked = Asked::of(&self.op, &self.request);
        Ok(Cx { app: self.app.clone().into_inner(), identity: self.identity.clone(), expected, language: Language::of(headers), asked })
    }

    /// Answers from a look at the data that takes more than a point read.
    pub async fn read(self, f: impl FnMut(&mut Tx, &Cx) -> Result<Reply, ApiError> + Send + 'static) -> Outcome {
        self.read_as(Box::new(f)).await
    }

    async fn read_as(self, mut f: Act) -> Outcome {
        let cx = self.cx()?;
        let reply = self.app.db.read(move |tx| f(tx, &cx)).await?;
        Ok(self.answer(reply))
    }

    /// Answers from a point read.
    pub async fn read_brief(self, f: impl FnMut(&mut Tx, &Cx) -> Result<Reply, ApiError> + Send + 'static) -> Outcome {
        self.read_brief_as(Box::new(f)).await
    }

    async fn read_brief_as(self, mut f: Act) -> Outcome {
        let cx = self.cx()?;
        let reply = self.app.db.read_brief(move |tx| f(tx, &cx)).await?;
        Ok(self.answer(reply))
    }

    /// Answers a POST that changes nothing. Only a repeat of the answer would have to be stored, for those who ask for that.
    pub async fn ask(self, f: impl FnMut(&mut Tx, &Cx) -> Result<Reply, ApiError> + Send + 'static) -> Outcome {
        if self.request.headers().contains_key("idempotency-key") { self.write(f).await } else { self.read(f).await }
    }

    /// The same for a handful of look-ups by key.
    pub async fn ask_brief(self, f: impl FnMut(&mut Tx, &Cx) -> Result<Reply, ApiError> + Send + 'static) -> Outcome {
        if self.request.headers().contains_key("idempotency-key") { self.write(f).await } else { self.read_brief(f).await }
    }

    /// Answers a list: `f` gets the window that `limit` and `cursor` describe and returns a page. Adds `Link`.
    pub async fn list<T: serde::Serialize + Send + 'static>(
        self,
        params: Params,
        mut f: impl FnMut(&mut Tx, &Cx, crate::page::Window) -> Result<crate::page::Page<T>, ApiError> + Send + 'static,
    ) -> Outcome {
        let turn = move |tx: &mut Tx, cx: &Cx, window: crate::page::Window| {
            let page: Box<dyn bulk::Listed> = Box::new(f(tx, cx, window)?);
            Ok(page)
        };
        self.list_as(params, Box::new(turn)).await
    }

    async fn list_as(self, params: Params, turn: Turn) -> Outcome {
        match self.op.taken_as(self.request.headers()).zip(self.op.list) {
            Some((form, list)) => self.whole_list(params, turn, form, list).await,
            None => self.page_of_list(params, turn).await,
        }
    }

    /// The list as a file, page by page, by the cursors that it makes itself.
    async fn whole_list(self, mut params: Params, mut turn: Turn, form: Form, list: ListOp) -> Outcome {
        let cx = self.cx()?;
        let sheet = bulk::sheet(&self.op, list, form, &cx, &mut params)?;
        let seal = params.whole(&self.op.id, &self.app.vault)?;
        let read = move |tx: &mut Tx, after: Option<&str>| {
            let window = crate::page::Window { limit: bulk::PORTION, after: after.map(str::to_owned), seal: seal.clone() };
            let page = turn(tx, &cx, window)?;
            let next = page.next_cursor().map(|cursor| seal.open(cursor)).transpose()?;
            Ok(bulk::Portion { rows: bulk::Rows::Page(page), next })
        };
        bulk::streamed(self.app.clone(), sheet, Box::new(read)).await
    }

    async fn page_of_list(self, params: Params, mut turn: Turn) -> Outcome {
        let window = params.page(&self.op.id, &self.app.vault)?;
        let here = next_link_base(&self.request);
        let (limit, after, seal) = (window.limit, window.after, window.seal);
        self.read(move |tx, cx| {
            let page = turn(tx, cx, crate::page::Window { limit, after: after.clone(), seal: seal.clone() })?;
            let mut reply = page.reply()?;
            reply.headers.link = page.next_cursor().map(|cursor| format!("<{here}cursor={cursor}>; rel=\"next\""));
            Ok(reply)
        })
        .await
    }

    /// Changes something in one transaction. With an `Idempotency-Key` the answer is stored in that transaction, and a
    /// repeat gets the stored answer.
    pub async fn write(self, f: impl FnMut(&mut Tx, &Cx) -> Result<Reply, ApiError> + Send + 'static) -> Outcome {
        let keyed = self.keyed(&self.body)?;
        self.write_as(keyed, Box::new(f)).await
    }

    /// Like [`Call::write`], for an operation that asked somebody else first: `keyed` comes from [`Call::begin`].
    pub async fn write_keyed(
        self,
        keyed: Option<Keyed>,
        f: impl FnMut(&mut Tx, &Cx) -> Result<Reply, ApiError> + Send + 'static,
    ) -> Outcome {
        self.write_as(keyed, Box::new(f)).await
    }

    async fn write_as(self, keyed: Option<Keyed>, mut f: Act) -> Outcome {
        let cx = self.cx()?;
        let (reply, replayed) = self
            .app
            .db
            .write(move |tx| {
                let Some(keyed) = &keyed else { return Ok((audited(tx, &cx, &mut f)?, false)) };
                if let Some(stored) = keyed.find(tx, &cx.app.vault)? {
                    return Ok((stored, true));
                }
                let reply = audited(tx, &cx, &mut f)?;
                // A refusal that had to leave a trace is decided again, too.
                if reply.status < 400 {
                    keyed.keep(tx, &cx.app.vault, &reply)?;
                }
                Ok::<_, ApiError>((reply, false))
            })
            .await?;
        self.app.jobs.wake();
        Ok(self.answer_replayed(reply, replayed))
    }

    /// For operations that call WeChat or the file store before their transaction: either the stored answer of an
    /// earlier request with this key, or the right to go on alone with it until the [`Flight`] is dropped.
    pub async fn begin(&self, fingerprint: &[u8]) -> Result<Begun, ApiError> {
        let Some(keyed) = self.keyed(fingerprint)? else { return Ok(Begun::Go(None, None)) };
        let flight = self.app.flights.begin(&keyed).ok_or_else(|| ApiError::new(code::IDEMPOTENCY_IN_FLIGHT))?;
        let vault = self.app.vault.clone();
        let look = keyed.clone();
        match self.app.db.read_brief(move |tx| look.find(tx, &vault)).await? {
            Some(stored) => Ok(Begun::Replay(self.answer_replayed(stored, true))),
            None => Ok(Begun::Go(Some(keyed), Some(flight))),
        }
    }

    fn keyed(&self, content: &[u8]) -> Result<Option<Keyed>, ApiError> {
        let Some(value) = self.request.headers().get("idempotency-key").filter(|_| self.op.keyed) else { return Ok(None) };
        let text = value.to_str().map_err(|_| bad_header("Idempotency-Key"))?.trim();
        // The draft standard writes a quoted string; nearly all clients send it bare.
        let key = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        if key.is_empty() || key.len() > 255 || key.chars().any(|c| c.is_control()) {
            return Err(bad_header("Idempotency-Key"));
        }
        let mut hash = Sha256::new();
        hash.update(self.request.path().as_bytes());
        hash.update([0]);
        crate::idempotency::hash_body(&mut hash, content);
        // Keyed, because a body may hold a password, and a plain hash of it could be guessed at with the speed of a hash.
        let fingerprint = self.app.vault.blind_index("idempotency", &jiazai_infra::vault::hex(&hash.finalize()));
        // Of strangers nobody knows whether two are the same, so the same key with another body is somebody else's.
        let stranger = || format!("-{}", jiazai_infra::vault::hex(&fingerprint[..16.min(fingerprint.len())]));
        let owner = self.identity.as_ref().map_or_else(stranger, |identity| identity.actor.id.text());
        Ok(Some(Keyed { owner, operation: self.op.id.clone(), key: key.to_owned(), fingerprint }))
    }

    pub fn raw_body(&self) -> &[u8] {
        &self.body
    }

    pub fn answer(&self, reply: Reply) -> HttpResponse {
        let Some(version) = reply.headers.version else { return reply.into_response() };
        // Noted for those too who do not ask now whether it has changed: they may the next time.
        let same = self.shows_again(&reply, version);
        if let (true, true) = (same, matches!(*self.request.method(), Method::GET | Method::HEAD))
            && let Some(seen) = self.request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok())
            && none_match(seen, version)
        {
            return Reply { status: 304, body: vec![], ..reply }.into_response();
        }
        reply.into_response()
    }

    /// Whether this is what the caller was shown of the thing before. A creation and an action show it as well, under its own path.
    fn shows_again(&self, reply: &Reply, version: i64) -> bool {
        let (method, own) = (self.request.method(), self.request.path());
        let actor = self.identity.as_deref().map(|identity| &identity.actor);
        let device = actor.and_then(|actor| actor.session).map(|session| session.text());
        let by = match (method, &device) {
            (&Method::GET | &Method::HEAD, Some(_)) => Shower::Device,
            (&Method::GET | &Method::HEAD, None) => Shower::Shared,
            _ => Shower::Write,
        };
        let path = match (&reply.headers.location, method) {
            (Some(there), _) => there.as_str(),
            (None, &Method::POST) => own.rsplit_once('/').map_or(own, |(thing, _)| thing),
            (None, _) => own,
        };
        let who = device.or_else(|| actor.map(|actor| actor.id.text())).unwrap_or_default();
        let query = if by == Shower::Write { "" } else { self.request.query_string() };
        self.app.shown.again(Place { who: &who, path, query }, version, &reply.body, by)
    }

    fn answer_replayed(&self, reply: Reply, replayed: bool) -> HttpResponse {
        let mut response = self.answer(reply);
        if replayed {
            response.headers_mut().insert(
                actix_web::http::header::HeaderName::from_static("idempotency-replayed"),
                actix_web::http::header::HeaderValue::from_static("true"),
            );
        }
        response
    }
}

/// Does what a handler wants, and writes down that it was done, in the same transaction.
fn audited(tx: &mut Tx, cx: &Cx, f: &mut Act) -> Result<Reply, ApiError> {
    let reply = f(tx, cx)?;
    if reply.status < 300 {
        audit::done(tx, &cx.asked, cx.identity.as_deref(), &reply)?;
    }
    Ok(reply)
}

/// What a handler does with the data. Boxed, because everything around it would otherwise be compiled once for each operation:
/// that is the larger part of a program with hundreds of them, and an allocation is nothing beside a transaction.
type Act = Box<dyn FnMut(&mut Tx, &Cx) -> Result<Reply, ApiError> + Send>;

/// The same for a page.
type Turn = Box<dyn FnMut(&mut Tx, &Cx, crate::page::Window) -> Result<Box<dyn bulk::Listed>, ApiError> + Send>;

/// What [`Call::begin`] found.
pub enum Begun {
    Replay(HttpResponse),
    Go(Option<Keyed>, Option<Flight>),
}

/// This request's path and filters, ready for another `cursor`.
fn next_link_base(request: &HttpRequest) -> String {
    let kept: Vec<&str> = request.query_string().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=")).collect();
    let filters = kept.join("&");
    format!("{}?{filters}{}", request.path(), if filters.is_empty() { "" } else { "&" })
}

impl FromRequest for Call {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let is_multipart = content_type(&request).starts_with("multipart/");
        // A form's parts are read by the handler, one after the other.
        let payload = if is_multipart { Payload::None } else { payload.take() };
        Box::pin(async move {
            // Whoever sends a byte a second must not hold a request open for ever.
            let late = |_| ApiError::new(code::REQUEST_TIMEOUT);
            let body = tokio::time::timeout(BODY_WITHIN, read_body(&request, payload)).await.map_err(late)??;
            let missing = || {
                tracing::error!("a handler ran outside its route");
                ApiError::new(code::INTERNAL)
            };
            let app = request.app_data::<Data<App>>().ok_or_else(missing)?.clone();
            let op = request.extensions().get::<Rc<Op>>().cloned().ok_or_else(missing)?;
            let identity = request.extensions().get::<Arc<Identity>>().cloned();
            Ok(Self { app, op, request, identity, body })
        })
    }
}

fn content_type(request: &HttpRequest) -> String {
    request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase()
}

async fn read_body(request: &HttpRequest, mut payload: Payload) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::new(code::PAYLOAD_TOO_LARGE);
    let announced = request.headers().get("content-length").and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_LIMIT) && !content_type(request).starts_with("multipart/") {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::new(code::BAD_REQUEST).because("请求正文不完整", "The body ended early"))?;
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    let is_form = request.extensions().get::<Rc<Op>>().is_some_and(|op| op.form);
    if !is_form && !body.is_empty() && matches!(*request.method(), Method::POST | Method::PUT) && !is_json(&content_type(request)) {
        return Err(ApiError::new(code::UNSUPPORTED_MEDIA_TYPE)
            .because("请使用 Content-Type: application/json", "Send Content-Type: application/json"));
    }
    Ok(body.freeze())
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The id in the path. One of another kind, or none at all, names nothing: 404.
pub struct At<K: Kind>(pub Id<K>);

impl<K: Kind> FromRequest for At<K> {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = path_value(request, "id").parse().ok().map(Self);
        std::future::ready(id.ok_or_else(|| ApiError::new(code::NOT_FOUND)))
    }
}
