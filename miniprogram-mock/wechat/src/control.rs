//! `/_sim/…`: what the phone, the user and bad luck do, asked for by a test or by a person with curl.

use actix_web::HttpResponse;
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::Data;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::console;
use crate::faults::{Fault, MOST_FAULTS};
use crate::gateway::{Query, api_names};
use crate::journal::instant;
use crate::phone::Number;
use crate::push;
use crate::random;
use crate::state::Simulator;
use crate::subscribe::is_openid;

const HELP: &str = include_str!("help.txt");
const LONGEST_DELAY_MS: i64 = 600_000;
/// Ten years at a time are enough for any test, and a slip of the finger does not use up the century.
const LONGEST_ADVANCE_S: u32 = 10 * 366 * 86_400;

/// A control call that makes no sense: the status and a sentence for the person who wrote it.
pub(crate) struct Mistake(StatusCode, String);

pub(crate) fn mistake(message: impl Into<String>) -> Mistake {
    Mistake(StatusCode::BAD_REQUEST, message.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginCode {
    openid: Option<String>,
    appid: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhoneCode {
    openid: String,
    phone: String,
    country_code: Option<Value>,
    appid: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultOrder {
    api: String,
    kind: String,
    value: Option<i64>,
    times: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscription {
    openid: String,
    template_id: String,
    times: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockMove {
    advance_s: u32,
}

pub(crate) fn answer(simulator: &Data<Simulator>, method: &Method, path: &str, query: &str, body: &[u8]) -> HttpResponse {
    let post = *method == Method::POST;
    let get = *method == Method::GET;
    let result = match path {
        "/_sim" | "/_sim/" if get => return HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(HELP),
        "/_sim/login-codes" if post => login_code(simulator, body),
        "/_sim/phone-codes" if post => phone_code(simulator, body),
        "/_sim/subscriptions" if post => subscription(simulator, body),
        "/_sim/faults" if post => fault(simulator, body),
        "/_sim/faults" if *method == Method::DELETE => {
            simulator.state().faults.clear();
            return HttpResponse::NoContent().finish();
        }
        "/_sim/clock" if post => clock(simulator, body),
        "/_sim/visits" if post => console::visit(simulator, body),
        "/_sim/keywords" if post => console::keyword(simulator, body),
        "/_sim/media-verdicts" if post => console::media_verdict(simulator, body),
        "/_sim/push" if post => console::push(simulator, body),
        "/_sim/events" if post => console::happening(simulator, body),
        "/_sim/pushes" if get => Ok(json!({"items": simulator.state().pushes.read()})),
        "/_sim/story" if get => Ok(json!({"items": simulator.state().story.read()})),
        "/_sim/messages" if get => Ok(json!({"items": simulator.state().subscriptions.messages()})),
        "/_sim/requests" if get => requests(simulator, query),
        _ => Err(wrong_address(path)),
    };
    match result {
        // The demo's page plays the phone from another port, and may read the code it is given.
        Ok(value) => HttpResponse::Ok().insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")).json(value),
        Err(Mistake(status, message)) => {
            let mut response = HttpResponse::build(status);
            if status == StatusCode::METHOD_NOT_ALLOWED {
                response.insert_header((header::ALLOW, allowed(path)));
            }
            response.json(json!({"error": message}))
        }
    }
}

fn allowed(path: &str) -> &'static str {
    match path {
        "/_sim/faults" => "POST, DELETE",
        "/_sim/login-codes" | "/_sim/phone-codes" | "/_sim/subscriptions" | "/_sim/clock" => "POST",
        "/_sim/visits" | "/_sim/keywords" | "/_sim/media-verdicts" | "/_sim/push" | "/_sim/push/verify" | "/_sim/events" => "POST",
        "/_sim" | "/_sim/" | "/_sim/messages" | "/_sim/requests" | "/_sim/pushes" | "/_sim/story" => "GET",
        _ => "",
    }
}

fn wrong_address(path: &str) -> Mistake {
    match allowed(path) {
        "" => Mistake(StatusCode::NOT_FOUND, "no such path; GET /_sim/ lists them all".into()),
        methods => Mistake(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {methods}")),
    }
}

/// An empty body counts as `{}`, for the sake of `curl -X POST`.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Mistake> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|fault| mistake(format!("body: {fault}")))
}

pub(crate) fn openid(text: String) -> Result<String, Mistake> {
    if is_openid(&text) { Ok(text) } else { Err(mistake("openid: 1 to 64 letters, digits, - and _")) }
}

/// A code for another mini-program, to see it refused.
fn foreign(simulator: &Simulator, appid: Option<String>) -> Result<Option<String>, Mistake> {
    match appid {
        Some(appid) if appid.is_empty() || appid.len() > 64 => Err(mistake("appid: 1 to 64 characters")),
        appid => Ok(appid.filter(|appid| *appid != simulator.account.appid)),
    }
}

fn login_code(simulator: &Simulator, body: &[u8]) -> Result<Value, Mistake> {
    let asked: LoginCode = read(body)?;
    let openid = asked.openid.map_or_else(|| Ok(random::openid()), openid)?;
    let appid = foreign(simulator, asked.appid)?;
    let code = simulator.state().login.hand_out(openid.clone(), appid, simulator.clock.now_ms());
    Ok(json!({"code": code, "openid": openid}))
}

fn phone_code(simulator: &Simulator, body: &[u8]) -> Result<Value, Mistake> {
    let asked: PhoneCode = read(body)?;
    let openid = openid(asked.openid)?;
    if !(5..=15).contains(&asked.phone.len()) || !asked.phone.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(mistake("phone: 5 to 15 digits without the country prefix, which goes into country_code"));
    }
    let country_code = asked.country_code.unwrap_or_else(|| "86".into());
    let country = country_code.as_str().map_or_else(|| country_code.to_string(), str::to_owned);
    if !(1..=4).contains(&country.len()) || !country.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(mistake("country_code: 1 to 4 digits, as a string (today's form) or a number (the older one)"));
    }
    let appid = foreign(simulator, asked.appid)?;
    let number = Number { openid, pure: asked.phone, country_code };
    let code = simulator.state().phone.hand_out(number, appid, simulator.clock.now_ms());
    Ok(json!({"code": code}))
}

fn subscription(simulator: &Simulator, body: &[u8]) -> Result<Value, Mistake> {
    let asked: Subscription = read(body)?;
    let openid = openid(asked.openid)?;
    let times = asked.times.unwrap_or(1);
    if !(1..=1000).contains(&times) {
        return Err(mistake("times: 1 to 1000"));
    }
    let credits = simulator.state().subscriptions.allow(&openid, &asked.template_id, times);
    let credits = credits.ok_or_else(|| mistake("template_id: this mini-program has no such template"))?;
    Ok(json!({"openid": openid, "template_id": asked.template_id, "credits": credits}))
}

fn fault(simulator: &Simulator, body: &[u8]) -> Result<Value, Mistake> {
    let asked: FaultOrder = read(body)?;
    let api = api_names()
        .find(|name| *name == asked.api)
        .ok_or_else(|| mistake(format!("api: one of {}", api_names().collect::<Vec<_>>().join(", "))))?;
    let kind = match (asked.kind.as_str(), asked.value) {
        ("errcode", Some(errcode)) => Fault::Errcode(errcode),
        ("errcode", None) => return Err(mistake("value: the errcode to answer, such as -1")),
        ("status", Some(status @ 200..=599)) => Fault::Status(u16::try_from(status).map_err(|_| mistake("value: 200 to 599"))?),
        ("status", _) => return Err(mistake("value: the HTTP status to answer, 200 to 599")),
        ("delay", Some(ms @ 0..=LONGEST_DELAY_MS)) => Fault::Delay(ms.unsigned_abs()),
        ("delay", _) => return Err(mistake(format!("value: the delay in milliseconds, 0 to {LONGEST_DELAY_MS}"))),
        ("garbage", _) => Fault::Garbage,
        ("drop", _) => Fault::Drop,
        ("duplicate", _) if api == push::API => Fault::Duplicate,
        _ => return Err(mistake("kind: one of errcode, status, delay, garbage, drop, and of push duplicate")),
    };
    if api == push::API && matches!(kind, Fault::Status(_)) {
        return Err(mistake("kind: what is pushed has no status; one of drop, delay, duplicate, garbage, errcode (of wxa_media_check)"));
    }
    if asked.times == Some(0) {
        return Err(mistake("times: at least 1, or left out to last until DELETE /_sim/faults"));
    }
    let id = simulator.state().faults.plan(api, kind, asked.times);
    let id = id.ok_or_else(|| mistake(format!("there are {MOST_FAULTS} faults already; DELETE /_sim/faults removes them")))?;
    Ok(json!({"id": id}))
}

fn clock(simulator: &Simulator, body: &[u8]) -> Result<Value, Mistake> {
    let asked: ClockMove = read(body)?;
    if asked.advance_s > LONGEST_ADVANCE_S {
        return Err(mistake(format!("advance_s: 0 to {LONGEST_ADVANCE_S} seconds; time does not run backwards")));
    }
    let offset_ms = simulator.clock.advance(asked.advance_s).ok_or_else(|| mistake("advance_s: the clock is a century ahead already"))?;
    Ok(json!({"now": instant(simulator.clock.now_ms()), "offset_ms": offset_ms}))
}

fn requests(simulator: &Simulator, query: &str) -> Result<Value, Mistake> {
    let query = Query::parse(query);
    if let Some((name, _)) = query.pairs().find(|(name, _)| *name != "api") {
        return Err(mistake(format!("unknown parameter {name}; there is only api")));
    }
    // Any name is taken: the log also holds calls to paths that do not exist.
    let api = query.get("api").filter(|api| !api.is_empty());
    Ok(json!({"items": simulator.state().journal.read(api, &simulator.account.secret)}))
}
