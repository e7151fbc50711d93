//! The door of api.weixin.qq.com: which API a path means, what happens before it is asked, and how answers leave.
//!
//! The order is fixed: faults on order, then the length check of the outer proxy, then the access token, then the API
//! itself. To add an API, give it a file, a line in [`APIS`], an arm in [`Simulator::ask`], and for its own state a field
//! in `state::State`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};

use crate::content::Media;
use crate::faults::Fault;
use crate::journal::{Entry, shortened, shortened_body};
use crate::push::Event;
use crate::refusal::{BAD_FORMAT, EMPTY_BODY, INVALID_URL, REQUIRE_POST, Refusal};
use crate::state::{Simulator, State};
use crate::{content, control, login, mini_code, phone, push, subscribe, token};

/// No API here takes more.
const MOST_BODY: usize = 1 << 20;

/// A send keeps its receiver occupied this long, so that two sends at the same time overlap here as they would there.
const SEND_TAKES: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Api {
    Jscode2session,
    Token,
    StableToken,
    GetUserPhoneNumber,
    SubscribeSend,
    MsgSecCheck,
    MediaCheckAsync,
    GetWxaCodeUnlimit,
}

const APIS: &[(&str, Api)] = &[
    ("/sns/jscode2session", Api::Jscode2session),
    ("/cgi-bin/token", Api::Token),
    ("/cgi-bin/stable_token", Api::StableToken),
    ("/wxa/business/getuserphonenumber", Api::GetUserPhoneNumber),
    ("/cgi-bin/message/subscribe/send", Api::SubscribeSend),
    ("/wxa/msg_sec_check", Api::MsgSecCheck),
    ("/wxa/media_check_async", Api::MediaCheckAsync),
    ("/wxa/getwxacodeunlimit", Api::GetWxaCodeUnlimit),
];

/// The last segments of all paths, which is how faults and the request log name an API.
pub(crate) fn api_names() -> impl Iterator<Item = &'static str> {
    APIS.iter().map(|(path, _)| last_segment(path)).chain([push::API])
}

fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

impl Api {
    fn at(path: &str) -> Option<Self> {
        APIS.iter().find(|(known, _)| *known == path).map(|(_, api)| *api)
    }

    /// Log-in and the token endpoints prove themselves by the app secret; all others by an access token.
    fn wants_access_token(self) -> bool {
        !matches!(self, Self::Jscode2session | Self::Token | Self::StableToken)
    }

    /// The original labels the JSON of this one API as text, which strict HTTP clients stumble over.
    fn content_type(self) -> &'static str {
        if self == Self::Jscode2session { "text/plain" } else { "application/json; encoding=utf-8" }
    }
}

/// One call as an API sees it.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    pub(crate) query: Query,
    body: &'a [u8],
    pub(crate) now_ms: i64,
}

impl Call<'_> {
    /// # Errors
    /// 44002 nothing there, 47001 not a JSON object
    pub(crate) fn json(&self) -> Result<Map<String, Value>, Refusal> {
        if self.body.is_empty() {
            return Err(EMPTY_BODY);
        }
        serde_json::from_slice(self.body).map_err(|_| BAD_FORMAT)
    }

    /// Whether these bytes stand in the body as it was sent.
    pub(crate) fn body_has(&self, bytes: &[u8]) -> bool {
        self.body.windows(bytes.len()).any(|window| window == bytes)
    }
}

/// The decoded query.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        Self(web::Query::<Vec<(String, String)>>::from_query(text).map(web::Query::into_inner).unwrap_or_default())
    }

    /// The first of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// A call that did what it was asked for.
pub(crate) struct Success {
    json: String,
    /// The answer, where it is no JSON.
    picture: Option<Vec<u8>>,
    errcode: Option<i64>,
    /// Who must not be sent another message until this answer is out.
    occupies: Option<String>,
    after: After,
}

/// What a call sets in motion.
#[derive(Default)]
struct After {
    meaning: Option<String>,
    push: Option<Event>,
    media: Option<Media>,
}

impl Success {
    /// An answer without errcode, as the oldest APIs give.
    pub(crate) fn bare(value: Value) -> Self {
        Self { json: value.to_string(), picture: None, errcode: None, occupies: None, after: After::default() }
    }

    /// An answer that itself says errcode 0.
    pub(crate) fn ok(value: Value) -> Self {
        Self { errcode: Some(0), ..Self::bare(value) }
    }

