//! The outermost layer: what every answer has, whoever made it.
//!
//! A request id, a problem document in the caller's language on every refusal (also those that the framework makes), the
//! headers that keep personal data out of caches, one log line, and the metrics. A handler that panics becomes a 500 and
//! the process lives on.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpResponse};
use futures_util::FutureExt;

use crate::app::App;
use crate::audit::RequestId;
use crate::auth::Identity;
use crate::error::{ApiError, Language, code};
use crate::route::Op;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Marks a refusal whose shape an older standard prescribes (OAuth, Open311): it is sent as it is.
pub struct OwnShape;

struct Asked {
    started: Instant,
    id: String,
    language: Language,
    method: Method,
    /// Below `/api`: personal, never to be cached.
    personal: bool,
}

pub async fn polish<B: MessageBody + 'static>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<BoxBody>, Error> {
    let asked = Asked {
        started: Instant::now(),
        id: request_id(request.headers()),
        language: Language::of(request.headers()),
        method: request.method().clone(),
        personal: ["/api/", "/open311/", "/oauth/"].iter().any(|base| request.path().starts_with(base)),
    };
    let app = request.app_data::<Data<App>>().cloned();
    request.extensions_mut().insert(RequestId(asked.id.clone()));
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(response)) => Ok(finish(response.map_into_boxed_body(), &asked, app.as_deref().map(|app| &**app))),
        Ok(Err(error)) => {
            let response = dressed(refusal(&error, error.as_response_error().status_code()), &asked, None);
            Err(InternalError::from_response(error, response).into())
        }
        Err(_) => {
            tracing::error!(request_id = asked.id, method = %asked.method, "a handler panicked");
            // The request has gone with the handler, and with it the pattern of its path; a second hold on it would keep the
            // framework from routing.
            if let Some(app) = app {
                app.metrics.observe(&asked.method, "-", 500, asked.started.elapsed());
            }
            let response = dressed(ApiError::new(code::INTERNAL), &asked, None);
            Err(InternalError::from_response("panic", response).into())
        }
    }
}

fn finish(response: ServiceResponse<BoxBody>, asked: &Asked, app: Option<&App>) -> ServiceResponse<BoxBody> {
    let op = response.request().extensions().get::<Rc<Op>>().cloned();
    let who = response.request().extensions().get::<Arc<Identity>>().map(|identity| identity.actor.id);
    let status = response.status();
    let mut response = if status.is_client_error() || status.is_server_error() {
        let made_here = response.response().extensions().contains::<OwnShape>()
            || response.headers().get(CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"application/problem+json"));
        let error = match response.response().error() {
            Some(error) => Some(refusal(error, status)),
            None if made_here => None,
            None => Some(by_status(status)),
        };
        match error {
            Some(error) => {
                let document = dressed(error, asked, Some(response.headers()));
                response.into_response(document)
            }
            None => response,
        }
    } else {
        response
    };
    adorn(response.headers_mut(), asked);
    if let Some(ending) = op.as_ref().and_then(|op| op.ending) {
        ending.tell(response.headers_mut());
    }
    let pattern = op.as_ref().map_or("-", |op| op.path.as_str());
    let took = asked.started.elapsed();
    if let Some(app) = app {
        app.metrics.observe(&asked.method, pattern, response.status().as_u16(), took);
    }
    // The pattern and not the path, the account's id and not its name: no personal data in logs.
    tracing::info!(
        request_id = asked.id,
        method = %asked.method,
        path = pattern,
        status = response.status().as_u16(),
        us = took.as_micros() as u64,
        principal = who.map(tracing::field::display),
        "request"
    );
    response
}

/// The refusal that an error stands for: our own as it is, the framework's by its status.
fn refusal(error: &Error, status: StatusCode) -> ApiError {
    error.as_error::<ApiError>().cloned().unwrap_or_else(|| by_status(status))
}

fn by_status(status: StatusCode) -> ApiError {
    ApiError::new(match status.as_u16() {
        401 => code::UNAUTHENTICATED,
        403 => code::FORBIDDEN,
        404 => code::NOT_FOUND,
        405 => code::METHOD_NOT_ALLOWED,
        408 => code::REQUEST_TIMEOUT,
        413 => code::PAYLOAD_TOO_LARGE,
        415 => code::UNSUPPORTED_MEDIA_TYPE,
        429 => code::RATE_LIMITED,
        503 => code::BUSY,
        400..=499 => code::BAD_REQUEST,
        _ => code::INTERNAL,
    })
}

/// The problem document, with those headers of the answer that it replaces which tell the caller how to go on.
fn dressed(error: ApiError, asked: &Asked, replaced: Option<&HeaderMap>) -> HttpResponse {
    let mut document = error.render(asked.language, &asked.id);
    let kept = [ALLOW, HeaderName::from_static("ratelimit"), HeaderName::from_static("ratelimit-policy")];
    for name in kept {
        if let Some(value) = replaced.and_then(|headers| headers.get(&name)) {
            document.headers_mut().insert(name, value.clone());
        }
    }
    adorn(document.headers_mut(), asked);
    document
}

fn adorn(headers: &mut HeaderMap, asked: &Asked) {
    if let Ok(id) = HeaderValue::from_str(&asked.id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    if asked.personal {
        if !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        // A page that is meant to be looked at says by itself what it needs.
        if !headers.contains_key(CONTENT_SECURITY_POLICY) {
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
        }
    }
}

/// The caller's own request id if it is harmless in a log, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=64).contains(&given.len()) && given.chars().all(harmless) {
        given.to_owned()
    } else {
        jiazai_infra::vault::hex(&jiazai_infra::vault::random::<16>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_that_could_break_a_log_is_replaced() {
        let given = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(value).expect("a header value"));
            request_id(&headers)
        };
        assert_eq!(given("abc-1.2_3"), "abc-1.2_3");
        for bad in ["", "a b", "a\tb", "é", &"x".repeat(65)] {
            assert_ne!(given(bad), bad);
            assert_eq!(given(bad).len(), 32);
        }
    }
}