    /// A PNG, with nothing in the status or beside it that tells it from a refusal.
    pub(crate) fn picture(png: Vec<u8>) -> Self {
        Self { picture: Some(png), ..Self::bare(Value::Null) }
    }

    /// What it would have meant to somebody, in plain words.
    pub(crate) fn meaning(mut self, words: String) -> Self {
        self.after.meaning = Some(words);
        self
    }

    /// The developer's server is told of this afterwards.
    pub(crate) fn pushing(mut self, event: Event) -> Self {
        self.after.push = Some(event);
        self
    }

    /// This is fetched and looked at afterwards.
    pub(crate) fn looking_at(mut self, media: Media) -> Self {
        self.after.media = Some(media);
        self
    }

    pub(crate) fn occupying(self, openid: String) -> Self {
        Self { occupies: Some(openid), ..self }
    }
}

/// What will leave the door, decided under the lock and sent after it.
struct Outcome {
    answer: Answer,
    errcode: Option<i64>,
    occupies: Option<String>,
    wait: Duration,
    after: After,
}

enum Answer {
    Json(&'static str, String),
    Picture(Vec<u8>),
    Empty(StatusCode),
    Html(StatusCode),
    HangUp,
}

impl Outcome {
    fn of(answer: Answer) -> Self {
        Self { answer, errcode: None, occupies: None, wait: Duration::ZERO, after: After::default() }
    }

    fn refused(refusal: &Refusal, api: Api, now_ms: i64) -> Self {
        let json = refusal.to_json(api == Api::Jscode2session, now_ms);
        Self { errcode: Some(refusal.errcode), ..Self::of(Answer::Json(api.content_type(), json)) }
    }
}

impl Answer {
    fn status(&self) -> Option<u16> {
        match self {
            Self::Json(..) | Self::Picture(_) => Some(200),
            Self::Empty(status) | Self::Html(status) => Some(status.as_u16()),
            Self::HangUp => None,
        }
    }

    fn into_response(self) -> HttpResponse {
        match self {
            Self::Json(content_type, json) => HttpResponse::Ok().insert_header((header::CONTENT_TYPE, content_type)).body(json),
            Self::Picture(png) => HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "image/png")).body(png),
            Self::Empty(status) => HttpResponse::new(status),
            Self::Html(status) => HttpResponse::build(status)
                .insert_header((header::CONTENT_TYPE, "text/html"))
                .body(format!("<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>\n")),
            Self::HangUp => HttpResponse::Ok().body(HungUp),
        }
    }
}

/// A body that fails at once. The head is still in the server's buffer then and is thrown away with the connection, so
/// that the client sees not a single byte.
struct HungUp;

impl MessageBody for HungUp {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, io::Error>>> {
        Poll::Ready(Some(Err(io::Error::other(OnOrder))))
    }
}

/// Tells a reader of the server's log that nothing is broken.
#[derive(Debug)]
struct OnOrder;

impl fmt::Display for OnOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the WeChat simulator hung up as ordered by a drop fault")
    }
}

impl std::error::Error for OnOrder {}

/// Every request to the simulator comes through here.
pub(crate) async fn door(request: HttpRequest, payload: web::Payload, simulator: web::Data<Simulator>) -> HttpResponse {
    let body = match payload.to_bytes_limited(MOST_BODY).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return HttpResponse::BadRequest().finish(),
        Err(_) => return HttpResponse::PayloadTooLarge().finish(),
    };
    if request.path() == "/_sim/push/verify" && request.method() == Method::POST {
        return HttpResponse::Ok().json(serde_json::json!({"verified": push::verify(&simulator).await}));
    }
    if request.path() == "/_sim" || request.path().starts_with("/_sim/") {
        return control::answer(&simulator, request.method(), request.path(), request.query_string(), &body);
    }
    let outcome = simulator.serve(&request, &body);
    let After { meaning, push, media } = outcome.after;
    if let Some(meaning) = meaning {
        simulator.tell(&meaning);
    }
    // Beside the answer, which does not wait for it.
    if let Some(event) = push {
        actix_web::rt::spawn(push::deliver(simulator.clone(), event));
    }
    if let Some(media) = media {
        actix_web::rt::spawn(push::look_at(simulator.clone(), media));
    }
    // Freed by a guard and not by a line below, because a client that goes away takes this future with it.
    let _occupied = outcome.occupies.map(|openid| Occupied { simulator, openid });
    if !outcome.wait.is_zero() {
        actix_web::rt::time::sleep(outcome.wait).await;
    }
    outcome.answer.into_response()
}

/// While it lives, its person cannot be sent another message.
struct Occupied {
    simulator: web::Data<Simulator>,
    openid: String,
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.simulator.state().subscriptions.release(&self.openid);
    }
}

impl Simulator {
    fn serve(&self, request: &HttpRequest, body: &[u8]) -> Outcome {
        let now_ms = self.clock.now_ms();
        let mut state = self.state();
        let api = Api::at(request.path());
        let fault = api.and_then(|_| state.faults.strike(last_segment(request.path())));
        let outcome = match api {
            Some(api) => self.decide(&mut state, api, request, body, fault, now_ms),
            None => nowhere(request.path(), now_ms),
        };
        state.journal.record(Entry {
            at_ms: now_ms,
            api: shortened(last_segment(request.path())),
            method: request.method().clone(),
            path: shortened(request.path()),
            query: shortened(request.query_string()),
            body: shortened_body(body),
            status: outcome.answer.status(),
            errcode: outcome.errcode,
            fault: fault.map(Fault::name),
        });
        outcome
    }

    fn decide(&self, state: &mut State, api: Api, request: &HttpRequest, body: &[u8], fault: Option<Fault>, now_ms: i64) -> Outcome {
        let late = match fault {
            None => Duration::ZERO,
            Some(Fault::Delay(ms)) => Duration::from_millis(ms),
            Some(Fault::Errcode(errcode)) => return Outcome::refused(&Refusal::injected(errcode), api, now_ms),
            Some(Fault::Status(status)) => return Outcome::of(page(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY))),
            Some(Fault::Garbage) => return Outcome::of(Answer::Html(StatusCode::OK)),
            Some(Fault::Drop | Fault::Duplicate) => return Outcome::of(Answer::HangUp),
        };
        // The proxy before all POST APIs refuses a body of unannounced length, whatever is in it.
        if request.method() == Method::POST && !request.headers().contains_key(header::CONTENT_LENGTH) {
            return Outcome { wait: late, ..Outcome::of(Answer::Empty(StatusCode::PRECONDITION_FAILED)) };
        }
        let call = Call { method: request.method(), query: Query::parse(request.query_string()), body, now_ms };
        match self.ask(state, api, &call) {
            Ok(success) => Outcome {
                answer: match success.picture {
                    Some(png) => Answer::Picture(png),
                    None => Answer::Json(api.content_type(), success.json),
                },
                after: success.after,
                errcode: success.errcode,
                wait: if success.occupies.is_some() { late + SEND_TAKES } else { late },
                occupies: success.occupies,
            },
            Err(refusal) => Outcome { wait: late, ..Outcome::refused(&refusal, api, now_ms) },
        }
    }

    fn ask(&self, state: &mut State, api: Api, call: &Call<'_>) -> Result<Success, Refusal> {
        if api.wants_access_token() {
            state.tokens.check(call.query.get("access_token"), call.now_ms)?;
            if call.method != Method::POST {
                return Err(REQUIRE_POST);
            }
        }
        match api {
            Api::Jscode2session => login::jscode2session(&self.account, &mut state.login, call),
            Api::Token => token::token(&self.account, &mut state.tokens, call),
            Api::StableToken => token::stable_token(&self.account, &mut state.tokens, call),
            Api::GetUserPhoneNumber => phone::getuserphonenumber(&self.account, &mut state.phone, call),
            Api::SubscribeSend => subscribe::send(&mut state.subscriptions, call),
            Api::MsgSecCheck => content::msg_sec_check(&mut state.content, &mut state.login, call),
            Api::MediaCheckAsync => content::media_check_async(&mut state.content, &mut state.login, call),
            Api::GetWxaCodeUnlimit => mini_code::getwxacodeunlimit(call),
        }
    }
}

/// An error page, where the status allows one. The 412 of the original is empty.
fn page(status: StatusCode) -> Answer {
    match status {
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PRECONDITION_FAILED => {
            Answer::Empty(status)
        }
        _ => Answer::Html(status),
    }
}

fn nowhere(path: &str, now_ms: i64) -> Outcome {
    if ["/cgi-bin/", "/wxa/", "/sns/"].iter().any(|prefix| path.starts_with(prefix)) {
        // Any API that speaks JSON gives the right label.
        Outcome::refused(&INVALID_URL, Api::Token, now_ms)
    } else {
        Outcome::of(Answer::Html(StatusCode::NOT_FOUND))
    }
}
